#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The samples do what they show.

. "${0%/*}/lib.sh"

samples=/samples/dlb

dlb_ready

# with TOPOLOGY DOMAIN PROGRAM: the program, on the domain that it wants.
with() {
	dlbctl apply "$samples/$1" || return 1
	timeout 120 "$3"
	with_status=$?
	dlbctl destroy "$2" || return 1
	[ "$with_status" = 0 ] && all_free
}

small_pipeline() { sh $samples/pipeline.sh --events 3000 --rates 500 "$@" && all_free; }
# What it finds there is not its own, and not taken away.
others_pipeline() {
	for pf in "$DRIVER"/0000:*; do break; done
	sns=$(cat "$pf/sequence_numbers/group0_sns_per_queue")
	mkdir "$CONFIG/pipeline" || return 1
	! sh $samples/pipeline.sh > out 2>&1 || { cat out && return 1; }
	cat out
	grep -q 'a domain pipeline already' out && [ -d "$CONFIG/pipeline" ] &&
		[ "$(cat "$pf/sequence_numbers/group0_sns_per_queue")" = "$sns" ] || return 1
	rmdir "$CONFIG/pipeline" && all_free
}

# A port that somebody has open is refused, with its name, and left alone.
one_user() {
	dlbctl apply "$samples/worker-pool.toml" || return 1
	port=/dev/dlb0/worker-pool/boss
	! flock -n -o $port timeout 120 dlb-worker-pool > out 2>&1 || { cat out && return 1; }
	cat out
	grep -q "$port is in use" out || return 1
	timeout 120 dlb-worker-pool && dlbctl destroy worker-pool && all_free
}

# What is set while the device sleeps holds when it is awake, the default too: on a machine that is slow
# enough, pipeline.sh does this.
packets_after_sleep() {
	for pf in "$DRIVER"/0000:*; do break; done
	sns=$pf/sequence_numbers/group0_sns_per_queue
	echo 512 > "$sns" || return 1
	dlbctl apply "$samples/worker-pool.toml" && dlbctl destroy worker-pool || return 1
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(cat "$pf/power/runtime_status")" != suspended ] || break
		sleep 1
	done
	[ "$(cat "$pf/power/runtime_status")" = suspended ] || { echo "the device does not sleep" && return 1; }
	echo 64 > "$sns" && with packets.toml packets dlb-packets
}

echo_in_c() { timeout 120 dlb-echo && all_free; }

ktap_begin
ktap_case "pipeline.sh, polling" small_pipeline
ktap_case "pipeline.sh, with interrupts" small_pipeline --wait interrupt
ktap_case "pipeline.sh leaves a domain of others alone" others_pipeline
ktap_case "dlb-echo" echo_in_c
ktap_case "dlb-worker-pool" with worker-pool.toml worker-pool dlb-worker-pool
ktap_case "a port has one user at a time" one_user
ktap_case "dlb-packets" with packets.toml packets dlb-packets
ktap_case "dlb-packets, after a sleep" packets_after_sleep
ktap_case "dlb-priority" with priority.toml priority dlb-priority
ktap_case "dlb-scaling" with scaling.toml scaling dlb-scaling
ktap_case "the kernel has nothing to complain about" log_is_clean
ktap_end
