/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A random mutator on the collector's heap: what is reachable stays as it is
 * in the shadow, through minor collections, cycles in steps and full ones.
 */
#include "tests/wasm/collector.h"
#include "wasm/gc_heap.h"

struct mix {
	uint32_t steps, large;  /* one of `large` objects is large; 0: none */
	uint32_t drop;          /* one root of `drop` steps is dropped */
	uint32_t compare;       /* every so many steps */
	uint32_t array;         /* lengths */
	bool tiny;              /* a tiny nursery, cycles all the time in tiny steps */
	uint32_t keep;          /* lengths of the KEEPERS arrays that hold most objects */
};
enum { KEEPERS = 8 };   /* the first roots; never dropped */

static void make_keepers(const struct mix *m)
{
	for (int i = 0; i < KEEPERS; i++) {
		uint32_t number;

		roots[i] = make_both(type_refs, m->keep, &number);
		CHECK(roots[i]);
		shadow_roots[i] = (struct shadow_ref){ SHADOW_OBJ, number };
	}
}

static void new_object(const struct mix *m)
{
	static uint32_t *const types[] = { &type_pair, &type_pair, &type_sub, &type_wide,
					   &type_refs, &type_bytes, &type_longs };
	uint32_t type = *types[rnd(7)], n = rnd(m->array), number, at = rnd(KEEPERS);
	wasm_word w, v;

	if (m->large && !rnd(m->large))
		n = 9000 + rnd(40000);
	w = make_both(type, n, &number);
	CHECK(w);
	for (uint32_t i = 0; has_refs(type) && i < shadows[number].n; i++) {
		struct shadow_ref r = pick(&v);

		if (i < 8 || !rnd(16))
			set_field(number, w, i, r, v);
	}
	if (rnd(4)) {
		set_field(shadow_roots[at].v, roots[at], rnd(m->keep),
			  (struct shadow_ref){ SHADOW_OBJ, number }, w);
		return;
	}
	at = KEEPERS + rnd(ROOTS - KEEPERS);
	roots[at] = w;
	shadow_roots[at] = (struct shadow_ref){ SHADOW_OBJ, number };
}

static void write_field(void)
{
	wasm_word w, v;
	struct shadow_ref o = pick(&w), r = pick(&v);

	if (o.kind != SHADOW_OBJ || !has_refs(shadows[o.v].type) || !shadows[o.v].n)
		return;
	set_field(o.v, w, rnd(shadows[o.v].n), r, v);
}

static void copy_elements(void)
{
	wasm_word w, v;
	struct shadow_ref a = pick(&w), b = pick(&v);

	if (a.kind != SHADOW_OBJ || b.kind != SHADOW_OBJ ||
	    shadows[a.v].type != type_refs || shadows[b.v].type != type_refs)
		return;
	uint32_t n = rnd(MIN(shadows[a.v].n, shadows[b.v].n) + 1);
	uint32_t d = rnd(shadows[a.v].n - n + 1), s = rnd(shadows[b.v].n - n + 1);

	CHECK_EQ(wasm_gc_array_copy(&store, w, d, v, s, n), WASM_OK);
	memmove(shadows[a.v].refs + d, shadows[b.v].refs + s, n * sizeof(struct shadow_ref));
}

static void fill_elements(void)
{
	wasm_word w, v;
	struct shadow_ref a = pick(&w), r = pick(&v);

	if (a.kind != SHADOW_OBJ || shadows[a.v].type != type_refs)
		return;
	uint64_t value[2] = { v };
	uint32_t n = rnd(MIN(shadows[a.v].n + 1, 64u)), at = rnd(shadows[a.v].n - n + 1);

	CHECK_EQ(wasm_gc_array_fill(&store, w, at, value, n), WASM_OK);
	for (uint32_t i = 0; i < n; i++)
		shadows[a.v].refs[at + i] = r;
}

/* A reference moves from one object to another and is nowhere else: a marker
 * that has seen the second and not the first must be told. */
static void transfer(void)
{
	wasm_word from, to;
	struct shadow_ref a = pick(&from), b = pick(&to);

	if (a.kind != SHADOW_OBJ || b.kind != SHADOW_OBJ || !has_refs(shadows[a.v].type) ||
	    !has_refs(shadows[b.v].type) || !shadows[a.v].n || !shadows[b.v].n)
		return;
	uint32_t i = rnd(shadows[a.v].n), k = rnd(shadows[b.v].n);

	set_field(b.v, to, k, shadows[a.v].refs[i], *ref_at(from, slot_of(&shadows[a.v], i)));
	if (a.v != b.v || i != k)
		set_field(a.v, from, i, (struct shadow_ref){ SHADOW_NONE, 0 }, 0);
}

