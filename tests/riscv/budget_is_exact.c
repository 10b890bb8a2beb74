/* SPDX-License-Identifier: Apache-2.0 */
/* The same program, cut into budgets of any size, in stress mode, or saved
 * and loaded anywhere, ends in the same state; and the count is exact. */
#include "tests/riscv/rig.h"

enum { CODE = RAM_BASE + 0x4000, CODE_WORDS = 3000, DATA = RAM_BASE + 0x100000, STEPS = 20000 };

static uint64_t seed;
static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20);
}

/* A random program over x5..x15 that stays inside itself; s0 is its data. */
static void put_program(struct rig *r)
{
	for (unsigned i = 0; i < CODE_WORDS; i++) {
		unsigned d = 10 + rnd() % 6, a = 10 + rnd() % 6, b = 10 + rnd() % 6;
		uint32_t k = rnd() % 100, insn;
		int off = (int)(rnd() % 64) * 4 + 4;

		if (k < 40)
			insn = E_R(rnd() % 2 * 32 * (k & 1), b, a, (k & 1) ? (k & 2 ? 0 : 5) : rnd() % 8, d, 0x33);
		else if (k < 50)
			insn = ADDI(d, a, rnd() & 0xfff);
		else if (k < 60)
			insn = LD(d, S0, rnd() % 2040 /* misaligned too */);
		else if (k < 70)
			insn = SD(b, S0, rnd() % 2040);
		else if (k < 80)
			insn = E_B(off, b, a, rnd() % 2 ? 4 : 7);
		else if (k < 84)
			insn = E_R(0x0100 >> 8, b, a, rnd() % 8, d, 0x33); /* M */
		else if (k < 88)
			insn = CSRRS(d, 0xb02, 0); /* minstret */
		else if (k < 90)
			insn = CSRRW(d, 0x340, a);
		else if (k < 92)
			insn = AMOADD_D(d, b, T1); /* T1 = DATA */
		else if (k < 93)
			insn = 0xffffffff; /* illegal: the handler skips it */
		else if (k < 94)
			insn = ECALL;
		else if (k < 95)
			insn = CSRRS(d, 0xc01, 0); /* time */
		else if (k < 97) /* two compressed ones */
			insn = 0x0505 /* c.addi a0, 1 */ | 0x85aau << 16 /* c.mv a1, a0 */;
		else
			insn = E_B(off, ZERO, ZERO, 0);
		rig_put32(r, CODE + 4 * i, insn);
	}
	/* The end: jump back to the start through a register. */
	for (unsigned i = 0; i < 80; i++)
		rig_put32(r, CODE + 4 * (CODE_WORDS + i), JALR(0, T0, 0));
	/* The handler: mepc += 4; mret. */
	rig_code(r, HANDLER, CSRRS(5, 0x341, 0), ADDI(5, 5, 4), CSRRW(0, 0x341, 5), LUI(5, CODE >> 12),
		 E_R(0, 0, 5, 1, 5, 0x33), MRET);
	rig_code(r, RAM_BASE, NOP);
}

static uint64_t time_of(void *ctx)
{
	return riscv_instret(((struct rig *)ctx)->h) / 3;
}

static void open_program(struct rig *r, uint64_t s, bool stress, uint32_t quantum)
{
	struct riscv_config c = { .env = { r, time_of }, .stress = stress, .quantum = quantum };
	struct err e;

	memset(r, 0, sizeof(*r));
	r->mem = mem_create(&e);
	CHECK(r->mem && !mem_add_ram(r->mem, GPA(RAM_BASE), RAM_SIZE, "ram", &e));
	c.mem = r->mem;
	CHECK((r->h = riscv_hart_create(&c, &e)));
	seed = s;
	put_program(r);
	riscv_hart_reset(r->h, CODE, 0);
	riscv_set_csr(r->h, 0x305, HANDLER);
	riscv_set_csr(r->h, 0x304, 1 << 7); /* a timer interrupt now and then */
	riscv_set_csr(r->h, 0x300, 8);
	riscv_set_mtimecmp(r->h, STEPS / 9);
	for (unsigned i = 10; i < 16; i++)
		riscv_set_x(r->h, i, (uint64_t)rnd() << 40 | rnd());
	riscv_set_x(r->h, S0, DATA + 4096 - 1000);
	riscv_set_x(r->h, T0, CODE & ~0xfffull);
	riscv_set_x(r->h, T1, DATA);
	if (quantum == 0)
		riscv_set_csr(r->h, 0x304, 0);
}

