/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instantiation (core spec 4.5.4), in two halves.  First everything is made
 * that takes memory; a failure undoes it and nobody has seen anything.  Then
 * come the steps that run the guest's code or change what others see: when one
 * traps, earlier effects stay, and so does the instance, since its functions
 * may stand in others' tables.
 *
 * An instance is one block: the structure, its index spaces and what the module
 * defines itself.
 */
#include "wasm/instance.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "wasm/leb.h"
#include "wasm/store.h"

/* ---- constant expressions ---- */

enum {
	OP_END = 0x0b, OP_GLOBAL_GET = 0x23, OP_I32_CONST = 0x41, OP_I64_CONST, OP_F32_CONST,
	OP_F64_CONST, OP_REF_NULL = 0xd0, OP_REF_FUNC = 0xd2,
};

bool wasm__const_plain(const struct wasm_module *m, struct wasm_code code,
		       struct wasm_instance *i, uint64_t out[2])
{
	const uint8_t *p = m->bytes + code.off, *end = p + code.len;
	uint32_t index;
	int64_t v;

	/* It was validated; what is not plain is for the interpreter. */
	out[1] = 0;
	switch (p < end ? *p++ : OP_END) {
	case OP_I32_CONST:
	case OP_I64_CONST:
		if (wasm_leb_signed(&p, end, p[-1] == OP_I32_CONST ? 32 : 64, &v))
			return false;
		out[0] = m->bytes[code.off] == OP_I32_CONST ? (uint32_t)v : (uint64_t)v;
		break;
	case OP_F32_CONST:
		if (end - p < 4)
			return false;
		out[0] = ld_le32(p);
		p += 4;
		break;
	case OP_F64_CONST:
		if (end - p < 8)
			return false;
		out[0] = ld_le64(p);
		p += 8;
		break;
	case OP_REF_NULL:
		if (wasm_leb_signed(&p, end, 33, &v))
			return false;
		out[0] = 0;
		break;
	case OP_REF_FUNC:
		if (!i || wasm_leb_u32(&p, end, &index))
			return false;
		out[0] = wasm__func_word(i->store, i->funcs[index]);
		break;
	case OP_GLOBAL_GET:
		if (!i || wasm_leb_u32(&p, end, &index))
			return false;
		memcpy(out, i->globals[index]->v, 16);
		break;
	default:
		return false;
	}
	return p + 1 == end && *p == OP_END;
}

enum wasm_trap wasm__const_eval(struct wasm_instance *i, struct wasm_code code,
				struct wasm_type type, uint64_t out[2])
{
	if (wasm__const_plain(i->module, code, i, out))
		return WASM_OK;
	out[0] = out[1] = 0;
	return wasm__interp_const(i, code, type, out);
}

/* ---- making: the block ---- */

/* Takes n elements of the block; with base NULL, it only counts. */
struct cursor {
	uint8_t *base;
	size_t at;
};
static void *take(struct cursor *c, size_t n, size_t size)
{
	void *p = c->base ? c->base + c->at : NULL;

	c->at += (n * size + 7) & ~(size_t)7;
	return p;
}

struct parts {
	struct wasm_rt_memory *memories;
	struct wasm_rt_global *globals;
	struct wasm_rt_table *tables;
	struct wasm_rt_tag *tags;
};

static size_t carve(struct wasm_instance *i, const struct wasm_module *m, struct parts *p)
{
	struct cursor c = { (uint8_t *)i, sizeof(*i) };
	struct wasm_instance none;

	i = i ? i : &none;
	i->memories = take(&c, m->nmemories, sizeof(*i->memories));
	i->globals = take(&c, m->nglobals, sizeof(*i->globals));
	i->funcs = take(&c, m->nfuncs, sizeof(*i->funcs));
	i->tables = take(&c, m->ntables, sizeof(*i->tables));
	i->tags = take(&c, m->ntags, sizeof(*i->tags));
	i->elems = take(&c, m->nelems, sizeof(*i->elems));
	i->datas = take(&c, m->ndatas, sizeof(*i->datas));
	p->memories = take(&c, m->nmemories - m->nmemories_imported, sizeof(*p->memories));
	p->globals = take(&c, m->nglobals - m->nglobals_imported, sizeof(*p->globals));
	p->tables = take(&c, m->ntables - m->ntables_imported, sizeof(*p->tables));
	p->tags = take(&c, m->ntags - m->ntags_imported, sizeof(*p->tags));
	return c.at;
}

