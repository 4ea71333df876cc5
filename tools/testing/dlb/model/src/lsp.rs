// SPDX-License-Identifier: GPL-2.0
//! LSP: the scheduler. Which CQ gets which queue's next QE.
//!
//! Nothing here searches what is idle. Three kinds of bitmaps say what could be scheduled: CQs that
//! can take a QE, queues that have one, and which CQs each queue is mapped to. Events mark the
//! queues and CQs for which something may have become possible; [`Device::run`] works on the marks
//! until none is left. Its invariant at rest: no CQ that could take a QE is mapped to a queue that
//! could give it one.
//!
//! The device finds the CQs of a queue in the QID2CQIDIX tables and keeps, per CQ slot, cached bits
//! "has work" and "inflight count below limit" that only events update. A slot that is mapped while
//! its queue has work therefore does not see that work until the next enqueue, or until software
//! sets the bits through `LSP_LDB_SCHED_CTRL`; that is modelled here by masks of *stale* CQs.

use crate::chp::{hl_type, HlEntry, HL_ATOMIC, HL_ORDERED, HL_UNORDERED};
use crate::counters::{inc, Sched};
use crate::qe::{depth_code, Qe};
use crate::regs::{Reg, Reg::*};
use crate::rng::pick_bin;
use crate::sys::{set_high, set_low};
use crate::tab::{bits, next_from, Tab};
use crate::{Device, Host, Version};

/// Classes of service; CQ p belongs to class p / 16.
const CLASSES: usize = 4;

/// What LSP keeps per LDB CQ.
#[derive(Clone, Default)]
struct Cq {
    tokens: u32,
    inflights: u32,
    /// Sum of the weights of the outstanding QEs (2.5).
    load: u32,
    /// Held back until the inflights have dropped to the threshold (2.5).
    held: bool,
    scheduled: u64,
    /// Valid slots; their queues; valid slots by service-priority bin.
    valid: u8,
    qid: [u8; 8],
    bin: [u8; 4],
    /// Slot served last per bin, and how often in a row.
    last: [u8; 4],
    streak: u8,
}

/// Which CQs may take QEs of one kind from a queue.
#[derive(Clone, Copy, Default)]
struct Reach {
    /// CQs that are mapped to the queue, in all tables that matter.
    mapped: u64,
    /// Mapped CQs that have not been told of the queue's work.
    stale: u64,
}

impl Reach {
    fn open(&self) -> u64 {
        self.mapped & !self.stale
    }
}

/// What LSP keeps per LDB queue.
#[derive(Clone, Default)]
struct Queue {
    inflights: u32,
    nalb: Reach,
    atm: Reach,
    /// CQs whose inflight status software cleared.
    if_blocked: u64,
    /// CQs that hold flows with waiting QEs.
    slist: u64,
    /// Atomic or non-atomic next, when both have work.
    turn: bool,
    /// Round robin over the CQs, and over the classes, when only this queue is at stake.
    last: [u8; CLASSES],
    share: [i32; CLASSES],
    nalb_enqueued: u64,
    atm_enqueued: u64,
    max_depth: u32,
}

/// State of LSP.
pub(crate) struct Lsp {
    cq: Tab<Cq, 64>,
    q: Tab<Queue, 32>,
    /// CQs that can take a QE.
    cq_ok: u64,
    /// Queues below their inflight limit.
    q_ok: u32,
    /// Queues with a non-atomic QE, and with an unlocked flow that has a QE.
    pub nalb_work: u32,
    pub rlist_work: u32,
    /// Queues that some CQ is stale for.
    special: u32,
    /// Per CQ, its queues by kind.
    cq_nalb: Tab<u32, 64>,
    cq_atm: Tab<u32, 64>,
    cq_slist: Tab<u32, 64>,
    /// Where something may have become possible.
    dirty_q: u32,
    dirty_cq: u64,
    /// Active copy of `LSP_CFG_SHDW_RANGE_COS`.
    range: [u32; CLASSES],
    last: [u8; CLASSES],
    share: [i32; CLASSES],
    ldb_scheduled: u64,
    pub dir_scheduled: u64,
    inflights: u32,
    perf: [u64; 7],
}

const PERF_NO_WORK: usize = 0;
const PERF_NO_SPACE: usize = 1;
const PERF_SCHEDULED: usize = 2;
const PERF_INFLIGHT: usize = 4;

impl Lsp {
    pub fn new() -> Self {
        Self {
            cq: Tab::new(Cq::default()),
            q: Tab::new(Queue::default()),
            cq_ok: 0,
            q_ok: 0,
            nalb_work: 0,
            rlist_work: 0,
            special: 0,
            cq_nalb: Tab::new(0),
            cq_atm: Tab::new(0),
            cq_slist: Tab::new(0),
            dirty_q: 0,
            dirty_cq: 0,
            range: [0x40; CLASSES],
            last: [0; CLASSES],
            share: [0; CLASSES],
            ldb_scheduled: 0,
            dir_scheduled: 0,
            inflights: 0,
            perf: [0; 7],
        }
    }

