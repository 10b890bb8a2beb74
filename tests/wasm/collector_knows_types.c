/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Casts, whole-array operations, host boxes and exception packages.
 */
#include "tests/wasm/collector.h"

static bool is(wasm_word w, uint32_t heap) { return wasm_gc_is(&store, w, heap); }
static uint32_t depth_of(uint32_t type) { return wasm_type_get(store.types, type)->depth; }
static bool is_def(wasm_word w, uint32_t type)
{
	bool r = wasm_gc_is_def(&store, w, type, depth_of(type));

	CHECK_EQ(r, is(w, type));
	return r;
}

static void casts(void)
{
	uint32_t chain[WASM_DEPTH_MAX + 1];
	struct wasm_field f[] = { NUM(WASM_I32) };
	wasm_word i31 = 5 << 1 | 1, s, sub, arr, box;

	store_open(0, false);
	for (int stress = 0; stress < 2; stress++) {
		s = roots[0] = wasm_gc_struct(&store, type_pair);
		sub = roots[1] = wasm_gc_struct(&store, type_sub);
		arr = roots[2] = wasm_gc_array(&store, type_bytes, 3);
		box = roots[3] = wasm_gc_host(&store, 1);
		CHECK(is_def(s, type_pair) && !is_def(s, type_sub) && !is_def(s, type_wide));
		CHECK(is_def(sub, type_pair) && is_def(sub, type_sub) && !is_def(sub, type_bytes));
		CHECK(is_def(arr, type_bytes) && !is_def(arr, type_longs));
		CHECK(!is_def(i31, type_pair) && !is_def(box, type_pair));
		for (int k = 0; k < 4; k++)
			CHECK(is(roots[k], WASM_HEAP_ANY) && is(roots[k], WASM_HEAP_EXTERN) &&
			      !is(roots[k], WASM_HEAP_NONE) && !is(roots[k], WASM_HEAP_I31) &&
			      !is(roots[k], WASM_HEAP_NOEXTERN));
		CHECK(is(s, WASM_HEAP_EQ) && is(s, WASM_HEAP_STRUCT) && !is(s, WASM_HEAP_ARRAY));
		CHECK(is(arr, WASM_HEAP_EQ) && is(arr, WASM_HEAP_ARRAY) && !is(arr, WASM_HEAP_STRUCT));
		CHECK(is(i31, WASM_HEAP_EQ) && is(i31, WASM_HEAP_I31) && is(i31, WASM_HEAP_ANY));
		CHECK(!is(i31, WASM_HEAP_STRUCT) && !is(i31, WASM_HEAP_ARRAY));
		CHECK(!is(box, WASM_HEAP_EQ) && !is(box, WASM_HEAP_STRUCT));
		CHECK_EQ(wasm_gc_type(&store, box), WASM_HEAP_EXTERN);
		CHECK_EQ(wasm_gc_type(&store, i31), WASM_HEAP_I31);
		CHECK_EQ(wasm_gc_type(&store, sub), type_sub);
	}
	for (unsigned d = 0; d <= WASM_DEPTH_MAX; d++)
		chain[d] = add_type(WASM_COMP_STRUCT, d ? chain[d - 1] : WASM_NO_SUPER, d, f, 1);
	for (unsigned d = 0; d <= WASM_DEPTH_MAX; d++) {
		s = wasm_gc_struct(&store, chain[d]);
		for (unsigned k = 0; k <= WASM_DEPTH_MAX; k++)
			CHECK_EQ(is_def(s, chain[k]), k <= d);
	}
	store_close();
}

