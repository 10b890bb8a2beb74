/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed virtqueues (virtio 1.2, 2.8):
 *
 *   descriptor ring    size * { le64 addr; le32 len; le16 id; le16 flags }
 *   driver area        le16 { offset:15, wrap:1 }, le16 flags: when to interrupt
 *   device area        the same: when to notify
 *
 * A slot is available when its AVAIL flag equals the driver's wrap counter
 * and its USED flag does not; it is used when both equal the device's.
 * Relies on queue.c for having mapped the areas.  Never reads a slot twice.
 */
#include "dev/virtio/queue.h"

enum { DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15 };
enum { DESC_ID = 12, DESC_FLAGS = 14 };
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2 };
enum { EVENT_OFF = 0, EVENT_FLAGS = 2 };

static void packed_areas(const struct virtq *vq, uint32_t len[VIRTQ_AREAS],
			 uint32_t align[VIRTQ_AREAS])
{
	len[VIRTQ_DESC] = 16u * vq->size;
	len[VIRTQ_DRIVER] = len[VIRTQ_DEVICE] = 4;
	align[VIRTQ_DESC] = 16;
	align[VIRTQ_DRIVER] = align[VIRTQ_DEVICE] = 4;
}

static bool packed_has_next(struct virtio *v, struct virtq *vq)
{
	/* Acquire: the driver writes the head's flags last (2.8.21.1). */
	uint16_t flags = virtq__load16(vq->area[VIRTQ_DESC] + 16 * vq->avail_idx +
				       DESC_FLAGS, __ATOMIC_ACQUIRE);

	(void)v;
	return !!(flags & DESC_AVAIL) == vq->avail_wrap &&
	       !!(flags & DESC_USED) != vq->avail_wrap;
}

/* 2.8.7: the descriptors of an indirect table follow each other. */
static bool walk_table(struct virtq_walk *w, const uint8_t *table, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct virtq_desc d = virtq__desc(table + 16 * i);

		if (d.b & VIRTQ_F_INDIRECT) {
			virtio_broken(w->v, "nested indirect descriptor");
			return false;
		}
		if (!virtq__walk_add(w, d.addr, d.len, d.b & VIRTQ_F_WRITE))
			return false;
	}
	return true;
}

static bool packed_walk(struct virtio *v, struct virtq *vq, struct virtq_walk *w,
			uint16_t *id, uint16_t *ndesc)
{
	unsigned i = vq->avail_idx;

	for (unsigned seen = 1; seen <= vq->size; seen++) {
		struct virtq_desc d = virtq__desc(vq->area[VIRTQ_DESC] + 16 * i);

		/* The last descriptor carries the buffer id. */
		*id = d.a;
		*ndesc = seen;
		if (d.b & VIRTQ_F_INDIRECT) {
			unsigned n;
			const uint8_t *table = virtq__indirect(v, vq, &d, &n);

			if (table && d.b & VIRTQ_F_NEXT) {
				virtio_broken(v, "indirect descriptor with next");
				return false;
			}
			return table && walk_table(w, table, n);
		}
		if (!virtq__walk_add(w, d.addr, d.len, d.b & VIRTQ_F_WRITE))
			return false;
		if (!(d.b & VIRTQ_F_NEXT))
			return true;
		if (++i == vq->size)
			i = 0;
	}
	virtio_broken(v, "descriptor chain is longer than the queue");
	return false;
}

static void packed_advance(struct virtq *vq, uint16_t ndesc)
{
	vq->avail_idx += ndesc;
	if (vq->avail_idx >= vq->size) {
		vq->avail_idx -= vq->size;
		vq->avail_wrap = !vq->avail_wrap;
	}
}

static void packed_retreat(struct virtq *vq, uint16_t ndesc)
{
	if (vq->avail_idx < ndesc) {
		vq->avail_idx += vq->size;
		vq->avail_wrap = !vq->avail_wrap;
	}
	vq->avail_idx -= ndesc;
}

static void packed_want(struct virtio *v, struct virtq *vq, bool on)
{
	uint8_t *area = vq->area[VIRTQ_DEVICE];

	if (vq->event_idx) {
		if (!on)
			return;
		virtq__store16(area + EVENT_OFF, vq->avail_idx | vq->avail_wrap << 15,
			       __ATOMIC_RELAXED);
		virtq__store16(area + EVENT_FLAGS, EVENT_DESC, __ATOMIC_RELEASE);
	} else {
		virtq__store16(area + EVENT_FLAGS, on ? EVENT_ENABLE : EVENT_DISABLE,
			       __ATOMIC_RELAXED);
	}
	virtq__dirty(v, vq, VIRTQ_DEVICE, 0, 4);
}

static uint16_t used_flags(bool wrap, uint32_t written)
{
	return (wrap ? DESC_AVAIL | DESC_USED : 0) | (written ? VIRTQ_F_WRITE : 0);
}

static void packed_use(struct virtio *v, struct virtq *vq, struct virtq_chain **c,
		       const uint32_t *written, unsigned n)
{
	uint8_t *ring = vq->area[VIRTQ_DESC];
	uint16_t first = vq->used_idx, first_flags = used_flags(vq->used_wrap, written[0]);

	for (unsigned i = 0; i < n; i++) {
		uint32_t off = 16u * vq->used_idx;

		st_le32(ring + off + 8, written[i]);
		st_le16(ring + off + DESC_ID, c[i]->id);
		if (i)
			virtq__store16(ring + off + DESC_FLAGS,
				       used_flags(vq->used_wrap, written[i]),
				       __ATOMIC_RELEASE);
		virtq__dirty(v, vq, VIRTQ_DESC, off, 16);
		vq->used_idx += c[i]->ndesc;
		if (vq->used_idx >= vq->size) {
			vq->used_idx -= vq->size;
			vq->used_wrap = !vq->used_wrap;
			/* Keep signalled comparable: it may go "negative". */
			vq->signalled -= vq->size;
		}
	}
	/* The first one's flags last: the driver sees all or none. */
	virtq__store16(ring + 16u * first + DESC_FLAGS, first_flags, __ATOMIC_RELEASE);
}

/* 2.8.10; the caller has put a full fence between `use` and this. */
static bool packed_interrupt(struct virtq *vq)
{
	const uint8_t *area = vq->area[VIRTQ_DRIVER];
	uint16_t flags = virtq__load16(area + EVENT_FLAGS, __ATOMIC_ACQUIRE);
	uint16_t event = virtq__load16(area + EVENT_OFF, __ATOMIC_RELAXED);
	uint16_t old = vq->signalled, new = vq->used_idx, off = event & 0x7fff;

	vq->signalled = new;
	if (flags == EVENT_DISABLE)
		return false;
	if (flags != EVENT_DESC || !vq->event_idx)
		return true;
	if (event >> 15 != vq->used_wrap)
		off -= vq->size;
	return virtq__need_event(off, new, old);
}

const struct virtq_format virtq__packed = {
	.areas = packed_areas, .has_next = packed_has_next, .walk = packed_walk,
	.advance = packed_advance, .retreat = packed_retreat, .want = packed_want,
	.use = packed_use, .interrupt = packed_interrupt,
};
