// SPDX-License-Identifier: GPL-2.0
//! SYS: ingress (who may send what where), egress (CQ writes), MSI-X and alarms.

use crate::counters::{inc, Drop, Topic};
use crate::qe::{cmd, Hcw, Qe, DIRECTED, ORDERED, UNORDERED};
use crate::regs::{Reg, Reg::*};
use crate::{Device, Host, Level, Requester, Version};

/// SYS errors. The numbers of the ones that no software knows are ours.
pub(crate) mod aid {
    pub const ILLEGAL_PP: u32 = 1;
    pub const ILLEGAL_QID: u32 = 3;
    pub const DISABLED_QID: u32 = 4;
    pub const ILLEGAL_HCW: u32 = 5;
    pub const QID_CFG: u32 = 6;
    /// CHP errors.
    pub const ILLEGAL_ENQ: u32 = 1;
    pub const EXCESS_TOKENS: u32 = 2;
}

const SOURCE_CORE: u32 = 1;
const UNIT_CHP: u32 = 4;

/// `SYS_ALARM_*_SYND0` and `SYS_ALARM_HW_SYND`
pub(crate) const VALID: u32 = 1 << 31;
pub(crate) const MORE: u32 = 1 << 30;
const HW_ALARM: u32 = 1 << 10;
const HW_CWD: u32 = 1 << 11;
const HW_VF_PF_MB: u32 = 1 << 12;

/// `SYS_*_CQ_ISR.EN_CODE`
const EN_MSI: u32 = 1;
const EN_MSIX: u32 = 2;
const EN_IMS: u32 = 3;

const ACK_ALARM: u32 = 1;
const ACK_CQ: u32 = 2;

/// First-error latches, interrupt status.
#[derive(Clone, Default)]
pub(crate) struct Sys {
    pub occ_ldb: u64,
    pub occ_dir: u128,
    /// Vectors that were signalled and not acknowledged.
    msix_ack: u32,
    /// A cause for vector 0 appeared since its last message.
    alarm_pending: bool,
    pf_synd: [u32; 3],
    vf_synd: [[u32; 3]; 16],
    hw_synd: u32,
    errors: u64,
}

/// Where an HCW comes from.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub ldb: bool,
    /// Physical port.
    pub port: usize,
    /// The owner, if it is a VF; its queue numbers are virtual.
    pub vf: Option<u8>,
    /// The port number as the sender's owner knows it.
    pub seen_as: u16,
}

impl Device {
    /// One HCW arrives at a producer page.
    pub(crate) fn ingress(
        &mut self,
        who: Requester,
        ldb: bool,
        page: usize,
        hcw: Hcw,
        host: &mut dyn Host,
    ) {
        let code = hcw.cmd();
        inc(&mut self.ctr.hcw, usize::from(code));
        if code == cmd::NOOP {
            return;
        }
        if self.cm.off || self.d3 {
            return self.ctr.drop_hcw(Drop::Off);
        }
        let mut from = Origin {
            ldb,
            port: page,
            vf: None,
            seen_as: page as u16,
        };
        let ports = self.ports(ldb);
        if page >= ports {
            return self.ctr.drop_hcw(Drop::IllegalPp);
        }
        if let Requester::Vf(vf) = who {
            from.vf = Some(vf);
            let x = usize::from(vf) * ports + page;
            let (valid, map, owner) = if ldb {
                (SYS_VF_LDB_VPP_V, SYS_VF_LDB_VPP2PP, SYS_LDB_PP2VDEV)
            } else {
                (SYS_VF_DIR_VPP_V, SYS_VF_DIR_VPP2PP, SYS_DIR_PP2VDEV)
            };
            from.port = self.regs.get(map, x) as usize;
            if self.regs.get(valid, x) == 0
                || from.port >= ports
                || self.regs.get(owner, from.port) != u32::from(vf)
            {
                return self.refuse(Drop::IllegalPp, &from, hcw, host);
            }
        }
        let p = from.port;
        if self
            .regs
            .get(if ldb { SYS_LDB_PP_V } else { SYS_DIR_PP_V }, p)
            == 0
        {
            return self.refuse(Drop::IllegalPp, &from, hcw, host);
        }
        if who == Requester::Pf && !self.cq_is_pf(ldb, p) {
            // A virtual device whose doorbells come through the PF's window.
            from.vf = Some(self.regs.get(
                if ldb {
                    SYS_LDB_PP2VDEV
                } else {
                    SYS_DIR_PP2VDEV
                },
                p,
            ) as u8);
        }
        let legal = match code {
            4 | 6 | 7 | 14 | 15 => false,
            cmd::ARM => true,
            _ => ldb || code & (cmd::COMP | cmd::FRAG) == 0,
        };
        if !legal {
            return self.refuse(Drop::IllegalHcw, &from, hcw, host);
        }
        let vas_reg = if ldb { SYS_LDB_PP2VAS } else { SYS_DIR_PP2VAS };
        let vas = self.regs.get(vas_reg, p) as usize;
        let mut qid = 0;
        if code & cmd::VALID != 0 {
            match self.destination(&from, vas, hcw) {
                Ok(q) => qid = q,
                Err(why) => return self.refuse(why, &from, hcw, host),
            }
        }
        self.chp_accept(&from, vas, hcw, qid, host);
    }

