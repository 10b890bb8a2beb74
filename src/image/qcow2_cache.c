/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2 tables in memory: a bounded cache of L2 tables and refcount blocks,
 * the root tables, the set of metadata clusters, and the commit that writes
 * them in the order that qcow2_int.h describes.
 */
#include "image/qcow2_int.h"

#include <errno.h>

#include "base/alloc.h"

/* ---- cache --------------------------------------------------------------- */

int qcow2__cache_init(struct qcow2_cache *c, uint64_t cluster_size)
{
	uint64_t n = QCOW2_CACHE_BYTES / cluster_size;

	c->n = (unsigned)MAX(MIN(n, (uint64_t)QCOW2_CACHE_MAX), (uint64_t)QCOW2_CACHE_MIN);
	c->slots = base_calloc(c->n, sizeof(*c->slots));
	return c->slots ? 0 : -ENOMEM;
}

void qcow2__cache_fini(struct qcow2_cache *c)
{
	for (unsigned i = 0; c->slots && i < c->n; i++)
		base_free(c->slots[i].data);
	base_free(c->slots);
	c->slots = NULL;
}

static bool table_is_dirty(const struct qcow2_table *t)
{
	return t->dirty_lo < t->dirty_hi;
}

void qcow2__table_dirty(struct qcow2_table *t, uint32_t lo, uint32_t hi)
{
	if (!table_is_dirty(t)) {
		t->dirty_lo = lo;
		t->dirty_hi = hi;
		return;
	}
	t->dirty_lo = MIN(t->dirty_lo, lo);
	t->dirty_hi = MAX(t->dirty_hi, hi);
}

static int table_write(struct qcow2 *q, struct qcow2_table *t)
{
	uint32_t lo = (uint32_t)align_down(t->dirty_lo, 512);
	uint32_t hi = (uint32_t)align_up(t->dirty_hi, 512);
	int r = blk_file_write(&q->file, t->data + lo, hi - lo, t->off + lo);

	if (r == 0)
		t->dirty_lo = t->dirty_hi = 0;
	return r;
}

