/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot files.  The forms, from the outside in:
 *
 *   gzip            1f 8b ...
 *   EFI zboot       "MZ\0\0" "zimg" at 4, payload offset and size (32 bits)
 *                   at 8 and 12, compression name at 24
 *   Linux Image     "RSC\5" at 56; text_offset, image_size, flags at 8, 16,
 *                   24; starts with a jump (or with "MZ" when it is an EFI
 *                   stub as well: the code c.li s4,-13 is harmless)
 *   ELF             7f "ELF"
 *   raw             anything else, where the caller takes it
 */
#include "image/kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/fail.h"
#include "image/kernel_unpack.h"

enum { LINUX_HEADER = 64, ZBOOT_HEADER = 64, WRAPPINGS_MAX = 3 };

void image_bytes_free(struct image_bytes *b)
{
	base_free(b->bytes);
	*b = (struct image_bytes){ 0 };
}

static int read_all(int fd, const char *name, struct image_bytes *b, struct err *e)
{
	uint64_t done = 0;

	while (done < b->len) {
		ssize_t n = fail_now(FAIL_IO) ? (errno = EIO, -1)
			: pread(fd, b->bytes + done, b->len - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "%s: read", name);
		if (!n)
			return err_set(e, EIO, "%s: offset %#" PRIx64 ": the file became shorter",
				       name, done);
		done += (uint64_t)n;
	}
	return 0;
}

int image_read(int fd, const char *name, uint64_t max, struct image_bytes *out,
	       struct err *e)
{
	struct stat st;
	int r;

	*out = (struct image_bytes){ 0 };
	if (fstat(fd, &st))
		return err_sys(e, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s: not a regular file", name);
	if (!st.st_size)
		return err_set(e, EINVAL, "%s: empty file", name);
	if ((uint64_t)st.st_size > max)
		return err_set(e, EFBIG, "%s: %" PRIu64 " bytes do not fit into memory (%" PRIu64
			       " bytes)", name, (uint64_t)st.st_size, max);
	out->len = (uint64_t)st.st_size;
	out->bytes = base_alloc(out->len);
	if (!out->bytes)
		return err_set(e, ENOMEM, "%s: out of memory", name);
	r = read_all(fd, name, out, e);
	if (r)
		image_bytes_free(out);
	return r;
}

static bool is_gzip(const struct image_bytes *b)
{
	return b->len >= 3 && b->bytes[0] == 0x1f && b->bytes[1] == 0x8b && b->bytes[2] == 8;
}

static bool is_zboot(const struct image_bytes *b)
{
	return b->len >= 8 && !memcmp(b->bytes, "MZ", 2) && !memcmp(b->bytes + 4, "zimg", 4);
}

static bool is_linux(const struct image_bytes *b)
{
	return b->len >= LINUX_HEADER && !memcmp(b->bytes + 56, "RSC\5", 4);
}

static int unwrap_zboot(const char *name, const struct image_bytes *b, uint64_t max,
			struct image_bytes *out, struct err *e)
{
	char method[33];
	uint64_t off, n;

	if (b->len < ZBOOT_HEADER)
		return err_set(e, ENOEXEC, "%s: offset %#" PRIx64 ": truncated EFI zboot header",
			       name, b->len);
	off = ld_le32(b->bytes + 8);
	n = ld_le32(b->bytes + 12);
	if (off > b->len || n > b->len - off)
		return err_set(e, ENOEXEC, "%s: offset 0x8: EFI zboot payload outside of the file",
			       name);
	memcpy(method, b->bytes + 24, 32);
	method[32] = 0;
	for (char *c = method; *c; c++)
		if (*c < '!' || *c > '~')
			*c = '?';
	return image__unpack(name, off, method, b->bytes + off, n, max, out, e);
}

/* Replace *b by what it contains while it is a wrapping. */
static int unwrap(const char *name, struct image_bytes *b, uint64_t max, struct err *e)
{
	for (int i = 0; is_gzip(b) || is_zboot(b); i++) {
		struct image_bytes inner;
		int r;

		if (i == WRAPPINGS_MAX)
			return err_set(e, ENOEXEC, "%s: offset 0x0: compressed more than %d times",
				       name, WRAPPINGS_MAX);
		r = is_gzip(b) ? image__unpack(name, 0, "gzip", b->bytes, b->len, max, &inner, e)
			       : unwrap_zboot(name, b, max, &inner, e);
		if (r)
			return r;
		image_bytes_free(b);
		*b = inner;
	}
	return 0;
}

static int parse_linux(struct image_kernel *k, const char *name, uint64_t max, struct err *e)
{
	const uint8_t *h = k->data.bytes;

	k->kind = IMAGE_LINUX;
	k->text_offset = ld_le64(h + 8);
	k->image_size = ld_le64(h + 16);
	if (bits(ld_le64(h + 24), 0, 0))
		return err_set(e, ENOEXEC, "%s: offset 0x18: a big-endian kernel", name);
	if (k->text_offset > max || k->text_offset & 0xfff)
		return err_set(e, ENOEXEC, "%s: offset 0x8: text offset %#" PRIx64
			       " is beyond memory or not a page", name, k->text_offset);
	if (k->image_size > max)
		return err_set(e, ENOEXEC, "%s: offset 0x10: image size %#" PRIx64
			       " is larger than memory (%#" PRIx64 ")", name, k->image_size, max);
	k->image_size = MAX(k->image_size, k->data.len);
	return 0;
}

int image_kernel_parse(struct image_kernel *k, const char *name, struct image_bytes *raw,
		       uint64_t max, bool raw_ok, struct err *e)
{
	int r;

	*k = (struct image_kernel){ .data = *raw };
	*raw = (struct image_bytes){ 0 };
	r = unwrap(name, &k->data, max, e);
	if (r) {
		/* reported */
	} else if (is_linux(&k->data)) {
		r = parse_linux(k, name, max, e);
	} else if (elf_is(k->data.bytes, k->data.len)) {
		k->kind = IMAGE_ELF;
		r = elf_parse(&k->elf, name, k->data.bytes, k->data.len, ELF_MACHINE_RISCV, e);
	} else if (raw_ok && k->data.len) {
		k->kind = IMAGE_RAW;
	} else {
		r = err_set(e, ENOEXEC, "%s: offset 0x0: neither a RISC-V Linux Image nor ELF%s",
			    name, k->data.len >= 2 && !memcmp(k->data.bytes, "MZ", 2)
			    ? " (an EFI program for another machine?)" : "");
	}
	if (r)
		image_kernel_free(k);
	return r;
}

void image_kernel_free(struct image_kernel *k)
{
	image_bytes_free(&k->data);
	*k = (struct image_kernel){ 0 };
}
