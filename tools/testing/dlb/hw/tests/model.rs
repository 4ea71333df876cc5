// SPDX-License-Identifier: GPL-2.0

//! The driver's logic on the hardware model.

mod common;
#[path = "common/sim.rs"]
mod sim;

use common::register_at;
use dlb_hw::hw::error::{Drain, Object, Wait};
use dlb_hw::hw::hcw::{Command, Hcw, SchedType};
use dlb_hw::hw::irq::{self, Alarms, Alert, HwAlarm, IngressError};
use dlb_hw::hw::links::LINK_TIMEOUT_MS;
use dlb_hw::hw::regs::{self, Unit};
use dlb_hw::hw::*;
use dlb_model::Requester;
use sim::{Sim, User};

const VERSIONS: [Version; 2] = [Version::V2, Version::V25];

/// The value of every register of the CSR BAR that a new domain starts from.
fn registers(sim: &Sim) -> Vec<(u32, u32)> {
    let kept = |name: &str| {
        // Counters of the whole device, commands, what the reset procedure leaves alone because
        // every new queue sets it, and storage without meaning while nothing is in it.
        name.ends_with("SCH_CNT_L")
            || name.ends_with("SCH_CNT_H")
            || name.contains("SCHED_PERF")
            || name.contains("SYS_CNT")
            || name.contains("ERR_DROP")
            || name.contains("HIST_LIST_0")
            || name.contains("HIST_LIST_1")
            || name.contains("_WD_DISABLE")
            || name.contains("ALARM")
            || name.contains("MSIX_ACK")
            || name.contains("CM_")
            || name == "SYS_DIR_CQ_OPT_CLR"
            || name == "LSP_LDB_SCHED_CTRL"
            || name.starts_with("AQED_QID_")
            || name.starts_with("RO_REORDER")
    };
    let mut values = Vec::new();
    for reg in regs::ALL.iter().flat_map(|unit| unit.iter()) {
        let Some(base) = reg.base(sim.version) else {
            continue;
        };
        let named_by_one_source = reg.name.contains("SMON") || reg.name.contains("_AI_");
        if reg.bar != Bar::Csr || reg.unit == Unit::VfFunc || named_by_one_source || kept(reg.name)
        {
            continue;
        }
        let mut offsets = vec![base];
        for dim in reg.dims {
            offsets = offsets
                .iter()
                .flat_map(|o| (0..dim.count(sim.version)).map(move |i| o + i * dim.stride))
                .collect();
        }
        values.extend(offsets.iter().map(|o| (*o, sim.read(Bar::Csr, *o))));
    }
    values
}

fn assert_same_registers(sim: &Sim, fresh: &[(u32, u32)]) {
    for ((offset, now), (_, before)) in registers(sim).iter().zip(fresh) {
        if now != before {
            let name = register_at(sim.version, Bar::Csr, *offset).map(|(r, i)| (r.name, i));
            panic!("{name:?} at {offset:#x} is {now:#x}, was {before:#x}");
        }
    }
}

#[derive(Default)]
struct Seen {
    ingress: Vec<IngressError>,
    watchdog: Vec<PortOwner>,
    hardware: Vec<HwAlarm>,
    storms: u32,
}

impl Alarms for Seen {
    fn ingress(&mut self, error: IngressError) {
        self.ingress.push(error);
    }
    fn watchdog(&mut self, port: PortOwner) {
        self.watchdog.push(port);
    }
    fn hardware(&mut self, alarm: HwAlarm) {
        self.hardware.push(alarm);
    }
    fn storm(&mut self) {
        self.storms += 1;
    }
    fn throttled(&mut self, vf: u8) {
        panic!("VF {vf}");
    }
}

fn new(data: u64, queue: u32, sched: SchedType) -> Hcw {
    Hcw {
        data,
        ..Hcw::command(Command::New)
    }
    .with_qid(queue as u8)
    .with_sched_type(sched as u8)
}

fn fwd(data: u64, queue: u32, sched: SchedType) -> Hcw {
    Hcw {
        data,
        ..Hcw::command(Command::Fwd)
    }
    .with_qid(queue as u8)
    .with_sched_type(sched as u8)
}

/// A domain with queues and ports, all of the PF.
struct Domain {
    id: u32,
    queues: Vec<u32>,
    ports: Vec<(u32, User)>,
    /// Directed ports; the queue of each, if it has one.
    dir: Vec<(u32, Option<u32>, User)>,
}

fn build(
    sim: &Sim,
    pf: &mut Pf,
    queues: &[LdbQueueArgs],
    ports: u32,
    dir: u32,
    depth: u32,
) -> Domain {
    let sns = |n| queues.iter().filter(|q| q.sequence_numbers == n).count() as u32;
    let sn_slots = [0, 1].map(|g| sns(pf.sequence_numbers(g).unwrap()));
    let args = DomainArgs {
        ldb_queues: queues.len() as u32,
        ldb_ports: ports,
        dir_ports: dir,
        ldb_credits: 1024,
        dir_credits: 512,
        hist_list_entries: ports * depth,
        atomic_inflights: queues.iter().map(|q| q.atomic_inflights).sum(),
        sn_slots: if sn_slots[0] > 0 {
            [sn_slots[0], 0]
        } else {
            sn_slots
        },
        ..DomainArgs::default()
    };
    let id = pf.create_domain(sim, Func::Pf, &args).unwrap();
    let queues: Vec<u32> = queues
        .iter()
        .map(|q| pf.create_ldb_queue(sim, Func::Pf, id, q).unwrap())
        .collect();
    let sparse = pf.settings().sparse_cq;
    let ports = (0..ports)
        .map(|_| {
            let base = sim.allocate_cq(Requester::Pf);
            let args = LdbPortArgs {
                cq_base: base,
                cq_depth: depth,
                hist_list_size: depth,
                enabled: true,
                ..LdbPortArgs::default()
            };
            let p = pf.create_ldb_port(sim, Func::Pf, id, &args).unwrap();
            let page = Port::Ldb(p as u8);
            (p, User::new(Requester::Pf, page, base, depth, sparse))
        })
        .collect();
    let dir = (0..dir)
        .map(|_| {
            let base = sim.allocate_cq(Requester::Pf);
            let args = DirPortArgs {
                cq_base: base,
                cq_depth: depth,
                queue: None,
                enabled: true,
                near: false,
            };
            let p = pf.create_dir_port(sim, Func::Pf, id, &args).unwrap();
            let args = DirQueueArgs {
                port: Some(p),
                depth_threshold: 64,
                near: false,
            };
            let q = pf.create_dir_queue(sim, Func::Pf, id, &args).unwrap();
            let page = Port::Dir(p as u8);
            (
                p,
                Some(q),
                User::new(Requester::Pf, page, base, depth, sparse),
            )
        })
        .collect();
    Domain {
        id,
        queues,
        ports,
        dir,
    }
}

