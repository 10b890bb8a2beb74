/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language in which insn.def and fp.def state what an instruction means,
 * with its meaning for the interpreter.  (A lifter includes the same rows
 * with another set of these definitions.)
 *
 * A row is   INSN(name, "pattern", FORMAT, EXTENSION, statements)
 *
 * Statements, executed in the order in which they stand:
 *   LET(v, e)              bind v (64 bits, unsigned) to the value of e
 *   SETX(e)                integer destination register := e
 *   LOAD(v, T, a)          bind v to the T at address a; T is one of U8 S8
 *                          U16 S16 U32 S32 U64: zero or sign extended
 *   STORE(T, a, e)         T is U8 U16 U32 U64
 *   BRANCH_IF(c)           to PC + IMM when c is not 0
 *   JUMP()                 to PC + IMM;  JUMP_TO(e) to e
 *   ILLEGAL_IF(c)          illegal-instruction exception when c is not 0
 *   AMO(v, T, OP, a, e)    v := T at a; T at a := OP(v, e), atomically;
 *                          T S8 S16 S32 U64; OP SWAP ADD XOR AND OR MIN MAX
 *                          MINU MAXU
 *   LR(v, T, a)  SC(v, T, a, e)  CAS(v, T, a, expected, e)  T S32 U64
 *   CSR(v, n, e, OP, W)    v := CSR n, and if W is not 0, CSR n := e / v|e /
 *                          v&~e (OP: SWAP SET CLEAR), then rd := v; ends the run
 *   FENCE(bits)            imm of FENCE: fm pred succ
 *   SYS(what)              a system instruction, riscv__sys_WHAT() of sys.c;
 *                          ends the run
 *   CBO(what, a)           cache-block operation
 *   CAS_PAIR(a)            the 128-bit AMOCAS.Q
 *   PAUSE()                a hint
 *
 * Statements of the floating-point rows:
 *   FPU                    illegal instruction when mstatus.FS is Off; first
 *                          statement of every row that touches f or fcsr
 *   RM(r)                  bind r to the resolved rounding mode 0..4 (illegal
 *                          instruction when rm or frm is reserved)
 *   SETF64(e) SETF32(e) SETF16(e)   destination f register, NaN-boxed; FS
 *                          becomes Dirty
 *   FOP(v, fn, ...)        bind v to riscv__fn(..., &fflags): a function of
 *                          fp.h, which ORs the flags it raises
 *                          into its last argument; FS becomes Dirty
 *
 * Expressions.  Operands: RS1 RS2 (integer registers), F1 F2 F3 (raw 64 bits
 * of f[rs1], f[rs2], f[rs3]), F1S F2S F3S (unboxed single: the canonical NaN
 * when not NaN-boxed, zero-extended 32 bits), F1H F2H F3H (half), IMM (sign
 * extended), UIMM (CSR immediates: the rs1 field as a number), RS1_FIELD,
 * RD (the old value of the destination, AMOCAS only), PC, NEXT_PC.  Everything is uint64_t; comparisons give 0 or 1.
 *
 * Formats of floating-point rows: FLD, FST (f, imm(x)); FR (f,f,f), FRRM (the
 * same with an rm field), F1, F1RM (f,f), F4 (f,f,f,f, rm), XF, XFRM (x,f),
 * FX, FXRM (f,x), XFF (x,f,f), FLI (f, constant number in the rs1 field).
 *
 * Bind a value with LET before you use it twice; nothing in an expression
 * has a side effect, so their order does not matter.
 */
#ifndef RISCV_SEM_H
#define RISCV_SEM_H

#include "base/bits.h"
#include "riscv/fp.h"

/* ---- operations: macros over uint64_t ---------------------------------- */

