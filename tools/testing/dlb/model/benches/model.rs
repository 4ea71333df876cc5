// SPDX-License-Identifier: GPL-2.0
//! Events per second of the model on one core, by scheduling type, and what an event costs as
//! queues, ports, flows and backlogs grow.
//!
//! `cargo bench -p dlb-model [-- milliseconds per figure]`

#[path = "../tests/common/mod.rs"]
mod common;
use common::*;
use dlb_model::{Bar, Device, Host, Level, Requester, Version};
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// A host that only remembers where entries went.
#[derive(Default)]
struct Sink {
    /// Which CQ each entry of the last command went to.
    delivered: Vec<usize>,
}

impl Host for Sink {
    fn dma_write(&mut self, _: Requester, _: Option<u32>, addr: u64, _: &[u8]) -> bool {
        self.delivered.push(((addr - CQ_BASE) >> 16) as usize);
        true
    }
    fn msix(&mut self, _: u16) {}
    fn msi(&mut self, _: u8, _: u8) {}
    fn log(&mut self, _: Level, _: fmt::Arguments<'_>) {}
}

fn put(d: &mut Device, s: &mut Sink, ldb: bool, p: usize, h: H) {
    let off = Rig::page(ldb, p);
    d.write(Requester::Pf, Bar::Func, off, 8, h.data, s);
    d.write(Requester::Pf, Bar::Func, off + 8, 8, h.hi(), s);
}

/// Time this thread had a CPU, so that other load does not count; wall-clock time where the kernel
/// does not tell.
fn cpu_ns(origin: Instant) -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    stat.and_then(|s| s.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| origin.elapsed().as_nanos() as u64)
}

/// Nanoseconds per event.
fn measure(limit: Duration, mut event: impl FnMut(u64)) -> f64 {
    for i in 0..20_000 {
        event(i);
    }
    let origin = Instant::now();
    let (start, mut n) = (cpu_ns(origin), 20_000u64);
    while cpu_ns(origin) - start < limit.as_nanos() as u64 {
        for _ in 0..10_000 {
            event(n);
            n += 1;
        }
    }
    (cpu_ns(origin) - start) as f64 / (n - 20_000) as f64
}

#[derive(Clone, Copy)]
struct Shape {
    typ: u8,
    queues: u32,
    ports: u32,
    flows: u64,
    /// QEs that wait all the time in a queue that is blocked.
    backlog: u32,
    /// QEs that wait all the time in the queue itself, because its CQ is full.
    standing: u32,
}

const SMALL: Shape = Shape {
    typ: UNO,
    queues: 1,
    ports: 1,
    flows: 1,
    backlog: 0,
    standing: 0,
};

/// One event: NEW, and at its consumer a completion with its token.
fn ns(shape: Shape, limit: Duration) -> f64 {
    let mut r = Rig::new(Version::V2_5);
    r.w.quiet = true;
    r.credits(0, 12_000, 4_000);
    let directed = shape.typ == DIR;
    if directed {
        for d in 0..shape.queues {
            r.dir_queue(d, 64);
            r.dir_port(d, 0, 1024);
            r.allow_dir(0, d, true);
        }
    } else {
        r.wr(reg::RO_SN_MODE, 0, 0);
        for p in 0..shape.ports {
            r.ldb_port(p, 0, 32, 32);
        }
        for q in 0..shape.queues {
            let sn = (shape.typ == ORD).then_some((q / 16, q % 16, 0));
            let (inflights, atomic) = (if sn.is_some() { 64 } else { 2048 }, 64);
            r.ldb_queue(
                q,
                Queue {
                    inflights,
                    atomic,
                    sn,
                    fids: 2048,
                    ..PLAIN
                },
            );
            r.allow_ldb(0, q, true);
        }
        // Every port has up to eight of the queues, every queue all the ports it can get.
        for p in 0..shape.ports {
            for slot in 0..shape.queues.min(8) {
                r.map(p, slot, (p * 8 + slot) % shape.queues, 0);
            }
        }
        if shape.backlog > 0 {
            // A queue that is blocked by its inflight limit.
            r.ldb_queue(
                31,
                Queue {
                    inflights: 0,
                    ..PLAIN
                },
            );
            r.allow_ldb(0, 31, true);
            r.map(0, 7, 31, 0);
            for i in 0..shape.backlog {
                r.ldb(0, H::new(31, UNO, i.into()));
            }
        }
    }
    let mut d = r.d;
    let mut s = Sink::default();
    // Consumers hold what was delivered; with a standing queue they finish one QE per event.
    let mut held = VecDeque::new();
    let mut event = |i: u64, finish: usize, d: &mut Device, held: &mut VecDeque<usize>| {
        let q = (i % u64::from(shape.queues)) as u8;
        let h = H::new(q, shape.typ, i).flow((i % shape.flows) as u16);
        put(d, &mut s, !directed, 0, h);
        held.extend(s.delivered.drain(..));
        for _ in 0..finish {
            let Some(p) = held.pop_front() else { break };
            if directed {
                put(d, &mut s, false, p & 0xff, H::tokens(c::BAT_T, 1));
            } else {
                put(d, &mut s, true, p, H::tokens(c::REL_T, 1));
            }
        }
        held.extend(s.delivered.drain(..));
    };
    if shape.standing > 0 {
        let full = shape.ports * if directed { 1024 } else { 32 };
        for i in 0..shape.standing + full {
            event(i.into(), 0, &mut d, &mut held);
        }
    }
    let finish = if shape.standing > 0 { 1 } else { usize::MAX };
    let ns = measure(limit, |i| event(i, finish, &mut d, &mut held));
    assert_eq!(d.counters().dropped_total(), 0);
    d.check_sane().expect("consistent");
    ns
}

