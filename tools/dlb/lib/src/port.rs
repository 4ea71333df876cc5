// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Ports: where events enter and leave the device.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::credit::{Cache, Credits, Kind};
use crate::error::Error;
use crate::qe::{Command, Entry, Event, Hcw};
use crate::sys::Store;
use crate::transport::{Mapped, Transport};

/// Empty looks at the consumer queue after which a port gives back what it holds.
const PATIENCE: u32 = 64;

/// How the device lays out consumer queues, which is the same for all of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// One entry per 64-byte line, as the driver sets the device up.
    #[default]
    Sparse,
    /// Four entries per 64-byte line.
    Packed,
}

/// Where a consumer queue is to be read on: see [`Port::position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    next: u32,
    generation: bool,
}

impl Default for Position {
    /// Where a port starts when its domain has just been enabled.
    fn default() -> Self {
        Position {
            next: 0,
            generation: true,
        }
    }
}

/// What the library must be told about a port, because its device file does not say.
#[derive(Clone, Debug)]
pub struct Options {
    depth: u32,
    layout: Layout,
    store: Option<Store>,
    token_batch: Option<u32>,
    position: Position,
}

impl Options {
    /// Options for a port whose `cq_depth` is `depth`.
    pub fn new(depth: u32) -> Self {
        Options {
            depth,
            layout: Layout::default(),
            store: None,
            token_batch: None,
            position: Position::default(),
        }
    }

    /// How the device lays out its consumer queues.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// How to store into the producer port, instead of what suits the processor best. In a virtual
    /// machine whose processor has MOVDIR64B but whose monitor cannot emulate it on a device, say
    /// [`Store::Element`].
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// How many places of the consumer queue to give back at once, by default a quarter of it and
    /// at most 32. A larger number costs fewer stores; a smaller one lets the device see sooner
    /// that this port keeps up.
    #[must_use]
    pub fn token_batch(mut self, tokens: u32) -> Self {
        self.token_batch = Some(tokens);
        self
    }

    /// Where to go on reading, if another process has used the port since its domain was enabled.
    #[must_use]
    pub fn position(mut self, position: Position) -> Self {
        self.position = position;
        self
    }

    /// Entries of the ring: a shorter queue than 8 is a ring of 8 with some places taken.
    fn ring(&self) -> u32 {
        self.depth.max(8)
    }

    fn stride(&self) -> usize {
        match self.layout {
            Layout::Sparse => 64,
            Layout::Packed => 16,
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.depth.is_power_of_two() && self.depth <= 1024 {
            Ok(())
        } else {
            Err(Error::Depth(self.depth))
        }
    }
}

/// What a port has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Events sent, forwarded ones included.
    pub sent: u64,
    /// Events received.
    pub received: u64,
    /// Events forwarded.
    pub forwarded: u64,
    /// Events released, those dropped by the program included.
    pub released: u64,
    /// Events that the program dropped without forwarding or releasing them.
    pub dropped: u64,
    /// Events that the device marked as damaged.
    pub damaged: u64,
    /// Events refused for want of a credit.
    pub refused: u64,
    /// Elements stored into the producer port, of any kind.
    pub elements: u64,
    /// Lines they made: with MOVDIR64B each is one store.
    pub lines: u64,
    /// Looks at the consumer queue that found it empty.
    pub empty: u64,
    /// Times the interrupt was armed.
    pub armed: u64,
    /// Interrupts taken note of.
    pub interrupts: u64,
    /// System calls made, all of them to wait. Opening and closing are not counted.
    pub system_calls: u64,
}

/// An event was not sent because its domain has no credit left. It is inside, to be tried again
/// once events have been received.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no credit left")]
pub struct NoCredit<T>(pub T);

impl<T> fmt::Debug for NoCredit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoCredit")
    }
}

/// Marks a load-balanced port.
#[derive(Debug)]
pub enum Ldb {}

/// Marks a directed port.
#[derive(Debug)]
pub enum Dir {}

mod sealed {
    pub trait Side {}
    impl Side for super::Ldb {}
    impl Side for super::Dir {}
}

