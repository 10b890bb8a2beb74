/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap in a snapshot, section "wasm.heap" (version 1):
 *
 *     u32 types: for each  u32 instance, u32 type index in its module
 *     u32 top region (0: there is no heap)
 *     for each old region below it
 *         u8 0 free
 *         u8 1 small   objects, until type END
 *         u8 2 large   one object; the regions that it takes are not written
 *     an object
 *         u32 type     number in the table of types, or HOST, EXN, FILLER, END
 *         arrays, exceptions, fillers: u32 length
 *         exceptions: u32 instance, u32 tag; host boxes: u64 value
 *         structs, arrays, exceptions: the remaining bytes as they are
 *
 * Canonical type ids are of one process, so types are named by a module that
 * has them.  Objects keep their places, and words what they mean.
 *
 * A snapshot may be hostile: each object must fit where it is said to lie, and
 * each reference must be of an object of the field's type.
 */
#include "wasm/gc_heap.h"

#include "base/alloc.h"

enum { HOST = 0xfffffff0u, EXN, FILLER, END };
enum { REGION_FREE, REGION_SMALL, REGION_LARGE };

/* ---- saving ---- */

/* Canonical id -> number in the table, from 1. */
struct type_map {
	uint32_t *numbers, max, n;
};

static void for_objects(struct wasm_gc *g, void (*fn)(struct wasm_obj *, void *), void *arg)
{
	for (uint32_t r = GC_OLD_FIRST; r < g->top; r++) {
		struct wasm_obj *o = (struct wasm_obj *)gc_region_base(g, r);
		uint8_t *end = (uint8_t *)o + g->regions[r].top;

		if (g->space[r] == GC_SPACE_LARGE)
			fn(o, arg);
		else if (g->space[r] == GC_SPACE_OLD)
			for (; (uint8_t *)o < end; o = gc_next(g, o))
				fn(o, arg);
	}
}

static void find_max(struct wasm_obj *o, void *arg)
{
	struct type_map *m = arg;
	uint32_t id = o->head >> WASM_OBJ_TYPE_SHIFT;

	if (id < WASM_HEAP_ABSTRACT)
		m->max = MAX(m->max, id);
}

static void note_type(struct wasm_obj *o, void *arg)
{
	struct type_map *m = arg;
	uint32_t id = o->head >> WASM_OBJ_TYPE_SHIFT;

	if (id < WASM_HEAP_ABSTRACT)
		m->numbers[id] = UINT32_MAX;
}

/* Write where each used type is to be found. */
static void save_types(struct wasm_gc *g, struct type_map *m, struct ser_writer *w)
{
	uint32_t used = 0, ordinal = 0;

	for_objects(g, find_max, m);
	m->numbers = base_calloc(m->max + 1, sizeof(*m->numbers));
	if (!m->numbers) {
		w->failed = true;
		return;
	}
	for_objects(g, note_type, m);
	for (uint32_t id = 0; id <= m->max; id++)
		used += m->numbers[id] != 0;
	ser_u32(w, used);
	for (struct wasm_instance *i = g->store->instances; i; i = i->next, ordinal++)
		for (uint32_t t = 0; t < i->module->ntypes; t++) {
			uint32_t id = i->module->types[t];

			if (id > m->max || m->numbers[id] != UINT32_MAX)
				continue;
			m->numbers[id] = ++m->n;
			ser_u32(w, ordinal);
			ser_u32(w, t);
		}
	/* No object is of a type that no instance has. */
	if (m->n != used)
		w->failed = true;
}

static void save_tag(struct wasm_gc *g, const struct wasm_rt_tag *tag, struct ser_writer *w)
{
	uint32_t ordinal = 0;

	for (struct wasm_instance *i = g->store->instances; i; i = i->next, ordinal++) {
		uint32_t from = i->module->ntags_imported, own = i->module->ntags - from;

		/* An instance's own lie in one array; it may have a million. */
		if (own && tag >= i->tags[from] && tag < i->tags[from] + own) {
			ser_u32(w, ordinal);
			ser_u32(w, from + (uint32_t)(tag - i->tags[from]));
			return;
		}
	}
	ser_u32(w, UINT32_MAX);         /* an embedder's: cannot be loaded */
	ser_u32(w, UINT32_MAX);
}

static void save_object(struct wasm_gc *g, const struct type_map *m, struct wasm_obj *o,
			struct ser_writer *w)
{
	const struct wasm_gc_type *t = gc_type_of(g, o);
	uint32_t id = o->head >> WASM_OBJ_TYPE_SHIFT;

