// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Plans on a machine in memory: whatever topology becomes whatever other, exactly, or not at all.

use std::cell::Cell;
use std::io;
use std::path::Path;

use dlb_config::fake::Fake;
use dlb_config::plan::{shortages, Impossible, Step};
use dlb_config::system::{read_devices, read_domains, Files, CONFIGFS, DRIVER};
use dlb_config::{file, Domain, Kind, Object, Permissions, Plan, Topology};
use proptest::prelude::*;

const ALL: Permissions = Permissions {
    restart: true,
    prune: true,
};

fn read(fake: &Fake) -> Topology {
    let domains = read_domains(fake).unwrap();
    Topology {
        domains: domains
            .into_iter()
            .map(|live| (live.domain.name().to_string(), live.domain))
            .collect(),
        ..Topology::default()
    }
}

fn apply(fake: &Fake, wanted: &Topology, permissions: Permissions) -> Result<usize, String> {
    let plan = Plan::to(wanted, permissions, fake).map_err(|e| e.to_string())?;
    plan.run(fake, &|| false, |_| ())
        .map_err(|e| e.to_string())?;
    Ok(plan.steps.len())
}

fn example() -> Topology {
    let text = "
        [domains.a]
        num_ldb_credits = 500
        [domains.a.ldb_queues.q]
        [domains.a.ldb_ports.p]
        links = { q = 1 }
        [domains.a.ldb_ports.r]
        [domains.a.dir_queues.d]
        [domains.a.dir_ports.t]
        queue = \"d\"
    ";
    file::parse("a.toml", text).unwrap()
}

#[test]
fn a_topology_becomes_real_and_then_nothing_is_left_to_do() {
    let fake = Fake::default();
    assert!(apply(&fake, &example(), Permissions::default()).unwrap() > 5);
    assert_eq!(file::format(&read(&fake)), file::format(&example()));
    assert_eq!(apply(&fake, &example(), Permissions::default()), Ok(0));
}

#[test]
fn a_live_change_needs_no_restart() {
    let fake = Fake::default();
    apply(&fake, &example(), Permissions::default()).unwrap();
    let mut wanted = example();
    let domain = wanted.domains.get_mut("a").unwrap();
    let mut port = domain.shelf(Kind::LdbPort)["r"].clone();
    port.set("links", "q:3").unwrap();
    port.set("enabled", "0").unwrap();
    domain.add(port);
    domain.object.set("scheduling", "0").unwrap();
    let plan = Plan::to(&wanted, Permissions::default(), &fake).unwrap();
    let steps: Vec<_> = plan.steps.iter().map(ToString::to_string).collect();
    let expected = [
        "echo 0 > a/scheduling",
        "echo q:3 > a/ldb_ports/r/links",
        "echo 0 > a/ldb_ports/r/enabled",
    ];
    assert_eq!(steps, expected);
    plan.run(&fake, &|| false, |_| ()).unwrap();
}

#[test]
fn another_change_of_an_enabled_domain_needs_permission() {
    let fake = Fake::default();
    apply(&fake, &example(), Permissions::default()).unwrap();
    let text = file::format(&example()).replace("num_ldb_credits = 500", "num_ldb_credits = 600");
    let wanted = file::parse("b.toml", &text).unwrap();
    let refused = Plan::to(&wanted, Permissions::default(), &fake).unwrap_err();
    assert!(matches!(refused, Impossible::NeedsRestart { .. }));
    let words = refused.to_string();
    assert!(
        words.starts_with("b.toml:2: domain `a` is enabled"),
        "{words}"
    );
    assert!(words.contains("num_ldb_credits"), "{words}");

    let restart = Permissions {
        restart: true,
        prune: false,
    };
    assert_eq!(apply(&fake, &wanted, restart), Ok(3));
    assert_eq!(file::format(&read(&fake)), file::format(&wanted));
}

