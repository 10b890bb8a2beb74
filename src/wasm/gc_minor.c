/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Minor collections: everything alive in a moving region is copied away, with
 * two queues of copies to be scanned (survivors, promoted).  And the write
 * barrier with its memory.
 *
 * Relies on the caller for room in the old space.  Never looks at an old
 * object that is neither remembered nor evacuated.
 */
#include "wasm/gc_heap.h"

#include <assert.h>

#include "base/alloc.h"

enum { IN_BLOCK = ARRAY_LEN(((struct gc_slots *)0)->at) };
enum { AHEAD = 12 };    /* remembered objects are fetched so early */

/* ---- remembering ---- */

/* When there are many, the next object to be made is a reason to collect. */
static void remember(struct wasm_gc *g, uint32_t what)
{
	g->remembered[g->nremembered++] = what;
	if (UNLIKELY(g->nremembered == GC_REMEMBERED_MANY))
		g->start.limit = g->start.bump;
}

static void remember_card(struct wasm_gc *g, uint64_t card)
{
	if (g->cards[card])
		return;
	g->cards[card] = 1;
	remember(g, (uint32_t)card << 1 | 1);
}

void gc__remember(struct wasm_gc *g, wasm_word w, const wasm_word *slot)
{
	struct wasm_obj *o = gc_obj(g, w);

	if (o->head & GC_REMEMBERED)
		return;
	if (g->space[gc_region_of(w)] != GC_SPACE_LARGE || gc_type_of(g, o)->kind != GC_KIND_ARRAY) {
		o->head |= GC_REMEMBERED;
		remember(g, w);
		return;
	}
	if (slot) {
		remember_card(g, (uint64_t)((uint8_t *)slot - g->start.base) >> GC_CARD_SHIFT);
		return;
	}
	uint64_t card = ((uint64_t)w * 4) >> GC_CARD_SHIFT;
	uint64_t end = ((uint64_t)w * 4 + gc_size(gc_type_of(g, o), o) - 1) >> GC_CARD_SHIFT;

	for (; card <= end; card++)
		remember_card(g, card);
}

/* A program that makes no object may go on for long: then the candidate stays. */
static void stored_candidate(struct wasm_gc *g, wasm_word obj, wasm_word *slot, uint32_t r)
{
	if (g->nremembered < GC_REMEMBERED_MANY)
		gc__remember(g, obj, slot);
	else
		gc__drop_candidate(g, r);
}

void wasm_gc_wrote_at(struct wasm_store *s, wasm_word obj, wasm_word *slot, wasm_word value)
{
	struct wasm_gc *g = s->gc;

	if (!gc_is_ref(value) || gc_is_young(g, obj))
		return;
	if (gc_is_young(g, value))
		gc__remember(g, obj, slot);
	else if (g->phase == GC_MARKING)
		gc__mark_stored(g, value);
	else if (g->flags[gc_region_of(value)] & GC_CANDIDATE)
		stored_candidate(g, obj, slot, gc_region_of(value));
}

void wasm_gc_wrote(struct wasm_store *s, wasm_word obj, wasm_word value)
{
	if (wasm_gc_watched(wasm_gc_start(s), obj, value))
		wasm_gc_wrote_at(s, obj, NULL, value);
}

void gc__drop_slots(struct wasm_gc *g, uint32_t r)
{
	struct gc_region *c = &g->regions[r];

	if (c->slots) {
		g->pool[c->slots_last].next = g->pool_free;
		g->pool_free = c->slots;
	}
	c->slots = c->slots_last = c->nslots = 0;
}

/* One more block for a candidate; false: it has enough, or the pool is full. */
static bool more_slots(struct wasm_gc *g, struct gc_region *c)
{
	uint32_t n = g->pool_free;

	if (c->nslots >= GC_SLOTS_MAX && !g->store->limits.gc_stress)
		return false;
	if (n)
		g->pool_free = g->pool[n].next;
	else if (g->pool_used < g->pool_size)
		n = g->pool_used++;
	if (!n)
		return false;
	g->pool_pages = MAX(g->pool_pages, align_up(n + 1, GC_SLOTS_REGION));
	g->pool[n].next = c->slots;
	c->slots = n;
	if (!c->slots_last)
		c->slots_last = n;
	return true;
}

void gc__drop_candidate(struct wasm_gc *g, uint32_t r)
{
	g->flags[r] &= ~GC_CANDIDATE;
	gc__drop_slots(g, r);
}

/* A slot of an old object refers to candidate r.  A region that too much
 * refers to is better left where it is. */
void gc__record(struct wasm_gc *g, wasm_word *slot, uint32_t r)
{
	struct gc_region *c = &g->regions[r];

	g->cost += 60;
	if (c->nslots % IN_BLOCK == 0 && !more_slots(g, c)) {
		gc__drop_candidate(g, r);
		return;
	}
	g->pool[c->slots].at[c->nslots++ % IN_BLOCK] = gc_word(g, slot);
}

