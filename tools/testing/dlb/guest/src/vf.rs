// SPDX-License-Identifier: GPL-2.0

//! Virtual functions beside the physical one, with this driver on both: how they come and go, what
//! they are given, and how they end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::devices::{event, node};
use crate::enable::{small, why};
use crate::errno;
use crate::faults::{timed, Fault};
use crate::ktap::{Outcome, Suite};
use crate::port::{self, cmd, Hcw, Port, Sched};
use crate::proc::{Child, Dice, End, Pipe};
use crate::tree::{self, Device, Domain, Object};
use crate::{ensure, ensure_eq};

pub const SOON: Duration = Duration::from_secs(20);
const BUS: Option<End> = Some(End::Signal(libc::SIGBUS));

/// The virtual functions of the first device, which go when this is dropped.
pub struct Vfs {
    pub pf: Device,
    /// What the physical function had free before.
    free: BTreeMap<String, u32>,
}

impl Vfs {
    /// Makes so many, which have nothing and are not bound.
    pub fn make(count: u32) -> Result<Self, String> {
        let pf = Device::first()?;
        let free = pf.counts("avail_resources")?;
        pf.obj
            .set("sriov_numvfs", count)
            .map_err(|e| format!("sriov_numvfs: {e}"))?;
        Ok(Self { pf, free })
    }

    /// Makes so many, gives all of them the same, and binds them.
    pub fn bound(count: u32) -> Result<Self, String> {
        let vfs = Self::make(count)?;
        vfs.pf
            .obj
            .set("vf_split_evenly", 1)
            .map_err(|e| format!("vf_split_evenly: {e}"))?;
        for vf in 0..count {
            vfs.bind(vf)?;
        }
        Ok(vfs)
    }

    /// The same, and the physical function keeps as much as each of them has.
    pub fn beside(count: u32) -> Result<Self, String> {
        let vfs = Self::make(count + 1)?;
        let split = vfs.pf.obj.set("vf_split_evenly", 1);
        split.map_err(|e| format!("vf_split_evenly: {e}"))?;
        let last = vfs.share(count);
        for file in tree::names(&last.0)? {
            if file.starts_with("num_") {
                last.set(&file, 0).map_err(|e| format!("{file}: {e}"))?;
            }
        }
        for vf in 0..count {
            vfs.bind(vf)?;
        }
        Ok(vfs)
    }

    /// The directory of a virtual function on the PCI bus.
    pub fn dir(&self, vf: u32) -> Result<PathBuf, String> {
        let link = self.pf.obj.file(&format!("virtfn{vf}"));
        fs::canonicalize(&link).map_err(|e| format!("{}: {e}", link.display()))
    }

    pub fn device(&self, vf: u32) -> Result<Device, String> {
        let dir = self.dir(vf)?;
        let name = dir.file_name().ok_or("no address")?;
        Ok(Device {
            address: name.to_string_lossy().into_owned(),
            obj: Object(dir),
        })
    }

    pub fn bind(&self, vf: u32) -> Result<Device, String> {
        let device = self.device(vf)?;
        device.bind().map_err(|e| format!("bind of VF {vf}: {e}"))?;
        Ok(device)
    }

    /// The files that say what a virtual function is given.
    pub fn share(&self, vf: u32) -> Object {
        Object(self.pf.obj.file(&format!("vf{vf}_resources")))
    }

    /// Makes them go and errs unless everything has come back.
    pub fn remove(self) -> Outcome {
        self.pf
            .obj
            .set("sriov_numvfs", 0)
            .map_err(|e| format!("sriov_numvfs 0: {e}"))?;
        ensure_eq!(
            self.pf.counts("avail_resources")?,
            self.free,
            "avail_resources without virtual functions"
        );
        self.pf.all_free()
    }
}

impl Drop for Vfs {
    fn drop(&mut self) {
        let _ = self.pf.obj.set("sriov_numvfs", 0);
    }
}

/// The `dlbN` of a device.
pub fn name(device: &Device) -> Result<String, String> {
    Ok(format!("dlb{}", device.obj.get("dev_id")?))
}

/// A small domain on a device, enabled.
pub fn on(device: &str, name: &str) -> Result<Domain, String> {
    let d = small(name)?;
    d.set("device", device)?;
    d.enable().map_err(|e| why(&d, e))?;
    Ok(d)
}

/// A process that keeps events going around through the load-balanced queue and the directed one,
/// and counts them; killed when dropped.
pub struct Traffic {
    child: Child,
    beats: Pipe,
}

