#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The same for DLB 2.5: the emulated device without a driver: configuration space, resets, power states, and stores of
# every width to producer pages.
#
# dlb-vm: --no-module --device-version 2.5

# The faults that it provokes are no news for the log.
echo 0 > /proc/sys/debug/exception-trace
exec dlb-emu-check
