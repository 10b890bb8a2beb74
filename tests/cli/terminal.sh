#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The terminal: raw, one escape key, put back on every way out.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
have python3
bare_echo "$tmp/echo"
python3 tests/cli/terminal.py "$DOPPEL" "$tmp/echo"
