/* SPDX-License-Identifier: Apache-2.0 */
/* A program's files, positions and random numbers go on in another process. */
#include "tests/process/wasi_rig.h"

static void save(struct rig *r, struct ser_writer *w)
{
	ser_writer_init(w);
	ser_begin(w, "wasi", 1);
	wasi_save(r->wasi, w);
	ser_end(w);
	CHECK(!w->failed);
}

static int load(struct rig *r, const void *p, size_t n)
{
	struct ser_reader s;

	ser_reader_init(&s, p, n);
	if (ser_open(&s, "wasi", 1, 1)) {
		wasi_load(r->wasi, &s);
		ser_close(&s);
	}
	return ser_error(&s, &r->e);
}

static const struct wasi_options det = { .deterministic = true, .seed = 3 };

static void prepare(struct rig *r, uint32_t *fd, uint32_t *dir)
{
	*r = (struct rig){ 0 };
	rig_make_dir(r);
	rig_start(r, &det, NULL);
	CHECK_EQ(rig_path(r, "path_create_directory", 3, "d"), 0);
	CHECK_EQ(rig_open_at(r, 3, "d", 0, WASI_DIRECTORY, WASI_RIGHTS_DIR,
			     WASI_RIGHTS_DIR | WASI_RIGHTS_FILE, 0), 0);
	*dir = rig_out(r);
	CHECK_EQ(rig_open_at(r, *dir, "f", 0, WASI_CREAT, WASI_RIGHTS_FILE, 0, 0), 0);
	*fd = rig_out(r);
	CHECK_EQ(rig_write(r, *fd, "0123456789"), 0);
	CHECK_EQ(rig_call(r, "fd_seek", *fd, 4, WASI_WHENCE_SET, RIG_OUT), 0);
}

static void a_program_goes_on(void)
{
	uint8_t before[16], stat[64];
	struct ser_writer w;
	uint32_t fd, dir;
	char s[8192];
	struct rig r;

	prepare(&r, &fd, &dir);
	CHECK_EQ(rig_call(&r, "fd_filestat_get", fd, RIG_BUF), 0);
	memcpy(stat, r.mem + RIG_BUF, 64);
	save(&r, &w);
	CHECK_EQ(rig_call(&r, "random_get", RIG_BUF, 16), 0);
	memcpy(before, r.mem + RIG_BUF, 16);
	rig_stop(&r);
	rig_start(&r, &det, NULL);
	CHECK_EQ(rig_open_at(&r, 3, "d/f", 0, 0, 0, 0, 0), 0);
	CHECK_EQ(load(&r, w.buf, w.len), 0);
	CHECK_EQ(rig_read(&r, fd, s), 0);
	CHECK_STR(s, "456789");
	CHECK_EQ(rig_open_at(&r, dir, "g", 0, WASI_CREAT, WASI_FD_WRITE, 0, 0), 0);
	CHECK_EQ(rig_out(&r), fd + 1);
	CHECK_EQ(rig_call(&r, "fd_filestat_get", fd, RIG_BUF), 0);
	CHECK(!memcmp(r.mem + RIG_BUF, stat, 64));
	CHECK_EQ(rig_call(&r, "random_get", RIG_BUF, 16), 0);
	CHECK(!memcmp(before, r.mem + RIG_BUF, 16));
	ser_writer_fini(&w);
	rig_fini(&r);
}

/* Cut anywhere and with any byte changed: an error, or a state that works. */
static void bad_state_is_refused(void)
{
	struct ser_writer w;
	uint32_t fd, dir;
	char s[8192];
	struct rig r;
	size_t n;

	prepare(&r, &fd, &dir);
	save(&r, &w);
	n = w.len;
	for (size_t i = 0; i < n; i += 7)
		CHECK(load(&r, w.buf, i) < 0);
	for (size_t i = 28; i < n; i++) {
		w.buf[i] ^= 0x81;
		if (!load(&r, w.buf, n))
			for (uint32_t k = 0; k < 8; k++) {
				rig_read(&r, k > 2 ? k : 7, s);
				rig_call(&r, "fd_readdir", k, RIG_BUF, 100, 0, RIG_OUT);
				rig_call(&r, "fd_filestat_get", k, RIG_BUF);
			}
		w.buf[i] ^= 0x81;
	}
	CHECK_EQ(load(&r, w.buf, n), 0);
	CHECK_EQ(rig_read(&r, fd, s), 0);
	ser_writer_fini(&w);
	rig_fini(&r);
}

/* Two runs do the same calls and see the same bytes. */
static void two_runs_are_identical(void)
{
	static uint8_t seen[2][RIG_MEM];
	char s[8192];
	struct rig r;

	for (unsigned run = 0; run < 2; run++) {
		uint32_t fd, dir;

		prepare(&r, &fd, &dir);
		CHECK_EQ(rig_read(&r, fd, s), 0);
		CHECK_EQ(rig_call(&r, "fd_filestat_get", fd, RIG_BUF), 0);
		CHECK_EQ(rig_call(&r, "fd_filestat_get", dir, RIG_BUF + 64), 0);
		CHECK_EQ(rig_call(&r, "fd_filestat_get", 3, RIG_BUF + 128), 0);
		CHECK_EQ(rig_call(&r, "fd_readdir", 3, RIG_BUF + 256, 500, 0, RIG_OUT2), 0);
		CHECK_EQ(rig_call(&r, "clock_time_get", 0, 0, RIG_BUF + 1024), 0);
		CHECK_EQ(rig_call(&r, "clock_time_get", 1, 0, RIG_BUF + 1032), 0);
		CHECK_EQ(rig_call(&r, "clock_time_get", 2, 0, RIG_BUF + 1040), 0);
		CHECK_EQ(rig_call(&r, "random_get", RIG_BUF + 1048, 64), 0);
		memcpy(seen[run], r.mem, RIG_MEM);
		rig_fini(&r);
		usleep(20000);
	}
	for (unsigned i = 0; i < RIG_MEM; i++)
		if (seen[0][i] != seen[1][i])
			TEST_FAIL("byte %#x differs", i);
}

TEST_MAIN({ "a_program_goes_on", a_program_goes_on },
	  { "bad_state_is_refused", bad_state_is_refused },
	  { "two_runs_are_identical", two_runs_are_identical })
