/* SPDX-License-Identifier: Apache-2.0 */
/* Each limit of module.h: at it a module loads, one over it is refused with a
 * message; and modules that try to be slow or large are neither. */
#include <time.h>

#include "tests/wasm/bytes.h"

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void put_many(struct bytes *b, uint32_t n, const void *p, size_t len)
{
	while (n--)
		put_bytes(b, p, len);
}

/* A section that is a vector of n equal things, behind a type [] -> []. */
static void vector_of(struct bytes *b, uint8_t id, uint32_t n, const char *thing, size_t len)
{
	header(b);
	if (id > 1)
		PUT(b, 1, 4, 1, 0x60, 0, 0);
	section(b, id);
	put_u32(b, n);
	put_many(b, n, thing, len);
	part_end(b);
}
static void at_and_over(uint8_t id, uint32_t limit, const char *thing, size_t len)
{
	struct bytes b = { 0 };

	vector_of(&b, id, limit, thing, len);
	CHECK_LOADS(&b, 0);
	vector_of(&b, id, limit + 1, thing, len);
	CHECK_REFUSED(&b, 0, E2BIG, "too many");
	free(b.p);
}

static void test_counts(void)
{
	at_and_over(1, WASM_MAX_TYPES, "\x60\0\0", 3);
	at_and_over(2, WASM_MAX_IMPORTS, "\0\0\0\0", 4);
	at_and_over(4, WASM_MAX_TABLES, "\x70\0\0", 3);
	at_and_over(5, WASM_MAX_MEMORIES, "\0\0", 2);
	at_and_over(13, WASM_MAX_TAGS, "\0\0", 2);
	at_and_over(6, WASM_MAX_GLOBALS, "\x7f\0\x41\0\x0b", 5);
	at_and_over(11, WASM_MAX_DATAS, "\1\0", 2);
}

static void test_names(void)
{
	struct bytes b = { 0 };

	for (unsigned over = 0; over < 2; over++) {
		header(&b);
		PUT(&b, 5, 3, 1, 0, 0);
		section(&b, 7);
		put_u32(&b, WASM_MAX_EXPORTS + over);
		for (uint32_t i = 0; i < WASM_MAX_EXPORTS + over; i++) {
			char name[12];

			snprintf(name, sizeof(name), "%x", i);
			put_name(&b, name);
			PUT(&b, 2, 0);
		}
		part_end(&b);
		if (over)
			CHECK_REFUSED(&b, 0, E2BIG, "too many exports");
		else
			CHECK_LOADS(&b, 0);
	}
	free(b.p);
}

static void put_signature(struct bytes *b, uint32_t params, uint32_t results)
{
	header(b);
	section(b, 1);
	PUT(b, 1, 0x60);
	put_u32(b, params);
	put_many(b, params, "\x7f", 1);
	put_u32(b, results);
	put_many(b, results, "\x7f", 1);
	part_end(b);
}

static void test_type_sizes(void)
{
	struct bytes b = { 0 };

	put_signature(&b, WASM_MAX_PARAMS, WASM_MAX_RESULTS);
	CHECK_LOADS(&b, 0);
	put_signature(&b, WASM_MAX_PARAMS + 1, 0);
	CHECK_REFUSED(&b, 0, E2BIG, "too many parameters");
	put_signature(&b, 0, WASM_MAX_RESULTS + 1);
	CHECK_REFUSED(&b, 0, E2BIG, "too many results");
	for (unsigned over = 0; over < 2; over++) {
		header(&b);
		section(&b, 1);
		PUT(&b, 1, 0x5f);
		put_u32(&b, WASM_MAX_FIELDS + over);
		put_many(&b, WASM_MAX_FIELDS + over, "\x7b\0", 2);
		part_end(&b);
		if (over)
			CHECK_REFUSED(&b, 0, E2BIG, "too many fields");
		else
			CHECK_LOADS(&b, 0);
	}
	/* A chain of supertypes. */
	for (unsigned over = 0; over < 2; over++) {
		header(&b);
		section(&b, 1);
		put_u32(&b, WASM_DEPTH_MAX + 1 + over);
		PUT(&b, 0x50, 0, 0x5f, 0);
		for (unsigned i = 0; i < WASM_DEPTH_MAX + over; i++)
			PUT(&b, 0x50, 1, (uint8_t)i, 0x5f, 0);
		part_end(&b);
		if (over)
			CHECK_REFUSED(&b, 0, E2BIG, "supertypes");
		else
			CHECK_LOADS(&b, 0);
	}
	free(b.p);
}

