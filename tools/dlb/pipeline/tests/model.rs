// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! The whole pipeline on the hardware model, with threads for processes, and what the checks say
//! when the device breaks its promises.

use std::time::Duration;

use anyhow::Result;
use dlb::{Credits, DirPort, Hcw, LdbPort, LdbQueue, Options, Transport};
use dlb_pipeline::{check, sink, source, worker, Board, Idle, Plan, Queues};
use dlb_sim::{Sim, SimPort, Size, Version};

const WORKERS: usize = 4;
const DEPTH: u32 = 128;

/// The number that the first queue gets.
const ORDERED: LdbQueue = LdbQueue(0);

const SIZE: Size = Size {
    ldb_queues: 3,
    ldb_ports: WORKERS as u32,
    dir_ports: 2,
    ldb_credits: 2048,
    dir_credits: 2048,
    ordered: (1, 512),
};

const PLAN: Plan = Plan {
    events: 5000,
    window: 256,
    flows: 61,
    work: 300,
    rated: 500,
};

/// A port of a device that breaks its promises: elements are changed on their way in, and the upper
/// halves of entries on their way out.
struct Bent {
    port: SimPort,
    enqueue: fn(Hcw) -> Vec<Hcw>,
    load: fn(u64) -> u64,
}

impl Bent {
    fn not(port: SimPort) -> Self {
        Bent {
            port,
            enqueue: |element| vec![element],
            load: |word| word,
        }
    }
}

impl Transport for Bent {
    fn enqueue(&self, elements: &[Hcw]) {
        let elements: Vec<_> = elements
            .iter()
            .flat_map(|element| (self.enqueue)(*element))
            .collect();
        self.port.enqueue(&elements);
    }

    fn load(&self, word: usize) -> u64 {
        let value = self.port.load(word);
        if word % 2 == 1 {
            (self.load)(value)
        } else {
            value
        }
    }

    fn wait(&self, timeout: Option<Duration>) -> (std::io::Result<bool>, u32) {
        self.port.wait(timeout)
    }

    fn take(&self) -> std::io::Result<u32> {
        self.port.take()
    }
}

/// What is bent: the source's, the sink's and the workers' ports.
type Bend = fn(&mut Bent, Role);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Source,
    Sink,
    Worker,
}

/// Runs the pipeline.
fn run(version: Version, idle: Idle, has_order: bool, bend: Bend) -> Result<()> {
    let mut sim = Sim::new(version, 7, &SIZE);
    let (ordered, atomic, unordered) = (
        sim.ldb_queue(has_order),
        sim.ldb_queue(false),
        sim.ldb_queue(false),
    );
    assert_eq!(ordered, ORDERED);
    let links = [(unordered, 0), (atomic, 2), (ordered, 4)];
    let bent = |port: SimPort, role: Role| {
        let mut bent = Bent::not(port);
        bend(&mut bent, role);
        bent
    };
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| bent(sim.ldb_port(DEPTH, &links), Role::Worker))
        .collect();
    let (sink_port, directed) = sim.dir_port(DEPTH);
    let (source_port, _) = sim.dir_port(8);
    let (sink_port, source_port) = (bent(sink_port, Role::Sink), bent(source_port, Role::Source));
    sim.start();
    let queues = Queues {
        ordered,
        atomic,
        unordered,
        directed,
    };

    let credits = Credits::new(sim.credits(&SIZE));
    let dir = tempfile::tempdir()?;
    let board = Board::create(&dir.path().join("board"), WORKERS)?;
    let guard = |result: Result<()>| {
        if result.is_err() {
            board.fail();
        }
        result
    };
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (at, transport) in workers.into_iter().enumerate() {
            let (credits, board, queues) = (&credits, &board, &queues);
            threads.push(scope.spawn(move || {
                let port: LdbPort<Bent> =
                    LdbPort::with_transport(transport, &Options::new(DEPTH), credits)?;
                guard(worker(&port, at + 2, board, queues, &PLAN, idle, || Ok(())))?;
                board.end(at + 2, &port.counters());
                Ok(())
            }));
        }
        for (row, transport, depth) in [(0, source_port, 8), (1, sink_port, DEPTH)] {
            let (credits, board, queues) = (&credits, &board, &queues);
            threads.push(scope.spawn(move || {
                let port: DirPort<Bent> =
                    DirPort::with_transport(transport, &Options::new(depth), credits)?;
                if row == 0 {
                    guard(source(&port, board, queues, &PLAN, idle, || Ok(())))?;
                    board.stop();
                } else {
                    guard(sink(&port, board, queues, &PLAN, idle, || Ok(())))?;
                }
                board.end(row, &port.counters());
                Ok(())
            }));
        }
        board.go();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    // The one that noticed says more than those that gave up because of it.
    let (gave_up, noticed): (Vec<_>, Vec<_>) = results
        .into_iter()
        .filter_map(Result::err)
        .partition(|error| error.to_string().contains("another process"));
    if let Some(error) = noticed.into_iter().chain(gave_up).next() {
        return Err(error);
    }
    check(&board, &PLAN)?;
    sim.check_quiet();
    assert_eq!(credits.free(), credits.total());
    Ok(())
}

