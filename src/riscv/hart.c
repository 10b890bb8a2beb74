/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hart's life: create, reset, run, look inside, save and load.
 */
#include "riscv/hart.h"

#include <stdatomic.h>
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "riscv/fp.h"
#include "riscv/handlers.h"
#include "riscv/imsic.h"
#include "riscv/state.h"

/* Instructions between two looks at timers, kicks and interrupt lines: some
 * ten microseconds. */
enum { SLICE = 8192, STRESS_SLICE = 64 };

struct riscv_hart *riscv_hart_create(const struct riscv_config *c, struct err *e)
{
	struct riscv_hart *h = base_aligned(64, sizeof(*h));

	if (!h) {
		err_set(e, ENOMEM, "hart %u: out of memory", c->id);
		return NULL;
	}
	h->cfg = *c;
	h->mtimecmp = UINT64_MAX;
	riscv__view_init(h);
	if (!riscv__code_init(h) || (c->aia && riscv__imsic_create(h, e) < 0)) {
		err_set(e, ENOMEM, "hart %u: out of memory", c->id);
		riscv_hart_destroy(h);
		return NULL;
	}
	riscv_hart_reset(h, 0, 0);
	return h;
}

void riscv_hart_destroy(struct riscv_hart *h)
{
	if (!h)
		return;
	riscv__code_fini(h);
	riscv__imsic_destroy(h);
	base_free(h);
}

void riscv_hart_reset(struct riscv_hart *h, uint64_t pc, uint64_t a1)
{
	memset(h->x, 0, sizeof(h->x));
	memset(h->f, 0, sizeof(h->f));
	h->fs = h->frm = 0;
	h->fflags = 0;
	h->mstatus = 0;
	h->medeleg = h->mideleg = h->mie = h->mip = 0;
	h->mtvec = h->mscratch = h->mepc = h->mcause = h->mtval = 0;
	h->stvec = h->sscratch = h->sepc = h->scause = h->stval = h->satp = 0;
	h->mcounteren = h->scounteren = h->mcountinhibit = h->senvcfg = 0;
	/* Software that has never heard of Svadu relies on hardware updating A
	 * and D; the reset value is the implementation's choice. */
	h->menvcfg = ENVCFG_ADUE;
	h->stimecmp = UINT64_MAX;
	memset(h->pmpaddr, 0, sizeof(h->pmpaddr));
	memset(h->pmp, 0, sizeof(h->pmp));
	h->res_host = 0;
	h->waiting = false;
	h->priv = PRIV_M;
	riscv_set_pc(h, pc); /* even: an odd one looks like an empty cache entry */
	h->x[10] = h->cfg.id;
	h->x[11] = a1;
	if (h->imsic)
		riscv__imsic_reset(h);
	riscv__pmp_update(h);
	riscv__view_switch(h);
	riscv__code_fence(h);
}

void riscv_hart_start_s(struct riscv_hart *h, uint64_t pc, uint64_t a1)
{
	riscv_hart_reset(h, pc, a1);
	h->medeleg = 0xb1ff; /* all but ECALL from S */
	h->mideleg = IP_SSIP | IP_STIP | IP_SEIP;
	h->mcounteren = 0xffffffff;
	/* As firmware leaves it: without the SBI's PMU extension Linux does not
	 * set it, and its vDSO reads time in user mode. */
	h->scounteren = 7;
	h->menvcfg = ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE | ENVCFG_ADUE |
		     ENVCFG_PBMTE | ENVCFG_STCE;
	h->pmpaddr[0] = ~0ull >> 10;
	h->pmp[0].cfg = 3 << 3 | PMP_R | PMP_W | PMP_X; /* NAPOT: everything */
	riscv__pmp_update(h);
	h->priv = PRIV_S;
	riscv__set_context(h);
}

/* ---- running -------------------------------------------------------------------- */

static void serve_fences(struct riscv_hart *h)
{
	uint64_t want = __atomic_load_n(&h->fence_want, __ATOMIC_ACQUIRE);
	uint32_t what;

	if (LIKELY(want == h->fence_have))
		return;
	what = __atomic_exchange_n(&h->fence_what, 0, __ATOMIC_ACQ_REL);
	if (what & RISCV_FENCE_I)
		riscv__code_fence(h);
	if (what & RISCV_FENCE_VMA) {
		riscv__tlb_flush(h);
		riscv__code_flush_map(h);
	}
	__atomic_store_n(&h->fence_have, want, __ATOMIC_RELEASE);
}

