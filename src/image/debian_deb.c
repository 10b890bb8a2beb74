/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debian packages by libarchive.  A .deb is an ar archive whose member
 * data.tar.* is the file tree (deb(5)); the outer reader feeds the inner one.
 * Nothing is written outside the target folder: only names that the filter
 * gave are made, they are relative and have no "..", and links are made only
 * after every file is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/bits.h"
#include "image/debian_internal.h"

#ifdef HAVE_ARCHIVE
#include <archive.h>
#include <archive_entry.h>

struct link {
	struct link *next;
	char *at, *target;
	bool hard;
};

struct unpack {
	struct archive *outer, *inner;
	const char *deb, *dir;
	image__deb_filter *filter;
	void *arg;
	struct arena arena;
	struct link *links, **tail;
	char buf[65536];
};

static la_ssize_t outer_read(struct archive *a, void *ctx, const void **p)
{
	struct unpack *u = ctx;

	(void)a;
	*p = u->buf;
	return archive_read_data(u->outer, u->buf, sizeof(u->buf));
}

static bool path_is_inside(const char *p)
{
	if (*p == '/' || !*p)
		return false;
	for (; *p; p += strcspn(p, "/"), p += *p == '/')
		if (!strncmp(p, "..", 2) && (p[2] == '/' || !p[2]))
			return false;
	return true;
}

/* Make the folders above `path`, of which the first `keep` bytes exist. */
static int make_parents(char *path, size_t keep)
{
	for (char *s = path + keep; (s = strchr(s, '/')); *s++ = '/') {
		*s = 0;
		if (mkdir(path, 0755) && errno != EEXIST) {
			*s = '/';
			return -errno;
		}
	}
	return 0;
}

static int write_member(struct unpack *u, struct archive_entry *entry, const char *path,
			struct err *e)
{
	unsigned mode = archive_entry_perm(entry) & 0777;
	base_autofd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
				  mode | 0600);

	if (fd < 0)
		return err_sys(e, "%s", path);
	if (archive_read_data_into_fd(u->inner, fd) != ARCHIVE_OK)
		return err_set(e, EIO, "%s: %s: %s", u->deb, archive_entry_pathname(entry),
			       archive_error_string(u->inner));
	return fchmod(fd, mode) ? err_sys(e, "%s", path) : 0;
}

static int later_link(struct unpack *u, const char *path, const char *target, bool hard)
{
	struct link *l = arena_alloc(&u->arena, sizeof(*l));

	if (!l || !(l->at = arena_strdup(&u->arena, path)) ||
	    !(l->target = arena_strdup(&u->arena, target)))
		return -ENOMEM;
	l->hard = hard;
	*u->tail = l;
	u->tail = &l->next;
	return 0;
}

static int unpack_entry(struct unpack *u, struct archive_entry *entry, struct err *e)
{
	const char *name = archive_entry_pathname(entry), *hard = archive_entry_hardlink(entry);
	char to[512], from[512];
	base_auto char *path = NULL;
	int r;

	if (!name)
		return 0;
	name += !strncmp(name, "./", 2) ? 2 : 0;
	if (!u->filter(u->arg, name, to, sizeof(to)))
		return 0;
	if (!path_is_inside(to))
		return err_set(e, EINVAL, "%s: unsafe member name %s", u->deb, name);
	path = base_printf("%s/%s", u->dir, to);
	if (!path)
		return err_set(e, ENOMEM, "out of memory");
	r = make_parents(path, strlen(u->dir) + 1);
	if (r)
		return err_set(e, -r, "%s: cannot make its folder: %s", path, strerror(-r));
	if (hard) {
		hard += !strncmp(hard, "./", 2) ? 2 : 0;
		if (!u->filter(u->arg, hard, from, sizeof(from)) || !path_is_inside(from))
			return err_set(e, EINVAL, "%s: unsafe link in %s", u->deb, name);
		r = later_link(u, path, from, true);
	} else if (archive_entry_filetype(entry) == AE_IFLNK) {
		r = later_link(u, path, archive_entry_symlink(entry), false);
	} else if (archive_entry_filetype(entry) == AE_IFDIR) {
		r = mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
	} else if (archive_entry_filetype(entry) == AE_IFREG) {
		return write_member(u, entry, path, e);
	}
	return r ? err_set(e, -r, "%s: %s", path, strerror(-r)) : 0;
}

