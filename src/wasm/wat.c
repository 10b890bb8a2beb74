/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing a module as text that reads back as the same module: pieces of
 * text, and the sections in their order.  Relies on the loader's having
 * accepted the bytes; a body that was not validated yet may still be told to
 * be malformed.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "wasm/text.h"
#include "wasm/wat_int.h"

/* A module may be made such that its text is much longer (runs of locals).
 * What is allowed is more than any real one has; the parser takes 2 GiB. */
static size_t max_text(const struct wat *w)
{
	return MIN(((size_t)256 << 20) + 16 * w->m->len, (size_t)0x7fffffff);
}

bool wat__fail(struct wat *w, const char *why)
{
	if (!w->failed) {
		w->failed = true;
		w->code = EINVAL;
		err_set(w->e, EINVAL, "offset 0x%zx: %s",
			w->p ? (size_t)(w->p - w->m->bytes) : (size_t)0, why);
	}
	w->p = w->end;
	return false;
}

static void put(struct wat *w, const void *p, size_t n)
{
	if (w->failed)
		return;
	ser_bytes(&w->out, p, n);
	if (w->out.failed || w->out.len > max_text(w)) {
		w->failed = true;
		w->code = w->out.failed ? ENOMEM : E2BIG;
		err_set(w->e, w->code, w->out.failed ? "out of memory" :
			"the text would be too large");
		w->p = w->end;
	}
}

void wat__puts(struct wat *w, const char *s)
{
	put(w, s, strlen(s));
}

void wat__printf(struct wat *w, const char *fmt, ...)
{
	char buf[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	wat__puts(w, buf);
}

void wat__newline(struct wat *w)
{
	static const char spaces[] = "\n                                                                ";

	/* Deep nesting is not shown beyond this: the text stays linear. */
	put(w, spaces, 1 + MIN(w->indent * 2, 64u));
}

void wat__string(struct wat *w, const uint8_t *s, size_t n, bool bytes)
{
	size_t from = 0;

	wat__puts(w, "\"");
	for (size_t i = 0; i < n; i++) {
		uint8_t c = s[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && (c < 0x80 || !bytes))
			continue;
		put(w, s + from, i - from);
		wat__printf(w, "\\%02x", c);
		from = i + 1;
	}
	put(w, s + from, n - from);
	wat__puts(w, "\"");
}

uint32_t wat__u32(struct wat *w)
{
	uint32_t v = 0;
	const char *why = wasm_leb_u32(&w->p, w->end, &v);

	if (why)
		wat__fail(w, why);
	return why ? 0 : v;
}

uint64_t wat__u64(struct wat *w)
{
	uint64_t v = 0;
	const char *why = wasm_leb_u64(&w->p, w->end, &v);

	if (why)
		wat__fail(w, why);
	return why ? 0 : v;
}

uint8_t wat__byte(struct wat *w)
{
	if (w->p >= w->end) {
		wat__fail(w, WASM_MSG_END);
		return 0;
	}
	return *w->p++;
}

static bool plain_id(const uint8_t *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f || strchr("\"(),;[]{}", s[i]))
			return false;
	return true;
}

static void put_id(struct wat *w, const struct wat_name *n)
{
	wat__puts(w, " $");
	if (plain_id(n->s, n->len))
		put(w, n->s, n->len);
	else
		wat__string(w, n->s, n->len, false);
}

void wat__name(struct wat *w, const struct wat_name *n)
{
	if (n->s && n->id) {
		put_id(w, n);
	} else if (n->s) {
		wat__puts(w, " (@name ");
		wat__string(w, n->s, n->len, false);
		wat__puts(w, ")");
	}
}

void wat__index(struct wat *w, enum text_space space, uint32_t index)
{
	if (index < w->count[space] && w->names[space] && w->names[space][index].id)
		put_id(w, &w->names[space][index]);
	else
		wat__printf(w, " %u", index);
}

uint32_t wat__binder(struct wat *w, enum text_space space)
{
	uint32_t index = w->next[space]++;

	if (index < w->count[space] && w->names[space] && w->names[space][index].s)
		wat__name(w, &w->names[space][index]);
	else
		wat__printf(w, " (;%u;)", index);
	return index;
}

/* A name in the section: length and bytes. */
static void name_string(struct wat *w)
{
	uint32_t n = wat__u32(w);

	if (n > (size_t)(w->end - w->p)) {
		wat__fail(w, WASM_MSG_END);
		return;
	}
	wat__puts(w, " ");
	wat__string(w, w->p, n, false);
	w->p += n;
}

/* ---- sections ---- */

static const enum text_space kind_spaces[] = {
	TEXT_SPACE_FUNC, TEXT_SPACE_TABLE, TEXT_SPACE_MEMORY, TEXT_SPACE_GLOBAL, TEXT_SPACE_TAG,
};
static const char *const kind_words[] = { "func", "table", "memory", "global", "tag" };

static void type_use(struct wat *w, uint32_t type)
{
	wat__puts(w, " (type");
	wat__index(w, TEXT_SPACE_TYPE, type);
	wat__puts(w, ")");
	wat__signature(w, type, NULL, 0);
}

