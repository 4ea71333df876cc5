// SPDX-License-Identifier: GPL-2.0
//! AQED and ATM: atomic QEs in the last stage before scheduling, by flow.
//!
//! A flow is what a queue's QEs with one (compressed) lock ID form. It owns a flow ID from its
//! first QE's move into AQED until none is left and none is outstanding. While QEs are outstanding
//! it is locked to their CQ. Unlocked flows with QEs are on the ready list of their queue (RLIST),
//! locked ones on the list of their CQ (SLIST).

use crate::chp::HlEntry;
use crate::qe::Bins;
use crate::regs::{Reg, Reg::*};
use crate::rng::pick_bin;
use crate::tab::Tab;
use crate::Device;

/// Entries of AQED, and flow IDs.
const ENTRIES: u32 = 2048;
const NO_FLOW: u16 = u16::MAX;
const NO_CQ: u8 = u8::MAX;
const NO_BIN: u8 = u8::MAX;

#[derive(Clone, Copy)]
struct Flow {
    q: u8,
    hid: u16,
    qes: Bins,
    outstanding: u16,
    /// The CQ it is locked to.
    owner: u8,
    /// The list it is on: priority bin, or [`NO_BIN`].
    bin: u8,
    prev: u16,
    next: u16,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            q: 0,
            hid: 0,
            qes: Bins::default(),
            outstanding: 0,
            owner: NO_CQ,
            bin: NO_BIN,
            prev: NO_FLOW,
            next: NO_FLOW,
        }
    }
}

/// Flows by priority bin.
#[derive(Clone, Copy)]
struct List {
    head: [u16; 4],
    tail: [u16; 4],
    mask: u8,
}

impl Default for List {
    fn default() -> Self {
        Self {
            head: [NO_FLOW; 4],
            tail: [NO_FLOW; 4],
            mask: 0,
        }
    }
}

impl List {
    fn push(&mut self, flows: &mut Tab<Flow, 2048>, f: u16, bin: usize) {
        let b = bin & 3;
        let tail = self.tail[b];
        let flow = &mut flows[f.into()];
        flow.bin = b as u8;
        flow.prev = tail;
        flow.next = NO_FLOW;
        if tail == NO_FLOW {
            self.head[b] = f;
            self.mask |= 1 << b;
        } else {
            flows[tail.into()].next = f;
        }
        self.tail[b] = f;
    }

    fn remove(&mut self, flows: &mut Tab<Flow, 2048>, f: u16) {
        let flow = &mut flows[f.into()];
        let (b, prev, next) = (usize::from(flow.bin) & 3, flow.prev, flow.next);
        flow.bin = NO_BIN;
        if prev == NO_FLOW {
            self.head[b] = next;
        } else {
            flows[prev.into()].next = next;
        }
        if next == NO_FLOW {
            self.tail[b] = prev;
        } else {
            flows[next.into()].prev = prev;
        }
        if self.head[b] == NO_FLOW {
            self.mask &= !(1 << b);
        }
    }
}

/// State of AQED and ATM.
pub(crate) struct Aqed {
    flows: Tab<Flow, 2048>,
    free: u16,
    free_count: u32,
    rlist: Tab<List, 32>,
    /// Per CQ and queue.
    slist: Tab<List, 2048>,
    /// Flow of a lock ID, per queue; made when a queue first sees an atomic QE.
    by_hid: [Option<Box<[u16]>>; 32],
    count: Tab<u16, 32>,
    flow_count: Tab<u16, 32>,
    total: u32,
    /// Queues whose ATQ may have something to move.
    dirty: u32,
    /// Queues that wait for room that other queues hold.
    starved: u32,
    /// RLIST or SLIST next, per CQ, when both could give a QE of one priority.
    turn: u64,
}

impl Aqed {
    pub fn new() -> Self {
        let mut flows = Tab::new(Flow::default());
        for (i, f) in flows.iter_mut().enumerate() {
            f.next = if i == 2047 { NO_FLOW } else { i as u16 + 1 };
        }
        Self {
            flows,
            free: 0,
            free_count: ENTRIES,
            rlist: Tab::new(List::default()),
            slist: Tab::new(List::default()),
            by_hid: [const { None }; 32],
            count: Tab::new(0),
            flow_count: Tab::new(0),
            total: 0,
            dirty: 0,
            starved: 0,
            turn: 0,
        }
    }

