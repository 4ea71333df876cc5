// SPDX-License-Identifier: GPL-2.0
//! Property tests: random configurations and random histories of a well-behaved driver and its
//! consumers, with the guarantees checked after every step:
//!
//! * credits, tokens, history lists, in-flight counts and flows are conserved;
//! * every QE that was accepted is delivered exactly once, to a CQ that is mapped to its queue;
//! * QEs of one queue and priority bin are scheduled in the order in which they were enqueued, and
//!   so
//!   are those of one flow;
//! * QEs of one flow are never outstanding at two CQs at a time;
//! * results of ordered QEs leave in the order in which those were scheduled;
//! * a clean history drops nothing and, at its end, leaves nothing behind.
//!
//! `HISTORIES=n cargo test --release --test histories` runs n histories per version.

mod common;
use common::*;
use dlb_model::Version;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// splitmix64
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Where a QE of an ordered queue's result stands: (queue, schedule number, part).
type Rank = (u8, u64, u32);

#[derive(Clone, Copy, Debug)]
struct Event {
    qid: u8,
    typ: u8,
    bin: u8,
    flow: u16,
    /// Order of enqueueing; for results of ordered QEs their rank decides instead.
    rank: Option<Rank>,
    delivered: bool,
}

/// What a consumer holds.
#[derive(Clone, Copy)]
struct Held {
    id: u64,
    /// Of an ordered QE: its number in the order of scheduling, and parts sent so far.
    sched: u64,
    parts: u32,
}

struct Port {
    cq: Cq,
    held: VecDeque<Held>,
    tokens: u16,
    depth: u32,
    slots: Vec<u32>,
    enabled: bool,
}

struct Run {
    r: Rig,
    dice: Dice,
    ldb: Vec<Port>,
    dir: Vec<Port>,
    queues: Vec<Queue>,
    levels: Vec<u32>,
    events: HashMap<u64, Event>,
    next: u64,
    /// Credits granted: LDB, DIR.
    granted: [u32; 2],
    dma_seen: usize,
    /// Last scheduled, per (directed, queue, kind, bin): enqueue order.
    last: BTreeMap<(bool, u8, u8, u8), u64>,
    last_of_flow: BTreeMap<(u8, u16, u8), u64>,
    last_rank: BTreeMap<(u8, bool, u8, u8, u16, u8), Rank>,
    scheduled_ordered: Vec<u64>,
    accepted: u64,
    delivered: u64,
}

const COMPRESS: [(u32, u32); 3] = [(0, 65536), (1, 64), (3, 256)];

