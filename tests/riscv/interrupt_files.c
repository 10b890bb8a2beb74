/* SPDX-License-Identifier: Apache-2.0 */
/* The hart's interrupt files (IMSIC): AIA spec chapters 2 and 3. */
#include "tests/riscv/rig.h"

enum { SISELECT = 0x150, SIREG, STOPEI = 0x15c, STOPI = 0xdb0, MISELECT = 0x350, MIREG,
       MTOPEI = 0x35c, MTOPI = 0xfb0, EIDELIVERY = 0x70, EITHRESHOLD = 0x72, EIP0 = 0x80, EIE0 = 0xc0 };

static void open_aia(struct rig *r)
{
	struct riscv_config c = { .env = { r, rig_time }, .aia = true };
	struct err e;

	memset(r, 0, sizeof(*r));
	r->mem = mem_create(&e);
	CHECK(r->mem && !mem_add_ram(r->mem, GPA(RAM_BASE), RAM_SIZE, "ram", &e));
	c.mem = r->mem;
	CHECK((r->h = riscv_hart_create(&c, &e)));
	riscv_hart_reset(r->h, RAM_BASE, 0);
	riscv_set_csr(r->h, 0x305, HANDLER);
}
static void put(struct rig *r, unsigned select, uint64_t v)
{
	CHECK(riscv_set_csr(r->h, MISELECT, select) && riscv_set_csr(r->h, MIREG, v));
}

static void a_message_interrupts_and_is_claimed(void)
{
	struct rig r;

	open_aia(&r);
	put(&r, EIDELIVERY, 1);
	put(&r, EIE0, 1 << 5 | 1 << 9);
	riscv_set_csr(r.h, 0x304, 1 << 11);
	riscv_set_csr(r.h, 0x300, 8);
	riscv_imsic_set(r.h, true, 9);
	riscv_imsic_set(r.h, true, 5);
	riscv_imsic_set(r.h, true, 7); /* not enabled */
	riscv_imsic_set(r.h, true, 0); /* no such identity */
	riscv_imsic_set(r.h, true, 100000);
	CHECK_EQ(rig_csr(&r, MTOPEI), 5 << 16 | 5);
	CHECK_EQ(rig_csr(&r, MTOPI), 11 << 16 | 1);
	/* csrrw a0, mtopei, x0: claim, twice; then nothing is left */
	rig_code(&r, HANDLER, CSRRW(A0, MTOPEI, 0), CSRRW(A1, MTOPEI, 0), CSRRS(A2, MTOPEI, 0));
	rig_run(&r, RAM_BASE, 3);
	CHECK_EQ(rig_csr(&r, 0x342), 1ull << 63 | 11);
	CHECK_EQ(riscv_get_x(r.h, A0), 5 << 16 | 5);
	CHECK_EQ(riscv_get_x(r.h, A1), 9 << 16 | 9);
	CHECK_EQ(riscv_get_x(r.h, A2), 0);
	CHECK_EQ(rig_csr(&r, 0x344), 0);
	rig_close(&r);
}

static void threshold_and_delivery_hold_messages_back(void)
{
	struct rig r;

	open_aia(&r);
	put(&r, EIE0 + 2, ~0ull);
	riscv_imsic_set(r.h, true, 70);
	CHECK_EQ(rig_csr(&r, 0x344), 0); /* delivery is off */
	CHECK_EQ(rig_csr(&r, MTOPEI), 70 << 16 | 70);
	put(&r, EIDELIVERY, 1);
	CHECK_EQ(rig_csr(&r, 0x344), 1 << 11);
	put(&r, EITHRESHOLD, 70);
	CHECK_EQ(rig_csr(&r, 0x344), 0);
	put(&r, EITHRESHOLD, 71);
	CHECK_EQ(rig_csr(&r, 0x344), 1 << 11);
	rig_close(&r);
}

static void the_supervisor_file_is_its_own(void)
{
	struct rig r;
	uint64_t v;

	open_aia(&r);
	CHECK(riscv_set_csr(r.h, SISELECT, EIE0) && riscv_set_csr(r.h, SIREG, 8));
	CHECK(riscv_set_csr(r.h, SISELECT, EIDELIVERY) && riscv_set_csr(r.h, SIREG, 1));
	riscv_imsic_set(r.h, false, 3);
	CHECK_EQ(rig_csr(&r, 0x344), 1 << 9);
	CHECK_EQ(rig_csr(&r, STOPEI), 3 << 16 | 3);
	CHECK_EQ(rig_csr(&r, MTOPEI), 0);
	riscv_set_csr(r.h, 0x303, 1 << 9);
	riscv_set_csr(r.h, 0x304, 1 << 9);
	CHECK_EQ(rig_csr(&r, STOPI), 9 << 16 | 1);
	CHECK(riscv_set_csr(r.h, SISELECT, EIE0 + 1)); /* odd: none for 64 bits */
	CHECK(!riscv_get_csr(r.h, SIREG, &v));
	rig_close(&r);
}

static void without_aia_the_csrs_do_not_exist(void)
{
	struct rig r;
	uint64_t v;

	rig_open(&r);
	CHECK(!riscv_get_csr(r.h, SISELECT, &v) && !riscv_get_csr(r.h, MTOPEI, &v));
	riscv_imsic_set(r.h, true, 5);
	CHECK_EQ(rig_csr(&r, 0x344), 0);
	rig_close(&r);
}

TEST_MAIN({ "a_message_interrupts_and_is_claimed", a_message_interrupts_and_is_claimed },
	  { "threshold_and_delivery_hold_messages_back", threshold_and_delivery_hold_messages_back },
	  { "the_supervisor_file_is_its_own", the_supervisor_file_is_its_own },
	  { "without_aia_the_csrs_do_not_exist", without_aia_the_csrs_do_not_exist })