static bool at_break(const struct riscv_hart *h)
{
	for (unsigned i = 0; i < h->break_count; i++)
		if (h->breaks[i] == h->pc)
			return true;
	return false;
}

/* The instructions until interrupts have to be looked at again; sets check
 * when they have to be looked at now. */
static uint64_t next_slice(struct riscv_hart *h, uint64_t budget)
{
	uint64_t slice = h->cfg.stress ? STRESS_SLICE : SLICE;

	if (h->cfg.quantum) {
		uint64_t phase = h->instret % h->cfg.quantum;

		if (!phase)
			h->check = true;
		slice = h->cfg.quantum - phase;
	} else {
		h->check = true;
	}
	return MIN(slice, budget);
}

static enum riscv_exit run(struct riscv_hart *h, uint64_t budget)
{
	bool step = h->break_count && at_break(h);

	h->leave = false;
	while (budget) {
		uint64_t before = h->instret, slice, ran;
		bool exact;

		if (__atomic_load_n(&h->kicked, __ATOMIC_RELAXED) &&
		    __atomic_exchange_n(&h->kicked, 0, __ATOMIC_ACQ_REL))
			return RISCV_EXIT_KICK;
		serve_fences(h);
		if (h->waiting) {
			if (!riscv_irq_pending(h))
				return RISCV_EXIT_WFI;
			h->waiting = false;
			h->check = true;
		}
		slice = next_slice(h, budget);
		/* A whole run always fits into SLICE. */
		exact = slice < SLICE || h->cfg.quantum || slice == budget;
		if (step)
			riscv__run_one(h);
		else
			riscv__run_slice(h, slice);
		step = false;
		ran = h->instret - before;
		while (exact && ran < slice && !h->leave && !(h->break_count && at_break(h))) {
			riscv__run_one(h);
			ran = h->instret - before;
		}
		budget -= ran;
		if (h->leave)
			return h->exit;
		if (h->break_count && budget && at_break(h))
			return RISCV_EXIT_BREAK;
	}
	return RISCV_EXIT_BUDGET;
}

enum riscv_exit riscv_run(struct riscv_hart *h, uint64_t budget)
{
	/* The embedding program's FP control register may be anything. */
	uint32_t fp = riscv__fp_enter();
	enum riscv_exit why = run(h, budget);

	riscv__fp_leave(fp);
	return why;
}

/* ---- any thread ------------------------------------------------------------------- */

void riscv_kick(struct riscv_hart *h)
{
	__atomic_store_n(&h->kicked, 1, __ATOMIC_RELEASE);
}

void riscv_set_irq(struct riscv_hart *h, unsigned bit, bool level)
{
	if (level)
		__atomic_fetch_or(&h->lines, BIT(bit), __ATOMIC_ACQ_REL);
	else
		__atomic_fetch_and(&h->lines, ~BIT(bit), __ATOMIC_ACQ_REL);
}

void riscv_set_mtimecmp(struct riscv_hart *h, uint64_t ticks)
{
	__atomic_store_n(&h->mtimecmp, ticks, __ATOMIC_RELEASE);
}

uint64_t riscv_get_mtimecmp(struct riscv_hart *h)
{
	return __atomic_load_n(&h->mtimecmp, __ATOMIC_ACQUIRE);
}

uint64_t riscv_request_fence(struct riscv_hart *h, unsigned what)
{
	__atomic_fetch_or(&h->fence_what, what, __ATOMIC_ACQ_REL);
	return __atomic_add_fetch(&h->fence_want, 1, __ATOMIC_ACQ_REL);
}

bool riscv_fence_done(struct riscv_hart *h, uint64_t seq)
{
	return __atomic_load_n(&h->fence_have, __ATOMIC_ACQUIRE) >= seq;
}

/* ---- looking inside ------------------------------------------------------------------ */

bool riscv_irq_pending(struct riscv_hart *h)
{
	return riscv__mip(h) & h->mie;
}

uint64_t riscv_wake_time(struct riscv_hart *h)
{
	uint64_t t = UINT64_MAX;

	if (h->mie & IP_MTIP)
		t = riscv_get_mtimecmp(h);
	if (h->mie & IP_STIP && h->menvcfg & ENVCFG_STCE)
		t = MIN(t, h->stimecmp);
	return t;
}

