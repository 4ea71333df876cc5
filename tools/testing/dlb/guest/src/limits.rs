// SPDX-License-Identifier: GPL-2.0

//! What a description says about limits is what the device keeps to.

use std::time::{Duration, Instant};

use crate::enable::{small, why};
use crate::errno::{self, Errno};
use crate::ktap::{Outcome, Suite};
use crate::port::{cmd, Hcw, Port, Sched};
use crate::tree::{self, Device, Domain, Object};
use crate::{ensure, ensure_eq};

/// Time for the device to deliver all that it is going to deliver.
const SETTLE: Duration = Duration::from_millis(60);

fn id(obj: &Object) -> Result<u8, String> {
    let text = obj.get("id")?;
    text.parse().map_err(|_| format!("id: {text}"))
}

/// Takes everything that comes until nothing has come for a while.
fn take_all(port: &mut Port) -> Vec<u64> {
    let mut all = Vec::new();
    while let Some(entry) = port.pop_within(SETTLE) {
        all.push(entry.data);
    }
    all
}

fn send(port: &Port, qid: u8, sched: Sched, data: std::ops::Range<u64>) {
    for n in data {
        port.push(Hcw::send(cmd::NEW, qid, sched, 0, n as u16, n));
    }
}

fn depth(obj: &Object, want: u64) -> Outcome {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let have = obj.get("depth")?;
        if have == want.to_string() {
            return Ok(());
        }
        ensure!(Instant::now() < until, "depth is {have}, want {want}");
    }
}

/// Enabled domains of one source, one LDB queue and some workers.
fn workers(
    name: &str,
    n: usize,
    change: impl Fn(&Domain) -> Result<(), Errno>,
) -> Result<Domain, String> {
    let d = Domain::make(name)?;
    d.add("ldb_queues", "q")?;
    d.add("dir_ports", "source")?;
    for i in 0..n {
        d.add("ldb_ports", &format!("w{i}"))?.set("links", "q:0")?;
    }
    change(&d)?;
    d.enable().map_err(|e| why(&d, e))?;
    Ok(d)
}

/// Tokens: no more entries lie in a ring than its depth says, also below 8.
fn tokens() -> Outcome {
    for deep in [1u64, 2, 4, 8, 16, 128] {
        for sched in [Sched::Unordered, Sched::Directed] {
            let d = small("tokens")?;
            for (shelf, name) in [("ldb_ports", "worker"), ("dir_ports", "sink")] {
                let port = d.on(shelf, name);
                port.set("cq_depth", deep)?;
                if shelf == "ldb_ports" {
                    port.set("cq_history_list_size", 512)?;
                }
            }
            if Device::first()?.is_v25() {
                d.set("num_credits", 1024)?;
            } else {
                d.set("num_ldb_credits", 512)?;
                d.set("num_dir_credits", 512)?;
            }
            d.enable().map_err(|e| why(&d, e))?;
            let directed = sched == Sched::Directed;
            let (queue, node) = if directed {
                (d.on("dir_queues", "dirq"), d.node("sink"))
            } else {
                (d.on("ldb_queues", "ldbq"), d.node("worker"))
            };
            let mut port = Port::open(&node, deep as usize)?;
            let source = Port::open(&d.node("source"), 64)?;
            let sent = deep * 2 + 3;
            send(&source, id(&queue)?, sched, 0..sent);
            let got = take_all(&mut port);
            ensure_eq!(
                got.len() as u64,
                deep,
                "entries in a ring of {deep}, {sched:?}"
            );
            depth(&queue, sent - deep).map_err(|e| format!("ring of {deep}, {sched:?}: {e}"))?;
            // Each token brings one more, and all come in the order of sending.
            port.push(Hcw::tokens(1));
            ensure_eq!(take_all(&mut port), [deep], "after one token, {sched:?}");
            port.push(Hcw::tokens(deep as u16));
            let rest = take_all(&mut port);
            ensure_eq!(
                rest,
                (deep + 1..deep * 2 + 1).collect::<Vec<_>>(),
                "after {deep} tokens, {sched:?}"
            );
        }
    }
    Ok(())
}

