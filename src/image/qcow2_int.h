/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2 inside: the open image and what its files offer each other.
 *
 * The image on disk, all integers big-endian, offsets in bytes:
 *
 *   cluster 0      header | extensions | backing file name
 *   L1 table       l1_n entries     -> L2 tables       (one cluster each)
 *   L2 tables      2^l2_bits entries -> data clusters
 *   refcount table rt_n entries     -> refcount blocks (one cluster each)
 *   refcount block 2^rb_bits counts of 2^refcount_order bits
 *
 * Order of writes.  Changes of tables stay in memory until qcow2__commit(),
 * which makes them durable so that at every moment the file is consistent:
 *
 *   1  refcount blocks (only raised counts)      } sync A: a count never is
 *   2  refcount table, after the blocks it names } below the references
 *   3  L2 tables, after sync A: data, copied data and counts are durable
 *   4  L1 table, after the new L2 tables are durable
 *   5  sync C; only now are clusters that lost their reference given back
 *
 * A crash between any two of these leaks clusters at worst.
 */
#ifndef IMAGE_QCOW2_INT_H
#define IMAGE_QCOW2_INT_H

#include "base/bits.h"
#include "host/blk_file.h"
#include "image/disk.h"
#include "image/qcow2.h"

enum {
	QCOW2_CLUSTER_BITS_MIN = 9, QCOW2_CLUSTER_BITS_MAX = 21,
	QCOW2_HEADER_V2 = 72, QCOW2_HEADER_V3 = 104,
	QCOW2_L1_BYTES_MAX = 32 << 20,  /* memory for tables is bounded by these */
	QCOW2_RT_BYTES_MAX = 8 << 20,
	QCOW2_BACKING_NAME_MAX = 1023,
	QCOW2_SNAPSHOTS_MAX = 65536,
	QCOW2_CACHE_BYTES = 4 << 20,    /* L2 tables; at least QCOW2_CACHE_MIN of them */
	QCOW2_CACHE_MIN = 8, QCOW2_CACHE_MAX = 512,
	QCOW2_PENDING_MAX = 1 << 16,
};

/* Table entries. */
#define QCOW2_COPIED     (1ull << 63)
#define QCOW2_COMPRESSED (1ull << 62)
#define QCOW2_ZERO       1ull
#define QCOW2_OFFSET     0x00fffffffffffe00ull
#define QCOW2_L1_RESERVED 0x7f000000000001ffull
#define QCOW2_L2_RESERVED 0x3f000000000001feull

#define QCOW2_MAGIC 0x514649fbu
enum { QCOW2_INC_DIRTY = 1, QCOW2_INC_CORRUPT = 2, QCOW2_INC_EXTERNAL = 4,
       QCOW2_INC_COMPRESSION = 8, QCOW2_INC_EXTL2 = 16 };

/* A table in memory, one cluster long, big-endian as on disk. */
struct qcow2_table {
	uint64_t off;           /* 0: unused slot */
	uint64_t used;          /* for the choice of a victim */
	uint32_t dirty_lo, dirty_hi; /* bytes; lo == hi: clean */
	uint8_t *data;
};
struct qcow2_cache {
	struct qcow2_table *slots;
	unsigned n, last;
	uint64_t tick;
};

/* Clusters that hold live metadata: no guest data may be written there. */
struct qcow2_set {
	uint64_t *keys;         /* cluster + 1; 0: free; power of two slots */
	size_t n, cap;
};

/* A big-endian table that is wholly in memory (L1, refcount table). */
struct qcow2_root {
	uint64_t off;
	uint32_t n;             /* entries */
	uint32_t dirty_lo, dirty_hi; /* entries */
	uint64_t *e;            /* host order */
};

struct qcow2 {
	struct blk blk;
	struct blk_file file;
	struct blk *backing;    /* NULL: none */

	uint32_t version, cluster_bits, refcount_order, header_length;
	uint64_t cluster_size;  /* bytes */
	unsigned l2_bits, rb_bits;
	uint64_t size;          /* of the disk, bytes */
	uint64_t incompatible, autoclear;
	bool zstd;
	bool broken;            /* corruption found while running: no more writes */
	uint32_t snapshots;
	uint64_t snapshots_off;
	bool bitmaps;           /* has the bitmaps extension */
	char *backing_name, *backing_format;

	struct qcow2_root l1, rt;
	struct qcow2_cache l2c, rbc;
	struct qcow2_set meta;  /* writable images only */

	uint64_t free_hint;     /* clusters below are in use */
	uint64_t *pending;      /* clusters that lose one reference after the commit */
	size_t pending_n, pending_cap;

