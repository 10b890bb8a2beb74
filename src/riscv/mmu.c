/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address translation and the slow paths of memory access: Sv39, Sv48, Sv57
 * (Priv. spec 10.3 to 10.6), Svnapot, Svpbmt, Svadu; PMP; MMIO; misaligned
 * accesses, which are done byte by byte after every page was checked.
 */
#include <stdatomic.h>

#include "riscv/state.h"

#define PTE_V BIT(0)
#define PTE_R BIT(1)
#define PTE_W BIT(2)
#define PTE_X BIT(3)
#define PTE_U BIT(4)
#define PTE_A BIT(6)
#define PTE_D BIT(7)
#define PTE_RESERVED (0x7full << 54)
#define PTE_PBMT (3ull << 61)
#define PTE_N BIT(63)
#define PTE_PPN(p) bits(p, 53, 10)
#define PAGE_MASK (~(uint64_t)(MEM_PAGE - 1))

enum walk { WALK_OK, WALK_PAGE_FAULT, WALK_ACCESS_FAULT };

const struct mem_ram *riscv__ram(struct riscv_hart *h, uint64_t gpa)
{
	const struct mem_ram *r = h->ram;

	if (r && gpa - r->base.a < r->size)
		return r;
	r = mem_find_ram(h->cfg.mem, GPA(gpa));
	if (r)
		h->ram = r;
	return r;
}

static bool fail(struct riscv_hart *h, enum walk why, enum riscv_access acc, uint64_t va)
{
	static const uint8_t page[] = { TRAP_FETCH_PAGE, TRAP_LOAD_PAGE, TRAP_STORE_PAGE };
	static const uint8_t access[] = { TRAP_FETCH_ACCESS, TRAP_LOAD_ACCESS, TRAP_STORE_ACCESS };

	h->trap_cause = why == WALK_PAGE_FAULT ? page[acc] : access[acc];
	h->trap_tval = va;
	return false;
}

/* ---- the walk --------------------------------------------------------------- */

struct walker {
	enum riscv_access acc;
	unsigned priv;
	bool update;            /* set A and D; false for a debugger */
};

/* Priv. spec 10.3.2, steps 5 to 8: may this leaf be used? */
static bool leaf_allows(const struct riscv_hart *h, const struct walker *w, uint64_t pte)
{
	if (pte & PTE_U) {
		if (w->priv == PRIV_S && (w->acc == ACC_FETCH || !(h->mstatus & MSTATUS_SUM)))
			return false;
	} else if (w->priv == PRIV_U) {
		return false;
	}
	switch (w->acc) {
	case ACC_FETCH:
		return pte & PTE_X;
	case ACC_LOAD:
		return pte & PTE_R || (pte & PTE_X && h->mstatus & MSTATUS_MXR);
	default:
		return pte & PTE_W;
	}
}

/* Are the bits that the specification reserves 0?  step 3 */
static bool pte_valid(const struct riscv_hart *h, uint64_t pte, bool leaf)
{
	if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || pte & PTE_RESERVED)
		return false;
	if (!leaf)
		return !(pte & (PTE_N | PTE_PBMT | PTE_A | PTE_D | PTE_U));
	if (pte & PTE_PBMT)
		return h->menvcfg & ENVCFG_PBMTE && (pte & PTE_PBMT) != PTE_PBMT;
	return true;
}

