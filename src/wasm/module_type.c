/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of a module: the type section (core spec 5.5.4) and the types of
 * imports and definitions, read, checked (3.2) and made canonical.
 */
#include "wasm/module_int.h"

/* ---- value types ---- */

/* A heap type as the module counts its types becomes canonical, or, for the
 * `group` types that are just being read, an index in their group. */
static int canonical(struct wasm__loader *l, const uint8_t *at, uint32_t group, uint32_t *heap)
{
	struct wasm_module *m = l->m;

	if (*heap >= WASM_HEAP_ABSTRACT)
		return 0;
	if (*heap < m->ntypes)
		*heap = m->types[*heap];
	else if (*heap - m->ntypes < group)
		*heap = WASM_GROUP_BASE + (*heap - m->ntypes);
	else
		return wasm__fail(m, l->e, at, EINVAL, "unknown type %u", *heap);
	return 0;
}

static int canonical_type(struct wasm__loader *l, const uint8_t *at, uint32_t group,
			  struct wasm_type *t)
{
	uint32_t heap;
	int r;

	if (!wasm_type_is_ref(*t))
		return 0;
	heap = wasm_type_heap(*t);
	r = canonical(l, at, group, &heap);
	*t = wasm_type_ref(heap, wasm_type_nullable(*t));
	return r;
}

static int group_type(struct wasm__loader *l, uint32_t group, struct wasm_type *out)
{
	const uint8_t *at = l->p;
	int r = wasm__why(l, wasm_read_valtype(&l->p, l->end, out));

	return r ? r : canonical_type(l, at, group, out);
}

int wasm__valtype(struct wasm__loader *l, struct wasm_type *out)
{
	return group_type(l, 0, out);
}

int wasm__reftype(struct wasm__loader *l, struct wasm_type *out)
{
	const uint8_t *at = l->p;
	int r = wasm__why(l, wasm_read_reftype(&l->p, l->end, out));

	return r ? r : canonical_type(l, at, 0, out);
}

/* ---- recursive groups ---- */

static int read_types(struct wasm__loader *l, uint32_t group, uint32_t max, const char *what,
		      uint32_t *n)
{
	int r = wasm__count(l, max, what, n);

	if (!r)
		r = wasm__reserve(l, &l->group_types, l->ntypes + (size_t)*n,
				  &l->cap_group_types, sizeof(*l->group_types));
	for (uint32_t i = 0; !r && i < *n; i++)
		r = group_type(l, group, &l->group_types[l->ntypes++]);
	return r;
}

static int read_mutability(struct wasm__loader *l, bool *out)
{
	uint8_t byte;
	int r = wasm__byte(l, &byte);

	if (!r && byte > 1)
		return wasm__fail(l->m, l->e, l->p - 1, EILSEQ, "malformed mutability");
	*out = byte;
	return r;
}

static int read_field(struct wasm__loader *l, uint32_t group, struct wasm_field *f)
{
	int r = 0;

	*f = (struct wasm_field){ .type = wasm_type_num(WASM_I32) };
	if (l->p < l->end && (*l->p == 0x78 || *l->p == 0x77))
		f->packed = *l->p++ == 0x78 ? WASM_PACKED_I8 : WASM_PACKED_I16;
	else
		r = group_type(l, group, &f->type);
	return r ? r : read_mutability(l, &f->mutable_);
}

static int read_fields(struct wasm__loader *l, uint32_t group, bool array, uint32_t *n)
{
	int r = 0;

	*n = 1;
	if (!array)
		r = wasm__count(l, WASM_MAX_FIELDS, "fields", n);
	if (!r)
		r = wasm__reserve(l, &l->group_fields, l->nfields + (size_t)*n,
				  &l->cap_group_fields, sizeof(*l->group_fields));
	for (uint32_t i = 0; !r && i < *n; i++)
		r = read_field(l, group, &l->group_fields[l->nfields++]);
	return r;
}

static int read_comp(struct wasm__loader *l, uint32_t group, struct wasm_deftype *t)
{
	uint8_t byte;
	int r = wasm__byte(l, &byte);

	if (r)
		return r;
	if (byte & 0x80)
		return wasm__fail(l->m, l->e, l->p, EILSEQ, "integer representation too long");
	switch (byte) {
	case 0x60:
		t->comp = WASM_COMP_FUNC;
		r = read_types(l, group, WASM_MAX_PARAMS, "parameters", &t->nparams);
		return r ? r : read_types(l, group, WASM_MAX_RESULTS, "results", &t->nresults);
	case 0x5f:
		t->comp = WASM_COMP_STRUCT;
		return read_fields(l, group, false, &t->nfields);
	case 0x5e:
		t->comp = WASM_COMP_ARRAY;
		return read_fields(l, group, true, &t->nfields);
	default:
		return wasm__fail(l->m, l->e, l->p - 1, EILSEQ, "malformed definition type");
	}
}

