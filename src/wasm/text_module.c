/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules of the text format (6.6): the two passes over the fields.  Fields
 * that hold segments are in text_segment.c.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/utf8.h"
#include "wasm/module.h"
#include "wasm/text.h"
#include "wasm/text_field.h"

/* ---- first pass: what is there and how it is called ---- */

static const char *const space_words[TEXT_SPACES] = {
	"type", "func", "table", "memory", "global", "tag", "elem", "data",
};

static void define(struct text *t, enum text_space space)
{
	uint32_t at = t->tok.off, s;

	if (t->tok.kind == TEXT_ID) {
		s = text__symbol(t);
		if (s == UINT32_MAX)
			return;
		if (t->symbols[s].at[space]) {
			text__fail_at(t, at, "duplicate %s", space_words[space]);
			return;
		}
		t->symbols[s].at[space] = t->count[space] + 1;
	}
	t->count[space]++;
}

/* The space of func, table, memory, global, tag; TEXT_SPACES: none of them. */
enum text_space text__field_space(const struct text *t)
{
	if (t->tok.kind != TEXT_WORD)
		return TEXT_SPACES;
	switch (t->tok.word) {
	case TEXT_FUNC_: return TEXT_SPACE_FUNC;
	case TEXT_TABLE_: return TEXT_SPACE_TABLE;
	case TEXT_MEMORY_: return TEXT_SPACE_MEMORY;
	case TEXT_GLOBAL_: return TEXT_SPACE_GLOBAL;
	case TEXT_TAG_: return TEXT_SPACE_TAG;
	default: return TEXT_SPACES;
	}
}

/* Imports come before all definitions (6.6.13). */
static void check_import(struct text *t, const bool *defined, uint32_t at)
{
	static const char *const what[TEXT_SPACES] = {
		[TEXT_SPACE_FUNC] = "function", [TEXT_SPACE_TABLE] = "table",
		[TEXT_SPACE_MEMORY] = "memory", [TEXT_SPACE_GLOBAL] = "global",
		[TEXT_SPACE_TAG] = "tag",
	};

	for (unsigned i = 0; i < TEXT_SPACES; i++)
		if (defined[i])
			text__fail_at(t, at, "import after %s", what[i]);
}

/* The rest of a table or memory, which may have a segment in it. */
static void scan_segments(struct text *t)
{
	while (t->tok.kind != TEXT_RPAR && t->tok.kind != TEXT_EOF) {
		bool list = t->tok.kind == TEXT_LPAR;

		text__next(t);
		if (!list)
			continue;
		if (t->tok.kind == TEXT_WORD && t->tok.word == TEXT_ELEM_)
			t->count[TEXT_SPACE_ELEM]++;
		else if (t->tok.kind == TEXT_WORD && t->tok.word == TEXT_DATA_)
			t->count[TEXT_SPACE_DATA]++;
		text__skip_list(t);
	}
	text__expect(t, TEXT_RPAR);
}

static void scan_definition(struct text *t, bool *defined, uint32_t at)
{
	enum text_space space = text__field_space(t);

	text__next(t);
	define(t, space);
	while (text__take_list(t, TEXT_EXPORT_))
		text__skip_list(t);
	if (text__at_list(t, TEXT_IMPORT_))
		check_import(t, defined, at);
	else
		defined[space] = true;
	if (space == TEXT_SPACE_TABLE || space == TEXT_SPACE_MEMORY)
		scan_segments(t);
	else
		text__skip_list(t);
}

static void scan_import(struct text *t, const bool *defined, uint32_t at)
{
	enum text_space space;

	text__next(t);
	text__expect(t, TEXT_STRING);
	text__expect(t, TEXT_STRING);
	text__expect(t, TEXT_LPAR);
	space = text__field_space(t);
	if (space == TEXT_SPACES) {
		text__unexpected(t);
		return;
	}
	check_import(t, defined, at);
	text__next(t);
	define(t, space);
	text__skip_list(t);
	text__expect(t, TEXT_RPAR);
}

