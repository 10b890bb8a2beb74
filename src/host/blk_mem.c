/* SPDX-License-Identifier: Apache-2.0 */
/* A disk in memory, for tests and for machines that keep nothing. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/fail.h"
#include "host/blk.h"

struct blk_mem {
	struct blk blk;
	uint8_t *data;
};

static int mem_readv(struct blk *b, const struct iovec *iov, int n, uint64_t off)
{
	struct blk_mem *m = container_of(b, struct blk_mem, blk);

	if (fail_now(FAIL_IO))
		return -EIO;
	for (int i = 0; i < n; off += iov[i++].iov_len)
		memcpy(iov[i].iov_base, m->data + off, iov[i].iov_len);
	return 0;
}

static int mem_writev(struct blk *b, const struct iovec *iov, int n, uint64_t off)
{
	struct blk_mem *m = container_of(b, struct blk_mem, blk);

	if (b->readonly)
		return -EROFS;
	if (fail_now(FAIL_IO))
		return -EIO;
	for (int i = 0; i < n; off += iov[i++].iov_len)
		memcpy(m->data + off, iov[i].iov_base, iov[i].iov_len);
	return 0;
}

static int mem_flush(struct blk *b)
{
	(void)b;
	return fail_now(FAIL_IO) ? -EIO : 0;
}

static int mem_zero(struct blk *b, uint64_t off, uint64_t len, bool may_unmap)
{
	(void)may_unmap;
	memset(container_of(b, struct blk_mem, blk)->data + off, 0, len);
	return fail_now(FAIL_IO) ? -EIO : 0;
}

static int mem_discard(struct blk *b, uint64_t off, uint64_t len)
{
	return mem_zero(b, off, len, true);
}

static void mem_destroy_blk(struct blk *b)
{
	struct blk_mem *m = container_of(b, struct blk_mem, blk);

	base_free(m->data);
	base_free(m);
}

static const struct blk_ops mem_ops = {
	.readv = mem_readv,
	.writev = mem_writev,
	.flush = mem_flush,
	.discard = mem_discard,
	.write_zeroes = mem_zero,
	.destroy = mem_destroy_blk,
};

struct blk *blk_mem_create(uint64_t size, struct err *e)
{
	struct blk_mem *m = base_zalloc(sizeof(*m));

	size = align_up(size, 512);
	if (m)
		m->data = base_zalloc(size ? size : 1);
	if (!m || !m->data) {
		base_free(m);
		err_set(e, ENOMEM, "memory disk of %llu bytes: out of memory",
			(unsigned long long)size);
		return NULL;
	}
	m->blk = (struct blk){ .ops = &mem_ops, .size = size };
	return &m->blk;
}
