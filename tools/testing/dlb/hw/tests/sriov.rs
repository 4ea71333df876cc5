// SPDX-License-Identifier: GPL-2.0

//! The PF's and the VFs' sides together, with the hardware model between them.

#[path = "common/sim.rs"]
mod sim;

use dlb_hw::hw::error::{Param, Resource};
use dlb_hw::hw::hcw::{Command, Hcw, SchedType};
use dlb_hw::hw::irq::{alert_data, Alarms, Alert, HwAlarm, IngressError};
use dlb_hw::hw::mbox::{self, DomainAlert};
use dlb_hw::hw::service::{self, VfEvents};
use dlb_hw::hw::vf::MapKind;
use dlb_hw::hw::vfdev::{PfMessage, MAILBOX_SOURCE};
use dlb_hw::hw::*;
use dlb_model::Requester;
use sim::{Random, Sim, User};
use std::cell::{Cell, RefCell};

const VERSIONS: [Version; 2] = [Version::V2, Version::V25];

#[derive(Default)]
struct Events {
    requests: Vec<(u8, u32, u32, Option<Error>)>,
    resets: Vec<(u8, Result)>,
    cut_off: Vec<u8>,
    ingress: Vec<IngressError>,
    throttled: Vec<u8>,
    storms: u32,
}

impl VfEvents for Events {
    fn request(&mut self, vf: u8, command: u32, status: u32, error: Option<Error>) {
        self.requests.push((vf, command, status, error));
    }
    fn reset(&mut self, vf: u8, result: Result) {
        self.resets.push((vf, result));
    }
    fn cut_off(&mut self, vf: u8) {
        self.cut_off.push(vf);
    }
}

impl Alarms for Events {
    fn ingress(&mut self, error: IngressError) {
        self.ingress.push(error);
    }
    fn watchdog(&mut self, port: PortOwner) {
        panic!("{port:?}");
    }
    fn hardware(&mut self, alarm: HwAlarm) {
        panic!("{alarm:?}");
    }
    fn storm(&mut self) {
        self.storms += 1;
    }
    fn throttled(&mut self, vf: u8) {
        self.throttled.push(vf);
    }
}

/// A host whose PF driver serves interrupts while somebody waits.
struct Machine {
    sim: Sim,
    pf: RefCell<Box<Pf>>,
    events: RefCell<Events>,
    served: Cell<u32>,
    now_ms: Cell<u32>,
    /// The PF's driver does nothing.
    asleep: Cell<bool>,
    /// When the PF's driver looks again without an interrupt.
    again_ms: Cell<Option<u32>>,
}

impl Machine {
    fn new(version: Version, vfs: u32) -> Self {
        let (sim, mut pf) = Sim::up(version, 1);
        pf.set_num_vfs(vfs).unwrap();
        for vf in 0..16 {
            sim.device.borrow_mut().set_vf_msi(vf, 32);
        }
        Self {
            sim,
            pf: RefCell::new(pf),
            events: RefCell::default(),
            served: Cell::new(0),
            now_ms: Cell::new(0),
            asleep: Cell::new(false),
            again_ms: Cell::new(None),
        }
    }

    fn split(version: Version, vfs: u32) -> Self {
        let machine = Self::new(version, vfs);
        machine.pf.borrow_mut().split_evenly().unwrap();
        machine
    }

    /// The handler of vector 0, if it was signalled or it is time to look again.
    fn serve(&self) {
        if self.asleep.get() {
            return;
        }
        let signalled = self.sim.outside.borrow().msix[0];
        let due = self
            .again_ms
            .get()
            .is_some_and(|at| at <= self.now_ms.get());
        if self.served.replace(signalled) == signalled && !due {
            return;
        }
        let mut pf = self.pf.borrow_mut();
        let events = &mut *self.events.borrow_mut();
        let now = self.now_ms.get();
        let causes = pf.service_alarms(&self.sim, now, events).unwrap();
        self.again_ms.set(causes.again_ms.map(|ms| now + ms));
        if causes.vf {
            pf.service_vfs(&self.sim, now, 3, events).unwrap();
        }
        pf.service_pending(&self.sim, now, &mut |_| ()).unwrap();
    }

    fn vf(&self, vf: u8) -> (Bar0<'_>, VfDev) {
        let bar = Bar0 { machine: self, vf };
        let mut dev = VfDev::new(self.sim.version);
        dev.register(&bar).unwrap();
        (bar, dev)
    }
}

/// A VF's BAR.
struct Bar0<'a> {
    machine: &'a Machine,
    vf: u8,
}

impl Csr for Bar0<'_> {
    fn read(&self, bar: Bar, offset: u32) -> u32 {
        assert_eq!(bar, Bar::Func);
        self.machine.sim.vf_read(self.vf, offset)
    }
    fn write(&self, bar: Bar, offset: u32, value: u32) {
        assert_eq!(bar, Bar::Func);
        self.machine.sim.vf_write(self.vf, offset, value);
    }
    fn pp_line(&self, port: Port, line: &[Hcw; 4]) {
        self.machine.sim.send(Requester::Vf(self.vf), port, line);
    }
    fn delay_us(&self, us: u32) {
        let machine = self.machine;
        machine.now_ms.set(machine.now_ms.get() + us.div_ceil(1000));
        machine.serve();
    }
}

/// A VF's domain with one atomic and one ordered queue, two ports, a directed one.
struct Setup {
    domain: u32,
    queues: [u32; 2],
    ports: Vec<(u32, User)>,
    dir: (u32, User),
}