const ATOMIC: LdbQueueArgs = LdbQueueArgs {
    sequence_numbers: 0,
    qid_inflights: 512,
    atomic_inflights: 64,
    lock_id_comp_level: 0,
    depth_threshold: 256,
};

const UNORDERED: LdbQueueArgs = LdbQueueArgs {
    atomic_inflights: 0,
    ..ATOMIC
};

const ORDERED: LdbQueueArgs = LdbQueueArgs {
    sequence_numbers: 64,
    qid_inflights: 64,
    ..ATOMIC
};

/// The data path of the worked example: what the device does with the registers as written.
#[test]
fn the_worked_example_delivers_what_it_should() {
    let (sim, mut pf) = Sim::up(Version::V2, 1);
    let args = DomainArgs {
        ldb_queues: 1,
        ldb_ports: 1,
        ldb_credits: 64,
        hist_list_entries: 8,
        ..DomainArgs::default()
    };
    let d = pf.create_domain(&sim, Func::Pf, &args).unwrap();
    let args = LdbQueueArgs {
        qid_inflights: 64,
        depth_threshold: 32,
        ..LdbQueueArgs::default()
    };
    let q = pf.create_ldb_queue(&sim, Func::Pf, d, &args).unwrap();
    let base = sim.allocate_cq(Requester::Pf);
    let args = LdbPortArgs {
        cq_base: base,
        cq_depth: 4,
        hist_list_size: 8,
        enabled: true,
        ..LdbPortArgs::default()
    };
    let p = pf.create_ldb_port(&sim, Func::Pf, d, &args).unwrap();
    pf.map_queue(&sim, Func::Pf, d, p, q, 0).unwrap();
    pf.start_domain(&sim, Func::Pf, d).unwrap();
    let mut user = User::new(Requester::Pf, Port::Ldb(0), base, 4, true);

    let events: Vec<Hcw> = (0..6).map(|i| new(i, q, SchedType::Unordered)).collect();
    user.send(&sim, &events);
    for n in 0..4 {
        let entry = sim.entry(base + 64 * n);
        assert_eq!((entry.data, entry.state), (n, 0x0100_0000_0100_0000));
    }
    assert_eq!(sim.entry(base + 256).state, 0, "only four of depth 4");
    assert_eq!(sim.read(Bar::Csr, 0xa058_0000), 8, "tokens");
    assert_eq!(sim.read(Bar::Csr, 0x4008_0000), 62, "credits");
    for n in 0..4 {
        assert_eq!(user.receive(&sim).unwrap().data, n);
    }
    user.return_tokens(&sim, 4);
    assert_eq!(user.receive(&sim).unwrap().data, 4);
    assert_eq!(user.receive(&sim).unwrap().data, 5);
    assert_eq!(pf.ldb_queue_depth(&sim, Func::Pf, d, q), Ok(0));
    for _ in 0..6 {
        user.release(&sim);
    }
    user.return_tokens(&sim, 2);
    sim.assert_sane();
    assert_eq!(
        pf.xstat(&sim, Func::Pf, d, Xstat::LdbPortTokens(p)),
        Ok(4),
        "the pre-charge"
    );
    assert_eq!(
        pf.xstat(&sim, Func::Pf, d, Xstat::LdbPortScheduled(p)),
        Ok(6)
    );
    pf.reset_domain(&sim, Func::Pf, d).unwrap();
    assert_eq!(pf.available(Func::Pf), pf.total());
}

#[test]
fn a_reset_in_the_middle_of_everything_leaves_a_fresh_device() {
    for version in VERSIONS {
        let (sim, mut pf) = Sim::up(version, 3);
        let fresh = registers(&sim);
        let queues = [ATOMIC, UNORDERED, ORDERED, UNORDERED];
        let mut domain = build(&sim, &mut pf, &queues, 3, 2, 8);
        let q = domain.queues.clone();
        let dq = domain.dir[1].1.unwrap();
        // The last queue has no link: it is drained by linking it to a port.
        for (p, _) in &domain.ports {
            for (prio, q) in (0..).zip(&q[..3]) {
                pf.map_queue(&sim, Func::Pf, domain.id, *p, *q, prio)
                    .unwrap();
            }
        }
        for port in [
            Port::Ldb(domain.ports[0].0 as u8),
            Port::Dir(domain.dir[0].0 as u8),
        ] {
            pf.enable_cq_interrupt(&sim, port, 1, Route::Pf).unwrap();
        }
        pf.start_domain(&sim, Func::Pf, domain.id).unwrap();
        let producer = domain.dir[0].2.clone();
        for i in 0..40 {
            let flow = (i % 5) as u16;
            producer.send(
                &sim,
                &[
                    new(i, q[0], SchedType::Atomic).with_lock_id(flow),
                    new(i, q[1], SchedType::Unordered),
                    new(i, q[2], SchedType::Ordered),
                    new(i, q[3], SchedType::Unordered),
                ],
            );
            producer.send(&sim, &[new(i, dq, SchedType::Directed)]);
        }
        // Some ordered elements are forwarded out of turn, so that the device holds them back.
        for (_, user) in &mut domain.ports {
            for _ in 0..4 {
                if let Some(entry) = user.receive(&sim) {
                    user.send(&sim, &[fwd(entry.data, q[1], SchedType::Unordered)]);
                }
            }
        }
        sim.device.borrow().check_sane().unwrap();
        pf.set_port_enabled(
            &sim,
            Func::Pf,
            domain.id,
            PortId::Dir(domain.dir[1].0),
            false,
        )
        .unwrap();
        pf.reset_domain(&sim, Func::Pf, domain.id).unwrap();
        assert_eq!(pf.available(Func::Pf), pf.total());
        assert_same_registers(&sim, &fresh);
        sim.assert_sane();
        assert_eq!(sim.slept_us.get(), 0, "nothing to wait for");
    }
}

