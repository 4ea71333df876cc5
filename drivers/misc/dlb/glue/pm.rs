// SPDX-License-Identifier: GPL-2.0

//! Runtime power management, and the order in which functions sleep with the machine.
//!
//! C header: [`include/linux/pm_runtime.h`](srctree/include/linux/pm_runtime.h)

use kernel::{
    bindings,
    device,
    error::to_result,
    pci,
    prelude::*,
    sync::aref::ARef, //
};

use super::pci::{
    raw,
    raw_dev, //
};

extern "C" {
    // The functions of `helpers.c` that stand for inline functions of the header.
    #![allow(improper_ctypes)] // Pointers to C structures, of which C alone looks at the contents.
    fn dlb_pm_start(dev: *mut bindings::device, delay_ms: c_int);
    fn dlb_pm_stop(dev: *mut bindings::device);
    fn dlb_pm_recovered(dev: *mut bindings::device);
    fn dlb_pm_get(dev: *mut bindings::device) -> c_int;
    fn dlb_pm_put(dev: *mut bindings::device);
    fn dlb_pm_follow(vf: *mut bindings::pci_dev) -> bool;
    fn dlb_pm_unfollow(vf: *mut bindings::pci_dev);
}

/// Lets the device sleep when it has not been used for a while; to be called at the end of `probe`.
pub(crate) fn start(dev: &pci::Device<device::Core<'_>>, delay_ms: i32) {
    // SAFETY: The device is valid.
    unsafe { dlb_pm_start(raw_dev(dev.as_ref()), delay_ms) };
}

/// Undoes [`start`]; to be called at the beginning of `remove`.
pub(crate) fn stop(dev: &pci::Device<device::Core<'_>>) {
    // SAFETY: The device is valid.
    unsafe { dlb_pm_stop(raw_dev(dev.as_ref())) };
}

/// The device works, after a reset for example: if it failed to wake up before, it may be asked to
/// again, which the PM core would refuse otherwise.
pub(crate) fn recovered(dev: &pci::Device<device::Core<'_>>) {
    // SAFETY: The device is valid.
    unsafe { dlb_pm_recovered(raw_dev(dev.as_ref())) };
}

/// Wakes the device up and keeps it awake until [`put`].
pub(crate) fn get(dev: &device::Device) -> Result {
    // SAFETY: The device is valid.
    to_result(unsafe { dlb_pm_get(raw_dev(dev)) })
}

/// Undoes one [`get`].
pub(crate) fn put(dev: &device::Device) {
    // SAFETY: The device is valid.
    unsafe { dlb_pm_put(raw_dev(dev)) };
}

/// A virtual function that sleeps before its physical one does, with the machine, and wakes up
/// after it.
///
/// # Invariants
///
/// The virtual function has a link to the physical one, and this is what has made it.
pub(crate) struct Follower {
    vf: ARef<pci::Device>,
}

impl Follower {
    /// None if the physical function is not here, or there is no memory: the order is up to chance
    /// then.
    pub(crate) fn new(vf: &pci::Device<device::Core<'_>>) -> Option<Self> {
        // SAFETY: The device is valid, and a virtual function keeps its physical one.
        unsafe { dlb_pm_follow(raw(vf)) }.then(|| {
            // INVARIANT: The link was made.
            Self { vf: (&**vf).into() }
        })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // SAFETY: The device is valid, as we have a reference, and is bound until this is dropped,
        // so that it has its physical function. By the type invariant the link is ours.
        unsafe { dlb_pm_unfollow(raw(&self.vf)) };
    }
}
