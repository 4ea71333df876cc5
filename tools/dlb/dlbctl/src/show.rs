// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! `list` and `show`: what there is.

use std::collections::BTreeSet;
use std::io;

use dlb_config::schema::{Form, Kind};
use dlb_config::system::{self, Device, LiveDomain};
use dlb_config::Object;
use serde_json::{json, Map, Value};

use crate::owners::{owners, Process};
use crate::{Context, Error};

/// Everything that is shown.
struct Scene {
    devices: Vec<Device>,
    domains: Vec<(LiveDomain, BTreeSet<Process>)>,
}

impl Scene {
    fn read(context: &Context<'_>) -> Result<Self, Error> {
        let mut owners = owners(context.root);
        let domains = system::read_domains(context.files)?
            .into_iter()
            .map(|live| {
                let users = owners.remove(live.domain.name()).unwrap_or_default();
                (live, users)
            })
            .collect();
        Ok(Scene {
            devices: system::read_devices(context.files)?,
            domains,
        })
    }

    fn json(&self) -> Value {
        json!({
            "devices": self.devices.iter().map(device_json).collect::<Vec<_>>(),
            "domains": self
                .domains
                .iter()
                .map(|(live, users)| domain_json(live, users))
                .collect::<Vec<_>>(),
        })
    }
}

/// What kind of device it is, in words.
pub(crate) fn kind(device: &Device) -> &'static str {
    match (device.is_2_5, device.is_vf) {
        (false, false) => "DLB 2.0",
        (false, true) => "DLB 2.0 VF",
        (true, false) => "DLB 2.5",
        (true, true) => "DLB 2.5 VF",
    }
}

pub(crate) fn list(context: &mut Context<'_>) -> Result<(), Error> {
    let scene = Scene::read(context)?;
    if context.json {
        return Ok(context.print_json(&scene.json())?);
    }
    let mut rows = vec![[
        "DEVICE",
        "FUNCTION",
        "KIND",
        "DOMAINS",
        "LDB QUEUES",
        "LDB PORTS",
        "DIR PORTS",
    ]
    .map(String::from)];
    for device in &scene.devices {
        let used = |name: &str| {
            let total = device.total.get(name).copied().unwrap_or(0);
            let free = device.available.get(name).copied().unwrap_or(0);
            format!("{}/{total}", total.saturating_sub(free))
        };
        rows.push([
            device.name.clone(),
            device.address.clone(),
            kind(device).to_string(),
            used("num_sched_domains"),
            used("num_ldb_queues"),
            used("num_ldb_ports"),
            used("num_dir_ports"),
        ]);
    }
    table(context, &rows)?;
    writeln!(context.out)?;
    let mut rows = vec![[
        "DOMAIN",
        "STATE",
        "DEVICE",
        "LDB QUEUES",
        "DIR QUEUES",
        "PORTS",
        "USED BY",
    ]
    .map(String::from)];
    for (live, users) in &scene.domains {
        let domain = &live.domain;
        let count = |kind: Kind| domain.shelf(kind).len();
        rows.push([
            domain.name().to_string(),
            live.state.clone(),
            domain.object.value("device").to_string(),
            count(Kind::LdbQueue).to_string(),
            count(Kind::DirQueue).to_string(),
            (count(Kind::LdbPort) + count(Kind::DirPort)).to_string(),
            names(users),
        ]);
    }
    Ok(table(context, &rows)?)
}

fn names(users: &BTreeSet<Process>) -> String {
    let words: Vec<_> = users
        .iter()
        .map(|user| format!("{} ({})", user.name, user.id))
        .collect();
    if words.is_empty() {
        "nobody".to_string()
    } else {
        words.join(", ")
    }
}