#[test]
fn a_domain_that_was_never_started_is_reset_without_draining() {
    for version in VERSIONS {
        let (sim, mut pf) = Sim::up(version, 3);
        let fresh = registers(&sim);
        let domain = build(&sim, &mut pf, &[ATOMIC, ORDERED], 2, 2, 64);
        pf.map_queue(
            &sim,
            Func::Pf,
            domain.id,
            domain.ports[1].0,
            domain.queues[1],
            7,
        )
        .unwrap();
        sim.take_accesses();
        sim.lines.set(0);
        pf.reset_domain(&sim, Func::Pf, domain.id).unwrap();
        assert_eq!(sim.lines.get(), 0);
        assert_same_registers(&sim, &fresh);
        assert_eq!(pf.available(Func::Pf), pf.total());
    }
}

/// Links change under load: what was in the queue reaches the new port without any further
/// enqueue, what was unlinked never gets another element.
#[test]
fn links_change_while_elements_flow() {
    for version in VERSIONS {
        let (sim, mut pf) = Sim::up(version, 9);
        let mut domain = build(&sim, &mut pf, &[UNORDERED, ATOMIC], 2, 1, 8);
        let (d, q) = (domain.id, domain.queues.clone());
        let (p0, p1) = (domain.ports[0].0, domain.ports[1].0);
        pf.map_queue(&sim, Func::Pf, d, p0, q[0], 0).unwrap();
        pf.map_queue(&sim, Func::Pf, d, p0, q[1], 0).unwrap();
        pf.start_domain(&sim, Func::Pf, d).unwrap();
        let producer = domain.dir[0].2.clone();
        for i in 0..40 {
            producer.send(
                &sim,
                &[
                    new(i, q[0], SchedType::Unordered),
                    new(100 + i, q[1], SchedType::Atomic).with_lock_id(i as u16),
                ],
            );
        }
        let mut got: Vec<u64> = Vec::new();
        // Linking the second port has to wait: elements of the queues are in flight at the first.
        pf.map_queue(&sim, Func::Pf, d, p1, q[0], 3).unwrap();
        pf.map_queue(&sim, Func::Pf, d, p1, q[1], 3).unwrap();
        assert!(pf.pending() > 0);
        assert_eq!(pf.is_linked(Func::Pf, d, p1, q[0]), Ok(false));
        let mut never = |stuck| panic!("{stuck:?}");
        let mut ms = 0;
        let user = &mut domain.ports[0].1;
        while pf.service_pending(&sim, ms, &mut never).unwrap() != 0 {
            while let Some(entry) = user.receive(&sim) {
                got.push(entry.data);
                user.release(&sim);
            }
            user.return_tokens(&sim, 8);
            ms += 1;
            assert!(ms < 200, "{}", sim.device.borrow().snapshot());
        }
        assert_eq!(pf.is_linked(Func::Pf, d, p1, q[0]), Ok(true));
        assert_eq!(pf.is_linked(Func::Pf, d, p1, q[1]), Ok(true));
        // Now unlink the first port altogether; the second gets all that is left.
        pf.unmap_queue(&sim, Func::Pf, d, p0, q[0]).unwrap();
        pf.unmap_queue(&sim, Func::Pf, d, p0, q[1]).unwrap();
        let user = &mut domain.ports[0].1;
        while let Some(entry) = user.receive(&sim) {
            got.push(entry.data);
            user.release(&sim);
        }
        user.return_tokens(&sim, 64);
        assert_eq!(pf.service_pending(&sim, ms, &mut never), Ok(0));
        assert_eq!(pf.pending_unmaps(Func::Pf, d, p0), Ok(0));
        let user = &mut domain.ports[1].1;
        while let Some(entry) = user.receive(&sim) {
            got.push(entry.data);
            user.release(&sim);
            user.return_tokens(&sim, 1);
        }
        assert!(domain.ports[0].1.receive(&sim).is_none());
        got.sort_unstable();
        let all: Vec<u64> = (0..40).chain(100..140).collect();
        assert_eq!(got, all);
        sim.assert_sane();
        pf.reset_domain(&sim, Func::Pf, d).unwrap();
        assert_eq!(pf.available(Func::Pf), pf.total());
    }
}

