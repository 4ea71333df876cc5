// SPDX-License-Identifier: GPL-2.0
//! A host for the model, and the least of a driver: register recipes written from the programming
//! model, and ports that send and receive.
#![allow(dead_code)]

use dlb_model::{Bar, Config, Device, Host, Level, Requester, Version};
use std::collections::HashMap;
use std::fmt;

pub const BOTH: [Version; 2] = [Version::V2_0, Version::V2_5];

/// Memory and interrupts.
#[derive(Default)]
pub struct World {
    pub mem: HashMap<(i16, u64), [u8; 16]>,
    /// (requester, pasid, address), in order.
    pub dma: Vec<(i16, Option<u32>, u64)>,
    pub ims: Vec<(u64, u32)>,
    pub msix: Vec<u16>,
    pub msi: Vec<(u8, u8)>,
    pub log: Vec<String>,
    /// Writes to addresses from here on fault.
    pub end: Option<u64>,
    pub quiet: bool,
}

pub fn requester(who: Requester) -> i16 {
    match who {
        Requester::Pf => -1,
        Requester::Vf(n) => n.into(),
    }
}

impl Host for World {
    fn dma_write(&mut self, who: Requester, pasid: Option<u32>, addr: u64, data: &[u8]) -> bool {
        if self.end.is_some_and(|e| addr >= e) {
            return false;
        }
        if let Ok(b) = <[u8; 4]>::try_from(data) {
            self.ims.push((addr, u32::from_le_bytes(b)));
            return true;
        }
        let entry: [u8; 16] = data.try_into().expect("entries have 16 bytes");
        self.mem.insert((requester(who), addr), entry);
        if !self.quiet {
            self.dma.push((requester(who), pasid, addr));
        }
        true
    }
    fn msix(&mut self, vector: u16) {
        self.msix.push(vector);
    }
    fn msi(&mut self, vf: u8, message: u8) {
        self.msi.push((vf, message));
    }
    fn log(&mut self, _level: Level, msg: fmt::Arguments<'_>) {
        self.log.push(msg.to_string());
    }
}

