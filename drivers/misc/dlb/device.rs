// SPDX-License-Identifier: GPL-2.0

//! One function of the hardware, `dlbN`, as the rest of the driver sees it.
//!
//! A [`Device`] is reference counted and outlives the hardware: domains, open files and
//! configuration may still hold one when the function is unbound or taken away. What reaches the
//! hardware is behind a lock and goes at that moment.
//!
//! Locking, from the outside in: [`Device::building`], the state of a domain
//! ([`crate::domain::Live`]), the state of the device, the state of a port. The lock of the list of
//! devices is taken alone. Documentation/misc-devices/dlb.rst has all locks of the driver.

use kernel::{
    fmt,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex,
        MutexGuard, //
    },
    time::Msecs, //
};

use crate::{
    debug,
    desc::{
        DeviceSel,
        Name,
        Refusal, //
    },
    domain::Live,
    glue::{
        debugfs,
        pci::Binding,
        pm,
        statics,
        vec,
        vma::Pfn,
        work::{
            Delayed,
            Run, //
        }, //
    },
    hw,
    irq::{
        Alarms,
        DelayedAlarms,
        LostInterrupts,
        RateLimit,
        Serve,
        Wakers,
        Whose,
        LOST_POLL_MS, //
    },
    sriov::Record, //
};

/// What a function of the device can do for a domain.
///
/// The physical function works the registers, a virtual function asks the physical one: everything
/// above this is the same for both. Numbers of queues and ports are those of the function.
pub(crate) trait Function: Send {
    fn version(&self) -> hw::Version;
    /// One entry of a consumer queue per cache line.
    fn sparse(&self) -> bool;
    /// Sequence numbers per queue of each group.
    fn sequence_numbers(&self) -> hw::Result<[u32; 2]>;
    /// What is free.
    fn available(&self) -> hw::Result<hw::Resources>;
    /// What there is, free or not.
    fn total(&self) -> hw::Resources;

    fn create_domain(&mut self, args: &hw::DomainArgs) -> hw::Result<u32>;
    fn create_ldb_queue(&mut self, domain: u32, args: &hw::LdbQueueArgs) -> hw::Result<u32>;
    fn create_dir_queue(&mut self, domain: u32, args: &hw::DirQueueArgs) -> hw::Result<u32>;
    fn create_ldb_port(&mut self, domain: u32, args: &hw::LdbPortArgs) -> hw::Result<u32>;
    fn create_dir_port(&mut self, domain: u32, args: &hw::DirPortArgs) -> hw::Result<u32>;
    /// Turns the interrupt of a consumer queue on, at a number of entries.
    fn enable_interrupt(&mut self, domain: u32, port: hw::PortId, threshold: u32) -> hw::Result;
    fn set_cq_weight(&mut self, domain: u32, port: u32, limit: u32) -> hw::Result;
    fn link(&mut self, domain: u32, port: u32, queue: u32, priority: u32) -> hw::Result;
    fn unlink(&mut self, domain: u32, port: u32, queue: u32) -> hw::Result;
    fn pending_unlinks(&self, domain: u32, port: u32) -> hw::Result<u32>;
    /// The priority of a link that there is or will be. Only the physical function knows.
    fn link_priority(&self, domain: u32, port: u32, queue: u32) -> hw::Result<Option<u8>>;
    /// Advances what links and unlinks are under way by a step; returns how many there are.
    fn service_pending(&mut self, stuck: &mut dyn FnMut(hw::links::StuckLink)) -> hw::Result<u32>;
    fn start(&mut self, domain: u32) -> hw::Result;
    fn stop(&mut self, domain: u32) -> hw::Result;
    fn set_port_enabled(&mut self, domain: u32, port: hw::PortId, on: bool) -> hw::Result;
    fn ldb_queue_depth(&self, domain: u32, queue: u32) -> hw::Result<u32>;
    fn dir_queue_depth(&self, domain: u32, queue: u32) -> hw::Result<u32>;
    /// Reads a counter of a queue or port.
    fn xstat(&self, domain: u32, stat: hw::Xstat) -> hw::Result<u64>;
    /// Drains a domain and gives everything it has back.
    fn reset_domain(&mut self, domain: u32) -> hw::Result;
    /// The port that a producer page and an interrupt are told by: of the device on a physical
    /// function, which is all of it, of the function on a virtual one.
    fn physical_port(&self, domain: u32, port: hw::PortId) -> hw::Result<hw::Port>;
    /// The page of the producer port.
    fn producer(&self, port: hw::Port) -> Result<Pfn>;