/* ---- bodies ---- */

static void test_locals(void)
{
	struct bytes b = { 0 };

	for (unsigned over = 0; over < 2; over++) {
		header(&b);
		PUT(&b, 1, 5, 1, 0x60, 1, 0x7f, 0, 3, 2, 1, 0);
		section(&b, 10);
		PUT(&b, 1);
		part(&b);
		PUT(&b, 1);
		put_u32(&b, WASM_MAX_LOCALS - 1 + over);
		PUT(&b, 0x7e, 0x0b);
		part_end(&b);
		part_end(&b);
		if (over)
			CHECK_REFUSED(&b, 0, E2BIG, "too many locals");
		else
			CHECK_LOADS(&b, 0);
	}
	free(b.p);
}

static void test_body_size(void)
{
	struct bytes b = { 0 };
	static uint8_t nops[WASM_MAX_BODY];

	memset(nops, 1, sizeof(nops));
	one_function(&b, nops, WASM_MAX_BODY - 2);
	CHECK_LOADS(&b, 0);
	one_function(&b, nops, WASM_MAX_BODY - 1);
	CHECK_REFUSED(&b, 0, E2BIG, "body of");
	CHECK_REFUSED(&b, WASM_LAZY_BODIES, E2BIG, "body of");
	free(b.p);
}

static void test_nesting(void)
{
	struct bytes b = { 0 }, body = { 0 };

	for (unsigned over = 0; over < 2; over++) {
		uint32_t n = WASM_MAX_NESTING - 1 + over;

		body.n = 0;
		put_many(&body, n, "\x02\x40", 2);
		put_many(&body, n, "\x0b", 1);
		one_function(&b, body.p, body.n);
		if (over)
			CHECK_REFUSED(&b, 0, E2BIG, "too many nested blocks");
		else
			CHECK_LOADS(&b, 0);
	}
	free(b.p);
	free(body.p);
}

static void test_operands(void)
{
	struct bytes b = { 0 }, body = { 0 };

	for (unsigned over = 0; over < 2; over++) {
		uint32_t n = WASM_MAX_STACK + over;

		body.n = 0;
		put_many(&body, n, "\x41\x00", 2);
		put_many(&body, n, "\x1a", 1);
		one_function(&b, body.p, body.n);
		if (over)
			CHECK_REFUSED(&b, 0, E2BIG, "too many operands");
		else
			CHECK_LOADS(&b, 0);
	}
	free(b.p);
	free(body.p);
}

static void test_br_table(void)
{
	struct bytes b = { 0 }, body = { 0 };

	for (unsigned over = 0; over < 2; over++) {
		body.n = 0;
		PUT(&body, 0x41, 0, 0x0e);
		put_u32(&body, WASM_MAX_BR_TABLE + over);
		put_many(&body, WASM_MAX_BR_TABLE + over + 1, "", 1);
		one_function(&b, body.p, body.n);
		if (over)
			CHECK_REFUSED(&b, 0, EILSEQ, "too many br_table targets");
		else
			CHECK_LOADS(&b, 0);
	}
	free(b.p);
	free(body.p);
}

static void test_array_fixed(void)
{
	struct bytes b = { 0 };

	for (unsigned over = 0; over < 2; over++) {
		header(&b);
		PUT(&b, 1, 4, 1, 0x5e, 0x7f, 0);
		section(&b, 6);
		PUT(&b, 1, 0x63, 0, 0);
		put_many(&b, WASM_MAX_ARRAY_FIXED + over, "\x41\x00", 2);
		PUT(&b, 0xfb, 8, 0);
		put_u32(&b, WASM_MAX_ARRAY_FIXED + over);
		PUT(&b, 0x0b);
		part_end(&b);
		if (over)
			CHECK_REFUSED(&b, 0, E2BIG, "array.new_fixed");
		else
			CHECK_LOADS(&b, 0);
	}
	free(b.p);
}

/* ---- modules that try to be slow or large ---- */

/* Counts that the bytes do not justify take no memory. */
static void test_large_counts(void)
{
	static const uint8_t ids[] = { 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13 };

	for (unsigned i = 0; i < sizeof(ids); i++) {
		struct bytes b = { 0 };

		header(&b);
		section(&b, ids[i]);
		PUT(&b, 0xff, 0xff, 0xff, 0xff, 0x0f);
		part_end(&b);
		CHECK_REFUSED(&b, 0, EILSEQ, "length out of bounds");
		free(b.p);
	}
}

