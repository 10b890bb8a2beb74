/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element segments, data segments and the code section (core spec 5.5.12 to
 * 5.5.14).  Contents stay in the module's bytes.
 */
#include "wasm/module_int.h"

static int const_expr(struct wasm__loader *l, struct wasm_type type, struct wasm_code *out)
{
	return wasm__valid_const(wasm__module(l->m)->valid, type, &l->p, l->end, out, l->e);
}

static struct wasm_type address_type(bool is64)
{
	return wasm_type_num(is64 ? WASM_I64 : WASM_I32);
}

/* ---- element segments ---- */

/* The eight forms are made of three bits (5.5.12). */
enum { ELEM_NOT_ACTIVE = 1, ELEM_INDEX = 2 /* active: a table; else: declarative */,
	ELEM_EXPRS = 4 };

static int elem_mode(struct wasm__loader *l, uint32_t flags, struct wasm_elem *s)
{
	struct wasm_module *m = l->m;
	const uint8_t *at = l->p;
	int r = 0;

	if (flags & ELEM_NOT_ACTIVE) {
		s->mode = flags & ELEM_INDEX ? WASM_SEGMENT_DECLARATIVE : WASM_SEGMENT_PASSIVE;
		return 0;
	}
	s->mode = WASM_SEGMENT_ACTIVE;
	if (flags & ELEM_INDEX)
		r = wasm__u32(l, &s->table);
	if (r)
		return r;
	if (s->table >= m->ntables)
		return wasm__fail(m, l->e, at, EINVAL, "unknown table %u", s->table);
	return const_expr(l, address_type(m->tables[s->table].limits.is64), &s->offset);
}

static int elem_type(struct wasm__loader *l, uint32_t flags, struct wasm_elem *s)
{
	uint8_t kind;
	int r;

	s->type = wasm_type_ref(WASM_HEAP_FUNC, flags & ELEM_EXPRS);
	if (!(flags & (ELEM_NOT_ACTIVE | ELEM_INDEX)))
		return 0;
	if (flags & ELEM_EXPRS)
		return wasm__reftype(l, &s->type);
	r = wasm__byte(l, &kind);
	if (!r && kind)
		return wasm__fail(l->m, l->e, l->p - 1, EILSEQ, "malformed element kind");
	return r;
}

static int elem_funcs(struct wasm__loader *l, struct wasm_elem *s)
{
	struct wasm_module *m = l->m;
	uint32_t *funcs;
	int r = wasm__alloc(l, s->n, sizeof(*funcs), &funcs);

	s->funcs = funcs;
	for (uint32_t i = 0; !r && i < s->n; i++) {
		const uint8_t *at = l->p;

		r = wasm__u32(l, &funcs[i]);
		if (r)
			break;
		if (funcs[i] >= m->nfuncs)
			return wasm__fail(m, l->e, at, EINVAL, "unknown function %u", funcs[i]);
		m->funcs[funcs[i]].declared = true;
	}
	return r;
}

static int elem_exprs(struct wasm__loader *l, struct wasm_elem *s)
{
	struct wasm_code *exprs;
	int r = wasm__alloc(l, s->n, sizeof(*exprs), &exprs);

	s->exprs = exprs;
	for (uint32_t i = 0; !r && i < s->n; i++)
		r = const_expr(l, s->type, &exprs[i]);
	return r;
}

static int load_elem(struct wasm__loader *l, struct wasm_elem *s)
{
	struct wasm_module *m = l->m;
	const uint8_t *at = l->p;
	uint32_t flags;
	int r = wasm__u32(l, &flags);

	if (!r && flags > 7)
		return wasm__fail(m, l->e, at, EILSEQ, "malformed elements segment kind");
	if (!r)
		r = elem_mode(l, flags, s);
	if (!r)
		r = elem_type(l, flags, s);
	if (!r)
		r = wasm__count(l, WASM_MAX_ELEMS, "elements", &s->n);
	if (!r)
		r = flags & ELEM_EXPRS ? elem_exprs(l, s) : elem_funcs(l, s);
	if (!r && s->mode == WASM_SEGMENT_ACTIVE &&
	    !wasm_type_sub(m->store, s->type, m->tables[s->table].type))
		r = wasm__fail(m, l->e, at, EINVAL, "type mismatch: element segment's type does "
			       "not match table's element type");
	return r;
}

int wasm__load_elems(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	uint32_t n;
	int r = wasm__count(l, WASM_MAX_ELEMS, "element segments", &n);

	if (!r)
		r = wasm__alloc(l, n, sizeof(*m->elems), &m->elems);
	for (uint32_t i = 0; !r && i < n; i++)
		r = load_elem(l, &m->elems[m->nelems++]);
	return r;
}

