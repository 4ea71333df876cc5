#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Each allocation of the driver fails once, and nothing is left behind.
#
# dlb-vm: --kernel fast

. "${0%/*}/lib.sh"

dlb_ready
dlb-guest memory
status=$?
# devtmpfs needs memory for the name of a node that is removed, and leaves the node if it gets none.
# On the debug kernel other tests come after this one.
rm -rf /dev/dlb0
exit $status
