/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoded code.  Each hart has its own pages, found by physical address and
 * thrown away by a clock hand; so no lock, and no other hart can change them.
 *
 * What is decoded is a copy of the page, taken when the page was first
 * entered.  FENCE.I starts an epoch; a page of an older epoch is compared
 * with memory when it is entered again, and decoded anew if it differs.
 * That is exact without watching stores: RISC-V promises new code only
 * after FENCE.I (unpriv. spec, Zifencei).
 */
#include <stdatomic.h>

#include "base/alloc.h"
#include "riscv/decode.h"
#include "riscv/handlers.h"
#include "riscv/state.h"

enum { RUN_MAX = 255, DEFAULT_PAGES = 1024 };

bool riscv__code_init(struct riscv_hart *h)
{
	h->page_limit = h->cfg.code_pages ? h->cfg.code_pages : DEFAULT_PAGES;
	if (h->cfg.stress || h->page_limit < 2)
		h->page_limit = 2;
	h->pages = base_calloc(h->page_limit, sizeof(h->pages[0]));
	h->dec = riscv_decoder_create();
	return h->pages && h->dec;
}

void riscv__code_fini(struct riscv_hart *h)
{
	for (unsigned i = 0; i < h->page_count; i++)
		base_free(h->pages[i]);
	base_free(h->pages);
	riscv_decoder_destroy(h->dec);
}

static void page_clear(struct code_page *p)
{
	for (unsigned i = 0; i < PAGE_SLOTS; i++)
		p->op[i] = (struct op){ .fn = riscv__op_decode };
	p->op[PAGE_SLOTS] = (struct op){ .fn = riscv__op_page_end };
	p->op[PAGE_SLOTS + 1] = p->op[PAGE_SLOTS];
}

void riscv__code_flush_all(struct riscv_hart *h)
{
	for (unsigned i = 0; i < h->page_count; i++)
		page_clear(h->pages[i]);
	riscv__code_flush_map(h);
}

/* ---- pages --------------------------------------------------------------------- */

/* Other harts may be writing: any mixture of old and new is allowed. */
static bool copy_page(struct code_page *p)
{
	const uint64_t *from = (const uint64_t *)p->host;
	uint64_t *to = (uint64_t *)p->copy, diff = 0;

#if !defined(__SANITIZE_THREAD__)
	if (!memcmp(p->copy, p->host, MEM_PAGE))
		return false;
#endif
	for (unsigned i = 0; i < MEM_PAGE / 8; i++) {
		uint64_t v = __atomic_load_n(&from[i], __ATOMIC_RELAXED);

		diff |= v ^ to[i];
		to[i] = v;
	}
	return diff != 0;
}

static struct code_page **hash_slot(struct riscv_hart *h, uint64_t gpa)
{
	return &h->hash[gpa >> MEM_PAGE_SHIFT & (CODE_HASH - 1)];
}

static void unhash(struct riscv_hart *h, struct code_page *p)
{
	struct code_page **pp = hash_slot(h, p->gpa);

	while (*pp != p)
		pp = &(*pp)->hash_next;
	*pp = p->hash_next;
}

/* A page to fill: a new one while the limit and the heap allow, else one that
 * was not entered for a while.  NULL: out of memory with no page at all. */
static struct code_page *page_get(struct riscv_hart *h)
{
	struct code_page *p;

	if (h->page_count < h->page_limit) {
		p = base_aligned(64, sizeof(*p));
		if (p) {
			h->pages[h->page_count++] = p;
			return p;
		}
		if (!h->page_count)
			return NULL;
	}
	for (;;) {
		p = h->pages[h->hand];
		h->hand = (h->hand + 1) % h->page_count;
		if (!p->used)
			break;
		p->used = false;
	}
	unhash(h, p);
	riscv__view_drop(h, p);
	return p;
}

/* Before a page is entered. */
static void page_verify(struct riscv_hart *h, struct code_page *p)
{
	p->used = true;
	if (p->epoch == h->epoch)
		return;
	p->epoch = h->epoch;
	if (copy_page(p))
		page_clear(p);
}

static struct code_page *page_find(struct riscv_hart *h, uint64_t gpa)
{
	struct code_page *p = *hash_slot(h, gpa), **slot;
	const struct mem_ram *ram;

