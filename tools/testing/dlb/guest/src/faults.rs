// SPDX-License-Identifier: GPL-2.0

//! A device that misbehaves: each fault ends in a bounded time and in a clear state.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::enable::{small, why};
use crate::errno::{self, Errno};
use crate::ktap::{Outcome, Suite};
use crate::port::{cmd, Hcw, Port, Sched};
use crate::recovery::asleep;
use crate::tree::{self, Device};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(20);

/// Tells the emulated device to misbehave; it stops when the value goes.
pub struct Fault;

impl Fault {
    pub fn inject(what: &str) -> Result<Self, String> {
        let done = Command::new("qmp")
            .args(["set", "/machine/peripheral/dlb0", "inject", what])
            .output()
            .map_err(|e| format!("qmp: {e}"))?;
        ensure!(
            done.status.success(),
            "inject {what}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(Self)
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        let _ = Command::new("qmp")
            .args(["set", "/machine/peripheral/dlb0", "inject", "clear"])
            .output();
    }
}

/// How long something took, and what came of it.
pub fn timed<T>(act: impl FnOnce() -> T) -> (Duration, T) {
    let since = Instant::now();
    let value = act();
    (since.elapsed(), value)
}

/// An event through a domain of its own.
fn works() -> Outcome {
    let d = small("works")?;
    d.enable().map_err(|e| why(&d, e))?;
    let qid: u8 = d
        .on("dir_queues", "dirq")
        .get("id")?
        .parse()
        .map_err(|_| "id")?;
    let mut sink = Port::open(&d.node("sink"), 64)?;
    sink.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, 42));
    let entry = sink.pop_within(SOON);
    ensure_eq!(entry.map(|e| e.data), Some(42), "an event");
    drop(sink);
    d.disable()?;
    Device::first()?.soon_all_free(SOON)
}

fn never_ready() -> Outcome {
    let dev = Device::first()?;
    dev.unbind()?;
    let fault = Fault::inject("never-ready")?;
    let (time, have) = timed(|| dev.bind());
    ensure!(have.is_err(), "a device that is never ready was bound");
    ensure!(time < SOON, "it took {time:?}");
    ensure!(Device::all().is_empty(), "the device is listed");
    ensure!(!Path::new("/dev/dlb0").exists(), "/dev/dlb0 is there");
    drop(fault);
    dev.bind().map_err(|e| format!("when it is ready: {e}"))?;
    println!("# refused with {have:?} after {} ms", time.as_millis());
    works()
}

fn slow_to_be_ready() -> Outcome {
    let dev = Device::first()?;
    dev.unbind()?;
    let fault = Fault::inject("slow-idle=100")?;
    let (time, have) = timed(|| dev.bind());
    have.map_err(|e| format!("bind: {e}"))?;
    println!("# ready after {} ms", time.as_millis());
    drop(fault);
    works()
}

/// A device that did not wake up works again after a reset, and when it is bound anew.
fn does_not_wake_up() -> Outcome {
    let dev = Device::first()?;
    type Cure = fn(&Device) -> Result<(), Errno>;
    let cures: [(&str, Cure); 2] = [
        ("reset", |dev| dev.obj.set("reset", 1)),
        ("rebind", |dev| dev.unbind().and_then(|()| dev.bind())),
    ];
    for (cure, apply) in cures {
        asleep(&dev)?;
        let fault = Fault::inject("never-ready")?;
        let d = small("early")?;
        let (time, have) = timed(|| d.enable());
        ensure!(have.is_err(), "a domain on a device that does not wake up");
        ensure!(time < SOON, "it took {time:?}");
        ensure!(!d.get("error")?.is_empty(), "no words for it");
        drop((fault, d));
        apply(&dev).map_err(|e| format!("{cure}: {e}"))?;
        works().map_err(|e| format!("after a {cure}: {e}"))?;
    }
    // And it sleeps again.
    asleep(&dev)
}

