// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! What can go wrong outside the data path.

use std::io;
use std::path::{Path, PathBuf};

/// Why a port, a pool or a domain could not be opened or waited for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An attribute holds something that this library does not understand.
    #[error("{}: unexpected value `{value}`", path.display())]
    Attribute {
        /// The attribute.
        path: PathBuf,
        /// What it holds.
        value: String,
    },
    /// The domain is not enabled.
    #[error("domain `{domain}` is {state}; write 1 to its `enable` first")]
    NotEnabled {
        /// The domain.
        domain: String,
        /// What its `state` says.
        state: String,
    },
    /// Somebody else has the port open.
    #[error("{} is in use: a port has one user at a time", path.display())]
    InUse {
        /// The device file of the port.
        path: PathBuf,
    },
    /// A depth that no consumer queue has.
    #[error("a consumer queue cannot be {0} deep: it is a power of two from 1 to 1024")]
    Depth(u32),
    /// Waiting for the port failed. With `ENODEV` or a hang-up the device has gone, or the domain
    /// was reset.
    #[error("cannot wait for the port: {0}")]
    Wait(#[from] io::Error),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Error::Io {
            action,
            path: path.into(),
            source,
        }
    }
}
