/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap as others see it: beginning and end, allocation, limits, pins.
 *
 * Address space is reserved when the first object is made, in one mapping
 * that costs memory only where it is touched; a store without objects costs
 * nothing.  Large objects go to the old space at once.
 */
#include "wasm/gc.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "wasm/gc_heap.h"

enum { NURSERY_MIN = 64 << 10, POOL_MIN = 1 << 20, PAUSE = 1000000 };
static const uint64_t HEAP_DEFAULT = 1ull << 30, HEAP_MAX = 8ull << 30, RANGE_MAX = 16ull << 30;

int wasm_gc_init(struct wasm_store *s, struct err *e)
{
	struct wasm_gc *g = base_zalloc(sizeof(*g));

	if (!g)
		return err_set(e, ENOMEM, "out of memory");
	g->pins = base_alloc(GC_PINS * sizeof(*g->pins));
	if (!g->pins) {
		base_free(g);
		return err_set(e, ENOMEM, "out of memory");
	}
	g->store = s;
	g->pause = PAUSE;
	g->slow = GC_SLOW_ONE;
	g->limit = MIN(s->limits.heap ? s->limits.heap : HEAP_DEFAULT, HEAP_MAX);
	arena_init(&g->arena, 0);
	s->gc = g;
	return 0;
}

/* To the state before the first object. */
void gc__reset(struct wasm_gc *g)
{
	struct wasm_gc fresh = { .store = g->store, .limit = g->limit, .pause = g->pause, .slow = g->slow,
				 .pins = g->pins, .npins = g->npins };

	if (g->area)
		munmap(g->area, g->area_size);
	arena_fini(&g->arena);
	base_free(g->starts);
	*g = fresh;
	arena_init(&g->arena, 0);
}

void wasm_gc_fini(struct wasm_store *s)
{
	if (!s->gc)
		return;
	gc__reset(s->gc);
	arena_fini(&s->gc->arena);
	base_free(s->gc->pins);
	base_free(s->gc);
	s->gc = NULL;
}

/* ---- the first object ---- */

static void *slice(uint8_t **at, uint64_t size)
{
	void *p = *at;

	*at += align_up(size, 4096);
	return p;
}

/* Lay the parts out from `at`; called from any address to learn the size. */
static uint8_t *lay_out(struct wasm_gc *g, uint8_t *at)
{
	g->start.base = slice(&at, g->range);
	g->types = slice(&at, (uint64_t)GC_TYPES * sizeof(*g->types));
	g->regions = slice(&at, g->nregions * sizeof(*g->regions));
	/* Any word may be looked up, an i31 by mistake of nobody. */
	g->flags = slice(&at, RANGE_MAX >> GC_REGION_SHIFT);
	g->space = slice(&at, g->nregions);
	g->cards = slice(&at, g->range >> GC_CARD_SHIFT);
	/* Objects with references take 16 bytes or more, and each is in a list once. */
	g->remembered = slice(&at, g->range / 4);
	g->remembered_old = slice(&at, g->range / 4);
	g->stack = slice(&at, GC_MARK_STACK * sizeof(*g->stack));
	g->candidates = slice(&at, g->nregions * sizeof(*g->candidates));
	g->pool = slice(&at, g->pool_size * sizeof(*g->pool));
	return at;
}

static void lay_out_young(struct wasm_gc *g)
{
	g->eden = g->start.base + GC_YOUNG_START;
	g->survivors[0] = g->eden + GC_YOUNG_MAX;
	g->survivors[1] = g->survivors[0] + GC_YOUNG_MAX;
	g->to = g->to_bump = g->survivors[0];
	g->to_end = g->to + GC_YOUNG_MAX;
	memset(g->space + 1, GC_SPACE_YOUNG, GC_OLD_FIRST - 1);
	memset(g->flags + 1, GC_MOVING, GC_YOUNG_MAX >> GC_REGION_SHIFT);
	g->nursery_max = align_down(MIN((uint64_t)GC_YOUNG_MAX, MAX(g->limit / 16, (uint64_t)NURSERY_MIN)),
				    4096);
	g->nursery_min = MIN(g->nursery_max, 128u << 10);
	g->nursery = MIN(g->nursery_max, 512u << 10);
	g->eden_end = g->eden + g->nursery;
	g->start.bump = g->eden;
	g->start.limit = g->store->limits.gc_stress ? g->eden : g->eden_end;
	g->start.young_end = GC_OLD_START / 4;
}

