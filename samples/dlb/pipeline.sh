#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Builds a domain with every kind of queue, with nothing but mkdir and echo, sends events through
# it, checks them, and takes it all away again.
#
#                  +--------- ordered --------+
#     source ------|                          |----> directed ----> sink
#                  +-- w0, w1, w2, w3 --------+                       |
#                     ^   |        ^   |                              |
#                     |   +- unordered |                              |
#                     +----- atomic <--+------------------------------+
#
# Every event goes: source, ordered, a worker, directed, sink, atomic, a worker, unordered, a worker,
# directed, sink. Source, sink and workers are processes, each with one port.
#
# usage: pipeline.sh [OPTION OF dlb-pipeline]...       (as root, with a DLB device)
#
# The device may be a virtual function.
#
# DLB_KO: the module, if `modprobe dlb` does not find it.
# DLB_DEVICE: which device, by its address on the PCI bus, if there are several.

set -eu

config=/sys/kernel/config/dlb
domain=$config/pipeline

step() { echo "== $*"; }
fail() {
	echo "pipeline.sh: $*" >&2
	exit 1
}

# ---- The driver ---------------------------------------------------------------------------------

step "Load the driver"
[ -d /sys/kernel/config ] || modprobe configfs
grep -q ' /sys/kernel/config ' /proc/mounts || mount -t configfs none /sys/kernel/config
loaded=
if ! [ -d /sys/module/dlb ]; then
	if [ -n "${DLB_KO:-}" ]; then insmod "$DLB_KO"; else modprobe dlb; fi
	loaded=1
fi

# The first device. Its resources are in sysfs.
for device in /sys/bus/pci/drivers/dlb/${DLB_DEVICE:-????:*}; do break; done
[ -d "$device" ] || fail "no DLB device is bound to the driver"
echo "   device ${device##*/}, $(cat "$device/avail_resources/num_ldb_ports") load-balanced ports free"

# ---- What to undo, whatever happens ------------------------------------------------------------

sns=$device/sequence_numbers/group0_sns_per_queue
sns_before=$(cat "$sns")

# Others may have some of the device.
free_now() { (cd "$device/avail_resources" && grep . ./*); }
free_before=$(free_now)

# A domain of this name that is there already is somebody else's.
made=

take_down() {
	[ -z "$made" ] || {
		echo 0 > $domain/enable
		# Directories inside a shelf are ours to remove; the shelves go with the domain.
		for object in "$domain"/*_ports/* "$domain"/*_queues/*; do
			[ ! -d "$object" ] || rmdir "$object"
		done
		rmdir $domain
		made=
	}
	[ "$(cat "$sns")" = "$sns_before" ] || echo "$sns_before" > "$sns"
}

on_exit() {
	status=$?
	take_down || echo "pipeline.sh: not all could be taken away" >&2
	[ -z "$loaded" ] || [ ! -d /sys/module/dlb ] || rmmod dlb
	exit $status
}
trap on_exit EXIT
trap 'exit 130' INT TERM HUP

# ---- Declare: nothing of this touches the device ------------------------------------------------

step "Declare the domain"

# An ordered queue takes its sequence numbers from a group of 1024. The group is cut into equal
# pieces for all its queues; ours wants 512, so that slow workers hold up the others less. A
# virtual function cannot cut it, and neither can the physical one while others use the group.
{ echo 512 > "$sns"; } 2> /dev/null || echo "   an ordered queue has $sns_before sequence numbers, as set by others"

mkdir $domain || fail "there is a domain pipeline already"
made=1
echo "dlb$(cat "$device/dev_id")" > $domain/device      # or "auto", if it is the only one
echo directory > $domain/lifetime       # lives until enable=0, not until the last close

# One credit per event inside the device. `auto` would give what the queues and ports below need at
# least; more lets more events wait. A DLB 2.0 has credits for each type of queue, a DLB 2.5 has
# one kind for all; either ignores what is for the other.
echo 4096 > $domain/num_ldb_credits
echo 2048 > $domain/num_dir_credits
echo 6144 > $domain/num_credits

# Load-balanced queues: what a queue is for is decided by its attributes.
mkdir $domain/ldb_queues/ordered
cat "$sns" > $domain/ldb_queues/ordered/num_sequence_numbers
echo 0 > $domain/ldb_queues/ordered/num_atomic_inflights

mkdir $domain/ldb_queues/atomic
echo 512 > $domain/ldb_queues/atomic/num_atomic_inflights

mkdir $domain/ldb_queues/unordered
echo 0 > $domain/ldb_queues/unordered/num_atomic_inflights

# Four workers, each linked to all three queues. The number after the colon is the priority, 0 is
# the highest: a worker gets events that are about to leave before those that have just come.
for worker in w0 w1 w2 w3; do
	mkdir $domain/ldb_ports/$worker
	echo 128 > $domain/ldb_ports/$worker/cq_depth
	echo "unordered:0 atomic:2 ordered:4" > $domain/ldb_ports/$worker/links
done

# A directed queue always has one port; both directories are ours to make.
mkdir $domain/dir_queues/directed
mkdir $domain/dir_ports/sink
echo 256 > $domain/dir_ports/sink/cq_depth
echo directed > $domain/dir_ports/sink/queue

# A directed port without a queue can only send.
mkdir $domain/dir_ports/source
echo 1 > $domain/dir_ports/source/producer

# ---- Enable: all or nothing ---------------------------------------------------------------------

step "Enable it"
echo 1 > $domain/enable || fail "$(cat $domain/error)"
echo "   state $(cat $domain/state), domain $(cat $domain/id) of the device"
for port in "$domain"/*_ports/*; do
	links=
	[ ! -e "$port/links" ] || links=", links $(cat "$port/links")"
	echo "   port ${port##*/}: device file $(cat "$port/dev")$links"
done

# ---- Use it -------------------------------------------------------------------------------------

step "Send events through it"
dlb-pipeline --domain pipeline "$@"

# ---- Take it away -------------------------------------------------------------------------------

step "Take it down"
take_down

step "Everything is free again"
for total in "$device"/total_resources/*; do
	name=${total##*/}
	echo "   $name: $(cat "$device/avail_resources/$name") of $(cat "$total")"
done
[ "$(free_now)" = "$free_before" ] || fail "not all of it: before it was $free_before"

if [ -n "$loaded" ]; then
	step "Unload the driver"
	rmmod dlb
fi
step "Done"
