/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio block device (virtio 1.2, 5.2) over a host disk (host/blk.h).
 *
 * The hart that notifies takes requests off the ring; worker threads do the
 * I/O straight from and to guest RAM, without the io lock; what is done is
 * returned in batches with one interrupt.  A lane is a sequence of requests:
 * one for each queue if the disk may be used in parallel, else one for all.
 *
 * A request is in exactly one place: queued, running, done (all three under
 * the lane's lock) or back in the ring (under the io lock).  Reset frees what
 * is queued and done and waits for what runs, so that afterwards nothing
 * touches guest memory; running never needs the io lock that reset holds.  A
 * transfer may be 4 GiB (its segments overlap): it is done in pieces, and
 * reset waits for one of them only.
 *
 * Memory: a request is the chain and REQUEST bytes; data is never copied.
 */
#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "dev/virtio/virtio.h"
#include "host/blk.h"

enum {
	BLK_ID = 2, BLK_QUEUES = 4, BLK_QUEUE = 256,
	BATCH = 16,             /* requests returned together at most */
	TURN = 64,              /* requests before other devices get the thread */
	BATCH_NS = 100000,      /* a done request does not wait longer for others */
	SERIAL_LEN = 20,
	PIECE = 16 << 20,       /* bytes of one call of the disk at most */
	RANGE_SECTORS = 1 << 21, RANGE_SEGS = 32, ZERO_SEGS = 1, /* discard, write zeroes */
};

#define BLK_F_SEG_MAX      (1ull << 2)
#define BLK_F_RO           (1ull << 5)
#define BLK_F_BLK_SIZE     (1ull << 6)
#define BLK_F_FLUSH        (1ull << 9)
#define BLK_F_TOPOLOGY     (1ull << 10)
#define BLK_F_CONFIG_WCE   (1ull << 11)
#define BLK_F_MQ           (1ull << 12)
#define BLK_F_DISCARD      (1ull << 13)
#define BLK_F_WRITE_ZEROES (1ull << 14)

/* Configuration space (5.2.4). */
enum {
	CFG_CAPACITY = 0, CFG_SEG_MAX = 12, CFG_BLK_SIZE = 20, CFG_PHYSICAL_EXP = 24,
	CFG_MIN_IO = 26, CFG_WRITEBACK = 32, CFG_QUEUES = 34, CFG_DISCARD_SECTORS = 36,
	CFG_DISCARD_SEGS = 40, CFG_DISCARD_ALIGN = 44, CFG_ZERO_SECTORS = 48,
	CFG_ZERO_SEGS = 52, CFG_ZERO_UNMAP = 56, CFG_LEN = 60,
};

/* Request types and status (5.2.6). */
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
enum { HEADER = 16, RANGE = 16, ZERO_UNMAP = 1 };

struct request {
	struct request *next;
	struct virtq_chain *c;
	unsigned q;
	uint32_t type;
	uint64_t sector;
	uint8_t status;
	bool writethrough, negotiated;
};

struct list {
	struct request *first, **tail;
	unsigned n;
};

struct blkdev;
struct lane {
	struct worker_job job;
	struct blkdev *d;
	struct worker_lane *worker;
	struct lock lock;
	pthread_cond_t rest;    /* nothing runs */
	struct list queued, done;
	struct request *running;
	atomic_bool abort;      /* reset waits for what runs */
	bool scheduled;         /* the job is with the worker */
	struct iovec iov[VIRTIO_SEGS];
};

struct blkdev {
	struct virtio v;
	struct blk *blk;
	char serial[SERIAL_LEN];
	uint8_t config[CFG_LEN]; /* as offered; the driver may change one byte */
	unsigned nlanes;
	struct lane *lane[BLK_QUEUES];
};

static struct blkdev *from_virtio(struct virtio *v)
{
	return container_of(v, struct blkdev, v);
}

/* ---- lists ----------------------------------------------------------------- */

static void list_init(struct list *l)
{
	*l = (struct list){ .tail = &l->first };
}

static void list_add(struct list *l, struct request *r)
{
	r->next = NULL;
	*l->tail = r;
	l->tail = &r->next;
	l->n++;
}

static struct request *list_take(struct list *l)
{
	struct request *r = l->first;

	if (!r)
		return NULL;
	l->first = r->next;
	if (!l->first)
		l->tail = &l->first;
	l->n--;
	return r;
}

static void request_free(struct request *r)
{
	virtq_drop(r->c);
	base_free(r);
}

/* Free the requests of queue q (-1: of all). */
static void list_drop(struct list *l, int q)
{
	struct list keep;
	struct request *r;

	list_init(&keep);
	while ((r = list_take(l))) {
		if (q < 0 || r->q == (unsigned)q)
			request_free(r);
		else
			list_add(&keep, r);
	}
	while ((r = list_take(&keep)))
		list_add(l, r);
}

/* ---- doing it --------------------------------------------------------------- */

static uint8_t status_of(int r)
{
	return r == 0 ? S_OK : r == -EOPNOTSUPP ? S_UNSUPP : S_IOERR;
}

/* Sectors [sector, sector + n) are on the disk. */
static bool in_range(const struct blkdev *d, uint64_t sector, uint64_t n)
{
	uint64_t all = d->blk->size / 512;

	return sector <= all && n <= all - sector;
}

static uint8_t do_transfer(struct lane *l, const struct request *r, bool in)
{
	struct blk *b = l->d->blk;
	uint64_t len = in ? r->c->in_len - 1 : r->c->out_len - HEADER, part;
	uint8_t status = S_OK;
	int n;

	if (len % 512 || !in_range(l->d, r->sector, len / 512) || (!in && b->readonly))
		return S_IOERR;
	for (uint64_t done = 0; done < len && status == S_OK; done += part) {
		if (atomic_load(&l->abort))
			return S_IOERR; /* nobody will see it */
		part = MIN(len - done, (uint64_t)PIECE);
		n = virtq_iov(r->c, in, (in ? 0 : HEADER) + done, part, l->iov, VIRTIO_SEGS);
		status = status_of((in ? b->ops->readv : b->ops->writev)
				   (b, l->iov, n, r->sector * 512 + done));
	}
	return status;
}

static uint8_t do_range(struct blkdev *d, uint32_t type, const uint8_t *p)
{
	uint64_t sector = ld_le64(p), n = ld_le32(p + 8);
	uint32_t flags = ld_le32(p + 12);
	struct blk *b = d->blk;

	if (flags & ~(uint32_t)(type == T_WRITE_ZEROES ? ZERO_UNMAP : 0))
		return S_UNSUPP; /* 5.2.6.2 */
	if (n > RANGE_SECTORS || !in_range(d, sector, n))
		return S_IOERR;
	if (!n)
		return S_OK;
	if (type == T_DISCARD)
		return status_of(b->ops->discard(b, sector * 512, n * 512));
	return status_of(b->ops->write_zeroes(b, sector * 512, n * 512, flags & ZERO_UNMAP));
}

static uint8_t do_ranges(struct lane *l, const struct request *r)
{
	struct blkdev *d = l->d;
	uint8_t range[RANGE_SEGS][RANGE];
	uint64_t len = r->c->out_len - HEADER;
	unsigned max = r->type == T_DISCARD ? RANGE_SEGS : ZERO_SEGS;
	uint8_t status = S_OK;

	if (!r->negotiated)
		return S_UNSUPP;
	if (!len || len % RANGE || len > max * RANGE || d->blk->readonly)
		return S_IOERR;
	virtq_read(r->c, HEADER, range, len);
	for (uint64_t i = 0; i < len / RANGE && status == S_OK && !atomic_load(&l->abort); i++)
		status = do_range(d, r->type, range[i]);
	return status;
}

static uint8_t do_get_id(struct blkdev *d, const struct request *r)
{
	virtq_write(r->c, 0, d->serial, MIN(r->c->in_len - 1, (uint64_t)SERIAL_LEN));
	return S_OK;
}

static uint8_t request_do(struct lane *l, const struct request *r)
{
	struct blkdev *d = l->d;

	if (r->c->out_len < HEADER)
		return S_IOERR;
	switch (r->type) {
	case T_IN: return do_transfer(l, r, true);
	case T_OUT: return do_transfer(l, r, false);
	case T_FLUSH: return status_of(d->blk->ops->flush(d->blk));
	case T_GET_ID: return do_get_id(d, r);
	case T_DISCARD:
	case T_WRITE_ZEROES: return do_ranges(l, r);
	default: return S_UNSUPP;
	}
}

/* In writethrough mode what changes the disk is durable when it is returned. */
static void request_run(struct lane *l, struct request *r)
{
	r->status = request_do(l, r);
	if (r->status == S_OK && r->writethrough &&
	    (r->type == T_OUT || r->type == T_WRITE_ZEROES || r->type == T_DISCARD))
		r->status = status_of(l->d->blk->ops->flush(l->d->blk));
}

/* ---- returning it ------------------------------------------------------------ */

/* The io lock is held.  Requests of one queue go back together. */
static void give_back(struct blkdev *d, struct list *done)
{
	while (done->first) {
		struct virtq_chain *c[BATCH];
		uint32_t written[BATCH];
		unsigned q = done->first->q, n = 0;

		while (done->first && done->first->q == q && n < BATCH) {
			struct request *r = list_take(done);

			virtq_write(r->c, r->c->in_len - 1, &r->status, 1);
			log_trace(BLK, "%s: type %u sector %llu status %u", d->v.dev.name, r->type,
				  (unsigned long long)r->sector, r->status);
			c[n] = r->c;
			/* All of it: a failed read may have written any part. */
			written[n++] = (uint32_t)r->c->in_len;
			base_free(r);
		}
		virtq_push_many(&d->v, q, c, written, n);
	}
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Run queued requests for a batch.  The lane's lock is held around it, not
 * while one runs.  Returns how many ran. */
static unsigned run_batch(struct lane *l)
{
	uint64_t start = now_ns();
	struct request *r;
	unsigned n = 0;

	while (n < BATCH && (r = list_take(&l->queued))) {
		l->running = r;
		atomic_store(&l->abort, false);
		lock_drop(&l->lock);
		request_run(l, r);
		lock_take(&l->lock);
		l->running = NULL;
		list_add(&l->done, r);
		pthread_cond_broadcast(&l->rest);
		n++;
		if (now_ns() - start > BATCH_NS)
			break;
	}
	return n;
}

/* Return what is done.  No lock is held. */
static void return_done(struct lane *l)
{
	struct list done;
	struct request *r;

	lock_take(l->d->v.host->io);
	list_init(&done);
	lock_take(&l->lock);
	while ((r = list_take(&l->done)))
		list_add(&done, r);
	lock_drop(&l->lock);
	give_back(l->d, &done);
	lock_drop(l->d->v.host->io);
}

/* A worker thread. */
static void lane_run(struct worker_job *job)
{
	struct lane *l = container_of(job, struct lane, job);
	unsigned n = 0, ran;
	bool more;

	do {
		lock_take(&l->lock);
		ran = run_batch(l);
		lock_drop(&l->lock);
		return_done(l);
		n += ran;
	} while (ran && n < TURN);
	lock_take(&l->lock);
	more = l->scheduled = l->queued.first;
	lock_drop(&l->lock);
	if (more)
		worker_submit(l->worker, &l->job);
}

/* Deterministic machines: here and now, the io lock is held. */
static void run_inline(struct lane *l, struct list *fresh)
{
	struct request *r;

	while (fresh->first) {
		while (l->done.n < BATCH && (r = list_take(fresh))) {
			request_run(l, r);
			list_add(&l->done, r);
		}
		give_back(l->d, &l->done);
	}
}

/* ---- taking it ---------------------------------------------------------------- */

static bool writethrough(const struct virtio *v)
{
	if (virtio_has(v, BLK_F_CONFIG_WCE))
		return !v->config[CFG_WRITEBACK];
	return !virtio_has(v, BLK_F_FLUSH);
}

static struct request *request_create(struct virtio *v, unsigned q, struct virtq_chain *c)
{
	struct request *r = base_alloc(sizeof(*r));
	uint8_t head[HEADER] = { 0 };

	if (!r)
		return NULL;
	virtq_read(c, 0, head, sizeof(head));
	*r = (struct request){ .c = c, .q = q, .type = ld_le32(head), .sector = ld_le64(head + 8),
			       .writethrough = writethrough(v) };
	/* The features are the io lock's, which workers do not have. */
	r->negotiated = virtio_has(v, r->type == T_DISCARD ? BLK_F_DISCARD : BLK_F_WRITE_ZEROES);
	return r;
}

static void lane_add(struct lane *l, struct list *fresh)
{
	struct request *r;
	bool submit;

	lock_take(&l->lock);
	while ((r = list_take(fresh)))
		list_add(&l->queued, r);
	submit = l->queued.first && !l->scheduled;
	l->scheduled |= submit;
	lock_drop(&l->lock);
	if (submit)
		worker_submit(l->worker, &l->job);
}

static void blk_notify(struct virtio *v, unsigned q)
{
	struct blkdev *d = from_virtio(v);
	struct lane *l = d->lane[q % d->nlanes];
	struct virtq_chain *c;
	struct list fresh;

	list_init(&fresh);
	while ((c = virtq_pop(v, q))) {
		struct request *r = c->in_len ? request_create(v, q, c) : NULL;

		if (!r) {
			virtio_broken(v, c->in_len ? "the host is out of memory"
						   : "block request without a status byte");
			virtq_push(v, q, c, 0);
			break;
		}
		list_add(&fresh, r);
	}
	if (worker_is_inline(v->host->worker))
		run_inline(l, &fresh);
	else
		lane_add(l, &fresh);
}

/* ---- reset, configuration ------------------------------------------------------ */

/* Nothing of queue q (-1: of any) is in flight on return.  The io lock is
 * held; what runs does not need it. */
static void lane_abort(struct lane *l, int q)
{
	lock_take(&l->lock);
	list_drop(&l->queued, q);
	while (l->running && (q < 0 || l->running->q == (unsigned)q)) {
		atomic_store(&l->abort, true);
		lock_wait(&l->lock, &l->rest);
	}
	list_drop(&l->done, q);
	lock_drop(&l->lock);
}

static void blk_reset(struct virtio *v)
{
	struct blkdev *d = from_virtio(v);

	for (unsigned i = 0; i < d->nlanes; i++)
		lane_abort(d->lane[i], -1);
	memcpy(v->config, d->config, CFG_LEN);
}

static void blk_queue_reset(struct virtio *v, unsigned q)
{
	struct blkdev *d = from_virtio(v);

	lane_abort(d->lane[q % d->nlanes], (int)q);
}

/* 5.2.5.2: without FLUSH there is nothing to switch writeback on for. */
static void blk_features_ok(struct virtio *v)
{
	if (virtio_has(v, BLK_F_CONFIG_WCE) && !virtio_has(v, BLK_F_FLUSH))
		v->config[CFG_WRITEBACK] = 0;
}

/* Only `writeback` is writable, and only when it was negotiated. */
static void blk_config_written(struct virtio *v, unsigned off, unsigned len)
{
	struct blkdev *d = from_virtio(v);
	bool hit = off <= CFG_WRITEBACK && off + len > CFG_WRITEBACK;
	uint8_t now = v->config[CFG_WRITEBACK];

	memcpy(v->config + off, d->config + off, len);
	if (hit && virtio_has(v, BLK_F_CONFIG_WCE))
		v->config[CFG_WRITEBACK] = !!now;
	else if (hit)
		v->config[CFG_WRITEBACK] = d->config[CFG_WRITEBACK];
}

static void blk_load(struct virtio *v, struct ser_reader *r)
{
	struct blkdev *d = from_virtio(v);
	uint8_t writeback = v->config[CFG_WRITEBACK];

	v->config[CFG_WRITEBACK] = d->config[CFG_WRITEBACK];
	ser_check(r, !memcmp(v->config, d->config, CFG_LEN) && writeback <= 1,
		  "disk of another size or kind");
	memcpy(v->config, d->config, CFG_LEN);
	v->config[CFG_WRITEBACK] = writeback & 1;
}

static void blk_drain(struct virtio *v)
{
	struct blkdev *d = from_virtio(v);

	for (unsigned i = 0; i < d->nlanes; i++)
		worker_drain(d->lane[i]->worker);
}

/* ---- life ------------------------------------------------------------------------ */

static void lanes_destroy(struct blkdev *d)
{
	for (unsigned i = 0; i < d->nlanes; i++) {
		struct lane *l = d->lane[i];

		worker_lane_destroy(l->worker);
		list_drop(&l->queued, -1);
		list_drop(&l->done, -1);
		pthread_cond_destroy(&l->rest);
		lock_fini(&l->lock);
		base_free(l);
	}
	d->nlanes = 0;
}

static int lanes_create(struct blkdev *d, struct vm_host *h, unsigned n, struct err *e)
{
	for (unsigned i = 0; i < n; i++) {
		struct lane *l = base_zalloc(sizeof(*l));

		if (!l)
			return err_set(e, ENOMEM, "out of memory");
		l->worker = worker_lane_create(h->worker, e);
		if (!l->worker) {
			base_free(l);
			return -ENOMEM;
		}
		l->job.fn = lane_run;
		l->d = d;
		lock_init(&l->lock, LOCK_RANK_DEV);
		pthread_cond_init(&l->rest, NULL);
		list_init(&l->queued);
		list_init(&l->done);
		d->lane[d->nlanes++] = l;
	}
	return 0;
}

static void blk_destroy(struct virtio *v)
{
	struct blkdev *d = from_virtio(v);

	lanes_destroy(d);
	d->blk->ops->destroy(d->blk);
	virtio_fini(v);
	base_free(d);
}

static const struct virtio_type blk_type = {
	.name = "blk", .id = BLK_ID, .pci_class = 0x018000,
	.notify = blk_notify, .reset = blk_reset, .queue_reset = blk_queue_reset,
	.features_ok = blk_features_ok, .config_written = blk_config_written,
	.load = blk_load, .drain = blk_drain, .destroy = blk_destroy,
};

static void config_fill(struct blkdev *d)
{
	uint8_t *c = d->config;

	st_le64(c + CFG_CAPACITY, d->blk->size / 512);
	st_le32(c + CFG_SEG_MAX, BLK_QUEUE - 2);        /* header and status */
	st_le32(c + CFG_BLK_SIZE, 512);
	c[CFG_PHYSICAL_EXP] = 3;                        /* 4 KiB, a host page */
	st_le16(c + CFG_MIN_IO, 8);
	c[CFG_WRITEBACK] = 1;
	st_le16(c + CFG_QUEUES, BLK_QUEUES);
	if (d->blk->readonly)
		return;
	st_le32(c + CFG_DISCARD_SECTORS, RANGE_SECTORS);
	st_le32(c + CFG_DISCARD_SEGS, RANGE_SEGS);
	st_le32(c + CFG_DISCARD_ALIGN, 8);
	st_le32(c + CFG_ZERO_SECTORS, RANGE_SECTORS);
	st_le32(c + CFG_ZERO_SEGS, ZERO_SEGS);
	c[CFG_ZERO_UNMAP] = 1;
}

struct virtio *virtio_blk_create(struct vm_host *h, const char *name, struct blk *b,
				 const char *serial, struct err *e)
{
	static const uint16_t max[BLK_QUEUES] = { BLK_QUEUE, BLK_QUEUE, BLK_QUEUE, BLK_QUEUE };
	uint64_t features = BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY |
			    BLK_F_CONFIG_WCE | BLK_F_MQ |
			    (b->readonly ? BLK_F_RO : BLK_F_DISCARD | BLK_F_WRITE_ZEROES);
	struct blkdev *d = base_zalloc(sizeof(*d));

	if (!d) {
		err_set(e, ENOMEM, "%s: out of memory", name);
		return NULL;
	}
	d->blk = b;
	/* Zero padded, not terminated when it is full (5.2.6). */
	memcpy(d->serial, serial ? serial : "", serial ? strnlen(serial, SERIAL_LEN) : 0);
	config_fill(d);
	/* The same queues for every disk: a snapshot may continue on another
	 * kind of image. */
	if (lanes_create(d, h, b->parallel && !worker_is_inline(h->worker) ? BLK_QUEUES : 1, e) ||
	    virtio_init(&d->v, &blk_type, h, name, features, CFG_LEN, BLK_QUEUES, max, e)) {
		lanes_destroy(d);
		base_free(d);
		return NULL;
	}
	memcpy(d->v.config, d->config, CFG_LEN);
	return &d->v;
}
