#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The device goes away under open files, mappings and traffic.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest unbind
