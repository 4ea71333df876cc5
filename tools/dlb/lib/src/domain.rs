// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Finding queues and ports by the names that they have in configfs.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::credit::{Counts, Credits};
use crate::error::Error;
use crate::port::{DirPort, Layout, LdbPort, Options};
use crate::qe::{DirQueue, LdbQueue};

/// Where configfs shows domains.
pub const CONFIGFS: &str = "/sys/kernel/config/dlb";

/// An enabled domain, as configfs describes it. Only reads.
///
/// ```no_run
/// use dlb::{Credits, Domain, Event};
///
/// let domain = Domain::open("pipeline")?;
/// let credits = Credits::new(domain.credits()?);
/// let queue = domain.ldb_queue("atomic")?;
/// let port = domain.dir_port("source")?.open(&credits)?;
/// port.send(Event::atomic(queue, 1, 42)).expect("a fresh domain has credits");
/// # Ok::<(), dlb::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Domain {
    name: String,
    dir: PathBuf,
    dev: PathBuf,
    sys: PathBuf,
}

/// A port that has been found, to be opened.
#[derive(Clone, Debug)]
pub struct Found<P> {
    path: PathBuf,
    options: Options,
    port: std::marker::PhantomData<fn() -> P>,
}

impl<P> Found<P> {
    /// The device file of the port.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Changes the options, of which the depth is already right.
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(Options) -> Options) -> Self {
        self.options = change(self.options);
        self
    }
}

impl Found<LdbPort> {
    /// Opens and maps the port.
    ///
    /// # Errors
    ///
    /// As [`Port::open`](crate::Port::open).
    pub fn open(&self, credits: &Credits) -> Result<LdbPort, Error> {
        LdbPort::open(&self.path, &self.options, credits)
    }
}

impl Found<DirPort> {
    /// Opens and maps the port.
    ///
    /// # Errors
    ///
    /// As [`Port::open`](crate::Port::open).
    pub fn open(&self, credits: &Credits) -> Result<DirPort, Error> {
        DirPort::open(&self.path, &self.options, credits)
    }
}

impl Domain {
    /// Finds the enabled domain `name`.
    ///
    /// # Errors
    ///
    /// If there is none, or it is not enabled.
    pub fn open(name: &str) -> Result<Self, Error> {
        Self::open_in(Path::new("/"), name)
    }

    /// As [`open`](Self::open), where `/sys` and `/dev` are under `root`.
    ///
    /// # Errors
    ///
    /// If there is none, or it is not enabled.
    pub fn open_in(root: &Path, name: &str) -> Result<Self, Error> {
        let domain = Domain {
            name: name.into(),
            dir: root.join(CONFIGFS.trim_start_matches('/')).join(name),
            dev: root.join("dev"),
            sys: root.join("sys"),
        };
        let state = read(&domain.dir.join("state"))?;
        match state.as_str() {
            "enabled" | "stopped" => Ok(domain),
            _ => Err(Error::NotEnabled {
                domain: name.into(),
                state,
            }),
        }
    }

    /// The domain's directory in configfs.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// A load-balanced queue.
    ///
    /// # Errors
    ///
    /// If there is none of that name.
    pub fn ldb_queue(&self, name: &str) -> Result<LdbQueue, Error> {
        Ok(LdbQueue(number(
            &self.dir.join("ldb_queues").join(name).join("id"),
        )?))
    }

    /// A directed queue.
    ///
    /// # Errors
    ///
    /// If there is none of that name.
    pub fn dir_queue(&self, name: &str) -> Result<DirQueue, Error> {
        Ok(DirQueue(number(
            &self.dir.join("dir_queues").join(name).join("id"),
        )?))
    }

    /// A load-balanced port.
    ///
    /// # Errors
    ///
    /// If there is none of that name, or its device file cannot be found.
    pub fn ldb_port(&self, name: &str) -> Result<Found<LdbPort>, Error> {
        self.port("ldb_ports", name)
    }

    /// A directed port.
    ///
    /// # Errors
    ///
    /// If there is none of that name, or its device file cannot be found.
    pub fn dir_port(&self, name: &str) -> Result<Found<DirPort>, Error> {
        self.port("dir_ports", name)
    }

    fn port<P>(&self, shelf: &str, name: &str) -> Result<Found<P>, Error> {
        let dir = self.dir.join(shelf).join(name);
        let path = self.node(name, &dir.join("dev"))?;
        let options = Options::new(number(&dir.join("cq_depth"))?);
        let options = options.layout(self.layout(&dir)?);
        Ok(Found {
            path,
            options,
            port: std::marker::PhantomData,
        })
    }

