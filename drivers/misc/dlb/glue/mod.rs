// SPDX-License-Identifier: GPL-2.0

//! What the `kernel` crate of this kernel version does not offer.
//!
//! All unsafe code of the driver lives here. Each module is a small abstraction with a safe face, in
//! the style of `rust/kernel/`, and can be deleted when the crate grows it.

pub(crate) mod chrdev;
pub(crate) mod configfs;
pub(crate) mod debugfs;
pub(crate) mod dma;
mod hw;
pub(crate) mod irq;
pub(crate) mod mmio;
pub(crate) mod pci;
pub(crate) mod pm;
pub(crate) mod poll;
pub(crate) mod statics;
pub(crate) mod sysfs;
pub(crate) mod time;
pub(crate) mod trace;
pub(crate) mod vec;
pub(crate) mod vma;
pub(crate) mod work;
