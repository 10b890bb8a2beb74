#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make install` installs is enough to build every example by pkg-config,
# with the shared and with the static library; each prints what it says it does.
cd "$(dirname "$0")/../.." || exit 1
command -v pkg-config >/dev/null || { echo "no pkg-config"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cc=${CC:-gcc}
grep -q -- '-fsanitize\|--coverage' "$BUILD/flags" && { echo "the library of this build needs its runtime"; exit 77; }
make -s O="$BUILD" DESTDIR="$tmp" PREFIX=/opt/doppel install || exit 1
export PKG_CONFIG_PATH=$tmp/opt/doppel/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$tmp
flags=$(pkg-config --cflags doppel) shared=$(pkg-config --libs doppel)
static=$(pkg-config --libs --static doppel | sed 's/-ldoppel/-l:libdoppel.a/')

try() { # NAME LIBRARIES...
	local name=$1
	shift
	"$cc" -Wall -Wextra -Werror $flags -o "$tmp/program" "examples/$name.c" "$@" || return 1
	sed -n '/^\/\* Output:$/,/^\*\/$/p' "examples/$name.c" | sed '1d;$d' >"$tmp/expected"
	(cd "$tmp" && LD_LIBRARY_PATH=$tmp/opt/doppel/lib timeout 20 ./program >out 2>err) ||
		{ echo "exit $?: $(head -n 1 "$tmp/err")"; return 1; }
	cmp -s "$tmp/out" "$tmp/expected" || { diff "$tmp/expected" "$tmp/out" | head -n 3; return 1; }
}
bad=0
for e in examples/*.c; do
	name=$(basename "$e" .c)
	for how in shared static; do
		[ $how = shared ] && libs=$shared || libs=$static
		if why=$(try "$name" $libs 2>&1); then
			echo "ok ${name}_$how"
		else
			echo "not ok ${name}_$how: $(echo "$why" | tr '\n' ' ')"
			bad=1
		fi
	done
done
# The headers are C++ too, and strict about it.
if command -v c++ >/dev/null; then
	printf '#include <doppel.h>\nint main() { wasm_val_t v = WASM_I32_VAL(1); return v.of.i32 - 1; }\n' >"$tmp/x.cc"
	if c++ -std=c++20 -Wall -Wextra -Wpedantic -Werror $flags -o "$tmp/x" "$tmp/x.cc" $shared 2>"$tmp/err"; then
		echo "ok headers_are_c++"
	else
		echo "not ok headers_are_c++: $(head -n 1 "$tmp/err")"
		bad=1
	fi
else
	echo "skip headers_are_c++: because there is no C++ compiler"
fi
exit $bad