static void scan_types(struct text *t, uint32_t at)
{
	bool group = t->tok.word == TEXT_REC_;

	if (text__grow(t, &t->type_fields, &t->type_field_cap, t->ntype_fields + 1, sizeof(at)))
		t->type_fields[t->ntype_fields++] = at;
	text__next(t);
	if (!group) {
		define(t, TEXT_SPACE_TYPE);
		text__skip_list(t);
		return;
	}
	while (text__take_list(t, TEXT_TYPE_)) {
		define(t, TEXT_SPACE_TYPE);
		text__skip_list(t);
	}
	text__expect(t, TEXT_RPAR);
}

static void scan_field(struct text *t, bool *defined)
{
	uint32_t at = t->tok.off;
	enum text_space space;

	if (!text__expect(t, TEXT_LPAR))
		return;
	switch (t->tok.kind == TEXT_WORD ? t->tok.word : TEXT_UNKNOWN) {
	case TEXT_TYPE_: case TEXT_REC_:
		scan_types(t, at);
		break;
	case TEXT_IMPORT_:
		scan_import(t, defined, at);
		break;
	case TEXT_FUNC_: case TEXT_TABLE_: case TEXT_MEMORY_: case TEXT_GLOBAL_: case TEXT_TAG_:
		scan_definition(t, defined, at);
		break;
	case TEXT_ELEM_: case TEXT_DATA_:
		space = t->tok.word == TEXT_ELEM_ ? TEXT_SPACE_ELEM : TEXT_SPACE_DATA;
		text__next(t);
		define(t, space);
		text__skip_list(t);
		break;
	case TEXT_START_:
		if (t->has_start)
			text__fail_at(t, at, "multiple start sections");
		t->has_start = true;
		text__skip_list(t);
		break;
	case TEXT_EXPORT_:
		text__skip_list(t);
		break;
	default:
		text__unexpected(t);
	}
}

static void scan(struct text *t, bool closed)
{
	bool defined[TEXT_SPACES] = { false };

	if (t->tok.kind == TEXT_ID)
		text__next(t);
	while (t->tok.kind != TEXT_EOF && !(closed && t->tok.kind == TEXT_RPAR))
		scan_field(t, defined);
}

/* ---- second pass ---- */

/* A string that is a name: its length and bytes. */
void text__name(struct text *t, struct ser_writer *w)
{
	if (t->tok.kind != TEXT_STRING) {
		text__unexpected(t);
		return;
	}
	text__decode(t, t->tok, &t->string);
	if (!t->failed && !base_utf8(t->string.buf, t->string.len)) {
		text__fail(t, "malformed UTF-8 encoding");
		return;
	}
	text__u(w, t->string.len);
	text__append(w, &t->string);
	text__next(t);
}

/* Kinds of externals in the binary (5.5.5). */
static const uint8_t extern_kinds[TEXT_SPACES] = {
	[TEXT_SPACE_FUNC] = 0, [TEXT_SPACE_TABLE] = 1, [TEXT_SPACE_MEMORY] = 2,
	[TEXT_SPACE_GLOBAL] = 3, [TEXT_SPACE_TAG] = 4,
};

/* "id?" of the next thing in the space; its index. */
static uint32_t next_index(struct text *t, enum text_space space)
{
	uint32_t index = t->count[space]++, symbol;
	struct text_name_entry n = text__binder(t, &symbol);
	struct text_names *names = &t->names[space];

	if (n.index && text__grow(t, &names->e, &names->cap, names->n + 1, sizeof(n))) {
		n.index = index;
		names->e[names->n++] = n;
	}
	return index;
}

uint32_t text__field_head(struct text *t, enum text_space space)
{
	struct ser_writer *w = &t->sec[TEXT_SEC_EXPORT];
	uint32_t index = next_index(t, space);

	while (space < TEXT_SPACE_ELEM && text__take_list(t, TEXT_EXPORT_)) {
		text__name(t, w);
		ser_u8(w, extern_kinds[space]);
		text__u(w, index);
		t->sec_n[TEXT_SEC_EXPORT]++;
		text__expect(t, TEXT_RPAR);
	}
	return index;
}