/* ---- moving ---- */

static struct wasm_obj *old_take(struct wasm_gc *g, uint32_t size)
{
	struct gc_region *r = &g->regions[g->region];

	if (UNLIKELY(r->top + size > GC_REGION)) {
		uint32_t n = gc__region_take(g);

		assert(n);      /* the caller saw to it */
		r->next = n;
		g->region = n;
		r = &g->regions[n];
	}
	uint8_t *p = gc_region_base(g, g->region) + r->top;

	r->top += size;
	r->live += size;
	g->old_bytes += size;
	return (struct wasm_obj *)p;
}

static wasm_word move(struct wasm_gc *g, wasm_word w)
{
	struct wasm_obj *o = gc_obj(g, w), *to;
	uint32_t head = o->head;

	if (head & GC_FORWARD)
		return o->len;

	const struct wasm_gc_type *t = &g->types[head >> WASM_OBJ_TYPE_SHIFT];
	uint32_t size = gc_size(t, o);

	assert(t->kind != GC_KIND_NONE && t->kind != GC_KIND_FILLER);
	head &= ~((1u << WASM_OBJ_TYPE_SHIFT) - 1);
	if (gc_is_young(g, w) && !(o->head & GC_AGED) && !g->promote_all &&
	    (size_t)(g->to_end - g->to_bump) >= size) {
		to = (struct wasm_obj *)g->to_bump;
		g->to_bump += size;
		head |= GC_AGED;
	} else {
		to = old_take(g, size);
		g->aged += o->head & GC_AGED ? size : 0;
		head |= g->mark;
	}
	const uint64_t *from = (const uint64_t *)o;

	for (uint32_t i = 0; i < size / 8; i++)
		((uint64_t *)to)[i] = from[i];
	to->head = head;
	o->head |= GC_FORWARD;
	o->len = gc_word(g, to);
	g->moved += size;
	g->cost += 20 + size / 8;
	return o->len;
}

static void young_slot(struct wasm_gc *g, wasm_word *slot, void *arg)
{
	wasm_word w = *slot;

	(void)arg;
	if (!(w & 1) && g->flags[gc_region_of(w)] & GC_MOVING)
		*slot = move(g, w);
}

/* A slot in an old object: *arg is set when it refers to a young one. */
static void old_slot(struct wasm_gc *g, wasm_word *slot, void *arg)
{
	wasm_word w = *slot;

	if (!gc_is_ref(w))
		return;
	if (g->flags[gc_region_of(w)] & GC_MOVING)
		*slot = w = move(g, w);
	if (gc_is_young(g, w))
		*(bool *)arg = true;
	else if (g->flags[gc_region_of(w)] & GC_CANDIDATE)
		gc__record(g, slot, gc_region_of(w));
}

/* The same in an object promoted while the old space is marked.  It is marked,
 * and so is what is promoted with it; what was old before may not be. */
static void promoted_slot(struct wasm_gc *g, wasm_word *slot, void *arg)
{
	wasm_word w = *slot;

	if (!gc_is_ref(w))
		return;
	if (g->flags[gc_region_of(w)] & GC_MOVING)
		*slot = w = move(g, w);
	else if (!gc_is_young(g, w))
		gc__mark_later(g, w);
	if (gc_is_young(g, w))
		*(bool *)arg = true;
}

static void scan_old(struct wasm_gc *g, struct wasm_obj *o, const struct wasm_gc_type *t)
{
	bool young = false;

	gc_fields(g, o, t, old_slot, &young);
	if (young)
		gc__remember(g, gc_word(g, o), NULL);
}

/* Scan the next promoted object; false: none. */
static bool scan_promoted(struct wasm_gc *g)
{
	struct gc_region *r = &g->regions[g->scan_region];

	while (g->scan_at == r->top) {
		if (g->scan_region == g->region)
			return false;
		g->scan_region = r->next;
		g->scan_at = 0;
		r = &g->regions[g->scan_region];
	}
	struct wasm_obj *o = (struct wasm_obj *)(gc_region_base(g, g->scan_region) + g->scan_at);
	const struct wasm_gc_type *t = gc_type_of(g, o);
	uint32_t size = gc_size(t, o);
	bool young = false;

	g->scan_at += size;
	if (g->phase != GC_MARKING) {
		scan_old(g, o, t);
		return true;
	}
	g->live += size;
	gc_fields(g, o, t, promoted_slot, &young);
	if (young)
		gc__remember(g, gc_word(g, o), NULL);
	return true;
}

/* Scan copies until there are no more.  Called after each root, so that what
 * an object refers to lies near it. */
static void scan_copies(struct wasm_gc *g)
{
	for (;;) {
		while (g->scan_young < g->to_bump) {
			struct wasm_obj *o = (struct wasm_obj *)g->scan_young;
			const struct wasm_gc_type *t = gc_type_of(g, o);

			g->scan_young += gc_size(t, o);
			gc_fields(g, o, t, young_slot, NULL);
		}
		if (!scan_promoted(g))
			return;
	}
}

