#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The emulated device comes and goes while stores hit it. QEMU must survive, and so must the
# guest.
#
# dlb-vm: --no-module --devices 2

. "${0%/*}/lib.sh"

# How many DLBs there are
count() {
	n=0
	for d in /sys/bus/pci/devices/*; do
		[ "$(cat "$d/class" 2> /dev/null)" = 0x0b4000 ] && n=$((n + 1))
	done
	echo $n
}

# becomes N: wait until there are so many
becomes() {
	i=0
	while [ "$(count)" != "$1" ]; do
		i=$((i + 1))
		[ $i -le 150 ] || return 1
		sleep 0.1
	done
}

# The kernel leaves the program its mapping of the BAR: it stores to where nothing is any more.
unplug_under_load() {
	dlb-emu-check --hammer &
	hammer=$!
	sleep 0.3
	kill -0 $hammer || return 1
	qmp del dlb0 || return 1
	becomes 1 || return 1
	sleep 0.3
	kill $hammer
	wait $hammer
	[ $? = 143 ]
}

plug_again() {
	qmp add dlb id=dlb0,bus=rp0 || return 1
	becomes 2 || return 1
	dlb-emu-check --alive
}

other_one_lives() {
	qmp get /machine/peripheral/dlb1 stats | grep -q '"version":"2.0"'
}

ktap_begin
ktap_case "two devices" becomes 2
for round in 1 2 3; do
	ktap_case "unplug under load, $round" unplug_under_load
	ktap_case "the other one lives, $round" other_one_lives
	ktap_case "plug in again, $round" plug_again
done
ktap_case "clean kernel log" log_is_clean
ktap_end
