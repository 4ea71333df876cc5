// SPDX-License-Identifier: GPL-2.0

//! Building domains: resources, queues, ports; starting, stopping, enabling.
//!
//! Every operation checks everything first and only then writes registers, so that none needs to
//! be undone. Valid bits are written last, and the CQ is enabled after everything else of it.

use super::error::Error;
use super::error::Feature;
use super::error::Object;
use super::error::Param;
use super::error::Resource;
use super::error::Result;
use super::io::Csr;
use super::io::Io;
use super::regs::aqed::*;
use super::regs::chp::*;
use super::regs::lsp::*;
use super::regs::sys::*;
use super::resources::*;
use super::Port;

/// Most elements of one queue that may be in flight.
const MAX_QID_INFLIGHTS: u32 = 2048;

/// Flows of one queue that may be in the atomic storage: much of the flow storage, but not all.
const QID_FID_LIMIT: u32 = 512;

/// A CQ has at least this many entries. Shallower ones are made by charging tokens in advance.
const MIN_CQ_ENTRIES: u32 = 8;

/// Deepest consumer queue.
const MAX_CQ_DEPTH: u32 = 1024;

/// What a new domain gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DomainArgs {
    /// Load-balanced queues.
    pub ldb_queues: u32,
    /// Load-balanced ports of any class of service, in addition to those below.
    pub ldb_ports: u32,
    /// Load-balanced ports of each class of service.
    pub cos_ldb_ports: [u32; NUM_COS],
    /// Whether a class that has too few ports is an error, rather than the next one helping out.
    pub cos_strict: bool,
    /// Directed ports, and as many directed queues.
    pub dir_ports: u32,
    /// How many of the directed ports shall be near, if it was measured which are.
    pub near_dir_ports: u32,
    /// Load-balanced credits.
    pub ldb_credits: u32,
    /// Directed credits. On DLB 2.5 there is one pool, and the two are added up.
    pub dir_credits: u32,
    /// History-list entries.
    pub hist_list_entries: u32,
    /// Entries of the atomic storage.
    pub atomic_inflights: u32,
    /// Sequence-number slots of each group.
    pub sn_slots: [u32; NUM_SN_GROUPS],
}

impl DomainArgs {
    /// Where there is only one kind of credit.
    pub(super) fn combine_credits(&mut self) {
        self.ldb_credits = self.ldb_credits.saturating_add(self.dir_credits);
        self.dir_credits = 0;
    }

    /// Checks that there is what a new domain is to get.
    ///
    /// # Errors
    ///
    /// [`Error::NoSpace`] names the first resource of which there is too little.
    pub(super) fn check(&self, free: &Resources) -> Result {
        fits(Resource::Domains, 1, free.domains)?;
        fits(Resource::LdbQueues, self.ldb_queues, free.ldb_queues)?;
        let asked = self
            .cos_ldb_ports
            .iter()
            .fold(self.ldb_ports, |sum, n| sum.saturating_add(*n));
        fits(Resource::LdbPorts, asked, free.ldb_ports())?;
        if self.cos_strict {
            for (cos, (asked, free)) in
                (0..num(NUM_COS)).zip(self.cos_ldb_ports.iter().zip(&free.cos_ldb_ports))
            {
                fits(Resource::CosLdbPorts(cos), *asked, *free)?;
            }
        }
        if self.ldb_queues != 0 && asked == 0 {
            return Err(Error::Invalid {
                what: Param::NoLdbPort,
                value: 0,
            });
        }
        fits(Resource::DirPorts, self.dir_ports, free.dir_ports)?;
        fits(Resource::LdbCredits, self.ldb_credits, free.ldb_credits)?;
        fits(Resource::DirCredits, self.dir_credits, free.dir_credits)?;
        fits(
            Resource::AtomicInflights,
            self.atomic_inflights,
            free.atomic_inflights,
        )?;
        fits(
            Resource::HistListEntries,
            self.hist_list_entries,
            free.max_ctg_hl_entries,
        )?;
        for (group, (asked, free)) in
            (0..num(NUM_SN_GROUPS)).zip(self.sn_slots.iter().zip(&free.sn_slots))
        {
            fits(Resource::SnSlots(group), *asked, *free)?;
        }
        Ok(())
    }
}

/// A new load-balanced queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LdbQueueArgs {
    /// Sequence numbers: not 0 for an ordered queue. A group must be set to exactly this number.
    pub sequence_numbers: u32,
    /// Elements that may be in flight, 1 to 2048; of an ordered queue no more than it has
    /// sequence numbers.
    pub qid_inflights: u32,
    /// Entries of the atomic storage: not 0 for a queue that takes atomic elements.
    pub atomic_inflights: u32,
    /// Number of flows lock IDs are compressed to: 0 or 65536 for none, or 64 to 4096.
    pub lock_id_comp_level: u32,
    /// Depth the fill level in CQ entries is measured against.
    pub depth_threshold: u32,
}

/// A new directed queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DirQueueArgs {
    /// The existing port it belongs to; [`None`] if that is created later.
    pub port: Option<u32>,
    /// Depth the fill level in CQ entries is measured against.
    pub depth_threshold: u32,
    /// Whether its port shall be one of the near ones.
    pub near: bool,
}

/// A new load-balanced port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LdbPortArgs {
    /// DMA address of the consumer queue, zeroed and 64-byte aligned.
    pub cq_base: u64,
    /// Depth of the consumer queue: 1, 2, 4 .. 1024.
    pub cq_depth: u32,
    /// History-list entries: how many elements may be in flight at the port.
    pub hist_list_size: u32,
    /// Class of service; [`None`] for any.
    pub cos: Option<u32>,
    /// Whether no other class will do.
    pub cos_strict: bool,
    /// DLB 2.5: in-flight threshold.
    pub inflight_threshold: Option<u32>,
    /// Whether the consumer queue is switched on now, rather than enabled later.
    pub enabled: bool,
}

