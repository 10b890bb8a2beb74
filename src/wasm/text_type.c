/* SPDX-License-Identifier: Apache-2.0 */
/* Indices, types and type uses of the text format (6.4, 6.6.1). */
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "wasm/text_int.h"

static const char *const space_names[TEXT_SPACES] = {
	"type", "function", "table", "memory", "global", "tag", "elem segment", "data segment",
};

bool text__is_index(const struct text *t)
{
	return text__is_nat(t) || t->tok.kind == TEXT_ID;
}

uint32_t text__index(struct text *t, enum text_space space)
{
	struct text_token k = t->tok;
	uint32_t s;

	if (k.kind != TEXT_ID)
		return text__u32(t);
	s = text__symbol(t);
	if (s == UINT32_MAX)
		return 0;
	if (!t->symbols[s].at[space])
		text__fail_at(t, k.off, "unknown %s %.*s", space_names[space],
			      (int)MIN(k.len, 60u), t->s + k.off);
	return t->symbols[s].at[space] - 1;
}

/* Codes of abstract heap types (5.3.3), and the words for them and for the
 * nullable references to them. */
static const struct { uint16_t word, ref_word; uint8_t code; } heaps[] = {
	{ TEXT_FUNC_, TEXT_FUNCREF_, 0x70 }, { TEXT_EXTERN_, TEXT_EXTERNREF_, 0x6f },
	{ TEXT_ANY_, TEXT_ANYREF_, 0x6e }, { TEXT_EQ_, TEXT_EQREF_, 0x6d },
	{ TEXT_I31_, TEXT_I31REF_, 0x6c }, { TEXT_STRUCT_, TEXT_STRUCTREF_, 0x6b },
	{ TEXT_ARRAY_, TEXT_ARRAYREF_, 0x6a }, { TEXT_EXN_, TEXT_EXNREF_, 0x69 },
	{ TEXT_NONE_, TEXT_NULLREF_, 0x71 }, { TEXT_NOEXTERN_, TEXT_NULLEXTERNREF_, 0x72 },
	{ TEXT_NOFUNC_, TEXT_NULLFUNCREF_, 0x73 }, { TEXT_NOEXN_, TEXT_NULLEXNREF_, 0x74 },
};

void text__heap_type(struct text *t, struct ser_writer *w)
{
	if (text__is_index(t)) {
		text__s(w, text__index(t, TEXT_SPACE_TYPE));
		return;
	}
	for (unsigned i = 0; i < ARRAY_LEN(heaps) && t->tok.kind == TEXT_WORD; i++) {
		if (t->tok.word == heaps[i].word) {
			ser_u8(w, heaps[i].code);
			text__next(t);
			return;
		}
	}
	text__unexpected(t);
}

static unsigned ref_abbreviation(const struct text *t)
{
	for (unsigned i = 0; i < ARRAY_LEN(heaps) && t->tok.kind == TEXT_WORD; i++)
		if (t->tok.word == heaps[i].ref_word)
			return heaps[i].code;
	return 0;
}

bool text__is_ref_type(struct text *t)
{
	return ref_abbreviation(t) || text__at_list(t, TEXT_REF_);
}

void text__ref_type_parts(struct text *t, bool *nullable, struct ser_writer *heap)
{
	unsigned code = ref_abbreviation(t);

	*nullable = true;
	if (code) {
		ser_u8(heap, (uint8_t)code);
		text__next(t);
		return;
	}
	if (!text__take_list(t, TEXT_REF_)) {
		text__unexpected(t);
		return;
	}
	*nullable = text__take_word(t, TEXT_NULL_);
	text__heap_type(t, heap);
	text__expect(t, TEXT_RPAR);
}

void text__ref_type(struct text *t, struct ser_writer *w)
{
	uint8_t bytes[16];
	struct ser_writer heap = { .buf = bytes, .cap = sizeof(bytes) };
	bool nullable;

	text__ref_type_parts(t, &nullable, &heap);
	/* A nullable abstract one is a single byte. */
	if (!nullable || !heap.len || bytes[0] < 0x69 || bytes[0] > 0x74 || heap.len > 1)
		ser_u8(w, nullable ? 0x63 : 0x64);
	ser_bytes(w, bytes, heap.len);
}

static unsigned num_type(const struct text *t)
{
	if (t->tok.kind != TEXT_WORD)
		return 0;
	switch (t->tok.word) {
	case TEXT_I32_: return 0x7f;
	case TEXT_I64_: return 0x7e;
	case TEXT_F32_: return 0x7d;
	case TEXT_F64_: return 0x7c;
	case TEXT_V128_: return 0x7b;
	default: return 0;
	}
}

bool text__is_val_type(struct text *t)
{
	return num_type(t) || text__is_ref_type(t);
}