/// Prints rows with columns under each other.
pub(crate) fn table<const N: usize>(
    context: &mut Context<'_>,
    rows: &[[String; N]],
) -> io::Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..N).map(width).collect();
    for row in rows {
        let cells: Vec<_> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        writeln!(context.out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

pub(crate) fn show(context: &mut Context<'_>, names: &[String]) -> Result<(), Error> {
    let mut scene = Scene::read(context)?;
    for name in names {
        let known = scene.devices.iter().any(|device| device.name == *name)
            || scene
                .domains
                .iter()
                .any(|(live, _)| live.domain.name() == name);
        if !known {
            return Err(Error::missing(format!(
                "there is no domain or device `{name}`"
            )));
        }
    }
    if !names.is_empty() {
        scene.devices.retain(|device| names.contains(&device.name));
        scene
            .domains
            .retain(|(live, _)| names.iter().any(|name| name == live.domain.name()));
    }
    if context.json {
        return Ok(context.print_json(&scene.json())?);
    }
    for device in &scene.devices {
        show_device(context, device)?;
    }
    for (live, users) in &scene.domains {
        show_domain(context, live, users)?;
    }
    Ok(())
}

fn show_device(context: &mut Context<'_>, device: &Device) -> io::Result<()> {
    writeln!(
        context.out,
        "device {}: {} at {}",
        device.name,
        kind(device),
        device.address
    )?;
    let (on, most) = device.vfs;
    if most > 0 {
        writeln!(context.out, "  {on} of {most} virtual functions on")?;
    }
    let list = |values: &std::collections::BTreeMap<u32, u32>| {
        let words: Vec<_> = values.values().map(u32::to_string).collect();
        words.join(", ")
    };
    if !device.sequence_numbers.is_empty() {
        let numbers = list(&device.sequence_numbers);
        writeln!(
            context.out,
            "  sequence numbers per ordered queue, by group: {numbers}"
        )?;
    }
    if !device.cos_bandwidth.is_empty() {
        let shares = list(&device.cos_bandwidth);
        writeln!(
            context.out,
            "  bandwidth in percent, by class of service: {shares}"
        )?;
    }
    for name in system::RESOURCES {
        let (Some(total), Some(free)) = (device.total.get(*name), device.available.get(*name))
        else {
            continue;
        };
        writeln!(
            context.out,
            "  {name:<22} {:>6} used {free:>6} free",
            total.saturating_sub(*free)
        )?;
    }
    writeln!(context.out)
}

fn show_domain(
    context: &mut Context<'_>,
    live: &LiveDomain,
    users: &BTreeSet<Process>,
) -> io::Result<()> {
    let domain = &live.domain;
    writeln!(
        context.out,
        "domain {}: {}, device {}, used by {}",
        domain.name(),
        live.state,
        domain.object.value("device"),
        names(users)
    )?;
    if !live.error.is_empty() {
        writeln!(context.out, "  error: {}", live.error)?;
    }
    if let Some((user, process)) = live.report(&domain.object, "owner").split_once(':') {
        writeln!(context.out, "  enabled by process {process} of user {user}")?;
    }
    match live.report(&domain.object, "alerts") {
        "" | "0" => (),
        "1" => writeln!(context.out, "  1 alert since")?,
        many => writeln!(context.out, "  {many} alerts since")?,
    }
    describe(context, live, &domain.object, &["device"])?;
    for kind in Kind::SHELVES {
        for object in domain.shelf(kind).values() {
            let report = |name: &str| live.report(object, name);
            let mut head = format!("  {kind} {}", object.name);
            if live.domain.enable {
                head += &format!(" (id {})", report("id"));
            }
            match kind {
                Kind::LdbQueue | Kind::DirQueue => head += &format!(": depth {}", report("depth")),
                _ => head += &format!(": device file {}", report("dev")),
            }
            if kind == Kind::LdbPort && !matches!(report("pending_unlinks"), "" | "0") {
                head += &format!(", {} unlinks under way", report("pending_unlinks"));
            }
            writeln!(context.out, "{head}")?;
            describe(context, live, object, &[])?;
        }
    }
    writeln!(context.out)
}

/// The attributes that do not have their defaults, on one line.
fn describe(
    context: &mut Context<'_>,
    live: &LiveDomain,
    object: &Object,
    except: &[&str],
) -> io::Result<()> {
    let words: Vec<_> = object
        .kind
        .attributes()
        .iter()
        .filter(|a| !except.contains(&a.name) && object.value(a.name) != a.default)
        .map(|a| format!("{} {}", a.name, object.value(a.name)))
        .collect();
    let indent = if object.name == live.domain.name() && object.kind == Kind::Domain {
        2
    } else {
        4
    };
    if !words.is_empty() {
        writeln!(context.out, "{:indent$}{}", "", words.join(", "))?;
    }
    Ok(())
}

fn device_json(device: &Device) -> Value {
    json!({
        "name": device.name,
        "function": device.address,
        "version": if device.is_2_5 { "2.5" } else { "2.0" },
        "virtual": device.is_vf,
        "total": device.total,
        "available": device.available,
        "sequence_numbers": device.sequence_numbers.values().collect::<Vec<_>>(),
        "cos_bandwidth": device.cos_bandwidth.values().collect::<Vec<_>>(),
        "vfs": { "on": device.vfs.0, "most": device.vfs.1 },
    })
}

fn domain_json(live: &LiveDomain, users: &BTreeSet<Process>) -> Value {
    let mut value = object_json(live, &live.domain.object);
    value.insert("enable".into(), live.domain.enable.into());
    let users: Vec<_> = users
        .iter()
        .map(|u| json!({ "pid": u.id, "name": u.name }))
        .collect();
    value.insert("users".into(), users.into());
    for kind in Kind::SHELVES {
        let objects = live.domain.shelf(kind).values();
        let objects: Vec<_> = objects.map(|object| object_json(live, object)).collect();
        value.insert(kind.shelf().into(), objects.into());
    }
    value.into()
}

fn object_json(live: &LiveDomain, object: &Object) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("name".into(), object.name.clone().into());
    for attribute in object.kind.attributes() {
        let value = object.value(attribute.name);
        let value = match attribute.form {
            Form::Switch => Value::from(value == "1"),
            Form::Links => object
                .links()
                .into_iter()
                .map(|(queue, priority)| json!({ "queue": queue, "priority": priority }))
                .collect(),
            Form::Name | Form::Word(_) | Form::Device => value.into(),
            _ => word_json(value),
        };
        map.insert(attribute.name.into(), value);
    }
    for report in object.kind.reports() {
        let value = live.report(object, report);
        let value = match *report {
            "state" | "error" | "owner" | "dev" => value.into(),
            // A virtual function does not count all of it, and without a device nothing does.
            _ => value.parse::<i64>().map_or(Value::Null, Value::from),
        };
        map.insert((*report).into(), value);
    }
    map
}

/// A number, if it is one.
fn word_json(word: &str) -> Value {
    match word.parse::<i64>() {
        Ok(number) => number.into(),
        Err(_) => word.into(),
    }
}
