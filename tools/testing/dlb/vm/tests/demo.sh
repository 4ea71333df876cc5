#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The demo, which checks itself and fails loudly.

# shellcheck source-path=SCRIPTDIR source=lib
. "$(dirname "$0")/lib"

if [ -f "$REPO/samples/dlb/pipeline.sh" ]; then
	case_ "make demo" "$VM_DIR/demo"
else
	skip "make demo" "this checkout has no samples/dlb/pipeline.sh"
fi
end
