// SPDX-License-Identifier: GPL-2.0

//! Device memory at offsets that are known at run time only.
//!
//! [`kernel::io::Mmio`] checks offsets when the driver is built. The registers of this device stand
//! in tables over several gigabytes and are addressed by queue and port number, so here they are
//! checked on each access.

use core::ptr::NonNull;
use kernel::{
    bindings,
    prelude::*, //
};

extern "C" {
    /// Writes a 64-byte line to a producer port, see `helpers.c`.
    fn dlb_pp_line(to: *mut c_void, line: *const c_void);
}

/// A mapped piece of device memory.
///
/// # Invariants
///
/// `base` is the start of a mapping of `len` bytes of device memory.
pub(crate) struct Window {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: The mapping belongs to no thread, and it is device memory: the accessors below make no
// assumption that an access from elsewhere could break.
unsafe impl Send for Window {}
// SAFETY: As above.
unsafe impl Sync for Window {}

impl Window {
    /// Maps device memory, uncached.
    ///
    /// # Safety
    ///
    /// The range must be device memory that the caller has a claim to.
    pub(super) unsafe fn new(addr: u64, len: usize) -> Result<Self> {
        // SAFETY: Any range may be handed to `ioremap`, which checks it; that its contents may be
        // accessed is required of the caller.
        let base = unsafe { bindings::ioremap(addr, len) };
        // INVARIANT: `ioremap` has mapped `len` bytes, or returned null.
        Ok(Self {
            base: NonNull::new(base.cast()).ok_or(ENOMEM)?,
            len,
        })
    }

    /// The address of `size` bytes at `offset`, if they lie in the window and are aligned.
    fn at(&self, offset: usize, size: usize) -> Option<NonNull<c_void>> {
        if offset.checked_add(size)? > self.len || offset % 4 != 0 {
            return None;
        }
        // SAFETY: The result points into the mapping, as was just checked.
        Some(unsafe { self.base.add(offset) }.cast())
    }

    /// Reads a register. Outside of the window everything reads as it does from a device that does
    /// not answer: all ones.
    pub(crate) fn read32(&self, offset: usize) -> u32 {
        match self.at(offset, 4) {
            // SAFETY: By `at`, these are four bytes of mapped device memory.
            Some(addr) => unsafe { bindings::readl(addr.as_ptr()) },
            None => !0,
        }
    }

    /// Writes a register. Outside of the window nothing happens.
    pub(crate) fn write32(&self, offset: usize, value: u32) {
        if let Some(addr) = self.at(offset, 4) {
            // SAFETY: By `at`, these are four bytes of mapped device memory.
            unsafe { bindings::writel(value, addr.as_ptr()) };
        }
    }

    /// Writes a 64-byte line as one store, or as 16-byte stores to its first bytes where the
    /// processor has no 64-byte store: the two forms that a producer port takes.
    pub(crate) fn write_line(&self, offset: usize, line: &[u64; 8]) {
        if offset % 64 != 0 {
            return;
        }
        if let Some(addr) = self.at(offset, 64) {
            // SAFETY: By `at`, these are 64 bytes of mapped device memory, and `line` is as long.
            unsafe { dlb_pp_line(addr.as_ptr(), line.as_ptr().cast()) };
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, `base` came from `ioremap`.
        unsafe { bindings::iounmap(self.base.as_ptr().cast()) };
    }
}
