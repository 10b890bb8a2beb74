/* SPDX-License-Identifier: Apache-2.0 */
/* The type store: equal groups are one, subtyping, layout, threads. */
#include <errno.h>
#include <pthread.h>

#include "wasm/types.h"
#include "tests/test.h"

#define I32 ((struct wasm_type){ WASM_I32 })
#define REF(heap) wasm_type_ref(heap, true)

static struct wasm_field field(struct wasm_type t)
{
	return (struct wasm_field){ .type = t, .mutable_ = true };
}
static struct wasm_deftype structure(struct wasm_field *f, uint32_t n, uint32_t super)
{
	return (struct wasm_deftype){ .comp = WASM_COMP_STRUCT, .nfields = n, .fields = f,
				      .super = super };
}
static uint32_t add1(struct wasm_type_store *s, struct wasm_deftype t)
{
	uint32_t id;

	CHECK_EQ(wasm_type_store_add(s, &t, 1, &id, NULL), 0);
	return id;
}

static void test_equal_groups(void)
{
	struct wasm_type_store *s = wasm_type_store_create(NULL);
	struct wasm_type sig[3] = { I32, I32, { WASM_F64 } };
	struct wasm_deftype f = { .comp = WASM_COMP_FUNC, .final = true, .super = WASM_NO_SUPER,
				  .nparams = 2, .nresults = 1, .types = sig };
	uint32_t a = add1(s, f), b = add1(s, f);

	CHECK_EQ(a, b);
	f.nparams = 1;
	f.nresults = 2;
	CHECK(add1(s, f) != a);
	f.nparams = 2;
	f.nresults = 1;
	f.final = false;
	CHECK(add1(s, f) != a);
	wasm_type_store_destroy(s);
}

/* (rec (type (struct (ref null 0)))) is equal to itself under another name,
 * and not to a struct that refers to it from outside. */
static void test_recursive_groups(void)
{
	struct wasm_type_store *s = wasm_type_store_create(NULL);
	struct wasm_field self = field(REF(WASM_GROUP_BASE)), other, pair[2];
	uint32_t a = add1(s, structure(&self, 1, WASM_NO_SUPER)), ids[2], ids2[2], ids3[2];
	struct wasm_deftype two[2];

	CHECK_EQ(add1(s, structure(&self, 1, WASM_NO_SUPER)), a);
	CHECK_EQ(wasm_type_get(s, a)->fields[0].type.bits, REF(a).bits);
	other = field(REF(a));
	CHECK(add1(s, structure(&other, 1, WASM_NO_SUPER)) != a);

	/* Two that refer to each other; the order in the group matters. */
	pair[0] = field(REF(WASM_GROUP_BASE + 1));
	pair[1] = field(REF(WASM_GROUP_BASE));
	two[0] = structure(&pair[0], 1, WASM_NO_SUPER);
	two[1] = structure(pair, 2, WASM_NO_SUPER);
	CHECK_EQ(wasm_type_store_add(s, two, 2, ids, NULL), 0);
	CHECK_EQ(wasm_type_store_add(s, two, 2, ids2, NULL), 0);
	CHECK_EQ(ids[0], ids2[0]);
	CHECK_EQ(ids[1], ids2[1]);
	CHECK_EQ(ids[1], ids[0] + 1);
	two[0] = structure(pair, 2, WASM_NO_SUPER);
	two[1] = structure(&pair[0], 1, WASM_NO_SUPER);
	CHECK_EQ(wasm_type_store_add(s, two, 2, ids3, NULL), 0);
	CHECK(ids3[0] != ids[0] && ids3[0] != ids[1]);
	wasm_type_store_destroy(s);
}

