/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM in the snapshot stream.  Section "ram", version 1:
 *     u32 regions; for each: u64 base, u64 size,
 *         then runs: u32 first page, u32 pages (> 0), pages * 4096 bytes,
 *         ended by a run of 0 pages.
 * Pages that hold only zeros are not written.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "mem/mem.h"

enum { VERSION = 1 };

static bool page_is_zero(const uint8_t *p)
{
	const uint64_t *w = (const uint64_t *)p;

	for (unsigned i = 0; i < MEM_PAGE / 8; i += 4)
		if (w[i] | w[i + 1] | w[i + 2] | w[i + 3])
			return false;
	return true;
}

/* The next extent of pages that the host has allocated, from page *p on;
 * the rest are zeros, and to look at them would allocate them.  False: none. */
static bool next_extent(const struct mem_ram *r, uint64_t *p, uint64_t *end)
{
	uint64_t pages = r->size >> MEM_PAGE_SHIFT;
	off_t data = lseek(r->fd, (off_t)(*p << MEM_PAGE_SHIFT), SEEK_DATA), hole;

	if (*p >= pages || (data < 0 && errno == ENXIO))
		return false;
	hole = data < 0 ? -1 : lseek(r->fd, data, SEEK_HOLE);
	*end = hole < 0 ? pages : align_up((uint64_t)hole, MEM_PAGE) >> MEM_PAGE_SHIFT;
	if (hole >= 0)
		*p = (uint64_t)data >> MEM_PAGE_SHIFT;
	return true;
}

static void save_extent(const struct mem_ram *r, uint64_t p, uint64_t end,
			struct ser_writer *w)
{
	while (p < end) {
		uint64_t n = 0;

		while (p + n < end && !page_is_zero(r->host + (p + n) * MEM_PAGE))
			n++;
		if (n) {
			ser_u32(w, (uint32_t)p);
			ser_u32(w, (uint32_t)n);
			ser_bytes(w, r->host + p * MEM_PAGE, n * MEM_PAGE);
		}
		p += n + 1;
	}
}

static void save_region(const struct mem_ram *r, struct ser_writer *w)
{
	uint64_t end;

	for (uint64_t p = 0; next_extent(r, &p, &end); p = end)
		save_extent(r, p, end, w);
	ser_u32(w, 0);
	ser_u32(w, 0);
}

void mem_save(struct mem *m, struct ser_writer *w)
{
	ser_begin(w, "ram", VERSION);
	ser_u32(w, mem_ram_count(m));
	for (unsigned i = 0; i < mem_ram_count(m); i++) {
		const struct mem_ram *r = mem_ram_at(m, i);

		ser_u64(w, r->base.a);
		ser_u64(w, r->size);
		save_region(r, w);
	}
	ser_end(w);
}

static void load_region(const struct mem_ram *r, struct ser_reader *in)
{
	uint64_t pages = r->size >> MEM_PAGE_SHIFT;

	/* Fresh zero pages; RAM that was never touched stays unallocated. */
	madvise(r->host, r->size, MADV_REMOVE);
	for (;;) {
		uint32_t first = ser_get_u32(in), n = ser_get_u32(in);

		if (!n || !ser_check(in, first < pages && n <= pages - first,
				     "RAM run outside its region"))
			return;
		ser_get_bytes(in, r->host + (uint64_t)first * MEM_PAGE,
			      (uint64_t)n * MEM_PAGE);
	}
}

void mem_load(struct mem *m, struct ser_reader *r)
{
	if (!ser_open(r, "ram", VERSION, VERSION))
		return;
	if (ser_check(r, ser_get_u32(r) == mem_ram_count(m), "other memory regions"))
		for (unsigned i = 0; i < mem_ram_count(m) && !r->err.code; i++) {
			const struct mem_ram *ram = mem_ram_at(m, i);
			uint64_t base = ser_get_u64(r), size = ser_get_u64(r);

			if (ser_check(r, base == ram->base.a && size == ram->size,
				      "other memory size"))
				load_region(ram, r);
		}
	ser_close(r);
}
