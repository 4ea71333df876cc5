// SPDX-License-Identifier: GPL-2.0

//! The device's own files: totals, and settings with what they take and refuse.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::enable::{small, why};
use crate::errno::{self, Errno};
use crate::ktap::{Outcome, Suite};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

const SOON: Duration = Duration::from_secs(10);

/// A setting: its value at first, what it takes, what it refuses and with what.
struct Setting {
    name: &'static str,
    first: &'static str,
    good: &'static [&'static str],
    bad: &'static [(&'static str, Errno)],
}

const SLOTS: [&str; 5] = ["64", "128", "256", "512", "1024"];

const SETTINGS: &[Setting] = &[
    slots("sequence_numbers/group0_sns_per_queue"),
    slots("sequence_numbers/group1_sns_per_queue"),
    percent("cos_bw/cos0_bw_percent", "25"),
    percent("cos_bw/cos1_bw_percent", "25"),
    percent("cos_bw/cos2_bw_percent", "25"),
    percent("cos_bw/cos3_bw_percent", "25"),
    Setting {
        name: "ingress_err_en",
        first: "1",
        good: &["0", "1"],
        bad: &[("2", errno::ERANGE), ("on", errno::EINVAL)],
    },
    Setting {
        name: "tuning/cq_layout",
        first: "sparse",
        good: &["packed", "sparse"],
        bad: &[
            ("dense", errno::EINVAL),
            ("1", errno::EINVAL),
            ("", errno::EINVAL),
        ],
    },
    Setting {
        name: "tuning/cq_watchdog_seconds",
        first: "10",
        good: &["0", "1", "40", "10"],
        bad: &[
            ("2", errno::ERANGE),
            ("41", errno::ERANGE),
            ("never", errno::EINVAL),
        ],
    },
    Setting {
        name: "tuning/qe_sa_pct",
        first: "1",
        good: &["0", "100", "1"],
        bad: &[
            ("101", errno::ERANGE),
            ("-1", errno::ERANGE),
            ("", errno::EINVAL),
        ],
    },
    Setting {
        name: "tuning/qid_sa_pct",
        first: "0",
        good: &["1", "100", "0"],
        bad: &[("101", errno::ERANGE), ("", errno::EINVAL)],
    },
    weights("tuning/qe_weights", "249 251 253 255"),
    weights("tuning/qid_weights", "255 255 255 255"),
];

const WRR: Setting = Setting {
    name: "tuning/qidx_wrr_weight",
    first: "0",
    good: &["1", "7", "0"],
    bad: &[("8", errno::ERANGE), ("", errno::EINVAL)],
};

const fn slots(name: &'static str) -> Setting {
    Setting {
        name,
        first: "64",
        good: &["128", "256", "512", "1024", "64"],
        bad: &[
            ("0", errno::ERANGE),
            ("32", errno::ERANGE),
            ("65", errno::ERANGE),
            ("2048", errno::ERANGE),
            ("auto", errno::EINVAL),
            ("", errno::EINVAL),
        ],
    }
}

const fn weights(name: &'static str, first: &'static str) -> Setting {
    Setting {
        name,
        first,
        good: match first.as_bytes() {
            b"255 255 255 255" => &["0 0 0 0", "10 20 20 255", "255 255 255 255"],
            _ => &["0 0 0 0", "10 20 20 255", "249 251 253 255"],
        },
        bad: &[
            ("256 256 256 256", errno::ERANGE),
            ("-1 0 0 0", errno::ERANGE),
            ("10 9 20 255", errno::EINVAL),
            ("1 2 3", errno::EINVAL),
            ("1 2 3 4 5", errno::EINVAL),
            ("a b c d", errno::EINVAL),
            ("", errno::EINVAL),
        ],
    }
}

