// SPDX-License-Identifier: GPL-2.0

//! The files in the directory of a device in sysfs: what it has, what is free, and how it is set.
//!
//! Physical and virtual functions have the same files; those that only the physical function may
//! decide about are not there on a virtual one, or can only be read.

use crate::{
    device::{
        self,
        Device, //
    },
    driver,
    glue::{
        sysfs::{
            self,
            Attribute,
            Group,
            GroupRef,
            Groups,
            Visibility, //
        },
        time::now_ns, //
    },
    hw::{
        self,
        error::Resource,
        stats::{
            DeviceCounters,
            IdleCounters, //
        },
        Arbiter,
        Csr,
        Func,
        Pf,
        Preference,
        Resources,
        Watchdog, //
    },
    parse::{
        self,
        line,
        Value, //
    },
};
use core::marker::PhantomData;
use kernel::{
    fmt,
    prelude::*,
    str::Formatter,
    sync::Arc, //
};

/// The data of a driver whose devices have these files.
pub(crate) trait HasDevice: Send + Sync + 'static {
    /// The device that the driver is bound to.
    fn device(&self) -> &Arc<Device>;
}

impl HasDevice for driver::Bound {
    fn device(&self) -> &Arc<Device> {
        &self.device
    }
}

/// The groups of files of a device.
pub(crate) const fn groups<D: HasDevice>() -> Groups<D> {
    Groups::new(&[
        GroupRef::to::<Root<D>>(),
        GroupRef::to::<Total<D>>(),
        GroupRef::to::<Available<D>>(),
        GroupRef::to::<SequenceNumbers<D>>(),
        GroupRef::to::<ClassesOfService<D>>(),
        GroupRef::to::<Tuning<D>>(),
        GroupRef::to::<Counters<D>>(),
        GroupRef::to::<Vfs<D>>(),
        GroupRef::to::<Vf<D, 0>>(),
        GroupRef::to::<Vf<D, 1>>(),
        GroupRef::to::<Vf<D, 2>>(),
        GroupRef::to::<Vf<D, 3>>(),
        GroupRef::to::<Vf<D, 4>>(),
        GroupRef::to::<Vf<D, 5>>(),
        GroupRef::to::<Vf<D, 6>>(),
        GroupRef::to::<Vf<D, 7>>(),
        GroupRef::to::<Vf<D, 8>>(),
        GroupRef::to::<Vf<D, 9>>(),
        GroupRef::to::<Vf<D, 10>>(),
        GroupRef::to::<Vf<D, 11>>(),
        GroupRef::to::<Vf<D, 12>>(),
        GroupRef::to::<Vf<D, 13>>(),
        GroupRef::to::<Vf<D, 14>>(),
        GroupRef::to::<Vf<D, 15>>(),
    ])
}

/// The groups that come and go with virtual functions.
static VF_GROUPS: Groups<driver::Bound> = Groups::new(&[
    GroupRef::to::<Vfs<driver::Bound>>(),
    GroupRef::to::<Vf<driver::Bound, 0>>(),
    GroupRef::to::<Vf<driver::Bound, 1>>(),
    GroupRef::to::<Vf<driver::Bound, 2>>(),
    GroupRef::to::<Vf<driver::Bound, 3>>(),
    GroupRef::to::<Vf<driver::Bound, 4>>(),
    GroupRef::to::<Vf<driver::Bound, 5>>(),
    GroupRef::to::<Vf<driver::Bound, 6>>(),
    GroupRef::to::<Vf<driver::Bound, 7>>(),
    GroupRef::to::<Vf<driver::Bound, 8>>(),
    GroupRef::to::<Vf<driver::Bound, 9>>(),
    GroupRef::to::<Vf<driver::Bound, 10>>(),
    GroupRef::to::<Vf<driver::Bound, 11>>(),
    GroupRef::to::<Vf<driver::Bound, 12>>(),
    GroupRef::to::<Vf<driver::Bound, 13>>(),
    GroupRef::to::<Vf<driver::Bound, 14>>(),
    GroupRef::to::<Vf<driver::Bound, 15>>(),
]);

