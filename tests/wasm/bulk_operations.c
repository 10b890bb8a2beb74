/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk operations at the ends of their ranges, where sums of 64 bits wrap. */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "tests/wasm/store.h"

enum { PAGE = 65536 };

static struct wasm_instance *make(struct world *w)
{
	world_open(w, NULL);
	return world_make(w,
		"(module (func $f) (memory 1) (memory 2) (memory i64 1)"
		"(table 10 funcref) (table 20 funcref) (table i64 10 externref)"
		"(data \"abcdef\") (elem funcref (ref.func $f) (ref.null func) (ref.func $f)))", NULL);
}

static void test_memory(void)
{
	struct world w;
	struct wasm_instance *i = make(&w);
	uint8_t *m0 = i->memories[0]->base, *m1 = i->memories[1]->base;

	CHECK_EQ(wasm__memory_init(i, 0, 0, PAGE - 6, 0, 6), WASM_OK);
	CHECK(!memcmp(m0 + PAGE - 6, "abcdef", 6));
	CHECK_EQ(wasm__memory_init(i, 0, 0, PAGE - 5, 0, 6), WASM_TRAP_MEMORY);
	CHECK_EQ(m0[PAGE - 5], 'b');
	CHECK_EQ(wasm__memory_init(i, 0, 0, 0, 1, 6), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm__memory_init(i, 0, 0, 0, UINT32_MAX, 2), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm__memory_init(i, 0, 0, UINT64_MAX, 0, 1), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm__memory_init(i, 0, 0, PAGE, 6, 0), WASM_OK);
	CHECK_EQ(wasm__memory_init(i, 0, 0, PAGE + 1, 6, 0), WASM_TRAP_MEMORY);
	wasm__data_drop(i, 0);
	CHECK_EQ(wasm__memory_init(i, 0, 0, 0, 0, 0), WASM_OK);
	CHECK_EQ(wasm__memory_init(i, 0, 0, 0, 0, 1), WASM_TRAP_MEMORY);

	CHECK_EQ(wasm__memory_fill(i, 2, UINT64_MAX, 1, 2), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm__memory_fill(i, 2, 2, 1, UINT64_MAX), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm__memory_fill(i, 2, PAGE, 1, 0), WASM_OK);
	CHECK_EQ(wasm__memory_copy(i, 1, 0, 2 * PAGE - 6, PAGE - 6, 6), WASM_OK);
	CHECK(!memcmp(m1 + 2 * PAGE - 6, "abcdef", 6));
	CHECK_EQ(wasm__memory_copy(i, 1, 0, 2 * PAGE - 5, PAGE - 6, 6), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm__memory_copy(i, 1, 0, 0, PAGE - 5, 6), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm__memory_copy(i, 1, 1, 2 * PAGE - 5, 2 * PAGE - 6, 5), WASM_OK);
	CHECK(!memcmp(m1 + 2 * PAGE - 6, "aabcde", 6));
	CHECK_EQ(wasm__memory_copy(i, 2, 2, UINT64_MAX, 0, 1), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm__memory_copy(i, 2, 2, 0, UINT64_MAX, UINT64_MAX), WASM_TRAP_MEMORY);
	CHECK_EQ(wasm__memory_grow(w.s, i->memories[2], UINT64_MAX >> 16), -1);
	CHECK_EQ(wasm__memory_grow(w.s, i->memories[2], UINT64_MAX), -1);
	CHECK_EQ(wasm__memory_grow(w.s, i->memories[0], 65536), -1);
	CHECK_EQ(wasm__memory_grow(w.s, i->memories[0], 65535), 1);
	CHECK_EQ(wasm__memory_grow(w.s, i->memories[0], 1), -1);
	CHECK_EQ(wasm__memory_pages(i->memories[0]), 65536);
	CHECK(i->memories[0]->base == m0);
	world_close(&w);
}

