/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The "virt" board: where everything is, as kernels, U-Boot and OpenSBI
 * already know it from QEMU's machine of that name.
 *
 *   0x00100000  finisher (power off, reboot)      0x30000000  PCIe ECAM
 *   0x00101000  goldfish RTC        irq 11        0x40000000  PCIe 32-bit MMIO
 *   0x02000000  ACLINT (msip, mtimer)             0x80000000  RAM
 *   0x0c000000  PLIC, or APLIC M / S              0x4_00000000 PCIe 64-bit MMIO
 *   0x10000000  UART 16550          irq 10          (above RAM if RAM is larger)
 *   0x10001000  virtio-mmio, 8      irq 1..8
 *   0x24000000  IMSIC M             0x28000000  IMSIC S
 */
#ifndef SYSTEM_RISCV_VIRT_H
#define SYSTEM_RISCV_VIRT_H

#include <stdint.h>
#include <stdio.h>

#define VIRT_SYSCON       0x00100000ull
#define VIRT_RTC          0x00101000ull
#define VIRT_ACLINT       0x02000000ull
#define VIRT_PLIC         0x0c000000ull
#define VIRT_APLIC_M      0x0c000000ull
#define VIRT_APLIC_S      0x0d000000ull
#define VIRT_UART         0x10000000ull
#define VIRT_VIRTIO       0x10001000ull
#define VIRT_VIRTIO_SIZE  0x1000ull
#define VIRT_IMSIC_M      0x24000000ull
#define VIRT_IMSIC_S      0x28000000ull
#define VIRT_ECAM         0x30000000ull
#define VIRT_ECAM_SIZE    0x00100000ull /* one bus */
#define VIRT_MMIO32       0x40000000ull
#define VIRT_MMIO32_SIZE  0x40000000ull
#define VIRT_RAM          0x80000000ull
#define VIRT_MMIO64_MIN   0x400000000ull
#define VIRT_MMIO64_SIZE  0x400000000ull

enum {
	VIRT_VIRTIO_SLOTS = 8,
	VIRT_IRQ_VIRTIO = 1,    /* and following */
	VIRT_IRQ_UART = 10,
	VIRT_IRQ_RTC = 11,
	VIRT_IRQ_PCIE = 32,     /* INTA..INTD */
	VIRT_TIMEBASE = 10000000,
	VIRT_NS_PER_TICK = 1000000000 / VIRT_TIMEBASE,
	VIRT_KERNEL_OFFSET = 0x200000, /* a payload behind firmware */
};

struct system;
struct err;
struct image_bytes;

/* The machine's device tree, packed.  Owned by the caller (base_free). */
struct system_fdt_boot {
	uint64_t initrd_start, initrd_end;      /* equal: none */
	const char *bootargs;                   /* NULL: none */
};
int system__fdt_build(struct system *s, const struct system_fdt_boot *b,
		      struct image_bytes *out, struct err *e);
/* As source text (--dump fdt). */
void system__fdt_print(const void *fdt, FILE *f);

/* Create the devices of the board and those of the configuration. */
struct system_config;
int system__board_create(struct system *s, const struct system_config *c, struct err *e);

#endif
