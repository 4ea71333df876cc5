// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Whole command lines, on a machine in memory.

use std::path::Path;

use clap::{CommandFactory, Parser};
use dlb_config::fake::Fake;
use dlb_config::system::Files;
use dlbctl::cli::Cli;
use dlbctl::{run, Context, Error};

mod schema;

const TOPOLOGY: &str = "
[domains.a]
num_ldb_credits = 500

[domains.a.ldb_queues.q]
[domains.a.ldb_queues.r]
[domains.a.ldb_ports.w]
links = { q = 1 }

[domains.a.dir_queues.d]
[domains.a.dir_ports.t]
queue = \"d\"
";

/// A machine, and a place for files.
struct Bench {
    fake: Fake,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Bench {
            fake: Fake::default(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// Writes a file, and gives its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn try_run(&self, words: &str) -> Result<String, Error> {
        let words = std::iter::once("dlbctl").chain(words.split_whitespace());
        let cli = Cli::try_parse_from(words).unwrap();
        let mut out = Vec::new();
        let mut context = Context {
            files: &self.fake,
            root: self.dir.path(),
            out: &mut out,
            json: cli.json,
            quiet: cli.quiet,
            terminal: false,
            waiting: None,
        };
        run(&cli, &mut context)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn run(&self, words: &str) -> String {
        self.try_run(words)
            .unwrap_or_else(|error| panic!("dlbctl {words}: {error}"))
    }

    /// What a command that must fail says, after its exit code.
    fn refused(&self, words: &str) -> String {
        let error = self.try_run(words).expect_err(words);
        format!("{}: {}", error.code, error.words)
    }

    /// What a command prints with -j, which is as the schema says.
    fn json(&self, words: &str) -> serde_json::Value {
        let value = serde_json::from_str(&self.run(words)).unwrap();
        let command = match words.split_whitespace().collect::<Vec<_>>()[..] {
            ["-j", "vf", command, ..] => format!("vf-{command}"),
            ["-j", command, ..] => command.to_string(),
            _ => panic!("{words} prints no JSON"),
        };
        let faults = schema::faults(&command, &value);
        assert!(faults.is_empty(), "dlbctl {words}: {faults:?}");
        value
    }

    fn read(&self, path: &str) -> String {
        self.fake
            .read(&Path::new("/sys/kernel/config/dlb").join(path))
            .unwrap()
    }

    fn with_domain() -> Self {
        let bench = Bench::new();
        let file = bench.file("t.toml", TOPOLOGY);
        bench.run(&format!("apply {file}"));
        bench
    }
}

#[test]
fn the_command_line_makes_sense() {
    Cli::command().debug_assert();
}

#[test]
fn apply_makes_it_real_once() {
    let bench = Bench::new();
    let file = bench.file("t.toml", TOPOLOGY);
    let plan = bench.run(&format!("apply --dry-run {file}"));
    assert!(
        plan.starts_with("mkdir a\necho 500 > a/num_ldb_credits\n"),
        "{plan}"
    );
    assert!(plan.ends_with("echo 1 > a/enable\n"), "{plan}");
    assert!(bench.refused("show a").starts_with("4: "));
    assert!(bench
        .run(&format!("apply {file}"))
        .starts_with("1 domain as described, 10 changes"));
    assert_eq!(bench.read("a/state"), "enabled");
    assert!(bench.run(&format!("apply {file}")).ends_with("0 changes\n"));
    assert_eq!(bench.run(&format!("apply -n {file}")), "nothing to do\n");
}

#[test]
fn what_apply_refuses_has_an_exit_code_of_its_own() {
    let bench = Bench::with_domain();
    let wrong = bench.file("wrong.toml", "[domains.b]\ncq_depth = 4");
    let words = bench.refused(&format!("apply {wrong}"));
    assert!(
        words.starts_with("3: ") && words.contains("wrong.toml:2: b: cq_depth is no"),
        "{words}"
    );
    let large = bench.file("large.toml", "[domains.b]\nnum_ldb_credits = 9000");
    let words = bench.refused(&format!("apply {large}"));
    assert!(
        words.starts_with("5: ") && words.contains("dlb0 has 7692 num_ldb_credits"),
        "{words}"
    );
    let other = bench.file("other.toml", &TOPOLOGY.replace("500", "600"));
    let words = bench.refused(&format!("apply {other}"));
    assert!(
        words.starts_with("1: ") && words.contains("--restart"),
        "{words}"
    );
    bench.run(&format!("apply --restart {other}"));
    assert_eq!(bench.read("a/num_ldb_credits"), "600");
    assert!(bench
        .refused("apply /nowhere/x.toml")
        .starts_with("1: cannot read /nowhere"));
    assert!(bench
        .refused(&format!("apply {other} {other}"))
        .contains("is described by"));
}

#[test]
fn prune_removes_what_is_not_named() {
    let bench = Bench::with_domain();
    let file = bench.file("b.toml", "[domains.b]\n");
    bench.run(&format!("apply {file}"));
    assert!(bench.run("list").contains("\na "));
    bench.run(&format!("apply --prune {file}"));
    assert!(!bench.run("list").contains("\na "));
}

#[test]
fn save_gives_what_apply_takes() {
    let bench = Bench::with_domain();
    let saved = bench.run("save a");
    let file = bench.file("saved.toml", &saved);
    assert_eq!(bench.run(&format!("apply -n {file}")), "nothing to do\n");
    bench.run("destroy a");
    bench.run(&format!("apply {file}"));
    assert_eq!(bench.run("save a"), saved);

    let output = bench.dir.path().join("out.toml");
    bench.run(&format!("save -o {}", output.display()));
    let all = std::fs::read_to_string(&output).unwrap();
    assert!(
        all.starts_with("[devices.dlb0]\nsequence_numbers = [64, 64]\n"),
        "{all}"
    );
    assert!(all.ends_with(&saved), "{all}");
    bench.run(&format!("apply {}", output.display()));
    assert!(bench
        .refused("save nothing")
        .starts_with("4: there is no domain `nothing`"));
}

#[test]
fn domains_are_switched() {
    let bench = Bench::with_domain();
    assert_eq!(bench.run("disable a"), "a: configuring\n");
    assert_eq!(bench.run("disable a"), "a: configuring\n");
    assert_eq!(bench.run("enable a"), "a: enabled\n");
    bench.run("stop a");
    assert_eq!(bench.read("a/scheduling"), "0");
    bench.run("start a");
    assert_eq!(bench.read("a/scheduling"), "1");
    for command in [
        "enable",
        "disable",
        "start",
        "stop",
        "destroy",
        "alerts",
        "top --once",
    ] {
        assert!(bench
            .refused(&format!("{command} b"))
            .starts_with("4: there is no domain `b`"));
    }
}

#[test]
fn a_failed_enable_tells_what_the_driver_objects_to() {
    let bench = Bench::new();
    let text = "[domains.b]\nenable = false\nnum_dir_credits = 9000";
    let file = bench.file("b.toml", text);
    bench.run(&format!("apply {file}"));
    let words = bench.refused("enable b");
    assert!(
        words.starts_with("1: ") || words.starts_with("5: "),
        "{words}"
    );
    assert!(
        words.contains("num_dir_credits: asked for 9000, 4096 are free"),
        "{words}"
    );
}

#[test]
fn links_change_while_enabled() {
    let bench = Bench::with_domain();
    assert_eq!(bench.run("link a w r:3"), "a/w: linked to q:1 r:3\n");
    assert_eq!(bench.run("link a w q"), "a/w: linked to q:0 r:3\n");
    assert_eq!(bench.run("unlink a w q r"), "a/w: linked to nothing\n");
    assert_eq!(bench.read("a/ldb_ports/w/links"), "");
    assert!(bench
        .refused("unlink a w q")
        .starts_with("4: port `w` has no link"));
    assert!(bench
        .refused("link a x q")
        .starts_with("4: domain `a` has no load-balanced port"));
    assert!(bench
        .refused("link a w x")
        .starts_with("4: domain `a` has no load-balanced queue"));
    assert!(bench.refused("link a w q:9").starts_with("2: "));
}

#[test]
fn destroy_leaves_nothing() {
    let bench = Bench::with_domain();
    let before = Fake::default().snapshot();
    assert!(bench.run("destroy -n a").ends_with("rmdir a\n"));
    assert_eq!(bench.run("destroy --all"), "removed a\n");
    assert_eq!(bench.fake.snapshot(), before);
    assert_eq!(bench.run("destroy --all"), "there are no domains\n");
}

#[test]
fn list_and_show_say_what_there_is() {
    let bench = Bench::with_domain();
    let list = bench.run("list");
    assert!(
        list.contains("dlb0    0000:00:04.0  DLB 2.0  1/32"),
        "{list}"
    );
    assert!(
        list.contains("a       enabled  auto    2           1           2      nobody"),
        "{list}"
    );
    let show = bench.run("show a");
    assert!(
        show.starts_with("domain a: enabled, device auto, used by nobody\n"),
        "{show}"
    );
    assert!(show.contains("load-balanced port w"), "{show}");
    assert!(show.contains("    links q:1\n"), "{show}");
    assert!(!show.contains("device dlb0:"), "{show}");
    assert!(bench
        .run("show dlb0")
        .contains("num_ldb_queues              2 used     30 free"));
    assert!(bench.refused("show b").starts_with("4: "));

    let json = bench.json("-j show a");
    assert_eq!(json["domains"][0]["num_ldb_credits"], 500);
    assert_eq!(json["domains"][0]["cos_strict"], false);
    assert_eq!(json["domains"][0]["ldb_ports"][0]["links"][0]["queue"], "q");
    assert_eq!(json["domains"][0]["enable"], true);
    assert_eq!(
        bench.json("-j list")["devices"][0]["total"]["num_ldb_ports"],
        64
    );
}

#[test]
fn every_command_prints_json_of_its_schema() {
    let bench = Bench::new();
    let file = bench.file("t.toml", TOPOLOGY);
    let steps = bench.json(&format!("-j apply -n {file}"));
    assert_eq!(steps["steps"][0], "mkdir a");
    bench.json(&format!("-j apply {file}"));
    bench.json("-j list");
    let shown = bench.json("-j show");
    assert_eq!(shown["domains"][0]["owner"], "none");
    assert_eq!(shown["domains"][0]["alerts"], 0);
    // What cannot be read is not there, and not nothing.
    let hidden = Path::new("/sys/kernel/config/dlb/a/ldb_queues/q/enqueued");
    bench.fake.hide(hidden);
    let shown = bench.json("-j show a");
    assert!(shown["domains"][0]["ldb_queues"][0]["enqueued"].is_null());
    bench.json("-j stats");
    bench.json("-j top --once -i 0.1");
    bench.json("-j destroy -n a");
    bench.run("vf split 2");
    bench.json("-j vf show");
    assert!(bench.refused("-j doctor").starts_with("6: "));
    assert_eq!(bench.run("-j enable a"), "");
}

#[test]
fn top_shows_who_holds_up_whom() {
    let bench = Bench::with_domain();
    let put = |path: &str, value: &str| {
        bench
            .fake
            .put(&Path::new("/sys/kernel/config/dlb/a").join(path), value);
    };
    put("alerts", "3");
    put("ldb_queues/q/depth", "128");
    put("ldb_queues/q/inflights", "7");
    let page = bench.run("top --once -i 0.1");
    let expected = "q         128 ########                7          0  w\n";
    assert!(page.contains(expected), "{page}");
    assert!(page.lines().all(|line| line.len() < 80), "{page}");
    assert!(page.contains("\n  3 alerts"), "{page}");
    let credits = "  credits used: 128/500 load-balanced, 0/192 directed\n";
    assert!(page.contains(credits), "{page}");
    put("ldb_ports/w/cq_occupancy", "64");
    assert!(bench.run("top --once -i 0.1").contains("held up by w"));
    put("ldb_queues/r/depth", "9");
    assert!(bench
        .run("top --once -i 0.1 a")
        .contains("no enabled port takes from it"));
    put("state", "stopped");
    assert!(bench
        .run("top --once -i 0.1")
        .contains("the domain is stopped"));
    let csv = bench.run("top --once --csv -i 0.1");
    assert!(
        csv.lines()
            .nth(1)
            .unwrap()
            .ends_with(",a,ldb_queues,q,128,256,7,0,0.0"),
        "{csv}"
    );
    let json = bench.json("-j top --once -i 0.1");
    assert_eq!(json["queues"][0]["level"], 128);
    assert_eq!(json["ports"][0]["links"][0], "q");
}

#[test]
fn stats_are_all_that_is_counted() {
    let bench = Bench::with_domain();
    let device = "/sys/bus/pci/drivers/dlb/0000:00:04.0/counters";
    bench.fake.put(
        &Path::new(device).join("ldb_scheduled"),
        "18446744073709551615",
    );
    bench.fake.put(
        Path::new("/sys/kernel/config/dlb/a/ldb_queues/q/enqueued"),
        "42",
    );
    let stats = bench.run("stats");
    assert!(
        stats.contains("dlb0 ldb_scheduled                       18446744073709551615"),
        "{stats}"
    );
    assert!(
        stats.contains("a/ldb_queues/q enqueued                            42\n"),
        "{stats}"
    );
    assert!(!bench.run("stats dlb0").contains("enqueued"));
    assert!(bench.refused("stats x").starts_with("4: "));
    let json = bench.json("-j stats a");
    assert_eq!(json["domains"]["a"]["ldb_queues"]["q"]["enqueued"], 42);
}

#[test]
fn nothing_is_there_without_the_driver() {
    let bench = Bench::new();
    let empty = bench.dir.path().display().to_string();
    let cli = Cli::try_parse_from(["dlbctl", "list"]).unwrap();
    let machine = dlb_config::system::Machine::new(&empty);
    let mut context = Context {
        files: &machine,
        root: bench.dir.path(),
        out: &mut Vec::new(),
        json: false,
        quiet: false,
        terminal: false,
        waiting: None,
    };
    let error = run(&cli, &mut context).unwrap_err();
    assert_eq!(error.code, 4);
    assert!(error.words.contains("is the module dlb loaded"));
}

#[test]
fn doctor_tells_what_is_wrong() {
    let bench = Bench::new();
    let error = bench.try_run("doctor").unwrap_err();
    assert_eq!(error.code, 6);

    let put = |path: &str, value: &str| bench.fake.put(Path::new(path), value);
    put("/proc/sys/kernel/osrelease", "7.2.12-amd64");
    put(
        "/proc/mounts",
        "configfs /sys/kernel/config configfs rw 0 0",
    );
    put("/sys/module/dlb/refcnt", "0");
    put("/sys/bus/pci/devices/0000:00:04.0/vendor", "0x8086");
    put("/sys/bus/pci/devices/0000:00:04.0/device", "0x2710");
    let well = bench.run("doctor");
    assert!(
        well.contains("ok    dlb0, a DLB 2.0 at 0000:00:04.0"),
        "{well}"
    );
    assert!(!well.contains("wrong"), "{well}");

    put("/proc/sys/kernel/osrelease", "6.12.0");
    put("/sys/bus/pci/devices/0000:00:05.0/vendor", "0x8086");
    put("/sys/bus/pci/devices/0000:00:05.0/device", "0x2714");
    let error = bench.try_run("doctor").unwrap_err();
    assert_eq!(error.words, "2 things are wrong");
}

#[test]
fn equal_shares_for_virtual_functions() {
    let bench = Bench::new();
    let device = "/sys/bus/pci/drivers/dlb/0000:00:04.0";
    bench
        .fake
        .put(Path::new(&format!("{device}/sriov_drivers_autoprobe")), "1");
    for vf in 0..4 {
        for resource in dlb_config::system::RESOURCES {
            let path = format!("{device}/vf{vf}_resources/{resource}");
            bench.fake.put(Path::new(&path), "0");
        }
    }
    assert!(bench.run("vf split 4").contains("4 virtual functions"));
    let read = |path: &str| {
        bench
            .fake
            .read(Path::new(&format!("{device}/{path}")))
            .unwrap()
    };
    assert_eq!(read("sriov_numvfs"), "4");
    assert_eq!(read("sriov_drivers_autoprobe"), "1");
    assert_eq!(read("vf3_resources/num_ldb_queues"), "8");
    assert_eq!(read("vf0_resources/num_cos2_ldb_ports"), "4");
    assert!(
        bench.run("vf show").contains("3   no      8"),
        "{}",
        bench.run("vf show")
    );
    assert_eq!(
        bench.json("-j vf show")["vfs"][1]["resources"]["num_ldb_credits"],
        2048
    );
    bench.run("vf assign 0 num_ldb_queues=3 num_ldb_ports=7");
    assert_eq!(read("vf0_resources/num_ldb_queues"), "3");
    assert!(bench.refused("vf assign 0 nonsense=3").starts_with("2: "));
    assert!(bench
        .refused("vf assign 9 num_ldb_queues=3")
        .starts_with("4: "));
    assert!(bench.refused("vf split 2").starts_with("1: "));
    let refused = bench.refused("vf maps");
    assert!(
        refused.starts_with("1: ") && refused.contains("debugfs"),
        "{refused}"
    );
    let debug = |path: &str, text: &str| {
        let path = format!("/sys/kernel/debug/dlb0/{path}");
        bench.fake.put(Path::new(&path), text);
    };
    debug("vf1/maps", "domain 0 8\nldb_queue 0 8\nldb_port 1 17");
    debug("vf1/mailbox", "register 1\nstart_domain 0\nrefused 2");
    let text = bench.run("vf maps 1");
    assert!(text.contains("1   ldb_port   1           17"), "{text}");
    assert!(text.contains("VF 1 asked: register 1, refused 2"), "{text}");
    let json = bench.json("-j vf maps 1");
    assert_eq!(json["vfs"][0]["maps"][2]["device"], 17);
    assert_eq!(json["vfs"][0]["mailbox"]["refused"], 2);
    assert!(bench.refused("vf maps 4").starts_with("4: "));
    bench.run("vf off");
    assert_eq!(read("sriov_numvfs"), "0");
}

#[test]
fn history_lists_are_split_by_what_is_in_one_piece() {
    let bench = Bench::new();
    let device = "/sys/bus/pci/drivers/dlb/0000:00:04.0";
    let longest = format!("{device}/avail_resources/max_ctg_hl_entries");
    bench.fake.put(Path::new(&longest), "1000");
    bench.run("vf split 4");
    let json = bench.json("-j vf show");
    assert_eq!(json["vfs"][3]["resources"]["num_hist_list_entries"], 250);
}

#[test]
fn a_directory_stands_for_its_files() {
    let bench = Bench::new();
    bench.file("b.toml", "[domains.b]\n");
    bench.file("a.toml", "[domains.a]\n");
    bench.file(".c.toml", "[domains.c]\n");
    bench.file("d.toml~", "not ours");
    let dir = bench.dir.path().display().to_string();
    assert!(bench
        .run(&format!("apply {dir}"))
        .starts_with("2 domains as described"));
    bench.file(
        "e.toml",
        "[domains.e]\n\n[domains.e.ldb_ports.p]\ncq_depth = 3\n",
    );
    let refused = bench.refused(&format!("apply {dir}"));
    assert!(
        refused.contains("/e.toml:4: e/ldb_ports/p: cq_depth must be"),
        "{refused}"
    );
    bench.file("e.toml", "[domains.e]\n");
    let other = bench.file("other", "[domains.mine]\n");
    bench.run(&format!("apply {other}"));
    // One of the three is not there, and one that is there is not described.
    assert_eq!(
        bench.run(&format!("destroy -n --file {dir}")),
        "echo 0 > a/enable\nrmdir a\necho 0 > b/enable\nrmdir b\n"
    );
    assert_eq!(
        bench.run(&format!("destroy --file {dir}")),
        "removed a, b\n"
    );
    assert!(bench.run("list").contains("mine"));
    assert!(bench.refused("apply /nowhere/at/all").starts_with("1: "));
}

const SHARES: &str = "[devices.dlb0]
sequence_numbers = [64, 512]
cos_bandwidth = [25, 25, 25, 25]
num_vfs = 3

[devices.dlb0.tuning]
cq_layout = \"packed\"
cq_watchdog_seconds = 40
qe_sa_pct = 1
qid_sa_pct = 2

[devices.dlb0.vfs.0]
num_cos2_ldb_ports = 5
num_ldb_queues = 8
num_sched_domains = 4

[devices.dlb0.vfs.2]
num_hist_list_entries = 100
";

#[test]
fn what_devices_and_virtual_functions_have_is_applied_and_saved() {
    let bench = Bench::new();
    let device = "/sys/bus/pci/drivers/dlb/0000:00:04.0";
    let at = |path: &str| Path::new(device).join(path);
    let file = bench.file("t.toml", SHARES);
    let before = bench.fake.snapshot();
    // Whatever fails, all is as it was.
    for fail in 0..11 {
        bench.fake.fail_at(fail);
        let refused = bench.refused(&format!("apply {file}"));
        assert!(refused.ends_with("all was left as before"), "{refused}");
        let mut after = bench.fake.snapshot();
        let gone = |path: &Path| path.to_string_lossy().contains("/vf");
        after.retain(|path, _| !gone(path));
        assert_eq!(after, before, "{fail}");
    }
    bench.fake.fail_at(1000);
    let plan = bench.run(&format!("apply -n {file}"));
    let number = |what: &str| {
        plan.lines()
            .position(|line| line.ends_with(what))
            .unwrap_or_else(|| panic!("{what}: {plan}"))
    };
    // Drivers come when there is something for them.
    assert!(
        number("0 > /sys/bus/pci/drivers/dlb/0000:00:04.0/sriov_drivers_autoprobe")
            < number("/sriov_numvfs")
    );
    assert!(number("/sriov_numvfs") < number("vf0_resources/num_ldb_queues"));
    assert!(
        number("vf2_resources/num_hist_list_entries")
            < number("echo 1 > /sys/bus/pci/drivers/dlb/0000:00:04.0/sriov_drivers_autoprobe")
    );
    bench.run(&format!("apply {file}"));
    assert_eq!(
        bench
            .fake
            .read(&at("vf0_resources/num_cos2_ldb_ports"))
            .unwrap(),
        "5"
    );
    assert_eq!(bench.fake.read(&at("tuning/cq_layout")).unwrap(), "packed");
    assert_eq!(bench.run(&format!("apply -n {file}")), "nothing to do\n");
    assert_eq!(bench.run("save"), SHARES);

    // What one has can change as long as its driver has not come.
    let text = SHARES.replace("num_ldb_queues = 8", "num_ldb_queues = 9");
    let more = bench.file("more.toml", &text);
    assert!(bench.run(&format!("apply {more}")).ends_with("1 change\n"));
    bench.fake.put(&at("vf0_resources/locked"), "1");
    let refused = bench.refused(&format!("apply {file}"));
    assert!(
        refused.starts_with("1: ")
            && refused.contains("t.toml:12: virtual function 0 of dlb0 is locked"),
        "{refused}"
    );
    let text = text.replace("num_vfs = 3", "num_vfs = 4");
    let refused = bench.refused(&format!("apply {}", bench.file("four.toml", &text)));
    assert!(
        refused.contains("virtual function 0 of dlb0 is locked"),
        "{refused}"
    );
    assert_eq!(bench.run(&format!("apply -n {more}")), "nothing to do\n");
    // If that may be cut off, it changes, or is given back.
    let before = bench.fake.snapshot();
    for fail in [1, 2, 4, 7] {
        bench.fake.fail_at(fail);
        let refused = bench.refused(&format!("apply --restart {file}"));
        assert!(refused.ends_with("all was left as before"), "{refused}");
        let mut after = bench.fake.snapshot();
        // Its driver is gone.
        after.insert(at("vf0_resources/locked"), Some("1".into()));
        assert_eq!(after, before, "{fail}");
        bench.fake.put(&at("vf0_resources/locked"), "1");
    }
    bench.fake.fail_at(1000);
    bench.run(&format!("apply --restart {file}"));
    assert_eq!(bench.run("save"), SHARES);
    bench.run(&format!("apply {}", bench.file("four.toml", &text)));
    assert_eq!(bench.fake.read(&at("sriov_numvfs")).unwrap(), "4");

    let text = "[devices.dlb0]\nnum_vfs = 0\n";
    bench.run(&format!("apply {}", bench.file("none.toml", text)));
    assert_eq!(bench.fake.read(&at("sriov_numvfs")).unwrap(), "0");
    assert_eq!(
        bench
            .fake
            .read(&at("avail_resources/num_ldb_queues"))
            .unwrap(),
        "32"
    );

    let text =
        "[devices.dlb0.vfs.0]\nnum_ldb_queues = 20\n[devices.dlb0.vfs.1]\nnum_ldb_queues = 20\n";
    let refused = bench.refused(&format!("apply {}", bench.file("large.toml", text)));
    assert!(
        refused.starts_with("5: ")
            && refused.contains("large.toml:1: dlb0 has 32 num_ldb_queues free, but 40"),
        "{refused}"
    );
    let text = "[devices.dlb0.tuning]\nqidx_wrr_weight = 1\n";
    let refused = bench.refused(&format!("apply {}", bench.file("odd.toml", text)));
    assert!(
        refused.starts_with("4: ") && refused.contains("dlb0 has no tuning/qidx_wrr_weight"),
        "{refused}"
    );
}

#[test]
fn every_command_has_a_manual_page_and_completions() {
    let bench = Bench::new();
    let dir = bench.dir.path().join("man");
    bench.run(&format!("man {}", dir.display()));
    for command in Cli::command()
        .get_subcommands()
        .filter(|c| !c.is_hide_set())
    {
        let page = dir.join(format!("dlbctl-{}.1", command.get_name()));
        let text = std::fs::read_to_string(&page).unwrap_or_else(|e| panic!("{page:?}: {e}"));
        assert!(text.contains(".SH DESCRIPTION"), "{page:?}");
    }
    let main = std::fs::read_to_string(dir.join("dlbctl.1")).unwrap();
    assert!(main.contains("Exit status"), "{main}");
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.run(&format!("completions {shell}"));
        for word in ["selftest", "doctor", "dry-run"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn names_do_not_lead_elsewhere() {
    let bench = Bench::with_domain();
    bench.fake.put(Path::new("/tmp/x/enable"), "0");
    for name in ["..", ".", "./a", "a/", "a/ldb_ports", "/tmp/x", "/"] {
        for command in ["enable", "destroy", "save", "alerts"] {
            assert!(
                bench
                    .refused(&format!("{command} {name}"))
                    .starts_with("4: there is no domain"),
                "{command} {name}"
            );
        }
    }
    assert_eq!(bench.fake.read(Path::new("/tmp/x/enable")).unwrap(), "0");
}

#[test]
fn who_is_named_twice_is_removed_once() {
    let bench = Bench::with_domain();
    assert_eq!(bench.run("destroy a a"), "removed a\n");
}

#[test]
fn a_file_that_is_no_text_is_a_wrong_one() {
    let bench = Bench::new();
    let path = bench.file("x.toml", "");
    std::fs::write(&path, b"[domains.a]\n# caf\xe9\n").unwrap();
    assert_eq!(
        bench.refused(&format!("apply {path}")),
        format!("3: {path}:2: this is not UTF-8, which TOML has to be")
    );
}

#[test]
fn save_replaces_files_and_nothing_else() {
    use std::os::unix::fs::{symlink, FileTypeExt, PermissionsExt};

    let bench = Bench::with_domain();
    let at = |name: &str| bench.dir.path().join(name);
    let mode = |name: &str| at(name).metadata().unwrap().permissions().mode() & 0o777;
    let saved = bench.run("save a");

    // As any other new file.
    bench.file("plain", "");
    bench.run(&format!("save a -o {}", at("new").display()));
    assert_eq!(mode("new"), mode("plain"));

    let file = bench.file("old", "");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&file, at("link")).unwrap();
    bench.run(&format!("save a -o {}", at("link").display()));
    assert!(at("link").is_symlink());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), saved);
    assert_eq!(mode("old"), 0o640);

    // A device or a pipe is no file to be replaced.
    rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), 0o600.into()).unwrap();
    let reader = std::thread::spawn({
        let pipe = at("pipe");
        move || std::fs::read_to_string(pipe).unwrap()
    });
    bench.run(&format!("save a -o {}", at("pipe").display()));
    assert_eq!(reader.join().unwrap(), saved);
    assert!(at("pipe").metadata().unwrap().file_type().is_fifo());
}

