// SPDX-License-Identifier: GPL-2.0

//! What configuring costs: register accesses, exact, and time of the logic itself, on the model.
//!
//! `cargo bench -p dlb-hw`

#[path = "../tests/common/sim.rs"]
mod sim;

use dlb_hw::hw::hcw::{Command, SchedType};
use dlb_hw::hw::irq::{Alarms, HwAlarm, IngressError};
use dlb_hw::hw::mbox;
use dlb_hw::hw::service::VfEvents;
use dlb_hw::hw::*;
use dlb_model::Requester;
use sim::Sim;
use std::cell::{Cell, RefCell};
use std::time::Instant;

const VERSIONS: [Version; 2] = [Version::V2, Version::V25];

/// How much of everything a domain gets.
#[derive(Clone, Copy)]
struct Shape {
    queues: u32,
    ports: u32,
    links: u32,
    dir: u32,
    credits: u32,
    hist_list: u32,
}

/// The operations a domain is built with, on either kind of function.
trait Function {
    fn domain(&self, args: &DomainArgs) -> u32;
    fn ldb_queue(&self, d: u32, args: &LdbQueueArgs) -> u32;
    fn dir_queue(&self, d: u32, args: &DirQueueArgs) -> u32;
    fn ldb_port(&self, d: u32, args: &LdbPortArgs) -> u32;
    fn dir_port(&self, d: u32, args: &DirPortArgs) -> u32;
    fn interrupt(&self, d: u32, port: PortId);
    fn enable(&self, d: u32, port: PortId);
    fn link(&self, d: u32, port: u32, queue: u32);
    fn start(&self, d: u32);
    fn reset(&self, d: u32);
}

/// Builds a domain in the order in which the driver does.
fn build(f: &dyn Function, sim: &Sim, who: Requester, shape: Shape) -> u32 {
    let d = f.domain(&DomainArgs {
        ldb_queues: shape.queues,
        ldb_ports: shape.ports,
        dir_ports: shape.dir,
        ldb_credits: shape.credits,
        hist_list_entries: shape.hist_list * shape.ports,
        atomic_inflights: shape.queues * 8,
        ..DomainArgs::default()
    });
    let queues: Vec<u32> = (0..shape.queues)
        .map(|_| {
            f.ldb_queue(
                d,
                &LdbQueueArgs {
                    qid_inflights: 64,
                    atomic_inflights: 8,
                    depth_threshold: 32,
                    ..LdbQueueArgs::default()
                },
            )
        })
        .collect();
    for p in 0..shape.ports {
        let port = f.ldb_port(
            d,
            &LdbPortArgs {
                cq_base: sim.allocate_cq(who),
                cq_depth: 16,
                hist_list_size: shape.hist_list,
                ..LdbPortArgs::default()
            },
        );
        for link in 0..shape.links.min(shape.queues) {
            let queue = queues[((p + link) % shape.queues) as usize];
            f.link(d, port, queue);
        }
        f.interrupt(d, PortId::Ldb(port));
        f.enable(d, PortId::Ldb(port));
    }
    for _ in 0..shape.dir {
        let port = f.dir_port(
            d,
            &DirPortArgs {
                cq_base: sim.allocate_cq(who),
                cq_depth: 16,
                ..DirPortArgs::default()
            },
        );
        f.dir_queue(
            d,
            &DirQueueArgs {
                port: Some(port),
                depth_threshold: 32,
                near: false,
            },
        );
        f.interrupt(d, PortId::Dir(port));
        f.enable(d, PortId::Dir(port));
    }
    f.start(d);
    d
}

/// The PF, configured directly.
struct Direct<'a> {
    sim: &'a Sim,
    pf: &'a RefCell<Box<Pf>>,
}

impl Function for Direct<'_> {
    fn domain(&self, args: &DomainArgs) -> u32 {
        let mut pf = self.pf.borrow_mut();
        pf.create_domain(self.sim, Func::Pf, args).unwrap()
    }
    fn ldb_queue(&self, d: u32, args: &LdbQueueArgs) -> u32 {
        let mut pf = self.pf.borrow_mut();
        pf.create_ldb_queue(self.sim, Func::Pf, d, args).unwrap()
    }
    fn dir_queue(&self, d: u32, args: &DirQueueArgs) -> u32 {
        let mut pf = self.pf.borrow_mut();
        pf.create_dir_queue(self.sim, Func::Pf, d, args).unwrap()
    }
    fn ldb_port(&self, d: u32, args: &LdbPortArgs) -> u32 {
        let mut pf = self.pf.borrow_mut();
        pf.create_ldb_port(self.sim, Func::Pf, d, args).unwrap()
    }
    fn dir_port(&self, d: u32, args: &DirPortArgs) -> u32 {
        let mut pf = self.pf.borrow_mut();
        pf.create_dir_port(self.sim, Func::Pf, d, args).unwrap()
    }
    fn interrupt(&self, d: u32, port: PortId) {
        let mut pf = self.pf.borrow_mut();
        let port = pf.physical_port(Func::Pf, d, port).unwrap();
        pf.enable_cq_interrupt(self.sim, port, 1, Route::Pf)
            .unwrap();
    }
    fn enable(&self, d: u32, port: PortId) {
        let mut pf = self.pf.borrow_mut();
        pf.set_port_enabled(self.sim, Func::Pf, d, port, true)
            .unwrap();
    }
    fn link(&self, d: u32, port: u32, queue: u32) {
        let mut pf = self.pf.borrow_mut();
        pf.map_queue(self.sim, Func::Pf, d, port, queue, 0).unwrap();
    }
    fn start(&self, d: u32) {
        let mut pf = self.pf.borrow_mut();
        pf.start_domain(self.sim, Func::Pf, d).unwrap();
    }
    fn reset(&self, d: u32) {
        let mut pf = self.pf.borrow_mut();
        pf.reset_domain(self.sim, Func::Pf, d).unwrap();
    }
}

