// SPDX-License-Identifier: GPL-2.0

//! The driver's files in configfs, sysfs and `/dev`, with exact error numbers.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::errno::{self, Errno};
use crate::ktap::Outcome;

/// The subsystem's directory in configfs.
pub const ROOT: &str = "/sys/kernel/config/dlb";

/// The driver's directory on the PCI bus.
pub const DRIVER: &str = "/sys/bus/pci/drivers/dlb";

/// The device that suites work on: `dlb0`, or what the environment says in `DLB_TEST_DEVICE`.
pub fn device_name() -> String {
    std::env::var("DLB_TEST_DEVICE").unwrap_or_else(|_| "dlb0".into())
}

/// Writes the bytes in one write(2), as a shell's `echo` does.
pub fn put(path: &Path, bytes: &[u8]) -> Result<(), Errno> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    match file.write(bytes) {
        Ok(n) if n == bytes.len() => Ok(()),
        Ok(_) => Err(errno::EIO),
        Err(e) => Err(e.into()),
    }
}

/// Writes nothing at all: a write(2) of length zero.
pub fn put_empty(path: &Path) -> Result<(), Errno> {
    let file = fs::OpenOptions::new().write(true).open(path)?;
    use std::os::fd::AsRawFd;
    // SAFETY: The descriptor is open; a length of zero reads no memory.
    let n = unsafe { libc::write(file.as_raw_fd(), b"".as_ptr().cast(), 0) };
    if n < 0 {
        return Err(errno::last());
    }
    Ok(())
}

