// SPDX-License-Identifier: GPL-2.0

//! Participants killed at random moments, a hundred times for each lifetime: nothing leaks.

use std::time::Duration;

use crate::enable::why;
use crate::errno::Errno;
use crate::ktap::{Outcome, Suite};
use crate::port::{cmd, Hcw, Port, Sched};
use crate::proc::{Child, Dice, End};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(20);
/// A virtual function takes longer for each, and has the same code above it.
fn rounds() -> u64 {
    match std::env::var_os("DLB_TEST_DEVICE") {
        Some(_) => 30,
        None => 100,
    }
}
const WORKERS: usize = 3;

/// A pipeline of all queue types: `source` to `atomic` to `ordered` to `plain` to `sink`.
pub fn pipeline(name: &str, lifetime: &str) -> Result<Domain, Errno> {
    let d = Domain::make(name)?;
    d.set("lifetime", lifetime)?;
    for queue in ["atomic", "ordered", "plain"] {
        d.add("ldb_queues", queue)?;
    }
    d.on("ldb_queues", "ordered")
        .set("num_sequence_numbers", 64)?;
    d.add("dir_queues", "out")?;
    d.add("dir_ports", "source")?;
    d.add("dir_ports", "sink")?.set("queue", "out")?;
    for i in 0..WORKERS {
        d.add("ldb_ports", &format!("w{i}"))?
            .set("links", "atomic:0 ordered:0 plain:0")?;
    }
    Ok(d)
}

/// Hardware numbers of the queues, as a process needs them in its commands.
#[derive(Clone, Copy)]
struct Queues {
    atomic: u8,
    ordered: u8,
    plain: u8,
    out: u8,
}

impl Queues {
    fn of(d: &Domain) -> Result<Self, String> {
        let id = |shelf, name| -> Result<u8, String> {
            let text = d.on(shelf, name).get("id")?;
            text.parse().map_err(|_| format!("id of {name}: {text}"))
        };
        Ok(Self {
            atomic: id("ldb_queues", "atomic")?,
            ordered: id("ldb_queues", "ordered")?,
            plain: id("ldb_queues", "plain")?,
            out: id("dir_queues", "out")?,
        })
    }
}

/// Sends without an end. Credits are not counted, so that the device refuses some: a process
/// that is killed is not expected to have been a good one.
fn source(mut port: Port, q: Queues) -> i32 {
    for n in 0u64.. {
        let (qid, sched) = match n % 4 {
            0 => (q.atomic, Sched::Atomic),
            1 => (q.ordered, Sched::Ordered),
            2 => (q.plain, Sched::Unordered),
            _ => (q.out, Sched::Directed),
        };
        port.push(Hcw::send(
            cmd::NEW,
            qid,
            sched,
            (n % 8) as u8,
            (n % 13) as u16,
            n,
        ));
        if n % 16 == 0 {
            std::thread::yield_now();
        }
        let _ = port.pop();
    }
    0
}

fn worker(mut port: Port, q: Queues) -> i32 {
    loop {
        let Some(entry) = port.pop() else {
            std::thread::yield_now();
            continue;
        };
        port.push(match entry.sched {
            0 => Hcw::send(cmd::FWD, q.ordered, Sched::Ordered, 0, 0, entry.data),
            2 => Hcw::send(cmd::FWD, q.out, Sched::Directed, 0, 0, entry.data),
            _ => Hcw::bare(cmd::REL),
        });
        // The last token is kept now and then, so that the kill finds the ring in all states.
        if entry.data % 5 != 0 {
            port.push(Hcw::tokens(1));
        }
    }
}

fn sink(mut port: Port) -> i32 {
    loop {
        if port.pop().is_some() {
            port.push(Hcw::tokens(1));
        } else {
            std::thread::yield_now();
        }
    }
}

/// Starts every participant of an enabled pipeline, each holding its own files.
fn crew(d: &Domain) -> Result<Vec<Child>, String> {
    let q = Queues::of(d)?;
    let mut all = Vec::new();
    for i in 0..WORKERS {
        let node = d.node(&format!("w{i}"));
        all.push(Child::run(move || match Port::open(&node, 64) {
            Ok(port) => worker(port, q),
            Err(_) => 1,
        })?);
    }
    let node = d.node("sink");
    all.push(Child::run(move || match Port::open(&node, 64) {
        Ok(port) => sink(port),
        Err(_) => 1,
    })?);
    let node = d.node("source");
    all.push(Child::run(move || match Port::open(&node, 64) {
        Ok(port) => source(port, q),
        Err(_) => 1,
    })?);
    Ok(all)
}

