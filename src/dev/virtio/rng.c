/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio entropy device (virtio 1.2, 5.4): one queue of writable buffers.
 *
 * Relies on host/entropy.h, which never blocks.  Never gives more than
 * RNG_MAX bytes for one buffer (5.4.6.2 asks for one at least), so that a
 * chain of 4 GiB is not an hour's work.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "dev/virtio/virtio.h"
#include "host/entropy.h"

enum { RNG_ID = 4, RNG_QUEUE = 64, RNG_MAX = 4096 };

struct rng {
	struct virtio v;
	struct entropy *source;
};

static void rng_notify(struct virtio *v, unsigned q)
{
	struct rng *r = container_of(v, struct rng, v);
	uint8_t buf[RNG_MAX];
	struct virtq_chain *c;

	while ((c = virtq_pop(v, q))) {
		size_t n = MIN(c->in_len, (uint64_t)RNG_MAX);

		entropy_fill(r->source, buf, n);
		virtq_push(v, q, c, virtq_write(c, 0, buf, n));
	}
}

static void rng_reset(struct virtio *v)
{
	(void)v; /* no state, nothing in flight */
}

static void rng_queue_reset(struct virtio *v, unsigned q)
{
	(void)v;
	(void)q;
}

/* A seeded source is part of what makes two runs equal. */
static void rng_save(struct virtio *v, struct ser_writer *w)
{
	entropy_save(container_of(v, struct rng, v)->source, w);
}

static void rng_load(struct virtio *v, struct ser_reader *r)
{
	entropy_load(container_of(v, struct rng, v)->source, r);
}

static void rng_destroy(struct virtio *v)
{
	virtio_fini(v);
	base_free(container_of(v, struct rng, v));
}

static const struct virtio_type rng_type = {
	.name = "rng", .id = RNG_ID, .pci_class = 0x00ff00,
	.notify = rng_notify, .reset = rng_reset, .queue_reset = rng_queue_reset,
	.save = rng_save, .load = rng_load, .destroy = rng_destroy,
};

struct virtio *virtio_rng_create(struct vm_host *h, const char *name, struct entropy *s,
				 struct err *e)
{
	static const uint16_t max[1] = { RNG_QUEUE };
	struct rng *r = base_zalloc(sizeof(*r));

	if (!r) {
		err_set(e, ENOMEM, "%s: out of memory", name);
		return NULL;
	}
	if (virtio_init(&r->v, &rng_type, h, name, 0, 0, 1, max, e)) {
		base_free(r);
		return NULL;
	}
	r->source = s;
	return &r->v;
}