    pub fn cq_inflights(&self, p: usize) -> u32 {
        self.cq[p].inflights
    }

    pub fn cq_tokens(&self, p: usize) -> u32 {
        self.cq[p].tokens
    }

    pub fn queue_inflights(&self, q: usize) -> u32 {
        self.q[q].inflights
    }

    pub fn inflights(&self) -> u32 {
        self.inflights
    }

    pub fn mark_queue(&mut self, q: usize) {
        self.dirty_q |= 1 << (q & 31);
    }

    /// An enqueue event: the CQs of the queue learn of its work.
    pub fn nalb_event(&mut self, q: usize) {
        let queue = &mut self.q[q];
        if queue.nalb.stale != 0 {
            queue.nalb.stale = 0;
            self.update_special(q);
        }
        self.mark_queue(q);
    }

    /// A flow became ready.
    pub fn rlist_event(&mut self, q: usize) {
        let queue = &mut self.q[q];
        if queue.atm.stale != 0 {
            queue.atm.stale = 0;
            self.update_special(q);
        }
        self.mark_queue(q);
    }

    /// Flows of queue `q` locked to CQ `p` have (no more) QEs.
    pub fn set_slist(&mut self, p: usize, q: usize, work: bool) {
        let (pb, qb) = (1u64 << (p & 63), 1u32 << (q & 31));
        if work {
            self.q[q].slist |= pb;
            self.cq_slist[p] |= qb;
            self.dirty_cq |= pb;
        } else {
            self.q[q].slist &= !pb;
            self.cq_slist[p] &= !qb;
        }
    }

    fn update_special(&mut self, q: usize) {
        let queue = &self.q[q];
        let bit = 1u32 << (q & 31);
        if queue.nalb.stale | queue.atm.stale | queue.if_blocked != 0 {
            self.special |= bit;
        } else {
            self.special &= !bit;
        }
    }

    /// Queues that CQ `p` could get a QE from: non-atomic, ready flow, own flow.
    fn queues_of(&self, p: usize) -> (u32, u32, u32) {
        let mut n = self.cq_nalb[p] & self.nalb_work & self.q_ok;
        let mut r = self.cq_atm[p] & self.rlist_work & self.q_ok;
        let mut s = self.cq_atm[p] & self.cq_slist[p] & self.q_ok;
        for q in bits(((n | r | s) & self.special).into()) {
            let (queue, qb, pb) = (&self.q[q], 1u32 << q, 1u64 << (p & 63));
            if queue.if_blocked & pb != 0 {
                n &= !qb;
                r &= !qb;
                s &= !qb;
            }
            if queue.nalb.stale & pb != 0 {
                n &= !qb;
            }
            if queue.atm.stale & pb != 0 {
                r &= !qb;
            }
        }
        (n, r, s)
    }

    /// CQs that could get a QE from queue `q`.
    fn cqs_of(&self, q: usize) -> u64 {
        let bit = 1u32 << (q & 31);
        if self.q_ok & bit == 0 {
            return 0;
        }
        let queue = &self.q[q];
        let mut m = queue.slist & queue.atm.mapped;
        if self.nalb_work & bit != 0 {
            m |= queue.nalb.open();
        }
        if self.rlist_work & bit != 0 {
            m |= queue.atm.open();
        }
        m & self.cq_ok & !queue.if_blocked
    }
}

/// Smooth weighted round robin over the classes in `present`: reserved shares, and what is not
/// reserved by a class in it is divided equally.
fn pick_class(present: u8, range: &[u32; CLASSES], share: &mut [i32; CLASSES]) -> usize {
    if present & present.wrapping_sub(1) == 0 {
        return present.trailing_zeros() as usize & 3;
    }
    let here = |c: usize| present >> c & 1 != 0;
    // NO_EXTRA_CREDIT
    let extra = |c: usize| range[c & 3] >> 31 == 0;
    let reserved: i32 = (0..CLASSES)
        .filter(|&c| here(c))
        .map(|c| (range[c & 3] & 0x1ff) as i32)
        .sum();
    let free = (256 - reserved).max(0);
    let takers = (0..CLASSES).filter(|&c| here(c) && extra(c)).count() as i32;
    let (mut best, mut best_share, mut total) =
        (present.trailing_zeros() as usize & 3, i32::MIN, 0);
    for c in (0..CLASSES).filter(|&c| here(c)) {
        let mut w = (range[c & 3] & 0x1ff) as i32 * 4;
        if extra(c) {
            w += free * 4 / takers.max(1);
        }
        total += w;
        let s = &mut share[c & 3];
        *s = s.saturating_add(w);
        if *s > best_share {
            (best, best_share) = (c, *s);
        }
    }
    let s = &mut share[best & 3];
    *s = s.saturating_sub(total);
    best
}