void text__val_type(struct text *t, struct ser_writer *w)
{
	unsigned code = num_type(t);

	if (!code) {
		text__ref_type(t, w);
		return;
	}
	ser_u8(w, (uint8_t)code);
	text__next(t);
}

struct text_name_entry text__binder(struct text *t, uint32_t *symbol)
{
	struct text_name_entry n = { 0 };
	struct text_token k = t->tok;

	*symbol = UINT32_MAX;
	if (k.kind == TEXT_ID) {
		*symbol = text__symbol(t);
		if (t->failed)
			return n;
		n.off = (uint32_t)t->name_bytes.len;
		if (t->s[k.off + 1] == '"') {
			text__decode(t, k, &t->string);
			text__append(&t->name_bytes, &t->string);
		} else {
			ser_bytes(&t->name_bytes, t->s + k.off + 1, k.len - 1);
		}
		n.len = (uint32_t)t->name_bytes.len - n.off;
		n.index = 1;
	}
	if (t->tok.kind == TEXT_ANNOT && t->tok.word == TEXT_ANNOT_NAME) {
		n = text__annot_name(t);
		n.index = 1; /* it may be empty, and is there */
	}
	if (t->name_bytes.failed)
		text__oom(t);
	return n;
}

void text__bind_local(struct text *t, uint32_t symbol, struct text_name_entry n)
{
	struct text_symbol *s = symbol == UINT32_MAX ? NULL : &t->symbols[symbol];

	if (s && s->local_func == t->func_number && s->local) {
		text__fail(t, "duplicate local %.*s", (int)MIN(n.len, 60u),
			   (char *)t->name_bytes.buf + n.off);
		return;
	}
	if (s) {
		s->local_func = t->func_number;
		s->local = t->nlocals + 1;
	}
	if (n.index && text__grow(t, &t->local_names.e, &t->local_names.cap, t->local_names.n + 1,
				  sizeof(n))) {
		n.index = t->nlocals;
		t->local_names.e[t->local_names.n++] = n;
	}
	t->nlocals++;
}

/* "(param ...)*" or "(result ...)*": types to w, their number.  Names of
 * parameters are allowed when `names`, and bound when `bind`. */
static uint32_t val_type_lists(struct text *t, unsigned word, struct ser_writer *w, bool names,
			       bool bind)
{
	const struct text_name_entry none = { 0 };
	uint32_t n = 0, symbol;

	while (text__take_list(t, word)) {
		if (names && (t->tok.kind == TEXT_ID || t->tok.kind == TEXT_ANNOT)) {
			struct text_name_entry name = text__binder(t, &symbol);

			text__val_type(t, w);
			n++;
			if (bind && !t->failed)
				text__bind_local(t, symbol, name);
		} else {
			for (; t->tok.kind != TEXT_RPAR && !t->failed; n++) {
				text__val_type(t, w);
				if (bind && !t->failed)
					text__bind_local(t, UINT32_MAX, none);
			}
		}
		text__expect(t, TEXT_RPAR);
	}
	return n;
}

/* "(param ...)* (result ...)*" as the binary has it, without the 0x60.
 * nresults and the place of the result types are told. */
static uint32_t func_sig(struct text *t, struct ser_writer *w, bool names, bool bind,
			 uint32_t *nresults)
{
	struct ser_writer types;
	uint32_t n;

	ser_writer_init(&types);
	n = val_type_lists(t, TEXT_PARAM_, &types, names, bind);
	text__u(w, n);
	text__append(w, &types);
	types.len = 0;
	*nresults = val_type_lists(t, TEXT_RESULT_, &types, false, false);
	text__u(w, *nresults);
	text__append(w, &types);
	ser_writer_fini(&types);
	/* Out of order: say so before the types are compared. */
	if (text__at_list(t, TEXT_PARAM_) || text__at_list(t, TEXT_TYPE_))
		text__unexpected(t);
	if (w->failed)
		text__oom(t);
	return n;
}

static struct text_type *add_type(struct text *t)
{
	if (!text__grow(t, &t->types, &t->type_cap, t->ntypes + 1, sizeof(*t->types)))
		return NULL;
	t->types[t->ntypes] = (struct text_type){ 0 };
	return &t->types[t->ntypes++];
}

/* A type that a type use without an index may mean; the first one counts. */
static void note_plain(struct text *t, uint32_t type)
{
	const struct text_type *ty = &t->types[type];
	const uint8_t *sig = t->functypes.buf + ty->off;
	uint8_t *key;

	if (text__map_find(&t->functype_map, sig, ty->len))
		return;
	key = arena_alloc(&t->arena, ty->len);
	if (!key || !text__map_add(&t->functype_map, memcpy(key, sig, ty->len), ty->len, type))
		text__oom(t);
}

