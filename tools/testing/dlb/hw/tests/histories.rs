// SPDX-License-Identifier: GPL-2.0

//! Random histories of configuring, using, re-linking, stopping and resetting domains, on the
//! hardware model. After every step the device is consistent and resources are conserved; every
//! element is delivered once, to its own domain, in the order its scheduling type promises; at the
//! end credits are back and the device is as it was.
//!
//! `DLB_SEEDS=n` runs more of them than `cargo test` does by itself.

#[path = "common/sim.rs"]
mod sim;

use dlb_hw::hw::hcw::{Command, CqEntry, Hcw, SchedType};
use dlb_hw::hw::regs::chp::*;
use dlb_hw::hw::regs::{self, Unit};
use dlb_hw::hw::*;
use dlb_model::Requester;
use sim::{Random, Sim, User};
use std::collections::{BTreeMap, HashMap, VecDeque};

const STEPS: u32 = 1200;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Atomic,
    Unordered,
    Ordered,
}

struct Queue {
    id: u32,
    kind: Kind,
    /// Atomic: elements of each flow that were sent and not received.
    flows: HashMap<u16, VecDeque<u64>>,
    /// Atomic: who holds a flow, and how many elements of it.
    holders: HashMap<u16, (u32, u32)>,
}

struct LdbPort {
    id: u32,
    user: User,
    /// Received and not completed, oldest first.
    held: VecDeque<(u64, CqEntry)>,
    enabled: bool,
}

struct DirPort {
    id: u32,
    user: User,
    /// What each sender's elements must come in order of.
    sent: VecDeque<u64>,
    enabled: bool,
}

struct Element {
    /// LDB queue or DIR queue.
    ldb: bool,
    queue: u32,
    flow: u16,
    /// Position in the ordered queue it came through.
    turn: Option<(u32, u64)>,
}

struct Domain {
    id: u32,
    queues: Vec<Queue>,
    ports: Vec<LdbPort>,
    dir: Vec<DirPort>,
    started: bool,
    ldb_credits: u32,
    dir_credits: u32,
    ldb_used: u32,
    dir_used: u32,
    elements: BTreeMap<u64, Element>,
    /// Next turn of each ordered queue, and the last one seen behind it.
    turns: HashMap<u32, u64>,
    seen: HashMap<u32, u64>,
}

struct World {
    sim: Sim,
    pf: Box<Pf>,
    random: Random,
    domains: Vec<Domain>,
    next: u64,
    now: u32,
    delivered: u64,
    combined: bool,
}

impl World {
    fn new(version: Version, seed: u64) -> Self {
        let (sim, pf) = Sim::up(version, seed);
        Self {
            sim,
            pf,
            random: Random::new(seed),
            domains: Vec::new(),
            next: 1,
            now: 0,
            delivered: 0,
            combined: version.limits().combined_credits,
        }
    }

