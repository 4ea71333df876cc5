// SPDX-License-Identifier: GPL-2.0-or-later
//! Checks of the emulated device from inside the guest, without a driver: what its configuration
//! space says, what resets and power states do, and that every way to store to a producer page
//! arrives as what it is. Prints KTAP.

mod pci;
mod store;

use std::fmt::Display;
use std::process::{Command, ExitCode};

use pci::Function;

pub type Result<T = ()> = std::result::Result<T, String>;

/// Fails with both values if they differ.
pub fn same<T: PartialEq + std::fmt::Debug>(what: impl Display, is: T, should: T) -> Result {
    if is == should {
        return Ok(());
    }
    Err(format!("{what} is {is:x?}, not {should:x?}"))
}

/// Asks QEMU, in which this guest runs.
fn qmp(args: &[&str]) -> Result<String> {
    let out = Command::new("qmp")
        .args(args)
        .output()
        .map_err(|e| format!("qmp: {e}"))?;
    if !out.status.success() {
        return Err(format!(
            "qmp {args:?}: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        ));
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_string())
}

/// The device's counters.
pub struct Counters(String);

impl Counters {
    pub fn now() -> Result<Self> {
        qmp(&["get", "/machine/peripheral/dlb0", "stats"]).map(Self)
    }

    /// A counter by its name, which may be inside a group: `dropped.illegal_pp`.
    pub fn get(&self, name: &str) -> Result<u64> {
        let mut rest = self.0.as_str();
        for part in name.split('.') {
            let key = format!("\"{part}\":");
            let at = rest
                .find(&key)
                .ok_or_else(|| format!("there is no counter {name}"))?;
            rest = &rest[at + key.len()..];
        }
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end]
            .parse()
            .map_err(|_| format!("counter {name} is no number"))
    }
}

/// How much counters grow while `f` runs.
pub fn growth(names: &[&str], f: impl FnOnce() -> Result) -> Result<Vec<u64>> {
    let before = Counters::now()?;
    f()?;
    let after = Counters::now()?;
    names
        .iter()
        .map(|n| Ok(after.get(n)?.wrapping_sub(before.get(n)?)))
        .collect()
}

fn done(r: Result) -> ExitCode {
    match r {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(insn) = args.first().and_then(|a| a.strip_prefix("--fault=")) {
        // A child that is expected to die.
        store::fault(insn);
        return ExitCode::SUCCESS;
    }

    match args.first().map(String::as_str) {
        Some("--hammer") => return done(Function::find().and_then(|f| store::hammer(&f))),
        Some("--alive") => return done(Function::find().and_then(|f| pci::total_vas(&f))),
        _ => (),
    }

    println!("KTAP version 1");
    let dlb = match Function::find() {
        Ok(f) => f,
        Err(e) => {
            println!("Bail out! {e}");
            return ExitCode::FAILURE;
        }
    };
    type Case = (&'static str, fn(&Function) -> Result);
    let cases: &[Case] = &[
        ("config-space", pci::config_space),
        ("capabilities", pci::capabilities),
        ("bars", pci::bars),
        ("total-vas", pci::total_vas),
        ("function-level-reset", pci::function_level_reset),
        ("d3hot", pci::d3hot),
        ("message-to-itself", pci::message_to_itself),
        ("message-resets-itself", pci::message_resets_itself),
        ("movdiri", store::movdiri),
        ("movdir64b", store::movdir64b),
        ("movdir64b-faults", store::movdir64b_faults),
        ("lines-of-four", store::lines_of_four),
        ("single-elements", store::single_elements),
        ("odd-stores", store::odd_stores),
        ("two-ports-at-once", store::two_ports_at_once),
        ("memory-map-changes", store::memory_map_changes),
    ];
    println!("1..{}", cases.len());
    let mut failed = false;
    for (i, (name, case)) in cases.iter().enumerate() {
        match case(&dlb) {
            Ok(()) => println!("ok {} {name}", i + 1),
            Err(e) => {
                println!("# {e}\nnot ok {} {name}", i + 1);
                failed = true;
            }
        }
    }
    ExitCode::from(u8::from(failed))
}