/// Eight links exchanged for eight others at once, while the consumer holds an element.
#[test]
fn a_full_set_of_links_is_exchanged() {
    let (sim, mut pf) = Sim::up(Version::V25, 5);
    let mut domain = build(&sim, &mut pf, &[UNORDERED; 17], 1, 1, 16);
    let (d, q, p) = (domain.id, domain.queues.clone(), domain.ports[0].0);
    for q in &q[..8] {
        pf.map_queue(&sim, Func::Pf, d, p, *q, 1).unwrap();
    }
    assert!(matches!(
        pf.map_queue(&sim, Func::Pf, d, p, q[8], 1),
        Err(Error::NoSpace { free: 0, .. })
    ));
    pf.start_domain(&sim, Func::Pf, d).unwrap();
    let producer = domain.dir[0].2.clone();
    producer.send(&sim, &[new(7, q[0], SchedType::Unordered)]);
    for q in &q[8..16] {
        producer.send(&sim, &[new(u64::from(*q), *q, SchedType::Unordered)]);
    }
    for q in &q[..8] {
        pf.unmap_queue(&sim, Func::Pf, d, p, *q).unwrap();
    }
    assert_eq!(pf.pending_unmaps(Func::Pf, d, p), Ok(8));
    for q in &q[8..16] {
        pf.map_queue(&sim, Func::Pf, d, p, *q, 2).unwrap();
    }
    // All places are promised.
    assert!(matches!(
        pf.map_queue(&sim, Func::Pf, d, p, q[16], 1),
        Err(Error::NoSpace { .. })
    ));
    assert_eq!(
        pf.map_queue(&sim, Func::Pf, d, p, q[0], 1),
        Err(Error::Busy(error::InUse::Link))
    );
    let user = &mut domain.ports[0].1;
    assert_eq!(user.receive(&sim).unwrap().data, 7);
    assert!(user.receive(&sim).is_none());
    user.release(&sim);
    user.return_tokens(&sim, 1);
    assert_eq!(pf.service_pending(&sim, 0, &mut |_| ()), Ok(0));
    let mut got: Vec<u64> = Vec::new();
    while let Some(entry) = user.receive(&sim) {
        got.push(entry.data);
        user.release(&sim);
        user.return_tokens(&sim, 1);
    }
    got.sort_unstable();
    let expected: Vec<u64> = q[8..16].iter().map(|q| u64::from(*q)).collect();
    assert_eq!(got, expected);
    sim.assert_sane();
}

/// A link is refused because its place is promised to another. What was unlinked to make room for
/// it is linked again at once, and goes on as if nothing had been asked for.
#[test]
fn an_exchange_of_links_that_is_refused_is_undone() {
    let (sim, mut pf) = Sim::up(Version::V2, 5);
    let mut domain = build(&sim, &mut pf, &[UNORDERED; 9], 1, 1, 16);
    let (d, q, p) = (domain.id, domain.queues.clone(), domain.ports[0].0);
    for q in &q[..8] {
        pf.map_queue(&sim, Func::Pf, d, p, *q, 1).unwrap();
    }
    pf.start_domain(&sim, Func::Pf, d).unwrap();
    let producer = domain.dir[0].2.clone();
    producer.send(&sim, &[new(7, q[0], SchedType::Unordered)]);
    let user = &mut domain.ports[0].1;
    assert_eq!(user.receive(&sim).unwrap().data, 7);
    pf.unmap_queue(&sim, Func::Pf, d, p, q[0]).unwrap();
    pf.map_queue(&sim, Func::Pf, d, p, q[8], 2).unwrap();

    pf.unmap_queue(&sim, Func::Pf, d, p, q[1]).unwrap();
    assert_eq!(
        pf.map_queue(&sim, Func::Pf, d, p, q[0], 1),
        Err(Error::Busy(error::InUse::Link))
    );
    pf.map_queue(&sim, Func::Pf, d, p, q[1], 1).unwrap();
    assert_eq!(pf.pending_unmaps(Func::Pf, d, p), Ok(1));
    assert_eq!(pf.link_priority(Func::Pf, d, p, q[1]), Ok(Some(1)));

    user.release(&sim);
    user.return_tokens(&sim, 1);
    assert_eq!(pf.service_pending(&sim, 0, &mut |_| ()), Ok(0));
    for q in &q[1..] {
        assert_eq!(pf.is_linked(Func::Pf, d, p, *q), Ok(true));
        producer.send(&sim, &[new(u64::from(*q), *q, SchedType::Unordered)]);
        assert_eq!(user.receive(&sim).unwrap().data, u64::from(*q));
        user.release(&sim);
        user.return_tokens(&sim, 1);
    }
    assert_eq!(pf.is_linked(Func::Pf, d, p, q[0]), Ok(false));

    // What is gone cannot be removed, and that it is gone can be told, by a virtual function too.
    let gone = pf.unmap_queue(&sim, Func::Pf, d, p, q[0]).unwrap_err();
    assert!(gone.is_no_link());
    let told = Error::Mailbox {
        header: 0,
        code: 0,
        status: gone.status(),
    };
    assert!(told.is_no_link());
    let other = pf.unmap_queue(&sim, Func::Pf, d, p, 31).unwrap_err();
    assert!(!other.is_no_link(), "{other:?}");
    sim.assert_sane();
}

/// A consumer that never completes: changes of links are given up, and nothing stays stopped.
#[test]
fn stuck_links_are_given_up_and_reported() {
    let (sim, mut pf) = Sim::up(Version::V2, 5);
    let mut domain = build(&sim, &mut pf, &[UNORDERED; 3], 2, 1, 16);
    let (d, q) = (domain.id, domain.queues.clone());
    let (p0, p1) = (domain.ports[0].0, domain.ports[1].0);
    pf.map_queue(&sim, Func::Pf, d, p0, q[0], 0).unwrap();
    pf.start_domain(&sim, Func::Pf, d).unwrap();
    let producer = domain.dir[0].2.clone();
    producer.send(&sim, &[new(1, q[0], SchedType::Unordered)]);
    pf.map_queue(&sim, Func::Pf, d, p1, q[0], 0).unwrap();
    pf.unmap_queue(&sim, Func::Pf, d, p0, q[0]).unwrap();
    assert_eq!(pf.pending(), 2);
    assert_eq!(pf.link_priority(Func::Pf, d, p0, q[0]), Ok(None));
    assert_eq!(pf.link_priority(Func::Pf, d, p1, q[0]), Ok(Some(0)));
    let mut stuck = Vec::new();
    let start = u32::MAX - 5;
    for ms in [0, 1, LINK_TIMEOUT_MS - 1] {
        let now = start.wrapping_add(ms);
        assert_eq!(pf.service_pending(&sim, now, &mut |s| stuck.push(s)), Ok(2));
    }
    assert!(stuck.is_empty());
    let now = start.wrapping_add(LINK_TIMEOUT_MS);
    assert_eq!(pf.service_pending(&sim, now, &mut |s| stuck.push(s)), Ok(0));
    stuck.sort_by_key(|s| s.removal);
    assert_eq!(stuck.len(), 2);
    assert_eq!(
        (stuck[0].port.port_id, stuck[0].queue),
        (PortId::Ldb(p1), q[0])
    );
    assert_eq!(
        (stuck[1].port.port_id, stuck[1].queue),
        (PortId::Ldb(p0), q[0])
    );
    assert_eq!(pf.is_linked(Func::Pf, d, p0, q[0]), Ok(true));
    assert_eq!(pf.is_linked(Func::Pf, d, p1, q[0]), Ok(false));
    assert_eq!(pf.link_priority(Func::Pf, d, p0, q[0]), Ok(Some(0)));
    assert_eq!(pf.link_priority(Func::Pf, d, p1, q[0]), Ok(None));
    // The queue and the port work as before.
    producer.send(&sim, &[new(2, q[0], SchedType::Unordered)]);
    let user = &mut domain.ports[0].1;
    assert_eq!(user.receive(&sim).unwrap().data, 1);
    assert_eq!(user.receive(&sim).unwrap().data, 2);
    pf.reset_domain(&sim, Func::Pf, d).unwrap();
    sim.assert_sane();
}

