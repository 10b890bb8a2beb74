/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image files: whole transfers over preadv/pwritev, locks that QEMU's tools
 * understand, fdatasync with sticky failure, hole punching.
 *
 * Relies on Linux OFD locks and fallocate; where a file system has neither,
 * the file is used unlocked and zeros are written.  Never follows a size
 * that it did not see at open or make itself.
 */
#include "host/blk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/fail.h"

enum { IOV_ROUND = 256 }; /* entries for one system call, below IOV_MAX */

/* ---- locks ------------------------------------------------------------- */

/*
 * The bytes that QEMU and its tools lock, so that they and we respect each
 * other: at 100 + p a reader-type lock says "I use permission p", at 200 + p
 * "nobody else may".  Everyone takes shared locks of his own bytes and then
 * tests the opposite ones.  Two that start at the same time may both refuse,
 * never both succeed.
 */
enum { PERM_READ = 0, PERM_WRITE = 1, PERM_RESIZE = 3, LOCK_USE = 100, LOCK_DENY = 200 };

static int lock_byte(int fd, int cmd, int type, off_t at)
{
	struct flock l = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

	if (fcntl(fd, cmd, &l) < 0)
		return -errno;
	return cmd == F_OFD_GETLK && l.l_type != F_UNLCK ? -EAGAIN : 0;
}

static bool lock_unsupported(int r)
{
	return r == -ENOLCK || r == -ENOSYS || r == -EINVAL || r == -EOPNOTSUPP;
}

