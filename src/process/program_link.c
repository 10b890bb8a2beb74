/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program's modules import, and from where: libraries, WASI, or nobody.
 *
 * A library sees those that were given before it, and the program sees all.
 * What is missing is found out before anything runs, by name; types are checked
 * by instantiation.
 */
#include "process/program_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"

bool program__name_is(struct wasm_name n, const char *s)
{
	return n.len == strlen(s) && !memcmp(n.s, s, n.len);
}

int program__open(struct program *p, struct program_part *part, struct err *e)
{
	part->module = program_module_load(p->types, part->path, p->o.features, true, &part->bytes,
					   e);
	return part->module ? 0 : -e->code;
}

void program__close(struct program_part *part)
{
	if (part->module)
		wasm_module_destroy(part->module);
	program_bytes_free(&part->bytes);
	base_free(part->imports);
	base_free(part->by_name);
}

/* ---- libraries --------------------------------------------------------------------- */

static int compare(struct wasm_name a, struct wasm_name b)
{
	int c = memcmp(a.s, b.s, MIN(a.len, b.len));

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare_exports(const void *a, const void *b, void *ctx)
{
	const struct wasm_export *x = ctx;

	return compare(x[*(const uint32_t *)a].name, x[*(const uint32_t *)b].name);
}

/* Both may be many, so that looking through all exports for each import would
 * take long. */
static int sort_exports(struct program_part *lib, struct err *e)
{
	uint32_t n = lib->module->nexports;

	lib->by_name = base_calloc(n + 1, sizeof(*lib->by_name));
	if (!lib->by_name)
		return err_set(e, ENOMEM, "out of memory");
	for (uint32_t i = 0; i < n; i++)
		lib->by_name[i] = i;
	qsort_r(lib->by_name, n, sizeof(*lib->by_name), compare_exports,
		(void *)lib->module->exports);
	return 0;
}

static bool find(const struct program_part *lib, struct wasm_name name, uint32_t *index)
{
	uint32_t from = 0, to = lib->module->nexports;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		int c = compare(name, lib->module->exports[lib->by_name[mid]].name);

		if (!c) {
			*index = lib->by_name[mid];
			return true;
		}
		if (c < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return false;
}

/* The library before `part` that has it.  Of two with one name the later. */
static const struct program_part *provider(const struct program *p,
					   const struct program_part *part,
					   const struct wasm_import *im, uint32_t *index)
{
	uint32_t n = part == &p->main ? p->o.nlibs : (uint32_t)(part - p->libs);

	while (n--)
		if (program__name_is(im->module, p->libs[n].name) &&
		    find(&p->libs[n], im->name, index))
			return &p->libs[n];
	return NULL;
}

static void take_from_libraries(struct program *p, struct program_part *part)
{
	for (uint32_t i = 0; i < part->module->nimports; i++) {
		uint32_t index;
		const struct program_part *lib = provider(p, part, &part->module->imports[i],
							  &index);

		if (lib)
			wasm_instance_export_at(lib->instance, index, &part->imports[i]);
	}
}

/* ---- imports of nobody ---------------------------------------------------------------- */

static bool is_spawn(const struct wasm_import *im)
{
	return program__name_is(im->module, "wasi") &&
	       program__name_is(im->name, "thread-spawn");
}

static bool wants_threads(const struct wasm_module *m)
{
	for (uint32_t i = 0; i < m->nimports; i++)
		if (is_spawn(&m->imports[i]))
			return true;
	return false;
}

static int unknown_import(const struct program *p, const struct program_part *part,
			  const struct wasm_import *im, struct err *e)
{
	static const char *const kinds[] = { "function", "table", "memory", "global", "tag" };

	if (!p->o.threads && is_spawn(im))
		return err_set(e, EINVAL, "%s: starts threads, which it may not (--threads 0, "
			       "--deterministic)", part->path);
	return err_set(e, EINVAL, "%s: imports the %s \"%.*s\" \"%.*s\", which is not of WASI "
		       "preview 1%s", part->path, kinds[im->kind],
		       (int)MIN(im->module.len, 80u), im->module.s,
		       (int)MIN(im->name.len, 80u), im->name.s,
		       im->kind == WASM_EXTERN_FUNC
			       ? " (--unknown-imports trap runs it until it calls such a one)" : "");
}

static enum wasm_trap unknown_called(void *ctx, struct wasm_store *s,
				     const union wasm_val *args, union wasm_val *results)
{
	const struct wasm_import *im = ctx;

	(void)args, (void)results;
	return wasm_store_trap(s, "called the import \"%.*s\" \"%.*s\", which nobody provides",
			       (int)MIN(im->module.len, 80u), im->module.s,
			       (int)MIN(im->name.len, 80u), im->name.s);
}

/* A function that traps when it is called. */
static int trap_function(struct wasm_store *s, const struct wasm_module *m,
			 const struct wasm_import *im, struct wasm_extern *x, struct err *e)
{
	x->func = wasm_rt_func_new_host(s, m->funcs[im->index].type, unknown_called, (void *)im,
					e);
	return x->func ? 0 : -e->code;
}

/* For the store of a further thread of the program. */
static int fill_thread(void *arg, struct wasm_store *s, struct wasm_extern *imports,
		       struct err *e)
{
	const struct program *p = arg;
	const struct wasm_module *m = p->main.module;
	int r = 0;

	for (uint32_t i = 0; i < m->nimports && p->o.trap_unknown && !r; i++)
		if (m->imports[i].kind == WASM_EXTERN_FUNC && !imports[i].func)
			r = trap_function(s, m, &m->imports[i], &imports[i], e);
	return r;
}

/* Programs with threads import the memory that these share. */
static int shared_memory(struct program *p, const struct wasm_memory *m,
			 struct wasm_extern *x, struct err *e)
{
	x->kind = WASM_EXTERN_MEMORY;
	x->memory = wasm_rt_memory_new(p->store, m, e);
	return x->memory ? 0 : -e->code;
}

static int link_rest(struct program *p, struct program_part *part, struct err *e)
{
	const struct wasm_module *m = part->module;
	int r = 0;

	for (uint32_t i = 0; i < m->nimports && !r; i++) {
		const struct wasm_import *im = &m->imports[i];
		struct wasm_extern *x = &part->imports[i];
		uint32_t index;

		if (provider(p, part, im, &index) || (im->kind == WASM_EXTERN_FUNC && x->func))
			continue;
		if (im->kind == WASM_EXTERN_FUNC && p->o.trap_unknown)
			r = trap_function(p->store, m, im, x, e);
		else if (im->kind == WASM_EXTERN_MEMORY && part == &p->main &&
			 m->memories[im->index].limits.shared)
			r = shared_memory(p, &m->memories[im->index], x, e);
		else
			return unknown_import(p, part, im, e);
	}
	return r ? err_wrap(e, "%s", part->path) : 0;
}

static int link_part(struct program *p, struct program_part *part, struct err *e)
{
	int r;

	part->imports = base_calloc(part->module->nimports + 1, sizeof(*part->imports));
	if (!part->imports)
		return err_set(e, ENOMEM, "out of memory");
	r = wasi_link(p->wasi, p->store, part->module, part->imports, NULL, e);
	return r ? r : link_rest(p, part, e);
}

int program__link(struct program *p, struct err *e)
{
	struct wasi_threads t = { .module = p->main.module, .limits = p->o.limits,
				  .fill = fill_thread, .arg = p };
	int r = 0;

	for (uint32_t i = 0; i < p->o.nlibs && !r; i++) {
		r = sort_exports(&p->libs[i], e);
		if (!r)
			r = link_part(p, &p->libs[i], e);
	}
	if (!r)
		r = link_part(p, &p->main, e);
	if (r || !p->o.threads || !wants_threads(p->main.module))
		return r;
	/* Each thread would need instances of its own of them. */
	if (p->o.nlibs)
		return err_set(e, EINVAL, "%s: a program with threads cannot have libraries "
			       "(--preload)", p->o.path);
	return wasi_threads_enable(p->wasi, p->store, &t, e);
}

/* ---- instances ---------------------------------------------------------------------------- */

enum wasm_trap program__call(struct program *p, const struct program_part *part,
			     const char *name)
{
	struct wasm_extern x;

	if (!wasm_instance_export(part->instance, name, strlen(name), &x) ||
	    x.kind != WASM_EXTERN_FUNC)
		return WASM_OK;
	return wasm_call(p->store, x.func, NULL, NULL);
}

static int instantiate(struct program *p, struct program_part *part, enum wasm_trap *trap,
		       struct err *e)
{
	struct err why = { 0 };

	take_from_libraries(p, part);
	part->instance = wasm_instantiate(p->store, part->module, part->imports, trap, &why);
	if (part->instance || *trap)
		return 0;
	return err_set(e, why.code ? why.code : EINVAL, "%s: %s", part->path, why.msg);
}

int program__instantiate(struct program *p, enum wasm_trap *trap, struct err *e)
{
	int r = 0;

	if (p->o.load)
		wasm_store_restoring(p->store);
	for (uint32_t i = 0; i < p->o.nlibs && !r && !*trap; i++) {
		r = instantiate(p, &p->libs[i], trap, e);
		/* A reactor is ready after this (application ABI of WASI). */
		if (!r && !*trap && !p->o.load)
			*trap = program__call(p, &p->libs[i], "_initialize");
	}
	return r || *trap ? r : instantiate(p, &p->main, trap, e);
}
