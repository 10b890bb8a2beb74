/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the text format that its files share: tokens, symbols, the
 * state of one translation.  Nothing outside of text*.c and script*.c
 * includes this.
 *
 * Text is read twice: the first pass finds what is defined and its names, so
 * that everything may be used before it is defined; the second one writes the
 * sections.  Tokens are not kept.  Errors are sticky: after the first one the
 * lexer gives only TEXT_EOF, so no loop needs a check of its own.
 *
 * Nothing here recurses on the nesting of the input, and every lookup costs
 * at most the length of its key: time and memory are linear in the input.
 */
#ifndef WASM_TEXT_INT_H
#define WASM_TEXT_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/ser.h"
#include "wasm/op.h"

enum text_kind {
	TEXT_EOF, TEXT_LPAR, TEXT_RPAR,
	TEXT_WORD,      /* a keyword; word tells which */
	TEXT_ID,        /* $name or $"name" */
	TEXT_STRING,
	TEXT_INT,       /* with or without a sign */
	TEXT_FLOAT,     /* with point or exponent, inf, nan, nan:0x... */
	TEXT_RESERVED,  /* well separated, but nothing */
	TEXT_ANNOT,     /* "(@name" of those that mean something; word tells which */
};

/* Words that are not mnemonics.  Those that are both ("catch") are found as
 * mnemonics; text__word_is() compares. */
#define TEXT_WORDS(X) \
	X(MODULE, "module") X(TYPE, "type") X(REC, "rec") X(SUB, "sub") X(FINAL, "final") \
	X(FUNC, "func") X(STRUCT, "struct") X(ARRAY, "array") X(FIELD, "field") X(MUT, "mut") \
	X(PARAM, "param") X(RESULT, "result") X(LOCAL, "local") X(IMPORT, "import") \
	X(EXPORT, "export") X(TABLE, "table") X(MEMORY, "memory") X(GLOBAL, "global") \
	X(TAG, "tag") X(START, "start") X(ELEM, "elem") X(DATA, "data") X(OFFSET, "offset") \
	X(ITEM, "item") X(DECLARE, "declare") X(SHARED, "shared") X(PAGESIZE, "pagesize") \
	X(THEN, "then") X(DO, "do") X(CATCH_REF, "catch_ref") X(CATCH_ALL_REF, "catch_all_ref") \
	X(REF, "ref") X(NULL, "null") X(I32, "i32") X(I64, "i64") X(F32, "f32") X(F64, "f64") \
	X(V128, "v128") X(I8, "i8") X(I16, "i16") X(I8X16, "i8x16") X(I16X8, "i16x8") \
	X(I32X4, "i32x4") X(I64X2, "i64x2") X(F32X4, "f32x4") X(F64X2, "f64x2") \
	X(ANY, "any") X(EQ, "eq") X(I31, "i31") X(NONE, "none") X(NOFUNC, "nofunc") \
	X(EXTERN, "extern") X(NOEXTERN, "noextern") X(EXN, "exn") X(NOEXN, "noexn") \
	X(ANYREF, "anyref") X(EQREF, "eqref") X(I31REF, "i31ref") X(STRUCTREF, "structref") \
	X(ARRAYREF, "arrayref") X(NULLREF, "nullref") X(FUNCREF, "funcref") \
	X(NULLFUNCREF, "nullfuncref") X(EXTERNREF, "externref") \
	X(NULLEXTERNREF, "nullexternref") X(EXNREF, "exnref") X(NULLEXNREF, "nullexnref") \
	X(BINARY, "binary") X(QUOTE, "quote") X(DEFINITION, "definition") \
	X(INSTANCE, "instance") X(REGISTER, "register") X(INVOKE, "invoke") X(GET, "get") \
	X(EITHER, "either") X(HOST, "host") X(THREAD, "thread") X(WAIT, "wait") \
	X(NAN_CANONICAL, "nan:canonical") X(NAN_ARITHMETIC, "nan:arithmetic") \
	X(REF_HOST, "ref.host") X(REF_EXTERN, "ref.extern") X(REF_STRUCT, "ref.struct") \
	X(REF_ARRAY, "ref.array") X(REF_ANY, "ref.any") X(REF_EXN, "ref.exn") \
	X(BEFORE, "before") X(AFTER, "after") X(FIRST, "first") X(LAST, "last") \
	X(ASSERT_RETURN, "assert_return") X(ASSERT_TRAP, "assert_trap") \
	X(ASSERT_EXHAUSTION, "assert_exhaustion") X(ASSERT_MALFORMED, "assert_malformed") \
	X(ASSERT_INVALID, "assert_invalid") X(ASSERT_UNLINKABLE, "assert_unlinkable") \
	X(ASSERT_UNINSTANTIABLE, "assert_uninstantiable") \
	X(ASSERT_EXCEPTION, "assert_exception") \
	X(ASSERT_MALFORMED_CUSTOM, "assert_malformed_custom") \
	X(ASSERT_INVALID_CUSTOM, "assert_invalid_custom")

