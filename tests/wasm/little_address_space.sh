#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Under ulimit -v memories have no guard and everything reserves less: programs
# run all the same, and accesses are checked.
set -u
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

if nm "$DOPPEL" 2>/dev/null | grep -q '__[at]san_init'; then
	echo "skip a_program_runs_in_little_address_space: because sanitizers need the address space"
	exit 0
fi
cat >"$tmp/p.wat" <<'WAT'
(module (import "wasi_snapshot_preview1" "fd_write"
  (func $write (param i32 i32 i32 i32) (result i32)))
 (memory (export "memory") 1)
 (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
 (func (export "_start")
  (i32.store (i32.const 65532) (i32.const 1))
  (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))
  (drop (i32.load offset=4294967295 (i32.const -1)))))
WAT
for kib in 1000000 300000 100000; do
	out=$(ulimit -v $kib; "$DOPPEL" run --no-sandbox "$tmp/p.wat" 2>&1)
	if [[ $out == "hello"*"out of bounds memory access"* ]]; then
		echo "ok a_program_runs_in_${kib}_kib_of_address_space"
	else
		echo "not ok a_program_runs_in_${kib}_kib_of_address_space: $out"
	fi
done
# Nothing works without any: one line, and not a crash.
out=$(ulimit -v 12000; "$DOPPEL" run --no-sandbox "$tmp/p.wat" 2>&1)
status=$?
if [ $status -gt 0 ] && [ $status -lt 128 ]; then
	echo "ok too_little_address_space_is_said"
else
	echo "not ok too_little_address_space_is_said: status $status: $out"
fi
