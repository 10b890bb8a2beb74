/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder: what lifters call.  Each pure instruction is simplified and
 * looked up among the values of its block before it is made.
 */
#include "ir/internal.h"

/* The letter of a signature as a type; VOID: any. */
static enum ir_type letter(char c, enum ir_type ct)
{
	static const uint8_t scalar[IR_TYPES] = { [IR_I8X16] = IR_I32, [IR_I16X8] = IR_I32,
		[IR_I32X4] = IR_I32, [IR_I64X2] = IR_I64, [IR_F32X4] = IR_F32, [IR_F64X2] = IR_F64 };

	switch (c) {
	case 'T': return ct;
	case 'i': return IR_I32;
	case 'I': return IR_I64;
	case 'f': return IR_F32;
	case 'F': return IR_F64;
	case 'V': return IR_V128;
	case 'E': return scalar[ct];
	default: return IR_VOID;
	}
}

enum ir_type ir__result_type(enum ir_op op, enum ir_type ct, enum ir_type t)
{
	char c = strchr(ir_rows[op].sig, '_')[1];

	return c == 'A' ? t : letter(c, ct);
}

enum ir_type ir__operand_type(enum ir_op op, enum ir_type ct, unsigned n)
{
	return n < ir_rows[op].nargs ? letter(ir_rows[op].sig[n], ct) : IR_VOID;
}

/* An equal value of this block, or *i made and remembered. */
static ir_ref find_or_make(struct ir_func *f, const struct ir_insn *i)
{
	uint32_t h, at;
	ir_ref r;

	if (f->at)
		return ir__place(f, i);
	ir__hash_room(f);
	if (f->failed)
		return 0;
	for (h = ir__hash(i); f->hash[at = h & (f->nhash - 1)]; h++) {
		ir_ref v = f->hash[at];

		if (!ir__same(&f->insn[v], i))
			continue;
		if (f->block_of[v] == f->cur)
			return v;
		break; /* of another block: this one takes its place */
	}
	r = ir_append(f, f->cur, i);
	f->hash_used += !f->hash[at];
	f->hash[at] = r;
	return r;
}

ir_ref ir_emit(struct ir_func *f, enum ir_op op, enum ir_type ct, ir_ref a, ir_ref b, ir_ref c,
	       int32_t imm, uint8_t aux)
{
	struct ir_insn i = { .op = (uint8_t)op, .ct = (uint8_t)ct, .aux = aux, .a = { a, b, c }, .imm = imm };
	ir_ref r;

	i.type = (uint8_t)ir__result_type(op, ct, IR_VOID);
	if (f->failed)
		return 0;
	if (f->raw || !(ir_rows[op].flags & IR_PURE))
		return ir__place(f, &i);
	r = ir__simplify(f, &i);
	return r || f->failed ? r : find_or_make(f, &i);
}

ir_ref ir_select(struct ir_func *f, ir_ref c, ir_ref a, ir_ref b)
{
	return ir_emit(f, IR_SELECT, ir_type(f, a), c, a, b, 0, 0);
}

/* ---- memory, state ---------------------------------------------------------- */

static ir_ref put(struct ir_func *f, struct ir_insn i)
{
	return f->failed ? 0 : ir__place(f, &i);
}

ir_ref ir_load(struct ir_func *f, enum ir_type t, enum ir_type mt, ir_ref base, ir_ref index,
	       int32_t offset, uint8_t mem, uint32_t exit)
{
	return put(f, (struct ir_insn){ .op = IR_LOAD, .type = (uint8_t)t, .ct = (uint8_t)mt, .aux = mem,
					.a = { base, index }, .imm = offset, .x = exit });
}

void ir_store(struct ir_func *f, enum ir_type mt, ir_ref base, ir_ref index, int32_t offset,
	      ir_ref v, uint8_t mem, uint32_t exit)
{
	put(f, (struct ir_insn){ .op = IR_STORE, .ct = (uint8_t)mt, .aux = mem, .a = { base, index, v },
				 .imm = offset, .x = exit });
}

ir_ref ir_atomic(struct ir_func *f, enum ir_op op, enum ir_type t, enum ir_type mt, ir_ref base,
		 int32_t offset, ir_ref b, ir_ref c, uint8_t mem, uint32_t exit)
{
	return put(f, (struct ir_insn){ .op = (uint8_t)op, .type = (uint8_t)t, .ct = (uint8_t)mt,
					.aux = mem | IR_MEM_ORDERED, .a = { base, b, c }, .imm = offset,
					.x = exit });
}

ir_ref ir_getstate(struct ir_func *f, enum ir_type t, enum ir_type mt, uint32_t offset)
{
	return put(f, (struct ir_insn){ .op = IR_GETSTATE, .type = (uint8_t)t, .ct = (uint8_t)mt,
					.imm = (int32_t)offset });
}

