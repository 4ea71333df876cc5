// SPDX-License-Identifier: GPL-2.0

//! What each file of a domain says before anybody wrote to it, what it takes and what it refuses.

use std::fs;
use std::path::Path;

use crate::errno::{self, Errno};
use crate::ktap::{Outcome, Suite};
use crate::tree::{self, Domain, Object};
use crate::{ensure, ensure_eq};

/// A file that describes: its value at first, what it takes, what it refuses and with what.
struct Setting {
    name: &'static str,
    first: &'static str,
    good: &'static [&'static str],
    bad: &'static [(&'static str, Errno)],
}

/// A file that reports: its value in a domain that was never enabled.
struct Report {
    name: &'static str,
    first: &'static str,
}

/// What any file that takes a number refuses, whatever its range.
const NO_NUMBER: &[(&str, Errno)] = &[
    ("", errno::EINVAL),
    ("\n", errno::EINVAL),
    ("many", errno::EINVAL),
    ("-1", errno::ERANGE),
    ("-", errno::EINVAL),
    ("+1", errno::EINVAL),
    ("1 2", errno::EINVAL),
    ("1.5", errno::EINVAL),
    ("0x", errno::EINVAL),
    ("99999999999999999999", errno::ERANGE),
    ("4294967296", errno::ERANGE),
];

/// What a file that is 0 or 1 refuses beyond that.
const NO_SWITCH: &[(&str, Errno)] = &[
    ("2", errno::ERANGE),
    ("y", errno::EINVAL),
    ("on", errno::EINVAL),
];

const DOMAIN: &[Setting] = &[
    Setting {
        name: "device",
        first: "auto",
        good: &["dlb0", "dlb15", "auto"],
        bad: &[
            ("", errno::EINVAL),
            ("dlb", errno::EINVAL),
            ("dlbx", errno::EINVAL),
            ("0", errno::EINVAL),
            ("card0", errno::EINVAL),
            ("Auto", errno::EINVAL),
        ],
    },
    Setting {
        name: "lifetime",
        first: "directory",
        good: &["file", "directory"],
        bad: &[
            ("", errno::EINVAL),
            ("forever", errno::EINVAL),
            ("File", errno::EINVAL),
            ("0", errno::EINVAL),
            ("file directory", errno::EINVAL),
        ],
    },
    count("num_ldb_credits", &["0", "8192", "4294967295", "auto"], &[]),
    count("num_dir_credits", &["0", "8192", "4294967295", "auto"], &[]),
    count("num_credits", &["0", "8192", "4294967295", "auto"], &[]),
    count("num_hist_list_entries", &["0", "2048", "auto"], &[]),
    count("num_atomic_inflights", &["0", "2048", "auto"], &[]),
    count("num_sn0_slots", &["0", "16", "auto"], &[]),
    count("num_sn1_slots", &["0", "16", "auto"], &[]),
    count("num_cos0_ldb_ports", &["0", "16", "auto"], &[]),
    count("num_cos1_ldb_ports", &["0", "16", "auto"], &[]),
    count("num_cos2_ldb_ports", &["0", "16", "auto"], &[]),
    count("num_cos3_ldb_ports", &["0", "16", "auto"], &[]),
    switch("cos_strict", "0"),
    switch("scheduling", "1"),
];

const DOMAIN_REPORTS: &[Report] = &[
    report("enable", "0"),
    report("state", "configuring"),
    report("error", ""),
    report("id", "-1"),
    report("owner", "none"),
    report("alerts", "0"),
];

const LDB_QUEUE: &[Setting] = &[
    Setting {
        name: "num_sequence_numbers",
        first: "0",
        good: &["64", "128", "256", "512", "1024", "0"],
        bad: &[
            ("1", errno::ERANGE),
            ("32", errno::ERANGE),
            ("63", errno::ERANGE),
            ("65", errno::ERANGE),
            ("1025", errno::ERANGE),
            ("2048", errno::ERANGE),
            ("auto", errno::EINVAL),
        ],
    },
    count(
        "num_qid_inflights",
        &["1", "64", "2048", "auto"],
        &[("0", errno::ERANGE), ("2049", errno::ERANGE)],
    ),
    number(
        "num_atomic_inflights",
        "64",
        &["0", "1", "2048", "64"],
        &[("2049", errno::ERANGE), ("auto", errno::EINVAL)],
    ),
    number(
        "lock_id_comp_level",
        "0",
        &[
            "64", "128", "256", "512", "1024", "2048", "4096", "65536", "0",
        ],
        &[
            ("1", errno::ERANGE),
            ("100", errno::ERANGE),
            ("8192", errno::ERANGE),
            ("65535", errno::ERANGE),
            ("65537", errno::ERANGE),
        ],
    ),
    number(
        "depth_threshold",
        "256",
        &["0", "1", "8191", "256"],
        &[("8192", errno::ERANGE)],
    ),
];