/* ---- data segments ---- */

static int load_data(struct wasm__loader *l, struct wasm_data *d)
{
	struct wasm_module *m = l->m;
	const uint8_t *at = l->p;
	uint32_t flags;
	int r = wasm__u32(l, &flags);

	if (!r && flags > 2)
		return wasm__fail(m, l->e, at, EILSEQ, "malformed data segment kind");
	d->mode = flags == 1 ? WASM_SEGMENT_PASSIVE : WASM_SEGMENT_ACTIVE;
	if (!r && flags == 2)
		r = wasm__u32(l, &d->memory);
	if (!r && d->mode == WASM_SEGMENT_ACTIVE) {
		if (d->memory >= m->nmemories)
			return wasm__fail(m, l->e, at, EINVAL, "unknown memory %u", d->memory);
		r = const_expr(l, address_type(m->memories[d->memory].limits.is64), &d->offset);
	}
	if (!r)
		r = wasm__count(l, UINT32_MAX, "", &d->len);
	return r ? r : wasm__bytes(l, d->len, &d->bytes);
}

int wasm__load_datas(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	const uint8_t *at = l->p;
	uint32_t n;
	int r = wasm__count(l, WASM_MAX_DATAS, "data segments", &n);

	if (!r)
		r = wasm__alloc(l, n, sizeof(*m->datas), &m->datas);
	for (uint32_t i = 0; !r && i < n; i++)
		r = load_data(l, &m->datas[i]);
	m->ndatas = n;
	if (!r && m->has_data_count && n != l->data_count)
		r = wasm__fail(m, l->e, at, EILSEQ,
			       "data count and data section have inconsistent lengths");
	return r;
}

/* ---- bodies ---- */

/* Hints come in the order of the bodies; their offsets become the module's:
 * the count, then (offset, likely) by offset. */
static void place_hints(struct wasm__loader *l, uint32_t *next, uint32_t func, const uint8_t *body,
			uint32_t size, uint32_t *out)
{
	for (; *next < l->nhints && l->hints[*next].func <= func; ++*next) {
		const struct wasm__hint *h = &l->hints[*next];

		if (h->func != func || h->offset >= size)
			continue;
		out[1 + 2 * out[0]] = (uint32_t)(body - l->m->bytes) + h->offset;
		out[2 + 2 * out[0]] = h->likely;
		out[0]++;
	}
}

static int load_body(struct wasm__loader *l, uint32_t func, uint32_t size)
{
	struct wasm_module *m = l->m;
	const uint8_t *start = l->p;
	int r;

	if (size > WASM_MAX_BODY)
		return wasm__fail(m, l->e, start, E2BIG, "body of %u bytes, at most %d", size,
				  WASM_MAX_BODY);
	if (m->features & WASM_LAZY_BODIES) {
		m->funcs[func].body = (struct wasm_code){ (uint32_t)(start - m->bytes), size };
		return wasm__bytes(l, size, &start);
	}
	r = wasm__valid_body(wasm__module(m)->valid, func, &l->p, size, l->end, l->e);
	if (!r && l->p != start + size)
		r = wasm__fail(m, l->e, start, EILSEQ, "section size mismatch");
	return r;
}

int wasm__load_code(struct wasm__loader *l)
{
	struct wasm_module *m = l->m;
	uint32_t n, size, defined = m->nfuncs - m->nfuncs_imported, hint = 0, *hints = NULL;
	const uint8_t *start = l->p;
	int r = wasm__count(l, WASM_MAX_FUNCS, "bodies", &n);

	if (!r && n != defined) {
		/* Told at the end; there may be something worse behind. */
		l->p = start;
		l->ncode = n;
		return wasm__bytes(l, l->section, &start);
	}
	if (!r && m->features & WASM_LAZY_BODIES)
		r = wasm__alloc(l, n, 1, &wasm__module(m)->checked);
	if (!r && l->nhints)
		r = wasm__alloc(l, 1 + 2 * (size_t)l->nhints, sizeof(*hints), &hints);
	m->branch_hints = hints;
	for (uint32_t i = 0; !r && i < n; i++) {
		r = wasm__count(l, UINT32_MAX, "", &size);
		if (r)
			break;
		if (hints)
			place_hints(l, &hint, m->nfuncs_imported + i, l->p, size, hints);
		r = load_body(l, m->nfuncs_imported + i, size);
		l->ncode++;
	}
	return r;
}
