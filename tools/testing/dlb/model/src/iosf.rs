// SPDX-License-Identifier: GPL-2.0
//! IOSF: the bus endpoint. Whether a VF's function BAR answers.

use crate::regs::Reg::IOSF_FUNC_VF_BAR_DSBL;
use crate::Device;

impl Device {
    pub(crate) fn vf_bar_disabled(&self, vf: u8) -> bool {
        self.regs.get(IOSF_FUNC_VF_BAR_DSBL, vf.into()) & 1 != 0
    }

    pub(crate) fn disable_vf_bar(&mut self, vf: u8) {
        self.regs.set(IOSF_FUNC_VF_BAR_DSBL, vf.into(), 1);
    }
}
