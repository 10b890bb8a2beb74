/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views: what a hart has learned about each of the last few address spaces,
 * so that going back to one finds it as it was left.
 *
 * A view belongs to one whole value of satp, of which the ASID is a part; two
 * spaces that share an ASID never see each other's entries.  ASID 0 with
 * translation is what software uses that knows no ASIDs: such a view starts
 * empty each time.  Global mappings are learned anew in each view: what the G
 * bit allows to keep, a flush by ASID may throw away (Priv. spec 10.2.1).
 *
 * What a flush owes to views that are not in use is done when they are
 * entered.
 */
#include "riscv/state.h"

/* ---- one view ------------------------------------------------------------------ */

static void clear_data(struct view *v)
{
	v->stale_data = false;
	for (unsigned c = 0; c < CTX_COUNT; c++) {
		if (!(v->leaf[c][0] | v->leaf[c][1]))
			continue;
		for (unsigned i = 0; i < TLB_SIZE; i++)
			v->tlb[c].load[i].tag = v->tlb[c].store[i].tag = TLB_EMPTY;
	}
	memset(v->leaf, 0, sizeof(v->leaf));
}

static void clear_jumps(struct view *v)
{
	for (unsigned c = 0; c < XCTX_COUNT; c++)
		if (v->xleaf[c][0] | v->xleaf[c][1])
			for (unsigned i = 0; i < JC_SIZE; i++)
				v->jcs[c][i].pc = 1;
}

static void clear_code(struct view *v)
{
	v->stale_code = false;
	clear_jumps(v);
	for (unsigned c = 0; c < XCTX_COUNT; c++)
		if (v->xleaf[c][0] | v->xleaf[c][1])
			for (unsigned i = 0; i < XTLB_SIZE; i++)
				v->xtlbs[c][i].va = 1;
	memset(v->xleaf, 0, sizeof(v->xleaf));
}

/* A leaf above level 0 stands here as entries of 4 KiB: all of them go that
 * might come from the leaf of va (Priv. spec 10.2.1, SFENCE.VMA). */
static void clear_data_page(struct view *v, uint64_t va)
{
	for (unsigned c = 0; c < CTX_COUNT; c++) {
		unsigned leaf = v->leaf[c][va >> 63], shift = MEM_PAGE_SHIFT + 9 * (leaf - 1);
		unsigned i = va >> MEM_PAGE_SHIFT & (TLB_SIZE - 1);
		struct tlb *t = &v->tlb[c];

		if (leaf <= 1) {
			t->load[i].tag = t->store[i].tag = TLB_EMPTY;
			continue;
		}
		for (i = 0; i < TLB_SIZE; i++) {
			if ((t->load[i].tag ^ va) >> shift == 0)
				t->load[i].tag = TLB_EMPTY;
			if ((t->store[i].tag ^ va) >> shift == 0)
				t->store[i].tag = TLB_EMPTY;
		}
	}
}

static void clear_code_page(struct view *v, uint64_t va)
{
	for (unsigned c = 0; c < XCTX_COUNT; c++) {
		unsigned leaf = v->xleaf[c][va >> 63], shift = MEM_PAGE_SHIFT + 9 * (leaf - 1);

		if (!leaf)
			continue;
		for (unsigned i = 0; i < JC_SIZE; i++)
			if ((v->jcs[c][i].pc ^ va) >> shift == 0)
				v->jcs[c][i].pc = 1;
		for (unsigned i = 0; i < XTLB_SIZE; i++)
			if ((v->xtlbs[c][i].va ^ va) >> shift == 0)
				v->xtlbs[c][i].va = 1;
	}
}

/* ---- all of them ----------------------------------------------------------------- */

void riscv__view_init(struct riscv_hart *h)
{
	for (unsigned i = 0; i < VIEW_COUNT; i++) {
		struct view *v = &h->views[i];

		memset(v->leaf, 1, sizeof(v->leaf));
		memset(v->xleaf, 1, sizeof(v->xleaf));
		clear_data(v);
		clear_code(v);
	}
	h->view = &h->views[0];
}

