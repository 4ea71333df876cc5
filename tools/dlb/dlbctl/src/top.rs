// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! `top`: the depths of queues, again and again.

use std::time::{Duration, Instant, SystemTime};

use dlb_config::schema::Kind;
use dlb_config::system::{self, LiveDomain};
use dlb_config::Object;
use serde_json::json;

use crate::cli::Top;
use crate::owners::owners;
use crate::{interrupted, Context, Error};

/// Where a bar of this many characters is full, the queue has reached its threshold.
const BAR: usize = 20;

pub(crate) fn top(context: &mut Context<'_>, arguments: &Top) -> Result<(), Error> {
    if arguments.csv {
        writeln!(context.out, "time,domain,kind,queue,depth,threshold,ports")?;
    }
    loop {
        let start = Instant::now();
        let domains = look(context, &arguments.domains)?;
        if arguments.csv {
            csv(context, &domains)?;
        } else if context.json {
            let queues: Vec<_> = domains.iter().flat_map(queues).map(|q| q.json()).collect();
            context.print_json(&json!({ "time": now(), "queues": queues }))?;
        } else {
            if context.terminal && !arguments.once {
                // To the top left corner, and clear what is below.
                write!(context.out, "\x1b[H\x1b[J")?;
            }
            page(context, &domains)?;
        }
        context.out.flush()?;
        if arguments.once {
            return Ok(());
        }
        let interval = Duration::from_secs_f64(arguments.interval);
        while start.elapsed() < interval {
            if interrupted() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50).min(interval));
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

/// A queue as it is now.
struct Queue<'a> {
    domain: &'a str,
    object: &'a Object,
    depth: u32,
    threshold: u32,
    ports: Vec<String>,
}

impl Queue<'_> {
    fn json(&self) -> serde_json::Value {
        json!({
            "domain": self.domain,
            "kind": self.object.kind.shelf(),
            "queue": self.object.name,
            "depth": self.depth,
            "threshold": self.threshold,
            "ports": self.ports,
        })
    }
}

fn queues(live: &LiveDomain) -> Vec<Queue<'_>> {
    let domain = &live.domain;
    let consumers = domain.consumers();
    let ldb = domain.shelf(Kind::LdbQueue).values().map(|queue| {
        let linked = domain
            .shelf(Kind::LdbPort)
            .values()
            .filter(|port| port.links().iter().any(|(name, _)| *name == queue.name));
        (queue, linked.map(|port| port.name.clone()).collect())
    });
    let dir = domain.shelf(Kind::DirQueue).values().map(|queue| {
        let port = consumers
            .get(queue.name.as_str())
            .map(|name| name.to_string());
        (queue, port.into_iter().collect())
    });
    ldb.chain(dir)
        .map(|(object, ports)| Queue {
            domain: domain.name(),
            object,
            depth: live.report(object, "depth").parse().unwrap_or(0),
            threshold: object.number("depth_threshold").unwrap_or(0),
            ports,
        })
        .collect()
}

fn csv(context: &mut Context<'_>, domains: &[LiveDomain]) -> Result<(), Error> {
    let time = now();
    for queue in domains.iter().flat_map(queues) {
        writeln!(
            context.out,
            "{time},{},{},{},{},{},{}",
            queue.domain,
            queue.object.kind.shelf(),
            queue.object.name,
            queue.depth,
            queue.threshold,
            queue.ports.join(" ")
        )?;
    }
    Ok(())
}

fn page(context: &mut Context<'_>, domains: &[LiveDomain]) -> Result<(), Error> {
    let owners = owners(context.root);
    if domains.is_empty() {
        writeln!(context.out, "there are no domains")?;
    }
    for live in domains {
        let name = live.domain.name();
        let users = owners.get(name).map_or(0, |users| users.len());
        writeln!(
            context.out,
            "{name}: {}, used by {users} processes",
            live.state
        )?;
        writeln!(
            context.out,
            "  {:<20} {:>6}  {:<BAR$}  ports",
            "queue", "depth", "of threshold"
        )?;
        for queue in queues(live) {
            let full = queue.depth as usize * BAR / queue.threshold.max(1) as usize;
            let mut note = queue.ports.join(" ");
            let enabled = |port: &str| {
                let ports = live.domain.shelf(Kind::LdbPort).get(port);
                ports
                    .or_else(|| live.domain.shelf(Kind::DirPort).get(port))
                    .is_some_and(|port| port.value("enabled") == "1")
            };
            if queue.depth > 0 && !queue.ports.iter().any(|port| enabled(port)) {
                note = "no enabled port takes from it".to_string();
            }
            writeln!(
                context.out,
                "  {:<20} {:>6}  {:<BAR$}  {note}",
                shorten(&queue.object.name, 20),
                queue.depth,
                "#".repeat(full.min(BAR))
            )?;
        }
    }
    Ok(())
}

fn shorten(text: &str, width: usize) -> String {
    if text.len() <= width {
        return text.to_string();
    }
    // Names are ASCII.
    format!("{}~", text.get(..width - 1).unwrap_or(text))
}
