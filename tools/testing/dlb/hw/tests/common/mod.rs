// SPDX-License-Identifier: GPL-2.0

//! A register file without behaviour, which records what is done to it.

#![allow(dead_code)]

use dlb_hw::hw::regs::{self, RegInfo, Unit};
use dlb_hw::hw::{Bar, Csr, Hcw, Port, Version};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// One access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    Read(Bar, u32),
    Write(Bar, u32, u32),
    Line(Port, [Hcw; 4]),
}

/// Registers that hold what was written to them.
pub struct Recorder {
    pub version: Version,
    pub log: RefCell<Vec<Access>>,
    values: RefCell<HashMap<(bool, u32), u32>>,
    /// From this many accesses on, the device is gone.
    pub vanish_after: Cell<Option<usize>>,
    pub slept_us: Cell<u64>,
}

/// The element of an array at a distance from its start.
fn element(delta: u32, stride: u32, count: u32) -> Option<u32> {
    let i = delta / stride;
    (delta % stride == 0 && i < count).then_some(i)
}

/// The register at an offset, in the PF's BARs.
pub fn register_at(version: Version, bar: Bar, offset: u32) -> Option<(&'static RegInfo, u32)> {
    let regs = regs::ALL.iter().flat_map(|unit| unit.iter());
    for reg in regs.filter(|reg| reg.bar == bar && reg.unit != Unit::VfFunc) {
        let Some(base) = reg.base(version) else {
            continue;
        };
        let Some(delta) = offset.checked_sub(base) else {
            continue;
        };
        let found = match reg.dims {
            [] => (delta == 0).then_some(0),
            [dim] => element(delta, dim.stride, dim.count(version)),
            [first, second] => (0..second.count(version)).find_map(|j| {
                let delta = delta.checked_sub(j * second.stride)?;
                let i = element(delta, first.stride, first.count(version))?;
                Some(i * second.count(version) + j)
            }),
            _ => None,
        };
        if let Some(index) = found {
            return Some((reg, index));
        }
    }
    None
}

impl Recorder {
    pub fn new(version: Version) -> Self {
        Self {
            version,
            log: RefCell::default(),
            values: RefCell::default(),
            vanish_after: Cell::new(None),
            slept_us: Cell::new(0),
        }
    }

    pub fn set(&self, bar: Bar, offset: u32, value: u32) {
        let key = (bar == Bar::Csr, offset);
        self.values.borrow_mut().insert(key, value);
    }

    pub fn writes(&self) -> Vec<(u32, u32)> {
        let log = self.log.borrow();
        log.iter()
            .filter_map(|access| match access {
                Access::Write(Bar::Csr, offset, value) => Some((*offset, *value)),
                _ => None,
            })
            .collect()
    }

    pub fn clear(&self) {
        self.log.borrow_mut().clear();
    }

    fn gone(&self) -> bool {
        let n = self.log.borrow().len();
        self.vanish_after.get().is_some_and(|after| n > after)
    }
}

impl Csr for Recorder {
    fn read(&self, bar: Bar, offset: u32) -> u32 {
        self.log.borrow_mut().push(Access::Read(bar, offset));
        if self.gone() {
            return u32::MAX;
        }
        let key = (bar == Bar::Csr, offset);
        let written = self.values.borrow().get(&key).copied();
        written.unwrap_or_else(|| {
            register_at(self.version, bar, offset).map_or(0, |(reg, _)| reg.reset)
        })
    }

    fn write(&self, bar: Bar, offset: u32, value: u32) {
        self.log
            .borrow_mut()
            .push(Access::Write(bar, offset, value));
        self.set(bar, offset, value);
    }

    fn pp_line(&self, port: Port, line: &[Hcw; 4]) {
        self.log.borrow_mut().push(Access::Line(port, *line));
    }

    fn delay_us(&self, us: u32) {
        self.slept_us.set(self.slept_us.get() + u64::from(us));
    }
}
