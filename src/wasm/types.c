/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The type store: recursive groups by structure, displays for subtyping,
 * layout of objects; see types.h.
 *
 * Types lie in chunks of doubling size that never move.  An id is given out
 * only after its type is complete, so whoever has an id may read without the
 * lock: the id came to them through it.  Groups are never removed.
 */
#include "wasm/types.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/bits.h"
#include "base/lock.h"
#include "wasm/hash.h"

enum {
	CHUNK0 = 64,            /* types in the first chunk */
	CHUNKS = 17,
	TYPES_MAX = CHUNK0 * ((1 << CHUNKS) - 1),
};
_Static_assert((uint32_t)TYPES_MAX < (uint32_t)WASM_GROUP_BASE, "ids are below the group's");

struct group {
	uint64_t hash;
	uint32_t base, n;       /* n 0: free */
};

struct wasm_type_store {
	struct wasm_deftype *chunks[CHUNKS];
	struct lock lock;
	/* Under the lock: */
	uint32_t ntypes;
	uint64_t key;
	struct group *groups;   /* open addressing, at most half full */
	uint32_t ngroups, mask;
	struct arena arena;     /* what the types point to */
};

static struct wasm_deftype *type_at(const struct wasm_type_store *s, uint32_t id)
{
	uint32_t x = id + CHUNK0;
	unsigned k = 31 - __builtin_clz(x / CHUNK0);

	return &s->chunks[k][x - ((uint32_t)CHUNK0 << k)];
}

const struct wasm_deftype *wasm_type_get(const struct wasm_type_store *s, uint32_t id)
{
	return type_at(s, id);
}

struct wasm_type_store *wasm_type_store_create(struct err *e)
{
	struct wasm_type_store *s = base_zalloc(sizeof(*s));

	if (!s || !(s->groups = base_calloc(CHUNK0, sizeof(*s->groups)))) {
		base_free(s);
		err_set(e, ENOMEM, "types: out of memory");
		return NULL;
	}
	s->mask = CHUNK0 - 1;
	s->key = wasm__hash_key();
	arena_init(&s->arena, 0);
	lock_init(&s->lock, LOCK_RANK_TYPES);
	return s;
}

void wasm_type_store_destroy(struct wasm_type_store *s)
{
	if (!s)
		return;
	for (unsigned k = 0; k < CHUNKS; k++)
		base_free(s->chunks[k]);
	base_free(s->groups);
	arena_fini(&s->arena);
	lock_fini(&s->lock);
	base_free(s);
}

/* ---- equality of groups ---- */

static uint64_t hash_group(const struct wasm_type_store *s, const struct wasm_deftype *group,
			   uint32_t n)
{
	uint64_t key = s->key, h = wasm__hash_mix(key, n, key);

	for (uint32_t i = 0; i < n; i++) {
		const struct wasm_deftype *t = &group[i];

		h = wasm__hash_mix(h, t->comp | t->final << 8 | (uint64_t)t->super << 16, key);
		if (t->comp == WASM_COMP_FUNC) {
			h = wasm__hash_mix(h, t->nparams | (uint64_t)t->nresults << 32, key);
			for (uint32_t j = 0; j < t->nparams + t->nresults; j++)
				h = wasm__hash_mix(h, t->types[j].bits, key);
			continue;
		}
		h = wasm__hash_mix(h, t->nfields, key);
		for (uint32_t j = 0; j < t->nfields; j++)
			h = wasm__hash_mix(h, t->fields[j].type.bits |
					   (uint64_t)t->fields[j].packed << 32 |
					   (uint64_t)t->fields[j].mutable_ << 40, key);
	}
	return h;
}

static bool in_group(uint32_t heap)
{
	return heap >= WASM_GROUP_BASE && heap < WASM_HEAP_ABSTRACT;
}

/* Does the new group's index mean what the stored group's id does?  An id
 * inside of the stored group can only be a reference within it. */
static bool same_index(uint32_t new, uint32_t old, const struct group *g)
{
	if (in_group(new))
		return old == g->base + (new - WASM_GROUP_BASE);
	return new == old && new - g->base >= g->n;
}