/* Note the function type `sig` as that of type ty. */
static void note_functype(struct text *t, struct text_type *ty, const struct ser_writer *sig,
			  uint32_t nparams, bool plain)
{
	ty->is_func = true;
	ty->nparams = nparams;
	ty->off = (uint32_t)t->functypes.len;
	ty->len = (uint32_t)sig->len;
	text__append(&t->functypes, sig);
	if (t->functypes.failed) {
		text__oom(t);
		return;
	}
	if (plain)
		note_plain(t, (uint32_t)(ty - t->types));
}

uint32_t text__functype_index(struct text *t, const struct ser_writer *sig, uint32_t nparams)
{
	uint32_t *found = t->failed ? NULL : text__map_find(&t->functype_map, sig->buf,
							    (uint32_t)sig->len);
	struct text_type *ty;

	if (found)
		return *found;
	ty = t->failed ? NULL : add_type(t);
	if (!ty)
		return 0;
	ser_u8(&t->sec[TEXT_SEC_TYPE], 0x60);
	text__append(&t->sec[TEXT_SEC_TYPE], sig);
	t->sec_n[TEXT_SEC_TYPE]++;
	note_functype(t, ty, sig, nparams, true);
	return t->ntypes - 1;
}

/* The check of 6.6.1: a type use with an index and a signature has both. */
static void check_inline(struct text *t, uint32_t off, uint32_t type, const struct ser_writer *sig)
{
	const struct text_type *ty = type < t->ntypes ? &t->types[type] : NULL;

	if (t->failed)
		return;
	if (!ty)
		text__fail_at(t, off, "unknown type %u", type);
	else if (!ty->is_func || ty->len != sig->len ||
		 memcmp(t->functypes.buf + ty->off, sig->buf, sig->len))
		text__fail_at(t, off, "inline function type does not match the type");
}

/* Parameters of a type that is only named have no names. */
static void bind_params(struct text *t, uint32_t type)
{
	if (type < t->ntypes && t->types[type].is_func)
		t->nlocals += t->types[type].nparams;
}

/* With `plain`, a signature that is a plain block type is left to the caller
 * in it (a value type's bytes, or 0x40). */
static uint32_t type_use(struct text *t, bool bind, bool names, struct ser_writer *plain)
{
	uint32_t off = t->tok.off, type = 0, nparams, nresults;
	bool has_type = text__take_list(t, TEXT_TYPE_);
	struct ser_writer sig;

	if (has_type) {
		type = text__index(t, TEXT_SPACE_TYPE);
		text__expect(t, TEXT_RPAR);
		if (!text__at_list(t, TEXT_PARAM_) && !text__at_list(t, TEXT_RESULT_)) {
			if (bind)
				bind_params(t, type);
			return type;
		}
	}
	ser_writer_init(&sig);
	nparams = func_sig(t, &sig, names, bind, &nresults);
	if (has_type) {
		check_inline(t, off, type, &sig);
	} else if (plain && !nparams && nresults < 2) {
		if (sig.failed)
			plain->failed = true;
		else if (nresults)
			ser_bytes(plain, sig.buf + 2, sig.len - 2);
		else
			ser_u8(plain, 0x40);
	} else {
		type = text__functype_index(t, &sig, nparams);
	}
	ser_writer_fini(&sig);
	return type;
}

uint32_t text__type_use(struct text *t, bool bind)
{
	return type_use(t, bind, true, NULL);
}

uint32_t text__call_type_use(struct text *t)
{
	return type_use(t, false, false, NULL);
}

void text__block_type(struct text *t, struct ser_writer *out)
{
	size_t before = out->len;
	uint32_t type = type_use(t, false, false, out);

	if (out->len == before && !t->failed)
		text__s(out, type);
}

/* ---- definitions ---- */

static void storage_type(struct text *t, struct ser_writer *w)
{
	bool mut = text__take_list(t, TEXT_MUT_);

	if (text__take_word(t, TEXT_I8_))
		ser_u8(w, 0x78);
	else if (text__take_word(t, TEXT_I16_))
		ser_u8(w, 0x77);
	else
		text__val_type(t, w);
	ser_u8(w, mut);
	if (mut)
		text__expect(t, TEXT_RPAR);
}

static void name_field(struct text *t, uint32_t field, struct text_names *names)
{
	uint32_t off = t->tok.off, symbol, key[2];
	struct text_name_entry n = text__binder(t, &symbol);
	uint8_t *copy;

	if (t->failed)
		return;
	n.index = field;
	if (text__grow(t, &names->e, &names->cap, names->n + 1, sizeof(n)))
		names->e[names->n++] = n;
	if (symbol == UINT32_MAX)
		return;
	key[0] = t->ntypes - 1;
	key[1] = symbol;
	if (text__map_find(&t->field_map, key, sizeof(key))) {
		text__fail_at(t, off, "duplicate field");
		return;
	}
	copy = arena_alloc(&t->arena, sizeof(key));
	if (!copy || !text__map_add(&t->field_map, memcpy(copy, key, sizeof(key)), sizeof(key), field))
		text__oom(t);
}

