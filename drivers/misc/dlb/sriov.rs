// SPDX-License-Identifier: GPL-2.0

//! Virtual functions, as the physical one sees them: how they come and go, and what it is told
//! about them.
//!
//! Their requests are answered in the interrupt thread of the alarm vector, by [`hw::service`]. No
//! lock is held while virtual functions are made and removed, because their drivers are bound and
//! unbound meanwhile and have requests to be answered.

use kernel::{
    device::Core,
    pci,
    prelude::*,
    sync::Arc, //
};

use crate::{
    device::{
        errno,
        Device,
        Words, //
    },
    files::Alert,
    glue::{
        pci as glue_pci,
        trace, //
    },
    hw::{
        self,
        mbox::DomainAlert,
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
    set_number(device, num_vfs)?;
    // The files come first, so that they are there when drivers are bound.
    let result = sysfs::vfs_changed(dev.as_ref())
        .and_then(|()| glue_pci::enable_sriov(dev, num_vfs))
        .inspect_err(|_| {
            let _ = set_number(device, 0);
            let _ = sysfs::vfs_changed(dev.as_ref());
        });
    trace::device(device.name.as_str(), "sriov on", &result);
    result?;
    let old = device.lock().vf_power.replace(power);
    drop(old);
    Ok(num_vfs)
}

/// Removes what virtual functions there are because the physical one goes, by surprise perhaps.
pub(crate) fn stop(dev: &pci::Device<Core<'_>>, device: &Arc<Device>) {
    remove_all(dev, device);
}

/// Makes virtual functions go, and takes back what they had.
fn remove_all(dev: &pci::Device<Core<'_>>, device: &Arc<Device>) {
    glue_pci::disable_sriov(dev);

    let mut state = device.lock();
    let power = state.vf_power.take();
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
    drop(power);
}

/// Notes how many virtual functions there are.
fn set_number(device: &Device, num_vfs: u32) -> Result {
    let mut state = device.lock();
    let (pf, _) = state.pf()?;
    pf.set_num_vfs(num_vfs).map_err(|err| errno(&err))
}

/// What virtual functions do, as it is told while their requests are answered.
pub(crate) struct Events<'a> {
    pub(crate) device: &'a Device,
    /// For what a virtual function can have written to the log.
    pub(crate) limit: &'a mut RateLimit,
}

impl VfEvents for Events<'_> {
    fn request(&mut self, vf: u8, command: u32, status: u32, _error: Option<hw::Error>) {
        trace::mailbox(self.device.name.as_str(), vf.into(), command, status);
    }

    fn reset(&mut self, vf: u8, result: hw::Result) {
        let Err(err) = result else {
            return;
        };
        if let Some(suppressed) = self.limit.pass() {
            dev_err!(
                self.device.binding.device(),
                "VF {vf} was reset, but: {} ({suppressed} more before)\n",
                Words(&err)
            );
        }
    }

    fn cut_off(&mut self, vf: u8) {
        if let Some(suppressed) = self.limit.pass() {
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
