// SPDX-License-Identifier: GPL-2.0

//! Trace events.
//!
//! `kernel::tracepoint` looks for events in the kernel's own bindings only, so these go through C,
//! see `trace.c`. Each function does nothing but test a static key while its event is off.

use crate::desc::Name;
use kernel::{
    bindings,
    error::Result,
    ffi::{
        c_char,
        c_int,
        c_uint, //
    },
    prelude::*, //
};

#[expect(
    improper_ctypes,
    reason = "the items of configfs contain empty structs"
)]
extern "C" {
    fn dlb_trace_config(
        item: *mut bindings::config_item,
        attr: *const c_char,
        value: *const c_char,
        len: usize,
        ret: c_int,
    );
    fn dlb_trace_mkdir(parent: *mut bindings::config_group, name: *const c_char);
    fn dlb_trace_rmdir(parent: *mut bindings::config_group, item: *mut bindings::config_item);
}

extern "C" {
    fn dlb_trace_setting(
        device: *const c_char,
        attr: *const c_char,
        value: *const c_char,
        len: usize,
        ret: c_int,
    );
    fn dlb_trace_enable(
        domain: *const c_char,
        domain_len: usize,
        id: c_int,
        ret: c_int,
        reason: *const c_char,
        reason_len: usize,
    );
    fn dlb_trace_disable(
        domain: *const c_char,
        domain_len: usize,
        why: *const c_char,
        why_len: usize,
        ret: c_int,
    );
    fn dlb_trace_domain_reset(device: *const c_char, device_len: usize, id: c_int, ret: c_int);
    fn dlb_trace_links(
        domain: *const c_char,
        domain_len: usize,
        port: *const c_char,
        port_len: usize,
        links: c_uint,
        ret: c_int,
    );
    fn dlb_trace_alert(device: *const c_char, device_len: usize, id: c_int, kind: c_uint, aux: u64);
    fn dlb_trace_device(
        device: *const c_char,
        device_len: usize,
        what: *const c_char,
        what_len: usize,
        ret: c_int,
    );
    fn dlb_trace_mailbox(
        device: *const c_char,
        device_len: usize,
        vf: c_uint,
        command: c_uint,
        status: c_uint,
    );
}

/// A file in configfs was written.
///
/// # Safety
///
/// `item` must be in the tree and stay there during the call.
pub(super) unsafe fn config(
    item: *mut bindings::config_item,
    attr: &CStr,
    value: &[u8],
    result: &Result,
) {
    let value = value.trim_ascii_end();
    // SAFETY: By the safety requirements, and the other pointers come from references.
    unsafe {
        dlb_trace_config(
            item,
            attr.as_char_ptr(),
            value.as_ptr().cast(),
            value.len(),
            errno(result),
        )
    };
}

/// A directory called `name` was made in `parent`.
///
/// # Safety
///
/// `parent` must be in the tree and stay there during the call, and `name` must be a C string.
pub(super) unsafe fn mkdir(parent: *mut bindings::config_group, name: *const c_char) {
    // SAFETY: By the safety requirements.
    unsafe { dlb_trace_mkdir(parent, name) };
}

/// The directory of `item` was removed from `parent`.
///
/// # Safety
///
/// `parent` must be in the tree and stay there during the call, and `item` must be alive.
pub(super) unsafe fn rmdir(parent: *mut bindings::config_group, item: *mut bindings::config_item) {
    // SAFETY: By the safety requirements.
    unsafe { dlb_trace_rmdir(parent, item) };
}

/// A setting of a device was written in sysfs.
///
/// # Safety
///
/// `device` must be a C string.
pub(super) unsafe fn setting(device: *const c_char, attr: &CStr, value: &[u8], result: &Result) {
    let value = value.trim_ascii_end();
    // SAFETY: By the safety requirements, and the other pointers come from references.
    unsafe {
        dlb_trace_setting(
            device,
            attr.as_char_ptr(),
            value.as_ptr().cast(),
            value.len(),
            errno(result),
        )
    };
}

/// A domain was built as number `id`, or was refused for `reason`.
pub(crate) fn enable(domain: &Name, id: i32, result: &Result, reason: &str) {
    let domain = domain.as_bytes();
    // SAFETY: The pointers come from references.
    unsafe {
        dlb_trace_enable(
            domain.as_ptr().cast(),
            domain.len(),
            id,
            errno(result),
            reason.as_ptr().cast(),
            reason.len(),
        )
    };
}

/// A domain ended.
pub(crate) fn disable(domain: &Name, why: &str, result: &Result) {
    let domain = domain.as_bytes();
    // SAFETY: The pointers come from references.
    unsafe {
        dlb_trace_disable(
            domain.as_ptr().cast(),
            domain.len(),
            why.as_ptr().cast(),
            why.len(),
            errno(result),
        )
    };
}

/// The reset procedure ran on domain `id` of a device.
pub(crate) fn domain_reset(device: &str, id: i32, result: &Result) {
    // SAFETY: The pointer comes from a reference.
    unsafe { dlb_trace_domain_reset(device.as_ptr().cast(), device.len(), id, errno(result)) };
}

/// The links of a port of a running domain were changed to `links` of them.
pub(crate) fn links(domain: &Name, port: &Name, links: u32, result: &Result) {
    let (domain, port) = (domain.as_bytes(), port.as_bytes());
    // SAFETY: The pointers come from references.
    unsafe {
        dlb_trace_links(
            domain.as_ptr().cast(),
            domain.len(),
            port.as_ptr().cast(),
            port.len(),
            links,
            errno(result),
        )
    };
}

/// The alerts file of domain `id` has something to say.
pub(crate) fn alert(device: &str, id: i32, kind: u32, aux: u64) {
    // SAFETY: The pointer comes from a reference.
    unsafe { dlb_trace_alert(device.as_ptr().cast(), device.len(), id, kind, aux) };
}

/// Something happened to a device: it came, went, was reset, ...
pub(crate) fn device(device: &str, what: &str, result: &Result) {
    // SAFETY: The pointers come from references.
    unsafe {
        dlb_trace_device(
            device.as_ptr().cast(),
            device.len(),
            what.as_ptr().cast(),
            what.len(),
            errno(result),
        )
    };
}

/// A mailbox request was answered.
pub(crate) fn mailbox(device: &str, vf: u32, command: u32, status: u32) {
    // SAFETY: The pointer comes from a reference.
    unsafe { dlb_trace_mailbox(device.as_ptr().cast(), device.len(), vf, command, status) };
}

fn errno(result: &Result) -> c_int {
    match result {
        Ok(()) => 0,
        Err(err) => err.to_errno(),
    }
}