impl Traffic {
    pub fn start(device: &str, d: &Domain) -> Result<Self, String> {
        let id = |shelf, name| -> Result<u8, String> {
            let text = d.on(shelf, name).get("id")?;
            text.parse().map_err(|_| format!("id of {name}: {text}"))
        };
        let (ldb, dir) = (id("ldb_queues", "ldbq")?, id("dir_queues", "dirq")?);
        let nodes = ["worker", "sink"].map(|port| node(device, d, port));
        let beats = Pipe::new()?;
        let to = beats.to;
        let child = Child::run(move || {
            let (Ok(mut worker), Ok(mut sink)) =
                (Port::open(&nodes[0], 64), Port::open(&nodes[1], 64))
            else {
                return 1;
            };
            let heart = Pipe { from: -1, to };
            sink.push(Hcw::send(cmd::NEW, ldb, Sched::Atomic, 0, 7, 1));
            let mut rounds = 0u64;
            loop {
                if let Some(entry) = worker.pop() {
                    worker.push(Hcw::send(cmd::FWD, dir, Sched::Directed, 0, 0, entry.data));
                    worker.push(Hcw::tokens(1));
                }
                if let Some(entry) = sink.pop() {
                    if entry.data != rounds + 1 {
                        return 2;
                    }
                    rounds += 1;
                    sink.push(Hcw::tokens(1));
                    let next = Hcw::send(cmd::NEW, ldb, Sched::Atomic, 0, 7, rounds + 1);
                    sink.push(next);
                    if rounds % 64 == 0 {
                        heart.send(1);
                    }
                }
                std::thread::yield_now();
            }
        })?;
        let mut traffic = Self { child, beats };
        if !traffic.flows() {
            let end = traffic.child.wait_within(Duration::ZERO);
            return Err(format!(
                "no events on {device}, end of their process: {end:?}"
            ));
        }
        Ok(traffic)
    }

    /// Whether events still go around: 64 of them, from now on.
    pub fn flows(&self) -> bool {
        let until = Instant::now() + SOON;
        // What was said before does not count.
        while self.beats.receive(Duration::ZERO).is_some() {
            if Instant::now() > until {
                return false;
            }
        }
        self.beats.receive(SOON).is_some()
    }

    /// How the process ended, once it does.
    pub fn end(&mut self) -> Option<End> {
        self.child.wait_within(SOON)
    }
}

fn nothing_is_not_bound() -> Outcome {
    let vfs = Vfs::make(3)?;
    for vf in 0..3 {
        let device = vfs.device(vf)?;
        ensure!(!device.obj.file("driver").exists(), "VF {vf} is bound");
        ensure_eq!(vfs.share(vf).get("locked")?, "0", "VF {vf}: locked");
    }
    // One of three is enough to be bound.
    vfs.share(1).set("num_sched_domains", 2)?;
    vfs.share(1).set("num_dir_ports", 4)?;
    vfs.share(1).set("num_dir_credits", 100).or_else(|e| {
        // DLB 2.5 has one kind.
        match vfs.pf.is_v25() {
            true => vfs.share(1).set("num_ldb_credits", 100),
            false => Err(e),
        }
    })?;
    let device = vfs.bind(1)?;
    let total = device.counts("total_resources")?;
    ensure_eq!(total["num_sched_domains"], 2, "domains");
    ensure_eq!(total["num_dir_ports"], 4, "directed ports");
    ensure_eq!(total["num_ldb_ports"], 0, "load-balanced ports");
    device.all_free()?;
    vfs.remove()
}

fn locked() -> Outcome {
    let vfs = Vfs::bound(2)?;
    for vf in 0..2 {
        let share = vfs.share(vf);
        ensure_eq!(share.get("locked")?, "1", "VF {vf}: locked");
        for file in ["num_sched_domains", "num_ldb_queues", "num_cos1_ldb_ports"] {
            let now = share.get(file)?;
            ensure_eq!(share.set(file, 1), Err(errno::EPERM), "{file} while locked");
            ensure_eq!(share.get(file)?, now, "{file} after that");
        }
        ensure_eq!(
            share.set("aux_vf_ids", 1 - vf),
            Err(errno::EPERM),
            "aux_vf_ids while locked"
        );
    }
    ensure_eq!(
        vfs.pf.obj.set("vf_split_evenly", 1),
        Err(errno::EPERM),
        "vf_split_evenly while locked"
    );
    ensure_eq!(
        vfs.pf.obj.set("tuning/cq_layout", "packed"),
        Err(errno::EBUSY),
        "tuning/cq_layout while locked"
    );
    let device = vfs.device(0)?;
    device.unbind().map_err(|e| format!("unbind: {e}"))?;
    ensure_eq!(vfs.share(0).get("locked")?, "0", "locked after unbind");
    vfs.share(0).set("num_sched_domains", 3)?;
    let device = vfs.bind(0)?;
    let total = device.counts("total_resources")?;
    ensure_eq!(total["num_sched_domains"], 3, "domains after a change");
    vfs.remove()
}

