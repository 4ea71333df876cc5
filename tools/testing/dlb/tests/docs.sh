#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The shell commands of the documentation work as they stand there: every block of the language
# "sh" in dlb.rst is run, in order, in one directory after another as a reader would. A command
# that begins with "! " is one that must fail.
#
# dlb-vm: --add Documentation/misc-devices/dlb.rst:/dlb.rst

. "${0%/*}/lib.sh"

# blocks FILE DIRECTORY: each section's blocks become one script, named after the section.
blocks() {
	awk -v dir="$2" '
		function flush_heading() { heading = last }
		/^[-=^~]+$/ && length($0) >= 3 && last != "" { heading = last }
		{ last = $0 }
		/^ *\.\. code-block:: sh *$/ { match($0, /^ */); base = RLENGTH; inside = 1; next }
		inside && /^ *$/ { next }
		inside {
			match($0, /^ */)
			if (RLENGTH <= base) { inside = 0; next }
			name = heading; gsub(/[^A-Za-z0-9]+/, "-", name)
			if (!(name in seen)) { seen[name] = ++n }
			line = substr($0, base + 4)
			if (line ~ /^! /) {
				line = substr(line, 3)
				line = "if " line "; then echo \"this should have failed: " line "\"; exit 1; fi"
			}
			print line > sprintf("%s/%02d-%s", dir, seen[name], name)
		}' "$1"
}

# A block may rely on the one before it, so that all of them are one shell's.
together() {
	{
		echo 'set -eu'
		for script in /tmp/docs/*; do
			echo "echo '== ${script##*/}'"
			cat "$script"
		done
	} >/tmp/docs.sh
	sh -x /tmp/docs.sh
}

dlb_ready
mkdir -p /tmp/docs
blocks /dlb.rst /tmp/docs

count() {
	[ "$(find /tmp/docs -type f | wc -l)" -ge 7 ]
}

nothing_left() {
	! ls "$CONFIG" | grep .
}

ktap_begin
ktap_case "the page has examples" count
ktap_case "the examples work" together
ktap_case "the examples clean up" nothing_left
ktap_case "all is free" all_free
ktap_case "the kernel log is clean" log_is_clean
ktap_end
