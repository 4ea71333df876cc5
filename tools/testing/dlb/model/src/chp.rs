// SPDX-License-Identifier: GPL-2.0
//! CHP: credits, history lists, tokens, CQ write pointers, CQ interrupts and watchdogs.

use crate::counters::{inc, Drop};
use crate::qe::{cmd, Hcw, Qe, NIL, ORDERED};
use crate::regs::{Reg, Reg::*};
use crate::sys::{set_high, set_low, Origin};
use crate::tab::{bits, Tab};
use crate::{Device, Host, Version};

/// History-list entry types.
pub(crate) const HL_ATOMIC: u8 = 0;
pub(crate) const HL_UNORDERED: u8 = 1;
pub(crate) const HL_ORDERED: u8 = 2;

/// Entries of the history list.
const HL_ENTRIES: u16 = 2048;

/// A QE that was scheduled and not completed.
#[derive(Clone, Copy, Default)]
pub(crate) struct HlEntry {
    pub qtype: u8,
    pub qid: u8,
    pub qidix: u8,
    pub priority: u8,
    /// Weight code of the QE (2.5).
    pub weight: u8,
    pub meas: bool,
    pub cmp_id: u8,
    pub lock_id: u16,
    /// Flow (atomic) or sequence number inside the group (ordered).
    pub sn_fid: u16,
    pub group: u8,
    pub slot: u8,
    pub mode: u8,
}

/// A sampler asks for time no more often than that, in nanoseconds. Samples can be 640 ns apart,
/// and whoever gives the time would do nothing else. None is lost: what was due counts when the
/// time is told, and that happens before each access anyway.
const TICK_FLOOR: u64 = 50_000;

/// Index into the history list and how often, modulo two, it went round.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct HlPtr(u16);

impl HlPtr {
    fn index(self) -> u16 {
        self.0 & 0x1fff
    }

    fn advance(&mut self, base: u16, limit: u16) {
        self.0 = if self.index() == limit {
            base & 0x1fff | (self.0 ^ 0x2000) & 0x2000
        } else {
            (self.index() + 1) & 0x1fff | self.0 & 0x2000
        };
    }
}

/// What CHP keeps per CQ.
#[derive(Clone, Default)]
struct Cq {
    /// Tokens the consumer holds.
    depth: u32,
    /// Free-running modulo twice the ring.
    wptr: u32,
    base: u16,
    limit: u16,
    push: HlPtr,
    pop: HlPtr,
    /// Samples since the consumer last returned tokens.
    wd_count: u32,
    timer_count: u32,
}

/// A sampling timer that serves all CQs of one kind.
#[derive(Clone, Copy, Default)]
struct Sampler {
    /// When the next sample is due; None: not counting.
    next: Option<u64>,
}

impl Sampler {
    /// Number of samples that are due at `now`.
    fn due(&mut self, wanted: bool, period: u64, now: u64) -> u32 {
        if !wanted {
            self.next = None;
            return 0;
        }
        match self.next {
            None => {
                self.next = Some(now.saturating_add(period));
                0
            }
            Some(t) if t > now => 0,
            Some(t) => {
                let n = (now - t) / period.max(1) + 1;
                self.next = Some(t.saturating_add(n.saturating_mul(period)));
                n.min(u64::from(u32::MAX)) as u32
            }
        }
    }

    fn deadline(&self, wanted: bool, now: u64) -> Option<u64> {
        // Not counting yet: the time is needed at once, to start.
        wanted.then(|| {
            self.next
                .map_or(0, |t| t.max(now.saturating_add(TICK_FLOOR)))
        })
    }
}

/// State of CHP.
pub(crate) struct Chp {
    ldb: Tab<Cq, 64>,
    dir: Tab<Cq, 128>,
    hl: Tab<HlEntry, 2048>,
    /// Credits per domain; on 2.5 only the first pool.
    crd: [Tab<u16, 32>; 2],
    sn: Tab<u16, 32>,
    armed: [u128; 2],
    /// CQs with tokens outstanding, watchdogs enabled, watchdogs disabled, timed out, timers on.
    busy: [u128; 2],
    wd_enabled: [u128; 2],
    wd_disabled: [u128; 2],
    wdto: [u128; 2],
    timed: [u128; 2],
    /// CQs whose interrupts are carried somewhere.
    carried: [u128; 2],
    wd: [Sampler; 2],
    timer: [Sampler; 2],
    pub errors: u64,
}

