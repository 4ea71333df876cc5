// SPDX-License-Identifier: GPL-2.0

//! The promises of the four scheduling types, kept through the data-path library by processes.

use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use dlb::{Counts, Credits, Event};

use crate::enable::why;
use crate::errno::{self, Errno};
use crate::ktap::{Outcome, Suite};
use crate::proc::{Child, Dice, End};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

const EVENTS: u64 = 4000;
const WORKERS: usize = 4;
const FLOWS: u64 = 16;
const STUCK: Duration = Duration::from_secs(60);

/// Numbers that all processes of a case see.
struct Shared(*mut AtomicU32);

impl Shared {
    const WORDS: usize = 1024;

    fn new() -> Result<Self, Errno> {
        // SAFETY: A new anonymous mapping disturbs nothing.
        let at = unsafe {
            libc::mmap(
                ptr::null_mut(),
                Self::WORDS * 4,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(errno::last());
        }
        Ok(Self(at.cast()))
    }

    fn words(&self) -> &[AtomicU32] {
        // SAFETY: The mapping has this many words, is never unmapped, and zero is a valid word.
        unsafe { std::slice::from_raw_parts(self.0, Self::WORDS) }
    }
}

/// Which flow an event belongs to.
fn flow(n: u64) -> u16 {
    (n * 7 % FLOWS) as u16
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Atomic,
    Unordered,
    Ordered,
}

/// `source` to the queue under test, workers, a directed queue, and `sink` which is this process.
fn promise(kind: Kind) -> Outcome {
    let dev = Device::first()?;
    let d = Domain::make("flow")?;
    let queue = d.add("ldb_queues", "q")?;
    if kind == Kind::Ordered {
        queue.set("num_sequence_numbers", 64)?;
    }
    d.add("dir_queues", "out")?;
    d.add("dir_ports", "source")?;
    d.add("dir_ports", "sink")?.set("queue", "out")?;
    for i in 0..WORKERS {
        let port = d.add("ldb_ports", &format!("w{i}"))?;
        port.set("links", "q:0")?;
        // Short rings, so that no worker can take all there is.
        port.set("cq_depth", 8)?;
    }
    d.enable().map_err(|e| why(&d, e))?;

    let shared = Shared::new()?;
    let path = "/dev/shm/flow.credits";
    let _ = std::fs::remove_file(path);
    let domain = dlb::Domain::open("flow").map_err(|e| e.to_string())?;
    let counts: Counts = domain.credits().map_err(|e| e.to_string())?;
    let pool = Credits::create(path, counts).map_err(|e| e.to_string())?;
    let mut crew = Vec::new();
    for who in 0..WORKERS {
        let words = shared.words();
        crew.push(Child::run(move || match worker(who, kind, path, words) {
            Ok(()) => 0,
            Err(why) => {
                println!("# worker {who}: {why}");
                1
            }
        })?);
    }
    crew.push(Child::run(move || match source(kind, path) {
        Ok(()) => 0,
        Err(why) => {
            println!("# source: {why}");
            1
        }
    })?);
    let checked = sink(kind, path);
    // The workers stop when the sink says so.
    shared.words()[0].store(1, Ordering::Release);
    for child in &mut crew {
        ensure_eq!(
            child.wait_within(STUCK),
            Some(End::Exit(0)),
            "end of a participant"
        );
    }
    checked?;
    let per_worker: Vec<u32> = shared.words()[1..=WORKERS]
        .iter()
        .map(|n| n.load(Ordering::Relaxed))
        .collect();
    ensure_eq!(
        u64::from(per_worker.iter().sum::<u32>()),
        EVENTS,
        "events at the workers"
    );
    ensure!(
        per_worker.iter().all(|&n| n > 0),
        "a worker got nothing: {per_worker:?}"
    );
    ensure_eq!(pool.free(), pool.total(), "credits at the end");
    for obj in [d.on("ldb_queues", "q"), d.on("dir_queues", "out")] {
        ensure_eq!(obj.get("depth")?, "0", "depth at the end");
    }
    println!("# {EVENTS} events, by worker {per_worker:?}");
    d.disable()?;
    dev.soon_all_free(Duration::from_secs(10))
}

fn source(kind: Kind, path: &str) -> Result<(), dlb::Error> {
    let domain = dlb::Domain::open("flow")?;
    let pool = Credits::open(path)?;
    let port = domain.dir_port("source")?.open(&pool)?;
    let queue = domain.ldb_queue("q")?;
    for n in 0..EVENTS {
        let mut event = match kind {
            Kind::Atomic => Event::atomic(queue, flow(n), n),
            Kind::Unordered => Event::unordered(queue, n),
            Kind::Ordered => Event::ordered(queue, n),
        };
        while let Err(full) = port.send(event) {
            event = full.0;
            port.flush();
            std::thread::yield_now();
        }
    }
    port.settle();
    Ok(())
}

/// Words 16.. hold for each flow who has it and how many of its events; words 64.. the number of
/// the flow's last event.
fn worker(who: usize, kind: Kind, path: &str, words: &[AtomicU32]) -> Result<(), String> {
    let text = |e: dlb::Error| e.to_string();
    let domain = dlb::Domain::open("flow").map_err(text)?;
    let pool = Credits::open(path).map_err(text)?;
    let port = domain
        .ldb_port(&format!("w{who}"))
        .and_then(|found| found.open(&pool))
        .map_err(text)?;
    let out = domain.dir_queue("out").map_err(text)?;
    let mut dice = Dice::new(who as u64 + 21);
    let me = (who as u32 + 1) << 16;
    let mut held = Vec::new();
    while words[0].load(Ordering::Acquire) == 0 {
        while let Some(event) = port.receive() {
            words[1 + who].fetch_add(1, Ordering::Relaxed);
            let n = event.data();
            if kind == Kind::Atomic {
                let flow = usize::from(flow(n));
                let holder = words[16 + flow].load(Ordering::Acquire);
                ensure!(
                    holder == 0 || holder & 0xffff_0000 == me,
                    "flow {flow} is held by worker {} too",
                    (holder >> 16) - 1
                );
                words[16 + flow].store((holder | me) + 1, Ordering::Release);
                let last = words[64 + flow].swap(n as u32 + 1, Ordering::AcqRel);
                ensure!(u64::from(last) <= n, "flow {flow}: {n} after {}", last - 1);
            }
            held.push(event);
            if dice.below(4) != 0 {
                break;
            }
        }
        if dice.below(8) == 0 {
            dice.nap(300);
        }
        for event in held.drain(..) {
            let n = event.data();
            if kind == Kind::Atomic {
                // The note goes first: once the event is forwarded the flow may be elsewhere.
                let word = &words[16 + usize::from(flow(n))];
                let left = word.load(Ordering::Acquire) - 1;
                word.store(if left & 0xffff == 0 { 0 } else { left }, Ordering::Release);
            }
            let mut next = (event, Event::directed(out, n));
            while let Err(full) = next.0.forward(next.1) {
                next = full.0;
                std::thread::yield_now();
            }
        }
        port.flush();
        std::thread::yield_now();
    }
    port.settle();
    Ok(())
}

/// Receives all events and checks what the type promises about their order.
fn sink(kind: Kind, path: &str) -> Outcome {
    let text = |e: dlb::Error| e.to_string();
    let domain = dlb::Domain::open("flow").map_err(text)?;
    let pool = Credits::open(path).map_err(text)?;
    let port = domain
        .dir_port("sink")
        .and_then(|found| found.open(&pool))
        .map_err(text)?;
    let mut seen = vec![false; EVENTS as usize];
    let mut last = [0u64; FLOWS as usize];
    let (mut got, mut overtaken) = (0, 0u32);
    let mut since = Instant::now();
    while got < EVENTS {
        let Some(entry) = port.receive() else {
            ensure!(since.elapsed() < STUCK, "stuck after {got} events");
            std::thread::yield_now();
            continue;
        };
        since = Instant::now();
        let n = entry.data();
        let fresh = seen
            .get_mut(n as usize)
            .ok_or(format!("event {n} was never sent"))?;
        ensure!(!*fresh, "event {n} came twice");
        *fresh = true;
        match kind {
            Kind::Ordered => ensure_eq!(n, got, "order behind the ordered queue"),
            Kind::Atomic => {
                let last = &mut last[usize::from(flow(n))];
                ensure!(*last <= n, "flow {}: {n} after {}", flow(n), *last - 1);
                *last = n + 1;
            }
            Kind::Unordered => overtaken += u32::from(n != got),
        }
        got += 1;
    }
    if kind == Kind::Unordered {
        println!("# {overtaken} of {EVENTS} not in the place where they were sent");
    }
    port.settle();
    Ok(())
}

/// A directed queue with several senders: nothing is lost, and each sender's order is kept.
fn directed() -> Outcome {
    let d = Domain::make("flow")?;
    d.add("dir_queues", "out")?;
    d.add("dir_ports", "sink")?.set("queue", "out")?;
    for i in 0..3 {
        d.add("dir_ports", &format!("s{i}"))?;
    }
    d.enable().map_err(|e| why(&d, e))?;
    let path = "/dev/shm/flow.credits";
    let _ = std::fs::remove_file(path);
    let text = |e: dlb::Error| e.to_string();
    let domain = dlb::Domain::open("flow").map_err(text)?;
    let pool = Credits::create(path, domain.credits().map_err(text)?).map_err(text)?;
    let mut crew = Vec::new();
    for who in 0..3u64 {
        crew.push(Child::run(move || {
            let send = || -> Result<(), dlb::Error> {
                let domain = dlb::Domain::open("flow")?;
                let pool = Credits::open(path)?;
                let port = domain.dir_port(&format!("s{who}"))?.open(&pool)?;
                let queue = domain.dir_queue("out")?;
                for n in 0..EVENTS {
                    let mut event = Event::directed(queue, who << 32 | n);
                    while let Err(full) = port.send(event) {
                        event = full.0;
                        port.flush();
                        std::thread::yield_now();
                    }
                }
                port.settle();
                Ok(())
            };
            i32::from(send().is_err())
        })?);
    }
    {
        let port = domain
            .dir_port("sink")
            .and_then(|found| found.open(&pool))
            .map_err(text)?;
        let mut next = [0u64; 3];
        let mut since = Instant::now();
        while next.iter().sum::<u64>() < EVENTS * 3 {
            let Some(entry) = port.receive() else {
                ensure!(since.elapsed() < STUCK, "stuck at {next:?}");
                std::thread::yield_now();
                continue;
            };
            since = Instant::now();
            let (who, n) = ((entry.data() >> 32) as usize, entry.data() & 0xffff_ffff);
            ensure_eq!(n, next[who], "order of sender {who}");
            next[who] += 1;
        }
    }
    for child in &mut crew {
        ensure_eq!(
            child.wait_within(STUCK),
            Some(End::Exit(0)),
            "end of a sender"
        );
    }
    ensure_eq!(pool.free(), pool.total(), "credits at the end");
    Ok(())
}

pub fn run(t: &mut Suite) {
    t.case("atomic", || promise(Kind::Atomic));
    t.case("unordered", || promise(Kind::Unordered));
    t.case("ordered", || promise(Kind::Ordered));
    t.case("directed, three senders", directed);
    t.case("the kernel log is clean", tree::log_is_clean);
}
