/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bare hart (or several) with RAM for the tests of riscv/, and encoders
 * for the instructions that they need.
 */
#ifndef TESTS_RISCV_RIG_H
#define TESTS_RISCV_RIG_H

#include "mem/mem.h"
#include "riscv/hart.h"
#include "tests/test.h"

enum { RAM_BASE = 0x80000000u, RAM_SIZE = 16 << 20, HANDLER = RAM_BASE + 0x8000 };

struct rig {
	struct mem *mem;
	struct riscv_hart *h;
	uint64_t time;
};

static inline uint64_t rig_time(void *ctx)
{
	return ((struct rig *)ctx)->time;
}

static inline struct riscv_hart *rig_hart(struct rig *r, unsigned id, uint32_t quantum, bool stress)
{
	struct riscv_config c = {
		.id = id, .mem = r->mem, .env = { r, rig_time },
		.quantum = quantum, .stress = stress,
	};
	struct err e;

	return riscv_hart_create(&c, &e);
}

/* M-mode at RAM_BASE; traps go to HANDLER. */
static inline void rig_open(struct rig *r)
{
	struct err e;

	memset(r, 0, sizeof(*r));
	r->mem = mem_create(&e);
	CHECK(r->mem);
	CHECK(!mem_add_ram(r->mem, GPA(RAM_BASE), RAM_SIZE, "ram", &e));
	r->h = rig_hart(r, 0, 0, false);
	CHECK(r->h);
	riscv_hart_reset(r->h, RAM_BASE, 0);
	riscv_set_csr(r->h, 0x305, HANDLER);
}

static inline void rig_close(struct rig *r)
{
	riscv_hart_destroy(r->h);
	mem_destroy(r->mem);
}

static inline void rig_put32(struct rig *r, uint64_t a, uint32_t v)
{
	CHECK(mem_write(r->mem, GPA(a), &v, 4));
}
static inline void rig_put64(struct rig *r, uint64_t a, uint64_t v)
{
	CHECK(mem_write(r->mem, GPA(a), &v, 8));
}
static inline uint64_t rig_get64(struct rig *r, uint64_t a)
{
	uint64_t v;

	CHECK(mem_read(r->mem, GPA(a), &v, 8));
	return v;
}
static inline uint64_t rig_csr(struct rig *r, unsigned n)
{
	uint64_t v = 0;

	CHECK(riscv_get_csr(r->h, n, &v));
	return v;
}

/* Place instructions at `a`. */
#define rig_code(r, a, ...)                                                    \
	do {                                                                   \
		const uint32_t code_[] = { __VA_ARGS__ };                      \
		for (unsigned i_ = 0; i_ < sizeof(code_) / 4; i_++)            \
			rig_put32((r), (a) + 4 * i_, code_[i_]);               \
	} while (0)
/* Execute n instructions from `pc` with everything decoded afresh. */
static inline void rig_run(struct rig *r, uint64_t pc, uint64_t n)
{
	riscv_fence_done(r->h, riscv_request_fence(r->h, RISCV_FENCE_I | RISCV_FENCE_VMA));
	riscv_set_pc(r->h, pc);
	riscv_run(r->h, n);
}

/* ---- encoders ---- */
enum { ZERO, RA, SP, T0 = 5, T1, T2, S0, S1, A0 = 10, A1, A2, A3, A4, A5, A6, A7 };
#define E_R(f7, b, a, f3, d, o) ((uint32_t)(f7) << 25 | (b) << 20 | (a) << 15 | (f3) << 12 | (d) << 7 | (o))
#define E_I(imm, a, f3, d, o) ((uint32_t)(imm) << 20 | (a) << 15 | (f3) << 12 | (d) << 7 | (o))
#define E_S(imm, b, a, f3, o) \
	(((uint32_t)(imm) >> 5 & 127) << 25 | (b) << 20 | (a) << 15 | (f3) << 12 | ((imm) & 31) << 7 | (o))
#define E_B(off, b, a, f3)                                                      \
	(((uint32_t)(off) >> 12 & 1) << 31 | ((uint32_t)(off) >> 5 & 63) << 25 | (b) << 20 | \
	 (a) << 15 | (f3) << 12 | ((uint32_t)(off) >> 1 & 15) << 8 | ((uint32_t)(off) >> 11 & 1) << 7 | 0x63)
#define ADDI(d, a, i) E_I(i, a, 0, d, 0x13)
#define ADD(d, a, b) E_R(0, b, a, 0, d, 0x33)
#define LUI(d, i) ((uint32_t)(i) << 12 | (d) << 7 | 0x37)
#define AUIPC(d, i) ((uint32_t)(i) << 12 | (d) << 7 | 0x17)
#define LB(d, a, i) E_I(i, a, 0, d, 3)
#define LW(d, a, i) E_I(i, a, 2, d, 3)
#define LD(d, a, i) E_I(i, a, 3, d, 3)
#define SB(b, a, i) E_S(i, b, a, 0, 0x23)
#define SW(b, a, i) E_S(i, b, a, 2, 0x23)
#define SD(b, a, i) E_S(i, b, a, 3, 0x23)
#define BEQ(a, b, off) E_B(off, b, a, 0)
#define BNE(a, b, off) E_B(off, b, a, 1)
#define J_SELF 0x0000006fu
#define JALR(d, a, i) E_I(i, a, 0, d, 0x67)
#define AMOADD_D(d, b, a) E_R(0, b, a, 3, d, 0x2f)
#define AMOADD_W(d, b, a) E_R(0, b, a, 2, d, 0x2f)
#define LR_D(d, a) E_R(0x08, 0, a, 3, d, 0x2f)
#define SC_D(d, b, a) E_R(0x0c, b, a, 3, d, 0x2f)
#define CSRRW(d, n, a) E_I(n, a, 1, d, 0x73)
#define CSRRS(d, n, a) E_I(n, a, 2, d, 0x73)
#define CSRRC(d, n, a) E_I(n, a, 3, d, 0x73)
#define FENCE_RW_RW 0x0330000fu
#define FENCE_I 0x0000100fu
#define ECALL 0x73u
#define EBREAK 0x00100073u
#define MRET 0x30200073u
#define SRET 0x10200073u
#define WFI 0x10500073u
#define SFENCE_VMA 0x12000073u
#define NOP ADDI(0, 0, 0)

#endif
