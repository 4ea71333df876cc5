// SPDX-License-Identifier: GPL-2.0

//! PCI: a driver adapter with every callback that a driver of a whole device needs, and the pieces
//! of the PCI API around it.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use core::{
    marker::PhantomData,
    mem::offset_of,
    ptr, //
};
use kernel::{
    bindings,
    device,
    driver,
    error::{
        from_result,
        to_result, //
    },
    new_mutex,
    page::PAGE_SIZE,
    pci,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    },
    types::Opaque, //
};

use super::{
    mmio::Window,
    sysfs::Groups,
    vma::Pfn, //
};

/// How the device is reached after an error, as the PCI core reports it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChannelState {
    /// Registers can still be reached.
    Normal,
    /// Registers cannot be reached until the slot was reset.
    Frozen,
    /// The device is lost.
    PermanentFailure,
}

/// What a driver wants the PCI core to do about an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Nothing is known to be wrong: go on.
    CanRecover,
    /// Reset the slot.
    NeedReset,
    /// Give the device up.
    Disconnect,
    /// The device works again.
    Recovered,
}

impl Recovery {
    fn into_raw(self) -> bindings::pci_ers_result_t {
        match self {
            Recovery::CanRecover => bindings::pci_ers_result_PCI_ERS_RESULT_CAN_RECOVER,
            Recovery::NeedReset => bindings::pci_ers_result_PCI_ERS_RESULT_NEED_RESET,
            Recovery::Disconnect => bindings::pci_ers_result_PCI_ERS_RESULT_DISCONNECT,
            Recovery::Recovered => bindings::pci_ers_result_PCI_ERS_RESULT_RECOVERED,
        }
    }
}