enum text_word {
	TEXT_WORD_FIRST = WASM_ROWS,
#define X(id, text) TEXT_##id##_,
	TEXT_WORDS(X)
#undef X
	TEXT_OFFSET_EQ,         /* offset=N */
	TEXT_ALIGN_EQ,          /* align=N */
	TEXT_WORD_END,
	/* annotations */
	TEXT_ANNOT_NAME, TEXT_ANNOT_CUSTOM, TEXT_ANNOT_HINT,
	TEXT_UNKNOWN = 0xffff,
};

struct text_token {
	uint8_t kind;
	uint16_t word;          /* enum wasm_row, or above it enum text_word */
	uint32_t off, len;
};

/* Index spaces with names. */
enum text_space {
	TEXT_SPACE_TYPE, TEXT_SPACE_FUNC, TEXT_SPACE_TABLE, TEXT_SPACE_MEMORY,
	TEXT_SPACE_GLOBAL, TEXT_SPACE_TAG, TEXT_SPACE_ELEM, TEXT_SPACE_DATA, TEXT_SPACES,
};

/* A critical-bit tree from byte strings to numbers: a lookup visits at most as
 * many nodes as the key has bits, whatever the keys are. */
struct text_map_node {
	uint64_t bit;           /* 9 for each byte: "there is one", then itself */
	uint32_t child[2];      /* node; with the top bit, an entry */
};
struct text_map_entry {
	const uint8_t *key;
	uint32_t len, value;
};
struct text_map {
	struct text_map_node *nodes;
	struct text_map_entry *entries;
	uint32_t nnodes, nentries, node_cap, entry_cap;
	uint32_t root;
};

/* What an identifier stands for; each number is + 1, 0: nothing. */
struct text_symbol {
	uint32_t at[TEXT_SPACES];
	uint32_t local, local_func;     /* valid when local_func is the function's number */
	uint32_t label;                 /* place in the stack of labels */
};

struct text_type {
	uint32_t off, len;      /* of its function type in `functypes` */
	uint32_t nparams;
	bool is_func;
};

struct text_name_entry {
	uint32_t index, off, len;       /* the name's bytes in `name_bytes` */
};
struct text_names {
	struct text_name_entry *e;
	uint32_t n, cap;
};

/* Sections that are written piece by piece. */
enum text_section {
	TEXT_SEC_TYPE, TEXT_SEC_IMPORT, TEXT_SEC_FUNC, TEXT_SEC_TABLE, TEXT_SEC_MEMORY,
	TEXT_SEC_TAG, TEXT_SEC_GLOBAL, TEXT_SEC_EXPORT, TEXT_SEC_START, TEXT_SEC_ELEM,
	TEXT_SEC_DATACOUNT, TEXT_SEC_CODE, TEXT_SEC_DATA, TEXT_SECS,
};

struct text_label {
	uint32_t symbol;        /* + 1 */
	uint32_t shadowed;      /* what the symbol was before */
};
struct text_frame;
struct text_custom;

/* Where a piece of a section begins in the text. */
struct text_mark {
	size_t off;             /* in the section's contents */
	uint32_t pos;           /* in the text */
	uint8_t sec;            /* enum text_section */
};
struct text_places {
	struct text_mark *marks;
	uint32_t n, cap;
	uint32_t body;          /* marks from here on are of the current body */
	size_t len[TEXT_SECS];  /* at the start of the field */
	size_t start[TEXT_SECS], base[TEXT_SECS]; /* in the module: section, contents */
};