#[test]
fn calling_a_removal_off_restores_the_port() {
    let (sim, mut pf) = Sim::up(Version::V2, 5);
    let mut domain = build(&sim, &mut pf, &[UNORDERED; 2], 1, 1, 16);
    let (d, q, p) = (domain.id, domain.queues.clone(), domain.ports[0].0);
    pf.map_queue(&sim, Func::Pf, d, p, q[0], 0).unwrap();
    pf.start_domain(&sim, Func::Pf, d).unwrap();
    let producer = domain.dir[0].2.clone();
    producer.send(&sim, &[new(1, q[0], SchedType::Unordered)]);
    pf.unmap_queue(&sim, Func::Pf, d, p, q[0]).unwrap();
    pf.unmap_queue(&sim, Func::Pf, d, p, q[0]).unwrap();
    producer.send(&sim, &[new(2, q[0], SchedType::Unordered)]);
    let user = &mut domain.ports[0].1;
    assert_eq!(user.receive(&sim).unwrap().data, 1);
    assert!(user.receive(&sim).is_none(), "the port is off");
    pf.map_queue(&sim, Func::Pf, d, p, q[0], 5).unwrap();
    assert_eq!(pf.pending(), 0);
    assert_eq!(user.receive(&sim).unwrap().data, 2);
    // Priority 5 replaces 0, and a second change replaces 5 rather than adding to it.
    assert_eq!(sim.read(Bar::Csr, 0xa000_0000), 0x0100_0005);
    pf.map_queue(&sim, Func::Pf, d, p, q[0], 2).unwrap();
    assert_eq!(sim.read(Bar::Csr, 0xa000_0000), 0x0100_0002);
    sim.take_accesses();
    pf.map_queue(&sim, Func::Pf, d, p, q[0], 2).unwrap();
    assert_eq!(sim.take_accesses(), 0, "nothing to change");
    assert_eq!(
        pf.unmap_queue(&sim, Func::Pf, d, p, q[1]),
        Err(Error::NotFound {
            what: Object::Link,
            id: q[1]
        })
    );
}

/// Cancelling the only addition under way gives the queue its limit back.
#[test]
fn cancelling_a_link_being_made_unblocks_the_queue() {
    let (sim, mut pf) = Sim::up(Version::V2, 5);
    let mut domain = build(&sim, &mut pf, &[UNORDERED], 2, 1, 16);
    let (d, q) = (domain.id, domain.queues[0]);
    let (p0, p1) = (domain.ports[0].0, domain.ports[1].0);
    pf.map_queue(&sim, Func::Pf, d, p0, q, 0).unwrap();
    pf.start_domain(&sim, Func::Pf, d).unwrap();
    let producer = domain.dir[0].2.clone();
    producer.send(&sim, &[new(1, q, SchedType::Unordered)]);
    pf.map_queue(&sim, Func::Pf, d, p1, q, 0).unwrap();
    producer.send(&sim, &[new(2, q, SchedType::Unordered)]);
    let user = &mut domain.ports[0].1;
    assert_eq!(user.receive(&sim).unwrap().data, 1);
    assert!(user.receive(&sim).is_none(), "the queue is stopped");
    pf.unmap_queue(&sim, Func::Pf, d, p1, q).unwrap();
    assert_eq!(user.receive(&sim).unwrap().data, 2);
    assert_eq!(pf.pending(), 0);
}

#[test]
fn interrupts_name_the_consumer_queue_and_come_once() {
    for version in VERSIONS {
        let (sim, mut pf) = Sim::up(version, 5);
        let dirs = version.limits().dir_ports;
        let mut domain = build(&sim, &mut pf, &[UNORDERED], 1, dirs, 16);
        let (d, q, p) = (domain.id, domain.queues[0], domain.ports[0].0);
        pf.map_queue(&sim, Func::Pf, d, p, q, 0).unwrap();
        let last = dirs - 1;
        for port in [Port::Ldb(p as u8), Port::Dir(last as u8)] {
            pf.enable_cq_interrupt(&sim, port, 1, Route::Pf).unwrap();
        }
        pf.start_domain(&sim, Func::Pf, d).unwrap();
        pf.arm_cq_interrupt(&sim, Func::Pf, d, PortId::Ldb(p))
            .unwrap();
        pf.arm_cq_interrupt(&sim, Func::Pf, d, PortId::Dir(last))
            .unwrap();
        assert_eq!(sim.outside.borrow().msix[1], 0);
        let producer = domain.dir[0].2.clone();
        producer.send(&sim, &[new(1, q, SchedType::Unordered)]);
        producer.send(&sim, &[new(2, last, SchedType::Directed)]);
        assert_eq!(
            sim.outside.borrow().msix[1],
            1,
            "one message until acknowledged"
        );
        let events = irq::take_cq_events(&sim, version).unwrap();
        assert_eq!(events.ldb, 1u64 << p);
        assert_eq!(events.dir, 1u128 << last);
        // Fired means disarmed.
        producer.send(&sim, &[new(3, q, SchedType::Unordered)]);
        assert_eq!(sim.outside.borrow().msix[1], 1);
        assert!(irq::take_cq_events(&sim, version).unwrap().is_empty());
        // Arming with something in the queue fires at once.
        pf.arm_cq_interrupt(&sim, Func::Pf, d, PortId::Ldb(p))
            .unwrap();
        assert_eq!(sim.outside.borrow().msix[1], 2);
        let user = &mut domain.ports[0].1;
        assert_eq!(user.receive(&sim).unwrap().data, 1);
        sim.assert_sane();
    }
}

