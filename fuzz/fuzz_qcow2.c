/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2 images.  The input is an image: the first bytes tell which operations
 * follow (reads, writes, zeroes, discards, flushes over the whole disk), the
 * rest is the file.  It is opened read-only, then writable.  Good seeds are
 * images with small clusters behind 128 bytes of operations.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/log.h"
#include "image/disk.h"
#include "image/qcow2.h"

enum { OPS = 16, OP = 8, MAX_LEN = 1 << 16 };

static void operate(struct blk *b, const uint8_t *ops)
{
	static uint8_t buf[MAX_LEN];

	for (int i = 0; i < OPS && b->size; i++, ops += OP) {
		uint64_t off = ld_le32(ops) % (b->size / 512) * 512;
		uint64_t len = MIN((uint64_t)(ld_le16(ops + 4) % (MAX_LEN / 512) + 1) * 512,
				   b->size - off);
		struct iovec iov = { buf, len };

		/* Low, middle or high in the disk. */
		if (ops[7] & 1)
			off = b->size - len;
		switch (ops[6] % 6) {
		case 0: b->ops->readv(b, &iov, 1, off); break;
		case 1:
		case 2: b->ops->writev(b, &iov, 1, off); break;
		case 3: b->ops->write_zeroes(b, off, len, ops[7] & 2); break;
		case 4: b->ops->discard(b, off, len); break;
		default: b->ops->flush(b);
		}
	}
}

static FILE *null_log(void)
{
	static FILE *f;

	if (!f)
		f = fopen("/dev/null", "w");
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char path[64];
	static int fd = -1;
	struct err e;
	struct blk *b;

	if (n < OPS * OP)
		return 0;
	log_set_file(null_log());
	if (fd < 0) {
		fd = memfd_create("image", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) < 0 ||
	    pwrite(fd, p + OPS * OP, n - OPS * OP, 0) != (ssize_t)(n - OPS * OP))
		return 0;
	for (int writable = 0; writable < 2; writable++) {
		b = qcow2_open(path, !writable, &e);
		if (!b)
			continue;
		operate(b, p);
		b->ops->destroy(b);
	}
	return 0;
}
