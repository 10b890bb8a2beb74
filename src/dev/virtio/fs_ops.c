/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FUSE operations with small arguments and replies, and the table of all.
 * A handler runs after its row was checked: fixed arguments are there,
 * strings are terminated, the fixed reply has room.  Ids, flags and offsets
 * are checked by the file service.
 */
#include "dev/virtio/fs_fuse.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/bits.h"

/* Open flags on the wire: those of asm-generic, which riscv64 and x86-64 use. */
enum {
	WIRE_ACCMODE = 03, WIRE_WRONLY = 01, WIRE_RDWR = 02, WIRE_EXCL = 0200,
	WIRE_TRUNC = 01000, WIRE_DSYNC = 010000, WIRE_SYNC = 04000000,
};

/* O_APPEND is the guest kernel's: requests carry offsets.  O_DIRECT would ask
 * for alignment that guest memory need not have. */
unsigned fuse_open_flags(uint32_t wire)
{
	unsigned acc = wire & WIRE_ACCMODE, f;

	f = acc == WIRE_WRONLY ? HOST_FS_WRITE :
	    acc == WIRE_RDWR ? HOST_FS_READ | HOST_FS_WRITE : HOST_FS_READ;
	f |= wire & WIRE_EXCL ? HOST_FS_EXCL : 0;
	/* O_RDONLY | O_TRUNC is unspecified (POSIX); here it truncates nothing. */
	f |= wire & WIRE_TRUNC && f & HOST_FS_WRITE ? HOST_FS_TRUNC : 0;
	f |= wire & WIRE_SYNC ? HOST_FS_SYNC : 0;
	f |= wire & WIRE_DSYNC ? HOST_FS_DSYNC : 0;
	return f;
}

void fuse_fill_attr(const struct fuse_req *r, const struct host_fs_attr *a,
		    struct fuse_attr *out)
{
	(void)r;
	*out = (struct fuse_attr){
		.ino = a->ino, .size = a->size, .blocks = a->blocks,
		.atime = (uint64_t)a->atime.sec, .atimensec = a->atime.nsec,
		.mtime = (uint64_t)a->mtime.sec, .mtimensec = a->mtime.nsec,
		.ctime = (uint64_t)a->ctime.sec, .ctimensec = a->ctime.nsec,
		.mode = a->mode, .nlink = a->nlink, .uid = a->uid, .gid = a->gid,
		.rdev = a->rdev, .blksize = a->blksize,
	};
}

static void valid_time(const struct fuse_req *r, uint64_t *sec, uint32_t *nsec)
{
	uint32_t ms = host_fs_options(r->s->fs)->cache_ms;

	*sec = ms / 1000;
	*nsec = ms % 1000 * 1000000;
}

void fuse_fill_entry(const struct fuse_req *r, uint64_t node, const struct host_fs_attr *a,
		     struct fuse_entry_out *out)
{
	*out = (struct fuse_entry_out){ .nodeid = node };
	valid_time(r, &out->entry_valid, &out->entry_valid_nsec);
	valid_time(r, &out->attr_valid, &out->attr_valid_nsec);
	if (a)
		fuse_fill_attr(r, a, &out->attr);
}

static int64_t reply_attr(struct fuse_req *r, int ret, const struct host_fs_attr *a)
{
	if (ret)
		return ret;
	memset(&r->out.attr, 0, sizeof(r->out.attr));
	valid_time(r, &r->out.attr.attr_valid, &r->out.attr.attr_valid_nsec);
	fuse_fill_attr(r, a, &r->out.attr.attr);
	return FUSE_FIXED;
}

static int64_t reply_entry(struct fuse_req *r, int ret, uint64_t node,
			   const struct host_fs_attr *a)
{
	if (ret)
		return ret;
	fuse_fill_entry(r, node, a, &r->out.entry);
	return FUSE_FIXED;
}

/* ---- session ------------------------------------------------------------------ */

