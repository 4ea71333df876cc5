// SPDX-License-Identifier: GPL-2.0

//! What exists once per module.

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            AtomicFlag,
            Relaxed, //
        },
        global_lock, //
    }, //
};

use crate::{
    device::Seat,
    files::Files, //
};

global_lock! {
    // SAFETY: `init` is called first thing when the module is set up.
    pub(crate) unsafe(uninit) static DEVICES: Mutex<KVec<Seat>> = KVec::new();
}

global_lock! {
    // SAFETY: `init` is called first thing when the module is set up.
    pub(crate) unsafe(uninit) static FILES: Mutex<Files> = Files::new();
}

/// Makes the locks usable.
///
/// # Safety
///
/// Must be called once, before anything uses the locks.
unsafe fn init() {
    // SAFETY: By the requirements of this function.
    unsafe {
        DEVICES.init();
        FILES.init();
    }
}

/// Proof that the statics are usable.
pub(crate) struct Ready(());

impl Ready {
    /// Makes the statics usable, when the module is set up.
    ///
    /// # Errors
    ///
    /// EBUSY if they are already: somebody may hold one of the locks.
    pub(crate) fn new(_module: &'static ThisModule) -> Result<Self> {
        static DONE: AtomicFlag = AtomicFlag::new(false);

        if DONE.xchg(true, Relaxed) {
            return Err(EBUSY);
        }
        // SAFETY: Nobody comes here twice, and this is the first thing that the module does.
        unsafe { init() };
        Ok(Self(()))
    }
}
