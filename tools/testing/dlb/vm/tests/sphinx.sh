#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The pages and ABI documents, as the kernel builds and checks its own: in a tree of
# its source that has no other pages, so that every warning is one of ours.

# shellcheck source-path=SCRIPTDIR source=lib
. "$(dirname "$0")/lib"

work=$CACHE/sphinx-$(key "$REPO")
pages=Documentation/misc-devices

# What follows runs in the machine for packages, as root.
inside_build() {
	set -e
	mount -t overlay overlay -o "lowerdir=$1,upperdir=$work/upper,workdir=$work/work" "$work/tree"
	cd "$work/tree"
	rm "$pages"/*.rst Documentation/ABI/testing/*
	cp "$REPO/$pages"/*.rst "$pages/"
	cp "$REPO"/Documentation/ABI/testing/* Documentation/ABI/testing/
	{
		printf '%s\n' '.. SPDX-License-Identifier: GPL-2.0' '' '=======' 'Devices' '=======' '' '.. toctree::' ''
		find "$REPO/$pages" -name '*.rst' -printf '   %f\n' | LC_ALL=C sort
	} > "$pages/index.rst"
	"$2"
}

htmldocs() {
	make htmldocs SPHINXDIRS=misc-devices SPHINXOPTS="-q -w $work/warnings" || return 1
	# Whether there is a program that draws figures, of which there are none, is not our business.
	! grep -vE 'dot\(1\) not found' "$work/warnings" || return 1
	for page in "$pages"/*.rst; do
		page=Documentation/output/misc-devices/$(basename "$page" .rst).html
		[ -s "$page" ] || [ -s "${page/output\/misc-devices/output}" ] || { echo "there is no $page"; return 1; }
	done
}

# It has no objections to what docs-check refuses, but has to find all of it.
abi() {
	local want have
	python3 tools/docs/get_abi.py -D Documentation/ABI/testing validate > "$work/said" 2>&1 || { cat "$work/said"; return 1; }
	cat "$work/said"
	[ ! -s "$work/said" ] || return 1
	python3 tools/docs/get_abi.py -D Documentation/ABI/testing rest > "$work/rest" || return 1
	want=$(cat Documentation/ABI/testing/* | grep -c '^What:')
	have=$(grep -c '^| \*\*' "$work/rest")
	[ "$want" = "$have" ] || { echo "$want files are described, and it shows $have"; return 1; }
}

if [ "${1:-}" = --inside ]; then
	trap - EXIT
	inside_build "$2" "$3"
	exit
fi

clean_up() { as_root rm -rf --one-file-system "$work" "$scratch"; }
trap clean_up EXIT
in_machine() {
	as_root rm -rf --one-file-system "$work"
	mkdir -p "$work/upper" "$work/work" "$work/tree"
	timeout 900 "$VM_DIR/layer" run "$work/machine" "$0" --inside "$(readlink -f "$CACHE/linux")" "$1"
}

case_ "htmldocs builds the pages without a warning" in_machine htmldocs
case_ "get_abi.py finds every file in the ABI documents" in_machine abi
end
