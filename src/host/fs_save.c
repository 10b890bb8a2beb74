/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of the file service: nodes as (parent, name) below the root, handles
 * as (node, flags).  Loading opens every name again, from the root down and
 * without following links, exactly as a guest's lookup would; an object that
 * is missing or is of another type becomes a node that answers -ESTALE, a
 * handle on it likewise.  Locks are not saved: their peers are elsewhere.
 */
#include "host/fs_int.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"

/*
 *   u32 nodes | nodes * { u32 idx, gen, parent; u64 nlookup; u32 fmt; blob name }
 *   u32 files | files * { u32 idx, gen; u64 node; u32 flags; u8 dir }
 * parent 0: none (unlinked, lost).  The root (1) has no record.
 */
static void save_node(const struct fs_node *n, struct ser_writer *w)
{
	/* Not in the hash: another object has taken its place since. */
	bool found = n->parent && n->hashed;

	ser_u32(w, n->idx);
	ser_u32(w, n->gen);
	ser_u32(w, found ? n->parent->idx : 0);
	ser_u64(w, n->nlookup);
	ser_u32(w, n->fmt);
	ser_blob(w, found ? n->name : "", found ? (uint32_t)strlen(n->name) : 0);
}

void host_fs_save(struct host_fs *fs, struct ser_writer *w)
{
	lock_take(&fs->lock);
	ser_u32(w, fs->nodes.used - 1);
	for (uint32_t i = 1; i < fs->nodes.cap; i++)
		if (fs->nodes.p[i] && fs->nodes.p[i] != fs->root)
			save_node(fs->nodes.p[i], w);
	ser_u32(w, fs->files.used);
	for (uint32_t i = 1; i < fs->files.cap; i++) {
		const struct fs_file *f = fs->files.p[i];

		if (!f)
			continue;
		ser_u32(w, f->idx);
		ser_u32(w, f->gen);
		ser_u64(w, fs__node_id(f->node));
		ser_u32(w, f->flags);
		ser_u8(w, f->dir);
	}
	lock_drop(&fs->lock);
}

/* ---- load --------------------------------------------------------------------- */

static bool load_node(struct host_fs *fs, struct ser_reader *r, uint32_t *at,
		      uint32_t *parent)
{
	uint32_t idx = ser_get_u32(r), gen = ser_get_u32(r), len;
	struct fs_node *n;
	const void *name;
	char *copy = NULL;

	*at = idx;
	*parent = ser_get_u32(r);
	n = base_zalloc(sizeof(*n));
	if (!n)
		return ser_check(r, false, "out of memory");
	n->fd = -1;
	n->nlookup = ser_get_u64(r);
	n->fmt = ser_get_u32(r) & S_IFMT;
	name = ser_get_blob(r, &len, FS_NAME_MAX);
	if (name && *parent) {
		copy = base_zalloc(len + 1u);
		if (copy)
			memcpy(copy, name, len);
		ser_check(r, copy && strlen(copy) == len && !fs__name_check(copy),
			  "bad file name");
	}
	if (ser_error(r, NULL) ||
	    !ser_check(r, !fs__slot_put_at(&fs->nodes, n, idx, gen), "bad node number")) {
		base_free(copy);
		base_free(n);
		return false;
	}
	n->idx = idx;
	n->gen = gen;
	n->name = copy;
	return true;
}

/* Names that lead to the root in a bounded number of steps stay. */
static void link_nodes(struct host_fs *fs, const uint32_t *parent)
{
	for (uint32_t i = 2; i < fs->nodes.cap; i++) {
		struct fs_node *n = fs->nodes.p[i];
		uint32_t up = i;

		if (!n)
			continue;
		for (unsigned d = 0; up && up != 1 && d <= FS_DEPTH_MAX; d++)
			up = up < fs->nodes.cap && fs->nodes.p[up] ? parent[up] : 0;
		if (up == 1) {
			n->parent = fs->nodes.p[parent[i]];
			n->parent->children++;
		} else {
			base_free(n->name);
			n->name = NULL;
		}
	}
}

/* Open what a restored node names and take its identity. */
static void find_node(struct host_fs *fs, struct fs_node *n, int dirfd)
{
	struct statx st;
	int fd;

	if (n->hashed || !n->name || fs__walk(fs, dirfd, n->name, &fd, &st))
		return;
	close(fd);
	if ((st.stx_mode & S_IFMT) != n->fmt)
		return;
	lock_take(&fs->lock);
	fs__node_bind_locked(fs, n, &st);
	lock_drop(&fs->lock);
}

