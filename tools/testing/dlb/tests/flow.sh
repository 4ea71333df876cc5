#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The promises of the four scheduling types, through the data-path library.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest flow
