/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk operations at the ends of their ranges, where sums of 64 bits wrap. */
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

TEST_MAIN({ "memory_operations_check_first_and_do_not_wrap", test_memory },
	  { "table_operations_check_first_and_do_not_wrap", test_table })
