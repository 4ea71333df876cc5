// SPDX-License-Identifier: GPL-2.0

//! The mailbox between the PF's driver and a VF's: wire format, interface version 5.
//!
//! Each direction has its own memory, split so that a request and a response of the same side can
//! be there at once:
//!
//! ```text
//!   VF to PF, 256 bytes                         PF to VF, 64 bytes
//!   0     4                    240     256      0                 48      64
//!   +-----+---------------------+--------+      +-----------------+--------+
//!   |  -  | request of the VF   | answer |      | answer          | request|
//!   +-----+---------------------+--------+      +-----------------+--------+
//!    does    doorbell: bit 0 of   to the          to the VF         doorbell: the VF's bit of
//!    not     VF_VF2PF_MAILBOX_    PF                                PF_PF2VF_MAILBOX_ISR
//!    work    ISR
//! ```
//!
//! Only the side that owns a doorbell rings it; the other one clears it, which is the moment at
//! which the answer must be there and the memory of the request is free again. A VF sends one
//! request at a time and polls its doorbell; the PF does the same for its own requests.
//!
//! Messages are little-endian and naturally aligned. A request begins with a 32-bit command, an
//! answer with a 32-bit status. Both sides are somebody else's: what a message says is checked
//! where it is used, padding is ignored, and numbers are never reused. New fields go to the end of
//! a message, new commands to the end of the list.
//!
//! Each message is declared once below, with the offset of every field. All IDs are virtual.

use super::error::Error;

/// The version of the interface that is spoken here, and the oldest one that is understood.
pub const INTERFACE_VERSION: u32 = 5;
/// The oldest interface version that is understood.
pub const MIN_INTERFACE_VERSION: u32 = 3;

/// The version that gave [`CreateLdbPort`] its in-flight fields. A VF's driver that is older leaves
/// there what happens to be there; a PF's driver that is older does not look at them.
pub const INFLIGHT_FIELDS_SINCE: u32 = 4;

/// First word of the VF's memory that a request of the VF uses; word 0 does not work.
pub const VF_REQUEST_WORD: u32 = 1;
/// Words for a request of the VF.
pub const VF_REQUEST_WORDS: u32 = 59;
/// First word of the VF's memory that an answer to the PF uses.
pub const VF_RESPONSE_WORD: u32 = 60;
/// First word of the PF's memory that a request of the PF uses.
pub const PF_REQUEST_WORD: u32 = 12;
/// Words for a request of the PF, and for the answer to it.
pub const PF_REQUEST_WORDS: u32 = 4;
/// Words for an answer to a request of the VF.
pub const PF_RESPONSE_WORDS: u32 = 12;

/// Status of an answer: the message was understood.
pub const SUCCESS: u32 = 0;
/// Status of an answer: there is no such command. Nothing follows.
pub const INVALID_CMD_TYPE: u32 = 1;
/// Status of an answer: the versions do not match.
pub const VERSION_MISMATCH: u32 = 2;
/// Status of an answer: the VF may not use that VF's vectors.
pub const INVALID_OWNER_VF: u32 = 3;
/// Status of an answer: the message makes no sense.
pub const INVALID_DATA: u32 = 4;

/// Error code of an answer: success.
pub const CODE_OK: u32 = 0;
/// Error code of an answer: a bad argument, or any error without a code of its own.
pub const CODE_EINVAL: u32 = 1;
/// Error code of an answer: the domain could not be reset.
pub const CODE_EFAULT: u32 = 2;
/// Error code of an answer: not permitted.
pub const CODE_EPERM: u32 = 3;
/// Error code of an answer: it took too long.
pub const CODE_ETIMEDOUT: u32 = 4;

/// The error code for an error.
pub const fn code_of(error: &Error) -> u32 {
    match error {
        Error::DrainFailed(_) | Error::Broken => CODE_EFAULT,
        Error::NotPermitted => CODE_EPERM,
        Error::Timeout(_) => CODE_ETIMEDOUT,
        _ => CODE_EINVAL,
    }
}

