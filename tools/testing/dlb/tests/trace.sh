#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Every change of a configuration, and what becomes of domains and devices, is a trace event.

. "${0%/*}/lib.sh"

tracing=/sys/kernel/tracing
domain=$CONFIG/traced

# Forgets the events so far.
afresh() {
	echo >$tracing/trace
}

# told PATTERN...: each of them is in one event.
told() {
	for told_pattern in "$@"; do
		grep -q -e "$told_pattern" $tracing/trace || {
			echo "no event has '$told_pattern':"
			grep -v '^#' $tracing/trace
			return 1
		}
	done
}

# Events that no case of this test has seen are tested by nobody.
all_known() {
	for all_known_event in $tracing/events/dlb/*/; do
		all_known_event=$(basename "$all_known_event")
		grep -q "$all_known_event: " "$0" || {
			echo "nobody looks at $all_known_event"
			return 1
		}
	done
}

describe() {
	afresh
	mkdir $domain $domain/ldb_queues/q $domain/ldb_ports/w $domain/dir_ports/s &&
		echo q:1 >$domain/ldb_ports/w/links &&
		! echo 3 >$domain/ldb_ports/w/cq_depth &&
		echo file >$domain/lifetime &&
		echo directory >$domain/lifetime &&
		told 'dlb_mkdir: domain=traced object=/$' \
			'dlb_mkdir: domain=traced object=ldb_queues/q$' \
			'dlb_config: domain=traced object=ldb_ports/w attr=links value="q:1.*" ret=0' \
			'dlb_config: domain=traced object=ldb_ports/w attr=cq_depth value="3.*" ret=-34' \
			'dlb_config: domain=traced object=/ attr=lifetime value="file.*" ret=0'
}

refused() {
	afresh
	echo 2048 >$domain/ldb_ports/w/cq_history_list_size &&
		echo 2048 >$domain/num_atomic_inflights &&
		echo 9999 >$domain/num_ldb_credits &&
		! echo 1 >$domain/enable &&
		told 'dlb_enable: domain=traced id=-1 ret=-28 reason=".*credits.*"' &&
		echo auto >$domain/num_ldb_credits
}

enable() {
	afresh
	echo 1 >$domain/enable &&
		echo 'q:5' >$domain/ldb_ports/w/links &&
		echo 0 >$domain/scheduling &&
		echo 1 >$domain/scheduling &&
		told 'dlb_enable: domain=traced id=0 ret=0' \
			'dlb_links: domain=traced port=w links=1 ret=0' \
			'dlb_config: domain=traced object=/ attr=scheduling value="0.*" ret=0'
}

reset() {
	afresh
	echo 1 >"$device/reset" &&
		[ "$(cat $domain/state)" = revoked ] &&
		told 'dlb_alert: device=dlb0 id=0 kind=5 ' \
			'dlb_disable: domain=traced why=device reset ret=0' \
			'dlb_device: device=dlb0 what=reset ret=0'
}

disable() {
	echo 1 >$domain/enable &&
		afresh &&
		echo 0 >$domain/enable &&
		told 'dlb_domain_reset: device=dlb0 id=0 ret=0' \
			'dlb_disable: domain=traced why=request ret=0'
}

setting() {
	afresh
	echo 40 >"$device/tuning/cq_watchdog_seconds" &&
		! echo 41 >"$device/tuning/cq_watchdog_seconds" &&
		echo 10 >"$device/tuning/cq_watchdog_seconds" &&
		told 'dlb_setting: device=.* attr=cq_watchdog_seconds value="40.*" ret=0' \
			'dlb_setting: device=.* attr=cq_watchdog_seconds value="41.*" ret=-34'
}

remove() {
	afresh
	rmdir $domain/*_*s/* $domain &&
		told 'dlb_rmdir: domain=traced object=ldb_queues/q$' 'dlb_rmdir: domain=traced object=/$'
}

mailbox() {
	afresh
	vf_whole
	echo 0 >"$device/sriov_numvfs" &&
		told 'dlb_device: device=dlb0 what=sriov on ret=0' 'dlb_mailbox: device=dlb0 vf=0 command=.* status=0' \
			'dlb_device: device=dlb1 what=bound ret=0' 'dlb_device: device=dlb1 what=unbound ret=0' \
			'dlb_device: device=dlb0 what=sriov off ret=0'
}

rebind() {
	afresh
	address=$(basename "$device")
	echo "$address" >$DRIVER/unbind &&
		echo "$address" >$DRIVER/bind &&
		told 'dlb_device: device=dlb0 what=unbound ret=0' 'dlb_device: device=dlb0 what=bound ret=0'
}

dlb_ready
for device in $DRIVER/*:*; do break; done
[ -e $tracing/events ] || mount -t tracefs none $tracing
echo 1 >$tracing/events/dlb/enable
ktap_begin
ktap_case "every event is looked at here" all_known
ktap_case "a domain is described" describe
ktap_case "enable is refused" refused
ktap_case "enable and changes" enable
ktap_case "reset" reset
ktap_case "disable" disable
ktap_case "a setting of a device" setting
ktap_case "a domain is removed" remove
ktap_case "a virtual function" mailbox
ktap_case "unbind and bind" rebind
echo 0 >$tracing/events/dlb/enable
ktap_case "the kernel log is clean" log_is_clean
ktap_end
