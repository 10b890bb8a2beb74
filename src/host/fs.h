/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File service: the files below one host directory, for a guest that is an
 * attacker.  virtio-fs stands on it; WASI will.
 *
 * Confinement.  Every object is a node, held by an O_PATH descriptor that was
 * opened one name at a time below the root: openat(dir, name, O_NOFOLLOW),
 * where a name has no '/', no NUL and is not "." or "..".  No path is ever
 * handed to the host, no symbolic link is ever followed by it, and nothing
 * climbs: so no path, link or race leaves the root.  Only regular files and
 * directories are opened, and only after the type of the held descriptor was
 * checked; the host's devices, FIFOs and sockets are nodes with attributes
 * and nothing more.  Kernel file systems mounted below the root (proc, sysfs,
 * debugfs, cgroup, ...) cannot be entered: their files are interfaces of the
 * host's kernel.  Ordinary mounts below the root belong to the share.
 * A directory that the host's user moves out of the root while the guest
 * holds it stays the guest's until it lets go; nothing above it is reachable.
 *
 * Bounds.  max_nodes, max_handles and max_fds hold whatever the guest does;
 * past them: -ENFILE.  A node costs about 150 bytes and its name (at most 0.4
 * GiB in all with the default bound, 0.2 GiB with ordinary names).  Nodes
 * beyond max_fds give up their descriptor and are opened again through their
 * parent and name; what is found there must be the same object, else -ESTALE.
 * (File handles of the kernel are not used: they need a capability that opens
 * any file of the host, and they do not respect the root.)  Space on the
 * host's disk is not bounded here: that is a quota's business.
 *
 * Owners.  NATIVE (the default as root): uid and gid of the guest are those of
 * the host.  What a guest makes is at first the process's, with no rights for
 * others, and then given to the caller by its descriptor; the process must
 * keep CAP_CHOWN, CAP_FOWNER, CAP_FSETID and CAP_DAC_OVERRIDE.
 * MAPPED (the default otherwise): every object belongs to the host's user.
 * His files appear as owned by options.uid/gid (0: guest root), those of
 * others as 65534, and chown, and chmod of what the host's user cannot or
 * should not have (special bits; his own access taken away), are kept in the
 * extended attribute user.doppel.stat (fs_attr.c).
 * Where the host's file system has no user attributes these changes are
 * accepted and forgotten, so that tar and apt of guest root succeed.
 * In both modes the setuid and setgid bits of regular files that the guest
 * sets live in that attribute only: a guest cannot plant a setuid program on
 * the host, yet sees its own.  Real ones, which the host's user gave, go there
 * when a guest opens the file for writing: they were for the old content.
 * options.suid (NATIVE only) makes them real.
 * Guests do not see the attribute, and may use the user.* namespace only.
 *
 * Permission bits are the guest kernel's to check (FUSE default_permissions):
 * the service acts with all rights of the process.
 *
 * Thread safe.  Operations return 0 or a negative errno that is meant for the
 * guest; only create and load fill a struct err.
 */
#ifndef HOST_FS_H
#define HOST_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/ser.h"

struct host_fs;

enum host_fs_owner { HOST_FS_AUTO, HOST_FS_NATIVE, HOST_FS_MAPPED };

/* All zero is the default of every field. */
struct host_fs_options {
	bool readonly;
	enum host_fs_owner owner;
	uint32_t uid, gid;      /* MAPPED: how the host user's files appear */
	bool suid;              /* NATIVE: real setuid and setgid bits */
	bool devices;           /* NATIVE: guests may make device nodes */
	bool locks;             /* locks are shared with the host's processes */
	bool plain;             /* the guest knows no owners and permissions: the
				 * attribute above is neither read nor written */
	uint32_t max_nodes;     /* 0: 1 Mi */
	uint32_t max_handles;   /* 0: a quarter of RLIMIT_NOFILE, at most 16 Ki */
	uint32_t max_fds;       /* 0: a quarter of RLIMIT_NOFILE, at most 32 Ki */
	uint32_t cache_ms;      /* how long names and attributes may be cached
				 * by the guest; 0: 1000 */
};

/* root_dir is opened now; `o` may be NULL.  Raises the soft RLIMIT_NOFILE to
 * the hard one and ignores SIGXFSZ (a guest may write past RLIMIT_FSIZE). */
struct host_fs *host_fs_create(const char *root_dir, const struct host_fs_options *o,
			       struct err *e);
void host_fs_destroy(struct host_fs *fs); /* NULL is fine; no operation is running */
/* With the defaults filled in and AUTO resolved. */
const struct host_fs_options *host_fs_options(const struct host_fs *fs);

