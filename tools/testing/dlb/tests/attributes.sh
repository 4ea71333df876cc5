#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What each file of a domain takes, refuses and says at first; names; shelves.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest attributes
