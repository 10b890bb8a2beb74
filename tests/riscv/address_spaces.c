/* SPDX-License-Identifier: Apache-2.0 */
/* Going from one address space to another and back, data and code, and what
 * SFENCE.VMA by page, by ASID, by both and by neither makes visible in a space
 * that is not in use.  Priv. spec 10.2.1. */
#include "tests/riscv/rig.h"

enum { V = 1, LEAF = 1 | 2 | 4 | 8 | 64 | 128 };
enum { TABLES = RAM_BASE + 0x100000, SPACE = 0x10000, DATA = RAM_BASE + 0x200000,
       /* away from the places of VA_* in direct-mapped caches */
       PROG = RAM_BASE + 0x5040, FENCE = RAM_BASE + 0x58c0, SPACES = 12 };
enum { VA_DATA = 0x40000000, VA_CODE = 0x40001000 };
#define CSRW_SATP(a) E_I(0x180, a, 1, 0, 0x73)
#define SFENCE_OF(a, b) E_R(9, b, a, 0, 0, 0x73)

static uint64_t pte(uint64_t pa, uint64_t flags)
{
	return pa >> 12 << 10 | flags;
}
static uint64_t satp_of(unsigned s, unsigned asid)
{
	return 8ull << 60 | (uint64_t)asid << 44 | (TABLES + s * SPACE) >> 12;
}
/* Space s shows data page d and code page d. */
static void show(struct rig *r, unsigned s, unsigned d)
{
	uint64_t leaves = TABLES + s * SPACE + 0x2000;

	rig_put64(r, leaves, pte(DATA + d * 0x2000, LEAF));
	rig_put64(r, leaves + 8, pte(DATA + d * 0x2000 + 0x1000, LEAF));
}
static void open_spaces(struct rig *r)
{
	rig_open(r);
	for (unsigned s = 0; s < SPACES; s++) {
		uint64_t root = TABLES + s * SPACE;

		rig_put64(r, root + 2 * 8, pte(RAM_BASE, LEAF));
		rig_put64(r, root + 1 * 8, pte(root + 0x1000, V));
		rig_put64(r, root + 0x1000, pte(root + 0x2000, V));
		show(r, s, s);
	}
	for (unsigned d = 0; d < 2 * SPACES; d++) {
		rig_put64(r, DATA + d * 0x2000, 100 + d);
		rig_code(r, DATA + d * 0x2000 + 0x1000, ADDI(A6, ZERO, 100 + (int)d), JALR(ZERO, RA, 0));
	}
	/* Go to space A0, load, call. */
	rig_code(r, PROG, CSRW_SATP(A0), LD(A5, A1, 0), JALR(RA, A2, 0), ADDI(ZERO, ZERO, 0));
	rig_code(r, FENCE, SFENCE_OF(ZERO, ZERO), SFENCE_OF(A1, ZERO), SFENCE_OF(ZERO, A2),
		 SFENCE_OF(A1, A2), 0x0000100fu);
	riscv_set_csr(r->h, 0x3b0, ~0ull);
	riscv_set_csr(r->h, 0x3a0, 0x1f);
	riscv_set_csr(r->h, 0x180, satp_of(0, 1));
	riscv_set_csr(r->h, 0x341, PROG);
	riscv_set_csr(r->h, 0x300, 1 << 11);
	rig_put32(r, RAM_BASE, MRET);
	rig_run(r, RAM_BASE, 1);
	CHECK_EQ(riscv_get_priv(r->h), 1);
}
static void expect(struct rig *r, uint64_t satp, unsigned d)
{
	riscv_set_x(r->h, A0, satp);
	riscv_set_x(r->h, A1, VA_DATA);
	riscv_set_x(r->h, A2, VA_CODE);
	riscv_set_pc(r->h, PROG);
	riscv_run(r->h, 6);
	CHECK_EQ(riscv_get_pc(r->h), PROG + 16);
	CHECK_EQ(riscv_get_x(r->h, A5), 100 + d);
	CHECK_EQ(riscv_get_x(r->h, A6), 100 + d);
}
/* SFENCE.VMA with rs1 if form & 1, rs2 if form & 2; 4: FENCE.I. */
static void fence(struct rig *r, unsigned form, uint64_t va, uint64_t asid)
{
	riscv_set_x(r->h, A1, va);
	riscv_set_x(r->h, A2, asid);
	riscv_set_pc(r->h, FENCE + 4 * form);
	riscv_run(r->h, 1);
	CHECK_EQ(riscv_get_pc(r->h), FENCE + 4 * form + 4);
}

static void each_space_shows_its_own(void)
{
	struct rig r;

	open_spaces(&r);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned s = 0; s < SPACES; s++)
			expect(&r, satp_of(s, s + 1), s);
	/* The same ASID with another root is another space; so is a recycled
	 * root with another ASID. */
	for (unsigned s = 0; s < SPACES; s++)
		expect(&r, satp_of(s, 1), s);
	for (unsigned s = 0; s < 3; s++) {
		show(&r, s, SPACES + s);
		expect(&r, satp_of(s, 50 + s), SPACES + s);
	}
	rig_close(&r);
}

static void a_space_without_asid_starts_empty(void)
{
	struct rig r;

	open_spaces(&r);
	expect(&r, satp_of(1, 0), 1);
	expect(&r, satp_of(2, 0), 2);
	show(&r, 1, 7);
	expect(&r, satp_of(1, 0), 7);
	rig_close(&r);
}

static void fences_reach_spaces_not_in_use(void)
{
	struct rig r;
	unsigned d = SPACES;

	open_spaces(&r);
	for (unsigned form = 0; form < 4; form++) {
		expect(&r, satp_of(1, 2), form ? d : 1);
		expect(&r, satp_of(2, 3), 2);
		show(&r, 1, ++d);
		fence(&r, form, VA_DATA, 2);
		if (form & 1)
			fence(&r, form, VA_CODE, 2);
		expect(&r, satp_of(1, 2), d);
		/* and the one in use */
		show(&r, 1, ++d);
		fence(&r, form, VA_DATA, 2);
		if (form & 1)
			fence(&r, form, VA_CODE, 2);
		expect(&r, satp_of(1, 2), d);
	}
	rig_close(&r);
}

static void fence_i_reaches_spaces_not_in_use(void)
{
	struct rig r;

	open_spaces(&r);
	expect(&r, satp_of(1, 2), 1);
	expect(&r, satp_of(2, 3), 2);
	rig_put32(&r, DATA + 0x2000 + 0x1000, ADDI(A6, ZERO, 55));
	rig_put64(&r, DATA + 0x2000, 55);
	fence(&r, 4, 0, 0);
	riscv_set_x(r.h, A0, satp_of(1, 2));
	riscv_set_x(r.h, A1, VA_DATA);
	riscv_set_x(r.h, A2, VA_CODE);
	riscv_set_pc(r.h, PROG);
	riscv_run(r.h, 6);
	CHECK_EQ(riscv_get_x(r.h, A6), 55);
	rig_close(&r);
}

TEST_MAIN({ "each_space_shows_its_own", each_space_shows_its_own },
	  { "a_space_without_asid_starts_empty", a_space_without_asid_starts_empty },
	  { "fences_reach_spaces_not_in_use", fences_reach_spaces_not_in_use },
	  { "fence_i_reaches_spaces_not_in_use", fence_i_reaches_spaces_not_in_use })
