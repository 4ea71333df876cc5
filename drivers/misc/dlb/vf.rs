// SPDX-License-Identifier: GPL-2.0

//! The virtual function: registers, and requests to the physical function, which does the work.
//!
//! Requests are made with the state of the device locked, one at a time, and each wait for an
//! answer sleeps and ends. Interrupts and messages of the physical function are served without that
//! lock, because the physical function may wait for this driver while this driver waits for it.

use core::{
    cell::Cell,
    mem, //
};
use kernel::{
    device::{
        Bound,
        Core, //
    },
    new_mutex,
    new_spinlock,
    pci,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        Mutex,
        SpinLock, //
    },
    time::{
        delay::fsleep,
        Delta,
        Msecs, //
    }, //
};

use crate::{
    device::{
        self,
        errno,
        Device,
        Function,
        Words, //
    },
    files::{
        Alert,
        AlertKind, //
    },
    glue::{
        irq::{
            Handler,
            Registration, //
        },
        mmio::Window,
        pci::{
            self as glue_pci,
            Binding,
            Region, //
        },
        vec,
        vma::Pfn,
        work::{
            Delayed,
            Run, //
        }, //
    },
    hw::{
        self,
        links::StuckLink,
        mbox::DomainAlert,
        vfdev::{
            PfMessage,
            MAILBOX_SOURCE, //
        },
        Bar,
        Csr,
        Hcw,
        VfDev, //
    },
    irq::{
        Serve,
        Wakers, //
    },
    reset::{
        self,
        PfLoss, //
    }, //
};

/// What is mapped of the BAR: mailbox, interrupt registers, producer ports.
const FUNC_LEN: usize = 0x214_0000;

/// The registers of a virtual function.
pub(crate) struct Regs {
    // The mapping goes before the claim to what it maps.
    func: Window,
    bar: Region,
}

impl Regs {
    fn new(dev: &pci::Device<Bound>) -> Result<Self> {
        let bar = Region::new(dev, 0, FUNC_LEN as u64, c"dlb")?;
        let func = bar.map(0, FUNC_LEN)?;
        Ok(Self { func, bar })
    }
}

impl Csr for Regs {
    fn read(&self, bar: Bar, offset: u32) -> u32 {
        match bar {
            // CAST: `usize` is at least as wide as `u32` on the 64-bit machines that have this
            // device.
            Bar::Func => self.func.read32(offset as usize),
            Bar::Csr => !0,
        }
    }

    fn write(&self, bar: Bar, offset: u32, value: u32) {
        match bar {
            // CAST: As above.
            Bar::Func => self.func.write32(offset as usize, value),
            Bar::Csr => {}
        }
    }

    fn pp_line(&self, port: hw::Port, line: &[Hcw; 4]) {
        let words = Hcw::line_to_words(line);
        // CAST: As above.
        self.func.write_line(hw::pp_offset(port) as usize, &words);
    }

    fn delay_us(&self, us: u32) {
        fsleep(Delta::from_micros(us.into()));
    }
}

/// Interrupt sources that are consumer queues.
const CQ_SOURCES: usize = MAILBOX_SOURCE as usize;

/// The ports whose consumer queues have one interrupt source, one bit each.
#[derive(Clone, Copy, Default)]
struct Ports {
    ldb: u64,
    dir: u128,
}

impl Ports {
    fn one(port: hw::Port) -> Self {
        match port {
            hw::Port::Ldb(id) => Self {
                ldb: 1u64.checked_shl(id.into()).unwrap_or(0),
                dir: 0,
            },
            hw::Port::Dir(id) => Self {
                ldb: 0,
                dir: 1u128.checked_shl(id.into()).unwrap_or(0),
            },
        }
    }

    fn count(self) -> u32 {
        self.ldb.count_ones().saturating_add(self.dir.count_ones())
    }

    fn add(&mut self, other: Self) {
        self.ldb |= other.ldb;
        self.dir |= other.dir;
    }

    fn remove(&mut self, other: Self) {
        self.ldb &= !other.ldb;
        self.dir &= !other.dir;
    }

    fn for_each(mut self, mut f: impl FnMut(hw::Port)) {
        while self.ldb != 0 {
            // CAST: At most 63.
            f(hw::Port::Ldb(self.ldb.trailing_zeros() as u8));
            self.ldb &= self.ldb.wrapping_sub(1);
        }
        while self.dir != 0 {
            // CAST: At most 127.
            f(hw::Port::Dir(self.dir.trailing_zeros() as u8));
            self.dir &= self.dir.wrapping_sub(1);
        }
    }
}

