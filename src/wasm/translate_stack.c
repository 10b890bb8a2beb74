/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translator's stack of operands, and the emission of operations.
 */
#include "wasm/translate.h"

#include <string.h>

#include "base/alloc.h"

bool tr_grow(void **p, uint32_t *cap, uint32_t need, size_t size)
{
	uint32_t n = *cap ? *cap : 64;
	void *q;

	if (LIKELY(need <= *cap))
		return true;
	while (n < need)
		n *= 2;
	q = base_realloc(*p, n * size);
	if (!q)
		return false;
	*p = q;
	*cap = n;
	return true;
}

void tr_fail(struct wasm_translator *t, enum wasm_trap why)
{
	if (!t->trap)
		t->trap = why;
}

/* ---- operations ---- */

/* Buffers have room for what one instruction emits (translate.c reserves). */
struct wasm_op *tr_emit(struct wasm_translator *t, wasm_op_fn *fn, uint32_t n)
{
	struct wasm_op *op;

	if (UNLIKELY(t->nops + n > t->cap_ops || t->nops + n > t->cap_starts) &&
	    (t->nops + n > TR_OPS_MAX ||
	     !tr_grow((void **)&t->ops, &t->cap_ops, t->nops + n, sizeof(*t->ops)) ||
	     !tr_grow((void **)&t->starts, &t->cap_starts, t->nops + n, 1))) {
		tr_fail(t, WASM_TRAP_OUT_OF_MEMORY);
		/* Nothing will run; there is room for a usual one (translate.c),
		 * and who emits long ones looks at t->trap. */
		t->nops = 0;
		n = n < TR_ROOM ? n : TR_ROOM;
	}
	t->starts[t->nops] = 1;
	if (n > 1)
		memset(t->starts + t->nops + 1, 0, n - 1);
	op = t->ops + t->nops;
	memset(op, 0, n * sizeof(*op));
	op->fn = fn;
	if (UNLIKELY(t->offsets != NULL))
		for (uint32_t i = 0; i < n && t->nops + i < t->cap_offsets; i++)
			t->offsets[t->nops + i] = t->insn_off;
	t->nops += n;
	t->last.ok = false;
	return op;
}

/* The operation just emitted may be changed by those that follow. */
void tr_mark(struct wasm_translator *t, uint16_t row, uint8_t form, uint32_t len)
{
	t->last.ok = true;
	t->last.pos = t->nops - len;
	t->last.len = len;
	t->last.row = row;
	t->last.form = form;
}

/* Take the last operation back; it wrote an accumulator and nothing else. */
void tr_unemit(struct wasm_translator *t)
{
	t->nops = t->last.pos;
	t->acc_slot[ACC_INT] = t->last.acc_before;
	t->last.ok = false;
}

/* ---- entries ---- */

struct ent *tr_top(struct wasm_translator *t, uint32_t n)
{
	return &t->stack[t->sp - 1 - n];
}

static uint32_t next_slot(const struct wasm_translator *t)
{
	const struct ent *e;

	if (!t->sp)
		return t->base;
	e = &t->stack[t->sp - 1];
	return e->slot + tr_slots(e->type);
}

static struct ent *push(struct wasm_translator *t, unsigned type, unsigned kind)
{
	uint32_t slot = next_slot(t);
	struct ent *e;

	if (UNLIKELY(slot > UINT16_MAX - 8)) {
		tr_fail(t, WASM_TRAP_STACK);
		slot = UINT16_MAX - 8;
	}
	if (UNLIKELY(t->sp == t->cap_stack) &&
	    !tr_grow((void **)&t->stack, &t->cap_stack, t->sp + 1, sizeof(*t->stack))) {
		tr_fail(t, WASM_TRAP_OUT_OF_MEMORY);
		t->sp = 0;
	}
	if (slot + 2 > t->max_slot)
		t->max_slot = slot + 2;
	e = &t->stack[t->sp++];
	e->kind = kind;
	e->type = type;
	e->slot = slot;
	e->node = NONE;
	e->ref = type == WASM_REF ? t->sp : t->sp > 1 ? e[-1].ref : 0;
	return e;
}