impl Run {
    fn new(v: Version, seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut r = Rig::with(v, seed, "");
        if dice.chance(30) {
            r.dense();
        }
        for weights in [
            reg::NALB_WEIGHTS,
            reg::ATQ_WEIGHTS,
            reg::DIR_WEIGHTS,
            reg::AQED_WEIGHTS,
            reg::RDY_WEIGHTS,
        ] {
            let w = dice.one_of(&[!0, 0xfffd_fbf9, 0xffc0_8040]);
            r.wr(weights, 0, w);
        }
        let mode = dice.below(5) as u32;
        r.wr(reg::RO_SN_MODE, 0, mode | mode << 8);
        let granted = [dice.one_of(&[8u32, 64, 500]), dice.one_of(&[8u32, 64, 500])];
        r.credits(0, granted[0], granted[1]);
        let nq = 1 + dice.below(5) as u32;
        let mut slots_left = [16 >> mode; 2];
        let (mut queues, mut levels) = (Vec::new(), Vec::new());
        for q in 0..nq {
            let group = dice.below(2) as usize;
            let ordered = dice.chance(50) && slots_left[group] > 0;
            if ordered {
                slots_left[group] -= 1;
            }
            let sn = ordered.then_some((group as u32, slots_left[group], mode));
            let (compress, level) = dice.one_of(&COMPRESS);
            let cfg = Queue {
                inflights: dice.one_of(&[1, 3, 64]),
                atomic: dice.one_of(&[0u32, 1, 8, 64]),
                sn,
                threshold: dice.below(100) as u32,
                fids: dice.one_of(&[1u32, 4, 512]),
                compress,
            };
            r.ldb_queue(q, cfg);
            r.allow_ldb(0, q, true);
            queues.push(cfg);
            levels.push(level);
        }
        let mut ldb = Vec::new();
        for i in 0..1 + dice.below(6) as u32 {
            let p = i * 9 % 64;
            let depth = dice.one_of(&[1u32, 4, 8, 16, 64]);
            let hl = dice.one_of(&[1u32, 2, 8, 32]);
            let cq = r.ldb_port(p, 0, depth, hl);
            let mut slots = Vec::new();
            for q in 0..nq {
                if dice.chance(70) || i == 0 {
                    let slot = slots.len() as u32;
                    r.map(p, slot, q, dice.below(8) as u32);
                    slots.push(q);
                }
            }
            if v == Version::V2_5 && dice.chance(30) {
                let limit = 1 + dice.below(depth.into()) as u32;
                r.wr(reg::CQ_LDB_WU, p, 0x8000 | limit);
            }
            ldb.push(Port {
                cq,
                held: VecDeque::new(),
                tokens: 0,
                depth,
                slots,
                enabled: true,
            });
        }
        let mut dir = Vec::new();
        for i in 0..1 + dice.below(3) as u32 {
            let d = i * 31;
            r.dir_queue(d, dice.below(100) as u32);
            let depth = dice.one_of(&[1u32, 8, 32]);
            let cq = r.dir_port(d, 0, depth);
            r.allow_dir(0, d, true);
            let slots = vec![d];
            dir.push(Port {
                cq,
                held: VecDeque::new(),
                tokens: 0,
                depth,
                slots,
                enabled: true,
            });
        }
        Self {
            r,
            dice,
            ldb,
            dir,
            queues,
            levels,
            events: HashMap::new(),
            next: 1,
            granted,
            dma_seen: 0,
            last: BTreeMap::new(),
            last_of_flow: BTreeMap::new(),
            last_rank: BTreeMap::new(),
            scheduled_ordered: vec![0; 32],
            accepted: 0,
            delivered: 0,
        }
    }

    /// Credits of the pool for a destination.
    fn credits(&mut self, directed: bool) -> u32 {
        let two = self.r.v == Version::V2_0;
        self.r.rd(
            if directed && two {
                reg::CRD_DIR
            } else {
                reg::CRD_LDB
            },
            0,
        )
    }

    /// A legal HCW with a QE, if there is a credit for it.
    fn qe(&mut self, cmd: u8, rank: Option<Rank>) -> Option<H> {
        let d = &mut self.dice;
        let directed = d.chance(30);
        let h = if directed {
            let i = d.below(self.dir.len() as u64) as usize;
            H::new(self.dir[i].cq.port as u8, DIR, 0)
        } else {
            let q = d.below(self.queues.len() as u64) as usize;
            let cfg = self.queues[q];
            let atomic = cfg.atomic > 0 && d.chance(60);
            let other = if cfg.sn.is_some() { ORD } else { UNO };
            H::new(q as u8, if atomic { ATM } else { other }, 0)
        };
        let pri = if d.chance(60) { 3 } else { d.below(8) as u8 };
        let weight = if self.r.v == Version::V2_5 {
            d.below(4) as u8
        } else {
            0
        };
        let flow = d.one_of(&[3u16, 4, 5, 67, 259, 0xffff]);
        if self.credits(directed) == 0 {
            return None;
        }
        let id = self.next;
        self.next += 1;
        self.accepted += 1;
        let (qid, typ, bin) = (h.qid, h.typ, pri >> 1);
        self.events.insert(
            id,
            Event {
                qid,
                typ,
                bin,
                flow,
                rank,
                delivered: false,
            },
        );
        Some(H {
            cmd,
            data: id,
            pri,
            weight,
            lock: flow,
            ..h
        })
    }

