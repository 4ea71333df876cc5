// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! What a port stands on: the mapped file of a real port, or a model of one in a test.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags, Timespec};

use crate::error::Error;
use crate::qe::Hcw;
use crate::sys::{ProducerPage, Ring, Store};

/// The four ways in which a port touches the world.
pub trait Transport {
    /// Hands one to four elements to the device, in order.
    fn enqueue(&self, elements: &[Hcw]);

    /// Loads the `word`-th 64-bit word of the consumer queue, with acquire ordering.
    fn load(&self, word: usize) -> u64;

    /// Waits until the port has had an interrupt since the last [`take`](Self::take), at most for
    /// `timeout` (without end if `None`). Says whether it has, and how many system calls it took.
    fn wait(&self, timeout: Option<Duration>) -> (io::Result<bool>, u32);

    /// Takes the count of interrupts since last time, without waiting. One system call.
    fn take(&self) -> io::Result<u32>;
}

/// A port's device file, with its two mappings. Dropping it unmaps them.
pub struct Mapped {
    file: File,
    page: ProducerPage,
    ring: Ring,
}

impl Mapped {
    /// Opens `/dev/dlb<N>/<domain>/<port>`, whose ring has `bytes`.
    pub(crate) fn open(path: &Path, bytes: usize, store: Store) -> Result<Self, Error> {
        use std::os::unix::fs::OpenOptionsExt;

        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
            .open(path)
            .map_err(|e| Error::io("open", path, e))?;
        let page = ProducerPage::new(&file, store)
            .map_err(|e| Error::io("map the producer port of", path, e))?;
        let ring =
            Ring::new(&file, bytes).map_err(|e| Error::io("map the consumer queue of", path, e))?;
        Ok(Mapped { file, page, ring })
    }
}

impl AsFd for Mapped {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Transport for Mapped {
    fn enqueue(&self, elements: &[Hcw]) {
        self.page.enqueue(elements);
    }

    fn load(&self, word: usize) -> u64 {
        self.ring.load(word)
    }

    fn wait(&self, timeout: Option<Duration>) -> (io::Result<bool>, u32) {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut calls = 0;
        loop {
            let left = end.map(|end| {
                let left = end.saturating_duration_since(Instant::now());
                Timespec {
                    tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                    tv_nsec: left.subsec_nanos().into(),
                }
            });
            let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
            calls += 1;
            match poll(&mut fds, left.as_ref()) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(e) => return (Err(e.into()), calls),
                Ok(0) => return (Ok(false), calls),
                Ok(_) => {
                    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
                    if fds[0].revents().intersects(gone) {
                        return (Err(rustix::io::Errno::NODEV.into()), calls);
                    }
                    return (Ok(true), calls);
                }
            }
        }
    }

    fn take(&self) -> io::Result<u32> {
        let mut count = [0; 4];
        match rustix::io::read(&self.file, &mut count) {
            Ok(4) => Ok(u32::from_ne_bytes(count)),
            Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(rustix::io::Errno::AGAIN) => Ok(0),
            Err(e) => Err(e.into()),
        }
    }
}
