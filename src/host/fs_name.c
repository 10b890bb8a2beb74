/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations of the file service on names: create, remove, rename, link.
 * Each is one *at() call of the host with one checked name; none follows a
 * link.  What is created gets its owner and mode afterwards, by its descriptor.
 */
#include "host/fs_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"

/* The object that fd (consumed) holds, name in d: attributes and a node. */
static int adopt_fd(struct host_fs *fs, struct fs_node *d, const char *name, int fd,
		    host_fs_node *out, struct host_fs_attr *attr)
{
	struct statx st;
	int r = fs__stat(fd, &st);

	if (!r)
		r = fs__attr(fs, fd, &st, attr);
	if (r) {
		close(fd);
		return r;
	}
	return fs__node_add(fs, d, name, fd, &st, out);
}

static int adopt(struct host_fs *fs, struct fs_node *d, const char *name,
		 host_fs_node *out, struct host_fs_attr *attr)
{
	struct statx st;
	int fd, r = fs__walk(fs, d->fd, name, &fd, &st);

	return r ? r : adopt_fd(fs, d, name, fd, out, attr);
}

/* ---- creation ------------------------------------------------------------------ */

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return ts.tv_sec;
}

/* Permissions to begin with: nobody else's until the owner is right. */
static uint32_t first_mode(const struct host_fs *fs, uint32_t mode,
			   const struct host_fs_cred *c)
{
	if (fs->o.owner == HOST_FS_MAPPED ||
	    (c->uid == fs->host_uid && c->gid == fs->host_gid))
		return mode & 0777;
	return mode & 0700;
}

/* What was just made as name in d gets its owner and mode. */
static int adopt_new(struct host_fs *fs, struct fs_node *d, const char *name, uint32_t mode,
		     int64_t since, const struct host_fs_cred *c, host_fs_node *out,
		     struct host_fs_attr *attr)
{
	struct statx st;
	int fd, r = fs__walk(fs, d->fd, name, &fd, &st);

	if (r)
		return r;
	r = fs__set_new(fs, d->fd, fd, mode, since, c);
	if (!r)
		return adopt_fd(fs, d, name, fd, out, attr);
	close(fd);
	unlinkat(d->fd, name, S_ISDIR(mode) ? AT_REMOVEDIR : 0);
	return r;
}

int host_fs_mkdir(struct host_fs *fs, host_fs_node dir, const char *name, uint32_t mode,
		  const struct host_fs_cred *c, host_fs_node *out,
		  struct host_fs_attr *attr)
{
	struct fs_node *d;
	int64_t since = now();
	int r = fs->o.readonly ? -EROFS : fs__dir_get(fs, dir, name, &d);

	if (r)
		return r;
	r = mkdirat(d->fd, name, first_mode(fs, mode, c)) ? -errno : 0;
	if (!r)
		r = adopt_new(fs, d, name, S_IFDIR | (mode & 01777), since, c, out, attr);
	fs__node_put(fs, d);
	return r;
}

int host_fs_mknod(struct host_fs *fs, host_fs_node dir, const char *name, uint32_t mode,
		  uint32_t rdev, const struct host_fs_cred *c, host_fs_node *out,
		  struct host_fs_attr *attr)
{
	uint32_t fmt = mode & S_IFMT ? mode & S_IFMT : S_IFREG;
	bool dev = fmt == S_IFCHR || fmt == S_IFBLK;
	int64_t since = now();
	struct fs_node *d;
	int r;

	if (fs->o.readonly)
		return -EROFS;
	/* Kind 0:0 is overlayfs' whiteout: it names no device. */
	if (dev && !fs->o.devices && !(fmt == S_IFCHR && !rdev &&
				       fs->o.owner == HOST_FS_NATIVE))
		return -EPERM;
	if (!dev && fmt != S_IFREG && fmt != S_IFIFO && fmt != S_IFSOCK)
		return -EINVAL;
	r = fs__dir_get(fs, dir, name, &d);
	if (r)
		return r;
	r = mknodat(d->fd, name, fmt | first_mode(fs, mode, c),
		    makedev(rdev >> 8 & 0xfff, (rdev & 0xff) | (rdev >> 12 & 0xfff00)));
	r = r ? -errno : 0;
	if (!r)
		r = adopt_new(fs, d, name, fmt | (mode & 07777), since, c, out, attr);
	fs__node_put(fs, d);
	return r;
}