const LDB: usize = 0;
const DIR: usize = 1;

fn kind(ldb: bool) -> usize {
    if ldb {
        LDB
    } else {
        DIR
    }
}

impl Chp {
    pub fn new() -> Self {
        Self {
            ldb: Tab::new(Cq::default()),
            dir: Tab::new(Cq::default()),
            hl: Tab::new(HlEntry::default()),
            crd: [Tab::new(0), Tab::new(0)],
            sn: Tab::new(0),
            armed: [0; 2],
            busy: [0; 2],
            wd_enabled: [0; 2],
            wd_disabled: [u128::MAX; 2],
            wdto: [0; 2],
            timed: [0; 2],
            carried: [0; 2],
            wd: Default::default(),
            timer: Default::default(),
            errors: 0,
        }
    }

    #[inline]
    fn cq(&self, ldb: bool, p: usize) -> &Cq {
        if ldb {
            &self.ldb[p]
        } else {
            &self.dir[p]
        }
    }

    #[inline]
    fn cq_mut(&mut self, ldb: bool, p: usize) -> &mut Cq {
        if ldb {
            &mut self.ldb[p]
        } else {
            &mut self.dir[p]
        }
    }

    /// Whether `SYS_*_CQ_ISR` of a CQ carries its interrupt anywhere. One that goes nowhere stays
    /// armed, and no time makes it fire.
    pub fn set_carried(&mut self, ldb: bool, p: usize, carried: bool) {
        let (k, bit) = (kind(ldb) & 1, 1u128 << (p & 127));
        if !carried {
            self.carried[k] &= !bit;
            return;
        }
        if self.timer_wanted(k) == 0 {
            self.timer[k].next = None;
        }
        self.carried[k] |= bit;
    }

    pub fn watchdog_fired(&self) -> bool {
        self.wdto != [0; 2]
    }

    /// Whether the history list of an LDB CQ takes another entry.
    pub fn hl_has_room(&self, p: usize) -> bool {
        let c = &self.ldb[p];
        let full = c.push.index() == c.pop.index() && c.push != c.pop;
        !full && c.push.index() < HL_ENTRIES
    }

    /// Push an entry; the room was checked.
    pub fn hl_push(&mut self, p: usize, e: HlEntry) {
        let c = &mut self.ldb[p];
        self.hl[usize::from(c.push.index())] = e;
        let (base, limit) = (c.base, c.limit);
        c.push.advance(base, limit);
    }

    fn hl_oldest(&self, p: usize) -> Option<HlEntry> {
        let c = &self.ldb[p];
        (c.push != c.pop).then(|| self.hl[usize::from(c.pop.index())])
    }

    fn hl_drop_oldest(&mut self, p: usize) {
        let c = &mut self.ldb[p];
        let (base, limit) = (c.base, c.limit);
        c.pop.advance(base, limit);
    }

    /// Entries between the pointers, oldest first (for snapshot and invariants).
    pub fn hl_entries(&self, p: usize) -> Vec<HlEntry> {
        let c = &self.ldb[p];
        let mut at = c.pop;
        let mut v = Vec::new();
        while at != c.push && v.len() < usize::from(HL_ENTRIES) {
            v.push(self.hl[usize::from(at.index())]);
            at.advance(c.base, c.limit);
        }
        v
    }

    pub fn depth(&self, ldb: bool, p: usize) -> u32 {
        self.cq(ldb, p).depth
    }

    pub fn credits(&self, pool: usize, vas: usize) -> u16 {
        self.crd.get(pool).map_or(0, |t| t[vas])
    }

    pub fn sn(&self, q: usize) -> u16 {
        self.sn[q]
    }

