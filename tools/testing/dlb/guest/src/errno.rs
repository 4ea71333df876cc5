// SPDX-License-Identifier: GPL-2.0

//! Error numbers that print by name.

use std::fmt;
use std::io;

/// An error number of Linux.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

macro_rules! names {
    ($($name:ident),+ $(,)?) => {
        // Not every name that an answer may have is one that a test expects.
        $(#[allow(dead_code)] pub const $name: Errno = Errno(libc::$name);)+

        impl fmt::Debug for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.0 {
                    $(libc::$name => f.write_str(stringify!($name)),)+
                    other => write!(f, "errno {other}"),
                }
            }
        }
    };
}

names!(
    EPERM, ENOENT, EINTR, EIO, ENXIO, EAGAIN, ENOMEM, EACCES, EFAULT, EBUSY, EEXIST, ENODEV,
    EINVAL, ENOSPC, ERANGE, ENOTEMPTY, EOPNOTSUPP, ETIMEDOUT,
);

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl From<io::Error> for Errno {
    fn from(e: io::Error) -> Self {
        Errno(e.raw_os_error().unwrap_or(0))
    }
}

impl From<Errno> for String {
    fn from(e: Errno) -> Self {
        format!("{e}")
    }
}

/// The error number the last failed libc call of this thread left.
pub fn last() -> Errno {
    io::Error::last_os_error().into()
}
