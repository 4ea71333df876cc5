// SPDX-License-Identifier: GPL-2.0

//! Every allocation fails once: what was asked for is refused, and nothing is left behind.
//!
//! The kernel must have been built with FAILSLAB and FAIL_PAGE_ALLOC, which make the Nth allocation
//! of a task fail when the task asks for it. The search for leaks of memory itself is left to
//! kmemleak: on the debug kernel it is run when the guest ends.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use crate::enable::small;
use crate::errno::{self, Errno};
use crate::ktap::{Outcome, Suite};
use crate::port::{self, Map};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(10);

/// More allocations than anything here makes: a loop that gets here does not end.
const MANY: u32 = 5000;

/// Makes allocations of this process fail.
struct Failer(File);

impl Failer {
    fn new() -> Result<Self, String> {
        Self::down_to(0)
    }

    /// One for what maps the registers: with KASAN that takes thousands of pages for its shadow,
    /// of which nothing new is learned.
    fn for_mappings() -> Result<Self, String> {
        let kasan = fs::read_to_string("/proc/kallsyms")
            .map_err(|e| format!("/proc/kallsyms: {e}"))?
            .contains(" kasan_report\n");
        Self::down_to(u32::from(kasan))
    }

    /// Makes allocations from slabs fail, and those of pages of at least this order.
    fn down_to(order: u32) -> Result<Self, String> {
        let order = order.to_string();
        let knobs = [
            ("failslab/ignore-gfp-wait", "N"),
            ("fail_page_alloc/ignore-gfp-wait", "N"),
            ("fail_page_alloc/ignore-gfp-highmem", "N"),
            ("fail_page_alloc/min-order", order.as_str()),
            // The stack of every allocation that fails is not wanted in the log.
            ("failslab/verbose", "0"),
            ("fail_page_alloc/verbose", "0"),
            ("failslab/cache-filter", "Y"),
        ];
        for (knob, value) in knobs {
            let path = Path::new("/sys/kernel/debug").join(knob);
            tree::put(&path, value.as_bytes()).map_err(|e| format!("{}: {e}", path.display()))?;
        }
        // The kernel warns when it removes the directory of an interrupt in /proc that it could not
        // fill: those entries have a cache of their own, and are spared. So is what the debug
        // kernel uses to watch others.
        const SPARED: [&str; 4] = [
            "proc_dir_entry",
            "kmemleak_object",
            "kmemleak_scan_area",
            "debug_objects_cache",
        ];
        let caches = Path::new("/sys/kernel/slab");
        for cache in tree::names(caches).map_err(|e| format!("{}: {e}", caches.display()))? {
            let spared = SPARED.contains(&cache.as_str());
            let file = caches.join(&cache).join("failslab");
            tree::put(&file, if spared { b"0" } else { b"1" })
                .map_err(|e| format!("{}: {e}", file.display()))?;
        }
        OpenOptions::new()
            .read(true)
            .write(true)
            .open("/proc/self/fail-nth")
            .map(Self)
            .map_err(|e| format!("/proc/self/fail-nth: {e}"))
    }

    fn set(&mut self, nth: u32) -> Outcome {
        self.0
            .write_all(nth.to_string().as_bytes())
            .map_err(|e| format!("fail-nth: {e}"))
    }

    /// Calls `act` and makes its `nth` allocation fail. Tells whether there were so many.
    fn with<T>(&mut self, nth: u32, act: impl FnOnce() -> T) -> Result<(bool, T), String> {
        self.set(nth)?;
        let value = act();
        let mut left = [0u8; 16];
        // The file cannot be rewound.
        let n = self
            .0
            .read_at(&mut left, 0)
            .map_err(|e| format!("fail-nth: {e}"))?;
        let failed = left[..n].trim_ascii() == b"0";
        self.set(0)?;
        Ok((failed, value))
    }

