// SPDX-License-Identifier: GPL-2.0

//! Register access: the [`Csr`] trait the driver (or a test) implements, and [`Io`] on top of it.

use super::regs::sys::SYS_TOTAL_VAS;
use super::regs::Loc;
use super::regs::Register;
use super::regs::Set;
use super::regs::Value;
use super::Error;
use super::Hcw;
use super::Port;
use super::Result;
use super::Version;
use core::cell::Cell;

/// A BAR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bar {
    /// BAR 2 of the PF: control and status registers.
    Csr,
    /// BAR 0 of the PF or of a VF: mailboxes, MSI-X table, producer ports.
    Func,
}

/// Offset in the function BAR of a port's producer page, in the window that both existing drivers
/// and all models serve.
pub const fn pp_offset(port: Port) -> u32 {
    let (base, port) = match port {
        Port::Dir(port) => (0x200_0000, port),
        Port::Ldb(port) => (0x210_0000, port),
    };
    base | (port as u32) << 12
}

/// How the hardware is reached.
///
/// An access must be in order with those before it on the same device, as `readl()` and `writel()`
/// are. A device that is gone reads as all ones.
pub trait Csr {
    /// Reads a register.
    fn read(&self, bar: Bar, offset: u32) -> u32;
    /// Writes a register.
    fn write(&self, bar: Bar, offset: u32, value: u32);
    /// Writes one 64-byte line to a producer port of this function, after everything before it
    /// and before every register access after it.
    fn pp_line(&self, port: Port, line: &[Hcw; 4]);
    /// Waits; may sleep.
    fn delay_us(&self, us: u32);
}

/// Typed access to the registers of one version of the device.
pub struct Io<'a> {
    csr: &'a dyn Csr,
    version: Version,
    suspect: Cell<bool>,
}

impl<'a> Io<'a> {
    /// Begins a sequence of accesses.
    pub fn new(csr: &'a dyn Csr, version: Version) -> Self {
        Self {
            csr,
            version,
            suspect: Cell::new(false),
        }
    }

    /// The version of the device.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The hardware behind it.
    pub fn csr(&self) -> &'a dyn Csr {
        self.csr
    }

    /// Reads a register. One this version does not have reads as 0.
    #[inline]
    pub fn read<R: Register>(&self, loc: Loc<R>) -> R {
        let Some(offset) = loc.offset(self.version) else {
            debug_assert!(false, "{} does not exist", R::INFO.name);
            return R::from_bits(0);
        };
        R::from_bits(self.read_raw(R::INFO.bar, offset))
    }

    /// Writes a register. One this version does not have is left alone.
    #[inline]
    pub fn write<R: Register>(&self, loc: Loc<R>, value: impl Value<R>) {
        match loc.offset(self.version) {
            Some(offset) => self.csr.write(R::INFO.bar, offset, value.into_bits()),
            None => debug_assert!(false, "{} does not exist", R::INFO.name),
        }
    }

    /// Writes a register's reset value.
    #[inline]
    pub fn reset<R: Register>(&self, loc: Loc<R>) {
        self.write(loc, R::from_bits(R::INFO.reset));
    }

    /// Reads a register, changes some fields and writes it back.
    #[inline]
    pub fn update<R: Register>(&self, loc: Loc<R>, change: impl FnOnce(Set<R>) -> Set<R>) {
        let value = self.read(loc);
        self.write(loc, change(Set(value)));
    }

    /// Reads a register of write-1-to-clear bits and clears what was set.
    #[inline]
    pub fn take<R: Register>(&self, loc: Loc<R>) -> u32 {
        let value = self.read(loc);
        if value.bits() != 0 {
            self.write(loc, value);
        }
        value.bits()
    }

    fn read_raw(&self, bar: Bar, offset: u32) -> u32 {
        let value = self.csr.read(bar, offset);
        if value == u32::MAX {
            self.suspect.set(true);
        }
        value
    }

    /// Makes sure that earlier register writes act on every HCW that follows, from any core.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if the device does not answer any more.
    pub fn flush(&self) -> Result {
        match self.read(SYS_TOTAL_VAS).bits() {
            u32::MAX => Err(Error::Gone),
            _ => Ok(()),
        }
    }

    /// Tells a device that is gone from a register that happened to read as all ones.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if the device does not answer any more.
    pub fn check(&self) -> Result {
        match self.suspect.replace(false) {
            true => self.flush(),
            false => Ok(()),
        }
    }
}