/// A port, load-balanced ([`LdbPort`]) or directed ([`DirPort`]).
///
/// A port belongs to one thread at a time: it can be sent to another, not shared. Sending gathers
/// events into lines of four; a line leaves when it is full, when the port finds its consumer queue
/// empty, before it waits, and at [`flush`](Self::flush). When a port is dropped it sends what it
/// has gathered, gives back tokens and credits, and unmaps; the device file is closed.
///
/// If the device goes, or the domain is reset, the mappings are taken away: the next access then
/// ends in SIGBUS, and [`wait`](Self::wait) in an error.
///
/// A port has one user at a time, in whatever process: while it is open, opening it again is
/// refused ([`Error::InUse`]). A lock of the device file (`flock`) sees to that, which programs that
/// do without this library may take as well; device files that a container made for itself are
/// other files, with locks of their own.
///
/// A mapping is not inherited by `fork`: open ports in the process that uses them.
pub struct Port<S: sealed::Side, T: Transport = Mapped> {
    transport: T,
    state: RefCell<State>,
    side: PhantomData<S>,
}

/// A port that receives from the load-balanced queues linked to it, and sends to any queue.
pub type LdbPort<T = Mapped> = Port<Ldb, T>;

/// A port that receives from its directed queue, if it has one, and sends to any queue.
pub type DirPort<T = Mapped> = Port<Dir, T>;

struct State {
    // The consumer queue.
    ring: u32,
    words: usize,
    next: u32,
    generation: bool,
    owed: u32,
    batch: u32,
    empty: u32,
    armed: bool,
    // The line being gathered.
    line: [Hcw; 4],
    used: usize,
    // Received events, oldest first, that are not completed or whose completion has to wait for
    // that of an older one, because the device completes in order.
    inflight: VecDeque<Option<Hcw>>,
    oldest: u64,
    credits: Cache,
    counters: Counters,
}

impl State {
    fn flush(&mut self, transport: &impl Transport) {
        if self.used > 0 {
            transport.enqueue(&self.line[..self.used]);
            self.counters.lines += 1;
            self.counters.elements += self.used as u64;
            self.used = 0;
        }
    }

    fn put(&mut self, transport: &impl Transport, element: Hcw) {
        self.line[self.used] = element;
        self.used += 1;
        if self.used == self.line.len() {
            self.flush(transport);
        }
    }

    fn return_tokens(&mut self, transport: &impl Transport) {
        if self.owed > 0 {
            let tokens = Hcw::tokens(self.owed);
            self.owed = 0;
            self.put(transport, tokens);
        }
    }

    /// Gives back all that the port holds without need.
    fn settle(&mut self, transport: &impl Transport) {
        self.return_tokens(transport);
        self.flush(transport);
        self.credits.give_all();
    }

    fn spend(&mut self, event: &Event) -> bool {
        let spent = self.credits.spend(event.kind());
        if spent {
            self.counters.sent += 1;
        } else {
            self.counters.refused += 1;
        }
        spent
    }

    /// Spends the credit for an event that takes the place of one from a load-balanced queue. The
    /// credit of a received event is kept until it is completed, so this fails only if another
    /// kind is needed.
    fn exchange(&mut self, event: &Event) -> bool {
        if self.credits.same(event.kind(), Kind::Ldb) {
            self.counters.sent += 1;
            return true;
        }
        let spent = self.spend(event);
        if spent {
            self.credits.regain(Kind::Ldb);
        }
        spent
    }

    fn peek(&self, transport: &impl Transport) -> Option<Entry> {
        let word = self.next as usize * self.words;
        // The device writes the half with the generation bit last; loading it first, with acquire
        // ordering, makes sure that the other half is of the same entry.
        let high = transport.load(word + 1);
        let valid = (high & Entry::GENERATION != 0) == self.generation;
        valid.then(|| Entry::from_words([transport.load(word), high]))
    }

    fn receive(&mut self, transport: &impl Transport) -> Option<Entry> {
        let Some(entry) = self.peek(transport) else {
            self.counters.empty += 1;
            self.flush(transport);
            // Once is not enough: an event may be sent or completed although nothing comes, and
            // what that leaves in the cache would stay there for as long as nothing comes.
            self.empty += 1;
            if self.empty == PATIENCE {
                self.empty = 0;
                self.settle(transport);
            }
            return None;
        };
        self.empty = 0;
        self.next += 1;
        if self.next == self.ring {
            self.next = 0;
            self.generation = !self.generation;
        }
        self.counters.received += 1;
        self.counters.damaged += u64::from(entry.error());
        self.owed += 1;
        if self.owed >= self.batch {
            self.return_tokens(transport);
        }
        Some(entry)
    }

