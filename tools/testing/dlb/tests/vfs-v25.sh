#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Virtual functions of a DLB 2.5. Those that mean harm are in hostile.sh: the physical function looks
# at requests in the same way, whatever the version. `dlb-guest hostile` does it here as well.
#
# dlb-vm: --device-version 2.5

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest vf
