// SPDX-License-Identifier: GPL-2.0

//! Resetting a domain: everything in it is thrown away, and what it had is free again.
//!
//! Elements cannot be deleted from the device; they have to be delivered. So the driver takes the
//! consumers' place: it returns their tokens and completes their elements through their producer
//! pages until every queue is empty, then switches everything off, sets the registers back to what
//! they are after a reset of the device, and gives the resources back. Loops are bounded by the
//! number of elements there can be and by time without progress. If a domain will not drain, its
//! ports are switched off all the same, so that the memory of its consumer queues can be freed,
//! and the device takes no new domains until it is reset.

use super::domain::*;
use super::error::Drain;
use super::error::Error;
use super::error::Result;
use super::error::Wait;
use super::hcw::Command;
use super::hcw::Hcw;
use super::io::Csr;
use super::io::Io;
use super::regs::chp::*;
use super::regs::lsp::*;
use super::regs::ro::*;
use super::regs::sys::*;
use super::resources::*;
use super::Port;

/// Looks without any progress before a wait is given up, and the pause between them: half a
/// second. The hardware needs nanoseconds.
const STALLED_LOOKS: u32 = 5000;
const STALLED_PAUSE_US: u32 = 100;

/// Pauses are for a device that is slow. The first looks come without one.
const EAGER_LOOKS: u32 = 16;

/// Counts looks without progress.
struct Patience {
    best: u32,
    looks: u32,
    stalled: u32,
}

impl Patience {
    fn new() -> Self {
        Self {
            best: u32::MAX,
            looks: 0,
            stalled: 0,
        }
    }

    /// Notes how much is left, waits a little if that is no less than before, and says whether
    /// there is any point in going on.
    fn go_on(&mut self, io: &Io<'_>, left: u32, most_looks: u32) -> bool {
        self.looks = self.looks.saturating_add(1);
        if left < self.best {
            self.best = left;
            self.stalled = 0;
        } else {
            self.stalled = self.stalled.saturating_add(1);
            if self.stalled > EAGER_LOOKS {
                io.csr().delay_us(STALLED_PAUSE_US);
            }
        }
        self.stalled < STALLED_LOOKS && self.looks < most_looks
    }
}

impl Pf {
    /// Elements waiting in a load-balanced queue.
    pub(super) fn ldb_depth(&self, io: &Io<'_>, q: u8) -> Result<u32> {
        let q = u32::from(q);
        let storage = io.read(LSP_QID_AQED_ACTIVE_CNT::at(q)).count();
        let other = io.read(LSP_QID_LDB_ENQUEUE_CNT::at(q)).count();
        let atomic = io.read(LSP_QID_ATM_ACTIVE::at(q)).count();
        io.check()?;
        Ok(storage.saturating_add(other).saturating_add(atomic))
    }

    /// Elements waiting in a directed queue.
    pub(super) fn dir_depth(&self, io: &Io<'_>, q: u8) -> Result<u32> {
        let depth = io.read(LSP_QID_DIR_ENQUEUE_CNT::at(q.into())).count();
        io.check()?;
        Ok(depth)
    }

    /// Returns the tokens of an LDB CQ and completes its elements. Says how many of both.
    fn drain_ldb_cq(&self, io: &Io<'_>, p: u8) -> Result<u32> {
        let init = self.ldb_port(p)?.init_tokens;
        let inflights = io.read(LSP_CQ_LDB_INFL_CNT::at(p.into())).count();
        let tokens = io
            .read(LSP_CQ_LDB_TKN_CNT::at(p.into()))
            .token_count()
            .saturating_sub(init.into());
        io.check()?;
        // The counts are at most 12 bits wide, whatever the device answers.
        let mut first = Hcw::return_tokens(tokens as u16);
        let mut left = inflights;
        while left != 0 || first != Hcw::NOOP {
            let mut line = [Hcw::NOOP; 4];
            for hcw in &mut line {
                if first != Hcw::NOOP {
                    *hcw = core::mem::replace(&mut first, Hcw::NOOP);
                } else if left != 0 {
                    *hcw = Hcw::command(Command::Rel);
                    left = left.saturating_sub(1);
                }
            }
            io.csr().pp_line(Port::Ldb(p), &line);
        }
        Ok(inflights.saturating_add(tokens))
    }