    /// Completes the event that was received as number `number`.
    fn complete(&mut self, transport: &impl Transport, number: u64, how: Hcw) {
        let at = (number - self.oldest) as usize;
        self.inflight[at] = Some(how);
        while let Some(Some(element)) = self.inflight.front().copied() {
            self.inflight.pop_front();
            self.oldest += 1;
            self.put(transport, element);
        }
    }
}

impl<S: sealed::Side> Port<S> {
    /// Opens the device file of a port and maps it. [`Domain`](crate::Domain) finds file and
    /// options by name.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened for reading and writing, is open already, or is not that of a
    /// port with such a consumer queue.
    pub fn open(
        path: impl AsRef<Path>,
        options: &Options,
        credits: &Credits,
    ) -> Result<Self, Error> {
        options.check()?;
        let store = options.store.unwrap_or_else(Store::detect);
        let bytes = options.ring() as usize * options.stride();
        let mapped = Mapped::open(path.as_ref(), bytes, store)?;
        Self::with_transport(mapped, options, credits)
    }
}

impl<S: sealed::Side> AsFd for Port<S> {
    /// The device file, to be watched together with others. It polls as readable when an armed
    /// interrupt has come: see [`Port::arm`].
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.transport.as_fd()
    }
}

impl<S: sealed::Side, T: Transport> Port<S, T> {
    /// Makes a port that stands on something other than a device file, such as a model in a test.
    ///
    /// # Errors
    ///
    /// If the options are not those of a port.
    pub fn with_transport(
        transport: T,
        options: &Options,
        credits: &Credits,
    ) -> Result<Self, Error> {
        options.check()?;
        let batch = options.token_batch.unwrap_or(options.depth / 4);
        let state = State {
            ring: options.ring(),
            words: options.stride() / 8,
            next: options.position.next,
            generation: options.position.generation,
            owed: 0,
            batch: batch.clamp(1, options.depth.min(32)),
            empty: 0,
            armed: false,
            line: [Hcw::NOOP; 4],
            used: 0,
            inflight: VecDeque::with_capacity(options.depth as usize),
            oldest: 0,
            credits: Cache::new(credits.clone()),
            counters: Counters::default(),
        };
        Ok(Port {
            transport,
            state: RefCell::new(state),
            side: PhantomData,
        })
    }

    /// Sends an event. It may wait in the port for others to share its line with.
    ///
    /// # Errors
    ///
    /// [`NoCredit`] if none is left: receive, or let others receive, and try again.
    pub fn send(&self, event: Event) -> Result<(), NoCredit<Event>> {
        let mut state = self.state.borrow_mut();
        if !state.spend(&event) {
            // What waits in the line may be what brings credits back.
            state.flush(&self.transport);
            return Err(NoCredit(event));
        }
        state.put(&self.transport, Hcw::event(Command::New, &event));
        Ok(())
    }

    /// Hands what the port has gathered to the device now.
    pub fn flush(&self) {
        self.state.borrow_mut().flush(&self.transport);
    }

    /// Gives back tokens and credits, and flushes. A port does so by itself when it finds nothing
    /// to do for a while; call this before doing something else for long.
    pub fn settle(&self) {
        self.state.borrow_mut().settle(&self.transport);
    }

    /// Arms the interrupt of the port, unless it is armed already, and says whether there is
    /// nothing to receive. Only if so, sleep until the [file](AsFd) is readable; then call
    /// [`disarm`](Self::disarm), and receive.
    ///
    /// [`wait`](Self::wait) does all that; this is for programs that watch several files.
    pub fn arm(&self) -> bool {
        let mut state = self.state.borrow_mut();
        // Tokens come first: entries that were received count for the interrupt until then.
        state.settle(&self.transport);
        if state.peek(&self.transport).is_some() {
            return false;
        }
        if !state.armed {
            state.put(&self.transport, Hcw::bare(Command::Arm));
            state.flush(&self.transport);
            state.armed = true;
            state.counters.armed += 1;
        }
        // An entry that came before the device was armed may have gone without an interrupt.
        state.peek(&self.transport).is_none()
    }

