#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The shared library has every function of the public headers, and no other
# name that a program could run into.
cd "$(dirname "$0")/../.." || exit 1
lib=$BUILD/libdoppel.so
[ -f "$lib" ] || { echo "no shared library in this build"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
printf '#include <doppel.h>\n' | ${CC:-gcc} -E -P -DWASM_API_EXTERN=PUBLIC_FUNCTION -Iinclude -x c - |
	tr '\n' ' ' | grep -o 'PUBLIC_FUNCTION [^;]*;' |
	grep -oE '\b(wasm|dp)_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u >"$tmp/declared"
# A callback's type is not a function.
nm -D --defined-only "$lib" | awk '{ print $3 }' | sort -u >"$tmp/exported"
[ "$(wc -l <"$tmp/declared")" -gt 300 ] || { echo "not ok declared: only $(wc -l <"$tmp/declared")"; exit 1; }
comm -23 "$tmp/declared" "$tmp/exported" >"$tmp/missing"
comm -13 "$tmp/declared" "$tmp/exported" | grep -v '^__\(asan\|ubsan\|tsan\|gcov\|sanitizer\)\|^_[ef][din]' >"$tmp/extra"
bad=0
for what in missing extra; do
	if [ -s "$tmp/$what" ]; then
		echo "not ok no_${what}_symbols: $(wc -l <"$tmp/$what"), first: $(head -n 1 "$tmp/$what")"
		bad=1
	else
		echo "ok no_${what}_symbols"
	fi
done
exit $bad