/// A new directed port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DirPortArgs {
    /// DMA address of the consumer queue, zeroed and 64-byte aligned.
    pub cq_base: u64,
    /// Depth of the consumer queue: 1, 2, 4 .. 1024.
    pub cq_depth: u32,
    /// The existing queue it belongs to; [`None`] if that is created later, or never.
    pub queue: Option<u32>,
    /// Whether it shall be one of the near ones of its domain.
    pub near: bool,
    /// Whether the consumer queue is switched on now, rather than enabled later.
    pub enabled: bool,
}

/// Where the interrupt of a consumer queue goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// To vector 1 of the PF, which all CQs share.
    Pf,
    /// To a vector of a VF.
    Vf {
        /// The VF whose vector it is: the owner of the CQ or one that lends it its vectors.
        vf: u8,
        /// The vector, 0 to 30.
        vector: u8,
    },
}

impl Route {
    const EN_CODE_MSI: u32 = 1;
    const EN_CODE_MSIX: u32 = 2;

    /// EN_CODE, VECTOR and VF of the ISR register.
    const fn fields(self) -> (u32, u32, u32) {
        match self {
            Self::Pf => (Self::EN_CODE_MSIX, 0, 0),
            Self::Vf { vf, vector } => (Self::EN_CODE_MSI, vector as u32, vf as u32),
        }
    }
}

/// A consumer queue's depth as the hardware wants it.
struct CqDepth {
    /// Ring length is 4 << select.
    select: u32,
    /// Tokens to charge in advance.
    init_tokens: u8,
}

impl CqDepth {
    fn new(depth: u32) -> Result<Self> {
        if !depth.is_power_of_two() || depth > MAX_CQ_DEPTH {
            return Err(Error::Invalid {
                what: Param::CqDepth,
                value: depth.into(),
            });
        }
        Ok(Self {
            select: depth.max(MIN_CQ_ENTRIES).trailing_zeros().saturating_sub(2),
            init_tokens: MIN_CQ_ENTRIES.saturating_sub(depth) as u8,
        })
    }
}

/// The compression code of a lock-ID compression level.
fn compress_code(level: u32) -> Result<u32> {
    match level {
        0 | 65536 => Ok(0),
        64 | 128 | 256 | 512 | 1024 | 2048 | 4096 => Ok(level.trailing_zeros().saturating_sub(5)),
        _ => Err(Error::Invalid {
            what: Param::LockIdCompLevel,
            value: level.into(),
        }),
    }
}

fn check_cq_address(address: u64) -> Result {
    match address & 63 {
        0 => Ok(()),
        _ => Err(Error::Invalid {
            what: Param::CqAddress,
            value: address,
        }),
    }
}

impl Pf {
    fn check_depth_threshold(&self, threshold: u32) -> Result {
        match threshold <= self.limits().depth_threshold {
            true => Ok(()),
            false => Err(Error::Invalid {
                what: Param::DepthThreshold,
                value: threshold.into(),
            }),
        }
    }

    /// Creates a domain and attaches resources of the function to it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSpace`] names the first resource of which there is too little; [`Error::Broken`]
    /// if the device needs a reset.
    pub fn create_domain(&mut self, csr: &dyn Csr, func: Func, args: &DomainArgs) -> Result<u32> {
        if self.broken {
            return Err(Error::Broken);
        }
        let mut args = *args;
        if self.limits().combined_credits {
            args.combine_credits();
        }
        args.check(&self.available(func))?;
        let hl_base = self.find_hist_list(func, args.hist_list_entries)?;
        let owner = Owner::of(func);
        let (index, domain) = self
            .domains
            .iter_mut()
            .enumerate()
            .find(|(_, d)| d.owner == owner && !d.configured)
            .ok_or(Error::Internal)?;
        let d = num(index);
        // Everything fits into its field because it fits into what the device has.
        *domain = Domain {
            owner,
            virt: domain.virt,
            configured: true,
            hl_base,
            hl_len: args.hist_list_entries as u16,
            atomic: args.atomic_inflights as u16,
            ldb_credits: args.ldb_credits as u16,
            dir_credits: args.dir_credits as u16,
            sn_slots: args.sn_slots.map(|n| n as u8),
            ..Domain::default()
        };
        let id = known_as(func, index, domain.virt);

        let free = self
            .ldb_queues
            .iter_mut()
            .filter(|q| q.owner == owner && q.domain.is_none());
        for queue in free.take(args.ldb_queues as usize) {
            queue.domain = Maybe::some(d);
        }
        for (cos, n) in (0..num(NUM_COS)).zip(args.cos_ldb_ports) {
            self.attach_ldb_ports(d, owner, n, Some(cos), args.cos_strict);
        }
        self.attach_ldb_ports(d, owner, args.ldb_ports, None, false);
        for n in 0..args.dir_ports {
            let near = n < args.near_dir_ports;
            let free = |p: &DirPair| p.owner == owner && p.domain.is_none();
            if let Some(p) = self.next_dir_pair(near, &free) {
                self.dir_pair_mut(p)?.domain = Maybe::some(d);
            }
        }

        let io = Io::new(csr, self.version);
        self.hal()
            .set_credits(&io, d.into(), args.ldb_credits, args.dir_credits);
        Ok(id)
    }

    /// The nearest pair of those that will do, or the farthest, which leaves near ones to others. Of
    /// pairs that are equally far the first.
    fn next_dir_pair(&self, near: bool, will_do: &dyn Fn(&DirPair) -> bool) -> Option<u8> {
        let mut best: Option<(u8, u32)> = None;
        for (p, (pair, cost)) in
            (0..num(MAX_DIR_PORTS)).zip(self.dir_pairs().iter().zip(&self.dir_costs))
        {
            let better = best.is_none_or(|(_, best)| match near {
                true => *cost < best,
                false => *cost > best,
            });
            if better && will_do(pair) {
                best = Some((p, *cost));
            }
        }
        best.map(|(p, _)| p)
    }