/* A and D: step 9.  Retry (true) when the entry changed meanwhile. */
static enum walk set_ad(struct riscv_hart *h, const struct walker *w, uint64_t *host,
			uint64_t at, bool writable, uint64_t pte, bool *retry)
{
	uint64_t want = pte | PTE_A | (w->acc == ACC_STORE ? PTE_D : 0);

	*retry = false;
	if (want == pte || !w->update)
		return WALK_OK;
	if (!(h->menvcfg & ENVCFG_ADUE))
		return WALK_PAGE_FAULT;
	if (!writable || !riscv__pmp_allows(h, at, 8, PRIV_S, ACC_STORE))
		return WALK_ACCESS_FAULT;
	*retry = !__atomic_compare_exchange_n(host, &pte, want, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	mem_mark_dirty(h->cfg.mem, GPA(at), 8);
	return WALK_OK;
}

static enum walk walk(struct riscv_hart *h, const struct walker *w, uint64_t va, uint64_t *gpa)
{
	unsigned mode = (unsigned)(h->satp >> 60), levels = mode - 8 + 3;
	uint64_t table = bits(h->satp, 43, 0) << 12;

	if ((uint64_t)sext(va, 12 + 9 * levels) != va)
		return WALK_PAGE_FAULT;
	for (int i = (int)levels - 1; i >= 0; i--) {
		unsigned shift = 12 + 9 * (unsigned)i;
		uint64_t at = table + (va >> shift & 511) * 8, pte, ppn, *host;
		const struct mem_ram *ram = riscv__ram(h, at);
		enum walk r;
		bool leaf, retry;

		if (!ram || !riscv__pmp_allows(h, at, 8, PRIV_S, ACC_LOAD))
			return WALK_ACCESS_FAULT;
		host = (uint64_t *)(ram->host + (at - ram->base.a));
		do {
			pte = __atomic_load_n(host, __ATOMIC_ACQUIRE);
			leaf = pte & (PTE_R | PTE_X);
			if (!pte_valid(h, pte, leaf))
				return WALK_PAGE_FAULT;
			ppn = PTE_PPN(pte);
			if (!leaf)
				break;
			if (!leaf_allows(h, w, pte))
				return WALK_PAGE_FAULT;
			if (pte & PTE_N) {
				/* Svnapot: 64 KiB only */
				if (i != 0 || (ppn & 15) != 8)
					return WALK_PAGE_FAULT;
				ppn = (ppn & ~15ull) | (va >> 12 & 15);
			}
			if (ppn & (BIT(9 * (unsigned)i) - 1))
				return WALK_PAGE_FAULT;
			r = set_ad(h, w, host, at, !ram->readonly, pte, &retry);
			if (r != WALK_OK)
				return r;
		} while (retry);
		if (leaf) {
			h->walk_level = (uint8_t)(pte & PTE_N ? 1 : i);
			*gpa = ppn << 12 | (va & (BIT(shift) - 1));
			return WALK_OK;
		}
		table = ppn << 12;
	}
	return WALK_PAGE_FAULT;
}

/* Translate and check [va, va+len), which lies in one page. */
static bool translate(struct riscv_hart *h, uint64_t va, unsigned len,
		      enum riscv_access acc, unsigned priv, uint64_t *gpa)
{
	struct walker w = { acc, priv, true };

	*gpa = va;
	h->walk_level = 0;
	if (priv != PRIV_M && h->satp >> 60) {
		enum walk r = walk(h, &w, va, gpa);

		if (r != WALK_OK)
			return fail(h, r, acc, va);
	}
	if (!riscv__pmp_allows(h, *gpa, len, priv, acc))
		return fail(h, WALK_ACCESS_FAULT, acc, va);
	return true;
}

bool riscv__debug_translate(struct riscv_hart *h, uint64_t va, uint64_t *gpa)
{
	struct walker w = { ACC_LOAD, PRIV_S, false };
	uint64_t saved = h->mstatus;
	bool ok;

	*gpa = va;
	if (h->priv == PRIV_M || !(h->satp >> 60))
		return true;
	h->mstatus |= MSTATUS_SUM | MSTATUS_MXR; /* a debugger may look everywhere */
	ok = walk(h, &w, va, gpa) == WALK_OK;
	h->mstatus = saved;
	return ok;
}

/* ---- TLB ------------------------------------------------------------------------ */

static void fill(struct riscv_hart *h, uint64_t va, uint64_t gpa, const struct mem_ram *ram,
		 enum riscv_access acc)
{
	struct tlb *t = h->cur_tlb;
	uint64_t page = va & PAGE_MASK, gpage = gpa & PAGE_MASK;
	uint8_t *leaf = &h->view->leaf[t - h->view->tlb][va >> 63];
	struct tlb_entry *e;

	if (!riscv__pmp_uniform(h, gpage))
		return;
	if (h->cfg.stress && ++h->fills > 4)
		riscv__tlb_flush(h);
	e = acc == ACC_STORE ? t->store : t->load;
	e += va >> MEM_PAGE_SHIFT & (TLB_SIZE - 1);
	e->tag = page;
	*leaf = MAX(*leaf, h->walk_level + 1);
	e->addend = (uintptr_t)ram->host + (gpage - ram->base.a) - page;
	if (acc == ACC_STORE)
		mem_mark_dirty(h->cfg.mem, GPA(gpage), MEM_PAGE);
}

/* Host address for an access inside one page of RAM; NULL with *mmio: not RAM
 * (gpa is set); NULL otherwise: trapped. */
static uint8_t *locate(struct riscv_hart *h, uint64_t va, unsigned len,
		       enum riscv_access acc, uint64_t *gpa, bool *mmio)
{
	const struct mem_ram *ram;

	*mmio = false;
	if (!translate(h, va, len, acc, h->data_priv, gpa))
		return NULL;
	ram = riscv__ram(h, *gpa);
	if (!ram) {
		*mmio = true;
		return NULL;
	}
	if (acc == ACC_STORE && ram->readonly) {
		fail(h, WALK_ACCESS_FAULT, acc, va);
		return NULL;
	}
	fill(h, va, *gpa, ram, acc);
	if (acc == ACC_STORE)
		mem_mark_dirty(h->cfg.mem, GPA(*gpa), len);
	return ram->host + (*gpa - ram->base.a);
}

/* ---- loads and stores ------------------------------------------------------------ */

static uint64_t get(const uint8_t *p, unsigned size)
{
	switch (size) {
	case 1: return __atomic_load_n(p, __ATOMIC_RELAXED);
	case 2: return __atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED);
	case 4: return __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
	default: return __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
	}
}

