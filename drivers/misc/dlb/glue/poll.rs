// SPDX-License-Identifier: GPL-2.0

//! A wait queue for `poll`.
//!
//! [`kernel::sync::poll::PollCondVar`] waits for an RCU grace period when it is dropped, because it
//! can go while somebody polls. A domain can have over a hundred ports, and theirs never do: an open
//! file keeps its queue, and the VFS has taken all waiters off before it releases the file.
//!
//! C header: [`include/linux/poll.h`](srctree/include/linux/poll.h)

use kernel::{
    bindings,
    prelude::*,
    sync::LockClassKey,
    types::Opaque, //
};

extern "C" {
    /// `waitqueue_active`, see `helpers.c`.
    #[allow(improper_ctypes)]
    // A pointer to a C structure, of which C alone looks at the contents.
    fn dlb_queue_active(queue: *mut bindings::wait_queue_head) -> bool;
}

/// The wait queue of something that can be polled.
#[pin_data]
pub(crate) struct PollQueue {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
}

// SAFETY: A wait queue has a lock of its own and belongs to no thread.
unsafe impl Send for PollQueue {}
// SAFETY: As above.
unsafe impl Sync for PollQueue {}

impl PollQueue {
    /// Makes a queue with nobody in it.
    pub(crate) fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: The slot is ours to initialise, and stays in place because it is pinned. The
            // name and the key live as long as the kernel may look at them.
            head <- Opaque::ffi_init(|slot| unsafe {
                bindings::__init_waitqueue_head(slot, name.as_char_ptr(), key.as_ptr())
            }),
        })
    }

    /// Wakes everyone in the queue.
    pub(crate) fn wake_all(&self) {
        // SAFETY: The queue is initialised. TASK_NORMAL and a null key wake every waiter.
        unsafe {
            bindings::__wake_up(
                self.head.get(),
                bindings::TASK_NORMAL,
                0,
                core::ptr::null_mut(),
            )
        };
    }

    /// Whether anyone is in the queue. Without a lock: who comes or goes meanwhile may be missed.
    pub(crate) fn has_waiters(&self) -> bool {
        // SAFETY: The queue is initialised, and the function reads a pointer.
        unsafe { dlb_queue_active(self.head.get()) }
    }

    /// Adds the poller behind `table`, if there is one, to the queue.
    ///
    /// # Safety
    ///
    /// `file` and `table` must be what the VFS called `poll` with, and the queue must not be dropped
    /// before the file is released.
    pub(super) unsafe fn register(
        &self,
        file: *mut bindings::file,
        table: *mut bindings::poll_table_struct,
    ) {
        // SAFETY: By the requirements of this function.
        unsafe { bindings::poll_wait(file, self.head.get(), table) };
    }
}
