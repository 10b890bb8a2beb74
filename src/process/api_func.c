/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of the C API: calls into the guest, and the host's own that the
 * guest calls. */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "process/api.h"

enum { FEW = 16 };      /* values on the C stack; more are on the heap */

static struct wasm_rt_func *func_of(const wasm_func_t *f)
{
	return ((const wasm_ref_t *)f)->object;
}

static wasm_store_t *store_of(const wasm_func_t *f)
{
	return ((const wasm_ref_t *)f)->store;
}

static const struct wasm_deftype *type_of(const wasm_func_t *f)
{
	return wasm_type_get(store_of(f)->engine->types, wasm_rt_func_type(func_of(f)));
}

wasm_functype_t *wasm_func_type(const wasm_func_t *f)
{
	return process__api_functype(store_of(f)->engine->types, wasm_rt_func_type(func_of(f)));
}

size_t wasm_func_param_arity(const wasm_func_t *f)
{
	return type_of(f)->nparams;
}

size_t wasm_func_result_arity(const wasm_func_t *f)
{
	return type_of(f)->nresults;
}

/* ---- from the host to the guest ------------------------------------------------------ */

/* Callers that expect a trap leave no room for results. */
static void give_result(wasm_store_t *s, struct wasm_type t, union wasm_val v,
			const wasm_val_vec_t *results, size_t i)
{
	wasm_val_t unwanted;

	if (results && i < results->size) {
		process__api_from_guest(s, t, v, &results->data[i]);
	} else {
		process__api_from_guest(s, t, v, &unwanted);
		wasm_val_delete(&unwanted);
	}
}

/* A call that does not begin. */
static wasm_trap_t *refused(const wasm_func_t *f, const char *why)
{
	err_set(&store_of(f)->err, EINVAL, "%s", why);
	return process__api_trap_message(store_of(f), WASM_TRAP_HOST, why);
}

/* Either the one kind of arrays or the other. */
static wasm_trap_t *call_with(const wasm_func_t *f, union wasm_val *buf, const wasm_val_t *args,
			      const wasm_val_vec_t *results, const dp_raw_t *raw_args,
			      dp_raw_t *raw_results)
{
	const struct wasm_deftype *d = type_of(f);
	const struct wasm_type *rt = d->types + d->nparams;
	union wasm_val *in = buf, *out = buf + d->nparams;
	wasm_store_t *s = store_of(f);
	enum wasm_trap t = WASM_OK;
	bool fits = true;
	uint32_t n;

	for (n = 0; fits && n < d->nparams; n++)
		fits = raw_args ? process__api_raw_to_guest(s, d->types[n], &raw_args[n], &in[n])
				: process__api_to_guest(s, d->types[n], &args[n], &in[n]);
	if (fits)
		t = wasm_call(s->rt, func_of(f), in, out);
	if (t == WASM_TRAP_INTERRUPT)
		process__api_interrupted(s);
	for (uint32_t i = 0; i < n; i++)
		if (wasm_type_is_ref(d->types[i]))
			process__api_handle_drop(s, raw_args ? raw_args[i].ref : args[i].of.ref,
						 in[i]);
	if (!fits)
		return refused(f, "an argument has another type");
	for (uint32_t i = 0; !t && i < d->nresults; i++) {
		if (raw_results)
			process__api_raw_from_guest(s, rt[i], out[i], &raw_results[i]);
		else
			give_result(s, rt[i], out[i], results, i);
	}
	return t ? process__api_trap(s, t, NULL) : NULL;
}

static wasm_trap_t *call(const wasm_func_t *f, const wasm_val_t *args,
			 const wasm_val_vec_t *results, const dp_raw_t *raw_args, dp_raw_t *raw_results)
{
	const struct wasm_deftype *d = type_of(f);
	size_t n = (size_t)d->nparams + d->nresults;
	union wasm_val few[FEW];
	base_auto union wasm_val *many = n > FEW ? base_calloc(n, sizeof(*many)) : NULL;

	if (n > FEW && !many)
		return process__api_trap_message(store_of(f), WASM_TRAP_OUT_OF_MEMORY,
						 "out of memory");
	return call_with(f, many ? many : few, args, results, raw_args, raw_results);
}

wasm_trap_t *wasm_func_call(const wasm_func_t *f, const wasm_val_vec_t *args,
			    wasm_val_vec_t *results)
{
	if (!store_of(f))
		return process__api_trap_message(NULL, WASM_TRAP_HOST, "the store has gone");
	store_of(f)->err.code = 0;
	if ((args ? args->size : 0) != type_of(f)->nparams)
		return refused(f, "wrong number of arguments");
	return call(f, args ? args->data : NULL, results, NULL, NULL);
}

wasm_trap_t *dp_func_call(const wasm_func_t *f, const dp_raw_t *args, dp_raw_t *results)
{
	static const dp_raw_t none;
	dp_raw_t nothing;

	if (!store_of(f))
		return process__api_trap_message(NULL, WASM_TRAP_HOST, "the store has gone");
	store_of(f)->err.code = 0;
	return call(f, NULL, NULL, args ? args : &none, results ? results : &nothing);
}

/* ---- from the guest to the host --------------------------------------------------------- */

/* A trap that the callback returned (owned) goes with its message. */
static enum wasm_trap give_trap(struct api_host *h, wasm_trap_t *trap)
{
	wasm_ref_t *r = (wasm_ref_t *)trap;
	const struct api_trap *t = r->trap;
	enum wasm_trap code = t->code;

	if (code == WASM_TRAP_EXIT) {
		code = wasm_store_exit(h->store->rt, t->status);
		process__api_ref_drop(r);
		return code;
	}
	process__api_ref_drop(h->store->pending);
	h->store->pending = r;
	return wasm_store_trap(h->store->rt, "%s", t->message ? t->message : "out of memory");
}

