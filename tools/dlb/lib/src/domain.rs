// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Finding queues and ports by the names that they have in configfs.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::credit::{Counts, Credits};
use crate::error::Error;
use crate::port::{DirPort, LdbPort, Options};
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

    /// Whether the device has one kind of credit, as a DLB 2.5 has. The device files of the ports
    /// lead to the PCI function, whose device ID tells.
    fn is_combined(&self) -> Result<bool, Error> {
        let mut ports = self.children("ldb_ports")?;
        ports.append(&mut self.children("dir_ports")?);
        let Some(port) = ports.first() else {
            return Ok(false);
        };
        let dev = read(&port.join("dev"))?;
        let id = read(&self.sys.join("dev/char").join(dev).join("device/device"))?;
        Ok(matches!(id.as_str(), "0x2714" | "0x2715"))
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
