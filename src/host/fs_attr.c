/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes and owners of the file service, and extended attributes.
 *
 * What the host cannot or should not hold of an object's owner and mode is in
 * its attribute user.doppel.stat: "UID GID MODE HOSTMODE".  MODE counts only
 * while the host's permission bits are HOSTMODE: a chmod by the host's user
 * wins.  Objects that cannot carry it (links, FIFOs, file systems without
 * user attributes) appear with their default.
 *
 * Symbolic links are acted on themselves: every call goes to the descriptor
 * (AT_EMPTY_PATH) or to its entry in /proc/self/fd, which leads to the object
 * that is held and nowhere else.
 */
#include "host/fs_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"

struct fd_name {
	char s[12];
};
static struct fd_name fd_name(int fd)
{
	struct fd_name n;

	snprintf(n.s, sizeof(n.s), "%d", fd);
	return n;
}

int fs__reopen(struct host_fs *fs, int fd, int flags)
{
	struct fd_name name = fd_name(fd);
	int r = openat(fs->proc_fd, name.s, flags | O_CLOEXEC | O_NOCTTY);

	if (r < 0 && (errno == EMFILE || errno == ENFILE)) {
		fs__evict(fs, true);
		r = openat(fs->proc_fd, name.s, flags | O_CLOEXEC | O_NOCTTY);
		if (r < 0 && errno == EMFILE)
			errno = ENFILE;
	}
	return r < 0 ? -errno : r;
}

static bool has_xattrs(uint32_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode);
}

/* ---- the hidden attribute ---------------------------------------------------- */

struct overlay {
	uint32_t uid, gid, mode;        /* mode: 07777 */
};

/* What an object without the attribute is to the guest. */
static void overlay_default(const struct host_fs *fs, const struct statx *st,
			    struct overlay *o)
{
	bool mine = st->stx_uid == fs->host_uid;

	o->mode = st->stx_mode & 07777;
	o->uid = st->stx_uid;
	o->gid = st->stx_gid;
	if (fs->o.owner == HOST_FS_MAPPED) {
		o->uid = mine ? fs->o.uid : 65534;
		o->gid = mine || st->stx_gid == fs->host_gid ? fs->o.gid : 65534;
	}
}

static bool overlay_used(const struct host_fs *fs, const struct statx *st)
{
	if (fs->o.plain)
		return false;
	if (fs->o.owner == HOST_FS_NATIVE)
		return S_ISREG(st->stx_mode) && !fs->o.suid;
	return has_xattrs(st->stx_mode);
}

static bool overlay_read(struct host_fs *fs, int fd, const struct statx *st,
			 struct overlay *o)
{
	char buf[64];
	unsigned uid, gid, mode, host;
	ssize_t n = -1;
	int f;

	overlay_default(fs, st, o);
	if (!overlay_used(fs, st))
		return false;
	f = fs__reopen(fs, fd, O_RDONLY | O_NONBLOCK);
	if (f >= 0) {
		n = fgetxattr(f, FS_STAT_XATTR, buf, sizeof(buf) - 1);
		close(f);
	}
	if (n <= 0)
		return false;
	buf[n] = '\0';
	if (sscanf(buf, "%u %u %o %o", &uid, &gid, &mode, &host) != 4)
		return false;
	mode = host == (st->stx_mode & 07777u) ? mode & 07777 : st->stx_mode & 07777u;
	if (fs->o.owner == HOST_FS_NATIVE) {
		o->mode |= mode & (S_ISUID | S_ISGID);
	} else {
		o->mode = mode;
		o->uid = uid;
		o->gid = gid;
	}
	return true;
}

