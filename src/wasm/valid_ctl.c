/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of control (core spec 3.4.1 and 3.4.2): blocks, branches, calls,
 * exceptions of both kinds, parametric instructions; see valid.h.
 */
#include "wasm/valid.h"

#include <assert.h>

#include "base/alloc.h"

static const struct wasm_type nothing;  /* WASM_BOT */

/* ---- frames ---- */

static const struct wasm_type *results_of(const struct wasm__frame *f)
{
	return f->types ? f->types + f->nparams : &f->one;
}

/* What a branch to the frame takes along. */
static const struct wasm_type *label_types(const struct wasm__frame *f, uint32_t *n)
{
	if (f->kind == WASM__FRAME_LOOP) {
		*n = f->nparams;
		return f->types ? f->types : &f->one;
	}
	*n = f->nresults;
	return results_of(f);
}

int wasm__frame_push(struct wasm__valid *v, enum wasm__frame_kind kind,
		     const struct wasm_type *types, uint32_t nparams, uint32_t nresults,
		     struct wasm_type one)
{
	if (v->nframes >= WASM_MAX_NESTING)
		return wasm__bad(v, E2BIG, "too many nested blocks: at most %d", WASM_MAX_NESTING);
	if (v->nframes == v->frame_cap) {
		uint32_t cap = MAX(v->frame_cap * 2, 32u);
		struct wasm__frame *more;

		more = base_realloc(v->frames, cap * sizeof(*more));
		if (!more)
			return wasm__oom(v);
		v->frames = more;
		v->frame_cap = cap;
	}
	v->frames[v->nframes++] = (struct wasm__frame){
		.kind = kind, .height = v->sp, .inits = v->nundo, .types = types,
		.nparams = nparams, .nresults = nresults, .one = one,
	};
	v->base = v->sp;
	return wasm__push_n(v, types, nparams);
}

static void set_unreachable(struct wasm__valid *v)
{
	v->sp = v->base;
	wasm__top(v)->unreachable = true;
}

/* Locals that got a value in the frame have none behind it (3.4.14). */
static void undo_sets(struct wasm__valid *v, const struct wasm__frame *f)
{
	while (v->nundo > f->inits)
		v->set[v->undo[--v->nundo]] = 0;
}

/* The innermost frame's results are what is there, no more. */
static int check_results(struct wasm__valid *v)
{
	const struct wasm__frame *f = wasm__top(v);
	uint32_t have = v->sp - v->base;

	if (have > f->nresults && wasm__matches(v, results_of(f), f->nresults))
		return wasm__leftover(v, results_of(f), f->nresults);
	return wasm__pop_n(v, results_of(f), f->nresults);
}

/* An if without else leaves its parameters as results. */
static int check_no_else(struct wasm__valid *v, const struct wasm__frame *f)
{
	bool ok = f->nparams == f->nresults;

	for (uint32_t i = 0; ok && i < f->nparams; i++)
		ok = wasm_type_sub(v->store, f->types[i], results_of(f)[i]);
	return ok ? 0 : wasm__bad(v, EINVAL, "type mismatch: if without else has results that are "
				  "not its parameters");
}

static int frame_pop(struct wasm__valid *v)
{
	struct wasm__frame f = *wasm__top(v);

	undo_sets(v, &f);
	v->nframes--;
	if (!v->nframes)
		return 0;
	v->base = wasm__top(v)->height;
	return wasm__push_n(v, f.types ? f.types + f.nparams : &f.one, f.nresults);
}

/* The frame's second part begins: else, catch. */
static void frame_again(struct wasm__valid *v, enum wasm__frame_kind kind)
{
	struct wasm__frame *f = wasm__top(v);

	undo_sets(v, f);
	f->kind = kind;
	f->unreachable = false;
	v->sp = v->base;
}

/* ---- blocks ---- */

struct signature {
	const struct wasm_type *types;
	uint32_t nparams, nresults;
	struct wasm_type one;
};

static int block_type(struct wasm__valid *v, const struct wasm_insn *in, struct signature *s)
{
	const struct wasm_deftype *t;
	uint32_t id;
	int r;

	*s = (struct signature){ .types = NULL };
	if (in->a == WASM_BLOCK_INLINE) {
		s->nresults = wasm_type_kind(in->type) != WASM_BOT;
		return wasm__type(v, in->type, &s->one);
	}
	r = wasm__deftype(v, in->a, WASM_COMP_FUNC, &id, &t);
	if (r)
		return r;
	*s = (struct signature){ t->types, t->nparams, t->nresults, nothing };
	return 0;
}

