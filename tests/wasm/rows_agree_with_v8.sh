#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every numeric row, with operands in every place, gives what V8 gives.
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v node >/dev/null || { echo "skip rows_agree_with_v8: because there is no node"; exit 0; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
check() { # SEED MODE OPTION...
	local seed=$1 mode=$2 why
	shift 2
	if ! "$DOPPEL" run "$@" "$tmp/rows.wasm" >"$tmp/doppel.out" 2>"$tmp/err"; then
		echo "not ok rows_agree_with_v8: seed $seed: $(tail -n 1 "$tmp/err")"
		exit 1
	fi
	if ! why=$(node tests/wasm/rows_agree_with_v8.mjs $mode $seed "$tmp"); then
		echo "not ok rows_agree_with_v8: seed $seed $*: $why"
		exit 1
	fi
}
for seed in 1 2; do
	node tests/wasm/rows_agree_with_v8.mjs make $seed "$tmp" || exit 1
	check $seed compare
	check $seed canonical --deterministic
done
echo "ok rows_agree_with_v8"
