/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Annotations that mean something (appendix, "Custom Sections and
 * Annotations"): @name, @custom and branch hints.  The current token is the
 * annotation's head; what follows is its content.
 */
#include <string.h>

#include "base/bits.h"
#include "base/utf8.h"
#include "wasm/text_int.h"

struct text_name_entry text__annot_name(struct text *t)
{
	struct text_name_entry n = { 0 };

	text__next(t);
	if (t->tok.kind != TEXT_STRING) {
		text__fail(t, "@name annotation: unexpected token");
		return n;
	}
	text__decode(t, t->tok, &t->string);
	if (!t->failed && !base_utf8(t->string.buf, t->string.len)) {
		text__fail(t, "@name annotation: malformed UTF-8 encoding");
		return n;
	}
	n.off = (uint32_t)t->name_bytes.len;
	n.len = (uint32_t)t->string.len;
	text__append(&t->name_bytes, &t->string);
	text__next(t);
	text__expect(t, TEXT_RPAR);
	return n;
}

/* A section's id by its name; -1: none of that name. */
static int section_id(const struct text *t)
{
	static const struct { const char *name; int8_t id; } names[] = {
		{ "type", 1 }, { "import", 2 }, { "func", 3 }, { "table", 4 }, { "memory", 5 },
		{ "tag", 13 }, { "global", 6 }, { "export", 7 }, { "start", 8 }, { "elem", 9 },
		{ "datacount", 12 }, { "code", 10 }, { "data", 11 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (text__word_eq(t, names[i].name))
			return names[i].id;
	return -1;
}

/* "(before SECTION)", "(after SECTION)", "(before first)", "(after last)". */
static void custom_place(struct text *t, struct text_custom *c)
{
	int id;

	text__next(t);
	c->after = text__word_eq(t, "after");
	if (!c->after && !text__word_eq(t, "before")) {
		text__fail(t, "@custom annotation: malformed placement");
		return;
	}
	text__next(t);
	id = section_id(t);
	if (!c->after && text__word_eq(t, "first")) {
		id = 0;
	} else if (c->after && text__word_eq(t, "last")) {
		id = 99;
		c->after = false;
	}
	if (id < 0) {
		text__fail(t, "@custom annotation: malformed section kind");
		return;
	}
	c->place = (int8_t)id;
	text__next(t);
	text__expect(t, TEXT_RPAR);
}

static void custom_content(struct text *t, struct text_custom *c)
{
	struct ser_writer w;

	ser_writer_init(&w);
	text__u(&w, t->string.len);
	text__append(&w, &t->string);
	text__next(t);
	if (t->tok.kind == TEXT_LPAR)
		custom_place(t, c);
	for (; t->tok.kind == TEXT_STRING; text__next(t)) {
		text__decode(t, t->tok, &t->string);
		text__append(&w, &t->string);
	}
	if (t->tok.kind != TEXT_RPAR)
		text__fail(t, "@custom annotation: unexpected token");
	c->bytes = arena_alloc(&t->arena, w.len);
	c->len = (uint32_t)w.len;
	if (w.failed || !c->bytes)
		text__oom(t);
	else
		memcpy(c->bytes, w.buf, w.len);
	ser_writer_fini(&w);
	text__next(t);
}

void text__annot_custom(struct text *t)
{
	struct text_custom *c = arena_alloc(&t->arena, sizeof(*c));

	if (!c) {
		text__oom(t);
		return;
	}
	c->place = 99;
	text__next(t);
	if (t->tok.kind != TEXT_STRING) {
		text__fail(t, "@custom annotation: missing section name");
		return;
	}
	text__decode(t, t->tok, &t->string);
	if (!t->failed && !base_utf8(t->string.buf, t->string.len)) {
		text__fail(t, "@custom annotation: malformed UTF-8 encoding");
		return;
	}
	custom_content(t, c);
	if (t->failed)
		return;
	*t->customs_last = c;
	t->customs_last = &c->next;
}

/* The next instruction is likely ("\01") or not ("\00") to branch. */
void text__annot_hint(struct text *t)
{
	uint32_t at = t->tok.off;

	if (t->hint_set) {
		text__fail(t, "@metadata.code.branch_hint annotation: duplicate annotation");
		return;
	}
	text__next(t);
	if (t->tok.kind == TEXT_STRING)
		text__decode(t, t->tok, &t->string);
	if (t->tok.kind != TEXT_STRING || t->string.len != 1 || t->string.buf[0] > 1) {
		text__fail(t, "@metadata.code.branch_hint annotation: malformed value");
		return;
	}
	t->hint = t->string.buf[0];
	t->hint_set = true;
	t->hint_pos = at;
	text__next(t);
	text__expect(t, TEXT_RPAR);
}
