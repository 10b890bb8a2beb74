/* SPDX-License-Identifier: Apache-2.0 */
/* What the things of a store are, for embedders: their types, an instance's
 * exports by number, the frames of a trap. */
#include "wasm/gc.h"
#include "wasm/interp.h"
#include "wasm/rt.h"

void wasm_instance_export_at(const struct wasm_instance *i, uint32_t n, struct wasm_extern *out)
{
	const struct wasm_export *x = &i->module->exports[n];

	*out = (struct wasm_extern){ .kind = x->kind };
	switch (x->kind) {
	case WASM_EXTERN_FUNC:
		out->func = i->funcs[x->index];
		break;
	case WASM_EXTERN_TABLE:
		out->table = i->tables[x->index];
		break;
	case WASM_EXTERN_MEMORY:
		out->memory = i->memories[x->index];
		break;
	case WASM_EXTERN_GLOBAL:
		out->global = i->globals[x->index];
		break;
	default:
		out->tag = i->tags[x->index];
	}
}

struct wasm_table wasm_rt_table_type(const struct wasm_rt_table *t)
{
	struct wasm_table type = { .limits = t->limits, .type = t->type };

	type.limits.min = t->size;
	return type;
}

struct wasm_memory wasm_rt_memory_type(const struct wasm_rt_memory *m)
{
	struct wasm_memory type = { .limits = m->limits, .page_shift = m->page_shift };

	type.limits.min = wasm_rt_memory_size(m) >> m->page_shift;
	return type;
}

struct wasm_type wasm_rt_global_type(const struct wasm_rt_global *g, bool *mutable_)
{
	*mutable_ = g->mutable_;
	return g->type;
}

uint32_t wasm_rt_tag_type(const struct wasm_rt_tag *t)
{
	return t->type;
}

void wasm_store_collect(struct wasm_store *s)
{
	wasm_gc_collect(s, true);
}

void wasm__trace(struct wasm_store *s)
{
	struct wasm_walk w;

	s->ntrace = 0;
	wasm__walk_begin(&w, s);
	while (s->ntrace < WASM_TRACE_MAX && wasm__walk_next(&w))
		if (w.func->body == w.body)     /* else a constant expression */
			s->trace[s->ntrace++] = (struct wasm_trace){
				w.func->inst, w.func->index, wasm__frame_offset(&w),
			};
}

const struct wasm_trace *wasm_store_trace(const struct wasm_store *s, uint32_t *n)
{
	*n = s->ntrace;
	return s->trace;
}
