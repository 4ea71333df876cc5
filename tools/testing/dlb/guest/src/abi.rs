// SPDX-License-Identifier: GPL-2.0

//! Every file of the running driver is documented, and every documented file is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::enable::why;
use crate::ktap::{Outcome, Suite};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

fn documents() -> PathBuf {
    std::env::var_os("DLB_ABI").map_or_else(|| "/abi".into(), PathBuf::from)
}

/// What the description of a file says that only one version has.
const ONLY_V20: &str = "Only on DLB 2.0";
const ONLY_V25: &str = "Only on DLB 2.5";

/// The paths on the `What:` lines of an ABI document, in the order they stand there; with each,
/// whether it is there on this version of the device.
fn documented(name: &str, v25: bool) -> Result<Vec<(String, bool)>, String> {
    let path = documents().join(name);
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut all = Vec::new();
    for stanza in text.split("\n\nWhat:") {
        let there = !stanza.contains(if v25 { ONLY_V20 } else { ONLY_V25 });
        for line in format!("What:{}", stanza.trim_start_matches("What:")).lines() {
            if let Some(what) = line.strip_prefix("What:") {
                all.push((what.trim().to_owned(), there));
            }
        }
    }
    ensure!(!all.is_empty(), "{} names no file", path.display());
    Ok(all)
}

/// Whether a path fits a documented one: `<name>` stands for any name, `[0-3]` for a digit.
fn fits(pattern: &str, path: &str) -> bool {
    fn part(pattern: &str, name: &str) -> bool {
        match (pattern.find('<'), pattern.find('[')) {
            (Some(at), _) => {
                let rest = pattern[at..]
                    .find('>')
                    .map_or("", |e| &pattern[at + e + 1..]);
                name.starts_with(&pattern[..at]) && name.ends_with(rest)
            }
            (None, Some(at)) => {
                let Some(end) = pattern[at..].find(']') else {
                    return false;
                };
                let range = &pattern.as_bytes()[at + 1..at + end];
                let Some(&digit) = name.as_bytes().get(at) else {
                    return false;
                };
                name.get(..at) == Some(&pattern[..at])
                    && (range[0]..=range[range.len() - 1]).contains(&digit)
                    && name.get(at + 1..) == Some(&pattern[at + end + 1..])
            }
            (None, None) => pattern == name,
        }
    }
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len() && pattern.iter().zip(&path).all(|(p, n)| part(p, n))
}

/// Every path in a tree, directories and files, without following links.
fn walk(at: &Path, into: &mut BTreeSet<String>) -> Outcome {
    for entry in fs::read_dir(at).map_err(|e| format!("{}: {e}", at.display()))? {
        let entry = entry.map_err(|e| e.to_string())?;
        into.insert(entry.path().display().to_string());
        if entry.file_type().map_err(|e| e.to_string())?.is_dir() {
            walk(&entry.path(), into)?;
        }
    }
    Ok(())
}

fn compare(document: &str, there: &BTreeSet<String>) -> Outcome {
    let known = documented(document, Device::first()?.is_v25())?;
    let mut wrong = Vec::new();
    for path in there {
        if !known.iter().any(|(what, _)| fits(what, path)) {
            wrong.push(format!("not documented: {path}"));
        }
    }
    for (what, should) in &known {
        let is = there.iter().any(|path| fits(what, path));
        if *should && !is {
            wrong.push(format!("documented, but not there: {what}"));
        } else if is && !should {
            wrong.push(format!(
                "documented as the other version's, but there: {what}"
            ));
        }
    }
    let distinct: BTreeSet<_> = known.iter().map(|(what, _)| what).collect();
    if distinct.len() != known.len() {
        wrong.push("a file is documented twice".into());
    }
    ensure!(wrong.is_empty(), "{document}:\n{}", wrong.join("\n"));
    println!(
        "# {document}: {} paths documented, {} in the guest",
        known.len(),
        there.len()
    );
    Ok(())
}

