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
            near_dir_ports: count(desc.dir_ports.iter().filter(|port| port.producer)),
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

#[kunit_tests(dlb_plan)]
mod tests {
    use super::*;
    use crate::desc::{
        DeviceSel,
        DirPortDesc,
        DirQueueDesc,
        LdbPortDesc,
        Lifetime,
        LinkDesc, //
    };

    fn name(text: &str) -> Result<Name> {
        Name::new(text.as_bytes())
    }

    fn facts(version: hw::Version) -> Facts {
        Facts {
            version,
            sequence_numbers: [64, 128],
            free_slots: [16, 8],
        }
    }

    /// One load-balanced queue, linked to one port, and one directed queue with its port.
    fn desc() -> Result<DomainDesc> {
        let mut desc = DomainDesc {
            name: name("d")?,
            device: DeviceSel::Auto,
            lifetime: Lifetime::Directory,
            num_ldb_credits: Count::Auto,
            num_dir_credits: Count::Auto,
            num_credits: Count::Auto,
            num_hist_list_entries: Count::Auto,
            num_atomic_inflights: Count::Auto,
            num_sn_slots: [Count::Auto; 2],
            num_cos_ldb_ports: [Count::Auto; 4],
            cos_strict: false,
            scheduling: true,
            ldb_queues: KVec::new(),
            dir_queues: KVec::new(),
            ldb_ports: KVec::new(),
            dir_ports: KVec::new(),
        };
        vec::push(
            &mut desc.ldb_queues,
            LdbQueueDesc {
                name: name("q")?,
                num_sequence_numbers: 0,
                num_qid_inflights: Count::Auto,
                num_atomic_inflights: 64,
                lock_id_comp_level: 0,
                depth_threshold: 256,
            },
        )?;
        let mut links = KVec::new();
        vec::push(
            &mut links,
            LinkDesc {
                queue: name("q")?,
                priority: 3,
            },
        )?;
        vec::push(
            &mut desc.ldb_ports,
            LdbPortDesc {
                name: name("w")?,
                cq_depth: 32,
                cq_history_list_size: Count::Auto,
                cq_depth_threshold: 1,
                cos: None,
                cos_strict: false,
                cq_weight_limit: 0,
                inflight_threshold: 0,
                links,
                enabled: true,
            },
        )?;
        vec::push(
            &mut desc.dir_queues,
            DirQueueDesc {
                name: name("dq")?,
                depth_threshold: 256,
                port: None,
            },
        )?;
        vec::push(
            &mut desc.dir_ports,
            DirPortDesc {
                name: name("s")?,
                cq_depth: 8,
                cq_depth_threshold: 1,
                producer: false,
                queue: Some(name("dq")?),
                enabled: true,
            },
        )?;
        Ok(desc)
    }

    fn planned(desc: &DomainDesc, version: hw::Version) -> Result<Plan> {
        plan(desc, &facts(version)).map_err(|refusal| refusal.err)
    }

    fn refused(desc: &DomainDesc, version: hw::Version, words: &str) -> bool {
        match plan(desc, &facts(version)) {
            Ok(_) => false,
            Err(Refusal { err, text }) => {
                err == EINVAL && text.is_some_and(|text| text.to_bytes() == words.as_bytes())
            }
        }
    }

    #[test]
    fn what_is_auto_is_counted() -> Result {
        let plan = planned(&desc()?, hw::Version::V2)?;
        assert_eq!(plan.domain.ldb_queues, 1);
        assert_eq!(plan.domain.ldb_ports, 1);
        assert_eq!(plan.domain.dir_ports, 1);
        assert_eq!(plan.domain.atomic_inflights, 64);
        assert_eq!(plan.domain.hist_list_entries, 32);
        assert_eq!(plan.domain.ldb_credits, 32 + CREDITS_PER_QUEUE);
        assert_eq!(plan.domain.dir_credits, 8 + CREDITS_PER_QUEUE);
        assert_eq!(plan.domain.sn_slots, [0, 0]);
        let links = plan.links.first().ok_or(ENOENT)?;
        assert_eq!(links.first(), Some(&(0, 3)));
        assert_eq!(plan.dir_queue_of_port.first(), Some(&Some(0)));
        Ok(())
    }

    #[test]
    fn producers_get_near_ports() -> Result {
        let mut desc = desc()?;
        assert_eq!(planned(&desc, hw::Version::V2)?.domain.near_dir_ports, 0);
        let mut port = desc.dir_ports.pop().ok_or(ENOENT)?;
        port.producer = true;
        vec::push(&mut desc.dir_ports, port)?;
        assert_eq!(planned(&desc, hw::Version::V2)?.domain.near_dir_ports, 1);
        Ok(())
    }

    #[test]
    fn one_pool_of_credits() -> Result {
        let mut desc = desc()?;
        let plan = planned(&desc, hw::Version::V25)?;
        assert_eq!(plan.domain.ldb_credits, 32 + 8 + 2 * CREDITS_PER_QUEUE);
        assert_eq!(plan.domain.dir_credits, 0);
        desc.num_credits = Count::Exact(5);
        assert_eq!(planned(&desc, hw::Version::V25)?.domain.ldb_credits, 5);
        Ok(())
    }

    #[test]
    fn sums_do_not_overflow() -> Result {
        let mut desc = desc()?;
        let mut port = desc.ldb_ports.pop().ok_or(ENOENT)?;
        port.cq_history_list_size = Count::Exact(u32::MAX);
        vec::push(&mut desc.ldb_ports, port)?;
        let mut queue = desc.ldb_queues.pop().ok_or(ENOENT)?;
        queue.num_atomic_inflights = u32::MAX;
        vec::push(&mut desc.ldb_queues, queue)?;
        desc.num_cos_ldb_ports = [Count::Exact(u32::MAX); 4];
        let plan = planned(&desc, hw::Version::V2)?;
        assert_eq!(plan.domain.hist_list_entries, u32::MAX);
        assert_eq!(plan.domain.atomic_inflights, u32::MAX);
        Ok(())
    }

    #[test]
    fn links_lead_to_queues() -> Result {
        let mut desc = desc()?;
        desc.ldb_queues.clear();
        assert!(refused(
            &desc,
            hw::Version::V2,
            "ldb_ports/w: links: there is no queue q in ldb_queues"
        ));
        Ok(())
    }

    #[test]
    fn a_directed_queue_has_one_port() -> Result {
        let mut desc = desc()?;
        desc.dir_ports.clear();
        assert!(refused(
            &desc,
            hw::Version::V2,
            "dir_queues/dq: no directed port has this queue"
        ));
        Ok(())
    }

    #[test]
    fn what_needs_a_newer_device() -> Result {
        let mut desc = desc()?;
        let mut port = desc.ldb_ports.pop().ok_or(ENOENT)?;
        port.cq_weight_limit = 4;
        vec::push(&mut desc.ldb_ports, port)?;
        assert!(refused(
            &desc,
            hw::Version::V2,
            "ldb_ports/w: cq_weight_limit needs DLB 2.5"
        ));
        assert!(planned(&desc, hw::Version::V25).is_ok());
        Ok(())
    }
}
