/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2 data path: read, write with copy on write, zeroes, discard.
 *
 * A cluster that is written for the first time is written whole (what the
 * guest did not give is copied from what it read before) and only then
 * mapped; the commit makes data durable before the mapping.
 */
#include "image/qcow2_io.h"

#include <errno.h>

#include "base/alloc.h"

static int scratch_iov(struct qcow2 *q, int n)
{
	struct iovec *p;

	if (n <= q->iov_cap)
		return 0;
	p = base_realloc(q->iov, (size_t)n * sizeof(*p));
	if (!p)
		return -ENOMEM;
	q->iov = p;
	q->iov_cap = n;
	return 0;
}

static uint64_t in_cluster(const struct qcow2 *q, uint64_t off)
{
	return off & (q->cluster_size - 1);
}

static uint64_t clusters_of(const struct qcow2 *q, uint64_t off, uint64_t len)
{
	return (in_cluster(q, off) + len + q->cluster_size - 1) >> q->cluster_bits;
}

/* ---- read ------------------------------------------------------------------ */

static int read_backing(struct qcow2 *q, struct iovec *iov, int n, uint64_t off, uint64_t len)
{
	uint64_t have = q->backing && off < q->backing->size ? q->backing->size - off : 0;
	int k, r = 0;

	if (have >= len)
		return q->backing->ops->readv(q->backing, iov, n, off);
	if (!have) {
		blk_iov_zero(iov, n);
		return 0;
	}
	/* The backing disk ends inside: rare, once a disk. */
	struct iovec *part = base_calloc((size_t)n, sizeof(*part));

	if (!part)
		return -ENOMEM;
	k = blk_iov_slice(iov, n, have, len - have, part);
	blk_iov_zero(part, k);
	k = blk_iov_slice(iov, n, 0, have, part);
	r = q->backing->ops->readv(q->backing, part, k, off);
	base_free(part);
	return r;
}

static int read_packed(struct qcow2 *q, struct iovec *iov, int n, uint64_t off, uint64_t entry)
{
	int r = qcow2__unpack(q, entry);

	if (r == 0)
		blk_iov_fill(iov, n, q->unpacked + in_cluster(q, off));
	return r;
}

static int read_run(struct qcow2 *q, const struct qcow2_run *run, struct iovec *iov, int n,
		    uint64_t off, uint64_t len)
{
	switch (run->kind) {
	case QCOW2_UNALLOCATED:
		return read_backing(q, iov, n, off, len);
	case QCOW2_DATA:
		return blk_file_readv(&q->file, iov, n, run->host + in_cluster(q, off));
	case QCOW2_PACKED:
		return read_packed(q, iov, n, off, run->entry);
	default:
		blk_iov_zero(iov, n);
		return 0;
	}
}

int qcow2__readv(struct qcow2 *q, const struct iovec *iov, int n, uint64_t off)
{
	uint64_t len = blk_iov_len(iov, n), done = 0;

	while (done < len) {
		uint64_t at = off + done, part;
		struct qcow2_run run;
		int r = qcow2__lookup(q, qcow2_cluster(q, at), clusters_of(q, at, len - done),
				      &run);

		if (r == 0)
			r = scratch_iov(q, n);
		if (r < 0)
			return r;
		part = MIN(len - done, (run.n << q->cluster_bits) - in_cluster(q, at));
		r = read_run(q, &run, q->iov, blk_iov_slice(iov, n, done, part, q->iov), at, part);
		if (r < 0)
			return r;
		done += part;
	}
	return 0;
}

/* ---- write ----------------------------------------------------------------- */

/* Part of a request: `len` bytes of iov from `skip` on, for disk offset `at`. */
struct piece {
	const struct iovec *iov;
	int n;
	uint64_t skip, at, len;
};

static int cow_read(struct qcow2 *q, uint8_t *to, uint64_t off, uint64_t len)
{
	return len ? qcow2__readv(q, &(struct iovec){ to, len }, 1, off) : 0;
}

/* Write the piece to `host` (offset of its first cluster) with the rest of
 * its first and last cluster around it. */
static int write_whole(struct qcow2 *q, const struct piece *p, uint64_t host)
{
	uint64_t head = in_cluster(q, p->at), end = p->at + p->len;
	uint64_t tail = align_up(end, q->cluster_size) - end;
	int k = 0, r;

	if (!q->cow && !(q->cow = base_alloc(q->cluster_size * 2)))
		return -ENOMEM;
	r = cow_read(q, q->cow, p->at - head, head);
	if (r == 0)
		r = cow_read(q, q->cow + q->cluster_size, end, tail);
	if (r == 0)
		r = scratch_iov(q, p->n + 2);
	if (r < 0)
		return r;
	if (head)
		q->iov[k++] = (struct iovec){ q->cow, head };
	k += blk_iov_slice(p->iov, p->n, p->skip, p->len, q->iov + k);
	if (tail)
		q->iov[k++] = (struct iovec){ q->cow + q->cluster_size, tail };
	return blk_file_writev(&q->file, q->iov, k, host);
}

