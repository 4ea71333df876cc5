// SPDX-License-Identifier: GPL-2.0

//! Virtual functions, as the physical one sees them: how they come and go, and what it is told
//! about them.
//!
//! Their requests are answered in the interrupt thread of the alarm vector, by [`hw::service`]. No
//! lock is held while virtual functions are made and removed, because their drivers are bound and
//! unbound meanwhile and have requests to be answered.

use core::mem;
use kernel::{
    device::Core,
    pci,
    prelude::*,
    sync::Arc,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use crate::{
    debug::{
        self,
        Counts, //
    },
    device::{
        errno,
        Device,
        Words, //
    },
    files::Alert,
    glue::{
        pci as glue_pci,
        time::now_ms,
        trace,
        vec, //
    },
    hw::{
        self,
        mbox::{
            Command,
            DomainAlert,
            InUse, //
        },
        service::{
            self,
            VfEvents, //
        },
        Csr,
        Func,
        PortOwner,
        Version, //
    },
    irq::RateLimit,
    sysfs, //
};

/// How long virtual functions get to acknowledge a message, in milliseconds.
const ACK_MS: u32 = 1000;
/// How often they are looked after, in milliseconds.
const ACK_POLL_MS: i64 = 1;
/// How often it is looked whether users have left, in milliseconds.
const LEAVE_POLL_MS: i64 = 20;

/// Virtual functions, one bit each.
type Set = u16;

fn members(set: Set) -> impl Iterator<Item = u8> {
    (0u8..16).filter(move |vf| set.checked_shr((*vf).into()).unwrap_or(0) & 1 != 0)
}

fn bit(vf: u8) -> Set {
    Set::from(1u8).checked_shl(vf.into()).unwrap_or(0)
}

/// What is asked about a virtual function.
type Test<'a> = &'a dyn Fn(&hw::Pf, &dyn Csr, u8) -> hw::Result<bool>;

/// Those of these virtual functions for which the answer is yes. A device that does not answer has
/// none; one that has failed has, and is reset for that reason.
fn which(device: &Device, vfs: Set, test: Test<'_>) -> Set {
    let mut state = device.lock();
    match state.physical() {
        Some((pf, csr)) => members(vfs)
            .filter(|vf| *vf < pf.num_vfs() && test(pf, csr, *vf) == Ok(true))
            .fold(0, |set, vf| set | bit(vf)),
        None => 0,
    }
}

/// Asks the same again and again, until the answer is yes for all of them or the time is over. The
/// device is not locked in between, so that requests are answered.
fn until(device: &Device, vfs: Set, test: Test<'_>) -> Set {
    let mut done = 0;
    let since = now_ms();
    loop {
        done |= which(device, vfs & !done, test);
        if done == vfs || now_ms().wrapping_sub(since) >= ACK_MS {
            return done;
        }
        fsleep(Delta::from_millis(ACK_POLL_MS));
    }
}

/// Sends a message to these virtual functions; returns those that have taken it.
fn tell<C: Command>(device: &Device, vfs: Set, message: &C) -> Set {
    let sent = until(device, vfs, &|pf, csr, vf| {
        service::send_to_vf(csr, pf.version(), vf, message)
    });
    until(device, sent, &|pf, csr, vf| {
        service::has_acknowledged(csr, pf.version(), vf)
    })
}

/// Tells the drivers of virtual functions that the physical one is about to be reset, or to go, and
/// gives their users time to leave. Who does not listen is not waited for.
pub(crate) fn announce(device: &Device) {
    let registered = which(device, Set::MAX, &|pf, _, vf| pf.is_vf_locked(vf));
    let mut users = tell(device, registered, &service::pre_reset());
    let silent = (registered & !users).count_ones();
    if silent != 0 {
        dev_warn!(
            device.binding.device(),
            "{}: {silent} virtual functions do not listen\n",
            device.name
        );
    }
    let patience = crate::reset_timeout_s().saturating_mul(1000);
    let since = now_ms();
    while now_ms().wrapping_sub(since) < patience {
        users = which(device, users, &|pf, _, vf| Ok(pf.has_domains(Func::Vf(vf))));
        let answered = tell(device, users, &InUse::default());
        users = which(device, answered, &|pf, csr, vf| {
            service::read_in_use(csr, pf.version(), vf)
        });
        if users == 0 {
            break;
        }
        fsleep(Delta::from_millis(LEAVE_POLL_MS));
    }
}

/// Changes the number of virtual functions, which the PCI core allows from and to none only.
pub(crate) fn configure(
    dev: &pci::Device<Core<'_>>,
    device: &Arc<Device>,
    num_vfs: u32,
) -> Result<u32> {
    if num_vfs == 0 {
        if glue_pci::are_vfs_assigned(dev) {
            return Err(EBUSY);
        }
        remove_all(dev, device);
        let _ = sysfs::vfs_changed(dev.as_ref());
        return Ok(0);
    }

    let power = Device::power_up(device)?;
    let records = Record::all(num_vfs)?;
    set_number(device, num_vfs)?;
    let old = mem::replace(&mut device.lock().vfs, records);
    drop(old);
    // The files come first, so that they are there when drivers are bound.
    let result = sysfs::vfs_changed(dev.as_ref())
        .and_then(|()| glue_pci::enable_sriov(dev, num_vfs))
        .inspect_err(|_| {
            // With what they were given as soon as there were files.
            remove_all(dev, device);
            let _ = sysfs::vfs_changed(dev.as_ref());
        });
    trace::device(device.name.as_str(), "sriov on", &result);
    result?;
    // To look inside is not worth failing for.
    let debug = debug::make(device, num_vfs).ok();
    let mut state = device.lock();
    let old = (state.vf_power.replace(power), state.vf_debug.take());
    state.vf_debug = debug;
    drop(state);
    drop(old);
    Ok(num_vfs)
}

/// Removes what virtual functions there are because the physical one goes, by surprise perhaps.
pub(crate) fn stop(dev: &pci::Device<Core<'_>>, device: &Arc<Device>) {
    // Their drivers may be in guests, which learn of it in no other way.
    announce(device);
    reset_all(device);
    remove_all(dev, device);
}

/// Resets what domains virtual functions still have. Who was told of a reset may rely on it: Intel's
/// driver gives nothing back then, and frees the memory of its rings when it is unbound.
fn reset_all(device: &Device) {
    let mut state = device.lock();
    if let Some((pf, csr)) = state.physical() {
        for vf in 0..pf.num_vfs() {
            // What will not be reset is tried again, and told, when the virtual function is gone.
            let _ = pf.reset_vf(csr, vf);
        }
    }
}

/// Makes virtual functions go, and takes back what they had.
fn remove_all(dev: &pci::Device<Core<'_>>, device: &Arc<Device>) {
    // Drivers here are unbound, and have their last requests answered meanwhile.
    glue_pci::disable_sriov(dev);

    let mut state = device.lock();
    let power = state.vf_power.take();
    let debug = state.vf_debug.take();
    let records = mem::take(&mut state.vfs);
    let mut result = Ok(());
    if let Some((pf, csr)) = state
        .function
        .as_mut()
        .and_then(|function| function.physical())
    {
        for vf in 0..pf.num_vfs() {
            // A device that is gone has nothing to give back.
            if let Err(err) = pf.remove_vf(csr, vf) {
                if err != hw::Error::Gone {
                    dev_err!(dev, "{}: VF {vf}: {}\n", device.name, Words(&err));
                }
                result = Err(errno(&err));
            }
        }
        // None is always a valid number.
        let _ = pf.set_num_vfs(0);
    }
    drop(state);
    if power.is_some() {
        trace::device(device.name.as_str(), "sriov off", &result);
    }
    // Without the lock, as this waits for those who read.
    drop((debug, records, power));
}

/// Notes how many virtual functions there are, before there are any.
fn set_number(device: &Device, num_vfs: u32) -> Result {
    let mut state = device.lock();
    let (pf, csr) = state.pf()?;
    pf.set_num_vfs(num_vfs).map_err(|err| errno(&err))?;
    let Some(csr) = csr else {
        return Ok(());
    };
    pf.prepare_vfs(csr).map_err(|err| {
        let _ = pf.set_num_vfs(0);
        errno(&err)
    })
}

/// What is known of a virtual function, for as long as it exists. Each has its own limits for what
/// it can have written to the log, so that none hides another.
pub(crate) struct Record {
    pub(crate) counts: Counts,
    ingress: RateLimit,
    watchdog: RateLimit,
    mailbox: RateLimit,
}

impl Record {
    const NONE: Self = Self {
        counts: Counts::NONE,
        ingress: RateLimit::new(),
        watchdog: RateLimit::new(),
        mailbox: RateLimit::new(),
    };

    /// Records of so many virtual functions.
    fn all(vfs: u32) -> Result<KVec<Self>> {
        let mut records = KVec::with_capacity(usize::try_from(vfs)?, GFP_KERNEL)?;
        for _ in 0..vfs {
            vec::push(&mut records, Self::NONE)?;
        }
        Ok(records)
    }
}

/// What virtual functions do, as it is told while alarms are served.
pub(crate) struct Events<'a> {
    pub(crate) device: &'a Device,
    /// By virtual function.
    pub(crate) vfs: &'a mut [Record],
}

