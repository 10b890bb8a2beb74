/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_open: from a path to a descriptor.  The rights that are asked for say
 * how the host's file is opened; those that the kind of file cannot have are
 * left out of what the program gets.
 */
#include "process/wasi_int.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/bits.h"

struct want {
	uint32_t oflags, fdflags;
	uint64_t base, inheriting;
};

enum { WRITES = WASI_FD_WRITE | WASI_FD_ALLOCATE | WASI_FD_FILESTAT_SET_SIZE };

static int check_want(const struct wasi_file *dir, const struct want *o)
{
	uint64_t need = WASI_PATH_OPEN, inherit = o->base | o->inheriting;

	if (o->oflags & ~(uint32_t)WASI_OFLAGS || o->fdflags & ~(uint32_t)WASI_FDFLAGS ||
	    (o->oflags & WASI_DIRECTORY && o->oflags & (WASI_CREAT | WASI_TRUNC)))
		return WASI_EINVAL;
	if (o->oflags & WASI_CREAT)
		need |= WASI_PATH_CREATE_FILE;
	if (o->oflags & WASI_TRUNC)
		need |= WASI_PATH_FILESTAT_SET_SIZE;
	if (o->fdflags & WASI_DSYNC)
		inherit |= WASI_FD_DATASYNC;
	if (o->fdflags & (WASI_SYNC | WASI_RSYNC))
		inherit |= WASI_FD_SYNC;
	return need & ~wasi__base(dir) || inherit & ~wasi__inheriting(dir) ? WASI_ENOTCAPABLE : 0;
}

static unsigned host_flags(const struct want *o)
{
	unsigned f = 0;

	if (o->base & WRITES || o->oflags & WASI_TRUNC)
		f |= HOST_FS_WRITE;
	if (o->base & WASI_FD_READ || !f)
		f |= HOST_FS_READ;
	if (o->fdflags & WASI_APPEND && f & HOST_FS_WRITE)
		f |= HOST_FS_APPEND;
	if (o->fdflags & (WASI_SYNC | WASI_RSYNC))
		f |= HOST_FS_SYNC;
	if (o->fdflags & WASI_DSYNC)
		f |= HOST_FS_DSYNC;
	return f;
}

static int open_dir(struct wasi_call *c, struct wasi_walk *k, const struct want *o,
		    struct wasi_file **out)
{
	struct wasi_file *f;
	int r;

	if (o->oflags & (WASI_CREAT | WASI_TRUNC) || o->base & WASI_FD_WRITE)
		return o->oflags & WASI_EXCL && o->oflags & WASI_CREAT ? -EEXIST : -EISDIR;
	f = wasi__file_new(WASI_DIR, WASI_TYPE_DIR, o->base & WASI_RIGHTS_DIR, o->inheriting);
	if (!f)
		return -ENOMEM;
	f->share = k->share;
	f->node = k->name[0] ? k->node : wasi__walk_dir(k);
	r = host_fs_ref(k->share->fs, f->node);
	if (r) {
		f->node = HOST_FS_ROOT; /* nothing to give back */
		wasi__file_put(c->w, f);
		return r;
	}
	*out = f;
	return 0;
}

static int open_old(struct wasi_walk *k, struct want *o, host_fs_handle *h, unsigned *flags)
{
	unsigned trunc = o->oflags & WASI_TRUNC ? HOST_FS_TRUNC : 0;
	int r = host_fs_open(k->share->fs, k->node, *flags | trunc, h, NULL);

	/* Asked to write only for rights that a program may do without. */
	if ((r == -EACCES || r == -EROFS || r == -EPERM || r == -ETXTBSY) && !trunc &&
	    *flags & HOST_FS_WRITE && !(o->base & WASI_FD_WRITE)) {
		*flags = (*flags | HOST_FS_READ) & ~(unsigned)(HOST_FS_WRITE | HOST_FS_APPEND);
		o->base &= ~(uint64_t)WRITES;
		r = host_fs_open(k->share->fs, k->node, *flags, h, NULL);
	}
	return r;
}

static int open_file(struct wasi_call *c, struct wasi_walk *k, struct want *o,
		     struct wasi_file **out)
{
	unsigned flags = host_flags(o);
	struct wasi_file *f;
	host_fs_handle h;
	int r;

	if (k->node)
		r = open_old(k, o, &h, &flags);
	else
		r = host_fs_create_file(k->share->fs, wasi__walk_dir(k), k->name,
					0666 & ~c->w->umask, flags | HOST_FS_EXCL,
					&k->share->cred, &k->node, &k->attr, &h);
	if (r)
		return r;
	f = wasi__file_new(WASI_FILE, WASI_TYPE_FILE, o->base & WASI_RIGHTS_FILE,
			   o->inheriting);
	if (!f) {
		host_fs_close(k->share->fs, h);
		return -ENOMEM;
	}
	f->share = k->share;
	f->node = wasi__walk_take(k);
	f->handle = h;
	f->access = flags & (HOST_FS_READ | HOST_FS_WRITE);
	f->flags = (uint16_t)o->fdflags;
	*out = f;
	return 0;
}

static int open_walked(struct wasi_call *c, struct wasi_walk *k, struct want *o,
		       struct wasi_file **out)
{
	bool creat = o->oflags & WASI_CREAT, excl = creat && o->oflags & WASI_EXCL;
	bool must_dir = o->oflags & WASI_DIRECTORY || k->slash;

	if (!k->name[0] || (k->node && S_ISDIR(k->attr.mode)))
		return open_dir(c, k, o, out);
	if (!k->node && (!creat || k->slash))
		return k->slash && creat ? -EISDIR : -ENOENT;
	if (k->node && excl)
		return -EEXIST;
	if (k->node && must_dir)
		return -ENOTDIR;
	if (k->node && S_ISLNK(k->attr.mode))
		return -ELOOP;
	return open_file(c, k, o, out);
}

int wasi__path_open(struct wasi_call *c)
{
	enum { TRIES = 8 };     /* others make and remove the name meanwhile */
	struct want o = { c->arg[3].w, c->arg[6].w, c->arg[4].q, c->arg[5].q };
	bool excl = o.oflags & WASI_CREAT && o.oflags & WASI_EXCL;
	unsigned how = c->arg[1].w & WASI_FOLLOW && !excl ? WASI_WALK_FOLLOW : 0;
	struct wasi_file *f = NULL;
	struct wasi_walk k;
	uint32_t fd;
	int r;

	if (c->arg[1].w & ~(uint32_t)WASI_FOLLOW)
		return WASI_EINVAL;
	r = check_want(c->file[0], &o);
	if (r)
		return r;
	for (unsigned i = 0; i < TRIES; i++) {
		r = wasi__walk(&k, c->file[0], c->path[0], how);
		if (!r)
			r = open_walked(c, &k, &o, &f);
		wasi__walk_end(&k);
		if (r != -EEXIST || excl)
			break;
	}
	if (!r)
		r = wasi__file_add(c->w, f, &fd);
	if (!r)
		st_le32(c->arg[7].p, fd);
	return r;
}