static int check_block(struct wasm__valid *v, const struct wasm_insn *in,
		       enum wasm__frame_kind kind)
{
	struct signature s;
	int r = block_type(v, in, &s);

	if (!r && kind == WASM__FRAME_IF)
		r = wasm__pop(v, wasm_type_num(WASM_I32));
	if (!r)
		r = wasm__pop_n(v, s.types, s.nparams);
	return r ? r : wasm__frame_push(v, kind, s.types, s.nparams, s.nresults, s.one);
}

static int check_else(struct wasm__valid *v)
{
	const struct wasm__frame *f = wasm__top(v);
	int r;

	if (f->kind != WASM__FRAME_IF)
		return wasm__bad(v, EILSEQ, "END opcode expected");
	r = check_results(v);
	if (r)
		return r;
	frame_again(v, WASM__FRAME_ELSE);
	return wasm__push_n(v, f->types, f->nparams);
}

static int check_end(struct wasm__valid *v)
{
	int r = check_results(v);

	if (!r && wasm__top(v)->kind == WASM__FRAME_IF)
		r = check_no_else(v, wasm__top(v));
	return r ? r : frame_pop(v);
}

/* ---- branches ---- */

static int label(struct wasm__valid *v, uint32_t x, const struct wasm_type **types, uint32_t *n)
{
	if (x >= v->nframes)
		return wasm__bad(v, EINVAL, "unknown label %u", x);
	*types = label_types(&v->frames[v->nframes - 1 - x], n);
	return 0;
}

static int check_br(struct wasm__valid *v, uint32_t x, bool conditional)
{
	const struct wasm_type *types;
	uint32_t n;
	int r = label(v, x, &types, &n);

	if (!r && conditional)
		r = wasm__pop(v, wasm_type_num(WASM_I32));
	if (!r)
		r = wasm__pop_n(v, types, n);
	if (r)
		return r;
	if (conditional)
		return wasm__push_n(v, types, n);
	set_unreachable(v);
	return 0;
}

/* Thousands of labels may each take a thousand operands, but of few lists of
 * types: was this one compared?  Remembers most of them. */
enum { SEEN = 4096, SEEN_LABELS = 64 };
static bool was_seen(struct wasm__valid *v, const struct wasm_type *types)
{
	struct wasm__seen *s;

	if (!v->seen)
		return false;
	s = &v->seen[((uintptr_t)types >> 2) * 0x9e3779b97f4a7c15u >> 52];
	if (s->types == types && s->mark == v->mark)
		return true;
	*s = (struct wasm__seen){ types, v->mark };
	return false;
}
_Static_assert(SEEN == 1 << (64 - 52), "the hash is an index");

/* All labels take the same operands; each frame is compared once. */
static int check_br_table(struct wasm__valid *v, const struct wasm_insn *in)
{
	const uint8_t *list = in->list;
	uint32_t arity = UINT32_MAX, n;
	const struct wasm_type *types;
	int r = wasm__pop(v, wasm_type_num(WASM_I32));

	v->mark++;
	if (!r && in->n > SEEN_LABELS && !v->seen) {
		v->seen = base_calloc(SEEN, sizeof(*v->seen));
		if (!v->seen)
			return wasm__oom(v);
	}
	for (uint32_t i = 0; !r && i <= in->n; i++) {
		uint32_t x = wasm_op_next_label(&list);

		r = label(v, x, &types, &n);
		if (r || v->frames[v->nframes - 1 - x].mark == v->mark)
			continue;
		v->frames[v->nframes - 1 - x].mark = v->mark;
		if (arity != UINT32_MAX && n != arity)
			return wasm__bad(v, EINVAL, "type mismatch: labels take %u and %u operands",
					 arity, n);
		arity = n;
		if (n > 8 && was_seen(v, types))
			continue;
		if (!wasm__matches(v, types, n))
			return wasm__mismatch(v, types, n);
	}
	if (!r)
		set_unreachable(v);
	return r;
}

static int check_br_on_null(struct wasm__valid *v, uint32_t x)
{
	const struct wasm_type *types;
	struct wasm_type ref;
	uint32_t n;
	int r = label(v, x, &types, &n);

	if (!r)
		r = wasm__pop_ref(v, &ref);
	if (!r)
		r = wasm__pop_n(v, types, n);
	if (!r)
		r = wasm__push_n(v, types, n);
	return r ? r : wasm__push(v, wasm_type_ref(wasm_type_heap(ref), false));
}

