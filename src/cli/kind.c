/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of kinds.  The first row whose test holds decides; a kind that
 * cannot be run has the line that says so instead.
 */
#include "cli/kind.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/utf8.h"

enum { FIRST = 64, HEAD = 65536 };

struct head {
	uint8_t bytes[HEAD];
	size_t len;
};

static bool has(const struct head *h, size_t at, const void *what, size_t n)
{
	return at + n <= h->len && !memcmp(h->bytes + at, what, n);
}

/* Linux Documentation/arch/riscv/boot-image-header: magic and magic2. */
static bool is_linux_image(const struct head *h)
{
	return has(h, 0x38, "RSC\x05", 4) || has(h, 0x30, "RISCV\0\0\0", 8);
}

static bool is_zboot(const struct head *h)
{
	return has(h, 0, "MZ", 2) && has(h, 4, "zimg", 4);
}

static bool is_gzip(const struct head *h)
{
	return has(h, 0, "\x1f\x8b", 2);
}

static bool is_wasm(const struct head *h)
{
	return has(h, 0, "\0asm", 4);
}

static size_t after_comment(const struct head *h, size_t i)
{
	while (i < h->len && !has(h, i, ";)", 2))
		i++;
	return i + 2;
}

/* The text format: after spaces and comments a module, or one of its fields. */
static bool is_wat(const struct head *h)
{
	static const char *const words[] = {
		"module", "type", "rec", "import", "func", "table", "memory", "global", "export",
		"start", "elem", "data", "tag",
	};
	size_t i = 0, n = 0;

	while (i < h->len && (isspace(h->bytes[i]) || has(h, i, ";;", 2) || has(h, i, "(;", 2))) {
		if (has(h, i, ";;", 2))
			while (i < h->len && h->bytes[i] != '\n')
				i++;
		else if (has(h, i, "(;", 2))
			i = after_comment(h, i + 2);
		else
			i++;
	}
	if (!has(h, i++, "(", 1))
		return false;
	while (i < h->len && isspace(h->bytes[i]))
		i++;
	while (i + n < h->len && islower(h->bytes[i + n]))
		n++;
	for (size_t w = 0; w < ARRAY_LEN(words); w++)
		if (n == strlen(words[w]) && has(h, i, words[w], n))
			return true;
	return false;
}

static bool is_elf(const struct head *h)
{
	return has(h, 0, ELFMAG, SELFMAG);
}

static bool is_elf_riscv(const struct head *h)
{
	Elf64_Ehdr eh;

	if (!is_elf(h) || h->len < sizeof(eh))
		return false;
	memcpy(&eh, h->bytes, sizeof(eh));
	return eh.e_ident[EI_CLASS] == ELFCLASS64 && eh.e_ident[EI_DATA] == ELFDATA2LSB &&
	       eh.e_machine == EM_RISCV;
}

/* The i-th program header, if it lies in what was read. */
static bool program_header(const struct head *h, unsigned i, Elf64_Phdr *p)
{
	Elf64_Ehdr eh;

	memcpy(&eh, h->bytes, sizeof(eh));
	if (i >= eh.e_phnum || eh.e_phentsize != sizeof(*p) || eh.e_phoff > h->len ||
	    (h->len - eh.e_phoff) / sizeof(*p) <= i)
		return false;
	memcpy(p, h->bytes + eh.e_phoff + i * sizeof(*p), sizeof(*p));
	return true;
}

/* A program for an operating system: it asks for a dynamic linker, or starts
 * where user programs do and the board has no RAM. */
static bool is_linux_program(const struct head *h)
{
	Elf64_Ehdr eh;
	Elf64_Phdr p;

	if (!is_elf_riscv(h))
		return false;
	for (unsigned i = 0; program_header(h, i, &p); i++)
		if (p.p_type == PT_INTERP)
			return true;
	memcpy(&eh, h->bytes, sizeof(eh));
	return eh.e_entry < 0x80000000u;
}

static bool is_elf_kernel(const struct head *h)
{
	Elf64_Phdr p;

	if (!is_elf_riscv(h))
		return false;
	for (unsigned i = 0; program_header(h, i, &p); i++)
		if (p.p_type == PT_LOAD && p.p_vaddr >> 56 == 0xff)
			return true;
	return false;
}