static void global_type(struct text *t, struct ser_writer *w)
{
	bool mut = text__take_list(t, TEXT_MUT_);

	text__val_type(t, w);
	ser_u8(w, mut);
	if (mut)
		text__expect(t, TEXT_RPAR);
}

/* The type of an external, to w. */
static void extern_type(struct text *t, enum text_space space, struct ser_writer *w)
{
	switch (space) {
	case TEXT_SPACE_FUNC:
		text__u(w, text__type_use(t, false));
		break;
	case TEXT_SPACE_TABLE:
		text__table_type(t, w);
		break;
	case TEXT_SPACE_MEMORY:
		text__memory_type(t, w);
		break;
	case TEXT_SPACE_GLOBAL:
		global_type(t, w);
		break;
	default:
		ser_u8(w, 0);
		text__u(w, text__type_use(t, false));
	}
}

/* "(func", "(table", ...: the kind of an import's or export's description. */
static bool extern_head(struct text *t, struct ser_writer *w, enum text_space *space)
{
	text__expect(t, TEXT_LPAR);
	*space = text__field_space(t);
	if (*space == TEXT_SPACES) {
		text__unexpected(t);
		return false;
	}
	text__next(t);
	ser_u8(w, extern_kinds[*space]);
	return true;
}

static void import_field(struct text *t)
{
	struct ser_writer *w = &t->sec[TEXT_SEC_IMPORT];
	enum text_space space;

	text__name(t, w);
	text__name(t, w);
	if (!extern_head(t, w, &space))
		return;
	t->sec_n[TEXT_SEC_IMPORT]++;
	next_index(t, space);
	extern_type(t, space, w);
	text__expect(t, TEXT_RPAR);
}

/* (import "m" "n") inside of a definition. */
static bool inline_import(struct text *t, enum text_space space)
{
	struct ser_writer *w = &t->sec[TEXT_SEC_IMPORT];

	if (!text__take_list(t, TEXT_IMPORT_))
		return false;
	text__name(t, w);
	text__name(t, w);
	text__expect(t, TEXT_RPAR);
	ser_u8(w, extern_kinds[space]);
	t->sec_n[TEXT_SEC_IMPORT]++;
	extern_type(t, space, w);
	return true;
}

/* Locals as runs of equal types (5.5.13). */
static void locals(struct text *t)
{
	struct ser_writer runs, type, last;
	const struct text_name_entry none = { 0 };
	uint32_t n = 0, nruns = 0, symbol;

	ser_writer_init(&runs);
	ser_writer_init(&type);
	ser_writer_init(&last);
	while (text__take_list(t, TEXT_LOCAL_)) {
		bool named = t->tok.kind == TEXT_ID || t->tok.kind == TEXT_ANNOT;
		struct text_name_entry name = named ? text__binder(t, &symbol) : none;

		while ((named || t->tok.kind != TEXT_RPAR) && !t->failed) {
			type.len = 0;
			text__val_type(t, &type);
			if (t->failed)
				break;
			text__bind_local(t, named ? symbol : UINT32_MAX, name);
			if (n && (type.len != last.len ||
				  (type.len && memcmp(type.buf, last.buf, type.len)))) {
				text__u(&runs, n);
				text__append(&runs, &last);
				nruns++;
				n = 0;
			}
			last.len = 0;
			text__append(&last, &type);
			n++;
			if (named)
				break;
		}
		text__expect(t, TEXT_RPAR);
	}
	text__u(&t->body, nruns + (n != 0));
	text__append(&t->body, &runs);
	if (n) {
		text__u(&t->body, n);
		text__append(&t->body, &last);
	}
	ser_writer_fini(&runs);
	ser_writer_fini(&type);
	ser_writer_fini(&last);
}