fn main() {
    let ms = std::env::args()
        .nth(1)
        .and_then(|a| a.parse().ok())
        .unwrap_or(200);
    let limit = Duration::from_millis(ms);
    let types = [
        ("atomic", ATM),
        ("unordered", UNO),
        ("ordered", ORD),
        ("directed", DIR),
    ];
    println!("one queue, one port: NEW, scheduling, completion, token (two commands)");
    for (name, typ) in types {
        let t = ns(Shape { typ, ..SMALL }, limit);
        println!("  {name:10} {t:6.0} ns/event  {:6.2} M events/s", 1e3 / t);
    }
    let row = |what: &str, shapes: &mut dyn Iterator<Item = (String, Shape)>| {
        print!("{what:34}");
        for (label, shape) in shapes {
            print!(" {label}: {:.0}", ns(shape, limit));
        }
        println!();
    };
    println!("ns per event as the device fills");
    for (name, typ) in types {
        let queues = [1u32, 2, 8, 32];
        row(
            &format!("  {name}, 64 ports (or pairs), queues"),
            &mut queues.iter().map(|&queues| {
                (
                    queues.to_string(),
                    Shape {
                        typ,
                        queues,
                        ports: 64,
                        ..SMALL
                    },
                )
            }),
        );
    }
    for (name, typ) in types.iter().take(3) {
        row(
            &format!("  {name}, 1 queue, ports"),
            &mut [1u32, 4, 16, 64].iter().map(|&ports| {
                (
                    ports.to_string(),
                    Shape {
                        typ: *typ,
                        ports,
                        ..SMALL
                    },
                )
            }),
        );
    }
    row(
        "  atomic, 4 ports, flows",
        &mut [1u64, 16, 256, 4096, 65536].iter().map(|&flows| {
            (
                flows.to_string(),
                Shape {
                    typ: ATM,
                    ports: 4,
                    flows,
                    ..SMALL
                },
            )
        }),
    );
    row(
        "  unordered, blocked QEs next to it",
        &mut [0u32, 10, 100, 1000, 10_000].iter().map(|&backlog| {
            (
                backlog.to_string(),
                Shape {
                    backlog,
                    ports: 4,
                    ..SMALL
                },
            )
        }),
    );
    for (name, typ) in types {
        row(
            &format!("  {name}, QEs waiting in the queue"),
            &mut [1u32, 10, 100, 1000, 2500].iter().map(|&standing| {
                (
                    standing.to_string(),
                    Shape {
                        typ,
                        standing,
                        flows: 64,
                        ..SMALL
                    },
                )
            }),
        );
    }
    println!("registers");
    let mut r = Rig::new(Version::V2_5);
    let csr = u64::from(r.at(reg::TOTAL_VAS));
    let t = measure(limit, |_| {
        r.d.read(Requester::Pf, Bar::Csr, csr, 4, &mut r.w);
    });
    println!("  read of a constant {t:.0} ns");
    let lim = u64::from(r.at(reg::QID_LDB_INFL_LIM));
    let t = measure(limit, |i| {
        r.d.write(Requester::Pf, Bar::Csr, lim, 4, i & 0xfff, &mut r.w)
    });
    println!("  write of a limit {t:.0} ns");
    let t = measure(limit, |_| {
        put(
            &mut r.d,
            &mut Sink::default(),
            true,
            9,
            H::tokens(c::REL_T, 1),
        )
    });
    println!("  command to an invalid port {t:.0} ns");
}
