// SPDX-License-Identifier: GPL-2.0

//! The alerts file of a domain: what programs do wrong is told, to their own domain only.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use crate::enable::{small, why};
use crate::errno::{self, Errno};
use crate::ktap::{Outcome, Suite};
use crate::port::{self, cmd, Hcw, Port, Sched};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(150);

/// One record.
#[derive(Debug, PartialEq)]
struct Alert {
    kind: u16,
    lost: u32,
    data: u64,
}

fn open(d: &Domain) -> Result<File, Errno> {
    Ok(OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(d.node("alerts"))?)
}

fn read(file: &mut File) -> Result<Alert, Errno> {
    let mut b = [0u8; 16];
    let n = file.read(&mut b)?;
    if n != 16 {
        return Err(errno::EIO);
    }
    Ok(Alert {
        kind: u16::from_ne_bytes([b[0], b[1]]),
        lost: u32::from_ne_bytes([b[4], b[5], b[6], b[7]]),
        data: u64::from_ne_bytes([b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]]),
    })
}

/// Waits for the next alert.
fn next(file: &mut File) -> Result<Alert, String> {
    let events = port::poll(file, SOON)?;
    ensure!(
        events & libc::POLLIN != 0,
        "no alert: poll gives {events:#x}"
    );
    Ok(read(file)?)
}

fn number(d: &Domain, shelf: &str, name: &str) -> Result<u64, String> {
    let text = d.on(shelf, name).get("id")?;
    text.parse().map_err(|_| format!("id of {name}: {text}"))
}