fn setup(bar: &Bar0<'_>, dev: &VfDev) -> Setup {
    let sim = &bar.machine.sim;
    let who = Requester::Vf(bar.vf);
    let args = DomainArgs {
        ldb_queues: 2,
        ldb_ports: 2,
        dir_ports: 1,
        ldb_credits: 64,
        dir_credits: 32,
        hist_list_entries: 64,
        atomic_inflights: 16,
        sn_slots: [1, 0],
        ..DomainArgs::default()
    };
    let domain = dev.create_domain(bar, &args).unwrap();
    let atomic = LdbQueueArgs {
        qid_inflights: 64,
        atomic_inflights: 16,
        depth_threshold: 16,
        ..LdbQueueArgs::default()
    };
    let ordered = LdbQueueArgs {
        qid_inflights: 64,
        sequence_numbers: 64,
        depth_threshold: 16,
        ..LdbQueueArgs::default()
    };
    let queues = [atomic, ordered].map(|args| dev.create_ldb_queue(bar, domain, &args).unwrap());
    let ports: Vec<(u32, User)> = (0..2)
        .map(|_| {
            let base = sim.allocate_cq(who);
            let args = LdbPortArgs {
                cq_base: base,
                cq_depth: 16,
                hist_list_size: 32,
                enabled: true,
                ..LdbPortArgs::default()
            };
            let p = dev.create_ldb_port(bar, domain, &args).unwrap();
            (p, User::new(who, Port::Ldb(p as u8), base, 16, true))
        })
        .collect();
    let base = sim.allocate_cq(who);
    let args = DirQueueArgs {
        port: None,
        depth_threshold: 16,
        near: false,
    };
    let queue = dev.create_dir_queue(bar, domain, &args).unwrap();
    let args = DirPortArgs {
        cq_base: base,
        cq_depth: 16,
        queue: Some(queue),
        enabled: true,
        near: false,
    };
    let p = dev.create_dir_port(bar, domain, &args).unwrap();
    for (port, _) in &ports {
        for queue in queues {
            dev.map_queue(bar, domain, *port, queue, 1).unwrap();
        }
    }
    dev.start_domain(bar, domain).unwrap();
    Setup {
        domain,
        queues,
        ports,
        dir: (p, User::new(who, Port::Dir(p as u8), base, 16, true)),
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

/// Three VFs at once use the same virtual numbers; each gets its own elements and nothing else.
#[test]
fn vfs_work_side_by_side_with_the_same_numbers() {
    for version in VERSIONS {
        let machine = Machine::split(version, 4);
        let vfs: Vec<_> = (0..3).map(|vf| machine.vf(vf)).collect();
        let mut setups: Vec<Setup> = vfs.iter().map(|(bar, dev)| setup(bar, dev)).collect();
        for setup in &setups {
            assert_eq!((setup.domain, setup.queues, setup.dir.0), (0, [0, 1], 0));
            let ports = |setup: &Setup| [setup.ports[0].0, setup.ports[1].0];
            assert_eq!(ports(setup), ports(&setups[0]));
        }
        for (vf, setup) in (0u64..).zip(&setups) {
            for i in 0..8 {
                let id = vf * 100 + i;
                setup.dir.1.send(
                    &machine.sim,
                    &[
                        new(id, 0, SchedType::Atomic).with_lock_id(i as u16),
                        new(id + 50, 0, SchedType::Directed),
                    ],
                );
            }
        }
        for (vf, setup) in (0u64..).zip(&mut setups) {
            let mut got = Vec::new();
            for (_, user) in &mut setup.ports {
                while let Some(entry) = user.receive(&machine.sim) {
                    assert_eq!(entry.qid(), 0, "the virtual queue");
                    got.push(entry.data);
                    user.release(&machine.sim);
                }
            }
            while let Some(entry) = setup.dir.1.receive(&machine.sim) {
                got.push(entry.data);
            }
            got.sort_unstable();
            let expected: Vec<u64> = (0..8).chain(50..58).map(|i| vf * 100 + i).collect();
            assert_eq!(got, expected);
        }
        machine.sim.assert_sane();
        let map = machine.pf.borrow().vf_map(2, MapKind::DirPorts, 3).unwrap();
        assert_eq!(
            (map.virt, map.phys),
            (3, 2 * version.limits().dir_ports / 4 + 3)
        );
        let past = version.limits().dir_ports / 4;
        assert_eq!(machine.pf.borrow().vf_map(2, MapKind::DirPorts, past), None);
        let (bar, dev) = &vfs[1];
        assert_eq!(dev.ldb_queue_depth(bar, 0, 0), Ok(0));
        dev.reset_domain(bar, 0).unwrap();
        assert_eq!(
            dev.available(bar),
            Ok(machine.pf.borrow().share(Func::Vf(1)))
        );
        for (vf, (bar, dev)) in vfs.into_iter().enumerate() {
            let mut dev = dev;
            dev.unregister(&bar).unwrap();
            assert_eq!(machine.pf.borrow().is_vf_locked(vf as u8), Ok(false));
        }
        for vf in 0..4 {
            machine.pf.borrow_mut().remove_vf(&machine.sim, vf).unwrap();
        }
        let pf = machine.pf.borrow();
        assert_eq!(pf.available(Func::Pf), pf.total());
    }
}

#[test]
fn every_request_does_what_the_pf_would_do() {
    let machine = Machine::split(Version::V25, 2);
    let (bar, dev) = machine.vf(0);
    let share = machine.pf.borrow().share(Func::Vf(0));
    assert_eq!(dev.registration().pf_id, 3);
    assert_eq!((dev.registration().vf_id, dev.is_auxiliary()), (0, false));
    assert_eq!(dev.available(&bar), Ok(share));
    let s = setup(&bar, &dev);
    let used = dev.used(&bar).unwrap();
    assert_eq!((used.domains, used.ldb_queues, used.ldb_ports()), (1, 2, 2));
    assert_eq!((used.ldb_credits, used.dir_credits), (96, 0), "one pool");
    assert_eq!(dev.is_sparse(&bar), Ok(true));
    assert_eq!(dev.sequence_numbers(&bar, 0), Ok(64));
    assert!(dev.sequence_numbers(&bar, 2).is_err());
    assert_eq!(dev.cos_bandwidth(&bar, 3), Ok(25));
    assert!(dev.cos_bandwidth(&bar, 4).is_err());
    let owned = |domain_id, port_id| {
        dev.call(&bar, &mbox::LdbPortOwnedByDomain { domain_id, port_id })
            .map(|answer| answer.owned)
    };
    let (p, last) = (s.ports[0].0, s.ports[1].0);
    assert_eq!((owned(0, p), owned(0, last)), (Ok(1), Ok(1)));
    assert_eq!((owned(0, last + 1), owned(1, p)), (Ok(-22), Ok(-22)));
    let occupancy = |group_id| dev.call(&bar, &mbox::GetSnOccupancy { group_id });
    assert_eq!(occupancy(0).unwrap().num, 1);
    assert!(matches!(
        occupancy(2),
        Err(Error::Mailbox { header: 4, .. })
    ));

    dev.unmap_queue(&bar, 0, p, 1).unwrap();
    assert_eq!(dev.pending_unmaps(&bar, 0, p), Ok(0));
    dev.map_queue(&bar, 0, p, 1, 7).unwrap();
    dev.set_port_enabled(&bar, 0, PortId::Ldb(p), false)
        .unwrap();
    dev.set_port_enabled(&bar, 0, PortId::Ldb(p), true).unwrap();
    dev.set_port_enabled(&bar, 0, PortId::Dir(0), false)
        .unwrap();
    dev.set_port_enabled(&bar, 0, PortId::Dir(0), true).unwrap();
    dev.set_inflight_ctrl(&bar, 0, p, Some(4)).unwrap();
    let started = dev.set_cq_weight(&bar, 0, p, 4);
    assert!(matches!(
        started,
        Err(Error::Mailbox {
            header: 0,
            code: 1,
            status: 27
        })
    ));
    assert_eq!(dev.dir_queue_depth(&bar, 0, 0), Ok(0));
    dev.stop_domain(&bar, 0).unwrap();
    assert!(matches!(
        dev.stop_domain(&bar, 0),
        Err(Error::Mailbox { status: 28, .. })
    ));
    dev.start_domain(&bar, 0).unwrap();
    // The reserved type reads as 0, an unknown one is an error.
    let stat = |xstats_type| {
        dev.call(
            &bar,
            &mbox::GetXstats {
                xstats_type,
                xstats_id: 0,
            },
        )
    };
    assert_eq!(stat(0x10005).unwrap().error_code, 0);
    assert_eq!(stat(0x10007).unwrap().error_code, 1);
    assert_eq!(
        dev.xstat(&bar, Xstat::LdbQueueInflightLimit(0)),
        Ok(Some(64))
    );
    dev.reset(&bar).unwrap();
    assert_eq!(dev.available(&bar), Ok(share));

    // Before the start.
    let args = DomainArgs {
        ldb_ports: 1,
        hist_list_entries: 8,
        ..DomainArgs::default()
    };
    let d = dev.create_domain(&bar, &args).unwrap();
    let args = LdbPortArgs {
        cq_base: machine.sim.allocate_cq(Requester::Vf(0)),
        cq_depth: 8,
        hist_list_size: 8,
        inflight_threshold: Some(3),
        ..LdbPortArgs::default()
    };
    let p = dev.create_ldb_port(&bar, d, &args).unwrap();
    dev.set_cq_weight(&bar, d, p, 8).unwrap();
    assert!(matches!(
        dev.set_cq_weight(&bar, d, p, 9),
        Err(Error::Mailbox { status: 36, .. })
    ));
    // Too much is refused in the same words, although the answer does not say how much there is.
    let args = DomainArgs {
        ldb_queues: share.ldb_queues + 1,
        ldb_ports: 1,
        ..DomainArgs::default()
    };
    let refused = dev.create_domain(&bar, &args).unwrap_err();
    assert!(matches!(
        refused,
        Error::NoSpace {
            what: error::Resource::LdbQueues,
            ..
        }
    ));
    assert_eq!(refused.errno(), -28);
    let words = format!("{} load-balanced queues asked for", share.ldb_queues + 1);
    assert!(refused.to_string().contains(&words), "{refused}");
    machine.sim.assert_sane();
}

#[test]
fn interrupts_of_a_vf_come_as_its_own_messages() {
    for messages in [32u32, 4, 1] {
        let machine = Machine::split(Version::V2, 2);
        machine
            .sim
            .device
            .borrow_mut()
            .set_vf_msi(1, messages as u8);
        let (bar, dev) = machine.vf(1);
        let s = setup(&bar, &dev);
        let sim = &machine.sim;
        let vector = 6u8;
        dev.enable_cq_interrupt(&bar, PortId::Ldb(s.ports[1].0), 1, vector, 1)
            .unwrap();
        dev.enable_cq_interrupt(&bar, PortId::Dir(0), 1, 5, 1)
            .unwrap();
        assert!(matches!(
            dev.enable_cq_interrupt(&bar, PortId::Dir(0), 1, 5, 0),
            Err(Error::Mailbox { header: 3, .. })
        ));
        assert!(dev
            .enable_cq_interrupt(&bar, PortId::Dir(0), 1, 31, 1)
            .is_err());
        dev.arm_cq_interrupt(&bar, 0, PortId::Dir(0)).unwrap();
        s.dir.1.send(sim, &[new(1, 0, SchedType::Directed)]);
        let message = 5 & (messages - 1);
        assert_eq!(sim.outside.borrow().msi, [(1, message as u8)]);
        assert_eq!(dev.take_interrupts(&bar, message, messages), Ok(1 << 5));
        dev.interrupt_done(&bar, message);
        assert_eq!(dev.take_interrupts(&bar, message, messages), Ok(0));
        assert_eq!(sim.outside.borrow().msix[1], 0, "none of it is the PF's");

        // A message of the PF, on the last vector.
        let alert = DomainAlert {
            domain_id: 0,
            alert_id: 2,
            aux_alert_data: alert_data(PortId::Ldb(1)),
        };
        let version = sim.version;
        assert_eq!(service::send_to_vf(sim, version, 1, &alert), Ok(true));
        assert_eq!(service::send_to_vf(sim, version, 1, &alert), Ok(false));
        let message = MAILBOX_SOURCE & (messages - 1);
        assert_eq!(
            dev.take_interrupts(&bar, message, messages),
            Ok(1 << MAILBOX_SOURCE)
        );
        assert_eq!(dev.read_message(&bar), Ok(PfMessage::Alert(alert)));
        dev.acknowledge(&bar);
        dev.interrupt_done(&bar, message);
        assert_eq!(service::has_acknowledged(sim, version, 1), Ok(true));
        assert_eq!(
            service::send_to_vf(sim, version, 1, &mbox::InUse {}),
            Ok(true)
        );
        assert_eq!(dev.read_message(&bar), Ok(PfMessage::InUse));
        dev.answer_in_use(&bar, true);
        dev.acknowledge(&bar);
        assert_eq!(service::read_in_use(sim, version, 1), Ok(true));
        let message = service::pre_reset();
        assert_eq!(service::send_to_vf(sim, version, 1, &message), Ok(true));
        assert_eq!(service::has_acknowledged(sim, version, 1), Ok(false));
        assert_eq!(dev.read_message(&bar), Ok(PfMessage::PreReset));
        dev.acknowledge(&bar);
    }
}

#[test]
fn a_vf_cannot_reach_what_is_not_its_own() {
    for version in VERSIONS {
        let machine = Machine::split(version, 4);
        let (bar, dev) = machine.vf(2);
        let (other_bar, other_dev) = machine.vf(1);
        let mut other = setup(&other_bar, &other_dev);
        let mine = setup(&bar, &dev);
        let sim = &machine.sim;
        machine.served.set(sim.outside.borrow().msix[0]);
        // Every page and every queue, with every type; only what it has answers.
        for page in 0..96u8 {
            for port in [Port::Dir(page), Port::Ldb(page & 63)] {
                let user = User::new(Requester::Vf(2), port, mine.dir.1.base, 16, true);
                let own = match port {
                    Port::Dir(p) => p == 0,
                    Port::Ldb(_) => mine.ports.iter().any(|(_, user)| user.page == port),
                };
                for queue in 0..128 {
                    let sched = SchedType::from_code(queue as u8);
                    let exists = match sched {
                        SchedType::Directed => queue == 0,
                        SchedType::Unordered => false,
                        _ => queue < 2,
                    };
                    if !(own && exists) {
                        user.send(sim, &[new(0xbad, queue, sched)]);
                    }
                }
            }
        }
        machine.serve();
        let errors = std::mem::take(&mut machine.events.borrow_mut().ingress);
        assert!(!errors.is_empty());
        assert!(errors.iter().all(|e| e.func == Func::Vf(2)), "{errors:?}");
        for (_, user) in &mut other.ports {
            assert!(user.receive(sim).is_none());
        }
        assert!(other.dir.1.receive(sim).is_none());
        machine.sim.assert_sane();

        // A consumer queue in memory that is not its own: the write faults, nobody sees it.
        other.dir.1.send(sim, &[new(9, 0, SchedType::Directed)]);
        assert_eq!(other.dir.1.receive(sim).unwrap().data, 9);
        dev.reset_domain(&bar, 0).unwrap();
        let victim = sim.allocate_cq(Requester::Pf);
        let args = DomainArgs {
            dir_ports: 1,
            ldb_credits: 8,
            dir_credits: 8,
            ..DomainArgs::default()
        };
        let d = dev.create_domain(&bar, &args).unwrap();
        let args = DirPortArgs {
            cq_base: victim,
            cq_depth: 8,
            queue: None,
            enabled: true,
            near: false,
        };
        let p = dev.create_dir_port(&bar, d, &args).unwrap();
        let args = DirQueueArgs {
            port: Some(p),
            depth_threshold: 8,
            near: false,
        };
        let q = dev.create_dir_queue(&bar, d, &args).unwrap();
        dev.start_domain(&bar, d).unwrap();
        let user = User::new(Requester::Vf(2), Port::Dir(p as u8), victim, 8, true);
        user.send(sim, &[new(1, q, SchedType::Directed)]);
        assert_eq!(sim.entry(victim).state, 0);
        assert_eq!(sim.outside.borrow().stray_writes, 1);
        dev.reset_domain(&bar, d).unwrap();
    }
}

#[test]
fn shares_change_hands_exactly() {
    let sim = Sim::up(Version::V2, 1).0;
    let mut pf = Box::new(Pf::new(Version::V2));
    pf.set_num_vfs(16).unwrap();
    assert!(pf.set_num_vfs(17).is_err());
    let total = pf.total();
    pf.assign(0, Resource::LdbPorts, 20).unwrap();
    assert_eq!(pf.share(Func::Vf(0)).cos_ldb_ports, [16, 4, 0, 0]);
    pf.assign(0, Resource::CosLdbPorts(1), 2).unwrap();
    pf.assign(0, Resource::CosLdbPorts(3), 5).unwrap();
    assert_eq!(pf.share(Func::Vf(0)).cos_ldb_ports, [16, 2, 0, 5]);
    pf.assign(0, Resource::HistListEntries, 1024).unwrap();
    pf.assign(1, Resource::HistListEntries, 1024).unwrap();
    let full = pf.assign(2, Resource::HistListEntries, 1);
    assert!(matches!(
        full,
        Err(Error::NoSpace {
            asked: 1,
            free: 0,
            ..
        })
    ));
    pf.assign(0, Resource::HistListEntries, 512).unwrap();
    // What it has counts, but only in one piece.
    pf.assign(0, Resource::HistListEntries, 1024).unwrap();
    pf.assign(0, Resource::HistListEntries, 256).unwrap();
    pf.assign(2, Resource::HistListEntries, 256).unwrap();
    let more = pf.assign(0, Resource::HistListEntries, 1024);
    assert!(matches!(more, Err(Error::NoSpace { asked: 1024, .. })));
    assert_eq!(pf.share(Func::Vf(0)).hist_list_entries, 256);
    pf.assign(3, Resource::LdbCredits, 8192).unwrap();
    assert!(pf.assign(4, Resource::LdbCredits, 1).is_err());
    pf.assign(3, Resource::LdbCredits, 0).unwrap();
    pf.assign(3, Resource::SnSlots(1), 16).unwrap();
    assert!(pf.assign(4, Resource::SnSlots(1), 1).is_err());
    assert!(matches!(
        pf.set_sequence_numbers(None, 1, 128),
        Err(Error::Busy(_))
    ));
    assert_eq!(
        pf.assign(16, Resource::Domains, 1),
        Err(Error::Invalid {
            what: Param::Vf,
            value: 16
        })
    );
    assert!(pf.assign(0, Resource::CosLdbPorts(4), 1).is_err());
    // What a domain of the PF has cannot be given away.
    let args = DomainArgs {
        dir_ports: 60,
        ..DomainArgs::default()
    };
    pf.create_domain(&sim, Func::Pf, &args).unwrap();
    let none = pf.assign(5, Resource::DirPorts, 5);
    assert!(matches!(
        none,
        Err(Error::NoSpace {
            asked: 5,
            free: 4,
            ..
        })
    ));
    pf.reset_domain(&sim, Func::Pf, 0).unwrap();
    for vf in 0..16 {
        pf.unassign(vf).unwrap();
    }
    assert_eq!(pf.available(Func::Pf), total);

    pf.split_evenly().unwrap();
    for vf in 0..16 {
        let share = pf.share(Func::Vf(vf));
        assert_eq!(
            (share.domains, share.ldb_queues, share.dir_ports),
            (2, 2, 4)
        );
        assert_eq!(share.cos_ldb_ports, [1; 4]);
        assert_eq!((share.ldb_credits, share.dir_credits), (512, 256));
        assert_eq!(
            (share.hist_list_entries, share.atomic_inflights),
            (128, 128)
        );
        assert_eq!(share.sn_slots, [1, 1]);
        assert_eq!(pf.available(Func::Vf(vf)), share);
    }
    assert_eq!(pf.available(Func::Pf).domains, 0);
    assert_eq!(pf.vf_map(15, MapKind::DirPorts, 3), None, "not registered");
    // Auxiliary VFs give up what they have.
    pf.set_aux_vfs(0, 0b110).unwrap();
    assert_eq!(pf.aux_vfs(0), Ok(0b110));
    assert_eq!(pf.share(Func::Vf(1)).domains, 0);
    assert!(pf.set_aux_vfs(3, 0b10).is_err(), "already another's");
    assert!(pf.set_aux_vfs(3, 0b1000).is_err(), "its own");
    assert!(pf.set_aux_vfs(3, 0b1).is_err(), "has some itself");
    assert_eq!(pf.assign(1, Resource::Domains, 1), Err(Error::NotPermitted));
    pf.set_aux_vfs(0, 0).unwrap();
    pf.assign(1, Resource::Domains, 1).unwrap();
}

#[test]
fn a_registered_vf_is_locked() {
    let machine = Machine::split(Version::V2, 2);
    let (bar, dev) = machine.vf(0);
    {
        let mut pf = machine.pf.borrow_mut();
        assert_eq!(pf.assign(0, Resource::Domains, 1), Err(Error::NotPermitted));
        assert_eq!(pf.unassign(0), Err(Error::NotPermitted));
        assert_eq!(pf.split_evenly(), Err(Error::NotPermitted));
        assert_eq!(pf.set_aux_vfs(1, 1), Err(Error::NotPermitted));
        assert!(pf.check_vfs_idle().is_err());
        // It knows what consumer queues look like, and how much memory they take.
        let layout = pf.set_cq_layout(Some(&machine.sim), false);
        assert_eq!(layout, Err(Error::Busy(error::InUse::Vf)));
        assert_eq!(pf.set_cq_layout(Some(&machine.sim), true), Ok(()));
        pf.assign(1, Resource::Domains, 3).unwrap();
    }
    assert_eq!(dev.is_sparse(&bar), Ok(true));
    // A driver that comes back without having said goodbye finds its domains gone.
    setup(&bar, &dev);
    let (bar, dev) = machine.vf(0);
    assert_eq!(dev.used(&bar).unwrap(), Resources::default());
    setup(&bar, &dev);
}

#[test]
fn auxiliary_vfs_lend_their_vectors() {
    let machine = Machine::split(Version::V2, 3);
    machine.pf.borrow_mut().set_aux_vfs(0, 0b10).unwrap();
    let (_, aux) = machine.vf(1);
    assert!(aux.is_auxiliary());
    assert_eq!(aux.registration().primary_vf_id, 0);
    let (bar, dev) = machine.vf(0);
    let s = setup(&bar, &dev);
    dev.enable_cq_interrupt(&bar, PortId::Dir(0), 1, 9, 1)
        .unwrap();
    assert!(matches!(
        dev.enable_cq_interrupt(&bar, PortId::Dir(0), 1, 9, 2),
        Err(Error::Mailbox { header: 3, .. })
    ));
    dev.arm_cq_interrupt(&bar, 0, PortId::Dir(0)).unwrap();
    s.dir
        .1
        .send(&machine.sim, &[new(1, 0, SchedType::Directed)]);
    assert_eq!(machine.sim.outside.borrow().msi, [(1, 9)]);
}

#[test]
fn a_reset_of_a_vf_takes_its_domains_and_nothing_else() {
    for version in VERSIONS {
        let machine = Machine::split(version, 2);
        let (bar, dev) = machine.vf(0);
        let (other_bar, other_dev) = machine.vf(1);
        let mine = setup(&bar, &dev);
        let mut other = setup(&other_bar, &other_dev);
        let sim = &machine.sim;
        for i in 0..30 {
            mine.dir.1.send(sim, &[new(i, 0, SchedType::Atomic)]);
        }
        other.dir.1.send(sim, &[new(5, 0, SchedType::Directed)]);
        sim.flr(Requester::Vf(0));
        assert_eq!(bar.read(Bar::Func, 0x3000), u32::MAX, "the BAR is blocked");
        assert_eq!(dev.available(&bar), Err(Error::Gone));
        dev.wait_reset(&bar).unwrap();
        assert_eq!(machine.events.borrow().resets, [(0, Ok(()))]);
        assert_eq!(machine.pf.borrow().used(Func::Vf(0)), Resources::default());
        assert_eq!(machine.pf.borrow().is_vf_locked(0), Ok(true));
        assert_eq!(other.dir.1.receive(sim).unwrap().data, 5);
        assert_eq!(other_dev.used(&other_bar).unwrap().domains, 1);
        let (bar, dev) = machine.vf(0);
        setup(&bar, &dev);
        machine.sim.assert_sane();
    }
}

#[test]
fn versions_are_agreed_on_or_refused() {
    let machine = Machine::split(Version::V2, 1);
    let bar = Bar0 {
        machine: &machine,
        vf: 0,
    };
    let dev = VfDev::new(Version::V2);
    let register = |min, max| {
        dev.call(
            &bar,
            &mbox::Register {
                min_interface_version: min,
                max_interface_version: max,
            },
        )
    };
    for (min, max) in [(6, 9), (1, 2)] {
        let refused = register(min, max);
        assert!(matches!(refused, Err(Error::Mailbox { header: 2, .. })));
        assert_eq!(bar.read(Bar::Func, 0x2004), 5, "the PF's version");
        assert_eq!(machine.pf.borrow().is_vf_locked(0), Ok(false));
    }
    for (min, max) in [(3, 5), (3, 3), (5, 9), (1, 4)] {
        assert_eq!(register(min, max).unwrap().interface_version, 5);
    }
    // Without a registration a driver does not even ask.
    assert!(matches!(dev.available(&bar), Err(Error::Unsupported(_))));
}

/// A PF's driver that is older than this one is asked for what it knows, and for nothing else.
#[test]
fn an_older_pf_is_asked_for_what_it_knows() {
    fn is_sent<C: mbox::Command>(machine: &Machine, bar: &Bar0<'_>, dev: &VfDev) -> (u32, bool) {
        let before = machine.events.borrow().requests.len();
        let result = dev.call(bar, &C::default());
        let sent = machine.events.borrow().requests.len() != before;
        let unsupported = Error::Unsupported(error::Feature::MailboxCommand);
        assert_eq!(!sent, result.err() == Some(unsupported), "{}", C::NUMBER);
        (C::NUMBER, sent)
    }
    for (version, corruption, unknown) in [(3, 6, &[31, 32, 33][..]), (4, 1, &[33]), (5, 0, &[])] {
        let machine = Machine::split(Version::V25, 1);
        machine
            .sim
            .inject(&format!("corrupt-pf2vf=0:1:{corruption:#x}"));
        let (bar, dev) = machine.vf(0);
        assert_eq!(dev.registration().interface_version, version);
        let s = setup(&bar, &dev);
        // What is newer than the message that it is a part of.
        let d = dev
            .create_domain(
                &bar,
                &DomainArgs {
                    ldb_ports: 1,
                    hist_list_entries: 8,
                    ..DomainArgs::default()
                },
            )
            .unwrap();
        let args = LdbPortArgs {
            cq_base: machine.sim.allocate_cq(Requester::Vf(0)),
            cq_depth: 8,
            hist_list_size: 8,
            inflight_threshold: Some(4),
            ..LdbPortArgs::default()
        };
        let threshold = dev.create_ldb_port(&bar, d, &args);
        let control = dev.set_inflight_ctrl(&bar, s.domain, s.ports[0].0, Some(4));
        match version {
            3 => {
                assert_eq!(threshold.unwrap_err().errno(), -95);
                assert_eq!(control.unwrap_err().errno(), -95);
            }
            _ => {
                threshold.unwrap();
                control.unwrap();
            }
        }
        let stop = dev.stop_domain(&bar, s.domain).map_err(|e| e.errno());
        assert_eq!(stop, if version < 5 { Err(-95) } else { Ok(()) });

        use mbox::*;
        let sent = [
            is_sent::<Register>(&machine, &bar, &dev),
            is_sent::<GetNumResources>(&machine, &bar, &dev),
            is_sent::<CreateSchedDomain>(&machine, &bar, &dev),
            is_sent::<ResetSchedDomain>(&machine, &bar, &dev),
            is_sent::<CreateLdbQueue>(&machine, &bar, &dev),
            is_sent::<CreateDirQueue>(&machine, &bar, &dev),
            is_sent::<CreateLdbPort>(&machine, &bar, &dev),
            is_sent::<CreateDirPort>(&machine, &bar, &dev),
            is_sent::<EnableLdbPort>(&machine, &bar, &dev),
            is_sent::<DisableLdbPort>(&machine, &bar, &dev),
            is_sent::<EnableDirPort>(&machine, &bar, &dev),
            is_sent::<DisableDirPort>(&machine, &bar, &dev),
            is_sent::<LdbPortOwnedByDomain>(&machine, &bar, &dev),
            is_sent::<DirPortOwnedByDomain>(&machine, &bar, &dev),
            is_sent::<MapQid>(&machine, &bar, &dev),
            is_sent::<UnmapQid>(&machine, &bar, &dev),
            is_sent::<StartDomain>(&machine, &bar, &dev),
            is_sent::<EnableLdbPortIntr>(&machine, &bar, &dev),
            is_sent::<EnableDirPortIntr>(&machine, &bar, &dev),
            is_sent::<ArmCqIntr>(&machine, &bar, &dev),
            is_sent::<GetNumUsedResources>(&machine, &bar, &dev),
            is_sent::<GetSnAllocation>(&machine, &bar, &dev),
            is_sent::<GetLdbQueueDepth>(&machine, &bar, &dev),
            is_sent::<GetDirQueueDepth>(&machine, &bar, &dev),
            is_sent::<PendingPortUnmaps>(&machine, &bar, &dev),
            is_sent::<GetCosBw>(&machine, &bar, &dev),
            is_sent::<GetSnOccupancy>(&machine, &bar, &dev),
            is_sent::<QueryCqPollMode>(&machine, &bar, &dev),
            is_sent::<DevReset>(&machine, &bar, &dev),
            is_sent::<EnableCqWeight>(&machine, &bar, &dev),
            is_sent::<CqInflightCtrl>(&machine, &bar, &dev),
            is_sent::<GetXstats>(&machine, &bar, &dev),
            is_sent::<StopDomain>(&machine, &bar, &dev),
            is_sent::<Unregister>(&machine, &bar, &dev),
        ];
        assert_eq!(sent.len(), REQUESTS.len());
        for (number, sent) in sent {
            assert_eq!(
                sent,
                !unknown.contains(&number),
                "{number} to version {version}"
            );
        }
    }
}

/// A VF's driver that is older than the in-flight fields leaves padding there, which may be anything.
#[test]
fn padding_of_an_older_vf_is_not_looked_at() {
    for (max, is_set) in [(3, false), (4, true), (5, true)] {
        let machine = Machine::split(Version::V25, 1);
        let (bar, dev) = machine.vf(0);
        let versions = mbox::Register {
            min_interface_version: 3,
            max_interface_version: max,
        };
        dev.call(&bar, &versions).unwrap();
        let args = DomainArgs {
            ldb_ports: 1,
            hist_list_entries: 8,
            ..DomainArgs::default()
        };
        let domain_id = dev.create_domain(&bar, &args).unwrap();
        // Out of range, where somebody looks.
        let answer = dev.call(
            &bar,
            &mbox::CreateLdbPort {
                domain_id,
                cq_depth: 8,
                cq_history_list_size: 8,
                inflight_threshold: 0xdead,
                cq_base_address: machine.sim.allocate_cq(Requester::Vf(0)),
                enable_inflight_ctrl: 0xad,
                ..mbox::CreateLdbPort::default()
            },
        );
        assert_eq!(answer.unwrap().error_code != 0, is_set, "version {max}");
    }
}

#[test]
fn a_silent_pf_is_given_up() {
    let machine = Machine::split(Version::V2, 1);
    let (bar, dev) = machine.vf(0);
    machine.asleep.set(true);
    let before = machine.now_ms.get();
    assert_eq!(
        dev.available(&bar),
        Err(Error::Timeout(error::Wait::PfAnswer))
    );
    let waited = machine.now_ms.get() - before;
    assert!((9_000..11_000).contains(&waited), "{waited}");
    // While that request is out nothing else is sent, at once.
    assert_eq!(
        dev.available(&bar),
        Err(Error::Timeout(error::Wait::PfAnswer))
    );
    machine.asleep.set(false);
    machine.serve();
    assert!(dev.available(&bar).is_ok());
}

/// A message of the PF that is announced twice is taken once, and one that nobody has taken does not
/// keep the next driver from getting any.
#[test]
fn a_message_of_the_pf_counts_once() {
    let machine = Machine::split(Version::V2, 1);
    let (bar, dev) = machine.vf(0);
    let sim = &machine.sim;
    let send = |message| service::send_to_vf(sim, Version::V2, 0, &message);
    let alert = |domain_id| DomainAlert {
        domain_id,
        ..DomainAlert::default()
    };
    let mut readable = false;
    // Where the doorbell has never been seen to ring each interrupt is believed.
    assert_eq!(dev.is_message_waiting(&bar, &mut readable), Ok(true));
    assert_eq!(send(alert(1)), Ok(true));
    assert_eq!(dev.is_message_waiting(&bar, &mut readable), Ok(true));
    assert_eq!(dev.read_message(&bar), Ok(PfMessage::Alert(alert(1))));
    dev.acknowledge(&bar);
    assert_eq!(dev.is_message_waiting(&bar, &mut readable), Ok(false));
    sim.inject("spurious-msi=0:31");
    assert_eq!(dev.is_message_waiting(&bar, &mut readable), Ok(false));
    assert_eq!(send(alert(2)), Ok(true));
    assert_eq!(dev.is_message_waiting(&bar, &mut readable), Ok(true));
    assert_eq!(send(alert(3)), Ok(false), "the last one was not taken");

    // The driver goes without a word.
    let (bar, dev) = machine.vf(0);
    assert_eq!(dev.take_interrupts(&bar, 31, 32), Ok(0));
    assert_eq!(send(alert(3)), Ok(true));
    assert_eq!(dev.take_interrupts(&bar, 31, 32), Ok(1 << MAILBOX_SOURCE));
    assert_eq!(dev.read_message(&bar), Ok(PfMessage::Alert(alert(3))));
    dev.acknowledge(&bar);
}

/// A VF's BAR while the PF's driver is busy with something else until a point in time.
struct Busy<'a> {
    bar: Bar0<'a>,
    until_ms: u32,
}

impl Csr for Busy<'_> {
    fn read(&self, bar: Bar, offset: u32) -> u32 {
        self.bar.read(bar, offset)
    }
    fn write(&self, bar: Bar, offset: u32, value: u32) {
        self.bar.write(bar, offset, value);
    }
    fn pp_line(&self, port: Port, line: &[Hcw; 4]) {
        self.bar.pp_line(port, line);
    }
    fn delay_us(&self, us: u32) {
        let machine = self.bar.machine;
        machine.asleep.set(machine.now_ms.get() < self.until_ms);
        self.bar.delay_us(us);
    }
}