    /// Returns the tokens of a DIR CQ. Says how many.
    fn drain_dir_cq(&self, io: &Io<'_>, p: u8) -> Result<u32> {
        let init = self.dir_pair(p)?.init_tokens;
        let tokens = io
            .read(LSP_CQ_DIR_TKN_CNT::at(p.into()))
            .count()
            .saturating_sub(init.into());
        io.check()?;
        if tokens != 0 {
            let line = [
                Hcw::return_tokens(tokens as u16),
                Hcw::NOOP,
                Hcw::NOOP,
                Hcw::NOOP,
            ];
            io.csr().pp_line(Port::Dir(p), &line);
        }
        Ok(tokens)
    }

    /// Most looks a drain can need: each that makes progress takes at least one element or token
    /// away, and there are no more of them than credits and consumer-queue entries.
    fn most_looks(&self) -> u32 {
        self.limits().ldb_credits.saturating_mul(4)
    }

    /// Drains the CQs of a domain with scheduling to them off.
    fn drain_cqs(&self, io: &Io<'_>, d: u8) -> Result {
        for (p, _) in self.ports_of(d) {
            let mut patience = Patience::new();
            loop {
                let left = self.drain_ldb_cq(io, p)?;
                if left == 0 {
                    break;
                }
                if !patience.go_on(io, left, self.most_looks()) {
                    return Err(Error::Timeout(Wait::Inflights));
                }
            }
        }
        Ok(())
    }

    fn is_linked_somewhere(&self, d: u8, q: u8) -> bool {
        self.ports_of(d).any(|(_, port)| {
            port.links
                .iter()
                .any(|link| link.state == LinkState::Mapped && link.queue == q)
        })
    }

    /// Drains the load-balanced queues that have links, and the CQs they flow to.
    fn drain_linked_queues(&self, io: &Io<'_>, d: u8) -> Result {
        let mut patience = Patience::new();
        loop {
            let mut left = 0u32;
            for (q, _) in self.queues_of(d) {
                if self.is_linked_somewhere(d, q) {
                    left = left.saturating_add(self.ldb_depth(io, q)?);
                }
            }
            // Completing an ordered element may let elements loose that waited for their turn, so
            // the end is only reached when there was nothing to complete either.
            for (p, _) in self.ports_of(d) {
                left = left.saturating_add(self.drain_ldb_cq(io, p)?);
            }
            if left == 0 {
                return Ok(());
            }
            if !patience.go_on(io, left, self.most_looks()) {
                return Err(Error::DrainFailed(Drain::LdbQueues));
            }
        }
    }

    /// Drains the load-balanced queues without a link, by linking each to a port for the purpose.
    fn drain_unlinked_queues(&mut self, io: &Io<'_>, d: u8) -> Result {
        for q in 0..num(MAX_LDB_QUEUES) {
            let queue = self.ldb_queue(q)?;
            if !queue.domain.is(d) || !queue.configured || self.is_linked_somewhere(d, q) {
                continue;
            }
            if self.ldb_depth(io, q)? == 0 {
                continue;
            }
            let (p, port) = self.ports_of(d).next().ok_or(Error::Internal)?;
            let free = |link: &Link| link.state == LinkState::Unmapped;
            let index = match port.links.iter().position(free) {
                Some(index) => num(index),
                None => {
                    // All others are empty by now; any of them can go.
                    self.begin_removal(p)?;
                    set_ldb_cq_disabled(io, p.into(), true);
                    io.flush()?;
                    self.try_finish_removals(io, p)?;
                    0
                }
            };
            self.begin_map_at(io, p, index, q, 0)?;
            if !self.is_linked_somewhere(d, q) {
                return Err(Error::DrainFailed(Drain::LdbQueues));
            }
            self.drain_linked_queues(io, d)?;
        }
        Ok(())
    }

    /// Marks the first link of a port for removal.
    fn begin_removal(&mut self, p: u8) -> Result {
        let link = self
            .ldb_port_mut(p)?
            .links
            .first_mut()
            .ok_or(Error::Internal)?;
        link.state = LinkState::UnmapInProgress;
        link.next = Maybe::NONE;
        Ok(())
    }

