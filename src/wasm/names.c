/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What custom sections say that we make use of: names (core spec, appendix
 * "Name Section") and branch hints.  Whatever is malformed there is ignored:
 * a custom section never makes a module invalid.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "wasm/module_int.h"

/* ---- names ---- */

struct entry {
	uint64_t key;           /* kind, index, inner index */
	uint32_t off, len;      /* in the module's bytes */
};
struct wasm__names {
	uint32_t n, cap;
	bool sorted;
	struct entry *entries;  /* by key */
};

enum { INDEX_BITS = 28 };

static uint64_t key_of(unsigned kind, uint32_t index, uint32_t inner)
{
	return (uint64_t)kind << (2 * INDEX_BITS) | (uint64_t)index << INDEX_BITS | inner;
}

struct cursor {
	const uint8_t *base, *p, *end;
};

static bool next_u32(struct cursor *c, uint32_t *out)
{
	return !wasm_leb_u32(&c->p, c->end, out);
}

static bool next_name(struct cursor *c, uint32_t *off, uint32_t *len)
{
	if (!next_u32(c, len) || *len > (size_t)(c->end - c->p) || !base_utf8(c->p, *len))
		return false;
	*off = (uint32_t)(c->p - c->base);
	c->p += *len;
	return true;
}

static bool add(struct wasm__names *names, uint64_t key, uint32_t off, uint32_t len)
{
	if (names->n == names->cap) {
		uint32_t cap = MAX(names->cap * 2, 64u);
		struct entry *more = base_realloc(names->entries, cap * sizeof(*more));

		if (!more)
			return false;
		names->entries = more;
		names->cap = cap;
	}
	if (names->n && names->entries[names->n - 1].key >= key)
		names->sorted = false;
	names->entries[names->n++] = (struct entry){ key, off, len };
	return true;
}

static bool read_map(struct wasm__names *names, struct cursor *c, unsigned kind, uint32_t outer,
		     bool nested)
{
	uint32_t n, index, off, len;

	if (!next_u32(c, &n))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!next_u32(c, &index) || !next_name(c, &off, &len))
			return false;
		if (index >> INDEX_BITS || outer >> INDEX_BITS)
			continue;
		if (!add(names, nested ? key_of(kind, outer, index) : key_of(kind, index, 0),
			 off, len))
			return false;
	}
	return true;
}

static bool read_subsection(struct wasm__names *names, struct cursor *c, unsigned kind)
{
	uint32_t n, outer, off, len;

	switch (kind) {
	case WASM_NAME_MODULE:
		return next_name(c, &off, &len) && add(names, key_of(kind, 0, 0), off, len);
	case WASM_NAME_LOCAL: case WASM_NAME_LABEL: case WASM_NAME_FIELD:
		if (!next_u32(c, &n))
			return false;
		for (uint32_t i = 0; i < n; i++)
			if (!next_u32(c, &outer) || !read_map(names, c, kind, outer, true))
				return false;
		return true;
	default:
		return read_map(names, c, kind, 0, false);
	}
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static void read_names(const struct wasm_module *m, struct wasm__names *names)
{
	const struct wasm_custom *s = NULL;
	struct cursor c;

	for (uint32_t i = 0; i < m->ncustoms && !s; i++)
		if (m->customs[i].name.len == 4 && !memcmp(m->customs[i].name.s, "name", 4))
			s = &m->customs[i];
	names->sorted = true;
	if (!s)
		return;
	c = (struct cursor){ m->bytes, s->bytes, s->bytes + s->len };
	while (c.p < c.end) {
		struct cursor sub = c;
		uint8_t kind = *c.p++;
		uint32_t size;

		if (!next_u32(&c, &size) || size > (size_t)(c.end - c.p))
			break;
		sub.p = c.p;
		sub.end = c.p += size;
		if (kind <= WASM_NAME_TAG)
			read_subsection(names, &sub, kind);
	}
	if (!names->sorted)
		qsort(names->entries, names->n, sizeof(*names->entries), compare);
}

static const struct wasm__names *names_of(const struct wasm_module *m)
{
	/* The index is built on the first question: not part of what a module is. */
	struct wasm__module *w = (struct wasm__module *)wasm__module(m);
	struct wasm__names *names = atomic_load_explicit(&w->names, memory_order_acquire);

	if (names)
		return names;
	lock_take(&w->lock);
	names = w->names;
	if (!names) {
		names = base_zalloc(sizeof(*names));
		if (names)
			read_names(m, names);
		atomic_store_explicit(&w->names, names, memory_order_release);
	}
	lock_drop(&w->lock);
	return names;
}

void wasm__names_free(struct wasm__names *n)
{
	if (n)
		base_free(n->entries);
	base_free(n);
}

bool wasm_module_item_name(const struct wasm_module *m, enum wasm_name_kind kind, uint32_t index,
			   uint32_t inner, struct wasm_name *out)
{
	const struct wasm__names *names = names_of(m);
	uint32_t lo = 0, hi = names ? names->n : 0;
	uint64_t key = key_of(kind, index, inner);

	if (index >> INDEX_BITS || inner >> INDEX_BITS)
		return false;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (names->entries[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!names || lo == names->n || names->entries[lo].key != key)
		return false;
	out->s = (const char *)m->bytes + names->entries[lo].off;
	out->len = names->entries[lo].len;
	return true;
}

bool wasm_module_func_name(const struct wasm_module *m, uint32_t func, struct wasm_name *out)
{
	return wasm_module_item_name(m, WASM_NAME_FUNC, func, 0, out);
}

/* ---- branch hints ---- */

/* One function's; false: malformed, or out of order. */
static bool read_func_hints(struct wasm__loader *l, struct cursor *c, uint32_t func)
{
	uint32_t n, offset, size, last = 0;

	if (!next_u32(c, &n))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!next_u32(c, &offset) || !next_u32(c, &size) || size != 1 || c->p >= c->end ||
		    *c->p > 1 || (i && offset <= last))
			return false;
		l->hints[l->nhints++] = (struct wasm__hint){ func, offset, *c->p++ };
		last = offset;
	}
	return true;
}

/* Kept when it stands before the code and is well formed throughout.  Each
 * hint takes 3 bytes or more, which bounds their number. */
int wasm__load_hints(struct wasm__loader *l, const struct wasm_custom *s)
{
	static const char name[] = "metadata.code.branch_hint";
	struct cursor c = { l->m->bytes, s->bytes, s->bytes + s->len };
	uint32_t n, func, last = 0;
	bool ok;

	if (l->hints || l->ncode || s->name.len != sizeof(name) - 1 ||
	    memcmp(s->name.s, name, s->name.len))
		return 0;
	l->hints = base_calloc(s->len / 3 + 1, sizeof(*l->hints));
	if (!l->hints)
		return err_set(l->e, ENOMEM, "%s: out of memory", wasm__module(l->m)->name);
	ok = next_u32(&c, &n);
	for (uint32_t i = 0; ok && i < n; i++) {
		ok = next_u32(&c, &func) && (!i || func > last) && read_func_hints(l, &c, func);
		last = func;
	}
	if (!ok || c.p != c.end)
		l->nhints = 0;
	return 0;
}

int wasm_module_branch_hint(const struct wasm_module *m, uint32_t off)
{
	uint32_t lo = 0, hi = m->branch_hints ? m->branch_hints[0] : 0;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->branch_hints[1 + 2 * mid] < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!m->branch_hints || lo == m->branch_hints[0] || m->branch_hints[1 + 2 * lo] != off)
		return -1;
	return (int)m->branch_hints[2 + 2 * lo];
}