/// Applies the second file over the first, with `--restart` and a step that fails: all has to be as it
/// was before.
fn restart_fails(step: u32, first: &str, second: &str) {
    let bench = Bench::new();
    bench.fake.put(Path::new("/sys/bus/pci/drivers_probe"), "");
    bench.run(&format!("apply {}", bench.file("one.toml", first)));
    let before = bench.fake.snapshot();
    let file = bench.file("two.toml", second);
    bench.fake.fail_at(step);
    let refused = bench.refused(&format!("apply --restart {file}"));
    assert!(refused.ends_with("all was left as before"), "{refused}");
    assert_eq!(bench.fake.snapshot(), before);
}

#[test]
fn drivers_come_back_when_virtual_functions_do() {
    let text = |domains| format!("[devices.dlb0.vfs.0]\nnum_sched_domains = {domains}\n");
    restart_fails(3, &text(4), &text(5));
}

#[test]
fn virtual_functions_that_come_back_have_the_names_that_they_had() {
    let share = |vf| format!("[devices.dlb0.vfs.{vf}]\nnum_sched_domains = {}\n", vf + 2);
    let text = [0, 1, 2].map(share).concat();
    restart_fails(6, &text, &text.replace("domains = 4", "domains = 5"));
}

#[test]
fn a_domain_may_be_on_a_virtual_function_that_has_yet_to_come() {
    let bench = Bench::new();
    bench.fake.put(Path::new("/sys/bus/pci/drivers_probe"), "");
    let text = "[devices.dlb0.vfs.0]\nnum_sched_domains = 4\nnum_ldb_queues = 1\n\
                num_ldb_credits = 128\nnum_atomic_inflights = 64\n\
                [domains.a]\ndevice = \"dlb1\"\n[domains.a.ldb_queues.q]\n";
    let file = bench.file("t.toml", text);
    bench.run(&format!("apply {file}"));
    assert_eq!(bench.read("a/state"), "enabled");
    assert_eq!(bench.run(&format!("apply -n {file}")), "nothing to do\n");

    // As after a boot.
    let saved = bench.file("saved.toml", &bench.run("save"));
    bench.run("destroy --all");
    bench.run("vf off");
    bench.run(&format!("apply {saved}"));
    assert_eq!(bench.read("a/state"), "enabled");

    // Its function goes and comes, and it does. It may then have more than it could now.
    let other = text.replace("domains = 4", "domains = 5");
    let more = other.replace("credits = 128", "credits = 256");
    let more = more.replace("[domains.a]", "[domains.a]\nnum_ldb_credits = 200");
    for (text, last) in [(other, 9), (more, 10)] {
        let file = bench.file("again.toml", &text);
        let refused = bench.refused(&format!("apply {file}"));
        assert!(refused.contains("--restart"), "{refused}");
        let before = bench.fake.snapshot();
        for fail in [0, 3, 5, 6, 7, last, last + 1] {
            bench.fake.fail_at(fail);
            let refused = bench.refused(&format!("apply --restart {file}"));
            assert!(refused.ends_with("all was left as before"), "{refused}");
            assert_eq!(bench.fake.snapshot(), before, "{fail}");
        }
        bench.fake.fail_at(1000);
        bench.run(&format!("apply --restart {file}"));
        assert_eq!(bench.read("a/state"), "enabled");
        assert_eq!(bench.run(&format!("apply -n {file}")), "nothing to do\n");
    }

    bench.run("destroy --all");
    bench.run("vf off");
    let before = bench.fake.snapshot();
    let other = bench.file("other.toml", &text.replace("dlb1", "dlb2"));
    let refused = bench.refused(&format!("apply {other}"));
    assert!(
        refused.contains("there is no device dlb2; all was left as before"),
        "{refused}"
    );
    assert_eq!(bench.fake.snapshot(), before);
}

