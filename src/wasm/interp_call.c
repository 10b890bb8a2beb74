/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of calls and returns (core spec 4.4.10).
 *
 * A caller's last operands are its callee's parameters, in place.  A call's
 * last unit is an operation of its own, `reload`: a call inside of the
 * instance returns behind it, one into another instance returns to it, and it
 * brings the caller's memory back.  A callee that leaves by a tail call into
 * another instance moves its return address back onto that unit.
 *
 * On its way into a function r holds the callee, for the entries that are not
 * code of its own: translate, host.
 */
#include "wasm/interp_ops.h"

static inline uint8_t *memory_of(const struct wasm_instance *i)
{
	return i->memories && i->module->nmemories ? i->memories[0]->base : NULL;
}

/* Lay the callee's frame and go. */
#define ENTER_AT(base, f, ret_)                                                \
	do {                                                                   \
		uint64_t *to_ = fp + (base);                                   \
		struct wasm_frame *fr_ = (struct wasm_frame *)(to_ + (f)->param_slots); \
		fr_->ret = (ret_);                                             \
		fr_->fp = fp;                                                  \
		fr_->func = (f);                                               \
		fp = to_;                                                      \
		r = (uint64_t)(uintptr_t)(f);                                  \
		pc = (f)->entry;                                               \
		GO();                                                          \
	} while (0)

/* d: base; the function's address above it. */
OP_FN(call)
{
	struct wasm_rt_func *f = OP_PTR(pc);

	ENTER_AT(pc->d, f, pc + 2);
}
OP_FN(call_cross)
{
	struct wasm_rt_func *f = OP_PTR(pc);

	mem = memory_of(f->inst);
	ENTER_AT(pc->d, f, pc + 1);
}
OP_FN(reload)
{
	mem = memory_of(pc->ptr);
	NEXT(1);
}

/* The canonical type asked for, or a subtype of it. */
static inline bool type_fits(const struct wasm_store *st, uint32_t have, uint32_t want)
{
	return LIKELY(have == want) || wasm_heap_sub(st->types, have, want);
}
/* d: base, a: index, u32: type; unit 1: the table; unit 2: reload. */
#define CALL_INDIRECT(index)                                                   \
	do {                                                                   \
		const struct wasm_rt_table *t = EXT(pc, 1)->ptr[0];            \
		const uint64_t i_ = (index);                                   \
		if (UNLIKELY(i_ >= t->size))                                   \
			TRAP(WASM_TRAP_UNDEFINED_ELEMENT);                     \
		const wasm_word w_ = t->elems[i_];                             \
		struct wasm_rt_func *f = st->funcs + w_;                       \
		if (UNLIKELY(f->type != pc->u32 || !w_))                       \
			TAIL(call_indirect_slow(OP_PASS));                     \
		if (UNLIKELY(f->inst != EXT(pc, 2)->ptr[1] && f->inst))        \
			TAIL(call_indirect_slow(OP_PASS));                     \
		ENTER_AT(pc->d, f, pc + 3);                                    \
	} while (0)
/* A subtype, another instance, a trap.  The index is in the slot: whoever has
 * it in the accumulator stored it before. */
static HANDLER void call_indirect_slow(OP_ARGS)
{
	const struct wasm_rt_table *t = EXT(pc, 1)->ptr[0];
	const wasm_word w = t->elems[fp[pc->a]];
	struct wasm_rt_func *f = st->funcs + w;

	if (!w)
		TRAP(WASM_TRAP_UNINITIALIZED_ELEMENT);
	if (!type_fits(st, f->type, pc->u32))
		TRAP(WASM_TRAP_INDIRECT_TYPE);
	if (!f->inst || f->inst == EXT(pc, 2)->ptr[1])
		ENTER_AT(pc->d, f, pc + 3);
	mem = memory_of(f->inst);
	ENTER_AT(pc->d, f, pc + 2);
}
OP_FN(call_indirect_s) { CALL_INDIRECT(fp[pc->a]); }
OP_FN(call_indirect_r) { fp[pc->a] = r; CALL_INDIRECT(r); }
/* d: base, a: the reference; unit 1: reload. */
OP_FN(call_ref)
{
	const wasm_word w = (wasm_word)fp[pc->a];
	struct wasm_rt_func *f = st->funcs + w;

	if (UNLIKELY(!w))
		TRAP(WASM_TRAP_NULL_FUNC);
	if (LIKELY(f->inst == EXT(pc, 1)->ptr[1] || !f->inst))
		ENTER_AT(pc->d, f, pc + 2);
	mem = memory_of(f->inst);
	ENTER_AT(pc->d, f, pc + 1);
}

