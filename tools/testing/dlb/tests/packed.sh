#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What flow.sh checks, with four entries to a cache line of a consumer queue.

. "${0%/*}/lib.sh"

dlb_ready
for layout in "$DRIVER"/*:*/tuning/cq_layout; do
	echo packed > "$layout"
done
exec dlb-guest flow