/// A PF that is busy for seconds has a VF's reset wait for it, as it has requests.
#[test]
fn a_reset_waits_for_a_busy_pf() {
    let machine = Machine::split(Version::V2, 1);
    let (bar, dev) = machine.vf(0);
    setup(&bar, &dev);
    let until_ms = machine.now_ms.get() + 5000;
    let busy = Busy { bar, until_ms };
    machine.asleep.set(true);
    machine.sim.flr(Requester::Vf(0));
    dev.wait_reset(&busy).unwrap();
    assert_eq!(dev.used(&busy), Ok(Resources::default()));
    machine.asleep.set(true);
    machine.sim.flr(Requester::Vf(0));
    let before = machine.now_ms.get();
    assert_eq!(dev.wait_reset(&busy.bar), Err(Error::Gone));
    let waited = machine.now_ms.get() - before;
    assert!((9_000..11_000).contains(&waited), "{waited}");
}

/// A request that was not answered when its VF was reset is not executed for whoever comes next.
#[test]
fn a_reset_takes_back_a_request() {
    let machine = Machine::split(Version::V2, 1);
    let (bar, dev) = machine.vf(0);
    machine.asleep.set(true);
    let args = DomainArgs::default();
    let silence = Err(Error::Timeout(error::Wait::PfAnswer));
    assert_eq!(dev.create_domain(&bar, &args), silence);
    machine.events.borrow_mut().requests.clear();
    machine.sim.flr(Requester::Vf(0));
    machine.asleep.set(false);
    machine.serve();
    dev.wait_reset(&bar).unwrap();
    assert_eq!(machine.events.borrow().requests.len(), 0);
    assert_eq!(machine.events.borrow().resets, [(0, Ok(()))]);
    // The mailbox is free, and the first answer is the one to the first request.
    assert_eq!(dev.sequence_numbers(&bar, 0), Ok(64));
    assert_eq!(dev.used(&bar), Ok(Resources::default()));
    machine.sim.assert_sane();
}

