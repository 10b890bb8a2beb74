/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The qcow2 header: parsing, validation, the root tables.
 *
 * Field offsets (version 3; version 2 ends at 72):
 *     0 magic         4 version        8 backing offset  16 backing length
 *    20 cluster_bits 24 size          32 crypt_method    36 l1 entries
 *    40 l1 offset    48 rt offset     56 rt clusters     60 snapshots
 *    64 snap. offset 72 incompatible  80 compatible      88 autoclear
 *    96 refcount_order               100 header_length  104 compression type
 * then extensions { u32 type, u32 length, data padded to 8 }.
 */
#include "image/qcow2_int.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"

enum {
	HEAD_BYTES = 65536,     /* header and extensions must lie in these */
	EXT_END = 0,
};
#define EXT_BACKING_FORMAT 0xe2792acau
#define EXT_FEATURE_NAMES  0x6803f857u
#define EXT_BITMAPS        0x23852875u
#define EXT_ENCRYPTION     0x0537be77u
#define EXT_DATA_FILE      0x44415441u

#define BAD(...) err_set(e, EINVAL, "qcow2: " __VA_ARGS__)

bool qcow2_probe(const void *head, size_t n)
{
	return n >= 8 && ld_be32(head) == QCOW2_MAGIC;
}

/* A copy of n bytes as a string; NULL also when it contains a zero. */
static char *copy_name(const uint8_t *p, size_t n)
{
	char *s;

	if (memchr(p, 0, n) || !(s = base_alloc(n + 1)))
		return NULL;
	memcpy(s, p, n);
	s[n] = 0;
	return s;
}

/* The image's own name of incompatible feature `bit`, from the feature name
 * table: entries of 48 bytes { u8 type, u8 bit, char name[46] }. */
static void feature_name(const uint8_t *table, size_t len, unsigned bit, char name[47])
{
	snprintf(name, 47, "unknown");
	for (size_t i = 0; i + 48 <= len; i += 48) {
		if (table[i] != 0 || table[i + 1] != bit)
			continue;
		memcpy(name, table + i + 2, 46);
		name[46] = 0;
		for (char *p = name; *p; p++)
			if (!isprint((unsigned char)*p))
				*p = '?';
	}
}

static int check_features(struct qcow2 *q, const uint8_t *names, size_t len, struct err *e)
{
	const uint64_t known = QCOW2_INC_DIRTY | QCOW2_INC_CORRUPT | QCOW2_INC_COMPRESSION;
	uint64_t unknown = q->incompatible & ~known;
	char name[47];

	if (q->incompatible & QCOW2_INC_EXTERNAL)
		return BAD("the image keeps its data in an external file, which is not supported");
	if (q->incompatible & QCOW2_INC_EXTL2)
		return BAD("the image has extended L2 entries, which are not supported");
	if (!unknown)
		return 0;
	feature_name(names, len, (unsigned)__builtin_ctzll(unknown), name);
	return BAD("the image needs feature '%s' (incompatible bit %d), which is not supported",
		   name, __builtin_ctzll(unknown));
}

/* ---- extensions --------------------------------------------------------- */

struct ext_scan {
	const uint8_t *names;
	size_t names_len;
};

static int take_extension(struct qcow2 *q, struct ext_scan *s, uint32_t type,
			  const uint8_t *p, uint32_t len, struct err *e)
{
	switch (type) {
	case EXT_BACKING_FORMAT:
		if (len > 64)
			return BAD("backing format name of %u bytes", len);
		base_free(q->backing_format);
		q->backing_format = copy_name(p, len);
		if (!q->backing_format)
			return BAD("backing format name is not a string");
		return 0;
	case EXT_FEATURE_NAMES:
		s->names = p;
		s->names_len = len;
		return 0;
	case EXT_BITMAPS:
		q->bitmaps = true;
		return 0;
	case EXT_ENCRYPTION:
		return BAD("the image is encrypted, which is not supported");
	case EXT_DATA_FILE:
		return BAD("the image keeps its data in an external file, which is not supported");
	default:
		return 0; /* unknown extensions may be ignored */
	}
}

