/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest-physical map: a short array of RAM regions that is constant once
 * the machine is built, and an array of MMIO regions behind a read-write
 * lock.  The lock is never held during a device's callback, so a callback
 * may move regions (a BAR written through the configuration space).
 */
#include "mem/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"

enum { RAM_MAX = 8, MMIO_MAX = 512 };

struct mem_mmio {
	uint64_t base, size, max_size;
	const struct mem_mmio_ops *ops;
	void *ctx;
	unsigned flags;
	bool enabled;
	const char *name;
};

struct mem {
	struct mem_ram ram[RAM_MAX];
	unsigned nram;
	struct lock io;
	pthread_rwlock_t map_lock; /* guards mmio[]; innermost, no callbacks inside */
	struct mem_mmio *mmio[MMIO_MAX];
	unsigned nmmio;
};

struct mem *mem_create(struct err *e)
{
	struct mem *m = base_zalloc(sizeof(*m));

	if (!m) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	lock_init(&m->io, LOCK_RANK_IO);
	pthread_rwlock_init(&m->map_lock, NULL);
	return m;
}

void mem_destroy(struct mem *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->nram; i++) {
		munmap(m->ram[i].host, m->ram[i].size);
		close(m->ram[i].fd);
		base_free(m->ram[i].dirty);
	}
	for (unsigned i = 0; i < m->nmmio; i++)
		base_free(m->mmio[i]);
	pthread_rwlock_destroy(&m->map_lock);
	lock_fini(&m->io);
	base_free(m);
}

struct lock *mem_io_lock(struct mem *m)
{
	return &m->io;
}

/* ---- RAM ------------------------------------------------------------- */

static uint64_t dirty_words(uint64_t size)
{
	return align_up(size >> MEM_PAGE_SHIFT, 64) / 64;
}

static int add_ram(struct mem *m, gpa_t base, uint64_t size, const char *name,
		   bool readonly, struct err *e)
{
	assert(!(base.a & (MEM_PAGE - 1)) && !(size & (MEM_PAGE - 1)));
	if (!size || base.a + size < base.a || m->nram == RAM_MAX)
		return err_set(e, EINVAL, "memory region %s: bad size %#llx at %#llx",
			       name, (unsigned long long)size, (unsigned long long)base.a);

	base_autofd int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return err_sys(e, "%llu MiB of guest memory",
			       (unsigned long long)(size >> 20));
	base_auto uint64_t *dirty = base_calloc(dirty_words(size), 8);

	if (!dirty)
		return err_set(e, ENOMEM, "out of memory");
	void *host = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (host == MAP_FAILED)
		return err_sys(e, "mapping %llu MiB of guest memory",
			       (unsigned long long)(size >> 20));
	m->ram[m->nram++] = (struct mem_ram){
		.base = base, .size = size, .host = host, .readonly = readonly,
		.name = name, .fd = base_steal_fd(&fd), .dirty = base_steal(&dirty),
	};
	return 0;
}

int mem_add_ram(struct mem *m, gpa_t base, uint64_t size, const char *name,
		struct err *e)
{
	return add_ram(m, base, size, name, false, e);
}

int mem_add_rom(struct mem *m, gpa_t base, uint64_t size, const char *name,
		struct err *e)
{
	return add_ram(m, base, size, name, true, e);
}

const struct mem_ram *mem_find_ram(const struct mem *m, gpa_t a)
{
	for (unsigned i = 0; i < m->nram; i++)
		if (a.a - m->ram[i].base.a < m->ram[i].size)
			return &m->ram[i];
	return NULL;
}

unsigned mem_ram_count(const struct mem *m)
{
	return m->nram;
}

const struct mem_ram *mem_ram_at(const struct mem *m, unsigned i)
{
	return &m->ram[i];
}

/* The region that holds all of [a, a+len), len > 0. */
static const struct mem_ram *find_span(const struct mem *m, gpa_t a, uint64_t len)
{
	const struct mem_ram *r = mem_find_ram(m, a);

	return r && len && len <= r->size - (a.a - r->base.a) ? r : NULL;
}

void *mem_ptr(const struct mem *m, gpa_t a, uint64_t len)
{
	const struct mem_ram *r = find_span(m, a, len);

	return r && !r->readonly ? r->host + (a.a - r->base.a) : NULL;
}

static void mark_dirty(const struct mem_ram *r, uint64_t off, uint64_t len)
{
	uint64_t last = (off + len - 1) >> MEM_PAGE_SHIFT;

	for (uint64_t p = off >> MEM_PAGE_SHIFT; p <= last; p++)
		__atomic_fetch_or(&r->dirty[p / 64], BIT(p % 64), __ATOMIC_RELAXED);
}

void mem_mark_dirty(const struct mem *m, gpa_t a, uint64_t len)
{
	const struct mem_ram *r = find_span(m, a, len);

	if (r)
		mark_dirty(r, a.a - r->base.a, len);
}