    fn step(&mut self) {
        let ports = self.ldb.len() as u64;
        match self.dice.below(100) {
            0..=39 => {
                let p = self.dice.below(ports) as usize;
                if let Some(h) = self.qe(c::NEW, None) {
                    if self.dice.chance(20) {
                        let d = self.dir[0].cq.port;
                        self.r.dir(d, h);
                    } else {
                        let p = self.ldb[p].cq.port;
                        self.r.ldb(p, h);
                    }
                }
            }
            40..=64 => self.complete(),
            65..=79 => {
                let p = self.dice.below(ports) as usize;
                let port = &mut self.ldb[p];
                if port.tokens > 0 {
                    let n = 1 + self.dice.below(port.tokens.into()) as u16;
                    port.tokens -= n;
                    let p = port.cq.port;
                    self.r.ldb(p, H::tokens(c::BAT_T, n));
                }
            }
            80..=92 => {
                let i = self.dice.below(self.dir.len() as u64) as usize;
                let port = &mut self.dir[i];
                if port.tokens > 0 {
                    let n = 1 + self.dice.below(port.tokens.into()) as u16;
                    port.tokens -= n;
                    let p = port.cq.port;
                    self.r.dir(p, H::tokens(c::BAT_T, n));
                }
            }
            93..=96 => {
                let p = self.dice.below(ports) as usize;
                let port = &mut self.ldb[p];
                port.enabled = !port.enabled;
                let (p, off) = (port.cq.port as u32, u32::from(!port.enabled));
                self.r.wr(reg::CQ_LDB_DSBL, p, off);
            }
            97 => {
                let q = self.dice.below(self.queues.len() as u64) as u32;
                let lim = if self.dice.chance(50) {
                    0
                } else {
                    self.queues[q as usize].inflights
                };
                self.r.wr(reg::QID_LDB_INFL_LIM, q, lim);
            }
            _ => {
                let q = self.dice.below(self.queues.len() as u64) as u32;
                if self.queues[q as usize].atomic > 0 {
                    let (lim, fids) = (self.dice.below(20) as u32, 1 + self.dice.below(9) as u32);
                    self.r.wr(reg::QID_AQED_LIM, q, lim);
                    self.r.wr(reg::AQED_FID_LIM, q, fids);
                }
            }
        }
        self.look();
    }

    /// A consumer is done with its oldest QE.
    fn complete(&mut self) {
        let p = self.dice.below(self.ldb.len() as u64) as usize;
        let Some(&held) = self.ldb[p].held.front() else {
            return;
        };
        let (n, token) = (
            self.ldb[p].cq.port,
            self.ldb[p].tokens > 0 && self.dice.chance(50),
        );
        let e = self.events[&held.id];
        let rank = (e.typ == ORD).then_some((e.qid, held.sched, held.parts));
        let mut what = self.dice.below(100);
        if what < 20 && (e.typ != ORD || held.parts >= 16) {
            what = 50;
        }
        let h = match what {
            0..=19 => self.qe(c::FRAG + u8::from(token), rank),
            20..=69 => self.qe(c::FWD + u8::from(token), rank),
            _ => None,
        };
        let port = &mut self.ldb[p];
        match h {
            Some(h) if h.cmd & 4 != 0 => {
                port.tokens -= u16::from(token);
                port.held[0].parts += 1;
                self.r.ldb(n, h);
            }
            Some(h) => {
                port.tokens -= u16::from(token);
                port.held.pop_front();
                self.r.ldb(n, h);
            }
            None => {
                port.held.pop_front();
                if token {
                    let t = 1 + self.dice.below(port.tokens.into()) as u16;
                    port.tokens -= t;
                    self.r.ldb(n, H::tokens(c::REL_T, t));
                } else {
                    self.r.ldb(n, H::cmd(c::REL));
                }
            }
        }
    }

