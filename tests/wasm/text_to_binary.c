/* SPDX-License-Identifier: Apache-2.0 */
/* The text format: bytes that texts stand for, and what is said of bad ones. */
#include <errno.h>
#include <time.h>

#include "base/alloc.h"
#include "tests/test.h"
#include "wasm/module.h"
#include "wasm/text.h"

static uint8_t *bytes;
static size_t len;
static struct err e;

static bool parse_n(const char *text, size_t n)
{
	base_free(bytes);
	bytes = NULL;
	e = (struct err){ 0 };
	return !wasm_text_to_binary(text, n, "t", WASM_FEATURE_THREADS, &bytes, &len, &e);
}
static bool parse(const char *text) { return parse_n(text, strlen(text)); }

/* The module's bytes after its 8 of magic and version, in hex. */
static const char *hex(void)
{
	static char buf[4096];
	char *p = buf;

	for (size_t i = 8; i < len && p < buf + sizeof(buf) - 4; i++)
		p += sprintf(p, "%s%02x", i > 8 ? " " : "", bytes[i]);
	*p = 0;
	return buf;
}

#define IS(text, want)                                                         \
	do {                                                                   \
		if (!parse(text))                                              \
			TEST_FAIL("%s:%d: %.400s", __FILE__, __LINE__, e.msg);\
		CHECK_STR(hex(), want);                                        \
	} while (0)
#define FAILS(text, want)                                                      \
	do {                                                                   \
		CHECK(!parse(text));                                           \
		CHECK_STR(e.msg, want);                                        \
		CHECK_EQ(e.code, EILSEQ);                                      \
	} while (0)

static void modules(void)
{
	IS("", "");
	IS("(module)", "");
	IS("(func)", "01 04 01 60 00 00 03 02 01 00 0a 04 01 02 00 0b");
	IS("(memory 1 2 shared)", "05 04 01 03 01 02");
	IS("(memory i64 1)", "05 03 01 04 01");
	IS("(table i64 1 2 funcref)", "04 05 01 70 05 01 02");
	IS("(table 1 externref (ref.null extern))", "04 09 01 40 00 6f 00 01 d0 6f 0b");
	IS("(memory (data \"ab\" \"c\"))",
	   "05 04 01 01 01 01 0b 09 01 00 41 00 0b 03 61 62 63");
	IS("(import \"m\" \"g\" (global (mut i32)))", "02 08 01 01 6d 01 67 03 7f 01");
	IS("(global (import \"m\" \"g\") i32)", "02 08 01 01 6d 01 67 03 7f 00");
	IS("(tag (param i32))", "01 05 01 60 01 7f 00 0d 03 01 00 00");
}

static void types(void)
{
	IS("(type (sub (struct (field i8 (mut i64)))))", "01 09 01 50 00 5f 02 78 00 7e 01");
	IS("(type (sub final (func)))", "01 04 01 60 00 00");
	IS("(rec (type (array anyref)) (type (func (param (ref 0)))))",
	   "01 0b 01 4e 02 5e 6e 00 60 01 64 00 00");
	/* an implicit type is the first equal one, else it comes at the end */
	IS("(type (func (param i32))) (import \"\" \"\" (func (param i32)))"
	   "(import \"\" \"\" (func (result i32)))",
	   "01 09 02 60 01 7f 00 60 00 01 7f 02 09 02 00 00 00 00 00 00 00 01");
}

static void instructions(void)
{
	/* folded and flat are the same */
	IS("(func (result i32) (i32.add (i32.const 1) (i32.const -1)))",
	   "01 05 01 60 00 01 7f 03 02 01 00 0a 09 01 07 00 41 01 41 7f 6a 0b");
	IS("(func (result i32) i32.const 1 i32.const -1 i32.add)",
	   "01 05 01 60 00 01 7f 03 02 01 00 0a 09 01 07 00 41 01 41 7f 6a 0b");
	IS("(func (local i32 i32) (local i64) (if (local.get 0) (then (br 1)) (else nop)))",
	   "01 04 01 60 00 00 03 02 01 00 "
	   "0a 11 01 0f 02 02 7f 01 7e 20 00 04 40 0c 01 05 01 0b 0b");
	IS("(memory 1)(func (drop (i64.load32_u offset=300 align=2 (i32.const 0))))",
	   "01 04 01 60 00 00 03 02 01 00 05 03 01 00 01 0a 0b 01 09 00 41 00 35 01 ac 02 1a 0b");
	IS("(func (drop (select (result i64) (i64.const 0) (i64.const 0) (i32.const 0))))",
	   "01 04 01 60 00 00 03 02 01 00 0a 0e 01 0c 00 42 00 42 00 41 00 1c 01 7e 1a 0b");
}

/* f32.const and f64.const: the bits. */
static uint64_t f(const char *type, const char *number)
{
	char text[2000];
	uint64_t v = 0;

	snprintf(text, sizeof(text), "(global %s (%s.const %s))", type, type, number);
	if (!parse(text))
		return 0xbad;
	memcpy(&v, bytes + 8 + 6, type[1] == '3' ? 4 : 8);
	return v;
}

