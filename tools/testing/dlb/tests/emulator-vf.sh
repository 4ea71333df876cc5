#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The virtual functions of the emulated device as PCI shows them, without our driver: vfio-pci
# makes them.
#
# dlb-vm: --no-module --iommu

. "${0%/*}/lib.sh"

pf=
for d in /sys/bus/pci/devices/*; do
	case $(cat "$d/vendor")$(cat "$d/device") in
	0x80860x2710 | 0x80860x2714) pf=$d ;;
	esac
done

take() {
	# Where it is built in, there is nothing to load, and modprobe has no parameters to set.
	modprobe vfio-pci
	echo 1 > /sys/module/vfio_pci/parameters/enable_sriov || return 1
	echo vfio-pci > "$pf/driver_override"
	echo "${pf##*/}" > /sys/bus/pci/drivers_probe
	[ -e "$pf/driver" ] || return 1
	echo 0 > "$pf/sriov_drivers_autoprobe"
}

make_all() {
	[ "$(cat "$pf/sriov_totalvfs")" = 16 ] || return 1
	echo 16 > "$pf/sriov_numvfs" || return 1
	[ "$(ls -d "$pf"/virtfn* | wc -l)" = 16 ]
}

# word VF OFFSET: 16 bits of configuration space, in hex
word() { hexdump -s "$2" -n 2 -e '1/2 "%04x"' "$1/config"; }

# The base address of BAR 0, in hex
bar0() { head -n 1 "$1/resource" | cut -d' ' -f1; }

each_is_right() {
	pf_id=$(cat "$pf/device")
	for vf in "$pf"/virtfn*; do
		[ "$(cat "$vf/vendor")" = 0x8086 ] || return 1
		[ "$(cat "$vf/device")" = "$(printf '0x%04x' $((pf_id + 1)))" ] || return 1
		[ "$(cat "$vf/class")" = 0x0b4000 ] || return 1
		read -r first last _ < "$vf/resource"
		[ $((last - first + 1)) = $((64 << 20)) ] || return 1
		# MSI at 0xb0 and able to do 32 messages; MSI-X would mean another kind of VF.
		[ "$(word "$vf" 0xb0 | cut -c3-4)" = 05 ] || return 1
		[ $((0x$(word "$vf" 0xb2) >> 1 & 7)) = 5 ] || return 1
		! lspci -vv -s "$(basename "$(readlink "$vf")")" | grep -q MSI-X || return 1
		[ "$(cat "$vf/reset_method")" = flr ] || return 1
	done
}

groups_differ() {
	[ "$(for f in "$pf" "$pf"/virtfn*; do readlink "$f/iommu_group"; done | sort -u | wc -l)" = 17 ]
}

# Writes through the BAR of one VF end in its own mailbox memory and nobody else's.
mailboxes_are_apart() {
	echo 1 > "/sys/bus/pci/devices/${pf##*/}/enable" 2> /dev/null
	for n in 0 7 15; do
		b=$(bar0 "$pf/virtfn$n")
		devmem "$(printf '0x%x' $((b + 0x1004)))" 32 $((0x1000 + n)) || return 1
	done
	setpci -s "${pf##*/}" COMMAND=6
	for n in 0 7 15; do
		b=$(bar0 "$pf/virtfn$n")
		[ "$(devmem "$(printf '0x%x' $((b + 0x1004)))" 32)" = "$(printf '0x%08X' $((0x1000 + n)))" ] || return 1
		p=$(bar0 "$pf")
		[ "$(devmem "$(printf '0x%x' $((p + 0x1004 + n * 0x10000)))" 32)" = "$(printf '0x%08X' $((0x1000 + n)))" ] || return 1
	done
}

# The reset of a VF is announced to the PF, and to nobody else.
reset_is_announced() {
	p=$(bar0 "$pf")
	setpci -s "${pf##*/}" COMMAND=6
	echo 1 > "$pf/virtfn7/reset" || return 1
	[ "$(devmem "$(printf '0x%x' $((p + 0x1f04)))" 32)" = 0x00000080 ]
}

# The PF maps the BARs of its VFs. A VF has no say in it, so nothing that happens to one, be it a
# reset, changes the memory map.
pf_maps_memory() {
	vf=$(basename "$(readlink "$pf/virtfn3")")
	at=$(printf '0x%x' $(($(bar0 "$pf/virtfn3") + 0x1004)))
	setpci -s "$vf" COMMAND=7 || return 1
	[ "$(setpci -s "$vf" COMMAND)" = 0004 ] || return 1
	setpci -s "$vf" COMMAND=0
	devmem "$at" 32 0x1003
	[ "$(devmem "$at" 32)" = 0x00001003 ] || return 1
	setpci -s "${pf##*/}" ECAP_SRIOV+8.w=0:8 || return 1
	[ "$(devmem "$at" 32)" = 0x00000000 ] || return 1
	setpci -s "${pf##*/}" ECAP_SRIOV+8.w=8:8 || return 1
	[ "$(devmem "$at" 32)" = 0x00001003 ] || return 1
	# By hand, because the kernel would put back what the reset clears. The device answers, as it
	# does for a function that waits for the PF.
	setpci -s "$vf" CAP_EXP+8.w=8000:8000 || return 1
	[ "$(devmem "$at" 32)" = 0xFFFFFFFF ]
}

remove_and_make_again() {
	for n in 1 16 3; do
		echo 0 > "$pf/sriov_numvfs" || return 1
		[ "$(ls -d "$pf"/virtfn* 2> /dev/null | wc -l)" = 0 ] || return 1
		echo $n > "$pf/sriov_numvfs" || return 1
		[ "$(ls -d "$pf"/virtfn* | wc -l)" = $n ] || return 1
	done
	echo 0 > "$pf/sriov_numvfs"
}

pf_reset_with_vfs() {
	echo 4 > "$pf/sriov_numvfs" || return 1
	echo 1 > "$pf/reset" || return 1
	[ "$(ls -d "$pf"/virtfn* | wc -l)" = 4 ] || return 1
	[ "$(word "$pf/virtfn3" 0xb0 | cut -c3-4)" = 05 ] || return 1
	echo 0 > "$pf/sriov_numvfs"
}

ktap_begin
ktap_case "vfio-pci takes the PF" take
ktap_case "16 VFs appear" make_all
ktap_case "each VF is what it should be" each_is_right
ktap_case "each function has an IOMMU group of its own" groups_differ
ktap_case "mailboxes are apart" mailboxes_are_apart
ktap_case "the reset of a VF is announced" reset_is_announced
ktap_case "the PF maps the memory of VFs" pf_maps_memory
ktap_case "VFs go and come again" remove_and_make_again
ktap_case "the PF is reset with VFs" pf_reset_with_vfs
ktap_case "clean kernel log" log_is_clean
ktap_end
