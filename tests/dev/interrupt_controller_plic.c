/* SPDX-License-Identifier: Apache-2.0 */
/* PLIC: priorities, thresholds, claim and completion, level gateways. */
#include <pthread.h>

#include "dev/platform.h"

#include "fake.h"

enum { BASE = 0xc000000, HARTS = 4 };
#define PRIORITY(s) (BASE + 4 * (s))
#define PENDING(w) (BASE + 0x1000 + 4 * (w))
#define ENABLE(c, w) (BASE + 0x2000 + 0x80 * (c) + 4 * (w))
#define THRESHOLD(c) (BASE + 0x200000 + 0x1000 * (c))
#define CLAIM(c) (THRESHOLD(c) + 4)
enum { M0 = 0, S0 = 1, S1 = 3 };

static struct fake f;
static struct plic *plic;
static _Atomic bool out[HARTS][2];

static void output(void *ctx, unsigned hart, bool m_level, bool level)
{
	(void)ctx;
	out[hart][!m_level] = level;
}

static void start(void)
{
	struct plic_ops ops = { output, NULL };
	struct err e;

	fake_init(&f);
	memset(out, 0, sizeof(out));
	plic = plic_create(&f.host, GPA(BASE), HARTS, &ops, &e);
	CHECK(plic);
}

static void set(unsigned source, bool level)
{
	struct vm_irq irq = plic_irq(plic, source);

	vm_irq_set(&irq, level);
}

static void enable(unsigned context, unsigned source, unsigned priority)
{
	uint32_t a = (uint32_t)ENABLE(context, source / 32);

	wr32(&f, PRIORITY(source), priority);
	wr32(&f, a, rd32(&f, a) | 1u << source % 32);
}

static void claim_gives_the_source_and_lowers_the_line(void)
{
	start();
	enable(S0, 10, 1);
	set(10, true);
	CHECK(out[0][1] && !out[0][0] && !out[1][1]);
	CHECK_EQ(rd32(&f, PENDING(0)), 1 << 10);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 10);
	CHECK(!out[0][1]);
	CHECK_EQ(rd32(&f, PENDING(0)), 0);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 0);
	set(10, false);
	wr32(&f, CLAIM(S0), 10);
	CHECK(!out[0][1]);
	fake_fini(&f);
}

static void level_still_high_at_completion_interrupts_again(void)
{
	start();
	enable(S0, 10, 1);
	set(10, true);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 10);
	set(10, false);
	set(10, true); /* while in flight: held back */
	CHECK(!out[0][1]);
	wr32(&f, CLAIM(S0), 10);
	CHECK(out[0][1]);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 10);
	set(10, false);
	wr32(&f, CLAIM(S0), 10);
	CHECK(!out[0][1]);
	fake_fini(&f);
}

static void request_outlives_a_level_that_falls_before_the_claim(void)
{
	start();
	enable(S0, 3, 1);
	set(3, true);
	set(3, false);
	CHECK(out[0][1]);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 3);
	wr32(&f, CLAIM(S0), 3);
	CHECK(!out[0][1]);
	fake_fini(&f);
}

static void highest_priority_first_then_lowest_number(void)
{
	start();
	enable(S0, 40, 2);
	enable(S0, 7, 2);
	enable(S0, 95, 5);
	enable(S0, 1, 1);
	set(40, true), set(7, true), set(95, true), set(1, true);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 95);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 7);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 40);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 1);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 0);
	fake_fini(&f);
}

static void threshold_masks_the_line_but_not_the_claim(void)
{
	start();
	enable(S0, 10, 3);
	wr32(&f, THRESHOLD(S0), 3);
	set(10, true);
	CHECK(!out[0][1]);
	wr32(&f, THRESHOLD(S0), 2);
	CHECK(out[0][1]);
	wr32(&f, THRESHOLD(S0), 0xffffffff);
	CHECK_EQ(rd32(&f, THRESHOLD(S0)), 7);
	CHECK(!out[0][1]);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 10);
	fake_fini(&f);
}

static void priority_zero_never_interrupts(void)
{
	start();
	enable(S0, 10, 0);
	set(10, true);
	CHECK(!out[0][1]);
	CHECK_EQ(rd32(&f, PENDING(0)), 1 << 10);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 0);
	wr32(&f, PRIORITY(10), 1);
	CHECK(out[0][1]);
	fake_fini(&f);
}

static void completion_of_a_source_that_is_not_enabled_is_ignored(void)
{
	start();
	enable(S0, 10, 1);
	set(10, true);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 10);
	wr32(&f, CLAIM(S1), 10);
	CHECK(!out[0][1]);
	wr32(&f, CLAIM(S0), 0), wr32(&f, CLAIM(S0), 96), wr32(&f, CLAIM(S0), 0xffffffff);
	CHECK(!out[0][1]);
	wr32(&f, CLAIM(S0), 10);
	CHECK(out[0][1]);
	fake_fini(&f);
}

static void one_of_several_harts_wins_the_claim(void)
{
	start();
	enable(S0, 10, 1);
	enable(S1, 10, 1);
	enable(M0, 10, 1);
	set(10, true);
	CHECK(out[0][1] && out[1][1] && out[0][0]);
	CHECK_EQ(rd32(&f, CLAIM(S1)), 10);
	CHECK(!out[0][1] && !out[1][1] && !out[0][0]);
	CHECK_EQ(rd32(&f, CLAIM(S0)), 0);
	fake_fini(&f);
}

