// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! What each process does.

use std::collections::VecDeque;
use std::hint::{black_box, spin_loop};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Result};
use dlb::{DirPort, DirQueue, Event, LdbPort, LdbQueue, NoCredit, Received, Schedule, Transport};

use crate::board::{Board, Field, Rate};

/// Where events go.
#[derive(Clone, Copy, Debug)]
pub struct Queues {
    /// Needs sequence numbers.
    pub ordered: LdbQueue,
    /// Needs atomic inflights.
    pub atomic: LdbQueue,
    /// Must not have sequence numbers.
    pub unordered: LdbQueue,
    /// That of the sink.
    pub directed: DirQueue,
}

/// What to do when there is nothing to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Look again.
    Poll,
    /// Sleep until the interrupt.
    Interrupt,
}

/// How much to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Events through the pipeline.
    pub events: u64,
    /// Events under way at a time.
    pub window: u64,
    /// Flows that the atomic events belong to, at most 256.
    pub flows: u64,
    /// Turns of an idle loop that a worker spends on an event, at most.
    pub work: u32,
    /// Events per measurement of a single queue; 0 for none.
    pub rated: u64,
}

// The message types, which tell a receiver where an event is on its way.
const OUTWARD: u8 = 0;
const RATED: u8 = 1;
const ORDERED: u8 = 2;
const FINAL: u8 = 3;

/// How long a sleep lasts at most, to see in time that it is over.
const NAP: Duration = Duration::from_millis(50);

/// How many events a worker takes before it works on them, so that it holds several.
const BURST: usize = 16;

/// An event's data is its number and something that the check of the next stage needs.
fn pack(sequence: u64, extra: u64) -> u64 {
    sequence | extra << 32
}

fn unpack(data: u64) -> (u64, u64) {
    (data & 0xffff_ffff, data >> 32)
}

