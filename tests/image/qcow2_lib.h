/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the qcow2 tests: a scratch folder, QEMU's tools as the independent
 * reference, a shadow of the disk in memory.
 */
#pragma GCC diagnostic ignored "-Wunused-function"
#ifndef TESTS_QCOW2_LIB_H
#define TESTS_QCOW2_LIB_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "image/disk.h"
#include "image/qcow2.h"
#include "tests/test.h"

static char scratch_dir[64];

static void scratch_remove(void)
{
	char cmd[128];

	if (!scratch_dir[0])
		return;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", scratch_dir);
	if (system(cmd))
		fprintf(stderr, "%s stays\n", scratch_dir);
}

/* Go to a folder of our own, which goes away at exit. */
static void scratch_enter(void)
{
	if (scratch_dir[0])
		return;
	/* In memory where that is: QEMU's tools sync all the time. */
	snprintf(scratch_dir, sizeof(scratch_dir), "%s/doppel-disk-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(scratch_dir) || chdir(scratch_dir) < 0) {
		perror(scratch_dir);
		exit(1);
	}
	atexit(scratch_remove);
}

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;
	int n, r;

	cmd[0] = '{';
	cmd[1] = ' ';
	va_start(ap, fmt);
	n = 2 + vsnprintf(cmd + 2, sizeof(cmd) - 2, fmt, ap);
	va_end(ap);
	snprintf(cmd + n, sizeof(cmd) - (size_t)n, "; } >tool.out 2>&1");
	r = system(cmd);
	if (r == -1 || !WIFEXITED(r))
		return 255;
	return WEXITSTATUS(r);
}

/* DP_EFFORT=20: this many times as much of what is random. */
static int effort(void)
{
	const char *s = getenv("DP_EFFORT");

	return s && atoi(s) > 0 ? atoi(s) : 1;
}

#define RUN(...)                                                                     \
	do {                                                                         \
		if (run(__VA_ARGS__)) {                                              \
			fprintf(stderr, "failed: "); fprintf(stderr, __VA_ARGS__);   \
			fputc('\n', stderr);                                         \
			if (system("tail -n 5 tool.out >&2")) { }                    \
			TEST_FAIL("%s:%d: a reference tool failed", __FILE__, __LINE__); \
		}                                                                    \
	} while (0)

static void need_tools(void)
{
	scratch_enter();
	if (run("qemu-img --version && qemu-io --version"))
		SKIP("qemu-img and qemu-io are not installed");
}

/* qemu-img check: 0 clean, 3 leaks only. */
static void check_image(const char *path, bool leaks_allowed)
{
	int r = run("qemu-img check -f qcow2 %s", path);

	if (r == 3 && leaks_allowed)
		return;
	if (r) {
		if (system("head -n 8 tool.out >&2")) { }
		TEST_FAIL("qemu-img check %s: exit %d", path, r);
	}
}

static struct blk *open_disk(const char *path, bool readonly)
{
	struct err e = { 0 };
	struct blk *b = disk_open(path, NULL, readonly, &e);

	if (!b)
		TEST_FAIL("open: %.400s", e.msg);
	return b;
}

static int disk_read(struct blk *b, void *p, size_t n, uint64_t off)
{
	return b->ops->readv(b, &(struct iovec){ p, n }, 1, off);
}

static int disk_write(struct blk *b, const void *p, size_t n, uint64_t off)
{
	/* In three pieces, to have a scatter list. */
	size_t a = n / 512 / 3 * 512, c = n - 2 * a;
	struct iovec iov[3] = { { (char *)p, a }, { (char *)p + a, c }, { (char *)p + a + c, a } };

	return b->ops->writev(b, iov, 3, off);
}

/* ---- random operations ------------------------------------------------- */

struct rng {
	uint64_t s;
};

static uint64_t rnd(struct rng *r)
{
	r->s ^= r->s << 13;
	r->s ^= r->s >> 7;
	r->s ^= r->s << 17;
	return r->s;
}

static void fill(struct rng *r, uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 8 <= n; i += 8)
		st_le64(p + i, rnd(r));
}

struct shadow {
	uint8_t *data, *buf;
	uint64_t size;
};

static void shadow_init(struct shadow *s, uint64_t size)
{
	s->size = size;
	s->data = calloc(1, size);
	s->buf = malloc(size);
}

static void shadow_fini(struct shadow *s)
{
	free(s->data);
	free(s->buf);
}

static void shadow_save(const struct shadow *s, const char *path)
{
	FILE *f = fopen(path, "w");

	CHECK(f && fwrite(s->data, 1, s->size, f) == s->size);
	fclose(f);
}

static void shadow_load(struct shadow *s, const char *path)
{
	FILE *f = fopen(path, "r");

	memset(s->data, 0, s->size);
	CHECK(f);
	CHECK(fread(s->data, 1, s->size, f) > 0);
	fclose(f);
}

static void shadow_compare(struct shadow *s, struct blk *b)
{
	CHECK_EQ(b->size, s->size);
	CHECK_EQ(disk_read(b, s->buf, s->size, 0), 0);
	for (uint64_t i = 0; i < s->size; i += 512)
		if (memcmp(s->buf + i, s->data + i, 512))
			TEST_FAIL("sector %" PRIu64 " differs from what was written", i / 512);
}

/* A discarded sector reads as before or as zeros, nothing else. */
static void shadow_discarded(struct shadow *s, struct blk *b, uint64_t off, uint64_t len)
{
	static const uint8_t zero[512];

	CHECK_EQ(disk_read(b, s->buf, len, off), 0);
	for (uint64_t i = 0; i < len; i += 512) {
		if (memcmp(s->buf + i, s->data + off + i, 512) && memcmp(s->buf + i, zero, 512))
			TEST_FAIL("discarded sector %" PRIu64 " has other content", (off + i) / 512);
		memcpy(s->data + off + i, s->buf + i, 512);
	}
}

/* One operation on the disk and its shadow; 0 or its error.  On an error
 * the range is in an unknown state: *off and *len tell which. */
static int random_op(struct rng *r, struct blk *b, struct shadow *s, uint64_t *off, uint64_t *len)
{
	uint64_t kind = rnd(r) % 16, max = rnd(r) % 4 ? 64 : s->size / 512 / 3;
	int ret;

	*off = rnd(r) % (s->size / 512) * 512;
	*len = (rnd(r) % max + 1) * 512;
	if (rnd(r) % 8 == 0)
		*off = s->size - MIN(*len, s->size);
	*len = MIN(*len, s->size - *off);
	if (kind < 9) {
		fill(r, s->buf, *len);
		ret = disk_write(b, s->buf, *len, *off);
		if (ret == 0)
			memcpy(s->data + *off, s->buf, *len);
		return ret;
	}
	if (kind < 12) {
		ret = b->ops->write_zeroes(b, *off, *len, rnd(r) & 1);
		if (ret == 0)
			memset(s->data + *off, 0, *len);
		return ret;
	}
	if (kind < 14) {
		ret = b->ops->discard(b, *off, *len);
		if (ret == 0)
			shadow_discarded(s, b, *off, *len);
		return ret;
	}
	if (kind == 14)
		return b->ops->flush(b);
	CHECK_EQ(disk_read(b, s->buf, *len, *off), 0);
	if (memcmp(s->buf, s->data + *off, *len))
		TEST_FAIL("read of %#" PRIx64 " bytes at %#" PRIx64 " differs", *len, *off);
	return 0;
}

#endif
