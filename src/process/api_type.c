/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of the C API, and what stands for them in the engine.  The public
 * kinds are coarser than WebAssembly's types: each object keeps the exact one,
 * so that a type read from a module and given back is still the same.
 */
#include <errno.h>

#include "base/bits.h"
#include "process/api.h"

/* ---- value types ------------------------------------------------------------- */

wasm_valkind_t process__api_kind(const struct wasm_type_store *ts, struct wasm_type t)
{
	switch (wasm_type_kind(t)) {
	case WASM_I32:
		return API_I32;
	case WASM_I64:
		return API_I64;
	case WASM_F32:
		return API_F32;
	case WASM_F64:
		return API_F64;
	case WASM_V128:
		return DP_V128;
	default:
		return wasm_heap_top(ts, wasm_type_heap(t)) == WASM_HEAP_FUNC ? WASM_FUNCREF
									      : WASM_EXTERNREF;
	}
}

static wasm_valtype_t *valtype(wasm_valkind_t kind, struct wasm_type t)
{
	wasm_valtype_t *v = base_zalloc(sizeof(*v));

	if (v)
		*v = (wasm_valtype_t){ t, kind };
	return v;
}

static wasm_valtype_t *valtype_of(const struct wasm_type_store *ts, struct wasm_type t)
{
	return valtype(process__api_kind(ts, t), t);
}

wasm_valtype_t *wasm_valtype_new(wasm_valkind_t k)
{
	switch (k) {
	case API_I32:
		return valtype(k, wasm_type_num(WASM_I32));
	case API_I64:
		return valtype(k, wasm_type_num(WASM_I64));
	case API_F32:
		return valtype(k, wasm_type_num(WASM_F32));
	case API_F64:
		return valtype(k, wasm_type_num(WASM_F64));
	case DP_V128:
		return valtype(k, wasm_type_num(WASM_V128));
	case WASM_EXTERNREF:
		return valtype(k, wasm_type_ref(WASM_HEAP_EXTERN, true));
	case WASM_FUNCREF:
		return valtype(k, wasm_type_ref(WASM_HEAP_FUNC, true));
	default:
		return NULL;
	}
}

wasm_valkind_t wasm_valtype_kind(const wasm_valtype_t *t)
{
	return t->kind;
}

wasm_valtype_t *wasm_valtype_copy(const wasm_valtype_t *t)
{
	return valtype(t->kind, t->type);
}

void wasm_valtype_delete(wasm_valtype_t *t)
{
	base_free(t);
}

void dp_valtype_name(wasm_store_t *s, const wasm_valtype_t *t, wasm_message_t *out)
{
	char buf[64];

	wasm_name_new_from_string_nt(out, wasm_type_print(s->engine->types, t->type, buf,
							  sizeof(buf)));
}

/* ---- function types -------------------------------------------------------------- */

wasm_functype_t *wasm_functype_new(wasm_valtype_vec_t *params, wasm_valtype_vec_t *results)
{
	wasm_functype_t *t = base_zalloc(sizeof(*t));

	if (t) {
		*t = (wasm_functype_t){ { API_EXTERN_FUNC }, *params, *results };
	} else {
		wasm_valtype_vec_delete(params);
		wasm_valtype_vec_delete(results);
	}
	return t;
}

const wasm_valtype_vec_t *wasm_functype_params(const wasm_functype_t *t)
{
	return &t->params;
}

const wasm_valtype_vec_t *wasm_functype_results(const wasm_functype_t *t)
{
	return &t->results;
}

wasm_functype_t *wasm_functype_copy(const wasm_functype_t *t)
{
	wasm_valtype_vec_t params, results;

	wasm_valtype_vec_copy(&params, &t->params);
	wasm_valtype_vec_copy(&results, &t->results);
	return wasm_functype_new(&params, &results);
}

void wasm_functype_delete(wasm_functype_t *t)
{
	if (!t)
		return;
	wasm_valtype_vec_delete(&t->params);
	wasm_valtype_vec_delete(&t->results);
	base_free(t);
}

wasm_functype_t *process__api_functype(const struct wasm_type_store *ts, uint32_t id)
{
	const struct wasm_deftype *d = wasm_type_get(ts, id);
	wasm_valtype_vec_t params, results;

	wasm_valtype_vec_new_uninitialized(&params, d->nparams);
	wasm_valtype_vec_new_uninitialized(&results, d->nresults);
	for (size_t i = 0; i < params.size; i++)
		params.data[i] = valtype_of(ts, d->types[i]);
	for (size_t i = 0; i < results.size; i++)
		results.data[i] = valtype_of(ts, d->types[d->nparams + i]);
	return wasm_functype_new(&params, &results);
}

