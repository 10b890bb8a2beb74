/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest-physical address space: RAM regions over memfd and an MMIO map.
 *
 * RAM is laid out while the machine is built and then never changes: its
 * lookups take no lock.  MMIO regions may move while the machine runs (PCI
 * BARs).  Where both claim an address, RAM wins: no BAR can shadow RAM.
 *
 * Every address and length that comes from a guest is checked here, once.
 * Guest RAM may change under the host at any time (other harts): copy what
 * you validate.
 */
#ifndef MEM_MEM_H
#define MEM_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/ser.h"

/* A guest-physical address; the one-field struct keeps it apart from the
 * other address spaces. */
typedef struct gpa {
	uint64_t a;
} gpa_t;
#define GPA(x) ((gpa_t){ (x) })

enum { MEM_PAGE_SHIFT = 12, MEM_PAGE = 1 << MEM_PAGE_SHIFT };

struct mem;

struct mem *mem_create(struct err *e);
void mem_destroy(struct mem *m); /* NULL is fine */

/* The machine's device lock (LOCK_RANK_IO).  Held during MMIO callbacks of
 * regions without MEM_UNLOCKED; event-loop and worker callbacks of such a
 * device take it themselves. */
struct lock *mem_io_lock(struct mem *m);

/* ---- RAM ------------------------------------------------------------- */

/* Add zeroed RAM; base and size page aligned.  Building time only. */
int mem_add_ram(struct mem *m, gpa_t base, uint64_t size, const char *name,
		struct err *e);
/* Read-only for the guest (flash, firmware): CPU stores fault, host writes
 * through mem_write() work. */
int mem_add_rom(struct mem *m, gpa_t base, uint64_t size, const char *name,
		struct err *e);

struct mem_ram {
	gpa_t base;
	uint64_t size;
	uint8_t *host;          /* size bytes, page aligned */
	int fd;                 /* memfd, offset 0 */
	bool readonly;
	const char *name;
	uint64_t *dirty;        /* one bit per page, set atomically */
};
/* The region that contains `a`, or NULL.  The pointer lives as long as m. */
const struct mem_ram *mem_find_ram(const struct mem *m, gpa_t a);
unsigned mem_ram_count(const struct mem *m);
const struct mem_ram *mem_ram_at(const struct mem *m, unsigned i);

/* Host address of [a, a+len) if that lies wholly in one writable-by-devices
 * RAM region (len 0: NULL), else NULL.  No overflow is possible. */
void *mem_ptr(const struct mem *m, gpa_t a, uint64_t len);
/* Note that the host wrote [a, a+len) through mem_ptr(). */
void mem_mark_dirty(const struct mem *m, gpa_t a, uint64_t len);
/* Copy from/to RAM (ROM too); false and nothing copied unless all of it is RAM. */
bool mem_read(const struct mem *m, gpa_t a, void *buf, uint64_t len);
bool mem_write(struct mem *m, gpa_t a, const void *buf, uint64_t len);

/* ---- MMIO ------------------------------------------------------------ */

/* `off` is relative to the region and off + width is inside it; width is
 * 1, 2, 4 or 8, off is a multiple of width.  Return false for an access
 * fault.  read: the value is zero-extended by the caller to 64 bits. */
struct mem_mmio_ops {
	bool (*read)(void *ctx, uint64_t off, unsigned width, uint64_t *val);
	bool (*write)(void *ctx, uint64_t off, unsigned width, uint64_t val);
};
enum {
	MEM_UNLOCKED = 1, /* the device does its own locking */
};
struct mem_mmio; /* opaque handle, owned by m */

/* Add a region; disabled regions are not found.  `name` is for traces and
 * is borrowed.  NULL on failure. */
struct mem_mmio *mem_add_mmio(struct mem *m, gpa_t base, uint64_t size,
			      const struct mem_mmio_ops *ops, void *ctx,
			      unsigned flags, const char *name, struct err *e);
/* Move, resize (size <= the first size) or enable/disable a region.  Any
 * thread; accesses that are under way finish at the old place. */
void mem_move_mmio(struct mem *m, struct mem_mmio *r, gpa_t base, bool enabled);

/* A CPU's access to something that is not RAM.  False: access fault. */
bool mem_mmio_read(struct mem *m, gpa_t a, unsigned width, uint64_t *val);
bool mem_mmio_write(struct mem *m, gpa_t a, unsigned width, uint64_t val);
/* A device's 32-bit write that may hit RAM or MMIO (an MSI).  False: nothing
 * is there. */
bool mem_dma_write32(struct mem *m, gpa_t a, uint32_t val);

/* ---- state ----------------------------------------------------------- */

/* Sections "ram": all non-zero pages of every region. */
void mem_save(struct mem *m, struct ser_writer *w);
void mem_load(struct mem *m, struct ser_reader *r);

#endif