static struct wasm_instance *block_new(struct wasm_store *s, const struct wasm_module *m)
{
	struct parts p;
	struct wasm_instance *i = base_zalloc(carve(NULL, m, &p));

	if (!i)
		return NULL;
	carve(i, m, &p);
	i->store = s;
	i->module = m;
	for (uint32_t k = m->nmemories_imported; k < m->nmemories; k++)
		i->memories[k] = &p.memories[k - m->nmemories_imported];
	for (uint32_t k = m->ntables_imported; k < m->ntables; k++)
		i->tables[k] = &p.tables[k - m->ntables_imported];
	for (uint32_t k = m->nglobals_imported; k < m->nglobals; k++) {
		struct wasm_rt_global *g = &p.globals[k - m->nglobals_imported];

		g->type = m->globals[k].type;
		g->mutable_ = m->globals[k].mutable_;
		i->globals[k] = g;
	}
	for (uint32_t k = m->ntags_imported; k < m->ntags; k++) {
		i->tags[k] = &p.tags[k - m->ntags_imported];
		i->tags[k]->type = m->tags[k].type;
	}
	return i;
}

static int link_imports(struct wasm_instance *i, const struct wasm_extern *imports,
			struct err *e)
{
	const struct wasm_module *m = i->module;

	for (uint32_t k = 0; k < m->nimports; k++) {
		const struct wasm_import *im = &m->imports[k];
		const struct wasm_extern *x = &imports[k];

		if (!wasm_extern_matches(i->store, m, im, x))
			return err_set(e, EINVAL, "incompatible import type: %.*s.%.*s",
				       (int)MIN(im->module.len, 100u), im->module.s,
				       (int)MIN(im->name.len, 100u), im->name.s);
		switch ((enum wasm_extern_kind)im->kind) {
		case WASM_EXTERN_FUNC:
			i->funcs[im->index] = x->func;
			break;
		case WASM_EXTERN_TABLE:
			i->tables[im->index] = x->table;
			break;
		case WASM_EXTERN_MEMORY:
			i->memories[im->index] = x->memory;
			break;
		case WASM_EXTERN_GLOBAL:
			i->globals[im->index] = x->global;
			break;
		case WASM_EXTERN_TAG:
			i->tags[im->index] = x->tag;
			break;
		}
	}
	return 0;
}

/* ---- making: functions, memories, tables, segments ---- */

/* Slots of a function type; most functions of a module have few types. */
struct slots_cache {
	struct { uint32_t type, params, results; } line[64];
};

static void func_slots(const struct wasm_store *s, struct slots_cache *c, struct wasm_rt_func *f)
{
	unsigned at = f->type % ARRAY_LEN(c->line);

	if (c->line[at].type != f->type) {
		const struct wasm_deftype *d = wasm_type_get(s->types, f->type);

		c->line[at].type = f->type;
		c->line[at].params = wasm__slots(d->types, d->nparams);
		c->line[at].results = wasm__slots(d->types + d->nparams, d->nresults);
	}
	f->param_slots = c->line[at].params;
	f->result_slots = c->line[at].results;
}

static int make_funcs(struct wasm_instance *i, struct err *e)
{
	const struct wasm_module *m = i->module;
	struct slots_cache cache;

	if (m->nfuncs - m->nfuncs_imported > i->store->owned->func_cap - i->store->nfuncs)
		return err_set(e, ENOMEM, "too many functions in a store");
	memset(&cache, 0xff, sizeof(cache));
	mem_area_will_fill(&i->store->funcs[i->store->nfuncs],
			   (m->nfuncs - m->nfuncs_imported) * sizeof(*i->store->funcs));
	for (uint32_t k = m->nfuncs_imported; k < m->nfuncs; k++) {
		struct wasm_rt_func *f = wasm__func_alloc(i->store);

		f->inst = i;
		f->type = m->funcs[k].type;
		f->index = k;
		func_slots(i->store, &cache, f);
		wasm__interp_prepare(i->store, f);
		i->funcs[k] = f;
	}
	return 0;
}