/// Looks like work: takes a different time for every event.
fn work(sequence: u64, most: u32) {
    if most > 0 {
        let mut turns = (sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 % most;
        while black_box(turns) > 0 {
            turns -= 1;
        }
    }
}

/// Whether to go on trying; gives up when somebody else has failed.
fn again(board: &Board) -> Result<()> {
    ensure!(!board.failed(), "gave up because another process did");
    spin_loop();
    Ok(())
}

// Each role calls `ready` once it has all the memory that it needs.

/// Sends all events, a window at a time, then measures single queues.
pub fn source<T: Transport>(
    port: &DirPort<T>,
    board: &Board,
    queues: &Queues,
    plan: &Plan,
    idle: Idle,
    ready: impl FnOnce() -> Result<()>,
) -> Result<()> {
    ready()?;
    let pause = || {
        match idle {
            Idle::Poll => (),
            Idle::Interrupt => std::thread::sleep(Duration::from_micros(100)),
        }
        again(board)
    };
    let send = |mut event: Event| -> Result<()> {
        while let Err(NoCredit(back)) = port.send(event) {
            event = back;
            pause()?;
        }
        Ok(())
    };
    let wait = |reached: &dyn Fn() -> bool| -> Result<()> {
        if !reached() {
            port.flush();
        }
        while !reached() {
            pause()?;
        }
        Ok(())
    };

    while !board.gone() {
        pause()?;
    }
    let start = Instant::now();
    for sequence in 0..plan.events {
        wait(&|| sequence < board.done() + plan.window)?;
        send(Event::ordered(queues.ordered, sequence).message_type(OUTWARD))?;
        board.set_sent(sequence + 1);
    }
    wait(&|| board.done() == plan.events)?;
    board.set_rate(Rate::Pipeline, elapsed(start));

    let mut before = 0;
    for rate in &Rate::ALL[1..] {
        if plan.rated == 0 {
            break;
        }
        let start = Instant::now();
        for sequence in 0..plan.rated {
            // To look at every worker's count for every event would cost more than sending it.
            if sequence % 32 == 0 {
                wait(&|| before + sequence < board.rated() + plan.window)?;
            }
            let event = match rate {
                Rate::Atomic => {
                    Event::atomic(queues.atomic, (sequence % plan.flows) as u16, sequence)
                }
                Rate::Ordered => Event::ordered(queues.ordered, sequence),
                Rate::Unordered => Event::unordered(queues.unordered, sequence),
                Rate::Directed | Rate::Pipeline => Event::directed(queues.directed, sequence),
            };
            send(event.message_type(RATED))?;
        }
        before += plan.rated;
        wait(&|| board.rated() == before)?;
        board.set_rate(*rate, elapsed(start));
    }
    Ok(())
}

fn elapsed(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Takes events of every load-balanced queue and sends them to the next, until told to stop.
pub fn worker<T: Transport>(
    port: &LdbPort<T>,
    row: usize,
    board: &Board,
    queues: &Queues,
    plan: &Plan,
    idle: Idle,
    ready: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let mut burst = VecDeque::with_capacity(BURST);
    ready()?;
    let mut finals = 0;
    loop {
        while burst.len() < BURST {
            let Some(event) = port.receive() else { break };
            ensure!(!event.error(), "the device marked an event as damaged");
            if event.schedule() == Schedule::Atomic && event.message_type() == OUTWARD {
                let (sequence, _) = unpack(event.data());
                // The flow as it was meant, in case the device minds another.
                board.hold(row, sequence % plan.flows, sequence, plan.flows)?;
            }
            burst.push_back(event);
        }
        if burst.is_empty() {
            if board.stopped() {
                return Ok(());
            }
            match idle {
                Idle::Poll => spin_loop(),
                Idle::Interrupt => {
                    port.wait(Some(NAP))?;
                }
            }
        }
        while let Some(event) = burst.pop_front() {
            let (sequence, _) = unpack(event.data());
            let kind = (event.schedule(), event.message_type());
            match kind {
                (_, RATED) => {
                    event.release();
                    board.count(row, Field::Rated);
                }
                (Schedule::Ordered, OUTWARD) => {
                    work(sequence, plan.work);
                    board.count(row, Field::Ordered);
                    let data = pack(sequence, board.ticket());
                    let next = Event::directed(queues.directed, data).message_type(ORDERED);
                    forward(board, event, next)?;
                }
                (Schedule::Atomic, OUTWARD) => {
                    work(sequence, plan.work);
                    board.count(row, Field::Atomic);
                    board.let_go(row, sequence % plan.flows);
                    let next = Event::unordered(queues.unordered, event.data());
                    forward(board, event, next.message_type(OUTWARD))?;
                }
                (Schedule::Unordered, OUTWARD) => {
                    work(sequence, plan.work);
                    board.count(row, Field::Unordered);
                    let next = Event::directed(queues.directed, pack(sequence, finals))
                        .opaque(row as u16)
                        .message_type(FINAL);
                    finals += 1;
                    forward(board, event, next)?;
                }
                _ => bail!("a worker got an event of another kind: {event:?}"),
            }
        }
    }
}

fn forward<T: Transport>(board: &Board, mut event: Received<'_, T>, next: Event) -> Result<()> {
    while let Err(NoCredit((back, _))) = event.forward(next) {
        event = back;
        again(board)?;
    }
    Ok(())
}

/// Takes directed events: sends them on the first time, notes them the second time.
pub fn sink<T: Transport>(
    port: &DirPort<T>,
    board: &Board,
    queues: &Queues,
    plan: &Plan,
    idle: Idle,
    ready: impl FnOnce() -> Result<()>,
) -> Result<()> {
    const ROW: usize = 1;

    let mut seen = vec![false; plan.events as usize];
    let mut finals = vec![0; board.rows()];
    let mut waiting = VecDeque::with_capacity(plan.window as usize);
    ready()?;
    let (mut expected, mut last, mut late, mut done) = (0, 0, 0, 0);
    loop {
        let received = port.receive();
        if let Some(event) = received {
            ensure!(!event.error(), "the device marked an event as damaged");
            let (sequence, extra) = unpack(event.data());
            match event.message_type() {
                RATED => board.count(ROW, Field::Rated),
                ORDERED => {
                    ensure!(
                        sequence == expected,
                        "ordered: event {sequence} arrived where {expected} was expected"
                    );
                    expected += 1;
                    // The worker that finished later drew the higher ticket.
                    if extra < last {
                        late += 1;
                        board.set_late(late);
                    }
                    last = extra.max(last);
                    board.count(ROW, Field::Directed);
                    board.set_first(expected);
                    let flow = (sequence % plan.flows) as u16;
                    let next = Event::atomic(queues.atomic, flow, pack(sequence, 0));
                    waiting.push_back(next.message_type(OUTWARD));
                }
                FINAL => {
                    let worker = usize::from(event.opaque());
                    let place = seen.get_mut(sequence as usize);
                    let Some((place, next)) = place.zip(finals.get_mut(worker)) else {
                        bail!("directed: an event came that nobody sent: {event:?}");
                    };
                    ensure!(
                        !std::mem::replace(place, true),
                        "event {sequence} came twice"
                    );
                    ensure!(
                        extra == *next,
                        "directed: of worker {worker}, number {extra} came instead of {next}"
                    );
                    *next += 1;
                    done += 1;
                    board.count(ROW, Field::Directed);
                    board.set_done(done);
                }
                _ => bail!("directed: an event came that nobody sent: {event:?}"),
            }
        }
        while let Some(event) = waiting.pop_front() {
            if let Err(NoCredit(event)) = port.send(event) {
                waiting.push_front(event);
                break;
            }
        }
        if received.is_none() {
            if board.stopped() {
                ensure!(
                    board.failed() || waiting.is_empty(),
                    "events were left over"
                );
                return Ok(());
            }
            match idle {
                Idle::Interrupt if waiting.is_empty() => {
                    port.wait(Some(NAP))?;
                }
                Idle::Interrupt | Idle::Poll => spin_loop(),
            }
        }
    }
}
