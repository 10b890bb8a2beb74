/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations, engines and stores of the C API, and what doppel.h adds to
 * them: limits, interruption, WASI, imports by name, the text format. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/ser.h"
#include "process/api.h"
#include "process/deadline.h"
#include "process/wasi.h"
#include "wasm/text.h"

/* ---- engines ------------------------------------------------------------------------ */

wasm_config_t *wasm_config_new(void)
{
	return base_zalloc(sizeof(wasm_config_t));
}

void wasm_config_delete(wasm_config_t *c)
{
	base_free(c);
}

void dp_config_set_features(wasm_config_t *c, unsigned features)
{
	c->features = (features & DP_FEATURE_THREADS ? WASM_FEATURE_THREADS : 0) |
		      (features & DP_FEATURE_LEGACY_EXCEPTIONS ? WASM_FEATURE_LEGACY_EH : 0);
}

wasm_engine_t *wasm_engine_new_with_config(wasm_config_t *c)
{
	wasm_engine_t *e = base_zalloc(sizeof(*e));

	if (e) {
		e->refs = 1;
		e->features = c ? c->features : 0;
		e->types = wasm_type_store_create(NULL);
	}
	wasm_config_delete(c);
	if (e && !e->types)
		base_free(base_steal(&e));
	return e;
}

wasm_engine_t *wasm_engine_new(void)
{
	return wasm_engine_new_with_config(NULL);
}

/* Modules and stores hold it too. */
void process__api_engine_drop(wasm_engine_t *e)
{
	if (--e->refs)
		return;
	wasm_type_store_destroy(e->types);
	base_free(e);
}

void wasm_engine_delete(wasm_engine_t *e)
{
	if (e)
		process__api_engine_drop(e);
}

/* ---- stores --------------------------------------------------------------------------- */

wasm_store_t *dp_store_new(wasm_engine_t *engine, const dp_limits_t *l)
{
	wasm_store_t *s = base_zalloc(sizeof(*s));
	struct wasm_store_limits limits = { 0 };

	if (!s)
		return NULL;
	if (l)
		limits = (struct wasm_store_limits){
			.memory = l->memory, .heap = l->heap, .table = l->table,
			.stack = l->stack, .has_fuel = l->has_fuel, .fuel = l->fuel,
			.deterministic = l->deterministic,
		};
	s->rt = wasm_store_create(engine->types, &limits, NULL);
	if (!s->rt) {
		base_free(s);
		return NULL;
	}
	lock_init(&s->interrupting, LOCK_RANK_VM);
	s->engine = engine;
	engine->refs++;
	return s;
}

wasm_store_t *wasm_store_new(wasm_engine_t *engine)
{
	return dp_store_new(engine, NULL);
}

void wasm_store_delete(wasm_store_t *s)
{
	struct api_host *next;

	if (!s)
		return;
	process_deadline_cancel(s->deadline);
	process__api_ref_drop(base_steal(&s->pending));
	process__api_refs_end(s);
	if (s->wasi)
		wasi_destroy(s->wasi);
	wasm_store_destroy(s->rt);
	for (struct api_host *h = s->hosts; h; h = next) {
		next = h->next;
		if (h->finalizer)
			h->finalizer(h->env);
		base_free(h);
	}
	for (size_t i = 0; i < s->nmodules; i++)
		process__api_module_drop(s->modules[i]);
	base_free(s->modules);
	process__api_engine_drop(s->engine);
	lock_fini(&s->interrupting);
	base_free(s);
}

const char *dp_store_error(const wasm_store_t *s)
{
	return s->err.code ? s->err.msg : "";
}

uint64_t dp_store_fuel(const wasm_store_t *s)
{
	return wasm_store_fuel(s->rt);
}

void dp_store_add_fuel(wasm_store_t *s, uint64_t fuel)
{
	wasm_store_add_fuel(s->rt, fuel);
}

static void interrupt(void *arg)
{
	wasm_store_t *s = arg;

	lock_take(&s->interrupting);
	wasm_interrupt(s->rt);
	if (s->wasi)
		wasi_stop(s->wasi);
	lock_drop(&s->interrupting);
}

void process__api_interrupted(wasm_store_t *s)
{
	lock_take(&s->interrupting);
	wasm_interrupt_done(s->rt);
	if (s->wasi)
		wasi_resume(s->wasi);
	lock_drop(&s->interrupting);
}

void dp_store_interrupt(wasm_store_t *s)
{
	interrupt(s);
}

bool dp_store_set_deadline(wasm_store_t *s, uint64_t ns)
{
	process_deadline_cancel(base_steal(&s->deadline));
	if (!ns)
		return true;
	s->err.code = 0;
	s->deadline = process_deadline_start(ns, interrupt, s, &s->err);
	return s->deadline;
}

void dp_store_collect(wasm_store_t *s)
{
	wasm_store_collect(s->rt);
}