#define ADD(a, b) ((a) + (b))
#define SUB(a, b) ((a) - (b))
#define AND(a, b) ((a) & (b))
#define OR(a, b) ((a) | (b))
#define XOR(a, b) ((a) ^ (b))
#define NOT(a) (~(a))
#define C(n) ((uint64_t)(n))
/* Shift amounts: taken modulo 64 (or 32 for ...W). */
#define SHL(a, n) ((a) << ((n) & 63))
#define SHR(a, n) ((uint64_t)(a) >> ((n) & 63))
#define SAR(a, n) ((uint64_t)((int64_t)(a) >> ((n) & 63)))
#define SHLW(a, n) SEXT32((uint32_t)(a) << ((n) & 31))
#define SHRW(a, n) SEXT32((uint32_t)(a) >> ((n) & 31))
#define SARW(a, n) ((uint64_t)(int64_t)((int32_t)(a) >> ((n) & 31)))
#define SEXT8(a) ((uint64_t)(int64_t)(int8_t)(a))
#define SEXT16(a) ((uint64_t)(int64_t)(int16_t)(a))
#define SEXT32(a) ((uint64_t)(int64_t)(int32_t)(a))
#define ZEXT8(a) ((uint64_t)(uint8_t)(a))
#define ZEXT16(a) ((uint64_t)(uint16_t)(a))
#define ZEXT32(a) ((uint64_t)(uint32_t)(a))
#define EQ(a, b) ((uint64_t)((a) == (b)))
#define NE(a, b) ((uint64_t)((a) != (b)))
#define SLT(a, b) ((uint64_t)((int64_t)(a) < (int64_t)(b)))
#define SLTU(a, b) ((uint64_t)((uint64_t)(a) < (uint64_t)(b)))
#define SGE(a, b) ((uint64_t)((int64_t)(a) >= (int64_t)(b)))
#define SGEU(a, b) ((uint64_t)((uint64_t)(a) >= (uint64_t)(b)))
#define SELECT(c, a, b) ((c) ? (uint64_t)(a) : (uint64_t)(b))
#define MUL(a, b) ((a) * (b))
#define MULH(a, b) ((uint64_t)((__int128)(int64_t)(a) * (int64_t)(b) >> 64))
#define MULHU(a, b) ((uint64_t)((unsigned __int128)(a) * (b) >> 64))
#define MULHSU(a, b) ((uint64_t)((__int128)(int64_t)(a) * (__int128)(unsigned __int128)(b) >> 64))
#define DIV(a, b) sem_div(a, b)
#define DIVU(a, b) ((b) ? (a) / (b) : ~0ull)
#define REM(a, b) sem_rem(a, b)
#define REMU(a, b) ((b) ? (a) % (b) : (a))
#define DIVW(a, b) sem_divw(a, b)
#define DIVUW(a, b) sem_divuw(a, b)
#define REMW(a, b) sem_remw(a, b)
#define REMUW(a, b) sem_remuw(a, b)
#define ROL(a, n) sem_rol(a, n)
#define ROR(a, n) sem_ror(a, n)
#define ROLW(a, n) sem_rolw(a, n)
#define RORW(a, n) sem_rorw(a, n)
#define CLZ(a) ((a) ? (uint64_t)__builtin_clzll(a) : 64)
#define CTZ(a) ((a) ? (uint64_t)__builtin_ctzll(a) : 64)
#define CLZW(a) ((uint32_t)(a) ? (uint64_t)__builtin_clz((uint32_t)(a)) : 32)
#define CTZW(a) ((uint32_t)(a) ? (uint64_t)__builtin_ctz((uint32_t)(a)) : 32)
#define CPOP(a) ((uint64_t)__builtin_popcountll(a))
#define ORC_B(a) sem_orc_b(a)
#define REV8(a) __builtin_bswap64(a)
#define CLMUL(a, b) sem_clmul(a, b)
#define CLMULH(a, b) sem_clmulh(a, b)
#define CLMULR(a, b) sem_clmulr(a, b)

