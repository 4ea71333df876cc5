// SPDX-License-Identifier: GPL-2.0

//! configfs with default groups, file modes and item pinning.
//!
//! `kernel::configfs` of Linux 7.2 makes trees of plain groups only: every attribute has mode 0660
//! and no owner, a directory cannot come with subdirectories of its own, and nothing can keep a
//! directory from being removed. This module has those. Directories are described by the type of
//! their data, see [`Directory`]; what `mkdir` and `rmdir` may do is decided by its methods.
//!
//! Locking, from the outside in: the subsystem's mutex is held by configfs around
//! [`Directory::make`] and [`Directory::dropped`], and by [`Group::lock_subsystem`]. Attribute
//! callbacks run without it, but configfs lets a directory be removed only when none of them is
//! running any more.
//!
//! C header: [`include/linux/configfs.h`](srctree/include/linux/configfs.h)

use super::trace;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    container_of,
    error::{
        from_result,
        to_result, //
    },
    ffi::{
        c_char,
        c_int, //
    },
    prelude::*,
    str::{
        as_char_ptr_in_const_context,
        Formatter, //
    },
    types::Opaque, //
};

/// The longest text that an attribute can show, whatever the size of a page.
const ATTRIBUTE_SIZE: usize = 4096;

/// How many attributes one directory can have at most.
const MAX_ATTRIBUTES: usize = 40;

/// The data of one kind of directory.
pub(crate) trait Directory: Send + Sync + Sized + 'static {
    /// The files that appear in the directory.
    const ATTRIBUTES: &'static [Attribute<Self>];

    /// Whether users may make directories inside.
    const PARENT: bool;

    /// The data of the directories that users make inside; `Self` if there are none.
    type Child: Directory;

    /// Answers `mkdir` of `name` inside this directory. The name has no slash and is not empty.
    ///
    /// Called with the subsystem's mutex held. The directory appears some time after this
    /// returned, and might not appear at all, in which case [`Directory::dropped`] is called.
    fn make(&self, name: &[u8]) -> Result<NewGroup<Self::Child>> {
        let _ = name;
        Err(EPERM)
    }

    /// Takes note that the child directory `child` is no longer there.
    ///
    /// Called with the subsystem's mutex held, after the directory was removed from view and all
    /// callbacks of its attributes have returned.
    fn dropped(&self, child: &Self::Child) {
        let _ = child;
    }
}

/// Writes the value of an attribute.
pub(crate) type Show<D> = fn(&Group<D>, &mut Formatter<'_>) -> Result;

/// Takes what a user wrote to an attribute.
pub(crate) type Store<D> = fn(&Group<D>, &[u8]) -> Result;

/// A file in a directory.
pub(crate) struct Attribute<D: 'static> {
    name: &'static CStr,
    show: Show<D>,
    store: Option<Store<D>>,
}

impl<D> Attribute<D> {
    /// A file that everybody can read and nobody can write.
    pub(crate) const fn ro(name: &'static CStr, show: Show<D>) -> Self {
        Self {
            name,
            show,
            store: None,
        }
    }

    /// A file that everybody can read and root can write.
    pub(crate) const fn rw(name: &'static CStr, show: Show<D>, store: Store<D>) -> Self {
        Self {
            name,
            show,
            store: Some(store),
        }
    }
}

/// A directory.
///
/// # Invariants
///
/// `group` is an initialised `config_group` with a name, whose item type is
/// [`ItemType::<D>::TYPE`] and which is embedded in a `Group<D>` in a [`KBox`] allocation that
/// belongs to the group's reference count.
#[pin_data]
pub(crate) struct Group<D> {
    #[pin]
    group: Opaque<bindings::config_group>,
    data: D,
}

impl<D> core::ops::Deref for Group<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.data
    }
}

impl<D: Directory> Group<D> {
    /// # Safety
    ///
    /// `group` must be the group of a `Group<D>` that lives for at least `'a`.
    unsafe fn from_raw<'a>(group: *mut bindings::config_group) -> &'a Self {
        let group = Opaque::cast_from(group);
        // SAFETY: By the safety requirements `group` is the field of that name of a `Group<D>`,
        // of which nobody has an exclusive reference once it is initialised.
        unsafe { &*container_of!(group, Self, group) }
    }

