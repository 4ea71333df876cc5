// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! `selftest`: events of every kind through a small domain that is there only for that.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dlb::{Credits, DirPort, DirQueue, Event, LdbPort, LdbQueue};
use dlb_config::plan::shortages;
use dlb_config::system::{self, Files};
use dlb_config::{file, Permissions, Plan, Topology};
use serde_json::json;

use crate::progress::Progress;
use crate::{change, interrupted, Context, Error};

/// What the domains of this command are called, before the number of the process.
const PREFIX: &str = "dlbctl-selftest.";

/// Events that are under way at a time.
const WINDOW: u32 = 32;

/// How long an event may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn selftest(
    context: &mut Context<'_>,
    device: Option<&str>,
    events: u32,
) -> Result<(), Error> {
    let devices = system::read_devices(context.files)?;
    let device = match (device, &devices[..]) {
        (_, []) => {
            return Err(Error::missing(
                "there is no device: `dlbctl doctor` knows more",
            ))
        }
        (None, [only]) => only,
        (None, _) => {
            return Err(Error::missing(
                "there are several devices: choose with --device",
            ))
        }
        (Some(name), all) => all
            .iter()
            .find(|device| device.name == name)
            .ok_or_else(|| Error::missing(format!("there is no device `{name}`")))?,
    };
    let lock = change::lock(context)?;
    clear(context)?;
    let name = format!("{PREFIX}{}", std::process::id());
    let numbers = device
        .sequence_numbers
        .values()
        .next()
        .copied()
        .unwrap_or(0);
    let wanted = topology(&name, &device.name, numbers)?;
    let plan = Plan::to(&wanted, Permissions::default(), context.files)?;
    let short = shortages(&wanted, &plan, context.files)?;
    if !short.is_empty() {
        let words: Vec<_> = short.iter().map(ToString::to_string).collect();
        return Err(Error::too_much(words.join("\n")));
    }
    let before = free(context.files, &device.name)?;
    context.perform(&plan)?;
    let during = free(context.files, &device.name);
    drop(lock);
    // From here on the domain is removed whatever happens.
    let result = measure(context, &name, numbers > 0, events);
    // Others come and go meanwhile, but not while the lock is held: what the domain took is to be
    // what it gives back.
    let lock = change::lock(context).ok().flatten();
    let full = free(context.files, &device.name);
    remove(context.files, &name)?;
    let after = free(context.files, &device.name)?;
    if lock.is_some() && taken(&before, &during?) != taken(&after, &full?) {
        return Err(Error::unwell(
            "the device did not get back all that the test had taken",
        ));
    }
    drop(lock);
    let results = result?;
    if context.json {
        let list: Vec<_> = results
            .iter()
            .map(|(what, rate)| json!({ "kind": what, "events": events, "per_second": rate }))
            .collect();
        return Ok(context.print_json(&json!({ "device": device.name, "results": list }))?);
    }
    for (what, rate) in results {
        context.say(format_args!(
            "{what:<10} {events} events, {rate:.0} a second"
        ))?;
    }
    Ok(context.say(format_args!("{} is well", device.name))?)
}

fn topology(name: &str, device: &str, numbers: u32) -> Result<Topology, Error> {
    let ordered = if numbers > 0 {
        format!("[domains.\"{name}\".ldb_queues.ordered]\nnum_sequence_numbers = {numbers}\nnum_atomic_inflights = 0\n")
    } else {
        String::new()
    };
    let also = if numbers > 0 { ", ordered = 0" } else { "" };
    let text = format!(
        "[domains.\"{name}\"]\n\
         device = \"{device}\"\n\
         {ordered}\
         [domains.\"{name}\".ldb_queues.atomic]\n\
         [domains.\"{name}\".ldb_queues.unordered]\n\
         num_atomic_inflights = 0\n\
         [domains.\"{name}\".ldb_ports.worker]\n\
         links = {{ atomic = 0, unordered = 0{also} }}\n\
         [domains.\"{name}\".dir_queues.out]\n\
         [domains.\"{name}\".dir_ports.port]\n\
         queue = \"out\"\n"
    );
    file::parse("selftest", &text).map_err(|problems| Error::wrong(&problems))
}

/// How much of what a device has is free.
fn free(files: &dyn Files, device: &str) -> Result<BTreeMap<String, u32>, Error> {
    let devices = system::read_devices(files)?;
    let mut free = devices
        .into_iter()
        .find(|other| other.name == device)
        .map(|device| device.available)
        .unwrap_or_default();
    // How long the longest run is depends on where others have theirs.
    free.remove("max_ctg_hl_entries");
    Ok(free)
}

/// How much more is free in `without` than in `with`.
fn taken(without: &BTreeMap<String, u32>, with: &BTreeMap<String, u32>) -> BTreeMap<String, i64> {
    let left = |name: &String| i64::from(with.get(name).copied().unwrap_or(0));
    without
        .iter()
        .map(|(name, count)| (name.clone(), i64::from(*count) - left(name)))
        .collect()
}

/// Removes the domains of runs that were killed before they could.
fn clear(context: &Context<'_>) -> Result<(), Error> {
    for name in system::domain_names(context.files)? {
        let process = name.strip_prefix(PREFIX).filter(|id| !id.is_empty());
        let gone = |id: &str| !context.root.join("proc").join(id).exists();
        if context.root.join("proc/self").exists() && process.is_some_and(gone) {
            remove(context.files, &name)?;
        }
    }
    Ok(())
}