    pub fn mark(&mut self, q: usize) {
        self.dirty |= 1 << (q & 31);
    }

    pub fn has_moves(&self) -> bool {
        self.dirty != 0
    }

    /// Entries of a queue.
    pub fn count(&self, q: usize) -> u32 {
        self.count[q].into()
    }

    pub fn total(&self) -> u32 {
        self.total
    }

    /// Flow IDs in use.
    pub fn flows_in_use(&self) -> u32 {
        ENTRIES - self.free_count
    }

    pub fn has_ready(&self, q: usize) -> bool {
        self.rlist[q].mask != 0
    }

    fn lookup(&self, q: usize, hid: u16) -> u16 {
        self.by_hid
            .get(q & 31)
            .and_then(|m| m.as_ref()?.get(usize::from(hid)).copied())
            .unwrap_or(NO_FLOW)
    }

    fn set_flow(&mut self, q: usize, hid: u16, f: u16) {
        if let Some(m) = self.by_hid.get_mut(q & 31) {
            let m = m.get_or_insert_with(|| vec![NO_FLOW; 1 << 16].into_boxed_slice());
            if let Some(e) = m.get_mut(usize::from(hid)) {
                *e = f;
            }
        }
    }

    fn new_flow(&mut self, q: usize, hid: u16) -> u16 {
        let f = self.free;
        if f == NO_FLOW {
            return f;
        }
        let flow = &mut self.flows[f.into()];
        self.free = flow.next;
        *flow = Flow {
            q: q as u8,
            hid,
            ..Flow::default()
        };
        self.free_count -= 1;
        self.flow_count[q] += 1;
        self.set_flow(q, hid, f);
        f
    }

    fn free_flow(&mut self, f: u16) {
        let flow = &mut self.flows[f.into()];
        let (q, hid) = (usize::from(flow.q), flow.hid);
        flow.next = self.free;
        flow.owner = NO_CQ;
        self.free = f;
        self.free_count += 1;
        self.flow_count[q] = self.flow_count[q].saturating_sub(1);
        self.set_flow(q, hid, NO_FLOW);
        self.mark(q);
        self.wake();
    }

    /// Room became free that other queues may want.
    fn wake(&mut self) {
        self.dirty |= core::mem::take(&mut self.starved);
    }

    fn list(&mut self, q: u8, owner: u8) -> (&mut List, &mut Tab<Flow, 2048>) {
        let list = if owner == NO_CQ {
            &mut self.rlist[q.into()]
        } else {
            &mut self.slist[usize::from(owner) * 32 + usize::from(q & 31)]
        };
        (list, &mut self.flows)
    }
}

impl Device {
    /// The lock ID after compression.
    fn hid(&self, q: usize, lock_id: u16) -> u16 {
        match self.regs.get(AQED_QID_HID_WIDTH, q) & 7 {
            0 => lock_id,
            code => lock_id & ((32u16 << code) - 1),
        }
    }

    /// Move what can move from the ATQs into AQED.
    pub(crate) fn aqed_moves(&mut self) {
        while self.aqed.dirty != 0 {
            let q = self.aqed.dirty.trailing_zeros() as usize;
            self.aqed.dirty &= self.aqed.dirty - 1;
            while self.aqed_move(q) {}
        }
    }

