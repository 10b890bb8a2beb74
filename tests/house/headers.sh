#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each header compiles on its own, with and without the optional libraries.
. "$(dirname "$0")/files.sh"
cc=${CC:-gcc}
command -v "$cc" >/dev/null || { echo "no C compiler"; exit 77; }
files 'src/*.h' 'include/*.h' | sort -u >"$tmp/headers"
[ -s "$tmp/headers" ] || { echo "not ok headers: none found"; exit 1; }
while IFS= read -r h; do
	# A header that is made to be included in the middle of another file
	# says so in its first lines.
	head -n 12 "$h" | grep -q 'not self-contained' && continue
	printf '#include "%s"\n' "${h#*/}" |
		"$cc" -std=gnu11 -Wall -Wextra -Wno-unused -D_GNU_SOURCE -DDP_VERSION='"0"' \
			-Isrc -Iinclude -x c -fsyntax-only - 2>"$tmp/err" ||
		echo "$h: $(grep -m 1 error "$tmp/err")"
done <"$tmp/headers" >"$tmp/bad"
verdict headers_are_self_contained "$tmp/bad"
exit $bad
