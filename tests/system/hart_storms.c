/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen harts that start, stop, suspend, interrupt and fence each other as
 * fast as they can: nobody waits for ever. */
#include "riscv/hart.h"
#include "tests/system/bare.h"

enum { HARTS = 16, TIMES = 500, RFENCE = 0x52464E43, IPI = 0x735049, HSM = 0x48534D,
       SUSPEND = 0x80000000u,
       CELL = 0x80008000u /* how often one came back */ };

static struct bare b;
static struct bare_run r;

static void call(unsigned ext, unsigned fid, uint64_t a0, uint64_t a1)
{
	li(&b, A0, a0);
	li(&b, A1, a1);
	li(&b, A2, 0);
	li(&b, A3, 0);
	sbi(&b, ext, fid);
}

/* All harts: fence all, interrupt all, suspend without keeping anything,
 * come back, stop.  Hart 0 starts the others over and over. */
static void storm(void)
{
	unsigned first, loop, next, others, back;

	b.n = 0;
	bare_image_header(&b);
	first = beq_later(&b, A0, ZERO);
	back = here(&b);
	li(&b, T0, CELL);
	addi(&b, T1, ZERO, 1);
	amoadd_d(&b, ZERO, T1, T0);
	sbi(&b, HSM, 1);
	jump(&b, here(&b));
	others = here(&b);
	call(RFENCE, 0, 0, ~0ull);
	call(IPI, 0, 0, ~0ull);
	call(RFENCE, 1, 0, ~0ull);
	li(&b, T0, 2);
	csrw(&b, 0x104, T0); /* sie: SSIP wakes */
	li(&b, A0, SUSPEND);
	la(&b, A1, back);
	sbi(&b, HSM, 3);
	jump(&b, here(&b)); /* it does not return */

	land(&b, first);
	la(&b, S0, others);
	li(&b, S1, TIMES);
	li(&b, S3, CELL);
	loop = here(&b);
	li(&b, S2, 1);
	next = here(&b);
	addi(&b, A0, S2, 0);
	addi(&b, A1, S0, 0);
	sbi(&b, HSM, 0);
	addi(&b, S2, S2, 1);
	li(&b, T0, HARTS);
	bne(&b, S2, T0, next);
	call(RFENCE, 0, 0, ~0ull);
	call(IPI, 0, 0, ~0ull);
	ld(&b, T0, 0, S3);
	branch(&b, 6, T0, S1, loop); /* bltu */
	finish(&b, 0x5555);
}

static void run(bool det)
{
	struct system_config c = { .ncpus = HARTS, .deterministic = det };
	uint64_t back;

	storm();
	bare_create(&r, &b, &c, true);
	bare_go(&r);
	CHECK_EQ(r.end.kind, SYSTEM_END_POWEROFF);
	CHECK(mem_read(system_mem(r.sys), GPA(CELL), &back, 8));
	CHECK(back >= TIMES);
	bare_end(&r);
}

static void threads(void) { run(false); }
static void turns(void) { run(true); }

TEST_MAIN({ "sixteen_threads_come_to_an_end", threads },
	  { "sixteen_turns_come_to_an_end", turns })
