// SPDX-License-Identifier: GPL-2.0
//! CM: power, readiness, clock counters.

use crate::regs::{Reg, Reg::*};
use crate::Device;

/// State of CM. The power switch is the one thing that a function-level reset leaves alone.
pub(crate) struct Cm {
    /// `CM_CFG_PM_PMCSR_DISABLE.DISABLE`: the core is off.
    pub off: bool,
}

impl Cm {
    pub fn new() -> Self {
        Self { off: true }
    }
}

/// `CM_CFG_PM_STATUS.PMSM`
const PMSM: u32 = 0xff << 24;
/// `CM_CFG_DIAGNOSTIC_IDLE_STATUS.DLB_FUNC_IDLE`
const FUNC_IDLE: u32 = 1 << 31;

impl Device {
    pub(crate) fn cm_read(&mut self, reg: Reg, x: usize) -> u32 {
        // 800 MHz.
        let clocks = (u128::from(self.now) * 4 / 5) as u64;
        let stored = self.regs.get(reg, x);
        match reg {
            CM_CFG_PM_STATUS if self.faults.never_ready => stored & !PMSM,
            CM_CFG_DIAGNOSTIC_IDLE_STATUS if self.faults.slow_idle > 0 => {
                self.faults.slow_idle -= 1;
                stored & !FUNC_IDLE
            }
            CM_CFG_PM_PMCSR_DISABLE => self.cm.off.into(),
            CM_CLK_ON_CNT_L | CM_PROC_ON_CNT_L => clocks as u32,
            CM_CLK_ON_CNT_H | CM_PROC_ON_CNT_H => (clocks >> 32) as u32,
            _ => stored,
        }
    }

    pub(crate) fn cm_write(&mut self, reg: Reg, x: usize, val: u32) {
        if reg == CM_CFG_PM_PMCSR_DISABLE {
            self.cm.off = val & 1 != 0;
        }
        self.regs.set(reg, x, val);
    }
}