    /// Take what was delivered, in the order in which it was scheduled, and check everything.
    fn look(&mut self) {
        let dma: Vec<u64> = self.r.w.dma[self.dma_seen..].iter().map(|d| d.2).collect();
        self.dma_seen = self.r.w.dma.len();
        for addr in dma {
            let of = |p: &&mut Port| addr >= p.cq.base && addr < p.cq.base + 0x1_0000;
            let ldb = addr < CQ_BASE * 2;
            let ports = if ldb { &mut self.ldb } else { &mut self.dir };
            let port = ports.iter_mut().find(of).expect("an address of a CQ");
            let entry = self
                .r
                .recv(&mut port.cq)
                .expect("the entry that was written is next");
            port.tokens += 1;
            let e = self
                .events
                .get_mut(&entry.data)
                .expect("a QE that was sent");
            assert!(!e.delivered, "twice: {entry:?}");
            e.delivered = true;
            self.delivered += 1;
            let e = *e;
            assert_eq!(ldb, e.typ != DIR);
            assert!(
                port.slots.contains(&e.qid.into()),
                "CQ is not mapped to the queue"
            );
            if ldb {
                assert_eq!((entry.qid, entry.typ, entry.lock), (e.qid, e.typ, e.flow));
            }
            let mut held = Held {
                id: entry.data,
                sched: 0,
                parts: 0,
            };
            if e.typ == ORD {
                let n = &mut self.scheduled_ordered[usize::from(e.qid)];
                held.sched = *n;
                *n += 1;
            }
            if ldb {
                port.held.push_back(held);
            }
            let kind = if e.typ == ATM { ATM } else { UNO };
            match e.rank {
                Some(rank) => {
                    // Results of one ordered queue that go to one place keep their order.
                    let flow = if e.typ == ATM { self.hid(&e) } else { 0 };
                    let key = (rank.0, !ldb, e.qid, kind, flow, e.bin);
                    if let Some(last) = self.last_rank.insert(key, rank) {
                        assert!(last < rank, "{last:?} before {rank:?}");
                    }
                }
                None if e.typ != ATM => {
                    let key = (!ldb, e.qid, kind, e.bin);
                    if let Some(last) = self.last.insert(key, entry.data) {
                        assert!(last < entry.data, "queue order");
                    }
                }
                None => {
                    let key = (e.qid, self.hid(&e), e.bin);
                    if let Some(last) = self.last_of_flow.insert(key, entry.data) {
                        assert!(last < entry.data, "flow order");
                    }
                }
            }
        }
        self.check();
    }

    fn hid(&self, e: &Event) -> u16 {
        (u32::from(e.flow) % self.levels[usize::from(e.qid)]) as u16
    }

    fn check(&mut self) {
        self.r.sane();
        assert_eq!(self.r.dropped(), 0);
        assert_eq!(self.r.d.counters().config_warnings, 0, "{:?}", self.r.w.log);
        // Flows.
        let mut owner: HashMap<(u8, u16), usize> = HashMap::new();
        for (p, port) in self.ldb.iter().enumerate() {
            for h in &port.held {
                let e = &self.events[&h.id];
                if e.typ == ATM {
                    let was = owner.insert((e.qid, self.hid(e)), p);
                    assert!(was.is_none() || was == Some(p), "flow at two CQs");
                }
            }
        }
        // Tokens and in-flight counts.
        let mut of_queue = [0u32; 32];
        for i in 0..self.ldb.len() {
            let port = &self.ldb[i];
            let (p, tokens, held) = (port.cq.port as u32, port.tokens, port.held.len() as u32);
            let taken = 8u32.saturating_sub(port.depth);
            for h in &port.held {
                of_queue[usize::from(self.events[&h.id].qid)] += 1;
            }
            assert_eq!(self.r.rd(reg::LDB_CQ_DEPTH, p), tokens.into());
            assert_eq!(self.r.rd(reg::CQ_LDB_TKN, p), u32::from(tokens) + taken);
            assert_eq!(self.r.rd(reg::CQ_LDB_INFL, p), held);
            assert!(held <= self.r.rd(reg::CQ_LDB_INFL_LIM, p));
        }
        for (q, n) in of_queue.iter().enumerate().take(self.queues.len()) {
            assert_eq!(self.r.rd(reg::QID_LDB_INFL, q as u32), *n);
        }
        for i in 0..self.dir.len() {
            let (d, tokens) = (self.dir[i].cq.port as u32, self.dir[i].tokens);
            assert_eq!(self.r.rd(reg::DIR_CQ_DEPTH, d), tokens.into());
        }
        // Credits: what is not in the registers is on the device.
        let waiting = |directed: bool| {
            self.events
                .values()
                .filter(|e| !e.delivered && (e.typ == DIR) == directed)
                .count() as u32
        };
        let (ldb, dir) = (waiting(false), waiting(true));
        if self.r.v == Version::V2_0 {
            assert_eq!(self.r.rd(reg::CRD_LDB, 0) + ldb, self.granted[0]);
            assert_eq!(self.r.rd(reg::CRD_DIR, 0) + dir, self.granted[1]);
        } else {
            let all = self.granted[0] + self.granted[1];
            assert_eq!(self.r.rd(reg::CRD_LDB, 0) + ldb + dir, all);
        }
        // Delivered events that nobody holds are of no further interest.
        if self.events.len() > 2000 {
            let held: std::collections::HashSet<u64> = self
                .ldb
                .iter()
                .flat_map(|p| p.held.iter().map(|h| h.id))
                .collect();
            self.events
                .retain(|id, e| !e.delivered || held.contains(id));
        }
    }