static void floats_are_rounded_once(void)
{
	char many[1500];

	CHECK_EQ(f("f32", "1"), 0x3f800000);
	CHECK_EQ(f("f32", "-0"), 0x80000000);
	CHECK_EQ(f("f32", "0x1.8p1"), 0x40400000);
	CHECK_EQ(f("f32", "nan"), 0x7fc00000);
	CHECK_EQ(f("f32", "-nan:0x1"), 0xff800001);
	CHECK_EQ(f("f32", "inf"), 0x7f800000);
	/* halfway, to even; and just above halfway */
	CHECK_EQ(f("f32", "0x1.000001p0"), 0x3f800000);
	CHECK_EQ(f("f32", "0x1.000003p0"), 0x3f800002);
	CHECK_EQ(f("f32", "0x1.00000100000000000000000000001p0"), 0x3f800001);
	CHECK_EQ(f("f32", "16777217"), 0x4b800000);
	CHECK_EQ(f("f32", "16777217.00000000000000000000000000001"), 0x4b800001);
	/* subnormal, the least, and half of it */
	CHECK_EQ(f("f32", "0x1p-149"), 1);
	CHECK_EQ(f("f32", "0x1p-150"), 0);
	CHECK_EQ(f("f32", "0x1.0001p-150"), 1);
	CHECK_EQ(f("f32", "1.4e-45"), 1);
	CHECK_EQ(f("f32", "0x1.fffffep127"), 0x7f7fffff);
	CHECK_EQ(f("f32", "0x1.fffffefp127"), 0x7f7fffff);
	CHECK_EQ(f("f32", "0x1.ffffffp127"), 0xbad);
	/* once, not to f64 and then to f32 */
	CHECK_EQ(f("f32", "1.00000017881393432617187499"), 0x3f800001);
	CHECK_EQ(f("f64", "0x1.0000000000000800p0"), 0x3ff0000000000000);
	CHECK_EQ(f("f64", "0x1.00000000000008001p0"), 0x3ff0000000000001);
	CHECK_EQ(f("f64", "1_0.5_0e-1"), 0x3ff0cccccccccccd);
	CHECK_EQ(f("f64", "4.9e-324"), 1);
	CHECK_EQ(f("f64", "0x1.8p-1075"), 1);
	CHECK_EQ(f("f64", "1e309"), 0xbad);
	CHECK_EQ(f("f64", "0x1p99999999999999999999"), 0xbad);
	CHECK_EQ(f("f64", "0e99999999999999999999"), 0);
	/* 1 and many zeros, down again by the exponent */
	memset(many, '0', sizeof(many));
	many[0] = '1';
	strcpy(many + 1001, "e-1000");
	CHECK_EQ(f("f64", many), 0x3ff0000000000000);
	strcpy(many + 1001, "1e-1001");
	CHECK_EQ(f("f64", many), 0x3ff0000000000000);
}

static void floats_are_those_of_the_host(void)
{
	uint64_t seed = 88172645463325252u;
	char number[64];

	for (int i = 0; i < 5000; i++) {
		double d;
		float s;
		uint64_t bits = 0, sbits = 0;

		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		memcpy(&d, &seed, 8);
		if (d != d || d - d != 0)
			continue;
		snprintf(number, sizeof(number), "%.*e", 1 + i % 18, d);
		d = strtod(number, NULL);
		memcpy(&bits, &d, 8);
		CHECK_EQ(f("f64", number), bits);
		snprintf(number, sizeof(number), "%.13a", d);
		CHECK_EQ(f("f64", number), bits);
		snprintf(number, sizeof(number), "%.11a", d / 1e280);
		s = strtof(number, NULL);
		memcpy(&sbits, &s, 4);
		CHECK_EQ(f("f32", number), s - s != 0 ? 0xbad : sbits);
	}
}

static void errors_name_line_and_column(void)
{
	FAILS("(module\n  (func\n    i32.konst 1))", "t:3:5: unknown operator i32.konst");
	FAILS("(func (call $f))", "t:1:13: unknown function $f");
	FAILS("(func $f) (func $f)", "t:1:17: duplicate func");
	FAILS("(func (br $l))", "t:1:11: unknown label $l");
	FAILS("(func (i32.const 0x1_0000_0000))", "t:1:18: i32 constant out of range");
	FAILS("(func (local $x i32) (local $x i32))", "t:1:35: duplicate local x");
	FAILS("(func", "t:1:6: unexpected token: end of the text");
	FAILS("(func))", "t:1:7: unexpected token )");
	FAILS("(module) (module)", "t:1:10: unexpected token (");
	FAILS("(data \"\xff\")", "t:1:8: malformed UTF-8 encoding");
	FAILS("(import \"\\ff\" \"\" (func))", "t:1:9: malformed UTF-8 encoding");
	FAILS("(; (; ;)", "t:1:1: unclosed comment");
	FAILS("(func (block $a end $b))", "t:1:17: unexpected token end");
	FAILS("(func block $a end $b)", "t:1:20: mismatching label");
	FAILS("(type (func)) (func (type 0) (param i32))",
	      "t:1:21: inline function type does not match the type");
	FAILS("(func (if (i32.const 1)))", "t:1:24: unexpected token )");
	FAILS("(func (try (do)))", "t:1:8: unknown operator try");
}