fn each_kind() -> Outcome {
    let d = small("alarmed")?;
    let bystander = small("bystander")?;
    for d in [&d, &bystander] {
        d.enable().map_err(|e| why(d, e))?;
    }
    let (mut file, mut other) = (open(&d)?, open(&bystander)?);
    let worker = Port::open(&d.node("worker"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    let ldb = 1 << 8 | number(&d, "ldb_ports", "worker")?;
    let dir = number(&d, "dir_ports", "source")?;
    let theirs = number(&bystander, "ldb_queues", "ldbq")? as u8;
    let cases = [
        (
            "a completion too many",
            &worker,
            Hcw::bare(cmd::REL),
            0,
            ldb,
        ),
        ("tokens too many", &worker, Hcw::tokens(1), 1, ldb),
        ("tokens too many, directed", &source, Hcw::tokens(9), 1, dir),
        ("a command that is none", &source, Hcw::bare(7), 2, dir),
        (
            "a completion by a directed port",
            &source,
            Hcw::bare(cmd::REL),
            2,
            dir,
        ),
        (
            "a queue that is none",
            &source,
            Hcw::send(cmd::NEW, 200, Sched::Unordered, 0, 0, 0),
            3,
            dir,
        ),
        (
            "another's queue",
            &worker,
            Hcw::send(cmd::NEW, theirs, Sched::Unordered, 0, 0, 0),
            4,
            ldb,
        ),
    ];
    let mut failed = Vec::new();
    for (what, port, hcw, kind, data) in cases {
        port.push(hcw);
        match next(&mut file) {
            Ok(have)
                if have
                    == (Alert {
                        kind,
                        lost: 0,
                        data,
                    }) => {}
            have => failed.push(format!(
                "{what}: {have:?}, want kind {kind}, data {data:#x}"
            )),
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    ensure_eq!(d.get("alerts")?, "7", "alerts counted");
    ensure_eq!(
        bystander.get("alerts")?,
        "0",
        "alerts counted of the bystander"
    );
    ensure_eq!(
        read(&mut other).err(),
        Some(errno::EAGAIN),
        "alerts of the bystander"
    );
    Ok(())
}

fn by_users() -> Outcome {
    let d = small("posted")?;
    d.enable().map_err(|e| why(&d, e))?;
    let mut file = open(&d)?;
    ensure_eq!(read(&mut file).err(), Some(errno::EAGAIN), "before any");
    for data in [0u64, 42, u64::MAX] {
        file.write_all(&data.to_ne_bytes()).map_err(Errno::from)?;
        ensure_eq!(
            next(&mut file)?,
            Alert {
                kind: 6,
                lost: 0,
                data
            },
            "posted {data}"
        );
    }
    for len in [0usize, 1, 4, 7, 9, 16] {
        let have = file.write(&[0; 16][..len]).map_err(Errno::from);
        ensure!(
            have == Err(errno::EINVAL) || len == 0,
            "write of {len} bytes: {have:?}"
        );
    }
    while read(&mut file).is_ok() {}
    let have = file.read(&mut [0; 15]).map_err(Errno::from);
    ensure_eq!(have.err(), Some(errno::EINVAL), "read of 15 bytes");

    // More than there is room for: the oldest stay, and how many were lost is said.
    for data in 0..200u64 {
        file.write_all(&data.to_ne_bytes()).map_err(Errno::from)?;
    }
    let mut kept = 0;
    while let Ok(alert) = read(&mut file) {
        ensure_eq!(
            alert,
            Alert {
                kind: 6,
                lost: 0,
                data: kept
            },
            "record {kept}"
        );
        kept += 1;
    }
    ensure!((16..200).contains(&kept), "{kept} of 200 were kept");
    file.write_all(&7u64.to_ne_bytes()).map_err(Errno::from)?;
    let lost = (200 - kept) as u32;
    ensure_eq!(
        next(&mut file)?,
        Alert {
            kind: 6,
            lost,
            data: 7
        },
        "after the loss"
    );
    // Read, lost or waiting: all of them count.
    let count = 3 + 200 + 1;
    ensure_eq!(d.get("alerts")?, count.to_string(), "alerts counted");

    // One buffer, several records.
    for data in 0..3u64 {
        file.write_all(&data.to_ne_bytes()).map_err(Errno::from)?;
    }
    let n = file.read(&mut [0; 40]).map_err(Errno::from)?;
    ensure_eq!(n, 32, "bytes for a buffer of 40");
    d.disable()?;
    ensure_eq!(d.get("alerts")?, "0", "alerts counted after disable");
    Ok(())
}

/// Of a consumer that does not give its tokens back its domain is told, and no other.
fn watchdog() -> Outcome {
    let dev = Device::first()?.physical();
    let before = dev.get("tuning/cq_watchdog_seconds")?;
    dev.set("tuning/cq_watchdog_seconds", 1)?;
    let have = stuck_consumers();
    dev.set("tuning/cq_watchdog_seconds", before)?;
    have
}

fn stuck_consumers() -> Outcome {
    let d = small("neglected")?;
    let bystander = small("watched")?;
    for d in [&d, &bystander] {
        d.enable().map_err(|e| why(d, e))?;
    }
    let (mut file, mut other) = (open(&d)?, open(&bystander)?);
    let mut sink = Port::open(&d.node("sink"), 64)?;
    let mut worker = Port::open(&d.node("worker"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    let dir = number(&d, "dir_queues", "dirq")? as u8;
    let ldb = number(&d, "ldb_queues", "ldbq")? as u8;
    for (what, qid, sched, port, data) in [
        (
            "directed",
            dir,
            Sched::Directed,
            &mut sink,
            number(&d, "dir_ports", "sink")?,
        ),
        (
            "load-balanced",
            ldb,
            Sched::Unordered,
            &mut worker,
            1 << 8 | number(&d, "ldb_ports", "worker")?,
        ),
    ] {
        source.push(Hcw::send(cmd::NEW, qid, sched, 0, 0, 1));
        ensure!(port.pop_within(SOON).is_some(), "{what}: no event");
        let since = Instant::now();
        let events = port::poll(&file, 8 * SOON)?;
        ensure!(events & libc::POLLIN != 0, "{what}: no alert");
        println!("# {what}: after {} ms", since.elapsed().as_millis());
        ensure_eq!(
            read(&mut file)?,
            Alert {
                kind: 7,
                lost: 0,
                data
            },
            "{what}"
        );
        // It is told again for as long as it lasts, and not when it is over.
        let events = port::poll(&file, SOON)?;
        ensure!(events & libc::POLLIN != 0, "{what}: told only once");
        port.push(Hcw::tokens(1));
        std::thread::sleep(QUIET);
        while read(&mut file).is_ok() {}
        let events = port::poll(&file, Duration::from_secs(3))?;
        ensure_eq!(events, 0, "{what}: told when it was over");
    }
    ensure_eq!(
        read(&mut other).err(),
        Some(errno::EAGAIN),
        "alerts of the bystander"
    );
    Ok(())
}

/// How often the kernel has logged something.
fn logged(words: &str) -> Result<usize, String> {
    let out = std::process::Command::new("dmesg")
        .output()
        .map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&out.stdout).matches(words).count())
}

/// A storm of errors ends, is told once, and does not keep the device from its work.
fn storm() -> Outcome {
    let d = small("storm")?;
    let before = (
        logged("illegal command")?,
        logged("too many refused commands")?,
    );
    let since = Instant::now();
    d.enable().map_err(|e| why(&d, e))?;
    let source = Port::open(&d.node("source"), 64)?;
    let mut sink = Port::open(&d.node("sink"), 64)?;
    let qid = number(&d, "dir_queues", "dirq")? as u8;
    for _ in 0..20_000 {
        source.push(Hcw::bare(7));
    }
    source.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, 5));
    let entry = sink.pop_within(SOON);
    ensure_eq!(entry.map(|e| e.data), Some(5), "an event after the storm");
    let mut file = open(&d)?;
    let alert = next(&mut file)?;
    ensure_eq!(alert.kind, 2, "kind of the alert");
    // If the storm was strong enough the driver has switched the reports off, for all domains.
    let dev = Device::first()?.physical();
    println!("# ingress_err_en is {}", dev.get("ingress_err_en")?);
    // The log has a line in five seconds, and one when the reports are switched off.
    let lines = logged("illegal command")? - before.0;
    let most = 1 + since.elapsed().as_secs() as usize / 5;
    ensure!(
        lines <= most,
        "{lines} lines in the log, {most} are allowed"
    );
    ensure_eq!(
        logged("too many refused commands")? - before.1,
        usize::from(dev.get("ingress_err_en")? == "0"),
        "lines about the storm itself"
    );
    while read(&mut file).is_ok() {}
    dev.set("ingress_err_en", 1)?;
    source.push(Hcw::bare(7));
    let until = Instant::now() + SOON;
    while read(&mut file).is_err() {
        ensure!(
            Instant::now() < until,
            "no alert after the reports were switched on"
        );
        source.push(Hcw::bare(7));
    }
    Ok(())
}

/// What was told before the end can still be read after it.
fn at_the_end() -> Outcome {
    let d = small("ending")?;
    d.enable().map_err(|e| why(&d, e))?;
    let mut file = open(&d)?;
    file.write_all(&3u64.to_ne_bytes()).map_err(Errno::from)?;
    d.disable()?;
    ensure_eq!(
        read(&mut file)?,
        Alert {
            kind: 6,
            lost: 0,
            data: 3
        },
        "after disable"
    );
    ensure_eq!(read(&mut file).err(), Some(errno::ENODEV), "then");
    let events = port::poll(&file, QUIET)?;
    ensure!(events & libc::POLLHUP != 0, "poll: {events:#x}");
    let have = file.write(&3u64.to_ne_bytes()).map_err(Errno::from);
    ensure_eq!(have.err(), Some(errno::ENODEV), "write");
    Ok(())
}

pub fn run(t: &mut Suite) {
    t.case("each kind", each_kind);
    t.case("posted by users", by_users);
    t.case("a consumer that is stuck", watchdog);
    t.case("a storm of errors", storm);
    t.case("at the end of a domain", at_the_end);
    t.case("the kernel log is clean", tree::log_is_clean);
}
