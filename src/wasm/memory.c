/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear memories of a store, and the bulk operations on them (core spec
 * 4.6.11 to 4.6.14): bounds first, then the effect, so that a trap leaves
 * nothing half done, but an interrupt.
 */
#include "wasm/store.h"

#include <errno.h>

#include "base/bits.h"

/* Pages to bytes; what no host could have becomes the most pages there are. */
static uint64_t page_bytes(uint64_t pages, unsigned shift)
{
	return pages <= UINT64_MAX >> shift ? pages << shift : UINT64_MAX >> shift << shift;
}

/* The most pages of an index type (2.3.8; custom page sizes: of bytes). */
static uint64_t most_pages(const struct wasm_memory *type)
{
	unsigned bits = (type->limits.is64 ? 64 : 32) - type->page_shift;

	if (!type->page_shift) /* their number must fit the index type */
		return type->limits.is64 ? UINT64_MAX : UINT32_MAX;
	return 1ull << bits;
}

int wasm__memory_setup(struct wasm_store *s, struct wasm_rt_memory *m,
		       const struct wasm_memory *type, int image_fd, uint64_t image_size,
		       struct err *e)
{
	uint64_t most = most_pages(type);
	uint64_t max = type->limits.has_max ? MIN(type->limits.max, most) : most;
	struct mem_linear_options o = {
		.size = page_bytes(type->limits.min, type->page_shift),
		.max = page_bytes(max, type->page_shift), .page_shift = type->page_shift,
		.is64 = type->limits.is64, .shared = type->limits.shared,
		.image_fd = image_fd, .image_size = image_size,
	};

	if (o.size > s->limits.memory - MIN(s->limits.memory, s->memory_used))
		return err_set(e, ENOMEM, "memories over the limit of %llu bytes",
			       (unsigned long long)s->limits.memory);
	m->mem = mem_linear_create(&o, e);
	if (!m->mem)
		return -ENOMEM;
	m->base = mem_linear_base(m->mem);
	m->size = o.size;
	m->limits = type->limits;
	m->page_shift = type->page_shift;
	s->memory_used += m->size;
	return 0;
}

void wasm__memory_fini(struct wasm_store *s, struct wasm_rt_memory *m)
{
	if (m->mem)
		s->memory_used -= MIN(s->memory_used, m->size);
	mem_linear_unref(m->mem);
	m->mem = NULL;
}

uint64_t wasm__memory_pages(const struct wasm_rt_memory *m)
{
	return (m->limits.shared ? mem_linear_size(m->mem) : m->size) >> m->page_shift;
}

int64_t wasm__memory_grow(struct wasm_store *s, struct wasm_rt_memory *m, uint64_t pages)
{
	uint64_t bytes = pages << m->page_shift;
	int64_t old;

	if (pages > UINT64_MAX >> m->page_shift ||
	    bytes > s->limits.memory - MIN(s->limits.memory, s->memory_used))
		return -1;
	old = mem_linear_grow(m->mem, bytes);
	if (old < 0)
		return -1;
	m->size = (uint64_t)old + bytes;
	s->memory_used += bytes;
	return (int64_t)((uint64_t)old >> m->page_shift);
}

enum wasm_trap wasm__memory_init(struct wasm_instance *i, uint32_t mem, uint32_t data,
				 uint64_t d, uint32_t s, uint32_t n)
{
	struct wasm_rt_memory *m = i->memories[mem];
	const struct wasm_rt_data *from = &i->datas[data];

	if (!wasm__inside(s, n, from->len) || !wasm__inside(d, n, wasm__memory_now(m)))
		return WASM_TRAP_MEMORY;
	return wasm__bulk_move(i->store, m->base + d, from->bytes + s, n);
}

enum wasm_trap wasm__memory_copy(struct wasm_instance *i, uint32_t dmem, uint32_t smem,
				 uint64_t d, uint64_t s, uint64_t n)
{
	struct wasm_rt_memory *to = i->memories[dmem], *from = i->memories[smem];

	if (!wasm__inside(s, n, wasm__memory_now(from)) ||
	    !wasm__inside(d, n, wasm__memory_now(to)))
		return WASM_TRAP_MEMORY;
	return wasm__bulk_move(i->store, to->base + d, from->base + s, n);
}

enum wasm_trap wasm__memory_fill(struct wasm_instance *i, uint32_t mem, uint64_t d,
				 uint8_t v, uint64_t n)
{
	struct wasm_rt_memory *m = i->memories[mem];
	struct wasm__bulk b = { .left = n };
	enum wasm_trap t;

	if (!wasm__inside(d, n, wasm__memory_now(m)))
		return WASM_TRAP_MEMORY;
	t = wasm__bulk_pay(i->store, n);
	while (!t && wasm__bulk_next(&b, i->store, &t))
		memset(m->base + d + b.at, v, b.n);
	return t;
}

void wasm__data_drop(struct wasm_instance *i, uint32_t data)
{
	i->datas[data] = (struct wasm_rt_data){ 0 };
}

/* ---- for the embedder ---- */

uint8_t *wasm_rt_memory_base(const struct wasm_rt_memory *m)
{
	return m->base;
}

uint64_t wasm_rt_memory_size(const struct wasm_rt_memory *m)
{
	return m->limits.shared ? mem_linear_size(m->mem) : m->size;
}

int64_t wasm_rt_memory_grow(struct wasm_store *s, struct wasm_rt_memory *m, uint64_t pages)
{
	return wasm__memory_grow(s, m, pages);
}