/* The label's last type is the reference that branches there. */
static int split_label(struct wasm__valid *v, uint32_t x, const struct wasm_type **types,
		       uint32_t *n, struct wasm_type *last)
{
	int r = label(v, x, types, n);

	if (r)
		return r;
	if (!*n || !wasm_type_is_ref((*types)[*n - 1]))
		return wasm__bad(v, EINVAL, "type mismatch: instruction requires reference type but "
				 "label has another");
	*last = (*types)[--*n];
	return 0;
}

static int check_br_on_non_null(struct wasm__valid *v, uint32_t x)
{
	const struct wasm_type *types;
	struct wasm_type last = nothing;
	uint32_t n;
	int r = split_label(v, x, &types, &n, &last);

	if (!r)
		r = wasm__pop(v, wasm_type_ref(wasm_type_heap(last), true));
	if (!r)
		r = wasm__pop_n(v, types, n);
	return r ? r : wasm__push_n(v, types, n);
}

/* rt1 without what is in rt2 (3.4.4). */
static struct wasm_type difference(struct wasm_type a, struct wasm_type b)
{
	return wasm_type_ref(wasm_type_heap(a), wasm_type_nullable(a) && !wasm_type_nullable(b));
}

static int check_br_on_cast(struct wasm__valid *v, const struct wasm_insn *in, bool fail)
{
	const struct wasm_type *types;
	struct wasm_type from, to, taken, rest, last = nothing;
	uint32_t n, h1, h2;
	int r = wasm__heap(v, in->heap, &h1);

	if (!r)
		r = wasm__heap(v, in->heap2, &h2);
	if (r)
		return r;
	from = wasm_type_ref(h1, in->flags & 1);
	to = wasm_type_ref(h2, in->flags & 2);
	if (!wasm_type_sub(v->store, to, from))
		return wasm__bad(v, EINVAL, "type mismatch on cast: type does not match");
	taken = fail ? difference(from, to) : to;
	rest = fail ? to : difference(from, to);
	r = split_label(v, in->a, &types, &n, &last);
	if (!r && !wasm_type_sub(v->store, taken, last))
		return wasm__bad(v, EINVAL, "type mismatch: the label does not take the reference");
	if (!r)
		r = wasm__pop(v, from);
	if (!r)
		r = wasm__pop_n(v, types, n);
	if (!r)
		r = wasm__push_n(v, types, n);
	return r ? r : wasm__push(v, rest);
}

/* ---- calls ---- */

static int finish_call(struct wasm__valid *v, const struct wasm_deftype *t, bool tail)
{
	const struct wasm_type *results = t->types + t->nparams;
	bool ok = true;
	int r;

	if (tail) {
		const struct wasm_type *mine = v->type->types + v->type->nparams;

		ok = t->nresults == v->type->nresults;
		for (uint32_t i = 0; ok && i < t->nresults; i++)
			ok = wasm_type_sub(v->store, results[i], mine[i]);
		if (!ok)
			return wasm__bad(v, EINVAL, "type mismatch: callee's results are not the "
					 "current function's");
	}
	r = wasm__pop_n(v, t->types, t->nparams);
	if (r)
		return r;
	if (!tail)
		return wasm__push_n(v, results, t->nresults);
	set_unreachable(v);
	return 0;
}

static int check_call(struct wasm__valid *v, uint32_t x, bool tail)
{
	if (x >= v->m->nfuncs)
		return wasm__bad(v, EINVAL, "unknown function %u", x);
	return finish_call(v, wasm_type_get(v->store, v->m->funcs[x].type), tail);
}

static int check_call_indirect(struct wasm__valid *v, const struct wasm_insn *in, bool tail)
{
	const struct wasm_deftype *t;
	const struct wasm_table *table;
	uint32_t id;
	int r;

	if (in->b >= v->m->ntables)
		return wasm__bad(v, EINVAL, "unknown table %u", in->b);
	table = &v->m->tables[in->b];
	r = wasm__deftype(v, in->a, WASM_COMP_FUNC, &id, &t);
	if (r)
		return r;
	if (!wasm_type_sub(v->store, table->type, wasm_type_ref(WASM_HEAP_FUNC, true)))
		return wasm__bad(v, EINVAL, "type mismatch: instruction requires table of function "
				 "type");
	r = wasm__pop(v, wasm__address(table->limits.is64));
	return r ? r : finish_call(v, t, tail);
}

