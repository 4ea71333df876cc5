// SPDX-License-Identifier: GPL-2.0

//! Mappings into user space that can be taken away again.
//!
//! A page is inserted on first access, under the lock that also guards its removal. Inserting pages
//! in `mmap` already would leave a hole: the mapping is not yet known to the address space then, so
//! that a removal at this moment would not find it.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h)

use core::{
    marker::PhantomData,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    error::from_err_ptr,
    mm::virt::VmaNew,
    prelude::*, //
};

extern "C" {
    /// Exported, but its header is not among those that the `kernel` crate binds.
    #[allow(improper_ctypes)]
    // Pointers to C structures, of which C alone looks at the contents.
    fn anon_inode_create_getfile(
        name: *const c_char,
        fops: *const bindings::file_operations,
        private: *mut c_void,
        flags: c_int,
        context: *const bindings::inode,
    ) -> *mut bindings::file;

    /// Whether `VM_MAYSHARE` is set. The constant of the `kernel` crate of 7.2 will not do: it has
    /// the value of `VM_MAYEXEC`. See `helpers.c`.
    #[allow(improper_ctypes)] // As above.
    fn dlb_vma_shared(vma: *const bindings::vm_area_struct) -> bool;

    /// Sets the flags and the protection of a mapping of page frames, see `helpers.c`.
    #[allow(improper_ctypes)] // As above.
    fn dlb_vma_setup(vma: *mut bindings::vm_area_struct, device: bool, writable: bool);
}

/// An address space of our own: it knows all mappings made through the files that refer to it.
///
/// The inode that a device file is opened by will not do, because a device can have several.
///
/// # Invariants
///
/// `file` is a reference to a file with an inode of its own.
pub(crate) struct AddressSpace {
    file: NonNull<bindings::file>,
}

// SAFETY: The C functions called on the file and its address space do their own locking.
unsafe impl Send for AddressSpace {}
// SAFETY: As above.
unsafe impl Sync for AddressSpace {}

impl AddressSpace {
    /// Makes an address space, with an anonymous inode behind it.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The operations belong to the kernel itself, so the file may outlive the module:
        // its last reference is dropped late. Nobody but us ever sees this file.
        let file = from_err_ptr(unsafe {
            anon_inode_create_getfile(
                c"[dlb]".as_char_ptr(),
                &raw const bindings::generic_ro_fops,
                ptr::null_mut(),
                c_int::try_from(bindings::O_RDWR)?,
                ptr::null(),
            )
        })?;
        // INVARIANT: We got a reference to a new file with a new inode.
        Ok(Self {
            file: NonNull::new(file).ok_or(ENOMEM)?,
        })
    }

    /// The C view.
    pub(super) fn as_ptr(&self) -> *mut bindings::address_space {
        // SAFETY: By the type invariant the file is valid.
        unsafe { (*self.file.as_ptr()).f_mapping }
    }

    /// Takes all pages out of all mappings.
    ///
    /// What inserts pages must by now refuse to do so, or must wait for this to return.
    pub(crate) fn unmap_all(&self) {
        // SAFETY: The address space is valid. A length of zero stands for everything.
        unsafe { bindings::unmap_mapping_range(self.as_ptr(), 0, 0, 1) };
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this reference is ours.
        unsafe { bindings::fput(self.file.as_ptr()) };
    }
}

/// How a mapping is set up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Device memory: uncached, writable.
    Device,
    /// Memory that the device writes: read-only, and no way to make it otherwise.
    ReadOnly,
}

/// A mapping that is being set up by `mmap`.
pub(crate) struct NewMapping<'a> {
    vma: *mut bindings::vm_area_struct,
    kind: core::cell::Cell<Option<Kind>>,
    _lifetime: PhantomData<&'a VmaNew>,
}