/// Reads a file whole, without the newline at its end.
pub fn read(path: &Path) -> Result<String, Errno> {
    let mut text = String::new();
    fs::File::open(path)?.read_to_string(&mut text)?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// Names in a directory, sorted.
pub fn names(path: &Path) -> Result<Vec<String>, Errno> {
    let mut all = Vec::new();
    for entry in fs::read_dir(path)? {
        all.push(entry?.file_name().to_string_lossy().into_owned());
    }
    all.sort();
    Ok(all)
}

/// A directory in the tree whose files are attributes.
#[derive(Clone, Debug)]
pub struct Object(pub PathBuf);

impl Object {
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn set(&self, name: &str, value: impl ToString) -> Result<(), Errno> {
        let mut text = value.to_string();
        text.push('\n');
        put(&self.file(name), text.as_bytes())
    }

    pub fn get(&self, name: &str) -> Result<String, Errno> {
        read(&self.file(name))
    }

    pub fn remove(&self) -> Result<(), Errno> {
        Ok(fs::remove_dir(&self.0)?)
    }
}

/// The four shelves of a domain.
pub const SHELVES: [&str; 4] = ["dir_ports", "dir_queues", "ldb_ports", "ldb_queues"];

/// A domain made by a test; disabled and removed when dropped.
pub struct Domain {
    pub name: String,
    pub obj: Object,
}

impl Domain {
    /// Makes the directory.
    pub fn make(name: &str) -> Result<Self, Errno> {
        let domain = Self::bare(name)?;
        // Otherwise it stays on "auto", which is a case of its own.
        if std::env::var_os("DLB_TEST_DEVICE").is_some() {
            domain.set("device", device_name())?;
        }
        Ok(domain)
    }

    /// Makes the directory and writes nothing.
    pub fn bare(name: &str) -> Result<Self, Errno> {
        let path = Path::new(ROOT).join(name);
        fs::create_dir(&path)?;
        Ok(Self {
            name: name.into(),
            obj: Object(path),
        })
    }

    pub fn set(&self, name: &str, value: impl ToString) -> Result<(), Errno> {
        self.obj.set(name, value)
    }

    pub fn get(&self, name: &str) -> Result<String, Errno> {
        self.obj.get(name)
    }

    /// An object on a shelf, whether or not it exists.
    pub fn on(&self, shelf: &str, name: &str) -> Object {
        Object(self.obj.0.join(shelf).join(name))
    }

    /// Makes an object on a shelf.
    pub fn add(&self, shelf: &str, name: &str) -> Result<Object, Errno> {
        let obj = self.on(shelf, name);
        fs::create_dir(&obj.0)?;
        Ok(obj)
    }

    pub fn enable(&self) -> Result<(), Errno> {
        self.set("enable", 1)
    }

    pub fn disable(&self) -> Result<(), Errno> {
        self.set("enable", 0)
    }

    /// Where the port's device file is while the domain is enabled.
    pub fn node(&self, port: &str) -> PathBuf {
        self.dir().join(port)
    }

    /// The domain's directory under `/dev`.
    pub fn dir(&self) -> PathBuf {
        Path::new("/dev").join(device_name()).join(&self.name)
    }

    /// Removes the domain and all that is in it.
    pub fn remove(&self) -> Result<(), Errno> {
        remove_tree(&self.obj.0)
    }

    /// Waits until the domain's state is the given one.
    pub fn wait_state(&self, want: &str, limit: Duration) -> Outcome {
        let until = Instant::now() + limit;
        loop {
            let have = self.get("state")?;
            if have == want {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!(
                    "state is still {have} after {limit:?}, want {want}"
                ));
            }
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        let _ = self.disable();
        let _ = self.remove();
    }
}

/// Removes a domain's directory with everything users made inside.
pub fn remove_tree(domain: &Path) -> Result<(), Errno> {
    for shelf in SHELVES {
        let shelf = domain.join(shelf);
        for name in names(&shelf)? {
            fs::remove_dir(shelf.join(name))?;
        }
    }
    Ok(fs::remove_dir(domain)?)
}

/// A device the driver is bound to.
#[derive(Clone, Debug)]
pub struct Device {
    /// Address on the bus, for `bind` and `unbind`.
    pub address: String,
    pub obj: Object,
}

impl Device {
    /// All devices of the driver, in the order of their numbers.
    pub fn all() -> Vec<Self> {
        let mut found = Vec::new();
        for name in names(Path::new(DRIVER)).unwrap_or_default() {
            let obj = Object(Path::new(DRIVER).join(&name));
            if let Ok(id) = obj.get("dev_id") {
                found.push((id.parse::<u32>().unwrap_or(u32::MAX), name, obj));
            }
        }
        found.sort_by_key(|d| d.0);
        found
            .into_iter()
            .map(|(_, address, obj)| Self { address, obj })
            .collect()
    }

    /// The device that the suite works on, see [`device_name`].
    pub fn first() -> Result<Self, String> {
        let name = device_name();
        Self::all()
            .into_iter()
            .find(|d| {
                d.obj
                    .get("dev_id")
                    .is_ok_and(|id| format!("dlb{id}") == name)
            })
            .ok_or_else(|| format!("no device {name} under {DRIVER}"))
    }

    /// The directory of the physical function, which has the settings.
    pub fn physical(&self) -> Object {
        match self.is_virtual() {
            true => Object(self.obj.file("physfn")),
            false => self.obj.clone(),
        }
    }

    /// Whether this is a virtual function.
    pub fn is_virtual(&self) -> bool {
        self.obj.file("physfn").exists()
    }

    /// Whether this is a DLB 2.5, by its PCI device number.
    pub fn is_v25(&self) -> bool {
        self.obj
            .get("device")
            .is_ok_and(|id| id == "0x2714" || id == "0x2715")
    }

    /// All counts of a group of sysfs attributes.
    pub fn counts(&self, group: &str) -> Result<BTreeMap<String, u32>, String> {
        let dir = self.obj.file(group);
        let mut all = BTreeMap::new();
        for name in names(&dir).map_err(|e| format!("{}: {e}", dir.display()))? {
            let text = read(&dir.join(&name)).map_err(|e| format!("{group}/{name}: {e}"))?;
            let count = text
                .parse()
                .map_err(|_| format!("{group}/{name} is not a number: {text:?}"))?;
            all.insert(name, count);
        }
        Ok(all)
    }

    /// Errs unless everything the device has is free.
    pub fn all_free(&self) -> Outcome {
        let total = self.counts("total_resources")?;
        let avail = self.counts("avail_resources")?;
        if total.is_empty() {
            return Err("total_resources is empty".into());
        }
        for (name, count) in &total {
            let free = avail
                .get(name)
                .ok_or_else(|| format!("avail_resources has no {name}"))?;
            if free != count {
                return Err(format!("leaked {name}: {free} of {count} are free"));
            }
        }
        let run = avail.get("max_ctg_hl_entries");
        if run != total.get("num_hist_list_entries") {
            return Err(format!("history list is in pieces: longest run {run:?}"));
        }
        Ok(())
    }

    /// As [`Self::all_free`], allowing for work that is done after the call that asked for it.
    pub fn soon_all_free(&self, limit: Duration) -> Outcome {
        let until = Instant::now() + limit;
        loop {
            match self.all_free() {
                Ok(()) => return Ok(()),
                Err(why) if Instant::now() > until => return Err(why),
                Err(_) => sleep(Duration::from_millis(10)),
            }
        }
    }

    pub fn unbind(&self) -> Result<(), Errno> {
        put(&Path::new(DRIVER).join("unbind"), self.address.as_bytes())
    }

    pub fn bind(&self) -> Result<(), Errno> {
        put(&Path::new(DRIVER).join("bind"), self.address.as_bytes())
    }
}

/// Lines of the kernel log that nothing a user does may cause.
pub fn complaints() -> Result<Vec<String>, String> {
    // SAFETY: Action 10 only asks for the size of the log buffer.
    let size = unsafe { libc::klogctl(10, std::ptr::null_mut(), 0) };
    let mut log = vec![0u8; usize::try_from(size).map_err(|_| "no kernel log")?];
    // SAFETY: Action 3 copies at most `size` bytes into a buffer of that size.
    let got = unsafe { libc::klogctl(3, log.as_mut_ptr().cast(), size) };
    log.truncate(usize::try_from(got).map_err(|_| "no kernel log")?);
    const BAD: [&str; 14] = [
        "WARNING:",
        "BUG:",
        "BUG ",
        "Oops",
        "Kernel panic",
        "KASAN",
        "UBSAN",
        "refcount_t",
        "INFO: task",
        "possible circular locking",
        "possible recursive locking",
        "inconsistent lock state",
        "suspicious RCU",
        "general protection fault",
    ];
    Ok(String::from_utf8_lossy(&log)
        .lines()
        .filter(|line| BAD.iter().any(|bad| line.contains(bad)))
        // Lockdep says this of every driver that removes its virtual functions when it is unbound,
        // as Documentation/PCI/pci-iov-howto.rst tells drivers to: the lock is the PCI core's own.
        .filter(|line| !line.contains("at pci_stop_and_remove_bus_device"))
        .map(str::to_owned)
        .collect())
}

/// The case that ends every suite: the kernel has nothing to complain about.
pub fn log_is_clean() -> Outcome {
    let lines = complaints()?;
    if lines.is_empty() {
        Ok(())
    } else {
        Err(format!("the kernel log has:\n{}", lines.join("\n")))
    }
}
