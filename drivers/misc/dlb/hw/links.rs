// SPDX-License-Identifier: GPL-2.0

//! Links between load-balanced queues and ports, which may change while elements flow.
//!
//! A port has eight places for queues. What is in a place stands in five tables of the hardware,
//! which cannot be changed at once, so the CQ is off while they change. Until the domain is started
//! for the first time links are only noted; [`Pf::start_domain`] writes each word of the tables
//! once. From then on more is needed:
//!
//! - The scheduler notices a new link only when the queue's in-flight count moves from its limit,
//!   or comes back to 0. So the limit is set to 0, which stops the queue everywhere, and when none
//!   of its elements is in flight the link is made, the scheduler's work bits are set by hand, and
//!   the limit is restored.
//! - A link may go only when none of the *port's* elements is in flight: the CQ is switched off
//!   until the consumer has completed all it has. Another queue may wait for the place meanwhile.
//!
//! ```text
//!                 +-------------------- map, domain never started ---------------+
//!                 |                                                              v
//!   +----------+  |  map   +---------------+   none of the queue's in flight  +--------+
//!   | Unmapped |--+------->| MapInProgress |--------------------------------->| Mapped |
//!   +----------+           +---------------+                                  +--------+
//!     ^      ^    unmap, or too late |                                 map, or |  ^  | unmap
//!     |      +-----------------------+                                too late |  |  v
//!     |                none of the port's in flight               +-----------------------+
//!     +-----------------------------------------------------------| UnmapInProgress, with |
//!                                                                 | or without a successor|
//!                                                                 +-----------------------+
//! ```
//!
//! Both waits depend on a consumer, who may never do its part. [`Pf::service_pending`], called
//! again and again while anything is under way, gives up after [`LINK_TIMEOUT_MS`]: the link is as
//! it was before, everything that was stopped runs again, and the caller is told.

use super::domain::set_ldb_cq_disabled;
use super::error::Error;
use super::error::InUse;
use super::error::Object;
use super::error::Param;
use super::error::Resource;
use super::error::Result;
use super::io::Csr;
use super::io::Io;
use super::regs::atm::*;
use super::regs::lsp::*;
use super::resources::*;

/// How long a change of a link may take.
pub const LINK_TIMEOUT_MS: u32 = 10_000;

/// A change of a link that took too long and was given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StuckLink {
    /// The port.
    pub port: PortOwner,
    /// The queue, as the function knows it.
    pub queue: u32,
    /// Whether the link was being removed, rather than made.
    pub removal: bool,
}

/// One place of one port.
#[derive(Clone, Copy)]
struct Place {
    port: u8,
    index: u8,
}

impl Place {
    /// Selects the place in the scheduler's state bits.
    fn sched_ctrl(self) -> super::regs::Set<LSP_LDB_SCHED_CTRL> {
        LSP_LDB_SCHED_CTRL::zeroed()
            .cq(self.port.into())
            .qidix(self.index.into())
    }
}

impl Pf {
    fn link(&self, place: Place) -> Result<Link> {
        self.ldb_port(place.port)?
            .links
            .get(place.index as usize)
            .copied()
            .ok_or(Error::Internal)
    }

    fn link_mut(&mut self, place: Place) -> Result<&mut Link> {
        self.ldb_port_mut(place.port)?
            .links
            .get_mut(place.index as usize)
            .ok_or(Error::Internal)
    }

    fn find_place(&self, port: u8, pred: impl Fn(&Link) -> bool) -> Option<Place> {
        let index = self.ldb_port(port).ok()?.links.iter().position(pred)?;
        Some(Place {
            port,
            index: num(index),
        })
    }

    /// Links of a port that are being removed.
    pub(super) fn pending_removals(&self, port: u8) -> u32 {
        self.ldb_port(port).map_or(0, |port| {
            count(&port.links, |link| link.state == LinkState::UnmapInProgress)
        })
    }

    /// Links to a queue that are being made.
    fn pending_additions(&self, queue: u8) -> u32 {
        self.ldb_ports.iter().fold(0u32, |n, port| {
            n.saturating_add(count(&port.links, |link| {
                link.state == LinkState::MapInProgress && link.queue == queue
            }))
        })
    }

    /// Links of the device that are being made or removed.
    pub fn pending(&self) -> u32 {
        self.ldb_ports.iter().fold(0u32, |n, port| {
            n.saturating_add(count(&port.links, |link| {
                matches!(
                    link.state,
                    LinkState::MapInProgress | LinkState::UnmapInProgress
                )
            }))
        })
    }

