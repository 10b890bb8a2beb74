/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stock Debian riscv64 kernel and a small user land, fetched once from
 * the machine's own configured Debian mirror and kept in a cache.
 *
 * Relies on the system's apt-get (mirrors, proxies, authentication and the
 * archive's signature are its business) and on libarchive to unpack.
 * Never writes outside the cache and a temporary directory, never runs what
 * it has fetched, and never leaves a half-made cache: a result is built
 * beside its place and renamed.
 */
#ifndef IMAGE_DEBIAN_H
#define IMAGE_DEBIAN_H

#include <stdbool.h>

#include "base/err.h"

/* Paths are absolute and owned by the struct. */
struct image_debian {
	char *dir;      /* the version's folder in the cache */
	char *kernel;   /* the kernel, as Debian ships it */
	char *config;   /* its configuration */
	char *root;     /* pristine root folder; nobody writes to it */
	char *modules;  /* every module of the kernel, compressed as shipped */
	char *version;  /* the kernel's release, "6.12.x+deb13-riscv64" */
};

struct image_debian_want {
	bool update;                    /* look for newer packages */
	bool progress;                  /* tell standard error what happens */
	const char *const *packages;    /* more packages to unpack, no dependencies */
	unsigned package_count;
	const char *package_dir;        /* where to: made when it is missing */
};

/* The cache, with what is missing fetched.  0, or a negative errno. */
int image_debian_get(const struct image_debian_want *want, struct image_debian *d,
		     struct err *e);
void image_debian_fini(struct image_debian *d);

/* The root folder of a run: a private copy of the pristine one below `dir`,
 * which must exist.  The guest may do to it what it wants. */
int image_debian_copy_root(const struct image_debian *d, const char *dir, struct err *e);

/* ${XDG_CACHE_HOME:-~/.cache}/doppel, made when it is missing.  NULL: failed. */
char *image_cache_dir(struct err *e);

/* Copy a tree (files, folders, links, modes; reflinks where the file system
 * can), remove one.  Neither follows a symbolic link. */
int image_tree_copy(const char *from, const char *to, struct err *e);
int image_tree_remove(const char *path, struct err *e);

#endif