/// Functions that only lend their interrupts to another one.
fn auxiliary() -> Outcome {
    let vfs = Vfs::make(4)?;
    vfs.pf
        .obj
        .set("vf_split_evenly", 1)
        .map_err(|e| format!("vf_split_evenly: {e}"))?;
    let share = vfs.share(0);
    ensure_eq!(share.get("aux_vf_ids")?, "", "aux_vf_ids at first");
    for (ids, why) in [
        ("0", "itself"),
        ("4", "one that is not there"),
        ("1,16", "one that there cannot be"),
        ("1;2", "something else between"),
        ("-1", "a negative one"),
    ] {
        ensure!(share.set("aux_vf_ids", ids).is_err(), "{why}");
        ensure_eq!(share.get("aux_vf_ids")?, "", "aux_vf_ids after {why}");
    }
    share.set("aux_vf_ids", "1,2")?;
    ensure_eq!(share.get("aux_vf_ids")?, "1,2", "aux_vf_ids");
    for vf in 1..3 {
        let aux = vfs.share(vf);
        for file in tree::names(&aux.0)? {
            if file.starts_with("num_") {
                ensure_eq!(aux.get(&file)?, "0", "{file} of VF {vf}");
            }
        }
        let have = aux.set("num_sched_domains", 1);
        ensure_eq!(have, Err(errno::EPERM), "a domain for VF {vf}");
        ensure!(
            vfs.share(3).set("aux_vf_ids", vf).is_err(),
            "VF {vf} for two"
        );
        // This driver has no use for it.
        ensure!(vfs.device(vf)?.bind().is_err(), "VF {vf} was bound");
        ensure_eq!(aux.get("locked")?, "0", "VF {vf}: locked");
    }
    let device = vfs.bind(0)?;
    let name = name(&device)?;
    let d = on(&name, "primary")?;
    event(&d, &name)?;
    d.disable()?;
    ensure_eq!(
        share.set("aux_vf_ids", ""),
        Err(errno::EPERM),
        "aux_vf_ids while locked"
    );
    device.unbind().map_err(|e| format!("unbind: {e}"))?;
    share.set("aux_vf_ids", "")?;
    vfs.share(1).set("num_sched_domains", 1)?;
    vfs.remove()
}

/// What a share says is what its function has, and what the physical one does not have.
fn shares() -> Outcome {
    let vfs = Vfs::bound(4)?;
    let mut left = vfs.free.clone();
    for vf in 0..4 {
        let device = vfs.device(vf)?;
        let total = device.counts("total_resources")?;
        for (file, count) in &total {
            ensure_eq!(
                vfs.share(vf).get(file)?,
                count.to_string(),
                "VF {vf}: {file}"
            );
            if let Some(left) = left.get_mut(file) {
                *left -= count;
            }
        }
        device.all_free()?;
    }
    let mut avail = vfs.pf.counts("avail_resources")?;
    avail.remove("max_ctg_hl_entries");
    left.remove("max_ctg_hl_entries");
    ensure_eq!(avail, left, "what the physical function has left");
    vfs.remove()
}

/// Files that only the physical function may have, or write.
fn files() -> Outcome {
    let vfs = Vfs::bound(1)?;
    let device = vfs.device(0)?;
    for absent in [
        "cos_bw",
        "counters",
        "ingress_err_en",
        "vf_split_evenly",
        "vf0_resources",
        "tuning/cq_watchdog_seconds",
        "tuning/qe_sa_pct",
    ] {
        ensure!(!device.obj.file(absent).exists(), "{absent} is there");
    }
    for file in [
        "sequence_numbers/group0_sns_per_queue",
        "sequence_numbers/group1_sns_per_queue",
        "tuning/cq_layout",
    ] {
        ensure_eq!(device.obj.get(file)?, vfs.pf.obj.get(file)?, "{file}");
        // Root may open what has no write permission, so the driver has to refuse.
        let have = tree::put(&device.obj.file(file), b"64\n");
        ensure!(have.is_err(), "{file} can be written");
    }
    vfs.remove()
}

