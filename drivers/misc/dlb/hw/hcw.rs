// SPDX-License-Identifier: GPL-2.0

//! The two 16-byte items of the data path: what software writes to a producer port (a hardware
//! control word, HCW) and what the device writes to a consumer queue.
//!
//! Both are two little-endian 64-bit words:
//!
//! ```text
//! word 0   63                             data                             0
//! HCW      63..56   55..48       47..32   31..29  28..26  25..24  23..16  15..0
//! word 1   command  flags        lock id  type    prio    sched   queue   opaque
//! entry    63..56   55..48       47..32   31..29  28..26  25..24  23..16  15..0
//! word 1   state    debug        lock id  type    prio    sched   queue   opaque
//! ```
//!
//! A directed entry carries the sender's lock ID in the place of queue, scheduling type, priority
//! and message type, and the producer port in the place of the lock ID.

/// What an HCW asks for: the low half of its last byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Command {
    /// Nothing; fills a line.
    Noop = 0,
    /// Return `lock_id + 1` tokens.
    BatT = 1,
    /// Complete the oldest element in flight at this port.
    Rel = 2,
    /// [`Rel`](Self::Rel), and return `lock_id + 1` tokens.
    RelT = 3,
    /// Arm the CQ's interrupt.
    Arm = 5,
    /// Enqueue.
    New = 8,
    /// Enqueue and return one token.
    NewT = 9,
    /// Enqueue and complete the oldest element in flight.
    Fwd = 10,
    /// [`Fwd`](Self::Fwd), and return one token.
    FwdT = 11,
    /// Enqueue a fragment of the oldest, ordered, element in flight.
    Frag = 12,
    /// [`Frag`](Self::Frag), and return one token.
    FragT = 13,
}

impl Command {
    /// The command with this code; [`None`] for the codes the device refuses.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Noop,
            1 => Self::BatT,
            2 => Self::Rel,
            3 => Self::RelT,
            5 => Self::Arm,
            8 => Self::New,
            9 => Self::NewT,
            10 => Self::Fwd,
            11 => Self::FwdT,
            12 => Self::Frag,
            13 => Self::FragT,
            _ => return None,
        })
    }
}

/// How a queue hands out an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum SchedType {
    /// Elements with the same lock ID are at one port at a time, in order.
    Atomic = 0,
    /// Any port, no order.
    Unordered = 1,
    /// Any port; what the ports forward leaves in the order in which the elements were scheduled.
    Ordered = 2,
    /// The one port of a directed queue.
    Directed = 3,
}

impl SchedType {
    /// The type with this code; codes are two bits wide.
    pub const fn from_code(code: u8) -> Self {
        match code & 3 {
            0 => Self::Atomic,
            1 => Self::Unordered,
            2 => Self::Ordered,
            _ => Self::Directed,
        }
    }
}

/// A hardware control word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C, align(16))]
pub struct Hcw {
    /// Bytes 0 to 7.
    pub data: u64,
    /// Bytes 8 to 15.
    pub control: u64,
}

/// A shift and a mask (before shifting) of a field of the second word.
struct Field(u32, u64);

const OPAQUE: Field = Field(0, 0xffff);
const QID: Field = Field(16, 0xff);
const SCHED: Field = Field(24, 3);
const PRIORITY: Field = Field(26, 7);
const MSG_TYPE: Field = Field(29, 7);
const LOCK_ID: Field = Field(32, 0xffff);
const WEIGHT: Field = Field(49, 3);
const COMMAND: Field = Field(56, 0xf);
const GENERATION: Field = Field(56, 1);
const QID_DEPTH: Field = Field(57, 3);
const ERROR: Field = Field(61, 1);

const fn get(word: u64, field: Field) -> u64 {
    word.wrapping_shr(field.0) & field.1
}

const fn put(word: u64, field: Field, value: u64) -> u64 {
    (word & !field.1.wrapping_shl(field.0)) | (value & field.1).wrapping_shl(field.0)
}

