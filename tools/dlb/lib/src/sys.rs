// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! All the `unsafe` of this crate: mappings, and the instructions that reach a producer port.
//!
//! A mapping is owned by one value, lives until that value is dropped, and is only reached through
//! methods that check bounds. Nothing here knows what the bytes mean.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, __m128i, _mm_set_epi64x};
use std::arch::x86_64::{_mm_sfence, _mm_stream_si128};
use std::ffi::c_void;
use std::io;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};

use crate::qe::Hcw;

/// Bytes of a producer port's window.
pub(crate) const PAGE: usize = 4096;

/// How a line of queue elements is moved into a producer port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// `MOVDIR64B`: one atomic 64-byte store of four elements.
    Line,
    /// One 16-byte non-temporal store per element, all to the start of the page, a store fence
    /// after each.
    Element,
}

impl Store {
    /// What this processor can do best.
    pub fn detect() -> Self {
        // CPUID.(EAX=7,ECX=0):ECX[28] announces MOVDIR64B.
        // SAFETY: every x86-64 processor has CPUID, and leaf 7 is asked for only where leaf 0 says
        // that it exists. (Newer compilers know that these two are safe.)
        #[allow(unused_unsafe)]
        let ecx = unsafe {
            if __cpuid(0).eax < 7 {
                0
            } else {
                __cpuid_count(7, 0).ecx
            }
        };
        if ecx & 1 << 28 != 0 {
            Store::Line
        } else {
            Store::Element
        }
    }
}

/// A shared mapping of part of a file.
///
/// # Invariants
///
/// `start` is the page-aligned start of `len` mapped bytes that nobody else unmaps.
struct Map {
    start: NonNull<c_void>,
    len: usize,
}

impl Map {
    fn new(fd: impl AsFd, offset: u64, len: usize, prot: ProtFlags) -> io::Result<Self> {
        // SAFETY: with a null hint and without MAP_FIXED the kernel picks an unused range, so no
        // memory that something else relies on is replaced.
        let start = unsafe { mmap(ptr::null_mut(), len, prot, MapFlags::SHARED, fd, offset)? };
        // INVARIANT: the call succeeded, so `len` bytes are mapped at `start`.
        let start = NonNull::new(start).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Map { start, len })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: by the invariant the range is ours, and it is borrowed by nobody, because every
        // reference into it borrows from `self`. An error could only mean a wrong range.
        let _ = unsafe { munmap(self.start.as_ptr(), self.len) };
    }
}

// SAFETY: the mapping belongs to the process, not to a thread, and `Map` itself gives no access.
unsafe impl Send for Map {}
// SAFETY: as above; what the owners of a `Map` allow through a shared reference is theirs to argue.
unsafe impl Sync for Map {}

/// The mapped window of one producer port.
pub(crate) struct ProducerPage {
    map: Map,
    store: Store,
}

impl ProducerPage {
    pub(crate) fn new(fd: impl AsFd, store: Store) -> io::Result<Self> {
        let map = Map::new(fd, 0, PAGE, ProtFlags::READ | ProtFlags::WRITE)?;
        Ok(ProducerPage { map, store })
    }

    /// Hands up to four elements to the device, in order. Whatever the caller stored before is
    /// visible to whoever receives them.
    pub(crate) fn enqueue(&self, elements: &[Hcw]) {
        debug_assert!(elements.len() <= 4);
        match self.store {
            Store::Line => self.line(elements),
            Store::Element => self.elements(elements),
        }
    }

    fn line(&self, elements: &[Hcw]) {
        #[repr(align(64))]
        struct Line([Hcw; 4]);

        let mut line = Line([Hcw::NOOP; 4]);
        for (to, from) in line.0.iter_mut().zip(elements) {
            *to = *from;
        }
        // MOVDIR64B is ordered against nothing, so earlier stores are fenced off first.
        // SAFETY: `Store::Line` is chosen only where CPUID announces the instruction (or by a
        // caller who insists, and gets SIGILL). It reads the 64 bytes of `line`, and writes 64
        // bytes to the 64-byte-aligned start of the mapped page; the page is device memory that
        // no Rust reference ever points to.
        unsafe {
            _mm_sfence();
            asm!(
                "movdir64b {to}, [{from}]",
                to = in(reg) self.map.start.as_ptr(),
                from = in(reg) &line,
                options(nostack, preserves_flags),
            );
        }
    }

    fn elements(&self, elements: &[Hcw]) {
        let page = self.map.start.as_ptr().cast::<__m128i>();
        // An element that is left out is as good as a NOOP in its place: each 16-byte store is a
        // command of its own.
        for element in elements {
            let [low, high] = element.words();
            // SAFETY: SSE2 is part of x86-64. The store writes 16 bytes to the aligned start of the
            // mapped page, which no Rust reference ever points to. The fences before and after
            // keep the non-temporal store from passing, or being passed by, any other.
            unsafe {
                _mm_sfence();
                _mm_stream_si128(page, _mm_set_epi64x(high as i64, low as i64));
            }
        }
        // SAFETY: SSE is part of x86-64.
        unsafe { _mm_sfence() };
    }
}

