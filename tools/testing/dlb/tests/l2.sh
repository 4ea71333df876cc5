#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A virtual function in a virtual machine: vfio-pci hands it to a guest inside this guest, where
# somebody hostile and then our driver use it.
#
# dlb-vm: --kernel stock --l2 --append memmap=64K$0x50000000

. "${0%/*}/lib.sh"

# Memory that this kernel leaves alone, because of the parameter above, and the same in the inner
# guest, which is too small to have the first.
here=0x50000000
there=0x10000000

# Half of everything for a virtual function.
make_vf() {
	pf=$(readlink -f "$DRIVER"/0000:*)
	echo 512 > "$pf/sequence_numbers/group0_sns_per_queue" || return 1
	echo 0 > "$pf/sriov_drivers_autoprobe" || return 1
	echo 1 > "$pf/sriov_numvfs" || return 1
	vf=$(readlink -f "$pf/virtfn0")
	for share in num_sched_domains num_ldb_queues num_ldb_ports num_dir_ports num_ldb_credits \
		num_dir_credits num_hist_list_entries num_atomic_inflights num_sn0_slots num_sn1_slots; do
		echo $(($(cat "$pf/total_resources/$share") / 2)) > "$pf/vf0_resources/$share" || return 1
	done
}

# Fills the memory that is to be left alone.
fill() {
	for offset in 0 8 16 24; do
		devmem "$(printf '0x%x' $((here + offset)))" 64 0x0123456789abcdef || return 1
	done
}

is_untouched() {
	for offset in 0 8 16 24; do
		is_now=$(devmem "$(printf '0x%x' $((here + offset)))" 64)
		[ "$is_now" = 0x0123456789ABCDEF ] || {
			echo "at $offset: $is_now"
			return 1
		}
	done
}

# First without a driver, then with ours, which takes over what the other left behind. No IOMMU in
# there: one MSI message.
first_guest() {
	fill || return 1
	l2 --timeout 280 --append "memmap=64K\$$there" --vf "${vf##*/}" -- \
		sh -c "sh /tests/l2/raw.sh $there $here && sh /tests/l2/job.sh 1 300"
}

write_was_stopped() {
	dmesg | grep "DMA Write.*${vf##*/0000:}.*fault addr $here" && is_untouched
}

# The second has an IOMMU, and so several MSI messages.
second_guest_begins() {
	l2 --timeout 500 --iommu --vf "${vf##*/}" --pidfile /tmp/l2.pid -- sh /tests/l2/job.sh 32 forever \
		> /tmp/l2.out 2>&1 &
	l2=$!
	seconds=0
	until grep -q "job.sh: forever" /tmp/l2.out; do
		sleep 1
		seconds=$((seconds + 1))
		if [ $seconds -gt 240 ] || ! kill -0 $l2; then
			cat /tmp/l2.out
			return 1
		fi
	done
	grep job.sh: /tmp/l2.out
}

# Its QEMU is killed while events go through both functions: as soon as they do here, which may be
# over in a second.
kill_second_guest() {
	sh /samples/dlb/pipeline.sh --wait interrupt --events 30000 --rates 0 --patience 240 > /tmp/pf.out 2>&1 &
	job=$!
	until pidof dlb-pipeline > /dev/null; do
		kill -0 $job || {
			cat /tmp/pf.out
			return 1
		}
		sleep 0.05
	done
	kill -9 "$(cat /tmp/l2.pid)" || return 1
	pidof dlb-pipeline > /dev/null || {
		echo "the events here were through before"
		return 1
	}
	wait $l2
	[ $? = 125 ] || return 1
	wait $job
	job_status=$?
	cat /tmp/pf.out
	[ $job_status = 0 ] && grep -q "lost 0, twice 0 of 30,000 events" /tmp/pf.out
}

# Our driver, here, finds the function with all that it was given.
everything_is_back() {
	echo "${vf##*/}" > "$vf/driver/unbind" || return 1
	echo dlb > "$vf/driver_override"
	echo "${vf##*/}" > /sys/bus/pci/drivers_probe
	[ -d "$vf/avail_resources" ] || return 1
	for total in "$vf"/total_resources/num_*; do
		name=${total##*/}
		echo "$name: $(cat "$vf/avail_resources/$name") of $(cat "$total")"
		[ "$(cat "$total")" = "$(cat "$vf/avail_resources/$name")" ] || return 1
	done
	[ "$(cat "$vf/avail_resources/num_ldb_ports")" -gt 0 ] || return 1
	echo "${vf##*/}" > "$vf/driver/unbind" || return 1
	echo 0 > "$pf/sriov_numvfs" || return 1
	all_free
}

ktap_begin
dlb_ready
ktap_case "a virtual function has half of everything" make_vf
ktap_case "an inner guest uses it, without a driver and with ours" first_guest
ktap_case "a write outside of the inner guest was stopped" write_was_stopped
ktap_case "a second inner guest gets several MSI messages" second_guest_begins
ktap_case "it dies under traffic, and the device goes on" kill_second_guest
ktap_case "the virtual function gets everything back, and then the device" everything_is_back
ktap_case "clean kernel log" log_is_clean
ktap_end