#[test]
fn everything_arrives_as_promised_while_polling() {
    run(Version::V2, Idle::Poll, true, |_, _| ()).unwrap();
}

#[test]
fn everything_arrives_as_promised_with_interrupts() {
    run(Version::V2, Idle::Interrupt, true, |_, _| ()).unwrap();
}

#[test]
fn everything_arrives_as_promised_with_one_pool_of_credits() {
    run(Version::V25, Idle::Poll, true, |_, _| ()).unwrap();
}

#[test]
fn a_device_that_does_not_lock_flows_is_found_out() {
    // The sink's atomic events all get flows of their own.
    let found = run(Version::V2, Idle::Poll, true, |bent, role| {
        if role == Role::Sink {
            bent.enqueue = |element| {
                let [data, rest] = element.words();
                let scattered = rest & !(0xffff << 32) | (data & 0xffff) << 32;
                let atomic = rest >> 59 & 1 != 0 && rest >> 24 & 3 == 0;
                vec![if atomic {
                    Hcw::from_words([data, scattered])
                } else {
                    element
                }]
            };
        }
    });
    let words = found.unwrap_err().to_string();
    assert!(words.contains("atomic: "), "{words}");
}

#[test]
fn a_device_that_does_not_restore_order_is_found_out() {
    // The queue has no sequence numbers; its events are unordered inside, and called ordered outside.
    let found = run(Version::V2, Idle::Poll, false, |bent, role| {
        if role == Role::Source {
            bent.enqueue = |element| {
                let [data, rest] = element.words();
                let ordered = rest >> 59 & 1 != 0 && rest >> 24 & 3 == 2;
                let unordered = rest & !(3 << 24) | 1 << 24;
                vec![if ordered {
                    Hcw::from_words([data, unordered])
                } else {
                    element
                }]
            };
        }
        if role == Role::Worker {
            bent.load = |word| match word >> 16 & 0xff == u64::from(ORDERED.0) {
                true => word & !(3 << 24) | 2 << 24,
                false => word,
            };
        }
    });
    let words = found.unwrap_err().to_string();
    assert!(words.contains("ordered: event"), "{words}");
}

#[test]
fn a_device_that_doubles_an_event_is_found_out() {
    // One final event of each worker is sent again.
    let found = run(Version::V2, Idle::Poll, true, |bent, role| {
        if role == Role::Worker {
            bent.enqueue = |element| {
                let [data, rest] = element.words();
                let is_final = rest >> 56 == 10 && rest >> 29 & 7 == 3;
                match is_final && data >> 32 == 100 {
                    true => vec![
                        element,
                        Hcw::from_words([data, rest & !(0xff << 56) | 8 << 56]),
                    ],
                    false => vec![element],
                }
            };
        }
    });
    let words = found.unwrap_err().to_string();
    assert!(words.contains("came twice"), "{words}");
}