/// Words of the longest message.
pub const MAX_WORDS: usize = 16;

/// A message as it lies in the mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Raw {
    words: [u32; MAX_WORDS],
}

impl Raw {
    /// A message of these words; what is missing is 0.
    pub fn from_words(words: impl Iterator<Item = u32>) -> Self {
        let mut raw = Self::default();
        for (to, from) in raw.words.iter_mut().zip(words) {
            *to = from;
        }
        raw
    }

    /// The words of a message of this many bytes.
    pub fn words(&self, bytes: u32) -> &[u32] {
        self.words
            .get(..bytes.div_ceil(4) as usize)
            .unwrap_or(&self.words)
    }

    /// The `len` bytes at `offset`, which do not cross a word.
    fn get(&self, offset: u32, len: u32) -> u32 {
        let word = self.words.get(offset as usize >> 2).copied().unwrap_or(0);
        (word >> ((offset & 3) << 3)) & mask(len)
    }

    fn put(&mut self, offset: u32, len: u32, value: u32) {
        if let Some(word) = self.words.get_mut(offset as usize >> 2) {
            let shift = (offset & 3) << 3;
            *word = (*word & !(mask(len) << shift)) | ((value & mask(len)) << shift);
        }
    }
}

/// A mask of `len` bytes, 1 to 4.
const fn mask(len: u32) -> u32 {
    u32::MAX >> (32u32.wrapping_sub(len << 3) & 31)
}

/// The type of a field of a message.
trait Field: Sized {
    fn get(raw: &Raw, offset: u32) -> Self;
    fn put(self, raw: &mut Raw, offset: u32);
}

impl Field for u8 {
    fn get(raw: &Raw, offset: u32) -> Self {
        raw.get(offset, 1) as u8
    }
    fn put(self, raw: &mut Raw, offset: u32) {
        raw.put(offset, 1, self.into());
    }
}

impl Field for u16 {
    fn get(raw: &Raw, offset: u32) -> Self {
        raw.get(offset, 2) as u16
    }
    fn put(self, raw: &mut Raw, offset: u32) {
        raw.put(offset, 2, self.into());
    }
}

impl Field for u32 {
    fn get(raw: &Raw, offset: u32) -> Self {
        raw.get(offset, 4)
    }
    fn put(self, raw: &mut Raw, offset: u32) {
        raw.put(offset, 4, self);
    }
}

impl Field for i32 {
    fn get(raw: &Raw, offset: u32) -> Self {
        raw.get(offset, 4) as i32
    }
    fn put(self, raw: &mut Raw, offset: u32) {
        raw.put(offset, 4, self as u32);
    }
}

impl Field for u64 {
    fn get(raw: &Raw, offset: u32) -> Self {
        u64::from(raw.get(offset.wrapping_add(4), 4)) << 32 | u64::from(raw.get(offset, 4))
    }
    fn put(self, raw: &mut Raw, offset: u32) {
        raw.put(offset, 4, self as u32);
        raw.put(offset.wrapping_add(4), 4, (self >> 32) as u32);
    }
}

impl<T: Field + Copy + Default, const N: usize> Field for [T; N] {
    fn get(raw: &Raw, offset: u32) -> Self {
        let mut values = [T::default(); N];
        let mut at = offset;
        for value in &mut values {
            *value = T::get(raw, at);
            at = at.wrapping_add(size_of::<T>() as u32);
        }
        values
    }
    fn put(self, raw: &mut Raw, offset: u32) {
        let mut at = offset;
        for value in self {
            value.put(raw, at);
            at = at.wrapping_add(size_of::<T>() as u32);
        }
    }
}