/// A PCI driver.
///
/// Unlike [`pci::Driver`] the private data must be `Sync`, because sysfs, interrupts and power
/// management reach it at the same time.
pub(crate) trait Driver: 'static {
    /// What the driver keeps per bound device.
    type Data: Send + Sync + 'static;
    /// The devices that the driver serves.
    const ID_TABLE: pci::IdTable<()>;

    /// The attribute groups of a bound device.
    fn groups() -> &'static Groups<Self::Data>;

    /// A device appeared.
    fn probe(dev: &pci::Device<device::Core<'_>>, binding: Arc<Binding>) -> Result<Self::Data>;

    /// The device goes.
    fn remove(dev: &pci::Device<device::Core<'_>>, data: &Self::Data);

    /// The machine goes down, or another kernel is about to start.
    fn shutdown(dev: &pci::Device<device::Core<'_>>, data: &Self::Data);

    /// The device is about to be reset.
    fn reset_prepare(dev: &pci::Device<device::Core<'_>>, data: &Self::Data);

    /// The device was reset.
    fn reset_done(dev: &pci::Device<device::Core<'_>>, data: &Self::Data);

    /// The bus reported an error.
    fn error_detected(
        dev: &pci::Device<device::Core<'_>>,
        data: &Self::Data,
        state: ChannelState,
    ) -> Recovery;

    /// The slot was reset after an error.
    fn slot_reset(dev: &pci::Device<device::Core<'_>>, data: &Self::Data) -> Recovery;

    /// The bus is back to normal operation.
    fn error_resume(dev: &pci::Device<device::Core<'_>>, data: &Self::Data);

    /// The user wants so many virtual functions; none means that they shall go. Returns how many
    /// there are now.
    fn sriov_configure(
        dev: &pci::Device<device::Core<'_>>,
        data: &Self::Data,
        num_vfs: u32,
    ) -> Result<u32>;

    /// The device is about to lose its state, to save power; `system` tells the sleep of the whole
    /// machine from that of this device only.
    fn suspend(dev: &pci::Device<device::Core<'_>>, data: &Self::Data, system: bool) -> Result;

    /// The device has power again.
    fn resume(dev: &pci::Device<device::Core<'_>>, data: &Self::Data, system: bool) -> Result;
}

/// A device, with the knowledge whether this driver is bound to it.
///
/// Configuration and open files outlive the device and reach it from outside of its callbacks.
#[pin_data]
pub(crate) struct Binding {
    dev: ARef<pci::Device>,
    #[pin]
    bound: Mutex<bool>,
}

impl Binding {
    /// Calls `f` with the device, if the driver is bound to it, and keeps it bound meanwhile.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&pci::Device<device::Bound>) -> R) -> Option<R> {
        let bound = self.bound.lock();
        if !*bound {
            return None;
        }
        // CAST: The context is a marker without representation.
        let dev = ptr::from_ref::<pci::Device>(&self.dev).cast::<pci::Device<device::Bound>>();
        // SAFETY: The device is valid, as we have a reference. The driver is bound to it: `remove`
        // and a failed `probe` clear the flag before they return, which they cannot do while the
        // lock is held.
        Some(f(unsafe { &*dev }))
    }

    /// The device, bound or not.
    pub(crate) fn device(&self) -> &pci::Device {
        &self.dev
    }

    fn unbind(&self) {
        *self.bound.lock() = false;
    }
}

/// What the adapter keeps per device.
pub(crate) struct Private<T: Send + Sync + 'static> {
    data: T,
    binding: Arc<Binding>,
}

/// The private data of a bound device.
///
/// # Safety
///
/// `dev` must be bound to a [`Driver`] with data `D`, and stay so for the lifetime of the result.
pub(super) unsafe fn data<'a, D: Send + Sync + 'static>(dev: *mut bindings::device) -> &'a D {
    // SAFETY: By the requirements of this function the device is valid and bound, and what is
    // stored there then is a `Private<D>`.
    unsafe {
        let dev = &*dev.cast::<device::Device<device::CoreInternal<'_>>>();
        &dev.drvdata_borrow::<Private<D>>().get_ref().data
    }
}

/// Registers a [`Driver`] with the PCI core, by way of [`driver::Registration`].
pub(crate) struct Adapter<T: Driver>(PhantomData<T>);

// SAFETY:
// - `bindings::pci_driver` is a C type declared as `repr(C)`,
// - `Private<T::Data>` is what `probe` hands to `set_drvdata`,
// - `DEVICE_DRIVER_OFFSET` is the offset of the `struct device_driver` embedded in it.
unsafe impl<T: Driver> driver::DriverLayout for Adapter<T> {
    type DriverType = bindings::pci_driver;
    type DriverData<'bound> = Private<T::Data>;
    const DEVICE_DRIVER_OFFSET: usize = offset_of!(bindings::pci_driver, driver);
}

// SAFETY: `unregister` undoes exactly what a successful `register` did.
unsafe impl<T: Driver> driver::RegistrationOps for Adapter<T> {
    unsafe fn register(
        pdrv: &Opaque<Self::DriverType>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        // SAFETY: Nobody else knows of `pdrv` before it is registered.
        unsafe {
            let pdrv = &mut *pdrv.get();
            pdrv.name = name.as_char_ptr();
            pdrv.id_table = T::ID_TABLE.as_ptr();
            pdrv.probe = Some(Self::probe);
            pdrv.remove = Some(Self::remove);
            pdrv.shutdown = Some(Self::shutdown);
            pdrv.sriov_configure = Some(Self::sriov_configure);
            pdrv.err_handler = &Self::ERROR_HANDLERS;
            pdrv.dev_groups = T::groups().as_ptr().cast_mut();
            pdrv.driver.pm = &Self::PM_OPS;
        }
        // SAFETY: `pdrv` is complete, and stays in place until `unregister` by the requirements of
        // this function.
        to_result(unsafe {
            bindings::__pci_register_driver(pdrv.get(), module.as_ptr(), name.as_char_ptr())
        })
    }

    unsafe fn unregister(pdrv: &Opaque<Self::DriverType>) {
        // SAFETY: `pdrv` is registered, by the requirements of this function.
        unsafe { bindings::pci_unregister_driver(pdrv.get()) }
    }
}

impl<T: Driver> Adapter<T> {
    const ERROR_HANDLERS: bindings::pci_error_handlers = bindings::pci_error_handlers {
        error_detected: Some(Self::error_detected),
        slot_reset: Some(Self::slot_reset),
        reset_prepare: Some(Self::reset_prepare),
        reset_done: Some(Self::reset_done),
        resume: Some(Self::error_resume),
        ..pin_init::zeroed()
    };

    const PM_OPS: bindings::dev_pm_ops = bindings::dev_pm_ops {
        suspend: Some(Self::system_suspend),
        resume: Some(Self::system_resume),
        freeze: Some(Self::system_suspend),
        thaw: Some(Self::system_resume),
        poweroff: Some(Self::system_suspend),
        restore: Some(Self::system_resume),
        runtime_suspend: Some(Self::runtime_suspend),
        runtime_resume: Some(Self::runtime_resume),
        ..pin_init::zeroed()
    };

    /// Calls `f` with the private data of a device.
    ///
    /// Some callbacks can come while a probe is under way, or after one failed: there is no data
    /// then, and `f` is not called.
    ///
    /// # Safety
    ///
    /// `pdev` must be a valid device that this driver is bound to or is being bound to, and the
    /// caller must keep it from being unbound.
    unsafe fn with<R>(
        pdev: *mut bindings::pci_dev,
        f: impl FnOnce(&pci::Device<device::Core<'_>>, &Private<T::Data>) -> R,
    ) -> Option<R> {
        // SAFETY: `pdev` is valid by the requirements of this function, and `pci::Device` is a
        // transparent wrapper of it. The PCI core holds the device lock around its callbacks, which
        // is what the context stands for.
        let pdev = unsafe { &*pdev.cast::<pci::Device<device::CoreInternal<'_>>>() };

        // SAFETY: `pdev` is valid for as long as the reference above.
        if unsafe { bindings::dev_get_drvdata(raw_dev(pdev.as_ref())) }.is_null() {
            return None;
        }
        // SAFETY: The pointer is set, and only `probe` sets it, to a `Private<T::Data>`; it is taken
        // back after the last callback.
        let private = unsafe { pdev.as_ref().drvdata_borrow::<Private<T::Data>>() };
        Some(f(pdev, private.get_ref()))
    }

    extern "C" fn probe(
        pdev: *mut bindings::pci_dev,
        _id: *const bindings::pci_device_id,
    ) -> c_int {
        // SAFETY: The PCI core calls this with a valid device, with its lock held.
        let pdev = unsafe { &*pdev.cast::<pci::Device<device::CoreInternal<'_>>>() };
        from_result(|| {
            let binding = Arc::pin_init(
                pin_init!(Binding {
                    dev: (&***pdev).into(),
                    bound <- new_mutex!(true, "dlb::Binding::bound"),
                }),
                GFP_KERNEL,
            )?;
            // The probe runs inside of the initializer, when the memory is there: nothing can fail
            // after it.
            let theirs = binding.clone();
            let ours = binding.clone();
            let ret = pdev.as_ref().set_drvdata(try_init!(Private {
                data: T::probe(pdev, theirs)?,
                binding: ours,
            }? Error));
            if ret.is_err() {
                binding.unbind();
            }
            ret.map(|()| 0)
        })
    }

    extern "C" fn remove(pdev: *mut bindings::pci_dev) {
        // SAFETY: Called by the PCI core for a bound device, with its lock held.
        unsafe {
            Self::with(pdev, |dev, private| {
                T::remove(dev, &private.data);
                private.binding.unbind();
            })
        };
    }

    extern "C" fn shutdown(pdev: *mut bindings::pci_dev) {
        // SAFETY: Called by the driver core with the device lock held.
        unsafe { Self::with(pdev, |dev, private| T::shutdown(dev, &private.data)) };
    }

    extern "C" fn sriov_configure(pdev: *mut bindings::pci_dev, num_vfs: c_int) -> c_int {
        from_result(|| {
            let num_vfs = u32::try_from(num_vfs)?;
            // SAFETY: Called by the PCI core for a bound device, with its lock held.
            let done = unsafe {
                Self::with(pdev, |dev, private| {
                    T::sriov_configure(dev, &private.data, num_vfs)
                })
            };
            Ok(c_int::try_from(done.unwrap_or(Err(ENODEV))?)?)
        })
    }

    extern "C" fn reset_prepare(pdev: *mut bindings::pci_dev) {
        // SAFETY: Called by the PCI core with the device lock held.
        unsafe { Self::with(pdev, |dev, private| T::reset_prepare(dev, &private.data)) };
    }

    extern "C" fn reset_done(pdev: *mut bindings::pci_dev) {
        // SAFETY: Called by the PCI core with the device lock held.
        unsafe { Self::with(pdev, |dev, private| T::reset_done(dev, &private.data)) };
    }

    extern "C" fn error_detected(
        pdev: *mut bindings::pci_dev,
        state: bindings::pci_channel_state_t,
    ) -> bindings::pci_ers_result_t {
        let state = if state == bindings::pci_channel_io_normal {
            ChannelState::Normal
        } else if state == bindings::pci_channel_io_frozen {
            ChannelState::Frozen
        } else {
            ChannelState::PermanentFailure
        };
        // SAFETY: Called by the PCI core with the device lock held.
        unsafe {
            Self::with(pdev, |dev, private| {
                T::error_detected(dev, &private.data, state)
            })
        }
        .unwrap_or(Recovery::Disconnect)
        .into_raw()
    }

    extern "C" fn slot_reset(pdev: *mut bindings::pci_dev) -> bindings::pci_ers_result_t {
        // SAFETY: Called by the PCI core with the device lock held.
        unsafe { Self::with(pdev, |dev, private| T::slot_reset(dev, &private.data)) }
            .unwrap_or(Recovery::Disconnect)
            .into_raw()
    }

    extern "C" fn error_resume(pdev: *mut bindings::pci_dev) {
        // SAFETY: Called by the PCI core with the device lock held.
        unsafe { Self::with(pdev, |dev, private| T::error_resume(dev, &private.data)) };
    }

    /// The body of the power management callbacks. `early` is the result while there is no data yet.
    ///
    /// # Safety
    ///
    /// `dev` must be embedded in a valid PCI device that this driver is bound to, and stay bound
    /// for the duration of the call.
    unsafe fn pm(
        dev: *mut bindings::device,
        early: Result,
        f: impl FnOnce(&pci::Device<device::Core<'_>>, &T::Data) -> Result,
    ) -> c_int {
        // SAFETY: `dev` is embedded in a `struct pci_dev`, by the requirements of this function.
        let pdev = unsafe { kernel::container_of!(dev, bindings::pci_dev, dev) };
        from_result(|| {
            // SAFETY: The requirements of this function are those of `with`.
            unsafe { Self::with(pdev, |dev, private| f(dev, &private.data)) }.unwrap_or(early)?;
            Ok(0)
        })
    }

    extern "C" fn system_suspend(dev: *mut bindings::device) -> c_int {
        // SAFETY: Called by the PM core for a device of this driver, with its lock held.
        unsafe { Self::pm(dev, Ok(()), |dev, data| T::suspend(dev, data, true)) }
    }

    extern "C" fn system_resume(dev: *mut bindings::device) -> c_int {
        // SAFETY: Called by the PM core for a device of this driver, with its lock held.
        unsafe { Self::pm(dev, Ok(()), |dev, data| T::resume(dev, data, true)) }
    }

    extern "C" fn runtime_suspend(dev: *mut bindings::device) -> c_int {
        // SAFETY: Called by the PM core for a device of this driver; the driver core waits for
        // runtime PM callbacks before it unbinds (`pm_runtime_get_sync`, `pm_runtime_barrier`).
        //
        // At the end of a probe the device may sleep before its data is there to note that it does:
        // the driver core asks again when the probe is over.
        unsafe { Self::pm(dev, Err(EBUSY), |dev, data| T::suspend(dev, data, false)) }
    }

    extern "C" fn runtime_resume(dev: *mut bindings::device) -> c_int {
        // SAFETY: As for `runtime_suspend`.
        unsafe { Self::pm(dev, Ok(()), |dev, data| T::resume(dev, data, false)) }
    }
}

/// The C view of a PCI device.
pub(super) fn raw<Ctx: device::DeviceContext>(dev: &pci::Device<Ctx>) -> *mut bindings::pci_dev {
    // CAST: `pci::Device` is a transparent wrapper of an `Opaque<bindings::pci_dev>`.
    ptr::from_ref(dev).cast_mut().cast()
}

/// The C view of a device.
pub(super) fn raw_dev<Ctx: device::DeviceContext>(
    dev: &device::Device<Ctx>,
) -> *mut bindings::device {
    // CAST: `device::Device` is a transparent wrapper of an `Opaque<bindings::device>`.
    ptr::from_ref(dev).cast_mut().cast()
}

/// A device with memory decoding turned on.
///
/// Dropping it turns that off, and bus mastering, so that the device cannot write memory any more
/// and the enable count balances over any number of binds.
pub(crate) struct Enabled {
    dev: ARef<pci::Device>,
}

impl Enabled {
    /// Turns the device on, except for bus mastering.
    pub(crate) fn new(dev: &pci::Device<device::Core<'_>>) -> Result<Self> {
        dev.enable_device_mem()?;
        Ok(Self {
            dev: (&**dev).into(),
        })
    }
}

impl Drop for Enabled {
    fn drop(&mut self) {
        // SAFETY: The device is valid, as we hold a reference to it, and was enabled by `new`.
        unsafe {
            bindings::pci_clear_master(raw(&self.dev));
            bindings::pci_disable_device(raw(&self.dev));
        }
    }
}

/// The right to use a BAR.
pub(crate) struct Region {
    dev: ARef<pci::Device>,
    num: u32,
    start: u64,
    len: u64,
}

impl Region {
    /// Claims a BAR; it must be there, be memory, and have at least `min` bytes.
    pub(crate) fn new(
        dev: &pci::Device<device::Bound>,
        num: u32,
        min: u64,
        name: &'static CStr,
    ) -> Result<Self> {
        let start = dev.resource_start(num)?;
        let len = dev.resource_len(num)?;
        let bar = c_int::try_from(num)?;
        // CAST: A constant of 32 bits.
        // SAFETY: The device is valid. The result has a bit for each of its BARs that is memory.
        let memory =
            unsafe { bindings::pci_select_bars(raw(dev), bindings::IORESOURCE_MEM as c_ulong) };
        if start == 0 || len < min || memory.checked_shr(num).unwrap_or(0) & 1 == 0 {
            return Err(ENODEV);
        }
        // SAFETY: The device is valid, and `resource_len` has checked the number of the BAR.
        to_result(unsafe { bindings::pci_request_region(raw(dev), bar, name.as_char_ptr()) })?;
        Ok(Self {
            dev: (&**dev).into(),
            num,
            start,
            len,
        })
    }

    /// The physical address of a page of the BAR, as a page frame number. What is in no page, or in
    /// one that the BAR does not have all of, has none.
    pub(crate) fn pfn(&self, offset: u64) -> Result<Pfn> {
        // CAST: `usize` is as wide as `u64` on the 64-bit machines that have this device.
        let page = PAGE_SIZE as u64;
        let addr = self.start.checked_add(offset).ok_or(EINVAL)?;
        if offset.checked_add(page).ok_or(EINVAL)? > self.len || addr & (page - 1) != 0 {
            return Err(EINVAL);
        }
        Ok(Pfn(usize::try_from(addr >> kernel::page::PAGE_SHIFT)?))
    }

    /// Maps a part of the BAR.
    pub(crate) fn map(&self, offset: u64, len: usize) -> Result<Window> {
        let end = offset.checked_add(u64::try_from(len)?).ok_or(EINVAL)?;
        if end > self.len {
            return Err(EINVAL);
        }
        let addr = self.start.checked_add(offset).ok_or(EINVAL)?;
        // SAFETY: The range lies in a BAR that we have claimed, so it is device memory and nobody
        // else's.
        unsafe { Window::new(addr, len) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Ok(bar) = c_int::try_from(self.num) {
            // SAFETY: `new` has claimed this BAR of this device.
            unsafe { bindings::pci_release_region(raw(&self.dev), bar) };
        }
    }
}

/// Makes virtual functions appear. Their drivers are bound before this returns.
pub(crate) fn enable_sriov(dev: &pci::Device<device::Core<'_>>, num_vfs: u32) -> Result {
    let num_vfs = c_int::try_from(num_vfs)?;
    // SAFETY: The device is valid and bound.
    to_result(unsafe { bindings::pci_enable_sriov(raw(dev), num_vfs) })
}

/// Makes all virtual functions disappear. Their drivers are unbound before this returns.
pub(crate) fn disable_sriov(dev: &pci::Device<device::Core<'_>>) {
    // SAFETY: The device is valid and bound. Nothing happens if there are no virtual functions.
    unsafe { bindings::pci_disable_sriov(raw(dev)) };
}

/// Whether a guest has been given one of the virtual functions.
pub(crate) fn are_vfs_assigned(dev: &pci::Device<device::Core<'_>>) -> bool {
    // SAFETY: The device is valid and bound.
    unsafe { bindings::pci_vfs_assigned(raw(dev)) != 0 }
}

/// Resets the function (FLR), keeping its configuration space.
///
/// The driver's own `reset_prepare` and `reset_done` are not called: this is for the driver itself.
pub(crate) fn reset_function(dev: &pci::Device<device::Core<'_>>) -> Result {
    // SAFETY: The device is valid, and the context says that its lock is held, which
    // `__pci_reset_function_locked` asks for.
    to_result(unsafe {
        let dev = raw(dev);
        let saved = bindings::pci_save_state(dev);
        let reset = bindings::__pci_reset_function_locked(dev);
        if saved == 0 {
            bindings::pci_restore_state(dev);
        }
        reset
    })
}

/// Turns memory decoding on again in a device that was enabled, and bus mastering.
pub(crate) fn reenable(dev: &pci::Device<device::Core<'_>>) -> Result {
    // SAFETY: The device is valid, and the context says that its lock is held.
    to_result(unsafe { bindings::pci_reenable_device(raw(dev)) })?;
    dev.set_master();
    Ok(())
}

/// Writes the saved configuration space back, after the device lost power or was reset.
pub(crate) fn restore_state(dev: &pci::Device<device::Core<'_>>) {
    // SAFETY: The device is valid, and the context says that its lock is held.
    unsafe { bindings::pci_restore_state(raw(dev)) };
}

/// Keeps the device from writing memory, for good or until [`set_master`].
///
/// [`set_master`]: pci::Device::set_master
pub(crate) fn clear_master(dev: &pci::Device<device::Core<'_>>) {
    // SAFETY: The device is valid.
    unsafe { bindings::pci_clear_master(raw(dev)) };
}

/// Offset of the PASID control register in its capability.
const PASID_CTRL: i32 = 6;
/// The enable bit in it.
const PASID_CTRL_ENABLE: u16 = 1;

/// Turns PASID off in the device if it is on; returns whether it was.
///
/// The bit is written directly rather than by `pci_disable_pasid()`: the device can come up with
/// PASID on without the kernel having asked for it, and where the IOMMU driver did ask, it expects
/// to turn PASID off itself when the device goes.
pub(crate) fn disable_pasid(dev: &pci::Device<device::Core<'_>>) -> Result<bool> {
    // CAST: Capability identifiers are 16 bits wide.
    let id = bindings::PCI_EXT_CAP_ID_PASID as i32;
    let mut ctrl = 0u16;
    // SAFETY: The device is valid.
    let cap = unsafe { bindings::pci_find_ext_capability(raw(dev), id) };
    if cap == 0 {
        return Ok(false);
    }
    let reg = i32::from(cap).checked_add(PASID_CTRL).ok_or(EINVAL)?;
    // SAFETY: The device is valid, and the register belongs to a capability it has.
    to_result(unsafe { bindings::pci_read_config_word(raw(dev), reg, &mut ctrl) })?;
    if ctrl & PASID_CTRL_ENABLE == 0 {
        return Ok(false);
    }
    // SAFETY: As above.
    to_result(unsafe {
        bindings::pci_write_config_word(raw(dev), reg, ctrl & !PASID_CTRL_ENABLE)
    })?;
    Ok(true)
}

/// Allows DMA to all of memory.
///
/// To be called in `probe`, before the first allocation.
pub(crate) fn set_dma_mask(dev: &pci::Device<device::Core<'_>>) -> Result {
    use kernel::dma::Device as _;
    // SAFETY: The driver has not allocated DMA memory yet, as the caller is in `probe` and before
    // the first allocation.
    unsafe { dev.dma_set_mask_and_coherent(kernel::dma::DmaMask::new::<64>()) }
}