    fn attach_ldb_ports(&mut self, d: u8, owner: Owner, n: u32, cos: Option<u8>, strict: bool) {
        for _ in 0..n {
            let free = |p: &LdbPort| p.owner == owner && p.domain.is_none();
            if let Some(port) = self
                .next_port(cos, strict, &free)
                .and_then(|p| self.ldb_ports.get_mut(p as usize))
            {
                port.domain = Maybe::some(d);
            }
        }
    }

    /// Finds the group and the free slot for an ordered queue.
    fn find_sn_slot(&self, d: u8, sequence_numbers: u32) -> Result<Option<(u8, u8)>> {
        if sequence_numbers == 0 {
            return Ok(None);
        }
        let domain = self.domain(d)?;
        let allotted = domain.sn_slots.iter().zip(&domain.sn_used);
        (0..num(NUM_SN_GROUPS))
            .zip(self.sn_groups.iter().zip(allotted))
            .find(|(_, (group, (slots, used)))| {
                group.per_queue() == sequence_numbers && used < slots
            })
            .and_then(|(g, (group, _))| {
                let slot = group.used.trailing_ones();
                (slot < group.slots()).then_some(Some((g, slot as u8)))
            })
            .ok_or(match u16::try_from(sequence_numbers) {
                Ok(n)
                    if self
                        .sn_groups
                        .iter()
                        .any(|g| g.per_queue() == sequence_numbers) =>
                {
                    Error::NoSpace {
                        what: Resource::SequenceNumbers(n),
                        asked: 1,
                        free: 0,
                    }
                }
                _ => Error::Invalid {
                    what: Param::SequenceNumbers,
                    value: sequence_numbers.into(),
                },
            })
    }

    /// Creates a load-balanced queue in a domain that is not started.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Started`], [`Error::Invalid`] or [`Error::NoSpace`].
    pub fn create_ldb_queue(
        &mut self,
        csr: &dyn Csr,
        func: Func,
        domain: u32,
        args: &LdbQueueArgs,
    ) -> Result<u32> {
        let d = self.open_domain(func, domain)?;
        let entry = *self.domain(d)?;
        let (index, queue) = self
            .ldb_queues
            .iter()
            .enumerate()
            .find(|(_, q)| q.domain.is(d) && !q.configured)
            .ok_or(Error::NoSpace {
                what: Resource::LdbQueues,
                asked: 1,
                free: 0,
            })?;
        let virt = queue.virt;
        let slot = self.find_sn_slot(d, args.sequence_numbers)?;
        let most = match args.sequence_numbers {
            0 => MAX_QID_INFLIGHTS,
            n => n.min(MAX_QID_INFLIGHTS),
        };
        if args.qid_inflights == 0 || args.qid_inflights > most {
            return Err(Error::Invalid {
                what: Param::QidInflights,
                value: args.qid_inflights.into(),
            });
        }
        fits(
            Resource::AtomicInflights,
            args.atomic_inflights,
            u32::from(entry.atomic).saturating_sub(entry.atomic_used.into()),
        )?;
        let code = match args.atomic_inflights {
            0 => 0,
            _ => compress_code(args.lock_id_comp_level)?,
        };
        self.check_depth_threshold(args.depth_threshold)?;

        if let Some((g, slot)) = slot {
            if let Some(group) = self.sn_groups.get_mut(g as usize) {
                group.used |= 1u16 << (slot & 15);
            }
            if let Some(used) = self.domain_mut(d)?.sn_used.get_mut(g as usize) {
                *used = used.saturating_add(1);
            }
        }
        let domain = self.domain_mut(d)?;
        domain.atomic_used = domain
            .atomic_used
            .saturating_add(args.atomic_inflights as u16);
        if let Some(queue) = self.ldb_queues.get_mut(index) {
            queue.configured = true;
            queue.qid_inflights = args.qid_inflights as u16;
            queue.sn_group = slot.map_or(Maybe::NONE, |(g, _)| Maybe::some(g));
            queue.sn_slot = slot.map_or(0, |(_, slot)| slot);
        }

        let io = Io::new(csr, self.version);
        let q = index as u32;
        io.write(
            SYS_LDB_VASQID_V::at(ldb_vasqid(d, q)),
            SYS_LDB_VASQID_V::zeroed(),
        );
        io.write(
            LSP_QID_LDB_INFL_LIM::at(q),
            LSP_QID_LDB_INFL_LIM::zeroed().limit(args.qid_inflights),
        );
        io.write(
            LSP_QID_AQED_ACTIVE_LIM::at(q),
            LSP_QID_AQED_ACTIVE_LIM::zeroed().limit(args.atomic_inflights),
        );
        io.write(
            AQED_QID_HID_WIDTH::at(q),
            AQED_QID_HID_WIDTH::zeroed().compress_code(code),
        );
        io.write(SYS_LDB_QID_ITS::at(q), SYS_LDB_QID_ITS::zeroed());
        io.write(
            LSP_QID_ATM_DEPTH_THRSH::at(q),
            LSP_QID_ATM_DEPTH_THRSH::zeroed().thresh(args.depth_threshold),
        );
        io.write(
            LSP_QID_NALDB_DEPTH_THRSH::at(q),
            LSP_QID_NALDB_DEPTH_THRSH::zeroed().thresh(args.depth_threshold),
        );
        io.write(
            AQED_QID_FID_LIM::at(q),
            AQED_QID_FID_LIM::zeroed().qid_fid_limit(QID_FID_LIMIT),
        );
        let map = match slot {
            Some((g, slot)) => {
                let mode = self.sn_groups.get(g as usize).map_or(0, |group| group.mode);
                CHP_ORD_QID_SN_MAP::zeroed()
                    .mode(mode.into())
                    .slot(slot.into())
                    .grp(g.into())
            }
            None => CHP_ORD_QID_SN_MAP::zeroed(),
        };
        io.write(CHP_ORD_QID_SN_MAP::at(q), map);
        io.write(
            SYS_LDB_QID_CFG_V::at(q),
            SYS_LDB_QID_CFG_V::zeroed()
                .sn_cfg_v(slot.is_some().into())
                .fid_cfg_v((args.atomic_inflights != 0).into()),
        );
        if let Func::Vf(vf) = func {
            let at = vf_ldb_queue(vf, virt);
            io.write(
                SYS_VF_LDB_VQID_V::at(at),
                SYS_VF_LDB_VQID_V::zeroed().vqid_v(1),
            );
            io.write(
                SYS_VF_LDB_VQID2QID::at(at),
                SYS_VF_LDB_VQID2QID::zeroed().qid(q),
            );
            io.write(
                SYS_LDB_QID2VQID::at(q),
                SYS_LDB_QID2VQID::zeroed().vqid(virt.into()),
            );
        }
        io.write(SYS_LDB_QID_V::at(q), SYS_LDB_QID_V::zeroed().qid_v(1));
        Ok(known_as(func, index, virt))
    }

