/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After marking: the sweep over the old regions, which finds what refers to
 * the sparse ones, and the choice of those to be evacuated.
 *
 * Every step has a given cost.  Relies on exact counts of live bytes for each
 * region; never reuses an evacuated region before the cycle ends.
 */
#include "wasm/gc_heap.h"

enum { PIECE = 8192 };
enum { SPARSE = GC_REGION / 4 * 3 };            /* live bytes of a candidate: fewer */

/* ---- at the end of marking ---- */

/* The dead are forgotten before their regions are freed. */
static void filter_remembered(struct wasm_gc *g)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < g->nremembered; i++) {
		uint32_t w = g->remembered[i];
		uint64_t card = w >> 1;
		uint32_t head = w & 1 ? g->regions[card >> (GC_REGION_SHIFT - GC_CARD_SHIFT)].next : 0;
		const struct wasm_obj *o = w & 1 ?
			(struct wasm_obj *)gc_region_base(g, head) : gc_obj(g, w);

		if (gc_marked(g, o))
			g->remembered[n++] = w;
		else if (w & 1)
			g->cards[card] = 0;
	}
	g->nremembered = n;
}

/* Candidates sorted by life, sparsest last (counting sort by KiB). */
static void choose_candidates(struct wasm_gc *g)
{
	uint32_t count[GC_REGION / 1024 + 1] = { 0 }, at = 0;
	uint32_t most = g->store->limits.gc_stress || g->full ? GC_REGION : SPARSE;

	for (uint32_t r = GC_OLD_FIRST; r < g->top; r++)
		if (g->space[r] == GC_SPACE_OLD && g->regions[r].live &&
		    g->regions[r].live < most) {
			g->flags[r] = GC_CANDIDATE;
			count[g->regions[r].live >> 10]++;
		}
	for (int k = GC_REGION / 1024; k >= 0; k--) {
		uint32_t n = count[k];

		count[k] = at;
		at += n;
	}
	g->ncandidates = at;
	for (uint32_t r = GC_OLD_FIRST; r < g->top; r++)
		if (g->flags[r] & GC_CANDIDATE)
			g->candidates[count[g->regions[r].live >> 10]++] = r;
}

void gc__sweep_begin(struct wasm_gc *g)
{
	filter_remembered(g);
	g->region = 0;
	for (uint32_t r = GC_OLD_FIRST; r < g->top; r++)
		g->regions[r].fresh = false;
	g->old_bytes = g->live;
	choose_candidates(g);
	g->sweep = GC_OLD_FIRST;
	g->sweep_at = 0;
	g->phase = GC_SWEEPING;
}

/* ---- the sweep ---- */

static void sweep_slot(struct wasm_gc *g, wasm_word *slot, void *arg)
{
	wasm_word w = *slot;
	uint32_t r = gc_region_of(w);

	if (!(w & 1) && g->flags[r] & GC_CANDIDATE && r != *(uint32_t *)arg)
		gc__record(g, slot, r);
}

static void fill(uint8_t *from, uint8_t *to)
{
	struct wasm_obj *o = (struct wasm_obj *)from;

	o->head = (uint32_t)GC_TYPE_FILLER << WASM_OBJ_TYPE_SHIFT;
	o->len = (to - from) / 8;
}

/* Dead objects that lie together become one filler, at the end nothing. */
static uint64_t sweep_small(struct wasm_gc *g, uint32_t r)
{
	uint8_t *base = gc_region_base(g, r), *end = base + g->regions[r].top, *dead = NULL;
	uint64_t spent = 100;

	for (uint8_t *p = base; p < end;) {
		struct wasm_obj *o = (struct wasm_obj *)p;
		const struct wasm_gc_type *t = gc_type_of(g, o);
		uint64_t size = gc_size(t, o);

		spent += 8;
		if (t->kind == GC_KIND_FILLER || !gc_marked(g, o)) {
			dead = dead ? dead : p;
		} else {
			if (dead)
				fill(dead, p);
			dead = NULL;
			if (g->ncandidates)
				gc_fields(g, o, t, sweep_slot, &r);
			spent += 3 * (t->kind == GC_KIND_ARRAY ? o->len : t->nrefs);
		}
		p += size;
	}
	if (dead)
		g->regions[r].top = dead - base;
	return spent;
}

