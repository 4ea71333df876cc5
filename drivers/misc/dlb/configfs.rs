// SPDX-License-Identifier: GPL-2.0

//! The tree in configfs in which domains are described, enabled and watched.
//!
//! ```text
//! dlb/<domain>/{ldb_queues,dir_queues,ldb_ports,dir_ports}/<name>/
//! ```
//!
//! Directories describe, and belong to the user; devices come and go. Writing to files only changes
//! the description, until a 1 is written to `enable`: then the whole of it is given to
//! [`crate::domain`], which builds all of it or nothing. While the domain is enabled its
//! description stands still and none of its directories can be made or removed.
//!
//! # Locking
//!
//! From the outside in: [`Domain::op`], the subsystem's mutex of configfs, [`Domain::inner`]. The
//! first is held over everything that reaches hardware, which may take long; the last only to read
//! and change the description, so that looking at a domain and making directories elsewhere do not
//! wait for hardware. [`Domain::inner`] is never held while the core is called.

use crate::{
    desc::{
        Count,
        DeviceSel,
        DirPortDesc,
        DirQueueDesc,
        DomainDesc,
        End,
        LdbPortDesc,
        LdbQueueDesc,
        Lifetime,
        LinkDesc,
        Name,
        Shelf as PortShelf, //
    },
    domain::{
        self,
        DomainOwner,
        Live, //
    },
    glue::{
        configfs::{
            Attribute,
            Directory,
            Group,
            ItemRef,
            NewGroup,
            Pinned,
            Root,
            Subsystem, //
        },
        trace,
        vec, //
    },
    hw::Xstat,
    parse::{
        self,
        line,
        Links,
        Value, //
    },
};
use kernel::{
    fmt,
    new_mutex,
    prelude::*,
    str::{
        CString,
        Formatter, //
    },
    sync::{
        Arc,
        Mutex, //
    },
    task::Kuid, //
};

/// More objects of a kind than any device has; what is between this and what a device has is
/// refused by the core, which knows how much is free.
const MAX_OBJECTS: usize = 128;

/// The registered tree.
pub(crate) type Tree = Subsystem<Dlb>;

/// Makes the tree appear.
pub(crate) fn register() -> impl PinInit<Tree, Error> {
    Subsystem::new(c"dlb")
}

/// The root of the tree.
pub(crate) struct Dlb;

impl Root for Dlb {
    const ROOT: &'static Self = &Dlb;
}

impl Directory for Dlb {
    const ATTRIBUTES: &'static [Attribute<Self>] = &[];
    const PARENT: bool = true;
    type Child = Arc<Domain>;

    fn make(&self, name: &[u8]) -> Result<NewGroup<Arc<Domain>>> {
        let domain = Domain::new(Name::new(name)?)?;
        let mut group = NewGroup::new(name, domain.clone())?;
        group.add_default(Shelf::<LdbQueue>::new(&domain)?);
        group.add_default(Shelf::<DirQueue>::new(&domain)?);
        group.add_default(Shelf::<LdbPort>::new(&domain)?);
        group.add_default(Shelf::<DirPort>::new(&domain)?);
        Ok(group)
    }
}

/// The attributes of a domain itself.
struct Config {
    device: DeviceSel,
    lifetime: Lifetime,
    num_ldb_credits: Count,
    num_dir_credits: Count,
    num_credits: Count,
    num_hist_list_entries: Count,
    num_atomic_inflights: Count,
    num_sn_slots: [Count; 2],
    num_cos_ldb_ports: [Count; 4],
    cos_strict: bool,
    scheduling: bool,
}

/// What became of a description.
enum Phase {
    /// It was never enabled, or was disabled.
    Configuring,
    /// It is being enabled.
    Building,
    /// It is enabled.
    Enabled(Arc<Live>),
    /// It could not be enabled or disabled.
    Failed,
    /// Its device was reset.
    Revoked,
    /// Its device is gone.
    Absent,
}

/// A process that has enabled a domain.
#[derive(Clone, Copy)]
struct Owner {
    uid: Kuid,
    pid: i32,
}

impl Owner {
    /// The calling process.
    fn current() -> Self {
        Self {
            uid: Kuid::current_euid(),
            pid: current!().group_leader().pid(),
        }
    }
}

/// A queue or port as described.
struct Entry<K: Kind> {
    id: u64,
    item: ItemRef,
    config: K,
}

/// All that is known about a domain.
struct Inner {
    config: Config,
    phase: Phase,
    error: Words,
    /// Who enabled it.
    owner: Option<Owner>,
    next_id: u64,
    ldb_queues: KVec<Entry<LdbQueue>>,
    dir_queues: KVec<Entry<DirQueue>>,
    ldb_ports: KVec<Entry<LdbPort>>,
    dir_ports: KVec<Entry<DirPort>>,
    /// Keep the directories while they are in use by hardware.
    pins: KVec<Pinned>,
}

impl Inner {
    /// Checks that the description may change.
    fn configurable(&self) -> Result {
        match self.phase {
            Phase::Building | Phase::Enabled(_) => Err(EBUSY),
            _ => Ok(()),
        }
    }

