#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A program ends when main returns, or any thread exits, whoever waits for ever.
# limit: 60
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
program() { # WHAT THE THREAD DOES, WHAT MAIN DOES
	cat <<W
(module
  (import "env" "memory" (memory 1 1 shared))
  (import "wasi" "thread-spawn" (func \$spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func \$exit (param i32)))
  (export "memory" (memory 0))
  (func \$wait (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))
  (func (export "wasi_thread_start") (param i32 i32)
    (i32.atomic.store (i32.const 4) (i32.const 1))
    (drop (memory.atomic.notify (i32.const 4) (i32.const 1)))
    $1)
  (func (export "_start")
    (if (i32.le_s (call \$spawn (i32.const 0)) (i32.const 0)) (then unreachable))
    (drop (memory.atomic.wait32 (i32.const 4) (i32.const 0) (i64.const -1)))
    $2))
W
}
check() { # NAME STATUS THREAD MAIN
	program "$3" "$4" >"$tmp/p.wat"
	timeout 20 "$DOPPEL" run "$tmp/p.wat" 2>"$tmp/err"
	local rc=$?
	[ $rc = "$2" ] && echo "ok $1" || echo "not ok $1: exit $rc, not $2: $(cat "$tmp/err")"
}
check main_exits_while_a_thread_waits 7 '(call $wait)' '(call $exit (i32.const 7))'
check main_returns_while_a_thread_waits 0 '(call $wait)' '(nop)'
check a_thread_exits_while_main_waits 9 '(call $exit (i32.const 9))' '(call $wait)'
