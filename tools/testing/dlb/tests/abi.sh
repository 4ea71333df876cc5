#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Every file is documented, and every documented file is there.
#
# dlb-vm: --add Documentation/ABI/testing:/abi

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest abi
