// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! The configuration of the Dynamic Load Balancer.
//!
//! A [`Topology`] says what domains there are or shall be; [`file`] reads and writes it as TOML;
//! [`system`] reads what there is; a [`Plan`] leads from one to the other, or leaves all as it was.

pub mod fake;
pub mod file;
pub mod plan;
pub mod schema;
pub mod system;
mod topology;

pub use plan::{Permissions, Plan};
pub use schema::Kind;
pub use topology::{DeviceSettings, Domain, Object, Place, Problem, Share, Topology};