static void test_supertypes(void)
{
	struct wasm_type_store *s = wasm_type_store_create(NULL);
	struct wasm_field f[70];
	uint32_t chain[WASM_DEPTH_MAX + 2], side, id;
	struct wasm_deftype t;
	struct err e = { 0 };

	for (unsigned i = 0; i < 70; i++)
		f[i] = field(I32);
	for (unsigned i = 0; i <= WASM_DEPTH_MAX; i++) {
		chain[i] = add1(s, structure(f, i, i ? chain[i - 1] : WASM_NO_SUPER));
		CHECK_EQ(wasm_type_get(s, chain[i])->depth, i);
	}
	side = add1(s, structure(f, 5, chain[3]));
	for (unsigned i = 0; i <= WASM_DEPTH_MAX; i++)
		for (unsigned j = 0; j <= WASM_DEPTH_MAX; j++)
			CHECK_EQ(wasm_heap_sub(s, chain[i], chain[j]), i >= j);
	CHECK(wasm_heap_sub(s, side, chain[3]));
	CHECK(!wasm_heap_sub(s, side, chain[4]));
	CHECK(!wasm_heap_sub(s, chain[4], side));
	t = structure(f, 65, chain[WASM_DEPTH_MAX]);
	CHECK_EQ(wasm_type_store_add(s, &t, 1, &id, &e), -E2BIG);
	CHECK(e.msg[0]);
	wasm_type_store_destroy(s);
}