static int read_extensions(struct qcow2 *q, const uint8_t *head, uint64_t end,
			   struct ext_scan *s, struct err *e)
{
	uint64_t at = q->header_length;

	while (at + 8 <= end) {
		uint32_t type = ld_be32(head + at), len = ld_be32(head + at + 4);
		int r;

		if (type == EXT_END)
			return 0;
		if (len > end - at - 8)
			return BAD("header extension %#x at offset %" PRIu64 " has %u bytes, "
				   "which leaves the header", type, at, len);
		r = take_extension(q, s, type, head + at + 8, len, e);
		if (r < 0)
			return r;
		at += 8 + align_up(len, 8);
	}
	return 0;
}

/* ---- fields -------------------------------------------------------------- */

/* A table of `bytes` at `off`: aligned and inside the file. */
static int check_table(const struct qcow2 *q, const char *what, uint64_t off, uint64_t bytes,
		       struct err *e)
{
	uint64_t end = align_up(q->file.size, q->cluster_size);

	if (off & (q->cluster_size - 1))
		return BAD("%s at offset %" PRIu64 ", not at a cluster", what, off);
	if (!off || off >= q->file.size || bytes > end - off)
		return BAD("%s at offset %" PRIu64 " (%" PRIu64 " bytes) is outside the file of %"
			   PRIu64 " bytes", what, off, bytes, q->file.size);
	return 0;
}

static int read_version3(struct qcow2 *q, const uint8_t *head, size_t n, struct err *e)
{
	uint8_t compression;

	if (n < QCOW2_HEADER_V3)
		return BAD("truncated header");
	q->incompatible = ld_be64(head + 72);
	q->autoclear = ld_be64(head + 88);
	q->refcount_order = ld_be32(head + 96);
	q->header_length = ld_be32(head + 100);
	if (q->refcount_order > 6)
		return BAD("reference counts of 2^%u bits", q->refcount_order);
	if (q->header_length < QCOW2_HEADER_V3 || q->header_length % 8 ||
	    q->header_length > MIN((uint64_t)n, q->cluster_size))
		return BAD("header of %u bytes", q->header_length);
	compression = q->header_length > 104 ? head[104] : 0;
	if (!!(q->incompatible & QCOW2_INC_COMPRESSION) != !!compression || compression > 1)
		return BAD("unknown compression type %u", compression);
	q->zstd = compression == 1;
	return 0;
}

static int read_geometry(struct qcow2 *q, const uint8_t *head, struct err *e)
{
	uint64_t per_l1, rt_bytes;

	q->size = ld_be64(head + 24);
	q->l1.n = ld_be32(head + 36);
	q->l1.off = ld_be64(head + 40);
	q->rt.off = ld_be64(head + 48);
	q->snapshots = ld_be32(head + 60);
	q->snapshots_off = ld_be64(head + 64);
	q->l2_bits = q->cluster_bits - 3;
	q->rb_bits = q->cluster_bits + 3 - q->refcount_order;
	rt_bytes = (uint64_t)ld_be32(head + 56) << q->cluster_bits;
	per_l1 = 1ull << (q->cluster_bits + q->l2_bits);
	if (ld_be32(head + 32))
		return BAD("the image is encrypted (method %u), which is not supported",
			   ld_be32(head + 32));
	if (q->size > INT64_MAX - 511)
		return BAD("disk of %" PRIu64 " bytes", q->size);
	if (q->l1.n > QCOW2_L1_BYTES_MAX / 8)
		return BAD("L1 table of %u entries", q->l1.n);
	if (q->size && (q->size - 1) / per_l1 >= q->l1.n)
		return BAD("L1 table of %u entries is too short for a disk of %" PRIu64 " bytes",
			   q->l1.n, q->size);
	if (q->l1.n && check_table(q, "L1 table", q->l1.off, (uint64_t)q->l1.n * 8, e) < 0)
		return -EINVAL;
	if (!rt_bytes || rt_bytes > QCOW2_RT_BYTES_MAX)
		return BAD("refcount table of %" PRIu64 " bytes", rt_bytes);
	q->rt.n = (uint32_t)(rt_bytes / 8);
	if (check_table(q, "refcount table", q->rt.off, rt_bytes, e) < 0)
		return -EINVAL;
	if (q->snapshots > QCOW2_SNAPSHOTS_MAX)
		return BAD("%u snapshots", q->snapshots);
	if (q->snapshots && check_table(q, "snapshot table", q->snapshots_off, 0, e) < 0)
		return -EINVAL;
	return 0;
}