fn a_hundred_times(lifetime: &str, seed: u64) -> Outcome {
    let dev = Device::first()?;
    dev.all_free()?;
    let d = pipeline("victims", lifetime)?;
    let mut dice = Dice::new(seed);
    let mut closed_by_itself = 0;
    for round in 0..rounds() {
        d.enable()
            .map_err(|e| format!("round {round}: {}", why(&d, e)))?;
        // The file the parent keeps until all children have opened theirs stands for a launcher;
        // without it an early kill would end the domain under the others, which is right but
        // leaves nothing to test.
        let keeper = Port::open(&d.node("source"), 64).map_err(|e| format!("keeper: {e}"))?;
        let mut crew = crew(&d)?;
        dice.nap(30_000);
        drop(keeper);
        while !crew.is_empty() {
            let victim = dice.below(crew.len() as u64) as usize;
            let mut child = crew.swap_remove(victim);
            child.kill();
            let end = child.wait();
            // With lifetime=file the last of those that had opened may have been killed before
            // the others opened, who then find nothing to open.
            ensure!(
                end == Some(End::Signal(libc::SIGKILL)) || end == Some(End::Exit(1)),
                "round {round}: a participant ended with {end:?}"
            );
            dice.nap(5_000);
        }
        if lifetime == "file" {
            d.wait_state("configuring", SOON)
                .map_err(|e| format!("round {round}: {e}"))?;
            closed_by_itself += 1;
        } else {
            ensure_eq!(d.get("state")?, "enabled", "round {round}: state");
            d.disable()
                .map_err(|e| format!("round {round}: disable: {e}"))?;
        }
        dev.soon_all_free(SOON)
            .map_err(|e| format!("round {round}: {e}"))?;
        ensure!(!d.dir().exists(), "round {round}: device files are left");
    }
    println!(
        "# {} rounds of {} processes, {closed_by_itself} ended by last close",
        rounds(),
        WORKERS + 2
    );
    Ok(())
}

/// Children that share one open file by fork: it is the file that counts, not the process.
fn shared_file() -> Outcome {
    let dev = Device::first()?;
    let d = pipeline("shared", "file")?;
    d.enable().map_err(|e| why(&d, e))?;
    let file = std::fs::File::open(d.node("w0")).map_err(Errno::from)?;
    let mut child = Child::run(|| {
        std::thread::sleep(Duration::from_secs(600));
        0
    })?;
    drop(file);
    std::thread::sleep(Duration::from_millis(50));
    ensure_eq!(
        d.get("state")?,
        "enabled",
        "state while the child holds the file"
    );
    child.kill();
    let _ = child.wait();
    d.wait_state("configuring", SOON)?;
    dev.soon_all_free(SOON)
}

/// A mapping holds the file after close(2), as everywhere.
fn mapping_holds() -> Outcome {
    let dev = Device::first()?;
    let d = pipeline("mapped", "file")?;
    d.enable().map_err(|e| why(&d, e))?;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(d.node("source"))
        .map_err(Errno::from)?;
    let map = crate::port::Map::new(&file, libc::PROT_WRITE, libc::MAP_SHARED, 4096, 0)?;
    drop(file);
    std::thread::sleep(Duration::from_millis(50));
    ensure_eq!(d.get("state")?, "enabled", "state while mapped");
    drop(map);
    d.wait_state("configuring", SOON)?;
    dev.soon_all_free(SOON)
}

/// A domain that nobody opened lives on, and one whose lease ended can be enabled again.
fn never_opened() -> Outcome {
    let d = pipeline("unopened", "file")?;
    d.enable().map_err(|e| why(&d, e))?;
    std::thread::sleep(Duration::from_millis(200));
    ensure_eq!(
        d.get("state")?,
        "enabled",
        "state of a domain nobody opened"
    );
    drop(std::fs::File::open(d.node("w1")).map_err(Errno::from)?);
    d.wait_state("configuring", SOON)?;
    d.enable().map_err(|e| why(&d, e))?;
    d.disable()?;
    Device::first()?.soon_all_free(SOON)
}

pub fn run(t: &mut Suite) {
    t.case("killed, lifetime=file", || a_hundred_times("file", 1));
    t.case("killed, lifetime=directory", || {
        a_hundred_times("directory", 2)
    });
    t.case("a file shared by fork", shared_file);
    t.case("a mapping holds the file", mapping_holds);
    t.case("a domain nobody opened", never_opened);
    t.case("the kernel log is clean", tree::log_is_clean);
}
