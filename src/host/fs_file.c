/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files and directories of the file service: a bounded table of handles
 * and the operations on them.  A handle's descriptor is closed when its last
 * user is done, so that a close in another thread never pulls it away.
 */
#include "host/fs_int.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/fail.h"

int fs__file_get(struct host_fs *fs, host_fs_handle h, struct fs_file **out)
{
	struct fs_file *f;
	int r = 0;

	lock_take(&fs->lock);
	f = fs__slot_find(&fs->files, h);
	if (!f || f->dead)
		r = -EBADF;
	else if (f->fd < 0)
		r = -ESTALE;
	else
		f->busy++;
	lock_drop(&fs->lock);
	*out = f;
	return r;
}

static void file_free_locked(struct host_fs *fs, struct fs_file *f)
{
	struct fs_node *n = f->node;

	if (f->fd >= 0)
		close(f->fd);
	fs__slot_drop(&fs->files, f->idx);
	n->files--;
	fs__node_unref_locked(fs, n);
	lock_fini(&f->dir_lock);
	base_free(f);
}

void fs__file_put(struct host_fs *fs, struct fs_file *f)
{
	lock_take(&fs->lock);
	if (!--f->busy && f->dead)
		file_free_locked(fs, f);
	lock_drop(&fs->lock);
}

void fs__file_kill_locked(struct host_fs *fs, struct fs_file *f)
{
	f->dead = true;
	if (!f->busy)
		file_free_locked(fs, f);
}

int fs__file_add(struct host_fs *fs, struct fs_node *n, int fd, unsigned flags, bool dir,
		 host_fs_handle *h)
{
	struct fs_file *f = base_zalloc(sizeof(*f));
	int r = f ? 0 : -ENOMEM;

	lock_take(&fs->lock);
	if (!r)
		r = fs__slot_take(&fs->files, f, &f->idx, &f->gen);
	if (!r) {
		f->node = n;
		n->files++;
		f->fd = fd;
		f->dir = dir;
		f->flags = flags;
		lock_init(&f->dir_lock, LOCK_RANK_HOST);
		*h = (uint64_t)f->gen << 32 | f->idx;
	}
	lock_drop(&fs->lock);
	if (r) {
		close(fd);
		base_free(f);
	}
	return r;
}

int host_fs_close(struct host_fs *fs, host_fs_handle h)
{
	struct fs_file *f;
	int r = 0;

	lock_take(&fs->lock);
	f = fs__slot_find(&fs->files, h);
	if (f && !f->dead)
		fs__file_kill_locked(fs, f);
	else
		r = -EBADF;
	lock_drop(&fs->lock);
	return r;
}

