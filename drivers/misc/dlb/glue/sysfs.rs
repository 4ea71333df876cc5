// SPDX-License-Identifier: GPL-2.0

//! Attributes in the directory of a device in sysfs.
//!
//! The `kernel` crate of Linux 7.2 has nothing for them. Groups of attributes are described by
//! types, see [`Group`], from which constant tables are made; the driver core creates and removes
//! the files with the binding of the driver, so that a callback always finds the driver's data.
//!
//! C headers: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h),
//! [`include/linux/device.h`](srctree/include/linux/device.h)

use super::trace;
use core::marker::PhantomData;
use kernel::{
    bindings, container_of, device,
    error::from_result,
    ffi::{
        c_char,
        c_int, //
    },
    page::PAGE_SIZE,
    prelude::*,
    str::{
        as_char_ptr_in_const_context,
        Formatter, //
    },
};

/// How many attributes one group can have at most.
const MAX_ATTRIBUTES: usize = 20;

/// How many groups one driver can have at most.
const MAX_GROUPS: usize = 40;

/// Writes the value of an attribute of a device with driver data `D`.
pub(crate) type Show<D> = fn(&D, usize, &mut Formatter<'_>) -> Result;

/// Takes what a user wrote to an attribute.
pub(crate) type Store<D> = fn(&D, usize, &[u8]) -> Result;

/// A file.
pub(crate) struct Attribute<D: 'static> {
    name: &'static CStr,
    /// Handed to the callbacks, so that files that differ by a number can share them.
    arg: usize,
    show: Option<Show<D>>,
    store: Option<Store<D>>,
}

impl<D> Attribute<D> {
    /// A file that everybody can read and nobody can write.
    pub(crate) const fn ro(name: &'static CStr, arg: usize, show: Show<D>) -> Self {
        Self {
            name,
            arg,
            show: Some(show),
            store: None,
        }
    }

    /// A file that everybody can read and root can write.
    pub(crate) const fn rw(
        name: &'static CStr,
        arg: usize,
        show: Show<D>,
        store: Store<D>,
    ) -> Self {
        Self {
            name,
            arg,
            show: Some(show),
            store: Some(store),
        }
    }

    /// A file that root can write and nobody can read.
    pub(crate) const fn wo(name: &'static CStr, arg: usize, store: Store<D>) -> Self {
        Self {
            name,
            arg,
            show: None,
            store: Some(store),
        }
    }
}

/// Whether and how a file appears on a device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// The file is not there.
    Hidden,
    /// The file can be read only, whatever its description says.
    ReadOnly,
    /// The file is as described.
    Normal,
}

/// A group of files: a directory, or files in the directory of the device itself.
pub(crate) trait Group: 'static {
    /// The driver's data.
    type Data: Send + Sync + 'static;

    /// The name of the directory.
    const NAME: Option<&'static CStr>;

    /// The files.
    const ATTRIBUTES: &'static [Attribute<Self::Data>];

    /// Whether and how the file with argument `arg` appears. A directory none of whose files
    /// appear does not appear either.
    fn visibility(data: &Self::Data, arg: usize) -> Visibility {
        let _ = (data, arg);
        Visibility::Normal
    }
}

/// The C face of an attribute.
///
/// # Invariants
///
/// `raw` is only handed to C for devices whose driver data is a `D`.
#[repr(C)]
struct Raw<D: 'static> {
    raw: bindings::device_attribute,
    attribute: &'static Attribute<D>,
}

impl<D: Send + Sync + 'static> Raw<D> {
    const fn new(attribute: &'static Attribute<D>) -> Self {
        let mut raw: bindings::device_attribute = pin_init::zeroed();
        raw.attr.name = as_char_ptr_in_const_context(attribute.name);
        if attribute.show.is_some() {
            raw.attr.mode |= 0o444;
            raw.__bindgen_anon_1.show_const = Some(Self::show);
        }
        if attribute.store.is_some() {
            raw.attr.mode |= 0o200;
            raw.__bindgen_anon_2.store_const = Some(Self::store);
        }
        Self { raw, attribute }
    }

    /// # Safety
    ///
    /// `dev` must be a device that is bound and stays so for `'a`, with a `D` as its driver data.
    unsafe fn data<'a>(dev: *mut bindings::device) -> &'a D {
        // SAFETY: By the safety requirements the device is valid and bound; its data is there as
        // long as its files are.
        unsafe { super::pci::data(dev) }
    }

    /// # Safety
    ///
    /// To be called by sysfs, with the `raw` of a [`Raw<D>`] and a page.
    unsafe extern "C" fn show(
        dev: *mut bindings::device,
        attr: *const bindings::device_attribute,
        page: *mut c_char,
    ) -> isize {
        // SAFETY: The driver core creates the files after probing and removes them, waiting for
        // their callbacks, before it unbinds. By the invariants the data is a `D`. The page is
        // `PAGE_SIZE` long and nobody else has it.
        let (data, this, page) = unsafe {
            (
                Self::data(dev),
                &*container_of!(attr, Self, raw),
                core::slice::from_raw_parts_mut(page.cast::<u8>(), PAGE_SIZE),
            )
        };
        from_result(|| {
            let mut out = Formatter::new(page);
            (this.attribute.show.ok_or(EIO)?)(data, this.attribute.arg, &mut out)?;
            Ok(isize::try_from(out.bytes_written())?)
        })
    }

    /// # Safety
    ///
    /// To be called by sysfs, with the `raw` of a [`Raw<D>`] and a page that holds `size` bytes.
    unsafe extern "C" fn store(
        dev: *mut bindings::device,
        attr: *const bindings::device_attribute,
        page: *const c_char,
        size: usize,
    ) -> isize {
        // SAFETY: As for `show`, except that the page is only read.
        let (data, this, page) = unsafe {
            (
                Self::data(dev),
                &*container_of!(attr, Self, raw),
                core::slice::from_raw_parts(page.cast::<u8>(), size),
            )
        };
        from_result(|| {
            let attribute = this.attribute;
            let result = (attribute.store.ok_or(EIO)?)(data, attribute.arg, page);
            // SAFETY: The device is valid during the call, and so is its name.
            unsafe { trace::setting(bindings::dev_name(dev), attribute.name, page, &result) };
            result?;
            Ok(isize::try_from(size)?)
        })
    }
}