	while (p && p->gpa != gpa)
		p = p->hash_next;
	if (p) {
		page_verify(h, p);
		return p;
	}
	ram = riscv__ram(h, gpa);
	if (!ram)
		return NULL;
	p = page_get(h);
	if (!p)
		return NULL;
	p->gpa = gpa;
	p->host = ram->host + (gpa - ram->base.a);
	p->epoch = h->epoch;
	p->used = true;
	copy_page(p);
	page_clear(p);
	slot = hash_slot(h, gpa);
	p->hash_next = *slot;
	*slot = p;
	return p;
}

/* The decoded page of virtual address va.  NULL and *single: not wholly
 * executable RAM; NULL and not *single: the fetch trapped. */
static struct code_page *page_at(struct riscv_hart *h, uint64_t va, bool *single)
{
	uint64_t page = va & ~(uint64_t)(MEM_PAGE - 1), gpa;
	struct xtlb_entry *e = &h->view->xtlbs[h->xctx][va >> MEM_PAGE_SHIFT & (XTLB_SIZE - 1)];
	uint8_t *leaf = &h->view->xleaf[h->xctx][va >> 63], level;
	struct code_page *p;
	bool whole;

	if (e->va == page) {
		page_verify(h, e->page);
		return e->page;
	}
	*single = false;
	if (!riscv__fetch_page(h, va, &gpa, &whole))
		return NULL;
	level = h->walk_level;
	p = whole ? page_find(h, gpa) : NULL;
	if (!p) {
		*single = true;
		return NULL;
	}
	*leaf = MAX(*leaf, level + 1);
	*e = (struct xtlb_entry){ page, p };
	return p;
}

const struct op *riscv__code_enter(struct riscv_hart *h, bool *single)
{
	struct code_page *p = page_at(h, h->pc, single);
	struct jc_entry *e = &h->jc[h->pc >> 1 & (JC_SIZE - 1)];
	const struct op *op;

	if (!p)
		return NULL;
	op = &p->op[(h->pc & (MEM_PAGE - 1)) / 2];
	*e = (struct jc_entry){ h->pc, op };
	return op;
}

/* ---- decoding ------------------------------------------------------------------- */

static bool ends_run(unsigned base)
{
	if (base == INSN_pause) /* the one of its format that goes on */
		return false;
	switch (riscv_rows[base].format) {
	case FMT_J: case FMT_CSR: case FMT_CSRI: case FMT_NONE: case FMT_RS12:
		return true;
	default:
		return base == INSN_jalr;
	}
}

/* The destination that takes writes to x0. */
static uint8_t destination(unsigned format, uint8_t rd)
{
	switch (format) {
	case FMT_FLD: case FMT_FR: case FMT_FRRM: case FMT_F1: case FMT_F1RM:
	case FMT_F4: case FMT_FX: case FMT_FXRM: case FMT_FLI:
		return rd;
	default:
		return rd ? rd : 32;
	}
}

/* off: the instruction's place in its page; far: no branch stays in the page. */
static struct op make_op(const struct riscv_decoded *d, unsigned off, bool far)
{
	unsigned base = riscv_rows[d->row].base, format = riscv_rows[base].format;
	unsigned alt = 0;

	if (format == FMT_B || format == FMT_J)
		alt = far || off + (uint64_t)(int64_t)d->imm >= MEM_PAGE;
	return (struct op){
		.fn = riscv__handler(base, alt * 2 + (d->len == 4)),
		.imm = d->imm,
		.rd = destination(format, d->rd),
		.rs1 = d->rs1,
		.rs2 = d->rs2,
		.left = 1,
	};
}

static bool has_break(const struct riscv_hart *h, unsigned off)
{
	for (unsigned i = 0; i < h->break_count; i++)
		if ((h->breaks[i] & (MEM_PAGE - 1)) == off)
			return true;
	return false;
}

/* Give a the handler of the pair of rows a, b.  The slot b stays as it is: a
 * pair that cannot go on continues there, and a branch may enter there. */
static void fuse(struct op *a, const struct op *b, unsigned row_a, unsigned row_b,
		 unsigned len_a, unsigned len_b)
{
	op_fn *fn;

	/* A branch out of the page is not what pairs are made of. */
	if (b->fn != riscv__handler(row_b, len_b == 2))
		return;
	fn = riscv__pair(row_a, row_b, len_a == 2, len_b == 2);
	if (fn)
		a->fn = fn;
}