static int64_t op_init(struct fuse_req *r)
{
	const struct host_fs_options *o = host_fs_options(r->s->fs);
	const struct fuse_init_in *in = (const void *)r->arg;
	struct fuse_init_out *out = &r->out.init;
	uint32_t want = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES |
			FUSE_AUTO_INVAL_DATA | FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO |
			FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES |
			FUSE_CACHE_SYMLINKS | FUSE_HANDLE_KILLPRIV_V2;

	memset(out, 0, sizeof(*out));
	out->major = FUSE_KERNEL_VERSION;
	out->minor = 38;
	/* A newer major: answer with ours, and the guest asks again with it. */
	if (in->major > FUSE_KERNEL_VERSION)
		return FUSE_FIXED;
	if (in->major < FUSE_KERNEL_VERSION || in->minor < 31)
		return -EPROTO;
	if (o->locks)
		want |= FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS;
	host_fs_reset(r->s->fs);
	r->s->minor = MIN(in->minor, out->minor);
	r->s->ready = true;
	out->max_readahead = MIN(in->max_readahead, (uint32_t)FUSE_MAX_WRITE);
	out->flags = want & in->flags;
	out->max_background = 64;
	out->congestion_threshold = 48;
	out->max_write = FUSE_MAX_WRITE;
	out->max_pages = FUSE_MAX_WRITE / 4096;
	out->time_gran = 1;
	return FUSE_FIXED;
}

static int64_t op_destroy(struct fuse_req *r)
{
	fuse_reset(r->s);
	return 0;
}

/* Requests are short; the one kind that waits is not interrupted by virtio
 * drivers either. */
static int64_t op_interrupt(struct fuse_req *r)
{
	(void)r;
	return 0;
}

static int64_t op_nosys(struct fuse_req *r)
{
	(void)r;
	return -ENOSYS;
}

static int64_t op_ioctl(struct fuse_req *r)
{
	(void)r;
	return -ENOTTY;
}

/* ---- nodes ----------------------------------------------------------------------- */

static int64_t op_lookup(struct fuse_req *r)
{
	struct host_fs_attr a;
	uint64_t node = 0;
	int ret = host_fs_lookup(r->s->fs, r->in.nodeid, fuse_string(r, 0, 0), &node, &a);

	/* Node 0 with a validity: the name may be remembered as missing. */
	if (ret == -ENOENT)
		return reply_entry(r, 0, 0, NULL);
	return reply_entry(r, ret, node, &a);
}

static int64_t op_forget(struct fuse_req *r)
{
	host_fs_forget(r->s->fs, r->in.nodeid,
		       ((const struct fuse_forget_in *)(const void *)r->arg)->nlookup);
	return 0;
}

static int64_t op_getattr(struct fuse_req *r)
{
	struct host_fs_attr a;

	return reply_attr(r, host_fs_getattr(r->s->fs, r->in.nodeid, &a), &a);
}

static int64_t op_setattr(struct fuse_req *r)
{
	static const struct { uint32_t wire, what; } bit[] = {
		{ FATTR_MODE, HOST_FS_SET_MODE }, { FATTR_UID, HOST_FS_SET_UID },
		{ FATTR_GID, HOST_FS_SET_GID }, { FATTR_SIZE, HOST_FS_SET_SIZE },
		{ FATTR_ATIME, HOST_FS_SET_ATIME }, { FATTR_MTIME, HOST_FS_SET_MTIME },
		{ FATTR_ATIME_NOW, HOST_FS_SET_ATIME_NOW },
		{ FATTR_MTIME_NOW, HOST_FS_SET_MTIME_NOW },
		{ FATTR_KILL_SUIDGID, HOST_FS_KILL_SUID },
	};
	const struct fuse_setattr_in *in = (const void *)r->arg;
	struct host_fs_attr a = {
		.size = in->size, .mode = in->mode, .uid = in->uid, .gid = in->gid,
		.atime = { (int64_t)in->atime, in->atimensec },
		.mtime = { (int64_t)in->mtime, in->mtimensec },
	};
	unsigned what = 0;

	for (size_t i = 0; i < ARRAY_LEN(bit); i++)
		what |= in->valid & bit[i].wire ? bit[i].what : 0;
	return reply_attr(r, host_fs_setattr(r->s->fs, r->in.nodeid,
					     in->valid & FATTR_FH ? in->fh : 0, what, &a,
					     &a), &a);
}

static int64_t op_readlink(struct fuse_req *r)
{
	char buf[4096];
	int n = host_fs_readlink(r->s->fs, r->in.nodeid, buf, MIN(sizeof(buf), r->space));

	if (n > 0)
		virtq_write(r->c, sizeof(struct fuse_out_header), buf, (size_t)n);
	return n;
}

static int64_t op_symlink(struct fuse_req *r)
{
	struct host_fs_attr a;
	uint64_t node;
	int ret = host_fs_symlink(r->s->fs, r->in.nodeid, fuse_string(r, 0, 0),
				  fuse_string(r, 0, 1), &r->cred, &node, &a);

	return reply_entry(r, ret, node, &a);
}