/// The mapped memory of one consumer queue, which the device writes.
pub(crate) struct Ring {
    map: Map,
}

impl Ring {
    pub(crate) fn new(fd: impl AsFd, bytes: usize) -> io::Result<Self> {
        let len = bytes.div_ceil(PAGE) * PAGE;
        let map = Map::new(fd, PAGE as u64, len, ProtFlags::READ)?;
        Ok(Ring { map })
    }

    /// Loads the `index`-th 8 bytes. Loads of later code stay behind it.
    pub(crate) fn load(&self, index: usize) -> u64 {
        assert!(index < self.map.len / 8);
        let word = self.map.start.as_ptr().cast::<AtomicU64>();
        // SAFETY: in bounds by the assertion and aligned because the map is page-aligned. The
        // mapping outlives the reference, which does not leave this function, and the device,
        // which writes at any moment, writes naturally aligned words, as atomics require. An
        // 8-byte atomic load does not write on x86-64, so a read-only mapping will do.
        let word = unsafe { &*word.add(index) };
        word.load(Ordering::Acquire)
    }
}

/// An array of 64-bit atomics in a file that several processes map, for instance on a tmpfs.
///
/// A process that truncates the file while others use it makes them fail with SIGBUS; nothing worse
/// can be done through it than to write any value into any word.
///
/// ```
/// use std::sync::atomic::Ordering;
/// use dlb::SharedWords;
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("words");
/// let here = SharedWords::create(&path, 16)?;
/// let there = SharedWords::open(&path)?; // as another process would
/// here[3].store(42, Ordering::Release);
/// assert_eq!(there[3].load(Ordering::Acquire), 42);
/// assert_eq!(there.len(), 16);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct SharedWords {
    map: Map,
    words: usize,
}

impl SharedWords {
    /// Makes a file of `words` zeroes. The file must not exist yet; only its owner may open it.
    pub fn create(path: impl AsRef<std::path::Path>, words: usize) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;

        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.set_len(words as u64 * 8)?;
        Self::map(&file, words)
    }

    /// Maps a file that another process made.
    pub fn open(path: impl AsRef<std::path::Path>) -> io::Result<Self> {
        let file = std::fs::File::options().read(true).write(true).open(path)?;
        let words = usize::try_from(file.metadata()?.len() / 8)
            .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        Self::map(&file, words)
    }

    fn map(file: &std::fs::File, words: usize) -> io::Result<Self> {
        let map = Map::new(file, 0, words * 8, ProtFlags::READ | ProtFlags::WRITE)?;
        Ok(SharedWords { map, words })
    }
}

impl Deref for SharedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: the map holds `words * 8` bytes, page-aligned, readable and writable, for as long
        // as `self` lives. Any bit pattern is an `AtomicU64`, and all access in this process and,
        // through this type, in others is atomic.
        unsafe { std::slice::from_raw_parts(self.map.start.as_ptr().cast(), self.words) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    /// A plain file stands in for the device: what was stored can be read back.
    #[test]
    fn an_element_lands_at_the_start_of_the_page() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(PAGE as u64).unwrap();
        let page = ProducerPage::new(&file, Store::Element).unwrap();
        page.enqueue(&[Hcw::from_words([1, 2]), Hcw::from_words([3, 4])]);
        assert_eq!(first_words(&file), [3, 4, 0, 0]);
    }

    #[test]
    fn a_line_fills_the_unused_places_with_noops() {
        if Store::detect() != Store::Line {
            eprintln!("skipped: this processor has no MOVDIR64B");
            return;
        }
        let file = tempfile::tempfile().unwrap();
        file.set_len(PAGE as u64).unwrap();
        let page = ProducerPage::new(&file, Store::Line).unwrap();
        page.enqueue(&[Hcw::from_words([1, 2])]);
        assert_eq!(first_words(&file), [1, 2, 0, 0]);
    }

    #[test]
    fn a_ring_is_read_from_the_second_page() {
        use std::os::unix::fs::FileExt;

        let file = tempfile::tempfile().unwrap();
        file.set_len(2 * PAGE as u64).unwrap();
        file.write_all_at(&7u64.to_le_bytes(), PAGE as u64 + 8)
            .unwrap();
        let ring = Ring::new(&file, 128).unwrap();
        assert_eq!([ring.load(0), ring.load(1)], [0, 7]);
    }

    #[test]
    #[should_panic]
    fn a_load_behind_the_ring_is_refused() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(2 * PAGE as u64).unwrap();
        Ring::new(&file, 128).unwrap().load(512);
    }

    fn first_words(file: &File) -> [u64; 4] {
        use std::os::unix::fs::FileExt;

        let mut bytes = [0; 32];
        file.read_exact_at(&mut bytes, 0).unwrap();
        std::array::from_fn(|i| u64::from_le_bytes(bytes[i * 8..][..8].try_into().unwrap()))
    }
}
