/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of the text form (print.c).  Values may be used before the line
 * that makes them: an operand is first a number with the top bit set, and
 * resolved at the end (uses[] holds the line of each instruction until then).  Whatever the text says, the result passes ir_verify()
 * or the parser tells the line.  '#' only stands before imm; comments begin
 * with ';'.
 */
#include "ir/ir.h"

#include <ctype.h>
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "ir/internal.h"
#include "ir/words.h"

enum { PENDING = 1u << 31, VALUES_MAX = 1 << 20, BLOCKS_MAX = 1 << 16 };

struct in {
	struct ir_func *f;
	const struct ir_helper *helper;
	const char *p, *token;
	unsigned line, token_len;
	struct err *e;
	bool bad;
	ir_ref *value;    /* by number in the text */
	uint32_t nvalue;
	uint8_t *defined; /* blocks that have a label */
	uint32_t nblock;
};

static __attribute__((format(printf, 2, 3))) void fail(struct in *in, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	if (in->bad)
		return;
	in->bad = true;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	err_set(in->e, EINVAL, "line %u: %s", in->line, what);
}

/* ---- tokens: words, numbers, punctuation ------------------------------------ */

static bool word_char(char c) { return isalnum((unsigned char)c) || c == '_' || c == '$'; }

static void next(struct in *in)
{
	for (;; in->p++) {
		if (*in->p == ';')
			in->p += strcspn(in->p, "\n");
		if (*in->p == '\n')
			in->line++;
		else if (!isspace((unsigned char)*in->p))
			break;
	}
	in->token = in->p;
	in->token_len = 1;
	if (!*in->p) {
		in->token_len = 0;
	} else if (word_char(*in->p) || (*in->p == '-' && isdigit((unsigned char)in->p[1]))) {
		while (word_char(in->p[in->token_len]))
			in->token_len++;
	} else if (*in->p == '-' && in->p[1] == '>') {
		in->token_len = 2;
	}
	in->p += in->token_len;
}

static bool at(const struct in *in, const char *s)
{
	return strlen(s) == in->token_len && !memcmp(in->token, s, in->token_len);
}

static bool accept(struct in *in, const char *s)
{
	if (in->bad || !at(in, s))
		return false;
	next(in);
	return true;
}

static void expect(struct in *in, const char *s)
{
	if (!accept(in, s))
		fail(in, "expected '%s', not '%.*s'", s, MIN(in->token_len, 40u), in->token);
}

/* An integer, with '-' or 0x. */
static uint64_t number(struct in *in)
{
	char buf[32], *end;
	uint64_t v;

	if (in->token_len >= sizeof(buf) || !in->token_len) {
		fail(in, "expected a number");
		return 0;
	}
	memcpy(buf, in->token, in->token_len);
	buf[in->token_len] = 0;
	errno = 0;
	v = buf[0] == '-' ? (uint64_t)strtoll(buf, &end, 0) : strtoull(buf, &end, 0);
	if (*end || errno || !(isdigit((unsigned char)buf[0]) || buf[0] == '-')) {
		fail(in, "'%s' is not a number", buf);
		return 0;
	}
	next(in);
	return v;
}

/* A word that begins with `prefix` and goes on with a number; ~0u: it is none. */
static uint32_t numbered(struct in *in, const char *prefix, uint32_t max)
{
	size_t n = strlen(prefix);
	uint32_t v = 0;

	if (in->token_len <= n || in->token_len > n + 7 || memcmp(in->token, prefix, n))
		return ~0u;
	for (size_t k = n; k < in->token_len; k++) {
		if (!isdigit((unsigned char)in->token[k]))
			return ~0u;
		v = v * 10 + (uint32_t)(in->token[k] - '0');
	}
	if (v >= max) {
		fail(in, "'%.*s' is too large", in->token_len, in->token);
		return ~0u;
	}
	next(in);
	return v;
}

static enum ir_type type_name(struct in *in, uint32_t among)
{
	for (unsigned t = 0; t < IR_TYPES; t++)
		if ((among >> t & 1) && accept(in, ir_type_names[t]))
			return (enum ir_type)t;
	fail(in, "no such type here: '%.*s'", MIN(in->token_len, 40u), in->token);
	return IR_VOID;
}

#define VALUE_TYPES ((uint32_t)(BIT(IR_VALUE_TYPES) - 2))

/* ---- operands ------------------------------------------------------------------- */