static int64_t op_mknod(struct fuse_req *r)
{
	const struct fuse_mknod_in *in = (const void *)r->arg;
	struct host_fs_attr a;
	uint64_t node;
	int ret = host_fs_mknod(r->s->fs, r->in.nodeid, fuse_string(r, sizeof(*in), 0),
				in->mode, in->rdev, &r->cred, &node, &a);

	return reply_entry(r, ret, node, &a);
}

static int64_t op_mkdir(struct fuse_req *r)
{
	const struct fuse_mkdir_in *in = (const void *)r->arg;
	struct host_fs_attr a;
	uint64_t node;
	int ret = host_fs_mkdir(r->s->fs, r->in.nodeid, fuse_string(r, sizeof(*in), 0),
				in->mode, &r->cred, &node, &a);

	return reply_entry(r, ret, node, &a);
}

static int64_t op_link(struct fuse_req *r)
{
	const struct fuse_link_in *in = (const void *)r->arg;
	struct host_fs_attr a;
	int ret = host_fs_link(r->s->fs, in->oldnodeid, r->in.nodeid,
			       fuse_string(r, sizeof(*in), 0), &a);

	return reply_entry(r, ret, in->oldnodeid, &a);
}

static int64_t op_unlink(struct fuse_req *r)
{
	return host_fs_unlink(r->s->fs, r->in.nodeid, fuse_string(r, 0, 0));
}

static int64_t op_rmdir(struct fuse_req *r)
{
	return host_fs_rmdir(r->s->fs, r->in.nodeid, fuse_string(r, 0, 0));
}

static int64_t op_rename(struct fuse_req *r)
{
	const struct fuse_rename_in *in = (const void *)r->arg;

	return host_fs_rename(r->s->fs, r->in.nodeid, fuse_string(r, sizeof(*in), 0),
			      in->newdir, fuse_string(r, sizeof(*in), 1), 0);
}

static int64_t op_rename2(struct fuse_req *r)
{
	const struct fuse_rename2_in *in = (const void *)r->arg;

	return host_fs_rename(r->s->fs, r->in.nodeid, fuse_string(r, sizeof(*in), 0),
			      in->newdir, fuse_string(r, sizeof(*in), 1), in->flags);
}

static int64_t op_statfs(struct fuse_req *r)
{
	struct host_fs_statfs st;
	int ret = host_fs_statfs(r->s->fs, r->in.nodeid, &st);

	if (ret)
		return ret;
	r->out.statfs = (struct fuse_statfs_out){ {
		.blocks = st.blocks, .bfree = st.bfree, .bavail = st.bavail,
		.files = st.files, .ffree = st.ffree, .bsize = st.bsize,
		.namelen = st.namelen, .frsize = st.frsize,
	} };
	return FUSE_FIXED;
}

static int64_t op_syncfs(struct fuse_req *r)
{
	return host_fs_syncfs(r->s->fs, r->in.nodeid);
}

/* The guest's kernel checks permissions by the attributes. */
static int64_t op_access(struct fuse_req *r)
{
	struct host_fs_attr a;

	return host_fs_getattr(r->s->fs, r->in.nodeid, &a);
}

static int64_t op_removexattr(struct fuse_req *r)
{
	return host_fs_removexattr(r->s->fs, r->in.nodeid, fuse_string(r, 0, 0));
}

/* ---- handles ------------------------------------------------------------------------ */

static int64_t op_open(struct fuse_req *r)
{
	const struct fuse_open_in *in = (const void *)r->arg;
	uint64_t h;
	bool changed;
	int ret = host_fs_open(r->s->fs, r->in.nodeid,
			       fuse_open_flags(in->flags) & ~(unsigned)HOST_FS_EXCL, &h,
			       &changed);

	if (ret)
		return ret;
	if (in->open_flags & FUSE_OPEN_KILL_SUIDGID)
		host_fs_kill_suid(r->s->fs, h);
	r->out.open = (struct fuse_open_out){
		.fh = h, .open_flags = changed ? 0 : FOPEN_KEEP_CACHE,
	};
	return FUSE_FIXED;
}

static int64_t op_create(struct fuse_req *r)
{
	const struct fuse_create_in *in = (const void *)r->arg;
	struct host_fs_attr a;
	uint64_t node, h;
	int ret = host_fs_create_file(r->s->fs, r->in.nodeid, fuse_string(r, sizeof(*in), 0),
				      in->mode, fuse_open_flags(in->flags), &r->cred, &node,
				      &a, &h);

	if (ret)
		return ret;
	if (in->open_flags & FUSE_OPEN_KILL_SUIDGID)
		host_fs_kill_suid(r->s->fs, h);
	fuse_fill_entry(r, node, &a, &r->out.create.entry);
	r->out.create.open = (struct fuse_open_out){ .fh = h };
	return FUSE_FIXED;
}