static inline uint64_t sem_div(uint64_t a, uint64_t b)
{
	if (b == 0)
		return ~0ull;
	if (b == ~0ull)
		return 0 - a;
	return (uint64_t)((int64_t)a / (int64_t)b);
}
static inline uint64_t sem_rem(uint64_t a, uint64_t b)
{
	if (b == 0)
		return a;
	if (b == ~0ull)
		return 0;
	return (uint64_t)((int64_t)a % (int64_t)b);
}
static inline uint64_t sem_divw(uint64_t a, uint64_t b)
{
	int32_t x = (int32_t)a, y = (int32_t)b;

	if (y == 0)
		return ~0ull;
	if (y == -1)
		return SEXT32(0u - (uint32_t)x);
	return SEXT32(x / y);
}
static inline uint64_t sem_divuw(uint64_t a, uint64_t b)
{
	return (uint32_t)b ? SEXT32((uint32_t)a / (uint32_t)b) : ~0ull;
}
static inline uint64_t sem_remw(uint64_t a, uint64_t b)
{
	int32_t x = (int32_t)a, y = (int32_t)b;

	if (y == 0)
		return SEXT32(x);
	if (y == -1)
		return 0;
	return SEXT32(x % y);
}
static inline uint64_t sem_remuw(uint64_t a, uint64_t b)
{
	return (uint32_t)b ? SEXT32((uint32_t)a % (uint32_t)b) : SEXT32(a);
}
static inline uint64_t sem_rol(uint64_t a, uint64_t n)
{
	return a << (n & 63) | a >> (-n & 63);
}
static inline uint64_t sem_ror(uint64_t a, uint64_t n)
{
	return a >> (n & 63) | a << (-n & 63);
}
static inline uint64_t sem_rolw(uint64_t a, uint64_t n)
{
	uint32_t v = (uint32_t)a;

	return SEXT32(v << (n & 31) | v >> (-n & 31));
}
static inline uint64_t sem_rorw(uint64_t a, uint64_t n)
{
	uint32_t v = (uint32_t)a;

	return SEXT32(v >> (n & 31) | v << (-n & 31));
}
static inline uint64_t sem_orc_b(uint64_t a)
{
	/* Bit 7 of each byte: the byte is not 0; then spread it. */
	uint64_t low = 0x7f7f7f7f7f7f7f7full;
	uint64_t t = (((a & low) + low) | a) & ~low;

	return t >> 7 | (t - (t >> 7)) | t;
}
static inline uint64_t sem_clmul(uint64_t a, uint64_t b)
{
	uint64_t r = 0;

	for (; b; b &= b - 1)
		r ^= a << __builtin_ctzll(b);
	return r;
}
static inline uint64_t sem_clmulh(uint64_t a, uint64_t b)
{
	uint64_t r = 0;

	for (b &= ~1ull; b; b &= b - 1)
		r ^= a >> (64 - __builtin_ctzll(b));
	return r;
}
static inline uint64_t sem_clmulr(uint64_t a, uint64_t b)
{
	uint64_t r = 0;

	for (; b; b &= b - 1)
		r ^= a >> (63 - __builtin_ctzll(b));
	return r;
}

/* ---- floating point (fp.def): expressions over unboxed bits ---------------- */

#define SIGN16 C(0x8000)
#define SIGN32 C(0x80000000)
#define SIGN64 C(1ull << 63)
#define REST16 C(0x7fff)
#define REST32 C(0x7fffffff)
#define REST64 C(INT64_MAX)
#define FCLASS16(a) ((uint64_t)riscv__f16_class(a))
#define FCLASS32(a) ((uint64_t)riscv__f32_class(a))
#define FCLASS64(a) ((uint64_t)riscv__f64_class(a))
#define FLI16(n) riscv__f16_li((unsigned)(n))
#define FLI32(n) riscv__f32_li((unsigned)(n))
#define FLI64(n) riscv__f64_li((unsigned)(n))

#endif
