#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What the driver takes of the kernel's memory, and how long an unlink takes while events flow.
#
# dlb-vm: --kernel fast --load

set -eu

config=/sys/kernel/config/dlb
driver=/sys/bus/pci/drivers/dlb
dev=$(basename "$driver"/*:*:*)

# bytes CACHES: of the objects in use of some caches, but for what the kernel only remembers. It is
# exact to some ten thousand bytes, as each processor has free objects that count as used.
bytes() {
	for bytes_round in 1 2 3; do
		sleep 1
		echo 3 > /proc/sys/vm/drop_caches
		for cache in /sys/kernel/slab/*/shrink; do
			echo 1 > "$cache" 2> /dev/null || true
		done
	done
	awk -v caches="$1" 'NR > 2 && $1 ~ caches { sum += $2 * $4 } END { printf "%d\n", sum }' /proc/slabinfo
}

# each WHAT COUNT BEFORE AFTER
each() { echo "   $1: $((($4 - $3) / $2)) bytes"; }

describe() {
	mkdir "$config/m$1" "$config/m$1/ldb_queues/q" "$config/m$1/ldb_ports/w"
	echo q:0 > "$config/m$1/ldb_ports/w/links"
	echo 8 > "$config/m$1/ldb_ports/w/cq_depth"
}

echo "== Memory in slabs"
echo "   A consumer queue has pages beside it: 4096 bytes, or 64 for each entry if that is more."
# Once for what is made the first time.
echo "$dev" > $driver/unbind
bytes . > /dev/null
echo "$dev" > $driver/bind
bytes . > /dev/null
echo "$dev" > $driver/unbind
# Without what belongs to threads, of which the device has two for its interrupts, and to /proc.
own='^(kmalloc|kernfs_node|vmap_area)'
none=$(bytes "$own")
echo "$dev" > $driver/bind
each "device, with its files in sysfs" 1 "$none" "$(bytes "$own")"
bound=$(bytes .)
n=0
while [ $n -lt 32 ]; do
	describe $n
	n=$((n + 1))
done
described=$(bytes .)
each "description of a domain with a queue and a port" 32 "$bound" "$described"
for d in "$config"/m*; do
	echo 1 > "$d/enable"
done
enabled=$(bytes .)
each "the same domain, enabled, with its two device files" 32 "$described" "$enabled"
for d in "$config"/m*; do
	echo 0 > "$d/enable"
	mkdir "$d/ldb_ports/x"
	echo 8 > "$d/ldb_ports/x/cq_depth"
	echo 1 > "$d/enable"
done
ports=$(bytes .)
each "one more port, described and enabled" 32 "$enabled" "$ports"
for d in "$config"/m*; do
	echo 0 > "$d/enable"
	rmdir "$d"/*_ports/* "$d"/*_queues/* "$d"
done

echo "== Waits for an interrupt, by poll and read"
dlb-guest wait | sed -n 's/^# \(.* waits .*\)/   \1/p'

echo "== Unlink while events flow"
mkdir -p /tmp/measure
cat > /tmp/measure/dlb-pipeline << 'PROGRAM'
#!/bin/sh
domain=/sys/kernel/config/dlb/pipeline
port=$domain/ldb_ports/w0
PATH=${PATH#*:} dlb-pipeline "$@" > /tmp/measure/out 2>&1 &
sleep 3
total=0 rounds=20 n=0
while [ $n -lt $rounds ]; do
	read -r before _ < /proc/uptime
	echo -atomic > $port/links || exit 1
	polls=0
	while [ "$(cat $port/pending_unlinks)" != 0 ]; do polls=$((polls + 1)); done
	read -r after _ < /proc/uptime
	echo "$before $after" | awk '{ print ($2 - $1) * 1000 }' >> /tmp/measure/times
	echo +atomic:2 > $port/links || exit 1
	n=$((n + 1))
done
kill $! 2> /dev/null
sort -n /tmp/measure/times | awk '{ t[NR] = $1; sum += $1 }
	END { printf "   %d times: mean %.0f ms, median %.0f ms, most %.0f ms\n", NR, sum / NR, t[int((NR + 1) / 2)], t[NR] }'
PROGRAM
chmod +x /tmp/measure/dlb-pipeline
PATH=/tmp/measure:$PATH sh /samples/dlb/pipeline.sh --events 1000000 > /tmp/measure/log 2>&1 || true
grep ' times: ' /tmp/measure/log || {
	cat /tmp/measure/log /tmp/measure/out
	exit 1
}