    /// Returns what was built from the description, if it is enabled.
    ///
    /// # Errors
    ///
    /// -ENODEV after the device vanished.
    fn live(&self) -> Result<Option<Arc<Live>>> {
        match &self.phase {
            Phase::Enabled(live) => Ok(Some(live.clone())),
            Phase::Absent => Err(ENODEV),
            _ => Ok(None),
        }
    }

    fn state(&self) -> &'static str {
        match self.phase {
            Phase::Configuring | Phase::Building => "configuring",
            Phase::Enabled(_) if self.config.scheduling => "enabled",
            Phase::Enabled(_) => "stopped",
            Phase::Failed => "failed",
            Phase::Revoked => "revoked",
            Phase::Absent => "absent",
        }
    }

    /// Refuses something, in words.
    fn refuse(&mut self, err: Error, text: fmt::Arguments<'_>) -> Error {
        self.error = Words::new(err, CString::try_from_fmt(text).ok());
        err
    }

    /// Refuses what no device can have.
    fn check_numbers(&mut self) -> Result {
        let numbers = [
            (self.ldb_queues.len(), LdbQueue::SHELF),
            (self.dir_queues.len(), DirQueue::SHELF),
            (self.ldb_ports.len(), LdbPort::SHELF),
            (self.dir_ports.len(), DirPort::SHELF),
        ];
        for (number, shelf) in numbers {
            if number > MAX_OBJECTS {
                return Err(self.refuse(
                    ENOSPC,
                    fmt!("{shelf}: {number} asked, no device has more than {MAX_OBJECTS}"),
                ));
            }
        }
        Ok(())
    }

    fn describe(&self, name: Name) -> Result<DomainDesc> {
        let config = &self.config;
        Ok(DomainDesc {
            name,
            device: config.device,
            lifetime: config.lifetime,
            num_ldb_credits: config.num_ldb_credits,
            num_dir_credits: config.num_dir_credits,
            num_credits: config.num_credits,
            num_hist_list_entries: config.num_hist_list_entries,
            num_atomic_inflights: config.num_atomic_inflights,
            num_sn_slots: config.num_sn_slots,
            num_cos_ldb_ports: config.num_cos_ldb_ports,
            cos_strict: config.cos_strict,
            scheduling: config.scheduling,
            ldb_queues: LdbQueue::describe_all(self)?,
            dir_queues: DirQueue::describe_all(self)?,
            ldb_ports: LdbPort::describe_all(self)?,
            dir_ports: DirPort::describe_all(self)?,
        })
    }
}

/// A domain.
#[pin_data]
pub(crate) struct Domain {
    name: Name,
    /// Held by whoever changes hardware, or finds that hardware has changed.
    #[pin]
    op: Mutex<()>,
    #[pin]
    inner: Mutex<Inner>,
}