    /// Takes note of an interrupt, if there was one, and says whether there was.
    ///
    /// # Errors
    ///
    /// If the device has gone.
    pub fn disarm(&self) -> Result<bool, Error> {
        let mut state = self.state.borrow_mut();
        state.counters.system_calls += 1;
        let count = self.transport.take()?;
        state.counters.interrupts += u64::from(count);
        // The device disarms when it interrupts, and each arming makes one interrupt.
        if count > 0 {
            state.armed = false;
        }
        Ok(count > 0)
    }

    /// Waits until there is something to receive, by interrupt, at most for `timeout` (without end
    /// if `None`). Says whether there is.
    ///
    /// The interrupt comes when `cq_depth_threshold` entries are there: if that is more than one,
    /// give a timeout.
    ///
    /// # Errors
    ///
    /// If the device has gone or the domain was reset.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while self.arm() {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let (interrupted, calls) = self.transport.wait(left);
            self.state.borrow_mut().counters.system_calls += u64::from(calls);
            if !interrupted? {
                return Ok(self.state.borrow().peek(&self.transport).is_some());
            }
            self.disarm()?;
        }
        Ok(true)
    }

    /// What the port has done so far.
    pub fn counters(&self) -> Counters {
        self.state.borrow().counters
    }

    /// Where the port will read on. Whoever takes it over afterwards needs it for
    /// [`Options::position`].
    pub fn position(&self) -> Position {
        let state = self.state.borrow();
        Position {
            next: state.next,
            generation: state.generation,
        }
    }

    /// What the port stands on.
    pub fn transport(&self) -> &T {
        &self.transport
    }
}

impl<T: Transport> Port<Dir, T> {
    /// Receives the next event, if there is one.
    pub fn receive(&self) -> Option<Entry> {
        let mut state = self.state.borrow_mut();
        let entry = state.receive(&self.transport)?;
        state.credits.regain(Kind::Dir);
        Some(entry)
    }
}

impl<T: Transport> Port<Ldb, T> {
    /// Receives the next event, if there is one.
    ///
    /// The device wants to know when the event has been dealt with: [`forward`](Received::forward)
    /// or [`release`](Received::release) it. One that is dropped is released.
    pub fn receive(&self) -> Option<Received<'_, T>> {
        let mut state = self.state.borrow_mut();
        let entry = state.receive(&self.transport)?;
        let number = state.oldest + state.inflight.len() as u64;
        state.inflight.push_back(None);
        Some(Received {
            port: self,
            number,
            entry,
        })
    }

    /// How many received events are not completed, as the device sees it.
    pub fn inflight(&self) -> usize {
        self.state.borrow().inflight.len()
    }
}

impl<S: sealed::Side, T: Transport> fmt::Debug for Port<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port")
            .field("position", &self.position())
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

impl<S: sealed::Side, T: Transport> Drop for Port<S, T> {
    fn drop(&mut self) {
        // What waits in the line was promised to be sent. If the device has gone, this is the one
        // access that may end in SIGBUS, as any other would.
        let state = self.state.get_mut();
        if state.used > 0 || state.owed > 0 {
            state.settle(&self.transport);
        }
    }
}

/// An event received by a load-balanced port, until it is completed.
///
/// It cannot be completed twice, since completing consumes it, nor outlive its port. Events may be
/// completed in any order: the device wants the order of reception, so the port holds a completion
/// back until the older ones are there.
///
/// If it is dropped it is released, and counted as [`Counters::dropped`]: an event that nobody
/// wanted must not hold up a flow or a queue. One that is leaked (`std::mem::forget`) does hold
/// them up, until the domain is reset.
#[must_use = "an event that is dropped is released"]
pub struct Received<'p, T: Transport = Mapped> {
    port: &'p Port<Ldb, T>,
    number: u64,
    entry: Entry,
}

impl<T: Transport> Deref for Received<'_, T> {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