#[test]
fn refused_hcws_are_reported_with_port_and_cause() {
    for version in VERSIONS {
        let (sim, mut pf) = Sim::up(version, 5);
        let a = build(&sim, &mut pf, &[UNORDERED], 1, 1, 16);
        let b = build(&sim, &mut pf, &[UNORDERED], 1, 1, 16);
        pf.start_domain(&sim, Func::Pf, a.id).unwrap();
        pf.start_domain(&sim, Func::Pf, b.id).unwrap();
        let ldb = a.ports[0].1.clone();
        let dir = a.dir[0].2.clone();
        let foreign = b.queues[0];
        let cases = [
            (
                &ldb,
                new(0, foreign, SchedType::Unordered),
                Alert::DisabledQid,
            ),
            (&ldb, new(0, 31, SchedType::Unordered), Alert::IllegalQid),
            (&dir, Hcw::command(Command::Rel), Alert::IllegalHcw),
            (&ldb, Hcw::command(Command::Rel), Alert::IllegalEnqueue),
            (&dir, Hcw::return_tokens(1), Alert::ExcessTokenPops),
        ];
        for (n, (user, hcw, alert)) in cases.iter().enumerate() {
            user.send(&sim, &[*hcw]);
            assert_eq!(sim.outside.borrow().msix[0], n as u32 + 1, "{alert:?}");
            let mut seen = Seen::default();
            let causes = pf.service_alarms(&sim, 0, &mut seen).unwrap();
            assert!(!causes.vf);
            let error = seen.ingress[0];
            assert_eq!((error.alert, error.func), (*alert, Func::Pf));
            assert_eq!(error.port.unwrap().port, user.page);
            assert_eq!(error.port.unwrap().domain_id, a.id);
            assert_eq!((seen.ingress.len(), error.more), (1, false));
        }
        let counters = pf.device_counters(&sim).unwrap();
        assert_eq!(counters.errors, 5);
    }
}

#[test]
fn a_storm_of_errors_is_switched_off_and_reported_once() {
    let (sim, mut pf) = Sim::up(Version::V2, 5);
    let a = build(&sim, &mut pf, &[UNORDERED], 1, 1, 16);
    pf.start_domain(&sim, Func::Pf, a.id).unwrap();
    let mut seen = Seen::default();
    for i in 0..3000 {
        a.dir[0].2.send(&sim, &[Hcw::command(Command::Rel)]);
        if sim.outside.borrow().msix[0] > i {
            pf.service_alarms(&sim, i / 4, &mut seen).unwrap();
        }
    }
    assert_eq!(seen.storms, 1);
    assert_eq!(seen.ingress.len(), 1000);
    assert!(!pf.settings().ingress_alarms);
    pf.set_ingress_alarms(Some(&sim), true).unwrap();
    let before = sim.outside.borrow().msix[0];
    a.dir[0].2.send(&sim, &[Hcw::command(Command::Rel)]);
    assert_eq!(sim.outside.borrow().msix[0], before + 1);
}

#[test]
fn a_hardware_alarm_is_decoded_and_cleared() {
    let (sim, mut pf) = Sim::up(Version::V2, 5);
    sim.inject("parity-alarm=0x55");
    let mut seen = Seen::default();
    pf.service_alarms(&sim, 0, &mut seen).unwrap();
    assert_eq!(seen.hardware.len(), 1);
    assert_eq!(seen.hardware[0].syndrome, 0x55);
    pf.service_alarms(&sim, 0, &mut seen).unwrap();
    assert_eq!(seen.hardware.len(), 1);
}

#[test]
fn a_consumer_that_sleeps_is_reported_by_the_watchdog() {
    for version in VERSIONS {
        let (sim, mut pf) = Sim::up(version, 5);
        pf.set_watchdog(Some(&sim), Watchdog::S1).unwrap();
        let a = build(&sim, &mut pf, &[UNORDERED], 1, 1, 16);
        let (d, q, p) = (a.id, a.queues[0], a.ports[0].0);
        pf.map_queue(&sim, Func::Pf, d, p, q, 0).unwrap();
        pf.enable_cq_interrupt(&sim, Port::Ldb(p as u8), 1, Route::Pf)
            .unwrap();
        pf.start_domain(&sim, Func::Pf, d).unwrap();
        a.dir[0].2.send(&sim, &[new(1, q, SchedType::Unordered)]);
        let mut seen = Seen::default();
        let mut now = 0;
        while sim.outside.borrow().msix[0] == 0 && now < 60_000 {
            now += 10;
            let mut outside = sim.outside.borrow_mut();
            sim.device.borrow_mut().tick(now * 1_000_000, &mut *outside);
        }
        pf.service_alarms(&sim, 0, &mut seen).unwrap();
        assert_eq!(seen.watchdog.len(), 1, "after {now} ms");
        assert_eq!(seen.watchdog[0].port_id, PortId::Ldb(p));
        let mut seen = Seen::default();
        pf.service_alarms(&sim, 0, &mut seen).unwrap();
        assert!(seen.watchdog.is_empty());
    }
}

