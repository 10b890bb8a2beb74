/* SPDX-License-Identifier: Apache-2.0 */
/* Floating-point instructions and the rest of the hart: reserved rounding modes,
 * mstatus.FS, NaN boxes, accrued flags. */
#include "mem/mem.h"
#include "riscv/hart.h"
#include "tests/test.h"

enum { RAM = 0x80000000, TRAP = RAM + 0x100, NONE = -1, ILLEGAL = 2 };
enum { MSTATUS = 0x300, MTVEC = 0x305, MCAUSE = 0x342, MTVAL = 0x343, FFLAGS = 1, FRM = 2 };
enum { OFF, INITIAL, CLEAN, DIRTY };

static struct mem *ram;
static struct riscv_hart *hart;

static uint64_t no_time(void *ctx)
{
	(void)ctx;
	return 0;
}

static void start(void)
{
	struct err e = { 0 };
	struct riscv_config c = { .env = { .time = no_time } };

	ram = mem_create(&e);
	CHECK(ram);
	CHECK_EQ(mem_add_ram(ram, GPA(RAM), 1 << 16, "ram", &e), 0);
	c.mem = ram;
	hart = riscv_hart_create(&c, &e);
	CHECK(hart);
	riscv_hart_reset(hart, RAM, 0);
	CHECK(riscv_set_csr(hart, MSTATUS, INITIAL << 13));
}

static void stop(void)
{
	riscv_hart_destroy(hart);
	mem_destroy(ram);
}

/* Execute one instruction in M-mode; its trap cause, or NONE. */
static int run(uint32_t insn, unsigned fs)
{
	uint64_t cause;

	riscv_set_pc(hart, RAM);
	mem_write(ram, GPA(RAM), &insn, 4);
	CHECK(riscv_set_csr(hart, MTVEC, TRAP));
	CHECK(riscv_set_csr(hart, MSTATUS, (uint64_t)fs << 13));
	riscv_request_fence(hart, RISCV_FENCE_I);
	CHECK_EQ(riscv_run(hart, 1), RISCV_EXIT_BUDGET);
	if (riscv_get_pc(hart) != TRAP)
		return NONE;
	CHECK(riscv_get_csr(hart, MCAUSE, &cause));
	return (int)cause;
}

static unsigned fs_after(void)
{
	uint64_t v;

	CHECK(riscv_get_csr(hart, MSTATUS, &v));
	CHECK_EQ(v >> 63, (v >> 13 & 3) == DIRTY);
	return v >> 13 & 3;
}

static void set_frm(unsigned rm)
{
	CHECK(riscv_set_csr(hart, FRM, rm));
}

enum {
	FADD_S = 0x00208053, FADD_D = 0x02208053, FMADD_D = 0x1a208043, FSQRT_D = 0x5a008053,
	FCVT_D_W = 0xd2008053, FCVT_W_D = 0xc2008053, FCVT_D_S = 0x42008053, FROUND_D = 0x42408053,
	FCVT_H_S = 0x44008053,
	RM = 1 << 12,
	FSGNJ_D = 0x22208053, FCLASS_D = 0xe2009053, FEQ_D = 0xa220a053, FMV_X_D = 0xe2008053,
	FMV_D_X = 0xf2008053, FLW = 0x00012007, FSW = 0x00112027, FMIN_S = 0x28208053,
};

static void reserved_rounding_modes_trap(void)
{
	static const uint32_t insns[] = { FADD_S, FADD_D, FMADD_D, FSQRT_D, FCVT_D_W, FCVT_W_D,
					  FCVT_D_S, FROUND_D, FCVT_H_S };

	start();
	for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		for (uint32_t rm = 0; rm < 8; rm++) {
			uint64_t tval;

			CHECK_EQ(run(insns[i], INITIAL), NONE);
			set_frm(0);
			CHECK_EQ(run(insns[i] | rm * RM, INITIAL), rm == 5 || rm == 6 ? ILLEGAL : NONE);
			if (rm == 5) {
				CHECK(riscv_get_csr(hart, MTVAL, &tval));
				CHECK_EQ(tval, insns[i] | rm * RM);
			}
		}
	}
	stop();
}