/// Register addresses, from the programming model; (2.0, 2.5).
pub mod reg {
    pub type At = (u32, u32);
    pub const TOTAL_VAS: At = (0x1000_011c, 0x1000_0114);
    pub const ALARM_ENBL: At = (0x1000_0300, 0x1000_0300);
    pub const MSIX_ACK: At = (0x1000_0400, 0x1000_0400);
    pub const MSIX_MODE: At = (0x1000_0408, 0x1000_0408);
    pub const DIR_OCC: At = (0x1000_0440, 0x1000_0440);
    pub const LDB_OCC: At = (0x1000_0460, 0x1000_0460);
    pub const PF_SYND: At = (0x1000_0500, 0x1000_0500);
    pub const HW_SYND: At = (0x1000_050c, 0x1000_050c);
    pub const VF_LDB_VPP_V: At = (0x1000_0f00, 0x1000_0f00);
    pub const VF_LDB_VPP2PP: At = (0x1000_0f04, 0x1000_0f04);
    pub const VF_DIR_VPP_V: At = (0x1000_0f08, 0x1000_0f08);
    pub const VF_DIR_VPP2PP: At = (0x1000_0f0c, 0x1000_0f0c);
    pub const VF_LDB_VQID_V: At = (0x1000_0f10, 0x1000_0f10);
    pub const VF_LDB_VQID2QID: At = (0x1000_0f14, 0x1000_0f14);
    pub const LDB_QID2VQID: At = (0x1000_0f18, 0x1000_0f18);
    pub const VF_DIR_VQID_V: At = (0x1000_0f1c, 0x1000_0f1c);
    pub const VF_DIR_VQID2QID: At = (0x1000_0f20, 0x1000_0f20);
    pub const LDB_VASQID_V: At = (0x1000_0f24, 0x1000_0f24);
    pub const DIR_VASQID_V: At = (0x1000_0f28, 0x1000_0f28);
    pub const VF_SYND0: At = (0x1000_0f40, 0x1000_0f40);
    pub const LDB_QID_V: At = (0x1000_0f50, 0x1000_0f50);
    pub const LDB_QID_CFG_V: At = (0x1000_0f58, 0x1000_0f58);
    pub const DIR_QID_V: At = (0x1000_0f60, 0x1000_0f60);
    pub const LDB_CQ_ADDR_L: At = (0x1000_0f80, 0x1000_0f80);
    pub const LDB_CQ_ADDR_U: At = (0x1000_0f84, 0x1000_0f84);
    pub const LDB_PP2VAS: At = (0x1000_0f88, 0x1000_0f88);
    pub const LDB_PP2VDEV: At = (0x1000_0f8c, 0x1000_0f8c);
    pub const LDB_PP_V: At = (0x1000_0f90, 0x1000_0f90);
    pub const LDB_CQ2VF_PF_RO: At = (0x1000_0f94, 0x1000_0f94);
    pub const LDB_CQ_ISR: At = (0x1000_0f98, 0x1000_0f98);
    pub const LDB_CQ_PASID: At = (0x1000_0fa0, 0x1000_0f9c);
    pub const DIR_CQ_ADDR_L: At = (0x1000_0fc0, 0x1000_0fc0);
    pub const DIR_CQ_ADDR_U: At = (0x1000_0fc4, 0x1000_0fc4);
    pub const DIR_PP2VAS: At = (0x1000_0fc8, 0x1000_0fc8);
    pub const DIR_PP2VDEV: At = (0x1000_0fcc, 0x1000_0fcc);
    pub const DIR_PP_V: At = (0x1000_0fd0, 0x1000_0fd0);
    pub const DIR_CQ2VF_PF_RO: At = (0x1000_0fd4, 0x1000_0fd4);
    pub const DIR_CQ_ISR: At = (0x1000_0fd8, 0x1000_0fd8);
    pub const AQED_FID_LIM: At = (0x2000_0000, 0x2000_0000);
    pub const AQED_HID_WIDTH: At = (0x2008_0000, 0x2008_0000);
    pub const ATM_QID2CQIDIX: At = (0x3008_0000, 0x3008_0000);
    pub const CRD_LDB: At = (0x4008_0000, 0x4000_0000);
    pub const CRD_DIR: At = (0x4000_0000, 0x4000_0000);
    pub const ORD_QID_SN: At = (0x4010_0000, 0x4008_0000);
    pub const ORD_QID_SN_MAP: At = (0x4018_0000, 0x4010_0000);
    pub const DIR_CQ_DEPTH: At = (0x4028_0000, 0x4030_0000);
    pub const DIR_INT_THRSH: At = (0x4030_0000, 0x4038_0000);
    pub const DIR_INT_ENB: At = (0x4038_0000, 0x4040_0000);
    pub const DIR_CHP_DEPTH_SEL: At = (0x4050_0000, 0x4058_0000);
    pub const DIR_WD_ENB: At = (0x4058_0000, 0x4060_0000);
    pub const DIR_WPTR: At = (0x4060_0000, 0x4068_0000);
    pub const DIR_CQ2VAS: At = (0x4068_0000, 0x4070_0000);
    pub const HL_BASE: At = (0x4070_0000, 0x4078_0000);
    pub const HL_LIM: At = (0x4078_0000, 0x4080_0000);
    pub const HL_POP: At = (0x4080_0000, 0x4088_0000);
    pub const HL_PUSH: At = (0x4088_0000, 0x4090_0000);
    pub const LDB_CQ_DEPTH: At = (0x4090_0000, 0x40a8_0000);
    pub const LDB_INT_THRSH: At = (0x4098_0000, 0x40b0_0000);
    pub const LDB_INT_ENB: At = (0x40a0_0000, 0x40b8_0000);
    pub const LDB_TMR_THRSH: At = (0x40b0_0000, 0x40c8_0000);
    pub const LDB_CHP_DEPTH_SEL: At = (0x40b8_0000, 0x40d0_0000);
    pub const LDB_WD_ENB: At = (0x40c0_0000, 0x40d8_0000);
    pub const LDB_WPTR: At = (0x40c8_0000, 0x40e0_0000);
    pub const LDB_CQ2VAS: At = (0x40d0_0000, 0x40e8_0000);
    pub const CHP_CSR_CTRL: At = (0x4400_0008, 0x4400_0008);
    pub const CHP_ERR_DROP: At = (0x4400_000c, 0x4400_000c);
    pub const DIR_ARMED0: At = (0x4400_005c, 0x4400_004c);
    pub const LDB_ARMED0: At = (0x4400_00b0, 0x4400_00c4);
    pub const LDB_TIMER_CTL: At = (0x4400_00d8, 0x4400_00ec);
    pub const LDB_WDTO0: At = (0x4400_00dc, 0x4400_00f0);
    pub const LDB_WD_DISABLE0: At = (0x4400_00ec, 0x4400_0100);
    pub const LDB_WD_INTERVAL: At = (0x4400_00f4, 0x4400_0108);
    pub const LDB_WD_THRESHOLD: At = (0x4400_0100, 0x4400_0114);
    pub const HIST_LIST_0: At = (0x4e01_0000, 0x4e01_0000);
    pub const HIST_LIST_1: At = (0x4e02_0000, 0x4e02_0000);
    pub const RO_SN_MODE: At = (0x9400_0000, 0x8400_0000);
    pub const RO_SHFT0: At = (0x9600_0000, 0x8600_0000);
    pub const CQ2PRIOV: At = (0xa000_0000, 0x9000_0000);
    pub const CQ2QID0: At = (0xa008_0000, 0x9008_0000);
    pub const CQ_DIR_DSBL: At = (0xa018_0000, 0x9018_0000);
    pub const CQ_DIR_TKN: At = (0xa020_0000, 0x9020_0000);
    pub const CQ_DIR_DEPTH_SEL: At = (0xa028_0000, 0x9028_0000);
    pub const QID_DIR_ENQ: At = (0xa090_0000, 0x9098_0000);
    pub const QID_DIR_THRSH: At = (0xa098_0000, 0x90a0_0000);
    pub const CQ_LDB_DSBL: At = (0xa040_0000, 0x9040_0000);
    pub const CQ_LDB_INFL: At = (0xa048_0000, 0x9048_0000);
    pub const CQ_LDB_INFL_LIM: At = (0xa050_0000, 0x9050_0000);
    pub const CQ_LDB_INFL_THRESH: At = (u32::MAX, 0x9058_0000);
    pub const CQ_LDB_TKN: At = (0xa058_0000, 0x9060_0000);
    pub const CQ_LDB_DEPTH_SEL: At = (0xa060_0000, 0x9068_0000);
    pub const CQ_LDB_TOT: At = (0xa068_0000, 0x9070_0000);
    pub const CQ_LDB_WU: At = (u32::MAX, 0x90b0_0000);
    pub const QID_AQED_CNT: At = (0xa0a0_0000, 0x90b8_0000);
    pub const QID_AQED_LIM: At = (0xa0a8_0000, 0x90c0_0000);
    pub const QID_LDB_ENQ: At = (0xa0c8_0000, 0x90e0_0000);
    pub const QID_LDB_INFL: At = (0xa0d0_0000, 0x90e8_0000);
    pub const QID_LDB_INFL_LIM: At = (0xa0d8_0000, 0x90f0_0000);
    pub const QID2CQIDIX: At = (0xa0e0_0000, 0x90f8_0000);
    pub const QID2CQIDIX2: At = (0xa160_0000, 0x9178_0000);
    pub const QID_NALDB_TOT: At = (0xa1f8_0000, 0x9210_0000);
    pub const QID_ATM_THRSH: At = (0xa208_0000, 0x9220_0000);
    pub const QID_NALDB_THRSH: At = (0xa210_0000, 0x9228_0000);
    pub const QID_ATM_ACTIVE: At = (0xa218_0000, 0x9230_0000);
    pub const ARB_LDB_QID: At = (0xa400_0014, 0x9400_0014);
    pub const SCHED_CTRL: At = (0xa400_002c, 0x9400_002c);
    pub const LSP_CSR_CONTROL: At = (0xa400_0030, 0x9400_0030);
    pub const SHDW_CTRL: At = (0xa400_0070, 0x9400_0070);
    pub const SHDW_RANGE: At = (0xa400_0074, 0x9400_0074);
    pub const CTRL_GENERAL_0: At = (0xac00_0000, 0x9c00_0000);
    pub const PM_STATUS: At = (0xb400_0014, 0xa400_0014);
    pub const IDLE_STATUS: At = (0xb400_0004, 0xa400_0004);
    pub const PMCSR_DISABLE: At = (0xb400_0018, 0xa400_0018);
    pub const NALB_WEIGHTS: At = (0x8400_0008, 0x7400_0008);
    pub const ATQ_WEIGHTS: At = (0x8400_0000, 0x7400_0000);
    pub const DIR_WEIGHTS: At = (0x5400_0000, 0x5400_0000);
    pub const AQED_WEIGHTS: At = (0x2400_0004, 0x2400_0004);
    pub const RDY_WEIGHTS: At = (0x3400_0004, 0x3400_0004);
    pub const SCHED_WEIGHTS: At = (0x3400_0008, 0x3400_0008);
}

