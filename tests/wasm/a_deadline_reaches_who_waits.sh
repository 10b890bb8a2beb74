#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A program that waits at its memory for ever ends at its deadline.
# limit: 30
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cat >"$tmp/wait.wat" <<'W'
(module
  (memory (export "memory") 1 1 shared)
  (func (export "_start")
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))
W
timeout 10 "$DOPPEL" run --deadline 200ms "$tmp/wait.wat" 2>"$tmp/err"
rc=$?
if [ $rc = 0 ] || ! grep -q "deadline reached" "$tmp/err"; then
	echo "not ok a_deadline_reaches_who_waits: exit $rc, $(cat "$tmp/err")"
	exit 1
fi
echo "ok a_deadline_reaches_who_waits"
