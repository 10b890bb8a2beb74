/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text form.  One function:
 *
 *     func NAME(result types) {            or ") alone {" (func.alone)
 *     b0(v1:i64, v2:i32): @0x1000 freq=7 cold entry
 *         v3 = add.i64 v1, 5
 *         v4 = load.s8:i64 v3, _, #16 mem scale0 exit(1, 0x1004, [8]=v3, [16]=sext v2)
 *         guard v2 exit(2, 0x1008)
 *         v5 = call:i64 name(v1, 7:i32)
 *         branch v2 -> b1(v4) w=90, b2 w=10
 *     }
 *
 * An operation has its controlling type after '.', and after ':' the type of
 * its value where the row leaves it open.  Operands: vN, pinN, _ (none), or a
 * constant, followed by ":type" where the row does not say which it is; floats
 * are their bits.  #N is imm.  Values and blocks are numbered as they appear,
 * so that equal functions print equally and print(parse(print(f))) is print(f).
 */
#include "ir/ir.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "ir/internal.h"
#include "ir/words.h"

const char *const ir__alias_names[IR_ALIASES] = { "mem", "mem1", "state", "table", "gc", "stack", "tlb",
						  "fp", "host", "const" };
const char *const ir__how_names[IR_HOWS] = { "", "sext ", "zext ", "box ", "low8 ", "low16 ", "low32 " };

struct out {
	const struct ir_func *f;
	char *buf;
	size_t len, cap;
	uint32_t *value; /* number of each value */
	uint32_t *block;
	bool failed;
};

static __attribute__((format(printf, 2, 3))) void say(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	for (;;) {
		size_t room = o->cap - o->len;

		if (o->failed)
			return;
		va_start(ap, fmt);
		n = vsnprintf(o->buf ? o->buf + o->len : NULL, room, fmt, ap);
		va_end(ap);
		if ((size_t)n < room)
			break;
		char *p = base_realloc(o->buf, o->cap = o->cap * 2 + (size_t)n + 256);

		if (!p) {
			o->failed = true;
			return;
		}
		o->buf = p;
	}
	o->len += (size_t)n;
}

static void say_const(struct out *o, ir_ref v, bool typed)
{
	enum ir_type t = ir_type(o->f, v);
	uint64_t c = ir_const_bits(o->f, v);

	if (t == IR_V128)
		say(o, "0x%" PRIx64 "_%016" PRIx64, ir_const_high(o->f, v), c);
	else if (t == IR_F32 || t == IR_F64)
		say(o, "0x%" PRIx64, c);
	else
		say(o, "%" PRId64, t == IR_I32 ? (int64_t)(int32_t)c : (int64_t)c);
	if (typed)
		say(o, ":%s", ir_type_names[t]);
}

static void say_operand(struct out *o, ir_ref v, bool typed)
{
	if (!v)
		say(o, "_");
	else if (ir_is_const(o->f, v))
		say_const(o, v, typed);
	else if (o->f->insn[v].op == IR_PIN)
		say(o, "pin%d", o->f->insn[v].imm);
	else
		say(o, "v%u", o->value[v]);
}

static void say_list(struct out *o, uint32_t at, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		say(o, k ? ", " : "");
		say_operand(o, o->f->list[at + k], true);
	}
}

static void say_exit(struct out *o, uint32_t x)
{
	const struct ir_exit *e = &o->f->exit[x];

	say(o, " exit(%u, 0x%" PRIx64, e->kind, e->cookie);
	for (uint32_t k = 0; k < e->nslots; k++) {
		uint32_t w = o->f->list[e->slots + 2 * k];

		say(o, ", [%u]=%s", w & IR_OFFSET_MASK, ir__how_names[(w >> 24) % IR_HOWS]);
		say_operand(o, o->f->list[e->slots + 2 * k + 1], true);
	}
	say(o, ")");
}

static void say_edges(struct out *o, const struct ir_insn *i)
{
	say(o, " ->");
	for (uint32_t k = 0; k < i->x; k++) {
		const struct ir_edge *e = &o->f->edge[(uint32_t)i->imm + k];
		uint32_t n = o->f->block[e->target].nparams;

		say(o, "%s b%u", k ? "," : "", o->block[e->target]);
		if (n) {
			say(o, "(");
			say_list(o, e->args, n);
			say(o, ")");
		}
		if (e->weight)
			say(o, " w=%u", e->weight);
	}
}

