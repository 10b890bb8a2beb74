#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The build is found where it should be and says what it lacks.
. "$(dirname "$0")/files.sh"
"$DOPPEL" version >"$tmp/version" 2>&1 && grep -qx 'doppel [0-9.]*' "$tmp/version" && : >"$tmp/v" ||
	cp "$tmp/version" "$tmp/v"
verdict version_is_one_line "$tmp/v"
# Every optional library of the Makefile is known to `doppel features`,
# unless no command uses it yet.
"$DOPPEL" features >"$tmp/features"
for l in fdt slirp zlib lzma zstd archive json seccomp; do
	grep -q "^$l " "$tmp/features" || echo "$l is not in doppel features"
done >"$tmp/missing"
verdict features_name_each_library "$tmp/missing"
# scripts/deps is silent when nothing is missing.
if command -v dpkg-query >/dev/null && dpkg-query -W libfdt-dev libslirp-dev >/dev/null 2>&1; then
	scripts/deps build >"$tmp/deps" 2>&1
	verdict deps_are_silent_when_all_is_there "$tmp/deps"
else
	echo "skip deps_are_silent_when_all_is_there: because the packages are not installed"
fi
scripts/deps nonsense >"$tmp/out" 2>&1 && echo "scripts/deps nonsense succeeded" >"$tmp/bad"
[ "$(wc -l <"$tmp/out")" = 1 ] || echo "scripts/deps nonsense: not one line" >>"$tmp/bad"
: >>"$tmp/bad"
verdict deps_reject_an_unknown_set "$tmp/bad"
exit $bad
