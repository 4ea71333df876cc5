// SPDX-License-Identifier: GPL-2.0
//! NALB: the first stage of load-balanced queues, non-atomic (NALB) and atomic (ATQ).

use crate::qe::{Bins, ATOMIC};
use crate::regs::Reg::NALB_CFG_ARB_WEIGHTS_TQPRI_NALB_0;
use crate::rng::pick_bin;
use crate::tab::Tab;
use crate::Device;

/// The queues of NALB.
pub(crate) struct Nalb {
    nalb: Tab<Bins, 32>,
    atq: Tab<Bins, 32>,
}

impl Nalb {
    pub fn new() -> Self {
        Self {
            nalb: Tab::new(Bins::default()),
            atq: Tab::new(Bins::default()),
        }
    }

    pub fn nalb_len(&self, q: usize) -> u32 {
        self.nalb[q].len().into()
    }

    pub fn atq_len(&self, q: usize) -> u32 {
        self.atq[q].len().into()
    }

    pub fn atq(&self, q: usize) -> &Bins {
        &self.atq[q]
    }

    pub fn atq_mut(&mut self, q: usize) -> &mut Bins {
        &mut self.atq[q]
    }
}

impl Device {
    /// A QE enters its destination queue.
    pub(crate) fn enqueue(&mut self, id: u16) {
        let qe = self.store.get(id);
        let q = usize::from(qe.qid);
        if qe.is_directed() {
            return self.dp_enqueue(q, id);
        }
        let q = q & 31;
        if qe.hcw.sched_type() == ATOMIC {
            self.nalb.atq[q].push(&mut self.store, id);
            self.lsp_enqueued(q, true);
            self.aqed.mark(q);
        } else {
            self.nalb.nalb[q].push(&mut self.store, id);
            self.lsp_enqueued(q, false);
            self.lsp.nalb_event(q);
            self.nalb_changed(q);
        }
    }

    /// The next non-atomic QE of a queue.
    pub(crate) fn nalb_pop(&mut self, q: usize) -> Option<u16> {
        let mask = self.nalb.nalb[q].mask();
        if mask == 0 {
            return None;
        }
        let weights = self.regs.get(NALB_CFG_ARB_WEIGHTS_TQPRI_NALB_0, 0);
        let bin = pick_bin(mask, weights, &mut self.rng);
        self.nalb.nalb[q].pop(&self.store, bin)
    }

    /// Decide again whether a queue has a non-atomic QE that could go to a CQ. A queue with
    /// sequence numbers needs a free one for that.
    pub(crate) fn nalb_changed(&mut self, q: usize) {
        let bit = 1u32 << (q & 31);
        if !self.nalb.nalb[q].is_empty() && (!self.has_sns(q) || self.sn_is_free(q)) {
            self.lsp.nalb_work |= bit;
        } else {
            self.lsp.nalb_work &= !bit;
        }
    }
}