void riscv__tlb_flush(struct riscv_hart *h)
{
	for (unsigned i = 0; i < VIEW_COUNT; i++)
		h->views[i].stale_data = true;
	clear_data(h->view);
	h->fills = 0;
}

void riscv__code_flush_map(struct riscv_hart *h)
{
	for (unsigned i = 0; i < VIEW_COUNT; i++)
		h->views[i].stale_code = true;
	clear_code(h->view);
}

void riscv__code_fence(struct riscv_hart *h)
{
	h->epoch++;
	clear_jumps(h->view);
	h->view->epoch = h->epoch;
}

void riscv__flush_vma(struct riscv_hart *h, const uint64_t *va, const uint64_t *asid)
{
	for (unsigned i = 0; i < VIEW_COUNT; i++) {
		struct view *v = &h->views[i];

		if (asid && ((v->satp >> 44 ^ *asid) & 0xffff))
			continue;
		if (!va) {
			v->stale_data = v->stale_code = true;
			continue;
		}
		if (!v->stale_data)
			clear_data_page(v, *va);
		if (!v->stale_code)
			clear_code_page(v, *va);
	}
	if (h->view->stale_data)
		clear_data(h->view);
	if (h->view->stale_code)
		clear_code(h->view);
}

/* A decoded page is about to hold another one. */
void riscv__view_drop(struct riscv_hart *h, const struct code_page *p)
{
	for (unsigned k = 0; k < VIEW_COUNT * XCTX_COUNT; k++) {
		struct view *v = &h->views[k / XCTX_COUNT];
		unsigned c = k % XCTX_COUNT;

		if (v->stale_code || !(v->xleaf[c][0] | v->xleaf[c][1]))
			continue;
		for (unsigned i = 0; i < JC_SIZE; i++)
			if ((uintptr_t)v->jcs[c][i].op - (uintptr_t)p < sizeof(p->op))
				v->jcs[c][i].pc = 1;
		for (unsigned i = 0; i < XTLB_SIZE; i++)
			if (v->xtlbs[c][i].page == p)
				v->xtlbs[c][i].va = 1;
	}
}

/* The view of the value that satp has now. */
void riscv__view_switch(struct riscv_hart *h)
{
	struct view *v = &h->views[0], *oldest = v;

	h->view->left = ++h->view_clock;
	for (; v < h->views + VIEW_COUNT && v->satp != h->satp; v++)
		if (v->left < oldest->left)
			oldest = v;
	if (v == h->views + VIEW_COUNT) {
		v = oldest;
		v->satp = h->satp;
		v->stale_data = v->stale_code = true;
	} else if (h->satp >> 60 && !bits(h->satp, 59, 44)) {
		v->stale_data = v->stale_code = true;
	}
	h->view = v;
	if (v->stale_data)
		clear_data(v);
	if (v->stale_code)
		clear_code(v);
	else if (v->epoch != h->epoch)
		clear_jumps(v);
	v->epoch = h->epoch;
	riscv__set_context(h);
}

void riscv__set_context(struct riscv_hart *h)
{
	unsigned priv = h->priv, x;

	x = priv == PRIV_M ? XCTX_M : priv == PRIV_S ? XCTX_S : XCTX_U;
	h->jc = h->view->jcs[x];
	h->xctx = (uint8_t)x;
	if (priv == PRIV_M && h->mstatus & MSTATUS_MPRV)
		priv = (unsigned)bits(h->mstatus, 12, 11);
	h->data_priv = (uint8_t)priv;
	x = priv == PRIV_M ? CTX_M : priv == PRIV_U ? CTX_U
		: h->mstatus & MSTATUS_SUM ? CTX_S_SUM : CTX_S;
	h->cur_tlb = &h->view->tlb[x];
	h->check = true;
}
