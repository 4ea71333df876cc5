#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The device's DMA behind an IOMMU: translated, and confined to what it was given.
#
# dlb-vm: --iommu --append iomem=relaxed

. "${0%/*}/lib.sh"

dlb_ready
exec dlb-guest iommu
