// SPDX-License-Identifier: GPL-2.0

//! The device files: `/dev/dlbN/<domain>/<port>` and `/dev/dlbN/<domain>/alerts`.
//!
//! A port file gives its port: page 0 is the producer port, the pages from 1 on are the consumer
//! queue, and reading counts the interrupts of the consumer queue. The alerts file gives records of
//! what happened to the domain.

use kernel::{
    new_condvar,
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    static_lock_class,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc,
        CondVar,
        Mutex, //
    },
    uaccess::{
        UserSliceReader,
        UserSliceWriter, //
    }, //
};

use crate::{
    device::Device,
    domain::Live,
    glue::{
        chrdev::{
            self,
            Opened,
            Operations,
            POLLERR,
            POLLHUP,
            POLLIN,
            POLLOUT,
            POLLRDNORM,
            POLLWRNORM, //
        },
        dma::CqMemory,
        poll::PollQueue,
        statics, vec,
        vma::{
            Fault,
            FaultResult,
            Kind,
            NewMapping,
            Pfn, //
        },
    },
    hw, //
};

/// The numbers of the device files.
pub(crate) type Region = chrdev::Region<Open>;
/// One device file, as seen in `/dev`.
pub(crate) type Node = chrdev::Node<Open>;

/// The name that no port can have.
pub(crate) const ALERTS: &str = "alerts";

/// One port of an enabled domain, as its file sees it.
#[pin_data]
pub(crate) struct Port {
    /// The port, as the function counts.
    pub(crate) id: hw::PortId,
    /// The port, as the device counts.
    pub(crate) physical: hw::Port,
    producer: Pfn,
    cq_pages: usize,
    #[pin]
    state: Mutex<PortState>,
    /// What `mmap` and page faults see. Not in `state`, for which the interrupts of all ports wait
    /// one after the other: a page fault allocates memory, and that takes long in a control group
    /// that has none left.
    #[pin]
    pages: Mutex<Pages>,
    #[pin]
    changed: CondVar,
    queue: Arc<PollQueue>,
    /// How many readers sleep.
    readers: Atomic<i32>,
}

struct Pages {
    /// Gone once the hardware does not write it any more.
    memory: Option<CqMemory>,
    /// No page may be mapped any more.
    revoked: bool,
}

struct PortState {
    /// The port is not the user's any more.
    revoked: bool,
    /// Interrupts of the consumer queue since the last read.
    interrupts: u32,
}

impl Port {
    /// Makes the software side of a port, with the memory of its consumer queue. If it fails then the
    /// memory stays where it is, because the hardware may know it by now.
    pub(crate) fn new(
        id: hw::PortId,
        physical: hw::Port,
        producer: Pfn,
        memory: &mut Option<CqMemory>,
    ) -> Result<Arc<Self>> {
        let cq_pages = memory.as_ref().ok_or(EINVAL)?.pages();
        let queue = Arc::pin_init(
            PollQueue::new(c"dlb::Port::queue", static_lock_class!()),
            GFP_KERNEL,
        )?;
        Arc::pin_init(
            pin_init!(Self {
                id,
                physical,
                producer,
                cq_pages,
                state <- new_mutex!(
                    PortState {
                        revoked: false,
                        interrupts: 0,
                    },
                    "dlb::Port::state"
                ),
                pages <- new_mutex!(
                    Pages {
                        memory: memory.take(),
                        revoked: false,
                    },
                    "dlb::Port::pages"
                ),
                changed <- new_condvar!("dlb::Port::changed"),
                queue,
                readers: Atomic::new(0),
            }),
            GFP_KERNEL,
        )
    }

    /// The consumer queue has raised its interrupt.
    pub(crate) fn interrupt(&self) {
        {
            let mut state = self.state.lock();
            state.interrupts = state.interrupts.saturating_add(1);
        }
        self.changed.notify_all();
        self.queue.wake_all();
    }

    /// Whether anybody waits for an interrupt of the consumer queue.
    pub(crate) fn has_waiters(&self) -> bool {
        self.readers.load(Relaxed) != 0 || self.queue.has_waiters()
    }

    /// Takes the port from its user. Pages that are mapped have to be removed after this.
    pub(crate) fn revoke(&self) {
        self.pages.lock().revoked = true;
        self.state.lock().revoked = true;
        self.changed.notify_all();
        self.queue.wake_all();
    }

    /// Frees the consumer queue; the hardware must have stopped writing it, and no mapping be left.
    pub(crate) fn free(&self) {
        let memory = self.pages.lock().memory.take();
        drop(memory);
    }

