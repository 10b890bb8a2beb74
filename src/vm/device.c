/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a machine's devices and what is asked of all of them. */
#include "vm/device.h"

#include <assert.h>

void vm_host_add(struct vm_host *h, struct vm_dev *d)
{
	struct vm_dev **p = &h->devices;

	assert(d->ops && d->name[0]);
	while (*p)
		p = &(*p)->next;
	d->next = NULL;
	*p = d;
}

void vm_host_reset(struct vm_host *h)
{
	lock_take(h->io);
	for (struct vm_dev *d = h->devices; d; d = d->next)
		d->ops->reset(d);
	lock_drop(h->io);
}

void vm_host_drain(struct vm_host *h)
{
	for (struct vm_dev *d = h->devices; d; d = d->next)
		if (d->ops->drain)
			d->ops->drain(d);
}

void vm_host_save(struct vm_host *h, struct ser_writer *w)
{
	lock_take(h->io);
	for (struct vm_dev *d = h->devices; d; d = d->next)
		d->ops->save(d, w);
	lock_drop(h->io);
}

void vm_host_load(struct vm_host *h, struct ser_reader *r)
{
	lock_take(h->io);
	for (struct vm_dev *d = h->devices; d && !r->err.code; d = d->next)
		d->ops->load(d, r);
	lock_drop(h->io);
}

static void destroy_newest_first(struct vm_dev *d)
{
	if (!d)
		return;
	destroy_newest_first(d->next);
	d->ops->destroy(d);
}

void vm_host_destroy_devices(struct vm_host *h)
{
	struct vm_dev *d = h->devices;

	h->devices = NULL;
	destroy_newest_first(d);
}
