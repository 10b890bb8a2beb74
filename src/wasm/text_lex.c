/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer of the text format (core spec 6.3) and of annotations (appendix,
 * "Custom Sections and Annotations").  Keeps no tokens; a token is read when
 * it is asked for.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/utf8.h"
#include "wasm/module.h"
#include "wasm/text_int.h"

enum { MAX_TEXT = 0x7fffffff };  /* positions are 32 bits */

static const char *const words[] = {
#define X(id, text) text,
	TEXT_WORDS(X)
#undef X
};
static unsigned word_hash(const char *s, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return (h ^ h >> 15) % 4096;
}

static const char *word_text(unsigned w)
{
	return w < WASM_ROWS ? wasm_ops[w].text : words[w - WASM_ROWS - 1];
}

static unsigned find_word(const struct text *t, const char *s, size_t len)
{
	for (unsigned h = word_hash(s, len); t->words[h]; h = (h + 1) % 4096) {
		const char *k = word_text(t->words[h] - 1);

		if (strlen(k) == len && !memcmp(k, s, len))
			return t->words[h] - 1;
	}
	return TEXT_UNKNOWN;
}

/* The first of several rows with one mnemonic stands for them all. */
static void add_word(struct text *t, unsigned w)
{
	const char *k = word_text(w);
	unsigned h = word_hash(k, strlen(k));

	if (find_word(t, k, strlen(k)) != TEXT_UNKNOWN)
		return;
	while (t->words[h])
		h = (h + 1) % 4096;
	t->words[h] = (uint16_t)(w + 1);
}

static bool row_enabled(unsigned row, unsigned features)
{
	uint32_t c = wasm_ops[row].code;

	if (c >> 16 == 0xfe)
		return features & WASM_FEATURE_THREADS;
	if (c == WASM_OP_TRY || c == WASM_OP_RETHROW || c == WASM_OP_DELEGATE)
		return features & WASM_FEATURE_LEGACY_EH;
	return true;
}

void text__init(struct text *t, const char *s, size_t len, const char *name,
		unsigned features, struct err *e)
{
	memset(t, 0, sizeof(*t));
	t->s = s;
	t->name = name;
	t->features = features;
	t->err = e;
	t->end = (uint32_t)MIN(len, (size_t)MAX_TEXT);
	t->customs_last = &t->customs;
	arena_init(&t->arena, 0);
	for (unsigned w = 0; w < WASM_ROWS; w++)
		if (row_enabled(w, features))
			add_word(t, w);
	for (unsigned w = 0; w < ARRAY_LEN(words); w++)
		add_word(t, WASM_ROWS + 1 + w);
	if (len > MAX_TEXT)
		text__fail_at(t, 0, "text too large (more than 2 GiB)");
}

void text__position(const struct text *t, uint32_t pos, unsigned *line, unsigned *column)
{
	*line = *column = 1;
	for (uint32_t i = 0; i < pos; i++) {
		if (t->s[i] == '\n') {
			++*line;
			*column = 1;
		} else {
			++*column;
		}
	}
}

bool text__fail_at(struct text *t, uint32_t pos, const char *fmt, ...)
{
	unsigned line, column;
	char what[300];
	va_list ap;

	if (t->failed)
		return false;
	t->failed = true;
	t->code = EILSEQ;
	text__position(t, pos, &line, &column);
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	err_set(t->err, EILSEQ, "%s:%u:%u: %s", t->name, line, column, what);
	t->tok = (struct text_token){ .kind = TEXT_EOF, .off = pos };
	return false;
}

bool text__oom(struct text *t)
{
	if (!t->failed) {
		t->failed = true;
		t->code = ENOMEM;
		err_set(t->err, ENOMEM, "%s: out of memory", t->name);
		t->tok = (struct text_token){ .kind = TEXT_EOF };
	}
	return false;
}