static void mutate(const struct mix *m)
{
	make_keepers(m);
	if (m->tiny) {
		struct wasm_gc *g = store.gc;

		g->pause = 10000;
		g->nursery = g->nursery_min = g->nursery_max = 64 << 10;
		wasm_gc_collect(&store, false);
		g->eden_end = g->start.limit = g->eden + g->nursery;
	}
	for (uint32_t i = 1; i <= m->steps; i++) {
		switch (rnd(8)) {
		case 0: case 1: case 2:
			new_object(m);
			break;
		case 3:
			copy_elements();
			break;
		case 4:
			fill_elements();
			break;
		case 5:
			transfer();
			break;
		default:
			write_field();
		}
		if (!rnd(m->drop)) {
			uint32_t at = KEEPERS + rnd(ROOTS - KEEPERS);

			roots[at] = 0;
			shadow_roots[at].kind = SHADOW_NONE;
		}
		if (!rnd(20000))
			wasm_gc_collect(&store, rnd(2));
		if (m->tiny) {
			store.gc->threshold = 0;
			if (i % 16 == 0)
				wasm_gc_collect(&store, false);
		}
		if (i % m->compare == 0)
			compare_all();
	}
	compare_all();
}

static void run(uint64_t seed, uint64_t heap, bool stress, struct mix m)
{
	struct wasm_gc_stats st;

	store_open(heap, stress);
	shadow_open(seed);
	mutate(&m);
	wasm_gc_stats(&store, &st);
	CHECK(st.minor > 0);
	shadow_close();
	store_close();
}

static void small_objects(void)
{
	for (uint64_t seed = 1; seed <= 3; seed++)
		run(seed, 64 << 20, false, (struct mix){ 300000, 0, 20, 60000, 12, false, 4000 });
}
static void large_objects(void)
{
	run(11, 256 << 20, false, (struct mix){ 60000, 40, 20, 10000, 30, false, 20000 });
}
static void small_heap(void)
{
	for (uint64_t seed = 21; seed <= 24; seed++)
		run(seed, 24 << 20, false, (struct mix){ 300000, 0, 20, 30000, 8, false, 5000 });
}
static void tiny_steps(void)
{
	for (uint64_t seed = 41; seed <= 44; seed++)
		run(seed, 64 << 20, false, (struct mix){ 150000, 0, 20, 3000, 8, true, 600 });
	run(45, 256 << 20, false, (struct mix){ 30000, 30, 20, 1000, 8, true, 2000 });
}
/* Old objects that were given young ones and died: when their regions hold
 * other objects, nobody remembers them. */
static void dead_and_remembered(void)
{
	enum { N = 8000 };
	uint32_t number;

	store_open(64 << 20, false);
	shadow_open(51);
	for (int round = 0; round < 20; round++) {
		roots[0] = wasm_gc_array(&store, type_refs, N);
		for (uint32_t i = 0; i < N; i++) {
			wasm_word w = wasm_gc_struct(&store, type_pair);

			wasm_gc_store(&store, roots[0], wasm_gc_elem(&store, roots[0], i, 2), w);
		}
		wasm_gc_collect(&store, true);
		for (uint32_t i = 0; i < N; i++) {
			wasm_word v = wasm_gc_struct(&store, type_pair);
			wasm_word w = *(wasm_word *)wasm_gc_elem(&store, roots[0], i, 2);

			wasm_gc_store(&store, w, ref_at(w, offset_of(type_pair, 2)), v);
		}
		roots[0] = 0;
		store.gc->threshold = 0;
		store.gc->pause = 1 << 30;
		store.gc->straight = 0;
		store.gc->promote_all = false;
		wasm_gc_collect(&store, false);         /* all is marked in this one */
		CHECK(store.gc->phase != GC_MARKING);
		for (int i = 0; i < 8; i++)
			wasm_gc_collect(&store, false);
		for (int i = 8; i < ROOTS; i++) {
			roots[i] = make_both(type_bytes, 500 + rnd(2000), &number);
			shadow_roots[i] = (struct shadow_ref){ SHADOW_OBJ, number };
		}
		for (int i = 0; i < 4; i++) {
			wasm_gc_collect(&store, false);
			compare_all();
		}
	}
	shadow_close();
	store_close();
}
static void stress(void)
{
	for (uint64_t seed = 31; seed <= 33; seed++)
		run(seed, 64 << 20, true, (struct mix){ 3000, 0, 20, 300, 6, false, 10 });
	run(34, 64 << 20, true, (struct mix){ 1500, 50, 20, 300, 6, false, 10 });
}

TEST_MAIN({ "small_objects", small_objects }, { "large_objects", large_objects },
	  { "a_small_heap", small_heap }, { "the_dead_are_forgotten", dead_and_remembered },
	  { "cycles_in_tiny_steps", tiny_steps },
	  { "collecting_at_every_allocation", stress })
