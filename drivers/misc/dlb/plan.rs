// SPDX-License-Identifier: GPL-2.0

//! From the description of a domain to what the hardware is asked for.
//!
//! What can be wrong with a description as a whole is found here, before the hardware is touched,
//! and told in the names that the user gave.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    desc::{
        Count,
        DomainDesc,
        LdbQueueDesc,
        Name,
        Refusal, //
    },
    glue::vec,
    hw, //
};

/// Credits that a queue is worth when the user lets the driver count.
const CREDITS_PER_QUEUE: u32 = 128;
/// In-flight limit of a queue that is not ordered, unless the user sets one.
const QID_INFLIGHTS: u32 = 512;

/// What a function looks like to a planner.
pub(crate) struct Facts {
    pub(crate) version: hw::Version,
    /// Sequence numbers per queue of each group.
    pub(crate) sequence_numbers: [u32; 2],
    /// Free slots of each group.
    pub(crate) free_slots: [u32; 2],
}

/// What is asked of the hardware, with names turned into places in the description.
pub(crate) struct Plan {
    pub(crate) domain: hw::DomainArgs,
    pub(crate) ldb_queues: KVec<hw::LdbQueueArgs>,
    /// Per load-balanced port: its links, as places of queues with priorities.
    pub(crate) links: KVec<KVec<(usize, u8)>>,
    /// Per load-balanced port: entries of the history list.
    pub(crate) history: KVec<u32>,
    /// Per directed port: the place of its queue.
    pub(crate) dir_queue_of_port: KVec<Option<usize>>,
}

fn refuse<T>(text: fmt::Arguments<'_>) -> Result<T, Refusal> {
    Err(Refusal::new(EINVAL, text))
}

/// Adds up what may be too much for any device; the total is compared with what there is later.
fn sum(values: impl Iterator<Item = u32>) -> u32 {
    values.fold(0, u32::saturating_add)
}

