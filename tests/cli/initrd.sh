#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 600
# The stock kernel boots with an initrd from an ext4 disk (raw and qcow2, on
# PCI and on MMIO).
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
have cpio gzip mke2fs e2fsck
linux_paths

modules=(virtio_mmio virtio_blk crc16 mbcache jbd2 crc32c_generic ext4)
make_initrd "$tmp/initrd" 'echo initrd is up
mount -t ext4 /dev/vda /newroot || { echo no root; poweroff -f; }
exec switch_root /newroot /sbin/start' "${modules[@]}" || { echo "not ok initrd: cannot be made"; exit 1; }
mkdir -p "$tmp/root"/{usr/bin,dev,proc,sys,sbin,bin}
cp "$root/usr/bin/busybox" "$tmp/root/bin/busybox"
cat >"$tmp/root/sbin/start" <<'S'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox grep ' / ' /proc/mounts
echo "root is up, runs: $(/bin/busybox cat /count 2>/dev/null)"
echo again >>/count
/bin/busybox sync
/bin/busybox poweroff -f
S
sed -i '1s|.*|#!/bin/busybox sh|' "$tmp/root/sbin/start"
chmod +x "$tmp/root/sbin/start"
mke2fs -q -F -t ext4 -d "$tmp/root" "$tmp/disk" 64M >/dev/null 2>&1
boot() { # OPTIONS...
	timeout 240 "$DOPPEL" run --kernel "$kernel" --initrd "$tmp/initrd" \
		--append 'console=ttyS0 quiet' "$@" </dev/null 2>&1 | tr -d '\r'
}
boot --disk "$tmp/disk" >"$tmp/out"
check "initrd_is_started" has "$tmp/out" '^initrd is up'
check "the_root_is_on_the_ext4_disk" has "$tmp/out" '^/dev/vda / ext4'
boot --disk "$tmp/disk,bus=mmio" --cpus 2 >"$tmp/out"
check "the_disk_was_written_and_works_on_mmio" has "$tmp/out" 'runs: again'
check "the_file_system_is_clean" e2fsck -fn "$tmp/disk"
if command -v qemu-img >/dev/null; then
	qemu-img convert -O qcow2 -c "$tmp/disk" "$tmp/base.qcow2"
	qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 "$tmp/disk.qcow2"
	boot --disk "$tmp/disk.qcow2" >"$tmp/out"
	check "a_qcow2_disk_with_a_compressed_base" has "$tmp/out" 'runs: again'
	check "qcow2_is_consistent" qemu-img check -q "$tmp/disk.qcow2"
	qemu-img convert -O raw "$tmp/disk.qcow2" "$tmp/disk.raw"
	check "the_file_system_in_qcow2_is_clean" e2fsck -fn "$tmp/disk.raw"
else
	echo "skip a_qcow2_disk_with_a_compressed_base: because qemu-img is not installed"
fi
exit $bad
