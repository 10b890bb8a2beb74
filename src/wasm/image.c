/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module's memories as its instances begin: the data segments, laid out once
 * in pages that instances map copy-on-write, so that an instance costs the same
 * with a kilobyte of data and with 30 megabytes.
 *
 * The first instance gets its data directly: to write an image and then map it
 * takes longer than that, and most modules have one instance.
 *
 * Segments are applied in their order (4.5.4), and one that traps keeps the
 * later ones from being applied.  An image therefore holds a prefix of the
 * module's segments: up to the first whose place is not known from the module
 * alone, or that does not fit.
 */
#include "wasm/store.h"

#include "base/alloc.h"
#include "base/bits.h"

/* Less data than this is copied sooner than mapped. */
enum { WORTH = 8 << 10 };
/* A hostile module's few bytes on many pages get no image. */
enum { SPARSE = 16, SPARSE_FREE = 1 << 20 };

/* Where an active segment begins, if the module alone says so. */
static bool place(const struct wasm_module *m, const struct wasm_data *d, uint64_t *at)
{
	const struct wasm_memory *mem = &m->memories[d->memory];
	uint64_t v[2], size;

	if (mem->imported || !wasm__const_plain(m, d->offset, NULL, v) ||
	    mem->limits.min > UINT64_MAX >> mem->page_shift)
		return false;
	size = mem->limits.min << mem->page_shift;
	*at = v[0];
	return wasm__inside(*at, d->len, size);
}

struct extent {
	uint64_t end, bytes;
};

/* The prefix, and what it takes of each memory. */
static uint32_t measure(const struct wasm_module *m, struct extent *x)
{
	uint32_t n;
	uint64_t at;

	for (n = 0; n < m->ndatas; n++) {
		const struct wasm_data *d = &m->datas[n];

		if (d->mode != WASM_SEGMENT_ACTIVE)
			continue;
		if (!place(m, d, &at))
			break;
		x[d->memory].end = MAX(x[d->memory].end, at + d->len);
		x[d->memory].bytes += d->len;
	}
	return n;
}

static void lay_out(const struct wasm_module *m, uint32_t mem, uint32_t ndatas, uint8_t *map)
{
	uint64_t at;

	for (uint32_t i = 0; i < ndatas; i++) {
		const struct wasm_data *d = &m->datas[i];

		if (d->mode == WASM_SEGMENT_ACTIVE && d->memory == mem && place(m, d, &at))
			memcpy(map + at, d->bytes, d->len);
	}
}

static int image_mem(const struct wasm_module *m, uint32_t mem, uint32_t ndatas, uint64_t size)
{
	uint8_t *map;
	int fd = mem_image_create(size, &map, NULL);

	if (fd < 0)
		return -1;
	lay_out(m, mem, ndatas, map);
	mem_image_seal(fd, map, size);
	return fd;
}

static struct wasm_image *build(const struct wasm_module *m)
{
	base_auto struct extent *x = base_calloc(m->nmemories, sizeof(*x));
	struct wasm_image *im = base_zalloc(sizeof(*im) + m->nmemories * sizeof(im->mem[0]));

	if (!x || !im) {
		base_free(im);
		return NULL;
	}
	im->nmemories = m->nmemories;
	im->ndatas = measure(m, x);
	for (uint32_t i = 0; i < m->nmemories; i++) {
		bool worth = x[i].bytes >= WORTH &&
			     x[i].end / SPARSE <= x[i].bytes + SPARSE_FREE;

		im->mem[i].size = x[i].end;
		im->mem[i].fd = worth ? image_mem(m, i, im->ndatas, x[i].end) : -1;
	}
	return im;
}

/* In place of an image: the module has been instantiated once. */
static const struct wasm_image once;

const struct wasm_image *wasm__image_get(const struct wasm_module *m)
{
	/* The one thing in a module that is made later; modules are shared by
	 * threads, and the first image made is the one that all use. */
	struct wasm_image *_Atomic *where = (struct wasm_image *_Atomic *)&m->image;
	struct wasm_image *im = atomic_load_explicit(where, memory_order_acquire);
	struct wasm_image *before = NULL;

	if (!m->ndatas || (im && im != &once))
		return im;
	if (!im && atomic_compare_exchange_strong(where, &before, (struct wasm_image *)&once))
		return NULL;
	im = build(m);
	before = (struct wasm_image *)&once;
	if (im && !atomic_compare_exchange_strong(where, &before, im)) {
		wasm__image_destroy(im);
		im = before;
	}
	return im;
}

void wasm__image_destroy(struct wasm_image *im)
{
	if (!im || im == &once)
		return;
	for (uint32_t i = 0; i < im->nmemories; i++)
		mem_image_close(im->mem[i].fd);
	base_free(im);
}
