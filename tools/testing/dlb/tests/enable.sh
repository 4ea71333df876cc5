#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# enable builds all or nothing, and gives everything back.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest enable