static void test_table(void)
{
	struct world w;
	struct wasm_instance *i = make(&w);
	wasm_word f = wasm__func_word(w.s, i->funcs[0]);

	CHECK_EQ(wasm__table_init(i, 0, 0, 7, 0, 3), WASM_OK);
	CHECK(i->tables[0]->elems[7] == f && !i->tables[0]->elems[8] &&
	      i->tables[0]->elems[9] == f);
	CHECK_EQ(wasm__table_init(i, 0, 0, 8, 0, 3), WASM_TRAP_TABLE);
	CHECK_EQ(wasm__table_init(i, 0, 0, 0, UINT32_MAX, 2), WASM_TRAP_TABLE);
	CHECK_EQ(wasm__table_init(i, 0, 0, 10, 3, 0), WASM_OK);
	CHECK_EQ(wasm__table_init(i, 0, 0, 11, 0, 0), WASM_TRAP_TABLE);
	CHECK_EQ(wasm__table_copy(i, 1, 0, 10, 0, 10), WASM_OK);
	CHECK_EQ(i->tables[1]->elems[17], f);
	CHECK_EQ(wasm__table_copy(i, 1, 1, 11, 10, 9), WASM_OK);
	CHECK(i->tables[1]->elems[18] == f && !i->tables[1]->elems[19]);
	CHECK_EQ(wasm__table_copy(i, 0, 1, 0, 11, 10), WASM_TRAP_TABLE);
	CHECK_EQ(wasm__table_copy(i, 2, 2, UINT64_MAX, 0, 1), WASM_TRAP_TABLE);
	CHECK_EQ(wasm__table_copy(i, 2, 2, 1, 0, UINT64_MAX), WASM_TRAP_TABLE);
	CHECK_EQ(wasm__table_fill(i, 0, 5, f, 6), WASM_TRAP_TABLE);
	CHECK_EQ(i->tables[0]->elems[5], 0);
	CHECK_EQ(wasm__table_fill(i, 0, 5, f, 5), WASM_OK);
	CHECK_EQ(i->tables[0]->elems[9], f);
	CHECK_EQ(wasm__table_grow(w.s, i->tables[0], UINT32_MAX, f), -1);
	CHECK_EQ(wasm__table_grow(w.s, i->tables[2], UINT64_MAX, 0), -1);
	CHECK_EQ(wasm__table_grow(w.s, i->tables[0], 0, f), 10);
	CHECK_EQ(wasm__table_grow(w.s, i->tables[0], 1000, f), 10);
	CHECK_EQ(i->tables[0]->size, 1010);
	CHECK_EQ(i->tables[0]->elems[1009], f);
	wasm__elem_drop(i, 0);
	wasm__elem_drop(i, 0);
	CHECK_EQ(wasm__table_init(i, 0, 0, 0, 0, 0), WASM_OK);
	CHECK_EQ(wasm__table_init(i, 0, 0, 0, 0, 1), WASM_TRAP_TABLE);
	world_close(&w);
}

/* ---- long ones ---- */

static const char bulk[] =
	"(module (memory 40000) (table $t 9000000 funcref) (elem $f func $g)"
	" (type $a (array (mut i8))) (type $l (array (mut i64)))"
	" (func $g)"
	" (func (export \"fill\") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0)))"
	" (func (export \"up\") (param i32)"
	"  (memory.copy (i32.const 64) (i32.const 0) (local.get 0)))"
	" (func (export \"down\") (param i32)"
	"  (memory.copy (i32.const 0) (i32.const 64) (local.get 0)))"
	" (func (export \"table\") (param i32)"
	"  (table.fill (i32.const 0) (ref.null func) (local.get 0)))"
	" (func (export \"tcopy\") (param i32)"
	"  (table.copy (i32.const 1) (i32.const 0) (local.get 0)))"
	" (func (export \"array\") (param i32)"
	"  (drop (array.new $a (i32.const 7) (local.get 0))))"
	" (func (export \"zeros\") (param i32) (drop (array.new_default $l (local.get 0))))"
	" (func (export \"acopy\") (param i32) (local (ref null $l))"
	"  (local.set 1 (array.new_default $l (i32.add (i32.const 1) (local.get 0))))"
	"  (array.copy $l $l (local.get 1) (i32.const 1) (local.get 1) (i32.const 0) (local.get 0))))";

