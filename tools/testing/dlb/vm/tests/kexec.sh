#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The stock kernel starts another one while events flow: nothing of the device may be left to the
# next kernel.

# shellcheck source-path=SCRIPTDIR source=lib
. "$(dirname "$0")/lib"

"$VM_DIR/tree" > "$scratch/tree" 2>&1
k=$(readlink -f "$CACHE/linux-stock")
image=$k/debian/usr/lib/modules/$(cat "$k/.release")/vmlinuz

# With one processor: the emulator does not always get a second one to start twice.
for version in 2.0 2.5; do
	case_ "kexec under traffic, DLB $version" says 0 "ok 2 the next kernel can use it" \
		"$VM_DIR/run" --device-version "$version" --smp 1 --mem 1024 --add "$image:/vmlinuz" -- \
		sh -c 'modprobe configfs; exec dlb-guest kexec'
done
end