/// One domain with one of everything, described and then enabled.
fn configfs() -> Outcome {
    let d = Domain::make("domain")?;
    for shelf in tree::SHELVES {
        d.add(
            shelf,
            if shelf.ends_with("queues") {
                "queue"
            } else {
                shelf
            },
        )?;
    }
    d.on("dir_ports", "dir_ports").set("queue", "queue")?;
    for enabled in [false, true] {
        if enabled {
            d.enable().map_err(|e| why(&d, e))?;
        }
        let mut there = BTreeSet::new();
        there.insert(tree::ROOT.to_owned());
        walk(Path::new(tree::ROOT), &mut there)?;
        compare("configfs-driver-dlb", &there)?;
    }
    Ok(())
}

/// What the driver adds to the directory of the device: all that is not there without it.
fn sysfs() -> Outcome {
    let dev = Device::first()?;
    let at = Path::new("/sys/bus/pci/devices").join(&dev.address);
    // The files of virtual functions come with them, and go with the driver.
    fs::write(at.join("sriov_numvfs"), "2").map_err(|e| format!("sriov_numvfs: {e}"))?;
    let mut with = BTreeSet::new();
    walk(&at, &mut with)?;
    // A driver that removes them when it is unbound has lockdep complain of the PCI core's lock.
    fs::write(at.join("sriov_numvfs"), "0").map_err(|e| format!("sriov_numvfs: {e}"))?;
    dev.unbind()?;
    let mut without = BTreeSet::new();
    let walked = walk(&at, &mut without);
    dev.bind()?;
    walked?;
    // Power management and the bus change what they show when any driver binds.
    let there = with
        .difference(&without)
        .filter(|p| {
            ![
                "/driver",
                "/msi_irqs",
                "/power",
                "/wakeup",
                "/consumer",
                "/supplier",
                "/virtfn",
            ]
            .iter()
            .any(|o| p.contains(o))
        })
        .cloned()
        .collect();
    compare("sysfs-driver-dlb", &there)
}

/// What debugfs has of virtual functions.
fn debugfs() -> Outcome {
    let dev = Device::first()?;
    let at = Path::new("/sys/bus/pci/devices").join(&dev.address);
    let number = fs::read_to_string(at.join("dev_id")).map_err(|e| format!("dev_id: {e}"))?;
    fs::write(at.join("sriov_numvfs"), "2").map_err(|e| format!("sriov_numvfs: {e}"))?;
    let mut there = BTreeSet::new();
    let dir = format!("/sys/kernel/debug/dlb{}", number.trim_end());
    let walked = walk(Path::new(&dir), &mut there);
    there.retain(|path| Path::new(path).is_file());
    fs::write(at.join("sriov_numvfs"), "0").map_err(|e| format!("sriov_numvfs: {e}"))?;
    walked?;
    compare("debugfs-driver-dlb", &there)
}

/// The patterns of the documents mean what the checks above take them to mean.
fn patterns() -> Outcome {
    for (pattern, path, want) in [
        ("/a/<domain>/x", "/a/b/x", true),
        ("/a/<domain>/x", "/a/b/y", false),
        ("/a/<domain>/x", "/a/b/c/x", false),
        ("/a/cos[0-3]_x", "/a/cos2_x", true),
        ("/a/cos[0-3]_x", "/a/cos4_x", false),
        ("/a/cos[0-3]_x", "/a/cos_x", false),
        ("/a/<bdf>", "/a/0000:01:00.0", true),
    ] {
        ensure_eq!(fits(pattern, path), want, "{pattern} and {path}");
    }
    Ok(())
}

pub fn run(t: &mut Suite) {
    t.case("patterns", patterns);
    t.case("configfs", configfs);
    t.case("sysfs", sysfs);
    t.case("debugfs", debugfs);
    t.case("the kernel log is clean", tree::log_is_clean);
}
