/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on open files: data, position, size, times, status.  A file of a share
 * has its position here and the host sees offsets only; a stream is the host's
 * descriptor, with the host's position.
 */
#include "process/wasi_int.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"

enum { NS = 1000000000 };

static int done(ssize_t r, uint8_t *result)
{
	if (r < 0)
		return (int)r;
	st_le32(result, (uint32_t)r);
	return 0;
}

int wasi__file_size(struct wasi_file *f, uint64_t *size)
{
	struct host_fs_attr a;
	int r = host_fs_getattr(f->share->fs, f->node, &a);

	*size = r ? 0 : a.size;
	return r;
}

/* The position, where the last append left it open; f is locked. */
static int settle(struct wasi_file *f)
{
	int r = 0;

	if (f->at_end) {
		r = wasi__file_size(f, &f->offset);
		f->at_end = r != 0;
	}
	return r;
}

/* ---- data ---------------------------------------------------------------------- */

int wasi__fd_read(struct wasi_call *c)
{
	struct wasi_file *f = c->file[0];
	uint32_t got = 0;
	int64_t n;
	int r;

	if (f->kind >= WASI_STREAM) {
		r = wasi__stream_read(c, f, &got);
		return r ? r : done(got, c->arg[2].p);
	}
	if (f->kind == WASI_DIR)
		return WASI_EISDIR;
	lock_take(&f->lock);
	n = settle(f);
	if (!n)
		n = host_fs_preadv(f->share->fs, f->handle, c->iov, c->niov, f->offset);
	if (n > 0)
		f->offset += (uint64_t)n;
	lock_drop(&f->lock);
	return done(n, c->arg[2].p);
}

int wasi__fd_write(struct wasi_call *c)
{
	struct wasi_file *f = c->file[0];
	uint32_t put = 0;
	int64_t n = 0;
	int r;

	if (f->kind >= WASI_STREAM) {
		r = wasi__stream_write(c, f, &put);
		return r ? r : done(put, c->arg[2].p);
	}
	if (f->kind == WASI_DIR)
		return WASI_EISDIR;
	lock_take(&f->lock);
	if (!(f->flags & WASI_APPEND))
		n = settle(f);
	if (!n)
		n = host_fs_pwritev(f->share->fs, f->handle, c->iov, c->niov,
				    f->flags & WASI_APPEND ? 0 : f->offset);
	if (n > 0 && f->flags & WASI_APPEND)
		f->at_end = true;
	else if (n > 0)
		f->offset += (uint64_t)n;
	lock_drop(&f->lock);
	return done(n, c->arg[2].p);
}

