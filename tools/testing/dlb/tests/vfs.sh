#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Virtual functions beside the physical one: how they come and go, what they have, how they end.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest vf