int process__api_functype_id(struct wasm_type_store *ts, const wasm_functype_t *t,
			     uint32_t *id, struct err *e)
{
	size_t np = t->params.size, nr = t->results.size;
	struct wasm_deftype d = {
		.comp = WASM_COMP_FUNC, .final = true, .super = WASM_NO_SUPER,
	};
	base_auto struct wasm_type *types = NULL;

	if (np > WASM_MAX_PARAMS || nr > WASM_MAX_RESULTS)
		return err_set(e, E2BIG, "function type: more than %d parameters or results",
			       (int)WASM_MAX_PARAMS);
	types = base_calloc(np + nr + 1, sizeof(*types));
	if (!types)
		return err_set(e, ENOMEM, "out of memory");
	for (size_t i = 0; i < np + nr; i++) {
		const wasm_valtype_t *v = i < np ? t->params.data[i] : t->results.data[i - np];

		if (!v)
			return err_set(e, EINVAL, "function type: an empty place");
		types[i] = v->type;
	}
	d.nparams = (uint32_t)np;
	d.nresults = (uint32_t)nr;
	d.types = types;
	return wasm_type_store_add(ts, &d, 1, id, e);
}

/* ---- the other external types ------------------------------------------------------- */

static uint32_t clamp(uint64_t v)
{
	return (uint32_t)MIN(v, (uint64_t)wasm_limits_max_default);
}

static wasm_limits_t public_limits(const struct wasm_limits *l)
{
	return (wasm_limits_t){
		clamp(l->min), l->has_max ? clamp(l->max) : wasm_limits_max_default,
	};
}

static struct wasm_limits exact_limits(const wasm_limits_t *l)
{
	return (struct wasm_limits){
		.min = l->min, .max = l->max, .has_max = l->max != wasm_limits_max_default,
	};
}

static wasm_globaltype_t *globaltype(wasm_valtype_t *content, wasm_mutability_t m)
{
	wasm_globaltype_t *t = content ? base_zalloc(sizeof(*t)) : NULL;

	if (t)
		*t = (wasm_globaltype_t){ { API_EXTERN_GLOBAL }, content, m };
	else
		wasm_valtype_delete(content);
	return t;
}

static wasm_tabletype_t *tabletype(wasm_valtype_t *element, const struct wasm_limits *l)
{
	wasm_tabletype_t *t = element ? base_zalloc(sizeof(*t)) : NULL;

	if (t)
		*t = (wasm_tabletype_t){ { API_EXTERN_TABLE }, element, public_limits(l), *l };
	else
		wasm_valtype_delete(element);
	return t;
}

wasm_globaltype_t *process__api_globaltype(const struct wasm_type_store *ts,
					   struct wasm_type t, bool mutable_)
{
	return globaltype(valtype_of(ts, t), mutable_ ? WASM_VAR : WASM_CONST);
}

wasm_tabletype_t *process__api_tabletype(const struct wasm_type_store *ts, struct wasm_type t,
					 const struct wasm_limits *l)
{
	return tabletype(valtype_of(ts, t), l);
}

wasm_memorytype_t *process__api_memorytype(const struct wasm_limits *l, uint8_t page_shift)
{
	wasm_memorytype_t *t = base_zalloc(sizeof(*t));

	if (t)
		*t = (wasm_memorytype_t){ { API_EXTERN_MEMORY }, public_limits(l), *l, page_shift };
	return t;
}

wasm_tagtype_t *process__api_tagtype(const struct wasm_type_store *ts, uint32_t id)
{
	return wasm_tagtype_new(process__api_functype(ts, id));
}

wasm_globaltype_t *wasm_globaltype_new(wasm_valtype_t *content, wasm_mutability_t m)
{
	return globaltype(content, m);
}

wasm_tabletype_t *wasm_tabletype_new(wasm_valtype_t *element, const wasm_limits_t *l)
{
	struct wasm_limits exact = exact_limits(l);

	return tabletype(element, &exact);
}

wasm_memorytype_t *wasm_memorytype_new(const wasm_limits_t *l)
{
	struct wasm_limits exact = exact_limits(l);

	return process__api_memorytype(&exact, 16);
}

wasm_tagtype_t *wasm_tagtype_new(wasm_functype_t *f)
{
	wasm_tagtype_t *t = f ? base_zalloc(sizeof(*t)) : NULL;

	if (t)
		*t = (wasm_tagtype_t){ { API_EXTERN_TAG }, f };
	else
		wasm_functype_delete(f);
	return t;
}

const wasm_valtype_t *wasm_globaltype_content(const wasm_globaltype_t *t)
{
	return t->content;
}

wasm_mutability_t wasm_globaltype_mutability(const wasm_globaltype_t *t)
{
	return t->mutability;
}

const wasm_valtype_t *wasm_tabletype_element(const wasm_tabletype_t *t)
{
	return t->element;
}

