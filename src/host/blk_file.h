/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A regular file or block device that holds a disk image: whole transfers,
 * locking, durability.  The raw disk and the image formats stand on it.
 *
 * Reads, writes, punch and zero may be called by several threads at once as
 * long as no write goes past the end; growing writes need one thread.
 * All return 0 or a negative errno; each is a DP_FAIL=io:N point.
 */
#ifndef HOST_BLK_FILE_H
#define HOST_BLK_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

struct blk_file {
	int fd;
	bool readonly;
	bool is_dev;            /* a block device */
	atomic_bool failed;     /* a sync failed: what it covered may be lost */
	uint64_t size;          /* bytes; grows with writes past the end */
	dev_t dev;              /* identity, for loops of backing files */
	ino_t ino;
	char *path;             /* as given, for messages */
};

/* Opens and locks.  Anything but a regular file or a block device is
 * refused. On failure nothing is left open and *f is untouched by close. */
int blk_file_open(struct blk_file *f, const char *path, bool readonly, struct err *e);
void blk_file_close(struct blk_file *f);

/* Whole transfers.  Bytes at or past f->size read as zeros; a file that has
 * become shorter than f->size is -EIO. */
int blk_file_readv(struct blk_file *f, const struct iovec *iov, int n, uint64_t off);
int blk_file_writev(struct blk_file *f, const struct iovec *iov, int n, uint64_t off);
int blk_file_read(struct blk_file *f, void *buf, size_t len, uint64_t off);
int blk_file_write(struct blk_file *f, const void *buf, size_t len, uint64_t off);

/* Everything written before is durable on return.  After one failure it
 * fails forever: the kernel has dropped the pages that it could not write
 * and a second fdatasync would report success for lost data. */
int blk_file_sync(struct blk_file *f);
/* Give the space back; a hint: 0 where the host cannot. */
int blk_file_punch(struct blk_file *f, uint64_t off, uint64_t len);
/* Reads as zeros afterwards; keeps the space unless may_unmap. */
int blk_file_zero(struct blk_file *f, uint64_t off, uint64_t len, bool may_unmap);

/* ---- scatter lists ----------------------------------------------------- */

uint64_t blk_iov_len(const struct iovec *iov, int n);
/* The part [skip, skip + len) of iov, written to out (room for n entries);
 * returns the number of entries. */
int blk_iov_slice(const struct iovec *iov, int n, uint64_t skip, uint64_t len,
		  struct iovec *out);
void blk_iov_zero(const struct iovec *iov, int n);
void blk_iov_fill(const struct iovec *iov, int n, const void *src); /* src: blk_iov_len */

#endif