    /// # Safety
    ///
    /// `item` must be the item of the group of a `Group<D>` that lives for at least `'a`.
    unsafe fn from_item<'a>(item: *mut bindings::config_item) -> &'a Self {
        // SAFETY: By the safety requirements `item` is embedded in a `config_group`, and that in a
        // `Group<D>`.
        unsafe { Self::from_raw(container_of!(item, bindings::config_group, cg_item)) }
    }

    fn as_item(&self) -> *mut bindings::config_item {
        // SAFETY: `self.group` is valid memory, of which only the address of a field is taken.
        unsafe { &raw mut (*self.group.get()).cg_item }
    }

    /// Returns a reference that keeps the directory's memory, though not the directory.
    pub(crate) fn item(&self) -> ItemRef {
        // SAFETY: `self` is alive, so its reference count is not zero.
        unsafe { ItemRef::get(self.as_item()) }
    }

    /// Locks out `mkdir` and `rmdir` in the whole subsystem.
    ///
    /// Must be called from attribute callbacks only: in the others the mutex is held already.
    pub(crate) fn lock_subsystem(&self) -> Result<SubsystemGuard<'_>> {
        // SAFETY: The field is written when the directory is linked into and unlinked from the
        // tree, neither of which happens while an attribute callback is running. References to
        // groups are handed to these callbacks only.
        let subsys = unsafe { (*self.group.get()).cg_subsys };
        if subsys.is_null() {
            return Err(ENOENT);
        }
        // SAFETY: A subsystem outlives the directories in it.
        unsafe { bindings::mutex_lock(&raw mut (*subsys).su_mutex) };
        Ok(SubsystemGuard {
            subsys,
            _not_send: PhantomData,
        })
    }
}

/// A directory that is not in the tree yet.
///
/// # Invariants
///
/// The pointer owns a reference to a `Group<D>` that configfs has not seen.
pub(crate) struct NewGroup<D: Directory>(NonNull<Group<D>>);

impl<D: Directory> NewGroup<D> {
    /// Makes a directory called `name`.
    pub(crate) fn new(name: &[u8], data: D) -> Result<Self> {
        let len = c_int::try_from(name.len())?;
        let group = KBox::pin_init(
            try_pin_init!(Group {
                group <- Opaque::try_ffi_init(|group: *mut bindings::config_group| {
                    // SAFETY: `group` is valid for writes and stays where it is. All zeroes is what
                    // `config_group_init()` expects to find; the type is static.
                    unsafe {
                        group.write_bytes(0, 1);
                        (*group).cg_item.ci_type = ItemType::<D>::as_ptr();
                        bindings::config_group_init(group);
                    }
                    // SAFETY: The item was initialised just now. The format takes `len` bytes, all
                    // of which are in `name`, and copies them.
                    to_result(unsafe {
                        bindings::config_item_set_name(
                            &raw mut (*group).cg_item,
                            c"%.*s".as_char_ptr(),
                            len,
                            name.as_ptr(),
                        )
                    })
                }),
                data,
            }? Error),
            GFP_KERNEL,
        )?;
        // SAFETY: Nothing moves out of the pointer, which stays pinned until `release` makes it a
        // box again.
        let group = KBox::into_raw(unsafe { Pin::into_inner_unchecked(group) });
        // SAFETY: `KBox::into_raw()` does not return null.
        //
        // INVARIANT: The count of a new item is one, and that reference is ours.
        Ok(Self(unsafe { NonNull::new_unchecked(group) }))
    }

    fn as_group(&self) -> *mut bindings::config_group {
        // SAFETY: By the type invariant the pointee is alive.
        unsafe { self.0.as_ref() }.group.get()
    }

    /// Adds a subdirectory that comes and goes with this one.
    pub(crate) fn add_default<E: Directory>(&mut self, child: NewGroup<E>) {
        let child = child.into_raw();
        // SAFETY: Both groups are initialised and neither is visible to anybody else. The list
        // takes over the reference to `child`.
        unsafe {
            bindings::list_add_tail(
                &raw mut (*child).group_entry,
                &raw mut (*self.as_group()).default_groups,
            )
        };
    }