#[test]
fn a_device_that_will_not_drain_is_given_up_and_comes_back_after_a_reset() {
    for version in VERSIONS {
        let (sim, mut pf) = Sim::up(version, 5);
        let a = build(&sim, &mut pf, &[UNORDERED], 1, 1, 16);
        pf.map_queue(&sim, Func::Pf, a.id, a.ports[0].0, a.queues[0], 0)
            .unwrap();
        pf.start_domain(&sim, Func::Pf, a.id).unwrap();
        sim.inject("stuck-drain");
        let error = pf.reset_domain(&sim, Func::Pf, a.id).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Timeout(Wait::Inflights)
                    | Error::DrainFailed(Drain::LdbQueues | Drain::DirQueues)
            ),
            "{error}"
        );
        assert!(sim.slept_us.get() < 2_000_000, "{}", sim.slept_us.get());
        assert!(pf.is_broken());
        assert_eq!(
            pf.create_domain(&sim, Func::Pf, &DomainArgs::default()),
            Err(Error::Broken)
        );
        assert_eq!(pf.reset_domain(&sim, Func::Pf, a.id), Err(Error::Broken));
        // Switched off all the same: no page works, nothing is written any more.
        let ports = [Port::Ldb(a.ports[0].0 as u8), Port::Dir(a.dir[0].0 as u8)];
        for port in ports {
            let owner = pf.owner_of(port).unwrap();
            assert_eq!(owner.domain_id, a.id);
        }
        sim.inject("clear");
        sim.flr(Requester::Pf);
        pf.forget();
        assert!(!pf.is_broken());
        pf.init_device(&sim).unwrap();
        assert_eq!(pf.available(Func::Pf), pf.total());
        let a = build(&sim, &mut pf, &[UNORDERED], 1, 1, 16);
        pf.reset_domain(&sim, Func::Pf, a.id).unwrap();
    }
}

/// A device that slept has not forgotten what it had counted, one that was reset has: either way the
/// counters start from zero.
#[test]
fn counters_start_when_the_device_wakes_up() {
    for version in VERSIONS {
        let (sim, mut pf) = Sim::up(version, 5);
        pf.start_counters(&sim).unwrap();
        let none = pf.device_counters(&sim).unwrap();
        for restart in ["sleep", "sleep", "reset"] {
            let mut a = build(&sim, &mut pf, &[UNORDERED], 1, 1, 16);
            let (d, q, p, dir) = (a.id, a.queues[0], a.ports[0].0, a.dir[0].0);
            pf.map_queue(&sim, Func::Pf, d, p, q, 0).unwrap();
            pf.start_domain(&sim, Func::Pf, d).unwrap();
            let producer = a.dir[0].2.clone();
            for queue in [q, q, q] {
                producer.send(&sim, &[new(1, queue, SchedType::Unordered)]);
            }
            producer.send(&sim, &[new(1, dir, SchedType::Directed)]);
            producer.send(&sim, &[Hcw::command(Command::Rel)]);
            while a.ports[0].1.receive(&sim).is_some() {}
            pf.reset_domain(&sim, Func::Pf, d).unwrap();
            let now = pf.device_counters(&sim).unwrap();
            assert_eq!(
                (now.ldb_scheduled, now.dir_scheduled, now.errors),
                (3, 1, 1),
                "{version:?}, before a {restart}"
            );
            if restart == "reset" {
                sim.flr(Requester::Pf);
            }
            pf.forget();
            pf.init_device(&sim).unwrap();
            pf.start_counters(&sim).unwrap();
            assert_eq!(pf.device_counters(&sim).unwrap(), none, "after a {restart}");
        }
    }
}

/// The memory of the consumer queues of a domain that will not drain may be freed: no change of a
/// link that was under way switches one of them on again, neither when it is given up nor when the
/// device comes to its senses.
#[test]
fn the_links_of_a_domain_that_will_not_drain_are_left_alone() {
    for version in VERSIONS {
        for (patient, step) in [(false, LINK_TIMEOUT_MS), (true, 1)] {
            let (sim, mut pf) = Sim::up(version, 5);
            let mut a = build(&sim, &mut pf, &[UNORDERED], 2, 1, 16);
            let (d, q) = (a.id, a.queues[0]);
            let ports = [a.ports[0].0, a.ports[1].0];
            pf.map_queue(&sim, Func::Pf, d, ports[0], q, 0).unwrap();
            pf.start_domain(&sim, Func::Pf, d).unwrap();
            a.dir[0].2.send(&sim, &[new(1, q, SchedType::Unordered)]);
            assert_eq!(a.ports[0].1.receive(&sim).unwrap().data, 1);
            pf.map_queue(&sim, Func::Pf, d, ports[1], q, 0).unwrap();
            pf.unmap_queue(&sim, Func::Pf, d, ports[0], q).unwrap();
            assert_eq!(pf.pending(), 2);
            pf.service_pending(&sim, 0, &mut |_| ()).unwrap();
            sim.inject("stuck-drain");
            pf.reset_domain(&sim, Func::Pf, d).unwrap_err();
            if patient {
                sim.inject("clear");
            }
            for n in 1..4 {
                let pending = pf.service_pending(&sim, n * step, &mut |_| ());
                assert_eq!(pending, Ok(0), "{version:?}, {patient}");
            }
            let dsbl = match version {
                Version::V2 => 0xa040_0000,
                Version::V25 => 0x9040_0000,
            };
            for p in ports {
                let off = sim.read(Bar::Csr, dsbl + p * 0x1000);
                assert_eq!(off, 1, "{version:?}, {patient}: port {p} is on");
            }
        }
    }
}