/// Commands.
pub mod c {
    pub const BAT_T: u8 = 1;
    pub const REL: u8 = 2;
    pub const REL_T: u8 = 3;
    pub const ARM: u8 = 5;
    pub const NEW: u8 = 8;
    pub const NEW_T: u8 = 9;
    pub const FWD: u8 = 10;
    pub const FWD_T: u8 = 11;
    pub const FRAG: u8 = 12;
    pub const FRAG_T: u8 = 13;
}

pub const ATM: u8 = 0;
pub const UNO: u8 = 1;
pub const ORD: u8 = 2;
pub const DIR: u8 = 3;

/// An HCW.
#[derive(Clone, Copy, Default, Debug)]
pub struct H {
    pub data: u64,
    pub opaque: u16,
    pub qid: u8,
    pub typ: u8,
    pub pri: u8,
    pub msg: u8,
    pub lock: u16,
    pub weight: u8,
    pub cmd: u8,
}

impl H {
    pub fn cmd(cmd: u8) -> Self {
        Self {
            cmd,
            ..Self::default()
        }
    }
    pub fn tokens(cmd: u8, n: u16) -> Self {
        Self {
            cmd,
            lock: n - 1,
            ..Self::default()
        }
    }
    pub fn new(qid: u8, typ: u8, data: u64) -> Self {
        Self {
            cmd: c::NEW,
            qid,
            typ,
            data,
            ..Self::default()
        }
    }
    pub fn fwd(qid: u8, typ: u8, data: u64) -> Self {
        Self {
            cmd: c::FWD,
            ..Self::new(qid, typ, data)
        }
    }
    pub fn flow(self, lock: u16) -> Self {
        Self { lock, ..self }
    }
    pub fn pri(self, pri: u8) -> Self {
        Self { pri, ..self }
    }
    pub fn hi(&self) -> u64 {
        u64::from(self.opaque)
            | u64::from(self.qid) << 16
            | u64::from(self.typ) << 24
            | u64::from(self.pri) << 26
            | u64::from(self.msg) << 29
            | u64::from(self.lock) << 32
            | u64::from(self.weight) << 49
            | u64::from(self.cmd) << 56
    }
}

