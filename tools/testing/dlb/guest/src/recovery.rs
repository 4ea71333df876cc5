// SPDX-License-Identifier: GPL-2.0

//! Resets, bus errors and sleep: what they do to programs and domains, and that the device works
//! afterwards and is set as before.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::enable::{small, why};
use crate::errno;
use crate::ktap::{Outcome, Suite};
use crate::port::{self, cmd, Hcw, Port, Sched};
use crate::proc::{Child, End, Pipe};
use crate::tree::{self, Device, Domain};
use crate::vf::{self, Traffic, Vfs};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(20);

/// What the module was loaded with.
const RESET_TIMEOUT: Duration = Duration::from_secs(2);

/// The kind of the alert that tells of a reset.
const DEVICE_RESET: u16 = 5;

/// An application: one process that never leaves a port, and one that waits for alerts.
struct App {
    stubborn: Child,
    listener: Child,
}

impl App {
    /// Status of a listener that was told of a reset.
    const TOLD: Option<End> = Some(End::Exit(7));
    const CUT_OFF: Option<End> = Some(End::Signal(libc::SIGBUS));

    fn start(d: &Domain) -> Result<Self, String> {
        let ready = Pipe::new()?;
        let to = ready.to;
        let node = d.node("worker");
        let stubborn = Child::run(move || {
            let Ok(port) = Port::open(&node, 64) else {
                return 1;
            };
            port.push(Hcw::default());
            (Pipe { from: -1, to }).send(1);
            loop {
                let _ = port.ready();
                port.push(Hcw::default());
                std::thread::sleep(Duration::from_millis(1));
            }
        })?;
        let node = d.node("alerts");
        let listener = Child::run(move || {
            let Ok(mut file) = File::open(node) else {
                return 1;
            };
            (Pipe { from: -1, to }).send(1);
            let mut record = [0u8; 16];
            loop {
                match file.read(&mut record) {
                    Ok(16) if u16::from_ne_bytes([record[0], record[1]]) == DEVICE_RESET => {
                        return 7
                    }
                    Ok(16) => {}
                    _ => return 2,
                }
            }
        })?;
        for who in ["one", "the other"] {
            ensure!(ready.receive(SOON).is_some(), "{who} process did not start");
        }
        Ok(Self { stubborn, listener })
    }

    /// Waits until both have learned of the end of their domain.
    fn ended(mut self) -> Outcome {
        ensure_eq!(
            self.listener.wait_within(SOON),
            Self::TOLD,
            "end of the one that listens"
        );
        ensure_eq!(
            self.stubborn.wait_within(SOON),
            Self::CUT_OFF,
            "end of the one that does not leave"
        );
        Ok(())
    }

    /// Errs unless nobody has noticed anything.
    fn undisturbed(mut self) -> Outcome {
        for (who, child) in [
            ("listener", &mut self.listener),
            ("worker", &mut self.stubborn),
        ] {
            ensure_eq!(child.wait_within(Duration::from_millis(200)), None, "{who}");
        }
        Ok(())
    }
}

/// What is set while a case runs, and must still be set at its end.
const SETTINGS: [(&str, &str, &str); 6] = [
    ("sequence_numbers/group1_sns_per_queue", "256", "64"),
    ("cos_bw/cos1_bw_percent", "7", "25"),
    ("tuning/cq_watchdog_seconds", "40", "10"),
    ("tuning/qe_sa_pct", "30", "1"),
    ("tuning/cq_layout", "packed", "sparse"),
    ("ingress_err_en", "0", "1"),
];

/// Does something to a device with a domain and an application, and looks at all of it afterwards.
fn survives(name: &str, deed: impl FnOnce(&Device) -> Outcome) -> Outcome {
    let dev = Device::first()?;
    let mut settings = SETTINGS.map(|(file, value, _)| (file, value.to_string(), String::new()));
    for (file, value, first) in &mut settings {
        *first = dev.obj.get(file)?;
        dev.obj
            .set(file, &*value)
            .map_err(|e| format!("{file} {value}: {e}"))?;
    }
    let have = survives_set(&dev, name, deed, &settings);
    for (file, _, first) in &settings {
        dev.obj.set(file, first)?;
    }
    have?;
    works(&dev)
}

fn survives_set(
    dev: &Device,
    name: &str,
    deed: impl FnOnce(&Device) -> Outcome,
    settings: &[(&str, String, String)],
) -> Outcome {
    let d = small(name)?;
    d.enable().map_err(|e| why(&d, e))?;
    let app = App::start(&d)?;
    let since = Instant::now();
    deed(dev)?;
    println!("# {name}: {} ms", since.elapsed().as_millis());
    app.ended()?;
    d.wait_state("revoked", SOON)?;
    ensure!(!d.dir().exists(), "device files are left");
    dev.all_free()?;
    for (file, value, _) in settings {
        ensure_eq!(&dev.obj.get(file)?, value, "{file} afterwards");
    }
    // The width of the slots is not only remembered.
    d.on("ldb_queues", "ldbq")
        .set("num_sequence_numbers", 256)?;
    d.enable()
        .map_err(|e| format!("afterwards: {}", why(&d, e)))?;
    d.disable()?;
    dev.soon_all_free(SOON)
}

