/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap's limit, fragmentation, and the memory that is given back.
 */
#include <sys/mman.h>

#include "tests/wasm/collector.h"
#include "wasm/gc_heap.h"

static wasm_word cons(wasm_word *tail)
{
	wasm_word w;

	wasm_gc_push(&store, tail);
	w = wasm_gc_struct_zero(&store, type_pair);
	wasm_gc_pop(&store, 1);
	if (w)
		wasm_gc_store(&store, w, ref_at(w, offset_of(type_pair, 1)), *tail);
	return w;
}

static uint64_t fill_with_conses(void)
{
	uint64_t bytes = 0, size = wasm_type_get(store.types, type_pair)->size;

	for (;;) {
		wasm_word w = cons(&roots[0]);

		if (!w)
			return bytes;
		roots[0] = w;
		bytes += size;
	}
}

static void full_heap(void)
{
	for (uint64_t limit = 256 << 10; limit <= 64 << 20; limit *= 4) {
		store_open(limit, false);
		for (int round = 0; round < 3; round++) {
			uint64_t n = fill_with_conses();

			/* Live objects up to the limit, and at most a nursery and
			 * the quarter that a cycle may take to find out. */
			CHECK(n >= limit);
			CHECK(n <= limit + limit / 4 + MAX(limit / 8, 256u << 10));
			roots[0] = 0;
		}
		CHECK(wasm_gc_struct_zero(&store, type_pair));
		store_close();
	}
}

static void large_limit(void)
{
	store_open(16 << 20, false);
	CHECK(!wasm_gc_array(&store, type_bytes, 16 << 20));
	CHECK(!wasm_gc_array(&store, type_longs, UINT32_MAX));
	roots[0] = wasm_gc_array(&store, type_bytes, 9 << 20);
	CHECK(roots[0]);
	CHECK(!wasm_gc_array(&store, type_bytes, 8 << 20));
	roots[1] = wasm_gc_array(&store, type_bytes, 6 << 20);
	CHECK(roots[1]);
	roots[0] = 0;
	for (int i = 0; i < 100; i++)
		CHECK(wasm_gc_array(&store, type_bytes, 8 << 20));
	store_close();
}

/* What is taken again is zero, wherever it lies. */
static void zeroed(void)
{
	store_open(32 << 20, false);
	for (int i = 0; i < 400; i++) {
		uint32_t n = 20000 + rnd(600000);
		wasm_word w = wasm_gc_array(&store, type_bytes, n);
		uint8_t *p = wasm_gc_field(&store, w, WASM_ARRAY_DATA);

		CHECK(w);
		for (uint32_t k = 0; k < n; k++)
			if (p[k])
				TEST_FAIL("byte %u of a new array is %u", k, p[k]);
		memset(p, 0xff, n);
		roots[rnd(8)] = w;
		for (int k = 0; k < 100; k++) {
			w = wasm_gc_struct(&store, type_wide);
			for (uint32_t f = 8; f < wasm_type_get(store.types, type_wide)->size; f++)
				CHECK(!((uint8_t *)wasm_gc_obj(&store, w))[f]);
			memset((uint8_t *)wasm_gc_obj(&store, w) + 48, 1, 100);
			memset((uint8_t *)wasm_gc_obj(&store, w) + 48, 0, 100);
		}
	}
	store_close();
}

static uint64_t resident(void)
{
	uint64_t pages = 0, n = store.gc->range >> 12;
	unsigned char *v = malloc(n);

	CHECK(!mincore(store.gc->start.base, store.gc->range, v));
	for (uint64_t i = 0; i < n; i++)
		pages += v[i] & 1;
	free(v);
	return pages << 12;
}

/* Every tenth object lives: the others' room is used again and given back. */
static void fragmentation(void)
{
	struct wasm_gc_stats st;
	uint32_t n = 300000;

	store_open(256 << 20, false);
	roots[1] = wasm_gc_array(&store, type_refs, n);
	for (uint32_t i = 0; i < n; i++) {
		wasm_word none = 0, w = cons(&none);

		wasm_gc_store(&store, roots[1], wasm_gc_elem(&store, roots[1], i, 2), w);
		memcpy(wasm_gc_field(&store, w, offset_of(type_pair, 0)), &i, 4);
		roots[2] = wasm_gc_array(&store, type_bytes, 100);
		wasm_gc_store(&store, w, ref_at(w, offset_of(type_pair, 1)), roots[2]);
	}
	wasm_gc_collect(&store, true);
	uint64_t before = resident();

	for (uint32_t i = 0; i < n; i++)
		if (i % 10)
			*(wasm_word *)wasm_gc_elem(&store, roots[1], i, 2) = 0;
	wasm_gc_collect(&store, true);
	for (int i = 0; i < 2000; i++)
		wasm_gc_collect(&store, false);
	wasm_gc_stats(&store, &st);
	CHECK(before > 36u << 20);
	CHECK(st.live < 8u << 20);
	CHECK(resident() < 24u << 20);
	for (uint32_t i = 0; i < n; i += 10) {
		wasm_word w = *(wasm_word *)wasm_gc_elem(&store, roots[1], i, 2);

		CHECK(!memcmp(wasm_gc_field(&store, w, offset_of(type_pair, 0)), &i, 4));
		CHECK_EQ(wasm_gc_array_len(&store, *ref_at(w, offset_of(type_pair, 1))), 100);
	}
	store_close();
}