/// A CQ entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    pub data: u64,
    pub opaque: u16,
    pub qid: u8,
    pub typ: u8,
    pub pri: u8,
    pub msg: u8,
    pub lock: u16,
    pub depth: u8,
}

/// What software keeps of a CQ.
#[derive(Clone, Debug)]
pub struct Cq {
    pub ldb: bool,
    pub port: usize,
    pub owner: i16,
    pub base: u64,
    pub ring: u32,
    pub next: u32,
    pub gen: bool,
}

/// A queue as a driver makes it.
#[derive(Clone, Copy)]
pub struct Queue {
    /// Inflight limit.
    pub inflights: u32,
    /// AQED entries; 0: no atomic scheduling.
    pub atomic: u32,
    /// Group, slot, mode.
    pub sn: Option<(u32, u32, u32)>,
    pub threshold: u32,
    pub fids: u32,
    pub compress: u32,
}

pub const PLAIN: Queue = Queue {
    inflights: 512,
    atomic: 64,
    sn: None,
    threshold: 256,
    fids: 512,
    compress: 0,
};

pub struct Rig {
    pub d: Device,
    pub w: World,
    pub v: Version,
    pub sparse: bool,
    pub ndir: u32,
    pub hl: u32,
}

pub const CQ_BASE: u64 = 0x1_0000_0000;

impl Rig {
    /// A powered device in sparse mode, compressed MSI-X, all alarms enabled.
    pub fn new(v: Version) -> Self {
        Self::with(v, 1, "")
    }

