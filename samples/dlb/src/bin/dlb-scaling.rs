// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Workers come and go with the load: ports are linked to a queue when it is long, and unlinked
//! when it is short, while events flow.
//!
//! ```sh
//! dlbctl apply scaling.toml
//! dlb-scaling
//! dlbctl destroy scaling
//! ```
//!
//! The depth of the queue is read from configfs, and links are written there, as a program that
//! only supervises would do it.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use dlb::{Credits, Domain, Event, NoCredit};

const WORKERS: [&str; 3] = ["worker0", "worker1", "worker2"];
const JOBS: u64 = 3000;

/// So many jobs come before anybody works.
const BURST: u64 = 1500;

/// A worker is added above the one, and taken away at or below the other.
const LONG: u32 = 200;
const SHORT: u32 = 10;

fn main() -> Result<()> {
    let domain = Domain::open("scaling")?;
    let credits = Credits::new(domain.credits()?);
    let handled: [AtomicU64; WORKERS.len()] = Default::default();
    let (open, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let most = thread::scope(|scope| {
        let workers: Vec<_> = WORKERS
            .iter()
            .zip(&handled)
            .map(|(name, handled)| {
                scope.spawn(|| work(&domain, name, &credits, handled, &open, &done))
            })
            .collect();
        let source = scope.spawn(|| send(&domain, &credits, &open, &done));
        let most = supervise(&domain, &handled);
        done.store(true, Ordering::Relaxed);
        source.join().expect("the source does not panic")?;
        for worker in workers {
            worker.join().expect("a worker does not panic")?;
        }
        most
    })?;
    for (name, handled) in WORKERS.iter().zip(&handled) {
        println!("{name}: {} jobs", handled.load(Ordering::Relaxed));
    }
    ensure!(
        most > 1,
        "the queue never became long enough for a second worker"
    );
    Ok(())
}

fn send(domain: &Domain, credits: &Credits, open: &AtomicBool, done: &AtomicBool) -> Result<()> {
    let jobs = domain.ldb_queue("jobs")?;
    let port = domain.dir_port("source")?.open(credits)?;
    for job in 0..JOBS {
        while let Err(NoCredit(_)) = port.send(Event::unordered(jobs, job)) {
            if done.load(Ordering::Relaxed) {
                // The supervisor has given up: nobody is left who brings credits back.
                return Ok(());
            }
            thread::sleep(Duration::from_micros(100));
        }
        if job == BURST {
            port.flush();
            open.store(true, Ordering::Relaxed);
        }
    }
    Ok(())
}

fn work(
    domain: &Domain,
    name: &str,
    credits: &Credits,
    handled: &AtomicU64,
    open: &AtomicBool,
    done: &AtomicBool,
) -> Result<()> {
    let port = domain.ldb_port(name)?.open(credits)?;
    while !open.load(Ordering::Relaxed) && !done.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(1));
    }
    while !done.load(Ordering::Relaxed) {
        port.wait(Some(Duration::from_millis(20)))?;
        while let Some(job) = port.receive() {
            thread::sleep(Duration::from_micros(200));
            job.release();
            handled.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Links and unlinks workers, until all jobs are done and all but the first are gone. Returns how
/// many there were at most.
fn supervise(domain: &Domain, handled: &[AtomicU64]) -> Result<usize> {
    let dir = domain.path().to_path_buf();
    let depth = dir.join("ldb_queues/jobs/depth");
    let links =
        |worker: usize| -> PathBuf { dir.join("ldb_ports").join(WORKERS[worker]).join("links") };
    let (mut linked, mut most) = (1, 1);
    let start = Instant::now();
    loop {
        let done: u64 = handled
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum();
        let waiting: u32 = fs::read_to_string(&depth)?.trim().parse()?;
        if waiting > LONG && linked < WORKERS.len() {
            fs::write(links(linked), "+jobs:0").context("cannot link")?;
            linked += 1;
            println!("{waiting} jobs wait: {linked} workers");
        } else if waiting <= SHORT && linked > 1 {
            linked -= 1;
            fs::write(links(linked), "-jobs").context("cannot unlink")?;
            println!("{waiting} jobs wait: {linked} workers");
        }
        most = most.max(linked);
        if done == JOBS && linked == 1 {
            return Ok(most);
        }
        ensure!(
            start.elapsed() < Duration::from_secs(60),
            "only {done} of {JOBS} jobs were done"
        );
        thread::sleep(Duration::from_millis(10));
    }
}