static void say_aux(struct out *o, const struct ir_insn *i)
{
	uint32_t flags = ir_rows[i->op].flags;

	if (flags & IR_FP) {
		if (i->aux & IR_FP_RM)
			say(o, " rm%u", i->aux & IR_FP_RM);
		say(o, "%s%s", i->aux & IR_FP_CANON ? " canon" : "", i->aux & IR_FP_FLAGS ? " flags" : "");
	}
	if (flags & IR_DIV)
		say(o, "%s%s", i->aux & IR_DIV_NONZERO ? " nonzero" : "",
		    i->aux & IR_DIV_NO_OVERFLOW ? " no_overflow" : "");
	if (flags & IR_MEM) {
		say(o, " %s", ir__alias_names[(i->aux & IR_MEM_ALIAS) % IR_ALIASES]);
		if (i->aux & IR_MEM_SCALE)
			say(o, " scale%u", (i->aux & IR_MEM_SCALE) >> IR_MEM_SCALE_SHIFT);
		say(o, "%s", i->aux & IR_MEM_ORDERED ? " ordered" : "");
	}
	if (i->op == IR_XLATE)
		say(o, " aux%u", i->aux);
}

static void say_insn(struct out *o, ir_ref r)
{
	const struct ir_func *f = o->f;
	const struct ir_insn *i = &f->insn[r];
	const struct ir_row *row = &ir_rows[i->op];
	const char *sep = " ";

	say(o, "\t");
	if (i->type)
		say(o, "v%u = ", o->value[r]);
	say(o, "%s", row->text);
	if (row->types)
		say(o, ".%s", ir_type_names[i->ct]);
	if (i->type && strchr(row->sig, '_')[1] == 'A')
		say(o, ":%s", ir_type_names[i->type]);
	for (unsigned k = 0; k < row->nargs; k++, sep = ", ") {
		say(o, "%s", sep);
		say_operand(o, i->a[k], !ir__operand_type(i->op, i->ct, k));
	}
	if (row->flags & (IR_IMM | IR_MEM | IR_STATE))
		say(o, "%s#%d", sep, i->imm);
	if (row->flags & IR_CALLS) {
		say(o, " %s(", f->helper[f->list[i->imm]]->name);
		say_list(o, (uint32_t)i->imm + 2, f->list[i->imm + 1]);
		say(o, ")");
	}
	if (i->op == IR_RET) {
		say(o, f->nresults ? " " : "");
		say_list(o, (uint32_t)i->imm, f->nresults);
	}
	say_aux(o, i);
	if ((row->flags & IR_EXITS) && i->x)
		say_exit(o, i->x);
	if ((row->flags & IR_TERM) && !(row->flags & IR_EXITS) && i->op != IR_RET && i->op != IR_TAIL)
		say_edges(o, i);
	say(o, "\n");
}

static void say_block(struct out *o, uint32_t b)
{
	const struct ir_block *k = &o->f->block[b];
	const char *sep = "(";

	say(o, "b%u", o->block[b]);
	for (IR_EACH(o->f, b, i)) {
		if (o->f->insn[i].op != IR_PARAM)
			break;
		say(o, "%sv%u:%s", sep, o->value[i], ir_type_names[o->f->insn[i].type]);
		sep = ", ";
	}
	say(o, k->nparams ? "):" : ":");
	if (k->cookie)
		say(o, " @0x%" PRIx64, k->cookie);
	if (k->freq)
		say(o, " freq=%u", k->freq);
	say(o, "%s%s\n", k->flags & IR_BLOCK_COLD ? " cold" : "", k->flags & IR_BLOCK_ENTRY ? " entry" : "");
	for (IR_EACH(o->f, b, i))
		if (o->f->insn[i].op != IR_PARAM)
			say_insn(o, i);
}

static void number(struct out *o)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < o->f->norder; k++) {
		o->block[o->f->order[k]] = k;
		for (IR_EACH(o->f, o->f->order[k], i))
			if (o->f->insn[i].type)
				o->value[i] = ++n;
	}
}

char *ir_print(const struct ir_func *f)
{
	struct out o = { .f = f };

	o.value = base_calloc(f->ninsn, sizeof(*o.value));
	o.block = base_calloc(f->nblock + 1, sizeof(*o.block));
	o.failed = !o.value || !o.block;
	if (!o.failed) {
		number(&o);
		say(&o, "func %s(", f->name[0] ? f->name : "_");
		for (unsigned k = 0; k < f->nresults; k++)
			say(&o, "%s%s", k ? ", " : "", ir_type_names[f->result[k]]);
		say(&o, f->alone ? ") alone {\n" : ") {\n");
		for (uint32_t k = 0; k < f->norder; k++)
			say_block(&o, f->order[k]);
		say(&o, "}\n");
	}
	base_free(o.value);
	base_free(o.block);
	if (o.failed)
		base_free(base_steal(&o.buf));
	return o.buf;
}