static bool is_disk(const struct head *h)
{
	return has(h, 0, "QFI\xfb", 4) || has(h, 512, "EFI PART", 8) ||
	       has(h, 510, "\x55\xaa", 2) || has(h, 0x438, "\x53\xef", 2) ||
	       has(h, 0, "hsqs", 4) || has(h, 0x8001, "CD001", 5) || has(h, 0, "KDMV", 4);
}

static bool is_text(const struct head *h)
{
	size_t n = MIN(h->len, (size_t)512);

	for (size_t i = 0; i < n;) {
		uint8_t c = h->bytes[i];
		unsigned len = c < 0x80 ? isprint(c) || isspace(c)
					: base_utf8_len(h->bytes + i, h->len - i);

		if (!len)
			return false;
		i += len;
	}
	return true;
}

/* Files that somebody may name by mistake, and that are no raw code. */
static bool is_document(const struct head *h)
{
	return has(h, 0, "\x89PNG", 4) || has(h, 0, "\xff\xd8\xff", 3) || has(h, 0, "GIF8", 4) ||
	       has(h, 0, "%PDF", 4) || has(h, 0, "PK\3\4", 4) || has(h, 0, "\xfd" "7zXZ", 5) ||
	       has(h, 0, "\x28\xb5\x2f\xfd", 4) || has(h, 0, "BZh", 3) ||
	       has(h, 0, "!<arch>", 7) || has(h, 257, "ustar", 5) || has(h, 0, "070701", 6) ||
	       has(h, 0, "\xd0\x0d\xfe\xed", 4);
}

/* Two zero bytes are an illegal instruction for ever (Unprivileged ISA, 1.5). */
static bool is_no_code(const struct head *h)
{
	return has(h, 0, "\0\0", 2);
}

static bool is_short(const struct head *h)
{
	return h->len < 4;
}

static bool is_anything(const struct head *h)
{
	(void)h;
	return true;
}

static const struct {
	bool (*test)(const struct head *h);
	enum kind kind;
	const char *why_not;    /* NULL: it runs */
} kinds[] = {
	{ is_short, 0, "too short to be a program" },
	{ is_linux_image, KIND_KERNEL, NULL },
	{ is_zboot, KIND_KERNEL, NULL },
	{ is_gzip, KIND_KERNEL, NULL },
	{ is_elf_kernel, KIND_KERNEL, NULL },
	{ is_linux_program, 0, "a riscv64 Linux program: not supported in this version "
			       "(run it in a guest: doppel run linux -- /host/PROGRAM)" },
	{ is_elf_riscv, KIND_FIRMWARE, NULL },
	{ is_elf, 0, "an ELF file, but not for 64-bit RISC-V" },
	{ is_wasm, KIND_WASM, NULL },
	{ is_wat, KIND_WASM, NULL },
	{ is_disk, 0, "a disk image: give it with --disk, and what boots it with --kernel "
		      "or --firmware" },
	{ is_document, 0, "a picture, a document or an archive, not a program" },
	{ is_no_code, 0, "not a program: begins with zeros, which are no instruction" },
	{ is_text, 0, "a text file, not a program" },
	{ is_anything, KIND_FIRMWARE, NULL },
};

int kind_of_file(const char *path, struct err *e)
{
	base_autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	base_auto struct head *h = base_alloc(sizeof(*h));
	struct stat st;
	ssize_t n;

	if (!h)
		return err_set(e, ENOMEM, "out of memory");
	h->len = 0;
	if (fd < 0 || fstat(fd, &st))
		return err_sys(e, "%s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "%s: a folder: share it with --share %s:TAG", path, path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s: not a regular file", path);
	do {    /* programs that are small start at once: mostly the first words say it */
		n = read(fd, h->bytes + h->len, h->len ? HEAD - h->len : FIRST);
		h->len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && h->len < HEAD && !is_wasm(h));
	for (size_t i = 0; ; i++)
		if (kinds[i].test(h))
			return !kinds[i].why_not
				       ? (int)kinds[i].kind
				       : err_set(e, ENOEXEC, "%s: %s", path, kinds[i].why_not);
}