const LDB_QUEUE_REPORTS: &[Report] = &[
    report("id", "-1"),
    report("depth", "0"),
    report("inflights", "0"),
    report("atomic_active", "0"),
    report("enqueued", "0"),
];

const DIR_QUEUE: &[Setting] = &[
    number(
        "depth_threshold",
        "256",
        &["0", "1", "8191", "256"],
        &[("8192", errno::ERANGE)],
    ),
    Setting {
        name: "port",
        first: "",
        good: &["p", "a-port.that_is.not-there", ""],
        bad: BAD_NAMES,
    },
];

const DIR_QUEUE_REPORTS: &[Report] = &[
    report("id", "-1"),
    report("depth", "0"),
    report("enqueued", "0"),
];

const LDB_PORT: &[Setting] = &[
    CQ_DEPTH,
    count(
        "cq_history_list_size",
        &["1", "64", "2048", "auto"],
        &[("0", errno::ERANGE), ("2049", errno::ERANGE)],
    ),
    CQ_DEPTH_THRESHOLD,
    Setting {
        name: "cos",
        first: "any",
        good: &["0", "1", "2", "3", "any"],
        bad: &[
            ("", errno::EINVAL),
            ("4", errno::ERANGE),
            ("-1", errno::ERANGE),
            ("auto", errno::EINVAL),
        ],
    },
    switch("cos_strict", "0"),
    number(
        "cq_weight_limit",
        "0",
        &["1", "64", "1024", "0"],
        &[("1025", errno::ERANGE)],
    ),
    number(
        "inflight_threshold",
        "0",
        &["1", "2048", "0"],
        &[("2049", errno::ERANGE)],
    ),
    switch("enabled", "1"),
];

const LDB_PORT_REPORTS: &[Report] = &[
    report("links", ""),
    report("pending_unlinks", "0"),
    report("id", "-1"),
    report("dev", "none"),
    report("cq_occupancy", "0"),
    report("inflights", "0"),
    report("scheduled", "0"),
];

const DIR_PORT: &[Setting] = &[
    CQ_DEPTH,
    CQ_DEPTH_THRESHOLD,
    switch("producer", "0"),
    Setting {
        name: "queue",
        first: "",
        good: &["q", "a-queue.that_is.not-there", ""],
        bad: BAD_NAMES,
    },
    switch("enabled", "1"),
];

const DIR_PORT_REPORTS: &[Report] = &[
    report("id", "-1"),
    report("dev", "none"),
    report("cq_occupancy", "0"),
    report("scheduled", "0"),
];

const CQ_DEPTH: Setting = number(
    "cq_depth",
    "64",
    &[
        "1", "2", "4", "8", "16", "32", "128", "256", "512", "1024", "64",
    ],
    &[
        ("0", errno::ERANGE),
        ("3", errno::ERANGE),
        ("48", errno::ERANGE),
        ("1023", errno::ERANGE),
        ("2048", errno::ERANGE),
        ("auto", errno::EINVAL),
    ],
);

const CQ_DEPTH_THRESHOLD: Setting = number(
    "cq_depth_threshold",
    "1",
    &["2", "1024", "1"],
    &[("0", errno::ERANGE), ("1025", errno::ERANGE)],
);

const BAD_NAMES: &[(&str, Errno)] = &[
    ("two words", errno::EINVAL),
    ("a/b", errno::EINVAL),
    (".hidden", errno::EINVAL),
];

const fn report(name: &'static str, first: &'static str) -> Report {
    Report { name, first }
}

/// A number, or "auto", which is also what it is at first.
const fn count(
    name: &'static str,
    good: &'static [&'static str],
    bad: &'static [(&'static str, Errno)],
) -> Setting {
    Setting {
        name,
        first: "auto",
        good,
        bad,
    }
}

const fn number(
    name: &'static str,
    first: &'static str,
    good: &'static [&'static str],
    bad: &'static [(&'static str, Errno)],
) -> Setting {
    Setting {
        name,
        first,
        good,
        bad,
    }
}