/* ---- tail calls: the frame's place is taken over ---- */
/* a: this frame's parameter slots; args begin at slot base. */
static inline void take_over(uint64_t *fp, unsigned p, uint64_t *args, struct wasm_rt_func *f,
			     const struct wasm_instance *self)
{
	struct wasm_frame old = *(struct wasm_frame *)(fp + p), *fr;

	memmove(fp, args, f->param_slots * sizeof(*fp));
	if (f->inst && f->inst != self && old.ret->fn != wasm__op_reload &&
	    old.ret->fn != wasm__op_exit)
		old.ret--;
	fr = (struct wasm_frame *)(fp + f->param_slots);
	fr->ret = old.ret;
	fr->fp = old.fp;
	fr->func = f;
}
#define TAKE_OVER(f, self)                                                     \
	do {                                                                   \
		take_over(fp, pc->a, fp + pc->d, f, self);                     \
		if (!(f)->inst)                                                \
			st->tail_caller = (self);                              \
		else if ((f)->inst != (self))                                  \
			mem = memory_of((f)->inst);                            \
		r = (uint64_t)(uintptr_t)(f);                                  \
		pc = (f)->entry;                                               \
		TURN();                                                        \
		GO();                                                          \
	} while (0)
/* d: base, a: parameter slots of this function, unit 1: function, instance */
OP_FN(return_call)
{
	struct wasm_rt_func *f = EXT(pc, 1)->ptr[0];
	struct wasm_instance *self = EXT(pc, 1)->ptr[1];

	TAKE_OVER(f, self);
}
/* ... b: index; unit 1: table, instance; unit 2: type */
OP_FN(return_call_indirect)
{
	const struct wasm_rt_table *t = EXT(pc, 1)->ptr[0];
	struct wasm_instance *self = EXT(pc, 1)->ptr[1];
	struct wasm_rt_func *f;

	if (UNLIKELY(fp[pc->b] >= t->size))
		TRAP(WASM_TRAP_UNDEFINED_ELEMENT);
	if (UNLIKELY(!t->elems[fp[pc->b]]))
		TRAP(WASM_TRAP_UNINITIALIZED_ELEMENT);
	f = st->funcs + t->elems[fp[pc->b]];
	if (UNLIKELY(!type_fits(st, f->type, EXT(pc, 2)->u32[0])))
		TRAP(WASM_TRAP_INDIRECT_TYPE);
	TAKE_OVER(f, self);
}
/* ... b: reference; unit 1: -, instance */
OP_FN(return_call_ref)
{
	struct wasm_rt_func *f = st->funcs + (wasm_word)fp[pc->b];
	struct wasm_instance *self = EXT(pc, 1)->ptr[1];

	if (UNLIKELY(!(wasm_word)fp[pc->b]))
		TRAP(WASM_TRAP_NULL_FUNC);
	TAKE_OVER(f, self);
}

/* ---- entries ----
 * d: slots to zero, a: the first of them, u32: slots of the whole frame. */
#define ROOM()                                                                 \
	do {                                                                   \
		if (UNLIKELY(fp + pc->u32 > st->stack_end))                    \
			TRAP(WASM_TRAP_STACK);                                 \
	} while (0)
#define ENTERED() do { pc++; TURN(); GO(); } while (0)
OP_FN(enter0) { ROOM(); ENTERED(); }
#define ENTER_FIXED(name, count)                                               \
	OP_FN(name)                                                            \
	{                                                                      \
		uint64_t *l = fp + pc->a;                                      \
		ROOM();                                                        \
		for (unsigned i = 0; i < (count); i++)                         \
			l[i] = 0;                                              \
		ENTERED();                                                     \
	}
