/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot files: what is read is what was written, and any damage is seen. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tests/test.h"
#include "vm/snapshot.h"

static char path[64];
static struct err err;

static void write_one(unsigned n)
{
	struct ser_writer w;

	snprintf(path, sizeof(path), "/tmp/doppel-snapshot-%d", (int)getpid());
	ser_writer_init(&w);
	ser_begin(&w, "a", 1);
	for (unsigned i = 0; i < n; i++)
		ser_u8(&w, (uint8_t)(i * 3));
	ser_end(&w);
	CHECK_EQ(snapshot_write(path, "system", &w, &err), 0);
	ser_writer_fini(&w);
}

static int read_one(const char *kind)
{
	uint8_t *buf = NULL;
	size_t len;
	int r = snapshot_read(path, kind, &buf, &len, &err);

	base_free(buf);
	return r;
}

static void round_trip(void)
{
	struct ser_reader r;
	uint8_t *buf;
	size_t len;

	write_one(1000);
	CHECK_EQ(snapshot_read(path, "system", &buf, &len, &err), 0);
	ser_reader_init(&r, buf, len);
	CHECK(ser_open(&r, "a", 1, 1));
	for (unsigned i = 0; i < 1000; i++)
		CHECK_EQ(ser_get_u8(&r), (uint8_t)(i * 3));
	ser_close(&r);
	CHECK_EQ(ser_error(&r, NULL), 0);
	base_free(buf);
	CHECK(read_one("process") < 0);
	CHECK(strstr(err.msg, "not a snapshot of a process machine"));
	unlink(path);
}

/* Flip a bit at each place, and cut at each length. */
static void damage(void)
{
	uint8_t all[256], copy[256];
	ssize_t n;
	int fd;

	write_one(50);
	fd = open(path, O_RDWR);
	n = pread(fd, all, sizeof(all), 0);
	CHECK(n > 100 && n < 256);
	for (ssize_t i = 0; i < n; i++) {
		if (i >= 12 && i < 16)
			continue; /* reserved */
		memcpy(copy, all, sizeof(copy));
		copy[i] ^= 0x10;
		CHECK_EQ(pwrite(fd, copy, (size_t)n, 0), n);
		if (!read_one("system"))
			TEST_FAIL("damage at %zd not seen", i);
	}
	for (ssize_t i = n - 1; i >= 0; i--) {
		CHECK_EQ(pwrite(fd, all, (size_t)n, 0), n);
		CHECK_EQ(ftruncate(fd, i), 0);
		if (!read_one("system"))
			TEST_FAIL("cut at %zd not seen", i);
	}
	close(fd);
	unlink(path);
}

/* XXH64's published values: of nothing, and of "a", "abc" (seed 0). */
static void digest(void)
{
	CHECK_EQ(snapshot_digest("", 0), 0xef46db3751d8e999ull);
	CHECK_EQ(snapshot_digest("a", 1), 0xd24ec4f1a98c6e5bull);
	CHECK_EQ(snapshot_digest("abc", 3), 0x44bc2cf5ad770999ull);
}

static void nothing_half_made(void)
{
	struct ser_writer w;

	ser_writer_init(&w);
	CHECK(snapshot_write("/nonexistent/x", "system", &w, &err) < 0);
	ser_writer_fini(&w);
	CHECK(strstr(err.msg, "/nonexistent/x"));
}

TEST_MAIN(
	{ "a_round_trip_keeps_all", round_trip },
	{ "any_damage_is_seen", damage },
	{ "the_digest_is_xxh64", digest },
	{ "a_failed_write_names_the_file", nothing_half_made },
)
