/* SPDX-License-Identifier: Apache-2.0 */
/* Atomics and memory order between harts, each on its own thread (RVWMO:
 * unpriv. spec chapter 17 and its litmus tests). */
#include <pthread.h>

#include "tests/riscv/rig.h"

enum { X_AT = RAM_BASE + 0x20000, Y_AT = X_AT + 128, P0 = RAM_BASE + 0x1000, P1 = RAM_BASE + 0x2000 };

static void *run_hart(void *arg)
{
	struct riscv_hart *h = arg;

	/* Each program ends in a jump to itself with S0 set. */
	while (!riscv_get_x(h, S0))
		riscv_run(h, 100000);
	return NULL;
}

static void run_two(struct riscv_hart *h[2])
{
	pthread_t t[2];

	for (unsigned i = 0; i < 2; i++) {
		riscv_hart_reset(h[i], i ? P1 : P0, 0);
		riscv_set_x(h[i], A0, X_AT);
		riscv_set_x(h[i], A1, Y_AT);
		riscv_set_x(h[i], A2, Y_AT + 256);
	}
	for (unsigned i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, run_hart, h[i]));
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

static void open_two(struct rig *r, struct riscv_hart *h[2])
{
	rig_open(r);
	for (unsigned i = 0; i < 2; i++)
		CHECK((h[i] = rig_hart(r, i, 0, false)));
}
static void close_two(struct rig *r, struct riscv_hart *h[2])
{
	riscv_hart_destroy(h[0]);
	riscv_hart_destroy(h[1]);
	rig_close(r);
}

enum { COUNT = 50000 };

static void counters_lose_nothing(void)
{
	struct riscv_hart *h[2];
	struct rig r;

	open_two(&r, h);
	for (unsigned i = 0; i < 2; i++)
		rig_code(&r, i ? P1 : P0, LUI(T0, COUNT >> 12), ADDI(T0, T0, COUNT & 0xfff),
			 ADDI(T1, 0, 1),
			 AMOADD_D(0, T1, A0),           /* loop: x += 1 */
			 AMOADD_W(0, T1, A1),           /* y += 1, 32 bits */
			 LR_D(T2, A2), ADDI(T2, T2, 1), SC_D(A3, T2, A2), BNE(A3, 0, -12),
			 ADDI(T0, T0, -1), BNE(T0, 0, -28),
			 ADDI(S0, 0, 1), J_SELF);
	run_two(h);
	CHECK_EQ(rig_get64(&r, X_AT), 2 * COUNT);
	CHECK_EQ(rig_get64(&r, Y_AT), 2 * COUNT);
	CHECK_EQ(rig_get64(&r, Y_AT + 256), 2 * COUNT);
	close_two(&r, h);
}

/*
 * Store buffering: both harts store to their own place of pair i, then read
 * the other's.  With FENCE RW,RW between, both cannot read 0.  They meet at
 * each round through a barrier of AMOs.
 */
enum { ROUNDS = 5000 };
#define BARRIER /* T2: value to wait for; uses T3 = 28, A2 the barrier */          \
	AMOADD_D(0, T1, A2), LD(28, A2, 0), E_B(-4, T2, 28, 6) /* bltu */

static void store_buffering_is_forbidden_with_fences(void)
{
	struct riscv_hart *h[2];
	struct rig r;
	pthread_t t[2];

	open_two(&r, h);
	for (unsigned i = 0; i < 2; i++) {
		/* a0: mine, a1: the other's, a3: results */
		rig_code(&r, i ? P1 : P0,
			 LUI(T0, ROUNDS >> 12), ADDI(T0, T0, ROUNDS & 0xfff), ADDI(T1, 0, 1), ADDI(T2, 0, 2),
			 BARRIER,
			 SD(T1, A0, 0), FENCE_RW_RW, LD(A5, A1, 0), SB(A5, A3, 0),
			 ADDI(A0, A0, 16), ADDI(A1, A1, 16), ADDI(A3, A3, 2), ADDI(T2, T2, 2),
			 ADDI(T0, T0, -1), BNE(T0, 0, -48),
			 ADDI(S0, 0, 1), J_SELF);
		riscv_hart_reset(h[i], i ? P1 : P0, 0);
		riscv_set_x(h[i], A0, RAM_BASE + 0x100000 + 8 * i);
		riscv_set_x(h[i], A1, RAM_BASE + 0x100000 + 8 * !i);
		riscv_set_x(h[i], A2, X_AT);
		riscv_set_x(h[i], A3, RAM_BASE + 0x400000 + i);
	}
	for (unsigned i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, run_hart, h[i]));
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (unsigned k = 0; k < ROUNDS; k++) {
		uint8_t got[2];

		CHECK(mem_read(r.mem, GPA(RAM_BASE + 0x400000 + 2 * k), got, 2));
		CHECK(got[0] || got[1]);
	}
	close_two(&r, h);
}

/* Message passing: x = k; fence; y = k.  The reader never sees y ahead of x. */
static void message_passing_keeps_its_order(void)
{
	struct riscv_hart *h[2];
	struct rig r;

	open_two(&r, h);
	rig_code(&r, P0, LUI(T0, 30), ADDI(T1, T1, 1), SD(T1, A0, 0), FENCE_RW_RW, SD(T1, A1, 0),
		 BNE(T1, T0, -16), ADDI(S0, 0, 1), J_SELF);
	/* T2 = y; fence; T3 = x; x < y: count in A5 */
	rig_code(&r, P1, LUI(T0, 30), LD(T2, A1, 0), FENCE_RW_RW, LD(28, A0, 0),
		 E_R(0, T2, 28, 3, 29, 0x33) /* sltu t4 */, ADD(A5, A5, 29), BNE(T2, T0, -20),
		 ADDI(S0, 0, 1), J_SELF);
	run_two(h);
	CHECK_EQ(riscv_get_x(h[1], A5), 0);
	CHECK_EQ(rig_get64(&r, X_AT), 30 << 12);
	close_two(&r, h);
}

static void sc_fails_after_another_store(void)
{
	struct rig r;

	rig_open(&r);
	rig_code(&r, RAM_BASE, LR_D(A1, A0), SD(A2, A0, 0), SC_D(A3, A1, A0), /* changed: fails */
		 LR_D(A1, A0), SC_D(A4, A1, A0), SC_D(A5, A1, A0) /* no reservation: fails */,
		 LR_D(A1, A0), SC_D(A6, A1, A7) /* another place: fails */);
	riscv_set_x(r.h, A0, X_AT);
	riscv_set_x(r.h, A7, X_AT + 8);
	riscv_set_x(r.h, A2, 77);
	riscv_run(r.h, 8);
	CHECK_EQ(riscv_get_x(r.h, A3), 1);
	CHECK_EQ(riscv_get_x(r.h, A4), 0);
	CHECK_EQ(riscv_get_x(r.h, A5), 1);
	CHECK_EQ(riscv_get_x(r.h, A6), 1);
	CHECK_EQ(rig_get64(&r, X_AT), 77);
	rig_close(&r);
}

TEST_MAIN({ "counters_lose_nothing", counters_lose_nothing },
	  { "store_buffering_is_forbidden_with_fences", store_buffering_is_forbidden_with_fences },
	  { "message_passing_keeps_its_order", message_passing_keeps_its_order },
	  { "sc_fails_after_another_store", sc_fails_after_another_store })
