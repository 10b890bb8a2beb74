/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with a block device and a driver for it.  The disk underneath is
 * a memory disk whose calls can be held up, failed and counted.
 */
#ifndef TESTS_DEV_VIRTIO_BLK_RIG_H
#define TESTS_DEV_VIRTIO_BLK_RIG_H

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "host/blk.h"
#include "virtio_driver.h"

enum { B_IN = 0, B_OUT = 1, B_FLUSH = 4, B_GET_ID = 8, B_DISCARD = 11, B_ZEROES = 13 };
enum { B_OK = 0, B_IOERR = 1, B_UNSUPP = 2, B_NONE = 0xee };
#define B_F_RO           (1ull << 5)
#define B_F_FLUSH        (1ull << 9)
#define B_F_CONFIG_WCE   (1ull << 11)
#define B_F_MQ           (1ull << 12)
#define B_F_DISCARD      (1ull << 13)
#define B_F_ZEROES       (1ull << 14)
#define B_F_ALL (B_F_FLUSH | B_F_CONFIG_WCE | B_F_MQ | B_F_DISCARD | B_F_ZEROES)

struct slow_blk {
	struct blk blk;
	struct blk *mem;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool hold;              /* calls wait */
	int waiting, fail;      /* errno of the next call */
	unsigned reads, writes, flushes, discards, zeroes;
	uint64_t bytes;         /* read and written */
};

static inline int slow_enter(struct blk *b, unsigned *count)
{
	struct slow_blk *s = container_of(b, struct slow_blk, blk);
	int r;

	pthread_mutex_lock(&s->lock);
	s->waiting++;
	pthread_cond_broadcast(&s->cond);
	while (s->hold)
		pthread_cond_wait(&s->cond, &s->lock);
	s->waiting--;
	++*count;
	r = -s->fail;
	s->fail = 0;
	pthread_mutex_unlock(&s->lock);
	return r;
}
#define SLOW(b) container_of(b, struct slow_blk, blk)
#define SLOW_CALL(name, counter, ...)                                       \
	({                                                                  \
		int r_ = slow_enter(b, &SLOW(b)->counter);                  \
		r_ ? r_ : SLOW(b)->mem->ops->name(SLOW(b)->mem, ##__VA_ARGS__); \
	})
static inline void slow_count(struct blk *b, const struct iovec *iov, int n)
{
	pthread_mutex_lock(&SLOW(b)->lock);
	for (int i = 0; i < n; i++)
		SLOW(b)->bytes += iov[i].iov_len;
	pthread_mutex_unlock(&SLOW(b)->lock);
}
static inline int slow_readv(struct blk *b, const struct iovec *iov, int n, uint64_t off)
{
	slow_count(b, iov, n);
	return SLOW_CALL(readv, reads, iov, n, off);
}
static inline int slow_writev(struct blk *b, const struct iovec *iov, int n, uint64_t off)
{
	slow_count(b, iov, n);
	return SLOW_CALL(writev, writes, iov, n, off);
}
static inline int slow_flush(struct blk *b)
{
	return SLOW_CALL(flush, flushes);
}
static inline int slow_discard(struct blk *b, uint64_t off, uint64_t len)
{
	return SLOW_CALL(discard, discards, off, len);
}
static inline int slow_zeroes(struct blk *b, uint64_t off, uint64_t len, bool unmap)
{
	return SLOW_CALL(write_zeroes, zeroes, off, len, unmap);
}
static inline void slow_destroy(struct blk *b)
{
	SLOW(b)->mem->ops->destroy(SLOW(b)->mem);
	free(SLOW(b));
}

static inline struct slow_blk *slow_create(uint64_t size)
{
	static const struct blk_ops ops = { slow_readv, slow_writev, slow_flush, slow_discard,
					    slow_zeroes, slow_destroy };
	struct slow_blk *s = calloc(1, sizeof(*s));
	struct err e;

	s->mem = blk_mem_create(size, &e);
	CHECK(s->mem);
	s->blk = (struct blk){ .ops = &ops, .size = size };
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->cond, NULL);
	return s;
}

static inline void slow_hold(struct slow_blk *s, bool hold)
{
	pthread_mutex_lock(&s->lock);
	s->hold = hold;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

/* Until a call is held up. */
static inline void slow_await(struct slow_blk *s)
{
	pthread_mutex_lock(&s->lock);
	while (!s->waiting)
		pthread_cond_wait(&s->cond, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

struct blk_rig {
	struct fake f;
	struct drv d;
	struct slow_blk *s;
	uint64_t head, status;
};

static inline struct blk_rig *blk_rig_open(uint64_t size, bool threads, bool parallel,
					   bool readonly)
{
	struct blk_rig *r = calloc(1, sizeof(*r));
	struct virtio *v;
	struct err e;

	fake_init(&r->f);
	if (threads) {
		worker_destroy(r->f.host.worker);
		r->f.host.worker = worker_create(4, false, &e);
		CHECK(r->f.host.worker);
	}
	r->s = slow_create(size);
	r->s->blk.parallel = parallel;
	r->s->blk.readonly = readonly;
	v = virtio_blk_create(&r->f.host, "blk0", &r->s->blk, "a-serial-number", &e);
	CHECK(v);
	drv_attach(&r->d, &r->f, v, false, NULL);
	r->head = heap(&r->d, 16, 16);
	r->status = heap(&r->d, 1, 1);
	return r;
}

static inline void blk_rig_close(struct blk_rig *r)
{
	slow_hold(r->s, false);
	fake_fini(&r->f);
	free(r);
}

static inline void blk_head(struct blk_rig *r, uint64_t at, uint32_t type, uint64_t sector)
{
	uint8_t *p = ram(&r->d, at, 16);

	st_le32(p, type);
	st_le32(p + 4, 0);
	st_le64(p + 8, sector);
}

/* Waits for a used chain; its length. */
static inline uint32_t blk_wait(struct blk_rig *r, unsigned q)
{
	uint32_t len = 0;

	for (int i = 0; i < 100000; i++) {
		if (ring_get(&r->d, q, &len) >= 0)
			return len;
		loop_step(r->f.host.loop, 0);
		usleep(i < 100 ? 1 : 100);
	}
	TEST_FAIL("the request did not come back%s", broken(&r->d) ? ": device broken" : "");
}

/* One request with one data buffer; its status. */
static inline int blk_request(struct blk_rig *r, unsigned q, uint32_t type, uint64_t sector,
			      uint64_t data, uint32_t len)
{
	struct buf b[3] = { { r->head, 16 }, { data, len }, { r->status, 1 } };
	bool in = type == B_IN || type == B_GET_ID;

	if (!len)
		b[1] = b[2];
	blk_head(r, r->head, type, sector);
	*(uint8_t *)ram(&r->d, r->status, 1) = B_NONE;
	CHECK(ring_add(&r->d, q, b, len && !in ? 2 : 1, len ? 3 : 2, false) >= 0);
	notify(&r->d, q);
	blk_wait(r, q);
	return *(uint8_t *)ram(&r->d, r->status, 1);
}

#endif