/// What the ports of the function are used for. Interrupts look at it, so it has a lock of its own.
#[pin_data]
struct Usage {
    #[pin]
    table: SpinLock<Table>,
}

struct Table {
    /// By interrupt source. There are fewer sources than ports: several ports can share one.
    by_source: [Ports; CQ_SOURCES],
    /// By domain.
    by_domain: [Ports; hw::MAX_DOMAINS],
    /// The domains that there are, one bit each.
    domains: u32,
}

impl Table {
    const fn new() -> Self {
        const NONE: Ports = Ports { ldb: 0, dir: 0 };
        Self {
            by_source: [NONE; CQ_SOURCES],
            by_domain: [NONE; hw::MAX_DOMAINS],
            domains: 0,
        }
    }
}

impl Usage {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                table <- new_spinlock!(Table::new(), "dlb::Usage::table"),
            }),
            GFP_KERNEL,
        )
    }

    fn add_domain(&self, domain: u32) {
        self.table.lock().domains |= 1u32.checked_shl(domain).unwrap_or(0);
    }

    fn remove_domain(&self, domain: u32) {
        let mut table = self.table.lock();
        table.domains &= !1u32.checked_shl(domain).unwrap_or(0);
        // CAST: As in `Regs::read`.
        let ports = match table.by_domain.get_mut(domain as usize) {
            Some(ports) => mem::take(ports),
            None => return,
        };
        for source in &mut table.by_source {
            source.remove(ports);
        }
    }

    /// Chooses the interrupt source of a port of a domain: the one that fewest ports have.
    fn add_port(&self, domain: u32, port: hw::Port) -> u8 {
        let one = Ports::one(port);
        let mut table = self.table.lock();
        // CAST: As in `Regs::read`.
        if let Some(ports) = table.by_domain.get_mut(domain as usize) {
            ports.add(one);
        }
        let least = (0u8..)
            .zip(table.by_source.iter_mut())
            .min_by_key(|(_, ports)| ports.count());
        match least {
            Some((source, ports)) => {
                ports.add(one);
                source
            }
            None => 0,
        }
    }

    fn clear(&self) {
        *self.table.lock() = Table::new();
    }

    fn in_use(&self) -> bool {
        self.table.lock().domains != 0
    }

    /// The ports that any of these sources stands for.
    fn ports(&self, sources: u32) -> Ports {
        let mut all = Ports::default();
        let table = self.table.lock();
        for (source, ports) in (0u32..).zip(&table.by_source) {
            if sources.checked_shr(source).unwrap_or(0) & 1 != 0 {
                all.add(*ports);
            }
        }
        all
    }
}

/// A virtual function whose driver, this one, is registered with the physical function.
pub(crate) struct VirtualFunction {
    regs: Arc<Regs>,
    hw: VfDev,
    usage: Arc<Usage>,
    inbox: Arc<Inbox>,
    sparse: bool,
    total: hw::Resources,
    /// A request was not answered: what the physical function has made of it is not known, and
    /// nothing is asked any more until the function was reset.
    lost: Cell<bool>,
}

impl VirtualFunction {
    /// Maps the registers and registers with the physical function.
    fn new(dev: &pci::Device<Core<'_>>, version: hw::Version) -> Result<Self> {
        let mut function = Self {
            regs: Arc::new(Regs::new(dev)?, GFP_KERNEL)?,
            hw: VfDev::new(version),
            usage: Usage::new()?,
            inbox: Inbox::new()?,
            sparse: true,
            total: hw::Resources::default(),
            lost: Cell::new(false),
        };
        function
            .register(dev)
            .and_then(|()| {
                // What an earlier driver may have left behind.
                function.hw.reset(&*function.regs)?;
                function.look()
            })
            .map_err(|err| {
                dev_err!(
                    dev,
                    "the physical function does not work with us: {}\n",
                    Words(&err)
                );
                errno(&err)
            })?;
        Ok(function)
    }

    fn register(&mut self, dev: &pci::Device<Core<'_>>) -> hw::Result {
        match self.hw.register(&*self.regs) {
            // An earlier driver may have gone while it waited for an answer: a reset gives the
            // mailbox back.
            Err(hw::Error::Timeout(_) | hw::Error::Gone) => {
                if glue_pci::reset_function(dev).is_err() {
                    return Err(hw::Error::Gone);
                }
                self.hw.wait_reset(&*self.regs)?;
                self.hw.register(&*self.regs)
            }
            result => result,
        }
    }

