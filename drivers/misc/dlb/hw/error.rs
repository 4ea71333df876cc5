// SPDX-License-Identifier: GPL-2.0

//! What can go wrong, in words, as an errno and as the status a VF is told.

use core::fmt;

/// Something of which there is a limited number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    /// Scheduling domains.
    Domains,
    /// Load-balanced queues.
    LdbQueues,
    /// Load-balanced ports of any class of service.
    LdbPorts,
    /// Load-balanced ports of one class of service.
    CosLdbPorts(u8),
    /// Directed ports.
    DirPorts,
    /// Directed queues.
    DirQueues,
    /// Load-balanced credits; all credits on DLB 2.5.
    LdbCredits,
    /// Directed credits.
    DirCredits,
    /// Entries of the atomic storage.
    AtomicInflights,
    /// History-list entries, in one piece.
    HistListEntries,
    /// Sequence-number slots of one group.
    SnSlots(u8),
    /// Slots of a group whose queues have this many sequence numbers.
    SequenceNumbers(u16),
    /// Links of one port.
    Links,
}

/// A value somebody chose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Param {
    /// Sequence numbers of a queue.
    SequenceNumbers,
    /// In-flight limit of a queue.
    QidInflights,
    /// Lock-ID compression level.
    LockIdCompLevel,
    /// Depth threshold of a queue.
    DepthThreshold,
    /// DMA address of a consumer queue.
    CqAddress,
    /// Depth of a consumer queue.
    CqDepth,
    /// Depth at which a consumer queue interrupts.
    CqDepthThreshold,
    /// History-list size of a port.
    HistListSize,
    /// Class of service.
    Cos,
    /// Weight limit of a consumer queue.
    CqWeight,
    /// In-flight threshold of a consumer queue.
    InflightThreshold,
    /// Priority of a link.
    Priority,
    /// Sequence-number group.
    SnGroup,
    /// Share of a class of service.
    CosBandwidth,
    /// Starvation-avoidance percentage.
    StarvationAvoidance,
    /// Weights of an arbiter, the first in the lowest byte.
    ArbiterWeights,
    /// Round-robin weight between the links of a port.
    WrrWeight,
    /// Interrupt vector.
    Vector,
    /// Virtual function.
    Vf,
    /// Statistics counter.
    Xstat,
    /// A domain with load-balanced queues and no load-balanced port.
    NoLdbPort,
}

/// Something with a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Object {
    /// Scheduling domain.
    Domain,
    /// Load-balanced queue.
    LdbQueue,
    /// Directed queue.
    DirQueue,
    /// Load-balanced port.
    LdbPort,
    /// Directed port.
    DirPort,
    /// Link of a queue to a port.
    Link,
}

/// What somebody waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// The device to become ready.
    Ready,
    /// The elements in flight at a port to be completed.
    Inflights,
    /// The links under way to be made or undone.
    Links,
    /// The PF to answer a request.
    PfAnswer,
}

/// What would not become empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drain {
    /// Load-balanced queues.
    LdbQueues,
    /// Directed queues.
    DirQueues,
}

/// What needs more than there is here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Feature {
    /// Weight limits of consumer queues, DLB 2.5.
    CqWeight,
    /// In-flight thresholds, DLB 2.5.
    InflightControl,
    /// Round-robin weights, DLB 2.5.
    WrrWeight,
    /// A mailbox command the other side does not know.
    MailboxCommand,
}

/// Why something is not to be changed now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InUse {
    /// Sequence-number slots of the group are in use or assigned to a VF.
    SnGroup,
    /// There are domains.
    Domains,
    /// The link's slot waits for another queue.
    Link,
    /// The VF's driver is registered.
    Vf,
}

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// The device does not answer any more.
    Gone,
    /// More was asked for than is free.
    NoSpace {
        /// Of what.
        what: Resource,
        /// How many were asked for.
        asked: u32,
        /// How many are free.
        free: u32,
    },
    /// A value is out of range.
    Invalid {
        /// Which.
        what: Param,
        /// The value.
        value: u64,
    },
    /// There is no such object, or the asking function or domain does not own it.
    NotFound {
        /// Of what kind.
        what: Object,
        /// Its number.
        id: u32,
    },
    /// The domain is started; this is only possible before.
    Started,
    /// The domain is not started.
    NotStarted,
    /// It is in use.
    Busy(InUse),
    /// The hardware version or the other side cannot do this.
    Unsupported(Feature),
    /// Only the PF, or only the owner, may do this.
    NotPermitted,
    /// It took too long.
    Timeout(Wait),
    /// A domain could not be emptied; the device needs a reset.
    DrainFailed(Drain),
    /// A domain could not be emptied earlier; the device needs a reset.
    Broken,
    /// The other side of the mailbox refused.
    Mailbox {
        /// The header status of the response.
        header: u32,
        /// The error code of the response.
        code: u32,
        /// The detailed status of the response.
        status: u32,
    },
    /// The bookkeeping contradicts itself.
    Internal,
}

