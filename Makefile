# SPDX-License-Identifier: GPL-2.0
#
# Everything is reached from here; `make help` says what there is. The kernel
# build reads Kbuild, not this file.

VM := tools/testing/dlb/vm

# For scripts that are started from here and from the kernel's build
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help

help:
	@echo 'The DLB driver: what can be made'
	@echo
	@echo '  make demo          events through an emulated device, from nothing to a table'
	@echo '  make demo-vf       the same through a virtual function, in a guest of the guest'
	@echo '  make test          all tests: host programs, guests, scripts  (T=word: only those)'
	@echo '  make test-debug    guest tests on a kernel with KASAN, lockdep and kmemleak'
	@echo '  make host-test     only what needs no guest'
	@echo '  make vm            a shell in the guest, with the module loaded  (VM_ARGS="--iommu ...")'
	@echo '  make modules       dlb.ko for the running kernel'
	@echo '  make modules KDIR=PATH   dlb.ko for any prepared, Rust-enabled kernel tree'
	@echo '  make deb           Debian packages: module (DKMS) and tools, in build/deb'
	@echo '  make peers         unmodified software of others on the emulated device'
	@echo '  make bench         measure'
	@echo '  make lint          rustfmt, clippy, W=1, checkpatch, shellcheck'
	@echo
	@echo '  make setup         only fetch and build what the above need (then they work offline)'
	@echo '  make update        look for a newer kernel and QEMU in the Debian archive'
	@echo '  make clean         remove what was built here'
	@echo '  make distclean     remove the cache as well'
	@echo
	@echo 'What is slow to make is kept in $${XDG_CACHE_HOME:-~/.cache}/dlb. Needed: Debian 12'
	@echo 'or 13, root or sudo, about 12 GB of disk, and network the first time.'

demo:
	@$(VM)/demo

demo-vf:
	@$(VM)/demo-vf

test:
	@$(VM)/test $(T)

test-debug:
	@$(VM)/test --debug $(T)

host-test:
	@$(VM)/test --host $(T)

vm:
	@$(VM)/run --interactive --load --mem 1024 $(VM_ARGS)

modules:
	@$(VM)/modules $(if $(KDIR),'KDIR=$(KDIR)') $(foreach v,CC LLVM W C CLIPPY V,$(if $($(v)),$(if $(filter command% environment%,$(origin $(v))),'$(v)=$($(v))')))

deb:
	@$(VM)/deb

peers:
	@$(VM)/test --peers $(T)

bench:
	@$(VM)/bench $(T)

lint:
	@$(VM)/lint

setup:
	@$(VM)/setup

update:
	@DLB_UPDATE=1 $(VM)/setup

clean:
	@$(VM)/clean

distclean:
	@$(VM)/clean --cache

.PHONY: help demo demo-vf test test-debug host-test vm modules deb peers bench lint setup update clean distclean