static int read_backing(struct qcow2 *q, const uint8_t *head, size_t n, struct err *e)
{
	uint64_t off = ld_be64(head + 8), end = MIN((uint64_t)n, q->cluster_size);
	uint32_t len = ld_be32(head + 16);
	struct ext_scan scan = { 0 };
	int r;

	if (off && (len > QCOW2_BACKING_NAME_MAX || off < q->header_length || off > end ||
		    len > end - off))
		return BAD("backing file name of %u bytes at offset %" PRIu64, len, off);
	r = read_extensions(q, head, off ? off : end, &scan, e);
	if (r < 0)
		return r;
	r = check_features(q, scan.names, scan.names_len, e);
	if (r < 0)
		return r;
	if (!off || !len)
		return 0;
	q->backing_name = copy_name(head + off, len);
	return q->backing_name ? 0 : BAD("backing file name is not a string");
}

int qcow2__read_header(struct qcow2 *q, struct err *e)
{
	size_t n = (size_t)MIN(q->file.size, (uint64_t)HEAD_BYTES);
	base_auto uint8_t *head = base_zalloc(HEAD_BYTES);
	int r;

	if (!head)
		return err_set(e, ENOMEM, "out of memory");
	r = blk_file_read(&q->file, head, n, 0);
	if (r < 0)
		return err_set(e, -r, "%s", strerror(-r));
	if (n < 4 || ld_be32(head) != QCOW2_MAGIC)
		return BAD("no qcow2 header");
	if (n < QCOW2_HEADER_V2)
		return BAD("truncated header");
	q->version = ld_be32(head + 4);
	if (q->version != 2 && q->version != 3)
		return BAD("version %u; known are 2 and 3", q->version);
	q->cluster_bits = ld_be32(head + 20);
	if (q->cluster_bits < QCOW2_CLUSTER_BITS_MIN || q->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
		return BAD("clusters of 2^%u bytes", q->cluster_bits);
	q->cluster_size = 1ull << q->cluster_bits;
	q->refcount_order = 4;
	q->header_length = QCOW2_HEADER_V2;
	if (q->version == 3 && (r = read_version3(q, head, n, e)) < 0)
		return r;
	/* Before the geometry: an image of another kind has other geometry. */
	if ((r = read_backing(q, head, n, e)) < 0)
		return r;
	return read_geometry(q, head, e);
}

int qcow2__load_root(struct qcow2 *q, struct qcow2_root *t, const char *what, struct err *e)
{
	int r;

	t->e = base_calloc(t->n ? t->n : 1, 8);
	if (!t->e)
		return err_set(e, ENOMEM, "out of memory");
	r = blk_file_read(&q->file, t->e, (size_t)t->n * 8, t->off);
	if (r < 0)
		return err_set(e, -r, "%s: %s", what, strerror(-r));
	for (uint32_t i = 0; i < t->n; i++)
		t->e[i] = be64(t->e[i]);
	return 0;
}

int qcow2__write_features(struct qcow2 *q, uint64_t incompatible, uint64_t autoclear)
{
	uint8_t b[8];
	int r;

	st_be64(b, autoclear);
	r = blk_file_write(&q->file, b, 8, 88);
	if (r < 0)
		return r;
	st_be64(b, incompatible);
	r = blk_file_write(&q->file, b, 8, 72);
	if (r < 0)
		return r;
	q->incompatible = incompatible;
	q->autoclear = autoclear;
	return blk_file_sync(&q->file);
}