impl NewMapping<'_> {
    /// # Safety
    ///
    /// `vma` must be a mapping that is being set up, with the lock of its address space held for
    /// writing for the lifetime of the result.
    pub(super) unsafe fn from_raw(vma: *mut bindings::vm_area_struct) -> Self {
        Self {
            vma,
            kind: core::cell::Cell::new(None),
            _lifetime: PhantomData,
        }
    }

    fn vma(&self) -> &VmaNew {
        // SAFETY: By the requirements of `from_raw`.
        unsafe { VmaNew::from_raw(self.vma) }
    }

    /// The first page of the file that is mapped.
    pub(crate) fn first_page(&self) -> usize {
        // SAFETY: By the requirements of `from_raw` the mapping is valid and not shared yet.
        unsafe { (*self.vma).vm_pgoff }
    }

    /// The number of pages.
    pub(crate) fn pages(&self) -> usize {
        self.vma().end().saturating_sub(self.vma().start()) >> kernel::page::PAGE_SHIFT
    }

    /// Whether changes are meant to be seen by others (`MAP_SHARED`).
    pub(crate) fn shared(&self) -> bool {
        // SAFETY: By the requirements of `from_raw`.
        unsafe { dlb_vma_shared(self.vma) }
    }

    /// Whether the mapping is writable.
    pub(crate) fn writable(&self) -> bool {
        self.vma().writable()
    }

    /// Whether code in the mapping could be executed.
    pub(crate) fn executable(&self) -> bool {
        self.vma().executable()
    }

    /// Says what the mapping is for.
    pub(crate) fn set_kind(&self, kind: Kind) {
        self.kind.set(Some(kind));
    }

    /// Sets the mapping up, once the driver has agreed to it.
    pub(super) fn finish(&self) -> Result {
        let kind = self.kind.get().ok_or(EINVAL)?;
        // `vmf_insert_pfn` must not see a private mapping that could become writable.
        if !self.shared() {
            return Err(EINVAL);
        }
        if kind == Kind::ReadOnly && self.writable() {
            return Err(EPERM);
        }
        // SAFETY: By the requirements of `from_raw`.
        unsafe { dlb_vma_setup(self.vma, kind == Kind::Device, kind == Kind::Device) };
        Ok(())
    }
}

/// What became of a page fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultResult {
    /// There is none: the process gets SIGBUS.
    Bus,
    /// What inserting the page said.
    Raw(bindings::vm_fault_t),
}

impl FaultResult {
    pub(super) fn into_raw(self) -> bindings::vm_fault_t {
        match self {
            FaultResult::Bus => bindings::vm_fault_reason_VM_FAULT_SIGBUS,
            FaultResult::Raw(raw) => raw,
        }
    }
}

/// A page frame that may be shown to user space.
///
/// Only [`Region::pfn`] and [`CqMemory::pfn`] make these, and only of memory that is the driver's to
/// give.
///
/// [`Region::pfn`]: super::pci::Region::pfn
/// [`CqMemory::pfn`]: super::dma::CqMemory::pfn
#[derive(Clone, Copy)]
pub(crate) struct Pfn(pub(super) usize);

/// An access to a page that is not there.
pub(crate) struct Fault<'a> {
    vmf: *mut bindings::vm_fault,
    _lifetime: PhantomData<&'a bindings::vm_fault>,
}

impl Fault<'_> {
    /// # Safety
    ///
    /// `vmf` must be a valid fault for the lifetime of the result, in a mapping that
    /// [`NewMapping::finish`] has set up.
    pub(super) unsafe fn from_raw(vmf: *mut bindings::vm_fault) -> Self {
        Self {
            vmf,
            _lifetime: PhantomData,
        }
    }

    fn vma(&self) -> *mut bindings::vm_area_struct {
        // SAFETY: By the requirements of `from_raw`.
        unsafe { (*self.vmf).__bindgen_anon_1.vma }
    }

    /// The file that is mapped.
    pub(super) fn file(&self) -> *mut bindings::file {
        // SAFETY: By the requirements of `from_raw`; a mapping of a file has a file.
        unsafe { (*self.vma()).vm_file }
    }

    /// The page of the file that was accessed.
    pub(crate) fn page(&self) -> usize {
        // SAFETY: By the requirements of `from_raw`.
        unsafe { (*self.vmf).__bindgen_anon_1.pgoff }
    }

    /// Makes the page frame visible at the address of the fault.
    ///
    /// It has to be taken away with [`AddressSpace::unmap_all`] before the memory goes to somebody
    /// else.
    pub(crate) fn insert(&self, pfn: Pfn) -> FaultResult {
        // SAFETY: By the requirements of `from_raw` the mapping is valid, and was set up for page
        // frames.
        FaultResult::Raw(unsafe {
            bindings::vmf_insert_pfn(self.vma(), (*self.vmf).__bindgen_anon_1.address, pfn.0)
        })
    }
}
