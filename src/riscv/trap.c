/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps, interrupts and the system instructions (Priv. spec 3.1.6, 3.1.7,
 * 3.3, 10.1, 10.2).
 */
#include <stdatomic.h>

#include <inttypes.h>

#include "base/log.h"
#include "riscv/state.h"

#define CAUSE_INTERRUPT BIT(63)

/* Where a trap that goes to a tvec starts. */
static uint64_t vector(uint64_t tvec, uint64_t cause)
{
	uint64_t base = tvec & ~3ull;

	if (tvec & 1 && cause & CAUSE_INTERRUPT)
		base += 4 * (cause & ~CAUSE_INTERRUPT);
	return base;
}

static void trap_to_s(struct riscv_hart *h, uint64_t cause, uint64_t tval)
{
	uint64_t s = h->mstatus & ~(MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_SIE);

	if (h->mstatus & MSTATUS_SIE)
		s |= MSTATUS_SPIE;
	if (h->priv == PRIV_S)
		s |= MSTATUS_SPP;
	h->mstatus = s;
	h->scause = cause;
	h->sepc = h->pc;
	h->stval = tval;
	h->pc = vector(h->stvec, cause);
	h->priv = PRIV_S;
}

static void trap_to_m(struct riscv_hart *h, uint64_t cause, uint64_t tval)
{
	uint64_t s = h->mstatus & ~(MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MIE);

	if (h->mstatus & MSTATUS_MIE)
		s |= MSTATUS_MPIE;
	h->mstatus = s | (uint64_t)h->priv << 11;
	h->mcause = cause;
	h->mepc = h->pc;
	h->mtval = tval;
	h->pc = vector(h->mtvec, cause);
	h->priv = PRIV_M;
}

void riscv__trap(struct riscv_hart *h, uint64_t cause, uint64_t tval)
{
	uint64_t deleg = cause & CAUSE_INTERRUPT ? h->mideleg : h->medeleg;
	bool check = h->check;

	log_trace(TRAP, "hart %u: cause %#" PRIx64 " tval %#" PRIx64 " pc %#" PRIx64 " mode %u",
		  h->cfg.id, cause, tval, h->pc, h->priv);
	if (h->priv != PRIV_M && deleg >> (cause & 63) & 1)
		trap_to_s(h, cause, tval);
	else
		trap_to_m(h, cause, tval);
	riscv__set_context(h);
	h->check = check; /* a trap disables interrupts, it enables none */
}

/* Pending, enabled in mie, and enabled by mode and delegation (3.1.6.1). */
uint64_t riscv__enabled_irqs(struct riscv_hart *h)
{
	uint64_t ready = riscv__mip(h) & h->mie, m, s;

	if (!ready)
		return 0;
	m = ready & ~h->mideleg;
	if (h->priv < PRIV_M || h->mstatus & MSTATUS_MIE) {
		if (m)
			return m;
	}
	s = ready & h->mideleg;
	if (h->priv < PRIV_S || (h->priv == PRIV_S && h->mstatus & MSTATUS_SIE))
		return s;
	return 0;
}

bool riscv__take_interrupt(struct riscv_hart *h)
{
	/* MEI, MSI, MTI, SEI, SSI, STI (3.1.9) */
	static const uint8_t order[] = { 11, 3, 7, 9, 1, 5 };
	uint64_t irqs;

	if (!h->mie)
		return false;
	irqs = riscv__enabled_irqs(h);
	for (unsigned i = 0; irqs && i < ARRAY_LEN(order); i++) {
		if (irqs >> order[i] & 1) {
			riscv__trap(h, CAUSE_INTERRUPT | order[i], 0);
			return true;
		}
	}
	return false;
}

/* ---- system instructions ----------------------------------------------------------- */

static bool done(struct riscv_hart *h, unsigned len)
{
	h->pc += len;
	return true;
}

static bool illegal(struct riscv_hart *h)
{
	h->trap_cause = TRAP_ILLEGAL;
	return false;
}

static bool leave(struct riscv_hart *h, enum riscv_exit why)
{
	h->leave = true;
	h->exit = why;
	return true;
}

bool riscv__sys_fence_i(struct riscv_hart *h, const struct op *op, unsigned len)
{
	(void)op;
	riscv__code_fence(h);
	return done(h, len);
}