/// A switch: 0 or 1, ending on what it was at first.
const fn switch(name: &'static str, first: &'static str) -> Setting {
    Setting {
        name,
        first,
        good: if first.as_bytes()[0] == b'0' {
            &["1", "0"]
        } else {
            &["0", "1"]
        },
        bad: NO_SWITCH,
    }
}

impl Setting {
    /// Whether the file takes numbers, so that it must refuse what is none.
    fn numeric(&self) -> bool {
        self.good.iter().any(|v| v.parse::<u32>().is_ok()) && self.name != "cos"
    }

    fn check(&self, obj: &Object) -> Outcome {
        let name = self.name;
        let file = obj.file(name);
        ensure_eq!(obj.get(name)?, self.first, "{name} at first");
        for &value in self.good {
            for text in [value.to_owned(), format!("{value}\n")] {
                if text.is_empty() {
                    // An empty string cannot be written as such; the newline stands for it.
                    continue;
                }
                tree::put(&file, text.as_bytes())
                    .map_err(|e| format!("{name} refuses {text:?} with {e}"))?;
                ensure_eq!(obj.get(name)?, value, "{name} after {text:?}");
            }
        }
        let last = obj.get(name)?;
        let none: &[(&str, Errno)] = if self.numeric() { NO_NUMBER } else { &[] };
        for &(text, want) in self.bad.iter().chain(none) {
            let have = if text.is_empty() {
                // configfs hands no empty write(2) on, so the shortest is a newline.
                tree::put(&file, b"\n")
            } else {
                tree::put(&file, text.as_bytes())
            };
            ensure_eq!(have, Err(want), "{name} given {text:?}");
            ensure_eq!(obj.get(name)?, last, "{name} after a refused {text:?}");
        }
        Ok(())
    }
}

impl Report {
    fn check(&self, obj: &Object) -> Outcome {
        ensure_eq!(obj.get(self.name)?, self.first, "{} at first", self.name);
        Ok(())
    }
}

/// Each file once, and no file but these.
fn check_all(obj: &Object, settings: &[Setting], reports: &[Report]) -> Outcome {
    let mut failed = Vec::new();
    for setting in settings {
        if let Err(why) = setting.check(obj) {
            failed.push(why);
        }
    }
    for report in reports {
        if let Err(why) = report.check(obj) {
            failed.push(why);
        }
    }
    let mut want: Vec<_> = settings.iter().map(|s| s.name.to_owned()).collect();
    want.extend(reports.iter().map(|r| r.name.to_owned()));
    want.sort();
    let mut have = Vec::new();
    for name in tree::names(&obj.0)? {
        if obj.file(&name).is_file() {
            have.push(name);
        }
    }
    if have != want {
        failed.push(format!("files are {have:?}, want {want:?}"));
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n"))
    }
}

/// Files that only report refuse to be opened for writing.
fn read_only(obj: &Object, names: &[&str]) -> Outcome {
    for name in names {
        let mode = fs::metadata(obj.file(name)).map_err(Errno::from)?;
        use std::os::unix::fs::PermissionsExt;
        ensure_eq!(mode.permissions().mode() & 0o777, 0o444, "mode of {name}");
    }
    Ok(())
}

fn domain_names() -> Outcome {
    let long = "x".repeat(63);
    for good in ["a", "A.b-c_9", "9", "_", long.as_str()] {
        let domain = Domain::make(good).map_err(|e| format!("mkdir {good:?}: {e}"))?;
        domain
            .remove()
            .map_err(|e| format!("rmdir {good:?}: {e}"))?;
    }
    let longer = "x".repeat(64);
    for bad in [
        longer.as_str(),
        ".hidden",
        "a b",
        "a:b",
        "a+b",
        "ä",
        "a\nb",
        "...",
        "-",
        "-q",
    ] {
        let have = fs::create_dir(Path::new(tree::ROOT).join(bad)).map_err(Errno::from);
        ensure_eq!(have, Err(errno::EINVAL), "mkdir of domain {bad:?}");
    }
    let _first = Domain::make("twice")?;
    let again = Domain::make("twice").err();
    ensure_eq!(again, Some(errno::EEXIST), "the same domain twice");
    Ok(())
}

