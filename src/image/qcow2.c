/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2 images: opening with the chain of backing files, closing, and the
 * disk that the rest of the program sees.
 */
#include "image/qcow2.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/log.h"
#include "image/qcow2_int.h"
#include "image/qcow2_io.h"

static struct qcow2 *of(struct blk *b)
{
	return container_of(b, struct qcow2, blk);
}

static int q_readv(struct blk *b, const struct iovec *iov, int n, uint64_t off)
{
	return qcow2__readv(of(b), iov, n, off);
}

static int q_writev(struct blk *b, const struct iovec *iov, int n, uint64_t off)
{
	return qcow2__writev(of(b), iov, n, off);
}

static int q_flush(struct blk *b)
{
	return b->readonly ? 0 : qcow2__commit(of(b));
}

static int q_discard(struct blk *b, uint64_t off, uint64_t len)
{
	return qcow2__discard(of(b), off, len);
}

static int q_write_zeroes(struct blk *b, uint64_t off, uint64_t len, bool may_unmap)
{
	return qcow2__write_zeroes(of(b), off, len, may_unmap);
}

static void q_free(struct qcow2 *q)
{
	if (q->backing)
		q->backing->ops->destroy(q->backing);
	qcow2__cache_fini(&q->l2c);
	qcow2__cache_fini(&q->rbc);
	base_free(q->l1.e);
	base_free(q->rt.e);
	base_free(q->meta.keys);
	base_free(q->pending);
	base_free(q->unpacked);
	base_free(q->packed);
	base_free(q->cow);
	base_free(q->iov);
	base_free(q->backing_name);
	base_free(q->backing_format);
	if (q->file.path)
		blk_file_close(&q->file);
	base_free(q);
}

static void q_destroy(struct blk *b)
{
	struct qcow2 *q = of(b);

	/* Twice: the first commit may give clusters back. */
	if (!b->readonly && (qcow2__commit(q) < 0 || qcow2__commit(q) < 0))
		log_warn("%s: the last writes could not be completed", q->file.path);
	q_free(q);
}

static const struct blk_ops q_ops = {
	.readv = q_readv,
	.writev = q_writev,
	.flush = q_flush,
	.discard = q_discard,
	.write_zeroes = q_write_zeroes,
	.destroy = q_destroy,
};

static int check_chain(const struct disk_chain *up, dev_t dev, ino_t ino, struct err *e)
{
	if (up && up->depth >= QCOW2_DEPTH_MAX)
		return err_set(e, ELOOP, "more than %d backing files", QCOW2_DEPTH_MAX);
	for (; up; up = up->up)
		if (up->dev == dev && up->ino == ino)
			return err_set(e, ELOOP, "the backing files form a loop");
	return 0;
}

static int open_backing(struct qcow2 *q, const struct disk_chain *up, struct err *e)
{
	struct disk_chain here = { up, q->file.dev, q->file.ino, up ? up->depth + 1 : 1 };
	base_auto char *path = NULL;
	struct stat st;

	if (!q->backing_name)
		return 0;
	path = disk__backing_path(q->file.path, q->backing_name, e);
	if (!path)
		return -EINVAL;
	/* Before it is opened: a loop must not be told from the lock. */
	if (stat(path, &st) == 0 && check_chain(&here, st.st_dev, st.st_ino, e) < 0)
		return err_wrap(e, "%s", path);
	q->backing = disk__open_backing(path, q->backing_format, &here, e);
	return q->backing ? 0 : -EINVAL;
}

static int open_tables(struct qcow2 *q, struct err *e)
{
	int r = qcow2__load_root(q, &q->l1, "L1 table", e);

	if (r < 0)
		return r;
	if (qcow2__cache_init(&q->l2c, q->cluster_size) < 0 ||
	    qcow2__cache_init(&q->rbc, q->cluster_size) < 0)
		return err_set(e, ENOMEM, "out of memory");
	return 0;
}

/* What a writable image needs beyond reading. */
static int open_writable(struct qcow2 *q, struct err *e)
{
	int r;

	if (q->incompatible & QCOW2_INC_CORRUPT)
		return err_set(e, EIO, "the image is marked corrupt; 'qemu-img check -r all' "
			       "may repair it");
	r = qcow2__load_root(q, &q->rt, "refcount table", e);
	if (r == 0)
		r = qcow2__build_meta(q, e);
	if (r == 0 && q->incompatible & QCOW2_INC_DIRTY)
		r = qcow2__repair(q, e);
	if (r < 0)
		return r;
	/* Features that a writer who does not know them must clear (bitmaps). */
	if (q->autoclear || q->incompatible & QCOW2_INC_DIRTY) {
		r = qcow2__write_features(q, q->incompatible & ~(uint64_t)QCOW2_INC_DIRTY, 0);
		if (r < 0)
			return err_set(e, -r, "header: %s", strerror(-r));
	}
	return 0;
}

struct blk *qcow2__open_chain(const char *path, bool readonly, const struct disk_chain *up,
			      struct err *e)
{
	struct qcow2 *q = base_zalloc(sizeof(*q));
	int r;

	if (!q) {
		err_set(e, ENOMEM, "%s: out of memory", path);
		return NULL;
	}
	r = blk_file_open(&q->file, path, readonly, e);
	if (r < 0) {
		base_free(q);
		return NULL;
	}
	q->blk = (struct blk){ .ops = &q_ops, .readonly = readonly };
	r = qcow2__read_header(q, e);
	if (r == 0)
		r = open_tables(q, e);
	if (r == 0 && !readonly)
		r = open_writable(q, e);
	if (r < 0) {
		err_wrap(e, "%s", path);
		q_free(q);
		return NULL;
	}
	q->blk.size = align_up(q->size, 512);
	if (open_backing(q, up, e) < 0) {
		if (!up) /* the chain in between is of no interest */
			err_wrap(e, "%s: backing file", path);
		q_free(q);
		return NULL;
	}
	return &q->blk;
}

struct blk *qcow2_open(const char *path, bool readonly, struct err *e)
{
	return qcow2__open_chain(path, readonly, NULL, e);
}