    /// Move the next QE of a queue's ATQ. The one that is next blocks those behind it.
    fn aqed_move(&mut self, q: usize) -> bool {
        let mask = self.nalb.atq(q).mask();
        if mask == 0 || self.aqed.count(q) >= self.regs.get(LSP_QID_AQED_ACTIVE_LIM, q) {
            return false;
        }
        if self.aqed.total >= ENTRIES {
            self.aqed.starved |= 1 << (q & 31);
            return false;
        }
        let weights = self.regs.get(NALB_CFG_ARB_WEIGHTS_TQPRI_ATQ_0, 0);
        let bin = pick_bin(mask, weights, &mut self.rng);
        let Some(id) = self.nalb.atq(q).head(bin) else {
            return false;
        };
        let hid = self.hid(q, self.store.get(id).hcw.lock_id());
        let mut f = self.aqed.lookup(q, hid);
        if f == NO_FLOW {
            if u32::from(self.aqed.flow_count[q]) >= self.regs.get(AQED_QID_FID_LIM, q) {
                self.perf_fid_limit();
                return false;
            }
            f = self.aqed.new_flow(q, hid);
            if f == NO_FLOW {
                self.aqed.starved |= 1 << (q & 31);
                return false;
            }
        }
        if self.nalb.atq_mut(q).pop(&self.store, bin).is_none() {
            return false;
        }
        self.aqed.flows[f.into()].qes.push(&mut self.store, id);
        self.aqed.count[q] += 1;
        self.aqed.total += 1;
        self.flow_relink(f, false);
        true
    }

    /// Put a flow on the list that its state asks for, at the end if `rotate`.
    fn flow_relink(&mut self, f: u16, rotate: bool) {
        let flow = &self.aqed.flows[f.into()];
        let (q, owner, was) = (flow.q, flow.owner, flow.bin);
        let mask = flow.qes.mask();
        let want = if mask == 0 {
            NO_BIN
        } else {
            mask.trailing_zeros() as u8
        };
        if was == want && !rotate {
            return;
        }
        let (list, flows) = self.aqed.list(q, owner);
        if was != NO_BIN {
            list.remove(flows, f);
        }
        if want != NO_BIN {
            list.push(flows, f, want.into());
        }
        self.list_changed(q.into(), owner, want != NO_BIN);
    }

    /// The work bits of a list follow its contents.
    fn list_changed(&mut self, q: usize, owner: u8, added: bool) {
        if owner != NO_CQ {
            let p = usize::from(owner);
            let work = self.aqed.slist[p * 32 + (q & 31)].mask != 0;
            return self.lsp.set_slist(p, q, work);
        }
        let bit = 1u32 << (q & 31);
        if self.aqed.rlist[q].mask == 0 {
            self.lsp.rlist_work &= !bit;
        } else {
            self.lsp.rlist_work |= bit;
        }
        if added {
            self.lsp.rlist_event(q);
        }
    }

    /// Take a QE for CQ `p` from a ready flow or one of its own. Locks the flow to the CQ.
    pub(crate) fn take_from_flow(
        &mut self,
        p: usize,
        q: usize,
        ready: bool,
        own: bool,
    ) -> Option<(u16, u16)> {
        let p = p & 63;
        let rmask = if ready { self.aqed.rlist[q].mask } else { 0 };
        let smask = if own {
            self.aqed.slist[p * 32 + (q & 31)].mask
        } else {
            0
        };
        let from_ready = match (rmask, smask) {
            (0, 0) => return None,
            (_, 0) => true,
            (0, _) => false,
            (r, s) if r.trailing_zeros() != s.trailing_zeros() => {
                r.trailing_zeros() < s.trailing_zeros()
            }
            _ => {
                self.aqed.turn ^= 1 << p;
                self.aqed.turn >> p & 1 != 0
            }
        };
        let (mask, weights, owner) = if from_ready {
            (rmask, ATM_CFG_ARB_WEIGHTS_RDY_BIN, NO_CQ)
        } else {
            (smask, ATM_CFG_ARB_WEIGHTS_SCHED_BIN, p as u8)
        };
        let bin = pick_bin(mask, self.regs.get(weights, 0), &mut self.rng);
        let (list, flows) = self.aqed.list(q as u8, owner);
        let f = list.head[bin & 3];
        if f == NO_FLOW {
            return None;
        }
        if from_ready {
            list.remove(flows, f);
            self.list_changed(q, NO_CQ, false);
        }
        let weights = self.regs.get(AQED_CFG_ARB_WEIGHTS_TQPRI_ATM_0, 0);
        let flow = &mut self.aqed.flows[f.into()];
        let bin = pick_bin(flow.qes.mask(), weights, &mut self.rng);
        let id = flow.qes.pop(&self.store, bin)?;
        flow.owner = p as u8;
        // Software that moves history-list pointers makes completions miss their flow.
        flow.outstanding = flow.outstanding.saturating_add(1);
        self.aqed.count[q] = self.aqed.count[q].saturating_sub(1);
        self.aqed.total = self.aqed.total.saturating_sub(1);
        self.flow_relink(f, true);
        self.aqed.mark(q);
        self.aqed.wake();
        Some((id, f))
    }

