/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes of the file service: found by id and by identity, held by O_PATH
 * descriptors, a bounded number of which are open.  This file and fs_name.c
 * are the only ones that resolve names, one component at a time; it never
 * follows a link and never goes up.
 */
#include "host/fs_int.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000u
#endif

int fs__name_check(const char *name)
{
	size_t n = strnlen(name, FS_NAME_MAX + 1);

	if (n > FS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!n || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	return 0;
}

int fs__stat(int fd, struct statx *st)
{
	memset(st, 0, sizeof(*st));
	if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		  STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, st))
		return -errno;
	return 0;
}

static uint64_t stat_dev(const struct statx *st)
{
	return makedev(st->stx_dev_major, st->stx_dev_minor);
}
static uint64_t stat_btime(const struct statx *st)
{
	return st->stx_mask & STATX_BTIME ?
	       (uint64_t)st->stx_btime.tv_sec * 1000000000u + st->stx_btime.tv_nsec : 0;
}
static uint64_t stat_mnt(const struct statx *st)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
	return st->stx_mask & STATX_MNT_ID ? st->stx_mnt_id : 0;
#else
	(void)st;
	return 0;
#endif
}

/* File systems whose files are interfaces of the kernel: reading or writing
 * them acts on the host (/proc/self/mem is this very process). */
static bool is_kernel_fs(unsigned long type)
{
	static const unsigned long magic[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,
		SECURITYFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
		BPF_FS_MAGIC, EFIVARFS_MAGIC, PSTOREFS_MAGIC, SELINUX_MAGIC,
		SMACK_MAGIC, BINFMTFS_MAGIC, NSFS_MAGIC, DEVPTS_SUPER_MAGIC,
		0x62656570 /* configfs */, 0x19800202 /* mqueue */,
		0x65735543 /* fusectl */, 0xabababab /* vmgenid etc. */,
		0x5a3c69f0 /* apparmor */, 0x67596969 /* rpc_pipefs */,
	};

	for (size_t i = 0; i < ARRAY_LEN(magic); i++)
		if (magic[i] == type)
			return true;
	return false;
}

/* Asked for every object: device numbers of unmounted file systems are used
 * again. */
int fs__refuse_kernel_fs(int fd)
{
	struct statfs sf;

	if (fstatfs(fd, &sf))
		return -errno;
	return is_kernel_fs((unsigned long)sf.f_type) ? -EACCES : 0;
}

int fs__dev_index(struct host_fs *fs, const struct statx *st)
{
	uint64_t dev = stat_dev(st), *p;
	int r = -ENFILE;

	lock_take(&fs->lock);
	for (uint32_t i = 0; i < fs->ndevs; i++)
		if (fs->devs[i] == dev) {
			lock_drop(&fs->lock);
			return (int)i;
		}
	if (fs->ndevs < FS_DEVS_MAX) {
		p = base_realloc(fs->devs, (fs->ndevs + 1) * sizeof(*p));
		r = p ? (int)fs->ndevs : -ENOMEM;
		if (p) {
			fs->devs = p;
			fs->devs[fs->ndevs++] = dev;
		}
	}
	lock_drop(&fs->lock);
	return r;
}

static int open_path(struct host_fs *fs, int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		fs__evict(fs, true);
		fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == EMFILE)
			errno = ENFILE;
	}
	return fd < 0 ? -errno : fd;
}

int fs__walk(struct host_fs *fs, int dirfd, const char *name, int *out, struct statx *st)
{
	base_autofd int fd = -1;
	int r = fs__name_check(name);

	if (r)
		return r;
	fd = open_path(fs, dirfd, name);
	if (fd < 0)
		return fd;
	r = fs__stat(fd, st);
	if (r)
		return r;
	r = fs__refuse_kernel_fs(fd);
	if (r)
		return r;
	*out = base_steal_fd(&fd);
	return 0;
}

/* ---- identity ------------------------------------------------------------ */

static uint32_t ident_hash(uint64_t dev, uint64_t ino, uint64_t mnt)
{
	uint64_t h = (ino ^ dev << 40 ^ mnt << 20) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(h >> 32);
}

static void hash_insert(struct host_fs *fs, struct fs_node *n)
{
	struct fs_node **b = &fs->hash[ident_hash(n->dev, n->ino, n->mnt) &
				       (fs->hash_size - 1)];

	n->hash_next = *b;
	*b = n;
	n->hashed = true;
}

static void hash_remove(struct host_fs *fs, struct fs_node *n)
{
	struct fs_node **p;

	if (!n->hashed)
		return;
	p = &fs->hash[ident_hash(n->dev, n->ino, n->mnt) & (fs->hash_size - 1)];
	while (*p != n)
		p = &(*p)->hash_next;
	*p = n->hash_next;
	n->hashed = false;
}

static void hash_grow(struct host_fs *fs)
{
	uint32_t size = fs->hash_size * 2, old = fs->hash_size;
	struct fs_node **b, **ob = fs->hash, *n, *next;

	if (fs->nodes.used < old || !(b = base_calloc(size, sizeof(*b))))
		return;
	fs->hash = b;
	fs->hash_size = size;
	for (uint32_t i = 0; i < old; i++)
		for (n = ob[i]; n; n = next) {
			next = n->hash_next;
			hash_insert(fs, n);
		}
	base_free(ob);
}

