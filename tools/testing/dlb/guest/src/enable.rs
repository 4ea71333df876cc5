// SPDX-License-Identifier: GPL-2.0

//! `enable` is a transaction: it builds all or nothing, and 0 gives everything back.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use crate::errno::{self, Errno};
use crate::ktap::{Outcome, Suite};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(10);

/// A domain with one of everything: `ldbq` to `worker`, `dirq` to `sink`, and `source` that only
/// produces.
pub fn small(name: &str) -> Result<Domain, Errno> {
    let d = Domain::make(name)?;
    d.add("ldb_queues", "ldbq")?;
    d.add("dir_queues", "dirq")?;
    d.add("ldb_ports", "worker")?.set("links", "ldbq:0")?;
    d.add("dir_ports", "sink")?.set("queue", "dirq")?;
    d.add("dir_ports", "source")?;
    Ok(d)
}

fn build_and_give_back() -> Outcome {
    let dev = Device::first()?;
    dev.all_free()?;
    let before = dev.counts("avail_resources")?;
    let d = small("one")?;
    ensure!(!d.dir().exists(), "device files before enable");
    d.enable().map_err(|e| why(&d, e))?;
    ensure_eq!(d.get("state")?, "enabled", "state");
    ensure_eq!(d.get("enable")?, "1", "enable");
    ensure_eq!(d.get("error")?, "", "error");
    ensure_eq!(d.get("id")?, "0", "id of the first domain");
    let now = dev.counts("avail_resources")?;
    for (name, used) in [
        ("num_sched_domains", 1),
        ("num_ldb_queues", 1),
        ("num_ldb_ports", 1),
        ("num_dir_ports", 2),
        ("num_hist_list_entries", 64),
        ("num_atomic_inflights", 64),
    ] {
        ensure_eq!(before[name] - now[name], used, "{name} taken");
    }
    for (shelf, name) in [
        ("ldb_queues", "ldbq"),
        ("dir_queues", "dirq"),
        ("ldb_ports", "worker"),
        ("dir_ports", "sink"),
        ("dir_ports", "source"),
    ] {
        let id: i32 = d.on(shelf, name).get("id")?.parse().map_err(|_| "id")?;
        ensure!((0..96).contains(&id), "{shelf}/{name} has id {id}");
    }
    for (shelf, name) in [("ldb_queues", "ldbq"), ("dir_queues", "dirq")] {
        ensure_eq!(d.on(shelf, name).get("depth")?, "0", "depth of {name}");
    }
    d.disable()?;
    ensure_eq!(d.get("state")?, "configuring", "state after disable");
    ensure_eq!(d.get("id")?, "-1", "id after disable");
    ensure_eq!(
        d.on("ldb_ports", "worker").get("dev")?,
        "none",
        "dev after disable"
    );
    ensure!(!d.dir().exists(), "device files after disable");
    dev.soon_all_free(SOON)
}

/// The sentence a failed enable left, for the test's own report.
pub fn why(d: &Domain, e: Errno) -> String {
    format!("enable: {e}: {}", d.get("error").unwrap_or_default())
}

fn nodes() -> Outcome {
    let d = small("nodes")?;
    d.enable().map_err(|e| why(&d, e))?;
    let mut have = tree::names(&d.dir()).map_err(|e| format!("{}: {e}", d.dir().display()))?;
    have.retain(|name| name != "alerts");
    ensure_eq!(have, ["sink", "source", "worker"], "device files");
    for (shelf, name) in [
        ("ldb_ports", "worker"),
        ("dir_ports", "sink"),
        ("dir_ports", "source"),
    ] {
        let meta = fs::metadata(d.node(name)).map_err(Errno::from)?;
        ensure!(
            meta.file_type().is_char_device(),
            "{name} is no character device"
        );
        ensure_eq!(meta.permissions().mode() & 0o777, 0o600, "mode of {name}");
        ensure_eq!((meta.uid(), meta.gid()), (0, 0), "owner of {name}");
        let rdev = meta.rdev();
        let dev = format!("{}:{}", libc::major(rdev), libc::minor(rdev));
        ensure_eq!(d.on(shelf, name).get("dev")?, dev, "dev of {name}");
    }
    d.disable().map_err(|e| format!("disable: {e}"))
}

