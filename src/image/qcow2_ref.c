/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2 reference counts: reading, setting, allocation, giving back, growth
 * of the refcount table.
 *
 * A count in memory is never below the number of references in memory or on
 * disk: it is raised before a reference is stored and lowered only after the
 * commit that made the loss of the reference durable.
 */
#include "image/qcow2_int.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/log.h"

#define HOST_MAX (1ull << 56) /* offsets in L2 entries have 56 bits */

int qcow2__corrupt(struct qcow2 *q, const char *what, uint64_t off)
{
	if (!q->broken)
		log_warn("%s: corrupt qcow2 image: %s (offset %#llx)%s", q->file.path, what,
			 (unsigned long long)off, q->blk.readonly ? "" : "; no more writes");
	q->broken = true;
	return -EIO;
}

/* ---- counts --------------------------------------------------------------- */

static uint64_t count_load(const struct qcow2 *q, const uint8_t *b, uint64_t i)
{
	unsigned w = 1u << q->refcount_order;

	switch (q->refcount_order) {
	case 3: return b[i];
	case 4: return ld_be16(b + i * 2);
	case 5: return ld_be32(b + i * 4);
	case 6: return ld_be64(b + i * 8);
	default: return b[i * w / 8] >> (i * w % 8) & ((1u << w) - 1);
	}
}

static void count_store(const struct qcow2 *q, uint8_t *b, uint64_t i, uint64_t v)
{
	unsigned w = 1u << q->refcount_order, shift;
	uint8_t mask;

	switch (q->refcount_order) {
	case 3: b[i] = (uint8_t)v; return;
	case 4: st_be16(b + i * 2, (uint16_t)v); return;
	case 5: st_be32(b + i * 4, (uint32_t)v); return;
	case 6: st_be64(b + i * 8, v); return;
	}
	shift = (unsigned)(i * w % 8);
	mask = (uint8_t)(((1u << w) - 1) << shift);
	b += i * w / 8;
	*b = (uint8_t)((*b & ~mask) | (v << shift & mask));
}

static uint64_t count_max(const struct qcow2 *q)
{
	return ~0ull >> (64 - (1u << q->refcount_order));
}

static void block_set(const struct qcow2 *q, struct qcow2_table *t, uint64_t i, uint64_t v)
{
	uint64_t at = i << q->refcount_order >> 3;

	count_store(q, t->data, i, v);
	qcow2__table_dirty(t, (uint32_t)at, (uint32_t)(at + (q->refcount_order > 3 ?
				  1u << (q->refcount_order - 3) : 1u)));
}

/* The refcount block of `cluster`; *t NULL: there is none, all counts are 0. */
static int block_get(struct qcow2 *q, uint64_t cluster, struct qcow2_table **t)
{
	uint64_t i = cluster >> q->rb_bits, off;

	*t = NULL;
	if (i >= q->rt.n || !(off = q->rt.e[i]))
		return 0;
	if (off & (q->cluster_size - 1) || off >= HOST_MAX)
		return qcow2__corrupt(q, "refcount block", off);
	return qcow2__cache_get(q, &q->rbc, off, false, t);
}

static uint64_t block_index(const struct qcow2 *q, uint64_t cluster)
{
	return cluster & ((1ull << q->rb_bits) - 1);
}

int qcow2__ref_get(struct qcow2 *q, uint64_t cluster, uint64_t *count)
{
	struct qcow2_table *t;
	int r = block_get(q, cluster, &t);

	*count = r == 0 && t ? count_load(q, t->data, block_index(q, cluster)) : 0;
	return r;
}

/* ---- new refcount blocks --------------------------------------------------- */

static int meta_add(struct qcow2 *q, uint64_t cluster)
{
	bool oom;

	if (qcow2__set_add(&q->meta, cluster, &oom))
		return 0;
	return oom ? -ENOMEM : qcow2__corrupt(q, "overlapping tables", cluster << q->cluster_bits);
}

