/* SPDX-License-Identifier: Apache-2.0 */
/* Machine-mode programs on the board: power-off and its codes, reset, several
 * harts, timers and sleep, registers at start. */
#include "tests/system/bare.h"

#include <time.h>

#include "riscv/hart.h"

static struct bare b;
static struct bare_run r;
static bool modes[] = { false, true };

static void run(unsigned ncpus, bool det)
{
	struct system_config c = { .ncpus = ncpus, .deterministic = det };

	bare_create(&r, &b, &c, false);
	bare_go(&r);
}

static void poweroff(void)
{
	static const struct { uint32_t v; int kind; unsigned code; } cases[] = {
		{ 0x5555, SYSTEM_END_POWEROFF, 0 }, { 0x13333, SYSTEM_END_FAIL, 1 },
		{ 0x2a3333, SYSTEM_END_FAIL, 42 }, { 0xffff3333, SYSTEM_END_FAIL, 255 },
		{ 0x3333, SYSTEM_END_FAIL, 1 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]) * 2; i++) {
		b.n = 0;
		finish(&b, cases[i / 2].v);
		run(1, modes[i % 2]);
		CHECK_EQ(r.end.kind, cases[i / 2].kind);
		CHECK_EQ(r.end.code, cases[i / 2].code);
		bare_end(&r);
	}
}

static void console(void)
{
	for (unsigned m = 0; m < 2; m++) {
		b.n = 0;
		prints(&b, "hello, world\n");
		finish(&b, 0x5555);
		run(1, modes[m]);
		CHECK_STR(bare_output(&r), "hello, world\n");
		bare_end(&r);
	}
}

/* RAM is zero again after a reset, so every boot takes the first branch. */
static void reset(void)
{
	unsigned again;

	for (unsigned m = 0; m < 2; m++) {
		struct system_config c = { .deterministic = modes[m], .no_reboot = true };

		b.n = 0;
		la(&b, S0, 0x1c0);              /* beyond the program: 0 */
		lw(&b, S1, 0, S0);
		again = bne_later(&b, S1, ZERO);
		addi(&b, S1, ZERO, 1);
		sw(&b, S1, 0, S0);
		print(&b, '.');
		finish(&b, 0x7777);
		land(&b, again);
		print(&b, '!');
		finish(&b, 0x13333);
		bare_create(&r, &b, &c, false);
		for (unsigned i = 0; i < 3; i++) {
			bare_go(&r);
			CHECK_EQ(r.end.kind, SYSTEM_END_RESET);
		}
		CHECK_STR(bare_output(&r), "...");
		bare_end(&r);
	}
}

/* Each hart adds 1000 times to a counter; hart 0 waits for the sum. */
static void harts(void)
{
	static const unsigned counts[] = { 1, 2, 4, 16 };

	for (unsigned i = 0; i < 8; i++) {
		unsigned n = counts[i / 2], loop, wait;

		b.n = 0;
		la(&b, S0, 0x1c0);
		addi(&b, S1, ZERO, 1000);
		addi(&b, S2, ZERO, 1);
		loop = here(&b);
		amoadd_d(&b, ZERO, S2, S0);
		addi(&b, S1, S1, -1);
		bne(&b, S1, ZERO, loop);
		csrr(&b, T0, 0xf14);            /* mhartid */
		wait = here(&b);
		wfi(&b);                        /* nothing enabled: may return at once */
		bne(&b, T0, ZERO, wait);
		b.n = wait;                     /* hart 0 must not sleep for ever */
		beq(&b, T0, ZERO, wait + 3);
		wfi(&b);
		jump(&b, wait);
		li(&b, S3, 1000 * n);
		loop = here(&b);
		ld(&b, S4, 0, S0);
		bne(&b, S4, S3, loop);
		finish(&b, 0x5555);
		run(n, modes[i % 2]);
		CHECK_EQ(r.end.kind, SYSTEM_END_POWEROFF);
		bare_end(&r);
	}
}

/* WFI with the timer 50 ms ahead: it passes that time, and uses no CPU. */
static void sleeping(void)
{
	struct timespec t0, t1, c0, c1;
	double wall, cpu;

	b.n = 0;
	lui(&b, S0, 0x200c);            /* mtime - 8 at 0x200bff8 */
	ld(&b, S1, -8, S0);
	li(&b, S2, 500000);
	add(&b, S1, S1, S2);
	lui(&b, S0, 0x2004);
	sd(&b, S1, 0, S0);
	addi(&b, T0, ZERO, 0x80);
	csrw(&b, 0x304, T0);            /* mie.MTIE; mstatus.MIE stays 0 */
	wfi(&b);
	csrr(&b, T0, 0x344);
	addi(&b, T1, ZERO, 0x80);
	beq(&b, T0, T1, here(&b) + 2);
	jump(&b, 0);
	finish(&b, 0x5555);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c0);
	run(1, false);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c1);
	CHECK_EQ(r.end.kind, SYSTEM_END_POWEROFF);
	bare_end(&r);
	wall = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
	cpu = (double)(c1.tv_sec - c0.tv_sec) + (double)(c1.tv_nsec - c0.tv_nsec) / 1e9;
	CHECK(wall >= 0.049);
	CHECK(cpu < 0.04);
	run(1, true); /* virtual time jumps */
	CHECK_EQ(r.end.kind, SYSTEM_END_POWEROFF);
	CHECK(system_instructions(r.sys) <= 10000);
	bare_end(&r);
}

static void registers(void)
{
	unsigned bad;

	b.n = 0;
	csrr(&b, T0, 0xf14);
	bad = bne_later(&b, A0, T0);    /* a0: hart id */
	put(&b, 0x0005a283);            /* lw t0, 0(a1): the tree's magic */
	li(&b, T1, 0xffffffffedfe0dd0);
	unsigned bad2 = bne_later(&b, T0, T1);
	ld(&b, T0, 0, A2);              /* fw_dynamic */
	li(&b, T1, 0x4942534f);
	unsigned bad3 = bne_later(&b, T0, T1);
	finish(&b, 0x5555);
	land(&b, bad), land(&b, bad2), land(&b, bad3);
	finish(&b, 0x13333);
	run(1, true);
	CHECK_EQ(r.end.kind, SYSTEM_END_POWEROFF);
	bare_end(&r);
}

static void exact_limit(void)
{
	struct system_config c = { .deterministic = true, .ncpus = 2 };

	b.n = 0;
	addi(&b, S0, S0, 1);
	jump(&b, 0);
	bare_create(&r, &b, &c, false);
	for (uint64_t n = 1; n < 200000; n = n * 3 + 1) {
		system_set_limit(r.sys, n);
		bare_go(&r);
		CHECK_EQ(r.end.kind, SYSTEM_END_LIMIT);
		CHECK_EQ(system_instructions(r.sys), n);
		CHECK_EQ(riscv_instret(system_hart(r.sys, 0)) + riscv_instret(system_hart(r.sys, 1)), n);
	}
	bare_end(&r);
}

TEST_MAIN(
	{ "power_off_gives_the_guests_code", poweroff },
	{ "the_uart_prints", console },
	{ "a_reset_starts_with_clear_memory", reset },
	{ "harts_run_at_the_same_time", harts },
	{ "wfi_sleeps_until_the_timer", sleeping },
	{ "registers_at_start", registers },
	{ "the_limit_is_exact", exact_limit },
)
