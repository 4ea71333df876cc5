#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Opening, mapping, reading and polling a port.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest files