/* A text of n pieces, each with its number in place of %u twice. */
static char *pieces(const char *before, const char *piece, unsigned n, const char *after,
		    const char *end)
{
	size_t room = strlen(before) + strlen(end) + n * (strlen(piece) + strlen(after) + 20) + 1;
	char *s = base_alloc(room), *p = s;

	p += sprintf(p, "%s", before);
	for (unsigned i = 0; i < n; i++)
		p += sprintf(p, piece, i, i);
	for (unsigned i = 0; i < n && *after; i++)
		p += sprintf(p, "%s", after);
	sprintf(p, "%s", end);
	return s;
}

/* Deep or long, each takes well below what a second power would. */
static void no_text_is_slow(void)
{
	const struct { const char *before, *piece, *after, *end; bool good; } all[] = {
		{ "(func ", "(drop ", ")", ")", true },
		{ "(func ", "(block $l%u ", "(br 0))", ")", true },
		{ "(func ", "block $l ", "br $l end ", ")", true },
		{ "", "(func $f%u (call $f%u))", "", "", true },
		{ "", "(func $x%u (param (ref null %u)))", "", "", true },
		{ "(func ", "(if (i32.const 0) (then ", "))", ")", true },
		{ "", "(@a ", ")", "", true },
		{ "", "(;", ";)", "", true },
		{ "", "((((", "", "", false },
		{ "(type (struct ", "(field $f%u i32)", "", "))", true },
		{ "(func ", "(param $p%u i32)", "", ")", true },
		{ "(func ", "(block (param i32 i64) (result f32) ", ")", ")", true },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		char *text = pieces(all[i].before, all[i].piece, 200000, all[i].after, all[i].end);
		clock_t t = clock();

		CHECK(parse_n(text, strlen(text)) == all[i].good);
		if (clock() - t > 8 * CLOCKS_PER_SEC)
			TEST_FAIL("\"%s\": %g s", all[i].piece, (double)(clock() - t) / 1e6);
		base_free(text);
	}
}

static void names_go_to_the_name_section(void)
{
	IS("(module $m (func $\"a b\" (param $x i32)))",
	   "01 05 01 60 01 7f 00 03 02 01 00 0a 04 01 02 00 0b "
	   "00 19 04 6e 61 6d 65 00 02 01 6d 01 06 01 00 03 61 20 62 02 06 01 00 01 00 01 78");
	IS("(func (@name \"f\"))", "01 04 01 60 00 00 03 02 01 00 0a 04 01 02 00 0b "
				    "00 0b 04 6e 61 6d 65 01 04 01 00 01 66");
}

static void custom_sections_stand_where_they_say(void)
{
	IS("(@custom \"c\" (before memory) \"\\01\" \"\\02\") (memory 0) (@custom \"d\")",
	   "00 04 01 63 01 02 05 03 01 00 00 00 02 01 64");
	IS("(func (param i32) (@metadata.code.branch_hint \"\\01\") (if (local.get 0) (then)))",
	   "01 05 01 60 01 7f 00 03 02 01 00 "
	   "00 20 19 6d 65 74 61 64 61 74 61 2e 63 6f 64 65 2e 62 72 61 6e 63 68 5f 68 69 6e 74 "
	   "01 00 01 03 01 01 0a 09 01 07 00 20 00 04 40 0b 0b");
}

static void every_allocation_may_fail(void)
{
	const char *text = "(module $m (type $t (func (param $p i32))) (rec (type (struct "
			   "(field $f i8)))) (func $f (type $t) (local $l i32) (block $b (br $b)"
			   "(drop (i32.add (local.get $l) (i32.const 1)))) (call_indirect (result i64)"
			   "(i32.const 0)) drop) (table funcref (elem $f)) (data \"x\") "
			   "(@custom \"c\" \"d\") (export \"e\" (func $f)))";
	char spec[32];
	bool ok = false;

	for (unsigned n = 1; !ok && n < 500; n++) {
		snprintf(spec, sizeof(spec), "alloc:%u", n);
		fail_setup(spec);
		ok = parse(text);
		fail_setup(NULL);
		if (!ok)
			CHECK_EQ(e.code, ENOMEM);
	}
	CHECK(ok);
}

TEST_MAIN(
	{ "modules", modules },
	{ "types", types },
	{ "instructions", instructions },
	{ "floats_are_rounded_once", floats_are_rounded_once },
	{ "floats_are_those_of_the_host", floats_are_those_of_the_host },
	{ "errors_name_line_and_column", errors_name_line_and_column },
	{ "no_text_is_slow", no_text_is_slow },
	{ "names_go_to_the_name_section", names_go_to_the_name_section },
	{ "custom_sections_stand_where_they_say", custom_sections_stand_where_they_say },
	{ "every_allocation_may_fail", every_allocation_may_fail },
)