static uint64_t digest(struct rig *r)
{
	uint64_t hash = 14695981039346656037ull, v;
	static uint8_t data[8192];

#define MIX(x) (hash = (hash ^ (x)) * 1099511628211ull)
	for (unsigned i = 1; i < 32; i++)
		MIX(riscv_get_x(r->h, i));
	MIX(riscv_get_pc(r->h));
	MIX(riscv_instret(r->h));
	for (unsigned i = 0x300; i < 0x345; i++)
		if (riscv_get_csr(r->h, i, &v))
			MIX(v);
	CHECK(mem_read(r->mem, GPA(DATA), data, sizeof(data)));
	for (unsigned i = 0; i < sizeof(data); i++)
		MIX(data[i]);
	return hash;
}

static void run_cut(struct rig *r, unsigned max)
{
	uint64_t left = STEPS;

	while (left) {
		uint64_t n = max == 1 ? 1 : rnd() % max + 1, before = riscv_instret(r->h);

		n = n > left ? left : n;
		CHECK_EQ(riscv_run(r->h, n), RISCV_EXIT_BUDGET);
		CHECK_EQ(riscv_instret(r->h), before + n);
		left -= n;
	}
}

static void compare_cuts(uint32_t quantum)
{
	static const unsigned cuts[] = { 1, 2, 7, 100, 1000, 9000 };

	for (uint64_t s = 1; s <= 12; s++) {
		struct rig whole, cut;
		uint64_t want;

		open_program(&whole, s * 0x9e3779b97f4a7c15ull, false, quantum);
		CHECK_EQ(riscv_run(whole.h, STEPS), RISCV_EXIT_BUDGET);
		CHECK_EQ(riscv_instret(whole.h), STEPS);
		want = digest(&whole);
		for (unsigned k = 0; k < sizeof(cuts) / sizeof(cuts[0]); k++) {
			open_program(&cut, s * 0x9e3779b97f4a7c15ull, k & 1, quantum);
			run_cut(&cut, cuts[k]);
			if (digest(&cut) != want)
				TEST_FAIL("program %u cut by %u differs", (unsigned)s, cuts[k]);
			rig_close(&cut);
		}
		rig_close(&whole);
	}
}

static void the_cut_of_a_run_does_not_show(void)
{
	compare_cuts(0);
}

static void nor_does_it_with_timer_interrupts_in_deterministic_mode(void)
{
	compare_cuts(1000);
}

static void a_saved_hart_goes_on_like_the_original(void)
{
	for (uint64_t s = 1; s <= 20; s++) {
		struct rig a, b;
		struct ser_writer w;
		struct ser_reader rd;
		struct err e;
		uint64_t n;

		open_program(&a, s * 77777777777ull + 1, false, 1000);
		open_program(&b, s * 77777777777ull + 1, true, 1000);
		n = rnd() % STEPS;
		riscv_run(a.h, n);
		ser_writer_init(&w);
		riscv_hart_save(a.h, &w);
		mem_save(a.mem, &w);
		ser_reader_init(&rd, w.buf, w.len);
		riscv_run(b.h, 100); /* something else */
		riscv_hart_load(b.h, &rd);
		mem_load(b.mem, &rd);
		CHECK(!ser_error(&rd, &e));
		CHECK_EQ(digest(&a), digest(&b));
		riscv_run(a.h, STEPS);
		riscv_run(b.h, STEPS);
		CHECK_EQ(digest(&a), digest(&b));
		ser_writer_fini(&w);
		rig_close(&a);
		rig_close(&b);
	}
}

static void damaged_state_is_refused(void)
{
	struct rig r;
	struct ser_writer w;

	open_program(&r, 99, false, 0);
	ser_writer_init(&w);
	riscv_hart_save(r.h, &w);
	for (unsigned i = 0; i < 3000; i++) {
		struct ser_reader rd;
		uint8_t *copy = malloc(w.len);

		memcpy(copy, w.buf, w.len);
		copy[28 + rnd() % (w.len - 28)] ^= (uint8_t)(1 + rnd() % 255);
		ser_reader_init(&rd, copy, i % 3 ? w.len : rnd() % w.len);
		riscv_hart_load(r.h, &rd);
		riscv_run(r.h, 50); /* whatever was loaded: no crash */
		free(copy);
	}
	ser_writer_fini(&w);
	rig_close(&r);
}

TEST_MAIN({ "the_cut_of_a_run_does_not_show", the_cut_of_a_run_does_not_show },
	  { "nor_does_it_with_timer_interrupts_in_deterministic_mode",
	    nor_does_it_with_timer_interrupts_in_deterministic_mode },
	  { "a_saved_hart_goes_on_like_the_original", a_saved_hart_goes_on_like_the_original },
	  { "damaged_state_is_refused", damaged_state_is_refused })
