/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2 mapping: guest clusters to clusters of the file through L1 and L2.
 *
 * An L2 entry: bit 63 COPIED (count is 1, may be written in place), bit 62
 * compressed, bit 0 reads as zeros (version 3), bits 9..55 the offset.
 */
#include "image/qcow2_int.h"

#include <errno.h>

#include "base/alloc.h"

static uint64_t l2_index(const struct qcow2 *q, uint64_t g)
{
	return g & ((1ull << q->l2_bits) - 1);
}

/* The L2 table of guest cluster g for reading; *t NULL: none. */
static int l2_get(struct qcow2 *q, uint64_t g, struct qcow2_table **t)
{
	uint64_t i = g >> q->l2_bits, e, off;

	*t = NULL;
	if (i >= q->l1.n)
		return -EIO;
	e = q->l1.e[i];
	off = e & QCOW2_OFFSET;
	if (e & QCOW2_L1_RESERVED || off & (q->cluster_size - 1))
		return qcow2__corrupt(q, "L1 entry", q->l1.off + i * 8);
	if (!off)
		return 0;
	/* A new table may be in memory only, behind the end of the file. */
	if (off >= q->file.size && !qcow2__set_has(&q->meta, qcow2_cluster(q, off)))
		return qcow2__corrupt(q, "L2 table outside the file", off);
	return qcow2__cache_get(q, &q->l2c, off, false, t);
}

static int entry_kind(struct qcow2 *q, uint64_t e, enum qcow2_kind *kind)
{
	uint64_t off = e & QCOW2_OFFSET;

	if (e & QCOW2_COMPRESSED) {
		*kind = QCOW2_PACKED;
		return 0;
	}
	if (e & QCOW2_L2_RESERVED || (q->version == 2 && e & QCOW2_ZERO) ||
	    off & (q->cluster_size - 1))
		return qcow2__corrupt(q, "L2 entry", e);
	if (off && off >= q->file.size)
		return qcow2__corrupt(q, "data outside the file", off);
	if (e & QCOW2_ZERO)
		*kind = off ? QCOW2_ZERO_ALLOCATED : QCOW2_ZERO_PLAIN;
	else
		*kind = off ? QCOW2_DATA : QCOW2_UNALLOCATED;
	return 0;
}

/* Whether the cluster that e maps may be written where it is. */
static int entry_in_place(struct qcow2 *q, uint64_t e, bool *in_place)
{
	uint64_t c = qcow2_cluster(q, e & QCOW2_OFFSET), count = 1;
	int r = 0;

	*in_place = false;
	if (q->blk.readonly)
		return 0;
	if (qcow2__set_has(&q->meta, c))
		return qcow2__corrupt(q, "data overlaps a table", e & QCOW2_OFFSET);
	if (q->snapshots)
		r = qcow2__ref_get(q, c, &count);
	*in_place = e & QCOW2_COPIED && count == 1;
	return r;
}

static int run_first(struct qcow2 *q, uint64_t e, struct qcow2_run *run)
{
	int r = entry_kind(q, e, &run->kind);

	run->entry = e;
	run->n = 1;
	run->in_place = false;
	run->host = 0;
	if (r < 0)
		return r;
	if (run->kind == QCOW2_DATA || run->kind == QCOW2_ZERO_ALLOCATED) {
		run->host = e & QCOW2_OFFSET;
		r = entry_in_place(q, e, &run->in_place);
	}
	return r;
}

/* Whether entry e, n clusters on, continues the run. */
static int run_next(struct qcow2 *q, const struct qcow2_run *run, uint64_t e, bool *same)
{
	struct qcow2_run next;
	int r;

	*same = false;
	if (run->kind == QCOW2_PACKED || run->kind == QCOW2_ZERO_ALLOCATED)
		return 0;
	r = run_first(q, e, &next);
	if (r < 0)
		return r;
	*same = next.kind == run->kind && next.in_place == run->in_place &&
		(run->kind != QCOW2_DATA ||
		 next.host == run->host + (run->n << q->cluster_bits));
	return 0;
}

int qcow2__lookup(struct qcow2 *q, uint64_t g, uint64_t max, struct qcow2_run *run)
{
	uint64_t j = l2_index(q, g);
	struct qcow2_table *t;
	int r = l2_get(q, g, &t);

	if (r < 0)
		return r;
	max = MIN(max, (1ull << q->l2_bits) - j);
	if (!t) {
		*run = (struct qcow2_run){ .kind = QCOW2_UNALLOCATED, .n = max };
		return 0;
	}
	r = run_first(q, ld_be64(t->data + j * 8), run);
	while (r == 0 && run->n < max) {
		bool same;

		r = run_next(q, run, ld_be64(t->data + (j + run->n) * 8), &same);
		if (!same) {
			r = 0; /* a bad entry is met when its turn comes */
			break;
		}
		run->n++;
	}
	return r;
}

