/* SPDX-License-Identifier: Apache-2.0 */
/* Section writer and bounded reader; see ser.h. */
#include "base/ser.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"

enum { NAME_LEN = 16, HEADER = NAME_LEN + 4 + 8 };

void ser_writer_init(struct ser_writer *w)
{
	*w = (struct ser_writer){ 0 };
}

void ser_writer_fini(struct ser_writer *w)
{
	base_free(w->buf);
	*w = (struct ser_writer){ 0 };
}

void ser_bytes(struct ser_writer *w, const void *p, size_t n)
{
	if (w->failed || !n)
		return;
	if (w->cap - w->len < n) {
		size_t cap = MAX(MAX(w->cap * 2, w->len + n), (size_t)4096);
		uint8_t *buf = base_realloc(w->buf, cap);

		if (!buf) {
			w->failed = true;
			return;
		}
		w->buf = buf;
		w->cap = cap;
	}
	memcpy(w->buf + w->len, p, n);
	w->len += n;
}

void ser_begin(struct ser_writer *w, const char *name, uint32_t version)
{
	char padded[NAME_LEN] = { 0 };
	size_t n = strlen(name);

	assert(!w->section && n <= NAME_LEN);
	memcpy(padded, name, n);
	ser_bytes(w, padded, NAME_LEN);
	ser_u32(w, version);
	w->section = w->len;
	ser_u64(w, 0);
}

void ser_end(struct ser_writer *w)
{
	assert(w->section || w->failed);
	if (!w->failed)
		st_le64(w->buf + w->section, w->len - w->section - 8);
	w->section = 0;
}

#define SER_INT(n)                                              \
	void ser_u##n(struct ser_writer *w, uint##n##_t v)      \
	{                                                       \
		v = le##n(v);                                   \
		ser_bytes(w, &v, sizeof(v));                    \
	}                                                       \
	uint##n##_t ser_get_u##n(struct ser_reader *r)          \
	{                                                       \
		uint##n##_t v = 0;                              \
		ser_get_bytes(r, &v, sizeof(v));                \
		return le##n(v);                                \
	}
#define le8(v) (v)
SER_INT(8)
SER_INT(16)
SER_INT(32)
SER_INT(64)

void ser_blob(struct ser_writer *w, const void *p, uint32_t n)
{
	ser_u32(w, n);
	ser_bytes(w, p, n);
}

void ser_reader_init(struct ser_reader *r, const void *buf, size_t len)
{
	*r = (struct ser_reader){ .buf = buf, .len = len };
}

static void reader_fail(struct ser_reader *r, const char *what)
{
	if (!r->err.code)
		err_set(&r->err, EINVAL, "snapshot: section '%s' at offset %zu: %s",
			r->name, r->pos, what);
}

bool ser_check(struct ser_reader *r, bool ok, const char *what)
{
	if (!ok)
		reader_fail(r, what);
	return !r->err.code;
}

bool ser_open(struct ser_reader *r, const char *name, uint32_t min, uint32_t max)
{
	char padded[NAME_LEN] = { 0 };
	uint64_t len;

	assert(!r->section_end && strlen(name) <= NAME_LEN);
	memcpy(padded, name, strlen(name));
	memcpy(r->name, padded, NAME_LEN);
	if (!ser_check(r, r->len - r->pos >= HEADER, "truncated header"))
		return false;
	if (!ser_check(r, !memcmp(r->buf + r->pos, padded, NAME_LEN), "missing"))
		return false;
	r->version = ld_le32(r->buf + r->pos + NAME_LEN);
	if (!ser_check(r, r->version >= min && r->version <= max, "unknown version"))
		return false;
	len = ld_le64(r->buf + r->pos + NAME_LEN + 4);
	if (!ser_check(r, len <= r->len - r->pos - HEADER, "truncated"))
		return false;
	r->pos += HEADER;
	r->section_end = r->pos + len;
	return true;
}

void ser_close(struct ser_reader *r)
{
	if (!r->err.code && r->pos != r->section_end)
		reader_fail(r, "has trailing bytes");
	r->section_end = 0;
}

void ser_get_bytes(struct ser_reader *r, void *p, size_t n)
{
	if (r->err.code || !ser_check(r, n <= r->section_end - r->pos, "too short")) {
		memset(p, 0, n);
		return;
	}
	memcpy(p, r->buf + r->pos, n);
	r->pos += n;
}

const void *ser_get_blob(struct ser_reader *r, uint32_t *n, uint32_t max)
{
	const void *p;

	*n = ser_get_u32(r);
	if (!ser_check(r, *n <= max && *n <= r->section_end - r->pos, "bad blob length")) {
		*n = 0;
		return NULL;
	}
	p = r->buf + r->pos;
	r->pos += *n;
	return p;
}

int ser_error(const struct ser_reader *r, struct err *e)
{
	if (r->err.code && e)
		*e = r->err;
	return -r->err.code;
}
