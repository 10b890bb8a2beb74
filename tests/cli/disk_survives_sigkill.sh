#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 600
# What a guest has synced is on the disk when Doppel is killed at any moment:
# the file system recovers, is clean, and every synced file is whole.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
have mke2fs e2fsck debugfs
linux_paths

cat >"$tmp/host/write" <<'S'
modprobe virtio_blk; modprobe crc32c_generic; modprobe ext4
mkdir -p /mnt/d
mount -t ext4 /dev/vda /mnt/d || exit 1
n=0
while :; do
	n=$((n+1))
	yes "line of file $n" | head -n $((n * 37 % 5000 + 1)) >/mnt/d/f$n
	sync
	echo "synced $n"
done
S
try() { # NAME DISK_OPTIONS: kill after 10 or so synced files
	mkfifo "$tmp/end.$1"
	"$DOPPEL" run linux --net none --share "$tmp/host:host" --disk "$tmp/$1$2" \
		-- sh /host/write <"$tmp/end.$1" >"$tmp/$1.out" 2>&1 &
	local pid=$!
	exec 8>"$tmp/end.$1"
	for _ in $(seq 2000); do
		grep -q '^synced 1[0-9]' "$tmp/$1.out" && break
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
	kill -9 $pid
	wait $pid 2>/dev/null
	exec 8>&-
	synced=$(tr -d '\r' <"$tmp/$1.out" | sed -n 's/^synced //p' | tail -n 1)
}
whole() { # IMAGE: every synced file has its lines
	local n want
	[ "${synced:-0}" -ge 10 ] || { echo "only ${synced:-0} files were synced"; return 1; }
	for n in $(seq "$synced"); do
		want=$(yes "line of file $n" | head -n $((n * 37 % 5000 + 1)) | md5sum)
		[ "$(debugfs -R "cat /f$n" "$1" 2>/dev/null | md5sum)" = "$want" ] ||
			{ echo "file $n of $synced is not whole"; return 1; }
	done
}
# 0: nothing to do, 1: the journal was replayed; anything else is damage.
recovers() { e2fsck -p "$1" || [ $? = 1 ]; }

mke2fs -q -F -t ext4 "$tmp/raw" 128M >/dev/null 2>&1
try raw ""
check "raw_the_journal_is_replayed" recovers "$tmp/raw"
check "raw_the_file_system_is_clean" e2fsck -fn "$tmp/raw"
check "raw_every_synced_file_is_whole" whole "$tmp/raw"

if command -v qemu-img >/dev/null; then
	mke2fs -q -F -t ext4 "$tmp/plain" 128M >/dev/null 2>&1
	qemu-img convert -O qcow2 "$tmp/plain" "$tmp/q.qcow2"
	try q.qcow2 ""
	# Leaked clusters are no damage; errors are.
	qemu-img check "$tmp/q.qcow2" >"$tmp/qcheck" 2>&1
	status=$?
	check "qcow2_is_not_corrupt" test $status = 0 -o $status = 3
	qemu-img convert -O raw "$tmp/q.qcow2" "$tmp/q.raw"
	check "qcow2_the_journal_is_replayed" recovers "$tmp/q.raw"
	check "qcow2_the_file_system_is_clean" e2fsck -fn "$tmp/q.raw"
	check "qcow2_every_synced_file_is_whole" whole "$tmp/q.raw"
else
	echo "skip qcow2: because qemu-img is not installed"
fi
exit $bad
