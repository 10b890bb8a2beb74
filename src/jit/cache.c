/* SPDX-License-Identifier: Apache-2.0 */
/* Regions of code in a memfd; see cache.h. */
#include "jit/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/lock.h"
#include "jit/cache_int.h"
#include "jit/lower.h"

enum { PAGE = 4096, ALIGN = 64, LINES = 64 };

/* ---- writing ------------------------------------------------------------------------ */

static int write_at(struct jit_cache *c, const void *p, size_t n, size_t at, struct err *e)
{
	while (n) {
		ssize_t k = pwrite(c->fd, p, n, (off_t)at);

		if (k <= 0)
			return err_sys(e, "code cache");
		p = (const char *)p + k;
		at += (size_t)k;
		n -= (size_t)k;
	}
	return 0;
}

int jit_cache_patch(struct jit_cache *c, const uint8_t *at, uint32_t value)
{
	size_t off = (size_t)(at - c->rx), page = off & ~(size_t)(PAGE - 1);
	uint8_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, (off_t)page);

	if (p == MAP_FAILED)
		return -ENOMEM;
	atomic_store_explicit((_Atomic uint32_t *)(void *)(p + (off - page)), value, memory_order_release);
	munmap(p, PAGE);
	c->stats.patches++;
	return 0;
}

/* ---- regions -------------------------------------------------------------------------- */

static void free_code(struct jit_code *code)
{
	base_free(code->fault);
	base_free(code->site);
	base_free(code);
}

/* Empty the oldest region, for the next code. */
static void evict(struct jit_cache *c, unsigned r)
{
	struct jit__region *g = &c->region[r];

	/* Readers of find() look at the index under the sequence lock. */
	atomic_fetch_add(&c->seq, 1);
	memset(g->line, 0, g->nlines * sizeof(*g->line));
	while (g->code) {
		struct jit_code *next = g->code->next;

		if (c->evict)
			c->evict(g->code, c->arg);
		c->stats.evicted++;
		c->stats.bytes -= g->code->size;
		c->stats.units--;
		free_code(g->code);
		g->code = next;
	}
	g->used = 0;
	atomic_fetch_add(&c->seq, 1);
}

static size_t region_base(const struct jit_cache *c, unsigned r) { return c->reserved + r * c->region_size; }

static uint8_t *reserve(struct jit_cache *c, uint32_t size, unsigned *region)
{
	size_t n = align_up(size, ALIGN);
	struct jit__region *g = &c->region[c->cur];

	if (n > c->region_size)
		return NULL;
	if (c->region_size - g->used < n) {
		c->cur = (c->cur + 1) % c->nregions;
		evict(c, c->cur);
		g = &c->region[c->cur];
	}
	*region = c->cur;
	g->used += n;
	return c->rx + region_base(c, c->cur) + g->used - n;
}

static struct jit_code *make(const void *bytes, uint32_t size, const char *name, uint64_t cookie,
			     const struct jit_fault *fault, uint32_t nfault, const uint32_t *site, uint32_t nsites)
{
	struct jit_code *code = base_zalloc(sizeof(*code));

	(void)bytes;
	if (!code)
		return NULL;
	code->size = size;
	code->cookie = cookie;
	code->nfault = nfault;
	code->nsites = nsites;
	snprintf(code->name, sizeof(code->name), "%s", name);
	code->fault = base_calloc(nfault + 1, sizeof(*fault));
	code->site = base_calloc(nsites + 1, sizeof(*site));
	if (!code->fault || !code->site) {
		free_code(code);
		return NULL;
	}
	memcpy(code->fault, fault, nfault * sizeof(*fault));
	memcpy(code->site, site, nsites * sizeof(*site));
	return code;
}

int jit_cache_add(struct jit_cache *c, const void *bytes, uint32_t size, const char *name, uint64_t cookie,
		  const struct jit_fault *fault, uint32_t nfault, const uint32_t *site, uint32_t nsites,
		  struct jit_code **out, struct err *e)
{
	struct jit_code *code = make(bytes, size, name, cookie, fault, nfault, site, nsites);
	unsigned region;
	uint8_t *at;
	int r;

	if (!code)
		return err_set(e, ENOMEM, "out of memory");
	pthread_mutex_lock(&c->lock);
	at = reserve(c, size, &region);
	if (!at) {
		pthread_mutex_unlock(&c->lock);
		free_code(code);
		return err_set(e, ENOSPC, "code of %u bytes is larger than a region of the code cache", size);
	}
	code->entry = at;
	code->region = region;
	r = write_at(c, bytes, size, (size_t)(at - c->rx), e);
	if (!r) {
		struct jit__region *g = &c->region[region];
		size_t line = ((size_t)(at - c->rx) - region_base(c, region)) / ALIGN;

		code->next = g->code;
		g->code = code;
		/* One entry for each line of 64 bytes that it covers. */
		for (size_t k = 0; k < (size + ALIGN - 1) / ALIGN; k++)
			atomic_store_explicit(&g->line[line + k], code, memory_order_release);
		c->stats.bytes += size;
		c->stats.units++;
		jit__perf_add(c, code);
		*out = code;
	}
	pthread_mutex_unlock(&c->lock);
	if (r)
		free_code(code);
	return r;
}