static int64_t op_opendir(struct fuse_req *r)
{
	uint64_t h;
	int ret = host_fs_opendir(r->s->fs, r->in.nodeid, &h);

	if (ret)
		return ret;
	r->out.open = (struct fuse_open_out){ .fh = h };
	return FUSE_FIXED;
}

static int64_t op_release(struct fuse_req *r)
{
	const struct fuse_release_in *in = (const void *)r->arg;

	return host_fs_close(r->s->fs, in->fh);
}

static int64_t op_fsync(struct fuse_req *r)
{
	const struct fuse_fsync_in *in = (const void *)r->arg;

	return host_fs_fsync(r->s->fs, in->fh, in->fsync_flags & FUSE_FSYNC_FDATASYNC);
}

/* -ENOSYS: the guest asks no more, and saves a request for each close. */
static int64_t op_flush(struct fuse_req *r)
{
	const struct fuse_flush_in *in = (const void *)r->arg;

	if (!host_fs_options(r->s->fs)->locks)
		return -ENOSYS;
	host_fs_unlock_owner(r->s->fs, in->fh, in->lock_owner);
	return host_fs_flush(r->s->fs, in->fh);
}

static int64_t op_fallocate(struct fuse_req *r)
{
	const struct fuse_fallocate_in *in = (const void *)r->arg;

	return host_fs_fallocate(r->s->fs, in->fh, in->mode, in->offset, in->length);
}

static int64_t op_lseek(struct fuse_req *r)
{
	const struct fuse_lseek_in *in = (const void *)r->arg;
	int64_t off = in->whence > INT32_MAX ? -EINVAL :
		      host_fs_lseek(r->s->fs, in->fh, in->offset, (int)in->whence);

	if (off < 0)
		return off;
	r->out.lseek = (struct fuse_lseek_out){ (uint64_t)off };
	return FUSE_FIXED;
}

static int64_t op_copy(struct fuse_req *r)
{
	const struct fuse_copy_file_range_in *in = (const void *)r->arg;
	int64_t n = in->flags ? -EINVAL :
		    host_fs_copy(r->s->fs, in->fh_in, in->off_in, in->fh_out, in->off_out,
				 in->len);

	if (n < 0)
		return n;
	r->out.write = (struct fuse_write_out){ .size = (uint32_t)n };
	return FUSE_FIXED;
}

static int64_t op_getlk(struct fuse_req *r)
{
	const struct fuse_lk_in *in = (const void *)r->arg;
	struct host_fs_lock l = { in->lk.start, in->lk.end, in->lk.type, in->lk.pid };
	int ret = !host_fs_options(r->s->fs)->locks ? -ENOSYS :
		  host_fs_getlk(r->s->fs, in->fh, in->owner, &l);

	if (ret)
		return ret;
	r->out.lk = (struct fuse_lk_out){ { l.start, l.end, l.type, l.pid } };
	return FUSE_FIXED;
}

static int64_t op_setlk(struct fuse_req *r)
{
	const struct fuse_lk_in *in = (const void *)r->arg;
	struct host_fs_lock l = { in->lk.start, in->lk.end, in->lk.type, in->lk.pid };

	if (!host_fs_options(r->s->fs)->locks)
		return -ENOSYS;
	return in->lk_flags & FUSE_LK_FLOCK ?
	       host_fs_flock(r->s->fs, in->fh, in->lk.type) :
	       host_fs_setlk(r->s->fs, in->fh, in->owner, &l);
}

/* ---- table --------------------------------------------------------------------------- */

enum {
	ENTRY = sizeof(struct fuse_entry_out), ATTR = sizeof(struct fuse_attr_out),
	OPENED = sizeof(struct fuse_open_out), WRITTEN = sizeof(struct fuse_write_out),
};
#define IN(s) .arg = sizeof(struct fuse_##s##_in)

