// SPDX-License-Identifier: GPL-2.0

//! Interrupt vectors by number, with handlers that may sleep.
//!
//! [`pci::Device::request_threaded_irq`] can name the first and the last of the vectors only, and
//! wants names that are known when the driver is built.
//!
//! C header: [`include/linux/interrupt.h`](srctree/include/linux/interrupt.h)

use core::{
    marker::PhantomPinned,
    ptr, //
};
use kernel::{
    bindings,
    device,
    error::to_result,
    pci,
    prelude::*,
    str::CString, //
};

use super::pci::raw;

/// Something that handles an interrupt in a thread of its own.
pub(crate) trait Handler: Send + Sync + 'static {
    /// The interrupt came.
    fn handle(&self);
}

/// A handler on a vector. Dropping it waits for a running handler and takes it off.
///
/// # Invariants
///
/// The handler is registered for `irq` with the address of this structure as its cookie.
#[pin_data(PinnedDrop)]
pub(crate) struct Registration<T: Handler> {
    irq: u32,
    // The kernel keeps the pointer to the name.
    name: CString,
    handler: T,
    #[pin]
    _pin: PhantomPinned,
}

impl<T: Handler> Registration<T> {
    /// Puts a handler on a vector of a device, which must have been allocated.
    pub(crate) fn new<'a>(
        dev: &'a pci::Device<device::Bound>,
        vector: u32,
        name: CString,
        handler: T,
    ) -> impl PinInit<Self, Error> + 'a
    where
        T: 'a,
    {
        try_pin_init!(&this in Self {
            irq: {
                // SAFETY: The device is valid.
                let irq = unsafe { bindings::pci_irq_vector(raw(dev), vector) };
                u32::try_from(irq).map_err(|_| Error::from_errno(irq))?
            },
            name,
            handler,
            _pin: {
                // SAFETY: The fields used here were initialised above, and stay where they are
                // because the structure is pinned. `drop` takes the handler off before they go.
                // Nothing is initialised after this, so a failure leaves no handler behind. Without
                // a primary handler the line must stay masked until the thread is done.
                //
                // INVARIANT: The handler is registered with our own address.
                unsafe {
                    let this = this.as_ptr();
                    to_result(bindings::request_threaded_irq(
                        (*this).irq,
                        None,
                        Some(Self::thread),
                        // CAST: A small constant.
                        bindings::IRQF_ONESHOT as c_ulong,
                        (*this).name.as_char_ptr(),
                        this.cast(),
                    ))?;
                }
                PhantomPinned
            },
        }? Error)
    }

    extern "C" fn thread(_irq: c_int, cookie: *mut c_void) -> bindings::irqreturn_t {
        // SAFETY: By the type invariant the cookie is the address of a registration, and `drop`
        // waits for this thread.
        let this = unsafe { &*cookie.cast_const().cast::<Self>() };
        this.handler.handle();
        bindings::irqreturn_IRQ_HANDLED
    }
}

#[pinned_drop]
impl<T: Handler> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        let cookie = ptr::from_ref(&*self).cast_mut().cast();
        // SAFETY: By the type invariant there is a handler with this cookie on this line.
        unsafe { bindings::free_irq(self.irq, cookie) };
    }
}
