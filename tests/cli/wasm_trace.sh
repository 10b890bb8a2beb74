#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# --trace call: what is called with what, and what comes of it.
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0
cat >"$tmp/a.wat" <<'EOF'
(module $math
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (tag $t (param i32))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $two (param f32 f64 v128) (result f64 f32 v128) (local.get 1) (local.get 0) (local.get 2))
  (func $const (result f32) (f32.const 1.5))
  (func $mul (param f64) (result f64) (f64.mul (local.get 0) (f64.const 2)))
  (func $br_if (param i32) (result i32) (br_if 0 (i32.const 7) (local.get 0)) (drop) (i32.const 9))
  (func $null (param externref) (drop (call $yield)))
  (func $throws (param i32) (throw $t (local.get 0)))
  (func $deep (param i32) (call $throws (local.get 0)))
  (func $catches (result i32)
    (block $b (result i32) (try_table (catch $t $b) (call $deep (i32.const 3))) (i32.const 0)))
  (func $tail (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 42))))
    (return_call $tail (i32.sub (local.get 0) (i32.const 1))))
  (func $all (export "all") (result f64 f32 v128)
    (drop (call $const)) (drop (call $mul (f64.const 0.25)))
    (drop (call $br_if (i32.const 0))) (drop (call $br_if (i32.const 1)))
    (call $null (ref.null extern)) (drop (call $catches)) (drop (call $tail (i32.const 2)))
    (call $two (f32.const 1.25) (f64.const -2.5) (v128.const i32x4 1 2 3 4)))
  (func $"in\1bner" (param i64) (unreachable))
  (func (export "bad") (call $"in\1bner" (i64.const -5))))
EOF
traced() { # NAME ARGUMENTS... <EXPECTED
	local name=$1
	shift
	timeout 20 "$DOPPEL" run --trace call --invoke "$@" 2>&1 >/dev/null | grep '^call: ' >"$tmp/out"
	if diff - "$tmp/out" >"$tmp/diff"; then echo "ok $name"; else
		echo "not ok $name: $(tr '\n' ' ' <"$tmp/diff" | head -c 300)"
		bad=1
	fi
}
traced calls_in_calls fib "$tmp/a.wat" 3 <<'EOF'
call: math!fib(3)
call:   math!fib(2)
call:     math!fib(1) = 1
call:     math!fib(0) = 0
call:   math!fib = 1
call:   math!fib(1) = 1
call: math!fib = 2
EOF
traced every_kind_of_value_and_return all "$tmp/a.wat" <<'EOF'
call: math!all()
call:   math!const() = 1.5
call:   math!mul(0.25) = 0.5
call:   math!br_if(0) = 9
call:   math!br_if(1) = 7
call:   math!null(null)
call:   math!null returns
call:   math!catches()
call:     math!deep(3)
call:       math!throws(3)
call:   math!catches = 3
call:   math!tail(2)
call:   math!tail(1)
call:   math!tail(0) = 42
call:   math!two(1.25, -2.5, 0x00000004000000030000000200000001) = -2.5, 1.25, 0x00000004000000030000000200000001
call: math!all = -2.5, 1.25, 0x00000004000000030000000200000001
EOF
traced a_trap_and_no_control_characters bad "$tmp/a.wat" <<'EOF'
call: math!func[13]()
call:   math!in?ner(-5) traps: unreachable
EOF
same() {
	[ "$("$DOPPEL" run --deterministic --fuel 10000 --trace call --invoke all "$tmp/a.wat" 2>/dev/null)" = \
	  "$("$DOPPEL" run --invoke all "$tmp/a.wat")" ]
}
if same; then echo "ok results_are_the_same"; else echo "not ok results_are_the_same: they differ"; bad=1; fi
printf '(module (type $s (struct (field i64 i64))) (func (export "f") (local i32)
  (loop $l (drop (struct.new_default $s)) (local.set 0 (i32.add (local.get 0) (i32.const 1)))
  (br_if $l (i32.lt_u (local.get 0) (i32.const 3000000))))))' >"$tmp/gc.wat"
if timeout 20 "$DOPPEL" run --trace gc --invoke f "$tmp/gc.wat" 2>&1 | grep -q '^gc: minor'; then
	echo "ok collections"
else
	echo "not ok collections: none was told"
	bad=1
fi
exit $bad
