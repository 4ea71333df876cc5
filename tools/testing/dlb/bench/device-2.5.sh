#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The emulated DLB 2.5 in a guest.
#
# dlb-vm: --device-version 2.5 --add tools/testing/dlb/bench/lib:/bench/lib

set -eu
. /bench/lib

domain
pipeline
