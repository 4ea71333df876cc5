#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make modules KDIR=...: trees that fit, and what is said of those that do not.

# shellcheck source-path=SCRIPTDIR source=lib
. "$(dirname "$0")/lib"

m() { "$VM_DIR/modules" "$@"; }
stock=$(readlink -f "$CACHE/linux-stock")
release=$(cat "$stock/.release")

# refused TEXT TREE: one sentence that says TEXT, a non-zero status, nothing built
refused() {
	local before after
	before=$(find "$REPO/build" -name dlb.ko | sort)
	says 1 "$1" m "KDIR=$2" || return 1
	[ "$(grep -c . "$scratch/out")" = 1 ] || {
		echo "that is more than one line"
		return 1
	}
	after=$(find "$REPO/build" -name dlb.ko | sort)
	[ "$before" = "$after" ]
}

# tree NAME: the files by which a tree is judged, as the stock tree has them
tree() {
	local t=$scratch/$1
	mkdir -p "$t/include/config" "$t/include/generated/uapi/linux" "$t/rust"
	cp "$stock/Makefile" "$stock/.config" "$stock/Module.symvers" "$t/"
	cp "$stock/include/config/"{auto.conf,kernel.release} "$t/include/config/" 2> /dev/null
	cp "$stock/include/generated/uapi/linux/version.h" "$t/include/generated/uapi/linux/"
	: > "$t/rust/libkernel.rmeta"
}

case_ "no such directory" refused "is not a directory" "$scratch/none"
mkdir "$scratch/empty"
case_ "an empty directory" refused "not a kernel tree" "$scratch/empty"
case_ "another program's source" refused "not a kernel tree" "$REPO/tools/testing/dlb"
case_ "source that was never configured" refused "is not configured" "$(readlink -f "$CACHE/linux")"

tree unprepared
rm -r "$scratch/unprepared/include"
case_ "configured but not prepared" refused "modules_prepare" "$scratch/unprepared"

tree old
sed -i 's/^#define LINUX_VERSION_CODE .*/#define LINUX_VERSION_CODE 396294/' \
	"$scratch/old/include/generated/uapi/linux/version.h"
case_ "too old" refused "too old: it is Linux 6.12" "$scratch/old"

tree c-only
sed -i 's/^CONFIG_RUST=y/# CONFIG_RUST is not set/' "$scratch/c-only/include/config/auto.conf" "$scratch/c-only/.config"
case_ "Rust switched off" refused "not Rust-enabled" "$scratch/c-only"

tree other-rustc
sed -i 's/^CONFIG_RUSTC_VERSION_TEXT=.*/CONFIG_RUSTC_VERSION_TEXT="rustc 1.86.0 (05f9846f8 2025-03-31)"/' \
	"$scratch/other-rustc/include/config/auto.conf" "$scratch/other-rustc/.config"
case_ "another rustc" refused "wants 'rustc 1.86.0" "$scratch/other-rustc"

deb=$(compgen -G "$CACHE/debs/linux-headers-${release}_*.deb" | head -n 1)
in_root dpkg-deb -x "$deb" "$CACHE/headers.test"
case_ "Debian's headers package" refused "no Rust metadata" "$CACHE/headers.test/usr/src/linux-headers-$release"
rm -rf "$CACHE/headers.test"

fits() {
	m "KDIR=$1" || return 1
	[ "$(modinfo_of "$REPO/dlb.ko" vermagic | cut -d' ' -f1)" = "$2" ]
}
modinfo_of() { strings_of "$1" | sed -n "s/^$2=//p"; }
strings_of() { tr '\0' '\n' < "$1"; }

case_ "the prepared tree of the stock kernel" fits "$stock" "$release"
fast=$(readlink -f "$CACHE/linux-fast" || true)
if [ -e "$fast/.complete" ]; then
	case_ "the tree of the fast kernel" fits "$fast" "$(cat "$fast/.release")"
else
	skip "the tree of the fast kernel" "not built"
fi
case_ "no KDIR" says 0 "built dlb.ko for" m

plain() {
	in_root make -C "$stock" CC="$KCC" M="$REPO" MO="$REPO/build/plain" KERNELRELEASE="$release" modules &&
		[ -f "$REPO/build/plain/drivers/misc/dlb/dlb.ko" ]
}
case_ "the kernel's own way, make -C KDIR M=PWD" plain
rm -rf "$REPO/build/plain"

end
