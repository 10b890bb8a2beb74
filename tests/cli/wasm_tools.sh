#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `doppel wasm`: validate, inspect, to text and to binary and back.
. "$(dirname "$0")/checks.bash"
cat >"$tmp/a.wat" <<'EOF'
(module
  (import "env" "f" (func $f (param i32) (result f64)))
  (import "env" "m" (memory 1 2))
  (table (export "t") 3 funcref)
  (global (export "g") (mut i64) (i64.const -1))
  (tag (export "e") (param i32))
  (func $add (export "add\n") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))
EOF
printf '(module (func (result i32)))' >"$tmp/bad.wat"
"$DOPPEL" wasm binary -o "$tmp/a.wasm" "$tmp/a.wat" || { echo "not ok text_to_binary"; exit 1; }

head_only() { # a reader that goes away is no failure to tell of
	for i in $(seq 20000); do echo "(func (nop) (nop))"; done >"$tmp/long.wat"
	"$DOPPEL" wasm wat "$tmp/long.wat" 2>"$tmp/err" | head -n 1 >/dev/null
	[ "${PIPESTATUS[0]}" = 141 ] && ! [ -s "$tmp/err" ] || { cat "$tmp/err"; return 1; }
}
check output_may_be_cut_short head_only
valid() { [ "$("$DOPPEL" wasm validate "$tmp/a.wasm" "$tmp/a.wat")" = "$tmp/a.wasm: valid
$tmp/a.wat: valid" ]; }
invalid() {
	"$DOPPEL" wasm validate "$tmp/a.wasm" "$tmp/bad.wat" "$tmp/a.wat" >"$tmp/out" 2>"$tmp/err"
	[ $? = 1 ] && [ "$(wc -l <"$tmp/out")" = 2 ] && grep -q 'bad.wat:1:27: type mismatch' "$tmp/err"
}
placed() { # PLACE TEXT: where the error of a module is, whatever it is
	printf "$2" >"$tmp/bad2.wat"
	"$DOPPEL" wasm validate "$tmp/bad2.wat" 2>"$tmp/err"
	grep "^doppel: $tmp/bad2.wat:$1: [^0-9]" "$tmp/err" || { cat "$tmp/err"; return 1; }
}
places() {
	placed 3:4 '(module (func (nop))\n (func (param i32) (result i32)\n  (i32.add (local.get 0)\n  (f32.const 1))))' &&
	placed 5:2 '(func\n i32.const 1\n if\n i64.const 2\n end) (func)' &&
	placed 2:19 '(func (result i32) (if (result i32) (i32.const 1)\n    (then (nop)) (else (i32.const 2))))' &&
	placed 2:14 '(func)\n (global i32 )\n (export "f" (func 0))' &&
	placed 3:2 '(func)\n (export "a" (func 0))\n (export "a" (func 0))' &&
	placed 2:2 '(type $a (struct))\n (type (sub $a (struct)))'
}
missing() {
	"$DOPPEL" wasm validate "$tmp/none" 2>"$tmp/err"
	[ $? = 125 ] && grep -q "$tmp/none: No such file" "$tmp/err"
}
inspected() {
	"$DOPPEL" wasm inspect "$tmp/a.wasm" >"$tmp/out" || return 1
	for line in 'func    "env" "f" (i32) -> (f64)' 'memory  "env" "m" 1 2' 'table   "t" 3 (ref null func)' \
		'global  "g" mut i64' 'tag     "e" (i32) -> ()' 'func    "add?" (i32, i32) -> (i32)'; do
		grep -qF "  $line" "$tmp/out" || { echo "no: $line"; cat "$tmp/out"; return 1; }
	done
}
objects() {
	"$DOPPEL" wasm inspect --json "$tmp/a.wasm" >"$tmp/out" || return 1
	grep -q '{"export":"add?","kind":"func","index":1,"type":"(i32, i32) -> (i32)"}' "$tmp/out" &&
		grep -q '{"section":"code","offset":[0-9]*,"size":[0-9]*,"count":1}' "$tmp/out"
}
around() { # text, binary, text, binary: the same binary
	"$DOPPEL" wasm wat -o "$tmp/b.wat" "$tmp/a.wasm" && "$DOPPEL" wasm binary -o "$tmp/b.wasm" "$tmp/b.wat" &&
		"$DOPPEL" wasm validate "$tmp/b.wasm" >/dev/null &&
		[ "$("$DOPPEL" wasm inspect "$tmp/a.wasm" | grep '^  [a-z]* *"')" = \
		  "$("$DOPPEL" wasm inspect "$tmp/b.wasm" | grep '^  [a-z]* *"')" ]
}
refused() { # WORD ARGUMENTS...
	local word=$1
	shift
	"$DOPPEL" wasm "$@" >"$tmp/out" 2>"$tmp/err"
	[ $? = 125 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && grep -qF "$word" "$tmp/err"
}
check validate_tells_of_each valid
check validate_finds_the_invalid_one invalid
check errors_in_text_have_a_line places
check validate_names_what_is_not_there missing
check inspect_lists_types inspected
if "$DOPPEL" features --json >/dev/null 2>&1; then check inspect_in_json objects; fi
check text_and_back around
check an_unknown_action_is_named refused "'frob'" frob x
check a_file_is_asked_for refused 'which file' inspect
check full_disk_is_an_error bash -c "! '$DOPPEL' wasm wat '$tmp/a.wasm' >/dev/full 2>/dev/null"
exit $bad
