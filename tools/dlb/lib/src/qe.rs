// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Queue elements: what goes into a producer port and what comes out of a consumer queue.

use crate::credit::Kind;

/// A load-balanced queue, by its hardware number (`ldb_queues/<name>/id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LdbQueue(pub u8);

/// A directed queue, by its hardware number (`dir_queues/<name>/id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DirQueue(pub u8);

/// How the device chooses the port that an event goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Schedule {
    /// Any port linked to the queue, but events of one flow to one port at a time and in order.
    Atomic = 0,
    /// Any port linked to the queue.
    Unordered = 1,
    /// Any port linked to the queue; what the ports forward leaves in the order in which the
    /// events were handed out.
    Ordered = 2,
    /// The one port of a directed queue.
    Directed = 3,
}

impl Schedule {
    fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Schedule::Atomic,
            1 => Schedule::Unordered,
            2 => Schedule::Ordered,
            _ => Schedule::Directed,
        }
    }
}

/// An event to be sent. Costs 16 bytes on its way.
///
/// ```
/// use dlb::{Event, LdbQueue};
///
/// let event = Event::atomic(LdbQueue(0), 7, 0xfeed).priority(2).opaque(1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    data: u64,
    opaque: u16,
    queue: u8,
    schedule: Schedule,
    priority: u8,
    message_type: u8,
    flow: u16,
    weight: u8,
}

impl Event {
    fn new(queue: u8, schedule: Schedule, flow: u16, data: u64) -> Self {
        Event {
            data,
            opaque: 0,
            queue,
            schedule,
            priority: 0,
            message_type: 0,
            flow,
            weight: 0,
        }
    }

    /// An event of which only one port at a time holds those with the same `flow`.
    pub fn atomic(queue: LdbQueue, flow: u16, data: u64) -> Self {
        Self::new(queue.0, Schedule::Atomic, flow, data)
    }

    /// An event that any port may get.
    pub fn unordered(queue: LdbQueue, data: u64) -> Self {
        Self::new(queue.0, Schedule::Unordered, 0, data)
    }

    /// An event that any port may get, and whose successor, if it is forwarded, is put back in
    /// order. The queue must have sequence numbers.
    pub fn ordered(queue: LdbQueue, data: u64) -> Self {
        Self::new(queue.0, Schedule::Ordered, 0, data)
    }

    /// An event for the one port of a directed queue.
    pub fn directed(queue: DirQueue, data: u64) -> Self {
        Self::new(queue.0, Schedule::Directed, 0, data)
    }

    /// Sets the priority, 0 (highest, the default) to 7.
    ///
    /// # Panics
    ///
    /// If it is above 7.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        assert!(priority < 8, "a priority is 0 to 7");
        self.priority = priority;
        self
    }

    /// Sets 16 bits that travel along.
    #[must_use]
    pub fn opaque(mut self, opaque: u16) -> Self {
        self.opaque = opaque;
        self
    }

    /// Sets three bits that travel along.
    ///
    /// # Panics
    ///
    /// If it is above 7.
    #[must_use]
    pub fn message_type(mut self, message_type: u8) -> Self {
        assert!(message_type < 8, "a message type is 0 to 7");
        self.message_type = message_type;
        self
    }

    /// Sets the flow, which on an event that is not atomic just travels along (except on a directed
    /// one, where the device has no room for it).
    #[must_use]
    pub fn flow(mut self, flow: u16) -> Self {
        self.flow = flow;
        self
    }

    /// Sets the weight code, 0 to 3, on a DLB 2.5 whose port has a weight limit. Must stay 0 on
    /// a DLB 2.0.
    ///
    /// # Panics
    ///
    /// If it is above 3.
    #[must_use]
    pub fn weight(mut self, weight: u8) -> Self {
        assert!(weight < 4, "a weight code is 0 to 3");
        self.weight = weight;
        self
    }

    /// Where the event will be stored, and so which credit it takes.
    pub(crate) fn kind(&self) -> Kind {
        match self.schedule {
            Schedule::Directed => Kind::Dir,
            Schedule::Atomic | Schedule::Unordered | Schedule::Ordered => Kind::Ldb,
        }
    }
}

/// What is done with the event in an element, if there is one. The values are the hardware's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Command {
    ReturnTokens = 1,
    Release = 2,
    Arm = 5,
    New = 8,
    Forward = 10,
}

/// An element as it is written to a producer port: two little-endian 64-bit words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Hcw([u64; 2]);

impl Hcw {
    /// An element that asks for nothing.
    pub const NOOP: Hcw = Hcw([0; 2]);

    /// Makes an element of its two words.
    pub fn from_words(words: [u64; 2]) -> Self {
        Hcw(words)
    }

    /// The two words of the element, low half first.
    pub fn words(self) -> [u64; 2] {
        self.0
    }

