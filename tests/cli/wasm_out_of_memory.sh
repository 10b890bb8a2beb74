#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each allocation of a run fails once: a line that says so, never a crash.
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cat >"$tmp/a.wat" <<'EOF'
(module $m
  (type $s (struct (field i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table 2 funcref) (elem (i32.const 0) $id)
  (global $g (ref $s) (struct.new $s (i32.const 1)))
  (tag $t (param i32))
  (data (i32.const 0) "\10\00\00\00\03\00\00\00")
  (data (i32.const 16) "hi\n")
  (func $id (param i32) (result i32)
    (block $b (result i32 i32) (i32.const 1) (local.get 0)) (drop))
  (func $catch (result i32)
    (block $h (result i32)
      (try_table (result i32) (catch $t $h) (if (result i32) (i32.const 1)
        (then (throw $t (i32.const 7))) (else (i32.const 2))))))
  (func (export "_start")
    (drop (call $catch))
    (drop (call_indirect (param i32) (result i32) (struct.get $s 0 (global.get $g)) (i32.const 0)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
EOF
"$DOPPEL" wasm binary --output "$tmp/a.wasm" "$tmp/a.wat" || { echo "not ok text_to_binary: $?"; exit 1; }
bad=0
each() { # NAME ARGUMENTS...
	local name=$1 n good=0 status
	shift
	for ((n = 1; n < 2000 && good < 20; n++)); do
		DP_FAIL=alloc:$n timeout 20 "$DOPPEL" run --no-sandbox "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
		status=$?
		good=$((status ? 0 : good + 1))
		if [ $status != 0 ] && [ $status != 134 ] && ! { [ $status = 125 ] && [ "$(wc -l <"$tmp/err")" = 1 ]; }; then
			echo "not ok $name: allocation $n: status $status: $(head -c 300 "$tmp/err" | tr '\n' ' ')"
			bad=1
			return
		fi
	done
	echo "ok $name"
}
each a_binary_module "$tmp/a.wasm"
each a_text "$tmp/a.wat"
each with_a_folder_and_a_virtual_clock --dir "$tmp" --deterministic --fuel 1000000 "$tmp/a.wasm"
each saved_at_the_end --save "$tmp/state" "$tmp/a.wasm"
"$DOPPEL" run --save "$tmp/state" "$tmp/a.wasm" >/dev/null 2>&1
each loaded --load "$tmp/state" "$tmp/a.wasm"
exit $bad
