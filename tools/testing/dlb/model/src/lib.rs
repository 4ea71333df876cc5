// SPDX-License-Identifier: GPL-2.0
//! A functional model of the Intel Dynamic Load Balancer, versions 2.0 and 2.5.
//!
//! [`Device`] is the whole device as software sees it: registers, producer pages, queues,
//! scheduling, consumer-queue writes and interrupts. It is pure state: whatever it does to the
//! outside goes through the [`Host`] that each call is given. The same sequence of calls always has
//! the same effects; the arbiters' random numbers come from [`Config::seed`].
//!
//! There is one room per hardware unit, named as the hardware names it; what a unit keeps and does
//! stands there.
//!
//! The guest is hostile. Whatever it writes, the model does not panic, does not loop without bound
//! and does not allocate without bound: tables have the hardware's fixed sizes, and indices that
//! come from registers are reduced to them.
#![deny(unsafe_op_in_unsafe_fn)]

pub mod capi;
pub mod counters;
pub mod faults;
pub mod qe;
pub mod regs;

mod aqed;
mod checks;
mod chp;
mod cm;
mod dp;
mod func;
mod iosf;
mod lsp;
mod nalb;
mod pp;
mod rng;
mod ro;
mod sys;
mod tab;

use core::fmt;
use counters::{inc, Counters, Drop, LogLimit, Topic};
use faults::{Faults, Now};
use regs::{Access, Reg, RegFile, Unit};

/// Hardware version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Version {
    #[default]
    V2_0,
    V2_5,
}

/// The function an access comes from or a DMA write belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Requester {
    Pf,
    Vf(u8),
}

/// Base address registers. A VF has `Func` only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bar {
    /// BAR 0: mailboxes and producer pages.
    Func,
    /// BAR 2: control and status registers.
    Csr,
}

/// How serious a log line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    Error,
    Warn,
    Info,
}

/// What the device does to the outside. Called synchronously.
pub trait Host {
    /// A DMA write of one queue entry or interrupt message. False: the access faulted.
    fn dma_write(&mut self, who: Requester, pasid: Option<u32>, addr: u64, data: &[u8]) -> bool;
    /// The PF signals an MSI-X vector; masking and pending bits are PCI's.
    fn msix(&mut self, vector: u16);
    /// A VF signals an MSI message.
    fn msi(&mut self, vf: u8, message: u8);
    /// Something worth knowing; the model limits the rate itself.
    fn log(&mut self, level: Level, msg: fmt::Arguments<'_>);
}

/// What a device is made with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub version: Version,
    /// Seed of the arbiters' generator.
    pub seed: u64,
    /// Fault injections in force from the start, as for [`Device::inject`].
    pub faults: String,
}

/// One device: a PF and its 16 VFs.
pub struct Device {
    version: Version,
    seed: u64,
    regs: RegFile,
    store: qe::Storage,
    sys: sys::Sys,
    chp: chp::Chp,
    lsp: lsp::Lsp,
    aqed: aqed::Aqed,
    nalb: nalb::Nalb,
    dp: dp::Dp,
    ro: ro::Ro,
    cm: cm::Cm,
    func: func::Func,
    pages: pp::Pages,
    rng: rng::Rng,
    /// `LSP_LDB_SCHED_PERF_CTRL.ENAB`
    perf_enabled: bool,
    /// The PF is in D3hot.
    d3: bool,
    /// Time of the last tick.
    now: u64,
    ctr: Counters,
    limit: LogLimit,
    faults: Faults,
}

/// What a read returns that reaches nothing.
const ALL_ONES: u64 = u64::MAX;

