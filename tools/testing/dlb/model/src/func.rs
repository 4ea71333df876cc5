// SPDX-License-Identifier: GPL-2.0
//! The function BARs: VF-PF mailboxes, VF resets, VF interrupts.

use crate::counters::inc;
use crate::faults::Corrupt;
use crate::tab::{bits, Tab};
use crate::{Device, Host};

/// Offsets inside a VF's 64 KiB space of the PF BAR, and in a VF's own BAR.
const VF2PF_MBOX: u32 = 0x1000;
const VF2PF_ISR: u32 = 0x1f00;
const VF2PF_FLR_ISR: u32 = 0x1f04;
const VF2PF_ISR_PEND: u32 = 0x1f10;
const PF2VF_MBOX: u32 = 0x2000;
const PF2VF_ISR: u32 = 0x2f00;
const VF_MSI_ISR_PEND: u32 = 0x2f10;
const RESET_IN_PROGRESS: u32 = 0x3000;
const VF_MSI_ISR: u32 = 0x4000;
/// Software trap of virtual devices; hardware has nothing there.
const SIOV_TRIGGER: u32 = 0x8000;

const VF_SPACE: u32 = 0x1_0000;
const NUM_VFS: u32 = 16;
/// The interrupt source of a VF that is its mailbox.
pub(crate) const MBOX_EVENT: u32 = 31;

/// PCI's MSI-X table and pending bits, which the host keeps; plain storage here, so that a driver
/// can be run against the model alone.
const MSIX: core::ops::Range<u32> = 0x100_0000..0x100_1100;
const MSIX_VECTORS: u32 = 65;

#[derive(Clone, Default)]
struct Vf {
    msi_isr: u32,
    msi_pend: u32,
    /// MSI messages enabled; 0: none.
    messages: u8,
}

/// State behind the function BARs.
pub(crate) struct Func {
    /// VF to PF, 64 words per VF; PF to VF, 16 words per VF.
    vf2pf: Tab<u32, 1024>,
    pf2vf: Tab<u32, 256>,
    vf2pf_isr: u16,
    flr_isr: u16,
    pf2vf_isr: u16,
    reset_in_progress: u16,
    /// VFs whose last event the PF has not finished with.
    pend: u16,
    vf: Tab<Vf, 16>,
    msix: Tab<u32, 512>,
}

impl Func {
    pub fn new() -> Self {
        let mut msix = Tab::new(0);
        for v in 0..MSIX_VECTORS as usize {
            msix[v * 4 + 3] = 1;
        }
        Self {
            vf2pf: Tab::new(0),
            pf2vf: Tab::new(0),
            vf2pf_isr: 0,
            flr_isr: 0,
            pf2vf_isr: 0,
            reset_in_progress: 0xffff,
            pend: 0,
            vf: Tab::new(Vf::default()),
            msix,
        }
    }

    /// What a reset of the PF leaves: how many messages each VF's MSI capability allows is PCI's.
    pub fn reset(&mut self) {
        let old = core::mem::replace(self, Self::new());
        for (new, old) in self.vf.iter_mut().zip(old.vf.iter()) {
            new.messages = old.messages;
        }
        self.msix = old.msix;
    }

    /// `SYS_ALARM_HW_SYND.VF_PF_MB`: a VF wants something.
    pub fn vf_waits(&self) -> bool {
        self.vf2pf_isr | self.flr_isr != 0
    }
}

fn bit(vf: u8) -> u16 {
    1 << (vf & 15)
}

/// One read with a bit error, if that is injected for this word.
fn corrupted(fault: &mut Option<Corrupt>, vf: u8, word: usize, val: u32) -> u32 {
    match *fault {
        Some(c) if c.vf == vf && usize::from(c.word) == word => {
            *fault = None;
            val ^ c.xor
        }
        _ => val,
    }
}

impl Device {
    /// A VF's event reaches the PF, unless the PF has not finished with its last one.
    fn vf_to_pf_event(&mut self, vf: u8, host: &mut dyn Host) {
        if self.func.pend & bit(vf) == 0 {
            self.func.pend |= bit(vf);
            self.raise_alarm(host);
        }
    }

