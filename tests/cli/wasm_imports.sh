#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Imports of other modules and of nobody: --preload, --unknown-imports.
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0
check() { # NAME STATUS OUTPUT ERROR ARGUMENTS...: ERROR is a part of it
	local name=$1 want=$2 out=$3 err=$4 got
	shift 4
	timeout 20 "${DOPPEL:?}" run "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	got=$?
	if [ $got = "$want" ] && [ "$(cat "$tmp/out")" = "$out" ] &&
	   { [ -z "$err" ] || grep -qF -- "$err" "$tmp/err"; }; then
		echo "ok $name"
	else
		echo "not ok $name: exit status $got, not $want: $(head -n 3 "$tmp/out" "$tmp/err" | tr '\n' ' ')"
		bad=1
	fi
}
cat >"$tmp/counter.wat" <<'EOT'
(module
  (global $n (export "n") (mut i32) (i32.const 0))
  (memory (export "memory") 1)
  (table (export "table") 1 funcref)
  (tag (export "tag") (param i32))
  (func $next (export "next") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (global.get $n))
  (elem (i32.const 0) $next)
  (func (export "_initialize") (global.set $n (i32.const 40))))
EOT
cat >"$tmp/both.wat" <<'EOT'
(module
  (import "counter" "next" (func $next (result i32)))
  (func (export "twice") (result i32) (drop (call $next)) (call $next)))
EOT
cat >"$tmp/main.wat" <<'EOT'
(module
  (type $t (func (result i32)))
  (import "counter" "memory" (memory 1))
  (import "counter" "table" (table 1 funcref))
  (import "counter" "n" (global $n (mut i32)))
  (import "counter" "tag" (tag $tag (param i32)))
  (import "both" "twice" (func $twice (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (func (export "_start")
    (drop (call $twice))
    (drop (call_indirect (type $t) (i32.const 0)))
    (call $exit (global.get $n))))
EOT
echo '(module (func (export "twice") (result i64) (i64.const 1)))' >"$tmp/wrong.wat"
sed 's/40/50/' "$tmp/counter.wat" >"$tmp/counter2.wat"
both=(--preload counter="$tmp/counter.wat" --preload both="$tmp/both.wat")
check a_program_shares_all_kinds_of_things_with_its_libraries 43 '' '' "${both[@]}" "$tmp/main.wat"
check a_library_sees_those_before_it_only 125 '' 'both.wat: imports the function "counter" "next"' \
	--preload both="$tmp/both.wat" --preload counter="$tmp/counter.wat" "$tmp/main.wat"
check of_two_with_one_name_the_later_counts 125 '' 'incompatible import type' \
	"${both[@]}" --preload both="$tmp/wrong.wat" "$tmp/main.wat"
check a_missing_library_is_told 125 '' "$tmp/none.wasm" --preload x="$tmp/none.wasm" "$tmp/main.wat"
check a_library_has_a_name 125 '' "--preload '=x'" --preload =x "$tmp/main.wat"
check a_library_has_a_file 125 '' "--preload 'x='" --preload x= "$tmp/main.wat"

cat >"$tmp/count.wat" <<'EOT'
(module
  (import "counter" "next" (func $next (result i32)))
  (func (export "run") (result i32) (call $next))
  (func (export "_initialize")))
EOT
check a_librarys_state_is_saved 0 41 '' --preload counter="$tmp/counter.wat" --save "$tmp/state" --invoke run "$tmp/count.wat"
check a_librarys_state_is_loaded 0 42 '' --preload counter="$tmp/counter.wat" --load "$tmp/state" --invoke run "$tmp/count.wat"
check the_state_is_of_the_same_libraries 125 '' 'the state of another module' \
	--preload counter="$tmp/counter2.wat" --load "$tmp/state" --invoke run "$tmp/count.wat"

cat >"$tmp/bad.wat" <<'EOT'
(module (start $f) (func $f unreachable))
EOT
check a_trap_of_a_librarys_start_ends_it 134 '' 'trap: unreachable' --preload x="$tmp/bad.wat" --preload counter="$tmp/counter.wat" "$tmp/count.wat"

cat >"$tmp/unknown.wat" <<'EOT'
(module
  (import "env" "nobody" (func $nobody (param i64) (result f32)))
  (import "wasi_snapshot_preview1" "sock_frob" (func $frob))
  (func (export "none") (result i32) (i32.const 7))
  (func (export "one") (drop (call $nobody (i64.const 1))))
  (func (export "two") (call $frob)))
EOT
check an_unknown_import_is_an_error 125 '' '"env" "nobody", which is not of WASI preview 1 (--unknown-imports trap' \
	--invoke none "$tmp/unknown.wat"
check it_may_be_left_uncalled 0 7 '' --unknown-imports trap --invoke none "$tmp/unknown.wat"
check its_call_traps 134 '' 'trap: called the import "env" "nobody", which nobody provides' \
	--unknown-imports trap --invoke one "$tmp/unknown.wat"
check so_does_an_unknown_one_of_wasi 134 '' '"wasi_snapshot_preview1" "sock_frob"' \
	--unknown-imports trap --invoke two "$tmp/unknown.wat"
printf '(module (import "env" "n" (global i32)) (func (export "_start")))' >"$tmp/global.wat"
check only_functions_can_trap 125 '' 'imports the global "env" "n"' --unknown-imports trap "$tmp/global.wat"
check there_is_one_way 125 '' "--unknown-imports 'x': expected trap" --unknown-imports x "$tmp/global.wat"
exit $bad
