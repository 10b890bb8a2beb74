#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 400
# The cache of the stock kernel: killed at any moment it is empty or whole;
# the next run cleans up; it says nothing in a pipe; without a mirror there is
# one line.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
have apt-get
linux_paths
export TMPDIR=$tmp/work XDG_CACHE_HOME=$tmp/cache
mkdir "$tmp/work" "$tmp/cache"
chmod 755 "$tmp" "$tmp/work"

whole_or_empty() { # a "current" that is there leads to a kernel and a root
	local c
	for c in "$tmp"/cache/doppel/*/current; do
		[ -L "$c" ] || continue
		[ -s "$c/kernel" ] && [ -x "$c/root/usr/bin/busybox" ] && [ -s "$c/root/etc/inittab" ] ||
			{ echo "half-made: $(readlink "$c")"; return 1; }
	done
}
for delay in 1 4; do
	"$DOPPEL" fetch linux >/dev/null 2>&1 &
	sleep $delay
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	check "killed_after_${delay}_s_the_cache_is_empty_or_whole" whole_or_empty
done
"$DOPPEL" fetch linux >"$tmp/out" 2>"$tmp/err"
status=$?
check "the_next_one_succeeds" test $status = 0
check "it_is_silent_in_a_pipe" test ! -s "$tmp/err"
check "the_cache_is_whole" whole_or_empty
check "nothing_half_made_is_left" bash -c "! ls -d '$tmp'/cache/doppel/*/tmp.* 2>/dev/null"
check "it_equals_another_fetch" diff -rq --no-dereference "$(sed -n 's/^root //p' "$tmp/out")" "$root"
check "a_kernel_that_apt_verified" cmp "$(sed -n 's/^kernel //p' "$tmp/out")" "$kernel"

# No mirror: apt is told of no sources.
mkdir "$tmp/empty"
cat >"$tmp/apt.conf" <<C
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$tmp/empty";
C
APT_CONFIG=$tmp/apt.conf XDG_CACHE_HOME=$tmp/none "$DOPPEL" fetch linux >"$tmp/out" 2>"$tmp/err"
status=$?
check "without_a_mirror_it_fails" test $status = 125
check "without_a_mirror_there_is_one_line" test "$(wc -l <"$tmp/err")" = 1
check "and_it_says_why" has "$tmp/err" 'no Debian mirror'
PATH=$tmp/empty XDG_CACHE_HOME=$tmp/none "$DOPPEL" fetch linux >"$tmp/out" 2>"$tmp/err"
check "without_apt_it_says_so" has "$tmp/err" 'needs a Debian host'
XDG_CACHE_HOME='' HOME='' "$DOPPEL" fetch linux >"$tmp/out" 2>"$tmp/err"
check "without_a_home_it_says_so" has "$tmp/err" 'HOME'
exit $bad
