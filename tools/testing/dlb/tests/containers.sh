#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# One domain in a container of an ordinary user: namespaces of a user without rights, in which the
# device files and the description of one domain are, and nothing of the other. The stock kernel has
# user namespaces, our own kernels do without.
#
# dlb-vm: --kernel stock

. "${0%/*}/lib.sh"

dlb_ready
cd /tmp || exit 1
echo 'user:x:1234:1234::/:/bin/sh' >> /etc/passwd
echo 'user:x:1234:' >> /etc/group

# What a container engine would do, and then the command as "root" of the container.
cat > /tmp/container << 'END'
#!/bin/sh
set -e
domain=$1
shift
root=/tmp/container.root
mount -t tmpfs tmpfs $root
for dir in bin usr etc lib lib64; do
	[ -d /$dir ] || continue
	mkdir $root/$dir
	mount --bind /$dir $root/$dir
done
mkdir -p $root/dev/dlb0/"$domain" $root/sys $root/proc $root/tmp $root/dev/shm
mount --bind /dev/dlb0/"$domain" $root/dev/dlb0/"$domain"
mount -t sysfs -o ro sysfs $root/sys
mount -t tmpfs tmpfs $root/sys/kernel/config
mkdir -p $root/sys/kernel/config/dlb/"$domain"
mount --bind /sys/kernel/config/dlb/"$domain" $root/sys/kernel/config/dlb/"$domain"
mount -t proc proc $root/proc
exec chroot $root "$@"
END
mkdir -p /tmp/container.root
chown 1234:1234 /tmp/container.root

# contained DOMAIN COMMAND: a shell command of the user, in a container with this domain.
contained() {
	su user -c "exec timeout 120 unshare -U -r -m -n -i -p -f sh /tmp/container $1 sh -c '$2'"
}

prepare() {
	dlbctl apply /samples/dlb/worker-pool.toml || return 1
	printf '[domains.other]\n[domains.other.ldb_queues.q]\n[domains.other.ldb_ports.p]\nlinks = { q = 0 }\n' |
		dlbctl apply - || return 1
	chown -R 1234:1234 /dev/dlb0/worker-pool
}

is_ordinary() {
	su user -c '! mkdir /sys/kernel/config/dlb/mine && ! true < /dev/dlb0/other/p && true < /dev/dlb0/worker-pool/boss'
}

sees_one() {
	contained worker-pool 'id -u; ls /dev/dlb0 /sys/kernel/config/dlb' > seen || { cat seen && return 1; }
	cat seen
	[ "$(tr '\n' ' ' < seen)" = '0 /dev/dlb0: worker-pool  /sys/kernel/config/dlb: worker-pool ' ]
}

works_there() { contained worker-pool dlb-worker-pool; }

# The numbers are no secret; a device made of them would be, and a user's root may not make one.
cannot_make_the_other() {
	numbers=$(stat -c '%t %T' /dev/dlb0/other/p)
	# shellcheck disable=SC2086
	set -- $numbers
	contained worker-pool "! mknod /tmp/p c $((0x$1)) $((0x$2)) && ! ls /dev/dlb0/other"
}

# "Root" of the container is the user: the description can be read, and not changed.
cannot_change_it() {
	contained worker-pool '! echo 0 > /sys/kernel/config/dlb/worker-pool/enable' || return 1
	[ "$(cat $CONFIG/worker-pool/state)" = enabled ]
}

# What the administrator takes away is taken from the container as well.
ends_from_outside() {
	contained worker-pool 'exec 3< /dev/dlb0/worker-pool/boss; echo open; head -c 4 <&3; echo "read ends with $?"' > ended &
	i=0
	while ! grep -q open ended 2> /dev/null; do
		i=$((i + 1))
		[ $i -lt 300 ] || { echo "it did not start" && return 1; }
		sleep 0.2
	done
	dlbctl disable worker-pool || return 1
	wait $!
	cat ended
	grep -q 'read ends with 1' ended
}

clean_up() {
	dlbctl destroy --all && all_free
}

ktap_begin
ktap_case "two domains, one of which is given to a user" prepare
ktap_case "who is nobody special" is_ordinary
ktap_case "a container sees the files of one domain" sees_one
ktap_case "a program sends and receives events in it" works_there
ktap_case "the other domain cannot be made there" cannot_make_the_other
ktap_case "the description cannot be changed there" cannot_change_it
ktap_case "the end of the domain reaches the container" ends_from_outside
ktap_case "all is free in the end" clean_up
ktap_case "the kernel has nothing to complain about" log_is_clean
ktap_end
