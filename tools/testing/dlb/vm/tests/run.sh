#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The test machine itself: a machine that hides failures proves nothing.

# shellcheck source-path=SCRIPTDIR source=lib
. "$(dirname "$0")/lib"

r() { "$VM_DIR/run" --no-module --devices 0 "$@"; }

case_ "the status of the command is the status of run" says 7 "hello" r -- sh -c 'echo hello; exit 7'
case_ "a status above 127" says 200 "" r -- sh -c 'exit 200'
# The backslash and the quotes must come through as they are.
case_ "arguments arrive unchanged" says 0 "a  b \$HOME 'c' \"d\" \\e" r -- printf '%s\n' "a  b \$HOME 'c' \"d\" \\e"
case_ "a command that is not there" says 127 "not found" r -- no-such-command
case_ "a guest that takes too long" says 124 "took more than 12 s" r --timeout 12 -- sleep 100
case_ "a kernel that dies" says 125 "the guest died" r -- sh -c 'echo c > /proc/sysrq-trigger'
case_ "a warning in the kernel log" says 126 "kernel log holds warnings" r -- \
	sh -c 'echo "WARNING: CPU: 0 PID: 1 at try.c:1" > /dev/kmsg'
case_ "a warning that is allowed" says 0 "" r --warnings-ok -- \
	sh -c 'echo "WARNING: CPU: 0 PID: 1 at try.c:1" > /dev/kmsg'
echo added > "$scratch/file"
case_ "a file is added" says 0 "added" r --add "$scratch/file:/some/where" -- cat /some/where
case_ "an unknown option" says 1 "unknown option --nonsense" r --nonsense
case_ "an unknown kernel" says 1 "there is no kernel 'other'" r --kernel other -- true
case_ "QEMU's monitor answers in the guest" says 0 '"major"' r -- qmp '{"execute": "query-version"}'
case_ "two devices" says 0 "count 2" "$VM_DIR/run" --no-module --devices 2 -- \
	sh -c 'echo count $(lspci -n -d 8086:2710 | wc -l)'
case_ "a device of version 2.5" says 0 "8086:2714" "$VM_DIR/run" --no-module --device-version 2.5 -- lspci -n
case_ "a device goes and comes back" says 0 "now 1" "$VM_DIR/run" --no-module -- sh -c '
	qmp del dlb0
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do [ -e /sys/bus/pci/devices/0000:01:00.0 ] || break; sleep 1; done
	[ ! -e /sys/bus/pci/devices/0000:01:00.0 ] || exit 1
	qmp add dlb id=dlb0,bus=rp0 || exit 1
	for i in 1 2 3 4 5 6 7 8 9 10; do [ ! -e /sys/bus/pci/devices/0000:01:00.0/resource0 ] || break; sleep 1; done
	echo now $(lspci -n -d 8086:2710 | wc -l)'
case_ "an IOMMU" says 0 "DMAR" "$VM_DIR/run" --no-module --iommu -- sh -c 'dmesg | grep DMAR | head -n 3'

counts() { [ "$(printf "$1" | "$VM_DIR/ktap" 2> /dev/null)" = "$2" ]; }
case_ "KTAP: results" counts 'KTAP version 1\n1..2\nok 1 a\nnot ok 2 b\n' "1 passed, 1 failed, 0 skipped"
case_ "KTAP: nested" counts '1..1\n    1..2\n    ok 1 a\n    ok 2 b\nok 1 s\n' "2 passed, 0 failed, 0 skipped"
case_ "KTAP: cut off" counts 'ok 1 a\nok 2 b\n' "2 passed, 1 failed, 0 skipped"
case_ "KTAP: fewer than planned" counts '1..3\nok 1 a\nok 2 b\n' "2 passed, 1 failed, 0 skipped"
case_ "KTAP: given up" counts 'ok 1 a\nBail out! why\n' "1 passed, 1 failed, 0 skipped"
case_ "KTAP: from the kernel log" counts '[    1.234567] 1..1\n[    1.3] ok 1 a # SKIP b\n' "0 passed, 0 failed, 1 skipped"
end