    fn read(&self, device: &Device, mut to: UserSliceWriter, nonblock: bool) -> Result<usize> {
        if to.len() < size_of::<u32>() {
            return Err(EINVAL);
        }
        let mut state = self.state.lock();
        let count = loop {
            if state.revoked {
                return Err(ENODEV);
            }
            if state.interrupts != 0 {
                break core::mem::take(&mut state.interrupts);
            }
            if nonblock {
                return Err(EAGAIN);
            }
            self.readers.fetch_add(1, Full);
            device.watch();
            let signal = self.changed.wait_interruptible(&mut state);
            self.readers.fetch_sub(1, Full);
            if signal {
                return Err(ERESTARTSYS);
            }
        };
        drop(state);
        to.write(&count)?;
        Ok(size_of::<u32>())
    }

    fn ready(&self, device: &Device) -> u32 {
        let state = self.state.lock();
        if state.revoked {
            POLLERR | POLLHUP
        } else if state.interrupts != 0 {
            POLLIN | POLLRDNORM
        } else {
            device.watch();
            0
        }
    }

    fn mmap(&self, vma: &NewMapping<'_>) -> Result {
        if self.pages.lock().revoked {
            return Err(ENODEV);
        }
        if vma.executable() {
            return Err(EPERM);
        }
        if !vma.shared() {
            return Err(EINVAL);
        }
        match vma.first_page() {
            0 => {
                if vma.pages() != 1 {
                    return Err(EINVAL);
                }
                if !vma.writable() {
                    return Err(EACCES);
                }
                vma.set_kind(Kind::Device);
            }
            1 => {
                if vma.pages() > self.cq_pages {
                    return Err(EINVAL);
                }
                if vma.writable() {
                    return Err(EACCES);
                }
                vma.set_kind(Kind::ReadOnly);
            }
            _ => return Err(EINVAL),
        }
        Ok(())
    }

    fn fault(&self, fault: &Fault<'_>) -> FaultResult {
        // The lock is held while the page is inserted, so that `revoke` is either seen here or
        // finds the page.
        let pages = self.pages.lock();
        if pages.revoked {
            return FaultResult::Bus;
        }
        let pfn = match fault.page().checked_sub(1) {
            None => Some(self.producer),
            Some(page) => pages.memory.as_ref().and_then(|memory| memory.pfn(page)),
        };
        match pfn {
            Some(pfn) => fault.insert(pfn),
            None => FaultResult::Bus,
        }
    }
}

/// What an alert is about.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum AlertKind {
    IllegalEnqueue = 0,
    ExcessTokens = 1,
    IllegalHcw = 2,
    IllegalQueue = 3,
    DisabledQueue = 4,
    DeviceReset = 5,
    User = 6,
    Watchdog = 7,
    /// An ingress error that the hardware reports with a code we do not know.
    Unknown = 8,
}

/// What happened to a domain.
#[derive(Clone, Copy)]
pub(crate) struct Alert {
    pub(crate) kind: AlertKind,
    /// The port concerned: number in bits 7:0, bit 8 set for a load-balanced port. For an alert
    /// that was written by a user: what the user wrote.
    pub(crate) data: u64,
}

/// Size of a record in the alerts file: kind (16 bits), zero (16 bits), number of alerts that were
/// lost before this one (32 bits), data (64 bits), all in the byte order of the processor.
const RECORD: usize = 16;

/// The record of an alert, before which so many were lost.
fn record(alert: Alert, lost: u32) -> [u8; RECORD] {
    let [a, b] = (alert.kind as u16).to_ne_bytes();
    let [c, d, e, f] = lost.to_ne_bytes();
    let [g, h, i, j, k, l, m, n] = alert.data.to_ne_bytes();
    [a, b, 0, 0, c, d, e, f, g, h, i, j, k, l, m, n]
}

/// How many alerts are kept for reading.
const ALERTS_MAX: usize = 64;

/// The alerts of an enabled domain.
#[pin_data]
pub(crate) struct Alerts {
    #[pin]
    state: Mutex<AlertsState>,
    #[pin]
    changed: CondVar,
    queue: Arc<PollQueue>,
}

struct AlertsState {
    /// The records, oldest first; room for `ALERTS_MAX` from the start.
    records: KVec<(Alert, u32)>,
    /// Alerts lost since the newest record.
    lost: u32,
    /// All there were, whether they were lost or not.
    count: u64,
    revoked: bool,
}