/* An empty block for the clusters around `cluster`, which stands at `at`. */
static int block_create(struct qcow2 *q, uint64_t cluster, uint64_t at)
{
	uint32_t i = (uint32_t)(cluster >> q->rb_bits);
	struct qcow2_table *t;
	int r = meta_add(q, at);

	if (r < 0)
		return r;
	r = qcow2__cache_get(q, &q->rbc, at << q->cluster_bits, true, &t);
	if (r < 0) {
		qcow2__set_remove(&q->meta, at);
		return r;
	}
	qcow2__table_dirty(t, 0, (uint32_t)q->cluster_size);
	if (at >> q->rb_bits == i)
		block_set(q, t, block_index(q, at), 1);
	q->rt.e[i] = at << q->cluster_bits;
	qcow2__root_dirty(&q->rt, i);
	return 0;
}

/* ---- growth of the refcount table ------------------------------------------ */

struct growth {
	uint64_t base;          /* first cluster of the new blocks */
	uint64_t blocks;        /* refcount blocks, then */
	uint64_t clusters;      /* the table */
	struct qcow2_root rt;
};

/* The new table and the blocks that count it and themselves, placed where
 * nothing was ever counted and nothing is in use. */
static int growth_plan(struct qcow2 *q, struct growth *g)
{
	uint64_t region = 1ull << q->rb_bits;
	uint64_t first = MAX((uint64_t)q->rt.n, (q->free_hint + region - 1) >> q->rb_bits);
	uint64_t entries;

	g->base = first << q->rb_bits;
	g->blocks = 1;
	for (;;) {
		entries = MAX(first + g->blocks + 1, (uint64_t)q->rt.n * 3 / 2);
		g->clusters = align_up(entries * 8, q->cluster_size) >> q->cluster_bits;
		if (g->blocks << q->rb_bits >= g->clusters + g->blocks)
			break;
		g->blocks++;
	}
	entries = g->clusters << q->cluster_bits >> 3;
	if (entries * 8 > QCOW2_RT_BYTES_MAX ||
	    g->base + g->blocks + g->clusters >= HOST_MAX >> q->cluster_bits)
		return -EFBIG;
	g->rt.n = (uint32_t)entries;
	g->rt.off = (g->base + g->blocks) << q->cluster_bits;
	g->rt.e = base_calloc(entries, 8);
	if (!g->rt.e)
		return -ENOMEM;
	memcpy(g->rt.e, q->rt.e, (size_t)q->rt.n * 8);
	for (uint64_t b = 0; b < g->blocks; b++)
		g->rt.e[first + b] = (g->base + b) << q->cluster_bits;
	return 0;
}

static int growth_write(struct qcow2 *q, struct growth *g)
{
	uint64_t used = g->blocks + g->clusters;
	int r;

	for (uint64_t b = 0; b < g->blocks; b++) {
		struct qcow2_table *t;

		r = qcow2__cache_get(q, &q->rbc, (g->base + b) << q->cluster_bits, true, &t);
		if (r < 0)
			return r;
		qcow2__table_dirty(t, 0, (uint32_t)q->cluster_size);
		for (uint64_t c = b << q->rb_bits; c < used && c >> q->rb_bits == b; c++)
			block_set(q, t, block_index(q, c), 1);
	}
	r = qcow2__cache_write(q, &q->rbc);
	if (r < 0)
		return r;
	g->rt.dirty_hi = g->rt.n;
	r = qcow2__root_write(q, &g->rt);
	return r < 0 ? r : blk_file_sync(&q->file);
}

/* The switch: offset and length are adjacent in the header, in one sector. */
static int growth_switch(struct qcow2 *q, const struct growth *g)
{
	uint8_t b[12];
	int r;

	st_be64(b, g->rt.off);
	st_be32(b + 8, (uint32_t)g->clusters);
	r = blk_file_write(&q->file, b, sizeof(b), 48);
	if (r == 0)
		r = blk_file_sync(&q->file);
	if (r < 0) /* which of the two tables is valid is not known any more */
		q->broken = true;
	return r;
}

