#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The alerts file: what programs do wrong is told, to their own domain only.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest alerts
