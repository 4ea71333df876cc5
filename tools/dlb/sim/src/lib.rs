// SPDX-License-Identifier: GPL-2.0

//! A device in memory: the driver's hardware logic on the hardware model, and ports on top that the
//! data-path library uses as it uses device files.

use std::collections::HashMap;
use std::fmt::Arguments;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use dlb::{Counts, Hcw, Transport};
use dlb_hw::hw::irq::take_cq_events;
use dlb_hw::hw::{
    pp_offset, Bar, Csr, DirPortArgs, DirQueueArgs, DomainArgs, Func, LdbPortArgs, LdbQueueArgs,
    Pf, Port, Route,
};
use dlb_model::{Config, Device, Host, Level, Requester};

pub use dlb_hw::hw::Version;

/// Where consumer queues are in the memory of the host, and how much of it each has.
const MEMORY: u64 = 0x1_0000_0000;
const RING: usize = 65536;

/// How many consumer queues there can be.
const RINGS: usize = 24;

/// The device, and what it does to the outside.
struct World {
    device: Device,
    outside: Outside,
}

struct Outside {
    memory: Arc<[AtomicU64]>,
    interrupted: bool,
    stray: u32,
}

impl Host for Outside {
    fn dma_write(&mut self, _: Requester, _: Option<u32>, address: u64, data: &[u8]) -> bool {
        let at = (address.wrapping_sub(MEMORY) / 8) as usize;
        let Some(words) = self.memory.get(at..at + data.len() / 8) else {
            self.stray += 1;
            return false;
        };
        // Lowest first, as the device promises.
        for (word, bytes) in words.iter().zip(data.chunks_exact(8)) {
            let value = u64::from_le_bytes(bytes.try_into().expect("a chunk has 8 bytes"));
            word.store(value, Ordering::Release);
        }
        true
    }

    fn msix(&mut self, vector: u16) {
        self.interrupted |= vector == 1;
    }

    fn msi(&mut self, _: u8, _: u8) {}

    fn log(&mut self, _: Level, _: Arguments<'_>) {}
}

/// What several threads share.
struct Shared {
    version: Version,
    world: Mutex<World>,
    memory: Arc<[AtomicU64]>,
    /// Interrupts of each port that nobody has taken note of.
    interrupts: Mutex<HashMap<(bool, u8), u32>>,
    arrived: Condvar,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no thread panics with the lock")
    }

    /// Does what the driver's interrupt handler does.
    fn serve(&self) {
        loop {
            if !std::mem::take(&mut self.world().outside.interrupted) {
                return;
            }
            let events = take_cq_events(self, self.version).expect("the device is there");
            let mut interrupts = self
                .interrupts
                .lock()
                .expect("no thread panics with the lock");
            for port in (0..64).map(Port::Ldb).chain((0..96).map(Port::Dir)) {
                if events.contains(port) {
                    *interrupts.entry(key(port)).or_default() += 1;
                }
            }
            self.arrived.notify_all();
        }
    }
}

fn key(port: Port) -> (bool, u8) {
    match port {
        Port::Ldb(number) => (true, number),
        Port::Dir(number) => (false, number),
    }
}

fn bar(bar: Bar) -> dlb_model::Bar {
    match bar {
        Bar::Csr => dlb_model::Bar::Csr,
        Bar::Func => dlb_model::Bar::Func,
    }
}

impl Csr for Shared {
    fn read(&self, from: Bar, offset: u32) -> u32 {
        let World { device, outside } = &mut *self.world();
        device.read(Requester::Pf, bar(from), offset.into(), 4, outside) as u32
    }

    fn write(&self, to: Bar, offset: u32, value: u32) {
        if to == Bar::Func && offset & 0xff00_0000 == 0x0100_0000 {
            // The MSI-X table is PCI's, not the model's.
            return;
        }
        let World { device, outside } = &mut *self.world();
        device.write(
            Requester::Pf,
            bar(to),
            offset.into(),
            4,
            value.into(),
            outside,
        );
    }

    fn pp_line(&self, port: Port, line: &[dlb_hw::hw::Hcw; 4]) {
        let words: Vec<_> = line.iter().map(|element| element.to_words()).collect();
        self.store(port, words.as_flattened());
    }

    fn delay_us(&self, _: u32) {}
}