/* Names of locals, and hints, of the function just written. */
static void func_extras(struct text *t, uint32_t index)
{
	struct ser_writer *w = &t->locals_section;

	if (t->local_names.n) {
		t->nfuncs_with_locals++;
		text__u(w, index);
		text__u(w, t->local_names.n);
	}
	for (uint32_t i = 0; i < t->local_names.n; i++) {
		const struct text_name_entry *n = &t->local_names.e[i];

		text__u(w, n->index);
		text__u(w, n->len);
		ser_bytes(w, t->name_bytes.buf + n->off, n->len);
	}
	if (t->nhints) {
		t->nhint_funcs++;
		text__u(&t->hint_section, index);
		text__u(&t->hint_section, t->nhints);
		text__append(&t->hint_section, &t->hints);
	}
}

static void func_field(struct text *t)
{
	struct ser_writer *code = &t->sec[TEXT_SEC_CODE];
	uint32_t index = text__field_head(t, TEXT_SPACE_FUNC);

	if (inline_import(t, TEXT_SPACE_FUNC))
		return;
	t->func_number++;
	t->nlocals = t->local_names.n = t->nhints = 0;
	t->body.len = t->hints.len = 0;
	text__u(&t->sec[TEXT_SEC_FUNC], text__type_use(t, true));
	t->sec_n[TEXT_SEC_FUNC]++;
	locals(t);
	text__expr(t, &t->body);
	text__u(code, t->body.len);
	text__mark_body(t);
	text__append(code, &t->body);
	t->sec_n[TEXT_SEC_CODE]++;
	func_extras(t, index);
}

static void global_field(struct text *t)
{
	struct ser_writer *w = &t->sec[TEXT_SEC_GLOBAL];

	text__field_head(t, TEXT_SPACE_GLOBAL);
	if (inline_import(t, TEXT_SPACE_GLOBAL))
		return;
	global_type(t, w);
	text__expr(t, w);
	t->sec_n[TEXT_SEC_GLOBAL]++;
}

static void tag_field(struct text *t)
{
	struct ser_writer *w = &t->sec[TEXT_SEC_TAG];

	text__field_head(t, TEXT_SPACE_TAG);
	if (inline_import(t, TEXT_SPACE_TAG))
		return;
	extern_type(t, TEXT_SPACE_TAG, w);
	t->sec_n[TEXT_SEC_TAG]++;
}

static void table_field(struct text *t)
{
	uint32_t index = text__field_head(t, TEXT_SPACE_TABLE);

	if (!inline_import(t, TEXT_SPACE_TABLE))
		text__table_rest(t, index);
}

static void memory_field(struct text *t)
{
	uint32_t index = text__field_head(t, TEXT_SPACE_MEMORY);

	if (!inline_import(t, TEXT_SPACE_MEMORY))
		text__memory_rest(t, index);
}

static void export_field(struct text *t)
{
	struct ser_writer *w = &t->sec[TEXT_SEC_EXPORT];
	enum text_space space;

	text__name(t, w);
	if (!extern_head(t, w, &space))
		return;
	text__u(w, text__index(t, space));
	t->sec_n[TEXT_SEC_EXPORT]++;
	text__expect(t, TEXT_RPAR);
}

/* Types were written before; only their names are taken here. */
static void skip_types(struct text *t, uint32_t at)
{
	t->annots = false;
	text__seek(t, at);
	text__next(t);
	text__skip_list(t);
	t->annots = true;
	if (!t->failed)
		text__seek(t, t->prev_end);
}

