/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The platform devices of a RISC-V board: UART, interrupt controllers, timer,
 * real-time clock, finisher.  Each is registered with its vm_host (reset,
 * save, load, destroy) and lives until vm_host_destroy_devices().
 *
 * Register callbacks of the interrupt controllers and of the ACLINT come
 * without the io lock (MEM_UNLOCKED) so that harts do not contend on it; they
 * have a lock of their own of rank LOCK_RANK_IRQ.  The ops structs below are
 * called from any thread, all but aclint_ops.time with that lock held: they may
 * take locks of higher rank only (LOCK_RANK_HART).  dev/ never includes riscv/: the board connects
 * these callbacks with its harts.
 *
 * All create functions return NULL and fill `e` on failure.  Region sizes are
 * what QEMU's virt machine has, so that the board's FDT can say the same.
 */
#ifndef DEV_PLATFORM_H
#define DEV_PLATFORM_H

#include "vm/device.h"
#include "vm/irq.h"

struct chan;

enum { PLATFORM_HARTS = 16 };

/* ---- uart.c: 16550A ("ns16550a"), reg-shift 0 --------------------------- */

enum { UART_SIZE = 0x100 };

struct uart;
/* Owns c when it succeeds.  `name` is the section's ("uart0"). */
struct uart *uart_create(struct vm_host *h, const char *name, gpa_t base,
			 struct chan *c, struct vm_irq irq, struct err *e);
/* A break condition arrives on the line (SysRq).  Takes the io lock. */
void uart_send_break(struct uart *u);

/* ---- plic.c: SiFive PLIC 1.0.0 ------------------------------------------ */

enum {
	PLIC_SIZE = 0x600000,
	PLIC_SOURCES = 95,      /* riscv,ndev: sources 1..95 */
};

struct plic_ops {
	/* The external interrupt line of a hart's M- or S-mode context. */
	void (*output)(void *ctx, unsigned hart, bool m_level, bool level);
	void *ctx;
};
struct plic;
/* Context 2 * hart is M-mode, 2 * hart + 1 is S-mode. */
struct plic *plic_create(struct vm_host *h, gpa_t base, unsigned harts,
			 const struct plic_ops *ops, struct err *e);
struct vm_irq plic_irq(struct plic *p, unsigned source); /* 1..PLIC_SOURCES */

/* ---- aclint.c: CLINT layout (MSWI at 0, MTIMER at 0x4000) ---------------- */

enum { ACLINT_SIZE = 0x10000 };

struct aclint_ops {
	void (*set_msip)(void *ctx, unsigned hart, bool level);
	void (*set_mtimecmp)(void *ctx, unsigned hart, uint64_t ticks);
	uint64_t (*time)(void *ctx);                    /* mtime in ticks */
	/* The guest set mtime.  NULL: mtime is read-only. */
	void (*set_time)(void *ctx, uint64_t ticks);
	void *ctx;
};
struct aclint;
struct aclint *aclint_create(struct vm_host *h, gpa_t base, unsigned harts,
			     const struct aclint_ops *ops, struct err *e);

/* ---- rtc.c: "google,goldfish-rtc" ---------------------------------------- */

enum { RTC_SIZE = 0x1000 };

struct rtc;
struct rtc *rtc_create(struct vm_host *h, gpa_t base, struct vm_irq irq, struct err *e);

/* ---- syscon.c: "sifive,test1", "sifive,test0", "syscon" ------------------- */

enum {
	SYSCON_SIZE = 0x1000,
	/* What the guest writes at offset 0 (FDT: syscon-poweroff, -reboot). */
	SYSCON_VALUE_FAIL = 0x3333, /* | code << 16 */
	SYSCON_VALUE_POWEROFF = 0x5555,
	SYSCON_VALUE_REBOOT = 0x7777,
};
enum syscon_event { SYSCON_POWEROFF, SYSCON_REBOOT, SYSCON_FAIL };
/* On the hart's thread with the io lock held: it notes the request and kicks
 * whoever acts on it.  code: FAIL's 16 bits, else 0. */
typedef void syscon_fn(void *ctx, enum syscon_event ev, unsigned code);

struct syscon;
struct syscon *syscon_create(struct vm_host *h, gpa_t base, syscon_fn *fn, void *ctx,
			     struct err *e);

/* ---- imsic.c: MSI pages of the harts (AIA 3) ------------------------------ */

enum { IMSIC_STRIDE = 0x1000, IMSIC_IDS = 255 };

struct imsic_ops {
	/* Message `id` (1..IMSIC_IDS) arrives for a hart (riscv_imsic_set). */
	void (*message)(void *ctx, unsigned hart, bool m_level, uint32_t id);
	void *ctx;
};
struct imsic;
/* One page per hart from `base`; the interrupt files are the harts' state.
 * Stateless: has no section. */
struct imsic *imsic_create(struct vm_host *h, gpa_t base, unsigned harts, bool m_level,
			   const struct imsic_ops *ops, struct err *e);

/* ---- aplic.c: Advanced PLIC (AIA 4) ---------------------------------------- */

enum { APLIC_SIZE = 0x8000, APLIC_SOURCES = 95 };

struct aplic_desc {
	unsigned harts;
	/* An M-level root domain with an S-level child, or (has_m false, for
	 * built-in firmware) the S-level domain alone as root. */
	bool has_m;
	gpa_t base_m, base_s;
	/* MSI delivery goes to these (both NULL: direct delivery only; imsic_m
	 * NULL if !has_m).  Borrowed. */
	struct imsic *imsic_m, *imsic_s;
	/* Direct delivery; may be NULL with MSI delivery. */
	void (*output)(void *ctx, unsigned hart, bool m_level, bool level);
	void *ctx;
};
struct aplic;
struct aplic *aplic_create(struct vm_host *h, const struct aplic_desc *d, struct err *e);
struct vm_irq aplic_irq(struct aplic *a, unsigned source); /* 1..APLIC_SOURCES */

#endif