void ir_putstate(struct ir_func *f, enum ir_type mt, uint32_t offset, ir_ref v)
{
	put(f, (struct ir_insn){ .op = IR_PUTSTATE, .ct = (uint8_t)mt, .a = { v }, .imm = (int32_t)offset });
}

ir_ref ir_xlate(struct ir_func *f, ir_ref addr, int32_t offset, unsigned access, unsigned log2_bytes,
		uint32_t exit)
{
	return put(f, (struct ir_insn){ .op = IR_XLATE, .type = IR_I64, .aux = (uint8_t)(access | log2_bytes << 2),
					.a = { addr }, .imm = offset, .x = exit });
}

/* ---- leaving, calling ---------------------------------------------------------- */

void ir_guard(struct ir_func *f, ir_ref c, uint32_t exit)
{
	struct ir_insn i = { .op = IR_GUARD, .a = { c }, .x = exit };

	if (f->failed)
		return;
	if (!f->raw) {
		ir__simplify(f, &i);
		if (ir_is_const(f, i.a[0]) && ir_const_bits(f, i.a[0]))
			return;
	}
	put(f, i);
}

void ir_poll(struct ir_func *f, uint32_t n, uint32_t exit)
{
	put(f, (struct ir_insn){ .op = IR_POLL, .imm = (int32_t)n, .x = exit });
}

/* list[]: descriptor, count, arguments */
static uint32_t call_list(struct ir_func *f, const struct ir_helper *h, const ir_ref *args, unsigned n)
{
	uint32_t d = ir_helper(f, h), at = ir_list(f, n + 2);

	if (f->failed)
		return 0;
	f->list[at] = d;
	f->list[at + 1] = n;
	for (unsigned k = 0; k < n; k++)
		f->list[at + 2 + k] = args[k];
	return at;
}

ir_ref ir_call(struct ir_func *f, const struct ir_helper *h, const ir_ref *args, unsigned n,
	       uint32_t exit)
{
	const char *r = strchr(h->sig, ':');
	uint32_t at = call_list(f, h, args, n);

	return put(f, (struct ir_insn){ .op = IR_CALL, .type = (uint8_t)(r && r[1] ? letter(r[1], IR_VOID) : IR_VOID),
					.imm = (int32_t)at, .x = exit });
}

ir_ref ir_result(struct ir_func *f, ir_ref call, enum ir_type t, unsigned n)
{
	return put(f, (struct ir_insn){ .op = IR_RESULT, .type = (uint8_t)t, .ct = (uint8_t)t,
					.a = { call }, .imm = (int32_t)n });
}

/* ---- terminators ------------------------------------------------------------------ */

static void set_edge(struct ir_func *f, uint32_t e, const struct ir_to *to)
{
	uint32_t n = to->n, at = n ? ir_list(f, n) : 0;

	if (f->failed)
		return;
	for (uint32_t k = 0; k < n; k++)
		f->list[at + k] = to->args[k];
	f->edge[e] = (struct ir_edge){ to->block, at, to->weight };
}

static void put_edges(struct ir_func *f, enum ir_op op, ir_ref v, const struct ir_to *to, unsigned n)
{
	struct ir_insn i = { .op = (uint8_t)op, .a = { v }, .x = n };
	uint32_t e = ir__edges(f, n);

	for (unsigned k = 0; k < n && !f->failed; k++)
		set_edge(f, e + k, &to[k]);
	i.imm = (int32_t)e;
	if (!f->raw && !f->failed)
		ir__simplify(f, &i);
	put(f, i);
}

void ir_jump(struct ir_func *f, struct ir_to to)
{
	put_edges(f, IR_JUMP, 0, &to, 1);
}

void ir_branch(struct ir_func *f, ir_ref c, struct ir_to then, struct ir_to other)
{
	struct ir_to to[2] = { then, other };

	put_edges(f, IR_BRANCH, c, to, 2);
}

void ir_switch(struct ir_func *f, ir_ref v, const struct ir_to *to, unsigned n)
{
	put_edges(f, IR_SWITCH, v, to, n);
}

void ir_ret(struct ir_func *f, const ir_ref *v, unsigned n)
{
	uint32_t at = ir_list(f, MAX(n, 1u));

	if (f->failed)
		return;
	for (unsigned k = 0; k < n; k++)
		f->list[at + k] = v[k];
	put(f, (struct ir_insn){ .op = IR_RET, .imm = (int32_t)at });
}

void ir_leave(struct ir_func *f, uint32_t exit)
{
	put(f, (struct ir_insn){ .op = IR_LEAVE, .x = exit });
}

void ir_goto(struct ir_func *f, ir_ref v, uint32_t exit)
{
	put(f, (struct ir_insn){ .op = IR_GOTO, .a = { v }, .x = exit });
}

void ir_tail(struct ir_func *f, const struct ir_helper *h, const ir_ref *args, unsigned n)
{
	uint32_t at = call_list(f, h, args, n);

	put(f, (struct ir_insn){ .op = IR_TAIL, .imm = (int32_t)at });
}
