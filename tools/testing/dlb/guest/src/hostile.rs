// SPDX-License-Identifier: GPL-2.0

//! A guest that means harm: what a virtual function's registers can be written to without a driver,
//! while others work. Nobody else may notice, and the driver of the physical function has to stay
//! well and quiet.

use std::arch::x86_64::{__m128i, _mm_set_epi64x, _mm_sfence, _mm_stream_si128};
use std::fs::OpenOptions;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::devices::event;
use crate::errno::Errno;
use crate::ktap::{Outcome, Suite};
use crate::port::{cmd, Hcw, Map, Sched};
use crate::proc::{Child, Dice};
use crate::tree::{self, Domain};
use crate::vf::{break_rule, name, on, Traffic, Vfs, SOON};
use crate::{ensure, ensure_eq};

/// Registers of a virtual function's BAR.
const REQUEST: usize = 0x1004;
const DOORBELL: usize = 0x1f00;
const ANSWER: usize = 0x2000;
const DIR_PORTS: usize = 0x200_0000;
const LDB_PORTS: usize = 0x210_0000;
const BAR: usize = 0x214_0000;

/// Status of an answer.
const SUCCESS: u32 = 0;
const INVALID_COMMAND: u32 = 1;
const VERSION_MISMATCH: u32 = 2;
const INVALID_DATA: u32 = 4;

const REGISTER: u32 = 0;
const CREATE_DOMAIN: u32 = 3;
const CREATE_LDB_PORT: u32 = 7;
const LAST: u32 = 33;
/// Versions 3 to 5.
const VERSIONS: u32 = 5 << 16 | 3;

/// Lines that all of this may cost in the kernel log.
const LOG_LINES: usize = 40;

/// The registers of a virtual function that no driver is bound to.
struct Bar(Map);

impl Bar {
    fn open(dir: &Path) -> Result<Self, String> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(dir.join("resource0"))
            .map_err(Errno::from)?;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let bar = Self(Map::new(&file, prot, libc::MAP_SHARED, BAR, 0)?);
        // What is not mapped reads as zero.
        bar.write(REQUEST, 0x1234_5678);
        ensure_eq!(bar.read(REQUEST), 0x1234_5678, "memory of the mailbox");
        Ok(bar)
    }

    fn read(&self, offset: usize) -> u32 {
        // SAFETY: All offsets are below the length of the mapping and aligned.
        unsafe { self.0.at.add(offset).cast::<u32>().read_volatile() }
    }

    fn write(&self, offset: usize, value: u32) {
        // SAFETY: As above.
        unsafe { self.0.at.add(offset).cast::<u32>().write_volatile(value) }
    }

    /// A 16-byte store to a producer page.
    fn push(&self, page: usize, hcw: Hcw) {
        // SAFETY: Pages are below the length of the mapping, and aligned; SSE2 is part of x86-64.
        unsafe {
            _mm_sfence();
            _mm_stream_si128(
                self.0.at.add(page).cast::<__m128i>(),
                _mm_set_epi64x(hcw.hi as i64, hcw.lo as i64),
            );
            _mm_sfence();
        }
    }

    fn put(&self, words: &[u32]) {
        for (n, word) in words.iter().enumerate() {
            self.write(REQUEST + 4 * n, *word);
        }
    }

    /// Rings, waits for the answer and returns its status.
    fn ring(&self) -> Result<u32, String> {
        self.write(DOORBELL, 1);
        let until = Instant::now() + SOON;
        loop {
            // As a driver does; those who ask more often are cut off.
            std::thread::sleep(Duration::from_micros(1200));
            match self.read(DOORBELL) {
                0 => return Ok(self.read(ANSWER)),
                1 => ensure!(Instant::now() < until, "no answer"),
                other => return Err(format!("the doorbell reads {other:#x}")),
            }
        }
    }

    fn request(&self, words: &[u32]) -> Result<u32, String> {
        self.put(words);
        self.ring()
    }

    fn register(&self) -> Outcome {
        ensure_eq!(self.request(&[REGISTER, VERSIONS])?, SUCCESS, "REGISTER");
        Ok(())
    }
}

/// Three functions that have everything: the physical one and VF 0 with traffic, VF 1 for the
/// villain.
struct Scene {
    vfs: Vfs,
    domains: Vec<Domain>,
    traffic: Vec<Traffic>,
    lines: usize,
}

