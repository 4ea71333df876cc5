// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! The parts of `dlb-pipeline`, so that a test can run them on a model of the device.
//!
//! Every event takes this way, and every arrow is one pass through the device:
//!
//! ```text
//! source -> ordered -> workers -> directed -> sink -> atomic -> workers
//!                                   sink <- directed <- workers <- unordered <-'
//! ```
//!
//! * On its first arrival the sink checks that the order of the source is restored, and counts how
//!   often the workers had finished in another order. That is also the check of the directed
//!   queue's order.
//! * On an atomic event a worker checks that no other worker holds one of the same flow, and that
//!   the flow is in order.
//! * On its second arrival the sink checks that it sees each event once, and that what one worker
//!   sent to the directed queue comes in the order of sending.
//! * In the end, all events must have been seen, and each worker must have had unordered ones.

mod board;
mod report;
mod roles;

pub use board::{Board, Rate, Row};
pub use report::{check, print};
pub use roles::{sink, source, worker, Idle, Plan, Queues};