/// An event goes through a domain, and somebody asleep is woken by it.
fn works(dev: &Device) -> Outcome {
    let d = small("works")?;
    d.enable().map_err(|e| why(&d, e))?;
    let qid: u8 = d
        .on("dir_queues", "dirq")
        .get("id")?
        .parse()
        .map_err(|_| "id")?;
    let mut sink = Port::open(&d.node("sink"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    sink.push(Hcw::bare(cmd::ARM));
    source.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, 42));
    let events = sink.poll(SOON)?;
    ensure!(events & libc::POLLIN != 0, "no interrupt");
    ensure_eq!(sink.pop().map(|e| e.data), Some(42), "an event");
    drop((source, sink));
    d.disable()?;
    dev.soon_all_free(SOON)
}

fn reset(dev: &Device) -> Outcome {
    tree::put(&dev.obj.file("reset"), b"1\n").map_err(|e| format!("reset: {e}"))
}

/// Those who do not leave are cut off, but not before their time.
fn flr() -> Outcome {
    survives("flr", |dev| {
        let since = Instant::now();
        reset(dev)?;
        let time = since.elapsed();
        ensure!(time >= RESET_TIMEOUT, "the reset came after {time:?}");
        ensure!(time < 10 * RESET_TIMEOUT, "the reset took {time:?}");
        Ok(())
    })
}

/// The reset does not wait when all have left.
fn polite() -> Outcome {
    let dev = Device::first()?;
    let d = small("polite")?;
    d.enable().map_err(|e| why(&d, e))?;
    let ready = Pipe::new()?;
    let to = ready.to;
    let (worker, alerts) = (d.node("worker"), d.node("alerts"));
    let mut app = Child::run(move || {
        let (Ok(port), Ok(mut file)) = (Port::open(&worker, 64), File::open(alerts)) else {
            return 1;
        };
        port.push(Hcw::default());
        (Pipe { from: -1, to }).send(1);
        let got = file.read(&mut [0; 16]);
        i32::from(!matches!(got, Ok(16)))
    })?;
    ensure!(
        ready.receive(SOON).is_some(),
        "the application did not start"
    );
    let since = Instant::now();
    reset(&dev)?;
    let time = since.elapsed();
    ensure!(
        time < RESET_TIMEOUT,
        "the reset took {time:?} although all had left"
    );
    ensure_eq!(
        app.wait_within(SOON),
        Some(End::Exit(0)),
        "end of the application"
    );
    d.wait_state("revoked", SOON)?;
    drop(d);
    works(&dev)
}

/// Tells QEMU that a function has seen a bus error.
fn bus_error(what: &str) -> Outcome {
    let command = format!(
        "{{\"execute\": \"human-monitor-command\", \"arguments\": \
         {{\"command-line\": \"pcie_aer_inject_error dlb0 {what}\"}}}}"
    );
    let done = Command::new("qmp")
        .arg(command)
        .output()
        .map_err(|e| format!("qmp: {e}"))?;
    let said = String::from_utf8_lossy(&done.stdout);
    ensure!(
        done.status.success() && said.contains("OK"),
        "{what}: {said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

/// How often the kernel has logged something.
fn logged(words: &str) -> Result<usize, String> {
    let out = Command::new("dmesg").output().map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&out.stdout).matches(words).count())
}