static int make_links(struct unpack *u, struct err *e)
{
	for (struct link *l = u->links; l; l = l->next) {
		base_auto char *from = l->hard ? base_printf("%s/%s", u->dir, l->target) : NULL;

		if (l->hard ? !from || link(from, l->at) : symlink(l->target, l->at))
			if (errno != EEXIST)
				return err_sys(e, "%s", l->at);
	}
	return 0;
}

static int unpack_data(struct unpack *u, struct err *e)
{
	struct archive_entry *entry;
	int r = 0, s;

	u->inner = archive_read_new();
	if (!u->inner)
		return err_set(e, ENOMEM, "out of memory");
	archive_read_support_filter_all(u->inner);
	archive_read_support_format_tar(u->inner);
	if (archive_read_open(u->inner, u, NULL, outer_read, NULL) != ARCHIVE_OK)
		return err_set(e, EIO, "%s: %s", u->deb, archive_error_string(u->inner));
	while ((s = archive_read_next_header(u->inner, &entry)) == ARCHIVE_OK && !r)
		r = unpack_entry(u, entry, e);
	if (r)
		return r;
	if (s != ARCHIVE_EOF)
		return err_set(e, EIO, "%s: %s", u->deb, archive_error_string(u->inner));
	return make_links(u, e);
}

static int unpack_outer(struct unpack *u, struct err *e)
{
	struct archive_entry *entry;
	int s;

	archive_read_support_format_ar(u->outer);
	if (archive_read_open_filename(u->outer, u->deb, 65536) != ARCHIVE_OK)
		return err_set(e, EIO, "%s: %s", u->deb, archive_error_string(u->outer));
	while ((s = archive_read_next_header(u->outer, &entry)) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(entry);

		if (name && !strncmp(name, "data.tar", 8))
			return unpack_data(u, e);
	}
	return err_set(e, EINVAL, "%s: not a Debian package (no data.tar member)", u->deb);
}

int image__deb_unpack(const char *deb, const char *dir, image__deb_filter *filter,
		      void *arg, struct err *e)
{
	struct unpack *u = base_zalloc(sizeof(*u));
	int r;

	if (!u || !(u->outer = archive_read_new())) {
		base_free(u);
		return err_set(e, ENOMEM, "out of memory");
	}
	u->deb = deb;
	u->dir = dir;
	u->filter = filter;
	u->arg = arg;
	u->tail = &u->links;
	arena_init(&u->arena, 0);
	r = unpack_outer(u, e);
	archive_read_free(u->inner);
	archive_read_free(u->outer);
	arena_fini(&u->arena);
	base_free(u);
	return r;
}

int image__decompress(const char *from, const char *to, struct err *e)
{
	base_autofd int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	int r = 0;

	if (!a)
		return err_set(e, ENOMEM, "out of memory");
	archive_read_support_filter_all(a);
	archive_read_support_format_raw(a);
	if (fd < 0)
		r = err_sys(e, "%s", to);
	else if (archive_read_open_filename(a, from, 65536) != ARCHIVE_OK ||
		 archive_read_next_header(a, &entry) != ARCHIVE_OK ||
		 archive_read_data_into_fd(a, fd) != ARCHIVE_OK)
		r = err_set(e, EIO, "%s: %s", from, archive_error_string(a));
	archive_read_free(a);
	return r;
}

#else

int image__deb_unpack(const char *deb, const char *dir, image__deb_filter *filter,
		      void *arg, struct err *e)
{
	(void)dir, (void)filter, (void)arg;
	return err_set(e, ENOTSUP, "%s: cannot be unpacked: built without libarchive", deb);
}

int image__decompress(const char *from, const char *to, struct err *e)
{
	(void)to;
	return err_set(e, ENOTSUP, "%s: cannot be unpacked: built without libarchive", from);
}

#endif
