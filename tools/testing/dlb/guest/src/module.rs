// SPDX-License-Identifier: GPL-2.0

//! Loading and unloading the module, refused or safe at every step.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::enable::{small, why};
use crate::ensure;
use crate::errno::{self, Errno};
use crate::ktap::{Outcome, Suite};
use crate::port::Port;
use crate::proc::{Child, Dice};
use crate::tree::{self, Device, Domain};

/// Where the module's file is in the guest.
fn image() -> String {
    std::env::var("DLB_KO").unwrap_or_else(|_| "/dlb.ko".into())
}

pub fn insert() -> Result<(), Errno> {
    let file = File::open(image())?;
    // SAFETY: finit_module reads the file and the string, both of which outlive the call.
    let done = unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) };
    if done < 0 {
        return Err(errno::last());
    }
    Ok(())
}

pub fn remove() -> Result<(), Errno> {
    let name = CString::new("dlb").map_err(|_| errno::EINVAL)?;
    // SAFETY: The string outlives the call; O_NONBLOCK makes a module in use an error.
    let done = unsafe { libc::syscall(libc::SYS_delete_module, name.as_ptr(), libc::O_NONBLOCK) };
    if done < 0 {
        return Err(errno::last());
    }
    // A kernel that holds kobjects back to find those who do not wait for them
    // (DEBUG_KOBJECT_RELEASE) keeps the directory of any removed driver for up to four seconds.
    let since = Instant::now();
    while debug_kernel()
        && Path::new(tree::DRIVER).exists()
        && since.elapsed() < Duration::from_secs(10)
    {
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn debug_kernel() -> bool {
    tree::read(Path::new("/proc/sys/kernel/osrelease")).is_ok_and(|r| r.ends_with("-debug"))
}

pub fn loaded() -> bool {
    Path::new("/sys/module/dlb").exists()
}

/// Loads the module again whatever the case did.
struct Reload;

impl Drop for Reload {
    fn drop(&mut self) {
        if !loaded() {
            let _ = insert();
        }
    }
}

/// The kernel's word for "in use" is EAGAIN (`rmmod` turns it into a sentence).
fn refused(when: &str) -> Outcome {
    let have = remove();
    ensure!(
        have == Err(errno::EAGAIN) || have == Err(errno::EBUSY),
        "rmmod {when}: {have:?}"
    );
    Ok(())
}

fn in_use() -> Outcome {
    let _reload = Reload;
    let dev = Device::first()?;
    let d = Domain::make("pin")?;
    refused("with an empty domain")?;
    drop(d);
    let d = small("pin")?;
    refused("with a described domain")?;
    d.enable().map_err(|e| why(&d, e))?;
    refused("with an enabled domain")?;
    let port = Port::open(&d.node("sink"), 64)?;
    refused("with a mapped port")?;
    d.disable()?;
    d.remove()?;
    refused("with a revoked file open")?;
    drop(port);
    dev.soon_all_free(Duration::from_secs(10))?;
    let d = small("pin")?;
    dev.unbind()?;
    refused("with a domain and no device")?;
    d.remove()?;
    drop(d);
    remove().map_err(|e| format!("rmmod with nothing in use: {e}"))?;
    insert().map_err(|e| format!("insmod: {e}"))
}

/// Nothing of the driver is left anywhere when it is gone.
fn leaves_nothing() -> Outcome {
    let _reload = Reload;
    remove().map_err(|e| format!("rmmod: {e}"))?;
    for path in [
        tree::ROOT,
        tree::DRIVER,
        "/dev/dlb0",
        "/sys/module/dlb",
        "/sys/class/dlb",
    ] {
        ensure!(!Path::new(path).exists(), "{path} is left");
    }
    let mut devices = String::new();
    File::open("/proc/devices")
        .and_then(|mut f| f.read_to_string(&mut devices))
        .map_err(Errno::from)?;
    ensure!(
        !devices.contains("dlb"),
        "a character device number is left:\n{devices}"
    );
    let mut interrupts = String::new();
    File::open("/proc/interrupts")
        .and_then(|mut f| f.read_to_string(&mut interrupts))
        .map_err(Errno::from)?;
    ensure!(
        !interrupts.contains("dlb"),
        "an interrupt is left:\n{interrupts}"
    );
    insert().map_err(|e| format!("insmod: {e}"))
}

fn many_times() -> Outcome {
    let _reload = Reload;
    for round in 0..10 {
        let d = small("cycle")?;
        d.enable()
            .map_err(|e| format!("round {round}: {}", why(&d, e)))?;
        drop(d);
        remove().map_err(|e| format!("round {round}: rmmod: {e}"))?;
        insert().map_err(|e| format!("round {round}: insmod: {e}"))?;
    }
    Ok(())
}

/// Files of configfs and sysfs that are open outlive the objects, and rmmod waits or is refused.
fn open_attributes() -> Outcome {
    let _reload = Reload;
    let dev = Device::first()?;
    let d = small("held")?;
    let mut held = File::options()
        .read(true)
        .write(true)
        .open(d.obj.file("state"))
        .or_else(|_| File::open(d.obj.file("state")))
        .map_err(Errno::from)?;
    let mut enable = File::options()
        .write(true)
        .open(d.obj.file("enable"))
        .map_err(Errno::from)?;
    let total = dev.obj.file("total_resources").join("num_ldb_queues");
    let mut total = File::open(total).map_err(Errno::from)?;
    let root = File::open(tree::ROOT).map_err(Errno::from)?;
    d.remove()?;
    let mut text = String::new();
    let _ = held.read_to_string(&mut text);
    ensure!(
        enable.write(b"1\n").is_err(),
        "a removed domain could be enabled"
    );
    dev.all_free()?;
    let first = remove();
    drop((held, enable));
    if first.is_err() {
        remove().map_err(|e| format!("rmmod after the files were closed: {e}"))?;
    }
    let _ = total.rewind();
    ensure!(
        total.read_to_string(&mut text).is_err(),
        "sysfs of a device without its driver"
    );
    drop((total, root));
    insert().map_err(|e| format!("insmod: {e}"))
}

/// Loading and unloading while others try to use what comes and goes.
fn under_fire() -> Outcome {
    let _reload = Reload;
    let mut users = Vec::new();
    for who in 0..2 {
        users.push(Child::run(move || {
            let mut dice = Dice::new(who + 31);
            for n in 0u32.. {
                // Time without a directory, so that rmmod has a chance now and then.
                dice.nap(20_000);
                let Ok(d) = small(&format!("fire{who}.{n}")) else {
                    let _ =
                        tree::remove_tree(&Path::new(tree::ROOT).join(format!("fire{who}.{n}")));
                    continue;
                };
                let _ = d.enable();
                let _ = Port::open(&d.node("sink"), 64).map(|p| p.ready());
            }
            0
        })?);
    }
    let (mut out, mut busy) = (0, 0);
    // Where one round takes as long as this, it goes on until it has met both.
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(8)
        || (out == 0 || busy == 0) && since.elapsed() < Duration::from_secs(300)
    {
        match remove() {
            Ok(()) => {
                out += 1;
                insert().map_err(|e| format!("insmod: {e}"))?;
            }
            Err(_) => busy += 1,
        }
    }
    println!("# rmmod succeeded {out} times and was refused {busy} times");
    ensure!(out > 0 && busy > 0, "rmmod met only one of the two");
    drop(users);
    for name in tree::names(Path::new(tree::ROOT))? {
        let path = Path::new(tree::ROOT).join(name);
        let _ = tree::put(&path.join("enable"), b"0\n");
        tree::remove_tree(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Device::first()?.soon_all_free(Duration::from_secs(10))
}

pub fn run(t: &mut Suite) {
    t.case("refused while in use", in_use);
    t.case("leaves nothing", leaves_nothing);
    t.case("many times", many_times);
    t.case("with attribute files open", open_attributes);
    t.case("under fire", under_fire);
    t.case("the kernel log is clean", tree::log_is_clean);
}
