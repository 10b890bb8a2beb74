/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the virtio core: the state of a virtqueue and what its two ring
 * formats (split.c, packed.c) owe to queue.c.  Device types and transports
 * include virtio.h only.
 */
#ifndef DEV_VIRTIO_QUEUE_H
#define DEV_VIRTIO_QUEUE_H

#include <stdatomic.h>

#include "base/bits.h"
#include "dev/virtio/virtio.h"

enum { VIRTQ_DESC, VIRTQ_DRIVER, VIRTQ_DEVICE, VIRTQ_AREAS };

enum { VIRTQ_F_NEXT = 1, VIRTQ_F_WRITE = 2, VIRTQ_F_INDIRECT = 4 };

struct virtq {
	uint16_t size_max, size;
	bool enabled;
	/* Latched from the features when the queue is enabled. */
	bool packed, event_idx, indirect;
	uint64_t addr[VIRTQ_AREAS];
	uint8_t *area[VIRTQ_AREAS];     /* host addresses; valid while enabled */
	uint32_t len[VIRTQ_AREAS];
	/* Split: free-running indices.  Packed: slots, with wrap counters. */
	uint16_t avail_idx, used_idx;
	bool avail_wrap, used_wrap;
	uint16_t signalled;             /* used_idx at the last look at the event */
	bool quiet;                     /* the driver was told not to notify */
	/* Not saved: nothing is in flight then. */
	uint16_t inflight;
	uint32_t epoch;
	int budget;                     /* chains left in this notification; -1: any */
	bool spent;
};

/* What a walk over descriptors has gathered in v->scratch. */
struct virtq_walk {
	struct virtio *v;
	unsigned nout, nin;
	uint64_t out_len, in_len;
};

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t a, b;  /* split: flags, next; packed: id, flags */
};

/* Read 16 bytes of guest memory once.  Atomic loads, or for an unaligned
 * indirect table a barrier, keep the compiler from reading them again after
 * they were validated. */
static inline struct virtq_desc virtq__desc(const uint8_t *p)
{
	struct virtq_desc d;
	uint64_t w[2];

	if (LIKELY((uintptr_t)p % 8 == 0)) {
		w[0] = __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
		w[1] = __atomic_load_n((const uint64_t *)p + 1, __ATOMIC_RELAXED);
	} else {
		memcpy(w, p, sizeof(w));
		__asm__("" : "+r"(w[0]), "+r"(w[1]));
	}
	d.addr = w[0];
	d.len = (uint32_t)w[1];
	d.a = (uint16_t)(w[1] >> 32);
	d.b = (uint16_t)(w[1] >> 48);
	return d;
}

static inline uint16_t virtq__load16(const uint8_t *p, int order)
{
	return __atomic_load_n((const uint16_t *)p, order);
}

static inline void virtq__store16(uint8_t *p, uint16_t v, int order)
{
	__atomic_store_n((uint16_t *)p, v, order);
}

/* Orders this side's stores before its loads (a plain release does not): the
 * index before the event, the event before the index. */
static inline void virtq__fence(void)
{
#if defined(__SANITIZE_THREAD__) /* gcc's knows no fences: let it not complain */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
	atomic_thread_fence(memory_order_seq_cst);
#if defined(__SANITIZE_THREAD__)
#pragma GCC diagnostic pop
#endif
}

/* 2.7.10: is `event` among the indices old .. new-1? */
static inline bool virtq__need_event(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/* Note that the host wrote into a ring. */
static inline void virtq__dirty(struct virtio *v, struct virtq *vq, unsigned area,
				uint32_t off, uint32_t len)
{
	mem_mark_dirty(v->host->mem, GPA(vq->addr[area] + off), len);
}

/* Add a segment; false: the chain is bad and the device was declared broken. */
bool virtq__walk_add(struct virtq_walk *w, uint64_t addr, uint32_t len, bool write);
/* Host address and entries of an indirect table, or NULL (broken). */
const uint8_t *virtq__indirect(struct virtio *v, struct virtq *vq,
			       const struct virtq_desc *d, unsigned *n);

/* Address, alignment, size and overlap rules; fills area[].  NULL or why not. */
const char *virtq__map(struct virtio *v, struct virtq *vq);
void virtq__clear(struct virtq *vq);            /* as after reset */

void virtq__save(struct virtio *v, struct ser_writer *w);
void virtq__load(struct virtio *v, struct ser_reader *r);

/* What a ring format does. */
struct virtq_format {
	/* Sizes and alignments of the areas. */
	void (*areas)(const struct virtq *vq, uint32_t len[VIRTQ_AREAS],
		      uint32_t align[VIRTQ_AREAS]);
	bool (*has_next)(struct virtio *v, struct virtq *vq);
	/* Gather the next chain; it exists.  False: broken. */
	bool (*walk)(struct virtio *v, struct virtq *vq, struct virtq_walk *w,
		     uint16_t *id, uint16_t *ndesc);
	void (*advance)(struct virtq *vq, uint16_t ndesc);
	void (*retreat)(struct virtq *vq, uint16_t ndesc);
	/* Ask for a notification of the next chain, or tell that none is needed. */
	void (*want)(struct virtio *v, struct virtq *vq, bool on);
	/* Publish n used chains at once. */
	void (*use)(struct virtio *v, struct virtq *vq, struct virtq_chain **c,
		    const uint32_t *written, unsigned n);
	/* Does the driver want an interrupt for what `use` published? */
	bool (*interrupt)(struct virtq *vq);
};
extern const struct virtq_format virtq__split, virtq__packed;

static inline const struct virtq_format *virtq__format(const struct virtq *vq)
{
	return vq->packed ? &virtq__packed : &virtq__split;
}

#endif