    pub fn set_sn(&mut self, q: usize, sn: u16) {
        self.sn[q] = sn & 0x3ff;
    }

    fn wd_wanted(&self, k: usize) -> u128 {
        match (
            self.busy.get(k),
            self.wd_enabled.get(k),
            self.wd_disabled.get(k),
        ) {
            (Some(b), Some(e), Some(d)) => b & e & !d,
            _ => 0,
        }
    }

    fn timer_wanted(&self, k: usize) -> u128 {
        match (
            self.busy.get(k),
            self.armed.get(k),
            self.timed.get(k),
            self.carried.get(k),
        ) {
            (Some(b), Some(a), Some(t), Some(c)) => b & a & t & c,
            _ => 0,
        }
    }

    fn set_depth(&mut self, ldb: bool, p: usize, depth: u32) {
        let k = kind(ldb);
        let bit = 1u128 << (p & 127);
        let was = self.cq(ldb, p).depth;
        self.cq_mut(ldb, p).depth = depth;
        if (was == 0) == (depth == 0) {
            return;
        }
        let idle = (self.wd_wanted(k) == 0, self.timer_wanted(k) == 0);
        let c = self.cq_mut(ldb, p);
        c.wd_count = 0;
        c.timer_count = 0;
        if depth == 0 {
            self.busy[k & 1] &= !bit;
        } else {
            self.busy[k & 1] |= bit;
            // A sampler that had nothing to watch starts anew, lest the time it slept count.
            if idle.0 {
                self.wd[k & 1].next = None;
            }
            if idle.1 {
                self.timer[k & 1].next = None;
            }
        }
    }
}

impl Device {
    /// The credit pool of a queue type: on 2.5 there is one.
    fn pool(&self, directed: bool) -> usize {
        usize::from(directed && self.version == Version::V2_0)
    }

    fn crd_mask(&self, pool: usize) -> u16 {
        if pool == 0 {
            0x7fff
        } else {
            0x3fff
        }
    }

    /// A QE went to a CQ: its credit returns to the CQ's domain.
    pub(crate) fn return_credit(&mut self, directed: bool, cq: usize) {
        let reg = if directed {
            CHP_DIR_CQ2VAS
        } else {
            CHP_LDB_CQ2VAS
        };
        let vas = self.regs.get(reg, cq) as usize;
        let pool = self.pool(directed);
        let max = self.crd_mask(pool);
        let c = &mut self.chp.crd[pool & 1][vas];
        *c = c.saturating_add(1).min(max);
    }

    /// An HCW that passed ingress: tokens, then completion, then enqueue.
    pub(crate) fn chp_accept(
        &mut self,
        from: &Origin,
        vas: usize,
        hcw: Hcw,
        qid: u8,
        host: &mut dyn Host,
    ) {
        let code = hcw.cmd();
        let (ldb, p) = (from.ldb, from.port);
        if code == cmd::ARM {
            return self.chp_arm(ldb, p, host);
        }
        let valid = code & cmd::VALID != 0;
        let directed = valid && hcw.sched_type() == crate::qe::DIRECTED;
        let pool = self.pool(directed);
        if valid {
            if self.chp.credits(pool, vas) == 0 {
                return self.refuse(Drop::NoCredit, from, hcw, host);
            }
            if !self.store.has_room(directed) {
                return self.refuse(Drop::NoStorage, from, hcw, host);
            }
        }
        if code & cmd::TOKEN != 0 {
            let n = if valid {
                1
            } else {
                u32::from(hcw.lock_id() & 0x3ff) + 1
            };
            if !self.return_tokens(ldb, p, n) {
                self.refuse(Drop::ExcessTokens, from, hcw, host);
            }
        }
        let mut oldest = None;
        if code & (cmd::COMP | cmd::FRAG) != 0 {
            oldest = self
                .chp
                .hl_oldest(p)
                .filter(|_| self.lsp.cq_inflights(p) > 0);
            let Some(e) = oldest else {
                self.refuse(Drop::NoInflight, from, hcw, host);
                return self.run(host);
            };
            if code & cmd::FRAG != 0 && !(e.qtype == HL_ORDERED && self.ro.takes_fragment(&e)) {
                self.refuse(Drop::BadFragment, from, hcw, host);
                return self.run(host);
            }
        }
        let mut id = NIL;
        if valid {
            id = self.store.alloc(Qe::new(hcw, qid, from.seen_as));
            // Room was checked above and nothing took it since.
            let c = &mut self.chp.crd[pool & 1][vas];
            *c = c.saturating_sub(1);
            inc(&mut self.ctr.enqueued, usize::from(hcw.sched_type()));
        }
        if code & cmd::COMP != 0 {
            if let Some(e) = oldest {
                self.complete(p, e, id);
            }
        } else if code & cmd::FRAG != 0 {
            if let Some(e) = oldest {
                self.ro.attach(&e, &mut self.store, id, true);
            }
        } else if id != NIL {
            self.enqueue(id);
        }
        self.run(host);
    }