/* What n bytes or elements cost more than none. */
static uint64_t cost(struct world *w, struct wasm_instance *i, const char *name, uint32_t n)
{
	uint64_t before = wasm_store_fuel(w->s), none;

	world_call(w, i, name, 0, 0);
	CHECK_EQ(w->trap, WASM_OK);
	none = before - wasm_store_fuel(w->s);
	before = wasm_store_fuel(w->s);
	world_call(w, i, name, (int32_t)n, 0);
	CHECK_EQ(w->trap, WASM_OK);
	return before - wasm_store_fuel(w->s) - none;
}

static void they_cost_fuel_by_their_size(void)
{
	const struct wasm_store_limits l = { .has_fuel = true, .fuel = 10000000 };
	struct world w;
	struct wasm_instance *i;

	world_open(&w, &l);
	i = world_make(&w, bulk, NULL);
	CHECK_EQ(cost(&w, i, "fill", 63), 0);
	CHECK_EQ(cost(&w, i, "fill", 6400), 100);
	CHECK_EQ(cost(&w, i, "up", 64000), 1000);
	CHECK_EQ(cost(&w, i, "table", 16000), 1000);
	CHECK_EQ(cost(&w, i, "tcopy", 1600), 100);
	CHECK_EQ(cost(&w, i, "zeros", 800), 100);
	CHECK_EQ(cost(&w, i, "array", 6400), 200);      /* made, and filled */
	CHECK_EQ(cost(&w, i, "acopy", 800), 200);
	/* Bounds come first, then fuel, then effects. */
	wasm_store_add_fuel(w.s, 1000);
	world_call(&w, i, "fill", -1, 0);
	CHECK_EQ(w.trap, WASM_TRAP_MEMORY);
	wasm_store_add_fuel(w.s, UINT64_MAX);
	w.s->fuel = 1000;
	world_call(&w, i, "fill", 1000 * 64 + 64000, 0);
	CHECK_EQ(w.trap, WASM_TRAP_FUEL);
	CHECK_EQ(w.s->fuel, 0);
	CHECK_EQ(wasm_rt_memory_base(i->memories[0])[6465 + 64000], 0);
	world_close(&w);
}

struct stopper {
	struct wasm_store *s;
	_Atomic bool done;
	double at;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *stop_soon(void *arg)
{
	struct stopper *s = arg;

	usleep(3000);
	s->at = now();
	wasm_interrupt(s->s);
	return NULL;
}

/* Milliseconds from the interruption to the end, the best of some; negative: it
 * was always done before. */
static double stop(const char *name, uint32_t n)
{
	double best = -1;

	for (int k = 0; k < 6; k++) {
		struct wasm_store_limits l = { .heap = 3ull << 30 };
		struct stopper st = { .done = false };
		struct world w;
		struct wasm_instance *i;
		pthread_t thread;

		world_open(&w, &l);
		i = world_make(&w, bulk, NULL);
		st.s = w.s;
		CHECK(!pthread_create(&thread, NULL, stop_soon, &st));
		world_call(&w, i, name, (int32_t)n, 0);
		double end = now();

		pthread_join(thread, NULL);
		if (w.trap == WASM_TRAP_INTERRUPT && (best < 0 || (end - st.at) * 1e3 < best))
			best = (end - st.at) * 1e3;
		world_close(&w);
	}
	return best;
}

static void an_interruption_ends_one_within_ten_milliseconds(void)
{
	static const struct { const char *name; uint32_t n; } ops[] = {
		{ "fill", 800u << 20 }, { "up", 400u << 20 }, { "down", 400u << 20 },
		{ "array", 800u << 20 }, { "acopy", 100u << 20 },
	};

	for (size_t k = 0; k < ARRAY_LEN(ops); k++) {
		double ms = stop(ops[k].name, ops[k].n);

		if (ms < 0 || ms > 10)
			TEST_FAIL("%s: %.1f ms", ops[k].name, ms);
	}
}

TEST_MAIN({ "memory_operations_check_first_and_do_not_wrap", test_memory },
	  { "table_operations_check_first_and_do_not_wrap", test_table },
	  { "they_cost_fuel_by_their_size", they_cost_fuel_by_their_size },
	  { "an_interruption_ends_one_within_ten_milliseconds",
	    an_interruption_ends_one_within_ten_milliseconds })
