// SPDX-License-Identifier: GPL-2.0

//! Interrupts: consumer queues that have entries, and alarms.

use kernel::{
    fmt,
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        Mutex,
        SpinLock, //
    },
    time::Msecs, //
};

use crate::{
    device::{
        Device,
        Phase,
        PortName,
        State,
        Words, //
    },
    domain::Live,
    files::{
        Alert,
        AlertKind,
        Port, //
    },
    glue::{
        irq::Handler,
        time::now_ms,
        work::Run, //
    },
    hw,
    pf::Regs,
    sriov::{
        self,
        Outbox, //
    }, //
};

/// Directed ports of the largest device.
const DIR_PORTS: usize = 96;
/// Load-balanced ports of the largest device.
const LDB_PORTS: usize = 64;

/// Whom the interrupt of each consumer queue wakes.
#[pin_data]
pub(crate) struct Wakers {
    #[pin]
    ports: SpinLock<Ports>,
}

struct Ports {
    ldb: [Option<Arc<Port>>; LDB_PORTS],
    dir: [Option<Arc<Port>>; DIR_PORTS],
}

impl Ports {
    fn slot(&mut self, port: hw::Port) -> Option<&mut Option<Arc<Port>>> {
        match port {
            hw::Port::Ldb(id) => self.ldb.get_mut(usize::from(id)),
            hw::Port::Dir(id) => self.dir.get_mut(usize::from(id)),
        }
    }
}

impl Wakers {
    /// Nobody yet.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                ports <- new_spinlock!(
                    Ports {
                        ldb: [const { None }; LDB_PORTS],
                        dir: [const { None }; DIR_PORTS],
                    },
                    "dlb::Wakers::ports"
                ),
            }),
            GFP_KERNEL,
        )
    }

    /// Wakes the users of these ports from now on.
    pub(crate) fn set(&self, ports: &[Arc<Port>]) {
        for port in ports {
            let before = self
                .ports
                .lock()
                .slot(port.physical)
                .and_then(|slot| slot.replace(port.clone()));
            drop(before);
        }
    }

    /// Leaves the users of these ports alone from now on.
    pub(crate) fn clear(&self, ports: &[Arc<Port>]) {
        for port in ports {
            let before = self
                .ports
                .lock()
                .slot(port.physical)
                .filter(|slot| slot.as_ref().is_some_and(|there| Arc::ptr_eq(there, port)))
                .and_then(Option::take);
            drop(before);
        }
    }

    /// Whether anybody waits for an interrupt.
    fn anyone_waits(&self) -> bool {
        let ports = self.ports.lock();
        Iterator::chain(ports.ldb.iter(), ports.dir.iter())
            .flatten()
            .any(|port| port.has_waiters())
    }

    /// Wakes the user of a port.
    pub(crate) fn wake(&self, port: hw::Port) {
        let port = self
            .ports
            .lock()
            .slot(port)
            .and_then(|slot| slot.as_ref().cloned());
        if let Some(port) = port {
            port.interrupt();
        }
    }
}

/// The one vector that all consumer queues share.
#[pin_data]
pub(crate) struct ConsumerQueues {
    regs: Arc<Regs>,
    version: hw::Version,
    wakers: Arc<Wakers>,
    /// The acknowledgement takes several steps.
    #[pin]
    serving: Mutex<()>,
}

impl ConsumerQueues {
    /// Serves the consumer queues of a device.
    pub(crate) fn new(
        regs: Arc<Regs>,
        version: hw::Version,
        wakers: Arc<Wakers>,
    ) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                regs,
                version,
                wakers,
                serving <- new_mutex!((), "dlb::ConsumerQueues::serving"),
            }),
            GFP_KERNEL,
        )
    }
}

impl Serve for ConsumerQueues {
    fn serve(&self) {
        let serving = self.serving.lock();
        // Nothing can be done about a device that is gone, and its users are told by others.
        let Ok(events) = hw::irq::take_cq_events(&*self.regs, self.version) else {
            return;
        };
        drop(serving);
        let (mut ldb, mut dir) = (events.ldb, events.dir);
        while ldb != 0 {
            // CAST: At most 63.
            self.wakers.wake(hw::Port::Ldb(ldb.trailing_zeros() as u8));
            ldb &= ldb.wrapping_sub(1);
        }
        while dir != 0 {
            // CAST: At most 127.
            self.wakers.wake(hw::Port::Dir(dir.trailing_zeros() as u8));
            dir &= dir.wrapping_sub(1);
        }
    }

    fn wakers(&self) -> &Wakers {
        &self.wakers
    }
}

impl Handler for Arc<ConsumerQueues> {
    fn handle(&self) {
        self.serve();
    }
}

/// The interrupts of all consumer queues of a function.
pub(crate) trait Serve: Send + Sync {
    /// Wakes the users of all consumer queues that have raised their interrupts.
    fn serve(&self);
    /// Whom they wake.
    fn wakers(&self) -> &Wakers;
}

