/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio file system device (virtio 1.2, 5.11): FUSE requests over a
 * high-priority queue and request queues.
 *
 * A request runs on a worker lane, off the harts, without the io lock; only
 * taking it off the queue and returning it happen under the lock.  Requests
 * on one node stay in order (one lane for a node), others run side by side.
 * In deterministic mode everything happens inside the notification.
 *
 * A reset waits for the requests that are running, so that none writes into
 * guest memory afterwards; those not yet begun are recognized as stale.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "dev/virtio/fs_fuse.h"

enum {
	FS_ID = 26, FS_TAG = 36, FS_LANES = 4,
	FS_HIPRIO = 0, FS_QUEUES = 2,           /* the high-priority one and one more */
	FS_HIPRIO_SIZE = 128, FS_QUEUE_SIZE = 1024,
	FS_RETRY_NS = 10000000,                 /* how often a held lock is tried */
};

struct virtio_fs {
	struct virtio v;
	struct fuse fuse;
	struct worker_lane *lane[FS_LANES];
	struct lock lock;                       /* running, epoch */
	pthread_cond_t idle;
	unsigned running;                       /* requests being served */
	uint32_t epoch;                         /* counts resets */
	/* Under the io lock: */
	unsigned under_way;                     /* submitted, not yet returned */
	struct fs_job *waiting;                 /* for locks of others */
	struct loop_timer retry;
};

struct fs_job {
	struct worker_job job;
	struct virtio_fs *fs;
	struct virtq_chain *chain;
	unsigned q;
	uint32_t epoch;
	struct fs_job *next;                    /* in waiting */
	enum fuse_result result;
	uint32_t written;
};

/* ---- one request ------------------------------------------------------------ */

/* Serve the chain unless the device was reset since. */
static bool serve(struct fs_job *j)
{
	struct virtio_fs *fs = j->fs;
	bool stale;

	lock_take(&fs->lock);
	stale = j->epoch != fs->epoch;
	fs->running += !stale;
	lock_drop(&fs->lock);
	if (stale)
		return false;
	j->result = fuse_serve(&fs->fuse, j->chain, &j->written);
	lock_take(&fs->lock);
	if (!--fs->running)
		pthread_cond_broadcast(&fs->idle);
	lock_drop(&fs->lock);
	return true;
}

/* Return the chain to the driver; the io lock is held. */
static void complete(struct fs_job *j)
{
	struct virtio_fs *fs = j->fs;

	if (j->epoch != fs->epoch) {
		virtq_drop(j->chain);
		base_free(j);
		return;
	}
	fs->under_way--;
	if (j->result == FUSE_WAIT) {
		j->next = fs->waiting;
		fs->waiting = j;
		loop_timer_set(&fs->retry, clock_now(fs->v.host->clock) + FS_RETRY_NS);
		return;
	}
	if (j->result == FUSE_BROKEN)
		virtio_broken(&fs->v, "not a FUSE request");
	virtq_push(&fs->v, j->q, j->chain, j->written);
	base_free(j);
}

static void run_job(struct worker_job *job)
{
	struct fs_job *j = container_of(job, struct fs_job, job);
	struct vm_host *host = j->fs->v.host;

	serve(j);
	if (worker_is_inline(host->worker)) {
		complete(j);
		return;
	}
	lock_take(host->io);
	complete(j);
	lock_drop(host->io);
}

static void submit(struct fs_job *j)
{
	struct virtio_fs *fs = j->fs;

	fs->under_way++;
	worker_submit(fs->lane[fuse_node_of(j->chain) % FS_LANES], &j->job);
}

static void fs_notify(struct virtio *v, unsigned q)
{
	struct virtio_fs *fs = container_of(v, struct virtio_fs, v);
	struct virtq_chain *c;
	struct fs_job *j;

	while ((c = virtq_pop(v, q))) {
		j = base_zalloc(sizeof(*j));
		if (!j) {
			virtq_push(v, q, c, fuse_fail(c, -ENOMEM));
			continue;
		}
		j->job.fn = run_job;
		j->fs = fs;
		j->chain = c;
		j->q = q;
		j->epoch = fs->epoch;
		submit(j);
	}
}

/* ---- waiting for locks ---------------------------------------------------------- */

static void retry(void *arg)
{
	struct virtio_fs *fs = arg;
	struct fs_job *j, *next;

	lock_take(fs->v.host->io);
	j = fs->waiting;
	fs->waiting = NULL;
	for (; j; j = next) {
		next = j->next;
		submit(j);
	}
	lock_drop(fs->v.host->io);
}