const struct fuse_op fuse_ops[] = {
	[FUSE_LOOKUP] = { "lookup", op_lookup, .strings = 1, .reply = ENTRY },
	[FUSE_FORGET] = { "forget", op_forget, IN(forget), .silent = true },
	[FUSE_GETATTR] = { "getattr", op_getattr, IN(getattr), .reply = ATTR },
	[FUSE_SETATTR] = { "setattr", op_setattr, IN(setattr), .reply = ATTR },
	[FUSE_READLINK] = { "readlink", op_readlink, .reply = 1 },
	[FUSE_SYMLINK] = { "symlink", op_symlink, .strings = 2, .reply = ENTRY },
	[FUSE_MKNOD] = { "mknod", op_mknod, IN(mknod), .strings = 1, .reply = ENTRY },
	[FUSE_MKDIR] = { "mkdir", op_mkdir, IN(mkdir), .strings = 1, .reply = ENTRY },
	[FUSE_UNLINK] = { "unlink", op_unlink, .strings = 1 },
	[FUSE_RMDIR] = { "rmdir", op_rmdir, .strings = 1 },
	[FUSE_RENAME] = { "rename", op_rename, IN(rename), .strings = 2 },
	[FUSE_LINK] = { "link", op_link, IN(link), .strings = 1, .reply = ENTRY },
	[FUSE_OPEN] = { "open", op_open, IN(open), .reply = OPENED },
	[FUSE_READ] = { "read", fuse_read, IN(read) },
	[FUSE_WRITE] = { "write", fuse_write, IN(write), .reply = WRITTEN, .bulk = true },
	[FUSE_STATFS] = { "statfs", op_statfs, .reply = sizeof(struct fuse_statfs_out) },
	[FUSE_RELEASE] = { "release", op_release, IN(release) },
	[FUSE_FSYNC] = { "fsync", op_fsync, IN(fsync) },
	/* The short form: FUSE_SETXATTR_EXT is not offered. */
	[FUSE_SETXATTR] = { "setxattr", fuse_setxattr, .arg = FUSE_COMPAT_SETXATTR_IN_SIZE,
			    .strings = 1 },
	[FUSE_GETXATTR] = { "getxattr", fuse_getxattr, IN(getxattr), .strings = 1 },
	[FUSE_LISTXATTR] = { "listxattr", fuse_listxattr, IN(getxattr) },
	[FUSE_REMOVEXATTR] = { "removexattr", op_removexattr, .strings = 1 },
	[FUSE_FLUSH] = { "flush", op_flush, IN(flush) },
	[FUSE_INIT] = { "init", op_init, .arg = 16, .reply = sizeof(struct fuse_init_out) },
	[FUSE_OPENDIR] = { "opendir", op_opendir, IN(open), .reply = OPENED },
	[FUSE_READDIR] = { "readdir", fuse_readdir, IN(read) },
	[FUSE_RELEASEDIR] = { "releasedir", op_release, IN(release) },
	[FUSE_FSYNCDIR] = { "fsyncdir", op_fsync, IN(fsync) },
	[FUSE_GETLK] = { "getlk", op_getlk, IN(lk), .reply = sizeof(struct fuse_lk_out) },
	[FUSE_SETLK] = { "setlk", op_setlk, IN(lk) },
	[FUSE_SETLKW] = { "setlkw", op_setlk, IN(lk) },
	[FUSE_ACCESS] = { "access", op_access, IN(access) },
	[FUSE_CREATE] = { "create", op_create, IN(create), .strings = 1,
			  .reply = ENTRY + OPENED },
	[FUSE_INTERRUPT] = { "interrupt", op_interrupt, IN(interrupt), .silent = true },
	[FUSE_BMAP] = { "bmap", op_nosys, .arg = 0 },
	[FUSE_DESTROY] = { "destroy", op_destroy, .arg = 0 },
	[FUSE_IOCTL] = { "ioctl", op_ioctl, .arg = 0 },
	[FUSE_POLL] = { "poll", op_nosys, .arg = 0 },
	[FUSE_BATCH_FORGET] = { "batch_forget", fuse_batch_forget, IN(batch_forget),
				.bulk = true, .silent = true },
	[FUSE_FALLOCATE] = { "fallocate", op_fallocate, IN(fallocate) },
	[FUSE_READDIRPLUS] = { "readdirplus", fuse_readdirplus, IN(read) },
	[FUSE_RENAME2] = { "rename2", op_rename2, IN(rename2), .strings = 2 },
	[FUSE_LSEEK] = { "lseek", op_lseek, IN(lseek),
			 .reply = sizeof(struct fuse_lseek_out) },
	[FUSE_COPY_FILE_RANGE] = { "copy_file_range", op_copy, IN(copy_file_range),
				   .reply = WRITTEN },
	[FUSE_SYNCFS] = { "syncfs", op_syncfs, .arg = 0 },
};
const uint32_t fuse_nops = ARRAY_LEN(fuse_ops);