struct ent *tr_push(struct wasm_translator *t, unsigned type)
{
	return push(t, type, ENT_HOME);
}

void tr_push_local(struct wasm_translator *t, uint32_t local)
{
	struct ent *e = push(t, t->local_type[local], ENT_LOCAL);

	e->at = local;
	e->next = t->local_top[local];
	t->local_top[local] = t->sp;
}

void tr_push_const(struct wasm_translator *t, unsigned type, uint64_t bits)
{
	push(t, type, ENT_CONST)->bits = bits;
}

struct ent *tr_push_acc(struct wasm_translator *t, unsigned type, uint32_t pos, wasm_op_fn *store)
{
	struct ent *e = push(t, type, ENT_ACC);
	const unsigned acc = tr_acc_of(type);

	e->at = pos;
	e->store = store;
	t->dirty[acc] = t->sp - 1;
	t->acc_slot[acc] = -1;
	return e;
}

void tr_pop(struct wasm_translator *t, uint32_t n)
{
	while (n--) {
		const struct ent *e = &t->stack[--t->sp];

		if (e->kind == ENT_LOCAL)
			t->local_top[e->at] = e->next;
		else if (e->kind == ENT_ACC)
			t->dirty[tr_acc_of(e->type)] = NONE;
	}
	if (t->flushed > t->sp)
		t->flushed = t->sp;
}

enum loc tr_loc(const struct wasm_translator *t, const struct ent *e, uint16_t *slot)
{
	const unsigned acc = tr_acc_of(e->type);

	switch (e->kind) {
	case ENT_CONST:
		return LOC_I;
	case ENT_ACC:
		*slot = e->slot;
		return LOC_R;
	case ENT_LOCAL:
		*slot = t->local_slot[e->at];
		break;
	default:
		*slot = e->slot;
	}
	return acc != ACC_NONE && t->acc_slot[acc] == *slot ? LOC_R : LOC_S;
}

/* Something else is in the slot now. */
void tr_wrote(struct wasm_translator *t, uint32_t slot)
{
	for (unsigned i = 0; i < ACCS; i++)
		if (t->acc_slot[i] == (int32_t)slot)
			t->acc_slot[i] = -1;
}

/* Let the operation that made it store it in slot, too. */
static void store_at(struct wasm_translator *t, struct ent *e, uint32_t slot)
{
	const unsigned acc = tr_acc_of(e->type);

	t->ops[e->at].fn = e->store;
	t->ops[e->at].d = (uint16_t)slot;
	if (t->last.ok && t->last.pos == e->at)
		t->last.ok = false;
	tr_wrote(t, slot);
	t->dirty[acc] = NONE;
	t->acc_slot[acc] = (int32_t)slot;
}

static void emit_const(struct wasm_translator *t, const struct ent *e, uint32_t slot)
{
	struct wasm_op *op;

	if (e->bits == (uint32_t)e->bits) {
		op = tr_emit(t, wasm__op_const32, 1);
		op->u32 = (uint32_t)e->bits;
	} else if (e->bits == (uint64_t)(int64_t)(int32_t)e->bits) {
		op = tr_emit(t, wasm__op_const32s, 1);
		op->imm = (int32_t)e->bits;
	} else {
		op = tr_emit(t, wasm__op_const64, 2);
		memcpy(op + 1, &e->bits, 8);
	}
	op->d = (uint16_t)slot;
}

static bool is_mov(const struct wasm_op *op, uint32_t d)
{
	return op->fn == wasm__op_mov && op->d + 1u == d;
}