static uint64_t sweep_large(struct wasm_gc *g, uint32_t r)
{
	struct wasm_obj *o = (struct wasm_obj *)gc_region_base(g, r);
	const struct wasm_gc_type *t = gc_type_of(g, o);
	wasm_word *e = (wasm_word *)((uint8_t *)o + WASM_ARRAY_DATA);
	uint32_t to;

	if (!gc_marked(g, o)) {
		uint32_t n = g->regions[r].run;

		gc__region_free(g, r);
		g->sweep += n - 1;      /* the rest of the run is free as well */
		return 50 + 4ull * n;
	}
	if (!g->ncandidates)
		return 50;
	if (t->kind != GC_KIND_ARRAY) {
		gc_fields(g, o, t, sweep_slot, &r);
		return 50 + 3 * t->nrefs;
	}
	if (!t->refs)
		return 50;
	to = MIN((uint64_t)g->sweep_at + PIECE, o->len);
	for (uint32_t i = g->sweep_at; i < to; i++)
		sweep_slot(g, &e[i], &r);
	g->sweep_at = to == o->len ? 0 : to;
	return PIECE * 2;
}

static uint64_t sweep_region(struct wasm_gc *g, uint32_t r)
{
	const struct gc_region *region = &g->regions[r];

	if (region->fresh)
		return 5;
	if (g->space[r] == GC_SPACE_LARGE)
		return sweep_large(g, r);
	if (g->space[r] != GC_SPACE_OLD)
		return 5;
	if (!region->live) {
		gc__region_free(g, r);
		return 50;
	}
	if (region->live == region->top && !g->ncandidates)
		return 5;       /* nothing dead, nothing to be found */
	return sweep_small(g, r);
}

bool gc__sweep_step(struct wasm_gc *g, uint64_t budget)
{
	uint64_t end = g->cost + MIN(budget, UINT64_MAX / 2);

	while (g->sweep < g->top) {
		if (g->cost >= end)
			return false;
		g->cost += sweep_region(g, g->sweep);   /* beside what it records */
		if (!g->sweep_at)
			g->sweep++;
	}
	return true;
}

/* ---- evacuation ---- */

/* Flag the next candidates, as many as the budget and the room allow. */
void gc__evacuate_choose(struct wasm_gc *g, uint64_t budget)
{
	uint64_t spent = 0, room = gc__regions_free(g), need;

	/* What is young may all be promoted; a region may be half used. */
	need = gc__young_bytes(g) / (GC_REGION - GC_LARGE) + 2;
	g->nevacuating = 0;
	while (g->ncandidates && spent < budget) {
		uint32_t r = g->candidates[g->ncandidates - 1];
		const struct gc_region *c = &g->regions[r];

		need += c->live / (GC_REGION - GC_LARGE) + 1;
		if (need > room)
			return;
		g->ncandidates--;
		if (!(g->flags[r] & GC_CANDIDATE)) {    /* dropped: take it off the end */
			if (g->nevacuating)
				memmove(&g->candidates[g->ncandidates],
					&g->candidates[g->ncandidates + 1],
					g->nevacuating * sizeof(*g->candidates));
			continue;
		}
		spent += c->live + c->nslots * 40ull;
		g->flags[r] = GC_MOVING;
		g->nevacuating++;
	}
}

void gc__evacuate_done(struct wasm_gc *g)
{
	for (uint32_t i = 0; i < g->nevacuating; i++) {
		uint32_t r = g->candidates[g->ncandidates + i];

		g->old_bytes -= g->regions[r].live;
		gc__region_free(g, r);
		g->ndirty--;
		g->space[r] = GC_SPACE_EVACUATED;
	}
	g->nevacuating = 0;
}
