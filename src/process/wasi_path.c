/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls on paths.  Each resolves its path to a folder's node and a name, and
 * then does one operation of the file service with them.  What changed in
 * between is the host's to refuse: names there are never followed.
 */
#include "process/wasi_int.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bits.h"

static bool is_itself(const struct wasi_walk *k)
{
	return !k->name[0];
}

/* The node that the path names, and its attributes. */
static int target(struct wasi_walk *k, host_fs_node *node, struct host_fs_attr *a)
{
	if (is_itself(k)) {
		*node = wasi__walk_dir(k);
		return host_fs_getattr(k->share->fs, *node, a);
	}
	*node = k->node;
	*a = k->attr;
	return k->node ? 0 : -ENOENT;
}

static unsigned follow_flag(uint32_t lookupflags)
{
	return lookupflags & WASI_FOLLOW ? WASI_WALK_FOLLOW : 0;
}

int wasi__path_create_directory(struct wasi_call *c)
{
	struct host_fs_attr a;
	struct wasi_walk k;
	host_fs_node n;
	int r = wasi__walk(&k, c->file[0], c->path[0], WASI_WALK_KEEP);

	if (r == -ENOTDIR && k.node)
		r = -EEXIST;
	if (!r && (is_itself(&k) || k.node))
		r = -EEXIST;
	if (!r)
		r = host_fs_mkdir(k.share->fs, wasi__walk_dir(&k), k.name,
				  0777 & ~c->w->umask, &k.share->cred, &n, &a);
	if (!r)
		host_fs_forget(k.share->fs, n, 1);
	wasi__walk_end(&k);
	return r;
}

int wasi__path_filestat_get(struct wasi_call *c)
{
	struct host_fs_attr a;
	struct wasi_walk k;
	host_fs_node n;
	int r;

	if (c->arg[1].w & ~(uint32_t)WASI_FOLLOW)
		return WASI_EINVAL;
	r = wasi__walk(&k, c->file[0], c->path[0], follow_flag(c->arg[1].w));
	if (!r)
		r = target(&k, &n, &a);
	if (!r)
		wasi__write_filestat(c, c->arg[3].p, k.share, &a);
	wasi__walk_end(&k);
	return r;
}

int wasi__path_filestat_set_times(struct wasi_call *c)
{
	struct host_fs_attr a, in;
	struct wasi_walk k;
	host_fs_node n;
	unsigned what;
	int r = wasi__times(c, c->arg[3].q, c->arg[4].q, c->arg[5].w, &what, &in);

	if (r || c->arg[1].w & ~(uint32_t)WASI_FOLLOW)
		return WASI_EINVAL;
	r = wasi__walk(&k, c->file[0], c->path[0], follow_flag(c->arg[1].w));
	if (!r)
		r = target(&k, &n, &a);
	if (!r)
		r = host_fs_setattr(k.share->fs, n, 0, what, &in, &a);
	wasi__walk_end(&k);
	return r;
}

static int link_to(struct wasi_walk *from, struct wasi_walk *to)
{
	struct host_fs_attr a;
	host_fs_node n;
	int r = target(from, &n, &a);

	if (r)
		return r;
	if (S_ISDIR(a.mode))
		return -EPERM;
	if (from->share != to->share)
		return -EXDEV;
	if (is_itself(to) || to->node)
		return -EEXIST;
	if (to->slash)
		return -ENOENT;
	r = host_fs_link(to->share->fs, n, wasi__walk_dir(to), to->name, &a);
	if (!r)
		host_fs_forget(to->share->fs, n, 1);
	return r;
}

int wasi__path_link(struct wasi_call *c)
{
	struct wasi_walk from, to;
	int r;

	if (c->arg[1].w & ~(uint32_t)WASI_FOLLOW)
		return WASI_EINVAL;
	r = wasi__walk(&from, c->file[0], c->path[0], follow_flag(c->arg[1].w));
	if (!r) {
		r = wasi__walk(&to, c->file[1], c->path[1], WASI_WALK_KEEP);
		if (!r)
			r = link_to(&from, &to);
		wasi__walk_end(&to);
	}
	wasi__walk_end(&from);
	return r;
}