impl Device {
    /// Schedule until nothing more can be scheduled.
    pub(crate) fn run(&mut self, host: &mut dyn Host) {
        loop {
            if self.aqed.has_moves() {
                self.aqed_moves();
            }
            if self.dp.has_work() {
                self.dp_run(host);
            }
            if !self.lsp_step(host) && !self.aqed.has_moves() && !self.dp.has_work() {
                break;
            }
        }
    }

    /// Schedule one QE to an LDB CQ, if that is possible.
    fn lsp_step(&mut self, host: &mut dyn Host) -> bool {
        let l = &mut self.lsp;
        if l.dirty_q == 0 && l.dirty_cq == 0 {
            return false;
        }
        let (mut eligible, mut only) = (0u64, None);
        let mut queues = l.dirty_q;
        while queues != 0 {
            let q = queues.trailing_zeros() as usize;
            queues &= queues - 1;
            let m = l.cqs_of(q);
            if m == 0 {
                l.dirty_q &= !(1 << q);
            } else {
                only = if eligible == 0 { Some(q) } else { None };
                eligible |= m;
            }
        }
        l.dirty_cq &= l.cq_ok;
        let mut cqs = l.dirty_cq;
        while cqs != 0 {
            let p = cqs.trailing_zeros() as usize;
            cqs &= cqs - 1;
            let (n, r, s) = l.queues_of(p);
            if n | r | s == 0 {
                l.dirty_cq &= !(1 << p);
            } else {
                eligible |= 1 << p;
                only = None;
            }
        }
        if eligible == 0 {
            if self.perf_on() {
                self.perf_idle();
            }
            return false;
        }
        let p = self.pick_cq(eligible, only);
        self.schedule(p, host);
        true
    }

    /// Choose among CQs: class of service by bandwidth, round robin within the class. The turns are
    /// kept per queue if only one queue is at stake, so that each queue's QEs spread over its CQs.
    fn pick_cq(&mut self, eligible: u64, only: Option<usize>) -> usize {
        if eligible & (eligible - 1) == 0 {
            return eligible.trailing_zeros() as usize;
        }
        let mut present = 0u8;
        for c in 0..CLASSES {
            if eligible >> (c * 16) & 0xffff != 0 {
                present |= 1 << c;
            }
        }
        let l = &mut self.lsp;
        let (share, last) = match only {
            Some(q) => {
                let queue = &mut l.q[q];
                (&mut queue.share, &mut queue.last)
            }
            None => (&mut l.share, &mut l.last),
        };
        let class = pick_class(present, &l.range, share);
        let of_class = eligible & 0xffff << (class * 16);
        let turn = &mut last[class & 3];
        let p = next_from(of_class, u32::from(*turn));
        *turn = (p as u8).wrapping_add(1) & 63;
        p as usize
    }

    /// Choose the slot of CQ `p`, then its QE, and deliver it.
    fn schedule(&mut self, p: usize, host: &mut dyn Host) {
        let (n, r, s) = self.lsp.queues_of(p);
        let any = n | r | s;
        let c = &self.lsp.cq[p];
        let (mut slots, mut bins) = (0u8, 0u8);
        for i in bits(c.valid.into()) {
            if any >> (c.qid[i & 7] & 31) & 1 != 0 {
                slots |= 1 << i;
            }
        }
        if slots == 0 {
            // The tables disagree; nothing can come of this CQ.
            self.lsp.dirty_cq &= !(1 << (p & 63));
            return;
        }
        for (b, m) in c.bin.iter().enumerate() {
            if m & slots != 0 {
                bins |= 1 << b;
            }
        }
        let slot = if slots & (slots - 1) == 0 {
            slots.trailing_zeros() as usize
        } else {
            let weights = self.regs.get(LSP_CFG_ARB_WEIGHT_LDB_QID_0, 0);
            let bin = pick_bin(bins, weights, &mut self.rng);
            self.pick_slot(p, bin, slots)
        };
        let q = usize::from(self.lsp.cq[p].qid[slot & 7] & 31);
        let bit = 1u32 << q;
        let atomic = match (n & bit != 0, (r | s) & bit != 0) {
            (true, true) => {
                let queue = &mut self.lsp.q[q];
                queue.turn = !queue.turn;
                queue.turn
            }
            (_, a) => a,
        };
        if atomic {
            self.schedule_atomic(p, slot, q, r & bit != 0, s & bit != 0, host);
        } else {
            self.schedule_nalb(p, slot, q, host);
        }
    }

    /// Round robin over the slots of one priority bin, several QEs in a row if so configured.
    fn pick_slot(&mut self, p: usize, bin: usize, slots: u8) -> usize {
        let base = match self.version {
            Version::V2_5 => (self.regs.get(LSP_CFG_LSP_CSR_CONTROL, 0) >> 28 & 7) as u8,
            Version::V2_0 => 0,
        };
        let c = &mut self.lsp.cq[p];
        let m = c.bin[bin & 3] & slots;
        let last = &mut c.last[bin & 3];
        if m >> *last & 1 != 0 && c.streak < base {
            c.streak += 1;
        } else {
            c.streak = 0;
            *last = next_from(m.into(), (u32::from(*last) + 1) & 7) as u8 & 7;
        }
        usize::from(*last)
    }

