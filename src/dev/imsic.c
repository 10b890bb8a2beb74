/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMSIC, the memory side (RISC-V AIA 1.0, 3.5): one page per hart.
 *
 *      page + 0        write: message id, little-endian (seteipnum_le)
 *      page + 4        write: message id, big-endian    (seteipnum_be)
 *
 * Reads give 0.  The interrupt files themselves are state of the harts and
 * reached by CSRs; a message is handed to the hart at once.  No guest files.
 *
 * Stateless and lockless: any thread may send.  Never takes the io lock, so a
 * device may send while it holds it.
 */
#include "dev/imsic.h"

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"

enum { SETEIPNUM_LE = 0, SETEIPNUM_BE = 4 };

struct imsic {
	struct vm_dev dev;      /* first */
	uint64_t base;
	unsigned harts;
	bool m_level;
	struct imsic_ops ops;
};

bool imsic__send_hart(struct imsic *s, unsigned hart, uint32_t id)
{
	if (hart >= s->harts)
		return false;
	/* Ids that are not implemented are ignored (3.5). */
	if (id < 1 || id > IMSIC_IDS)
		return true;
	log_trace(IRQ, "imsic: hart %u %c-mode message %u", hart, s->m_level ? 'M' : 'S', id);
	s->ops.message(s->ops.ctx, hart, s->m_level, id);
	return true;
}

bool imsic__send(struct imsic *s, uint64_t addr, uint32_t id)
{
	uint64_t off = addr - s->base;

	if (off >= (uint64_t)s->harts * IMSIC_STRIDE || off % IMSIC_STRIDE != SETEIPNUM_LE)
		return false;
	return imsic__send_hart(s, (unsigned)(off / IMSIC_STRIDE), id);
}

static bool imsic_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	(void)ctx, (void)off;
	*val = 0;
	return width == 4;
}

static bool imsic_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	struct imsic *s = ctx;
	unsigned hart = (unsigned)(off / IMSIC_STRIDE);

	if (width != 4)
		return false;
	if (off % IMSIC_STRIDE == SETEIPNUM_LE)
		imsic__send_hart(s, hart, (uint32_t)val);
	else if (off % IMSIC_STRIDE == SETEIPNUM_BE)
		imsic__send_hart(s, hart, be32((uint32_t)val));
	return true;
}

static const struct mem_mmio_ops imsic_mmio = { imsic_read, imsic_write };

/* ---- life: there is no state ------------------------------------------------ */

static void imsic_reset(struct vm_dev *d)
{
	(void)d;
}

static void imsic_save(struct vm_dev *d, struct ser_writer *w)
{
	(void)d, (void)w;
}

static void imsic_load(struct vm_dev *d, struct ser_reader *r)
{
	(void)d, (void)r;
}

static void imsic_destroy(struct vm_dev *d)
{
	base_free(container_of(d, struct imsic, dev));
}

static const struct vm_dev_ops imsic_dev_ops = {
	.reset = imsic_reset, .save = imsic_save, .load = imsic_load, .destroy = imsic_destroy,
};

struct imsic *imsic_create(struct vm_host *h, gpa_t base, unsigned harts, bool m_level,
			   const struct imsic_ops *ops, struct err *e)
{
	struct imsic *s = base_zalloc(sizeof(*s));

	assert(harts >= 1 && harts <= PLATFORM_HARTS);
	if (!s) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	s->dev = (struct vm_dev){ .ops = &imsic_dev_ops, .name = "imsic-s" };
	if (m_level)
		s->dev.name[6] = 'm';
	s->base = base.a;
	s->harts = harts;
	s->m_level = m_level;
	s->ops = *ops;
	if (!mem_add_mmio(h->mem, base, (uint64_t)harts * IMSIC_STRIDE, &imsic_mmio, s,
			  MEM_UNLOCKED, s->dev.name, e)) {
		base_free(s);
		return NULL;
	}
	vm_host_add(h, &s->dev);
	return s;
}