impl Scene {
    fn set() -> Result<Self, String> {
        let vfs = Vfs::beside(2)?;
        vfs.device(1)?
            .unbind()
            .map_err(|e| format!("unbind: {e}"))?;
        let mut domains = Vec::new();
        let mut traffic = Vec::new();
        for (device, domain) in [(name(&vfs.pf)?, "host"), (name(&vfs.device(0)?)?, "good")] {
            let d = on(&device, domain)?;
            traffic.push(Traffic::start(&device, &d)?);
            domains.push(d);
        }
        Ok(Self {
            vfs,
            domains,
            traffic,
            lines: log_lines()?,
        })
    }

    fn villain(&self) -> Result<Bar, String> {
        Bar::open(&self.vfs.dir(1)?)
    }

    /// Nobody has noticed anything, and nothing is left.
    fn end(self) -> Outcome {
        for (traffic, d) in self.traffic.iter().zip(&self.domains) {
            ensure!(traffic.flows(), "events stopped in {}", d.name);
        }
        let lines = log_lines()? - self.lines;
        println!("# {lines} lines in the log");
        ensure!(lines <= LOG_LINES, "{lines} lines in the log");
        drop(self.traffic);
        for d in &self.domains {
            d.disable()?;
        }
        // Alarms are switched off when there are too many.
        self.vfs.pf.obj.set("ingress_err_en", 1)?;
        self.vfs.device(0)?.soon_all_free(SOON)?;
        self.vfs.remove()
    }
}

/// How many lines the driver has written to the kernel log.
fn log_lines() -> Result<usize, String> {
    let log = std::process::Command::new("dmesg")
        .output()
        .map_err(|e| format!("dmesg: {e}"))?;
    Ok(String::from_utf8_lossy(&log.stdout)
        .lines()
        .filter(|line| line.contains("dlb "))
        .count())
}

/// Without a registration there is nothing to have.
fn unregistered() -> Outcome {
    let scene = Scene::set()?;
    let bar = scene.villain()?;
    for command in 1..48 {
        let want = match command {
            ..=LAST => INVALID_DATA,
            _ => INVALID_COMMAND,
        };
        ensure_eq!(bar.request(&[command, 0, 0, 0])?, want, "command {command}");
    }
    for command in [1 << 31, u32::MAX, 0x100, 0x1_0000] {
        ensure_eq!(
            bar.request(&[command])?,
            INVALID_COMMAND,
            "command {command:#x}"
        );
    }
    ensure_eq!(scene.vfs.share(1).get("locked")?, "0", "locked");
    scene.end()
}

fn versions() -> Outcome {
    let scene = Scene::set()?;
    let bar = scene.villain()?;
    for (min, max) in [
        (0, 0),
        (0, 2),
        (6, 9),
        (9, 3),
        (0xffff, 0xffff),
        (0xffff, 0),
    ] {
        ensure_eq!(
            bar.request(&[REGISTER, max << 16 | min])?,
            VERSION_MISMATCH,
            "versions {min} to {max}"
        );
    }
    for (min, max) in [(3, 5), (0, 0xffff), (5, 5), (3, 3)] {
        ensure_eq!(
            bar.request(&[REGISTER, max << 16 | min])?,
            SUCCESS,
            "versions {min} to {max}"
        );
    }
    scene.end()
}

/// A value that somebody who looks for a mistake would try.
fn nasty(dice: &mut Dice) -> u32 {
    const EDGES: [u32; 18] = [
        0,
        1,
        2,
        3,
        7,
        8,
        15,
        16,
        31,
        32,
        63,
        64,
        95,
        96,
        1024,
        0x7fff_ffff,
        0x8000_0000,
        u32::MAX,
    ];
    match dice.below(4) {
        0 => dice.next() as u32,
        1 => dice.below(4) as u32,
        _ => EDGES[dice.below(EDGES.len() as u64) as usize],
    }
}