/* New clusters for at most n clusters of the piece; shortens the piece to
 * what it did. */
static int write_new(struct qcow2 *q, struct piece *p, uint64_t n)
{
	uint64_t cluster, g = qcow2_cluster(q, p->at);
	int64_t got = qcow2__alloc(q, n, &cluster);
	int r;

	if (got < 0)
		return (int)got;
	p->len = MIN(p->len, ((uint64_t)got << q->cluster_bits) - in_cluster(q, p->at));
	r = write_whole(q, p, cluster << q->cluster_bits);
	if (r == 0)
		r = qcow2__map(q, g, (uint64_t)got, cluster << q->cluster_bits | QCOW2_COPIED,
			       q->cluster_size, false);
	if (r < 0)
		qcow2__unalloc(q, cluster, (uint64_t)got);
	return r;
}

/* A cluster that reads as zeros but has its place in the file. */
static int write_over_zero(struct qcow2 *q, struct piece *p, const struct qcow2_run *run)
{
	int r;

	p->len = MIN(p->len, q->cluster_size - in_cluster(q, p->at));
	r = write_whole(q, p, run->host);
	return r < 0 ? r : qcow2__map(q, qcow2_cluster(q, p->at), 1,
				      run->host | QCOW2_COPIED, 0, true);
}

static int write_in_place(struct qcow2 *q, struct piece *p, const struct qcow2_run *run)
{
	int r = scratch_iov(q, p->n), k;

	if (r < 0)
		return r;
	p->len = MIN(p->len, (run->n << q->cluster_bits) - in_cluster(q, p->at));
	k = blk_iov_slice(p->iov, p->n, p->skip, p->len, q->iov);
	return blk_file_writev(&q->file, q->iov, k, run->host + in_cluster(q, p->at));
}

/* How many clusters from g on, at most max, cannot be written in place;
 * never past the end of an L2 table. */
static int count_new(struct qcow2 *q, uint64_t g, uint64_t max, uint64_t *n)
{
	struct qcow2_run run;

	max = MIN(max, (1ull << q->l2_bits) - (g & ((1ull << q->l2_bits) - 1)));
	for (*n = 0; *n < max; *n += run.n) {
		int r = qcow2__lookup(q, g + *n, max - *n, &run);

		if (r < 0)
			return *n ? 0 : r; /* a bad entry is met when its turn comes */
		if (run.in_place)
			return 0;
	}
	return 0;
}

static int write_piece(struct qcow2 *q, struct piece *p)
{
	uint64_t g = qcow2_cluster(q, p->at), max = clusters_of(q, p->at, p->len), n;
	struct qcow2_run run;
	int r = qcow2__lookup(q, g, max, &run);

	if (r < 0)
		return r;
	if (run.in_place)
		return run.kind == QCOW2_DATA ? write_in_place(q, p, &run)
					      : write_over_zero(q, p, &run);
	r = count_new(q, g, max, &n);
	return r < 0 ? r : write_new(q, p, n);
}

int qcow2__writev(struct qcow2 *q, const struct iovec *iov, int n, uint64_t off)
{
	uint64_t len = blk_iov_len(iov, n), done = 0;

	if (q->blk.readonly)
		return -EROFS;
	while (done < len) {
		struct piece p = { iov, n, done, off + done, len - done };
		int r = q->broken ? -EIO : write_piece(q, &p);

		if (r < 0)
			return r;
		done += p.len;
	}
	return 0;
}

/* ---- zeroes and discard ------------------------------------------------------ */

static int write_zero_bytes(struct qcow2 *q, uint64_t off, uint64_t len)
{
	base_auto void *zeros = len ? base_zalloc((size_t)len) : NULL;

	if (!len)
		return 0;
	return zeros ? qcow2__writev(q, &(struct iovec){ zeros, len }, 1, off) : -ENOMEM;
}

/* Less than a cluster. */
static int zero_part(struct qcow2 *q, uint64_t off, uint64_t len)
{
	struct qcow2_run run;
	int r = len ? qcow2__lookup(q, qcow2_cluster(q, off), 1, &run) : 0;

	if (r < 0 || !len)
		return r;
	if (run.kind == QCOW2_ZERO_PLAIN || run.kind == QCOW2_ZERO_ALLOCATED ||
	    (run.kind == QCOW2_UNALLOCATED && !q->backing))
		return 0;
	return write_zero_bytes(q, off, len);
}

