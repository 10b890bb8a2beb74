/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A RISC-V hart: RV64GC and the RVA22S64 set, M/S/U, Sv39/48/57, PMP.
 * Bare: it never sees the operating system.  What it needs of the world it
 * gets from struct riscv_env; what the world does to it goes through the
 * functions marked "any thread".
 */
#ifndef RISCV_HART_H
#define RISCV_HART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ser.h"
#include "mem/mem.h"

struct riscv_hart;

/* Called on the hart's thread. */
struct riscv_env {
	void *ctx;
	uint64_t (*time)(void *ctx);    /* mtime in ticks */
};

struct riscv_config {
	unsigned id;            /* mhartid */
	struct mem *mem;        /* borrowed */
	struct riscv_env env;
	bool sbi;               /* ecall from S-mode leaves riscv_run (built-in firmware) */
	bool aia;               /* Smaia/Ssaia: IMSIC CSRs exist */
	unsigned code_pages;    /* decoded-page cache limit; 0: default */
	bool stress;            /* tiny TLB and tiny caches */
	/* 0: real time; interrupts are looked at when riscv_run is entered and
	 * every few thousand instructions.  N: deterministic; timers, lines and
	 * kicks are looked at only when riscv_instret() is a multiple of N (and
	 * when the hart wakes from WFI), so that the result does not depend on
	 * how a run is cut into budgets.  What the hart does itself (a write to
	 * a CSR, xRET) is acted on at once in both. */
	uint32_t quantum;
};

/* Why riscv_run came back. */
enum riscv_exit {
	RISCV_EXIT_BUDGET,      /* the instruction budget is used up exactly */
	RISCV_EXIT_WFI,         /* waiting: nothing pending; riscv_wake_time() tells until when */
	RISCV_EXIT_KICK,        /* riscv_kick() was called */
	RISCV_EXIT_ECALL,       /* S-mode ecall with config.sbi; pc still at the ecall */
	RISCV_EXIT_BREAK,       /* breakpoint set by riscv_set_break (debugger); pc at it */
};

struct riscv_hart *riscv_hart_create(const struct riscv_config *c, struct err *e);
void riscv_hart_destroy(struct riscv_hart *h);

/* Reset state (priv. spec 3.4): M-mode, pc, a0 = hart id, a1 given. */
void riscv_hart_reset(struct riscv_hart *h, uint64_t pc, uint64_t a1);
/* Start in S-mode as SBI firmware leaves a hart: pc, a0 = hart id, a1. */
void riscv_hart_start_s(struct riscv_hart *h, uint64_t pc, uint64_t a1);

/* Execute at most `budget` instructions (UINT64_MAX: no limit).  The count
 * is exact: instret advances by what was executed, trapping instructions
 * (the ECALL of RISCV_EXIT_ECALL too) counted as one.  Interrupts that are
 * pending are taken before the first instruction (but see quantum).  A hart
 * in WFI stays there (RISCV_EXIT_WFI) until something enabled is pending.
 * Hart's thread. */
enum riscv_exit riscv_run(struct riscv_hart *h, uint64_t budget);

/* ---- any thread ------------------------------------------------------- */

/* Make riscv_run return soon (within microseconds) with RISCV_EXIT_KICK,
 * also if it is not running yet. */
void riscv_kick(struct riscv_hart *h);
/* Level of an interrupt-pending input: bit is 3 (MSIP), 7 (MTIP is driven by
 * mtimecmp, see below), 9 (SEIP external line), 11 (MEIP), 1 (SSIP, set
 * only).  Does not wake a sleeping thread by itself: the caller's wake hook does. */
void riscv_set_irq(struct riscv_hart *h, unsigned bit, bool level);
/* ACLINT mtimecmp: MTIP follows env.time >= mtimecmp. */
void riscv_set_mtimecmp(struct riscv_hart *h, uint64_t ticks);
uint64_t riscv_get_mtimecmp(struct riscv_hart *h);
/* Ask for a fence to be done by the hart before its next instruction after
 * it sees the request; *seq to wait for with riscv_fence_done(). */
enum { RISCV_FENCE_I = 1, RISCV_FENCE_VMA = 2 };
uint64_t riscv_request_fence(struct riscv_hart *h, unsigned what);
bool riscv_fence_done(struct riscv_hart *h, uint64_t seq);

/* ---- stopped hart or its own thread ------------------------------------- */

/* Whether an enabled interrupt is pending now (wakes WFI). */
bool riscv_irq_pending(struct riscv_hart *h);
/* Earliest tick at which a timer (mtimecmp, stimecmp) becomes pending. */
uint64_t riscv_wake_time(struct riscv_hart *h);
uint64_t riscv_get_x(const struct riscv_hart *h, unsigned r);
void riscv_set_x(struct riscv_hart *h, unsigned r, uint64_t v);
uint64_t riscv_get_pc(const struct riscv_hart *h);
void riscv_set_pc(struct riscv_hart *h, uint64_t pc);
uint64_t riscv_get_f(const struct riscv_hart *h, unsigned r);
void riscv_set_f(struct riscv_hart *h, unsigned r, uint64_t v);
unsigned riscv_get_priv(const struct riscv_hart *h);
/* CSR access as M-mode debug would do; false: no such CSR. */
bool riscv_get_csr(struct riscv_hart *h, unsigned csr, uint64_t *v);
bool riscv_set_csr(struct riscv_hart *h, unsigned csr, uint64_t v);
uint64_t riscv_instret(const struct riscv_hart *h); /* executed since creation */
/* SBI set_timer: stimecmp, or clears STIP. */
void riscv_set_stimecmp(struct riscv_hart *h, uint64_t ticks);
/* Set/clear a software breakpoint address (at most 32); debugger only. */
int riscv_set_break(struct riscv_hart *h, uint64_t pc, bool on);
/* Read/write guest-virtual memory as the current mode sees it; bytes done. */
uint64_t riscv_debug_mem(struct riscv_hart *h, uint64_t va, void *buf, uint64_t n, bool write);

/* IMSIC (config.aia): a message `id` arrives in the S- or M-level file.
 * Any thread. */
void riscv_imsic_set(struct riscv_hart *h, bool m_level, uint32_t id);

/* Section "hartN".  Caches and TLBs are not state. */
void riscv_hart_save(struct riscv_hart *h, struct ser_writer *w);
void riscv_hart_load(struct riscv_hart *h, struct ser_reader *r);

/* "rv64imafdc_zicsr_..." for the device tree; only what is implemented. */
const char *riscv_isa_string(bool aia);
/* NUL-separated riscv,isa-extensions list and its length. */
const char *riscv_isa_extensions(bool aia, unsigned *len);

#endif