    /// Let everything come to an end.
    fn drain(&mut self) {
        for p in 0..self.ldb.len() {
            let n = self.ldb[p].cq.port as u32;
            self.r.wr(reg::CQ_LDB_DSBL, n, 0);
        }
        for q in 0..self.queues.len() {
            let cfg = self.queues[q];
            self.r.wr(reg::QID_LDB_INFL_LIM, q as u32, cfg.inflights);
            self.r.wr(reg::QID_AQED_LIM, q as u32, cfg.atomic);
            self.r.wr(reg::AQED_FID_LIM, q as u32, cfg.fids);
        }
        self.look();
        for _ in 0..100_000 {
            if self.delivered == self.accepted && self.ldb.iter().all(|p| p.held.is_empty()) {
                break;
            }
            for i in 0..self.dir.len() {
                let (p, n) = (self.dir[i].cq.port, self.dir[i].tokens);
                if n > 0 {
                    self.dir[i].tokens = 0;
                    self.r.dir(p, H::tokens(c::BAT_T, n));
                }
            }
            for i in 0..self.ldb.len() {
                let port = &mut self.ldb[i];
                let (p, n, held) = (port.cq.port, port.tokens, port.held.len());
                if n > 0 {
                    port.tokens = 0;
                    self.r.ldb(p, H::tokens(c::BAT_T, n));
                }
                for _ in 0..held {
                    self.r.ldb(p, H::cmd(c::REL));
                    self.ldb[i].held.pop_front();
                }
            }
            self.look();
        }
        assert_eq!(self.delivered, self.accepted, "{}", self.r.d.snapshot());
        for i in 0..self.ldb.len() {
            let (p, n) = (self.ldb[i].cq.port, self.ldb[i].tokens);
            if n > 0 {
                self.ldb[i].tokens = 0;
                self.r.ldb(p, H::tokens(c::BAT_T, n));
            }
        }
        self.look();
        let snap = self.r.d.snapshot();
        assert!(
            snap.contains("store: ldb 0 dir 0 reorder 0 outstanding 0"),
            "{snap}"
        );
        assert!(snap.contains("aqed: entries 0 flows 0"), "{snap}");
    }
}

