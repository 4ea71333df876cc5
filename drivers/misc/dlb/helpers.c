// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions and macros of the C headers that Rust cannot call.
 */
#include <linux/module.h>
