// SPDX-License-Identifier: GPL-2.0

//! What binds to the hardware: the PCI driver.

use kernel::{
    device::Core,
    pci,
    prelude::*,
    str::CString,
    sync::Arc, //
};

use crate::{
    device::{
        version_name,
        Device, //
    },
    glue::{
        irq::Registration,
        pci::{
            self as glue_pci,
            Binding,
            ChannelState,
            Driver,
            Enabled,
            Recovery, //
        },
        pm,
        sysfs::Groups,
        trace, //
    },
    hw,
    irq::{
        Alarms,
        ConsumerQueues,
        Wakers, //
    },
    pf::PhysicalFunction,
    reset,
    sriov,
    sysfs,
    vf, //
};

/// Vector of everything that is not a consumer queue.
const ALARM_VECTOR: u32 = 0;
/// Vector of all consumer queues.
const CQ_VECTOR: u32 = 1;
/// How many vectors the driver uses.
const VECTORS: u32 = 2;

/// How long a device must have been idle before it sleeps, in milliseconds.
const AUTOSUSPEND_MS: i32 = 500;

/// DLB 2.0.
const PF_V2: u32 = 0x2710;
/// A virtual function of it.
const VF_V2: u32 = 0x2711;
/// DLB 2.5.
const PF_V25: u32 = 0x2714;
/// A virtual function of it.
const VF_V25: u32 = 0x2715;

/// What is kept per bound device. The fields are dropped in this order: no interrupt comes when the
/// rest goes, and the device writes no memory any more when the last is gone.
pub(crate) struct Bound {
    interrupts: Interrupts,
    pub(crate) device: Arc<Device>,
    _follower: Option<pm::Follower>,
    _enabled: Enabled,
}

/// The handlers of a function.
enum Interrupts {
    Physical {
        _cq: Pin<KBox<Registration<Arc<ConsumerQueues>>>>,
        _alarm: Pin<KBox<Registration<Arc<Alarms>>>>,
    },
    Virtual {
        _vectors: vf::Vectors,
    },
}

impl Bound {
    fn is_physical(&self) -> bool {
        matches!(self.interrupts, Interrupts::Physical { .. })
    }
}

/// The driver.
pub(crate) struct DlbDriver;

kernel::pci_device_table!(
    PCI_TABLE,
    MODULE_PCI_TABLE,
    (),
    [
        (pci::DeviceId::from_id(pci::Vendor::INTEL, PF_V2), ()),
        (pci::DeviceId::from_id(pci::Vendor::INTEL, VF_V2), ()),
        (pci::DeviceId::from_id(pci::Vendor::INTEL, PF_V25), ()),
        (pci::DeviceId::from_id(pci::Vendor::INTEL, VF_V25), ()),
    ]
);

impl Driver for DlbDriver {
    type Data = Bound;
    const ID_TABLE: pci::IdTable<()> = &PCI_TABLE;