    fn schedule_nalb(&mut self, p: usize, slot: usize, q: usize, host: &mut dyn Host) {
        let depth = self.nalb.nalb_len(q);
        if self.has_sns(q) && !self.sn_is_free(q) {
            // Another queue was given the same sequence numbers by mistake.
            return self.nalb_changed(q);
        }
        let Some(id) = self.nalb_pop(q) else {
            // Work bits and queue agree always; this keeps the loop finite if they should not.
            self.lsp.nalb_work &= !(1 << (q & 31));
            return;
        };
        let qe = *self.store.get(id);
        self.store.release(id);
        let mut e = self.hl_entry(&qe, slot, q);
        e.qtype = hl_type(qe.hcw.sched_type(), self.has_sns(q));
        let kind = if e.qtype == HL_ORDERED {
            self.assign_sn(p, q, &mut e);
            Sched::Ordered
        } else {
            Sched::Unordered
        };
        self.nalb_changed(q);
        let threshold = self.regs.get(LSP_QID_NALDB_DEPTH_THRSH, q);
        self.deliver(p, q, &qe, e, depth_code(depth, threshold), kind, host);
    }

    fn schedule_atomic(
        &mut self,
        p: usize,
        slot: usize,
        q: usize,
        ready: bool,
        own: bool,
        host: &mut dyn Host,
    ) {
        let depth = self.nalb.atq_len(q) + self.aqed.count(q);
        let Some((id, fid)) = self.take_from_flow(p, q, ready, own) else {
            self.lsp.rlist_work &= !(1 << (q & 31));
            return self.lsp.set_slist(p, q, false);
        };
        let qe = *self.store.get(id);
        self.store.release(id);
        let mut e = self.hl_entry(&qe, slot, q);
        e.qtype = HL_ATOMIC;
        e.sn_fid = fid;
        let threshold = self.regs.get(LSP_QID_ATM_DEPTH_THRSH, q);
        self.deliver(
            p,
            q,
            &qe,
            e,
            depth_code(depth, threshold),
            Sched::Atomic,
            host,
        );
    }

    fn hl_entry(&self, qe: &Qe, slot: usize, q: usize) -> HlEntry {
        HlEntry {
            qtype: HL_UNORDERED,
            qid: q as u8,
            qidix: slot as u8 & 7,
            priority: qe.hcw.priority(),
            weight: if self.version == Version::V2_5 {
                qe.hcw.weight()
            } else {
                0
            },
            meas: qe.hcw.meas(),
            cmp_id: qe.hcw.cmp_id(),
            lock_id: qe.hcw.lock_id(),
            ..HlEntry::default()
        }
    }

    /// The bookkeeping of one scheduled QE, and its CQ entry.
    #[allow(clippy::too_many_arguments)]
    fn deliver(
        &mut self,
        p: usize,
        q: usize,
        qe: &Qe,
        e: HlEntry,
        code: u8,
        kind: Sched,
        host: &mut dyn Host,
    ) {
        self.return_credit(false, p);
        let l = &mut self.lsp;
        l.q[q].inflights += 1;
        l.inflights += 1;
        l.ldb_scheduled = l.ldb_scheduled.wrapping_add(1);
        let c = &mut l.cq[p];
        c.inflights += 1;
        c.tokens = (c.tokens + 1).min(0x7ff);
        c.load += 1 << (e.weight & 3);
        c.scheduled = c.scheduled.wrapping_add(1);
        self.chp.hl_push(p, e);
        inc(&mut self.ctr.scheduled, kind as usize);
        if self.perf_on() {
            self.perf(PERF_SCHEDULED);
        }
        self.egress(true, p, qe, code, host);
        self.chp_delivered(true, p, host);
        self.queue_limit_changed(q);
        self.hold_back(p);
        self.cq_changed(p);
    }

    /// A QE of CQ `p` was completed.
    pub(crate) fn lsp_completed(&mut self, p: usize, e: &HlEntry) {
        let q = usize::from(e.qid & 31);
        let l = &mut self.lsp;
        l.inflights = l.inflights.saturating_sub(1);
        let queue = &mut l.q[q];
        queue.inflights = queue.inflights.saturating_sub(1);
        let c = &mut l.cq[p];
        c.inflights = c.inflights.saturating_sub(1);
        c.load = c.load.saturating_sub(1 << (e.weight & 3));
        self.queue_limit_changed(q);
        self.cq_changed(p);
    }

    pub(crate) fn lsp_return_tokens(&mut self, ldb: bool, p: usize, n: u32) -> bool {
        if !ldb {
            return self.dp_return_tokens(p, n);
        }
        let c = &mut self.lsp.cq[p];
        if n > c.tokens {
            return false;
        }
        c.tokens -= n;
        self.cq_changed(p);
        true
    }