static bool same_object(const struct fs_node *n, const struct statx *st)
{
	return n->ino == st->stx_ino && n->dev == stat_dev(st) &&
	       n->mnt == stat_mnt(st) && n->fmt == (st->stx_mode & S_IFMT) &&
	       n->btime == stat_btime(st);
}

static struct fs_node *hash_find(struct host_fs *fs, const struct statx *st)
{
	uint64_t dev = stat_dev(st), mnt = stat_mnt(st);
	struct fs_node *n = fs->hash[ident_hash(dev, st->stx_ino, mnt) &
				     (fs->hash_size - 1)];

	while (n && !(n->ino == st->stx_ino && n->dev == dev && n->mnt == mnt))
		n = n->hash_next;
	if (n && !same_object(n, st)) {
		/* The inode number was used again: that node is history. */
		hash_remove(fs, n);
		return NULL;
	}
	return n;
}

void fs__node_bind_locked(struct host_fs *fs, struct fs_node *n, const struct statx *st)
{
	hash_remove(fs, n);
	n->dev = stat_dev(st);
	n->ino = st->stx_ino;
	n->mnt = stat_mnt(st);
	n->btime = stat_btime(st);
	n->fmt = st->stx_mode & S_IFMT;
	hash_grow(fs);
	hash_insert(fs, n);
}

/* ---- descriptors ----------------------------------------------------------- */

static void lru_remove(struct fs_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
}
static void lru_push(struct host_fs *fs, struct fs_node *n)
{
	n->next = fs->lru.next;
	n->prev = &fs->lru;
	n->next->prev = n;
	fs->lru.next = n;
}

static bool is_lost(const struct host_fs *fs, const struct fs_node *n)
{
	return !n->parent && n != fs->root;
}

static void drop_fd(struct host_fs *fs, struct fs_node *n)
{
	lru_remove(n);
	close(n->fd);
	n->fd = -1;
	fs->nfds--;
	fs->nlost -= is_lost(fs, n);
}

/* Close descriptors of nodes that were not used for long, until one more fits
 * (or one, if `force`).  Unlinked nodes cannot be opened again: they keep
 * theirs unless they are half of all. */
static int evict_locked(struct host_fs *fs, bool force)
{
	for (uint32_t tries = fs->nfds; tries && (force || fs->nfds >= fs->o.max_fds); tries--) {
		struct fs_node *n = fs->lru.prev;

		if (n == fs->root || n->busy ||
		    (is_lost(fs, n) && fs->nlost <= fs->o.max_fds / 2)) {
			lru_remove(n);
			lru_push(fs, n);
			continue;
		}
		drop_fd(fs, n);
		force = false;
	}
	return force || fs->nfds >= fs->o.max_fds ? -ENFILE : 0;
}

int fs__evict(struct host_fs *fs, bool one)
{
	int r;

	lock_take(&fs->lock);
	r = evict_locked(fs, one);
	lock_drop(&fs->lock);
	return r;
}

static int adopt_fd(struct host_fs *fs, struct fs_node *n, int fd)
{
	int r = evict_locked(fs, false);

	if (r) {
		close(fd);
		return r;
	}
	n->fd = fd;
	lru_push(fs, n);
	fs->nfds++;
	fs->nlost += is_lost(fs, n);
	return 0;
}

/* Open n again from its nearest ancestor that is open.  Every object on the
 * way must be the one that was there. */