	switch (t->kind) {
	case GC_KIND_STRUCT:
		ser_u32(w, m->numbers[id] - 1);
		ser_bytes(w, &o->len, t->bytes - 4);
		break;
	case GC_KIND_ARRAY:
		ser_u32(w, m->numbers[id] - 1);
		ser_u32(w, o->len);
		ser_bytes(w, (uint8_t *)o + WASM_ARRAY_DATA, gc_size(t, o) - WASM_ARRAY_DATA);
		break;
	case GC_KIND_HOST:
		ser_u32(w, HOST);
		ser_u64(w, ((struct gc_host *)o)->value);
		break;
	case GC_KIND_EXN:
		ser_u32(w, EXN);
		ser_u32(w, o->len);
		save_tag(g, ((struct gc_exn *)o)->tag, w);
		ser_bytes(w, ((struct gc_exn *)o)->slots, 8ull * o->len);
		break;
	default:
		ser_u32(w, FILLER);
		ser_u32(w, o->len);
	}
}

static void save_region(struct wasm_gc *g, const struct type_map *m, uint32_t r,
			struct ser_writer *w)
{
	struct wasm_obj *o = (struct wasm_obj *)gc_region_base(g, r);
	uint8_t *end = (uint8_t *)o + g->regions[r].top;

	if (g->space[r] == GC_SPACE_OLD) {
		ser_u8(w, REGION_SMALL);
		for (; (uint8_t *)o < end; o = gc_next(g, o))
			save_object(g, m, o, w);
		ser_u32(w, END);
	} else if (g->space[r] == GC_SPACE_LARGE) {
		ser_u8(w, REGION_LARGE);
		save_object(g, m, o, w);
	} else if (g->space[r] != GC_SPACE_LARGE_TAIL) {
		ser_u8(w, REGION_FREE);
	}
}

void wasm_gc_save(struct wasm_store *s, struct ser_writer *w)
{
	struct wasm_gc *g = s->gc;
	struct type_map m = { 0 };

	ser_begin(w, "wasm.heap", 1);
	if (!g->area) {
		ser_u32(w, 0);
		ser_u32(w, 0);
	} else {
		if (!gc__collect(g, true))
			w->failed = true;
		save_types(g, &m, w);
		ser_u32(w, g->top);
		for (uint32_t r = GC_OLD_FIRST; r < g->top && !w->failed; r++)
			save_region(g, &m, r, w);
		base_free(m.numbers);
	}
	ser_end(w);
}

/* ---- loading ---- */

struct loader {
	struct wasm_gc *g;
	struct ser_reader *r;
	uint32_t *types, ntypes;        /* number -> canonical id */
};

static struct wasm_instance *instance(struct wasm_store *s, uint32_t ordinal)
{
	struct wasm_instance *i = s->instances;

	while (i && ordinal--)
		i = i->next;
	return i;
}

static void load_types(struct loader *l)
{
	struct ser_reader *r = l->r;

	l->ntypes = ser_get_u32(r);
	if (!ser_check(r, l->ntypes <= WASM_HEAP_ABSTRACT, "too many types"))
		return;
	l->types = base_calloc(l->ntypes + 1ull, sizeof(*l->types));
	if (!ser_check(r, l->types, "out of memory"))
		return;
	for (uint32_t k = 0; k < l->ntypes && !r->err.code; k++) {
		struct wasm_instance *i = instance(l->g->store, ser_get_u32(r));
		uint32_t t = ser_get_u32(r);

		if (!ser_check(r, i && t < i->module->ntypes, "no such type"))
			return;
		l->types[k] = i->module->types[t];
		ser_check(r, wasm_type_get(l->g->store->types, l->types[k])->comp != WASM_COMP_FUNC,
			  "an object of a function type");
	}
}

static void load_exn(struct loader *l, struct gc_exn *x, uint32_t len)
{
	struct wasm_instance *i = instance(l->g->store, ser_get_u32(l->r));
	uint32_t t = ser_get_u32(l->r), n = 0;

	if (!ser_check(l->r, i && t < i->module->ntags, "no such tag"))
		return;
	const struct wasm_deftype *d = wasm_type_get(l->g->store->types, i->tags[t]->type);

	for (uint32_t k = 0; k < d->nparams; k++)
		n += wasm_type_kind(d->types[k]) == WASM_V128 ? 2 : 1;
	if (!ser_check(l->r, n == len, "wrong length of an exception"))
		return;
	x->tag = i->tags[t];
	ser_get_bytes(l->r, x->slots, 8ull * len);
}

