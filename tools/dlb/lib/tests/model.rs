// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! The library on the hardware model: random programs lose nothing, double nothing, keep the
//! promised order, and leave credits, tokens and the device as they were.

use std::collections::{HashMap, VecDeque};

use dlb::{Counts, Credits, DirPort, Event, LdbPort, Options, Received, Schedule};
use dlb_sim::{Sim, SimPort, Size, Version};
use proptest::prelude::*;

const SIZE: Size = Size {
    ldb_queues: 2,
    ldb_ports: 2,
    dir_ports: 1,
    ldb_credits: 96,
    dir_credits: 64,
    ordered: (1, 64),
};

/// One step of a program.
#[derive(Clone, Debug)]
enum Step {
    Send(Schedule, u16),
    Receive(usize),
    /// Completes one of the events that a port holds, not always the oldest.
    Complete(usize, usize, bool),
    Drain,
    Flush(usize),
    Settle(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let schedule = prop_oneof![
        Just(Schedule::Atomic),
        Just(Schedule::Unordered),
        Just(Schedule::Ordered),
        Just(Schedule::Directed)
    ];
    prop_oneof![
        4 => (schedule, 0u16..5).prop_map(|(schedule, flow)| Step::Send(schedule, flow)),
        3 => (0..2usize).prop_map(Step::Receive),
        3 => (0..2usize, 0..8usize, any::<bool>()).prop_map(|(port, at, on)| Step::Complete(port, at, on)),
        1 => Just(Step::Drain),
        1 => (0..3usize).prop_map(Step::Flush),
        1 => (0..3usize).prop_map(Step::Settle),
    ]
}

/// Everything a program has.
struct Bench<'p> {
    workers: &'p [LdbPort<SimPort>; 2],
    out: &'p DirPort<SimPort>,
    queues: (dlb::LdbQueue, dlb::LdbQueue, dlb::DirQueue),
    held: [VecDeque<Received<'p, SimPort>>; 2],
    /// Where each event that was sent is expected next.
    sent: u64,
    received: HashMap<u64, u32>,
    /// Ordered events come out forwarded or not at all, in the order of sending.
    last_ordered: Option<u64>,
    /// The last atomic event of each flow that was received.
    last_of_flow: HashMap<u16, u64>,
    finished: u64,
    directed: u64,
}

impl Bench<'_> {
    fn send(&mut self, schedule: Schedule, flow: u16) {
        let (plain, ordered, out) = self.queues;
        let data = self.sent;
        let event = match schedule {
            Schedule::Atomic => Event::atomic(plain, flow, data),
            Schedule::Unordered => Event::unordered(plain, data),
            Schedule::Ordered => Event::ordered(ordered, data),
            Schedule::Directed => Event::directed(out, data),
        };
        if self.out.send(event).is_ok() {
            self.sent += 1;
        }
    }

    fn receive(&mut self, port: usize) -> Result<bool, TestCaseError> {
        let Some(event) = self.workers[port].receive() else {
            return Ok(false);
        };
        *self.received.entry(event.data()).or_default() += 1;
        prop_assert_eq!(self.received[&event.data()], 1, "twice: {:?}", event);
        if event.schedule() == Schedule::Atomic {
            let flow = event.flow();
            let other = &self.held[1 - port];
            let elsewhere = other
                .iter()
                .any(|e| e.schedule() == Schedule::Atomic && e.flow() == flow);
            prop_assert!(!elsewhere, "flow {} is in two places", flow);
            let last = self.last_of_flow.insert(flow, event.data());
            prop_assert!(
                last.is_none_or(|last| last < event.data()),
                "flow {} out of order",
                flow
            );
        }
        self.held[port].push_back(event);
        Ok(true)
    }