/* The supertype of type number `self` of the group. */
static int read_super(struct wasm__loader *l, uint32_t group, uint32_t self, uint32_t *out)
{
	const uint8_t *at = l->p;
	uint32_t n, x;
	int r = wasm__count(l, UINT32_MAX, "supertypes", &n);

	if (r || !n)
		return r;
	if (n > 1)
		return wasm__fail(l->m, l->e, at, EINVAL,
				  "sub type %u has more than one super type",
				  l->m->ntypes + self);
	r = wasm__u32(l, &x);
	if (r)
		return r;
	if (x >= l->m->ntypes + (uint64_t)group)
		return wasm__fail(l->m, l->e, at, EINVAL, "unknown type %u", x);
	if (x >= l->m->ntypes + self)
		return wasm__fail(l->m, l->e, at, EINVAL,
				  "unknown type: forward use of type %u in sub type definition", x);
	*out = x;
	return canonical(l, at, group, out);
}

static int read_subtype(struct wasm__loader *l, uint32_t group, uint32_t self)
{
	struct wasm_deftype t = { .final = true, .super = WASM_NO_SUPER };
	int r = 0;

	if (l->p < l->end && (*l->p == 0x50 || *l->p == 0x4f)) {
		t.final = *l->p++ == 0x4f;
		r = read_super(l, group, self, &t.super);
	}
	if (!r)
		r = read_comp(l, group, &t);
	l->group[self] = t;
	return r;
}

/* ---- matching of definitions (3.3.10) ---- */

static bool match_field(const struct wasm_type_store *s, struct wasm_field a, struct wasm_field b)
{
	if (a.mutable_ != b.mutable_ || a.packed != b.packed)
		return false;
	return wasm_type_sub(s, a.type, b.type) &&
		(!a.mutable_ || wasm_type_sub(s, b.type, a.type));
}

static bool match_func(const struct wasm_type_store *s, const struct wasm_deftype *a,
		       const struct wasm_deftype *b)
{
	if (a->nparams != b->nparams || a->nresults != b->nresults)
		return false;
	for (uint32_t i = 0; i < a->nparams; i++)
		if (!wasm_type_sub(s, b->types[i], a->types[i]))
			return false;
	for (uint32_t i = a->nparams; i < a->nparams + a->nresults; i++)
		if (!wasm_type_sub(s, a->types[i], b->types[i]))
			return false;
	return true;
}

static bool match_comp(const struct wasm_type_store *s, const struct wasm_deftype *a,
		       const struct wasm_deftype *b)
{
	if (a->comp != b->comp)
		return false;
	if (a->comp == WASM_COMP_FUNC)
		return match_func(s, a, b);
	if (a->nfields < b->nfields)
		return false;
	for (uint32_t i = 0; i < b->nfields; i++)
		if (!match_field(s, a->fields[i], b->fields[i]))
			return false;
	return true;
}

/* The group is in the store, so that its types can be compared; if one turns
 * out to be invalid it stays there, and nobody can use it. */
static int check_supers(struct wasm__loader *l, const uint8_t *at, uint32_t n)
{
	struct wasm_type_store *s = l->m->store;

	for (uint32_t i = 0; i < n; i++) {
		const struct wasm_deftype *t = wasm_type_get(s, l->group_ids[i]), *super;

		if (t->super == WASM_NO_SUPER)
			continue;
		super = wasm_type_get(s, t->super);
		if (super->final)
			return wasm__fail(l->m, l->e, at, EINVAL,
					  "sub type %u has final super type", l->m->ntypes + i);
		if (!match_comp(s, t, super))
			return wasm__fail(l->m, l->e, at, EINVAL,
					  "sub type %u does not match super type",
					  l->m->ntypes + i);
	}
	return 0;
}

static int read_group(struct wasm__loader *l)
{
	const uint8_t *at = l->p;
	struct wasm_module *m = l->m;
	struct wasm_type *t;
	struct wasm_field *f;
	struct err why;
	uint32_t n = 1;
	int r = 0;

	if (l->p < l->end && *l->p == 0x4e) {
		l->p++;
		r = wasm__count(l, WASM_MAX_TYPES, "types", &n);
	}
	if (!r && n > WASM_MAX_TYPES - m->ntypes)
		r = wasm__fail(m, l->e, at, E2BIG, "too many types");
	if (!r)
		r = wasm__reserve(l, &l->group, n, &l->cap_group, sizeof(*l->group));
	if (!r)
		r = wasm__reserve(l, &l->group_ids, n, &l->cap_ids, sizeof(*l->group_ids));
	if (!r)
		r = wasm__reserve(l, &l->group_types, 1, &l->cap_group_types,
				  sizeof(*l->group_types));
	if (!r)
		r = wasm__reserve(l, &l->group_fields, 1, &l->cap_group_fields,
				  sizeof(*l->group_fields));
	l->ntypes = l->nfields = 0;
	for (uint32_t i = 0; !r && i < n; i++)
		r = read_subtype(l, n, i);
	if (r)
		return r;
	t = l->group_types;
	f = l->group_fields;
	for (uint32_t i = 0; i < n; i++) {
		l->group[i].types = t;
		l->group[i].fields = f;
		t += l->group[i].nparams + l->group[i].nresults;
		f += l->group[i].nfields;
	}
	r = wasm_type_store_add(m->store, l->group, n, l->group_ids, &why);
	if (r)
		return wasm__fail(m, l->e, at, -r, "%s", why.msg);
	r = check_supers(l, at, n);
	for (uint32_t i = 0; !r && i < n; i++) {
		r = wasm__grow(l, &m->types, m->ntypes, &l->cap_types, sizeof(*m->types));
		if (!r)
			m->types[m->ntypes++] = l->group_ids[i];
	}
	return r;
}

