#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Arm, look again, sleep: no wake-up is lost.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest wait
