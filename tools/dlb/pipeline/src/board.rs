// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! The memory that the processes share, to count, to check on each other, and to stop.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{ensure, Result};
use dlb::{Counters, SharedWords};

/// The most flows that events are spread over.
const FLOWS: usize = 256;

const STOP: usize = 0;
const GO: usize = 1;
const READY: usize = 2;
const FAILED: usize = 3;
const TICKET: usize = 4;
const SENT: usize = 5;
const FIRST: usize = 6;
const DONE: usize = 7;
const LATE: usize = 8;
const RATES: usize = 9;
const ROWS: usize = RATES + Rate::ALL.len();
const FIELDS: usize = 14;

/// Something whose speed is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// All events through all stages.
    Pipeline,
    /// One pass through the atomic queue.
    Atomic,
    /// One pass through the ordered queue.
    Ordered,
    /// One pass through the unordered queue.
    Unordered,
    /// One pass through the directed queue.
    Directed,
}

impl Rate {
    /// All of them.
    pub const ALL: [Rate; 5] = [
        Rate::Pipeline,
        Rate::Atomic,
        Rate::Ordered,
        Rate::Unordered,
        Rate::Directed,
    ];
}

/// What one process did. The fields up to `rated` are kept up to date; the rest is there when the
/// process has ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// Ordered events taken.
    pub ordered: u64,
    /// Atomic events taken.
    pub atomic: u64,
    /// Unordered events taken.
    pub unordered: u64,
    /// Directed events taken.
    pub directed: u64,
    /// Events taken while rates were measured.
    pub rated: u64,
    /// Whether the process has ended well.
    pub ended: bool,
    /// What its port counted.
    pub sent: u64,
    /// See [`Counters`].
    pub received: u64,
    /// See [`Counters`].
    pub elements: u64,
    /// See [`Counters`].
    pub lines: u64,
    /// See [`Counters`].
    pub empty: u64,
    /// See [`Counters`].
    pub interrupts: u64,
    /// See [`Counters`].
    pub system_calls: u64,
    /// Whether the kernel would have killed it for a system call.
    pub sealed: bool,
}

/// The shared memory. Row 0 is the source's, 1 the sink's, the others the workers'.
pub struct Board {
    words: SharedWords,
    rows: usize,
}

impl Board {
    /// Makes the memory for `workers` workers.
    pub fn create(path: &Path, workers: usize) -> io::Result<Self> {
        let rows = workers + 2;
        let words = SharedWords::create(path, ROWS + rows * FIELDS + FLOWS * 2)?;
        Ok(Board { words, rows })
    }

    /// Opens what another process made.
    pub fn open(path: &Path) -> io::Result<Self> {
        let words = SharedWords::open(path)?;
        let rows = (words.len() - ROWS - FLOWS * 2) / FIELDS;
        Ok(Board { words, rows })
    }

    fn get(&self, at: usize) -> u64 {
        self.words[at].load(Ordering::Acquire)
    }

    fn set(&self, at: usize, value: u64) {
        self.words[at].store(value, Ordering::Release);
    }

    /// Tells everybody to end.
    pub fn stop(&self) {
        self.set(STOP, 1);
    }

    /// Whether it is time to end.
    pub fn stopped(&self) -> bool {
        self.get(STOP) != 0
    }

    /// Says that a check has failed, and tells everybody to end.
    pub fn fail(&self) {
        self.set(FAILED, 1);
        self.stop();
    }

    /// Whether a check has failed.
    pub fn failed(&self) -> bool {
        self.get(FAILED) != 0
    }

    /// Says that one more process has opened its port.
    pub fn ready(&self) {
        self.words[READY].fetch_add(1, Ordering::AcqRel);
    }

    /// How many processes have opened their ports.
    pub fn readies(&self) -> u64 {
        self.get(READY)
    }

    /// Lets the source begin.
    pub fn go(&self) {
        self.set(GO, 1);
    }

    /// Whether the source may begin.
    pub fn gone(&self) -> bool {
        self.get(GO) != 0
    }

    /// Draws the next number, to see in what order workers finished.
    pub fn ticket(&self) -> u64 {
        self.words[TICKET].fetch_add(1, Ordering::AcqRel)
    }

    /// Events that the source has sent.
    pub fn sent(&self) -> u64 {
        self.get(SENT)
    }

    pub(crate) fn set_sent(&self, count: u64) {
        self.set(SENT, count);
    }

    /// Events that were at the sink once.
    pub fn first(&self) -> u64 {
        self.get(FIRST)
    }

    pub(crate) fn set_first(&self, count: u64) {
        self.set(FIRST, count);
    }

    /// Events that have made all the way.
    pub fn done(&self) -> u64 {
        self.get(DONE)
    }

    pub(crate) fn set_done(&self, count: u64) {
        self.set(DONE, count);
    }

    /// Ordered events that a worker finished after a later one was finished.
    pub fn late(&self) -> u64 {
        self.get(LATE)
    }

    pub(crate) fn set_late(&self, count: u64) {
        self.set(LATE, count);
    }

