// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! `stats`: all that is counted.

use dlb_config::schema::Kind;
use dlb_config::system::{self, LiveDomain};
use dlb_config::Object;
use serde_json::{json, Map, Value};

use crate::{Context, Error};

/// The reports of an object that are counts.
fn counts<'a>(live: &'a LiveDomain, object: &Object) -> Vec<(&'static str, &'a str)> {
    let reports = object.kind.reports().iter();
    reports
        .filter(|name| !matches!(**name, "id" | "dev" | "state" | "error" | "owner"))
        .map(|name| (*name, live.report(object, name)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

pub(crate) fn stats(context: &mut Context<'_>, names: &[String]) -> Result<(), Error> {
    let mut domains = system::read_domains(context.files)?;
    let mut devices = system::read_devices(context.files)?;
    for name in names {
        if !domains.iter().any(|live| live.domain.name() == name)
            && !devices.iter().any(|device| device.name == *name)
        {
            return Err(Error::missing(format!(
                "there is no domain or device `{name}`"
            )));
        }
    }
    if !names.is_empty() {
        domains.retain(|live| names.iter().any(|name| name == live.domain.name()));
        devices.retain(|device| names.contains(&device.name));
    }
    if context.json {
        let devices: Map<String, Value> = devices
            .iter()
            .map(|device| (device.name.clone(), json!(device.counters)))
            .collect();
        let domains: Map<String, Value> = domains
            .iter()
            .map(|live| (live.domain.name().to_string(), domain_json(live)))
            .collect();
        return Ok(context.print_json(&json!({ "devices": devices, "domains": domains }))?);
    }
    for device in &devices {
        for (name, count) in &device.counters {
            writeln!(
                context.out,
                "{:<40} {count:>12}",
                format!("{} {name}", device.name)
            )?;
        }
    }
    for live in &domains {
        let domain = &live.domain;
        for object in std::iter::once(&domain.object).chain(domain.objects()) {
            let path = domain.path_of(object);
            for (name, count) in counts(live, object) {
                writeln!(context.out, "{:<40} {count:>12}", format!("{path} {name}"))?;
            }
        }
    }
    Ok(())
}

fn object_json(live: &LiveDomain, object: &Object) -> Map<String, Value> {
    counts(live, object)
        .into_iter()
        .map(|(name, count)| (name.to_string(), json!(count.parse::<u64>().ok())))
        .collect()
}

fn domain_json(live: &LiveDomain) -> Value {
    let shelves = Kind::SHELVES.into_iter().map(|kind| {
        let objects = live.domain.shelf(kind).values();
        let objects = objects.map(|object| (object.name.clone(), object_json(live, object).into()));
        (kind.shelf().to_string(), Value::Object(objects.collect()))
    });
    let own = object_json(live, &live.domain.object);
    Value::Object(own.into_iter().chain(shelves).collect())
}
