// SPDX-License-Identifier: GPL-2.0

//! Power-up, readiness, initialisation after a reset, and the settings of the whole device.
//!
//! Settings are kept here so that they survive a function-level reset and can be changed while
//! the device sleeps: a setter takes the hardware as an option, and [`Pf::init_device`] applies
//! them. It applies those that are the defaults of the hardware, too: a device that slept without
//! a reset still has what was set before.

use super::error::Error;
use super::error::Feature;
use super::error::InUse;
use super::error::Param;
use super::error::Result;
use super::error::Wait;
use super::hcw::Hcw;
use super::io::Csr;
use super::io::Io;
use super::irq::Budget;
use super::irq::Storm;
use super::regs::aqed::*;
use super::regs::atm::*;
use super::regs::chp::*;
use super::regs::cm::*;
use super::regs::dp::*;
use super::regs::lsp::*;
use super::regs::nalb::*;
use super::regs::ro::*;
use super::regs::sys::*;
use super::regs::Register;
use super::resources::*;
use super::Port;
use super::Version;

/// How often readiness is looked at, and how long to wait in between: two seconds in all. At
/// least one second must be allowed.
const READY_POLLS: u32 = 2000;
const READY_POLL_US: u32 = 1000;

/// `CM_CFG_PM_STATUS.pmsm` of a device that is on.
const PMSM_ON: u32 = 1;

/// Scheduling decisions per second: code 3 is 200 million, as fast as the device should go.
const SCH_RATE_LIMIT: u32 = 3;

/// When a CQ whose consumer does not react is reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Watchdog {
    /// After about 10 seconds.
    #[default]
    S10 = 0,
    /// Never.
    Off,
    /// After about 1 second.
    S1,
    /// After about 40 seconds.
    S40,
}

impl Watchdog {
    /// The threshold and the sample interval: the time is the number of ports * threshold *
    /// (interval + 1) / 100 MHz.
    const fn timing(self) -> Option<(u32, u32)> {
        match self {
            Self::Off => None,
            Self::S1 => Some((24, 0xffff)),
            Self::S10 => Some((30, 0x7ffff)),
            Self::S40 => Some((30, 0x1f_ffff)),
        }
    }
}

/// How often each port is measured, and with how many lines.
const PROBE_ROUNDS: u32 = 8;
const PROBE_LINES: u32 = 32;

/// What an arbiter chooses among.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arbiter {
    /// The elements of a queue.
    Elements,
    /// The links of a port.
    Links,
}

/// How often an arbiter prefers what has a low priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Preference {
    /// As the hardware does by default.
    Hardware,
    /// In so many of a hundred decisions.
    Percent(u8),
    /// By these weights of the four priority bins, see [`Preference::weights`].
    Weights([u8; 4]),
}

impl Preference {
    /// The weights of the four priority bins, unless they are the hardware's own.
    ///
    /// Weights are thresholds of an 8-bit random number: a bin is preferred when the number lies
    /// above the weight of the bin before it. The eight levels of the calculation are four bins in
    /// hardware.
    pub fn weights(self) -> Option<[u8; 4]> {
        match self {
            Self::Hardware => None,
            Self::Weights(weights) => Some(weights),
            Self::Percent(percent) => {
                let step = match u32::from(percent.min(100)) * 32 / 100 {
                    0 if percent != 0 => 1,
                    step => step,
                };
                // CAST: From 255 - 6 * 32 to 255.
                Some([6u32, 4, 2, 0].map(|n| 255u32.saturating_sub(n.saturating_mul(step)) as u8))
            }
        }
    }
}

/// Settings of the whole device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Watchdog of consumer queues.
    pub watchdog: Watchdog,
    /// One entry per 64-byte line in all consumer queues.
    pub sparse_cq: bool,
    /// Ingress errors raise alarms.
    pub ingress_alarms: bool,
    /// How often an element of low priority is preferred.
    pub element_preference: Preference,
    /// How often a link of low priority is preferred.
    pub link_preference: Preference,
    /// DLB 2.5: n + 1 schedules in a row from one link of a port.
    pub wrr_weight: u8,
    /// Bandwidth reserved for each class of service, in percent.
    pub cos_bandwidth: [u8; NUM_COS],
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            watchdog: Watchdog::S10,
            sparse_cq: true,
            ingress_alarms: true,
            element_preference: Preference::Percent(1),
            link_preference: Preference::Percent(0),
            wrr_weight: 0,
            cos_bandwidth: [25; NUM_COS],
        }
    }
}

