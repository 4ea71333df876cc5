#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The Debian packages: built, installed with apt on a Debian 13 with its stock
# kernel's headers, where dkms builds the module; that machine booted, with
# systemd, on that kernel, used, upgraded; the packages removed.

# shellcheck source-path=SCRIPTDIR source=lib
. "$(dirname "$0")/lib"

# What follows asks which kernel it is for.
[ "${1:-}" = --inside ] || "$VM_DIR/layer" make > /dev/null || {
	echo "Bail out! there is no machine for packages"
	exit 1
}

here=$(cd "$(dirname "$0")/deb" && pwd -P)
machine=$REPO/build/deb-machine
release=$(cat "$CACHE/linux-stock/.release")
trees=$CACHE/dkms-tree-$(key "$release" "$(key_files "$REPO/dkms/build")" "$(root_dir)")

# --- what runs in the machine, by name ---------------------------------------------

inside_install() {
	set -e
	export DEBIAN_FRONTEND=noninteractive
	find / -xdev -not -path "$REPO/*" -not -path "$CACHE/*" -not -path '/tmp/*' -not -path '/proc/*' \
		-not -path '/sys/*' | LC_ALL=C sort > "$scratch/before"
	# Making the metadata of a kernel takes minutes and is not done again for each test.
	[ ! -e "$trees/.complete" ] || { mkdir -p /var/cache/dlb-dkms && cp -a "$trees/$release" /var/cache/dlb-dkms/; }
	apt-get -qy install "$scratch"/debs/dlb-dkms_*.deb "$scratch"/debs/dlb-tools_*.deb || {
		cat /var/lib/dkms/dlb/*/build/make.log
		return 1
	}
	dkms status
	dkms status -m dlb -k "$release" | grep -q installed
	if [ ! -e "$trees/.complete" ]; then
		rm -rf "$trees"
		mkdir -p "$trees"
		cp -a "/var/cache/dlb-dkms/$release" "$trees/"
		touch "$trees/.complete"
	fi
}

inside_module() {
	local ko=/lib/modules/$release/updates/dkms/dlb.ko.xz
	modinfo "$ko" || return 1
	[ "$(modinfo -F vermagic "$ko" | cut -d' ' -f1)" = "$release" ] || return 1
	modinfo -F alias "$ko" | grep -q 'pci:v00008086d00002710' || return 1
	modinfo -F signer "$ko" | grep -q 'DKMS' || { echo "not signed" && return 1; }
	grep -q 'pci:v00008086d00002710.* dlb$' "/lib/modules/$release/modules.alias"
}

inside_files() {
	udevadm verify --no-style /usr/lib/udev/rules.d/60-dlb.rules || return 1
	# Units that others of this machine lack are not our business.
	systemd-analyze verify --man=no dlb.service || return 1
	grep -q '^dlb:' /etc/group || return 1
	modprobe --showconfig | grep -x 'blacklist dlb2' || return 1
	for page in dlbctl dlbctl-apply dlbctl-vf-split dlb-pipeline; do
		man -w "$page" || return 1
	done
	# As a shell that completes would.
	# shellcheck disable=SC1091
	bash -c '. /usr/share/bash-completion/bash_completion; . /usr/share/bash-completion/completions/dlbctl
		COMP_WORDS=(dlbctl selft) COMP_CWORD=1 COMP_LINE="dlbctl selft" COMP_POINT=12
		_dlbctl dlbctl selft dlbctl; [ "${COMPREPLY[*]}" = selftest ]' || return 1
	dlbctl --version
}

inside_image() {
	set -e
	local stage=$scratch/stage
	mkdir -p "$stage"
	mkdir -p /dlb-test/new /etc/dlb
	cp "$here/guest" "$here/oci" "$REPO/tools/testing/dlb/tests/lib.sh" \
		"$REPO/Documentation/misc-devices/dlb-admin.rst" /dlb-test/
	cp "$scratch"/new/dlb-tools_*.deb /dlb-test/new/
	grep dlb "$scratch/before" > /dlb-test/before
	cp "$here/dlb-test.service" /etc/systemd/system/
	cp "$here/pipeline.toml" /etc/dlb/
	printf '[domains.second]\n[domains.second.ldb_queues.q]\n[domains.second.ldb_ports.p]\nlinks = { q = 0 }\n' > /etc/dlb/second.toml
	systemctl enable dlb-test.service
	# Not all of the kernel's modules are on the disk.
	systemctl mask proc-sys-fs-binfmt_misc.automount systemd-binfmt.service
	rm -f /usr/sbin/policy-rc.d
	# The machine that builds is not the machine that runs: no compilers.
	tar --one-file-system -C / -cf - \
		--exclude="./${REPO#/}/*" --exclude="./${CACHE#/}/*" --exclude='./tmp/*' --exclude='./proc/*' \
		--exclude='./sys/*' --exclude='./dev/*' --exclude='./usr/src/linux*' --exclude='./usr/lib/rustlib' \
		--exclude='./usr/lib/llvm*' --exclude='./usr/lib/gcc*' --exclude='./usr/libexec/gcc*' \
		--exclude='./usr/lib/x86_64-linux-gnu/libLLVM*' --exclude='./usr/lib/x86_64-linux-gnu/libclang*' \
		--exclude='./usr/lib/x86_64-linux-gnu/librustc*' --exclude='./usr/lib/x86_64-linux-gnu/*.a' \
		--exclude='./usr/lib/x86_64-linux-gnu/dpdk' --exclude='./usr/lib/x86_64-linux-gnu/librte*' \
		--exclude='./usr/share/doc/*' --exclude='./usr/share/locale' --exclude='./usr/share/lintian' \
		--exclude='./usr/share/qemu*' --exclude='./usr/share/cargo' --exclude='./usr/include' \
		--exclude='./usr/share/doc-base' --exclude='./usr/share/man' --exclude='./usr/lib/python3*' \
		--exclude='./usr/lib/linux-kbuild*' --exclude='./usr/lib/udev/hwdb*' --exclude='./etc/udev/hwdb*' \
		--exclude='./var/lib/apt/lists/*' --exclude='./var/cache/apt/*' --exclude='./var/cache/dlb-dkms/*' . |
		tar -C "$stage" -xf -
	du -sm "$stage"
	truncate -s 1500M "$scratch/disk"
	mke2fs -q -t ext4 -O ^has_journal -d "$stage" "$scratch/disk"
	rm -rf "$stage"
}

# Upgrades to what was built with another version.
inside_upgrade() {
	set -e
	export DEBIAN_FRONTEND=noninteractive
	systemctl unmask proc-sys-fs-binfmt_misc.automount systemd-binfmt.service
	rm -f /etc/systemd/system/multi-user.target.wants/dlb-test.service /etc/systemd/system/dlb-test.service
	rm -rf /dlb-test /etc/dlb/*.toml
	apt-get -qy install "$scratch"/new/*.deb
	dkms status
	[ "$(dkms status -m dlb -k "$release" | grep -c installed)" = 1 ]
	[ "$(ls -d /usr/src/dlb-*)" = "/usr/src/dlb-$(dpkg-query -W -f '${Version}' dlb-dkms)" ]
	[ -e "/lib/modules/$release/updates/dkms/dlb.ko.xz" ]
}

inside_purge() {
	set -e
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qy purge dlb-dkms dlb-tools
	find / -xdev -not -path "$REPO/*" -not -path "$CACHE/*" -not -path '/tmp/*' -not -path '/proc/*' \
		-not -path '/sys/*' | LC_ALL=C sort > "$scratch/after"
	# dkms keeps its key, apt and dpkg their logs, and the group its number.
	comm -13 "$scratch/before" "$scratch/after" |
		grep -vE '^/var/(log|lib/(apt|dpkg|systemd|ucf|dkms/mok)|cache/(apt|man|debconf|ldconfig))|^/etc/(\.pwd\.lock|g?shadow-?|group-?|passwd-?)$|^/usr/share/man|^/root|^/work|^/run' > "$scratch/left" || true
	cat "$scratch/left"
	[ ! -s "$scratch/left" ]
}

if [ "${1:-}" = --inside ]; then
	rm -rf "$scratch"
	trap - EXIT
	scratch=$3
	"inside_$2"
	exit
fi

# --- on this machine ----------------------------------------------------------------

kept=$scratch
in_machine() { "$VM_DIR/layer" run "$machine" "$0" --inside "$1" "$kept"; }
clean_up() {
	as_root rm -rf --one-file-system "$machine" "$kept"
}
trap clean_up EXIT
as_root rm -rf --one-file-system "$machine"

build() {
	local new
	mkdir -p "$kept/debs" "$kept/new"
	cp "$("$VM_DIR/deb")"/*.deb "$kept/debs/" || return 1
	new=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$REPO/debian/changelog")+1
	cp "$("$VM_DIR/deb" "$new")"/*.deb "$kept/new/"
}

boot() {
	timeout 900 "$VM_DIR/run" --timeout 800 --no-module --no-programs --mem 1024 --disk "$kept/disk" \
		--append "systemd.getty_auto=0 systemd.show_status=0 systemd.firstboot=0 systemd.default_timeout_start_sec=600" \
		--add "$here/init:/init" -- true > "$kept/guest.ktap"
	local status=$?
	cat "$kept/guest.ktap"
	return $status
}

# Without packages, or a machine that has them, there is nothing to look at.
needed() {
	case_ "$@"
	[ "$bad" = 0 ] || end
}

needed "make deb, and lintian has no objections" build
needed "apt installs them, dkms builds the module" in_machine install
case_ "the module is signed, and found by its aliases" in_machine module
case_ "rules, unit, group, manual pages, completions" in_machine files
needed "a disk is made of the machine" in_machine image
case_ "it boots with systemd on the stock kernel, is used, upgraded, purged" boot
case_ "an upgrade builds the new module and leaves one" in_machine upgrade
case_ "purge leaves nothing" in_machine purge
end