impl Alerts {
    /// Makes an empty list.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let queue = Arc::pin_init(
            PollQueue::new(c"dlb::Alerts::queue", static_lock_class!()),
            GFP_KERNEL,
        )?;
        let records = KVec::with_capacity(ALERTS_MAX, GFP_KERNEL)?;
        Arc::pin_init(
            pin_init!(Self {
                state <- new_mutex!(
                    AlertsState {
                        records,
                        lost: 0,
                        count: 0,
                        revoked: false,
                    },
                    "dlb::Alerts::state"
                ),
                changed <- new_condvar!("dlb::Alerts::changed"),
                queue,
            }),
            GFP_KERNEL,
        )
    }

    /// Adds an alert. When nobody reads, the newest are lost, and counted.
    pub(crate) fn push(&self, alert: Alert) {
        {
            let mut state = self.state.lock();
            state.count = state.count.saturating_add(1);
            let lost = state.lost;
            if state.records.len() >= ALERTS_MAX
                || vec::push(&mut state.records, (alert, lost)).is_err()
            {
                state.lost = lost.saturating_add(1);
            } else {
                state.lost = 0;
            }
        }
        self.changed.notify_all();
        self.queue.wake_all();
    }

    /// How many there were since the domain was enabled.
    pub(crate) fn count(&self) -> u64 {
        self.state.lock().count
    }

    /// No more alerts will come. Those that are there can still be read.
    pub(crate) fn revoke(&self) {
        self.state.lock().revoked = true;
        self.changed.notify_all();
        self.queue.wake_all();
    }

    fn read(&self, mut to: UserSliceWriter, nonblock: bool) -> Result<usize> {
        if to.len() < RECORD {
            return Err(EINVAL);
        }
        let mut state = self.state.lock();
        while state.records.is_empty() {
            if state.revoked {
                return Err(ENODEV);
            }
            if nonblock {
                return Err(EAGAIN);
            }
            if self.changed.wait_interruptible(&mut state) {
                return Err(ERESTARTSYS);
            }
        }
        let mut taken = vec::remove(&mut state.records, 0);
        drop(state);

        let mut bytes = 0usize;
        while let Some((alert, lost)) = taken {
            to.write_slice(&record(alert, lost))?;
            bytes = bytes.saturating_add(RECORD);
            taken = if to.len() < RECORD {
                None
            } else {
                vec::remove(&mut self.state.lock().records, 0)
            };
        }
        Ok(bytes)
    }

    fn write(&self, mut from: UserSliceReader) -> Result<usize> {
        if from.len() != size_of::<u64>() {
            return Err(EINVAL);
        }
        let data = from.read::<u64>()?;
        if self.state.lock().revoked {
            return Err(ENODEV);
        }
        self.push(Alert {
            kind: AlertKind::User,
            data,
        });
        Ok(size_of::<u64>())
    }

    fn ready(&self) -> u32 {
        let state = self.state.lock();
        let mut ready = 0;
        if !state.records.is_empty() {
            ready |= POLLIN | POLLRDNORM;
        }
        if state.revoked {
            ready |= POLLERR | POLLHUP;
        } else {
            ready |= POLLOUT | POLLWRNORM;
        }
        ready
    }
}

/// What a device file stands for.
#[derive(Clone)]
pub(crate) enum Endpoint {
    Port(Arc<Port>),
    Alerts(Arc<Alerts>),
}

/// An open device file.
pub(crate) struct Open {
    live: Arc<Live>,
    endpoint: Endpoint,
}

impl Operations for Open {
    fn open(minor: u32) -> Result<Opened<Self>> {
        let (live, endpoint) = statics::FILES
            .lock()
            .table
            .as_ref()
            .and_then(|table| table.get(&minor))
            .map(|(live, endpoint)| (live.clone(), endpoint.clone()))
            .ok_or(ENODEV)?;
        live.opened()?;
        let queue = match &endpoint {
            Endpoint::Port(port) => port.queue.clone(),
            Endpoint::Alerts(alerts) => alerts.queue.clone(),
        };
        Ok(Opened {
            space: live.space.clone(),
            queue,
            file: Self { live, endpoint },
        })
    }

    fn release(&self) {
        self.live.closed();
    }

    fn read(&self, to: UserSliceWriter, nonblock: bool) -> Result<usize> {
        match &self.endpoint {
            Endpoint::Port(port) => port.read(self.live.device(), to, nonblock),
            Endpoint::Alerts(alerts) => alerts.read(to, nonblock),
        }
    }

    fn write(&self, from: UserSliceReader) -> Result<usize> {
        match &self.endpoint {
            Endpoint::Port(_) => Err(EINVAL),
            Endpoint::Alerts(alerts) => alerts.write(from),
        }
    }

    fn ready(&self) -> u32 {
        match &self.endpoint {
            Endpoint::Port(port) => port.ready(self.live.device()),
            Endpoint::Alerts(alerts) => alerts.ready(),
        }
    }

    fn mmap(&self, vma: &NewMapping<'_>) -> Result {
        match &self.endpoint {
            Endpoint::Port(port) => port.mmap(vma),
            Endpoint::Alerts(_) => Err(ENODEV),
        }
    }

    fn fault(&self, fault: &Fault<'_>) -> FaultResult {
        match &self.endpoint {
            Endpoint::Port(port) => port.fault(fault),
            Endpoint::Alerts(_) => FaultResult::Bus,
        }
    }
}