    /// The physical queue that an HCW addresses, if its sender may use it.
    fn destination(&self, from: &Origin, vas: usize, hcw: Hcw) -> Result<u8, Drop> {
        let directed = hcw.sched_type() == DIRECTED;
        let queues = if directed { self.num_dir() } else { 32 };
        let mut q = usize::from(hcw.qid());
        if q >= queues {
            return Err(Drop::IllegalQid);
        }
        if let Some(vf) = from.vf {
            let x = usize::from(vf) * queues + q;
            let (valid, map) = if directed {
                (SYS_VF_DIR_VQID_V, SYS_VF_DIR_VQID2QID)
            } else {
                (SYS_VF_LDB_VQID_V, SYS_VF_LDB_VQID2QID)
            };
            if self.regs.get(valid, x) == 0 {
                return Err(Drop::IllegalQid);
            }
            q = self.regs.get(map, x) as usize;
            if q >= queues {
                return Err(Drop::IllegalQid);
            }
        }
        let (exists, allowed) = if directed {
            (SYS_DIR_QID_V, SYS_DIR_VASQID_V)
        } else {
            (SYS_LDB_QID_V, SYS_LDB_VASQID_V)
        };
        if self.regs.get(exists, q) == 0 {
            return Err(Drop::IllegalQid);
        }
        if self.regs.get(allowed, vas * queues + q) == 0 {
            return Err(Drop::DisabledQid);
        }
        if !directed {
            let cfg = self.regs.get(SYS_LDB_QID_CFG_V, q);
            let ok = match hcw.sched_type() {
                ORDERED => cfg & 1 != 0,
                UNORDERED => cfg & 1 == 0,
                _ => cfg & 2 != 0,
            };
            if !ok {
                return Err(Drop::QidCfg);
            }
        }
        Ok(q as u8)
    }