/// The physical function and two virtual ones, with events on all, and two domains on one.
fn beside_each_other() -> Outcome {
    let vfs = Vfs::beside(2)?;
    let names = [
        name(&vfs.pf)?,
        name(&vfs.device(0)?)?,
        name(&vfs.device(1)?)?,
    ];
    let a = on(&names[0], "a")?;
    let b = on(&names[1], "b")?;
    let c = on(&names[2], "c")?;
    let e = on(&names[1], "e")?;
    ensure_eq!(b.get("id")?, c.get("id")?, "each counts its own domains");
    ensure!(b.get("id")? != e.get("id")?, "two domains of one function");
    let all = [(&a, 0), (&b, 1), (&c, 2), (&e, 1)];
    let mut traffic = Vec::new();
    for (d, device) in all {
        traffic.push(Traffic::start(&names[device], d)?);
    }
    for (t, (d, _)) in traffic.iter().zip(all) {
        ensure!(t.flows(), "events stopped in {}", d.name);
    }
    drop(traffic);
    for (d, _) in all {
        d.disable()?;
    }
    for vf in 0..2 {
        vfs.device(vf)?.soon_all_free(SOON)?;
    }
    vfs.pf.soon_all_free(SOON)?;
    vfs.remove()
}

/// Interrupts of ports that share messages: who sleeps is woken, on every port of the function.
fn interrupts() -> Outcome {
    let vfs = Vfs::bound(2)?;
    let name = name(&vfs.device(0)?)?;
    let d = Domain::make("sleepy")?;
    d.set("device", &name)?;
    d.set("num_dir_credits", 1024)?;
    d.set("num_credits", 1024)?;
    // More ports than there are sources.
    let count = 32u64;
    d.add("dir_ports", "source")?;
    for n in 0..count - 1 {
        d.add("dir_queues", &format!("q{n}"))?;
        let port = d.add("dir_ports", &format!("p{n}"))?;
        port.set("queue", format!("q{n}"))?;
        port.set("cq_depth", 8)?;
    }
    d.add("ldb_queues", "l")?;
    for n in 0..8 {
        let port = d.add("ldb_ports", &format!("l{n}"))?;
        port.set("cq_depth", 8)?;
        port.set("links", "l:0")?;
    }
    d.enable().map_err(|e| why(&d, e))?;
    let source = Port::open(&node(&name, &d, "source"), 64)?;
    for n in 0..count - 1 {
        let id: u8 = d
            .on("dir_queues", &format!("q{n}"))
            .get("id")?
            .parse()
            .map_err(|_| "id")?;
        let mut port = Port::open(&node(&name, &d, &format!("p{n}")), 8)?;
        port.push(Hcw::bare(cmd::ARM));
        ensure_eq!(
            port.poll(Duration::ZERO)? & libc::POLLIN,
            0,
            "p{n} before its event"
        );
        source.push(Hcw::send(cmd::NEW, id, Sched::Directed, 0, 0, n));
        let events = port.poll(SOON)?;
        ensure!(events & libc::POLLIN != 0, "p{n} was not woken");
        ensure!(port.read_count(4)? >= 1, "p{n}: no interrupt counted");
        let entry = port.pop_within(SOON);
        ensure_eq!(entry.map(|e| e.data), Some(n), "event of p{n}");
        port.push(Hcw::tokens(1));
    }
    drop(source);
    d.disable()?;
    vfs.remove()
}

/// Up, shared out, bound, used, and down again, many times.
fn up_and_down() -> Outcome {
    // The kernel takes a second for each.
    let rounds = match std::env::var("DLB_TEST_ROUNDS") {
        Ok(text) => text.parse().map_err(|_| "DLB_TEST_ROUNDS")?,
        Err(_) => 10,
    };
    let mut dice = Dice::new(3);
    let since = Instant::now();
    for round in 0..rounds {
        let count = 1 + dice.below(3) as u32;
        let text = |e: String| format!("round {round}, {count} functions: {e}");
        let vfs = Vfs::bound(count).map_err(text)?;
        let vf = dice.below(count.into()) as u32;
        let name = name(&vfs.device(vf)?)?;
        let d = on(&name, "brief").map_err(text)?;
        event(&d, &name).map_err(text)?;
        // Every other time the function goes under the domain.
        if round % 2 == 0 {
            d.disable()?;
        }
        vfs.remove().map_err(text)?;
        if round % 2 != 0 {
            d.wait_state("absent", SOON).map_err(text)?;
        }
    }
    println!("# {rounds} rounds in {:?}", since.elapsed());
    Ok(())
}