/// Attribute number `I` of a group.
struct Slot<G, const I: usize>(PhantomData<G>);

impl<G: Group, const I: usize> Slot<G, I> {
    const RAW: Raw<G::Data> = Raw::new(&G::ATTRIBUTES[I]);

    /// The attribute, or null behind the last one.
    const PTR: *const bindings::attribute = if I < G::ATTRIBUTES.len() {
        Self::as_ptr()
    } else {
        core::ptr::null()
    };

    const fn as_ptr() -> *const bindings::attribute {
        // CAST: The attribute is at the start of the device attribute, which is at the start of
        // `Raw`. Going through `Raw` keeps the right to look at all of it.
        core::ptr::from_ref(&Self::RAW).cast()
    }
}

macro_rules! slots {
    ($($i:literal)*) => {
        [$(Slot::<G, $i>::PTR,)* core::ptr::null()]
    };
}

/// The C face of a group.
struct Table<G>(PhantomData<G>);

impl<G: Group> Table<G> {
    const ATTRIBUTES: [*const bindings::attribute; MAX_ATTRIBUTES + 1] =
        slots!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19);

    const GROUP: bindings::attribute_group = {
        assert!(G::ATTRIBUTES.len() <= MAX_ATTRIBUTES, "too many attributes");
        let mut group: bindings::attribute_group = pin_init::zeroed();
        if let Some(name) = G::NAME {
            group.name = as_char_ptr_in_const_context(name);
        }
        group.__bindgen_anon_1.is_visible_const = Some(Self::is_visible);
        group.__bindgen_anon_2.attrs_const = core::ptr::from_ref(&Self::ATTRIBUTES).cast();
        group
    };

    /// # Safety
    ///
    /// To be called by sysfs, with the object of a device and an attribute of this group.
    unsafe extern "C" fn is_visible(
        kobj: *mut bindings::kobject,
        attr: *const bindings::attribute,
        index: c_int,
    ) -> bindings::umode_t {
        // SAFETY: The attribute is one of `ATTRIBUTES`, so that it is at the start of a `Raw`. The
        // object is that of a device that is bound, see `Raw::show`.
        let (data, this) = unsafe {
            let dev = container_of!(kobj, bindings::device, kobj);
            (Raw::<G::Data>::data(dev), &*attr.cast::<Raw<G::Data>>())
        };
        match G::visibility(data, this.attribute.arg) {
            Visibility::Normal => this.raw.attr.mode,
            Visibility::ReadOnly => 0o444,
            // The first file decides about the directory.
            Visibility::Hidden if index == 0 && Self::all_hidden(data) => GROUP_INVISIBLE,
            Visibility::Hidden => 0,
        }
    }

    fn all_hidden(data: &G::Data) -> bool {
        G::NAME.is_some()
            && G::ATTRIBUTES
                .iter()
                .all(|attribute| G::visibility(data, attribute.arg) == Visibility::Hidden)
    }
}

// CAST: A flag beside the mode bits, all of which fit.
const GROUP_INVISIBLE: bindings::umode_t = bindings::SYSFS_GROUP_INVISIBLE as bindings::umode_t;

/// A reference to a group of a driver with data `D`.
pub(crate) struct GroupRef<D>(*const bindings::attribute_group, PhantomData<fn(&D)>);

impl<D> GroupRef<D> {
    /// The group described by `G`.
    pub(crate) const fn to<G: Group<Data = D>>() -> Self {
        Self(&Table::<G>::GROUP, PhantomData)
    }
}

/// The groups of a driver with data `D`, to be kept in a static.
pub(crate) struct Groups<D>(
    [*const bindings::attribute_group; MAX_GROUPS + 1],
    PhantomData<fn(&D)>,
);

// SAFETY: The pointers are to constants, which nobody writes to.
unsafe impl<D> Sync for Groups<D> {}

impl<D> Groups<D> {
    /// No groups.
    pub(crate) const NONE: Self = Self([core::ptr::null(); MAX_GROUPS + 1], PhantomData);

    /// A list of groups.
    pub(crate) const fn new(groups: &[GroupRef<D>]) -> Self {
        assert!(groups.len() <= MAX_GROUPS, "too many groups");
        let mut list = Self::NONE;
        let mut i = 0;
        while i < groups.len() {
            list.0[i] = groups[i].0;
            i += 1;
        }
        list
    }

    /// The null-terminated list.
    pub(super) const fn as_ptr(&'static self) -> *const *const bindings::attribute_group {
        core::ptr::from_ref(&self.0).cast()
    }
}

/// Looks again at which files of `groups` appear, after what decides it has changed.
///
/// Files that a callback is running for wait for it, so this must not be called from one.
pub(crate) fn update<D>(dev: &device::Device<device::Bound>, groups: &'static Groups<D>) -> Result {
    // SAFETY: The device is valid, and the groups are those that it was bound with.
    kernel::error::to_result(unsafe {
        bindings::sysfs_update_groups(&raw mut (*super::pci::raw_dev(dev)).kobj, groups.as_ptr())
    })
}