/* A constant's bits; v128 is HIGH_LOW. */
static ir_ref constant(struct in *in, enum ir_type t)
{
	const char *under = memchr(in->token, '_', in->token_len);
	uint64_t lo, hi = 0;

	if (under && in->token_len < 48) {
		char buf[48], *end;

		memcpy(buf, in->token, in->token_len);
		buf[in->token_len] = 0;
		hi = strtoull(buf, &end, 16);
		lo = *end == '_' ? strtoull(end + 1, &end, 16) : 0;
		if (*end)
			fail(in, "'%s' is not a number", buf);
		next(in);
	} else {
		lo = number(in);
	}
	if (accept(in, ":"))
		t = type_name(in, VALUE_TYPES);
	else if (!t)
		fail(in, "a constant needs its type here");
	return in->bad ? 0 : t == IR_V128 ? ir_v128(in->f, lo, hi) : ir_const(in->f, t, lo);
}

static ir_ref operand(struct in *in, enum ir_type t)
{
	uint32_t n;

	if (accept(in, "_"))
		return 0;
	if ((n = numbered(in, "v", VALUES_MAX)) != ~0u)
		return PENDING | n;
	if ((n = numbered(in, "pin", IR_PINS)) != ~0u)
		return ir_pin(in->f, n);
	return constant(in, t);
}

/* Operands up to ')' into list[], after `skip` words left free; *n: how many. */
static uint32_t operands(struct in *in, uint32_t skip, uint32_t *n, const char *end)
{
	ir_ref v[64];
	uint32_t k = 0, to;

	while (!in->bad && !at(in, end)) {
		if (k == ARRAY_LEN(v)) {
			fail(in, "too many operands");
			break;
		}
		v[k++] = operand(in, IR_VOID);
		if (!accept(in, ","))
			break;
	}
	*n = k;
	to = ir_list(in->f, k + skip);
	if (in->f->failed)
		return 0;
	memset(in->f->list + to, 0, skip * sizeof(*v));
	memcpy(in->f->list + to + skip, v, k * sizeof(*v));
	return to;
}

static uint32_t block_name(struct in *in)
{
	uint32_t b = numbered(in, "b", BLOCKS_MAX);

	if (b == ~0u) {
		fail(in, "expected a block, not '%.*s'", MIN(in->token_len, 40u), in->token);
		return 0;
	}
	while (in->f->nblock <= b && !in->f->failed)
		ir_block(in->f);
	return in->f->failed ? 0 : b;
}

/* Edges are one after the other only when no list of another one grows in
 * between: collect, then make.  The count stands before the arguments. */
static void edges(struct in *in, struct ir_insn *i)
{
	struct ir_edge e[256];
	uint32_t n = 0, at;

	expect(in, "->");
	do {
		uint32_t k = 0;

		if (n == ARRAY_LEN(e)) {
			fail(in, "too many edges");
			return;
		}
		e[n] = (struct ir_edge){ .target = block_name(in) };
		if (accept(in, "(")) {
			e[n].args = operands(in, 1, &k, ")");
			expect(in, ")");
		} else {
			e[n].args = ir_list(in->f, 1);
		}
		if (in->f->failed)
			return;
		in->f->list[e[n].args++] = k;
		if (accept(in, "w")) {
			expect(in, "=");
			e[n].weight = (uint32_t)number(in);
		}
		n++;
	} while (accept(in, ","));
	at = ir__edges(in->f, n);
	if (in->f->failed)
		return;
	memcpy(in->f->edge + at, e, n * sizeof(*e));
	i->imm = (int32_t)at;
	i->x = n;
	if ((i->op == IR_JUMP && n != 1) || (i->op == IR_BRANCH && n != 2))
		fail(in, "wrong number of edges");
}

static void exit_table(struct in *in, struct ir_insn *i)
{
	uint32_t kind, x;

	expect(in, "(");
	kind = (uint32_t)number(in);
	expect(in, ",");
	x = i->x = ir_exit(in->f, kind, number(in));
	while (accept(in, ",") && !in->f->failed) {
		uint64_t offset;
		unsigned how = 0;

		expect(in, "[");
		offset = number(in);
		if (offset > IR_OFFSET_MASK)
			fail(in, "offset too large");
		expect(in, "]");
		expect(in, "=");
		for (unsigned h = 1; h < IR_HOWS; h++)
			if (in->token_len + 1 == strlen(ir__how_names[h]) &&
			    !memcmp(in->token, ir__how_names[h], in->token_len))
				how = h;
		if (how)
			next(in);
		ir_exit_slot(in->f, x, (uint32_t)offset, (enum ir_how)how, operand(in, IR_VOID));
	}
	expect(in, ")");
}

static void callee(struct in *in, struct ir_insn *i)
{
	const struct ir_helper *h = in->helper;
	uint32_t n, to, d;

	while (h && h->name && !at(in, h->name))
		h++;
	if (!h || !h->name) {
		fail(in, "no such helper: '%.*s'", MIN(in->token_len, 40u), in->token);
		return;
	}
	next(in);
	expect(in, "(");
	to = operands(in, 2, &n, ")");
	expect(in, ")");
	d = ir_helper(in->f, h);
	if (in->f->failed)
		return;
	in->f->list[to] = d;
	in->f->list[to + 1] = n;
	i->imm = (int32_t)to;
}

