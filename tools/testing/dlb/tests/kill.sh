#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Participants killed at random moments, a hundred times for each lifetime.

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest kill