    /// An HCW has no effect, or not all of it: count, and raise the alarm if it is enabled.
    pub(crate) fn refuse(&mut self, why: Drop, from: &Origin, hcw: Hcw, host: &mut dyn Host) {
        self.ctr.drop_hcw(why);
        // (AID, enable bit in SYS_INGRESS_ALARM_ENBL) or a CHP error with its pair of disable bits.
        let (aid, sys_bit, chp_inf) = match why {
            Drop::IllegalPp => (aid::ILLEGAL_PP, 1, 0),
            Drop::IllegalHcw => (aid::ILLEGAL_HCW, 0, 0),
            Drop::IllegalQid => (aid::ILLEGAL_QID, 3, 0),
            Drop::DisabledQid => (aid::DISABLED_QID, 4, 0),
            Drop::QidCfg => (aid::QID_CFG, 5, 0),
            Drop::NoCredit | Drop::NoStorage | Drop::NoInflight | Drop::BadFragment => {
                (aid::ILLEGAL_ENQ, u32::MAX, 4)
            }
            Drop::ExcessTokens => (aid::EXCESS_TOKENS, u32::MAX, 6),
            Drop::Off | Drop::BarDisabled | Drop::Malformed => return,
        };
        let (alarm, syndrome, mut word0);
        if sys_bit != u32::MAX {
            self.sys.errors = self.sys.errors.wrapping_add(1);
            alarm = self.regs.bit(SYS_INGRESS_ALARM_ENBL, 0, sys_bit);
            syndrome = alarm;
            word0 = u32::from(from.seen_as & 0x7f) | u32::from(from.ldb) << 13;
        } else {
            self.chp.errors = self.chp.errors.wrapping_add(1);
            alarm = !self.regs.bit(CHP_CFG_CHP_CSR_CTRL, 0, chp_inf);
            syndrome = !self.regs.bit(CHP_CFG_CHP_CSR_CTRL, 0, chp_inf + 1);
            word0 = u32::from(from.seen_as & 0x7f) | u32::from(from.ldb) << 7;
            word0 |= SOURCE_CORE << 26 | UNIT_CHP << 22;
        }
        word0 |= aid << 16 | VALID;
        if self.limit.allow(Topic::Dropped).is_some() {
            let kind = if from.ldb { "LDB" } else { "DIR" };
            host.log(
                Level::Warn,
                format_args!(
                    "{} from {kind} port {} ({:?}): {:016x} {:016x}",
                    why.name(),
                    from.seen_as,
                    from.vf,
                    hcw.lo,
                    hcw.hi
                ),
            );
        }
        let words = match from.vf {
            Some(vf) => self.sys.vf_synd.get_mut(usize::from(vf)),
            None => Some(&mut self.sys.pf_synd),
        };
        let Some(words) = words else { return };
        let first = words[0] & VALID == 0;
        if !syndrome {
            // Nothing is latched; the interrupt may still be wanted.
        } else if first {
            *words = [
                word0,
                u32::from(hcw.opaque())
                    | ((hcw.hi >> 16) as u32 & 0xff) << 16
                    | u32::from(hcw.sched_type()) << 24
                    | u32::from(hcw.priority()) << 26
                    | u32::from(hcw.msg_type()) << 29,
                u32::from(hcw.lock_id())
                    | ((hcw.hi >> 48) as u32 & 0xff) << 16
                    | ((hcw.hi >> 56) as u32 & 0x3f) << 24,
            ];
            if from.vf.is_none() {
                // MEAS is a bit of its own in the PF's register, the rest of that byte is DEBUG.
                words[2] &= 0x3fff_ffff;
            }
        } else {
            words[0] |= MORE;
        }
        if alarm && first {
            self.ctr.alarms = self.ctr.alarms.wrapping_add(1);
            self.raise_alarm(host);
        }
    }

    /// Something happened that vector 0 reports.
    pub(crate) fn raise_alarm(&mut self, host: &mut dyn Host) {
        if self.sys.msix_ack & ACK_ALARM != 0 {
            self.sys.alarm_pending = true;
            return;
        }
        self.sys.alarm_pending = false;
        self.sys.msix_ack |= ACK_ALARM;
        self.send_msix(0, host);
    }

    /// A hardware alarm (parity and the like).
    pub(crate) fn hardware_alarm(&mut self, syndrome: u8, host: &mut dyn Host) {
        if self.sys.hw_synd & VALID != 0 {
            self.sys.hw_synd |= MORE;
        } else {
            // Class 2 (uncorrectable) of unit CHP.
            let source = SOURCE_CORE << 26 | UNIT_CHP << 22 | 2 << 14;
            self.sys.hw_synd = VALID | HW_ALARM | source | u32::from(syndrome);
        }
        self.ctr.alarms = self.ctr.alarms.wrapping_add(1);
        self.raise_alarm(host);
    }

    pub(crate) fn send_msix(&mut self, vector: u16, host: &mut dyn Host) {
        if self.faults.lose_msix > 0 {
            self.faults.lose_msix -= 1;
            self.ctr.msix_lost += 1;
            return;
        }
        inc(&mut self.ctr.msix, usize::from(vector.min(2)));
        host.msix(vector);
    }

