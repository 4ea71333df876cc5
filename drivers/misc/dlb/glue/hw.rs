// SPDX-License-Identifier: GPL-2.0

//! What the hardware layer, which has no unsafe code, cannot say of itself.

use crate::hw;

// SAFETY: `hw::Pf` consists of integers, bools, arrays of these, and enums that have a variant of
// value zero without data (one that has other variants with data is `repr(u8)`, which puts the value
// first): all bits zero are a valid value of each.
unsafe impl pin_init::Zeroable for hw::Pf {}
