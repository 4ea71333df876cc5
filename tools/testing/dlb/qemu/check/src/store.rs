// SPDX-License-Identifier: GPL-2.0-or-later
//! Stores: the instructions on memory, and what the device makes of each on a producer page. No
//! port is set up, so the device refuses and counts every element, which is what tells how many
//! it saw.

use std::arch::asm;
use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::pci::{Bystander, Function};
use crate::{growth, same, Result};

const DIR_PP: u64 = 0x200_0000;
const LDB_PP: u64 = 0x210_0000;
const SIGSEGV: i32 = 11;

/// NEW, in the last byte of an element.
const NEW: u8 = 0x08;

#[repr(C, align(64))]
struct Line([u8; 64]);

impl Line {
    /// A line whose first `n` elements are commands, the others no-ops.
    fn new(n: usize) -> Self {
        let mut l = [0; 64];
        for e in l.chunks_exact_mut(16).take(n) {
            e[15] = NEW;
        }
        Self(l)
    }
}

/// # Safety
///
/// `dst` must be valid for writes of 64 bytes and aligned to 64, `src` valid for reads of 64.
unsafe fn movdir64b_to(dst: *mut u8, src: *const u8) {
    // SAFETY: as the caller promises. Spelt out for assemblers that do not know it.
    unsafe {
        asm!(".byte 0x66, 0x0f, 0x38, 0xf8, 0x3e", in("rdi") dst, in("rsi") src,
             options(nostack, preserves_flags))
    }
}

/// # Safety
///
/// `dst` must be valid for writes of 8 bytes.
unsafe fn movdiri64(dst: *mut u8, val: u64) {
    // SAFETY: as the caller promises.
    unsafe {
        asm!(".byte 0x48, 0x0f, 0x38, 0xf9, 0x07", in("rdi") dst, in("rax") val,
             options(nostack, preserves_flags))
    }
}

/// # Safety
///
/// `dst` must be valid for writes of 4 bytes.
unsafe fn movdiri32(dst: *mut u8, val: u32) {
    // SAFETY: as the caller promises.
    unsafe {
        asm!(".byte 0x0f, 0x38, 0xf9, 0x07", in("rdi") dst, in("eax") val,
             options(nostack, preserves_flags))
    }
}

/// # Safety
///
/// `dst` must be valid for writes of 16 bytes and aligned to 16.
unsafe fn store16(dst: *mut u8, src: &[u8; 16]) {
    // SAFETY: as the caller promises.
    unsafe {
        _mm_stream_si128(dst.cast::<__m128i>(), _mm_loadu_si128(src.as_ptr().cast()));
        _mm_sfence();
    }
}

pub fn movdiri(_: &Function) -> Result {
    let mut mem = [0xa5u8; 32];
    // SAFETY: inside `mem`.
    unsafe { movdiri64(mem.as_mut_ptr().add(3), 0x1122_3344_5566_7788) };
    let mut want = [0xa5u8; 32];
    want[3..11].copy_from_slice(&0x1122_3344_5566_7788u64.to_le_bytes());
    same("memory after 64 bits", mem, want)?;
    // SAFETY: inside `mem`.
    unsafe { movdiri32(mem.as_mut_ptr().add(21), 0x99aa_bbcc) };
    want[21..25].copy_from_slice(&0x99aa_bbccu32.to_le_bytes());
    same("memory after 32 bits", mem, want)
}

pub fn movdir64b(_: &Function) -> Result {
    let src: Vec<u8> = (0..128).collect();
    for align in [0, 1, 15, 33, 63] {
        let mut dst = [const { Line([0xa5; 64]) }; 3];
        // SAFETY: a whole line, and a source with 64 bytes left.
        unsafe { movdir64b_to(dst[1].0.as_mut_ptr(), src.as_ptr().add(align)) };
        same("neighbour before", dst[0].0, [0xa5; 64])?;
        same("line", &dst[1].0[..], &src[align..align + 64])?;
        same("neighbour after", dst[2].0, [0xa5; 64])?;
    }
    Ok(())
}

/// Runs in a child.
pub fn fault(how: &str) {
    let src = Line::new(0);
    let mut dst = [const { Line([0; 64]) }; 2];
    let off: usize = how.parse().unwrap_or(0);
    let to = if how == "null" {
        std::ptr::null_mut()
    } else {
        dst[0].0.as_mut_ptr().wrapping_add(off)
    };
    // SAFETY: not met, on purpose: the parent expects this process to die here.
    unsafe { movdir64b_to(to, src.0.as_ptr()) };
    std::hint::black_box(&dst);
}

pub fn movdir64b_faults(_: &Function) -> Result {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    for (how, signal) in [
        ("0", None),
        ("1", Some(SIGSEGV)),
        ("8", Some(SIGSEGV)),
        ("32", Some(SIGSEGV)),
        ("null", Some(SIGSEGV)),
    ] {
        let status = Command::new(&me)
            .arg(format!("--fault={how}"))
            .status()
            .map_err(|e| e.to_string())?;
        same(
            format!("signal for destination {how}"),
            status.signal(),
            signal,
        )?;
    }
    Ok(())
}

