// SPDX-License-Identifier: GPL-2.0

//! An IOMMU translates the device's DMA, and stops what it was not given an address for.
//!
//! The hostile part is played by root, who writes a page of this process, by its physical address,
//! into the register that says where a consumer queue is: what a broken or malicious device does.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::enable::why;
use crate::ktap::{Outcome, Suite};
use crate::port::{cmd, Hcw, Map, Port, Sched, PAGE};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(20);
const DEPTH: usize = 64;
const PATTERN: u8 = 0xa5;

/// `SYS_DIR_CQ_ADDR_L` of queue 0 in the register BAR: its page, and where in it.
const DIR_CQ_ADDR_PAGE: i64 = 0x1000_0000;
const DIR_CQ_ADDR: usize = 0xfc0;

/// A number that the emulated device counts.
fn counter(name: &str) -> Result<u64, String> {
    let done = Command::new("qmp")
        .args(["get", "/machine/peripheral/dlb0", "stats"])
        .output()
        .map_err(|e| format!("qmp: {e}"))?;
    let text = String::from_utf8_lossy(&done.stdout).replace('\\', "");
    let at = text
        .split_once(&format!("\"{name}\":"))
        .ok_or_else(|| format!("no {name} in {text}"))?
        .1;
    let digits: String = at
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().map_err(|_| format!("{name} is no number"))
}

/// Physical address of a page that this process has mapped.
fn physical(page: &Map) -> Result<u64, String> {
    let pagemap = File::open("/proc/self/pagemap").map_err(|e| format!("pagemap: {e}"))?;
    let mut entry = [0; 8];
    pagemap
        .read_exact_at(&mut entry, (page.at as usize / PAGE * 8) as u64)
        .map_err(|e| format!("pagemap: {e}"))?;
    let entry = u64::from_le_bytes(entry);
    ensure!(entry >> 63 == 1, "the page is not present");
    Ok((entry & ((1 << 55) - 1)) * PAGE as u64)
}

/// Whether there is memory at a physical address.
fn is_memory(address: u64) -> Result<bool, String> {
    let map = tree::read("/proc/iomem".as_ref()).map_err(|e| format!("iomem: {e}"))?;
    let mut memory = map
        .lines()
        .filter(|l| l.ends_with(": System RAM"))
        .peekable();
    ensure!(memory.peek().is_some(), "no memory in /proc/iomem");
    for line in memory {
        let range = line
            .split(" : ")
            .next()
            .and_then(|r| r.trim().split_once('-'));
        let (first, last) = range.ok_or_else(|| format!("iomem: {line:?}"))?;
        let number = |n| u64::from_str_radix(n, 16).map_err(|_| format!("iomem: {line:?}"));
        if (number(first)?..=number(last)?).contains(&address) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A page with a pattern, which nobody has a reason to write to.
fn victim() -> Result<Map, String> {
    let zero = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/zero")
        .map_err(|e| format!("/dev/zero: {e}"))?;
    let page = Map::new(
        &zero,
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_LOCKED | libc::MAP_POPULATE,
        PAGE,
        0,
    )?;
    // SAFETY: The page is this process's own and writable.
    unsafe { page.at.write_bytes(PATTERN, PAGE) };
    Ok(page)
}

/// Bytes of the page that are not what was put there.
fn damage(page: &Map) -> usize {
    (0..PAGE)
        // SAFETY: The page is mapped for the life of `page`; somebody else may write it.
        .filter(|&i| unsafe { page.at.add(i).read_volatile() } != PATTERN)
        .count()
}

/// The registers with the address of the only directed consumer queue there is.
struct CqAddress(Map);

impl CqAddress {
    fn find(dev: &Device) -> Result<Self, String> {
        let bar = OpenOptions::new()
            .read(true)
            .write(true)
            .open(dev.obj.file("resource2"))
            .map_err(|e| format!("resource2: {e}"))?;
        let ports = if dev.is_v25() { 96 } else { 64 };
        let mut found = Vec::new();
        for port in 0..ports {
            let page = Map::new(
                &bar,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                PAGE,
                DIR_CQ_ADDR_PAGE + port * PAGE as i64,
            )?;
            let address = Self(page);
            if address.get() != 0 {
                found.push(address);
            }
        }
        ensure_eq!(found.len(), 1, "directed consumer queues with an address");
        found.pop().ok_or_else(|| "none".into())
    }

    fn at(&self) -> *mut u32 {
        // SAFETY: The offset lies in the mapped page, and is aligned.
        unsafe { self.0.at.add(DIR_CQ_ADDR).cast() }
    }

    fn get(&self) -> u64 {
        // SAFETY: Both registers lie in the mapped page.
        let (low, high) = unsafe { (self.at().read_volatile(), self.at().add(1).read_volatile()) };
        u64::from(high) << 32 | u64::from(low)
    }

    fn set(&self, address: u64) {
        // SAFETY: As above. What the device does with it is what this test is about.
        unsafe {
            self.at().add(1).write_volatile((address >> 32) as u32);
            self.at().write_volatile(address as u32);
        }
    }
}

/// A domain whose one port receives what it sends.
fn mirror(name: &str) -> Result<(Domain, Port, u8), String> {
    let d = Domain::make(name)?;
    d.add("dir_queues", "q")?;
    d.add("dir_ports", "port")?.set("queue", "q")?;
    d.enable().map_err(|e| why(&d, e))?;
    let qid = d.on("dir_queues", "q").get("id")?;
    let qid = qid.parse().map_err(|_| format!("id {qid:?}"))?;
    let port = Port::open(&d.node("port"), DEPTH)?;
    Ok((d, port, qid))
}

fn pass(port: &mut Port, qid: u8, data: u64) -> Outcome {
    port.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, data));
    ensure_eq!(
        port.pop_within(SOON).map(|e| e.data),
        Some(data),
        "an event"
    );
    port.push(Hcw::tokens(1));
    Ok(())
}

