#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The device is unplugged under an enabled domain with a port in use, and another one is plugged in.

. "${0%/*}/lib.sh"

domain=$CONFIG/plugged

build() {
	mkdir $domain $domain/ldb_queues/q $domain/ldb_ports/w $domain/dir_ports/s &&
		echo q:0 >$domain/ldb_ports/w/links &&
		echo 1 >$domain/enable &&
		[ "$(cat $domain/state)" = enabled ]
}

# wait_for SECONDS COMMAND...
wait_for() {
	tries=$(($1 * 10))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

no_device() {
	! ls $DRIVER | grep -q '^[0-9a-f]*:'
}

a_device() {
	! no_device
}

# Linux ejects a slot once for each of its eight functions, and QEMU takes whatever is in the slot each
# time: a device that comes too early goes with the old one, and is plugged in again. Before that, the
# old one still has the name.
a_device_to_stay() {
	qmp add dlb id=dlb0,bus=rp0 2>/dev/null
	echo 1 >/sys/bus/pci/rescan
	a_device && sleep 3 && a_device
}

in_state() {
	[ "$(cat $domain/state)" = "$1" ]
}

# A reader sleeps on a port meanwhile; it must be woken with an error.
unplug() {
	cat /dev/dlb0/plugged/w >/dev/null 2>/tmp/reader &
	reader=$!
	sleep 0.2
	qmp del dlb0 || return 1
	wait_for 20 no_device || {
		echo "the device is still there"
		return 1
	}
	wait_for 5 in_state absent || {
		echo "state is $(cat $domain/state)"
		return 1
	}
	! wait $reader || {
		echo "the reader ended without an error"
		return 1
	}
	grep 'No such device' /tmp/reader
	[ ! -e /dev/dlb0 ]
}

refused_without() {
	! echo 1 >$domain/enable && [ -n "$(cat $domain/error)" ]
}

plug_in() {
	wait_for 30 a_device_to_stay || {
		echo "no device appeared"
		return 1
	}
	echo 1 >$domain/enable && in_state enabled && [ -c /dev/dlb0/plugged/w ]
}

clean_up() {
	echo 0 >$domain/enable && rmdir $domain/*_*s/* && rmdir $domain && all_free
}

dlb_ready
ktap_begin
ktap_case "a domain is enabled" build
ktap_case "unplugged under it" unplug
ktap_case "enable is refused without a device" refused_without
ktap_case "enabled again on the next device" plug_in
ktap_case "all is given back" clean_up
ktap_case "the module can go" rmmod dlb
ktap_case "the kernel log is clean" log_is_clean
ktap_end
