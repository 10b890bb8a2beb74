/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the collector without an interpreter: a store with nothing but
 * types and a heap, whose roots are an array; and a shadow of the heap in
 * plain C, which is compared with it.
 *
 * The store's and the interpreter's visitors are defined here, so that the
 * linker takes neither from the library.
 */
#ifndef TESTS_WASM_COLLECTOR_H
#define TESTS_WASM_COLLECTOR_H

#include "tests/test.h"
#include "wasm/gc_inline.h"

enum { ROOTS = 256, GC_FUNC = 0x10000 / 4 + 2 };
static wasm_word roots[ROOTS];
static struct wasm_store store;
static uint32_t type_pair, type_wide, type_refs, type_bytes, type_sub, type_longs;

void wasm__store_visit(struct wasm_store *s, wasm_visit_fn *fn, void *arg)
{
	(void)s;
	for (int i = 0; i < ROOTS; i++)
		fn(arg, &roots[i]);
}
void wasm__interp_visit(struct wasm_store *s, wasm_visit_fn *fn, void *arg)
{
	(void)s, (void)fn, (void)arg;
}

static uint32_t add_type(uint8_t comp, uint32_t super, unsigned depth, struct wasm_field *f,
			 uint32_t n)
{
	struct wasm_deftype d = { .comp = comp, .depth = depth, .super = super, .nfields = n,
				  .fields = f };
	uint32_t id = 0;

	CHECK(!wasm_type_store_add(store.types, &d, 1, &id, NULL));
	return id;
}
#define NUM(k) { .type = { k }, .mutable_ = true }
#define REF(h) { .type = { WASM_REF | 1u << 7 | (uint32_t)(h) << 8 }, .mutable_ = true }

static void store_open(uint64_t heap, bool stress)
{
	struct wasm_field pair[] = { NUM(WASM_I32), REF(WASM_HEAP_ANY), REF(WASM_HEAP_ANY),
				     NUM(WASM_I64) };
	struct wasm_field wide[40] = { NUM(WASM_I32), NUM(WASM_V128), REF(WASM_HEAP_FUNC) };
	struct wasm_field refs[] = { REF(WASM_HEAP_ANY) }, longs[] = { NUM(WASM_I64) };
	struct wasm_field bytes[] = { { .type = { WASM_I32 }, .packed = WASM_PACKED_I8,
					.mutable_ = true } };

	for (int i = 3; i < 40; i++)
		wide[i] = (struct wasm_field)REF(WASM_HEAP_ANY);
	memset(&store, 0, sizeof(store));
	memset(roots, 0, sizeof(roots));
	store.types = wasm_type_store_create(NULL);
	store.limits.heap = heap;
	store.limits.gc_stress = stress;
	CHECK(store.types && !wasm_gc_init(&store, NULL));
	type_pair = add_type(WASM_COMP_STRUCT, WASM_NO_SUPER, 0, pair, 3);
	type_sub = add_type(WASM_COMP_STRUCT, type_pair, 1, pair, 4);
	type_wide = add_type(WASM_COMP_STRUCT, WASM_NO_SUPER, 0, wide, 40);
	type_refs = add_type(WASM_COMP_ARRAY, WASM_NO_SUPER, 0, refs, 1);
	type_bytes = add_type(WASM_COMP_ARRAY, WASM_NO_SUPER, 0, bytes, 1);
	type_longs = add_type(WASM_COMP_ARRAY, WASM_NO_SUPER, 0, longs, 1);
}
static void store_close(void)
{
	wasm_gc_fini(&store);
	wasm_type_store_destroy(store.types);
}

/* The offset of field i of a struct. */
static uint32_t offset_of(uint32_t type, uint32_t i)
{
	return wasm_type_get(store.types, type)->offsets[i];
}
static wasm_word *ref_at(wasm_word w, uint32_t offset)
{
	return wasm_gc_field(&store, w, offset);
}

/* ---- the shadow ---- */