/* ---- lines ------------------------------------------------------------------------- */

/* Words after the operands. */
static void aux_words(struct in *in, struct ir_insn *i)
{
	uint32_t flags = ir_rows[i->op].flags, n;
	unsigned alias;

	for (; !in->bad; ) {
		if ((flags & IR_FP) && (n = numbered(in, "rm", 8)) != ~0u)
			i->aux |= (uint8_t)n;
		else if ((flags & IR_FP) && accept(in, "canon"))
			i->aux |= IR_FP_CANON;
		else if ((flags & IR_FP) && accept(in, "flags"))
			i->aux |= IR_FP_FLAGS;
		else if ((flags & IR_DIV) && accept(in, "nonzero"))
			i->aux |= IR_DIV_NONZERO;
		else if ((flags & IR_DIV) && accept(in, "no_overflow"))
			i->aux |= IR_DIV_NO_OVERFLOW;
		else if ((flags & IR_MEM) && accept(in, "ordered"))
			i->aux |= IR_MEM_ORDERED;
		else if ((flags & IR_MEM) && (n = numbered(in, "scale", 4)) != ~0u)
			i->aux |= (uint8_t)(n << IR_MEM_SCALE_SHIFT);
		else if (i->op == IR_XLATE && (n = numbered(in, "aux", 56)) != ~0u)
			i->aux = (uint8_t)n;
		else if ((flags & IR_EXITS) && !i->x && accept(in, "exit"))
			exit_table(in, i);
		else {
			for (alias = 0; alias < IR_ALIASES; alias++)
				if ((flags & IR_MEM) && accept(in, ir__alias_names[alias]))
					break;
			if (alias == IR_ALIASES)
				return;
			i->aux = (uint8_t)((i->aux & ~IR_MEM_ALIAS) | alias);
		}
	}
}

static void define(struct in *in, uint32_t n, ir_ref r)
{
	if (in->bad)
		return;
	if (n >= in->nvalue) {
		fail(in, "v%u is too large", n);
		return;
	}
	if (in->value[n])
		fail(in, "v%u is made twice", n);
	in->value[n] = r;
}

static void instruction(struct in *in)
{
	struct ir_insn i = { 0 };
	unsigned line = in->line;
	uint32_t name = numbered(in, "v", VALUES_MAX);
	const struct ir_row *row;
	bool comma = false;
	unsigned op;
	ir_ref r;

	if (name != ~0u)
		expect(in, "=");
	for (op = 1; op < IR_OPS; op++)
		if (op != IR_CONST && op != IR_PIN && op != IR_PARAM && at(in, ir_rows[op].text))
			break;
	if (op == IR_OPS) {
		fail(in, "no such operation: '%.*s'", MIN(in->token_len, 40u), in->token);
		return;
	}
	next(in);
	row = &ir_rows[op];
	i.op = (uint8_t)op;
	if (row->types) {
		expect(in, ".");
		i.ct = (uint8_t)type_name(in, row->types);
	}
	if (strchr(row->sig, '_')[1] == 'A' && accept(in, ":"))
		i.type = (uint8_t)type_name(in, VALUE_TYPES);
	i.type = (uint8_t)ir__result_type(op, i.ct, i.type);
	for (unsigned k = 0; k < row->nargs && !in->bad; k++, comma = true) {
		if (comma)
			expect(in, ",");
		i.a[k] = operand(in, ir__operand_type(op, i.ct, k));
	}
	if (row->flags & (IR_IMM | IR_MEM | IR_STATE)) {
		if (comma)
			expect(in, ",");
		expect(in, "#");
		i.imm = (int32_t)number(in);
	}
	if (row->flags & IR_CALLS)
		callee(in, &i);
	if (op == IR_RET) {
		uint32_t n = 0;

		i.imm = (int32_t)(in->f->nresults ? operands(in, 0, &n, "}") : ir_list(in->f, 1));
		if (n != in->f->nresults)
			fail(in, "ret has %u values, not %u", n, in->f->nresults);
	}
	aux_words(in, &i);
	if (op == IR_JUMP || op == IR_BRANCH || op == IR_SWITCH)
		edges(in, &i);
	if ((name != ~0u) != (i.type != IR_VOID))
		fail(in, i.type ? "its value has no name" : "it has no value");
	if (in->bad || in->f->failed)
		return;
	r = ir_append(in->f, in->f->cur, &i);
	in->f->uses[r] = line;
	if (name != ~0u)
		define(in, name, r);
}

