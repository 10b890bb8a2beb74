/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serialized state: the byte format inside the snapshot stream.
 *
 * A section is  name[16] (zero padded) | u32 version | u64 length | payload.
 * Integers are little-endian; there are no host pointers and nothing depends
 * on the host architecture.  The file that owns a piece of state writes and
 * reads its section:
 *
 *     ser_begin(w, "uart", 1); ser_u8(w, s->lcr); ... ser_end(w);
 *     if (ser_open(r, "uart", 1, 1)) { s->lcr = ser_get_u8(r); ... ser_close(r); }
 *
 * A reader is sticky: after the first problem every get returns 0 and
 * ser_error() tells what and where; the owner validates values that it uses
 * as an index or a length with ser_check().
 */
#ifndef BASE_SER_H
#define BASE_SER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ser_writer {
	uint8_t *buf;
	size_t len, cap;
	size_t section; /* offset of the open section's length field; 0: none */
	bool failed;    /* out of memory */
};

void ser_writer_init(struct ser_writer *w);
void ser_writer_fini(struct ser_writer *w);
void ser_begin(struct ser_writer *w, const char *name, uint32_t version);
void ser_end(struct ser_writer *w);
void ser_u8(struct ser_writer *w, uint8_t v);
void ser_u16(struct ser_writer *w, uint16_t v);
void ser_u32(struct ser_writer *w, uint32_t v);
void ser_u64(struct ser_writer *w, uint64_t v);
void ser_bytes(struct ser_writer *w, const void *p, size_t n);
/* u32 length, then the bytes. */
void ser_blob(struct ser_writer *w, const void *p, uint32_t n);

struct ser_reader {
	const uint8_t *buf;   /* borrowed */
	size_t len, pos;
	size_t section_end;   /* gets never pass it; 0: no open section */
	uint32_t version;     /* of the open section */
	char name[17];        /* of the open section */
	struct err err;       /* err.code != 0: failed */
};

void ser_reader_init(struct ser_reader *r, const void *buf, size_t len);
/* Open the next section, which must have this name and a version in
 * min..max.  False (and failed) otherwise. */
bool ser_open(struct ser_reader *r, const char *name, uint32_t min, uint32_t max);
/* The payload must have been read exactly. */
void ser_close(struct ser_reader *r);
uint8_t ser_get_u8(struct ser_reader *r);
uint16_t ser_get_u16(struct ser_reader *r);
uint32_t ser_get_u32(struct ser_reader *r);
uint64_t ser_get_u64(struct ser_reader *r);
void ser_get_bytes(struct ser_reader *r, void *p, size_t n);
/* Borrowed pointer to a blob of at most max bytes, NULL on failure. */
const void *ser_get_blob(struct ser_reader *r, uint32_t *n, uint32_t max);
/* Fail with `what` unless ok. */
bool ser_check(struct ser_reader *r, bool ok, const char *what);
/* 0, or the first problem copied to e. */
int ser_error(const struct ser_reader *r, struct err *e);

#endif