    /// Finds out what does not change while the driver is registered.
    fn look(&mut self) -> hw::Result {
        self.sparse = self.hw.is_sparse(&*self.regs)?;
        self.total = self.hw.total(&*self.regs)?;
        Ok(())
    }

    /// Asks the physical function for something.
    fn ask<R>(&self, request: impl FnOnce(&VfDev, &Regs) -> hw::Result<R>) -> hw::Result<R> {
        if self.lost.get() {
            return Err(hw::Error::Timeout(hw::error::Wait::PfAnswer));
        }
        let result = request(&self.hw, &self.regs);
        // A function whose registers cannot be reached was cut off from them, or is being reset.
        if let Err(hw::Error::Timeout(_) | hw::Error::Gone) = result {
            self.lost.set(true);
            self.inbox.lost();
        }
        result
    }
}

impl Drop for VirtualFunction {
    fn drop(&mut self) {
        // Nobody is left whom an error could be told.
        let _ = self.hw.unregister(&*self.regs);
    }
}

impl Function for VirtualFunction {
    fn version(&self) -> hw::Version {
        self.hw.version()
    }

    fn sparse(&self) -> bool {
        self.sparse
    }

    fn sequence_numbers(&self) -> hw::Result<[u32; 2]> {
        // The physical function may change them while no queue of anybody uses them.
        self.ask(|vf, csr| Ok([vf.sequence_numbers(csr, 0)?, vf.sequence_numbers(csr, 1)?]))
    }

    fn available(&self) -> hw::Result<hw::Resources> {
        self.ask(|vf, csr| vf.available(csr))
    }

    fn total(&self) -> hw::Resources {
        self.total
    }

    fn create_domain(&mut self, args: &hw::DomainArgs) -> hw::Result<u32> {
        let id = self.ask(|vf, csr| vf.create_domain(csr, args))?;
        self.usage.add_domain(id);
        Ok(id)
    }

    fn create_ldb_queue(&mut self, domain: u32, args: &hw::LdbQueueArgs) -> hw::Result<u32> {
        self.ask(|vf, csr| vf.create_ldb_queue(csr, domain, args))
    }

    fn create_dir_queue(&mut self, domain: u32, args: &hw::DirQueueArgs) -> hw::Result<u32> {
        self.ask(|vf, csr| vf.create_dir_queue(csr, domain, args))
    }

    fn create_ldb_port(&mut self, domain: u32, args: &hw::LdbPortArgs) -> hw::Result<u32> {
        self.ask(|vf, csr| vf.create_ldb_port(csr, domain, args))
    }

    fn create_dir_port(&mut self, domain: u32, args: &hw::DirPortArgs) -> hw::Result<u32> {
        self.ask(|vf, csr| vf.create_dir_port(csr, domain, args))
    }

    fn enable_interrupt(&mut self, domain: u32, port: hw::PortId, threshold: u32) -> hw::Result {
        let source = self
            .usage
            .add_port(domain, self.physical_port(domain, port)?);
        let ours = self.hw.registration().vf_id;
        self.ask(|vf, csr| vf.enable_cq_interrupt(csr, port, threshold, source, ours))
    }

    fn set_cq_weight(&mut self, domain: u32, port: u32, limit: u32) -> hw::Result {
        self.ask(|vf, csr| vf.set_cq_weight(csr, domain, port, limit))
    }

    fn link(&mut self, domain: u32, port: u32, queue: u32, priority: u32) -> hw::Result {
        self.ask(|vf, csr| vf.map_queue(csr, domain, port, queue, priority))
    }

    fn unlink(&mut self, domain: u32, port: u32, queue: u32) -> hw::Result {
        self.ask(|vf, csr| vf.unmap_queue(csr, domain, port, queue))
    }

    fn pending_unlinks(&self, domain: u32, port: u32) -> hw::Result<u32> {
        self.ask(|vf, csr| vf.pending_unmaps(csr, domain, port))
    }

    fn link_priority(&self, _: u32, _: u32, _: u32) -> hw::Result<Option<u8>> {
        // There is no message that asks for it.
        Err(hw::Error::Internal)
    }

    fn service_pending(&mut self, _stuck: &mut dyn FnMut(StuckLink)) -> hw::Result<u32> {
        // The physical function finishes what is under way.
        Ok(0)
    }

