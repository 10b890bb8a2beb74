/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split virtqueues (virtio 1.2, 2.7):
 *
 *   descriptor table   size * { le64 addr; le32 len; le16 flags; le16 next }
 *   available ring     le16 flags, idx, ring[size], used_event
 *   used ring          le16 flags, idx, { le32 id, len }[size], le16 avail_event
 *
 * Relies on queue.c for having mapped the three areas.  Never trusts a value
 * after reading it twice, and never follows more descriptors than the table
 * that holds them has.
 */
#include "dev/virtio/queue.h"

enum { AVAIL_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };
enum { RING_FLAGS = 0, RING_IDX = 2, RING_ENTRIES = 4 };

static uint32_t used_event_off(const struct virtq *vq)
{
	return RING_ENTRIES + 2u * vq->size;
}

static uint32_t avail_event_off(const struct virtq *vq)
{
	return RING_ENTRIES + 8u * vq->size;
}

static void split_areas(const struct virtq *vq, uint32_t len[VIRTQ_AREAS],
			uint32_t align[VIRTQ_AREAS])
{
	/* The event fields exist only when they were negotiated. */
	uint32_t event = vq->event_idx ? 2 : 0;

	len[VIRTQ_DESC] = 16u * vq->size;
	len[VIRTQ_DRIVER] = used_event_off(vq) + event;
	len[VIRTQ_DEVICE] = avail_event_off(vq) + event;
	align[VIRTQ_DESC] = 16;
	align[VIRTQ_DRIVER] = 2;
	align[VIRTQ_DEVICE] = 4;
}

static bool split_has_next(struct virtio *v, struct virtq *vq)
{
	/* Acquire: the entries and descriptors behind idx are complete. */
	uint16_t idx = virtq__load16(vq->area[VIRTQ_DRIVER] + RING_IDX, __ATOMIC_ACQUIRE);
	uint16_t n = idx - vq->avail_idx;

	if (n > vq->size) {
		virtio_broken(v, "available index jumps by more than the queue size");
		return false;
	}
	return n != 0;
}

/* 2.7.5.3: a table inside which next chains as in the ring's own table. */
static bool walk_table(struct virtq_walk *w, const uint8_t *table, unsigned n)
{
	unsigned i = 0;

	for (unsigned seen = 0; seen < n; seen++) {
		struct virtq_desc d = virtq__desc(table + 16 * i);

		if (d.a & VIRTQ_F_INDIRECT) {
			virtio_broken(w->v, "nested indirect descriptor");
			return false;
		}
		if (!virtq__walk_add(w, d.addr, d.len, d.a & VIRTQ_F_WRITE))
			return false;
		if (!(d.a & VIRTQ_F_NEXT))
			return true;
		i = d.b;
		if (i >= n) {
			virtio_broken(w->v, "next is outside the indirect table");
			return false;
		}
	}
	virtio_broken(w->v, "indirect descriptor chain loops");
	return false;
}

static bool split_walk(struct virtio *v, struct virtq *vq, struct virtq_walk *w,
		       uint16_t *id, uint16_t *ndesc)
{
	unsigned slot = vq->avail_idx & (vq->size - 1);
	unsigned i = virtq__load16(vq->area[VIRTQ_DRIVER] + RING_ENTRIES + 2 * slot,
				   __ATOMIC_RELAXED);

	*id = i;
	*ndesc = 1;
	for (unsigned seen = 0; seen < vq->size; seen++) {
		struct virtq_desc d;

		if (i >= vq->size) {
			virtio_broken(v, seen ? "next is outside the descriptor table" :
				      "head is outside the descriptor table");
			return false;
		}
		d = virtq__desc(vq->area[VIRTQ_DESC] + 16 * i);
		if (d.a & VIRTQ_F_INDIRECT) {
			unsigned n;
			const uint8_t *table = virtq__indirect(v, vq, &d, &n);

			if (table && d.a & VIRTQ_F_NEXT) {
				virtio_broken(v, "indirect descriptor with next");
				return false;
			}
			return table && walk_table(w, table, n);
		}
		if (!virtq__walk_add(w, d.addr, d.len, d.a & VIRTQ_F_WRITE))
			return false;
		if (!(d.a & VIRTQ_F_NEXT))
			return true;
		i = d.b;
	}
	virtio_broken(v, "descriptor chain loops");
	return false;
}

static void split_advance(struct virtq *vq, uint16_t ndesc)
{
	(void)ndesc;
	vq->avail_idx++;
}

static void split_retreat(struct virtq *vq, uint16_t ndesc)
{
	(void)ndesc;
	vq->avail_idx--;
}

/*
 * 2.7.10.  With event indices the driver notifies when it makes the entry
 * avail_event available; a stale value costs at most a spurious notification,
 * so only `on` writes it.
 */
static void split_want(struct virtio *v, struct virtq *vq, bool on)
{
	uint32_t off = vq->event_idx ? avail_event_off(vq) : RING_FLAGS;

	if (vq->event_idx) {
		if (!on)
			return;
		virtq__store16(vq->area[VIRTQ_DEVICE] + off, vq->avail_idx, __ATOMIC_RELAXED);
	} else {
		virtq__store16(vq->area[VIRTQ_DEVICE] + off, on ? 0 : USED_NO_NOTIFY,
			       __ATOMIC_RELAXED);
	}
	virtq__dirty(v, vq, VIRTQ_DEVICE, off, 2);
}

static void split_use(struct virtio *v, struct virtq *vq, struct virtq_chain **c,
		      const uint32_t *written, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned slot = (uint16_t)(vq->used_idx + i) & (vq->size - 1);
		uint32_t off = RING_ENTRIES + 8 * slot;

		st_le32(vq->area[VIRTQ_DEVICE] + off, c[i]->id);
		st_le32(vq->area[VIRTQ_DEVICE] + off + 4, written[i]);
		virtq__dirty(v, vq, VIRTQ_DEVICE, off, 8);
	}
	vq->used_idx += n;
	/* Release: the data and the entries are visible before the index. */
	virtq__store16(vq->area[VIRTQ_DEVICE] + RING_IDX, vq->used_idx, __ATOMIC_RELEASE);
	virtq__dirty(v, vq, VIRTQ_DEVICE, RING_IDX, 2);
}

/* 2.7.7.2; the caller has put a full fence between `use` and this. */
static bool split_interrupt(struct virtq *vq)
{
	const uint8_t *avail = vq->area[VIRTQ_DRIVER];
	uint16_t old = vq->signalled, new = vq->used_idx;

	if (!vq->event_idx)
		return !(virtq__load16(avail + RING_FLAGS, __ATOMIC_RELAXED) &
			 AVAIL_NO_INTERRUPT);
	vq->signalled = new;
	return virtq__need_event(virtq__load16(avail + used_event_off(vq), __ATOMIC_RELAXED),
				 new, old);
}

const struct virtq_format virtq__split = {
	.areas = split_areas, .has_next = split_has_next, .walk = split_walk,
	.advance = split_advance, .retreat = split_retreat, .want = split_want,
	.use = split_use, .interrupt = split_interrupt,
};
