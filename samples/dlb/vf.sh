#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Gives half of a device to a virtual machine, in which the same driver and pipeline.sh run on it.
#
#     virtual machine      pipeline.sh, dlb.ko           configures its half by messages to the
#                             |                          driver below, uses it directly
#     this machine         vfio-pci, IOMMU    dlb.ko     keeps the machine to its half
#                             |                 |
#     device               virtual function, physical function
#
# usage: vf.sh [OPTION OF dlb-pipeline]...       (as root, with a DLB device, an IOMMU and KVM)
#
# The virtual machine is started by `l2` of the test machine (make demo-vf), which runs
#
#     qemu-system-x86_64 -M q35,kernel-irqchip=split -accel kvm -cpu host ...
#         -device intel-iommu,intremap=on,caching-mode=on,aw-bits=48
#         -device pcie-root-port,id=rp0,pref64-reserve=1G -device vfio-pci,host=ADDRESS,bus=rp0
#
# The IOMMU in there is for more than one MSI message.

set -eu

step() { echo "== $*"; }
fail() {
	echo "vf.sh: $*" >&2
	exit 1
}

step "Load the driver"
[ -d /sys/kernel/config ] || modprobe configfs
loaded=
if ! [ -d /sys/module/dlb ]; then
	modprobe dlb
	loaded=1
fi
for device in /sys/bus/pci/drivers/dlb/????:*; do break; done
[ -d "$device" ] || fail "no DLB device is bound to the driver"
[ -e "$device/sriov_numvfs" ] || fail "${device##*/} has no virtual functions"
[ -e "$device/iommu_group" ] || fail "there is no IOMMU in front of ${device##*/}"
device=$(readlink -f "$device")
[ "$(cat "$device/sriov_numvfs")" = 0 ] || fail "${device##*/} has virtual functions already"
echo "   device ${device##*/}"

sns=$device/sequence_numbers/group0_sns_per_queue
sns_before=$(cat "$sns")
autoprobe_before=$(cat "$device/sriov_drivers_autoprobe")

pipe=/tmp/vf.$$
on_exit() {
	status=$?
	rm -f "$pipe"
	echo 0 > "$device/sriov_numvfs"
	echo "$autoprobe_before" > "$device/sriov_drivers_autoprobe"
	echo "$sns_before" > "$sns"
	[ -z "$loaded" ] || [ ! -d /sys/module/dlb ] || rmmod dlb
	exit $status
}
trap on_exit EXIT
trap 'exit 130' INT TERM HUP

step "Make a virtual function, and give it half of everything"
# The physical function alone decides how groups of sequence numbers are cut.
echo 512 > "$sns"
# No driver here is to take the function.
echo 0 > "$device/sriov_drivers_autoprobe"
echo 1 > "$device/sriov_numvfs"
function=$(readlink -f "$device/virtfn0")
for share in num_sched_domains num_ldb_queues num_ldb_ports num_dir_ports num_ldb_credits \
	num_dir_credits num_hist_list_entries num_atomic_inflights num_sn0_slots num_sn1_slots; do
	[ -e "$device/vf0_resources/$share" ] || continue
	total=$(cat "$device/total_resources/$share")
	echo $((total / 2)) > "$device/vf0_resources/$share"
	echo "   $share: $(cat "$device/vf0_resources/$share") of $total"
done

step "Hand it to vfio-pci"
modprobe vfio-pci
echo vfio-pci > "$function/driver_override"
echo "${function##*/}" > /sys/bus/pci/drivers_probe
[ -e "$function/driver" ] || fail "vfio-pci does not take ${function##*/}"
echo "   ${function##*/}: driver $(basename "$(readlink "$function/driver")"), IOMMU group $(basename "$(readlink "$function/iommu_group")")"

step "Start a virtual machine with it, and run pipeline.sh there"
mkfifo "$pipe"
while IFS= read -r line; do echo "   | $line"; done < "$pipe" &
result=0
l2 --iommu --timeout 900 --vf "${function##*/}" -- \
	sh /samples/dlb/pipeline.sh --wait interrupt "$@" > "$pipe" 2>&1 || result=$?
wait
[ $result = 0 ] || fail "the virtual machine ended with status $result"

step "Take the virtual function away"
echo 0 > "$device/sriov_numvfs"
echo "$sns_before" > "$sns"
for total in "$device"/total_resources/*; do
	name=${total##*/}
	avail=$(cat "$device/avail_resources/$name")
	echo "   $name: $avail of $(cat "$total")"
	[ "$avail" = "$(cat "$total")" ] || fail "$name was leaked"
done
step "Done"