    /// The consumer of LDB CQ `p` is done with its oldest QE, and sends `id` in its place
    /// ([`NIL`]: nothing).
    fn complete(&mut self, p: usize, e: HlEntry, id: u16) {
        self.ctr.completions = self.ctr.completions.wrapping_add(1);
        self.chp.hl_drop_oldest(p);
        self.lsp_completed(p, &e);
        match e.qtype {
            HL_ORDERED => {
                self.ro.attach(&e, &mut self.store, id, false);
                self.ro_release(&e);
            }
            HL_ATOMIC => {
                self.flow_completed(&e);
                if id != NIL {
                    self.enqueue(id);
                }
            }
            _ => {
                if id != NIL {
                    self.enqueue(id);
                }
            }
        }
    }

    /// Give back `n` tokens. False, and nothing happens, if the consumer does not hold so many.
    fn return_tokens(&mut self, ldb: bool, p: usize, n: u32) -> bool {
        let held = self.chp.depth(ldb, p);
        if n > held || !self.lsp_return_tokens(ldb, p, n) {
            return false;
        }
        self.chp.set_depth(ldb, p, held - n);
        self.chp.cq_mut(ldb, p).wd_count = 0;
        self.ctr.tokens_returned = self.ctr.tokens_returned.wrapping_add(u64::from(n));
        true
    }

    /// log2 of the ring length of a CQ.
    fn ring_log2(&self, ldb: bool, p: usize) -> u32 {
        let reg = if ldb {
            CHP_LDB_CQ_TKN_DEPTH_SEL
        } else {
            CHP_DIR_CQ_TKN_DEPTH_SEL
        };
        // 4 << select, as far as the write pointer's field reaches.
        let max = if ldb || self.version == Version::V2_5 {
            8
        } else {
            10
        };
        2 + self.regs.get(reg, p).min(max)
    }

    /// Index and generation of the next entry of a CQ.
    pub(crate) fn chp_next_entry(&self, ldb: bool, p: usize) -> (u32, bool) {
        let log2 = self.ring_log2(ldb, p);
        let w = self.chp.cq(ldb, p).wptr;
        (w & ((1 << log2) - 1), w >> log2 & 1 == 0)
    }

    /// An entry was written: advance, count the token, perhaps interrupt.
    pub(crate) fn chp_delivered(&mut self, ldb: bool, p: usize, host: &mut dyn Host) {
        let log2 = self.ring_log2(ldb, p);
        let c = self.chp.cq_mut(ldb, p);
        c.wptr = c.wptr.wrapping_add(1) & ((2 << log2) - 1);
        let max = if ldb || self.version == Version::V2_5 {
            0x7ff
        } else {
            0x1fff
        };
        let depth = (c.depth + 1).min(max);
        self.chp.set_depth(ldb, p, depth);
        self.chp_try_interrupt(ldb, p, host);
    }

