// SPDX-License-Identifier: GPL-2.0

//! A port driven by hand: the device file, its two mappings, 16-byte stores and loads.
//!
//! Written apart from the data-path library, so that a test may do what the library refuses, and
//! so that a fault of the library is not mistaken for one of the driver.

use std::arch::x86_64::{__m128i, _mm_set_epi64x, _mm_sfence, _mm_stream_si128};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{fence, Ordering};
use std::time::{Duration, Instant};

use crate::errno::{self, Errno};

pub const PAGE: usize = 4096;

/// Bytes of one entry of a sparse consumer queue.
pub const STRIDE: usize = 64;

/// Commands of a producer port.
pub mod cmd {
    pub const BAT_T: u8 = 1;
    pub const REL: u8 = 2;
    pub const ARM: u8 = 5;
    pub const NEW: u8 = 8;
    pub const FWD: u8 = 10;
}

/// Scheduling types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sched {
    Atomic = 0,
    Unordered = 1,
    Ordered = 2,
    Directed = 3,
}

/// One command as the device takes it: two little-endian words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hcw {
    pub lo: u64,
    pub hi: u64,
}

impl Hcw {
    pub fn send(cmd: u8, qid: u8, sched: Sched, prio: u8, flow: u16, data: u64) -> Self {
        let byte11 = sched as u64 | u64::from(prio & 7) << 2;
        Self {
            lo: data,
            hi: u64::from(qid) << 16 | byte11 << 24 | u64::from(flow) << 32 | u64::from(cmd) << 56,
        }
    }

    pub fn bare(cmd: u8) -> Self {
        Self {
            lo: 0,
            hi: u64::from(cmd) << 56,
        }
    }

    /// Gives `count` tokens back; `count` is at least one.
    pub fn tokens(count: u16) -> Self {
        Self {
            lo: 0,
            hi: u64::from(count - 1) << 32 | u64::from(cmd::BAT_T) << 56,
        }
    }
}

/// One entry as it lies in a consumer queue.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub data: u64,
    pub sched: u8,
    pub depth: u8,
}

/// A mapping that goes away with the value.
pub struct Map {
    pub at: *mut u8,
    pub len: usize,
}

impl Map {
    /// mmap(2) as it is, error number and all.
    pub fn new(file: &File, prot: i32, flags: i32, len: usize, offset: i64) -> Result<Self, Errno> {
        // SAFETY: A new mapping at an address of the kernel's choice disturbs nothing.
        let at = unsafe { libc::mmap(ptr::null_mut(), len, prot, flags, file.as_raw_fd(), offset) };
        if at == libc::MAP_FAILED {
            return Err(errno::last());
        }
        Ok(Self { at: at.cast(), len })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: The range is this value's own mapping, and nothing refers to it any more.
        unsafe { libc::munmap(self.at.cast(), self.len) };
    }
}

/// How many entries the ring of a port of this depth has.
pub fn ring(depth: usize) -> usize {
    depth.max(8)
}

/// Bytes to map for the consumer queue of a port of this depth.
pub fn cq_bytes(depth: usize) -> usize {
    (ring(depth) * STRIDE).next_multiple_of(PAGE)
}

/// An open port with both mappings.
pub struct Port {
    pub file: File,
    pp: Map,
    cq: Map,
    entries: usize,
    next: usize,
    generation: bool,
}

impl Port {
    /// Opens and maps.
    pub fn open(node: &Path, depth: usize) -> Result<Self, Errno> {
        let file = OpenOptions::new().read(true).write(true).open(node)?;
        let pp = Map::new(
            &file,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            PAGE,
            0,
        )?;
        let cq = Map::new(
            &file,
            libc::PROT_READ,
            libc::MAP_SHARED,
            cq_bytes(depth),
            PAGE as i64,
        )?;
        Ok(Self {
            file,
            pp,
            cq,
            entries: ring(depth),
            next: 0,
            generation: true,
        })
    }

    /// Hands one command to the device.
    pub fn push(&self, hcw: Hcw) {
        // SAFETY: The producer page is mapped for writing for the life of `pp`, and its start is
        // aligned; SSE2 is part of x86-64. If the mapping was revoked the store raises SIGBUS,
        // which ends the process and is what tests look for.
        unsafe {
            _mm_sfence();
            _mm_stream_si128(
                self.pp.at.cast::<__m128i>(),
                _mm_set_epi64x(hcw.hi as i64, hcw.lo as i64),
            );
            _mm_sfence();
        }
    }

    /// Whether an entry waits, without taking it.
    pub fn ready(&self) -> bool {
        // SAFETY: `next` is below `entries`, so the entry lies in the mapping.
        let high = unsafe { self.entry().add(1).read_volatile() };
        (high >> 56 & 1 != 0) == self.generation
    }

    fn entry(&self) -> *const u64 {
        // SAFETY: As above; entries are 64 bytes apart, so aligned.
        unsafe { self.cq.at.add(self.next * STRIDE).cast() }
    }

    /// Takes the next entry, if there is one. The token stays with the caller.
    pub fn pop(&mut self) -> Option<Entry> {
        // SAFETY: As in `ready`.
        let high = unsafe { self.entry().add(1).read_volatile() };
        if (high >> 56 & 1 != 0) != self.generation {
            return None;
        }
        fence(Ordering::Acquire);
        // SAFETY: As in `ready`.
        let data = unsafe { self.entry().read_volatile() };
        self.next += 1;
        if self.next == self.entries {
            self.next = 0;
            self.generation = !self.generation;
        }
        Some(Entry {
            data,
            sched: (high >> 24) as u8 & 3,
            depth: (high >> 57) as u8 & 3,
        })
    }

    /// Takes the next entry, spinning for at most `limit`.
    pub fn pop_within(&mut self, limit: Duration) -> Option<Entry> {
        let until = Instant::now() + limit;
        loop {
            if let Some(entry) = self.pop() {
                return Some(entry);
            }
            if Instant::now() > until {
                return None;
            }
            std::thread::yield_now();
        }
    }

    /// poll(2) for reading; the events that came, or 0 when the time ran out.
    pub fn poll(&self, limit: Duration) -> Result<i16, Errno> {
        poll(&self.file, limit)
    }

    /// read(2) of the interrupt count with a buffer of this length.
    pub fn read_count(&self, len: usize) -> Result<u32, Errno> {
        read_count(&self.file, len)
    }
}

/// poll(2) of one file for reading.
pub fn poll(file: &File, limit: Duration) -> Result<i16, Errno> {
    let mut fds = libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: One `pollfd` is passed and one is there.
    let n = unsafe { libc::poll(&mut fds, 1, limit.as_millis() as i32) };
    if n < 0 {
        return Err(errno::last());
    }
    Ok(fds.revents)
}

/// read(2) of at most eight bytes; the first four as a number.
pub fn read_count(file: &File, len: usize) -> Result<u32, Errno> {
    let mut bytes = [0u8; 8];
    // SAFETY: No more bytes are asked for than the buffer has.
    let n = unsafe { libc::read(file.as_raw_fd(), bytes.as_mut_ptr().cast(), len.min(8)) };
    match n {
        4 => Ok(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        n if n < 0 => Err(errno::last()),
        _ => Err(errno::EIO),
    }
}
