// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! `top`: queues and ports, again and again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use dlb_config::plan::needs;
use dlb_config::schema::Kind;
use dlb_config::system::{self, Device, LiveDomain};
use dlb_config::Object;
use serde_json::{json, Value};

use crate::cli::Top;
use crate::owners::owners;
use crate::screen::{Key, Row, Screen, Style};
use crate::{interrupted, Context, Error};

/// Characters of a bar that is full.
const BAR: usize = 16;

pub(crate) fn top(context: &mut Context<'_>, arguments: &Top) -> Result<(), Error> {
    if arguments.csv {
        writeln!(
            context.out,
            "time,domain,kind,name,level,full,inflights,events,rate"
        )?;
    }
    let devices = system::read_devices(context.files)?;
    let interval = Duration::from_secs_f64(arguments.interval);
    let mut before = look(context, &arguments.domains)?;
    let mut then = Instant::now();
    let live = context.terminal && !arguments.once && !arguments.csv && !context.json;
    let mut screen = live.then(Screen::new);
    loop {
        if !pause(screen.as_mut(), then + interval) {
            return Ok(());
        }
        let domains = look(context, &arguments.domains)?;
        let seconds = then.elapsed().as_secs_f64();
        then = Instant::now();
        let lines: Vec<_> = domains
            .iter()
            .flat_map(|live| lines(live, &before, seconds))
            .collect();
        if arguments.csv {
            csv(context, &lines)?;
        } else if context.json {
            let of = |wanted: &[Kind]| -> Vec<Value> {
                let lines = lines
                    .iter()
                    .filter(|line| wanted.contains(&line.object.kind));
                lines.map(Line::json).collect()
            };
            let queues = of(&[Kind::LdbQueue, Kind::DirQueue]);
            let ports = of(&[Kind::LdbPort, Kind::DirPort]);
            let domains: Vec<_> = domains
                .iter()
                .map(|live| domain_json(live, &devices))
                .collect();
            context.print_json(
                &json!({ "time": now(), "domains": domains, "queues": queues, "ports": ports }),
            )?;
        } else if let Some(screen) = &mut screen {
            let page = page(context, &domains, &devices, &lines, screen.columns());
            let what = match domains.len() {
                1 => "1 domain".to_string(),
                count => format!("{count} domains"),
            };
            let every = arguments.interval;
            screen.show(format!("{what}, every {every} s"), page, context.out)?;
        } else {
            let columns = if context.terminal {
                Screen::size().0
            } else {
                usize::MAX
            };
            for row in page(context, &domains, &devices, &lines, columns) {
                writeln!(context.out, "{}", row.text)?;
            }
        }
        context.out.flush()?;
        if arguments.once {
            return Ok(());
        }
        drop(lines);
        before = domains;
    }
}

/// Waits for the next look, and does what keys ask for meanwhile. Whether there is to be one.
fn pause(mut screen: Option<&mut Screen>, end: Instant) -> bool {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if interrupted() {
            return false;
        }
        if left.is_zero() {
            return true;
        }
        let nap = left.min(Duration::from_millis(50));
        match screen.as_mut().map(|screen| screen.key(nap)) {
            None => std::thread::sleep(nap),
            Some(Some(Key::Quit)) => return false,
            // What is there is drawn at once.
            Some(Some(Key::Moved)) => return true,
            Some(None) => (),
        }
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

fn look(context: &Context<'_>, names: &[String]) -> Result<Vec<LiveDomain>, Error> {
    let mut domains = system::read_domains(context.files)?;
    for name in names {
        if !domains.iter().any(|live| live.domain.name() == name) {
            return Err(Error::missing(format!("there is no domain `{name}`")));
        }
    }
    if !names.is_empty() {
        domains.retain(|live| names.iter().any(|name| name == live.domain.name()));
    }
    Ok(domains)
}

/// A queue or port as it is now.
struct Line<'a> {
    domain: &'a str,
    object: &'a Object,
    /// Events that wait in it.
    level: u64,
    /// How many are a lot.
    full: u64,
    /// Events that were delivered and are not completed.
    inflights: u64,
    /// Events that came, and how many of them in a second.
    events: u64,
    rate: f64,
    /// The other ends of its links.
    links: Vec<String>,
    /// Something to be worried about.
    note: Option<String>,
}

impl Line<'_> {
    fn json(&self) -> Value {
        json!({
            "domain": self.domain,
            "kind": self.object.kind.shelf(),
            "name": self.object.name,
            "level": self.level,
            "full": self.full,
            "inflights": self.inflights,
            "events": self.events,
            "rate": self.rate,
            "links": self.links,
            "note": self.note,
        })
    }
}