/// What lies in a mailbox behind the first word.
pub trait Message: Sized + Default {
    /// Bytes, with the first word and the padding.
    const SIZE: u32;
    /// Reads the fields. Anything can be in them.
    fn decode(raw: &Raw) -> Self;
    /// Writes the fields.
    fn encode(&self, raw: &mut Raw);
}

/// A request.
pub trait Command: Message {
    /// The number in the first word.
    const NUMBER: u32;
    /// The interface version that introduced it.
    const SINCE: u32;
    /// The answer.
    type Response: Message;

    /// The whole message.
    fn to_raw(&self) -> Raw {
        let mut raw = Raw::default();
        self.encode(&mut raw);
        raw.put(0, 4, Self::NUMBER);
        raw
    }
}

/// The whole of an answer.
pub fn response(status: u32, body: &impl Message) -> Raw {
    let mut raw = Raw::default();
    body.encode(&mut raw);
    raw.put(0, 4, status);
    raw
}

/// The first word of a message: the command of a request, the status of an answer.
pub fn first_word(raw: &Raw) -> u32 {
    raw.get(0, 4)
}

/// Declares messages: `Name, size { offset: field: type, }`. Requests have a number, the version
/// that introduced them and an answer too: `Name, size = number since version -> Answer`.
macro_rules! messages {
    ($(
        $(#[$meta:meta])*
        $name:ident, $size:literal
            $(= $number:literal since $since:literal -> $response:ident)?
        {
            $($(#[$field_meta:meta])* $offset:literal: $field:ident: $type:ty,)*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl Message for $name {
            const SIZE: u32 = $size;

            fn decode(_raw: &Raw) -> Self {
                Self { $($field: Field::get(_raw, $offset),)* }
            }

            fn encode(&self, _raw: &mut Raw) {
                $(self.$field.put(_raw, $offset);)*
            }
        }

        $(impl Command for $name {
            const NUMBER: u32 = $number;
            const SINCE: u32 = $since;
            type Response = $response;
        })?
    )*};
}

messages! {
    /// Answer of which only the status matters.
    Empty, 8 {}

    /// Answer with an error code.
    Code, 8 {
        /// One of the `CODE_` constants.
        4: error_code: u32,
    }

    /// Answer to most requests.
    Outcome, 16 {
        /// One of the `CODE_` constants.
        4: error_code: u32,
        /// The detailed status, as [`Error::status`] has it.
        8: status: u32,
        /// The ID of what was created, or what was asked for; padding otherwise.
        12: value: u32,
    }

    /// Answer to [`Register`].
    Registered, 16 {
        /// The PF's interface version.
        4: interface_version: u32,
        /// The number of the PF's device.
        8: pf_id: u8,
        /// The number of the VF.
        9: vf_id: u8,
        /// The VF this one lends its vectors to, if it is auxiliary.
        10: primary_vf_id: u8,
        /// [`IS_AUX_VF`] and [`MBOX_RESET`].
        12: flags: u32,
    }

    /// Answer to [`GetNumResources`] and [`GetNumUsedResources`].
    Numbers, 44 {
        /// One of the `CODE_` constants.
        4: error_code: u32,
        /// Domains.
        8: num_sched_domains: u16,
        /// Load-balanced queues.
        10: num_ldb_queues: u16,
        /// Load-balanced ports.
        12: num_ldb_ports: u16,
        /// Load-balanced ports of each class of service.
        14: num_cos_ldb_ports: [u16; 4],
        /// Directed ports.
        22: num_dir_ports: u16,
        /// Entries of the atomic storage.
        24: num_atomic_inflights: u32,
        /// History-list entries.
        28: num_hist_list_entries: u32,
        /// Longest contiguous range of them.
        32: max_contiguous_hist_list_entries: u32,
        /// Load-balanced credits.
        36: num_ldb_credits: u16,
        /// Directed credits.
        38: num_dir_credits: u16,
        /// Sequence-number slots of each group.
        40: num_sn_slots: [u16; 2],
    }

    /// Answer whether a port is owned by a domain.
    Owned, 8 {
        /// 1 yes, 0 no, or a negative errno.
        4: owned: i32,
    }

    /// Answer with a number.
    Number, 8 {
        /// The number, or a negative errno.
        4: num: u32,
    }

    /// Answer to [`GetXstats`].
    Xstats, 24 {
        /// One of the `CODE_` constants.
        4: error_code: u32,
        /// The detailed status.
        8: status: u32,
        /// The value.
        16: xstats_val: u64,
    }

    /// The VF's driver is there, and speaks versions `min` to `max`.
    Register, 8 = 0 since 0 -> Registered {
        /// Oldest version.
        4: min_interface_version: u16,
        /// Newest version.
        6: max_interface_version: u16,
    }

    /// The VF's driver is going.
    Unregister, 8 = 1 since 1 -> Empty {}

    /// How many resources are not in a domain yet?
    GetNumResources, 8 = 2 since 1 -> Numbers {}

    /// Create a domain.
    CreateSchedDomain, 64 = 3 since 1 -> Outcome {
        /// Load-balanced queues.
        4: num_ldb_queues: u32,
        /// Load-balanced ports of any class of service.
        8: num_ldb_ports: u32,
        /// Load-balanced ports of each class of service.
        12: num_cos_ldb_ports: [u32; 4],
        /// Directed ports.
        28: num_dir_ports: u32,
        /// Entries of the atomic storage.
        32: num_atomic_inflights: u32,
        /// History-list entries.
        36: num_hist_list_entries: u32,
        /// Load-balanced credits.
        40: num_ldb_credits: u32,
        /// Directed credits.
        44: num_dir_credits: u32,
        /// Whether other classes may help out.
        48: cos_strict: u8,
        /// Sequence-number slots of each group.
        52: num_sn_slots: [u32; 2],
    }

    /// Reset a domain.
    ResetSchedDomain, 8 = 4 since 1 -> Code {
        /// Domain.
        4: id: u32,
    }

    /// Create a load-balanced queue.
    CreateLdbQueue, 32 = 5 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Sequence numbers.
        8: num_sequence_numbers: u32,
        /// Limit of the elements in flight.
        12: num_qid_inflights: u32,
        /// Entries of the atomic storage.
        16: num_atomic_inflights: u32,
        /// Lock-ID compression.
        20: lock_id_comp_level: u32,
        /// Depth threshold.
        24: depth_threshold: u32,
    }

    /// Create a directed queue.
    CreateDirQueue, 16 = 6 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Its port, or [`NO_ID`].
        8: port_id: u32,
        /// Depth threshold.
        12: depth_threshold: u32,
    }

    /// Create a load-balanced port.
    CreateLdbPort, 32 = 7 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Depth of the consumer queue.
        8: cq_depth: u16,
        /// History-list entries.
        10: cq_history_list_size: u16,
        /// Class of service.
        12: cos_id: u8,
        /// Whether no other class will do.
        13: cos_strict: u8,
        /// In-flight threshold, see [`INFLIGHT_FIELDS_SINCE`].
        14: inflight_threshold: u16,
        /// DMA address of the consumer queue, as the VF sees it.
        16: cq_base_address: u64,
        /// Whether the threshold applies, see [`INFLIGHT_FIELDS_SINCE`].
        24: enable_inflight_ctrl: u8,
    }

    /// Create a directed port.
    CreateDirPort, 24 = 8 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// DMA address of the consumer queue, as the VF sees it.
        8: cq_base_address: u64,
        /// Depth of the consumer queue.
        16: cq_depth: u16,
        /// Its queue, or -1.
        20: queue_id: i32,
    }

    /// Enable a load-balanced port.
    EnableLdbPort, 16 = 9 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
    }

    /// Disable a load-balanced port.
    DisableLdbPort, 16 = 10 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
    }

    /// Enable a directed port.
    EnableDirPort, 16 = 11 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
    }

    /// Disable a directed port.
    DisableDirPort, 16 = 12 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
    }

    /// Is a load-balanced port in this domain?
    LdbPortOwnedByDomain, 16 = 13 since 1 -> Owned {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
    }

    /// Is a directed port in this domain?
    DirPortOwnedByDomain, 16 = 14 since 1 -> Owned {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
    }

    /// Link a queue to a port.
    MapQid, 24 = 15 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
        /// Queue.
        12: qid: u32,
        /// Priority.
        16: priority: u32,
    }

    /// Unlink a queue from a port.
    UnmapQid, 16 = 16 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
        /// Queue.
        12: qid: u32,
    }

    /// Start a domain.
    StartDomain, 8 = 17 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
    }

    /// Set up the interrupt of a load-balanced port.
    EnableLdbPortIntr, 16 = 18 since 1 -> Outcome {
        /// Port.
        4: port_id: u16,
        /// Depth at which it fires.
        6: thresh: u16,
        /// Vector of the VF that follows.
        8: vector: u16,
        /// The VF itself, or one that lends it its vectors.
        10: owner_vf: u16,
    }

    /// Set up the interrupt of a directed port.
    EnableDirPortIntr, 16 = 19 since 1 -> Outcome {
        /// Port.
        4: port_id: u16,
        /// Depth at which it fires.
        6: thresh: u16,
        /// Vector of the VF that follows.
        8: vector: u16,
        /// The VF itself, or one that lends it its vectors.
        10: owner_vf: u16,
    }

    /// Arm the interrupt of a port.
    ArmCqIntr, 16 = 20 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
        /// Whether the port is load-balanced.
        12: is_ldb: u32,
    }

    /// How many resources are in domains?
    GetNumUsedResources, 8 = 21 since 1 -> Numbers {}

    /// How many sequence numbers has each queue of a group?
    GetSnAllocation, 8 = 22 since 1 -> Number {
        /// Group.
        4: group_id: u32,
    }

    /// How deep is a load-balanced queue?
    GetLdbQueueDepth, 16 = 23 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Queue.
        8: queue_id: u32,
    }

    /// How deep is a directed queue?
    GetDirQueueDepth, 16 = 24 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Queue.
        8: queue_id: u32,
    }

    /// How many links of a port are being removed?
    PendingPortUnmaps, 16 = 25 since 1 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
    }

    /// What is the share of a class of service, in percent?
    GetCosBw, 8 = 26 since 1 -> Number {
        /// Class of service.
        4: cos_id: u32,
    }

    /// How many sequence-number slots of a group are in the VF's domains?
    GetSnOccupancy, 8 = 27 since 1 -> Number {
        /// Group.
        4: group_id: u32,
    }

    /// Have consumer queues one entry per line?
    QueryCqPollMode, 8 = 28 since 1 -> Outcome {}

    /// Reset all domains of the VF.
    DevReset, 8 = 29 since 1 -> Code {}

    /// Limit the weight of the elements in flight at a port.
    EnableCqWeight, 16 = 30 since 2 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
        /// Limit.
        12: limit: u32,
    }

    /// Set the in-flight threshold of a port.
    CqInflightCtrl, 16 = 31 since 4 -> Outcome {
        /// Domain.
        4: domain_id: u32,
        /// Port.
        8: port_id: u32,
        /// Whether the threshold applies.
        12: enable: u8,
        /// Threshold.
        14: threshold: u16,
    }

    /// Read a register of a queue or a port.
    GetXstats, 12 = 32 since 4 -> Xstats {
        /// Which one: see [`xstat`].
        4: xstats_type: u32,
        /// Queue or port.
        8: xstats_id: u32,
    }

    /// Stop a domain.
    StopDomain, 8 = 33 since 5 -> Outcome {
        /// Domain.
        4: domain_id: u32,
    }

    /// From the PF, without an answer: something happened to a domain.
    DomainAlert, 16 = 0 since 1 -> Empty {
        /// Domain.
        4: domain_id: u32,
        /// What happened.
        8: alert_id: u32,
        /// To which port, for most alerts.
        12: aux_alert_data: u32,
    }

    /// From the PF, without an answer.
    Notification, 8 = 1 since 1 -> Empty {
        /// [`PRE_RESET`].
        4: notification: u32,
    }

    /// From the PF: is anybody using the VF?
    InUse, 8 = 2 since 1 -> InUseAnswer {}

    /// Answer to [`InUse`].
    InUseAnswer, 8 {
        /// Not 0 if it is in use.
        4: in_use: u32,
    }
}

