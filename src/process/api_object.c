/* SPDX-License-Identifier: Apache-2.0 */
/* Globals, tables, memories, tags and instances of the C API. */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "process/api.h"

static void *rt_of(const void *x)
{
	return ((const wasm_ref_t *)x)->object;
}

static wasm_store_t *store_of(const void *x)
{
	return ((const wasm_ref_t *)x)->store;
}

/* ---- globals --------------------------------------------------------------------- */

wasm_global_t *wasm_global_new(wasm_store_t *s, const wasm_globaltype_t *type,
			       const wasm_val_t *v)
{
	struct wasm_type t = type->content->type;
	struct wasm_rt_global *g;
	union wasm_val val;

	s->err.code = 0;
	if (!process__api_to_guest(s, t, v, &val)) {
		err_set(&s->err, EINVAL, "the global's value has another type");
		return NULL;
	}
	g = wasm_rt_global_new(s->rt, t, type->mutability == WASM_VAR, val, &s->err);
	if (wasm_type_is_ref(t))
		process__api_handle_drop(s, v->of.ref, val);
	return g ? (wasm_global_t *)process__api_ref_of(s, API_GLOBAL, g) : NULL;
}

wasm_globaltype_t *wasm_global_type(const wasm_global_t *g)
{
	bool mutable_;
	struct wasm_type t = wasm_rt_global_type(rt_of(g), &mutable_);

	return process__api_globaltype(store_of(g)->engine->types, t, mutable_);
}

void wasm_global_get(const wasm_global_t *g, wasm_val_t *out)
{
	wasm_store_t *s = store_of(g);
	bool mutable_;
	struct wasm_type t = wasm_rt_global_type(rt_of(g), &mutable_);

	process__api_from_guest(s, t, wasm_rt_global_get(s->rt, rt_of(g)), out);
}

void wasm_global_set(wasm_global_t *g, const wasm_val_t *v)
{
	wasm_store_t *s = store_of(g);
	bool mutable_;
	struct wasm_type t = wasm_rt_global_type(rt_of(g), &mutable_);
	union wasm_val val;

	if (!mutable_ || !process__api_to_guest(s, t, v, &val)) {
		err_set(&s->err, EINVAL, mutable_ ? "the global's value has another type"
						  : "the global is constant");
		return;
	}
	wasm_rt_global_set(s->rt, rt_of(g), val);
	if (wasm_type_is_ref(t))
		process__api_handle_drop(s, v->of.ref, val);
}

/* ---- tables ------------------------------------------------------------------------- */

wasm_table_t *wasm_table_new(wasm_store_t *s, const wasm_tabletype_t *type, wasm_ref_t *init)
{
	struct wasm_table t = { .limits = type->exact, .type = type->element->type };
	struct wasm_rt_table *table;
	union wasm_val val;

	s->err.code = 0;
	if (!wasm_type_is_ref(t.type) || !process__api_ref_to_guest(s, t.type, init, &val)) {
		err_set(&s->err, EINVAL, "the table's first value has another type");
		return NULL;
	}
	table = wasm_rt_table_new(s->rt, &t, val, &s->err);
	process__api_handle_drop(s, init, val);
	return table ? (wasm_table_t *)process__api_ref_of(s, API_TABLE, table) : NULL;
}

wasm_tabletype_t *wasm_table_type(const wasm_table_t *x)
{
	struct wasm_table t = wasm_rt_table_type(rt_of(x));

	return process__api_tabletype(store_of(x)->engine->types, t.type, &t.limits);
}

wasm_ref_t *wasm_table_get(const wasm_table_t *x, wasm_table_size_t index)
{
	wasm_store_t *s = store_of(x);
	union wasm_val v;

	if (!wasm_rt_table_get(s->rt, rt_of(x), index, &v))
		return NULL;
	return process__api_ref_from_guest(s, v.ref);
}

bool wasm_table_set(wasm_table_t *x, wasm_table_size_t index, wasm_ref_t *r)
{
	wasm_store_t *s = store_of(x);
	union wasm_val v;
	bool ok;

	if (!process__api_ref_to_guest(s, wasm_rt_table_type(rt_of(x)).type, r, &v))
		return false;
	ok = wasm_rt_table_set(s->rt, rt_of(x), index, v);
	process__api_handle_drop(s, r, v);
	return ok;
}

