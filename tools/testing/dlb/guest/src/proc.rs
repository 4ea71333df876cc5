// SPDX-License-Identifier: GPL-2.0

//! Processes that tests start, kill and wait for.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::errno::{self, Errno};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Exit(i32),
    Signal(i32),
}

/// A process forked off this one; killed and waited for when dropped.
pub struct Child {
    pid: libc::pid_t,
    ended: Option<End>,
}

impl Child {
    /// Runs the closure in a process of its own; its value is the exit status.
    ///
    /// Tests are single-threaded when they fork, so the child may do anything.
    pub fn run(body: impl FnOnce() -> i32) -> Result<Self, Errno> {
        let _ = std::io::stdout().flush();
        // SAFETY: This process has one thread here, so the child's memory is consistent.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(errno::last());
        }
        if pid == 0 {
            // SAFETY: prctl with these arguments only asks for a signal when the parent dies.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let status = body();
            let _ = std::io::stdout().flush();
            // SAFETY: Ends the process without running anything of the parent's at exit.
            unsafe { libc::_exit(status) };
        }
        Ok(Self { pid, ended: None })
    }

    pub fn kill(&self) {
        if self.ended.is_none() {
            // SAFETY: The process is this one's own child and was not waited for yet.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
        }
    }

    fn look(&mut self, flags: i32) -> Option<End> {
        if self.ended.is_none() {
            let mut status = 0;
            // SAFETY: The status has room; the process is this one's own child.
            let got = unsafe { libc::waitpid(self.pid, &mut status, flags) };
            if got == self.pid {
                self.ended = Some(if libc::WIFSIGNALED(status) {
                    End::Signal(libc::WTERMSIG(status))
                } else {
                    End::Exit(libc::WEXITSTATUS(status))
                });
            }
        }
        self.ended
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> Option<End> {
        self.look(0)
    }

    /// Waits for the end for at most `limit`.
    pub fn wait_within(&mut self, limit: Duration) -> Option<End> {
        let until = Instant::now() + limit;
        loop {
            if let Some(end) = self.look(libc::WNOHANG) {
                return Some(end);
            }
            if Instant::now() > until {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.kill();
            let _ = self.wait();
        }
    }
}

/// A pipe for single bytes, to start processes at one moment and to hear from them.
pub struct Pipe {
    pub from: i32,
    pub to: i32,
}

impl Pipe {
    pub fn new() -> Result<Self, Errno> {
        let mut fds = [0; 2];
        // SAFETY: pipe(2) writes two descriptors into an array of two.
        if unsafe { libc::pipe(fds.as_mut_ptr()) } < 0 {
            return Err(errno::last());
        }
        Ok(Self {
            from: fds[0],
            to: fds[1],
        })
    }

    /// Sends one number.
    pub fn send(&self, value: u8) {
        // SAFETY: One byte is written from a byte.
        unsafe { libc::write(self.to, (&raw const value).cast(), 1) };
    }

    /// Receives one number, or nothing when it took too long.
    pub fn receive(&self, limit: Duration) -> Option<u8> {
        let mut fds = libc::pollfd {
            fd: self.from,
            events: libc::POLLIN,
            revents: 0,
        };
        let mut value = 0u8;
        // SAFETY: One `pollfd` is passed and one is there.
        if unsafe { libc::poll(&mut fds, 1, limit.as_millis() as i32) } != 1 {
            return None;
        }
        // SAFETY: One byte is read into a byte.
        let n = unsafe { libc::read(self.from, (&raw mut value).cast(), 1) };
        (n == 1).then_some(value)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // SAFETY: Both descriptors are this value's own.
        unsafe {
            libc::close(self.from);
            libc::close(self.to);
        }
    }
}

/// A repeatable stream of numbers (xorshift), so that a failure can be run again.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Sleeps for up to so many microseconds.
    pub fn nap(&mut self, micros: u64) {
        std::thread::sleep(Duration::from_micros(self.below(micros)));
    }
}