    /// A CQ interrupt fires: carry it to where the CQ's ISR register says. False if it is off.
    pub(crate) fn cq_interrupt(&mut self, ldb: bool, cq: usize, host: &mut dyn Host) -> bool {
        let isr = self
            .regs
            .get(if ldb { SYS_LDB_CQ_ISR } else { SYS_DIR_CQ_ISR }, cq);
        let vector = isr & 0x3f;
        match isr >> 10 & 3 {
            EN_MSI => {
                let vf = (isr >> 6 & 15) as u8;
                // 31 is the mailbox.
                self.vf_event(vf, vector & 31, host);
            }
            EN_MSIX if self.regs.get(SYS_MSIX_MODE, 0) & 1 != 0 => {
                if ldb {
                    self.sys.occ_ldb |= 1 << (cq & 63);
                } else {
                    self.sys.occ_dir |= 1 << (cq & 127);
                }
                self.raise_cq_vector(host);
            }
            EN_MSIX => self.send_msix(vector as u16 + 1, host),
            EN_IMS => self.ims(ldb, cq, isr & 0xff, host),
            _ => return false,
        }
        self.ctr.cq_interrupts = self.ctr.cq_interrupts.wrapping_add(1);
        true
    }

    fn raise_cq_vector(&mut self, host: &mut dyn Host) {
        if self.sys.msix_ack & ACK_CQ == 0 {
            self.sys.msix_ack |= ACK_CQ;
            self.send_msix(1, host);
        }
    }

    /// Interrupt message storage: the message is a write of four bytes.
    fn ims(&mut self, ldb: bool, cq: usize, entry: u32, host: &mut dyn Host) {
        let (addr, data);
        if self.version == Version::V2_5 {
            let e = entry as usize;
            if self.regs.get(SYS_AI_CTRL, e) & 1 != 0 {
                self.regs.set(SYS_AI_CTRL, e, 3);
                return;
            }
            addr = u64::from(self.regs.get(SYS_AI_ADDR_U, e)) << 32
                | u64::from(self.regs.get(SYS_AI_ADDR_L, e));
            data = self.regs.get(SYS_AI_DATA, e);
        } else {
            let (a, d) = if ldb {
                (SYS_LDB_CQ_AI_ADDR, SYS_LDB_CQ_AI_DATA)
            } else {
                (SYS_DIR_CQ_AI_ADDR, SYS_DIR_CQ_AI_DATA)
            };
            addr = 0xfee0_0000 | u64::from(self.regs.get(a, cq));
            data = self.regs.get(d, cq);
        }
        self.ctr.ims = self.ctr.ims.wrapping_add(1);
        self.dma(Requester::Pf, None, addr, &data.to_le_bytes(), host);
    }

    pub(crate) fn cq_is_pf(&self, ldb: bool, cq: usize) -> bool {
        let reg = if ldb {
            SYS_LDB_CQ2VF_PF_RO
        } else {
            SYS_DIR_CQ2VF_PF_RO
        };
        self.regs.bit(reg, cq, 4)
    }

    /// Write one entry to a CQ.
    pub(crate) fn egress(
        &mut self,
        ldb: bool,
        cq: usize,
        qe: &Qe,
        depth_code: u8,
        host: &mut dyn Host,
    ) {
        let (owner, pasid, lo, up) = if ldb {
            (
                SYS_LDB_CQ2VF_PF_RO,
                SYS_LDB_CQ_PASID,
                SYS_LDB_CQ_ADDR_L,
                SYS_LDB_CQ_ADDR_U,
            )
        } else {
            (
                SYS_DIR_CQ2VF_PF_RO,
                SYS_DIR_CQ_PASID,
                SYS_DIR_CQ_ADDR_L,
                SYS_DIR_CQ_ADDR_U,
            )
        };
        let owner = self.regs.get(owner, cq);
        let is_pf = owner & 0x10 != 0;
        let who = if is_pf {
            Requester::Pf
        } else {
            Requester::Vf((owner & 15) as u8)
        };
        let pasid = self.regs.get(pasid, cq);
        let pasid = (pasid >> 22 & 1 != 0).then_some(pasid & 0xf_ffff);
        let base = u64::from(self.regs.get(up, cq)) << 32 | u64::from(self.regs.get(lo, cq));
        let (index, gen) = self.chp_next_entry(ldb, cq);
        let sparse = self
            .regs
            .bit(CHP_CFG_CHP_CSR_CTRL, 0, if ldb { 17 } else { 18 });
        let addr = base.wrapping_add(u64::from(index) * if sparse { 64 } else { 16 });

        let hcw = qe.hcw;
        let mut hi = hcw.hi & 0xffff;
        if ldb {
            let qid = if is_pf {
                u64::from(qe.qid)
            } else {
                u64::from(self.regs.get(SYS_LDB_QID2VQID, usize::from(qe.qid)))
            };
            hi |= qid << 16 | hcw.hi & 0xffff_ff00_0000;
        } else {
            hi |= u64::from(hcw.lock_id()) << 16 | u64::from(qe.pp & 0x3ff) << 32;
        }
        hi |= u64::from(u8::from(gen) | depth_code << 1) << 56;
        let mut entry = [0u8; 16];
        let (first, second) = entry.split_at_mut(8);
        first.copy_from_slice(&hcw.lo.to_le_bytes());
        second.copy_from_slice(&hi.to_le_bytes());
        self.dma(who, pasid, addr, &entry, host);
    }

