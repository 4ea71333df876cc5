// SPDX-License-Identifier: GPL-2.0

//! `drivers/misc/dlb/hw/`, compiled for the host: the very source that goes into the module, so
//! that it can be run against the hardware model in one process.

#![no_std]
#![forbid(unsafe_code)]

#[path = "../../../../../drivers/misc/dlb/hw/mod.rs"]
pub mod hw;
