# SPDX-License-Identifier: GPL-2.0
#
# Sourced by every test: makes the guest ready, and reports in KTAP.
#
# A test is a script that prints one KTAP document and exits with 0 only if all went well. Its
# header may carry a line "# dlb-vm: OPTIONS" with options of tools/testing/dlb/vm/run, for a test
# that wants a machine other than the usual one: stock kernel, one DLB 2.0.

DLB_KO=${DLB_KO:-/dlb.ko}
export DLB_KO

CONFIG=/sys/kernel/config/dlb
DRIVER=/sys/bus/pci/drivers/dlb

# Loads the module and what it needs; all of this may have been done before.
dlb_ready() {
	[ -d /sys/kernel/config ] || modprobe configfs || insmod /configfs.ko
	grep -q ' /sys/kernel/config ' /proc/mounts || mount -t configfs none /sys/kernel/config
	# The debug kernel keeps the directory of a driver for seconds after it went, and warns of another
	# with the name.
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -d /sys/module/dlb ] || [ ! -d "$DRIVER" ] || sleep 1
	done
	[ -d /sys/module/dlb ] || insmod "$DLB_KO" || {
		echo "Bail out! dlb.ko cannot be loaded"
		exit 1
	}
}

ktap_number=0
ktap_failed=0

ktap_begin() {
	echo "KTAP version 1"
}

# ktap_case NAME COMMAND...: one case, which passes if the command does.
ktap_case() {
	ktap_name=$1
	shift
	ktap_number=$((ktap_number + 1))
	if "$@" >/tmp/ktap.out 2>&1; then
		echo "ok $ktap_number $ktap_name"
	else
		sed 's/^/# /' /tmp/ktap.out
		echo "not ok $ktap_number $ktap_name"
		ktap_failed=$((ktap_failed + 1))
	fi
}

# Prints the plan, which comes last so that a script that dies has none, and exits.
ktap_end() {
	echo "1..$ktap_number"
	[ "$ktap_failed" = 0 ]
	exit
}

# Whether the kernel has nothing to complain about.
log_is_clean() {
	# What is left out, lockdep says of every driver that removes its virtual functions when it is
	# unbound, as the documentation of the PCI core tells it to.
	! dmesg | grep -v 'at pci_stop_and_remove_bus_device' | grep -E 'WARNING:|BUG:|BUG |Oops|Kernel panic|KASAN|UBSAN|refcount_t|INFO: task|possible (circular|recursive) locking|inconsistent lock state|suspicious RCU|general protection fault'
}

# Whether everything that the first device has is free.
all_free() {
	for all_free_dev in "$DRIVER"/*:*; do
		for all_free_total in "$all_free_dev"/total_resources/*; do
			all_free_avail=$all_free_dev/avail_resources/${all_free_total##*/}
			if [ "$(cat "$all_free_total")" != "$(cat "$all_free_avail")" ]; then
				echo "leaked: $all_free_avail is $(cat "$all_free_avail")"
				return 1
			fi
		done
	done
}

# Makes one virtual function, dlb1, that has everything which the first device has.
vf_whole() {
	for vf_whole_pf in "$DRIVER"/*:*; do break; done
	# Its driver refuses it at first, because it has nothing.
	echo 1 > "$vf_whole_pf/sriov_numvfs" &&
		echo 1 > "$vf_whole_pf/vf_split_evenly" &&
		basename "$(readlink "$vf_whole_pf/virtfn0")" > "$DRIVER/bind" || {
		echo "Bail out! no virtual function"
		exit 1
	}
}