impl<T: Transport> fmt::Debug for Received<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Received").field(&self.entry).finish()
    }
}

impl<T: Transport> Received<'_, T> {
    /// Completes the event and sends `event` in its place, in one element. If it was received from
    /// an ordered queue, `event` takes its place in the order; if from an atomic queue, its flow is
    /// unlocked when `event` is on its way.
    ///
    /// # Errors
    ///
    /// [`NoCredit`], with both events inside. That can only happen where a DLB 2.0 forwards to
    /// a directed queue: otherwise the new event has the credit of the old one.
    pub fn forward(self, event: Event) -> Result<(), NoCredit<(Self, Event)>> {
        let mut state = self.port.state.borrow_mut();
        if !state.exchange(&event) {
            state.flush(&self.port.transport);
            drop(state);
            return Err(NoCredit((self, event)));
        }
        state.counters.forwarded += 1;
        state.complete(
            &self.port.transport,
            self.number,
            Hcw::event(Command::Forward, &event),
        );
        drop(state);
        std::mem::forget(self);
        Ok(())
    }

    /// Completes the event and sends nothing in its place.
    pub fn release(self) {
        self.finish();
        std::mem::forget(self);
    }

    fn finish(&self) {
        let mut state = self.port.state.borrow_mut();
        state.counters.released += 1;
        state.credits.regain(Kind::Ldb);
        let release = Hcw::bare(Command::Release);
        state.complete(&self.port.transport, self.number, release);
    }
}