#[test]
fn the_only_device_is_taken_before_virtual_functions_are() {
    let bench = Bench::new();
    bench.fake.put(Path::new("/sys/bus/pci/drivers_probe"), "");
    let text = "[devices.dlb0.vfs.0]\nnum_sched_domains = 4\n\
                [domains.a]\ndevice = \"auto\"\n[domains.b]\ndevice = \"dlb1\"\n";
    let file = bench.file("t.toml", text);
    bench.run(&format!("apply {file}"));
    assert_eq!(bench.read("a/state"), "enabled");
    assert_eq!(bench.read("b/state"), "enabled");
    assert_eq!(bench.run(&format!("apply -n {file}")), "nothing to do\n");
}

/// A machine on which somebody else enables a domain while the test is under way.
struct Busy<'a>(&'a Fake, std::cell::Cell<bool>);

impl Files for Busy<'_> {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        self.0.read(path)
    }
    fn write(&self, path: &Path, value: &str) -> std::io::Result<()> {
        self.0.write(path, value)
    }
    fn mkdir(&self, path: &Path) -> std::io::Result<()> {
        self.0.mkdir(path)
    }
    fn rmdir(&self, path: &Path) -> std::io::Result<()> {
        self.0.rmdir(path)
    }
    fn directories(&self, path: &Path) -> std::io::Result<Vec<String>> {
        self.0.directories(path)
    }
    fn exists(&self, path: &Path) -> bool {
        // The second time that the number of the device is looked at after all was made.
        let name = path.to_string_lossy();
        let made = self.0.directories(Path::new("/sys/kernel/config/dlb"));
        let made = made.is_ok_and(|names| names.iter().any(|name| name != "other"));
        if made && name.ends_with("/dev_id") && self.1.replace(true) {
            let other = Path::new("/sys/kernel/config/dlb/other");
            if !self.0.exists(other) {
                self.0.mkdir(other).unwrap();
                self.0.write(&other.join("enable"), "1").unwrap();
            }
        }
        self.0.exists(path)
    }
}

#[test]
fn selftest_takes_nobody_else_for_a_loss() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.dir.path().join("sys/kernel/config/dlb")).unwrap();
    let cli = Cli::try_parse_from(["dlbctl", "selftest"]).unwrap();
    let mut context = Context {
        files: &Busy(&bench.fake, std::cell::Cell::new(false)),
        root: bench.dir.path(),
        out: &mut Vec::new(),
        json: false,
        quiet: false,
        terminal: false,
        waiting: None,
    };
    // There are no device files here.
    let error = run(&cli, &mut context).unwrap_err();
    assert_eq!(error.code, 1, "{error}");
    assert_eq!(
        bench
            .fake
            .directories(Path::new("/sys/kernel/config/dlb"))
            .unwrap(),
        ["other"]
    );
}
