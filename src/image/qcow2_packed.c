/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed qcow2 clusters: raw deflate, or one zstd frame. */
#include "image/qcow2_int.h"

#include <errno.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "base/alloc.h"
#include "base/log.h"

/* Both: out must become full; what follows in `in` is padding. */

static int unpack_deflate(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
#ifdef HAVE_ZLIB
	z_stream z = { .next_in = (uint8_t *)in, .avail_in = (uInt)in_len,
		       .next_out = out, .avail_out = (uInt)out_len };

	if (inflateInit2(&z, -15) != Z_OK)
		return -ENOMEM;
	inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return z.avail_out ? -EIO : 0;
#else
	(void)in, (void)in_len, (void)out, (void)out_len;
	log_warn("qcow2: compressed cluster: built without zlib");
	return -EIO;
#endif
}

static int unpack_zstd(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
#ifdef HAVE_ZSTD
	ZSTD_outBuffer o = { out, out_len, 0 };
	ZSTD_inBuffer i = { in, in_len, 0 };
	ZSTD_DCtx *d = ZSTD_createDCtx();

	if (!d)
		return -ENOMEM;
	/* The window of a hostile frame must not cost more than a cluster's. */
	ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, 23);
	while (o.pos < o.size) {
		size_t before = i.pos + o.pos;
		size_t left = ZSTD_decompressStream(d, &o, &i);

		if (ZSTD_isError(left) || left == 0 || i.pos + o.pos == before)
			break;
	}
	ZSTD_freeDCtx(d);
	return o.pos == o.size ? 0 : -EIO;
#else
	(void)in, (void)in_len, (void)out, (void)out_len;
	log_warn("qcow2: compressed cluster: built without libzstd");
	return -EIO;
#endif
}

int qcow2__unpack(struct qcow2 *q, uint64_t entry)
{
	uint64_t off, len;
	int r;

	if (q->packed_entry == entry)
		return 0;
	if (!q->unpacked && !(q->unpacked = base_alloc(q->cluster_size)))
		return -ENOMEM;
	if (!q->packed && !(q->packed = base_alloc(q->cluster_size * 2)))
		return -ENOMEM;
	qcow2__packed_extent(q, entry, &off, &len);
	if (off >= q->file.size)
		return qcow2__corrupt(q, "compressed data outside the file", off);
	q->packed_entry = 0;
	r = blk_file_read(&q->file, q->packed, (size_t)len, off);
	if (r < 0)
		return r;
	r = (q->zstd ? unpack_zstd : unpack_deflate)(q->packed, (size_t)len, q->unpacked,
						     (size_t)q->cluster_size);
	if (r == 0)
		q->packed_entry = entry;
	else if (r == -EIO)
		log_warn("%s: compressed cluster at offset %#llx does not unpack", q->file.path,
			 (unsigned long long)off);
	return r;
}