impl Events<'_> {
    fn of(&mut self, vf: u8) -> Option<&mut Record> {
        self.vfs.get_mut(usize::from(vf))
    }

    /// A virtual function has caused an error. Returns the limit for the log.
    pub(crate) fn ingress(&mut self, vf: u8) -> Option<&mut RateLimit> {
        let record = self.of(vf)?;
        record.counts.ingress();
        Some(&mut record.ingress)
    }

    /// A virtual function has caused so many errors that the others have to wait.
    pub(crate) fn throttled(&mut self, vf: u8) {
        if let Some(record) = self.of(vf) {
            record.counts.throttled();
        }
    }

    /// A consumer of a virtual function does not take its events. Returns the limit for the log.
    pub(crate) fn watchdog(&mut self, vf: u8) -> Option<&mut RateLimit> {
        let record = self.of(vf)?;
        record.counts.watchdog();
        Some(&mut record.watchdog)
    }
}

impl VfEvents for Events<'_> {
    fn request(&mut self, vf: u8, command: u32, status: u32, error: Option<hw::Error>) {
        if let Some(record) = self.of(vf) {
            record.counts.request(command, status, error.is_some());
        }
        trace::mailbox(self.device.name.as_str(), vf.into(), command, status);
    }

    fn reset(&mut self, vf: u8, result: hw::Result) {
        let Some(record) = self.of(vf) else {
            return;
        };
        record.counts.reset();
        let Err(err) = result else {
            return;
        };
        if let Some(suppressed) = record.mailbox.pass() {
            dev_err!(
                self.device.binding.device(),
                "VF {vf} was reset, but: {} ({suppressed} more before)\n",
                Words(&err)
            );
        }
    }

    fn cut_off(&mut self, vf: u8) {
        let Some(record) = self.of(vf) else {
            return;
        };
        record.counts.cut_off();
        if let Some(suppressed) = record.mailbox.pass() {
            dev_warn!(
                self.device.binding.device(),
                "VF {vf} sends too many requests and was cut off, see \
                 vf{vf}_resources/func_bar_en ({suppressed} more before)\n"
            );
        }
    }
}