    /// Returns a reference that keeps the directory's memory, though not the directory.
    pub(crate) fn item(&self) -> ItemRef {
        // SAFETY: By the type invariant the pointee is alive.
        unsafe { self.0.as_ref() }.item()
    }

    fn into_raw(self) -> *mut bindings::config_group {
        let group = self.as_group();
        core::mem::forget(self);
        group
    }
}

impl<D: Directory> Drop for NewGroup<D> {
    fn drop(&mut self) {
        let group = self.as_group();
        // SAFETY: The group is initialised and its default groups were added by `add_default`,
        // which gave their references to the list.
        unsafe { bindings::configfs_remove_default_groups(group) };
        // SAFETY: By the type invariant we own a reference.
        unsafe { bindings::config_item_put(&raw mut (*group).cg_item) };
    }
}

/// A counted reference to a directory.
///
/// # Invariants
///
/// `0` points to the item of a [`Group`] to which this owns a reference.
pub(crate) struct ItemRef(NonNull<bindings::config_item>);

// SAFETY: The reference count is atomic, and the data of directories is `Send` and `Sync`, so that
// it may be dropped anywhere.
unsafe impl Send for ItemRef {}

// SAFETY: A shared `ItemRef` gives access to nothing.
unsafe impl Sync for ItemRef {}

impl Clone for ItemRef {
    fn clone(&self) -> Self {
        // SAFETY: By the type invariant the item is alive.
        unsafe { Self::get(self.0.as_ptr()) }
    }
}

impl ItemRef {
    /// # Safety
    ///
    /// `item` must be the item of a [`Group`] that is alive.
    unsafe fn get(item: *mut bindings::config_item) -> Self {
        // SAFETY: By the safety requirements the count is not zero.
        unsafe { bindings::config_item_get(item) };
        // SAFETY: Pointers to live objects are not null.
        //
        // INVARIANT: The reference was taken above.
        Self(unsafe { NonNull::new_unchecked(item) })
    }
}

impl Drop for ItemRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariant we own a reference.
        unsafe { bindings::config_item_put(self.0.as_ptr()) };
    }
}

/// Proof that no directory appears or disappears in the subsystem.
pub(crate) struct SubsystemGuard<'a> {
    subsys: *mut bindings::configfs_subsystem,
    _not_send: PhantomData<(&'a (), *mut ())>,
}

impl SubsystemGuard<'_> {
    /// Keeps the directory `item` from being removed.
    ///
    /// # Errors
    ///
    /// -ENOENT if it is just being made or removed, or is gone.
    pub(crate) fn pin(&self, item: ItemRef) -> Result<Pinned> {
        let raw = item.0.as_ptr();
        // SAFETY: By the invariants of `ItemRef` and `Group` this is the item of a group. Its
        // place in the tree changes under the subsystem's mutex only, which is held if it is in
        // our subsystem.
        let (parent, subsys) = unsafe {
            let group = container_of!(raw, bindings::config_group, cg_item);
            ((*raw).ci_group, (*group).cg_subsys)
        };
        if parent.is_null() || subsys != self.subsys {
            return Err(ENOENT);
        }
        // SAFETY: The item is in a registered subsystem and has a parent, both of which stay so
        // because the mutex is held.
        to_result(unsafe { bindings::configfs_depend_item_unlocked(self.subsys, raw) })?;
        // INVARIANT: The call above succeeded.
        Ok(Pinned(item))
    }
}

impl Drop for SubsystemGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: The mutex was locked when the guard was made, by this thread.
        unsafe { bindings::mutex_unlock(&raw mut (*self.subsys).su_mutex) };
    }
}

/// A directory that cannot be removed.
///
/// # Invariants
///
/// `configfs_depend_item_unlocked()` was called for the item and not undone.
pub(crate) struct Pinned(ItemRef);

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the item has a dependent, and so is still in the tree.
        unsafe { bindings::configfs_undepend_item(self.0 .0.as_ptr()) };
    }
}

/// A subsystem: a directory directly below the mount point.
#[pin_data(PinnedDrop)]
pub(crate) struct Subsystem<D: Directory> {
    #[pin]
    subsys: Opaque<bindings::configfs_subsystem>,
    #[pin]
    _root: PhantomData<D>,
}

