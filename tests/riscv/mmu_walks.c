/* SPDX-License-Identifier: Apache-2.0 */
/* Page tables: every level and mode, permissions, A and D, faults; misaligned
 * accesses over two pages.  Priv. spec 10.3 to 10.6, Svnapot, Svpbmt, Svadu. */
#include "tests/riscv/rig.h"

enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128, RWXAD = V | R | W | X | A | D };
enum { TABLES = RAM_BASE + 0x100000, DATA = RAM_BASE + 0x200000, PROG = RAM_BASE + 0x1000 };
enum { LOAD_PF = 13, STORE_PF = 15, FETCH_PF = 12 };

static uint64_t pte(uint64_t pa, uint64_t flags)
{
	return pa >> 12 << 10 | flags;
}

/* Map va by a chain of tables; the leaf stands at level `leaf`.  Returns the
 * leaf's address. */
static uint64_t map(struct rig *r, unsigned levels, unsigned leaf, uint64_t va, uint64_t entry)
{
	uint64_t table = TABLES;

	for (unsigned i = levels - 1;; i--) {
		uint64_t at = table + (va >> (12 + 9 * i) & 511) * 8, e;

		if (i == leaf) {
			rig_put64(r, at, entry);
			return at;
		}
		e = rig_get64(r, at);
		if (!e) {
			uint64_t *next = (uint64_t *)mem_ptr(r->mem, GPA(TABLES - 8), 8);

			*next += 4096;
			e = pte(*next, V);
			rig_put64(r, at, e);
		}
		table = e >> 10 << 12;
	}
}

/* S-mode with translation on, program at PROG identity-mapped by a 1 GiB page. */
static void open_paged(struct rig *r, unsigned levels, uint64_t menvcfg)
{
	rig_open(r);
	rig_put64(r, TABLES - 8, TABLES);
	riscv_set_csr(r->h, 0x3b0, ~0ull);
	riscv_set_csr(r->h, 0x3a0, 0x1f);
	riscv_set_csr(r->h, 0x30a, menvcfg);
	map(r, levels, 2, RAM_BASE, pte(RAM_BASE, RWXAD));
	riscv_set_csr(r->h, 0x180, (uint64_t)(8 + levels - 3) << 60 | TABLES >> 12);
	riscv_set_csr(r->h, 0x341, PROG);
	riscv_set_csr(r->h, 0x300, 1 << 11);
	rig_put32(r, RAM_BASE, MRET);
	rig_run(r, RAM_BASE, 1);
	CHECK_EQ(riscv_get_priv(r->h), 1);
}
static void to_mode(struct rig *r, unsigned priv, uint64_t bits)
{
	uint64_t satp = rig_csr(r, 0x180), env = rig_csr(r, 0x30a);

	riscv_hart_reset(r->h, RAM_BASE, 0);
	riscv_set_csr(r->h, 0x305, HANDLER);
	riscv_set_csr(r->h, 0x3b0, ~0ull);
	riscv_set_csr(r->h, 0x3a0, 0x1f);
	riscv_set_csr(r->h, 0x30a, env);
	riscv_set_csr(r->h, 0x180, satp);
	riscv_set_csr(r->h, 0x341, PROG);
	riscv_set_csr(r->h, 0x300, (uint64_t)priv << 11 | bits);
	rig_run(r, RAM_BASE, 1);
}
/* Execute one instruction with A0 = va; its cause, or -1. */
static int try(struct rig *r, uint32_t insn, uint64_t va)
{
	rig_code(r, PROG, insn);
	riscv_set_x(r->h, A0, va);
	rig_run(r, PROG, 1);
	if (riscv_get_pc(r->h) == PROG + 4)
		return -1;
	CHECK_EQ(riscv_get_pc(r->h), HANDLER);
	CHECK_EQ(rig_csr(r, 0x341), PROG);
	return (int)rig_csr(r, 0x342);
}