int fs__node_open_locked(struct host_fs *fs, struct fs_node *n)
{
	struct fs_node *up = n;
	base_auto struct fs_node **way = NULL;
	unsigned depth = 0;
	struct statx st;
	int fd, next, r = 0;

	while (up && up->fd < 0 && depth <= FS_DEPTH_MAX) {
		up = up->parent;
		depth++;
	}
	if (!depth)
		return 0;
	if (!up || up->fd < 0)
		return -ESTALE;
	way = base_calloc(depth, sizeof(struct fs_node *));
	if (!way)
		return -ENOMEM;
	up = n;
	for (unsigned i = depth; i--; up = up->parent)
		way[i] = up;
	fd = up->fd;
	for (unsigned i = 0; i < depth && !r; i++) {
		next = openat(fd, way[i]->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		r = next < 0 ? -errno : 0;
		if (fd != up->fd)
			close(fd);
		fd = next;
		if (!r)
			r = fs__stat(fd, &st);
		if (!r && !same_object(way[i], &st))
			r = -ESTALE;
	}
	if (r) {
		if (fd >= 0)
			close(fd);
		return r == -ENOENT || r == -ENOTDIR ? -ESTALE :
		       r == -EMFILE ? -ENFILE : r;
	}
	return adopt_fd(fs, n, fd);
}

/* ---- life -------------------------------------------------------------------- */

struct fs_node *fs__node_new_locked(struct host_fs *fs)
{
	struct fs_node *n = base_zalloc(sizeof(*n));

	if (!n)
		return NULL;
	n->fd = -1;
	if (fs__slot_take(&fs->nodes, n, &n->idx, &n->gen)) {
		base_free(n);
		return NULL;
	}
	return n;
}

void fs__node_unref_locked(struct host_fs *fs, struct fs_node *n)
{
	while (n && n != fs->root && !n->nlookup && !n->busy && !n->children && !n->files) {
		struct fs_node *up = n->parent;

		fs__locks_drop_locked(fs, n, true, 0);
		hash_remove(fs, n);
		if (n->fd >= 0)
			drop_fd(fs, n);
		fs__slot_drop(&fs->nodes, n->idx);
		base_free(n->name);
		base_free(n);
		if (up)
			up->children--;
		n = up;
	}
}

/* Whether n is dir or above it; the guest and the host together can make our
 * memory of who is where inconsistent, and it must not become a ring. */
static bool is_above(const struct fs_node *n, const struct fs_node *dir)
{
	for (unsigned i = 0; dir && i <= FS_DEPTH_MAX; i++, dir = dir->parent)
		if (dir == n)
			return true;
	return dir != NULL;
}

void fs__node_name_locked(struct host_fs *fs, struct fs_node *n, struct fs_node *dir,
			  const char *name)
{
	struct fs_node *old = n->parent;
	char *copy = NULL;

	if (n == fs->root || (dir && old == dir && !strcmp(n->name, name)))
		return;
	if (dir && n->children && is_above(n, dir))
		dir = NULL;
	if (dir && !(copy = base_strdup(name)))
		dir = NULL;
	if (n->fd >= 0)
		fs->nlost -= is_lost(fs, n);
	base_free(n->name);
	n->name = copy;
	n->parent = dir;
	if (n->fd >= 0)
		fs->nlost += is_lost(fs, n);
	if (dir)
		dir->children++;
	if (old) {
		old->children--;
		fs__node_unref_locked(fs, old);
	}
}

/* ---- for the operations ------------------------------------------------------- */

int fs__node_get(struct host_fs *fs, host_fs_node id, struct fs_node **out)
{
	struct fs_node *n;
	int r;

	lock_take(&fs->lock);
	n = fs__slot_find(&fs->nodes, id);
	r = n ? 0 : -ESTALE;
	if (n && n->fd < 0)
		r = fs__node_open_locked(fs, n);
	if (!r) {
		n->busy++;
		lru_remove(n);
		lru_push(fs, n);
		*out = n;
	}
	lock_drop(&fs->lock);
	return r;
}

int fs__dir_get(struct host_fs *fs, host_fs_node id, const char *name, struct fs_node **out)
{
	int r = fs__name_check(name);

	if (!r)
		r = fs__node_get(fs, id, out);
	if (!r && (*out)->fmt != S_IFDIR) {
		fs__node_put(fs, *out);
		r = -ENOTDIR;
	}
	return r;
}

void fs__node_put(struct host_fs *fs, struct fs_node *n)
{
	lock_take(&fs->lock);
	n->busy--;
	fs__node_unref_locked(fs, n);
	lock_drop(&fs->lock);
}

int fs__node_add(struct host_fs *fs, struct fs_node *dir, const char *name, int fd,
		 const struct statx *st, host_fs_node *id)
{
	struct fs_node *n;
	int r = 0;

	lock_take(&fs->lock);
	n = hash_find(fs, st);
	if (!n) {
		n = fs__node_new_locked(fs);
		if (!n) {
			lock_drop(&fs->lock);
			close(fd);
			return -ENFILE;
		}
		fs__node_bind_locked(fs, n, st);
	}
	n->nlookup++;
	fs__node_name_locked(fs, n, dir, name);
	if (n->fd < 0)
		r = adopt_fd(fs, n, fd);
	else
		close(fd);
	if (r) {
		n->nlookup--;
		fs__node_unref_locked(fs, n);
	} else {
		*id = fs__node_id(n);
	}
	lock_drop(&fs->lock);
	return r;
}

struct fs_node *fs__node_peek(struct host_fs *fs, struct fs_node *dir, const char *name)
{
	struct fs_node *n;
	struct statx st;
	int fd;

	if (fs__walk(fs, dir->fd, name, &fd, &st))
		return NULL;
	lock_take(&fs->lock);
	n = hash_find(fs, &st);
	if (n && n->fd < 0) {
		if (adopt_fd(fs, n, fd))
			n = NULL;
	} else {
		close(fd);
	}
	if (n)
		n->busy++;
	lock_drop(&fs->lock);
	return n;
}

void fs__node_moved(struct host_fs *fs, struct fs_node *n, struct fs_node *dir,
		    const char *name)
{
	lock_take(&fs->lock);
	fs__node_name_locked(fs, n, dir, name);
	lock_drop(&fs->lock);
}

void fs__node_lost(struct host_fs *fs, struct fs_node *n, const struct fs_node *dir,
		   const char *name)
{
	lock_take(&fs->lock);
	if (n->parent == dir && !strcmp(n->name, name))
		fs__node_name_locked(fs, n, NULL, NULL);
	lock_drop(&fs->lock);
}
