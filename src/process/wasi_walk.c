/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths: from a descriptor's folder, one name at a time, along nodes that are
 * kept on a stack.  ".." pops the stack and never its bottom; the host is
 * never asked for "..", for a path, or to follow a link.  So whatever others
 * rename or swap meanwhile, each node was reached by names below the folder.
 */
#include "process/wasi_int.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/bits.h"

static int push(struct wasi_walk *k, host_fs_node n)
{
	host_fs_node *p;

	if (k->depth == k->cap) {
		p = base_calloc(k->cap * 2u, sizeof(*p));
		if (!p) {
			host_fs_forget(k->share->fs, n, 1);
			return -ENOMEM;
		}
		memcpy(p, k->stack, k->depth * sizeof(*p));
		if (k->stack != k->inline_stack)
			base_free(k->stack);
		k->stack = p;
		k->cap *= 2;
	}
	k->stack[k->depth++] = n;
	return 0;
}

static void drop_node(struct wasi_walk *k)
{
	if (k->node)
		host_fs_forget(k->share->fs, k->node, 1);
	k->node = 0;
}

host_fs_node wasi__walk_take(struct wasi_walk *k)
{
	host_fs_node n = k->node;

	k->node = 0;
	return n;
}

void wasi__walk_end(struct wasi_walk *k)
{
	drop_node(k);
	/* The bottom is the descriptor's own. */
	while (k->depth > 1)
		host_fs_forget(k->share->fs, k->stack[--k->depth], 1);
	if (k->stack != k->inline_stack)
		base_free(k->stack);
}

/* rest = the link's target, a slash, rest. */
static int expand(struct wasi_walk *k, char *rest, unsigned *links)
{
	char target[WASI_PATH_MAX + 1];
	size_t have = strlen(rest);
	bool slash = k->slash || have;
	int n;

	if (++*links > WASI_LINKS_MAX)
		return -ELOOP;
	n = host_fs_readlink(k->share->fs, k->node, target, WASI_PATH_MAX);
	drop_node(k);
	if (n < 0)
		return n;
	if (!n)
		return -ENOENT;
	if (target[0] == '/')
		return WASI_EPERM;
	if ((size_t)n + slash + have > WASI_PATH_MAX)
		return -ENAMETOOLONG;
	memmove(rest + n + slash, rest, have + 1);
	memcpy(rest, target, (size_t)n);
	if (slash)
		rest[n] = '/';
	/* A link's bytes are the host's: it could hold a NUL only if corrupt. */
	return memchr(target, 0, (size_t)n) ? -EINVAL : 0;
}

/* Cut the first name off rest; the slashes after it go too. */
static int cut(struct wasi_walk *k, char *rest)
{
	size_t skip = strspn(rest, "/"), n = strcspn(rest + skip, "/"), after;

	if (n >= sizeof(k->name))
		return -ENAMETOOLONG;
	memcpy(k->name, rest + skip, n);
	k->name[n] = '\0';
	after = skip + n;
	k->slash = rest[after] == '/';
	after += strspn(rest + after, "/");
	memmove(rest, rest + after, strlen(rest + after) + 1);
	return 0;
}

/* "." and "..": 1 when the name was one. */
static int dots(struct wasi_walk *k)
{
	if (!strcmp(k->name, "..")) {
		if (k->depth == 1)
			return WASI_EPERM;
		host_fs_forget(k->share->fs, k->stack[--k->depth], 1);
	} else if (k->name[0] && strcmp(k->name, ".")) {
		return 0;
	}
	k->name[0] = '\0';
	return -1;
}

/* One name.  0: go on, also at the end of rest. */
static int step(struct wasi_walk *k, char *rest, unsigned how, unsigned *links)
{
	bool last;
	int r = cut(k, rest);

	if (r)
		return r;
	last = !rest[0];
	r = dots(k);
	if (r)
		return r < 0 ? 0 : r;
	r = host_fs_lookup(k->share->fs, wasi__walk_dir(k), k->name, &k->node, &k->attr);
	if (r == -ENOENT && last)
		return 0;
	if (r)
		return r;
	if (S_ISLNK(k->attr.mode)) {
		if (!last || (k->slash && !(how & WASI_WALK_KEEP)) || how & WASI_WALK_FOLLOW)
			return expand(k, rest, links);
		return k->slash ? -ENOTDIR : 0;
	}
	if (!S_ISDIR(k->attr.mode))
		return !last || k->slash ? -ENOTDIR : 0;
	return last ? 0 : push(k, wasi__walk_take(k));
}

int wasi__walk(struct wasi_walk *k, struct wasi_file *dir, const char *path, unsigned how)
{
	char rest[WASI_PATH_MAX + 1];
	unsigned links = 0;
	int r = 0;

	k->share = dir->share;
	k->stack = k->inline_stack;
	k->cap = ARRAY_LEN(k->inline_stack);
	k->depth = 1;
	k->stack[0] = dir->node;
	k->node = 0;
	k->name[0] = '\0';
	k->slash = false;
	if (!path[0])
		return -ENOENT;
	if (path[0] == '/')
		return WASI_EPERM;
	memcpy(rest, path, strlen(path) + 1);
	while (rest[0] && !r)
		r = step(k, rest, how, &links);
	return r;
}
