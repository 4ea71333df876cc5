// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Credits: the right to occupy storage in the device.
//!
//! Every event takes a credit when it is sent, and the device gives it back when it hands the event
//! to a consumer queue. An event without a credit is dropped by the device, so the ports of a domain
//! keep count together: a [`Credits`] pool, shared by all of them, in one process or in several.
//!
//! A port takes credits from the pool a batch at a time. The port that *receives* an event regains
//! its credit, when it completes the event, so a pure consumer hands credits back for the producers
//! to use. A port that dies
//! without being dropped (killed, say) takes the credits that it held with it, at most
//! [`CACHE`] of a kind, and those of the events in its consumer queue; they return when the
//! domain is enabled anew.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use crate::error::Error;
use crate::sys::SharedWords;

/// Credits that a port takes from the pool at once, unless the pool is small.
const BATCH: u32 = 32;

/// Credits of one kind that a port keeps at most while it has no use for them.
pub const CACHE: u32 = 2 * BATCH;

/// How many credits a domain has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// DLB 2.0: one kind for each type of queue.
    Split {
        /// For load-balanced queues.
        ldb: u32,
        /// For directed queues.
        dir: u32,
    },
    /// DLB 2.5: one kind for all queues.
    Combined(u32),
}

/// The kind of storage that a credit stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ldb = 0,
    Dir = 1,
}

enum Words {
    Private(Box<[AtomicU64]>),
    Shared(SharedWords),
}

// The pool is an array of words so that it looks the same in shared memory.
const MAGIC: usize = 0;
const COMBINED: usize = 1;
const TOTAL: usize = 2;
const FREE: usize = 4;
const WORDS: usize = 6;
const THIS_IS_A_POOL: u64 = u64::from_le_bytes(*b"dlbcred1");

/// The credits of a domain that nobody has taken. Clones share one pool.
///
/// Threads share a pool by cloning it:
///
/// ```
/// use dlb::{Counts, Credits};
///
/// let pool = Credits::new(Counts::Split { ldb: 1024, dir: 512 });
/// let for_another_thread = pool.clone();
/// assert_eq!(for_another_thread.free(), Counts::Split { ldb: 1024, dir: 512 });
/// ```
///
/// Processes share it through a file, best on a tmpfs such as `/dev/shm`:
///
/// ```
/// # use dlb::{Counts, Credits};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("credits");
/// let pool = Credits::create(&path, Counts::Combined(4096))?;
/// let in_another_process = Credits::open(&path)?;
/// assert_eq!(in_another_process.total(), Counts::Combined(4096));
/// # Ok::<(), dlb::Error>(())
/// ```
#[derive(Clone)]
pub struct Credits(Arc<Words>);

impl fmt::Debug for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credits")
            .field("total", &self.total())
            .field("free", &self.free())
            .finish()
    }
}

impl Credits {
    /// Makes a pool for the ports of this process.
    pub fn new(counts: Counts) -> Self {
        let words = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        let pool = Credits(Arc::new(Words::Private(words)));
        pool.fill(counts);
        pool
    }

    /// Makes a pool in a new file, for other processes to [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// If the file exists or cannot be made.
    pub fn create(path: impl AsRef<Path>, counts: Counts) -> Result<Self, Error> {
        let path = path.as_ref();
        let words = SharedWords::create(path, WORDS).map_err(|e| Error::io("create", path, e))?;
        let pool = Credits(Arc::new(Words::Shared(words)));
        pool.fill(counts);
        Ok(pool)
    }

    /// Joins a pool that another process has made.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or does not hold a pool.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let words = SharedWords::open(path).map_err(|e| Error::io("open", path, e))?;
        if words.len() != WORDS || words[MAGIC].load(Ordering::Acquire) != THIS_IS_A_POOL {
            let e = io::Error::new(io::ErrorKind::InvalidData, "not a pool of credits");
            return Err(Error::io("open", path, e));
        }
        Ok(Credits(Arc::new(Words::Shared(words))))
    }

    fn fill(&self, counts: Counts) {
        let (combined, first, second) = match counts {
            Counts::Split { ldb, dir } => (0, ldb, dir),
            Counts::Combined(all) => (1, all, 0),
        };
        let words = self.words();
        words[COMBINED].store(combined, Ordering::Relaxed);
        for (at, count) in [(0, first), (1, second)] {
            words[TOTAL + at].store(count.into(), Ordering::Relaxed);
            words[FREE + at].store(count.into(), Ordering::Relaxed);
        }
        // The magic is last: whoever sees it sees the rest.
        words[MAGIC].store(THIS_IS_A_POOL, Ordering::Release);
    }

    fn words(&self) -> &[AtomicU64] {
        match &*self.0 {
            Words::Private(words) => words,
            Words::Shared(words) => words,
        }
    }

    fn counts(&self, from: usize) -> Counts {
        let words = self.words();
        let load = |at: usize| words[from + at].load(Ordering::Relaxed) as u32;
        if self.is_combined() {
            Counts::Combined(load(0))
        } else {
            Counts::Split {
                ldb: load(0),
                dir: load(1),
            }
        }
    }

    /// What the pool was made with.
    pub fn total(&self) -> Counts {
        self.counts(TOTAL)
    }

    /// What no port holds and no event occupies.
    pub fn free(&self) -> Counts {
        self.counts(FREE)
    }

    pub(crate) fn is_combined(&self) -> bool {
        self.words()[COMBINED].load(Ordering::Relaxed) != 0
    }

    fn place(&self, kind: Kind) -> usize {
        if self.is_combined() {
            0
        } else {
            kind as usize
        }
    }

    /// Takes up to `want` credits, and says how many.
    pub(crate) fn take(&self, kind: Kind, want: u32) -> u32 {
        let free = &self.words()[FREE + self.place(kind)];
        let mut taken = 0;
        // The device counts on its own: no data is published by a credit, so no order is needed.
        let _ = free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            taken = now.min(want.into());
            now.checked_sub(taken).filter(|_| taken > 0)
        });
        taken as u32
    }

    /// Gives credits back. More than the total are never in the pool, whatever other processes do.
    pub(crate) fn give(&self, kind: Kind, count: u32) {
        if count == 0 {
            return;
        }
        let place = self.place(kind);
        let total = self.words()[TOTAL + place].load(Ordering::Relaxed);
        let _ =
            self.words()[FREE + place].fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
                Some(now.saturating_add(count.into()).min(total))
            });
    }
}