bool riscv__sys_ecall(struct riscv_hart *h, const struct op *op, unsigned len)
{
	(void)op, (void)len;
	if (h->cfg.sbi && h->priv == PRIV_S)
		return leave(h, RISCV_EXIT_ECALL);
	h->trap_cause = (uint8_t)(TRAP_ECALL_U + h->priv);
	h->trap_tval = 0;
	return false;
}

bool riscv__sys_ebreak(struct riscv_hart *h, const struct op *op, unsigned len)
{
	(void)op, (void)len;
	h->trap_cause = TRAP_BREAK;
	h->trap_tval = h->pc;
	return false;
}

bool riscv__sys_mret(struct riscv_hart *h, const struct op *op, unsigned len)
{
	uint64_t s = h->mstatus;
	unsigned mpp = (unsigned)bits(s, 12, 11);

	(void)op, (void)len;
	if (h->priv != PRIV_M)
		return illegal(h);
	s &= ~(MSTATUS_MIE | MSTATUS_MPP | MSTATUS_MPIE);
	if (h->mstatus & MSTATUS_MPIE)
		s |= MSTATUS_MIE;
	s |= MSTATUS_MPIE;
	if (mpp != PRIV_M)
		s &= ~MSTATUS_MPRV;
	h->mstatus = s;
	h->priv = (uint8_t)mpp;
	h->pc = h->mepc;
	riscv__set_context(h);
	return true;
}

bool riscv__sys_sret(struct riscv_hart *h, const struct op *op, unsigned len)
{
	uint64_t s = h->mstatus;

	(void)op, (void)len;
	if (h->priv == PRIV_U || (h->priv == PRIV_S && s & MSTATUS_TSR))
		return illegal(h);
	s &= ~(MSTATUS_SIE | MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_MPRV);
	if (h->mstatus & MSTATUS_SPIE)
		s |= MSTATUS_SIE;
	s |= MSTATUS_SPIE;
	h->priv = h->mstatus & MSTATUS_SPP ? PRIV_S : PRIV_U;
	h->mstatus = s;
	h->pc = h->sepc;
	riscv__set_context(h);
	return true;
}

/* WFI: U-mode may not wait, S-mode may unless TW (3.3.3, 3.1.6.5). */
bool riscv__sys_wfi(struct riscv_hart *h, const struct op *op, unsigned len)
{
	(void)op;
	if (h->priv == PRIV_U || (h->priv == PRIV_S && h->mstatus & MSTATUS_TW))
		return illegal(h);
	h->pc += len;
	h->check = true;
	if (riscv_irq_pending(h))
		return true;
	h->waiting = true;
	return leave(h, RISCV_EXIT_WFI);
}

/*
 * A flush of everything counts as FENCE.I too: small kernels load a program
 * into a recycled page and flush only the address space, as machines with
 * coherent instruction caches let them.
 */
bool riscv__sys_sfence_vma(struct riscv_hart *h, const struct op *op, unsigned len)
{
	if (h->priv == PRIV_U || (h->priv == PRIV_S && h->mstatus & MSTATUS_TVM))
		return illegal(h);
	if (!op->rs1 && !op->rs2)
		riscv__code_fence(h);
	riscv__flush_vma(h, op->rs1 ? &h->x[op->rs1] : NULL, op->rs2 ? &h->x[op->rs2] : NULL);
	return done(h, len);
}

/* SINVAL.VMA did everything; these only check the mode (Svinval). */
bool riscv__sys_sfence_inval(struct riscv_hart *h, const struct op *op, unsigned len)
{
	(void)op;
	if (h->priv == PRIV_U)
		return illegal(h);
	return done(h, len);
}

/* Zawrs: waiting is allowed to end at any time. */
bool riscv__sys_wrs_nto(struct riscv_hart *h, const struct op *op, unsigned len)
{
	(void)op;
	if (h->priv != PRIV_M && h->mstatus & MSTATUS_TW && !h->res_host)
		return illegal(h);
	return done(h, len);
}

bool riscv__sys_wrs_sto(struct riscv_hart *h, const struct op *op, unsigned len)
{
	(void)op;
	return done(h, len);
}
