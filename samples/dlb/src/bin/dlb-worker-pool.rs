// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! A pool of workers that sleep while there is nothing to do.
//!
//! ```sh
//! dlbctl apply worker-pool.toml
//! dlb-worker-pool
//! dlbctl destroy worker-pool
//! ```
//!
//! The boss sends jobs in bursts, with pauses; whichever worker the device chooses squares the
//! number and sends it back. Workers and boss wait by interrupt.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Result};
use dlb::{Counters, Credits, Domain, Event};

const WORKERS: [&str; 3] = ["worker0", "worker1", "worker2"];
const BURSTS: u64 = 20;
const JOBS: u64 = 100;

/// How long a worker sleeps before it looks whether the boss is done.
const NAP: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let domain = Domain::open("worker-pool")?;
    let credits = Credits::new(domain.credits()?);
    let done = AtomicBool::new(false);
    let workers = thread::scope(|scope| {
        let workers: Vec<_> = WORKERS
            .iter()
            .map(|name| scope.spawn(|| work(&domain, name, &credits, &done)))
            .collect();
        let result = lead(&domain, &credits);
        done.store(true, Ordering::Relaxed);
        let join = |worker: thread::ScopedJoinHandle<'_, Result<Counters>>| {
            worker.join().expect("a worker does not panic")
        };
        let workers: Result<Vec<Counters>> = workers.into_iter().map(join).collect();
        result.and(workers)
    })?;
    for (name, counters) in WORKERS.iter().zip(&workers) {
        println!(
            "{name}: {} jobs, {} interrupts, {:.2} system calls per job",
            counters.received,
            counters.interrupts,
            counters.system_calls as f64 / counters.received.max(1) as f64
        );
    }
    ensure!(
        workers.iter().all(|counters| counters.received > 0),
        "a worker had nothing to do"
    );
    Ok(())
}

fn lead(domain: &Domain, credits: &Credits) -> Result<()> {
    let jobs = domain.ldb_queue("jobs")?;
    let port = domain.dir_port("boss")?.open(credits)?;
    for burst in 0..BURSTS {
        for job in 0..JOBS {
            port.send(Event::unordered(jobs, burst * JOBS + job))?;
        }
        let (mut back, mut sum) = (0, 0);
        while back < JOBS {
            ensure!(
                port.wait(Some(Duration::from_secs(10)))?,
                "a job was not done"
            );
            while let Some(entry) = port.receive() {
                back += 1;
                sum += entry.data();
            }
        }
        let expected: u64 = (burst * JOBS..(burst + 1) * JOBS)
            .map(|job| job * job)
            .sum();
        ensure!(sum == expected, "a job was done wrong");
        thread::sleep(Duration::from_millis(5));
    }
    println!("{} jobs done", BURSTS * JOBS);
    Ok(())
}

fn work(domain: &Domain, name: &str, credits: &Credits, done: &AtomicBool) -> Result<Counters> {
    let results = domain.dir_queue("results")?;
    let port = domain.ldb_port(name)?.open(credits)?;
    while !done.load(Ordering::Relaxed) {
        port.wait(Some(NAP))?;
        while let Some(mut job) = port.receive() {
            let result = Event::directed(results, job.data() * job.data());
            // There are fewer jobs than credits at a time, but a port may hold some back.
            while let Err(full) = job.forward(result) {
                (job, _) = full.0;
                if done.load(Ordering::Relaxed) {
                    // The boss has given up: nobody is left who brings credits back.
                    return Ok(port.counters());
                }
                thread::yield_now();
            }
        }
    }
    Ok(port.counters())
}
