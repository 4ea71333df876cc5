// SPDX-License-Identifier: GPL-2.0

//! Work that is done later, once, and that can be called off.
//!
//! [`kernel::workqueue`] cannot wait for what it was given, so a module cannot be removed safely
//! while something is queued.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use core::marker::PhantomPinned;
use kernel::{
    bindings,
    prelude::*,
    time::{
        msecs_to_jiffies,
        Msecs, //
    },
    types::Opaque, //
};

extern "C" {
    /// `INIT_DELAYED_WORK`, see `helpers.c`.
    #[allow(improper_ctypes)]
    // A pointer to a C structure, of which C alone looks at the contents.
    fn dlb_work_init(
        work: *mut bindings::delayed_work,
        func: unsafe extern "C" fn(*mut bindings::work_struct),
    );
    /// Queues the work unless it is queued already, see `helpers.c`.
    #[allow(improper_ctypes)] // As above.
    fn dlb_work_queue(work: *mut bindings::delayed_work, delay: c_ulong);
}

/// Something to do.
pub(crate) trait Run: Send + Sync + 'static {
    /// Does it, in a context that may sleep. Returns after how many milliseconds to come again.
    fn run(&self) -> Option<Msecs>;
}

/// A piece of work. Dropping it calls it off, and waits if it is running.
///
/// # Invariants
///
/// `work` is initialised, with [`Delayed::call`] as its function, and never moves.
#[repr(C)]
#[pin_data(PinnedDrop)]
pub(crate) struct Delayed<T: Run> {
    #[pin]
    work: Opaque<bindings::delayed_work>,
    what: T,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The work functions of C can be called from any thread, and `T` is `Send`.
unsafe impl<T: Run> Send for Delayed<T> {}
// SAFETY: As above, and `T` is `Sync`.
unsafe impl<T: Run> Sync for Delayed<T> {}

impl<T: Run> Delayed<T> {
    /// Makes a piece of work that is not queued.
    pub(crate) fn new(what: T) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: The slot is ours to initialise and stays in place.
            work <- Opaque::ffi_init(|slot| unsafe { dlb_work_init(slot, Self::call) }),
            what,
            _pin: PhantomPinned,
        })
    }

    /// Has the work done soon. Does nothing if it is queued already.
    pub(crate) fn queue(&self, delay: Msecs) {
        // SAFETY: By the type invariant.
        unsafe { dlb_work_queue(self.work.get(), msecs_to_jiffies(delay)) };
    }

    /// # Safety
    ///
    /// `work` must be in a [`Delayed<T>`].
    unsafe extern "C" fn call(work: *mut bindings::work_struct) {
        // SAFETY: By the type invariant this is the work in a `Delayed<T>`, which begins with a
        // `delayed_work`, which begins with a `work_struct`; `drop` waits for this function.
        let this = unsafe { &*work.cast_const().cast::<Self>() };
        if let Some(delay) = this.what.run() {
            this.queue(delay);
        }
    }
}

#[pinned_drop]
impl<T: Run> PinnedDrop for Delayed<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant. This also keeps the work from queueing itself again.
        unsafe { bindings::cancel_delayed_work_sync(self.work.get()) };
    }
}
