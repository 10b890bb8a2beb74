/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random functions of the IR do natively what they do in the evaluator: with
 * branches, loops, exits, faults, calls, atomics and vectors; as they come and
 * after the passes; with all registers and with three.
 */
#include "tests/test.h"

#include "base/alloc.h"
#include "tests/jit/native.h"

enum { PROGRAMS = 400, RUNS = 3 };

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

	ir_reset(f);
	f->raw = raw;
	gen_function(&g, 20 + (unsigned)seed % 180);
	f->raw = false;
	/* Operations whose flags do not matter raise some natively: do not look. */
	for (uint32_t i = 1; i < f->ninsn; i++)
		if (f->insn[i].op == IR_FPFLAGS)
			f->insn[i] = (struct ir_insn){ .op = IR_GETSTATE, .type = IR_I32, .ct = IR_I32, .imm = 64,
						       .prev = f->insn[i].prev, .next = f->insn[i].next };
}

static void compare(struct ir_func *f, struct jit_code *code, uint64_t seed, const char *how, struct gen_world *before,
		    struct ir_end *ends)
{
	for (unsigned k = 0; k < RUNS; k++) {
		static struct gen_world w;
		struct ir_end end;
		const char *d;

		if (ends[k].how == IR_STEPS)
			continue;
		gen_world_init(&w, seed + k);
		w.m.pin[IR_PIN_STATE] = (uint64_t)(uintptr_t)&native.st;
		native_run(code, seed + k * 7, &w, &end);
		if (end.how == IR_LEFT && ends[k].how == IR_WENT)
			end.how = IR_WENT;
		else
			end.target = ends[k].target;
		memcpy(w.frame, before[k].frame, GEN_FRAME); /* nobody sees it any more */
		w.m.fp_flags = before[k].m.fp_flags;
		d = gen_differ(&before[k], &ends[k], &w, &end);
		if (d && getenv("IR_SHOW"))
			fprintf(stderr, "%s", ir_print(f));
		if (d)
			TEST_FAIL("seed %" PRIu64 ", run %u, %s: %s differs (how %d %d, kind %u %u, cookie %" PRIu64 " %" PRIu64 ")",
				  seed, k, how, d, ends[k].how, end.how, ends[k].kind, end.kind, ends[k].cookie, end.cookie);
	}
}

static void programs(const char *passes, struct jit_options o, const char *how)
{
	static struct gen_world before[RUNS];
	struct ir_end ends[RUNS];
	struct ir_func f;
	struct err e = { 0 };
	uint64_t from = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	uint64_t to = getenv("SEED") ? from : PROGRAMS;

	if (!native_init(&e))
		SKIP("%.200s", e.msg);
	o.ctx = offsetof(struct native_state, ctx);
	o.miss = native_miss;
	for (unsigned k = 0; k < 4; k++)
		o.tlb[k] = (struct jit_tlb){ offsetof(struct native_state, tlb), 4, 12, 4 };
	CHECK(!ir_init(&f));
	for (uint64_t seed = from; seed <= to; seed++) {
		struct jit_code *code;

		build(&f, seed, seed & 1);
		for (unsigned k = 0; k < RUNS; k++) {
			gen_world_init(&before[k], seed + k);
			before[k].m.steps = 200000;
			gen_run(&f, &before[k], seed + k * 7, &ends[k]);
		}
		if (passes)
			CHECK(!ir_run(&f, passes, NULL, NULL, &e));
		native_transform(&f);
		if (jit_compile(native.cache, &f, &o, &code, &e))
			TEST_FAIL("seed %" PRIu64 ", %s: %.200s", seed, how, e.msg);
		compare(&f, code, seed, how, before, ends);
	}
	ir_fini(&f);
	jit_cache_destroy(native.cache);
}

static void as_they_are(void) { programs(NULL, (struct jit_options){ .plain = false }, "as it is"); }
static void after_passes(void)
{
	programs("promote,simplify,guards,memory,gvn,licm,address,sink,layout,dce", (struct jit_options){ .plain = false }, "after the passes");
}
static void three(void) { programs(NULL, (struct jit_options){ .regs = 3 }, "three registers"); }
static void three_after(void) { programs("promote,simplify,gvn,licm,dce", (struct jit_options){ .regs = 3 }, "three registers after passes"); }
static void plain(void) { programs("promote,simplify,gvn,dce", (struct jit_options){ .plain = true }, "SSE4.1"); }
static void quick(void) { programs(NULL, (struct jit_options){ .quick = true }, "quick"); }

TEST_MAIN({ "programs_as_they_are", as_they_are }, { "programs_after_the_passes", after_passes },
	  { "programs_with_three_registers", three }, { "programs_after_passes_with_three_registers", three_after },
	  { "programs_without_extensions", plain }, { "programs_in_the_quick_tier", quick })
