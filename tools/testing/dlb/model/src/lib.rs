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
pub mod regs;

use core::fmt;

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
    regs: regs::RegFile,
}

impl Device {
    pub fn new(config: &Config) -> Result<Self, String> {
        Ok(Self {
            version: config.version,
            regs: regs::RegFile::new(config.version),
        })
    }

    pub fn version(&self) -> Version {
        self.version
    }

    pub fn read(
        &mut self,
        who: Requester,
        bar: Bar,
        off: u64,
        size: u8,
        _host: &mut dyn Host,
    ) -> u64 {
        if who != Requester::Pf || bar != Bar::Csr || size != 4 {
            return 0;
        }
        let Ok(off) = u32::try_from(off) else {
            return 0;
        };
        self.regs
            .decode(off)
            .map_or(0, |(r, x)| u64::from(self.regs.get(r, x)))
    }

    pub fn write(
        &mut self,
        who: Requester,
        bar: Bar,
        off: u64,
        size: u8,
        val: u64,
        _host: &mut dyn Host,
    ) {
        if who != Requester::Pf || bar != Bar::Csr || size != 4 {
            return;
        }
        let Ok(off) = u32::try_from(off) else { return };
        if let Some((r, x)) = self.regs.decode(off) {
            self.regs.set(r, x, val as u32);
        }
    }

    pub fn flr(&mut self, _who: Requester, _host: &mut dyn Host) {
        self.regs.reset();
    }

    pub fn set_d3(&mut self, _d3: bool) {}

    pub fn set_vf_msi(&mut self, _vf: u8, _messages: u8) {}

    pub fn tick(&mut self, _now_ns: u64, _host: &mut dyn Host) {}

    pub fn deadline(&self) -> Option<u64> {
        None
    }

    pub fn stats(&self) -> String {
        "{}".into()
    }

    pub fn snapshot(&self) -> String {
        String::new()
    }

    pub fn inject(&mut self, _commands: &str, _host: &mut dyn Host) -> Result<(), String> {
        Ok(())
    }
}
