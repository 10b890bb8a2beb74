/* SPDX-License-Identifier: Apache-2.0 */
/* Traps of the C API and their frames. */
#include <stdio.h>
#include <string.h>

#include "process/api.h"
#include "wasm/dwarf.h"

struct wasm_frame_t {
	struct api_frame f;     /* its module is held, its instance borrowed */
};

/* ---- making traps ------------------------------------------------------------------ */

wasm_trap_t *process__api_trap_message(wasm_store_t *s, enum wasm_trap code,
				       const char *message)
{
	struct api_trap *t = base_zalloc(sizeof(*t));
	wasm_ref_t *r = t ? process__api_ref_new(s, API_TRAP, NULL) : NULL;

	if (!r) {
		base_free(t);
		return NULL;
	}
	r->trap = t;
	t->code = code;
	t->message = base_strdup(message);
	return (wasm_trap_t *)r;
}

wasm_trap_t *wasm_trap_new(wasm_store_t *s, const wasm_message_t *message)
{
	base_auto char *text = base_zalloc(message->size + 1);

	if (!text)
		return NULL;
	if (message->size)
		memcpy(text, message->data, message->size);
	return process__api_trap_message(s, WASM_TRAP_HOST, text);
}

/* Instances are found in the store by the engine's. */
static struct api_frame frame_of(wasm_store_t *s, const struct wasm_trace *t)
{
	struct api_frame f = { .func = t->func, .offset = t->offset };
	wasm_ref_t *r = t->inst ? process__api_ref_of(s, API_INSTANCE, t->inst) : NULL;

	if (!r)
		return f;
	f.module = r->module;
	f.instance = r;
	if (f.module && t->func >= f.module->m->nfuncs_imported && t->func < f.module->m->nfuncs)
		f.body = f.module->m->funcs[t->func].body.off;
	process__api_ref_drop(r);
	return f;
}

/* A copy of the engine's; host functions have no frame of their own here. */
static void add_frames(wasm_store_t *s, struct api_trap *t)
{
	uint32_t n;
	const struct wasm_trace *trace = wasm_store_trace(s->rt, &n);

	if (t->frames || !n)
		return;
	t->frames = base_calloc(n, sizeof(*t->frames));
	for (uint32_t i = 0; t->frames && i < n; i++)
		if (trace[i].inst)
			t->frames[t->nframes++] = frame_of(s, &trace[i]);
}

/* What the host returned goes on to the host as the same object. */
static wasm_trap_t *pending(wasm_store_t *s)
{
	wasm_ref_t *r = base_steal(&s->pending);

	add_frames(s, r->trap);
	return (wasm_trap_t *)r;
}

wasm_trap_t *process__api_trap(wasm_store_t *s, enum wasm_trap code, const struct err *e)
{
	const char *message = !code			? e->msg
			      : code == WASM_TRAP_HOST	? wasm_store_trap_message(s->rt)
							: wasm_rt_trap_message(code);
	wasm_trap_t *r;

	if (code == WASM_TRAP_HOST && s->pending)
		return pending(s);
	process__api_ref_drop(base_steal(&s->pending));
	r = process__api_trap_message(s, code, message);
	if (r && code) {
		struct api_trap *t = ((wasm_ref_t *)r)->trap;

		t->status = code == WASM_TRAP_EXIT ? wasm_store_exit_status(s->rt) : 0;
		add_frames(s, t);
	}
	return r;
}

/* ---- reading them --------------------------------------------------------------------- */

static const struct api_trap *trap_of(const wasm_trap_t *t)
{
	return ((const wasm_ref_t *)t)->trap;
}

void wasm_trap_message(const wasm_trap_t *t, wasm_message_t *out)
{
	const char *message = trap_of(t)->message;

	wasm_name_new_from_string_nt(out, message ? message : "out of memory");
}

static wasm_frame_t *frame_new(const struct api_frame *f)
{
	wasm_frame_t *copy = base_zalloc(sizeof(*copy));

	if (copy) {
		copy->f = *f;
		if (f->module)
			process__api_module_hold(f->module);
	}
	return copy;
}