    /// Does something again and again, until each of its allocations has failed once. `check` is
    /// called after each time, with what came of it. Besides ENOMEM the kernel may say `also`.
    fn each<T>(
        &mut self,
        what: &str,
        also: &[Errno],
        mut act: impl FnMut() -> Result<T, Errno>,
        mut check: impl FnMut(Result<T, Errno>) -> Outcome,
    ) -> Outcome {
        let mut refused = 0;
        for nth in 1..MANY {
            let (failed, have) = self.with(nth, &mut act)?;
            match &have {
                Err(e) if failed && (*e == errno::ENOMEM || also.contains(e)) => refused += 1,
                // There is memory that the kernel can do without.
                Ok(_) => {}
                Err(e) => {
                    return Err(format!(
                        "{what}, allocation {nth} {}: {e}",
                        if failed { "fails" } else { "never comes" }
                    ))
                }
            }
            check(have).map_err(|e| format!("{what}, after allocation {nth} failed: {e}"))?;
            if !failed {
                println!("# {what}: {} allocations, {refused} refusals", nth - 1);
                ensure!(refused != 0, "{what} never failed");
                return Ok(());
            }
        }
        Err(format!("{what}: there is no end to it"))
    }
}

/// One write(2) to a file that is open, so that only what the driver does is made to fail.
fn write(mut file: &File, bytes: &[u8]) -> Result<(), Errno> {
    match file.write(bytes) {
        Ok(n) if n == bytes.len() => Ok(()),
        Ok(_) => Err(errno::EIO),
        Err(e) => Err(e.into()),
    }
}