/// Every request that names an object, with every number that is not one of the VF's own objects in
/// that place: numbers of others, of nothing, negative ones, and own ones with more bits in front.
#[test]
fn numbers_that_are_not_its_own_get_a_vf_nowhere() {
    for version in VERSIONS {
        let machine = Machine::split(version, 4);
        let (bar, dev) = machine.vf(2);
        let (other_bar, other_dev) = machine.vf(1);
        let mut other = setup(&other_bar, &other_dev);
        let mine = setup(&bar, &dev);
        let ldb = mine.ports[0].0;
        let before = (dev.used(&bar), other_dev.used(&other_bar));
        let cq = machine.sim.allocate_cq(Requester::Vf(2));
        let (low, high) = (cq as u32, (cq >> 32) as u32);
        // What follows the command, and which of these words are numbers of objects. All others
        // would be right.
        let requests: &[(u32, &[u32], &[usize])] = &[
            (4, &[0], &[0]),
            (5, &[0, 0, 16, 4, 0, 4], &[0]),
            (6, &[0, u32::MAX, 4], &[0, 1]),
            (7, &[0, 0x8_0008, 0, low, high, 0], &[0]),
            (8, &[0, low, high, 8, u32::MAX], &[0, 4]),
            (9, &[0, ldb], &[0, 1]),
            (10, &[0, ldb], &[0, 1]),
            (11, &[0, 0], &[0, 1]),
            (12, &[0, 0], &[0, 1]),
            (13, &[0, ldb], &[0, 1]),
            (14, &[0, 0], &[0, 1]),
            (15, &[0, ldb, 0, 3], &[0, 1, 2, 3]),
            (16, &[0, ldb, 0], &[0, 1, 2]),
            (17, &[0], &[0]),
            (20, &[0, ldb, 1], &[0, 1]),
            (20, &[0, 0, 0], &[0, 1]),
            (22, &[0], &[0]),
            (23, &[0, 0], &[0, 1]),
            (24, &[0, 0], &[0, 1]),
            (25, &[0, ldb], &[0, 1]),
            (26, &[0], &[0]),
            (27, &[0], &[0]),
            (30, &[0, ldb, 1], &[0, 1]),
            (31, &[0, ldb, 0x4_0001], &[0, 1]),
            (32, &[0x1_0000, 0], &[1]),
            (32, &[0x2_0000, ldb], &[1]),
            (32, &[0x3_0001, 0], &[1]),
            (33, &[0], &[0]),
        ];
        let foreign = [
            9,
            24,
            31,
            32,
            63,
            64,
            95,
            96,
            127,
            128,
            255,
            256,
            0x8000,
            0xffff,
            0x1_0000,
            0xff_0000,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_0000,
            u32::MAX - 1,
            u32::MAX,
        ];
        let mut sent = 0;
        for (command, words, places) in requests {
            for place in *places {
                for number in foreign
                    .into_iter()
                    .chain([0x100, 0x1_0000].map(|n| n | words[*place]))
                {
                    // That there is none is no number.
                    let none = matches!((command, place), (6, 1) | (8, 4)) && number == u32::MAX;
                    if none || number == words[*place] {
                        continue;
                    }
                    let mut words = words.to_vec();
                    words[*place] = number;
                    machine.sim.vf_write(2, 0x1004, *command);
                    for (n, word) in (0..).zip(&words) {
                        machine.sim.vf_write(2, 0x1008 + 4 * n, *word);
                    }
                    machine.sim.vf_write(2, 0x1f00, 1);
                    machine.now_ms.set(machine.now_ms.get() + 2);
                    machine.serve();
                    let [status, code] = [0x2000, 0x2004].map(|at| machine.sim.vf_read(2, at));
                    let refused = match command {
                        13 | 14 | 22 | 26 => (code as i32) < 0,
                        _ => code != 0,
                    };
                    assert!(status != 0 || refused, "{command} {words:x?}: {code:#x}");
                    sent += 1;
                }
            }
        }
        println!("{version:?}: {sent} requests refused");
        // Vectors and their owners share words with the ports.
        for (command, port) in [(18, ldb), (19, 0)] {
            for (words, why) in [
                ([9, 3 | 2 << 16], "no such port"),
                ([0x100 | port, 3 | 2 << 16], "no such port"),
                ([0xffff, 3 | 2 << 16], "no such port"),
                ([port, 3 | 1 << 16], "another's vectors"),
                ([port, 3 | 0xffff << 16], "nobody's vectors"),
                ([port, 3 | 0x102 << 16], "nobody's vectors"),
                ([port, 31 | 2 << 16], "the mailbox's vector"),
                ([port, 0x103 | 2 << 16], "no such vector"),
                ([port, 0xffff | 2 << 16], "no such vector"),
            ] {
                machine.sim.vf_write(2, 0x1004, command);
                machine.sim.vf_write(2, 0x1008, words[0] | 1 << 16);
                machine.sim.vf_write(2, 0x100c, words[1]);
                machine.sim.vf_write(2, 0x1f00, 1);
                machine.now_ms.set(machine.now_ms.get() + 2);
                machine.serve();
                let [status, code] = [0x2000, 0x2004].map(|at| machine.sim.vf_read(2, at));
                assert!(status != 0 || code != 0, "{command} {words:x?}: {why}");
            }
        }
        assert!(machine.events.borrow().cut_off.is_empty());
        assert_eq!((dev.used(&bar), other_dev.used(&other_bar)), before);
        other
            .dir
            .1
            .send(&machine.sim, &[new(9, 0, SchedType::Directed)]);
        assert_eq!(other.dir.1.receive(&machine.sim).unwrap().data, 9);
        machine.sim.assert_sane();
    }
}