impl<T: Transport> Drop for Received<'_, T> {
    fn drop(&mut self) {
        self.finish();
        self.port.state.borrow_mut().counters.dropped += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::io;

    use super::*;
    use crate::credit::Counts;
    use crate::qe::{DirQueue, LdbQueue};

    type Hook = Box<dyn Fn(&Fake)>;

    /// Remembers what was stored; the test plays the device.
    struct Fake {
        lines: RefCell<Vec<Vec<[u64; 2]>>>,
        ring: Vec<Cell<u64>>,
        interrupts: Cell<u32>,
        on_arm: RefCell<Option<Hook>>,
    }

    impl Fake {
        fn new(words: usize) -> Self {
            Fake {
                lines: RefCell::default(),
                ring: (0..words).map(|_| Cell::new(0)).collect(),
                interrupts: Cell::new(0),
                on_arm: RefCell::default(),
            }
        }

        fn commands(&self) -> Vec<u8> {
            self.lines
                .borrow()
                .iter()
                .flatten()
                .map(|w| (w[1] >> 56) as u8)
                .collect()
        }

        fn deliver(&self, at: usize, data: u64, generation: bool) {
            self.ring[at].set(data);
            self.ring[at + 1].set(u64::from(generation) << 56);
        }
    }

    impl Transport for Fake {
        fn enqueue(&self, elements: &[Hcw]) {
            let line: Vec<_> = elements.iter().map(|e| e.words()).collect();
            let arms = line.iter().any(|w| w[1] >> 56 == Command::Arm as u64);
            self.lines.borrow_mut().push(line);
            if arms {
                if let Some(hook) = self.on_arm.borrow().as_ref() {
                    hook(self);
                }
            }
        }

        fn load(&self, word: usize) -> u64 {
            self.ring[word].get()
        }

        fn wait(&self, _: Option<Duration>) -> (io::Result<bool>, u32) {
            (Ok(self.interrupts.get() > 0), 1)
        }

        fn take(&self) -> io::Result<u32> {
            Ok(self.interrupts.replace(0))
        }
    }

    fn pool() -> Credits {
        Credits::new(Counts::Split { ldb: 64, dir: 64 })
    }

    fn ldb(options: &Options) -> LdbPort<Fake> {
        LdbPort::with_transport(Fake::new(64), options, &pool()).unwrap()
    }

    fn empty() -> LdbPort<Fake> {
        filled(0)
    }

    fn filled(count: usize) -> LdbPort<Fake> {
        let port = ldb(&Options::new(8).token_batch(8));
        for at in 0..count {
            port.transport.deliver(at * 8, at as u64, true);
        }
        port
    }

    fn next() -> Event {
        Event::unordered(LdbQueue(1), 0)
    }

    #[test]
    fn a_line_leaves_when_it_is_full() {
        let port = empty();
        for _ in 0..3 {
            port.send(next()).unwrap();
        }
        assert_eq!(port.transport.commands(), []);
        port.send(next()).unwrap();
        assert_eq!(port.transport.lines.borrow().len(), 1);
        assert_eq!(port.transport.commands(), [8, 8, 8, 8]);
    }

    #[test]
    fn a_line_leaves_when_there_is_nothing_to_receive() {
        let port = empty();
        port.send(next()).unwrap();
        assert!(port.receive().is_none());
        assert_eq!(port.transport.commands(), [8]);
    }

    #[test]
    fn completions_leave_in_the_order_of_reception() {
        let port = filled(3);
        let [first, second, third] = std::array::from_fn(|_| port.receive().unwrap());
        third.release();
        second.forward(next()).unwrap();
        port.flush();
        assert_eq!(port.transport.commands(), []);
        assert_eq!(port.inflight(), 3);
        first.forward(next()).unwrap();
        port.flush();
        assert_eq!(port.transport.commands(), [10, 10, 2]);
        assert_eq!(port.inflight(), 0);
    }

    #[test]
    fn a_dropped_event_is_released_and_counted() {
        let port = filled(1);
        drop(port.receive());
        assert_eq!((port.counters().released, port.counters().dropped), (1, 1));
        port.flush();
        assert_eq!(port.transport.commands(), [2]);
    }

    #[test]
    fn a_leaked_event_holds_up_later_ones_only() {
        let port = filled(2);
        std::mem::forget(port.receive());
        port.receive().unwrap().release();
        port.flush();
        assert_eq!(port.transport.commands(), []);
    }

    #[test]
    fn the_generation_turns_with_the_ring() {
        let port = filled(8);
        for expected in 0..8 {
            assert_eq!(port.receive().unwrap().data(), expected);
        }
        assert!(port.receive().is_none());
        port.transport.deliver(0, 100, false);
        assert_eq!(port.receive().unwrap().data(), 100);
        assert!(port.receive().is_none());
    }

    #[test]
    fn another_reader_goes_on_where_the_first_stopped() {
        let port = filled(8);
        for _ in 0..3 {
            drop(port.receive());
        }
        let options = Options::new(8).position(port.position());
        let fake = Fake::new(64);
        for (to, from) in fake.ring.iter().zip(&port.transport.ring) {
            to.set(from.get());
        }
        let heir = LdbPort::with_transport(fake, &options, &pool()).unwrap();
        assert_eq!(heir.receive().unwrap().data(), 3);
    }

    #[test]
    fn tokens_go_back_in_batches() {
        let port = ldb(&Options::new(8));
        for at in 0..5 {
            port.transport.deliver(at * 8, 0, true);
            std::mem::forget(port.receive());
        }
        port.flush();
        let lines = port.transport.lines.borrow().concat();
        assert_eq!(lines, [[0, 1 << 56 | 1 << 32]; 2]);
    }

    #[test]
    fn an_idle_port_keeps_nothing() {
        let port = filled(1);
        port.send(next()).unwrap();
        drop(port.receive());
        for _ in 0..PATIENCE {
            assert!(port.receive().is_none());
        }
        assert_eq!(port.transport.commands(), [8, 2, 1]);
        let Counts::Split { ldb, .. } = port.state.borrow().credits.pool().free() else {
            unreachable!()
        };
        assert_eq!(ldb, 64);
    }

    #[test]
    fn what_is_done_while_idle_does_not_stay_in_the_cache() {
        let port = filled(1);
        let pool = port.state.borrow().credits.pool().clone();
        let free = || match pool.free() {
            Counts::Split { ldb, .. } => ldb,
            Counts::Combined(_) => unreachable!(),
        };
        let idle = || (0..PATIENCE).for_each(|_| assert!(port.receive().is_none()));
        // What somebody sent takes longer than the patience of a port that polls meanwhile.
        assert_eq!(pool.take(Kind::Ldb, 1), 1);
        let event = port.receive().unwrap();
        idle();
        event.release();
        idle();
        assert_eq!(free(), 64);
        // Something is sent now and then, but nothing comes.
        port.send(next()).unwrap();
        idle();
        assert_eq!(free(), 63);
        assert_eq!(port.transport.commands(), [1, 2, 8]);
    }

    #[test]
    fn without_a_credit_nothing_is_sent() {
        let fake = Fake::new(64);
        let pool = Credits::new(Counts::Split { ldb: 2, dir: 0 });
        let port = LdbPort::with_transport(fake, &Options::new(8), &pool).unwrap();
        port.send(next()).unwrap();
        port.send(next()).unwrap();
        assert_eq!(port.send(next()), Err(NoCredit(next())));
        assert_eq!(port.transport.commands(), [8, 8]);
        // A received event keeps its credit, so it can be forwarded, but not to where none are.
        port.transport.deliver(0, 7, true);
        let event = port.receive().unwrap();
        let NoCredit((event, _)) = event.forward(Event::directed(DirQueue(0), 0)).unwrap_err();
        event.forward(next()).unwrap();
        assert_eq!(port.counters().refused, 2);
    }

    #[test]
    fn an_event_that_arrives_while_arming_is_seen() {
        let port = empty();
        *port.transport.on_arm.borrow_mut() = Some(Box::new(|fake| fake.deliver(0, 1, true)));
        assert!(port.wait(None).unwrap());
        assert_eq!(port.counters().system_calls, 0);
    }

    #[test]
    fn a_late_interrupt_costs_a_turn_but_no_event() {
        let port = empty();
        // The entry comes together with an interrupt, and is received without waiting for that.
        *port.transport.on_arm.borrow_mut() = Some(Box::new(|fake| {
            fake.deliver(0, 1, true);
            fake.interrupts.set(1);
        }));
        assert!(port.wait(None).unwrap());
        drop(port.receive());
        // The next wait must not trust the spent arming: it takes the old interrupt, arms again.
        *port.transport.on_arm.borrow_mut() = Some(Box::new(|fake| {
            fake.deliver(8, 2, true);
            fake.interrupts.set(1);
        }));
        assert!(port.wait(None).unwrap());
        assert_eq!(port.counters().armed, 2);
        assert_eq!(port.counters().interrupts, 1);
        assert_eq!(port.receive().unwrap().data(), 2);
    }

    #[test]
    fn a_wait_without_an_event_ends() {
        let port = empty();
        assert!(!port.wait(Some(Duration::ZERO)).unwrap());
        // The interrupt is still armed, and is not armed twice.
        assert!(!port.wait(Some(Duration::ZERO)).unwrap());
        assert_eq!(port.transport.commands(), [5]);
    }

    #[test]
    fn tokens_are_back_before_the_interrupt_is_armed() {
        let port = filled(1);
        drop(port.receive());
        assert!(!port.wait(Some(Duration::ZERO)).unwrap());
        assert_eq!(port.transport.commands(), [2, 1, 5]);
    }

    #[test]
    fn a_dropped_port_sends_what_it_gathered() {
        use std::rc::Rc;

        struct Shared(Rc<Fake>);
        impl Transport for Shared {
            fn enqueue(&self, elements: &[Hcw]) {
                self.0.enqueue(elements);
            }
            fn load(&self, word: usize) -> u64 {
                self.0.load(word)
            }
            fn wait(&self, timeout: Option<Duration>) -> (io::Result<bool>, u32) {
                self.0.wait(timeout)
            }
            fn take(&self) -> io::Result<u32> {
                self.0.take()
            }
        }

        let fake = Rc::new(Fake::new(64));
        let pool = pool();
        let shared = Shared(fake.clone());
        let port = DirPort::with_transport(shared, &Options::new(8), &pool).unwrap();
        port.send(next()).unwrap();
        drop(port);
        assert_eq!(fake.commands(), [8]);
        assert_eq!(pool.free(), Counts::Split { ldb: 63, dir: 64 });
    }

    #[test]
    fn impossible_depths_are_refused() {
        for depth in [0, 3, 2048] {
            let fake = Fake::new(64);
            let made = DirPort::with_transport(fake, &Options::new(depth), &pool());
            assert!(matches!(made, Err(Error::Depth(_))));
        }
    }
}
