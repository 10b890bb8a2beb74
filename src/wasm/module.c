/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading a module (core spec 5.5): sections in their order, imports, exports
 * and definitions; what is in segments and bodies is read by module_seg.c and
 * valid*.c.  One pass; every byte is checked before it is used, every count
 * against the bytes that are left and against its limit, so memory stays in
 * proportion to the module.
 *
 * As in the specification's own decoder a section's contents may run on to
 * the end of the module before its size is compared; the errors that the
 * official tests expect follow from that.
 */
#include "wasm/module.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "wasm/hash.h"
#include "wasm/module_int.h"

/* ---- pieces ---- */

int wasm__fail(const struct wasm_module *m, struct err *e, const uint8_t *at, int code,
	       const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(e, code, "%s: offset 0x%zx: %s", wasm__module(m)->name,
		       (size_t)(at - m->bytes), what);
}

static int out_of_memory(struct wasm__loader *l)
{
	return err_set(l->e, ENOMEM, "%s: out of memory", wasm__module(l->m)->name);
}

int wasm__why(struct wasm__loader *l, const char *why)
{
	return why ? wasm__fail(l->m, l->e, l->p, EILSEQ, "%s", why) : 0;
}

int wasm__u32(struct wasm__loader *l, uint32_t *out)
{
	return wasm__why(l, wasm_leb_u32(&l->p, l->end, out));
}

int wasm__byte(struct wasm__loader *l, uint8_t *out)
{
	*out = 0;
	if (l->p >= l->end)
		return wasm__why(l, WASM_MSG_END);
	*out = *l->p++;
	return 0;
}

int wasm__count(struct wasm__loader *l, uint32_t max, const char *what, uint32_t *out)
{
	const uint8_t *at = l->p;
	uint32_t n;
	int r = wasm__u32(l, &n);

	*out = 0;
	if (r)
		return r;
	if (n > (size_t)(l->end - at))
		return wasm__fail(l->m, l->e, at, EILSEQ, "length out of bounds");
	if (n > max)
		return wasm__fail(l->m, l->e, at, E2BIG, "too many %s: %u, at most %u", what, n,
				  max);
	*out = n;
	return 0;
}

int wasm__bytes(struct wasm__loader *l, uint32_t n, const uint8_t **out)
{
	*out = l->p;
	if (n > (size_t)(l->end - l->p))
		return wasm__why(l, WASM_MSG_END);
	l->p += n;
	return 0;
}

int wasm__name(struct wasm__loader *l, struct wasm_name *out)
{
	const uint8_t *at = l->p, *s;
	int r = wasm__count(l, UINT32_MAX, "", &out->len);

	if (!r)
		r = wasm__bytes(l, out->len, &s);
	if (r)
		return r;
	if (!base_utf8(s, out->len))
		return wasm__fail(l->m, l->e, at, EILSEQ, "malformed UTF-8 encoding");
	out->s = (const char *)s;
	return 0;
}

int wasm__alloc(struct wasm__loader *l, size_t n, size_t size, void *pp)
{
	void *p = arena_alloc(&l->m->arena, n * size);

	memcpy(pp, &p, sizeof(p));
	return p ? 0 : out_of_memory(l);
}

int wasm__grow(struct wasm__loader *l, void *pp, uint32_t n, uint32_t *cap, size_t size)
{
	void *old, *new;
	uint32_t room;
	int r;

	if (n < *cap)
		return 0;
	room = MAX(*cap * 2, 8u);
	r = wasm__alloc(l, room, size, &new);
	if (r)
		return r;
	memcpy(&old, pp, sizeof(old));
	if (n)
		memcpy(new, old, n * size);
	memcpy(pp, &new, sizeof(new));
	*cap = room;
	return 0;
}

int wasm__reserve(struct wasm__loader *l, void *pp, size_t n, uint32_t *cap, size_t size)
{
	void *p;

	if (n <= *cap)
		return 0;
	n = MAX(n, (size_t)*cap * 2);
	n = MAX(n, (size_t)16);
	memcpy(&p, pp, sizeof(p));
	p = n <= UINT32_MAX ? base_realloc(p, n * size) : NULL;
	if (!p)
		return out_of_memory(l);
	memcpy(pp, &p, sizeof(p));
	*cap = (uint32_t)n;
	return 0;
}

/* ---- imports ---- */

