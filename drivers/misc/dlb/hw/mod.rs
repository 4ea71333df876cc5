// SPDX-License-Identifier: GPL-2.0

//! The hardware, as pure logic: register map, queue-element layout, bookkeeping of resources, and
//! every operation as a recipe of register accesses over the [`Csr`] trait.
//!
//! Nothing here knows the kernel: only `core` is used, nothing allocates, nothing can panic. The
//! same source is built into the module and, by path, into a host crate that runs it against the
//! hardware model.
//!
//! What a reader should know first: a *domain* is a set of queues and ports that can reach each
//! other and nothing else. A *load-balanced* (LDB) queue is linked to up to eight slots of each of
//! many LDB ports; a *directed* (DIR) queue belongs to the DIR port of the same number. A port is
//! a producer page (PP) and a consumer queue (CQ). The device counts *credits* (room for elements
//! inside the device), *tokens* (occupied CQ entries) and elements *in flight* (received and not
//! completed), whose order the *history list* keeps.

// The register map, the element layout and the statistics are whole, whatever the module uses.
#![allow(dead_code)]

pub mod domain;
pub mod error;
mod hal;
pub mod hcw;
pub mod init;
pub mod io;
pub mod irq;
pub mod links;
pub mod mbox;
pub mod regs;
mod reset;
pub mod resources;
pub mod service;
pub mod stats;
pub mod vf;
pub mod vfdev;

pub use domain::DirPortArgs;
pub use domain::DirQueueArgs;
pub use domain::DomainArgs;
pub use domain::LdbPortArgs;
pub use domain::LdbQueueArgs;
pub use domain::Route;
pub use error::Error;
pub use error::Result;
pub use hal::Limits;
pub use hcw::Hcw;
pub use init::Arbiter;
pub use init::Preference;
pub use init::Settings;
pub use init::Watchdog;
pub use io::pp_offset;
pub use io::Bar;
pub use io::Csr;
pub use io::Io;
pub use resources::Func;
pub use resources::Pf;
pub use resources::PortId;
pub use resources::PortOwner;
pub use resources::Resources;
pub use resources::MAX_DOMAINS;
pub use stats::Xstat;
pub use vfdev::VfDev;

/// The version of the device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Version {
    /// DLB 2.0.
    V2 = 0,
    /// DLB 2.5.
    V25 = 1,
}

/// A port of the device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Port {
    /// A load-balanced port.
    Ldb(u8),
    /// A directed port.
    Dir(u8),
}