    /// Arm the interrupt of a CQ.
    fn chp_arm(&mut self, ldb: bool, p: usize, host: &mut dyn Host) {
        let k = kind(ldb);
        self.chp.cq_mut(ldb, p).timer_count = 0;
        if self.chp.timer_wanted(k) == 0 {
            self.chp.timer[k & 1].next = None;
        }
        self.chp.armed[k & 1] |= 1 << (p & 127);
        self.chp_try_interrupt(ldb, p, host);
    }

    /// Fire the interrupt of a CQ if it is armed and deep enough. Firing disarms.
    pub(crate) fn chp_try_interrupt(&mut self, ldb: bool, p: usize, host: &mut dyn Host) {
        let k = kind(ldb);
        if self.chp.armed[k & 1] >> (p & 127) & 1 == 0 {
            return;
        }
        let (enb, thr) = if ldb {
            (CHP_LDB_CQ_INT_ENB, CHP_LDB_CQ_INT_DEPTH_THRSH)
        } else {
            (CHP_DIR_CQ_INT_ENB, CHP_DIR_CQ_INT_DEPTH_THRSH)
        };
        if self.regs.bit(enb, p, 1) && self.chp.depth(ldb, p) > self.regs.get(thr, p) {
            self.fire(ldb, p, host);
        }
    }

    fn fire(&mut self, ldb: bool, p: usize, host: &mut dyn Host) {
        if self.cq_interrupt(ldb, p, host) {
            self.chp.armed[kind(ldb) & 1] &= !(1 << (p & 127));
        }
    }

    /// Period of a sampler in nanoseconds: it visits every CQ, 10 ns apart, each interval.
    fn sample_period(&self, ldb: bool, interval: u32) -> u64 {
        (u64::from(interval) + 1) * self.ports(ldb) as u64 * 10
    }

    fn wd_config(&self, ldb: bool) -> (bool, u64, u32) {
        let (enb, thr) = if ldb {
            (CHP_CFG_LDB_WD_ENB_INTERVAL, CHP_CFG_LDB_WD_THRESHOLD)
        } else {
            (CHP_CFG_DIR_WD_ENB_INTERVAL, CHP_CFG_DIR_WD_THRESHOLD)
        };
        let v = self.regs.get(enb, 0);
        (
            v >> 28 & 1 != 0,
            self.sample_period(ldb, v & 0xfff_ffff),
            self.regs.get(thr, 0),
        )
    }

    fn timer_config(&self, ldb: bool) -> (bool, u64) {
        let reg = if ldb {
            CHP_CFG_LDB_CQ_TIMER_CTL
        } else {
            CHP_CFG_DIR_CQ_TIMER_CTL
        };
        let v = self.regs.get(reg, 0);
        (v >> 8 & 1 != 0, self.sample_period(ldb, v & 0xff))
    }

    /// Samples that were due are not; sampling begins anew with the next tick.
    pub(crate) fn chp_stop_sampling(&mut self) {
        self.chp.wd = Default::default();
        self.chp.timer = Default::default();
    }