/// Defines getters and setters of fields of the second word.
macro_rules! fields {
    ($word:ident: $($(#[$meta:meta])* $get:ident $set:ident $field:ident $type:ty;)*) => {
        $(
            $(#[$meta])*
            pub const fn $get(self) -> $type {
                get(self.$word, $field) as $type
            }

            $(#[$meta])*
            pub const fn $set(mut self, value: $type) -> Self {
                self.$word = put(self.$word, $field, value as u64);
                self
            }
        )*
    };
}

impl Hcw {
    /// Bytes of one HCW.
    pub const SIZE: usize = 16;
    /// Fills a line.
    pub const NOOP: Self = Self {
        data: 0,
        control: 0,
    };

    /// An HCW with nothing but a command.
    pub const fn command(command: Command) -> Self {
        Self {
            data: 0,
            control: put(0, COMMAND, command as u64),
        }
    }

    /// Returns `count` tokens, 1 to 1024. 0 returns nothing.
    pub const fn return_tokens(count: u16) -> Self {
        match count {
            0 => Self::NOOP,
            n => Self::command(Command::BatT).with_lock_id(n.wrapping_sub(1)),
        }
    }

    /// Completes one element and returns `count` tokens.
    pub const fn complete(count: u16) -> Self {
        match count {
            0 => Self::command(Command::Rel),
            n => Self::command(Command::RelT).with_lock_id(n.wrapping_sub(1)),
        }
    }

    /// The low four bits of the last byte.
    pub const fn command_code(self) -> u8 {
        get(self.control, COMMAND) as u8
    }

    /// Whether the HCW returns tokens. ARM has the same bit and returns none.
    pub const fn cq_token(self) -> bool {
        self.control & (1 << 56) != 0
    }

    /// Whether the HCW completes an element.
    pub const fn qe_comp(self) -> bool {
        self.control & (1 << 57) != 0
    }

    /// Whether the HCW is a fragment.
    pub const fn qe_frag(self) -> bool {
        self.control & (1 << 58) != 0
    }

    /// Whether the HCW carries an element.
    pub const fn qe_valid(self) -> bool {
        self.control & (1 << 59) != 0
    }

    fields! { control:
        /// User data, returned unchanged.
        opaque with_opaque OPAQUE u16;
        /// Destination queue.
        qid with_qid QID u8;
        /// Scheduling type; the code of a [`SchedType`].
        sched_type with_sched_type SCHED u8;
        /// Priority; 0 is the highest.
        priority with_priority PRIORITY u8;
        /// User data, returned unchanged.
        msg_type with_msg_type MSG_TYPE u8;
        /// Flow of an atomic element, number of tokens less one of a token return.
        lock_id with_lock_id LOCK_ID u16;
        /// DLB 2.5: the element counts as 1 << n against the CQ's weight limit.
        weight with_weight WEIGHT u8;
    }

    /// The HCW as it goes to the device.
    pub const fn to_words(self) -> [u64; 2] {
        [self.data.to_le(), self.control.to_le()]
    }

    /// A line of HCWs as it goes to the device.
    pub fn line_to_words(line: &[Hcw; 4]) -> [u64; 8] {
        let [[a, b], [c, d], [e, f], [g, h]] = line.map(Hcw::to_words);
        [a, b, c, d, e, f, g, h]
    }
}

/// An entry of a consumer queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C, align(16))]
pub struct CqEntry {
    /// Bytes 0 to 7.
    pub data: u64,
    /// Bytes 8 to 15.
    pub state: u64,
}

impl CqEntry {
    fields! { state:
        /// User data.
        opaque with_opaque OPAQUE u16;
        /// Queue the element comes from. Not meaningful in directed entries.
        qid with_qid QID u8;
        /// Scheduling type; the code of a [`SchedType`].
        sched_type with_sched_type SCHED u8;
        /// Priority.
        priority with_priority PRIORITY u8;
        /// User data.
        msg_type with_msg_type MSG_TYPE u8;
        /// Lock ID; the producer port in directed entries.
        lock_id with_lock_id LOCK_ID u16;
        /// 1 in the first pass over the ring, then alternating.
        generation with_generation GENERATION u8;
        /// Depth of the queue against its threshold T: 0 up to T/2, 1 to 3T/4, 2 to T, 3 above.
        qid_depth with_qid_depth QID_DEPTH u8;
        /// Error flag.
        error with_error ERROR u8;
    }

    /// A directed entry's bytes 10 and 11: the sender's lock ID.
    pub const fn directed_tag(self) -> u16 {
        (self.state >> 16) as u16
    }

    /// Sets a directed entry's bytes 10 and 11.
    pub const fn with_directed_tag(mut self, tag: u16) -> Self {
        self.state = (self.state & !(0xffff << 16)) | ((tag as u64) << 16);
        self
    }

    /// The entry as the device writes it.
    pub const fn to_bytes(self) -> [u8; 16] {
        (((self.state as u128) << 64) | self.data as u128).to_le_bytes()
    }
}