static bool is_idchar(uint8_t c)
{
	return c > ' ' && c < 0x7f && !strchr("\"(),;[]{}", c);
}
static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static int hex_value(uint8_t c)
{
	return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Block comments nest; the "(;" is taken. */
static void skip_block_comment(struct text *t, uint32_t start)
{
	unsigned depth = 1;

	while (depth) {
		if (t->end - t->pos < 2) {
			t->pos = t->end;
			text__fail_at(t, start, "unclosed comment");
			return;
		}
		if (t->s[t->pos] == '(' && t->s[t->pos + 1] == ';') {
			depth++;
			t->pos += 2;
		} else if (t->s[t->pos] == ';' && t->s[t->pos + 1] == ')') {
			depth--;
			t->pos += 2;
		} else {
			t->pos++;
		}
	}
}

static void skip_space(struct text *t)
{
	while (t->pos < t->end) {
		char c = t->s[t->pos], d = t->pos + 1 < t->end ? t->s[t->pos + 1] : 0;

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			t->pos++;
		} else if (c == ';' && d == ';') {
			while (t->pos < t->end && t->s[t->pos] != '\n' && t->s[t->pos] != '\r')
				t->pos++;
		} else if (c == '(' && d == ';') {
			t->pos += 2;
			skip_block_comment(t, t->pos - 2);
		} else {
			return;
		}
	}
}

/* Digits with single underscores between them, of base 10 or 16. */
static bool digits(const char **p, const char *end, bool hex)
{
	bool digit = false;

	for (; *p < end; ++*p) {
		if (hex ? hex_value(**p) >= 0 : is_digit(**p))
			digit = true;
		else if (**p == '_' && digit)
			digit = false;
		else
			break;
	}
	return digit;
}

static bool is_prefix(const char **p, const char *end, const char *what)
{
	size_t n = strlen(what);

	if ((size_t)(end - *p) < n || memcmp(*p, what, n))
		return false;
	*p += n;
	return true;
}

/* TEXT_INT, TEXT_FLOAT, or TEXT_RESERVED: not a number (6.3.1, 6.3.2). */
static enum text_kind number_kind(const char *p, const char *end)
{
	enum text_kind kind = TEXT_INT;
	bool hex;

	if (*p == '+' || *p == '-')
		p++;
	if (is_prefix(&p, end, "inf"))
		return p == end ? TEXT_FLOAT : TEXT_RESERVED;
	if (is_prefix(&p, end, "nan"))
		return p == end || (is_prefix(&p, end, ":0x") && digits(&p, end, true) && p == end) ?
		       TEXT_FLOAT : TEXT_RESERVED;
	hex = is_prefix(&p, end, "0x");
	if (!digits(&p, end, hex))
		return TEXT_RESERVED;
	if (p < end && *p == '.') {
		kind = TEXT_FLOAT;
		p++;
		if (p < end && (hex ? hex_value(*p) >= 0 : is_digit(*p)) && !digits(&p, end, hex))
			return TEXT_RESERVED;
	}
	if (p < end && (hex ? *p == 'p' || *p == 'P' : *p == 'e' || *p == 'E')) {
		kind = TEXT_FLOAT;
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (!digits(&p, end, false))
			return TEXT_RESERVED;
	}
	return p == end ? kind : TEXT_RESERVED;
}

static bool is_nat_text(const char *p, const char *end)
{
	bool hex = is_prefix(&p, end, "0x");

	return digits(&p, end, hex) && p == end;
}

static void classify(struct text *t, struct text_token *k)
{
	const char *p = t->s + k->off, *end = p + k->len, *q = p;

	k->kind = TEXT_RESERVED;
	if (is_digit(*p) || *p == '+' || *p == '-' || *p == 'i' || *p == 'n')
		k->kind = (uint8_t)number_kind(p, end);
	if (k->kind != TEXT_RESERVED || *p < 'a' || *p > 'z')
		return;
	k->kind = TEXT_WORD;
	k->word = (uint16_t)find_word(t, p, k->len);
	if (is_prefix(&q, end, "offset=") && is_nat_text(q, end))
		k->word = TEXT_OFFSET_EQ;
	else if (is_prefix(&q, end, "align=") && is_nat_text(q, end))
		k->word = TEXT_ALIGN_EQ;
}

static void empty_id(struct text *t, struct text_token *k, const char *what)
{
	text__fail_at(t, k->off, "%s", what);
	*k = t->tok;
}

/* $"...": a string that is a name and not empty. */
static void quoted_id(struct text *t, struct text_token *k)
{
	struct ser_writer w;

	k->kind = TEXT_ID;
	if (k->len == 3) {
		empty_id(t, k, "empty identifier");
		return;
	}
	if (!memchr(t->s + k->off, '\\', k->len))
		return;
	ser_writer_init(&w);
	text__decode(t, *k, &w);
	if (!t->failed && !base_utf8(w.buf, w.len))
		empty_id(t, k, "malformed UTF-8 encoding");
	ser_writer_fini(&w);
	if (t->failed)
		*k = t->tok;
}