/// All that there can be.
fn sixteen() -> Outcome {
    let vfs = Vfs::bound(16)?;
    let mut domains = Vec::new();
    for vf in 0..16 {
        let name = name(&vfs.device(vf)?)?;
        let d = on(&name, &format!("of{vf}"))?;
        event(&d, &name)?;
        domains.push((name, d));
    }
    for (name, d) in &domains {
        event(d, name)?;
    }
    drop(domains);
    for vf in 0..16 {
        vfs.device(vf)?.soon_all_free(SOON)?;
    }
    vfs.remove()
}

/// The reset of one function does not disturb the others, and is survived.
fn function_level_reset() -> Outcome {
    let vfs = Vfs::beside(2)?;
    let names = [
        name(&vfs.pf)?,
        name(&vfs.device(0)?)?,
        name(&vfs.device(1)?)?,
    ];
    let a = on(&names[0], "a")?;
    let b = on(&names[1], "b")?;
    let c = on(&names[2], "c")?;
    let first = Traffic::start(&names[0], &a)?;
    let third = Traffic::start(&names[2], &c)?;
    for round in 0..2 {
        let mut second =
            Traffic::start(&names[1], &b).map_err(|e| format!("round {round}: {e}"))?;
        vfs.device(0)?.obj.set("reset", 1)?;
        ensure_eq!(
            second.end(),
            BUS,
            "round {round}: the user of what was reset"
        );
        b.wait_state("revoked", SOON)?;
        vfs.device(0)?.soon_all_free(SOON)?;
        ensure_eq!(vfs.share(0).get("locked")?, "1", "locked after a reset");
        b.disable()?;
        b.enable()
            .map_err(|e| format!("round {round}: after a reset: {}", why(&b, e)))?;
        event(&b, &names[1])?;
        // For the next user the consumer queue begins at its beginning again.
        b.disable()?;
        b.enable().map_err(|e| why(&b, e))?;
        ensure!(
            first.flows(),
            "round {round}: the physical function stopped"
        );
        ensure!(third.flows(), "round {round}: the other VF stopped");
    }
    drop((first, third));
    for d in [&a, &b, &c] {
        d.disable()?;
    }
    vfs.remove()
}

/// What a virtual function leaves in the device does not get lost in a sleep: nobody is given a domain
/// before a reset, when the virtual function is long gone.
fn will_not_drain() -> Outcome {
    let vfs = Vfs::beside(1)?;
    let stuck = on(&name(&vfs.device(0)?)?, "stuck")?;
    let fault = Fault::inject("stuck-drain")?;
    let have = stuck.disable();
    ensure!(have.is_err(), "disable of a domain that does not drain");
    drop(fault);
    drop(stuck);
    drop(vfs);
    let pf = Device::first()?;
    // The device would sleep after half a second.
    std::thread::sleep(Duration::from_secs(2));
    let other = small("other")?;
    other.set("device", name(&pf)?)?;
    ensure!(
        other.enable().is_err(),
        "a device that failed to drain took another domain"
    );
    ensure!(!other.get("error")?.is_empty(), "no words for that");
    pf.obj.set("reset", 1)?;
    pf.soon_all_free(SOON)?;
    other
        .enable()
        .map_err(|e| format!("after a reset: {}", why(&other, e)))?;
    event(&other, &name(&pf)?)
}

