// SPDX-License-Identifier: GPL-2.0

//! Arm, look again, sleep: no wake-up is ever lost.

use std::time::{Duration, Instant};

use crate::enable::{small, why};
use crate::ktap::{Outcome, Suite};
use crate::port::{cmd, Hcw, Port, Sched};
use crate::proc::{Child, Dice, End, Pipe};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

const EVENTS: u64 = 3000;
/// Far longer than an interrupt takes on a busy machine, so that to run out means a lost one.
const LOST: Duration = Duration::from_secs(10);

/// How often this process has given up its processor to wait.
fn times_asleep() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}

/// Receives all events by the documented protocol; exits with 0 or says what went wrong.
fn sleeper(mut port: Port, ldb: bool) -> i32 {
    let (mut got, mut waits, mut calls) = (0u64, 0u32, 0u32);
    let asleep = times_asleep();
    let since = Instant::now();
    while got < EVENTS {
        if let Some(entry) = port.pop() {
            if entry.data != got {
                println!("# event {got} came as {}", entry.data);
                return 2;
            }
            got += 1;
            if ldb {
                port.push(Hcw::bare(cmd::REL));
            }
            port.push(Hcw::tokens(1));
            continue;
        }
        port.push(Hcw::bare(cmd::ARM));
        if port.ready() {
            // The arm is spent or still standing; either way the next count is not 0 for ever.
            continue;
        }
        waits += 1;
        calls += 2;
        match port.poll(LOST) {
            Ok(0) => {
                println!(
                    "# a wake-up was lost after {got} events: the ring has {} entry",
                    if port.ready() { "an" } else { "no" }
                );
                return 3;
            }
            Ok(_) => {
                if port.read_count(4).is_err() {
                    return 4;
                }
            }
            Err(_) => return 5,
        }
    }
    println!(
        "# {EVENTS} events, {waits} waits with {calls} system calls, {} times asleep, {} ms",
        times_asleep() - asleep,
        since.elapsed().as_millis()
    );
    0
}

fn stress(
    port: &'static str,
    queue: (&'static str, &'static str),
    sched: Sched,
    depth: u32,
) -> Outcome {
    let dev = Device::first()?;
    let d: Domain = small("awake")?;
    for shelf in ["ldb_ports", "dir_ports"] {
        for name in tree::names(&d.obj.file(shelf))? {
            d.on(shelf, &name).set("cq_depth", depth)?;
        }
    }
    d.enable().map_err(|e| why(&d, e))?;
    let qid: u8 = d
        .on(queue.0, queue.1)
        .get("id")?
        .parse()
        .map_err(|_| "id")?;
    let ready = Pipe::new()?;
    let (to, node) = (ready.to, d.node(port));
    let mut child = Child::run(move || {
        let Ok(port) = Port::open(&node, depth as usize) else {
            return 1;
        };
        (Pipe { from: -1, to }).send(1);
        sleeper(port, sched != Sched::Directed)
    })?;
    ensure!(
        ready.receive(LOST).is_some(),
        "the port could not be opened"
    );
    let source = Port::open(&d.node("source"), depth as usize)?;
    let mut dice = Dice::new(u64::from(depth) + 11);
    let depth_file = d.on(queue.0, queue.1);
    for n in 0..EVENTS {
        source.push(Hcw::send(cmd::NEW, qid, sched, 0, 0, n));
        // Now at once, now after a pause about as long as going to sleep takes.
        if dice.below(3) == 0 {
            dice.nap(400);
        }
        // A credit may only be used once it is back.
        if n % 32 == 31 {
            let until = Instant::now() + LOST;
            while depth_file.get("depth")? != "0" {
                ensure!(
                    Instant::now() < until && child.wait_within(Duration::ZERO).is_none(),
                    "the queue is stuck at event {n}"
                );
            }
        }
    }
    ensure_eq!(
        child.wait_within(Duration::from_secs(60)),
        Some(End::Exit(0)),
        "the sleeper"
    );
    drop((source, d));
    dev.soon_all_free(Duration::from_secs(10))
}

pub fn run(t: &mut Suite) {
    let dir = ("dir_queues", "dirq");
    let ldb = ("ldb_queues", "ldbq");
    t.case("directed", || stress("sink", dir, Sched::Directed, 64));
    t.case("directed, depth 1", || {
        stress("sink", dir, Sched::Directed, 1)
    });
    t.case("atomic", || stress("worker", ldb, Sched::Atomic, 64));
    t.case("unordered, depth 8", || {
        stress("worker", ldb, Sched::Unordered, 8)
    });
    t.case("the kernel log is clean", tree::log_is_clean);
}
