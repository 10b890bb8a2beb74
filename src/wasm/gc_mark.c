/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marking the old space, in steps of a given cost.
 *
 * The stack holds words to be looked at; its size is fixed.  What does not
 * fit is marked and its region scanned again when the stack is empty, so that
 * no shape of a heap needs more memory.  Large arrays are scanned in pieces.
 * A short queue between stack and work lets the processor fetch ahead.
 */
#include "wasm/gc_heap.h"

enum { QUEUE = 16, PIECE = 4096 };
enum { COST_OBJECT = 30, COST_WORD = 2 };       /* about ns */

static void rescan(struct wasm_gc *g, uint32_t r)
{
	g->regions[r].rescan = true;
	if (!g->rescan_from || r < g->rescan_from)
		g->rescan_from = r;
}

/* Count and mark; false: it was marked. */
static bool mark(struct wasm_gc *g, wasm_word w)
{
	struct wasm_obj *o = gc_obj(g, w);

	if (gc_marked(g, o))
		return false;
	o->head ^= GC_MARK;

	uint64_t size = gc_size(gc_type_of(g, o), o);

	g->regions[gc_region_of(w)].live += size;
	g->live += size;
	return true;
}

static void push(struct wasm_gc *g, wasm_word w)
{
	if (LIKELY(g->nstack < g->stack_max)) {
		g->stack[g->nstack++] = w;
		return;
	}
	if (w & 1 || mark(g, w))
		rescan(g, gc_region_of(w));
}

void gc__mark_later(struct wasm_gc *g, wasm_word w)
{
	push(g, w);
}

void gc__mark_stored(struct wasm_gc *g, wasm_word value)
{
	if (mark(g, value))
		push(g, value | 1);
}

static void child(struct wasm_gc *g, wasm_word *slot, void *arg)
{
	(void)arg;
	if (!(*slot & 1) && *slot >= g->start.young_end)
		push(g, *slot);
}

/* Push what a marked object refers to; a large array waits in a list. */
static uint64_t scan(struct wasm_gc *g, wasm_word w)
{
	struct wasm_obj *o = gc_obj(g, w);
	const struct wasm_gc_type *t = gc_type_of(g, o);
	uint32_t r = gc_region_of(w);

	if (t->kind == GC_KIND_ARRAY && !t->refs)
		return COST_OBJECT;
	if (t->kind == GC_KIND_ARRAY && g->space[r] == GC_SPACE_LARGE) {
		struct gc_region *region = &g->regions[r];

		if (!region->listed) {
			region->listed = true;
			region->next_scan = g->scan_list;
			g->scan_list = r;
		}
		region->scan = 0;
		return COST_OBJECT;
	}
	gc_fields(g, o, t, child, NULL);
	return COST_OBJECT + COST_WORD * (t->kind == GC_KIND_ARRAY ? o->len : t->nrefs);
}

static uint64_t look(struct wasm_gc *g, wasm_word w)
{
	if (!(w & 1) && !mark(g, w))
		return COST_WORD;
	return scan(g, w & ~1u);
}

/* Empty the stack.  Returns what is left of the budget, 0: it was not enough. */
static uint64_t drain(struct wasm_gc *g, uint64_t budget)
{
	wasm_word queue[QUEUE];
	unsigned first = 0, n = 0;
	uint64_t spent = 0;

	while (spent < budget) {
		while (n < QUEUE && g->nstack) {
			wasm_word w = g->stack[--g->nstack];

			__builtin_prefetch(gc_obj(g, w & ~1u), 1);
			queue[(first + n++) % QUEUE] = w;
		}
		if (!n)
			return budget - spent;
		spent += look(g, queue[first]);
		first = (first + 1) % QUEUE;
		n--;
	}
	while (n--) {
		g->stack[g->nstack++] = queue[first];
		first = (first + 1) % QUEUE;
	}
	return 0;
}

static uint64_t scan_piece(struct wasm_gc *g)
{
	uint32_t r = g->scan_list;
	struct gc_region *region = &g->regions[r];
	struct wasm_obj *o = (struct wasm_obj *)gc_region_base(g, r);
	wasm_word *e = (wasm_word *)((uint8_t *)o + WASM_ARRAY_DATA);
	uint32_t to = MIN((uint64_t)region->scan + PIECE, o->len);

	for (uint32_t i = region->scan; i < to; i++)
		child(g, &e[i], NULL);
	region->scan = to;
	if (to == o->len) {
		region->listed = false;
		g->scan_list = region->next_scan;
	}
	return PIECE * 2 * COST_WORD;   /* its pages may be new */
}

static uint64_t scan_region(struct wasm_gc *g)
{
	uint32_t r = g->rescan_from;
	uint64_t spent = 0;

	while (r < g->top && !g->regions[r].rescan)
		r++;
	g->rescan_from = r + 1 < g->top ? r + 1 : 0;
	if (r == g->top)
		return 0;
	g->regions[r].rescan = false;
	if (g->space[r] == GC_SPACE_LARGE)
		return scan(g, (wasm_word)r << GC_WORD_REGION_SHIFT);

	uint8_t *base = gc_region_base(g, r), *end = base + g->regions[r].top;

	for (struct wasm_obj *o = (struct wasm_obj *)base; (uint8_t *)o < end; o = gc_next(g, o)) {
		if (gc_type_of(g, o)->kind != GC_KIND_FILLER && gc_marked(g, o))
			spent += scan(g, gc_word(g, o));
		spent += COST_WORD;
	}
	return spent;
}

/* ---- what may refer to unmarked objects without the barrier's knowledge ---- */

static void root(void *arg, wasm_word *w)
{
	struct wasm_gc *g = arg;

	g->cost += 2;
	if (!(*w & 1) && *w >= g->start.young_end && mark(g, *w))
		push(g, *w | 1);
}

static void survivor(struct wasm_gc *g, wasm_word *slot, void *arg)
{
	(void)arg;
	root(g, slot);
}

/* True: there was something new. */
static bool look_at_roots(struct wasm_gc *g)
{
	uint64_t live = g->live;

	gc__visit_roots(g, root);
	for (uint8_t *p = g->to; p < g->to_bump;) {
		struct wasm_obj *o = (struct wasm_obj *)p;
		const struct wasm_gc_type *t = gc_type_of(g, o);

		gc_fields(g, o, t, survivor, NULL);
		p += gc_size(t, o);
	}
	return g->live != live;
}

/* Runs right after a minor collection: eden is empty. */
bool gc__mark_step(struct wasm_gc *g, uint64_t budget)
{
	for (;;) {
		uint64_t left = drain(g, budget), spent = 0, before;

		before = g->cost += budget - left;
		budget = left;
		if (!budget)
			return false;
		if (g->scan_list)
			spent = scan_piece(g);
		else if (g->rescan_from)
			spent = scan_region(g);
		else if (!look_at_roots(g))
			return true;
		g->cost += spent;
		spent = g->cost - before;
		if (spent >= budget)
			return false;
		budget -= spent;
	}
}

void gc__mark_begin(struct wasm_gc *g)
{
	g->mark ^= GC_MARK;
	g->live = 0;
	for (uint32_t r = GC_OLD_FIRST; r < g->top; r++)
		g->regions[r].live = 0;
	g->nstack = g->scan_list = g->rescan_from = 0;
	g->phase = GC_MARKING;
}
