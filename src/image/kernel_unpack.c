/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressed kernels: gzip, lzma and xz, zstd, each by its library.  The
 * output grows step by step and never past the caller's bound, so that a
 * bomb costs no more memory than the guest has RAM.
 */
#include "image/kernel_unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

struct unpack {
	const char *name, *method;
	uint64_t offset;        /* of the stream in the file */
	const uint8_t *in;
	uint64_t n, max;
	struct image_bytes out; /* len: bytes used */
	uint64_t cap;
	struct err *e;
};

static __attribute__((unused)) int corrupt(struct unpack *u, uint64_t at, const char *why)
{
	return err_set(u->e, ENOEXEC, "%s: offset %#" PRIx64 ": %s stream: %s", u->name,
		       u->offset + at, u->method, why);
}

/* Make room for more output; fails at the bound. */
static __attribute__((unused)) int grow(struct unpack *u)
{
	uint64_t cap = u->cap ? u->cap * 2 : MIN(MAX(u->n * 3, (uint64_t)1 << 16), u->max);
	uint8_t *p;

	if (u->cap >= u->max)
		return err_set(u->e, EFBIG,
			       "%s: unpacks to more than %" PRIu64 " bytes, the size of memory",
			       u->name, u->max);
	cap = MIN(cap, u->max);
	p = base_realloc(u->out.bytes, cap ? cap : 1);
	if (!p)
		return err_set(u->e, ENOMEM, "%s: out of memory", u->name);
	u->out.bytes = p;
	u->cap = cap;
	return 0;
}

#ifdef HAVE_ZLIB
static int run_zlib(struct unpack *u, z_stream *z)
{
	int r;

	for (;;) {
		if (u->out.len == u->cap && (r = grow(u)))
			return r;
		if (!z->avail_in) {
			uint64_t left = u->n - (uint64_t)(z->next_in - u->in);

			z->avail_in = (uInt)MIN(left, (uint64_t)1 << 30);
		}
		uint64_t room = MIN(u->cap - u->out.len, (uint64_t)1 << 30);

		z->next_out = u->out.bytes + u->out.len;
		z->avail_out = (uInt)room;
		r = inflate(z, Z_NO_FLUSH);
		u->out.len += room - z->avail_out;
		if (r == Z_STREAM_END)
			return 0;
		if (r == Z_BUF_ERROR && z->avail_out)
			return corrupt(u, u->n, "truncated");
		if (r != Z_OK && r != Z_BUF_ERROR)
			return corrupt(u, (uint64_t)(z->next_in - u->in),
				       z->msg ? z->msg : "damaged");
	}
}

static int unpack_gzip(struct unpack *u)
{
	z_stream z = { .next_in = (Bytef *)u->in };
	int r;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return err_set(u->e, ENOMEM, "%s: out of memory", u->name);
	r = run_zlib(u, &z);
	inflateEnd(&z);
	return r;
}
#endif

#ifdef HAVE_LZMA
static int run_lzma(struct unpack *u, lzma_stream *z)
{
	int r;

	z->next_in = u->in;
	z->avail_in = u->n;
	for (;;) {
		if (u->out.len == u->cap && (r = grow(u)))
			return r;
		uint64_t room = u->cap - u->out.len;

		z->next_out = u->out.bytes + u->out.len;
		z->avail_out = room;
		lzma_ret lr = lzma_code(z, LZMA_RUN);

		u->out.len += room - z->avail_out;
		if (lr == LZMA_STREAM_END)
			return 0;
		if (lr == LZMA_BUF_ERROR || (lr == LZMA_OK && !z->avail_in && z->avail_out))
			return corrupt(u, u->n, "truncated");
		if (lr == LZMA_MEM_ERROR)
			return err_set(u->e, ENOMEM, "%s: out of memory", u->name);
		if (lr == LZMA_MEMLIMIT_ERROR)
			return corrupt(u, u->n - z->avail_in, "its dictionary is too large");
		if (lr != LZMA_OK)
			return corrupt(u, u->n - z->avail_in, "damaged");
	}
}

static int unpack_lzma(struct unpack *u)
{
	lzma_stream z = LZMA_STREAM_INIT;
	int r;

	if (lzma_auto_decoder(&z, 256u << 20, 0) != LZMA_OK)
		return err_set(u->e, ENOMEM, "%s: out of memory", u->name);
	r = run_lzma(u, &z);
	lzma_end(&z);
	return r;
}
#endif

#ifdef HAVE_ZSTD
static int run_zstd(struct unpack *u, ZSTD_DStream *z)
{
	ZSTD_inBuffer in = { .src = u->in, .size = u->n };

	for (;;) {
		int err;

		if (u->out.len == u->cap && (err = grow(u)))
			return err;
		ZSTD_outBuffer out = { .dst = u->out.bytes, .size = u->cap, .pos = u->out.len };
		size_t before = in.pos;
		size_t r = ZSTD_decompressStream(z, &out, &in);
		bool moved = out.pos != u->out.len || in.pos != before;

		u->out.len = out.pos;
		if (ZSTD_isError(r))
			return corrupt(u, in.pos, ZSTD_getErrorName(r));
		if (!r)
			return 0;
		if (!moved && u->out.len < u->cap)
			return corrupt(u, u->n, "truncated");
	}
}

static int unpack_zstd(struct unpack *u)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	int r;

	if (!z)
		return err_set(u->e, ENOMEM, "%s: out of memory", u->name);
	r = run_zstd(u, z);
	ZSTD_freeDStream(z);
	return r;
}
#endif

static const struct {
	const char *method;
	int (*fn)(struct unpack *u);
	const char *library;
} methods[] = {
#ifdef HAVE_ZLIB
	{ "gzip", unpack_gzip, "zlib" },
#else
	{ "gzip", NULL, "zlib" },
#endif
#ifdef HAVE_LZMA
	{ "lzma", unpack_lzma, "liblzma" },
	{ "xz", unpack_lzma, "liblzma" },
	{ "xzkern", unpack_lzma, "liblzma" },
#else
	{ "lzma", NULL, "liblzma" },
	{ "xz", NULL, "liblzma" },
	{ "xzkern", NULL, "liblzma" },
#endif
#ifdef HAVE_ZSTD
	{ "zstd", unpack_zstd, "libzstd" },
	{ "zstd22", unpack_zstd, "libzstd" },
#else
	{ "zstd", NULL, "libzstd" },
	{ "zstd22", NULL, "libzstd" },
#endif
};

int image__unpack(const char *name, uint64_t offset, const char *method,
		  const uint8_t *in, uint64_t n, uint64_t max,
		  struct image_bytes *out, struct err *e)
{
	struct unpack u = { .name = name, .method = method, .offset = offset,
			    .in = in, .n = n, .max = max, .e = e };
	int r;

	*out = (struct image_bytes){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		if (strcmp(methods[i].method, method))
			continue;
		if (!methods[i].fn)
			return err_set(e, ENOTSUP, "%s: %s compression: built without %s", name,
				       method, methods[i].library);
		r = methods[i].fn(&u);
		if (r)
			base_free(u.out.bytes);
		else
			*out = u.out;
		return r;
	}
	return err_set(e, ENOEXEC, "%s: offset %#" PRIx64 ": unknown compression \"%s\"", name,
		       offset, method);
}