enum { SHADOW_NONE, SHADOW_I31, SHADOW_OBJ };
struct shadow_ref {
	uint32_t kind, v;       /* i31's value, or shadow number */
};
struct shadow {
	uint32_t type, n;       /* references; bytes */
	struct shadow_ref *refs;
	uint32_t seed;          /* of its plain bytes */
	wasm_word word;         /* during a comparison */
	uint32_t seen;
};
static struct shadow *shadows;
static uint32_t nshadows, shadow_cap, comparison;
static struct shadow_ref shadow_roots[ROOTS];

static uint64_t random_state;
static inline uint32_t rnd(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((random_state >> 33) % n);
}

static inline void shadow_open(uint64_t seed)
{
	random_state = seed * 77 + 1;
	nshadows = comparison = 0;
	memset(shadow_roots, 0, sizeof(shadow_roots));
}
static inline void shadow_close(void)
{
	for (uint32_t i = 0; i < nshadows; i++)
		free(shadows[i].refs);
	free(shadows);
	shadows = NULL;
	nshadows = shadow_cap = 0;
}

static inline bool has_refs(uint32_t type) { return type != type_bytes && type != type_longs; }
static uint32_t slot_of(const struct shadow *s, uint32_t i)
{
	if (s->type == type_refs)
		return WASM_ARRAY_DATA + 4 * i;
	return offset_of(s->type, s->type == type_wide ? 3 + i : 1 + i);
}

/* What function fields hold: looks like a young object, and is none. */
static uint32_t plain_func = GC_FUNC;

/* Plain bytes that follow from the seed. */
static void plain_write(const struct shadow *s, wasm_word w)
{
	uint8_t *p = (uint8_t *)wasm_gc_obj(&store, w);

	if (!has_refs(s->type)) {
		uint64_t bytes = (uint64_t)s->n << (s->type == type_longs ? 3 : 0);

		for (uint64_t i = 0; i < bytes; i++)
			p[WASM_ARRAY_DATA + i] = (uint8_t)(s->seed + i * 7);
	} else if (s->type != type_refs) {
		memcpy(p + offset_of(s->type, 0), &s->seed, 4);
	}
	if (s->type == type_wide) {
		memset(p + offset_of(s->type, 1), s->seed & 255, 16);
		memcpy(p + offset_of(s->type, 2), &plain_func, 4);
	}
	if (s->type == type_sub)
		memset(p + offset_of(s->type, 3), s->seed & 255, 8);
}
static void plain_check(const struct shadow *s, wasm_word w)
{
	const uint8_t *p = (uint8_t *)wasm_gc_obj(&store, w);

	CHECK_EQ(wasm_gc_type(&store, w), s->type);
	if (!has_refs(s->type)) {
		uint64_t bytes = (uint64_t)s->n << (s->type == type_longs ? 3 : 0);

		CHECK_EQ(wasm_gc_array_len(&store, w), s->n);
		for (uint64_t i = 0; i < bytes; i++)
			if (p[WASM_ARRAY_DATA + i] != (uint8_t)(s->seed + i * 7))
				TEST_FAIL("byte %" PRIu64 " of an array has changed", i);
	} else if (s->type == type_refs) {
		CHECK_EQ(wasm_gc_array_len(&store, w), s->n);
	} else {
		CHECK(!memcmp(p + offset_of(s->type, 0), &s->seed, 4));
	}
	if (s->type == type_wide) {
		for (int i = 0; i < 16; i++)
			CHECK_EQ(p[offset_of(s->type, 1) + i], s->seed & 255);
		CHECK(!memcmp(p + offset_of(s->type, 2), &plain_func, 4));
	}
	if (s->type == type_sub)
		CHECK_EQ(p[offset_of(s->type, 3) + 7], s->seed & 255);
}