static void test_abstract_types(void)
{
	/* Each line: a type and what is above it (3.3.3). */
	static const struct { uint32_t a; const char *above; } rows[] = {
		{ WASM_HEAP_FUNC, "f" }, { WASM_HEAP_EXTERN, "x" }, { WASM_HEAP_ANY, "a" },
		{ WASM_HEAP_EQ, "ea" }, { WASM_HEAP_I31, "iea" }, { WASM_HEAP_STRUCT, "sea" },
		{ WASM_HEAP_ARRAY, "rea" }, { WASM_HEAP_EXN, "n" },
		{ WASM_HEAP_NONE, "0isreaSA" }, { WASM_HEAP_NOFUNC, "1fF" },
		{ WASM_HEAP_NOEXTERN, "2x" }, { WASM_HEAP_NOEXN, "3n" },
		{ WASM_HEAP_BOT, "fxaeisrn0123bSAF" },
	};
	struct wasm_type_store *s = wasm_type_store_create(NULL);
	struct wasm_field f = field(I32);
	struct wasm_deftype array = { .comp = WASM_COMP_ARRAY, .nfields = 1, .fields = &f,
				      .super = WASM_NO_SUPER };
	struct wasm_deftype func = { .comp = WASM_COMP_FUNC, .super = WASM_NO_SUPER };
	uint32_t st = add1(s, structure(&f, 1, WASM_NO_SUPER)), ar = add1(s, array);
	uint32_t fn = add1(s, func);
	const struct { char c; uint32_t heap; } all[] = {
		{ 'f', WASM_HEAP_FUNC }, { 'x', WASM_HEAP_EXTERN }, { 'a', WASM_HEAP_ANY },
		{ 'e', WASM_HEAP_EQ }, { 'i', WASM_HEAP_I31 }, { 's', WASM_HEAP_STRUCT },
		{ 'r', WASM_HEAP_ARRAY }, { 'n', WASM_HEAP_EXN }, { '0', WASM_HEAP_NONE },
		{ '1', WASM_HEAP_NOFUNC }, { '2', WASM_HEAP_NOEXTERN }, { '3', WASM_HEAP_NOEXN },
		{ 'b', WASM_HEAP_BOT }, { 'S', st }, { 'A', ar }, { 'F', fn },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (unsigned j = 0; j < sizeof(all) / sizeof(*all); j++)
			if (wasm_heap_sub(s, rows[i].a, all[j].heap) !=
			    !!strchr(rows[i].above, all[j].c))
				TEST_FAIL("row %u, %c", i, all[j].c);
	for (unsigned j = 0; j < sizeof(all) / sizeof(*all); j++) {
		CHECK_EQ(wasm_heap_sub(s, st, all[j].heap), !!strchr("Ssea", all[j].c));
		CHECK_EQ(wasm_heap_sub(s, ar, all[j].heap), !!strchr("Area", all[j].c));
		CHECK_EQ(wasm_heap_sub(s, fn, all[j].heap), !!strchr("Ff", all[j].c));
	}
	CHECK(wasm_type_sub(s, wasm_type_ref(st, false), wasm_type_ref(st, true)));
	CHECK(!wasm_type_sub(s, wasm_type_ref(st, true), wasm_type_ref(st, false)));
	CHECK(!wasm_type_sub(s, I32, wasm_type_ref(WASM_HEAP_ANY, true)));
	CHECK_EQ(wasm_heap_top(s, fn), WASM_HEAP_FUNC);
	CHECK_EQ(wasm_heap_top(s, WASM_HEAP_NONE), WASM_HEAP_ANY);
	wasm_type_store_destroy(s);
}

static void test_layout(void)
{
	struct wasm_type_store *s = wasm_type_store_create(NULL);
	struct wasm_field f[] = {
		{ .type = I32, .packed = WASM_PACKED_I8 }, { .type = I32, .packed = WASM_PACKED_I16 },
		{ .type = REF(WASM_HEAP_ANY) }, { .type = { WASM_F64 } }, { .type = { WASM_V128 } },
		{ .type = I32, .packed = WASM_PACKED_I8 },
	};
	static const uint32_t want[] = { 4, 6, 8, 16, 24, 40 };
	const struct wasm_deftype *t;

	for (unsigned n = 0; n <= 6; n++) {
		t = wasm_type_get(s, add1(s, structure(f, n, WASM_NO_SUPER)));
		for (unsigned i = 0; i < n; i++)
			CHECK_EQ(t->offsets[i], want[i]);
		CHECK_EQ(t->size, ((const uint32_t[]){ 8, 8, 8, 16, 24, 40, 48 })[n]);
	}
	wasm_type_store_destroy(s);
}

/* Enough types for many chunks and a growing table, from two threads. */
enum { MANY = 5000 };
struct adder {
	struct wasm_type_store *s;
	uint32_t ids[MANY];
	bool ok;
};
static void *add_many(void *arg)
{
	struct adder *a = arg;

	a->ok = true;
	for (uint32_t i = 0; i < MANY; i++) {
		struct wasm_type sig[14];
		struct wasm_deftype t = { .comp = WASM_COMP_FUNC, .super = WASM_NO_SUPER,
					  .nparams = 14, .types = sig };

		for (unsigned b = 0; b < 14; b++)
			sig[b] = wasm_type_num(i >> b & 1 ? WASM_I64 : WASM_I32);
		a->ok = a->ok && !wasm_type_store_add(a->s, &t, 1, &a->ids[i], NULL) &&
			wasm_type_get(a->s, a->ids[i])->types[0].bits == sig[0].bits &&
			wasm_type_get(a->s, a->ids[i / 2])->nparams == 14;
	}
	return NULL;
}
static void test_threads(void)
{
	static struct adder a, b;
	pthread_t thread;

	a.s = b.s = wasm_type_store_create(NULL);
	CHECK_EQ(pthread_create(&thread, NULL, add_many, &b), 0);
	add_many(&a);
	pthread_join(thread, NULL);
	CHECK(a.ok && b.ok);
	for (unsigned i = 0; i < MANY; i++) {
		CHECK_EQ(a.ids[i], b.ids[i]);
		CHECK(!i || a.ids[i] != a.ids[i - 1]);
	}
	wasm_type_store_destroy(a.s);
}

static void test_printing(void)
{
	char buf[40];

	CHECK_STR(wasm_type_print(NULL, I32, buf, sizeof(buf)), "i32");
	CHECK_STR(wasm_type_print(NULL, REF(3), buf, sizeof(buf)), "(ref null 3)");
	CHECK_STR(wasm_type_print(NULL, wasm_type_ref(WASM_HEAP_NOEXN, false), buf, sizeof(buf)),
		  "(ref noexn)");
}

TEST_MAIN({ "equal_groups_have_one_id", test_equal_groups },
	  { "recursive_groups_are_compared_by_structure", test_recursive_groups },
	  { "supertypes_by_display", test_supertypes },
	  { "abstract_types_in_their_order", test_abstract_types },
	  { "objects_are_laid_out_with_subtypes_longer", test_layout },
	  { "two_threads_add_the_same_types", test_threads },
	  { "types_are_printed", test_printing })
