/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions of the old space: taking, freeing, giving pages back to the host.
 *
 * Free regions are found by looking through the bytes of gc->space, from
 * where the last one was found.  A free region has either no pages at all (it
 * reads as zero) or is dirty and ready to be filled again.
 */
#include "wasm/gc_heap.h"

#include <assert.h>
#include <sys/mman.h>

#include "base/alloc.h"

static void reset(struct wasm_gc *g, uint32_t r, enum gc_space space)
{
	gc__drop_slots(g, r);
	g->regions[r] = (struct gc_region){ 0 };
	g->flags[r] = 0;
	g->space[r] = space;
}

static uint32_t find(struct wasm_gc *g, enum gc_space space)
{
	uint32_t from = MAX(g->cursor, (uint32_t)GC_OLD_FIRST);
	uint8_t *p = from < g->top ? memchr(g->space + from, space, g->top - from) : NULL;

	if (!p)
		p = memchr(g->space + GC_OLD_FIRST, space, g->top - GC_OLD_FIRST);
	return p ? p - g->space : 0;
}

static void take(struct wasm_gc *g, uint32_t r, enum gc_space space)
{
	if (r >= g->top)
		g->top = r + 1;
	else if (g->space[r] == GC_SPACE_DIRTY)
		g->ndirty--;
	else
		g->nfree--;
	reset(g, r, space);
	g->regions[r].fresh = true;
}

uint32_t gc__region_take(struct wasm_gc *g)
{
	uint32_t r = g->ndirty ? find(g, GC_SPACE_DIRTY) :
		     g->nfree ? find(g, GC_SPACE_FREE) : g->top < g->nregions ? g->top : 0;

	if (!r)
		return 0;
	g->cursor = r + 1;
	take(g, r, GC_SPACE_OLD);
	return r;
}

/* n free regions side by side, below top or running into it. */
static uint32_t find_run(const struct wasm_gc *g, uint32_t n)
{
	uint32_t have = 0;

	if (g->ndirty + g->nfree + 1 < n || g->ndirty + g->nfree == 0)
		return g->nregions - g->top >= n ? g->top : 0;
	for (uint32_t r = GC_OLD_FIRST; r < g->top; r++) {
		have = g->space[r] <= GC_SPACE_DIRTY ? have + 1 : 0;
		if (have == n)
			return r + 1 - n;
	}
	return g->nregions - (g->top - have) >= n ? g->top - have : 0;
}

static void clean(struct wasm_gc *g, uint32_t r, uint32_t n)
{
	if (n >= 8) {
		madvise(gc_region_base(g, r), (size_t)n << GC_REGION_SHIFT, MADV_DONTNEED);
		return;
	}
	for (uint32_t i = r; i < r + n; i++)
		if (g->space[i] == GC_SPACE_DIRTY)
			memset(gc_region_base(g, i), 0, GC_REGION);
}

uint32_t gc__region_take_run(struct wasm_gc *g, uint32_t n)
{
	uint32_t r = find_run(g, n);

	if (!r)
		return 0;
	clean(g, r, n);
	for (uint32_t i = 0; i < n; i++) {
		take(g, r + i, i ? GC_SPACE_LARGE_TAIL : GC_SPACE_LARGE);
		g->regions[r + i].next = r;
	}
	g->regions[r].run = n;
	return r;
}

static void poison(struct wasm_gc *g, uint32_t r)
{
	if (g->store->limits.gc_stress)
		memset(gc_region_base(g, r), 0xdb, GC_REGION);
}

void gc__region_free(struct wasm_gc *g, uint32_t r)
{
	uint32_t n = g->space[r] == GC_SPACE_LARGE ? g->regions[r].run : 1;

	if (g->space[r] == GC_SPACE_LARGE)
		memset(g->cards + ((uint64_t)r << (GC_REGION_SHIFT - GC_CARD_SHIFT)), 0,
		       (size_t)n << (GC_REGION_SHIFT - GC_CARD_SHIFT));
	for (uint32_t i = r; i < r + n; i++) {
		poison(g, i);
		reset(g, i, GC_SPACE_DIRTY);
	}
	g->ndirty += n;
}

uint64_t gc__regions_free(const struct wasm_gc *g)
{
	return (uint64_t)g->ndirty + g->nfree + (g->nregions - g->top);
}

/* Give pages of at most `budget` regions back, unless they will be wanted
 * again soon. */
void gc__release(struct wasm_gc *g, uint32_t budget)
{
	uint32_t keep = 64 + (uint32_t)(g->old_bytes >> (GC_REGION_SHIFT + 3));

	while (budget && g->ndirty > keep) {
		uint32_t r = find(g, GC_SPACE_DIRTY), n = 0;

		while (n < budget && n < g->ndirty - keep && r + n < g->top &&
		       g->space[r + n] == GC_SPACE_DIRTY)
			g->space[r + n++] = GC_SPACE_FREE;
		madvise(gc_region_base(g, r), (size_t)n << GC_REGION_SHIFT, MADV_DONTNEED);
		g->ndirty -= n;
		g->nfree += n;
		budget -= n;
	}
	/* No records are held between cycles. */
	if (budget && g->pool_pages) {
		uint32_t n = MIN(budget * GC_SLOTS_REGION, g->pool_pages);

		g->pool_pages -= n;
		madvise(&g->pool[g->pool_pages], n * sizeof(*g->pool), MADV_DONTNEED);
	}
}
