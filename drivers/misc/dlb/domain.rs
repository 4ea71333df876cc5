// SPDX-License-Identifier: GPL-2.0

//! Domains: building them, changing them while they run, and their end.
//!
//! [`enable`] turns a description into hardware, all or nothing. What it returns lives until its
//! owner disables it, the last of its files is closed, or the device goes or is reset: whatever
//! comes first ends it, once.

use core::mem;
use kernel::{
    fmt,
    new_mutex,
    new_spinlock,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Acquire,
            AtomicFlag,
            Release, //
        },
        Arc,
        Mutex,
        SpinLock, //
    }, //
};

use crate::{
    desc::{
        DomainDesc,
        End,
        Lifetime,
        Name,
        Refusal,
        Shelf, //
    },
    device::{
        errno,
        Device,
        Function,
        Phase,
        Power,
        State,
        Words, //
    },
    files::{
        self,
        Alert,
        Alerts,
        Endpoint,
        Minor,
        Node,
        Port, //
    },
    glue::{
        dma::CqMemory,
        trace,
        vec,
        vma::AddressSpace, //
    },
    hw,
    plan::{
        plan,
        Facts,
        Plan, //
    }, //
};

/// Whoever asked for a domain, and wants to know when it ended for another reason.
pub(crate) trait DomainOwner: Send + Sync {
    /// The domain has ended. Called without any lock of the core held.
    fn ended(&self, live: &Arc<Live>, why: End);
    /// The change of a link took too long and was given up: the queue is still linked to the port,
    /// with this priority, or is not. Called without any lock of the core held.
    fn link_given_up(&self, live: &Arc<Live>, port: usize, queue: usize, priority: Option<u8>);
}

/// A domain that exists in hardware.
#[pin_data]
pub(crate) struct Live {
    device: Arc<Device>,
    name: Name,
    lifetime: Lifetime,
    /// Number of the domain, as the function counts.
    id: u32,
    ldb_queues: KVec<u32>,
    dir_queues: KVec<u32>,
    /// Load-balanced ports first, then directed ones, as described.
    ports: KVec<Arc<Port>>,
    num_ldb_ports: usize,
    /// What the mappings of all files of the domain belong to.
    pub(crate) space: Arc<AddressSpace>,
    pub(crate) alerts: Arc<Alerts>,
    /// Everything has been taken from the users of the domain.
    has_ended: AtomicFlag,
    #[pin]
    users: SpinLock<Users>,
    #[pin]
    inner: Mutex<Inner>,
}

/// Who has files of the domain open.
struct Users {
    open: usize,
    /// No file can be opened any more.
    closed: bool,
}

struct Inner {
    ended: bool,
    scheduling: bool,
    /// In the order of `ports`, the alerts file last. Empty once the domain has ended.
    files: KVec<File>,
    /// Per load-balanced port: its links, as places of queues with priorities.
    links: KVec<KVec<(usize, u8)>>,
    owner: Option<Arc<dyn DomainOwner>>,
    /// Keeps the device awake.
    power: Option<Power>,
}

/// A device file. The fields are dropped in this order: the node goes before its number.
struct File {
    _node: Node,
    minor: Minor,
}

/// The most links that a port can have.
const LINKS_MAX: usize = 8;

/// A domain while it is built. Dropping it gives back what is taken in the hardware, and only then
/// frees the memory that the hardware was told of.
struct Building {
    device: Arc<Device>,
    id: Option<u32>,
    /// The consumer queues of all ports, in the order of [`Live::ports`]; the first ones belong to
    /// `ports`.
    memory: KVec<Option<CqMemory>>,
    ldb_queues: KVec<u32>,
    dir_queues: KVec<u32>,
    ports: KVec<Arc<Port>>,
}

impl Drop for Building {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let mut state = self.device.lock();
            if let Ok(function) = state.function() {
                // Nothing was ever sent, so there is nothing to drain.
                if let Err(err) = function.reset_domain(id) {
                    dev_err!(
                        self.device.binding.device(),
                        "domain {id} that was not finished cannot be given back: {}\n",
                        Words(&err)
                    );
                    state.phase = Phase::Failed;
                }
            }
        }
    }
}