struct text {
	const char *s;          /* the whole text, for lines */
	const char *name;
	uint32_t pos, end;      /* of the lexer */
	struct text_token tok;  /* the current token */
	uint32_t prev_end;      /* where the one before ended */
	bool annots;            /* give annotations as tokens */
	unsigned features;
	struct text_places *places; /* NULL: nobody asks */
	struct err *err;
	bool failed;
	int code;
	struct arena arena;

	uint16_t words[4096];   /* hash table: row or word + 1 */

	struct text_map symbol_map;
	struct text_symbol *symbols;
	uint32_t nsymbols, symbol_cap;

	/* The module. */
	uint32_t count[TEXT_SPACES];    /* first pass: all; second: so far */
	uint32_t imported[TEXT_SPACES];
	struct text_names names[TEXT_SPACES];
	struct text_names local_names;  /* of the current function */
	struct ser_writer name_bytes, locals_section, fields_section;
	uint32_t nfuncs_with_locals, ntypes_with_fields;
	bool has_module_name, has_start;
	struct text_name_entry module_name;

	struct text_type *types;
	uint32_t ntypes, type_cap;
	struct ser_writer functypes;    /* encoded function types */
	struct text_map functype_map;   /* of single final ones: type index */
	struct text_map field_map;      /* type, symbol (8 bytes): field */
	uint32_t *type_fields;          /* positions of "(type" and "(rec" */
	uint32_t ntype_fields, type_field_cap;

	struct ser_writer sec[TEXT_SECS];
	uint32_t sec_n[TEXT_SECS];
	bool needs_datacount;
	struct ser_writer name_section;
	struct text_custom *customs, **customs_last;

	/* The current function or expression. */
	struct ser_writer body, pending, scratch, string;
	uint32_t func_number;   /* counts functions, for text_symbol.local_func */
	uint32_t nlocals;
	struct text_label *labels;
	uint32_t nlabels, label_cap;
	struct text_frame *frames;
	uint32_t nframes, frame_cap;
	/* Branch hints: of the function, and of all. */
	struct ser_writer hints, hint_section;
	uint32_t nhints, nhint_funcs;
	bool hint_set;          /* the next instruction has one */
	uint8_t hint;
	uint32_t hint_pos;
};

/* ---- text_lex.c ---- */
void text__init(struct text *t, const char *s, size_t len, const char *name,
		unsigned features, struct err *e);