    /// Creates a directed queue in a domain that is not started.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Started`], [`Error::Invalid`] or [`Error::NoSpace`].
    pub fn create_dir_queue(
        &mut self,
        csr: &dyn Csr,
        func: Func,
        domain: u32,
        args: &DirQueueArgs,
    ) -> Result<u32> {
        let d = self.open_domain(func, domain)?;
        self.check_depth_threshold(args.depth_threshold)?;
        let p = match args.port {
            Some(id) => {
                let p = self.find_dir_port(func, d, id)?;
                match self.dir_pair(p)?.queue {
                    // The port has its queue already.
                    true => {
                        return Err(Error::NotFound {
                            what: Object::DirPort,
                            id,
                        })
                    }
                    false => p,
                }
            }
            None => self.free_dir_pair(d, Resource::DirQueues, args.near)?,
        };
        let ndir = self.limits().dir_ports;
        let pair = self.dir_pair_mut(p)?;
        pair.queue = true;
        let virt = pair.virt;

        let io = Io::new(csr, self.version);
        let q = u32::from(p);
        io.write(
            SYS_DIR_VASQID_V::at(dir_vasqid(ndir, d, q)),
            SYS_DIR_VASQID_V::zeroed(),
        );
        io.write(SYS_DIR_QID_ITS::at(q), SYS_DIR_QID_ITS::zeroed());
        io.write(
            LSP_QID_DIR_DEPTH_THRSH::at(q),
            LSP_QID_DIR_DEPTH_THRSH::zeroed().thresh(args.depth_threshold),
        );
        if let Func::Vf(vf) = func {
            let at = vf_dir(ndir, vf, virt);
            io.write(
                SYS_VF_DIR_VQID_V::at(at),
                SYS_VF_DIR_VQID_V::zeroed().vqid_v(1),
            );
            io.write(
                SYS_VF_DIR_VQID2QID::at(at),
                SYS_VF_DIR_VQID2QID::zeroed().qid(q),
            );
        }
        io.write(SYS_DIR_QID_V::at(q), SYS_DIR_QID_V::zeroed().qid_v(1));
        Ok(known_as(func, p as usize, virt))
    }

    /// A pair of a domain of which neither half exists.
    fn free_dir_pair(&self, d: u8, what: Resource, near: bool) -> Result<u8> {
        self.next_dir_pair(near, &|p| p.domain.is(d) && !p.queue && !p.port)
            .ok_or(Error::NoSpace {
                what,
                asked: 1,
                free: 0,
            })
    }