#[test]
fn what_does_not_fit_is_told_beforehand_and_refused_without_a_trace() {
    let fake = Fake::default();
    let mut wanted = example();
    let domain = wanted.domains.get_mut("a").unwrap();
    domain.object.set("num_dir_credits", "5000").unwrap();
    let before = fake.snapshot();
    let plan = Plan::to(&wanted, Permissions::default(), &fake).unwrap();
    let short = shortages(&wanted, &plan, &fake).unwrap();
    assert_eq!(short.len(), 1);
    assert_eq!(
        short[0].to_string(),
        "a.toml:2: dlb0 has 4096 num_dir_credits free, but 5000 are asked for by domain `a`"
    );
    let failure = apply(&fake, &wanted, Permissions::default()).unwrap_err();
    assert!(
        failure.contains("num_dir_credits: asked for 5000, 4096 are free"),
        "{failure}"
    );
    assert!(failure.ends_with("all was left as before"), "{failure}");
    assert_eq!(fake.snapshot(), before);
}

#[test]
fn a_missing_group_of_sequence_numbers_is_told_beforehand() {
    let fake = Fake::default();
    let text = "[domains.a.ldb_queues.q]\nnum_sequence_numbers = 512\n[domains.a.ldb_ports.p]";
    let wanted = file::parse("a.toml", text).unwrap();
    let plan = Plan::to(&wanted, Permissions::default(), &fake).unwrap();
    let short = shortages(&wanted, &plan, &fake).unwrap();
    assert!(
        short[0]
            .to_string()
            .starts_with("a.toml:2: dlb0 has 0 groups of 512"),
        "{short:?}"
    );

    let text = format!("[devices.dlb0]\nsequence_numbers = [64, 512]\n{text}");
    let wanted = file::parse("a.toml", &text).unwrap();
    let plan = Plan::to(&wanted, Permissions::default(), &fake).unwrap();
    assert_eq!(shortages(&wanted, &plan, &fake).unwrap(), []);
    plan.run(&fake, &|| false, |_| ()).unwrap();
    assert!(Plan::to(&wanted, Permissions::default(), &fake)
        .unwrap()
        .steps
        .is_empty());
}

#[test]
fn an_unknown_device_is_refused() {
    let text = "[devices.dlb7]\ncos_bandwidth = [10, 10, 10, 10]";
    let wanted = file::parse("a.toml", text).unwrap();
    let refused = Plan::to(&wanted, Permissions::default(), &Fake::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a.toml:1: there is no device `dlb7`: there is dlb0"
    );
    let text = "[domains.a]\ndevice = \"dlb7\"";
    let wanted = file::parse("a.toml", text).unwrap();
    let refused = Plan::to(&wanted, Permissions::default(), &Fake::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a.toml:2: there is no device `dlb7`: there is dlb0"
    );
    // It may come later.
    let wanted = file::parse("a.toml", &format!("{text}\nenable = false")).unwrap();
    assert!(Plan::to(&wanted, Permissions::default(), &Fake::default()).is_ok());
}

#[test]
fn history_lists_have_to_be_in_one_piece() {
    let fake = Fake::default();
    let free = Path::new(DRIVER).join("0000:00:04.0/avail_resources");
    fake.put(&free.join("max_ctg_hl_entries"), "100");
    let text = "[domains.a]\nnum_hist_list_entries = 200\n[domains.b]";
    let wanted = file::parse("x.toml", text).unwrap();
    let plan = Plan::to(&wanted, Permissions::default(), &fake).unwrap();
    let short = shortages(&wanted, &plan, &fake).unwrap();
    assert_eq!(short.len(), 1, "{short:?}");
    assert_eq!(
        short[0].to_string(),
        "x.toml:2: dlb0 has 100 num_hist_list_entries in one piece free, but 200 are asked for \
         by domain `a`"
    );
}