/* A run of idchars, strings and other characters of reserved tokens. */
static void lex_chunk(struct text *t, struct text_token *k, bool quiet)
{
	unsigned strings = 0, others = 0;
	uint32_t string_at = 0;
	const char *why;

	while (t->pos < t->end) {
		uint8_t c = (uint8_t)t->s[t->pos];

		if (is_idchar(c)) {
			t->pos++;
		} else if (c == '"') {
			string_at = t->pos;
			strings++;
			why = text__skip_string(t);
			if (why) {
				bool id = t->s[k->off] == '$' && string_at == k->off + 1 && !quiet;

				k->off = id ? k->off : string_at;
				empty_id(t, k, id && t->pos < t->end ? "empty identifier" : why);
				return;
			}
		} else if (c && strchr(",[]{}", c)) {
			t->pos++;
			others++;
		} else if (c == ';' && !(t->pos + 1 < t->end && t->s[t->pos + 1] == ';')) {
			t->pos++;
			others++;
		} else {
			break;
		}
	}
	k->len = t->pos - k->off;
	k->kind = TEXT_RESERVED;
	if (!k->len) {
		empty_id(t, k, "illegal character");
		return;
	}
	if (quiet || others || strings > 1)
		return;
	if (t->s[k->off] == '$') {
		if (k->len == 1)
			empty_id(t, k, "empty identifier");
		else if (!strings)
			k->kind = TEXT_ID;
		else if (string_at == k->off + 1 && t->s[t->pos - 1] == '"')
			quoted_id(t, k);
	} else if (strings) {
		if (string_at == k->off && t->s[t->pos - 1] == '"')
			k->kind = TEXT_STRING;
	} else {
		classify(t, k);
	}
}

/* The content of an annotation up to its ")". */
static void skip_annotation(struct text *t, uint32_t start)
{
	struct text_token k;

	for (unsigned depth = 1; depth && !t->failed;) {
		skip_space(t);
		k = (struct text_token){ .off = t->pos };
		if (t->failed)
			return;
		if (t->pos >= t->end) {
			text__fail_at(t, start, "unclosed annotation");
		} else if (t->s[t->pos] == '(') {
			depth++;
			t->pos++;
		} else if (t->s[t->pos] == ')') {
			depth--;
			t->pos++;
		} else {
			lex_chunk(t, &k, true);
		}
	}
}

static unsigned annot_word(const char *s, size_t len)
{
	static const struct { const char *name; unsigned word; } known[] = {
		{ "name", TEXT_ANNOT_NAME }, { "custom", TEXT_ANNOT_CUSTOM },
		{ "metadata.code.branch_hint", TEXT_ANNOT_HINT },
	};

	for (unsigned i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i].name) == len && !memcmp(s, known[i].name, len))
			return known[i].word;
	return TEXT_UNKNOWN;
}

/* @"...": the name as a string. */
static unsigned annot_string(struct text *t, uint32_t at)
{
	struct text_token k = { .kind = TEXT_STRING, .off = t->pos };
	struct ser_writer w;
	unsigned word = TEXT_UNKNOWN;
	const char *why = text__skip_string(t);

	k.len = t->pos - k.off;
	if (why || k.len == 2) {
		text__fail_at(t, at, "empty annotation id");
		return word;
	}
	ser_writer_init(&w);
	text__decode(t, k, &w);
	if (!t->failed && !base_utf8(w.buf, w.len))
		text__fail_at(t, at, "malformed UTF-8 encoding");
	else if (!t->failed)
		word = annot_word((const char *)w.buf, w.len);
	ser_writer_fini(&w);
	return word;
}

/* "(@" is at t->pos.  True when it is a token for the parser. */
static bool lex_annotation(struct text *t, struct text_token *k)
{
	uint32_t at = t->pos, id;
	unsigned word = TEXT_UNKNOWN;

	id = t->pos += 2;
	if (t->pos < t->end && t->s[t->pos] == '"') {
		word = annot_string(t, at);
	} else {
		while (t->pos < t->end && is_idchar((uint8_t)t->s[t->pos]))
			t->pos++;
		if (t->pos == id)
			text__fail_at(t, at, "empty annotation id");
		else
			word = annot_word(t->s + id, t->pos - id);
	}
	if (t->failed)
		return false;
	if (t->annots && word != TEXT_UNKNOWN) {
		*k = (struct text_token){ TEXT_ANNOT, (uint16_t)word, at, t->pos - at };
		return true;
	}
	skip_annotation(t, at);
	return false;
}

