/* SPDX-License-Identifier: Apache-2.0 */
/* The cache and the order of work; see debian.h. */
#include "image/debian.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "image/debian_internal.h"

/* The layout of a version's folder; another one gets another name. */
#define LAYOUT "debian-riscv64-3"
#define IMAGE_PACKAGE "linux-image-"

static void say(const struct image_debian_want *w, const char *what)
{
	if (w->progress)
		fprintf(stderr, "doppel: %s\n", what);
}

static int make_dirs(char *path)
{
	for (char *s = path + 1; ; *s++ = '/') {
		s = s + strcspn(s, "/");
		char c = *s;

		*s = 0;
		if (mkdir(path, 0755) && errno != EEXIST) {
			*s = c;
			return -errno;
		}
		*s = c;
		if (!c)
			return 0;
	}
}

char *image_cache_dir(struct err *e)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	base_auto char *dir = NULL;

	if (xdg && *xdg == '/')
		dir = base_printf("%s/doppel", xdg);
	else if (home && *home == '/')
		dir = base_printf("%s/.cache/doppel", home);
	else
		err_set(e, ENOENT, "no place for the cache: HOME and XDG_CACHE_HOME are not set");
	if (dir && make_dirs(dir)) {
		err_sys(e, "%s", dir);
		return NULL;
	}
	return base_steal(&dir);
}

/* ---- finding what is there ------------------------------------------------ */

/* 1: filled from the cache, 0: there is none. */
static int cache_look(const char *cache, struct image_debian *d, struct err *e)
{
	base_auto char *current = base_printf("%s/" LAYOUT "/current", cache);
	char version[NAME_MAX + 1];
	ssize_t n = current ? readlink(current, version, sizeof(version) - 1) : -1;

	if (n <= 0)
		return 0;
	version[n] = 0;
	d->version = base_strdup(version);
	d->dir = base_printf("%s/" LAYOUT "/%s", cache, version);
	d->kernel = base_printf("%s/" LAYOUT "/%s/kernel", cache, version);
	d->config = base_printf("%s/" LAYOUT "/%s/config", cache, version);
	d->root = base_printf("%s/" LAYOUT "/%s/root", cache, version);
	d->modules = base_printf("%s/" LAYOUT "/%s/modules", cache, version);
	if (!d->version || !d->dir || !d->kernel || !d->config || !d->root || !d->modules) {
		image_debian_fini(d);
		return err_set(e, ENOMEM, "out of memory");
	}
	if (!access(d->kernel, R_OK) && !access(d->root, R_OK | X_OK))
		return 1;
	image_debian_fini(d);
	return 0;
}

void image_debian_fini(struct image_debian *d)
{
	base_free(d->dir);
	base_free(d->kernel);
	base_free(d->config);
	base_free(d->root);
	base_free(d->modules);
	base_free(d->version);
	memset(d, 0, sizeof(*d));
}

/* ---- building -------------------------------------------------------------- */

struct build {
	const struct image_debian_want *want;
	const char *base;       /* CACHE/LAYOUT */
	char *tmp;              /* CACHE/LAYOUT/tmp.XXXXXX, becomes BASE/VERSION */
	char *package;          /* linux-image-VERSION */
	const char *version;
	struct image__apt apt;
};

/* /boot/vmlinux-V -> kernel, /boot/config-V -> config, modules flat by the
 * path below kernel/. */
static bool kernel_filter(void *arg, const char *name, char *to, size_t size)
{
	const struct build *b = arg;
	const char *rest;
	char want[256];

	if (!strncmp(name, "boot/vmlinu", 11) || !strncmp(name, "boot/config-", 12)) {
		snprintf(to, size, "%s", name[5] == 'v' ? "kernel" : "config");
		return true;
	}
	name += !strncmp(name, "usr/", 4) ? 4 : 0;
	snprintf(want, sizeof(want), "lib/modules/%s/kernel/", b->version);
	if (strncmp(name, want, strlen(want)))
		return false;
	rest = name + strlen(want);
	/* Directories end in a slash; the files make their own. */
	if (!*rest || rest[strlen(rest) - 1] == '/' || !strstr(rest, ".ko"))
		return false;
	return snprintf(to, size, "modules/%s", rest) < (int)size;
}

static bool busybox_filter(void *arg, const char *name, char *to, size_t size)
{
	size_t n = strlen(name);

	(void)arg;
	if (n < 12 || strcmp(name + n - 12, "/bin/busybox"))
		return !strcmp(name, "bin/busybox") && snprintf(to, size, "root/usr/bin/busybox");
	snprintf(to, size, "root/usr/bin/busybox");
	return true;
}

static bool every_filter(void *arg, const char *name, char *to, size_t size)
{
	size_t n;

	(void)arg;
	n = (size_t)snprintf(to, size, "%s", name);
	while (n && n < size && to[n - 1] == '/')
		to[--n] = 0;
	return n && n < size && strcmp(to, ".");
}

static int unpack(struct build *b, const char *package, const char *dir,
		  image__deb_filter *filter, struct err *e)
{
	base_auto char *deb = NULL;
	int r = image__apt_download(&b->apt, package, &deb, e);

	return r ? r : image__deb_unpack(deb, dir, filter, b, e);
}

/* The folder `tmp` becomes BASE/VERSION, then "current" points to it: both
 * steps are renames, so that a kill leaves the old or the new. */
