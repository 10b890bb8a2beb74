#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The official scripts of WebAssembly 3.0 (core, custom, legacy exceptions):
# every assertion passes, and they are all there.
# limit: 300
set -u
scripts=$(dirname "$0")/../../../shared/conformance/wasm-3.0
if [ ! -d "$scripts/core" ]; then
	echo "skip official_scripts: because the folder shared/conformance/wasm-3.0 is not beside the project"
	exit 0
fi

check() { # NAME LEAST OPTION... FOLDER
	local name=$1 least=$2 out last passed
	shift 2
	out=$("$DOPPEL" wast "$@" 2>&1)
	last=$(tail -n 1 <<<"$out")
	passed=${last%% *}
	if [[ $last == *" passed, 0 failed, 0 skipped" ]] && [ "$passed" -ge "$least" ]; then
		echo "ok $name"
	else
		echo "not ok $name: $last: $(grep -m 1 -E ':[0-9]+: ' <<<"$out")"
	fi
}

check every_assertion_of_core_passes 65000 "$scripts/core"
check custom_sections_and_names 28 "$scripts/custom"
check legacy_exceptions 96 "$scripts/legacy"
check core_passes_while_every_allocation_collects 65000 --gc-stress "$scripts/core"
