/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Branches with many values, whose copies overlap, by every kind of branch; and
 * what stays on the stack when the branch is not taken.
 */
#include "tests/wasm/store.h"

/* A module whose function takes (which, count) and sends the values 1 .. n
 * through a label that lies `below` values deeper, by `branch`. */
static char *program(unsigned n, unsigned below, const char *branch)
{
	char *text = base_alloc(1 << 19), *p = text;

	p += sprintf(p, "(module (type $b (func (result");
	for (unsigned i = 0; i < n; i++)
		p += sprintf(p, " i32");
	p += sprintf(p, "))) (func (export \"f\") (param i32 i32) (result i32) (local $s i32)"
			" (block $l (type $b)");
	for (unsigned i = 0; i < below; i++)
		p += sprintf(p, " (i32.const %u)", 1000 + i);
	for (unsigned i = 0; i < n; i++)
		p += i % 3 ? sprintf(p, " (i32.const %u)", i + 1) :
		     sprintf(p, " (i32.add (local.get 1) (i32.const %u))", i + 1);
	p += sprintf(p, " %s", branch);
	/* Not taken: the same values, each + 100, by way of locals. */
	p += sprintf(p, " (local.set $s (i32.const 0))");
	for (unsigned i = 0; i < n; i++)
		p += sprintf(p, " (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3))))");
	for (unsigned i = 0; i < below; i++)
		p += sprintf(p, " drop");
	for (unsigned i = 0; i < n; i++)
		p += sprintf(p, " (local.get $s)");
	p += sprintf(p, ")");
	for (unsigned i = 0; i < n; i++)
		p += sprintf(p, " (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 3))))");
	sprintf(p, " (local.get $s)))");
	return text;
}

/* Of the values from the last to the first: s = s * 3 + value. */
static uint32_t fold(unsigned n, uint32_t s)
{
	for (unsigned i = n; i-- > 0;)
		s = s * 3 + i + 1;
	return s;
}

static void check(unsigned n, unsigned below, const char *branch, bool always)
{
	char *text = program(n, below, branch);
	struct world w;
	struct wasm_instance *i;
	uint32_t s = fold(n, 0), not_taken = s;

	world_open(&w, NULL);
	i = world_make(&w, text, NULL);
	/* s is a parameter of the fold: it begins as it was left. */
	CHECK_EQ((uint32_t)world_call(&w, i, "f", 1, 0), s);
	if (!always) {
		for (unsigned k = 0; k < n; k++)
			not_taken = not_taken * 3 + s;
		CHECK_EQ((uint32_t)world_call(&w, i, "f", 0, 0), not_taken);
	}
	world_close(&w);
	base_free(text);
}

static void all(unsigned n, unsigned below)
{
	check(n, below, "(br_if $l (local.get 0))", false);
	check(n, below, "(br_if $l (i32.ne (local.get 0) (i32.const 0)))", false);
	check(n, below, "(br_table $l $l (local.get 0))", true);
	check(n, below, "(br $l)", true);
}
static void one_to_twenty_values(void)
{
	for (unsigned n = 1; n <= 20; n++)
		all(n, 0);
}
static void onto_values_below(void)
{
	for (unsigned n = 1; n <= 20; n++)
		for (unsigned below = 1; below <= 12; below += 5)
			all(n, below);
}
static void as_many_as_there_may_be(void)
{
	all(1000, 3);
}

TEST_MAIN({ "one_to_twenty_values", one_to_twenty_values },
	  { "onto_values_below", onto_values_below },
	  { "as_many_as_there_may_be", as_many_as_there_may_be })