/// Makes files for the virtual functions that there are now.
///
/// The number must have been given to [`Pf::set_num_vfs`] before, and the device not be locked.
pub(crate) fn vfs_changed(dev: &kernel::device::Device<kernel::device::Bound>) -> Result {
    sysfs::update(dev, &VF_GROUPS)
}

/// Looks at the physical function.
fn look<D: HasDevice, V: Value>(
    data: &D,
    out: &mut Formatter<'_>,
    get: impl FnOnce(&Pf) -> hw::Result<V>,
) -> Result {
    let value = {
        let mut state = data.device().lock();
        let (pf, _) = state.pf()?;
        get(pf).map_err(|err| device::errno(&err))?
    };
    line(out, value)
}

/// Changes a setting of the physical function.
fn change<D: HasDevice>(
    data: &D,
    set: impl FnOnce(&mut Pf, Option<&dyn Csr>) -> hw::Result,
) -> Result {
    let mut state = data.device().lock();
    // Without registers, because the device sleeps, the setting is kept until it wakes up.
    let (pf, csr) = state.pf()?;
    set(pf, csr).map_err(|err| device::errno(&err))
}

/// What only the physical function has.
fn physical_only<D: HasDevice>(data: &D) -> Visibility {
    let mut state = data.device().lock();
    match state.pf().err() {
        Some(err) if err == EPERM => Visibility::Hidden,
        _ => Visibility::Normal,
    }
}

/// The directory of the device itself.
struct Root<D>(PhantomData<D>);

const DEV_ID: usize = 0;
const INGRESS_ERR_EN: usize = 1;

impl<D: HasDevice> Group for Root<D> {
    type Data = D;
    const NAME: Option<&'static CStr> = None;
    const ATTRIBUTES: &'static [Attribute<D>] = &[
        Attribute::ro(c"dev_id", DEV_ID, |data, _, out| {
            line(out, data.device().index)
        }),
        Attribute::rw(
            c"ingress_err_en",
            INGRESS_ERR_EN,
            |data, _, out| look(data, out, |pf| Ok(pf.settings().ingress_alarms)),
            |data, _, input| {
                let on = parse::flag(input)?;
                change(data, |pf, csr| pf.set_ingress_alarms(csr, on))
            },
        ),
    ];

    fn visibility(data: &D, arg: usize) -> Visibility {
        match arg {
            INGRESS_ERR_EN => physical_only(data),
            _ => Visibility::Normal,
        }
    }
}

/// How much there is of one kind of resource.
type Amount = fn(&Resources) -> u32;

/// The kinds of resource, in the order of their files.
const AMOUNTS: [Amount; 15] = [
    |resources| resources.domains,
    |resources| resources.ldb_queues,
    |resources| resources.ldb_ports(),
    |resources| resources.cos_ldb_ports[0],
    |resources| resources.cos_ldb_ports[1],
    |resources| resources.cos_ldb_ports[2],
    |resources| resources.cos_ldb_ports[3],
    |resources| resources.dir_ports,
    |resources| resources.ldb_credits,
    |resources| resources.dir_credits,
    |resources| resources.atomic_inflights,
    |resources| resources.hist_list_entries,
    |resources| resources.sn_slots[0],
    |resources| resources.sn_slots[1],
    |resources| resources.max_ctg_hl_entries,
];

fn show_resource(out: &mut Formatter<'_>, resources: &Resources, which: usize) -> Result {
    let get = AMOUNTS.get(which).ok_or(EINVAL)?;
    line(out, get(resources))
}

fn show_total<D: HasDevice>(data: &D, which: usize, out: &mut Formatter<'_>) -> Result {
    let total = data.device().lock().function()?.total();
    show_resource(out, &total, which)
}

fn show_available<D: HasDevice>(data: &D, which: usize, out: &mut Formatter<'_>) -> Result {
    let available = data.device().lock().function()?.available();
    let available = available.map_err(|err| device::errno(&err))?;
    show_resource(out, &available, which)
}

/// `total_resources/`
struct Total<D>(PhantomData<D>);