    fn start(&mut self, domain: u32) -> hw::Result {
        self.ask(|vf, csr| vf.start_domain(csr, domain))
    }

    fn stop(&mut self, domain: u32) -> hw::Result {
        self.ask(|vf, csr| vf.stop_domain(csr, domain))
    }

    fn set_port_enabled(&mut self, domain: u32, port: hw::PortId, on: bool) -> hw::Result {
        self.ask(|vf, csr| vf.set_port_enabled(csr, domain, port, on))
    }

    fn ldb_queue_depth(&self, domain: u32, queue: u32) -> hw::Result<u32> {
        self.ask(|vf, csr| vf.ldb_queue_depth(csr, domain, queue))
    }

    fn dir_queue_depth(&self, domain: u32, queue: u32) -> hw::Result<u32> {
        self.ask(|vf, csr| vf.dir_queue_depth(csr, domain, queue))
    }

    fn xstat(&self, _domain: u32, stat: hw::Xstat) -> hw::Result<u64> {
        let unknown = hw::Error::Unsupported(hw::error::Feature::MailboxCommand);
        self.ask(|vf, csr| vf.xstat(csr, stat))?.ok_or(unknown)
    }

    fn reset_domain(&mut self, domain: u32) -> hw::Result {
        self.ask(|vf, csr| vf.reset_domain(csr, domain))
            .map_err(|err| match err {
                // The registers are gone, but the domain can still be there and write memory.
                hw::Error::Gone => hw::Error::Timeout(hw::error::Wait::PfAnswer),
                err => err,
            })?;
        self.usage.remove_domain(domain);
        Ok(())
    }

    fn physical_port(&self, _domain: u32, port: hw::PortId) -> hw::Result<hw::Port> {
        // What is behind the numbers that the function knows is nobody's business here.
        self.hw.port(port)
    }

    fn producer(&self, port: hw::Port) -> Result<Pfn> {
        self.regs.bar.pfn(hw::pp_offset(port).into())
    }

    fn restart(&mut self) -> hw::Result {
        self.hw.wait_reset(&*self.regs)?;
        self.hw.clear_interrupts(&*self.regs);
        self.usage.clear();
        self.inbox.clear();
        self.lost.set(false);
        self.inbox.receive_late(&self.hw, &self.regs, &self.usage);
        match self.ask(|vf, csr| vf.reset(csr)) {
            // The physical function was reset too, and does not know us any more.
            Err(hw::Error::Mailbox { .. }) => self.hw.register(&*self.regs)?,
            result => result?,
        }
        self.look()?;
        // A function that cannot be reached may read as zero, which looks like success.
        match self.total.domains {
            0 => Err(hw::Error::Gone),
            _ => Ok(()),
        }
    }

    fn physical(&mut self) -> Option<(&mut hw::Pf, &dyn Csr)> {
        None
    }
}

/// How many messages of the physical function are kept until somebody looks at them.
const INBOX: usize = 64;

/// As many of them are dealt with before the work lets others run, so that a physical function that
/// never stops sending keeps nobody else waiting.
const MESSAGES_AT_ONCE: usize = INBOX;

/// Messages that have been acknowledged and not been handled.
#[pin_data]
struct Inbox {
    #[pin]
    letters: Mutex<Letters>,
    /// Handles them. None until there is a device, and when its interrupts are no more.
    #[pin]
    work: Mutex<Option<Pin<KBox<Delayed<Messages>>>>>,
}

struct Letters {
    /// Alerts, oldest first; room for `INBOX` from the start.
    alerts: KVec<DomainAlert>,
    /// Why the domains have to end.
    end: Option<PfLoss>,
    /// How often the function was reset.
    resets: u32,
    /// Whether the device lets us look at the doorbell of the physical function.
    readable: bool,
}

impl Inbox {
    fn new() -> Result<Arc<Self>> {
        let alerts = KVec::with_capacity(INBOX, GFP_KERNEL)?;
        Arc::pin_init(
            pin_init!(Self {
                letters <- new_mutex!(
                    Letters {
                        alerts,
                        end: None,
                        resets: 0,
                        readable: false,
                    },
                    "dlb::Inbox::letters"
                ),
                work <- new_mutex!(None, "dlb::Inbox::work"),
            }),
            GFP_KERNEL,
        )
    }

    /// Has what is here handled.
    fn kick(&self) {
        if let Some(work) = &*self.work.lock() {
            work.queue(0);
        }
    }

