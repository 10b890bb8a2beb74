/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an import asks for against what it is given (core spec 4.5.2 and 4.5.3,
 * 3.2.8), and finding exports.
 */
#include "wasm/store.h"

#include <string.h>

/* 3.2.8 (limits): what there is, n and has/max, against what is asked. */
static bool limits_match(uint64_t n, const struct wasm_limits *is, const struct wasm_limits *asked)
{
	if (is->is64 != asked->is64 || is->shared != asked->shared || n < asked->min)
		return false;
	return !asked->has_max || (is->has_max && is->max <= asked->max);
}

static bool global_matches(const struct wasm_store *s, const struct wasm_rt_global *is,
			   const struct wasm_global *asked)
{
	if (is->mutable_ != asked->mutable_)
		return false;
	if (is->mutable_)
		return is->type.bits == asked->type.bits;
	return wasm_type_sub(s->types, is->type, asked->type);
}

bool wasm_extern_matches(struct wasm_store *s, const struct wasm_module *m,
			 const struct wasm_import *im, const struct wasm_extern *x)
{
	if (im->kind != x->kind)
		return false;
	switch ((enum wasm_extern_kind)im->kind) {
	case WASM_EXTERN_FUNC:
		return wasm_heap_sub(s->types, x->func->type, m->funcs[im->index].type);
	case WASM_EXTERN_TABLE:
		return x->table->type.bits == m->tables[im->index].type.bits &&
		       limits_match(x->table->size, &x->table->limits,
				    &m->tables[im->index].limits);
	case WASM_EXTERN_MEMORY:
		return x->memory->page_shift == m->memories[im->index].page_shift &&
		       limits_match(wasm__memory_pages(x->memory), &x->memory->limits,
				    &m->memories[im->index].limits);
	case WASM_EXTERN_GLOBAL:
		return global_matches(s, x->global, &m->globals[im->index]);
	case WASM_EXTERN_TAG:
		return x->tag->type == m->tags[im->index].type;
	}
	return false;
}

bool wasm_instance_export(const struct wasm_instance *i, const char *name, size_t len,
			  struct wasm_extern *out)
{
	const struct wasm_module *m = i->module;

	for (uint32_t k = 0; k < m->nexports; k++) {
		const struct wasm_export *x = &m->exports[k];

		if (x->name.len != len || (len && memcmp(x->name.s, name, len)))
			continue;
		wasm_instance_export_at(i, k, out);
		return true;
	}
	return false;
}