static void array_operations(void)
{
	const uint8_t data[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17 };
	struct wasm_rt_data datas[] = { { data, sizeof(data) }, { NULL, 0 } };
	wasm_word words[3], w;
	struct wasm_rt_elem elems[] = { { words, 3 }, { NULL, 0 } };
	struct wasm_instance i = { .store = &store, .datas = datas, .elems = elems };
	uint64_t v[2] = { 0x1234567890abcdef, 0 };

	store_open(0, true);
	roots[0] = wasm_gc_array(&store, type_bytes, 10);
	CHECK_EQ(wasm_gc_array_fill(&store, 0, 0, v, 0), WASM_TRAP_NULL_ARRAY);
	CHECK_EQ(wasm_gc_array_fill(&store, roots[0], 3, v, 8), WASM_TRAP_ARRAY);
	CHECK_EQ(wasm_gc_array_fill(&store, roots[0], UINT32_MAX, v, UINT32_MAX), WASM_TRAP_ARRAY);
	CHECK_EQ(wasm_gc_array_fill(&store, roots[0], 10, v, 0), WASM_OK);
	CHECK_EQ(wasm_gc_array_fill(&store, roots[0], 3, v, 4), WASM_OK);
	CHECK(!memcmp(wasm_gc_elem(&store, roots[0], 0, 0), "\0\0\0\xef\xef\xef\xef\0\0\0", 10));
	CHECK_EQ(wasm_gc_array_init_data(&i, roots[0], 0, 0, 0, 10), WASM_OK);
	CHECK_EQ(wasm_gc_array_init_data(&i, roots[0], 1, 0, 0, 10), WASM_TRAP_ARRAY);
	CHECK_EQ(wasm_gc_array_init_data(&i, roots[0], 0, 0, 8, 10), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm_gc_array_init_data(&i, roots[0], 0, 1, 0, 0), WASM_OK);
	CHECK_EQ(wasm_gc_array_init_data(&i, roots[0], 0, 1, 0, 1), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm_gc_array_copy(&store, roots[0], 2, roots[0], 0, 8), WASM_OK);
	CHECK(!memcmp(wasm_gc_elem(&store, roots[0], 0, 0), "\1\2\1\2\3\4\5\6\7\x8", 10));
	CHECK_EQ(wasm_gc_array_copy(&store, roots[0], 3, roots[0], 0, 8), WASM_TRAP_ARRAY);
	CHECK_EQ(wasm_gc_array_copy(&store, roots[0], 0, roots[0], 3, 8), WASM_TRAP_ARRAY);
	CHECK_EQ(wasm_gc_array_copy(&store, roots[0], 0, 0, 0, 0), WASM_TRAP_NULL_ARRAY);
	CHECK_EQ(wasm_gc_array_new_data(&i, type_longs, 0, 1, 2, &w), WASM_OK);
	CHECK_EQ(*(uint64_t *)wasm_gc_elem(&store, w, 1, 3), 0x11100f0e0d0c0b0a);
	CHECK_EQ(wasm_gc_array_new_data(&i, type_longs, 0, 2, 2, &w), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm_gc_array_new_data(&i, type_longs, 0, 0, UINT32_MAX, &w), WASM_TRAP_MEMORY);
	roots[1] = wasm_gc_array(&store, type_refs, 5);
	roots[2] = wasm_gc_struct(&store, type_pair);
	words[0] = roots[2], words[1] = 7, words[2] = 0;
	CHECK_EQ(wasm_gc_array_init_elem(&i, roots[1], 1, 0, 0, 3), WASM_OK);
	CHECK_EQ(wasm_gc_array_init_elem(&i, roots[1], 3, 0, 0, 3), WASM_TRAP_ARRAY);
	CHECK_EQ(wasm_gc_array_init_elem(&i, roots[1], 0, 0, 1, 3), WASM_TRAP_TABLE);
	CHECK_EQ(wasm_gc_array_init_elem(&i, roots[1], 0, 1, 0, 1), WASM_TRAP_TABLE);
	wasm_gc_collect(&store, true);
	CHECK_EQ(*(wasm_word *)wasm_gc_elem(&store, roots[1], 1, 2), roots[2]);
	CHECK_EQ(*(wasm_word *)wasm_gc_elem(&store, roots[1], 2, 2), 7);
	CHECK_EQ(wasm_gc_array_new_elem(&i, type_refs, 0, 1, 3, &w), WASM_TRAP_TABLE);
	CHECK_EQ(wasm_gc_array_new_elem(&i, type_refs, 0, 1, 2, &w), WASM_OK);
	CHECK_EQ(*(wasm_word *)wasm_gc_elem(&store, w, 0, 2), 7);
	store_close();
}

