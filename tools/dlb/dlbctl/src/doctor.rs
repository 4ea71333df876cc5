// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! `doctor`: why it does not work here, and what to do about it.

use std::path::Path;

use dlb_config::system::{self, CONFIGFS, DRIVER};
use serde_json::json;

use crate::show::kind;
use crate::{screen, Context, Error};

/// The IDs of the functions that the driver knows.
const IDS: [&str; 4] = ["0x2710", "0x2711", "0x2714", "0x2715"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finding {
    Well,
    Odd,
    Wrong,
}

#[derive(Default)]
struct Report(Vec<(Finding, String, String)>);

impl Report {
    fn well(&mut self, what: impl ToString) {
        self.0
            .push((Finding::Well, what.to_string(), String::new()));
    }

    fn odd(&mut self, what: impl ToString, remedy: &str) {
        self.0
            .push((Finding::Odd, what.to_string(), remedy.to_string()));
    }

    fn wrong(&mut self, what: impl ToString, remedy: &str) {
        self.0
            .push((Finding::Wrong, what.to_string(), remedy.to_string()));
    }
}

pub(crate) fn doctor(context: &mut Context<'_>) -> Result<(), Error> {
    let mut report = Report::default();
    kernel(context, &mut report);
    let there = hardware(context, &mut report);
    module(context, &mut report, there);
    configfs(context, &mut report);
    devices(context, &mut report);
    domains(context, &mut report);

    let wrong = report
        .0
        .iter()
        .filter(|(finding, ..)| *finding == Finding::Wrong)
        .count();
    let word = |finding: Finding| match finding {
        Finding::Well => "ok",
        Finding::Odd => "odd",
        Finding::Wrong => "wrong",
    };
    if context.json {
        let list: Vec<_> = report
            .0
            .iter()
            .map(|(finding, what, remedy)| {
                json!({ "finding": word(*finding), "what": what, "remedy": remedy })
            })
            .collect();
        context.print_json(&json!({ "findings": list }))?;
    } else {
        for (finding, what, remedy) in &report.0 {
            if context.quiet && *finding == Finding::Well {
                continue;
            }
            let colours = context.terminal && std::env::var_os("NO_COLOR").is_none();
            let (on, off) = match (colours, finding) {
                (false, _) | (_, Finding::Well) => ("", ""),
                (true, Finding::Odd) => ("\x1b[33m", "\x1b[0m"),
                (true, Finding::Wrong) => ("\x1b[31m", "\x1b[0m"),
            };
            let width = match context.terminal {
                true => screen::size().0.saturating_sub(6).max(20),
                false => usize::MAX,
            };
            let mut head = word(*finding);
            let (mut on, mut off) = (on, off);
            for line in screen::wrap(what, width)
                .into_iter()
                .chain(screen::wrap(remedy, width))
            {
                writeln!(context.out, "{on}{head:<6}{off}{line}")?;
                (head, on, off) = ("", "", "");
            }
        }
    }
    match wrong {
        0 => Ok(()),
        1 => Err(Error::unwell("one thing is wrong")),
        _ => Err(Error::unwell(format!("{wrong} things are wrong"))),
    }
}

fn kernel(context: &Context<'_>, report: &mut Report) {
    let Ok(release) = context.files.read(Path::new("/proc/sys/kernel/osrelease")) else {
        report.odd("the kernel does not say what it is", "mount proc on /proc");
        return;
    };
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    let mut part = || {
        parts
            .next()
            .and_then(|part| part.parse::<u32>().ok())
            .unwrap_or(0)
    };
    if (part(), part()) >= (7, 2) {
        report.well(format!("kernel {release}"));
    } else {
        report.wrong(
            format!("kernel {release} is too old"),
            "the driver needs Linux 7.2 or later, built with Rust",
        );
    }
}

/// Whether there is a function that the driver could have.
fn hardware(context: &Context<'_>, report: &mut Report) -> bool {
    let dir = Path::new("/sys/bus/pci/devices");
    let mut there = false;
    for address in context.files.directories(dir).unwrap_or_default() {
        let read = |name: &str| context.files.read(&dir.join(&address).join(name)).ok();
        let known = read("device").is_some_and(|id| IDS.contains(&id.as_str()));
        if read("vendor").as_deref() != Some("0x8086") || !known {
            continue;
        }
        there = true;
        let bound = Path::new(DRIVER).join(&address);
        if context.files.exists(&bound) {
            if !context.files.exists(&bound.join("dev_id")) {
                report.odd(
                    format!("{address} is just being set up, or given up"),
                    "look again",
                );
            }
            continue;
        }
        if context.files.exists(&dir.join(&address).join("driver")) {
            report.odd(
                format!("{address} belongs to another driver"),
                "unbind it there and bind it to dlb, unless that driver shall have it",
            );
        } else {
            report.wrong(
                format!("{address} has no driver"),
                "load the module dlb (modprobe dlb); if it is loaded, the kernel log says why not",
            );
        }
    }
    if !there {
        report.wrong(
            "there is no DLB device in this machine",
            "it is part of some Xeon processors and may be off in the firmware; a virtual machine \
             needs to be given one",
        );
    }
    there
}

fn module(context: &Context<'_>, report: &mut Report, there: bool) {
    if context.files.exists(Path::new("/sys/module/dlb")) {
        report.well("module dlb is loaded");
    } else if context.files.exists(Path::new("/sys/module/dlb2")) {
        report.wrong("Intel's module dlb2 is loaded", "rmmod dlb2; modprobe dlb");
    } else if there {
        report.wrong("module dlb is not loaded", "modprobe dlb");
    }
}

fn configfs(context: &Context<'_>, report: &mut Report) {
    let mounts = context
        .files
        .read(Path::new("/proc/mounts"))
        .unwrap_or_default();
    let mounted = mounts
        .lines()
        .any(|line| line.contains(" /sys/kernel/config configfs"));
    if !mounted {
        report.wrong(
            "configfs is not mounted",
            "mount -t configfs configfs /sys/kernel/config",
        );
        return;
    }
    if !context.files.exists(Path::new(CONFIGFS)) {
        report.wrong(
            "there is no directory for domains in configfs",
            "modprobe dlb",
        );
        return;
    }
    let path = context.root.join(CONFIGFS.trim_start_matches('/'));
    match rustix::fs::access(&path, rustix::fs::Access::WRITE_OK) {
        Ok(()) => report.well("domains can be made"),
        Err(_) => report.odd(
            "you may look at domains, but not make them",
            "run as root, or have root chown or chmod the domain that you shall configure",
        ),
    }
}

fn devices(context: &Context<'_>, report: &mut Report) {
    let devices = match system::read_devices(context.files) {
        Ok(devices) => devices,
        Err(error) => return report.wrong(error, "see the kernel log"),
    };
    for device in devices {
        let what = format!("{}, a {} at {}", device.name, kind(&device), device.address);
        let free = |name: &str| device.available.get(name).copied().unwrap_or(0);
        let power = context
            .files
            .read(&device.path().join("power_state"))
            .unwrap_or_default();
        if device.total.is_empty() {
            report.wrong(
                format!("{what}, does not say what it has"),
                "see the kernel log",
            );
        } else if device.is_vf && device.total.values().all(|count| *count == 0) {
            report.wrong(
                format!("{what}, has no resources"),
                "have the physical function assign some: dlbctl vf assign",
            );
        } else if free("num_sched_domains") == 0 {
            report.odd(
                format!("{what}, has no free domain"),
                "dlbctl list tells who has them",
            );
        } else if power == "error" {
            report.wrong(
                format!("{what}, is in no power state"),
                "see the kernel log",
            );
        } else {
            report.well(what);
        }
        let iommu = context.files.exists(&device.path().join("iommu_group"));
        if iommu {
            report.well(format!("{} is behind an IOMMU", device.name));
        } else {
            report.odd(
                format!("{} is not behind an IOMMU", device.name),
                "to give virtual functions to guests, boot with intel_iommu=on",
            );
        }
        let errors = context.files.read(&device.path().join("ingress_err_en"));
        if errors.is_ok_and(|text| text == "0") {
            report.odd(
                format!(
                    "{} does not report errors of programs any more",
                    device.name
                ),
                "there were too many; when their cause is gone, write 1 to its ingress_err_en",
            );
        }
    }
}

fn domains(context: &Context<'_>, report: &mut Report) {
    let Ok(domains) = system::read_domains(context.files) else {
        return;
    };
    for live in domains {
        let name = live.domain.name();
        match live.state.as_str() {
            "enabled" => match live.report(&live.domain.object, "alerts") {
                "" | "0" => report.well(format!("domain {name} is enabled")),
                count => report.odd(
                    format!("domain {name} is enabled; alerts since: {count}"),
                    &format!("dlbctl alerts {name} tells of those that nobody has read"),
                ),
            },
            "failed" => report.wrong(
                format!("domain {name} could not be enabled: {}", live.error),
                "change what it objects to, and enable it again",
            ),
            "revoked" => report.wrong(
                format!("domain {name} lost its place because the device was reset"),
                &format!("dlbctl enable {name}"),
            ),
            "absent" => report.wrong(
                format!("domain {name} lost its device"),
                &format!("bring the device back, then: dlbctl enable {name}"),
            ),
            "configuring" => report.odd(
                format!("domain {name} is described, and not enabled"),
                &format!("dlbctl enable {name}, if it shall be"),
            ),
            "stopped" => report.odd(
                format!("domain {name} is stopped, and delivers nothing"),
                &format!("dlbctl start {name}, if it shall go on"),
            ),
            state => report.odd(format!("domain {name} is {state}"), ""),
        }
    }
}
