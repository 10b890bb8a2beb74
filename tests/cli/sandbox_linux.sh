#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Stock Linux in the sandbox, as this user and, by root, as one without
# privileges: shares work, a run's own folder goes with it, threads have names.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
linux_paths
cp "$DOPPEL" "$tmp/doppel"
DOPPEL=$tmp/doppel
debian=$(dirname "$(dirname "$root")")
chmod 711 "$tmp"

# shellcheck disable=SC2016
script='cd /host; mkdir a b; echo 12345678 >a/f; mv a/f b/g; ln b/g a/h; truncate -s 4 a/h
[ "$(cat b/g)" = 1234 ] && [ "$(stat -c %h b/g)" = 2 ] && rm b/g && mv a b && rm b/a/h && rmdir b/a b &&
ln -s x l && mkfifo p && rm l p && echo all of it; cat /mnt/ro/file; touch /mnt/ro/new || echo refused
while [ ! -e seen ]; do sleep 0.2; done'

try() { # NAME USER_COMMAND...
	local name=$1 pid
	shift
	mkdir -p "$tmp/$name/host" "$tmp/$name/ro"
	echo fixed >"$tmp/$name/ro/file"
	printf '%s\n' "$script" >"$tmp/$name/host/script"
	[ "$name" = self ] || chown -R 65534:65534 "$tmp/$name"
	timeout 200 "$@" env XDG_CACHE_HOME="$tmp/$name/cache" "$DOPPEL" run linux --cpus 2 \
		--share "$tmp/$name/host:host" --share "$tmp/$name/ro:ro:ro" -- sh /host/script \
		</dev/null >"$tmp/$name.out" 2>&1 &
	pid=$!
	for _ in $(seq 600); do grep -q refused "$tmp/$name.out" && break; sleep 0.2; done
	cat /proc/"$(pgrep -P $pid)"/task/*/comm >"$tmp/$name.threads" 2>/dev/null
	: >"$tmp/$name/host/seen"
	wait $pid
	check "${name}_ends_well" test $? = 0
	check "${name}_can_do_everything_in_a_share" has "$tmp/$name.out" '^all of it'
	check "${name}_reads_a_read_only_share" has "$tmp/$name.out" '^fixed'
	check "${name}_cannot_write_it" test "$(ls "$tmp/$name/ro")" = file
	check "${name}_has_named_threads" has "$tmp/$name.threads" '^hart01$'
	check "${name}_leaves_no_folder_behind" test "$(ls -A "$tmp/$name/cache/doppel/run")" = lock
}
mkdir -p "$tmp/self/cache/doppel"
ln -s "$debian" "$tmp/self/cache/doppel/"
try self
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	mkdir -p "$tmp/nobody/cache/doppel"
	cp -r "$debian" "$tmp/nobody/cache/doppel/"
	try nobody setpriv --reuid 65534 --regid 65534 --clear-groups
else
	echo "skip nobody: because it needs root and setpriv"
fi
exit $bad
