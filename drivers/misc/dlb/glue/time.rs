// SPDX-License-Identifier: GPL-2.0

//! A clock that may wrap. The difference of two [`kernel::time::Instant`]s is checked for overflow,
//! with a panic if there is one.

use kernel::bindings;

/// Nanoseconds since some time in the past.
pub(crate) fn now_ns() -> u64 {
    // SAFETY: Plain function, to be called in any context once the machine is up.
    let nanoseconds = unsafe { bindings::ktime_get() };
    // CAST: The clock may wrap.
    nanoseconds as u64
}

/// Milliseconds since some time in the past.
pub(crate) fn now_ms() -> u32 {
    // CAST: The clock may wrap.
    (now_ns() / 1_000_000) as u32
}