/// How often somebody who sleeps is looked after, in milliseconds.
pub(crate) const LOST_POLL_MS: Msecs = 200;

/// Finds interrupts that got lost on their way, which happens: the device believes that it has sent
/// its message and sends no other, for any consumer queue, before that is acknowledged. Works only
/// while somebody waits.
pub(crate) struct LostInterrupts(pub(crate) Arc<dyn Serve>);

impl Run for LostInterrupts {
    fn run(&self) -> Option<Msecs> {
        if !self.0.wakers().anyone_waits() {
            return None;
        }
        self.0.serve();
        Some(LOST_POLL_MS)
    }
}

/// Lets through what is rare, and counts the rest.
pub(crate) struct RateLimit {
    last: Option<u32>,
    suppressed: u32,
}

impl RateLimit {
    /// Once in so many milliseconds.
    const PERIOD_MS: u32 = 5000;

    pub(crate) const fn new() -> Self {
        Self {
            last: None,
            suppressed: 0,
        }
    }

    /// Whether to let this one through, and how many were not since the last.
    pub(crate) fn pass(&mut self) -> Option<u32> {
        let now = now_ms();
        if self
            .last
            .is_some_and(|last| now.wrapping_sub(last) < Self::PERIOD_MS)
        {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.last = Some(now);
        Some(core::mem::take(&mut self.suppressed))
    }
}

/// Handles the vector of everything else.
#[pin_data]
pub(crate) struct Alarms {
    device: Arc<Device>,
    #[pin]
    limits: Mutex<Limits>,
}

/// For what is about the physical function, or the device. A virtual function has its own.
struct Limits {
    ingress: RateLimit,
    watchdog: RateLimit,
    hardware: RateLimit,
    storm: RateLimit,
}

impl Alarms {
    /// A handler for the alarms of a device.
    pub(crate) fn new(device: Arc<Device>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                device,
                limits <- new_mutex!(
                    Limits {
                        ingress: RateLimit::new(),
                        watchdog: RateLimit::new(),
                        hardware: RateLimit::new(),
                        storm: RateLimit::new(),
                    },
                    "dlb::Alarms::limits"
                ),
            }),
            GFP_KERNEL,
        )
    }
}

impl Alarms {
    /// Serves the alarms. Returns after how many milliseconds to come again, if no interrupt will
    /// say so.
    fn serve(&self) -> Option<Msecs> {
        // An alarm that is not acknowledged is the last one: a device that has gone to sleep
        // meanwhile is woken up for it.
        let power = Device::power_up(&self.device);
        let mut state = self.device.lock();
        // While the device is being reset nothing is served: what a virtual function has made in a
        // device that is blank already would be forgotten, and stay in the hardware. What comes then
        // is looked for afterwards, as there will be no other alarm.
        if power.is_err() || !state.awake || state.phase == Phase::Resetting {
            return None;
        }
        let State {
            function,
            domains,
            vfs,
            ..
        } = &mut *state;
        let mut sink = Sink {
            device: &self.device,
            domains,
            limits: &mut self.limits.lock(),
            vfs: sriov::Events {
                device: &self.device,
                vfs,
            },
            outbox: Outbox::new(),
        };
        // A virtual function has no alarms.
        let (pf, csr) = function.as_mut()?.physical()?;
        let again = match service(pf, csr, self.device.index, &mut sink) {
            Ok(again_ms) => again_ms,
            Err(err) => {
                if let Some(suppressed) = sink.limits.hardware.pass() {
                    dev_err!(
                        self.device.binding.device(),
                        "alarms cannot be read: {} ({suppressed} more before)\n",
                        Words(&err)
                    );
                }
                None
            }
        };
        let outbox = sink.outbox;
        outbox.send(csr, pf.version());
        let pending = pf.pending();
        drop(state);
        // What virtual functions have asked for can take time, too.
        if pending != 0 {
            self.device.kick();
        }
        again
    }
}

impl Handler for Arc<Alarms> {
    fn handle(&self) {
        if let Some(delay) = self.serve() {
            self.device.alarm_again(delay);
        }
    }
}

/// Reports errors of virtual functions that have caused too many, when it is their turn again.
pub(crate) struct DelayedAlarms(pub(crate) Arc<Alarms>);

impl Run for DelayedAlarms {
    fn run(&self) -> Option<Msecs> {
        self.0.serve()
    }
}

/// Finds out why the alarm vector of device number `index` was raised, and clears the reasons.
/// Returns after how many milliseconds to come again.
fn service(
    pf: &mut hw::Pf,
    csr: &dyn hw::Csr,
    index: u32,
    sink: &mut Sink<'_>,
) -> hw::Result<Option<Msecs>> {
    let causes = pf.service_alarms(csr, now_ms(), sink)?;
    if causes.vf {
        // Tells guests which of several devices they have; nobody has as many as 256.
        let id = u8::try_from(index).unwrap_or(u8::MAX);
        pf.service_vfs(csr, now_ms(), id, &mut sink.vfs)?;
    }
    Ok(causes.again_ms)
}