/// Lines of the kernel log that report a fault of the IOMMU.
fn faults_reported() -> Result<usize, String> {
    let log = Command::new("dmesg")
        .output()
        .map_err(|e| format!("dmesg: {e}"))?;
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    Ok(log
        .lines()
        .filter(|l| l.contains("DMAR") && l.contains("fault addr"))
        .count())
}

/// How the IOMMU treats the device: its group's directory, and the kind of translation.
fn group(dev: &Device) -> Result<(PathBuf, String), String> {
    // By its real name: the driver's link to the device goes when it is unbound.
    let dir = dev
        .obj
        .file("iommu_group")
        .canonicalize()
        .map_err(|e| format!("iommu_group: {e}"))?;
    let kind = tree::read(&dir.join("type")).map_err(|e| format!("iommu_group/type: {e}"))?;
    Ok((dir, kind))
}

/// The address that the device is given is not the memory's own.
fn translated() -> Outcome {
    let dev = Device::first()?;
    let (_, kind) = group(&dev)?;
    ensure!(
        kind.starts_with("DMA"),
        "the IOMMU does not translate: {kind}"
    );
    let (d, mut port, qid) = mirror("translated")?;
    for i in 0..1000 {
        pass(&mut port, qid, i)?;
    }
    let given = CqAddress::find(&dev)?.get();
    // The pages of a port are not to be had from pagemap. What is not memory is no address of theirs.
    ensure!(
        !is_memory(given)?,
        "the device was given {given:#x}, which is memory"
    );
    ensure_eq!(counter("dma_faults")?, 0, "faults");
    drop(port);
    d.disable()?;
    dev.soon_all_free(SOON)
}

/// Aims a consumer queue at a page of this process, and sends; returns how much of it changed.
fn attack(name: &str) -> Result<usize, String> {
    let dev = Device::first()?;
    let (d, mut port, qid) = mirror(name)?;
    pass(&mut port, qid, 1)?;
    let page = victim()?;
    let target = physical(&page)?;
    let register = CqAddress::find(&dev)?;
    let given = register.get();
    let before = counter("dma_writes")?;
    register.set(target);
    ensure_eq!(register.get(), target, "the register");
    const EVENTS: u64 = 8;
    for i in 0..EVENTS {
        port.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, i));
    }
    // That the device has tried is what it counts itself.
    let until = Instant::now() + SOON;
    while counter("dma_writes")? < before + EVENTS {
        ensure!(
            Instant::now() < until,
            "the device did not schedule the events"
        );
    }
    register.set(given);
    ensure!(
        !port.ready(),
        "an entry came to the queue that the device was turned away from"
    );
    let hurt = damage(&page);
    drop(port);
    d.disable().map_err(|e| why(&d, e))?;
    dev.soon_all_free(SOON)?;
    Ok(hurt)
}

/// With the IOMMU nothing of the page changes, the fault is reported, and the device goes on.
fn confined() -> Outcome {
    let (faults, reports) = (counter("dma_faults")?, faults_reported()?);
    let hurt = attack("confined")?;
    ensure_eq!(
        hurt,
        0,
        "bytes that changed in memory which the device was not given"
    );
    let (faults, reports) = (
        counter("dma_faults")? - faults,
        faults_reported()? - reports,
    );
    ensure!(faults > 0, "the device was not stopped");
    ensure!(reports > 0, "the IOMMU reported nothing");
    println!("# {faults} writes stopped, {reports} reported");
    translated_still()
}

fn translated_still() -> Outcome {
    let (d, mut port, qid) = mirror("after")?;
    for i in 0..100 {
        pass(&mut port, qid, i)?;
    }
    drop(port);
    d.disable()?;
    Ok(())
}

/// The same without translation does change the page: the attack is a real one.
fn unconfined() -> Outcome {
    let dev = Device::first()?;
    let (dir, kind) = group(&dev)?;
    dev.unbind()?;
    tree::put(&dir.join("type"), b"identity").map_err(|e| format!("identity: {e}"))?;
    dev.bind()?;
    let have = attack("unconfined");
    dev.unbind()?;
    tree::put(&dir.join("type"), kind.as_bytes()).map_err(|e| format!("{kind}: {e}"))?;
    dev.bind()?;
    let hurt = have?;
    ensure!(hurt > 0, "no byte changed, though nothing was in the way");
    println!("# {hurt} bytes changed");
    translated_still()
}

pub fn run(suite: &mut Suite) {
    suite.case("the device's addresses are translated", translated);
    suite.case(
        "memory that the device was not given stays as it is",
        confined,
    );
    suite.case("without translation it does not", unconfined);
    suite.case("the log is clean", tree::log_is_clean);
}