int qcow2__cache_write(struct qcow2 *q, struct qcow2_cache *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		int r = table_is_dirty(&c->slots[i]) ? table_write(q, &c->slots[i]) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

bool qcow2__cache_is_dirty(const struct qcow2_cache *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (table_is_dirty(&c->slots[i]))
			return true;
	return false;
}

void qcow2__cache_forget(struct qcow2_cache *c, uint64_t off)
{
	for (unsigned i = 0; i < c->n; i++) {
		if (c->slots[i].off != off)
			continue;
		c->slots[i].off = 0;
		c->slots[i].used = 0;
		c->slots[i].dirty_lo = c->slots[i].dirty_hi = 0;
	}
}

/* The least recently used clean slot; NULL when all are dirty. */
static struct qcow2_table *cache_victim(struct qcow2_cache *c)
{
	struct qcow2_table *best = NULL;

	for (unsigned i = 0; i < c->n; i++) {
		struct qcow2_table *t = &c->slots[i];

		if (!table_is_dirty(t) && (!best || t->used < best->used))
			best = t;
	}
	return best;
}

static struct qcow2_table *cache_find(struct qcow2_cache *c, uint64_t off)
{
	if (c->slots[c->last].off == off)
		return &c->slots[c->last];
	for (unsigned i = 0; i < c->n; i++) {
		if (c->slots[i].off == off) {
			c->last = i;
			return &c->slots[i];
		}
	}
	return NULL;
}

/*
 * Make room.  Refcount blocks may be written at any time: their counts are
 * never below the references.  L2 tables only in the order of a commit.
 */
static int cache_clean(struct qcow2 *q, struct qcow2_cache *c)
{
	return c == &q->rbc ? qcow2__cache_write(q, c) : qcow2__commit(q);
}

int qcow2__cache_get(struct qcow2 *q, struct qcow2_cache *c, uint64_t off, bool fresh,
		     struct qcow2_table **out)
{
	struct qcow2_table *t = cache_find(c, off);
	int r;

	if (!t) {
		t = cache_victim(c);
		if (!t) {
			r = cache_clean(q, c);
			if (r < 0)
				return r;
			t = cache_victim(c);
		}
		if (!t->data && !(t->data = base_alloc(q->cluster_size)))
			return -ENOMEM;
		t->off = 0;
		if (!fresh) {
			r = blk_file_read(&q->file, t->data, q->cluster_size, off);
			if (r < 0)
				return r;
		}
		t->off = off;
		c->last = (unsigned)(t - c->slots);
	}
	if (fresh)
		memset(t->data, 0, q->cluster_size);
	t->used = ++c->tick;
	*out = t;
	return 0;
}

/* ---- root tables --------------------------------------------------------- */

void qcow2__root_dirty(struct qcow2_root *r, uint32_t i)
{
	if (r->dirty_lo >= r->dirty_hi) {
		r->dirty_lo = i;
		r->dirty_hi = i + 1;
		return;
	}
	r->dirty_lo = MIN(r->dirty_lo, i);
	r->dirty_hi = MAX(r->dirty_hi, i + 1);
}

int qcow2__root_write(struct qcow2 *q, struct qcow2_root *t)
{
	/* Pieces of 64 entries: one sector when the dirty range is small. */
	uint32_t lo = (uint32_t)align_down(t->dirty_lo, 64);

	for (; lo < t->dirty_hi; lo += 64) {
		uint32_t n = MIN(64u, t->n - lo);
		uint8_t b[64 * 8];
		int r;

		for (uint32_t i = 0; i < n; i++)
			st_be64(b + i * 8, t->e[lo + i]);
		r = blk_file_write(&q->file, b, (size_t)n * 8, t->off + (uint64_t)lo * 8);
		if (r < 0)
			return r;
	}
	t->dirty_lo = t->dirty_hi = 0;
	return 0;
}

/* ---- commit --------------------------------------------------------------- */

static bool root_is_dirty(const struct qcow2_root *r)
{
	return r->dirty_lo < r->dirty_hi;
}

static int commit_counts(struct qcow2 *q)
{
	int r = qcow2__cache_write(q, &q->rbc);

	if (r < 0 || !root_is_dirty(&q->rt))
		return r;
	r = blk_file_sync(&q->file);
	return r < 0 ? r : qcow2__root_write(q, &q->rt);
}

static int commit_maps(struct qcow2 *q)
{
	int r = qcow2__cache_write(q, &q->l2c);

	if (r < 0 || !root_is_dirty(&q->l1))
		return r;
	r = blk_file_sync(&q->file);
	return r < 0 ? r : qcow2__root_write(q, &q->l1);
}

int qcow2__commit(struct qcow2 *q)
{
	bool maps = qcow2__cache_is_dirty(&q->l2c) || root_is_dirty(&q->l1);
	int r = commit_counts(q);

	if (r < 0)
		return r;
	r = blk_file_sync(&q->file);
	if (r < 0 || (!maps && !q->pending_n))
		return r;
	r = commit_maps(q);
	if (r < 0)
		return r;
	r = blk_file_sync(&q->file);
	return r < 0 ? r : qcow2__apply_pending(q);
}

/* ---- set of clusters ------------------------------------------------------ */

static size_t set_slot(const struct qcow2_set *s, uint64_t key)
{
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15ull >> 17) & (s->cap - 1);

	while (s->keys[i] && s->keys[i] != key)
		i = (i + 1) & (s->cap - 1);
	return i;
}

bool qcow2__set_has(const struct qcow2_set *s, uint64_t cluster)
{
	return s->cap && s->keys[set_slot(s, cluster + 1)];
}

static bool set_grow(struct qcow2_set *s)
{
	struct qcow2_set big = { .cap = s->cap ? s->cap * 2 : 64 };

	big.keys = base_calloc(big.cap, sizeof(*big.keys));
	if (!big.keys)
		return false;
	for (size_t i = 0; i < s->cap; i++)
		if (s->keys[i])
			big.keys[set_slot(&big, s->keys[i])] = s->keys[i];
	big.n = s->n;
	base_free(s->keys);
	*s = big;
	return true;
}

bool qcow2__set_add(struct qcow2_set *s, uint64_t cluster, bool *oom)
{
	size_t i;

	*oom = s->n * 2 >= s->cap && !set_grow(s);
	if (*oom)
		return false;
	i = set_slot(s, cluster + 1);
	if (s->keys[i])
		return false;
	s->keys[i] = cluster + 1;
	s->n++;
	return true;
}

void qcow2__set_remove(struct qcow2_set *s, uint64_t cluster)
{
	size_t i, hole;

	if (!s->cap || !s->keys[i = set_slot(s, cluster + 1)])
		return;
	s->keys[i] = 0;
	s->n--;
	/* Close the gap: whatever followed in the probe sequence is placed anew. */
	for (hole = (i + 1) & (s->cap - 1); s->keys[hole]; hole = (hole + 1) & (s->cap - 1)) {
		uint64_t key = s->keys[hole];

		s->keys[hole] = 0;
		s->keys[set_slot(s, key)] = key;
	}
}
