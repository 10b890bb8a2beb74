/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86-64 back end's table, what the processor has, and the trampoline.
 */
#include "jit/x64/x64.h"

#include <stddef.h>

#include "base/bits.h"

/* Those that calls destroy first: what lives across calls is given the others
 * by its limits. */
static const uint8_t gprs[] = { X64_RAX, X64_RCX, X64_RDX, X64_RSI, X64_RDI, X64_R8, X64_R9, X64_R10,
				X64_RBX, X64_R12, X64_R13, X64_R14, 255 };
static const uint8_t xmms[] = { 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 255 };

struct x64__features x64__features(const struct jit_options *o)
{
	struct x64__features f = { 0 };

	if (o->plain)
		return f;
#ifdef __x86_64__
	f.avx = __builtin_cpu_supports("avx");
	f.bmi2 = __builtin_cpu_supports("bmi2");
	f.lzcnt = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("avx2"); /* LZCNT has no name of its own */
	f.popcnt = __builtin_cpu_supports("popcnt");
	f.fma = f.avx && __builtin_cpu_supports("fma");
	f.clmul = __builtin_cpu_supports("pclmul");
#endif
	return f;
}

/* ---- the trampoline ----------------------------------------------------------------- */

enum { BANK = 0, OLD_SP = 8, OLD_FRAME = 16, HOST_FP = 24, LANDING = 32, LOCALS = 40 };
static const uint8_t saved[] = { X64_RBP, X64_RBX, X64_R12, X64_R13, X64_R14, X64_R15 };

static void op(struct x64_asm *a, enum x64_id id, unsigned w, unsigned reg, struct x64_rm rm, int32_t imm)
{
	x64_emit(a, id, w, reg, X64_NOREG, rm, imm);
}

/* Arguments of the stack, last first; an odd number is made even. */
static void push_arguments(struct x64_asm *a)
{
	uint32_t again = x64_label(a), even = x64_label(a), done = x64_label(a);

	op(a, X64_MOV, 8, X64_R11, x64_m(X64_R10, offsetof(struct jit_bank, nstack)), 0);
	op(a, X64_MOV, 8, X64_R12, x64_m(X64_R10, offsetof(struct jit_bank, stack)), 0);
	op(a, X64_TEST_I, 4, 0, x64_r(X64_R11), 1);
	x64_jcc(a, X64_CC_E, even);
	op(a, X64_SUB_I, 8, 0, x64_r(X64_RSP), 8);
	x64_place(a, even);
	x64_place(a, again);
	op(a, X64_TEST, 8, X64_R11, x64_r(X64_R11), 0);
	x64_jcc(a, X64_CC_E, done);
	op(a, X64_SUB_I, 8, 0, x64_r(X64_R11), 1);
	op(a, X64_SUB_I, 8, 0, x64_r(X64_RSP), 8);
	op(a, X64_MOV, 8, X64_R13, x64_mi(X64_R12, X64_R11, 3, 0), 0);
	op(a, X64_MOV_M, 8, X64_R13, x64_m(X64_RSP, 0), 0);
	x64_jmp(a, again);
	x64_place(a, done);
}

static void go(struct x64_asm *a, int32_t ctx)
{
	static const uint8_t arg[6] = { X64_RDI, X64_RSI, X64_RDX, X64_RCX, X64_R8, X64_R9 };

	for (int k = 0; k < 8; k++)
		op(a, X64_MOVUPS, 4, (unsigned)k, x64_m(X64_R10, (int32_t)offsetof(struct jit_bank, fpr) + 16 * k), 0);
	for (int k = 0; k < 6; k++)
		op(a, X64_MOV, 8, arg[k], x64_m(X64_R10, 8 * k), 0);
	op(a, X64_CALL_M, 8, 0, x64_r(X64_RAX), 0);
	/* A return: results to the bank. */
	op(a, X64_MOV, 8, X64_RSP, x64_m(X64__STATE, ctx + (int32_t)offsetof(struct jit_ctx, frame)), 0);
	op(a, X64_MOV, 8, X64_R10, x64_m(X64_RSP, BANK), 0);
	static const uint8_t result[6] = { X64_RAX, X64_RDX, X64_RCX, X64_RSI, X64_RDI, X64_R8 };
	for (int k = 0; k < 6; k++)
		op(a, X64_MOV_M, 8, result[k], x64_m(X64_R10, 8 * k), 0);
	for (int k = 0; k < 8; k++)
		op(a, X64_MOVUPS_M, 4, (unsigned)k, x64_m(X64_R10, (int32_t)offsetof(struct jit_bank, fpr) + 16 * k), 0);
	op(a, X64_XOR, 4, X64_RAX, x64_r(X64_RAX), 0);
}

