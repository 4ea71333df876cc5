// SPDX-License-Identifier: GPL-2.0

//! The physical function: registers, and the operations on them.

use kernel::{
    device,
    pci,
    prelude::*,
    sync::Arc,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use crate::{
    device::Function,
    glue::{
        self,
        mmio::Window,
        pci::Region,
        time::now_ms,
        vec,
        vma::Pfn, //
    },
    hw::{
        self,
        links::StuckLink,
        Bar,
        Csr,
        Func,
        Hcw, //
    }, //
};

/// What is mapped of the function BAR: mailboxes, MSI-X table, producer ports.
const FUNC_LEN: usize = 0x240_0000;

/// The CSR BAR is 4 GiB of mostly nothing: each unit has its registers at the start of some of its
/// 64 slots of 64 MiB. These are the slots that have any on either version, with the length that
/// is used. Page tables for all of it would cost nothing, but a kernel with KASAN has to provide
/// shadow memory for an eighth of what is mapped.
const CSR_SLOTS: [(usize, usize); 26] = [
    (0x00, 0x1000),     // IOSF
    (0x04, 0x1f0_0000), // SYS
    (0x06, 0x3000),     // SYS
    (0x08, 0xa_0000),   // AQED
    (0x09, 0x1000),     // AQED
    (0x0b, 0x1000),     // AQED
    (0x0c, 0x82_0000),  // ATM
    (0x0d, 0x1000),     // ATM
    (0x0f, 0x1000),     // ATM
    (0x10, 0xec_0000),  // CHP
    (0x11, 0x1000),     // CHP
    (0x13, 0x202_3000), // CHP
    (0x15, 0x1000),     // DP
    (0x17, 0x1000),     // DP
    (0x1d, 0x1000),     // NALB on 2.5
    (0x21, 0x201_1000), // NALB on 2.0, RO on 2.5
    (0x23, 0x1000),     // NALB on 2.0, RO on 2.5
    (0x24, 0x232_0000), // LSP on 2.5
    (0x25, 0x201_1000), // RO on 2.0, LSP on 2.5
    (0x27, 0x203_2000), // RO on 2.0, LSP on 2.5
    (0x28, 0x21a_0000), // LSP on 2.0
    (0x29, 0x1000),     // LSP on 2.0, CM on 2.5
    (0x2b, 0x1000),     // LSP on 2.0
    (0x2d, 0x1000),     // CM on 2.0
    (0x1b, 0x1000),     // DQED
    (0x1f, 0x1000),     // QED
];

/// Size of a slot, as a power of two.
const CSR_SLOT_SHIFT: u32 = 26;
const CSR_SLOTS_MAX: usize = 64;

/// The registers of a physical function.
pub(crate) struct Regs {
    // Mappings go before the claim to what they map.
    func: Window,
    csr: KVec<Option<Window>>,
    func_bar: Region,
    _csr_bar: Region,
}

impl Regs {
    fn new(dev: &pci::Device<device::Bound>) -> Result<Self> {
        let func_bar = Region::new(dev, 0, FUNC_LEN as u64, c"dlb")?;
        let csr_bar = Region::new(dev, 2, 1 << 32, c"dlb")?;
        let func = func_bar.map(0, FUNC_LEN)?;
        let mut csr = KVec::with_capacity(CSR_SLOTS_MAX, GFP_KERNEL)?;
        for slot in 0..CSR_SLOTS_MAX {
            let window = match CSR_SLOTS.iter().find(|known| known.0 == slot) {
                Some((_, len)) => Some(csr_bar.map((slot as u64) << CSR_SLOT_SHIFT, *len)?),
                None => None,
            };
            vec::push(&mut csr, window)?;
        }
        Ok(Self {
            func,
            csr,
            func_bar,
            _csr_bar: csr_bar,
        })
    }

    fn csr(&self, offset: u32) -> Option<(&Window, usize)> {
        // CAST: `usize` is at least as wide as `u32` on the 64-bit machines that have this device.
        let window = self
            .csr
            .get((offset >> CSR_SLOT_SHIFT) as usize)?
            .as_ref()?;
        Some((window, (offset & ((1 << CSR_SLOT_SHIFT) - 1)) as usize))
    }
}

impl Csr for Regs {
    fn read(&self, bar: Bar, offset: u32) -> u32 {
        match bar {
            // CAST: As above.
            Bar::Func => self.func.read32(offset as usize),
            Bar::Csr => match self.csr(offset) {
                Some((window, offset)) => window.read32(offset),
                None => !0,
            },
        }
    }

    fn write(&self, bar: Bar, offset: u32, value: u32) {
        match bar {
            // CAST: As above.
            Bar::Func => self.func.write32(offset as usize, value),
            Bar::Csr => {
                if let Some((window, offset)) = self.csr(offset) {
                    window.write32(offset, value);
                }
            }
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

/// The physical function of a device, ready for work.
pub(crate) struct PhysicalFunction {
    pub(crate) regs: Arc<Regs>,
    hw: KBox<hw::Pf>,
}

impl PhysicalFunction {
    /// Maps the registers, powers the device up and resets it.
    pub(crate) fn new(dev: &pci::Device<device::Core<'_>>, version: hw::Version) -> Result<Self> {
        let regs = Arc::new(Regs::new(dev)?, GFP_KERNEL)?;
        hw::Pf::power_on(&*regs, version);
        ready(dev, &regs, version)?;
        glue::pci::reset_function(dev)
            .inspect_err(|_| dev_err!(dev, "the function cannot be reset\n"))?;
        // PASID is on by default, and the device cannot work with it. The reset has turned it on
        // again.
        if glue::pci::disable_pasid(dev)? {
            dev_info!(dev, "PASID turned off\n");
        }
        ready(dev, &regs, version)?;

        let mut hw = KBox::<hw::Pf>::init(pin_init::init_zeroed(), GFP_KERNEL)?;
        hw.init(version);
        Ok(Self { regs, hw })
    }
}

/// Waits until the device is ready.
pub(crate) fn ready(dev: &pci::Device, regs: &Regs, version: hw::Version) -> Result {
    hw::Pf::wait_ready(regs, version).map_err(|err| {
        dev_err!(dev, "{}\n", crate::device::Words(&err));
        crate::device::errno(&err)
    })
}

impl Function for PhysicalFunction {
    fn version(&self) -> hw::Version {
        self.hw.version()
    }

    fn sparse(&self) -> bool {
        self.hw.settings().sparse_cq
    }

    fn sequence_numbers(&self) -> hw::Result<[u32; 2]> {
        Ok([self.hw.sequence_numbers(0)?, self.hw.sequence_numbers(1)?])
    }

    fn available(&self) -> hw::Result<hw::Resources> {
        Ok(self.hw.available(Func::Pf))
    }

    fn total(&self) -> hw::Resources {
        self.hw.share(Func::Pf)
    }

    fn create_domain(&mut self, args: &hw::DomainArgs) -> hw::Result<u32> {
        self.hw.create_domain(&*self.regs, Func::Pf, args)
    }

    fn create_ldb_queue(&mut self, domain: u32, args: &hw::LdbQueueArgs) -> hw::Result<u32> {
        self.hw
            .create_ldb_queue(&*self.regs, Func::Pf, domain, args)
    }

    fn create_dir_queue(&mut self, domain: u32, args: &hw::DirQueueArgs) -> hw::Result<u32> {
        self.hw
            .create_dir_queue(&*self.regs, Func::Pf, domain, args)
    }

    fn create_ldb_port(&mut self, domain: u32, args: &hw::LdbPortArgs) -> hw::Result<u32> {
        self.hw.create_ldb_port(&*self.regs, Func::Pf, domain, args)
    }

    fn create_dir_port(&mut self, domain: u32, args: &hw::DirPortArgs) -> hw::Result<u32> {
        self.hw.create_dir_port(&*self.regs, Func::Pf, domain, args)
    }

    fn enable_interrupt(&mut self, domain: u32, port: hw::PortId, threshold: u32) -> hw::Result {
        let port = self.hw.physical_port(Func::Pf, domain, port)?;
        self.hw
            .enable_cq_interrupt(&*self.regs, port, threshold, hw::Route::Pf)
    }

    fn set_cq_weight(&mut self, domain: u32, port: u32, limit: u32) -> hw::Result {
        self.hw
            .set_cq_weight(&*self.regs, Func::Pf, domain, port, limit)
    }

    fn link(&mut self, domain: u32, port: u32, queue: u32, priority: u32) -> hw::Result {
        self.hw
            .map_queue(&*self.regs, Func::Pf, domain, port, queue, priority)
    }

    fn unlink(&mut self, domain: u32, port: u32, queue: u32) -> hw::Result {
        self.hw
            .unmap_queue(&*self.regs, Func::Pf, domain, port, queue)
    }

    fn pending_unlinks(&self, domain: u32, port: u32) -> hw::Result<u32> {
        self.hw.pending_unmaps(Func::Pf, domain, port)
    }

    fn link_priority(&self, domain: u32, port: u32, queue: u32) -> hw::Result<Option<u8>> {
        self.hw.link_priority(Func::Pf, domain, port, queue)
    }

    fn service_pending(&mut self, stuck: &mut dyn FnMut(StuckLink)) -> hw::Result<u32> {
        self.hw.service_pending(&*self.regs, now_ms(), stuck)
    }

    fn start(&mut self, domain: u32) -> hw::Result {
        self.hw.start_domain(&*self.regs, Func::Pf, domain)
    }

    fn stop(&mut self, domain: u32) -> hw::Result {
        self.hw.stop_domain(&*self.regs, Func::Pf, domain)
    }

    fn set_port_enabled(&mut self, domain: u32, port: hw::PortId, on: bool) -> hw::Result {
        self.hw
            .set_port_enabled(&*self.regs, Func::Pf, domain, port, on)
    }

    fn ldb_queue_depth(&self, domain: u32, queue: u32) -> hw::Result<u32> {
        self.hw
            .ldb_queue_depth(&*self.regs, Func::Pf, domain, queue)
    }

    fn dir_queue_depth(&self, domain: u32, queue: u32) -> hw::Result<u32> {
        self.hw
            .dir_queue_depth(&*self.regs, Func::Pf, domain, queue)
    }

    fn xstat(&self, domain: u32, stat: hw::Xstat) -> hw::Result<u64> {
        self.hw.xstat(&*self.regs, Func::Pf, domain, stat)
    }

    fn reset_domain(&mut self, domain: u32) -> hw::Result {
        self.hw.reset_domain(&*self.regs, Func::Pf, domain)
    }

    fn physical_port(&self, domain: u32, port: hw::PortId) -> hw::Result<hw::Port> {
        self.hw.physical_port(Func::Pf, domain, port)
    }

    fn producer(&self, port: hw::Port) -> Result<Pfn> {
        self.regs.func_bar.pfn(hw::pp_offset(port).into())
    }

    fn restart(&mut self) -> hw::Result {
        let version = self.hw.version();
        hw::Pf::power_on(&*self.regs, version);
        hw::Pf::wait_ready(&*self.regs, version)?;
        self.hw.forget();
        self.hw.init_device(&*self.regs)?;
        self.hw.start_counters(&*self.regs)
    }

    fn physical(&mut self) -> Option<(&mut hw::Pf, &dyn Csr)> {
        Some((&mut self.hw, &*self.regs))
    }
}