fn frozen() -> Outcome {
    let d = small("frozen")?;
    d.enable().map_err(|e| why(&d, e))?;
    let objects = [
        (d.obj.clone(), "enable scheduling"),
        (d.on("ldb_queues", "ldbq"), ""),
        (d.on("dir_queues", "dirq"), ""),
        (d.on("ldb_ports", "worker"), "links enabled"),
        (d.on("dir_ports", "sink"), "enabled"),
    ];
    for (obj, live) in objects {
        for name in tree::names(&obj.0)? {
            let file = obj.file(&name);
            let meta = fs::metadata(&file).map_err(Errno::from)?;
            if !meta.is_file() || meta.permissions().mode() & 0o200 == 0 {
                continue;
            }
            if live.split(' ').any(|l| l == name) {
                continue;
            }
            // Writing back what is there would change nothing, and is refused all the same.
            let value = obj.get(&name)?;
            ensure_eq!(
                obj.set(&name, &value),
                Err(errno::EBUSY),
                "{name} while enabled"
            );
            ensure_eq!(obj.get(&name)?, value, "{name} after EBUSY");
        }
    }
    for shelf in tree::SHELVES {
        ensure_eq!(
            d.add(shelf, "more").err(),
            Some(errno::EBUSY),
            "mkdir in {shelf} while enabled"
        );
        for name in tree::names(&d.obj.file(shelf))? {
            ensure_eq!(
                d.on(shelf, &name).remove(),
                Err(errno::EBUSY),
                "rmdir {shelf}/{name} while enabled"
            );
        }
    }
    let gone = d.obj.remove();
    ensure!(
        gone == Err(errno::EBUSY) || gone == Err(errno::ENOTEMPTY),
        "rmdir of an enabled domain: {gone:?}"
    );
    ensure_eq!(d.enable(), Err(errno::EBUSY), "a second enable");
    ensure_eq!(d.get("state")?, "enabled", "state after the second enable");
    d.disable()?;
    d.disable().map_err(|e| format!("a second disable: {e}"))?;
    d.set("lifetime", "file")
        .map_err(|e| format!("thawed again: {e}"))
}

/// rmdir of a domain that is enabled and has nothing inside cannot be told by ENOTEMPTY.
fn rmdir_of_an_enabled_empty_domain() -> Outcome {
    let d = Domain::make("hollow")?;
    match d.enable() {
        Ok(()) => {
            ensure_eq!(d.obj.remove(), Err(errno::EBUSY), "rmdir while enabled");
            d.disable()?;
        }
        Err(e) => ensure_eq!(e, errno::EINVAL, "enable of a domain with nothing in it"),
    }
    Device::first()?.soon_all_free(SOON)
}

fn live_switches() -> Outcome {
    let d = small("live")?;
    d.enable().map_err(|e| why(&d, e))?;
    for value in ["0", "1"] {
        d.set("scheduling", value)?;
        let want = if value == "0" { "stopped" } else { "enabled" };
        ensure_eq!(d.get("state")?, want, "state, scheduling {value}");
        ensure_eq!(d.get("scheduling")?, value, "scheduling");
    }
    for (shelf, name) in [("ldb_ports", "worker"), ("dir_ports", "sink")] {
        for value in ["0", "1", "1", "0", "1"] {
            let port = d.on(shelf, name);
            port.set("enabled", value)?;
            ensure_eq!(port.get("enabled")?, value, "enabled of {name}");
        }
    }
    let worker = d.on("ldb_ports", "worker");
    worker.set("links", "ldbq:5")?;
    ensure_eq!(worker.get("links")?, "ldbq:5", "links after a new priority");
    worker.set("links", "-ldbq")?;
    ensure_eq!(worker.get("links")?, "", "links after the unlink");
    let until = std::time::Instant::now() + SOON;
    while worker.get("pending_unlinks")? != "0" {
        ensure!(std::time::Instant::now() < until, "the unlink never ended");
    }
    worker.set("links", "+ldbq:1")?;
    ensure_eq!(worker.get("links")?, "ldbq:1", "links after the link");
    ensure_eq!(
        worker.set("links", "nobody:0"),
        Err(errno::EINVAL),
        "a link to a queue that is not there"
    );
    ensure_eq!(worker.get("links")?, "ldbq:1", "links after the refusal");
    Ok(())
}