static int table_grow(struct qcow2 *q)
{
	struct growth g = { 0 };
	struct qcow2_root old = q->rt;
	uint64_t n;
	int r = growth_plan(q, &g);

	if (r == 0)
		r = growth_write(q, &g);
	if (r == 0)
		r = growth_switch(q, &g);
	if (r < 0) {
		base_free(g.rt.e);
		return r;
	}
	q->rt = g.rt;
	base_free(old.e);
	for (uint64_t c = 0; c < g.blocks + g.clusters && r == 0; c++)
		r = meta_add(q, g.base + c);
	n = (uint64_t)old.n * 8 >> q->cluster_bits;
	for (uint64_t c = qcow2_cluster(q, old.off); n--; c++) {
		qcow2__set_remove(&q->meta, c);
		qcow2__unalloc(q, c, 1);
	}
	return r;
}

/* A counting block for a region that has none: all of it is free, so the
 * block takes `cluster` itself. */
static int region_open(struct qcow2 *q, uint64_t cluster)
{
	if (cluster >> q->rb_bits >= q->rt.n) {
		q->free_hint = cluster;
		return table_grow(q);
	}
	return block_create(q, cluster, cluster);
}

/* Only repair sets counts where no block is: it has moved free_hint behind
 * everything that is in use. */
int qcow2__ref_set(struct qcow2 *q, uint64_t cluster, uint64_t count)
{
	struct qcow2_table *t;
	int r = block_get(q, cluster, &t);

	if (r == 0 && !t) {
		uint64_t at;
		int64_t n = qcow2__alloc(q, 1, &at);

		if (n < 0)
			return (int)n;
		while (r == 0 && cluster >> q->rb_bits >= q->rt.n)
			r = table_grow(q);
		if (r == 0)
			r = block_get(q, cluster, &t);
		if (r == 0 && !t)
			r = block_create(q, cluster, at);
		if (r == 0)
			r = block_get(q, cluster, &t);
	}
	if (r < 0)
		return r;
	if (count > count_max(q))
		return -EINVAL;
	block_set(q, t, block_index(q, cluster), count);
	return 0;
}

/* ---- allocation ------------------------------------------------------------ */

/* Free clusters from `c` on, in one refcount block, at most want. */
static int64_t free_run(struct qcow2 *q, uint64_t c, uint64_t want, struct qcow2_table *t)
{
	uint64_t i = block_index(q, c), end = 1ull << q->rb_bits, n = 0;

	while (n < want && i + n < end && !count_load(q, t->data, i + n)) {
		if (qcow2__set_has(&q->meta, c + n))
			return qcow2__corrupt(q, "a table is counted as free",
					      (c + n) << q->cluster_bits);
		n++;
	}
	return (int64_t)n;
}

int64_t qcow2__alloc(struct qcow2 *q, uint64_t want, uint64_t *cluster)
{
	uint64_t c = q->free_hint;

	for (;;) {
		struct qcow2_table *t;
		int64_t n;
		int r;

		if (c + want >= HOST_MAX >> q->cluster_bits)
			return -EFBIG;
		r = block_get(q, c, &t);
		if (r < 0)
			return r;
		if (!t) {
			r = region_open(q, c);
			if (r < 0)
				return r;
			continue;
		}
		n = free_run(q, c, want, t);
		if (n < 0)
			return n;
		if (n > 0) {
			for (int64_t i = 0; i < n; i++)
				block_set(q, t, block_index(q, c + (uint64_t)i), 1);
			*cluster = c;
			q->free_hint = c + (uint64_t)n;
			return n;
		}
		c++;
	}
}

void qcow2__unalloc(struct qcow2 *q, uint64_t cluster, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct qcow2_table *t;

		if (block_get(q, cluster + i, &t) < 0 || !t)
			continue; /* a leak */
		block_set(q, t, block_index(q, cluster + i), 0);
		q->free_hint = MIN(q->free_hint, cluster + i);
	}
}

/* ---- giving back ------------------------------------------------------------ */

