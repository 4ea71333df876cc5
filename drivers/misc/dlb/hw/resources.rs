// SPDX-License-Identifier: GPL-2.0

//! Who owns what: fixed-size tables, one entry per object of the hardware.
//!
//! Every object belongs to a function: at first all to the PF, which can assign some to a VF. A
//! function attaches its objects to domains. Numbers of free objects are counted from the tables
//! when somebody asks, so that there is nothing that could disagree with them.
//!
//! Fungible things (credits, atomic storage, history-list entries, sequence-number slots) are
//! kept as the share of each VF and of each domain; what is left is the PF's, respectively its
//! function's.

use super::error::Error;
use super::error::Object;
use super::error::Resource;
use super::error::Result;
use super::hal::hal;
use super::hal::Hal;
use super::hal::Limits;
use super::init::Settings;
use super::vf::Vf;
use super::Port;
use super::Version;

/// Scheduling domains.
pub const MAX_DOMAINS: usize = 32;
/// Load-balanced queues.
pub const MAX_LDB_QUEUES: usize = 32;
/// Load-balanced ports.
pub const MAX_LDB_PORTS: usize = 64;
/// Directed ports and queues, of the version that has most.
pub const MAX_DIR_PORTS: usize = 96;
/// Virtual functions.
pub const MAX_VFS: usize = 16;
/// Classes of service of load-balanced ports.
pub const NUM_COS: usize = 4;
/// Load-balanced ports of each class of service.
pub const PORTS_PER_COS: usize = 16;
/// Links of a load-balanced port.
pub const MAX_LINKS: usize = 8;
/// Groups of sequence numbers.
pub const NUM_SN_GROUPS: usize = 2;
/// Sequence numbers of a group.
pub const SNS_PER_GROUP: u32 = 1024;
/// History-list entries.
pub const HIST_LIST_ENTRIES: u32 = 2048;
/// Entries of the atomic storage.
pub const ATOMIC_INFLIGHTS: u32 = 2048;

/// The order in which the ports of a class of service are handed out. Ports that share queues
/// balance best when their numbers are not adjacent.
pub(super) const PORT_ORDER: [u8; PORTS_PER_COS] =
    [0, 7, 14, 5, 12, 3, 10, 1, 8, 15, 6, 13, 4, 11, 2, 9];

/// A PCI function of the device: the owner of a resource, or who asks for an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Func {
    /// The physical function.
    Pf,
    /// A virtual function.
    Vf(u8),
}

/// A port, by the number under which the asking function knows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PortId {
    /// A load-balanced port.
    Ldb(u32),
    /// A directed port.
    Dir(u32),
}

/// A small number or nothing, such that all bits zero is nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Maybe(u8);

impl Maybe {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn some(value: u8) -> Self {
        Self(value.saturating_add(1))
    }

    pub(super) const fn get(self) -> Option<u8> {
        self.0.checked_sub(1)
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn is(self, value: u8) -> bool {
        self.0 == value.saturating_add(1)
    }
}

/// The owner of an object, such that all bits zero is the PF.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Owner(Maybe);

impl Owner {
    pub(super) const fn of(func: Func) -> Self {
        match func {
            Func::Pf => Self(Maybe::NONE),
            Func::Vf(vf) => Self(Maybe::some(vf)),
        }
    }

    pub(super) const fn func(self) -> Func {
        match self.0.get() {
            None => Func::Pf,
            Some(vf) => Func::Vf(vf),
        }
    }
}

/// A scheduling domain.
#[derive(Clone, Copy, Default)]
pub(super) struct Domain {
    pub(super) owner: Owner,
    /// Number under which a VF knows it.
    pub(super) virt: u8,
    /// It exists.
    pub(super) configured: bool,
    /// Its queues accept elements.
    pub(super) started: bool,
    /// It has been started since it was created: there may be elements on the device.
    pub(super) live: bool,
    /// It would not drain.
    pub(super) broken: bool,
    pub(super) hl_base: u16,
    pub(super) hl_len: u16,
    pub(super) hl_used: u16,
    pub(super) atomic: u16,
    pub(super) atomic_used: u16,
    pub(super) ldb_credits: u16,
    pub(super) dir_credits: u16,
    pub(super) sn_slots: [u8; NUM_SN_GROUPS],
    pub(super) sn_used: [u8; NUM_SN_GROUPS],
}

/// A load-balanced queue.
#[derive(Clone, Copy, Default)]
pub(super) struct LdbQueue {
    pub(super) owner: Owner,
    pub(super) virt: u8,
    /// The domain it is attached to.
    pub(super) domain: Maybe,
    /// It has been created in its domain.
    pub(super) configured: bool,
    pub(super) sn_group: Maybe,
    pub(super) sn_slot: u8,
    pub(super) qid_inflights: u16,
}

/// State of one of the eight places a load-balanced port has for queues.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub(super) enum LinkState {
    /// Free.
    #[default]
    Unmapped = 0,
    /// In use.
    Mapped,
    /// Waits until no element of the queue is in flight.
    MapInProgress,
    /// The CQ is off and waits until none of its elements is in flight.
    UnmapInProgress,
}

