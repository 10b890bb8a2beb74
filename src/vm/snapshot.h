/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshot file: a header and the machine's sections (base/ser.h).
 *
 *     "DOPPELSN"  u32 format version  u32 0  kind[16]
 *     u64 length of the sections  u64 their digest
 *     sections
 *
 * Little-endian.  Written to a temporary file beside the target and renamed
 * when it is complete and on disk; read only after length and digest agree.
 */
#ifndef VM_SNAPSHOT_H
#define VM_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ser.h"

/* Write w's bytes as a snapshot of a machine of this kind ("system", ...). */
int snapshot_write(const char *path, const char *kind, const struct ser_writer *w,
		   struct err *e);

/* Read and check.  *buf (base_free) holds the sections. */
int snapshot_read(const char *path, const char *kind, uint8_t **buf, size_t *len,
		  struct err *e);

/* The digest (XXH64, seed 0) that files carry. */
uint64_t snapshot_digest(const void *p, size_t n);

#endif