/* Give up what waits, with an answer or without. */
static void drop_waiting(struct virtio_fs *fs, bool answer)
{
	struct fs_job *j;

	loop_timer_cancel(&fs->retry);
	while ((j = fs->waiting)) {
		fs->waiting = j->next;
		if (answer)
			virtq_push(&fs->v, j->q, j->chain, fuse_fail(j->chain, -EINTR));
		else
			virtq_drop(j->chain);
		base_free(j);
	}
}

/* ---- the device ------------------------------------------------------------------- */

static void fs_reset(struct virtio *v)
{
	struct virtio_fs *fs = container_of(v, struct virtio_fs, v);

	lock_take(&fs->lock);
	fs->epoch++;
	while (fs->running)
		lock_wait(&fs->lock, &fs->idle);
	lock_drop(&fs->lock);
	fs->under_way = 0;
	drop_waiting(fs, false);
	fuse_reset(&fs->fuse);
}

static void fs_drain(struct virtio *v)
{
	struct virtio_fs *fs = container_of(v, struct virtio_fs, v);
	struct lock *io = v->host->io;

	lock_take(io);
	do {
		lock_drop(io);
		for (unsigned i = 0; i < FS_LANES; i++)
			worker_drain(fs->lane[i]);
		lock_take(io);
	} while (fs->under_way);
	/* A lock that the host's processes hold is not part of a snapshot. */
	drop_waiting(fs, true);
	lock_drop(io);
}

static void fs_save(struct virtio *v, struct ser_writer *w)
{
	fuse_save(&container_of(v, struct virtio_fs, v)->fuse, w);
}

static void fs_load(struct virtio *v, struct ser_reader *r)
{
	fuse_load(&container_of(v, struct virtio_fs, v)->fuse, r);
}

static void free_device(struct virtio_fs *fs)
{
	for (unsigned i = 0; i < FS_LANES; i++)
		worker_lane_destroy(fs->lane[i]);
	pthread_cond_destroy(&fs->idle);
	lock_fini(&fs->lock);
	base_free(fs);
}

static void fs_destroy(struct virtio *v)
{
	struct virtio_fs *fs = container_of(v, struct virtio_fs, v);

	for (unsigned i = 0; i < FS_LANES; i++)
		worker_drain(fs->lane[i]);
	lock_take(v->host->io);
	drop_waiting(fs, false);
	lock_drop(v->host->io);
	loop_timer_fini(&fs->retry);
	host_fs_destroy(fs->fuse.fs);
	virtio_fini(v);
	free_device(fs);
}

static const struct virtio_type fs_type = {
	.name = "fs", .id = FS_ID, .pci_class = 0x018000,
	.notify = fs_notify, .reset = fs_reset, .drain = fs_drain,
	.save = fs_save, .load = fs_load, .destroy = fs_destroy,
};

struct virtio *virtio_fs_create(struct vm_host *h, const char *name, struct host_fs *host,
				const char *tag, struct err *e)
{
	static const uint16_t size[FS_QUEUES] = { FS_HIPRIO_SIZE, FS_QUEUE_SIZE };
	struct virtio_fs *fs;
	int r = 0;

	if (!tag[0] || strlen(tag) > FS_TAG) {
		err_set(e, EINVAL, "share: the tag \"%s\" must have 1 to 36 bytes", tag);
		return NULL;
	}
	fs = base_zalloc(sizeof(*fs));
	if (!fs) {
		err_set(e, ENOMEM, "%s: out of memory", name);
		return NULL;
	}
	lock_init(&fs->lock, LOCK_RANK_DEV);
	pthread_cond_init(&fs->idle, NULL);
	for (unsigned i = 0; i < FS_LANES && !r; i++) {
		fs->lane[i] = worker_lane_create(h->worker, e);
		r = fs->lane[i] ? 0 : -ENOMEM;
	}
	if (!r)
		r = virtio_init(&fs->v, &fs_type, h, name, 0, FS_TAG + 4, FS_QUEUES, size, e);
	if (r) {
		free_device(fs);
		return NULL;
	}
	fs->fuse.fs = host;
	loop_timer_init(&fs->retry, h->loop, retry, fs);
	memcpy(fs->v.config, tag, strlen(tag));
	st_le32(fs->v.config + FS_TAG, FS_QUEUES - 1);
	return &fs->v;
}
