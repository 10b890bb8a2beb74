/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the file service: the tables that fs_*.c share.
 *
 * fs->lock guards every field of nodes and files.  System calls on a node's
 * or file's descriptor are made without it by whoever holds it busy: busy
 * things are not freed and their descriptors are not evicted.
 */
#ifndef HOST_FS_INT_H
#define HOST_FS_INT_H

#include <fcntl.h>
#include <sys/stat.h>

#include "base/lock.h"
#include "host/fs.h"

enum {
	FS_DEPTH_MAX = 4096,    /* names from the root to a node that reopens */
	FS_NAME_MAX = 255,
	FS_DEVS_MAX = 4096,     /* file systems below one root */
	FS_LINK_MAX = 4096,     /* bytes of a symbolic link's target */
};
#define FS_STAT_XATTR "user.doppel.stat"
#define FS_HIDDEN_XATTR "user.doppel."

struct fs_node {
	uint32_t idx, gen;              /* the node's id is gen << 32 | idx */
	struct fs_node *hash_next;
	struct fs_node *prev, *next;    /* by last use; linked while fd >= 0 */
	struct fs_node *parent;         /* where it was seen last, with its */
	char *name;                     /* name; both NULL: root or unlinked */
	uint64_t dev, ino, mnt, btime;  /* identity; btime 0: unknown */
	uint64_t nlookup;
	uint32_t busy, children, files;
	uint32_t fmt;                   /* S_IFMT bits */
	int fd;                         /* O_PATH, or -1: to be opened again */
	bool hashed;
	bool seen;                      /* of the last open: */
	int64_t seen_mtime;
	uint64_t seen_size;
};

struct fs_lockfd {
	struct fs_lockfd *next;
	struct fs_node *node;
	uint64_t owner;
	int fd;
};

struct fs_file {
	uint32_t idx, gen;
	struct fs_node *node;
	uint32_t busy;
	uint32_t flags;                 /* HOST_FS_READ ... */
	bool dir, dead;
	int fd;                         /* -1: lost by a restore */
	struct lock dir_lock;           /* around lseek + getdents64 only */
};

/* A table of slots with generations; slot 0 is never used. */
struct fs_slots {
	void **p;
	uint32_t *gen;
	uint32_t *free;                 /* stack of free slots */
	uint32_t cap, nfree, used, max;
};

struct host_fs {
	struct host_fs_options o;
	struct lock lock;
	int proc_fd;                    /* /proc/self/fd: reopens O_PATH descriptors */
	uint32_t host_uid, host_gid;
	struct fs_slots nodes, files;
	struct fs_node *root;
	struct fs_node **hash;
	uint32_t hash_size;             /* a power of two */
	struct fs_node lru;             /* list head; lru.next was used last */
	uint32_t nfds, nlost;           /* open node fds; of them, unlinked ones */
	uint64_t *devs;                 /* file systems seen; 0: the root's */
	uint32_t ndevs;
	struct fs_lockfd *locks;
	uint32_t nlocks;
};

/* fs_slots.c */
int fs__slot_take(struct fs_slots *s, void *p, uint32_t *idx, uint32_t *gen);
int fs__slot_put_at(struct fs_slots *s, void *p, uint32_t idx, uint32_t gen);
void fs__slots_refill(struct fs_slots *s);
void *fs__slot_find(const struct fs_slots *s, uint64_t id);
void fs__slot_drop(struct fs_slots *s, uint32_t idx);
void fs__slots_fini(struct fs_slots *s);

/* fs_node.c.  *_locked: the caller holds fs->lock. */
int fs__name_check(const char *name);
/* Open `name` in dirfd as O_PATH and tell what it is. */
int fs__walk(struct host_fs *fs, int dirfd, const char *name, int *fd, struct statx *st);
int fs__stat(int fd, struct statx *st);
int fs__refuse_kernel_fs(int fd);
/* Number of the file system that `st` is on. */
int fs__dev_index(struct host_fs *fs, const struct statx *st);
/* Node by id, with its descriptor open, busy until put. */
int fs__node_get(struct host_fs *fs, host_fs_node id, struct fs_node **out);
int fs__dir_get(struct host_fs *fs, host_fs_node id, const char *name, struct fs_node **out);
void fs__node_put(struct host_fs *fs, struct fs_node *n);
/* The node of what fd (consumed) holds, found as name in dir; one lookup more. */
int fs__node_add(struct host_fs *fs, struct fs_node *dir, const char *name, int fd,
		 const struct statx *st, host_fs_node *id);
/* The known node that is name in dir, busy and with its fd open, or NULL. */
struct fs_node *fs__node_peek(struct host_fs *fs, struct fs_node *dir, const char *name);
/* It is no longer name in dir. */
void fs__node_lost(struct host_fs *fs, struct fs_node *n, const struct fs_node *dir,
		   const char *name);
/* It is now name in dir. */
void fs__node_moved(struct host_fs *fs, struct fs_node *n, struct fs_node *dir,
		    const char *name);
void fs__node_unref_locked(struct host_fs *fs, struct fs_node *n);
struct fs_node *fs__node_new_locked(struct host_fs *fs);
void fs__node_name_locked(struct host_fs *fs, struct fs_node *n, struct fs_node *dir,
			  const char *name);
void fs__node_bind_locked(struct host_fs *fs, struct fs_node *n, const struct statx *st);
int fs__node_open_locked(struct host_fs *fs, struct fs_node *n);
int fs__evict(struct host_fs *fs, bool one);
static inline host_fs_node fs__node_id(const struct fs_node *n)
{
	return (uint64_t)n->gen << 32 | n->idx;
}

/* fs_attr.c */
int fs__attr(struct host_fs *fs, int fd, const struct statx *st, struct host_fs_attr *a);
int fs__node_attr(struct host_fs *fs, const struct fs_node *n, struct host_fs_attr *a);
/* Owner and mode (with its type) of a new object in dirfd that fd holds; it was
 * made not before `since` (seconds). */
int fs__set_new(struct host_fs *fs, int dirfd, int fd, uint32_t mode, int64_t since,
		const struct host_fs_cred *c);
void fs__kill_suid(struct host_fs *fs, int fd);
/* Before a guest may write to fd's file: setuid and setgid bits that the host
 * gave to its old content move to the attribute that only guests see. */
int fs__park_suid(struct host_fs *fs, int fd);
/* Open the object of an O_PATH fd, which is known to be a file or directory. */
int fs__reopen(struct host_fs *fs, int fd, int flags);

/* fs_file.c */
int fs__file_get(struct host_fs *fs, host_fs_handle h, struct fs_file **out);
void fs__file_put(struct host_fs *fs, struct fs_file *f);
/* fd (consumed) becomes a handle of node n. */
int fs__file_add(struct host_fs *fs, struct fs_node *n, int fd, unsigned flags, bool dir,
		 host_fs_handle *h);
void fs__file_kill_locked(struct host_fs *fs, struct fs_file *f);
void fs__note_seen(struct host_fs *fs, struct fs_node *n, int fd, bool *changed);
/* fs_lock.c */
void fs__locks_drop_locked(struct host_fs *fs, const struct fs_node *n, bool all,
			   uint64_t owner);

#endif