/* One object at `at`, of at most `room` bytes; its size, or 0: failed. */
static uint64_t load_object(struct loader *l, uint64_t at, uint64_t room, uint32_t number)
{
	struct wasm_gc *g = l->g;
	struct ser_reader *r = l->r;
	struct wasm_obj *o = (struct wasm_obj *)(g->start.base + at), shape = { 0 };
	const struct wasm_gc_type *t;
	uint32_t id = number == HOST ? (uint32_t)WASM_HEAP_EXTERN :
		      number == EXN ? (uint32_t)WASM_HEAP_EXN : (uint32_t)GC_TYPE_FILLER;
	uint64_t size;

	if (number < HOST) {
		if (!ser_check(r, number < l->ntypes, "no such type"))
			return 0;
		id = l->types[number];
	}
	t = gc__type(g, id);
	if (!ser_check(r, t, "out of memory"))
		return 0;
	if (t->kind != GC_KIND_STRUCT && t->kind != GC_KIND_HOST)
		shape.len = ser_get_u32(r);
	size = gc_size(t, &shape);
	if (!ser_check(r, size && size <= room, "an object outside of its region"))
		return 0;
	o->head = id << WASM_OBJ_TYPE_SHIFT | g->mark;
	o->len = shape.len;
	if (t->kind == GC_KIND_STRUCT)
		ser_get_bytes(r, &o->len, size - 4);
	else if (t->kind == GC_KIND_ARRAY)
		ser_get_bytes(r, (uint8_t *)o + WASM_ARRAY_DATA, size - WASM_ARRAY_DATA);
	else if (t->kind == GC_KIND_HOST)
		((struct gc_host *)o)->value = ser_get_u64(r);
	else if (t->kind == GC_KIND_EXN)
		load_exn(l, (struct gc_exn *)o, shape.len);
	return r->err.code ? 0 : size;
}

static void note_start(struct wasm_gc *g, uint64_t at)
{
	g->starts[at >> 6] |= 1u << (at >> 3 & 7);
}

static void load_small(struct loader *l, uint32_t region)
{
	struct wasm_gc *g = l->g;
	uint64_t base = (uint64_t)region << GC_REGION_SHIFT, at = 0, size;

	for (;;) {
		uint32_t number = ser_get_u32(l->r);

		if (number == END || l->r->err.code)
			break;
		size = load_object(l, base + at, MIN(GC_REGION - at, (uint64_t)GC_LARGE), number);
		if (!size)
			break;
		if (number != FILLER)
			note_start(g, base + at);
		at += size;
	}
	g->regions[region].top = at;
	g->regions[region].live = at;
	g->old_bytes += at;
}

/* Returns the regions that it takes. */
static uint32_t load_large(struct loader *l, uint32_t region)
{
	struct wasm_gc *g = l->g;
	uint64_t base = (uint64_t)region << GC_REGION_SHIFT;
	uint32_t number = ser_get_u32(l->r), n;
	uint64_t size = 0;

	if (ser_check(l->r, number < HOST, "not a large object"))
		size = load_object(l, base, g->range - base, number);
	if (!size || !ser_check(l->r, size > GC_LARGE, "not a large object"))
		return 1;
	n = align_up(size, GC_REGION) >> GC_REGION_SHIFT;
	for (uint32_t i = 0; i < n; i++) {
		g->space[region + i] = i ? GC_SPACE_LARGE_TAIL : GC_SPACE_LARGE;
		g->regions[region + i].next = region;
	}
	g->regions[region].run = n;
	g->regions[region].live = size;
	g->old_bytes += size;
	note_start(g, base);
	return n;
}

static void load_regions(struct loader *l, uint32_t top)
{
	struct wasm_gc *g = l->g;
	uint32_t n;

	for (uint32_t r = GC_OLD_FIRST; r < top && !l->r->err.code; r += n) {
		uint8_t kind = ser_get_u8(l->r);

		n = 1;
		g->top = r + 1;
		if (kind == REGION_SMALL) {
			g->space[r] = GC_SPACE_OLD;
			load_small(l, r);
		} else if (kind == REGION_LARGE) {
			n = load_large(l, r);
			g->top = r + n;
		} else if (ser_check(l->r, kind == REGION_FREE, "an unknown kind of region")) {
			g->nfree++;
		}
	}
	ser_check(l->r, l->r->err.code || g->top == MAX(top, (uint32_t)GC_OLD_FIRST),
		  "an object outside of the heap");
	ser_check(l->r, g->old_bytes <= g->limit, "more objects than the heap's limit");
}