impl Pf {
    /// Switches the core of the device on. This must come before every other access.
    pub fn power_on(csr: &dyn Csr, version: Version) {
        let io = Io::new(csr, version);
        io.update(CM_CFG_PM_PMCSR_DISABLE, |r| r.disable(0));
    }

    /// Waits until the device is ready, for two seconds at most.
    ///
    /// # Errors
    ///
    /// - [`Error::Gone`] if the device does not answer.
    /// - [`Error::Timeout`] if it does not become ready.
    pub fn wait_ready(csr: &dyn Csr, version: Version) -> Result {
        let io = Io::new(csr, version);
        let mut gone = false;
        for _ in 0..READY_POLLS {
            let pm = io.read(CM_CFG_PM_STATUS);
            let idle = io.read(CM_CFG_DIAGNOSTIC_IDLE_STATUS);
            gone = pm.bits() == u32::MAX && idle.bits() == u32::MAX;
            if !gone && pm.pmsm() == PMSM_ON && idle.dlb_func_idle() == 1 {
                return Ok(());
            }
            csr.delay_us(READY_POLL_US);
        }
        Err(match gone {
            true => Error::Gone,
            false => Error::Timeout(Wait::Ready),
        })
    }

    /// Initialises the device after a reset, or after it slept, and applies all settings.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if the device does not answer.
    pub fn init_device(&mut self, csr: &dyn Csr) -> Result {
        let io = Io::new(csr, self.version);
        self.apply_ingress_alarms(&io);
        // All CQs share vector 1. The register is written whole.
        io.write(SYS_MSIX_MODE, SYS_MSIX_MODE::zeroed().mode(1));
        self.apply_watchdog(&io);
        self.apply_cq_layout(&io);
        self.apply_element_weights(&io);
        self.apply_link_weights(&io);
        io.update(SYS_WRITE_BUFFER_CTL, |r| r.sch_rate_limit(SCH_RATE_LIMIT));
        if self.limits().cq_weight {
            self.apply_wrr_weight(&io);
        }
        self.apply_cos_bandwidth(&io);
        self.apply_sn_modes(&io);
        if self.num_vfs != 0 {
            self.finish_vf_resets(&io);
        }
        io.flush()
    }