int wasm__load_types(struct wasm__loader *l)
{
	uint32_t n;
	int r = wasm__count(l, WASM_MAX_TYPES, "types", &n);

	for (uint32_t i = 0; !r && i < n; i++)
		r = read_group(l);
	return r;
}

/* ---- types of definitions ---- */

static int read_limits(struct wasm__loader *l, uint8_t known, struct wasm_limits *out)
{
	uint8_t flags;
	int r = wasm__byte(l, &flags);

	if (r)
		return r;
	if (flags & ~known)
		return wasm__fail(l->m, l->e, l->p - 1, EILSEQ, "malformed limits flags");
	*out = (struct wasm_limits){
		.has_max = flags & 1, .shared = flags & 2, .is64 = flags & 4,
	};
	r = wasm__why(l, wasm_leb_u64(&l->p, l->end, &out->min));
	if (!r && out->has_max)
		r = wasm__why(l, wasm_leb_u64(&l->p, l->end, &out->max));
	return r;
}

static int check_limits(struct wasm__loader *l, const uint8_t *at, const struct wasm_limits *lim,
			uint64_t range, const char *message)
{
	if (lim->min > range || (lim->has_max && lim->max > range))
		return wasm__fail(l->m, l->e, at, EINVAL, "%s", message);
	if (lim->has_max && lim->min > lim->max)
		return wasm__fail(l->m, l->e, at, EINVAL,
				  "size minimum must not be greater than maximum");
	return 0;
}

int wasm__table_type(struct wasm__loader *l, struct wasm_table *out)
{
	const uint8_t *at = l->p;
	int r = wasm__reftype(l, &out->type);

	if (!r)
		r = read_limits(l, 5, &out->limits);
	if (r)
		return r;
	return out->limits.is64 ?
		check_limits(l, at, &out->limits, UINT64_MAX, "") :
		check_limits(l, at, &out->limits, UINT32_MAX,
			     "table size must be at most 2^32-1 for i32");
}

int wasm__memory_type(struct wasm__loader *l, struct wasm_memory *out)
{
	const uint8_t *at = l->p;
	int r = read_limits(l, l->m->features & WASM_FEATURE_THREADS ? 7 : 5, &out->limits);

	if (r)
		return r;
	out->page_shift = 16;
	if (out->limits.shared && !out->limits.has_max)
		return wasm__fail(l->m, l->e, at, EINVAL, "shared memory must have maximum");
	return out->limits.is64 ?
		check_limits(l, at, &out->limits, 1ull << 48,
			     "memory size must be at most 2^48 pages (256 TiB) for i64") :
		check_limits(l, at, &out->limits, 1ull << 16,
			     "memory size must be at most 2^16 pages (4 GiB) for i32");
}

int wasm__global_type(struct wasm__loader *l, struct wasm_global *out)
{
	int r = wasm__valtype(l, &out->type);

	return r ? r : read_mutability(l, &out->mutable_);
}

int wasm__func_type(struct wasm__loader *l, uint32_t *out)
{
	const uint8_t *at = l->p;
	uint32_t x;
	int r = wasm__u32(l, &x);

	if (r)
		return r;
	if (x >= l->m->ntypes)
		return wasm__fail(l->m, l->e, at, EINVAL, "unknown type %u", x);
	*out = l->m->types[x];
	if (wasm_type_get(l->m->store, *out)->comp != WASM_COMP_FUNC)
		return wasm__fail(l->m, l->e, at, EINVAL, "non-function type %u", x);
	return 0;
}

int wasm__tag_type(struct wasm__loader *l, struct wasm_tag *out)
{
	const uint8_t *at = l->p;
	uint8_t zero;
	int r = wasm__byte(l, &zero);

	if (!r && zero)
		return wasm__fail(l->m, l->e, at, EILSEQ, "zero byte expected");
	if (!r)
		r = wasm__func_type(l, &out->type);
	if (!r && wasm_type_get(l->m->store, out->type)->nresults)
		return wasm__fail(l->m, l->e, at, EINVAL, "non-empty tag result type");
	return r;
}