/// Builds a domain, all or nothing.
pub(crate) fn enable(desc: &DomainDesc, owner: Arc<dyn DomainOwner>) -> Result<Arc<Live>, Refusal> {
    let device = Device::select(desc.device)?;
    // Neither the end of the device nor another enable comes in between.
    let _building = device.building.lock();
    let power = Device::power_up(&device)
        .map_err(|err| Refusal::new(err, fmt!("{} cannot be powered up", device.name)))?;

    let (plan, sparse) = {
        let mut state = device.lock();
        let function = usable(&device, &mut state)?;
        let facts = facts(function).map_err(|err| refusal(fmt!("{}", device.name), err))?;
        (plan(desc, &facts)?, function.sparse())
    };

    // Memory first: it is the one thing that can fail for reasons outside of the device.
    let memory = consumer_queues(&device, desc, sparse)?;
    let space = Arc::new(AddressSpace::new()?, GFP_KERNEL)?;
    let alerts = Alerts::new()?;

    let mut building = Building {
        device: device.clone(),
        id: None,
        ldb_queues: KVec::with_capacity(desc.ldb_queues.len(), GFP_KERNEL)?,
        dir_queues: KVec::from_elem(0, desc.dir_queues.len(), GFP_KERNEL)?,
        ports: KVec::with_capacity(memory.len(), GFP_KERNEL)?,
        memory,
    };
    let built = {
        let mut state = device.lock();
        let function = usable(&device, &mut state)?;
        build(function, desc, &plan, &mut building)
    };
    // Without the lock, as undoing what was built takes it.
    built?;
    let id = building.id.ok_or(EINVAL)?;

    let host = device.clone();
    // Taken when nothing can fail any more.
    let parts = &mut building;
    let live = Arc::pin_init(
        pin_init!(Live {
            device: host,
            name: desc.name,
            lifetime: desc.lifetime,
            id,
            ldb_queues: mem::take(&mut parts.ldb_queues),
            dir_queues: mem::take(&mut parts.dir_queues),
            ports: mem::take(&mut parts.ports),
            num_ldb_ports: desc.ldb_ports.len(),
            space,
            alerts,
            has_ended: AtomicFlag::new(false),
            users <- new_spinlock!(
                Users {
                    open: 0,
                    closed: false,
                },
                "dlb::Live::users"
            ),
            inner <- new_mutex!(
                Inner {
                    ended: false,
                    scheduling: false,
                    files: KVec::new(),
                    links: plan.links,
                    owner: Some(owner),
                    power: Some(power),
                },
                "dlb::Live::inner"
            ),
        }),
        GFP_KERNEL,
    )?;
    let added = device.lock().add(live.clone());
    if let Err(err) = added {
        // Before the memory, which the domain has by now.
        drop(building);
        return Err(err.into());
    }
    // From here on the end of the domain is what gives everything back.
    building.id = None;

    device.wakers.set(&live.ports);
    if let Err(refusal) = live.bring_up(desc) {
        let _ = live.finish();
        return Err(refusal);
    }
    Ok(live)
}

/// What has to be known of a function before anything is planned.
fn facts(function: &dyn Function) -> hw::Result<Facts> {
    Ok(Facts {
        version: function.version(),
        sequence_numbers: function.sequence_numbers()?,
        free_slots: function.available()?.sn_slots,
    })
}

/// The function of a device, or why it cannot be used.
fn usable<'a>(
    device: &Device,
    state: &'a mut State,
) -> Result<&'a mut (dyn Function + 'static), Refusal> {
    let why = match state.phase {
        Phase::Running => None,
        Phase::Failed => Some("has failed and has to be reset"),
        Phase::Resetting => Some("is being reset"),
        Phase::Gone => Some("is gone"),
    };
    match why {
        Some(why) => Err(Refusal::new(state.error(), fmt!("{} {why}", device.name))),
        None => Ok(state.function()?),
    }
}