static void all_levels_of_all_modes_translate(void)
{
	for (unsigned levels = 3; levels <= 5; levels++) {
		for (unsigned leaf = 0; leaf < 3; leaf++) {
			/* A high half address: canonical. */
			uint64_t va = -(1ull << 38) + (5ull << 30) + 0x201000;
			uint64_t pa = (uint64_t)DATA >> (12 + 9 * leaf) << (12 + 9 * leaf);
			struct rig r;

			open_paged(&r, levels, 0);
			map(&r, levels, leaf, va, pte(pa, V | R | W | A | D));
			pa |= va & ((1ull << (12 + 9 * leaf)) - 1);
			if (pa < RAM_BASE + RAM_SIZE) {
				rig_put64(&r, pa + 8, 0x1234567890abcdefull + leaf);
				CHECK_EQ(try(&r, LD(A1, A0, 8), va), -1);
				CHECK_EQ(riscv_get_x(r.h, A1), 0x1234567890abcdefull + leaf);
			}
			to_mode(&r, 1, 0);
			CHECK_EQ(try(&r, LD(A1, A0, 8), va + (1ull << 50)), LOAD_PF);
			CHECK_EQ(rig_csr(&r, 0x343), va + (1ull << 50) + 8);
			rig_close(&r);
		}
	}
}

static void leaf_faults_are_page_faults(void)
{
	static const struct { uint64_t entry; int load, store; } t[] = {
		{ 0, LOAD_PF, STORE_PF },
		{ V | R | A | D, -1, STORE_PF },
		{ V | X | A | D, LOAD_PF, STORE_PF },
		{ V | W | A | D, LOAD_PF, STORE_PF },           /* reserved */
		{ V | R | W | A, -1, STORE_PF },                /* Svade: D */
		{ V | R | W | D, LOAD_PF, STORE_PF },           /* Svade: A */
		{ V | R | W | U | A | D, LOAD_PF, STORE_PF },   /* SUM = 0 */
		{ V | R | W | A | D | 1ull << 54, LOAD_PF, STORE_PF },
		{ V | R | W | A | D | 1ull << 61, LOAD_PF, STORE_PF }, /* PBMT off */
		{ V | R | W | A | D | 1ull << 63, LOAD_PF, STORE_PF }, /* bad NAPOT */
		{ V | R | W | A | D, -1, -1 },
	};
	const uint64_t va = 0x40000000;
	struct rig r;

	open_paged(&r, 3, 0);
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		map(&r, 3, 0, va, pte(DATA, 0) | t[i].entry);
		to_mode(&r, 1, 0);
		CHECK_EQ(try(&r, LD(A1, A0, 0), va), t[i].load);
		to_mode(&r, 1, 0);
		CHECK_EQ(try(&r, SD(A1, A0, 0), va), t[i].store);
	}
	map(&r, 3, 1, 0x40000000 + 0x200000, pte(DATA + 4096, RWXAD)); /* misaligned */
	to_mode(&r, 1, 0);
	CHECK_EQ(try(&r, LD(A1, A0, 0), va + 0x200000), LOAD_PF);
	rig_close(&r);
}

static void sum_mxr_and_mprv_change_what_is_allowed(void)
{
	const uint64_t user = 0x40000000, code = 0x40001000, SUM = 1 << 18, MXR = 1 << 19, MPRV = 1 << 17;
	struct rig r;

	open_paged(&r, 3, 0);
	map(&r, 3, 0, user, pte(DATA, V | R | W | U | A | D));
	map(&r, 3, 0, code, pte(DATA, V | X | A | D));
	to_mode(&r, 1, 0);
	CHECK_EQ(try(&r, LD(A1, A0, 0), user), LOAD_PF);
	to_mode(&r, 1, SUM);
	CHECK_EQ(try(&r, LD(A1, A0, 0), user), -1);
	riscv_set_pc(r.h, user); /* S never executes U pages */
	riscv_run(r.h, 1);
	CHECK_EQ(rig_csr(&r, 0x342), FETCH_PF);
	to_mode(&r, 1, MXR);
	CHECK_EQ(try(&r, LD(A1, A0, 0), code), -1);
	to_mode(&r, 3, 0); /* M: no translation, nothing at the address */
	CHECK_EQ(try(&r, LD(A1, A0, 0), user), 5);
	riscv_set_csr(r.h, 0x300, MPRV | 1 << 11 | SUM); /* as S */
	CHECK_EQ(try(&r, LD(A1, A0, 0), user), -1);
	riscv_set_csr(r.h, 0x300, MPRV | 1 << 11);
	CHECK_EQ(try(&r, LD(A1, A0, 0), user), LOAD_PF);
	rig_close(&r);
}

