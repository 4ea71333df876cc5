// SPDX-License-Identifier: GPL-2.0

//! Several processes at one domain: exactly one enable wins, and no other operation tears it.

use std::time::Duration;

use crate::enable::small;
use crate::errno;
use crate::ktap::{Outcome, Suite};
use crate::port::Map;
use crate::proc::{Child, Dice, Pipe};
use crate::tree::{self, Device};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(20);

/// Starts processes that wait for a byte, do one thing, and answer with its error number.
struct Racers {
    go: Vec<Pipe>,
    done: Vec<Pipe>,
    _children: Vec<Child>,
}

impl Racers {
    fn start(
        n: usize,
        act: impl Fn(usize) -> Result<(), errno::Errno> + Copy,
    ) -> Result<Self, String> {
        let mut all = Self {
            go: Vec::new(),
            done: Vec::new(),
            _children: Vec::new(),
        };
        for who in 0..n {
            let (go, done) = (Pipe::new()?, Pipe::new()?);
            let (from, to) = (go.from, done.to);
            all._children.push(Child::run(move || {
                let go = Pipe { from, to: -1 };
                let done = Pipe { from: -1, to };
                while go.receive(Duration::from_secs(120)).is_some() {
                    done.send(act(who).map_or_else(|e| e.0 as u8, |()| 0));
                }
                0
            })?);
            all.go.push(go);
            all.done.push(done);
        }
        Ok(all)
    }

    fn round(&self) -> Result<Vec<u8>, String> {
        for go in &self.go {
            go.send(1);
        }
        self.done
            .iter()
            .map(|done| done.receive(SOON).ok_or_else(|| "a racer hangs".to_owned()))
            .collect()
    }
}

const BUSY: u8 = libc::EBUSY as u8;
/// A virtual function takes longer for each, and has the same code above it.
fn rounds() -> u32 {
    match std::env::var_os("DLB_TEST_DEVICE") {
        Some(_) => 100,
        None => 300,
    }
}

fn one_enable_wins() -> Outcome {
    let dev = Device::first()?;
    let d = small("prize")?;
    let file = d.obj.file("enable");
    let racers = Racers::start(2, |_| tree::put(&file, b"1\n"))?;
    for round in 0..rounds() {
        let mut have = racers.round()?;
        have.sort_unstable();
        ensure_eq!(have, [0, BUSY], "round {round}");
        ensure_eq!(d.get("state")?, "enabled", "state in round {round}");
        let avail = dev.counts("avail_resources")?;
        let total = dev.counts("total_resources")?;
        ensure_eq!(
            avail["num_sched_domains"] + 1,
            total["num_sched_domains"],
            "domains in round {round}"
        );
        d.disable()?;
    }
    drop((racers, d));
    dev.soon_all_free(SOON)
}

fn enable_against_disable() -> Outcome {
    let dev = Device::first()?;
    let d = small("seesaw")?;
    let file = d.obj.file("enable");
    let racers = Racers::start(3, |who| {
        tree::put(&file, if who == 0 { b"0\n" } else { b"1\n" })
    })?;
    for round in 0..rounds() {
        let have = racers.round()?;
        ensure!(have[0] == 0, "disable in round {round}: {}", have[0]);
        let wins = have[1..].iter().filter(|&&e| e == 0).count();
        ensure!(
            (1..=2).contains(&wins) && have[1..].iter().all(|&e| e == 0 || e == BUSY),
            "round {round}: {have:?}"
        );
        d.disable()?;
        dev.soon_all_free(SOON)
            .map_err(|e| format!("round {round}: {e}"))?;
    }
    Ok(())
}

fn enable_against_changes() -> Outcome {
    let dev = Device::first()?;
    let d = small("shifting")?;
    let racers = Racers::start(4, |who| match who {
        0 => d.enable(),
        1 => d.on("ldb_ports", "worker").set("cq_depth", 128),
        2 => d.add("ldb_queues", "late").map(drop),
        _ => d.on("dir_ports", "source").remove(),
    })?;
    let (mut late, mut half_made) = (0, 0);
    for round in 0..rounds() {
        let have = racers.round()?;
        if have[0] == BUSY {
            // It met a directory that was just being made or removed.
            half_made += 1;
            d.enable()
                .map_err(|e| format!("round {round}: {}", crate::enable::why(&d, e)))?;
        } else {
            ensure!(have[0] == 0, "enable in round {round}: errno {}", have[0]);
        }
        ensure!(
            have[1..].iter().all(|&e| e == 0 || e == BUSY),
            "round {round}: {have:?}"
        );
        late += u32::from(have[2] == 0);
        // What is described and what was built agree: the queue made in the race has an id if
        // and only if it was there when the domain was built, which is the same as being there.
        let queue = d.on("ldb_queues", "late");
        if have[2] == 0 {
            ensure!(queue.get("id")? != "-1", "a queue slipped in after enable");
        }
        ensure_eq!(
            have[3] == 0,
            !d.node("source").exists(),
            "source in round {round}"
        );
        d.disable()?;
        if have[2] == 0 {
            queue.remove()?;
        }
        if have[3] == 0 {
            d.add("dir_ports", "source")?;
        }
        d.on("ldb_ports", "worker").set("cq_depth", 64)?;
    }
    println!(
        "# of {} rounds mkdir came first in {late}, at once in {half_made}",
        rounds()
    );
    drop((racers, d));
    dev.soon_all_free(SOON)
}

