#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What a description says about limits is what the device keeps to; isolation; drains.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest limits
