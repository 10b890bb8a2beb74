#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `doppel run PROGRAM.wasm`: what a program gets, how it ends, what limits it.
. "$(dirname "$0")/checks.bash"
run() { timeout 20 "$DOPPEL" run "$@" </dev/null; }

cat >"$tmp/hello.wat" <<'EOF'
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "hello\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 6))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $env (i32.const 8) (i32.const 12)))
    ;; arguments + 16 * variables
    (call $exit (i32.add (i32.load (i32.const 0))
                         (i32.mul (i32.const 16) (i32.load (i32.const 8)))))))
EOF
cat >"$tmp/lib.wat" <<'EOF'
(module $lib
  (memory (export "memory") 1 100)
  (global $count (mut i32) (i32.const 0))
  (func (export "next") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.get $count))
  (func (export "swap") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
  (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2)))
  (func (export "single") (param f32) (result f32) (local.get 0))
  (func (export "vector") (param v128) (result v128) (i32x4.add (local.get 0) (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func $inner (unreachable))
  (func $outer (export "bad") (call $inner))
  (func $deep (export "deep") (call $deep))
  (func (export "spin") (loop $again (br $again))))
EOF
"$DOPPEL" wasm binary --output "$tmp/hello.wasm" "$tmp/hello.wat" || { echo "not ok text_to_binary"; exit 1; }

status() { # STATUS EXPECTED_OUTPUT ARGUMENTS...
	local want=$1 text=$2 got
	shift 2
	run "$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	[ $got = "$want" ] || { cat "$tmp/err"; echo "exit status $got, not $want"; return 1; }
	printf -- "$text" | cmp - "$tmp/out"
}
check a_text_module_runs status 1 'hello\n' "$tmp/hello.wat"
check a_binary_module_runs status 1 'hello\n' "$tmp/hello.wasm"
check arguments_behind_the_file_are_the_programs status 4 'hello\n' "$tmp/hello.wasm" --fuel --help x
check no_variable_by_default env SECRET=1 timeout 20 bash -c "'$DOPPEL' run '$tmp/hello.wasm' >/dev/null; [ \$? = 1 ]"
check variables_that_are_given status 33 'hello\n' --env A=1 --env B=2 "$tmp/hello.wasm"
check without_the_sandbox_too status 1 'hello\n' --no-sandbox "$tmp/hello.wasm"
check two_results status 0 '7\n-5\n' --invoke swap "$tmp/lib.wat" -5 7
check floats_are_printed_in_full status 0 '0.05\n' --invoke half "$tmp/lib.wat" 0.1
check single_floats status 0 '0.1\n' --invoke single "$tmp/lib.wat" 0.1
check vectors status 0 '0x00000008000000060000000400000002\n' --invoke vector "$tmp/lib.wat" 0x00000004000000030000000200000001
check memory_limit status 0 '-1\n' --max-memory 1M --invoke grow "$tmp/lib.wat" 50
check memory_without_limit status 0 '1\n' --invoke grow "$tmp/lib.wat" 50

trapped() { # WORD ARGUMENTS...
	local word=$1
	shift
	status 134 '' "$@" || return 1
	grep -q "$word" "$tmp/err" || { cat "$tmp/err"; return 1; }
}
check a_trap_has_its_message trapped 'trap: unreachable' --invoke bad "$tmp/lib.wat"
check a_trap_has_a_backtrace bash -c "grep -q '#0 0x[0-9a-f]* .*inner' '$tmp/err' && grep -q '#1 0x[0-9a-f]* .*outer' '$tmp/err'"
check the_stack_ends trapped 'call stack exhausted' --invoke deep "$tmp/lib.wat"
check a_small_stack_ends_too trapped 'call stack exhausted' --stack-size 64K --invoke deep "$tmp/lib.wat"
check fuel_ends_it trapped 'all fuel consumed' --fuel 100000 --invoke spin "$tmp/lib.wat"
check deadline_ends_it status 124 '' --deadline 100ms --invoke spin "$tmp/lib.wat"

failed() { # WORD ARGUMENTS...: one line
	local word=$1
	shift
	status 125 '' "$@" || return 1
	[ "$(wc -l <"$tmp/err")" = 1 ] && grep -qF -- "$word" "$tmp/err" || { cat "$tmp/err"; return 1; }
}
printf '\0asm\1\0\0\0\1\4\1\x60\0\7' >"$tmp/cut.wasm"
printf '(module (func (result i32) (i64.const 1)))' >"$tmp/invalid.wat"
printf '(module (func $x (export "_start") (call $y)))' >"$tmp/unknown.wat"
printf '(module (import "env" "print" (func)) (func (export "_start")))' >"$tmp/import.wat"
check one_line_for_a_cut_module failed "$tmp/cut.wasm: offset 0x" "$tmp/cut.wasm"
check one_line_for_an_invalid_module failed 'type mismatch' "$tmp/invalid.wat"
check one_line_for_bad_text failed "$tmp/unknown.wat:1:" "$tmp/unknown.wat"
check one_line_for_an_unknown_import failed '"env" "print"' "$tmp/import.wat"
check one_line_for_a_missing_folder failed "$tmp/none" --dir "$tmp/none" "$tmp/hello.wasm"
check one_line_for_no_such_function failed 'no function "frob"' --invoke frob "$tmp/lib.wat"
check one_line_for_a_bad_argument failed "'x' is no i32" --invoke grow "$tmp/lib.wat" x
check one_line_for_too_few_arguments failed 'takes 1 arguments, 0 given' --invoke grow "$tmp/lib.wat"
check one_line_for_a_bad_time failed "--deadline 'soon'" --deadline soon "$tmp/lib.wat"
check one_line_for_a_bad_address failed "--listen 'x:1'" --listen x:1 "$tmp/hello.wasm"
check seed_needs_deterministic failed '--seed needs --deterministic' --seed 1 "$tmp/hello.wasm"

cat >"$tmp/threads.wat" <<'EOF'
(module
  (import "env" "memory" (memory 1 1 shared))
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (func (export "wasi_thread_start") (param i32 i32)
    (i32.atomic.store (i32.const 0) (local.get 1))
    (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
  (func (export "_start")
    (if (i32.lt_s (call $spawn (i32.const 42)) (i32.const 0)) (then (call $exit (i32.const 9))))
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
    (call $exit (i32.atomic.load (i32.const 0)))))
EOF
cat >"$tmp/host.wat" <<'EOF'
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "random") (result i64)
    (drop (call $random (i32.const 0) (i32.const 8))) (i64.load (i32.const 0)))
  (func (export "read") (result i32)
    (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 8))
    (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))))