    fn complete(&mut self, port: usize, at: usize, forward: bool) -> Result<(), TestCaseError> {
        let Some(last) = self.held[port].len().checked_sub(1) else {
            return Ok(());
        };
        let Some(event) = self.held[port].remove(at.min(last)) else {
            return Ok(());
        };
        if !forward {
            event.release();
            self.finished += 1;
            return Ok(());
        }
        // The type of the event goes along, so that the receiver knows what it was.
        let next =
            Event::directed(self.queues.2, event.data()).message_type(event.schedule() as u8 + 1);
        if let Err(dlb::NoCredit((event, _))) = event.forward(next) {
            self.held[port].insert(at.min(self.held[port].len()), event);
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<bool, TestCaseError> {
        let mut any = false;
        while let Some(entry) = self.out.receive() {
            any = true;
            match entry.message_type() {
                0 => {
                    let count = self.received.entry(entry.data()).or_default();
                    *count += 1;
                    prop_assert_eq!(*count, 1, "twice: {:?}", entry);
                    self.directed += 1;
                }
                was => {
                    if was == Schedule::Ordered as u8 + 1 {
                        let last = self.last_ordered.replace(entry.data());
                        let in_order = last.is_none_or(|last| last < entry.data());
                        prop_assert!(in_order, "ordered: {:?} then {}", last, entry.data());
                    }
                    self.finished += 1;
                }
            }
        }
        Ok(any)
    }

    /// Lets all come to an end.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        self.out.flush();
        let mut idle = 0;
        while idle < 200 {
            let mut any = false;
            for port in 0..2 {
                while self.receive(port)? {
                    any = true;
                }
                while !self.held[port].is_empty() {
                    let before = self.held[port].len();
                    self.complete(port, 0, true)?;
                    if self.held[port].len() == before {
                        break;
                    }
                    any = true;
                }
                self.workers[port].flush();
            }
            any |= self.drain()?;
            idle = if any { 0 } else { idle + 1 };
        }
        Ok(())
    }
}

fn program(version: Version, seed: u64, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut sim = Sim::new(version, seed, &SIZE);
    let (plain, ordered) = (sim.ldb_queue(false), sim.ldb_queue(true));
    let links = [(plain, 1), (ordered, 3)];
    // A short queue and a shorter one than the device can have.
    let transports = [sim.ldb_port(16, &links), sim.ldb_port(4, &links)];
    let (transport, out) = sim.dir_port(8);
    sim.start();
    let credits = Credits::new(sim.credits(&SIZE));
    let open = |transport, depth| {
        LdbPort::with_transport(transport, &Options::new(depth), &credits).unwrap()
    };
    let [first, second] = transports;
    let workers = [open(first, 16), open(second, 4)];
    let port = DirPort::with_transport(transport, &Options::new(8), &credits).unwrap();
    let mut bench = Bench {
        workers: &workers,
        out: &port,
        queues: (plain, ordered, out),
        held: Default::default(),
        sent: 0,
        received: HashMap::new(),
        last_ordered: None,
        last_of_flow: HashMap::new(),
        finished: 0,
        directed: 0,
    };
    for step in steps {
        match step {
            Step::Send(schedule, flow) => bench.send(*schedule, *flow),
            Step::Receive(port) => {
                bench.receive(*port)?;
            }
            Step::Complete(port, at, forward) => bench.complete(*port, *at, *forward)?,
            Step::Drain => {
                bench.drain()?;
            }
            Step::Flush(at) => match workers.get(*at) {
                Some(port) => port.flush(),
                None => port.flush(),
            },
            Step::Settle(at) => match workers.get(*at) {
                Some(port) => port.settle(),
                None => port.settle(),
            },
        }
    }
    bench.finish()?;
    prop_assert_eq!(bench.received.len() as u64, bench.sent, "lost");
    prop_assert_eq!(bench.finished + bench.directed, bench.sent);
    drop(bench);
    drop(workers);
    drop(port);
    sim.check_quiet();
    prop_assert_eq!(credits.free(), credits.total());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn random_programs_keep_all_promises(
        seed in any::<u64>(),
        steps in proptest::collection::vec(step(), 0..1500),
    ) {
        program(Version::V2, seed, &steps)?;
    }

    #[test]
    fn random_programs_keep_all_promises_on_2_5(
        seed in any::<u64>(),
        steps in proptest::collection::vec(step(), 0..1500),
    ) {
        program(Version::V25, seed, &steps)?;
    }
}

#[test]
fn a_dropped_event_unlocks_its_flow() {
    let mut sim = Sim::new(Version::V2, 1, &SIZE);
    let plain = sim.ldb_queue(false);
    let transport = sim.ldb_port(8, &[(plain, 0)]);
    sim.start();
    let credits = Credits::new(sim.credits(&SIZE));
    let port = LdbPort::with_transport(transport, &Options::new(8), &credits).unwrap();
    for data in 0..100 {
        port.send(Event::atomic(plain, 3, data)).unwrap();
        port.flush();
        assert_eq!(port.receive().unwrap().data(), data);
    }
    assert_eq!(port.counters().dropped, 100);
    drop(port);
    sim.check_quiet();
    let Counts::Split { ldb, .. } = credits.free() else {
        panic!("a DLB 2.0 has two pools")
    };
    assert_eq!(ldb, SIZE.ldb_credits);
}

#[test]
fn no_wake_up_is_lost() {
    use std::time::Duration;

    const EVENTS: u64 = 20_000;
    let mut sim = Sim::new(Version::V2, 1, &SIZE);
    let (transport, out) = sim.dir_port(8);
    let plain = sim.ldb_queue(false);
    let worker = sim.ldb_port(16, &[(plain, 0)]);
    sim.start();
    let credits = Credits::new(sim.credits(&SIZE));
    let (one, other) = (&credits, &credits);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let port = LdbPort::with_transport(worker, &Options::new(16), one).unwrap();
            let mut sent = 0;
            while sent < EVENTS {
                if port.send(Event::directed(out, sent)).is_ok() {
                    sent += 1;
                }
                // Every so often alone, so that the receiver has gone to sleep.
                if sent % 7 == 0 {
                    port.flush();
                }
                if sent % 100 == 0 {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        });
        scope.spawn(move || {
            let port = DirPort::with_transport(transport, &Options::new(8), other).unwrap();
            let mut due = 0;
            while due < EVENTS {
                let awake = port.wait(Some(Duration::from_secs(20))).unwrap();
                assert!(awake, "slept through event {due}");
                while let Some(entry) = port.receive() {
                    assert_eq!(entry.data(), due);
                    due += 1;
                }
            }
            let counters = port.counters();
            assert!(counters.interrupts > 0, "the test did not test anything");
            assert!(counters.interrupts <= counters.armed);
        });
    });
    sim.check_quiet();
}