    /// The physical function does not answer.
    fn lost(&self) {
        self.letters.lock().end = Some(PfLoss::Silent);
        self.kick();
    }

    /// Takes a message of the physical function, which waits for that. What is to be done about it
    /// can take a request to the physical function, and is left to the work.
    fn receive(&self, hw: &VfDev, regs: &Regs, usage: &Usage) {
        // Locked until the message is acknowledged, so that nobody else takes it as well.
        let mut letters = self.letters.lock();
        let waiting = hw.is_message_waiting(regs, &mut letters.readable);
        if waiting != Ok(true) {
            return;
        }
        let Ok(message) = hw.read_message(regs) else {
            return;
        };
        match message {
            // Alerts beyond what there is room for are lost.
            PfMessage::Alert(alert) if letters.alerts.len() < INBOX => {
                let _ = vec::push(&mut letters.alerts, alert);
            }
            PfMessage::PreReset => letters.end = Some(PfLoss::Resets),
            PfMessage::InUse => hw.answer_in_use(regs, usage.in_use()),
            PfMessage::Alert(_) | PfMessage::Unknown(_) => {}
        }
        hw.acknowledge(regs);
        drop(letters);
        self.kick();
    }

    /// Takes a message whose interrupt was forgotten with others. Until somebody has, the physical
    /// function sends nothing else.
    fn receive_late(&self, hw: &VfDev, regs: &Regs, usage: &Usage) {
        // Without an interrupt only a doorbell that rings is a message.
        match hw.is_message_waiting(regs, &mut true) {
            Ok(true) => {
                self.receive(hw, regs, usage);
                // An alert was for a domain that is no more, and not for the next with its number.
                self.letters.lock().alerts.clear();
            }
            // One that never rings may be one that cannot be looked at.
            Ok(false) if !self.letters.lock().readable => hw.acknowledge(regs),
            _ => {}
        }
    }

    /// Forgets what was about domains that are no more.
    fn clear(&self) {
        let mut letters = self.letters.lock();
        letters.alerts.clear();
        letters.end = None;
        letters.resets = letters.resets.wrapping_add(1);
    }
}

/// The work of handling messages of the physical function.
struct Messages {
    device: Arc<Device>,
    inbox: Arc<Inbox>,
}

/// What an alert of the physical function is about.
fn kind(alert: u32) -> AlertKind {
    match alert {
        0 => AlertKind::IllegalEnqueue,
        1 => AlertKind::ExcessTokens,
        2 => AlertKind::IllegalHcw,
        3 => AlertKind::IllegalQueue,
        4 => AlertKind::DisabledQueue,
        5 => AlertKind::DeviceReset,
        6 => AlertKind::User,
        7 => AlertKind::Watchdog,
        _ => AlertKind::Unknown,
    }
}

impl Messages {
    fn alert(&self, message: &DomainAlert) {
        let live = self
            .device
            .lock()
            .domains
            .iter()
            .find(|live| live.id() == message.domain_id && !live.has_ended())
            .cloned();
        if let Some(live) = live {
            let data = message.aux_alert_data.into();
            live.alert(Alert {
                kind: kind(message.alert_id),
                data,
            });
        }
    }
}

impl Run for Messages {
    fn run(&self) -> Option<Msecs> {
        for _ in 0..MESSAGES_AT_ONCE {
            let mut letters = self.inbox.letters.lock();
            let alert = vec::remove(&mut letters.alerts, 0);
            let end = match alert {
                Some(_) => None,
                None => letters.end.take(),
            };
            let resets = letters.resets;
            drop(letters);
            let is_past = || self.inbox.letters.lock().resets != resets;
            match (alert, end) {
                (Some(alert), _) => self.alert(&alert),
                (None, Some(why)) => reset::pf_lost(&self.device, why, is_past),
                (None, None) => return None,
            }
        }
        Some(1)
    }
}

/// The interrupts of a virtual function.
pub(crate) struct Interrupts {
    regs: Arc<Regs>,
    hw: VfDev,
    wakers: Arc<Wakers>,
    usage: Arc<Usage>,
    inbox: Arc<Inbox>,
    /// How many messages (MSI) there are: a power of two.
    messages: u32,
}