static int publish(struct build *b, struct err *e)
{
	base_auto char *final = base_printf("%s/%s", b->base, b->version);
	base_auto char *link = base_printf("%s/tmp.link", b->base);
	base_auto char *current = base_printf("%s/current", b->base);
	base_auto char *old = base_printf("%s/tmp.old", b->base);

	if (!final || !link || !current || !old)
		return err_set(e, ENOMEM, "out of memory");
	sync();
	unlink(link);
	if (rename(final, old) && errno != ENOENT)
		return err_sys(e, "%s", final);
	if (rename(b->tmp, final))
		return err_sys(e, "%s", final);
	if (symlink(b->version, link) || rename(link, current))
		return err_sys(e, "%s", current);
	image_tree_remove(old, NULL);
	return 0;
}

static int build_kernel(struct build *b, struct err *e)
{
	base_auto char *root = base_printf("%s/root", b->tmp);
	base_auto char *modules = base_printf("%s/modules", b->tmp);
	int r;

	if (!root || !modules)
		return err_set(e, ENOMEM, "out of memory");
	r = unpack(b, b->package, b->tmp, kernel_filter, e);
	if (!r)
		r = unpack(b, "busybox-static", b->tmp, busybox_filter, e);
	if (!r)
		say(b->want, "building the root folder");
	if (!r)
		r = image__root_build(root, modules, b->version, e);
	return r ? r : publish(b, e);
}

static bool package_name_ok(const char *p)
{
	return *p && strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789.+-") == strlen(p) &&
	       *p != '-';
}

static int fetch_packages(struct build *b, struct err *e)
{
	const struct image_debian_want *w = b->want;
	base_auto char *dir = NULL;
	int r;

	if (!w->package_count)
		return 0;
	dir = base_strdup(w->package_dir);
	r = dir ? make_dirs(dir) : -ENOMEM;
	if (r)
		return err_set(e, -r, "%s: %s", w->package_dir, strerror(-r));
	for (unsigned i = 0; i < w->package_count && !r; i++)
		r = package_name_ok(w->packages[i])
			    ? unpack(b, w->packages[i], dir, every_filter, e)
			    : err_set(e, EINVAL, "'%s' is not a package name", w->packages[i]);
	return r;
}

/* What a killed run left; we hold the lock, so nobody is using it. */
static void sweep(const char *base)
{
	DIR *d = opendir(base);
	struct dirent *ent;

	while (d && (ent = readdir(d)))
		if (!strncmp(ent->d_name, "tmp.", 4)) {
			base_auto char *p = base_printf("%s/%s", base, ent->d_name);

			if (p)
				image_tree_remove(p, NULL);
		}
	if (d)
		closedir(d);
}

/* `have`: the version that the cache holds, NULL: none. */
static int fetch(struct build *b, const char *have, struct err *e)
{
	bool kernel = !have || b->want->update;
	int r;

	say(b->want, kernel ? "fetching Debian's riscv64 kernel and busybox (about 120 MB, once)"
			    : "fetching packages for riscv64");
	r = image__apt_open(&b->apt, b->want->progress, e);
	if (!r && kernel)
		r = image__apt_depends(&b->apt, IMAGE_PACKAGE "riscv64", IMAGE_PACKAGE,
				       &b->package, e);
	if (!r && kernel) {
		b->version = b->package + strlen(IMAGE_PACKAGE);
		if (have && !strcmp(have, b->version))
			say(b->want, "the kernel is up to date");
		else
			r = !mkdtemp(b->tmp) || chmod(b->tmp, 0755) ? err_sys(e, "%s", b->tmp)
								    : build_kernel(b, e);
	}
	if (!r)
		r = fetch_packages(b, e);
	image__apt_close(&b->apt);
	return r;
}

static int fetch_locked(const struct image_debian_want *w, const char *cache,
			struct image_debian *d, struct err *e)
{
	base_auto char *base = base_printf("%s/" LAYOUT, cache);
	base_auto char *lock = base_printf("%s/" LAYOUT "/lock", cache);
	base_auto char *tmp = base_printf("%s/" LAYOUT "/tmp.XXXXXX", cache);
	base_autofd int fd = -1;
	struct build b = { .want = w, .base = base, .tmp = tmp };
	int r;

	if (!base || !lock || !tmp)
		return err_set(e, ENOMEM, "out of memory");
	if (mkdir(base, 0755) && errno != EEXIST)
		return err_sys(e, "%s", base);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || flock(fd, LOCK_EX))
		return err_sys(e, "%s", lock);
	sweep(base);
	/* Another run may have fetched it while we waited. */
	r = cache_look(cache, d, e);
	if (r < 0 || (r && !w->update && !w->package_count))
		return r < 0 ? r : 0;
	r = fetch(&b, r ? d->version : NULL, e);
	base_free(b.package);
	image_debian_fini(d);
	if (r) {
		sweep(base);
		return err_wrap(e, "fetching the Debian kernel");
	}
	r = cache_look(cache, d, e);
	return r > 0 ? 0 : r < 0 ? r : err_set(e, EIO, "%s: the cache is not usable", base);
}

int image_debian_get(const struct image_debian_want *w, struct image_debian *d,
		     struct err *e)
{
	base_auto char *cache = image_cache_dir(e);
	int r;

	memset(d, 0, sizeof(*d));
	if (!cache)
		return e ? -e->code : -EIO;
	r = w->update || w->package_count ? 0 : cache_look(cache, d, e);
	return r > 0 ? 0 : r < 0 ? r : fetch_locked(w, cache, d, e);
}

int image_debian_copy_root(const struct image_debian *d, const char *dir, struct err *e)
{
	return image_tree_copy(d->root, dir, e);
}
