/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter from outside: calls from C into translated code, its memory,
 * frames for those who walk them (the collector, backtraces), constant
 * expressions.  Handlers are in interp_*.c, translation in translate*.c.
 *
 * A call from C lays its frame on the value stack like this:
 *
 *     slots[0]    store->pc, and
 *     slots[1]    store->fp, as they were: where the outer code is
 *     slots[2..)  parameters, then a frame that returns to wasm__code_exit
 */
#include "wasm/interp.h"

#include "wasm/interp_ops.h"
#include "wasm/trace_call.h"

#include <errno.h>
#include <string.h>
#if defined(__linux__)
#include <ucontext.h>
#endif

#include "base/alloc.h"

enum {
	CODE_MAX = 1 << 27,     /* operations of a store: 2 GB of addresses */
	CODE_MIN = 1 << 19,     /* where there are not so many */
	C_DEPTH_MAX = 200,      /* of calls from host functions */
};

/* ---- store and instance ---- */

int wasm__interp_store_init(struct wasm_store *s, struct err *e)
{
	struct wasm_interp *in = base_zalloc(sizeof(*in));

	if (!in)
		return err_set(e, ENOMEM, "out of memory");
	for (uint64_t n = CODE_MAX; !in->code && n >= CODE_MIN; n /= 4) {
		in->code_cap = n;
		in->code = mem_area_map(n * sizeof(struct wasm_op));
	}
	if (!in->code) {
		base_free(in);
		return err_set(e, ENOMEM, "no addresses for translated code");
	}
	in->fuse = wasm__fuse_create();         /* or without */
	s->interp = in;
	return 0;
}

static void body_free(struct wasm_body *b)
{
	base_free(b->safepoints);
	base_free(b->nodes);
	base_free(b->local_refs);
	base_free(b->handlers);
	base_free(b->loops);
	base_free(b->offsets);
	base_free(b);
}

void wasm__interp_store_fini(struct wasm_store *s)
{
	struct wasm_interp *in = s->interp;

	if (!in)
		return;
	for (uint32_t i = 0; i < in->nbodies; i++)
		body_free(in->bodies[i]);
	base_free(in->bodies);
	wasm__translator_destroy(in->tr);
	base_free(in->fuse);
	mem_area_unmap(in->code, in->code_cap * sizeof(struct wasm_op));
	base_free(in);
	s->interp = NULL;
}

/* Code belongs to the store: an instance lives as long. */
int wasm__interp_instance_init(struct wasm_instance *i, struct err *e)
{
	(void)i, (void)e;
	return 0;
}
void wasm__interp_instance_fini(struct wasm_instance *i)
{
	(void)i;
}

void wasm__interp_prepare(struct wasm_store *s, struct wasm_rt_func *f)
{
	(void)s;
	f->entry = f->inst ? wasm__code_translate : wasm__code_host;
}

/* ---- code ---- */

struct wasm_op *wasm__code_alloc(struct wasm_store *s, uint32_t nops)
{
	struct wasm_interp *in = s->interp;
	struct wasm_op *at = in->code + in->code_len;

	if (nops > in->code_cap - in->code_len)
		return NULL;
	in->code_len += nops;
	return at;
}

bool wasm__body_add(struct wasm_store *s, struct wasm_body *b)
{
	struct wasm_interp *in = s->interp;

	if (in->nbodies == in->cap_bodies) {
		uint32_t cap = in->cap_bodies ? in->cap_bodies * 2 : 64;
		struct wasm_body **p = base_realloc(in->bodies, cap * sizeof(*p));

		if (!p)
			return false;
		in->bodies = p;
		in->cap_bodies = cap;
	}
	in->bodies[in->nbodies++] = b;
	return true;
}

/* A constant expression's: nothing was translated after it. */
void wasm__body_drop_last(struct wasm_store *s, struct wasm_body *b)
{
	struct wasm_interp *in = s->interp;

	if (in->nbodies && in->bodies[in->nbodies - 1] == b) {
		in->nbodies--;
		in->code_len = b->code - in->code;
		body_free(b);
	}
}

struct wasm_body *wasm__body_at(const struct wasm_store *s, const struct wasm_op *pc)
{
	const struct wasm_interp *in = s->interp;
	uint32_t lo = 0, hi = in->nbodies;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (in->bodies[mid]->code <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || pc >= in->bodies[lo - 1]->code + in->bodies[lo - 1]->nops)
		return NULL;
	return in->bodies[lo - 1];
}

/* ---- calls from C ---- */

/* In the signal handler.  The access kept the operation and the frame in the
 * registers of the first two arguments (interp_ops.h). */
static void memory_fault(void *arg, void *addr, void *context)
{
	struct wasm_run *run = arg;
	const struct wasm_op *pc = NULL;
	uint64_t *fp = NULL;

	if (!mem_linear_owns(addr))
		return;
#if defined(__x86_64__) && defined(__linux__)
	const ucontext_t *uc = context;

	pc = (const struct wasm_op *)uc->uc_mcontext.gregs[REG_RDI];
	fp = (uint64_t *)uc->uc_mcontext.gregs[REG_RSI];
#elif defined(__aarch64__) && defined(__linux__)
	const ucontext_t *uc = context;

	pc = (const struct wasm_op *)uc->uc_mcontext.regs[0];
	fp = (uint64_t *)uc->uc_mcontext.regs[1];
#else
	(void)context;
#endif
	/* A fault of something else, C code on a memory: not ours. */
	if (fp < run->st->stack || fp >= run->st->stack_end || !wasm__body_at(run->st, pc))
		return;
	run->pc = pc;
	run->fp = fp;
	siglongjmp(run->jump, 1);
}

