/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block service: a disk's host side.  Calls are synchronous and may block;
 * virtio-blk makes them on a worker lane.  Offsets and lengths are in bytes
 * and multiples of 512; the caller has checked that they lie inside size.
 * All return 0 or a negative errno.  One thread at a time per disk unless
 * `parallel` is set.
 */
#ifndef HOST_BLK_H
#define HOST_BLK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

struct blk;
struct blk_ops {
	int (*readv)(struct blk *b, const struct iovec *iov, int n, uint64_t off);
	int (*writev)(struct blk *b, const struct iovec *iov, int n, uint64_t off);
	int (*flush)(struct blk *b);    /* all earlier writes are durable on return */
	int (*discard)(struct blk *b, uint64_t off, uint64_t len);
	int (*write_zeroes)(struct blk *b, uint64_t off, uint64_t len, bool may_unmap);
	void (*destroy)(struct blk *b); /* flushes what it must, closes */
};
struct blk {
	const struct blk_ops *ops;
	uint64_t size;          /* bytes, multiple of 512 */
	bool readonly;
	bool parallel;
};

/* A regular file or block device, raw.  Takes an exclusive advisory lock
 * (OFD lock; shared when read-only) so that no two machines write one disk. */
struct blk *blk_raw_open(const char *path, bool readonly, struct err *e);
/* In memory, for tests. */
struct blk *blk_mem_create(uint64_t size, struct err *e);

#endif
