/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DWARF line table; see dwarf.h.  A line program is run once over, row by
 * row, and only the row that covers the address is kept; file names are looked
 * up by their number afterwards.  Every read is inside of the section, a
 * string of .debug_str or .debug_line_str inside of that.
 */
#include "wasm/dwarf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"

struct span {
	const uint8_t *p, *end;
};

/* What reads past the end gives zero and is remembered. */
struct in {
	const uint8_t *p, *end;
	bool bad;
};

/* ---- reading ---------------------------------------------------------------------- */

static uint64_t get(struct in *in, unsigned n)
{
	uint64_t v = 0;

	if ((size_t)(in->end - in->p) < n) {
		in->bad = true;
		in->p = in->end;
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)in->p[i] << (8 * i);
	in->p += n;
	return v;
}

static void skip(struct in *in, uint64_t n)
{
	if ((uint64_t)(in->end - in->p) < n) {
		in->bad = true;
		in->p = in->end;
	} else {
		in->p += n;
	}
}

static uint64_t uleb(struct in *in)
{
	uint64_t v = 0, b;
	unsigned shift = 0;

	do {
		b = get(in, 1);
		if (shift < 64)
			v |= (b & 0x7f) << shift;
		shift += 7;
	} while (b & 0x80);
	return v;
}

static int64_t sleb(struct in *in)
{
	uint64_t v = 0, b;
	unsigned shift = 0;

	do {
		b = get(in, 1);
		if (shift < 64)
			v |= (b & 0x7f) << shift;
		shift += 7;
	} while (b & 0x80);
	return shift < 64 && (b & 0x40) ? (int64_t)(v | ~0ull << shift) : (int64_t)v;
}

/* NULL: not terminated. */
static const char *string(struct in *in)
{
	const char *s = (const char *)in->p;
	const uint8_t *end = memchr(in->p, 0, (size_t)(in->end - in->p));

	in->bad |= !end;
	in->p = end ? end + 1 : in->end;
	return end ? s : NULL;
}

static struct span section(const struct wasm_module *m, const char *name)
{
	for (uint32_t i = 0; i < m->ncustoms; i++)
		if (m->customs[i].name.len == strlen(name) &&
		    !memcmp(m->customs[i].name.s, name, m->customs[i].name.len))
			return (struct span){ m->customs[i].bytes,
					      m->customs[i].bytes + m->customs[i].len };
	return (struct span){ NULL, NULL };
}

static const char *string_at(struct span s, uint64_t at)
{
	struct in in = { s.p, s.end, false };

	skip(&in, at);
	return in.p < in.end ? string(&in) : NULL;
}

/* ---- one unit's header (DWARF 5, 6.2.4; DWARF 4, 6.2.4) ------------------------------- */

enum {
	DW_FORM_BLOCK = 0x09, DW_FORM_DATA1 = 0x0b, DW_FORM_DATA2 = 0x05, DW_FORM_DATA4 = 0x06,
	DW_FORM_DATA8 = 0x07, DW_FORM_DATA16 = 0x1e, DW_FORM_STRING = 0x08, DW_FORM_STRP = 0x0e,
	DW_FORM_LINE_STRP = 0x1f, DW_FORM_UDATA = 0x0f,
	DW_LNCT_PATH = 1, DW_LNCT_DIRECTORY_INDEX = 2,
	FORMATS_MAX = 16,
};

/* The sections that are looked into, found once. */
struct sections {
	struct span line, line_str, str;
};

struct unit {
	const struct sections *s;
	struct in program, names;       /* names: from the folder table on */
	unsigned version, offset_size;
	uint8_t min_length, line_range, opcode_base;
	int8_t line_base;
	const uint8_t *lengths;         /* of the standard opcodes' operands */
};

static bool read_header(const struct sections *s, struct in *in, struct unit *u)
{
	struct in h;
	uint64_t n = get(in, 4);

	*u = (struct unit){ .s = s, .offset_size = 4 };
	if (n == 0xffffffff) {
		n = get(in, 8);
		u->offset_size = 8;
	}
	h = (struct in){ in->p, in->p, false };
	skip(in, n);
	if (in->bad)
		return false;
	h.end = in->p;
	u->version = (unsigned)get(&h, 2);
	if (u->version >= 5)
		skip(&h, 2);            /* address and segment selector size */
	n = get(&h, u->offset_size);
	u->program = h;
	skip(&u->program, n);
	u->min_length = (uint8_t)get(&h, 1);
	if (u->version >= 4)
		skip(&h, 1);            /* operations in an instruction: VLIW */
	skip(&h, 1);                    /* default_is_stmt */
	u->line_base = (int8_t)get(&h, 1);
	u->line_range = (uint8_t)get(&h, 1);
	u->opcode_base = (uint8_t)get(&h, 1);
	u->lengths = h.p;
	skip(&h, u->opcode_base ? u->opcode_base - 1u : 0);
	u->names = h;
	return !h.bad && !u->program.bad && u->version >= 2 && u->version <= 5 && u->line_range &&
	       u->opcode_base;
}