wasm_table_size_t wasm_table_size(const wasm_table_t *x)
{
	return (wasm_table_size_t)MIN(wasm_rt_table_size(rt_of(x)), (uint64_t)UINT32_MAX);
}

bool wasm_table_grow(wasm_table_t *x, wasm_table_size_t delta, wasm_ref_t *init)
{
	wasm_store_t *s = store_of(x);
	union wasm_val v;
	bool ok;

	if (!process__api_ref_to_guest(s, wasm_rt_table_type(rt_of(x)).type, init, &v))
		return false;
	ok = wasm_rt_table_grow(s->rt, rt_of(x), delta, v) >= 0;
	process__api_handle_drop(s, init, v);
	return ok;
}

/* ---- memories ------------------------------------------------------------------------ */

wasm_memory_t *wasm_memory_new(wasm_store_t *s, const wasm_memorytype_t *type)
{
	const struct wasm_memory t = { .limits = type->exact, .page_shift = type->page_shift };
	const uint64_t most = 1ull << (t.limits.is64 ? 48 : 32) >> t.page_shift;
	struct wasm_rt_memory *m;

	s->err.code = 0;
	if (t.limits.min > most || (t.limits.has_max && t.limits.max < t.limits.min)) {
		err_set(&s->err, EINVAL, "memory: limits out of range");
		return NULL;
	}
	m = wasm_rt_memory_new(s->rt, &t, &s->err);
	return m ? (wasm_memory_t *)process__api_ref_of(s, API_MEMORY, m) : NULL;
}

wasm_memorytype_t *wasm_memory_type(const wasm_memory_t *x)
{
	struct wasm_memory t = wasm_rt_memory_type(rt_of(x));

	return process__api_memorytype(&t.limits, t.page_shift);
}

byte_t *wasm_memory_data(wasm_memory_t *x)
{
	return (byte_t *)wasm_rt_memory_base(rt_of(x));
}

size_t wasm_memory_data_size(const wasm_memory_t *x)
{
	return wasm_rt_memory_size(rt_of(x));
}

wasm_memory_pages_t wasm_memory_size(const wasm_memory_t *x)
{
	uint64_t pages = wasm_rt_memory_size(rt_of(x)) >> wasm_rt_memory_type(rt_of(x)).page_shift;

	return (wasm_memory_pages_t)MIN(pages, (uint64_t)UINT32_MAX);
}

bool wasm_memory_grow(wasm_memory_t *x, wasm_memory_pages_t delta)
{
	return wasm_rt_memory_grow(store_of(x)->rt, rt_of(x), delta) >= 0;
}

/* ---- tags --------------------------------------------------------------------------------- */

wasm_tag_t *wasm_tag_new(wasm_store_t *s, const wasm_tagtype_t *type)
{
	struct wasm_rt_tag *t;
	uint32_t id;

	s->err.code = 0;
	if (process__api_functype_id(s->engine->types, type->func, &id, &s->err))
		return NULL;
	t = wasm_rt_tag_new(s->rt, id, &s->err);
	return t ? (wasm_tag_t *)process__api_ref_of(s, API_TAG, t) : NULL;
}

wasm_tagtype_t *wasm_tag_type(const wasm_tag_t *x)
{
	return process__api_tagtype(store_of(x)->engine->types, wasm_rt_tag_type(rt_of(x)));
}

wasm_externtype_t *wasm_extern_type(const wasm_extern_t *x)
{
	switch (((const wasm_ref_t *)x)->kind) {
	case API_FUNC:
		return (wasm_externtype_t *)wasm_func_type((const wasm_func_t *)x);
	case API_GLOBAL:
		return (wasm_externtype_t *)wasm_global_type((const wasm_global_t *)x);
	case API_TABLE:
		return (wasm_externtype_t *)wasm_table_type((const wasm_table_t *)x);
	case API_MEMORY:
		return (wasm_externtype_t *)wasm_memory_type((const wasm_memory_t *)x);
	default:
		return (wasm_externtype_t *)wasm_tag_type((const wasm_tag_t *)x);
	}
}