void text__next(struct text *t)
{
	struct text_token k = { .word = TEXT_UNKNOWN };

	t->prev_end = t->tok.off + t->tok.len;
again:
	if (!t->failed)
		skip_space(t);
	if (t->failed) {
		t->tok = (struct text_token){ .kind = TEXT_EOF, .off = t->tok.off };
		return;
	}
	k.off = t->pos;
	if (t->pos >= t->end) {
		k.kind = TEXT_EOF;
	} else if (t->s[t->pos] == '(') {
		if (t->pos + 1 < t->end && t->s[t->pos + 1] == '@') {
			if (!lex_annotation(t, &k))
				goto again;
		} else {
			k.kind = TEXT_LPAR;
			k.len = 1;
			t->pos++;
		}
	} else if (t->s[t->pos] == ')') {
		k.kind = TEXT_RPAR;
		k.len = 1;
		t->pos++;
	} else {
		lex_chunk(t, &k, false);
	}
	t->tok = k;
}

void text__seek(struct text *t, uint32_t pos)
{
	t->pos = pos;
	text__next(t);
}

bool text__unexpected(struct text *t)
{
	const struct text_token *k = &t->tok;
	int n = (int)MIN(k->len, 60u);
	const char *s = t->s + k->off;

	if (t->failed)
		return false;
	if (k->kind == TEXT_ANNOT && k->word == TEXT_ANNOT_HINT)
		return text__fail(t, "@metadata.code.branch_hint annotation: not in a function");
	if (k->kind == TEXT_ANNOT)
		return text__fail(t, "misplaced @%s annotation",
				  k->word == TEXT_ANNOT_NAME ? "name" : "custom");
	if (k->kind == TEXT_EOF)
		return text__fail(t, "unexpected token: end of the text");
	if (k->kind == TEXT_RESERVED || (k->kind == TEXT_WORD && k->word == TEXT_UNKNOWN))
		return text__fail(t, "unknown operator %.*s", n, s);
	return text__fail(t, "unexpected token %.*s", n, s);
}

bool text__at_list(struct text *t, unsigned word)
{
	struct text_token k = t->tok;
	uint32_t pos = t->pos, prev = t->prev_end;
	bool yes;

	if (k.kind != TEXT_LPAR)
		return false;
	/* Words follow their parenthesis directly nearly always. */
	text__next(t);
	yes = t->tok.kind == TEXT_WORD && t->tok.word == word;
	if (!t->failed) {
		t->tok = k;
		t->pos = pos;
		t->prev_end = prev;
	}
	return yes;
}

bool text__take_list(struct text *t, unsigned word)
{
	struct text_token k = t->tok;
	uint32_t pos = t->pos, prev = t->prev_end;

	if (k.kind != TEXT_LPAR)
		return false;
	text__next(t);
	if (t->tok.kind == TEXT_WORD && t->tok.word == word) {
		text__next(t);
		return true;
	}
	if (!t->failed) {
		t->tok = k;
		t->pos = pos;
		t->prev_end = prev;
	}
	return false;
}

bool text__take_word(struct text *t, unsigned word)
{
	if (t->tok.kind != TEXT_WORD || t->tok.word != word)
		return false;
	text__next(t);
	return true;
}

bool text__expect(struct text *t, enum text_kind kind)
{
	if (t->tok.kind != kind)
		return text__unexpected(t);
	text__next(t);
	return true;
}

void text__skip_list(struct text *t)
{
	for (unsigned depth = 1; depth;) {
		if (t->tok.kind == TEXT_EOF) {
			text__unexpected(t);
			return;
		}
		if (t->tok.kind == TEXT_LPAR)
			depth++;
		else if (t->tok.kind == TEXT_RPAR)
			depth--;
		text__next(t);
	}
}

bool text__word_eq(const struct text *t, const char *word)
{
	return t->tok.kind == TEXT_WORD && strlen(word) == t->tok.len &&
	       !memcmp(t->s + t->tok.off, word, t->tok.len);
}
