// SPDX-License-Identifier: GPL-2.0

//! A clock that may wrap. The difference of two [`kernel::time::Instant`]s is checked for overflow,
//! with a panic if there is one.

use kernel::bindings;

/// Milliseconds since some time in the past.
pub(crate) fn now_ms() -> u32 {
    // SAFETY: Plain function, to be called in any context once the machine is up.
    let nanoseconds = unsafe { bindings::ktime_get() };
    // CAST: The clock may wrap.
    (nanoseconds / 1_000_000) as u32
}