static int file_lock(int fd, const char *path, bool readonly, struct err *e)
{
	static const struct {
		int byte;
		bool writer_only, test;
	} steps[] = {
		{ LOCK_USE + PERM_READ, false, false },
		{ LOCK_USE + PERM_WRITE, true, false },
		{ LOCK_USE + PERM_RESIZE, true, false },
		{ LOCK_DENY + PERM_WRITE, false, false },
		{ LOCK_DENY + PERM_RESIZE, false, false },
		{ LOCK_DENY + PERM_READ, false, true },
		{ LOCK_USE + PERM_WRITE, false, true },
		{ LOCK_USE + PERM_RESIZE, false, true },
		{ LOCK_DENY + PERM_WRITE, true, true },
		{ LOCK_DENY + PERM_RESIZE, true, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int r;

		if (steps[i].writer_only && readonly)
			continue;
		r = lock_byte(fd, steps[i].test ? F_OFD_GETLK : F_OFD_SETLK,
			      steps[i].test ? F_WRLCK : F_RDLCK, steps[i].byte);
		if (lock_unsupported(r))
			return 0;
		if (r == -EAGAIN || r == -EACCES)
			return err_set(e, EBUSY, "%s: in use by another process%s", path,
				       readonly ? " that writes it" : "");
		if (r < 0)
			return err_set(e, -r, "%s: lock: %s", path, strerror(-r));
	}
	return 0;
}

/* ---- open -------------------------------------------------------------- */

static int file_size(int fd, const struct stat *st, uint64_t *size)
{
	if (S_ISBLK(st->st_mode))
		return ioctl(fd, BLKGETSIZE64, size) < 0 ? -errno : 0;
	*size = (uint64_t)st->st_size;
	return 0;
}

int blk_file_open(struct blk_file *f, const char *path, bool readonly, struct err *e)
{
	/* O_NONBLOCK: do not hang on a FIFO; no effect on what is accepted. */
	base_autofd int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC |
					O_NONBLOCK | O_NOCTTY);
	base_auto char *copy = NULL;
	uint64_t size = 0;
	struct stat st;
	int r;

	if (fail_now(FAIL_IO))
		return err_set(e, EIO, "%s: %s", path, strerror(EIO));
	if (fd < 0)
		return err_sys(e, "%s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL, "%s: neither a regular file nor a block device", path);
	r = file_size(fd, &st, &size);
	if (r < 0)
		return err_set(e, -r, "%s: size: %s", path, strerror(-r));
	r = file_lock(fd, path, readonly, e);
	if (r < 0)
		return r;
	copy = base_strdup(path);
	if (!copy)
		return err_set(e, ENOMEM, "%s: out of memory", path);
	*f = (struct blk_file){ .readonly = readonly, .is_dev = S_ISBLK(st.st_mode),
				.size = size, .dev = st.st_dev, .ino = st.st_ino };
	f->fd = base_steal_fd(&fd);
	f->path = base_steal(&copy);
	return 0;
}

void blk_file_close(struct blk_file *f)
{
	close(f->fd);
	base_free(f->path);
	f->fd = -1;
	f->path = NULL;
}

/* ---- scatter lists ----------------------------------------------------- */

uint64_t blk_iov_len(const struct iovec *iov, int n)
{
	uint64_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

int blk_iov_slice(const struct iovec *iov, int n, uint64_t skip, uint64_t len,
		  struct iovec *out)
{
	int k = 0;

	for (int i = 0; i < n && len; i++) {
		uint64_t part;

		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		part = MIN((uint64_t)iov[i].iov_len - skip, len);
		out[k++] = (struct iovec){ (char *)iov[i].iov_base + skip, part };
		len -= part;
		skip = 0;
	}
	return k;
}

void blk_iov_zero(const struct iovec *iov, int n)
{
	for (int i = 0; i < n; i++)
		if (iov[i].iov_len)
			memset(iov[i].iov_base, 0, iov[i].iov_len);
}

void blk_iov_fill(const struct iovec *iov, int n, const void *src)
{
	const char *p = src;

	for (int i = 0; i < n; i++) {
		if (iov[i].iov_len)
			memcpy(iov[i].iov_base, p, iov[i].iov_len);
		p += iov[i].iov_len;
	}
}

/* ---- transfers --------------------------------------------------------- */

/* A position in a scatter list: entry i, `done` bytes into it. */
struct iov_pos {
	const struct iovec *iov;
	int n, i;
	size_t done;
};

static int pos_round(const struct iov_pos *p, struct iovec *out)
{
	int k = 0;

	for (int i = p->i; i < p->n && k < IOV_ROUND; i++) {
		size_t skip = i == p->i ? p->done : 0;

		if (p->iov[i].iov_len > skip)
			out[k++] = (struct iovec){ (char *)p->iov[i].iov_base + skip,
						   p->iov[i].iov_len - skip };
	}
	return k;
}

static void pos_advance(struct iov_pos *p, size_t n)
{
	while (p->i < p->n && n >= p->iov[p->i].iov_len - p->done) {
		n -= p->iov[p->i].iov_len - p->done;
		p->done = 0;
		p->i++;
	}
	p->done += n;
}

static void pos_zero_rest(struct iov_pos *p)
{
	struct iovec round[IOV_ROUND];
	int k;

	while ((k = pos_round(p, round)) > 0) {
		blk_iov_zero(round, k);
		pos_advance(p, blk_iov_len(round, k));
	}
}

int blk_file_readv(struct blk_file *f, const struct iovec *iov, int n, uint64_t off)
{
	struct iov_pos p = { iov, n, 0, 0 };
	struct iovec round[IOV_ROUND];
	int k;

	if (fail_now(FAIL_IO))
		return -EIO;
	while ((k = pos_round(&p, round)) > 0) {
		ssize_t got;

		if (off >= f->size) {
			pos_zero_rest(&p);
			return 0;
		}
		got = preadv(f->fd, round, k, (off_t)off);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EIO; /* shorter than it was */
		pos_advance(&p, (size_t)got);
		off += (uint64_t)got;
	}
	return 0;
}

int blk_file_writev(struct blk_file *f, const struct iovec *iov, int n, uint64_t off)
{
	struct iov_pos p = { iov, n, 0, 0 };
	struct iovec round[IOV_ROUND];
	int k;

	if (f->readonly)
		return -EROFS;
	if (fail_now(FAIL_IO))
		return -EIO;
	while ((k = pos_round(&p, round)) > 0) {
		ssize_t put = pwritev(f->fd, round, k, (off_t)off);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -ENOSPC;
		pos_advance(&p, (size_t)put);
		off += (uint64_t)put;
		if (off > f->size)
			f->size = off;
	}
	return 0;
}

int blk_file_read(struct blk_file *f, void *buf, size_t len, uint64_t off)
{
	return blk_file_readv(f, &(struct iovec){ buf, len }, 1, off);
}

int blk_file_write(struct blk_file *f, const void *buf, size_t len, uint64_t off)
{
	return blk_file_writev(f, &(struct iovec){ (void *)buf, len }, 1, off);
}

/* ---- durability and space ---------------------------------------------- */

int blk_file_sync(struct blk_file *f)
{
	int r;

	if (f->readonly)
		return 0;
	if (atomic_load(&f->failed))
		return -EIO;
	do
		r = fail_now(FAIL_IO) ? (errno = EIO, -1) : fdatasync(f->fd);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return 0;
	r = -errno;
	atomic_store(&f->failed, true);
	return r;
}

static bool space_unsupported(int r)
{
	return r == -EOPNOTSUPP || r == -ENOSYS || r == -EINVAL || r == -ENOTTY || r == -ENODEV ||
	       r == -EPERM;
}

static int file_allocate(struct blk_file *f, int mode, uint64_t off, uint64_t len)
{
	int r;

	do
		r = fallocate(f->fd, mode, (off_t)off, (off_t)len);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int file_range_ioctl(struct blk_file *f, unsigned long op, uint64_t off, uint64_t len)
{
	uint64_t range[2] = { off, len };

	return ioctl(f->fd, op, range) < 0 ? -errno : 0;
}

int blk_file_punch(struct blk_file *f, uint64_t off, uint64_t len)
{
	int r;

	if (f->readonly)
		return -EROFS;
	if (fail_now(FAIL_IO))
		return -EIO;
	if (!len)
		return 0;
	r = f->is_dev ? file_range_ioctl(f, BLKDISCARD, off, len)
		      : file_allocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);
	return space_unsupported(r) ? 0 : r;
}

static int file_write_zeros(struct blk_file *f, uint64_t off, uint64_t len)
{
	enum { CHUNK = 1 << 16 };
	base_auto void *zeros = base_zalloc(CHUNK);

	if (!zeros)
		return -ENOMEM;
	while (len) {
		size_t part = (size_t)MIN(len, (uint64_t)CHUNK);
		int r = blk_file_write(f, zeros, part, off);

		if (r < 0)
			return r;
		off += part;
		len -= part;
	}
	return 0;
}

int blk_file_zero(struct blk_file *f, uint64_t off, uint64_t len, bool may_unmap)
{
	int mode = may_unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	int r;

	if (f->readonly)
		return -EROFS;
	if (fail_now(FAIL_IO))
		return -EIO;
	if (!len)
		return 0;
	if (f->is_dev)
		r = file_range_ioctl(f, BLKZEROOUT, off, len);
	else if (off + len > f->size)
		r = -EOPNOTSUPP; /* fallocate would keep the size */
	else
		r = file_allocate(f, mode | FALLOC_FL_KEEP_SIZE, off, len);
	return space_unsupported(r) ? file_write_zeros(f, off, len) : r;
}
