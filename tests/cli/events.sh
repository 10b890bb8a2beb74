#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# --json: one object on each line of standard output, the console elsewhere.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
have python3
bare_echo "$tmp/echo"
"$DOPPEL" features | grep -q '^json *yes' || skip "built without json-c"

run() { # INPUT OPTIONS...: status in $status
	local input=$1
	shift
	printf '%s' "$input" | timeout 30 "$DOPPEL" run --json "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
}
field() { # LINE EXPRESSION
	python3 - "$tmp/out" "$1" "$2" <<'P'
import json, sys
o = [json.loads(l) for l in open(sys.argv[1])][int(sys.argv[2])]
assert eval(sys.argv[3], {"o": o}), o
P
}
run abcQ --name box "$tmp/echo"
check "two_events" test "$(wc -l <"$tmp/out")" = 2
check "it_started" field 0 'o["event"] == "started" and o["name"] == "box" and o["cpus"] == 1'
check "it_was_powered_off" field 1 'o["event"] == "exited" and o["reason"] == "poweroff" and o["code"] == 0'
check "figures_are_given" field 1 'o["instructions"] > 10 and o["seconds"] >= 0 and o["peak_memory"] > 100000'
check "the_console_is_on_standard_error" has "$tmp/err" abc
run F "$tmp/echo"
check "a_failure_has_its_code" field 1 'o["reason"] == "fail" and o["code"] == 7'
check "and_its_exit_status" test "$status" = 7
run R --no-reboot "$tmp/echo"
check "a_reset_ends_it_with_no_reboot" field 1 'o["reason"] == "reset" and o["code"] == 0'
run RQ "$tmp/echo"
check "a_reset_starts_again" has "$tmp/err" ready
run "" --deterministic --stop-at 1000 "$tmp/echo"
check "a_limit_is_exact" field 1 'o["reason"] == "limit" and o["instructions"] == 1000 and o["code"] == 0'

# Two deterministic runs, and one that was saved and restored between.
"$DOPPEL" run --json --deterministic --stop-at 50000 --snapshot-at 20000:"$tmp/snap" \
	"$tmp/echo" >"$tmp/out" 2>"$tmp/err" </dev/null
check "a_machine_is_saved" field 1 'o["event"] == "saved" and o["instructions"] == 20000'
check "and_goes_on" field 2 'o["reason"] == "limit" and o["instructions"] == 50000'
"$DOPPEL" restore --json --stop-at 50000 "$tmp/snap" >"$tmp/out" 2>"$tmp/err" </dev/null
check "a_saved_machine_is_restored" field 1 'o["reason"] == "limit" and o["instructions"] == 50000'
head -c 100 "$tmp/snap" >"$tmp/cut"
check "a_cut_snapshot_is_refused" bash -c "! '$DOPPEL' restore '$tmp/cut' 2>'$tmp/err' </dev/null && [ \$(wc -l <'$tmp/err') = 1 ]"
exit $bad