    pub(crate) fn event(command: Command, event: &Event) -> Self {
        let what = event.schedule as u16
            | u16::from(event.priority) << 2
            | u16::from(event.message_type) << 5;
        let target = u16::from(event.queue) | what << 8;
        // A directed entry arrives with the flow field where the target stood, so the target goes
        // there as well: the receiver then finds it in its usual place.
        let flow = match event.schedule {
            Schedule::Directed => target,
            Schedule::Atomic | Schedule::Unordered | Schedule::Ordered => event.flow,
        };
        Hcw([
            event.data,
            u64::from(event.opaque)
                | u64::from(target) << 16
                | u64::from(flow) << 32
                | u64::from(event.weight) << 49
                | (command as u64) << 56,
        ])
    }

    pub(crate) fn bare(command: Command) -> Self {
        Hcw([0, (command as u64) << 56])
    }

    /// Gives back `tokens` places of the consumer queue, 1 to 1024.
    pub(crate) fn tokens(tokens: u32) -> Self {
        debug_assert!((1..=1024).contains(&tokens));
        Hcw([
            0,
            u64::from(tokens - 1) << 32 | (Command::ReturnTokens as u64) << 56,
        ])
    }
}

/// What the device wrote into a consumer queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry([u64; 2]);

impl Entry {
    pub(crate) const GENERATION: u64 = 1 << 56;

    pub(crate) fn from_words(words: [u64; 2]) -> Self {
        Entry(words)
    }

    /// The 64 bits that the sender gave.
    pub fn data(&self) -> u64 {
        self.0[0]
    }

    /// The 16 bits that the sender gave.
    pub fn opaque(&self) -> u16 {
        self.0[1] as u16
    }

    /// The number of the queue that the event came from. On a directed port it is what the sender
    /// wrote, as this library does.
    pub fn queue(&self) -> u8 {
        (self.0[1] >> 16) as u8
    }

    /// How the event was scheduled.
    pub fn schedule(&self) -> Schedule {
        Schedule::from_bits((self.0[1] >> 24) as u8)
    }

    /// The priority that the sender gave.
    pub fn priority(&self) -> u8 {
        (self.0[1] >> 26) as u8 & 7
    }

    /// The three bits that the sender gave.
    pub fn message_type(&self) -> u8 {
        (self.0[1] >> 29) as u8 & 7
    }

    /// The flow that the sender gave, or, on a directed port, the number of the sender's port.
    pub fn flow(&self) -> u16 {
        (self.0[1] >> 32) as u16
    }

    /// How full the queue was against its `depth_threshold` T when the event left it: 0 up to half
    /// of T, 1 up to three quarters, 2 up to T, 3 above.
    pub fn depth(&self) -> u8 {
        (self.0[1] >> 57) as u8 & 3
    }

    /// Whether the device marked the event as damaged.
    pub fn error(&self) -> bool {
        self.0[1] >> 61 & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_match_the_hardware_layout() {
        // The worked example of the programming model.
        let new = Hcw::event(Command::New, &Event::unordered(LdbQueue(0), 3));
        assert_eq!(new.words(), [3, 0x0800_0000_0100_0000]);
        assert_eq!(Hcw::tokens(4).words(), [0, 0x0100_0003_0000_0000]);
        assert_eq!(Hcw::tokens(1024).words(), [0, 0x0100_03ff_0000_0000]);
        assert_eq!(
            Hcw::bare(Command::Release).words(),
            [0, 0x0200_0000_0000_0000]
        );
        assert_eq!(Hcw::bare(Command::Arm).words(), [0, 0x0500_0000_0000_0000]);
    }

    #[test]
    fn every_field_has_its_place() {
        let event = Event::atomic(LdbQueue(0x1f), 0xbeef, u64::MAX)
            .priority(5)
            .message_type(6)
            .opaque(0x1234)
            .weight(3);
        let [data, rest] = Hcw::event(Command::Forward, &event).words();
        assert_eq!(data, u64::MAX);
        assert_eq!(
            rest.to_le_bytes(),
            [0x34, 0x12, 0x1f, 0b1101_0100, 0xef, 0xbe, 6, 10]
        );
    }

    #[test]
    fn a_directed_event_carries_its_target_twice() {
        let event = Event::directed(DirQueue(9), 1).priority(1).message_type(2);
        let bytes = Hcw::event(Command::New, &event).words()[1].to_le_bytes();
        assert_eq!(bytes, [0, 0, 9, 0b0100_0111, 9, 0b0100_0111, 0, 8]);
    }

    #[test]
    fn an_entry_reads_back_what_was_sent() {
        let event = Event::ordered(LdbQueue(3), 77)
            .priority(7)
            .message_type(1)
            .opaque(9)
            .flow(500);
        let [data, rest] = Hcw::event(Command::New, &event).words();
        let entry = Entry::from_words([data, rest & ((1 << 56) - 1) | Entry::GENERATION]);
        assert_eq!(
            (
                entry.data(),
                entry.opaque(),
                entry.queue(),
                entry.schedule()
            ),
            (77, 9, 3, Schedule::Ordered)
        );
        assert_eq!(
            (entry.priority(), entry.message_type(), entry.flow()),
            (7, 1, 500)
        );
        assert_eq!((entry.depth(), entry.error()), (0, false));
    }

    #[test]
    #[should_panic]
    fn a_priority_out_of_range_is_refused() {
        let _ = Event::unordered(LdbQueue(0), 0).priority(8);
    }
}