impl Shared {
    fn store(&self, port: Port, words: &[u64]) {
        let bytes: Vec<_> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let World { device, outside } = &mut *self.world();
        let at = pp_offset(port).into();
        device.write_bytes(Requester::Pf, dlb_model::Bar::Func, at, &bytes, outside);
    }
}

/// A port of the device, for [`dlb::Port::with_transport`].
pub struct SimPort {
    shared: Arc<Shared>,
    port: Port,
    /// Its consumer queue, as an index into the memory.
    ring: usize,
}

impl Transport for SimPort {
    fn enqueue(&self, elements: &[Hcw]) {
        // One element at a time, as without MOVDIR64B: the device takes both.
        for element in elements {
            self.shared.store(self.port, &element.words());
        }
        self.shared.serve();
    }

    fn load(&self, word: usize) -> u64 {
        assert!(word < RING / 8);
        self.shared.memory[self.ring + word].load(Ordering::Acquire)
    }

    fn wait(&self, timeout: Option<Duration>) -> (io::Result<bool>, u32) {
        let interrupts = self
            .shared
            .interrupts
            .lock()
            .expect("no thread panics with the lock");
        let timeout = timeout.unwrap_or(Duration::from_secs(3600));
        let (interrupts, _) = self
            .shared
            .arrived
            .wait_timeout_while(interrupts, timeout, |all| {
                all.get(&key(self.port)).copied().unwrap_or(0) == 0
            })
            .expect("no thread panics with the lock");
        (
            Ok(interrupts.get(&key(self.port)).copied().unwrap_or(0) > 0),
            1,
        )
    }

    fn take(&self) -> io::Result<u32> {
        let mut interrupts = self
            .shared
            .interrupts
            .lock()
            .expect("no thread panics with the lock");
        Ok(interrupts.remove(&key(self.port)).unwrap_or(0))
    }
}

/// A device with one domain that is being made.
pub struct Sim {
    shared: Arc<Shared>,
    pf: Box<Pf>,
    domain: u32,
    rings: usize,
    numbers: u32,
}

/// What the domain of a [`Sim`] has.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Load-balanced queues.
    pub ldb_queues: u32,
    /// Load-balanced ports.
    pub ldb_ports: u32,
    /// Directed ports.
    pub dir_ports: u32,
    /// Load-balanced credits.
    pub ldb_credits: u32,
    /// Directed credits.
    pub dir_credits: u32,
    /// Ordered queues, and how many sequence numbers each has.
    pub ordered: (u32, u32),
}

impl Sim {
    /// Brings a device up, as the driver does, and makes a domain.
    pub fn new(version: Version, seed: u64, size: &Size) -> Self {
        let memory: Arc<[AtomicU64]> = (0..RINGS * RING / 8).map(|_| AtomicU64::new(0)).collect();
        let config = Config {
            version: match version {
                Version::V2 => dlb_model::Version::V2_0,
                Version::V25 => dlb_model::Version::V2_5,
            },
            seed,
            faults: String::new(),
        };
        let device = Device::new(&config).expect("no faults are asked for");
        let outside = Outside {
            memory: memory.clone(),
            interrupted: false,
            stray: 0,
        };
        let shared = Arc::new(Shared {
            version,
            world: Mutex::new(World { device, outside }),
            memory,
            interrupts: Mutex::default(),
            arrived: Condvar::new(),
        });
        let csr = &*shared;
        let mut pf = Box::new(Pf::new(version));
        Pf::power_on(csr, version);
        Pf::wait_ready(csr, version).expect("the model becomes ready");
        pf.init_device(csr).expect("the model can be set up");
        let (ordered, numbers) = size.ordered;
        pf.set_sequence_numbers(Some(csr), 0, numbers)
            .expect("nobody uses the group");
        let args = DomainArgs {
            ldb_queues: size.ldb_queues,
            ldb_ports: size.ldb_ports,
            dir_ports: size.dir_ports,
            ldb_credits: size.ldb_credits,
            dir_credits: size.dir_credits,
            hist_list_entries: 2048,
            atomic_inflights: 2048,
            sn_slots: [ordered, 0],
            ..DomainArgs::default()
        };
        let domain = pf
            .create_domain(csr, Func::Pf, &args)
            .expect("the device is empty");
        Sim {
            shared,
            pf,
            domain,
            rings: 0,
            numbers,
        }
    }