fn count(live: &LiveDomain, object: &Object, report: &str) -> u64 {
    live.report(object, report).parse().unwrap_or(0)
}

fn lines<'a>(live: &'a LiveDomain, before: &[LiveDomain], seconds: f64) -> Vec<Line<'a>> {
    let domain = &live.domain;
    let before = before
        .iter()
        .find(|before| before.domain.name() == domain.name());
    domain
        .objects()
        .map(|object| {
            let (level, full, total) = match object.kind {
                Kind::LdbQueue | Kind::DirQueue => ("depth", "depth_threshold", "enqueued"),
                _ => ("cq_occupancy", "cq_depth", "scheduled"),
            };
            let events = count(live, object, total);
            let past = before.map_or(events, |before| count(before, object, total));
            let links = links(live, object);
            Line {
                domain: domain.name(),
                object,
                level: count(live, object, level),
                full: object.number(full).unwrap_or(0).into(),
                inflights: count(live, object, "inflights"),
                events,
                // A domain that was enabled anew counts from 0 again.
                rate: events.saturating_sub(past) as f64 / seconds,
                note: note(live, object, &links),
                links,
            }
        })
        .collect()
}

/// The ports of a queue, or the queues of a port.
fn links(live: &LiveDomain, object: &Object) -> Vec<String> {
    let domain = &live.domain;
    let ends: Vec<String> = match object.kind {
        Kind::LdbPort => object.links().into_iter().map(|(queue, _)| queue).collect(),
        Kind::LdbQueue => domain
            .shelf(Kind::LdbPort)
            .values()
            .filter(|port| port.links().iter().any(|(queue, _)| *queue == object.name))
            .map(|port| port.name.clone())
            .collect(),
        _ => domain
            .consumers()
            .into_iter()
            .filter(|(queue, port)| [*queue, *port].contains(&object.name.as_str()))
            .map(|(queue, port)| {
                if object.kind == Kind::DirPort {
                    queue
                } else {
                    port
                }
            })
            .map(str::to_string)
            .collect(),
    };
    ends
}

/// Who holds up whom.
fn note(live: &LiveDomain, object: &Object, links: &[String]) -> Option<String> {
    let waiting = count(live, object, "depth");
    if !matches!(object.kind, Kind::LdbQueue | Kind::DirQueue) || waiting == 0 {
        return None;
    }
    let ports: Vec<&Object> = live
        .domain
        .objects()
        .filter(|port| matches!(port.kind, Kind::LdbPort | Kind::DirPort))
        .filter(|port| links.contains(&port.name) && port.value("enabled") == "1")
        .collect();
    if live.state == "stopped" {
        return Some("the domain is stopped".to_string());
    }
    if ports.is_empty() {
        return Some("no enabled port takes from it".to_string());
    }
    let full = |port: &&&Object| {
        count(live, port, "cq_occupancy") >= u64::from(port.number("cq_depth").unwrap_or(0))
    };
    let slow: Vec<_> = ports
        .iter()
        .filter(full)
        .map(|port| port.name.as_str())
        .collect();
    (slow.len() == ports.len()).then(|| format!("held up by {}", slow.join(" ")))
}

fn csv(context: &mut Context<'_>, lines: &[Line<'_>]) -> Result<(), Error> {
    let time = now();
    for line in lines {
        writeln!(
            context.out,
            "{time},{},{},{},{},{},{},{},{:.1}",
            line.domain,
            line.object.kind.shelf(),
            line.object.name,
            line.level,
            line.full,
            line.inflights,
            line.events,
            line.rate
        )?;
    }
    Ok(())
}

/// The device that a domain is on, if that is known.
fn device_of<'a>(live: &LiveDomain, devices: &'a [Device]) -> Option<&'a Device> {
    match live.domain.object.value("device") {
        "auto" if devices.len() == 1 => devices.first(),
        name => devices.iter().find(|device| device.name == name),
    }
}

/// Credits by kind: how many events in queues have, and how many there are. An event gives its
/// credit back when it leaves its queue.
fn credits(live: &LiveDomain, devices: &[Device]) -> Vec<(&'static str, u64, u64)> {
    let Some(device) = device_of(live, devices).filter(|_| live.domain.enable) else {
        return Vec::new();
    };
    let waiting = |kind: Kind| -> u64 {
        let queues = live.domain.shelf(kind).values();
        queues.map(|queue| count(live, queue, "depth")).sum()
    };
    let (ldb, dir) = (waiting(Kind::LdbQueue), waiting(Kind::DirQueue));
    let needs = needs(&live.domain, device);
    let all = |name: &str| needs.get(name).copied().unwrap_or(0).into();
    if device.is_2_5 {
        vec![("combined", ldb + dir, all("num_ldb_credits"))]
    } else {
        vec![
            ("load-balanced", ldb, all("num_ldb_credits")),
            ("directed", dir, all("num_dir_credits")),
        ]
    }
}

