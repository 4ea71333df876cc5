// SPDX-License-Identifier: GPL-2.0
//! The C interface declared in `tools/testing/dlb/qemu/dlb_model.h`.
//!
//! A pointer to a model that a function takes comes from `dlb_model_new()` and has not been freed;
//! calls on one model are serialised by the caller. Null pointers are answered with nothing done.

use crate::{Bar, Config, Device, Host, Level, Requester, Version};
use core::ffi::{c_char, c_int, c_uint, c_void, CStr};
use core::fmt;
use std::ffi::CString;

/// `struct dlb_model_ops`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Ops {
    dma_write:
        Option<unsafe extern "C" fn(*mut c_void, c_int, u32, u64, *const c_void, usize) -> bool>,
    msix: Option<unsafe extern "C" fn(*mut c_void, c_uint)>,
    msi: Option<unsafe extern "C" fn(*mut c_void, c_uint, c_uint)>,
    log: Option<unsafe extern "C" fn(*mut c_void, c_int, *const c_char)>,
}

/// `struct dlb_model_config`
#[repr(C)]
pub struct CConfig {
    version: c_int,
    seed: u64,
    faults: *const c_char,
}

struct CHost {
    ops: Ops,
    opaque: *mut c_void,
}

/// `struct dlb_model`
pub struct Model {
    device: Device,
    host: CHost,
}

const NO_PASID: u32 = u32::MAX;

impl Host for CHost {
    fn dma_write(&mut self, who: Requester, pasid: Option<u32>, addr: u64, data: &[u8]) -> bool {
        let who = match who {
            Requester::Pf => -1,
            Requester::Vf(n) => c_int::from(n),
        };
        let Some(f) = self.ops.dma_write else {
            return false;
        };
        let pasid = pasid.unwrap_or(NO_PASID);
        // SAFETY: the caller of dlb_model_new() vouches for the function and its opaque pointer;
        // `data` is valid for its length during the call.
        unsafe {
            f(
                self.opaque,
                who,
                pasid,
                addr,
                data.as_ptr().cast(),
                data.len(),
            )
        }
    }

    fn msix(&mut self, vector: u16) {
        if let Some(f) = self.ops.msix {
            // SAFETY: as in dma_write().
            unsafe { f(self.opaque, c_uint::from(vector)) }
        }
    }

    fn msi(&mut self, vf: u8, message: u8) {
        if let Some(f) = self.ops.msi {
            // SAFETY: as in dma_write().
            unsafe { f(self.opaque, c_uint::from(vf), c_uint::from(message)) }
        }
    }

    fn log(&mut self, level: Level, msg: fmt::Arguments<'_>) {
        let level = match level {
            Level::Error => 0,
            Level::Warn => 1,
            Level::Info => 2,
        };
        if let (Some(f), Ok(text)) = (self.ops.log, CString::new(msg.to_string())) {
            // SAFETY: as in dma_write(); `text` ends in NUL and lives until after the call.
            unsafe { f(self.opaque, level, text.as_ptr()) }
        }
    }
}

fn requester(n: c_int) -> Option<Requester> {
    match n {
        -1 => Some(Requester::Pf),
        0..=15 => Some(Requester::Vf(n as u8)),
        _ => None,
    }
}

fn bar(n: c_int) -> Option<Bar> {
    match n {
        0 => Some(Bar::Func),
        2 => Some(Bar::Csr),
        _ => None,
    }
}

fn text(s: String) -> *mut c_char {
    CString::new(s).map_or(core::ptr::null_mut(), CString::into_raw)
}

/// # Safety
/// `s` is null or a NUL-terminated string.
unsafe fn string(s: *const c_char) -> Option<String> {
    if s.is_null() {
        return Some(String::new());
    }
    // SAFETY: not null, and the caller says that it is a string.
    unsafe { CStr::from_ptr(s) }.to_str().ok().map(Into::into)
}

/// # Safety
/// `config` and `ops` point to what the header says, and the functions of `ops` may be called with
/// `opaque` for as long as the model lives.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_new(
    config: *const CConfig,
    ops: *const Ops,
    opaque: *mut c_void,
) -> *mut Model {
    // SAFETY: valid or null, says the caller.
    let (Some(c), Some(ops)) = (unsafe { config.as_ref() }, unsafe { ops.as_ref() }) else {
        return core::ptr::null_mut();
    };
    let version = match c.version {
        0 => Version::V2_0,
        1 => Version::V2_5,
        _ => return core::ptr::null_mut(),
    };
    // SAFETY: the header asks for null or a string.
    let Some(faults) = (unsafe { string(c.faults) }) else {
        return core::ptr::null_mut();
    };
    match Device::new(&Config {
        version,
        seed: c.seed,
        faults,
    }) {
        Ok(device) => Box::into_raw(Box::new(Model {
            device,
            host: CHost { ops: *ops, opaque },
        })),
        Err(_) => core::ptr::null_mut(),
    }
}