/* Reserve.  The range is four times the limit: free regions lie between used
 * ones, and large objects need them side by side. */
static bool start(struct wasm_gc *g)
{
	uint8_t *const any = (uint8_t *)4096;
	uint64_t size;

	g->range = MIN(align_up(g->limit * 4, GC_REGION) + GC_OLD_START + (8 << 20), RANGE_MAX);
	g->nregions = g->range >> GC_REGION_SHIFT;
	g->pool_size = MAX(g->range / 64, (uint64_t)POOL_MIN) / sizeof(*g->pool);
	g->pool_used = 1;
	size = lay_out(g, any) - any;
	g->area = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (g->area == MAP_FAILED) {
		g->area = NULL;
		g->start.base = NULL;
		return false;
	}
	g->area_size = size;
	lay_out(g, g->area);
	lay_out_young(g);
	gc__types_init(g);
	g->start.types = g->types;
	g->regions[0].top = GC_REGION;
	g->top = GC_OLD_FIRST;
	g->mark = GC_MARK;
	g->stack_max = GC_MARK_STACK - 64;      /* room for what a step puts back */
	g->threshold = MIN((uint64_t)32 << 20, g->limit / 2);
	gc__watch(g);
	return true;
}

/* ---- allocation ---- */

/* Old bytes may exceed the limit by this while a cycle runs in steps. */
static uint64_t ceiling(const struct wasm_gc *g)
{
	return g->limit + g->limit / 4;
}

/* Room for size bytes more, young or old; collects. */
static bool make_room(struct wasm_gc *g, uint64_t size, uint64_t most)
{
	if (!gc__collect(g, false))
		return false;
	if (g->old_bytes + gc__young_bytes(g) + size <= most)
		return true;
	return gc__collect(g, true) && g->old_bytes + size <= g->limit;
}

static bool stress(struct wasm_gc *g)
{
	return gc__collect(g, ++g->stress_count % 8 == 0);
}

static wasm_word alloc_large(struct wasm_gc *g, uint32_t type, uint64_t size)
{
	uint64_t most = size > g->limit / 16 ? g->limit : ceiling(g);
	uint32_t r, n = align_up(size, GC_REGION) >> GC_REGION_SHIFT;
	struct wasm_obj *o;

	if (size > g->limit)
		return 0;
	if (g->large_since + size > GC_YOUNG_MAX ||
	    g->old_bytes + gc__young_bytes(g) + size > most) {
		if (!make_room(g, size, most))
			return 0;
	}
	r = gc__region_take_run(g, n);
	if (!r)
		return 0;
	g->large_since += size;
	g->regions[r].live = size;
	g->old_bytes += size;
	g->stats.allocated += size;
	if (g->phase == GC_MARKING)
		g->live += size;
	o = (struct wasm_obj *)gc_region_base(g, r);
	o->head = type << WASM_OBJ_TYPE_SHIFT | g->mark;
	return gc_word(g, o);
}

/* A zeroed object with its header. */
static wasm_word alloc(struct wasm_gc *g, uint32_t type, uint64_t size)
{
	struct wasm_obj *o;

	if (g->store->limits.gc_stress && !stress(g))
		return 0;
	if (size > GC_LARGE)
		return alloc_large(g, type, size);
	if (UNLIKELY((size_t)(g->eden_end - g->start.bump) < size ||
		     g->nremembered >= GC_REMEMBERED_MANY) &&
	    !make_room(g, size, ceiling(g)))
		return 0;
	o = (struct wasm_obj *)g->start.bump;
	g->start.bump += size;
	g->start.limit = MAX(g->start.limit, g->start.bump);
	memset(o, 0, size);
	o->head = type << WASM_OBJ_TYPE_SHIFT;
	return gc_word(g, o);
}

bool gc__begin(struct wasm_gc *g)
{
	return LIKELY(g->area) || start(g);
}