/* A few slots too many are no harm: the operands are behind the locals. */
ENTER_FIXED(enter2, 2)
ENTER_FIXED(enter4, 4)
ENTER_FIXED(enter8, 8)
OP_FN(enter)
{
	uint64_t *l = fp + pc->a;
	unsigned i = 0;

	ROOM();
	do {
		l[i] = l[i + 1] = l[i + 2] = l[i + 3] = 0;
		i += 4;
	} while (i < pc->d);
	ENTERED();
}
/* The call did not come to anything: the trap is the caller's.  What C calls
 * has its frame's place marked with where C was called from (interp.c). */
static inline void caller_of(const struct wasm_frame *fr, const uint64_t *fp,
			     const struct wasm_op **pc, uint64_t **caller)
{
	if (fr->ret->fn == wasm__op_exit) {
		*pc = (const struct wasm_op *)(uintptr_t)fp[-2];
		*caller = (uint64_t *)(uintptr_t)fp[-1];
	} else {
		*pc = fr->ret->fn == wasm__op_reload ? fr->ret : fr->ret - 1;
		*caller = fr->fp;
	}
}
/* The first call. */
OP_FN(translate)
{
	struct wasm_rt_func *f = (struct wasm_rt_func *)(uintptr_t)r;
	const struct wasm_frame fr = *(const struct wasm_frame *)(fp + f->param_slots);
	enum wasm_trap t = wasm__translate(st, f);

	if (UNLIKELY(t)) {
		caller_of(&fr, fp, &pc, &fp);
		TRAP(t);
	}
	pc = f->entry;
	GO();
}

/* Results are in slots; a single one is in its accumulator too. */
#define RESULT_FROM(slot)                                                      \
	do {                                                                   \
		r = (slot)[0];                                                 \
		sf = *(const float *)(slot);                                   \
		df = *(const double *)(slot);                                  \
	} while (0)
/* r: the host function; its parameters are at fp. */
OP_FN(host)
{
	struct wasm_rt_func *f = (struct wasm_rt_func *)(uintptr_t)r;
	const struct wasm_frame fr = *(const struct wasm_frame *)(fp + f->param_slots);
	const uint32_t most = f->param_slots > f->result_slots ? f->param_slots : f->result_slots;
	uint64_t *sp = st->sp;
	struct wasm_instance *caller = NULL;
	enum wasm_trap t;

	caller_of(&fr, fp, &st->pc, &st->fp);
	if (st->tail_caller) {  /* its frame is gone: others' callers are not asked */
		caller = st->tail_caller;
		st->tail_caller = NULL;
	} else if (fr.ret->fn != wasm__op_exit) {
		caller = (struct wasm_instance *)(uintptr_t)st->pc->ptr;
	}
	st->sp = fp + most + WASM_FRAME_SLOTS;
	t = st->sp > st->stack_end ? WASM_TRAP_STACK : wasm__host_call(st, f, caller, fp);
	st->sp = sp;
	if (UNLIKELY(t)) {
		pc = st->pc;
		fp = st->fp;
		TRAP(t);
	}
	if (UNLIKELY(st->backtrace != NULL))
		wasm__backtrace_drop(st);       /* of a trap that the host took */
	RESULT_FROM(fp);
	pc = fr.ret;
	fp = fr.fp;
	GO();
}

/* ---- returns: d the parameter slots, a where the results are ---- */
#define RETURN(result)                                                         \
	do {                                                                   \
		const struct wasm_frame *fr_ = (const struct wasm_frame *)(fp + pc->d); \
		const struct wasm_op *ret_ = fr_->ret;                         \
		uint64_t *to_ = fr_->fp;                                       \
		result;                                                        \
		fp = to_;                                                      \
		pc = ret_;                                                     \
		GO();                                                          \
	} while (0)