static bool same_type(struct wasm_type new, struct wasm_type old, const struct group *g)
{
	return (new.bits & 0xff) == (old.bits & 0xff) &&
		(!wasm_type_is_ref(new) ||
		 same_index(wasm_type_heap(new), wasm_type_heap(old), g));
}

static bool same_deftype(const struct wasm_deftype *new, const struct wasm_deftype *old,
			 const struct group *g)
{
	if (new->comp != old->comp || new->final != old->final ||
	    !same_index(new->super, old->super, g))
		return false;
	if (new->comp == WASM_COMP_FUNC) {
		if (new->nparams != old->nparams || new->nresults != old->nresults)
			return false;
		for (uint32_t i = 0; i < new->nparams + new->nresults; i++)
			if (!same_type(new->types[i], old->types[i], g))
				return false;
		return true;
	}
	if (new->nfields != old->nfields)
		return false;
	for (uint32_t i = 0; i < new->nfields; i++)
		if (new->fields[i].packed != old->fields[i].packed ||
		    new->fields[i].mutable_ != old->fields[i].mutable_ ||
		    !same_type(new->fields[i].type, old->fields[i].type, g))
			return false;
	return true;
}

static bool same_group(const struct wasm_type_store *s, const struct wasm_deftype *group,
		       uint32_t n, uint64_t hash, const struct group *g)
{
	if (g->hash != hash || g->n != n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!same_deftype(&group[i], type_at(s, g->base + i), g))
			return false;
	return true;
}

/* The group's place in the table, or the free one for it. */
static struct group *find_group(struct wasm_type_store *s, const struct wasm_deftype *group,
				uint32_t n, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & s->mask;

	while (s->groups[i].n && !same_group(s, group, n, hash, &s->groups[i]))
		i = (i + 1) & s->mask;
	return &s->groups[i];
}

/* ---- adding ---- */