    /// Makes the function work after a reset, or after it was without power.
    fn restart(&mut self) -> hw::Result;
    /// The device behind a physical function, and its registers. A virtual function has none.
    fn physical(&mut self) -> Option<(&mut hw::Pf, &dyn hw::Csr)>;
}

/// What can be done with a device at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Everything.
    Running,
    /// Nothing, until the reset that is under way is over.
    Resetting,
    /// Nothing, until it is reset: it has lost track of its events.
    Failed,
    /// Nothing, ever.
    Gone,
}

/// What there is of a device while it is bound.
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) function: Option<KBox<dyn Function>>,
    /// Whether the registers can be reached: not while the device sleeps.
    pub(crate) awake: bool,
    /// Keeps the device awake while it is being reset.
    pub(crate) reset_power: Option<Power>,
    /// Keeps the device awake while there are virtual functions.
    pub(crate) vf_power: Option<Power>,
    /// What each virtual function has done.
    pub(crate) vfs: KVec<Record>,
    /// Shows that, while there are virtual functions.
    pub(crate) vf_debug: Option<debugfs::Dir<debug::File>>,
    /// The domains built on the device, and those that ended but could not be given back.
    pub(crate) domains: KVec<Arc<Live>>,
}

impl State {
    /// Why the function cannot be used.
    pub(crate) fn error(&self) -> Error {
        match self.phase {
            Phase::Resetting => EBUSY,
            Phase::Failed => EIO,
            Phase::Running | Phase::Gone => ENODEV,
        }
    }

    /// What only a physical function has: the device, and its registers unless it sleeps.
    ///
    /// # Errors
    ///
    /// ENODEV or another error if the function cannot be used, EPERM if it is a virtual one.
    pub(crate) fn pf(&mut self) -> Result<(&mut hw::Pf, Option<&dyn hw::Csr>)> {
        let awake = self.awake;
        let (pf, csr) = self.function()?.physical().ok_or(EPERM)?;
        Ok((pf, awake.then_some(csr)))
    }

    /// The same whatever the phase: a physical function that has failed still has virtual ones, and
    /// they listen to it. None on a virtual function, or while the device sleeps.
    pub(crate) fn physical(&mut self) -> Option<(&mut hw::Pf, &dyn hw::Csr)> {
        match (self.awake, self.function.as_mut()) {
            (true, Some(function)) => function.physical(),
            _ => None,
        }
    }

    /// Adds a domain that was built on the device.
    pub(crate) fn add(&mut self, live: Arc<Live>) -> Result {
        vec::push(&mut self.domains, live)
    }

    /// Forgets a domain that has given everything back.
    pub(crate) fn remove(&mut self, live: &Live) {
        let place = self
            .domains
            .iter()
            .position(|other| core::ptr::eq(&raw const **other, live));
        if let Some(place) = place {
            vec::remove(&mut self.domains, place);
        }
    }

    /// The function, if it can be used.
    pub(crate) fn function(&mut self) -> Result<&mut (dyn Function + 'static)> {
        let error = self.error();
        match (self.phase, self.function.as_mut()) {
            (Phase::Running, Some(function)) => Ok(&mut **function),
            _ => Err(error),
        }
    }
}

/// One function of the hardware.
#[pin_data]
pub(crate) struct Device {
    /// The N of `dlbN`.
    pub(crate) index: u32,
    /// `dlbN`.
    pub(crate) name: Name,
    pub(crate) version: hw::Version,
    pub(crate) binding: Arc<Binding>,
    /// Whom the interrupts of consumer queues wake.
    pub(crate) wakers: Arc<Wakers>,
    /// None once the device is gone, so that another can have the number.
    #[pin]
    number: Mutex<Option<Number>>,
    /// Held while a domain is built, so that the end of the device comes before or after, and so
    /// does another layout of consumer queues.
    #[pin]
    pub(crate) building: Mutex<()>,
    #[pin]
    state: Mutex<State>,
    #[pin]
    stuck: Mutex<StuckLimits>,
    /// None once the device is gone.
    #[pin]
    workers: Mutex<Option<Workers>>,
}

/// What is done for a device in the background.
struct Workers {
    /// Finishes links and unlinks.
    links: Pin<KBox<Delayed<LinkWorker>>>,
    /// Looks after those who sleep.
    lost: Pin<KBox<Delayed<LostInterrupts>>>,
    /// Serves alarms that had to wait, of a physical function.
    alarms: Option<Pin<KBox<Delayed<DelayedAlarms>>>>,
}

/// For what is said of the links that each function gives up: by virtual function, and the physical
/// one last.
type StuckLimits = [RateLimit; hw::resources::MAX_VFS + 1];

