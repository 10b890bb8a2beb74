/* SPDX-License-Identifier: Apache-2.0 */
/* Disk images by name: format probing, chains of backing files. */
#ifndef IMAGE_DISK_H
#define IMAGE_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "host/blk.h"

/*
 * Open a disk image.  format: "raw", "qcow2", or NULL to look at the first
 * bytes.  A disk that was found to be raw by looking refuses writes that
 * would make it look like another format the next time: else a guest could
 * write itself a header that names any file of the host as backing file.
 * NULL on failure.
 */
struct blk *disk_open(const char *path, const char *format, bool readonly, struct err *e);

/* For qcow2's backing files: the chain of files that are open above. */
struct disk_chain {
	const struct disk_chain *up;
	dev_t dev;
	ino_t ino;
	unsigned depth;
};
struct blk *disk__open_backing(const char *path, const char *format,
			       const struct disk_chain *chain, struct err *e);
struct blk *qcow2__open_chain(const char *path, bool readonly,
			      const struct disk_chain *chain, struct err *e);
/* "qcow2" or "raw" by the first bytes; NULL when the file cannot be opened. */
const char *disk__probe(const char *path, struct err *e);
/* `name` as found in an image at `path`: absolute, or relative to its folder.
 * Allocated; NULL with *e filled when it is not a plain file name. */
char *disk__backing_path(const char *path, const char *name, struct err *e);

#endif