// SAFETY: A registered subsystem may be unregistered by any thread.
unsafe impl<D: Directory> Send for Subsystem<D> {}

// SAFETY: A shared `Subsystem` offers no operations.
unsafe impl<D: Directory> Sync for Subsystem<D> {}

/// The data of a subsystem's root directory.
///
/// It has to be a constant: the root has no [`Group`] around it to keep data in.
pub(crate) trait Root: Directory {
    /// The data.
    const ROOT: &'static Self;
}

impl<D: Root> Subsystem<D> {
    /// Registers a subsystem called `name`.
    pub(crate) fn new(name: &'static CStr) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            subsys <- Opaque::try_ffi_init(|subsys: *mut bindings::configfs_subsystem| {
                // SAFETY: `subsys` is valid for writes, and all zeroes is what the initialisers
                // below expect to find.
                unsafe { subsys.write_bytes(0, 1) };
                // SAFETY: `subsys` is zeroed memory that is pinned, and the type is static.
                unsafe {
                    bindings::config_group_init_type_name(
                        &raw mut (*subsys).su_group,
                        name.as_char_ptr(),
                        ItemType::<D>::as_root_ptr(),
                    )
                };
                // SAFETY: The mutex is part of that memory, and name and key are static.
                unsafe {
                    bindings::__mutex_init(
                        &raw mut (*subsys).su_mutex,
                        c"configfs_subsystem".as_char_ptr(),
                        kernel::static_lock_class!().as_ptr(),
                    )
                };
                // SAFETY: The subsystem was initialised just now. It stays where it is until
                // `drop` takes it out again.
                to_result(unsafe { bindings::configfs_register_subsystem(subsys) })
            }),
            _root: PhantomData,
        })
    }
}

#[pinned_drop]
impl<D: Directory> PinnedDrop for Subsystem<D> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The subsystem was registered by `new`. Directories that users made hold
        // references to the module, so that there are none left when it goes.
        unsafe { bindings::configfs_unregister_subsystem(self.subsys.get()) };
        // SAFETY: The mutex was initialised by `new`, and nobody uses it any more.
        unsafe { bindings::mutex_destroy(&raw mut (*self.subsys.get()).su_mutex) };
    }
}

/// The C face of a kind of directory.
struct ItemType<D>(PhantomData<D>);

impl<D: Directory> ItemType<D> {
    const ITEM_OPS: bindings::configfs_item_operations = bindings::configfs_item_operations {
        release: Some(Self::release),
        allow_link: None,
        drop_link: None,
    };

    const GROUP_OPS: bindings::configfs_group_operations = bindings::configfs_group_operations {
        make_item: None,
        make_group: Some(Self::make_group),
        disconnect_notify: None,
        drop_item: Some(Self::drop_item),
        is_visible: None,
        is_bin_visible: None,
    };

    const TYPE: bindings::config_item_type = bindings::config_item_type {
        ct_owner: crate::THIS_MODULE.as_ptr(),
        ct_item_ops: &Self::ITEM_OPS,
        ct_group_ops: if D::PARENT {
            &Self::GROUP_OPS
        } else {
            core::ptr::null()
        },
        ct_attrs: Slots::<D>::as_ptr(),
        ct_bin_attrs: core::ptr::null_mut(),
    };

    const fn as_ptr() -> *const bindings::config_item_type {
        &Self::TYPE
    }

    /// # Safety
    ///
    /// `item` must be the item of a `Group<D>` whose last reference is gone.
    unsafe extern "C" fn release(item: *mut bindings::config_item) {
        // SAFETY: By the safety requirements this is the item of a `Group<D>`, which by its
        // invariants is a `KBox` allocation that nobody refers to any more.
        unsafe {
            let group = Opaque::cast_from(container_of!(item, bindings::config_group, cg_item));
            drop(KBox::from_raw(
                container_of!(group, Group<D>, group).cast_mut(),
            ));
        }
    }