    /// Creates a load-balanced port in a domain that is not started.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Started`], [`Error::Invalid`], [`Error::NoSpace`] or
    /// [`Error::Unsupported`].
    pub fn create_ldb_port(
        &mut self,
        csr: &dyn Csr,
        func: Func,
        domain: u32,
        args: &LdbPortArgs,
    ) -> Result<u32> {
        let d = self.open_domain(func, domain)?;
        let entry = *self.domain(d)?;
        check_cq_address(args.cq_base)?;
        let depth = CqDepth::new(args.cq_depth)?;
        let cos = match args.cos {
            Some(cos @ 0..=3) => Some(cos as u8),
            None => None,
            Some(cos) => {
                return Err(Error::Invalid {
                    what: Param::Cos,
                    value: cos.into(),
                })
            }
        };
        if args.hist_list_size == 0 {
            return Err(Error::Invalid {
                what: Param::HistListSize,
                value: 0,
            });
        }
        fits(
            Resource::HistListEntries,
            args.hist_list_size,
            u32::from(entry.hl_len).saturating_sub(entry.hl_used.into()),
        )?;
        if let Some(threshold) = args.inflight_threshold {
            self.check_inflight_threshold(threshold)?;
        }
        let free = |p: &LdbPort| p.domain.is(d) && !p.configured;
        let p = self
            .next_port(cos, args.cos_strict, &free)
            .ok_or(Error::NoSpace {
                what: match cos {
                    Some(cos) if args.cos_strict => Resource::CosLdbPorts(cos),
                    _ => Resource::LdbPorts,
                },
                asked: 1,
                free: 0,
            })?;

        let hl_base = u32::from(entry.hl_base).saturating_add(entry.hl_used.into());
        let domain = self.domain_mut(d)?;
        domain.hl_used = domain.hl_used.saturating_add(args.hist_list_size as u16);
        let port = self.ldb_port_mut(p)?;
        port.configured = true;
        port.enabled = args.enabled;
        port.early = args.enabled;
        port.init_tokens = depth.init_tokens;
        port.cq_depth = args.cq_depth as u16;
        let virt = port.virt;

        let io = Io::new(csr, self.version);
        let id = known_as(func, p as usize, virt);
        let p = u32::from(p);
        let vf = match func {
            Func::Pf => None,
            Func::Vf(vf) => Some(vf),
        };
        io.write(
            SYS_LDB_CQ_ADDR_L::at(p),
            SYS_LDB_CQ_ADDR_L::zeroed().addr_l((args.cq_base as u32) >> 6),
        );
        io.write(
            SYS_LDB_CQ_ADDR_U::at(p),
            SYS_LDB_CQ_ADDR_U::zeroed().addr_u((args.cq_base >> 32) as u32),
        );
        io.write(
            SYS_LDB_CQ2VF_PF_RO::at(p),
            SYS_LDB_CQ2VF_PF_RO::zeroed()
                .vf(vf.unwrap_or(0).into())
                .is_pf(vf.is_none().into())
                .ro(1),
        );
        io.write(
            CHP_LDB_CQ_TKN_DEPTH_SEL::at(p),
            CHP_LDB_CQ_TKN_DEPTH_SEL::zeroed().token_depth_select(depth.select),
        );
        io.write(
            LSP_CQ_LDB_TKN_CNT::at(p),
            LSP_CQ_LDB_TKN_CNT::zeroed().token_count(depth.init_tokens.into()),
        );
        io.write(
            LSP_CQ_LDB_TKN_DEPTH_SEL::at(p),
            LSP_CQ_LDB_TKN_DEPTH_SEL::zeroed().token_depth_select(depth.select),
        );
        io.write(CHP_LDB_CQ_WPTR::at(p), CHP_LDB_CQ_WPTR::zeroed());
        io.write(
            CHP_HIST_LIST_LIM::at(p),
            CHP_HIST_LIST_LIM::zeroed().limit(
                hl_base
                    .saturating_add(args.hist_list_size)
                    .saturating_sub(1),
            ),
        );
        io.write(
            CHP_HIST_LIST_BASE::at(p),
            CHP_HIST_LIST_BASE::zeroed().base(hl_base),
        );
        io.write(
            LSP_CQ_LDB_INFL_LIM::at(p),
            LSP_CQ_LDB_INFL_LIM::zeroed().limit(args.hist_list_size),
        );
        io.write(
            CHP_HIST_LIST_PUSH_PTR::at(p),
            CHP_HIST_LIST_PUSH_PTR::zeroed().push_ptr(hl_base),
        );
        io.write(
            CHP_HIST_LIST_POP_PTR::at(p),
            CHP_HIST_LIST_POP_PTR::zeroed().pop_ptr(hl_base),
        );
        self.hal().reset_ldb_cq_at(&io, p);
        io.write(SYS_LDB_CQ_PASID::at(p), SYS_LDB_CQ_PASID::zeroed());
        io.write(
            CHP_LDB_CQ2VAS::at(p),
            CHP_LDB_CQ2VAS::zeroed().cq2vas(d.into()),
        );
        io.write(LSP_CQ2PRIOV::at(p), LSP_CQ2PRIOV::zeroed());
        if let Some(threshold) = args.inflight_threshold {
            set_inflight_threshold(&io, p, threshold);
        }
        io.write(
            SYS_LDB_PP2VAS::at(p),
            SYS_LDB_PP2VAS::zeroed().vas(d.into()),
        );
        if let Some(vf) = vf {
            let at = vf_ldb_port(vf, virt);
            io.write(SYS_VF_LDB_VPP2PP::at(at), SYS_VF_LDB_VPP2PP::zeroed().pp(p));
            io.write(
                SYS_LDB_PP2VDEV::at(p),
                SYS_LDB_PP2VDEV::zeroed().vdev(vf.into()),
            );
            io.write(
                SYS_VF_LDB_VPP_V::at(at),
                SYS_VF_LDB_VPP_V::zeroed().vpp_v(1),
            );
        }
        io.write(SYS_LDB_PP_V::at(p), SYS_LDB_PP_V::zeroed().pp_v(1));
        if args.enabled {
            set_ldb_cq_disabled(&io, p, false);
            io.flush()?;
        }
        Ok(id)
    }

