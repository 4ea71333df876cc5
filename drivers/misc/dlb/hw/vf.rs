// SPDX-License-Identifier: GPL-2.0

//! What the PF gives to its VFs.

use super::resources::*;

/// What the PF's driver knows about one VF.
#[derive(Clone, Copy, Default)]
pub(super) struct Vf {
    pub(super) hl_base: u16,
    pub(super) hl_len: u16,
    pub(super) atomic: u16,
    pub(super) ldb_credits: u16,
    pub(super) dir_credits: u16,
    pub(super) sn_slots: [u8; NUM_SN_GROUPS],
}