static void put(uint8_t *p, unsigned size, uint64_t v)
{
	switch (size) {
	case 1: __atomic_store_n(p, (uint8_t)v, __ATOMIC_RELAXED); break;
	case 2: __atomic_store_n((uint16_t *)p, (uint16_t)v, __ATOMIC_RELAXED); break;
	case 4: __atomic_store_n((uint32_t *)p, (uint32_t)v, __ATOMIC_RELAXED); break;
	default: __atomic_store_n((uint64_t *)p, v, __ATOMIC_RELAXED); break;
	}
}

/* Both parts of a misaligned access; the second may be empty. */
struct parts {
	uint8_t *host[2];
	unsigned len[2];
};

static bool locate_parts(struct riscv_hart *h, uint64_t va, unsigned size,
			 enum riscv_access acc, struct parts *p)
{
	unsigned room = MEM_PAGE - (unsigned)(va & (MEM_PAGE - 1));
	uint64_t gpa;
	bool mmio;

	p->len[0] = MIN(room, size);
	p->len[1] = size - p->len[0];
	for (unsigned i = 0; i < 2 && p->len[i]; i++) {
		uint64_t at = va + (i ? p->len[0] : 0);

		p->host[i] = locate(h, at, p->len[i], acc, &gpa, &mmio);
		if (mmio) /* devices take aligned accesses only */
			return fail(h, WALK_ACCESS_FAULT, acc, at);
		if (!p->host[i])
			return false;
	}
	return true;
}

bool riscv__load(struct riscv_hart *h, uint64_t va, unsigned size, uint64_t *v)
{
	struct parts p;
	uint64_t gpa;
	uint8_t *host;
	bool mmio;

	if (va & (size - 1)) {
		if (!locate_parts(h, va, size, ACC_LOAD, &p))
			return false;
		*v = 0;
		for (unsigned i = size; i-- > 0;) {
			const uint8_t *b = i < p.len[0] ? p.host[0] + i
							: p.host[1] + (i - p.len[0]);
			*v = *v << 8 | get(b, 1);
		}
		return true;
	}
	host = locate(h, va, size, ACC_LOAD, &gpa, &mmio);
	if (host) {
		*v = get(host, size);
		return true;
	}
	if (!mmio)
		return false;
	if (!mem_mmio_read(h->cfg.mem, GPA(gpa), size, v))
		return fail(h, WALK_ACCESS_FAULT, ACC_LOAD, va);
	if (size < 8)
		*v &= BIT(8 * size) - 1;
	return true;
}

