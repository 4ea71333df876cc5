// SPDX-License-Identifier: GPL-2.0
//! DP: directed queues and their CQs. DIR queue n can only go to DIR CQ n.

use crate::counters::{inc, Sched};
use crate::qe::{depth_code, Bins};
use crate::regs::{Reg, Reg::*};
use crate::rng::pick_bin;
use crate::sys::{set_high, set_low};
use crate::tab::Tab;
use crate::{Device, Host, Version};

#[derive(Clone, Default)]
struct Pair {
    qes: Bins,
    tokens: u32,
    enqueued: u64,
    scheduled: u64,
    max_depth: u32,
}

/// State of DP, with the counters that LSP keeps for directed queues.
pub(crate) struct Dp {
    pair: Tab<Pair, 128>,
    /// Pairs for which something may have become possible.
    dirty: u128,
}

impl Dp {
    pub fn new() -> Self {
        Self {
            pair: Tab::new(Pair::default()),
            dirty: 0,
        }
    }

    pub fn has_work(&self) -> bool {
        self.dirty != 0
    }

    /// QEs in a directed queue.
    pub fn len(&self, d: usize) -> u32 {
        self.pair[d].qes.len().into()
    }

    pub fn tokens(&self, d: usize) -> u32 {
        self.pair[d].tokens
    }

    fn mark(&mut self, d: usize) {
        self.dirty |= 1 << (d & 127);
    }

    pub fn lsp_read(&self, reg: Reg, x: usize) -> u32 {
        let p = &self.pair[x];
        match reg {
            LSP_CQ_DIR_TKN_CNT => p.tokens,
            LSP_CQ_DIR_TOT_SCH_CNTL => p.scheduled as u32,
            LSP_CQ_DIR_TOT_SCH_CNTH => (p.scheduled >> 32) as u32,
            LSP_QID_DIR_TOT_ENQ_CNTL => p.enqueued as u32,
            LSP_QID_DIR_TOT_ENQ_CNTH => (p.enqueued >> 32) as u32,
            LSP_QID_DIR_MAX_DEPTH => p.max_depth,
            _ => 0,
        }
    }
}

impl Device {
    pub(crate) fn dp_enqueue(&mut self, d: usize, id: u16) {
        let p = &mut self.dp.pair[d];
        p.qes.push(&mut self.store, id);
        p.enqueued = p.enqueued.wrapping_add(1);
        p.max_depth = p.max_depth.max(p.qes.len().into());
        self.dp.mark(d);
    }

    pub(crate) fn dp_return_tokens(&mut self, d: usize, n: u32) -> bool {
        let p = &mut self.dp.pair[d];
        if n > p.tokens {
            return false;
        }
        p.tokens -= n;
        self.dp.mark(d);
        true
    }

    fn dp_limit(&self, d: usize) -> u32 {
        let v = self.regs.get(LSP_CQ_DIR_TKN_DEPTH_SEL_DSI, d);
        if self.version == Version::V2_0 && v & 0x20 != 0 {
            return u32::MAX;
        }
        4 << (v & 15)
    }

    /// Schedule everything that can go to DIR CQs.
    pub(crate) fn dp_run(&mut self, host: &mut dyn Host) {
        while self.dp.dirty != 0 {
            let d = self.dp.dirty.trailing_zeros() as usize;
            self.dp.dirty &= self.dp.dirty - 1;
            while self.dp_schedule(d, host) {}
        }
    }

    fn dp_schedule(&mut self, d: usize, host: &mut dyn Host) -> bool {
        let p = &self.dp.pair[d];
        let mask = p.qes.mask();
        if mask == 0 || self.regs.get(LSP_CQ_DIR_DSBL, d) & 1 != 0 || p.tokens >= self.dp_limit(d) {
            return false;
        }
        let depth = self.dp.len(d);
        let weights = self.regs.get(DP_CFG_ARB_WEIGHTS_TQPRI_DIR_0, 0);
        let bin = pick_bin(mask, weights, &mut self.rng);
        let p = &mut self.dp.pair[d];
        let Some(id) = p.qes.pop(&self.store, bin) else {
            return false;
        };
        let max = if self.version == Version::V2_0 {
            0x1fff
        } else {
            0x7ff
        };
        p.tokens = (p.tokens + 1).min(max);
        p.scheduled = p.scheduled.wrapping_add(1);
        self.lsp.dir_scheduled = self.lsp.dir_scheduled.wrapping_add(1);
        let qe = *self.store.get(id);
        self.store.release(id);
        self.return_credit(true, d);
        inc(&mut self.ctr.scheduled, Sched::Directed as usize);
        let threshold = self.regs.get(LSP_QID_DIR_DEPTH_THRSH, d);
        self.egress(false, d, &qe, depth_code(depth, threshold), host);
        self.chp_delivered(false, d, host);
        true
    }

    /// LSP registers of directed queues and CQs.
    pub(crate) fn dp_lsp_write(&mut self, reg: Reg, x: usize, val: u32) {
        let masked = val & reg.info().mask(self.version);
        let p = &mut self.dp.pair[x];
        match reg {
            LSP_CQ_DIR_TKN_CNT => p.tokens = masked,
            LSP_CQ_DIR_TOT_SCH_CNTL => set_low(&mut p.scheduled, val),
            LSP_CQ_DIR_TOT_SCH_CNTH => set_high(&mut p.scheduled, val),
            LSP_QID_DIR_TOT_ENQ_CNTL => set_low(&mut p.enqueued, val),
            LSP_QID_DIR_TOT_ENQ_CNTH => set_high(&mut p.enqueued, val),
            LSP_QID_DIR_MAX_DEPTH => p.max_depth = masked,
            _ => self.regs.set(reg, x, val),
        }
        self.dp.mark(x);
    }

    /// What the snapshot says about DP.
    pub(crate) fn dp_snapshot(&self, o: &mut String) {
        use core::fmt::Write;
        for (d, p) in self.dp.pair.iter().enumerate() {
            if p.qes.is_empty() && p.tokens == 0 && p.scheduled == 0 {
                continue;
            }
            let _ = writeln!(
                o,
                "dp: dir {d}{} queued {} tokens {} scheduled {}",
                if self.regs.get(LSP_CQ_DIR_DSBL, d) & 1 != 0 {
                    " disabled"
                } else {
                    ""
                },
                p.qes.len(),
                p.tokens,
                p.scheduled
            );
        }
    }
}