#[test]
fn a_shortage_names_those_who_cause_it() {
    let text = "[domains.a.ldb_ports.p]\n[domains.b]\nnum_hist_list_entries = 2000\n\
                [domains.c.ldb_queues.q]\n";
    let wanted = file::parse("x.toml", text).unwrap();
    let fake = Fake::default();
    let plan = Plan::to(&wanted, Permissions::default(), &fake).unwrap();
    let short = shortages(&wanted, &plan, &fake).unwrap();
    assert_eq!(short.len(), 1, "{short:?}");
    assert_eq!(
        short[0].to_string(),
        "x.toml:3: dlb0 has 2048 num_hist_list_entries free, but 2064 are asked for by domains \
         `a`, `b`"
    );
}

#[test]
fn an_interruption_leaves_nothing() {
    let fake = Fake::default();
    let before = fake.snapshot();
    let plan = Plan::to(&example(), Permissions::default(), &fake).unwrap();
    let calls = std::cell::Cell::new(0);
    let interrupted = || {
        calls.set(calls.get() + 1);
        calls.get() == 5
    };
    let failure = plan.run(&fake, &interrupted, |_| ()).unwrap_err();
    assert!(failure.to_string().contains("interrupted"));
    assert_eq!(fake.snapshot(), before);
}

/// A domain that makes sense, but need not fit.
fn domain(name: &'static str) -> impl Strategy<Value = Domain> {
    let word = |words: &'static [&'static str]| proptest::sample::select(words);
    let own = (
        any::<bool>(),
        word(&["auto", "100", "9000"]),
        word(&["directory", "file"]),
        word(&["0", "1"]),
        word(&["auto", "dlb0"]),
    );
    let queue = (
        word(&["0", "64"]),
        word(&["0", "64", "100"]),
        word(&["0", "64", "65536"]),
    );
    let port = (
        word(&["1", "8", "64", "1024"]),
        word(&["any", "0", "3"]),
        word(&["0", "1"]),
        proptest::collection::btree_map(0..4usize, 0..8u8, 0..4),
    );
    let dir_port = (word(&["8", "256"]), word(&["0", "1"]), any::<bool>());
    (
        own,
        proptest::collection::vec(queue, 0..4),
        proptest::collection::vec(port, 0..4),
        proptest::collection::vec(dir_port, 0..4),
    )
        .prop_map(move |(own, queues, ports, dir_ports)| {
            let mut domain = Domain::new(name);
            domain.enable = own.0;
            for (attribute, value) in [
                ("num_ldb_credits", own.1),
                ("lifetime", own.2),
                ("scheduling", own.3),
                ("device", own.4),
            ] {
                domain.object.set(attribute, value).unwrap();
            }
            for (at, (numbers, inflights, level)) in queues.iter().enumerate() {
                let mut queue = Object::new(Kind::LdbQueue, &format!("q.{at}"));
                queue.set("num_sequence_numbers", numbers).unwrap();
                queue.set("num_atomic_inflights", inflights).unwrap();
                queue.set("lock_id_comp_level", level).unwrap();
                domain.add(queue);
            }
            for (at, (depth, class, enabled, links)) in ports.iter().enumerate() {
                let mut port = Object::new(Kind::LdbPort, &format!("w{at}"));
                port.set("cq_depth", depth).unwrap();
                port.set("cos", class).unwrap();
                port.set("enabled", enabled).unwrap();
                let links: Vec<_> = links
                    .iter()
                    .filter(|(queue, _)| **queue < queues.len())
                    .map(|(queue, priority)| format!("q.{queue}:{priority}"))
                    .collect();
                port.set("links", &links.join(" ")).unwrap();
                domain.add(port);
            }
            for (at, (depth, producer, consumes)) in dir_ports.iter().enumerate() {
                let mut port = Object::new(Kind::DirPort, &format!("d{at}"));
                port.set("cq_depth", depth).unwrap();
                port.set("producer", producer).unwrap();
                if *consumes {
                    port.set("queue", &format!("dq{at}")).unwrap();
                    domain.add(Object::new(Kind::DirQueue, &format!("dq{at}")));
                }
                domain.add(port);
            }
            domain
        })
}

