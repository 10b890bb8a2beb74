/* SPDX-License-Identifier: Apache-2.0 */
/* Binary modules built by hand, for tests of the loader. */
#ifndef TESTS_WASM_BYTES_H
#define TESTS_WASM_BYTES_H

#include <errno.h>

#include "wasm/module.h"
#include "tests/test.h"

struct bytes {
	uint8_t *p;
	size_t n, cap;
	size_t open[8];         /* where the lengths of open parts are */
	unsigned depth;
};

static inline void put_bytes(struct bytes *b, const void *p, size_t n)
{
	if (b->n + n > b->cap) {
		b->cap = (b->n + n) * 2;
		b->p = realloc(b->p, b->cap);
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}
#define PUT(b, ...) \
	put_bytes(b, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static inline void put_u32(struct bytes *b, uint32_t v)
{
	do
		PUT(b, (v & 0x7f) | (v > 0x7f ? 0x80 : 0));
	while (v >>= 7);
}
static inline void put_name(struct bytes *b, const char *s)
{
	put_u32(b, (uint32_t)strlen(s));
	put_bytes(b, s, strlen(s));
}
/* A part with its length in front: five bytes, filled in at its end. */
static inline void part(struct bytes *b)
{
	b->open[b->depth++] = b->n;
	PUT(b, 0x80, 0x80, 0x80, 0x80, 0x00);
}
static inline void part_end(struct bytes *b)
{
	size_t at = b->open[--b->depth];
	uint32_t len = (uint32_t)(b->n - at - 5);

	for (unsigned i = 0; i < 5; i++)
		b->p[at + i] = (len >> (7 * i) & 0x7f) | (i < 4 ? 0x80 : 0);
}
static inline void section(struct bytes *b, uint8_t id)
{
	PUT(b, id);
	part(b);
}
static inline void header(struct bytes *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
	PUT(b, 0, 'a', 's', 'm', 1, 0, 0, 0);
}
/* One type [] -> [], one function of it, with this body ("end" is added). */
static inline void one_function(struct bytes *b, const void *body, size_t n)
{
	header(b);
	PUT(b, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0);
	section(b, 10);
	PUT(b, 1);
	part(b);
	PUT(b, 0);
	put_bytes(b, body, n);
	PUT(b, 0x0b);
	part_end(b);
	part_end(b);
}

/* Load a copy of exactly the bytes, so that a sanitizer sees a read behind
 * them; the copy is freed by unload(). */
struct loaded {
	struct wasm_type_store *store;
	struct wasm_module *m;
	uint8_t *copy;
	struct err e;
};
static inline struct loaded load(const struct bytes *b, unsigned features)
{
	struct loaded l = { .e = { 0 } };

	l.store = wasm_type_store_create(&l.e);
	l.copy = malloc(b->n ? b->n : 1);
	if (b->n)
		memcpy(l.copy, b->p, b->n);
	l.m = l.store ? wasm_module_load(l.store, l.copy, b->n, features, "test", &l.e) : NULL;
	return l;
}
static inline void unload(struct loaded *l)
{
	wasm_module_destroy(l->m);
	wasm_type_store_destroy(l->store);
	free(l->copy);
}
/* The module is refused with this message and code. */
#define CHECK_REFUSED(b, features, error, words) \
	do { \
		struct loaded l_ = load(b, features); \
		bool loaded_ = l_.m; \
		unload(&l_); \
		if (loaded_) \
			TEST_FAIL("%s:%d: accepted, not \"%.200s\"", __FILE__, __LINE__, words); \
		if (!strstr(l_.e.msg, words)) \
			TEST_FAIL("%s:%d: \"%.200s\", not \"%.100s\"", __FILE__, \
				  __LINE__, l_.e.msg, words); \
		CHECK_EQ(l_.e.code, error); \
	} while (0)
#define CHECK_LOADS(b, features) \
	do { \
		struct loaded l_ = load(b, features); \
		bool loaded_ = l_.m; \
		unload(&l_); \
		if (!loaded_) \
			TEST_FAIL("%s:%d: %.300s", __FILE__, __LINE__, l_.e.msg); \
	} while (0)

#endif
