#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Backtraces name the source lines of a program compiled with -g.
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cc=
for c in clang clang-14; do
	command -v $c >/dev/null && echo 'int f;' | $c --target=wasm32 -c -x c - -o "$tmp/t.o" 2>/dev/null && cc=$c && break
done
[ -n "$cc" ] && { command -v wasm-ld >/dev/null || command -v wasm-ld-14 >/dev/null; } ||
	{ echo "there is no clang and lld for WebAssembly"; exit 77; }
cat >"$tmp/sum.c" <<'EOF'
__attribute__((noinline)) int divide(int a, int b)
{
	return a / b;           /* line 3 */
}

__attribute__((export_name("mean"))) int mean(int sum, int n)
{
	int m;

	m = divide(sum, n);     /* line 10 */
	return m + 1;
}
EOF
bad=0
cd "$tmp" || exit 1
for version in 4 5; do
	# Two steps: the compiler's driver runs an optimizer after linking with -O.
	$cc --target=wasm32 -O1 -gdwarf-$version -c -o sum.o sum.c &&
		$cc --target=wasm32 -nostdlib -Wl,--no-entry -o "dwarf$version.wasm" sum.o ||
		{ echo "cannot compile for WebAssembly"; exit 77; }
	timeout 20 "$DOPPEL" run --invoke mean "dwarf$version.wasm" 1 0 2>err
	if [ $? = 134 ] && grep -q '#0 0x[0-9a-f]* .*divide.*sum.c:3)' err &&
	   grep -q '#1 0x[0-9a-f]* .*mean.*sum.c:1[0-1])' err; then
		echo "ok lines_from_dwarf_$version"
	else
		echo "not ok lines_from_dwarf_$version: $(tr '\n' ' ' <err)"
		bad=1
	fi
done
exit $bad
