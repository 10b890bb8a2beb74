/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a text the bytes of its binary come from.  The validator knows only
 * the binary; when it refuses one that was made from text, the text is
 * translated once more with marks at fields and instructions, and the error
 * tells the line and column instead of an offset.  A module without errors
 * pays nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "wasm/text.h"
#include "wasm/text_int.h"

static void add(struct text *t, unsigned sec, size_t off, uint32_t pos)
{
	struct text_places *p = t->places;

	if (text__grow(t, &p->marks, &p->cap, p->n + 1, sizeof(*p->marks)))
		p->marks[p->n++] = (struct text_mark){ off, pos, (uint8_t)sec };
}

/* Bodies become a part of their section later; what is put together somewhere
 * else has the mark of its field. */
void text__mark(struct text *t, const struct ser_writer *w, uint32_t pos)
{
	if (!t->places)
		return;
	if (w == &t->body)
		add(t, TEXT_SEC_CODE, w->len, pos);
	else if (w >= t->sec && w < t->sec + TEXT_SECS)
		add(t, (unsigned)(w - t->sec), w->len, pos);
}

void text__mark_body(struct text *t)
{
	struct text_places *p = t->places;

	if (!p)
		return;
	while (p->body < p->n)
		p->marks[p->body++].off += t->sec[TEXT_SEC_CODE].len;
}

void text__mark_field(struct text *t, uint32_t pos)
{
	struct text_places *p = t->places;

	if (!p)
		return;
	for (unsigned i = 0; i < TEXT_SECS; i++) {
		if (t->sec[i].len != p->len[i])
			add(t, i, p->len[i], pos);
		p->len[i] = t->sec[i].len;
	}
	p->body = p->n;
}

/* The last mark at or before the offset, in its section: the first one there
 * when the whole section is meant. */
static const struct text_mark *find(const struct text *t, size_t off)
{
	const struct text_places *p = t->places;
	const struct text_mark *best = NULL, *first = NULL;

	for (uint32_t i = 0; i < p->n; i++) {
		const struct text_mark *m = &p->marks[i];
		size_t from = p->base[m->sec];

		if (off < p->start[m->sec] || off > from + t->sec[m->sec].len)
			continue;
		if (from + m->off <= off && (!best || m->off >= best->off))
			best = m;
		if (!first || m->off < first->off)
			first = m;
	}
	return best ? best : first;
}

void text__place_error(struct text *t, const char *prefix, struct err *e)
{
	static const char word[] = ": offset 0x";
	size_t n = strlen(prefix);
	const struct text_mark *m;
	unsigned line, column;
	char *what;
	size_t off;

	if (t->failed || strncmp(e->msg, prefix, n) || strncmp(e->msg + n, word, strlen(word)))
		return;
	off = strtoull(e->msg + n + strlen(word), &what, 16);
	m = find(t, off);
	if (!m || *what != ':')
		return;
	text__position(t, m->pos, &line, &column);
	what = base_strdup(what);
	if (what)
		err_set(e, e->code, "%s:%u:%u%s", t->name, line, column, what);
	base_free(what);
}

void text__place_again(const char *text, size_t len, const char *name, unsigned features,
		       const char *prefix, struct err *e)
{
	struct text *t = base_alloc(sizeof(*t));
	struct text_places places = { 0 };
	struct err again = { 0 };
	uint8_t *bytes = NULL;
	size_t n;

	if (!t)
		return;
	text__init(t, text, len, name, features, &again);
	t->places = &places;
	if (!t->failed)
		text__next(t);
	if (!text__module(t, text__take_list(t, TEXT_MODULE_), &bytes, &n))
		text__place_error(t, prefix, e);
	base_free(bytes);
	base_free(places.marks);
	text__fini(t);
	base_free(t);
}

void wasm_text_place_error(const char *text, size_t len, const char *name, unsigned features,
			   struct err *e)
{
	text__place_again(text, len, name, features, name, e);
}