/* A run of copies to neighbors is one operation. */
static void emit_mov(struct wasm_translator *t, unsigned type, uint32_t from, uint32_t to)
{
	struct wasm_op *op = t->nops ? &t->ops[t->nops - 1] : NULL;

	if (type == WASM_V128) {
		op = tr_emit(t, wasm__op_mov_v128, 1);
	} else if (type == WASM_F32) {
		op = tr_emit(t, wasm__op_mov_f32, 1);
	} else if (t->last.ok && t->last.row == WASM_ROW_NOP && is_mov(op, to) && from != op->d) {
		op->fn = wasm__op_mov2;
		op->b = (uint16_t)from;
		tr_mark(t, WASM_ROW_NOP, 0, 1);
		return;
	} else if (t->last.ok && t->last.row == WASM_ROW_NOP && op->fn == wasm__op_mov2 &&
		   op->d + 2u == to && from != op->d && from != op->d + 1u) {
		op->fn = wasm__op_mov3;
		op->c = (uint16_t)from;
		return;
	} else {
		op = tr_emit(t, wasm__op_mov, 1);
		tr_mark(t, WASM_ROW_NOP, 0, 1);
	}
	op->a = (uint16_t)from;
	op->d = (uint16_t)to;
}

static void emit_set(struct wasm_translator *t, unsigned acc, uint32_t slot)
{
	wasm_op_fn *const fn[ACCS] = { wasm__op_set_r, wasm__op_set_f32, wasm__op_set_f64 };

	tr_emit(t, fn[acc], 1)->d = (uint16_t)slot;
}

void tr_copy(struct wasm_translator *t, const struct ent *e, uint32_t slot)
{
	uint16_t from;

	switch (tr_loc(t, e, &from)) {
	case LOC_I:
		emit_const(t, e, slot);
		break;
	case LOC_R:
		if (e->kind != ENT_ACC && from == slot)
			return;
		emit_set(t, tr_acc_of(e->type), slot);
		break;
	case LOC_S:
		if (from != slot)
			emit_mov(t, e->type, from, slot);
	}
	tr_wrote(t, slot);
}

/* The topmost pending use of a local leaves its list. */
static void unlink_local(struct wasm_translator *t, struct ent *e)
{
	uint32_t *link = &t->local_top[e->at];
	const uint32_t me = e - t->stack + 1;

	while (*link != me)
		link = &t->stack[*link - 1].next;
	*link = e->next;
}

void tr_home(struct wasm_translator *t, struct ent *e)
{
	switch (e->kind) {
	case ENT_HOME:
		return;
	case ENT_ACC:
		store_at(t, e, e->slot);
		break;
	case ENT_LOCAL:
		tr_copy(t, e, e->slot);
		unlink_local(t, e);
		break;
	case ENT_CONST:
		tr_copy(t, e, e->slot);
	}
	e->kind = ENT_HOME;
}

/* Entries of locals are unlinked from the top down, each being its list's
 * head then, so that this is linear; the copies are made from below, so that
 * they can be joined. */
static void home_from(struct wasm_translator *t, uint32_t first)
{
	for (uint32_t i = t->sp; i-- > first;) {
		struct ent *e = &t->stack[i];

		if (e->kind == ENT_LOCAL)
			t->local_top[e->at] = e->next;
	}
	for (uint32_t i = first; i < t->sp; i++) {
		struct ent *e = &t->stack[i];

		if (e->kind == ENT_LOCAL) {
			tr_copy(t, e, e->slot);
			e->kind = ENT_HOME;
		} else {
			tr_home(t, e);
		}
	}
}

void tr_home_top(struct wasm_translator *t, uint32_t n)
{
	home_from(t, t->sp - n);
}

void tr_flush(struct wasm_translator *t)
{
	home_from(t, t->flushed);
	t->flushed = t->sp;
}

uint16_t tr_slot(struct wasm_translator *t, struct ent *e)
{
	if (e->kind == ENT_LOCAL)
		return t->local_slot[e->at];
	tr_home(t, e);
	return e->slot;
}

void tr_clobber(struct wasm_translator *t, unsigned acc)
{
	if (t->dirty[acc] != NONE)
		tr_home(t, &t->stack[t->dirty[acc]]);
	t->acc_slot[acc] = -1;
}

void tr_clobber_all(struct wasm_translator *t)
{
	for (unsigned i = 0; i < ACCS; i++)
		tr_clobber(t, i);
}

void tr_forget(struct wasm_translator *t)
{
	for (unsigned i = 0; i < ACCS; i++) {
		t->dirty[i] = NONE;
		t->acc_slot[i] = -1;
	}
	t->last.ok = false;
}

/* ---- locals ---- */

