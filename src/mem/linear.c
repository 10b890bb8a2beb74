/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear memories; see linear.h.
 *
 *     base            size       committed                          reserved
 *      | the guest's   | same page  | no access ....................... |
 *
 * Guarded memories reserve MEM__GUARDED bytes and need page sizes that are
 * multiples of the host's.  There is a bounded number of them, and the host may
 * have limited address space: the others reserve what they can get, at least
 * their size, and whoever accesses them compares with the size.
 */
#include "mem/linear.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/fail.h"
#include "base/lock.h"
#include "mem/fault.h"
#include "mem/park.h"

#define GIB (1ull << 30)
/* What memories without a guard reserve at most, if they are not larger. */
enum { RESERVE32_GIB = 4, RESERVE64_GIB = 64 };
/* When address space is short: less headroom than this is not worth having, and
 * would leave nothing for the next memory. */
enum { HEADROOM_LEAST = 16 << 20 };
enum { PAGE = 4096 };   /* of saved state */

struct mem_linear {
	uint8_t *base;
	atomic_uint_least64_t size;
	uint64_t max, committed, reserved;
	atomic_uint refs;
	int slot;               /* of the guarded range; -1: not guarded */
	uint8_t page_shift;
	bool shared, has_image;
	struct lock lock;       /* growth of a shared one */
	struct mem_park *park;  /* of a shared one */
};

