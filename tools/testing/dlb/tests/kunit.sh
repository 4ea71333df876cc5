#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The suites inside the module.
#
# dlb-vm: --kernel fast

. "${0%/*}/lib.sh"

suites=/sys/kernel/debug/kunit

# suite NAME: run it, show what it says, and pass if all of it passed.
suite() {
	[ -d "$suites/$1" ] || {
		echo "there is no suite $1"
		return 1
	}
	echo >"$suites/$1/run"
	cat "$suites/$1/results"
	grep -q "^ok .*$1" "$suites/$1/results" && ! grep -q 'not ok' "$suites/$1/results"
}

# Every suite of the module is known here.
all_known() {
	for all_known_dir in "$suites"/dlb_*; do
		case " $* " in
		*" ${all_known_dir##*/} "*) ;;
		*)
			echo "nobody runs ${all_known_dir##*/}"
			return 1
			;;
		esac
	done
}

dlb_ready
ktap_begin
known="dlb_parse dlb_plan dlb_files"
for name in $known; do
	ktap_case "$name" suite "$name"
done
ktap_case "no other suites" all_known $known
ktap_case "the kernel log is clean" log_is_clean
ktap_end