/// Allocates the consumer queues of all ports, in the order of [`Live::ports`].
fn consumer_queues(
    device: &Device,
    desc: &DomainDesc,
    sparse: bool,
) -> Result<KVec<Option<CqMemory>>, Refusal> {
    let ports = desc.ldb_ports.len().saturating_add(desc.dir_ports.len());
    let mut memory = KVec::with_capacity(ports, GFP_KERNEL)?;
    let ldb = desc.ldb_ports.iter().map(|port| (port.cq_depth, port.name));
    let dir = desc.dir_ports.iter().map(|port| (port.cq_depth, port.name));
    for (depth, name) in Iterator::chain(ldb, dir) {
        let bytes = files::cq_bytes(depth, sparse)?;
        let queue = device
            .binding
            .with(|dev| CqMemory::new(dev, bytes))
            .ok_or(ENODEV)?
            .map_err(|err| {
                Refusal::new(
                    err,
                    fmt!("port {name}: no memory for a consumer queue of {bytes} bytes"),
                )
            })?;
        vec::push(&mut memory, Some(queue))?;
    }
    Ok(memory)
}

/// Words for what the hardware layer refuses.
fn refusal(what: fmt::Arguments<'_>, err: hw::Error) -> Refusal {
    Refusal::new(errno(&err), fmt!("{what}: {}", Words(&err)))
}

/// Words for a domain that the hardware layer refuses. What an attribute counts is called by the
/// name of the attribute.
fn no_domain(err: hw::Error, version: hw::Version) -> Refusal {
    use hw::error::Resource as R;
    let plain = || Refusal::new(errno(&err), fmt!("{}", Words(&err)));
    let hw::Error::NoSpace { what, asked, free } = err else {
        return plain();
    };
    let name = match (what, version) {
        (R::LdbCredits, hw::Version::V25) => "num_credits",
        (R::LdbCredits, hw::Version::V2) => "num_ldb_credits",
        (R::DirCredits, _) => "num_dir_credits",
        (R::AtomicInflights, _) => "num_atomic_inflights",
        (R::HistListEntries, _) => "num_hist_list_entries",
        (R::CosLdbPorts(0), _) => "num_cos0_ldb_ports",
        (R::CosLdbPorts(1), _) => "num_cos1_ldb_ports",
        (R::CosLdbPorts(2), _) => "num_cos2_ldb_ports",
        (R::CosLdbPorts(_), _) => "num_cos3_ldb_ports",
        (R::SnSlots(0), _) => "num_sn0_slots",
        (R::SnSlots(_), _) => "num_sn1_slots",
        _ => return plain(),
    };
    Refusal::new(errno(&err), fmt!("{name}: {asked} asked for, {free} free"))
}