/* ---- looking up, from signal handlers ------------------------------------------------- */

static const struct jit_code *find(const struct jit_cache *c, const void *pc)
{
	size_t off = (size_t)((const uint8_t *)pc - c->rx) - c->reserved, r;

	if ((const uint8_t *)pc < c->rx + c->reserved || off >= c->region_size * c->nregions)
		return NULL;
	r = off / c->region_size;
	return atomic_load_explicit(&c->region[r].line[off % c->region_size / ALIGN], memory_order_acquire);
}

const void *jit_cache_fault(const struct jit_cache *c, const void *pc, const struct jit_code **out)
{
	const struct jit_code *code = find(c, pc);
	uint32_t at, lo = 0, hi;

	if (out)
		*out = code;
	if (!code)
		return NULL;
	at = (uint32_t)((const uint8_t *)pc - code->entry);
	for (hi = code->nfault; lo < hi;) {
		uint32_t mid = (lo + hi) / 2;

		if (code->fault[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < code->nfault && code->fault[lo].at == at ? code->entry + code->fault[lo].to : NULL;
}

/* ---- making ---------------------------------------------------------------------------- */

static int trampoline(struct jit_cache *c, uint32_t ctx, struct err *e)
{
	const struct jit_target *t = jit__host();
	struct arena arena;
	struct jit_out out = { .arena = &arena };
	struct jit_options o = { .ctx = ctx };
	int r = 0;

	if (!t)
		return err_set(e, ENOTSUP, "no translator for this kind of host");
	arena_init(&arena, 0);
	if (!t->enter(&o, &out))
		r = err_set(e, ENOMEM, "out of memory");
	else if (out.size > PAGE)
		r = err_set(e, ENOSPC, "the trampoline is too long");
	else
		r = write_at(c, out.bytes, out.size, 0, e);
	arena_fini(&arena);
	return r;
}

static int map(struct jit_cache *c, struct err *e)
{
	size_t size = c->reserved + c->region_size * c->nregions;
	void *p;

	c->fd = memfd_create("doppel-code", MFD_CLOEXEC);
	if (c->fd < 0)
		return err_sys(e, "code cache");
	if (ftruncate(c->fd, (off_t)size))
		return err_sys(e, "code cache");
	p = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, c->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "code cache");
	c->rx = p;
	c->size = size;
	return 0;
}

struct jit_cache *jit_cache_create(const struct jit_cache_options *o, struct err *e)
{
	struct jit_cache *c = base_zalloc(sizeof(*c));
	bool ok;

	if (!c) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	c->fd = -1;
	pthread_mutex_init(&c->lock, NULL);
	c->nregions = MIN(o->regions ? o->regions : 8u, (unsigned)JIT__REGIONS);
	c->reserved = PAGE;
	c->region_size = MAX(align_up(o->size / c->nregions, PAGE), (uint64_t)PAGE);
	c->evict = o->evict;
	c->arg = o->arg;
	ok = !map(c, e) && !trampoline(c, o->ctx, e);
	for (unsigned r = 0; r < c->nregions && ok; r++) {
		c->region[r].nlines = c->region_size / ALIGN;
		c->region[r].line = base_calloc(c->region[r].nlines, sizeof(*c->region[r].line));
		ok = c->region[r].line;
		if (!ok)
			err_set(e, ENOMEM, "out of memory");
	}
	if (ok && !jit__perf_open(c, o, e))
		return c;
	jit_cache_destroy(c);
	return NULL;
}

void jit_cache_destroy(struct jit_cache *c)
{
	if (!c)
		return;
	c->evict = NULL;
	for (unsigned r = 0; r < c->nregions; r++) {
		if (c->region[r].line)
			evict(c, r);
		base_free(c->region[r].line);
	}
	jit__perf_close(c);
	if (c->rx)
		munmap(c->rx, c->size);
	if (c->fd >= 0)
		close(c->fd);
	pthread_mutex_destroy(&c->lock);
	base_free(c);
}

const void *jit_cache_enter(const struct jit_cache *c) { return c->rx; }

void jit_cache_stats(struct jit_cache *c, struct jit_cache_stats *st)
{
	pthread_mutex_lock(&c->lock);
	*st = c->stats;
	pthread_mutex_unlock(&c->lock);
}