int qcow2__release_later(struct qcow2 *q, uint64_t cluster)
{
	if (q->pending_n == QCOW2_PENDING_MAX) {
		int r = qcow2__commit(q);

		if (r < 0)
			return r;
	}
	if (q->pending_n == q->pending_cap) {
		size_t cap = q->pending_cap ? q->pending_cap * 2 : 64;
		uint64_t *p = base_realloc(q->pending, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		q->pending = p;
		q->pending_cap = cap;
	}
	q->pending[q->pending_n++] = cluster;
	return 0;
}

/* Lower one count; true when the cluster is free now. */
static bool release_now(struct qcow2 *q, uint64_t cluster)
{
	struct qcow2_table *t;
	uint64_t count;

	if (block_get(q, cluster, &t) < 0)
		return false; /* a leak */
	count = t ? count_load(q, t->data, block_index(q, cluster)) : 0;
	if (!count || qcow2__set_has(&q->meta, cluster)) {
		qcow2__corrupt(q, "a cluster in use is counted as free",
			       cluster << q->cluster_bits);
		return false;
	}
	block_set(q, t, block_index(q, cluster), count - 1);
	if (count > 1)
		return false;
	q->free_hint = MIN(q->free_hint, cluster);
	qcow2__cache_forget(&q->l2c, cluster << q->cluster_bits);
	return true;
}

int qcow2__apply_pending(struct qcow2 *q)
{
	uint64_t start = 0, n = 0;

	q->packed_entry = 0;
	for (size_t i = 0; i < q->pending_n; i++) {
		uint64_t c = q->pending[i];

		if (!release_now(q, c))
			continue;
		if (n && c == start + n) {
			n++;
			continue;
		}
		/* Holes are a courtesy to the host: failure does not matter. */
		blk_file_punch(&q->file, start << q->cluster_bits, n << q->cluster_bits);
		start = c;
		n = 1;
	}
	blk_file_punch(&q->file, start << q->cluster_bits, n << q->cluster_bits);
	q->pending_n = 0;
	return 0;
}

/* ---- the set of metadata clusters -------------------------------------------- */

static int meta_range(struct qcow2 *q, uint64_t off, uint64_t bytes, const char *what,
		      struct err *e)
{
	uint64_t end = qcow2_cluster(q, off + bytes + q->cluster_size - 1);
	bool oom;

	if (off & (q->cluster_size - 1) || off >= q->file.size)
		return err_set(e, EINVAL, "qcow2: %s at offset %#llx is outside the file or "
			       "not at a cluster", what, (unsigned long long)off);
	for (uint64_t c = qcow2_cluster(q, off); c < end; c++) {
		if (qcow2__set_add(&q->meta, c, &oom))
			continue;
		if (oom)
			return err_set(e, ENOMEM, "out of memory");
		return err_set(e, EINVAL, "qcow2: %s at offset %#llx overlaps another table",
			       what, (unsigned long long)off);
	}
	return 0;
}

int qcow2__build_meta(struct qcow2 *q, struct err *e)
{
	int r = meta_range(q, 0, 1, "header", e);

	if (r == 0)
		r = meta_range(q, q->rt.off, (uint64_t)q->rt.n * 8, "refcount table", e);
	if (r == 0 && q->l1.n)
		r = meta_range(q, q->l1.off, (uint64_t)q->l1.n * 8, "L1 table", e);
	for (uint32_t i = 0; r == 0 && i < q->rt.n; i++)
		if (q->rt.e[i])
			r = meta_range(q, q->rt.e[i], 1, "refcount block", e);
	for (uint32_t i = 0; r == 0 && i < q->l1.n; i++) {
		if (q->l1.e[i] & QCOW2_L1_RESERVED)
			return err_set(e, EINVAL, "qcow2: L1 entry %u has reserved bits", i);
		if (q->l1.e[i] & QCOW2_OFFSET)
			r = meta_range(q, q->l1.e[i] & QCOW2_OFFSET, 1, "L2 table", e);
	}
	return r;
}
