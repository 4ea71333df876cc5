// SPDX-License-Identifier: GPL-2.0

//! Interrupts of the PF: vector 1 for all consumer queues, vector 0 for everything else.
//!
//! Vector 0 has four causes: an HCW that was refused at the ingress, a CQ watchdog, a VF that rang
//! or was reset, and a hardware alarm. The first leaves its trace in a syndrome register per
//! function, which holds one error and a note that more were lost.

use super::error::Result;
use super::hal::hal;
use super::io::Csr;
use super::io::Io;
use super::regs::chp::*;
use super::regs::func::msix::*;
use super::regs::sys::*;
use super::regs::Loc;
use super::regs::Register;
use super::resources::*;
use super::Port;
use super::Version;

/// So many interrupts that saw ingress errors of the PF, within [`STORM_MS`], are a storm.
const INGRESS_STORM: u32 = 1000;
/// So many ingress errors of one VF are reported within [`STORM_MS`]. All VFs together stay below
/// what is a storm, so that none of them can have the alarms switched off, which are everybody's.
const VF_INGRESS_MAX: u32 = 50;
const STORM_MS: u32 = 1000;

/// Consumer queues that interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CqEvents {
    /// Load-balanced ones, by number.
    pub ldb: u64,
    /// Directed ones, by number.
    pub dir: u128,
}

impl CqEvents {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ldb == 0 && self.dir == 0
    }

    /// Whether this port's CQ is among them.
    pub fn contains(&self, port: Port) -> bool {
        match port {
            Port::Ldb(p) => self.ldb & (1u64 << (p & 63)) != 0,
            Port::Dir(p) => self.dir & (1u128 << (p & 127)) != 0,
        }
    }
}

/// Serves vector 1: takes the list of consumer queues that interrupted, and acknowledges. Does not
/// sleep.
///
/// # Errors
///
/// [`super::Error::Gone`] if the device does not answer.
pub fn take_cq_events(csr: &dyn Csr, version: Version) -> Result<CqEvents> {
    let io = Io::new(csr, version);
    let ldb = [
        io.read(SYS_LDB_CQ_31_0_OCC_INT_STS).bits(),
        io.read(SYS_LDB_CQ_63_32_OCC_INT_STS).bits(),
    ];
    let dir = [
        io.read(SYS_DIR_CQ_31_0_OCC_INT_STS).bits(),
        io.read(SYS_DIR_CQ_63_32_OCC_INT_STS).bits(),
    ];
    io.check()?;
    let [ldb0, ldb1] = ldb;
    let [dir0, dir1] = dir;
    clear(&io, SYS_LDB_CQ_31_0_OCC_INT_STS, ldb0);
    clear(&io, SYS_LDB_CQ_63_32_OCC_INT_STS, ldb1);
    clear(&io, SYS_DIR_CQ_31_0_OCC_INT_STS, dir0);
    clear(&io, SYS_DIR_CQ_63_32_OCC_INT_STS, dir1);
    let dir2 = hal(version).take_dir_cq_status_2(&io);
    // An interrupt can get lost between the status and the acknowledgement unless the vector is
    // masked and passed through meanwhile.
    io.write(
        MSIX_VECTOR_CTRL::at(1),
        MSIX_VECTOR_CTRL::zeroed().vec_mask(1),
    );
    io.write(
        SYS_MSIX_PASSTHRU,
        SYS_MSIX_PASSTHRU::zeroed().msix_1_passthru(1),
    );
    io.write(SYS_MSIX_ACK, SYS_MSIX_ACK::zeroed().msix_1_ack(1));
    io.write(SYS_MSIX_PASSTHRU, SYS_MSIX_PASSTHRU::zeroed());
    io.write(MSIX_VECTOR_CTRL::at(1), MSIX_VECTOR_CTRL::zeroed());
    io.flush()?;
    Ok(CqEvents {
        ldb: u64::from(ldb1) << 32 | u64::from(ldb0),
        dir: u128::from(dir2) << 64 | u128::from(dir1) << 32 | u128::from(dir0),
    })
}

/// Clears write-1-to-clear bits, if there are any.
fn clear<R: Register>(io: &Io<'_>, loc: Loc<R>, bits: u32) {
    if bits != 0 {
        io.write(loc, R::from_bits(bits));
    }
}