    /// Creates a directed port in a domain that is not started.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Started`], [`Error::Invalid`] or [`Error::NoSpace`].
    pub fn create_dir_port(
        &mut self,
        csr: &dyn Csr,
        func: Func,
        domain: u32,
        args: &DirPortArgs,
    ) -> Result<u32> {
        let d = self.open_domain(func, domain)?;
        check_cq_address(args.cq_base)?;
        let depth = CqDepth::new(args.cq_depth)?;
        let p = match args.queue {
            Some(id) => {
                let p = self.find_dir_queue(func, d, id)?;
                match self.dir_pair(p)?.port {
                    // The queue has its port already.
                    true => {
                        return Err(Error::NotFound {
                            what: Object::DirQueue,
                            id,
                        })
                    }
                    false => p,
                }
            }
            None => self.free_dir_pair(d, Resource::DirPorts, args.near)?,
        };
        let ndir = self.limits().dir_ports;
        let pair = self.dir_pair_mut(p)?;
        pair.port = true;
        pair.enabled = args.enabled;
        pair.early = args.enabled;
        pair.init_tokens = depth.init_tokens;
        let virt = pair.virt;

        let io = Io::new(csr, self.version);
        let id = known_as(func, p as usize, virt);
        let p = u32::from(p);
        let vf = match func {
            Func::Pf => None,
            Func::Vf(vf) => Some(vf),
        };
        io.write(
            SYS_DIR_CQ_ADDR_L::at(p),
            SYS_DIR_CQ_ADDR_L::zeroed().addr_l((args.cq_base as u32) >> 6),
        );
        io.write(
            SYS_DIR_CQ_ADDR_U::at(p),
            SYS_DIR_CQ_ADDR_U::zeroed().addr_u((args.cq_base >> 32) as u32),
        );
        io.write(
            SYS_DIR_CQ2VF_PF_RO::at(p),
            SYS_DIR_CQ2VF_PF_RO::zeroed()
                .vf(vf.unwrap_or(0).into())
                .is_pf(vf.is_none().into())
                .ro(1),
        );
        io.write(
            CHP_DIR_CQ_TKN_DEPTH_SEL::at(p),
            CHP_DIR_CQ_TKN_DEPTH_SEL::zeroed().token_depth_select(depth.select),
        );
        io.write(
            LSP_CQ_DIR_TKN_CNT::at(p),
            LSP_CQ_DIR_TKN_CNT::zeroed().count(depth.init_tokens.into()),
        );
        io.write(
            LSP_CQ_DIR_TKN_DEPTH_SEL_DSI::at(p),
            LSP_CQ_DIR_TKN_DEPTH_SEL_DSI::zeroed().token_depth_select(depth.select),
        );
        io.write(CHP_DIR_CQ_WPTR::at(p), CHP_DIR_CQ_WPTR::zeroed());
        io.write(SYS_DIR_CQ_FMT::at(p), SYS_DIR_CQ_FMT::zeroed());
        self.hal().reset_dir_cq_at(&io, p);
        io.write(SYS_DIR_CQ_PASID::at(p), SYS_DIR_CQ_PASID::zeroed());
        io.write(
            CHP_DIR_CQ2VAS::at(p),
            CHP_DIR_CQ2VAS::zeroed().cq2vas(d.into()),
        );
        io.write(
            SYS_DIR_PP2VAS::at(p),
            SYS_DIR_PP2VAS::zeroed().vas(d.into()),
        );
        if let Some(vf) = vf {
            let at = vf_dir(ndir, vf, virt);
            io.write(SYS_VF_DIR_VPP2PP::at(at), SYS_VF_DIR_VPP2PP::zeroed().pp(p));
            io.write(
                SYS_DIR_PP2VDEV::at(p),
                SYS_DIR_PP2VDEV::zeroed().vdev(vf.into()),
            );
            io.write(
                SYS_VF_DIR_VPP_V::at(at),
                SYS_VF_DIR_VPP_V::zeroed().vpp_v(1),
            );
        }
        io.write(SYS_DIR_PP_V::at(p), SYS_DIR_PP_V::zeroed().pp_v(1));
        if args.enabled {
            set_dir_cq_disabled(&io, p, false);
            io.flush()?;
        }
        Ok(id)
    }

    /// Lets a domain's queues accept elements.
    ///
    /// A directed queue without its port stays closed: nobody could ever empty it.
    ///
    /// # Errors
    ///
    /// - [`Error::Started`] if it is started.
    /// - [`Error::Invalid`] if it has load-balanced queues and no load-balanced port, for the same
    ///   reason.
    pub fn start_domain(&mut self, csr: &dyn Csr, func: Func, domain: u32) -> Result {
        let d = self.open_domain(func, domain)?;
        if self.queues_of(d).next().is_some() && self.ports_of(d).next().is_none() {
            return Err(Error::Invalid {
                what: Param::NoLdbPort,
                value: 0,
            });
        }
        let io = Io::new(csr, self.version);
        // Marked first: whatever happens next, a reset of the domain has to drain it.
        let entry = self.domain_mut(d)?;
        entry.started = true;
        if !core::mem::replace(&mut entry.live, true) {
            self.write_links(&io, d)?;
            self.enable_cqs(&io, d)?;
        }
        self.open_queues(&io, d, true);
        io.flush()
    }

    /// Switches on the CQs of a domain about to be started that are to be on and are not.
    fn enable_cqs(&self, io: &Io<'_>, d: u8) -> Result {
        let mut any = false;
        for (p, port) in self.ports_of(d) {
            if port.enabled && (!port.early || port.has_links()) {
                set_ldb_cq_disabled(io, p.into(), false);
                any = true;
            }
        }
        for (p, pair) in self.pairs_of(d) {
            if pair.port && pair.enabled && !pair.early {
                set_dir_cq_disabled(io, p.into(), false);
                any = true;
            }
        }
        match any {
            true => io.flush(),
            false => Ok(()),
        }
    }

    /// Sets or clears the permission to enqueue to a domain's queues.
    pub(super) fn open_queues(&self, io: &Io<'_>, d: u8, open: bool) {
        for (q, _) in self.queues_of(d) {
            io.write(
                SYS_LDB_VASQID_V::at(ldb_vasqid(d, q.into())),
                SYS_LDB_VASQID_V::zeroed().vasqid_v(open.into()),
            );
        }
        let ndir = self.limits().dir_ports;
        for (p, _) in self.pairs_of(d).filter(|(_, p)| p.queue && p.port) {
            io.write(
                SYS_DIR_VASQID_V::at(dir_vasqid(ndir, d, p.into())),
                SYS_DIR_VASQID_V::zeroed().vasqid_v(open.into()),
            );
        }
    }

    /// Lets a domain's queues refuse elements. Those already enqueued are still delivered, and the
    /// consumers go on returning tokens and completing: nothing is done in their place, because
    /// they could not tell. The domain can be started again.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] if it is not started.
    pub fn stop_domain(&mut self, csr: &dyn Csr, func: Func, domain: u32) -> Result {
        let d = self.usable_domain(func, domain)?;
        if !self.domain(d)?.started {
            return Err(Error::NotStarted);
        }
        let io = Io::new(csr, self.version);
        self.open_queues(&io, d, false);
        io.flush()?;
        self.domain_mut(d)?.started = false;
        Ok(())
    }

