/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repair of reference counts.  An image with the dirty bit was written with
 * lazy counts and not closed: its mapping is right, its counts are not.
 * They are counted anew from the tables; the dirty bit stays until the
 * result is durable, so that a crash here only means to do it again.
 *
 * Never changes a mapping: an image whose tables contradict each other is
 * refused.
 */
#include "image/qcow2_int.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/log.h"

enum { REPAIR_CLUSTERS_MAX = 32 << 20 }; /* 128 MiB of counts */

struct repair {
	struct qcow2 *q;
	uint32_t *count;
	uint64_t n;
};

#define GIVE_UP "; 'qemu-img check -r all' may repair it"

static int mark(struct repair *p, uint64_t off, uint64_t len, struct err *e)
{
	uint64_t c = qcow2_cluster(p->q, off), end = qcow2_cluster(p->q, off + len - 1);

	if (end >= p->n)
		return err_set(e, EIO, "qcow2: offset %#llx is outside the file" GIVE_UP,
			       (unsigned long long)off);
	for (; c <= end; c++)
		if (p->count[c] < UINT32_MAX)
			p->count[c]++;
	return 0;
}

static int mark_entry(struct repair *p, uint64_t entry, struct err *e)
{
	uint64_t off = entry & QCOW2_OFFSET, len = 1;

	if (entry & QCOW2_COMPRESSED)
		qcow2__packed_extent(p->q, entry, &off, &len);
	if (!off)
		return 0;
	/* The last sector of compressed data may be cut off by the file's end. */
	if (entry & QCOW2_COMPRESSED && off < p->q->file.size)
		len = MIN(len, p->q->file.size - off);
	else if (off & (p->q->cluster_size - 1))
		return err_set(e, EIO, "qcow2: L2 entry %#llx" GIVE_UP, (unsigned long long)entry);
	return mark(p, off, len, e);
}

static int mark_l2(struct repair *p, uint64_t off, struct err *e)
{
	struct qcow2 *q = p->q;
	struct qcow2_table *t;
	int r = qcow2__cache_get(q, &q->l2c, off, false, &t);

	if (r < 0)
		return err_set(e, -r, "qcow2: L2 table: %s", strerror(-r));
	for (uint64_t j = 0; r == 0 && j < 1ull << q->l2_bits; j++)
		r = mark_entry(p, ld_be64(t->data + j * 8), e);
	return r;
}

static int mark_all(struct repair *p, struct err *e)
{
	struct qcow2 *q = p->q;
	int r = 0;

	/* Headers and tables, without their content: see qcow2__build_meta. */
	for (size_t i = 0; i < q->meta.cap && r == 0; i++)
		if (q->meta.keys[i])
			r = mark(p, (q->meta.keys[i] - 1) << q->cluster_bits, 1, e);
	for (uint32_t i = 0; i < q->l1.n && r == 0; i++)
		if (q->l1.e[i] & QCOW2_OFFSET)
			r = mark_l2(p, q->l1.e[i] & QCOW2_OFFSET, e);
	for (size_t i = 0; i < q->meta.cap && r == 0; i++)
		if (q->meta.keys[i] && p->count[q->meta.keys[i] - 1] != 1)
			r = err_set(e, EIO, "qcow2: data overlaps a table at offset %#llx" GIVE_UP,
				    (unsigned long long)(q->meta.keys[i] - 1) << q->cluster_bits);
	return r;
}

static int store_all(struct repair *p, uint64_t *fixed, struct err *e)
{
	struct qcow2 *q = p->q;
	uint64_t region = 1ull << q->rb_bits;

	/* New refcount blocks must not land on what is in use. */
	q->free_hint = (p->n + region - 1) & ~(region - 1);
	for (uint64_t c = 0; c < p->n; c++) {
		uint64_t have;
		int r = qcow2__ref_get(q, c, &have);

		if (r == 0 && have != p->count[c]) {
			r = qcow2__ref_set(q, c, p->count[c]);
			++*fixed;
		}
		if (r < 0)
			return err_set(e, -r, "qcow2: counts: %s", strerror(-r));
	}
	q->free_hint = 0;
	return 0;
}

int qcow2__repair(struct qcow2 *q, struct err *e)
{
	struct repair p = { .q = q, .n = qcow2_cluster(q, q->file.size + q->cluster_size - 1) };
	uint64_t fixed = 0;
	int r;

	if (q->snapshots || q->bitmaps || p.n > REPAIR_CLUSTERS_MAX)
		return err_set(e, EIO, "the image was not closed and has %s" GIVE_UP,
			       q->snapshots ? "snapshots" : q->bitmaps ? "bitmaps" :
			       "too many clusters");
	p.count = base_calloc(p.n, sizeof(*p.count));
	if (!p.count)
		return err_set(e, ENOMEM, "out of memory");
	r = mark_all(&p, e);
	if (r == 0)
		r = store_all(&p, &fixed, e);
	base_free(p.count);
	if (r == 0 && (r = qcow2__commit(q)) < 0)
		err_set(e, -r, "qcow2: counts: %s", strerror(-r));
	if (r == 0)
		log_warn("%s: was not closed; %llu reference counts repaired", q->file.path,
			 (unsigned long long)fixed);
	return r;
}