/// Whether some word of the text is the number.
fn names_number(text: &str, number: u32) -> bool {
    text.split(|c: char| !c.is_ascii_digit())
        .any(|word| word == number.to_string())
}

/// Describes a domain that asks for too much.
type Ask = dyn Fn(&Domain) -> Result<(), Errno>;

/// One way to ask for more than there is.
struct Greed {
    /// What the case is called.
    what: &'static str,
    /// How much is asked for, and of how much: both must be in the error's text.
    asked: u32,
    free: u32,
    ask: Box<Ask>,
}

impl Greed {
    /// One more than there is, by the attribute that says how many.
    fn of_count(what: &'static str, name: &'static str, free: u32) -> Self {
        Self {
            what,
            asked: free + 1,
            free,
            ask: Box::new(move |d| {
                if name.contains("cos") {
                    d.set("cos_strict", 1)?;
                }
                d.set(name, free + 1)
            }),
        }
    }
}

fn many(d: &Domain, shelf: &str, n: u32) -> Result<(), Errno> {
    for i in 0..n {
        d.add(shelf, &format!("o{i}"))?;
    }
    Ok(())
}

fn greed(v25: bool) -> Vec<Greed> {
    let mut all = vec![
        Greed {
            what: "LDB queues",
            asked: 33,
            free: 32,
            ask: Box::new(|d| {
                for i in 0..33 {
                    d.add("ldb_queues", &format!("q{i}"))?
                        .set("num_atomic_inflights", 0)?;
                }
                d.add("ldb_ports", "p").map(drop)
            }),
        },
        Greed {
            what: "LDB ports",
            asked: 65,
            free: 64,
            ask: Box::new(|d| {
                for i in 0..65 {
                    d.add("ldb_ports", &format!("p{i}"))?.set("cq_depth", 8)?;
                }
                Ok(())
            }),
        },
        Greed {
            what: "LDB ports of a class",
            asked: 17,
            free: 16,
            ask: Box::new(|d| {
                for i in 0..17 {
                    let p = d.add("ldb_ports", &format!("p{i}"))?;
                    p.set("cq_depth", 8)?;
                    p.set("cos", 2)?;
                    p.set("cos_strict", 1)?;
                }
                d.set("cos_strict", 1)
            }),
        },
        Greed {
            what: "history list entries",
            asked: 2049,
            free: 2048,
            ask: Box::new(|d| {
                d.add("ldb_ports", "a")?.set("cq_history_list_size", 2048)?;
                d.add("ldb_ports", "b")?.set("cq_history_list_size", 1)
            }),
        },
        Greed {
            what: "atomic in-flights",
            asked: 2049,
            free: 2048,
            ask: Box::new(|d| {
                d.add("ldb_queues", "a")?
                    .set("num_atomic_inflights", 2048)?;
                d.add("ldb_queues", "b")?.set("num_atomic_inflights", 1)?;
                d.add("ldb_ports", "p").map(drop)
            }),
        },
        Greed {
            what: "DIR ports",
            asked: if v25 { 97 } else { 65 },
            free: if v25 { 96 } else { 64 },
            ask: Box::new(move |d| many(d, "dir_ports", if v25 { 97 } else { 65 })),
        },
    ];
    if v25 {
        all.push(Greed {
            what: "credits",
            asked: 16385,
            free: 16384,
            ask: Box::new(|d| d.set("num_credits", 16385)),
        });
    } else {
        all.push(Greed {
            what: "LDB credits",
            asked: 8193,
            free: 8192,
            ask: Box::new(|d| d.set("num_ldb_credits", 8193)),
        });
        all.push(Greed {
            what: "DIR credits",
            asked: 4097,
            free: 4096,
            ask: Box::new(|d| d.set("num_dir_credits", 4097)),
        });
    }
    for (what, name, free) in [
        (
            "history list entries by count",
            "num_hist_list_entries",
            2048,
        ),
        ("atomic in-flights by count", "num_atomic_inflights", 2048),
        ("slots of group 0", "num_sn0_slots", 16),
        ("slots of group 1", "num_sn1_slots", 16),
        ("ports of class 0 by count", "num_cos0_ldb_ports", 16),
        ("ports of class 3 by count", "num_cos3_ldb_ports", 16),
    ] {
        all.push(Greed::of_count(what, name, free));
    }
    all
}