static int reserve(struct wasm_type_store *s, uint32_t n)
{
	uint32_t last = (s->ntypes + n - 1 + CHUNK0) / CHUNK0;

	for (unsigned k = 0; k <= 31u - __builtin_clz(last); k++) {
		if (s->chunks[k])
			continue;
		s->chunks[k] = base_calloc((size_t)CHUNK0 << k, sizeof(*s->chunks[k]));
		if (!s->chunks[k])
			return -ENOMEM;
	}
	if (s->ngroups * 2 > s->mask) {
		uint32_t mask = s->mask * 2 + 1;
		struct group *bigger = base_calloc((size_t)mask + 1, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		for (uint32_t i = 0; i <= s->mask; i++) {
			uint32_t j = (uint32_t)s->groups[i].hash & mask;

			if (!s->groups[i].n)
				continue;
			while (bigger[j].n)
				j = (j + 1) & mask;
			bigger[j] = s->groups[i];
		}
		base_free(s->groups);
		s->groups = bigger;
		s->mask = mask;
	}
	return 0;
}

static uint32_t to_id(uint32_t heap, uint32_t base)
{
	return in_group(heap) ? base + (heap - WASM_GROUP_BASE) : heap;
}

static struct wasm_type to_canonical(struct wasm_type t, uint32_t base)
{
	return wasm_type_is_ref(t) ?
		wasm_type_ref(to_id(wasm_type_heap(t), base), wasm_type_nullable(t)) : t;
}

/* Header 4 bytes, then the fields in order: a subtype's layout begins with
 * its supertype's, whose fields have the same sizes. */
static void lay_out(struct wasm_deftype *t)
{
	uint32_t at = 4;

	if (t->comp == WASM_COMP_ARRAY) {
		t->offsets[0] = t->size = 8;
		return;
	}
	for (uint32_t i = 0; i < t->nfields; i++) {
		uint32_t size = wasm_field_size(t->fields[i]);

		at = align_up(at, MIN(size, 8u));
		t->offsets[i] = at;
		at += size;
	}
	t->size = align_up(at, 8);
}

static int copy_type(struct wasm_type_store *s, const struct wasm_deftype *from, uint32_t base,
		     uint32_t id)
{
	struct wasm_deftype *t = type_at(s, id), *super = NULL;
	bool func = from->comp == WASM_COMP_FUNC;
	uint32_t ntypes = func ? from->nparams + from->nresults : 0;
	uint32_t nfields = func ? 0 : from->nfields;
	unsigned depth = 0;
	uint32_t *display;

	if (from->super != WASM_NO_SUPER) {
		assert(to_id(from->super, base) < id);
		super = type_at(s, to_id(from->super, base));
		depth = super->depth + 1u;
		if (depth > WASM_DEPTH_MAX)
			return -E2BIG;
	}
	*t = (struct wasm_deftype){
		.comp = from->comp, .final = from->final, .depth = (uint8_t)depth,
		.super = super ? to_id(from->super, base) : WASM_NO_SUPER,
		.nparams = func ? from->nparams : 0, .nresults = func ? from->nresults : 0,
		.nfields = nfields,
	};
	display = arena_alloc(&s->arena, (ntypes + nfields + depth + 1) * sizeof(uint32_t) +
			      nfields * sizeof(struct wasm_field));
	if (!display)
		return -ENOMEM;
	t->display = display;
	t->types = (struct wasm_type *)(display + depth + 1);
	t->offsets = display + depth + 1 + ntypes;
	t->fields = (struct wasm_field *)(t->offsets + nfields);
	for (uint32_t i = 0; i < ntypes; i++)
		t->types[i] = to_canonical(from->types[i], base);
	for (uint32_t i = 0; i < nfields; i++) {
		t->fields[i] = from->fields[i];
		t->fields[i].type = to_canonical(from->fields[i].type, base);
	}
	if (super)
		memcpy(display, super->display, depth * sizeof(*display));
	display[depth] = id;
	if (!func)
		lay_out(t);
	return 0;
}

static int add_locked(struct wasm_type_store *s, const struct wasm_deftype *group, uint32_t n,
		      uint32_t *base)
{
	uint64_t hash = hash_group(s, group, n);
	struct group *g = find_group(s, group, n, hash);
	int r;

	*base = g->base;
	if (g->n)
		return 0;
	if (n > TYPES_MAX - s->ntypes)
		return -E2BIG;
	r = reserve(s, n);
	for (uint32_t i = 0; !r && i < n; i++)
		r = copy_type(s, &group[i], s->ntypes, s->ntypes + i);
	if (r)
		return r;
	g = find_group(s, group, n, hash);
	*g = (struct group){ .hash = hash, .base = s->ntypes, .n = n };
	*base = s->ntypes;
	s->ngroups++;
	s->ntypes += n;
	return 0;
}

int wasm_type_store_add(struct wasm_type_store *s, const struct wasm_deftype *group,
			uint32_t n, uint32_t *ids, struct err *e)
{
	uint32_t base = 0;
	int r = 0;

	if (n) {
		lock_take(&s->lock);
		r = add_locked(s, group, n, &base);
		lock_drop(&s->lock);
	}
	for (uint32_t i = 0; !r && i < n; i++)
		ids[i] = base + i;
	if (r == -E2BIG)
		return err_set(e, E2BIG, "too many types, or a chain of more than %d supertypes",
			       WASM_DEPTH_MAX);
	if (r)
		return err_set(e, -r, "types: out of memory");
	return 0;
}

/* ---- subtyping ---- */

#define H(heap) (1u << (WASM_HEAP_##heap - WASM_HEAP_ABSTRACT))
enum { H_EQ_UP = H(EQ) | H(ANY) };

/* Abstract heap types that are above each abstract one, itself included. */
static const uint16_t above[] = {
	[WASM_HEAP_FUNC - WASM_HEAP_ABSTRACT] = H(FUNC),
	[WASM_HEAP_EXTERN - WASM_HEAP_ABSTRACT] = H(EXTERN),
	[WASM_HEAP_ANY - WASM_HEAP_ABSTRACT] = H(ANY),
	[WASM_HEAP_EQ - WASM_HEAP_ABSTRACT] = H_EQ_UP,
	[WASM_HEAP_I31 - WASM_HEAP_ABSTRACT] = H(I31) | H_EQ_UP,
	[WASM_HEAP_STRUCT - WASM_HEAP_ABSTRACT] = H(STRUCT) | H_EQ_UP,
	[WASM_HEAP_ARRAY - WASM_HEAP_ABSTRACT] = H(ARRAY) | H_EQ_UP,
	[WASM_HEAP_EXN - WASM_HEAP_ABSTRACT] = H(EXN),
	[WASM_HEAP_NONE - WASM_HEAP_ABSTRACT] = H(NONE) | H(I31) | H(STRUCT) | H(ARRAY) | H_EQ_UP,
	[WASM_HEAP_NOFUNC - WASM_HEAP_ABSTRACT] = H(NOFUNC) | H(FUNC),
	[WASM_HEAP_NOEXTERN - WASM_HEAP_ABSTRACT] = H(NOEXTERN) | H(EXTERN),
	[WASM_HEAP_NOEXN - WASM_HEAP_ABSTRACT] = H(NOEXN) | H(EXN),
	[WASM_HEAP_BOT - WASM_HEAP_ABSTRACT] = 0x1fff,
};
#undef H

/* The least abstract type above a defined one. */
static uint32_t abstract_of(const struct wasm_deftype *t)
{
	return t->comp == WASM_COMP_FUNC ? WASM_HEAP_FUNC :
		t->comp == WASM_COMP_STRUCT ? WASM_HEAP_STRUCT : WASM_HEAP_ARRAY;
}

bool wasm_heap_sub(const struct wasm_type_store *s, uint32_t a, uint32_t b)
{
	if (a == b)
		return true;
	if (b >= WASM_HEAP_ABSTRACT) {
		if (a < WASM_HEAP_ABSTRACT)
			a = abstract_of(wasm_type_get(s, a));
		return above[a - WASM_HEAP_ABSTRACT] >> (b - WASM_HEAP_ABSTRACT) & 1;
	}
	const struct wasm_deftype *tb = wasm_type_get(s, b);

	if (a < WASM_HEAP_ABSTRACT) {
		const struct wasm_deftype *ta = wasm_type_get(s, a);

		return ta->depth >= tb->depth && ta->display[tb->depth] == b;
	}
	return a == WASM_HEAP_BOT ||
		a == (tb->comp == WASM_COMP_FUNC ? WASM_HEAP_NOFUNC : WASM_HEAP_NONE);
}

bool wasm_type_sub(const struct wasm_type_store *s, struct wasm_type a, struct wasm_type b)
{
	if (a.bits == b.bits || wasm_type_kind(a) == WASM_BOT)
		return true;
	return wasm_type_is_ref(a) && wasm_type_is_ref(b) &&
		(!wasm_type_nullable(a) || wasm_type_nullable(b)) &&
		wasm_heap_sub(s, wasm_type_heap(a), wasm_type_heap(b));
}

uint32_t wasm_heap_top(const struct wasm_type_store *s, uint32_t heap)
{
	if (heap < WASM_HEAP_ABSTRACT)
		heap = abstract_of(wasm_type_get(s, heap));
	switch (heap) {
	case WASM_HEAP_FUNC: case WASM_HEAP_NOFUNC:
		return WASM_HEAP_FUNC;
	case WASM_HEAP_EXTERN: case WASM_HEAP_NOEXTERN:
		return WASM_HEAP_EXTERN;
	case WASM_HEAP_EXN: case WASM_HEAP_NOEXN:
		return WASM_HEAP_EXN;
	default:
		return WASM_HEAP_ANY;
	}
}

const char *wasm_type_print(const struct wasm_type_store *s, struct wasm_type t,
			    char *buf, unsigned n)
{
	static const char *const kinds[] = {
		[WASM_BOT] = "bot", [WASM_I32] = "i32", [WASM_I64] = "i64", [WASM_F32] = "f32",
		[WASM_F64] = "f64", [WASM_V128] = "v128",
	};
	static const char *const heaps[] = {
		"func", "extern", "any", "eq", "i31", "struct", "array", "exn", "none",
		"nofunc", "noextern", "noexn", "bot",
	};
	const char *null = wasm_type_nullable(t) ? "null " : "";
	uint32_t heap = wasm_type_heap(t);

	(void)s;
	if (!wasm_type_is_ref(t))
		snprintf(buf, n, "%s", kinds[wasm_type_kind(t)]);
	else if (heap < WASM_HEAP_ABSTRACT)
		snprintf(buf, n, "(ref %s%u)", null, heap);
	else
		snprintf(buf, n, "(ref %s%s)", null, heaps[heap - WASM_HEAP_ABSTRACT]);
	return buf;
}