/// A physical function that answers nonsense, or nothing: whatever is asked ends in a bounded time,
/// with an error or with what can be believed, and a reset puts it right.
fn liar() -> Outcome {
    const LIMIT: Duration = Duration::from_secs(60);
    let vfs = Vfs::beside(1)?;
    let device = vfs.device(0)?;
    let name = name(&device)?;
    let lies = (0..4)
        .flat_map(|word| [1, 1 << 31, u32::MAX].map(|x| format!("corrupt-pf2vf=0:{word}:{x:#x}")))
        .chain(["lose-msi=1".into(), "corrupt-vf2pf=0:0:0xff".into()]);
    let mut noticed = 0;
    for (n, lie) in lies.enumerate() {
        let told = |e: String| format!("{lie}: {e}");
        // The first request is another one each time.
        let d = small("lied")?;
        d.set("device", &name)?;
        let before = n % 2 == 1;
        if before {
            d.enable().map_err(|e| told(why(&d, e)))?;
        }
        let fault = Fault::inject(&lie)?;
        let (time, have) = timed(|| match before {
            true => d.disable(),
            false => d.enable(),
        });
        drop(fault);
        ensure!(time < LIMIT, "{lie}: it took {time:?}");
        if have.is_err() {
            noticed += 1;
            ensure!(!d.get("error")?.is_empty(), "{lie}: no words for it");
            ensure!(d.get("state")? != "enabled", "{lie}: enabled all the same");
        }
        device
            .obj
            .set("reset", 1)
            .map_err(|e| told(format!("reset: {e}")))?;
        let _ = d.disable();
        drop(d);
        device.soon_all_free(SOON).map_err(told)?;
        let after = on(&name, "after").map_err(told)?;
        event(&after, &name).map_err(told)?;
        after.disable()?;
    }
    println!("# {noticed} lies were noticed");
    ensure!(noticed > 0, "no lie was noticed");
    vfs.remove()
}

/// A physical function that is silent is not asked for long, and its late answer is nobody's.
fn silent() -> Outcome {
    let vfs = Vfs::beside(1)?;
    let device = vfs.device(0)?;
    let name = name(&device)?;
    let a = on(&name, "a")?;
    let b = on(&name, "b")?;
    let mut user = Traffic::start(&name, &a)?;
    let fault = Fault::inject("lose-msix=1")?;
    let (time, have) = timed(|| b.on("ldb_queues", "ldbq").get("depth"));
    println!("# it took {time:?} to give up");
    ensure_eq!(have.map(|_| ()), Err(errno::ETIMEDOUT), "depth");
    ensure!(time < Duration::from_secs(60), "it took {time:?}");
    ensure_eq!(user.end(), BUS, "the user of the other domain");
    for d in [&a, &b] {
        d.wait_state("revoked", SOON)?;
        d.disable()?;
        ensure_eq!(d.enable(), Err(errno::EIO), "enable of {}", d.name);
    }
    drop(fault);
    // Now it answers, and nothing changes by that.
    drop(Fault::inject("spurious-msix=0")?);
    ensure_eq!(a.enable(), Err(errno::EIO), "enable after the answer");
    device.obj.set("reset", 1)?;
    device.soon_all_free(SOON)?;
    for d in [&a, &b] {
        d.enable().map_err(|e| why(d, e))?;
        event(d, &name)?;
        d.disable()?;
    }
    device.soon_all_free(SOON)?;
    vfs.remove()
}

/// A physical function whose driver is older does what it knows, and is not asked for the rest.
fn older() -> Outcome {
    let vfs = Vfs::make(1)?;
    let split = vfs.pf.obj.set("vf_split_evenly", 1);
    split.map_err(|e| format!("vf_split_evenly: {e}"))?;
    for (corruption, version) in [(6, 3), (1, 4)] {
        let told = |e: String| format!("version {version}: {e}");
        // The version is in the answer to the first request.
        let fault = Fault::inject(&format!("corrupt-pf2vf=0:1:{corruption}"))?;
        let device = vfs.bind(0).map_err(told)?;
        drop(fault);
        let name = name(&device)?;
        let d = on(&name, "old").map_err(told)?;
        event(&d, &name).map_err(told)?;
        ensure_eq!(
            d.set("scheduling", 0),
            Err(errno::EOPNOTSUPP),
            "version {version}: scheduling"
        );
        ensure_eq!(d.get("scheduling")?, "1", "version {version}: scheduling");
        let depth = d.on("ldb_queues", "ldbq").get("depth")?;
        ensure_eq!(depth, "0", "version {version}: depth");
        let counter = d.on("ldb_queues", "ldbq").get("inflights").map(|_| ());
        let want = match version {
            3 => Err(errno::EOPNOTSUPP),
            _ => Ok(()),
        };
        ensure_eq!(counter, want, "version {version}: inflights");
        d.disable()?;
        if vfs.pf.is_v25() {
            d.on("ldb_ports", "worker").set("inflight_threshold", 8)?;
            ensure_eq!(d.enable(), want, "version {version}: inflight_threshold");
            let _ = d.disable();
        }
        drop(d);
        device.soon_all_free(SOON).map_err(told)?;
        device.unbind().map_err(|e| format!("unbind: {e}"))?;
    }
    vfs.remove()
}