static int check_call_ref(struct wasm__valid *v, uint32_t x, bool tail)
{
	const struct wasm_deftype *t;
	uint32_t id;
	int r = wasm__deftype(v, x, WASM_COMP_FUNC, &id, &t);

	if (!r)
		r = wasm__pop(v, wasm_type_ref(id, true));
	return r ? r : finish_call(v, t, tail);
}

static int check_return(struct wasm__valid *v)
{
	const struct wasm_deftype *t = v->type;
	int r = wasm__pop_n(v, t->types + t->nparams, t->nresults);

	if (!r)
		set_unreachable(v);
	return r;
}

/* ---- exceptions ---- */

static int tag_type(struct wasm__valid *v, uint32_t x, const struct wasm_deftype **t)
{
	if (x >= v->m->ntags)
		return wasm__bad(v, EINVAL, "unknown tag %u", x);
	*t = wasm_type_get(v->store, v->m->tags[x].type);
	return 0;
}

static int check_throw(struct wasm__valid *v, uint32_t x)
{
	const struct wasm_deftype *t = NULL;
	int r = tag_type(v, x, &t);

	if (!r)
		r = wasm__pop_n(v, t->types, t->nparams);
	if (!r)
		set_unreachable(v);
	return r;
}

static int check_throw_ref(struct wasm__valid *v)
{
	int r = wasm__pop(v, wasm_type_ref(WASM_HEAP_EXN, true));

	if (!r)
		set_unreachable(v);
	return r;
}

/* The label takes the tag's values and, by _ref, the exception. */
static int check_catch(struct wasm__valid *v, const struct wasm_catch *c)
{
	const struct wasm_type *types, exn = wasm_type_ref(WASM_HEAP_EXN, false);
	const struct wasm_deftype *t = NULL;
	uint32_t n, values = 0;
	bool with_ref = c->kind == WASM_CATCH_REF || c->kind == WASM_CATCH_ALL_REF, ok;
	int r = c->kind <= WASM_CATCH_REF ? tag_type(v, c->tag, &t) : 0;

	if (!r)
		r = label(v, c->label, &types, &n);
	if (r)
		return r;
	if (t)
		values = t->nparams;
	ok = n == values + with_ref;
	for (uint32_t i = 0; ok && i < values; i++)
		ok = wasm_type_sub(v->store, t->types[i], types[i]);
	if (ok && with_ref)
		ok = wasm_type_sub(v->store, exn, types[n - 1]);
	return ok ? 0 : wasm__bad(v, EINVAL, "type mismatch: the label does not take what the catch "
				  "handler has");
}

static int check_try_table(struct wasm__valid *v, const struct wasm_insn *in)
{
	const uint8_t *list = in->list;
	struct signature s;
	int r = block_type(v, in, &s);

	if (!r)
		r = wasm__pop_n(v, s.types, s.nparams);
	for (uint32_t i = 0; !r && i < in->n; i++) {
		struct wasm_catch c;

		wasm_op_next_catch(&list, &c);
		r = check_catch(v, &c);
	}
	return r ? r : wasm__frame_push(v, WASM__FRAME_TRY_TABLE, s.types, s.nparams, s.nresults,
					s.one);
}

/* ---- legacy exceptions ---- */

static int check_legacy_catch(struct wasm__valid *v, const struct wasm_insn *in, bool all)
{
	uint8_t kind = wasm__top(v)->kind;
	const struct wasm_deftype *t = NULL;
	int r = 0;

	if (kind != WASM__FRAME_TRY && kind != WASM__FRAME_CATCH)
		return wasm__bad(v, EILSEQ, "unexpected token catch: END opcode expected");
	if (!all)
		r = tag_type(v, in->a, &t);
	if (!r)
		r = check_results(v);
	if (r)
		return r;
	frame_again(v, all ? WASM__FRAME_CATCH_ALL : WASM__FRAME_CATCH);
	return t ? wasm__push_n(v, t->types, t->nparams) : 0;
}

static int check_delegate(struct wasm__valid *v, uint32_t x)
{
	int r;

	if (wasm__top(v)->kind != WASM__FRAME_TRY)
		return wasm__bad(v, EILSEQ, "unexpected token delegate: END opcode expected");
	if (x >= v->nframes - 1)
		return wasm__bad(v, EINVAL, "unknown label %u", x);
	r = check_results(v);
	return r ? r : frame_pop(v);
}

static int check_rethrow(struct wasm__valid *v, uint32_t x)
{
	uint8_t kind;

	if (x >= v->nframes)
		return wasm__bad(v, EINVAL, "unknown label %u", x);
	kind = v->frames[v->nframes - 1 - x].kind;
	if (kind != WASM__FRAME_CATCH && kind != WASM__FRAME_CATCH_ALL)
		return wasm__bad(v, EINVAL, "invalid rethrow label");
	set_unreachable(v);
	return 0;
}