void text__fini(struct text *t);
/* Go to `pos` and read the first token there. */
void text__seek(struct text *t, uint32_t pos);
void text__next(struct text *t);
/* Set the error at a position or at the current token; false. */
bool text__fail_at(struct text *t, uint32_t pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define text__fail(t, ...) text__fail_at(t, (t)->tok.off, __VA_ARGS__)
/* The current token does not belong here. */
bool text__unexpected(struct text *t);
bool text__oom(struct text *t);
void text__position(const struct text *t, uint32_t pos, unsigned *line, unsigned *column);
/* "(" WORD follows: without taking it. */
bool text__at_list(struct text *t, unsigned word);
/* The same, and take both. */
bool text__take_list(struct text *t, unsigned word);
bool text__take_word(struct text *t, unsigned word);
bool text__expect(struct text *t, enum text_kind kind);
/* From after an opening parenthesis to after its closing one. */
void text__skip_list(struct text *t);
bool text__word_eq(const struct text *t, const char *word);

/* ---- text_string.c ---- */
/* Pass over the string whose opening quote is at t->pos; NULL, or what is wrong. */
const char *text__skip_string(struct text *t);
/* The whole text is UTF-8, or the error is set. */
bool text__check_utf8(struct text *t);
/* Decode a string (or quoted id) to w, which is emptied first. */
void text__decode(struct text *t, struct text_token k, struct ser_writer *w);

/* ---- text_num.c: the current token as a number, taken ---- */
bool text__is_nat(const struct text *t);
uint32_t text__u32(struct text *t);
uint64_t text__nat(struct text *t, uint64_t max, const char *what);
/* Two's complement of `bits` bits, signed or unsigned in the text. */
uint64_t text__int(struct text *t, unsigned bits);
uint32_t text__f32(struct text *t);
uint64_t text__f64(struct text *t);
/* The digits after "offset=" and "align=". */
uint64_t text__nat_after(struct text *t, unsigned skip);

/* ---- text_map.c ---- */
/* The entry's value, or NULL. */
uint32_t *text__map_find(struct text_map *m, const void *key, uint32_t len);
/* Add a key that is not there; it is borrowed.  False: out of memory. */
bool text__map_add(struct text_map *m, const void *key, uint32_t len, uint32_t value);
void text__map_fini(struct text_map *m);
/* The current id as a symbol's number, taken; UINT32_MAX after an error. */
uint32_t text__symbol(struct text *t);
/* Grow *p (of elements of `size`) so that it holds n; zeroed. */
bool text__grow(struct text *t, void *pp, uint32_t *cap, uint32_t n, size_t size);
bool text__add_name(struct text *t, struct text_names *n, uint32_t index, const void *s, uint32_t len);

/* ---- text_emit.c: bytes ---- */
void text__u(struct ser_writer *w, uint64_t v);         /* LEB128 */
void text__s(struct ser_writer *w, int64_t v);
void text__append(struct ser_writer *w, const struct ser_writer *from);
/* The module's bytes from the sections; the caller frees. */
uint8_t *text__assemble(struct text *t, size_t *len);

/* ---- text_type.c ---- */
/* An index by number or name, taken; "unknown SPACE". */
uint32_t text__index(struct text *t, enum text_space space);
bool text__is_index(const struct text *t);
void text__heap_type(struct text *t, struct ser_writer *w);
/* A reference type; nullable is told, the heap type written. */
bool text__is_ref_type(struct text *t);
void text__ref_type(struct text *t, struct ser_writer *w);
void text__ref_type_parts(struct text *t, bool *nullable, struct ser_writer *heap);
bool text__is_val_type(struct text *t);
void text__val_type(struct text *t, struct ser_writer *w);
/* Type definitions, at the current "(type" or "(rec". */
void text__type_field(struct text *t);
/* A type use's index; binds parameters as locals when `bind`. */
uint32_t text__type_use(struct text *t, bool bind);
/* The same where parameters have no names. */
uint32_t text__call_type_use(struct text *t);
void text__block_type(struct text *t, struct ser_writer *out);
/* A local of the current function. */
void text__bind_local(struct text *t, uint32_t symbol, struct text_name_entry n);
/* Take "id?" and "@name?" before something that has an index. */
struct text_name_entry text__binder(struct text *t, uint32_t *symbol);
uint32_t text__functype_index(struct text *t, const struct ser_writer *w, uint32_t nparams);

/* ---- text_place.c ---- */
/* What is written to w next stands at pos. */
void text__mark(struct text *t, const struct ser_writer *w, uint32_t pos);
/* The body is about to be appended to its section. */
void text__mark_body(struct text *t);
/* The field at pos is written. */
void text__mark_field(struct text *t, uint32_t pos);
/* After text__module() with places: as wasm_text_place_error(), where the error
 * begins with this prefix. */
void text__place_error(struct text *t, const char *prefix, struct err *e);
/* The same of a text that is a module. */
void text__place_again(const char *text, size_t len, const char *name, unsigned features,
		       const char *prefix, struct err *e);

/* ---- text_instr.c ---- */
/* Instructions up to the list's ")" (not taken), END written. */
void text__expr(struct text *t, struct ser_writer *out);
/* One folded instruction, END written. */
void text__folded_expr(struct text *t, struct ser_writer *out);

/* ---- text_imm.c ---- */
/* Immediates of a row, to w; the row may become another of that mnemonic. */
void text__immediates(struct text *t, unsigned *row, struct ser_writer *w);
void text__v128(struct text *t, uint8_t out[16]);
uint32_t text__label(struct text *t);
void text__catches(struct text *t, struct ser_writer *w);
void text__opcode(struct ser_writer *w, unsigned row);

/* ---- text_annot.c ---- */
struct text_custom {
	struct text_custom *next;
	uint8_t *bytes;         /* name (with its length) and content, in the arena */
	uint32_t len;
	int8_t place;           /* section's id, 0: first, after all: 99 */
	bool after;
};
void text__annot_custom(struct text *t);
/* The decoded name of "(@name "...")", to name_bytes. */
struct text_name_entry text__annot_name(struct text *t);
void text__annot_hint(struct text *t);
void text__no_hint(struct text *t);

/* ---- text_module.c ---- */
/* From after "(module" (or the first field) to the list's end; out as in
 * wasm_text_to_binary().  The text is UTF-8 and starts at t->pos. */
int text__module(struct text *t, bool closed, uint8_t **out, size_t *out_len);

#endif