struct Silent;

impl Alarms for Silent {
    fn ingress(&mut self, _: IngressError) {}
    fn watchdog(&mut self, _: PortOwner) {}
    fn hardware(&mut self, _: HwAlarm) {}
    fn storm(&mut self) {}
    fn throttled(&mut self, _: u8) {}
}

impl VfEvents for Silent {
    fn request(&mut self, _: u8, _: u32, _: u32, _: Option<Error>) {}
    fn reset(&mut self, _: u8, _: Result) {}
    fn cut_off(&mut self, vf: u8) {
        panic!("VF {vf} was cut off");
    }
}

/// A VF, whose waits are the PF's time to answer.
struct ByMail<'a> {
    sim: &'a Sim,
    pf: &'a RefCell<Box<Pf>>,
    dev: RefCell<VfDev>,
    now_ms: Cell<u32>,
    accesses: Cell<u64>,
    requests: Cell<u64>,
}

impl Csr for ByMail<'_> {
    fn read(&self, _: Bar, offset: u32) -> u32 {
        self.accesses.set(self.accesses.get() + 1);
        self.sim.vf_read(0, offset)
    }
    fn write(&self, _: Bar, offset: u32, value: u32) {
        self.accesses.set(self.accesses.get() + 1);
        if offset == 0x1f00 {
            self.requests.set(self.requests.get() + 1);
        }
        self.sim.vf_write(0, offset, value);
    }
    fn pp_line(&self, port: Port, line: &[Hcw; 4]) {
        self.sim.send(Requester::Vf(0), port, line);
    }
    fn delay_us(&self, _: u32) {
        self.now_ms.set(self.now_ms.get() + 1);
        let mut pf = self.pf.borrow_mut();
        let now = self.now_ms.get();
        pf.service_alarms(self.sim, now, &mut Silent).unwrap();
        pf.service_vfs(self.sim, now, 0, &mut Silent).unwrap();
    }
}

impl Function for ByMail<'_> {
    fn domain(&self, args: &DomainArgs) -> u32 {
        self.dev.borrow().create_domain(self, args).unwrap()
    }
    fn ldb_queue(&self, d: u32, args: &LdbQueueArgs) -> u32 {
        self.dev.borrow().create_ldb_queue(self, d, args).unwrap()
    }
    fn dir_queue(&self, d: u32, args: &DirQueueArgs) -> u32 {
        self.dev.borrow().create_dir_queue(self, d, args).unwrap()
    }
    fn ldb_port(&self, d: u32, args: &LdbPortArgs) -> u32 {
        let args = LdbPortArgs {
            enabled: true,
            ..*args
        };
        self.dev.borrow().create_ldb_port(self, d, &args).unwrap()
    }
    fn dir_port(&self, d: u32, args: &DirPortArgs) -> u32 {
        let args = DirPortArgs {
            enabled: true,
            ..*args
        };
        self.dev.borrow().create_dir_port(self, d, &args).unwrap()
    }
    fn interrupt(&self, _: u32, port: PortId) {
        let dev = self.dev.borrow();
        dev.enable_cq_interrupt(self, port, 1, 0, 0).unwrap();
    }
    // The PF created it enabled.
    fn enable(&self, _: u32, _: PortId) {}
    fn link(&self, d: u32, port: u32, queue: u32) {
        self.dev
            .borrow()
            .map_queue(self, d, port, queue, 0)
            .unwrap();
    }
    fn start(&self, d: u32) {
        self.dev.borrow().start_domain(self, d).unwrap();
    }
    fn reset(&self, d: u32) {
        self.dev.borrow().reset_domain(self, d).unwrap();
    }
}

const SMALL: Shape = Shape {
    queues: 1,
    ports: 2,
    links: 1,
    dir: 2,
    credits: 64,
    hist_list: 16,
};

fn whole_device(version: Version) {
    let (sim, pf) = Sim::up(version, 1);
    let pf = RefCell::new(pf);
    let f = Direct { sim: &sim, pf: &pf };
    let shape = Shape {
        queues: 32,
        ports: 64,
        links: 8,
        dir: version.limits().dir_ports,
        credits: 1024,
        hist_list: 32,
    };
    sim.take_accesses();
    let start = Instant::now();
    let d = build(&f, &sim, Requester::Pf, shape);
    let enable = (sim.take_accesses(), start.elapsed());
    let start = Instant::now();
    f.reset(d);
    let reset = (sim.take_accesses(), start.elapsed());
    println!(
        "{version:?}: all queues, ports and links in one domain: enable {} register accesses in \
         {:?}, reset {} in {:?}",
        enable.0, enable.1, reset.0, reset.1
    );
}

