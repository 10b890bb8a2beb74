/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2 disk images, versions 2 and 3.  Everything in the file is taken for
 * hostile.  Not read: encryption, external data files, extended L2 entries;
 * such images are refused by name.
 */
#ifndef IMAGE_QCOW2_H
#define IMAGE_QCOW2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "host/blk.h"

enum { QCOW2_DEPTH_MAX = 32 }; /* files in a chain of backing files */

/* True if these first bytes of a file are a qcow2 header's. */
bool qcow2_probe(const void *head, size_t n);

/* An image with its chain of backing files, which are opened read-only.
 * A writable open repairs the reference counts of an image that was not
 * closed.  NULL on failure. */
struct blk *qcow2_open(const char *path, bool readonly, struct err *e);

/* A new image at `path`, which must not exist: version 3, 64 KiB clusters.
 * With `backing` (a name relative to path's folder, or absolute) an overlay;
 * size 0 then means the backing disk's size.  Leaves nothing on failure. */
int qcow2_create(const char *path, uint64_t size, const char *backing, struct err *e);

#endif