static void struct_fields(struct text *t, struct ser_writer *w)
{
	struct ser_writer fields;
	struct text_names names = { 0 };
	uint32_t n = 0;

	ser_writer_init(&fields);
	while (text__take_list(t, TEXT_FIELD_)) {
		if (t->tok.kind == TEXT_ID || t->tok.kind == TEXT_ANNOT) {
			name_field(t, n++, &names);
			storage_type(t, &fields);
		} else {
			for (; t->tok.kind != TEXT_RPAR && !t->failed; n++)
				storage_type(t, &fields);
		}
		text__expect(t, TEXT_RPAR);
	}
	text__u(w, n);
	text__append(w, &fields);
	if (names.n) {
		struct ser_writer *s = &t->fields_section;

		t->ntypes_with_fields++;
		text__u(s, t->ntypes - 1);
		text__u(s, names.n);
		for (uint32_t i = 0; i < names.n; i++) {
			text__u(s, names.e[i].index);
			text__u(s, names.e[i].len);
			ser_bytes(s, t->name_bytes.buf + names.e[i].off, names.e[i].len);
		}
	}
	base_free_ptr(&names.e);
	ser_writer_fini(&fields);
}

/* (func ...), (struct ...), (array ...): the current token is its "(". */
static void comp_type(struct text *t, struct ser_writer *w, bool plain)
{
	if (text__take_list(t, TEXT_FUNC_)) {
		struct ser_writer sig;
		uint32_t nresults, nparams;

		ser_writer_init(&sig);
		nparams = func_sig(t, &sig, true, false, &nresults);
		ser_u8(w, 0x60);
		text__append(w, &sig);
		if (!t->failed)
			note_functype(t, &t->types[t->ntypes - 1], &sig, nparams, plain);
		ser_writer_fini(&sig);
	} else if (text__take_list(t, TEXT_STRUCT_)) {
		ser_u8(w, 0x5f);
		struct_fields(t, w);
	} else if (text__take_list(t, TEXT_ARRAY_)) {
		ser_u8(w, 0x5e);
		storage_type(t, w);
	} else {
		if (t->tok.kind == TEXT_LPAR)
			text__next(t);
		text__unexpected(t);
		return;
	}
	text__expect(t, TEXT_RPAR);
}

/* After "(type": "id? (sub final? super* comp)" or "id? comp". */
static void type_def(struct text *t, struct ser_writer *w, bool alone)
{
	struct ser_writer supers;
	uint32_t n = 0, symbol; /* bound by the first pass */
	struct text_name_entry name = text__binder(t, &symbol);
	struct text_names *names = &t->names[TEXT_SPACE_TYPE];
	bool final;

	if (!add_type(t))
		return;
	if (name.index && text__grow(t, &names->e, &names->cap, names->n + 1, sizeof(name))) {
		name.index = t->ntypes - 1;
		names->e[names->n++] = name;
	}
	if (!text__take_list(t, TEXT_SUB_)) {
		comp_type(t, w, alone);
	} else {
		ser_writer_init(&supers);
		final = text__take_word(t, TEXT_FINAL_);
		for (; text__is_index(t); n++)
			text__u(&supers, text__index(t, TEXT_SPACE_TYPE));
		/* final without supertypes has a short form */
		if (n || !final) {
			ser_u8(w, final ? 0x4f : 0x50);
			text__u(w, n);
			text__append(w, &supers);
		}
		ser_writer_fini(&supers);
		comp_type(t, w, alone && final && !n);
		text__expect(t, TEXT_RPAR);
	}
	text__expect(t, TEXT_RPAR);
}

void text__type_field(struct text *t)
{
	struct ser_writer *w = &t->sec[TEXT_SEC_TYPE], group;
	uint32_t n = 0;

	t->sec_n[TEXT_SEC_TYPE]++;
	if (text__take_list(t, TEXT_TYPE_)) {
		type_def(t, w, true);
		return;
	}
	text__take_list(t, TEXT_REC_);
	ser_writer_init(&group);
	for (; text__take_list(t, TEXT_TYPE_); n++)
		type_def(t, &group, false);
	ser_u8(w, 0x4e);
	text__u(w, n);
	text__append(w, &group);
	/* A group of one is the same type as that one alone. */
	if (n == 1 && group.len && group.buf[0] == 0x60 && !t->failed)
		note_plain(t, t->ntypes - 1);
	ser_writer_fini(&group);
	text__expect(t, TEXT_RPAR);
}
