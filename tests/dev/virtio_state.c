/* SPDX-License-Identifier: Apache-2.0 */
/* Saved and loaded state: work goes on in another machine as if nothing had
 * happened, and a forged snapshot is refused. */
#include "virtio_driver.h"

enum { SIZE = 8, ROUNDS = 400 };

static uint32_t seed;
static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 4) * n >> 28);
}

static struct rig *open_rig(unsigned kind)
{
	return rig_open(kind & 1);
}
static uint64_t features(unsigned kind)
{
	return (kind & 2 ? VIRTIO_F_RING_PACKED : 0) | (kind & 4 ? VIRTIO_F_EVENT_IDX : 0) |
	       VIRTIO_F_INDIRECT_DESC;
}

static void save(struct rig *r, struct ser_writer *w)
{
	ser_writer_init(w);
	vm_host_drain(&r->f.host);
	mem_save(r->f.host.mem, w);
	vm_host_save(&r->f.host, w);
	CHECK(!w->failed);
}
static int load(struct rig *r, const void *p, size_t n)
{
	struct ser_reader sr;

	ser_reader_init(&sr, p, n);
	mem_load(r->f.host.mem, &sr);
	vm_host_load(&r->f.host, &sr);
	return ser_error(&sr, NULL);
}

/* A new machine with the state and the driver of the old one. */
static struct rig *move_rig(struct rig *old, unsigned kind)
{
	struct rig *r = open_rig(kind);
	struct ser_writer w;

	save(old, &w);
	CHECK_EQ(load(r, w.buf, w.len), 0);
	ser_writer_fini(&w);
	memcpy(r->d.ring, old->d.ring, sizeof(r->d.ring));
	r->d.heap = old->d.heap;
	r->d.features = old->d.features;
	rig_close(old);
	return r;
}

/* Random work; at every point where `moves` says so the machine is replaced.
 * Returns a digest of everything that the driver saw. */
static uint64_t work(unsigned kind, bool moves)
{
	struct rig *r = open_rig(kind);
	uint64_t mem, digest = 0;
	uint32_t len;

	seed = kind + 1;
	drv_start(&r->d, features(kind), 1, kind & 2 ? 7 : 8);
	mem = heap(&r->d, 4096, 64);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct buf b[3] = { { mem + rnd(1000), 1 + rnd(100) },
				    { mem + 2000 + rnd(500), rnd(100) },
				    { mem + 3000 + rnd(500), 1 + rnd(100) } };
		unsigned what = rnd(8), indirect = rnd(2);
		int id = -1;

		*(uint8_t *)ram(&r->d, b[0].a, 1) = i;
		if (what < 3)
			id = ring_add(&r->d, 0, b, 1, 3, indirect);
		else if (what < 5)
			id = ring_kick(&r->d, 0);
		else if (what < 7)
			id = ring_get(&r->d, 0, &len);
		else
			id = interrupted(&r->d, 0) + 2 * broken(&r->d);
		digest = digest * 31 + (uint64_t)id;
		if (moves && i % 7 == 3)
			r = move_rig(r, kind);
	}
	digest = digest * 31 + reg(&r->d, R_STATUS);
	for (unsigned i = 0; i < 4096; i++)
		digest = digest * 31 + *(uint8_t *)ram(&r->d, mem + i, 1);
	rig_close(r);
	return digest;
}
static void moved_machines_do_the_same(void)
{
	for (unsigned kind = 0; kind < 8; kind++)
		CHECK_EQ(work(kind, true), work(kind, false));
}

/* A queue that waits for the loop does so in the new machine, too. */
static void again(struct echo *e)
{
	struct rig *r = e->arg;

	split_publish(&r->d, &r->d.ring[0], 0);
}
static void postponed_work_is_saved(void)
{
	struct rig *r = rig_open(false);
	uint64_t mem = heap(&r->d, 64, 16);

	drv_start(&r->d, 0, 1, SIZE);
	put_desc(&r->d, r->d.ring[0].area[0], mem, 8, D_WRITE, 0);
	r->e->after = again;
	r->e->arg = r;
	split_publish(&r->d, &r->d.ring[0], 0);
	notify(&r->d, 0);
	CHECK_EQ(r->e->chains, SIZE);
	r = move_rig(r, 0);
	run_loop(&r->d);
	CHECK_EQ(r->e->chains, 1);
	CHECK_EQ(ld16(&r->d, r->d.ring[0].area[S_DEVICE] + 2), SIZE + 1);
	rig_close(r);
}

/* Every byte of the device's state replaced, one at a time: refused or
 * harmless, then a reset brings it back. */
static void use(struct rig *r)
{
	struct buf b = { FAKE_RAM + 0x8000, 8 };
	uint32_t len;

	notify(&r->d, 0);
	notify(&r->d, 1);
	run_loop(&r->d);
	drv_start(&r->d, 0, 1, SIZE);
	CHECK(ring_add(&r->d, 0, &b, 0, 1, false) >= 0);
	notify(&r->d, 0);
	CHECK(ring_get(&r->d, 0, &len) >= 0);
}
static void forged_state_is_refused_or_harmless(void)
{
	static const uint8_t forged[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };

	for (unsigned kind = 0; kind < 4; kind++) {
		struct rig *r = open_rig(kind);
		struct ser_writer w;
		size_t all, refused = 0;

		drv_start(&r->d, features(kind), 2, 4);
		for (unsigned q = 0; q < 2; q++) { /* indices that are not 0 */
			struct buf b = { FAKE_RAM + 0x8000, 8 };

			CHECK(ring_add(&r->d, q, &b, 0, 1, false) >= 0);
			notify(&r->d, q);
		}
		ser_writer_init(&w);
		r->e->v.dev.ops->save(&r->e->v.dev, &w);
		CHECK(!w.failed);
		all = w.len;
		for (size_t i = 0; i < all; i++)
			for (unsigned k = 0; k < ARRAY_LEN(forged); k++) {
				uint8_t was = w.buf[i];
				struct ser_reader sr;
				uint64_t heap_was = r->d.heap;

				w.buf[i] = forged[k];
				ser_reader_init(&sr, w.buf, w.len);
				r->e->v.dev.ops->load(&r->e->v.dev, &sr);
				refused += ser_error(&sr, NULL) < 0;
				for (unsigned q = 0; q < 2; q++) {
					struct virtq *vq = &r->e->v.queues[q];

					CHECK(!vq->packed || !vq->enabled ||
					      (vq->avail_idx < vq->size && vq->used_idx < vq->size));
					/* The driver may enable it as a packed one. */
					CHECK(vq->enabled || (!vq->avail_idx && !vq->used_idx));
				}
				w.buf[i] = was;
				use(r);
				r->d.heap = heap_was;
			}
		for (size_t i = 0; i < all; i++) { /* cut short */
			struct ser_reader sr;

			ser_reader_init(&sr, w.buf, i);
			r->e->v.dev.ops->load(&r->e->v.dev, &sr);
			CHECK(ser_error(&sr, NULL) < 0);
		}
		CHECK(refused > all); /* most of it matters */
		ser_writer_fini(&w);
		rig_close(r);
	}
}

#define T(name) { #name, name }
TEST_MAIN(T(moved_machines_do_the_same), T(postponed_work_is_saved),
	  T(forged_state_is_refused_or_harmless))
