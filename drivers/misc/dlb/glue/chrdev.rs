// SPDX-License-Identifier: GPL-2.0

//! Character devices with names made at run time, with `poll` and with revocable mappings.
//!
//! [`kernel::miscdevice`] has none of these, and does not keep the module loaded while a file is
//! open.
//!
//! C headers: [`include/linux/cdev.h`](srctree/include/linux/cdev.h),
//! [`include/linux/device/class.h`](srctree/include/linux/device/class.h)

use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::{
    bindings,
    device,
    error::{
        from_err_ptr,
        from_result,
        to_result, //
    },
    fs::file::flags::O_NONBLOCK,
    prelude::*,
    sync::Arc,
    types::{
        ForeignOwnable,
        ScopeGuard, //
    },
    uaccess::{
        UserPtr,
        UserSlice,
        UserSliceReader,
        UserSliceWriter, //
    }, //
};

use super::{
    pci::raw_dev,
    poll::PollQueue,
    vma::{
        AddressSpace,
        Fault,
        FaultResult,
        NewMapping, //
    },
};

pub(crate) use kernel::bindings::{
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDNORM,
    POLLWRNORM, //
};

/// What the files of a region do.
pub(crate) trait Operations: Send + Sync + Sized + 'static {
    /// Opens the device with this minor number.
    fn open(minor: u32) -> Result<Opened<Self>>;

    /// The last reference to the open file goes; there are no mappings of it any more.
    fn release(&self);

    /// Reads into `to`, without waiting if `nonblock` is set.
    fn read(&self, to: UserSliceWriter, nonblock: bool) -> Result<usize>;

    /// Writes from `from`.
    fn write(&self, from: UserSliceReader) -> Result<usize>;

    /// Tells what the file is ready for (`POLLIN` and so on). Changes wake the wait queue.
    fn ready(&self) -> u32;

    /// Agrees to a new mapping, which starts out empty.
    fn mmap(&self, vma: &NewMapping<'_>) -> Result;

    /// Fills in a page of a mapping on first access, and again after it was taken away.
    fn fault(&self, fault: &Fault<'_>) -> FaultResult;
}

/// An open file, together with what the kernel has pointers to for as long as it is open.
pub(crate) struct Opened<T> {
    /// The driver's own part.
    pub(crate) file: T,
    /// What the mappings of this file belong to, for taking them away later.
    pub(crate) space: Arc<AddressSpace>,
    /// Where `poll` waits.
    pub(crate) queue: Arc<PollQueue>,
}

/// A range of device numbers whose files are served by `T`, with a class for the devices.
///
/// # Invariants
///
/// `class` is a registered class, `cdev` a live character device for the whole range that starts at
/// `first`.
pub(crate) struct Region<T: Operations> {
    class: *mut bindings::class,
    cdev: *mut bindings::cdev,
    first: bindings::dev_t,
    _files: PhantomData<fn() -> T>,
}

// SAFETY: The C functions called on the fields do their own locking.
unsafe impl<T: Operations> Send for Region<T> {}
// SAFETY: As above.
unsafe impl<T: Operations> Sync for Region<T> {}

impl<T: Operations> Region<T> {
    /// How many minor numbers there are.
    pub(crate) const MINORS: u32 = bindings::MINORMASK + 1;

    /// The file operations. The owner keeps the module in memory while a file is open.
    const FOPS: bindings::file_operations = bindings::file_operations {
        owner: crate::THIS_MODULE.as_ptr(),
        open: Some(Self::open),
        release: Some(Self::release),
        read: Some(Self::read),
        write: Some(Self::write),
        poll: Some(Self::poll),
        mmap: Some(Self::mmap),
        llseek: Some(bindings::noop_llseek),
        ..pin_init::zeroed()
    };

    const VM_OPS: bindings::vm_operations_struct = bindings::vm_operations_struct {
        fault: Some(Self::fault),
        ..pin_init::zeroed()
    };

    /// Makes the class and claims the device numbers.
    pub(crate) fn new(name: &'static CStr) -> Result<Self> {
        // SAFETY: The name lives as long as the kernel may look at it.
        let class = from_err_ptr(unsafe { bindings::class_create(name.as_char_ptr()) })?;
        let class = ScopeGuard::new_with_data(class, |class| {
            // SAFETY: The class was created above and has no devices yet.
            unsafe { bindings::class_destroy(class) }
        });

        let mut first = 0;
        // SAFETY: `first` may be written to and the name lives long enough.
        to_result(unsafe {
            bindings::alloc_chrdev_region(&mut first, 0, Self::MINORS, name.as_char_ptr())
        })?;
        let region = ScopeGuard::new_with_data(first, |first| {
            // SAFETY: The region was allocated above and is not used yet.
            unsafe { bindings::unregister_chrdev_region(first, Self::MINORS) }
        });

        // SAFETY: Plain allocation.
        let cdev = unsafe { bindings::cdev_alloc() };
        if cdev.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: Nobody else has the new `cdev` yet. The operations are a constant, so the
        // reference to them is good for as long as the module is, and the owner keeps the module.
        // On failure of `cdev_add` the `cdev` is ours to release.
        unsafe {
            (*cdev).ops = &Self::FOPS;
            (*cdev).owner = crate::THIS_MODULE.as_ptr();
            let ret = bindings::cdev_add(cdev, first, Self::MINORS);
            if ret != 0 {
                bindings::cdev_del(cdev);
                return Err(Error::from_errno(ret));
            }
        }

        region.dismiss();
        // INVARIANT: All three were just made.
        Ok(Self {
            class: class.dismiss(),
            cdev,
            first,
            _files: PhantomData,
        })
    }

    /// The major number of all devices of the region.
    pub(crate) fn major(&self) -> u32 {
        self.first >> bindings::MINORBITS
    }

    /// Makes a device and with it its node in `/dev`. `!` in the name makes a directory there.
    pub(crate) fn device(
        self: &Arc<Self>,
        parent: &device::Device,
        minor: u32,
        name: &CStr,
    ) -> Result<Node<T>> {
        let number = self.first | (minor & bindings::MINORMASK);
        // SAFETY: The class is registered, by the type invariant; the parent is valid; the format
        // takes one string, which the function copies.
        from_err_ptr(unsafe {
            bindings::device_create(
                self.class,
                raw_dev(parent),
                number,
                ptr::null_mut(),
                c"%s".as_char_ptr(),
                name.as_char_ptr(),
            )
        })?;
        Ok(Node {
            region: self.clone(),
            number,
        })
    }

    /// The open file behind a C file.
    ///
    /// # Safety
    ///
    /// `file` must have been opened by [`Self::open`], and not be released for the lifetime of the
    /// result.
    unsafe fn opened<'a>(file: *mut bindings::file) -> &'a Opened<T> {
        // SAFETY: `open` has put a box there, and `release` takes it back.
        unsafe { KBox::<Opened<T>>::borrow((*file).private_data) }
    }

    /// # Safety
    ///
    /// Must be called by the VFS as `open`, for a device of a region of this type.
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The VFS calls this with a valid inode, of a device in our region.
        let minor = unsafe { (*inode).i_rdev } & bindings::MINORMASK;
        from_result(|| {
            // The memory first: what was opened has to be released, and only `release` does that.
            let open = KBox::new_uninit(GFP_KERNEL)?;
            let open = KBox::write(open, T::open(minor)?);
            // SAFETY: The VFS calls this with a new file, whose private data is ours. The box keeps
            // the address space until `release`: no mapping of the file is left then, and the VFS
            // does not look at the address space any more.
            unsafe {
                (*file).f_mapping = open.space.as_ptr();
                (*file).private_data = open.into_foreign();
                bindings::stream_open(inode, file);
            }
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Must be called by the VFS as `release`, for a file opened by [`Self::open`].
    unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `open` has put a box there, and this is the last callback for the file.
        let open = unsafe { KBox::<Opened<T>>::from_foreign((*file).private_data) };
        open.file.release();
        0
    }

    /// # Safety
    ///
    /// Must be called by the VFS as `read`, for a file opened by [`Self::open`].
    unsafe extern "C" fn read(
        file: *mut bindings::file,
        to: *mut c_char,
        len: usize,
        _pos: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: The VFS calls this between `open` and `release`.
        let (open, flags) = unsafe { (Self::opened(file), (*file).f_flags) };
        let to = UserSlice::new(UserPtr::from_ptr(to.cast()), len).writer();
        from_result(|| {
            let n = open.file.read(to, flags & O_NONBLOCK != 0)?;
            Ok(isize::try_from(n)?)
        })
    }

    /// # Safety
    ///
    /// Must be called by the VFS as `write`, for a file opened by [`Self::open`].
    unsafe extern "C" fn write(
        file: *mut bindings::file,
        from: *const c_char,
        len: usize,
        _pos: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: The VFS calls this between `open` and `release`.
        let open = unsafe { Self::opened(file) };
        let from = UserSlice::new(UserPtr::from_ptr(from.cast_mut().cast()), len).reader();
        from_result(|| {
            let n = open.file.write(from)?;
            Ok(isize::try_from(n)?)
        })
    }

    /// # Safety
    ///
    /// Must be called by the VFS as `poll`, for a file opened by [`Self::open`].
    unsafe extern "C" fn poll(
        file: *mut bindings::file,
        table: *mut bindings::poll_table_struct,
    ) -> bindings::__poll_t {
        // SAFETY: The VFS calls this between `open` and `release`.
        let open = unsafe { Self::opened(file) };
        // SAFETY: The arguments are those of the VFS, and the open file keeps the queue.
        unsafe { open.queue.register(file, table) };
        open.file.ready()
    }

    /// # Safety
    ///
    /// Must be called by the VFS as `mmap`, for a file opened by [`Self::open`].
    unsafe extern "C" fn mmap(
        file: *mut bindings::file,
        vma: *mut bindings::vm_area_struct,
    ) -> c_int {
        // SAFETY: The VFS calls this between `open` and `release`, with a mapping that is being set
        // up and that nobody else sees yet.
        let (open, new) = unsafe { (Self::opened(file), NewMapping::from_raw(vma)) };
        from_result(|| {
            open.file.mmap(&new)?;
            new.finish()?;
            // SAFETY: As above; the operations are a constant. They are called while the mapping
            // exists, which keeps the file, which keeps the module.
            unsafe { (*vma).vm_ops = &Self::VM_OPS };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Must be called by the memory management as `fault`, for a mapping that [`Self::mmap`] has
    /// agreed to.
    unsafe extern "C" fn fault(vmf: *mut bindings::vm_fault) -> bindings::vm_fault_t {
        // SAFETY: The fault handler is called with a valid fault in a mapping that `mmap` agreed
        // to, so its file is one of ours, and the mapping keeps it open.
        unsafe {
            let fault = Fault::from_raw(vmf);
            Self::opened(fault.file()).file.fault(&fault).into_raw()
        }
    }
}

impl<T: Operations> Drop for Region<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant all three exist. Each `Node` holds a reference to its
        // region, so there are no devices left.
        unsafe {
            bindings::cdev_del(self.cdev);
            bindings::unregister_chrdev_region(self.first, Self::MINORS);
            bindings::class_destroy(self.class);
        }
    }
}

/// A device of a region. Dropping it takes the device and its node in `/dev` away; files that are
/// open stay so.
///
/// # Invariants
///
/// There is a device with this number in the class of the region.
pub(crate) struct Node<T: Operations> {
    region: Arc<Region<T>>,
    number: bindings::dev_t,
}

// SAFETY: The C functions called on the fields do their own locking.
unsafe impl<T: Operations> Send for Node<T> {}
// SAFETY: As above.
unsafe impl<T: Operations> Sync for Node<T> {}

impl<T: Operations> Drop for Node<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants there is such a device.
        unsafe { bindings::device_destroy(self.region.class, self.number) };
    }
}
