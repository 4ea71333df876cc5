// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! `vf`: what virtual functions have of a device.

use std::path::{Path, PathBuf};

use dlb_config::plan::{Action, Step};
use dlb_config::system::{self, Device, RESOURCES};
use dlb_config::Plan;
use serde_json::json;

use crate::cli::VfCommand;
use crate::show::table;
use crate::{change, Context, Error};

pub(crate) fn run(
    context: &mut Context<'_>,
    device: Option<&str>,
    command: &VfCommand,
) -> Result<(), Error> {
    let changes = !matches!(command, VfCommand::Show | VfCommand::Maps { .. });
    let _lock = if changes {
        change::lock(context)?
    } else {
        None
    };
    let device = find(context, device)?;
    match command {
        VfCommand::Show => show(context, &device),
        VfCommand::Maps { vf } => maps(context, &device, *vf),
        VfCommand::Split { count } => split(context, &device, *count),
        VfCommand::Assign { vf, resources } => assign(context, &device, *vf, resources),
        VfCommand::Off => {
            let plan = write(&[(device.path().join("sriov_numvfs"), device.vfs.0, 0)]);
            context.perform(&plan)?;
            Ok(context.say(format_args!("{} has no virtual functions", device.name))?)
        }
    }
}

fn find(context: &Context<'_>, name: Option<&str>) -> Result<Device, Error> {
    let mut devices = system::read_devices(context.files)?;
    devices.retain(|device| device.vfs.1 > 0);
    match name {
        Some(name) => devices
            .into_iter()
            .find(|device| device.name == name)
            .ok_or_else(|| {
                Error::missing(format!(
                    "there is no device `{name}` with virtual functions"
                ))
            }),
        None if devices.len() > 1 => Err(Error::missing(
            "there are several devices: choose with --device",
        )),
        None => devices
            .pop()
            .ok_or_else(|| Error::missing("there is no device with virtual functions")),
    }
}

fn write(values: &[(PathBuf, u32, u32)]) -> Plan {
    let steps = values
        .iter()
        .filter(|(_, old, new)| old != new)
        .map(|(path, old, new)| Step {
            path: path.clone(),
            action: Action::Write {
                old: old.to_string(),
                new: new.to_string(),
            },
            place: None,
        })
        .collect();
    Plan { steps }
}

fn show(context: &mut Context<'_>, device: &Device) -> Result<(), Error> {
    let shares = system::read_shares(context.files, device);
    if context.json {
        let list: Vec<_> = shares
            .iter()
            .map(|(vf, live)| {
                json!({ "vf": vf, "locked": live.locked, "resources": live.resources })
            })
            .collect();
        return Ok(context.print_json(&json!({ "device": device.name, "vfs": list }))?);
    }
    let (on, most) = device.vfs;
    writeln!(
        context.out,
        "{}: {on} of {most} virtual functions on",
        device.name
    )?;
    if on == 0 {
        return Ok(());
    }
    let mut rows = vec![[
        "VF",
        "LOCKED",
        "DOMAINS",
        "LDB QUEUES",
        "LDB PORTS",
        "DIR PORTS",
        "LDB CREDITS",
        "DIR CREDITS",
    ]
    .map(String::from)];
    for (vf, live) in &shares {
        let has = |name: &str| {
            live.resources
                .get(name)
                .map_or("-".to_string(), u32::to_string)
        };
        rows.push([
            vf.to_string(),
            if live.locked { "yes" } else { "no" }.to_string(),
            has("num_sched_domains"),
            has("num_ldb_queues"),
            has("num_ldb_ports"),
            has("num_dir_ports"),
            has("num_ldb_credits"),
            has("num_dir_credits"),
        ]);
    }
    Ok(table(context, &rows)?)
}

/// What debugfs tells of one virtual function.
#[derive(Default)]
struct Inside {
    /// Kind of object, its number for the virtual function, its number for the device.
    maps: Vec<(String, u32, u32)>,
    /// Requests of the mailbox, and how many.
    mailbox: Vec<(String, u64)>,
}

