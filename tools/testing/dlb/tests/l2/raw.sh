#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# raw.sh OWN FOREIGN: in the inner guest, use its virtual function without a driver, with stores to
# its BAR: as whoever owns that guest can. OWN and FOREIGN are addresses of memory, the first of
# this guest, the second of the outer one.
#
# Leaves the function registered, with a domain that runs. Prints what it does; the exit status
# says whether all went as it should, seen from here.

own=$1 foreign=$2
device=/sys/bus/pci/devices/0000:01:00.0
base=$(head -n 1 $device/resource | cut -d' ' -f1)

fail() {
	echo "raw.sh: $*"
	exit 1
}

# Processes are dear in there: none is started that can be done without.
rd() { devmem $((base + $1)) 32; }
wr() { devmem $((base + $1)) 32 "$2"; }

# request WORD...: send a message over the mailbox, except for words that it still holds from the
# last one
request() {
	number=$1
	offset=$((0x1004))
	for word in "$@"; do
		held=
		eval "held=\${held_$offset:-}"
		[ "$held" = "$word" ] || wr $offset "$word"
		eval "held_$offset=$word"
		offset=$((offset + 4))
	done
	wr 0x1f00 1
	try=0
	until [ "$(rd 0x1f00)" = 0x00000000 ]; do
		try=$((try + 1))
		[ $try -lt 100 ] || fail "no answer to request $number"
	done
	answer=$(rd 0x2000)
	[ $((answer)) = 0 ] || fail "request $number was refused: status $answer"
}

# asked NUMBER WORD...: the same for requests that can fail
asked() {
	request "$@"
	answer=$(rd 0x2004)
	[ $((answer)) = 0 ] || fail "request $number failed: error $answer, status $(rd 0x2008)"
}

# made NUMBER WORD...: the same for requests that make something; its number is in $made
made() {
	asked "$@"
	made=$(rd 0x200c)
}

ready() {
	setpci -s 01:00.0 COMMAND=6
	try=0
	until [ "$(rd 0x3000)" = 0x00000000 ]; do
		try=$((try + 1))
		[ $try -lt 100 ] || fail "the function does not come out of its reset"
	done
}

# domain ADDRESS: a domain with a directed queue whose consumer queue is at that address
domain() {
	# One directed port, 64 directed credits.
	made 3 0 0 0 0 0 0 1 0 0 0 64
	id=$made
	made 6 "$id" 0xffffffff 0
	queue=$made
	made 8 "$id" "$1" 0 8 "$queue"
	port=$made
	asked 17 "$id"
	echo "domain $((id)), queue $((queue)), port $((port)), consumer queue at $1"
}

# send DATA: an event into the queue, as two halves of a command
send() {
	page=$((base + 0x2000000 + port * 0x1000))
	devmem $page 64 "$1"
	devmem $((page + 8)) 64 $((0x0800000003000000 | queue << 16))
}

[ "$(cat $device/vendor)$(cat $device/device)" = 0x80860x2711 ] || fail "this is not a virtual function"
ready
request 0 0x00050003
[ "$(rd 0x2004)" = 0x00000005 ] || fail "the interface has another version"

# Its own memory first: if nothing arrives there, nothing proves anything.
domain "$own"
send 0x1122334455667788
[ "$(devmem "$own" 64)" = 0x1122334455667788 ] || fail "an event does not arrive in own memory"
asked 4 "$id"
echo "an event has arrived in own memory"

domain "$foreign"
send 0x5555aaaa5555aaaa
asked 4 "$id"

# The reset that vfio passes on ends the domains.
domain "$own"
echo 1 > $device/reset || fail "the reset fails"
ready
asked 21
[ "$(rd 0x2008)" = 0x00000000 ] || fail "a domain has outlived the reset"
domain "$own"
echo "a domain is left behind"