static int make_memories(struct wasm_instance *i, struct err *e)
{
	const struct wasm_module *m = i->module;
	const struct wasm_image *im = wasm__image_get(m);

	for (uint32_t k = m->nmemories_imported; k < m->nmemories; k++)
		if (wasm__memory_setup(i->store, i->memories[k], &m->memories[k],
				       im ? im->mem[k].fd : -1, im ? im->mem[k].size : 0, e))
			return -ENOMEM;
	for (uint32_t k = 0; k < m->ndatas; k++) {
		const struct wasm_data *d = &m->datas[k];

		/* What is in the image is applied and dropped already. */
		if (!im || k >= im->ndatas || d->mode != WASM_SEGMENT_ACTIVE ||
		    im->mem[d->memory].fd < 0)
			i->datas[k] = (struct wasm_rt_data){ d->bytes, d->len };
	}
	return 0;
}

static int make_tables(struct wasm_instance *i, struct err *e)
{
	const struct wasm_module *m = i->module;

	for (uint32_t k = m->ntables_imported; k < m->ntables; k++)
		if (wasm__table_setup(i->store, i->tables[k], &m->tables[k], e))
			return -ENOMEM;
	return 0;
}

/* Active segments of functions go into their table as they are; the others
 * become words. */
static int make_elems(struct wasm_instance *i, struct err *e)
{
	const struct wasm_module *m = i->module;

	for (uint32_t k = 0; k < m->nelems; k++) {
		const struct wasm_elem *seg = &m->elems[k];
		struct wasm_rt_elem *x = &i->elems[k];
		bool as_is = seg->mode == WASM_SEGMENT_ACTIVE && seg->funcs;

		if (seg->mode == WASM_SEGMENT_DECLARATIVE)
			continue;
		if (!as_is && seg->n && !(x->words = base_calloc(seg->n, sizeof(*x->words))))
			return err_set(e, ENOMEM, "no memory for element segments");
		x->n = seg->n;
		for (uint32_t f = 0; !as_is && seg->funcs && f < seg->n; f++)
			x->words[f] = wasm__func_word(i->store, i->funcs[seg->funcs[f]]);
	}
	return 0;
}

/* Of an instance that nobody has seen. */
static void unmake(struct wasm_instance *i, uint32_t nfuncs)
{
	struct wasm_store *s = i->store;
	const struct wasm_module *m = i->module;

	for (uint32_t k = m->nmemories_imported; k < m->nmemories; k++)
		wasm__memory_fini(s, i->memories[k]);
	for (uint32_t k = m->ntables_imported; k < m->ntables; k++)
		wasm__table_fini(s, i->tables[k]);
	for (uint32_t k = 0; k < m->nelems; k++)
		base_free(i->elems[k].words);
	memset(&s->funcs[nfuncs], 0, (s->nfuncs - nfuncs) * sizeof(*s->funcs));
	s->nfuncs = nfuncs;
	base_free(i);
}

static struct wasm_instance *make(struct wasm_store *s, const struct wasm_module *m,
				  const struct wasm_extern *imports, struct err *e)
{
	uint32_t nfuncs = s->nfuncs;
	struct wasm_instance *i = block_new(s, m);

	if (!i) {
		err_set(e, ENOMEM, "no memory for an instance");
		return NULL;
	}
	if (link_imports(i, imports, e) || make_funcs(i, e) || make_memories(i, e) ||
	    make_tables(i, e) || make_elems(i, e) || wasm__interp_instance_init(i, e)) {
		unmake(i, nfuncs);
		return NULL;
	}
	*s->owned->instances_end = i;
	s->owned->instances_end = &i->next;
	return i;
}

/* ---- the steps that have effects ---- */

static enum wasm_trap init_globals(struct wasm_instance *i)
{
	const struct wasm_module *m = i->module;
	enum wasm_trap t = WASM_OK;

