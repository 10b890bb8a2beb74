/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACLINT in the CLINT's layout (RISC-V ACLINT specification 1.0): machine
 * software interrupts and the machine timer.
 *
 *      0000 + 4 * hart         msip: bit 0 drives MIP.MSIP
 *      4000 + 8 * hart         mtimecmp, 64 bits or two halves
 *      bff8                    mtime, 64 bits or two halves
 *
 * The comparison mtime >= mtimecmp is made by the hart (or its sleeper), told
 * through ops.set_mtimecmp; time itself is the board's, so that rdtime and
 * mtime are one clock.  A write to half of mtimecmp keeps the other half.
 *
 * Relies on: its own lock.  Never takes the io lock.
 */
#include "dev/platform.h"

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"

enum { MSIP = 0x0, MTIMECMP = 0x4000, MTIME = 0xbff8 };

struct aclint {
	struct vm_dev dev;      /* first */
	struct lock lock;
	struct aclint_ops ops;
	unsigned harts;
	bool msip[PLATFORM_HARTS];
	uint64_t mtimecmp[PLATFORM_HARTS];
};

/* The addressed half or all of a 64-bit register. */
static uint64_t part_of(uint64_t reg, uint64_t off, unsigned width)
{
	return width == 8 ? reg : (uint32_t)(reg >> (off & 4) * 8);
}

static uint64_t replace_part(uint64_t reg, uint64_t off, unsigned width, uint64_t val)
{
	unsigned shift = (off & 4) * 8;

	if (width == 8)
		return val;
	return (reg & ~(0xffffffffull << shift)) | (val & 0xffffffff) << shift;
}

static bool is_msip(const struct aclint *a, uint64_t off, unsigned width)
{
	return width == 4 && off < MSIP + 4 * a->harts;
}

static bool is_mtimecmp(const struct aclint *a, uint64_t off)
{
	return off >= MTIMECMP && off < MTIMECMP + 8 * a->harts;
}

static bool is_mtime(uint64_t off)
{
	return off >= MTIME && off < MTIME + 8;
}

static bool aclint_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	struct aclint *a = ctx;

	if (width < 4)
		return false;
	*val = 0;
	if (is_mtime(off)) { /* no lock: the hot one */
		*val = part_of(a->ops.time(a->ops.ctx), off, width);
		return true;
	}
	lock_take(&a->lock);
	if (is_msip(a, off, width))
		*val = a->msip[off / 4];
	else if (is_mtimecmp(a, off))
		*val = part_of(a->mtimecmp[(off - MTIMECMP) / 8], off, width);
	lock_drop(&a->lock);
	return true;
}

static void write_locked(struct aclint *a, uint64_t off, unsigned width, uint64_t val)
{
	unsigned hart;

	if (is_msip(a, off, width)) {
		hart = (unsigned)off / 4;
		a->msip[hart] = val & 1;
		a->ops.set_msip(a->ops.ctx, hart, val & 1);
	} else if (is_mtimecmp(a, off)) {
		hart = (unsigned)(off - MTIMECMP) / 8;
		a->mtimecmp[hart] = replace_part(a->mtimecmp[hart], off, width, val);
		a->ops.set_mtimecmp(a->ops.ctx, hart, a->mtimecmp[hart]);
	} else if (is_mtime(off) && a->ops.set_time) {
		uint64_t now = a->ops.time(a->ops.ctx);

		a->ops.set_time(a->ops.ctx, replace_part(now, off, width, val));
	}
}

static bool aclint_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	struct aclint *a = ctx;

	if (width < 4)
		return false;
	lock_take(&a->lock);
	write_locked(a, off, width, val);
	lock_drop(&a->lock);
	return true;
}

static const struct mem_mmio_ops aclint_mmio = { aclint_read, aclint_write };

/* ---- life and state ------------------------------------------------------- */

static void tell_harts(struct aclint *a)
{
	for (unsigned i = 0; i < a->harts; i++) {
		a->ops.set_msip(a->ops.ctx, i, a->msip[i]);
		a->ops.set_mtimecmp(a->ops.ctx, i, a->mtimecmp[i]);
	}
}

static void aclint_reset(struct vm_dev *d)
{
	struct aclint *a = container_of(d, struct aclint, dev);

	lock_take(&a->lock);
	for (unsigned i = 0; i < a->harts; i++) {
		a->msip[i] = false;
		a->mtimecmp[i] = UINT64_MAX; /* no tick before firmware asks */
	}
	tell_harts(a);
	lock_drop(&a->lock);
}

static void aclint_save(struct vm_dev *d, struct ser_writer *w)
{
	struct aclint *a = container_of(d, struct aclint, dev);

	lock_take(&a->lock);
	ser_begin(w, d->name, 1);
	ser_u32(w, a->harts);
	for (unsigned i = 0; i < a->harts; i++) {
		ser_u8(w, a->msip[i]);
		ser_u64(w, a->mtimecmp[i]);
	}
	ser_end(w);
	lock_drop(&a->lock);
}

static void aclint_load(struct vm_dev *d, struct ser_reader *r)
{
	struct aclint *a = container_of(d, struct aclint, dev);

	if (!ser_open(r, d->name, 1, 1))
		return;
	if (ser_check(r, ser_get_u32(r) == a->harts, "another number of harts")) {
		lock_take(&a->lock);
		for (unsigned i = 0; i < a->harts; i++) {
			a->msip[i] = ser_get_u8(r) & 1;
			a->mtimecmp[i] = ser_get_u64(r);
		}
		tell_harts(a);
		lock_drop(&a->lock);
	}
	ser_close(r);
}

static void aclint_destroy(struct vm_dev *d)
{
	struct aclint *a = container_of(d, struct aclint, dev);

	lock_fini(&a->lock);
	base_free(a);
}

static const struct vm_dev_ops aclint_ops = {
	.reset = aclint_reset, .save = aclint_save, .load = aclint_load,
	.destroy = aclint_destroy,
};

struct aclint *aclint_create(struct vm_host *h, gpa_t base, unsigned harts,
			     const struct aclint_ops *ops, struct err *e)
{
	struct aclint *a = base_zalloc(sizeof(*a));

	assert(harts >= 1 && harts <= PLATFORM_HARTS);
	if (!a) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	a->dev = (struct vm_dev){ .ops = &aclint_ops, .name = "aclint" };
	a->ops = *ops;
	a->harts = harts;
	for (unsigned i = 0; i < harts; i++)
		a->mtimecmp[i] = UINT64_MAX;
	lock_init(&a->lock, LOCK_RANK_IRQ);
	if (!mem_add_mmio(h->mem, base, ACLINT_SIZE, &aclint_mmio, a, MEM_UNLOCKED,
			  "aclint", e)) {
		aclint_destroy(&a->dev);
		return NULL;
	}
	vm_host_add(h, &a->dev);
	return a;
}