/* Who asks: owner of what is created. */
struct host_fs_cred {
	uint32_t uid, gid;
};

/* A node id carries a generation: ids of forgotten nodes are never valid
 * again (-ESTALE).  Node operations that return a node count one lookup. */
typedef uint64_t host_fs_node;
#define HOST_FS_ROOT ((host_fs_node)1)
typedef uint64_t host_fs_handle;        /* likewise; 0 is never valid */

struct host_fs_time {
	int64_t sec;
	uint32_t nsec;
};
struct host_fs_attr {
	uint64_t ino;           /* unique below the root; hard links share it */
	uint64_t size, blocks;  /* bytes, 512-byte units */
	struct host_fs_time atime, mtime, ctime;
	uint32_t mode;          /* type and permissions, Linux values */
	uint32_t nlink, uid, gid, blksize;
	uint32_t rdev;          /* major << 8 | minor, as Linux packs 32 bits */
};

/* ---- nodes ------------------------------------------------------------- */

int host_fs_lookup(struct host_fs *fs, host_fs_node dir, const char *name,
		   host_fs_node *out, struct host_fs_attr *attr);
/* Count one lookup more of a node that is known. */
int host_fs_ref(struct host_fs *fs, host_fs_node node);
/* Take back `n` lookups (more than there are: all).  The root stays. */
void host_fs_forget(struct host_fs *fs, host_fs_node node, uint64_t n);
/* Close every handle and forget every node but the root: a new session. */
void host_fs_reset(struct host_fs *fs);
int host_fs_getattr(struct host_fs *fs, host_fs_node node, struct host_fs_attr *attr);

enum {
	HOST_FS_SET_MODE = 1, HOST_FS_SET_UID = 2, HOST_FS_SET_GID = 4,
	HOST_FS_SET_SIZE = 8, HOST_FS_SET_ATIME = 16, HOST_FS_SET_MTIME = 32,
	HOST_FS_SET_ATIME_NOW = 64, HOST_FS_SET_MTIME_NOW = 128,
	HOST_FS_KILL_SUID = 256,        /* drop setuid and setgid */
};
/* h: an open handle of the node to truncate through, or 0. */
int host_fs_setattr(struct host_fs *fs, host_fs_node node, host_fs_handle h,
		    unsigned what, const struct host_fs_attr *in,
		    struct host_fs_attr *attr);
/* Returns the length (<= n), not terminated. */
int host_fs_readlink(struct host_fs *fs, host_fs_node node, char *buf, size_t n);

int host_fs_mkdir(struct host_fs *fs, host_fs_node dir, const char *name, uint32_t mode,
		  const struct host_fs_cred *c, host_fs_node *out,
		  struct host_fs_attr *attr);
int host_fs_mknod(struct host_fs *fs, host_fs_node dir, const char *name, uint32_t mode,
		  uint32_t rdev, const struct host_fs_cred *c, host_fs_node *out,
		  struct host_fs_attr *attr);
int host_fs_symlink(struct host_fs *fs, host_fs_node dir, const char *name,
		    const char *target, const struct host_fs_cred *c,
		    host_fs_node *out, struct host_fs_attr *attr);
int host_fs_link(struct host_fs *fs, host_fs_node node, host_fs_node dir,
		 const char *name, struct host_fs_attr *attr);  /* counts a lookup */
int host_fs_unlink(struct host_fs *fs, host_fs_node dir, const char *name);
int host_fs_rmdir(struct host_fs *fs, host_fs_node dir, const char *name);
enum { HOST_FS_RENAME_NOREPLACE = 1, HOST_FS_RENAME_EXCHANGE = 2 };
int host_fs_rename(struct host_fs *fs, host_fs_node dir, const char *name,
		   host_fs_node newdir, const char *newname, unsigned flags);

struct host_fs_statfs {
	uint64_t blocks, bfree, bavail, files, ffree;
	uint32_t bsize, namelen, frsize;
};
int host_fs_statfs(struct host_fs *fs, host_fs_node node, struct host_fs_statfs *st);

/* Size 0 asks for the size.  list: names, each terminated. */
int64_t host_fs_getxattr(struct host_fs *fs, host_fs_node node, const char *name,
			 void *buf, size_t n);
int64_t host_fs_listxattr(struct host_fs *fs, host_fs_node node, char *buf, size_t n);
enum { HOST_FS_XATTR_CREATE = 1, HOST_FS_XATTR_REPLACE = 2 };
int host_fs_setxattr(struct host_fs *fs, host_fs_node node, const char *name,
		     const void *buf, size_t n, unsigned flags);
