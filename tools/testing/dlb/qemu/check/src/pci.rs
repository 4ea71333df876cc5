// SPDX-License-Identifier: GPL-2.0-or-later
//! The function as sysfs shows it.

use std::ffi::c_void;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::{thread, time::Duration};

use crate::{same, Result};

extern "C" {
    fn mmap(addr: *mut c_void, len: usize, prot: i32, flags: i32, fd: i32, off: i64)
        -> *mut c_void;
    fn munmap(addr: *mut c_void, len: usize) -> i32;
}

const PROT_READ_WRITE: i32 = 3;
const MAP_SHARED: i32 = 1;
const PAGE: usize = 4096;

/// Offsets in BAR 2 that tell where things are.
const TOTAL_VAS: [(u16, u64); 2] = [(0x2710, 0x1000_011c), (0x2714, 0x1000_0114)];
const CM_PM_STATUS: [(u16, u64); 2] = [(0x2710, 0xb400_0014), (0x2714, 0xa400_0014)];
const PMCSR_DISABLE: [(u16, u64); 2] = [(0x2710, 0xb400_0018), (0x2714, 0xa400_0018)];

/// The physical function under test.
pub struct Function {
    dir: PathBuf,
    id: u16,
}

/// One page of a BAR.
pub struct Page(*mut u8);

impl Page {
    pub fn at(&self, off: usize) -> *mut u8 {
        assert!(off < PAGE);
        // SAFETY: the mapping is a page long, and `off` is inside.
        unsafe { self.0.add(off) }
    }

    pub fn read(&self, off: usize) -> u32 {
        // SAFETY: a register of a page that is mapped as long as `self` lives.
        unsafe { self.at(off).cast::<u32>().read_volatile() }
    }

    pub fn write(&self, off: usize, val: u32) {
        // SAFETY: as in `read`.
        unsafe { self.at(off).cast::<u32>().write_volatile(val) }
    }
}

// SAFETY: the page is device memory; every access to it is a single store or load.
unsafe impl Sync for Page {}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: `map` got this from mmap(), a page long.
        unsafe { munmap(self.0.cast(), PAGE) };
    }
}

fn read_hex(path: PathBuf) -> Result<u64> {
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    u64::from_str_radix(text.trim().trim_start_matches("0x"), 16)
        .map_err(|_| format!("{}: '{text}'", path.display()))
}

impl Function {
    /// The DLB with the lowest address.
    pub fn find() -> Result<Self> {
        let mut dirs: Vec<PathBuf> = fs::read_dir("/sys/bus/pci/devices")
            .map_err(|e| e.to_string())?
            .flatten()
            .map(|entry| entry.path())
            .collect();
        dirs.sort();
        for dir in dirs {
            let id = read_hex(dir.join("device"))? as u16;
            if read_hex(dir.join("vendor"))? == 0x8086 && matches!(id, 0x2710 | 0x2714) {
                let f = Self { dir, id };
                f.put("enable", "1")?;
                return Ok(f);
            }
        }
        Err("there is no DLB here".into())
    }

    pub fn put(&self, attr: &str, text: &str) -> Result {
        fs::write(self.dir.join(attr), text).map_err(|e| format!("{attr}={text}: {e}"))
    }

