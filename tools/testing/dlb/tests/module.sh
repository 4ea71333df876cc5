#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Loading and unloading, refused or safe at every step.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest module