/// More than there is: ENOSPC, words with both numbers, and nothing taken by the attempt.
fn no_space(greed: &Greed) -> Outcome {
    let dev = Device::first()?;
    let before = dev.counts("avail_resources")?;
    let d = Domain::make("greedy")?;
    (greed.ask)(&d)?;
    ensure_eq!(d.enable(), Err(errno::ENOSPC), "enable");
    let text = d.get("error")?;
    ensure_eq!(d.get("state")?, "failed", "state");
    ensure_eq!(d.get("enable")?, "0", "enable reads");
    ensure!(
        names_number(&text, greed.asked) && names_number(&text, greed.free),
        "error should name {} asked and {} free: {text:?}",
        greed.asked,
        greed.free
    );
    for name in tree::names(&d.obj.0)? {
        if name.starts_with("num_") && d.get(&name)? != "auto" {
            ensure!(
                text.starts_with(&format!("{name}:")),
                "error should name {name}: {text:?}"
            );
        }
    }
    ensure_eq!(d.get("id")?, "-1", "id after the failure");
    ensure!(!d.dir().exists(), "device files after the failure");
    ensure_eq!(dev.counts("avail_resources")?, before, "avail_resources");
    // The description can be changed at once and tried again.
    for shelf in tree::SHELVES {
        for name in tree::names(&d.obj.file(shelf))? {
            d.on(shelf, &name).remove()?;
        }
    }
    for name in tree::names(&d.obj.0)? {
        if name.starts_with("num_") {
            d.set(&name, "auto")?;
        }
    }
    d.add("ldb_queues", "q")?;
    d.add("ldb_ports", "p")?.set("links", "q:0")?;
    d.enable()
        .map_err(|e| format!("after mending: {}", why(&d, e)))?;
    ensure_eq!(d.get("error")?, "", "error after success");
    d.disable()?;
    dev.soon_all_free(SOON)
}

/// 32 domains fit, the 33rd does not; the cost is not paid by the others.
fn thirty_two_domains() -> Outcome {
    let dev = Device::first()?;
    let mut all = Vec::new();
    for i in 0..33 {
        let d = Domain::make(&format!("d{i}"))?;
        d.add("ldb_queues", "q")?.set("num_atomic_inflights", 8)?;
        let p = d.add("ldb_ports", "p")?;
        p.set("cq_depth", 8)?;
        p.set("links", "q:0")?;
        d.set(
            if dev.is_v25() {
                "num_credits"
            } else {
                "num_ldb_credits"
            },
            16,
        )?;
        all.push(d);
    }
    let mut ids = Vec::new();
    for d in &all[..32] {
        d.enable()
            .map_err(|e| format!("{}: {}", d.name, why(d, e)))?;
        ids.push(d.get("id")?);
    }
    ids.sort();
    ids.dedup();
    ensure_eq!(ids.len(), 32, "different ids");
    let last = &all[32];
    ensure_eq!(last.enable(), Err(errno::ENOSPC), "the 33rd domain");
    let text = last.get("error")?;
    ensure!(text.contains("domain"), "error: {text:?}");
    all[7].disable()?;
    last.enable()
        .map_err(|e| format!("after one was given back: {}", why(last, e)))?;
    drop(all);
    dev.soon_all_free(SOON)
}

