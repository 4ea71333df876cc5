// SPDX-License-Identifier: GPL-2.0

//! Random administrators: several processes do to the same domains what comes to their minds.
//!
//! Nothing each of them does has to succeed. What must hold is that nothing hangs, that the
//! kernel has nothing to complain about, and that when all is removed all is free.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::enable::{small, why};
use crate::ensure_eq;
use crate::ktap::{Outcome, Suite};
use crate::port::{cmd, Hcw, Port, Sched};
use crate::proc::{Child, Dice, End};
use crate::tree::{self, Device};

const PROCESSES: u64 = 4;
const DOMAINS: u64 = 3;
/// Most programs that one administrator has at a time.
const USERS: usize = 32;

/// How long an administrator goes on after the others who has not enabled a domain: a slow machine
/// needs more than the usual time for that.
const PATIENCE: Duration = Duration::from_secs(120);

fn seconds() -> u64 {
    std::env::var("DLB_TEST_STRESS_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(10)
}

/// Values that files of all kinds take or refuse.
const VALUES: [&str; 20] = [
    "0",
    "1",
    "2",
    "8",
    "64",
    "128",
    "512",
    "1024",
    "2048",
    "4096",
    "8191",
    "65536",
    "auto",
    "any",
    "file",
    "directory",
    "dlb0",
    "q0",
    "p0",
    "nonsense",
];

const LINKS: [&str; 8] = [
    "q0:0",
    "q1:7 q0:3",
    "",
    "+q1:2",
    "-q0",
    "-q1",
    "q0:0 q1:1 q2:2",
    "+q2:9",
];

fn domain(dice: &mut Dice) -> PathBuf {
    Path::new(tree::ROOT).join(format!("adm{}", dice.below(DOMAINS)))
}

fn object(dice: &mut Dice) -> PathBuf {
    let shelf = tree::SHELVES[dice.below(4) as usize];
    let kind = if shelf.ends_with("queues") { 'q' } else { 'p' };
    // Port names are shared by both shelves, so both kinds of port fight for the same names.
    domain(dice)
        .join(shelf)
        .join(format!("{kind}{}", dice.below(3)))
}

fn set(path: &Path, value: &str) {
    let _ = tree::put(path, format!("{value}\n").as_bytes());
}

/// Writes a random value to a random file of a directory, which may be going meanwhile.
fn scribble(dice: &mut Dice, at: &Path) {
    let names = tree::names(at).unwrap_or_default();
    let which = dice.below(1 + names.len() as u64) as usize;
    if let Some(name) = names.get(which) {
        set(&at.join(name), VALUES[dice.below(20) as usize]);
    }
}

/// Opens a port and uses it until it is told to stop by a signal of any kind.
fn user(node: PathBuf, seed: u64) -> Result<Child, crate::errno::Errno> {
    Child::run(move || {
        let mut dice = Dice::new(seed);
        let Ok(mut port) = Port::open(&node, 8) else {
            return 1;
        };
        for n in 0..2000 {
            let qid = dice.below(32) as u8;
            port.push(match dice.below(8) {
                0 => Hcw::bare(cmd::ARM),
                1 => Hcw::bare(cmd::REL),
                2 => Hcw::tokens(1 + dice.below(3) as u16),
                3 => Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, n),
                4 => Hcw::send(cmd::NEW, qid, Sched::Ordered, 0, 0, n),
                5 => Hcw::send(cmd::FWD, qid, Sched::Atomic, 0, qid.into(), n),
                6 => Hcw {
                    lo: dice.next(),
                    hi: dice.next(),
                },
                _ => Hcw::send(cmd::NEW, qid, Sched::Unordered, 0, 0, n),
            });
            let _ = port.pop();
            let _ = port.poll(Duration::ZERO);
        }
        0
    })
}

/// Clears a domain away and describes one that makes sense, then enables it. Others may be at the
/// same domain, so that any step can fail, and the last one will then.
fn rebuild(dice: &mut Dice) -> bool {
    let domain = domain(dice);
    set(&domain.join("enable"), "0");
    let _ = tree::remove_tree(&domain);
    let _ = fs::create_dir(&domain);
    let queues = 1 + dice.below(3);
    for q in 0..queues {
        let queue = domain.join(format!("ldb_queues/q{q}"));
        let _ = fs::create_dir(&queue);
        if dice.below(3) == 0 {
            set(&queue.join("num_sequence_numbers"), "64");
        }
    }
    for p in 0..1 + dice.below(2) {
        let port = domain.join(format!("ldb_ports/p{p}"));
        let _ = fs::create_dir(&port);
        set(&port.join("cq_depth"), VALUES[3 + dice.below(5) as usize]);
        for q in 0..queues {
            let priority = dice.below(8);
            set(&port.join("links"), &format!("+q{q}:{priority}"));
        }
    }
    let _ = fs::create_dir(domain.join("dir_queues/q0"));
    let port = domain.join("dir_ports/p2");
    let _ = fs::create_dir(&port);
    set(&port.join("queue"), "q0");
    if dice.below(2) == 0 {
        set(&domain.join("lifetime"), "file");
    }
    tree::put(&domain.join("enable"), b"1\n").is_ok()
}

