/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of one function: the frame's layout, the walk over the body,
 * and what is made of the result.  See translate.h for the idea.
 *
 * A body is valid (module.h); one in a module that was loaded with
 * WASM_LAZY_BODIES is validated here, before its first call.
 */
#include "wasm/translate.h"

#include <string.h>

#include "base/alloc.h"
#include "wasm/leb.h"
#include "wasm/trace_call.h"

enum { FRAME_SLOTS_MAX = UINT16_MAX - 64 };

/* ---- types ---- */

unsigned tr_type(const struct wasm_translator *t, struct wasm_type type)
{
	const enum wasm_kind kind = wasm_type_kind(type);

	if (LIKELY(kind != WASM_REF))
		return kind;
	return wasm_heap_top(t->st->types, wasm_type_heap(type)) == WASM_HEAP_FUNC ? VT_FUNCREF : WASM_REF;
}

uint32_t tr_canon_heap(const struct wasm_translator *t, uint32_t heap)
{
	return heap < WASM_HEAP_ABSTRACT ? t->m->types[heap] : heap;
}

struct wasm_type tr_canon(const struct wasm_translator *t, struct wasm_type type)
{
	if (!wasm_type_is_ref(type))
		return type;
	return wasm_type_ref(tr_canon_heap(t, wasm_type_heap(type)), wasm_type_nullable(type));
}

uint32_t tr_type_slots(const struct wasm_type *types, uint32_t n)
{
	uint32_t slots = 0;

	for (uint32_t i = 0; i < n; i++)
		slots += tr_slots(wasm_type_kind(types[i]));
	return slots;
}

/* ---- the walk ---- */

/* Behind an unconditional branch: only the block's end is looked for. */
static void skip(struct wasm_translator *t)
{
	uint32_t depth = 0;
	struct wasm_insn in;

	while (t->dead && t->nctl && t->p < t->end) {
		t->insn_off = (uint32_t)(t->p - t->m->bytes);
		if (wasm_op_decode(&t->p, t->end, &in)) {
			tr_fail(t, WASM_TRAP_UNREACHABLE);
			return;
		}
		switch (in.row) {
		case WASM_ROW_BLOCK:
		case WASM_ROW_LOOP:
		case WASM_ROW_IF:
		case WASM_ROW_TRY:
		case WASM_ROW_TRY_TABLE:
			depth++;
			break;
		case WASM_ROW_ELSE:
		case WASM_ROW_CATCH:
		case WASM_ROW_CATCH_ALL:
			if (!depth)
				tr_control(t, &in);
			break;
		case WASM_ROW_END:
		case WASM_ROW_DELEGATE:
			if (!depth)
				tr_control(t, &in);
			else
				depth--;
			break;
		}
	}
}

static void insn(struct wasm_translator *t, const struct wasm_insn *in)
{
	if (tr_numeric(t, in) || tr_memory(t, in) || tr_control(t, in) || tr_reference(t, in) ||
	    tr_call(t, in) || tr_gc(t, in) || tr_simd(t, in))
		return;
	tr_fail(t, WASM_TRAP_UNREACHABLE);      /* no row is left */
}

static void walk(struct wasm_translator *t)
{
	struct wasm_insn in;

	while (t->nctl && !t->trap && t->p < t->end) {
		if (t->dead) {
			skip(t);
			continue;
		}
		t->insn_off = (uint32_t)(t->p - t->m->bytes);
		if (wasm_op_decode(&t->p, t->end, &in)) {
			tr_fail(t, WASM_TRAP_UNREACHABLE);
			return;
		}
		t->fuel_count++;
		insn(t, &in);
	}
}

/* ---- frames ---- */

static bool add_locals(struct wasm_translator *t, struct wasm_type type, uint32_t n, uint32_t *slot)
{
	const unsigned vt = tr_type(t, type), size = tr_slots(vt);
	uint32_t cap = t->cap_locals;

	if (t->nlocals + n > cap) {
		uint32_t c1 = cap, c2 = cap;

		if (!tr_grow((void **)&t->local_slot, &c1, t->nlocals + n, sizeof(*t->local_slot)) ||
		    !tr_grow((void **)&t->local_type, &c2, t->nlocals + n, sizeof(*t->local_type)) ||
		    !tr_grow((void **)&t->local_top, &cap, t->nlocals + n, sizeof(*t->local_top))) {
			tr_fail(t, WASM_TRAP_OUT_OF_MEMORY);
			return false;
		}
		t->cap_locals = cap;
	}
	if (*slot + (uint64_t)n * size > FRAME_SLOTS_MAX) {
		tr_fail(t, WASM_TRAP_STACK);
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		t->local_slot[t->nlocals] = (uint16_t)*slot;
		t->local_type[t->nlocals] = (uint8_t)vt;
		t->local_top[t->nlocals++] = 0;
		*slot += size;
	}
	return true;
}