/// What the PF answers is not believed.
#[test]
fn a_lying_pf_is_not_believed() {
    let machine = Machine::split(Version::V2, 1);
    let (bar, dev) = machine.vf(0);
    let args = DomainArgs::default();
    machine.sim.inject("corrupt-pf2vf=0:3:0x20");
    let lie = dev.create_domain(&bar, &args);
    assert!(
        matches!(lie, Err(Error::Mailbox { header: 0, .. })),
        "{lie:?}"
    );
    machine.sim.inject("corrupt-pf2vf=0:0:0x7f");
    assert!(matches!(
        dev.create_domain(&bar, &args),
        Err(Error::Mailbox { header: 0x7f, .. })
    ));
    machine.sim.inject("corrupt-pf2vf=0:1:0x9");
    assert!(matches!(
        dev.is_sparse(&bar),
        Err(Error::Mailbox { code: 9, .. })
    ));
}

#[test]
fn a_flood_is_cut_off_without_touching_the_neighbours() {
    let machine = Machine::split(Version::V2, 3);
    let (bar, dev) = machine.vf(0);
    let (other_bar, other_dev) = machine.vf(1);
    setup(&bar, &dev);
    let mut other = setup(&other_bar, &other_dev);
    for _ in 0..5000 {
        machine.sim.vf_write(0, 0x1f00, 1);
        machine.serve();
    }
    assert_eq!(machine.events.borrow().cut_off, [0]);
    assert!(machine.events.borrow().requests.len() < 1100);
    assert_eq!(machine.pf.borrow().is_vf_bar_enabled(0), Ok(false));
    assert_eq!(dev.available(&bar), Err(Error::Gone));
    assert!(other_dev.available(&other_bar).is_ok());
    other
        .dir
        .1
        .send(&machine.sim, &[new(1, 0, SchedType::Directed)]);
    assert_eq!(other.dir.1.receive(&machine.sim).unwrap().data, 1);
    machine
        .pf
        .borrow_mut()
        .set_vf_bar_enabled(&machine.sim, 0, true)
        .unwrap();
    machine.now_ms.set(machine.now_ms.get() + 5000);
    assert!(dev.available(&bar).is_ok());
    // At the pace of a driver that polls once per millisecond nobody is cut off.
    for _ in 0..3000 {
        machine.now_ms.set(machine.now_ms.get() + 1);
        machine.sim.vf_write(0, 0x1f00, 1);
        machine.serve();
    }
    assert_eq!(machine.events.borrow().cut_off.len(), 1);
}

