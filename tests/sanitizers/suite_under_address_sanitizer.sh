#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The C tests again, built with the address and undefined sanitizers.  Left
# out: the one that only compares arithmetic with another emulator.
# limit: 1500
set -u
cd "$(dirname "$0")/../.." || exit 1
out=${BUILD:-build}/asan-check
log=$(mktemp)
trap 'rm -f "$log"' EXIT
make -s -j"$(nproc)" MODE=asan O="$out" tests >"$log" 2>&1 || {
	tail -n 20 "$log"
	exit 1
}
for t in "$out"/tests/*/*; do
	[ -x "$t" ] && [ -f "$t" ] || continue
	name=${t#"$out"/tests/}
	case $name in
	*.o | *.d | riscv/differential | system/linux_snapshots) continue ;;
	esac
	if timeout 300 "$t" >"$log" 2>&1 </dev/null; then
		echo "ok asan_${name/\//_}"
	else
		echo "not ok asan_${name/\//_}: exit $?: $(grep -m1 -E '^not ok|ERROR|runtime error' "$log")"
	fi
done
