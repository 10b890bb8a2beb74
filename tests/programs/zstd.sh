#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The zstd program, compiled here: what it packs, it and a native one unpack.
name=zstd
. "$(dirname "$0")/lib.bash"
compiler
fetch debian libzstd
s=$fetched
compile "$tmp/zstd.wasm" -I"$s/lib" -I"$s/lib/common" -DZSTD_DISABLE_ASM -DZSTD_LEGACY_SUPPORT=0 "$s"/programs/*.c \
	"$s"/lib/{common,compress,decompress,dictBuilder}/*.c "${emulated[@]}"
mkdir "$tmp/d"
cat "$s"/lib/*/*.c >"$tmp/d/in"
run=("$DOPPEL" run --dir "$tmp/d:/d" "$tmp/zstd.wasm" -q -f)

for level in -1 -9 --fast=3; do
	n=${level##*[-=]}
	shows zstd_packs_at_$n 0 '' "${run[@]}" $level /d/in -o /d/$n.zst
	shows zstd_unpacks_what_it_packed_at_$n 0 '' "${run[@]}" -d /d/$n.zst -o /d/out
	shows it_is_the_same_after_$n 0 '' cmp "$tmp/d/in" "$tmp/d/out"
done
shows zstd_packs_better_at_9 0 '' test $(stat -c %s "$tmp/d/9.zst") -lt $(stat -c %s "$tmp/d/1.zst")
if command -v zstd >/dev/null; then
	shows a_native_one_unpacks_it 0 '' zstd -q -d -f "$tmp/d/9.zst" -o "$tmp/d/out"
	shows it_is_the_same_from_the_native_one 0 '' cmp "$tmp/d/in" "$tmp/d/out"
	zstd -q -f -19 "$tmp/d/in" -o "$tmp/d/native.zst"
	shows zstd_unpacks_what_a_native_one_packed 0 '' "${run[@]}" -d /d/native.zst -o /d/out
	shows it_is_the_same_as_what_the_native_one_packed 0 '' cmp "$tmp/d/in" "$tmp/d/out"
fi
"${run[@]}" -c -3 <"$tmp/d/in" >"$tmp/d/stream.zst"
shows zstd_unpacks_a_stream 0 "$(sha256sum <"$tmp/d/in")" sh -c "'$DOPPEL' run '$tmp/zstd.wasm' -q -d -c <'$tmp/d/stream.zst' | sha256sum"
head -c 100000 "$tmp/d/9.zst" >"$tmp/d/cut.zst"
shows zstd_refuses_what_is_cut 1 '' "${run[@]}" -d /d/cut.zst -o /d/out
# It compares what it unpacked with the input.
shows zstd_benchmark 1 '' sh -c "'$DOPPEL' run --dir '$tmp/d:/d' '$tmp/zstd.wasm' -b1 -e2 -i0 -B64K /d/in | grep -i error"
exit $bad
