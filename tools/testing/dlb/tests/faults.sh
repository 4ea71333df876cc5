#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A device that misbehaves: each fault ends in a bounded time and in a clear state.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest faults