    pub fn with(v: Version, seed: u64, faults: &str) -> Self {
        let d = Device::new(&Config {
            version: v,
            seed,
            faults: faults.into(),
        })
        .expect("faults");
        let ndir = if v == Version::V2_0 { 64 } else { 96 };
        let mut r = Self {
            d,
            w: World::default(),
            v,
            sparse: true,
            ndir,
            hl: 0,
        };
        r.init();
        r
    }

    pub fn init(&mut self) {
        self.wr(reg::PMCSR_DISABLE, 0, 0);
        self.wr(reg::CHP_CSR_CTRL, 0, 0x001e_0002);
        self.wr(reg::ALARM_ENBL, 0, 0x3f);
        self.wr(reg::MSIX_MODE, 0, 1);
        self.sparse = true;
        self.hl = 0;
    }

    pub fn dense(&mut self) {
        self.wr(reg::CHP_CSR_CTRL, 0, 0x0018_0002);
        self.sparse = false;
    }

    pub fn at(&self, r: reg::At) -> u32 {
        if self.v == Version::V2_0 {
            r.0
        } else {
            r.1
        }
    }

    /// Write instance x of a register whose instances are 0x1000 apart.
    pub fn wr(&mut self, r: reg::At, x: u32, val: u32) {
        let off = u64::from(self.at(r) + x * 0x1000);
        self.d
            .write(Requester::Pf, Bar::Csr, off, 4, val.into(), &mut self.w);
    }

    pub fn rd(&mut self, r: reg::At, x: u32) -> u32 {
        let off = u64::from(self.at(r) + x * 0x1000);
        self.d.read(Requester::Pf, Bar::Csr, off, 4, &mut self.w) as u32
    }

    pub fn rmw(&mut self, r: reg::At, x: u32, clear: u32, set: u32) {
        let v = self.rd(r, x);
        self.wr(r, x, v & !clear | set);
    }

    /// Word n of a register whose words are 4 apart.
    pub fn wr4(&mut self, r: reg::At, n: u32, val: u32) {
        let off = u64::from(self.at(r) + n * 4);
        self.d
            .write(Requester::Pf, Bar::Csr, off, 4, val.into(), &mut self.w);
    }

    pub fn rd4(&mut self, r: reg::At, n: u32) -> u32 {
        let off = u64::from(self.at(r) + n * 4);
        self.d.read(Requester::Pf, Bar::Csr, off, 4, &mut self.w) as u32
    }

    pub fn func(&mut self, who: Requester, off: u64) -> u32 {
        self.d.read(who, Bar::Func, off, 4, &mut self.w) as u32
    }

    pub fn func_wr(&mut self, who: Requester, off: u64, val: u32) {
        self.d
            .write(who, Bar::Func, off, 4, val.into(), &mut self.w);
    }

    /// Credits of a domain; on 2.5 the sum.
    pub fn credits(&mut self, vas: u32, ldb: u32, dir: u32) {
        if self.v == Version::V2_0 {
            self.wr(reg::CRD_LDB, vas, ldb);
            self.wr(reg::CRD_DIR, vas, dir);
        } else {
            self.wr(reg::CRD_LDB, vas, ldb + dir);
        }
    }

    pub fn ldb_queue(&mut self, q: u32, cfg: Queue) {
        self.wr(reg::QID_LDB_INFL_LIM, q, cfg.inflights);
        self.wr(reg::QID_AQED_LIM, q, cfg.atomic);
        self.wr(reg::AQED_HID_WIDTH, q, cfg.compress);
        self.wr(reg::QID_ATM_THRSH, q, cfg.threshold);
        self.wr(reg::QID_NALDB_THRSH, q, cfg.threshold);
        self.wr(reg::AQED_FID_LIM, q, cfg.fids);
        if let Some((group, slot, mode)) = cfg.sn {
            self.wr(reg::ORD_QID_SN_MAP, q, group << 8 | slot << 3 | mode);
        }
        let v = u32::from(cfg.sn.is_some()) | u32::from(cfg.atomic != 0) << 1;
        self.wr(reg::LDB_QID_CFG_V, q, v);
        self.wr(reg::LDB_QID_V, q, 1);
    }

    pub fn dir_queue(&mut self, d: u32, threshold: u32) {
        self.wr(reg::QID_DIR_THRSH, d, threshold);
        self.wr(reg::DIR_QID_V, d, 1);
    }