/* frm may hold a reserved mode; only an instruction that uses it traps. */
static void dynamic_rounding_mode(void)
{
	start();
	for (unsigned frm = 0; frm < 8; frm++) {
		set_frm(frm);
		CHECK_EQ(run(FADD_D | 7 * RM, INITIAL), frm > 4 ? ILLEGAL : NONE);
		set_frm(frm);
		CHECK_EQ(run(FADD_D | 1 * RM, INITIAL), NONE);
		set_frm(frm);
		CHECK_EQ(run(FSGNJ_D, INITIAL), NONE);
	}
	stop();
}

static void status_off_traps(void)
{
	static const uint32_t insns[] = { FADD_S, FMADD_D, FSGNJ_D, FCLASS_D, FEQ_D, FMV_X_D, FMV_D_X,
					  FLW, FSW, FMIN_S, FCVT_H_S,
					  0x00302573 /* frcsr a0 */, 0x00201073 /* fsrm x0 */ };

	start();
	for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		riscv_set_x(hart, 2, RAM + 0x200);
		CHECK_EQ(run(insns[i], OFF), ILLEGAL);
		CHECK_EQ(fs_after(), OFF);
	}
	stop();
}

static void writing_makes_status_dirty(void)
{
	start();
	CHECK_EQ(run(FADD_D, CLEAN), NONE);
	CHECK_EQ(fs_after(), DIRTY);
	CHECK_EQ(run(FMV_D_X, INITIAL), NONE);
	CHECK_EQ(fs_after(), DIRTY);
	CHECK_EQ(run(0x00201073, CLEAN), NONE);         /* fsrm x0 */
	CHECK_EQ(fs_after(), DIRTY);
	CHECK_EQ(run(FMV_X_D, CLEAN), NONE);            /* reads only */
	CHECK_EQ(fs_after(), CLEAN);
	CHECK_EQ(run(FCLASS_D, INITIAL), NONE);
	CHECK_EQ(fs_after(), INITIAL);
	stop();
}

static void narrow_values_are_boxed(void)
{
	start();
	riscv_set_f(hart, 1, 0xfffffffe3f800000);       /* not a box: reads as NaN */
	riscv_set_f(hart, 2, 0xffffffff3f800000);
	CHECK_EQ(run(FADD_S, INITIAL), NONE);
	CHECK_EQ(riscv_get_f(hart, 0), 0xffffffff7fc00000);
	riscv_set_f(hart, 1, 0xffffffff40000000);
	CHECK_EQ(run(FADD_S, INITIAL), NONE);
	CHECK_EQ(riscv_get_f(hart, 0), 0xffffffff40400000);
	stop();
}

static void flags_accrue(void)
{
	uint64_t v;

	start();
	CHECK(riscv_set_csr(hart, FFLAGS, 8));
	riscv_set_f(hart, 1, 0x3ff0000000000000);
	riscv_set_f(hart, 2, 0x3c00000000000000);       /* too small to change 1.0 */
	CHECK_EQ(run(FADD_D, INITIAL), NONE);
	CHECK(riscv_get_csr(hart, FFLAGS, &v));
	CHECK_EQ(v, 9);
	stop();
}

/* The host's rounding and its treatment of denormals are not the guest's. */
static void host_environment_does_not_matter(void)
{
#if defined(__x86_64__)
	uint32_t was, odd = 0x1f80 | 0x8040 | 0x6000, now;
	uint64_t v;

	start();
	riscv_set_f(hart, 1, 3);
	riscv_set_f(hart, 2, 4);
	CHECK(riscv_set_csr(hart, FFLAGS, 1));
	__asm__ volatile("stmxcsr %0" : "=m"(was));
	__asm__ volatile("ldmxcsr %0" : : "m"(odd));
	run(FADD_D, INITIAL);
	v = riscv_get_f(hart, 0);
	__asm__ volatile("stmxcsr %0" : "=m"(now));
	__asm__ volatile("ldmxcsr %0" : : "m"(was));
	CHECK_EQ(v, 7);
	CHECK_EQ(now & 0xffc0, odd & 0xffc0);
	stop();
#else
	SKIP("the host is not x86-64");
#endif
}

TEST_MAIN({ "reserved_rounding_modes_trap", reserved_rounding_modes_trap },
	  { "dynamic_rounding_mode", dynamic_rounding_mode },
	  { "status_off_traps", status_off_traps },
	  { "writing_makes_status_dirty", writing_makes_status_dirty },
	  { "narrow_values_are_boxed", narrow_values_are_boxed },
	  { "flags_accrue", flags_accrue },
	  { "host_environment_does_not_matter", host_environment_does_not_matter })