fn first_and_last(version: Version) {
    let (sim, pf) = Sim::up(version, 1);
    let pf = RefCell::new(pf);
    let f = Direct { sim: &sim, pf: &pf };
    sim.take_accesses();
    let cost: Vec<(u64, u64)> = (0..32)
        .map(|_| {
            let start = Instant::now();
            build(&f, &sim, Requester::Pf, SMALL);
            (sim.take_accesses(), start.elapsed().as_micros() as u64)
        })
        .collect();
    println!(
        "{version:?}: a small domain: {} register accesses and {} us for the first, {} and {} us \
         for the 32nd",
        cost[0].0, cost[0].1, cost[31].0, cost[31].1
    );
}

fn through_a_vf(version: Version) {
    let (sim, mut pf) = Sim::up(version, 1);
    pf.set_num_vfs(2).unwrap();
    pf.split_evenly().unwrap();
    sim.device.borrow_mut().set_vf_msi(0, 32);
    let pf = RefCell::new(pf);
    let f = ByMail {
        sim: &sim,
        pf: &pf,
        dev: RefCell::new(VfDev::new(version)),
        now_ms: Cell::new(0),
        accesses: Cell::new(0),
        requests: Cell::new(0),
    };
    let mut dev = VfDev::new(version);
    dev.register(&f).unwrap();
    *f.dev.borrow_mut() = dev;
    sim.take_accesses();
    f.accesses.set(0);
    f.requests.set(0);
    let start = Instant::now();
    dev.call(&f, &mbox::QueryCqPollMode {}).unwrap();
    println!(
        "{version:?}: a mailbox request: {} register accesses of the VF, {} of the PF, {:?} of \
         logic",
        f.accesses.replace(0),
        sim.take_accesses(),
        start.elapsed()
    );
    f.requests.set(0);
    let start = Instant::now();
    let d = build(&f, &sim, Requester::Vf(0), SMALL);
    println!(
        "{version:?}: a small domain through a VF: {} requests, {} register accesses of the VF, \
         {} of the PF, {:?}",
        f.requests.get(),
        f.accesses.replace(0),
        sim.take_accesses(),
        start.elapsed()
    );
    f.reset(d);
}

/// Takes a queue from a port that holds events of it.
fn unlink_under_load(version: Version) {
    let (sim, pf) = Sim::up(version, 1);
    let pf = RefCell::new(pf);
    let f = Direct { sim: &sim, pf: &pf };
    let d = build(
        &f,
        &sim,
        Requester::Pf,
        Shape {
            links: 2,
            queues: 2,
            ..SMALL
        },
    );
    let physical = |id| pf.borrow().physical_port(Func::Pf, d, id).unwrap();
    let (consumer, producer) = (physical(PortId::Ldb(0)), physical(PortId::Dir(0)));
    // More than the ring has room for, so that events wait in the queue as well.
    for data in 0..24 {
        let new = Hcw {
            data,
            ..Hcw::command(Command::New)
        };
        let new = new.with_qid(0).with_sched_type(SchedType::Unordered as u8);
        sim.send(
            Requester::Pf,
            producer,
            &[new, Hcw::NOOP, Hcw::NOOP, Hcw::NOOP],
        );
    }
    sim.take_accesses();
    let start = Instant::now();
    let mut never = |stuck| panic!("{stuck:?}");
    pf.borrow_mut()
        .unmap_queue(&sim, Func::Pf, d, 0, 0)
        .unwrap();
    let ask = (sim.take_accesses(), start.elapsed());
    let waiting = pf.borrow_mut().service_pending(&sim, 0, &mut never);
    assert_eq!(waiting, Ok(1), "the port holds events");
    let look = sim.take_accesses();
    for _ in 0..24 {
        let done = Hcw::command(Command::Rel);
        let token = Hcw::return_tokens(1);
        sim.send(
            Requester::Pf,
            consumer,
            &[done, token, Hcw::NOOP, Hcw::NOOP],
        );
    }
    sim.take_accesses();
    let start = Instant::now();
    let left = pf.borrow_mut().service_pending(&sim, 1, &mut never);
    assert_eq!(left, Ok(0), "the port holds nothing any more");
    println!(
        "{version:?}: unlink of a queue from a port with 16 of its events: {} register accesses in \
         {:?}, {look} for each look while the port holds any, {} in {:?} for the end",
        ask.0,
        ask.1,
        sim.take_accesses(),
        start.elapsed()
    );
}

fn main() {
    println!(
        "bookkeeping: {} bytes per device, all domains, queues, ports and VFs included",
        size_of::<Pf>()
    );
    for version in VERSIONS {
        whole_device(version);
        first_and_last(version);
        unlink_under_load(version);
        through_a_vf(version);
    }
}