    fn depth_sel(depth: u32) -> u32 {
        depth.max(8).trailing_zeros() - 2
    }

    pub fn ldb_port(&mut self, p: u32, vas: u32, depth: u32, hl: u32) -> Cq {
        self.ldb_port_of(p, vas, depth, hl, None)
    }

    pub fn ldb_port_of(&mut self, p: u32, vas: u32, depth: u32, hl: u32, vf: Option<u32>) -> Cq {
        let base = CQ_BASE + u64::from(p) * 0x1_0000;
        let ds = Self::depth_sel(depth);
        let first = self.hl;
        self.hl += hl;
        self.wr(reg::LDB_CQ_ADDR_L, p, base as u32);
        self.wr(reg::LDB_CQ_ADDR_U, p, (base >> 32) as u32);
        self.wr(reg::LDB_CQ2VF_PF_RO, p, vf.map_or(0x30, |n| n | 0x20));
        self.wr(reg::LDB_CHP_DEPTH_SEL, p, ds);
        self.wr(reg::CQ_LDB_TKN, p, 8u32.saturating_sub(depth));
        self.wr(reg::CQ_LDB_DEPTH_SEL, p, ds);
        self.wr(reg::LDB_WPTR, p, 0);
        self.wr(reg::HL_LIM, p, first + hl - 1);
        self.wr(reg::HL_BASE, p, first);
        self.wr(reg::CQ_LDB_INFL_LIM, p, hl);
        self.wr(reg::HL_PUSH, p, first);
        self.wr(reg::HL_POP, p, first);
        self.wr(reg::LDB_CQ2VAS, p, vas);
        self.wr(reg::CQ2PRIOV, p, 0);
        self.wr(reg::LDB_PP2VAS, p, vas);
        self.wr(reg::LDB_PP_V, p, 1);
        self.wr(reg::CQ_LDB_DSBL, p, 0);
        Cq {
            ldb: true,
            port: p as usize,
            owner: vf.map_or(-1, |n| n as i16),
            base,
            ring: depth.max(8),
            next: 0,
            gen: true,
        }
    }

    pub fn dir_port(&mut self, p: u32, vas: u32, depth: u32) -> Cq {
        self.dir_port_of(p, vas, depth, None)
    }

    pub fn dir_port_of(&mut self, p: u32, vas: u32, depth: u32, vf: Option<u32>) -> Cq {
        let base = CQ_BASE * 2 + u64::from(p) * 0x1_0000;
        let ds = Self::depth_sel(depth);
        self.wr(reg::DIR_CQ_ADDR_L, p, base as u32);
        self.wr(reg::DIR_CQ_ADDR_U, p, (base >> 32) as u32);
        self.wr(reg::DIR_CQ2VF_PF_RO, p, vf.map_or(0x30, |n| n | 0x20));
        self.wr(reg::DIR_CHP_DEPTH_SEL, p, ds);
        self.wr(reg::CQ_DIR_TKN, p, 8u32.saturating_sub(depth));
        self.wr(reg::CQ_DIR_DEPTH_SEL, p, ds);
        self.wr(reg::DIR_WPTR, p, 0);
        self.wr(reg::DIR_CQ2VAS, p, vas);
        self.wr(reg::DIR_PP2VAS, p, vas);
        self.wr(reg::DIR_PP_V, p, 1);
        self.wr(reg::CQ_DIR_DSBL, p, 0);
        Cq {
            ldb: false,
            port: p as usize,
            owner: vf.map_or(-1, |n| n as i16),
            base,
            ring: depth.max(8),
            next: 0,
            gen: true,
        }
    }

    fn table(&mut self, q: u32, p: u32, slot: u32, set: bool) {
        for t in [reg::ATM_QID2CQIDIX, reg::QID2CQIDIX, reg::QID2CQIDIX2] {
            let r = (
                t.0.wrapping_add(p / 4 * 0x8_0000),
                t.1.wrapping_add(p / 4 * 0x8_0000),
            );
            let bit = 1 << (8 * (p % 4) + slot);
            self.rmw(r, q, bit, if set { bit } else { 0 });
        }
    }

    /// Static map.
    pub fn map(&mut self, p: u32, slot: u32, q: u32, pri: u32) {
        self.wr(reg::CQ_LDB_DSBL, p, 1);
        self.map_tables(p, slot, q, pri);
        self.wr(reg::CQ_LDB_DSBL, p, 0);
    }