/// A domain has rings of the size that the device fills, whatever becomes of the layout of their
/// entries while it is built.
fn enable_against_layout() -> Outcome {
    if std::env::var_os("DLB_TEST_DEVICE").is_some() {
        println!("# a virtual function cannot change it");
        return Ok(());
    }
    const DEPTH: usize = 1024;
    const LAYOUT: &str = "tuning/cq_layout";
    let dev = Device::first()?;
    let d = small("sized")?;
    d.on("ldb_ports", "worker").set("cq_depth", DEPTH)?;
    // Memory is taken with the layout known and no domain in the hardware: more ports, more time.
    for n in 0..16 {
        d.add("dir_ports", &format!("more{n}"))?
            .set("cq_depth", DEPTH)?;
    }
    let racers = Racers::start(2, |who| match who {
        0 => d.enable(),
        _ => match dev.obj.get(LAYOUT)?.as_str() {
            "sparse" => dev.obj.set(LAYOUT, "packed"),
            _ => dev.obj.set(LAYOUT, "sparse"),
        },
    })?;
    let mut met = 0;
    for round in 0..rounds() {
        let have = racers.round()?;
        // The layout waits for the domain, and is refused then, or comes before it.
        ensure!(
            have[0] == 0 && (have[1] == 0 || have[1] == BUSY),
            "round {round}: {have:?}"
        );
        met += u32::from(have[1] == BUSY);
        let bytes = match dev.obj.get(LAYOUT)?.as_str() {
            "sparse" => 64 * DEPTH,
            _ => 16 * DEPTH,
        };
        let file = std::fs::File::open(d.node("worker")).map_err(|e| e.to_string())?;
        let map = |len| {
            let offset = crate::port::PAGE as i64;
            Map::new(&file, libc::PROT_READ, libc::MAP_SHARED, len, offset).map(drop)
        };
        map(bytes).map_err(|e| format!("round {round}: {bytes} bytes of a ring: {e}"))?;
        ensure!(
            map(bytes + crate::port::PAGE).is_err(),
            "round {round}: a ring has more than {bytes} bytes"
        );
        drop(file);
        d.disable()?;
    }
    println!("# of {} layouts {met} were refused", rounds());
    drop((racers, d));
    dev.obj.set(LAYOUT, "sparse")?;
    dev.soon_all_free(SOON)
}

/// Last close of a `lifetime=file` domain against everything an administrator can do to it.
fn last_close_against_all() -> Outcome {
    let dev = Device::first()?;
    let d = small("leased")?;
    d.set("lifetime", "file")?;
    let node = d.node("worker");
    let racers = Racers::start(3, |who| match who {
        0 => std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&node)
            .map(drop)
            .map_err(Into::into),
        1 => d.disable(),
        _ => d.set("scheduling", 1),
    })?;
    let mut dice = Dice::new(3);
    for round in 0..rounds() {
        d.enable()
            .map_err(|e| format!("round {round}: {}", crate::enable::why(&d, e)))?;
        let have = racers.round()?;
        ensure_eq!(have[1], 0, "disable in round {round}");
        d.wait_state("configuring", SOON)
            .map_err(|e| format!("round {round}: {e}"))?;
        dice.nap(200);
    }
    drop((racers, d));
    dev.soon_all_free(SOON)
}

pub fn run(t: &mut Suite) {
    t.case("exactly one enable wins", one_enable_wins);
    t.case("enable against disable", enable_against_disable);
    t.case("enable against changes", enable_against_changes);
    t.case("enable against the layout of rings", enable_against_layout);
    t.case("last close against all", last_close_against_all);
    t.case("the kernel log is clean", tree::log_is_clean);
}
