#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A bus error that the kernel does not get over.

. "${0%/*}/lib.sh"

modprobe configfs
insmod "$DLB_KO" reset_timeout_s=2
dlb_ready
exec dlb-guest lost