int host_fs_removexattr(struct host_fs *fs, host_fs_node node, const char *name);

/* ---- open files and directories ---------------------------------------- */

enum {
	HOST_FS_READ = 1, HOST_FS_WRITE = 2, HOST_FS_TRUNC = 4, HOST_FS_EXCL = 8,
	HOST_FS_SYNC = 16, HOST_FS_DSYNC = 32,
	HOST_FS_APPEND = 64,            /* writes go to the end, whatever their offset */
};
/* *changed (may be NULL): contents may differ from the last open's. */
int host_fs_open(struct host_fs *fs, host_fs_node node, unsigned flags,
		 host_fs_handle *h, bool *changed);
/* Create and open; opens an existing regular file unless HOST_FS_EXCL. */
int host_fs_create_file(struct host_fs *fs, host_fs_node dir, const char *name,
			uint32_t mode, unsigned flags, const struct host_fs_cred *c,
			host_fs_node *out, struct host_fs_attr *attr, host_fs_handle *h);
int host_fs_opendir(struct host_fs *fs, host_fs_node node, host_fs_handle *h);
/* Returns -EBADF for a handle that is not open. */
int host_fs_close(struct host_fs *fs, host_fs_handle h);

/* Bytes moved or a negative errno; off is checked.  Short at end of file. */
int64_t host_fs_preadv(struct host_fs *fs, host_fs_handle h, const struct iovec *iov,
		       int n, uint64_t off);
int64_t host_fs_pwritev(struct host_fs *fs, host_fs_handle h, const struct iovec *iov,
			int n, uint64_t off);
/* Before a write by somebody without CAP_FSETID: drop setuid and setgid. */
int host_fs_kill_suid(struct host_fs *fs, host_fs_handle h);
int host_fs_fsync(struct host_fs *fs, host_fs_handle h, bool data_only);
/* Report what a close would: delayed write errors. */
int host_fs_flush(struct host_fs *fs, host_fs_handle h);
int host_fs_syncfs(struct host_fs *fs, host_fs_node node);
enum { HOST_FS_KEEP_SIZE = 1, HOST_FS_PUNCH_HOLE = 2, HOST_FS_ZERO_RANGE = 16 };
int host_fs_fallocate(struct host_fs *fs, host_fs_handle h, unsigned mode,
		      uint64_t off, uint64_t len);
/* whence: SEEK_DATA or SEEK_HOLE. */
int64_t host_fs_lseek(struct host_fs *fs, host_fs_handle h, uint64_t off, int whence);
/* May copy less than len. */
int64_t host_fs_copy(struct host_fs *fs, host_fs_handle in, uint64_t off_in,
		     host_fs_handle out, uint64_t off_out, uint64_t len);

struct host_fs_dirent {
	uint64_t ino, off;      /* off: where the next entry begins */
	uint8_t type;           /* DT_* */
	uint32_t len;
	const char *name;       /* terminated */
};
/* Entries from `off` (0: the first) until fn returns false or a batch ends;
 * none: the end.  "." and ".." are among them. */
typedef bool host_fs_dirent_fn(void *arg, const struct host_fs_dirent *d);
int host_fs_readdir(struct host_fs *fs, host_fs_handle h, uint64_t off,
		    host_fs_dirent_fn *fn, void *arg);

/* Locks of byte ranges, by `owner` on the handle's file; never waits: -EAGAIN.
 * type: F_RDLCK, F_WRLCK, F_UNLCK; end is inclusive. */
struct host_fs_lock {
	uint64_t start, end;
	uint32_t type, pid;
};
int host_fs_setlk(struct host_fs *fs, host_fs_handle h, uint64_t owner,
		  const struct host_fs_lock *l);
int host_fs_getlk(struct host_fs *fs, host_fs_handle h, uint64_t owner,
		  struct host_fs_lock *l);      /* in: wanted; out: who is in the way */
int host_fs_flock(struct host_fs *fs, host_fs_handle h, uint32_t type);
void host_fs_unlock_owner(struct host_fs *fs, host_fs_handle h, uint64_t owner);

/* ---- state -------------------------------------------------------------- */

/* Nodes as names below the root, handles as nodes and flags: fields inside the
 * caller's section.  What load cannot find again becomes stale (-ESTALE). */
void host_fs_save(struct host_fs *fs, struct ser_writer *w);
void host_fs_load(struct host_fs *fs, struct ser_reader *r);

#endif
