/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the debian_*.c files; see debian.h. */
#ifndef IMAGE_DEBIAN_INTERNAL_H
#define IMAGE_DEBIAN_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "image/debian.h"

/* ---- debian_exec.c: the system's own tools ---------------------------- */

struct image__command {
	const char *const *argv; /* NULL at the end; found in PATH */
	const char *cwd;         /* NULL: ours */
	bool progress;           /* its output goes to standard error */
	char **out;              /* else: what it printed, owned by the caller */
};
/* Run it to its end.  A failure's message is the tool's own last complaint. */
int image__run(const struct image__command *c, struct err *e);
int image__write_file(const char *path, const char *text, unsigned mode, struct err *e);

/* ---- debian_apt.c: a private apt, set up like the machine's own -------- */

struct image__apt {
	char *dir;      /* state, lists and downloads; temporary */
	char *conf;
	bool progress;
};
int image__apt_open(struct image__apt *a, bool progress, struct err *e);
void image__apt_close(struct image__apt *a);
/* The package's first dependency whose name starts with `prefix`. */
int image__apt_depends(struct image__apt *a, const char *package, const char *prefix,
		       char **name, struct err *e);
/* Download to a->dir/get/; *path is the file, owned by the caller. */
int image__apt_download(struct image__apt *a, const char *package, char **path,
			struct err *e);

/* ---- debian_deb.c: packages and modules as files ----------------------- */

/* Where a member goes, relative to the target folder: false to skip it. */
typedef bool image__deb_filter(void *arg, const char *name, char *to, size_t size);
/* Unpack into `dir`, which nothing of the package can leave. */
int image__deb_unpack(const char *deb, const char *dir, image__deb_filter *filter,
		      void *arg, struct err *e);
/* Copy a file, decompressed whatever its compression is. */
int image__decompress(const char *from, const char *to, struct err *e);

/* ---- debian_root.c: the root folder ------------------------------------ */

/* modules: folder of *.ko.*; root: has bin/busybox. */
int image__root_build(const char *root, const char *modules, const char *version,
		      struct err *e);

/* ---- debian_module.c --------------------------------------------------- */

/* Copy the named modules and all that they need, decompressed, to `dir`, and
 * write modules.dep and modules.alias as modprobe reads them. */
int image__modules_install(const char *from, const char *dir,
			   const char *const *names, struct err *e);

#endif