/// One of the eight places a load-balanced port has for queues.
#[derive(Clone, Copy, Default)]
pub(super) struct Link {
    pub(super) state: LinkState,
    pub(super) queue: u8,
    pub(super) priority: u8,
    /// While being unmapped: the queue that gets the place next.
    pub(super) next: Maybe,
    pub(super) next_priority: u8,
}

impl Link {
    /// Whether the hardware's tables show this place as taken: a link being made is not there yet,
    /// one being removed still is.
    pub(super) fn is_valid(&self) -> bool {
        matches!(self.state, LinkState::Mapped | LinkState::UnmapInProgress)
    }

    /// Whether this place is, or will be, this queue's.
    pub(super) fn concerns(&self, queue: u8) -> bool {
        (self.state != LinkState::Unmapped && self.queue == queue) || self.next.is(queue)
    }
}

/// A load-balanced port.
#[derive(Clone, Copy, Default)]
pub(super) struct LdbPort {
    pub(super) owner: Owner,
    pub(super) virt: u8,
    pub(super) domain: Maybe,
    pub(super) configured: bool,
    /// Its user wants it enabled.
    pub(super) enabled: bool,
    /// The CQ was switched on before the domain was started.
    pub(super) early: bool,
    /// Tokens that were charged in advance to make the CQ shallower than 8.
    pub(super) init_tokens: u8,
    /// The interrupt has been set up.
    pub(super) interrupt: bool,
    pub(super) cq_depth: u16,
    pub(super) links: [Link; MAX_LINKS],
    /// When the oldest link under way was asked for, for the time-out.
    pub(super) since_ms: u32,
    /// Whether `since_ms` counts.
    pub(super) timing: bool,
}

impl LdbPort {
    /// Whether the tables of a port that was never started have to be written.
    pub(super) fn has_links(&self) -> bool {
        self.links.iter().any(Link::is_valid)
    }
}

/// A directed port and the queue of the same number.
#[derive(Clone, Copy, Default)]
pub(super) struct DirPair {
    pub(super) owner: Owner,
    pub(super) virt: u8,
    pub(super) domain: Maybe,
    pub(super) queue: bool,
    pub(super) port: bool,
    pub(super) enabled: bool,
    pub(super) early: bool,
    pub(super) init_tokens: u8,
    pub(super) interrupt: bool,
}

/// A group of sequence numbers.
#[derive(Clone, Copy, Default)]
pub(super) struct SnGroup {
    /// 64 << mode sequence numbers per queue.
    pub(super) mode: u8,
    /// Slots that queues own.
    pub(super) used: u16,
}

impl SnGroup {
    /// Sequence numbers of each queue.
    pub(super) fn per_queue(&self) -> u32 {
        64u32 << (self.mode & 7)
    }

    /// Slots the group has.
    pub(super) fn slots(&self) -> u32 {
        16u32 >> (self.mode & 7)
    }
}

