# SPDX-License-Identifier: Apache-2.0
# Shared by the tests of real programs.  Read by `.`, with the test's name set.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
[ -x "${DOPPEL:?}" ] || { echo "no $DOPPEL"; exit 1; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0

# fetch npm|debian ARGUMENTS...: $fetched, or the test ends as skipped.
fetch() {
	local how=$1 status
	shift
	fetched=$("scripts/$how-fetch" "$@")
	status=$?
	if [ $status = 77 ]; then
		echo "skip $name: because ${fetched##*$'\n'}"
		exit 0
	fi
	[ $status = 0 ] || { echo "not ok $name: could not get $1"; exit 1; }
}

# shows NAME STATUS OUTPUT COMMAND...: it ends so and writes that.
shows() {
	local what=$1 want=$2 text=$3 got
	shift 3
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	got=$?
	if [ $got = "$want" ] && [ "$(cat "$tmp/out")" = "$text" ]; then
		echo "ok $what"
	else
		echo "not ok $what: exit status $got, not $want: $(diff <(echo "$text") "$tmp/out" | head -n 4 | tr '\n' ' ')$(tail -n 3 "$tmp/err" | tr '\n' ' ')"
		bad=1
	fi
}
# says NAME TEXT: the last command's standard error has it.
says() {
	if grep -qF -- "$2" "$tmp/err"; then echo "ok $1"; else
		echo "not ok $1: $(tail -n 3 "$tmp/err" | tr '\n' ' ')"
		bad=1
	fi
}

# compile OUTPUT ARGUMENTS...: C for WASI, with what unix.h gives.
wasi=tests/programs/wasi
compile() {
	local out=$1
	shift
	if ! nice -n 5 clang --target=wasm32-wasi -O1 -w -I$wasi -include $wasi/unix.h \
		-D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_GETPID \
		-D_WASI_EMULATED_MMAN -o "$out" "$@" 2>"$tmp/log"; then
		echo "not ok $name: does not compile: $(grep -m 1 error "$tmp/log")"
		exit 1
	fi
}
emulated=(-lwasi-emulated-signal -lwasi-emulated-process-clocks -lwasi-emulated-getpid
	-lwasi-emulated-mman)
compiler() {
	[ -e /usr/lib/wasm32-wasi/libc.a ] && command -v clang >/dev/null && return
	echo "skip $name: because there is no clang with wasi-libc"
	exit 0
}