    /// How long a measurement took, in nanoseconds; 0 if it was not made.
    pub fn rate(&self, rate: Rate) -> u64 {
        self.get(RATES + rate as usize)
    }

    pub(crate) fn set_rate(&self, rate: Rate, nanoseconds: u64) {
        self.set(RATES + rate as usize, nanoseconds);
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn place(&self, row: usize) -> usize {
        assert!(row < self.rows);
        ROWS + row * FIELDS
    }

    /// What process `row` did.
    pub fn row(&self, row: usize) -> Row {
        let from = self.place(row);
        let get = |at: usize| self.get(from + at);
        Row {
            ordered: get(0),
            atomic: get(1),
            unordered: get(2),
            directed: get(3),
            rated: get(4),
            ended: get(5) != 0,
            sent: get(6),
            received: get(7),
            elements: get(8),
            lines: get(9),
            empty: get(10),
            interrupts: get(11),
            system_calls: get(12),
            sealed: get(13) != 0,
        }
    }

    /// Counts an event that process `row` has taken from the kind of queue in `field`.
    pub(crate) fn count(&self, row: usize, field: Field) {
        // Only this process writes here.
        let at = self.place(row) + field as usize;
        self.set(at, self.get(at) + 1);
    }

    /// Events that all processes took while rates were measured.
    pub(crate) fn rated(&self) -> u64 {
        (0..self.rows)
            .map(|row| self.get(self.place(row) + Field::Rated as usize))
            .sum()
    }

    /// Notes what the port of process `row` counted, and that the process has ended well.
    pub fn end(&self, row: usize, counters: &Counters) {
        let from = self.place(row);
        let values = [
            counters.sent,
            counters.received,
            counters.elements,
            counters.lines,
            counters.empty,
            counters.interrupts,
            counters.system_calls,
        ];
        for (at, value) in values.into_iter().enumerate() {
            self.set(from + 6 + at, value);
        }
        self.set(from + 5, 1);
    }

    /// Notes that the kernel kills process `row` for a system call.
    pub fn seal(&self, row: usize) {
        self.set(self.place(row) + 13, 1);
    }

    fn flow(&self, flow: u64) -> (&AtomicU64, &AtomicU64) {
        let at = ROWS + self.rows * FIELDS + flow as usize % FLOWS * 2;
        (&self.words[at], &self.words[at + 1])
    }

    /// Notes that process `row` has got event `sequence` of `flow` from the atomic queue.
    ///
    /// # Errors
    ///
    /// If another process holds an event of the flow, or the event is not the one that is next.
    pub(crate) fn hold(&self, row: usize, flow: u64, sequence: u64, flows: u64) -> Result<()> {
        let (holder, next) = self.flow(flow);
        // The holder is in the upper half, how many it holds in the lower.
        let own = (row as u64) << 32;
        let before = holder.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
            (now == 0 || now & !0xffff_ffff == own).then_some((now | own) + 1)
        });
        if let Err(other) = before {
            anyhow::bail!(
                "atomic: process {row} got event {sequence} of flow {flow}, which process {} holds",
                other >> 32
            );
        }
        let round = sequence / flows;
        let expected = next.swap(round + 1, Ordering::AcqRel);
        ensure!(
            expected == round,
            "atomic: flow {flow} is out of order: event number {round} came instead of {expected}"
        );
        Ok(())
    }

    /// Notes that process `row` lets go of an event of `flow`.
    pub(crate) fn let_go(&self, row: usize, flow: u64) {
        let (holder, _) = self.flow(flow);
        let own = (row as u64) << 32;
        let _ = holder.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
            Some(if now == own + 1 { 0 } else { now - 1 })
        });
    }
}

/// The kinds of queue that events are counted for.
#[derive(Clone, Copy)]
pub(crate) enum Field {
    Ordered = 0,
    Atomic = 1,
    Unordered = 2,
    Directed = 3,
    Rated = 4,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> (tempfile::TempDir, Board) {
        let dir = tempfile::tempdir().unwrap();
        let board = Board::create(&dir.path().join("board"), 2).unwrap();
        (dir, board)
    }

    #[test]
    fn a_flow_held_twice_is_noticed() {
        let (_dir, board) = board();
        board.hold(2, 5, 5, 10).unwrap();
        board.hold(2, 5, 15, 10).unwrap();
        assert!(board
            .hold(3, 5, 25, 10)
            .unwrap_err()
            .to_string()
            .contains("process 2 holds"));
        board.let_go(2, 5);
        board.let_go(2, 5);
        board.hold(3, 5, 25, 10).unwrap();
    }

    #[test]
    fn a_flow_out_of_order_is_noticed() {
        let (_dir, board) = board();
        board.hold(2, 1, 1, 10).unwrap();
        assert!(board
            .hold(2, 1, 21, 10)
            .unwrap_err()
            .to_string()
            .contains("out of order"));
    }

    #[test]
    fn another_process_sees_the_same() {
        let (dir, board) = board();
        let other = Board::open(&dir.path().join("board")).unwrap();
        board.count(3, Field::Rated);
        assert_eq!((other.rows(), other.row(3).rated, other.rated()), (4, 1, 1));
    }
}