static void reset(struct wasm_translator *t, struct wasm_instance *i)
{
	t->inst = i;
	t->m = i->module;
	t->nops = t->sp = t->flushed = t->nctl = t->nlocals = 0;
	t->nnodes = t->nsafepoints = t->nhandlers = t->nloops = 0;
	t->max_slot = 0;
	t->dead = false;
	t->fuel = t->st->limits.has_fuel;
	t->det = t->st->limits.deterministic;
	t->guarded = WASM_GUARDED && t->m->nmemories && i->memories && i->memories[0] &&
		!t->m->memories[0].limits.is64 && mem_linear_guarded(i->memories[0]->mem);
	t->simd = wasm__simd_handlers(t->det);
	t->fuel_pos = NONE;
	t->fuel_count = 0;
	t->trap = WASM_OK;
	tr_forget(t);
}

/* Parameters, frame, locals; and the entry, to be finished at the end. */
static bool prologue(struct wasm_translator *t, const struct wasm_func *f)
{
	const struct wasm_deftype *d = wasm_type_get(t->st->types, f->type);
	uint32_t slot = 0, first;

	for (uint32_t i = 0; i < d->nparams; i++)
		if (!add_locals(t, d->types[i], 1, &slot))
			return false;
	t->param_slots = slot;
	t->results = d->types + d->nparams;
	t->nresults = d->nresults;
	t->result_slots = tr_type_slots(t->results, t->nresults);
	slot += WASM_FRAME_SLOTS;
	first = slot;
	for (uint32_t i = 0; i < f->nruns; i++)
		if (!add_locals(t, f->runs[i].type, f->runs[i].count, &slot))
			return false;
	t->base = slot;
	t->max_slot = slot;
	if (t->result_slots > t->max_slot)
		t->max_slot = t->result_slots;
	{
		const uint32_t zero = slot - first;
		struct wasm_op *op = tr_emit(t, zero == 0 ? wasm__op_enter0 : zero <= 2 ? wasm__op_enter2 :
			zero <= 4 ? wasm__op_enter4 : zero <= 8 ? wasm__op_enter8 : wasm__op_enter, 1);

		op->d = (uint16_t)zero;
		op->a = (uint16_t)first;
	}
	if (log_tracing(CALL))
		tr_emit(t, wasm__op_trace_entered, 1)->d = (uint16_t)t->param_slots;
	return true;
}

static void *copy(const void *p, size_t n, bool *ok)
{
	void *q = n ? base_alloc(n) : NULL;

	if (q)
		memcpy(q, p, n);
	else if (n)
		*ok = false;
	return q;
}

/* What the collector visits in every frame of the function. */
static uint16_t *local_refs(struct wasm_translator *t, uint32_t *n, bool *ok)
{
	uint16_t *out;

	*n = 0;
	for (uint32_t i = 0; i < t->nlocals; i++)
		*n += t->local_type[i] == WASM_REF;
	out = *n ? base_alloc(*n * sizeof(*out)) : NULL;
	if (!out) {
		*ok &= !*n;
		return NULL;
	}
	*n = 0;
	for (uint32_t i = 0; i < t->nlocals; i++)
		if (t->local_type[i] == WASM_REF)
			out[(*n)++] = t->local_slot[i];
	return out;
}

/* Two operations in a row that have a handler of their own; the second stays,
 * for branches to it. */
static void fuse(struct wasm_translator *t)
{
	const struct wasm_fuse *f = wasm__interp(t->st)->fuse;

	for (uint32_t i = 0; f && i + 1 < t->nops; i++) {
		wasm_op_fn *pair;

		if (!t->starts[i] || !t->starts[i + 1])
			continue;
		pair = wasm__fuse_find(f, t->ops[i].fn, t->ops[i + 1].fn);
		if (pair)
			t->ops[i].fn = pair;
	}
}

static struct wasm_body *finish(struct wasm_translator *t)
{
	struct wasm_body *b = base_zalloc(sizeof(*b));
	bool ok = b;

	if (!ok)
		return NULL;
	b->nops = t->nops;
	b->param_slots = t->param_slots;
	b->nslots = t->max_slot + 8;    /* what entries zero beyond the locals */
	b->nsafepoints = t->nsafepoints;
	b->safepoints = copy(t->safepoints, t->nsafepoints * sizeof(*t->safepoints), &ok);
	b->nnodes = t->nnodes;
	b->nodes = copy(t->nodes, t->nnodes * sizeof(*t->nodes), &ok);
	b->nhandlers = t->nhandlers;
	b->handlers = copy(t->handlers, t->nhandlers * sizeof(*t->handlers), &ok);
	b->nloops = t->nloops;
	b->loops = copy(t->loops, t->nloops * sizeof(*t->loops), &ok);
	b->local_refs = local_refs(t, &b->nlocal_refs, &ok);
	t->ops[0].u32 = b->nslots;
	b->code = ok ? wasm__code_alloc(t->st, t->nops) : NULL;
	if (!b->code || !wasm__body_add(t->st, b)) {
		base_free(b->safepoints);
		base_free(b->nodes);
		base_free(b->handlers);
		base_free(b->loops);
		base_free(b->local_refs);
		base_free(b);
		return NULL;
	}
	fuse(t);
	memcpy(b->code, t->ops, t->nops * sizeof(*t->ops));
	return b;
}