/// Makes a domain with its queues, ports and links in hardware. What was made before an error is
/// undone when `built` is dropped.
fn build(
    function: &mut dyn Function,
    desc: &DomainDesc,
    plan: &Plan,
    built: &mut Building,
) -> Result<(), Refusal> {
    let version = function.version();
    let domain = function
        .create_domain(&plan.domain)
        .map_err(|err| no_domain(err, version))?;
    built.id = Some(domain);

    for (queue, args) in desc.ldb_queues.iter().zip(plan.ldb_queues.iter()) {
        let id = function
            .create_ldb_queue(domain, args)
            .map_err(|err| refusal(fmt!("ldb_queues/{}", queue.name), err))?;
        vec::push(&mut built.ldb_queues, id)?;
    }

    let mut memory = built.memory.iter_mut();
    for (port, (history, links)) in desc
        .ldb_ports
        .iter()
        .zip(plan.history.iter().zip(plan.links.iter()))
    {
        let name = &port.name;
        let refused = |err| refusal(fmt!("ldb_ports/{name}"), err);
        let cq = memory.next().ok_or(EINVAL)?;
        let args = hw::LdbPortArgs {
            cq_base: cq.as_ref().ok_or(EINVAL)?.dma_handle(),
            cq_depth: port.cq_depth,
            hist_list_size: *history,
            cos: port.cos.map(u32::from),
            cos_strict: port.cos_strict,
            inflight_threshold: (port.inflight_threshold != 0).then_some(port.inflight_threshold),
            enabled: port.enabled,
        };
        let id = function.create_ldb_port(domain, &args).map_err(refused)?;
        if port.cq_weight_limit != 0 {
            function
                .set_cq_weight(domain, id, port.cq_weight_limit)
                .map_err(refused)?;
        }
        for (queue, priority) in links.iter() {
            let queue = *built.ldb_queues.get(*queue).ok_or(EINVAL)?;
            function
                .link(domain, id, queue, (*priority).into())
                .map_err(|err| refusal(fmt!("ldb_ports/{name}: links"), err))?;
        }
        let threshold = port.cq_depth_threshold;
        let file = open_up(
            function,
            domain,
            hw::PortId::Ldb(id),
            threshold,
            cq,
            refused,
        )?;
        vec::push(&mut built.ports, file)?;
    }

    // A directed queue has the number of its port, so it is made first and the port follows it.
    for (port, queue) in desc.dir_ports.iter().zip(plan.dir_queue_of_port.iter()) {
        let name = &port.name;
        let refused = |err| refusal(fmt!("dir_ports/{name}"), err);
        let mut number = None;
        if let Some(place) = *queue {
            let queue = desc.dir_queues.get(place).ok_or(EINVAL)?;
            let args = hw::DirQueueArgs {
                depth_threshold: queue.depth_threshold,
                port: None,
                near: port.producer,
            };
            let id = function
                .create_dir_queue(domain, &args)
                .map_err(|err| refusal(fmt!("dir_queues/{}", queue.name), err))?;
            *built.dir_queues.get_mut(place).ok_or(EINVAL)? = id;
            number = Some(id);
        }
        let cq = memory.next().ok_or(EINVAL)?;
        let args = hw::DirPortArgs {
            cq_base: cq.as_ref().ok_or(EINVAL)?.dma_handle(),
            cq_depth: port.cq_depth,
            queue: number,
            near: port.producer,
            enabled: port.enabled,
        };
        let id = function.create_dir_port(domain, &args).map_err(refused)?;
        let threshold = port.cq_depth_threshold;
        let file = open_up(
            function,
            domain,
            hw::PortId::Dir(id),
            threshold,
            cq,
            refused,
        )?;
        vec::push(&mut built.ports, file)?;
    }

    Ok(())
}

/// Turns the interrupt of a new port on, and makes the software side of the port.
fn open_up(
    function: &mut dyn Function,
    domain: u32,
    id: hw::PortId,
    threshold: u32,
    cq: &mut Option<CqMemory>,
    refused: impl Fn(hw::Error) -> Refusal,
) -> Result<Arc<Port>, Refusal> {
    let physical = function.physical_port(domain, id).map_err(&refused)?;
    function
        .enable_interrupt(domain, id, threshold)
        .map_err(&refused)?;
    let producer = function.producer(physical)?;
    Ok(Port::new(id, physical, producer, cq)?)
}

impl Live {
    /// Lets a new domain run, and users see it.
    fn bring_up(self: &Arc<Self>, desc: &DomainDesc) -> Result<(), Refusal> {
        // A user who opens and closes a file at once must wait with ending the domain.
        let mut inner = self.inner.lock();
        {
            let mut state = self.device.lock();
            let function = state.function()?;
            if desc.scheduling {
                function
                    .start(self.id)
                    .map_err(|err| refusal(fmt!("starting"), err))?;
                inner.scheduling = true;
            }
        }

        let mut files = KVec::with_capacity(self.ports.len().saturating_add(1), GFP_KERNEL)?;
        let names = Iterator::chain(
            desc.ldb_ports.iter().map(|port| port.name),
            desc.dir_ports.iter().map(|port| port.name),
        );
        for (name, port) in names.zip(self.ports.iter()) {
            let endpoint = Endpoint::Port(port.clone());
            let file = self
                .make_file(name.as_str(), endpoint)
                .map_err(|err| Refusal::new(err, fmt!("port {name}: no device file")))?;
            vec::push(&mut files, file)?;
        }
        let alerts = Endpoint::Alerts(self.alerts.clone());
        vec::push(&mut files, self.make_file(files::ALERTS, alerts)?)?;
        inner.files = files;
        Ok(())
    }

