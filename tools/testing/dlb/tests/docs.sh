#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The commands of the documentation work as they stand there.
#
# In the pages, every block of the language "sh" is run, in order, in one directory after another
# as a reader would. A command that begins with "! " is one that must fail. In the READMEs it is
# lines that begin with a prompt, and what a column "Run" of a table has. Of the help, which is the
# manual pages, the topology file is applied, and every command that is listed has to exist.
#
# dlb-vm: --add Documentation/misc-devices:/docs --add tools/dlb/README.md:/docs/tools.md

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
page() {
	rm -rf /tmp/docs
	mkdir /tmp/docs
	blocks "/docs/$1" /tmp/docs
	[ "$(find /tmp/docs -type f | wc -l)" -ge "$2" ] || { echo "there are too few blocks" && return 1; }
	{
		echo 'set -eu'
		for script in /tmp/docs/*; do
			echo "echo '== ${script##*/}'"
			cat "$script"
		done
	} >/tmp/docs.sh
	sh -x /tmp/docs.sh || return 1
	nothing_left
}

nothing_left() {
	! ls "$CONFIG" | grep . && all_free
}

# each COMMAND...: runs every line of the standard input, in a directory of samples.
each() {
	n=0
	while read -r command; do
		n=$((n + 1))
		echo "== $command"
		(cd /samples/dlb && timeout 200 sh -ec "$command" < /dev/null) || return 1
	done
	[ $n -gt 0 ]
}

# "    # command      what it does"
prompts() {
	sed -n 's/^    # //p' /docs/tools.md | sed 's/   *[^ ].*$//' | each && nothing_left
}

# | sample | what it shows | `command` |
run_column() {
	# What make does, it does on the host.
	sed -n 's/^|.*| `\([^`]*\)` |$/\1/p' /samples/dlb/README.md | grep -v '^make ' |
		sed 's/^sh pipeline.sh$/& --events 3000 --rates 500/; s/.*/( & ) || exit 1; dlbctl -q destroy --all/' > /tmp/columns
	[ "$(wc -l < /tmp/columns)" = 6 ] || { cat /tmp/columns && return 1; }
	each < /tmp/columns && nothing_left
}

# Each sample has a paragraph of its own, and each topology and program a row.
paragraphs() {
	sed -n 's/^| `\([^`]*\)` |.*/\1/p' /samples/dlb/README.md > /tmp/rows
	[ "$(wc -l < /tmp/rows)" -ge 7 ] || return 1
	while read -r name; do
		awk -v name="## \`$name\`" '$0 == name { on = 1; next } /^## / { on = 0 } on' \
			/samples/dlb/README.md > /tmp/paragraph
		[ "$(wc -w < /tmp/paragraph)" -ge 30 ] || { echo "nothing is said about $name" && return 1; }
	done < /tmp/rows
	for file in /samples/dlb/*.sh /samples/dlb/*.c /samples/dlb/src/bin/*.rs; do
		name=${file##*/}
		grep -qxF "${name%.rs}" /tmp/rows || { echo "$file has no row" && return 1; }
	done
	for file in /samples/dlb/*.toml; do
		case ${file##*/} in
		# The last is what a command of another page writes here.
		Cargo.toml | all.toml) continue ;;
		esac
		grep -q "dlbctl apply ${file##*/} " /samples/dlb/README.md || { echo "$file is not run" && return 1; }
	done
}

# Compilers are not in the guest, so that it is only looked whether what they are given is there.
named_files() {
	for file in $(sed -n 's/^    .*\(cargo\|cc\) .* \([^ ]*\.\(toml\|c\)\)$/\2/p' /samples/dlb/README.md); do
		case $file in
		../*) continue ;;
		esac
		echo "$file"
		[ -f "/samples/dlb/$file" ] || return 1
	done
}

help_example() {
	dlbctl apply --help > /tmp/help || return 1
	sed -n '/^A topology file is TOML/,$p' /tmp/help | sed -n 's/^  //p' > /tmp/example.toml
	cat /tmp/example.toml
	grep -q '^queue = "out"' /tmp/example.toml || return 1
	dlbctl save -o /tmp/before.toml || return 1
	dlbctl apply /tmp/example.toml && dlbctl apply -n /tmp/example.toml | grep -x 'nothing to do' || return 1
	dlbctl destroy --file /tmp/example.toml && dlbctl vf off && dlbctl apply /tmp/before.toml || return 1
	nothing_left
}

# Every `dlbctl WORD` anywhere in the documentation is a command, and every option one of its own.
mentioned() {
	cat /docs/*.rst /docs/*.md /samples/dlb/README.md | grep -oE 'dlbctl (vf )?[a-z]+( --?[a-z-]+)*' |
		grep -vE 'dlbctl (is|and|has|in|says|to|alone|which|looks|help)\b' | sort -u > /tmp/mentioned
	cat /tmp/mentioned
	[ "$(wc -l < /tmp/mentioned)" -ge 8 ] || return 1
	while read -r _ words; do
		command=${words%% -*}
		# shellcheck disable=SC2086
		dlbctl $command --help > /tmp/help 2>&1 || { echo "there is no dlbctl $command" && return 1; }
		for option in ${words#"$command"}; do
			grep -qE -- "^ +(-., )?$option\\b|^ +$option, " /tmp/help || { echo "dlbctl $command has no $option" && return 1; }
		done
	done < /tmp/mentioned
}

dlb_ready

ktap_begin
ktap_case "dlb.rst" page dlb.rst 7
ktap_case "dlb-admin.rst" page dlb-admin.rst 4
ktap_case "tools/dlb/README.md" prompts
ktap_case "samples/dlb/README.md" run_column
ktap_case "each sample has a paragraph" paragraphs
ktap_case "what the samples are built of" named_files
ktap_case "the topology in the help of apply" help_example
ktap_case "every command that is mentioned is there" mentioned
ktap_case "the kernel log is clean" log_is_clean
ktap_end
