#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a program, its name or its caller could do to `doppel run` itself.
. "$(dirname "$0")/checks.bash"
run() { timeout 20 "$DOPPEL" run "$@"; }

cat >"$tmp/closed.wat" <<'EOF'
(module
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")   ;; 8 (EBADF) for each
    (call $exit (i32.add (i32.add (call $stat (i32.const 0) (i32.const 0))
                                  (call $stat (i32.const 1) (i32.const 0)))
                         (call $stat (i32.const 2) (i32.const 0))))))
EOF
closed() {
	run "$@" "$tmp/closed.wat" <&- >&- 2>&-
	[ $? = 24 ]
}
check closed_streams_stay_closed closed
check whatever_is_opened_for_a_deadline closed --deadline 10s
check and_for_folders closed --dir "$tmp"

cat >"$tmp/random.wat" <<'EOF'
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 65536)
  (func (export "_start") (drop (call $random (i32.const 0) (i32.const -1)))))
EOF
late() {
	local start=$SECONDS
	run --deadline 200ms "$tmp/random.wat" 2>/dev/null
	[ $? = 124 ] && [ $((SECONDS - start)) -lt 3 ]
}
check a_long_call_sees_the_deadline late

printf '(module (func $"a\\c2\\9b31mX\\1b[31mY" (export "_start") unreachable))' >"$tmp/trap.wat"
no_controls() {
	run "$tmp/trap.wat" 2>"$tmp/err"
	grep -q 'a??31mX?' "$tmp/err" || { od -c "$tmp/err"; return 1; }
}
check names_do_not_steer_the_terminal no_controls
mkdir -p "$tmp/dir"
printf '(module (func (export "_start")))' >"$tmp/dir/"$'h\xff\xc3\xa9\x1b[1m.wat'
if "$DOPPEL" features --json >/dev/null 2>&1; then
	events() {
		run --json "$tmp/dir/"$'h\xff\xc3\xa9\x1b[1m.wat' >"$tmp/out" || return 1
		iconv -f UTF-8 -t UTF-8 "$tmp/out" >/dev/null && ! grep -q $'\x1b' "$tmp/out"
	}
	check events_are_utf_8_whatever_the_name events
	lost() { run --json "$tmp/dir/"*.wat >/dev/full; [ $? = 125 ]; }
	check events_that_cannot_be_written lost
	printf '(module (func (export "_start") (loop $l (br $l))))' >"$tmp/spin.wat"
	usr1() {
		local pid
		"$DOPPEL" run --json "$tmp/spin.wat" >"$tmp/out" &
		pid=$!
		for i in $(seq 100); do
			grep -q started "$tmp/out" && break
			sleep 0.05
		done
		sleep 0.2
		kill -USR1 $pid
		wait $pid
		[ $? = 138 ] && grep -q '"reason":"stopped"' "$tmp/out"
	}
	check any_signal_ends_it usr1
fi
refused() { # WORD ARGUMENTS...
	local word=$1
	shift
	run "$@" 2>"$tmp/err"
	[ $? = 125 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && grep -qF -- "$word" "$tmp/err" ||
		{ cat "$tmp/err"; return 1; }
}
check an_option_without_its_value refused '--fuel needs a value' --fuel
check options_without_a_program refused 'run what?' --fuel 10

cat >"$tmp/once.wat" <<'EOF'
(module
  (global $n (mut i32) (i32.const 0))
  (func (export "_initialize") (if (global.get $n) (then unreachable)) (global.set $n (i32.const 1))))
EOF
check initialize_runs_once run --invoke _initialize "$tmp/once.wat"
mkdir "$tmp/empty"
check a_folder_only_to_be_read run --dir "$tmp/empty:/:ro" --invoke _initialize "$tmp/once.wat"
exit $bad