fn stuck_drain() -> Outcome {
    let dev = Device::first()?;
    let d = small("stuck")?;
    d.enable().map_err(|e| why(&d, e))?;
    let fault = Fault::inject("stuck-drain")?;
    let (time, have) = timed(|| d.disable());
    ensure!(
        have == Err(errno::EIO) || have == Err(errno::ETIMEDOUT),
        "disable of a domain that does not drain: {have:?}"
    );
    ensure!(time < 3 * SOON, "it took {time:?}");
    ensure_eq!(d.get("state")?, "failed", "state");
    ensure!(!d.get("error")?.is_empty(), "no words for it");
    ensure!(!d.dir().exists(), "device files are left");
    println!(
        "# given up after {} ms: {}",
        time.as_millis(),
        d.get("error")?
    );
    drop(fault);
    // What could not be drained is lost until a reset, and is not handed out again meanwhile.
    let other = small("other")?;
    let have = other.enable();
    ensure!(
        have.is_err(),
        "a device that failed to drain took another domain"
    );
    ensure!(!other.get("error")?.is_empty(), "no words for that");
    dev.unbind()?;
    dev.bind().map_err(|e| format!("bind: {e}"))?;
    dev.soon_all_free(SOON)?;
    d.enable()
        .map_err(|e| format!("after rebind: {}", why(&d, e)))?;
    d.disable()?;
    works()
}

/// A message that the device believes it sent must not put a port to sleep for ever.
fn lost_interrupt() -> Outcome {
    let d = small("lost")?;
    d.enable().map_err(|e| why(&d, e))?;
    let qid: u8 = d
        .on("dir_queues", "dirq")
        .get("id")?
        .parse()
        .map_err(|_| "id")?;
    let mut sink = Port::open(&d.node("sink"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    let _fault = Fault::inject("lose-msix=1")?;
    sink.push(Hcw::bare(cmd::ARM));
    source.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, 1));
    let (time, events) = timed(|| sink.poll(SOON));
    let events = events?;
    ensure!(events & libc::POLLIN != 0, "still asleep after {time:?}");
    println!("# awake after {} ms", time.as_millis());
    ensure!(sink.pop().is_some(), "no entry");
    Ok(())
}

fn spurious_interrupts() -> Outcome {
    let d = small("spurious")?;
    d.enable().map_err(|e| why(&d, e))?;
    let sink = Port::open(&d.node("sink"), 64)?;
    for vector in ["0", "1", "1", "0"] {
        drop(Fault::inject(&format!("spurious-msix={vector}"))?);
    }
    ensure_eq!(sink.poll(Duration::from_millis(200))?, 0, "poll");
    d.disable()?;
    works()
}

fn hardware_alarm() -> Outcome {
    let log = || -> Result<String, String> {
        let out = Command::new("dmesg").output().map_err(|e| e.to_string())?;
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    };
    let words =
        "hardware alarm of the core, unit 4 (credits and history lists): alarm 0, class 2, \
                 type 0, syndrome 0x5 (";
    let before = log()?.matches(words).count();
    drop(Fault::inject("parity-alarm=5")?);
    let until = Instant::now() + SOON;
    while log()?.matches(words).count() == before {
        ensure!(Instant::now() < until, "the kernel log does not tell of it");
        std::thread::sleep(Duration::from_millis(50));
    }
    works()
}

/// The device goes while it is drained.
fn unbind_while_stuck() -> Outcome {
    let dev = Device::first()?;
    let d = small("both")?;
    d.enable().map_err(|e| why(&d, e))?;
    let fault = Fault::inject("stuck-drain")?;
    let (time, have) = timed(|| dev.unbind());
    have.map_err(|e: Errno| format!("unbind: {e}"))?;
    ensure!(time < 3 * SOON, "it took {time:?}");
    d.wait_state("absent", SOON)?;
    drop(fault);
    dev.bind().map_err(|e| format!("bind: {e}"))?;
    dev.soon_all_free(SOON)?;
    works()
}

pub fn run(t: &mut Suite) {
    t.case("never ready", never_ready);
    t.case("slow to be ready", slow_to_be_ready);
    t.case("does not wake up", does_not_wake_up);
    t.case("a drain that is stuck", stuck_drain);
    t.case("unbind while stuck", unbind_while_stuck);
    t.case("a lost interrupt", lost_interrupt);
    t.case("interrupts without a cause", spurious_interrupts);
    t.case("a hardware alarm", hardware_alarm);
    t.case("the kernel log is clean", tree::log_is_clean);
}