/// The result of an operation.
pub type Result<T = ()> = core::result::Result<T, Error>;

const EPERM: i32 = -1;
const EIO: i32 = -5;
const EFAULT: i32 = -14;
const EBUSY: i32 = -16;
const ENODEV: i32 = -19;
const EINVAL: i32 = -22;
const ENOSPC: i32 = -28;
const EOPNOTSUPP: i32 = -95;
const ETIMEDOUT: i32 = -110;

/// The detailed status for a link that is not there.
const NO_LINK: u32 = 17;

impl Error {
    /// Whether a link that was to be removed is not there, here or on the other side of the mailbox.
    pub const fn is_no_link(&self) -> bool {
        self.status() == NO_LINK
    }

    /// The negative errno.
    pub const fn errno(&self) -> i32 {
        match self {
            Self::Gone => ENODEV,
            Self::NoSpace { .. } => ENOSPC,
            Self::Invalid { .. } | Self::NotFound { .. } => EINVAL,
            Self::Started | Self::Busy(_) => EBUSY,
            Self::NotStarted => EINVAL,
            Self::Unsupported(_) => EOPNOTSUPP,
            Self::NotPermitted => EPERM,
            Self::Timeout(_) => ETIMEDOUT,
            Self::DrainFailed(_) | Self::Broken | Self::Internal => EIO,
            // The detailed status says more than the code does.
            Self::Mailbox { code, status, .. } => match (*code, *status) {
                (super::mbox::CODE_EFAULT, _) => EFAULT,
                (super::mbox::CODE_EPERM, _) => EPERM,
                (super::mbox::CODE_ETIMEDOUT, _) => ETIMEDOUT,
                (_, 2..=8 | 11 | 12 | 19 | 21 | 37) => ENOSPC,
                (_, 27) => EBUSY,
                (_, 38) => EOPNOTSUPP,
                (super::mbox::CODE_EINVAL, _) => EINVAL,
                _ => EIO,
            },
        }
    }

    /// The detailed status a mailbox response carries.
    pub const fn status(&self) -> u32 {
        match self {
            Self::NoSpace { what, .. } => match what {
                Resource::Domains => 2,
                Resource::LdbPorts | Resource::CosLdbPorts(_) => 3,
                Resource::DirPorts => 4,
                Resource::LdbQueues => 5,
                Resource::LdbCredits => 6,
                Resource::DirCredits => 7,
                Resource::SequenceNumbers(_) => 8,
                Resource::AtomicInflights => 11,
                Resource::HistListEntries => 12,
                Resource::Links => 19,
                Resource::DirQueues => 21,
                Resource::SnSlots(_) => 37,
            },
            Self::Invalid { what, .. } => match what {
                Param::SequenceNumbers => 8,
                Param::QidInflights => 10,
                Param::CqDepth => 14,
                Param::CqAddress => 15,
                Param::Priority => 18,
                Param::NoLdbPort => 29,
                Param::HistListSize => 32,
                Param::LockIdCompLevel => 34,
                Param::Cos => 35,
                Param::CqWeight => 36,
                _ => 23,
            },
            Self::NotFound { what, .. } => match what {
                Object::Domain => 9,
                Object::LdbQueue => 13,
                Object::LdbPort | Object::DirPort => 16,
                Object::Link => NO_LINK,
                Object::DirQueue => 20,
            },
            Self::Started => 27,
            Self::NotStarted => 28,
            Self::DrainFailed(_) | Self::Broken => 30,
            Self::Unsupported(_) => 38,
            Self::Mailbox { status, .. } => *status,
            _ => 23,
        }
    }
}