    fn open(&self, name: &str) -> Result<File> {
        let path = self.dir.join(name);
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|e| format!("{}: {e}", path.display()))
    }

    fn config<const N: usize>(&self, off: u64) -> Result<[u8; N]> {
        let mut b = [0; N];
        self.open("config")?
            .read_exact_at(&mut b, off)
            .map_err(|e| format!("config: {e}"))?;
        Ok(b)
    }

    fn word(&self, off: u64) -> Result<u16> {
        self.config(off).map(u16::from_le_bytes)
    }

    fn long(&self, off: u64) -> Result<u32> {
        self.config(off).map(u32::from_le_bytes)
    }

    fn set_word(&self, off: u64, val: u16) -> Result {
        self.open("config")?
            .write_all_at(&val.to_le_bytes(), off)
            .map_err(|e| e.to_string())
    }

    /// Map the page of a BAR that holds `off`.
    pub fn map(&self, bar: u32, off: u64) -> Result<Page> {
        let file = self.open(&format!("resource{bar}"))?;
        let off = off as i64 & !(PAGE as i64 - 1);
        // SAFETY: a new mapping; the result is checked.
        let p = unsafe {
            mmap(
                std::ptr::null_mut(),
                PAGE,
                PROT_READ_WRITE,
                MAP_SHARED,
                file.as_raw_fd(),
                off,
            )
        };
        if p as isize == -1 {
            return Err(format!("mmap of BAR {bar} at {off:#x} failed"));
        }
        Ok(Page(p.cast()))
    }

    fn by_version(&self, table: &[(u16, u64); 2]) -> u64 {
        table
            .iter()
            .find(|(id, _)| *id == self.id)
            .map_or(0, |(_, off)| *off)
    }

    fn csr(&self, off: u64) -> Result<(Page, usize)> {
        Ok((self.map(2, off)?, off as usize & (PAGE - 1)))
    }

    fn read_csr(&self, off: u64) -> Result<u32> {
        self.csr(off).map(|(p, o)| p.read(o))
    }

    /// Switch the device's core on, so that producer pages take what is stored.
    pub fn power_on(&self) -> Result {
        let (p, o) = self.csr(self.by_version(&PMCSR_DISABLE))?;
        p.write(o, 0);
        same(
            "PMSM",
            self.read_csr(self.by_version(&CM_PM_STATUS))? >> 24,
            1,
        )
    }

    pub fn dir_ports(&self) -> usize {
        if self.id == 0x2714 {
            96
        } else {
            64
        }
    }

    /// Offset and version of capability `id`, extended or not.
    fn capability(&self, id: u16, extended: bool) -> Result<u64> {
        let mut at = if extended {
            0x100
        } else {
            u64::from(self.word(0x34)? & 0xff)
        };
        for _ in 0..96 {
            if at == 0 {
                break;
            }
            let header = self.long(at)?;
            if extended {
                if header as u16 == id {
                    return Ok(at);
                }
                at = u64::from(header >> 20);
            } else {
                if header as u8 == id as u8 {
                    return Ok(at);
                }
                at = u64::from(header >> 8 & 0xff);
            }
        }
        Err(format!("no capability {id:#x}"))
    }
}

pub fn config_space(f: &Function) -> Result {
    same("class", read_hex(f.dir.join("class"))?, 0x0b_4000)?;
    same("revision", read_hex(f.dir.join("revision"))?, 0)?;
    same("subsystem vendor", f.word(0x2c)?, 0x8086)?;
    same("interrupt pin", f.word(0x3c)? >> 8, 0)
}

pub fn capabilities(f: &Function) -> Result {
    same("MSI-X", f.capability(0x11, false)?, 0x60)?;
    same("MSI-X vectors", (f.word(0x62)? & 0x7ff) + 1, 65)?;
    same("MSI-X table", f.long(0x64)?, 0x100_0000)?;
    same("MSI-X pending bits", f.long(0x68)?, 0x100_1000)?;
    same("PCI Express", f.capability(0x10, false)?, 0x6c)?;
    same("FLR", f.long(0x70)? >> 28 & 1, 1)?;
    same("PM", f.capability(0x01, false)?, 0xb0)?;
    same("PM version", f.word(0xb2)? & 7, 3)?;
    same("AER", f.capability(0x01, true)?, 0x100)?;
    same("PASID", f.capability(0x1b, true)?, 0x148)?;
    for (name, id) in [("ACS", 0x0d), ("ATS", 0x0f), ("PRI", 0x13), ("ARI", 0x0e)] {
        f.capability(id, true).map_err(|e| format!("{name}: {e}"))?;
    }
    let sriov = f.capability(0x10, true)?;
    same("initial VFs", f.word(sriov + 0x0c)?, 16)?;
    same("total VFs", f.word(sriov + 0x0e)?, 16)?;
    same("device ID of VFs", f.word(sriov + 0x1a)?, f.id + 1)
}