    /// Links of a port that are being removed.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn pending_unmaps(&self, func: Func, domain: u32, port: u32) -> Result<u32> {
        let d = self.find_domain(func, domain)?;
        let p = self.find_ldb_port(func, d, port)?;
        Ok(self.pending_removals(p))
    }

    /// Whether a queue is linked to a port.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn is_linked(&self, func: Func, domain: u32, port: u32, queue: u32) -> Result<bool> {
        let d = self.find_domain(func, domain)?;
        let p = self.find_ldb_port(func, d, port)?;
        let q = self.find_ldb_queue(func, d, queue)?;
        let linked = |link: &Link| link.state == LinkState::Mapped && link.queue == q;
        Ok(self.find_place(p, linked).is_some())
    }

    /// The priority with which a queue is linked to a port, or will be once what is under way is
    /// done; [`None`] if it is not, or is being unlinked.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn link_priority(
        &self,
        func: Func,
        domain: u32,
        port: u32,
        queue: u32,
    ) -> Result<Option<u8>> {
        let d = self.find_domain(func, domain)?;
        let p = self.find_ldb_port(func, d, port)?;
        let q = self.find_ldb_queue(func, d, queue)?;
        Ok(self
            .ldb_port(p)?
            .links
            .iter()
            .find_map(|link| match link.state {
                _ if link.next.is(q) => Some(link.next_priority),
                LinkState::Mapped | LinkState::MapInProgress if link.queue == q => {
                    Some(link.priority)
                }
                _ => None,
            }))
    }

    /// Links a queue to a port, or changes the priority of the link. Once the domain has been
    /// started, success may mean that the link is under way; see [`Self::service_pending`].
    ///
    /// # Errors
    ///
    /// - [`Error::NotFound`], or [`Error::Invalid`] for a priority above 7.
    /// - [`Error::NoSpace`] if the port has eight links and none is being removed.
    /// - [`Error::Busy`] if this very link is being removed and its place promised to another.
    pub fn map_queue(
        &mut self,
        csr: &dyn Csr,
        func: Func,
        domain: u32,
        port: u32,
        queue: u32,
        priority: u32,
    ) -> Result {
        let d = self.usable_domain(func, domain)?;
        let p = self.find_ldb_port(func, d, port)?;
        let q = self.find_ldb_queue(func, d, queue)?;
        let priority = match u8::try_from(priority) {
            Ok(priority @ 0..=7) => priority,
            _ => {
                return Err(Error::Invalid {
                    what: Param::Priority,
                    value: priority.into(),
                })
            }
        };
        let io = Io::new(csr, self.version);
        if self.pending_removals(p) != 0 {
            self.try_finish_removals(&io, p)?;
        }
        if let Some(place) = self.find_place(p, |link| link.concerns(q)) {
            return self.remap(&io, d, place, q, priority);
        }
        if let Some(place) = self.find_place(p, |link| link.state == LinkState::Unmapped) {
            return match self.domain(d)?.live {
                true => self.begin_map(&io, place, q, priority),
                false => self.note_link(place, q, priority),
            };
        }
        let promised =
            |link: &Link| link.state == LinkState::UnmapInProgress && link.next.is_none();
        let place = self.find_place(p, promised).ok_or(Error::NoSpace {
            what: Resource::Links,
            asked: 1,
            free: 0,
        })?;
        let link = self.link_mut(place)?;
        link.next = Maybe::some(q);
        link.next_priority = priority;
        Ok(())
    }

    /// Links a queue to a port it is linked to, or about to be.
    fn remap(&mut self, io: &Io<'_>, d: u8, place: Place, q: u8, priority: u8) -> Result {
        let live = self.domain(d)?.live;
        let link = self.link_mut(place)?;
        if link.next.is(q) {
            link.next_priority = priority;
            return Ok(());
        }
        match link.state {
            LinkState::MapInProgress => {
                link.priority = priority;
                Ok(())
            }
            LinkState::Mapped if link.priority == priority => Ok(()),
            LinkState::Mapped if !live => {
                link.priority = priority;
                Ok(())
            }
            LinkState::Mapped => {
                link.priority = priority;
                self.stop_cq(io, place.port)?;
                self.write_priorities(io, place.port)?;
                io.flush()?;
                self.restart_cq(io, place.port)
            }
            LinkState::UnmapInProgress if !link.next.is_none() => Err(Error::Busy(InUse::Link)),
            // The removal is called off. The CQ is off already.
            LinkState::UnmapInProgress => {
                link.state = LinkState::Mapped;
                if link.priority != priority {
                    link.priority = priority;
                    self.write_priorities(io, place.port)?;
                    io.flush()?;
                }
                self.settle(place.port)?;
                self.restart_cq(io, place.port)
            }
            LinkState::Unmapped => Err(Error::Internal),
        }
    }

    /// Unlinks a queue from a port. Success may mean that this is under way; see
    /// [`Self::service_pending`].
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn unmap_queue(
        &mut self,
        csr: &dyn Csr,
        func: Func,
        domain: u32,
        port: u32,
        queue: u32,
    ) -> Result {
        let d = self.usable_domain(func, domain)?;
        let p = self.find_ldb_port(func, d, port)?;
        let q = self.find_ldb_queue(func, d, queue)?;
        let place = self
            .find_place(p, |link| link.concerns(q))
            .ok_or(Error::NotFound {
                what: Object::Link,
                id: queue,
            })?;
        let io = Io::new(csr, self.version);
        let live = self.domain(d)?.live;
        let link = self.link_mut(place)?;
        if link.next.is(q) {
            link.next = Maybe::NONE;
            return Ok(());
        }
        match link.state {
            LinkState::MapInProgress => self.cancel_map(&io, place),
            LinkState::Mapped if live => {
                link.state = LinkState::UnmapInProgress;
                if self.pending_removals(p) == 1 {
                    self.stop_cq(&io, p)?;
                }
                self.try_finish_removals(&io, p)
            }
            LinkState::Mapped => {
                *link = Link::default();
                Ok(())
            }
            LinkState::UnmapInProgress => Ok(()),
            LinkState::Unmapped => Err(Error::Internal),
        }
    }

    /// Takes every link under way one step further, if it can be.
    ///
    /// To be called about every millisecond while it returns a number other than 0. `now_ms` is a
    /// clock that may wrap; `stuck` is told of every change that was given up.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`].
    pub fn service_pending(
        &mut self,
        csr: &dyn Csr,
        now_ms: u32,
        stuck: &mut dyn FnMut(StuckLink),
    ) -> Result<u32> {
        let io = Io::new(csr, self.version);
        for p in 0..num(MAX_LDB_PORTS) {
            if self.pending_removals(p) != 0 {
                self.try_finish_removals(&io, p)?;
            }
        }
        for p in 0..num(MAX_LDB_PORTS) {
            for index in 0..num(MAX_LINKS) {
                let place = Place { port: p, index };
                if self.link(place)?.state == LinkState::MapInProgress {
                    self.try_finish_map(&io, place)?;
                }
            }
            self.expire(&io, p, now_ms, stuck)?;
        }
        Ok(self.pending())
    }

    /// Gives up the changes of a port's links that have taken too long.
    fn expire(
        &mut self,
        io: &Io<'_>,
        p: u8,
        now_ms: u32,
        stuck: &mut dyn FnMut(StuckLink),
    ) -> Result {
        let port = self.ldb_port_mut(p)?;
        let waiting = |link: &Link| {
            matches!(
                link.state,
                LinkState::MapInProgress | LinkState::UnmapInProgress
            )
        };
        if !port.links.iter().any(waiting) {
            port.timing = false;
            return Ok(());
        }
        if !port.timing {
            port.timing = true;
            port.since_ms = now_ms;
        }
        if now_ms.wrapping_sub(port.since_ms) < LINK_TIMEOUT_MS {
            return Ok(());
        }
        let mut removals = false;
        for index in 0..num(MAX_LINKS) {
            let place = Place { port: p, index };
            let link = self.link(place)?;
            match link.state {
                LinkState::MapInProgress => {
                    self.report(p, link.queue, false, stuck);
                    self.cancel_map(io, place)?;
                }
                LinkState::UnmapInProgress => {
                    self.report(p, link.queue, true, stuck);
                    if let Some(next) = link.next.get() {
                        self.report(p, next, false, stuck);
                    }
                    let link = self.link_mut(place)?;
                    link.state = LinkState::Mapped;
                    link.next = Maybe::NONE;
                    removals = true;
                }
                _ => {}
            }
        }
        self.ldb_port_mut(p)?.timing = false;
        match removals {
            true => self.restart_cq(io, p),
            false => Ok(()),
        }
    }

    fn report(&self, p: u8, q: u8, removal: bool, stuck: &mut dyn FnMut(StuckLink)) {
        let port = self.owner_of(super::Port::Ldb(p));
        if let (Some(port), Ok(queue)) = (port, self.ldb_queue(q)) {
            stuck(StuckLink {
                port,
                queue: known_as(port.func, q as usize, queue.virt),
                removal,
            });
        }
    }

    /// Stops the clock of a port none of whose links is under way any more.
    fn settle(&mut self, p: u8) -> Result {
        if self.pending_removals(p) == 0 {
            self.ldb_port_mut(p)?.timing = false;
        }
        Ok(())
    }

    /// Switches an enabled CQ off while its links change.
    fn stop_cq(&self, io: &Io<'_>, p: u8) -> Result {
        if self.ldb_port(p)?.enabled {
            set_ldb_cq_disabled(io, p.into(), true);
            io.flush()?;
        }
        Ok(())
    }

    /// Switches a CQ on again, if its user wants it on and no link of it is being removed.
    fn restart_cq(&self, io: &Io<'_>, p: u8) -> Result {
        if self.ldb_port(p)?.enabled && self.pending_removals(p) == 0 {
            set_ldb_cq_disabled(io, p.into(), false);
            io.flush()?;
        }
        Ok(())
    }

    /// Notes a link in a domain that was never started.
    fn note_link(&mut self, place: Place, q: u8, priority: u8) -> Result {
        *self.link_mut(place)? = Link {
            state: LinkState::Mapped,
            queue: q,
            priority,
            ..Link::default()
        };
        Ok(())
    }

    /// Writes the links of a domain that is about to be started for the first time. The CQs that
    /// are on already are switched off, and are for the caller to switch on.
    pub(super) fn write_links(&self, io: &Io<'_>, d: u8) -> Result {
        let mut any = false;
        for (p, port) in self.ports_of(d).filter(|(_, port)| port.has_links()) {
            if port.early {
                set_ldb_cq_disabled(io, p.into(), true);
                any = true;
            }
        }
        if any {
            io.flush()?;
        }
        for (p, port) in self.ports_of(d).filter(|(_, port)| port.has_links()) {
            self.write_priorities(io, p)?;
            let (low, high) = port.links.split_at(MAX_LINKS / 2);
            if low.iter().any(Link::is_valid) {
                self.write_queues(io, p, 0)?;
            }
            if high.iter().any(Link::is_valid) {
                self.write_queues(io, p, MAX_LINKS as u8 / 2)?;
            }
        }
        let mut any = false;
        for (q, _) in self.queues_of(d) {
            for first in (0..num(MAX_LDB_PORTS)).step_by(4) {
                if self.places_of(first, q) != 0 {
                    self.write_places_of(io, first, q);
                    any = true;
                }
            }
        }
        match any {
            true => io.flush(),
            false => Ok(()),
        }
    }

    /// Begins to make a link in a domain through which elements may flow.
    pub(super) fn begin_map_at(
        &mut self,
        io: &Io<'_>,
        port: u8,
        index: u8,
        q: u8,
        priority: u8,
    ) -> Result {
        self.begin_map(io, Place { port, index }, q, priority)
    }

    fn begin_map(&mut self, io: &Io<'_>, place: Place, q: u8, priority: u8) -> Result {
        set_inflight_limit(io, q, 0);
        *self.link_mut(place)? = Link {
            state: LinkState::MapInProgress,
            queue: q,
            priority,
            ..Link::default()
        };
        self.try_finish_map(io, place)
    }

    /// Gives up a link that is being made.
    fn cancel_map(&mut self, io: &Io<'_>, place: Place) -> Result {
        let q = self.link(place)?.queue;
        *self.link_mut(place)? = Link::default();
        if self.pending_additions(q) == 0 {
            set_inflight_limit(io, q, self.ldb_queue(q)?.qid_inflights);
            io.flush()?;
        }
        Ok(())
    }

    /// Finishes a link that is being made, if no element of the queue is in flight.
    fn try_finish_map(&mut self, io: &Io<'_>, place: Place) -> Result {
        let q = self.link(place)?.queue;
        if inflights(io, q)? != 0 {
            return Ok(());
        }
        // One more may have been scheduled between the change of the limit and the look at the
        // count. With all CQs of the queue off, the count is final.
        self.stop_cqs_of(io, place.port, q)?;
        if inflights(io, q)? != 0 {
            return self.restart_cqs_of(io, place.port, q);
        }
        self.finish_map(io, place, q)
    }

    /// The port, and the other ports the queue is linked to.
    fn cqs_of(&self, port: u8, q: u8) -> impl Iterator<Item = (u8, &LdbPort)> {
        let linked = move |link: &Link| link.state == LinkState::Mapped && link.queue == q;
        (0..num(MAX_LDB_PORTS))
            .zip(&self.ldb_ports)
            .filter(move |(p, entry)| *p == port || entry.links.iter().any(linked))
    }

    fn stop_cqs_of(&self, io: &Io<'_>, port: u8, q: u8) -> Result {
        for (p, _) in self.cqs_of(port, q).filter(|(_, entry)| entry.enabled) {
            set_ldb_cq_disabled(io, p.into(), true);
        }
        io.flush()
    }

    fn restart_cqs_of(&self, io: &Io<'_>, port: u8, q: u8) -> Result {
        for (p, _) in self.cqs_of(port, q).filter(|(_, entry)| entry.enabled) {
            if self.pending_removals(p) == 0 {
                set_ldb_cq_disabled(io, p.into(), false);
            }
        }
        io.flush()
    }

    fn finish_map(&mut self, io: &Io<'_>, place: Place, q: u8) -> Result {
        self.link_mut(place)?.state = LinkState::Mapped;
        self.write_mapped(io, place, q)?;
        // The scheduler sets its work bits when something is enqueued; nothing may be for long.
        let atomic = io.read(LSP_QID_AQED_ACTIVE_CNT::at(q.into())).count();
        let other = io.read(LSP_QID_LDB_ENQUEUE_CNT::at(q.into())).count();
        io.check()?;
        io.write(
            LSP_LDB_SCHED_CTRL,
            place
                .sched_ctrl()
                .value(1)
                .rlist_haswork_v((atomic > 0).into()),
        );
        io.write(
            LSP_LDB_SCHED_CTRL,
            place
                .sched_ctrl()
                .value(1)
                .nalb_haswork_v((other > 0).into()),
        );
        io.flush()?;
        // No schedule to the new place before the other places of the queue are ready too.
        io.write(
            LSP_LDB_SCHED_CTRL,
            place.sched_ctrl().value(0).inflight_ok_v(1),
        );
        io.flush()?;
        for (p, entry) in self.cqs_of(place.port, q) {
            for (index, link) in (0..num(MAX_LINKS)).zip(&entry.links) {
                if link.state == LinkState::Mapped && link.queue == q {
                    io.write(
                        LSP_LDB_SCHED_CTRL,
                        Place { port: p, index }
                            .sched_ctrl()
                            .value(1)
                            .inflight_ok_v(1),
                    );
                }
            }
        }
        io.flush()?;
        // While another link to the queue is being made, it stays stopped.
        if self.pending_additions(q) == 0 {
            set_inflight_limit(io, q, self.ldb_queue(q)?.qid_inflights);
        }
        self.restart_cqs_of(io, place.port, q)
    }

    /// Finishes the removal of a port's links, if no element is in flight at the port.
    pub(super) fn try_finish_removals(&mut self, io: &Io<'_>, p: u8) -> Result {
        let inflights = io.read(LSP_CQ_LDB_INFL_CNT::at(p.into())).count();
        io.check()?;
        if inflights != 0 {
            return Ok(());
        }
        let mut successors = [Link::default(); MAX_LINKS];
        for (index, successor) in (0..num(MAX_LINKS)).zip(&mut successors) {
            let place = Place { port: p, index };
            let link = self.link(place)?;
            if link.state != LinkState::UnmapInProgress {
                continue;
            }
            *self.link_mut(place)? = Link::default();
            self.write_unmapped(io, place, link.queue)?;
            io.write(
                LSP_LDB_SCHED_CTRL,
                place.sched_ctrl().value(0).rlist_haswork_v(1),
            );
            io.write(
                LSP_LDB_SCHED_CTRL,
                place.sched_ctrl().value(0).nalb_haswork_v(1),
            );
            io.flush()?;
            io.write(
                LSP_LDB_SCHED_CTRL,
                place.sched_ctrl().value(1).inflight_ok_v(1),
            );
            io.flush()?;
            *successor = link;
        }
        self.settle(p)?;
        self.restart_cq(io, p)?;
        for (index, link) in (0..num(MAX_LINKS)).zip(&successors) {
            if let Some(next) = link.next.get() {
                self.begin_map(io, Place { port: p, index }, next, link.next_priority)?;
            }
        }
        Ok(())
    }

    /// Writes the valid bits and priorities of a port's places. A place whose link is being
    /// removed is still valid; one whose link is being made is not yet.
    fn write_priorities(&self, io: &Io<'_>, p: u8) -> Result {
        let mut valid = 0u32;
        let mut priorities = 0u32;
        for (index, link) in (0..MAX_LINKS as u32).zip(&self.ldb_port(p)?.links) {
            if link.is_valid() {
                valid |= 1 << (index & 7);
                priorities |= u32::from(link.priority & 7) << ((index & 7).wrapping_mul(3));
            }
        }
        io.write(
            LSP_CQ2PRIOV::at(p.into()),
            LSP_CQ2PRIOV::zeroed().v(valid).prio(priorities),
        );
        Ok(())
    }

    /// Writes the five tables for a link that is there now. The CQ is off.
    fn write_mapped(&self, io: &Io<'_>, place: Place, q: u8) -> Result {
        self.write_priorities(io, place.port)?;
        self.write_queues(io, place.port, place.index)?;
        self.write_places_of(io, place.port, q);
        io.flush()
    }

    /// Writes the queues in the half of a port's places that `index` lies in.
    fn write_queues(&self, io: &Io<'_>, port: u8, index: u8) -> Result {
        let p = u32::from(port);
        let queues = self
            .ldb_port(port)?
            .links
            .map(|link| match link.is_valid() {
                true => u32::from(link.queue),
                false => 0,
            });
        let [q0, q1, q2, q3, q4, q5, q6, q7] = queues;
        match index {
            0..=3 => io.write(
                LSP_CQ2QID0::at(p),
                LSP_CQ2QID0::zeroed()
                    .qid_p0(q0)
                    .qid_p1(q1)
                    .qid_p2(q2)
                    .qid_p3(q3),
            ),
            _ => io.write(
                LSP_CQ2QID1::at(p),
                LSP_CQ2QID1::zeroed()
                    .qid_p4(q4)
                    .qid_p5(q5)
                    .qid_p6(q6)
                    .qid_p7(q7),
            ),
        }
        Ok(())
    }

    /// Writes the tables for a link that is gone. The CQ is off. The place keeps its queue number;
    /// without the valid bit it means nothing.
    fn write_unmapped(&self, io: &Io<'_>, place: Place, q: u8) -> Result {
        self.write_priorities(io, place.port)?;
        self.write_places_of(io, place.port, q);
        io.flush()
    }

    /// Which places of the four ports around `port` hold a queue, a byte for each port.
    fn places_of(&self, port: u8, q: u8) -> u32 {
        let mut bits = 0u32;
        let first = port & !3;
        let ports = self.ldb_ports.get(first as usize..).unwrap_or(&[]);
        for (i, entry) in (0u32..4).zip(ports) {
            for (index, link) in (0u32..8).zip(&entry.links) {
                if link.is_valid() && link.queue == q {
                    bits |= 1 << (i.wrapping_mul(8).wrapping_add(index) & 31);
                }
            }
        }
        bits
    }

    fn write_places_of(&self, io: &Io<'_>, port: u8, q: u8) {
        write_places(io, port, q, self.places_of(port, q));
    }

    /// Clears all words that say which places hold a queue.
    pub(super) fn clear_places_of(&self, io: &Io<'_>, q: u8) {
        for first in (0..num(MAX_LDB_PORTS)).step_by(4) {
            if self.places_of(first, q) != 0 {
                write_places(io, first, q, 0);
            }
        }
    }
}

/// Writes the three copies of [`Pf::places_of`].
fn write_places(io: &Io<'_>, port: u8, q: u8, bits: u32) {
    let word = u32::from(port >> 2);
    let q = u32::from(q);
    macro_rules! copy {
        ($reg:ident) => {
            io.write(
                $reg::at2(q, word),
                <$reg as super::regs::Register>::from_bits(bits),
            )
        };
    }
    copy!(ATM_QID2CQIDIX);
    copy!(LSP_QID2CQIDIX);
    copy!(LSP_QID2CQIDIX2);
}

/// Elements of a queue that are in flight.
fn inflights(io: &Io<'_>, q: u8) -> Result<u32> {
    let count = io.read(LSP_QID_LDB_INFL_CNT::at(q.into())).count();
    io.check()?;
    Ok(count)
}

/// Limits the elements of a queue that may be in flight; 0 stops it.
fn set_inflight_limit(io: &Io<'_>, q: u8, limit: u16) {
    io.write(
        LSP_QID_LDB_INFL_LIM::at(q.into()),
        LSP_QID_LDB_INFL_LIM::zeroed().limit(limit.into()),
    );
}
