#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Resets, bus errors, sleep of the device and of the machine.
#
# QEMU shows the link of a root port as down, which it then is for ever after a reset, unless the
# port does hot-plug itself.
#
# dlb-vm: --qemu-arg -global --qemu-arg ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off

. "${0%/*}/lib.sh"

modprobe configfs
insmod "$DLB_KO" reset_timeout_s=2
dlb_ready
exec dlb-guest recovery