pub fn bars(f: &Function) -> Result {
    let text = fs::read_to_string(f.dir.join("resource")).map_err(|e| e.to_string())?;
    let size = |n: usize| -> Result<u64> {
        let line = text.lines().nth(n).ok_or("resource is short")?;
        let v: Vec<u64> = line
            .split_whitespace()
            .filter_map(|w| u64::from_str_radix(w.trim_start_matches("0x"), 16).ok())
            .collect();
        let [first, last, _] = v[..] else {
            return Err(format!("resource: {line}"));
        };
        Ok(last.wrapping_sub(first).wrapping_add(1))
    };
    // 64-bit prefetchable memory
    same("BAR 0", size(0)?, 64 << 20)?;
    same("BAR 2", size(2)?, 4 << 30)?;
    same("type of BAR 0", f.long(0x10)? & 0xf, 0xc)?;
    same("type of BAR 2", f.long(0x18)? & 0xf, 0xc)?;
    // Behind the BARs and the ROM: where the VFs' BARs lie.
    same("VF BAR 0", size(7)?, 16 * (64 << 20))
}

pub fn total_vas(f: &Function) -> Result {
    f.power_on()?;
    same("SYS_TOTAL_VAS", f.read_csr(f.by_version(&TOTAL_VAS))?, 32)
}

/// Another function of the machine, whose memory the firmware put below the DLB's: the disk
/// controller of the chipset.
pub struct Bystander(Function);

impl Bystander {
    pub fn find() -> Result<Self> {
        for entry in fs::read_dir("/sys/bus/pci/devices")
            .map_err(|e| e.to_string())?
            .flatten()
        {
            if read_hex(entry.path().join("class"))? == 0x01_0601 {
                return Ok(Self(Function {
                    dir: entry.path(),
                    id: 0,
                }));
            }
        }
        Err("there is no AHCI controller here".into())
    }

    /// Take its memory away and give it back, so many times.
    pub fn blink(&self, times: usize) -> Result {
        const COMMAND: u64 = 4;
        const MEMORY: u16 = 2;
        let before = self.0.word(COMMAND)?;
        for _ in 0..times {
            self.0.set_word(COMMAND, before & !MEMORY)?;
            self.0.set_word(COMMAND, before | MEMORY)?;
        }
        self.0.set_word(COMMAND, before)
    }
}

/// What says how the function talks to an IOMMU: extended capability, offset of its control register
/// and the bit that switches it on.
const IOMMU_SWITCHES: [(&str, u16, u64, u16); 3] = [
    ("PASID", 0x1b, 6, 1),
    ("ATS", 0x0f, 6, 1 << 15),
    ("PRI", 0x13, 4, 1),
];

/// Registers and switches go back to their reset values, but for the power switch of the core.
pub fn function_level_reset(f: &Function) -> Result {
    // CHP_CFG_CHP_CSR_CTRL has a reset value and can be written.
    let ctrl = 0x4400_0008;
    f.power_on()?;
    let before = f.read_csr(ctrl)?;
    let (p, o) = f.csr(ctrl)?;
    p.write(o, before ^ (3 << 17));
    same(
        "CHP_CFG_CHP_CSR_CTRL, written",
        p.read(o),
        before ^ (3 << 17),
    )?;
    // Linux restores those that it switched on itself, and knows nothing of these.
    for (name, id, control, on) in IOMMU_SWITCHES {
        let at = f.capability(id, true)? + control;
        f.set_word(at, f.word(at)? | on)?;
        same(name, f.word(at)? & on, on)?;
    }
    f.put("reset_method", "flr")?;
    f.put("reset", "1")?;
    for (name, id, control, on) in IOMMU_SWITCHES {
        let at = f.capability(id, true)? + control;
        same(format!("{name} after FLR"), f.word(at)? & on, 0)?;
    }
    same("CHP_CFG_CHP_CSR_CTRL after FLR", p.read(o), before)?;
    same(
        "PMCSR_DISABLE after FLR",
        f.read_csr(f.by_version(&PMCSR_DISABLE))?,
        0,
    )
}

