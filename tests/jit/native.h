/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine of tests/ir/gen.h as native code sees it: guest memory by the
 * memory's pin, state with a context behind it, helpers as C functions, faults
 * by signal.
 */
#ifndef TESTS_JIT_NATIVE_H
#define TESTS_JIT_NATIVE_H

#include <signal.h>
#include <ucontext.h>

#include "jit/jit.h"
#include "tests/ir/gen.h"

struct native_state {
	uint8_t state[GEN_STATE];
	struct jit_ctx ctx;
	uint64_t tlb[2 * 16];
};
struct native {
	struct jit_cache *cache;
	struct native_state st;
	struct gen_world w;  /* memory and trace; the helpers work on it */
};
static struct native native;

struct two { uint64_t a, b; };
static struct two native_call(const struct ir_helper *h, uint64_t a, uint64_t b, unsigned n)
{
	union ir_value args[2] = { { .i64 = a }, { .i64 = b } }, r[2];

	memcpy(native.w.state, native.st.state, GEN_STATE);
	gen_call(&native.w.m, h, args, n, r);
	memcpy(native.st.state, native.w.state, GEN_STATE);
	return (struct two){ r[0].i64, r[1].i64 };
}
static struct two native_pure(uint64_t a, uint64_t b) { return native_call(&gen_helpers[0], a, b, 2); }
static struct two native_reads(uint64_t a) { return native_call(&gen_helpers[1], a, 0, 1); }
static struct two native_writes(uint64_t a, uint32_t b) { return native_call(&gen_helpers[2], a, b, 2); }
static struct ir_helper native_helpers[3];

static uint64_t native_miss(void *state, uint64_t address, uint32_t access)
{
	(void)state, (void)address, (void)access;
	return GEN_ADDEND;
}

static void native_fault(int sig, siginfo_t *si, void *arg)
{
#ifdef __x86_64__
	ucontext_t *uc = arg;
	const void *to = jit_cache_fault(native.cache, (void *)uc->uc_mcontext.gregs[REG_RIP], NULL);

	(void)si;
	if (to)
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)to;
	else
		signal(sig, SIG_DFL);
#else
	(void)si, (void)arg;
	signal(sig, SIG_DFL);
#endif
}

static bool native_init(struct err *e)
{
	struct jit_cache_options co = { .size = 1 << 20, .ctx = offsetof(struct native_state, ctx) };
	struct sigaction sa = { .sa_sigaction = native_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	memcpy(native_helpers, gen_helpers, sizeof(native_helpers));
	native_helpers[0].fn = (const void *)native_pure;
	native_helpers[1].fn = (const void *)native_reads;
	native_helpers[2].fn = (const void *)native_writes;
	native.cache = jit_cache_create(&co, e);
	return native.cache;
}

/* Guest addresses become addresses of the memory's pin; frame slots start as
 * zeros; helpers have code. */
static void native_transform(struct ir_func *f)
{
	ir_ref pin = ir_pin(f, IR_PIN_MEM), zero = ir_i64(f, 0);

	for (uint32_t k = 0; k < f->nhelper; k++)
		for (unsigned h = 0; h < 3; h++)
			if (!strcmp(f->helper[k]->name, native_helpers[h].name))
				f->helper[k] = &native_helpers[h];
	for (uint32_t o = 0; o < f->norder; o++) {
		uint32_t b = f->order[o];

		for (IR_EACH(f, b, i)) {
			struct ir_insn add = { .op = IR_ADD, .type = IR_I64, .ct = IR_I64 };

			if (!ir_has(&f->insn[i], IR_MEM) || (f->insn[i].aux & IR_MEM_ALIAS) == IR_ALIAS_STATE)
				continue;
			add.a[0] = f->insn[i].a[0];
			add.a[1] = pin;
			ir_ref r = ir_insert_before(f, i, &add);

			f->insn[i].a[0] = r;
		}
	}
	ir_ref first = f->block[f->order[0]].first;

	while (f->insn[first].op == IR_PARAM)
		first = f->insn[first].next;
	for (unsigned k = 0; k < GEN_FRAME; k += 8) {
		struct ir_insn put = { .op = IR_PUTSTATE, .ct = IR_I64, .imm = IR_FRAME + (int32_t)k };

		put.a[0] = zero;
		ir_insert_before(f, first, &put);
	}
}

/* As gen_run(); false: could not be compiled (e says why). */
static bool native_run(struct jit_code *code, uint64_t seed, struct gen_world *w, struct ir_end *end)
{
	struct jit_bank bank = { { seed * 0x9e3779b97f4a7c15ull, (uint32_t)seed }, 0, NULL, { { 0 } } };
	double d = (double)(int64_t)seed / 3;
	float s = (float)(seed & 0xff);
	const struct jit_exit *x;
	unsigned h;

	memcpy(&bank.fpr[0], &d, 8);
	memcpy(&bank.fpr[1], &s, 4);
	native.w = *w;
	native.w.m.arg = &native.w;
	memset(&native.st, 0, sizeof(native.st));
	memset(native.st.tlb, 0xff, sizeof(native.st.tlb));
	memcpy(native.st.state, w->state, GEN_STATE);
	native.st.ctx.budget = w->m.budget;
	x = jit_enter(native.cache, code, &native.st, native.w.mem, &bank);
	memcpy(native.w.state, native.st.state, GEN_STATE);
	native.w.m.budget = native.st.ctx.budget;
	h = native.st.ctx.fp & 0x3f;
	native.w.m.fp_flags = (uint8_t)((h & 1) << 4 | (h >> 2 & 1) << 3 | (h >> 3 & 1) << 2 | (h >> 4 & 1) << 1 | h >> 5);
	*w = native.w;
	*end = (struct ir_end){ .how = IR_RETURNED };
	if (x) {
		end->how = IR_LEFT;
		end->kind = x->kind;
		end->cookie = x->cookie;
		end->target = x->site ? x->target : native.st.ctx.target;
	}
	end->value[0].i64 = bank.gpr[0];
	end->value[1].i64 = bank.gpr[1];
	end->value[2].i64 = bank.fpr[0][0];
	return true;
}

#endif