/// How often links and unlinks that are under way are looked at, in milliseconds.
const LINK_POLL_MS: Msecs = 1;

/// The work of finishing links and unlinks.
struct LinkWorker {
    device: Arc<Device>,
}

impl LinkWorker {
    /// Tells all domains that links are not what they were told before.
    fn reconcile(&self) {
        // From the end, so that domains which go or come meanwhile let none be left out.
        let mut index = self.device.lock().domains.len();
        while let Some(before) = index.checked_sub(1) {
            index = before;
            let live = self.device.lock().domains.get(index).cloned();
            if let Some(live) = live {
                live.reconcile_links();
            }
        }
    }
}

impl Run for LinkWorker {
    fn run(&self) -> Option<Msecs> {
        let dev = self.device.binding.device();
        let mut any = false;
        let mut state = self.device.lock();
        let function = match (state.phase, state.awake) {
            // A consumer queue whose links change may be off meanwhile: what has begun is brought to
            // its end, for the domains that still run until the device is reset.
            (Phase::Running | Phase::Failed, true) => state.function.as_mut()?,
            _ => return None,
        };
        let mut limits = self.device.stuck.lock();
        let pending = function.service_pending(&mut |link| {
            any = true;
            let limit = match link.port.func {
                hw::Func::Pf => limits.last_mut(),
                hw::Func::Vf(vf) => limits.get_mut(usize::from(vf)),
            };
            let Some(suppressed) = limit.and_then(RateLimit::pass) else {
                return;
            };
            dev_warn!(
                dev,
                "{}domain {}, port {}: {} queue {} takes too long and was given up ({suppressed} \
                 more before)\n",
                Whose(link.port.func),
                link.port.domain_id,
                PortName(link.port.port_id),
                if link.removal { "unlinking" } else { "linking" },
                link.queue
            );
        });
        drop(limits);
        drop(state);
        if any {
            self.reconcile();
        }
        matches!(pending, Ok(1..)).then_some(LINK_POLL_MS)
    }
}

/// The name of a port in the log.
pub(crate) struct PortName(pub(crate) hw::PortId);

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            hw::PortId::Ldb(id) => write!(f, "ldb {id}"),
            hw::PortId::Dir(id) => write!(f, "dir {id}"),
        }
    }
}

/// Keeps a device awake.
pub(crate) struct Power {
    device: Arc<Device>,
}

impl Drop for Power {
    fn drop(&mut self) {
        pm::put(self.device.binding.device().as_ref());
    }
}

impl Device {
    /// Makes a device and gives it a number, which is its own from now on; nobody finds it before
    /// [`Device::publish`].
    pub(crate) fn new(
        version: hw::Version,
        binding: Arc<Binding>,
        wakers: Arc<Wakers>,
        function: impl Function + 'static,
    ) -> Result<Arc<Self>> {
        let number = Number::take()?;
        let index = number.0;
        let name = Name::format(fmt!("dlb{index}"))?;
        let function: KBox<dyn Function> = KBox::new(function, GFP_KERNEL)?;
        Arc::pin_init(
            pin_init!(Self {
                index,
                name,
                version,
                binding,
                wakers,
                number <- new_mutex!(Some(number), "dlb::Device::number"),
                building <- new_mutex!((), "dlb::Device::building"),
                state <- new_mutex!(
                    State {
                        phase: Phase::Running,
                        function: Some(function),
                        awake: true,
                        reset_power: None,
                        vf_power: None,
                        vfs: KVec::new(),
                        vf_debug: None,
                        domains: KVec::new(),
                    },
                    "dlb::Device::state"
                ),
                stuck <- new_mutex!(
                    [const { RateLimit::new() }; hw::resources::MAX_VFS + 1],
                    "dlb::Device::stuck"
                ),
                workers <- new_mutex!(None, "dlb::Device::workers"),
            }),
            GFP_KERNEL,
        )
    }

    /// Makes the workers; to be undone by [`Device::retire`].
    pub(crate) fn employ(
        device: &Arc<Self>,
        cqs: Arc<dyn Serve>,
        alarms: Option<Arc<Alarms>>,
    ) -> Result {
        let links = LinkWorker {
            device: device.clone(),
        };
        let workers = Workers {
            links: KBox::pin_init(Delayed::new(links), GFP_KERNEL)?,
            lost: KBox::pin_init(Delayed::new(LostInterrupts(cqs)), GFP_KERNEL)?,
            alarms: match alarms {
                Some(alarms) => {
                    let work = Delayed::new(DelayedAlarms(alarms));
                    Some(KBox::pin_init(work, GFP_KERNEL)?)
                }
                None => None,
            },
        };
        *device.workers.lock() = Some(workers);
        Ok(())
    }