uint64_t riscv_get_x(const struct riscv_hart *h, unsigned r)
{
	return r ? h->x[r & 31] : 0;
}
void riscv_set_x(struct riscv_hart *h, unsigned r, uint64_t v)
{
	if (r && r < 32)
		h->x[r] = v;
}
uint64_t riscv_get_pc(const struct riscv_hart *h)
{
	return h->pc;
}
void riscv_set_pc(struct riscv_hart *h, uint64_t pc)
{
	h->pc = pc & ~1ull;
}
uint64_t riscv_get_f(const struct riscv_hart *h, unsigned r)
{
	return h->f[r & 31];
}
void riscv_set_f(struct riscv_hart *h, unsigned r, uint64_t v)
{
	h->f[r & 31] = v;
}
unsigned riscv_get_priv(const struct riscv_hart *h)
{
	return h->priv;
}
bool riscv_get_csr(struct riscv_hart *h, unsigned csr, uint64_t *v)
{
	return riscv__csr_read(h, csr, v);
}
bool riscv_set_csr(struct riscv_hart *h, unsigned csr, uint64_t v)
{
	return riscv__csr_write(h, csr, v);
}
uint64_t riscv_instret(const struct riscv_hart *h)
{
	return h->instret;
}
void riscv_set_stimecmp(struct riscv_hart *h, uint64_t ticks)
{
	h->stimecmp = ticks;
	h->check = true;
}

int riscv_set_break(struct riscv_hart *h, uint64_t pc, bool on)
{
	unsigned i = 0;

	while (i < h->break_count && h->breaks[i] != pc)
		i++;
	if (on && i == h->break_count) {
		if (i == ARRAY_LEN(h->breaks))
			return -ENOSPC;
		h->breaks[h->break_count++] = pc;
	} else if (!on && i < h->break_count) {
		h->breaks[i] = h->breaks[--h->break_count];
	}
	riscv__code_flush_all(h);
	return 0;
}

uint64_t riscv_debug_mem(struct riscv_hart *h, uint64_t va, void *buf, uint64_t n, bool write)
{
	uint64_t done = 0;

	while (done < n) {
		uint64_t at = va + done, gpa, room = MEM_PAGE - (at & (MEM_PAGE - 1));
		uint64_t len = MIN(room, n - done);
		uint8_t *p = (uint8_t *)buf + done;

		if (!riscv__debug_translate(h, at, &gpa))
			break;
		if (!(write ? mem_write(h->cfg.mem, GPA(gpa), p, len)
			    : mem_read(h->cfg.mem, GPA(gpa), p, len)))
			break;
		done += len;
	}
	if (write)
		riscv__code_fence(h);
	return done;
}

/* ---- state -------------------------------------------------------------------------------- */

/* CSRs that are saved as they are. */
#define STATE_WORDS(X)                                                         \
	X(pc) X(mstatus) X(medeleg) X(mideleg) X(mie) X(mip) X(mtvec) X(mscratch) \
	X(mepc) X(mcause) X(mtval) X(stvec) X(sscratch) X(sepc) X(scause)      \
	X(stval) X(satp) X(mcounteren) X(scounteren) X(menvcfg) X(senvcfg)     \
	X(stimecmp) X(mtimecmp) X(lines) X(instret) X(instret_off) X(cycle_off) \
	X(res_value)

/* The reservation as a guest address (| 1: eight bytes); all ones: none. */
static uint64_t reservation_gpa(const struct riscv_hart *h)
{
	for (unsigned i = 0; h->res_host && i < mem_ram_count(h->cfg.mem); i++) {
		const struct mem_ram *r = mem_ram_at(h->cfg.mem, i);

		if (h->res_host - (uintptr_t)r->host < r->size)
			return r->base.a + (h->res_host - (uintptr_t)r->host);
	}
	return UINT64_MAX;
}

void riscv_hart_save(struct riscv_hart *h, struct ser_writer *w)
{
	char name[16];

	snprintf(name, sizeof(name), "hart%u", h->cfg.id);
	ser_begin(w, name, 1);
	for (unsigned i = 1; i < 32; i++)
		ser_u64(w, h->x[i]);
	for (unsigned i = 0; i < 32; i++)
		ser_u64(w, h->f[i]);
#define X(field) ser_u64(w, h->field);
	STATE_WORDS(X)
#undef X
	ser_u8(w, h->fs);
	ser_u8(w, h->frm);
	ser_u8(w, (uint8_t)h->fflags);
	ser_u8(w, h->priv);
	ser_u8(w, h->waiting);
	ser_u8(w, h->check);
	ser_u64(w, reservation_gpa(h));
	for (unsigned i = 0; i < PMP_COUNT; i++) {
		ser_u64(w, h->pmpaddr[i]);
		ser_u8(w, h->pmp[i].cfg);
	}
	ser_u8(w, h->imsic != NULL);
	if (h->imsic)
		riscv__imsic_save(h, w);
	ser_end(w);
}

