#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The documentation, as far as that goes without a guest.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

in_root python3 "$REPO/tools/testing/dlb/docs-check"