int host_fs_symlink(struct host_fs *fs, host_fs_node dir, const char *name,
		    const char *target, const struct host_fs_cred *c,
		    host_fs_node *out, struct host_fs_attr *attr)
{
	int64_t since = now();
	struct fs_node *d;
	int r;

	if (fs->o.readonly)
		return -EROFS;
	if (!target[0] || strnlen(target, FS_LINK_MAX) == FS_LINK_MAX)
		return target[0] ? -ENAMETOOLONG : -ENOENT;
	r = fs__dir_get(fs, dir, name, &d);
	if (r)
		return r;
	r = symlinkat(target, d->fd, name) ? -errno : 0;
	if (!r)
		r = adopt_new(fs, d, name, S_IFLNK | 0777, since, c, out, attr);
	fs__node_put(fs, d);
	return r;
}

int host_fs_readlink(struct host_fs *fs, host_fs_node node, char *buf, size_t size)
{
	struct fs_node *n;
	int r = fs__node_get(fs, node, &n);

	if (r)
		return r;
	if (n->fmt != S_IFLNK)
		r = -EINVAL;
	else
		r = (int)readlinkat(n->fd, "", buf, MIN(size, (size_t)FS_LINK_MAX));
	if (r == -1)
		r = -errno;
	fs__node_put(fs, n);
	return r;
}

int host_fs_link(struct host_fs *fs, host_fs_node node, host_fs_node dir,
		 const char *name, struct host_fs_attr *attr)
{
	struct fs_node *n, *d;
	host_fs_node out;
	char self[12];
	int r = fs->o.readonly ? -EROFS : fs__dir_get(fs, dir, name, &d);

	if (r)
		return r;
	r = fs__node_get(fs, node, &n);
	if (!r) {
		/* The entry in /proc/self/fd leads to the object itself, a
		 * symbolic link included. */
		snprintf(self, sizeof(self), "%d", n->fd);
		if (n->fmt == S_IFDIR)
			r = -EPERM;
		else if (linkat(fs->proc_fd, self, d->fd, name, AT_SYMLINK_FOLLOW))
			r = -errno;
		fs__node_put(fs, n);
	}
	if (!r)
		r = adopt(fs, d, name, &out, attr);
	if (!r && out != node) {
		/* Replaced on the host meanwhile: not the guest's node. */
		host_fs_forget(fs, out, 1);
		r = -ESTALE;
	}
	fs__node_put(fs, d);
	return r;
}

static int remove_name(struct host_fs *fs, host_fs_node dir, const char *name, int flags)
{
	struct fs_node *d, *n;
	int r = fs->o.readonly ? -EROFS : fs__dir_get(fs, dir, name, &d);

	if (r)
		return r;
	/* A node that loses its name must have its descriptor open by then. */
	n = fs__node_peek(fs, d, name);
	if (unlinkat(d->fd, name, flags))
		r = -errno;
	if (n) {
		if (!r)
			fs__node_lost(fs, n, d, name);
		fs__node_put(fs, n);
	}
	fs__node_put(fs, d);
	return r;
}

int host_fs_unlink(struct host_fs *fs, host_fs_node dir, const char *name)
{
	return remove_name(fs, dir, name, 0);
}

int host_fs_rmdir(struct host_fs *fs, host_fs_node dir, const char *name)
{
	return remove_name(fs, dir, name, AT_REMOVEDIR);
}

static int rename_in(struct host_fs *fs, struct fs_node *a, const char *name,
		     struct fs_node *b, const char *newname, unsigned flags)
{
	struct fs_node *from = fs__node_peek(fs, a, name);
	struct fs_node *to = fs__node_peek(fs, b, newname);
	int r = 0;

	if (syscall(SYS_renameat2, a->fd, name, b->fd, newname, flags))
		r = -errno;
	/* Two names of one object: the host leaves both (POSIX). */
	if (!r && from != to) {
		if (to && flags & HOST_FS_RENAME_EXCHANGE)
			fs__node_moved(fs, to, a, name);
		else if (to)
			fs__node_lost(fs, to, b, newname);
		if (from)
			fs__node_moved(fs, from, b, newname);
	}
	if (from)
		fs__node_put(fs, from);
	if (to)
		fs__node_put(fs, to);
	return r;
}

