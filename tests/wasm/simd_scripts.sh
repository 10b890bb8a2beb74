#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Vectors as values of the language.
# limit: 60
cd "$(dirname "$0")/../.." || exit 1
if ! out=$("$DOPPEL" wast tests/wasm/simd.wast 2>&1); then
	echo "not ok simd_scripts: $(head -n 1 <<<"$out")"
	exit 1
fi
echo "ok simd_scripts"