impl<D: HasDevice> Group for Total<D> {
    type Data = D;
    const NAME: Option<&'static CStr> = Some(c"total_resources");
    const ATTRIBUTES: &'static [Attribute<D>] = &[
        Attribute::ro(c"num_sched_domains", 0, show_total),
        Attribute::ro(c"num_ldb_queues", 1, show_total),
        Attribute::ro(c"num_ldb_ports", 2, show_total),
        Attribute::ro(c"num_cos0_ldb_ports", 3, show_total),
        Attribute::ro(c"num_cos1_ldb_ports", 4, show_total),
        Attribute::ro(c"num_cos2_ldb_ports", 5, show_total),
        Attribute::ro(c"num_cos3_ldb_ports", 6, show_total),
        Attribute::ro(c"num_dir_ports", 7, show_total),
        Attribute::ro(c"num_ldb_credits", 8, show_total),
        Attribute::ro(c"num_dir_credits", 9, show_total),
        Attribute::ro(c"num_atomic_inflights", 10, show_total),
        Attribute::ro(c"num_hist_list_entries", 11, show_total),
        Attribute::ro(c"num_sn0_slots", 12, show_total),
        Attribute::ro(c"num_sn1_slots", 13, show_total),
    ];
}

/// `avail_resources/`
struct Available<D>(PhantomData<D>);

impl<D: HasDevice> Group for Available<D> {
    type Data = D;
    const NAME: Option<&'static CStr> = Some(c"avail_resources");
    const ATTRIBUTES: &'static [Attribute<D>] = &[
        Attribute::ro(c"num_sched_domains", 0, show_available),
        Attribute::ro(c"num_ldb_queues", 1, show_available),
        Attribute::ro(c"num_ldb_ports", 2, show_available),
        Attribute::ro(c"num_cos0_ldb_ports", 3, show_available),
        Attribute::ro(c"num_cos1_ldb_ports", 4, show_available),
        Attribute::ro(c"num_cos2_ldb_ports", 5, show_available),
        Attribute::ro(c"num_cos3_ldb_ports", 6, show_available),
        Attribute::ro(c"num_dir_ports", 7, show_available),
        Attribute::ro(c"num_ldb_credits", 8, show_available),
        Attribute::ro(c"num_dir_credits", 9, show_available),
        Attribute::ro(c"num_atomic_inflights", 10, show_available),
        Attribute::ro(c"num_hist_list_entries", 11, show_available),
        Attribute::ro(c"num_sn0_slots", 12, show_available),
        Attribute::ro(c"num_sn1_slots", 13, show_available),
        Attribute::ro(c"max_ctg_hl_entries", 14, show_available),
    ];
}

/// `sequence_numbers/`
struct SequenceNumbers<D>(PhantomData<D>);

impl<D: HasDevice> SequenceNumbers<D> {
    fn show(data: &D, group: usize, out: &mut Formatter<'_>) -> Result {
        let groups = data.device().lock().function()?.sequence_numbers();
        let groups = groups.map_err(|err| device::errno(&err))?;
        line(out, *groups.get(group).ok_or(EINVAL)?)
    }

    fn store(data: &D, group: usize, input: &[u8]) -> Result {
        let per_queue = parse::slot_size(input)?;
        let group = u32::try_from(group)?;
        change(data, |pf, csr| {
            pf.set_sequence_numbers(csr, group, per_queue)
        })
    }
}

impl<D: HasDevice> Group for SequenceNumbers<D> {
    type Data = D;
    const NAME: Option<&'static CStr> = Some(c"sequence_numbers");
    const ATTRIBUTES: &'static [Attribute<D>] = &[
        Attribute::rw(c"group0_sns_per_queue", 0, Self::show, Self::store),
        Attribute::rw(c"group1_sns_per_queue", 1, Self::show, Self::store),
    ];

    fn visibility(data: &D, _arg: usize) -> Visibility {
        match physical_only(data) {
            Visibility::Hidden => Visibility::ReadOnly,
            visibility => visibility,
        }
    }
}

/// `cos_bw/`
struct ClassesOfService<D>(PhantomData<D>);

impl<D: HasDevice> ClassesOfService<D> {
    fn show(data: &D, class: usize, out: &mut Formatter<'_>) -> Result {
        look(data, out, |pf| {
            let percent = pf.settings().cos_bandwidth.get(class);
            Ok(u32::from(percent.copied().unwrap_or(0)))
        })
    }