    fn create(&mut self) {
        let r = &mut self.random;
        let n_queues = r.below(4);
        let n_ports = if n_queues == 0 {
            r.below(2)
        } else {
            1 + r.below(4)
        };
        let n_dir = 1 + r.below(3);
        let hl = 1 + r.below(20) as u32;
        let kinds: Vec<Kind> = (0..n_queues)
            .map(|_| [Kind::Atomic, Kind::Unordered, Kind::Ordered][r.below(3) as usize])
            .collect();
        let ordered = kinds.iter().filter(|k| **k == Kind::Ordered).count() as u32;
        let args = DomainArgs {
            ldb_queues: n_queues as u32,
            ldb_ports: n_ports as u32,
            dir_ports: n_dir as u32,
            ldb_credits: 8 + r.below(100) as u32,
            dir_credits: 8 + r.below(50) as u32,
            hist_list_entries: hl * n_ports as u32,
            atomic_inflights: 16 * kinds.len() as u32,
            sn_slots: [ordered, 0],
            ..DomainArgs::default()
        };
        let free = self.pf.available(Func::Pf);
        let id = match self.pf.create_domain(&self.sim, Func::Pf, &args) {
            Ok(id) => id,
            Err(Error::NoSpace { .. }) => {
                assert_eq!(self.pf.available(Func::Pf), free);
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let queues: Vec<Queue> = kinds
            .iter()
            .map(|kind| {
                let args = LdbQueueArgs {
                    sequence_numbers: if *kind == Kind::Ordered { 64 } else { 0 },
                    qid_inflights: 1 + self.random.below(64) as u32,
                    atomic_inflights: if *kind == Kind::Atomic { 16 } else { 0 },
                    lock_id_comp_level: [0, 64, 4096][self.random.below(3) as usize],
                    depth_threshold: 32,
                };
                Queue {
                    id: self
                        .pf
                        .create_ldb_queue(&self.sim, Func::Pf, id, &args)
                        .unwrap(),
                    kind: *kind,
                    flows: HashMap::new(),
                    holders: HashMap::new(),
                }
            })
            .collect();
        let ports: Vec<LdbPort> = (0..n_ports)
            .map(|_| {
                let base = self.sim.allocate_cq(Requester::Pf);
                let depth = 1 << self.random.below(6);
                let enabled = !self.random.one_in(4);
                let args = LdbPortArgs {
                    cq_base: base,
                    cq_depth: depth,
                    hist_list_size: hl,
                    cos: self.random.one_in(2).then_some(3),
                    enabled,
                    ..LdbPortArgs::default()
                };
                let p = self
                    .pf
                    .create_ldb_port(&self.sim, Func::Pf, id, &args)
                    .unwrap();
                let page = Port::Ldb(p as u8);
                LdbPort {
                    id: p,
                    user: User::new(Requester::Pf, page, base, depth, true),
                    held: VecDeque::new(),
                    enabled,
                }
            })
            .collect();
        let dir: Vec<DirPort> = (0..n_dir)
            .map(|_| {
                let base = self.sim.allocate_cq(Requester::Pf);
                let depth = 1 << self.random.below(6);
                let args = DirQueueArgs {
                    port: None,
                    depth_threshold: 32,
                    near: false,
                };
                let q = self
                    .pf
                    .create_dir_queue(&self.sim, Func::Pf, id, &args)
                    .unwrap();
                let args = DirPortArgs {
                    cq_base: base,
                    cq_depth: depth,
                    queue: Some(q),
                    enabled: true,
                    near: false,
                };
                let p = self
                    .pf
                    .create_dir_port(&self.sim, Func::Pf, id, &args)
                    .unwrap();
                assert_eq!(p, q);
                DirPort {
                    id: p,
                    user: User::new(Requester::Pf, Port::Dir(p as u8), base, depth, true),
                    sent: VecDeque::new(),
                    enabled: true,
                }
            })
            .collect();
        self.domains.push(Domain {
            id,
            queues,
            ports,
            dir,
            started: false,
            ldb_credits: args.ldb_credits,
            dir_credits: args.dir_credits,
            ldb_used: 0,
            dir_used: 0,
            elements: BTreeMap::new(),
            turns: HashMap::new(),
            seen: HashMap::new(),
        });
        let d = self.domains.len() - 1;
        for _ in 0..self.random.below(8) {
            self.link(d);
        }
    }

    fn link(&mut self, d: usize) {
        let domain = &self.domains[d];
        let (Some(port), Some(queue)) = (
            self.random.pick(&domain.ports),
            self.random.pick(&domain.queues),
        ) else {
            return;
        };
        let priority = self.random.below(8) as u32;
        match self
            .pf
            .map_queue(&self.sim, Func::Pf, domain.id, port.id, queue.id, priority)
        {
            Ok(()) | Err(Error::Busy(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn unlink(&mut self, d: usize) {
        let domain = &self.domains[d];
        let (Some(port), Some(queue)) = (
            self.random.pick(&domain.ports),
            self.random.pick(&domain.queues),
        ) else {
            return;
        };
        match self
            .pf
            .unmap_queue(&self.sim, Func::Pf, domain.id, port.id, queue.id)
        {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Takes a credit of the pool an element needs.
    fn take_credit(&mut self, d: usize, ldb: bool) -> bool {
        let combined = self.combined;
        let domain = &mut self.domains[d];
        if combined {
            let used = domain.ldb_used + domain.dir_used;
            if used >= domain.ldb_credits + domain.dir_credits {
                return false;
            }
        }
        let (used, all) = match ldb {
            true => (&mut domain.ldb_used, domain.ldb_credits),
            false => (&mut domain.dir_used, domain.dir_credits),
        };
        if !combined && *used >= all {
            return false;
        }
        *used += 1;
        true
    }

    fn give_credit(&mut self, d: usize, ldb: bool) {
        let domain = &mut self.domains[d];
        match ldb {
            true => domain.ldb_used -= 1,
            false => domain.dir_used -= 1,
        }
    }

    /// Sends one new element from a random port of the domain.
    fn send(&mut self, d: usize) {
        let n_ldb = self.domains[d].queues.len() as u64;
        let n_dir = self.domains[d].dir.len() as u64;
        let target = self.random.below(n_ldb + n_dir);
        let ldb = target < n_ldb;
        if !self.domains[d].started || !self.take_credit(d, ldb) {
            return;
        }
        let id = self.next;
        self.next += 1;
        let flow = self.random.below(6) as u16;
        let priority = (flow % 8) as u8;
        let producer = self.random.below(n_dir) as usize;
        let domain = &mut self.domains[d];
        let mut element = Element {
            ldb,
            queue: 0,
            flow,
            turn: None,
        };
        let hcw = Hcw {
            data: id,
            ..Hcw::command(Command::New)
        };
        let hcw = if ldb {
            let queue = &mut domain.queues[target as usize];
            element.queue = queue.id;
            let (sched, priority) = match queue.kind {
                Kind::Atomic => {
                    queue.flows.entry(flow).or_default().push_back(id);
                    (SchedType::Atomic, priority)
                }
                Kind::Unordered => (SchedType::Unordered, priority),
                Kind::Ordered => {
                    let turn = domain.turns.entry(queue.id).or_insert(0);
                    element.turn = Some((queue.id, *turn));
                    *turn += 1;
                    (SchedType::Ordered, 0)
                }
            };
            hcw.with_qid(queue.id as u8)
                .with_sched_type(sched as u8)
                .with_lock_id(flow)
                .with_priority(priority)
        } else {
            let port = &mut domain.dir[(target - n_ldb) as usize];
            element.queue = port.id;
            port.sent.push_back(id);
            hcw.with_qid(port.id as u8)
                .with_sched_type(SchedType::Directed as u8)
        };
        domain.elements.insert(id, element);
        domain.dir[producer].user.send(&self.sim, &[hcw]);
    }

    /// A load-balanced consumer looks at its queue.
    fn receive_ldb(&mut self, d: usize, p: usize) -> bool {
        let domain = &mut self.domains[d];
        let port = &mut domain.ports[p];
        let Some(entry) = port.user.receive(&self.sim) else {
            return false;
        };
        let element = domain
            .elements
            .get(&entry.data)
            .unwrap_or_else(|| panic!("element {} is none, or came twice", entry.data));
        assert!(element.ldb);
        assert_eq!(u32::from(entry.qid()), element.queue);
        let queue = domain
            .queues
            .iter_mut()
            .find(|queue| queue.id == element.queue)
            .expect("a queue of the same domain");
        if queue.kind == Kind::Atomic {
            let flow = queue.flows.get_mut(&element.flow).unwrap();
            assert_eq!(flow.pop_front(), Some(entry.data), "order of the flow");
            let holder = queue.holders.entry(element.flow).or_insert((port.id, 0));
            assert!(
                holder.1 == 0 || holder.0 == port.id,
                "flow {} at ports {} and {}",
                element.flow,
                holder.0,
                port.id
            );
            *holder = (port.id, holder.1 + 1);
        }
        port.held.push_back((entry.data, entry));
        self.delivered += 1;
        self.give_credit(d, true);
        true
    }

    /// A load-balanced consumer completes the oldest element it holds.
    fn complete(&mut self, d: usize, p: usize) -> bool {
        let Some((id, _)) = self.domains[d].ports[p].held.pop_front() else {
            return false;
        };
        let element = self.domains[d].elements.remove(&id).unwrap();
        let queue = self.domains[d]
            .queues
            .iter_mut()
            .find(|queue| queue.id == element.queue)
            .unwrap();
        if let Some(holder) = queue.holders.get_mut(&element.flow) {
            holder.1 = holder.1.saturating_sub(1);
        }
        // Forward to a directed queue, if there is a credit and it accepts elements.
        let forward = !self.random.one_in(3) && self.domains[d].started;
        if forward && self.take_credit(d, false) {
            let domain = &mut self.domains[d];
            let to = self.random.below(domain.dir.len() as u64) as usize;
            // What passed an ordered queue always goes to the same place, to see its order.
            let to = if element.turn.is_some() { 0 } else { to };
            let dest = domain.dir[to].id;
            domain.elements.insert(
                id,
                Element {
                    ldb: false,
                    queue: dest,
                    flow: 0,
                    turn: element.turn,
                },
            );
            if element.turn.is_none() {
                domain.dir[to].sent.push_back(id);
            }
            let hcw = Hcw {
                data: id,
                ..Hcw::command(Command::Fwd)
            }
            .with_qid(dest as u8)
            .with_sched_type(SchedType::Directed as u8);
            domain.ports[p].user.send(&self.sim, &[hcw]);
        } else {
            self.domains[d].ports[p].user.release(&self.sim);
        }
        true
    }

    fn receive_dir(&mut self, d: usize, p: usize) -> bool {
        let domain = &mut self.domains[d];
        let port = &mut domain.dir[p];
        let Some(entry) = port.user.receive(&self.sim) else {
            return false;
        };
        let element = domain
            .elements
            .remove(&entry.data)
            .unwrap_or_else(|| panic!("element {} is none, or came twice", entry.data));
        assert!(!element.ldb);
        assert_eq!(element.queue, port.id);
        match element.turn {
            Some((queue, turn)) => {
                let next = domain.seen.entry(queue).or_insert(0);
                assert!(turn >= *next, "turn {turn} after {next} of queue {queue}");
                *next = turn + 1;
            }
            None => assert_eq!(
                port.sent.pop_front(),
                Some(entry.data),
                "first in, first out"
            ),
        }
        self.delivered += 1;
        self.give_credit(d, false);
        true
    }

    fn work(&mut self, d: usize) {
        let n = self.domains[d].ports.len() as u64;
        if n != 0 {
            let p = self.random.below(n) as usize;
            for _ in 0..self.random.below(6) {
                self.receive_ldb(d, p);
            }
            for _ in 0..self.random.below(6) {
                self.complete(d, p);
            }
            if self.random.one_in(2) {
                let tokens = self.random.below(8) as u16;
                self.domains[d].ports[p]
                    .user
                    .return_tokens(&self.sim, tokens);
            }
        }
        let p = self.random.below(self.domains[d].dir.len() as u64) as usize;
        for _ in 0..self.random.below(6) {
            self.receive_dir(d, p);
        }
        let tokens = self.random.below(8) as u16;
        self.domains[d].dir[p].user.return_tokens(&self.sim, tokens);
    }

    fn toggle_port(&mut self, d: usize) {
        let domain = &mut self.domains[d];
        let (id, enabled) = if self.random.one_in(2) {
            match domain.ports.first_mut() {
                Some(port) => (PortId::Ldb(port.id), &mut port.enabled),
                None => return,
            }
        } else {
            let port = &mut domain.dir[0];
            (PortId::Dir(port.id), &mut port.enabled)
        };
        *enabled = !*enabled;
        self.pf
            .set_port_enabled(&self.sim, Func::Pf, domain.id, id, *enabled)
            .unwrap();
    }

    fn toggle_started(&mut self, d: usize) {
        let domain = &mut self.domains[d];
        match domain.started {
            true => self.pf.stop_domain(&self.sim, Func::Pf, domain.id).unwrap(),
            false => self
                .pf
                .start_domain(&self.sim, Func::Pf, domain.id)
                .unwrap(),
        }
        domain.started = !domain.started;
    }

    fn reset(&mut self, d: usize) {
        let domain = self.domains.swap_remove(d);
        self.pf
            .reset_domain(&self.sim, Func::Pf, domain.id)
            .unwrap_or_else(|error| {
                panic!("{error}\n{}", self.sim.device.borrow().snapshot());
            });
        let users = domain.ports.iter().map(|p| &p.user);
        for user in users.chain(domain.dir.iter().map(|p| &p.user)) {
            self.sim.free_cq(user.base);
        }
    }

    fn service(&mut self) {
        self.now += 1;
        let left = self
            .pf
            .service_pending(&self.sim, self.now, &mut |stuck| panic!("{stuck:?}"))
            .unwrap();
        assert_eq!(left, self.pf.pending());
    }

    fn step(&mut self) {
        let n = self.domains.len() as u64;
        if n == 0 || self.random.one_in(40) {
            return self.create();
        }
        let d = self.random.below(n) as usize;
        match self.random.below(100) {
            0..=44 => {
                for _ in 0..self.random.below(20) {
                    self.send(d);
                }
            }
            45..=79 => self.work(d),
            80..=84 => self.link(d),
            85..=88 => self.unlink(d),
            89..=93 => self.service(),
            94..=95 => self.toggle_port(d),
            96..=98 if self.domains[d].started && !self.random.one_in(4) => self.work(d),
            96..=98 => self.toggle_started(d),
            _ if self.random.one_in(3) => self.reset(d),
            _ => self.work(d),
        }
    }

    fn check(&self) {
        self.sim.assert_sane();
        let total = self.pf.total();
        let (free, used) = (self.pf.available(Func::Pf), self.pf.used(Func::Pf));
        assert_eq!(free.domains + used.domains, total.domains);
        assert_eq!(used.domains as usize, self.domains.len());
        assert_eq!(free.ldb_queues + used.ldb_queues, total.ldb_queues);
        assert_eq!(free.ldb_ports() + used.ldb_ports(), total.ldb_ports());
        assert_eq!(free.dir_ports + used.dir_ports, total.dir_ports);
        assert_eq!(free.ldb_credits + used.ldb_credits, total.ldb_credits);
        assert_eq!(free.dir_credits + used.dir_credits, total.dir_credits);
        assert_eq!(
            free.hist_list_entries + used.hist_list_entries,
            total.hist_list_entries
        );
        assert!(free.max_ctg_hl_entries <= free.hist_list_entries);
    }

    /// Everybody works until nothing is left, then looks back.
    fn finish(&mut self) {
        for d in 0..self.domains.len() {
            if !self.domains[d].started {
                self.toggle_started(d);
            }
            for p in 0..self.domains[d].ports.len() {
                let domain = &mut self.domains[d];
                let port = &mut domain.ports[p];
                port.enabled = true;
                let id = PortId::Ldb(port.id);
                self.pf
                    .set_port_enabled(&self.sim, Func::Pf, domain.id, id, true)
                    .unwrap();
            }
            for p in 0..self.domains[d].dir.len() {
                let domain = &mut self.domains[d];
                let id = PortId::Dir(domain.dir[p].id);
                self.pf
                    .set_port_enabled(&self.sim, Func::Pf, domain.id, id, true)
                    .unwrap();
            }
        }
        self.drain();
        for domain in &self.domains {
            if let Some(port) = domain.ports.first() {
                for queue in &domain.queues {
                    self.pf
                        .map_queue(&self.sim, Func::Pf, domain.id, port.id, queue.id, 0)
                        .unwrap();
                }
            }
        }
        self.drain();
        for domain in &self.domains {
            assert!(
                domain.elements.is_empty(),
                "{} elements lost\n{}",
                domain.elements.len(),
                self.sim.device.borrow().snapshot()
            );
            let io = Io::new(&self.sim, self.sim.version);
            match self.combined {
                true => assert_eq!(
                    io.read(CHP_CFG_VAS_CRD::at(domain.id)).count(),
                    domain.ldb_credits + domain.dir_credits
                ),
                false => {
                    let ldb = io.read(CHP_CFG_LDB_VAS_CRD::at(domain.id)).count();
                    let dir = io.read(CHP_CFG_DIR_VAS_CRD::at(domain.id)).count();
                    assert_eq!((ldb, dir), (domain.ldb_credits, domain.dir_credits));
                }
            }
        }
        while !self.domains.is_empty() {
            self.reset(0);
        }
        assert_eq!(self.pf.available(Func::Pf), self.pf.total());
    }

    fn drain(&mut self) {
        for _ in 0..5000 {
            let mut any = false;
            for d in 0..self.domains.len() {
                for p in 0..self.domains[d].ports.len() {
                    while self.receive_ldb(d, p) {
                        any = true;
                    }
                    while self.complete(d, p) {
                        any = true;
                    }
                    self.domains[d].ports[p].user.return_tokens(&self.sim, 1024);
                }
                for p in 0..self.domains[d].dir.len() {
                    while self.receive_dir(d, p) {
                        any = true;
                    }
                    self.domains[d].dir[p].user.return_tokens(&self.sim, 1024);
                }
            }
            self.service();
            if !any && self.pf.pending() == 0 {
                return;
            }
        }
        panic!("no end\n{}", self.sim.device.borrow().snapshot());
    }
}

fn seeds() -> u64 {
    std::env::var("DLB_SEEDS").map_or(12, |n| n.parse().unwrap())
}

fn run(version: Version) {
    let mut delivered = 0;
    for seed in 1..=seeds() {
        let mut world = World::new(version, seed);
        for step in 0..STEPS {
            let at = format!("seed {seed} step {step}");
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                world.step();
                world.check();
            }));
            if let Err(panic) = result {
                eprintln!("{version:?} {at}");
                std::panic::resume_unwind(panic);
            }
        }
        world.finish();
        world.check();
        delivered += world.delivered;
    }
    println!("{version:?}: {delivered} elements delivered");
    assert!(delivered > seeds() * 100);
}

#[test]
fn random_histories_of_dlb_2_0() {
    run(Version::V2);
}

#[test]
fn random_histories_of_dlb_2_5() {
    run(Version::V25);
}

/// The registers that name owners and enable things are all back after a history.
#[test]
fn a_history_leaves_no_trace() {
    for version in [Version::V2, Version::V25] {
        let mut world = World::new(version, 77);
        let values = |sim: &Sim| -> Vec<(u32, u32)> {
            let regs = regs::ALL.iter().flat_map(|unit| unit.iter());
            let traced = regs.filter(|reg| {
                let names = [
                    "_V",
                    "2VAS",
                    "2VDEV",
                    "_DSBL",
                    "QID2CQIDIX",
                    "CQ2PRIOV",
                    "_CRD",
                ];
                matches!(reg.unit, Unit::Sys | Unit::Chp | Unit::Lsp | Unit::Atm)
                    && names.iter().any(|name| reg.name.contains(name))
                    && !reg.name.contains("CTRL")
            });
            let mut values = Vec::new();
            for reg in traced {
                let Some(base) = reg.base(version) else {
                    continue;
                };
                let mut offsets = vec![base];
                for dim in reg.dims {
                    offsets = offsets
                        .iter()
                        .flat_map(|o| (0..dim.count(version)).map(move |i| o + i * dim.stride))
                        .collect();
                }
                values.extend(offsets.iter().map(|o| (*o, sim.read(Bar::Csr, *o))));
            }
            values
        };
        let fresh = values(&world.sim);
        assert!(fresh.len() > 5000);
        for _ in 0..STEPS {
            world.step();
        }
        while !world.domains.is_empty() {
            world.reset(0);
        }
        let now = values(&world.sim);
        for ((offset, value), (_, before)) in now.iter().zip(&fresh) {
            assert_eq!(value, before, "{offset:#x}");
        }
    }
}
