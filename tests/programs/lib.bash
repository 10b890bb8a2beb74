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
	timeout 120 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
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