    /// 2.5, if enabled: a CQ that reached its inflight or token limit gets nothing until its
    /// inflights have dropped to the threshold, so that its flows can move.
    fn hold_back(&mut self, p: usize) {
        if self.version == Version::V2_0
            || !self.regs.bit(LSP_CFG_CTRL_GENERAL_0, 0, 4)
            || self.regs.get(LSP_CQ_LDB_INFL_THRESH, p) == 0
        {
            return;
        }
        let full = {
            let c = &self.lsp.cq[p];
            c.inflights >= self.regs.get(LSP_CQ_LDB_INFL_LIM, p) || c.tokens >= self.token_limit(p)
        };
        if full {
            self.lsp.cq[p].held = true;
        }
    }

    fn token_limit(&self, p: usize) -> u32 {
        let v = self.regs.get(LSP_CQ_LDB_TKN_DEPTH_SEL, p);
        if self.version == Version::V2_0 && v & 0x10 != 0 {
            return u32::MAX;
        }
        4 << (v & 15)
    }

    /// Decide again whether a CQ can take a QE.
    pub(crate) fn cq_changed(&mut self, p: usize) {
        let bit = 1u64 << (p & 63);
        let mut c = &self.lsp.cq[p];
        let mut ok = self.regs.get(LSP_CQ_LDB_DSBL, p) & 1 == 0
            && c.tokens < self.token_limit(p)
            && c.inflights < self.regs.get(LSP_CQ_LDB_INFL_LIM, p)
            && self.chp.hl_has_room(p);
        if self.version == Version::V2_5 {
            let wu = self.regs.get(LSP_CFG_CQ_LDB_WU_LIMIT, p);
            ok &= wu & 0x8000 == 0 || c.load < wu & 0x7fff;
            if c.held {
                let enabled = self.regs.bit(LSP_CFG_CTRL_GENERAL_0, 0, 4);
                if !enabled || c.inflights <= self.regs.get(LSP_CQ_LDB_INFL_THRESH, p) {
                    self.lsp.cq[p].held = false;
                    c = &self.lsp.cq[p];
                }
                ok &= !c.held;
            }
        }
        if !ok {
            self.lsp.cq_ok &= !bit;
        } else if self.lsp.cq_ok & bit == 0 {
            self.lsp.cq_ok |= bit;
            self.lsp.dirty_cq |= bit;
        }
    }

    /// Decide again whether a queue is below its inflight limit.
    fn queue_limit_changed(&mut self, q: usize) {
        let bit = 1u32 << (q & 31);
        let ok = self.lsp.q[q].inflights < self.regs.get(LSP_QID_LDB_INFL_LIM, q);
        if !ok {
            self.lsp.q_ok &= !bit;
        } else if self.lsp.q_ok & bit == 0 {
            self.lsp.q_ok |= bit;
            // A change of the status reaches every slot.
            self.lsp.q[q].if_blocked = 0;
            self.lsp.update_special(q);
            self.lsp.mark_queue(q);
        }
    }

    /// Something about a queue changed by register: look at all of it again.
    pub(crate) fn queue_changed(&mut self, q: usize) {
        self.nalb_changed(q);
        self.queue_limit_changed(q);
        self.aqed.mark(q);
        self.lsp.mark_queue(q);
    }

    /// Slots of CQ `p` by the mapping registers; a slot counts if the tables have it too.
    fn remap(&mut self, p: usize) {
        let prio = self.regs.get(LSP_CQ2PRIOV, p);
        let qids = u64::from(self.regs.get(LSP_CQ2QID1, p)) << 32
            | u64::from(self.regs.get(LSP_CQ2QID0, p));
        let pb = 1u64 << (p & 63);
        let (mut nalb, mut atm) = (0u32, 0u32);
        let c = &mut self.lsp.cq[p];
        c.valid = 0;
        c.bin = [0; 4];
        for i in bits((prio >> 24).into()) {
            let q = (qids >> (8 * i)) as usize & 0x7f;
            if q >= 32 {
                continue;
            }
            c.valid |= 1 << i;
            c.qid[i & 7] = q as u8;
            c.bin[(prio >> (3 * i + 1)) as usize & 3] |= 1 << i;
            let word = q * 16 + (p >> 2);
            let byte = 8 * (p as u32 & 3) + i as u32;
            let has = |t: Reg| self.regs.get(t, word) >> byte & 1 != 0;
            if has(LSP_QID2CQIDIX) && has(LSP_QID2CQIDIX2) {
                nalb |= 1 << q;
            }
            if has(ATM_QID2CQIDIX) {
                atm |= 1 << q;
            }
        }
        let was_nalb = core::mem::replace(&mut self.lsp.cq_nalb[p], nalb);
        let was_atm = core::mem::replace(&mut self.lsp.cq_atm[p], atm);
        for q in bits((nalb | atm | was_nalb | was_atm).into()) {
            let qb = 1u32 << q;
            let (works, ready) = (self.nalb.nalb_len(q) != 0, self.aqed.has_ready(q));
            let queue = &mut self.lsp.q[q];
            update_reach(
                &mut queue.nalb,
                pb,
                was_nalb & qb != 0,
                nalb & qb != 0,
                works,
            );
            update_reach(&mut queue.atm, pb, was_atm & qb != 0, atm & qb != 0, ready);
            if (nalb | atm) & qb == 0 {
                queue.if_blocked &= !pb;
            }
            self.lsp.update_special(q);
            self.lsp.mark_queue(q);
        }
        self.lsp.dirty_cq |= pb;
    }

