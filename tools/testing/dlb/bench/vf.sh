#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A virtual function against the physical one, in one guest: requests, a full domain, events.
#
# dlb-vm: --add tools/testing/dlb/bench/lib:/bench/lib

set -eu
. /bench/lib

modprobe dlb
pf=/sys/bus/pci/devices/0000:01:00.0

# Two equal parts, one of which the physical function takes back.
echo 0 > $pf/sriov_drivers_autoprobe
echo 2 > $pf/sriov_numvfs
echo 1 > $pf/vf_split_evenly
for file in $pf/vf1_resources/num_*; do
	echo 0 > "$file"
done
echo 1 > $pf/sriov_drivers_autoprobe
vf=$(basename "$(readlink $pf/virtfn0)")
echo "$vf" > /sys/bus/pci/drivers/dlb/bind

# What is measured where the pipeline would send its events: see `domain` in lib.
mkdir -p /tmp/measure
cat > /tmp/measure/dlb-pipeline << 'END'
#!/bin/sh
. /bench/lib
domain=/sys/kernel/config/dlb/pipeline
off() { echo 0 > $domain/enable; }
on() { echo 1 > $domain/enable; }
depth() { cat $domain/ldb_queues/atomic/depth > /dev/null; }
depths() {
	n=0
	while [ $n -lt 500 ]; do
		read -r _ < $domain/ldb_queues/atomic/depth
		n=$((n + 1))
	done
}
rounds() {
	n=0
	while [ $n -lt 20 ]; do
		off && on || return 1
		n=$((n + 1))
	done
}
# each TIMES COMMAND: milliseconds that one of so many takes
each() {
	read -r before _ < /proc/uptime
	$2
	read -r after _ < /proc/uptime
	echo "$before $after $1" | awk '{ printf "   %.2f ms\n", ($2 - $1) * 1000 / $3 }'
}
echo "   one request, the depth of a queue:"
accesses depth
each 500 depths
echo "   reset of the domain:"
accesses off
echo "   enable:"
accesses on
echo "   both:"
each 20 rounds
END
chmod +x /tmp/measure/dlb-pipeline

for device in 0000:01:00.0 "$vf"; do
	echo "== By $device ($(cat "/sys/bus/pci/devices/$device/device"))"
	DLB_DEVICE=$device PATH=/tmp/measure:$PATH sh /samples/dlb/pipeline.sh | grep '^   [0-9a-z].*\(:$\|register\| ms$\)'
done
# One after the other and again, as the machine has other things to do as well.
for turn in 1 2 3; do
	for device in 0000:01:00.0 "$vf"; do
		echo "== Events by $device, turn $turn"
		DLB_DEVICE=$device sh /samples/dlb/pipeline.sh --events 20000 --rates 100000 2> /dev/null | grep -A 5 '^Rates'
	done
done
echo 0 > $pf/sriov_numvfs
