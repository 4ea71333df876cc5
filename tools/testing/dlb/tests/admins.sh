#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Random administrators for a bounded time.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest admins