/// A request that could have been meant, to any of a few objects.
fn plausible(random: &mut Random, vf: u8) -> Vec<u32> {
    fn words<C: mbox::Command>(message: C) -> Vec<u32> {
        message.to_raw().words(C::SIZE).to_vec()
    }
    let domain_id = random.below(2) as u32;
    let port_id = random.below(5) as u32;
    let queue_id = random.below(3) as u32;
    let cq_base_address = sim::MEMORY + (u64::from(vf) << 12);
    match random.below(36) {
        0 => words(mbox::Register {
            min_interface_version: 3,
            max_interface_version: 5,
        }),
        1 if random.one_in(20) => words(mbox::Unregister {}),
        2 => words(mbox::GetNumResources {}),
        3..=5 => words(mbox::CreateSchedDomain {
            num_ldb_queues: random.below(3) as u32,
            num_ldb_ports: 1 + random.below(2) as u32,
            num_dir_ports: random.below(3) as u32,
            num_atomic_inflights: 8,
            num_hist_list_entries: 16,
            num_ldb_credits: 16,
            num_dir_credits: 8,
            num_sn_slots: [random.below(2) as u32, 0],
            ..mbox::CreateSchedDomain::default()
        }),
        6 if random.one_in(10) => words(mbox::ResetSchedDomain { id: domain_id }),
        7..=8 => words(mbox::CreateLdbQueue {
            domain_id,
            num_sequence_numbers: [0, 0, 64][random.below(3) as usize],
            num_qid_inflights: 16,
            num_atomic_inflights: random.below(5) as u32,
            lock_id_comp_level: 0,
            depth_threshold: 4,
        }),
        9 => words(mbox::CreateDirQueue {
            domain_id,
            port_id: [mbox::NO_ID, port_id][random.below(2) as usize],
            depth_threshold: 4,
        }),
        10..=11 => words(mbox::CreateLdbPort {
            domain_id,
            cq_depth: 1 << random.below(4),
            cq_history_list_size: 8,
            cq_base_address,
            ..mbox::CreateLdbPort::default()
        }),
        12 => words(mbox::CreateDirPort {
            domain_id,
            cq_base_address,
            cq_depth: 8,
            queue_id: [-1, queue_id as i32][random.below(2) as usize],
        }),
        13 => words(mbox::EnableLdbPort { domain_id, port_id }),
        14 => words(mbox::DisableLdbPort { domain_id, port_id }),
        15 => words(mbox::EnableDirPort { domain_id, port_id }),
        16 => words(mbox::DisableDirPort { domain_id, port_id }),
        17 => words(mbox::LdbPortOwnedByDomain { domain_id, port_id }),
        18 => words(mbox::MapQid {
            domain_id,
            port_id,
            qid: queue_id,
            priority: random.below(8) as u32,
        }),
        19 => words(mbox::UnmapQid {
            domain_id,
            port_id,
            qid: queue_id,
        }),
        20 => words(mbox::StartDomain { domain_id }),
        21 => words(mbox::EnableLdbPortIntr {
            port_id: port_id as u16,
            thresh: 1,
            vector: 3,
            owner_vf: vf.into(),
        }),
        22 => words(mbox::EnableDirPortIntr {
            port_id: port_id as u16,
            thresh: 1,
            vector: 3,
            owner_vf: vf.into(),
        }),
        23 => words(mbox::ArmCqIntr {
            domain_id,
            port_id,
            is_ldb: random.below(2) as u32,
        }),
        24 => words(mbox::GetLdbQueueDepth {
            domain_id,
            queue_id,
        }),
        25 => words(mbox::GetDirQueueDepth {
            domain_id,
            queue_id,
        }),
        26 => words(mbox::PendingPortUnmaps { domain_id, port_id }),
        27 => words(mbox::EnableCqWeight {
            domain_id,
            port_id,
            limit: 1,
        }),
        28 => words(mbox::CqInflightCtrl {
            domain_id,
            port_id,
            enable: random.below(2) as u8,
            threshold: 4,
        }),
        29 => words(mbox::GetXstats {
            xstats_type: 0x1_0000 * (1 + random.below(3) as u32) + random.below(4) as u32,
            xstats_id: port_id,
        }),
        30 if random.one_in(4) => words(mbox::StopDomain { domain_id }),
        31 => words(mbox::GetSnAllocation { group_id: 1 }),
        32 => words(mbox::GetSnOccupancy { group_id: 1 }),
        33 => words(mbox::GetCosBw { cos_id: 3 }),
        34 => words(mbox::QueryCqPollMode {}),
        _ if random.one_in(30) => words(mbox::DevReset {}),
        _ => words(mbox::GetNumUsedResources {}),
    }
}

