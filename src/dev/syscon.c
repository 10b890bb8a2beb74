/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SiFive test finisher: how a guest powers off, reboots or reports failure.
 *
 *      0       write 5555              power off
 *              write 7777              reboot
 *              write code << 16 | 3333 failure with a code
 *
 * Anything else reads 0 and is ignored.  Accepts 16-bit writes too, which
 * some firmware makes.  Stateless; what happens is the callback's decision.
 */
#include "dev/platform.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"

struct syscon {
	struct vm_dev dev;      /* first */
	syscon_fn *fn;
	void *ctx;
};

static bool syscon_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	(void)ctx;
	(void)off;
	(void)width;
	*val = 0;
	return true;
}

static bool syscon_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	struct syscon *s = ctx;

	if (off || width < 2)
		return true;
	switch (val & 0xffff) {
	case SYSCON_VALUE_POWEROFF:
		s->fn(s->ctx, SYSCON_POWEROFF, 0);
		break;
	case SYSCON_VALUE_REBOOT:
		s->fn(s->ctx, SYSCON_REBOOT, 0);
		break;
	case SYSCON_VALUE_FAIL:
		s->fn(s->ctx, SYSCON_FAIL, (unsigned)bits(val, 31, 16));
		break;
	}
	return true;
}

static const struct mem_mmio_ops syscon_mmio = { syscon_read, syscon_write };

static void syscon_reset(struct vm_dev *d)
{
	(void)d;
}

static void syscon_save(struct vm_dev *d, struct ser_writer *w)
{
	ser_begin(w, d->name, 1);
	ser_end(w);
}

static void syscon_load(struct vm_dev *d, struct ser_reader *r)
{
	if (ser_open(r, d->name, 1, 1))
		ser_close(r);
}

static void syscon_destroy(struct vm_dev *d)
{
	base_free(container_of(d, struct syscon, dev));
}

static const struct vm_dev_ops syscon_ops = {
	.reset = syscon_reset, .save = syscon_save, .load = syscon_load,
	.destroy = syscon_destroy,
};

struct syscon *syscon_create(struct vm_host *h, gpa_t base, syscon_fn *fn, void *ctx,
			     struct err *e)
{
	struct syscon *s = base_zalloc(sizeof(*s));

	if (!s) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	s->dev = (struct vm_dev){ .ops = &syscon_ops, .name = "syscon" };
	s->fn = fn;
	s->ctx = ctx;
	if (!mem_add_mmio(h->mem, base, SYSCON_SIZE, &syscon_mmio, s, 0, "syscon", e)) {
		base_free(s);
		return NULL;
	}
	vm_host_add(h, &s->dev);
	return s;
}
