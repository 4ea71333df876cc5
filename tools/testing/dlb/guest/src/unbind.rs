// SPDX-License-Identifier: GPL-2.0

//! The device goes away under open files, live mappings and running traffic.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use crate::enable::{small, why};
use crate::errno::{self, Errno};
use crate::ktap::{Outcome, Suite};
use crate::port::{self, cmd, Hcw, Map, Port, Sched};
use crate::proc::{Child, Dice, End, Pipe};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(20);
const BUS: Option<End> = Some(End::Signal(libc::SIGBUS));

/// Binds the device again whatever the case did, so that the next one finds it.
struct Rebind(Device);

impl Drop for Rebind {
    fn drop(&mut self) {
        if !Path::new(tree::DRIVER).join(&self.0.address).exists() {
            let _ = self.0.bind();
        }
    }
}

/// A process that opens a port, says so, and then does the deed for ever.
fn hold(d: &Domain, port: &str, deed: impl Fn(&mut Port, u64) + 'static) -> Result<Child, String> {
    let ready = Pipe::new()?;
    let node = d.node(port);
    let to = ready.to;
    let child = Child::run(move || {
        let Ok(mut port) = Port::open(&node, 64) else {
            return 1;
        };
        deed(&mut port, 0);
        (Pipe { from: -1, to }).send(1);
        for n in 1.. {
            deed(&mut port, n);
        }
        0
    })?;
    ensure!(
        ready.receive(SOON).is_some(),
        "{port} could not be opened and used"
    );
    Ok(child)
}

/// Stores to a producer page and loads from a consumer queue end in SIGBUS, in both processes.
fn mapped() -> Outcome {
    let dev = Device::first()?;
    let _rebind = Rebind(dev.clone());
    let d = small("mapped")?;
    d.enable().map_err(|e| why(&d, e))?;
    let mut writer = hold(&d, "source", |port, _| port.push(Hcw::default()))?;
    let mut reader = hold(&d, "worker", |port, _| {
        let _ = port.ready();
    })?;
    dev.unbind().map_err(|e| format!("unbind: {e}"))?;
    ensure_eq!(writer.wait_within(SOON), BUS, "end of the writer");
    ensure_eq!(reader.wait_within(SOON), BUS, "end of the reader");
    absent(&d)?;
    dev.bind().map_err(|e| format!("bind: {e}"))?;
    d.enable()
        .map_err(|e| format!("after rebind: {}", why(&d, e)))?;
    ensure_eq!(d.get("state")?, "enabled", "state after rebind");
    d.disable()?;
    dev.soon_all_free(SOON)
}

/// What the files of a domain say whose device has gone.
fn absent(d: &Domain) -> Outcome {
    d.wait_state("absent", SOON)?;
    ensure_eq!(d.get("enable")?, "0", "enable of an absent domain");
    ensure_eq!(d.get("id")?, "-1", "id of an absent domain");
    ensure!(!d.dir().exists(), "device files of an absent domain");
    ensure_eq!(
        d.on("ldb_queues", "ldbq").get("depth"),
        Err(errno::ENODEV),
        "depth of an absent LDB queue"
    );
    ensure_eq!(
        d.on("dir_queues", "dirq").get("depth"),
        Err(errno::ENODEV),
        "depth of an absent DIR queue"
    );
    ensure_eq!(d.on("ldb_ports", "worker").get("dev")?, "none", "dev");
    Ok(())
}