/*
 * Decode from the slot `start`, which is at pc, to the end of its run, or to
 * a slot that is decoded already.  Then number them backwards.
 */
void riscv__code_decode_run(struct riscv_hart *h, const struct op *start, uint64_t pc)
{
	unsigned i = (pc & (MEM_PAGE - 1)) / 2, n = 0, left;
	struct code_page *p = (struct code_page *)(uintptr_t)(start - i);
	uint16_t slots[RUN_MAX], base[RUN_MAX];
	uint8_t lens[RUN_MAX];
	bool ended = false;

	while (n < RUN_MAX && i < PAGE_SLOTS && p->op[i].fn == riscv__op_decode) {
		unsigned low = ld_le16(p->copy + 2 * i);
		struct riscv_decoded d;

		if (has_break(h, 2 * i)) {
			p->op[i].fn = riscv__op_break;
			break;
		}
		if ((low & 3) == 3 && i == PAGE_SLOTS - 1) {
			p->op[i].fn = riscv__op_cross;
			break;
		}
		d = riscv_decode(h->dec, (low & 3) == 3 ? ld_le32(p->copy + 2 * i) : low);
		p->op[i] = make_op(&d, 2 * i, false);
		slots[n] = (uint16_t)i;
		lens[n] = d.len / 2;
		base[n] = riscv_rows[d.row].base;
		n++;
		i += d.len / 2;
		if (ends_run(base[n - 1])) {
			ended = true;
			break;
		}
	}
	if (!n)
		return;
	/* What follows: a slot with a run of its own continues this one. */
	left = ended ? 0 : p->op[i].left;
	if (!ended && p->op[i].fn == riscv__op_decode)
		p->op[i].fn = has_break(h, 2 * i) ? riscv__op_break : riscv__op_cross; /* RUN_MAX */
	if (left + n > RUN_MAX) {
		p->op[slots[n - 1]].fn = riscv__op_cross;
		p->op[slots[n - 1]].left = 0;
		n--;
		left = 0;
	}
	for (unsigned k = n; k-- > 0;)
		p->op[slots[k]].left = (uint8_t)++left;
	for (unsigned k = 0; k + 1 < n; k++)
		fuse(&p->op[slots[k]], &p->op[slots[k + 1]], base[k], base[k + 1], lens[k], lens[k + 1]);
}

/* The raw bits at h->pc, from decoded pages where there are some. */
static bool fetch_half(struct riscv_hart *h, uint64_t va, uint16_t *v)
{
	bool single;
	struct code_page *p = page_at(h, va, &single);

	if (p) {
		*v = ld_le16(p->copy + (va & (MEM_PAGE - 1)));
		return true;
	}
	return single && riscv__fetch16(h, va, v);
}

static unsigned single_decode(struct riscv_hart *h, uint32_t insn)
{
	struct single *s = &h->singles[insn * 0x9e3779b1u >> (32 - SINGLE_BITS)];

	if (s->insn != insn || !s->op.fn) {
		struct riscv_decoded d = riscv_decode(h->dec, insn);

		*s = (struct single){ make_op(&d, 0, true), insn, d.len / 2 };
	}
	h->scratch_insn = insn;
	h->scratch[0] = s->op;
	h->scratch[s->len] = (struct op){ .fn = riscv__op_scratch_end };
	return s->len;
}

bool riscv__code_single(struct riscv_hart *h)
{
	uint16_t low, high = 0;

	if (!fetch_half(h, h->pc, &low))
		return false;
	if ((low & 3) == 3 && !fetch_half(h, h->pc + 2, &high))
		return false;
	single_decode(h, low | (uint32_t)high << 16);
	h->scratch_next = NULL;
	return true;
}

void riscv__code_single_at(struct riscv_hart *h, const struct op *op)
{
	h->scratch_next = op + single_decode(h, riscv__code_raw(h, op, h->pc));
}

uint32_t riscv__code_raw(struct riscv_hart *h, const struct op *op, uint64_t pc)
{
	unsigned i = (pc & (MEM_PAGE - 1)) / 2;
	const struct code_page *p;
	unsigned low;

	if (op == h->scratch)
		return h->scratch_insn;
	p = (const struct code_page *)(op - i);
	low = ld_le16(p->copy + 2 * i);
	return (low & 3) == 3 ? ld_le32(p->copy + 2 * i) : low;
}