/* ---- file names ----------------------------------------------------------------------- */

struct entry {
	const char *path;
	uint64_t dir;
};

/* A value of a form; strings into *s, numbers returned. */
static uint64_t form_value(const struct unit *u, struct in *in, uint64_t form, const char **s)
{
	switch (form) {
	case DW_FORM_STRING:
		*s = string(in);
		return 0;
	case DW_FORM_LINE_STRP:
		*s = string_at(u->s->line_str, get(in, u->offset_size));
		return 0;
	case DW_FORM_STRP:
		*s = string_at(u->s->str, get(in, u->offset_size));
		return 0;
	case DW_FORM_DATA1:
		return get(in, 1);
	case DW_FORM_DATA2:
		return get(in, 2);
	case DW_FORM_DATA4:
		return get(in, 4);
	case DW_FORM_DATA8:
		return get(in, 8);
	case DW_FORM_DATA16:
		skip(in, 16);
		return 0;
	case DW_FORM_UDATA:
		return uleb(in);
	case DW_FORM_BLOCK:
		skip(in, uleb(in));
		return 0;
	default:
		in->bad = true;
		return 0;
	}
}

/* Version 5: a table with its format; leaves `in` behind it.  The entry `want`
 * into *e; false: there is none. */
static bool table5(const struct unit *u, struct in *in, uint64_t want, struct entry *e)
{
	uint64_t format[FORMATS_MAX][2], n, count;
	unsigned nformats = (unsigned)get(in, 1);
	bool found = false;

	if (nformats > FORMATS_MAX)
		return false;
	for (unsigned i = 0; i < nformats; i++) {
		format[i][0] = uleb(in);
		format[i][1] = uleb(in);
	}
	count = uleb(in);
	for (n = 0; nformats && n < count && !in->bad; n++) {
		struct entry x = { NULL, 0 };

		for (unsigned i = 0; i < nformats; i++) {
			const char *s = NULL;
			uint64_t v = form_value(u, in, format[i][1], &s);

			if (format[i][0] == DW_LNCT_PATH)
				x.path = s;
			else if (format[i][0] == DW_LNCT_DIRECTORY_INDEX)
				x.dir = v;
		}
		if (n == want) {
			*e = x;
			found = x.path;
		}
	}
	return found && !in->bad;
}

/* Versions 2 to 4: strings until an empty one, numbered from 1. */
static bool dirs4(struct in *in, uint64_t want, struct entry *e)
{
	bool found = false;

	for (uint64_t n = 1; !in->bad; n++) {
		const char *s = string(in);

		if (!s || !*s)
			return found;
		if (n == want) {
			e->path = s;
			found = true;
		}
	}
	return false;
}

static bool files4(struct in *in, uint64_t want, struct entry *e)
{
	for (uint64_t n = 1; !in->bad; n++) {
		struct entry x = { string(in), 0 };

		if (!x.path || !*x.path)
			return false;
		x.dir = uleb(in);
		uleb(in);
		uleb(in);
		if (n == want && !in->bad) {
			*e = x;
			return true;
		}
	}
	return false;
}

