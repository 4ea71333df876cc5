// SPDX-License-Identifier: GPL-2.0

//! The mailbox between the PF's driver and a VF's: wire format.

/// Error code of a response: success.
pub const CODE_OK: u32 = 0;
/// Error code of a response: a bad argument, or any error without a code of its own.
pub const CODE_EINVAL: u32 = 1;
/// Error code of a response: the domain could not be reset.
pub const CODE_EFAULT: u32 = 2;
/// Error code of a response: not permitted.
pub const CODE_EPERM: u32 = 3;
/// Error code of a response: it took too long.
pub const CODE_ETIMEDOUT: u32 = 4;
