#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Atomic instructions, and threads that share a memory.
# limit: 60
cd "$(dirname "$0")/../.." || exit 1
for i in 1 2 3; do # races differ
	if ! out=$("$DOPPEL" wast --features threads tests/wasm/threads.wast 2>&1); then
		echo "not ok threads_scripts: $(head -n 1 <<<"$out")"
		exit 1
	fi
done
echo "ok threads_scripts"
