/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fd_readdir.  A cookie is the host's own position in the folder, so that
 * nothing is kept between calls.  A deterministic program gets a sorted
 * listing instead, made when it begins at the start; a cookie is then an
 * entry's number.  Listings are bounded in sum.
 */
#include "process/wasi_int.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"

struct entry {
	uint64_t ino;
	uint8_t type;
	char *name;
};
struct wasi_listing {
	struct entry *p;
	uint32_t n, cap;
	uint64_t bytes;
};

static uint8_t type_of(uint8_t d)
{
	switch (d) {
	case DT_REG: return WASI_TYPE_FILE;
	case DT_DIR: return WASI_TYPE_DIR;
	case DT_LNK: return WASI_TYPE_SYMLINK;
	case DT_CHR: return WASI_TYPE_CHAR;
	case DT_BLK: return WASI_TYPE_BLOCK;
	case DT_SOCK: return WASI_TYPE_SOCKET;
	default: return WASI_TYPE_UNKNOWN;
	}
}

/* ---- into the program's buffer ------------------------------------------------- */

struct fill {
	struct wasi_call *c;
	const struct wasi_share *share;
	uint8_t *p;
	uint32_t len, used;
	uint64_t next;
	uint32_t count;         /* entries of this batch */
};

static void put(struct fill *o, const void *p, uint32_t n)
{
	n = MIN(n, o->len - o->used);
	memcpy(o->p + o->used, p, n);
	o->used += n;
}

/* An entry that does not fit is cut: a full buffer says that there is more. */
static bool put_entry(struct fill *o, uint64_t next, uint64_t ino, uint8_t type,
		      const char *name, uint32_t len)
{
	uint8_t d[WASI_DIRENT_SIZE] = { 0 };

	st_le64(d, next);
	st_le64(d + 8, ino);
	st_le32(d + 16, len);
	d[20] = type;
	put(o, d, sizeof(d));
	put(o, name, len);
	return o->used < o->len;
}

static bool on_dirent(void *arg, const struct host_fs_dirent *d)
{
	struct fill *o = arg;

	o->count++;
	o->next = d->off;
	return put_entry(o, d->off, d->ino, type_of(d->type), d->name, d->len);
}

static int read_plain(struct wasi_file *f, struct fill *o, uint64_t cookie)
{
	int r = 0;

	o->next = cookie;
	do {
		o->count = 0;
		r = host_fs_readdir(f->share->fs, f->handle, o->next, on_dirent, o);
	} while (!r && o->count && o->used < o->len);
	return r;
}

/* ---- sorted ---------------------------------------------------------------------- */

static void listing_free(struct wasi_listing *l)
{
	for (uint32_t i = 0; l && i < l->n; i++)
		base_free(l->p[i].name);
	if (l)
		base_free(l->p);
	base_free(l);
}

void wasi__listing_drop(struct wasi *w, struct wasi_file *f)
{
	if (!f->list)
		return;
	lock_take(&w->lock);
	w->listed -= f->list->bytes;
	lock_drop(&w->lock);
	listing_free(f->list);
	f->list = NULL;
}

struct gather {
	struct wasi_listing *l;
	uint64_t room, next;
	uint32_t count;
	int error;
};

static int gather_one(struct gather *g, const struct host_fs_dirent *d)
{
	struct wasi_listing *l = g->l;
	uint64_t bytes = sizeof(struct entry) + d->len + 1;
	struct entry *p;

	if (l->bytes + bytes > g->room)
		return -ENOMEM;
	if (l->n == l->cap) {
		p = base_realloc(l->p, (l->cap * 2 + 16) * sizeof(*p));
		if (!p)
			return -ENOMEM;
		l->p = p;
		l->cap = l->cap * 2 + 16;
	}
	p = &l->p[l->n];
	*p = (struct entry){ d->ino, type_of(d->type), base_strdup(d->name) };
	if (!p->name)
		return -ENOMEM;
	l->n++;
	l->bytes += bytes;
	return 0;
}

static bool on_gather(void *arg, const struct host_fs_dirent *d)
{
	struct gather *g = arg;

	g->count++;
	g->next = d->off;
	g->error = gather_one(g, d);
	return !g->error;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int list_sorted(struct wasi *w, struct wasi_file *f)
{
	struct gather g = { .l = base_zalloc(sizeof(*g.l)) };
	int r = g.l ? 0 : -ENOMEM;

	wasi__listing_drop(w, f);
	lock_take(&w->lock);
	g.room = WASI_LIST_MAX - MIN(w->listed, (uint64_t)WASI_LIST_MAX);
	lock_drop(&w->lock);
	while (!r) {
		g.count = 0;
		r = host_fs_readdir(f->share->fs, f->handle, g.next, on_gather, &g);
		r = r ? r : g.error;
		if (!g.count)
			break;
	}
	if (r) {
		listing_free(g.l);
		return r;
	}
	if (g.l->n)
		qsort(g.l->p, g.l->n, sizeof(*g.l->p), by_name);
	for (uint32_t i = 0; i < g.l->n; i++)
		g.l->p[i].ino = wasi__ino(w, f->share, g.l->p[i].ino);
	lock_take(&w->lock);
	w->listed += g.l->bytes;
	lock_drop(&w->lock);
	f->list = g.l;
	return 0;
}

static int read_sorted(struct wasi *w, struct wasi_file *f, struct fill *o, uint64_t cookie)
{
	int r = cookie && f->list ? 0 : list_sorted(w, f);

	for (uint64_t i = cookie; !r && i < f->list->n; i++) {
		const struct entry *e = &f->list->p[i];

		if (!put_entry(o, i + 1, e->ino, e->type, e->name, (uint32_t)strlen(e->name)))
			break;
	}
	return r;
}

int wasi__fd_readdir(struct wasi_call *c)
{
	struct wasi_file *f = c->file[0];
	struct fill o = { .c = c, .share = f->share, .p = c->arg[1].p, .len = c->len };
	uint64_t cookie = c->arg[2].q;
	int r = 0;

	if (f->kind != WASI_DIR)
		return WASI_ENOTDIR;
	if (cookie > INT64_MAX)
		return WASI_EINVAL;
	lock_take(&f->lock);
	if (!f->handle)
		r = host_fs_opendir(f->share->fs, f->node, &f->handle);
	if (!r && o.len)
		r = c->w->deterministic ? read_sorted(c->w, f, &o, cookie) :
					  read_plain(f, &o, cookie);
	lock_drop(&f->lock);
	if (!r)
		st_le32(c->arg[3].p, o.used);
	return r;
}