static void field(struct text *t)
{
	uint32_t at = t->tok.off;
	unsigned word;

	if (t->tok.kind == TEXT_ANNOT && t->tok.word == TEXT_ANNOT_CUSTOM) {
		text__annot_custom(t);
		return;
	}
	if (!text__expect(t, TEXT_LPAR))
		return;
	word = t->tok.kind == TEXT_WORD ? t->tok.word : (unsigned)TEXT_UNKNOWN;
	if (word == TEXT_TYPE_ || word == TEXT_REC_) {
		skip_types(t, at);
		return;
	}
	if (word != TEXT_UNKNOWN)
		text__next(t);
	switch (word) {
	case TEXT_IMPORT_: import_field(t); break;
	case TEXT_FUNC_: func_field(t); break;
	case TEXT_TABLE_: table_field(t); break;
	case TEXT_MEMORY_: memory_field(t); break;
	case TEXT_GLOBAL_: global_field(t); break;
	case TEXT_TAG_: tag_field(t); break;
	case TEXT_EXPORT_: export_field(t); break;
	case TEXT_START_: text__u(&t->sec[TEXT_SEC_START], text__index(t, TEXT_SPACE_FUNC)); break;
	case TEXT_ELEM_: text__elem_field(t); break;
	case TEXT_DATA_: text__data_field(t); break;
	default: text__unexpected(t);
	}
	text__mark_field(t, at);
	text__expect(t, TEXT_RPAR);
}

static void module_name(struct text *t)
{
	uint32_t symbol;

	t->module_name = text__binder(t, &symbol);
	t->has_module_name = t->module_name.index;
	if (t->tok.kind == TEXT_ANNOT && t->tok.word == TEXT_ANNOT_NAME)
		text__fail(t, "@name annotation: multiple module");
}

int text__module(struct text *t, bool closed, uint8_t **out, size_t *out_len)
{
	/* Annotations right after "(module" are skipped by now: go back. */
	uint32_t from = closed ? t->prev_end : 0;
	uint8_t *bytes = NULL;

	t->annots = false;
	scan(t, closed);
	t->annots = true;
	for (uint32_t i = 0; i < t->ntype_fields && !t->failed; i++) {
		text__seek(t, t->type_fields[i]);
		text__type_field(t);
		text__mark_field(t, t->type_fields[i]);
	}
	memset(t->count, 0, sizeof(t->count));
	if (!t->failed)
		text__seek(t, from);
	module_name(t);
	while (t->tok.kind != TEXT_EOF && !(closed && t->tok.kind == TEXT_RPAR))
		field(t);
	t->annots = false;
	if (closed)
		text__expect(t, TEXT_RPAR);
	if (!t->failed)
		bytes = text__assemble(t, out_len);
	if (t->failed) {
		base_free(bytes);
		return -t->code;
	}
	*out = bytes;
	return 0;
}

void text__fini(struct text *t)
{
	struct ser_writer *w[] = {
		&t->name_bytes, &t->locals_section, &t->fields_section, &t->functypes,
		&t->name_section, &t->body, &t->pending, &t->scratch, &t->string, &t->hints,
		&t->hint_section,
	};

	for (unsigned i = 0; i < ARRAY_LEN(w); i++)
		ser_writer_fini(w[i]);
	for (unsigned i = 0; i < TEXT_SECS; i++)
		ser_writer_fini(&t->sec[i]);
	for (unsigned i = 0; i < TEXT_SPACES; i++)
		base_free(t->names[i].e);
	base_free(t->local_names.e);
	base_free(t->symbols);
	base_free(t->types);
	base_free(t->type_fields);
	base_free(t->labels);
	base_free(t->frames);
	text__map_fini(&t->symbol_map);
	text__map_fini(&t->functype_map);
	text__map_fini(&t->field_map);
	arena_fini(&t->arena);
}

int wasm_text_to_binary(const char *text, size_t len, const char *name, unsigned features,
			uint8_t **out, size_t *out_len, struct err *e)
{
	struct text *t = base_alloc(sizeof(*t));
	bool closed;
	int r;

	*out = NULL;
	*out_len = 0;
	if (!t)
		return err_set(e, ENOMEM, "%s: out of memory", name);
	text__init(t, text, len, name, features, e);
	if (!t->failed && text__check_utf8(t))
		text__next(t);
	closed = text__take_list(t, TEXT_MODULE_);
	r = text__module(t, closed, out, out_len);
	if (!r && t->tok.kind != TEXT_EOF) {
		text__unexpected(t);
		r = -t->code;
		base_free(*out);
		*out = NULL;
	}
	text__fini(t);
	base_free(t);
	return r;
}