static int overlay_write(struct host_fs *fs, int fd, const struct overlay *o)
{
	struct overlay def;
	struct statx st;
	char buf[64];
	int f, n, r = fs__stat(fd, &st);

	if (r || !overlay_used(fs, &st))
		return r;
	overlay_default(fs, &st, &def);
	f = fs__reopen(fs, fd, O_RDONLY | O_NONBLOCK);
	if (f < 0)
		return f == -EACCES ? 0 : f;
	if (!memcmp(&def, o, sizeof(def)) ||
	    (fs->o.owner == HOST_FS_NATIVE && def.mode == o->mode)) {
		r = fremovexattr(f, FS_STAT_XATTR);
	} else {
		n = snprintf(buf, sizeof(buf), "%u %u %o %o", o->uid, o->gid, o->mode,
			     st.stx_mode & 07777u);
		r = fsetxattr(f, FS_STAT_XATTR, buf, (size_t)n, 0);
	}
	r = r ? -errno : 0;
	close(f);
	/* No such attribute, or none at all here: accepted and forgotten. */
	if (r == -ENODATA || r == -EOPNOTSUPP || r == -EPERM || r == -EACCES)
		r = 0;
	return r;
}

/* ---- attributes ----------------------------------------------------------------- */

static struct host_fs_time to_time(const struct statx_timestamp *t)
{
	return (struct host_fs_time){ t->tv_sec, t->tv_nsec };
}

int fs__attr(struct host_fs *fs, int fd, const struct statx *st, struct host_fs_attr *a)
{
	int dev = fs__dev_index(fs, st);
	struct overlay o;

	if (dev < 0)
		return dev;
	overlay_read(fs, fd, st, &o);
	*a = (struct host_fs_attr){
		/* The guest sees one device: keep file systems apart. */
		.ino = st->stx_ino ^ (uint64_t)dev << 48,
		.size = st->stx_size, .blocks = st->stx_blocks,
		.atime = to_time(&st->stx_atime), .mtime = to_time(&st->stx_mtime),
		.ctime = to_time(&st->stx_ctime),
		.mode = (st->stx_mode & S_IFMT) | o.mode, .nlink = st->stx_nlink,
		.uid = o.uid, .gid = o.gid, .blksize = st->stx_blksize,
	};
	if (S_ISCHR(st->stx_mode) || S_ISBLK(st->stx_mode))
		a->rdev = (st->stx_rdev_minor & 0xff) | st->stx_rdev_major << 8 |
			  (st->stx_rdev_minor & ~0xffu) << 12;
	return 0;
}

int fs__node_attr(struct host_fs *fs, const struct fs_node *n, struct host_fs_attr *a)
{
	struct statx st;
	int r = fs__stat(n->fd, &st);

	return r ? r : fs__attr(fs, n->fd, &st, a);
}

/* Permission bits that the host's object gets for `mode` of the guest. */
static uint32_t host_mode(const struct host_fs *fs, uint32_t fmt, uint32_t mode)
{
	if (fs->o.owner == HOST_FS_MAPPED) {
		/* The host's user must stay able to serve the guest's root. */
		mode &= 0777;
		if (fmt == S_IFREG || fmt == S_IFDIR)
			mode |= fmt == S_IFDIR ? 0700 : 0600;
	} else if (fmt == S_IFREG && !fs->o.suid) {
		mode &= ~(uint32_t)(S_ISUID | S_ISGID);
	}
	return mode;
}

static int set_mode(struct host_fs *fs, int fd, const struct statx *st, uint32_t mode)
{
	struct fd_name name = fd_name(fd);
	uint32_t fmt = st->stx_mode & S_IFMT, host = host_mode(fs, fmt, mode);

	if (fmt == S_IFLNK)
		return -EOPNOTSUPP;
	if (host != (st->stx_mode & 07777u) && fchmodat(fs->proc_fd, name.s, host, 0))
		return -errno;
	return 0;
}