static void global_type(struct wat *w)
{
	struct wasm_type t;
	const char *why = wasm_read_valtype(&w->p, w->end, &t);
	bool mut;

	if (why) {
		wat__fail(w, why);
		return;
	}
	mut = wat__byte(w);
	wat__puts(w, mut ? " (mut" : "");
	wat__val_type(w, t);
	wat__puts(w, mut ? ")" : "");
}

/* The text has the limits first. */
static void table_type(struct wat *w)
{
	struct wasm_type t;
	const char *why = wasm_read_reftype(&w->p, w->end, &t);

	if (why) {
		wat__fail(w, why);
		return;
	}
	wat__limits(w, true);
	wat__val_type(w, t);
}

static void tag_type(struct wat *w)
{
	wat__byte(w);
	type_use(w, wat__u32(w));
}

static void import(struct wat *w)
{
	uint8_t kind;

	wat__puts(w, "(import");
	name_string(w);
	name_string(w);
	kind = wat__byte(w);
	if (kind > 4) {
		wat__fail(w, "malformed import kind");
		return;
	}
	wat__printf(w, " (%s", kind_words[kind]);
	wat__binder(w, kind_spaces[kind]);
	switch (kind) {
	case 0: type_use(w, wat__u32(w)); break;
	case 1: table_type(w); break;
	case 2: wat__limits(w, false); break;
	case 3: global_type(w); break;
	default: tag_type(w);
	}
	wat__puts(w, "))");
}

static void table(struct wat *w)
{
	bool init = w->p < w->end && *w->p == 0x40;

	if (init)
		w->p += 2;
	wat__puts(w, "(table");
	wat__binder(w, TEXT_SPACE_TABLE);
	table_type(w);
	if (init)
		wat__expr(w);
	wat__puts(w, ")");
}

static void memory(struct wat *w)
{
	wat__puts(w, "(memory");
	wat__binder(w, TEXT_SPACE_MEMORY);
	wat__limits(w, false);
	wat__puts(w, ")");
}

static void global(struct wat *w)
{
	wat__puts(w, "(global");
	wat__binder(w, TEXT_SPACE_GLOBAL);
	global_type(w);
	wat__expr(w);
	wat__puts(w, ")");
}

static void tag(struct wat *w)
{
	wat__puts(w, "(tag");
	wat__binder(w, TEXT_SPACE_TAG);
	tag_type(w);
	wat__puts(w, ")");
}

static void export(struct wat *w)
{
	uint8_t kind;

	wat__puts(w, "(export");
	name_string(w);
	kind = wat__byte(w);
	if (kind > 4) {
		wat__fail(w, "malformed export kind");
		return;
	}
	wat__printf(w, " (%s", kind_words[kind]);
	wat__index(w, kind_spaces[kind], wat__u32(w));
	wat__puts(w, "))");
}

static void offset(struct wat *w)
{
	wat__puts(w, " (offset");
	wat__expr(w);
	wat__puts(w, ")");
}

/* Number 0 goes without saying, as in the binary that the parser makes. */
static void explicit_place(struct wat *w, const char *word, enum text_space space, bool there)
{
	uint32_t index = there ? wat__u32(w) : 0;

	if (!index)
		return;
	wat__printf(w, " (%s", word);
	wat__index(w, space, index);
	wat__puts(w, ")");
}

/* 5.5.12: bit 0 passive or declarative, bit 1 explicit, bit 2 expressions. */
static void elem(struct wat *w)
{
	uint32_t flags = wat__u32(w), n;
	struct wasm_type type = wasm_type_ref(WASM_HEAP_FUNC, true);

	wat__puts(w, "(elem");
	wat__binder(w, TEXT_SPACE_ELEM);
	if ((flags & 3) == 3)
		wat__puts(w, " declare");
	if (!(flags & 1)) {
		explicit_place(w, "table", TEXT_SPACE_TABLE, flags & 2);
		offset(w);
	}
	if ((flags & 4) && (flags & 3)) {
		if (wasm_read_reftype(&w->p, w->end, &type))
			wat__fail(w, "malformed reference type");
	} else if (flags & 3) {
		wat__byte(w); /* elemkind */
	}
	if (flags & 4)
		wat__val_type(w, type);
	else
		wat__puts(w, " func");
	for (n = wat__u32(w); n && !w->failed; n--) {
		if (flags & 4) {
			wat__puts(w, " (item");
			wat__expr(w);
			wat__puts(w, ")");
		} else {
			wat__index(w, TEXT_SPACE_FUNC, wat__u32(w));
		}
	}
	wat__puts(w, ")");
}

static void data(struct wat *w)
{
	uint32_t flags = wat__u32(w), n;

	wat__puts(w, "(data");
	wat__binder(w, TEXT_SPACE_DATA);
	explicit_place(w, "memory", TEXT_SPACE_MEMORY, flags == 2);
	if (flags != 1)
		offset(w);
	n = wat__u32(w);
	if (n > (size_t)(w->end - w->p)) {
		wat__fail(w, WASM_MSG_END);
		return;
	}
	wat__puts(w, " ");
	wat__string(w, w->p, n, true);
	w->p += n;
	wat__puts(w, ")");
}