/// How many alerts for virtual functions are kept until they can be sent. Nobody gets more at a
/// time, because only one is on its way to each.
const OUTBOX: usize = hw::resources::MAX_VFS;

/// Alerts for domains of virtual functions, on their way there.
pub(crate) struct Outbox([Option<(u8, DomainAlert)>; OUTBOX]);

impl Outbox {
    pub(crate) const fn new() -> Self {
        Self([const { None }; OUTBOX])
    }

    /// Adds an alert for the owner of a port. The first one for a virtual function counts.
    pub(crate) fn add(&mut self, alert: Alert, owner: &PortOwner) {
        let Func::Vf(vf) = owner.func else {
            return;
        };
        let slot = self.0.get_mut(usize::from(vf));
        if let Some(slot @ None) = slot {
            *slot = Some((
                vf,
                DomainAlert {
                    domain_id: owner.domain_id,
                    alert_id: u32::from(alert.kind as u16),
                    // CAST: The number of a port and its kind, in nine bits.
                    aux_alert_data: alert.data as u32,
                },
            ));
        }
    }

    /// Sends what can be sent: a virtual function that has not looked at the last message does not
    /// get another, and nobody waits for it.
    pub(crate) fn send(&self, csr: &dyn Csr, version: Version) {
        for (vf, message) in self.0.iter().flatten() {
            if service::send_to_vf(csr, version, *vf, message).is_err() {
                return;
            }
        }
    }
}