/// Everything the PF's driver knows about one device.
///
/// It consists of integers, bools and enums whose first variant is 0 and has no data, so that a
/// value with all bits zero is valid: that of a DLB 2.0 with default settings whose resources all belong
/// to the PF. It is too large for a stack frame of the kernel: take zeroed memory and call
/// [`init`](Self::init) there.
pub struct Pf {
    pub(super) version: Version,
    /// A domain would not drain; only a reset of the device helps.
    pub(super) broken: bool,
    pub(super) settings: Settings,
    pub(super) storm: super::irq::Storm,
    pub(super) num_vfs: u8,
    pub(super) sn_groups: [SnGroup; NUM_SN_GROUPS],
    pub(super) domains: [Domain; MAX_DOMAINS],
    pub(super) ldb_queues: [LdbQueue; MAX_LDB_QUEUES],
    pub(super) ldb_ports: [LdbPort; MAX_LDB_PORTS],
    pub(super) dir_pairs: [DirPair; MAX_DIR_PORTS],
    /// Nanoseconds that a line takes to each directed port; 0 if that was not measured.
    pub(super) dir_costs: [u32; MAX_DIR_PORTS],
    /// What its counters do not start from.
    pub(super) counted: super::stats::Counted,
    pub(super) vfs: [Vf; MAX_VFS],
}

/// Numbers of resources.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Resources {
    /// Scheduling domains.
    pub domains: u32,
    /// Load-balanced queues.
    pub ldb_queues: u32,
    /// Load-balanced ports of each class of service.
    pub cos_ldb_ports: [u32; NUM_COS],
    /// Directed ports, and as many directed queues.
    pub dir_ports: u32,
    /// Load-balanced credits; all credits on DLB 2.5.
    pub ldb_credits: u32,
    /// Directed credits; 0 on DLB 2.5.
    pub dir_credits: u32,
    /// Entries of the atomic storage.
    pub atomic_inflights: u32,
    /// History-list entries.
    pub hist_list_entries: u32,
    /// The longest contiguous range of history-list entries.
    pub max_ctg_hl_entries: u32,
    /// Sequence-number slots of each group.
    pub sn_slots: [u32; NUM_SN_GROUPS],
}

impl Resources {
    /// Load-balanced ports of all classes.
    pub fn ldb_ports(&self) -> u32 {
        self.cos_ldb_ports
            .iter()
            .fold(0u32, |sum, n| sum.saturating_add(*n))
    }
}

/// What a port or a CQ belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortOwner {
    /// The function.
    pub func: Func,
    /// The physical port.
    pub port: Port,
    /// The physical domain.
    pub domain: u32,
    /// The domain as the function knows it.
    pub domain_id: u32,
    /// The port as the function knows it.
    pub port_id: PortId,
}

/// Counts table entries.
pub(super) fn count<T>(table: &[T], pred: impl Fn(&T) -> bool) -> u32 {
    table
        .iter()
        .fold(0u32, |n, entry| n.saturating_add(u32::from(pred(entry))))
}

/// A table index as the number it is; tables have at most 96 entries.
pub(super) const fn num(index: usize) -> u8 {
    index as u8
}

impl Pf {
    /// An empty DLB 2.0. Only for a stack that can hold it.
    pub fn new(version: Version) -> Self {
        let mut pf = Self {
            version,
            broken: false,
            settings: Settings::default(),
            storm: Default::default(),
            num_vfs: 0,
            sn_groups: Default::default(),
            domains: [Domain::default(); MAX_DOMAINS],
            ldb_queues: [LdbQueue::default(); MAX_LDB_QUEUES],
            ldb_ports: [LdbPort::default(); MAX_LDB_PORTS],
            dir_pairs: [DirPair::default(); MAX_DIR_PORTS],
            dir_costs: [0; MAX_DIR_PORTS],
            counted: Default::default(),
            vfs: [Vf::default(); MAX_VFS],
        };
        pf.init(version);
        pf
    }

    /// Makes zeroed memory an empty device of this version.
    pub fn init(&mut self, version: Version) {
        self.version = version;
        self.settings = Settings::default();
    }