fn domain_json(live: &LiveDomain, devices: &[Device]) -> Value {
    let credits: BTreeMap<_, _> = credits(live, devices)
        .into_iter()
        .map(|(kind, used, all)| (kind, json!({ "used": used, "all": all })))
        .collect();
    json!({
        "name": live.domain.name(),
        "state": live.state,
        "credits": credits,
        "alerts": count(live, &live.domain.object, "alerts"),
    })
}

fn page(
    context: &Context<'_>,
    domains: &[LiveDomain],
    devices: &[Device],
    lines: &[Line<'_>],
    columns: usize,
) -> Vec<Row> {
    let owners = owners(context.root);
    let mut page = Vec::new();
    // A narrow terminal has room for names and numbers first.
    let width = match columns.saturating_sub(64) {
        0..4 => 0,
        room => room.min(BAR),
    };
    let longest = lines.iter().map(|line| line.object.name.len()).max();
    let names = longest
        .unwrap_or(0)
        .clamp(6, if width == 0 { 10 } else { 16 });
    if domains.is_empty() {
        page.push(Row::new(Style::Plain, "there are no domains"));
    }
    for live in domains {
        let name = live.domain.name();
        let users = owners.get(name).map_or(0, |users| users.len());
        let users = match users {
            0 => "used by nobody".to_string(),
            1 => "used by 1 process".to_string(),
            users => format!("used by {users} processes"),
        };
        page.push(Row::new(
            Style::Title,
            format!("{name}: {}, {users}", live.state),
        ));
        match count(live, &live.domain.object, "alerts") {
            0 => (),
            1 => page.push(Row::new(Style::Bad, "  1 alert (dlbctl alerts)")),
            many => page.push(Row::new(
                Style::Bad,
                format!("  {many} alerts (dlbctl alerts)"),
            )),
        }
        let credits: Vec<_> = credits(live, devices)
            .into_iter()
            .map(|(kind, used, all)| format!("{used}/{all} {kind}"))
            .collect();
        if !credits.is_empty() {
            let text = format!("  credits used: {}", credits.join(", "));
            page.push(Row::new(Style::Plain, text));
        }
        let mut part = |kinds: [Kind; 2], head: &str| {
            let here = |line: &&Line<'_>| line.domain == name && kinds.contains(&line.object.kind);
            let mut lines = lines.iter().filter(here).peekable();
            if lines.peek().is_none() {
                return;
            }
            page.push(Row::new(
                Style::Head,
                format!(
                    "  {head:<names$} {:>6} {:<width$} {:>8} {:>10}  links",
                    "events", "", "inflight", "a second"
                ),
            ));
            for line in lines {
                let most = width as u64;
                let bar = (line.level.saturating_mul(most) / line.full.max(1)).min(most) as usize;
                let links = line.links.join(" ");
                let inflights = match line.object.kind {
                    Kind::LdbQueue | Kind::LdbPort => line.inflights.to_string(),
                    _ => "-".to_string(),
                };
                let style = match line.note {
                    Some(_) => Style::Bad,
                    None => Style::Plain,
                };
                let text = format!(
                    "  {:<names$} {:>6} {:<width$} {inflights:>8} {:>10.0}  ",
                    shorten(&line.object.name, names),
                    line.level,
                    "#".repeat(bar),
                    line.rate,
                );
                match &line.note {
                    None => page.push(Row::new(style, (text + &links).trim_end())),
                    Some(note) if text.len() + note.len() <= columns => {
                        page.push(Row::new(style, text + note));
                    }
                    // What is wrong is not cut off.
                    Some(note) => {
                        page.push(Row::new(style, text.trim_end()));
                        page.push(Row::new(style, format!("    {note}")));
                    }
                }
            }
        };
        part([Kind::LdbQueue, Kind::DirQueue], "queue");
        part([Kind::LdbPort, Kind::DirPort], "port");
    }
    page
}

fn shorten(text: &str, width: usize) -> String {
    if text.len() <= width {
        return text.to_string();
    }
    // Names are ASCII.
    format!("{}~", text.get(..width - 1).unwrap_or(text))
}
