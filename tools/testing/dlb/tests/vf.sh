#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What every function can do, on a virtual function that has all of the device.

. "${0%/*}/lib.sh"

dlb_ready
vf_whole
DLB_TEST_DEVICE=dlb1 exec dlb-guest attributes enable files alerts wait flow race unbind kill