void riscv_hart_load(struct riscv_hart *h, struct ser_reader *r)
{
	const struct mem_ram *ram;
	bool check, waiting;
	char name[16];
	uint64_t gpa;

	snprintf(name, sizeof(name), "hart%u", h->cfg.id);
	if (!ser_open(r, name, 1, 1))
		return;
	for (unsigned i = 1; i < 32; i++)
		h->x[i] = ser_get_u64(r);
	for (unsigned i = 0; i < 32; i++)
		h->f[i] = ser_get_u64(r);
#define X(field) h->field = ser_get_u64(r);
	STATE_WORDS(X)
#undef X
	h->fs = ser_get_u8(r);
	h->frm = ser_get_u8(r);
	h->fflags = ser_get_u8(r);
	h->priv = ser_get_u8(r);
	waiting = ser_get_u8(r);
	check = ser_get_u8(r);
	gpa = ser_get_u64(r);
	for (unsigned i = 0; i < PMP_COUNT; i++) {
		h->pmpaddr[i] = ser_get_u64(r);
		h->pmp[i].cfg = ser_get_u8(r);
	}
	ser_check(r, h->fs < 4 && h->frm < 8 && h->fflags < 32 && h->priv < 4 && h->priv != 2 &&
		     !(h->pc & 1) && riscv__csrs_legal(h), "hart state out of range");
	if (ser_get_u8(r)) {
		if (ser_check(r, h->imsic != NULL, "an IMSIC that this machine lacks"))
			riscv__imsic_load(h, r);
	} else {
		ser_check(r, h->imsic == NULL, "no IMSIC, which this machine has");
	}
	ser_close(r);
	if (ser_error(r, NULL)) {
		riscv_hart_reset(h, 0, 0);
		return;
	}
	/* An address as LR makes it: 4-byte aligned, or 8-byte aligned | 1. */
	h->res_host = 0;
	ram = gpa == UINT64_MAX || (gpa & (gpa & 1 ? 6 : 3)) ? NULL
			: mem_find_ram(h->cfg.mem, GPA(gpa & ~1ull));
	if (ram)
		h->res_host = (uintptr_t)ram->host + (gpa - ram->base.a);
	h->ram = NULL;
	riscv__pmp_update(h);
	riscv__view_switch(h);
	riscv__code_fence(h);
	h->waiting = waiting;
	h->check = check;
}

/* ---- what is implemented ------------------------------------------------------------------- */

#define SINGLE_LETTERS(X) X("i") X("m") X("a") X("f") X("d") X("c")
#define MULTI_LETTERS(X)                                                       \
	X("zicbom") X("zicbop") X("zicboz") X("zicntr") X("zicond") X("zicsr")  \
	X("zifencei") X("zihintpause") X("zihpm") X("zawrs") X("zabha")        \
	X("zacas") X("zfa") X("zfh") X("zfhmin") X("zca") X("zcb") X("zcd")    \
	X("zba") X("zbb") X("zbc") X("zbs")
#define SUPERVISOR(X) X("sstc") X("svadu") X("svinval") X("svnapot") X("svpbmt") X("svvptc")

const char *riscv_isa_string(bool aia)
{
#define X(s) "_" s
	return aia ? "rv64imafdc" MULTI_LETTERS(X) X("smaia") X("ssaia") SUPERVISOR(X)
		   : "rv64imafdc" MULTI_LETTERS(X) SUPERVISOR(X);
#undef X
}

const char *riscv_isa_extensions(bool aia, unsigned *len)
{
#define X(s) s "\0"
	static const char with[] = SINGLE_LETTERS(X) MULTI_LETTERS(X) X("smaia") X("ssaia") SUPERVISOR(X);
	static const char without[] = SINGLE_LETTERS(X) MULTI_LETTERS(X) SUPERVISOR(X);
#undef X

	*len = (unsigned)(aia ? sizeof(with) : sizeof(without)) - 1;
	return aia ? with : without;
}