/// As the sample `dlb-packets`: a source that takes all credits, workers that release some of the
/// ordered events, and a receiver that sleeps.
fn packets(version: Version) {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    const PACKETS: u64 = 10_000;
    let size = Size {
        ldb_queues: 1,
        ldb_ports: 3,
        dir_ports: 2,
        ldb_credits: 320,
        dir_credits: 192,
        ordered: (1, 64),
    };
    let mut sim = Sim::new(version, 1, &size);
    let rx = sim.ldb_queue(true);
    let workers: Vec<_> = (0..3).map(|_| sim.ldb_port(64, &[(rx, 0)])).collect();
    let (wire, tx) = sim.dir_port(64);
    let (nic, _) = sim.dir_port(64);
    sim.start();
    let credits = &Credits::new(sim.credits(&size));
    let done = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let port = DirPort::with_transport(nic, &Options::new(64), credits).unwrap();
            for packet in 0..PACKETS {
                while port.send(Event::ordered(rx, packet)).is_err() {
                    std::thread::sleep(Duration::from_micros(50));
                }
            }
        });
        for transport in workers {
            scope.spawn(move || {
                let port = LdbPort::with_transport(transport, &Options::new(64), credits).unwrap();
                while !done.load(Ordering::Relaxed) {
                    port.wait(Some(Duration::from_millis(50))).unwrap();
                    while let Some(mut event) = port.receive() {
                        if event.data() % 100 == 0 {
                            event.release();
                            continue;
                        }
                        let next = Event::directed(tx, event.data());
                        while let Err(full) = event.forward(next) {
                            (event, _) = full.0;
                            std::thread::yield_now();
                        }
                    }
                }
            });
        }
        scope.spawn(move || {
            let port = DirPort::with_transport(wire, &Options::new(64), credits).unwrap();
            let mut due = (0..PACKETS).filter(|packet| packet % 100 != 0).peekable();
            while due.peek().is_some() {
                let awake = port.wait(Some(Duration::from_secs(10))).unwrap();
                if !awake {
                    done.store(true, Ordering::Relaxed);
                }
                assert!(awake, "packet {:?} is missing", due.peek());
                while let Some(entry) = port.receive() {
                    assert_eq!(due.next(), Some(entry.data()));
                }
            }
            done.store(true, Ordering::Relaxed);
        });
    });
    sim.check_quiet();
}

#[test]
fn packets_leave_in_order() {
    packets(Version::V2);
}

#[test]
fn packets_leave_in_order_on_2_5() {
    packets(Version::V25);
}