    fn store(data: &D, class: usize, input: &[u8]) -> Result {
        let percent = parse::percent(input)?;
        let class = u32::try_from(class)?;
        change(data, |pf, csr| pf.set_cos_bandwidth(csr, class, percent))
    }
}

impl<D: HasDevice> Group for ClassesOfService<D> {
    type Data = D;
    const NAME: Option<&'static CStr> = Some(c"cos_bw");
    const ATTRIBUTES: &'static [Attribute<D>] = &[
        Attribute::rw(c"cos0_bw_percent", 0, Self::show, Self::store),
        Attribute::rw(c"cos1_bw_percent", 1, Self::show, Self::store),
        Attribute::rw(c"cos2_bw_percent", 2, Self::show, Self::store),
        Attribute::rw(c"cos3_bw_percent", 3, Self::show, Self::store),
    ];

    fn visibility(data: &D, _arg: usize) -> Visibility {
        physical_only(data)
    }
}

/// `tuning/`
struct Tuning<D>(PhantomData<D>);

const CQ_LAYOUT: usize = 0;
const CQ_WATCHDOG: usize = 1;
const QE_ARBITER: usize = 2;
const QID_ARBITER: usize = 3;
const WRR_WEIGHT: usize = 4;
const PORT_PROBE: usize = 5;

fn arbiter(which: usize) -> Arbiter {
    match which {
        QE_ARBITER => Arbiter::Elements,
        _ => Arbiter::Links,
    }
}

/// What the driver never sets is told as nothing.
const NO_WEIGHTS: [u8; 4] = [0; 4];

impl<D: HasDevice> Tuning<D> {
    fn show_starvation(data: &D, which: usize, out: &mut Formatter<'_>) -> Result {
        look(data, out, |pf| {
            Ok(match pf.preference(arbiter(which)) {
                Preference::Percent(percent) => i32::from(percent),
                // No percentage says what weights do.
                _ => -1,
            })
        })
    }

    fn store_starvation(data: &D, which: usize, input: &[u8]) -> Result {
        let percent = u8::try_from(parse::percent(input)?)?;
        change(data, |pf, csr| {
            pf.set_preference(csr, arbiter(which), Preference::Percent(percent))
        })
    }

    fn show_probe(data: &D, _: usize, out: &mut Formatter<'_>) -> Result {
        look(data, out, |pf| {
            Ok(pf.dir_costs().iter().any(|cost| *cost != 0))
        })
    }

    fn store_probe(data: &D, _: usize, input: &[u8]) -> Result {
        if !parse::flag(input)? {
            return change(data, |pf, _| {
                pf.forget_dir_costs();
                Ok(())
            });
        }
        let _power = Device::power_up(data.device())?;
        change(data, |pf, csr| match csr {
            Some(csr) => pf.measure_dir_ports(csr, &now_ns),
            None => Err(hw::Error::Gone),
        })
    }

    fn show_costs(data: &D, _: usize, out: &mut Formatter<'_>) -> Result {
        let mut state = data.device().lock();
        let (pf, _) = state.pf()?;
        let mut blank = "";
        for cost in pf.dir_costs() {
            fmt::Write::write_fmt(out, fmt!("{blank}{cost}"))?;
            blank = " ";
        }
        Ok(fmt::Write::write_str(out, "\n")?)
    }

    fn show_weights(data: &D, which: usize, out: &mut Formatter<'_>) -> Result {
        look(data, out, |pf| {
            Ok(pf
                .preference(arbiter(which))
                .weights()
                .unwrap_or(NO_WEIGHTS))
        })
    }

    fn store_weights(data: &D, which: usize, input: &[u8]) -> Result {
        let weights = parse::arbiter_weights(input)?;
        change(data, |pf, csr| {
            pf.set_preference(csr, arbiter(which), Preference::Weights(weights))
        })
    }
}