impl Domain {
    fn new(name: Name) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                name,
                op <- new_mutex!((), "dlb::Domain::op"),
                inner <- new_mutex!(
                    Inner {
                        config: Config {
                            device: DeviceSel::Auto,
                            lifetime: Lifetime::Directory,
                            num_ldb_credits: Count::Auto,
                            num_dir_credits: Count::Auto,
                            num_credits: Count::Auto,
                            num_hist_list_entries: Count::Auto,
                            num_atomic_inflights: Count::Auto,
                            num_sn_slots: [Count::Auto; 2],
                            num_cos_ldb_ports: [Count::Auto; 4],
                            cos_strict: false,
                            scheduling: true,
                        },
                        phase: Phase::Configuring,
                        error: Words::None,
                        owner: None,
                        next_id: 0,
                        ldb_queues: KVec::new(),
                        dir_queues: KVec::new(),
                        ldb_ports: KVec::new(),
                        dir_ports: KVec::new(),
                        pins: KVec::new(),
                    },
                    "dlb::Domain::inner"
                ),
            }),
            GFP_KERNEL,
        )
    }

    /// Shows a part of the description.
    fn show<V: Value>(&self, out: &mut Formatter<'_>, get: impl FnOnce(&Config) -> V) -> Result {
        let value = get(&self.inner.lock().config);
        line(out, value)
    }

    /// Changes the description.
    fn configure(&self, set: impl FnOnce(&mut Config)) -> Result {
        let mut inner = self.inner.lock();
        inner.configurable()?;
        set(&mut inner.config);
        Ok(())
    }

    /// Builds what is described.
    fn enable(self: &Arc<Self>, group: &Group<Arc<Self>>) -> Result {
        let _op = self.op.lock();
        let desc = self.prepare(group)?;
        let result = domain::enable(&desc, self.clone()).map(|live| (live.domain_id(), live));

        let mut inner = self.inner.lock();
        match result {
            Ok((id, live)) => {
                trace::enable(&self.name, id, &Ok(()), "");
                inner.error = Words::None;
                inner.owner = Some(Owner::current());
                inner.phase = Phase::Enabled(live);
                Ok(())
            }
            Err(refusal) => {
                inner.error = Words::new(refusal.err, refusal.text);
                trace::enable(&self.name, -1, &Err(refusal.err), inner.error.as_str());
                inner.phase = Phase::Failed;
                inner.pins.clear();
                Err(refusal.err)
            }
        }
    }

    /// Makes the description and its directories stand still, and returns it.
    fn prepare(&self, group: &Group<Arc<Self>>) -> Result<DomainDesc> {
        let subsystem = group.lock_subsystem()?;
        let mut inner = self.inner.lock();
        inner.configurable()?;
        inner.error = Words::None;
        let result = (|| {
            inner.check_numbers()?;
            let objects = [
                inner.ldb_queues.len(),
                inner.dir_queues.len(),
                inner.ldb_ports.len(),
                inner.dir_ports.len(),
            ];
            let number = objects
                .iter()
                .fold(1, |sum: usize, n| sum.saturating_add(*n));
            let mut pins = KVec::with_capacity(number, GFP_KERNEL)?;
            pins.push_within_capacity(subsystem.pin(group.item())?)?;
            LdbQueue::pin_all(&inner, &subsystem, &mut pins)?;
            DirQueue::pin_all(&inner, &subsystem, &mut pins)?;
            LdbPort::pin_all(&inner, &subsystem, &mut pins)?;
            DirPort::pin_all(&inner, &subsystem, &mut pins)?;
            Ok((inner.describe(self.name)?, pins))
        })();
        match result {
            Ok((desc, pins)) => {
                inner.pins = pins;
                inner.phase = Phase::Building;
                Ok(desc)
            }
            Err(err) => {
                if matches!(inner.error, Words::None) {
                    inner.error = Words::new(err, None);
                }
                inner.phase = Phase::Failed;
                Err(err)
            }
        }
    }

    /// Gives back what was built.
    fn disable(&self) -> Result {
        let _op = self.op.lock();
        let live = match &self.inner.lock().phase {
            Phase::Enabled(live) => live.clone(),
            _ => return Ok(()),
        };
        let result = match live.disable() {
            // There is nothing left to give back to.
            Err(err) if err == ENODEV => Ok(()),
            result => result,
        };
        trace::disable(&self.name, "request", &result);

        let mut inner = self.inner.lock();
        inner.phase = match &result {
            Ok(()) => Phase::Configuring,
            Err(err) => {
                inner.refuse(*err, fmt!("the device did not let go of the domain"));
                Phase::Failed
            }
        };
        inner.pins.clear();
        result
    }

    /// Stops or resumes scheduling.
    fn set_scheduling(&self, on: bool) -> Result {
        let _op = self.op.lock();
        let live = match &self.inner.lock().phase {
            Phase::Enabled(live) => Some(live.clone()),
            _ => None,
        };
        if let Some(live) = live {
            live.set_scheduling(on)?;
        }
        self.inner.lock().config.scheduling = on;
        Ok(())
    }
}

impl DomainOwner for Domain {
    fn ended(&self, live: &Arc<Live>, why: End) {
        let _op = self.op.lock();
        let mut inner = self.inner.lock();
        if !matches!(&inner.phase, Phase::Enabled(present) if Arc::ptr_eq(present, live)) {
            return;
        }
        let (phase, why) = match why {
            End::LastClose => (Phase::Configuring, "last close"),
            End::DeviceGone => (Phase::Absent, "device gone"),
            End::DeviceReset => (Phase::Revoked, "device reset"),
        };
        trace::disable(&self.name, why, &Ok(()));
        inner.phase = phase;
        inner.pins.clear();
    }

    fn link_given_up(&self, live: &Arc<Live>, port: usize, queue: usize, priority: Option<u8>) {
        let _op = self.op.lock();
        // A user may have changed the links again since they were looked at.
        let now = live.links(port);
        let mut inner = self.inner.lock();
        if !matches!(&inner.phase, Phase::Enabled(present) if Arc::ptr_eq(present, live)) {
            return;
        }
        let Some(queue) = inner.ldb_queues.get(queue).map(|queue| queue.config.name) else {
            return;
        };
        let mut links = Links::default();
        for (place, priority) in now.iter().flatten() {
            if let Some(queue) = inner.ldb_queues.get(*place) {
                // A port has no more links than there is room for.
                let _ = links.add(LinkDesc {
                    queue: queue.config.name,
                    priority: *priority,
                });
            }
        }
        let Some(port) = inner.ldb_ports.get_mut(port) else {
            return;
        };
        port.config.links = links;
        let name = port.config.name;
        let number = port
            .config
            .links
            .iter()
            .fold(0u32, |n, _| n.saturating_add(1));
        let what = match priority {
            Some(_) => "unlinking",
            None => "linking",
        };
        let text = CString::try_from_fmt(fmt!(
            "ldb_ports/{name}: links: {what} {queue} took too long and was given up"
        ));
        inner.error = Words::new(ETIMEDOUT, text.ok());
        trace::links(&self.name, &name, number, &Err(ETIMEDOUT));
    }
}

