// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! The machine: the few operations on files that configuring needs, and what can be read by them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::schema::{self, Kind, Link, TUNING};
use crate::topology::{is_class, Domain, Object, Share};

/// Where configfs shows domains.
pub const CONFIGFS: &str = "/sys/kernel/config/dlb";

/// Where the driver shows its devices.
pub const DRIVER: &str = "/sys/bus/pci/drivers/dlb";

/// Where the kernel is told to look for the driver of a function.
pub const PROBE: &str = "/sys/bus/pci/drivers_probe";

/// Where the driver is told to let go of a function.
pub const UNBIND: &str = "/sys/bus/pci/drivers/dlb/unbind";

/// What configuring needs of a file system. All paths are absolute.
pub trait Files {
    /// Reads a small file, without the newline at its end.
    fn read(&self, path: &Path) -> io::Result<String>;
    /// Writes a small file in one call.
    fn write(&self, path: &Path, value: &str) -> io::Result<()>;
    /// Makes a directory.
    fn mkdir(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory, which may hold what the kernel made in it.
    fn rmdir(&self, path: &Path) -> io::Result<()>;
    /// The names of the directories in a directory, sorted.
    fn directories(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Whether there is something.
    fn exists(&self, path: &Path) -> bool;
}

/// The files of this machine, or those under another root.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
}

impl Machine {
    /// The machine whose `/` is `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Machine { root: root.into() }
    }

    /// Where `path` really is.
    pub fn at(&self, path: &Path) -> PathBuf {
        match path.strip_prefix("/") {
            Ok(rest) => self.root.join(rest),
            Err(_) => path.to_path_buf(),
        }
    }
}