/* ---- roots ---- */

static void root(void *arg, wasm_word *w)
{
	struct wasm_gc *g = arg;

	g->cost += 2;
	if (!(*w & 1) && g->flags[gc_region_of(*w)] & GC_MOVING) {
		*w = move(g, *w);
		scan_copies(g);
	}
}

void gc__visit_roots(struct wasm_gc *g, wasm_visit_fn *fn)
{
	for (uint32_t i = 0; i < g->npins; i++)
		fn(g, g->pins[i]);
	wasm__store_visit(g->store, fn, g);
	wasm__interp_visit(g->store, fn, g);
}

static void scan_card(struct wasm_gc *g, uint64_t card)
{
	uint32_t r = card >> (GC_REGION_SHIFT - GC_CARD_SHIFT);
	uint8_t *head = gc_region_base(g, g->regions[r].next);
	struct wasm_obj *o = (struct wasm_obj *)head;
	uint8_t *from = g->start.base + (card << GC_CARD_SHIFT), *to = from + (1 << GC_CARD_SHIFT);
	bool young = false;

	g->cards[card] = 0;
	from = MAX(from, head + WASM_ARRAY_DATA);
	to = MIN(to, head + WASM_ARRAY_DATA + (uint64_t)o->len * 4);
	for (; from < to; from += 4)
		old_slot(g, (wasm_word *)from, &young);
	if (young)
		remember_card(g, card);
	scan_copies(g);
}

static void fetch(const struct wasm_gc *g, uint32_t remembered)
{
	const uint8_t *p = (uint8_t *)gc_obj(g, remembered);

	if (remembered & 1) {
		p = g->start.base + ((uint64_t)(remembered >> 1) << GC_CARD_SHIFT);
		__builtin_prefetch(&g->cards[remembered >> 1], 1);
		__builtin_prefetch(p + 64, 1);
	}
	__builtin_prefetch(p, 1);
}

static void scan_remembered(struct wasm_gc *g)
{
	uint32_t *list = g->remembered;
	uint64_t n = g->nremembered;

	g->remembered = g->remembered_old;
	g->remembered_old = list;
	g->nremembered = 0;
	g->cost += n * 20;
	for (uint64_t i = 0; i < n; i++) {
		struct wasm_obj *o = gc_obj(g, list[i]);

		if (i + AHEAD < n)
			fetch(g, list[i + AHEAD]);
		if (list[i] & 1) {
			scan_card(g, list[i] >> 1);
			continue;
		}
		/* In a region that is evacuated: dead, or scanned as a copy. */
		if (g->flags[gc_region_of(list[i])] & GC_MOVING)
			continue;
		o->head &= ~GC_REMEMBERED;
		scan_old(g, o, gc_type_of(g, o));
		scan_copies(g);
	}
}

/* Slots that refer into a region being evacuated.  Those that lie in moved
 * regions were scanned with the copy of their object, or died. */
static void scan_records(struct wasm_gc *g, const struct gc_region *c)
{
	uint32_t n = c->nslots % IN_BLOCK;
	bool young;

	g->cost += c->nslots * 20ull;
	for (uint32_t b = c->slots; b; b = g->pool[b].next) {
		for (n = n ? n : IN_BLOCK; n; n--) {
			wasm_word at = g->pool[b].at[n - 1];
			uint32_t r = gc_region_of(at);

			if (g->space[r] != GC_SPACE_EVACUATED && !(g->flags[r] & GC_MOVING))
				old_slot(g, (wasm_word *)gc_obj(g, at), &young);
		}
	}
}

void gc__minor(struct wasm_gc *g)
{
	uint8_t *from = g->survivors[g->from], *to = g->survivors[!g->from];
	uint32_t spaces = GC_YOUNG_MAX >> GC_REGION_SHIFT;
	uint8_t *eden_used = g->start.bump, *from_used = g->to_bump;

	g->moved = g->cost = g->aged = 0;
	memset(g->flags + gc_region_of(gc_word(g, from)), GC_MOVING, spaces);
	memset(g->flags + gc_region_of(gc_word(g, to)), 0, spaces);
	g->from = !g->from;
	g->to = g->to_bump = g->scan_young = to;
	g->to_end = to + GC_YOUNG_MAX;
	g->scan_region = g->region;
	g->scan_at = g->regions[g->region].top;
	gc__visit_roots(g, root);
	scan_remembered(g);
	for (uint32_t i = 0; i < g->nevacuating; i++)
		scan_records(g, &g->regions[g->candidates[g->ncandidates + i]]);
	scan_copies(g);

	g->stats.allocated += eden_used - g->eden;
	g->start.bump = g->eden;
	if (g->store->limits.gc_stress) {
		memset(g->eden, 0xdb, eden_used - g->eden);
		memset(from, 0xdb, from_used - from);
	}
}
