// SPDX-License-Identifier: GPL-2.0

//! What a user asks for, and how a refusal is told.
//!
//! The description of a domain is plain data. The faces towards users fill it in, [`crate::domain`]
//! checks and builds it; nothing in this file knows about either of them.

use kernel::{
    alloc::{
        kvec::PushError,
        AllocError, //
    },
    error::Error,
    fmt,
    prelude::*,
    str::CString, //
};

/// Longest name of a domain, queue or port, in bytes.
pub(crate) const NAME_MAX: usize = 63;

/// The name of a domain, queue or port.
///
/// Names are short, so they are kept by value: a copy cannot fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    len: u8,
    bytes: [u8; NAME_MAX],
}

impl Name {
    /// Checks and takes over a name.
    ///
    /// A name is 1 to [`NAME_MAX`] letters, digits, `.`, `_` and `-`, and does not start with a
    /// dot or a dash: it becomes a path component in configfs, in `/dev` and in sysfs, where `!`
    /// and `/` have meanings of their own, and a word in `links`, where a dash in front has one.
    pub(crate) fn new(text: &[u8]) -> Result<Self> {
        if text.first().is_none_or(|&c| matches!(c, b'.' | b'-')) {
            return Err(EINVAL);
        }
        if !text
            .iter()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'))
        {
            return Err(EINVAL);
        }
        let mut bytes = [0; NAME_MAX];
        bytes
            .get_mut(..text.len())
            .ok_or(EINVAL)?
            .iter_mut()
            .zip(text)
            .for_each(|(to, from)| *to = *from);
        Ok(Self {
            len: u8::try_from(text.len()).map_err(|_| EINVAL)?,
            bytes,
        })
    }

    /// Makes a name by formatting.
    pub(crate) fn format(text: fmt::Arguments<'_>) -> Result<Self> {
        let mut name = Self {
            len: 0,
            bytes: [0; NAME_MAX],
        };
        fmt::Write::write_fmt(&mut name, text).map_err(|_| EINVAL)?;
        Self::new(name.as_bytes())
    }

    /// The bytes of the name.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// The name as text; names are ASCII by construction.
    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or("")
    }
}

impl fmt::Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.as_bytes() {
            *self
                .bytes
                .get_mut(usize::from(self.len))
                .ok_or(fmt::Error)? = *byte;
            self.len = self.len.saturating_add(1);
        }
        Ok(())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A number of resources: what the children of the domain need, or a number given by the user.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Auto,
    Exact(u32),
}

impl Count {
    /// The number, where `auto` stands for `need`.
    pub(crate) fn or(self, need: u32) -> u32 {
        match self {
            Count::Auto => need,
            Count::Exact(n) => n,
        }
    }
}

/// Which device a domain is built on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceSel {
    /// The only device there is.
    Auto,
    /// `dlb0`, `dlb1`, ...
    Named(Name),
}

/// What ends a domain, besides its owner.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Only its owner: `enable` or `rmdir`.
    Directory,
    /// Also the last close of its device files.
    File,
}

/// A load-balanced queue.
#[derive(Clone, Copy)]
pub(crate) struct LdbQueueDesc {
    pub(crate) name: Name,
    pub(crate) num_sequence_numbers: u32,
    pub(crate) num_qid_inflights: Count,
    pub(crate) num_atomic_inflights: u32,
    pub(crate) lock_id_comp_level: u32,
    pub(crate) depth_threshold: u32,
}

/// A directed queue.
#[derive(Clone, Copy)]
pub(crate) struct DirQueueDesc {
    pub(crate) name: Name,
    pub(crate) depth_threshold: u32,
    /// The directed port that consumes this queue.
    pub(crate) port: Option<Name>,
}

/// One link of a load-balanced port.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkDesc {
    pub(crate) queue: Name,
    /// 0 is served first, 7 last.
    pub(crate) priority: u8,
}

/// A load-balanced port.
pub(crate) struct LdbPortDesc {
    pub(crate) name: Name,
    pub(crate) cq_depth: u32,
    pub(crate) cq_history_list_size: Count,
    pub(crate) cq_depth_threshold: u32,
    pub(crate) cos: Option<u8>,
    pub(crate) cos_strict: bool,
    /// Zero is off.
    pub(crate) cq_weight_limit: u32,
    /// Zero is off.
    pub(crate) inflight_threshold: u32,
    pub(crate) links: KVec<LinkDesc>,
    pub(crate) enabled: bool,
}

/// A directed port.
#[derive(Clone, Copy)]
pub(crate) struct DirPortDesc {
    pub(crate) name: Name,
    pub(crate) cq_depth: u32,
    pub(crate) cq_depth_threshold: u32,
    /// Whether it mostly sends, and should have a port that is near.
    pub(crate) producer: bool,
    /// The directed queue that this port consumes; none for a port that only sends.
    pub(crate) queue: Option<Name>,
    pub(crate) enabled: bool,
}

/// A whole domain.
pub(crate) struct DomainDesc {
    pub(crate) name: Name,
    pub(crate) device: DeviceSel,
    pub(crate) lifetime: Lifetime,
    /// DLB 2.0.
    pub(crate) num_ldb_credits: Count,
    /// DLB 2.0.
    pub(crate) num_dir_credits: Count,
    /// DLB 2.5, where one pool serves both kinds of queue.
    pub(crate) num_credits: Count,
    pub(crate) num_hist_list_entries: Count,
    pub(crate) num_atomic_inflights: Count,
    pub(crate) num_sn_slots: [Count; 2],
    pub(crate) num_cos_ldb_ports: [Count; 4],
    pub(crate) cos_strict: bool,
    pub(crate) scheduling: bool,
    pub(crate) ldb_queues: KVec<LdbQueueDesc>,
    pub(crate) dir_queues: KVec<DirQueueDesc>,
    pub(crate) ldb_ports: KVec<LdbPortDesc>,
    pub(crate) dir_ports: KVec<DirPortDesc>,
}

/// A refusal: an errno for the program and a sentence for the person.
pub(crate) struct Refusal {
    pub(crate) err: Error,
    /// The sentence, without a line end. None when memory did not suffice even for that.
    pub(crate) text: Option<CString>,
}

impl Refusal {
    /// Makes a refusal, usually with `fmt!`.
    pub(crate) fn new(err: Error, text: fmt::Arguments<'_>) -> Self {
        Self {
            err,
            text: CString::try_from_fmt(text).ok(),
        }
    }
}

impl From<Error> for Refusal {
    fn from(err: Error) -> Self {
        Self { err, text: None }
    }
}

impl From<AllocError> for Refusal {
    fn from(err: AllocError) -> Self {
        Error::from(err).into()
    }
}

impl<T> From<PushError<T>> for Refusal {
    fn from(err: PushError<T>) -> Self {
        Error::from(err).into()
    }
}

/// Why a domain ended without its owner asking for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The last device file of a domain with [`Lifetime::File`] was closed.
    LastClose,
    /// The device was unbound or taken away.
    DeviceGone,
    /// The device was reset under the domain.
    DeviceReset,
}

/// The two kinds of port, which are also the two shelves that ports stand on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shelf {
    Ldb,
    Dir,
}