wasm_frame_t *wasm_trap_origin(const wasm_trap_t *t)
{
	return trap_of(t)->nframes ? frame_new(&trap_of(t)->frames[0]) : NULL;
}

void wasm_trap_trace(const wasm_trap_t *t, wasm_frame_vec_t *out)
{
	wasm_frame_vec_new_uninitialized(out, trap_of(t)->nframes);
	for (size_t i = 0; i < out->size; i++)
		out->data[i] = frame_new(&trap_of(t)->frames[i]);
}

wasm_frame_t *wasm_frame_copy(const wasm_frame_t *f)
{
	return frame_new(&f->f);
}

void wasm_frame_delete(wasm_frame_t *f)
{
	if (f)
		process__api_module_drop(f->f.module);
	base_free(f);
}

wasm_instance_t *wasm_frame_instance(const wasm_frame_t *f)
{
	return (wasm_instance_t *)f->f.instance;
}

uint32_t wasm_frame_func_index(const wasm_frame_t *f)
{
	return f->f.func;
}

size_t wasm_frame_func_offset(const wasm_frame_t *f)
{
	return f->f.offset > f->f.body ? f->f.offset - f->f.body : 0;
}

size_t wasm_frame_module_offset(const wasm_frame_t *f)
{
	return f->f.offset;
}

/* ---- beyond the standard ------------------------------------------------------------------ */

dp_trap_kind_t dp_trap_kind(const wasm_trap_t *t)
{
	switch (trap_of(t)->code) {
	case WASM_OK:
		return DP_TRAP_LINK;
	case WASM_TRAP_HOST:
		return DP_TRAP_HOST;
	case WASM_TRAP_EXIT:
		return DP_TRAP_EXIT;
	case WASM_TRAP_INTERRUPT:
		return DP_TRAP_INTERRUPT;
	case WASM_TRAP_FUEL:
		return DP_TRAP_FUEL;
	case WASM_TRAP_OUT_OF_MEMORY:
		return DP_TRAP_MEMORY;
	case WASM_TRAP_STACK:
		return DP_TRAP_STACK;
	case WASM_TRAP_EXCEPTION:
		return DP_TRAP_EXCEPTION;
	default:
		return DP_TRAP_GUEST;
	}
}

uint32_t dp_trap_exit_status(const wasm_trap_t *t)
{
	return trap_of(t)->status;
}

static bool func_name(const struct api_frame *f, struct wasm_name *out)
{
	return f->module && wasm_module_func_name(f->module->m, f->func, out) && out->len;
}

void dp_frame_func_name(const wasm_frame_t *f, wasm_message_t *out)
{
	struct wasm_name name;
	base_auto char *text = func_name(&f->f, &name)
				       ? base_printf("%.*s", (int)name.len, name.s) : NULL;

	wasm_name_new_from_string_nt(out, text ? text : "");
}

bool dp_frame_line(const wasm_frame_t *f, wasm_message_t *file, uint32_t *line)
{
	struct wasm_line l;

	if (!f->f.module || !wasm_dwarf_line(f->f.module->m, f->f.offset, &l))
		return false;
	wasm_name_new_from_string_nt(file, l.file);
	*line = l.line;
	return true;
}

static char *frame_text(const struct api_frame *f, size_t n)
{
	struct wasm_name name;
	struct wasm_line l;
	char where[300] = "";

	if (f->module && wasm_dwarf_line(f->module->m, f->offset, &l))
		snprintf(where, sizeof(where), " (%s:%u)", l.file, l.line);
	if (func_name(f, &name))
		return base_printf("#%zu 0x%x %.*s%s\n", n, f->offset, (int)name.len, name.s, where);
	return base_printf("#%zu 0x%x func[%u]%s\n", n, f->offset, f->func, where);
}

void dp_trap_backtrace(const wasm_trap_t *t, wasm_message_t *out)
{
	base_auto char *all = base_strdup("");

	for (size_t i = 0; all && i < trap_of(t)->nframes; i++) {
		base_auto char *line = frame_text(&trap_of(t)->frames[i], i);
		char *more = line ? base_printf("%s%s", all, line) : NULL;

		base_free(all);
		all = more;
	}
	wasm_name_new_from_string_nt(out, all ? all : "");
}