/* Many functions, each with as many locals as may be, in a few bytes. */
static void test_many_locals(void)
{
	enum { FUNCS = 100000 };
	struct bytes b = { 0 };
	double t;

	header(&b);
	PUT(&b, 1, 4, 1, 0x60, 0, 0);
	section(&b, 3);
	put_u32(&b, FUNCS);
	put_many(&b, FUNCS, "", 1);
	part_end(&b);
	section(&b, 10);
	put_u32(&b, FUNCS);
	put_many(&b, FUNCS, "\x0b\x01\xd0\x86\x03\x7f\x20\xcf\x86\x03\x1a\x0b", 12);
	part_end(&b);
	t = seconds();
	CHECK_LOADS(&b, 0);
	CHECK(seconds() - t < 5);
	free(b.p);
}

/* Calls that move a thousand operands each, and labels of a thousand types. */
static void test_wide_types(void)
{
	struct bytes b = { 0 }, body = { 0 };
	double t;

	put_many(&body, WASM_MAX_PARAMS, "\x41\x00", 2);
	put_many(&body, 100000, "\x10\x00", 2);
	put_many(&body, WASM_MAX_PARAMS, "\x1a", 1);
	put_signature(&b, WASM_MAX_PARAMS, WASM_MAX_RESULTS);
	b.p[8 + 6] = 2;         /* one more type: [] -> [] */
	b.open[0] = 9;
	b.depth = 1;
	PUT(&b, 0x60, 0, 0);
	part_end(&b);
	section(&b, 2);
	PUT(&b, 1, 0, 0, 0, 0);
	part_end(&b);
	section(&b, 3);
	PUT(&b, 1, 1);
	part_end(&b);
	section(&b, 10);
	PUT(&b, 1);
	part(&b);
	PUT(&b, 0);
	put_bytes(&b, body.p, body.n);
	PUT(&b, 0x0b);
	part_end(&b);
	part_end(&b);
	t = seconds();
	CHECK_LOADS(&b, 0);
	CHECK(seconds() - t < 5);
	free(b.p);
	free(body.p);
}

/* Labels of as many frames as may be, each with a thousand operands of types
 * that are not the very ones on the stack. */
static void test_wide_labels(void)
{
	enum { DEPTH = 20000, TABLES = 20 };
	struct bytes b = { 0 };
	double t;

	header(&b);
	section(&b, 1);
	PUT(&b, 2, 0x60, 0, 0, 0x60, 0);
	put_u32(&b, WASM_MAX_RESULTS);
	put_many(&b, WASM_MAX_RESULTS, "\x6e", 1);
	part_end(&b);
	PUT(&b, 3, 2, 1, 0);
	section(&b, 10);
	PUT(&b, 1);
	part(&b);
	PUT(&b, 0, 0x00);
	put_many(&b, DEPTH, "\x02\x01", 2);
	for (unsigned i = 0; i < TABLES; i++) {
		PUT(&b, 0x02, 0x01);
		put_many(&b, WASM_MAX_RESULTS, "\xd0\x71", 2);
		PUT(&b, 0x41, 0, 0x0e);
		put_u32(&b, DEPTH - 1);
		for (uint32_t j = 0; j < DEPTH; j++)
			put_u32(&b, j);
		PUT(&b, 0x0b);
		put_many(&b, WASM_MAX_RESULTS, "\x1a", 1);
	}
	PUT(&b, 0x00);
	put_many(&b, DEPTH, "\x0b", 1);
	PUT(&b, 0x00, 0x0b);
	part_end(&b);
	part_end(&b);
	t = seconds();
	CHECK_LOADS(&b, 0);
	CHECK(seconds() - t < 5);
	free(b.p);
}

TEST_MAIN({ "counts_of_definitions", test_counts },
	  { "counts_of_exports", test_names },
	  { "sizes_of_types", test_type_sizes },
	  { "locals", test_locals },
	  { "size_of_a_body", test_body_size },
	  { "nesting", test_nesting },
	  { "operands", test_operands },
	  { "targets_of_br_table", test_br_table },
	  { "elements_of_array_new_fixed", test_array_fixed },
	  { "counts_without_contents_take_no_memory", test_large_counts },
	  { "many_locals_in_few_bytes_take_no_time", test_many_locals },
	  { "wide_types_take_little_time", test_wide_types },
	  { "wide_labels_take_little_time", test_wide_labels })
