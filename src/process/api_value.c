/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values between the C API and the engine.
 *
 * Functions go to the guest as funcref.  Everything else of the host's goes as
 * externref: a box with the number of its reference in the store.  Objects of
 * the guest come out as a handle (API_OBJECT) and go back as the same object.
 */
#include <string.h>

#include "process/api.h"

/* ---- references ------------------------------------------------------------------ */

static bool box(wasm_store_t *s, wasm_ref_t *r)
{
	if (r->boxed)
		return true;
	if (!(s->nboxed & (s->nboxed - 1))) {
		size_t cap = s->nboxed ? (size_t)s->nboxed * 2 : 1;
		void *more = base_realloc(s->boxed, cap * sizeof(*s->boxed));

		if (!more)
			return false;
		s->boxed = more;
	}
	s->boxed[s->nboxed++] = r;
	r->boxed = s->nboxed;
	r->kept = true;
	return true;
}

bool process__api_ref_to_guest(wasm_store_t *s, struct wasm_type t, const wasm_ref_t *r,
			       union wasm_val *out)
{
	uint32_t top = wasm_heap_top(s->engine->types, wasm_type_heap(t));

	memset(out, 0, sizeof(*out));
	if (!r)
		return wasm_type_nullable(t);
	if (r->store != s)
		return false;
	if (r->kind == API_OBJECT)
		out->ref = r->handle;
	else if (top == WASM_HEAP_FUNC && r->kind == API_FUNC)
		out->ref = wasm_ref_of_func(s->rt, r->object);
	else if (top == WASM_HEAP_EXTERN && box(s, (wasm_ref_t *)r))
		out->ref = wasm_ref_host(s->rt, r->boxed - 1);
	return out->ref;
}

void process__api_handle_drop(wasm_store_t *s, const wasm_ref_t *r, union wasm_val v)
{
	if (r && r->kind != API_OBJECT)
		wasm_ref_drop(s->rt, v.ref);
}

wasm_ref_t *process__api_ref_from_guest(wasm_store_t *s, struct wasm_ref *h)
{
	struct wasm_rt_func *f;
	wasm_ref_t *r;
	uint64_t number;

	if (!h)
		return NULL;
	f = wasm_ref_func(s->rt, h);
	if (f) {
		r = process__api_ref_of(s, API_FUNC, f);
	} else if (wasm_ref_host_number(s->rt, h, &number) && number < s->nboxed) {
		r = process__api_ref_hold(s->boxed[number]);
	} else {
		r = process__api_ref_new(s, API_OBJECT, NULL);
		if (r) {
			r->handle = h;
			return r;
		}
	}
	wasm_ref_drop(s->rt, h);
	return r;
}

/* ---- values ------------------------------------------------------------------------- */

bool process__api_raw_to_guest(wasm_store_t *s, struct wasm_type t, const dp_raw_t *v,
			       union wasm_val *out)
{
	if (wasm_type_is_ref(t))
		return process__api_ref_to_guest(s, t, v->ref, out);
	memcpy(out, v, sizeof(*out));
	return true;
}

void process__api_raw_from_guest(wasm_store_t *s, struct wasm_type t, union wasm_val v,
				 dp_raw_t *out)
{
	_Static_assert(sizeof(*out) == sizeof(v), "the same bytes");
	memcpy(out, &v, sizeof(*out));
	if (wasm_type_is_ref(t))
		out->ref = process__api_ref_from_guest(s, v.ref);
}

bool process__api_to_guest(wasm_store_t *s, struct wasm_type t, const wasm_val_t *v,
			   union wasm_val *out)
{
	memset(out, 0, sizeof(*out));
	if (wasm_type_is_ref(t))
		return wasm_valkind_is_ref(v->kind) &&
		       process__api_ref_to_guest(s, t, v->of.ref, out);
	if (v->kind != process__api_kind(s->engine->types, t) || v->kind == DP_V128)
		return false;
	memcpy(out, &v->of, sizeof(v->of));
	return true;
}

void process__api_from_guest(wasm_store_t *s, struct wasm_type t, union wasm_val v,
			     wasm_val_t *out)
{
	memset(out, 0, sizeof(*out));
	out->kind = process__api_kind(s->engine->types, t);
	if (wasm_type_is_ref(t))
		out->of.ref = process__api_ref_from_guest(s, v.ref);
	else
		memcpy(&out->of, &v, sizeof(out->of));
}

void wasm_val_delete(wasm_val_t *v)
{
	if (wasm_valkind_is_ref(v->kind))
		process__api_ref_drop(v->of.ref);
	v->of.ref = NULL;
}

void wasm_val_copy(wasm_val_t *out, const wasm_val_t *v)
{
	*out = *v;
	if (wasm_valkind_is_ref(v->kind) && v->of.ref)
		process__api_ref_hold(v->of.ref);
}
