/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control and status registers (Priv. spec chapters 2, 3 and 10) with their
 * WARL rules.  Numbers are checked for privilege by riscv__csr_allowed();
 * the read and write functions then need not know who asks.
 */
#include <stdatomic.h>

#include "riscv/imsic.h"
#include "riscv/state.h"

#define SSTATUS_MASK (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | \
		      MSTATUS_SUM | MSTATUS_MXR)
#define MSTATUS_MASK (SSTATUS_MASK | MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP | \
		      MSTATUS_MPRV | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR)
#define S_IRQS (IP_SSIP | IP_STIP | IP_SEIP)
#define M_IRQS (S_IRQS | IP_MSIP | IP_MTIP | IP_MEIP)
/* Exceptions that may go to S: all but ECALL from M and the unused. */
#define MEDELEG_MASK 0xb3ffull
#define MENVCFG_MASK (ENVCFG_FIOM | ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE | \
		      ENVCFG_ADUE | ENVCFG_PBMTE | ENVCFG_STCE)
#define SENVCFG_MASK (ENVCFG_FIOM | ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE)
/* MXL 64; A B? C D F I M S U.  B (Zba, Zbb, Zbs) is bit 1. */
#define MISA (2ull << 62 | BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(5) | BIT(8) | \
	      BIT(12) | BIT(18) | BIT(20))

uint64_t riscv__mstatus(const struct riscv_hart *h)
{
	return h->mstatus | (uint64_t)h->fs << 13 | MSTATUS_UXL | MSTATUS_SXL |
	       (h->fs == 3 ? MSTATUS_SD : 0);
}

static void write_mstatus(struct riscv_hart *h, uint64_t v, uint64_t mask)
{
	uint64_t old = h->mstatus, new = (old & ~mask) | (v & mask);

	if (mask & MSTATUS_FS)
		h->fs = (uint8_t)bits(v, 14, 13);
	new &= ~MSTATUS_FS;
	if (bits(new, 12, 11) == 2) /* MPP has no mode 2: keep the old one */
		new = (new & ~MSTATUS_MPP) | (old & MSTATUS_MPP);
	h->mstatus = new;
	if ((old ^ new) & MSTATUS_MXR)
		riscv__tlb_flush(h);
	if ((old ^ new) & (MSTATUS_SUM | MSTATUS_MPRV | MSTATUS_MPP))
		riscv__set_context(h);
	if (new & ~old & (MSTATUS_SIE | MSTATUS_MIE))
		h->check = true;
}

/* Interrupts that are pending now: software bits, input lines, timers. */
uint64_t riscv__mip(struct riscv_hart *h)
{
	uint64_t lines = __atomic_load_n(&h->lines, __ATOMIC_ACQUIRE), ip, now;
	bool sstc = h->menvcfg & ENVCFG_STCE;

	if (lines & IP_SSIP) { /* set by others, cleared by software */
		__atomic_fetch_and(&h->lines, ~IP_SSIP, __ATOMIC_ACQ_REL);
		h->mip |= IP_SSIP;
	}
	ip = h->mip | (lines & (IP_MSIP | IP_MEIP | IP_SEIP));
	now = h->cfg.env.time(h->cfg.env.ctx);
	if (now >= __atomic_load_n(&h->mtimecmp, __ATOMIC_RELAXED))
		ip |= IP_MTIP;
	if (sstc) {
		ip &= ~IP_STIP;
		if (now >= h->stimecmp)
			ip |= IP_STIP;
	}
	if (h->imsic)
		ip |= riscv__imsic_lines(h);
	return ip;
}

static void write_mip(struct riscv_hart *h, uint64_t v, uint64_t mask)
{
	if (h->menvcfg & ENVCFG_STCE)
		mask &= ~IP_STIP;
	h->mip = (h->mip & ~mask) | (v & mask);
	h->check = true;
}

/* Bare, Sv39, Sv48, Sv57 */
static bool satp_legal(uint64_t v)
{
	unsigned mode = (unsigned)(v >> 60);

	return !mode || (mode >= 8 && mode <= 10);
}

/* CBIE 10 is reserved (CMO 2.6.1.4): cbo.inval stays off. */
static uint64_t legal_envcfg(uint64_t v, uint64_t mask)
{
	return v & mask & ~((v & ENVCFG_CBIE) == BIT(5) ? ENVCFG_CBIE : 0);
}

static void write_satp(struct riscv_hart *h, uint64_t v)
{
	/* An unsupported mode: the whole write has no effect (Priv. spec 10.1.11). */
	if (v == h->satp || !satp_legal(v))
		return;
	h->satp = v;
	riscv__view_switch(h);
}

static uint64_t legal_epc(uint64_t v)
{
	return v & ~1ull;
}

/* Direct and vectored; other modes keep the old value. */
static void write_tvec(uint64_t *reg, uint64_t v)
{
	if ((v & 3) < 2)
		*reg = v;
}

static uint64_t counter_cycle(const struct riscv_hart *h)
{
	return h->instret + h->cycle_off;
}
static uint64_t counter_instret(const struct riscv_hart *h)
{
	return h->instret + h->instret_off;
}