impl<D: HasDevice> Group for Tuning<D> {
    type Data = D;
    const NAME: Option<&'static CStr> = Some(c"tuning");
    const ATTRIBUTES: &'static [Attribute<D>] = &[
        Attribute::rw(
            c"cq_layout",
            CQ_LAYOUT,
            |data, _, out| {
                let sparse = data.device().lock().function()?.sparse();
                line(out, if sparse { "sparse" } else { "packed" })
            },
            |data, _, input| {
                let sparse = parse::cq_layout(input)?;
                // A domain that is being built has its rings before the device knows of it.
                let _building = data.device().building.lock();
                change(data, |pf, csr| pf.set_cq_layout(csr, sparse))
            },
        ),
        Attribute::rw(
            c"cq_watchdog_seconds",
            CQ_WATCHDOG,
            |data, _, out| {
                look(data, out, |pf| {
                    Ok(match pf.settings().watchdog {
                        Watchdog::Off => 0u32,
                        Watchdog::S1 => 1,
                        Watchdog::S10 => 10,
                        Watchdog::S40 => 40,
                    })
                })
            },
            |data, _, input| {
                let watchdog = match parse::watchdog_seconds(input)? {
                    0 => Watchdog::Off,
                    1 => Watchdog::S1,
                    10 => Watchdog::S10,
                    _ => Watchdog::S40,
                };
                change(data, |pf, csr| pf.set_watchdog(csr, watchdog))
            },
        ),
        Attribute::rw(
            c"qe_sa_pct",
            QE_ARBITER,
            Self::show_starvation,
            Self::store_starvation,
        ),
        Attribute::rw(
            c"qe_weights",
            QE_ARBITER,
            Self::show_weights,
            Self::store_weights,
        ),
        Attribute::rw(
            c"qid_sa_pct",
            QID_ARBITER,
            Self::show_starvation,
            Self::store_starvation,
        ),
        Attribute::rw(
            c"qid_weights",
            QID_ARBITER,
            Self::show_weights,
            Self::store_weights,
        ),
        Attribute::rw(
            c"port_probe",
            PORT_PROBE,
            Self::show_probe,
            Self::store_probe,
        ),
        Attribute::ro(c"dir_port_costs", PORT_PROBE, Self::show_costs),
        Attribute::rw(
            c"qidx_wrr_weight",
            WRR_WEIGHT,
            |data, _, out| look(data, out, |pf| Ok(u32::from(pf.settings().wrr_weight))),
            |data, _, input| {
                let weight = parse::wrr_weight(input)?;
                change(data, |pf, csr| pf.set_wrr_weight(csr, weight))
            },
        ),
    ];

    fn visibility(data: &D, arg: usize) -> Visibility {
        let physical = physical_only(data);
        match arg {
            CQ_LAYOUT if physical == Visibility::Hidden => Visibility::ReadOnly,
            WRR_WEIGHT if data.device().version == hw::Version::V2 => Visibility::Hidden,
            _ => physical,
        }
    }
}

/// What the scheduler was busy with, as found in a counter.
type Cycles = fn(&IdleCounters) -> u64;

/// `counters/`
struct Counters<D>(PhantomData<D>);

const LDB_SCHEDULED: usize = 0;
const DIR_SCHEDULED: usize = 1;
const ERRORS: usize = 2;
/// The arguments from here on count cycles.
const CYCLES: usize = 3;

const CYCLES_OF: [Cycles; 6] = [
    |cycles| cycles.scheduled,
    |cycles| cycles.no_work,
    |cycles| cycles.no_space,
    |cycles| cycles.inflight_limit,
    |cycles| cycles.flow_limit,
    |cycles| cycles.priority_friction,
];

impl<D: HasDevice> Counters<D> {
    fn show(data: &D, which: usize, out: &mut Formatter<'_>) -> Result {
        let counters = {
            let mut state = data.device().lock();
            let (pf, csr) = state.pf()?;
            match csr {
                Some(csr) => pf.device_counters(csr).map_err(|err| device::errno(&err))?,
                // They start again from nothing when it wakes up.
                None => DeviceCounters::default(),
            }
        };
        let cycles = counters.idle.unwrap_or_default();
        line(
            out,
            match which {
                LDB_SCHEDULED => counters.ldb_scheduled,
                DIR_SCHEDULED => counters.dir_scheduled,
                ERRORS => counters.errors,
                which => CYCLES_OF
                    .get(which.saturating_sub(CYCLES))
                    .map_or(0, |get| get(&cycles)),
            },
        )
    }
}