/// # Safety
/// `m` is null or a model that is not used afterwards.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_free(m: *mut Model) {
    if !m.is_null() {
        // SAFETY: it came from Box::into_raw() in dlb_model_new() and was not freed yet.
        drop(unsafe { Box::from_raw(m) });
    }
}

/// # Safety
/// `m` is null or a model.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_read(
    m: *mut Model,
    who: c_int,
    bar_nr: c_int,
    off: u64,
    size: c_uint,
) -> u64 {
    // SAFETY: null or a model; nobody else uses it now.
    let (Some(m), Some(who), Some(bar)) = (unsafe { m.as_mut() }, requester(who), bar(bar_nr))
    else {
        return u64::MAX;
    };
    m.device
        .read(who, bar, off, size.min(255) as u8, &mut m.host)
}

/// # Safety
/// `m` is null or a model.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_write(
    m: *mut Model,
    who: c_int,
    bar_nr: c_int,
    off: u64,
    size: c_uint,
    val: u64,
) {
    // SAFETY: null or a model; nobody else uses it now.
    if let (Some(m), Some(who), Some(bar)) = (unsafe { m.as_mut() }, requester(who), bar(bar_nr)) {
        m.device
            .write(who, bar, off, size.min(255) as u8, val, &mut m.host);
    }
}

/// # Safety
/// `m` is null or a model.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_flr(m: *mut Model, who: c_int) {
    // SAFETY: null or a model; nobody else uses it now.
    if let (Some(m), Some(who)) = (unsafe { m.as_mut() }, requester(who)) {
        m.device.flr(who, &mut m.host);
    }
}

/// # Safety
/// `m` is null or a model.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_set_power(m: *mut Model, d3hot: bool) {
    // SAFETY: null or a model; nobody else uses it now.
    if let Some(m) = unsafe { m.as_mut() } {
        m.device.set_d3(d3hot);
    }
}

/// # Safety
/// `m` is null or a model.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_set_vf_msi(m: *mut Model, vf: c_uint, messages: c_uint) {
    // SAFETY: null or a model; nobody else uses it now.
    if let Some(m) = unsafe { m.as_mut() } {
        m.device
            .set_vf_msi(vf.min(255) as u8, messages.min(32) as u8);
    }
}

/// # Safety
/// `m` is null or a model.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_tick(m: *mut Model, now_ns: u64) {
    // SAFETY: null or a model; nobody else uses it now.
    if let Some(m) = unsafe { m.as_mut() } {
        m.device.tick(now_ns, &mut m.host);
    }
}

/// # Safety
/// `m` is null or a model, `when` is null or may be written.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_deadline(m: *const Model, when: *mut u64) -> bool {
    // SAFETY: null or a model; nobody else uses it now.
    let Some(m) = (unsafe { m.as_ref() }) else {
        return false;
    };
    let Some(t) = m.device.deadline() else {
        return false;
    };
    // SAFETY: null or writable, says the caller.
    if let Some(w) = unsafe { when.as_mut() } {
        *w = t;
    }
    true
}

/// # Safety
/// `m` is null or a model.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_stats(m: *const Model) -> *mut c_char {
    // SAFETY: null or a model; nobody else uses it now.
    unsafe { m.as_ref() }.map_or(core::ptr::null_mut(), |m| text(m.device.stats()))
}

/// # Safety
/// `m` is null or a model.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_snapshot(m: *const Model) -> *mut c_char {
    // SAFETY: null or a model; nobody else uses it now.
    unsafe { m.as_ref() }.map_or(core::ptr::null_mut(), |m| text(m.device.snapshot()))
}

/// # Safety
/// `m` is null or a model, `commands` null or a string, `error` null or may be written.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_inject(
    m: *mut Model,
    commands: *const c_char,
    error: *mut *mut c_char,
) -> bool {
    // SAFETY: null or a model, null or a string, says the caller.
    let result = match (unsafe { m.as_mut() }, unsafe { string(commands) }) {
        (Some(m), Some(s)) => m.device.inject(&s, &mut m.host),
        _ => Err("not a string".into()),
    };
    let Err(e) = result else { return true };
    // SAFETY: null or writable, says the caller.
    if let Some(p) = unsafe { error.as_mut() } {
        *p = text(e);
    }
    false
}

/// # Safety
/// `s` is null or came from one of the functions above and is not used afterwards.
#[no_mangle]
pub unsafe extern "C" fn dlb_model_string_free(s: *mut c_char) {
    if !s.is_null() {
        // SAFETY: it came from CString::into_raw() in text().
        drop(unsafe { CString::from_raw(s) });
    }
}