impl Files for Machine {
    fn read(&self, path: &Path) -> io::Result<String> {
        // What is of the kernel is ASCII, but among the mounts are names of anybody's.
        let bytes = fs::read(self.at(path))?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_string())
    }

    fn write(&self, path: &Path, value: &str) -> io::Result<()> {
        use std::io::Write;

        // An attribute takes its value in one call, with a newline so that empty is not nothing.
        let mut file = fs::File::options().write(true).open(self.at(path))?;
        file.write_all(format!("{value}\n").as_bytes())
    }

    fn mkdir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(self.at(path))
    }

    fn rmdir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(self.at(path))
    }

    fn directories(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(self.at(path))? {
            let entry = entry?;
            // Devices of a driver are links to directories.
            if fs::metadata(entry.path()).is_ok_and(|meta| meta.is_dir()) {
                names.insert(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names.into_iter().collect())
    }

    fn exists(&self, path: &Path) -> bool {
        self.at(path).exists()
    }
}

/// A file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", path.display())]
pub struct Unreadable {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Unreadable + '_ {
    move |source| Unreadable {
        path: path.into(),
        source,
    }
}

/// A domain as configfs shows it.
#[derive(Clone, Debug)]
pub struct LiveDomain {
    /// What describes it. `enable` says whether it is enabled.
    pub domain: Domain,
    /// What `state` says.
    pub state: String,
    /// What `error` says.
    pub error: String,
    /// What else its files report: by object path within the domain (empty for the domain), then
    /// by file.
    pub reports: BTreeMap<String, BTreeMap<&'static str, String>>,
}

impl LiveDomain {
    /// What `report` of an object says, or nothing.
    pub fn report(&self, object: &Object, report: &str) -> &str {
        let path = match object.kind {
            Kind::Domain => String::new(),
            kind => format!("{}/{}", kind.shelf(), object.name),
        };
        self.reports
            .get(&path)
            .and_then(|all| all.get(report))
            .map_or("", String::as_str)
    }
}

/// The directory of a domain.
pub fn domain_path(name: &str) -> PathBuf {
    Path::new(CONFIGFS).join(name)
}

/// The directory of an object of a domain.
pub fn object_path(domain: &str, kind: Kind, name: &str) -> PathBuf {
    match kind {
        Kind::Domain => domain_path(domain),
        kind => domain_path(domain).join(kind.shelf()).join(name),
    }
}

/// The names of all domains.
///
/// # Errors
///
/// If configfs cannot be read.
pub fn domain_names(files: &dyn Files) -> Result<Vec<String>, Unreadable> {
    let root = Path::new(CONFIGFS);
    files.directories(root).map_err(unreadable(root))
}

/// Reads one domain, or `None` if there is none of that name.
///
/// # Errors
///
/// If configfs cannot be read.
pub fn read_domain(files: &dyn Files, name: &str) -> Result<Option<LiveDomain>, Unreadable> {
    let dir = domain_path(name);
    // What cannot be a name could be a path that leads elsewhere.
    if schema::name(name).is_err() || !files.exists(&dir) {
        return Ok(None);
    }
    let live = read_all(files, name, &dir);
    // It may have been removed while it was read.
    if !files.exists(&dir) {
        return Ok(None);
    }
    live.map(Some)
}

fn read_all(files: &dyn Files, name: &str, dir: &Path) -> Result<LiveDomain, Unreadable> {
    let mut domain = Domain::new(name);
    let mut reports = BTreeMap::new();
    let (object, own) = read_object(files, Kind::Domain, name, dir)?;
    domain.object = object;
    reports.insert(String::new(), own);
    domain.enable = read(files, &dir.join("enable"))? == "1";
    for kind in Kind::SHELVES {
        let shelf = dir.join(kind.shelf());
        for name in files.directories(&shelf).map_err(unreadable(&shelf))? {
            let path = shelf.join(&name);
            let object = read_object(files, kind, &name, &path);
            // So may this, by somebody who changes the domain.
            if !files.exists(&path) {
                continue;
            }
            let (object, own) = object?;
            reports.insert(format!("{}/{name}", kind.shelf()), own);
            domain.add(object);
        }
    }
    let of_domain = |report: &str| reports[""].get(report).cloned().unwrap_or_default();
    let (state, error) = (of_domain("state"), of_domain("error"));
    Ok(LiveDomain {
        domain,
        state,
        error,
        reports,
    })
}

/// Reads all domains.
///
/// # Errors
///
/// If configfs cannot be read.
pub fn read_domains(files: &dyn Files) -> Result<Vec<LiveDomain>, Unreadable> {
    let mut domains = Vec::new();
    for name in domain_names(files)? {
        // One that goes away meanwhile is not there.
        domains.extend(read_domain(files, &name)?);
    }
    Ok(domains)
}

type Reports = BTreeMap<&'static str, String>;

fn read_object(
    files: &dyn Files,
    kind: Kind,
    name: &str,
    dir: &Path,
) -> Result<(Object, Reports), Unreadable> {
    let mut object = Object::new(kind, name);
    for attribute in kind.attributes() {
        let path = dir.join(attribute.name);
        // A driver may lack an attribute that this program knows.
        if !files.exists(&path) {
            continue;
        }
        let value = read(files, &path)?;
        let canonical = attribute
            .form
            .canonical(&value)
            .map_err(|reason| Unreadable {
                path: path.clone(),
                source: io::Error::new(io::ErrorKind::InvalidData, format!("`{value}` {reason}")),
            })?;
        object.values.insert(attribute.name, canonical);
    }
    let mut reports = Reports::new();
    for report in kind.reports() {
        let path = dir.join(report);
        // Some are errors while the device is away.
        if let Ok(value) = files.read(&path) {
            reports.insert(*report, value);
        }
    }
    Ok((object, reports))
}

fn read(files: &dyn Files, path: &Path) -> Result<String, Unreadable> {
    files.read(path).map_err(unreadable(path))
}

/// A device that the driver has.
#[derive(Clone, Debug)]
pub struct Device {
    /// `dlb0`.
    pub name: String,
    /// The address on the PCI bus.
    pub address: String,
    /// Whether it is a DLB 2.5.
    pub is_2_5: bool,
    /// Whether it is a virtual function.
    pub is_vf: bool,
    /// What it has, by resource.
    pub total: BTreeMap<String, u32>,
    /// What of that is free.
    pub available: BTreeMap<String, u32>,
    /// Sequence numbers per ordered queue, by group.
    pub sequence_numbers: BTreeMap<u32, u32>,
    /// Bandwidth in percent, by class of service.
    pub cos_bandwidth: BTreeMap<u32, u32>,
    /// How it works as a whole, by file in `tuning`.
    pub tuning: BTreeMap<&'static str, String>,
    /// How many virtual functions are on, and how many there can be.
    pub vfs: (u32, u32),
    /// What it has done, by counter.
    pub counters: BTreeMap<&'static str, u64>,
}

impl Device {
    /// Its directory in sysfs.
    pub fn path(&self) -> PathBuf {
        Path::new(DRIVER).join(&self.address)
    }
}

/// The directory in which a device says what a virtual function has.
pub fn share_path(device: &Device, vf: u32) -> PathBuf {
    device.path().join(format!("vf{vf}_resources"))
}

/// The addresses of the virtual functions that are on, of the device with this directory.
pub fn functions(files: &dyn Files, device: &Path) -> Vec<String> {
    let address = |vf: u32| -> Option<String> {
        let text = files
            .read(&device.join(format!("virtfn{vf}/uevent")))
            .ok()?;
        let word = text
            .lines()
            .find_map(|line| line.strip_prefix("PCI_SLOT_NAME="));
        word.map(str::to_string)
    };
    (0..schema::VFS).filter_map(address).collect()
}

/// Lets drivers have functions. That a driver refuses one is the driver's to tell.
pub fn probe(files: &dyn Files, functions: &[String]) {
    for function in functions {
        let _ = files.write(Path::new(PROBE), function);
    }
}

/// Takes functions away from their drivers, if they have any.
pub fn unbind(files: &dyn Files, functions: &[String]) {
    for function in functions {
        let path = format!("/sys/bus/pci/devices/{function}/driver/unbind");
        let _ = files.write(Path::new(&path), function);
    }
}

/// What a virtual function has.
#[derive(Clone, Debug, Default)]
pub struct LiveShare {
    /// Of each resource, also of those of which it has nothing.
    pub resources: BTreeMap<&'static str, u32>,
    /// Whether its driver has registered, so that nothing can change.
    pub locked: bool,
}

impl LiveShare {
    /// The same as somebody would ask for it: without zeros, and ports by class of service.
    pub fn share(&self) -> Share {
        let mut resources = self.resources.clone();
        if resources.keys().any(|name| is_class(name)) {
            resources.remove("num_ldb_ports");
        }
        resources.retain(|_, count| *count > 0);
        Share {
            resources,
            place: None,
        }
    }
}

/// Reads what the virtual functions of a device have that are on.
pub fn read_shares(files: &dyn Files, device: &Device) -> BTreeMap<u32, LiveShare> {
    let read = |vf| {
        let dir = share_path(device, vf);
        let number = |name: &str| files.read(&dir.join(name)).ok()?.parse().ok();
        LiveShare {
            resources: RESOURCES
                .iter()
                .filter_map(|name| Some((*name, number(name)?)))
                .collect(),
            locked: files
                .read(&dir.join("locked"))
                .is_ok_and(|text| text == "1"),
        }
    };
    (0..device.vfs.0).map(|vf| (vf, read(vf))).collect()
}

/// Reads all devices that the driver is bound to, in the order of their names.
///
/// # Errors
///
/// If sysfs cannot be read. That the driver is not there is no error: then there are none.
pub fn read_devices(files: &dyn Files) -> Result<Vec<Device>, Unreadable> {
    let driver = Path::new(DRIVER);
    if !files.exists(driver) {
        return Ok(Vec::new());
    }
    let mut devices = Vec::new();
    for address in files.directories(driver).map_err(unreadable(driver))? {
        // Beside the devices there is a link to the module.
        if !address.contains(':') {
            continue;
        }
        // The kernel links a device here before the driver has set it up, and until it has let go
        // of it: as long as it has no number, nobody can use it.
        let path = driver.join(&address);
        if !files.exists(&path.join("dev_id")) {
            continue;
        }
        match read_device(files, &address) {
            Ok(device) => devices.push(device),
            Err(_) if !files.exists(&path.join("dev_id")) => (),
            Err(error) => return Err(error),
        }
    }
    devices.sort_by_key(|device| {
        let number = device.name.trim_start_matches("dlb").parse::<u32>();
        (number.unwrap_or(u32::MAX), device.address.clone())
    });
    Ok(devices)
}

fn read_device(files: &dyn Files, address: &str) -> Result<Device, Unreadable> {
    let dir = Path::new(DRIVER).join(address);
    let id = read(files, &dir.join("device"))?;
    let number = |path: PathBuf| files.read(&path).ok().and_then(|text| text.parse().ok());
    let numbers = |group: &str, names: &[String]| -> BTreeMap<String, u32> {
        let value = |name: &String| Some((name.clone(), number(dir.join(group).join(name))?));
        names.iter().filter_map(value).collect()
    };
    let resources: Vec<_> = RESOURCES.iter().map(|name| name.to_string()).collect();
    let mut with_run = resources.clone();
    with_run.push("max_ctg_hl_entries".to_string());
    let by_index = |count: u32, path: &dyn Fn(u32) -> String| -> BTreeMap<u32, u32> {
        (0..count)
            .filter_map(|at| Some((at, number(dir.join(path(at)))?)))
            .collect()
    };
    let vfs = |name: &str| number(dir.join(name)).unwrap_or(0);
    Ok(Device {
        name: format!("dlb{}", read(files, &dir.join("dev_id"))?),
        address: address.to_string(),
        is_2_5: matches!(id.as_str(), "0x2714" | "0x2715"),
        is_vf: matches!(id.as_str(), "0x2711" | "0x2715"),
        total: numbers("total_resources", &resources),
        available: numbers("avail_resources", &with_run),
        sequence_numbers: by_index(2, &|at| format!("sequence_numbers/group{at}_sns_per_queue")),
        cos_bandwidth: by_index(4, &|at| format!("cos_bw/cos{at}_bw_percent")),
        tuning: TUNING
            .iter()
            .filter_map(|(name, form)| {
                let text = files.read(&dir.join("tuning").join(name)).ok()?;
                // A percentage is -1 beside weights.
                Some((*name, form.canonical(&text).unwrap_or(text)))
            })
            .collect(),
        vfs: (vfs("sriov_numvfs"), vfs("sriov_totalvfs")),
        counters: COUNTERS
            .iter()
            .filter_map(|name| {
                let text = files.read(&dir.join("counters").join(name)).ok()?;
                Some((*name, text.parse().ok()?))
            })
            .collect(),
    })
}

/// The counters of a device, as sysfs calls them.
pub const COUNTERS: &[&str] = &[
    "ldb_scheduled",
    "dir_scheduled",
    "errors",
    "cycles_scheduled",
    "cycles_no_work",
    "cycles_no_space",
    "cycles_inflight_limit",
    "cycles_flow_limit",
    "cycles_priority_friction",
];

/// The resources of a device, as sysfs calls them.
pub const RESOURCES: &[&str] = &[
    "num_sched_domains",
    "num_ldb_queues",
    "num_ldb_ports",
    "num_cos0_ldb_ports",
    "num_cos1_ldb_ports",
    "num_cos2_ldb_ports",
    "num_cos3_ldb_ports",
    "num_dir_ports",
    "num_ldb_credits",
    "num_dir_credits",
    "num_atomic_inflights",
    "num_hist_list_entries",
    "num_sn0_slots",
    "num_sn1_slots",
];

/// What differs between two sets of links: those to add or change, and those to remove.
pub fn link_changes(from: &[Link], to: &[Link]) -> (Vec<Link>, Vec<String>) {
    let add = to
        .iter()
        .filter(|link| !from.contains(link))
        .cloned()
        .collect();
    let remove = from
        .iter()
        .filter(|(queue, _)| to.iter().all(|(other, _)| other != queue))
        .map(|(queue, _)| queue.clone())
        .collect();
    (add, remove)
}
