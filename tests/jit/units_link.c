/* SPDX-License-Identifier: Apache-2.0 */
/* Units jump to one another when they are linked, and leave when not. */
#include "tests/test.h"

#include "jit/jit.h"

struct state {
	uint64_t x[4];
	struct jit_ctx ctx;
};

/* x[0] += 1; goto `to` */
static struct jit_code *unit(struct jit_cache *c, uint64_t to)
{
	struct jit_options o = { .ctx = offsetof(struct state, ctx) };
	struct jit_code *code = NULL;
	struct ir_func f;
	struct err e = { 0 };
	uint32_t x;

	ir_init(&f);
	ir_at(&f, ir_block(&f));
	x = ir_exit(&f, 7, to);
	ir_exit_slot(&f, x, 0, IR_HOW_PLAIN, ir_2(&f, IR_ADD, IR_I64, ir_getstate(&f, IR_I64, IR_I64, 0), ir_i64(&f, 1)));
	ir_goto(&f, ir_i64(&f, to), x);
	if (jit_compile(c, &f, &o, &code, &e))
		TEST_FAIL("%.200s", e.msg);
	ir_fini(&f);
	return code;
}

static void link(void)
{
	struct jit_cache_options co = { .size = 1 << 16, .ctx = offsetof(struct state, ctx) };
	struct err e = { 0 };
	struct jit_cache *c = jit_cache_create(&co, &e);
	struct state st = { .x = { 0 } };
	struct jit_bank bank = { { 0 }, 0, NULL, { { 0 } } };
	struct jit_code *a, *b;
	const struct jit_exit *x, *y;

	if (!c)
		SKIP("%.200s", e.msg);
	a = unit(c, 100);
	b = unit(c, 200);
	x = jit_enter(c, a, &st, NULL, &bank);
	CHECK(x && x->kind == 7 && x->target == 100);
	CHECK_EQ(st.x[0], 1);
	CHECK(!jit_link(c, x, b));
	y = jit_enter(c, a, &st, NULL, &bank);
	CHECK_EQ(y->target, 200);
	CHECK_EQ(st.x[0], 3);
	CHECK(!jit_link(c, x, NULL));
	CHECK(jit_enter(c, a, &st, NULL, &bank) == x);
	CHECK_EQ(st.x[0], 4);
	jit_cache_destroy(c);
}

static void evict(struct jit_code *code, void *arg)
{
	(void)code;
	++*(unsigned *)arg;
}

static void bounded(void)
{
	unsigned evicted = 0;
	struct jit_cache_options co = { .size = 1 << 15, .regions = 4, .ctx = offsetof(struct state, ctx), .evict = evict,
					.arg = &evicted };
	struct err e = { 0 };
	struct jit_cache *c = jit_cache_create(&co, &e);
	struct jit_cache_stats s;

	if (!c)
		SKIP("%.200s", e.msg);
	for (unsigned k = 0; k < 2000; k++) {
		struct state st = { .x = { k } };
		struct jit_bank bank = { { 0 }, 0, NULL, { { 0 } } };

		CHECK(jit_enter(c, unit(c, k), &st, NULL, &bank));
		CHECK_EQ(st.x[0], k + 1);
	}
	jit_cache_stats(c, &s);
	CHECK(s.evicted && s.evicted == evicted);
	CHECK(s.bytes <= 1 << 15);
	jit_cache_destroy(c);
}

TEST_MAIN({ "units_link_and_unlink", link }, { "the_cache_is_bounded", bounded })