/// The reset of the physical function is announced, so that domains end in order.
fn pf_reset() -> Outcome {
    let vfs = Vfs::beside(2)?;
    let names = [
        name(&vfs.pf)?,
        name(&vfs.device(0)?)?,
        name(&vfs.device(1)?)?,
    ];
    let domains = [
        on(&names[0], "a")?,
        on(&names[1], "b")?,
        on(&names[2], "c")?,
    ];
    let mut users = Vec::new();
    for (name, d) in names.iter().zip(&domains) {
        users.push(Traffic::start(name, d)?);
    }
    let since = Instant::now();
    vfs.pf.obj.set("reset", 1)?;
    println!("# the reset took {:?}", since.elapsed());
    for (user, d) in users.iter_mut().zip(&domains) {
        ensure_eq!(user.end(), BUS, "the user of {}", d.name);
        d.wait_state("revoked", SOON)?;
        d.disable()?;
    }
    domains[0].enable().map_err(|e| why(&domains[0], e))?;
    event(&domains[0], &names[0])?;
    // The virtual ones have to be reset themselves, one this way and one that way.
    for vf in 0..2 {
        let d = &domains[vf as usize + 1];
        ensure_eq!(
            d.enable(),
            Err(errno::EIO),
            "enable before a reset of VF {vf}"
        );
        let device = vfs.device(vf)?;
        if vf == 0 {
            device.obj.set("reset", 1)?;
        } else {
            device.unbind().map_err(|e| format!("unbind: {e}"))?;
            device.bind().map_err(|e| format!("bind: {e}"))?;
        }
        d.enable().map_err(|e| format!("VF {vf}: {}", why(d, e)))?;
        event(d, &names[vf as usize + 1])?;
        d.disable()?;
        device.soon_all_free(SOON)?;
    }
    domains[0].disable()?;
    vfs.remove()
}

/// A physical function that has failed has to be reset, and tells of that as well.
fn pf_reset_after_failure() -> Outcome {
    let vfs = Vfs::beside(1)?;
    let names = [name(&vfs.pf)?, name(&vfs.device(0)?)?];
    let stuck = on(&names[0], "stuck")?;
    let d = on(&names[1], "bystander")?;
    let mut user = Traffic::start(&names[1], &d)?;
    let fault = Fault::inject("stuck-drain")?;
    let have = stuck.disable();
    ensure!(have.is_err(), "disable of a domain that does not drain");
    drop(fault);
    ensure!(user.flows(), "the virtual function stopped, too");
    vfs.pf.obj.set("reset", 1)?;
    ensure_eq!(user.end(), BUS, "the user of the virtual function");
    d.wait_state("revoked", SOON)?;
    d.disable()?;
    ensure_eq!(d.enable(), Err(errno::EIO), "enable before a reset of VF 0");
    vfs.device(0)?.obj.set("reset", 1)?;
    d.enable().map_err(|e| why(&d, e))?;
    event(&d, &names[1])?;
    d.disable()?;
    drop(stuck);
    vfs.remove()
}

/// The driver of the physical function goes under those of the virtual ones, in use.
fn pf_unbind() -> Outcome {
    let vfs = Vfs::bound(3)?;
    let mut users = Vec::new();
    for vf in 0..3 {
        let name = name(&vfs.device(vf)?)?;
        let d = on(&name, &format!("on{vf}"))?;
        users.push((Traffic::start(&name, &d)?, d));
    }
    let pf = vfs.pf.clone();
    let free = vfs.free.clone();
    let since = Instant::now();
    pf.unbind().map_err(|e| format!("unbind: {e}"))?;
    println!("# unbind took {:?}", since.elapsed());
    for (user, d) in &mut users {
        ensure_eq!(user.end(), BUS, "the user of {}", d.name);
        let state = d.get("state")?;
        ensure!(
            state == "absent" || state == "revoked",
            "{} is {state}",
            d.name
        );
        ensure!(d.enable().is_err(), "{} could be enabled", d.name);
    }
    ensure!(
        tree::names(Path::new(tree::DRIVER))?
            .iter()
            .all(|n| !n.contains(':')),
        "a function is still bound"
    );
    pf.bind().map_err(|e| format!("bind: {e}"))?;
    ensure_eq!(pf.obj.get("sriov_numvfs")?, "0", "sriov_numvfs");
    ensure_eq!(pf.counts("avail_resources")?, free, "avail_resources");
    pf.all_free()
}

