// SPDX-License-Identifier: GPL-2.0
//! RO: sequence numbers and the reorder buffer of ordered scheduling.

use crate::chp::HlEntry;
use crate::qe::{Fifo, Storage, NIL};
use crate::regs::{Reg, Reg::*};
use crate::tab::Tab;
use crate::Device;

/// Sequence numbers of a group.
const GROUP: usize = 1024;
/// Fragments that one ordered QE may become, besides its FWD.
const MAX_FRAGMENTS: u8 = 16;

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Free,
    /// Assigned to a QE that was scheduled.
    Active,
    /// Completed, waiting for older ones.
    Done,
}

#[derive(Clone, Copy, Default)]
struct Sn {
    state: State,
    qes: Fifo,
    fragments: u8,
    cq: u8,
    qidix: u8,
    qid: u8,
    priority: u8,
}

/// State of RO.
pub(crate) struct Ro {
    sn: Tab<Sn, 2048>,
    /// Oldest outstanding SN of a slot, relative to the slot; per group.
    shift: Tab<u16, 32>,
    /// QEs held back.
    held: u32,
}

/// Sequence numbers per queue in a mode.
fn per_queue(mode: u32) -> usize {
    64 << mode.min(4)
}

fn index(e: &HlEntry) -> usize {
    usize::from(e.group & 1) * GROUP + usize::from(e.sn_fid & 0x3ff)
}

impl Ro {
    pub fn new() -> Self {
        Self {
            sn: Tab::new(Sn::default()),
            shift: Tab::new(0),
            held: 0,
        }
    }

    /// Whether the SN of this history-list entry takes another fragment.
    pub fn takes_fragment(&self, e: &HlEntry) -> bool {
        self.sn[index(e)].fragments < MAX_FRAGMENTS
    }

    /// Attach a QE ([`crate::qe::NIL`]: none) to the SN of an entry; unless it is a fragment, the
    /// SN is done with it.
    pub fn attach(&mut self, e: &HlEntry, store: &mut Storage, id: u16, fragment: bool) {
        let sn = &mut self.sn[index(e)];
        if id != NIL {
            sn.qes.push(store, id);
            self.held += 1;
        }
        if fragment {
            sn.fragments += 1;
        } else {
            sn.state = State::Done;
        }
    }

    /// QEs in the reorder buffer.
    pub fn held(&self) -> u32 {
        self.held
    }
}

impl Device {
    /// Whether a queue schedules in order.
    pub(crate) fn has_sns(&self, q: usize) -> bool {
        self.regs.get(SYS_LDB_QID_CFG_V, q) & 1 != 0
    }

    /// Group, slot, mode, and index of the next SN of a queue inside the group.
    fn next_sn(&self, q: usize) -> (usize, usize, u32, usize) {
        let map = self.regs.get(CHP_ORD_QID_SN_MAP, q);
        let (mode, slot, group) = (map & 7, (map >> 3 & 15) as usize, (map >> 8 & 1) as usize);
        let n = per_queue(mode);
        let sn = (slot * n + usize::from(self.chp.sn(q)) % n) % GROUP;
        (group, slot, mode, sn)
    }

    pub(crate) fn sn_is_free(&self, q: usize) -> bool {
        let (group, _, _, sn) = self.next_sn(q);
        self.ro.sn[group * GROUP + sn].state == State::Free
    }

    /// An ordered QE of queue `q` goes to CQ `p`: it gets the next SN.
    pub(crate) fn assign_sn(&mut self, p: usize, q: usize, e: &mut HlEntry) {
        let (group, slot, mode, sn) = self.next_sn(q);
        e.sn_fid = sn as u16;
        e.group = group as u8;
        e.slot = slot as u8;
        e.mode = mode as u8;
        self.ro.sn[group * GROUP + sn] = Sn {
            state: State::Active,
            cq: p as u8,
            qidix: e.qidix,
            qid: e.qid,
            priority: e.priority,
            ..Sn::default()
        };
        let next = (usize::from(self.chp.sn(q)) + 1) % per_queue(mode);
        self.chp.set_sn(q, next as u16);
    }