/* ---- parametric ---- */

static int check_select(struct wasm__valid *v)
{
	struct wasm_type a, b;
	int r = wasm__pop(v, wasm_type_num(WASM_I32));

	if (!r)
		r = wasm__pop_any(v, &b);
	if (!r)
		r = wasm__pop_any(v, &a);
	if (r)
		return r;
	if (wasm_type_is_ref(a) || wasm_type_is_ref(b))
		return wasm__bad(v, EINVAL, "type mismatch: instruction requires numeric or vector "
				 "type");
	if (wasm_type_kind(a) == WASM_BOT)
		a = b;
	if (wasm_type_kind(b) != WASM_BOT && a.bits != b.bits)
		return wasm__bad(v, EINVAL, "type mismatch: operands of select differ");
	return wasm__push(v, a);
}

static int check_select_t(struct wasm__valid *v, const struct wasm_insn *in)
{
	struct wasm_type t, want[3];
	int r;

	if (in->n != 1)
		return wasm__bad(v, EINVAL,
				 "invalid result arity other than 1 is not (yet) allowed");
	r = wasm__type(v, in->type, &t);
	want[0] = want[1] = t;
	want[2] = wasm_type_num(WASM_I32);
	return r ? r : wasm__apply(v, want, 3, t);
}

static int check_drop(struct wasm__valid *v)
{
	struct wasm_type t;

	return wasm__pop_any(v, &t);
}

int wasm__check_control(struct wasm__valid *v, const struct wasm_insn *in)
{
	switch (wasm_ops[in->row].code) {
	case WASM_OP_UNREACHABLE:
		set_unreachable(v);
		return 0;
	case WASM_OP_NOP:
		return 0;
	case WASM_OP_BLOCK:
		return check_block(v, in, WASM__FRAME_BLOCK);
	case WASM_OP_LOOP:
		return check_block(v, in, WASM__FRAME_LOOP);
	case WASM_OP_IF:
		return check_block(v, in, WASM__FRAME_IF);
	case WASM_OP_ELSE:
		return check_else(v);
	case WASM_OP_END:
		return check_end(v);
	case WASM_OP_BR: case WASM_OP_BR_IF:
		return check_br(v, in->a, in->row == WASM_ROW_BR_IF);
	case WASM_OP_BR_TABLE:
		return check_br_table(v, in);
	case WASM_OP_BR_ON_NULL:
		return check_br_on_null(v, in->a);
	case WASM_OP_BR_ON_NON_NULL:
		return check_br_on_non_null(v, in->a);
	case WASM_OP_BR_ON_CAST: case WASM_OP_BR_ON_CAST_FAIL:
		return check_br_on_cast(v, in, in->row == WASM_ROW_BR_ON_CAST_FAIL);
	case WASM_OP_RETURN:
		return check_return(v);
	case WASM_OP_CALL: case WASM_OP_RETURN_CALL:
		return check_call(v, in->a, in->row == WASM_ROW_RETURN_CALL);
	case WASM_OP_CALL_INDIRECT: case WASM_OP_RETURN_CALL_INDIRECT:
		return check_call_indirect(v, in, in->row == WASM_ROW_RETURN_CALL_INDIRECT);
	case WASM_OP_CALL_REF: case WASM_OP_RETURN_CALL_REF:
		return check_call_ref(v, in->a, in->row == WASM_ROW_RETURN_CALL_REF);
	case WASM_OP_THROW:
		return check_throw(v, in->a);
	case WASM_OP_THROW_REF:
		return check_throw_ref(v);
	case WASM_OP_TRY_TABLE:
		return check_try_table(v, in);
	case WASM_OP_TRY:
		return check_block(v, in, WASM__FRAME_TRY);
	case WASM_OP_CATCH: case WASM_OP_CATCH_ALL:
		return check_legacy_catch(v, in, in->row == WASM_ROW_CATCH_ALL);
	case WASM_OP_DELEGATE:
		return check_delegate(v, in->a);
	case WASM_OP_RETHROW:
		return check_rethrow(v, in->a);
	case WASM_OP_DROP:
		return check_drop(v);
	case WASM_OP_SELECT:
		return check_select(v);
	case WASM_OP_SELECT_T:
		return check_select_t(v, in);
	default:
		assert(!"an instruction in op.def without typing");
		return wasm__bad(v, EILSEQ, "illegal opcode");
	}
}