/// Why something was refused.
enum Words {
    /// It was not.
    None,
    /// For a reason that needs no details.
    Fixed(&'static str),
    /// For a reason with details.
    Text(CString),
}

impl Words {
    /// The reason `text`; if there is none, what the error says by itself.
    fn new(err: Error, text: Option<CString>) -> Self {
        match text {
            Some(text) => Self::Text(text),
            None if err == ENOMEM => Self::Fixed("out of memory"),
            None if err == ENODEV => Self::Fixed("the device is gone"),
            None if err == EBUSY => Self::Fixed("the device, or a directory, is just changing"),
            None if err == EIO => Self::Fixed("the device does not work and has to be reset"),
            None => Self::Fixed("refused"),
        }
    }

    fn as_str(&self) -> &str {
        let bytes = match self {
            Self::None => return "",
            Self::Fixed(text) => return text,
            Self::Text(text) => text.to_bytes_with_nul(),
        };
        let words = bytes.split_last().map_or(bytes, |(_, words)| words);
        core::str::from_utf8(words).unwrap_or("")
    }
}

/// A file of a domain that is part of its description.
macro_rules! config {
    ($name:literal, $($field:tt).+, $parse:expr) => {
        Attribute::rw(
            $name,
            |domain, out| domain.show(out, |config| config.$($field).+),
            |domain, input| {
                let value = $parse(input)?;
                domain.configure(|config| config.$($field).+ = value)
            },
        )
    };
}

/// A number of resources out of several of the same kind.
macro_rules! config_nth {
    ($name:literal, $field:ident, $n:literal) => {
        Attribute::rw(
            $name,
            |domain, out| domain.show(out, |config| config.$field[$n]),
            |domain, input| {
                let value = parse::resources(input)?;
                domain.configure(|config| config.$field[$n] = value)
            },
        )
    };
}

impl Directory for Arc<Domain> {
    const ATTRIBUTES: &'static [Attribute<Self>] = &[
        config!(c"device", device, parse::device),
        config!(c"lifetime", lifetime, parse::lifetime),
        config!(c"num_ldb_credits", num_ldb_credits, parse::resources),
        config!(c"num_dir_credits", num_dir_credits, parse::resources),
        config!(c"num_credits", num_credits, parse::resources),
        config!(
            c"num_hist_list_entries",
            num_hist_list_entries,
            parse::resources
        ),
        config!(
            c"num_atomic_inflights",
            num_atomic_inflights,
            parse::resources
        ),
        config_nth!(c"num_sn0_slots", num_sn_slots, 0),
        config_nth!(c"num_sn1_slots", num_sn_slots, 1),
        config_nth!(c"num_cos0_ldb_ports", num_cos_ldb_ports, 0),
        config_nth!(c"num_cos1_ldb_ports", num_cos_ldb_ports, 1),
        config_nth!(c"num_cos2_ldb_ports", num_cos_ldb_ports, 2),
        config_nth!(c"num_cos3_ldb_ports", num_cos_ldb_ports, 3),
        config!(c"cos_strict", cos_strict, parse::flag),
        Attribute::rw(
            c"enable",
            |domain, out| {
                let enabled = matches!(domain.inner.lock().phase, Phase::Enabled(_));
                line(out, enabled)
            },
            |domain, input| {
                if parse::flag(input)? {
                    domain.enable(domain)
                } else {
                    domain.disable()
                }
            },
        ),
        Attribute::rw(
            c"scheduling",
            |domain, out| domain.show(out, |config| config.scheduling),
            |domain, input| domain.set_scheduling(parse::flag(input)?),
        ),
        Attribute::ro(c"state", |domain, out| {
            let state = domain.inner.lock().state();
            line(out, state)
        }),
        Attribute::ro(c"error", |domain, out| {
            let inner = domain.inner.lock();
            line(out, inner.error.as_str())
        }),
        Attribute::ro(c"owner", |domain, out| {
            let inner = domain.inner.lock();
            match (&inner.phase, &inner.owner) {
                (Phase::Enabled(_), Some(owner)) => {
                    let uid = owner.uid.into_uid_in_current_ns();
                    Ok(fmt::Write::write_fmt(out, fmt!("{uid}:{}\n", owner.pid))?)
                }
                _ => line(out, "none"),
            }
        }),
        Attribute::ro(c"id", |domain, out| {
            let live = domain.inner.lock().live();
            line(
                out,
                live.unwrap_or(None).map_or(-1, |live| live.domain_id()),
            )
        }),
        Attribute::ro(c"alerts", |domain, out| {
            let live = domain.inner.lock().live()?;
            line(out, live.map_or(0, |live| live.alerts.count()))
        }),
    ];
    const PARENT: bool = false;
    type Child = Self;
}