bool mem_read(const struct mem *m, gpa_t a, void *buf, uint64_t len)
{
	const struct mem_ram *r = find_span(m, a, len);

	if (!r)
		return !len;
	memcpy(buf, r->host + (a.a - r->base.a), len);
	return true;
}

bool mem_write(struct mem *m, gpa_t a, const void *buf, uint64_t len)
{
	const struct mem_ram *r = find_span(m, a, len);

	if (!r)
		return !len;
	memcpy(r->host + (a.a - r->base.a), buf, len);
	mark_dirty(r, a.a - r->base.a, len);
	return true;
}

/* ---- MMIO ------------------------------------------------------------ */

struct mem_mmio *mem_add_mmio(struct mem *m, gpa_t base, uint64_t size,
			      const struct mem_mmio_ops *ops, void *ctx,
			      unsigned flags, const char *name, struct err *e)
{
	struct mem_mmio *r = base_zalloc(sizeof(*r));
	bool full;

	if (!r) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*r = (struct mem_mmio){ .base = base.a, .size = size, .max_size = size,
				.ops = ops, .ctx = ctx, .flags = flags,
				.enabled = true, .name = name };
	pthread_rwlock_wrlock(&m->map_lock);
	full = m->nmmio == MMIO_MAX;
	if (!full)
		m->mmio[m->nmmio++] = r;
	pthread_rwlock_unlock(&m->map_lock);
	if (full) {
		base_free(r);
		err_set(e, ENOSPC, "device %s: the memory map is full", name);
		return NULL;
	}
	return r;
}

void mem_move_mmio(struct mem *m, struct mem_mmio *r, gpa_t base, bool enabled)
{
	pthread_rwlock_wrlock(&m->map_lock);
	r->base = base.a;
	r->enabled = enabled && base.a + (r->size - 1) >= base.a;
	pthread_rwlock_unlock(&m->map_lock);
}

/* Copy of the region that decodes [a, a+width); the first added wins. */
static bool find_mmio(struct mem *m, gpa_t a, unsigned width, struct mem_mmio *out)
{
	bool found = false;

	pthread_rwlock_rdlock(&m->map_lock);
	for (unsigned i = 0; i < m->nmmio && !found; i++) {
		struct mem_mmio *r = m->mmio[i];

		if (r->enabled && a.a - r->base < r->size &&
		    width <= r->size - (a.a - r->base)) {
			*out = *r;
			found = true;
		}
	}
	pthread_rwlock_unlock(&m->map_lock);
	return found;
}

bool mem_mmio_read(struct mem *m, gpa_t a, unsigned width, uint64_t *val)
{
	struct mem_mmio r;
	bool ok;

	*val = 0;
	if ((a.a & (width - 1)) || !find_mmio(m, a, width, &r))
		return false;
	if (!(r.flags & MEM_UNLOCKED))
		lock_take(&m->io);
	ok = r.ops->read(r.ctx, a.a - r.base, width, val);
	if (!(r.flags & MEM_UNLOCKED))
		lock_drop(&m->io);
	if (width < 8)
		*val &= BIT(8 * width) - 1;
	log_trace(MMIO, "read%u %s+%#llx = %#llx%s", 8 * width, r.name,
		  (unsigned long long)(a.a - r.base), (unsigned long long)*val,
		  ok ? "" : " (fault)");
	return ok;
}

bool mem_mmio_write(struct mem *m, gpa_t a, unsigned width, uint64_t val)
{
	struct mem_mmio r;
	bool ok;

	if ((a.a & (width - 1)) || !find_mmio(m, a, width, &r))
		return false;
	if (width < 8)
		val &= BIT(8 * width) - 1;
	log_trace(MMIO, "write%u %s+%#llx = %#llx", 8 * width, r.name,
		  (unsigned long long)(a.a - r.base), (unsigned long long)val);
	if (!(r.flags & MEM_UNLOCKED))
		lock_take(&m->io);
	ok = r.ops->write(r.ctx, a.a - r.base, width, val);
	if (!(r.flags & MEM_UNLOCKED))
		lock_drop(&m->io);
	return ok;
}

/*
 * The caller is a device and holds the io lock, so only regions that lock
 * for themselves can be the target: a message that loops back into a locked
 * device's registers is dropped, as a root complex drops peer writes that it
 * does not route.
 */
bool mem_dma_write32(struct mem *m, gpa_t a, uint32_t val)
{
	struct mem_mmio r;

	if (a.a & 3)
		return false;
	if (mem_ptr(m, a, 4)) {
		val = le32(val);
		return mem_write(m, a, &val, 4);
	}
	if (!find_mmio(m, a, 4, &r) || !(r.flags & MEM_UNLOCKED))
		return false;
	return r.ops->write(r.ctx, a.a - r.base, 4, val);
}
