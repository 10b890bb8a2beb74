/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name section for the printer (appendix, "Name Section", and the ids 5 to
 * 9 of its extension).  Names that are malformed, out of range or out of order
 * are left out: a custom section never makes a module wrong.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/utf8.h"
#include "wasm/wat_int.h"

struct cursor {
	const uint8_t *p, *end;
};

static bool next_u32(struct cursor *c, uint32_t *v)
{
	return !wasm_leb_u32(&c->p, c->end, v);
}

static bool next_name(struct cursor *c, struct wat_name *n)
{
	uint32_t len;

	if (!next_u32(c, &len) || len > (size_t)(c->end - c->p) || !base_utf8(c->p, len))
		return false;
	*n = (struct wat_name){ c->p, len, false };
	c->p += len;
	return true;
}

/* Names that are not empty and not there twice are identifiers: the first. */
static bool make_ids(struct wat_name *names, uint32_t n)
{
	struct text_map map = { 0 };
	bool ok = true;

	for (uint32_t i = 0; i < n && ok; i++) {
		if (!names[i].s || !names[i].len ||
		    text__map_find(&map, names[i].s, names[i].len))
			continue;
		ok = text__map_add(&map, names[i].s, names[i].len, i);
		names[i].id = true;
	}
	text__map_fini(&map);
	return ok;
}

static void read_map(struct wat *w, struct cursor *c, enum text_space space)
{
	struct wat_name *names = w->names[space];
	struct wat_name name;
	uint32_t n, index;

	if (!next_u32(c, &n))
		return;
	while (n-- && next_u32(c, &index) && next_name(c, &name))
		if (index < w->count[space] && !names[index].s)
			names[index] = name;
	if (!make_ids(names, w->count[space]))
		wat__fail(w, "out of memory");
}

/* Lists of names by function or type, kept as they stand. */
static void read_inner(struct cursor *c, struct wat_inner *all, uint32_t count)
{
	struct wat_name name;
	uint32_t n, outer, inner;

	if (!next_u32(c, &n))
		return;
	while (n-- && next_u32(c, &outer)) {
		struct wat_inner in = { 0 };

		if (!next_u32(c, &in.n))
			return;
		in.list = c->p;
		for (uint32_t i = 0; i < in.n; i++)
			if (!next_u32(c, &inner) || !next_name(c, &name))
				return;
		if (outer < count && !all[outer].list)
			all[outer] = in;
	}
}

struct wat_name *wat__inner_names(struct wat *w, const struct wat_inner *in, uint32_t *pcount)
{
	uint32_t count = *pcount;

	struct wat_name *names, name;
	struct cursor c = { in->list, w->m->bytes + w->m->len };
	uint32_t index, last = 0;

	*pcount = 0;
	if (!in->n || !count)
		return NULL;
	/* Room as far as the names reach. */
	for (uint32_t i = 0; i < in->n && next_u32(&c, &index) && next_name(&c, &name); i++)
		if (index < count)
			last = MAX(last, index + 1);
	names = base_calloc(last + 1, sizeof(*names));
	if (!names) {
		wat__fail(w, "out of memory");
		return NULL;
	}
	*pcount = last;
	c.p = in->list;
	for (uint32_t i = 0; i < in->n && next_u32(&c, &index) && next_name(&c, &name); i++)
		if (index < last && !names[index].s)
			names[index] = name;
	if (!make_ids(names, last))
		wat__fail(w, "out of memory");
	return names;
}

static void subsection(struct wat *w, unsigned id, struct cursor *c)
{
	static const enum text_space spaces[] = {
		[1] = TEXT_SPACE_FUNC, [4] = TEXT_SPACE_TYPE, [5] = TEXT_SPACE_TABLE,
		[6] = TEXT_SPACE_MEMORY, [7] = TEXT_SPACE_GLOBAL, [8] = TEXT_SPACE_ELEM,
		[9] = TEXT_SPACE_DATA, [11] = TEXT_SPACE_TAG,
	};

	switch (id) {
	case 0:
		next_name(c, &w->module_name);
		w->module_name.id = w->module_name.len;
		break;
	case 2:
		read_inner(c, w->locals, w->count[TEXT_SPACE_FUNC]);
		break;
	case 10:
		read_inner(c, w->fields, w->count[TEXT_SPACE_TYPE]);
		break;
	case 1: case 4: case 5: case 6: case 7: case 8: case 9: case 11:
		read_map(w, c, spaces[id]);
		break;
	}
}

bool wat__read_names(struct wat *w, const uint8_t *p, const uint8_t *end)
{
	struct cursor c = { p, end };

	for (unsigned i = 0; i < TEXT_SPACES; i++) {
		w->names[i] = arena_alloc(&w->arena,
					  ((size_t)w->count[i] + 1) * sizeof(*w->names[i]));
		if (!w->names[i])
			return wat__fail(w, "out of memory");
	}
	w->locals = arena_alloc(&w->arena,
				((size_t)w->count[TEXT_SPACE_FUNC] + 1) * sizeof(*w->locals));
	w->fields = arena_alloc(&w->arena,
				((size_t)w->count[TEXT_SPACE_TYPE] + 1) * sizeof(*w->fields));
	if (!w->locals || !w->fields)
		return wat__fail(w, "out of memory");
	while (c.p < c.end && !w->failed) {
		unsigned id = *c.p++;
		uint32_t size;

		if (!next_u32(&c, &size) || size > (size_t)(c.end - c.p))
			break;
		struct cursor sub = { c.p, c.p + size };

		subsection(w, id, &sub);
		c.p += size;
	}
	return true;
}