/// A kind of object in a domain; the type holds what its attributes say.
trait Kind: Clone + Send + Sync + 'static {
    /// The directory in which objects of this kind are made.
    const SHELF: &'static str;

    /// Its files.
    const ATTRIBUTES: &'static [Attribute<Object<Self>>];

    /// What the core makes of it.
    type Desc;

    /// An object as it is when it was just made.
    fn new(name: Name) -> Self;

    /// The objects of this kind in a domain.
    fn entries(inner: &Inner) -> &KVec<Entry<Self>>;

    /// The objects of this kind in a domain.
    fn entries_mut(inner: &mut Inner) -> &mut KVec<Entry<Self>>;

    /// Whether an object called `name` can join the domain.
    fn check(inner: &Inner, name: &Name) -> Result;

    /// Describes the object to the core.
    fn describe(&self) -> Result<Self::Desc>;

    fn describe_all(inner: &Inner) -> Result<KVec<Self::Desc>> {
        let entries = Self::entries(inner);
        let mut all = KVec::with_capacity(entries.len(), GFP_KERNEL)?;
        for entry in entries {
            all.push_within_capacity(entry.config.describe()?)?;
        }
        Ok(all)
    }

    fn pin_all(
        inner: &Inner,
        subsystem: &crate::glue::configfs::SubsystemGuard<'_>,
        pins: &mut KVec<Pinned>,
    ) -> Result {
        for entry in Self::entries(inner) {
            // An object that is just being made or removed cannot be part of what is enabled.
            let pinned = subsystem.pin(entry.item.clone()).map_err(|_| EBUSY)?;
            pins.push_within_capacity(pinned)?;
        }
        Ok(())
    }
}

/// A directory of a domain in which users make objects of one kind.
struct Shelf<K> {
    domain: Arc<Domain>,
    _kind: core::marker::PhantomData<K>,
}

impl<K: Kind> Shelf<K> {
    fn new(domain: &Arc<Domain>) -> Result<NewGroup<Self>> {
        NewGroup::new(
            K::SHELF.as_bytes(),
            Self {
                domain: domain.clone(),
                _kind: core::marker::PhantomData,
            },
        )
    }
}

impl<K: Kind> Directory for Shelf<K> {
    const ATTRIBUTES: &'static [Attribute<Self>] = &[];
    const PARENT: bool = true;
    type Child = Object<K>;

    fn make(&self, name: &[u8]) -> Result<NewGroup<Object<K>>> {
        let name = Name::new(name)?;
        let mut inner = self.domain.inner.lock();
        inner.configurable()?;
        K::check(&inner, &name)?;

        let id = inner.next_id;
        inner.next_id = id.wrapping_add(1);
        let group = NewGroup::new(
            name.as_bytes(),
            Object {
                domain: self.domain.clone(),
                id,
                _kind: core::marker::PhantomData,
            },
        )?;
        let entry = Entry {
            id,
            item: group.item(),
            config: K::new(name),
        };
        vec::push(K::entries_mut(&mut inner), entry)?;
        Ok(group)
    }

    fn dropped(&self, child: &Object<K>) {
        let mut inner = self.domain.inner.lock();
        let entries = K::entries_mut(&mut inner);
        if let Some(index) = entries.iter().position(|entry| entry.id == child.id) {
            // The index is that of an entry, so this finds one.
            let _ = entries.remove(index);
        }
    }
}

/// The directory of a queue or port.
///
/// What its files say is kept with the domain, under the domain's lock.
struct Object<K> {
    domain: Arc<Domain>,
    id: u64,
    _kind: core::marker::PhantomData<K>,
}

impl<K: Kind> Directory for Object<K> {
    const ATTRIBUTES: &'static [Attribute<Self>] = K::ATTRIBUTES;
    const PARENT: bool = false;
    type Child = Self;
}

impl<K: Kind> Object<K> {
    fn find<'a>(&self, inner: &'a mut Inner) -> Result<&'a mut K> {
        K::entries_mut(inner)
            .iter_mut()
            .find(|entry| entry.id == self.id)
            .map(|entry| &mut entry.config)
            .ok_or(ENOENT)
    }

    /// The place of the object among those of its kind, by which the core knows it.
    fn index(&self, inner: &Inner) -> Result<usize> {
        K::entries(inner)
            .iter()
            .position(|entry| entry.id == self.id)
            .ok_or(ENOENT)
    }

    /// Shows a part of the description.
    fn show<V: Value>(&self, out: &mut Formatter<'_>, get: impl FnOnce(&K) -> V) -> Result {
        let value = get(self.find(&mut self.domain.inner.lock())?);
        line(out, value)
    }

    /// Changes the description.
    fn configure(&self, set: impl FnOnce(&mut K)) -> Result {
        let mut inner = self.domain.inner.lock();
        inner.configurable()?;
        set(self.find(&mut inner)?);
        Ok(())
    }

    /// Asks the core about the object. Returns `None` if the domain is not enabled.
    fn ask<V>(&self, ask: impl FnOnce(&Live, usize) -> Result<V>) -> Result<Option<V>> {
        let (live, index) = {
            let inner = self.domain.inner.lock();
            let Some(live) = inner.live()? else {
                return Ok(None);
            };
            (live, self.index(&inner)?)
        };
        ask(&live, index).map(Some)
    }

    /// Shows the hardware's number of the object, or -1.
    fn show_id(&self, out: &mut Formatter<'_>, ask: fn(&Live, usize) -> Option<i32>) -> Result {
        let id = match self.ask(|live, index| Ok(ask(live, index))) {
            Ok(Some(Some(id))) => id,
            _ => -1,
        };
        line(out, id)
    }

    /// Shows a number that is read from hardware; 0 if the domain is not enabled.
    fn show_live<V: Value + Default>(
        &self,
        out: &mut Formatter<'_>,
        ask: impl FnOnce(&Live, usize) -> Result<V>,
    ) -> Result {
        line(out, self.ask(ask)?.unwrap_or_default())
    }

    /// Shows where to find the device file of a port.
    fn show_dev(&self, out: &mut Formatter<'_>, shelf: PortShelf) -> Result {
        match self.ask(|live, index| Ok(live.port_dev(shelf, index))) {
            Ok(Some(Some((major, minor)))) => {
                Ok(fmt::Write::write_fmt(out, fmt!("{major}:{minor}\n"))?)
            }
            _ => line(out, "none"),
        }
    }

    /// Changes something that may change while the domain is enabled.
    ///
    /// `apply` is called with what was built, if anything was, and the place of the object; when it
    /// succeeds the description follows.
    fn change(
        &self,
        set: impl FnOnce(&mut K),
        apply: impl FnOnce(&Live, usize) -> Result,
    ) -> Result {
        let _op = self.domain.op.lock();
        let (live, index) = {
            let inner = self.domain.inner.lock();
            (inner.live().unwrap_or(None), self.index(&inner)?)
        };
        if let Some(live) = live {
            apply(&live, index)?;
        }
        set(self.find(&mut self.domain.inner.lock())?);
        Ok(())
    }
}