impl Interrupts {
    fn message(&self, message: u32) {
        if let Ok(sources) = self.hw.take_interrupts(&*self.regs, message, self.messages) {
            let usage = self.usage.ports(sources);
            usage.for_each(|port| self.wakers.wake(port));
            if sources.checked_shr(MAILBOX_SOURCE).unwrap_or(0) & 1 != 0 {
                self.inbox.receive(&self.hw, &self.regs, &self.usage);
            }
        }
        self.hw.interrupt_done(&*self.regs, message);
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        let work = self.inbox.work.lock().take();
        // Without the lock, as this waits for the work.
        drop(work);
    }
}

impl Serve for Interrupts {
    fn serve(&self) {
        for message in 0..self.messages {
            self.message(message);
        }
    }

    fn wakers(&self) -> &Wakers {
        &self.wakers
    }
}

/// The handler of one of the messages (MSI).
pub(crate) struct Message {
    interrupts: Arc<Interrupts>,
    number: u32,
}

impl Handler for Message {
    fn handle(&self) {
        self.interrupts.message(self.number);
    }
}

/// The handlers of all messages.
pub(crate) type Vectors = KVec<Pin<KBox<Registration<Message>>>>;

/// The most messages that a function can have: one per source.
const MESSAGES_MAX: u32 = 32;

/// Allocates a message per consumer queue and one for the mailbox, or as many as there are: a power
/// of two, because the device puts the number of the source into the lower bits of the message.
fn allocate_messages(dev: &pci::Device<Bound>, total: &hw::Resources) -> Result<u32> {
    let queues = total.ldb_ports().saturating_add(total.dir_ports);
    let wanted = queues.saturating_add(1).clamp(1, MESSAGES_MAX);
    let mut messages = wanted.checked_next_power_of_two().unwrap_or(MESSAGES_MAX);
    loop {
        let types = pci::IrqTypes::default().with(pci::IrqType::Msi);
        match dev.alloc_irq_vectors(messages, messages, types) {
            Ok(_) => return Ok(messages),
            Err(err) if messages == 1 => {
                dev_err!(dev, "no MSI message\n");
                return Err(err);
            }
            Err(_) => messages >>= 1,
        }
    }
}

/// A virtual function appeared. Returns its handlers and the device.
pub(crate) fn probe(
    dev: &pci::Device<Core<'_>>,
    binding: Arc<Binding>,
    version: hw::Version,
) -> Result<(Vectors, Arc<Device>)> {
    let function = VirtualFunction::new(dev, version)?;
    // Now that the physical function has taken back what an earlier driver had, perhaps without an
    // answer before it freed its memory.
    dev.set_master();
    let registration = *function.hw.registration();
    if function.hw.is_auxiliary() {
        dev_info!(
            dev,
            "VF {} only lends its interrupts to VF {}, which does not need them\n",
            registration.vf_id,
            registration.primary_vf_id
        );
        return Err(ENODEV);
    }
    if function.total.domains == 0 {
        dev_info!(
            dev,
            "VF {} has no domains: assign resources to it (vf{}_resources), then bind it\n",
            registration.vf_id,
            registration.vf_id
        );
        return Err(ENODEV);
    }

    let regs = function.regs.clone();
    let hw = function.hw;
    let usage = function.usage.clone();
    let messages = allocate_messages(dev, &function.total)?;
    let wakers = Wakers::new()?;
    let inbox = function.inbox.clone();
    let device = Device::new(version, binding, wakers.clone(), function)?;
    let work = Messages {
        device: device.clone(),
        inbox: inbox.clone(),
    };
    let work = KBox::pin_init(Delayed::new(work), GFP_KERNEL)?;
    let interrupts = Arc::new(
        Interrupts {
            regs,
            hw,
            wakers,
            usage,
            inbox,
            messages,
        },
        GFP_KERNEL,
    )?;
    *interrupts.inbox.work.lock() = Some(work);

    let mut vectors = KVec::with_capacity(MESSAGES_MAX as usize, GFP_KERNEL)?;
    for number in 0..messages {
        let handler = Message {
            interrupts: interrupts.clone(),
            number,
        };
        let name = CString::try_from_fmt(fmt!("{}-{number}", device.name))?;
        let vector = KBox::pin_init(Registration::new(dev, number, name, handler), GFP_KERNEL)?;
        vec::push(&mut vectors, vector)?;
    }
    // What has come before there were handlers.
    interrupts.serve();
    Device::employ(&device, interrupts, None)?;
    Device::publish(&device);
    dev_info!(
        dev,
        "{}: VF {} of a DLB {}, {messages} MSI messages\n",
        device.name,
        registration.vf_id,
        device::version_name(version)
    );
    Ok((vectors, device))
}