fn histories() -> u64 {
    std::env::var("HISTORIES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(40)
}

#[test]
fn random_histories_keep_every_guarantee() {
    let mut events = 0;
    for seed in 0..histories() {
        for v in BOTH {
            let mut run = Run::new(v, seed);
            for _ in 0..400 {
                run.step();
            }
            run.drain();
            events += run.delivered;
        }
    }
    assert!(events > 10_000 * histories() / 40, "{events} events only");
}

/// Maps and unmaps while traffic flows, by the procedures of the programming model.
#[test]
fn random_live_remapping_loses_nothing() {
    for seed in 0..histories() {
        for v in BOTH {
            let mut run = Run::new(v, 1000 + seed);
            for round in 0..20 {
                for _ in 0..20 {
                    run.step();
                }
                let p = run.dice.below(run.ldb.len() as u64) as usize;
                // Somebody must be able to take what waits, and the first port has all queues.
                if p != 0 && !run.ldb[p].slots.is_empty() && round % 2 == 0 {
                    unmap(&mut run, p);
                } else if run.ldb[p].slots.len() < 8 {
                    map(&mut run, p);
                }
                run.look();
            }
            run.drain();
        }
    }
}

fn ctrl(run: &mut Run, p: usize, slot: u32, value: bool, bit: u32) {
    let cq = run.ldb[p].cq.port as u32;
    run.r.wr(
        reg::SCHED_CTRL,
        0,
        cq | slot << 8 | u32::from(value) << 11 | 1 << bit,
    );
}

/// Consumers finish until a counter is zero; it must be visible that one has to wait for them.
fn wait_for(run: &mut Run, r: reg::At, x: u32) {
    for _ in 0..10_000 {
        if run.r.rd(r, x) == 0 {
            return;
        }
        run.complete();
        run.look();
    }
    panic!("never zero");
}

fn unmap(run: &mut Run, p: usize) {
    let slot = run.ldb[p].slots.len() as u32 - 1;
    let (cq, q) = (run.ldb[p].cq.port as u32, run.ldb[p].slots[slot as usize]);
    run.r.wr(reg::CQ_LDB_DSBL, cq, 1);
    wait_for(run, reg::CQ_LDB_INFL, cq);
    run.r.unmap_tables(cq, slot, q);
    ctrl(run, p, slot, false, 13);
    ctrl(run, p, slot, false, 12);
    ctrl(run, p, slot, true, 15);
    run.ldb[p].slots.pop();
    let off = u32::from(!run.ldb[p].enabled);
    run.r.wr(reg::CQ_LDB_DSBL, cq, off);
}

fn map(run: &mut Run, p: usize) {
    let q = run.dice.below(run.queues.len() as u64) as u32;
    if run.ldb[p].slots.contains(&q) {
        return;
    }
    let (cq, slot) = (run.ldb[p].cq.port as u32, run.ldb[p].slots.len() as u32);
    run.r.wr(reg::QID_LDB_INFL_LIM, q, 0);
    wait_for(run, reg::QID_LDB_INFL, q);
    let users: Vec<usize> = (0..run.ldb.len())
        .filter(|&i| i == p || run.ldb[i].slots.contains(&q))
        .collect();
    for &i in &users {
        let cq = run.ldb[i].cq.port as u32;
        run.r.wr(reg::CQ_LDB_DSBL, cq, 1);
    }
    let pri = run.dice.below(8) as u32;
    run.r.map_tables(cq, slot, q, pri);
    run.ldb[p].slots.push(q);
    let atomic = run.r.rd(reg::QID_AQED_CNT, q) > 0;
    if atomic {
        ctrl(run, p, slot, true, 13);
    }
    let nalb = run.r.rd(reg::QID_LDB_ENQ, q) > 0;
    if nalb {
        ctrl(run, p, slot, true, 12);
    }
    ctrl(run, p, slot, false, 15);
    for &i in &users {
        let at = run.ldb[i]
            .slots
            .iter()
            .position(|&s| s == q)
            .expect("mapped") as u32;
        ctrl(run, i, at, true, 15);
    }
    let lim = run.queues[q as usize].inflights;
    run.r.wr(reg::QID_LDB_INFL_LIM, q, lim);
    for &i in &users {
        let (cq, off) = (run.ldb[i].cq.port as u32, u32::from(!run.ldb[i].enabled));
        run.r.wr(reg::CQ_LDB_DSBL, cq, off);
    }
}
