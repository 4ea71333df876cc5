// SPDX-License-Identifier: GPL-2.0

//! The hardware model behind the [`Csr`] trait, host memory, and consumers that behave.

#![allow(dead_code)]

use dlb_hw::hw::hcw::{Command, CqEntry, Hcw};
use dlb_hw::hw::{pp_offset, Bar, Csr, Func, Pf, Port, Version};
use dlb_model::{Config, Device, Host, Level, Requester};
use std::cell::{Cell, RefCell};
use std::fmt::Arguments;

/// Where consumer queues live, and how much room each has.
pub const MEMORY: u64 = 0x1_0000_0000;
pub const CQ_BYTES: u64 = 65536;

/// Host memory and interrupts.
#[derive(Default)]
pub struct Outside {
    pub memory: Vec<u8>,
    /// Only this requester may write to this part, by consumer queue.
    pub owners: Vec<Option<Requester>>,
    pub msix: [u32; 32],
    pub msi: Vec<(u8, u8)>,
    pub stray_writes: u32,
    pub log: Vec<String>,
}

impl Host for Outside {
    fn dma_write(&mut self, who: Requester, pasid: Option<u32>, addr: u64, data: &[u8]) -> bool {
        assert_eq!(pasid, None);
        let offset = addr.wrapping_sub(MEMORY) as usize;
        let cq = offset / CQ_BYTES as usize;
        let Some(to) = self
            .memory
            .get_mut(offset..)
            .and_then(|m| m.get_mut(..data.len()))
        else {
            self.stray_writes += 1;
            return false;
        };
        if self.owners.get(cq).copied().flatten() != Some(who) {
            self.stray_writes += 1;
            return false;
        }
        to.copy_from_slice(data);
        true
    }

    fn msix(&mut self, vector: u16) {
        self.msix[usize::from(vector)] += 1;
    }

    fn msi(&mut self, vf: u8, message: u8) {
        self.msi.push((vf, message));
    }

    fn log(&mut self, _level: Level, msg: Arguments<'_>) {
        self.log.push(msg.to_string());
    }
}

/// A device in its host.
pub struct Sim {
    pub version: Version,
    pub device: RefCell<Device>,
    pub outside: RefCell<Outside>,
    pub accesses: Cell<u64>,
    pub lines: Cell<u64>,
    pub slept_us: Cell<u64>,
}

fn model_bar(bar: Bar) -> dlb_model::Bar {
    match bar {
        Bar::Csr => dlb_model::Bar::Csr,
        Bar::Func => dlb_model::Bar::Func,
    }
}

impl Sim {
    pub fn new(version: Version, seed: u64) -> Self {
        let config = Config {
            version: match version {
                Version::V2 => dlb_model::Version::V2_0,
                Version::V25 => dlb_model::Version::V2_5,
            },
            seed,
            faults: String::new(),
        };
        Self {
            version,
            device: RefCell::new(Device::new(&config).unwrap()),
            outside: RefCell::default(),
            accesses: Cell::new(0),
            lines: Cell::new(0),
            slept_us: Cell::new(0),
        }
    }

    /// A device that was brought up as the driver does it.
    pub fn up(version: Version, seed: u64) -> (Self, Box<Pf>) {
        let sim = Self::new(version, seed);
        let mut pf = Box::new(Pf::new(version));
        Pf::power_on(&sim, version);
        Pf::wait_ready(&sim, version).unwrap();
        sim.flr(Requester::Pf);
        pf.init_device(&sim).unwrap();
        (sim, pf)
    }

    pub fn flr(&self, who: Requester) {
        let mut outside = self.outside.borrow_mut();
        self.device.borrow_mut().flr(who, &mut *outside);
    }

    pub fn inject(&self, faults: &str) {
        let mut outside = self.outside.borrow_mut();
        self.device
            .borrow_mut()
            .inject(faults, &mut *outside)
            .unwrap();
    }

    /// Memory for a consumer queue of a function.
    pub fn allocate_cq(&self, who: Requester) -> u64 {
        let mut outside = self.outside.borrow_mut();
        let cq = match outside.owners.iter().position(Option::is_none) {
            Some(cq) => cq,
            None => {
                outside.owners.push(None);
                let len = outside.owners.len() * CQ_BYTES as usize;
                outside.memory.resize(len, 0);
                outside.owners.len() - 1
            }
        };
        outside.owners[cq] = Some(who);
        let start = cq * CQ_BYTES as usize;
        outside.memory[start..start + CQ_BYTES as usize].fill(0);
        MEMORY + cq as u64 * CQ_BYTES
    }

    pub fn free_cq(&self, base: u64) {
        let cq = (base - MEMORY) / CQ_BYTES;
        self.outside.borrow_mut().owners[cq as usize] = None;
    }

    pub fn entry(&self, addr: u64) -> CqEntry {
        let outside = self.outside.borrow();
        let at = (addr - MEMORY) as usize;
        let word = |i: usize| u64::from_le_bytes(outside.memory[i..i + 8].try_into().unwrap());
        CqEntry {
            data: word(at),
            state: word(at + 8),
        }
    }

