// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! `top`: queues and ports, again and again.

use std::time::{Duration, Instant, SystemTime};

use dlb_config::schema::Kind;
use dlb_config::system::{self, LiveDomain};
use dlb_config::Object;
use serde_json::{json, Value};

use crate::cli::Top;
use crate::owners::owners;
use crate::{interrupted, screen, Context, Error};

/// Characters of a bar that is full.
const BAR: usize = 16;

pub(crate) fn top(context: &mut Context<'_>, arguments: &Top) -> Result<(), Error> {
    if arguments.csv {
        writeln!(
            context.out,
            "time,domain,kind,name,level,full,inflights,events,rate"
        )?;
    }
    let interval = Duration::from_secs_f64(arguments.interval);
    let mut before = look(context, &arguments.domains)?;
    let mut then = Instant::now();
    loop {
        while then.elapsed() < interval {
            if interrupted() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50).min(interval));
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
            context.print_json(&json!({ "time": now(), "queues": queues, "ports": ports }))?;
        } else {
            let live = context.terminal && !arguments.once;
            let size = if context.terminal {
                screen::size()
            } else {
                (usize::MAX, usize::MAX)
            };
            let mut page = page(context, &domains, &lines, size.0);
            if live {
                // The last line stays empty, or its end would move all of it up by one.
                screen::fit(&mut page, (size.0, size.1.saturating_sub(1)));
                // To the top left corner; each line clears what is right of it, the last one what
                // is below, so that nothing flickers.
                let text: Vec<_> = page.iter().map(|line| format!("{line}\x1b[K\n")).collect();
                write!(context.out, "\x1b[H{}\x1b[J", text.concat())?;
                context.out.flush()?;
            } else {
                for line in page {
                    writeln!(context.out, "{line}")?;
                }
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

fn page(
    context: &Context<'_>,
    domains: &[LiveDomain],
    lines: &[Line<'_>],
    columns: usize,
) -> Vec<String> {
    let owners = owners(context.root);
    let mut page = Vec::new();
    // A narrow terminal has room for names and numbers first.
    let width = columns.saturating_sub(64).clamp(4, BAR);
    if domains.is_empty() {
        page.push("there are no domains".to_string());
    }
    for live in domains {
        let name = live.domain.name();
        let users = owners.get(name).map_or(0, |users| users.len());
        let users = match users {
            0 => "used by nobody".to_string(),
            1 => "used by 1 process".to_string(),
            users => format!("used by {users} processes"),
        };
        page.push(format!("{name}: {}, {users}", live.state));
        let mut part = |kinds: [Kind; 2], head: &str| {
            page.push(format!(
                "  {head:<16} {:>6} {:<width$} {:>8} {:>10}  links",
                "events", "", "inflight", "a second"
            ));
            let here = |line: &&Line<'_>| line.domain == name && kinds.contains(&line.object.kind);
            for line in lines.iter().filter(here) {
                let most = width as u64;
                let bar = (line.level.saturating_mul(most) / line.full.max(1)).min(most) as usize;
                let links = line.links.join(" ");
                let inflights = match line.object.kind {
                    Kind::LdbQueue | Kind::LdbPort => line.inflights.to_string(),
                    _ => "-".to_string(),
                };
                page.push(format!(
                    "  {:<16} {:>6} {:<width$} {inflights:>8} {:>10.0}  {}",
                    shorten(&line.object.name, 16),
                    line.level,
                    "#".repeat(bar),
                    line.rate,
                    line.note.as_ref().unwrap_or(&links)
                ));
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