/* ---- changes ---------------------------------------------------------------- */

static int l2_install(struct qcow2 *q, uint64_t i, uint64_t cluster)
{
	bool oom;

	if (!qcow2__set_add(&q->meta, cluster, &oom))
		return oom ? -ENOMEM : qcow2__corrupt(q, "overlapping tables",
						      cluster << q->cluster_bits);
	q->l1.e[i] = cluster << q->cluster_bits | QCOW2_COPIED;
	qcow2__root_dirty(&q->l1, (uint32_t)i);
	return 0;
}

/* A new table, empty or with the content of the shared one at `old`. */
static int l2_create(struct qcow2 *q, uint64_t i, uint64_t old, struct qcow2_table **t)
{
	base_auto uint8_t *copy = NULL;
	uint64_t cluster;
	int64_t n;
	int r = 0;

	if (old) {
		if (!(copy = base_alloc(q->cluster_size)))
			return -ENOMEM;
		r = qcow2__cache_get(q, &q->l2c, old, false, t);
		if (r < 0)
			return r;
		memcpy(copy, (*t)->data, q->cluster_size);
	}
	n = qcow2__alloc(q, 1, &cluster);
	if (n < 0)
		return (int)n;
	r = qcow2__cache_get(q, &q->l2c, cluster << q->cluster_bits, true, t);
	if (r == 0) {
		if (copy)
			memcpy((*t)->data, copy, q->cluster_size);
		r = l2_install(q, i, cluster);
	}
	if (r < 0) {
		qcow2__cache_forget(&q->l2c, cluster << q->cluster_bits);
		qcow2__unalloc(q, cluster, 1);
		return r;
	}
	qcow2__table_dirty(*t, 0, (uint32_t)q->cluster_size);
	if (old) {
		qcow2__set_remove(&q->meta, qcow2_cluster(q, old));
		qcow2__release_later(q, qcow2_cluster(q, old));
	}
	return 0;
}

int qcow2__own_l2(struct qcow2 *q, uint64_t g, struct qcow2_table **t)
{
	uint64_t i = g >> q->l2_bits, e, count = 1;
	int r = l2_get(q, g, t);

	if (r < 0)
		return r;
	if (!*t)
		return l2_create(q, i, 0, t);
	e = q->l1.e[i];
	if (q->snapshots)
		r = qcow2__ref_get(q, qcow2_cluster(q, e & QCOW2_OFFSET), &count);
	if (r < 0)
		return r;
	if (e & QCOW2_COPIED && count == 1)
		return 0;
	return l2_create(q, i, e & QCOW2_OFFSET, t);
}

void qcow2__packed_extent(const struct qcow2 *q, uint64_t entry, uint64_t *off, uint64_t *len)
{
	unsigned count_bits = q->cluster_bits - 8, x = 62 - count_bits;

	*off = entry & ((1ull << x) - 1);
	*len = ((entry >> x & ((1ull << count_bits) - 1)) + 1) * 512 - (*off & 511);
}

/* Clusters that entry e referred to lose one reference.  Failure leaks. */
static void entry_release(struct qcow2 *q, uint64_t e)
{
	uint64_t off = e & QCOW2_OFFSET, len = 1, end;

	if (e & QCOW2_COMPRESSED)
		qcow2__packed_extent(q, e, &off, &len);
	if (!off)
		return;
	end = qcow2_cluster(q, off + len - 1);
	for (uint64_t c = qcow2_cluster(q, off); c <= end; c++)
		if (c << q->cluster_bits < q->file.size)
			qcow2__release_later(q, c);
}

int qcow2__map(struct qcow2 *q, uint64_t g, uint64_t n, uint64_t entry, uint64_t step,
	       bool keep)
{
	uint64_t j = l2_index(q, g);
	struct qcow2_table *t;
	int r = qcow2__own_l2(q, g, &t);

	if (r < 0)
		return r;
	qcow2__table_dirty(t, (uint32_t)(j * 8), (uint32_t)((j + n) * 8));
	for (uint64_t k = 0; k < n; k++) {
		uint8_t *p = t->data + (j + k) * 8;
		uint64_t old = ld_be64(p);

		st_be64(p, entry + k * step);
		/* A commit in the middle of this clears the dirty mark. */
		if (!keep) {
			entry_release(q, old);
			qcow2__table_dirty(t, (uint32_t)((j + k) * 8), (uint32_t)((j + n) * 8));
		}
	}
	return 0;
}