	for (uint32_t k = m->nglobals_imported; !t && k < m->nglobals; k++) {
		uint64_t v[2];

		t = wasm__const_eval(i, m->globals[k].init, m->globals[k].type, v);
		if (!t)
			memcpy(i->globals[k]->v, v, sizeof(v));
	}
	return t;
}

static enum wasm_trap init_tables(struct wasm_instance *i)
{
	const struct wasm_module *m = i->module;
	enum wasm_trap t = WASM_OK;

	for (uint32_t k = m->ntables_imported; !t && k < m->ntables; k++) {
		uint64_t v[2];

		if (!m->tables[k].init.len)
			continue;
		t = wasm__const_eval(i, m->tables[k].init, m->tables[k].type, v);
		if (!t)
			t = wasm__table_fill(i, k, 0, (wasm_word)v[0], i->tables[k]->size);
	}
	return t;
}

/* Evaluate the expressions of all segments (steps before any is applied). */
static enum wasm_trap eval_elems(struct wasm_instance *i)
{
	const struct wasm_module *m = i->module;

	for (uint32_t k = 0; k < m->nelems; k++) {
		const struct wasm_elem *seg = &m->elems[k];

		if (!seg->exprs || seg->mode == WASM_SEGMENT_DECLARATIVE)
			continue;
		for (uint32_t n = 0; n < seg->n; n++) {
			uint64_t v[2];
			enum wasm_trap t = wasm__const_eval(i, seg->exprs[n], seg->type, v);

			if (t)
				return t;
			i->elems[k].words[n] = (wasm_word)v[0];
		}
	}
	return WASM_OK;
}

static enum wasm_trap offset(struct wasm_instance *i, struct wasm_code code, bool is64,
			     uint64_t *out)
{
	uint64_t v[2];
	enum wasm_trap t = wasm__const_eval(i, code,
					    wasm_type_num(is64 ? WASM_I64 : WASM_I32), v);

	*out = is64 ? v[0] : (uint32_t)v[0];
	return t;
}

static enum wasm_trap apply_elems(struct wasm_instance *i)
{
	const struct wasm_module *m = i->module;

	for (uint32_t k = 0; k < m->nelems; k++) {
		const struct wasm_elem *seg = &m->elems[k];
		enum wasm_trap t;
		uint64_t at;

		if (seg->mode != WASM_SEGMENT_ACTIVE)
			continue;
		t = offset(i, seg->offset, m->tables[seg->table].limits.is64, &at);
		if (!t)
			t = wasm__table_init(i, seg->table, k, at, 0, seg->n);
		if (t)
			return t;
		wasm__elem_drop(i, k);
	}
	return WASM_OK;
}

/* What the image holds was given no bytes (make_memories). */
static bool in_image(const struct wasm_instance *i, uint32_t data)
{
	return i->module->datas[data].mode == WASM_SEGMENT_ACTIVE && !i->datas[data].bytes;
}

static enum wasm_trap apply_datas(struct wasm_instance *i)
{
	const struct wasm_module *m = i->module;

	for (uint32_t k = 0; k < m->ndatas; k++) {
		const struct wasm_data *seg = &m->datas[k];
		enum wasm_trap t;
		uint64_t at;

		if (seg->mode != WASM_SEGMENT_ACTIVE || in_image(i, k))
			continue;
		t = offset(i, seg->offset, m->memories[seg->memory].limits.is64, &at);
		if (!t && wasm__inside(at, seg->len, wasm__memory_now(i->memories[seg->memory])))
			mem_area_will_fill(i->memories[seg->memory]->base + at, seg->len);
		if (!t)
			t = wasm__memory_init(i, seg->memory, k, at, 0, seg->len);
		if (t)
			return t;
		wasm__data_drop(i, k);
	}
	return WASM_OK;
}

/* A trap before the data segments' turn: others may see the memories through
 * functions that are in their tables, and must see zeros. */
static void forget_image(struct wasm_instance *i)
{
	const struct wasm_module *m = i->module;
	uint64_t at[2];

	for (uint32_t k = 0; k < m->ndatas; k++)
		if (in_image(i, k) && wasm__const_plain(m, m->datas[k].offset, i, at))
			memset(i->memories[m->datas[k].memory]->base + at[0], 0,
			       m->datas[k].len);
}