    fn dma(
        &mut self,
        who: Requester,
        pasid: Option<u32>,
        addr: u64,
        data: &[u8],
        host: &mut dyn Host,
    ) {
        self.ctr.dma_writes = self.ctr.dma_writes.wrapping_add(1);
        self.ctr.dma_bytes = self.ctr.dma_bytes.wrapping_add(data.len() as u64);
        let injected = self.faults.dma_fault > 0;
        if injected {
            self.faults.dma_fault -= 1;
        }
        if injected || !host.dma_write(who, pasid, addr, data) {
            self.ctr.dma_faults = self.ctr.dma_faults.wrapping_add(1);
            if self.limit.allow(Topic::DmaFault).is_some() {
                host.log(
                    Level::Warn,
                    format_args!("DMA write of {who:?} to {addr:#x} faulted"),
                );
            }
        }
    }

    /// Bits of `SYS_*_CQ_*_OCC_INT_STS` by register.
    fn occ(&mut self, reg: Reg) -> Option<(bool, u32)> {
        Some(match reg {
            SYS_LDB_CQ_31_0_OCC_INT_STS => (true, 0),
            SYS_LDB_CQ_63_32_OCC_INT_STS => (true, 32),
            SYS_DIR_CQ_31_0_OCC_INT_STS => (false, 0),
            SYS_DIR_CQ_63_32_OCC_INT_STS => (false, 32),
            SYS_DIR_CQ_95_64_OCC_INT_STS => (false, 64),
            _ => return None,
        })
    }

    pub(crate) fn sys_read(&mut self, reg: Reg, x: usize) -> u32 {
        match reg {
            SYS_MSIX_ACK => self.sys.msix_ack,
            SYS_ALARM_PF_SYND0 => self.sys.pf_synd[0],
            SYS_ALARM_PF_SYND1 => self.sys.pf_synd[1],
            SYS_ALARM_PF_SYND2 => self.sys.pf_synd[2],
            SYS_ALARM_VF_SYND0 => self.sys.vf_synd.get(x).map_or(0, |s| s[0]),
            SYS_ALARM_VF_SYND1 => self.sys.vf_synd.get(x).map_or(0, |s| s[1]),
            SYS_ALARM_VF_SYND2 => self.sys.vf_synd.get(x).map_or(0, |s| s[2]),
            SYS_ALARM_HW_SYND => {
                // Watchdog and mailbox bits are a live image of their sources.
                let mut v = self.sys.hw_synd;
                if self.chp.watchdog_fired() {
                    v |= VALID | HW_CWD;
                }
                if self.func.vf_waits() {
                    v |= VALID | HW_VF_PF_MB;
                }
                v
            }
            SYS_DLB_SYS_CNT_4 => self.sys.errors as u32,
            SYS_DLB_SYS_CNT_5 => (self.sys.errors >> 32) as u32,
            _ => match self.occ(reg) {
                Some((true, shift)) => (self.sys.occ_ldb >> shift) as u32,
                Some((false, shift)) => (self.sys.occ_dir >> shift) as u32,
                None => self.regs.get(reg, x),
            },
        }
    }