/// The credits that one port holds.
pub(crate) struct Cache {
    pool: Credits,
    held: [u32; 2],
    batch: [u32; 2],
    combined: bool,
}

impl Cache {
    pub(crate) fn new(pool: Credits) -> Self {
        let combined = pool.is_combined();
        // A small pool is shared out in small pieces.
        let batch = [0, 1].map(|at| {
            let total = pool.words()[TOTAL + at].load(Ordering::Relaxed);
            (total / 16).clamp(1, BATCH.into()) as u32
        });
        Cache {
            pool,
            held: [0; 2],
            batch,
            combined,
        }
    }

    fn place(&self, kind: Kind) -> usize {
        if self.combined {
            0
        } else {
            kind as usize
        }
    }

    #[cfg(test)]
    pub(crate) fn pool(&self) -> &Credits {
        &self.pool
    }

    /// Whether both kinds come out of one pot.
    pub(crate) fn same(&self, one: Kind, other: Kind) -> bool {
        self.combined || one == other
    }

    /// Spends a credit, if there is one.
    pub(crate) fn spend(&mut self, kind: Kind) -> bool {
        let place = self.place(kind);
        if self.held[place] == 0 {
            self.held[place] = self.pool.take(kind, self.batch[place]);
        }
        match self.held[place].checked_sub(1) {
            Some(rest) => {
                self.held[place] = rest;
                true
            }
            None => false,
        }
    }

    /// Regains the credit of a received event.
    pub(crate) fn regain(&mut self, kind: Kind) {
        let place = self.place(kind);
        self.held[place] += 1;
        if self.held[place] > 2 * self.batch[place] {
            self.pool.give(kind, self.held[place] - self.batch[place]);
            self.held[place] = self.batch[place];
        }
    }

    /// Gives all back, so that no idle port starves the others.
    pub(crate) fn give_all(&mut self) {
        for kind in [Kind::Ldb, Kind::Dir] {
            let place = self.place(kind);
            self.pool.give(kind, std::mem::take(&mut self.held[place]));
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.give_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_gives_no_more_than_it_has() {
        let pool = Credits::new(Counts::Split { ldb: 40, dir: 0 });
        assert_eq!(pool.take(Kind::Ldb, 32), 32);
        assert_eq!(pool.take(Kind::Ldb, 32), 8);
        assert_eq!(pool.take(Kind::Ldb, 32), 0);
        assert_eq!(pool.take(Kind::Dir, 1), 0);
        pool.give(Kind::Ldb, 50);
        assert_eq!(pool.free(), Counts::Split { ldb: 40, dir: 0 });
    }

    #[test]
    fn a_combined_pool_has_one_kind() {
        let pool = Credits::new(Counts::Combined(3));
        assert_eq!(pool.take(Kind::Dir, 2), 2);
        assert_eq!(pool.take(Kind::Ldb, 2), 1);
        pool.give(Kind::Ldb, 3);
        assert_eq!(pool.free(), Counts::Combined(3));
    }

    #[test]
    fn a_cache_never_hoards() {
        let pool = Credits::new(Counts::Split { ldb: 1000, dir: 10 });
        pool.take(Kind::Ldb, 1000);
        let mut cache = Cache::new(pool.clone());
        for _ in 0..1000 {
            cache.regain(Kind::Ldb);
            assert!(cache.held[0] <= CACHE);
        }
        assert!(cache.spend(Kind::Dir));
        drop(cache);
        assert_eq!(pool.free(), Counts::Split { ldb: 1000, dir: 9 });
    }

    #[test]
    fn threads_share_without_loss() {
        let pool = Credits::new(Counts::Split { ldb: 100, dir: 0 });
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut cache = Cache::new(pool.clone());
                    for _ in 0..10_000 {
                        if cache.spend(Kind::Ldb) {
                            cache.regain(Kind::Ldb);
                        }
                    }
                });
            }
        });
        assert_eq!(pool.free(), pool.total());
    }

    #[test]
    fn a_file_that_is_no_pool_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        assert!(Credits::open(&path).is_err());
        std::fs::write(&path, [0; WORDS * 8]).unwrap();
        assert!(Credits::open(&path)
            .unwrap_err()
            .to_string()
            .contains("not a pool"));
        assert!(Credits::create(&path, Counts::Combined(1)).is_err());
    }
}