/// An open file answers with errors and can be closed; nothing new can be mapped through it.
fn open_files() -> Outcome {
    let dev = Device::first()?;
    let _rebind = Rebind(dev.clone());
    let d = small("opened")?;
    d.enable().map_err(|e| why(&d, e))?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(d.node("worker"))
        .map_err(Errno::from)?;
    dev.unbind().map_err(|e| format!("unbind: {e}"))?;
    d.wait_state("absent", SOON)?;
    for round in ["while absent", "after the next enable"] {
        ensure_eq!(
            port::read_count(&file, 4),
            Err(errno::ENODEV),
            "read {round}"
        );
        let events = port::poll(&file, Duration::from_secs(5))?;
        ensure!(
            events & libc::POLLERR != 0 && events & libc::POLLHUP != 0,
            "poll {round}: {events:#x}"
        );
        for (what, prot, offset) in [
            ("the producer page", libc::PROT_WRITE, 0),
            ("the consumer queue", libc::PROT_READ, 4096),
        ] {
            let have = Map::new(&file, prot, libc::MAP_SHARED, 4096, offset).err();
            ensure_eq!(have, Some(errno::ENODEV), "mmap of {what} {round}");
        }
        if round == "while absent" {
            dev.bind().map_err(|e| format!("bind: {e}"))?;
            d.enable().map_err(|e| why(&d, e))?;
        }
    }
    drop(file);
    ensure_eq!(
        d.get("state")?,
        "enabled",
        "state after a stale file was closed"
    );
    d.disable()?;
    dev.soon_all_free(SOON)
}

/// Those asleep in read and poll are woken.
fn sleepers() -> Outcome {
    let dev = Device::first()?;
    let _rebind = Rebind(dev.clone());
    let d = small("asleep")?;
    d.enable().map_err(|e| why(&d, e))?;
    let start = |poll: bool| {
        let node = d.node("worker");
        Child::run(move || {
            let Ok(file) = OpenOptions::new().read(true).write(true).open(node) else {
                return 1;
            };
            if poll {
                match port::poll(&file, Duration::from_secs(60)) {
                    Ok(e) if e & libc::POLLHUP != 0 => 7,
                    _ => 2,
                }
            } else {
                match port::read_count(&file, 4) {
                    Err(errno::ENODEV) => 7,
                    _ => 2,
                }
            }
        })
    };
    let mut reader = start(false)?;
    let mut poller = start(true)?;
    std::thread::sleep(Duration::from_millis(300));
    ensure_eq!(
        reader.wait_within(Duration::ZERO),
        None,
        "the reader before"
    );
    ensure_eq!(
        poller.wait_within(Duration::ZERO),
        None,
        "the poller before"
    );
    dev.unbind().map_err(|e| format!("unbind: {e}"))?;
    ensure_eq!(reader.wait_within(SOON), Some(End::Exit(7)), "the reader");
    ensure_eq!(poller.wait_within(SOON), Some(End::Exit(7)), "the poller");
    dev.bind().map_err(|e| format!("bind: {e}"))
}

/// The page of a producer port that was revoked never becomes a way into the next owner's port.
fn never_anothers() -> Outcome {
    let dev = Device::first()?;
    let d = small("first")?;
    d.enable().map_err(|e| why(&d, e))?;
    // The process waits for the word and then stores into the mapping of the old domain.
    let (go, ready) = (Pipe::new()?, Pipe::new()?);
    let (from, to) = (go.from, ready.to);
    let node = d.node("source");
    let mut stale = Child::run(move || {
        let Ok(port) = Port::open(&node, 64) else {
            return 1;
        };
        // The page is there from now on, and has to be taken away.
        port.push(Hcw::default());
        (Pipe { from: -1, to }).send(1);
        (Pipe { from, to: -1 }).receive(Duration::from_secs(60));
        // Directed to queue 0 and 1: one of them is the next owner's.
        for qid in 0..2 {
            port.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, 0xbad));
        }
        0
    })?;
    ensure!(
        ready.receive(SOON).is_some(),
        "the port could not be opened"
    );
    d.disable()
        .map_err(|e| format!("disable with a file mapped: {e}"))?;
    let next = small("second")?;
    next.enable().map_err(|e| why(&next, e))?;
    let mut sink = Port::open(&next.node("sink"), 64)?;
    go.send(1);
    ensure_eq!(
        stale.wait_within(SOON),
        BUS,
        "end of the process with the old mapping"
    );
    ensure!(
        sink.pop_within(Duration::from_millis(100)).is_none(),
        "an event of the old owner reached the new one"
    );
    drop((sink, next, d));
    dev.soon_all_free(SOON)
}

