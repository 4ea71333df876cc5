// SPDX-License-Identifier: GPL-2.0
//! The C interface, called as C calls it.

use core::ffi::{c_char, c_int, c_uint, c_void, CStr};
use dlb_model::capi::*;
use std::ptr::{null, null_mut};

/// `struct dlb_model_config` and `struct dlb_model_ops`, as the header lays them out.
#[repr(C)]
struct Config(c_int, u64, *const c_char);
#[repr(C)]
struct Functions(
    unsafe extern "C" fn(*mut c_void, c_int, u32, u64, *const c_void, usize) -> bool,
    unsafe extern "C" fn(*mut c_void, c_uint),
    unsafe extern "C" fn(*mut c_void, c_uint, c_uint),
    unsafe extern "C" fn(*mut c_void, c_int, *const c_char),
);

#[derive(Default)]
struct Seen {
    dma: Vec<(c_int, u32, u64, Vec<u8>)>,
    msix: Vec<c_uint>,
    msi: Vec<(c_uint, c_uint)>,
    log: Vec<String>,
}

fn seen<'a>(opaque: *mut c_void) -> &'a mut Seen {
    // SAFETY: every test passes a pointer to a `Seen` that outlives the model, and has no other
    // reference to it while one of these is used.
    unsafe { &mut *opaque.cast() }
}

unsafe extern "C" fn dma_write(
    opaque: *mut c_void,
    who: c_int,
    pasid: u32,
    addr: u64,
    data: *const c_void,
    len: usize,
) -> bool {
    // SAFETY: the model passes data of this length.
    let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) };
    seen(opaque).dma.push((who, pasid, addr, data.to_vec()));
    true
}

unsafe extern "C" fn msix(opaque: *mut c_void, vector: c_uint) {
    seen(opaque).msix.push(vector);
}

unsafe extern "C" fn msi(opaque: *mut c_void, vf: c_uint, message: c_uint) {
    seen(opaque).msi.push((vf, message));
}

unsafe extern "C" fn log(opaque: *mut c_void, _level: c_int, msg: *const c_char) {
    // SAFETY: the model passes a string.
    let msg = unsafe { CStr::from_ptr(msg) };
    seen(opaque).log.push(msg.to_str().expect("UTF-8").into());
}

fn new(version: c_int, faults: *const c_char, opaque: *mut Seen) -> *mut Model {
    let config = Config(version, 1, faults);
    let ops = Functions(dma_write, msix, msi, log);
    // SAFETY: both structures have the layout of the header.
    unsafe {
        dlb_model_new(
            (&raw const config).cast(),
            (&raw const ops).cast(),
            opaque.cast(),
        )
    }
}

fn take(s: *mut c_char) -> String {
    assert!(!s.is_null());
    // SAFETY: a string of the model, freed once.
    unsafe {
        let text = CStr::from_ptr(s).to_str().expect("UTF-8").to_owned();
        dlb_model_string_free(s);
        text
    }
}

#[test]
fn a_life() {
    let opaque = Box::into_raw(Box::<Seen>::default());
    let m = new(0, null(), opaque);
    assert!(!m.is_null());
    // SAFETY: `m` is a model until it is freed at the end.
    unsafe {
        let csr = |off, val| dlb_model_write(m, -1, 2, off, 4, val);
        csr(0xb400_0018, 0);
        assert_eq!(dlb_model_read(m, -1, 2, 0x1000_011c, 4), 0x20);
        // A directed pair, depth threshold 8.
        for (off, val) in [
            (0x4000_0000, 4u64),
            (0xa098_0000, 8),
            (0x1000_0f60, 1),
            (0x1000_0fc0, 0x1000),
            (0x1000_0fd4, 0x30),
            (0x4050_0000, 1),
            (0xa028_0000, 1),
            (0x1000_0fd0, 1),
            (0xa018_0000, 0),
            (0x1000_0f28, 1),
        ] {
            csr(off, val);
        }
        dlb_model_write(m, -1, 0, 0x200_0000, 8, 77);
        dlb_model_write(m, -1, 0, 0x200_0008, 8, 0x0800_0000_0300_0000);
        let (who, pasid, addr, data) = seen(opaque.cast()).dma.pop().expect("an entry");
        assert_eq!((who, pasid, addr, data.len()), (-1, u32::MAX, 0x1000, 16));
        assert_eq!((data[0], data[15]), (77, 1));

        dlb_model_set_vf_msi(m, 3, 4);
        dlb_model_write(m, -1, 0, 0x2f00, 4, 1 << 3);
        assert_eq!(seen(opaque.cast()).msi, [(3, 3)]);
        dlb_model_flr(m, 3);
        assert_eq!(seen(opaque.cast()).msix, [0]);
        dlb_model_read(m, -1, 2, 0xffff_fff0, 4);
        assert_eq!(seen(opaque.cast()).log.len(), 1);

        assert!(dlb_model_inject(m, c"slow-idle=2".as_ptr(), null_mut()));
        let mut error = null_mut();
        assert!(!dlb_model_inject(m, c"nonsense".as_ptr(), &raw mut error));
        assert!(take(error).contains("nonsense"));
        assert!(!dlb_model_inject(m, c"nonsense".as_ptr(), null_mut()));

        assert!(take(dlb_model_stats(m)).contains("\"directed\":1"));
        assert!(take(dlb_model_snapshot(m)).contains("dp: dir 0 queued 0 tokens 1"));
        let mut when = 0;
        assert!(!dlb_model_deadline(m, &raw mut when));
        dlb_model_tick(m, 5);
        dlb_model_set_power(m, true);
        assert_eq!(dlb_model_read(m, -1, 2, 0x1000_011c, 4), 0xffff_ffff);
        dlb_model_set_power(m, false);
        dlb_model_flr(m, -1);
        assert_eq!(dlb_model_read(m, -1, 2, 0x1000_0f60, 4), 0);
        dlb_model_free(m);
        drop(Box::from_raw(opaque));
    }
}

#[test]
fn what_makes_no_sense_does_nothing() {
    let opaque = Box::into_raw(Box::<Seen>::default());
    assert!(new(2, null(), opaque).is_null());
    assert!(new(0, c"never-readyy".as_ptr(), opaque).is_null());
    let m = new(1, c"never-ready".as_ptr(), opaque);
    // SAFETY: null is allowed everywhere, and `m` is a model until it is freed.
    unsafe {
        assert!(dlb_model_new(null(), null(), null_mut()).is_null());
        for m in [null_mut(), m] {
            for (who, bar) in [(-2, 0), (16, 0), (0, 1), (-1, 4)] {
                assert_eq!(dlb_model_read(m, who, bar, 0, 4), u64::MAX);
                dlb_model_write(m, who, bar, 0, 4, 0);
            }
            dlb_model_flr(m, 99);
            dlb_model_set_vf_msi(m, 99, 99);
        }
        dlb_model_tick(null_mut(), 0);
        dlb_model_set_power(null_mut(), true);
        assert!(dlb_model_stats(null()).is_null());
        assert!(!dlb_model_deadline(null(), null_mut()));
        assert!(dlb_model_inject(m, null(), null_mut()));
        assert_eq!(dlb_model_read(m, -1, 2, 0xa400_0014, 4) >> 24, 0);
        dlb_model_string_free(null_mut());
        dlb_model_free(m);
        dlb_model_free(null_mut());
        drop(Box::from_raw(opaque));
    }
}