	uint64_t packed_entry;  /* L2 entry whose cluster is in unpacked; 0: none */
	uint8_t *unpacked, *packed, *cow; /* cluster_size, 2 * cluster_size, cluster_size */
	struct iovec *iov;      /* scratch */
	int iov_cap;
};

static inline uint64_t qcow2_cluster(const struct qcow2 *q, uint64_t off)
{
	return off >> q->cluster_bits;
}

/* ---- qcow2_header.c ---- */
/* Read and validate the header; fills everything up to backing_format. */
int qcow2__read_header(struct qcow2 *q, struct err *e);
/* Load L1 and the refcount table (root->off and n are set by the header). */
int qcow2__load_root(struct qcow2 *q, struct qcow2_root *r, const char *what, struct err *e);
/* Rewrite the feature words (version 3), durable on return. */
int qcow2__write_features(struct qcow2 *q, uint64_t incompatible, uint64_t autoclear);

/* ---- qcow2_cache.c ---- */
int qcow2__cache_init(struct qcow2_cache *c, uint64_t cluster_size);
void qcow2__cache_fini(struct qcow2_cache *c);
/* The table at `off`; fresh: zeroed instead of read.  0 or negative errno.
 * Valid until the next get from the same cache. */
int qcow2__cache_get(struct qcow2 *q, struct qcow2_cache *c, uint64_t off, bool fresh,
		     struct qcow2_table **out);
void qcow2__table_dirty(struct qcow2_table *t, uint32_t lo, uint32_t hi);
void qcow2__cache_forget(struct qcow2_cache *c, uint64_t off);
bool qcow2__cache_is_dirty(const struct qcow2_cache *c);
int qcow2__cache_write(struct qcow2 *q, struct qcow2_cache *c);
void qcow2__root_dirty(struct qcow2_root *r, uint32_t i);
int qcow2__root_write(struct qcow2 *q, struct qcow2_root *r);
/* All earlier writes are durable on return. */
int qcow2__commit(struct qcow2 *q);
bool qcow2__set_has(const struct qcow2_set *s, uint64_t cluster);
/* False: it was there already.  *oom is set when there is no memory. */
bool qcow2__set_add(struct qcow2_set *s, uint64_t cluster, bool *oom);
void qcow2__set_remove(struct qcow2_set *s, uint64_t cluster);

/* ---- qcow2_ref.c ---- */
int qcow2__ref_get(struct qcow2 *q, uint64_t cluster, uint64_t *count);
int qcow2__ref_set(struct qcow2 *q, uint64_t cluster, uint64_t count);
/* 1 to `want` free clusters in a row, with count 1; returns how many. */
int64_t qcow2__alloc(struct qcow2 *q, uint64_t want, uint64_t *cluster);
/* Undo an allocation that nothing refers to yet. */
void qcow2__unalloc(struct qcow2 *q, uint64_t cluster, uint64_t n);
/* One reference less after the next commit. */
int qcow2__release_later(struct qcow2 *q, uint64_t cluster);
int qcow2__apply_pending(struct qcow2 *q);
int qcow2__build_meta(struct qcow2 *q, struct err *e);
/* Something in the file contradicts itself: refuse writes from now on. */
int qcow2__corrupt(struct qcow2 *q, const char *what, uint64_t off);

/* ---- qcow2_map.c ---- */
enum qcow2_kind { QCOW2_UNALLOCATED, QCOW2_ZERO_PLAIN, QCOW2_ZERO_ALLOCATED,
		  QCOW2_DATA, QCOW2_PACKED };
struct qcow2_run {
	enum qcow2_kind kind;
	uint64_t entry;         /* of the first cluster */
	uint64_t host;          /* offset of the first cluster, 0: none */
	uint64_t n;             /* clusters of this kind; DATA: contiguous in the file */
	bool in_place;          /* DATA and ZERO_ALLOCATED: may be written where it is */
};
/* The clusters from guest cluster g on, at most max. */
int qcow2__lookup(struct qcow2 *q, uint64_t g, uint64_t max, struct qcow2_run *run);
/* Store the L2 entries of n clusters; entry grows by `step` for each.  Old
 * references are released unless `keep`. */
int qcow2__map(struct qcow2 *q, uint64_t g, uint64_t n, uint64_t entry, uint64_t step,
	       bool keep);
/* The L2 table of g exists and belongs to us alone. */
int qcow2__own_l2(struct qcow2 *q, uint64_t g, struct qcow2_table **t);
void qcow2__packed_extent(const struct qcow2 *q, uint64_t entry, uint64_t *off, uint64_t *len);

/* ---- qcow2_packed.c ---- */
/* Unpack the compressed cluster of `entry` into q->unpacked. */
int qcow2__unpack(struct qcow2 *q, uint64_t entry);

/* ---- qcow2_repair.c ---- */
int qcow2__repair(struct qcow2 *q, struct err *e);

#endif