static enum wasm_trap run_raw(struct api_host *h, const struct wasm_deftype *d,
			      const union wasm_val *args, union wasm_val *results, dp_raw_t *buf)
{
	const struct wasm_type *rt = d->types + d->nparams;
	dp_raw_t *out = buf + d->nparams;
	enum wasm_trap t = WASM_OK;
	wasm_trap_t *trap;

	for (uint32_t i = 0; i < d->nparams; i++)
		process__api_raw_from_guest(h->store, d->types[i], args[i], &buf[i]);
	trap = h->raw(h->env, buf, out);
	for (uint32_t i = 0; i < d->nparams; i++)
		if (wasm_type_is_ref(d->types[i]))
			process__api_ref_drop(buf[i].ref);
	if (trap)
		return give_trap(h, trap);
	for (uint32_t i = 0; i < d->nresults; i++) {
		if (!t && !process__api_raw_to_guest(h->store, rt[i], &out[i], &results[i]))
			t = wasm_store_trap(h->store->rt, "result %u of a host function has "
					    "another type", i);
		/* Ours now.  What is dropped in a host function stays until its end. */
		if (wasm_type_is_ref(rt[i])) {
			process__api_handle_drop(h->store, out[i].ref, results[i]);
			process__api_ref_drop(out[i].ref);
		}
	}
	return t;
}

static enum wasm_trap run_vals(struct api_host *h, const struct wasm_deftype *d,
			       const union wasm_val *args, union wasm_val *results,
			       wasm_val_t *buf)
{
	const struct wasm_type *rt = d->types + d->nparams;
	const wasm_val_vec_t in = { d->nparams, buf };
	wasm_val_vec_t out = { d->nresults, buf + d->nparams };
	enum wasm_trap t = WASM_OK;
	wasm_trap_t *trap;

	for (uint32_t i = 0; i < d->nparams; i++)
		process__api_from_guest(h->store, d->types[i], args[i], &buf[i]);
	for (uint32_t i = 0; i < d->nresults; i++)
		out.data[i].kind = process__api_kind(h->store->engine->types, rt[i]);
	trap = h->plain ? h->plain(&in, &out) : h->with_env(h->env, &in, &out);
	for (uint32_t i = 0; i < d->nparams; i++)
		wasm_val_delete(&buf[i]);
	if (trap)
		return give_trap(h, trap);
	for (uint32_t i = 0; i < d->nresults; i++) {
		if (!t && !process__api_to_guest(h->store, rt[i], &out.data[i], &results[i]))
			t = wasm_store_trap(h->store->rt, "result %u of a host function has "
					    "another type", i);
		if (wasm_type_is_ref(rt[i]) && wasm_valkind_is_ref(out.data[i].kind))
			process__api_handle_drop(h->store, out.data[i].of.ref, results[i]);
		wasm_val_delete(&out.data[i]);
	}
	return t;
}

static enum wasm_trap run_host(void *ctx, struct wasm_store *rt, const union wasm_val *args,
			       union wasm_val *results)
{
	struct api_host *h = ctx;
	const struct wasm_deftype *d = wasm_type_get(h->store->engine->types, h->type);
	size_t n = (size_t)d->nparams + d->nresults;
	union {
		wasm_val_t vals[FEW];
		dp_raw_t raw[FEW];
	} few;
	size_t each = h->raw ? sizeof(*few.raw) : sizeof(*few.vals);
	base_auto void *many = n > FEW ? base_calloc(n, each) : NULL;
	void *buf = many ? many : &few;
	enum wasm_trap t;

	(void)rt;
	if (n > FEW && !many)
		return WASM_TRAP_OUT_OF_MEMORY;
	if (!many)
		memset(&few, 0, sizeof(few));
	t = h->raw ? run_raw(h, d, args, results, buf) : run_vals(h, d, args, results, buf);
	return t;
}

/* ---- making functions ----------------------------------------------------------------------- */

static wasm_func_t *func_new(wasm_store_t *s, const wasm_functype_t *type,
			     const struct api_host *what)
{
	struct api_host *h = base_zalloc(sizeof(*h));
	struct wasm_rt_func *f = NULL;
	uint32_t id = 0;

	s->err.code = 0;
	if (h && !process__api_functype_id(s->engine->types, type, &id, &s->err)) {
		*h = *what;
		h->store = s;
		h->type = id;
		f = wasm_rt_func_new_host(s->rt, id, run_host, h, &s->err);
	} else if (!h) {
		err_set(&s->err, ENOMEM, "out of memory");
	}
	if (!f) {
		base_free(h);
		if (what->finalizer)
			what->finalizer(what->env);
		return NULL;
	}
	h->next = s->hosts;
	s->hosts = h;
	return (wasm_func_t *)process__api_ref_of(s, API_FUNC, f);
}

wasm_func_t *wasm_func_new(wasm_store_t *s, const wasm_functype_t *type,
			   wasm_func_callback_t callback)
{
	const struct api_host h = { .plain = callback };

	return func_new(s, type, &h);
}

wasm_func_t *wasm_func_new_with_env(wasm_store_t *s, const wasm_functype_t *type,
				    wasm_func_callback_with_env_t callback, void *env,
				    void (*finalizer)(void *))
{
	const struct api_host h = { .with_env = callback, .env = env, .finalizer = finalizer };

	return func_new(s, type, &h);
}

wasm_func_t *dp_func_new(wasm_store_t *s, const wasm_functype_t *type,
			 dp_raw_callback_t callback, void *env, void (*finalizer)(void *))
{
	const struct api_host h = { .raw = callback, .env = env, .finalizer = finalizer };

	return func_new(s, type, &h);
}