fn remove(files: &dyn Files, name: &str) -> Result<(), Error> {
    if let Some(live) = system::read_domain(files, name)? {
        Plan::without(&[&live]).run(files, &|| false, |_| ())?;
    }
    Ok(())
}

fn measure(
    context: &Context<'_>,
    name: &str,
    has_ordered: bool,
    events: u32,
) -> Result<Vec<(&'static str, f64)>, Error> {
    let open = |e: dlb::Error| Error::failed(e);
    let domain = dlb::Domain::open_in(context.root, name).map_err(open)?;
    let credits = Credits::new(domain.credits().map_err(open)?);
    let worker = domain
        .ldb_port("worker")
        .and_then(|port| port.open(&credits))
        .map_err(open)?;
    let port = domain
        .dir_port("port")
        .and_then(|port| port.open(&credits))
        .map_err(open)?;
    let out = domain.dir_queue("out").map_err(open)?;
    let atomic = domain.ldb_queue("atomic").map_err(open)?;
    let unordered = domain.ldb_queue("unordered").map_err(open)?;

    let test = Test {
        worker: &worker,
        port: &port,
        out,
        events,
        progress: Progress::new(context.waiting),
    };
    let mut results = vec![
        ("directed", test.directed()?),
        (
            "unordered",
            test.balanced("unordered", |n| Event::unordered(unordered, n))?,
        ),
        (
            "atomic",
            test.balanced("atomic", |n| Event::atomic(atomic, (n % 7) as u16, n))?,
        ),
    ];
    if has_ordered {
        let ordered: LdbQueue = domain.ldb_queue("ordered").map_err(open)?;
        results.push((
            "ordered",
            test.balanced("ordered", |n| Event::ordered(ordered, n))?,
        ));
    }
    results.push(("interrupt", test.interrupts()?));
    Ok(results)
}

struct Test<'a> {
    worker: &'a LdbPort,
    port: &'a DirPort,
    out: DirQueue,
    events: u32,
    progress: Progress,
}

impl Test<'_> {
    /// Sends events of one kind, lets `work` move them on, and expects them at the port in order.
    fn run(
        &self,
        what: &str,
        event: impl Fn(u64) -> Event,
        mut work: impl FnMut() -> Result<(), Error>,
    ) -> Result<f64, Error> {
        let lost = || {
            Error::unwell(format!(
                "{what}: an event did not come back in {PATIENCE:?}"
            ))
        };
        let start = Instant::now();
        let (mut sent, mut back) = (0u32, 0u32);
        let mut last = start;
        while back < self.events {
            while sent < self.events && sent - back < WINDOW {
                if self.port.send(event(sent.into())).is_err() {
                    break;
                }
                sent += 1;
            }
            self.port.flush();
            self.progress
                .tell(|| format!("{what}: {back} of {} events", self.events));
            work()?;
            while let Some(entry) = self.port.receive() {
                if entry.data() != u64::from(back) {
                    let words = format!("{what}: event {} came where {back} was due", entry.data());
                    return Err(Error::unwell(words));
                }
                back += 1;
                last = Instant::now();
            }
            if interrupted() {
                return Err(Error::interrupted());
            }
            if last.elapsed() > PATIENCE {
                return Err(lost());
            }
        }
        Ok(f64::from(self.events) / start.elapsed().as_secs_f64())
    }

    fn directed(&self) -> Result<f64, Error> {
        self.run("directed", |n| Event::directed(self.out, n), || Ok(()))
    }

    fn balanced(&self, what: &str, event: impl Fn(u64) -> Event) -> Result<f64, Error> {
        self.run(what, event, || {
            while let Some(event) = self.worker.receive() {
                let next = Event::directed(self.out, event.data());
                // The window is smaller than the number of credits.
                event
                    .forward(next)
                    .map_err(|_| Error::unwell("a credit is missing"))?;
            }
            self.worker.flush();
            Ok(())
        })
    }

    /// One event at a time, each waited for by interrupt.
    fn interrupts(&self) -> Result<f64, Error> {
        let count = self.events.min(100);
        self.progress.tell(|| format!("interrupt: {count} of them"));
        let start = Instant::now();
        for n in 0..u64::from(count) {
            // Armed while nothing is there, or the interrupt would not be needed.
            if !self.port.arm() {
                return Err(Error::unwell("interrupt: an event came that was not sent"));
            }
            self.port
                .send(Event::directed(self.out, n))
                .map_err(|_| Error::unwell("a credit is missing"))?;
            self.port.flush();
            let before = self.port.counters().interrupts;
            let deadline = Instant::now() + PATIENCE;
            while self.port.counters().interrupts == before {
                let lost = || Error::unwell("interrupt: it did not come");
                if Instant::now() > deadline {
                    return Err(lost());
                }
                if !self.port.disarm().map_err(Error::failed)? {
                    std::thread::sleep(Duration::from_micros(100));
                }
            }
            if self.port.receive().map(|entry| entry.data()) != Some(n) {
                return Err(Error::unwell("interrupt: it came without its event"));
            }
        }
        Ok(f64::from(count) / start.elapsed().as_secs_f64())
    }
}