fn open(path: &Path) -> Result<File, String> {
    OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// What a device that is not bound must not hold any more.
fn nothing_held(address: &str, before: &[String; 2]) -> Outcome {
    ensure!(Device::all().is_empty(), "the device is listed");
    ensure!(!Path::new("/dev/dlb0").exists(), "/dev/dlb0 is there");
    for file in ["/proc/iomem", "/proc/interrupts"] {
        let text = fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
        if let Some(line) = text.lines().find(|line| line.contains("dlb")) {
            return Err(format!("{file} still has: {line}"));
        }
    }
    let now = state_of(address)?;
    ensure_eq!(&now, before, "enable and runtime_usage");
    Ok(())
}

/// How often a device is enabled, and how often kept awake.
fn state_of(address: &str) -> Result<[String; 2], String> {
    let dir = Path::new("/sys/bus/pci/devices").join(address);
    let read = |name| tree::read(&dir.join(name)).map_err(|e| format!("{name}: {e}"));
    Ok([read("enable")?, read("power/runtime_usage")?])
}

fn probe() -> Outcome {
    let dev = Device::first()?;
    dev.unbind()?;
    let have = probes(&dev);
    if Device::all().is_empty() {
        dev.bind()?;
    }
    have?;
    works()
}

fn probes(dev: &Device) -> Outcome {
    let mut failer = Failer::for_mappings()?;
    let before = state_of(&dev.address)?;
    nothing_held(&dev.address, &before)?;
    let bind = open(&Path::new(tree::DRIVER).join("bind"))?;
    failer.each(
        "bind",
        // What the PCI core says when it cannot claim a BAR or make vectors.
        &[errno::EBUSY, errno::ENODEV, errno::ENOSPC],
        || write(&bind, dev.address.as_bytes()),
        |have| {
            if have.is_ok() {
                dev.all_free()?;
                dev.unbind()?;
            }
            nothing_held(&dev.address, &before)
        },
    )
}

/// A domain can be built and taken down.
fn works() -> Outcome {
    let d = small("works")?;
    d.enable()?;
    drop(d);
    Device::first()?.soon_all_free(SOON)
}

/// A domain with several of everything.
fn larger(name: &str) -> Result<Domain, Errno> {
    let d = small(name)?;
    d.add("ldb_queues", "second")?;
    d.add("ldb_queues", "ordered")?
        .set("num_sequence_numbers", 64)?;
    let port = d.add("ldb_ports", "other")?;
    port.set("cq_depth", 1024)?;
    port.set("links", "second:1 ordered:2")?;
    Ok(d)
}

fn enable() -> Outcome {
    let mut failer = Failer::new()?;
    let dev = Device::first()?;
    let d = larger("poor")?;
    let file = open(&d.obj.file("enable"))?;
    failer.each(
        "enable",
        &[],
        || write(&file, b"1"),
        |have| {
            if have.is_ok() {
                ensure_eq!(d.get("state")?, "enabled", "state");
                d.disable()?;
            }
            ensure!(d.get("state")? != "enabled", "it is enabled");
            ensure!(!d.dir().exists(), "device files are left");
            dev.all_free()
        },
    )?;
    drop(d);
    works()
}

/// An enabled domain loses nothing when a change to it fails.
fn change() -> Outcome {
    let mut failer = Failer::new()?;
    let d = larger("changing")?;
    d.enable()?;
    let links = d.on("ldb_ports", "other");
    let file = open(&links.file("links"))?;
    failer.each(
        "exchange of links",
        &[],
        || write(&file, b"ldbq:3 ordered:2"),
        |have| {
            let now = links.get("links")?;
            ensure_eq!(
                now,
                if have.is_ok() {
                    "ldbq:3 ordered:2"
                } else {
                    "second:1 ordered:2"
                },
                "links"
            );
            Ok(links.set("links", "second:1 ordered:2")?)
        },
    )?;
    let stop = open(&d.obj.file("enable"))?;
    let dev = Device::first()?;
    failer.each(
        "disable",
        &[],
        || write(&stop, b"0"),
        |have| {
            if have.is_ok() {
                dev.all_free()?;
                d.enable()?;
            }
            ensure_eq!(d.get("state")?, "enabled", "state");
            Ok(())
        },
    )
}

/// The life of a directory.
fn describe() -> Outcome {
    let mut failer = Failer::new()?;
    let path = Path::new(tree::ROOT).join("lean");
    failer.each(
        "mkdir of a domain",
        &[],
        || Ok(fs::create_dir(&path)?),
        |have| {
            ensure_eq!(path.exists(), have.is_ok(), "the directory is there");
            if have.is_ok() {
                tree::remove_tree(&path)?;
            }
            Ok(())
        },
    )?;
    let d = Domain::make("lean")?;
    for shelf in tree::SHELVES {
        let path = d.on(shelf, "x").0;
        failer.each(
            &format!("mkdir in {shelf}"),
            &[],
            || Ok(fs::create_dir(&path)?),
            |have| {
                ensure_eq!(path.exists(), have.is_ok(), "the directory is there");
                if have.is_ok() {
                    fs::remove_dir(&path).map_err(|e| e.to_string())?;
                }
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// Opening, mapping and using the files of a port.
fn files() -> Outcome {
    let mut failer = Failer::new()?;
    let d = small("files")?;
    d.enable()?;
    for name in ["worker", "alerts"] {
        let node = d.node(name);
        failer.each(
            &format!("open of {name}"),
            &[],
            || Ok(OpenOptions::new().read(true).write(true).open(&node)?),
            |_| Ok(()),
        )?;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(d.node("worker"))
        .map_err(|e| e.to_string())?;
    for (what, prot, offset) in [
        ("the producer page", libc::PROT_READ | libc::PROT_WRITE, 0),
        ("the consumer queue", libc::PROT_READ, port::PAGE as i64),
    ] {
        failer.each(
            &format!("mmap of {what}"),
            &[],
            || Map::new(&file, prot, libc::MAP_SHARED, port::PAGE, offset),
            |_| Ok(()),
        )?;
    }
    drop(file);
    d.disable()?;
    Device::first()?.soon_all_free(SOON)
}

pub fn run(t: &mut Suite) {
    t.case("bind", probe);
    t.case("enable", enable);
    t.case("change and disable", change);
    t.case("describe", describe);
    t.case("files", files);
    t.case("the kernel log is clean", tree::log_is_clean);
}