/// History entries are handed out in one piece: enough in total is not enough.
fn scattered_history_list() -> Outcome {
    let dev = Device::first()?;
    let mut all = Vec::new();
    for i in 0..4 {
        let d = Domain::make(&format!("h{i}"))?;
        d.add("ldb_ports", "p")?.set("cq_history_list_size", 512)?;
        d.enable().map_err(|e| why(&d, e))?;
        all.push(d);
    }
    all[0].disable()?;
    all[2].disable()?;
    let avail = dev.counts("avail_resources")?;
    ensure_eq!(avail["num_hist_list_entries"], 1024, "free entries");
    ensure_eq!(avail["max_ctg_hl_entries"], 512, "longest run");
    let d = Domain::make("long")?;
    d.add("ldb_ports", "p")?.set("cq_history_list_size", 513)?;
    ensure_eq!(d.enable(), Err(errno::ENOSPC), "513 in one piece");
    let text = d.get("error")?;
    ensure!(
        names_number(&text, 513) && names_number(&text, 512),
        "error should name 513 asked and a run of 512: {text:?}"
    );
    d.on("ldb_ports", "p").set("cq_history_list_size", 512)?;
    d.enable().map_err(|e| why(&d, e))?;
    drop((d, all));
    dev.soon_all_free(SOON)
}

/// Sequence numbers: slots run out, and a queue needs a group of its own width.
fn sequence_numbers() -> Outcome {
    let dev = Device::first()?;
    let d = Domain::make("ordered")?;
    d.add("ldb_ports", "p")?;
    let q = d.add("ldb_queues", "q")?;
    q.set("num_sequence_numbers", 512)?;
    ensure_eq!(
        d.enable(),
        Err(errno::EINVAL),
        "512 numbers with groups of 64"
    );
    let text = d.get("error")?;
    ensure!(names_number(&text, 512), "error should name 512: {text:?}");
    dev.all_free()?;
    q.set("num_sequence_numbers", 64)?;
    q.set("num_qid_inflights", 65)?;
    ensure_eq!(
        d.enable(),
        Err(errno::EINVAL),
        "more in flight than numbers"
    );
    q.set("num_qid_inflights", "auto")?;
    d.enable().map_err(|e| why(&d, e))?;
    let avail = dev.counts("avail_resources")?;
    ensure_eq!(
        avail["num_sn0_slots"] + avail["num_sn1_slots"],
        31,
        "free slots of both groups"
    );
    let group = dev
        .obj
        .file("sequence_numbers")
        .join("group0_sns_per_queue");
    let used = avail["num_sn0_slots"] == 15;
    if used {
        let have = tree::put(&group, b"128\n");
        ensure!(
            have == Err(errno::EBUSY) || have == Err(errno::EPERM),
            "the width of a group in use was changed: {have:?}"
        );
    }
    d.disable()?;
    dev.soon_all_free(SOON)?;
    tree::put(&group, b"1024\n").map_err(|e| format!("group0 to 1024: {e}"))?;
    q.set("num_sequence_numbers", 1024)?;
    d.enable().map_err(|e| why(&d, e))?;
    let two = Domain::make("second")?;
    two.add("ldb_ports", "p")?;
    two.add("ldb_queues", "q")?
        .set("num_sequence_numbers", 1024)?;
    ensure_eq!(two.enable(), Err(errno::ENOSPC), "a second queue of 1024");
    ensure_eq!(two.get("state")?, "failed", "state");
    d.disable()?;
    two.enable().map_err(|e| why(&two, e))?;
    two.disable()?;
    tree::put(&group, b"64\n").map_err(|e| format!("group0 back to 64: {e}"))?;
    dev.soon_all_free(SOON)
}