/* Version 2 has no zero flag: where a backing file would show through, or
 * the space is to be kept, the zeros are written. */
static int zero_run_v2(struct qcow2 *q, uint64_t g, struct qcow2_run *run, bool unmap)
{
	if (run->kind == QCOW2_UNALLOCATED && !q->backing)
		return 0;
	if (run->in_place && (q->backing || !unmap))
		return blk_file_zero(&q->file, run->host, run->n << q->cluster_bits, false);
	if (!q->backing)
		return qcow2__map(q, g, run->n, 0, 0, false);
	run->n = 1;
	return write_zero_bytes(q, g << q->cluster_bits,
				MIN(q->cluster_size, q->blk.size - (g << q->cluster_bits)));
}

static int zero_run(struct qcow2 *q, uint64_t g, struct qcow2_run *run, bool unmap)
{
	if (q->version == 2)
		return zero_run_v2(q, g, run, unmap);
	switch (run->kind) {
	case QCOW2_ZERO_PLAIN:
		return 0;
	case QCOW2_UNALLOCATED:
		return q->backing ? qcow2__map(q, g, run->n, QCOW2_ZERO, 0, false) : 0;
	case QCOW2_ZERO_ALLOCATED:
		return unmap ? qcow2__map(q, g, run->n, QCOW2_ZERO, 0, false) : 0;
	default:
		if (run->in_place && !unmap)
			return qcow2__map(q, g, run->n, run->entry | QCOW2_ZERO,
					  q->cluster_size, true);
		return qcow2__map(q, g, run->n, QCOW2_ZERO, 0, false);
	}
}

static int discard_run(struct qcow2 *q, uint64_t g, const struct qcow2_run *run)
{
	if (run->kind == QCOW2_UNALLOCATED || run->kind == QCOW2_ZERO_PLAIN)
		return 0;
	if (!q->backing)
		return qcow2__map(q, g, run->n, 0, 0, false);
	/* Old content of the backing file must not come back. */
	return q->version == 2 ? 0 : qcow2__map(q, g, run->n, QCOW2_ZERO, 0, false);
}

enum range_op { RANGE_ZERO, RANGE_ZERO_UNMAP, RANGE_DISCARD };

static int range_clusters(struct qcow2 *q, uint64_t g, uint64_t end, enum range_op op)
{
	while (g < end) {
		struct qcow2_run run;
		int r = q->broken ? -EIO : qcow2__lookup(q, g, end - g, &run);

		if (r == 0)
			r = op == RANGE_DISCARD ? discard_run(q, g, &run)
						: zero_run(q, g, &run, op == RANGE_ZERO_UNMAP);
		if (r < 0)
			return r;
		g += run.n;
	}
	return 0;
}

/* The clusters that lie wholly in [off, off + len); the disk's last one ends
 * at the disk's end. */
static void whole_clusters(const struct qcow2 *q, uint64_t off, uint64_t len,
			   uint64_t *first, uint64_t *end)
{
	*first = qcow2_cluster(q, off + q->cluster_size - 1);
	*end = off + len == q->blk.size ? clusters_of(q, 0, off + len)
					: qcow2_cluster(q, off + len);
}

int qcow2__discard(struct qcow2 *q, uint64_t off, uint64_t len)
{
	uint64_t first, end;

	if (q->blk.readonly)
		return -EROFS;
	whole_clusters(q, off, len, &first, &end);
	return range_clusters(q, first, end, RANGE_DISCARD);
}

int qcow2__write_zeroes(struct qcow2 *q, uint64_t off, uint64_t len, bool unmap)
{
	uint64_t first, end, lo, hi;
	int r;

	if (q->blk.readonly)
		return -EROFS;
	whole_clusters(q, off, len, &first, &end);
	if (first >= end) {
		/* At most two clusters, neither of them whole. */
		lo = MIN(len, q->cluster_size - in_cluster(q, off));
		r = zero_part(q, off, lo);
		return r < 0 ? r : zero_part(q, off + lo, len - lo);
	}
	lo = first << q->cluster_bits;
	hi = MIN(end << q->cluster_bits, off + len);
	r = zero_part(q, off, lo - off);
	if (r == 0)
		r = range_clusters(q, first, end, unmap ? RANGE_ZERO_UNMAP : RANGE_ZERO);
	return r < 0 ? r : zero_part(q, hi, off + len - hi);
}