    /// # Safety
    ///
    /// `group` must be the group of a live `Group<D>`, `name` a C string, and the subsystem's mutex
    /// must be held.
    unsafe extern "C" fn make_group(
        group: *mut bindings::config_group,
        name: *const c_char,
    ) -> *mut bindings::config_group {
        // SAFETY: By the safety requirements.
        let (group, text) = unsafe { (Group::<D>::from_raw(group), bytes_of(name)) };
        let child = group.data.make(text);
        if child.is_ok() {
            // SAFETY: configfs holds the parent in the tree while it makes a child, and by the
            // safety requirements.
            unsafe { trace::mkdir(group.group.get(), name) };
        }
        child_to_ptr(child)
    }

    /// # Safety
    ///
    /// `group` must be the group of a live `Group<D>`, `item` that of a child made by
    /// `make_group`, and the subsystem's mutex must be held.
    unsafe extern "C" fn drop_item(
        group: *mut bindings::config_group,
        item: *mut bindings::config_item,
    ) {
        // SAFETY: By the safety requirements.
        let (group, child) = unsafe {
            (
                Group::<D>::from_raw(group),
                Group::<D::Child>::from_item(item),
            )
        };
        // SAFETY: The child was given its default groups, if any, by `NewGroup::add_default`.
        unsafe { bindings::configfs_remove_default_groups(child.group.get()) };
        group.data.dropped(&child.data);
        // SAFETY: configfs holds the parent in the tree while it removes a child, and our reference
        // to the child is dropped below.
        unsafe { trace::rmdir(group.group.get(), item) };
        // SAFETY: This is the reference that `make_group` handed over.
        unsafe { bindings::config_item_put(item) };
    }
}

impl<D: Root> ItemType<D> {
    // The root lives in a `Subsystem`, not in a `Group`: it is not released, and there is nothing
    // around it that a callback could find data in.
    const ROOT_GROUP_OPS: bindings::configfs_group_operations =
        bindings::configfs_group_operations {
            make_item: None,
            make_group: Some(Self::root_make_group),
            disconnect_notify: None,
            drop_item: Some(Self::root_drop_item),
            is_visible: None,
            is_bin_visible: None,
        };

    const ROOT_TYPE: bindings::config_item_type = bindings::config_item_type {
        ct_owner: crate::THIS_MODULE.as_ptr(),
        ct_item_ops: core::ptr::null(),
        ct_group_ops: &Self::ROOT_GROUP_OPS,
        ct_attrs: core::ptr::null_mut(),
        ct_bin_attrs: core::ptr::null_mut(),
    };

    const fn as_root_ptr() -> *const bindings::config_item_type {
        const { assert!(D::ATTRIBUTES.is_empty(), "a root has no attributes") };
        &Self::ROOT_TYPE
    }

    /// # Safety
    ///
    /// `group` must be the root of a subsystem, `name` a C string, and the subsystem's mutex must be
    /// held.
    unsafe extern "C" fn root_make_group(
        group: *mut bindings::config_group,
        name: *const c_char,
    ) -> *mut bindings::config_group {
        // SAFETY: By the safety requirements.
        let text = unsafe { bytes_of(name) };
        let child = D::ROOT.make(text);
        if child.is_ok() {
            // SAFETY: The root is in the tree as long as the subsystem is registered, and by the
            // safety requirements.
            unsafe { trace::mkdir(group, name) };
        }
        child_to_ptr(child)
    }

    /// # Safety
    ///
    /// `group` must be the root of a subsystem, `item` the item of a child made by
    /// `root_make_group`, and the subsystem's mutex must be held.
    unsafe extern "C" fn root_drop_item(
        group: *mut bindings::config_group,
        item: *mut bindings::config_item,
    ) {
        // SAFETY: By the safety requirements.
        let child = unsafe { Group::<D::Child>::from_item(item) };
        // SAFETY: The child was given its default groups, if any, by `NewGroup::add_default`.
        unsafe { bindings::configfs_remove_default_groups(child.group.get()) };
        D::ROOT.dropped(&child.data);
        // SAFETY: The root is in the tree as long as the subsystem is registered, and our reference
        // to the child is dropped below.
        unsafe { trace::rmdir(group, item) };
        // SAFETY: This is the reference that `root_make_group` handed over.
        unsafe { bindings::config_item_put(item) };
    }
}