int host_fs_rename(struct host_fs *fs, host_fs_node dir, const char *name,
		   host_fs_node newdir, const char *newname, unsigned flags)
{
	struct fs_node *a, *b;
	int r;

	if (fs->o.readonly)
		return -EROFS;
	if (flags & ~3u || flags == 3)
		return -EINVAL;
	r = fs__dir_get(fs, dir, name, &a);
	if (r)
		return r;
	r = fs__dir_get(fs, newdir, newname, &b);
	if (!r) {
		r = rename_in(fs, a, name, b, newname, flags);
		fs__node_put(fs, b);
	}
	fs__node_put(fs, a);
	return r;
}

/* Make name in d as a new file; -EEXIST when it is there. */
static int create_new(struct host_fs *fs, struct fs_node *d, const char *name,
		      uint32_t mode, const struct host_fs_cred *c)
{
	int64_t since = now();
	int r, fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			   first_mode(fs, mode, c));

	if (fd < 0)
		return errno == EMFILE ? -ENFILE : -errno;
	r = fs__set_new(fs, d->fd, fd, S_IFREG | (mode & 07777), since, c);
	close(fd);
	if (r)
		unlinkat(d->fd, name, 0);
	return r;
}

static int oflags_of(unsigned flags)
{
	int o = flags & HOST_FS_WRITE ? (flags & HOST_FS_READ ? O_RDWR : O_WRONLY) : O_RDONLY;

	return o | (flags & HOST_FS_TRUNC ? O_TRUNC : 0) |
	       (flags & HOST_FS_APPEND ? O_APPEND : 0) |
	       (flags & HOST_FS_SYNC ? O_SYNC : 0) | (flags & HOST_FS_DSYNC ? O_DSYNC : 0);
}

static int open_node(struct host_fs *fs, struct fs_node *n, unsigned flags)
{
	int r;

	if (fs->o.readonly && flags & (HOST_FS_WRITE | HOST_FS_TRUNC))
		return -EROFS;
	if (n->fmt == S_IFDIR)
		return -EISDIR;
	if (n->fmt != S_IFREG)
		return -ENXIO;
	if (flags & HOST_FS_TRUNC && !(flags & HOST_FS_WRITE))
		return -EINVAL;
	r = flags & HOST_FS_WRITE ? fs__park_suid(fs, n->fd) : 0;
	return r ? r : fs__reopen(fs, n->fd, oflags_of(flags));
}

int host_fs_open(struct host_fs *fs, host_fs_node node, unsigned flags,
		 host_fs_handle *h, bool *changed)
{
	struct fs_node *n;
	int fd, r = fs__node_get(fs, node, &n);

	if (r)
		return r;
	fd = open_node(fs, n, flags);
	if (fd < 0) {
		r = fd;
	} else {
		fs__note_seen(fs, n, fd, changed);
		r = fs__file_add(fs, n, fd, flags, false, h);
	}
	fs__node_put(fs, n);
	return r;
}

int host_fs_create_file(struct host_fs *fs, host_fs_node dir, const char *name,
			uint32_t mode, unsigned flags, const struct host_fs_cred *c,
			host_fs_node *out, struct host_fs_attr *attr, host_fs_handle *h)
{
	struct fs_node *d;
	bool old = false;
	int r = fs->o.readonly ? -EROFS : fs__dir_get(fs, dir, name, &d);

	if (r)
		return r;
	r = create_new(fs, d, name, mode, c);
	old = r == -EEXIST && !(flags & HOST_FS_EXCL);
	/* The name may hold something else by now: what is found is opened. */
	if (!r || old)
		r = adopt(fs, d, name, out, attr);
	fs__node_put(fs, d);
	if (r)
		return r;
	r = host_fs_open(fs, *out, flags, h, NULL);
	if (!r && old && flags & HOST_FS_TRUNC)
		r = host_fs_getattr(fs, *out, attr);
	if (r)
		host_fs_forget(fs, *out, 1);
	return r;
}

int host_fs_opendir(struct host_fs *fs, host_fs_node node, host_fs_handle *h)
{
	struct fs_node *n;
	int fd, r = fs__node_get(fs, node, &n);

	if (r)
		return r;
	fd = n->fmt == S_IFDIR ? fs__reopen(fs, n->fd, O_RDONLY | O_DIRECTORY) : -ENOTDIR;
	r = fd < 0 ? fd : fs__file_add(fs, n, fd, HOST_FS_READ, true, h);
	fs__node_put(fs, n);
	return r;
}