    /// Whether a domain is started.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn is_started(&self, func: Func, domain: u32) -> Result<bool> {
        let d = self.find_domain(func, domain)?;
        Ok(self.domain(d)?.started)
    }

    /// Switches scheduling to a port on or off. What it received stays valid, and it can still
    /// return tokens and complete elements.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Broken`] or [`Error::Gone`].
    pub fn set_port_enabled(
        &mut self,
        csr: &dyn Csr,
        func: Func,
        domain: u32,
        port: PortId,
        enabled: bool,
    ) -> Result {
        let d = self.usable_domain(func, domain)?;
        let live = self.domain(d)?.live;
        let io = Io::new(csr, self.version);
        match port {
            PortId::Ldb(id) => {
                let p = self.find_ldb_port(func, d, id)?;
                let port = self.ldb_port_mut(p)?;
                if port.enabled == enabled {
                    return Ok(());
                }
                port.enabled = enabled;
                // Nothing is scheduled before the domain is started, so nothing needs to be
                // switched until then, unless it was switched on when the port was created.
                if !live && !port.early {
                    return Ok(());
                }
                port.early = !live && enabled;
                // While links are being removed the CQ is off, until the last of them is.
                if self.pending_removals(p) != 0 {
                    return Ok(());
                }
                set_ldb_cq_disabled(&io, p.into(), !enabled);
            }
            PortId::Dir(id) => {
                let p = self.find_dir_port(func, d, id)?;
                let pair = self.dir_pair_mut(p)?;
                if pair.enabled == enabled {
                    return Ok(());
                }
                pair.enabled = enabled;
                if !live && !pair.early {
                    return Ok(());
                }
                pair.early = !live && enabled;
                set_dir_cq_disabled(&io, p.into(), !enabled);
            }
        }
        io.flush()
    }

    /// Limits the weight of the elements in flight at a port. DLB 2.5, before the start.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`], [`Error::NotFound`], [`Error::Started`], or [`Error::Invalid`]
    /// unless the limit is 1 to the depth of the CQ.
    pub fn set_cq_weight(
        &mut self,
        csr: &dyn Csr,
        func: Func,
        domain: u32,
        port: u32,
        limit: u32,
    ) -> Result {
        if !self.limits().cq_weight {
            return Err(Error::Unsupported(Feature::CqWeight));
        }
        let d = self.open_domain(func, domain)?;
        let p = self.find_ldb_port(func, d, port)?;
        if limit == 0 || limit > self.ldb_port(p)?.cq_depth.into() {
            return Err(Error::Invalid {
                what: Param::CqWeight,
                value: limit.into(),
            });
        }
        let io = Io::new(csr, self.version);
        io.write(
            LSP_CFG_CQ_LDB_WU_LIMIT::at(p.into()),
            LSP_CFG_CQ_LDB_WU_LIMIT::zeroed().limit(limit).v(1),
        );
        Ok(())
    }

    fn check_inflight_threshold(&self, threshold: u32) -> Result {
        if !self.limits().cq_weight {
            return Err(Error::Unsupported(Feature::InflightControl));
        }
        match threshold < HIST_LIST_ENTRIES {
            true => Ok(()),
            false => Err(Error::Invalid {
                what: Param::InflightThreshold,
                value: threshold.into(),
            }),
        }
    }

    /// Sets the in-flight threshold of a port, or takes it away. DLB 2.5, at any time.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`], [`Error::NotFound`] or [`Error::Invalid`].
    pub fn set_inflight_ctrl(
        &mut self,
        csr: &dyn Csr,
        func: Func,
        domain: u32,
        port: u32,
        threshold: Option<u32>,
    ) -> Result {
        self.check_inflight_threshold(threshold.unwrap_or(0))?;
        let d = self.usable_domain(func, domain)?;
        let p = self.find_ldb_port(func, d, port)?;
        let io = Io::new(csr, self.version);
        match threshold {
            Some(threshold) => set_inflight_threshold(&io, p.into(), threshold),
            // The switch is the whole device's; other ports may rely on it.
            None => io.reset(LSP_CQ_LDB_INFL_THRESH::at(p.into())),
        }
        io.flush()
    }

    /// Sets up the interrupt of a port's CQ: it fires, once armed, when the consumer holds
    /// `threshold` tokens or more. Switches on the CQ's watchdog too.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or [`Error::Invalid`] for a threshold of 0 or more than the deepest
    /// CQ holds, or a vector no VF has.
    pub fn enable_cq_interrupt(
        &mut self,
        csr: &dyn Csr,
        port: Port,
        threshold: u32,
        route: Route,
    ) -> Result {
        if threshold == 0 || threshold > MAX_CQ_DEPTH {
            return Err(Error::Invalid {
                what: Param::CqDepthThreshold,
                value: threshold.into(),
            });
        }
        if let Route::Vf { vector, .. } = route {
            if vector > 30 {
                return Err(Error::Invalid {
                    what: Param::Vector,
                    value: vector.into(),
                });
            }
        }
        let io = Io::new(csr, self.version);
        let watchdog = self.settings.watchdog != super::init::Watchdog::Off;
        let (en_code, vector, vf) = route.fields();
        match port {
            Port::Ldb(p) => {
                let entry = self.ldb_port_mut(p)?;
                if !entry.configured {
                    return Err(Error::NotFound {
                        what: Object::LdbPort,
                        id: p.into(),
                    });
                }
                entry.interrupt = true;
                let p = u32::from(p);
                io.write(
                    CHP_LDB_CQ_INT_DEPTH_THRSH::at(p),
                    CHP_LDB_CQ_INT_DEPTH_THRSH::zeroed()
                        .depth_threshold(threshold.saturating_sub(1)),
                );
                io.write(
                    CHP_LDB_CQ_INT_ENB::at(p),
                    CHP_LDB_CQ_INT_ENB::zeroed().en_depth(1),
                );
                io.write(
                    SYS_LDB_CQ_ISR::at(p),
                    SYS_LDB_CQ_ISR::zeroed()
                        .en_code(en_code)
                        .vector(vector)
                        .vf(vf),
                );
                if watchdog {
                    self.set_ldb_watchdog(&io, p, true);
                }
            }
            Port::Dir(p) => {
                let entry = self.dir_pair_mut(p)?;
                if !entry.port {
                    return Err(Error::NotFound {
                        what: Object::DirPort,
                        id: p.into(),
                    });
                }
                entry.interrupt = true;
                let p = u32::from(p);
                io.write(
                    CHP_DIR_CQ_INT_DEPTH_THRSH::at(p),
                    CHP_DIR_CQ_INT_DEPTH_THRSH::zeroed()
                        .depth_threshold(threshold.saturating_sub(1)),
                );
                io.write(
                    CHP_DIR_CQ_INT_ENB::at(p),
                    CHP_DIR_CQ_INT_ENB::zeroed().en_depth(1),
                );
                io.write(
                    SYS_DIR_CQ_ISR::at(p),
                    SYS_DIR_CQ_ISR::zeroed()
                        .en_code(en_code)
                        .vector(vector)
                        .vf(vf),
                );
                if watchdog {
                    self.set_dir_watchdog(&io, p, true);
                }
            }
        }
        Ok(())
    }

    /// Arms the interrupt of a port's CQ. The condition is looked at right away.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] or [`Error::Gone`].
    pub fn arm_cq_interrupt(&self, csr: &dyn Csr, func: Func, domain: u32, port: PortId) -> Result {
        let port = self.physical_port(func, domain, port)?;
        let io = Io::new(csr, self.version);
        // Write 1 to set: no other CQ's bit is touched.
        match port {
            Port::Ldb(p) => {
                let bit = 1u32 << (p & 31);
                match p >> 5 {
                    0 => io.write(
                        CHP_LDB_CQ_INTR_ARMED0,
                        CHP_LDB_CQ_INTR_ARMED0::zeroed().armed(bit),
                    ),
                    _ => io.write(
                        CHP_LDB_CQ_INTR_ARMED1,
                        CHP_LDB_CQ_INTR_ARMED1::zeroed().armed(bit),
                    ),
                }
            }
            Port::Dir(p) => {
                let bit = 1u32 << (p & 31);
                match p >> 5 {
                    0 => io.write(
                        CHP_DIR_CQ_INTR_ARMED0,
                        CHP_DIR_CQ_INTR_ARMED0::zeroed().armed(bit),
                    ),
                    1 => io.write(
                        CHP_DIR_CQ_INTR_ARMED1,
                        CHP_DIR_CQ_INTR_ARMED1::zeroed().armed(bit),
                    ),
                    _ => self.hal().arm_dir_cq_2(&io, bit),
                }
            }
        }
        io.flush()
    }

    /// Returns everything attached to a domain to its function.
    pub(super) fn release_domain(&mut self, d: u8) {
        for queue in self.ldb_queues.iter_mut().filter(|q| q.domain.is(d)) {
            if let Some(group) = queue
                .sn_group
                .get()
                .and_then(|g| self.sn_groups.get_mut(g as usize))
            {
                group.used &= !(1u16 << (queue.sn_slot & 15));
            }
            *queue = LdbQueue {
                owner: queue.owner,
                virt: queue.virt,
                ..LdbQueue::default()
            };
        }
        for port in self.ldb_ports.iter_mut().filter(|p| p.domain.is(d)) {
            *port = LdbPort {
                owner: port.owner,
                virt: port.virt,
                ..LdbPort::default()
            };
        }
        for pair in self.dir_pairs.iter_mut().filter(|p| p.domain.is(d)) {
            *pair = DirPair {
                owner: pair.owner,
                virt: pair.virt,
                ..DirPair::default()
            };
        }
        if let Some(domain) = self.domains.get_mut(d as usize) {
            *domain = Domain {
                owner: domain.owner,
                virt: domain.virt,
                ..Domain::default()
            };
        }
    }
}