static wasm_word make(uint32_t type, uint32_t n)
{
	wasm_word w;

	if (type == type_refs || type == type_bytes || type == type_longs)
		return wasm_gc_array(&store, type, n);
	w = rnd(2) ? wasm_gc_struct_zero(&store, type) : wasm_gc_struct_raw(&store, type);
	if (w)
		memset(&wasm_gc_obj(&store, w)->len, 0,
		       wasm_type_get(store.types, type)->size - 4);
	return w;
}

/* A new object and its shadow; 0 when the heap is full. */
static inline wasm_word make_both(uint32_t type, uint32_t n, uint32_t *number)
{
	wasm_word w = make(type, n);

	*number = nshadows;

	if (!w)
		return 0;
	if (nshadows == shadow_cap) {
		shadow_cap = shadow_cap ? shadow_cap * 2 : 1024;
		shadows = realloc(shadows, shadow_cap * sizeof(*shadows));
	}
	struct shadow *s = &shadows[nshadows];

	if (type != type_refs && has_refs(type))
		n = type == type_wide ? 37 : 2;
	*s = (struct shadow){ .type = type, .n = n, .seed = rnd(UINT32_MAX) };
	if (has_refs(type))
		s->refs = calloc(n ? n : 1, sizeof(*s->refs));
	plain_write(s, w);
	*number = nshadows++;
	return w;
}

static wasm_word word_of_i31(uint32_t v) { return v << 1 | 1; }

/* Any value reachable from the roots, or an i31, or null. */
static inline struct shadow_ref pick(wasm_word *w)
{
	uint32_t at = rnd(ROOTS);
	struct shadow_ref r = shadow_roots[at];

	*w = roots[at];
	for (unsigned steps = rnd(12); steps && r.kind == SHADOW_OBJ; steps--) {
		struct shadow *s = &shadows[r.v];

		if (!has_refs(s->type) || !s->n)
			break;
		uint32_t i = rnd(s->n);

		if (s->refs[i].kind != SHADOW_OBJ)
			break;
		*w = *ref_at(*w, slot_of(s, i));
		r = s->refs[i];
	}
	if (!rnd(16)) {
		r = (struct shadow_ref){ SHADOW_I31, rnd(0x7fffffff) };
		*w = word_of_i31(r.v);
	}
	return r;
}

static inline void set_field(uint32_t number, wasm_word w, uint32_t i, struct shadow_ref r, wasm_word v)
{
	struct shadow *s = &shadows[number];

	s->refs[i] = r;
	wasm_gc_store(&store, w, ref_at(w, slot_of(s, i)), v);
}

/* The heap is the shadow: same values, same identities, from the roots on. */
static uint32_t *compare_stack;
static uint32_t ncompare, compare_cap;
static inline void compare_ref(struct shadow_ref r, wasm_word w)
{
	if (r.kind == SHADOW_NONE) {
		CHECK_EQ(w, 0);
	} else if (r.kind == SHADOW_I31) {
		CHECK_EQ(w, word_of_i31(r.v));
	} else {
		struct shadow *s = &shadows[r.v];

		CHECK(w && !(w & 1));
		if (s->seen == comparison) {
			CHECK_EQ(w, s->word);
			return;
		}
		s->seen = comparison;
		s->word = w;
		if (ncompare == compare_cap) {
			compare_cap = compare_cap ? compare_cap * 2 : 1024;
			compare_stack = realloc(compare_stack, compare_cap * 4);
		}
		compare_stack[ncompare++] = r.v;
	}
}
static inline uint32_t compare_all(void)
{
	uint32_t n = 0;

	comparison++;
	ncompare = 0;
	for (int i = 0; i < ROOTS; i++)
		compare_ref(shadow_roots[i], roots[i]);
	for (; ncompare; n++) {
		const struct shadow *s = &shadows[compare_stack[--ncompare]];

		plain_check(s, s->word);
		if (has_refs(s->type))
			for (uint32_t i = 0; i < s->n; i++)
				compare_ref(s->refs[i], *ref_at(s->word, slot_of(s, i)));
	}
	free(compare_stack);
	compare_stack = NULL;
	compare_cap = 0;
	return n;
}

#endif