/// Returns what is before the end of a C string.
///
/// # Safety
///
/// `text` must be a C string that lives for at least `'a`.
unsafe fn bytes_of<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: By the safety requirements. The length leaves out the terminator.
    unsafe { core::slice::from_raw_parts(text.cast(), bindings::strlen(text)) }
}

/// Hands a new directory, or the reason why there is none, to configfs.
fn child_to_ptr<D: Directory>(child: Result<NewGroup<D>>) -> *mut bindings::config_group {
    match child {
        Ok(child) => child.into_raw(),
        Err(err) => err.to_ptr(),
    }
}

/// The C face of attribute number `I` of a kind of directory.
struct Slot<D, const I: usize>(PhantomData<D>);

impl<D: Directory, const I: usize> Slot<D, I> {
    const ATTRIBUTE: &'static Attribute<D> = &D::ATTRIBUTES[I];

    const RAW: bindings::configfs_attribute = bindings::configfs_attribute {
        ca_name: as_char_ptr_in_const_context(Self::ATTRIBUTE.name),
        ca_owner: crate::THIS_MODULE.as_ptr(),
        ca_mode: if Self::ATTRIBUTE.store.is_some() {
            0o644
        } else {
            0o444
        },
        show: Some(Self::show),
        store: if Self::ATTRIBUTE.store.is_some() {
            Some(Self::store)
        } else {
            None
        },
    };

    /// The attribute, or null behind the last one.
    const PTR: *mut bindings::configfs_attribute = if I < D::ATTRIBUTES.len() {
        Self::as_ptr()
    } else {
        core::ptr::null_mut()
    };

    const fn as_ptr() -> *mut bindings::configfs_attribute {
        // CAST: configfs never writes to attributes.
        core::ptr::from_ref(&Self::RAW).cast_mut()
    }

    /// # Safety
    ///
    /// `item` must be the item of a live `Group<D>`, and `page` must be valid for writes of
    /// [`ATTRIBUTE_SIZE`] bytes.
    unsafe extern "C" fn show(item: *mut bindings::config_item, page: *mut c_char) -> isize {
        // SAFETY: By the safety requirements, and nobody else has the page.
        let (group, page) = unsafe {
            (
                Group::<D>::from_item(item),
                core::slice::from_raw_parts_mut(page.cast::<u8>(), ATTRIBUTE_SIZE),
            )
        };
        from_result(|| {
            let mut out = Formatter::new(page);
            (Self::ATTRIBUTE.show)(group, &mut out)?;
            Ok(isize::try_from(out.bytes_written())?)
        })
    }

    /// # Safety
    ///
    /// `item` must be the item of a live `Group<D>`, and `page` must be valid for reads of `size`
    /// bytes.
    unsafe extern "C" fn store(
        item: *mut bindings::config_item,
        page: *const c_char,
        size: usize,
    ) -> isize {
        // SAFETY: By the safety requirements, and nobody writes to the page.
        let (group, page) = unsafe {
            (
                Group::<D>::from_item(item),
                core::slice::from_raw_parts(page.cast::<u8>(), size),
            )
        };
        from_result(|| {
            let result = (Self::ATTRIBUTE.store.ok_or(EACCES)?)(group, page);
            // SAFETY: configfs holds an item in the tree while its attributes are accessed.
            unsafe { trace::config(item, Self::ATTRIBUTE.name, page, &result) };
            result?;
            Ok(isize::try_from(size)?)
        })
    }
}

/// The null-terminated list of the attributes of a kind of directory.
struct Slots<D>(PhantomData<D>);

macro_rules! slots {
    ($($i:literal)*) => {
        [$(Slot::<D, $i>::PTR,)* core::ptr::null_mut()]
    };
}

impl<D: Directory> Slots<D> {
    const ALL: [*mut bindings::configfs_attribute; MAX_ATTRIBUTES + 1] = slots!(
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19
        20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39
    );

    const fn as_ptr() -> *mut *mut bindings::configfs_attribute {
        const { assert!(D::ATTRIBUTES.len() <= MAX_ATTRIBUTES, "too many attributes") };
        // CAST: configfs never writes to the list.
        core::ptr::from_ref(&Self::ALL).cast_mut().cast()
    }
}
