/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validator's loop: instructions whose typing is plain (a signature in
 * op.def), loads and stores, locals and globals; the rest goes to valid_ctl.c
 * and valid_ref.c.  See valid.h.
 */
#include "wasm/valid.h"

#include "base/alloc.h"

/* ---- the table of plain instructions ---- */

enum { ADDRESS = 15 };  /* the memory's address type, in place of a kind */

struct rule {
	uint8_t imm;
	uint8_t plain;          /* typed by the following */
	uint8_t npop, push;     /* enum wasm_kind; 0: nothing */
	uint8_t pop[3];
	uint8_t constant;       /* allowed in constant expressions */
};

#define KIND(c) \
	((c) == 'i' ? WASM_I32 : (c) == 'I' ? WASM_I64 : (c) == 'f' ? WASM_F32 : \
	 (c) == 'F' ? WASM_F64 : (c) == 'V' ? WASM_V128 : (c) == 'x' ? ADDRESS : 0)
/* Character i of a string constant; 0 behind its end. */
#define CH(s, i) ((s)[(i) < sizeof(s) ? (i) : sizeof(s) - 1])
#define NPOP(s) \
	(CH(s, 0) == ':' ? 0 : CH(s, 1) == ':' ? 1 : CH(s, 2) == ':' ? 2 : 3)
#define IS_CONST(code) \
	(((code) >= 0x41 && (code) <= 0x44) || ((code) >= 0x6a && (code) <= 0x6c) || \
	 ((code) >= 0x7c && (code) <= 0x7e) || (code) == 0x23 || (code) == 0x0b || \
	 (code) == 0xd0 || (code) == 0xd2 || (code) == 0xfb0000 || (code) == 0xfb0001 || \
	 ((code) >= 0xfb0006 && (code) <= 0xfb0008) || \
	 ((code) >= 0xfb001a && (code) <= 0xfb001c) || (code) == 0xfd000c)

static const struct rule rules[WASM_ROWS] = {
#define OP(id, code, text, imm, sig, sem) \
	{ WASM_IMM_##imm, CH(sig, 0) != '*', NPOP(sig), KIND(CH(sig, NPOP(sig) + 1)), \
	  { KIND(CH(sig, 0)), KIND(CH(sig, 1)), KIND(CH(sig, 2)) }, IS_CONST(code) },
#include "wasm/op.def"
#undef OP
};

/* ---- locals ---- */