/// Registers cannot be reached in D3hot, and hold in it what they held.
pub fn d3hot(f: &Function) -> Result {
    let pmcsr = f.capability(0x01, false)? + 4;
    f.power_on()?;
    let d0 = f.word(pmcsr)?;
    f.set_word(pmcsr, d0 & !3 | 3)?;
    thread::sleep(Duration::from_millis(20));
    same("state", f.word(pmcsr)? & 3, 3)?;
    let vas = f.read_csr(f.by_version(&TOTAL_VAS))?;
    if vas == 32 {
        return Err("SYS_TOTAL_VAS can be read in D3hot".into());
    }
    f.set_word(pmcsr, d0 & !3)?;
    thread::sleep(Duration::from_millis(20));
    same("state", f.word(pmcsr)? & 3, 0)?;
    same(
        "PMCSR_DISABLE after D3hot",
        f.read_csr(f.by_version(&PMCSR_DISABLE))?,
        0,
    )?;
    total_vas(f)
}

/// Point MSI-X vector 0 at `addr`, let the device send it, and take MSI-X down again.
fn send_message(f: &Function, addr: u64, data: u32) -> Result {
    let msix = f.capability(0x11, false)? + 2;
    let command = f.word(4)?;
    let control = f.word(msix)?;
    let table = f.map(0, 0x100_0000)?;
    f.set_word(4, command | 6)?;
    f.set_word(msix, control & 0x3fff | 0x8000)?;
    table.write(0, addr as u32);
    table.write(4, (addr >> 32) as u32);
    table.write(8, data);
    table.write(12, 0);
    let sent = crate::qmp(&[
        "set",
        "/machine/peripheral/dlb0",
        "inject",
        "spurious-msix=0",
    ]);
    // A reset may have done some of this already.
    f.set_word(4, command | 6)?;
    table.write(12, 1);
    f.set_word(msix, control & 0x3fff)?;
    sent.map(|_| ())
}

/// A guest can aim the device's interrupt at the device. It must not enter itself.
pub fn message_to_itself(f: &Function) -> Result {
    f.power_on()?;
    let text = fs::read_to_string(f.dir.join("resource")).map_err(|e| e.to_string())?;
    let first = text
        .lines()
        .nth(2)
        .and_then(|l| l.split_whitespace().next())
        .unwrap_or("");
    let bar2 = u64::from_str_radix(first.trim_start_matches("0x"), 16)
        .map_err(|_| format!("resource: {first}"))?;
    // CHP_CFG_CHP_CSR_CTRL: would change if the write came through.
    let ctrl = 0x4400_0008;
    let before = f.read_csr(ctrl)?;
    send_message(f, bar2 + ctrl, before ^ (3 << 17))?;
    same("CHP_CFG_CHP_CSR_CTRL", f.read_csr(ctrl)?, before)?;
    total_vas(f)
}

/// Nor may it fall over if the message, through configuration space, is its own reset.
pub fn message_resets_itself(f: &Function) -> Result {
    f.power_on()?;
    let iomem = fs::read_to_string("/proc/iomem").map_err(|e| e.to_string())?;
    let base = iomem
        .lines()
        .find(|l| l.contains("PCI ECAM"))
        .and_then(|l| l.trim().split('-').next())
        .and_then(|h| u64::from_str_radix(h, 16).ok())
        .ok_or("no ECAM in /proc/iomem")?;
    let name = f.dir.file_name().and_then(|n| n.to_str()).unwrap_or("");
    let mut part = name.split([':', '.']).skip(1);
    let mut number =
        || u64::from_str_radix(part.next().unwrap_or(""), 16).map_err(|_| name.to_string());
    let (bus, dev, func) = (number()?, number()?, number()?);
    let ctrl = 0x4400_0008;
    let before = f.read_csr(ctrl)?;
    let (p, o) = f.csr(ctrl)?;
    p.write(o, before ^ (3 << 17));
    // Device Control, bit 15: initiate function-level reset.
    let devctl = f.capability(0x10, false)? + 8;
    let addr = base + (bus << 20) + (dev << 15) + (func << 12) + devctl;
    let bar0: [u8; 16] = f.config(0x10)?;
    let resets = crate::growth(&["resets"], || send_message(f, addr, 0x8000))?;
    same("resets", resets, vec![1])?;
    // The reset took the addresses away.
    f.open("config")?
        .write_all_at(&bar0, 0x10)
        .map_err(|e| e.to_string())?;
    f.set_word(4, 6)?;
    same("CHP_CFG_CHP_CSR_CTRL", f.read_csr(ctrl)?, before)?;
    total_vas(f)
}