/* An array that is old from the start is filled with what is young. */
static void old_arrays(void)
{
	uint64_t v[2];
	wasm_word w;

	store_open(0, false);
	roots[0] = wasm_gc_array(&store, type_refs, 50000);
	roots[1] = wasm_gc_array(&store, type_refs, 50000);
	w = wasm_gc_array(&store, type_bytes, 4);
	memcpy(wasm_gc_elem(&store, w, 0, 0), "abcd", 4);
	v[0] = w;
	CHECK_EQ(wasm_gc_array_fill(&store, roots[0], 100, v, 40000), WASM_OK);
	CHECK_EQ(wasm_gc_array_copy(&store, roots[1], 7, roots[0], 0, 49000), WASM_OK);
	/* The barrier that is not told where. */
	wasm_word last = wasm_gc_struct(&store, type_pair);

	*(wasm_word *)wasm_gc_elem(&store, roots[0], 49999, 2) = last;
	wasm_gc_wrote(&store, roots[0], last);
	for (int i = 0; i < 5; i++) {
		wasm_gc_collect(&store, i == 3);
		w = *(wasm_word *)wasm_gc_elem(&store, roots[0], 100, 2);
		CHECK(!memcmp(wasm_gc_elem(&store, w, 0, 0), "abcd", 4));
		for (uint32_t k = 100; k < 40100; k++) {
			CHECK_EQ(*(wasm_word *)wasm_gc_elem(&store, roots[0], k, 2), w);
			CHECK_EQ(*(wasm_word *)wasm_gc_elem(&store, roots[1], k + 7, 2), w);
		}
		CHECK(is(*(wasm_word *)wasm_gc_elem(&store, roots[0], 49999, 2), type_pair));
	}
	store_close();
}

static void packages(void)
{
	struct wasm_type params[] = {
		wasm_type_num(WASM_V128), wasm_type_ref(WASM_HEAP_EXTERN, true),
		wasm_type_ref(WASM_HEAP_FUNC, true), wasm_type_ref(WASM_HEAP_EXN, true),
	};
	struct wasm_deftype d = { .comp = WASM_COMP_FUNC, .super = WASM_NO_SUPER, .nparams = 4,
				  .types = params };
	struct wasm_rt_tag tag;
	uint64_t slots[5] = { 11, 22, 0, GC_FUNC, 0 }, out[5], value;

	store_open(0, true);
	CHECK(!wasm_type_store_add(store.types, &d, 1, &tag.type, NULL));
	for (int i = 0; i < 100; i++) {
		slots[2] = wasm_gc_host(&store, 1000 + i);
		slots[4] = roots[0];
		roots[0] = wasm_gc_exn(&store, &tag, slots);
		CHECK(roots[0]);
	}
	CHECK(is(roots[0], WASM_HEAP_EXN));
	CHECK_EQ(wasm_gc_type(&store, roots[0]), WASM_HEAP_EXN);
	wasm_word w = roots[0];

	for (int i = 99; i >= 0; i--) {
		CHECK(w && wasm_gc_exn_tag(&store, w) == &tag);
		wasm_gc_exn_get(&store, w, out);
		CHECK(out[0] == 11 && out[1] == 22 && out[3] == GC_FUNC);
		CHECK(wasm_gc_host_value(&store, out[2], &value) && value == 1000u + i);
		CHECK(!wasm_gc_host_value(&store, w, &value));
		w = out[4];
	}
	CHECK(!w && !wasm_gc_host_value(&store, 7, &value));
	store_close();
}

TEST_MAIN({ "casts", casts }, { "array_operations_check_and_move", array_operations },
	  { "old_arrays_of_young_objects", old_arrays },
	  { "exception_packages_and_host_boxes", packages })
