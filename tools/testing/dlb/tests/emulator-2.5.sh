#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What emulator.sh checks, on DLB 2.5.
#
# dlb-vm: --no-module --device-version 2.5

exec sh "${0%/*}/emulator.sh"