void fs__note_seen(struct host_fs *fs, struct fs_node *n, int fd, bool *changed)
{
	struct stat st;
	int64_t t;
	bool same;

	if (!changed)
		return;
	*changed = true;
	if (fstat(fd, &st))
		return;
	t = (int64_t)((uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec);
	lock_take(&fs->lock);
	same = n->seen && n->seen_mtime == t && n->seen_size == (uint64_t)st.st_size;
	n->seen = true;
	n->seen_mtime = t;
	n->seen_size = (uint64_t)st.st_size;
	lock_drop(&fs->lock);
	*changed = !same;
}

/* ---- data ----------------------------------------------------------------------- */

static int range_check(uint64_t off, uint64_t len)
{
	return off > INT64_MAX || len > INT64_MAX - off ? -EINVAL : 0;
}

static int64_t rw(struct host_fs *fs, host_fs_handle h, const struct iovec *iov, int n,
		  uint64_t off, bool write)
{
	struct fs_file *f;
	uint64_t len = 0;
	int64_t r;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	r = range_check(off, len);
	if (!r)
		r = fs__file_get(fs, h, &f);
	if (r)
		return r == -EINVAL && write ? -EFBIG : r;
	if (fail_now(FAIL_IO)) {
		r = -EIO;
	} else {
		do
			r = write ? pwritev(f->fd, iov, n, (off_t)off) :
				    preadv(f->fd, iov, n, (off_t)off);
		while (r < 0 && errno == EINTR);
		r = r < 0 ? -errno : r;
	}
	fs__file_put(fs, f);
	return r;
}

int64_t host_fs_preadv(struct host_fs *fs, host_fs_handle h, const struct iovec *iov,
		       int n, uint64_t off)
{
	return rw(fs, h, iov, n, off, false);
}

int64_t host_fs_pwritev(struct host_fs *fs, host_fs_handle h, const struct iovec *iov,
			int n, uint64_t off)
{
	return rw(fs, h, iov, n, off, true);
}

int host_fs_kill_suid(struct host_fs *fs, host_fs_handle h)
{
	struct fs_node *n;
	struct fs_file *f;
	int r = fs__file_get(fs, h, &f);

	if (r)
		return r;
	if (f->flags & HOST_FS_WRITE && !fs__node_get(fs, fs__node_id(f->node), &n)) {
		fs__kill_suid(fs, n->fd);
		fs__node_put(fs, n);
	}
	fs__file_put(fs, f);
	return 0;
}

int host_fs_fsync(struct host_fs *fs, host_fs_handle h, bool data_only)
{
	struct fs_file *f;
	int r = fs__file_get(fs, h, &f);

	if (r)
		return r;
	if (fail_now(FAIL_IO))
		r = -EIO;
	else if (data_only ? fdatasync(f->fd) : fsync(f->fd))
		r = -errno;
	fs__file_put(fs, f);
	return r;
}

int host_fs_flush(struct host_fs *fs, host_fs_handle h)
{
	struct fs_file *f;
	int fd, r = fs__file_get(fs, h, &f);

	if (r)
		return r;
	/* Network file systems report delayed errors at close. */
	fd = f->dir ? -1 : dup(f->fd);
	if (fd >= 0 && close(fd))
		r = -errno;
	fs__file_put(fs, f);
	return r;
}

int host_fs_syncfs(struct host_fs *fs, host_fs_node node)
{
	struct fs_node *n;
	int fd, r = fs__node_get(fs, node, &n);

	if (r)
		return r;
	fd = n->fmt == S_IFDIR || n->fmt == S_IFREG ? fs__reopen(fs, n->fd, O_RDONLY) : -EINVAL;
	fs__node_put(fs, n);
	if (fd < 0)
		return fd;
	r = syncfs(fd) ? -errno : 0;
	close(fd);
	return r;
}

int host_fs_fallocate(struct host_fs *fs, host_fs_handle h, unsigned mode,
		      uint64_t off, uint64_t len)
{
	struct fs_file *f;
	int r = range_check(off, len);

	if (!r && mode & ~(unsigned)(HOST_FS_KEEP_SIZE | HOST_FS_PUNCH_HOLE |
				     HOST_FS_ZERO_RANGE))
		r = -EOPNOTSUPP;
	if (!r)
		r = fs__file_get(fs, h, &f);
	if (r)
		return r;
	r = fallocate(f->fd, (int)mode, (off_t)off, (off_t)len) ? -errno : 0;
	fs__file_put(fs, f);
	return r;
}

int64_t host_fs_lseek(struct host_fs *fs, host_fs_handle h, uint64_t off, int whence)
{
	struct fs_file *f;
	int64_t r = range_check(off, 0);

	if (!r && whence != SEEK_DATA && whence != SEEK_HOLE)
		r = -EINVAL;
	if (!r)
		r = fs__file_get(fs, h, &f);
	if (r)
		return r;
	r = f->dir ? -EINVAL : lseek(f->fd, (off_t)off, whence);
	if (r == -1)
		r = -errno;
	fs__file_put(fs, f);
	return r;
}

int64_t host_fs_copy(struct host_fs *fs, host_fs_handle in, uint64_t off_in,
		     host_fs_handle out, uint64_t off_out, uint64_t len)
{
	enum { COPY_MAX = 16 << 20 };   /* one request must not take long */
	struct fs_file *a, *b;
	loff_t oa = (loff_t)off_in, ob = (loff_t)off_out;
	int64_t r;

	len = MIN(len, (uint64_t)COPY_MAX);
	r = range_check(off_in, len) || range_check(off_out, len) ? -EINVAL : 0;
	if (!r)
		r = fs__file_get(fs, in, &a);
	if (r)
		return r;
	r = fs__file_get(fs, out, &b);
	if (!r) {
		r = copy_file_range(a->fd, &oa, b->fd, &ob, len, 0);
		r = r < 0 ? -errno : r;
		fs__file_put(fs, b);
	}
	fs__file_put(fs, a);
	return r;
}

/* ---- directories ------------------------------------------------------------------ */

struct fs_dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static void dir_emit(struct host_fs *fs, const struct fs_file *f, int dev, const char *buf,
		     long len, host_fs_dirent_fn *fn, void *arg)
{
	for (long pos = 0; pos < len;) {
		const struct fs_dirent64 *e = (const void *)(buf + pos);
		struct host_fs_dirent d = {
			.ino = e->ino ^ (uint64_t)dev << 48, .off = (uint64_t)e->off,
			.type = e->type, .len = (uint32_t)strlen(e->name), .name = e->name,
		};

		/* What is above the root is nobody's business. */
		if (f->node == fs->root && !strcmp(e->name, ".."))
			d.ino = fs->root->ino;
		if (!fn(arg, &d))
			return;
		pos += e->reclen;
	}
}

int host_fs_readdir(struct host_fs *fs, host_fs_handle h, uint64_t off,
		    host_fs_dirent_fn *fn, void *arg)
{
	enum { BATCH = 32768 };
	base_auto char *buf = base_alloc(BATCH);
	struct fs_file *f;
	struct statx st;
	long n = -1;
	int dev, r = range_check(off, 0);

	if (!buf)
		return -ENOMEM;
	if (!r)
		r = fs__file_get(fs, h, &f);
	if (r)
		return r;
	if (!f->dir) {
		fs__file_put(fs, f);
		return -ENOTDIR;
	}
	lock_take(&f->dir_lock);
	if (lseek(f->fd, (off_t)off, SEEK_SET) >= 0)
		n = syscall(SYS_getdents64, f->fd, buf, (size_t)BATCH);
	r = n < 0 ? -errno : 0;
	lock_drop(&f->dir_lock);
	dev = fs__stat(f->fd, &st) ? -1 : fs__dev_index(fs, &st);
	if (!r && dev >= 0)
		dir_emit(fs, f, dev, buf, n, fn, arg);
	fs__file_put(fs, f);
	return r;
}