/// A request made of numbers that tend to matter.
fn nonsense(random: &mut Random) -> Vec<u32> {
    let command = match random.below(20) {
        0 => random.next() as u32,
        // Those that end everything would keep the rest from getting anywhere.
        _ => match random.below(36) as u32 {
            1 | 4 | 29 if !random.one_in(20) => 2,
            command => command,
        },
    };
    let mut words = vec![command];
    for _ in 1..16 {
        words.push(match random.below(12) {
            0 => random.next() as u32,
            1 => u32::MAX,
            2 => random.below(64) as u32,
            3 => 64 << random.below(5),
            4 => 0x0001_0001 * random.below(16) as u32,
            5 => 0x0005_0003,
            6..=8 => random.below(4) as u32,
            _ => random.below(2) as u32,
        });
    }
    words
}

/// Random messages: every command with every kind of field, in every state. The PF stays well, a
/// neighbour's traffic is complete, and all resources are back when the VFs are gone. A hundred
/// thousand of both versions together; `DLB_MESSAGES=n` sends another number to each.
#[test]
fn random_messages_harm_nobody() {
    for version in VERSIONS {
        let machine = Machine::split(version, 4);
        let (other_bar, other_dev) = machine.vf(3);
        let mut other = setup(&other_bar, &other_dev);
        let sim = &machine.sim;
        let mut random = Random::new(42);
        let mut served = 0;
        let mut done = std::collections::BTreeSet::new();
        let messages = std::env::var("DLB_MESSAGES").map_or(50_000, |n| n.parse().unwrap());
        for n in 0..messages {
            let vf = random.below(3) as u8;
            if random.one_in(300) {
                // A driver that behaves, for a moment.
                let (bar, dev) = machine.vf(vf);
                setup(&bar, &dev);
            }
            let words = match random.one_in(2) {
                true => plausible(&mut random, vf),
                false => nonsense(&mut random),
            };
            for (word, value) in (0..).zip(words) {
                sim.vf_write(vf, 0x1004 + 4 * word, value);
            }
            sim.vf_write(vf, 0x1f00, 1);
            // Now and then an element, to any page.
            if random.one_in(4) {
                let page = random.below(8) as u8;
                let port = match random.one_in(2) {
                    true => Port::Ldb(page),
                    false => Port::Dir(page),
                };
                let hcw = Hcw {
                    data: random.next(),
                    control: random.next() << 32 | random.next(),
                };
                sim.send(Requester::Vf(vf), port, &[hcw; 4]);
            }
            if random.one_in(2000) {
                sim.flr(Requester::Vf(vf));
            }
            machine.now_ms.set(machine.now_ms.get() + 2);
            machine.serve();
            for (_, command, status, error) in machine.events.borrow_mut().requests.drain(..) {
                served += 1;
                if status == mbox::SUCCESS && error.is_none() {
                    done.insert(command);
                }
            }
            machine.events.borrow_mut().ingress.clear();
            if n % 100 == 0 {
                other.dir.1.send(sim, &[new(n, 0, SchedType::Directed)]);
                assert_eq!(other.dir.1.receive(sim).unwrap().data, n);
                other.dir.1.return_tokens(sim, 1);
                other.dir.1.send(sim, &[new(n, 0, SchedType::Atomic)]);
                let (_, user) = &mut other.ports[0];
                let entry = user.receive(sim);
                let (_, second) = &mut other.ports[1];
                let (entry, user) = match entry {
                    Some(entry) => (entry, &mut other.ports[0].1),
                    None => (second.receive(sim).unwrap(), second),
                };
                assert_eq!(entry.data, n);
                user.release(sim);
                user.return_tokens(sim, 1);
                sim.device.borrow().check().unwrap();
            }
        }
        assert!(served as u64 > messages / 2, "{served}");
        // Weight limits and thresholds are for DLB 2.5; all else succeeded at least once.
        let all = (0..34).filter(|n| version == Version::V25 || ![30, 31].contains(n));
        assert_eq!(all.filter(|n| !done.contains(n)).count(), 0, "{done:?}");
        let resets = &machine.events.borrow().resets;
        assert!(
            resets.iter().all(|(_, result)| result.is_ok()),
            "{resets:?}"
        );
        assert!(machine.events.borrow().cut_off.is_empty());
        let mut pf = machine.pf.borrow_mut();
        assert!(!pf.is_broken());
        for vf in 0..4 {
            pf.remove_vf(sim, vf).unwrap();
        }
        assert_eq!(pf.available(Func::Pf), pf.total());
        println!("{version:?}: {served} random messages answered");
    }
}

#[test]
fn a_hostile_vf_is_told_about_its_own_errors_only() {
    let machine = Machine::split(Version::V2, 2);
    let (bar, dev) = machine.vf(1);
    let s = setup(&bar, &dev);
    machine.serve();
    s.dir.1.send(&machine.sim, &[Hcw::command(Command::Rel)]);
    machine.serve();
    let error = machine.events.borrow().ingress[0];
    assert_eq!((error.alert, error.func), (Alert::IllegalHcw, Func::Vf(1)));
    let port = error.port.unwrap();
    assert_eq!((port.domain_id, port.port_id), (0, PortId::Dir(0)));
    assert_ne!(port.port, Port::Dir(0), "physical numbers differ");
}