static uint32_t run_of(const struct wasm__valid *v, uint32_t x)
{
	uint32_t lo = 0, hi = v->nruns;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (v->run_end[mid] <= x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static inline int local_type(struct wasm__valid *v, uint32_t x, struct wasm_type *out)
{
	if (LIKELY(x < v->nexpanded))
		*out = v->locals[x];
	else if (x >= v->nlocals)
		return wasm__bad(v, EINVAL, "unknown local %u", x);
	else
		*out = x < v->nparams ? v->params[x] : v->runs[run_of(v, x)].type;
	return 0;
}

static inline bool has_default(struct wasm_type t)
{
	return !wasm_type_is_ref(t) || wasm_type_nullable(t);
}

static int local_get(struct wasm__valid *v, uint32_t x)
{
	struct wasm_type t = { 0 };
	int r = local_type(v, x, &t);

	if (r)
		return r;
	if (UNLIKELY(!has_default(t)) && x >= v->nparams && !v->set[x])
		return wasm__bad(v, EINVAL, "uninitialized local %u", x);
	return wasm__push(v, t);
}

static int mark_set(struct wasm__valid *v, uint32_t x)
{
	if (v->nundo == v->undo_cap) {
		uint32_t cap = MAX(v->undo_cap * 2, 64u);
		uint32_t *more = base_realloc(v->undo, cap * sizeof(*more));

		if (!more)
			return wasm__oom(v);
		v->undo = more;
		v->undo_cap = cap;
	}
	v->set[x] = 1;
	v->undo[v->nundo++] = x;
	return 0;
}

static int local_set(struct wasm__valid *v, uint32_t x, bool tee)
{
	struct wasm_type t = { 0 };
	int r = local_type(v, x, &t);

	if (!r)
		r = wasm__pop(v, t);
	if (!r && UNLIKELY(!has_default(t)) && x >= v->nparams && !v->set[x])
		r = mark_set(v, x);
	return r || !tee ? r : wasm__push(v, t);
}

static int global_get(struct wasm__valid *v, uint32_t x)
{
	if (x >= v->m->nglobals)
		return wasm__bad(v, EINVAL, "unknown global %u", x);
	if (v->constant && v->m->globals[x].mutable_)
		return wasm__bad(v, EINVAL, "constant expression required");
	return wasm__push(v, v->m->globals[x].type);
}

static int global_set(struct wasm__valid *v, uint32_t x)
{
	if (x >= v->m->nglobals)
		return wasm__bad(v, EINVAL, "unknown global %u", x);
	if (!v->m->globals[x].mutable_)
		return wasm__bad(v, EINVAL, "immutable global %u", x);
	return wasm__pop(v, v->m->globals[x].type);
}

/* ---- plain instructions ---- */

/* x in the signature became the kind `address`. */
static int apply_rule(struct wasm__valid *v, const struct rule *rule, enum wasm_kind address)
{
	uint32_t n = rule->npop;
	struct wasm_type want[3];
	bool same = n && v->sp - v->base >= n;

	for (uint32_t i = 0; i < n; i++) {
		want[i] = wasm_type_num(rule->pop[i] == ADDRESS ? address :
					(enum wasm_kind)rule->pop[i]);
		same = same && v->stack[v->sp - n + i].bits == want[i].bits;
	}
	if (LIKELY(same)) {
		v->sp -= n;
		if (rule->push)
			v->stack[v->sp++] = wasm_type_num(rule->push);
		return 0;
	}
	return wasm__apply(v, want, n, wasm_type_num(rule->push));
}

static int check_memarg(struct wasm__valid *v, const struct wasm_insn *in, const struct rule *rule)
{
	const struct wasm_memarg *a = &in->mem;
	const struct wasm_memory *mem;
	uint32_t code = wasm_ops[in->row].code;
	unsigned natural = wasm_op_align(code);

	if (a->mem >= v->m->nmemories)
		return wasm__bad(v, EINVAL, "unknown memory %u", a->mem);
	mem = &v->m->memories[a->mem];
	if (a->align > natural)
		return wasm__bad(v, EINVAL, "alignment must not be larger than natural");
	if (code >> 16 == 0xfe && a->align != natural)
		return wasm__bad(v, EINVAL, "atomic alignment must be natural");
	if (!mem->limits.is64 && a->offset >> 32)
		return wasm__bad(v, EINVAL, "offset out of range");
	if (in->imm == WASM_IMM_MEMARG_LANE && in->lane >= 16u >> natural)
		return wasm__bad(v, EINVAL, "invalid lane index");
	return apply_rule(v, rule, mem->limits.is64 ? WASM_I64 : WASM_I32);
}

static int check_lanes(struct wasm__valid *v, const struct wasm_insn *in)
{
	if (in->imm == WASM_IMM_LANE && in->lane >= wasm_op_lanes(wasm_ops[in->row].code))
		return wasm__bad(v, EINVAL, "invalid lane index");
	for (unsigned i = 0; in->imm == WASM_IMM_LANES16 && i < 16; i++)
		if (in->bytes[i] >= 32)
			return wasm__bad(v, EINVAL, "invalid lane index");
	return 0;
}

/* Instructions of features that are off do not exist. */
static bool allowed(const struct wasm__valid *v, uint32_t code)
{
	if (code >> 16 == 0xfe)
		return v->m->features & WASM_FEATURE_THREADS;
	switch (code) {
	case WASM_OP_TRY: case WASM_OP_CATCH: case WASM_OP_RETHROW: case WASM_OP_DELEGATE:
	case WASM_OP_CATCH_ALL:
		return v->m->features & WASM_FEATURE_LEGACY_EH;
	default:
		return true;
	}
}

static int illegal(struct wasm__valid *v)
{
	const uint8_t *p = v->at + 1;
	uint32_t number;

	if (*v->at >= 0xfb && *v->at <= 0xfe && !wasm_leb_u32(&p, v->end, &number))
		return wasm__bad(v, EILSEQ, "illegal opcode %02x %02x", *v->at, number);
	return wasm__bad(v, EILSEQ, "illegal opcode %02x", *v->at);
}

static int malformed(struct wasm__valid *v, const char *why)
{
	if (why == wasm_op_illegal)
		return illegal(v);
	v->at = v->p;
	return wasm__bad(v, EILSEQ, "%s", why);
}

static int check_other(struct wasm__valid *v, const struct wasm_insn *in, const struct rule *rule)
{
	uint32_t code = wasm_ops[in->row].code;

	if (!allowed(v, code))
		return illegal(v);
	switch (in->imm) {
	case WASM_IMM_MEMARG: case WASM_IMM_MEMARG_LANE:
		return check_memarg(v, in, rule);
	case WASM_IMM_LANE: case WASM_IMM_LANES16: {
		int r = check_lanes(v, in);

		return r ? r : apply_rule(v, rule, WASM_I32);
	}
	default:
		break;
	}
	if (rule->plain)
		return apply_rule(v, rule, WASM_I32);
	switch (code) {
	case WASM_OP_LOCAL_GET:
		return local_get(v, in->a);
	case WASM_OP_LOCAL_SET: case WASM_OP_LOCAL_TEE:
		return local_set(v, in->a, code == WASM_OP_LOCAL_TEE);
	case WASM_OP_GLOBAL_GET:
		return global_get(v, in->a);
	case WASM_OP_GLOBAL_SET:
		return global_set(v, in->a);
	default:
		return code <= WASM_OP_SELECT_T || code == WASM_OP_TRY_TABLE ||
			code == WASM_OP_BR_ON_NULL || code == WASM_OP_BR_ON_NON_NULL ||
			code == WASM_OP_BR_ON_CAST || code == WASM_OP_BR_ON_CAST_FAIL ?
			wasm__check_control(v, in) : wasm__check_reference(v, in);
	}
}

/* What is not constant may still be malformed further on, which is the worse
 * fault: read to the end of the expression. */
static int not_constant(struct wasm__valid *v)
{
	const uint8_t *at = v->at;
	struct wasm_insn in;
	uint32_t depth = 1;

	v->p = at;
	while (depth) {
		const char *why;
		uint32_t code;

		v->at = v->p;
		why = wasm_op_decode(&v->p, v->end, &in);
		if (why)
			return malformed(v, why);
		code = wasm_ops[in.row].code;
		if (!allowed(v, code))
			return illegal(v);
		depth += in.imm == WASM_IMM_BLOCK || in.imm == WASM_IMM_TRY_TABLE;
		depth -= code == WASM_OP_END || code == WASM_OP_DELEGATE;
	}
	v->at = at;
	return wasm__bad(v, EINVAL, "constant expression required");
}

/* One instruction in general. */
static int step(struct wasm__valid *v)
{
	struct wasm_insn in;
	const struct rule *rule;
	const char *why = wasm_op_decode(&v->p, v->end, &in);

	if (UNLIKELY(why))
		return malformed(v, why);
	rule = &rules[in.row];
	if (UNLIKELY(v->constant) && !rule->constant)
		return not_constant(v);
	return check_other(v, &in, rule);
}

/* A load or store of memory 0 whose offset is below 128. */
static int plain_access(struct wasm__valid *v, uint8_t code, uint8_t align)
{
	const struct wasm_memory *mem = v->m->memories;

	if (!v->m->nmemories)
		return wasm__bad(v, EINVAL, "unknown memory 0");
	if (align > wasm_op_align(code))
		return wasm__bad(v, EINVAL, "alignment must not be larger than natural");
	return apply_rule(v, &rules[WASM_ROW_I32_LOAD + (code - 0x28)],
			  mem->limits.is64 ? WASM_I64 : WASM_I32);
}

/* The instructions that make up most of a body, without going through all
 * that step() provides for; everything unusual falls through to it. */
static int run(struct wasm__valid *v)
{
	int r = 0;

	while (!r && v->nframes) {
		const uint8_t *p = v->p;

		v->at = p;
		if (UNLIKELY(v->end - p < 2 || v->constant)) {
			r = step(v);
			continue;
		}
		if (*p >= 0x45 && *p <= 0xc4) {
			const struct rule *rule = &rules[WASM_ROW_I32_EQZ + (*p - 0x45)];

			v->p = p + 1;
			r = apply_rule(v, rule, WASM_I32);
		} else if (*p >= 0x20 && *p <= 0x22 && p[1] < 0x80) {
			v->p = p + 2;
			r = *p == 0x20 ? local_get(v, p[1]) : local_set(v, p[1], *p == 0x22);
		} else if (*p >= 0x28 && *p <= 0x3e && v->end - p > 2 && p[1] < 0x40 &&
			   p[2] < 0x80) {
			v->p = p + 3;
			r = plain_access(v, *p, p[1]);
		} else if (*p == 0x41 && p[1] < 0x80) {
			v->p = p + 2;
			r = wasm__push(v, wasm_type_num(WASM_I32));
		} else {
			r = step(v);
		}
	}
	return r;
}
_Static_assert(WASM_ROW_I64_STORE32 - WASM_ROW_I32_LOAD == 0x3e - 0x28, "likewise, of loads");
_Static_assert(WASM_ROW_I64_EXTEND32_S - WASM_ROW_I32_EQZ == 0xc4 - 0x45,
	       "rows of one-byte numeric instructions are in the order of their codes");

/* ---- bodies ---- */

static int read_run(struct wasm__valid *v, struct wasm_local_run *run)
{
	const char *why = wasm_leb_u32(&v->p, v->end, &run->count);

	v->at = v->p;
	if (!why)
		why = wasm_read_valtype(&v->p, v->end, &run->type);
	if (why)
		return malformed(v, why);
	return wasm__type(v, run->type, &run->type);
}

static int read_runs(struct wasm__valid *v, uint32_t n, struct wasm_local_run *runs)
{
	uint64_t total = v->nparams;

	for (uint32_t i = 0; i < n; i++) {
		int r = read_run(v, &runs[i]);

		if (r)
			return r;
		total += runs[i].count;
		if (total - v->nparams > UINT32_MAX)
			return wasm__bad(v, EILSEQ, "too many locals");
		v->run_ends[i] = (uint32_t)MIN(total, (uint64_t)UINT32_MAX);
		if (!has_default(runs[i].type) && !v->set) {
			v->set = base_zalloc(WASM_MAX_LOCALS);
			if (!v->set)
				return wasm__oom(v);
		}
	}
	if (total > WASM_MAX_LOCALS)
		return wasm__bad(v, E2BIG, "too many locals: at most %d", WASM_MAX_LOCALS);
	v->nlocals = (uint32_t)total;
	return 0;
}

/* Types of locals by index, for as many as the body's length justifies: it
 * may declare thousands in a few bytes. */
static int expand_locals(struct wasm__valid *v, uint32_t len)
{
	uint32_t n = MIN(v->nlocals, len + v->nparams), x;

	if (n > v->locals_cap) {
		struct wasm_type *more = base_realloc(v->locals, n * sizeof(*more));

		if (!more)
			return wasm__oom(v);
		v->locals = more;
		v->locals_cap = n;
	}
	for (x = 0; x < v->nparams; x++)
		v->locals[x] = v->params[x];
	for (uint32_t i = 0; i < v->nruns && x < n; i++)
		for (uint32_t j = 0; j < v->runs[i].count && x < n; j++)
			v->locals[x++] = v->runs[i].type;
	v->nexpanded = n;
	return 0;
}

static int read_locals(struct wasm__valid *v, struct wasm_func *f)
{
	struct wasm_local_run *runs;
	uint32_t n;
	const char *why = wasm_leb_u32(&v->p, v->end, &n);
	int r;

	if (!why && n > (size_t)(v->end - v->p))
		why = "length out of bounds";
	if (why)
		return malformed(v, why);
	if (n > WASM_MAX_LOCALS)
		return wasm__bad(v, E2BIG, "too many locals: at most %d", WASM_MAX_LOCALS);
	if (n > v->run_cap) {
		uint32_t *more = base_realloc(v->run_ends, n * sizeof(*more));

		if (!more)
			return wasm__oom(v);
		v->run_ends = more;
		v->run_cap = n;
	}
	runs = n ? arena_alloc(&v->m->arena, n * sizeof(*runs)) : NULL;
	if (n && !runs)
		return wasm__oom(v);
	r = read_runs(v, n, runs);
	v->runs = runs;
	v->nruns = n;
	v->run_end = v->run_ends;
	f->runs = runs;
	f->nruns = n;
	f->nlocals = v->nlocals;
	return r;
}

static void start(struct wasm__valid *v, const uint8_t *p, const uint8_t *end, struct err *e)
{
	v->e = e;
	v->p = v->at = p;
	v->end = end;
	v->sp = v->base = v->high = v->nframes = 0;
	v->nlocals = v->nparams = v->nexpanded = 0;
	/* After an error these may be left over. */
	while (v->nundo)
		v->set[v->undo[--v->nundo]] = 0;
}

int wasm__valid_body(struct wasm__valid *v, uint32_t func, const uint8_t **p, uint32_t size,
		     const uint8_t *end, struct err *e)
{
	struct wasm_func *f = &v->m->funcs[func];
	const uint8_t *body;
	int r;

	start(v, *p, end, e);
	v->constant = false;
	v->type = wasm_type_get(v->store, f->type);
	v->params = v->type->types;
	v->nparams = v->type->nparams;
	r = read_locals(v, f);
	body = v->p;
	if (!r)
		r = expand_locals(v, size);
	if (!r)
		r = wasm__frame_push(v, WASM__FRAME_FUNC, v->type->types + v->nparams, 0,
				     v->type->nresults, wasm_type_num(WASM_BOT));
	if (!r)
		r = run(v);
	if (r)
		return r;
	f->body = (struct wasm_code){ (uint32_t)(body - v->m->bytes), (uint32_t)(v->p - body) };
	f->max_stack = v->high;
	*p = v->p;
	return 0;
}

int wasm__valid_const(struct wasm__valid *v, struct wasm_type type, const uint8_t **p,
		      const uint8_t *end, struct wasm_code *out, struct err *e)
{
	int r;

	start(v, *p, end, e);
	v->constant = true;
	r = wasm__frame_push(v, WASM__FRAME_FUNC, NULL, 0, 1, type);
	if (!r)
		r = run(v);
	if (r)
		return r;
	*out = (struct wasm_code){ (uint32_t)(*p - v->m->bytes), (uint32_t)(v->p - *p) };
	*p = v->p;
	return 0;
}

struct wasm__valid *wasm__valid_create(struct wasm_module *m)
{
	struct wasm__valid *v = base_zalloc(sizeof(*v));

	if (!v)
		return NULL;
	v->m = m;
	v->store = m->store;
	v->cap = 256;
	v->stack = base_calloc(v->cap, sizeof(*v->stack));
	if (!v->stack) {
		base_free(v);
		return NULL;
	}
	return v;
}

void wasm__valid_destroy(struct wasm__valid *v)
{
	if (!v)
		return;
	base_free(v->stack);
	base_free(v->frames);
	base_free(v->seen);
	base_free(v->locals);
	base_free(v->run_ends);
	base_free(v->set);
	base_free(v->undo);
	base_free(v);
}