    /// Release what is complete, strictly in the order of the slot's SNs.
    pub(crate) fn ro_release(&mut self, e: &HlEntry) {
        let (group, slot) = (usize::from(e.group & 1), usize::from(e.slot & 15));
        let mode = self.regs.get(RO_GRP_SN_MODE, 0) >> (8 * group) & 7;
        let n = per_queue(mode);
        let at = group * 16 + slot;
        let mut freed = false;
        loop {
            let shift = usize::from(self.ro.shift[at]) % n;
            let sn = group * GROUP + (slot * n + shift) % GROUP;
            if self.ro.sn[sn].state != State::Done {
                break;
            }
            let mut qes = self.ro.sn[sn].qes;
            while let Some(id) = qes.pop(&self.store) {
                self.ro.held = self.ro.held.saturating_sub(1);
                self.ctr.reordered = self.ctr.reordered.wrapping_add(1);
                self.enqueue(id);
            }
            self.ro.sn[sn] = Sn::default();
            self.ro.shift[at] = ((shift + 1) % n) as u16;
            freed = true;
        }
        if !freed {
            return;
        }
        // The queue may have waited for an SN; queues that share a slot by mistake too.
        let work = self.lsp.nalb_work;
        for q in 0..32 {
            let map = self.regs.get(CHP_ORD_QID_SN_MAP, q);
            let here = (map >> 8 & 1) as usize == group && (map >> 3 & 15) as usize == slot;
            if here && self.has_sns(q) {
                self.nalb_changed(q);
                if self.lsp.nalb_work & !work & 1 << q != 0 {
                    self.lsp.mark_queue(q);
                }
            }
        }
    }

    pub(crate) fn ro_read(&mut self, reg: Reg, x: usize) -> u32 {
        match reg {
            RO_GRP_0_SLT_SHFT => self.ro.shift[x & 15].into(),
            RO_GRP_1_SLT_SHFT => self.ro.shift[16 + (x & 15)].into(),
            RO_HEALTH_SEQNUM_STATE_GRP0 | RO_HEALTH_SEQNUM_STATE_GRP1 => {
                let group = usize::from(reg == RO_HEALTH_SEQNUM_STATE_GRP1);
                let first = group * GROUP + x * 32;
                (0..32)
                    .filter(|b| self.ro.sn[first + b].state != State::Free)
                    .map(|b| 1 << b)
                    .sum()
            }
            RO_REORDER_STATE_QID_QIDIX_CQ => {
                let s = &self.ro.sn[x];
                // VLD reads 0 for an SN whose result is held in the buffer.
                u32::from(s.cq)
                    | u32::from(s.qidix) << 8
                    | u32::from(s.qid) << 11
                    | u32::from(s.priority) << 18
                    | u32::from(s.state != State::Done) << 23
            }
            _ => self.regs.get(reg, x),
        }
    }

    pub(crate) fn ro_write(&mut self, reg: Reg, x: usize, val: u32) {
        match reg {
            RO_GRP_0_SLT_SHFT => self.ro.shift[x & 15] = (val & 0x3ff) as u16,
            RO_GRP_1_SLT_SHFT => self.ro.shift[16 + (x & 15)] = (val & 0x3ff) as u16,
            _ => self.regs.set(reg, x, val),
        }
    }

    /// What the snapshot says about RO.
    pub(crate) fn ro_snapshot(&self, o: &mut String) {
        use core::fmt::Write;
        let mode = self.regs.get(RO_GRP_SN_MODE, 0);
        let _ = writeln!(
            o,
            "ro: modes {} {} held {}",
            mode & 7,
            mode >> 8 & 7,
            self.ro.held
        );
        for q in (0..32).filter(|&q| self.has_sns(q)) {
            let (group, slot, mode, sn) = self.next_sn(q);
            let _ = writeln!(
                o,
                "ro: queue {q} group {group} slot {slot} mode {mode} next {sn} oldest {}",
                self.ro.shift[group * 16 + slot]
            );
        }
    }
}