    fn make_file(self: &Arc<Self>, name: &str, endpoint: Endpoint) -> Result<File> {
        let minor = Minor::new(self, endpoint)?;
        // An exclamation mark becomes a slash in /dev.
        let path = CString::try_from_fmt(fmt!("{}!{}!{name}", self.device.name, self.name))?;
        let node = self
            .device
            .binding
            .with(|dev| minor.region.device(dev.as_ref(), minor.number, &path))
            .ok_or(ENODEV)??;
        Ok(File { _node: node, minor })
    }

    /// A file of the domain is being opened.
    pub(crate) fn opened(&self) -> Result {
        let mut users = self.users.lock();
        if users.closed {
            return Err(ENODEV);
        }
        users.open = users.open.checked_add(1).ok_or(EMFILE)?;
        Ok(())
    }

    /// A file of the domain was closed.
    pub(crate) fn closed(self: &Arc<Self>) {
        let last = {
            let mut users = self.users.lock();
            users.open = users.open.saturating_sub(1);
            let last = users.open == 0 && !users.closed && self.lifetime == Lifetime::File;
            users.closed |= last;
            last
        };
        if last {
            self.end(End::LastClose);
        }
    }

    /// Whether anybody has a file of the domain open.
    pub(crate) fn in_use(&self) -> bool {
        self.users.lock().open != 0
    }