void tr_local_set(struct wasm_translator *t, uint32_t local, bool tee)
{
	const uint16_t slot = t->local_slot[local];
	struct ent *e = tr_top(t, 0);
	const unsigned acc = tr_acc_of(e->type);
	const bool itself = e->kind == ENT_LOCAL && e->at == local;
	const bool konst = e->kind == ENT_CONST;
	const uint64_t bits = e->kind == ENT_CONST ? e->bits : 0;
	const unsigned type = e->type;

	if (!itself) {
		/* Who has the old value copies it. */
		while (t->local_top[local])
			tr_home(t, &t->stack[t->local_top[local] - 1]);
		if (e->kind == ENT_ACC && e->at + t->last.len == t->nops && t->last.ok &&
		    t->last.pos == e->at) {
			store_at(t, e, slot);
		} else if (e->kind == ENT_HOME && t->last.ok && t->last.row == WASM_ROW_V128_CONST &&
			   t->last.pos + t->last.len == t->nops && t->ops[t->last.pos].d == e->slot) {
			t->ops[t->last.pos].d = slot;   /* a vector's */
			t->last.ok = false;
			tr_wrote(t, slot);
		} else {
			uint16_t from;
			const bool was_acc = !konst && tr_loc(t, e, &from) == LOC_R;

			tr_copy(t, e, slot);
			if (was_acc)
				t->acc_slot[acc] = slot;
		}
		if (e->kind == ENT_ACC)
			t->dirty[acc] = NONE;
	}
	tr_pop(t, 1);
	if (!tee)
		return;
	if (konst)
		tr_push_const(t, type, bits);
	else
		tr_push_local(t, local);
}

/* ---- safepoints ---- */

void tr_flush_refs(struct wasm_translator *t)
{
	/* Entries that have a node are at home, and so are those below. */
	for (uint32_t i = t->sp ? t->stack[t->sp - 1].ref : 0; i;) {
		struct ent *e = &t->stack[i - 1];

		if (e->node != NONE)
			break;
		tr_home(t, e);
		i = i > 1 ? t->stack[i - 2].ref : 0;
	}
}

/* The node of entry i (+ 1), made with those below. */
static uint32_t node_of(struct wasm_translator *t, uint32_t top)
{
	uint32_t above = NONE, first = NONE;

	for (uint32_t i = top; i; i = i > 1 ? t->stack[i - 2].ref : 0) {
		struct ent *e = &t->stack[i - 1];
		uint32_t node = e->node;
		const bool had = node != NONE;

		if (!had) {
			if (!tr_grow((void **)&t->nodes, &t->cap_nodes, t->nnodes + 1, sizeof(*t->nodes))) {
				tr_fail(t, WASM_TRAP_OUT_OF_MEMORY);
				return NONE;
			}
			node = t->nnodes++;
			t->nodes[node] = (struct wasm_ref_node){ NONE, e->slot };
			e->node = node;
		}
		if (above == NONE)
			first = node;
		else
			t->nodes[above].below = node;
		above = node;
		if (had)
			break;
	}
	return first;
}

void tr_safepoint(struct wasm_translator *t, uint32_t pos, uint32_t without)
{
	const uint32_t n = t->sp - without;
	const uint32_t top = n ? t->stack[n - 1].ref : 0;

	if (!top)
		return;
	if (!tr_grow((void **)&t->safepoints, &t->cap_safepoints, t->nsafepoints + 1,
		     sizeof(*t->safepoints))) {
		tr_fail(t, WASM_TRAP_OUT_OF_MEMORY);
		return;
	}
	t->safepoints[t->nsafepoints++] = (struct wasm_safepoint){ pos, node_of(t, top) };
}

/* ---- fuel ---- */

/* A basic block begins: the one before is charged. */
void tr_fuel_begin(struct wasm_translator *t)
{
	if (LIKELY(!t->fuel))
		return;
	if (t->fuel_pos != NONE)
		t->ops[t->fuel_pos].u32 = t->fuel_count;
	t->fuel_count = 0;
	t->fuel_pos = t->nops;
	tr_emit(t, wasm__op_fuel, 1);
}