    /// Forgets every domain without touching the hardware, which a reset has made blank. What was
    /// assigned to VFs stays theirs, and settings stay.
    pub fn forget(&mut self) {
        self.broken = false;
        for d in 0..num(MAX_DOMAINS) {
            self.release_domain(d);
        }
        for group in &mut self.sn_groups {
            group.used = 0;
        }
        // All VFs have their BARs back.
        for vf in &mut self.vfs {
            vf.cut_off = false;
            vf.storm = Storm::default();
            vf.ingress = Budget::default();
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sequence numbers per queue of a group.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such group.
    pub fn sequence_numbers(&self, group: u32) -> Result<u32> {
        self.sn_group(group).map(|group| group.per_queue())
    }

    /// Sequence-number slots of a group that queues own.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such group.
    pub fn sequence_numbers_in_use(&self, group: u32) -> Result<u32> {
        self.sn_group(group).map(|group| group.used.count_ones())
    }

    fn sn_group(&self, group: u32) -> Result<&SnGroup> {
        self.sn_groups.get(group as usize).ok_or(Error::Invalid {
            what: Param::SnGroup,
            value: group.into(),
        })
    }

    /// Sets how many sequence numbers each ordered queue of a group has.
    ///
    /// # Errors
    ///
    /// - [`Error::Invalid`] unless the number is 64, 128, 256, 512 or 1024.
    /// - [`Error::Busy`] while a domain or a VF has slots of the group.
    pub fn set_sequence_numbers(
        &mut self,
        csr: Option<&dyn Csr>,
        group: u32,
        per_queue: u32,
    ) -> Result {
        let mode = match per_queue {
            64 => 0,
            128 => 1,
            256 => 2,
            512 => 3,
            1024 => 4,
            _ => {
                return Err(Error::Invalid {
                    what: Param::SequenceNumbers,
                    value: per_queue.into(),
                })
            }
        };
        if self.sn_group(group)?.mode == mode {
            return Ok(());
        }
        let index = group as usize;
        let taken = |slots: &[u8; NUM_SN_GROUPS]| slots.get(index).is_some_and(|n| *n != 0);
        if self
            .domains
            .iter()
            .any(|d| d.configured && taken(&d.sn_slots))
            || self.vfs.iter().any(|vf| taken(&vf.sn_slots))
        {
            return Err(Error::Busy(InUse::SnGroup));
        }
        if let Some(group) = self.sn_groups.get_mut(index) {
            group.mode = mode;
        }
        if let Some(csr) = csr {
            let io = Io::new(csr, self.version);
            self.apply_sn_modes(&io);
            io.flush()?;
        }
        Ok(())
    }

    fn apply_sn_modes(&self, io: &Io<'_>) {
        let [group0, group1] = &self.sn_groups;
        io.write(
            RO_GRP_SN_MODE,
            RO_GRP_SN_MODE::zeroed()
                .sn_mode_0(group0.mode.into())
                .sn_mode_1(group1.mode.into()),
        );
    }

    /// Reserves a share of the scheduler for the ports of a class of service.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such class or the shares would exceed 100 percent.
    pub fn set_cos_bandwidth(&mut self, csr: Option<&dyn Csr>, cos: u32, percent: u32) -> Result {
        let mut shares = self.settings.cos_bandwidth;
        let share = shares.get_mut(cos as usize).ok_or(Error::Invalid {
            what: Param::Cos,
            value: cos.into(),
        })?;
        let invalid = Error::Invalid {
            what: Param::CosBandwidth,
            value: percent.into(),
        };
        *share = u8::try_from(percent).map_err(|_| invalid)?;
        if shares
            .iter()
            .fold(0u32, |sum, n| sum.saturating_add((*n).into()))
            > 100
        {
            return Err(invalid);
        }
        self.settings.cos_bandwidth = shares;
        if let Some(csr) = csr {
            let io = Io::new(csr, self.version);
            self.apply_cos_bandwidth(&io);
            io.flush()?;
        }
        Ok(())
    }

    fn apply_cos_bandwidth(&self, io: &Io<'_>) {
        for (cos, percent) in (0..NUM_COS as u32).zip(self.settings.cos_bandwidth) {
            let range = u32::from(percent) * 256 / 100;
            io.update(LSP_CFG_SHDW_RANGE_COS::at(cos), |r| r.bw_range(range));
        }
        io.write(LSP_CFG_SHDW_CTRL, LSP_CFG_SHDW_CTRL::zeroed().transfer(1));
    }

    /// Sets when a CQ whose consumer does not react is reported.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if the device does not answer.
    pub fn set_watchdog(&mut self, csr: Option<&dyn Csr>, watchdog: Watchdog) -> Result {
        self.settings.watchdog = watchdog;
        let Some(csr) = csr else {
            return Ok(());
        };
        let io = Io::new(csr, self.version);
        self.apply_watchdog(&io);
        let on = watchdog != Watchdog::Off;
        for (p, port) in (0..MAX_LDB_PORTS as u32).zip(&self.ldb_ports) {
            if port.configured && port.interrupt {
                self.set_ldb_watchdog(&io, p, on);
            }
        }
        for (p, pair) in (0..MAX_DIR_PORTS as u32).zip(self.dir_pairs()) {
            if pair.port && pair.interrupt {
                self.set_dir_watchdog(&io, p, on);
            }
        }
        io.flush()
    }

    fn apply_watchdog(&self, io: &Io<'_>) {
        let Some((threshold, interval)) = self.settings.watchdog.timing() else {
            // Off after a reset; nothing samples without the enable bits of the CQs either.
            return;
        };
        io.write(
            CHP_CFG_DIR_WD_THRESHOLD,
            CHP_CFG_DIR_WD_THRESHOLD::zeroed().wd_threshold(threshold),
        );
        io.write(
            CHP_CFG_LDB_WD_THRESHOLD,
            CHP_CFG_LDB_WD_THRESHOLD::zeroed().wd_threshold(threshold),
        );
        io.write(
            CHP_CFG_DIR_WD_ENB_INTERVAL,
            CHP_CFG_DIR_WD_ENB_INTERVAL::zeroed()
                .sample_interval(interval)
                .enb(1),
        );
        io.write(
            CHP_CFG_LDB_WD_ENB_INTERVAL,
            CHP_CFG_LDB_WD_ENB_INTERVAL::zeroed()
                .sample_interval(interval)
                .enb(1),
        );
    }

    /// Switches the watchdog of an LDB CQ.
    pub(super) fn set_ldb_watchdog(&self, io: &Io<'_>, p: u32, on: bool) {
        io.write(
            CHP_LDB_CQ_WD_ENB::at(p),
            CHP_LDB_CQ_WD_ENB::zeroed().wd_enable(on.into()),
        );
        if on {
            let bit = 1u32 << (p & 31);
            match p >> 5 {
                0 => io.write(
                    CHP_CFG_LDB_WD_DISABLE0,
                    CHP_CFG_LDB_WD_DISABLE0::zeroed().wd_disable(bit),
                ),
                _ => io.write(
                    CHP_CFG_LDB_WD_DISABLE1,
                    CHP_CFG_LDB_WD_DISABLE1::zeroed().wd_disable(bit),
                ),
            }
        }
    }

    /// Switches the watchdog of a DIR CQ.
    pub(super) fn set_dir_watchdog(&self, io: &Io<'_>, p: u32, on: bool) {
        io.write(
            CHP_DIR_CQ_WD_ENB::at(p),
            CHP_DIR_CQ_WD_ENB::zeroed().wd_enable(on.into()),
        );
        if on {
            let bit = 1u32 << (p & 31);
            match p >> 5 {
                0 => io.write(
                    CHP_CFG_DIR_WD_DISABLE0,
                    CHP_CFG_DIR_WD_DISABLE0::zeroed().wd_disable(bit),
                ),
                1 => io.write(
                    CHP_CFG_DIR_WD_DISABLE1,
                    CHP_CFG_DIR_WD_DISABLE1::zeroed().wd_disable(bit),
                ),
                _ => self.hal().enable_dir_watchdog_2(io, bit),
            }
        }
    }

    /// Chooses between one entry per 64-byte line and four.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] while there are domains: their consumer queues have one layout already. Also
    /// while the driver of a VF is registered, which asks for the layout once.
    pub fn set_cq_layout(&mut self, csr: Option<&dyn Csr>, sparse: bool) -> Result {
        if self.settings.sparse_cq == sparse {
            return Ok(());
        }
        if self.domains.iter().any(|d| d.configured) {
            return Err(Error::Busy(InUse::Domains));
        }
        self.check_vfs_idle()?;
        self.settings.sparse_cq = sparse;
        if let Some(csr) = csr {
            let io = Io::new(csr, self.version);
            self.apply_cq_layout(&io);
            io.flush()?;
        }
        Ok(())
    }

    fn apply_cq_layout(&self, io: &Io<'_>) {
        let sparse = self.settings.sparse_cq.into();
        io.update(CHP_CFG_CHP_CSR_CTRL, |r| {
            r.cfg_64bytes_qe_ldb_cq_mode(sparse)
                .cfg_64bytes_qe_dir_cq_mode(sparse)
        });
    }

    /// How often an arbiter prefers what has a low priority.
    pub fn preference(&self, arbiter: Arbiter) -> Preference {
        match arbiter {
            Arbiter::Elements => self.settings.element_preference,
            Arbiter::Links => self.settings.link_preference,
        }
    }

    /// Sets how often an arbiter prefers what has a low priority.
    ///
    /// # Errors
    ///
    /// - [`Error::Invalid`] for more than a hundred percent, and for weights of which one is less
    ///   than the one before it: no random number lies between the two, so that a bin would never
    ///   be preferred, and which others are then is not known.
    /// - [`Error::Gone`] if the device does not answer.
    pub fn set_preference(
        &mut self,
        csr: Option<&dyn Csr>,
        arbiter: Arbiter,
        preference: Preference,
    ) -> Result {
        match preference {
            Preference::Percent(percent @ 101..) => {
                return Err(Error::Invalid {
                    what: Param::StarvationAvoidance,
                    value: percent.into(),
                })
            }
            Preference::Weights(weights) if !weights.is_sorted() => {
                return Err(Error::Invalid {
                    what: Param::ArbiterWeights,
                    value: u32::from_le_bytes(weights).into(),
                })
            }
            _ => {}
        }
        match arbiter {
            Arbiter::Elements => self.settings.element_preference = preference,
            Arbiter::Links => self.settings.link_preference = preference,
        }
        let Some(csr) = csr else {
            return Ok(());
        };
        let io = Io::new(csr, self.version);
        match arbiter {
            Arbiter::Elements => self.apply_element_weights(&io),
            Arbiter::Links => self.apply_link_weights(&io),
        }
        io.flush()
    }

    fn apply_element_weights(&self, io: &Io<'_>) {
        let weights = self.settings.element_preference.weights();
        macro_rules! bins {
            ($reg:ident, $f0:ident, $f1:ident, $f2:ident, $f3:ident) => {
                match weights.map(|w| w.map(u32::from)) {
                    None => io.reset($reg),
                    Some([w0, w1, w2, w3]) => {
                        io.write($reg, $reg::zeroed().$f0(w0).$f1(w1).$f2(w2).$f3(w3))
                    }
                }
            };
        }
        bins!(ATM_CFG_ARB_WEIGHTS_RDY_BIN, bin0, bin1, bin2, bin3);
        bins!(NALB_CFG_ARB_WEIGHTS_TQPRI_NALB_0, pri0, pri1, pri2, pri3);
        bins!(NALB_CFG_ARB_WEIGHTS_TQPRI_REPLAY_0, pri0, pri1, pri2, pri3);
        bins!(DP_CFG_ARB_WEIGHTS_TQPRI_REPLAY_0, pri0, pri1, pri2, pri3);
        bins!(DP_CFG_ARB_WEIGHTS_TQPRI_DIR_0, pri0, pri1, pri2, pri3);
        bins!(NALB_CFG_ARB_WEIGHTS_TQPRI_ATQ_0, pri0, pri1, pri2, pri3);
        bins!(ATM_CFG_ARB_WEIGHTS_SCHED_BIN, bin0, bin1, bin2, bin3);
        bins!(AQED_CFG_ARB_WEIGHTS_TQPRI_ATM_0, pri0, pri1, pri2, pri3);
    }

    fn apply_link_weights(&self, io: &Io<'_>) {
        let Some(weights) = self.settings.link_preference.weights() else {
            io.reset(LSP_CFG_ARB_WEIGHT_LDB_QID_0);
            io.reset(LSP_CFG_ARB_WEIGHT_ATM_NALB_QID_0);
            return;
        };
        let [w0, w1, w2, w3] = weights.map(u32::from);
        io.write(
            LSP_CFG_ARB_WEIGHT_LDB_QID_0,
            LSP_CFG_ARB_WEIGHT_LDB_QID_0::zeroed()
                .pri0_weight(w0)
                .pri1_weight(w1)
                .pri2_weight(w2)
                .pri3_weight(w3),
        );
        io.write(
            LSP_CFG_ARB_WEIGHT_ATM_NALB_QID_0,
            LSP_CFG_ARB_WEIGHT_ATM_NALB_QID_0::zeroed()
                .pri0_weight(w0)
                .pri1_weight(w1)
                .pri2_weight(w2)
                .pri3_weight(w3),
        );
    }

    /// Sets how many schedules in a row, less one, a port takes from one link.
    ///
    /// # Errors
    ///
    /// - [`Error::Unsupported`] on DLB 2.0, where the bits are reserved.
    /// - [`Error::Invalid`] above 7.
    pub fn set_wrr_weight(&mut self, csr: Option<&dyn Csr>, weight: u32) -> Result {
        if !self.limits().cq_weight {
            return Err(Error::Unsupported(Feature::WrrWeight));
        }
        self.settings.wrr_weight = match u8::try_from(weight) {
            Ok(weight @ 0..=7) => weight,
            _ => {
                return Err(Error::Invalid {
                    what: Param::WrrWeight,
                    value: weight.into(),
                })
            }
        };
        if let Some(csr) = csr {
            let io = Io::new(csr, self.version);
            self.apply_wrr_weight(&io);
            io.flush()?;
        }
        Ok(())
    }

    fn apply_wrr_weight(&self, io: &Io<'_>) {
        let weight = self.settings.wrr_weight.into();
        io.update(LSP_CFG_LSP_CSR_CONTROL, |r| r.ldb_wrr_count_base(weight));
    }

    /// Measures how long the processor that this runs on takes to store a line to each directed
    /// port, by a clock in nanoseconds. What is found decides which ports producers get.
    ///
    /// Nothing is configured meanwhile, so that the device drops what it is sent. The shortest of
    /// several times counts: whatever else the processor did only makes them longer.
    ///
    /// # Errors
    ///
    /// - [`Error::Busy`] while there is a domain.
    /// - [`Error::Gone`] if the device does not answer.
    pub fn measure_dir_ports(&mut self, csr: &dyn Csr, clock_ns: &dyn Fn() -> u64) -> Result {
        if self.domains.iter().any(|d| d.configured) {
            return Err(Error::Busy(InUse::Domains));
        }
        let io = Io::new(csr, self.version);
        let alarms = core::mem::replace(&mut self.settings.ingress_alarms, false);
        self.apply_ingress_alarms(&io);
        let result = self.time_dir_ports(&io, clock_ns);
        // What the device has noted of it would be told as somebody's error later.
        io.write(
            SYS_ALARM_PF_SYND0,
            SYS_ALARM_PF_SYND0::zeroed().valid(1).more(1),
        );
        self.settings.ingress_alarms = alarms;
        self.apply_ingress_alarms(&io);
        result.and(io.flush())
    }

    fn time_dir_ports(&mut self, io: &Io<'_>, clock_ns: &dyn Fn() -> u64) -> Result {
        // A line of nothing but zeros may be stored as nothing.
        let first = Hcw {
            data: 1,
            ..Hcw::NOOP
        };
        let line = [first, Hcw::NOOP, Hcw::NOOP, Hcw::NOOP];
        let mut costs = [0; MAX_DIR_PORTS];
        for (port, cost) in (0..num(self.dir_pairs().len())).zip(&mut costs) {
            let mut best = u64::MAX;
            for _ in 0..PROBE_ROUNDS {
                io.flush()?;
                let start = clock_ns();
                for _ in 0..PROBE_LINES {
                    io.csr().pp_line(Port::Dir(port), &line);
                }
                // Stores are done when a read that follows them is.
                io.flush()?;
                best = best.min(clock_ns().wrapping_sub(start));
            }
            // 0 would mean that nothing is known.
            *cost = u32::try_from(best / u64::from(PROBE_LINES))
                .unwrap_or(u32::MAX)
                .max(1);
        }
        self.dir_costs = costs;
        Ok(())
    }

    /// Forgets what was measured: all ports are alike.
    pub fn forget_dir_costs(&mut self) {
        self.dir_costs = [0; MAX_DIR_PORTS];
    }

    /// Nanoseconds that a line takes to each directed port; 0 if that was not measured.
    pub fn dir_costs(&self) -> &[u32] {
        let ports = self.dir_pairs().len();
        self.dir_costs.get(..ports).unwrap_or(&[])
    }

    /// Switches the alarms of ingress errors. A storm of them switches them off.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if the device does not answer.
    pub fn set_ingress_alarms(&mut self, csr: Option<&dyn Csr>, on: bool) -> Result {
        self.settings.ingress_alarms = on;
        let Some(csr) = csr else {
            return Ok(());
        };
        let io = Io::new(csr, self.version);
        self.apply_ingress_alarms(&io);
        io.flush()
    }

    pub(super) fn apply_ingress_alarms(&self, io: &Io<'_>) {
        let on = self.settings.ingress_alarms.into();
        io.update(SYS_INGRESS_ALARM_ENBL, |r| {
            r.illegal_hcw(on)
                .illegal_pp(on)
                .illegal_pasid(on)
                .illegal_qid(on)
                .disabled_qid(on)
                .illegal_ldb_qid_cfg(on)
        });
    }
}
