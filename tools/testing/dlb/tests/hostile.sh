#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A guest that means harm: what can be written to the registers of a virtual function.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest hostile