#define GROW(l, what) \
	wasm__grow(l, &(l)->m->what, (l)->m->n##what, &(l)->cap_##what, sizeof(*(l)->m->what))

static int too_many(struct wasm__loader *l, const uint8_t *at, const char *what, uint32_t max)
{
	return wasm__fail(l->m, l->e, at, E2BIG, "too many %s, at most %u", what, max);
}

static int import_table(struct wasm__loader *l, struct wasm_import *im)
{
	struct wasm_module *m = l->m;
	int r = m->ntables < WASM_MAX_TABLES ? GROW(l, tables) :
		too_many(l, l->p, "tables", WASM_MAX_TABLES);

	if (r)
		return r;
	im->index = m->ntables++;
	m->ntables_imported++;
	m->tables[im->index] = (struct wasm_table){ .imported = true };
	return wasm__table_type(l, &m->tables[im->index]);
}

static int import_memory(struct wasm__loader *l, struct wasm_import *im)
{
	struct wasm_module *m = l->m;
	int r = m->nmemories < WASM_MAX_MEMORIES ? GROW(l, memories) :
		too_many(l, l->p, "memories", WASM_MAX_MEMORIES);

	if (r)
		return r;
	im->index = m->nmemories++;
	m->nmemories_imported++;
	m->memories[im->index] = (struct wasm_memory){ .imported = true };
	return wasm__memory_type(l, &m->memories[im->index]);
}

/* Functions, globals and tags are as many as imports at most. */
static int import_desc(struct wasm__loader *l, struct wasm_import *im)
{
	struct wasm_module *m = l->m;
	int r = wasm__byte(l, &im->kind);

	if (r)
		return r;
	switch (im->kind) {
	case WASM_EXTERN_FUNC:
		r = GROW(l, funcs);
		if (r)
			return r;
		im->index = m->nfuncs++;
		m->nfuncs_imported++;
		m->funcs[im->index] = (struct wasm_func){ .imported = true };
		return wasm__func_type(l, &m->funcs[im->index].type);
	case WASM_EXTERN_TABLE:
		return import_table(l, im);
	case WASM_EXTERN_MEMORY:
		return import_memory(l, im);
	case WASM_EXTERN_GLOBAL:
		r = GROW(l, globals);
		if (r)
			return r;
		im->index = m->nglobals++;
		m->nglobals_imported++;
		m->globals[im->index] = (struct wasm_global){ .imported = true };
		return wasm__global_type(l, &m->globals[im->index]);
	case WASM_EXTERN_TAG:
		r = GROW(l, tags);
		if (r)
			return r;
		im->index = m->ntags++;
		m->ntags_imported++;
		m->tags[im->index] = (struct wasm_tag){ .imported = true };
		return wasm__tag_type(l, &m->tags[im->index]);
	default:
		return wasm__fail(m, l->e, l->p - 1, EILSEQ, "malformed import kind");
	}
}

static int load_imports(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	int r = wasm__count(l, WASM_MAX_IMPORTS, "imports", &m->nimports);

	if (!r)
		r = wasm__alloc(l, m->nimports, sizeof(*m->imports), &m->imports);
	for (uint32_t i = 0; !r && i < m->nimports; i++) {
		struct wasm_import *im = &m->imports[i];

		r = wasm__name(l, &im->module);
		if (!r)
			r = wasm__name(l, &im->name);
		if (!r)
			r = import_desc(l, im);
	}
	return r;
}

/* ---- definitions ---- */

/* n more of something of which there are `have`, in an array of its own. */
static int more(struct wasm__loader *l, uint32_t have, uint32_t max, const char *what,
		size_t size, void *pp, uint32_t *n)
{
	const uint8_t *at = l->p;
	int r = wasm__count(l, UINT32_MAX, what, n);
	void *old, *new;

	if (r || !*n)
		return r;
	if (*n > max - have)
		return too_many(l, at, what, max);
	r = wasm__alloc(l, have + (size_t)*n, size, &new);
	if (r)
		return r;
	memcpy(&old, pp, sizeof(old));
	if (have)
		memcpy(new, old, have * size);
	memcpy(pp, &new, sizeof(new));
	return 0;
}

static int load_funcs(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	uint32_t n;
	int r = more(l, m->nfuncs, WASM_MAX_FUNCS, "functions", sizeof(*m->funcs), &m->funcs, &n);

	for (uint32_t i = 0; !r && i < n; i++)
		r = wasm__func_type(l, &m->funcs[m->nfuncs++].type);
	return r;
}

/* With an initial value or, for tables that may hold null, without (5.5.7). */
static int load_table(struct wasm__loader *l, struct wasm_table *t)
{
	struct wasm_module *m = l->m;
	const uint8_t *at = l->p;
	int r;

	if (l->p >= l->end || *l->p != 0x40) {
		r = wasm__table_type(l, t);
		if (!r && !wasm_type_nullable(t->type))
			r = wasm__fail(m, l->e, at, EINVAL,
				       "type mismatch: a table of non-null references has no "
				       "initial value");
		return r;
	}
	if (l->end - l->p < 2)
		return wasm__why(l, WASM_MSG_END);
	if (l->p[1])
		return wasm__fail(m, l->e, l->p + 1, EILSEQ, "zero byte expected");
	l->p += 2;
	r = wasm__table_type(l, t);
	return r ? r : wasm__valid_const(wasm__module(m)->valid, t->type, &l->p, l->end, &t->init,
					 l->e);
}

static int load_tables(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	uint32_t n;
	int r = more(l, m->ntables, WASM_MAX_TABLES, "tables", sizeof(*m->tables), &m->tables, &n);

	for (uint32_t i = 0; !r && i < n; i++) {
		r = load_table(l, &m->tables[m->ntables]);
		m->ntables++;
	}
	return r;
}

static int load_memories(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	uint32_t n;
	int r = more(l, m->nmemories, WASM_MAX_MEMORIES, "memories", sizeof(*m->memories),
		     &m->memories, &n);

	for (uint32_t i = 0; !r && i < n; i++)
		r = wasm__memory_type(l, &m->memories[m->nmemories++]);
	return r;
}

static int load_tags(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	uint32_t n;
	int r = more(l, m->ntags, WASM_MAX_TAGS, "tags", sizeof(*m->tags), &m->tags, &n);

	for (uint32_t i = 0; !r && i < n; i++)
		r = wasm__tag_type(l, &m->tags[m->ntags++]);
	return r;
}

/* Counted only when its expression is checked: that sees those before it. */
static int load_globals(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	uint32_t n;
	int r = more(l, m->nglobals, WASM_MAX_GLOBALS, "globals", sizeof(*m->globals), &m->globals,
		     &n);

	for (uint32_t i = 0; !r && i < n; i++) {
		struct wasm_global *g = &m->globals[m->nglobals];

		r = wasm__global_type(l, g);
		if (!r)
			r = wasm__valid_const(wasm__module(m)->valid, g->type, &l->p, l->end,
					      &g->init, l->e);
		m->nglobals++;
	}
	return r;
}

/* ---- exports ---- */

static int load_export(struct wasm__loader *l, struct wasm_export *ex)
{
	struct wasm_module *m = l->m;
	const uint32_t n[] = { m->nfuncs, m->ntables, m->nmemories, m->nglobals, m->ntags };
	static const char *const kinds[] = { "function", "table", "memory", "global", "tag" };
	int r = wasm__name(l, &ex->name);

	if (!r)
		r = wasm__byte(l, &ex->kind);
	if (r)
		return r;
	if (ex->kind > WASM_EXTERN_TAG)
		return wasm__fail(m, l->e, l->p - 1, EILSEQ, "malformed export kind");
	r = wasm__u32(l, &ex->index);
	if (!r && ex->index >= n[ex->kind])
		return wasm__fail(m, l->e, l->p - 1, EINVAL, "unknown %s %u", kinds[ex->kind],
				  ex->index);
	if (!r && ex->kind == WASM_EXTERN_FUNC)
		m->funcs[ex->index].declared = true;
	return r;
}

/* Names are different from each other (3.5.14). */
static int check_names(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	uint64_t key = wasm__hash_key();
	uint32_t mask = 15;
	uint32_t *table;        /* export + 1; 0: free */
	int r = 0;

	while (mask < m->nexports * 2ull)
		mask = mask * 2 + 1;
	table = base_calloc((size_t)mask + 1, sizeof(*table));
	if (!table)
		return out_of_memory(l);
	for (uint32_t i = 0; !r && i < m->nexports; i++) {
		const struct wasm_name *a = &m->exports[i].name;
		uint32_t h = (uint32_t)wasm__hash_bytes(a->s, a->len, key) & mask;

		for (; !r && table[h]; h = (h + 1) & mask) {
			const struct wasm_name *b = &m->exports[table[h] - 1].name;

			if (a->len == b->len && !memcmp(a->s, b->s, a->len))
				r = wasm__fail(m, l->e, (const uint8_t *)a->s, EINVAL,
					       "duplicate export name \"%.*s\"",
					       (int)MIN(a->len, 100u), a->s);
		}
		table[h] = i + 1;
	}
	base_free(table);
	return r;
}

static int load_exports(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	int r = wasm__count(l, WASM_MAX_EXPORTS, "exports", &m->nexports);

	if (!r)
		r = wasm__alloc(l, m->nexports, sizeof(*m->exports), &m->exports);
	for (uint32_t i = 0; !r && i < m->nexports; i++)
		r = load_export(l, &m->exports[i]);
	return r ? r : check_names(l);
}

static int load_start(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	const struct wasm_deftype *t;
	const uint8_t *at = l->p;
	int r = wasm__u32(l, &m->start);

	if (r)
		return r;
	if (m->start >= m->nfuncs)
		return wasm__fail(m, l->e, at, EINVAL, "unknown function %u", m->start);
	t = wasm_type_get(m->store, m->funcs[m->start].type);
	if (t->nparams || t->nresults)
		return wasm__fail(m, l->e, at, EINVAL,
				  "start function must not have parameters or results");
	m->has_start = true;
	return 0;
}

static int load_data_count(struct wasm__loader *l)
{
	const uint8_t *at = l->p;
	int r = wasm__u32(l, &l->data_count);

	if (!r && l->data_count > WASM_MAX_DATAS)
		return too_many(l, at, "data segments", WASM_MAX_DATAS);
	l->m->has_data_count = true;
	l->m->ndatas = l->data_count;   /* bodies may name them; until the data
					 * section comes nobody may look inside */
	return r;
}

/* ---- sections ---- */

static int load_custom(struct wasm__loader *l, uint32_t size)
{
	struct wasm_module *m = l->m;
	const uint8_t *start = l->p;
	struct wasm_custom c;
	int r = wasm__name(l, &c.name);

	if (r)
		return r;
	if ((size_t)(l->p - start) > size)
		return wasm__fail(m, l->e, start, EILSEQ, WASM_MSG_END);
	c.len = size - (uint32_t)(l->p - start);
	r = wasm__bytes(l, c.len, &c.bytes);
	if (!r)
		r = GROW(l, customs);
	if (r)
		return r;
	m->customs[m->ncustoms++] = c;
	return wasm__load_hints(l, &c);
}

static int (*const sections[])(struct wasm__loader *l) = {
	[1] = wasm__load_types, [2] = load_imports, [3] = load_funcs, [4] = load_tables,
	[5] = load_memories, [6] = load_globals, [7] = load_exports, [8] = load_start,
	[9] = wasm__load_elems, [10] = wasm__load_code, [11] = wasm__load_datas,
	[12] = load_data_count, [13] = load_tags,
};
/* Where each stands in the order (5.5.15). */
static const uint8_t order[] = {
	[1] = 1, [2] = 2, [3] = 3, [4] = 4, [5] = 5, [13] = 6, [6] = 7, [7] = 8, [8] = 9,
	[9] = 10, [12] = 11, [10] = 12, [11] = 13,
};

static int load_section(struct wasm__loader *l, unsigned *last)
{
	const uint8_t *at = l->p, *start;
	uint32_t size;
	uint8_t id = *l->p++;
	int r;

	if (id >= ARRAY_LEN(sections))
		return wasm__fail(l->m, l->e, at, EILSEQ, "malformed section id");
	if (id && order[id] <= *last)
		return wasm__fail(l->m, l->e, at, EILSEQ,
				  "unexpected content after last section: section %u is out of "
				  "order or there twice", id);
	r = wasm__count(l, UINT32_MAX, "", &size);
	start = l->p;
	l->section = size;
	if (!r)
		r = id ? sections[id](l) : load_custom(l, size);
	if (!r && (size_t)(l->p - start) != size)
		r = wasm__fail(l->m, l->e, start, EILSEQ, "section size mismatch");
	if (id)
		*last = order[id];
	return r;
}

static int load_sections(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	unsigned last = 0;
	int r = 0;

	if (l->end - l->p >= 4 && memcmp(l->p, "\0asm", 4))
		return wasm__why(l, "magic header not detected");
	if (l->end - l->p < 8)
		return wasm__why(l, WASM_MSG_END);
	if (l->p[6] == 1 && !l->p[7])   /* the layer, in the component model's binary format */
		return wasm__fail(m, l->e, l->p + 4, EILSEQ,
				  "unknown binary version (a component, not a core module)");
	if (ld_le32(l->p + 4) != 1)
		return wasm__fail(m, l->e, l->p + 4, EILSEQ, "unknown binary version");
	l->p += 8;
	while (!r && l->p < l->end)
		r = load_section(l, &last);
	if (r)
		return r;
	if (l->ncode != m->nfuncs - m->nfuncs_imported)
		return wasm__why(l, "function and code section have inconsistent lengths");
	if (m->has_data_count && !m->datas && m->ndatas)
		return wasm__why(l, "data count and data section have inconsistent lengths");
	return 0;
}

/* ---- the module ---- */

static struct wasm__module *create(struct wasm_type_store *store, const void *bytes, size_t len,
				   unsigned features, const char *name)
{
	struct wasm__module *w = base_zalloc(sizeof(*w));

	if (!w)
		return NULL;
	w->m.store = store;
	w->m.bytes = bytes;
	w->m.len = len;
	w->m.features = features;
	arena_init(&w->m.arena, 0);
	lock_init(&w->lock, LOCK_RANK_MODULE);
	w->name = base_strdup(name ? name : "module");
	w->valid = wasm__valid_create(&w->m);
	if (!w->name || !w->valid) {
		wasm_module_destroy(&w->m);
		return NULL;
	}
	return w;
}

struct wasm_module *wasm_module_load(struct wasm_type_store *store, const void *bytes,
				     size_t len, unsigned features, const char *name,
				     struct err *e)
{
	struct wasm__module *w = create(store, bytes, len, features, name);
	struct wasm__loader l = { .e = e };
	int r;

	if (!w) {
		err_set(e, ENOMEM, "%s: out of memory", name);
		return NULL;
	}
	l.m = &w->m;
	l.p = bytes ? bytes : (const uint8_t *)"";
	l.end = l.p + len;
	r = len > UINT32_MAX ?
		err_set(e, E2BIG, "%s: a module of 4 GiB or more", w->name) : load_sections(&l);
	base_free(l.group);
	base_free(l.group_types);
	base_free(l.group_fields);
	base_free(l.group_ids);
	base_free(l.hints);
	if (!(features & WASM_LAZY_BODIES)) {
		wasm__valid_destroy(w->valid);
		w->valid = NULL;
	}
	if (r) {
		wasm_module_destroy(&w->m);
		return NULL;
	}
	return &w->m;
}

void wasm_module_destroy(struct wasm_module *m)
{
	struct wasm__module *w;

	if (!m)
		return;
	w = wasm__module(m);
	wasm__image_destroy(m->image);
	wasm__valid_destroy(w->valid);
	wasm__names_free(w->names);
	base_free(w->name);
	arena_fini(&m->arena);
	lock_fini(&w->lock);
	base_free(w);
}

int wasm_module_validate_body(struct wasm_module *m, uint32_t func, struct err *e)
{
	struct wasm__module *w = wasm__module(m);
	uint32_t index = func - m->nfuncs_imported;
	const uint8_t *p;
	int r = 0;

	if (!w->checked || m->funcs[func].imported ||
	    atomic_load_explicit(&w->checked[index], memory_order_acquire))
		return 0;
	lock_take(&w->lock);
	if (!w->checked[index]) {
		const struct wasm_code body = m->funcs[func].body;

		p = m->bytes + body.off;
		r = wasm__valid_body(w->valid, func, &p, body.len, m->bytes + m->len, e);
		if (!r && p != m->bytes + body.off + body.len) {
			m->funcs[func].body = body;
			r = wasm__fail(m, e, m->bytes + body.off, EILSEQ,
				       "section size mismatch");
		}
		if (!r)
			atomic_store_explicit(&w->checked[index], 1, memory_order_release);
	}
	lock_drop(&w->lock);
	return r;
}