static void svadu_sets_accessed_and_dirty(void)
{
	const uint64_t va = 0x40000000;
	struct rig r;
	uint64_t at;

	open_paged(&r, 4, 1ull << 61);
	at = map(&r, 4, 0, va, pte(DATA, V | R | W));
	CHECK_EQ(try(&r, LD(A1, A0, 0), va), -1);
	CHECK_EQ(rig_get64(&r, at), pte(DATA, V | R | W | A));
	CHECK_EQ(try(&r, SD(A1, A0, 0), va), -1);
	CHECK_EQ(rig_get64(&r, at), pte(DATA, V | R | W | A | D));
	rig_close(&r);
}

static void napot_and_pbmt_pages_work(void)
{
	const uint64_t va = 0x40000000;
	struct rig r;

	open_paged(&r, 3, 1ull << 62);
	for (unsigned i = 0; i < 16; i++)
		map(&r, 3, 0, va + i * 4096ull, pte(DATA + 0x8000, RWXAD) | 1ull << 63);
	map(&r, 3, 0, va + 0x10000, pte(DATA, RWXAD) | 1ull << 61);
	rig_put64(&r, DATA + 0x3000, 33);
	CHECK_EQ(try(&r, LD(A1, A0, 0), va + 0x3000), -1);
	CHECK_EQ(riscv_get_x(r.h, A1), 33);
	CHECK_EQ(try(&r, LD(A1, A0, 0), va + 0x10000), -1);
	rig_close(&r);
}

static void a_misaligned_store_that_faults_writes_nothing(void)
{
	const uint64_t va = 0x40000000;
	struct rig r;

	open_paged(&r, 3, 0);
	map(&r, 3, 0, va, pte(DATA, RWXAD));
	map(&r, 3, 0, va + 4096, pte(DATA + 0x5000, V | R | A | D));
	rig_put64(&r, DATA + 4088, 0x1111111111111111ull);
	rig_put64(&r, DATA + 0x5000, 0x2222222222222222ull);
	CHECK_EQ(try(&r, LD(A1, A0, -3), va + 4096), -1);
	CHECK_EQ(riscv_get_x(r.h, A1), 0x2222222222111111ull);
	riscv_set_x(r.h, A1, ~0ull);
	CHECK_EQ(try(&r, SD(A1, A0, -3), va + 4096), STORE_PF);
	CHECK_EQ(rig_csr(&r, 0x343), va + 4096);
	CHECK_EQ(rig_get64(&r, DATA + 4088), 0x1111111111111111ull);
	CHECK_EQ(rig_get64(&r, DATA + 0x5000), 0x2222222222222222ull);
	to_mode(&r, 1, 0);
	CHECK_EQ(try(&r, AMOADD_D(A1, A1, A0), va + 4), 6);
	rig_close(&r);
}

