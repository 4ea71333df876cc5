#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The files of the device: totals, and settings with what they take and refuse.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest sysfs