    /// The version of the device.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What this version has.
    pub fn limits(&self) -> &'static Limits {
        self.version.limits()
    }

    pub(super) fn hal(&self) -> &'static dyn Hal {
        hal(self.version)
    }

    /// Whether a domain would not drain, so that only a reset of the device helps.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The pairs this version has.
    pub(super) fn dir_pairs(&self) -> &[DirPair] {
        let n = self.limits().dir_ports as usize;
        self.dir_pairs.get(..n).unwrap_or(&[])
    }

    pub(super) fn dir_pairs_mut(&mut self) -> &mut [DirPair] {
        let n = self.limits().dir_ports as usize;
        self.dir_pairs.get_mut(..n).unwrap_or(&mut [])
    }

    /// Finds a domain of a function by the number the function knows.
    // Not inlined, like the others below: they are used everywhere, and are large when unrolled.
    #[inline(never)]
    pub(super) fn find_domain(&self, func: Func, id: u32) -> Result<u8> {
        let owner = Owner::of(func);
        self.domains
            .iter()
            .enumerate()
            .find(|(i, d)| d.owner == owner && d.configured && known_as(func, *i, d.virt) == id)
            .map(|(i, _)| num(i))
            .ok_or(Error::NotFound {
                what: Object::Domain,
                id,
            })
    }

    /// Finds a domain that is in a usable state.
    pub(super) fn usable_domain(&self, func: Func, id: u32) -> Result<u8> {
        let d = self.find_domain(func, id)?;
        match self.domain(d)?.broken {
            true => Err(Error::Broken),
            false => Ok(d),
        }
    }

    /// Finds a domain that can still be configured.
    pub(super) fn open_domain(&self, func: Func, id: u32) -> Result<u8> {
        let d = self.usable_domain(func, id)?;
        match self.domain(d)?.started {
            true => Err(Error::Started),
            false => Ok(d),
        }
    }

    #[inline(never)]
    pub(super) fn find_ldb_queue(&self, func: Func, domain: u8, id: u32) -> Result<u8> {
        self.ldb_queues
            .iter()
            .enumerate()
            .find(|(i, q)| q.domain.is(domain) && q.configured && known_as(func, *i, q.virt) == id)
            .map(|(i, _)| num(i))
            .ok_or(Error::NotFound {
                what: Object::LdbQueue,
                id,
            })
    }

    #[inline(never)]
    pub(super) fn find_ldb_port(&self, func: Func, domain: u8, id: u32) -> Result<u8> {
        self.ldb_ports
            .iter()
            .enumerate()
            .find(|(i, p)| p.domain.is(domain) && p.configured && known_as(func, *i, p.virt) == id)
            .map(|(i, _)| num(i))
            .ok_or(Error::NotFound {
                what: Object::LdbPort,
                id,
            })
    }

    /// Finds a pair of a domain, whatever of it exists.
    #[inline(never)]
    fn find_dir_pair(&self, func: Func, domain: u8, id: u32) -> Option<(u8, &DirPair)> {
        self.dir_pairs()
            .iter()
            .enumerate()
            .find(|(i, p)| p.domain.is(domain) && known_as(func, *i, p.virt) == id)
            .map(|(i, p)| (num(i), p))
    }

    pub(super) fn find_dir_queue(&self, func: Func, domain: u8, id: u32) -> Result<u8> {
        self.find_dir_pair(func, domain, id)
            .filter(|(_, pair)| pair.queue)
            .map(|(p, _)| p)
            .ok_or(Error::NotFound {
                what: Object::DirQueue,
                id,
            })
    }

    pub(super) fn find_dir_port(&self, func: Func, domain: u8, id: u32) -> Result<u8> {
        self.find_dir_pair(func, domain, id)
            .filter(|(_, pair)| pair.port)
            .map(|(p, _)| p)
            .ok_or(Error::NotFound {
                what: Object::DirPort,
                id,
            })
    }

    pub(super) fn domain(&self, d: u8) -> Result<&Domain> {
        self.domains.get(d as usize).ok_or(Error::Internal)
    }

    pub(super) fn domain_mut(&mut self, d: u8) -> Result<&mut Domain> {
        self.domains.get_mut(d as usize).ok_or(Error::Internal)
    }

    pub(super) fn ldb_queue(&self, q: u8) -> Result<&LdbQueue> {
        self.ldb_queues.get(q as usize).ok_or(Error::Internal)
    }

    pub(super) fn ldb_port(&self, p: u8) -> Result<&LdbPort> {
        self.ldb_ports.get(p as usize).ok_or(Error::Internal)
    }

    pub(super) fn ldb_port_mut(&mut self, p: u8) -> Result<&mut LdbPort> {
        self.ldb_ports.get_mut(p as usize).ok_or(Error::Internal)
    }

    pub(super) fn dir_pair(&self, p: u8) -> Result<&DirPair> {
        self.dir_pairs().get(p as usize).ok_or(Error::Internal)
    }

    pub(super) fn dir_pair_mut(&mut self, p: u8) -> Result<&mut DirPair> {
        self.dir_pairs_mut()
            .get_mut(p as usize)
            .ok_or(Error::Internal)
    }

    /// The configured ports of a domain.
    pub(super) fn ports_of(&self, domain: u8) -> impl Iterator<Item = (u8, &LdbPort)> {
        (0..num(MAX_LDB_PORTS))
            .zip(&self.ldb_ports)
            .filter(move |(_, p)| p.domain.is(domain) && p.configured)
    }

    /// The configured queues of a domain.
    pub(super) fn queues_of(&self, domain: u8) -> impl Iterator<Item = (u8, &LdbQueue)> {
        (0..num(MAX_LDB_QUEUES))
            .zip(&self.ldb_queues)
            .filter(move |(_, q)| q.domain.is(domain) && q.configured)
    }

    /// The pairs of a domain of which at least one half is configured.
    pub(super) fn pairs_of(&self, domain: u8) -> impl Iterator<Item = (u8, &DirPair)> {
        (0..num(MAX_DIR_PORTS))
            .zip(self.dir_pairs())
            .filter(move |(_, p)| p.domain.is(domain) && (p.queue || p.port))
    }

    /// The physical port behind the number a function knows.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the function has no such domain or the domain no such port.
    pub fn physical_port(&self, func: Func, domain: u32, port: PortId) -> Result<Port> {
        let d = self.find_domain(func, domain)?;
        match port {
            PortId::Ldb(id) => self.find_ldb_port(func, d, id).map(Port::Ldb),
            PortId::Dir(id) => self.find_dir_port(func, d, id).map(Port::Dir),
        }
    }

    /// Whose a configured port is.
    pub fn owner_of(&self, port: Port) -> Option<PortOwner> {
        let (owner, domain, id) = match port {
            Port::Ldb(p) => {
                let entry = self.ldb_port(p).ok().filter(|entry| entry.configured)?;
                let id = known_as(entry.owner.func(), p as usize, entry.virt);
                (entry.owner, entry.domain, PortId::Ldb(id))
            }
            Port::Dir(p) => {
                let entry = self.dir_pair(p).ok().filter(|entry| entry.port)?;
                let id = known_as(entry.owner.func(), p as usize, entry.virt);
                (entry.owner, entry.domain, PortId::Dir(id))
            }
        };
        let domain = domain.get()?;
        let virt = self.domain(domain).ok()?.virt;
        Some(PortOwner {
            func: owner.func(),
            port,
            domain: domain.into(),
            domain_id: known_as(owner.func(), domain as usize, virt),
            port_id: id,
        })
    }

    /// What the device has in all.
    pub fn total(&self) -> Resources {
        let limits = self.limits();
        Resources {
            domains: MAX_DOMAINS as u32,
            ldb_queues: MAX_LDB_QUEUES as u32,
            cos_ldb_ports: [PORTS_PER_COS as u32; NUM_COS],
            dir_ports: limits.dir_ports,
            ldb_credits: limits.ldb_credits,
            dir_credits: limits.dir_credits,
            atomic_inflights: ATOMIC_INFLIGHTS,
            hist_list_entries: HIST_LIST_ENTRIES,
            max_ctg_hl_entries: HIST_LIST_ENTRIES,
            sn_slots: self.sn_groups.map(|group| group.slots()),
        }
    }

    /// What was given to a function: to a VF what was assigned to it, to the PF the rest.
    pub fn share(&self, func: Func) -> Resources {
        let owner = Owner::of(func);
        let mut share = Resources {
            domains: count(&self.domains, |d| d.owner == owner),
            ldb_queues: count(&self.ldb_queues, |q| q.owner == owner),
            cos_ldb_ports: self.cos_counts(&|p| p.owner == owner),
            dir_ports: count(self.dir_pairs(), |p| p.owner == owner),
            ..self.total()
        };
        match func {
            Func::Vf(vf) => {
                let vf = self.vfs.get(vf as usize).copied().unwrap_or_default();
                share.ldb_credits = vf.ldb_credits.into();
                share.dir_credits = vf.dir_credits.into();
                share.atomic_inflights = vf.atomic.into();
                share.hist_list_entries = vf.hl_len.into();
                share.sn_slots = vf.sn_slots.map(u32::from);
            }
            Func::Pf => {
                for vf in &self.vfs {
                    take(&mut share.ldb_credits, vf.ldb_credits);
                    take(&mut share.dir_credits, vf.dir_credits);
                    take(&mut share.atomic_inflights, vf.atomic);
                    take(&mut share.hist_list_entries, vf.hl_len);
                    for (n, slots) in share.sn_slots.iter_mut().zip(vf.sn_slots) {
                        take(n, slots);
                    }
                }
            }
        }
        share.max_ctg_hl_entries = share.hist_list_entries;
        share
    }

    /// What a function has and has not attached to a domain.
    pub fn available(&self, func: Func) -> Resources {
        let owner = Owner::of(func);
        let share = self.share(func);
        let used = self.used(func);
        let left = |total: u32, used: u32| total.saturating_sub(used);
        Resources {
            domains: count(&self.domains, |d| d.owner == owner && !d.configured),
            ldb_queues: count(&self.ldb_queues, |q| q.owner == owner && q.domain.is_none()),
            cos_ldb_ports: self.cos_counts(&|p| p.owner == owner && p.domain.is_none()),
            dir_ports: count(self.dir_pairs(), |p| p.owner == owner && p.domain.is_none()),
            ldb_credits: left(share.ldb_credits, used.ldb_credits),
            dir_credits: left(share.dir_credits, used.dir_credits),
            atomic_inflights: left(share.atomic_inflights, used.atomic_inflights),
            hist_list_entries: left(share.hist_list_entries, used.hist_list_entries),
            max_ctg_hl_entries: self.longest_hist_list(func),
            sn_slots: zip2(share.sn_slots, used.sn_slots, left),
        }
    }

    /// What a function has attached to its domains.
    pub fn used(&self, func: Func) -> Resources {
        let owner = Owner::of(func);
        let mut used = Resources {
            ldb_queues: count(&self.ldb_queues, |q| {
                q.owner == owner && !q.domain.is_none()
            }),
            cos_ldb_ports: self.cos_counts(&|p| p.owner == owner && !p.domain.is_none()),
            dir_ports: count(self.dir_pairs(), |p| {
                p.owner == owner && !p.domain.is_none()
            }),
            ..Resources::default()
        };
        for d in self
            .domains
            .iter()
            .filter(|d| d.owner == owner && d.configured)
        {
            used.domains = used.domains.saturating_add(1);
            give(&mut used.ldb_credits, d.ldb_credits);
            give(&mut used.dir_credits, d.dir_credits);
            give(&mut used.atomic_inflights, d.atomic);
            give(&mut used.hist_list_entries, d.hl_len);
            used.max_ctg_hl_entries = used.max_ctg_hl_entries.max(d.hl_len.into());
            for (n, slots) in used.sn_slots.iter_mut().zip(d.sn_slots) {
                give(n, slots);
            }
        }
        used
    }

    /// Counts load-balanced ports by class of service.
    #[inline(never)]
    fn cos_counts(&self, pred: &dyn Fn(&LdbPort) -> bool) -> [u32; NUM_COS] {
        let mut counts = [0; NUM_COS];
        for (n, ports) in counts.iter_mut().zip(self.ldb_ports.chunks(PORTS_PER_COS)) {
            *n = count(ports, pred);
        }
        counts
    }

    /// The next port of a class of service, in the order of [`PORT_ORDER`], that satisfies `pred`.
    #[inline(never)]
    pub(super) fn next_port_of_cos(&self, cos: u8, pred: &dyn Fn(&LdbPort) -> bool) -> Option<u8> {
        PORT_ORDER
            .iter()
            .map(|i| (cos << 4) | i)
            .find(|p| self.ldb_port(*p).is_ok_and(pred))
    }

    /// The next port that satisfies `pred`: of the class wanted or, unless `strict`, of one of
    /// those that follow it. If no class is wanted, of the one that has most of them.
    pub(super) fn next_port(
        &self,
        cos: Option<u8>,
        strict: bool,
        pred: &dyn Fn(&LdbPort) -> bool,
    ) -> Option<u8> {
        let first = match cos {
            Some(cos) if strict => return self.next_port_of_cos(cos & 3, pred),
            Some(cos) => cos,
            None => {
                let counts = self.cos_counts(pred);
                let most = counts.iter().copied().max().unwrap_or(0);
                num(counts.iter().position(|n| *n == most).unwrap_or(0))
            }
        };
        (0..NUM_COS as u8)
            .map(|i| first.wrapping_add(i) & 3)
            .find_map(|cos| self.next_port_of_cos(cos, pred))
    }

    /// The range of the history list a function may use.
    fn hist_list_space(&self, func: Func) -> (u32, u32) {
        match func {
            Func::Pf => (0, HIST_LIST_ENTRIES),
            Func::Vf(vf) => match self.vfs.get(vf as usize) {
                Some(vf) => range(vf.hl_base, vf.hl_len),
                None => (0, 0),
            },
        }
    }

    /// Parts of the history list in use in a function's space: `(first, one past the last)`.
    fn hist_lists_in_use(&self, func: Func) -> impl Iterator<Item = (u32, u32)> + '_ {
        let owner = Owner::of(func);
        let domains = self
            .domains
            .iter()
            .filter(move |d| d.owner == owner && d.configured)
            .map(|d| range(d.hl_base, d.hl_len));
        let vfs = self
            .vfs
            .iter()
            .filter(move |_| func == Func::Pf)
            .map(|vf| range(vf.hl_base, vf.hl_len));
        domains.chain(vfs).filter(|(start, end)| start < end)
    }

    /// The free gaps of a function's part of the history list: `(first, length)`.
    fn hist_list_gaps(&self, func: Func) -> impl Iterator<Item = (u32, u32)> + '_ {
        let (low, high) = self.hist_list_space(func);
        let starts = core::iter::once(low).chain(self.hist_lists_in_use(func).map(|used| used.1));
        starts.filter_map(move |start| {
            let taken = |used: &(u32, u32)| used.0 <= start && start < used.1;
            if self.hist_lists_in_use(func).any(|used| taken(&used)) {
                return None;
            }
            let end = self
                .hist_lists_in_use(func)
                .map(|used| used.0)
                .filter(|first| *first >= start)
                .min()
                .unwrap_or(high);
            Some((start, end.saturating_sub(start)))
        })
    }

    /// The longest history list a domain of this function could get.
    pub(super) fn longest_hist_list(&self, func: Func) -> u32 {
        self.hist_list_gaps(func)
            .map(|gap| gap.1)
            .max()
            .unwrap_or(0)
    }

    /// Finds the smallest gap that holds a history list of this length.
    pub(super) fn find_hist_list(&self, func: Func, len: u32) -> Result<u16> {
        if len == 0 {
            return Ok(0);
        }
        self.hist_list_gaps(func)
            .filter(|gap| gap.1 >= len)
            .min_by_key(|gap| (gap.1, gap.0))
            .map(|gap| gap.0 as u16)
            .ok_or(Error::NoSpace {
                what: Resource::HistListEntries,
                asked: len,
                free: self.longest_hist_list(func),
            })
    }
}

/// The number under which a function knows an object.
pub(super) fn known_as(func: Func, index: usize, virt: u8) -> u32 {
    match func {
        Func::Pf => index as u32,
        Func::Vf(_) => virt.into(),
    }
}

/// A range of the history list: `(first, one past the last)`.
fn range(base: u16, len: u16) -> (u32, u32) {
    let base = u32::from(base);
    (base, base.saturating_add(len.into()))
}

/// Subtracts a share.
fn take(from: &mut u32, n: impl Into<u32>) {
    *from = from.saturating_sub(n.into());
}

/// Adds a share.
fn give(to: &mut u32, n: impl Into<u32>) {
    *to = to.saturating_add(n.into());
}

fn zip2(a: [u32; 2], b: [u32; 2], f: impl Fn(u32, u32) -> u32) -> [u32; 2] {
    let [a0, a1] = a;
    let [b0, b1] = b;
    [f(a0, b0), f(a1, b1)]
}

/// Checks that `asked` of something fits into what is free.
pub(super) fn fits(what: Resource, asked: u32, free: u32) -> Result {
    match asked <= free {
        true => Ok(()),
        false => Err(Error::NoSpace { what, asked, free }),
    }
}