/// Settings that are taken back while the device sleeps, where it keeps everything: it has to forget
/// what it had before. Ordered queues are stuck, and cannot be emptied, if it does not.
#[test]
fn what_is_set_to_the_default_asleep_is_the_default_awake() {
    for version in VERSIONS {
        let (sim, mut pf) = Sim::up(version, 5);
        let first = *pf.settings();
        let hardware = |pf: &mut Pf, csr: Option<&dyn Csr>| {
            for arbiter in [Arbiter::Elements, Arbiter::Links] {
                pf.set_preference(csr, arbiter, Preference::Hardware)
                    .unwrap();
            }
        };
        hardware(&mut pf, Some(&sim));
        let fresh = registers(&sim);

        let awake = Some(&sim as &dyn Csr);
        for group in 0..2 {
            pf.set_sequence_numbers(awake, group, 512).unwrap();
        }
        for cos in 0..4 {
            pf.set_cos_bandwidth(awake, cos, 10).unwrap();
        }
        for arbiter in [Arbiter::Elements, Arbiter::Links] {
            pf.set_preference(awake, arbiter, Preference::Percent(50))
                .unwrap();
        }
        if version == Version::V25 {
            pf.set_wrr_weight(awake, 3).unwrap();
        }

        sim.device.borrow_mut().set_d3(true);
        for group in 0..2 {
            pf.set_sequence_numbers(None, group, 64).unwrap();
        }
        for (cos, percent) in (0..4).zip(first.cos_bandwidth) {
            pf.set_cos_bandwidth(None, cos, percent.into()).unwrap();
        }
        hardware(&mut pf, None);
        if version == Version::V25 {
            pf.set_wrr_weight(None, 0).unwrap();
        }
        sim.device.borrow_mut().set_d3(false);
        Pf::power_on(&sim, version);
        Pf::wait_ready(&sim, version).unwrap();
        pf.forget();
        pf.init_device(&sim).unwrap();

        // As dlb-packets does: more events than there are sequence numbers, put back in order.
        let mut domain = build(&sim, &mut pf, &[ORDERED], 3, 2, 64);
        let (d, q) = (domain.id, domain.queues[0]);
        for (p, _) in &domain.ports {
            pf.map_queue(&sim, Func::Pf, d, *p, q, 0).unwrap();
        }
        pf.start_domain(&sim, Func::Pf, d).unwrap();
        let producer = domain.dir[0].2.clone();
        let wire = domain.dir[1].1.unwrap();
        let mut got: Vec<u64> = Vec::new();
        for first in (0..400).step_by(4) {
            let events: Vec<Hcw> = (first..first + 4)
                .map(|i| new(i, q, SchedType::Ordered))
                .collect();
            producer.send(&sim, &events);
            for (_, user) in domain.ports.iter_mut().rev() {
                while let Some(entry) = user.receive(&sim) {
                    user.send(&sim, &[fwd(entry.data, wire, SchedType::Directed)]);
                }
                user.return_tokens(&sim, 64);
            }
            let user = &mut domain.dir[1].2;
            while let Some(entry) = user.receive(&sim) {
                got.push(entry.data);
            }
            user.return_tokens(&sim, 64);
        }
        let received = got.len();
        let drained = pf.reset_domain(&sim, Func::Pf, d);
        assert_eq!((received, drained), (400, Ok(())));
        assert!(got.is_sorted());
        sim.assert_sane();
        assert_same_registers(&sim, &fresh);
        assert_eq!(sim.device.borrow().counters().config_warnings, 0);
    }
}

/// A directed queue without a port and a load-balanced one whose port is never linked cannot keep
/// a reset from finishing.
#[test]
fn half_built_domains_can_be_reset() {
    for version in VERSIONS {
        let (sim, mut pf) = Sim::up(version, 5);
        let args = DomainArgs {
            dir_ports: 2,
            ldb_credits: 64,
            dir_credits: 64,
            ..DomainArgs::default()
        };
        let d = pf.create_domain(&sim, Func::Pf, &args).unwrap();
        let args = DirQueueArgs {
            port: None,
            depth_threshold: 8,
            near: false,
        };
        let q = pf.create_dir_queue(&sim, Func::Pf, d, &args).unwrap();
        let base = sim.allocate_cq(Requester::Pf);
        let args = DirPortArgs {
            cq_base: base,
            cq_depth: 8,
            queue: None,
            enabled: true,
            near: false,
        };
        let p = pf.create_dir_port(&sim, Func::Pf, d, &args).unwrap();
        assert_ne!(p, q);
        pf.start_domain(&sim, Func::Pf, d).unwrap();
        let user = User::new(Requester::Pf, Port::Dir(p as u8), base, 8, true);
        user.send(&sim, &[new(0, q, SchedType::Directed)]);
        let mut seen = Seen::default();
        pf.service_alarms(&sim, 0, &mut seen).unwrap();
        assert_eq!(seen.ingress[0].alert, Alert::DisabledQid);
        pf.reset_domain(&sim, Func::Pf, d).unwrap();
        assert_eq!(pf.available(Func::Pf), pf.total());
    }
}

/// Everything the device has in one domain, with every link, and what that costs.
#[test]
fn the_whole_device_in_one_domain() {
    for version in VERSIONS {
        let (sim, mut pf) = Sim::up(version, 5);
        let fresh = registers(&sim);
        let dirs = version.limits().dir_ports;
        sim.take_accesses();
        let domain = build(&sim, &mut pf, &[ATOMIC; 32], 64, dirs, 32);
        for (i, (p, _)) in domain.ports.iter().enumerate() {
            for k in 0..8 {
                let q = domain.queues[(i + k) % 32];
                pf.map_queue(&sim, Func::Pf, domain.id, *p, q, k as u32)
                    .unwrap();
            }
        }
        pf.start_domain(&sim, Func::Pf, domain.id).unwrap();
        let enable = sim.take_accesses();
        pf.reset_domain(&sim, Func::Pf, domain.id).unwrap();
        let reset = sim.take_accesses();
        println!("{version:?}: enable {enable}, reset {reset} register accesses");
        assert!(enable < 10_000, "{enable}");
        assert!(reset < 10_000, "{reset}");
        assert_same_registers(&sim, &fresh);
        assert_eq!(pf.available(Func::Pf), pf.total());
    }
}
