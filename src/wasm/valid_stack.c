/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validator's operand stack and what it says when operands do not match;
 * see valid.h.  Unreachable code (3.4.13) has operands of any type below
 * what it pushed itself.
 */
#include "wasm/valid.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

/* ---- messages ---- */

int wasm__bad(struct wasm__valid *v, int code, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return wasm__fail(v->m, v->e, v->at, code, "%s", what);
}

int wasm__oom(struct wasm__valid *v)
{
	return err_set(v->e, ENOMEM, "%s: out of memory", wasm__module(v->m)->name);
}

/* "[i32 i64]"; a long list is cut. */
static void print_types(struct wasm__valid *v, char *buf, size_t size,
			const struct wasm_type *t, uint32_t n, uint32_t unknown)
{
	size_t at = 1;
	char one[48];

	buf[0] = '[';
	for (uint32_t i = 0; i < n + unknown && at + sizeof(one) < size; i++) {
		const char *s = i < unknown ? "bot" :
			wasm_type_print(v->store, t[i - unknown], one, sizeof(one));

		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? " " : "", s);
	}
	snprintf(buf + at, size - at, "]");
}

int wasm__mismatch(struct wasm__valid *v, const struct wasm_type *want, uint32_t n)
{
	bool any = v->nframes && wasm__top(v)->unreachable;
	uint32_t have = MIN(n, v->sp - v->base);
	char a[120], b[120];

	print_types(v, a, sizeof(a), want, n, 0);
	print_types(v, b, sizeof(b), v->stack + v->sp - have, have, any ? n - have : 0);
	return wasm__bad(v, EINVAL, "type mismatch: instruction requires %s but stack has %s", a,
			 b);
}

int wasm__leftover(struct wasm__valid *v, const struct wasm_type *want, uint32_t n)
{
	char a[120], b[120];

	print_types(v, a, sizeof(a), want, n, 0);
	print_types(v, b, sizeof(b), v->stack + v->base, v->sp - v->base, 0);
	return wasm__bad(v, EINVAL, "type mismatch: block requires %s but stack has %s", a, b);
}

/* ---- pushing ---- */

int wasm__room(struct wasm__valid *v, uint32_t n)
{
	uint32_t need = v->sp + n;

	if (n > WASM_MAX_STACK || need > WASM_MAX_STACK)
		return wasm__bad(v, E2BIG, "too many operands: at most %d at a time",
				 WASM_MAX_STACK);
	if (need > v->cap) {
		uint32_t cap = MAX(v->cap * 2, need);
		struct wasm_type *more = base_realloc(v->stack, cap * sizeof(*more));

		if (!more)
			return wasm__oom(v);
		v->stack = more;
		v->cap = cap;
	}
	v->high = MAX(v->high, need);
	return 0;
}

int wasm__push_n(struct wasm__valid *v, const struct wasm_type *t, uint32_t n)
{
	int r;

	if (n == 1)
		return wasm__push(v, *t);
	if (!n)
		return 0;
	r = wasm__room(v, n);
	if (r)
		return r;
	memcpy(v->stack + v->sp, t, n * sizeof(*t));
	v->sp += n;
	return 0;
}

/* ---- popping ---- */

bool wasm__matches(struct wasm__valid *v, const struct wasm_type *want, uint32_t n)
{
	uint32_t have = MIN(n, v->sp - v->base);
	const struct wasm_type *s = v->stack + v->sp - have;

	if (have < n && !wasm__top(v)->unreachable)
		return false;
	want += n - have;
	if (!have || !memcmp(s, want, have * sizeof(*s)))
		return true;
	for (uint32_t i = 0; i < have; i++)
		if (!wasm_type_sub(v->store, s[i], want[i]))
			return false;
	return true;
}

int wasm__pop_slow(struct wasm__valid *v, const struct wasm_type *want, uint32_t n)
{
	if (!wasm__matches(v, want, n))
		return wasm__mismatch(v, want, n);
	v->sp -= MIN(n, v->sp - v->base);
	return 0;
}

int wasm__pop_n(struct wasm__valid *v, const struct wasm_type *want, uint32_t n)
{
	return n == 1 ? wasm__pop(v, *want) : n ? wasm__pop_slow(v, want, n) : 0;
}

int wasm__pop_any(struct wasm__valid *v, struct wasm_type *out)
{
	*out = wasm_type_num(WASM_BOT);
	if (v->sp > v->base)
		*out = v->stack[--v->sp];
	else if (!wasm__top(v)->unreachable)
		return wasm__mismatch(v, out, 1);
	return 0;
}

int wasm__pop_ref(struct wasm__valid *v, struct wasm_type *out)
{
	char have[48];
	int r = wasm__pop_any(v, out);

	if (r)
		return r;
	if (wasm_type_kind(*out) == WASM_BOT)
		*out = wasm_type_ref(WASM_HEAP_BOT, false);
	if (!wasm_type_is_ref(*out))
		return wasm__bad(v, EINVAL, "type mismatch: instruction requires reference type "
				 "but stack has %s",
				 wasm_type_print(v->store, *out, have, sizeof(have)));
	return 0;
}

int wasm__apply(struct wasm__valid *v, const struct wasm_type *want, uint32_t n,
		struct wasm_type result)
{
	int r = n ? wasm__pop_slow(v, want, n) : 0;

	return r || wasm_type_kind(result) == WASM_BOT ? r : wasm__push(v, result);
}

/* ---- types and their indices ---- */

int wasm__heap(struct wasm__valid *v, uint32_t heap, uint32_t *out)
{
	*out = heap;
	if (heap >= WASM_HEAP_ABSTRACT)
		return 0;
	if (heap >= v->m->ntypes)
		return wasm__bad(v, EINVAL, "unknown type %u", heap);
	*out = v->m->types[heap];
	return 0;
}

int wasm__type(struct wasm__valid *v, struct wasm_type t, struct wasm_type *out)
{
	uint32_t heap;
	int r;

	*out = t;
	if (!wasm_type_is_ref(t))
		return 0;
	r = wasm__heap(v, wasm_type_heap(t), &heap);
	*out = wasm_type_ref(heap, wasm_type_nullable(t));
	return r;
}

int wasm__deftype(struct wasm__valid *v, uint32_t x, enum wasm_comp comp, uint32_t *id,
		  const struct wasm_deftype **out)
{
	static const char *const kinds[] = { "function", "structure", "array" };

	if (x >= v->m->ntypes)
		return wasm__bad(v, EINVAL, "unknown type %u", x);
	*id = v->m->types[x];
	*out = wasm_type_get(v->store, *id);
	if ((*out)->comp != comp)
		return wasm__bad(v, EINVAL, "type mismatch: non-%s type %u", kinds[comp], x);
	return 0;
}