/// A file of a queue or port that is part of its description.
macro_rules! setting {
    ($name:literal, $field:ident, $parse:expr) => {
        Attribute::rw(
            $name,
            |object, out| object.show(out, |config| config.$field),
            |object, input| {
                let value = $parse(input)?;
                object.configure(|config| config.$field = value)
            },
        )
    };
}

/// Whether a port called `name` can join the domain. The name is that of a device file as well.
fn check_port(inner: &Inner, name: &Name) -> Result {
    if name.as_bytes() == b"alerts" {
        return Err(EINVAL);
    }
    let mut ldb = inner.ldb_ports.iter().map(|port| port.config.name);
    let mut dir = inner.dir_ports.iter().map(|port| port.config.name);
    if ldb.any(|present| present == *name) || dir.any(|present| present == *name) {
        return Err(EEXIST);
    }
    Ok(())
}

/// A load-balanced queue.
#[derive(Clone, Copy)]
struct LdbQueue {
    name: Name,
    num_sequence_numbers: u32,
    num_qid_inflights: Count,
    num_atomic_inflights: u32,
    lock_id_comp_level: u32,
    depth_threshold: u32,
}

impl Kind for LdbQueue {
    const SHELF: &'static str = "ldb_queues";
    const ATTRIBUTES: &'static [Attribute<Object<Self>>] = &[
        setting!(
            c"num_sequence_numbers",
            num_sequence_numbers,
            parse::sequence_numbers
        ),
        setting!(
            c"num_qid_inflights",
            num_qid_inflights,
            parse::qid_inflights
        ),
        setting!(
            c"num_atomic_inflights",
            num_atomic_inflights,
            parse::atomic_inflights
        ),
        setting!(
            c"lock_id_comp_level",
            lock_id_comp_level,
            parse::lock_id_comp_level
        ),
        setting!(c"depth_threshold", depth_threshold, parse::depth_threshold),
        Attribute::ro(c"id", |queue, out| queue.show_id(out, Live::ldb_queue_id)),
        Attribute::ro(c"depth", |queue, out| {
            queue.show_live(out, Live::ldb_queue_depth)
        }),
        Attribute::ro(c"inflights", |queue, out| {
            queue.show_live(out, |live, index| {
                live.ldb_queue_stat(index, Xstat::LdbQueueInflights)
            })
        }),
        Attribute::ro(c"atomic_active", |queue, out| {
            queue.show_live(out, |live, index| {
                live.ldb_queue_stat(index, Xstat::LdbQueueAtomicActive)
            })
        }),
        Attribute::ro(c"enqueued", |queue, out| {
            queue.show_live(out, |live, index| {
                let atomic = live.ldb_queue_stat(index, Xstat::LdbQueueAtomicEnqueued)?;
                let other = live.ldb_queue_stat(index, Xstat::LdbQueueOtherEnqueued)?;
                Ok(atomic.wrapping_add(other))
            })
        }),
    ];
    type Desc = LdbQueueDesc;

    fn new(name: Name) -> Self {
        Self {
            name,
            num_sequence_numbers: 0,
            num_qid_inflights: Count::Auto,
            num_atomic_inflights: 64,
            lock_id_comp_level: 0,
            depth_threshold: 256,
        }
    }

    fn entries(inner: &Inner) -> &KVec<Entry<Self>> {
        &inner.ldb_queues
    }

    fn entries_mut(inner: &mut Inner) -> &mut KVec<Entry<Self>> {
        &mut inner.ldb_queues
    }

    fn check(_inner: &Inner, _name: &Name) -> Result {
        Ok(())
    }

    fn describe(&self) -> Result<LdbQueueDesc> {
        Ok(LdbQueueDesc {
            name: self.name,
            num_sequence_numbers: self.num_sequence_numbers,
            num_qid_inflights: self.num_qid_inflights,
            num_atomic_inflights: self.num_atomic_inflights,
            lock_id_comp_level: self.lock_id_comp_level,
            depth_threshold: self.depth_threshold,
        })
    }
}

