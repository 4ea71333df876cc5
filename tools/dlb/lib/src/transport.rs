// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! What a port stands on: the mapped file of a real port, or a model of one in a test.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fs::{flock, FlockOperation};

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
        // Two who read one ring and give back its tokens would ruin it for each other. The lock
        // goes with the file, however its owner ends, and only who may use the port can take it.
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => (),
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Error::InUse { path: path.into() }),
            Err(e) => return Err(Error::io("lock", path, e.into())),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::PAGE;

    /// A plain file stands in for the device.
    #[test]
    fn a_port_has_one_user_at_a_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(2 * PAGE as u64).unwrap();
        let open = || Mapped::open(file.path(), PAGE, Store::Element);
        let first = open().unwrap();
        let refused = open().map(drop).unwrap_err();
        let words = format!(
            "{} is in use: a port has one user at a time",
            file.path().display()
        );
        assert_eq!(refused.to_string(), words);
        drop(first);
        let again = open().unwrap();
        // Whoever did not get it has not taken it away either.
        assert!(open().is_err());
        drop(again);
        assert!(open().is_ok());
    }
}