/* ---- every reference is of its field's type ---- */

bool wasm_gc_owns(const struct wasm_store *s, wasm_word w)
{
	const struct wasm_gc *g = s->gc;
	uint64_t at = (uint64_t)w * 4;

	if (w & 1)
		return true;
	return g->starts && at >> 6 < g->starts_size && at % 8 == 0 &&
	       (g->starts[at >> 6] >> (at >> 3 & 7) & 1);
}

static bool word_ok(const struct wasm_store *s, wasm_word w, struct wasm_type t)
{
	uint32_t heap = wasm_type_heap(t), top = wasm_heap_top(s->types, heap);

	if (!w)
		return wasm_type_nullable(t);
	if (top == WASM_HEAP_FUNC)
		return w < s->nfuncs && wasm_heap_sub(s->types, s->funcs[w].type, heap);
	if (!wasm_gc_owns(s, w))
		return false;

	bool exn = !(w & 1) && wasm_gc_obj_type(s, w) == WASM_HEAP_EXN;

	return exn == (top == WASM_HEAP_EXN) && wasm_gc_is(s, w, heap);
}

static bool struct_ok(const struct wasm_store *s, const struct wasm_obj *o,
		      const struct wasm_deftype *d)
{
	for (uint32_t i = 0; i < d->nfields; i++)
		if (wasm_type_is_ref(d->fields[i].type) &&
		    !word_ok(s, *(wasm_word *)((uint8_t *)o + d->offsets[i]),
				     d->fields[i].type))
			return false;
	return true;
}

static bool array_ok(const struct wasm_store *s, const struct wasm_obj *o, struct wasm_field f)
{
	const wasm_word *e = (const wasm_word *)((const uint8_t *)o + WASM_ARRAY_DATA);

	if (!wasm_type_is_ref(f.type))
		return true;
	for (uint32_t i = 0; i < o->len; i++)
		if (!word_ok(s, e[i], f.type))
			return false;
	return true;
}

static bool exn_ok(const struct wasm_store *s, const struct gc_exn *x)
{
	const struct wasm_deftype *d = wasm_type_get(s->types, x->tag->type);
	uint32_t at = 0;

	for (uint32_t i = 0; i < d->nparams; i++) {
		if (wasm_type_is_ref(d->types[i]) &&
		    (x->slots[at] >> 32 || !word_ok(s, x->slots[at], d->types[i])))
			return false;
		at += wasm_type_kind(d->types[i]) == WASM_V128 ? 2 : 1;
	}
	return true;
}

static void check_object(struct wasm_obj *o, void *arg)
{
	struct loader *l = arg;
	const struct wasm_store *s = l->g->store;
	const struct wasm_gc_type *t = gc_type_of(l->g, o);
	const struct wasm_deftype *d = t->kind == GC_KIND_STRUCT || t->kind == GC_KIND_ARRAY ?
		wasm_type_get(s->types, o->head >> WASM_OBJ_TYPE_SHIFT) : NULL;
	bool ok = true;

	if (l->r->err.code)
		return;
	if (t->kind == GC_KIND_STRUCT)
		ok = struct_ok(s, o, d);
	else if (t->kind == GC_KIND_ARRAY)
		ok = array_ok(s, o, d->fields[0]);
	else if (t->kind == GC_KIND_EXN)
		ok = exn_ok(s, (struct gc_exn *)o);
	ser_check(l->r, ok, "a reference of a wrong type");
}

void wasm_gc_load(struct wasm_store *s, struct ser_reader *r)
{
	struct loader l = { .r = r };
	uint32_t top;

	if (!ser_open(r, "wasm.heap", 1, 1))
		return;
	l.g = s->gc;
	gc__reset(l.g);
	load_types(&l);
	top = ser_get_u32(r);
	if (top && ser_check(r, gc__begin(l.g), "out of memory") &&
	    ser_check(r, top <= l.g->nregions, "a heap larger than its limit allows")) {
		l.g->starts_size = (uint64_t)top << (GC_REGION_SHIFT - 6);
		l.g->starts = base_zalloc(l.g->starts_size);
		if (ser_check(r, l.g->starts, "out of memory"))
			load_regions(&l, top);
		if (!r->err.code)
			for_objects(l.g, check_object, &l);
		l.g->threshold = MAX(l.g->threshold, l.g->old_bytes + l.g->old_bytes / 2);
	}
	base_free(l.types);
	ser_close(r);
	/* Nothing half loaded is left for a collection to find. */
	if (r->err.code)
		gc__reset(l.g);
}
