#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The driver as a part of the kernel: drivers/misc/dlb is copied into a kernel
# tree with one line in Kconfig and one in Makefile, and built as a module and
# into the kernel. An overlay is laid over the cached trees; they are not changed.

# shellcheck source-path=SCRIPTDIR source=lib
. "$(dirname "$0")/lib"

src=$(readlink -f "$CACHE/linux")
out=$(readlink -f "$CACHE/linux-stock")

# Runs as root, in the mount namespace that chroot has made.
inside() {
	set -e
	mkdir -p "$scratch/layer"
	mount -t tmpfs tmpfs "$scratch/layer"
	trap 'umount -l "$scratch/layer"; rm -rf "$scratch"' EXIT
	for t in "$src" "$out"; do
		mkdir -p "$scratch/layer/$(basename "$t")"/{upper,work}
		mount -t overlay overlay -o "lowerdir=$t,upperdir=$scratch/layer/$(basename "$t")/upper,workdir=$scratch/layer/$(basename "$t")/work" "$t"
	done
	cp -r "$REPO/drivers/misc/dlb" "$src/drivers/misc/"
	sed -i '/^endmenu/i source "drivers/misc/dlb/Kconfig"' "$src/drivers/misc/Kconfig"
	echo 'obj-$(CONFIG_INTEL_DLB) += dlb/' >> "$src/drivers/misc/Makefile"
	mk() { make -C "$src" O="$out" CC="$KCC" KERNELRELEASE="$(cat "$out/.release")" -j"$JOBS" "$@"; }

	"$src/scripts/config" --file "$out/.config" --module INTEL_DLB
	mk olddefconfig
	grep -x CONFIG_INTEL_DLB=m "$out/.config"
	# No kernel is built here that could be asked for its symbols; that they
	# are all there is seen when the module is built on its own.
	mk KBUILD_MODPOST_WARN=1 drivers/misc/dlb/dlb.ko
	test -f "$out/drivers/misc/dlb/dlb.ko"
	echo "== module built"

	"$src/scripts/config" --file "$out/.config" --enable CONFIGFS_FS --enable INTEL_DLB
	mk olddefconfig
	grep -x CONFIG_INTEL_DLB=y "$out/.config"
	mk drivers/misc/dlb/
	test -f "$out/drivers/misc/dlb/built-in.a"
	echo "== built in"
}

if [ "${1:-}" = --inside ]; then
	inside
	exit
fi

log=$REPO/build/log/in-tree.log
mkdir -p "$(dirname "$log")"
DLB_AS_ROOT=1 in_root bash "$0" --inside > "$log" 2>&1 < /dev/null
case_ "as a module" grep -x "== module built" "$log"
case_ "into the kernel" grep -x "== built in" "$log"
no_warnings() {
	local found
	found=$(grep -m 5 -E '^(warning|error)|drivers/misc/dlb/.*(warning|error):' "$log")
	printf '%s\n' "$found"
	[ -z "$found" ]
}
case_ "without warnings" no_warnings
[ "$bad" = 0 ] || tail -n 30 "$log" | sed 's/^/# /'
end