    /// `LSP_LDB_SCHED_CTRL`: set cached bits of one slot.
    fn sched_ctrl(&mut self, val: u32) {
        let p = (val & 0xff) as usize;
        let slot = (val >> 8 & 7) as usize;
        let set = val >> 11 & 1 != 0;
        let Some(q) = (p < 64).then(|| usize::from(self.lsp.cq[p].qid[slot & 7] & 31)) else {
            return;
        };
        let pb = 1u64 << (p & 63);
        let queue = &mut self.lsp.q[q];
        if val >> 12 & 1 != 0 {
            set_stale(&mut queue.nalb, pb, !set);
        }
        if val >> 13 & 1 != 0 {
            set_stale(&mut queue.atm, pb, !set);
        }
        if val >> 15 & 1 != 0 {
            if set {
                queue.if_blocked &= !pb;
            } else {
                queue.if_blocked |= pb & (queue.nalb.mapped | queue.atm.mapped);
            }
        }
        self.lsp.update_special(q);
        self.lsp.mark_queue(q);
    }

    #[inline]
    fn perf_on(&self) -> bool {
        self.perf_enabled
    }

    fn perf(&mut self, which: usize) {
        if let Some(c) = self.lsp.perf.get_mut(which) {
            *c = c.wrapping_add(1);
        }
    }

    /// Why was there nothing to schedule?
    fn perf_idle(&mut self) {
        let work = self.lsp.nalb_work | self.lsp.rlist_work;
        let why = if work == 0 {
            PERF_NO_WORK
        } else if work & self.lsp.q_ok == 0 {
            PERF_INFLIGHT
        } else {
            PERF_NO_SPACE
        };
        self.perf(why);
    }

    pub(crate) fn perf_fid_limit(&mut self) {
        if self.perf_on() {
            self.perf(6);
        }
    }

    fn perf_reg(reg: Reg) -> Option<(usize, bool)> {
        let n = (reg as usize).checked_sub(LSP_LDB_SCHED_PERF_0_L as usize)?;
        (n < 14).then_some((n / 2, n & 1 != 0))
    }

    pub(crate) fn lsp_read(&mut self, reg: Reg, x: usize) -> u32 {
        let stuck = u32::from(self.faults.stuck_drain);
        let l = &self.lsp;
        match reg {
            LSP_CQ_LDB_TKN_CNT => l.cq[x].tokens,
            LSP_CQ_LDB_INFL_CNT => l.cq[x].inflights.max(stuck),
            LSP_CQ_LDB_TOT_SCH_CNTL => l.cq[x].scheduled as u32,
            LSP_CQ_LDB_TOT_SCH_CNTH => (l.cq[x].scheduled >> 32) as u32,
            LSP_QID_LDB_INFL_CNT => l.q[x].inflights.max(stuck),
            LSP_QID_LDB_ENQUEUE_CNT => self.nalb.nalb_len(x),
            LSP_QID_ATM_ACTIVE => self.nalb.atq_len(x),
            LSP_QID_AQED_ACTIVE_CNT => self.aqed.count(x),
            LSP_QID_NALDB_TOT_ENQ_CNTL => l.q[x].nalb_enqueued as u32,
            LSP_QID_NALDB_TOT_ENQ_CNTH => (l.q[x].nalb_enqueued >> 32) as u32,
            LSP_QID_ATM_TOT_ENQ_CNTL => l.q[x].atm_enqueued as u32,
            LSP_QID_ATM_TOT_ENQ_CNTH => (l.q[x].atm_enqueued >> 32) as u32,
            LSP_QID_NALDB_MAX_DEPTH => l.q[x].max_depth,
            LSP_LDB_SCH_CNT_L => l.ldb_scheduled as u32,
            LSP_LDB_SCH_CNT_H => (l.ldb_scheduled >> 32) as u32,
            LSP_DIR_SCH_CNT_L => l.dir_scheduled as u32,
            LSP_DIR_SCH_CNT_H => (l.dir_scheduled >> 32) as u32,
            LSP_QID_DIR_ENQUEUE_CNT => self.dp.len(x).max(stuck),
            LSP_CQ_DIR_TKN_CNT
            | LSP_CQ_DIR_TOT_SCH_CNTL
            | LSP_CQ_DIR_TOT_SCH_CNTH
            | LSP_QID_DIR_TOT_ENQ_CNTL
            | LSP_QID_DIR_TOT_ENQ_CNTH
            | LSP_QID_DIR_MAX_DEPTH => self.dp.lsp_read(reg, x),
            _ => match Self::perf_reg(reg) {
                Some((n, high)) => {
                    let v = l.perf.get(n).copied().unwrap_or(0);
                    if high {
                        (v >> 32) as u32
                    } else {
                        v as u32
                    }
                }
                None => self.regs.get(reg, x),
            },
        }
    }