/// What an ingress error was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Alert {
    /// An enqueue without a credit, a completion of nothing, or a fragment out of place.
    IllegalEnqueue = 0,
    /// More tokens returned than were owed.
    ExcessTokenPops = 1,
    /// A command that does not exist or is not allowed on the port.
    IllegalHcw = 2,
    /// A queue that does not exist.
    IllegalQid = 3,
    /// A queue of another domain, or of one that is not started.
    DisabledQid = 4,
    /// Something else, such as a scheduling type the queue was not set up for.
    Unknown = 8,
}

impl Alert {
    const UNIT_CHP: u32 = 4;
    const SOURCE_SYS: u32 = 0;

    fn decode(source: u32, unit: u32, aid: u32) -> Self {
        match (unit == Self::UNIT_CHP, source == Self::SOURCE_SYS, aid) {
            (true, _, 1) => Self::IllegalEnqueue,
            (true, _, 2) => Self::ExcessTokenPops,
            (_, true, 5) => Self::IllegalHcw,
            (_, true, 3) => Self::IllegalQid,
            (_, true, 4) => Self::DisabledQid,
            _ => Self::Unknown,
        }
    }
}

/// The number under which software knows a watchdog's alert.
pub const ALERT_WATCHDOG: u32 = 7;

/// The number under which software knows the alert of a device reset.
pub const ALERT_DEVICE_RESET: u32 = 5;

/// The additional data of an alert about a port, as the function that owns it knows it.
pub const fn alert_data(port: PortId) -> u32 {
    match port {
        PortId::Ldb(id) => 1 << 8 | (id & 0xff),
        PortId::Dir(id) => id & 0xff,
    }
}

/// An HCW that was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IngressError {
    /// The function whose port it came from.
    pub func: Func,
    /// What was wrong.
    pub alert: Alert,
    /// The port, if it is one that exists.
    pub port: Option<PortOwner>,
    /// The queue it named.
    pub qid: u8,
    /// Further errors were lost.
    pub more: bool,
}

/// An alarm of the hardware itself, such as a parity error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HwAlarm {
    /// 0 = SYS, 1 = the core.
    pub source: u8,
    /// The unit that noticed it.
    pub unit: u8,
    /// What happened, by unit.
    pub aid: u8,
    /// Class of the alarm.
    pub class: u8,
    /// Kind of the resource.
    pub rtype: u8,
    /// Detail.
    pub syndrome: u8,
    /// Further alarms were lost.
    pub more: bool,
}

/// Who is told what vector 0 was about. Called with the bookkeeping locked.
pub trait Alarms {
    /// An HCW was refused.
    fn ingress(&mut self, error: IngressError);
    /// The consumer of this CQ does not react.
    fn watchdog(&mut self, port: PortOwner);
    /// The hardware has a problem.
    fn hardware(&mut self, alarm: HwAlarm);
    /// There were so many ingress errors that their alarms were switched off.
    fn storm(&mut self);
    /// A VF has caused so many ingress errors that the next ones wait, or are lost.
    fn throttled(&mut self, vf: u8);
}

/// What is left to do after [`Pf::service_alarms`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AlarmCauses {
    /// A VF rang its doorbell or was reset.
    pub vf: bool,
    /// After so many milliseconds there is an error to be reported that no interrupt will tell.
    pub again_ms: Option<u32>,
}

/// Counts interrupts of one kind, to notice when there are too many.
#[derive(Clone, Copy, Default)]
pub(super) struct Storm {
    since_ms: u32,
    interrupts: u32,
}

impl Storm {
    /// Notes one more interrupt and says whether that makes `storm` of them.
    pub(super) fn note(&mut self, now_ms: u32, storm: u32) -> bool {
        if self.interrupts == 0 || now_ms.wrapping_sub(self.since_ms) >= STORM_MS {
            self.since_ms = now_ms;
            self.interrupts = 0;
        }
        self.interrupts = self.interrupts.saturating_add(1);
        if self.interrupts < storm {
            return false;
        }
        self.interrupts = 0;
        true
    }
}

/// How much of something there may still be within [`STORM_MS`].
#[derive(Clone, Copy, Default)]
pub(super) struct Budget {
    since_ms: u32,
    spent: u32,
}