/* ---- instances ------------------------------------------------------------------------------ */

/* Instances live as long as the store, and so does their module. */
static bool keep_module(wasm_store_t *s, struct api_module *m)
{
	for (size_t i = s->nmodules; i--;)
		if (s->modules[i] == m)
			return true;
	if (s->nmodules == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 8;
		void *more = base_realloc(s->modules, cap * sizeof(*s->modules));

		if (!more)
			return false;
		s->modules = more;
		s->cap = cap;
	}
	s->modules[s->nmodules++] = process__api_module_hold(m);
	return true;
}

wasm_instance_t *process__api_link_failed(wasm_store_t *s, const struct err *e,
					  wasm_trap_t **trap)
{
	if (e != &s->err)
		s->err = *e;
	if (trap)
		*trap = process__api_trap(s, WASM_OK, e);
	return NULL;
}

wasm_instance_t *process__api_instantiate(wasm_store_t *s, struct api_module *m,
					  const struct wasm_extern *imports, wasm_trap_t **trap)
{
	enum wasm_trap t = WASM_OK;
	struct wasm_instance *i;
	struct err e = { 0 };
	wasm_trap_t *why;
	wasm_ref_t *r;

	if (!keep_module(s, m)) {
		err_set(&e, ENOMEM, "out of memory");
		return process__api_link_failed(s, &e, trap);
	}
	i = wasm_instantiate(s->rt, m->m, imports, &t, &e);
	if (t == WASM_TRAP_INTERRUPT)
		process__api_interrupted(s);
	r = i ? process__api_ref_of(s, API_INSTANCE, i) : NULL;
	if (r) {
		r->module = m;
		/* Frames name it as long as the store is there. */
		r->kept = true;
		return (wasm_instance_t *)r;
	}
	if (!t)
		return process__api_link_failed(s, &e, trap);
	err_set(&s->err, EINVAL, "%s", wasm_rt_trap_message(t));
	why = process__api_trap(s, t, NULL);
	if (trap)
		*trap = why;
	else
		wasm_trap_delete(why);
	return NULL;
}

wasm_instance_t *wasm_instance_new(wasm_store_t *s, const wasm_module_t *mod,
				   const wasm_extern_vec_t *imports, wasm_trap_t **trap)
{
	struct api_module *m = ((const wasm_ref_t *)mod)->module;
	uint32_t n = m->m->nimports;
	base_auto struct wasm_extern *in = base_calloc((size_t)n + 1, sizeof(*in));
	struct err e = { 0 };

	if (trap)
		*trap = NULL;
	s->err.code = 0;
	if (!in)
		err_set(&e, ENOMEM, "out of memory");
	else if ((imports ? imports->size : 0) < n)
		err_set(&e, EINVAL, "%zu imports for a module that has %u",
			imports ? imports->size : 0, n);
	for (uint32_t i = 0; !e.code && i < n; i++) {
		const wasm_ref_t *r = (const wasm_ref_t *)imports->data[i];

		if (!r || r->store != s)
			err_set(&e, EINVAL, "import %u is %s", i,
				r ? "of another store" : "missing");
		else
			in[i] = process__api_extern_rt(r);
	}
	return e.code ? process__api_link_failed(s, &e, trap)
		      : process__api_instantiate(s, m, in, trap);
}

void wasm_instance_exports(const wasm_instance_t *x, wasm_extern_vec_t *out)
{
	const wasm_ref_t *r = (const wasm_ref_t *)x;

	wasm_extern_vec_new_uninitialized(out, r->module->m->nexports);
	for (size_t i = 0; i < out->size; i++) {
		struct wasm_extern what;

		wasm_instance_export_at(r->object, (uint32_t)i, &what);
		out->data[i] = (wasm_extern_t *)process__api_extern_ref(r->store, &what);
	}
}

wasm_extern_t *dp_instance_export(const wasm_instance_t *x, const char *name)
{
	const wasm_ref_t *r = (const wasm_ref_t *)x;
	struct wasm_extern what;

	if (!wasm_instance_export(r->object, name, strlen(name), &what))
		return NULL;
	return (wasm_extern_t *)process__api_extern_ref(r->store, &what);
}