    /// Ends the workers.
    pub(crate) fn retire(&self) {
        let workers = self.workers.lock().take();
        drop(workers);
    }

    /// Has links and unlinks that are under way finished.
    pub(crate) fn kick(&self) {
        if let Some(workers) = &*self.workers.lock() {
            workers.links.queue(0);
        }
    }

    /// Has alarms served for which there will be no interrupt.
    pub(crate) fn alarm_again(&self, delay: Msecs) {
        if let Some(Workers {
            alarms: Some(alarms),
            ..
        }) = &*self.workers.lock()
        {
            alarms.queue(delay);
        }
    }

    /// Somebody is about to sleep until a consumer queue interrupts.
    pub(crate) fn watch(&self) {
        if let Some(workers) = &*self.workers.lock() {
            workers.lost.queue(LOST_POLL_MS);
        }
    }

    /// Wakes the device up, and keeps it awake for as long as the result exists.
    pub(crate) fn power_up(device: &Arc<Self>) -> Result<Power> {
        pm::get(device.binding.device().as_ref())?;
        Ok(Power {
            device: device.clone(),
        })
    }

    /// The state of the device, locked.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Lets users find the device.
    pub(crate) fn publish(device: &Arc<Self>) {
        let mut seats = statics::DEVICES.lock();
        let seat = seats.iter_mut().find(|seat| seat.number == device.index);
        if let Some(seat) = seat {
            seat.device = Some(device.clone());
        }
    }

    /// Hides the device from users, and gives its number up.
    pub(crate) fn withdraw(device: &Device) {
        let number = device.number.lock().take();
        drop(number);
    }

    /// Finds the device that a user means.
    ///
    /// # Errors
    ///
    /// ENODEV if there is none, EINVAL if there are several to choose from.
    pub(crate) fn select(which: DeviceSel) -> Result<Arc<Self>, Refusal> {
        let seats = statics::DEVICES.lock();
        let mut devices = seats.iter().filter_map(|seat| seat.device.as_ref());
        match which {
            DeviceSel::Named(name) => match devices.find(|device| device.name == name) {
                Some(device) => Ok(device.clone()),
                None => Err(Refusal::new(ENODEV, fmt!("there is no device {name}"))),
            },
            DeviceSel::Auto => match (devices.next(), devices.next()) {
                (None, _) => Err(Refusal::new(ENODEV, fmt!("there is no device"))),
                (Some(device), None) => Ok(device.clone()),
                (Some(_), Some(_)) => Err(Refusal::new(
                    EINVAL,
                    fmt!(
                        "there are {} devices: write one to device",
                        devices.fold(2u32, |count, _| count.saturating_add(1))
                    ),
                )),
            },
        }
    }
}

/// A place in the list of devices.
pub(crate) struct Seat {
    number: u32,
    /// Empty while the device is being probed.
    device: Option<Arc<Device>>,
}

/// A place that is taken. Dropping it frees the place, with the device in it.
struct Number(u32);

impl Number {
    /// Takes the lowest number that is free. Several devices can be probed at the same time.
    fn take() -> Result<Self> {
        let mut seats = statics::DEVICES.lock();
        let number = (0..u32::MAX)
            .find(|number| seats.iter().all(|seat| seat.number != *number))
            .ok_or(ENOSPC)?;
        let seat = Seat {
            number,
            device: None,
        };
        vec::push(&mut seats, seat)?;
        Ok(Self(number))
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        let mut gone = None;
        let mut seats = statics::DEVICES.lock();
        let place = seats.iter().position(|seat| seat.number == self.0);
        if let Some(place) = place {
            gone = vec::remove(&mut seats, place);
        }
        // Nobody drops a static when the module goes.
        let list = match seats.is_empty() {
            true => core::mem::replace(&mut *seats, KVec::new()),
            false => KVec::new(),
        };
        drop(seats);
        drop((gone, list));
    }
}

/// What the version of a device is called.
pub(crate) const fn version_name(version: hw::Version) -> &'static str {
    match version {
        hw::Version::V2 => "2.0",
        hw::Version::V25 => "2.5",
    }
}

/// Words for an error of the hardware layer.
pub(crate) struct Words<'a>(pub(crate) &'a hw::Error);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self.0, f)
    }
}

/// The errno for an error of the hardware layer.
pub(crate) fn errno(error: &hw::Error) -> Error {
    Error::from_errno(error.errno())
}
