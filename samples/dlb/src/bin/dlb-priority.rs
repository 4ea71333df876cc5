// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Urgent events overtake bulk ones: between queues by the priority of the link, and inside a queue
//! by the priority of the event.
//!
//! ```sh
//! dlbctl apply priority.toml
//! dlb-priority
//! dlbctl destroy priority
//! ```

use std::time::{Duration, Instant};

use anyhow::{ensure, Result};
use dlb::{Credits, DirPort, Domain, Event, LdbPort};

const BULK: u64 = 200;
const URGENT: u64 = 10;

/// Events that the worker's ring holds: they were delivered before the urgent ones came.
const DELIVERED: usize = 8;

fn main() -> Result<()> {
    let domain = Domain::open("priority")?;
    let credits = Credits::new(domain.credits()?);
    let source = domain.dir_port("source")?.open(&credits)?;
    let worker = domain.ldb_port("worker")?.open(&credits)?;
    let (bulk, urgent) = (domain.ldb_queue("bulk")?, domain.ldb_queue("urgent")?);

    let by_link = run(&source, &worker, |n| match n < BULK {
        true => Event::unordered(bulk, n),
        false => Event::unordered(urgent, n),
    })?;
    report("by the priority of the link", &by_link)?;

    let by_event = run(&source, &worker, |n| match n < BULK {
        true => Event::unordered(bulk, n).priority(6),
        false => Event::unordered(bulk, n).priority(0),
    })?;
    report("by the priority of the event", &by_event)
}

/// Sends bulk events, then urgent ones, and only then takes them: in what order do they come?
fn run(source: &DirPort, worker: &LdbPort, event: impl Fn(u64) -> Event) -> Result<Vec<u64>> {
    for n in 0..BULK + URGENT {
        source.send(event(n))?;
    }
    source.flush();
    let start = Instant::now();
    let mut order = Vec::new();
    while order.len() < (BULK + URGENT) as usize {
        match worker.receive() {
            Some(event) => {
                order.push(event.data());
                event.release();
            }
            None => ensure!(
                start.elapsed() < Duration::from_secs(10),
                "an event is missing"
            ),
        }
    }
    worker.settle();
    Ok(order)
}

fn report(what: &str, order: &[u64]) -> Result<()> {
    let places: Vec<_> = order
        .iter()
        .enumerate()
        .filter(|(_, n)| **n >= BULK)
        .map(|(place, _)| place)
        .collect();
    let last = places.iter().max().copied().unwrap_or(usize::MAX);
    println!("{what}: {URGENT} urgent events, sent after {BULK} others, came at {places:?}");
    // The device lets a lower priority through once in a while, so that it does not starve.
    ensure!(
        last < DELIVERED + 2 * URGENT as usize,
        "they did not overtake"
    );
    Ok(())
}