    /// The credits of the domain.
    pub fn credits(&self, size: &Size) -> Counts {
        match self.shared.version {
            Version::V2 => Counts::Split {
                ldb: size.ldb_credits,
                dir: size.dir_credits,
            },
            Version::V25 => Counts::Combined(size.ldb_credits + size.dir_credits),
        }
    }

    /// Makes a load-balanced queue: atomic and unordered, or atomic and ordered.
    pub fn ldb_queue(&mut self, ordered: bool) -> dlb::LdbQueue {
        let args = LdbQueueArgs {
            sequence_numbers: if ordered { self.numbers } else { 0 },
            qid_inflights: if ordered { self.numbers } else { 512 },
            atomic_inflights: 512,
            lock_id_comp_level: 0,
            depth_threshold: 256,
        };
        let csr = &*self.shared;
        let queue = self.pf.create_ldb_queue(csr, Func::Pf, self.domain, &args);
        dlb::LdbQueue(queue.expect("the domain has room") as u8)
    }

    /// Takes room for a consumer queue: its address, and its index in memory.
    fn ring(&mut self) -> (u64, usize) {
        let at = self.rings * RING;
        self.rings += 1;
        assert!(self.rings <= RINGS);
        (MEMORY + at as u64, at / 8)
    }

    fn interrupt(&mut self, port: Port, ring: usize) -> SimPort {
        let csr = &*self.shared;
        let set = self.pf.enable_cq_interrupt(csr, port, 1, Route::Pf);
        set.expect("the port is there");
        SimPort {
            shared: self.shared.clone(),
            port,
            ring,
        }
    }

    /// Makes a load-balanced port, linked to queues with priorities.
    pub fn ldb_port(&mut self, depth: u32, links: &[(dlb::LdbQueue, u32)]) -> SimPort {
        let (cq_base, ring) = self.ring();
        let args = LdbPortArgs {
            cq_base,
            cq_depth: depth,
            hist_list_size: depth,
            enabled: true,
            ..LdbPortArgs::default()
        };
        let csr = &*self.shared;
        let port = self.pf.create_ldb_port(csr, Func::Pf, self.domain, &args);
        let port = port.expect("the domain has room");
        for (queue, priority) in links {
            let queue = queue.0.into();
            self.pf
                .map_queue(csr, Func::Pf, self.domain, port, queue, *priority)
                .expect("the port has a free slot");
        }
        self.interrupt(Port::Ldb(port as u8), ring)
    }

    /// Makes a directed port, and its queue.
    pub fn dir_port(&mut self, depth: u32) -> (SimPort, dlb::DirQueue) {
        let (cq_base, ring) = self.ring();
        let args = DirPortArgs {
            cq_base,
            cq_depth: depth,
            queue: None,
            enabled: true,
            near: false,
        };
        let csr = &*self.shared;
        let port = self.pf.create_dir_port(csr, Func::Pf, self.domain, &args);
        let port = port.expect("the domain has room");
        let args = DirQueueArgs {
            port: Some(port),
            depth_threshold: 256,
            near: false,
        };
        let queue = self.pf.create_dir_queue(csr, Func::Pf, self.domain, &args);
        let queue = dlb::DirQueue(queue.expect("the port has no queue yet") as u8);
        (self.interrupt(Port::Dir(port as u8), ring), queue)
    }

    /// Starts the domain.
    pub fn start(&mut self) {
        let csr = &*self.shared;
        let started = self.pf.start_domain(csr, Func::Pf, self.domain);
        started.expect("the domain was not started");
    }

    /// Checks that the device dropped nothing, that nothing is in it, and that it wrote nowhere but
    /// into consumer queues.
    ///
    /// # Panics
    ///
    /// If so.
    pub fn check_quiet(&self) {
        let world = self.shared.world();
        world.device.check_sane().expect("the model is consistent");
        assert_eq!(world.outside.stray, 0);
        let counters = world.device.counters();
        assert_eq!(
            counters.dropped.iter().sum::<u64>(),
            0,
            "the device dropped elements"
        );
        assert_eq!(
            counters.enqueued, counters.scheduled,
            "the device still has events"
        );
    }
}
