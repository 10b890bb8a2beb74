/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks that a guest shares with the host's processes.  A guest's lock owner
 * on a node is one open file description, which is what owns the host's OFD
 * locks.  Nothing here waits.
 */
#include "host/fs_int.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"

void fs__locks_drop_locked(struct host_fs *fs, const struct fs_node *n, bool all,
			   uint64_t owner)
{
	struct fs_lockfd **p = &fs->locks, *l;

	while ((l = *p)) {
		if (l->node != n || !(all || l->owner == owner)) {
			p = &l->next;
			continue;
		}
		*p = l->next;
		close(l->fd);
		fs->nlocks--;
		base_free(l);
	}
}

/* A new reference to the owner's description, or -ENOENT. */
static int find_dup(struct host_fs *fs, const struct fs_node *n, uint64_t owner)
{
	int r = -ENOENT;

	lock_take(&fs->lock);
	for (struct fs_lockfd *l = fs->locks; l; l = l->next)
		if (l->node == n && l->owner == owner) {
			r = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
			r = r < 0 ? -ENOLCK : r;
			break;
		}
	lock_drop(&fs->lock);
	return r;
}

static int add_owner(struct host_fs *fs, struct fs_file *f, uint64_t owner)
{
	struct fs_lockfd *l = base_zalloc(sizeof(*l));
	struct fs_node *n = f->node;
	host_fs_node id = fs__node_id(n);
	struct fs_node *held;
	int fd;

	if (!l)
		return -ENOLCK;
	if (fs__node_get(fs, id, &held)) {
		base_free(l);
		return -ESTALE;
	}
	fd = fs->o.readonly ? -EACCES : fs__reopen(fs, held->fd, O_RDWR);
	if (fd < 0)
		fd = fs__reopen(fs, held->fd, O_RDONLY);
	fs__node_put(fs, held);
	lock_take(&fs->lock);
	if (fd < 0 || fs->nlocks >= fs->o.max_handles) {
		lock_drop(&fs->lock);
		if (fd >= 0)
			close(fd);
		base_free(l);
		return -ENOLCK;
	}
	*l = (struct fs_lockfd){ fs->locks, n, owner, fd };
	fs->locks = l;
	fs->nlocks++;
	lock_drop(&fs->lock);
	return 0;
}

static int to_flock(const struct host_fs_lock *l, struct flock *fl)
{
	if (l->start > INT64_MAX || l->end > INT64_MAX || l->end < l->start)
		return -EINVAL;
	if (l->type != F_RDLCK && l->type != F_WRLCK && l->type != F_UNLCK)
		return -EINVAL;
	*fl = (struct flock){
		.l_type = (short)l->type, .l_whence = SEEK_SET, .l_start = (off_t)l->start,
		.l_len = l->end == INT64_MAX ? 0 : (off_t)(l->end - l->start + 1),
	};
	return 0;
}

int host_fs_setlk(struct host_fs *fs, host_fs_handle h, uint64_t owner,
		  const struct host_fs_lock *l)
{
	struct fs_file *f;
	struct flock fl;
	int fd, r = to_flock(l, &fl);

	if (!r)
		r = fs__file_get(fs, h, &f);
	if (r)
		return r;
	if (f->dir) {
		fs__file_put(fs, f);
		return -EISDIR;
	}
	fd = find_dup(fs, f->node, owner);
	if (fd == -ENOENT && fl.l_type != F_UNLCK) {
		r = add_owner(fs, f, owner);
		fd = r ? r : find_dup(fs, f->node, owner);
	}
	if (fd >= 0) {
		r = fcntl(fd, F_OFD_SETLK, &fl) ? -errno : 0;
		close(fd);
	} else {
		r = fd == -ENOENT ? 0 : fd;
	}
	fs__file_put(fs, f);
	return r == -EACCES ? -EAGAIN : r;
}

int host_fs_getlk(struct host_fs *fs, host_fs_handle h, uint64_t owner,
		  struct host_fs_lock *l)
{
	struct fs_file *f;
	struct flock fl;
	int fd, r = to_flock(l, &fl);

	if (!r)
		r = fs__file_get(fs, h, &f);
	if (r)
		return r;
	fd = find_dup(fs, f->node, owner);
	r = fcntl(fd >= 0 ? fd : f->fd, F_OFD_GETLK, &fl) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	fs__file_put(fs, f);
	if (r)
		return r;
	l->type = (uint32_t)fl.l_type;
	l->start = (uint64_t)fl.l_start;
	l->end = fl.l_len ? (uint64_t)(fl.l_start + fl.l_len - 1) : INT64_MAX;
	l->pid = 0;     /* the host's processes have no name in the guest */
	return 0;
}

int host_fs_flock(struct host_fs *fs, host_fs_handle h, uint32_t type)
{
	int op = type == F_RDLCK ? LOCK_SH : type == F_WRLCK ? LOCK_EX : LOCK_UN;
	struct fs_file *f;
	int r = fs__file_get(fs, h, &f);

	if (r)
		return r;
	r = flock(f->fd, op | LOCK_NB) ? -errno : 0;
	fs__file_put(fs, f);
	return r;
}

void host_fs_unlock_owner(struct host_fs *fs, host_fs_handle h, uint64_t owner)
{
	struct fs_file *f;

	lock_take(&fs->lock);
	f = fs__slot_find(&fs->files, h);
	if (f && fs->locks)
		fs__locks_drop_locked(fs, f->node, false, owner);
	lock_drop(&fs->lock);
}