fn wait_logged(words: &str, before: usize) -> Outcome {
    let until = Instant::now() + SOON;
    while logged(words)? == before {
        ensure!(
            Instant::now() < until,
            "the kernel log does not say: {words}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Errors after which the device can be used as before do not disturb anybody.
fn mild_errors() -> Outcome {
    for (error, words) in [
        ("RCVR", "PCIe Bus Error: severity=Correctable"),
        (
            "COMP_TIME",
            "PCIe Bus Error: severity=Uncorrectable (Non-Fatal)",
        ),
    ] {
        let dev = Device::first()?;
        let d = small("mild")?;
        d.enable().map_err(|e| why(&d, e))?;
        let app = App::start(&d)?;
        let before = logged(words)?;
        bus_error(error)?;
        wait_logged(words, before)?;
        app.undisturbed().map_err(|e| format!("{error}: {e}"))?;
        ensure_eq!(d.get("state")?, "enabled", "state after {error}");
        d.disable()?;
        works(&dev)?;
    }
    Ok(())
}

/// A fatal error resets the bus; the device comes back.
fn fatal_error() -> Outcome {
    survives("fatal", |_| {
        let words = "recovered from a bus error";
        let before = logged(words)?;
        bus_error("MALF_TLP")?;
        wait_logged(words, before)
    })
}

/// Does something to a device with virtual functions in use, which they survive as well.
fn vfs_survive(deed: impl FnOnce() -> Outcome) -> Outcome {
    // All of them: the kernel does not recover a bus on which a function has no driver.
    let vfs = Vfs::bound(2)?;
    let mut all = Vec::new();
    for vf in 0..2 {
        let name = vf::name(&vfs.device(vf)?)?;
        let d = vf::on(&name, &format!("of{vf}"))?;
        let user = Traffic::start(&name, &d)?;
        all.push((name, d, user));
    }
    deed()?;
    for (name, d, user) in &mut all {
        ensure_eq!(user.end(), App::CUT_OFF, "the user on {name}");
        d.wait_state("revoked", SOON)?;
        d.disable()?;
        d.enable().map_err(|e| format!("{name}: {}", why(d, e)))?;
        let traffic = Traffic::start(name, d)?;
        ensure!(traffic.flows(), "events stopped on {name}");
        drop(traffic);
        d.disable()?;
    }
    drop(all);
    vfs.remove()
}

/// A fatal error takes the virtual functions with it.
fn fatal_error_of_vfs() -> Outcome {
    vfs_survive(|| {
        let words = "recovered from a bus error";
        let before = logged(words)?;
        bus_error("MALF_TLP")?;
        wait_logged(words, before)
    })
}

/// A fatal error of a device that sleeps.
fn fatal_error_asleep() -> Outcome {
    let dev = Device::first()?;
    asleep(&dev)?;
    let words = "recovered from a bus error";
    let before = logged(words)?;
    bus_error("MALF_TLP")?;
    wait_logged(words, before)?;
    works(&dev)
}

fn runtime_status(dev: &Device) -> Result<String, String> {
    Ok(dev.obj.get("power/runtime_status")?)
}

/// Waits until the device is in D3hot.
pub fn asleep(dev: &Device) -> Outcome {
    let until = Instant::now() + SOON;
    while runtime_status(dev)? != "suspended" {
        ensure!(
            Instant::now() < until,
            "the device does not fall asleep: {}",
            runtime_status(dev)?
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    ensure_eq!(dev.obj.get("power_state")?, "D3hot", "power_state");
    Ok(())
}

/// A device without a domain sleeps; what is set meanwhile is not forgotten.
fn idle() -> Outcome {
    let dev = Device::first()?;
    works(&dev)?;
    asleep(&dev)?;
    // To look does not wake, nor does it find less.
    dev.all_free()?;
    for (file, value, _) in SETTINGS {
        dev.obj.set(file, value)?;
        ensure_eq!(dev.obj.get(file)?, value, "{file}, set while asleep");
    }
    ensure_eq!(dev.obj.get("counters/dir_scheduled")?, "0", "a counter");
    ensure_eq!(runtime_status(&dev)?, "suspended", "after it was looked at");

    let d = small("awake")?;
    d.on("ldb_queues", "ldbq")
        .set("num_sequence_numbers", 256)?;
    d.enable().map_err(|e| why(&d, e))?;
    ensure_eq!(runtime_status(&dev)?, "active", "with a domain");
    ensure_eq!(
        dev.obj.get("counters/dir_scheduled")?,
        "0",
        "a counter after the sleep"
    );
    ensure_eq!(dev.obj.get("power_state")?, "D0", "power_state");
    std::thread::sleep(Duration::from_secs(1));
    ensure_eq!(runtime_status(&dev)?, "active", "with a domain, later");
    d.disable()?;
    asleep(&dev)?;
    for (file, value, first) in SETTINGS {
        ensure_eq!(dev.obj.get(file)?, value, "{file} at the end");
        dev.obj.set(file, first)?;
    }
    works(&dev)
}

/// A device that sleeps can be reset.
fn flr_asleep() -> Outcome {
    let dev = Device::first()?;
    asleep(&dev)?;
    reset(&dev)?;
    works(&dev)?;
    asleep(&dev)
}

/// Sends the machine to sleep; the kernel wakes it up after a while.
fn sleep(level: &str, state: &str) -> Outcome {
    let power = Path::new("/sys/power");
    tree::put(&power.join("pm_test"), level.as_bytes()).map_err(|e| format!("pm_test: {e}"))?;
    let delay = Path::new("/sys/module/suspend/parameters/pm_test_delay");
    let _ = tree::put(delay, b"1");
    let have = tree::put(&power.join("state"), state.as_bytes());
    tree::put(&power.join("pm_test"), b"none").map_err(|e| format!("pm_test: {e}"))?;
    have.map_err(|e| format!("{state} as far as {level}: {e}"))
}

fn system_sleep() -> Outcome {
    for level in ["devices", "platform"] {
        survives("sleep", |_| sleep(level, "freeze")).map_err(|e| format!("{level}: {e}"))?;
    }
    Ok(())
}

/// Virtual functions wake up after the physical one, not while it is being reset.
fn system_sleep_of_vfs() -> Outcome {
    for level in ["devices", "platform"] {
        vfs_survive(|| sleep(level, "freeze")).map_err(|e| format!("{level}: {e}"))?;
    }
    Ok(())
}

/// The machine sleeps while the device does so anyway.
fn system_sleep_asleep() -> Outcome {
    let dev = Device::first()?;
    asleep(&dev)?;
    sleep("devices", "freeze")?;
    works(&dev)?;
    asleep(&dev)
}

/// The machine loses its power, except for its memory; the clock wakes it up.
fn suspend_to_memory() -> Outcome {
    let alarm = Path::new("/sys/class/rtc/rtc0/wakealarm");
    let modes = tree::read(Path::new("/sys/power/mem_sleep")).unwrap_or_default();
    if !modes.contains("deep") || !alarm.exists() {
        println!("# no deep sleep here: modes \"{modes}\"");
        return Ok(());
    }
    tree::put(Path::new("/sys/power/mem_sleep"), b"deep")?;
    survives("deep", |_| {
        tree::put(alarm, b"0")?;
        tree::put(alarm, b"+3").map_err(|e| format!("wakealarm: {e}"))?;
        tree::put(Path::new("/sys/power/state"), b"mem").map_err(|e| format!("mem: {e}"))
    })
}

/// A file that was open over a reset belongs to nobody.
fn stale_file() -> Outcome {
    let dev = Device::first()?;
    let d = small("stale")?;
    d.enable().map_err(|e| why(&d, e))?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(d.node("worker"))
        .map_err(|e| e.to_string())?;
    reset(&dev)?;
    d.enable().map_err(|e| why(&d, e))?;
    ensure_eq!(
        port::read_count(&file, 4),
        Err(errno::ENODEV),
        "read of a file from before the reset"
    );
    drop(file);
    ensure_eq!(d.get("state")?, "enabled", "state");
    d.disable()?;
    works(&dev)
}

/// A fatal error after which the bus does not come back: QEMU shows the link of a port as down
/// that leaves hot-plug to ACPI, and the kernel gives up.
fn lost_for_good() -> Outcome {
    let dev = Device::first()?;
    let d = small("lost")?;
    d.enable().map_err(|e| why(&d, e))?;
    let app = App::start(&d)?;
    let words = "device recovery failed";
    let before = logged(words)?;
    bus_error("MALF_TLP")?;
    wait_logged(words, before)?;
    app.ended()?;
    ensure!(!d.dir().exists(), "device files are left");
    d.wait_state("revoked", SOON)?;
    ensure_eq!(d.enable(), Err(errno::EIO), "enable");
    let error = d.get("error")?;
    ensure!(error.contains("reset"), "what enable says: {error}");
    // Its configuration space was lost with the bus: only PCI can make it again.
    tree::put(&dev.obj.file("remove"), b"1\n").map_err(|e| format!("remove: {e}"))?;
    ensure_eq!(d.enable(), Err(errno::ENODEV), "enable without a device");
    tree::put(Path::new("/sys/bus/pci/rescan"), b"1\n").map_err(|e| format!("rescan: {e}"))?;
    let dev = Device::first()?;
    dev.all_free()?;
    d.enable()
        .map_err(|e| format!("after rescan: {}", why(&d, e)))?;
    drop(d);
    works(&dev)?;
    asleep(&dev)
}

/// What is not survived without help.
pub fn run_lost(t: &mut Suite) {
    t.case("a bus that does not come back", lost_for_good);
    t.case("the kernel log is clean", tree::log_is_clean);
}

pub fn run(t: &mut Suite) {
    t.case("idle", idle);
    t.case("reset", flr);
    t.case("reset when all leave", polite);
    t.case("reset and a file that stays open", stale_file);
    t.case("reset while asleep", flr_asleep);
    t.case("mild bus errors", mild_errors);
    t.case("a fatal bus error", fatal_error);
    t.case("a fatal bus error while asleep", fatal_error_asleep);
    t.case("a fatal bus error of virtual functions", fatal_error_of_vfs);
    t.case("system sleep", system_sleep);
    t.case("system sleep of virtual functions", system_sleep_of_vfs);
    t.case("system sleep while asleep", system_sleep_asleep);
    t.case("suspend to memory", suspend_to_memory);
    t.case("the kernel log is clean", tree::log_is_clean);
}
