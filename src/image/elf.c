/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF64 headers, program headers and symbols (System V ABI, chapter 4 and 5;
 * RISC-V ELF psABI 8).  Relies on nothing but the bytes; never writes them
 * and never follows an offset that it has not checked.
 */
#include "image/elf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"

enum {
	EHDR_SIZE = 64, PHDR_SIZE = 56, SHDR_SIZE = 64, SYM_SIZE = 24,
	PT_LOAD = 1, PT_INTERP = 3,
	SHT_SYMTAB = 2,
	SHN_UNDEF = 0,
	PN_XNUM = 0xffff,
};

static int bad(const struct elf *f, struct err *e, uint64_t offset, const char *why)
{
	return err_set(e, ENOEXEC, "%s: offset %#" PRIx64 ": %s", f->name, offset, why);
}

/* Whether [off, off + n) lies in the file. */
static bool inside(const struct elf *f, uint64_t off, uint64_t n)
{
	return off <= f->len && n <= f->len - off;
}

bool elf_is(const void *bytes, uint64_t len)
{
	return len >= 4 && !memcmp(bytes, "\177ELF", 4);
}

static int parse_header(struct elf *f, uint16_t machine, struct err *e)
{
	const uint8_t *h = f->bytes;

	if (!elf_is(h, f->len))
		return bad(f, e, 0, "not an ELF file");
	if (f->len < EHDR_SIZE)
		return bad(f, e, f->len, "truncated ELF header");
	if (h[4] != 2)
		return bad(f, e, 4, "not a 64-bit ELF file");
	if (h[5] != 1)
		return bad(f, e, 5, "not a little-endian ELF file");
	if (h[6] != 1)
		return bad(f, e, 6, "unknown ELF version");
	f->type = ld_le16(h + 16);
	f->machine = ld_le16(h + 18);
	f->entry = ld_le64(h + 24);
	if (f->type != ELF_TYPE_EXEC && f->type != ELF_TYPE_DYN)
		return bad(f, e, 16, "not an executable (ET_EXEC or ET_DYN)");
	if (f->machine != machine)
		return err_set(e, ENOEXEC, "%s: offset 0x12: for machine %u, not %u%s",
			       f->name, f->machine, machine,
			       machine == ELF_MACHINE_RISCV ? " (RISC-V)" : "");
	return 0;
}

static int parse_segment(struct elf *f, uint64_t at, struct err *e)
{
	const uint8_t *p = f->bytes + at;
	uint32_t type = ld_le32(p);
	struct elf_segment s = {
		.flags = ld_le32(p + 4) & 7,
		.offset = ld_le64(p + 8),
		.vaddr = ld_le64(p + 16),
		.paddr = ld_le64(p + 24),
		.file_size = ld_le64(p + 32),
		.mem_size = ld_le64(p + 40),
	};

	if (type != PT_LOAD && type != PT_INTERP)
		return 0;
	if (!inside(f, s.offset, s.file_size))
		return bad(f, e, at + 8, "segment outside of the file");
	if (type == PT_INTERP) {
		f->interp_offset = s.offset;
		f->interp_size = s.file_size;
		return 0;
	}
	if (s.file_size > s.mem_size)
		return bad(f, e, at + 32, "segment larger in the file than in memory");
	if (s.mem_size > UINT64_MAX - s.paddr || s.mem_size > UINT64_MAX - s.vaddr)
		return bad(f, e, at + 40, "segment wraps around the address space");
	if (!s.mem_size)
		return 0;
	if (f->nsegments == ELF_SEGMENTS_MAX)
		return bad(f, e, at, "more than 64 segments to load");
	f->segments[f->nsegments++] = s;
	return 0;
}

int elf_parse(struct elf *f, const char *name, const void *bytes, uint64_t len,
	      uint16_t machine, struct err *e)
{
	uint64_t phoff;
	unsigned phentsize, phnum;
	int r;

	*f = (struct elf){ .name = name, .bytes = bytes, .len = len };
	r = parse_header(f, machine, e);
	if (r)
		return r;
	phoff = ld_le64(f->bytes + 32);
	phentsize = ld_le16(f->bytes + 54);
	phnum = ld_le16(f->bytes + 56);
	if (phentsize != PHDR_SIZE)
		return bad(f, e, 54, "program header entries are not 56 bytes");
	if (!phnum || phnum == PN_XNUM)
		return bad(f, e, 56, "no program headers");
	if (!inside(f, phoff, (uint64_t)phnum * PHDR_SIZE))
		return bad(f, e, 32, "program headers outside of the file");
	for (unsigned i = 0; i < phnum && !r; i++)
		r = parse_segment(f, phoff + (uint64_t)i * PHDR_SIZE, e);
	if (r)
		return r;
	return f->nsegments ? 0 : bad(f, e, phoff, "nothing to load");
}

/* Section header i, or NULL. */
static const uint8_t *section(const struct elf *f, uint64_t i)
{
	uint64_t shoff = ld_le64(f->bytes + 40);
	unsigned shnum = ld_le16(f->bytes + 60);

	if (ld_le16(f->bytes + 58) != SHDR_SIZE || i >= shnum ||
	    !inside(f, shoff, (uint64_t)shnum * SHDR_SIZE))
		return NULL;
	return f->bytes + shoff + i * SHDR_SIZE;
}

static bool find_in_table(const struct elf *f, const uint8_t *sh, const char *symbol,
			  uint64_t *value)
{
	uint64_t off = ld_le64(sh + 24), size = ld_le64(sh + 32);
	const uint8_t *str = section(f, ld_le32(sh + 40));
	size_t want = strlen(symbol) + 1;
	uint64_t stroff, strsize;

	if (!str || !inside(f, off, size))
		return false;
	stroff = ld_le64(str + 24);
	strsize = ld_le64(str + 32);
	if (!inside(f, stroff, strsize))
		return false;
	for (uint64_t i = 0; i < size / SYM_SIZE; i++) {
		const uint8_t *sym = f->bytes + off + i * SYM_SIZE;
		uint32_t name = ld_le32(sym);

		if (ld_le16(sym + 6) == SHN_UNDEF || name > strsize || want > strsize - name)
			continue;
		if (!memcmp(f->bytes + stroff + name, symbol, want)) {
			*value = ld_le64(sym + 8);
			return true;
		}
	}
	return false;
}

/* A file has one symbol table (System V ABI, "Section Types"): one that says
 * it has 65,535 of them does not keep us busy. */
bool elf_symbol(const struct elf *f, const char *symbol, uint64_t *value)
{
	unsigned shnum = ld_le16(f->bytes + 60);

	for (unsigned i = 0; i < shnum; i++) {
		const uint8_t *sh = section(f, i);

		if (sh && ld_le32(sh + 4) == SHT_SYMTAB)
			return find_in_table(f, sh, symbol, value);
	}
	return false;
}

bool elf_physical(const struct elf *f, uint64_t vaddr, uint64_t *paddr)
{
	for (unsigned i = 0; i < f->nsegments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (vaddr >= s->vaddr && vaddr - s->vaddr < s->mem_size) {
			*paddr = s->paddr + (vaddr - s->vaddr);
			return true;
		}
	}
	return false;
}