/* Run from run->pc until the code exits or traps. */
static void run_loop(struct wasm_run *run)
{
	struct wasm_store *st = run->st;

	if (sigsetjmp(run->jump, 0)) {
		const struct wasm_op *pc = run->pc;

		wasm__op_trap_r(pc, run->fp, NULL, st, WASM_TRAP_MEMORY, 0, 0, 0);
		return;
	}
	do {
		run->pc->fn(run->pc, run->fp, run->mem, st, run->r, run->n, run->sf, run->df);
	} while (!WASM_TAILCALLS && run->pc);
}

enum wasm_trap wasm__interp_call(struct wasm_store *s, struct wasm_rt_func *f, uint64_t *slots)
{
	struct wasm_interp *in = s->interp;
	struct wasm_run run = { .outer = in->run, .st = s, .base = s->sp, .n = WASM_POLL_TURNS };
	const uint32_t most = f->param_slots > f->result_slots ? f->param_slots : f->result_slots;
	uint64_t *base = s->sp, *fp = base + 2;
	const struct wasm_op *pc = s->pc;
	uint64_t *outer_fp = s->fp;
	struct wasm_frame *fr;
	int error;

	if (s->c_depth >= C_DEPTH_MAX || (size_t)(s->stack_end - base) < most + 2u + WASM_FRAME_SLOTS)
		return WASM_TRAP_STACK;
	base[0] = (uintptr_t)pc;
	base[1] = (uintptr_t)outer_fp;
	memmove(fp, slots, f->param_slots * sizeof(*fp));
	fr = (struct wasm_frame *)(fp + f->param_slots);
	*fr = (struct wasm_frame){ wasm__code_exit + 1, NULL, f };
	run.fp = fp;
	run.pc = f->entry;
	run.r = (uintptr_t)f;
	run.mem = f->inst && f->inst->memories && f->inst->module->nmemories && f->inst->memories[0] ? f->inst->memories[0]->base : NULL;
	run.fault = (struct mem_fault_scope){ .fn = memory_fault, .arg = &run };
	error = mem_fault_enter(&run.fault, NULL);
	if (error)
		return WASM_TRAP_OUT_OF_MEMORY;
	in->run = &run;
	s->tail_caller = NULL;
	if (!s->c_depth++)
		wasm__backtrace_drop(s);
	run_loop(&run);
	s->c_depth--;
	in->run = run.outer;
	mem_fault_leave(&run.fault);
	if (run.trap) {
		wasm__trace_trap(s, base, run.trap);
		wasm__trace(s);
		wasm__backtrace(s);
	} else {
		memmove(slots, fp, f->result_slots * sizeof(*fp));
	}
	s->sp = base;
	s->pc = pc;
	s->fp = outer_fp;
	return run.trap;
}

enum wasm_trap wasm__interp_const(struct wasm_instance *i, struct wasm_code expr,
				  struct wasm_type type, uint64_t *out)
{
	struct wasm_store *s = i->store;
	struct wasm_body *b = wasm__translate_const(i, expr, type, NULL);
	struct wasm_rt_func f = { .inst = i };
	enum wasm_trap t;

	if (!b)
		return WASM_TRAP_OUT_OF_MEMORY;
	f.entry = b->code;      /* no f.body: it is not a function of the module */
	f.result_slots = wasm_type_kind(type) == WASM_V128 ? 2 : 1;
	b->func = &f;
	out[0] = out[1] = 0;
	t = wasm__interp_call(s, &f, out);
	wasm__body_drop_last(s, b);
	return t;
}

/* ---- frames ---- */

void wasm__walk_begin(struct wasm_walk *w, struct wasm_store *s)
{
	*w = (struct wasm_walk){ .st = s, .pc = s->pc, .fp = s->fp, .first = true };
}

/* To the first frame, or from one to its caller's. */
bool wasm__walk_next(struct wasm_walk *w)
{
	if (!w->first) {
		const struct wasm_frame *fr = (struct wasm_frame *)(w->fp + w->body->param_slots);

		if (fr->ret->fn == wasm__op_exit) {
			w->pc = (const struct wasm_op *)(uintptr_t)w->fp[-2];
			w->fp = (uint64_t *)(uintptr_t)w->fp[-1];
		} else {
			w->pc = fr->ret->fn == wasm__op_reload ? fr->ret : fr->ret - 1;
			w->fp = fr->fp;
		}
	}
	w->first = false;
	if (!w->pc)
		return false;
	w->body = wasm__body_at(w->st, w->pc);
	w->func = w->body->func;
	return true;
}

static const struct wasm_safepoint *safepoint_at(const struct wasm_body *b, uint32_t pos)
{
	uint32_t lo = 0, hi = b->nsafepoints;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (b->safepoints[mid].pos < pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->nsafepoints && b->safepoints[lo].pos == pos ? &b->safepoints[lo] : NULL;
}

static void visit_slot(uint64_t *slot, wasm_visit_fn *fn, void *arg)
{
	wasm_word w = (wasm_word)*slot;

	fn(arg, &w);
	*slot = w;
}

void wasm__interp_visit(struct wasm_store *s, wasm_visit_fn *fn, void *arg)
{
	struct wasm_walk w;

	wasm__walk_begin(&w, s);
	while (wasm__walk_next(&w)) {
		const struct wasm_body *b = w.body;
		const struct wasm_safepoint *p = safepoint_at(b, w.pc - b->code);

		for (uint32_t i = 0; i < b->nlocal_refs; i++)
			visit_slot(&w.fp[b->local_refs[i]], fn, arg);
		for (uint32_t i = p ? p->node : UINT32_MAX; i != UINT32_MAX; i = b->nodes[i].below)
			visit_slot(&w.fp[b->nodes[i].slot], fn, arg);
	}
}