impl<D: HasDevice> Group for Counters<D> {
    type Data = D;
    const NAME: Option<&'static CStr> = Some(c"counters");
    const ATTRIBUTES: &'static [Attribute<D>] = &[
        Attribute::ro(c"ldb_scheduled", LDB_SCHEDULED, Self::show),
        Attribute::ro(c"dir_scheduled", DIR_SCHEDULED, Self::show),
        Attribute::ro(c"errors", ERRORS, Self::show),
        Attribute::ro(c"cycles_scheduled", CYCLES, Self::show),
        Attribute::ro(c"cycles_no_work", CYCLES + 1, Self::show),
        Attribute::ro(c"cycles_no_space", CYCLES + 2, Self::show),
        Attribute::ro(c"cycles_inflight_limit", CYCLES + 3, Self::show),
        Attribute::ro(c"cycles_flow_limit", CYCLES + 4, Self::show),
        Attribute::ro(c"cycles_priority_friction", CYCLES + 5, Self::show),
    ];

    fn visibility(data: &D, arg: usize) -> Visibility {
        match arg {
            // Where DLB 2.5 has these counters is not known.
            CYCLES.. if data.device().version != hw::Version::V2 => Visibility::Hidden,
            _ => physical_only(data),
        }
    }
}

/// The kinds of resource that a virtual function can be given, in the order of [`AMOUNTS`].
const KINDS: [Resource; 14] = [
    Resource::Domains,
    Resource::LdbQueues,
    Resource::LdbPorts,
    Resource::CosLdbPorts(0),
    Resource::CosLdbPorts(1),
    Resource::CosLdbPorts(2),
    Resource::CosLdbPorts(3),
    Resource::DirPorts,
    Resource::LdbCredits,
    Resource::DirCredits,
    Resource::AtomicInflights,
    Resource::HistListEntries,
    Resource::SnSlots(0),
    Resource::SnSlots(1),
];

/// Whether virtual function number `vf` is there.
fn if_vf<D: HasDevice>(data: &D, vf: u8) -> Visibility {
    match data.device().lock().pf() {
        Ok((pf, _)) if pf.num_vfs() > vf => Visibility::Normal,
        _ => Visibility::Hidden,
    }
}

/// What concerns all virtual functions.
struct Vfs<D>(PhantomData<D>);

impl<D: HasDevice> Group for Vfs<D> {
    type Data = D;
    const NAME: Option<&'static CStr> = None;
    const ATTRIBUTES: &'static [Attribute<D>] = &[Attribute::wo(
        c"vf_split_evenly",
        0,
        |data, _, input| match parse::flag(input)? {
            true => change(data, |pf, _| pf.split_evenly()),
            false => Err(EINVAL),
        },
    )];

    fn visibility(data: &D, _arg: usize) -> Visibility {
        if_vf(data, 0)
    }
}

/// `vf<N>_resources/`
struct Vf<D, const N: usize>(PhantomData<D>);

const VF_NAMES: [&CStr; 16] = [
    c"vf0_resources",
    c"vf1_resources",
    c"vf2_resources",
    c"vf3_resources",
    c"vf4_resources",
    c"vf5_resources",
    c"vf6_resources",
    c"vf7_resources",
    c"vf8_resources",
    c"vf9_resources",
    c"vf10_resources",
    c"vf11_resources",
    c"vf12_resources",
    c"vf13_resources",
    c"vf14_resources",
    c"vf15_resources",
];

/// Packs the number of a virtual function and that of a file.
const fn vf_arg(vf: usize, which: usize) -> usize {
    vf << 8 | which
}

/// Undoes [`vf_arg`].
fn vf_which(arg: usize) -> (u8, usize) {
    let [which, vf, ..] = arg.to_le_bytes();
    (vf, which.into())
}

impl<D: HasDevice, const N: usize> Vf<D, N> {
    fn show(data: &D, arg: usize, out: &mut Formatter<'_>) -> Result {
        let (vf, which) = vf_which(arg);
        let share = {
            let mut state = data.device().lock();
            let (pf, _) = state.pf()?;
            pf.share(Func::Vf(vf))
        };
        show_resource(out, &share, which)
    }

