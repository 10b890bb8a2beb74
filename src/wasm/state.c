/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in the snapshot stream.  Code is not saved: the store that is loaded
 * into was made alike, from the same modules in the same order, and what was
 * made is compared first.  Words of functions and the numbers of types are then
 * the same in both.
 *
 *     "wasm.store"  u32 functions, for each: u32 type; u32 instances, for each:
 *                   u64 length and u64 hash of the module, u32 types, for each:
 *                   u32 number; u32 objects, for each: u8 kind;
 *                   u64 fuel; u32 exit status
 *     "wasm.heap"   the collector's
 *     "wasm.state"  the objects, then of each instance what it defines:
 *                   memories (mem/linear.h), globals (u64[2]), tables (u64 size,
 *                   u32 words), element segments (u32 words left, u32 words),
 *                   data segments (u8 dropped)
 *
 * Frames are not saved, so a store is saved between calls; handles are not
 * saved either.
 *
 * Everything loaded is validated: a reference must be of its place's type, or
 * the guest's code, which was validated, could reach what is not its own.
 */
#include "wasm/store.h"

#include <errno.h>

#include "base/bits.h"
#include "wasm/gc.h"

enum { VERSION = 1 };

/* Not against an adversary: to notice another module. */
static uint64_t hash(const uint8_t *p, size_t n)
{
	uint64_t h = n;

	for (; n >= 8; p += 8, n -= 8) {
		h = (h ^ ld_le64(p)) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	for (; n; p++, n--)
		h = (h ^ *p) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint32_t count_instances(const struct wasm_store *s)
{
	uint32_t n = 0;

	for (const struct wasm_instance *i = s->instances; i; i = i->next)
		n++;
	return n;
}

static uint32_t count_objects(const struct wasm_store *s)
{
	uint32_t n = 0;

	for (const struct wasm__object *o = s->owned->objects; o; o = o->next)
		n++;
	return n;
}

/* ---- saving ---- */

static void save_shape(const struct wasm_store *s, struct ser_writer *w)
{
	ser_begin(w, "wasm.store", VERSION);
	ser_u32(w, s->nfuncs);
	for (uint32_t f = 1; f < s->nfuncs; f++)
		ser_u32(w, s->funcs[f].type);
	ser_u32(w, count_instances(s));
	for (const struct wasm_instance *i = s->instances; i; i = i->next) {
		ser_u64(w, i->module->len);
		ser_u64(w, hash(i->module->bytes, i->module->len));
		ser_u32(w, i->module->ntypes);
		for (uint32_t t = 0; t < i->module->ntypes; t++)
			ser_u32(w, i->module->types[t]);
	}
	ser_u32(w, count_objects(s));
	for (const struct wasm__object *o = s->owned->objects; o; o = o->next)
		ser_u8(w, o->kind);
	ser_u64(w, s->fuel);
	ser_u32(w, s->exit_status);
	ser_end(w);
}

static void save_words(const wasm_word *words, uint64_t n, struct ser_writer *w)
{
	for (uint64_t k = 0; k < n; k++)
		ser_u32(w, words[k]);
}

static void save_global(const struct wasm_rt_global *g, struct ser_writer *w)
{
	ser_u64(w, g->v[0]);
	ser_u64(w, g->v[1]);
}

static void save_table(const struct wasm_rt_table *t, struct ser_writer *w)
{
	ser_u64(w, t->size);
	save_words(t->elems, t->size, w);
}

static void save_instance(const struct wasm_instance *i, struct ser_writer *w)
{
	const struct wasm_module *m = i->module;

	for (uint32_t k = m->nmemories_imported; k < m->nmemories; k++)
		mem_linear_save(i->memories[k]->mem, w);
	for (uint32_t k = m->nglobals_imported; k < m->nglobals; k++)
		save_global(i->globals[k], w);
	for (uint32_t k = m->ntables_imported; k < m->ntables; k++)
		save_table(i->tables[k], w);
	for (uint32_t k = 0; k < m->nelems; k++) {
		ser_u32(w, i->elems[k].n);
		save_words(i->elems[k].words, i->elems[k].n, w);
	}
	for (uint32_t k = 0; k < m->ndatas; k++)
		ser_u8(w, !i->datas[k].bytes);
}

int wasm_store_save(struct wasm_store *s, struct ser_writer *w, struct err *e)
{
	if (s->c_depth || s->owned->host_depth)
		return err_set(e, EBUSY, "a store is saved between calls, and one is running");
	save_shape(s, w);
	wasm_gc_save(s, w);
	ser_begin(w, "wasm.state", VERSION);
	for (const struct wasm__object *o = s->owned->objects; o; o = o->next) {
		if (o->kind == WASM_EXTERN_MEMORY)
			mem_linear_save(o->memory.mem, w);
		else if (o->kind == WASM_EXTERN_GLOBAL)
			save_global(&o->global, w);
		else if (o->kind == WASM_EXTERN_TABLE)
			save_table(&o->table, w);
	}
	for (const struct wasm_instance *i = s->instances; i; i = i->next)
		save_instance(i, w);
	ser_end(w);
	return w->failed ? err_set(e, ENOMEM, "no memory for the state of a store") : 0;
}

/* ---- loading ---- */

void wasm_store_restoring(struct wasm_store *s)
{
	s->owned->restoring = true;
}

static void check_module(const struct wasm_module *m, struct ser_reader *r)
{
	uint64_t len = ser_get_u64(r), h = ser_get_u64(r);
	bool same = ser_get_u32(r) == m->ntypes;

	if (!ser_check(r, len == m->len && h == hash(m->bytes, m->len) && same,
		       "another module"))
		return;
	for (uint32_t t = 0; t < m->ntypes; t++)
		same &= ser_get_u32(r) == m->types[t];
	ser_check(r, same, "modules were loaded in another order");
}

static void load_shape(struct wasm_store *s, struct ser_reader *r)
{
	bool same = ser_get_u32(r) == s->nfuncs;

	if (!ser_check(r, same, "other functions than the store's"))
		return;
	for (uint32_t f = 1; f < s->nfuncs; f++)
		same &= ser_get_u32(r) == s->funcs[f].type;
	if (!ser_check(r, same, "other functions than the store's") ||
	    !ser_check(r, ser_get_u32(r) == count_instances(s), "other instances than the store's"))
		return;
	for (const struct wasm_instance *i = s->instances; i; i = i->next)
		check_module(i->module, r);
	if (!ser_check(r, ser_get_u32(r) == count_objects(s), "other objects than the store's"))
		return;
	for (const struct wasm__object *o = s->owned->objects; o; o = o->next)
		same &= ser_get_u8(r) == o->kind;
	ser_check(r, same, "other objects than the store's");
	s->fuel = ser_get_u64(r);
	s->exit_status = ser_get_u32(r);
}

static bool word_fits(const struct wasm_store *s, wasm_word w, struct wasm_type type)
{
	if (w && wasm__type_is_visited(s, type)) {
		bool exn = wasm__top(s, type) == WASM_HEAP_EXN;

		if (!wasm_gc_owns(s, w) ||
		    exn != (!(w & 1) && wasm_gc_type(s, w) == WASM_HEAP_EXN))
			return false;
	}
	return wasm__word_is(s, w, type);
}

static void load_words(const struct wasm_store *s, struct wasm_type type, wasm_word *words,
		       uint64_t n, struct ser_reader *r)
{
	for (uint64_t k = 0; k < n; k++) {
		wasm_word w = ser_get_u32(r);

		if (!ser_check(r, word_fits(s, w, type), "a reference of another type"))
			return;
		words[k] = w;
	}
}

static void load_global(const struct wasm_store *s, struct wasm_rt_global *g,
			struct ser_reader *r)
{
	uint64_t v[2] = { ser_get_u64(r), ser_get_u64(r) };

	switch (wasm_type_kind(g->type)) {
	case WASM_REF:
		if (!ser_check(r, !(v[0] >> 32) && word_fits(s, (wasm_word)v[0], g->type),
			       "a reference of another type"))
			return;
		v[1] = 0;
		break;
	case WASM_I32:
	case WASM_F32:
		v[0] = (uint32_t)v[0];
		break;
	default:
		break;
	}
	memcpy(g->v, v, sizeof(v));
}

static void load_table(struct wasm_store *s, struct wasm_rt_table *t, struct ser_reader *r)
{
	uint64_t size = ser_get_u64(r);

	if (ser_check(r, size >= t->size, "a table smaller than the module's") &&
	    ser_check(r, wasm__table_grow(s, t, size - t->size, 0) >= 0,
		      "a table larger than its maximum, or than the limit"))
		load_words(s, t->type, t->elems, t->size, r);
}

static void load_memory(struct wasm_store *s, struct wasm_rt_memory *m, struct ser_reader *r)
{
	uint64_t before = m->size;

	mem_linear_load(m->mem, r);
	m->size = mem_linear_size(m->mem);
	s->memory_used += m->size - before;
	ser_check(r, s->memory_used <= s->limits.memory, "memories over the limit");
}

/* As many words as there were, or dropped. */
static void load_elem(struct wasm_instance *i, uint32_t k, struct ser_reader *r)
{
	const struct wasm_elem *seg = &i->module->elems[k];
	struct wasm_rt_elem *x = &i->elems[k];
	uint32_t n = ser_get_u32(r);

	if (!n)
		wasm__elem_drop(i, k);
	else if (ser_check(r, n == x->n && x->words, "an element segment that is not there"))
		load_words(i->store, seg->type, x->words, n, r);
}

static void load_data(struct wasm_instance *i, uint32_t k, struct ser_reader *r)
{
	const struct wasm_data *seg = &i->module->datas[k];

	i->datas[k] = ser_get_u8(r) ? (struct wasm_rt_data){ 0 }
				    : (struct wasm_rt_data){ seg->bytes, seg->len };
}

static void load_instance(struct wasm_instance *i, struct ser_reader *r)
{
	const struct wasm_module *m = i->module;

	for (uint32_t k = m->nmemories_imported; !r->err.code && k < m->nmemories; k++)
		load_memory(i->store, i->memories[k], r);
	for (uint32_t k = m->nglobals_imported; !r->err.code && k < m->nglobals; k++)
		load_global(i->store, i->globals[k], r);
	for (uint32_t k = m->ntables_imported; !r->err.code && k < m->ntables; k++)
		load_table(i->store, i->tables[k], r);
	for (uint32_t k = 0; !r->err.code && k < m->nelems; k++)
		load_elem(i, k, r);
	for (uint32_t k = 0; !r->err.code && k < m->ndatas; k++)
		load_data(i, k, r);
}

static void load_objects(struct wasm_store *s, struct ser_reader *r)
{
	for (struct wasm__object *o = s->owned->objects; !r->err.code && o; o = o->next) {
		if (o->kind == WASM_EXTERN_MEMORY)
			load_memory(s, &o->memory, r);
		else if (o->kind == WASM_EXTERN_GLOBAL)
			load_global(s, &o->global, r);
		else if (o->kind == WASM_EXTERN_TABLE)
			load_table(s, &o->table, r);
	}
}

int wasm_store_load(struct wasm_store *s, struct ser_reader *r, struct err *e)
{
	/* Handles' words are of the heap that goes away. */
	if (s->c_depth || s->owned->host_depth || s->owned->nrefs)
		return err_set(e, EBUSY, "a store is loaded when nothing runs in it or holds on to it");
	s->owned->restoring = false;
	if (ser_open(r, "wasm.store", VERSION, VERSION)) {
		load_shape(s, r);
		ser_close(r);
	}
	if (!ser_error(r, NULL))
		wasm_gc_load(s, r);
	if (!ser_error(r, NULL) && ser_open(r, "wasm.state", VERSION, VERSION)) {
		load_objects(s, r);
		for (struct wasm_instance *i = s->instances; i; i = i->next)
			load_instance(i, r);
		ser_close(r);
	}
	s->exception = 0;
	return ser_error(r, e);
}