int wasi__path_readlink(struct wasi_call *c)
{
	struct wasi_walk k;
	int r = wasi__walk(&k, c->file[0], c->path[0], 0);

	if (!r && is_itself(&k))
		r = -EINVAL;
	if (!r && !k.node)
		r = -ENOENT;
	if (!r && !S_ISLNK(k.attr.mode))
		r = -EINVAL;
	if (!r)
		r = host_fs_readlink(k.share->fs, k.node, (char *)c->arg[2].p, c->len);
	if (r > 0 || (!r && !c->len)) {
		st_le32(c->arg[3].p, (uint32_t)r);
		r = 0;
	}
	wasi__walk_end(&k);
	return r;
}

int wasi__path_remove_directory(struct wasi_call *c)
{
	struct wasi_walk k;
	int r = wasi__walk(&k, c->file[0], c->path[0], WASI_WALK_KEEP);

	if (!r && is_itself(&k))
		r = -EINVAL;
	if (!r && !k.node)
		r = -ENOENT;
	if (!r)
		r = host_fs_rmdir(k.share->fs, wasi__walk_dir(&k), k.name);
	if (!r)
		wasi__ino_forget(c->w, k.share, &k.attr);
	wasi__walk_end(&k);
	return r;
}

int wasi__path_unlink_file(struct wasi_call *c)
{
	struct wasi_walk k;
	int r = wasi__walk(&k, c->file[0], c->path[0], WASI_WALK_KEEP);

	if (!r && (is_itself(&k) || (k.node && S_ISDIR(k.attr.mode))))
		r = -EISDIR;
	if (!r && !k.node)
		r = -ENOENT;
	if (!r)
		r = host_fs_unlink(k.share->fs, wasi__walk_dir(&k), k.name);
	if (!r && k.attr.nlink == 1)
		wasi__ino_forget(c->w, k.share, &k.attr);
	wasi__walk_end(&k);
	return r;
}

static int rename_to(struct wasi_call *c, struct wasi_walk *from, struct wasi_walk *to)
{
	int r;

	if (is_itself(from) || is_itself(to))
		return -EBUSY;
	if (!from->node)
		return -ENOENT;
	if (to->slash && !S_ISDIR(from->attr.mode))
		return -ENOTDIR;
	if (from->share != to->share)
		return -EXDEV;
	r = host_fs_rename(from->share->fs, wasi__walk_dir(from), from->name,
			   wasi__walk_dir(to), to->name, 0);
	if (!r && to->node && to->node != from->node &&
	    (to->attr.nlink == 1 || S_ISDIR(to->attr.mode)))
		wasi__ino_forget(c->w, to->share, &to->attr);
	return r;
}

int wasi__path_rename(struct wasi_call *c)
{
	struct wasi_walk from, to;
	int r = wasi__walk(&from, c->file[0], c->path[0], WASI_WALK_KEEP);

	if (!r) {
		r = wasi__walk(&to, c->file[1], c->path[1], WASI_WALK_KEEP);
		if (!r)
			r = rename_to(c, &from, &to);
		wasi__walk_end(&to);
	}
	wasi__walk_end(&from);
	return r;
}

int wasi__path_symlink(struct wasi_call *c)
{
	const char *to = c->path[0];
	struct host_fs_attr a;
	struct wasi_walk k;
	host_fs_node n;
	int r;

	/* A link that could never be followed is refused where it is made. */
	if (to[0] == '/')
		return WASI_EPERM;
	r = wasi__walk(&k, c->file[0], c->path[1], WASI_WALK_KEEP);
	if (!r && (is_itself(&k) || k.node))
		r = -EEXIST;
	if (!r && k.slash)
		r = -ENOENT;
	if (!r)
		r = host_fs_symlink(k.share->fs, wasi__walk_dir(&k), k.name, to,
				    &k.share->cred, &n, &a);
	if (!r)
		host_fs_forget(k.share->fs, n, 1);
	wasi__walk_end(&k);
	return r;
}