OP_FN(ret0) { RETURN((void)0); }
OP_FN(ret_s) { RETURN(fp[0] = r = fp[pc->a]); }
OP_FN(ret_r) { RETURN(fp[0] = r); }
OP_FN(ret_f32_s) { RETURN(sf = SLOT_F32(pc->a); PUT_F32(0)); }
OP_FN(ret_f32_r) { RETURN(PUT_F32(0)); }
OP_FN(ret_f64_s) { RETURN(df = SLOT_F64(pc->a); PUT_F64(0)); }
OP_FN(ret_f64_r) { RETURN(PUT_F64(0)); }
/* u32 slots; they are above the frame, so that they can be copied upwards. */
OP_FN(retn)
{
	RETURN(for (uint32_t i = 0; i < pc->u32; i++) fp[i] = fp[pc->a + i]; RESULT_FROM(fp));
}
OP_FN(exit)
{
	struct wasm_run *run = wasm__interp(st)->run;

	(void)fp, (void)mem, (void)r, (void)n, (void)sf, (void)df;
	run->pc = NULL;
	run->trap = WASM_OK;
	(void)pc;
}

/* ---- traps, polls, C functions ---- */

OP_FN(unreachable) { TRAP(WASM_TRAP_UNREACHABLE); }

/* The trap is in r. */
HANDLER void wasm__op_trap_r(OP_ARGS)
{
	struct wasm_run *run = wasm__interp(st)->run;

	st->pc = pc;
	st->fp = fp;
	/* Into run: the address of an argument would keep GO() from being a
	 * jump, and each exception that is caught would leave a frame of C. */
	if ((enum wasm_trap)r == WASM_TRAP_EXCEPTION && wasm__unwind(st, &run->pc, &run->fp)) {
		pc = run->pc;
		fp = run->fp;
		mem = memory_of(wasm__body_at(st, pc)->func->inst);
		GO();
	}
	if ((enum wasm_trap)r == WASM_TRAP_EXCEPTION && atomic_exchange(&st->interrupt, false)) {
		st->exception = 0;
		r = WASM_TRAP_INTERRUPT;
	}
	run->trap = (enum wasm_trap)r;
	run->pc = NULL;
	(void)mem, (void)n, (void)sf, (void)df;
}

static void sample(struct wasm_body *b, uint32_t pos)
{
	uint32_t lo = 0, hi = b->nloops;

	b->samples++;
	while (lo < hi) {
		const uint32_t mid = lo + (hi - lo) / 2;

		if (b->loops[mid].pos < pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < b->nloops && b->loops[lo].pos == pos)
		b->loops[lo].samples++;
}

HANDLER void wasm__op_poll(OP_ARGS)
{
	struct wasm_body *b = wasm__body_at(st, pc);

	n = WASM_POLL_TURNS;
	if (b)
		sample(b, (uint32_t)(pc - b->code));
	if (UNLIKELY(atomic_load_explicit(&st->interrupt, memory_order_relaxed))) {
		atomic_store(&st->interrupt, false);
		TRAP(WASM_TRAP_INTERRUPT);
	}
	GO();
}

/* u32: instructions until the next of these. */
OP_FN(fuel)
{
	if (UNLIKELY(st->fuel < pc->u32)) {
		st->fuel = 0;
		TRAP(WASM_TRAP_FUEL);
	}
	st->fuel -= pc->u32;
	NEXT(1);
}

/* d: the first operand's slot; unit 1: function, instance; unit 2: more. */
OP_FN(special)
{
	wasm_special_fn *call = (wasm_special_fn *)EXT(pc, 1)->ptr[0];
	struct wasm_instance *i = (struct wasm_instance *)EXT(pc, 1)->ptr[1];
	enum wasm_trap t;

	SYNC();
	/* One may take as long as thousands of turns, which polls go by. */
	if (UNLIKELY(atomic_load_explicit(&st->interrupt, memory_order_relaxed))) {
		atomic_store(&st->interrupt, false);
		TRAP(WASM_TRAP_INTERRUPT);
	}
	t = call(i, fp + pc->d, EXT(pc, 2));
	if (UNLIKELY(t))
		TRAP(t);
	RESULT_FROM(fp + pc->d);
	NEXT(3);
}
OP_FN(memory_size)
{
	fp[pc->d] = r = wasm__memory_pages(OP_PTR(pc));
	NEXT(1);
}

const struct wasm_op wasm__code_exit[2] = { { .fn = wasm__op_exit }, { .fn = wasm__op_exit } };
const struct wasm_op wasm__code_translate[1] = { { .fn = wasm__op_translate } };
const struct wasm_op wasm__code_host[1] = { { .fn = wasm__op_host } };