impl Budget {
    /// How long to wait if all of it, `most`, is spent.
    fn wait_ms(&mut self, now_ms: u32, most: u32) -> Option<u32> {
        let past = now_ms.wrapping_sub(self.since_ms);
        if self.spent == 0 || past >= STORM_MS {
            *self = Self {
                since_ms: now_ms,
                spent: 0,
            };
        }
        (self.spent >= most).then(|| STORM_MS.saturating_sub(past))
    }

    /// Spends one, and says whether it was the last.
    fn spend(&mut self, most: u32) -> bool {
        self.spent = self.spent.saturating_add(1);
        self.spent == most
    }
}

impl Pf {
    /// Serves vector 0, except for what VFs want: see [`Pf::service_vfs`].
    ///
    /// # Errors
    ///
    /// [`super::Error::Gone`] if the device does not answer.
    pub fn service_alarms(
        &mut self,
        csr: &dyn Csr,
        now_ms: u32,
        sink: &mut dyn Alarms,
    ) -> Result<AlarmCauses> {
        let io = Io::new(csr, self.version);
        let synd = io.read(SYS_ALARM_HW_SYND);
        // Acknowledged before anything is looked at: what happens after the look interrupts again.
        io.write(SYS_MSIX_ACK, SYS_MSIX_ACK::zeroed().msix_0_ack(1));
        io.flush()?;
        let valid = synd.valid() == 1;
        if valid && synd.alarm() == 1 {
            sink.hardware(HwAlarm {
                source: synd.source() as u8,
                unit: synd.unit() as u8,
                aid: synd.aid() as u8,
                class: synd.cls() as u8,
                rtype: synd.rtype() as u8,
                syndrome: synd.syndrome() as u8,
                more: synd.more() == 1,
            });
            io.write(
                SYS_ALARM_HW_SYND,
                SYS_ALARM_HW_SYND::zeroed().valid(1).more(1),
            );
        }
        if self.service_ingress(&io, sink)? && self.storm.note(now_ms, INGRESS_STORM) {
            self.settings.ingress_alarms = false;
            self.apply_ingress_alarms(&io);
            sink.storm();
        }
        let again_ms = self.service_vf_ingress(&io, now_ms, sink)?;
        if valid && synd.cwd() == 1 {
            self.service_watchdog(&io, sink)?;
        }
        Ok(AlarmCauses {
            vf: valid && synd.vf_pf_mb() == 1,
            again_ms,
        })
    }

    /// Reports and clears the ingress error of the PF.
    fn service_ingress(&self, io: &Io<'_>, sink: &mut dyn Alarms) -> Result<bool> {
        let synd = io.read(SYS_ALARM_PF_SYND0);
        if synd.valid() == 0 {
            return Ok(false);
        }
        let qid = io.read(SYS_ALARM_PF_SYND1).qid();
        io.check()?;
        io.write(
            SYS_ALARM_PF_SYND0,
            SYS_ALARM_PF_SYND0::zeroed().valid(1).more(1),
        );
        let alert = Alert::decode(synd.source(), synd.unit(), synd.aid());
        let port = port_of(synd.source(), synd.syndrome(), synd.is_ldb());
        sink.ingress(IngressError {
            func: Func::Pf,
            alert,
            port: self.owner_of(port).filter(|owner| owner.func == Func::Pf),
            qid: qid as u8,
            more: synd.more() == 1,
        });
        Ok(true)
    }

    /// Reports and clears the ingress errors of VFs, but not more of each than it may cause: its
    /// syndrome register is left as it is then, and does not interrupt for further errors. Returns
    /// after how many milliseconds one of those will have its turn.
    fn service_vf_ingress(
        &mut self,
        io: &Io<'_>,
        now_ms: u32,
        sink: &mut dyn Alarms,
    ) -> Result<Option<u32>> {
        let mut again_ms: Option<u32> = None;
        for vf in 0..self.num_vfs {
            let synd = io.read(SYS_ALARM_VF_SYND0::at(vf.into()));
            if synd.valid() == 0 {
                continue;
            }
            let budget = &mut self.vf_mut(vf)?.ingress;
            if let Some(wait_ms) = budget.wait_ms(now_ms, VF_INGRESS_MAX) {
                again_ms = Some(again_ms.map_or(wait_ms, |ms| ms.min(wait_ms)));
                continue;
            }
            let last = budget.spend(VF_INGRESS_MAX);
            let qid = io.read(SYS_ALARM_VF_SYND1::at(vf.into())).qid();
            io.check()?;
            forget_ingress(io, vf);
            let alert = Alert::decode(synd.source(), synd.unit(), synd.aid());
            let port = port_of(synd.source(), synd.syndrome(), synd.is_ldb());
            sink.ingress(IngressError {
                func: Func::Vf(vf),
                alert,
                port: self.virtual_port(vf, port),
                qid: qid as u8,
                more: synd.more() == 1,
            });
            if last {
                sink.throttled(vf);
            }
        }
        Ok(again_ms)
    }

