// SPDX-License-Identifier: GPL-2.0

//! Tests of the dlb driver that run inside the guest.
//!
//! `dlb-guest SUITE...` runs suites as root on a machine with the module loaded and at least one
//! device bound, and reports in KTAP. The scripts in `tools/testing/dlb/tests` call it; each
//! says in its header which kind of machine it wants.

mod abi;
mod admins;
mod alerts;
mod attributes;
mod devices;
mod enable;
mod errno;
mod faults;
mod files;
mod flow;
mod hostile;
mod iommu;
mod kexec;
mod kill;
mod ktap;
mod limits;
mod memory;
mod module;
mod port;
mod proc;
mod race;
mod recovery;
mod sysfs;
mod tree;
mod unbind;
mod vf;
mod wait;

use std::process::ExitCode;

/// A suite's name and the function that runs it.
type Named = (&'static str, fn(&mut ktap::Suite));

const SUITES: &[Named] = &[
    ("abi", abi::run),
    ("admins", admins::run),
    ("alerts", alerts::run),
    ("attributes", attributes::run),
    ("devices", devices::run),
    ("enable", enable::run),
    ("faults", faults::run),
    ("files", files::run),
    ("flow", flow::run),
    ("iommu", iommu::run),
    ("hostile", hostile::run),
    ("kexec", kexec::run),
    ("kill", kill::run),
    ("limits", limits::run),
    ("memory", memory::run),
    ("module", module::run),
    ("race", race::run),
    ("recovery", recovery::run),
    ("lost", recovery::run_lost),
    ("sysfs", sysfs::run),
    ("unbind", unbind::run),
    ("vf", vf::run),
    ("wait", wait::run),
];

fn main() -> ExitCode {
    let mut chosen = Vec::new();
    for name in std::env::args().skip(1) {
        let Some(suite) = SUITES.iter().find(|s| s.0 == name) else {
            eprintln!("dlb-guest: no suite called {name}");
            return ExitCode::from(2);
        };
        chosen.push(suite);
    }
    if chosen.is_empty() {
        let all: Vec<_> = SUITES.iter().map(|s| s.0).collect();
        eprintln!("usage: dlb-guest SUITE...\nsuites: {}", all.join(" "));
        return ExitCode::from(2);
    }
    let mut suite = ktap::Suite::begin();
    for (name, run) in &chosen {
        if chosen.len() > 1 {
            suite.prefix(name);
        }
        run(&mut suite);
    }
    ExitCode::from(suite.end())
}