fn inside(context: &Context<'_>, device: &Device, vf: u32) -> std::io::Result<Inside> {
    let dir = Path::new("/sys/kernel/debug")
        .join(&device.name)
        .join(format!("vf{vf}"));
    let mut inside = Inside::default();
    for line in context.files.read(&dir.join("maps"))?.lines() {
        let mut words = line.split_whitespace();
        let (Some(kind), Some(own), Some(real)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if let (Ok(own), Ok(real)) = (own.parse(), real.parse()) {
            inside.maps.push((kind.to_string(), own, real));
        }
    }
    let mailbox = context.files.read(&dir.join("mailbox")).unwrap_or_default();
    for line in mailbox.lines() {
        if let Some((name, Ok(count))) = line.split_once(' ').map(|(n, c)| (n, c.parse())) {
            inside.mailbox.push((name.to_string(), count));
        }
    }
    Ok(inside)
}

fn maps(context: &mut Context<'_>, device: &Device, only: Option<u32>) -> Result<(), Error> {
    if let Some(vf) = only.filter(|vf| *vf >= device.vfs.0) {
        let words = format!("{} has no virtual function {vf} on", device.name);
        return Err(Error::missing(words));
    }
    let mut all = Vec::new();
    for vf in (0..device.vfs.0).filter(|vf| only.is_none_or(|only| only == *vf)) {
        let inside = inside(context, device, vf).map_err(|e| {
            Error::failed(format!(
                "cannot read the maps of virtual function {vf}: {e}: is debugfs mounted on \
                 /sys/kernel/debug, and may you read it?"
            ))
        })?;
        all.push((vf, inside));
    }
    if context.json {
        let list: Vec<_> = all
            .iter()
            .map(|(vf, inside)| {
                let maps: Vec<_> = inside
                    .maps
                    .iter()
                    .map(|(kind, own, real)| json!({ "kind": kind, "own": own, "device": real }))
                    .collect();
                let mailbox: serde_json::Map<_, _> = inside
                    .mailbox
                    .iter()
                    .map(|(name, count)| (name.clone(), json!(count)))
                    .collect();
                json!({ "vf": vf, "maps": maps, "mailbox": mailbox })
            })
            .collect();
        return Ok(context.print_json(&json!({ "device": device.name, "vfs": list }))?);
    }
    if all.is_empty() {
        return Ok(context.say(format_args!("{} has no virtual functions on", device.name))?);
    }
    let mut rows = vec![["VF", "OBJECT", "ITS NUMBER", "THE DEVICE'S"].map(String::from)];
    for (vf, inside) in &all {
        for (kind, own, real) in &inside.maps {
            rows.push([
                vf.to_string(),
                kind.clone(),
                own.to_string(),
                real.to_string(),
            ]);
        }
    }
    table(context, &rows)?;
    for (vf, inside) in &all {
        let asked: Vec<_> = inside
            .mailbox
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        if !asked.is_empty() {
            writeln!(context.out, "VF {vf} asked: {}", asked.join(", "))?;
        }
    }
    Ok(())
}

fn split(context: &mut Context<'_>, device: &Device, count: u32) -> Result<(), Error> {
    let (on, most) = device.vfs;
    if count > most {
        let words = format!(
            "{} can have {most} virtual functions, not {count}",
            device.name
        );
        return Err(Error::too_much(words));
    }
    if on > 0 {
        let words = format!(
            "{} has {on} virtual functions already: dlbctl vf off",
            device.name
        );
        return Err(Error::failed(words));
    }
    // Their driver must not come before they have something, because then it is too late.
    let dir = device.path();
    let probe = dir.join("sriov_drivers_autoprobe");
    // Who has switched it off does not want a driver to come.
    let probes = u32::from(context.files.read(&probe).is_ok_and(|text| text == "1"));
    context.perform(&write(&[
        (probe.clone(), probes, 0),
        (dir.join("sriov_numvfs"), 0, count),
    ]))?;
    let mut values = Vec::new();
    for name in RESOURCES {
        // The classes of ports add up to the ports, so one of the two has to be left out.
        if *name == "num_ldb_ports" {
            continue;
        }
        let mut free = device.available.get(*name).copied().unwrap_or(0);
        if *name == "num_hist_list_entries" {
            // Those of each lie next to each other.
            let longest = device.available.get("max_ctg_hl_entries").copied();
            free = free.min(longest.unwrap_or(free));
        }
        let each = free / count;
        let shares = (0..count).map(|vf| system::share_path(device, vf).join(name));
        values.extend(shares.map(|path| (path, 0, each)));
    }
    let result = context.perform(&write(&values));
    let back = write(&[(probe, 0, probes)]).run(context.files, &|| false, |_| ());
    if let Err(failure) = result {
        write(&[(dir.join("sriov_numvfs"), count, 0)]).run(context.files, &|| false, |_| ())?;
        return Err(failure);
    }
    back?;
    if probes == 1 {
        system::probe(context.files, &system::functions(context.files, &dir));
    }
    Ok(context.say(format_args!(
        "{}: {count} virtual functions with equal shares",
        device.name
    ))?)
}

fn assign(
    context: &mut Context<'_>,
    device: &Device,
    vf: u32,
    resources: &[String],
) -> Result<(), Error> {
    let shares = system::read_shares(context.files, device);
    let Some(live) = shares.get(&vf) else {
        return Err(Error::missing(format!(
            "{} has no virtual function {vf} on",
            device.name
        )));
    };
    if live.locked {
        return Err(Error::failed(format!(
            "virtual function {vf} of {} is locked, because its driver has registered: unbind it \
             first",
            device.name
        )));
    }
    let mut values = Vec::new();
    for word in resources {
        let usage = |words: String| Error { code: 2, words };
        let (name, count) = word
            .split_once('=')
            .ok_or_else(|| usage(format!("`{word}` is not of the form RESOURCE=COUNT")))?;
        let old = *live.resources.get(name).ok_or_else(|| {
            usage(format!(
                "`{name}` is no resource: there are {}",
                RESOURCES.join(", ")
            ))
        })?;
        let new: u32 = count
            .parse()
            .map_err(|_| usage(format!("`{count}` is not a number")))?;
        let free = device.available.get(name).copied().unwrap_or(0);
        if new > old.saturating_add(free) {
            return Err(Error::too_much(format!(
                "{} has {free} {name} free, but {} more are asked for by virtual function {vf}",
                device.name,
                new - old
            )));
        }
        values.push((system::share_path(device, vf).join(name), old, new));
    }
    context.perform(&write(&values))?;
    Ok(context.say(format_args!(
        "virtual function {vf} of {} has it",
        device.name
    ))?)
}
