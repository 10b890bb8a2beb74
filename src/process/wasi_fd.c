/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: the table, references, rights, and the calls on descriptors
 * themselves.  A file lives until the last call that uses it is done.
 */
#include "process/wasi_int.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"

struct wasi_file *wasi__file_new(enum wasi_kind kind, enum wasi_filetype type,
				 uint64_t base, uint64_t inheriting)
{
	struct wasi_file *f = base_zalloc(sizeof(*f));

	if (!f)
		return NULL;
	f->refs = 1;
	f->kind = kind;
	f->type = type;
	f->base = base;
	f->inheriting = inheriting;
	f->fd = -1;
	lock_init(&f->lock, LOCK_RANK_IO);
	return f;
}

static void file_free(struct wasi *w, struct wasi_file *f)
{
	wasi__listing_drop(w, f);
	if (f->handle)
		host_fs_close(f->share->fs, f->handle);
	if (f->share && f->node != HOST_FS_ROOT)
		host_fs_forget(f->share->fs, f->node, 1);
	if (f->owned)
		close(f->fd);
	lock_fini(&f->lock);
	base_free(f);
}

void wasi__file_put(struct wasi *w, struct wasi_file *f)
{
	bool last;

	lock_take(&w->lock);
	assert(f->refs);
	last = !--f->refs;
	lock_drop(&w->lock);
	if (last)
		file_free(w, f);
}

static int table_grow(struct wasi *w, uint32_t need)
{
	uint32_t n = MAX(w->nfiles * 2, MAX(need, 16u));
	struct wasi_file **p;

	n = MIN(n, w->max_files);
	if (need > n)
		return -EMFILE;
	p = base_realloc(w->files, n * sizeof(struct wasi_file *));
	if (!p)
		return -ENOMEM;
	memset(p + w->nfiles, 0, (n - w->nfiles) * sizeof(struct wasi_file *));
	w->files = p;
	w->nfiles = n;
	return 0;
}

int wasi__file_add(struct wasi *w, struct wasi_file *f, uint32_t *fd)
{
	uint32_t i;
	int r = 0;

	lock_take(&w->lock);
	for (i = w->lowest; i < w->nfiles && w->files[i]; i++)
		;
	if (i >= w->nfiles)
		r = table_grow(w, i + 1);
	if (!r) {
		w->files[i] = f;
		w->lowest = i + 1;
		*fd = i;
	}
	lock_drop(&w->lock);
	if (r)
		wasi__file_put(w, f);
	return r;
}

int wasi__file_get(struct wasi *w, uint32_t fd, uint64_t rights, struct wasi_file **out)
{
	struct wasi_file *f;
	int r = 0;

	lock_take(&w->lock);
	f = fd < w->nfiles ? w->files[fd] : NULL;
	if (!f)
		r = WASI_EBADF;
	else if (rights & ~f->base)
		r = WASI_ENOTCAPABLE;
	else
		f->refs++;
	lock_drop(&w->lock);
	*out = r ? NULL : f;
	return r;
}

void wasi__files_close(struct wasi *w)
{
	for (uint32_t i = 0; i < w->nfiles; i++)
		if (w->files[i]) {
			wasi__file_put(w, w->files[i]);
			w->files[i] = NULL;
		}
	w->lowest = 0;
}

/* ---- calls --------------------------------------------------------------------- */

int wasi__fd_close(struct wasi_call *c)
{
	struct wasi *w = c->w;
	uint32_t fd = c->arg[0].w;
	struct wasi_file *f;
	int r = 0;

	lock_take(&w->lock);
	f = fd < w->nfiles ? w->files[fd] : NULL;
	if (f) {
		w->files[fd] = NULL;
		w->lowest = MIN(w->lowest, fd);
	}
	lock_drop(&w->lock);
	if (!f)
		return WASI_EBADF;
	/* Network file systems report delayed errors at close. */
	if (f->kind == WASI_FILE && f->access & HOST_FS_WRITE)
		r = host_fs_flush(f->share->fs, f->handle);
	wasi__file_put(w, f);
	return r;
}