    /// The configured port a VF knows under this number.
    fn virtual_port(&self, vf: u8, port: Port) -> Option<PortOwner> {
        let owner = Owner::of(Func::Vf(vf));
        let physical = match port {
            Port::Ldb(virt) => self
                .ldb_ports
                .iter()
                .position(|p| p.owner == owner && p.configured && p.virt == virt)
                .map(|p| Port::Ldb(num(p))),
            Port::Dir(virt) => self
                .dir_pairs()
                .iter()
                .position(|p| p.owner == owner && p.port && p.virt == virt)
                .map(|p| Port::Dir(num(p))),
        };
        self.owner_of(physical?)
    }

    /// Reports, clears and enables again the watchdogs that fired.
    fn service_watchdog(&self, io: &Io<'_>, sink: &mut dyn Alarms) -> Result {
        let dir0 = io.read(CHP_CFG_DIR_WDTO_0).wdto();
        let dir1 = io.read(CHP_CFG_DIR_WDTO_1).wdto();
        let dir2 = self.hal().dir_watchdog_2(io);
        let ldb0 = io.read(CHP_CFG_LDB_WDTO_0).wdto();
        let ldb1 = io.read(CHP_CFG_LDB_WDTO_1).wdto();
        io.check()?;
        let dir = u128::from(dir2) << 64 | u128::from(dir1) << 32 | u128::from(dir0);
        let ldb = u64::from(ldb1) << 32 | u64::from(ldb0);
        let fired = CqEvents { ldb, dir };
        let dirs = (0..num(MAX_DIR_PORTS)).map(Port::Dir);
        let ldbs = (0..num(MAX_LDB_PORTS)).map(Port::Ldb);
        for port in dirs.chain(ldbs).filter(|port| fired.contains(*port)) {
            if let Some(owner) = self.owner_of(port) {
                sink.watchdog(owner);
            }
        }
        clear(io, CHP_CFG_DIR_WDTO_0, dir0);
        clear(io, CHP_CFG_DIR_WDTO_1, dir1);
        if dir2 != 0 {
            self.hal().clear_dir_watchdog_2(io, dir2);
        }
        clear(io, CHP_CFG_LDB_WDTO_0, ldb0);
        clear(io, CHP_CFG_LDB_WDTO_1, ldb1);
        io.flush()?;
        clear(io, CHP_CFG_DIR_WD_DISABLE0, dir0);
        clear(io, CHP_CFG_DIR_WD_DISABLE1, dir1);
        if dir2 != 0 {
            self.hal().enable_dir_watchdog_2(io, dir2);
        }
        clear(io, CHP_CFG_LDB_WD_DISABLE0, ldb0);
        clear(io, CHP_CFG_LDB_WD_DISABLE1, ldb1);
        Ok(())
    }
}

/// Clears the ingress error of a VF.
pub(super) fn forget_ingress(io: &Io<'_>, vf: u8) {
    io.write(
        SYS_ALARM_VF_SYND0::at(vf.into()),
        SYS_ALARM_VF_SYND0::zeroed().valid(1).more(1),
    );
}

/// The port a syndrome names.
fn port_of(source: u32, syndrome: u32, is_ldb: u32) -> Port {
    let ldb = match source {
        Alert::SOURCE_SYS => is_ldb == 1,
        _ => syndrome & 0x80 != 0,
    };
    let port = (syndrome & 0x7f) as u8;
    match ldb {
        true => Port::Ldb(port),
        false => Port::Dir(port),
    }
}