/// Random messages, the same ones each time.
fn random() -> Outcome {
    let count = match std::env::var("DLB_TEST_MESSAGES") {
        Ok(text) => text.parse().map_err(|_| "DLB_TEST_MESSAGES")?,
        Err(_) => 5000,
    };
    let scene = Scene::set()?;
    let bar = scene.villain()?;
    bar.register()?;
    let mut dice = Dice::new(2026);
    let mut by_status = [0u32; 5];
    let since = Instant::now();
    for n in 0..count {
        let mut words = [0u32; 16];
        words[0] = dice.below(u64::from(LAST) + 3) as u32;
        for word in &mut words[1..] {
            *word = nasty(&mut dice);
        }
        // Something has to exist for the rest to work on, and a registration.
        match n % 50 {
            0 => words[..2].copy_from_slice(&[REGISTER, VERSIONS]),
            1 => {
                words = [0; 16];
                words[0] = CREATE_DOMAIN;
                // Queues, ports, directed ports, in-flights, history, credits.
                (words[1], words[2], words[7]) = (2, 3, 3);
                (words[8], words[9], words[10], words[11]) = (64, 128, 64, 64);
            }
            2..6 => {
                words[1] = 0;
                words[0] = CREATE_LDB_PORT - 2 + n as u32 % 4;
            }
            _ => {}
        }
        let status = bar
            .request(&words)
            .map_err(|e| format!("message {n}, {words:x?}: {e}"))?;
        let count = by_status
            .get_mut(status as usize)
            .ok_or(format!("message {n}, {words:x?}: status {status:#x}"))?;
        *count += 1;
    }
    println!(
        "# {count} messages in {:?}, by status {by_status:?}",
        since.elapsed()
    );
    ensure!(
        by_status[0] > 0 && by_status[1] > 0,
        "one-sided: {by_status:?}"
    );
    scene.end()
}

/// Somebody rewrites the message while it is looked at, and another rings for nothing.
fn changing() -> Outcome {
    let scene = Scene::set()?;
    let bar = scene.villain()?;
    bar.register()?;
    let dir = scene.vfs.dir(1)?;
    let writer = Child::run(move || {
        let Ok(bar) = Bar::open(&dir) else {
            return 1;
        };
        let mut dice = Dice::new(7);
        loop {
            let place = dice.below(16) as usize;
            bar.write(REQUEST + 4 * place, nasty(&mut dice));
            std::thread::yield_now();
        }
    })?;
    for n in 0..500 {
        if n % 10 == 0 {
            bar.put(&[CREATE_DOMAIN, 1, 1, 0, 0, 0, 0, 1]);
        }
        let status = bar.ring().map_err(|e| format!("ring {n}: {e}"))?;
        ensure!(status <= INVALID_DATA, "ring {n}: status {status:#x}");
    }
    drop(writer);
    scene.end()
}

/// Commands to each page of the BAR and to each queue, with a domain of its own and without.
fn pages_of_others() -> Outcome {
    let scene = Scene::set()?;
    let bar = scene.villain()?;
    let pages = || {
        let dir = (0..64).map(|p| DIR_PORTS + p * 4096);
        dir.chain((0..64).map(|p| LDB_PORTS + p * 4096))
    };
    let spray = |bar: &Bar| {
        for page in pages() {
            for qid in [0u8, 1, 31, 63, 64, 95, 127, 255] {
                for sched in [
                    Sched::Atomic,
                    Sched::Unordered,
                    Sched::Ordered,
                    Sched::Directed,
                ] {
                    bar.push(page, Hcw::send(cmd::NEW, qid, sched, 0, 0, 0xbad));
                }
            }
            for code in 0..16 {
                bar.push(page, Hcw::bare(code));
            }
            bar.push(page, Hcw::tokens(1024));
        }
    };
    spray(&bar);
    bar.register()?;
    let mut create = [0; 16];
    create[0] = CREATE_DOMAIN;
    (create[1], create[2], create[7], create[8]) = (1, 1, 2, 64);
    (create[9], create[10], create[11]) = (64, 16, 16);
    ensure_eq!(bar.request(&create)?, SUCCESS, "CREATE_SCHED_DOMAIN");
    spray(&bar);
    scene.end()
}

/// A count that debugfs has of the villain's errors.
fn errors(scene: &Scene, what: &str) -> Result<u32, String> {
    let file = format!("/sys/kernel/debug/{}/vf1/errors", name(&scene.vfs.pf)?);
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{file}: {e}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix(what)?.trim().parse().ok())
        .ok_or(format!("{file}: no {what}"))
}

