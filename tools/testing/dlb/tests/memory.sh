#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Each allocation of the driver fails once, and nothing is left behind.
#
# dlb-vm: --kernel fast

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest memory
