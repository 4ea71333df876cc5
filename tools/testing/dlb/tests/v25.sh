#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What depends on the version of the device, on a DLB 2.5; the other tests run on a DLB 2.0.
#
# dlb-vm: --device-version 2.5 --add Documentation/ABI/testing:/abi

. "${0%/*}/lib.sh"

dlb_ready
# limits comes last: its bad manners make the driver switch the alarms for them off.
exec dlb-guest attributes enable files alerts sysfs wait flow abi limits