/// Applications of a virtual function are killed; nothing stays.
fn killed() -> Outcome {
    let vfs = Vfs::bound(2)?;
    let device = vfs.device(1)?;
    let name = name(&device)?;
    let mut dice = Dice::new(11);
    for round in 0..25 {
        let d = small("victim")?;
        d.set("device", &name)?;
        d.set("lifetime", "file")?;
        d.enable().map_err(|e| why(&d, e))?;
        let traffic = Traffic::start(&name, &d)?;
        dice.nap(20_000);
        drop(traffic);
        d.wait_state("configuring", SOON)
            .map_err(|e| format!("round {round}: {e}"))?;
        device
            .soon_all_free(SOON)
            .map_err(|e| format!("round {round}: {e}"))?;
    }
    vfs.remove()
}

/// Breaks a rule in a domain of a device, and returns what its `alerts` say about that.
pub fn break_rule(device: &str, d: &Domain) -> Result<[u8; 16], String> {
    let alerts = fs::File::open(node(device, d, "alerts")).map_err(errno::Errno::from)?;
    let source = Port::open(&node(device, d, "source"), 64)?;
    // A queue that its domain does not have.
    source.push(Hcw::send(cmd::NEW, 63, Sched::Directed, 0, 0, 1));
    let events = port::poll(&alerts, SOON)?;
    ensure!(events & libc::POLLIN != 0, "no alert came to {}", d.name);
    let mut record = [0u8; 16];
    std::io::Read::read_exact(&mut &alerts, &mut record).map_err(errno::Errno::from)?;
    Ok(record)
}

/// An application that breaks the rules is told about it, through the mailbox.
fn alerts() -> Outcome {
    let vfs = Vfs::bound(2)?;
    let name = name(&vfs.device(0)?)?;
    let d = on(&name, "rude")?;
    let record = break_rule(&name, &d)?;
    let id: u64 = d
        .on("dir_ports", "source")
        .get("id")?
        .parse()
        .map_err(|_| "id")?;
    let data = record[8..]
        .iter()
        .rev()
        .fold(0u64, |n, b| n << 8 | u64::from(*b));
    ensure_eq!(data, id, "the port that the alert is about");
    println!("# alert {}", record[0]);
    d.disable()?;
    vfs.remove()
}

/// A message whose interrupt is lost, and that nobody has taken when the function is reset, is not
/// the last one.
fn message_before_reset() -> Outcome {
    let vfs = Vfs::bound(1)?;
    let device = vfs.device(0)?;
    let name = name(&device)?;
    let d = on(&name, "unheard")?;
    let source = Port::open(&node(&name, &d, "source"), 64)?;
    let fault = Fault::inject("lose-msi=1")?;
    source.push(Hcw::send(cmd::NEW, 63, Sched::Directed, 0, 0, 1));
    // The physical function has sent its message by then.
    std::thread::sleep(Duration::from_secs(1));
    drop((fault, source));
    device.obj.set("reset", 1)?;
    d.wait_state("revoked", SOON)?;
    d.disable()?;
    d.enable().map_err(|e| why(&d, e))?;
    break_rule(&name, &d)?;
    d.disable()?;
    vfs.remove()
}

pub fn run(t: &mut Suite) {
    t.case("a function without resources", nothing_is_not_bound);
    t.case("a bound function is locked", locked);
    t.case("auxiliary functions", auxiliary);
    t.case("shares", shares);
    t.case("files", files);
    t.case("beside each other", beside_each_other);
    t.case("interrupts", interrupts);
    t.case("alerts", alerts);
    t.case("a message before a reset", message_before_reset);
    t.case("killed", killed);
    t.case("function-level reset", function_level_reset);
    t.case("a domain that will not drain", will_not_drain);
    t.case("a physical function that lies", liar);
    t.case("a physical function that is silent", silent);
    t.case("a physical function that is older", older);
    t.case("reset of the physical function", pf_reset);
    t.case(
        "reset of a physical function that failed",
        pf_reset_after_failure,
    );
    t.case("unbind of the physical function", pf_unbind);
    t.case("sixteen", sixteen);
    t.case("up and down", up_and_down);
    t.case("the kernel log is clean", tree::log_is_clean);
}