/* Parents first.  A node whose parent was not found stays without identity:
 * it is never the same object as anything. */
static void find_nodes(struct host_fs *fs)
{
	struct fs_node *way[64], *n, *dir;
	unsigned depth;
	bool more = true;

	/* Deep trees take several rounds of up to 64 levels. */
	for (unsigned round = 0; more && round <= FS_DEPTH_MAX / ARRAY_LEN(way); round++) {
		more = false;
		for (uint32_t i = 2; i < fs->nodes.cap; i++) {
			n = fs->nodes.p[i];
			for (depth = 0; n && !n->hashed && n->parent && depth < ARRAY_LEN(way);
			     n = n->parent)
				way[depth++] = n;
			if (!depth)
				continue;
			more |= depth == ARRAY_LEN(way);
			while (depth--) {
				if (!way[depth]->parent->hashed ||
				    fs__node_get(fs, fs__node_id(way[depth]->parent), &dir))
					break;
				find_node(fs, way[depth], dir->fd);
				fs__node_put(fs, dir);
			}
		}
	}
}

static bool load_nodes(struct host_fs *fs, struct ser_reader *r)
{
	uint32_t count = ser_get_u32(r), cap = 0, idx, parent, *up = NULL, *p;
	bool ok = ser_check(r, count < fs->o.max_nodes, "too many nodes");

	for (uint32_t i = 0; ok && i < count; i++) {
		ok = load_node(fs, r, &idx, &parent);
		if (!ok)
			break;
		if (cap < fs->nodes.cap) {
			p = base_realloc(up, fs->nodes.cap * sizeof(*up));
			ok = ser_check(r, p, "out of memory");
			if (!ok)
				break;
			up = p;
			memset(up + cap, 0, (fs->nodes.cap - cap) * sizeof(*up));
			cap = fs->nodes.cap;
		}
		up[idx] = parent;
	}
	if (ok && up)
		link_nodes(fs, up);
	fs__slots_refill(&fs->nodes);
	base_free(up);
	if (ok)
		find_nodes(fs);
	return ok;
}

static int open_again(struct host_fs *fs, struct fs_node *n, unsigned flags, bool dir)
{
	struct fs_node *held;
	int fd, acc = flags & HOST_FS_WRITE ? (flags & HOST_FS_READ ? O_RDWR : O_WRONLY) :
					      O_RDONLY;

	if (fs__node_get(fs, fs__node_id(n), &held))
		return -1;
	if (held->fmt != (dir ? S_IFDIR : S_IFREG) ||
	    (flags & HOST_FS_WRITE && (fs->o.readonly || fs__park_suid(fs, held->fd))))
		fd = -1;
	else
		fd = fs__reopen(fs, held->fd, dir ? O_RDONLY | O_DIRECTORY :
				acc | (flags & HOST_FS_APPEND ? O_APPEND : 0) |
				(flags & HOST_FS_SYNC ? O_SYNC : 0) |
				(flags & HOST_FS_DSYNC ? O_DSYNC : 0));
	fs__node_put(fs, held);
	return fd < 0 ? -1 : fd;
}

static bool load_file(struct host_fs *fs, struct ser_reader *r)
{
	uint32_t idx = ser_get_u32(r), gen = ser_get_u32(r);
	uint64_t node = ser_get_u64(r);
	uint32_t flags = ser_get_u32(r);
	bool dir = ser_get_u8(r);
	struct fs_node *n = fs__slot_find(&fs->nodes, node);
	struct fs_file *f;

	if (!ser_check(r, n, "handle of no node"))
		return false;
	f = base_zalloc(sizeof(*f));
	if (!ser_check(r, f && !fs__slot_put_at(&fs->files, f, idx, gen), "bad handle number")) {
		base_free(f);
		return false;
	}
	*f = (struct fs_file){ .idx = idx, .gen = gen, .node = n, .flags = flags, .dir = dir };
	lock_init(&f->dir_lock, LOCK_RANK_HOST);
	n->files++;
	f->fd = open_again(fs, n, flags, dir);
	return true;
}

void host_fs_load(struct host_fs *fs, struct ser_reader *r)
{
	uint32_t count;

	host_fs_reset(fs);
	if (load_nodes(fs, r)) {
		count = ser_get_u32(r);
		ser_check(r, count <= fs->o.max_handles, "too many handles");
		for (uint32_t i = 0; !ser_error(r, NULL) && i < count; i++)
			if (!load_file(fs, r))
				break;
		fs__slots_refill(&fs->files);
	}
	if (ser_error(r, NULL))
		host_fs_reset(fs);
}