/// How many there are; `Iterator::count` can panic, if only in theory.
fn count<T>(values: impl Iterator<Item = T>) -> u32 {
    values.fold(0, |count, _| count.saturating_add(1))
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Checks a description and works out what it needs.
pub(crate) fn plan(desc: &DomainDesc, facts: &Facts) -> Result<Plan, Refusal> {
    let dir_queue_of_port = pair(desc)?;
    let mut history = KVec::with_capacity(desc.ldb_ports.len(), GFP_KERNEL)?;
    let mut links = KVec::with_capacity(desc.ldb_ports.len(), GFP_KERNEL)?;

    for port in desc.ldb_ports.iter() {
        let name = &port.name;
        if port.cq_depth_threshold > port.cq_depth {
            return refuse(fmt!(
                "ldb_ports/{name}: cq_depth_threshold {} is more than cq_depth {}",
                port.cq_depth_threshold,
                port.cq_depth
            ));
        }
        if facts.version == hw::Version::V2 {
            if port.cq_weight_limit != 0 {
                return refuse(fmt!("ldb_ports/{name}: cq_weight_limit needs DLB 2.5"));
            }
            if port.inflight_threshold != 0 {
                return refuse(fmt!("ldb_ports/{name}: inflight_threshold needs DLB 2.5"));
            }
        }
        if port.cq_weight_limit > port.cq_depth {
            return refuse(fmt!(
                "ldb_ports/{name}: cq_weight_limit {} is more than cq_depth {}",
                port.cq_weight_limit,
                port.cq_depth
            ));
        }
        vec::push(&mut history, port.cq_history_list_size.or(port.cq_depth))?;

        let mut places = KVec::with_capacity(port.links.len(), GFP_KERNEL)?;
        for link in port.links.iter() {
            let Some(queue) = desc.ldb_queues.iter().position(|q| q.name == link.queue) else {
                return refuse(fmt!(
                    "ldb_ports/{name}: links: there is no queue {} in ldb_queues",
                    link.queue
                ));
            };
            vec::push(&mut places, (queue, link.priority))?;
        }
        vec::push(&mut links, places)?;
    }
    for port in desc.dir_ports.iter() {
        if port.cq_depth_threshold > port.cq_depth {
            return refuse(fmt!(
                "dir_ports/{}: cq_depth_threshold {} is more than cq_depth {}",
                port.name,
                port.cq_depth_threshold,
                port.cq_depth
            ));
        }
    }

    let mut ldb_queues = KVec::with_capacity(desc.ldb_queues.len(), GFP_KERNEL)?;
    for queue in desc.ldb_queues.iter() {
        vec::push(&mut ldb_queues, queue_args(queue)?)?;
    }

    let (ldb_credits, dir_credits) = credits(desc, facts.version);
    Ok(Plan {
        domain: hw::DomainArgs {
            ldb_queues: number(desc.ldb_queues.len()),
            ldb_ports: any_class_ports(desc)?,
            cos_ldb_ports: class_ports(desc),
            cos_strict: desc.cos_strict,
            dir_ports: number(desc.dir_ports.len()),
            ldb_credits,
            dir_credits,
            hist_list_entries: desc.num_hist_list_entries.or(sum(history.iter().copied())),
            atomic_inflights: desc.num_atomic_inflights.or(sum(desc
                .ldb_queues
                .iter()
                .map(|queue| queue.num_atomic_inflights))),
            sn_slots: slots(desc, facts)?,
        },
        ldb_queues,
        links,
        history,
        dir_queue_of_port,
    })
}

fn queue_args(queue: &LdbQueueDesc) -> Result<hw::LdbQueueArgs, Refusal> {
    let sequence_numbers = queue.num_sequence_numbers;
    let ordered = sequence_numbers != 0;
    let qid_inflights = queue.num_qid_inflights.or(if ordered {
        sequence_numbers
    } else {
        QID_INFLIGHTS
    });
    if ordered && qid_inflights > sequence_numbers {
        return refuse(fmt!(
            "ldb_queues/{}: num_qid_inflights {qid_inflights} is more than the {sequence_numbers} \
             sequence numbers of the queue",
            queue.name
        ));
    }
    Ok(hw::LdbQueueArgs {
        sequence_numbers,
        qid_inflights,
        atomic_inflights: queue.num_atomic_inflights,
        lock_id_comp_level: queue.lock_id_comp_level,
        depth_threshold: queue.depth_threshold,
    })
}

/// Finds the directed queue of each directed port. Either side may name the other.
fn pair(desc: &DomainDesc) -> Result<KVec<Option<usize>>, Refusal> {
    let place = |name: &Name| desc.dir_queues.iter().position(|q| q.name == *name);
    let mut pairs = KVec::with_capacity(desc.dir_ports.len(), GFP_KERNEL)?;
    for port in desc.dir_ports.iter() {
        let name = &port.name;
        let mut queue = None;
        if let Some(wanted) = &port.queue {
            queue = place(wanted);
            if queue.is_none() {
                return refuse(fmt!(
                    "dir_ports/{name}: queue: there is no queue {wanted} in dir_queues"
                ));
            }
        }
        for (index, named) in (0..desc.dir_queues.len()).zip(desc.dir_queues.iter()) {
            if named.port != Some(*name) {
                continue;
            }
            if queue.is_some_and(|queue| queue != index) {
                return refuse(fmt!(
                    "dir_queues/{}: port: port {name} has another queue",
                    named.name
                ));
            }
            queue = Some(index);
        }
        vec::push(&mut pairs, queue)?;
    }

    for (index, queue) in (0..desc.dir_queues.len()).zip(desc.dir_queues.iter()) {
        let name = &queue.name;
        let mut ports = desc
            .dir_ports
            .iter()
            .zip(pairs.iter())
            .filter(|(_, queue)| **queue == Some(index))
            .map(|(port, _)| port.name);
        let Some(port) = ports.next() else {
            return match &queue.port {
                Some(port) => refuse(fmt!(
                    "dir_queues/{name}: port: there is no port {port} in dir_ports"
                )),
                None => refuse(fmt!("dir_queues/{name}: no directed port has this queue")),
            };
        };
        if let Some(other) = ports.next() {
            return refuse(fmt!(
                "dir_queues/{name}: ports {port} and {other} both have this queue"
            ));
        }
        if let Some(wanted) = queue.port.filter(|wanted| *wanted != port) {
            return refuse(fmt!(
                "dir_queues/{name}: port is {wanted}, but port {port} has this queue"
            ));
        }
    }
    Ok(pairs)
}

/// The credits of both kinds; of all kinds, where the device has only one.
fn credits(desc: &DomainDesc, version: hw::Version) -> (u32, u32) {
    let per_queue = |queues: usize| number(queues).saturating_mul(CREDITS_PER_QUEUE);
    let ldb = if desc.ldb_queues.is_empty() {
        0
    } else {
        sum(desc.ldb_ports.iter().map(|port| port.cq_depth))
            .saturating_add(per_queue(desc.ldb_queues.len()))
    };
    let consumers = desc.dir_ports.iter().filter(|port| {
        port.queue.is_some() || desc.dir_queues.iter().any(|q| q.port == Some(port.name))
    });
    let dir =
        sum(consumers.map(|port| port.cq_depth)).saturating_add(per_queue(desc.dir_queues.len()));

    let ldb = desc.num_ldb_credits.or(ldb);
    let dir = desc.num_dir_credits.or(dir);
    // What the other version counts is left alone, so that a description fits both.
    match version {
        hw::Version::V2 => (ldb, dir),
        hw::Version::V25 => (desc.num_credits.or(ldb.saturating_add(dir)), 0),
    }
}

/// Ports that must be of one class.
fn class_ports(desc: &DomainDesc) -> [u32; 4] {
    let mut ports = [0; 4];
    for (class, (ports, given)) in (0..4).zip(ports.iter_mut().zip(&desc.num_cos_ldb_ports)) {
        let asked = desc.ldb_ports.iter().filter(|port| port.cos == Some(class));
        *ports = given.or(count(asked));
    }
    ports
}

/// Ports that may be of any class, beyond those of [`class_ports`].
fn any_class_ports(desc: &DomainDesc) -> Result<u32, Refusal> {
    let by_class = class_ports(desc);
    for (class, given) in (0..4).zip(by_class.iter()) {
        let asked = desc.ldb_ports.iter().filter(|port| port.cos == Some(class));
        let asked = count(asked);
        if asked > *given {
            return refuse(fmt!(
                "num_cos{class}_ldb_ports is {given}, but {asked} ports ask for this class"
            ));
        }
    }
    Ok(number(desc.ldb_ports.len()).saturating_sub(sum(by_class.iter().copied())))
}

/// Slots for the ordered queues.
fn slots(desc: &DomainDesc, facts: &Facts) -> Result<[u32; 2], Refusal> {
    let [mode0, mode1] = facts.sequence_numbers;
    let [mut free0, mut free1] = facts.free_slots;
    if let Count::Exact(count) = desc.num_sn_slots[0] {
        free0 = count;
    }
    if let Count::Exact(count) = desc.num_sn_slots[1] {
        free1 = count;
    }
    let (mut used0, mut used1) = (0u32, 0u32);
    for queue in desc.ldb_queues.iter() {
        let wanted = queue.num_sequence_numbers;
        if wanted == 0 {
            continue;
        }
        if wanted != mode0 && wanted != mode1 {
            return refuse(fmt!(
                "ldb_queues/{}: num_sequence_numbers is {wanted}, but the groups of the device have \
                 {mode0} and {mode1} per queue (sequence_numbers/group<N>_sns_per_queue)",
                queue.name
            ));
        }
        // When no group has room, one is asked for more than it has, and the refusal of the
        // hardware layer says so.
        if wanted == mode0 && (used0 < free0 || wanted != mode1 || used1 >= free1) {
            used0 = used0.saturating_add(1);
        } else {
            used1 = used1.saturating_add(1);
        }
    }
    for (group, (given, used)) in (0..2).zip(desc.num_sn_slots.iter().zip([used0, used1])) {
        if let Count::Exact(given) = given {
            if *given < used {
                return refuse(fmt!(
                    "num_sn{group}_slots is {given}, but {used} ordered queues need one"
                ));
            }
        }
    }
    Ok([
        desc.num_sn_slots[0].or(used0),
        desc.num_sn_slots[1].or(used1),
    ])
}
