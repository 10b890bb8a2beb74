#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 600
# Debian's OpenSBI and U-Boot, unmodified, boot the stock kernel from a disk.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/guest.sh
have cpio gzip mke2fs
linux_paths
sbi=$(ls /usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf 2>/dev/null) ||
	skip "OpenSBI (package opensbi) is not installed"
uboot=$(ls /usr/lib/u-boot/qemu-riscv64_smode/uboot.elf \
	/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin 2>/dev/null | head -n 1)
[ -n "$uboot" ] || skip "U-Boot (package u-boot-qemu) is not installed"

make_initrd "$tmp/initrd" 'echo "guest is up on $(nproc) harts: $(uname -r)"; poweroff -f'
timeout 200 "$DOPPEL" run --firmware "$sbi" --kernel "$kernel" --initrd "$tmp/initrd" \
	--append 'console=ttyS0' --cpus 2 </dev/null 2>&1 | tr -d '\r' >"$tmp/out"
check "opensbi_starts" has "$tmp/out" 'OpenSBI v'
check "the_kernel_runs_on_opensbi" has "$tmp/out" "^guest is up on 2 harts: $version"

mkdir -p "$tmp/boot/extlinux"
cp "$kernel" "$tmp/boot/Image"
cp "$tmp/initrd" "$tmp/boot/initrd"
cat >"$tmp/boot/extlinux/extlinux.conf" <<'S'
default linux
timeout 1
label linux
	kernel /Image
	initrd /initrd
	append console=ttyS0
S
# U-Boot looks at partitions: one, bootable, of type Linux, from sector 2048 on.
truncate -s 129M "$tmp/disk"
mke2fs -q -F -t ext4 -O ^metadata_csum,^64bit -E offset=1048576 -d "$tmp/boot" "$tmp/disk" \
	128M >/dev/null 2>&1
printf '\200\0\0\0\203\0\0\0\0\10\0\0\0\0\4\0' |
	dd of="$tmp/disk" bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of="$tmp/disk" bs=1 seek=510 conv=notrunc status=none
timeout 250 "$DOPPEL" run --firmware "$sbi" --kernel "$uboot" --disk "$tmp/disk" \
	--cpus 2 </dev/null 2>&1 | tr -d '\r' >"$tmp/out"
check "u_boot_starts" has "$tmp/out" '^U-Boot 2'
check "u_boot_finds_the_disk" has "$tmp/out" 'extlinux.conf'
check "u_boot_boots_the_kernel" has "$tmp/out" "^guest is up on 2 harts: $version"
exit $bad