    pub fn map_tables(&mut self, p: u32, slot: u32, q: u32, pri: u32) {
        self.rmw(
            reg::CQ2PRIOV,
            p,
            7 << (3 * slot),
            pri << (3 * slot) | 1 << (24 + slot),
        );
        let r = (
            reg::CQ2QID0.0 + slot / 4 * 0x8_0000,
            reg::CQ2QID0.1 + slot / 4 * 0x8_0000,
        );
        self.rmw(r, p, 0x7f << (8 * (slot % 4)), q << (8 * (slot % 4)));
        self.table(q, p, slot, true);
    }

    pub fn unmap_tables(&mut self, p: u32, slot: u32, q: u32) {
        self.rmw(reg::CQ2PRIOV, p, 1 << (24 + slot), 0);
        self.table(q, p, slot, false);
    }

    /// Domain start: permission to enqueue.
    pub fn allow_ldb(&mut self, vas: u32, q: u32, on: bool) {
        self.wr(reg::LDB_VASQID_V, vas * 32 + q, on.into());
    }

    pub fn allow_dir(&mut self, vas: u32, d: u32, on: bool) {
        let x = vas * self.ndir + d;
        self.wr(reg::DIR_VASQID_V, x, on.into());
    }

    /// A domain with one queue, mapped to the given ports.
    pub fn simple(&mut self, cfg: Queue, ports: u32, depth: u32, hl: u32) -> Vec<Cq> {
        self.credits(0, 2048, 1024);
        self.ldb_queue(0, cfg);
        if let Some((0, _, mode)) = cfg.sn {
            self.wr(reg::RO_SN_MODE, 0, mode);
        }
        let cqs: Vec<Cq> = (0..ports).map(|p| self.ldb_port(p, 0, depth, hl)).collect();
        for p in 0..ports {
            self.map(p, 0, 0, 0);
        }
        self.allow_ldb(0, 0, true);
        cqs
    }

    pub fn page(ldb: bool, p: usize) -> u64 {
        0x200_0000 + if ldb { 0x10_0000 } else { 0 } + p as u64 * 0x1000
    }

    pub fn send_as(&mut self, who: Requester, ldb: bool, p: usize, h: H) {
        let off = Self::page(ldb, p);
        self.d.write(who, Bar::Func, off, 8, h.data, &mut self.w);
        self.d
            .write(who, Bar::Func, off + 8, 8, h.hi(), &mut self.w);
    }

    pub fn ldb(&mut self, p: usize, h: H) {
        self.send_as(Requester::Pf, true, p, h);
    }

    pub fn dir(&mut self, p: usize, h: H) {
        self.send_as(Requester::Pf, false, p, h);
    }

    /// The next entry of a CQ, if there is one.
    pub fn recv(&mut self, cq: &mut Cq) -> Option<Entry> {
        let stride = if self.sparse { 64 } else { 16 };
        let addr = cq.base + u64::from(cq.next) * stride;
        let b = self.w.mem.get(&(cq.owner, addr))?;
        if (b[15] & 1 != 0) != cq.gen {
            return None;
        }
        cq.next += 1;
        if cq.next == cq.ring {
            cq.next = 0;
            cq.gen = !cq.gen;
        }
        Some(Entry {
            data: u64::from_le_bytes(b[..8].try_into().expect("8 bytes")),
            opaque: u16::from_le_bytes([b[8], b[9]]),
            qid: b[10],
            typ: b[11] & 3,
            pri: b[11] >> 2 & 7,
            msg: b[11] >> 5,
            lock: u16::from_le_bytes([b[12], b[13]]),
            depth: b[15] >> 1 & 3,
        })
    }

    pub fn recv_all(&mut self, cq: &mut Cq) -> Vec<Entry> {
        std::iter::from_fn(|| self.recv(cq)).collect()
    }

    pub fn data_all(&mut self, cq: &mut Cq) -> Vec<u64> {
        self.recv_all(cq).iter().map(|e| e.data).collect()
    }

    pub fn dropped(&self) -> u64 {
        self.d.counters().dropped_total()
    }

    #[track_caller]
    pub fn sane(&self) {
        self.d.check_sane().expect("consistent");
    }
}
