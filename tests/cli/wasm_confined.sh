#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A running program's process has given up what it does not need: capabilities,
# new privileges, most system calls, descriptors of its caller.
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d) || exit 1
pid=
trap '[ -n "$pid" ] && kill -9 $pid 2>/dev/null; rm -rf "$tmp"' EXIT
[ -r /proc/self/status ] || { echo "no /proc"; exit 77; }
printf '(module (func (export "spin") (loop $a (br $a))))' >"$tmp/spin.wat"
exec 9<"$tmp/spin.wat"
start() {
	timeout 20 "$DOPPEL" run "$@" --invoke spin "$tmp/spin.wat" </dev/null >/dev/null 2>&1 &
	wrapper=$!
	for i in $(seq 100); do
		pid=$(pgrep -P $wrapper) && grep -q '^State:.R' /proc/$pid/status 2>/dev/null && break
		sleep 0.05
	done
	sleep 0.2
}
stop() {
	kill -9 "$pid"
	wait $wrapper 2>/dev/null
	pid=
}
bad=0
is() { # NAME FIELD VALUE
	local got
	got=$(sed -n "s/^$2:[[:space:]]*//p" "/proc/$pid/status")
	if [ "$got" = "$3" ]; then echo "ok $1"; else echo "not ok $1: $2 is $got, not $3"; bad=1; fi
}
start
is no_new_privileges NoNewPrivs 1
is no_capability CapEff 0000000000000000
grep -q '^Seccomp:' /proc/self/status && is a_system_call_filter Seccomp 2
n=$(ls "/proc/$pid/fd" | wc -l)
[ "$n" -le 3 ] && echo "ok no_stray_descriptors" || { echo "not ok no_stray_descriptors: $(ls -l "/proc/$pid/fd" | tail -n 1)"; bad=1; }
n=$(ls "/proc/$pid/task" | wc -l)
[ "$n" = 1 ] && echo "ok one_thread" || { echo "not ok one_thread: $n"; bad=1; }
stop
start --no-sandbox
is without_the_sandbox_none Seccomp "$(sed -n 's/^Seccomp:[[:space:]]*//p' /proc/self/status)"
stop
exit $bad