    /// Whether the domain has ended. What is left of it then is memory of a device that has to be
    /// reset.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Acquire)
    }

    /// Ends the domain for a reason that its owner does not know yet.
    pub(crate) fn end(self: &Arc<Self>, why: End) {
        let (_, owner) = self.finish();
        if let Some(owner) = owner {
            owner.ended(self, why);
        }
    }

    /// Ends the domain because its owner wants it.
    ///
    /// # Errors
    ///
    /// EIO if the hardware could not be emptied: the device must be reset then. The domain has
    /// ended all the same.
    pub(crate) fn disable(&self) -> Result {
        self.finish().0
    }

    /// Ends the domain, if it has not ended yet: takes everything from its users, empties the
    /// hardware and gives everything back. Returns the owner if it still has to be told.
    fn finish(&self) -> (Result, Option<Arc<dyn DomainOwner>>) {
        let mut inner = self.inner.lock();
        if mem::replace(&mut inner.ended, true) {
            return (Ok(()), None);
        }

        self.users.lock().closed = true;
        let files = mem::take(&mut inner.files);
        drop(files);
        for port in self.ports.iter() {
            port.revoke();
        }
        self.alerts.revoke();
        self.space.unmap_all();
        self.device.wakers.clear(&self.ports);

        let mut result = Ok(());
        let mut state = self.device.lock();
        let free = match (state.phase, state.function.as_mut()) {
            // The reset that is under way will empty it; until then its memory may be written.
            (Phase::Resetting, _) => false,
            (_, Some(function)) => match self.reset(&mut **function) {
                // A device that is gone does not write memory any more.
                Ok(()) | Err(hw::Error::Gone) => true,
                Err(err) => {
                    dev_err!(
                        self.device.binding.device(),
                        "domain {}: cannot be emptied, reset the device: {}\n",
                        self.name,
                        Words(&err)
                    );
                    if state.phase == Phase::Running {
                        state.phase = Phase::Failed;
                    }
                    result = Err(EIO);
                    false
                }
            },
            (_, None) => true,
        };
        if free {
            self.free();
            state.remove(self);
        }
        drop(state);
        self.has_ended.store(true, Release);

        let power = inner.power.take();
        let owner = inner.owner.take();
        drop(inner);
        drop(power);
        (result, owner)
    }

    /// Has the hardware drain the domain and take everything back.
    fn reset(&self, function: &mut dyn Function) -> hw::Result {
        let result = function.reset_domain(self.id);
        let id = i32::try_from(self.id).unwrap_or(-1);
        let traced = result.map_err(|err| errno(&err));
        trace::domain_reset(self.device.name.as_str(), id, &traced);
        result
    }

    /// Frees the memory that the device wrote to. It must not do so any more, and no user must have
    /// it mapped.
    pub(crate) fn free(&self) {
        for port in self.ports.iter() {
            port.free();
        }
    }

    /// Calls `f` for a domain that has not ended, with the function it lives on.
    fn with<R>(
        &self,
        f: impl FnOnce(&mut Inner, &mut dyn Function) -> Result<R, hw::Error>,
    ) -> Result<R, Failure> {
        let mut inner = self.inner.lock();
        if inner.ended {
            return Err(ENODEV.into());
        }
        let mut state = self.device.lock();
        let function = state.function()?;
        Ok(f(&mut inner, function)?)
    }

    /// Starts or stops scheduling.
    pub(crate) fn set_scheduling(&self, on: bool) -> Result {
        self.with(|inner, function| {
            if inner.scheduling != on {
                if on {
                    function.start(self.id)?;
                } else {
                    function.stop(self.id)?;
                }
                inner.scheduling = on;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// The number of the domain in hardware.
    pub(crate) fn domain_id(&self) -> i32 {
        i32::try_from(self.id).unwrap_or(-1)
    }

    /// The device that the domain lives on.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// The number of the domain, as the function counts.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    fn port(&self, shelf: Shelf, index: usize) -> Option<(usize, &Arc<Port>)> {
        let place = match shelf {
            Shelf::Ldb if index < self.num_ldb_ports => index,
            Shelf::Ldb => return None,
            Shelf::Dir => index.checked_add(self.num_ldb_ports)?,
        };
        Some((place, self.ports.get(place)?))
    }

    fn port_id(&self, shelf: Shelf, index: usize) -> Option<u32> {
        let (_, port) = self.port(shelf, index)?;
        match port.id {
            hw::PortId::Ldb(id) | hw::PortId::Dir(id) => Some(id),
        }
    }

    /// The number in hardware of a load-balanced queue, by its place in the description.
    pub(crate) fn ldb_queue_id(&self, index: usize) -> Option<i32> {
        i32::try_from(*self.ldb_queues.get(index)?).ok()
    }

    /// The number in hardware of a directed queue.
    pub(crate) fn dir_queue_id(&self, index: usize) -> Option<i32> {
        i32::try_from(*self.dir_queues.get(index)?).ok()
    }

    /// The number in hardware of a load-balanced port.
    pub(crate) fn ldb_port_id(&self, index: usize) -> Option<i32> {
        i32::try_from(self.port_id(Shelf::Ldb, index)?).ok()
    }

    /// The number in hardware of a directed port.
    pub(crate) fn dir_port_id(&self, index: usize) -> Option<i32> {
        i32::try_from(self.port_id(Shelf::Dir, index)?).ok()
    }

    /// How many elements wait in a load-balanced queue.
    pub(crate) fn ldb_queue_depth(&self, index: usize) -> Result<u32> {
        let queue = *self.ldb_queues.get(index).ok_or(ENOENT)?;
        Ok(self.with(|_, function| function.ldb_queue_depth(self.id, queue))?)
    }

    /// How many elements wait in a directed queue.
    pub(crate) fn dir_queue_depth(&self, index: usize) -> Result<u32> {
        let queue = *self.dir_queues.get(index).ok_or(ENOENT)?;
        Ok(self.with(|_, function| function.dir_queue_depth(self.id, queue))?)
    }

    /// A counter of a load-balanced queue; `stat` asks for it by number.
    pub(crate) fn ldb_queue_stat(&self, index: usize, stat: fn(u32) -> hw::Xstat) -> Result<u64> {
        let queue = *self.ldb_queues.get(index).ok_or(ENOENT)?;
        Ok(self.with(|_, function| function.xstat(self.id, stat(queue)))?)
    }

    /// A counter of a directed queue.
    pub(crate) fn dir_queue_stat(&self, index: usize, stat: fn(u32) -> hw::Xstat) -> Result<u64> {
        let queue = *self.dir_queues.get(index).ok_or(ENOENT)?;
        Ok(self.with(|_, function| function.xstat(self.id, stat(queue)))?)
    }

    /// A counter of a port.
    pub(crate) fn port_stat(
        &self,
        shelf: Shelf,
        index: usize,
        stat: fn(u32) -> hw::Xstat,
    ) -> Result<u64> {
        let port = self.port_id(shelf, index).ok_or(ENOENT)?;
        Ok(self.with(|_, function| function.xstat(self.id, stat(port)))?)
    }

    /// Major and minor number of the device file of a port.
    pub(crate) fn port_dev(&self, shelf: Shelf, index: usize) -> Option<(u32, u32)> {
        let (place, _) = self.port(shelf, index)?;
        let inner = self.inner.lock();
        let minor = &inner.files.get(place)?.minor;
        Some((minor.region.major(), minor.number))
    }

    /// Lets a port receive, or keeps it from receiving.
    pub(crate) fn set_port_enabled(&self, shelf: Shelf, index: usize, on: bool) -> Result {
        let (_, port) = self.port(shelf, index).ok_or(ENOENT)?;
        self.with(|_, function| function.set_port_enabled(self.id, port.id, on))?;
        Ok(())
    }

    /// How many links of a port are still being undone.
    pub(crate) fn pending_unlinks(&self, index: usize) -> Result<u32> {
        let port = self.port_id(Shelf::Ldb, index).ok_or(ENOENT)?;
        Ok(self.with(|_, function| function.pending_unlinks(self.id, port))?)
    }

    /// Gives a load-balanced port exactly these links: places of queues, with priorities. After an
    /// error it has those that it had before.
    pub(crate) fn relink(&self, index: usize, targets: &[(usize, u8)]) -> Result<(), Refusal> {
        let port = self.port_id(Shelf::Ldb, index).ok_or(ENOENT)?;
        if targets.len() > LINKS_MAX {
            return Err(Refusal::new(
                ENOSPC,
                fmt!("links: a port has {LINKS_MAX}, {} asked for", targets.len()),
            ));
        }
        let mut links = KVec::with_capacity(LINKS_MAX, GFP_KERNEL)?;
        let mut before = KVec::with_capacity(LINKS_MAX, GFP_KERNEL)?;
        let done = self.with(|inner, function| {
            let Some(present) = inner.links.get_mut(index) else {
                return Ok(());
            };
            // What is there now, and follows each step, so that it is right after an error too.
            for link in present.iter() {
                let _ = vec::push(&mut links, *link);
                let _ = vec::push(&mut before, *link);
            }
            let result = self.step_links(function, port, &mut links, targets);
            if result.is_err() {
                // Some queues may be unlinked already, of which the description knows nothing. A
                // removal that is under way is called off by linking the queue again. It takes a
                // device that does not answer for this to fail as well.
                let _ = self.step_links(function, port, &mut links, &before);
            }
            mem::swap(present, &mut links);
            result
        });
        self.device.kick();
        match done {
            Ok(()) => Ok(()),
            Err(Failure::Core(err)) => Err(err.into()),
            Err(Failure::Hardware(err)) => Err(refusal(fmt!("links"), err)),
        }
    }

    fn step_links(
        &self,
        function: &mut dyn Function,
        port: u32,
        links: &mut KVec<(usize, u8)>,
        targets: &[(usize, u8)],
    ) -> hw::Result {
        let id = |place: usize| self.ldb_queues.get(place).copied();
        let mut index = 0;
        while let Some((place, _)) = links.get(index).copied() {
            if targets.iter().any(|target| target.0 == place) {
                index = index.saturating_add(1);
                continue;
            }
            if let Some(queue) = id(place) {
                match function.unlink(self.id, port, queue) {
                    // A virtual function is not told of links that the physical one has given up.
                    Err(err) if err.is_no_link() => {}
                    result => result?,
                }
            }
            vec::remove(links, index);
        }
        for target in targets {
            let (place, priority) = *target;
            if links.iter().any(|link| link == target) {
                continue;
            }
            if let Some(queue) = id(place) {
                function.link(self.id, port, queue, priority.into())?;
            }
            match links.iter_mut().find(|link| link.0 == place) {
                Some(link) => link.1 = priority,
                // Cannot fail: there is room for as many links as a port has.
                None => drop(vec::push(links, *target)),
            }
        }
        Ok(())
    }

    /// The links that a load-balanced port has by now: places of queues, with priorities.
    pub(crate) fn links(&self, index: usize) -> [Option<(usize, u8)>; LINKS_MAX] {
        let mut all = [None; LINKS_MAX];
        if let Some(links) = self.inner.lock().links.get(index) {
            for (to, link) in all.iter_mut().zip(links.iter()) {
                *to = Some(*link);
            }
        }
        all
    }

    /// Looks which links there are in the hardware, and tells the owner about those that are not as
    /// they were left, because a change of them was given up.
    pub(crate) fn reconcile_links(self: &Arc<Self>) {
        for index in 0..self.num_ldb_ports {
            while let Some((queue, priority)) = self.reconcile_link(index) {
                let owner = self.inner.lock().owner.clone();
                if let Some(owner) = owner {
                    owner.link_given_up(self, index, queue, priority);
                }
            }
        }
    }

    /// Takes over one link of a port that is not as it was left.
    fn reconcile_link(&self, index: usize) -> Option<(usize, Option<u8>)> {
        let port = self.port_id(Shelf::Ldb, index)?;
        let found = self.with(|inner, function| {
            let Some(links) = inner.links.get_mut(index) else {
                return Ok(None);
            };
            // Those that are gone first: a queue that was to have the place of another is one too
            // many until then.
            for gone in [true, false] {
                for (place, queue) in (0..self.ldb_queues.len()).zip(self.ldb_queues.iter()) {
                    let real = function.link_priority(self.id, port, *queue)?;
                    let known = links.iter().position(|link| link.0 == place);
                    match (known, real) {
                        (Some(at), None) if gone => {
                            vec::remove(links, at);
                            return Ok(Some((place, None)));
                        }
                        (None, Some(priority)) if !gone => {
                            // Without memory nothing changes here, nor in the description.
                            if vec::push(links, (place, priority)).is_err() {
                                return Ok(None);
                            }
                            return Ok(Some((place, Some(priority))));
                        }
                        _ => {}
                    }
                }
            }
            Ok(None)
        });
        found.ok().flatten()
    }

    /// Something happened to the domain that its users should know.
    pub(crate) fn alert(&self, alert: Alert) {
        trace::alert(
            self.device.name.as_str(),
            self.domain_id(),
            (alert.kind as u16).into(),
            alert.data,
        );
        self.alerts.push(alert);
    }
}

/// An error of the core or of the hardware layer.
enum Failure {
    Core(Error),
    Hardware(hw::Error),
}

impl From<Error> for Failure {
    fn from(err: Error) -> Self {
        Failure::Core(err)
    }
}

impl From<hw::Error> for Failure {
    fn from(err: hw::Error) -> Self {
        Failure::Hardware(err)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Core(err) => err,
            Failure::Hardware(err) => errno(&err),
        }
    }
}
