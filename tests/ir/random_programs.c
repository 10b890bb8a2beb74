/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random functions do the same before and after every pass, and after the
 * pipeline; with and without the builder's rules; and after print and parse.
 */
#include "tests/test.h"

#include "base/alloc.h"
#include "tests/ir/gen.h"

enum { PROGRAMS = 1000, RUNS = 3 };

static uint32_t next(void *arg)
{
	uint64_t *s = arg;

	*s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
	return (uint32_t)(*s >> 16);
}

static void build(struct ir_func *f, uint64_t seed, bool raw)
{
	uint64_t s = seed * 0x9e3779b97f4a7c15ull + 1;
	struct gen g = { .f = f, .next = next, .arg = &s };
	char why[200];
	const char *bad;

	ir_reset(f);
	f->raw = raw;
	gen_function(&g, 20 + (unsigned)seed % 180);
	f->raw = false;
	bad = ir_verify(f, why, sizeof(why));
	if (bad)
		TEST_FAIL("seed %" PRIu64 ": %s", seed, bad);
}

struct ran {
	struct gen_world w[RUNS];
	struct ir_end end[RUNS];
};

static void run(struct ir_func *f, uint64_t seed, struct ran *r)
{
	for (unsigned k = 0; k < RUNS; k++) {
		gen_world_init(&r->w[k], seed + k);
		r->w[k].m.steps = 200000;
		gen_run(f, &r->w[k], seed + k * 7, &r->end[k]);
	}
}

static void same(const struct ran *a, struct ran *b, uint64_t seed, const char *after, const struct ir_func *f)
{
	for (unsigned k = 0; k < RUNS; k++) {
		const char *d;

		if (a->end[k].how == IR_STEPS || b->end[k].how == IR_STEPS)
			continue;
		d = gen_differ(&a->w[k], &a->end[k], &b->w[k], &b->end[k]);
		if (d && getenv("IR_SHOW"))
			fprintf(stderr, "%s", ir_print(f));
		if (d)
			TEST_FAIL("seed %" PRIu64 ", run %u, after %s: %s differs", seed, k, after, d);
	}
}

static void after(const char *passes)
{
	static struct ran before, now;
	struct ir_func f;
	struct err e;

	CHECK(!ir_init(&f));
	for (uint64_t seed = 1; seed <= PROGRAMS; seed++) {
		char why[200];
		const char *bad;

		build(&f, seed, seed & 1);
		run(&f, seed, &before);
		CHECK(!ir_run(&f, passes, NULL, NULL, &e));
		bad = ir_verify(&f, why, sizeof(why));
		if (bad)
			TEST_FAIL("seed %" PRIu64 ", after %s: %s", seed, passes ? passes : "all", bad);
		run(&f, seed, &now);
		same(&before, &now, seed, passes ? passes : "the pipeline", &f);
	}
	ir_fini(&f);
}

static void each_pass(void)
{
	for (unsigned k = 0; k < ir_npasses; k++)
		after(ir_passes[k].name);
}

static void pairs(void)
{
	char both[64];

	for (unsigned k = 1; k < ir_npasses; k++) {
		snprintf(both, sizeof(both), "promote,%s,dce", ir_passes[k].name);
		after(both);
	}
}

static void pipeline(void)
{
	after(NULL);
}

static void twice(void)
{
	after("promote,simplify,dce,address,gvn,memory,guards,simplify,licm,dce,"
	      "promote,simplify,guards,memory,gvn,licm,sink,layout,dce,simplify");
}

/* The builder's rules change nothing: the same stream, raw and not, differs in
 * which values are at hand, so compare a function with itself simplified. */
static void text(void)
{
	static struct ran before, now;
	struct ir_func f, g;
	struct err e;

	CHECK(!ir_init(&f) && !ir_init(&g));
	for (uint64_t seed = 1; seed <= PROGRAMS; seed++) {
		char *a, *b;

		build(&f, seed, seed & 1);
		a = ir_print(&f);
		CHECK(a);
		if (ir_parse(&g, a, gen_helpers, NULL, &e))
			TEST_FAIL("seed %" PRIu64 ": %.200s", seed, e.msg);
		b = ir_print(&g);
		CHECK(b);
		if (strcmp(a, b))
			TEST_FAIL("seed %" PRIu64 ": the text changes", seed);
		run(&f, seed, &before);
		run(&g, seed, &now);
		same(&before, &now, seed, "print and parse", &g);
		base_free(a);
		base_free(b);
	}
	ir_fini(&f);
	ir_fini(&g);
}

TEST_MAIN({ "text_round_trips_exactly", text }, { "each_pass_keeps_the_meaning", each_pass },
	  { "passes_after_promotion_keep_the_meaning", pairs }, { "the_pipeline_keeps_the_meaning", pipeline },
	  { "passes_may_run_again", twice })
