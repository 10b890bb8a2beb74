/* SPDX-License-Identifier: Apache-2.0 */
/* ELF files: a good one is understood, each damage is named with its offset. */
#include "image/elf.h"

#include "base/bits.h"
#include "tests/test.h"

enum { SIZE = 1024, PH = 64, SYMTAB = 256, STRTAB = 400, SH = 512 };

static uint8_t file[SIZE];
static struct elf elf;
static struct err err;

/* One segment of 16 bytes at 0x80000000 (virtual 0x1000), two symbols. */
static void make(void)
{
	uint8_t *p;

	memset(file, 0, SIZE);
	memcpy(file, "\177ELF\2\1\1", 7);
	st_le16(file + 16, ELF_TYPE_EXEC);
	st_le16(file + 18, ELF_MACHINE_RISCV);
	st_le64(file + 24, 0x1004);
	st_le64(file + 32, PH);
	st_le64(file + 40, SH);
	st_le16(file + 54, 56);
	st_le16(file + 56, 1);
	st_le16(file + 58, 64);
	st_le16(file + 60, 3);
	p = file + PH;
	st_le32(p, 1);
	st_le32(p + 4, 5);
	st_le64(p + 8, 128);
	st_le64(p + 16, 0x1000);
	st_le64(p + 24, 0x80000000);
	st_le64(p + 32, 16);
	st_le64(p + 40, 4096);
	memcpy(file + STRTAB, "\0tohost\0other", 14);
	p = file + SYMTAB + 24;
	st_le32(p, 1);
	st_le16(p + 6, 1);
	st_le64(p + 8, 0x1040);
	p = file + SH + 64;             /* section 1: symbols, strings in 2 */
	st_le32(p + 4, 2);
	st_le64(p + 24, SYMTAB);
	st_le64(p + 32, 48);
	st_le32(p + 40, 2);
	p = file + SH + 128;
	st_le64(p + 24, STRTAB);
	st_le64(p + 32, 14);
}

static int parse(uint64_t len)
{
	memset(&err, 0, sizeof(err));
	return elf_parse(&elf, "f.elf", file, len, ELF_MACHINE_RISCV, &err);
}

static void good(void)
{
	uint64_t v;

	make();
	CHECK_EQ(parse(SIZE), 0);
	CHECK_EQ(elf.nsegments, 1);
	CHECK_EQ(elf.entry, 0x1004);
	CHECK(elf_physical(&elf, 0x1004, &v));
	CHECK_EQ(v, 0x80000004);
	CHECK(!elf_physical(&elf, 0x2000, &v));
	CHECK(elf_symbol(&elf, "tohost", &v));
	CHECK_EQ(v, 0x1040);
	CHECK(!elf_symbol(&elf, "tohos", &v));
	CHECK(!elf_symbol(&elf, "missing", &v));
}

static void refused(uint64_t len, const char *why)
{
	CHECK(parse(len) < 0);
	CHECK(!strncmp(err.msg, "f.elf: offset ", 14));
	if (!strstr(err.msg, why))
		TEST_FAIL("\"%.300s\" does not say \"%s\"", err.msg, why);
}

static void damaged_headers(void)
{
	make();
	refused(3, "not an ELF file");
	refused(63, "truncated ELF header");
	refused(100, "program headers outside");
	make(), file[4] = 1, refused(SIZE, "64-bit");
	make(), file[5] = 2, refused(SIZE, "little-endian");
	make(), file[16] = 1, refused(SIZE, "not an executable");
	make(), file[18] = 62, refused(SIZE, "for machine 62");
	make(), file[54] = 55, refused(SIZE, "56 bytes");
	make(), file[56] = 0, refused(SIZE, "no program headers");
	make(), st_le64(file + 32, ~0ull), refused(SIZE, "program headers outside");
}

static void damaged_segments(void)
{
	uint8_t *p = file + PH;

	make(), st_le64(p + 8, ~0ull - 4), refused(SIZE, "outside of the file");
	make(), st_le64(p + 32, SIZE), st_le64(p + 40, SIZE), refused(SIZE, "outside of the file");
	make(), st_le64(p + 40, 8), refused(SIZE, "larger in the file");
	make(), st_le64(p + 24, ~0ull - 8), refused(SIZE, "wraps");
	make(), st_le32(p, 4), refused(SIZE, "nothing to load");
}

static void damaged_symbols_are_none(void)
{
	uint64_t v;
	uint8_t *p = file + SH + 64;

	make(), st_le64(p + 24, ~0ull - 8);
	CHECK_EQ(parse(SIZE), 0);
	CHECK(!elf_symbol(&elf, "tohost", &v));
	make(), st_le32(p + 40, 9);
	CHECK_EQ(parse(SIZE), 0);
	CHECK(!elf_symbol(&elf, "tohost", &v));
	make(), st_le32(file + SH + 4, 2); /* the first table is the only one */
	CHECK_EQ(parse(SIZE), 0);
	CHECK(!elf_symbol(&elf, "tohost", &v));
	make(), st_le32(file + SYMTAB + 24, 0xfffffff0);
	CHECK_EQ(parse(SIZE), 0);
	CHECK(!elf_symbol(&elf, "tohost", &v));
	make(), st_le64(file + 40, SIZE - 10);
	CHECK_EQ(parse(SIZE), 0);
	CHECK(!elf_symbol(&elf, "tohost", &v));
	make(), st_le64(file + SH + 128 + 32, 4); /* string table ends early */
	CHECK_EQ(parse(SIZE), 0);
	CHECK(!elf_symbol(&elf, "tohost", &v));
}

TEST_MAIN(
	{ "a_good_file_is_understood", good },
	{ "a_damaged_header_is_named", damaged_headers },
	{ "a_damaged_segment_is_named", damaged_segments },
	{ "a_damaged_symbol_table_has_no_symbols", damaged_symbols_are_none },
)
