#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# dlbctl on the real tree: every command, and what it says when it is refused.

. "${0%/*}/lib.sh"

dlb_ready
cd /tmp || exit 1

cat > topology.toml << 'END'
[domains.t]
num_ldb_credits = 500

[domains.t.ldb_queues.q]
[domains.t.ldb_queues.r]
num_sequence_numbers = 64

[domains.t.ldb_ports."w.0"]
cq_depth = 8
links = { q = 1 }

[domains.t.dir_queues.d]
[domains.t.dir_ports.p]
queue = "d"
END

# fails CODE WORDS COMMAND...: the command ends with this code and says these words.
fails() {
	fails_code=$1
	fails_words=$2
	shift 2
	"$@" > out 2>&1 && echo "it did not fail" && return 1
	fails_status=$?
	cat out
	[ "$fails_status" = "$fails_code" ] || { echo "ended with $fails_status" && return 1; }
	grep -q -- "$fails_words" out
}

# says WORDS COMMAND...: the command succeeds and says these words.
says() {
	says_words=$1
	shift
	"$@" > out 2>&1 || { cat out && return 1; }
	cat out
	grep -q -- "$says_words" out
}

is() { [ "$(cat "$CONFIG/$1")" = "$2" ] || { echo "$1 is $(cat "$CONFIG/$1")" && return 1; }; }

apply_from_nothing() {
	says '^mkdir t$' dlbctl apply -n topology.toml || return 1
	[ ! -e "$CONFIG"/t ] || return 1
	says '1 domain as described' dlbctl apply topology.toml || return 1
	is t/state enabled && is t/num_ldb_credits 500 && is t/ldb_ports/w.0/links q:1
}

apply_again() {
	says ' 0 changes' dlbctl apply topology.toml && says 'nothing to do' dlbctl apply -n topology.toml
}

apply_changes_only_what_differs() {
	sed 's/q = 1/q = 1, r = 3/' topology.toml > live.toml
	says 'echo "q:1 r:3" > t/ldb_ports/w.0/links' dlbctl apply -n live.toml || return 1
	dlbctl apply live.toml || return 1
	dlbctl show t | grep -q 'q:1 r:3' || return 1
	sed 's/500/600/' topology.toml > other.toml
	fails 1 'other.toml:2: domain .t. is enabled.*num_ldb_credits.*--restart' dlbctl apply other.toml || return 1
	is t/num_ldb_credits 500 || return 1
	dlbctl apply --restart other.toml || return 1
	is t/num_ldb_credits 600 && is t/state enabled
}

apply_refused() {
	printf '[domains.u]\n\n[domains.u.ldb_ports.p]\ncq_depth = 48\n' > bad.toml
	fails 3 'bad.toml:4: u/ldb_ports/p: cq_depth must be a power of two' dlbctl apply bad.toml || return 1
	printf '[domains.u]\nnum_hist_list_entries = 5000\n' > large.toml
	fails 5 'large.toml:2: dlb0 has .* num_hist_list_entries free, but 5000 are asked for by domain .u.' \
		dlbctl apply large.toml || return 1
	printf '[domains.u]\n\ndevice = "dlb7"\n' > gone.toml
	fails 4 'gone.toml:3: there is no device .dlb7.: there is dlb0' dlbctl apply gone.toml || return 1
	# What only the driver knows: whatever was made until then goes again.
	printf '[domains.u.ldb_queues.q]\n' > alone.toml
	fails 1 'alone.toml:1: .echo 1 > u/enable. failed: .*; all was left as before' dlbctl apply alone.toml || return 1
	[ ! -e "$CONFIG"/u ]
}

save_and_apply() {
	dlbctl save t > saved.toml || return 1
	dlbctl destroy t || return 1
	dlbctl apply saved.toml || return 1
	dlbctl save t | cmp saved.toml - || return 1
	dlbctl save -o all.toml || return 1
	grep -q '^\[devices.dlb0\]' all.toml || return 1
	says 'nothing to do' dlbctl apply -n all.toml
}