fn object_names() -> Outcome {
    let domain = Domain::make("names")?;
    for shelf in tree::SHELVES {
        for good in ["a", "A.b-c_9"] {
            let obj = domain
                .add(shelf, good)
                .map_err(|e| format!("mkdir {shelf}/{good}: {e}"))?;
            ensure_eq!(
                domain.add(shelf, good).err(),
                Some(errno::EEXIST),
                "{shelf}/{good} twice"
            );
            obj.remove()
                .map_err(|e| format!("rmdir {shelf}/{good}: {e}"))?;
        }
        let longer = "x".repeat(64);
        for bad in [longer.as_str(), ".hidden", "-q", "a b", "a:b", "a+b"] {
            let have = domain.add(shelf, bad).err();
            ensure_eq!(have, Some(errno::EINVAL), "mkdir {shelf}/{bad:?}");
        }
    }
    for shelf in ["ldb_ports", "dir_ports"] {
        let have = domain.add(shelf, "alerts").err();
        ensure_eq!(have, Some(errno::EINVAL), "a port called alerts on {shelf}");
    }
    for shelf in ["ldb_queues", "dir_queues"] {
        domain.add(shelf, "alerts")?.remove()?;
    }
    let port = domain.add("ldb_ports", "p")?;
    ensure_eq!(
        domain.add("dir_ports", "p").err(),
        Some(errno::EEXIST),
        "a DIR port with the name of an LDB port"
    );
    port.remove()?;
    let _ = domain.add("dir_ports", "p")?;
    ensure_eq!(
        domain.add("ldb_ports", "p").err(),
        Some(errno::EEXIST),
        "an LDB port with the name of a DIR port"
    );
    Ok(())
}

fn shelves() -> Outcome {
    let domain = Domain::make("shelves")?;
    let mut dirs = Vec::new();
    for name in tree::names(&domain.obj.0)? {
        if domain.obj.file(&name).is_dir() {
            dirs.push(name);
        }
    }
    ensure_eq!(dirs, tree::SHELVES, "directories of a new domain");
    for shelf in tree::SHELVES {
        let path = domain.obj.file(shelf);
        ensure_eq!(
            tree::names(&path)?,
            Vec::<String>::new(),
            "{shelf} at first"
        );
        let gone = fs::remove_dir(&path).map_err(Errno::from);
        ensure!(gone.is_err(), "the shelf {shelf} could be removed");
    }
    let made = fs::create_dir(domain.obj.file("more")).map_err(Errno::from);
    ensure!(
        made.is_err(),
        "a directory beside the shelves could be made"
    );
    let _ = domain.add("ldb_queues", "q")?;
    ensure_eq!(
        domain.obj.remove(),
        Err(errno::ENOTEMPTY),
        "rmdir of a domain with a queue"
    );
    Ok(())
}

fn links() -> Outcome {
    let domain = Domain::make("links")?;
    let port = domain.add("ldb_ports", "p")?;
    let set = |value: &str| port.set("links", value);
    let shows = |want: &str| -> Outcome {
        ensure_eq!(port.get("links")?, want, "links");
        Ok(())
    };
    set("q0:0 q1:7")?;
    shows("q0:0 q1:7")?;
    set("+q2:3")?;
    shows("q0:0 q1:7 q2:3")?;
    set("+q2:4").map_err(|e| format!("a new priority by +: {e}"))?;
    shows("q0:0 q1:7 q2:4")?;
    set("-q1")?;
    shows("q0:0 q2:4")?;
    set("-q0 +q3:1 -q2 +q4:2")?;
    shows("q3:1 q4:2")?;
    set("")?;
    shows("")?;
    set("a:0 b:0 c:0 d:0 e:0 f:0 g:0 h:0")?;
    let full = port.get("links")?;
    ensure_eq!(set("+i:0"), Err(errno::ENOSPC), "a ninth link by +");
    shows(&full)?;
    ensure_eq!(
        set("a:0 b:0 c:0 d:0 e:0 f:0 g:0 h:0 i:0"),
        Err(errno::ENOSPC),
        "nine links"
    );
    shows(&full)?;
    for (bad, want) in [
        ("q0:8", errno::ERANGE),
        ("q0:-1", errno::ERANGE),
        ("q0:x", errno::EINVAL),
        ("q0:", errno::EINVAL),
        (":1", errno::EINVAL),
        ("a:0 a:1", errno::EINVAL),
        ("a:0 a:0", errno::EINVAL),
        ("-nobody", errno::ENOENT),
        ("-a i:0", errno::EINVAL),
        ("i:0 -a", errno::EINVAL),
        ("+a:0:0", errno::EINVAL),
        (".q:0", errno::EINVAL),
        ("a/b:0", errno::EINVAL),
    ] {
        ensure_eq!(set(bad), Err(want), "links given {bad:?}");
        shows(&full)?;
    }
    Ok(())
}

