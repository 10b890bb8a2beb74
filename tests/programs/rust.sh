#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A Rust program, compiled here, and the same natively: they say the same.
name=rust
. "$(dirname "$0")/lib.bash"
# Debian's has the target; the first in PATH may be another.
for rustc in /usr/bin/rustc rustc none; do
	[ -d "$($rustc --print sysroot 2>/dev/null)/lib/rustlib/wasm32-wasi/lib" ] && break
done
[ $rustc != none ] || { echo "skip $name: because there is no rustc for wasm32-wasi"; exit 0; }
build() { # OUTPUT OPTIONS...
	nice -n 5 $rustc --edition 2021 -O -o "$@" tests/programs/rust.rs 2>"$tmp/log" && return
	echo "not ok $name: does not compile: $(grep -m 1 error "$tmp/log")"
	exit 1
}
build "$tmp/rust.wasm" --target wasm32-wasi
build "$tmp/native"
mkdir "$tmp/d" "$tmp/e"
run=("$DOPPEL" run --dir "$tmp/d:/d" "$tmp/rust.wasm")
printf 'x = 2 * (3 + 4)\nx / 4 - 1\n1 / 0\ny\n(1\n2 $ 3\n)' >"$tmp/in"

shows rust_calculator 0 '14
2.5
error: division by zero
error: unknown variable y
error: unexpected end
2
error: unexpected '"')' at 0" sh -c "'$DOPPEL' run '$tmp/rust.wasm' calculate <'$tmp/in'"
shows rust_collections 0 "$("$tmp/native" collections)" "${run[@]}" collections
shows rust_files 0 "$("$tmp/native" files "$tmp/e")" "${run[@]}" files /d
shows rust_works_long 0 "$("$tmp/native" work)" "${run[@]}" work
shows rust_exit_status 7 '' "${run[@]}"
shows rust_panic 134 '' "${run[@]}" panic
says rust_panic_has_its_message "panicked at 'index out of bounds: the len is 3 but the index is 7'"
says rust_panic_has_lines_of_source 'library/core/src/panicking.rs:'
exit $bad
