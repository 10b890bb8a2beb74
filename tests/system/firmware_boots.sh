#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 300
# Debian's OpenSBI, unmodified, into the stock kernel; and OpenSBI into
# Debian's U-Boot into the same kernel, which it loads from a disk (ext4 in an
# MBR partition, on virtio-mmio and on virtio-pci).
set -u
opensbi=/usr/lib/riscv64-linux-gnu/opensbi/generic
uboot=/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
[ -f "$opensbi/fw_jump.bin" ] || { echo "the package opensbi is not installed"; exit 77; }
fetched=$("$DOPPEL" fetch linux --json 2>"$tmp/why") || {
	tail -n 1 "$tmp/why"
	exit 77
}
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" <<<"$fetched"; }
kernel=$(field kernel) root=$(field root)

mkdir -p "$tmp/t/bin" "$tmp/disk/extlinux"
cp "$root"/usr/bin/busybox "$tmp/t/bin/" 2>/dev/null || cp "$root"/bin/busybox "$tmp/t/bin/"
cat >"$tmp/t/init" <<'END'
#!/bin/busybox sh
echo "user land of $(/bin/busybox uname -m)"
/bin/busybox poweroff -f
END
chmod 755 "$tmp/t/init"
(cd "$tmp/t" && find . | cpio --quiet -o -H newc | gzip) >"$tmp/initrd"

check() { # NAME EXPECTED-PATTERN... < output
	local name=$1 p
	shift
	for p in "$@"; do
		grep -aq "$p" "$tmp/out" && continue
		echo "not ok $name: \"$p\" is missing; $(tail -n 3 "$tmp/out" "$tmp/err" | tr -d '\r' | tr '\n' ' ')"
		return
	done
	echo "ok $name"
}
for fw in fw_jump fw_dynamic; do
	"$DOPPEL" run --firmware $opensbi/$fw.bin --kernel "$kernel" --initrd "$tmp/initrd" \
		--append console=ttyS0 --cpus 2 >"$tmp/out" 2>"$tmp/err" </dev/null
	check "${fw}_boots_linux" "Platform HART Count.*: 2" "SBI implementation ID=0x1 " "user land of riscv64"
done

[ -f "$uboot" ] || { echo "skip u_boot: because the package u-boot-qemu is not installed"; exit 0; }
command -v mkfs.ext4 >/dev/null || { echo "skip u_boot: because there is no mkfs.ext4"; exit 0; }
cp "$kernel" "$tmp/disk/Image"
cp "$tmp/initrd" "$tmp/disk/initrd"
cat >"$tmp/disk/extlinux/extlinux.conf" <<'END'
default doppel
timeout 1
label doppel
  kernel /Image
  initrd /initrd
  append console=ttyS0
END
# 96 MiB: a boot record whose first entry is the rest of the disk, from 1 MiB.
truncate -s 96M "$tmp/disk.img"
mkfs.ext4 -q -F -E offset=1048576 -d "$tmp/disk" "$tmp/disk.img" 94m 2>"$tmp/err" || {
	echo "skip u_boot: because mkfs.ext4 cannot fill a disk: $(head -n 1 "$tmp/err")"
	exit 0
}
printf '\x80\xfe\xff\xff\x83\xfe\xff\xff\x00\x08\x00\x00\x00\xf8\x02\x00' |
	dd of="$tmp/disk.img" bs=1 seek=446 conv=notrunc status=none
printf '\x55\xaa' | dd of="$tmp/disk.img" bs=1 seek=510 conv=notrunc status=none
for bus in mmio pci; do
	"$DOPPEL" run --firmware $opensbi/fw_dynamic.bin --kernel $uboot \
		--disk "$tmp/disk.img,bus=$bus" --cpus 2 >"$tmp/out" 2>"$tmp/err" </dev/null
	check "opensbi_and_u_boot_boot_linux_from_$bus" "U-Boot 20" "Found /extlinux/extlinux.conf" \
		"Starting kernel" "user land of riscv64"
done
