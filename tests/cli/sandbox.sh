#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the process has given up while the guest runs, as the kernel tells it.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
bare_echo "$tmp/echo"

start() { # OPTIONS...: pid in $pid
	mkfifo "$tmp/in" 2>/dev/null
	"$DOPPEL" run "$@" "$tmp/echo" <"$tmp/in" >"$tmp/out" 2>&1 7</dev/null &
	pid=$!
	exec 9>"$tmp/in"
	for _ in $(seq 200); do grep -q ready "$tmp/out" && return; sleep 0.1; done
	echo "not ok start: $(cat "$tmp/out")"
	exit 1
}
stop() { printf Q >&9; exec 9>&-; wait "$pid"; }
every_thread() { # FIELD VALUE_PATTERN
	local t
	for t in /proc/"$pid"/task/*; do
		grep -qE "^$1:[[:space:]]*$2\$" "$t/status" ||
			{ echo "$t: $(grep "^$1:" "$t/status")"; return 1; }
	done
}
start --cpus 2 --share "$tmp:a"
check "every_thread_has_no_new_privileges" every_thread NoNewPrivs 1
if "$DOPPEL" features | grep -q '^seccomp *yes'; then
	check "every_thread_is_filtered" every_thread Seccomp 2
else
	echo "skip every_thread_is_filtered: because it was built without libseccomp"
fi
# CHOWN, DAC_OVERRIDE, FOWNER, FSETID at most: 1b
check "capabilities_are_those_of_a_file_owner" every_thread CapEff '0000000000000(000|01b)'
check "nothing_can_be_raised_again" every_thread CapPrm '0000000000000(000|01b)'
check "the_callers_descriptors_are_closed" bash -c "! readlink /proc/$pid/fd/* | grep -x /dev/null"
stop
start
check "without_a_share_no_capability_is_left" every_thread CapEff 0000000000000000
stop
start --no-sandbox
check "no_sandbox_turns_it_off" every_thread Seccomp 0
stop
exit $bad