    /// When time is needed next.
    pub(crate) fn chp_deadline(&self) -> Option<u64> {
        let mut first: Option<u64> = None;
        for ldb in [true, false] {
            let k = kind(ldb) & 1;
            let wd = self.chp.wd_wanted(k) != 0 && self.wd_config(ldb).0;
            let tm = self.chp.timer_wanted(k) != 0 && self.timer_config(ldb).0;
            for d in [
                self.chp.wd[k].deadline(wd, self.now),
                self.chp.timer[k].deadline(tm, self.now),
            ] {
                first = match (first, d) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
        }
        first
    }

    /// Time passed.
    pub(crate) fn chp_tick(&mut self, now: u64, host: &mut dyn Host) {
        let mut fired = false;
        for ldb in [true, false] {
            let k = kind(ldb) & 1;
            let (on, period, threshold) = self.wd_config(ldb);
            let watched = if on { self.chp.wd_wanted(k) } else { 0 };
            let n = self.chp.wd[k].due(watched != 0, period, now);
            if n > 0 {
                for p in bits(watched) {
                    let c = self.chp.cq_mut(ldb, p);
                    c.wd_count = c.wd_count.saturating_add(n);
                    if c.wd_count >= threshold.max(1) {
                        c.wd_count = 0;
                        self.chp.wdto[k] |= 1 << p;
                        self.chp.wd_disabled[k] |= 1 << p;
                        self.ctr.watchdogs += 1;
                        fired = true;
                    }
                }
            }
            let (on, period) = self.timer_config(ldb);
            let timed = if on { self.chp.timer_wanted(k) } else { 0 };
            let n = self.chp.timer[k].due(timed != 0, period, now);
            if n > 0 {
                let thr = if ldb {
                    CHP_LDB_CQ_TMR_THRSH
                } else {
                    CHP_DIR_CQ_TMR_THRSH
                };
                for p in bits(timed) {
                    let c = self.chp.cq_mut(ldb, p);
                    c.timer_count = c.timer_count.saturating_add(n);
                    if c.timer_count >= self.regs.get(thr, p).max(1) {
                        self.fire(ldb, p, host);
                    }
                }
            }
        }
        if fired {
            self.raise_alarm(host);
        }
    }

    /// One word of a per-CQ bit vector that the map has as several registers.
    fn chp_vector(reg: Reg) -> Option<(usize, u32, Vector)> {
        use Vector::*;
        Some(match reg {
            CHP_LDB_CQ_INTR_ARMED0 => (LDB, 0, Armed),
            CHP_LDB_CQ_INTR_ARMED1 => (LDB, 32, Armed),
            CHP_DIR_CQ_INTR_ARMED0 => (DIR, 0, Armed),
            CHP_DIR_CQ_INTR_ARMED1 => (DIR, 32, Armed),
            CHP_DIR_CQ_INTR_ARMED2 => (DIR, 64, Armed),
            CHP_CFG_LDB_WDTO_0 => (LDB, 0, Timeout),
            CHP_CFG_LDB_WDTO_1 => (LDB, 32, Timeout),
            CHP_CFG_DIR_WDTO_0 => (DIR, 0, Timeout),
            CHP_CFG_DIR_WDTO_1 => (DIR, 32, Timeout),
            CHP_CFG_DIR_WDTO_2 => (DIR, 64, Timeout),
            CHP_CFG_LDB_WD_DISABLE0 => (LDB, 0, Disabled),
            CHP_CFG_LDB_WD_DISABLE1 => (LDB, 32, Disabled),
            CHP_CFG_DIR_WD_DISABLE0 => (DIR, 0, Disabled),
            CHP_CFG_DIR_WD_DISABLE1 => (DIR, 32, Disabled),
            CHP_CFG_DIR_WD_DISABLE2 => (DIR, 64, Disabled),
            _ => return None,
        })
    }

    /// The history-list entry as its two registers show it.
    fn hl_word(&self, x: usize, second: bool) -> u32 {
        let e = &self.chp.hl[x];
        if second {
            // The ECC bits keep their reset value.
            0x6000_0000
                | u32::from(e.priority >> 2 & 1)
                | u32::from(e.qtype & 3) << 1
                | u32::from(e.meas) << 3
                | u32::from(e.cmp_id & 15) << 4
                | u32::from(e.lock_id) << 8
        } else {
            u32::from(e.sn_fid & 0xfff)
                | u32::from(e.slot & 31) << 12
                | u32::from(e.mode & 7) << 17
                | u32::from(e.qidix & 7) << 20
                | u32::from(e.qid & 0x7f) << 23
                | u32::from(e.priority & 3) << 30
        }
    }

    pub(crate) fn chp_read(&mut self, reg: Reg, x: usize) -> u32 {
        match reg {
            CHP_CFG_VAS_CRD | CHP_CFG_LDB_VAS_CRD => self.chp.credits(0, x).into(),
            CHP_CFG_DIR_VAS_CRD => self.chp.credits(1, x).into(),
            CHP_ORD_QID_SN => self.chp.sn(x).into(),
            CHP_LDB_CQ_DEPTH => self.chp.ldb[x].depth,
            CHP_DIR_CQ_DEPTH => self.chp.dir[x].depth,
            CHP_LDB_CQ_WPTR => self.chp.ldb[x].wptr,
            CHP_DIR_CQ_WPTR => self.chp.dir[x].wptr,
            CHP_HIST_LIST_PUSH_PTR => self.chp.ldb[x].push.0.into(),
            CHP_HIST_LIST_POP_PTR => self.chp.ldb[x].pop.0.into(),
            CHP_CFG_CNTR_CHP_ERR_DROP_L => self.chp.errors as u32,
            CHP_CFG_CNTR_CHP_ERR_DROP_H => (self.chp.errors >> 32) as u32,
            CHP_HIST_LIST_0 => self.hl_word(x, false),
            CHP_HIST_LIST_1 => self.hl_word(x, true),
            _ => match Self::chp_vector(reg) {
                Some((k, shift, v)) => {
                    let bits = match v {
                        Vector::Armed => self.chp.armed[k & 1],
                        Vector::Timeout => self.chp.wdto[k & 1],
                        Vector::Disabled => self.chp.wd_disabled[k & 1],
                    };
                    (bits >> shift) as u32
                }
                None => self.regs.get(reg, x),
            },
        }
    }

    pub(crate) fn chp_write(&mut self, reg: Reg, x: usize, val: u32, host: &mut dyn Host) {
        let masked = val & reg.info().mask(self.version);
        match reg {
            CHP_CFG_VAS_CRD | CHP_CFG_LDB_VAS_CRD => self.chp.crd[0][x] = masked as u16,
            CHP_CFG_DIR_VAS_CRD => self.chp.crd[1][x] = masked as u16,
            CHP_ORD_QID_SN => {
                self.chp.set_sn(x, masked as u16);
                self.queue_changed(x);
            }
            CHP_ORD_QID_SN_MAP => {
                self.regs.set(reg, x, val);
                self.queue_changed(x);
            }
            CHP_LDB_CQ_DEPTH | CHP_DIR_CQ_DEPTH => {
                self.chp.set_depth(reg == CHP_LDB_CQ_DEPTH, x, masked);
            }
            CHP_LDB_CQ_WPTR => self.chp.ldb[x].wptr = masked,
            CHP_DIR_CQ_WPTR => self.chp.dir[x].wptr = masked,
            CHP_HIST_LIST_BASE => {
                self.regs.set(reg, x, val);
                self.chp.ldb[x].base = masked as u16;
            }
            CHP_HIST_LIST_LIM => {
                self.regs.set(reg, x, val);
                self.chp.ldb[x].limit = masked as u16;
            }
            CHP_HIST_LIST_PUSH_PTR => {
                self.chp.ldb[x].push = HlPtr(masked as u16);
                self.cq_changed(x);
            }
            CHP_HIST_LIST_POP_PTR => {
                self.chp.ldb[x].pop = HlPtr(masked as u16);
                self.cq_changed(x);
            }
            CHP_CFG_CNTR_CHP_ERR_DROP_L => set_low(&mut self.chp.errors, val),
            CHP_CFG_CNTR_CHP_ERR_DROP_H => set_high(&mut self.chp.errors, val),
            CHP_LDB_CQ_INT_ENB | CHP_DIR_CQ_INT_ENB => {
                self.regs.set(reg, x, val);
                let ldb = reg == CHP_LDB_CQ_INT_ENB;
                let k = kind(ldb) & 1;
                let bit = 1u128 << (x & 127);
                if masked == 0 {
                    // No stale interrupt for the CQ's next owner.
                    self.chp.armed[k] &= !bit;
                }
                if masked & 1 != 0 {
                    if self.chp.timer_wanted(k) == 0 {
                        self.chp.timer[k].next = None;
                    }
                    self.chp.timed[k] |= bit;
                } else {
                    self.chp.timed[k] &= !bit;
                }
                self.chp_try_interrupt(ldb, x, host);
            }
            CHP_LDB_CQ_INT_DEPTH_THRSH | CHP_DIR_CQ_INT_DEPTH_THRSH => {
                self.regs.set(reg, x, val);
                self.chp_try_interrupt(reg == CHP_LDB_CQ_INT_DEPTH_THRSH, x, host);
            }
            CHP_LDB_CQ_WD_ENB | CHP_DIR_CQ_WD_ENB => {
                self.regs.set(reg, x, val);
                let ldb = reg == CHP_LDB_CQ_WD_ENB;
                let k = kind(ldb) & 1;
                self.watchdog_restarts(k);
                self.chp.cq_mut(ldb, x).wd_count = 0;
                if masked & 1 != 0 {
                    self.chp.wd_enabled[k] |= 1 << (x & 127);
                } else {
                    self.chp.wd_enabled[k] &= !(1 << (x & 127));
                }
            }
            CHP_CFG_LDB_WD_ENB_INTERVAL | CHP_CFG_DIR_WD_ENB_INTERVAL => {
                self.regs.set(reg, x, val);
                self.chp.wd[kind(reg == CHP_CFG_LDB_WD_ENB_INTERVAL) & 1].next = None;
            }
            CHP_CFG_LDB_CQ_TIMER_CTL | CHP_CFG_DIR_CQ_TIMER_CTL => {
                self.regs.set(reg, x, val);
                self.chp.timer[kind(reg == CHP_CFG_LDB_CQ_TIMER_CTL) & 1].next = None;
            }
            _ => match Self::chp_vector(reg) {
                Some((k, shift, Vector::Armed)) => {
                    for b in bits(val.into()) {
                        let p = b + shift as usize;
                        if p < self.ports(k == LDB) {
                            self.chp_arm(k == LDB, p, host);
                        }
                    }
                }
                Some((k, shift, Vector::Timeout)) => {
                    self.chp.wdto[k & 1] &= !(u128::from(val) << shift);
                }
                Some((k, shift, Vector::Disabled)) => {
                    self.watchdog_restarts(k & 1);
                    self.chp.wd_disabled[k & 1] &= !(u128::from(val) << shift);
                }
                None => self.regs.set(reg, x, val),
            },
        }
    }

    /// Before watchdogs are enabled: if none ran so far, the sampler begins anew.
    fn watchdog_restarts(&mut self, k: usize) {
        if self.chp.wd_wanted(k) == 0 {
            self.chp.wd[k & 1].next = None;
        }
    }

    /// What the snapshot says about CHP.
    pub(crate) fn chp_snapshot(&self, o: &mut String) {
        use core::fmt::Write;
        let c = &self.chp;
        for vas in 0..32 {
            let (a, b) = (c.credits(0, vas), c.credits(1, vas));
            if a != 0 || b != 0 {
                let _ = writeln!(o, "chp: domain {vas} credits {a} {b}");
            }
        }
        let _ = writeln!(
            o,
            "chp: armed ldb {:#x} dir {:#x} wdto ldb {:#x} dir {:#x} errors {}",
            c.armed[0], c.armed[1], c.wdto[0], c.wdto[1], c.errors
        );
        for ldb in [true, false] {
            for p in 0..self.ports(ldb) {
                let q = c.cq(ldb, p);
                if q.depth == 0 && q.wptr == 0 && q.limit == 0 {
                    continue;
                }
                let name = if ldb { "ldb" } else { "dir" };
                let (index, gen) = self.chp_next_entry(ldb, p);
                let _ = write!(
                    o,
                    "chp: {name} cq {p} depth {} next {index} gen {}",
                    q.depth,
                    u8::from(gen)
                );
                if ldb {
                    let _ = write!(
                        o,
                        " hl {}..{} push {:#x} pop {:#x}",
                        q.base, q.limit, q.push.0, q.pop.0
                    );
                }
                o.push('\n');
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Vector {
    Armed,
    Timeout,
    Disabled,
}

/// How an ordered QE is told from an unordered one when it is scheduled.
pub(crate) fn hl_type(sched_type: u8, has_sns: bool) -> u8 {
    if sched_type == ORDERED && has_sns {
        HL_ORDERED
    } else {
        HL_UNORDERED
    }
}
