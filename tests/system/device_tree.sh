#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The device tree is one that dtc reads without a warning, and says what the
# machine was asked to have.
set -u
command -v dtc >/dev/null || { echo "device-tree-compiler is not installed"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
printf '\x6f\x00\x00\x00' >"$tmp/loop.bin" # j .
truncate -s 1M "$tmp/disk"

tree() { # NAME OPTIONS...: the tree to $tmp/dts
	local name=$1 why
	shift
	"$DOPPEL" run --firmware "$tmp/loop.bin" --deterministic --stop-at 10 \
		--dump-dtb "$tmp/dtb" "$@" </dev/null >"$tmp/out" 2>&1
	why=$(dtc -I dtb -O dts -o "$tmp/dts" "$tmp/dtb" 2>&1) && [ -z "$why" ] && {
		echo "ok $name"
		return
	}
	echo "not ok $name: $(head -n 1 "$tmp/out") $(head -n 2 <<<"$why" | tr '\n' ' ')"
}
says() { # NAME PATTERN COUNT
	local n
	n=$(grep -c -- "$2" "$tmp/dts")
	[ "$n" = "$3" ] && echo "ok $1" || echo "not ok $1: $n times '$2', not $3"
}
tree plic_tree_is_clean
says one_cpu "riscv,cpu-intc" 1
says the_plic_is_there "riscv,plic0" 1
says no_initrd "linux,initrd-start" 0
tree aia_tree_is_clean --interrupts aia --cpus 16 --memory 8G
says sixteen_cpus "riscv,cpu-intc" 16
says an_aplic_for_each_level "riscv,aplic" 2
says an_imsic_for_each_level "riscv,imsics" 2
says memory_is_8_gib "reg = <0x00 0x80000000 0x02 0x00>" 1
tree mmio_slots --disk "$tmp/disk,bus=mmio" --append 'a "b" c'
says one_virtio_slot "virtio,mmio" 1
says the_command_line 'bootargs = "a \\"b\\" c"' 1
# What --dump prints is a source of the same tree.
"$DOPPEL" run --firmware "$tmp/loop.bin" --deterministic --stop-at 10 --dump fdt \
	--disk "$tmp/disk,bus=mmio" --append 'a "b" c' </dev/null 2>"$tmp/printed" >"$tmp/out"
dtc -q -I dts -O dtb "$tmp/printed" | dtc -q -s -I dtb -O dts -o "$tmp/one" -
dtc -q -s -I dtb -O dts -o "$tmp/two" "$tmp/dtb"
[ -s "$tmp/one" ] && cmp -s "$tmp/one" "$tmp/two" && echo "ok the_dumped_tree_is_the_tree" ||
	echo "not ok the_dumped_tree_is_the_tree: $(diff "$tmp/one" "$tmp/two" | head -n 3 | tr '\n' ' ')"