static void an_instruction_over_two_pages_faults_on_its_second_half(void)
{
	const uint64_t va = 0x40000000;
	struct rig r;

	open_paged(&r, 3, 0);
	map(&r, 3, 0, va, pte(DATA, RWXAD));
	rig_put32(&r, DATA + 4092, 0x05930001); /* c.nop; first half of addi a1, x0, .. */
	riscv_set_pc(r.h, va + 4092);
	riscv_run(r.h, 2);
	CHECK_EQ(rig_csr(&r, 0x342), FETCH_PF);
	CHECK_EQ(rig_csr(&r, 0x341), va + 4094);
	CHECK_EQ(rig_csr(&r, 0x343), va + 4096);
	map(&r, 3, 0, va + 4096, pte(DATA + 0x7000, RWXAD));
	rig_put32(&r, DATA + 0x7000, 0x00010070); /* .. 7 */
	to_mode(&r, 1, 0);
	riscv_set_pc(r.h, va + 4092);
	riscv_run(r.h, 3);
	CHECK_EQ(riscv_get_pc(r.h), va + 4100);
	CHECK_EQ(riscv_get_x(r.h, A1), 7);
	rig_close(&r);
}

/* The fence names an address of the page, or none; the page may be large. */
static void sfence_makes_a_changed_mapping_visible(void)
{
	for (unsigned k = 0; k < 6; k++) {
		const unsigned leaf = k % 3, named = k / 3;
		const uint64_t va = leaf == 2 ? 0x40000000 : 0x40200000;
		const uint64_t from = leaf == 2 ? RAM_BASE : DATA, to = leaf == 0 ? DATA + 4096 : 0;
		struct rig r;
		uint64_t at;

		open_paged(&r, 3, 0);
		at = map(&r, 3, leaf, va, pte(from, RWXAD));
		rig_put64(&r, from + 64, 1);
		if (to)
			rig_put64(&r, to + 64, 2);
		rig_code(&r, PROG, LD(A1, A0, 64), SD(A3, A2, 0),
			 named ? SFENCE_VMA | A5 << 15 : SFENCE_VMA, LD(A4, A0, 64));
		riscv_set_x(r.h, A0, va);
		riscv_set_x(r.h, A2, at);
		riscv_set_x(r.h, A3, to ? pte(to, RWXAD) : 0);
		riscv_set_x(r.h, A5, leaf ? va + 0x123000 : va + 8);
		rig_run(&r, PROG, 4);
		CHECK_EQ(riscv_get_x(r.h, A1), 1);
		if (to) {
			CHECK_EQ(riscv_get_x(r.h, A4), 2);
		} else {
			CHECK_EQ(rig_csr(&r, 0x342), LOAD_PF);
			CHECK_EQ(rig_csr(&r, 0x343), va + 64);
		}
		rig_close(&r);
	}
}

static void fence_i_makes_new_code_visible(void)
{
	struct rig r;

	rig_open(&r);
	rig_code(&r, PROG, SW(A1, A0, 0), FENCE_I, JALR(0, A0, 0));
	rig_code(&r, DATA, ADDI(A2, A2, 1), JALR(0, RA, 0));
	rig_run(&r, DATA, 1); /* decoded now */
	riscv_set_x(r.h, A2, 0);
	riscv_set_x(r.h, A0, DATA);
	riscv_set_x(r.h, A1, ADDI(A2, A2, 100));
	riscv_set_pc(r.h, PROG);
	riscv_run(r.h, 4);
	CHECK_EQ(riscv_get_x(r.h, A2), 100);
	rig_close(&r);
}

TEST_MAIN({ "all_levels_of_all_modes_translate", all_levels_of_all_modes_translate },
	  { "leaf_faults_are_page_faults", leaf_faults_are_page_faults },
	  { "sum_mxr_and_mprv_change_what_is_allowed", sum_mxr_and_mprv_change_what_is_allowed },
	  { "svadu_sets_accessed_and_dirty", svadu_sets_accessed_and_dirty },
	  { "napot_and_pbmt_pages_work", napot_and_pbmt_pages_work },
	  { "a_misaligned_store_that_faults_writes_nothing", a_misaligned_store_that_faults_writes_nothing },
	  { "an_instruction_over_two_pages_faults_on_its_second_half",
	    an_instruction_over_two_pages_faults_on_its_second_half },
	  { "sfence_makes_a_changed_mapping_visible", sfence_makes_a_changed_mapping_visible },
	  { "fence_i_makes_new_code_visible", fence_i_makes_new_code_visible })