/// Wrong commands as fast as they can be written: others still hear of their own.
fn errors_of_others() -> Outcome {
    let scene = Scene::set()?;
    drop(scene.villain()?);
    let dir = scene.vfs.dir(1)?;
    let since = Instant::now();
    let villain = Child::run(move || {
        let Ok(bar) = Bar::open(&dir) else {
            return 1;
        };
        loop {
            bar.push(LDB_PORTS, Hcw::bare(cmd::NEW));
        }
    })?;
    let until = Instant::now() + Duration::from_secs(60);
    while errors(&scene, "ingress")? < 100 {
        ensure!(Instant::now() < until, "no errors are reported");
        std::thread::sleep(Duration::from_millis(50));
    }
    for n in 0..5 {
        let pf = name(&scene.vfs.pf)?;
        break_rule(&pf, &scene.domains[0]).map_err(|e| format!("round {n}: {e}"))?;
        let vf = name(&scene.vfs.device(0)?)?;
        break_rule(&vf, &scene.domains[1]).map_err(|e| format!("round {n}: {e}"))?;
    }
    ensure_eq!(
        scene.vfs.pf.obj.get("ingress_err_en")?,
        "1",
        "ingress_err_en"
    );
    let (reported, time) = (errors(&scene, "ingress")?, since.elapsed());
    println!("# {reported} errors reported in {time:?}");
    let most = 50 * (time.as_secs() as u32 + 2);
    ensure!(reported <= most, "{reported} errors in {time:?}");
    ensure!(errors(&scene, "throttled")? > 0, "not throttled");
    drop(villain);
    scene.end()
}

/// Doorbells as fast as they can be rung: who does that is cut off, and can be let back.
fn flood() -> Outcome {
    // All there can be. What the physical function uses itself is taken out before they share.
    const ALL: u32 = 16;
    let vfs = Vfs::make(ALL)?;
    let device = name(&vfs.pf)?;
    let host = on(&device, "host")?;
    let split = vfs.pf.obj.set("vf_split_evenly", 1);
    split.map_err(|e| format!("vf_split_evenly: {e}"))?;
    for vf in 0..ALL {
        vfs.bind(vf)?;
    }
    let traffic = Traffic::start(&device, &host)?;
    let lines = log_lines()?;
    let mut villains = Vec::new();
    for vf in 0..ALL {
        vfs.device(vf)?
            .unbind()
            .map_err(|e| format!("unbind: {e}"))?;
        let dir = vfs.dir(vf)?;
        villains.push(Child::run(move || {
            let Ok(bar) = Bar::open(&dir) else {
                return 1;
            };
            loop {
                bar.write(DOORBELL, 1);
            }
        })?);
    }
    let until = Instant::now() + Duration::from_secs(60);
    for vf in 0..ALL {
        while vfs.share(vf).get("func_bar_en")? != "0" {
            // A machine that is too slow to answer a thousand in a second is not flooded.
            if Instant::now() > until {
                println!("# VF {vf} was never too fast");
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    ensure!(traffic.flows(), "events stopped in the flood");
    drop(villains);
    for vf in 0..ALL {
        let share = vfs.share(vf);
        println!("# VF {vf}: func_bar_en {}", share.get("func_bar_en")?);
        share.set("func_bar_en", 0)?;
        ensure_eq!(share.get("func_bar_en")?, "0", "func_bar_en");
        ensure!(Bar::open(&vfs.dir(vf)?).is_err(), "VF {vf} is not cut off");
        // Two ways back.
        if vf % 2 == 0 {
            share.set("func_bar_en", 1)?;
        } else {
            vfs.device(vf)?.obj.set("reset", 1)?;
        }
        ensure_eq!(share.get("func_bar_en")?, "1", "func_bar_en afterwards");
        let device = vfs.bind(vf)?;
        let name = name(&device)?;
        let d = on(&name, "better")?;
        event(&d, &name)?;
        d.disable()?;
        device.soon_all_free(SOON)?;
    }
    let lines = log_lines()? - lines;
    println!("# {lines} lines in the log");
    // Each function may be told of when it is cut off, and is told of when it is bound again.
    let most = LOG_LINES + 2 * ALL as usize;
    ensure!(lines <= most, "{lines} lines in the log");
    drop(traffic);
    host.disable()?;
    vfs.remove()
}

pub fn run(t: &mut Suite) {
    t.case("not registered", unregistered);
    t.case("versions", versions);
    t.case("pages and queues of others", pages_of_others);
    t.case("messages that change", changing);
    t.case("random messages", random);
    t.case("errors of others", errors_of_others);
    t.case("flood", flood);
    t.case("the kernel log is clean", tree::log_is_clean);
}