fn topology() -> impl Strategy<Value = Topology> {
    (
        proptest::option::of(domain("one")),
        proptest::option::of(domain("two")),
    )
        .prop_map(|(one, two)| Topology {
            domains: one
                .into_iter()
                .chain(two)
                .map(|domain| (domain.name().to_string(), domain))
                .collect(),
            ..Topology::default()
        })
}

proptest! {
    #[test]
    fn what_is_saved_reads_the_same(topology in topology()) {
        let text = file::format(&topology);
        let again = file::parse("x.toml", &text).map_err(|p| TestCaseError::fail(format!("{p:?}")))?;
        prop_assert_eq!(file::format(&again), text);
    }

    #[test]
    fn any_topology_becomes_any_other_or_stays(first in topology(), second in topology()) {
        let fake = Fake::default();
        for wanted in [first, second] {
            let before = fake.snapshot();
            let plan = Plan::to(&wanted, ALL, &fake).unwrap();
            let fits = shortages(&wanted, &plan, &fake).unwrap().is_empty();
            match plan.run(&fake, &|| false, |_| ()) {
                Ok(()) => {
                    prop_assert!(fits);
                    prop_assert_eq!(file::format(&read(&fake)), file::format(&wanted));
                    prop_assert!(Plan::to(&wanted, ALL, &fake).unwrap().steps.is_empty());
                }
                Err(failure) => {
                    prop_assert!(!fits, "{}", failure);
                    prop_assert_eq!(failure.left.len(), 0, "{}", failure);
                    prop_assert_eq!(fake.snapshot(), before);
                }
            }
        }
    }

    #[test]
    fn a_failure_anywhere_leaves_all_as_it_was(
        first in topology(),
        second in topology(),
        at in 0u32..60,
    ) {
        let fake = Fake::default();
        let _ = apply(&fake, &first, ALL);
        let before = fake.snapshot();
        let plan = Plan::to(&second, ALL, &fake).unwrap();
        fake.fail_at(at);
        // A plan that failed by itself may meet the injected failure on the way back.
        match plan.run(&fake, &|| false, |_| ()) {
            Err(failure) if failure.to_string().contains("failed: injected") => {
                prop_assert_eq!(fake.snapshot(), before);
            }
            _ => (),
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[\\[\\]a-z.=\"{}0-9 \n,-]{0,80}") {
        let _ = file::parse("x.toml", &text);
    }
}

/// A machine to which something happens when a file or directory is looked at.
struct Meanwhile<'a, F: Fn(&Path)> {
    fake: &'a Fake,
    looked: F,
}

impl<F: Fn(&Path)> Files for Meanwhile<'_, F> {
    fn read(&self, path: &Path) -> io::Result<String> {
        (self.looked)(path);
        self.fake.read(path)
    }
    fn write(&self, path: &Path, value: &str) -> io::Result<()> {
        self.fake.write(path, value)
    }
    fn mkdir(&self, path: &Path) -> io::Result<()> {
        self.fake.mkdir(path)
    }
    fn rmdir(&self, path: &Path) -> io::Result<()> {
        self.fake.rmdir(path)
    }
    fn directories(&self, path: &Path) -> io::Result<Vec<String>> {
        self.fake.directories(path)
    }
    fn exists(&self, path: &Path) -> bool {
        self.fake.exists(path)
    }
}

