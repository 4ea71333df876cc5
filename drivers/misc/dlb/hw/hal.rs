// SPDX-License-Identifier: GPL-2.0

//! Where DLB 2.0 and 2.5 differ.

use super::io::Io;
use super::regs::chp::*;
use super::regs::lsp::*;
use super::regs::sys::*;
use super::Version;

/// What one device has. The rest is the same on both versions, see [`super::resources`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Directed ports, and directed queues.
    pub dir_ports: u32,
    /// Load-balanced credits; all credits where there is one pool.
    pub ldb_credits: u32,
    /// Directed credits; 0 where there is one pool.
    pub dir_credits: u32,
    /// Whether there is one pool of credits.
    pub combined_credits: bool,
    /// Whether consumer queues have weight limits and in-flight thresholds, and links a
    /// round-robin weight.
    pub cq_weight: bool,
    /// Largest depth threshold of a queue.
    pub depth_threshold: u32,
}

/// One version of the hardware.
pub(super) trait Hal: Sync {
    /// What it has.
    fn limits(&self) -> &'static Limits;
    /// Gives credits to a domain.
    fn set_credits(&self, io: &Io<'_>, domain: u32, ldb: u32, dir: u32);
    /// Sets the address type of an LDB CQ's writes to "untranslated".
    fn reset_ldb_cq_at(&self, io: &Io<'_>, port: u32);
    /// Sets the address type of a DIR CQ's writes to "untranslated".
    fn reset_dir_cq_at(&self, io: &Io<'_>, port: u32);
    /// Clears the weight limit and the in-flight threshold of an LDB CQ.
    fn reset_ldb_cq_limits(&self, io: &Io<'_>, port: u32);
    /// Forgets the write-buffer optimisation state of a DIR CQ.
    fn clear_dir_cq_opt(&self, io: &Io<'_>, port: u32);
    /// Reads the interrupt status of DIR CQs 64 and up, and clears it.
    fn take_dir_cq_status_2(&self, io: &Io<'_>) -> u32;
    /// Arms the interrupts of DIR CQs 64 and up whose bit is set.
    fn arm_dir_cq_2(&self, io: &Io<'_>, bits: u32);
    /// Reads the watchdog time-outs of DIR CQs 64 and up.
    fn dir_watchdog_2(&self, io: &Io<'_>) -> u32;
    /// Clears watchdog time-outs of DIR CQs 64 and up.
    fn clear_dir_watchdog_2(&self, io: &Io<'_>, bits: u32);
    /// Enables watchdogs of DIR CQs 64 and up.
    fn enable_dir_watchdog_2(&self, io: &Io<'_>, bits: u32);
}

/// The implementation for a version.
pub(super) fn hal(version: Version) -> &'static dyn Hal {
    match version {
        Version::V2 => &V2,
        Version::V25 => &V25,
    }
}

impl Version {
    /// What this version has.
    pub fn limits(self) -> &'static Limits {
        hal(self).limits()
    }
}

/// DLB 2.0.
struct V2;

impl Hal for V2 {
    fn limits(&self) -> &'static Limits {
        &Limits {
            dir_ports: 64,
            ldb_credits: 8192,
            dir_credits: 4096,
            combined_credits: false,
            cq_weight: false,
            depth_threshold: 8191,
        }
    }

    fn set_credits(&self, io: &Io<'_>, domain: u32, ldb: u32, dir: u32) {
        io.write(
            CHP_CFG_LDB_VAS_CRD::at(domain),
            CHP_CFG_LDB_VAS_CRD::zeroed().count(ldb),
        );
        io.write(
            CHP_CFG_DIR_VAS_CRD::at(domain),
            CHP_CFG_DIR_VAS_CRD::zeroed().count(dir),
        );
    }

    fn reset_ldb_cq_at(&self, io: &Io<'_>, port: u32) {
        io.reset(SYS_LDB_CQ_AT::at(port));
    }

    fn reset_dir_cq_at(&self, io: &Io<'_>, port: u32) {
        io.reset(SYS_DIR_CQ_AT::at(port));
    }

    fn reset_ldb_cq_limits(&self, _io: &Io<'_>, _port: u32) {}

    fn clear_dir_cq_opt(&self, io: &Io<'_>, port: u32) {
        io.write(SYS_DIR_CQ_OPT_CLR, SYS_DIR_CQ_OPT_CLR::zeroed().cq(port));
    }

    fn take_dir_cq_status_2(&self, _io: &Io<'_>) -> u32 {
        0
    }

    fn arm_dir_cq_2(&self, _io: &Io<'_>, _bits: u32) {}

    fn dir_watchdog_2(&self, _io: &Io<'_>) -> u32 {
        0
    }

    fn clear_dir_watchdog_2(&self, _io: &Io<'_>, _bits: u32) {}

    fn enable_dir_watchdog_2(&self, _io: &Io<'_>, _bits: u32) {}
}

/// DLB 2.5.
struct V25;

impl Hal for V25 {
    fn limits(&self) -> &'static Limits {
        &Limits {
            dir_ports: 96,
            ldb_credits: 16384,
            dir_credits: 0,
            combined_credits: true,
            cq_weight: true,
            depth_threshold: 8191,
        }
    }

    fn set_credits(&self, io: &Io<'_>, domain: u32, ldb: u32, dir: u32) {
        io.write(
            CHP_CFG_VAS_CRD::at(domain),
            CHP_CFG_VAS_CRD::zeroed().count(ldb.saturating_add(dir)),
        );
    }

    fn reset_ldb_cq_at(&self, _io: &Io<'_>, _port: u32) {}

    fn reset_dir_cq_at(&self, _io: &Io<'_>, _port: u32) {}

    fn reset_ldb_cq_limits(&self, io: &Io<'_>, port: u32) {
        io.reset(LSP_CFG_CQ_LDB_WU_LIMIT::at(port));
        io.reset(LSP_CQ_LDB_INFL_THRESH::at(port));
    }

    fn clear_dir_cq_opt(&self, io: &Io<'_>, port: u32) {
        io.write(
            SYS_WB_DIR_CQ_STATE::at(port),
            SYS_WB_DIR_CQ_STATE::zeroed().cq_opt_clr(1),
        );
    }

    fn take_dir_cq_status_2(&self, io: &Io<'_>) -> u32 {
        io.take(SYS_DIR_CQ_95_64_OCC_INT_STS)
    }

    fn arm_dir_cq_2(&self, io: &Io<'_>, bits: u32) {
        io.write(
            CHP_DIR_CQ_INTR_ARMED2,
            CHP_DIR_CQ_INTR_ARMED2::zeroed().armed(bits),
        );
    }

    fn dir_watchdog_2(&self, io: &Io<'_>) -> u32 {
        io.read(CHP_CFG_DIR_WDTO_2).wdto()
    }

    fn clear_dir_watchdog_2(&self, io: &Io<'_>, bits: u32) {
        io.write(CHP_CFG_DIR_WDTO_2, CHP_CFG_DIR_WDTO_2::zeroed().wdto(bits));
    }

    fn enable_dir_watchdog_2(&self, io: &Io<'_>, bits: u32) {
        io.write(
            CHP_CFG_DIR_WD_DISABLE2,
            CHP_CFG_DIR_WD_DISABLE2::zeroed().wd_disable(bits),
        );
    }
}
