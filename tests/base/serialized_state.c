/* SPDX-License-Identifier: Apache-2.0 */
/* Sections come back as written; a damaged one is refused with its place. */
#include "base/ser.h"
#include "tests/test.h"

static struct ser_writer w;

static void write_section(void)
{
	ser_writer_init(&w);
	ser_begin(&w, "thing", 2);
	ser_u8(&w, 7);
	ser_u16(&w, 0x1234);
	ser_u32(&w, 0xdeadbeef);
	ser_u64(&w, 0x0123456789abcdef);
	ser_blob(&w, "hello", 5);
	ser_end(&w);
}

static void values_round_trip(void)
{
	struct ser_reader r;
	uint32_t n;

	write_section();
	ser_reader_init(&r, w.buf, w.len);
	CHECK(ser_open(&r, "thing", 1, 2));
	CHECK_EQ(r.version, 2);
	CHECK_EQ(ser_get_u8(&r), 7);
	CHECK_EQ(ser_get_u16(&r), 0x1234);
	CHECK_EQ(ser_get_u32(&r), 0xdeadbeef);
	CHECK_EQ(ser_get_u64(&r), 0x0123456789abcdef);
	const char *p = ser_get_blob(&r, &n, 16);

	CHECK(p && n == 5 && !memcmp(p, "hello", 5));
	ser_close(&r);
	CHECK_EQ(ser_error(&r, NULL), 0);
	ser_writer_fini(&w);
}

static void every_truncation_is_refused(void)
{
	write_section();
	for (size_t len = 0; len < w.len; len++) {
		struct ser_reader r;

		ser_reader_init(&r, w.buf, len);
		CHECK(!ser_open(&r, "thing", 1, 2));
		CHECK(ser_error(&r, NULL) < 0);
	}
	ser_writer_fini(&w);
}

static void wrong_name_version_and_rest_are_refused(void)
{
	struct ser_reader r;
	struct err e;

	write_section();
	ser_reader_init(&r, w.buf, w.len);
	CHECK(!ser_open(&r, "other", 1, 2));
	ser_reader_init(&r, w.buf, w.len);
	CHECK(!ser_open(&r, "thing", 3, 4));
	ser_error(&r, &e);
	CHECK(strstr(e.msg, "thing") && strstr(e.msg, "version"));
	ser_reader_init(&r, w.buf, w.len);
	CHECK(ser_open(&r, "thing", 2, 2));
	ser_get_u8(&r);
	ser_close(&r);
	CHECK(ser_error(&r, NULL) < 0);
	ser_writer_fini(&w);
}

static void reading_past_the_section_gives_zeros_and_fails(void)
{
	struct ser_reader r;
	uint8_t big[100];

	write_section();
	ser_reader_init(&r, w.buf, w.len);
	CHECK(ser_open(&r, "thing", 2, 2));
	memset(big, 1, sizeof(big));
	ser_get_bytes(&r, big, sizeof(big));
	CHECK_EQ(big[0], 0);
	CHECK_EQ(ser_get_u64(&r), 0);
	CHECK(ser_error(&r, NULL) < 0);
	ser_writer_fini(&w);
}

static void out_of_memory_is_sticky(void)
{
	fail_setup("alloc:1");
	write_section();
	CHECK(w.failed);
	fail_setup(NULL);
	ser_writer_fini(&w);
}

TEST_MAIN({ "values_round_trip", values_round_trip },
	  { "every_truncation_is_refused", every_truncation_is_refused },
	  { "wrong_name_version_and_rest_are_refused", wrong_name_version_and_rest_are_refused },
	  { "reading_past_the_section_gives_zeros_and_fails", reading_past_the_section_gives_zeros_and_fails },
	  { "out_of_memory_is_sticky", out_of_memory_is_sticky })
