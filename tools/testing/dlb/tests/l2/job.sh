#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# job.sh MESSAGES EVENTS: in the inner guest, give the virtual function to the driver, which is to
# get so many MSI messages, and do the main job through it. With "forever" instead of a number the
# job has no end; "job.sh: forever" is printed when interrupts have come.

messages=$1 events=$2

fail() {
	echo "job.sh: $*"
	exit 1
}

# How often the function's messages have come, and how many of them.
interrupts() {
	used=0 all=0
	while read -r irq counts; do
		[ -e "$device/msi_irqs/${irq%:}" ] || continue
		count=0
		for word in $counts; do
			case $word in
			*[!0-9]*) break ;;
			esac
			count=$((count + word))
		done
		[ $count = 0 ] || used=$((used + 1))
		all=$((all + count))
	done < /proc/interrupts
}

job() {
	sh /samples/dlb/pipeline.sh --wait interrupt --rates 0 --patience 240 --events "$1" ||
		fail "the pipeline fails"
}

modprobe dlb || fail "the driver cannot be loaded"
device=/sys/bus/pci/drivers/dlb/0000:01:00.0
[ -e $device ] || fail "the driver does not take the function: $(dmesg | tail -n 3)"
set -- $device/msi_irqs/*
[ $# = "$messages" ] || fail "it has $# MSI messages, not $messages"

if [ "$events" = forever ]; then
	job 20000000 &
	until interrupts && [ $used -gt 1 ]; do
		kill -0 $! || exit 1
		sleep 0.5
	done
	echo "job.sh: forever, $all interrupts on $used of $messages messages"
	wait
	fail "forever is over"
fi

job "$events"
interrupts
echo "$all interrupts on $used of $messages messages"
[ $all -gt 0 ] || fail "there was no interrupt"
rmmod dlb || fail "the driver cannot be unloaded"