/// A directed queue.
#[derive(Clone, Copy)]
struct DirQueue {
    name: Name,
    depth_threshold: u32,
    port: Option<Name>,
}

impl Kind for DirQueue {
    const SHELF: &'static str = "dir_queues";
    const ATTRIBUTES: &'static [Attribute<Object<Self>>] = &[
        setting!(c"depth_threshold", depth_threshold, parse::depth_threshold),
        setting!(c"port", port, parse::reference),
        Attribute::ro(c"id", |queue, out| queue.show_id(out, Live::dir_queue_id)),
        Attribute::ro(c"depth", |queue, out| {
            queue.show_live(out, Live::dir_queue_depth)
        }),
        Attribute::ro(c"enqueued", |queue, out| {
            queue.show_live(out, |live, index| {
                live.dir_queue_stat(index, Xstat::DirQueueEnqueued)
            })
        }),
    ];
    type Desc = DirQueueDesc;

    fn new(name: Name) -> Self {
        Self {
            name,
            depth_threshold: 256,
            port: None,
        }
    }

    fn entries(inner: &Inner) -> &KVec<Entry<Self>> {
        &inner.dir_queues
    }

    fn entries_mut(inner: &mut Inner) -> &mut KVec<Entry<Self>> {
        &mut inner.dir_queues
    }

    fn check(_inner: &Inner, _name: &Name) -> Result {
        Ok(())
    }

    fn describe(&self) -> Result<DirQueueDesc> {
        Ok(DirQueueDesc {
            name: self.name,
            depth_threshold: self.depth_threshold,
            port: self.port,
        })
    }
}

/// A load-balanced port.
#[derive(Clone, Copy)]
struct LdbPort {
    name: Name,
    cq_depth: u32,
    cq_history_list_size: Count,
    cq_depth_threshold: u32,
    cos: Option<u8>,
    cos_strict: bool,
    cq_weight_limit: u32,
    inflight_threshold: u32,
    links: Links,
    enabled: bool,
}

impl LdbPort {
    /// Changes the set of queues that feed the port.
    fn set_links(port: &Object<Self>, input: &[u8]) -> Result {
        let _op = port.domain.op.lock();
        let mut inner = port.domain.inner.lock();
        let index = port.index(&inner)?;
        let config = *port.find(&mut inner)?;
        let links = config.links.edit(input)?;

        if let Phase::Enabled(live) = &inner.phase {
            let live = live.clone();
            let mut targets = KVec::with_capacity(parse::MAX_LINKS, GFP_KERNEL)?;
            for link in links.iter() {
                let mut queues = inner.ldb_queues.iter();
                let Some(queue) = queues.position(|queue| queue.config.name == link.queue) else {
                    return Err(inner.refuse(
                        EINVAL,
                        fmt!(
                            "ldb_ports/{}: links: no queue {} in ldb_queues",
                            config.name,
                            link.queue
                        ),
                    ));
                };
                targets.push_within_capacity((queue, link.priority))?;
            }
            drop(inner);
            let result = live.relink(index, &targets);
            inner = port.domain.inner.lock();
            let number = u32::try_from(targets.len())?;
            let result = result.map_err(|refusal| {
                inner.error = Words::new(refusal.err, refusal.text);
                refusal.err
            });
            trace::links(&port.domain.name, &config.name, number, &result);
            result?;
            // What was said of an attempt before, or of one that was given up, is settled.
            inner.error = Words::None;
        }
        port.find(&mut inner)?.links = links;
        Ok(())
    }
}

