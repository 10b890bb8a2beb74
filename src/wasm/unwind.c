/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions on their way out (core spec 4.6.13), and backtraces.  Handlers
 * cost nothing until something is thrown: then each frame's table, innermost
 * handlers first, is asked from the operation that the frame is at.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "wasm/gc.h"
#include "wasm/interp_ops.h"

/* ---- exceptions ---- */

static bool catches(const struct wasm_body *b, const struct wasm_handler *h,
		    const struct wasm_rt_tag *tag)
{
	switch (h->kind) {
	case WASM_HANDLER_CATCH:
	case WASM_HANDLER_CATCH_REF:
	case WASM_HANDLER_LEGACY:
		return b->func->inst->tags[h->tag] == tag;
	case WASM_HANDLER_DELEGATE:
		return false;
	default:
		return true;
	}
}

/* The values where the handler wants them. */
static void land(struct wasm_store *s, const struct wasm_handler *h, uint64_t *fp)
{
	const struct wasm_rt_tag *tag = wasm_gc_exn_tag(s, s->exception);
	const struct wasm_deftype *d = wasm_type_get(s->types, tag->type);
	uint64_t *to = fp + h->slot;

	if (h->kind == WASM_HANDLER_LEGACY || h->kind == WASM_HANDLER_LEGACY_ALL)
		*to++ = s->exception;
	if (h->kind == WASM_HANDLER_CATCH || h->kind == WASM_HANDLER_CATCH_REF ||
	    h->kind == WASM_HANDLER_LEGACY) {
		wasm_gc_exn_get(s, s->exception, to);
		for (uint32_t i = 0; i < d->nparams; i++)
			to += wasm_type_kind(d->types[i]) == WASM_V128 ? 2 : 1;
	}
	if (h->kind == WASM_HANDLER_CATCH_REF || h->kind == WASM_HANDLER_ALL_REF)
		*to = s->exception;
	s->exception = 0;
}

/* Who of the body's handlers takes it at operation pos? */
static const struct wasm_handler *handler_at(const struct wasm_body *b, uint32_t pos,
					     const struct wasm_rt_tag *tag)
{
	uint32_t depth = UINT32_MAX;    /* a delegate's: only what encloses it */

	for (uint32_t i = 0; i < b->nhandlers; i++) {
		const struct wasm_handler *h = &b->handlers[i];

		if (pos < h->from || pos >= h->end || h->depth > depth)
			continue;
		if (h->kind == WASM_HANDLER_DELEGATE)
			depth = h->to;
		else if (catches(b, h, tag))
			return h;
	}
	return NULL;
}

bool wasm__unwind(struct wasm_store *s, const struct wasm_op **pc, uint64_t **fp)
{
	const struct wasm_rt_tag *tag = s->exception ? wasm_gc_exn_tag(s, s->exception) : NULL;
	const struct wasm_run *run = wasm__interp(s)->run;
	struct wasm_walk w;

	if (!tag)
		return false;
	wasm__walk_begin(&w, s);
	/* Thousands of frames with thousands of handlers each take a while. */
	while (!atomic_load_explicit(&s->interrupt, memory_order_relaxed) &&
	       wasm__walk_next(&w) && w.fp >= run->base) {
		const struct wasm_handler *h = handler_at(w.body, (uint32_t)(w.pc - w.body->code), tag);

		if (h) {
			land(s, h, w.fp);
			*pc = w.body->code + h->to;
			*fp = w.fp;
			return true;
		}
	}
	return false;
}

/* ---- backtraces ---- */

uint32_t wasm__frame_offset(const struct wasm_walk *w)
{
	return wasm__translate_offset(w->body, (uint32_t)(w->pc - w->body->code));
}

enum { BACKTRACE_MAX = 64, NAME_MAX_SHOWN = 1000 };

/* Into store->backtrace, unless an inner call has left one for the same trap. */
void wasm__backtrace(struct wasm_store *s)
{
	const size_t cap = BACKTRACE_MAX * (NAME_MAX_SHOWN + 40);
	base_auto char *text = s->backtrace ? NULL : base_alloc(cap);
	struct wasm_walk w;
	size_t len = 0;

	if (!text)
		return;
	text[0] = 0;
	wasm__walk_begin(&w, s);
	for (unsigned n = 0; n < BACKTRACE_MAX && wasm__walk_next(&w); n++) {
		struct wasm_name name;

		if (w.func->body != w.body)     /* a constant expression */
			continue;
		len += snprintf(text + len, cap - len, "#%u 0x%x ", n, wasm__frame_offset(&w));
		if (wasm_module_func_name(w.func->inst->module, w.func->index, &name))
			len += snprintf(text + len, cap - len, "%.*s\n",
					(int)MIN(name.len, (uint32_t)NAME_MAX_SHOWN), name.s);
		else
			len += snprintf(text + len, cap - len, "function %u\n", w.func->index);
	}
	s->backtrace = base_strdup(text);
}

void wasm__backtrace_drop(struct wasm_store *s)
{
	base_free(s->backtrace);
	s->backtrace = NULL;
}