const fn percent(name: &'static str, first: &'static str) -> Setting {
    Setting {
        name,
        first,
        good: &["0", "1", "25"],
        bad: &[
            ("101", errno::ERANGE),
            ("256", errno::ERANGE),
            ("26", errno::EINVAL),
            ("100", errno::EINVAL),
            ("x", errno::EINVAL),
            ("", errno::EINVAL),
        ],
    }
}

fn check(dev: &Device, setting: &Setting) -> Outcome {
    let Setting { name, first, .. } = setting;
    let file = dev.obj.file(name);
    ensure_eq!(dev.obj.get(name)?, *first, "{name} at first");
    for value in setting.good {
        dev.obj
            .set(name, value)
            .map_err(|e| format!("{name} refuses {value}: {e}"))?;
        ensure_eq!(dev.obj.get(name)?, *value, "{name}");
    }
    for &(text, want) in setting.bad {
        let have = tree::put(&file, format!("{text}\n").as_bytes());
        ensure_eq!(have, Err(want), "{name} given {text:?}");
        ensure_eq!(
            dev.obj.get(name)?,
            *first,
            "{name} after a refused {text:?}"
        );
    }
    Ok(())
}

fn settings() -> Outcome {
    let dev = Device::first()?;
    let mut failed = Vec::new();
    for setting in SETTINGS {
        failed.extend(check(&dev, setting).err());
    }
    if dev.is_v25() {
        failed.extend(check(&dev, &WRR).err());
    } else if dev.obj.file(WRR.name).exists() {
        failed.push(format!("{} is there on DLB 2.0", WRR.name));
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// A percentage and weights are two ways to say one thing: the last one counts.
fn weights_and_percentages() -> Outcome {
    let dev = Device::first()?;
    for (kind, default) in [("qe", "1"), ("qid", "0")] {
        let (percent, weights) = (
            format!("tuning/{kind}_sa_pct"),
            format!("tuning/{kind}_weights"),
        );
        dev.obj.set(&percent, 100)?;
        ensure_eq!(dev.obj.get(&weights)?, "63 127 191 255", "{weights}");
        dev.obj.set(&weights, "1 2 3 4")?;
        ensure_eq!(dev.obj.get(&percent)?, "-1", "{percent} beside weights");
        tree::put(&dev.obj.file("reset"), b"1\n").map_err(|e| format!("reset: {e}"))?;
        ensure_eq!(dev.obj.get(&weights)?, "1 2 3 4", "{weights} after a reset");
        dev.obj.set(&percent, 1)?;
        ensure_eq!(dev.obj.get(&weights)?, "249 251 253 255", "{weights}");
        dev.obj.set(&percent, default)?;
    }
    Ok(())
}

fn totals() -> Outcome {
    let dev = Device::first()?;
    let v25 = dev.is_v25();
    let total = dev.counts("total_resources")?;
    for (name, want) in [
        ("num_sched_domains", 32),
        ("num_ldb_queues", 32),
        ("num_ldb_ports", 64),
        ("num_cos0_ldb_ports", 16),
        ("num_cos1_ldb_ports", 16),
        ("num_cos2_ldb_ports", 16),
        ("num_cos3_ldb_ports", 16),
        ("num_dir_ports", if v25 { 96 } else { 64 }),
        ("num_ldb_credits", if v25 { 16384 } else { 8192 }),
        ("num_dir_credits", if v25 { 0 } else { 4096 }),
        ("num_atomic_inflights", 2048),
        ("num_hist_list_entries", 2048),
        ("num_sn0_slots", 16),
        ("num_sn1_slots", 16),
    ] {
        ensure_eq!(total.get(name), Some(&want), "total {name}");
    }
    for group in ["total_resources", "avail_resources"] {
        for name in tree::names(&dev.obj.file(group))? {
            let meta = fs::metadata(dev.obj.file(group).join(&name)).map_err(Errno::from)?;
            ensure_eq!(
                meta.permissions().mode() & 0o777,
                0o444,
                "mode of {group}/{name}"
            );
        }
    }
    dev.all_free()
}

/// The width of the slots decides how many there are.
fn slots_of_all_widths() -> Outcome {
    let dev = Device::first()?;
    for (i, width) in SLOTS.iter().enumerate() {
        dev.obj
            .set("sequence_numbers/group0_sns_per_queue", width)?;
        let total = dev.counts("total_resources")?;
        ensure_eq!(total["num_sn0_slots"], 16 >> i, "slots of {width}");
        ensure_eq!(total["num_sn1_slots"], 16, "slots of the other group");
        dev.all_free()?;
        let d = Domain::make("ordered")?;
        d.add("ldb_queues", "q")?
            .set("num_sequence_numbers", width)?;
        d.add("ldb_ports", "p")?.set("links", "q:0")?;
        d.enable().map_err(|e| format!("{width}: {}", why(&d, e)))?;
    }
    dev.obj.set("sequence_numbers/group0_sns_per_queue", 64)?;
    Ok(())
}

/// Settings that a domain depends on stand still while there is one, the others do not.
fn while_in_use() -> Outcome {
    let dev = Device::first()?;
    let d = small("user")?;
    d.on("ldb_queues", "ldbq").set("num_sequence_numbers", 64)?;
    d.set("num_sn0_slots", 1)?;
    d.set("num_sn1_slots", 0)?;
    d.enable().map_err(|e| why(&d, e))?;
    let group = |n: u32| format!("sequence_numbers/group{n}_sns_per_queue");
    ensure_eq!(
        dev.obj.set(&group(0), 128),
        Err(errno::EBUSY),
        "the group in use"
    );
    dev.obj
        .set(&group(0), 64)
        .map_err(|e| format!("the present value: {e}"))?;
    dev.obj
        .set(&group(1), 128)
        .map_err(|e| format!("the other group: {e}"))?;
    dev.obj.set(&group(1), 64)?;
    ensure_eq!(
        dev.obj.set("tuning/cq_layout", "packed"),
        Err(errno::EBUSY),
        "the layout of rings in use"
    );
    dev.obj
        .set("cos_bw/cos0_bw_percent", 10)
        .map_err(|e| format!("bandwidth: {e}"))?;
    dev.obj.set("cos_bw/cos0_bw_percent", 25)?;
    Ok(())
}

/// A reset of the device forgets domains, not settings.
fn kept_over_reset() -> Outcome {
    let dev = Device::first()?;
    let changed = [
        ("sequence_numbers/group1_sns_per_queue", "256"),
        ("cos_bw/cos1_bw_percent", "7"),
        ("tuning/cq_watchdog_seconds", "40"),
    ];
    for (name, value) in changed {
        dev.obj.set(name, value)?;
    }
    tree::put(&dev.obj.file("reset"), b"1\n").map_err(|e| format!("reset: {e}"))?;
    for (name, value) in changed {
        ensure_eq!(dev.obj.get(name)?, value, "{name} after a reset");
    }
    ensure_eq!(
        dev.counts("total_resources")?["num_sn1_slots"],
        4,
        "slots after a reset"
    );
    let d = Domain::make("ordered")?;
    d.add("ldb_queues", "q")?.set("num_sequence_numbers", 256)?;
    d.add("ldb_ports", "p")?.set("links", "q:0")?;
    d.enable().map_err(|e| why(&d, e))?;
    drop(d);
    dev.soon_all_free(SOON)?;
    for (name, value) in [changed[0].0, changed[1].0, changed[2].0]
        .into_iter()
        .zip(["64", "25", "10"])
    {
        dev.obj.set(name, value)?;
    }
    Ok(())
}

pub fn run(t: &mut Suite) {
    t.case("totals", totals);
    t.case("settings", settings);
    t.case("weights and percentages", weights_and_percentages);
    t.case("slots of all widths", slots_of_all_widths);
    t.case("while in use", while_in_use);
    t.case("kept over a reset", kept_over_reset);
    t.case("the kernel log is clean", tree::log_is_clean);
}