#[test]
fn what_is_removed_while_it_is_read_is_not_there() {
    let fake = Fake::default();
    let text = format!("{}\n[domains.b]", file::format(&example()));
    apply(&fake, &file::parse("x.toml", &text).unwrap(), ALL).unwrap();

    // One port, by somebody who changes the domain.
    let port = Path::new(CONFIGFS).join("a/ldb_ports/r");
    let looked = |path: &Path| {
        if path.starts_with(&port) {
            fake.hide_all(&port);
        }
    };
    let other = Meanwhile {
        fake: &fake,
        looked,
    };
    let live = read_domains(&other).unwrap();
    assert_eq!(live.len(), 2);
    let ports: Vec<_> = live[0].domain.shelf(Kind::LdbPort).keys().collect();
    assert_eq!(ports, ["p"]);

    // All of a domain.
    let domain = Path::new(CONFIGFS).join("a");
    let looked = |path: &Path| {
        if path.starts_with(domain.join("dir_ports")) {
            fake.hide_all(&domain);
        }
    };
    let other = Meanwhile {
        fake: &fake,
        looked,
    };
    let names: Vec<_> = read_domains(&other)
        .unwrap()
        .iter()
        .map(|live| live.domain.name().to_string())
        .collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn a_device_counts_while_it_has_a_number() {
    let fake = Fake::default();
    let device = Path::new(DRIVER).join("0000:00:05.0");
    // The kernel's own files are there before those of the driver.
    fake.put(&device.join("device"), "0x2710");
    assert_eq!(read_devices(&fake).unwrap().len(), 1);
    apply(&fake, &example(), ALL).unwrap();
    fake.put(&device.join("dev_id"), "1");
    assert_eq!(read_devices(&fake).unwrap()[1].name, "dlb1");
    // It goes while it is read.
    let looked = |path: &Path| {
        if path == device.join("device") {
            fake.hide_all(&device);
        }
    };
    let other = Meanwhile {
        fake: &fake,
        looked,
    };
    assert_eq!(read_devices(&other).unwrap().len(), 1);
}

#[test]
fn arbiters_are_given_back_what_they_were_told() {
    let text = "[devices.dlb0.tuning]\nqe_sa_pct = 7\nqid_weights = \"1 2 3 4\"\n\
                [domains.a]\nnum_ldb_credits = 9000";
    let wanted = file::parse("x.toml", text).unwrap();
    for (percent, weights) in [("qe_sa_pct", "qid_weights"), ("qid_sa_pct", "qe_weights")] {
        let fake = Fake::default();
        let at = |name: &str| Path::new(DRIVER).join("0000:00:04.0/tuning").join(name);
        fake.write(&at(percent), "9").unwrap();
        fake.write(&at(weights), "5 6 7 8").unwrap();
        let before = fake.snapshot();
        let failure = apply(&fake, &wanted, ALL).unwrap_err();
        assert!(failure.ends_with("all was left as before"), "{failure}");
        assert_eq!(fake.snapshot(), before);
    }
}

#[test]
fn who_interrupts_gets_back_what_was() {
    let text = "[devices.dlb0.tuning]\nqe_sa_pct = 7\nqid_weights = \"1 2 3 4\"";
    let wanted = file::parse("x.toml", text).unwrap();
    let fake = Fake::default();
    let at = |name: &str| Path::new(DRIVER).join("0000:00:04.0/tuning").join(name);
    fake.write(&at("qid_sa_pct"), "9").unwrap();
    fake.write(&at("qe_weights"), "5 6 7 8").unwrap();
    let before = fake.snapshot();
    let plan = Plan::to(&wanted, ALL, &fake).unwrap();
    for patience in 0..plan.steps.len() {
        let done = Cell::new(0);
        let tell = |_: &Step| done.set(done.get() + 1);
        if let Err(failure) = plan.run(&fake, &|| done.get() >= patience, tell) {
            assert_eq!(failure.left, [""; 0], "after {patience} steps");
            assert_eq!(fake.snapshot(), before, "after {patience} steps");
        }
    }
}

#[test]
fn who_may_not_enable_is_not_told_of_another_failure() {
    let fake = Fake::default();
    let text = "[domains.a]\nnum_ldb_credits = 9000";
    let wanted = file::parse("x.toml", text).unwrap();
    apply(
        &fake,
        &file::parse("x.toml", &format!("{text}\nenable = false")).unwrap(),
        ALL,
    )
    .unwrap();
    assert!(apply(&fake, &wanted, ALL)
        .unwrap_err()
        .contains("9000, 8192"));
    fake.forbid(&Path::new(CONFIGFS).join("a/enable"));
    let failure = apply(&fake, &wanted, ALL).unwrap_err();
    assert!(failure.contains("you need the permission"), "{failure}");
}
