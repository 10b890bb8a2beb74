/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF64 little-endian programs, parsed out of bytes that somebody else read.
 * Nothing in the file is trusted: every offset and count is checked against
 * the length before use.  Borrows the bytes.
 */
#ifndef IMAGE_ELF_H
#define IMAGE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	ELF_SEGMENTS_MAX = 64,
	ELF_TYPE_EXEC = 2,
	ELF_TYPE_DYN = 3,
	ELF_MACHINE_RISCV = 243,
	ELF_MACHINE_X86_64 = 62,
	ELF_MACHINE_AARCH64 = 183,
};

struct elf_segment {            /* PT_LOAD; file_size <= mem_size */
	uint64_t vaddr, paddr;
	uint64_t offset, file_size, mem_size;
	uint32_t flags;         /* 1 execute, 2 write, 4 read */
};

struct elf {
	const char *name;       /* of the file, for messages; borrowed */
	const uint8_t *bytes;   /* borrowed */
	uint64_t len;
	uint16_t type, machine;
	uint64_t entry;
	unsigned nsegments;
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	uint64_t interp_offset, interp_size; /* PT_INTERP; size 0: none */
};

/* Whether the bytes begin like an ELF file. */
bool elf_is(const void *bytes, uint64_t len);

/* Parse an ET_EXEC or ET_DYN of `machine`.  0 or -ENOEXEC and a line with
 * the name, the offset and the reason. */
int elf_parse(struct elf *f, const char *name, const void *bytes, uint64_t len,
	      uint16_t machine, struct err *e);

/* Value of a defined symbol.  False: no symbol table or no such symbol; a
 * damaged symbol table has no symbols. */
bool elf_symbol(const struct elf *f, const char *symbol, uint64_t *value);

/* Physical address of `vaddr`, going by the segment that contains it. */
bool elf_physical(const struct elf *f, uint64_t vaddr, uint64_t *paddr);

#endif
