/* SPDX-License-Identifier: Apache-2.0 */
/* DWARF line tables: a small one that is right, and many that are not. */
#include "tests/test.h"

#include "base/alloc.h"
#include "wasm/dwarf.h"

/* A code section of 64 bytes at offset 10. */
static const uint8_t module_bytes[10 + 64] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 10, 64 };

/* Version 4, without its lengths: one folder, one file; rows at 0 (line 1), 4 (line 3), 9 (end). */
static const uint8_t table4[] = {
	0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 1, 1, 1, 0xfb, 14, 13,
	0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1,
	's', 'r', 'c', 0, 0, 'a', '.', 'c', 0, 1, 0, 0, 0, 0,
	/* set address 0; copy; advance pc 4, line 2; copy; advance pc 5; end */
	0, 5, 2, 0, 0, 0, 0, 1, 2, 4, 3, 2, 1, 2, 5, 0, 1, 1, 0, 0, 0,
};

static void with(struct wasm_custom *c, const uint8_t *table, uint32_t n, struct wasm_module *m)
{
	*c = (struct wasm_custom){ { ".debug_line", 11 }, table, n };
	*m = (struct wasm_module){ .bytes = module_bytes, .len = sizeof(module_bytes),
				   .ncustoms = 1, .customs = c };
}

static void rows_cover_up_to_the_next_one(void)
{
	uint8_t table[sizeof(table4)];
	struct wasm_custom c;
	struct wasm_module m;
	struct wasm_line l;
	char *text;

	memcpy(table, table4, sizeof(table));
	table[0] = sizeof(table) - 4;
	/* The header's length ends before the program. */
	table[6] = 42 - 10;
	with(&c, table, sizeof(table), &m);
	CHECK(wasm_dwarf_line(&m, 10, &l));
	CHECK_EQ(l.line, 1);
	CHECK_STR(l.file, "src/a.c");
	CHECK(wasm_dwarf_line(&m, 13, &l) && l.line == 1);
	CHECK(wasm_dwarf_line(&m, 14, &l) && l.line == 3);
	CHECK(wasm_dwarf_line(&m, 18, &l) && l.line == 3);
	CHECK(!wasm_dwarf_line(&m, 19, &l));
	CHECK(!wasm_dwarf_line(&m, 9, &l));
	text = wasm_dwarf_annotate(&m, "#0 0xe f\n#1 0x30 g\n");
	CHECK_STR(text, "#0 0xe f (src/a.c:3)\n#1 0x30 g\n");
	base_free(text);
}

static uint32_t next(uint32_t *x)
{
	return *x = *x * 1664525 + 1013904223;
}

/* The bytes are the last of their page's allocation: a sanitizer sees any
 * read behind them. */
static void mutated_tables_are_harmless(void)
{
	uint32_t x = 1;

	for (unsigned i = 0; i < 30000; i++) {
		uint32_t n = sizeof(table4) - (next(&x) >> 8) % 3 * (next(&x) >> 8 & 15);
		uint8_t *table = base_alloc(n);
		struct wasm_custom c;
		struct wasm_module m;
		struct wasm_line l;

		CHECK(table);
		memcpy(table, table4, n);
		table[0] = (uint8_t)(n - 4);
		table[6] = 42 - 10;
		table[4] = (uint8_t)(2 + i % 5);
		for (unsigned k = (next(&x) >> 8) % 6; k; k--)
			table[(next(&x) >> 8) % n] = (uint8_t)(next(&x) >> 16);
		with(&c, table, n, &m);
		for (uint32_t at = 10; at < 30; at += 4)
			if (wasm_dwarf_line(&m, at, &l))
				CHECK(l.line && memchr(l.file, 0, sizeof(l.file)));
		base_free(table);
	}
}

TEST_MAIN(
	{ "rows_cover_up_to_the_next_one", rows_cover_up_to_the_next_one },
	{ "mutated_tables_are_harmless", mutated_tables_are_harmless },
)