impl Kind for LdbPort {
    const SHELF: &'static str = "ldb_ports";
    const ATTRIBUTES: &'static [Attribute<Object<Self>>] = &[
        setting!(c"cq_depth", cq_depth, parse::cq_depth),
        setting!(
            c"cq_history_list_size",
            cq_history_list_size,
            parse::history_list
        ),
        setting!(
            c"cq_depth_threshold",
            cq_depth_threshold,
            parse::cq_depth_threshold
        ),
        setting!(c"cos", cos, parse::class_of_service),
        setting!(c"cos_strict", cos_strict, parse::flag),
        setting!(c"cq_weight_limit", cq_weight_limit, parse::weight_limit),
        setting!(
            c"inflight_threshold",
            inflight_threshold,
            parse::inflight_threshold
        ),
        Attribute::rw(
            c"links",
            |port, out| port.show(out, |config| config.links),
            |port, input| LdbPort::set_links(port, input),
        ),
        Attribute::ro(c"pending_unlinks", |port, out| {
            port.show_live(out, Live::pending_unlinks)
        }),
        Attribute::rw(
            c"enabled",
            |port, out| port.show(out, |config| config.enabled),
            |port, input| {
                let on = parse::flag(input)?;
                port.change(
                    |config| config.enabled = on,
                    |live, index| live.set_port_enabled(PortShelf::Ldb, index, on),
                )
            },
        ),
        Attribute::ro(c"id", |port, out| port.show_id(out, Live::ldb_port_id)),
        Attribute::ro(c"dev", |port, out| port.show_dev(out, PortShelf::Ldb)),
        Attribute::ro(c"cq_occupancy", |port, out| {
            port.show_live(out, |live, index| {
                live.port_stat(PortShelf::Ldb, index, Xstat::LdbPortDepth)
            })
        }),
        Attribute::ro(c"inflights", |port, out| {
            port.show_live(out, |live, index| {
                live.port_stat(PortShelf::Ldb, index, Xstat::LdbPortInflights)
            })
        }),
        Attribute::ro(c"scheduled", |port, out| {
            port.show_live(out, |live, index| {
                live.port_stat(PortShelf::Ldb, index, Xstat::LdbPortScheduled)
            })
        }),
    ];
    type Desc = LdbPortDesc;

    fn new(name: Name) -> Self {
        Self {
            name,
            cq_depth: 64,
            cq_history_list_size: Count::Auto,
            cq_depth_threshold: 1,
            cos: None,
            cos_strict: false,
            cq_weight_limit: 0,
            inflight_threshold: 0,
            links: Links::default(),
            enabled: true,
        }
    }

    fn entries(inner: &Inner) -> &KVec<Entry<Self>> {
        &inner.ldb_ports
    }

    fn entries_mut(inner: &mut Inner) -> &mut KVec<Entry<Self>> {
        &mut inner.ldb_ports
    }

    fn check(inner: &Inner, name: &Name) -> Result {
        check_port(inner, name)
    }

    fn describe(&self) -> Result<LdbPortDesc> {
        let mut links = KVec::with_capacity(parse::MAX_LINKS, GFP_KERNEL)?;
        for link in self.links.iter() {
            links.push_within_capacity(link)?;
        }
        Ok(LdbPortDesc {
            name: self.name,
            cq_depth: self.cq_depth,
            cq_history_list_size: self.cq_history_list_size,
            cq_depth_threshold: self.cq_depth_threshold,
            cos: self.cos,
            cos_strict: self.cos_strict,
            cq_weight_limit: self.cq_weight_limit,
            inflight_threshold: self.inflight_threshold,
            links,
            enabled: self.enabled,
        })
    }
}

/// A directed port.
#[derive(Clone, Copy)]
struct DirPort {
    name: Name,
    cq_depth: u32,
    cq_depth_threshold: u32,
    producer: bool,
    queue: Option<Name>,
    enabled: bool,
}

impl Kind for DirPort {
    const SHELF: &'static str = "dir_ports";
    const ATTRIBUTES: &'static [Attribute<Object<Self>>] = &[
        setting!(c"cq_depth", cq_depth, parse::cq_depth),
        setting!(
            c"cq_depth_threshold",
            cq_depth_threshold,
            parse::cq_depth_threshold
        ),
        setting!(c"producer", producer, parse::flag),
        setting!(c"queue", queue, parse::reference),
        Attribute::rw(
            c"enabled",
            |port, out| port.show(out, |config| config.enabled),
            |port, input| {
                let on = parse::flag(input)?;
                port.change(
                    |config| config.enabled = on,
                    |live, index| live.set_port_enabled(PortShelf::Dir, index, on),
                )
            },
        ),
        Attribute::ro(c"id", |port, out| port.show_id(out, Live::dir_port_id)),
        Attribute::ro(c"dev", |port, out| port.show_dev(out, PortShelf::Dir)),
        Attribute::ro(c"cq_occupancy", |port, out| {
            port.show_live(out, |live, index| {
                live.port_stat(PortShelf::Dir, index, Xstat::DirPortDepth)
            })
        }),
        Attribute::ro(c"scheduled", |port, out| {
            port.show_live(out, |live, index| {
                live.port_stat(PortShelf::Dir, index, Xstat::DirPortScheduled)
            })
        }),
    ];
    type Desc = DirPortDesc;

    fn new(name: Name) -> Self {
        Self {
            name,
            cq_depth: 64,
            cq_depth_threshold: 1,
            producer: false,
            queue: None,
            enabled: true,
        }
    }

    fn entries(inner: &Inner) -> &KVec<Entry<Self>> {
        &inner.dir_ports
    }

    fn entries_mut(inner: &mut Inner) -> &mut KVec<Entry<Self>> {
        &mut inner.dir_ports
    }

    fn check(inner: &Inner, name: &Name) -> Result {
        check_port(inner, name)
    }

    fn describe(&self) -> Result<DirPortDesc> {
        Ok(DirPortDesc {
            name: self.name,
            cq_depth: self.cq_depth,
            cq_depth_threshold: self.cq_depth_threshold,
            producer: self.producer,
            queue: self.queue,
            enabled: self.enabled,
        })
    }
}