/// Where alarms go: to the domain that they are about, and a few of them to the log.
struct Sink<'a> {
    device: &'a Device,
    domains: &'a [Arc<Live>],
    limits: &'a mut Limits,
    vfs: sriov::Events<'a>,
    /// What has to wait until the device can be used again.
    outbox: Outbox,
}

impl Sink<'_> {
    fn alert(&mut self, kind: AlertKind, owner: &hw::PortOwner) {
        let data = u64::from(hw::irq::alert_data(owner.port_id));
        if owner.func != hw::Func::Pf {
            self.outbox.add(Alert { kind, data }, owner);
            return;
        }
        let live = self
            .domains
            .iter()
            .find(|live| live.id() == owner.domain_id && !live.has_ended());
        if let Some(live) = live {
            live.alert(Alert { kind, data });
        }
    }
}

/// Whose domain a line in the log is about, if not the physical function's.
pub(crate) struct Whose(pub(crate) hw::Func);

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            hw::Func::Pf => Ok(()),
            hw::Func::Vf(vf) => write!(f, "VF {vf}, "),
        }
    }
}

/// What an ingress error was, in words.
fn describe(alert: hw::irq::Alert) -> (AlertKind, &'static str) {
    use hw::irq::Alert as A;
    match alert {
        A::IllegalEnqueue => (AlertKind::IllegalEnqueue, "illegal enqueue"),
        A::ExcessTokenPops => (AlertKind::ExcessTokens, "too many tokens returned"),
        A::IllegalHcw => (AlertKind::IllegalHcw, "illegal command"),
        A::IllegalQid => (AlertKind::IllegalQueue, "no such queue"),
        A::DisabledQid => (AlertKind::DisabledQueue, "queue not enabled for the domain"),
        A::Unknown => (AlertKind::Unknown, "command refused"),
    }
}

impl hw::irq::Alarms for Sink<'_> {
    fn ingress(&mut self, error: hw::irq::IngressError) {
        let (kind, words) = describe(error.alert);
        let dev = self.device.binding.device();
        if let Some(owner) = &error.port {
            self.alert(kind, owner);
        }
        let limit = match error.func {
            hw::Func::Pf => Some(&mut self.limits.ingress),
            hw::Func::Vf(vf) => self.vfs.ingress(vf),
        };
        let Some(suppressed) = limit.and_then(RateLimit::pass) else {
            return;
        };
        let who = Whose(error.func);
        match &error.port {
            Some(owner) => dev_warn!(
                dev,
                "{who}domain {}, port {}, queue {}: {words} ({suppressed} more errors before)\n",
                owner.domain_id,
                PortName(owner.port_id),
                error.qid
            ),
            None => dev_warn!(
                dev,
                "{who}a port that is not in use, queue {}: {words} ({suppressed} more errors \
                 before)\n",
                error.qid
            ),
        }
    }

    fn watchdog(&mut self, owner: hw::PortOwner) {
        self.alert(AlertKind::Watchdog, &owner);
        let limit = match owner.func {
            hw::Func::Pf => Some(&mut self.limits.watchdog),
            hw::Func::Vf(vf) => self.vfs.watchdog(vf),
        };
        if let Some(suppressed) = limit.and_then(RateLimit::pass) {
            dev_warn!(
                self.device.binding.device(),
                "{}domain {}, port {}: the consumer does not take its events ({suppressed} more \
                 before)\n",
                Whose(owner.func),
                owner.domain_id,
                PortName(owner.port_id)
            );
        }
    }

    fn hardware(&mut self, alarm: hw::irq::HwAlarm) {
        if let Some(suppressed) = self.limits.hardware.pass() {
            dev_err!(
                self.device.binding.device(),
                "hardware alarm of {}, unit {}{}: alarm {}, class {}, type {}, syndrome \
                 {:#x}{} ({suppressed} more before)\n",
                match alarm.source {
                    0 => "the system interface",
                    1 => "the core",
                    _ => "an unknown part",
                },
                alarm.unit,
                match (alarm.source, alarm.unit) {
                    (1, 4) => " (credits and history lists)",
                    _ => "",
                },
                alarm.aid,
                alarm.class,
                alarm.rtype,
                alarm.syndrome,
                if alarm.more { ", and others" } else { "" }
            );
        }
    }

    fn storm(&mut self) {
        if let Some(suppressed) = self.limits.storm.pass() {
            dev_warn!(
                self.device.binding.device(),
                "too many refused commands: their alarms are off until ingress_err_en is written \
                 ({suppressed} more before)\n"
            );
        }
    }

    fn throttled(&mut self, vf: u8) {
        self.vfs.throttled(vf);
    }
}
