// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Packets are worked on by several workers and leave in the order in which they came.
//!
//! ```sh
//! dlbctl apply packets.toml
//! dlb-packets
//! dlbctl destroy packets
//! ```
//!
//! Packets stay in memory that all threads see; an event carries only which one it is. The workers
//! need different times for packets of different length, and drop those that are damaged: the order
//! of the rest is restored by the device, without a lock or a sequence number in software.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Result};
use dlb::{Credits, Domain, Event, NoCredit};

const WORKERS: [&str; 3] = ["worker0", "worker1", "worker2"];
const PACKETS: usize = 10_000;

/// Every so many, one is damaged.
const DAMAGED: usize = 100;

/// How long a thread sleeps before it looks whether all is over.
const NAP: Duration = Duration::from_millis(50);

struct Packet {
    payload: Vec<u8>,
    damaged: bool,
    /// What the worker computes.
    checksum: AtomicU32,
}

fn checksum(payload: &[u8]) -> u32 {
    payload
        .iter()
        .fold(1, |sum: u32, byte| sum.rotate_left(5) ^ u32::from(*byte))
}

fn main() -> Result<()> {
    let packets: Vec<_> = (0..PACKETS)
        .map(|at| Packet {
            payload: vec![at as u8; 64 + at * 37 % 1400],
            damaged: at % DAMAGED == 0,
            checksum: AtomicU32::new(0),
        })
        .collect();
    let domain = Domain::open("packets")?;
    let credits = Credits::new(domain.credits()?);
    let done = AtomicBool::new(false);
    let (finished, overtaken) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let (domain, credits, packets) = (&domain, &credits, &packets);
        let (done, overtaken, finished) = (&done, &overtaken, &finished);
        let mut threads: Vec<_> = WORKERS
            .iter()
            .map(|name| {
                scope.spawn(move || work(domain, name, credits, packets, finished, overtaken, done))
            })
            .collect();
        threads.push(scope.spawn(move || receive(domain, credits, done)));
        let result = transmit(domain, credits, packets);
        done.store(true, Ordering::Relaxed);
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"))
            .fold(Ok(()), Result::and)
            // That packets are missing is what follows if a thread fails.
            .and(result)
    })?;
    println!(
        "{} packets in order, {} damaged ones dropped; {} times a worker had overtaken another",
        PACKETS - PACKETS.div_ceil(DAMAGED),
        PACKETS.div_ceil(DAMAGED),
        overtaken.load(Ordering::Relaxed)
    );
    Ok(())
}

/// Plays the network card.
fn receive(domain: &Domain, credits: &Credits, done: &AtomicBool) -> Result<()> {
    let rx = domain.ldb_queue("rx")?;
    let port = domain.dir_port("nic")?.open(credits)?;
    for packet in 0..PACKETS as u64 {
        while let Err(NoCredit(_)) = port.send(Event::ordered(rx, packet)) {
            if done.load(Ordering::Relaxed) {
                return Ok(());
            }
            thread::sleep(Duration::from_micros(50));
        }
    }
    Ok(())
}

fn work(
    domain: &Domain,
    name: &str,
    credits: &Credits,
    packets: &[Packet],
    finished: &AtomicU64,
    overtaken: &AtomicU64,
    done: &AtomicBool,
) -> Result<()> {
    let tx = domain.dir_queue("tx")?;
    let port = domain.ldb_port(name)?.open(credits)?;
    while !done.load(Ordering::Relaxed) {
        port.wait(Some(NAP))?;
        while let Some(mut event) = port.receive() {
            let number = event.data();
            let packet = &packets[number as usize];
            if packet.damaged {
                event.release();
                continue;
            }
            packet
                .checksum
                .store(checksum(&packet.payload), Ordering::Relaxed);
            if finished.fetch_max(number, Ordering::Relaxed) > number {
                overtaken.fetch_add(1, Ordering::Relaxed);
            }
            while let Err(full) = event.forward(Event::directed(tx, number)) {
                (event, _) = full.0;
                if done.load(Ordering::Relaxed) {
                    // The wire has given up: nobody is left who brings credits back.
                    return Ok(());
                }
                thread::yield_now();
            }
        }
    }
    Ok(())
}

/// Plays the wire, and checks.
fn transmit(domain: &Domain, credits: &Credits, packets: &[Packet]) -> Result<()> {
    let port = domain.dir_port("wire")?.open(credits)?;
    let mut due = (0..PACKETS).filter(|at| !packets[*at].damaged).peekable();
    while due.peek().is_some() {
        ensure!(
            port.wait(Some(Duration::from_secs(20)))?,
            "a packet is missing"
        );
        while let Some(entry) = port.receive() {
            let number = entry.data() as usize;
            ensure!(
                due.next() == Some(number),
                "packet {number} is out of order"
            );
            let packet = &packets[number];
            let sum = packet.checksum.load(Ordering::Relaxed);
            ensure!(
                sum == checksum(&packet.payload),
                "packet {number} was not worked on"
            );
        }
    }
    Ok(())
}
