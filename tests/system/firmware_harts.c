/* SPDX-License-Identifier: Apache-2.0 */
/* Supervisor programs on the built-in firmware: harts that start, stop,
 * suspend, wake each other and fence each other; ends by system reset. */
#include "tests/system/bare.h"

enum { HSM = 0x48534D, IPI = 0x735049, RFENCE = 0x52464E43, SRST = 0x53525354,
       DBCN = 0x4442434E, TIME = 0x54494D45 };
enum { SIE = 0x104, SIP = 0x144, CELL = 0x1f0 /* word where the harts meet */ };

static struct bare b;
static struct bare_run r;

static void run(unsigned ncpus, bool det)
{
	struct system_config c = { .ncpus = ncpus, .deterministic = det };

	bare_create(&r, &b, &c, true);
	bare_go(&r);
	bare_end(&r);
}

static void shutdown(int reason)
{
	li(&b, A0, 0);
	li(&b, A1, (uint64_t)reason);
	sbi(&b, SRST, 0);
}

/* Wait until [S0] is v. */
static void await(unsigned v)
{
	unsigned loop = here(&b) + 1;

	addi(&b, T2, ZERO, (int)v);
	ld(&b, T0, 0, S0);
	bne(&b, T0, T2, loop);
}

static void tell(unsigned v)
{
	addi(&b, T2, ZERO, (int)v);
	sd(&b, T2, 0, S0);
}

static void call_hart(uint64_t ext, uint64_t fid, uint64_t a0, uint64_t a1)
{
	li(&b, A0, a0);
	li(&b, A1, a1);
	sbi(&b, ext, fid);
}

static void resets(void)
{
	for (int i = 0; i < 4; i++) {
		b.n = 0;
		bare_image_header(&b);
		shutdown(i & 1);
		run(1, i & 2);
		CHECK_EQ(r.end.kind, i & 1 ? SYSTEM_END_FAIL : SYSTEM_END_POWEROFF);
		CHECK_EQ(r.end.code, i & 1);
	}
}

/* Code of hart 1 comes first, so that its place is known. */
static void start_stop(void)
{
	unsigned second, over, bad, bad2, loop;

	for (int det = 0; det < 2; det++) {
		b.n = 0;
		bare_image_header(&b);
		over = beq_later(&b, ZERO, ZERO);
		second = here(&b);
		la(&b, S0, CELL);
		sd(&b, A1, 0, S0);              /* the opaque value, 77 */
		addi(&b, T0, ZERO, 2);
		csrw(&b, SIE, T0);              /* SSIE; sstatus.SIE is 0 */
		loop = here(&b);
		wfi(&b);
		csrr(&b, T1, SIP);
		addi(&b, T0, ZERO, 2);
		bne(&b, T1, T0, loop);
		csrw(&b, SIP, ZERO);
		tell(78);
		sbi(&b, HSM, 1);                /* stop */
		land(&b, over);
		la(&b, S0, CELL);
		la(&b, A1, second);
		li(&b, A0, 1);
		li(&b, A2, 77);
		sbi(&b, HSM, 0);
		bad = bne_later(&b, A0, ZERO);
		await(77);
		call_hart(IPI, 0, 2, 0);
		await(78);
		loop = here(&b);
		call_hart(HSM, 2, 1, 0);        /* until its state is STOPPED */
		addi(&b, T0, ZERO, 1);
		bne(&b, A1, T0, loop);
		la(&b, A1, second);             /* and again */
		li(&b, A0, 1);
		li(&b, A2, 79);
		sbi(&b, HSM, 0);
		bad2 = bne_later(&b, A0, ZERO);
		await(79);
		shutdown(0);
		land(&b, bad);
		land(&b, bad2);
		shutdown(1);
		CHECK(b.n < CELL);
		run(2, det);
		CHECK_EQ(r.end.kind, SYSTEM_END_POWEROFF);
	}
}