/// A VF that makes one mistake after the other is reported up to its limit. Others are reported as
/// ever, and the alarms stay on.
#[test]
fn errors_of_one_vf_silence_nobody_else() {
    for version in VERSIONS {
        let machine = Machine::split(version, 3);
        let sim = &machine.sim;
        let vfs: Vec<_> = (0..2).map(|vf| machine.vf(vf)).collect();
        let setups: Vec<Setup> = vfs.iter().map(|(bar, dev)| setup(bar, dev)).collect();
        let own = DomainArgs {
            dir_ports: 1,
            ..DomainArgs::default()
        };
        let own = {
            let mut pf = machine.pf.borrow_mut();
            pf.assign(2, Resource::Domains, 0).unwrap();
            pf.assign(2, Resource::DirPorts, 0).unwrap();
            let d = pf.create_domain(sim, Func::Pf, &own).unwrap();
            let args = DirPortArgs {
                cq_base: sim.allocate_cq(Requester::Pf),
                cq_depth: 8,
                queue: None,
                enabled: true,
                near: false,
            };
            let p = pf.create_dir_port(sim, Func::Pf, d, &args).unwrap();
            let p = pf.physical_port(Func::Pf, d, PortId::Dir(p)).unwrap();
            pf.start_domain(sim, Func::Pf, d).unwrap();
            User::new(Requester::Pf, p, args.cq_base, 8, true)
        };
        let wrong = [Hcw::command(Command::Rel)];
        let reports = |func| {
            let events = machine.events.borrow();
            events.ingress.iter().filter(|e| e.func == func).count()
        };
        machine.serve();
        let start = machine.now_ms.get();
        for i in 0..4000 {
            machine.now_ms.set(start + i / 5);
            setups[0].dir.1.send(sim, &wrong);
            machine.serve();
            if i % 400 == 399 {
                setups[1].dir.1.send(sim, &wrong);
                machine.serve();
                own.send(sim, &wrong);
                machine.serve();
            }
        }
        assert_eq!(reports(Func::Vf(0)), 50);
        assert_eq!((reports(Func::Vf(1)), reports(Func::Pf)), (10, 10));
        assert_eq!(machine.events.borrow().throttled, [0]);
        assert_eq!(machine.events.borrow().storms, 0);
        assert!(machine.pf.borrow().settings().ingress_alarms);
        assert!(machine.events.borrow().requests.len() < 1000, "no storm");

        // When its second is over the error that waits is reported, with no interrupt for it.
        machine.now_ms.set(start + 999);
        machine.serve();
        assert_eq!(reports(Func::Vf(0)), 50);
        machine.now_ms.set(start + 1000);
        machine.serve();
        assert_eq!(reports(Func::Vf(0)), 51);
        assert!(machine.events.borrow().ingress.last().unwrap().more);
        assert_eq!(machine.again_ms.get(), None);

        // A reset forgets an error that waits, and the next one is heard.
        for _ in 0..100 {
            setups[0].dir.1.send(sim, &wrong);
            machine.serve();
        }
        assert_eq!(reports(Func::Vf(0)), 100);
        assert!(machine.again_ms.get().is_some());
        sim.flr(Requester::Vf(0));
        machine.serve();
        machine.now_ms.set(start + 2500);
        machine.serve();
        assert_eq!(reports(Func::Vf(0)), 100);
        let (bar, dev) = machine.vf(0);
        let next = setup(&bar, &dev);
        next.dir.1.send(sim, &wrong);
        machine.serve();
        assert_eq!(reports(Func::Vf(0)), 101);
        machine.sim.assert_sane();

        // So does the end of the VF.
        machine.asleep.set(true);
        next.dir.1.send(sim, &wrong);
        machine.pf.borrow_mut().remove_vf(sim, 0).unwrap();
        machine.asleep.set(false);
        machine.serve();
        assert_eq!(reports(Func::Vf(0)), 101);
    }
}

/// Twenty times up and down, with traffic: nothing leaks.
#[test]
fn vfs_come_and_go() {
    let machine = Machine::new(Version::V25, 16);
    for _ in 0..20 {
        machine.pf.borrow_mut().split_evenly().unwrap();
        for vf in [0, 7, 15] {
            let (bar, dev) = machine.vf(vf);
            let args = DomainArgs {
                dir_ports: 1,
                ldb_credits: 8,
                ..DomainArgs::default()
            };
            dev.create_domain(&bar, &args).unwrap();
        }
        let mut pf = machine.pf.borrow_mut();
        for vf in 0..16 {
            pf.remove_vf(&machine.sim, vf).unwrap();
        }
        assert_eq!(pf.available(Func::Pf), pf.total());
    }
}

/// Files about a VF are there for a moment longer than the VF: it is not given anything then.
#[test]
fn a_vf_that_is_gone_is_given_nothing() {
    let machine = Machine::new(Version::V2, 2);
    let mut pf = machine.pf.borrow_mut();
    pf.assign(1, Resource::Domains, 1).unwrap();
    for vf in 0..2 {
        pf.remove_vf(&machine.sim, vf).unwrap();
    }
    pf.set_num_vfs(0).unwrap();
    let gone = Error::Invalid {
        what: Param::Vf,
        value: 1,
    };
    assert_eq!(pf.assign(1, Resource::Domains, 1), Err(gone));
    assert_eq!(pf.assign(1, Resource::LdbCredits, 8), Err(gone));
    assert_eq!(pf.assign(1, Resource::Domains, 0), Ok(()));
    pf.split_evenly().unwrap();
    assert!(pf.set_aux_vfs(0, 1 << 1).is_err());
    assert_eq!(pf.available(Func::Pf), pf.total());
}

/// A VF that comes back is not held to what the one before it did: that one was cut off, or reset at
/// a moment when nobody had time for it before it went.
#[test]
fn a_vf_that_comes_back_starts_from_nothing() {
    for version in [Version::V2, Version::V25] {
        for reset in [false, true] {
            let machine = Machine::new(version, 1);
            let sim = &machine.sim;
            let (bar, dev) = machine.vf(0);
            machine.asleep.set(true);
            if reset {
                sim.flr(Requester::Vf(0));
            } else {
                sim.vf_write(0, 0x1f00, 1);
                let mut pf = machine.pf.borrow_mut();
                pf.set_vf_bar_enabled(sim, 0, false).unwrap();
            }
            assert_eq!(dev.available(&bar), Err(Error::Gone));
            {
                let mut pf = machine.pf.borrow_mut();
                pf.remove_vf(sim, 0).unwrap();
                pf.set_num_vfs(0).unwrap();
            }
            machine.asleep.set(false);
            machine.serve();
            {
                let mut pf = machine.pf.borrow_mut();
                pf.set_num_vfs(1).unwrap();
                pf.prepare_vfs(sim).unwrap();
                pf.split_evenly().unwrap();
                assert_eq!(pf.is_vf_bar_enabled(0), Ok(true));
            }
            let (bar, dev) = machine.vf(0);
            dev.wait_reset(&bar).unwrap();
            assert_eq!(dev.used(&bar), Ok(Resources::default()));
            setup(&bar, &dev);
            sim.flr(Requester::Vf(0));
            machine.serve();
            dev.wait_reset(&bar).unwrap();
            assert_eq!(dev.used(&bar), Ok(Resources::default()));
        }
    }
}

/// A reset of the PF is one of its VFs, and they see the end of it, but for those that were reset
/// again meanwhile: their resets are served.
#[test]
fn a_reset_of_the_pf_ends_for_its_vfs() {
    let machine = Machine::split(Version::V25, 2);
    let sim = &machine.sim;
    let vfs = [machine.vf(0), machine.vf(1)];
    for (bar, dev) in &vfs {
        setup(bar, dev);
    }
    sim.flr(Requester::Pf);
    sim.flr(Requester::Vf(1));
    {
        let mut pf = machine.pf.borrow_mut();
        pf.forget();
        pf.init_device(sim).unwrap();
    }
    assert_eq!(sim.vf_read(1, 0x3000), u32::MAX, "VF 1 is blocked");
    machine.asleep.set(true);
    let [(bar, dev), (other_bar, other_dev)] = &vfs;
    dev.wait_reset(bar).unwrap();
    machine.asleep.set(false);
    machine.serve();
    other_dev.wait_reset(other_bar).unwrap();
    assert_eq!(machine.events.borrow().resets, [(1, Ok(()))]);
    for (bar, dev) in &vfs {
        dev.reset(bar).unwrap();
        assert_eq!(dev.used(bar), Ok(Resources::default()));
        setup(bar, dev);
    }
}

/// What a request costs, for the record.
#[test]
fn a_request_costs_few_accesses() {
    let machine = Machine::split(Version::V2, 1);
    let (bar, dev) = machine.vf(0);
    machine.sim.take_accesses();
    dev.is_sparse(&bar).unwrap();
    let pf_accesses = machine.sim.take_accesses();
    println!("a request costs the PF {pf_accesses} register accesses");
    assert!(pf_accesses <= 20, "{pf_accesses}");
}

/// What a VF could not give back when it went is taken back after a reset of the device.
#[test]
fn the_share_of_a_vf_that_will_not_drain_comes_back_after_a_reset() {
    for version in [Version::V2, Version::V25] {
        let machine = Machine::new(version, 1);
        let sim = &machine.sim;
        machine.pf.borrow_mut().split_evenly().unwrap();
        let (bar, dev) = machine.vf(0);
        let _ = setup(&bar, &dev);
        let mut pf = machine.pf.borrow_mut();
        sim.inject("stuck-drain");
        pf.remove_vf(sim, 0).unwrap_err();
        pf.set_num_vfs(0).unwrap();
        assert!(pf.is_broken());
        assert_ne!(pf.available(Func::Pf), pf.total());
        // The next one with its number is another one.
        pf.set_num_vfs(1).unwrap();
        pf.prepare_vfs(sim).unwrap();
        assert_eq!(pf.share(Func::Vf(0)), Resources::default());
        assert_eq!(pf.reset_vf(sim, 0), Ok(()));
        sim.inject("clear");
        sim.flr(Requester::Pf);
        pf.forget();
        pf.init_device(sim).unwrap();
        assert_eq!(pf.available(Func::Pf), pf.total());
    }
}
