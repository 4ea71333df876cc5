// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! A machine in memory whose configfs behaves as the driver's does, for tests.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::plan::needs;
use crate::schema::{self, Kind};
use crate::system::{self, Files, CONFIGFS, DRIVER};

const EBUSY: i32 = 16;
const EEXIST: i32 = 17;
const EINVAL: i32 = 22;
const ENOSPC: i32 = 28;
const ENOTEMPTY: i32 = 39;
const ENODEV: i32 = 19;
const ERANGE: i32 = 34;

/// A machine with one device, `dlb0`, and an empty tree.
#[derive(Debug)]
pub struct Fake {
    /// Directories, and files with what they hold.
    nodes: RefCell<BTreeMap<PathBuf, Option<String>>>,
    /// Operations that change something are counted, and the one with this number fails.
    countdown: Cell<Option<u32>>,
    /// Files that cannot be written.
    forbidden: RefCell<Vec<PathBuf>>,
}

impl Default for Fake {
    fn default() -> Self {
        Fake::new("0x2710")
    }
}

impl Fake {
    /// A machine whose device has this PCI device ID.
    pub fn new(id: &str) -> Self {
        let fake = Fake {
            nodes: RefCell::default(),
            countdown: Cell::new(None),
            forbidden: RefCell::default(),
        };
        fake.put_dir(Path::new(CONFIGFS));
        let device = Path::new(DRIVER).join("0000:00:04.0");
        let combined = matches!(id, "0x2714" | "0x2715");
        for (file, value) in [
            ("device", id),
            ("dev_id", "0"),
            ("sriov_numvfs", "0"),
            ("sriov_totalvfs", "16"),
            ("sriov_drivers_autoprobe", "1"),
            ("tuning/cq_layout", "sparse"),
            ("tuning/cq_watchdog_seconds", "10"),
            ("tuning/qe_sa_pct", "1"),
            ("tuning/qid_sa_pct", "0"),
            ("tuning/qe_weights", "249 251 253 255"),
            ("tuning/qid_weights", "255 255 255 255"),
            ("sequence_numbers/group0_sns_per_queue", "64"),
            ("sequence_numbers/group1_sns_per_queue", "64"),
            ("cos_bw/cos0_bw_percent", "25"),
            ("cos_bw/cos1_bw_percent", "25"),
            ("cos_bw/cos2_bw_percent", "25"),
            ("cos_bw/cos3_bw_percent", "25"),
        ] {
            fake.put(&device.join(file), value);
        }
        for resource in system::RESOURCES {
            let count = match *resource {
                "num_sched_domains" | "num_ldb_queues" => 32,
                "num_ldb_ports" => 64,
                "num_dir_ports" if combined => 96,
                "num_dir_ports" => 64,
                "num_ldb_credits" if combined => 16384,
                "num_ldb_credits" => 8192,
                "num_dir_credits" if combined => 0,
                "num_dir_credits" => 4096,
                "num_atomic_inflights" | "num_hist_list_entries" => 2048,
                _ => 16,
            };
            for group in ["total_resources", "avail_resources"] {
                fake.put(&device.join(group).join(resource), &count.to_string());
            }
        }
        fake.put(&device.join("avail_resources/max_ctg_hl_entries"), "2048");
        fake
    }

    /// Lets the `n`-th change from now on fail, 0 being the next one.
    pub fn fail_at(&self, n: u32) {
        self.countdown.set(Some(n));
    }

    /// Makes a file, and the directories that it is in.
    pub fn put(&self, path: &Path, value: &str) {
        self.put_dir(path.parent().unwrap_or(Path::new("/")));
        self.nodes
            .borrow_mut()
            .insert(path.into(), Some(value.into()));
    }

    /// Takes a file away, as one that cannot be read.
    pub fn hide(&self, path: &Path) {
        self.nodes.borrow_mut().remove(path);
    }

    /// Takes a directory away with all that is in it, as somebody else would.
    pub fn hide_all(&self, path: &Path) {
        let mut nodes = self.nodes.borrow_mut();
        nodes.retain(|node, _| !node.starts_with(path));
    }