fn administrator(who: u64, until: Instant, rough: bool, home: &Device) -> i32 {
    let mut dice = Dice::new(who + 100);
    let mut users: Vec<Child> = Vec::new();
    let (mut acts, mut built) = (0u64, 0u32);
    while Instant::now() < until || (built == 0 && Instant::now() < until + PATIENCE) {
        acts += 1;
        match dice.below(if rough { 34 } else { 32 }) {
            0..=1 => drop(fs::create_dir(domain(&mut dice))),
            2..=7 => drop(fs::create_dir(object(&mut dice))),
            8..=9 => drop(fs::remove_dir(object(&mut dice))),
            10 => drop(fs::remove_dir(domain(&mut dice))),
            11..=15 => {
                let object = object(&mut dice);
                scribble(&mut dice, &object);
            }
            16..=17 => {
                let domain = domain(&mut dice);
                scribble(&mut dice, &domain);
            }
            18..=19 => {
                let port = domain(&mut dice).join(format!("ldb_ports/p{}", dice.below(3)));
                set(&port.join("links"), LINKS[dice.below(8) as usize]);
            }
            20..=21 => {
                let enable = domain(&mut dice).join("enable");
                built += u32::from(tree::put(&enable, b"1\n").is_ok());
            }
            22..=23 => built += u32::from(rebuild(&mut dice)),
            24 => set(&domain(&mut dice).join("enable"), "0"),
            25 => set(
                &domain(&mut dice).join("scheduling"),
                if dice.below(2) == 0 { "0" } else { "1" },
            ),
            26 => {
                let object = object(&mut dice);
                for name in tree::names(&object).unwrap_or_default() {
                    let _ = tree::read(&object.join(name));
                }
            }
            27..=29 => {
                // With as many as ten minutes make the machine has no threads left, not even for the
                // driver to be bound: that is -EAGAIN.
                if users.len() >= USERS {
                    users.remove(0);
                }
                let name = format!("adm{}/p{}", dice.below(DOMAINS), dice.below(3));
                if let Ok(child) = user(Path::new("/dev/dlb0").join(name), dice.next()) {
                    users.push(child);
                }
            }
            30 => {
                if let Ok(dev) = Device::first() {
                    let group = format!("sequence_numbers/group{}_sns_per_queue", dice.below(2));
                    set(&dev.obj.file(&group), VALUES[4 + dice.below(4) as usize]);
                    let _ = dev.counts("avail_resources");
                }
            }
            31 => {
                if users.len() > 2 {
                    let victim = dice.below(users.len() as u64) as usize;
                    users.swap_remove(victim);
                }
            }
            32 => match Device::first() {
                Ok(dev) => match dice.below(16) {
                    0..=1 => {
                        let _ = dev.unbind();
                        dice.nap(3000);
                        let _ = dev.bind();
                    }
                    2 => set(&dev.obj.file("reset"), "1"),
                    _ => {}
                },
                // Somebody else could not, or has yet to.
                Err(_) => drop(home.bind()),
            },
            _ => {
                if dice.below(16) == 0 && crate::module::remove().is_ok() {
                    let _ = crate::module::insert();
                }
            }
        }
    }
    drop(users);
    println!("# administrator {who}: {acts} acts, {built} domains enabled");
    // One who never got as far as that has not tested anything.
    i32::from(built == 0)
}

fn stress(rough: bool) -> Outcome {
    let limit = Duration::from_secs(seconds());
    let address = Device::first()?;
    let until = Instant::now() + limit;
    let mut all = Vec::new();
    for who in 0..PROCESSES {
        let home = address.clone();
        all.push(Child::run(move || administrator(who, until, rough, &home))?);
    }
    for (who, child) in all.iter_mut().enumerate() {
        let end = child.wait_within(limit + PATIENCE + Duration::from_secs(60));
        ensure_eq!(end, Some(End::Exit(0)), "administrator {who}");
    }
    if !crate::module::loaded() {
        crate::module::insert().map_err(|e| format!("insmod: {e}"))?;
    }
    if Device::all().is_empty() {
        address.bind().map_err(|e| format!("bind: {e}"))?;
    }
    for name in tree::names(Path::new(tree::ROOT))? {
        let path = Path::new(tree::ROOT).join(name);
        tree::put(&path.join("enable"), b"0\n")
            .map_err(|e| format!("{}: disable: {e}", path.display()))?;
        tree::remove_tree(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let dev = Device::first()?;
    dev.soon_all_free(Duration::from_secs(20))?;
    for group in 0..2 {
        set(
            &dev.obj
                .file(&format!("sequence_numbers/group{group}_sns_per_queue")),
            "64",
        );
    }
    // And the device still does its work.
    let d = small("after")?;
    d.enable().map_err(|e| why(&d, e))?;
    let qid: u8 = d
        .on("dir_queues", "dirq")
        .get("id")?
        .parse()
        .map_err(|_| "id")?;
    let mut sink = Port::open(&d.node("sink"), 64)?;
    sink.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, 42));
    let entry = sink.pop_within(Duration::from_secs(5));
    ensure_eq!(
        entry.map(|e| e.data),
        Some(42),
        "an event through a new domain"
    );
    Ok(())
}

pub fn run(t: &mut Suite) {
    t.case("random administrators", || stress(false));
    t.case("random administrators with unbind, reset and rmmod", || {
        stress(true)
    });
    t.case("the kernel log is clean", tree::log_is_clean);
}
