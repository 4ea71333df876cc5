#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Virtual functions of a DLB 2.5, and a guest on one that means harm.
#
# dlb-vm: --device-version 2.5

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest vf hostile
