#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# House rules that a machine can check: see each verdict's name.
. "$(dirname "$0")/files.sh"
files 'src/*.c' 'src/*.h' 'src/*.def' 'include/*.h' 'tests/*.c' 'tests/*.h' 'fuzz/*.c' \
	'bench/*.c' | sort -u >"$tmp/c"
files 'tests/*.sh' 'tests/run' 'scripts/*' 'bench/*' '.ci/*' 'Makefile' | grep -v '\.c$' |
	sort -u >"$tmp/sh"
[ -s "$tmp/c" ] || { echo "not ok style: no sources found"; exit 1; }

while IFS= read -r f; do
	head -n 2 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$f"
done < <(cat "$tmp/c" "$tmp/sh") >"$tmp/spdx"
verdict each_file_has_its_spdx_line "$tmp/spdx"

# A path of somebody's machine in the tree breaks on every other one.
{ xargs -d '\n' grep -nE '"/(home|work|root)/|/home/[a-z]+/|(^|[^a-z.])/[w]ork/' <"$tmp/c"
  xargs -d '\n' grep -nE '/home/[a-z]+/|(^|[^a-z.])/[w]ork/' <"$tmp/sh"; } |
	grep -v '^tests/house/' >"$tmp/paths"
verdict no_paths_of_one_machine "$tmp/paths"

# Calls that cannot be made safe, or that go around base/alloc.h.
banned='strcpy|strcat|sprintf|vsprintf|gets|strtok|atol|system|popen|tmpnam|mktemp|alloca'
grep '^src/' "$tmp/c" | xargs -d '\n' grep -nHE "(^|[^a-zA-Z0-9_>.\"])($banned)\(" |
	grep -vE '^[^:]*:[0-9]+:[[:space:]]*(\*|/\*|//)' >"$tmp/banned"
verdict no_banned_functions "$tmp/banned"

heap='malloc|calloc|realloc|strdup|strndup|asprintf'
grep '^src/' "$tmp/c" | grep -v '^src/base/alloc' |
	xargs -d '\n' grep -nHE "(^|[^a-zA-Z0-9_>.\"])($heap)\(" |
	grep -vE '^[^:]*:[0-9]+:[[:space:]]*(\*|/\*|//)' >"$tmp/heap"
verdict the_heap_has_one_door "$tmp/heap"

# Tables are exempt; so are the tests of one row after the other.
grep -E '^src/.*\.[ch]$' "$tmp/c" | while IFS= read -r f; do
	n=$(wc -l <"$f")
	[ "$n" -le 800 ] || echo "$f: $n lines"
done >"$tmp/long"
verdict files_are_one_idea_long "$tmp/long"

xargs -d '\n' grep -nE '[[:space:]]+$' <"$tmp/c" | cut -c 1-120 >"$tmp/space"
verdict no_trailing_space "$tmp/space"

grep -E '^src/.*\.c$' "$tmp/c" | while IFS= read -r f; do
	h=${f%.c}.h
	[ -f "$h" ] || continue
	first=$(grep -m 1 -E '^#include' "$f")
	[ "$first" = "#include \"${h#src/}\"" ] || echo "$f: includes $first first"
done >"$tmp/own"
verdict own_header_comes_first "$tmp/own"
exit $bad