    /// A QE of an atomic flow was completed; the last one unlocks the flow.
    pub(crate) fn flow_completed(&mut self, e: &HlEntry) {
        let f = e.sn_fid & 2047;
        let flow = &mut self.aqed.flows[f.into()];
        if flow.outstanding == 0 {
            return;
        }
        flow.outstanding -= 1;
        if flow.outstanding != 0 {
            return;
        }
        let (q, owner) = (flow.q, flow.owner);
        if flow.bin != NO_BIN {
            let (list, flows) = self.aqed.list(q, owner);
            list.remove(flows, f);
            self.list_changed(q.into(), owner, false);
        }
        let flow = &mut self.aqed.flows[f.into()];
        flow.owner = NO_CQ;
        if flow.qes.is_empty() {
            self.aqed.free_flow(f);
        } else {
            self.flow_relink(f, false);
        }
    }

    pub(crate) fn aqed_write(&mut self, reg: Reg, x: usize, val: u32) {
        self.regs.set(reg, x, val);
        if reg == AQED_QID_FID_LIM {
            self.aqed.mark(x);
        }
    }

    /// What the snapshot says about AQED.
    pub(crate) fn aqed_snapshot(&self, o: &mut String) {
        use core::fmt::Write;
        let _ = writeln!(
            o,
            "aqed: entries {} flows {} starved {:#x}",
            self.aqed.total,
            self.aqed.flows_in_use(),
            self.aqed.starved
        );
        for q in 0..32 {
            if self.aqed.flow_count[q] == 0 {
                continue;
            }
            let _ = write!(o, "aqed: queue {q} flows");
            let mine = self.aqed.flows.iter().enumerate();
            let live = mine.filter(|(i, f)| {
                usize::from(f.q) == q && usize::from(self.aqed.lookup(q, f.hid)) == *i
            });
            for (i, f) in live.take(64) {
                let _ = write!(
                    o,
                    " {i}:{:#x} qes {} out {}",
                    f.hid,
                    f.qes.len(),
                    f.outstanding
                );
                if f.owner != NO_CQ {
                    let _ = write!(o, " cq {}", f.owner);
                }
                o.push(',');
            }
            o.push('\n');
        }
    }

    /// Flows and counts agree with each other.
    pub(crate) fn aqed_consistent(&self) -> Result<(), String> {
        let a = &self.aqed;
        let (mut entries, mut outstanding, mut used) = ([0u32; 32], [0u32; 32], [0u32; 32]);
        for (i, f) in a.flows.iter().enumerate() {
            let q = usize::from(f.q) & 31;
            if usize::from(a.lookup(q, f.hid)) != i {
                continue;
            }
            entries[q] += u32::from(f.qes.len());
            outstanding[q] += u32::from(f.outstanding);
            used[q] += 1;
            if (f.outstanding == 0) != (f.owner == NO_CQ) {
                return Err(format!(
                    "flow {i}: {} outstanding, owner {}",
                    f.outstanding, f.owner
                ));
            }
            if f.qes.is_empty() && f.outstanding == 0 {
                return Err(format!("flow {i} of queue {q} holds a flow ID for nothing"));
            }
            if f.qes.is_empty() != (f.bin == NO_BIN) {
                return Err(format!("flow {i} of queue {q} is on the wrong list"));
            }
        }
        for q in 0..32 {
            if entries[q] != a.count(q) || used[q] != u32::from(a.flow_count[q]) {
                return Err(format!(
                    "queue {q}: {} entries, {} flows",
                    entries[q], used[q]
                ));
            }
        }
        if entries.iter().sum::<u32>() != a.total || used.iter().sum::<u32>() != a.flows_in_use() {
            return Err("AQED totals".into());
        }
        Ok(())
    }
}