/* ---- saved state: the store's sections, then those of WASI, if it has it ----------------- */

static int save(wasm_store_t *s, struct ser_writer *w)
{
	int r = wasm_store_save(s->rt, w, &s->err);

	if (r)
		return r;
	if (s->wasi) {
		ser_begin(w, "wasi", 1);
		wasi_save(s->wasi, w);
		ser_end(w);
	}
	return w->failed ? err_set(&s->err, ENOMEM, "out of memory") : 0;
}

bool dp_store_save(wasm_store_t *s, wasm_byte_vec_t *out)
{
	struct ser_writer w;
	int r;

	s->err.code = 0;
	ser_writer_init(&w);
	r = save(s, &w);
	if (!r) {
		wasm_byte_vec_new(out, w.len, (const char *)w.buf);
		if (out->size != w.len)
			r = err_set(&s->err, ENOMEM, "out of memory");
	}
	ser_writer_fini(&w);
	return !r;
}

void dp_store_restoring(wasm_store_t *s)
{
	wasm_store_restoring(s->rt);
}

bool dp_store_load(wasm_store_t *s, const wasm_byte_vec_t *state)
{
	struct ser_reader r;

	s->err.code = 0;
	ser_reader_init(&r, state->data, state->size);
	if (wasm_store_load(s->rt, &r, &s->err))
		return false;
	if (s->wasi && ser_open(&r, "wasi", 1, 1)) {
		wasi_load(s->wasi, &r);
		ser_close(&r);
	}
	return !ser_error(&r, &s->err);
}

/* ---- the library ------------------------------------------------------------------------- */

const char *dp_version(void)
{
	return DP_VERSION;
}

const char *dp_features(void)
{
	return "mutable-globals sign-extension saturating-float-to-int multi-value bulk-memory "
	       "reference-types simd relaxed-simd tail-call extended-const function-references "
	       "gc exceptions multi-memory memory64 branch-hints threads legacy-exceptions "
	       "wasi-preview1 wasi-threads text";
}

bool dp_text_to_binary(const wasm_byte_vec_t *text, wasm_byte_vec_t *out, wasm_message_t *error)
{
	base_auto uint8_t *bytes = NULL;
	struct err e = { 0 };
	size_t n;

	if (!wasm_text_to_binary(text->data, text->size, "text", ~0u, &bytes, &n, &e)) {
		wasm_byte_vec_new(out, n, (const char *)bytes);
		if (out->size == n)
			return true;
		err_set(&e, ENOMEM, "out of memory");
	}
	if (error)
		wasm_name_new_from_string_nt(error, e.msg);
	return false;
}

/* ---- imports by name ------------------------------------------------------------------------ */

static bool is(struct wasm_name n, const char *s)
{
	return n.len == strlen(s) && !memcmp(n.s, s, n.len);
}

static int find_imports(wasm_store_t *s, const struct wasm_module *m, const dp_import_t *imports,
			size_t n, struct wasm_extern *in, struct err *e)
{
	for (uint32_t i = 0; i < m->nimports; i++) {
		const struct wasm_import *im = &m->imports[i];
		const wasm_ref_t *r = NULL;

		for (size_t k = 0; k < n && !r; k++)
			if (is(im->module, imports[k].module) && is(im->name, imports[k].name))
				r = (const wasm_ref_t *)imports[k].what;
		if (r && r->store != s)
			return err_set(e, EINVAL, "import \"%.*s\" \"%.*s\" is of another store",
				       (int)im->module.len, im->module.s, (int)im->name.len,
				       im->name.s);
		if (r)
			in[i] = process__api_extern_rt(r);
		else if (in[i].kind != WASM_EXTERN_FUNC || !in[i].func)
			return err_set(e, EINVAL, "unknown import \"%.*s\" \"%.*s\"",
				       (int)im->module.len, im->module.s, (int)im->name.len,
				       im->name.s);
	}
	return 0;
}

wasm_instance_t *dp_instance_new(wasm_store_t *s, const wasm_module_t *mod,
				 const dp_import_t *imports, size_t n, wasm_trap_t **trap)
{
	struct api_module *m = ((const wasm_ref_t *)mod)->module;
	base_auto struct wasm_extern *in = base_calloc((size_t)m->m->nimports + 1, sizeof(*in));
	const struct wasm_import *missing = NULL;
	struct err e = { 0 };

	if (trap)
		*trap = NULL;
	s->err.code = 0;
	if (!in)
		err_set(&e, ENOMEM, "out of memory");
	if (!e.code && s->wasi)
		wasi_link(s->wasi, s->rt, m->m, in, &missing, &e);
	if (!e.code)
		find_imports(s, m->m, imports, n, in, &e);
	return e.code ? process__api_link_failed(s, &e, trap)
		      : process__api_instantiate(s, m, in, trap);
}