    /// Drains the directed queues and the CQs they flow to.
    fn drain_dir_queues(&self, io: &Io<'_>, d: u8) -> Result {
        for (p, _) in self.pairs_of(d).filter(|(_, pair)| pair.port) {
            let mut patience = Patience::new();
            loop {
                let depth = match self.dir_pair(p)?.queue {
                    true => self.dir_depth(io, p)?,
                    false => 0,
                };
                let left = depth.saturating_add(self.drain_dir_cq(io, p)?);
                if left == 0 {
                    break;
                }
                if !patience.go_on(io, left, self.most_looks()) {
                    return Err(Error::DrainFailed(Drain::DirQueues));
                }
            }
        }
        Ok(())
    }

    /// Switches scheduling to all CQs of a domain.
    fn set_ldb_cqs_disabled(&self, io: &Io<'_>, d: u8, disabled: bool) {
        for (p, _) in self.ports_of(d) {
            set_ldb_cq_disabled(io, p.into(), disabled);
        }
    }

    fn set_dir_cqs_disabled(&self, io: &Io<'_>, d: u8, disabled: bool) {
        for (p, _) in self.pairs_of(d).filter(|(_, pair)| pair.port) {
            set_dir_cq_disabled(io, p.into(), disabled);
        }
    }

    /// Switches off the CQs that were on although the domain was never started.
    fn disable_early_cqs(&self, io: &Io<'_>, d: u8) {
        for (p, _) in self.ports_of(d).filter(|(_, port)| port.early) {
            set_ldb_cq_disabled(io, p.into(), true);
        }
        for (p, _) in self.pairs_of(d).filter(|(_, pair)| pair.early) {
            set_dir_cq_disabled(io, p.into(), true);
        }
    }

    /// Empties a domain through which elements may have flowed.
    fn drain_domain(&mut self, io: &Io<'_>, d: u8) -> Result {
        // Links can be finished only when nothing is in flight.
        self.set_ldb_cqs_disabled(io, d, true);
        io.flush()?;
        for (p, _) in self.ports_of(d) {
            io.write(CHP_SN_CHK_ENBL::at(p.into()), CHP_SN_CHK_ENBL::zeroed());
        }
        self.drain_cqs(io, d)?;
        self.finish_links(io, d)?;
        // The user's idea of which ports are enabled is void from here on.
        for port in self.ldb_ports.iter_mut() {
            if port.domain.is(d) && port.configured {
                port.enabled = true;
            }
        }
        self.set_ldb_cqs_disabled(io, d, false);
        io.flush()?;
        self.drain_linked_queues(io, d)?;
        self.drain_unlinked_queues(io, d)?;
        self.set_ldb_cqs_disabled(io, d, true);
        // A user may have disabled directed ports; their queues drain through them all the same.
        self.set_dir_cqs_disabled(io, d, false);
        io.flush()?;
        self.drain_dir_queues(io, d)
    }

    /// Ends every change of a link that is under way. Scheduling is off and nothing is in flight.
    fn finish_links(&mut self, io: &Io<'_>, d: u8) -> Result {
        // A link that was to be made is dropped: if its queue has elements that nothing else can
        // drain, it is linked again for the purpose. With the domain's CQs off, nothing here may
        // switch one on.
        let mut stopped = 0u32;
        for port in self.ldb_ports.iter_mut() {
            if !port.domain.is(d) || !port.configured {
                continue;
            }
            port.enabled = false;
            for link in &mut port.links {
                link.next = Maybe::NONE;
                if link.state == LinkState::MapInProgress {
                    stopped |= 1 << (link.queue & 31);
                    *link = Link::default();
                }
            }
        }
        for (q, queue) in self
            .queues_of(d)
            .filter(|(q, _)| stopped & (1 << (q & 31)) != 0)
        {
            io.write(
                LSP_QID_LDB_INFL_LIM::at(q.into()),
                LSP_QID_LDB_INFL_LIM::zeroed().limit(queue.qid_inflights.into()),
            );
        }
        for p in 0..num(MAX_LDB_PORTS) {
            if self.ldb_port(p)?.domain.is(d) && self.pending_removals(p) != 0 {
                self.try_finish_removals(io, p)?;
                if self.pending_removals(p) != 0 {
                    return Err(Error::Timeout(Wait::Links));
                }
            }
        }
        Ok(())
    }