EOF
check a_program_with_threads status 42 '' "$tmp/threads.wat"
check threads_can_be_refused failed 'starts threads' --threads 0 "$tmp/threads.wat"
random() { run "$@" --invoke random "$tmp/host.wat"; }
check two_deterministic_runs_are_the_same [ "$(random --deterministic)" = "$(random --deterministic)" ]
check seeds_are_different [ "$(random --deterministic --seed 7)" != "$(random --deterministic)" ]
check real_runs_are_different [ "$(random)" != "$(random)" ]
blocked() { # at its deadline in a read
	sleep 5 | timeout 4 "$DOPPEL" run --deadline 100ms --invoke read "$tmp/host.wat" 2>/dev/null
	[ ${PIPESTATUS[1]} = 124 ]
}
check a_deadline_ends_a_read blocked

events() {
	run --json --name it --invoke swap "$tmp/lib.wat" 1 2 >"$tmp/out" || return 1
	head -n 1 "$tmp/out" | grep -q '"event":"started","name":"it","kind":"process","pid":[0-9]' &&
		tail -n 1 "$tmp/out" | grep -q '"event":"exited","name":"it","reason":"exit","code":0,"results":"2\\n1\\n"' ||
		{ cat "$tmp/out"; return 1; }
}
signaled() { # it takes the event of its end with it
	local pid
	"$DOPPEL" run --json --invoke spin "$tmp/lib.wat" >"$tmp/out" 2>/dev/null </dev/null &
	pid=$!
	for i in $(seq 100); do [ -s "$tmp/out" ] && break; sleep 0.05; done
	sleep 0.1
	kill -TERM $pid
	wait $pid
	[ $? = 143 ] && grep -q '"reason":"stopped","code":143' "$tmp/out" || { cat "$tmp/out"; return 1; }
}
saved() {
	[ "$(run --save "$tmp/state" --invoke next "$tmp/lib.wat")" = 1 ] &&
		[ "$(run --load "$tmp/state" --save "$tmp/state" --invoke next "$tmp/lib.wat")" = 2 ] &&
		[ "$(run --load "$tmp/state" --invoke next "$tmp/lib.wat")" = 3 ] || return 1
	failed 'another module' --load "$tmp/state" "$tmp/hello.wasm"
}
if "$DOPPEL" features --json >/dev/null 2>&1; then
	check events_are_json events
	check a_signal_ends_it_with_an_event signaled
else
	echo "skip events_are_json: because this build has no json-c"
fi
check state_is_saved_and_loaded saved

# What people type first.
printf '\0asm\15\0\1\0' >"$tmp/component.wasm"
mkdir -p "$tmp/folder"
deep() { # a recursion without end is a few lines
	status 134 '' --invoke deep "$tmp/lib.wat" || return 1
	[ "$(wc -l <"$tmp/err")" -le 4 ] && grep -q 'and more like it' "$tmp/err" ||
		{ cat "$tmp/err"; return 1; }
}
check a_component_is_told_of failed 'a component' "$tmp/component.wasm"
check a_missing_file_with_arguments failed 'missing.wasm: No such file' "$tmp/missing.wasm" an argument
check a_machines_option failed "'--cpus': an option of machines" --cpus 2 "$tmp/hello.wasm"
check a_programs_option failed "'--dir': an option of WebAssembly programs" --dir . linux
check an_option_without_its_value failed '--dir needs a value' --dir
check a_folder_for_writing status 1 'hello\n' --dir "$tmp/folder:/x:rw" "$tmp/hello.wasm"
check a_folder_as_others_write_it status 1 'hello\n' --dir "$tmp/folder::/x" "$tmp/hello.wasm"
check an_endless_recursion_is_short deep
check help_lists_its_options bash -c "'$DOPPEL' run --help | grep -q -- '--max-memory SIZE'"
exit $bad