static void label(struct in *in)
{
	uint32_t b = block_name(in), n;

	if (in->bad || in->f->failed)
		return;
	if (in->defined[b])
		fail(in, "block b%u stands here again", b);
	in->defined[b] = 1;
	in->f->order[in->nblock++] = b;
	ir_at(in->f, b);
	if (accept(in, "(")) {
		do {
			enum ir_type t;

			n = numbered(in, "v", VALUES_MAX);
			if (n == ~0u)
				fail(in, "expected a parameter");
			expect(in, ":");
			t = type_name(in, VALUE_TYPES);
			if (!in->bad)
				define(in, n, ir_param(in->f, b, t));
		} while (accept(in, ","));
		expect(in, ")");
	}
	expect(in, ":");
	if (accept(in, "@"))
		in->f->block[b].cookie = number(in);
	if (accept(in, "freq")) {
		expect(in, "=");
		in->f->block[b].freq = (uint32_t)number(in);
	}
	if (accept(in, "cold"))
		in->f->block[b].flags |= IR_BLOCK_COLD;
	if (accept(in, "entry"))
		in->f->block[b].flags |= IR_BLOCK_ENTRY;
}

/* Is this a label: "bN:" or "bN("? */
static bool at_label(const struct in *in)
{
	return in->token[0] == 'b' && in->token_len > 1 && isdigit((unsigned char)in->token[1]) &&
	       (*in->p == ':' || *in->p == '(');
}

static void resolve(struct in *in, ir_ref *p)
{
	uint32_t n = *p & ~(uint32_t)PENDING;

	if (!(*p & PENDING))
		return;
	*p = n < in->nvalue ? in->value[n] : 0;
	if (!*p)
		fail(in, "v%u is used and not made", n);
}

/* Edges against the parameters of their blocks; then the numbers. */
static void finish(struct in *in)
{
	struct ir_func *f = in->f;

	for (uint32_t b = 0; b < f->nblock; b++)
		if (!in->defined[b])
			fail(in, "block b%u is used and not there", b);
	for (uint32_t e = 1; e < f->nedge; e++)
		if (f->list[f->edge[e].args - 1] != f->block[f->edge[e].target].nparams)
			fail(in, "an edge to b%u has %u arguments, not %u", f->edge[e].target,
			     f->list[f->edge[e].args - 1], f->block[f->edge[e].target].nparams);
	for (uint32_t o = 0; o < f->norder && !in->bad; o++)
		for (IR_EACH(f, f->order[o], i)) {
			in->line = f->uses[i];
			IR__EACH_OPERAND(f, i, p, resolve(in, p));
		}
}

static void function(struct in *in)
{
	struct ir_func *f = in->f;

	next(in);
	expect(in, "func");
	if (in->token_len >= sizeof(f->name) || !word_char(in->token[0]))
		fail(in, "expected a name");
	else
		memcpy(f->name, in->token, in->token_len), f->name[in->token_len] = 0;
	next(in);
	expect(in, "(");
	while (!in->bad && !at(in, ")")) {
		if (f->nresults == ARRAY_LEN(f->result)) {
			fail(in, "too many results");
			break;
		}
		f->result[f->nresults++] = (uint8_t)type_name(in, VALUE_TYPES);
		if (!accept(in, ","))
			break;
	}
	expect(in, ")");
	f->alone = accept(in, "alone");
	expect(in, "{");
	if (!in->bad && !at_label(in))
		fail(in, "expected a block");
	while (!in->bad && !f->failed && !at(in, "}")) {
		if (!in->token_len)
			fail(in, "the function does not end");
		else if (at_label(in))
			label(in);
		else
			instruction(in);
	}
	if (!in->bad && !f->failed)
		finish(in);
}

int ir_parse(struct ir_func *f, const char *text, const struct ir_helper *h, const char **end,
	     struct err *e)
{
	struct in in = { .f = f, .helper = h, .p = text, .line = 1, .e = e, .nvalue = VALUES_MAX };
	char why[200];
	const char *bad;
	ir_ref where = 0;

	ir_reset(f);
	f->raw = true;
	/* No number in the text is larger than the text. */
	in.nvalue = (uint32_t)MIN(strlen(text) + 1, (size_t)VALUES_MAX);
	in.value = base_calloc(in.nvalue, sizeof(*in.value));
	in.defined = base_calloc(BLOCKS_MAX, 1);
	if (in.value && in.defined)
		function(&in);
	base_free(in.value);
	base_free(in.defined);
	if (!in.value || !in.defined || f->failed) {
		ir_reset(f);
		return err_set(e, ENOMEM, "out of memory");
	}
	if (end)
		*end = in.p;
	bad = in.bad ? NULL : ir__verify(f, why, sizeof(why), &where);
	in.line = f->uses[where];
	if (bad)
		fail(&in, "%s", bad);
	if (in.bad)
		ir_reset(f);
	f->raw = false;
	return in.bad ? -EINVAL : 0;
}