static bool file_name(const struct unit *u, uint64_t file, char *buf, unsigned n)
{
	struct in names = u->names, again = u->names;
	struct entry f = { NULL, 0 }, d = { NULL, 0 };
	bool have_dir;

	if (u->version >= 5) {
		table5(u, &names, UINT64_MAX, &d);
		if (!table5(u, &names, file, &f))
			return false;
		have_dir = table5(u, &again, f.dir, &d) && f.dir;
	} else {
		dirs4(&names, 0, &d);
		if (!files4(&names, file, &f))
			return false;
		have_dir = dirs4(&again, f.dir, &d);
	}
	if (have_dir && *f.path != '/')
		snprintf(buf, n, "%s/%s", d.path, f.path);
	else
		snprintf(buf, n, "%s", f.path);
	/* It goes to a terminal. */
	for (char *p = buf; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return true;
}

/* ---- the line program (DWARF 5, 6.2.5) -------------------------------------------------- */

struct row {
	uint64_t address, file;
	int64_t line;
	bool valid;             /* in a sequence */
};

enum {
	DW_LNS_COPY = 1, DW_LNS_ADVANCE_PC, DW_LNS_ADVANCE_LINE, DW_LNS_SET_FILE,
	DW_LNS_SET_COLUMN, DW_LNS_NEGATE_STMT, DW_LNS_SET_BASIC_BLOCK, DW_LNS_CONST_ADD_PC,
	DW_LNS_FIXED_ADVANCE_PC,
	DW_LNE_END_SEQUENCE = 1, DW_LNE_SET_ADDRESS = 2,
};

struct machine {
	const struct unit *u;
	struct in in;
	struct row now, last;   /* last: the row before this one, in the sequence */
	uint64_t address;       /* looked for */
	struct row found;
};

static const struct row begin = { .file = 1, .line = 1 };

/* A row covers from its address to the next one's. */
static void emit(struct machine *s, bool end)
{
	if (s->last.valid && s->address >= s->last.address && s->address < s->now.address)
		s->found = s->last;
	s->last = s->now;
	s->last.valid = !end;
	if (end)
		s->now = begin;
}

static void advance(struct machine *s, uint64_t operations)
{
	s->now.address += operations * s->u->min_length;
}

static void extended(struct machine *s)
{
	uint64_t n = uleb(&s->in);
	struct in x = { s->in.p, s->in.p, false };

	skip(&s->in, n);
	x.end = s->in.p;
	switch (get(&x, 1)) {
	case DW_LNE_END_SEQUENCE:
		emit(s, true);
		break;
	case DW_LNE_SET_ADDRESS:
		s->now.address = get(&x, (unsigned)MIN((size_t)(x.end - x.p), (size_t)8));
		break;
	}
}

static void standard(struct machine *s, uint8_t op)
{
	switch (op) {
	case DW_LNS_COPY:
		emit(s, false);
		break;
	case DW_LNS_ADVANCE_PC:
		advance(s, uleb(&s->in));
		break;
	case DW_LNS_ADVANCE_LINE:
		s->now.line = (int64_t)((uint64_t)s->now.line + (uint64_t)sleb(&s->in));
		break;
	case DW_LNS_SET_FILE:
		s->now.file = uleb(&s->in);
		break;
	case DW_LNS_CONST_ADD_PC:
		advance(s, (255u - s->u->opcode_base) / s->u->line_range);
		break;
	case DW_LNS_FIXED_ADVANCE_PC:
		s->now.address += get(&s->in, 2);
		break;
	default:
		for (unsigned i = 0; i < s->u->lengths[op - 1]; i++)
			uleb(&s->in);
	}
}

static bool run(const struct unit *u, uint64_t address, struct row *out)
{
	struct machine s = { .u = u, .in = u->program, .now = begin, .address = address };

	while (s.in.p < s.in.end && !s.in.bad && !s.found.valid) {
		uint8_t op = (uint8_t)get(&s.in, 1);

		if (op >= u->opcode_base) {
			unsigned special = op - u->opcode_base;

			advance(&s, special / u->line_range);
			s.now.line = (int64_t)((uint64_t)s.now.line +
					       (uint64_t)(u->line_base + (int)(special % u->line_range)));
			emit(&s, false);
		} else if (op) {
			standard(&s, op);
		} else {
			extended(&s);
		}
	}
	*out = s.found;
	return s.found.valid && s.found.line > 0 && s.found.line <= UINT32_MAX;
}

/* ---- the module --------------------------------------------------------------------------- */

/* Offset of the code section's contents in the module; 0: none. */
static uint64_t code_start(const struct wasm_module *m)
{
	struct in in = { m->bytes, m->bytes + m->len, false };

	skip(&in, 8);
	while (in.p < in.end && !in.bad) {
		uint8_t id = (uint8_t)get(&in, 1);
		uint64_t n = uleb(&in);

		if (id == 10)
			return (uint64_t)(in.p - m->bytes);
		skip(&in, n);
	}
	return 0;
}

bool wasm_dwarf_line(const struct wasm_module *m, uint32_t offset, struct wasm_line *out)
{
	const struct sections s = {
		section(m, ".debug_line"), section(m, ".debug_line_str"), section(m, ".debug_str"),
	};
	struct in in = { s.line.p, s.line.end, false };
	uint64_t code = s.line.p ? code_start(m) : 0;
	struct unit u;
	struct row r;

	if (!code || offset < code)
		return false;
	while (in.p < in.end && !in.bad)
		if (read_header(&s, &in, &u) && run(&u, offset - code, &r) &&
		    file_name(&u, r.file, out->file, sizeof(out->file))) {
			out->line = (uint32_t)r.line;
			return true;
		}
	return false;
}

/* Each frame looks through the whole table: the outer ones go without. */
enum { ANNOTATED = 32 };

char *wasm_dwarf_annotate(const struct wasm_module *m, const char *backtrace)
{
	char *all = NULL;
	unsigned frames = 0;

	if (!section(m, ".debug_line").p)
		return NULL;
	for (const char *p = backtrace; *p;) {
		int n = (int)strcspn(p, "\n");
		const char *hex = memmem(p, (size_t)n, " 0x", 3);
		uint32_t at = hex ? (uint32_t)strtoul(hex + 1, NULL, 16) : 0;
		struct wasm_line l;
		char *more = at && frames++ < ANNOTATED && wasm_dwarf_line(m, at, &l)
				     ? base_printf("%s%.*s (%s:%u)\n", all ? all : "", n, p, l.file,
						   l.line)
				     : base_printf("%s%.*s\n", all ? all : "", n, p);

		base_free(all);
		all = more;
		if (!all)
			return NULL;
		p += n + (p[n] == '\n');
	}
	return all;
}
