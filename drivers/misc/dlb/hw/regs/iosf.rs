// SPDX-License-Identifier: GPL-2.0

//! IOSF: the bus endpoint.

use super::*;

register! {
    unit Iosf in Csr;

    /// Cuts a VF off from its BAR; set by hardware at VF FLR, and by the PF against a flood.
    pub IOSF_FUNC_VF_BAR_DSBL(u32)[16, stride = 0x4] @ 0x00000020 {
        /// 1 = writes to the VF's BAR are dropped, reads return all ones.
        0:0 func_vf_bar_dis;
    }
}