# reads FILE VALUE: a file of the physical function.
reads() {
	for reads_dev in "$DRIVER"/*:*:*; do
		[ -e "$reads_dev/physfn" ] || break
	done
	reads_dev=$reads_dev/$1
	[ "$(cat "$reads_dev")" = "$2" ] || { echo "$reads_dev is $(cat "$reads_dev")" && return 1; }
}

# Whatever is described becomes whatever else is, and is saved as what it was made of.
round_trips() {
	for seed in $(seq 1 24); do
		random-topology "$seed" > random.toml || return 1
		dlbctl -q apply --restart --prune random.toml || { cat random.toml && return 1; }
		dlbctl apply -n random.toml | grep -qx 'nothing to do' || { cat random.toml && return 1; }
		dlbctl save > saved.toml || return 1
		sed '/^\[devices/,/^$/d' saved.toml > domains.toml
		diff random.toml domains.toml || return 1
		[ $((seed % 3)) = 0 ] || continue
		dlbctl -q destroy --all && all_free && dlbctl -q apply saved.toml || return 1
		dlbctl save | cmp saved.toml - || return 1
	done
	dlbctl destroy --all && all_free
}

device_and_its_functions() {
	dlbctl destroy --all || return 1
	cat > device.toml << 'END'
[devices.dlb0]
num_vfs = 2

[devices.dlb0.tuning]
cq_layout = "packed"
cq_watchdog_seconds = 40

[devices.dlb0.vfs.1]
num_sched_domains = 2
num_ldb_queues = 4
num_cos1_ldb_ports = 6
num_hist_list_entries = 384
END
	dlbctl apply device.toml || return 1
	reads sriov_numvfs 2 && reads vf1_resources/num_ldb_ports 6 && reads vf0_resources/num_ldb_queues 0 || return 1
	reads tuning/cq_watchdog_seconds 40 && reads tuning/cq_layout packed && reads sriov_drivers_autoprobe 1 || return 1
	says 'nothing to do' dlbctl apply -n device.toml || return 1
	dlbctl save -o saved.toml || return 1
	cat saved.toml
	grep -A4 '^\[devices.dlb0.vfs.1\]' saved.toml | grep -q '^num_cos1_ldb_ports = 6' || return 1
	dlbctl vf off && says 'num_vfs = 2' cat saved.toml && dlbctl apply saved.toml || return 1
	dlbctl save | cmp saved.toml - || return 1
	sed 's/num_vfs = 2/num_vfs = 3/; s/num_ldb_queues = 4/num_ldb_queues = 40/' device.toml > large.toml
	fails 5 'large.toml:1: dlb0 has 32 num_ldb_queues free, but 40' dlbctl apply --restart large.toml || return 1
	sed 's/num_vfs = 2/num_vfs = 3/; s/packed/sparse/; s/= 40/= 10/' device.toml > three.toml
	dlbctl apply --restart three.toml || return 1
	reads sriov_numvfs 3 && reads vf1_resources/num_ldb_queues 4 || return 1
	printf '[devices.dlb0]\nnum_vfs = 0\n' | dlbctl apply --restart - || return 1
	reads sriov_numvfs 0 && reads tuning/cq_layout sparse && all_free || return 1
	dlbctl apply topology.toml
}

# What is saved of it is applied as a whole, as after a boot.
domain_on_a_function() {
	dlbctl destroy --all || return 1
	cat > host.toml << 'END'
[devices.dlb0.vfs.0]
num_sched_domains = 2
num_ldb_queues = 4
num_ldb_ports = 4
num_ldb_credits = 512
num_atomic_inflights = 256
num_hist_list_entries = 256

# On the only device, which dlb0 is until its function comes
[domains.u]

[domains.v]
device = "dlb1"

[domains.v.ldb_queues.q]
[domains.v.ldb_ports.p]
links = { q = 0 }
END
	dlbctl apply host.toml && is v/state enabled && says 'nothing to do' dlbctl apply -n host.toml || return 1
	dlbctl save > saved.toml && dlbctl destroy --all && dlbctl vf off && all_free || return 1
	dlbctl apply saved.toml && is v/state enabled && is u/state enabled || return 1
	sed 's/num_sched_domains = 2/num_sched_domains = 3/' host.toml > more.toml
	fails 1 'virtual function 0 of dlb0 is locked' dlbctl apply more.toml || return 1
	dlbctl apply --restart more.toml && is v/state enabled && reads vf0_resources/num_sched_domains 3 || return 1
	says 'nothing to do' dlbctl apply -n more.toml || return 1
	# What fails last takes it back, and the domain with it.
	sed 's/num_sched_domains = 3/num_sched_domains = 4/' more.toml > odd.toml
	printf '[domains.w]\ndevice = "dlb9"\n' >> odd.toml
	fails 1 'there is no device dlb9; all was left as before' dlbctl apply --restart odd.toml || return 1
	is v/state enabled && reads vf0_resources/num_sched_domains 3 && [ ! -e "$CONFIG/w" ] || return 1
	dlbctl destroy --all && dlbctl vf off && all_free && dlbctl apply topology.toml
}

# What is no file is written to, and not replaced by one.
save_to_a_device() {
	dlbctl save -o /dev/null t && [ -c /dev/null ] || return 1
	mkfifo pipe || return 1
	cat pipe > out &
	dlbctl save -o pipe t && wait $! && [ -p pipe ] || return 1
	dlbctl save t | cmp out - && rm pipe
}

# Nobody has to be there to be told.
nobody_reads() {
	fails 1 'cannot print' sh -c 'dlbctl completions bash > /dev/full' || return 1
	dlbctl enable x 2> /dev/full
	[ $? = 4 ]
}

a_directory() {
	mkdir -p etc
	printf '[domains.e]\n' > etc/e.toml
	printf '[domains.f]\n' > etc/f.toml
	dlbctl apply etc && is e/state enabled && is f/state enabled || return 1
	dlbctl destroy f || return 1
	says 'removed e' dlbctl destroy --file etc || return 1
	is t/state enabled
}

odd_names() {
	! mkdir "$CONFIG/-x" || return 1
	printf '[domains.-x]\n' > odd.toml
	fails 3 'odd.toml:1: -x: name must be' dlbctl apply odd.toml || return 1
	printf '[domains.u.ldb_queues."+q"]\n' > odd.toml
	fails 3 'odd.toml:1: u/ldb_queues/+q: name must be' dlbctl apply odd.toml
}

list_and_show() {
	says '^t .*enabled' dlbctl list || return 1
	says '^dlb0 ' dlbctl list || return 1
	says 'domain t: enabled' dlbctl show t || return 1
	says 'num_ldb_queues' dlbctl show dlb0 || return 1
	says '"state": "enabled"' dlbctl -j show t || return 1
	fails 4 'no domain or device .x.' dlbctl show x
}

# json COMMAND WORD...: what it prints is as the schema says.
json() {
	json_name=$1
	shift
	dlbctl -j "$@" > json.out || return 1
	check-json "$json_name" < json.out || { cat json.out && return 1; }
}

as_the_schema_says() {
	json list list && json show show && json show show t && json stats stats && json top top --once -i 0.2 &&
		json apply apply -n topology.toml && json destroy destroy -n t && json vf-show vf show &&
		json selftest selftest --events 50 || return 1
	dlbctl -j doctor > json.out
	check-json doctor < json.out || return 1
	printf 'ALERTME!' > /dev/dlb0/t/alerts && json alerts alerts t || return 1
	dlbctl -q destroy t && dlbctl -q vf split 2 || return 1
	json vf-show vf show && json vf-maps vf maps && json list list && dlbctl -q vf off || return 1
	json show show && dlbctl -q apply topology.toml
}

switches() {
	says 't: configuring' dlbctl disable t || return 1
	says 't: enabled' dlbctl enable t || return 1
	says 't: stopped' dlbctl stop t || return 1
	says 't: enabled' dlbctl start t || return 1
	fails 4 'no domain .x.' dlbctl enable x
}

links() {
	says 'linked to q:0' dlbctl link t w.0 q || return 1
	says 'linked to nothing' dlbctl unlink t w.0 q || return 1
	says 'linked to r:7' dlbctl link t w.0 r:7 || return 1
	is t/ldb_ports/w.0/links r:7 || return 1
	fails 4 'no load-balanced queue .x.' dlbctl link t w.0 x || return 1
	fails 2 'from 0 to 7' dlbctl link t w.0 q:8
}

top_once() {
	says '^time,domain,kind,name,level' dlbctl top --once --csv || return 1
	says '^t: enabled' dlbctl top --once -i 0.2 t
}

stats() {
	says '^t/ldb_queues/q depth  *0$' dlbctl stats t || return 1
	says '"ldb_queues"' dlbctl -j stats
}

alerts() {
	printf 'ALERTME!' > /dev/dlb0/t/alerts || return 1
	says '^t alerts  *[1-9]' dlbctl stats t && says 'alerts* (dlbctl alerts)' dlbctl top --once -i 0.2 t || return 1
	says 'posted by a program' dlbctl alerts t || return 1
	fails 4 'no domain .x.' dlbctl alerts x
}

selftest() {
	says 'dlb0 is well' dlbctl selftest --events 200 || return 1
	[ "$(dlbctl list | grep -c selftest)" = 0 ]
}

doctor() { says 'domain t is enabled' dlbctl doctor; }

generated() {
	dlbctl man man || return 1
	for page in dlbctl dlbctl-apply dlbctl-doctor dlbctl-vf-split; do
		[ -s "man/$page.1" ] || { echo "no page $page" && return 1; }
	done
	for shell in bash zsh fish; do
		dlbctl completions $shell | grep -q selftest || return 1
	done
}

interrupted_leaves_nothing() {
	dlbctl destroy --all || return 1
	for delay in 0 0.02 0.05 0.1 0.2 0 0.02 0.05 0.1 0.2 0 0.02 0.05 0.1 0.2; do
		case $signal in
		INT) signal=TERM ;;
		TERM) signal=HUP ;;
		*) signal=INT ;;
		esac
		dlbctl apply topology.toml > out 2>&1 &
		sleep $delay
		kill -$signal $! 2> /dev/null
		wait $!
		case $? in
		0) dlbctl destroy t || return 1 ;;
		# The last two: it came before anybody listened.
		130 | 129 | 143) [ ! -e "$CONFIG"/t ] || { echo "left over after $delay s" && return 1; } ;;
		*) cat out && return 1 ;;
		esac
	done
}

# Who was killed outright is cleaned up after by the next one.
killed_leaves_little() {
	mkdir "$CONFIG/dlbctl-selftest.99999" && dlbctl -q selftest --events 10 || return 1
	[ ! -e "$CONFIG/dlbctl-selftest.99999" ] && all_free
}

# A second one waits for the first, and not for ever.
one_at_a_time() {
	flock -o "$CONFIG" sleep 2 &
	sleep 0.5
	says 'as described' dlbctl apply topology.toml || return 1
	wait $!
	flock -o "$CONFIG" sleep 30 &
	sleep 0.5
	fails 1 'holds the lock' dlbctl destroy --all || return 1
	kill $!
	wait $! 2> /dev/null
	dlbctl destroy --all
}

options_of_all() {
	dlbctl --version && dlbctl help && dlbctl help vf split || return 1
	says '^t ' dlbctl --root / list || return 1
	[ -z "$(dlbctl -q stop t)" ] && [ -z "$(dlbctl --quiet start t)" ] || return 1
	says '"domains"' dlbctl --json list || return 1
	says 'is well' dlbctl selftest --device dlb0 -e 20 || return 1
	fails 4 'no device .dlb7.' dlbctl selftest -d dlb7 || return 1
	says 'virtual functions on' dlbctl vf --device dlb0 show || return 1
	fails 4 'no device .dlb7.' dlbctl vf -d dlb7 show || return 1
	fails 2 'from 0.1 to 3600' dlbctl top --interval 0 || return 1
	timeout -s INT 3 dlbctl top --csv -i 0.5 t > out
	[ "$(grep -c ',t,ldb_queues,q,' out)" -ge 2 ] || { cat out && return 1; }
	fails 2 'unexpected' dlbctl list --frobnicate || return 1
	# Alerts come as they happen, until somebody has enough.
	dlbctl alerts t > /dev/null
	timeout -s INT 3 dlbctl alerts --follow t > out &
	sleep 1
	printf 'ALERTME!' > /dev/dlb0/t/alerts
	wait $!
	grep 'posted by a program' out || return 1
	# Who has read enough need not be told.
	dlbctl stats 2> out | head -n 1
	[ ! -s out ]
}

vf_commands() {
	dlbctl -q destroy --all || return 1
	says '2 virtual functions with equal shares' dlbctl vf split 2 || return 1
	says '^VF  *LOCKED' dlbctl vf show || return 1
	says '^0  *yes' dlbctl vf show || return 1
	says 'ITS NUMBER' dlbctl vf maps 0 || return 1
	fails 4 'no virtual function 9' dlbctl vf maps 9 || return 1
	fails 1 'already: dlbctl vf off' dlbctl vf split 2 || return 1
	fails 1 'virtual function 0 of dlb0 is locked' dlbctl vf assign 0 num_ldb_queues=1 || return 1
	says 'has no virtual functions' dlbctl vf off && all_free || return 1
	printf '[devices.dlb0]\nnum_vfs = 1\n' > one.toml
	dlbctl -q apply one.toml || return 1
	says 'has it' dlbctl vf assign 0 num_sched_domains=1 num_ldb_queues=2 || return 1
	fails 5 'dlb0 has 30 num_ldb_queues free, but 38 more' dlbctl vf assign 0 num_ldb_queues=40 || return 1
	fails 2 'is no resource' dlbctl vf assign 0 num_wishes=3 || return 1
	dlbctl -q vf off && all_free && dlbctl -q apply topology.toml
}

destroy() {
	dlbctl apply topology.toml || return 1
	says '^rmdir t$' dlbctl destroy -n t || return 1
	dlbctl destroy --all || return 1
	[ -z "$(ls "$CONFIG")" ] && all_free
}

ktap_begin
ktap_case "apply makes a topology real" apply_from_nothing
ktap_case "apply does nothing the second time" apply_again
ktap_case "apply changes only what differs" apply_changes_only_what_differs
ktap_case "apply is refused with file, line and attribute" apply_refused
ktap_case "apply takes what save gives" save_and_apply
ktap_case "apply and save of topologies made by chance" round_trips
ktap_case "apply and save of a device and its virtual functions" device_and_its_functions
ktap_case "apply and save of a domain on a virtual function" domain_on_a_function
ktap_case "save writes to what is no file" save_to_a_device
ktap_case "output that cannot be written" nobody_reads
ktap_case "apply and destroy what a directory describes" a_directory
ktap_case "names that would be options or changes" odd_names
ktap_case "list and show" list_and_show
ktap_case "JSON is as the schema says" as_the_schema_says
ktap_case "enable, disable, start, stop" switches
ktap_case "link and unlink while enabled" links
ktap_case "top" top_once
ktap_case "stats" stats
ktap_case "alerts" alerts
ktap_case "selftest" selftest
ktap_case "doctor" doctor
ktap_case "manual pages and completions" generated
ktap_case "options of all kinds" options_of_all
ktap_case "virtual functions" vf_commands
ktap_case "an interrupted apply leaves nothing" interrupted_leaves_nothing
ktap_case "a killed selftest is cleaned up" killed_leaves_little
ktap_case "one changes things at a time" one_at_a_time
ktap_case "destroy" destroy
ktap_case "the kernel has nothing to complain about" log_is_clean
ktap_end