/// Traffic, then unbind at a random moment, then bind and enable again; many times.
fn under_traffic() -> Outcome {
    let dev = Device::first()?;
    let _rebind = Rebind(dev.clone());
    let d = small("torn")?;
    let mut dice = Dice::new(5);
    for round in 0..20 {
        d.enable()
            .map_err(|e| format!("round {round}: {}", why(&d, e)))?;
        let id = |shelf, name| -> Result<u8, String> {
            d.on(shelf, name)
                .get("id")?
                .parse()
                .map_err(|_| "id".into())
        };
        let (ldb, dir) = (id("ldb_queues", "ldbq")?, id("dir_queues", "dirq")?);
        let mut crew = vec![
            hold(&d, "worker", move |port, _| {
                if let Some(entry) = port.pop() {
                    port.push(Hcw::send(cmd::FWD, dir, Sched::Directed, 0, 0, entry.data));
                    port.push(Hcw::tokens(1));
                }
            })?,
            hold(&d, "sink", |port, _| {
                if port.pop().is_some() {
                    port.push(Hcw::tokens(1));
                }
            })?,
            hold(&d, "source", move |port, n| {
                port.push(Hcw::send(cmd::NEW, ldb, Sched::Unordered, 0, 0, n));
                std::thread::yield_now();
            })?,
        ];
        dice.nap(40_000);
        dev.unbind()
            .map_err(|e| format!("round {round}: unbind: {e}"))?;
        for child in &mut crew {
            ensure_eq!(child.wait_within(SOON), BUS, "round {round}: a participant");
        }
        d.wait_state("absent", SOON)?;
        dev.bind()
            .map_err(|e| format!("round {round}: bind: {e}"))?;
        dev.soon_all_free(SOON)
            .map_err(|e| format!("round {round}: {e}"))?;
    }
    d.enable().map_err(|e| why(&d, e))?;
    d.disable()?;
    Ok(())
}

/// A domain that is only described does not mind, and its device may come back meanwhile.
fn only_described() -> Outcome {
    let dev = Device::first()?;
    let _rebind = Rebind(dev.clone());
    let d = small("idle")?;
    dev.unbind().map_err(|e| format!("unbind: {e}"))?;
    ensure_eq!(d.get("state")?, "configuring", "state");
    ensure_eq!(d.enable(), Err(errno::ENODEV), "enable without a device");
    ensure!(!d.get("error")?.is_empty(), "no words for it");
    ensure!(
        !Path::new("/dev/dlb0").exists(),
        "/dev/dlb0 without a device"
    );
    let late = small("late").map_err(|e| format!("mkdir without a device: {e}"))?;
    dev.bind().map_err(|e| format!("bind: {e}"))?;
    for d in [&d, &late] {
        d.enable().map_err(|e| why(d, e))?;
    }
    Ok(())
}

/// FLR through sysfs is refused or survived; afterwards the device works.
fn function_level_reset() -> Outcome {
    let dev = Device::first()?;
    let reset = dev.obj.file("reset");
    if !reset.exists() {
        return Ok(());
    }
    let d = small("flr")?;
    d.enable().map_err(|e| why(&d, e))?;
    let mut writer = hold(&d, "source", |port, _| port.push(Hcw::default()))?;
    let have = tree::put(&reset, b"1\n");
    if have.is_ok() {
        ensure_eq!(writer.wait_within(SOON), BUS, "the writer after the reset");
        d.wait_state("revoked", SOON)?;
    } else {
        ensure_eq!(writer.wait_within(Duration::ZERO), None, "the writer");
    }
    drop(writer);
    d.disable()?;
    d.enable()
        .map_err(|e| format!("after a reset ({have:?}): {}", why(&d, e)))?;
    d.disable()?;
    dev.soon_all_free(SOON)
}

pub fn run(t: &mut Suite) {
    t.case("mapped in two processes", mapped);
    t.case("open files", open_files);
    t.case("asleep in read and poll", sleepers);
    t.case("never another's port", never_anothers);
    t.case("under traffic", under_traffic);
    t.case("only described", only_described);
    t.case("function-level reset", function_level_reset);
    t.case("the kernel log is clean", tree::log_is_clean);
}