    /// Forgets the changes of links that are under way in a domain that is off for good: the end of
    /// one, whatever it is, would switch consumer queues on.
    fn abandon_links(&mut self, d: u8) {
        for port in self.ldb_ports.iter_mut() {
            if !port.domain.is(d) || !port.configured {
                continue;
            }
            port.enabled = false;
            for link in &mut port.links {
                *link = Link::default();
            }
        }
    }

    /// Resets a domain: drains it, switches it off and gives back all it has.
    ///
    /// # Errors
    ///
    /// - [`Error::NotFound`] if there is no such domain.
    /// - [`Error::DrainFailed`] or [`Error::Timeout`] if it will not drain. It is switched off, and
    ///   the device takes no new domains until it is reset.
    /// - [`Error::Gone`] if the device does not answer. Its domains can be forgotten.
    pub fn reset_domain(&mut self, csr: &dyn Csr, func: Func, domain: u32) -> Result {
        let d = self.find_domain(func, domain)?;
        self.reset_physical_domain(csr, d)
    }

    pub(super) fn reset_physical_domain(&mut self, csr: &dyn Csr, d: u8) -> Result {
        let io = Io::new(csr, self.version);
        let entry = *self.domain(d)?;
        if entry.broken {
            return Err(Error::Broken);
        }
        let func = entry.owner.func();
        if let Func::Vf(vf) = func {
            self.disable_virtual_ports(&io, d, vf);
        }
        self.disable_interrupts(&io, d);
        if entry.live {
            self.open_queues(&io, d, false);
        }
        if let Func::Vf(vf) = func {
            self.disable_virtual_queues(&io, d, vf);
        }
        self.domain_mut(d)?.started = false;
        let drained = match entry.live {
            true => self.drain_domain(&io, d),
            false => Ok(()),
        };
        if !entry.live {
            self.disable_early_cqs(&io, d);
        } else {
            if drained.is_err() {
                self.set_ldb_cqs_disabled(&io, d, true);
            }
            self.set_dir_cqs_disabled(&io, d, true);
        }
        for (p, _) in self.pairs_of(d).filter(|(_, pair)| pair.port) {
            io.write(SYS_DIR_PP_V::at(p.into()), SYS_DIR_PP_V::zeroed());
        }
        for (p, _) in self.ports_of(d) {
            io.write(SYS_LDB_PP_V::at(p.into()), SYS_LDB_PP_V::zeroed());
        }
        // The CQs' memory may be freed once the device has seen all this.
        let off = io.flush();
        if let Err(error) = drained.and(off) {
            self.abandon_links(d);
            self.domain_mut(d)?.broken = true;
            self.broken = true;
            return Err(error);
        }
        self.scrub(&io, d, func)?;
        self.hal().set_credits(&io, d.into(), 0, 0);
        io.flush()?;
        self.release_domain(d);
        Ok(())
    }

    fn disable_virtual_ports(&self, io: &Io<'_>, d: u8, vf: u8) {
        let ndir = self.limits().dir_ports;
        for (_, pair) in self.pairs_of(d).filter(|(_, pair)| pair.port) {
            io.reset(SYS_VF_DIR_VPP_V::at(vf_dir(ndir, vf, pair.virt)));
        }
        for (_, port) in self.ports_of(d) {
            io.reset(SYS_VF_LDB_VPP_V::at(vf_ldb_port(vf, port.virt)));
        }
    }

    fn disable_virtual_queues(&self, io: &Io<'_>, d: u8, vf: u8) {
        let ndir = self.limits().dir_ports;
        for (_, pair) in self.pairs_of(d).filter(|(_, pair)| pair.queue) {
            let at = vf_dir(ndir, vf, pair.virt);
            io.reset(SYS_VF_DIR_VQID_V::at(at));
            io.reset(SYS_VF_DIR_VQID2QID::at(at));
        }
        for (q, queue) in self.queues_of(d) {
            let at = vf_ldb_queue(vf, queue.virt);
            io.reset(SYS_LDB_QID2VQID::at(q.into()));
            io.reset(SYS_VF_LDB_VQID_V::at(at));
            io.reset(SYS_VF_LDB_VQID2QID::at(at));
        }
    }

