/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten times the function takes about ten times as long, in every pass; CPU
 * time, with room for a noisy machine.  The function is what a lifter of
 * RISC-V makes: short blocks of loads, stores and arithmetic on guest
 * registers, in a web of loops.  IR_SHOW=1 prints the figures of each pass.
 */
#include "tests/test.h"

#include <time.h>

#include "base/bits.h"
#include "ir/ir.h"

enum { SMALL = 250, LARGE = 2500, REPEAT = 4 };

static uint32_t next(uint64_t *s)
{
	*s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
	return (uint32_t)(*s >> 16);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static ir_ref reg(struct ir_func *f, uint32_t n)
{
	return ir_getstate(f, IR_I64, IR_I64, 8 * (1 + n % 24));
}

static ir_ref translated(struct ir_func *f, ir_ref addr, unsigned access, uint32_t pc)
{
	return ir_xlate(f, addr, 0, access, 3, ir_exit(f, 1, pc));
}

static void one(struct ir_func *f, uint32_t r, uint32_t pc)
{
	uint8_t mem = ir_mem(IR_ALIAS_MEM, 0);
	ir_ref a = reg(f, r), b = reg(f, r >> 5), v, at;

	switch (r >> 16 & 7) {
	case 0:
	case 1:
		at = ir_2(f, IR_ADD, IR_I64, a, ir_i64(f, (r >> 20 & 15) * 8));
		v = translated(f, at, IR_ACCESS_READ, pc);
		v = ir_load(f, IR_I64, IR_I64, at, v, 0, mem, 0);
		break;
	case 2:
		at = ir_2(f, IR_ADD, IR_I64, a, ir_i64(f, (r >> 20 & 15) * 8));
		v = translated(f, at, IR_ACCESS_WRITE, pc);
		ir_store(f, IR_I64, at, v, 0, b, mem, 0);
		return;
	case 3:
		v = ir_2(f, IR_ADD, IR_I64, a, b);
		v = ir_1(f, IR_EXT_S, IR_VOID, ir_1(f, IR_WRAP, IR_VOID, v));
		break;
	case 4:
		v = ir_2(f, IR_SHL, IR_I64, a, ir_i64(f, r >> 20 & 31));
		break;
	case 5:
		v = ir_1(f, IR_EXT_U, IR_VOID, ir_2(f, IR_LT_U, IR_I64, a, b));
		break;
	default:
		v = ir_2(f, r & 0x80000 ? IR_ADD : IR_XOR, IR_I64, a, r & 0x100000 ? ir_i64(f, r >> 22) : b);
	}
	ir_putstate(f, IR_I64, 8 * (1 + (r >> 10) % 24), v);
}

static void build(struct ir_func *f, uint32_t blocks, uint64_t seed)
{
	uint32_t first = ir_block(f);

	ir_at(f, first);
	for (uint32_t i = 0; i <= blocks; i++)
		ir_block(f);
	ir_jump(f, IR_TO(first + 1));
	for (uint32_t i = 0; i < blocks; i++) {
		uint32_t r, to;

		ir_at(f, first + 1 + i);
		for (unsigned k = 0; k < 6; k++)
			one(f, next(&seed), i * 64 + k * 4);
		r = next(&seed);
		to = i > 4 && (r >> 10 & 3) == 0 ? i - (r >> 12) % 4 : MIN(i + 1 + (r >> 12) % 3, blocks);
		ir_ref c = ir_2(f, IR_NE, IR_I64, reg(f, r), reg(f, r >> 5));

		ir_branch(f, c, IR_TO(first + 1 + to), IR_TO(first + 2 + i));
	}
	ir_at(f, first + 1 + blocks);
	ir_leave(f, ir_exit(f, 9, 9));
}

struct times {
	double since, taken[32], built;
	uint64_t insns, before[32], last;
	const char *name[32];
	unsigned n;
};

static uint64_t count(const struct ir_func *f)
{
	uint64_t n = 0;

	for (uint32_t o = 0; o < f->norder; o++)
		for (IR_EACH(f, f->order[o], i))
			n++;
	return n;
}

static void note(const struct ir_func *f, const struct ir_pass *p, void *arg)
{
	struct times *t = arg;

	t->taken[t->n] += now() - t->since;
	t->name[t->n] = p->name;
	t->before[t->n++] += t->last;
	t->last = count(f);
	t->since = now();
}

static void measure(uint32_t blocks, struct times *t)
{
	struct ir_func f;
	struct err e;

	memset(t, 0, sizeof(*t));
	CHECK(!ir_init(&f));
	for (unsigned k = 0; k < REPEAT; k++) {
		ir_reset(&f);
		t->since = now();
		build(&f, blocks, k + 1);
		t->built += now() - t->since;
		t->insns += t->last = count(&f);
		t->n = 0;
		t->since = now();
		CHECK(!ir_run(&f, NULL, note, t, &e));
	}
	ir_fini(&f);
}

static void show(const struct times *t)
{
	double all = 0;

	printf("# %" PRIu64 " instructions built, %.1f M/s\n", t->insns / REPEAT, (double)t->insns / t->built / 1e6);
	for (unsigned k = 0; k < t->n; k++) {
		printf("# %-9s %7.1f M/s\n", t->name[k], (double)t->before[k] / t->taken[k] / 1e6);
		all += t->taken[k];
	}
	printf("# pipeline  %7.2f M/s\n", (double)t->insns / all / 1e6);
}

static void linear(void)
{
	static struct times small, large;
	double a = 0, b = 0;

	measure(SMALL, &small);
	measure(LARGE, &large);
	if (getenv("IR_SHOW"))
		show(&small), show(&large);
	for (unsigned k = 0; k < small.n; k++)
		a += small.taken[k], b += large.taken[k];
	/* 10 times as many; quadratic would be 100. */
	if (b > 40 * a)
		TEST_FAIL("ten times the instructions take %.0f times as long", b / a);
}

TEST_MAIN({ "ten_times_the_function_takes_ten_times_as_long", linear })