/// A 64-byte store is four elements, and as many are counted as are not no-ops.
pub fn lines_of_four(f: &Function) -> Result {
    f.power_on()?;
    for (base, ports) in [(DIR_PP, f.dir_ports()), (LDB_PP, 64)] {
        let page = f.map(0, base + (ports as u64 - 1) * 0x1000)?;
        for n in 0..=4 {
            let line = Line::new(n);
            let grown = growth(&["dropped.illegal_pp", "dropped.malformed"], || {
                for _ in 0..10 {
                    // SAFETY: the start of a producer page takes lines.
                    unsafe { movdir64b_to(page.at(0), line.0.as_ptr()) };
                }
                Ok(())
            })?;
            same(
                format!("elements of 10 lines with {n} commands"),
                grown,
                vec![10 * n as u64, 0],
            )?;
        }
    }
    Ok(())
}

/// 16-byte stores, all to the start of the page, are an element each.
pub fn single_elements(f: &Function) -> Result {
    f.power_on()?;
    let line = Line::new(1);
    let element: [u8; 16] = line.0[..16].try_into().map_err(|_| "slice")?;
    let page = f.map(0, LDB_PP)?;
    let grown = growth(&["dropped.illegal_pp", "dropped.malformed"], || {
        for _ in 0..25 {
            // SAFETY: the start of a producer page takes elements.
            unsafe { store16(page.at(0), &element) };
        }
        Ok(())
    })?;
    same("elements of 25 stores", grown, vec![25, 0])
}

/// What is no element must not become one, nor spoil the next.
pub fn odd_stores(f: &Function) -> Result {
    f.power_on()?;
    let page = f.map(0, LDB_PP)?;
    let grown = growth(&["dropped.illegal_pp"], || {
        // SAFETY: inside a producer page.
        unsafe {
            movdiri32(page.at(0), u32::from(NEW) << 24);
            page.at(15).write_volatile(NEW);
            movdiri64(page.at(8), u64::from(NEW) << 56);
        }
        Ok(())
    })?;
    same("elements of odd stores", grown, vec![0])?;
    let line = Line::new(4);
    let grown = growth(&["dropped.illegal_pp"], || {
        // SAFETY: the start of a producer page takes lines.
        unsafe { movdir64b_to(page.at(0), line.0.as_ptr()) };
        Ok(())
    })?;
    same("elements of the line after them", grown, vec![4])
}

/// Lines of two CPUs do not mix.
pub fn two_ports_at_once(f: &Function) -> Result {
    const LINES: u64 = 2000;
    f.power_on()?;
    let pages = [f.map(0, LDB_PP)?, f.map(0, LDB_PP + 0x1000)?];
    let grown = growth(&["dropped.illegal_pp", "dropped.malformed"], || {
        thread::scope(|s| {
            for page in &pages {
                s.spawn(move || {
                    let line = Line::new(3);
                    for _ in 0..LINES {
                        // SAFETY: the start of a producer page takes lines.
                        unsafe { movdir64b_to(page.at(0), line.0.as_ptr()) };
                    }
                });
            }
        });
        Ok(())
    })?;
    same("elements of two CPUs", grown, vec![2 * 3 * LINES, 0])?;
    // The same page from two CPUs: a line is whole as long as each store of it is one.
    let page = &pages[0];
    let grown = growth(&["dropped.illegal_pp", "dropped.malformed"], || {
        thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(move || {
                    let line = Line::new(3);
                    for _ in 0..LINES {
                        // SAFETY: as above.
                        unsafe { movdir64b_to(page.at(0), line.0.as_ptr()) };
                    }
                });
            }
        });
        Ok(())
    })?;
    same(
        "elements of two CPUs on one page",
        grown,
        vec![2 * 3 * LINES, 0],
    )
}

/// What a CPU stores arrives where it was stored to, while another changes the memory map.
pub fn memory_map_changes(f: &Function) -> Result {
    const CHANGES: usize = 300;
    f.power_on()?;
    let other = Bystander::find()?;
    let page = f.map(0, LDB_PP)?;
    let line = Line::new(1);
    let element: [u8; 16] = line.0[..16].try_into().map_err(|_| "slice")?;
    let over = AtomicBool::new(false);
    let mut stored = 0u64;
    let grown = growth(&["dropped.illegal_pp", "dropped.malformed"], || {
        thread::scope(|s| {
            s.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    // SAFETY: the start of a producer page takes elements.
                    unsafe { store16(page.at(0), &element) };
                    stored += 1;
                }
            });
            let changed = other.blink(CHANGES);
            over.store(true, Ordering::Release);
            changed
        })
    })?;
    same("elements while the map changes", grown, vec![stored, 0])
}

/// Store lines until somebody takes the page away.
pub fn hammer(f: &Function) -> Result {
    f.power_on()?;
    let page = f.map(0, LDB_PP)?;
    let line = Line::new(4);
    loop {
        // SAFETY: the start of a producer page takes lines; when it is gone, a signal ends this.
        unsafe { movdir64b_to(page.at(0), line.0.as_ptr()) };
    }
}