/* Zicntr and Zihpm as U sees them; enabled by mcounteren and scounteren. */
static bool counter_enabled(const struct riscv_hart *h, unsigned n)
{
	if (h->priv < PRIV_M && !(h->mcounteren >> n & 1))
		return false;
	return h->priv != PRIV_U || h->scounteren >> n & 1;
}

bool riscv__csr_allowed(struct riscv_hart *h, unsigned csr, bool write)
{
	if (write && csr >> 10 == 3)
		return false;
	if (h->priv < (csr >> 8 & 3))
		return false;
	if (csr <= 3) /* fflags, frm, fcsr */
		return csr && h->fs;
	if (csr >= 0xc00 && csr < 0xc20)
		return counter_enabled(h, csr & 31);
	if (csr == 0x180 && h->priv == PRIV_S && h->mstatus & MSTATUS_TVM)
		return false;
	if (csr == 0x14d && h->priv == PRIV_S) /* stimecmp: Sstc */
		return h->mcounteren & 2 && h->menvcfg & ENVCFG_STCE;
	return true;
}

static bool read_user(struct riscv_hart *h, unsigned csr, uint64_t *v)
{
	switch (csr) {
	case 0x001: *v = h->fflags; return true;
	case 0x002: *v = h->frm; return true;
	case 0x003: *v = h->fflags | (uint64_t)h->frm << 5; return true;
	case 0xc00: *v = counter_cycle(h); return true;
	case 0xc01: *v = h->cfg.env.time(h->cfg.env.ctx); return true;
	case 0xc02: *v = counter_instret(h); return true;
	default:
		*v = 0;
		return csr >= 0xc03 && csr < 0xc20;
	}
}

static bool read_supervisor(struct riscv_hart *h, unsigned csr, uint64_t *v)
{
	switch (csr) {
	case 0x100: *v = riscv__mstatus(h) & (SSTATUS_MASK | 3ull << 32 | MSTATUS_SD); return true;
	case 0x104: *v = h->mie & h->mideleg; return true;
	case 0x105: *v = h->stvec; return true;
	case 0x106: *v = h->scounteren; return true;
	case 0x10a: *v = h->senvcfg; return true;
	case 0x140: *v = h->sscratch; return true;
	case 0x141: *v = h->sepc; return true;
	case 0x142: *v = h->scause; return true;
	case 0x143: *v = h->stval; return true;
	case 0x144: *v = riscv__mip(h) & h->mideleg; return true;
	case 0x14d: *v = h->stimecmp; return true;
	case 0x180: *v = h->satp; return true;
	default: return false;
	}
}

static bool read_machine(struct riscv_hart *h, unsigned csr, uint64_t *v)
{
	*v = 0;
	switch (csr) {
	case 0xf11: case 0xf12: case 0xf13: case 0xf15: return true; /* no vendor */
	case 0xf14: *v = h->cfg.id; return true;
	case 0x300: *v = riscv__mstatus(h); return true;
	case 0x301: *v = MISA; return true;
	case 0x302: *v = h->medeleg; return true;
	case 0x303: *v = h->mideleg; return true;
	case 0x304: *v = h->mie; return true;
	case 0x305: *v = h->mtvec; return true;
	case 0x306: *v = h->mcounteren; return true;
	case 0x30a: *v = h->menvcfg; return true;
	case 0x320: *v = h->mcountinhibit; return true;
	case 0x340: *v = h->mscratch; return true;
	case 0x341: *v = h->mepc; return true;
	case 0x342: *v = h->mcause; return true;
	case 0x343: *v = h->mtval; return true;
	case 0x344: *v = riscv__mip(h); return true;
	case 0xb00: *v = counter_cycle(h); return true;
	case 0xb02: *v = counter_instret(h); return true;
	case 0x3a0: case 0x3a2: *v = riscv__pmp_read_cfg(h, csr - 0x3a0); return true;
	case 0x7a0: case 0x7a1: case 0x7a2: case 0x7a3: return true; /* no triggers */
	default: break;
	}
	if (csr >= 0x3b0 && csr < 0x3b0 + PMP_COUNT) {
		*v = h->pmpaddr[csr - 0x3b0];
		return true;
	}
	/* Zihpm: mhpmcounter3.., mhpmevent3.. read as zero. */
	return (csr >= 0xb03 && csr < 0xb20) || (csr >= 0x323 && csr < 0x340);
}

bool riscv__csr_read(struct riscv_hart *h, unsigned csr, uint64_t *v)
{
	if (read_user(h, csr, v) || read_supervisor(h, csr, v) || read_machine(h, csr, v))
		return true;
	return h->imsic && riscv__imsic_csr_read(h, csr, v);
}

static bool write_user(struct riscv_hart *h, unsigned csr, uint64_t v)
{
	switch (csr) {
	case 0x001: h->fflags = v & 31; break;
	case 0x002: h->frm = v & 7; break;
	case 0x003: h->fflags = v & 31; h->frm = v >> 5 & 7; break;
	default: return false;
	}
	if (h->fs)
		h->fs = 3;
	return true;
}