    fn groups() -> &'static Groups<Bound> {
        static GROUPS: Groups<Bound> = sysfs::groups();
        &GROUPS
    }

    fn probe(dev: &pci::Device<Core<'_>>, binding: Arc<Binding>) -> Result<Bound> {
        let (version, physical) = match u32::from(dev.device_id()) {
            PF_V2 => (hw::Version::V2, true),
            VF_V2 => (hw::Version::V2, false),
            PF_V25 => (hw::Version::V25, true),
            VF_V25 => (hw::Version::V25, false),
            _ => return Err(ENODEV),
        };
        glue_pci::set_dma_mask(dev)?;
        let enabled = Enabled::new(dev)?;
        if !physical {
            let (vectors, device) = vf::probe(dev, binding, version)?;
            trace::device(device.name.as_str(), "bound", &Ok(()));
            return Ok(Bound {
                interrupts: Interrupts::Virtual { _vectors: vectors },
                device,
                _follower: pm::Follower::new(dev),
                _enabled: enabled,
            });
        }
        dev.set_master();
        if glue_pci::disable_pasid(dev)? {
            dev_info!(dev, "PASID turned off\n");
        }
        let function = PhysicalFunction::new(dev, version)?;
        let regs = function.regs.clone();
        let wakers = Wakers::new()?;
        let device = Device::new(version, binding, wakers.clone(), function)?;

        dev.alloc_irq_vectors(
            VECTORS,
            VECTORS,
            pci::IrqTypes::default().with(pci::IrqType::MsiX),
        )
        .inspect_err(|_| dev_err!(dev, "no MSI-X vectors\n"))?;
        let alarms = Alarms::new(device.clone())?;
        let alarm_irq = KBox::pin_init(
            Registration::new(
                dev,
                ALARM_VECTOR,
                CString::try_from_fmt(fmt!("{}-alarm", device.name))?,
                alarms.clone(),
            ),
            GFP_KERNEL,
        )?;
        let cqs = ConsumerQueues::new(regs, version, wakers)?;
        let cq_irq = KBox::pin_init(
            Registration::new(
                dev,
                CQ_VECTOR,
                CString::try_from_fmt(fmt!("{}-cq", device.name))?,
                cqs.clone(),
            ),
            GFP_KERNEL,
        )?;

        device.lock().restart(dev)?;
        Device::employ(&device, cqs, Some(alarms))?;
        Device::publish(&device);
        pm::start(dev, AUTOSUSPEND_MS);
        dev_info!(dev, "{}: DLB {}\n", device.name, version_name(version));
        trace::device(device.name.as_str(), "bound", &Ok(()));
        Ok(Bound {
            interrupts: Interrupts::Physical {
                _cq: cq_irq,
                _alarm: alarm_irq,
            },
            device,
            _follower: None,
            _enabled: enabled,
        })
    }

    fn sriov_configure(dev: &pci::Device<Core<'_>>, bound: &Bound, num_vfs: u32) -> Result<u32> {
        if !bound.is_physical() {
            return Err(EPERM);
        }
        sriov::configure(dev, &bound.device, num_vfs)
    }

    fn remove(dev: &pci::Device<Core<'_>>, bound: &Bound) {
        // A virtual function does not sleep; what it has, others may.
        if bound.is_physical() {
            sriov::stop(dev, &bound.device);
            pm::stop(dev);
        }
        reset::remove(dev, &bound.device);
    }

    fn shutdown(dev: &pci::Device<Core<'_>>, bound: &Bound) {
        reset::shutdown(dev, &bound.device);
    }

    fn reset_prepare(_dev: &pci::Device<Core<'_>>, bound: &Bound) {
        reset::prepare(&bound.device);
    }

    fn reset_done(dev: &pci::Device<Core<'_>>, bound: &Bound) {
        // The reset of a physical function does more to its virtual ones than the PCI core restores.
        if !bound.is_physical() && glue_pci::reenable(dev).is_err() {
            dev_err!(dev, "cannot be enabled again\n");
        }
        reset::done(dev, &bound.device);
    }

    fn error_detected(dev: &pci::Device<Core<'_>>, bound: &Bound, state: ChannelState) -> Recovery {
        reset::error_detected(dev, &bound.device, state)
    }

    fn slot_reset(dev: &pci::Device<Core<'_>>, bound: &Bound) -> Recovery {
        glue_pci::restore_state(dev);
        // What was saved of a virtual function is from before it was bound: it is not to write
        // memory or to interrupt.
        if !bound.is_physical() && glue_pci::reenable(dev).is_err() {
            dev_err!(dev, "cannot be enabled again\n");
        }
        reset::slot_reset(dev, &bound.device)
    }

    fn error_resume(dev: &pci::Device<Core<'_>>, bound: &Bound) {
        dev_info!(dev, "{}: recovered from a bus error\n", bound.device.name);
    }

    fn suspend(dev: &pci::Device<Core<'_>>, bound: &Bound, system: bool) -> Result {
        reset::suspend(dev, &bound.device, system)
    }

    fn resume(dev: &pci::Device<Core<'_>>, bound: &Bound, system: bool) -> Result {
        reset::resume(dev, &bound.device, system)
    }
}
