#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Several processes at one domain.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest race