/// Which file each minor number stands for.
pub(crate) struct Files {
    /// None only before the module is set up and after it is taken down.
    region: Option<Arc<Region>>,
    table: Option<RBTree<u32, (Arc<Live>, Endpoint)>>,
    /// Where the search for a free minor number starts: numbers are handed out cyclically, so that
    /// a node that somebody forgot does not soon name a file of somebody else.
    next: u32,
}

impl Files {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            region: None,
            table: None,
            next: 0,
        }
    }
}

/// Claims the device numbers; dropping it gives them back.
pub(crate) struct Registration(());

impl Registration {
    pub(crate) fn new() -> Result<Self> {
        let region = Arc::new(Region::new(c"dlb")?, GFP_KERNEL)?;
        let mut files = statics::FILES.lock();
        files.region = Some(region);
        files.table = Some(RBTree::new());
        Ok(Self(()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut files = statics::FILES.lock();
        let region = files.region.take();
        let table = files.table.take();
        drop(files);
        drop((region, table));
    }
}

/// A minor number that stands for a file. Dropping it makes the file impossible to open.
pub(crate) struct Minor {
    pub(crate) region: Arc<Region>,
    pub(crate) number: u32,
}

impl Minor {
    /// Finds a free number for a file.
    pub(crate) fn new(live: &Arc<Live>, endpoint: Endpoint) -> Result<Self> {
        let mut files = statics::FILES.lock();
        let region = files.region.clone().ok_or(ENODEV)?;
        let mut number = files.next;
        let mut tries = Region::MINORS;
        let table = files.table.as_mut().ok_or(ENODEV)?;
        while table.get(&number).is_some() {
            number = number.wrapping_add(1) & (Region::MINORS - 1);
            tries = tries.checked_sub(1).ok_or(ENOSPC)?;
        }
        let node = RBTreeNode::new(number, (live.clone(), endpoint), GFP_KERNEL)?;
        table.insert(node);
        files.next = number.wrapping_add(1) & (Region::MINORS - 1);
        Ok(Self { region, number })
    }
}

impl Drop for Minor {
    fn drop(&mut self) {
        // The entry holds what may hold the last reference to a domain, so it is dropped without
        // the lock.
        let node = statics::FILES
            .lock()
            .table
            .as_mut()
            .and_then(|table| table.remove_node(&self.number));
        drop(node);
    }
}

/// The size of the consumer queue of a port, in bytes.
///
/// The device writes one entry to each cache line in sparse mode, four otherwise, and has rings of
/// at least eight entries.
pub(crate) fn cq_bytes(depth: u32, sparse: bool) -> Result<usize> {
    let entries = usize::try_from(depth.max(8))?;
    let bytes = entries
        .checked_mul(if sparse { 64 } else { 16 })
        .ok_or(EINVAL)?;
    bytes.checked_next_multiple_of(PAGE_SIZE).ok_or(EINVAL)
}

#[kunit_tests(dlb_files)]
mod tests {
    use super::*;

    #[test]
    fn rings_fill_pages() -> Result {
        assert_eq!(cq_bytes(1, true)?, 4096);
        assert_eq!(cq_bytes(64, true)?, 4096);
        assert_eq!(cq_bytes(128, true)?, 8192);
        assert_eq!(cq_bytes(1024, true)?, 65536);
        assert_eq!(cq_bytes(256, false)?, 4096);
        assert_eq!(cq_bytes(1024, false)?, 16384);
        Ok(())
    }

    #[test]
    fn alerts_are_lost_in_order() -> Result {
        let alerts = Alerts::new()?;
        for data in 0..100 {
            alerts.push(Alert {
                kind: AlertKind::User,
                data,
            });
        }
        let mut state = alerts.state.lock();
        assert_eq!(state.records.len(), ALERTS_MAX);
        assert_eq!(state.lost, 36);
        let first = vec::remove(&mut state.records, 0).ok_or(ENOENT)?;
        assert_eq!(first.0.data, 0);
        assert_eq!(first.1, 0);
        drop(state);
        alerts.push(Alert {
            kind: AlertKind::Watchdog,
            data: 7,
        });
        let state = alerts.state.lock();
        let last = state.records.last().ok_or(ENOENT)?;
        assert_eq!(last.1, 36);
        assert_eq!(state.lost, 0);
        assert_eq!(state.count, 101);
        Ok(())
    }

    #[test]
    fn records_have_their_layout() -> Result {
        let bytes = record(
            Alert {
                kind: AlertKind::Watchdog,
                data: 0x0102_0304_0506_0708,
            },
            9,
        );
        let expected: [u8; RECORD] = [7, 0, 0, 0, 9, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1];
        assert_eq!(bytes, expected);
        Ok(())
    }
}