static void body(struct wasm_translator *t, struct wasm_code code)
{
	t->p = t->m->bytes + code.off;
	t->end = t->p + code.len;
	tr_begin(t);
	walk(t);
	if (t->fuel_pos != NONE)
		t->ops[t->fuel_pos].u32 = t->fuel_count;
	/* Something to be at for branches to the very end. */
	tr_emit(t, wasm__op_unreachable, 1);
	if (t->max_slot > FRAME_SLOTS_MAX)
		tr_fail(t, WASM_TRAP_STACK);
}

static bool room(struct wasm_translator *t)
{
	return tr_grow((void **)&t->ops, &t->cap_ops, TR_ROOM, sizeof(*t->ops)) &&
	       tr_grow((void **)&t->starts, &t->cap_starts, TR_ROOM, 1) &&
	       tr_grow((void **)&t->stack, &t->cap_stack, TR_ROOM, sizeof(*t->stack)) &&
	       tr_grow((void **)&t->ctl, &t->cap_ctl, TR_ROOM, sizeof(*t->ctl));
}

static struct wasm_translator *translator(struct wasm_store *s)
{
	struct wasm_interp *in = wasm__interp(s);

	if (!in->tr) {
		in->tr = base_zalloc(sizeof(*in->tr));
		if (!in->tr)
			return NULL;
		in->tr->st = s;
	}
	return room(in->tr) ? in->tr : NULL;
}

void wasm__translator_destroy(struct wasm_translator *t)
{
	if (!t)
		return;
	base_free(t->ops);
	base_free(t->stack);
	base_free(t->ctl);
	base_free(t->local_slot);
	base_free(t->local_type);
	base_free(t->local_top);
	base_free(t->nodes);
	base_free(t->safepoints);
	base_free(t->handlers);
	base_free(t->loops);
	base_free(t->starts);
	base_free(t);
}

static void run(struct wasm_translator *t, struct wasm_instance *i, const struct wasm_func *f)
{
	reset(t, i);
	if (prologue(t, f))
		body(t, f->body);
}

enum wasm_trap wasm__translate(struct wasm_store *s, struct wasm_rt_func *f)
{
	struct wasm_translator *t = translator(s);
	struct wasm_module *m = (struct wasm_module *)(uintptr_t)f->inst->module;
	struct wasm_body *b;
	struct err e = { 0 };

	if (!t)
		return WASM_TRAP_OUT_OF_MEMORY;
	if (f->body) {
		f->entry = f->body->code;
		return WASM_OK;
	}
	if (m->features & WASM_LAZY_BODIES && wasm_module_validate_body(m, f->index, &e))
		return wasm_store_trap(s, "%s", e.msg);
	run(t, f->inst, &m->funcs[f->index]);
	if (t->trap == WASM_TRAP_STACK)
		return wasm_store_trap(s, "function %u needs more than %d slots of frame", f->index,
				       FRAME_SLOTS_MAX);
	if (t->trap)
		return t->trap;
	b = finish(t);
	if (!b)
		return WASM_TRAP_OUT_OF_MEMORY;
	b->func = f;
	f->body = b;
	f->entry = b->code;
	return WASM_OK;
}

struct wasm_body *wasm__translate_const(struct wasm_instance *i, struct wasm_code expr,
					struct wasm_type type, struct err *e)
{
	struct wasm_translator *t = translator(i->store);
	struct wasm_op *op;

	(void)e;
	if (!t)
		return NULL;
	reset(t, i);
	t->fuel = false;
	t->param_slots = 0;
	t->results = &type;
	t->nresults = 1;
	t->result_slots = tr_type_slots(&type, 1);
	t->base = t->max_slot = WASM_FRAME_SLOTS;
	op = tr_emit(t, wasm__op_enter0, 1);
	op->a = WASM_FRAME_SLOTS;
	body(t, expr);
	return t->trap ? NULL : finish(t);
}

/* Translated once more, with the offsets written down. */
static uint32_t *offsets_of(const struct wasm_body *b)
{
	const struct wasm_rt_func *f = b->func;
	struct wasm_translator *t = translator(f->inst->store);
	uint32_t *offsets = base_calloc(b->nops, sizeof(*offsets));

	if (!t || !offsets) {
		base_free(offsets);
		return NULL;
	}
	t->offsets = offsets;
	t->cap_offsets = b->nops;
	t->insn_off = f->inst->module->funcs[f->index].body.off;
	run(t, f->inst, &f->inst->module->funcs[f->index]);
	t->offsets = NULL;
	return offsets;
}

/* Kept: traps ask for many frames of few functions. */
uint32_t wasm__translate_offset(struct wasm_body *b, uint32_t pos)
{
	if (b->func->body != b || pos >= b->nops)
		return 0;
	if (!b->offsets)
		b->offsets = offsets_of(b);
	return b->offsets ? b->offsets[pos] : 0;
}