    pub(crate) fn sys_write(&mut self, reg: Reg, x: usize, val: u32, host: &mut dyn Host) {
        match reg {
            SYS_MSIX_ACK => {
                let cleared = self.sys.msix_ack & val;
                self.sys.msix_ack &= !val;
                if cleared & ACK_ALARM != 0 && self.sys.alarm_pending {
                    self.raise_alarm(host);
                }
                let occupied = self.sys.occ_ldb != 0 || self.sys.occ_dir != 0;
                if cleared & ACK_CQ != 0 && occupied {
                    self.raise_cq_vector(host);
                }
            }
            SYS_ALARM_PF_SYND0 => clear_synd(&mut self.sys.pf_synd[0], val),
            SYS_ALARM_VF_SYND0 => {
                if let Some(s) = self.sys.vf_synd.get_mut(x) {
                    clear_synd(&mut s[0], val);
                }
            }
            SYS_ALARM_HW_SYND => clear_synd(&mut self.sys.hw_synd, val),
            SYS_DLB_SYS_CNT_4 => set_low(&mut self.sys.errors, val),
            SYS_DLB_SYS_CNT_5 => set_high(&mut self.sys.errors, val),
            SYS_LDB_CQ_ISR | SYS_DIR_CQ_ISR => {
                self.regs.set(reg, x, val);
                let ldb = reg == SYS_LDB_CQ_ISR;
                self.chp.set_carried(ldb, x, val >> 10 & 3 != 0);
                self.chp_try_interrupt(ldb, x, host);
            }
            SYS_WB_DIR_CQ_STATE | SYS_WB_LDB_CQ_STATE => {
                // No write-buffer optimisation here, so its state is always clear.
            }
            SYS_AI_CTRL => {
                let pending = self.regs.get(reg, x) & 2;
                self.regs.set(reg, x, val & 1 | pending & val);
                if pending != 0 && val & 1 == 0 {
                    self.regs.set(reg, x, 0);
                    self.ims(false, 0, x as u32, host);
                }
            }
            SYS_LDB_QID_CFG_V => {
                let was_ordered = self.has_sns(x);
                self.regs.set(reg, x, val);
                if self.has_sns(x) && !was_ordered {
                    self.check_ordered(x, host);
                }
                self.queue_changed(x);
            }
            _ => match self.occ(reg) {
                Some((true, shift)) => self.sys.occ_ldb &= !(u64::from(val) << shift),
                Some((false, shift)) => self.sys.occ_dir &= !(u128::from(val) << shift),
                None => self.regs.set(reg, x, val),
            },
        }
    }

    /// What the snapshot says about SYS.
    pub(crate) fn sys_snapshot(&self, o: &mut String) {
        use core::fmt::Write;
        let s = &self.sys;
        let _ = writeln!(
            o,
            "sys: msix_ack {:#x} alarm_pending {} occ ldb {:#x} dir {:#x} hw_synd {:#x} errors {}",
            s.msix_ack, s.alarm_pending, s.occ_ldb, s.occ_dir, s.hw_synd, s.errors
        );
        let [a, b, c] = s.pf_synd;
        let _ = writeln!(o, "sys: pf synd {a:#010x} {b:#010x} {c:#010x}");
        for (vf, [a, b, c]) in s.vf_synd.iter().enumerate().filter(|(_, s)| s[0] != 0) {
            let _ = writeln!(o, "sys: vf{vf} synd {a:#010x} {b:#010x} {c:#010x}");
        }
    }
}

fn clear_synd(word: &mut u32, val: u32) {
    *word &= !(val & MORE);
    if val & VALID != 0 {
        *word &= !VALID & !HW_ALARM;
    }
}

/// Set one half of a 64-bit counter that software sees as two registers.
pub(crate) fn set_low(c: &mut u64, val: u32) {
    *c = *c & !0xffff_ffff | u64::from(val);
}

pub(crate) fn set_high(c: &mut u64, val: u32) {
    *c = *c & 0xffff_ffff | u64::from(val) << 32;
}