bool riscv__store(struct riscv_hart *h, uint64_t va, unsigned size, uint64_t v)
{
	struct parts p;
	uint64_t gpa;
	uint8_t *host;
	bool mmio;

	if (va & (size - 1)) {
		if (!locate_parts(h, va, size, ACC_STORE, &p))
			return false;
		for (unsigned i = 0; i < size; i++, v >>= 8)
			put(i < p.len[0] ? p.host[0] + i : p.host[1] + (i - p.len[0]), 1, v);
		return true;
	}
	host = locate(h, va, size, ACC_STORE, &gpa, &mmio);
	if (host) {
		put(host, size, v);
		return true;
	}
	if (!mmio)
		return false;
	if (size < 8)
		v &= BIT(8 * size) - 1;
	if (!mem_mmio_write(h->cfg.mem, GPA(gpa), size, v))
		return fail(h, WALK_ACCESS_FAULT, ACC_STORE, va);
	return true;
}

void *riscv__atomic_ptr(struct riscv_hart *h, uint64_t va, unsigned size, enum riscv_access acc)
{
	uint64_t gpa;
	uint8_t *host;
	bool mmio;

	if (va & (size - 1)) {
		h->trap_cause = acc == ACC_LOAD ? TRAP_LOAD_MISALIGNED : TRAP_STORE_MISALIGNED;
		h->trap_tval = va;
		return NULL;
	}
	host = locate(h, va, size, acc, &gpa, &mmio);
	if (mmio) /* only RAM supports atomics (PMA) */
		fail(h, WALK_ACCESS_FAULT, acc, va);
	return host;
}

/* ---- cache blocks: 64 bytes; there is no cache to manage --------------------------- */

/* Zicbom, Zicboz: menvcfg for modes below M, senvcfg too for U. */
static bool cbo_enabled(const struct riscv_hart *h, enum riscv_cbo what)
{
	uint64_t both = ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE;

	if (h->priv < PRIV_M)
		both &= h->menvcfg;
	if (h->priv == PRIV_U)
		both &= h->senvcfg;
	if (what == CBO_inval)
		return both & BIT(4); /* 01: as flush, 11: inval; 00: off */
	return both & (what == CBO_zero ? ENVCFG_CBZE : ENVCFG_CBCFE);
}

bool riscv__cbo(struct riscv_hart *h, enum riscv_cbo what, uint64_t va)
{
	uint64_t gpa;
	uint8_t *host;
	bool mmio;

	if (!cbo_enabled(h, what)) {
		h->trap_cause = TRAP_ILLEGAL;
		return false;
	}
	if (what != CBO_zero) {
		/* Allowed where a load or a store is; faults are a store's. */
		if (locate(h, va, 1, ACC_LOAD, &gpa, &mmio) || mmio)
			return true;
		if (locate(h, va, 1, ACC_STORE, &gpa, &mmio) || mmio)
			return true;
		h->trap_tval = va;
		return false;
	}
	host = locate(h, va & ~63ull, 64, ACC_STORE, &gpa, &mmio);
	if (!host) {
		if (mmio)
			fail(h, WALK_ACCESS_FAULT, ACC_STORE, va);
		h->trap_tval = va;
		return false;
	}
	for (unsigned i = 0; i < 64; i += 8)
		put(host + i, 8, 0);
	return true;
}

/* ---- fetch ---------------------------------------------------------------------------- */

bool riscv__fetch16(struct riscv_hart *h, uint64_t va, uint16_t *v)
{
	const struct mem_ram *ram;
	uint64_t gpa;

	if (!translate(h, va, 2, ACC_FETCH, h->priv, &gpa))
		return false;
	ram = riscv__ram(h, gpa);
	if (!ram)
		return fail(h, WALK_ACCESS_FAULT, ACC_FETCH, va);
	*v = (uint16_t)get(ram->host + (gpa - ram->base.a), 2);
	return true;
}

bool riscv__fetch_page(struct riscv_hart *h, uint64_t va, uint64_t *gpa, bool *whole)
{
	struct walker w = { ACC_FETCH, h->priv, true };
	uint64_t a = va;

	h->walk_level = 0;
	if (h->priv != PRIV_M && h->satp >> 60) {
		enum walk r = walk(h, &w, va, &a);

		if (r != WALK_OK)
			return fail(h, r, ACC_FETCH, va);
	}
	*gpa = a & PAGE_MASK;
	*whole = false;
	if (!riscv__pmp_uniform(h, *gpa))
		return true; /* one by one, each with its own check */
	if (!riscv__ram(h, a) || !riscv__pmp_allows(h, *gpa, MEM_PAGE, h->priv, ACC_FETCH))
		return fail(h, WALK_ACCESS_FAULT, ACC_FETCH, va);
	*whole = true;
	return true;
}