    /// Event `i` of a VF: its interrupt status, and its MSI.
    pub(crate) fn vf_event(&mut self, vf: u8, i: u32, host: &mut dyn Host) {
        self.func.vf[vf.into()].msi_isr |= 1 << (i & 31);
        self.vf_signal(vf, host);
    }

    /// Send every message of a VF that has a cause and is not pending.
    fn vf_signal(&mut self, vf: u8, host: &mut dyn Host) {
        let v = &mut self.func.vf[vf.into()];
        if v.messages == 0 {
            return;
        }
        // Source i arrives on message i modulo the number of messages, a power of two.
        let mut want = v.msi_isr;
        let mut n = 32;
        while n > u32::from(v.messages) {
            n /= 2;
            want |= want >> n;
            want &= ((1u64 << n) - 1) as u32;
        }
        let send = want & !v.msi_pend;
        v.msi_pend |= send;
        for m in bits(send.into()) {
            self.send_msi(vf, m as u8, host);
        }
    }

    pub(crate) fn send_msi(&mut self, vf: u8, message: u8, host: &mut dyn Host) {
        if self.faults.lose_msi > 0 {
            self.faults.lose_msi -= 1;
            self.ctr.msi_lost += 1;
            return;
        }
        inc(&mut self.ctr.msi, usize::from(vf & 15));
        host.msi(vf & 15, message);
    }

    pub(crate) fn func_set_messages(&mut self, vf: u8, messages: u8) {
        let v = &mut self.func.vf[vf.into()];
        v.messages = if messages.is_power_of_two() {
            messages.min(32)
        } else {
            0
        };
        v.msi_pend = 0;
    }

    /// Reset of one VF: tell the PF, block the VF; the rest is software's.
    pub(crate) fn vf_flr(&mut self, vf: u8, host: &mut dyn Host) {
        self.ctr.vf_resets += 1;
        let v = &mut self.func.vf[vf.into()];
        v.msi_isr = 0;
        v.msi_pend = 0;
        self.func.flr_isr |= bit(vf);
        self.func.reset_in_progress |= bit(vf);
        self.disable_vf_bar(vf);
        self.vf_to_pf_event(vf, host);
    }

    pub(crate) fn func_read_pf(&mut self, off: u32) -> Option<u32> {
        if MSIX.contains(&off) {
            let word = (off - MSIX.start) as usize / 4;
            return Some(if word < 512 { self.func.msix[word] } else { 0 });
        }
        let vf = off / VF_SPACE;
        if vf >= NUM_VFS {
            return None;
        }
        let f = &self.func;
        let n = vf as usize;
        Some(match off % VF_SPACE {
            o @ 0x1000..=0x10ff => {
                let word = (o - VF2PF_MBOX) as usize / 4;
                let val = f.vf2pf[n * 64 + word];
                corrupted(&mut self.faults.vf2pf, vf as u8, word, val)
            }
            // One register each, seen in every VF's space.
            VF2PF_ISR => f.vf2pf_isr.into(),
            VF2PF_FLR_ISR => f.flr_isr.into(),
            VF2PF_ISR_PEND => (f.pend >> vf & 1).into(),
            o @ 0x2000..=0x203f => f.pf2vf[n * 16 + (o - PF2VF_MBOX) as usize / 4],
            PF2VF_ISR => f.pf2vf_isr.into(),
            RESET_IN_PROGRESS => f.reset_in_progress.into(),
            _ => return None,
        })
    }