const wasm_limits_t *wasm_tabletype_limits(const wasm_tabletype_t *t)
{
	return &t->limits;
}

const wasm_limits_t *wasm_memorytype_limits(const wasm_memorytype_t *t)
{
	return &t->limits;
}

const wasm_functype_t *wasm_tagtype_functype(const wasm_tagtype_t *t)
{
	return t->func;
}

wasm_globaltype_t *wasm_globaltype_copy(const wasm_globaltype_t *t)
{
	return globaltype(wasm_valtype_copy(t->content), t->mutability);
}

wasm_tabletype_t *wasm_tabletype_copy(const wasm_tabletype_t *t)
{
	return tabletype(wasm_valtype_copy(t->element), &t->exact);
}

wasm_memorytype_t *wasm_memorytype_copy(const wasm_memorytype_t *t)
{
	return process__api_memorytype(&t->exact, t->page_shift);
}

wasm_tagtype_t *wasm_tagtype_copy(const wasm_tagtype_t *t)
{
	return wasm_tagtype_new(wasm_functype_copy(t->func));
}

void wasm_globaltype_delete(wasm_globaltype_t *t)
{
	if (t)
		wasm_valtype_delete(t->content);
	base_free(t);
}

void wasm_tabletype_delete(wasm_tabletype_t *t)
{
	if (t)
		wasm_valtype_delete(t->element);
	base_free(t);
}

void wasm_memorytype_delete(wasm_memorytype_t *t)
{
	base_free(t);
}

void wasm_tagtype_delete(wasm_tagtype_t *t)
{
	if (t)
		wasm_functype_delete(t->func);
	base_free(t);
}

/* ---- any external type ----------------------------------------------------------------- */

wasm_externkind_t wasm_externtype_kind(const wasm_externtype_t *t)
{
	return t->kind;
}

/* The kind stands first in each of them. */
#define EXTERNTYPE(name, k)                                                    \
	wasm_externtype_t *wasm_##name##_as_externtype(wasm_##name##_t *t)     \
	{                                                                      \
		return (wasm_externtype_t *)t;                                 \
	}                                                                      \
	wasm_##name##_t *wasm_externtype_as_##name(wasm_externtype_t *t)       \
	{                                                                      \
		return t->kind == (k) ? (wasm_##name##_t *)t : NULL;           \
	}                                                                      \
	const wasm_externtype_t *wasm_##name##_as_externtype_const(            \
		const wasm_##name##_t *t)                                      \
	{                                                                      \
		return (const wasm_externtype_t *)t;                           \
	}                                                                      \
	const wasm_##name##_t *wasm_externtype_as_##name##_const(              \
		const wasm_externtype_t *t)                                    \
	{                                                                      \
		return t->kind == (k) ? (const wasm_##name##_t *)t : NULL;     \
	}
EXTERNTYPE(functype, API_EXTERN_FUNC)
EXTERNTYPE(globaltype, API_EXTERN_GLOBAL)
EXTERNTYPE(tabletype, API_EXTERN_TABLE)
EXTERNTYPE(memorytype, API_EXTERN_MEMORY)
EXTERNTYPE(tagtype, API_EXTERN_TAG)

wasm_externtype_t *wasm_externtype_copy(const wasm_externtype_t *t)
{
	switch (t->kind) {
	case API_EXTERN_FUNC:
		return (wasm_externtype_t *)wasm_functype_copy((const wasm_functype_t *)t);
	case API_EXTERN_GLOBAL:
		return (wasm_externtype_t *)wasm_globaltype_copy((const wasm_globaltype_t *)t);
	case API_EXTERN_TABLE:
		return (wasm_externtype_t *)wasm_tabletype_copy((const wasm_tabletype_t *)t);
	case API_EXTERN_MEMORY:
		return (wasm_externtype_t *)wasm_memorytype_copy((const wasm_memorytype_t *)t);
	default:
		return (wasm_externtype_t *)wasm_tagtype_copy((const wasm_tagtype_t *)t);
	}
}

void wasm_externtype_delete(wasm_externtype_t *t)
{
	if (!t)
		return;
	switch (t->kind) {
	case API_EXTERN_FUNC:
		wasm_functype_delete((wasm_functype_t *)t);
		break;
	case API_EXTERN_GLOBAL:
		wasm_globaltype_delete((wasm_globaltype_t *)t);
		break;
	case API_EXTERN_TABLE:
		wasm_tabletype_delete((wasm_tabletype_t *)t);
		break;
	case API_EXTERN_MEMORY:
		wasm_memorytype_delete((wasm_memorytype_t *)t);
		break;
	default:
		wasm_tagtype_delete((wasm_tagtype_t *)t);
	}
}