    fn disable_interrupts(&self, io: &Io<'_>, d: u8) {
        for (p, _) in self.pairs_of(d).filter(|(_, pair)| pair.interrupt) {
            io.reset(CHP_DIR_CQ_INT_ENB::at(p.into()));
            io.reset(CHP_DIR_CQ_WD_ENB::at(p.into()));
        }
        for (p, _) in self.ports_of(d).filter(|(_, port)| port.interrupt) {
            io.reset(CHP_LDB_CQ_INT_ENB::at(p.into()));
            io.reset(CHP_LDB_CQ_WD_ENB::at(p.into()));
        }
    }

    /// Sets the registers of a domain's objects back. Those that are already back (enables, valid
    /// bits, what only a VF's objects have) are left alone.
    fn scrub(&self, io: &Io<'_>, d: u8, func: Func) -> Result {
        let live = self.domain(d)?.live;
        for (p, port) in self.ports_of(d) {
            self.scrub_ldb_port(io, p.into(), port, func, live);
        }
        for (p, pair) in self.pairs_of(d).filter(|(_, pair)| pair.port) {
            self.scrub_dir_port(io, p.into(), pair, func, live);
        }
        for (q, queue) in self.queues_of(d) {
            self.scrub_ldb_queue(io, q, queue, live);
        }
        for (q, _) in self.pairs_of(d).filter(|(_, pair)| pair.queue) {
            let q = u32::from(q);
            if live {
                io.reset(LSP_QID_DIR_MAX_DEPTH::at(q));
                io.reset(LSP_QID_DIR_TOT_ENQ_CNTL::at(q));
                io.reset(LSP_QID_DIR_TOT_ENQ_CNTH::at(q));
            }
            io.reset(LSP_QID_DIR_DEPTH_THRSH::at(q));
            io.reset(SYS_DIR_QID_ITS::at(q));
            io.reset(SYS_DIR_QID_V::at(q));
        }
        Ok(())
    }

    fn scrub_ldb_port(&self, io: &Io<'_>, p: u32, port: &LdbPort, func: Func, live: bool) {
        io.reset(SYS_LDB_PP2VAS::at(p));
        io.reset(CHP_LDB_CQ2VAS::at(p));
        if let Func::Vf(vf) = func {
            io.reset(SYS_LDB_PP2VDEV::at(p));
            io.reset(SYS_VF_LDB_VPP2PP::at(vf_ldb_port(vf, port.virt)));
        }
        self.hal().reset_ldb_cq_limits(io, p);
        io.reset(LSP_CQ_LDB_INFL_LIM::at(p));
        io.reset(CHP_HIST_LIST_LIM::at(p));
        io.reset(CHP_HIST_LIST_BASE::at(p));
        io.reset(CHP_HIST_LIST_POP_PTR::at(p));
        io.reset(CHP_HIST_LIST_PUSH_PTR::at(p));
        if port.interrupt {
            io.reset(CHP_LDB_CQ_INT_DEPTH_THRSH::at(p));
            io.reset(CHP_LDB_CQ_TMR_THRSH::at(p));
            io.reset(SYS_LDB_CQ_ISR::at(p));
        }
        io.reset(LSP_CQ_LDB_TKN_DEPTH_SEL::at(p));
        io.reset(CHP_LDB_CQ_TKN_DEPTH_SEL::at(p));
        io.reset(CHP_LDB_CQ_WPTR::at(p));
        io.reset(LSP_CQ_LDB_TKN_CNT::at(p));
        io.reset(SYS_LDB_CQ_ADDR_L::at(p));
        io.reset(SYS_LDB_CQ_ADDR_U::at(p));
        self.hal().reset_ldb_cq_at(io, p);
        io.reset(SYS_LDB_CQ_PASID::at(p));
        io.reset(SYS_LDB_CQ2VF_PF_RO::at(p));
        if live {
            io.reset(CHP_LDB_CQ_DEPTH::at(p));
            io.reset(LSP_CQ_LDB_TOT_SCH_CNTL::at(p));
            io.reset(LSP_CQ_LDB_TOT_SCH_CNTH::at(p));
        }
        if live {
            io.reset(LSP_CQ2QID0::at(p));
            io.reset(LSP_CQ2QID1::at(p));
            io.reset(LSP_CQ2PRIOV::at(p));
        }
    }