    pub(crate) fn func_write_pf(&mut self, off: u32, val: u32, host: &mut dyn Host) -> bool {
        if MSIX.contains(&off) {
            let word = (off - MSIX.start) as usize / 4;
            if word < 512 {
                self.func.msix[word] = val;
            }
            return true;
        }
        let vf = off / VF_SPACE;
        if vf >= NUM_VFS {
            return false;
        }
        let n = vf as usize;
        let val16 = val as u16;
        let f = &mut self.func;
        match off % VF_SPACE {
            // The PF sees an image of what the VF wrote.
            0x1000..=0x10ff => {
                self.ctr.read_only_writes = self.ctr.read_only_writes.wrapping_add(1);
            }
            VF2PF_ISR => f.vf2pf_isr &= !val16,
            VF2PF_FLR_ISR => f.flr_isr &= !val16,
            VF2PF_ISR_PEND => {
                let vf = vf as u8;
                if val & 1 != 0 {
                    f.pend &= !bit(vf);
                    if (f.vf2pf_isr | f.flr_isr) & bit(vf) != 0 {
                        self.vf_to_pf_event(vf, host);
                    }
                }
            }
            o @ 0x2000..=0x203f => f.pf2vf[n * 16 + (o - PF2VF_MBOX) as usize / 4] = val,
            PF2VF_ISR => {
                f.pf2vf_isr |= val16;
                for v in bits(val16.into()) {
                    self.ctr.pf_doorbells = self.ctr.pf_doorbells.wrapping_add(1);
                    self.vf_event(v as u8, MBOX_EVENT, host);
                }
            }
            RESET_IN_PROGRESS => f.reset_in_progress &= !val16,
            _ => return false,
        }
        true
    }

    pub(crate) fn func_read_vf(&mut self, vf: u8, off: u32) -> Option<u32> {
        let n = usize::from(vf & 15);
        let f = &self.func;
        Some(match off {
            0x1000..=0x10ff => f.vf2pf[n * 64 + (off - VF2PF_MBOX) as usize / 4],
            VF2PF_ISR => (f.vf2pf_isr >> n & 1).into(),
            0x2000..=0x203f => {
                let word = (off - PF2VF_MBOX) as usize / 4;
                let val = f.pf2vf[n * 16 + word];
                corrupted(&mut self.faults.pf2vf, vf, word, val)
            }
            PF2VF_ISR => (f.pf2vf_isr >> n & 1).into(),
            VF_MSI_ISR_PEND => f.vf[n].msi_pend,
            RESET_IN_PROGRESS => (f.reset_in_progress >> n & 1).into(),
            VF_MSI_ISR => f.vf[n].msi_isr,
            SIOV_TRIGGER => 0,
            _ => return None,
        })
    }

    pub(crate) fn func_write_vf(
        &mut self,
        vf: u8,
        off: u32,
        val: u32,
        host: &mut dyn Host,
    ) -> bool {
        let n = usize::from(vf & 15);
        let f = &mut self.func;
        match off {
            // Word 0 does not work (erratum).
            0x1000..=0x1003 => {}
            0x1004..=0x10ff => f.vf2pf[n * 64 + (off - VF2PF_MBOX) as usize / 4] = val,
            VF2PF_ISR => {
                if val & 1 != 0 {
                    f.vf2pf_isr |= bit(vf);
                    self.ctr.vf_doorbells = self.ctr.vf_doorbells.wrapping_add(1);
                    self.vf_to_pf_event(vf, host);
                }
            }
            PF2VF_ISR => {
                if val & 1 != 0 {
                    f.pf2vf_isr &= !bit(vf);
                }
            }
            VF_MSI_ISR_PEND => {
                f.vf[n].msi_pend &= !val;
                self.vf_signal(vf, host);
            }
            VF_MSI_ISR => f.vf[n].msi_isr &= !val,
            0x2000..=0x203f | RESET_IN_PROGRESS => {
                self.ctr.read_only_writes = self.ctr.read_only_writes.wrapping_add(1);
            }
            SIOV_TRIGGER => {}
            _ => return false,
        }
        true
    }

    /// What the snapshot says about the mailboxes.
    pub(crate) fn func_snapshot(&self, o: &mut String) {
        use core::fmt::Write;
        let f = &self.func;
        let _ = writeln!(
            o,
            "func: vf2pf {:#x} flr {:#x} pf2vf {:#x} reset {:#x} pend {:#x}",
            f.vf2pf_isr, f.flr_isr, f.pf2vf_isr, f.reset_in_progress, f.pend
        );
        for (n, v) in f.vf.iter().enumerate() {
            if v.messages != 0 || v.msi_isr != 0 {
                let _ = writeln!(
                    o,
                    "func: vf{n} messages {} isr {:#x} pend {:#x}",
                    v.messages, v.msi_isr, v.msi_pend
                );
            }
        }
    }
}