static uint64_t host_page(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- address space ---- */

static uint8_t *reserve(uint64_t size)
{
	void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static bool reserve_guarded(struct mem_linear *m)
{
	struct mem__kept k;

	m->slot = mem__range_claim(&k);
	if (m->slot < 0)
		return false;
	m->base = k.base ? k.base : reserve(MEM__GUARDED);
	if (!m->base) {
		mem__range_free(m->slot, (struct mem__kept){ NULL, 0 });
		m->slot = -1;
		return false;
	}
	m->committed = k.committed;
	m->reserved = MEM__GUARDED;
	mem__range_set(m->slot, m->base);
	return true;
}

/* As much as there is, by quarters, and not less than the size. */
static bool reserve_checked(struct mem_linear *m, uint64_t size, bool is64)
{
	uint64_t page = host_page();
	uint64_t bound = (is64 ? RESERVE64_GIB : RESERVE32_GIB) * GIB;
	uint64_t least = size ? size : 1, want = MIN(m->max, bound);

	if (least > UINT64_MAX - page)
		return false;
	least = align_up(least, page);
	want = MAX(align_up(want, page), least);
	m->slot = -1;
	for (;;) {
		m->base = reserve(want);
		if (m->base) {
			m->reserved = want;
			return true;
		}
		if (want == least)
			return false;
		want = want / 4 < HEADROOM_LEAST ? least
						 : MAX(align_up(want / 4, page), least);
	}
}

/* More after the range, if nothing else is there. */
static bool extend(struct mem_linear *m, uint64_t end)
{
	uint64_t more = align_up(end, host_page()) - m->reserved;
	uint8_t *at = m->base + m->reserved;
	void *p = mmap(at, more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		       MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	if (p != at) { /* kernels before 4.17 take it as a hint */
		munmap(p, more);
		return false;
	}
	m->reserved += more;
	return true;
}

/* Accessible up to here; size 0 to begin with takes away what a reservation
 * that was kept had. */
static int commit(struct mem_linear *m, uint64_t size)
{
	uint64_t end = align_up(size, host_page());

	if (end > m->committed &&
	    mprotect(m->base + m->committed, end - m->committed, PROT_READ | PROT_WRITE))
		return -errno;
	if (end < m->committed && mprotect(m->base + end, m->committed - end, PROT_NONE))
		return -errno;
	m->committed = end;
	return 0;
}

static int map_image(struct mem_linear *m, const struct mem_linear_options *o)
{
	uint64_t n = align_up(MIN(o->image_size, o->size), host_page());

	if (o->image_fd < 0 || !n)
		return 0;
	if (mmap(m->base, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
		 o->image_fd, 0) == MAP_FAILED)
		return -errno;
	m->committed = MAX(m->committed, n);
	m->has_image = true;
	return 0;
}

/* ---- life ---- */

/* Zero again, and an image gone. */
static bool clear(struct mem_linear *m)
{
	if (!m->committed)
		return true;
	if (!m->has_image)
		return !madvise(m->base, m->committed, MADV_DONTNEED);
	m->has_image = false;
	return mmap(m->base, m->committed, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

static void destroy(struct mem_linear *m)
{
	bool kept = false;

	if (m->slot >= 0)
		kept = mem__range_free(m->slot, (struct mem__kept){
			clear(m) ? m->base : NULL, m->committed });
	if (m->base && !kept)
		munmap(m->base, m->reserved);
	lock_fini(&m->lock);
	mem_park_destroy(m->park);
	base_free(m);
}

struct mem_linear *mem_linear_create(const struct mem_linear_options *o, struct err *e)
{
	struct mem_linear *m = base_zalloc(sizeof(*m));
	bool guard = !o->is64 && o->page_shift < 32 && !((1ull << o->page_shift) % host_page());
	int r;

	if (!m) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	m->max = MAX(o->max, o->size);
	m->page_shift = o->page_shift;
	m->shared = o->shared;
	m->slot = -1;
	atomic_init(&m->refs, 1);
	lock_init(&m->lock, LOCK_RANK_MEM);
	if (m->shared && !(m->park = mem_park_create())) {
		err_set(e, ENOMEM, "out of memory");
		destroy(m);
		return NULL;
	}
	if (fail_now(FAIL_ALLOC) ||
	    (!(guard && o->size <= 4 * GIB && reserve_guarded(m)) &&
	     !reserve_checked(m, o->size, o->is64))) {
		err_set(e, ENOMEM, "no address space for %llu bytes of linear memory",
			(unsigned long long)o->size);
		destroy(m);
		return NULL;
	}
	r = map_image(m, o);
	if (!r)
		r = commit(m, o->size);
	if (r) {
		err_set(e, -r, "no memory for %llu bytes of linear memory",
			(unsigned long long)o->size);
		destroy(m);
		return NULL;
	}
	atomic_init(&m->size, o->size);
	return m;
}

struct mem_linear *mem_linear_ref(struct mem_linear *m)
{
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

void mem_linear_unref(struct mem_linear *m)
{
	if (m && atomic_fetch_sub(&m->refs, 1) == 1)
		destroy(m);
}

uint8_t *mem_linear_base(const struct mem_linear *m)
{
	return m->base;
}

uint64_t mem_linear_size(const struct mem_linear *m)
{
	return atomic_load_explicit(&m->size, memory_order_acquire);
}

struct mem_park *mem_linear_park(const struct mem_linear *m)
{
	return m->park;
}

bool mem_linear_guarded(const struct mem_linear *m)
{
	return m->slot >= 0;
}

static int64_t grow(struct mem_linear *m, uint64_t bytes)
{
	uint64_t old = mem_linear_size(m);

	if (bytes & ((1ull << m->page_shift) - 1) || bytes > m->max - old ||
	    fail_now(FAIL_ALLOC))
		return -1;
	/* No host has address space for half of 64 bits; align_up must not wrap. */
	if (old + bytes > m->reserved &&
	    (m->slot >= 0 || old + bytes > UINT64_MAX / 2 || !extend(m, old + bytes)))
		return -1;
	if (commit(m, old + bytes))
		return -1;
	/* Release: whoever sees the size may access the pages. */
	atomic_store_explicit(&m->size, old + bytes, memory_order_release);
	return (int64_t)old;
}

int64_t mem_linear_grow(struct mem_linear *m, uint64_t bytes)
{
	int64_t old;

	if (!m->shared)
		return grow(m, bytes);
	lock_take(&m->lock);
	old = grow(m, bytes);
	lock_drop(&m->lock);
	return old;
}

/* ---- images and areas ---- */

int mem_image_create(uint64_t size, uint8_t **map, struct err *e)
{
	int fd = fail_now(FAIL_IO) ? (errno = EMFILE, -1)
				   : memfd_create("wasm-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_sys(e, "cannot make a memory image");
	if (!ftruncate(fd, (off_t)align_up(size, host_page()))) {
		*map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (*map != MAP_FAILED)
			return fd;
	}
	int r = err_sys(e, "cannot make a memory image");

	close(fd);
	return r;
}

void mem_image_seal(int fd, uint8_t *map, uint64_t size)
{
	munmap(map, size);
	/* Instances map it: from here on it must stay as it is.  A kernel
	 * without seals leaves it open to nobody but this process. */
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
}

void mem_image_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

void *mem_area_map(uint64_t size)
{
	uint64_t page = host_page();
	uint8_t *p;

	if (fail_now(FAIL_ALLOC) || size > UINT64_MAX / 2)
		return NULL;
	size = align_up(size, page);
	p = reserve(size + page);
	if (p && mprotect(p, size, PROT_READ | PROT_WRITE)) {
		munmap(p, size + page);
		p = NULL;
	}
	return p;
}

void mem_area_unmap(void *p, uint64_t size)
{
	uint64_t page = host_page();

	if (p)
		munmap(p, align_up(size, page) + page);
}

void mem_area_will_fill(void *p, uint64_t n)
{
	/* Advice: kernels before 5.14 do without.  Not huge pages: where memory
	 * is in pieces, the kernel may take ten times longer to find some. */
#ifdef MADV_POPULATE_WRITE
	uint64_t page = host_page();
	uintptr_t from = align_up((uintptr_t)p, page), to = align_down((uintptr_t)p + n, page);

	if (from + 16 * page <= to)
		madvise((void *)from, to - from, MADV_POPULATE_WRITE);
#else
	(void)p, (void)n;
#endif
}

/* ---- saved state ----
 *
 *     u64 size, then runs: u64 first page, u32 pages (> 0), pages * 4096 bytes,
 *     ended by a run of 0 pages.  Pages of zeros are not written. */

static bool page_is_zero(const uint8_t *p)
{
	const uint64_t *w = (const uint64_t *)p;

	for (unsigned i = 0; i < PAGE / 8; i += 4)
		if (w[i] | w[i + 1] | w[i + 2] | w[i + 3])
			return false;
	return true;
}

void mem_linear_save(const struct mem_linear *m, struct ser_writer *w)
{
	uint64_t size = mem_linear_size(m), pages = align_up(size, PAGE) / PAGE;

	ser_u64(w, size);
	for (uint64_t p = 0; p < pages; p++) {
		uint32_t n = 0;

		while (p + n < pages && n < 1u << 16 && !page_is_zero(m->base + (p + n) * PAGE))
			n++;
		if (!n)
			continue;
		ser_u64(w, p);
		ser_u32(w, n);
		ser_bytes(w, m->base + p * PAGE, (size_t)n * PAGE);
		p += n - 1;
	}
	ser_u64(w, 0);
	ser_u32(w, 0);
}

void mem_linear_load(struct mem_linear *m, struct ser_reader *r)
{
	uint64_t size = ser_get_u64(r), old = mem_linear_size(m), pages, next = 0;

	if (!ser_check(r, size >= old, "memory smaller than the module's") ||
	    !ser_check(r, size == old || mem_linear_grow(m, size - old) >= 0,
		       "memory larger than its maximum, or than the host's") ||
	    !ser_check(r, clear(m), "no memory"))
		return;
	pages = align_up(size, PAGE) / PAGE;
	for (;;) {
		uint64_t p = ser_get_u64(r);
		uint32_t n = ser_get_u32(r);

		if (!n || !ser_check(r, p >= next && p < pages && n <= pages - p, "bad page run"))
			break;
		ser_get_bytes(r, m->base + p * PAGE, (size_t)n * PAGE);
		next = p + n;
	}
	/* Growth by small pages must find zeros. */
	memset(m->base + size, 0, m->committed - size);
}
