// SPDX-License-Identifier: GPL-2.0

//! Lists that grow and shrink without code that could panic.
//!
//! The methods of [`KVec`] check their arithmetic for overflow, which cannot happen, and leave calls
//! to the panic handler in the module where the compiler does not see that.

use core::{
    mem,
    ptr, //
};
use kernel::prelude::*;

/// Appends a value, making room for it if there is none.
///
/// # Errors
///
/// ENOMEM; the value is dropped then.
pub(crate) fn push<T>(list: &mut KVec<T>, value: T) -> Result {
    if list.len() >= list.capacity() {
        let room = list.len().saturating_mul(2).saturating_add(4);
        let longer = KVec::with_capacity(room, GFP_KERNEL)?;
        let (from, len, old_room) = mem::take(list).into_raw_parts();
        let (to, _, room) = longer.into_raw_parts();
        // SAFETY: Both are allocations of the length and room they were taken apart with, and there
        // is more room in the new one. The old one is put together again as an empty list, so each
        // value is in one list only.
        unsafe {
            ptr::copy_nonoverlapping(from, to, len);
            *list = KVec::from_raw_parts(to, len, room);
            drop(KVec::from_raw_parts(from, 0, old_room));
        }
    }
    let (start, len, room) = mem::take(list).into_raw_parts();
    if len >= room {
        // SAFETY: Nothing has changed.
        *list = unsafe { KVec::from_raw_parts(start, len, room) };
        return Err(ENOMEM);
    }
    // SAFETY: There is room for a value behind the last, as was just checked, and it is initialised
    // before the list is told of it.
    unsafe {
        start.add(len).write(value);
        *list = KVec::from_raw_parts(start, len.wrapping_add(1), room);
    }
    Ok(())
}

/// Removes and returns the value at a place; those behind it move up.
pub(crate) fn remove<T>(list: &mut KVec<T>, place: usize) -> Option<T> {
    if place >= list.len() {
        return None;
    }
    let (start, len, room) = mem::take(list).into_raw_parts();
    // SAFETY: There is a value at this place, as was just checked. It is read once, the values
    // behind it are moved over it, and the list is told that there is one less.
    unsafe {
        let value = start.add(place).read();
        let behind = len.wrapping_sub(place).wrapping_sub(1);
        ptr::copy(start.add(place.wrapping_add(1)), start.add(place), behind);
        *list = KVec::from_raw_parts(start, len.wrapping_sub(1), room);
        Some(value)
    }
}