    /// Looks under `/dev/dlb<N>/<domain>/` of every device for the file with the port's numbers,
    /// because a domain on `auto` does not say which device it is on.
    fn node(&self, port: &str, attribute: &Path) -> Result<PathBuf, Error> {
        let value = read(attribute)?;
        let wrong = || Error::Attribute {
            path: attribute.into(),
            value: value.clone(),
        };
        let (major, minor) = value.split_once(':').ok_or_else(wrong)?;
        let numbers: (u32, u32) = (
            major.parse().map_err(|_| wrong())?,
            minor.parse().map_err(|_| wrong())?,
        );
        let devices = fs::read_dir(&self.dev).map_err(|e| Error::io("list", &self.dev, e))?;
        let mut failure = std::io::ErrorKind::NotFound.into();
        for device in devices.flatten() {
            if !device.file_name().as_encoded_bytes().starts_with(b"dlb") {
                continue;
            }
            let path = device.path().join(&self.name).join(port);
            match fs::metadata(&path) {
                Ok(meta) => {
                    let here = (
                        rustix::fs::major(meta.rdev()),
                        rustix::fs::minor(meta.rdev()),
                    );
                    if meta.file_type().is_char_device() && here == numbers {
                        return Ok(path);
                    }
                }
                Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => failure = e,
                Err(_) => (),
            }
        }
        let path = self.dev.join("dlb*").join(&self.name).join(port);
        Err(Error::io("find", &path, failure))
    }

    /// How many credits the domain has: what it was given, or what `auto` stands for.
    ///
    /// # Errors
    ///
    /// If configfs cannot be read.
    pub fn credits(&self) -> Result<Counts, Error> {
        let combined = self.dir.join("num_credits");
        let split = self.dir.join("num_ldb_credits");
        let (mut ldb, mut dir) = (0, 0);
        let ldb_queues = self.children("ldb_queues")?.len() as u32;
        if ldb_queues > 0 {
            ldb = 128 * ldb_queues;
            for port in self.children("ldb_ports")? {
                ldb += number::<u32>(&port.join("cq_depth"))?;
            }
        }
        dir += 128 * self.children("dir_queues")?.len() as u32;
        let mut consumers = Vec::new();
        for queue in self.children("dir_queues")? {
            consumers.push(read(&queue.join("port"))?);
        }
        for port in self.children("dir_ports")? {
            let named = port
                .file_name()
                .is_some_and(|name| consumers.iter().any(|consumer| name == consumer.as_str()));
            if named || !read(&port.join("queue"))?.is_empty() {
                dir += number::<u32>(&port.join("cq_depth"))?;
            }
        }
        let count = |path: &Path, auto: u32| -> Result<u32, Error> {
            match read(path)?.as_str() {
                "auto" => Ok(auto),
                _ => number(path),
            }
        };
        let ldb = count(&split, ldb)?;
        let dir = count(&self.dir.join("num_dir_credits"), dir)?;
        if self.is_combined()? {
            Ok(Counts::Combined(count(&combined, ldb.saturating_add(dir))?))
        } else {
            Ok(Counts::Split { ldb, dir })
        }
    }

    /// Whether the device has one kind of credit, as a DLB 2.5 has.
    fn is_combined(&self) -> Result<bool, Error> {
        let mut ports = self.children("ldb_ports")?;
        ports.append(&mut self.children("dir_ports")?);
        let Some(port) = ports.first() else {
            return Ok(false);
        };
        let id = read(&self.function(port)?.join("device"))?;
        Ok(matches!(id.as_str(), "0x2714" | "0x2715"))
    }

    /// How the device lays out its consumer queues.
    fn layout(&self, port: &Path) -> Result<Layout, Error> {
        let path = self.function(port)?.join("tuning/cq_layout");
        match fs::read_to_string(&path).as_deref().map(str::trim_end) {
            Ok("packed") => Ok(Layout::Packed),
            Ok("sparse") => Ok(Layout::Sparse),
            Ok(value) => Err(Error::Attribute {
                path,
                value: value.to_string(),
            }),
            // A driver that cannot tell leaves it as it is usual.
            Err(_) => Ok(Layout::Sparse),
        }
    }

    /// The directory of the PCI function, to which the device file of a port leads.
    fn function(&self, port: &Path) -> Result<PathBuf, Error> {
        let dev = read(&port.join("dev"))?;
        Ok(self.sys.join("dev/char").join(dev).join("device"))
    }

