// SPDX-License-Identifier: GPL-2.0

//! One kernel hands the machine to the next under traffic: the device must be quiet by then.
//!
//! The suite is run twice. The first kernel enables a domain, sends events and starts the second
//! one, with the same file system and command: that one finds a word on its command line, and looks
//! at the device before it loads the module.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use crate::enable::{small, why};
use crate::errno;
use crate::ktap::{Outcome, Suite};
use crate::port::{cmd, Hcw, Port, Sched};
use crate::proc::{Child, Pipe};
use crate::tree::{self, Device};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(20);

/// The word on the command line of the second kernel.
const SECOND: &str = "dlb_second";

/// The line of the device's state that tells which ports can be scheduled to.
fn scheduler() -> Result<String, String> {
    let out = Command::new("qmp")
        .args(["get", "/machine/peripheral/dlb0", "snapshot"])
        .output()
        .map_err(|e| format!("qmp: {e}"))?;
    let text = String::from_utf8_lossy(&out.stdout);
    text.lines()
        .find(|line| line.starts_with("lsp: "))
        .map(str::to_owned)
        .ok_or(format!("no state of the device: {text}"))
}

fn quiet(state: &str) -> bool {
    state.starts_with("lsp: cq_ok 0x0 q_ok 0x0 ")
}

/// Leaves for the next kernel; comes back only if that fails.
fn leave() -> Outcome {
    crate::module::insert().map_err(|e| format!("insmod: {e}"))?;
    let pack = "cd / && find . -xdev ! -path ./vmlinuz ! -path './tmp/*' | \
                cpio -o -H newc > /tmp/initrd 2> /dev/null";
    let packed = Command::new("sh").args(["-c", pack]).status();
    ensure!(
        packed.is_ok_and(|s| s.success()),
        "the file system could not be packed"
    );
    let open = |path: &str| File::open(path).map_err(|e| format!("{path}: {e}"));
    let (kernel, initrd) = (open("/vmlinuz")?, open("/tmp/initrd")?);
    let old = fs::read_to_string("/proc/cmdline").map_err(|e| e.to_string())?;
    let line = format!("{} {SECOND}\0", old.trim());
    // SAFETY: The files are open, and the length of the command line includes its end.
    let done = unsafe {
        libc::syscall(
            libc::SYS_kexec_file_load,
            kernel.as_raw_fd(),
            initrd.as_raw_fd(),
            line.len(),
            line.as_ptr(),
            0usize,
        )
    };
    ensure!(done == 0, "kexec_file_load: {}", errno::last());

    let d = small("last")?;
    d.enable().map_err(|e| why(&d, e))?;
    let qid: u8 = d
        .on("dir_queues", "dirq")
        .get("id")?
        .parse()
        .map_err(|_| "id")?;
    let ready = Pipe::new()?;
    let to = ready.to;
    let (source, sink) = (d.node("source"), d.node("sink"));
    let _sender = Child::run(move || {
        let (Ok(source), Ok(mut sink)) = (Port::open(&source, 64), Port::open(&sink, 64)) else {
            return 1;
        };
        for n in 0u64.. {
            source.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, n));
            if sink.pop().is_some() {
                sink.push(Hcw::tokens(1));
            }
            if n == 100 {
                (Pipe { from: -1, to }).send(1);
            }
        }
        0
    })?;
    ensure!(ready.receive(SOON).is_some(), "no events");
    let state = scheduler()?;
    ensure!(
        !quiet(&state),
        "the device is quiet before it has to be: {state}"
    );
    println!("# before: {state}");
    // SAFETY: Starts the kernel that was loaded, or fails.
    unsafe {
        libc::syscall(
            libc::SYS_reboot,
            libc::LINUX_REBOOT_MAGIC1,
            libc::LINUX_REBOOT_MAGIC2,
            libc::LINUX_REBOOT_CMD_KEXEC,
            0,
        )
    };
    Err(format!("kexec: {}", errno::last()))
}

fn found_quiet() -> Outcome {
    let state = scheduler()?;
    println!("# after: {state}");
    ensure!(quiet(&state), "the device still schedules: {state}");
    Ok(())
}

fn found_working() -> Outcome {
    crate::module::insert().map_err(|e| format!("insmod: {e}"))?;
    let dev = Device::first()?;
    dev.all_free()?;
    let d = small("next")?;
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
    Ok(())
}

pub fn run(t: &mut Suite) {
    let second = fs::read_to_string("/proc/cmdline").is_ok_and(|line| line.contains(SECOND));
    if second {
        t.case("the next kernel finds a quiet device", found_quiet);
        t.case("the next kernel can use it", found_working);
        t.case("the kernel log is clean", tree::log_is_clean);
    } else {
        t.case("a kernel is left for the next", leave);
    }
}