    /// A line to a producer page, through the BAR of any function.
    pub fn send(&self, who: Requester, port: Port, line: &[Hcw; 4]) {
        let words = Hcw::line_to_words(line);
        let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_ne_bytes).collect();
        let mut outside = self.outside.borrow_mut();
        self.lines.set(self.lines.get() + 1);
        self.device.borrow_mut().write_bytes(
            who,
            dlb_model::Bar::Func,
            pp_offset(port).into(),
            &bytes,
            &mut *outside,
        );
    }

    /// A register of a VF's BAR.
    pub fn vf_read(&self, vf: u8, offset: u32) -> u32 {
        let mut outside = self.outside.borrow_mut();
        self.device.borrow_mut().read(
            Requester::Vf(vf),
            dlb_model::Bar::Func,
            offset.into(),
            4,
            &mut *outside,
        ) as u32
    }

    pub fn vf_write(&self, vf: u8, offset: u32, value: u32) {
        let mut outside = self.outside.borrow_mut();
        self.device.borrow_mut().write(
            Requester::Vf(vf),
            dlb_model::Bar::Func,
            offset.into(),
            4,
            value.into(),
            &mut *outside,
        );
    }

    /// Nothing the driver did may have gone astray.
    pub fn assert_sane(&self) {
        let device = self.device.borrow();
        device.check_sane().unwrap();
        let counters = device.counters();
        let log = &self.outside.borrow().log;
        assert_eq!(counters.unknown_reads, 0, "{log:?}");
        assert_eq!(counters.unknown_writes, 0, "{log:?}");
        assert_eq!(counters.read_only_writes, 0, "{log:?}");
        assert_eq!(self.outside.borrow().stray_writes, 0);
    }

    /// Accesses since the last call.
    pub fn take_accesses(&self) -> u64 {
        self.accesses.replace(0)
    }
}

impl Csr for Sim {
    fn read(&self, bar: Bar, offset: u32) -> u32 {
        self.accesses.set(self.accesses.get() + 1);
        let mut outside = self.outside.borrow_mut();
        self.device.borrow_mut().read(
            Requester::Pf,
            model_bar(bar),
            offset.into(),
            4,
            &mut *outside,
        ) as u32
    }

    fn write(&self, bar: Bar, offset: u32, value: u32) {
        if bar == Bar::Func && offset & 0xff00_0000 == 0x0100_0000 {
            // The MSI-X table is PCI's, not the model's.
            return;
        }
        self.accesses.set(self.accesses.get() + 1);
        let mut outside = self.outside.borrow_mut();
        self.device.borrow_mut().write(
            Requester::Pf,
            model_bar(bar),
            offset.into(),
            4,
            value.into(),
            &mut *outside,
        );
    }

    fn pp_line(&self, port: Port, line: &[Hcw; 4]) {
        self.send(Requester::Pf, port, line);
    }

    fn delay_us(&self, us: u32) {
        self.slept_us.set(self.slept_us.get() + u64::from(us));
    }
}

/// A well-behaved user of one port.
#[derive(Clone, Debug)]
pub struct User {
    pub who: Requester,
    /// The page it writes to: physical for the PF, virtual for a VF.
    pub page: Port,
    pub base: u64,
    pub depth: u64,
    stride: u64,
    index: u64,
    generation: u8,
    pub owed_tokens: u16,
}

impl User {
    pub fn new(who: Requester, page: Port, base: u64, depth: u32, sparse: bool) -> Self {
        Self {
            who,
            page,
            base,
            depth: u64::from(depth.max(8)),
            stride: if sparse { 64 } else { 16 },
            index: 0,
            generation: 1,
            owed_tokens: 0,
        }
    }

    pub fn func(&self) -> Func {
        match self.who {
            Requester::Pf => Func::Pf,
            Requester::Vf(vf) => Func::Vf(vf),
        }
    }

    /// The next entry, if there is one.
    pub fn receive(&mut self, sim: &Sim) -> Option<CqEntry> {
        let entry = sim.entry(self.base + self.index * self.stride);
        if entry.generation() != self.generation {
            return None;
        }
        self.index += 1;
        if self.index == self.depth {
            self.index = 0;
            self.generation ^= 1;
        }
        self.owed_tokens += 1;
        Some(entry)
    }

    pub fn send(&self, sim: &Sim, hcws: &[Hcw]) {
        for chunk in hcws.chunks(4) {
            let mut line = [Hcw::NOOP; 4];
            line[..chunk.len()].copy_from_slice(chunk);
            sim.send(self.who, self.page, &line);
        }
    }

    /// Returns some of the tokens it owes.
    pub fn return_tokens(&mut self, sim: &Sim, count: u16) {
        let count = count.min(self.owed_tokens);
        if count != 0 {
            self.owed_tokens -= count;
            self.send(sim, &[Hcw::return_tokens(count)]);
        }
    }

    pub fn release(&self, sim: &Sim) {
        self.send(sim, &[Hcw::command(Command::Rel)]);
    }
}

/// Random numbers that are the same every time.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }
}