/// What the requests of a VF are called, by number.
pub const REQUESTS: [&str; 34] = [
    "register",
    "unregister",
    "get_num_resources",
    "create_sched_domain",
    "reset_sched_domain",
    "create_ldb_queue",
    "create_dir_queue",
    "create_ldb_port",
    "create_dir_port",
    "enable_ldb_port",
    "disable_ldb_port",
    "enable_dir_port",
    "disable_dir_port",
    "ldb_port_owned_by_domain",
    "dir_port_owned_by_domain",
    "map_qid",
    "unmap_qid",
    "start_domain",
    "enable_ldb_port_intr",
    "enable_dir_port_intr",
    "arm_cq_intr",
    "get_num_used_resources",
    "get_sn_allocation",
    "get_ldb_queue_depth",
    "get_dir_queue_depth",
    "pending_port_unmaps",
    "get_cos_bw",
    "get_sn_occupancy",
    "query_cq_poll_mode",
    "dev_reset",
    "enable_cq_weight",
    "cq_inflight_ctrl",
    "get_xstats",
    "stop_domain",
];

/// [`Registered::flags`]: the VF is to lend its vectors to another one and has no resources.
pub const IS_AUX_VF: u32 = 1 << 0;
/// [`Registered::flags`]: the PF wants [`DevReset`] where a VF would reset itself.
pub const MBOX_RESET: u32 = 1 << 1;
/// [`Notification::notification`]: the PF is about to be reset.
pub const PRE_RESET: u32 = 0;
/// No queue or port.
pub const NO_ID: u32 = u32::MAX;