static void vector(struct wat *w, void (*one)(struct wat *w))
{
	for (uint32_t n = wat__u32(w); n && !w->failed; n--) {
		wat__newline(w);
		one(w);
	}
}

static void func_section(struct wat *w)
{
	uint32_t n = wat__u32(w);

	w->func_types = arena_alloc(&w->arena, (size_t)n * sizeof(*w->func_types) + 1);
	if (!w->func_types || n > WASM_MAX_FUNCS) {
		wat__fail(w, "too many functions");
		return;
	}
	for (w->ndefined = n, n = 0; n < w->ndefined; n++)
		w->func_types[n] = wat__u32(w);
}

static void section(struct wat *w, unsigned id)
{
	switch (id) {
	case 1: wat__type_section(w); break;
	case 2: vector(w, import); break;
	case 3: func_section(w); break;
	case 4: vector(w, table); break;
	case 5: vector(w, memory); break;
	case 6: vector(w, global); break;
	case 7: vector(w, export); break;
	case 8:
		wat__newline(w);
		wat__puts(w, "(start");
		wat__index(w, TEXT_SPACE_FUNC, wat__u32(w));
		wat__puts(w, ")");
		break;
	case 9: vector(w, elem); break;
	case 10: wat__code_section(w); break;
	case 11: vector(w, data); break;
	case 13: vector(w, tag); break;
	}
}

/* Where a custom section stands: after the section `last`, 0: before all. */
static void custom_place(struct wat *w, unsigned last)
{
	static const char *const names[] = {
		NULL, "type", "import", "func", "table", "memory", "global", "export", "start",
		"elem", "code", "data", "datacount", "tag",
	};

	if (last)
		wat__printf(w, " (after %s)", names[last]);
	else
		wat__puts(w, " (before first)");
}

static bool is_custom(const struct wat *w, const char *name, uint32_t n)
{
	return n == strlen(name) && !memcmp(w->p, name, n);
}

/* Names and hints are shown where they belong, all others as they are. */
static void custom(struct wat *w, unsigned last, bool first_pass)
{
	uint32_t n = wat__u32(w);

	if (n > (size_t)(w->end - w->p))
		return;
	if (is_custom(w, "name", n)) {
		if (first_pass && !w->names[0])
			wat__read_names(w, w->p + n, w->end);
	} else if (is_custom(w, "metadata.code.branch_hint", n)) {
		if (first_pass && !w->hints) {
			w->p += n;
			w->nhint_funcs = wat__u32(w);
			w->hints = w->p;
			w->hints_end = w->end;
		}
	} else if (!first_pass) {
		wat__newline(w);
		wat__puts(w, "(@custom ");
		wat__string(w, w->p, n, false);
		custom_place(w, last);
		wat__puts(w, " ");
		wat__string(w, w->p + n, (size_t)(w->end - w->p) - n, true);
		wat__puts(w, ")");
	}
}

/* Will the section be there again?  Empty ones and the data count may not. */
static bool is_anchor(struct wat *w, unsigned id)
{
	const uint8_t *p = w->p;
	uint32_t n;

	return id && id != 12 && (id == 8 || (!wasm_leb_u32(&p, w->end, &n) && n));
}

/* Walk the sections: first only custom ones, for names, then all. */
static void sections(struct wat *w, bool first_pass)
{
	const uint8_t *p = w->m->bytes + 8, *end = w->m->bytes + w->m->len;
	unsigned last = 0;

	while (p < end && !w->failed) {
		unsigned id = *p++;
		uint32_t size;

		if (wasm_leb_u32(&p, end, &size) || size > (size_t)(end - p))
			return; /* the loader has refused it */
		w->p = p;
		w->end = p += size;
		if (is_anchor(w, id))
			last = id;
		if (!id)
			custom(w, last, first_pass);
		else if (!first_pass && id <= 13)
			section(w, id);
	}
}

int wasm_module_to_text(const struct wasm_module *m, char **out, size_t *out_len, struct err *e)
{
	struct wat w = { .m = m, .e = e };
	const uint32_t counts[TEXT_SPACES] = { m->ntypes, m->nfuncs, m->ntables, m->nmemories,
					       m->nglobals, m->ntags, m->nelems, m->ndatas };

	*out = NULL;
	*out_len = 0;
	memcpy(w.count, counts, sizeof(counts));
	arena_init(&w.arena, 0);
	ser_writer_init(&w.out);
	sections(&w, true);
	wat__puts(&w, "(module");
	wat__name(&w, &w.module_name);
	w.indent = 1;
	sections(&w, false);
	wat__puts(&w, ")\n");
	arena_fini(&w.arena);
	if (w.failed) {
		ser_writer_fini(&w.out);
		return -w.code;
	}
	*out = (char *)w.out.buf;
	*out_len = w.out.len;
	return 0;
}