wasm_word wasm_gc_struct(struct wasm_store *s, uint32_t type)
{
	const struct wasm_gc_type *t = gc__begin(s->gc) ? gc__type(s->gc, type) : NULL;

	return t ? alloc(s->gc, type, t->bytes) : 0;
}

wasm_word wasm_gc_array(struct wasm_store *s, uint32_t type, uint32_t n)
{
	const struct wasm_gc_type *t = gc__begin(s->gc) ? gc__type(s->gc, type) : NULL;
	wasm_word w = t ? alloc(s->gc, type, gc_array_size(t, n)) : 0;

	if (w)
		gc_obj(s->gc, w)->len = n;
	return w;
}

wasm_word wasm_gc_host(struct wasm_store *s, uint64_t value)
{
	wasm_word w = gc__begin(s->gc) ? alloc(s->gc, WASM_HEAP_EXTERN, sizeof(struct gc_host)) : 0;

	if (w)
		((struct gc_host *)gc_obj(s->gc, w))->value = value;
	return w;
}

bool wasm_gc_host_value(const struct wasm_store *s, wasm_word w, uint64_t *value)
{
	if (!gc_is_ref(w) || wasm_gc_obj_type(s, w) != WASM_HEAP_EXTERN)
		return false;
	*value = ((struct gc_host *)gc_obj(s->gc, w))->value;
	return true;
}

/* ---- exceptions ---- */

static uint32_t tag_slots(const struct wasm_deftype *d)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->nparams; i++)
		n += wasm_type_kind(d->types[i]) == WASM_V128 ? 2 : 1;
	return n;
}

/* The slots' references are the caller's: pinned while the package is made. */
wasm_word wasm_gc_exn(struct wasm_store *s, struct wasm_rt_tag *tag, const uint64_t *slots)
{
	const struct wasm_deftype *d = wasm_type_get(s->types, tag->type);
	uint32_t n = tag_slots(d), at = 0, pins = 0;
	struct gc_exn *x;
	wasm_word w;

	for (uint32_t i = 0; i < d->nparams; i++) {
		struct wasm_type t = d->types[i];

		if (wasm_type_is_ref(t) &&
		    wasm_heap_top(s->types, wasm_type_heap(t)) != WASM_HEAP_FUNC) {
			wasm_gc_push(s, (wasm_word *)&slots[at]);
			pins++;
		}
		at += wasm_type_kind(t) == WASM_V128 ? 2 : 1;
	}
	w = gc__begin(s->gc) ? alloc(s->gc, WASM_HEAP_EXN, sizeof(*x) + 8ull * n) : 0;
	wasm_gc_pop(s, pins);
	if (!w)
		return 0;
	x = (struct gc_exn *)gc_obj(s->gc, w);
	x->len = n;
	x->tag = tag;
	memcpy(x->slots, slots, 8ull * n);
	return w;
}

struct wasm_rt_tag *wasm_gc_exn_tag(const struct wasm_store *s, wasm_word w)
{
	return ((struct gc_exn *)gc_obj(s->gc, w))->tag;
}

void wasm_gc_exn_get(const struct wasm_store *s, wasm_word w, uint64_t *slots)
{
	const struct gc_exn *x = (struct gc_exn *)gc_obj(s->gc, w);

	memcpy(slots, x->slots, 8ull * x->len);
}

/* ---- the rest ---- */

void wasm_gc_push(struct wasm_store *s, wasm_word *w)
{
	struct wasm_gc *g = s->gc;

	assert(g->npins < GC_PINS);
	g->pins[g->npins++] = w;
}

void wasm_gc_pop(struct wasm_store *s, unsigned n)
{
	assert(s->gc->npins >= n);
	s->gc->npins -= n;
}

void wasm_gc_collect(struct wasm_store *s, bool full)
{
	if (s->gc->area)
		gc__collect(s->gc, full);
}

void wasm_gc_stats(const struct wasm_store *s, struct wasm_gc_stats *st)
{
	const struct wasm_gc *g = s->gc;

	*st = g->stats;
	if (!g->area)
		return;
	st->allocated += g->start.bump - g->eden;
	st->live = g->old_bytes + gc__young_bytes(g);
	st->peak = MAX(st->peak, st->live);
}
