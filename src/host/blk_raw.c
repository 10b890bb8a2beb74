/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw disk: the file's bytes are the disk's bytes.
 *
 * Stands on blk_file; several threads may use one raw disk at once.  Never
 * changes the size of the file.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "host/blk.h"
#include "host/blk_file.h"

struct blk_raw {
	struct blk blk;
	struct blk_file file;
};

static struct blk_file *raw_file(struct blk *b)
{
	return &container_of(b, struct blk_raw, blk)->file;
}

static int raw_readv(struct blk *b, const struct iovec *iov, int n, uint64_t off)
{
	return blk_file_readv(raw_file(b), iov, n, off);
}

static int raw_writev(struct blk *b, const struct iovec *iov, int n, uint64_t off)
{
	return blk_file_writev(raw_file(b), iov, n, off);
}

static int raw_flush(struct blk *b)
{
	return blk_file_sync(raw_file(b));
}

static int raw_discard(struct blk *b, uint64_t off, uint64_t len)
{
	return blk_file_punch(raw_file(b), off, len);
}

static int raw_write_zeroes(struct blk *b, uint64_t off, uint64_t len, bool may_unmap)
{
	return blk_file_zero(raw_file(b), off, len, may_unmap);
}

static void raw_destroy(struct blk *b)
{
	struct blk_raw *r = container_of(b, struct blk_raw, blk);

	blk_file_sync(&r->file);
	blk_file_close(&r->file);
	base_free(r);
}

static const struct blk_ops raw_ops = {
	.readv = raw_readv,
	.writev = raw_writev,
	.flush = raw_flush,
	.discard = raw_discard,
	.write_zeroes = raw_write_zeroes,
	.destroy = raw_destroy,
};

struct blk *blk_raw_open(const char *path, bool readonly, struct err *e)
{
	struct blk_raw *r = base_zalloc(sizeof(*r));

	if (!r) {
		err_set(e, ENOMEM, "%s: out of memory", path);
		return NULL;
	}
	if (blk_file_open(&r->file, path, readonly, e) < 0)
		goto fail;
	/* A guest counts sectors.  A read-only disk ends in zeros; a writable
	 * one would have to grow the file behind the user's back. */
	if (r->file.size % 512 && !readonly) {
		err_set(e, EINVAL, "%s: size %llu is not a multiple of 512 bytes; "
			"'truncate -s %%512' the file or use it read-only",
			path, (unsigned long long)r->file.size);
		goto fail_close;
	}
	if (r->file.size > INT64_MAX - 511) {
		err_set(e, EFBIG, "%s: too large", path);
		goto fail_close;
	}
	r->blk = (struct blk){ .ops = &raw_ops, .size = align_up(r->file.size, 512),
			       .readonly = readonly, .parallel = true };
	return &r->blk;
fail_close:
	blk_file_close(&r->file);
fail:
	base_free(r);
	return NULL;
}