/// The history list: so many events may be with a port and not completed.
fn history_list() -> Outcome {
    let d = workers("history", 1, |d| {
        d.on("ldb_ports", "w0").set("cq_history_list_size", 5)
    })?;
    let mut port = Port::open(&d.node("w0"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    let queue = d.on("ldb_queues", "q");
    send(&source, id(&queue)?, Sched::Unordered, 0..12);
    ensure_eq!(take_all(&mut port), [0, 1, 2, 3, 4], "with five entries");
    port.push(Hcw::tokens(5));
    ensure_eq!(take_all(&mut port), [0u64; 0], "after tokens alone");
    port.push(Hcw::bare(cmd::REL));
    port.push(Hcw::bare(cmd::REL));
    ensure_eq!(take_all(&mut port), [5, 6], "after two completions");
    Ok(())
}

/// An interrupt comes when so many events lie in the ring, and not before.
fn interrupt_threshold() -> Outcome {
    let d = small("threshold")?;
    d.on("ldb_ports", "worker").set("cq_depth_threshold", 4)?;
    d.on("dir_ports", "sink").set("cq_depth_threshold", 4)?;
    d.enable().map_err(|e| why(&d, e))?;
    let source = Port::open(&d.node("source"), 64)?;
    for (node, shelf, queue, sched) in [
        ("worker", "ldb_queues", "ldbq", Sched::Unordered),
        ("sink", "dir_queues", "dirq", Sched::Directed),
    ] {
        let port = Port::open(&d.node(node), 64)?;
        let qid = id(&d.on(shelf, queue))?;
        port.push(Hcw::bare(cmd::ARM));
        send(&source, qid, sched, 0..3);
        ensure_eq!(port.poll(SETTLE)?, 0, "{node}: poll with three events");
        send(&source, qid, sched, 3..4);
        ensure_eq!(
            port.poll(Duration::from_secs(5))?,
            libc::POLLIN,
            "{node}: poll with four events"
        );
    }
    Ok(())
}

/// Events say how full their queue was, measured against its threshold.
fn depth_tags() -> Outcome {
    let d = small("tags")?;
    d.on("ldb_queues", "ldbq").set("depth_threshold", 16)?;
    d.on("dir_queues", "dirq").set("depth_threshold", 16)?;
    d.enable().map_err(|e| why(&d, e))?;
    let source = Port::open(&d.node("source"), 64)?;
    for (ports, node, queues, queue, sched) in [
        (
            "ldb_ports",
            "worker",
            "ldb_queues",
            "ldbq",
            Sched::Unordered,
        ),
        ("dir_ports", "sink", "dir_queues", "dirq", Sched::Directed),
    ] {
        let mut port = Port::open(&d.node(node), 64)?;
        let queue = d.on(queues, queue);
        d.on(ports, node).set("enabled", 0)?;
        send(&source, id(&queue)?, sched, 0..20);
        depth(&queue, 20)?;
        d.on(ports, node).set("enabled", 1)?;
        let mut tags = Vec::new();
        while let Some(entry) = port.pop_within(SETTLE) {
            tags.push(entry.depth);
        }
        let want = (1..=20u8).rev().map(|depth| match depth {
            17.. => 3,
            13..=16 => 2,
            9..=12 => 1,
            _ => 0,
        });
        ensure_eq!(tags, want.collect::<Vec<u8>>(), "tags at {node}");
    }
    Ok(())
}

/// DLB 2.5: no more weight is with a port than its limit says.
fn weight_limit() -> Outcome {
    let d = workers("weight", 1, |d| {
        d.on("ldb_ports", "w0").set("cq_weight_limit", 4)
    })?;
    let mut port = Port::open(&d.node("w0"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    // An event weighs one unless its sender says otherwise.
    send(
        &source,
        id(&d.on("ldb_queues", "q"))?,
        Sched::Unordered,
        0..10,
    );
    ensure_eq!(take_all(&mut port), [0, 1, 2, 3], "with a limit of four");
    port.push(Hcw::tokens(4));
    ensure_eq!(take_all(&mut port), [0u64; 0], "after tokens alone");
    port.push(Hcw::bare(cmd::REL));
    port.push(Hcw::bare(cmd::REL));
    ensure_eq!(take_all(&mut port), [4, 5], "after two completions");
    Ok(())
}

/// DLB 2.5: a port that was full gets nothing until it has come down to its threshold.
fn inflight_threshold() -> Outcome {
    let d = workers("hysteresis", 1, |d| {
        let port = d.on("ldb_ports", "w0");
        port.set("cq_history_list_size", 8)?;
        port.set("inflight_threshold", 3)
    })?;
    let mut port = Port::open(&d.node("w0"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    send(
        &source,
        id(&d.on("ldb_queues", "q"))?,
        Sched::Unordered,
        0..20,
    );
    ensure_eq!(
        take_all(&mut port).len(),
        8,
        "as many as the history list has"
    );
    port.push(Hcw::tokens(8));
    for _ in 0..4 {
        port.push(Hcw::bare(cmd::REL));
    }
    ensure_eq!(take_all(&mut port), [0u64; 0], "with four left");
    port.push(Hcw::bare(cmd::REL));
    ensure_eq!(take_all(&mut port), [8, 9, 10, 11, 12], "with three left");
    Ok(())
}

/// The in-flight limit of a queue holds over all its ports.
fn queue_inflights() -> Outcome {
    let d = workers("inflight", 2, |d| {
        d.on("ldb_queues", "q").set("num_qid_inflights", 6)
    })?;
    let mut ports = [
        Port::open(&d.node("w0"), 64)?,
        Port::open(&d.node("w1"), 64)?,
    ];
    let source = Port::open(&d.node("source"), 64)?;
    send(
        &source,
        id(&d.on("ldb_queues", "q"))?,
        Sched::Unordered,
        0..20,
    );
    let got: usize = ports.iter_mut().map(|p| take_all(p).len()).sum();
    ensure_eq!(got, 6, "events in flight");
    Ok(())
}

/// Credits: what is sent beyond them is dropped, and what was accepted is all there.
fn credits() -> Outcome {
    let v25 = Device::first()?.is_v25();
    let d = Domain::make("credits")?;
    d.add("ldb_queues", "q")?;
    d.add("dir_ports", "source")?;
    // No link: nothing leaves the queue, so every credit stays taken.
    d.add("ldb_ports", "w0")?;
    d.set(
        if v25 {
            "num_credits"
        } else {
            "num_ldb_credits"
        },
        24,
    )?;
    d.enable().map_err(|e| why(&d, e))?;
    let source = Port::open(&d.node("source"), 64)?;
    let queue = d.on("ldb_queues", "q");
    send(&source, id(&queue)?, Sched::Unordered, 0..40);
    depth(&queue, 24)?;
    d.on("ldb_ports", "w0").set("links", "+q:0")?;
    let mut port = Port::open(&d.node("w0"), 64)?;
    let first: Vec<u64> = (0..24).collect();
    ensure_eq!(take_all(&mut port), first, "what was within the credits");
    send(&source, id(&queue)?, Sched::Unordered, 100..101);
    ensure_eq!(take_all(&mut port), [100], "after the credits came back");
    Ok(())
}

/// What the counters of queues and ports say is what happened.
fn counters() -> Outcome {
    let d = small("counted")?;
    d.enable().map_err(|e| why(&d, e))?;
    let mut worker = Port::open(&d.node("worker"), 64)?;
    let mut sink = Port::open(&d.node("sink"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    let (ldbq, dirq) = (d.on("ldb_queues", "ldbq"), d.on("dir_queues", "dirq"));
    send(&source, id(&ldbq)?, Sched::Unordered, 0..7);
    send(&source, id(&ldbq)?, Sched::Atomic, 7..10);
    send(&source, id(&dirq)?, Sched::Directed, 0..5);
    ensure_eq!(take_all(&mut worker).len(), 10, "events at the worker");
    ensure_eq!(take_all(&mut sink).len(), 5, "events at the sink");
    let (wp, sp) = (d.on("ldb_ports", "worker"), d.on("dir_ports", "sink"));
    let says = |obj: &Object, name: &str, want: u32| -> Outcome {
        ensure_eq!(
            obj.get(name)?,
            want.to_string(),
            "{} of {}",
            name,
            obj.0.display()
        );
        Ok(())
    };
    says(&ldbq, "enqueued", 10)?;
    says(&ldbq, "inflights", 10)?;
    says(&dirq, "enqueued", 5)?;
    says(&wp, "scheduled", 10)?;
    says(&wp, "cq_occupancy", 10)?;
    says(&wp, "inflights", 10)?;
    says(&sp, "scheduled", 5)?;
    says(&sp, "cq_occupancy", 5)?;
    worker.push(Hcw::tokens(10));
    sink.push(Hcw::tokens(4));
    for _ in 0..4 {
        worker.push(Hcw::bare(cmd::REL));
    }
    says(&wp, "cq_occupancy", 0)?;
    says(&wp, "inflights", 6)?;
    says(&ldbq, "inflights", 6)?;
    says(&sp, "cq_occupancy", 1)?;
    let owner = d.get("owner")?;
    ensure_eq!(owner, format!("0:{}", std::process::id()), "owner");
    d.disable()?;
    for (obj, name) in [
        (&wp, "scheduled"),
        (&ldbq, "enqueued"),
        (&sp, "cq_occupancy"),
    ] {
        says(obj, name, 0)?;
    }
    ensure_eq!(d.get("owner")?, "none", "owner after disable");
    Ok(())
}

/// A queue without storage for atomic events, and one without sequence numbers, drop such events.
fn types_a_queue_takes() -> Outcome {
    let d = Domain::make("types")?;
    d.add("dir_ports", "source")?;
    d.add("ldb_queues", "plain")?
        .set("num_atomic_inflights", 0)?;
    let ordered = d.add("ldb_queues", "ordered")?;
    ordered.set("num_sequence_numbers", 64)?;
    d.add("ldb_ports", "w0")?
        .set("links", "plain:0 ordered:0")?;
    d.enable().map_err(|e| why(&d, e))?;
    let mut port = Port::open(&d.node("w0"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    let plain = id(&d.on("ldb_queues", "plain"))?;
    let ordered = id(&d.on("ldb_queues", "ordered"))?;
    for (n, (qid, sched, taken)) in [
        (plain, Sched::Unordered, true),
        (plain, Sched::Atomic, false),
        (plain, Sched::Ordered, false),
        (ordered, Sched::Ordered, true),
        (ordered, Sched::Atomic, true),
        (ordered, Sched::Unordered, false),
    ]
    .into_iter()
    .enumerate()
    {
        let n = n as u64;
        send(&source, qid, sched, n..n + 1);
        let want: Vec<u64> = (n..n + u64::from(taken)).collect();
        ensure_eq!(take_all(&mut port), want, "{sched:?} to queue {qid}");
    }
    Ok(())
}

/// `scheduling` and `enabled` stop deliveries and resume them with nothing lost.
fn stop_and_go() -> Outcome {
    let d = workers("stop", 2, |_| Ok(()))?;
    let mut ports = [
        Port::open(&d.node("w0"), 64)?,
        Port::open(&d.node("w1"), 64)?,
    ];
    let source = Port::open(&d.node("source"), 64)?;
    let queue = d.on("ldb_queues", "q");
    let qid = id(&queue)?;
    d.on("ldb_ports", "w0").set("enabled", 0)?;
    send(&source, qid, Sched::Unordered, 0..10);
    ensure_eq!(
        take_all(&mut ports[0]),
        [0u64; 0],
        "to a port that is disabled"
    );
    let all: Vec<u64> = (0..10).collect();
    ensure_eq!(take_all(&mut ports[1]), all, "to the other");
    d.on("ldb_ports", "w1").set("enabled", 0)?;
    send(&source, qid, Sched::Unordered, 10..14);
    depth(&queue, 4)?;
    d.on("ldb_ports", "w0").set("enabled", 1)?;
    let all: Vec<u64> = (10..14).collect();
    ensure_eq!(take_all(&mut ports[0]), all, "to the port enabled again");
    d.set("scheduling", 0)?;
    d.set("scheduling", 1)?;
    send(&source, qid, Sched::Unordered, 20..21);
    ensure_eq!(take_all(&mut ports[0]), [20], "after stop and resume");
    Ok(())
}

/// Links change under traffic: the events go where the links are, and none is lost.
fn links_under_traffic() -> Outcome {
    let d = Domain::make("relink")?;
    d.add("ldb_queues", "a")?;
    d.add("ldb_queues", "b")?;
    d.add("dir_ports", "source")?;
    d.add("ldb_ports", "w0")?.set("links", "a:0")?;
    d.add("ldb_ports", "w1")?.set("links", "b:0")?;
    d.enable().map_err(|e| why(&d, e))?;
    let mut w0 = Port::open(&d.node("w0"), 64)?;
    let mut w1 = Port::open(&d.node("w1"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    let a = id(&d.on("ldb_queues", "a"))?;
    let (p0, p1) = (d.on("ldb_ports", "w0"), d.on("ldb_ports", "w1"));
    let give_back = |port: &Port, n: usize| {
        for _ in 0..n {
            port.push(Hcw::bare(cmd::REL));
        }
        if n > 0 {
            port.push(Hcw::tokens(n as u16));
        }
    };
    let mut got = Vec::new();
    for round in 0..20u64 {
        send(&source, a, Sched::Unordered, round * 8..round * 8 + 8);
        if round % 2 == 0 {
            p1.set("links", "+a:3")?;
            p0.set("links", "-a")?;
        } else {
            p0.set("links", "+a:0")?;
            p1.set("links", "-a")?;
        }
        for port in [&mut w0, &mut w1] {
            let some = take_all(port);
            give_back(port, some.len());
            got.extend(some);
        }
        let until = Instant::now() + Duration::from_secs(10);
        while p0.get("pending_unlinks")? != "0" || p1.get("pending_unlinks")? != "0" {
            ensure!(
                Instant::now() < until,
                "round {round}: unlinks pending for ever: {} of w0, {} of w1",
                p0.get("pending_unlinks")?,
                p1.get("pending_unlinks")?
            );
        }
        for port in [&mut w0, &mut w1] {
            let some = take_all(port);
            give_back(port, some.len());
            got.extend(some);
        }
        // Only the port that is linked now may get what comes now.
        send(&source, a, Sched::Unordered, 1000..1001);
        let (linked, other) = if round % 2 == 0 {
            (&mut w1, &mut w0)
        } else {
            (&mut w0, &mut w1)
        };
        let some = take_all(linked);
        ensure_eq!(some, [1000], "round {round}: the linked port");
        give_back(linked, 1);
        ensure_eq!(
            take_all(other),
            [0u64; 0],
            "round {round}: the unlinked port"
        );
    }
    got.sort_unstable();
    let all: Vec<u64> = (0..160).collect();
    ensure_eq!(got, all, "events over all rounds");
    ensure_eq!(p0.get("links")?, "a:0", "links of w0 at the end");
    ensure_eq!(p1.get("links")?, "b:0", "links of w1 at the end");
    Ok(())
}

/// A program that does not complete its events holds its links. What was asked for is given up
/// after a while, and said; files show what there is, and all of it can be done again.
fn stuck_links() -> Outcome {
    let d = Domain::make("stuck")?;
    d.add("ldb_queues", "a")?;
    d.add("ldb_queues", "b")?;
    d.add("dir_ports", "source")?;
    d.add("ldb_ports", "w0")?.set("links", "a:3 b:1")?;
    d.add("ldb_ports", "w1")?;
    d.enable().map_err(|e| why(&d, e))?;
    let mut w0 = Port::open(&d.node("w0"), 64)?;
    let mut w1 = Port::open(&d.node("w1"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    let (a, b) = (id(&d.on("ldb_queues", "a"))?, id(&d.on("ldb_queues", "b"))?);
    let (p0, p1) = (d.on("ldb_ports", "w0"), d.on("ldb_ports", "w1"));
    let same = |obj: &Object, want: &str| -> Outcome {
        let links = obj.get("links")?;
        let mut have: Vec<_> = links.split(' ').collect();
        have.sort_unstable();
        ensure_eq!(have.join(" "), want, "links");
        Ok(())
    };

    send(&source, a, Sched::Unordered, 0..1);
    ensure_eq!(take_all(&mut w0), [0], "the event that is kept");
    p0.set("links", "-a")?;
    same(&p0, "b:1")?;
    ensure_eq!(p0.get("pending_unlinks")?, "1", "pending_unlinks");
    let until = Instant::now() + Duration::from_secs(60);
    while p0.get("pending_unlinks")? != "0" {
        ensure!(Instant::now() < until, "pending for ever");
        std::thread::sleep(SETTLE);
    }
    // The domain is told after the device is.
    let told = || d.get("error").is_ok_and(|words| !words.is_empty());
    while !told() {
        ensure!(Instant::now() < until, "nobody says so");
        std::thread::sleep(SETTLE);
    }
    let words = d.get("error")?;
    for part in ["ldb_ports/w0", "unlinking a", "given up"] {
        ensure!(words.contains(part), "error is {words:?}");
    }
    same(&p0, "a:3 b:1")?;
    ensure_eq!(d.get("state")?, "enabled", "state");

    // Both queues go on, and nothing is held up.
    send(&source, a, Sched::Unordered, 1..3);
    send(&source, b, Sched::Unordered, 3..5);
    let mut got = take_all(&mut w0);
    got.sort_unstable();
    ensure_eq!(got, [1, 2, 3, 4], "events after it was given up");

    // Once the events are completed it works.
    for _ in 0..5 {
        w0.push(Hcw::bare(cmd::REL));
    }
    w0.push(Hcw::tokens(5));
    p0.set("links", "-a")?;
    let until = Instant::now() + Duration::from_secs(10);
    while p0.get("pending_unlinks")? != "0" {
        ensure!(Instant::now() < until, "the second removal does not end");
    }
    same(&p0, "b:1")?;
    p1.set("links", "a:0")?;
    send(&source, a, Sched::Unordered, 5..6);
    ensure_eq!(take_all(&mut w1), [5], "the queue at its new port");
    ensure_eq!(take_all(&mut w0), [0u64; 0], "the port that it left");
    d.disable()?;
    Ok(())
}

/// A port with as many links as it can have and a program that completes nothing: an exchange that
/// cannot be made leaves all as it was, and one that is given up leaves what there is.
fn stuck_full_set() -> Outcome {
    let d = Domain::make("full")?;
    // The queue that goes comes before the one that is to have its place.
    let names: Vec<_> = (0..9).map(|n| format!("q{n}")).collect();
    for name in &names {
        d.add("ldb_queues", name)?;
    }
    d.add("dir_ports", "source")?;
    let set = |first: usize| -> String {
        let links: Vec<_> = names[first..first + 8]
            .iter()
            .map(|name| format!("{name}:1"))
            .collect();
        links.join(" ")
    };
    d.add("ldb_ports", "w")?.set("links", set(0))?;
    d.enable().map_err(|e| why(&d, e))?;
    let mut w = Port::open(&d.node("w"), 64)?;
    let source = Port::open(&d.node("source"), 64)?;
    let port = d.on("ldb_ports", "w");
    let same = |want: &str| -> Outcome {
        let links = port.get("links")?;
        let mut have: Vec<_> = links.split(' ').collect();
        have.sort_unstable();
        ensure_eq!(have.join(" "), want, "links");
        Ok(())
    };

    send(
        &source,
        id(&d.on("ldb_queues", "q0"))?,
        Sched::Unordered,
        0..1,
    );
    ensure_eq!(take_all(&mut w), [0], "the event that is kept");
    port.set("links", "-q0 +q8:1")?;
    same(&set(1))?;
    // The place of q0 is promised, so that it cannot come back in the place of q1.
    ensure_eq!(port.set("links", "-q1 +q0:1"), Err(errno::EBUSY), "links");
    ensure!(!d.get("error")?.is_empty(), "no words for it");
    same(&set(1))?;
    ensure_eq!(port.get("pending_unlinks")?, "1", "pending_unlinks");
    port.set("links", set(1))?;
    ensure_eq!(d.get("error")?, "", "error after a success");

    let until = Instant::now() + Duration::from_secs(60);
    while port.get("pending_unlinks")? != "0" || d.get("error")?.is_empty() {
        ensure!(Instant::now() < until, "it is not given up");
        std::thread::sleep(SETTLE);
    }
    // There are two of them to be told, one after the other.
    while same(&set(0)).is_err() {
        ensure!(Instant::now() < until, "links are {:?}", port.get("links")?);
        std::thread::sleep(SETTLE);
    }
    for (n, name) in names[..8].iter().enumerate() {
        let n = n as u64 + 1;
        send(
            &source,
            id(&d.on("ldb_queues", name))?,
            Sched::Unordered,
            n..n + 1,
        );
    }
    let mut got = take_all(&mut w);
    got.sort_unstable();
    let all: Vec<u64> = (1..9).collect();
    ensure_eq!(got, all, "events of all that are linked");
    d.disable()?;
    Ok(())
}

/// A full set of links is replaced by another one while events flow.
fn exchange_of_a_full_set() -> Outcome {
    let d = Domain::make("swap")?;
    let names: Vec<_> = (0..16).map(|n| format!("q{n}")).collect();
    for name in &names {
        d.add("ldb_queues", name)?;
    }
    d.add("dir_ports", "source")?;
    let set = |half: usize| -> String {
        let links: Vec<_> = names[half * 8..half * 8 + 8]
            .iter()
            .enumerate()
            .map(|(n, name)| format!("{name}:{n}"))
            .collect();
        links.join(" ")
    };
    d.add("ldb_ports", "w")?.set("links", set(0))?;
    d.enable().map_err(|e| why(&d, e))?;
    let source = Port::open(&d.node("source"), 64)?;
    let mut w = Port::open(&d.node("w"), 64)?;
    let mut qids = Vec::new();
    for name in &names {
        qids.push(id(&d.on("ldb_queues", name))?);
    }
    let port = d.on("ldb_ports", "w");
    let mut drain = || {
        let some = take_all(&mut w);
        for _ in &some {
            w.push(Hcw::bare(cmd::REL));
        }
        if !some.is_empty() {
            w.push(Hcw::tokens(some.len() as u16));
        }
        some
    };
    let mut half = 0;
    for round in 0..10 {
        let until = Instant::now() + Duration::from_secs(20);
        // To all sixteen, of which eight are linked; the exchange comes while those are on their way.
        for (n, qid) in qids.iter().enumerate() {
            send(&source, *qid, Sched::Unordered, n as u64..n as u64 + 1);
        }
        let mut got = Vec::new();
        while got.len() < 16 {
            half = 1 - half;
            port.set("links", set(half))
                .map_err(|e| format!("round {round}: {e}: {:?}", d.get("error")))?;
            ensure_eq!(port.get("links")?, set(half), "round {round}: links");
            while port.get("pending_unlinks")? != "0" {
                ensure!(Instant::now() < until, "round {round}: unlinks pending");
                got.extend(drain());
            }
            got.extend(drain());
            ensure!(Instant::now() < until, "round {round}: only {got:?} came");
        }
        got.sort_unstable();
        let all: Vec<u64> = (0..16).collect();
        ensure_eq!(got, all, "round {round}: events");
    }
    drop(source);
    d.disable()?;
    Ok(())
}

/// A port cannot send to another domain's queues, nor one domain use another's credits.
fn tenants() -> Outcome {
    let (one, two) = (small("one")?, small("two")?);
    for d in [&one, &two] {
        d.enable().map_err(|e| why(d, e))?;
    }
    let intruder = Port::open(&one.node("source"), 64)?;
    let mut worker = Port::open(&two.node("worker"), 64)?;
    let mut sink = Port::open(&two.node("sink"), 64)?;
    let theirs = [
        (id(&two.on("ldb_queues", "ldbq"))?, Sched::Unordered),
        (id(&two.on("ldb_queues", "ldbq"))?, Sched::Atomic),
        (id(&two.on("dir_queues", "dirq"))?, Sched::Directed),
    ];
    for (qid, sched) in theirs {
        send(&intruder, qid, sched, 0..20);
    }
    // And every other number there is, existing or not.
    for qid in 0..=255 {
        for sched in [
            Sched::Atomic,
            Sched::Unordered,
            Sched::Ordered,
            Sched::Directed,
        ] {
            if qid != id(&one.on("ldb_queues", "ldbq"))?
                && qid != id(&one.on("dir_queues", "dirq"))?
            {
                send(&intruder, qid, sched, 7..8);
            }
        }
    }
    ensure_eq!(take_all(&mut worker), [0u64; 0], "at the other's worker");
    ensure_eq!(take_all(&mut sink), [0u64; 0], "at the other's sink");
    let own = Port::open(&two.node("source"), 64)?;
    send(&own, theirs[0].0, Sched::Unordered, 5..6);
    ensure_eq!(take_all(&mut worker), [5], "the other's own event");
    Ok(())
}

/// What lay in queues and rings when a domain ended is not there for the next one.
fn nothing_is_inherited() -> Outcome {
    let dev = Device::first()?;
    for round in 0..5 {
        let d = small("first")?;
        d.enable().map_err(|e| why(&d, e))?;
        let source = Port::open(&d.node("source"), 64)?;
        send(
            &source,
            id(&d.on("ldb_queues", "ldbq"))?,
            Sched::Unordered,
            0..90,
        );
        send(
            &source,
            id(&d.on("ldb_queues", "ldbq"))?,
            Sched::Atomic,
            0..30,
        );
        send(
            &source,
            id(&d.on("dir_queues", "dirq"))?,
            Sched::Directed,
            0..90,
        );
        drop(source);
        d.disable()
            .map_err(|e| format!("round {round}: disable with full queues: {e}"))?;
        dev.soon_all_free(Duration::from_secs(10))?;
        let next = small("second")?;
        next.enable().map_err(|e| why(&next, e))?;
        let mut worker = Port::open(&next.node("worker"), 64)?;
        let mut sink = Port::open(&next.node("sink"), 64)?;
        ensure_eq!(
            take_all(&mut worker),
            [0u64; 0],
            "round {round}: LDB leftovers"
        );
        ensure_eq!(
            take_all(&mut sink),
            [0u64; 0],
            "round {round}: DIR leftovers"
        );
        let source = Port::open(&next.node("source"), 64)?;
        send(
            &source,
            id(&next.on("ldb_queues", "ldbq"))?,
            Sched::Unordered,
            1..2,
        );
        ensure_eq!(
            take_all(&mut worker),
            [1],
            "round {round}: an event of its own"
        );
    }
    Ok(())
}

/// Domains are drained whatever state their users left: ordered events half done, atomic flows
/// locked, tokens kept, links removed with events waiting, ports disabled, scheduling stopped.
fn every_kind_of_mess() -> Outcome {
    type Mess = fn(&Domain, &mut Port, &Port) -> Result<(), String>;
    let messes: [(&str, Mess); 7] = [
        ("ordered events held", |d, worker, source| {
            send(
                source,
                id(&d.on("ldb_queues", "ordered"))?,
                Sched::Ordered,
                0..40,
            );
            let n = take_all(worker).len();
            ensure!(n > 2, "only {n} events");
            // Complete the second and third, not the first: order is by position, so these are
            // the first two; the rest stay.
            worker.push(Hcw::send(
                cmd::FWD,
                id(&d.on("dir_queues", "out"))?,
                Sched::Directed,
                0,
                0,
                0,
            ));
            worker.push(Hcw::bare(cmd::REL));
            Ok(())
        }),
        ("atomic flows held", |d, worker, source| {
            send(
                source,
                id(&d.on("ldb_queues", "atomic"))?,
                Sched::Atomic,
                0..100,
            );
            take_all(worker);
            Ok(())
        }),
        ("links removed with events waiting", |d, _, source| {
            for i in 0..3 {
                d.on("ldb_ports", &format!("w{i}")).set("links", "-plain")?;
            }
            send(
                source,
                id(&d.on("ldb_queues", "plain"))?,
                Sched::Unordered,
                0..60,
            );
            Ok(())
        }),
        ("an unlink that never ended", |d, worker, source| {
            send(
                source,
                id(&d.on("ldb_queues", "plain"))?,
                Sched::Unordered,
                0..60,
            );
            take_all(worker);
            d.on("ldb_ports", "w0").set("links", "-plain")?;
            Ok(())
        }),
        ("ports disabled", |d, _, source| {
            send(
                source,
                id(&d.on("ldb_queues", "plain"))?,
                Sched::Unordered,
                0..60,
            );
            for i in 0..3 {
                d.on("ldb_ports", &format!("w{i}")).set("enabled", 0)?;
            }
            d.on("dir_ports", "sink").set("enabled", 0)?;
            send(
                source,
                id(&d.on("dir_queues", "out"))?,
                Sched::Directed,
                0..60,
            );
            send(
                source,
                id(&d.on("ldb_queues", "plain"))?,
                Sched::Unordered,
                0..60,
            );
            Ok(())
        }),
        ("stopped", |d, _, source| {
            send(
                source,
                id(&d.on("ldb_queues", "plain"))?,
                Sched::Unordered,
                0..60,
            );
            d.set("scheduling", 0)?;
            Ok(())
        }),
        ("everything armed", |d, worker, source| {
            worker.push(Hcw::bare(cmd::ARM));
            source.push(Hcw::bare(cmd::ARM));
            send(
                source,
                id(&d.on("ldb_queues", "atomic"))?,
                Sched::Atomic,
                0..3,
            );
            Ok(())
        }),
    ];
    let dev = Device::first()?;
    let mut failed = Vec::new();
    for (what, mess) in messes {
        let d = crate::kill::pipeline("mess", "directory")?;
        d.enable().map_err(|e| why(&d, e))?;
        let mut worker = Port::open(&d.node("w0"), 64)?;
        let source = Port::open(&d.node("source"), 64)?;
        if let Err(e) = mess(&d, &mut worker, &source) {
            failed.push(format!("{what}: {e}"));
        }
        if let Err(e) = d.disable() {
            failed.push(format!("{what}: disable: {e}"));
        }
        drop(d);
        if let Err(e) = dev.soon_all_free(Duration::from_secs(10)) {
            failed.push(format!("{what}: {e}"));
            break;
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

pub fn run(t: &mut Suite) {
    t.case("tokens", tokens);
    t.case("history list", history_list);
    t.case("in-flight limit of a queue", queue_inflights);
    t.case("interrupt threshold", interrupt_threshold);
    t.case("depth tags", depth_tags);
    if Device::first().is_ok_and(|dev| dev.is_v25()) {
        t.case("weight limit of a port", weight_limit);
        t.case("in-flight threshold of a port", inflight_threshold);
    }
    t.case("credits", credits);
    t.case("counters", counters);
    t.case("types a queue takes", types_a_queue_takes);
    t.case("stop and go", stop_and_go);
    t.case("links under traffic", links_under_traffic);
    t.case("links that are stuck", stuck_links);
    t.case("a full set of links that is stuck", stuck_full_set);
    t.case("exchange of a full set of links", exchange_of_a_full_set);
    t.case("two tenants", tenants);
    t.case("nothing is inherited", nothing_is_inherited);
    t.case("every kind of mess", every_kind_of_mess);
    t.case("the kernel log is clean", tree::log_is_clean);
}