/* A list of a million, an array of as many, all referring to one object. */
static void deep_and_popular(void)
{
	store_open(256 << 20, false);
	roots[1] = wasm_gc_array(&store, type_bytes, 7);
	for (int i = 0; i < 1000000; i++) {
		roots[0] = cons(&roots[0]);
		CHECK(roots[0]);
		wasm_gc_store(&store, roots[0], ref_at(roots[0], offset_of(type_pair, 2)), roots[1]);
	}
	roots[2] = wasm_gc_array(&store, type_refs, 1000000);
	uint64_t v[2] = { roots[1] };

	CHECK_EQ(wasm_gc_array_fill(&store, roots[2], 0, v, 1000000), WASM_OK);
	wasm_gc_collect(&store, true);
	wasm_gc_collect(&store, false);
	wasm_gc_collect(&store, true);
	uint32_t n = 0;

	for (wasm_word w = roots[0]; w; w = *ref_at(w, offset_of(type_pair, 1)), n++)
		CHECK_EQ(*ref_at(w, offset_of(type_pair, 2)), roots[1]);
	CHECK_EQ(n, 1000000);
	for (uint32_t i = 0; i < 1000000; i++)
		CHECK_EQ(*(wasm_word *)wasm_gc_elem(&store, roots[2], i, 2), roots[1]);
	store_close();
}

/* Marking with a stack that is always full: regions are scanned again. */
static void overflow(void)
{
	store_open(64 << 20, false);
	shadow_open(3);
	for (int i = 0; i < 30; i++) {
		uint32_t number = 0, leaf = 0;

		roots[i] = make_both(type_refs, 6000, &number);
		shadow_roots[i] = (struct shadow_ref){ SHADOW_OBJ, number };
		for (uint32_t k = 0; k < 6000; k++) {
			wasm_word w = make_both(type_pair, 0, &leaf);

			set_field(number, roots[i], k, (struct shadow_ref){ SHADOW_OBJ, leaf }, w);
			if (k) {
				wasm_word v = *ref_at(roots[i], WASM_ARRAY_DATA + 4 * (k - 1));

				set_field(leaf, w, 0, shadows[number].refs[k - 1], v);
			}
		}
	}
	store.gc->stack_max = 100;
	wasm_gc_collect(&store, true);
	compare_all();
	store.gc->threshold = 0;
	store.gc->pause = 20000;
	for (int i = 0; i < 3000; i++)
		wasm_gc_collect(&store, false);
	compare_all();
	wasm_gc_collect(&store, true);
	CHECK_EQ(compare_all(), 30 * 6001);
	shadow_close();
	store_close();
}

/* Nothing is reserved for a store that makes no object. */
static void lazy(void)
{
	store_open(0, false);
	CHECK(!store.gc->area);
	wasm_gc_collect(&store, true);
	CHECK(!store.gc->area);
	store_close();
}

/* Old objects that refer to a young one cost the next pause each: when they are
 * many, it does not wait for the nursery to be full. */
static void remembered(void)
{
	const uint32_t n = 3 * GC_REMEMBERED_MANY;
	struct wasm_gc_stats a, b;
	uint64_t most = 0;

	store_open(64 << 20, false);
	roots[0] = wasm_gc_array(&store, type_refs, n);
	for (uint32_t i = 0; i < n; i++)
		wasm_gc_store(&store, roots[0], wasm_gc_elem(&store, roots[0], i, 2),
			      wasm_gc_struct_zero(&store, type_pair));
	wasm_gc_collect(&store, true);
	wasm_gc_stats(&store, &a);
	roots[1] = wasm_gc_struct_zero(&store, type_pair);
	for (uint32_t i = 0; i < n; i++) {
		wasm_word old = *(wasm_word *)wasm_gc_elem(&store, roots[0], i, 2);

		if (i % 1024 == 0)
			roots[1] = wasm_gc_struct_zero(&store, type_pair);
		wasm_gc_store(&store, old, ref_at(old, offset_of(type_pair, 1)), roots[1]);
		most = MAX(most, store.gc->nremembered);
	}
	wasm_gc_stats(&store, &b);
	CHECK(b.minor > a.minor);
	if (most > GC_REMEMBERED_MANY + 2 * 1024)
		TEST_FAIL("%llu remembered", (unsigned long long)most);
	store_close();
}

TEST_MAIN({ "a_full_heap_fails_at_its_limit", full_heap },
	  { "large_arrays_fail_at_the_limit_exactly", large_limit },
	  { "new_objects_are_zero", zeroed },
	  { "a_fragmented_heap_is_compacted_and_given_back", fragmentation },
	  { "a_long_list_and_a_popular_object", deep_and_popular },
	  { "a_full_mark_stack", overflow },
	  { "many_remembered_objects_are_a_reason_to_collect", remembered },
	  { "no_heap_without_objects", lazy })