    pub(crate) fn lsp_write(&mut self, reg: Reg, x: usize, val: u32, host: &mut dyn Host) {
        let masked = val & reg.info().mask(self.version);
        match reg {
            LSP_CQ2PRIOV | LSP_CQ2QID0 | LSP_CQ2QID1 => {
                if self.regs.get(reg, x) != masked {
                    self.check_remap(x, host);
                }
                self.regs.set(reg, x, val);
                self.remap(x);
            }
            LSP_QID2CQIDIX | LSP_QID2CQIDIX2 | ATM_QID2CQIDIX => {
                self.table_write(reg, x, val, host)
            }
            LSP_CQ_LDB_DSBL
            | LSP_CQ_LDB_INFL_LIM
            | LSP_CQ_LDB_TKN_DEPTH_SEL
            | LSP_CQ_LDB_INFL_THRESH
            | LSP_CFG_CQ_LDB_WU_LIMIT => {
                let disabled = self.regs.get(LSP_CQ_LDB_DSBL, x) != 0;
                self.regs.set(reg, x, val);
                if reg == LSP_CQ_LDB_DSBL && disabled && masked == 0 {
                    self.check_ldb_cq(x, host);
                }
                self.cq_changed(x);
            }
            LSP_CFG_CTRL_GENERAL_0 => {
                self.regs.set(reg, x, val);
                for p in 0..64 {
                    self.cq_changed(p);
                }
            }
            LSP_CQ_LDB_TKN_CNT => {
                self.lsp.cq[x].tokens = masked;
                self.cq_changed(x);
            }
            LSP_CQ_LDB_TOT_SCH_CNTL => set_low(&mut self.lsp.cq[x].scheduled, val),
            LSP_CQ_LDB_TOT_SCH_CNTH => set_high(&mut self.lsp.cq[x].scheduled, val),
            LSP_QID_NALDB_TOT_ENQ_CNTL => set_low(&mut self.lsp.q[x].nalb_enqueued, val),
            LSP_QID_NALDB_TOT_ENQ_CNTH => set_high(&mut self.lsp.q[x].nalb_enqueued, val),
            LSP_QID_ATM_TOT_ENQ_CNTL => set_low(&mut self.lsp.q[x].atm_enqueued, val),
            LSP_QID_ATM_TOT_ENQ_CNTH => set_high(&mut self.lsp.q[x].atm_enqueued, val),
            LSP_QID_NALDB_MAX_DEPTH => self.lsp.q[x].max_depth = masked,
            LSP_LDB_SCH_CNT_L => set_low(&mut self.lsp.ldb_scheduled, val),
            LSP_LDB_SCH_CNT_H => set_high(&mut self.lsp.ldb_scheduled, val),
            LSP_DIR_SCH_CNT_L => set_low(&mut self.lsp.dir_scheduled, val),
            LSP_DIR_SCH_CNT_H => set_high(&mut self.lsp.dir_scheduled, val),
            // What the device counts by holding it; a number written here would be a lie.
            LSP_CQ_LDB_INFL_CNT
            | LSP_QID_LDB_INFL_CNT
            | LSP_QID_LDB_ENQUEUE_CNT
            | LSP_QID_ATM_ACTIVE
            | LSP_QID_AQED_ACTIVE_CNT
            | LSP_QID_DIR_ENQUEUE_CNT => {
                self.ctr.read_only_writes = self.ctr.read_only_writes.wrapping_add(1);
            }
            LSP_QID_LDB_INFL_LIM => {
                self.regs.set(reg, x, val);
                self.queue_limit_changed(x);
            }
            LSP_QID_AQED_ACTIVE_LIM => {
                self.regs.set(reg, x, val);
                self.aqed.mark(x);
            }
            LSP_LDB_SCHED_CTRL => {
                self.regs.set(reg, x, val);
                self.sched_ctrl(masked);
            }
            LSP_CFG_SHDW_CTRL => {
                if masked & 1 != 0 {
                    for (c, r) in self.lsp.range.iter_mut().enumerate() {
                        *r = self.regs.get(LSP_CFG_SHDW_RANGE_COS, c);
                    }
                }
            }
            LSP_LDB_SCHED_PERF_CTRL => {
                self.regs.set(reg, x, val & 1);
                self.perf_enabled = val & 1 != 0;
                if val & 2 != 0 {
                    self.lsp.perf = [0; 7];
                }
            }
            LSP_CQ_DIR_DSBL
            | LSP_CQ_DIR_TKN_DEPTH_SEL_DSI
            | LSP_CQ_DIR_TKN_CNT
            | LSP_CQ_DIR_TOT_SCH_CNTL
            | LSP_CQ_DIR_TOT_SCH_CNTH
            | LSP_QID_DIR_TOT_ENQ_CNTL
            | LSP_QID_DIR_TOT_ENQ_CNTH
            | LSP_QID_DIR_MAX_DEPTH => {
                if reg == LSP_CQ_DIR_DSBL && masked == 0 && self.regs.get(reg, x) != 0 {
                    self.check_dir_cq(x, host);
                }
                self.dp_lsp_write(reg, x, val);
            }
            _ => {
                match Self::perf_reg(reg).and_then(|(n, h)| Some((self.lsp.perf.get_mut(n)?, h))) {
                    Some((c, true)) => set_high(c, val),
                    Some((c, false)) => set_low(c, val),
                    None => self.regs.set(reg, x, val),
                }
            }
        }
    }

