// SPDX-License-Identifier: GPL-2.0

//! Memory that the device writes and that is shown to user space.
//!
//! C header: [`include/linux/dma-mapping.h`](srctree/include/linux/dma-mapping.h)

use kernel::{
    bindings,
    device,
    dma::Coherent,
    error::to_result,
    page::PAGE_SIZE,
    pci,
    prelude::*, //
};

use super::{
    pci::raw_dev,
    vma::Pfn, //
};

extern "C" {
    /// Looks up the page frames of coherent memory, see `helpers.c`.
    #[allow(improper_ctypes)]
    // A pointer to a C structure, of which C alone looks at the contents.
    fn dlb_coherent_pfns(
        dev: *mut bindings::device,
        cpu: *mut c_void,
        dma: bindings::dma_addr_t,
        size: usize,
        pfns: *mut c_ulong,
        num: usize,
    ) -> c_int;
}

/// The memory of a consumer queue: whole pages, zeroed, coherent.
pub(crate) struct CqMemory {
    mem: Coherent<[u8]>,
    pfns: KVec<c_ulong>,
}

impl CqMemory {
    /// Allocates at least `bytes` bytes.
    ///
    /// The memory must be dropped before the device is unbound, and not before the device has
    /// stopped writing it and all mappings of it are gone.
    pub(crate) fn new(dev: &pci::Device<device::Bound>, bytes: usize) -> Result<Self> {
        let size = bytes
            .checked_next_multiple_of(PAGE_SIZE)
            .filter(|&size| size != 0)
            .ok_or(EINVAL)?;
        let mem = Coherent::<u8>::zeroed_slice(dev.as_ref(), size, GFP_KERNEL)?;
        let mut pfns = KVec::from_elem(0, size >> kernel::page::PAGE_SHIFT, GFP_KERNEL)?;
        // SAFETY: The address, the handle and the size describe one allocation of this device, and
        // there is room for as many numbers as we say.
        to_result(unsafe {
            dlb_coherent_pfns(
                raw_dev(dev.as_ref()),
                mem.as_mut_ptr().cast(),
                mem.dma_handle(),
                size,
                pfns.as_mut_ptr(),
                pfns.len(),
            )
        })?;
        Ok(Self { mem, pfns })
    }

    /// Where the device finds the memory.
    pub(crate) fn dma_handle(&self) -> u64 {
        self.mem.dma_handle()
    }

    /// The page frame number of a page.
    pub(crate) fn pfn(&self, page: usize) -> Option<Pfn> {
        self.pfns.get(page).copied().map(Pfn)
    }

    /// The number of pages.
    pub(crate) fn pages(&self) -> usize {
        self.pfns.len()
    }
}