bool x64__enter(const struct jit_options *o, struct jit_out *out)
{
	struct x64_asm a;
	uint32_t landing;

	x64_asm_init(&a);
	landing = x64_label(&a);
	/* (RDI code, RSI state, RDX memory, RCX bank) */
	for (unsigned k = 0; k < ARRAY_LEN(saved); k++)
		op(&a, X64_PUSH, 8, saved[k], x64_r(0), 0);
	op(&a, X64_SUB_I, 8, 0, x64_r(X64_RSP), LOCALS);
	op(&a, X64_MOV, 8, X64__STATE, x64_r(X64_RSI), 0);
	op(&a, X64_MOV, 8, X64__MEM, x64_r(X64_RDX), 0);
	op(&a, X64_MOV, 8, X64_R10, x64_r(X64_RCX), 0);
	op(&a, X64_MOV, 8, X64_RAX, x64_r(X64_RDI), 0);
	int32_t ctx = (int32_t)o->ctx, sp = ctx + (int32_t)offsetof(struct jit_ctx, sp);
	int32_t frame = ctx + (int32_t)offsetof(struct jit_ctx, frame), fp = ctx + (int32_t)offsetof(struct jit_ctx, fp);

	op(&a, X64_MOV_M, 8, X64_RCX, x64_m(X64_RSP, BANK), 0);
	op(&a, X64_MOV, 8, X64_RCX, x64_m(X64__STATE, sp), 0);
	op(&a, X64_MOV_M, 8, X64_RCX, x64_m(X64_RSP, OLD_SP), 0);
	op(&a, X64_MOV, 8, X64_RCX, x64_m(X64__STATE, frame), 0);
	op(&a, X64_MOV_M, 8, X64_RCX, x64_m(X64_RSP, OLD_FRAME), 0);
	x64_lea_label(&a, X64_RCX, landing);
	op(&a, X64_MOV_M, 8, X64_RCX, x64_m(X64_RSP, LANDING), 0);
	op(&a, X64_LEA, 8, X64_RCX, x64_m(X64_RSP, LANDING), 0);
	op(&a, X64_MOV_M, 8, X64_RCX, x64_m(X64__STATE, sp), 0);
	op(&a, X64_MOV_M, 8, X64_RSP, x64_m(X64__STATE, frame), 0);
	op(&a, X64_STMXCSR, 4, 0, x64_m(X64_RSP, HOST_FP), 0);
	/* The context keeps the difference from the state at a process's start,
	 * so that zeros are that: all masked, nearest, no flags. */
	op(&a, X64_MOV, 4, X64_RCX, x64_m(X64__STATE, fp), 0);
	op(&a, X64_XOR_I, 4, 0, x64_r(X64_RCX), 0x1f80);
	op(&a, X64_MOV_M, 4, X64_RCX, x64_m(X64__STATE, fp), 0);
	op(&a, X64_LDMXCSR, 4, 0, x64_m(X64__STATE, fp), 0);
	push_arguments(&a);
	go(&a, ctx);
	x64_place(&a, landing); /* RAX: the exit, or 0 */
	op(&a, X64_MOV, 8, X64_RSP, x64_m(X64__STATE, frame), 0);
	op(&a, X64_STMXCSR, 4, 0, x64_m(X64__STATE, fp), 0);
	op(&a, X64_XOR_I, 4, 0, x64_m(X64__STATE, fp), 0x1f80);
	op(&a, X64_LDMXCSR, 4, 0, x64_m(X64_RSP, HOST_FP), 0);
	op(&a, X64_MOV, 8, X64_RCX, x64_m(X64_RSP, OLD_SP), 0);
	op(&a, X64_MOV_M, 8, X64_RCX, x64_m(X64__STATE, sp), 0);
	op(&a, X64_MOV, 8, X64_RCX, x64_m(X64_RSP, OLD_FRAME), 0);
	op(&a, X64_MOV_M, 8, X64_RCX, x64_m(X64__STATE, frame), 0);
	op(&a, X64_ADD_I, 8, 0, x64_r(X64_RSP), LOCALS);
	for (unsigned k = ARRAY_LEN(saved); k-- > 0;)
		op(&a, X64_POP, 8, saved[k], x64_r(0), 0);
	op(&a, X64_RET, 8, 0, x64_r(0), 0);
	bool ok = x64_finish(&a, true);

	if (ok) {
		uint8_t *p = arena_alloc(out->arena, a.len);

		for (uint32_t k = 0; p && k < a.len; k++)
			p[k] = a.buf[k];
		out->bytes = p;
		out->size = a.len;
		ok = p;
	}
	x64_asm_fini(&a);
	return ok;
}

const struct jit_target jit__x64 = {
	.name = "x64",
	.order = { gprs, xmms },
	.pin = { X64__STATE, X64__MEM },
	.prologue = x64__prologue,
	.select = x64__select,
	.assemble = x64__assemble,
	.enter = x64__enter,
};

const struct jit_target *jit__host(void)
{
#ifdef __x86_64__
	return &jit__x64;
#else
	return NULL;
#endif
}