/* Each hart fences all others 300 times at once: nobody waits for ever. */
static void fences(void)
{
	unsigned loop, start, body;

	for (int det = 0; det < 2; det++) {
		b.n = 0;
		bare_image_header(&b);
		la(&b, S0, CELL);
		addi(&b, S5, A0, 0);
		body = bne_later(&b, A0, ZERO);
		for (unsigned i = 1; i < 4; i++) {
			li(&b, A0, i);
			la(&b, A1, 16);
			li(&b, A2, 0);
			sbi(&b, HSM, 0);
		}
		land(&b, body);
		addi(&b, S1, ZERO, 300);
		loop = here(&b);
		for (unsigned fid = 0; fid < 3; fid++) {
			li(&b, A0, 15);
			li(&b, A1, 0);
			li(&b, A2, 0x1000 * fid);
			li(&b, A3, 0x1000 * fid);
			sbi(&b, RFENCE, fid);
			add(&b, S4, S4, A0);    /* sum of errors: 0 */
		}
		addi(&b, S1, S1, -1);
		start = beq_later(&b, S1, ZERO);
		jump(&b, loop);
		land(&b, start);
		addi(&b, T0, ZERO, 1);
		amoadd_d(&b, ZERO, T0, S0);
		body = beq_later(&b, S5, ZERO);
		sbi(&b, HSM, 1);
		land(&b, body);
		await(4);
		body = bne_later(&b, S4, ZERO);
		shutdown(0);
		land(&b, body);
		shutdown(1);
		CHECK(b.n < CELL);
		run(4, det);
		CHECK_EQ(r.end.kind, SYSTEM_END_POWEROFF);
	}
}

/* Suspended until the timer: retentive goes on behind the call, non-retentive
 * at the given address with a1 = the opaque value. */
static void suspend(void)
{
	unsigned resumed, over, bad[3];

	for (int det = 0; det < 2; det++) {
		b.n = 0;
		bare_image_header(&b);
		over = beq_later(&b, ZERO, ZERO);
		resumed = here(&b);
		addi(&b, T0, ZERO, 55);
		bad[0] = bne_later(&b, A1, T0);
		bad[1] = bne_later(&b, A0, ZERO);
		shutdown(0);
		land(&b, over);
		addi(&b, T0, ZERO, 0x20);
		csrw(&b, SIE, T0);
		csrr(&b, A0, 0xc01);
		addi(&b, A0, A0, 2000);
		sbi(&b, TIME, 0);
		li(&b, A0, 0);
		sbi(&b, HSM, 3);
		bad[2] = bne_later(&b, A0, ZERO);
		csrr(&b, A0, 0xc01);
		addi(&b, A0, A0, 2000);
		sbi(&b, TIME, 0);
		li(&b, A0, 0x80000000);
		la(&b, A1, resumed);
		addi(&b, A2, ZERO, 55);
		sbi(&b, HSM, 3);
		for (int i = 0; i < 3; i++)
			land(&b, bad[i]);
		shutdown(1);
		run(1, det);
		CHECK_EQ(r.end.kind, SYSTEM_END_POWEROFF);
	}
}

/* A console write of any length ends, in parts. */
static void console(void)
{
	struct system_config c = { .ncpus = 1 };
	unsigned loop;

	b.n = 0;
	bare_image_header(&b);
	la(&b, S0, CELL);
	lui(&b, T0, 0x64636);
	addi(&b, T0, T0, 0x261);                /* "abcd" */
	sw(&b, T0, 0, S0);
	addi(&b, S1, ZERO, 4);
	loop = here(&b);
	addi(&b, A0, S1, 0);
	addi(&b, A1, S0, 0);
	li(&b, A2, 0);
	sbi(&b, DBCN, 0);
	add(&b, S0, S0, A1);
	op(&b, 0x20, 0, S1, S1, A1);            /* sub */
	bne(&b, S1, ZERO, loop);
	li(&b, A0, '\n');
	sbi(&b, DBCN, 2);
	shutdown(0);
	bare_create(&r, &b, &c, true);
	bare_go(&r);
	CHECK_STR(bare_output(&r), "abcd\n");
	bare_end(&r);
}

TEST_MAIN(
	{ "system_reset_ends_with_its_reason", resets },
	{ "harts_start_wake_and_stop", start_stop },
	{ "harts_fence_each_other_at_once", fences },
	{ "a_suspended_hart_resumes", suspend },
	{ "the_debug_console_prints", console },
)