    /// One word of a QID2CQIDIX table: four CQs of one queue.
    pub(crate) fn table_write(&mut self, reg: Reg, x: usize, val: u32, host: &mut dyn Host) {
        self.check_table(reg, x, val, host);
        self.regs.set(reg, x, val);
        let first = (x & 15) * 4;
        for p in first..first + 4 {
            self.remap(p);
        }
    }

    /// Count an enqueue to the first stage of an LDB queue.
    pub(crate) fn lsp_enqueued(&mut self, q: usize, atomic: bool) {
        let depth = self.nalb.nalb_len(q);
        let queue = &mut self.lsp.q[q];
        if atomic {
            queue.atm_enqueued = queue.atm_enqueued.wrapping_add(1);
        } else {
            queue.nalb_enqueued = queue.nalb_enqueued.wrapping_add(1);
            queue.max_depth = queue.max_depth.max(depth);
        }
    }

    /// What the snapshot says about LSP.
    pub(crate) fn lsp_snapshot(&self, o: &mut String) {
        use core::fmt::Write;
        let l = &self.lsp;
        let _ = writeln!(
            o,
            "lsp: cq_ok {:#x} q_ok {:#x} work {:#x} {:#x} cos {:?} scheduled ldb {} dir {}",
            l.cq_ok, l.q_ok, l.nalb_work, l.rlist_work, l.range, l.ldb_scheduled, l.dir_scheduled
        );
        for (p, c) in l.cq.iter().enumerate() {
            if c.valid == 0 && c.tokens == 0 && c.inflights == 0 && c.scheduled == 0 {
                continue;
            }
            let _ = write!(
                o,
                "lsp: ldb cq {p}{} tokens {} inflights {} limit {} load {} scheduled {} slots",
                if self.regs.get(LSP_CQ_LDB_DSBL, p) & 1 != 0 {
                    " disabled"
                } else {
                    ""
                },
                c.tokens,
                c.inflights,
                self.regs.get(LSP_CQ_LDB_INFL_LIM, p),
                c.load,
                c.scheduled
            );
            for i in bits(c.valid.into()) {
                let _ = write!(o, " {i}:{}", c.qid[i & 7]);
            }
            o.push('\n');
        }
        for (q, queue) in l.q.iter().enumerate() {
            let (n, a, d) = (
                self.nalb.nalb_len(q),
                self.nalb.atq_len(q),
                self.aqed.count(q),
            );
            if n + a + d + queue.inflights == 0 && queue.nalb.mapped | queue.atm.mapped == 0 {
                continue;
            }
            let _ =
                writeln!(
                o,
                "lsp: ldb queue {q} nalb {n} atq {a} aqed {d} inflights {} limit {} cqs {:#x}{}",
                queue.inflights,
                self.regs.get(LSP_QID_LDB_INFL_LIM, q),
                queue.nalb.mapped | queue.atm.mapped,
                if l.special >> q & 1 != 0 { " stale" } else { "" }
            );
        }
    }

    /// The invariant at rest: nothing that could be scheduled is waiting.
    pub(crate) fn lsp_at_rest(&self) -> Result<(), String> {
        for p in bits(self.lsp.cq_ok.into()) {
            let (n, r, s) = self.lsp.queues_of(p);
            if n | r | s != 0 {
                return Err(format!("CQ {p} could take a QE of queues {:#x}", n | r | s));
            }
        }
        Ok(())
    }
}

/// A CQ came to or went from the CQs of a queue; coming while there is work, it does not see it.
fn update_reach(r: &mut Reach, pb: u64, was: bool, is: bool, work: bool) {
    if is {
        r.mapped |= pb;
        if !was && work {
            r.stale |= pb;
        }
    } else {
        r.mapped &= !pb;
        r.stale &= !pb;
    }
}

fn set_stale(r: &mut Reach, pb: u64, stale: bool) {
    if stale {
        r.stale |= pb & r.mapped;
    } else {
        r.stale &= !pb;
    }
}
