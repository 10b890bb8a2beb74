/* SPDX-License-Identifier: Apache-2.0 */
/* The forms a kernel comes in: Image, gzip, EFI zboot, ELF, raw; and bombs. */
#include "image/kernel.h"

#include "base/alloc.h"
#include "base/bits.h"
#include "tests/test.h"

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif

enum { SIZE = 8192, MEMORY = 1 << 20 };

static uint8_t image[SIZE];
static struct image_kernel k;
static struct err err;

static void make(void)
{
	for (unsigned i = 0; i < SIZE; i++)
		image[i] = (uint8_t)(i * 7 + i / 256);
	st_le64(image + 8, 0x200000 / 16);
	st_le64(image + 16, SIZE * 2);
	st_le64(image + 24, 0);
	memcpy(image + 56, "RSC\5", 4);
}

static int parse(const void *p, uint64_t n, bool raw_ok)
{
	struct image_bytes b = { .bytes = base_alloc(n ? n : 1), .len = n };

	memcpy(b.bytes, p, n);
	memset(&err, 0, sizeof(err));
	return image_kernel_parse(&k, "Image", &b, MEMORY, raw_ok, &err);
}

static void is_image(void)
{
	CHECK_EQ(k.kind, IMAGE_LINUX);
	CHECK_EQ(k.text_offset, 0x20000);
	CHECK_EQ(k.image_size, SIZE * 2);
	CHECK_EQ(k.data.len, SIZE);
	CHECK(!memcmp(k.data.bytes, image, SIZE));
	image_kernel_free(&k);
}

static void plain(void)
{
	make();
	CHECK_EQ(parse(image, SIZE, false), 0);
	is_image();
	image[0] = 'M', image[1] = 'Z'; /* an EFI stub as well */
	CHECK_EQ(parse(image, SIZE, false), 0);
	is_image();
}

static void bad_images(void)
{
	make(), st_le64(image + 8, MEMORY + 4096);
	CHECK(parse(image, SIZE, false) < 0 && strstr(err.msg, "offset 0x8"));
	make(), st_le64(image + 16, ~0ull);
	CHECK(parse(image, SIZE, false) < 0 && strstr(err.msg, "offset 0x10"));
	make(), image[24] = 1;
	CHECK(parse(image, SIZE, false) < 0 && strstr(err.msg, "big-endian"));
	CHECK(parse("hello", 5, false) < 0 && strstr(err.msg, "neither"));
	CHECK_EQ(parse("hello", 5, true), 0);
	CHECK_EQ(k.kind, IMAGE_RAW);
	image_kernel_free(&k);
}

#ifdef HAVE_ZLIB
static size_t gzip(const void *in, size_t n, uint8_t *out, size_t room)
{
	z_stream z = { .next_in = (Bytef *)in, .avail_in = (uInt)n, .next_out = out,
		       .avail_out = (uInt)room };

	deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	deflate(&z, Z_FINISH);
	deflateEnd(&z);
	return z.total_out;
}

static void gzipped(void)
{
	static uint8_t out[SIZE * 2];
	size_t n;

	make();
	n = gzip(image, SIZE, out, sizeof(out));
	CHECK_EQ(parse(out, n, false), 0);
	is_image();
	for (size_t cut = 1; cut < n; cut += 97)
		CHECK(parse(out, n - cut, false) < 0);
	out[n / 2] ^= 0x55;
	CHECK(parse(out, n, false) < 0);
}

static void bomb(void)
{
	size_t big = 64 << 20;
	uint8_t *zeros = calloc(1, big), *out = malloc(big);
	size_t n = gzip(zeros, big, out, big);
	int r = parse(out, n, false);

	free(zeros);
	free(out);
	CHECK(r < 0);
	CHECK(strstr(err.msg, "size of memory"));
}

static void nested(void)
{
	static uint8_t a[SIZE * 2], b[SIZE * 2];
	size_t n;

	make();
	n = gzip(image, SIZE, a, sizeof(a));
	for (int i = 0; i < 3; i++) {
		n = gzip(a, n, b, sizeof(b));
		memcpy(a, b, n);
	}
	CHECK(parse(a, n, false) < 0);
	CHECK(strstr(err.msg, "more than"));
}
#else
static void gzipped(void) { SKIP("built without zlib"); }
static void bomb(void) { SKIP("built without zlib"); }
static void nested(void) { SKIP("built without zlib"); }
#endif

static void zboot_header(uint8_t *h, uint32_t off, uint32_t n, const char *method)
{
	memset(h, 0, 64);
	memcpy(h, "MZ", 2);
	memcpy(h + 4, "zimg", 4);
	st_le32(h + 8, off);
	st_le32(h + 12, n);
	strcpy((char *)h + 24, method);
}

static void zboot(void)
{
	static uint8_t out[SIZE * 2];
	size_t n;

	make();
	(void)n;
#ifdef HAVE_ZLIB
	n = gzip(image, SIZE, out + 128, sizeof(out) - 128);
	zboot_header(out, 128, (uint32_t)n, "gzip");
	CHECK_EQ(parse(out, 128 + n, false), 0);
	is_image();
#endif
#ifdef HAVE_ZSTD
	n = ZSTD_compress(out + 128, sizeof(out) - 128, image, SIZE, 9);
	memcpy(out + 128 + n, "\0\x20\0\0", 4); /* the size, as kernels append it */
	zboot_header(out, 128, (uint32_t)n + 4, "zstd");
	CHECK_EQ(parse(out, 132 + n, false), 0);
	is_image();
#endif
#ifdef HAVE_LZMA
	n = 0;
	lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, image, SIZE, out + 128, &n,
				sizeof(out) - 128);
	zboot_header(out, 128, (uint32_t)n, "xzkern");
	CHECK_EQ(parse(out, 128 + n, false), 0);
	is_image();
#endif
	zboot_header(out, 128, 0x7fffffff, "gzip");
	CHECK(parse(out, 4096, false) < 0 && strstr(err.msg, "payload outside"));
	zboot_header(out, 128, 100, "lz9\n");
	CHECK(parse(out, 4096, false) < 0 && strstr(err.msg, "unknown compression \"lz9?\""));
	CHECK(parse(out, 20, false) < 0 && strstr(err.msg, "truncated"));
}

TEST_MAIN(
	{ "a_linux_image_is_understood", plain },
	{ "a_bad_image_is_named", bad_images },
	{ "a_gzip_image_is_unpacked", gzipped },
	{ "a_bomb_stops_at_the_size_of_memory", bomb },
	{ "nesting_is_bounded", nested },
	{ "an_efi_zboot_image_is_unpacked", zboot },
)
