// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Why a command failed, and with which exit code.

use std::io;
use std::path::Path;

use dlb_config::plan::{Failure, Impossible};
use dlb_config::system::Unreadable;
use dlb_config::Problem;

/// A failure: an exit code and what to say.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct Error {
    /// The exit code, as the help explains it.
    pub code: u8,
    /// One sentence, or one per line.
    pub words: String,
}

impl Error {
    /// Refused or failed.
    pub fn failed(words: impl ToString) -> Self {
        Error {
            code: 1,
            words: words.to_string(),
        }
    }

    /// What was named is not there.
    pub fn missing(words: impl ToString) -> Self {
        Error {
            code: 4,
            words: words.to_string(),
        }
    }

    /// It would not fit.
    pub fn too_much(words: impl ToString) -> Self {
        Error {
            code: 5,
            words: words.to_string(),
        }
    }

    /// Something is not well.
    pub fn unwell(words: impl ToString) -> Self {
        Error {
            code: 6,
            words: words.to_string(),
        }
    }

    /// The user, or the system, wants it to end.
    pub fn interrupted() -> Self {
        Error {
            code: 130,
            words: "interrupted".into(),
        }
    }

    /// A file of the user's could not be read or written.
    pub fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        Error::failed(format!("cannot {what} {}: {error}", path.display()))
    }

    /// Topology files are wrong.
    pub fn wrong(problems: &[Problem]) -> Self {
        let words: Vec<_> = problems.iter().map(Problem::to_string).collect();
        Error {
            code: 3,
            words: words.join("\n"),
        }
    }
}

impl From<Unreadable> for Error {
    fn from(error: Unreadable) -> Self {
        if error.source.kind() == io::ErrorKind::NotFound && error.path.ends_with("config/dlb") {
            return Error::missing(
                "the driver's directories are not there: is the module dlb loaded, and configfs \
                 mounted? `dlbctl doctor` knows more",
            );
        }
        Error::failed(error)
    }
}

impl From<Impossible> for Error {
    fn from(error: Impossible) -> Self {
        match error {
            Impossible::Unreadable(error) => error.into(),
            Impossible::NoDevice { .. }
            | Impossible::NotOne { .. }
            | Impossible::NoSetting { .. } => Error::missing(error),
            Impossible::NeedsRestart { .. } | Impossible::Locked { .. } => Error::failed(error),
        }
    }
}

impl From<Box<Failure>> for Error {
    fn from(failure: Box<Failure>) -> Self {
        let code = match failure.source.kind() {
            io::ErrorKind::Interrupted => 130,
            io::ErrorKind::StorageFull => 5,
            _ => 1,
        };
        Error {
            code,
            words: failure.to_string(),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        // Who has read enough need not be told.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Error {
                code: 141,
                words: String::new(),
            };
        }
        Error::failed(format!("cannot print: {error}"))
    }
}