static bool write_supervisor(struct riscv_hart *h, unsigned csr, uint64_t v)
{
	switch (csr) {
	case 0x100: write_mstatus(h, v, SSTATUS_MASK); return true;
	case 0x104:
		h->mie = (h->mie & ~h->mideleg) | (v & h->mideleg);
		h->check = true;
		return true;
	case 0x105: write_tvec(&h->stvec, v); return true;
	case 0x106: h->scounteren = v & 0xffffffff; return true;
	case 0x10a: h->senvcfg = legal_envcfg(v, SENVCFG_MASK); return true;
	case 0x140: h->sscratch = v; return true;
	case 0x141: h->sepc = legal_epc(v); return true;
	case 0x142: h->scause = v; return true;
	case 0x143: h->stval = v; return true;
	case 0x144: write_mip(h, v, h->mideleg & IP_SSIP); return true;
	case 0x14d: h->stimecmp = v; h->check = true; return true;
	case 0x180: write_satp(h, v); return true;
	default: return false;
	}
}

static bool write_machine(struct riscv_hart *h, unsigned csr, uint64_t v)
{
	switch (csr) {
	case 0x300: write_mstatus(h, v, MSTATUS_MASK); return true;
	case 0x301: return true; /* misa cannot change */
	case 0x302: h->medeleg = v & MEDELEG_MASK; return true;
	case 0x303: h->mideleg = v & S_IRQS; h->check = true; return true;
	case 0x304: h->mie = v & M_IRQS; h->check = true; return true;
	case 0x305: write_tvec(&h->mtvec, v); return true;
	case 0x306: h->mcounteren = v & 0xffffffff; return true;
	case 0x30a:
		if ((h->menvcfg ^ v) & (ENVCFG_PBMTE | ENVCFG_ADUE)) {
			riscv__tlb_flush(h);
			riscv__code_flush_map(h);
		}
		h->menvcfg = legal_envcfg(v, MENVCFG_MASK);
		h->check = true;
		return true;
	case 0x320: h->mcountinhibit = 0; return true;
	case 0x340: h->mscratch = v; return true;
	case 0x341: h->mepc = legal_epc(v); return true;
	case 0x342: h->mcause = v; return true;
	case 0x343: h->mtval = v; return true;
	case 0x344: write_mip(h, v, S_IRQS); return true;
	/* The write itself counts as one more instruction when it is read next. */
	case 0xb00: h->cycle_off = v - h->instret - 1; return true;
	case 0xb02: h->instret_off = v - h->instret - 1; return true;
	case 0x3a0: case 0x3a2: riscv__pmp_write_cfg(h, csr - 0x3a0, v); return true;
	case 0x7a0: case 0x7a1: case 0x7a2: case 0x7a3: return true;
	default: break;
	}
	if (csr >= 0x3b0 && csr < 0x3b0 + PMP_COUNT) {
		riscv__pmp_write_addr(h, csr - 0x3b0, v);
		return true;
	}
	return (csr >= 0xb03 && csr < 0xb20) || (csr >= 0x323 && csr < 0x340);
}

bool riscv__csr_write(struct riscv_hart *h, unsigned csr, uint64_t v)
{
	if (write_user(h, csr, v) || write_supervisor(h, csr, v) || write_machine(h, csr, v))
		return true;
	return h->imsic && riscv__imsic_csr_write(h, csr, v);
}

bool riscv__csr_op(struct riscv_hart *h, unsigned csr, uint64_t operand,
		   enum riscv_csr_op op, bool write, uint64_t *old)
{
	uint64_t base, v;

	if (!riscv__csr_allowed(h, csr, write))
		return false;
	if (!riscv__csr_read(h, csr, old))
		return false;
	if (!write)
		return true;
	base = *old;
	/* SEIP reads as line or software bit; the software bit alone is
	 * modified (Priv. spec 3.1.9). */
	if (csr == 0x344)
		base = (base & ~IP_SEIP) | (h->mip & IP_SEIP);
	v = op == CSR_SWAP ? operand : op == CSR_SET ? base | operand : base & ~operand;
	return riscv__imsic_modify(h, csr, *old, operand, op) || riscv__csr_write(h, csr, v);
}

bool riscv__csrs_legal(const struct riscv_hart *h)
{
	uint64_t beyond = (h->mstatus & ~(MSTATUS_MASK & ~MSTATUS_FS)) |
			  (h->medeleg & ~MEDELEG_MASK) | (h->mideleg & ~S_IRQS) |
			  (h->mie & ~M_IRQS) | (h->mip & ~S_IRQS) |
			  (h->menvcfg & ~MENVCFG_MASK) | (h->senvcfg & ~SENVCFG_MASK) |
			  (h->mcounteren >> 32) | (h->scounteren >> 32) |
			  ((h->mtvec | h->stvec) & 2) | ((h->mepc | h->sepc) & 1);

	for (unsigned i = 0; i < PMP_COUNT; i++)
		beyond |= h->pmpaddr[i] >> 54 | (h->pmp[i].cfg & 0x60);
	return !beyond && bits(h->mstatus, 12, 11) != 2 && satp_legal(h->satp);
}
