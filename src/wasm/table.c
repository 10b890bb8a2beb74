/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables, and the bulk operations on them and on element segments (core spec
 * 4.6.5 to 4.6.10).  Types were validated: any word may go where it is put.
 * Tables are roots of the collector, so writes need no barrier.
 */
#include "wasm/store.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"

enum { WORD_SHIFT = sizeof(wasm_word) == 8 ? 3 : 2 };
/* The most entries, of any table. */
#define ENTRIES_MAX (SIZE_MAX / sizeof(wasm_word) / 2)

static bool within_limit(const struct wasm_store *s, uint64_t n)
{
	return n <= s->limits.table - MIN(s->limits.table, s->table_used) && n <= ENTRIES_MAX;
}

int wasm__table_setup(struct wasm_store *s, struct wasm_rt_table *t,
		      const struct wasm_table *type, struct err *e)
{
	uint64_t n = type->limits.min;

	if (!within_limit(s, n))
		return err_set(e, ENOMEM, "tables over the limit of %llu entries",
			       (unsigned long long)s->limits.table);
	if (n && !(t->elems = base_calloc(n, sizeof(*t->elems))))
		return err_set(e, ENOMEM, "no memory for a table of %llu entries",
			       (unsigned long long)n);
	t->size = t->cap = n;
	t->limits = type->limits;
	t->type = type->type;
	s->table_used += n;
	return 0;
}

void wasm__table_fini(struct wasm_store *s, struct wasm_rt_table *t)
{
	s->table_used -= t->size;
	base_free(t->elems);
	*t = (struct wasm_rt_table){ 0 };
}

static bool reserve(struct wasm_rt_table *t, uint64_t size)
{
	uint64_t cap = MAX(size, t->cap + t->cap / 2);
	wasm_word *p;

	if (size <= t->cap)
		return true;
	p = base_realloc(t->elems, cap * sizeof(*p));
	if (!p)
		return false;
	t->elems = p;
	t->cap = cap;
	return true;
}

int64_t wasm__table_grow(struct wasm_store *s, struct wasm_rt_table *t, uint64_t n, wasm_word v)
{
	uint64_t old = t->size;
	uint64_t max = t->limits.has_max ? t->limits.max : UINT64_MAX;

	if (!t->limits.is64)
		max = MIN(max, (uint64_t)UINT32_MAX);
	if (n > max - MIN(max, old) || !within_limit(s, n) || !reserve(t, old + n))
		return -1;
	for (uint64_t i = 0; i < n; i++)
		t->elems[old + i] = v;
	t->size = old + n;
	s->table_used += n;
	return (int64_t)old;
}

/* The part of a segment of functions, which was never made into words. */
static void put_funcs(struct wasm_instance *i, wasm_word *to, const uint32_t *funcs, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++)
		to[k] = wasm__func_word(i->store, i->funcs[funcs[k]]);
}

enum wasm_trap wasm__table_init(struct wasm_instance *i, uint32_t table, uint32_t elem,
				uint64_t d, uint32_t s, uint32_t n)
{
	struct wasm_rt_table *t = i->tables[table];
	const struct wasm_rt_elem *from = &i->elems[elem];
	struct wasm__bulk b = { .left = n, .shift = WORD_SHIFT };
	enum wasm_trap trap;

	if (!wasm__inside(s, n, from->n) || !wasm__inside(d, n, t->size))
		return WASM_TRAP_TABLE;
	if (from->words)
		return wasm__bulk_move(i->store, t->elems + d, from->words + s,
				       n * sizeof(*t->elems));
	trap = wasm__bulk_pay(i->store, n * sizeof(*t->elems));
	while (!trap && wasm__bulk_next(&b, i->store, &trap))
		put_funcs(i, t->elems + d + b.at, i->module->elems[elem].funcs + s + b.at, b.n);
	return trap;
}

enum wasm_trap wasm__table_copy(struct wasm_instance *i, uint32_t dt, uint32_t st,
				uint64_t d, uint64_t s, uint64_t n)
{
	struct wasm_rt_table *to = i->tables[dt], *from = i->tables[st];

	if (!wasm__inside(s, n, from->size) || !wasm__inside(d, n, to->size))
		return WASM_TRAP_TABLE;
	return wasm__bulk_move(i->store, to->elems + d, from->elems + s, n * sizeof(*to->elems));
}

enum wasm_trap wasm__table_fill(struct wasm_instance *i, uint32_t table, uint64_t d,
				wasm_word v, uint64_t n)
{
	struct wasm_rt_table *t = i->tables[table];
	struct wasm__bulk b = { .left = n, .shift = WORD_SHIFT };
	enum wasm_trap trap;

	if (!wasm__inside(d, n, t->size))
		return WASM_TRAP_TABLE;
	trap = wasm__bulk_pay(i->store, n * sizeof(v));
	while (!trap && wasm__bulk_next(&b, i->store, &trap))
		for (uint64_t k = b.at; k < b.at + b.n; k++)
			t->elems[d + k] = v;
	return trap;
}

void wasm__elem_drop(struct wasm_instance *i, uint32_t elem)
{
	base_free(i->elems[elem].words);
	i->elems[elem] = (struct wasm_rt_elem){ 0 };
}
