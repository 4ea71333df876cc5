#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Several devices, each with its own name and resources.
#
# dlb-vm: --devices 2

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest devices
