/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a board starts: Linux RISC-V `Image` (also gzip'ed, or an EFI zboot
 * image around it), ELF, raw firmware; and files that are placed as they are
 * (initrd).
 *
 * A boot file is opened once and read again at each reset of the machine, so
 * that nothing is kept in memory and no path is needed later.
 */
#ifndef IMAGE_KERNEL_H
#define IMAGE_KERNEL_H

#include <stdint.h>

#include "base/err.h"
#include "image/elf.h"

/* Bytes of a file, or of what was unpacked from it.  `bytes` is owned. */
struct image_bytes {
	uint8_t *bytes;
	uint64_t len;
};
void image_bytes_free(struct image_bytes *b);

/* Read all of `fd`, at most max bytes; `name` is for messages. */
int image_read(int fd, const char *name, uint64_t max, struct image_bytes *out,
	       struct err *e);

enum image_kind { IMAGE_LINUX, IMAGE_ELF, IMAGE_RAW };

struct image_kernel {
	enum image_kind kind;
	struct image_bytes data;        /* unpacked */
	/* IMAGE_LINUX (Documentation/arch/riscv/boot-image-header): */
	uint64_t text_offset;           /* from the start of RAM */
	uint64_t image_size;            /* to reserve, >= data.len */
	/* IMAGE_ELF; refers to data. */
	struct elf elf;
};

/* Take `raw` (ownership moves, also on failure), unpack it to at most max
 * bytes and find out what it is.  raw_ok: bytes that are nothing known are
 * IMAGE_RAW instead of an error. */
int image_kernel_parse(struct image_kernel *k, const char *name, struct image_bytes *raw,
		       uint64_t max, bool raw_ok, struct err *e);
void image_kernel_free(struct image_kernel *k);

#endif