static void source_zero_and_what_lies_beyond_do_not_exist(void)
{
	start();
	wr32(&f, PRIORITY(0), 7);
	CHECK_EQ(rd32(&f, PRIORITY(0)), 0);
	wr32(&f, PRIORITY(95), 9);
	CHECK_EQ(rd32(&f, PRIORITY(95)), 1);
	wr32(&f, PRIORITY(96), 7);
	CHECK_EQ(rd32(&f, PRIORITY(96)), 0);
	wr32(&f, ENABLE(S0, 0), 0xffffffff);
	CHECK_EQ(rd32(&f, ENABLE(S0, 0)), 0xfffffffe);
	wr32(&f, ENABLE(S0, 3), 0xffffffff);
	CHECK_EQ(rd32(&f, ENABLE(S0, 3)), 0);
	wr32(&f, ENABLE(2 * HARTS, 0), 0xffffffff);
	CHECK_EQ(rd32(&f, ENABLE(2 * HARTS, 0)), 0);
	wr32(&f, THRESHOLD(2 * HARTS), 3);
	CHECK_EQ(rd32(&f, THRESHOLD(2 * HARTS)), 0);
	CHECK_EQ(rd32(&f, CLAIM(2 * HARTS)), 0);
	fake_fini(&f);
}

static void other_widths_fault(void)
{
	uint64_t v;

	start();
	CHECK(!mem_mmio_read(f.host.mem, GPA(CLAIM(0)), 1, &v));
	CHECK(!mem_mmio_read(f.host.mem, GPA(THRESHOLD(0)), 8, &v));
	CHECK(!mem_mmio_write(f.host.mem, GPA(PRIORITY(2)), 2, 1));
	fake_fini(&f);
}

static void spoil(struct fake *fk)
{
	vm_host_reset(&fk->host);
	wr32(fk, PRIORITY(5), 5);
	wr32(fk, ENABLE(S1, 0), ~0u);
	wr32(fk, THRESHOLD(M0), 4);
}

static void state_survives_save_and_load(void)
{
	uint64_t seed = 7;
	bool before[HARTS][2];

	start();
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 50; i++) {
			uint64_t x = test_random(&seed);
			unsigned s = 1 + x % 95, c = x >> 8 & 7;

			switch (x >> 60 & 7) {
			case 0: case 1: set(s, x >> 20 & 1); break;
			case 2: wr32(&f, PRIORITY(s), x >> 20 & 7); break;
			case 3: enable(c, s, x >> 20 & 7); break;
			case 4: wr32(&f, THRESHOLD(c), x >> 20 & 3); break;
			case 5: rd32(&f, CLAIM(c)); break;
			default: wr32(&f, CLAIM(c), s); break;
			}
		}
		memcpy(before, out, sizeof(out));
		check_round_trip(&f, spoil);
		CHECK(!memcmp(before, out, sizeof(out)));
	}
	fake_fini(&f);
}

/* Two harts claim, a device raises: every raise is served exactly once, and
 * no lock is taken out of order. */
static _Atomic unsigned served;
static _Atomic bool stop;

static void *hart(void *arg)
{
	unsigned c = (unsigned)(uintptr_t)arg;
	uint64_t v;

	while (!stop) {
		mem_mmio_read(f.host.mem, GPA(CLAIM(c)), 4, &v);
		if (!v)
			continue;
		set((unsigned)v, false);
		served++;
		mem_mmio_write(f.host.mem, GPA(CLAIM(c)), 4, v);
	}
	return NULL;
}

static void concurrent_claims_serve_each_request_once(void)
{
	pthread_t t[2];

	start();
	enable(S0, 9, 1);
	enable(S1, 9, 1);
	served = 0;
	stop = false;
	for (uintptr_t i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, hart, (void *)(uintptr_t)(i ? S1 : S0)), 0);
	for (unsigned i = 1; i <= 2000; i++) {
		set(9, true);
		while (served < i)
			sched_yield();
	}
	stop = true;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	CHECK_EQ(served, 2000);
	fake_fini(&f);
}

TEST_MAIN(
	{ "claim_gives_the_source_and_lowers_the_line",
	  claim_gives_the_source_and_lowers_the_line },
	{ "level_still_high_at_completion_interrupts_again",
	  level_still_high_at_completion_interrupts_again },
	{ "request_outlives_a_level_that_falls_before_the_claim",
	  request_outlives_a_level_that_falls_before_the_claim },
	{ "highest_priority_first_then_lowest_number",
	  highest_priority_first_then_lowest_number },
	{ "threshold_masks_the_line_but_not_the_claim",
	  threshold_masks_the_line_but_not_the_claim },
	{ "priority_zero_never_interrupts", priority_zero_never_interrupts },
	{ "completion_of_a_source_that_is_not_enabled_is_ignored",
	  completion_of_a_source_that_is_not_enabled_is_ignored },
	{ "one_of_several_harts_wins_the_claim", one_of_several_harts_wins_the_claim },
	{ "source_zero_and_what_lies_beyond_do_not_exist",
	  source_zero_and_what_lies_beyond_do_not_exist },
	{ "other_widths_fault", other_widths_fault },
	{ "state_survives_save_and_load", state_survives_save_and_load },
	{ "concurrent_claims_serve_each_request_once",
	  concurrent_claims_serve_each_request_once })