/* A trap between segments: those that were not applied are not dropped, and
 * functions that others have by now may use them; they want words. */
static void keep_elems(struct wasm_instance *i)
{
	for (uint32_t k = 0; k < i->module->nelems; k++) {
		const struct wasm_elem *seg = &i->module->elems[k];
		struct wasm_rt_elem *x = &i->elems[k];

		if (!x->n || x->words)
			continue;
		x->words = base_calloc(x->n, sizeof(*x->words));
		if (!x->words)
			x->n = 0;
		for (uint32_t f = 0; f < x->n; f++)
			x->words[f] = wasm__func_word(i->store, i->funcs[seg->funcs[f]]);
	}
}

static enum wasm_trap initialize(struct wasm_instance *i)
{
	enum wasm_trap t = init_globals(i);

	if (!t)
		t = init_tables(i);
	if (!t)
		t = eval_elems(i);
	if (!t)
		t = apply_elems(i);
	if (t) {
		forget_image(i);
		keep_elems(i);
		return t;
	}
	t = apply_datas(i);
	if (!t && i->module->has_start)
		t = wasm_call(i->store, i->funcs[i->module->start], NULL, NULL);
	return t;
}

struct wasm_instance *wasm_instantiate(struct wasm_store *s, const struct wasm_module *m,
				       const struct wasm_extern *imports,
				       enum wasm_trap *trap, struct err *e)
{
	struct wasm_instance *i;

	*trap = WASM_OK;
	if (m->store != s->types) {
		err_set(e, EINVAL, "the module was loaded with other types than the store's");
		return NULL;
	}
	i = make(s, m, imports, e);
	if (i && !s->owned->restoring)
		*trap = initialize(i);
	return *trap ? NULL : i;
}

/* ---- what the collector visits ---- */

static void visit_words(const struct wasm_store *s, struct wasm_type t, wasm_word *w, uint64_t n,
			wasm_visit_fn *fn, void *arg)
{
	if (!wasm__type_is_visited(s, t))
		return;
	for (uint64_t i = 0; i < n; i++)
		fn(arg, &w[i]);
}

static void visit_global(const struct wasm_store *s, struct wasm_rt_global *g,
			 wasm_visit_fn *fn, void *arg)
{
	/* The low half of the slot: hosts are little-endian (base/bits.h). */
	visit_words(s, g->type, (wasm_word *)g->v, 1, fn, arg);
}

static void visit_instance(struct wasm_instance *i, wasm_visit_fn *fn, void *arg)
{
	const struct wasm_module *m = i->module;
	const struct wasm_store *s = i->store;

	for (uint32_t k = m->nglobals_imported; k < m->nglobals; k++)
		visit_global(s, i->globals[k], fn, arg);
	for (uint32_t k = m->ntables_imported; k < m->ntables; k++)
		visit_words(s, i->tables[k]->type, i->tables[k]->elems, i->tables[k]->size,
			    fn, arg);
	for (uint32_t k = 0; k < m->nelems; k++)
		if (i->elems[k].words)
			visit_words(s, m->elems[k].type, i->elems[k].words, i->elems[k].n,
				    fn, arg);
}

void wasm__store_visit(struct wasm_store *s, wasm_visit_fn *fn, void *arg)
{
	for (struct wasm_instance *i = s->instances; i; i = i->next)
		visit_instance(i, fn, arg);
	for (struct wasm__object *o = s->owned->objects; o; o = o->next) {
		if (o->kind == WASM_EXTERN_GLOBAL)
			visit_global(s, &o->global, fn, arg);
		else if (o->kind == WASM_EXTERN_TABLE)
			visit_words(s, o->table.type, o->table.elems, o->table.size, fn, arg);
	}
	for (struct wasm_ref *r = s->refs.next; r != &s->refs; r = r->next)
		if (WASM_HEAP_ABSTRACT + r->top != WASM_HEAP_FUNC)
			fn(arg, &r->word);
	fn(arg, &s->exception);
}