/// A write of more than a page: configfs cuts at a page, and what it hands on is no number.
fn long_writes() -> Outcome {
    let domain = Domain::make("long")?;
    let text = "7".repeat(4000);
    for name in [
        "num_ldb_credits",
        "lifetime",
        "device",
        "enable",
        "scheduling",
    ] {
        let have = tree::put(&domain.obj.file(name), text.as_bytes());
        ensure!(have.is_err(), "{name} took 4000 digits");
    }
    let port = domain.add("ldb_ports", "p")?;
    let have = tree::put(&port.file("links"), "x:1 ".repeat(1000).as_bytes());
    ensure!(have.is_err(), "links took a thousand links");
    let have = tree::put(&port.file("links"), &[0xff, 0xfe, b'\n']);
    ensure_eq!(have, Err(errno::EINVAL), "links given no UTF-8");
    let have = tree::put(&port.file("cq_depth"), b"8\0\n");
    ensure_eq!(have, Err(errno::EINVAL), "cq_depth given a zero byte");
    Ok(())
}

/// An empty write(2) changes nothing; configfs itself answers it.
fn empty_writes() -> Outcome {
    let domain = Domain::make("empty")?;
    for name in ["enable", "lifetime"] {
        let have = tree::put_empty(&domain.obj.file(name));
        ensure!(
            have.is_ok() || have == Err(errno::EFAULT),
            "{name}: {have:?}"
        );
    }
    ensure_eq!(domain.get("state")?, "configuring", "state");
    ensure_eq!(domain.get("lifetime")?, "directory", "lifetime");
    Ok(())
}

fn bad_enable() -> Outcome {
    let domain = Domain::make("bad")?;
    for (text, want) in [
        ("2", errno::ERANGE),
        ("yes", errno::EINVAL),
        ("\n", errno::EINVAL),
        ("-1", errno::ERANGE),
    ] {
        let have = tree::put(&domain.obj.file("enable"), text.as_bytes());
        ensure_eq!(have, Err(want), "enable given {text:?}");
    }
    ensure_eq!(domain.get("state")?, "configuring", "state");
    domain
        .disable()
        .map_err(|e| format!("0 while not enabled: {e}"))?;
    Ok(())
}

pub fn run(t: &mut Suite) {
    t.case("domain names", domain_names);
    t.case("object names", object_names);
    t.case("shelves", shelves);
    t.case("domain files", || {
        check_all(&Domain::bare("d")?.obj, DOMAIN, DOMAIN_REPORTS)
    });
    t.case("ldb_queues files", || {
        let d = Domain::make("d")?;
        check_all(&d.add("ldb_queues", "q")?, LDB_QUEUE, LDB_QUEUE_REPORTS)
    });
    t.case("dir_queues files", || {
        let d = Domain::make("d")?;
        check_all(&d.add("dir_queues", "q")?, DIR_QUEUE, DIR_QUEUE_REPORTS)
    });
    t.case("ldb_ports files", || {
        let d = Domain::make("d")?;
        check_all(&d.add("ldb_ports", "p")?, LDB_PORT, LDB_PORT_REPORTS)
    });
    t.case("dir_ports files", || {
        let d = Domain::make("d")?;
        check_all(&d.add("dir_ports", "p")?, DIR_PORT, DIR_PORT_REPORTS)
    });
    t.case("files that only report", || {
        let d = Domain::make("d")?;
        let names = |reports: &[Report], live: &str| -> Vec<_> {
            let all = reports.iter().map(|r| r.name);
            all.filter(|name| *name != live).collect()
        };
        read_only(&d.obj, &names(DOMAIN_REPORTS, "enable"))?;
        read_only(&d.add("ldb_queues", "q")?, &names(LDB_QUEUE_REPORTS, ""))?;
        read_only(&d.add("dir_queues", "q")?, &names(DIR_QUEUE_REPORTS, ""))?;
        read_only(&d.add("ldb_ports", "p")?, &names(LDB_PORT_REPORTS, "links"))?;
        read_only(&d.add("dir_ports", "r")?, &names(DIR_PORT_REPORTS, ""))
    });
    t.case("links", links);
    t.case("enable refuses words", bad_enable);
    t.case("long and binary writes", long_writes);
    t.case("empty writes", empty_writes);
    t.case("the kernel log is clean", tree::log_is_clean);
}