static int64_t stream_at(struct wasi_call *c, struct wasi_file *f, uint64_t off, bool write)
{
	ssize_t n;

	if (f->kind == WASI_CHAN)
		return -ESPIPE;
	if (off > INT64_MAX)
		return -EINVAL;
	do
		n = write ? pwritev(f->fd, c->iov, c->niov, (off_t)off) :
			    preadv(f->fd, c->iov, c->niov, (off_t)off);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int64_t file_at(struct wasi_call *c, struct wasi_file *f, uint64_t off, bool write)
{
	if (f->kind >= WASI_STREAM)
		return stream_at(c, f, off, write);
	if (f->kind == WASI_DIR)
		return -EISDIR;
	return write ? host_fs_pwritev(f->share->fs, f->handle, c->iov, c->niov, off) :
		       host_fs_preadv(f->share->fs, f->handle, c->iov, c->niov, off);
}

int wasi__fd_pread(struct wasi_call *c)
{
	return done(file_at(c, c->file[0], c->arg[2].q, false), c->arg[3].p);
}

int wasi__fd_pwrite(struct wasi_call *c)
{
	return done(file_at(c, c->file[0], c->arg[2].q, true), c->arg[3].p);
}

/* ---- position -------------------------------------------------------------------- */

static int file_seek(struct wasi_file *f, int64_t delta, unsigned whence, uint64_t *pos)
{
	uint64_t base = 0, to;
	int r = 0;

	lock_take(&f->lock);
	if (whence == WASI_WHENCE_CUR)
		r = settle(f);
	if (!r && whence == WASI_WHENCE_CUR)
		base = f->offset;
	if (whence == WASI_WHENCE_END)
		r = wasi__file_size(f, &base);
	if (!r && (__builtin_add_overflow((int64_t)base, delta, (int64_t *)&to) ||
		   to > INT64_MAX))
		r = WASI_EINVAL;
	if (!r) {
		*pos = f->offset = to;
		f->at_end = false;
	}
	lock_drop(&f->lock);
	return r;
}

static int any_seek(struct wasi_file *f, int64_t delta, unsigned whence, uint8_t *result)
{
	static const int of_host[] = { SEEK_SET, SEEK_CUR, SEEK_END };
	uint64_t pos = 0;
	off_t o;
	int r = 0;

	if (f->kind == WASI_DIR)
		return WASI_EISDIR;
	if (f->kind >= WASI_STREAM) {
		o = f->seekable ? lseek(f->fd, delta, of_host[whence]) : (errno = ESPIPE, -1);
		if (o < 0)
			r = -errno;
		else
			pos = (uint64_t)o;
	} else {
		r = file_seek(f, delta, whence, &pos);
	}
	if (!r)
		st_le64(result, pos);
	return r;
}

/* A descriptor may be asked where it is with either right. */
static int seek_right(const struct wasi_file *f, bool tell)
{
	uint64_t need = WASI_FD_SEEK | (tell ? WASI_FD_TELL : 0);

	if (wasi__base(f) & need)
		return 0;
	return f->kind == WASI_DIR ? WASI_EISDIR :
	       f->kind >= WASI_STREAM && !f->seekable ? WASI_ESPIPE : WASI_ENOTCAPABLE;
}

int wasi__fd_seek(struct wasi_call *c)
{
	static const uint8_t old[] = { WASI_WHENCE_CUR, WASI_WHENCE_END, WASI_WHENCE_SET };
	int64_t delta = c->arg[1].d;
	uint32_t whence = c->arg[2].w;
	int r;

	if (whence > WASI_WHENCE_END)
		return WASI_EINVAL;
	if (c->old)
		whence = old[whence];
	r = seek_right(c->file[0], whence == WASI_WHENCE_CUR && !delta);
	return r ? r : any_seek(c->file[0], delta, whence, c->arg[3].p);
}

int wasi__fd_tell(struct wasi_call *c)
{
	int r = seek_right(c->file[0], true);

	return r ? r : any_seek(c->file[0], 0, WASI_WHENCE_CUR, c->arg[1].p);
}

/* ---- size and storage --------------------------------------------------------------- */

int wasi__fd_advise(struct wasi_call *c)
{
	uint64_t off = c->arg[1].q, len = c->arg[2].q;

	if (c->arg[3].w > WASI_ADVICE_MAX || off > INT64_MAX || len > INT64_MAX)
		return WASI_EINVAL;
	/* Advice about the host's cache is the host's to ignore. */
	return 0;
}

int wasi__fd_allocate(struct wasi_call *c)
{
	struct wasi_file *f = c->file[0];
	uint64_t off = c->arg[1].q, len = c->arg[2].q;

	if (!len || off > INT64_MAX || len > INT64_MAX - off)
		return WASI_EINVAL;
	if (f->kind == WASI_FILE)
		return host_fs_fallocate(f->share->fs, f->handle, 0, off, len);
	if (f->kind == WASI_DIR)
		return WASI_EISDIR;
	return !f->regular ? WASI_ESPIPE :
	       fallocate(f->fd, 0, (off_t)off, (off_t)len) ? -errno : 0;
}

int wasi__fd_filestat_set_size(struct wasi_call *c)
{
	struct host_fs_attr in = { .size = c->arg[1].q }, out;
	struct wasi_file *f = c->file[0];

	if (in.size > INT64_MAX)
		return WASI_EFBIG;
	if (f->kind == WASI_FILE)
		return host_fs_setattr(f->share->fs, f->node, f->handle, HOST_FS_SET_SIZE,
				       &in, &out);
	if (f->kind == WASI_DIR)
		return WASI_EISDIR;
	return !f->regular ? WASI_EINVAL : ftruncate(f->fd, (off_t)in.size) ? -errno : 0;
}

static int sync_file(struct wasi_call *c, bool data)
{
	struct wasi_file *f = c->file[0];
	host_fs_handle h;
	int r;

	if (f->kind == WASI_FILE)
		return host_fs_fsync(f->share->fs, f->handle, data);
	if (f->kind == WASI_DIR) {
		r = host_fs_opendir(f->share->fs, f->node, &h);
		if (r)
			return r;
		r = host_fs_fsync(f->share->fs, h, data);
		host_fs_close(f->share->fs, h);
		return r;
	}
	return (data ? fdatasync(f->fd) : fsync(f->fd)) ? -errno : 0;
}

int wasi__fd_sync(struct wasi_call *c)
{
	return sync_file(c, false);
}

int wasi__fd_datasync(struct wasi_call *c)
{
	return sync_file(c, true);
}

/* ---- status ---------------------------------------------------------------------------- */

enum wasi_filetype wasi__type_of_mode(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return WASI_TYPE_FILE;
	case S_IFDIR: return WASI_TYPE_DIR;
	case S_IFLNK: return WASI_TYPE_SYMLINK;
	case S_IFCHR: return WASI_TYPE_CHAR;
	case S_IFBLK: return WASI_TYPE_BLOCK;
	case S_IFSOCK: return WASI_TYPE_SOCKET;
	default: return WASI_TYPE_UNKNOWN;
	}
}

/* Nanoseconds since 1970; a deterministic program sees what was touched during
 * its run with the time at which it began. */
static uint64_t to_ns(const struct wasi *w, const struct host_fs_time *t)
{
	uint64_t ns = t->sec < 0 ? 0 : (uint64_t)t->sec * NS + t->nsec;

	if (w->deterministic && ns >= w->start_wall)
		return (uint64_t)atomic_load(&w->clock->wall_offset);
	return ns;
}

