// SPDX-License-Identifier: GPL-2.0
//! Configurations that make no sense. Hardware takes them without a word and misbehaves later; here
//! they are counted and logged when they are put in force, so that tests of drivers can see them.

use crate::counters::Topic;
use crate::regs::{Reg, Reg::*};
use crate::{Device, Host, Level};
use core::fmt;

impl Device {
    fn warn(&mut self, what: fmt::Arguments<'_>, host: &mut dyn Host) {
        self.ctr.config_warnings = self.ctr.config_warnings.wrapping_add(1);
        if self.limit.allow(Topic::Config).is_some() {
            host.log(Level::Warn, what);
        }
    }

    /// First and last history-list entry of an LDB CQ.
    fn history_list(&self, p: usize) -> (u32, u32) {
        (
            self.regs.get(CHP_HIST_LIST_BASE, p),
            self.regs.get(CHP_HIST_LIST_LIM, p),
        )
    }

    /// An LDB CQ is being enabled.
    pub(crate) fn check_ldb_cq(&mut self, p: usize, host: &mut dyn Host) {
        let (base, limit) = self.history_list(p);
        if base > limit || limit >= 2048 {
            self.warn(
                format_args!("LDB CQ {p}: history list {base}..{limit}"),
                host,
            );
        } else if self.regs.get(LSP_CQ_LDB_INFL_LIM, p) > limit - base + 1 {
            self.warn(
                format_args!("LDB CQ {p}: inflight limit above its history list"),
                host,
            );
        }
        let overlaps = |&o: &usize| {
            let (b, l) = self.history_list(o);
            o != p && self.regs.get(LSP_CQ_LDB_DSBL, o) == 0 && b <= limit && base <= l
        };
        if let Some(o) = (0..64).find(overlaps) {
            self.warn(
                format_args!("LDB CQs {p} and {o} share history-list entries"),
                host,
            );
        }
        let chp = self.regs.get(CHP_LDB_CQ_TKN_DEPTH_SEL, p);
        if chp != self.regs.get(LSP_CQ_LDB_TKN_DEPTH_SEL, p) & 15 || !(1..=8).contains(&chp) {
            self.warn(
                format_args!("LDB CQ {p}: CHP and LSP disagree on its depth"),
                host,
            );
        }
        if self.regs.get(SYS_LDB_CQ_ADDR_L, p) | self.regs.get(SYS_LDB_CQ_ADDR_U, p) == 0 {
            self.warn(format_args!("LDB CQ {p}: enabled without an address"), host);
        }
    }

    /// A DIR CQ is being enabled.
    pub(crate) fn check_dir_cq(&mut self, d: usize, host: &mut dyn Host) {
        let chp = self.regs.get(CHP_DIR_CQ_TKN_DEPTH_SEL, d);
        if chp != self.regs.get(LSP_CQ_DIR_TKN_DEPTH_SEL_DSI, d) & 15 || !(1..=8).contains(&chp) {
            self.warn(
                format_args!("DIR CQ {d}: CHP and LSP disagree on its depth"),
                host,
            );
        }
        if self.regs.get(SYS_DIR_CQ_ADDR_L, d) | self.regs.get(SYS_DIR_CQ_ADDR_U, d) == 0 {
            self.warn(format_args!("DIR CQ {d}: enabled without an address"), host);
        }
    }

    /// The slots of an LDB CQ change, which they must not while it is enabled.
    pub(crate) fn check_remap(&mut self, p: usize, host: &mut dyn Host) {
        if self.regs.get(LSP_CQ_LDB_DSBL, p) == 0 {
            self.warn(
                format_args!("LDB CQ {p}: links change while it is enabled"),
                host,
            );
        }
    }

    /// One word of a table is about to change.
    pub(crate) fn check_table(&mut self, reg: Reg, x: usize, val: u32, host: &mut dyn Host) {
        let changes = self.regs.get(reg, x) ^ val;
        for (byte, p) in ((x & 15) * 4..).take(4).enumerate() {
            if changes >> (8 * byte) & 0xff != 0 {
                self.check_remap(p, host);
            }
        }
    }

    /// A queue becomes an ordered one.
    pub(crate) fn check_ordered(&mut self, q: usize, host: &mut dyn Host) {
        let map = self.regs.get(CHP_ORD_QID_SN_MAP, q);
        let (mode, slot, group) = (map & 7, map >> 3 & 15, map >> 8 & 1);
        if self.regs.get(RO_GRP_SN_MODE, 0) >> (8 * group) & 7 != mode {
            self.warn(
                format_args!("LDB queue {q}: mode {mode} is not that of its group"),
                host,
            );
        }
        if mode > 4 || slot >= 16 >> mode {
            self.warn(
                format_args!("LDB queue {q}: no slot {slot} in mode {mode}"),
                host,
            );
        }
        let shares = |&o: &usize| {
            o != q && self.has_sns(o) && self.regs.get(CHP_ORD_QID_SN_MAP, o) & 0x1f8 == map & 0x1f8
        };
        if let Some(o) = (0..32).find(shares) {
            self.warn(
                format_args!("LDB queues {q} and {o} share sequence numbers"),
                host,
            );
        }
    }
}