/// What a detailed status in an answer of the PF means.
const fn status_words(status: u32) -> &'static str {
    match status {
        2 => "no domain is free",
        3 => "too few load-balanced ports are free",
        4 => "too few directed ports are free",
        5 => "too few load-balanced queues are free",
        6 => "too few load-balanced credits are free",
        7 => "too few directed credits are free",
        8 => "no group has free sequence numbers of that size",
        9 => "there is no such domain",
        10 => "the in-flight limit of the queue is out of range",
        11 => "too few atomic in-flights are free",
        12 => "too few contiguous history-list entries are free",
        13 => "there is no such load-balanced queue",
        14 => "the consumer-queue depth is out of range",
        15 => "the consumer-queue address is not aligned",
        16 => "there is no such port",
        17 => "there is no such queue or link",
        18 => "the priority is out of range",
        19 => "the port has no free place for a link",
        20 => "there is no such directed queue",
        21 => "too few directed queues are free",
        22 => "the domain is not configured",
        27 => "the domain is started",
        28 => "the domain is not started",
        29 => "load-balanced queues need a load-balanced port",
        30 => "the domain could not be reset",
        32 => "the history-list size is out of range",
        34 => "the lock-ID compression level is out of range",
        35 => "there is no such class of service",
        36 => "the weight limit is out of range",
        37 => "too few sequence-number slots are free",
        38 => "the hardware or its driver cannot do this",
        _ => "no reason was given",
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domains => f.write_str("domains"),
            Self::LdbQueues => f.write_str("load-balanced queues"),
            Self::LdbPorts => f.write_str("load-balanced ports"),
            Self::CosLdbPorts(cos) => write!(f, "load-balanced ports of class of service {cos}"),
            Self::DirPorts => f.write_str("directed ports"),
            Self::DirQueues => f.write_str("directed queues"),
            Self::LdbCredits => f.write_str("load-balanced credits"),
            Self::DirCredits => f.write_str("directed credits"),
            Self::AtomicInflights => f.write_str("atomic in-flights"),
            Self::HistListEntries => f.write_str("contiguous history-list entries"),
            Self::SnSlots(group) => write!(f, "sequence-number slots of group {group}"),
            Self::SequenceNumbers(n) => {
                write!(
                    f,
                    "sequence-number slots for queues of {n} sequence numbers"
                )
            }
            Self::Links => f.write_str("links of the port"),
        }
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SequenceNumbers => "number of sequence numbers",
            Self::QidInflights => "in-flight limit of the queue",
            Self::LockIdCompLevel => "lock-ID compression level",
            Self::DepthThreshold => "depth threshold",
            Self::CqAddress => "consumer-queue address",
            Self::CqDepth => "consumer-queue depth",
            Self::CqDepthThreshold => "consumer-queue depth threshold",
            Self::HistListSize => "history-list size",
            Self::Cos => "class of service",
            Self::CqWeight => "weight limit",
            Self::InflightThreshold => "in-flight threshold",
            Self::Priority => "priority",
            Self::SnGroup => "sequence-number group",
            Self::CosBandwidth => "bandwidth percentage",
            Self::StarvationAvoidance => "starvation-avoidance percentage",
            Self::ArbiterWeights => "set of arbiter weights",
            Self::WrrWeight => "round-robin weight",
            Self::Vector => "interrupt vector",
            Self::Vf => "virtual function",
            Self::Xstat => "statistics counter",
            Self::NoLdbPort => "number of load-balanced ports (queues need one)",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the device does not answer"),
            Self::NoSpace { what, asked, free } => {
                write!(f, "{asked} {what} asked for, {free} free")
            }
            Self::Invalid { what, value } => write!(f, "{what} cannot be {value}"),
            Self::NotFound { what, id } => {
                let what = match what {
                    Object::Domain => "domain",
                    Object::LdbQueue => "load-balanced queue",
                    Object::DirQueue => "directed queue",
                    Object::LdbPort => "load-balanced port",
                    Object::DirPort => "directed port",
                    Object::Link => "link to queue",
                };
                write!(f, "there is no {what} {id}")
            }
            Self::Started => f.write_str("not possible once the domain has been started"),
            Self::NotStarted => f.write_str("the domain is not started"),
            Self::Busy(what) => f.write_str(match what {
                InUse::SnGroup => "sequence-number slots of the group are in use",
                InUse::Domains => "there are domains on the device",
                InUse::Link => "the link is being removed and its place is taken",
                InUse::Vf => "the virtual function is in use",
            }),
            Self::Unsupported(what) => f.write_str(match what {
                Feature::CqWeight => "weight limits need DLB 2.5",
                Feature::InflightControl => "in-flight thresholds need DLB 2.5",
                Feature::WrrWeight => "round-robin weights need DLB 2.5",
                Feature::MailboxCommand => "the physical function's driver is too old for this",
            }),
            Self::NotPermitted => f.write_str("not permitted"),
            Self::Timeout(what) => f.write_str(match what {
                Wait::Ready => "the device did not become ready in time",
                Wait::Inflights => "elements in flight were not completed in time",
                Wait::Links => "links under way were not finished in time",
                Wait::PfAnswer => "the physical function did not answer in time",
            }),
            Self::DrainFailed(what) => f.write_str(match what {
                Drain::LdbQueues => "load-balanced queues would not drain; reset the device",
                Drain::DirQueues => "directed queues would not drain; reset the device",
            }),
            Self::Broken => f.write_str("a domain would not drain earlier; reset the device"),
            Self::Mailbox {
                header: super::mbox::SUCCESS,
                status,
                ..
            } => write!(
                f,
                "refused by the physical function: {}",
                status_words(*status)
            ),
            Self::Mailbox { header, .. } => write!(
                f,
                "the physical function did not accept the message (status {header})"
            ),
            Self::Internal => f.write_str("internal error"),
        }
    }
}
