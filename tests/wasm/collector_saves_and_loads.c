/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A heap that is saved and loaded is the same heap; a snapshot that lies is
 * refused, whichever byte of it is wrong, and never makes the collector crash.
 */
#include "tests/wasm/collector.h"
#include "wasm/gc_heap.h"

static struct wasm_module module;
static struct wasm_instance instance;
static struct wasm_rt_tag tag, *tags[1] = { &tag };
static uint32_t module_types[8];

static void open_with_module(uint64_t heap)
{
	struct wasm_type params[] = { wasm_type_num(WASM_I64), wasm_type_ref(WASM_HEAP_ANY, true) };
	struct wasm_deftype d = { .comp = WASM_COMP_FUNC, .super = WASM_NO_SUPER, .nparams = 2,
				  .types = params };

	plain_func = 0;
	store_open(heap, false);
	CHECK(!wasm_type_store_add(store.types, &d, 1, &tag.type, NULL));
	const uint32_t t[] = { tag.type, type_longs, type_sub, type_wide, type_pair, type_refs,
			       type_bytes };

	memcpy(module_types, t, sizeof(t));
	module = (struct wasm_module){ .ntypes = 7, .types = module_types, .ntags = 1 };
	instance = (struct wasm_instance){ .store = &store, .module = &module, .tags = tags };
	store.instances = &instance;
}

static void fill_heap(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *const types[] = { &type_pair, &type_sub, &type_wide, &type_refs,
					    &type_bytes, &type_longs };
		uint32_t type = *types[rnd(6)], number, at = rnd(ROOTS - 4);
		wasm_word w = make_both(type, rnd(400) ? rnd(20) : 10000, &number), v;

		CHECK(w);
		for (uint32_t k = 0; has_refs(type) && k < shadows[number].n && k < 8; k++) {
			struct shadow_ref r = pick(&v);

			set_field(number, w, k, r, v);
		}
		roots[at] = w;
		shadow_roots[at] = (struct shadow_ref){ SHADOW_OBJ, number };
	}
	uint64_t slots[2] = { 0x1122334455667788, roots[0] };

	roots[ROOTS - 1] = wasm_gc_host(&store, 4711);
	roots[ROOTS - 2] = wasm_gc_exn(&store, &tag, slots);
	CHECK(roots[ROOTS - 1] && roots[ROOTS - 2]);
}

static void save(struct ser_writer *w)
{
	ser_writer_init(w);
	wasm_gc_save(&store, w);
	CHECK(!w->failed);
}

static bool load(const void *bytes, size_t n, struct err *e)
{
	struct ser_reader r;

	ser_reader_init(&r, bytes, n);
	wasm_gc_load(&store, &r);
	return !ser_error(&r, e);
}

static void same_heap(void)
{
	struct ser_writer w, again;
	wasm_word kept[ROOTS];
	uint64_t value, slots[2];
	struct err e = { 0 };

	open_with_module(64 << 20);
	shadow_open(5);
	fill_heap(20000);
	save(&w);
	memcpy(kept, roots, sizeof(kept));
	/* The host box and the package are not in the shadow. */
	wasm_gc_fini(&store);
	CHECK(!wasm_gc_init(&store, NULL));
	if (!load(w.buf, w.len, &e))
		TEST_FAIL("%s", e.msg);
	memcpy(roots, kept, sizeof(kept));
	for (int i = 0; i < ROOTS; i++)
		CHECK(!roots[i] || wasm_gc_owns(&store, roots[i]));
	for (int round = 0; round < 3; round++) {
		CHECK(wasm_gc_host_value(&store, roots[ROOTS - 1], &value) && value == 4711);
		CHECK(wasm_gc_exn_tag(&store, roots[ROOTS - 2]) == &tag);
		wasm_gc_exn_get(&store, roots[ROOTS - 2], slots);
		CHECK_EQ(slots[0], 0x1122334455667788);
		CHECK_EQ(slots[1], roots[0]);
		roots[ROOTS - 1] = roots[ROOTS - 2] = 0;
		compare_all();
		roots[ROOTS - 1] = wasm_gc_host(&store, 4711);
		slots[1] = roots[0];
		roots[ROOTS - 2] = wasm_gc_exn(&store, &tag, slots);
		wasm_gc_collect(&store, round & 1);
	}
	roots[ROOTS - 1] = roots[ROOTS - 2] = 0;
	save(&again);
	ser_writer_fini(&w);
	ser_writer_fini(&again);
	shadow_close();
	store_close();
}

static void lies(void)
{
	struct ser_writer w;
	unsigned refused = 0, tries = 4000;
	wasm_word kept[ROOTS];

	open_with_module(64 << 20);
	shadow_open(6);
	fill_heap(300);
	save(&w);
	memcpy(kept, roots, sizeof(kept));
	shadow_close();
	for (unsigned i = 0; i < tries; i++) {
		uint8_t *copy = malloc(w.len);
		size_t len = rnd(8) ? w.len : rnd(w.len);
		uint32_t at = 28 + rnd(w.len - 28);

		memcpy(copy, w.buf, w.len);
		copy[at] = rnd(2) ? rnd(256) : copy[at] ^ 1u << rnd(8);
		memset(roots, 0, sizeof(roots));
		refused += !load(copy, len, NULL);
		/* What was taken can be collected. */
		for (int k = 0; k < ROOTS; k++)
			roots[k] = wasm_gc_owns(&store, kept[k]) ? kept[k] : 0;
		wasm_gc_collect(&store, true);
		memset(roots, 0, sizeof(roots));
		free(copy);
	}
	CHECK(refused > tries / 10);
	ser_writer_fini(&w);
	store_close();
}

static void wrong_types(void)
{
	struct wasm_field inner[] = { { .type = wasm_type_num(WASM_I64), .mutable_ = true } };
	struct wasm_field outer[1];
	struct wasm_deftype d = { .comp = WASM_COMP_STRUCT, .super = WASM_NO_SUPER, .nfields = 1,
				  .fields = inner };
	struct ser_writer w;
	uint32_t a, b;
	struct err e = { 0 };

	open_with_module(1 << 20);
	CHECK(!wasm_type_store_add(store.types, &d, 1, &a, NULL));
	outer[0] = (struct wasm_field){ .type = wasm_type_ref(a, true), .mutable_ = true };
	d.fields = outer;
	CHECK(!wasm_type_store_add(store.types, &d, 1, &b, NULL));
	module_types[0] = a;
	module_types[1] = b;
	roots[0] = wasm_gc_struct(&store, b);
	/* A field of type (ref null a) that refers to its own struct, of type b. */
	*ref_at(roots[0], offset_of(b, 0)) = roots[0];
	save(&w);
	CHECK(!load(w.buf, w.len, &e));
	CHECK(strstr(e.msg, "a reference of a wrong type"));
	CHECK(!wasm_gc_owns(&store, roots[0]));
	memset(roots, 0, sizeof(roots));
	ser_writer_fini(&w);
	store_close();
}

TEST_MAIN({ "what_is_loaded_is_what_was_saved", same_heap },
	  { "a_damaged_heap_is_refused_or_harmless", lies },
	  { "a_reference_of_a_wrong_type_is_refused", wrong_types })
