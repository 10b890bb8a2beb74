/* SPDX-License-Identifier: Apache-2.0 */
/* Decompression in memory, bounded.  Internal to image/kernel.c. */
#ifndef IMAGE_KERNEL_UNPACK_H
#define IMAGE_KERNEL_UNPACK_H

#include "image/kernel.h"

/* Unpack n bytes of `method` ("gzip", "lzma", "xz", "zstd") that lie at
 * `offset` of the file `name`; bytes after the end of the stream are
 * ignored.  -EFBIG when the result would be larger than max. */
int image__unpack(const char *name, uint64_t offset, const char *method,
		  const uint8_t *in, uint64_t n, uint64_t max,
		  struct image_bytes *out, struct err *e);

#endif