    fn scrub_dir_port(&self, io: &Io<'_>, p: u32, pair: &DirPair, func: Func, live: bool) {
        io.reset(CHP_DIR_CQ2VAS::at(p));
        self.hal().clear_dir_cq_opt(io, p);
        if pair.interrupt {
            io.reset(CHP_DIR_CQ_INT_DEPTH_THRSH::at(p));
            io.reset(CHP_DIR_CQ_TMR_THRSH::at(p));
            io.reset(SYS_DIR_CQ_ISR::at(p));
        }
        io.reset(LSP_CQ_DIR_TKN_DEPTH_SEL_DSI::at(p));
        io.reset(CHP_DIR_CQ_TKN_DEPTH_SEL::at(p));
        io.reset(CHP_DIR_CQ_WPTR::at(p));
        io.reset(LSP_CQ_DIR_TKN_CNT::at(p));
        io.reset(SYS_DIR_CQ_ADDR_L::at(p));
        io.reset(SYS_DIR_CQ_ADDR_U::at(p));
        self.hal().reset_dir_cq_at(io, p);
        io.reset(SYS_DIR_CQ_PASID::at(p));
        io.reset(SYS_DIR_CQ_FMT::at(p));
        io.reset(SYS_DIR_CQ2VF_PF_RO::at(p));
        if live {
            io.reset(CHP_DIR_CQ_DEPTH::at(p));
            io.reset(LSP_CQ_DIR_TOT_SCH_CNTL::at(p));
            io.reset(LSP_CQ_DIR_TOT_SCH_CNTH::at(p));
        }
        io.reset(SYS_DIR_PP2VAS::at(p));
        if let Func::Vf(vf) = func {
            let ndir = self.limits().dir_ports;
            io.reset(SYS_DIR_PP2VDEV::at(p));
            io.reset(SYS_VF_DIR_VPP2PP::at(vf_dir(ndir, vf, pair.virt)));
        }
    }

    fn scrub_ldb_queue(&self, io: &Io<'_>, q: u8, queue: &LdbQueue, live: bool) {
        let index = u32::from(q);
        if live {
            io.reset(LSP_QID_NALDB_TOT_ENQ_CNTL::at(index));
            io.reset(LSP_QID_NALDB_TOT_ENQ_CNTH::at(index));
            io.reset(LSP_QID_ATM_TOT_ENQ_CNTL::at(index));
            io.reset(LSP_QID_ATM_TOT_ENQ_CNTH::at(index));
            io.reset(LSP_QID_NALDB_MAX_DEPTH::at(index));
        }
        io.reset(LSP_QID_LDB_INFL_LIM::at(index));
        io.reset(LSP_QID_AQED_ACTIVE_LIM::at(index));
        io.reset(LSP_QID_ATM_DEPTH_THRSH::at(index));
        io.reset(LSP_QID_NALDB_DEPTH_THRSH::at(index));
        io.reset(SYS_LDB_QID_ITS::at(index));
        if live {
            io.reset(CHP_ORD_QID_SN::at(index));
        }
        io.reset(CHP_ORD_QID_SN_MAP::at(index));
        io.reset(SYS_LDB_QID_V::at(index));
        io.reset(SYS_LDB_QID_CFG_V::at(index));
        if live {
            match queue.sn_group.get() {
                Some(0) => io.reset(RO_GRP_0_SLT_SHFT::at(queue.sn_slot.into())),
                Some(_) => io.reset(RO_GRP_1_SLT_SHFT::at(queue.sn_slot.into())),
                None => {}
            }
        }
        // Of the words that say which CQs hold the queue, only those are set whose ports do.
        if live {
            self.clear_places_of(io, q);
        }
    }
}