impl Device {
    /// A device that was just powered on. The error is about [`Config::faults`].
    pub fn new(config: &Config) -> Result<Self, String> {
        let mut faults = Faults::default();
        if !faults.apply(&config.faults)?.is_empty() {
            return Err("a fault that happens once cannot be in force from the start".into());
        }
        let version = config.version;
        Ok(Self {
            version,
            seed: config.seed,
            regs: RegFile::new(version),
            store: qe::Storage::new(version),
            sys: sys::Sys::default(),
            chp: chp::Chp::new(),
            lsp: lsp::Lsp::new(),
            aqed: aqed::Aqed::new(),
            nalb: nalb::Nalb::new(),
            dp: dp::Dp::new(),
            ro: ro::Ro::new(),
            cm: cm::Cm::new(),
            func: func::Func::new(),
            pages: pp::Pages::new(),
            rng: rng::Rng::new(config.seed),
            perf_enabled: false,
            d3: false,
            now: 0,
            ctr: Counters::default(),
            limit: LogLimit::default(),
            faults,
        })
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// Directed ports and queues.
    pub fn num_dir(&self) -> usize {
        match self.version {
            Version::V2_0 => 64,
            Version::V2_5 => 96,
        }
    }

    fn ports(&self, ldb: bool) -> usize {
        if ldb {
            64
        } else {
            self.num_dir()
        }
    }

    /// A read access of 1, 2, 4 or 8 bytes.
    pub fn read(
        &mut self,
        who: Requester,
        bar: Bar,
        off: u64,
        size: u8,
        host: &mut dyn Host,
    ) -> u64 {
        let all_ones = if size >= 8 {
            ALL_ONES
        } else {
            (1 << (8 * u32::from(size))) - 1
        };
        if self.d3 {
            return all_ones;
        }
        if pp::WINDOWS.contains(&off) && bar == Bar::Func {
            inc(&mut self.ctr.reads, Unit::Pp as usize);
            return 0;
        }
        let at = off & !3;
        let shift = 8 * (off & 3) as u32;
        match size {
            8 if shift == 0 => {
                let low = self.read32(who, bar, at, host);
                u64::from(self.read32(who, bar, at.wrapping_add(4), host)) << 32 | u64::from(low)
            }
            1 | 2 | 4 if shift + 8 * u32::from(size) <= 32 => {
                u64::from(self.read32(who, bar, at, host)) >> shift & all_ones
            }
            _ => {
                self.unknown_read(who, bar, off, host);
                0
            }
        }
    }

    fn unknown_read(&mut self, who: Requester, bar: Bar, off: u64, host: &mut dyn Host) {
        self.ctr.unknown_reads = self.ctr.unknown_reads.wrapping_add(1);
        inc(&mut self.ctr.reads, Unit::None as usize);
        if self.limit.allow(Topic::UnknownRead).is_some() {
            host.log(
                Level::Warn,
                format_args!("{who:?}: read of no register: {bar:?} {off:#x}"),
            );
        }
    }

    fn read32(&mut self, who: Requester, bar: Bar, off: u64, host: &mut dyn Host) -> u32 {
        let val = match (who, bar, u32::try_from(off)) {
            (Requester::Pf, Bar::Csr, Ok(o)) => return self.csr_read(o, host),
            (Requester::Pf, Bar::Func, Ok(o)) => self.func_read_pf(o),
            (Requester::Vf(vf), Bar::Func, Ok(o)) if vf < 16 => {
                if self.vf_bar_disabled(vf) {
                    return u32::MAX;
                }
                self.func_read_vf(vf, o)
            }
            _ => None,
        };
        match val {
            Some(v) => {
                inc(&mut self.ctr.reads, Unit::Func as usize);
                v
            }
            None => {
                self.unknown_read(who, bar, off, host);
                0
            }
        }
    }

    fn csr_read(&mut self, off: u32, host: &mut dyn Host) -> u32 {
        let Some((reg, x)) = self.regs.decode(off) else {
            if let Some(v) = self.hidden_read(off) {
                inc(&mut self.ctr.reads, Unit::Lsp as usize);
                return v;
            }
            self.unknown_read(Requester::Pf, Bar::Csr, off.into(), host);
            return 0;
        };
        let info = reg.info();
        inc(&mut self.ctr.reads, info.unit as usize);
        if self.cm.off && info.unit != Unit::Cm {
            self.note_off(info.name, host);
            return u32::MAX;
        }
        if info.unit == Unit::Cm {
            return self.cm_read(reg, x);
        }
        match info.access {
            Access::Rw | Access::Ro | Access::SelfClear => self.regs.get(reg, x),
            _ => match info.unit {
                Unit::Sys => self.sys_read(reg, x),
                Unit::Chp => self.chp_read(reg, x),
                Unit::Lsp => self.lsp_read(reg, x),
                Unit::Ro => self.ro_read(reg, x),
                _ => self.regs.get(reg, x),
            },
        }
    }

    fn note_off(&mut self, name: &str, host: &mut dyn Host) {
        if self.limit.allow(Topic::Off).is_some() {
            host.log(
                Level::Warn,
                format_args!("{name}: access while the device is off"),
            );
        }
    }

    /// Registers that only monitoring tools know, at the addresses those have for them.
    fn hidden_read(&self, off: u32) -> Option<u32> {
        if self.cm.off {
            return None;
        }
        let (lsp, atq, sys) = match self.version {
            Version::V2_0 => (0xa400_0000, 0xa0c0_0000, 0x1000_010c),
            Version::V2_5 => (0x9400_0000, 0x90d8_0000, 0x1000_0104),
        };
        let queue = off.wrapping_sub(atq);
        if queue < 32 << 12 && queue & 0xfff == 0 {
            return Some(self.nalb.atq_len((queue >> 12) as usize));
        }
        Some(match (off.wrapping_sub(lsp), off.wrapping_sub(sys)) {
            (0x00, _) => self.aqed.total(),
            (0x04, _) => 2048,
            (0x1c, _) => self.lsp.inflights(),
            (0x20, _) => 2048,
            (0x28, _) => self.aqed.flows_in_use(),
            (_, 0x0) => 32,
            (_, 0x4 | 0xc) => self.num_dir() as u32,
            (_, 0x8) => 64,
            _ => return None,
        })
    }

    /// A write access of 1, 2, 4 or 8 bytes.
    pub fn write(
        &mut self,
        who: Requester,
        bar: Bar,
        off: u64,
        size: u8,
        val: u64,
        host: &mut dyn Host,
    ) {
        if self.d3 {
            return self.ctr.drop_hcw(Drop::Off);
        }
        if bar == Bar::Func && pp::WINDOWS.contains(&off) {
            return self.page_write(who, off, size, val, host);
        }
        if off & 3 == 0 && size == 4 {
            self.write32(who, bar, off, val as u32, host);
        } else if off & 3 == 0 && size == 8 {
            self.write32(who, bar, off, val as u32, host);
            self.write32(who, bar, off.wrapping_add(4), (val >> 32) as u32, host);
        } else {
            self.unknown_write(who, bar, off, host);
        }
    }

    /// A store of whole pieces of 8 bytes, as a 16- or 64-byte store to a producer page is.
    pub fn write_bytes(
        &mut self,
        who: Requester,
        bar: Bar,
        off: u64,
        data: &[u8],
        host: &mut dyn Host,
    ) {
        for (i, piece) in data.chunks(8).enumerate() {
            let mut b = [0u8; 8];
            for (to, from) in b.iter_mut().zip(piece) {
                *to = *from;
            }
            let at = off.wrapping_add(8 * i as u64);
            self.write(who, bar, at, piece.len() as u8, u64::from_le_bytes(b), host);
        }
    }

    fn page_write(&mut self, who: Requester, off: u64, size: u8, val: u64, host: &mut dyn Host) {
        inc(&mut self.ctr.writes, Unit::Pp as usize);
        let page = pp::Page::decode(off);
        if let Requester::Vf(vf) = who {
            if vf >= 16 || self.vf_bar_disabled(vf) {
                return self.ctr.drop_hcw(Drop::BarDisabled);
            }
        }
        match self.pages.write(who, page, (off & 0xfff) as u16, size, val) {
            pp::Piece::Wait => {}
            pp::Piece::Complete(hcw) => self.ingress(who, page.ldb, page.port, hcw, host),
            pp::Piece::Malformed => self.ctr.drop_hcw(Drop::Malformed),
        }
    }

    fn unknown_write(&mut self, who: Requester, bar: Bar, off: u64, host: &mut dyn Host) {
        self.ctr.unknown_writes = self.ctr.unknown_writes.wrapping_add(1);
        inc(&mut self.ctr.writes, Unit::None as usize);
        if self.limit.allow(Topic::UnknownWrite).is_some() {
            host.log(
                Level::Warn,
                format_args!("{who:?}: write to no register: {bar:?} {off:#x}"),
            );
        }
    }

    fn write32(&mut self, who: Requester, bar: Bar, off: u64, val: u32, host: &mut dyn Host) {
        let known = match (who, bar, u32::try_from(off)) {
            (Requester::Pf, Bar::Csr, Ok(o)) => return self.csr_write(o, val, host),
            (Requester::Pf, Bar::Func, Ok(o)) => self.func_write_pf(o, val, host),
            (Requester::Vf(vf), Bar::Func, Ok(o)) if vf < 16 => {
                if self.vf_bar_disabled(vf) {
                    return self.ctr.drop_hcw(Drop::BarDisabled);
                }
                self.func_write_vf(vf, o, val, host)
            }
            _ => false,
        };
        if known {
            inc(&mut self.ctr.writes, Unit::Func as usize);
        } else {
            self.unknown_write(who, bar, off, host);
        }
    }

    fn csr_write(&mut self, off: u32, val: u32, host: &mut dyn Host) {
        let Some((reg, x)) = self.regs.decode(off) else {
            return self.unknown_write(Requester::Pf, Bar::Csr, off.into(), host);
        };
        let info = reg.info();
        inc(&mut self.ctr.writes, info.unit as usize);
        if self.cm.off && info.unit != Unit::Cm {
            return self.note_off(info.name, host);
        }
        if matches!(info.access, Access::Ro | Access::LiveRo) {
            self.ctr.read_only_writes = self.ctr.read_only_writes.wrapping_add(1);
            if self.limit.allow(Topic::ReadOnly).is_some() {
                host.log(
                    Level::Info,
                    format_args!("{}: write to a read-only register", info.name),
                );
            }
            return;
        }
        match info.unit {
            Unit::Sys => self.sys_write(reg, x, val, host),
            Unit::Chp => self.chp_write(reg, x, val, host),
            Unit::Lsp => self.lsp_write(reg, x, val, host),
            Unit::Atm if reg == Reg::ATM_QID2CQIDIX => self.table_write(reg, x, val, host),
            Unit::Aqed => self.aqed_write(reg, x, val),
            Unit::Ro => self.ro_write(reg, x, val),
            Unit::Cm => self.cm_write(reg, x, val),
            _ => self.regs.set(reg, x, val),
        }
        self.run(host);
    }

    /// Function-level reset of the PF, which takes the VFs with it, or of one VF.
    pub fn flr(&mut self, who: Requester, host: &mut dyn Host) {
        if let Requester::Vf(vf) = who {
            if vf < 16 {
                self.pages.forget(vf);
                self.vf_flr(vf, host);
            }
            return;
        }
        self.ctr.resets += 1;
        self.regs.reset();
        self.store = qe::Storage::new(self.version);
        self.sys = sys::Sys::default();
        self.chp = chp::Chp::new();
        self.lsp = lsp::Lsp::new();
        self.aqed = aqed::Aqed::new();
        self.nalb = nalb::Nalb::new();
        self.dp = dp::Dp::new();
        self.ro = ro::Ro::new();
        self.func.reset();
        self.pages = pp::Pages::new();
        self.rng = rng::Rng::new(self.seed);
        self.perf_enabled = false;
        // The power switch stays as it is.
        self.regs
            .set(Reg::CM_CFG_PM_PMCSR_DISABLE, 0, self.cm.off.into());
        if self.limit.allow(Topic::Event).is_some() {
            host.log(Level::Info, format_args!("function-level reset"));
        }
    }

    /// The PF enters or leaves D3hot, in which it answers no memory access, and its clock stands.
    pub fn set_d3(&mut self, d3: bool) {
        self.d3 = d3;
        self.chp_stop_sampling();
    }

    /// How many MSI messages a VF has enabled (a power of two up to 32; 0: none).
    pub fn set_vf_msi(&mut self, vf: u8, messages: u8) {
        if vf < 16 {
            self.func_set_messages(vf, messages);
        }
    }

    /// It is now `now_ns`.
    pub fn tick(&mut self, now_ns: u64, host: &mut dyn Host) {
        self.now = self.now.max(now_ns);
        if !self.d3 {
            self.chp_tick(self.now, host);
        }
    }

    /// When the next tick is needed, if any. After one it is later than that.
    pub fn deadline(&self) -> Option<u64> {
        match self.d3 {
            true => None,
            false => self.chp_deadline(),
        }
    }

    pub fn counters(&self) -> &Counters {
        &self.ctr
    }

    /// The counters as one JSON object.
    pub fn stats(&self) -> String {
        self.ctr.json(match self.version {
            Version::V2_0 => "2.0",
            Version::V2_5 => "2.5",
        })
    }

    /// The state as readable text.
    pub fn snapshot(&self) -> String {
        use fmt::Write;
        let mut o = String::new();
        let _ = writeln!(
            o,
            "dlb {:?} seed {} {}{} time {}",
            self.version,
            self.seed,
            if self.cm.off { "off" } else { "on" },
            if self.d3 { " d3hot" } else { "" },
            self.now
        );
        let _ = writeln!(
            o,
            "store: ldb {} dir {} reorder {} outstanding {}",
            self.store.used(false),
            self.store.used(true),
            self.ro.held(),
            self.lsp.inflights()
        );
        let _ = writeln!(o, "faults: {:?}", self.faults);
        self.sys_snapshot(&mut o);
        self.chp_snapshot(&mut o);
        self.lsp_snapshot(&mut o);
        self.aqed_snapshot(&mut o);
        self.dp_snapshot(&mut o);
        self.ro_snapshot(&mut o);
        self.func_snapshot(&mut o);
        o
    }

    /// Inject faults; see [`faults::HELP`]. All commands or, on an error, none.
    pub fn inject(&mut self, commands: &str, host: &mut dyn Host) -> Result<(), String> {
        for now in self.faults.apply(commands)? {
            match now {
                Now::Msix(v) => self.send_msix(v, host),
                Now::Msi(vf, m) => self.send_msi(vf, m, host),
                Now::Parity(s) => self.hardware_alarm(s, host),
            }
        }
        Ok(())
    }

    /// Whether the device's state is consistent in itself, whatever software wrote; what is not, in
    /// words. For tests: slow.
    pub fn check(&self) -> Result<(), String> {
        self.lsp_at_rest()?;
        self.aqed_consistent()?;
        let (mut ldb, mut dir) = (self.aqed.total(), 0);
        for q in 0..32 {
            ldb += self.nalb.nalb_len(q) + self.nalb.atq_len(q);
        }
        for d in 0..self.num_dir() {
            dir += self.dp.len(d);
        }
        let second = if self.version == Version::V2_0 {
            self.store.used(true)
        } else {
            0
        };
        let stored = u32::from(self.store.used(false)) + u32::from(second);
        if stored != ldb + dir + self.ro.held() {
            let held = self.ro.held();
            return Err(format!(
                "{stored} QEs stored, {ldb} + {dir} queued, {held} held back"
            ));
        }
        Ok(())
    }

    /// As [`Device::check`], and what holds in addition as long as software does not write live
    /// counters while QEs are about: history lists, in-flight counts and tokens agree.
    pub fn check_sane(&self) -> Result<(), String> {
        self.check()?;
        let mut of_queue = [0u32; 32];
        let mut total = 0;
        for p in 0..64 {
            let entries = self.chp.hl_entries(p);
            if entries.len() as u32 != self.lsp.cq_inflights(p) {
                let (n, c) = (entries.len(), self.lsp.cq_inflights(p));
                return Err(format!(
                    "LDB CQ {p}: {n} history-list entries, {c} in flight"
                ));
            }
            for e in &entries {
                if let Some(n) = of_queue.get_mut(usize::from(e.qid)) {
                    *n += 1;
                }
                total += 1;
            }
            let (held, counted) = (self.chp.depth(true, p), self.lsp.cq_tokens(p));
            if held > counted {
                return Err(format!("LDB CQ {p}: {held} tokens held, {counted} counted"));
            }
        }
        for (q, n) in of_queue.iter().enumerate() {
            if *n != self.lsp.queue_inflights(q) {
                let c = self.lsp.queue_inflights(q);
                return Err(format!(
                    "LDB queue {q}: {n} history-list entries, {c} in flight"
                ));
            }
        }
        if total != self.lsp.inflights() {
            return Err(format!(
                "{total} in flight, {} counted",
                self.lsp.inflights()
            ));
        }
        for p in 0..self.num_dir() {
            let (held, counted) = (self.chp.depth(false, p), self.dp.tokens(p));
            if held > counted {
                return Err(format!("DIR CQ {p}: {held} tokens held, {counted} counted"));
            }
        }
        Ok(())
    }
}