int wasi__fd_renumber(struct wasi_call *c)
{
	struct wasi *w = c->w;
	uint32_t from = c->arg[0].w, to = c->arg[1].w;
	struct wasi_file *old = NULL;
	int r = 0;

	lock_take(&w->lock);
	if (from >= w->nfiles || to >= w->nfiles || !w->files[from] || !w->files[to]) {
		r = WASI_EBADF;
	} else if (from != to) {
		old = w->files[to];
		w->files[to] = w->files[from];
		w->files[from] = NULL;
		w->lowest = MIN(w->lowest, from);
	}
	lock_drop(&w->lock);
	if (old)
		wasi__file_put(w, old);
	return r;
}

int wasi__fd_fdstat_get(struct wasi_call *c)
{
	struct wasi_file *f = c->file[0];
	uint8_t *p = c->arg[1].p;
	uint64_t base, inheriting;
	uint16_t flags;

	lock_take(&f->lock);
	flags = f->flags;
	lock_drop(&f->lock);
	lock_take(&c->w->lock);
	base = f->base;
	inheriting = f->inheriting;
	lock_drop(&c->w->lock);
	memset(p, 0, WASI_FDSTAT_SIZE);
	p[0] = f->type;
	st_le16(p + 2, flags);
	st_le64(p + 8, base);
	st_le64(p + 16, inheriting);
	return 0;
}

int wasi__fd_fdstat_set_rights(struct wasi_call *c)
{
	struct wasi_file *f = c->file[0];
	uint64_t base = c->arg[1].q, inheriting = c->arg[2].q;
	int r = 0;

	lock_take(&c->w->lock);
	if (base & ~f->base || inheriting & ~f->inheriting) {
		r = WASI_ENOTCAPABLE;
	} else {
		__atomic_store_n(&f->base, base, __ATOMIC_RELAXED);
		__atomic_store_n(&f->inheriting, inheriting, __ATOMIC_RELAXED);
	}
	lock_drop(&c->w->lock);
	return r;
}

/* Files get another handle, since the flags are the host's to keep. */
static int file_set_flags(struct wasi_file *f, uint16_t flags)
{
	unsigned o = f->access;
	host_fs_handle h;
	int r;

	if (!((f->flags ^ flags) & ~WASI_NONBLOCK)) {
		f->flags = flags;
		return 0;
	}
	o |= flags & WASI_APPEND && o & HOST_FS_WRITE ? HOST_FS_APPEND : 0;
	o |= flags & (WASI_SYNC | WASI_RSYNC) ? HOST_FS_SYNC : 0;
	o |= flags & WASI_DSYNC ? HOST_FS_DSYNC : 0;
	r = host_fs_open(f->share->fs, f->node, o, &h, NULL);
	if (r)
		return r;
	host_fs_close(f->share->fs, f->handle);
	f->handle = h;
	f->flags = flags;
	return 0;
}

int wasi__fd_fdstat_set_flags(struct wasi_call *c)
{
	struct wasi_file *f = c->file[0];
	uint32_t flags = c->arg[1].w;
	uint64_t need = (flags & WASI_DSYNC ? WASI_FD_DATASYNC : 0) |
			(flags & (WASI_SYNC | WASI_RSYNC) ? WASI_FD_SYNC : 0);
	int r = 0;

	if (flags & ~(uint32_t)WASI_FDFLAGS)
		return WASI_EINVAL;
	if (f->kind == WASI_FILE && need & ~wasi__base(f))
		return WASI_ENOTCAPABLE;
	lock_take(&f->lock);
	if (f->kind == WASI_FILE)
		r = file_set_flags(f, (uint16_t)flags);
	else if ((f->flags ^ flags) & ~(uint32_t)WASI_NONBLOCK)
		r = WASI_ENOTSUP; /* the description is shared with the host */
	else
		f->flags = (uint16_t)flags;
	lock_drop(&f->lock);
	return r;
}

int wasi__fd_prestat_get(struct wasi_call *c)
{
	const struct wasi_file *f = c->file[0];
	uint8_t *p = c->arg[1].p;

	if (!f->preopen)
		return WASI_EBADF;
	memset(p, 0, WASI_PRESTAT_SIZE);
	st_le32(p + 4, (uint32_t)strlen(f->share->guest));
	return 0;
}

int wasi__fd_prestat_dir_name(struct wasi_call *c)
{
	const struct wasi_file *f = c->file[0];
	size_t n;

	if (!f->preopen)
		return WASI_EBADF;
	n = strlen(f->share->guest);
	if (c->len < n)
		return WASI_ENAMETOOLONG;
	memcpy(c->arg[1].p, f->share->guest, n);
	return 0;
}