/// The register behind [`GetXstats::xstats_type`], of the queue or port `id`. [`None`] for the
/// type that always reads 0.
///
/// # Errors
///
/// [`Error::Invalid`] for a type there is not.
pub fn xstat(kind: u32, id: u32) -> Result<Option<super::Xstat>, Error> {
    use super::Xstat;
    Ok(Some(match kind {
        0x1_0000 => Xstat::LdbQueueInflights(id),
        0x1_0001 => Xstat::LdbQueueInflightLimit(id),
        0x1_0002 => Xstat::LdbQueueAtomicActive(id),
        0x1_0003 => Xstat::LdbQueueAtomicThreshold(id),
        0x1_0004 => Xstat::LdbQueueOtherThreshold(id),
        0x1_0005 => return Ok(None),
        0x1_0006 => Xstat::LdbQueueOtherWaiting(id),
        0x2_0000 => Xstat::LdbPortDepth(id),
        0x2_0001 => Xstat::LdbPortTokens(id),
        0x2_0002 => Xstat::LdbPortDepthSelect(id),
        0x2_0003 => Xstat::LdbPortInflights(id),
        0x3_0000 => Xstat::DirPortDepthSelect(id),
        0x3_0001 => Xstat::DirPortDepth(id),
        0x3_0002 => Xstat::DirQueueThreshold(id),
        0x3_0003 => Xstat::DirQueueWaiting(id),
        _ => {
            return Err(Error::Invalid {
                what: super::error::Param::Xstat,
                value: kind.into(),
            })
        }
    }))
}
