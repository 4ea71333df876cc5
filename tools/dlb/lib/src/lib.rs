// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! The data path of the Dynamic Load Balancer: events into and out of mapped ports, without system
//! calls.
//!
//! A DLB device moves *events*, 16 bytes each, from ports to queues to ports. A *domain*, made in
//! configfs, has queues and ports; each port is a file `/dev/dlb<N>/<domain>/<port>`. A program maps
//! that file, stores events into it, and watches a ring in memory that the device fills.
//!
//! # A worker
//!
//! ```no_run
//! use dlb::{Credits, Domain, Event};
//!
//! let domain = Domain::open("pipeline")?;
//! let credits = Credits::open("/dev/shm/pipeline.credits")?;
//! let sink = domain.dir_queue("directed")?;
//! let port = domain.ldb_port("worker0")?.open(&credits)?;
//! loop {
//!     while let Some(event) = port.receive() {
//!         let done = Event::directed(sink, event.data() + 1);
//!         if let Err(full) = event.forward(done) {
//!             let (event, _) = full.0; // nothing is lost: try again later, or drop it here
//!             event.release();
//!         }
//!     }
//!     port.wait(None)?; // or just look again: polling costs no system call
//! }
//! # Ok::<(), dlb::Error>(())
//! ```
//!
//! # What the types make sure of
//!
//! * An event received from a load-balanced queue is completed once: it is [`Received`], which
//!   [`forward`](Received::forward) and [`release`](Received::release) consume and which releases
//!   itself when it is dropped. Directed events need no completion, and have no such methods.
//! * Completions reach the device in the order of reception, whatever the order of the program.
//! * No event is sent without a credit: see [`Credits`].
//! * A wait does not miss an event: see [`Port::wait`].
//!
//! ```compile_fail
//! fn twice(port: &dlb::LdbPort, next: dlb::Event) {
//!     let event = port.receive().unwrap();
//!     event.release();
//!     event.release(); // moved
//! }
//! ```
//!
//! ```compile_fail
//! fn too_late(port: dlb::LdbPort) {
//!     let event = port.receive().unwrap();
//!     drop(port); // still borrowed
//!     event.release();
//! }
//! ```
//!
//! ```compile_fail
//! fn from_two_threads(port: dlb::LdbPort) {
//!     std::thread::scope(|scope| {
//!         scope.spawn(|| port.receive().is_some()); // not Sync
//!     });
//! }
//! ```

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the DLB is part of x86-64 processors");

mod credit;
mod domain;
mod error;
mod port;
mod qe;
mod sys;
mod transport;

pub use credit::{Counts, Credits, CACHE};
pub use domain::{Domain, Found, CONFIGFS};
pub use error::Error;
pub use port::{
    Counters, Dir, DirPort, Layout, Ldb, LdbPort, NoCredit, Options, Port, Position, Received,
};
pub use qe::{DirQueue, Entry, Event, Hcw, LdbQueue, Schedule};
pub use sys::{SharedWords, Store};
pub use transport::{Mapped, Transport};