    fn store(data: &D, arg: usize, input: &[u8]) -> Result {
        let (vf, which) = vf_which(arg);
        let kind = *KINDS.get(which).ok_or(EINVAL)?;
        let asked = parse::number(input, 0, u32::MAX)?;
        change(data, |pf, _| pf.assign(vf, kind, asked))
    }

    fn show_aux(data: &D, arg: usize, out: &mut Formatter<'_>) -> Result {
        let (vf, _) = vf_which(arg);
        let aux = {
            let mut state = data.device().lock();
            let (pf, _) = state.pf()?;
            pf.aux_vfs(vf).map_err(|err| device::errno(&err))?
        };
        let mut comma = "";
        for id in (0..u16::BITS).filter(|id| aux.checked_shr(*id).is_some_and(|bits| bits & 1 != 0))
        {
            fmt::Write::write_fmt(out, fmt!("{comma}{id}"))?;
            comma = ",";
        }
        line(out, "")
    }
}

impl<D: HasDevice, const N: usize> Group for Vf<D, N> {
    type Data = D;
    const NAME: Option<&'static CStr> = Some(VF_NAMES[N]);
    const ATTRIBUTES: &'static [Attribute<D>] = &[
        Attribute::rw(c"num_sched_domains", vf_arg(N, 0), Self::show, Self::store),
        Attribute::rw(c"num_ldb_queues", vf_arg(N, 1), Self::show, Self::store),
        Attribute::rw(c"num_ldb_ports", vf_arg(N, 2), Self::show, Self::store),
        Attribute::rw(c"num_cos0_ldb_ports", vf_arg(N, 3), Self::show, Self::store),
        Attribute::rw(c"num_cos1_ldb_ports", vf_arg(N, 4), Self::show, Self::store),
        Attribute::rw(c"num_cos2_ldb_ports", vf_arg(N, 5), Self::show, Self::store),
        Attribute::rw(c"num_cos3_ldb_ports", vf_arg(N, 6), Self::show, Self::store),
        Attribute::rw(c"num_dir_ports", vf_arg(N, 7), Self::show, Self::store),
        Attribute::rw(c"num_ldb_credits", vf_arg(N, 8), Self::show, Self::store),
        Attribute::rw(c"num_dir_credits", vf_arg(N, 9), Self::show, Self::store),
        Attribute::rw(
            c"num_atomic_inflights",
            vf_arg(N, 10),
            Self::show,
            Self::store,
        ),
        Attribute::rw(
            c"num_hist_list_entries",
            vf_arg(N, 11),
            Self::show,
            Self::store,
        ),
        Attribute::rw(c"num_sn0_slots", vf_arg(N, 12), Self::show, Self::store),
        Attribute::rw(c"num_sn1_slots", vf_arg(N, 13), Self::show, Self::store),
        Attribute::ro(c"locked", vf_arg(N, 0), |data, arg, out| {
            let (vf, _) = vf_which(arg);
            look(data, out, |pf| pf.is_vf_locked(vf))
        }),
        Attribute::rw(
            c"func_bar_en",
            vf_arg(N, 0),
            |data, arg, out| {
                let (vf, _) = vf_which(arg);
                look(data, out, |pf| pf.is_vf_bar_enabled(vf))
            },
            |data, arg, input| {
                let (vf, _) = vf_which(arg);
                let on = parse::flag(input)?;
                let mut state = data.device().lock();
                let (pf, csr) = state.pf()?;
                pf.set_vf_bar_enabled(csr.ok_or(EBUSY)?, vf, on)
                    .map_err(|err| device::errno(&err))
            },
        ),
        Attribute::rw(
            c"aux_vf_ids",
            vf_arg(N, 0),
            Self::show_aux,
            |data, arg, input| {
                let (vf, _) = vf_which(arg);
                let aux = parse::vf_set(input)?;
                change(data, |pf, _| pf.set_aux_vfs(vf, aux))
            },
        ),
    ];

    fn visibility(data: &D, arg: usize) -> Visibility {
        if_vf(data, vf_which(arg).0)
    }
}