/// Switches scheduling to an LDB CQ. The caller flushes.
pub(super) fn set_ldb_cq_disabled(io: &Io<'_>, p: u32, disabled: bool) {
    io.write(
        LSP_CQ_LDB_DSBL::at(p),
        LSP_CQ_LDB_DSBL::zeroed().disabled(disabled.into()),
    );
}

/// Switches scheduling to a DIR CQ. The caller flushes.
pub(super) fn set_dir_cq_disabled(io: &Io<'_>, p: u32, disabled: bool) {
    io.write(
        LSP_CQ_DIR_DSBL::at(p),
        LSP_CQ_DIR_DSBL::zeroed().disabled(disabled.into()),
    );
}

/// Sets an in-flight threshold, and the device-wide switch without which it does nothing. The
/// other switches in that register are left alone.
fn set_inflight_threshold(io: &Io<'_>, p: u32, threshold: u32) {
    io.update(LSP_CFG_CTRL_GENERAL_0, |r| r.enab_if_thresh(1));
    io.write(
        LSP_CQ_LDB_INFL_THRESH::at(p),
        LSP_CQ_LDB_INFL_THRESH::zeroed().thresh(threshold),
    );
}

/// Index of a domain and a load-balanced queue.
pub(super) fn ldb_vasqid(d: u8, q: u32) -> u32 {
    u32::from(d).wrapping_mul(32).wrapping_add(q)
}

/// Index of a domain and a directed queue.
pub(super) fn dir_vasqid(ndir: u32, d: u8, q: u32) -> u32 {
    u32::from(d).wrapping_mul(ndir).wrapping_add(q)
}

/// Index of a VF and its virtual load-balanced queue.
pub(super) fn vf_ldb_queue(vf: u8, virt: u8) -> u32 {
    u32::from(vf).wrapping_mul(32).wrapping_add(virt.into())
}

/// Index of a VF and its virtual load-balanced port.
pub(super) fn vf_ldb_port(vf: u8, virt: u8) -> u32 {
    u32::from(vf).wrapping_mul(64).wrapping_add(virt.into())
}

/// Index of a VF and its virtual directed port or queue.
pub(super) fn vf_dir(ndir: u32, vf: u8, virt: u8) -> u32 {
    u32::from(vf).wrapping_mul(ndir).wrapping_add(virt.into())
}