/// What can only be seen when all is known: each is EINVAL with words, and takes nothing.
fn contradictions() -> Outcome {
    type Case = (&'static str, fn(&Domain) -> Result<(), Errno>);
    let cases: [Case; 8] = [
        ("a link to a queue that is not there", |d| {
            d.add("ldb_ports", "p")?.set("links", "ghost:0")
        }),
        ("an LDB port linked to a DIR queue", |d| {
            d.add("dir_queues", "dq")?;
            d.add("dir_ports", "dp")?.set("queue", "dq")?;
            d.add("ldb_ports", "p")?.set("links", "dq:0")
        }),
        ("a DIR queue with no port", |d| {
            d.add("dir_queues", "dq").map(drop)
        }),
        ("a DIR port whose queue is not there", |d| {
            d.add("dir_ports", "dp")?.set("queue", "ghost")
        }),
        ("a DIR queue whose port is not there", |d| {
            d.add("dir_queues", "dq")?.set("port", "ghost")
        }),
        ("two DIR ports for one queue", |d| {
            d.add("dir_queues", "dq")?;
            d.add("dir_ports", "a")?.set("queue", "dq")?;
            d.add("dir_ports", "b")?.set("queue", "dq")
        }),
        ("a pair that contradicts itself", |d| {
            d.add("dir_queues", "q1")?.set("port", "a")?;
            d.add("dir_queues", "q2")?;
            d.add("dir_ports", "a")?.set("queue", "q2")
        }),
        ("an interrupt threshold above the depth", |d| {
            let p = d.add("ldb_ports", "p")?;
            p.set("cq_depth", 8)?;
            p.set("cq_depth_threshold", 9)
        }),
    ];
    let dev = Device::first()?;
    let mut failed = Vec::new();
    for (what, ask) in cases {
        let d = Domain::make("muddled")?;
        ask(&d).map_err(|e| format!("{what}: {e}"))?;
        let have = d.enable();
        let text = d.get("error")?;
        if have != Err(errno::EINVAL) {
            failed.push(format!("{what}: {have:?}, want EINVAL"));
        } else if text.len() < 8 {
            failed.push(format!("{what}: error says {text:?}"));
        } else if d.get("state")? != "failed" || d.dir().exists() {
            failed.push(format!("{what}: state {:?}", d.get("state")?));
        }
        drop(d);
        dev.all_free().map_err(|e| format!("{what}: {e}"))?;
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// What is found out only when some of the domain has been built: that is taken down again.
fn half_way() -> Outcome {
    let cases = [
        ("num_hist_list_entries", 100, "ports"),
        ("num_atomic_inflights", 100, "queues"),
    ];
    let dev = Device::first()?;
    for (name, count, what) in cases {
        let d = Domain::make("half")?;
        for i in 0..3 {
            d.add("ldb_queues", &format!("q{i}"))?;
            d.add("ldb_ports", &format!("p{i}"))?.set("links", "q0:0")?;
            d.add("dir_ports", &format!("s{i}"))?;
        }
        d.set(name, count)?;
        let before = dev.counts("avail_resources")?;
        let have = d.enable();
        ensure!(
            have == Err(errno::EINVAL) || have == Err(errno::ENOSPC),
            "{count} {name} for three {what}: {have:?}"
        );
        let text = d.get("error")?;
        ensure!(text.contains("_"), "error should name the object: {text:?}");
        println!("# {name}: {have:?}: {text}");
        ensure_eq!(d.get("state")?, "failed", "state");
        ensure_eq!(dev.counts("avail_resources")?, before, "avail_resources");
        ensure!(!d.dir().exists(), "device files are left");
        d.set(name, "auto")?;
        d.enable()
            .map_err(|e| format!("after mending {name}: {}", why(&d, e)))?;
    }
    dev.soon_all_free(SOON)
}

fn other_device() -> Outcome {
    let d = small("far")?;
    d.set("device", "dlb9")?;
    ensure_eq!(d.enable(), Err(errno::ENODEV), "a device that is not there");
    ensure_eq!(d.get("state")?, "failed", "state");
    ensure!(
        d.get("error")?.contains("dlb9"),
        "error: {:?}",
        d.get("error")?
    );
    d.set("device", tree::device_name())?;
    d.enable().map_err(|e| why(&d, e))
}

/// Only one of the two says something on each version of the device.
fn wrong_version() -> Outcome {
    if Device::first()?.is_v25() {
        return Ok(());
    }
    let d = Domain::make("weights")?;
    d.add("ldb_ports", "p")?.set("cq_weight_limit", 8)?;
    let have = d.enable();
    ensure!(
        have == Err(errno::EOPNOTSUPP) || have == Err(errno::EINVAL),
        "a CQ weight limit on DLB 2.0: {have:?}"
    );
    ensure!(!d.get("error")?.is_empty(), "no words for it");
    Ok(())
}

/// Depths below 8 have rings of 8; every depth must come up.
fn all_depths() -> Outcome {
    let dev = Device::first()?;
    let d = Domain::make("depths")?;
    d.add("ldb_queues", "q")?;
    d.add("dir_queues", "dq")?;
    for shift in 0..=10u32 {
        let depth = 1u32 << shift;
        let p = d.add("ldb_ports", &format!("l{depth}"))?;
        p.set("cq_depth", depth)?;
        p.set("cq_history_list_size", 16)?;
        p.set("links", "q:0")?;
        d.add("dir_ports", &format!("d{depth}"))?
            .set("cq_depth", depth)?;
    }
    d.on("dir_ports", "d1").set("queue", "dq")?;
    d.enable().map_err(|e| why(&d, e))?;
    d.disable()?;
    dev.soon_all_free(SOON)
}

/// The same domain a hundred times over: nothing wears out.
fn again_and_again() -> Outcome {
    let dev = Device::first()?;
    let d = small("again")?;
    let mut minors = Vec::new();
    for round in 0..100 {
        d.enable()
            .map_err(|e| format!("round {round}: {}", why(&d, e)))?;
        minors.push(d.on("ldb_ports", "worker").get("dev")?);
        d.disable()
            .map_err(|e| format!("round {round}: disable: {e}"))?;
    }
    ensure!(
        minors.windows(2).all(|w| w[0] != w[1]),
        "a minor was handed out again at once"
    );
    dev.soon_all_free(SOON)
}

/// Everything the device has in one domain.
fn the_whole_device() -> Outcome {
    let dev = Device::first()?;
    let v25 = dev.is_v25();
    let d = Domain::make("whole")?;
    for i in 0..32 {
        d.add("ldb_queues", &format!("q{i}"))?;
    }
    for i in 0..64 {
        let p = d.add("ldb_ports", &format!("p{i}"))?;
        p.set("cq_depth", 32)?;
        let links: Vec<_> = (0..8)
            .map(|k| format!("q{}:{k}", (i + k * 4) % 32))
            .collect();
        p.set("links", links.join(" "))?;
    }
    let pairs = if v25 { 96 } else { 64 };
    for i in 0..pairs {
        d.add("dir_queues", &format!("dq{i}"))?;
        let p = d.add("dir_ports", &format!("dp{i}"))?;
        p.set("queue", format!("dq{i}"))?;
        p.set("cq_depth", 8)?;
    }
    if v25 {
        d.set("num_credits", 16384)?;
    } else {
        d.set("num_ldb_credits", 8192)?;
        d.set("num_dir_credits", 4096)?;
    }
    d.enable().map_err(|e| why(&d, e))?;
    let avail = dev.counts("avail_resources")?;
    for name in [
        "num_ldb_queues",
        "num_ldb_ports",
        "num_dir_ports",
        "num_ldb_credits",
        "num_dir_credits",
        "num_hist_list_entries",
        "num_atomic_inflights",
    ] {
        if let Some(free) = avail.get(name) {
            ensure_eq!(*free, 0, "{name} left");
        }
    }
    ensure_eq!(
        tree::names(&d.dir())?
            .iter()
            .filter(|n| *n != "alerts")
            .count(),
        64 + pairs as usize,
        "device files"
    );
    d.disable()?;
    dev.soon_all_free(SOON)
}

fn empty_dev_directory() -> Outcome {
    let dir = Path::new("/dev").join(tree::device_name());
    let left: Vec<_> = tree::names(&dir).unwrap_or_default();
    ensure_eq!(left, Vec::<String>::new(), "left in /dev");
    Ok(())
}

/// Which ports are near is measured when it is asked for; producers get those.
fn near_ports() -> Outcome {
    let dev = Device::first()?;
    let costs = || -> Result<Vec<u64>, String> {
        let text = dev.obj.get("tuning/dir_port_costs")?;
        text.split(' ')
            .map(|cost| cost.parse().map_err(|_| format!("costs: {text}")))
            .collect()
    };
    ensure_eq!(
        dev.obj.get("tuning/port_probe")?,
        "0",
        "port_probe at first"
    );
    ensure!(costs()?.iter().all(|cost| *cost == 0), "costs at first");
    for bad in ["2", "-1"] {
        ensure_eq!(
            dev.obj.set("tuning/port_probe", bad),
            Err(errno::ERANGE),
            "port_probe {bad}"
        );
    }
    let d = Domain::make("near")?;
    let producer = |i: usize| i % 2 == 1;
    for i in 0..7 {
        let port = d.add("dir_ports", &format!("p{i}"))?;
        port.set("producer", u32::from(producer(i)))?;
    }
    d.add("dir_queues", "q")?.set("port", "p3")?;
    d.enable().map_err(|e| why(&d, e))?;
    ensure_eq!(
        dev.obj.set("tuning/port_probe", 1),
        Err(errno::EBUSY),
        "a measurement beside a domain"
    );
    d.disable()?;

    dev.obj.set("tuning/port_probe", 1)?;
    ensure_eq!(dev.obj.get("tuning/port_probe")?, "1", "port_probe");
    let costs_now = costs()?;
    ensure_eq!(
        costs_now.len(),
        if dev.is_v25() { 96 } else { 64 },
        "number of costs"
    );
    ensure!(
        costs_now.iter().all(|cost| *cost != 0),
        "costs: {costs_now:?}"
    );
    d.enable().map_err(|e| why(&d, e))?;
    let mut sorted = costs_now.clone();
    sorted.sort_unstable();
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for i in 0..7 {
        let id: usize = d
            .on("dir_ports", &format!("p{i}"))
            .get("id")?
            .parse()
            .map_err(|_| "id")?;
        let cost = *costs_now.get(id).ok_or("id of a port")?;
        match producer(i) {
            true => near.push(cost),
            false => far.push(cost),
        }
    }
    near.sort_unstable();
    far.sort_unstable();
    ensure_eq!(near, sorted[..3], "what producers got, of {sorted:?}");
    ensure_eq!(
        far,
        sorted[sorted.len() - 4..],
        "what others got, of {sorted:?}"
    );
    // What the measurement stored is nobody's error.
    ensure_eq!(dev.obj.get("ingress_err_en")?, "1", "ingress_err_en");
    ensure_eq!(d.get("alerts")?, "0", "alerts");
    d.disable()?;

    dev.obj.set("tuning/port_probe", 0)?;
    ensure!(costs()?.iter().all(|cost| *cost == 0), "costs afterwards");
    d.enable().map_err(|e| why(&d, e))?;
    ensure_eq!(d.on("dir_ports", "p0").get("id")?, "0", "all are alike");
    Ok(())
}

pub fn run(t: &mut Suite) {
    t.case("build and give back", build_and_give_back);
    t.case("device files", nodes);
    t.case("frozen while enabled", frozen);
    t.case(
        "rmdir of an enabled empty domain",
        rmdir_of_an_enabled_empty_domain,
    );
    t.case("live switches and links", live_switches);
    for greed in greed(Device::first().is_ok_and(|d| d.is_v25())) {
        t.case(&format!("no space: {}", greed.what), || no_space(&greed));
    }
    t.case("32 domains", thirty_two_domains);
    t.case("history list in pieces", scattered_history_list);
    // Only the physical function may change how many each queue has, and measure.
    if Device::first().is_ok_and(|d| !d.is_virtual()) {
        t.case("sequence numbers", sequence_numbers);
        t.case("near ports", near_ports);
    }
    t.case("contradictions", contradictions);
    t.case("half-way", half_way);
    t.case("a device that is not there", other_device);
    t.case("what only DLB 2.5 has", wrong_version);
    t.case("every depth", all_depths);
    t.case("again and again", again_and_again);
    t.case("the whole device", the_whole_device);
    t.case("nothing left in /dev", empty_dev_directory);
    t.case("the kernel log is clean", tree::log_is_clean);
}