    fn children(&self, shelf: &str) -> Result<Vec<PathBuf>, Error> {
        let dir = self.dir.join(shelf);
        let wrap = |e| Error::io("list", &dir, e);
        let mut children = Vec::new();
        for child in fs::read_dir(&dir).map_err(wrap)? {
            children.push(child.map_err(wrap)?.path());
        }
        Ok(children)
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let text = fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    Ok(text.trim_end().to_string())
}

fn number<N: FromStr>(path: &Path) -> Result<N, Error> {
    let value = read(path)?;
    value.parse().map_err(|_| Error::Attribute {
        path: path.into(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root with one enabled domain `a`, whose ports all have the numbers of `/dev/null`.
    fn root(id: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, value: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{value}\n")).unwrap();
        };
        let domain = |path: &str, value: &str| {
            put(&format!("sys/kernel/config/dlb/a/{path}"), value);
        };
        domain("state", "enabled");
        for kind in ["num_credits", "num_ldb_credits", "num_dir_credits"] {
            domain(kind, "auto");
        }
        domain("ldb_queues/q/id", "3");
        domain("dir_queues/d/id", "5");
        domain("dir_queues/d/port", "");
        domain("ldb_ports/w/cq_depth", "32");
        domain("dir_ports/p/cq_depth", "16");
        domain("dir_ports/p/queue", "d");
        domain("dir_ports/source/cq_depth", "64");
        domain("dir_ports/source/queue", "");
        for port in ["ldb_ports/w", "dir_ports/p", "dir_ports/source"] {
            domain(&format!("{port}/dev"), "1:3");
        }
        put("sys/dev/char/1:3/device/device", id);
        put("sys/dev/char/1:3/device/tuning/cq_layout", "packed");
        let nodes = root.path().join("dev/dlb7/a");
        fs::create_dir_all(&nodes).unwrap();
        std::os::unix::fs::symlink("/dev/null", nodes.join("w")).unwrap();
        root
    }

    #[test]
    fn everything_is_found_by_name() {
        let root = root("0x2710");
        let domain = Domain::open_in(root.path(), "a").unwrap();
        assert_eq!(domain.ldb_queue("q").unwrap(), LdbQueue(3));
        assert_eq!(domain.dir_queue("d").unwrap(), DirQueue(5));
        let port = domain.ldb_port("w").unwrap();
        assert_eq!(port.path(), root.path().join("dev/dlb7/a/w"));
        let expected = Options::new(32).layout(Layout::Packed);
        assert_eq!(format!("{:?}", port.options), format!("{expected:?}"));
        assert!(domain
            .ldb_queue("x")
            .unwrap_err()
            .to_string()
            .contains("ldb_queues/x/id"));
        assert!(domain
            .dir_port("p")
            .unwrap_err()
            .to_string()
            .contains("dev/dlb*/a/p"));
    }

    #[test]
    fn credits_are_those_that_the_driver_gives() {
        let root = root("0x2711");
        let domain = Domain::open_in(root.path(), "a").unwrap();
        assert_eq!(
            domain.credits().unwrap(),
            Counts::Split {
                ldb: 128 + 32,
                dir: 128 + 16
            }
        );
        let file = domain.path().join("num_dir_credits");
        fs::write(&file, "7\n").unwrap();
        assert_eq!(
            domain.credits().unwrap(),
            Counts::Split { ldb: 160, dir: 7 }
        );
        fs::write(
            root.path().join("sys/dev/char/1:3/device/device"),
            "0x2715\n",
        )
        .unwrap();
        assert_eq!(domain.credits().unwrap(), Counts::Combined(167));
        fs::write(domain.path().join("num_credits"), "12\n").unwrap();
        assert_eq!(domain.credits().unwrap(), Counts::Combined(12));
        fs::write(&file, "many\n").unwrap();
        assert!(domain
            .credits()
            .unwrap_err()
            .to_string()
            .contains("unexpected value `many`"));
    }

    #[test]
    fn a_domain_that_is_not_enabled_is_refused() {
        let root = root("0x2710");
        fs::write(
            root.path().join("sys/kernel/config/dlb/a/state"),
            "absent\n",
        )
        .unwrap();
        let refused = Domain::open_in(root.path(), "a").unwrap_err();
        assert!(refused.to_string().contains("domain `a` is absent"));
        assert!(Domain::open_in(root.path(), "b").is_err());
    }

    #[test]
    fn a_port_can_be_sent_to_another_thread() {
        fn sendable<T: Send>() {}
        sendable::<LdbPort>();
        sendable::<DirPort>();
    }
}