    /// Refuses to write a file from now on.
    pub fn forbid(&self, path: &Path) {
        self.forbidden.borrow_mut().push(path.into());
    }

    fn put_dir(&self, path: &Path) {
        let mut nodes = self.nodes.borrow_mut();
        for dir in path.ancestors() {
            nodes.insert(dir.into(), None);
        }
    }

    /// Everything there is, to compare, but for what a domain remembers of its last failure.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, Option<String>> {
        let mut nodes = self.nodes.borrow().clone();
        nodes.retain(|path, _| !path.ends_with("state") && !path.ends_with("error"));
        nodes
    }

    fn change(&self) -> io::Result<()> {
        match self.countdown.get() {
            Some(0) => {
                self.countdown.set(None);
                Err(io::Error::other("injected"))
            }
            Some(n) => {
                self.countdown.set(Some(n - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes `domain, shelf, object, attribute` apart.
    fn place(path: &Path) -> Option<Vec<String>> {
        let rest = path.strip_prefix(CONFIGFS).ok()?;
        Some(
            rest.iter()
                .map(|part| part.to_string_lossy().into_owned())
                .collect(),
        )
    }

    fn enabled(&self, domain: &str) -> bool {
        let path = system::domain_path(domain).join("enable");
        self.nodes
            .borrow()
            .get(&path)
            .is_some_and(|value| value.as_deref() == Some("1"))
    }

    fn kind(shelf: &str) -> io::Result<Kind> {
        Kind::SHELVES
            .into_iter()
            .find(|kind| kind.shelf() == shelf)
            .ok_or_else(|| errno(EINVAL))
    }

    fn populate(&self, kind: Kind, dir: &Path) {
        self.put_dir(dir);
        for attribute in kind.attributes() {
            self.put(&dir.join(attribute.name), attribute.default);
        }
        for report in kind.reports() {
            let value = match *report {
                "id" => "-1",
                "dev" | "owner" => "none",
                "error" | "state" => "",
                _ => "0",
            };
            self.put(&dir.join(report), value);
        }
    }

    /// Writes a file of the device. Virtual functions come and go, and have what they are given.
    fn write_device(&self, path: &Path, value: &str) -> io::Result<()> {
        let count = |path: &Path| -> io::Result<u32> {
            self.read(path)?.parse().map_err(|_| errno(EINVAL))
        };
        let dir = path.parent().unwrap_or(Path::new("/"));
        if path.ends_with("sriov_numvfs") {
            let (on, new) = (count(path)?, value.parse().map_err(|_| errno(EINVAL))?);
            if on > 0 && new > 0 {
                return Err(errno(EBUSY));
            }
            for vf in 0..on {
                let share = dir.join(format!("vf{vf}_resources"));
                self.put(&share.join("locked"), "0");
                for resource in system::RESOURCES {
                    self.write_device(&share.join(resource), "0")?;
                }
                self.hide_all(&share);
                self.hide_all(&dir.join(format!("virtfn{vf}")));
                self.hide_all(&Path::new(DRIVER).join(address(vf)));
                self.hide_all(&Path::new("/sys/bus/pci/devices").join(address(vf)));
            }
            for vf in 0..new {
                let share = dir.join(format!("vf{vf}_resources"));
                self.put(&share.join("locked"), "0");
                for resource in system::RESOURCES {
                    self.put(&share.join(resource), "0");
                }
                let text = format!("PCI_CLASS=B4000\nPCI_SLOT_NAME={}", address(vf));
                self.put(&dir.join(format!("virtfn{vf}/uevent")), &text);
            }
        } else if path == Path::new(system::PROBE) {
            self.bind(value)?;
        } else if path.ends_with("driver/unbind") {
            let vf = (0..schema::VFS).find(|vf| address(*vf) == value);
            let share = format!("0000:00:04.0/vf{}_resources", vf.ok_or(errno(ENODEV))?);
            self.put(&Path::new(DRIVER).join(share).join("locked"), "0");
            self.hide_all(&Path::new(DRIVER).join(value));
            self.hide_all(&Path::new("/sys/bus/pci/devices").join(value));
            return Ok(());
        } else if dir.to_string_lossy().ends_with("_resources") && !path.ends_with("locked") {
            let name = path.file_name().unwrap_or_default();
            if self.read(&dir.join("locked"))? == "1" {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            let new: u32 = value.parse().map_err(|_| errno(EINVAL))?;
            let pool = dir.with_file_name("avail_resources").join(name);
            let all = count(&pool)? + count(path)?;
            let left = all.checked_sub(new).ok_or(errno(ENOSPC))?;
            self.put(&pool, &left.to_string());
        }
        // Of the two ways to set an arbiter the last one holds.
        let word = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(other) = schema::other_way(&word) {
            if schema::is_percent(&word) {
                let percent: u8 = value.parse().map_err(|_| errno(ERANGE))?;
                let follows = match percent {
                    0 => "255 255 255 255".to_string(),
                    some => format!("{} 251 253 255", 250 - some),
                };
                self.put(&dir.join(other), &follows);
            } else {
                self.put(&dir.join(other), "-1");
            }
        }
        self.put(path, value);
        Ok(())
    }

    /// Lets the driver have a virtual function, which it takes if it has a domain.
    fn bind(&self, function: &str) -> io::Result<()> {
        let driver = Path::new(DRIVER);
        let vf = (0..schema::VFS).find(|vf| address(*vf) == function);
        let vf = vf.ok_or(errno(ENODEV))?;
        let share = driver.join(format!("0000:00:04.0/vf{vf}_resources"));
        // The kernel lets nobody have one while autoprobe is off.
        let probe = driver.join("0000:00:04.0/sriov_drivers_autoprobe");
        if self.read(&share.join("num_sched_domains"))? == "0" || self.read(&probe)? == "0" {
            return Err(errno(ENODEV));
        }
        let own = driver.join(function);
        for resource in system::RESOURCES {
            let count = self.read(&share.join(resource))?;
            for group in ["total_resources", "avail_resources"] {
                self.put(&own.join(group).join(resource), &count);
            }
        }
        let devices = Path::new("/sys/bus/pci/devices").join(function);
        self.put(&devices.join("driver/unbind"), "");
        self.put(&own.join("device"), "0x2711");
        let devices = system::read_devices(self).map_err(|e| e.source)?;
        let taken = |number: &u32| {
            let name = format!("dlb{number}");
            devices.iter().any(|device| device.name == name)
        };
        let number = (0..).find(|number| !taken(number)).unwrap_or(0);
        self.put(&own.join("dev_id"), &number.to_string());
        self.put(&share.join("locked"), "1");
        Ok(())
    }

    /// Moves what a domain needs out of what is free, or back.
    fn build(&self, name: &str, on: bool) -> io::Result<()> {
        let live = system::read_domain(self, name)
            .map_err(|e| e.source)?
            .ok_or_else(|| errno(ENODEV))?;
        let dir = system::domain_path(name);
        let refuse = |code: i32, words: &str| {
            self.put(&dir.join("error"), words);
            self.put(&dir.join("state"), "failed");
            Err(errno(code))
        };
        let devices = system::read_devices(self).map_err(|e| e.source)?;
        let wanted = live.domain.object.value("device");
        let found = devices
            .iter()
            .find(|device| wanted == "auto" || device.name == wanted);
        let Some(device) = found else {
            return refuse(ENODEV, &format!("there is no device {wanted}"));
        };
        if on {
            if wanted == "auto" && devices.len() > 1 {
                let there = devices.len();
                return refuse(EINVAL, &format!("there are {there} devices"));
            }
            if let Some(problem) = live.domain.check().first() {
                return refuse(EINVAL, &problem.to_string());
            }
        }
        let needs = needs(&live.domain, device);
        if on {
            for (what, asked) in &needs {
                let free = device.available.get(*what).copied().unwrap_or(0);
                if *asked > free {
                    return refuse(
                        ENOSPC,
                        &format!("{what}: asked for {asked}, {free} are free"),
                    );
                }
            }
        }
        for (what, asked) in needs {
            let path = device.path().join("avail_resources").join(what);
            let free = device.available.get(what).copied().unwrap_or(0);
            let free = if on { free - asked } else { free + asked };
            self.put(&path, &free.to_string());
        }
        self.put(&dir.join("enable"), if on { "1" } else { "0" });
        self.put(
            &dir.join("state"),
            if on { "enabled" } else { "configuring" },
        );
        self.put(&dir.join("error"), "");
        Ok(())
    }
}

/// The address of a virtual function.
fn address(vf: u32) -> String {
    format!("0000:00:04.{}", vf + 1)
}

fn errno(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

impl Files for Fake {
    fn read(&self, path: &Path) -> io::Result<String> {
        match self.nodes.borrow().get(path) {
            Some(Some(value)) => Ok(value.clone()),
            Some(None) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn write(&self, path: &Path, value: &str) -> io::Result<()> {
        self.change()?;
        if self.forbidden.borrow().iter().any(|other| other == path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.read(path)?;
        let Some(parts) = Self::place(path) else {
            return self.write_device(path, value);
        };
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (domain, kind, name) = match parts[..] {
            [domain, "enable"] => {
                return match (self.enabled(domain), value) {
                    (true, "1") => Err(errno(EBUSY)),
                    (false, "0") => Ok(()),
                    (_, "0" | "1") => self.build(domain, value == "1"),
                    _ => Err(errno(EINVAL)),
                };
            }
            [domain, name] => (domain, Kind::Domain, name),
            [domain, shelf, _, name] => (domain, Self::kind(shelf)?, name),
            _ => return Err(errno(EINVAL)),
        };
        let attribute = kind
            .attribute(name)
            .ok_or(io::ErrorKind::PermissionDenied)?;
        if self.enabled(domain) && !attribute.live {
            return Err(errno(EBUSY));
        }
        let canonical = attribute.form.canonical(value).map_err(|_| errno(EINVAL))?;
        self.put(path, &canonical);
        Ok(())
    }

    fn mkdir(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        if self.exists(path) {
            return Err(errno(EEXIST));
        }
        let parts = Self::place(path).ok_or(io::ErrorKind::PermissionDenied)?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts[..] {
            [domain] => {
                schema::name(domain).map_err(|_| errno(EINVAL))?;
                self.populate(Kind::Domain, path);
                self.put(&path.join("enable"), "0");
                self.put(&path.join("state"), "configuring");
                for kind in Kind::SHELVES {
                    self.put_dir(&path.join(kind.shelf()));
                }
                Ok(())
            }
            [domain, shelf, name] => {
                schema::name(name).map_err(|_| errno(EINVAL))?;
                if !self.exists(&system::domain_path(domain)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                if self.enabled(domain) {
                    return Err(errno(EBUSY));
                }
                self.populate(Self::kind(shelf)?, path);
                Ok(())
            }
            _ => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    fn rmdir(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        let parts = Self::place(path).ok_or(io::ErrorKind::PermissionDenied)?;
        let domain = parts.first().ok_or(io::ErrorKind::PermissionDenied)?;
        if self.enabled(domain) {
            return Err(errno(EBUSY));
        }
        if parts.len() == 1 {
            let holds = |kind: Kind| {
                self.directories(&path.join(kind.shelf()))
                    .is_ok_and(|names| !names.is_empty())
            };
            if Kind::SHELVES.into_iter().any(holds) {
                return Err(errno(ENOTEMPTY));
            }
        }
        if !self.exists(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.nodes
            .borrow_mut()
            .retain(|node, _| !node.starts_with(path));
        Ok(())
    }

    fn directories(&self, path: &Path) -> io::Result<Vec<String>> {
        let nodes = self.nodes.borrow();
        if !nodes.get(path).is_some_and(Option::is_none) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = nodes
            .iter()
            .filter(|(node, value)| value.is_none() && node.parent() == Some(path));
        let name = |node: &PathBuf| {
            node.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into()
        };
        Ok(inside.map(|(node, _)| name(node)).collect())
    }

    fn exists(&self, path: &Path) -> bool {
        self.nodes.borrow().contains_key(path)
    }
}