int fs__park_suid(struct host_fs *fs, int fd)
{
	struct overlay o;
	struct statx st;
	int r = fs__stat(fd, &st);

	if (r || fs->o.suid || !S_ISREG(st.stx_mode) || !(st.stx_mode & (S_ISUID | S_ISGID)))
		return r;
	overlay_read(fs, fd, &st, &o);
	r = set_mode(fs, fd, &st, o.mode);
	if (r == -EPERM && fs->host_uid)
		return 0; /* somebody else's: the kernel drops the bits when we write */
	return r ? r : overlay_write(fs, fd, &o);
}

/* chown of a program drops setuid and setgid, as the kernel's own does. */
static uint32_t killed(uint32_t fmt, uint32_t mode)
{
	if (fmt != S_IFREG)
		return mode;
	return mode & ~(uint32_t)(mode & S_IXGRP ? S_ISUID | S_ISGID : S_ISUID);
}

static int set_owner_mode(struct host_fs *fs, int fd, unsigned what,
			  const struct host_fs_attr *in)
{
	bool owner = what & (HOST_FS_SET_UID | HOST_FS_SET_GID);
	struct overlay o;
	struct statx st;
	uint32_t fmt;
	int r = fs__stat(fd, &st);

	if (r)
		return r;
	fmt = st.stx_mode & S_IFMT;
	overlay_read(fs, fd, &st, &o);
	if (owner || what & HOST_FS_KILL_SUID)
		o.mode = killed(fmt, o.mode);
	if (what & HOST_FS_SET_UID)
		o.uid = in->uid;
	if (what & HOST_FS_SET_GID)
		o.gid = in->gid;
	if (owner && fs->o.owner == HOST_FS_NATIVE &&
	    fchownat(fd, "", what & HOST_FS_SET_UID ? in->uid : (uid_t)-1,
		     what & HOST_FS_SET_GID ? in->gid : (gid_t)-1,
		     AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (what & HOST_FS_SET_MODE)
		o.mode = in->mode & 07777;
	if (fmt != S_IFLNK || what & HOST_FS_SET_MODE)
		r = set_mode(fs, fd, &st, o.mode);
	return r ? r : overlay_write(fs, fd, &o);
}

static int set_size(struct host_fs *fs, struct fs_node *n, host_fs_handle h, uint64_t size)
{
	struct fs_file *f;
	int fd, r;

	if (n->fmt == S_IFDIR)
		return -EISDIR;
	if (n->fmt != S_IFREG)
		return -EINVAL;
	if (size > INT64_MAX)
		return -EFBIG;
	if (h) {
		r = fs__file_get(fs, h, &f);
		if (r)
			return r;
		/* A handle that cannot write, or is another file's: by name. */
		if (f->node == n && f->flags & HOST_FS_WRITE) {
			r = ftruncate(f->fd, (off_t)size) ? -errno : 0;
			fs__file_put(fs, f);
			return r;
		}
		fs__file_put(fs, f);
	}
	fd = fs__reopen(fs, n->fd, O_WRONLY);
	if (fd < 0)
		return fd;
	r = ftruncate(fd, (off_t)size) ? -errno : 0;
	close(fd);
	return r;
}

static int set_times(struct host_fs *fs, int fd, unsigned what, const struct host_fs_attr *in)
{
	struct fd_name name = fd_name(fd);
	struct timespec ts[2] = {
		{ in->atime.sec, in->atime.nsec }, { in->mtime.sec, in->mtime.nsec },
	};

	if (!(what & (HOST_FS_SET_ATIME | HOST_FS_SET_ATIME_NOW)))
		ts[0].tv_nsec = UTIME_OMIT;
	else if (what & HOST_FS_SET_ATIME_NOW)
		ts[0].tv_nsec = UTIME_NOW;
	else if (in->atime.nsec > 999999999)
		return -EINVAL;
	if (!(what & (HOST_FS_SET_MTIME | HOST_FS_SET_MTIME_NOW)))
		ts[1].tv_nsec = UTIME_OMIT;
	else if (what & HOST_FS_SET_MTIME_NOW)
		ts[1].tv_nsec = UTIME_NOW;
	else if (in->mtime.nsec > 999999999)
		return -EINVAL;
	return utimensat(fs->proc_fd, name.s, ts, 0) ? -errno : 0;
}

int host_fs_setattr(struct host_fs *fs, host_fs_node node, host_fs_handle h,
		    unsigned what, const struct host_fs_attr *in,
		    struct host_fs_attr *attr)
{
	const unsigned times = HOST_FS_SET_ATIME | HOST_FS_SET_MTIME |
			       HOST_FS_SET_ATIME_NOW | HOST_FS_SET_MTIME_NOW;
	struct fs_node *n;
	int r;

	if (fs->o.readonly)
		return -EROFS;
	r = fs__node_get(fs, node, &n);
	if (r)
		return r;
	if (what & (HOST_FS_SET_MODE | HOST_FS_SET_UID | HOST_FS_SET_GID | HOST_FS_KILL_SUID))
		r = set_owner_mode(fs, n->fd, what, in);
	if (!r && what & HOST_FS_SET_SIZE)
		r = set_size(fs, n, h, in->size);
	if (!r && what & times)
		r = set_times(fs, n->fd, what, in);
	if (!r)
		r = fs__node_attr(fs, n, attr);
	fs__node_put(fs, n);
	return r;
}

void fs__kill_suid(struct host_fs *fs, int fd)
{
	static const struct host_fs_attr none;

	set_owner_mode(fs, fd, HOST_FS_KILL_SUID, &none);
}

/* Whether st is what we just made in dirfd: ours, of that type, with one name
 * and not older than the call (or, where a file server's clock is behind, than
 * the last change of the directory).  Somebody on the host who may write to
 * the directory could have put another object in its place, and it is about
 * to change owner. */
static bool is_new(const struct host_fs *fs, int dirfd, const struct statx *st,
		   uint32_t mode, int64_t since)
{
	int64_t born = st->stx_btime.tv_sec;
	struct statx dst;

	if ((st->stx_mode ^ mode) & S_IFMT || st->stx_uid != fs->host_uid)
		return false;
	if (!S_ISDIR(mode) && st->stx_nlink != 1)
		return false;
	if (!(st->stx_mask & STATX_BTIME) || born >= since)
		return true;
	return !fs__stat(dirfd, &dst) && born + 1 >= dst.stx_ctime.tv_sec;
}

/* NATIVE: it was made as the process's user and becomes the caller's.  A
 * directory with S_ISGID has given it its group (and bit) already. */
static int chown_new(int dirfd, int fd, struct statx *st, const struct overlay *o)
{
	uint32_t gid = o->gid;
	struct statx dst;

	if (gid != st->stx_gid && !fs__stat(dirfd, &dst) && dst.stx_mode & S_ISGID)
		gid = st->stx_gid;
	if (o->uid == st->stx_uid && gid == st->stx_gid)
		return 0;
	/* -1 would mean: leave as it is. */
	if (o->uid == UINT32_MAX || gid == UINT32_MAX)
		return -EINVAL;
	if (fchownat(fd, "", o->uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -errno;
	return fs__stat(fd, st);
}

int fs__set_new(struct host_fs *fs, int dirfd, int fd, uint32_t mode, int64_t since,
		const struct host_fs_cred *c)
{
	struct overlay o = { c->uid, c->gid, mode & 07777 }, up;
	struct statx st, dst;
	int r = fs__stat(fd, &st);

	if (r || !is_new(fs, dirfd, &st, mode, since))
		return r;
	if (fs->o.owner == HOST_FS_NATIVE) {
		o.mode |= S_ISDIR(mode) ? st.stx_mode & S_ISGID : 0;
		r = chown_new(dirfd, fd, &st, &o);
	} else if (!fs__stat(dirfd, &dst) && overlay_read(fs, dirfd, &dst, &up) &&
		   up.mode & S_ISGID) {
		o.gid = up.gid;
		o.mode |= S_ISDIR(mode) ? S_ISGID : 0;
	}
	if (!r && !S_ISLNK(mode))
		r = set_mode(fs, fd, &st, o.mode);
	return r ? r : overlay_write(fs, fd, &o);
}

/* ---- extended attributes ------------------------------------------------------------ */

static int xattr_name_check(const char *name, bool write)
{
	if (strncmp(name, "user.", 5))
		return -EOPNOTSUPP;
	if (strlen(name) > FS_NAME_MAX)
		return -ERANGE;
	if (!strncmp(name, FS_HIDDEN_XATTR, strlen(FS_HIDDEN_XATTR)))
		return write ? -EPERM : -ENODATA;
	return 0;
}

/* A descriptor of the node that extended attribute calls work on. */
static int xattr_open(struct host_fs *fs, host_fs_node node, int *fd)
{
	struct fs_node *n;
	int r = fs__node_get(fs, node, &n);

	if (r)
		return r;
	*fd = has_xattrs(n->fmt) ? fs__reopen(fs, n->fd, O_RDONLY | O_NONBLOCK) :
				   -EOPNOTSUPP;
	fs__node_put(fs, n);
	return *fd < 0 ? *fd : 0;
}

int64_t host_fs_getxattr(struct host_fs *fs, host_fs_node node, const char *name,
			 void *buf, size_t n)
{
	int fd, r = xattr_name_check(name, false);
	int64_t len;

	if (!r)
		r = xattr_open(fs, node, &fd);
	if (r)
		return r;
	len = fgetxattr(fd, name, buf, n);
	len = len < 0 ? -errno : len;
	close(fd);
	return len;
}

static size_t drop_hidden(char *list, size_t n)
{
	size_t in = 0, out = 0, len;

	for (; in < n; in += len) {
		len = strnlen(list + in, n - in);
		len += in + len < n;
		if (strncmp(list + in, "user.", 5) ||
		    !strncmp(list + in, FS_HIDDEN_XATTR, strlen(FS_HIDDEN_XATTR)))
			continue;
		memmove(list + out, list + in, len);
		out += len;
	}
	return out;
}

int64_t host_fs_listxattr(struct host_fs *fs, host_fs_node node, char *buf, size_t n)
{
	enum { LIST_MAX = 65536 };
	base_auto char *all = base_alloc(LIST_MAX + 1);
	base_autofd int fd = -1;
	int r = xattr_open(fs, node, &fd);
	ssize_t len;

	if (r == -EOPNOTSUPP)
		return 0;
	if (r)
		return r;
	if (!all)
		return -ENOMEM;
	len = flistxattr(fd, all, LIST_MAX);
	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	all[len] = '\0';
	len = (ssize_t)drop_hidden(all, (size_t)len);
	if (n && (size_t)len > n)
		return -ERANGE;
	if (n)
		memcpy(buf, all, (size_t)len);
	return len;
}

int host_fs_setxattr(struct host_fs *fs, host_fs_node node, const char *name,
		     const void *buf, size_t n, unsigned flags)
{
	int fd, r = xattr_name_check(name, true);

	if (fs->o.readonly)
		return -EROFS;
	if (!r && (flags & ~3u || flags == 3))
		r = -EINVAL;
	if (!r)
		r = xattr_open(fs, node, &fd);
	if (r)
		return r;
	r = fsetxattr(fd, name, buf, n, (int)flags) ? -errno : 0;
	close(fd);
	return r;
}

int host_fs_removexattr(struct host_fs *fs, host_fs_node node, const char *name)
{
	int fd, r = xattr_name_check(name, true);

	if (fs->o.readonly)
		return -EROFS;
	if (!r)
		r = xattr_open(fs, node, &fd);
	if (r)
		return r;
	r = fremovexattr(fd, name) ? -errno : 0;
	close(fd);
	return r;
}