struct status {
	uint64_t dev, ino, nlink, size, time[3];
	uint8_t type;
};

static void write_status(const struct wasi_call *c, uint8_t *p, const struct status *s)
{
	memset(p, 0, c->old ? WASI_FILESTAT_OLD_SIZE : WASI_FILESTAT_SIZE);
	st_le64(p, s->dev);
	st_le64(p + 8, s->ino);
	p[16] = s->type;
	if (c->old) { /* a link count of 32 bits */
		st_le32(p + 20, (uint32_t)MIN(s->nlink, (uint64_t)UINT32_MAX));
		p += 24;
	} else {
		st_le64(p + 24, s->nlink);
		p += 32;
	}
	st_le64(p, s->size);
	for (unsigned i = 0; i < 3; i++)
		st_le64(p + 8 + 8 * i, s->time[i]);
}

void wasi__write_filestat(const struct wasi_call *c, uint8_t *p, struct wasi_share *share,
			  const struct host_fs_attr *a)
{
	struct wasi *w = c->w;
	const struct status s = {
		.dev = (uint64_t)(share - w->shares) + 1, .ino = wasi__ino(w, share, a->ino),
		.type = wasi__type_of_mode(a->mode), .nlink = a->nlink,
		/* A folder's size is the host's file system's affair. */
		.size = w->deterministic && S_ISDIR(a->mode) ? 4096 : a->size,
		.time = { to_ns(w, &a->atime), to_ns(w, &a->mtime), to_ns(w, &a->ctime) },
	};

	write_status(c, p, &s);
}

static int stream_status(struct wasi_call *c, const struct wasi_file *f, uint8_t *p)
{
	struct status s = { .type = f->type, .nlink = 1 };
	struct wasi *w = c->w;
	struct stat st;

	s.ino = f->source;
	if (f->kind == WASI_STREAM && !w->deterministic) {
		if (fstat(f->fd, &st))
			return -errno;
		s.dev = st.st_dev;
		s.ino = st.st_ino;
		s.nlink = st.st_nlink;
		s.size = f->regular ? (uint64_t)st.st_size : 0;
		s.time[0] = (uint64_t)st.st_atim.tv_sec * NS + (uint64_t)st.st_atim.tv_nsec;
		s.time[1] = (uint64_t)st.st_mtim.tv_sec * NS + (uint64_t)st.st_mtim.tv_nsec;
		s.time[2] = (uint64_t)st.st_ctim.tv_sec * NS + (uint64_t)st.st_ctim.tv_nsec;
	}
	write_status(c, p, &s);
	return 0;
}

int wasi__fd_filestat_get(struct wasi_call *c)
{
	struct wasi_file *f = c->file[0];
	struct host_fs_attr a;
	int r;

	if (f->kind >= WASI_STREAM)
		return stream_status(c, f, c->arg[1].p);
	r = host_fs_getattr(f->share->fs, f->node, &a);
	if (!r)
		wasi__write_filestat(c, c->arg[1].p, f->share, &a);
	return r;
}

int wasi__times(struct wasi_call *c, uint64_t atim, uint64_t mtim, uint32_t flags,
		unsigned *what, struct host_fs_attr *a)
{
	if (flags & ~(uint32_t)WASI_FSTFLAGS ||
	    (flags & WASI_ATIM && flags & WASI_ATIM_NOW) ||
	    (flags & WASI_MTIM && flags & WASI_MTIM_NOW))
		return WASI_EINVAL;
	if (c->w->deterministic && flags & (WASI_ATIM_NOW | WASI_MTIM_NOW)) {
		uint64_t now = wasi__wall(c->w, c->store);

		atim = flags & WASI_ATIM_NOW ? now : atim;
		mtim = flags & WASI_MTIM_NOW ? now : mtim;
		flags |= (flags & WASI_ATIM_NOW) >> 1 | (flags & WASI_MTIM_NOW) >> 1;
		flags &= WASI_ATIM | WASI_MTIM;
	}
	*what = (flags & WASI_ATIM ? HOST_FS_SET_ATIME : 0) |
		(flags & WASI_ATIM_NOW ? HOST_FS_SET_ATIME_NOW : 0) |
		(flags & WASI_MTIM ? HOST_FS_SET_MTIME : 0) |
		(flags & WASI_MTIM_NOW ? HOST_FS_SET_MTIME_NOW : 0);
	memset(a, 0, sizeof(*a));
	a->atime = (struct host_fs_time){ (int64_t)(atim / NS), (uint32_t)(atim % NS) };
	a->mtime = (struct host_fs_time){ (int64_t)(mtim / NS), (uint32_t)(mtim % NS) };
	return 0;
}

int wasi__fd_filestat_set_times(struct wasi_call *c)
{
	struct wasi_file *f = c->file[0];
	struct host_fs_attr in, out;
	unsigned what;
	int r = wasi__times(c, c->arg[1].q, c->arg[2].q, c->arg[3].w, &what, &in);

	if (r)
		return r;
	if (f->kind >= WASI_STREAM)
		return WASI_ENOTSUP;
	return host_fs_setattr(f->share->fs, f->node, 0, what, &in, &out);
}
