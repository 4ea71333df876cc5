# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every script of this directory needs: where things are, how a step is
# announced, cached and finished, and how a command is run in the Debian root.
#
# A finished step is a directory in the cache whose name ends in a key made
# from the step's inputs. It is built under another name and renamed when it
# is complete, so that an interrupted step is simply done again, and a second
# checkout with other inputs gets a directory of its own.

set -euo pipefail
export LC_ALL=C.UTF-8
umask 022

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
REPO=$(cd "$VM_DIR/../../../.." && pwd -P)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/dlb
JOBS=${JOBS:-$(nproc)}
export CACHE REPO

mkdir -p "$CACHE"
CACHE=$(cd "$CACHE" && pwd -P)

# Where cargo builds. It tells the sources of one checkout from those of another by nothing but
# their times, so each checkout has a directory of its own.
TARGET_DIR=$CACHE/cargo/target-$(printf '%s\n' "$REPO" | sha256sum | cut -c1-12)

# point LINK TARGET: make a link point elsewhere at once, whoever else does it now.
point() {
	ln -sfnT "$2" "$1.$BASHPID" && mv -fT "$1.$BASHPID" "$1"
}

# target_dir: make that directory, with the crates of others as the newest checkout has them: cargo
# knows those by their versions, not by times. The marks of what is complete are copied first, as
# somebody may be building there.
target_dir() {
	local from new=$TARGET_DIR.new
	[ ! -d "$TARGET_DIR" ] || return 0
	mkdir -p "$CACHE/cargo"
	from=$(find "$CACHE/cargo" -mindepth 1 -maxdepth 1 -type d -name 'target-????????????' \
		-printf '%T@ %p\n' | sort -rn | sed -n '1s/^[^ ]* //p')
	rm -rf "$new"
	mkdir -p "$new"
	if [ -n "$from" ]; then
		(cd "$from" && find . -type f -path '*/.fingerprint/*' ! -path '*/.fingerprint/dlb*' -print0 &&
			find . -type f -name '*.*' ! -name '*dlb*' -path '*/deps/*' -print0 &&
			find . -type f -path '*/build/*' ! -path '*/build/dlb*' -print0) |
			tar c -C "$from" --null --no-recursion --ignore-failed-read -T - | tar x -C "$new" ||
			rm -rf "${new:?}"/*
	fi
	mv -T "$new" "$TARGET_DIR"
}

# The release that carries the compilers the kernel was built with.
SUITE=trixie
# The kernel series this driver is written for.
SERIES=7.2
KCC=x86_64-linux-gnu-gcc-14

say() { printf '[dlb] %s\n' "$*" >&2; }

die() {
	printf '[dlb] error: %s\n' "$*" >&2
	exit 1
}

# key WORD...: a short name for a set of inputs
key() { printf '%s\n' "$@" | sha256sum | cut -c1-12; }

# key_files FILE...: the same over the content of files, whatever their path
key_files() { cat -- "$@" | sha256sum | cut -c1-12; }

# key_function FILE NAME: the same over one function of a script
key_function() { sed -n "/^$2() {/,/^}/p" "$1" | sha256sum | cut -c1-12; }

have() { command -v "$1" > /dev/null 2>&1; }

# as_root CMD...: run as root, with what the machine offers for that
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif have sudo; then
		sudo -- "$@"
	else
		die "this step needs root ($1): run as root or install sudo"
	fi
}

# begin NAME TIME: announce a long step
begin() {
	STEP_NAME=$1
	STEP_START=$(date +%s)
	say "$1: takes about $2 ..."
}

finish() {
	say "$STEP_NAME: done in $(($(date +%s) - STEP_START)) s"
}

# quietly LOG CMD...: keep the output in a file, show its end on failure.
# On a terminal or in CI a line now and then shows that work goes on.
quietly() {
	local log=$1 pid rc=0 n=0
	shift
	mkdir -p "$(dirname "$log")"
	"$@" > "$log" 2>&1 < /dev/null &
	pid=$!
	# shellcheck disable=SC2064
	trap "kill $pid 2> /dev/null; exit 130" INT TERM
	while kill -0 "$pid" 2> /dev/null; do
		sleep 1
		n=$((n + 1))
		if [ $((n % 30)) = 0 ]; then
			say "  ... ${n} s: $(tail -n 1 "$log" | tr -d '\r' | cut -c1-100)"
		fi
	done
	trap - INT TERM
	wait "$pid" || rc=$?
	if [ "$rc" != 0 ]; then
		tail -n 30 "$log" >&2
		say "the whole log is in $log"
	fi
	return "$rc"
}

# locked NAME: hold the lock of a step until the script ends, so that two
# runs on one machine do not do the same work twice, or over each other
locked() {
	mkdir -p "$CACHE/lock"
	exec {LOCK_FD}> "$CACHE/lock/$1"
	if ! flock -n "$LOCK_FD"; then
		say "another run is at step '$1', waiting for it"
		flock "$LOCK_FD"
	fi
}

unlocked() { exec {LOCK_FD}>&-; }

# on_debian: is this machine itself a Debian 13 with all packages present, and
# does its apt know the backports' kernel and the source of QEMU?
on_debian() {
	[ -z "${DLB_FORCE_ROOT:-}" ] || return 1
	[ -r /etc/os-release ] || return 1
	(
		# shellcheck disable=SC1091
		. /etc/os-release
		[ "${ID:-}" = debian ] && [ "${VERSION_CODENAME:-}" = "$SUITE" ]
	) || return 1
	if [ -z "${DLB_ON_DEBIAN:-}" ]; then
		DLB_ON_DEBIAN=no
		! all_on_debian || DLB_ON_DEBIAN=yes
		export DLB_ON_DEBIAN
	fi
	[ "$DLB_ON_DEBIAN" = yes ]
}

all_on_debian() {
	# shellcheck disable=SC2046
	[ "$(dpkg-query -W -f '${db:Status-Status}\n' $(packages) 2> /dev/null |
		grep -cx installed)" = "$(packages | wc -l)" ] &&
		apt-cache show "linux-source-$SERIES" > /dev/null 2>&1 &&
		apt-cache showsrc qemu > /dev/null 2>&1
}

# packages: what the root holds, one name per line
packages() { sed 's/#.*//' "$VM_DIR/packages" | tr -s ' \t' '\n' | grep .; }

root_dir() {
	printf '%s/root-%s\n' "$CACHE" "$(key "$SUITE" "$(packages)" "$(key_function "$VM_DIR/root" make_root)")"
}

# in_root CMD...: run CMD with the toolchain of Debian 13, in the present
# directory and as the present user. The paths are the same inside and out.
in_root() { "$VM_DIR/chroot" "$@"; }
