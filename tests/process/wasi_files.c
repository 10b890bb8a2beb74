/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: data, positions, flags, rights, times, folders. */
#include "tests/process/wasi_rig.h"

static int seek(struct rig *r, uint32_t fd, int64_t off, uint32_t whence)
{
	return rig_call(r, "fd_seek", fd, off, whence, RIG_OUT);
}

static void written_data_is_read(void)
{
	char s[8192];
	struct rig r;
	uint32_t fd;

	rig_init(&r);
	fd = rig_open(&r, "a", WASI_CREAT);
	CHECK_EQ(fd, 4);
	CHECK_EQ(rig_write(&r, fd, "hello world"), 0);
	CHECK_EQ(rig_out(&r), 11);
	CHECK_EQ(rig_read(&r, fd, s), 0);
	CHECK_EQ(rig_out(&r), 0);
	CHECK_EQ(seek(&r, fd, -5, WASI_WHENCE_END), 0);
	CHECK_EQ(rig_out64(&r), 6);
	CHECK_EQ(rig_read(&r, fd, s), 0);
	CHECK_STR(s, "world");
	CHECK_EQ(rig_call(&r, "fd_tell", fd, RIG_OUT), 0);
	CHECK_EQ(rig_out64(&r), 11);
	CHECK_EQ(seek(&r, fd, -12, WASI_WHENCE_END), WASI_EINVAL);
	CHECK_EQ(seek(&r, fd, INT64_MAX, WASI_WHENCE_CUR), WASI_EINVAL);
	CHECK_EQ(seek(&r, fd, 0, 3), WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "fd_pread", fd, RIG_IOV, 1, 4, RIG_OUT), 0);
	CHECK_EQ(rig_out(&r), 7);
	CHECK_EQ(rig_call(&r, "fd_pwrite", fd, RIG_IOV, 1, -1, RIG_OUT), WASI_EFBIG);
	CHECK_EQ(rig_call(&r, "fd_pread", fd, RIG_IOV, 1, -1, RIG_OUT), WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "fd_close", fd), 0);
	CHECK_EQ(rig_call(&r, "fd_close", fd), WASI_EBADF);
	rig_fini(&r);
}

static void vectors(void)
{
	struct rig r;
	uint32_t fd;

	rig_init(&r);
	fd = rig_open(&r, "a", WASI_CREAT);
	rig_str(&r, RIG_BUF, "abcdef");
	for (unsigned i = 0; i < 1025; i++) {
		st_le32(r.mem + RIG_IOV + i * 8, RIG_BUF + i % 6);
		st_le32(r.mem + RIG_IOV + i * 8 + 4, i % 2);
	}
	CHECK_EQ(rig_call(&r, "fd_write", fd, RIG_IOV, 1024, RIG_OUT), 0);
	CHECK_EQ(rig_out(&r), 512);
	CHECK_EQ(rig_call(&r, "fd_write", fd, RIG_IOV, 1025, RIG_OUT), WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "fd_write", fd, RIG_IOV, 0, RIG_OUT), 0);
	CHECK_EQ(rig_out(&r), 0);
	CHECK_EQ(rig_call(&r, "fd_write", fd, RIG_IOV, UINT32_MAX, RIG_OUT), WASI_EFAULT);
	CHECK_EQ(rig_call(&r, "fd_write", fd, RIG_MEM - 4, 1, RIG_OUT), WASI_EFAULT);
	rig_iov(&r, RIG_MEM - 1, 2);
	CHECK_EQ(rig_call(&r, "fd_write", fd, RIG_IOV, 1, RIG_OUT), WASI_EFAULT);
	rig_iov(&r, RIG_BUF, 2);
	CHECK_EQ(rig_call(&r, "fd_write", fd, RIG_IOV, 1, RIG_MEM - 3), WASI_EFAULT);
	rig_fini(&r);
}

static void append_goes_to_the_end(void)
{
	char s[8192];
	struct rig r;
	uint32_t fd;

	rig_init(&r);
	CHECK_EQ(rig_open_at(&r, 3, "a", 0, WASI_CREAT, WASI_RIGHTS_FILE, 0, WASI_APPEND), 0);
	fd = rig_out(&r);
	CHECK_EQ(rig_write(&r, fd, "one"), 0);
	CHECK_EQ(seek(&r, fd, 0, WASI_WHENCE_SET), 0);
	CHECK_EQ(rig_write(&r, fd, "two"), 0);
	CHECK_EQ(seek(&r, fd, 0, WASI_WHENCE_CUR), 0);
	CHECK_EQ(rig_out64(&r), 6);
	CHECK_EQ(rig_call(&r, "fd_fdstat_set_flags", fd, 0), 0);
	CHECK_EQ(seek(&r, fd, 0, WASI_WHENCE_SET), 0);
	CHECK_EQ(rig_write(&r, fd, "ONE"), 0);
	CHECK_EQ(rig_call(&r, "fd_fdstat_set_flags", fd, 32), WASI_EINVAL);
	CHECK_EQ(seek(&r, fd, 0, WASI_WHENCE_SET), 0);
	CHECK_EQ(rig_read(&r, fd, s), 0);
	CHECK_STR(s, "ONEtwo");
	rig_fini(&r);
}

static void open_flags(void)
{
	char s[8192];
	struct rig r;
	uint32_t fd;

	rig_init(&r);
	fd = rig_open(&r, "a", WASI_CREAT | WASI_EXCL);
	CHECK_EQ(rig_write(&r, fd, "data"), 0);
	CHECK_EQ(rig_open_at(&r, 3, "a", 0, WASI_CREAT | WASI_EXCL, 0, 0, 0), WASI_EEXIST);
	CHECK_EQ(rig_open_at(&r, 3, "a", 0, WASI_DIRECTORY, 0, 0, 0), WASI_ENOTDIR);
	CHECK_EQ(rig_open_at(&r, 3, ".", 0, WASI_CREAT, 0, 0, 0), WASI_EISDIR);
	CHECK_EQ(rig_open_at(&r, 3, ".", 0, 0, WASI_FD_WRITE, 0, 0), WASI_EISDIR);
	CHECK_EQ(rig_open_at(&r, 3, ".", 0, WASI_DIRECTORY | WASI_CREAT, 0, 0, 0), WASI_EINVAL);
	CHECK_EQ(rig_open_at(&r, 3, "new/", 0, WASI_CREAT, 0, 0, 0), WASI_EISDIR);
	CHECK_EQ(rig_open_at(&r, 3, "a", 0, 16, 0, 0, 0), WASI_EINVAL);
	CHECK_EQ(rig_open_at(&r, 3, "a", 2, 0, 0, 0, 0), WASI_EINVAL);
	/* Truncation takes the right to it, not the right to write. */
	CHECK_EQ(rig_open_at(&r, 3, "a", 0, WASI_TRUNC, WASI_FD_READ, 0, 0), 0);
	CHECK_EQ(rig_read(&r, rig_out(&r), s), 0);
	CHECK_STR(s, "");
	CHECK(!mkfifo((snprintf(s, sizeof(s), "%s/fifo", r.dir), s), 0600));
	CHECK_EQ(rig_open_at(&r, 3, "fifo", 0, 0, WASI_FD_READ, 0, 0), WASI_ENXIO);
	rig_fini(&r);
}

static void rights_only_shrink(void)
{
	struct rig r;
	uint32_t d, fd;

	rig_init(&r);
	fd = rig_open(&r, "a", WASI_CREAT);
	CHECK_EQ(rig_call(&r, "fd_fdstat_set_rights", fd, WASI_FD_READ, 0), 0);
	CHECK_EQ(rig_write(&r, fd, "x"), WASI_ENOTCAPABLE);
	CHECK_EQ(rig_call(&r, "fd_sync", fd), WASI_ENOTCAPABLE);
	CHECK_EQ(rig_call(&r, "fd_pread", fd, RIG_IOV, 1, 0, RIG_OUT), WASI_ENOTCAPABLE);
	CHECK_EQ(seek(&r, fd, 0, WASI_WHENCE_CUR), WASI_ENOTCAPABLE);
	CHECK_EQ(rig_call(&r, "fd_fdstat_set_rights", fd, WASI_FD_READ | WASI_FD_WRITE, 0),
		 WASI_ENOTCAPABLE);
	/* What a folder does not hand down, nothing below it has. */
	CHECK_EQ(rig_open_at(&r, 3, ".", 0, WASI_DIRECTORY, WASI_PATH_OPEN, WASI_FD_READ, 0), 0);
	d = rig_out(&r);
	CHECK_EQ(rig_open_at(&r, d, "a", 0, 0, WASI_FD_READ, 0, 0), 0);
	CHECK_EQ(rig_open_at(&r, d, "a", 0, 0, WASI_FD_WRITE, 0, 0), WASI_ENOTCAPABLE);
	CHECK_EQ(rig_open_at(&r, d, "a", 0, 0, 0, WASI_FD_WRITE, 0), WASI_ENOTCAPABLE);
	CHECK_EQ(rig_open_at(&r, d, "b", 0, WASI_CREAT, 0, 0, 0), WASI_ENOTCAPABLE);
	CHECK_EQ(rig_open_at(&r, d, "a", 0, WASI_TRUNC, 0, 0, 0), WASI_ENOTCAPABLE);
	CHECK_EQ(rig_path(&r, "path_create_directory", d, "x"), WASI_ENOTCAPABLE);
	/* The kind of descriptor says more. */
	CHECK_EQ(rig_path(&r, "path_unlink_file", fd, "a"), WASI_ENOTDIR);
	CHECK_EQ(rig_write(&r, 3, "x"), WASI_EISDIR);
	CHECK_EQ(rig_call(&r, "sock_shutdown", 1, 1), WASI_ENOTSOCK);
	CHECK_EQ(rig_call(&r, "fd_sync", 77), WASI_EBADF);
	rig_fini(&r);
}

static void a_read_only_folder(void)
{
	struct wasi_preopen pre = { .guest = "/ro", .readonly = true };
	struct wasi_options o = { .npreopens = 1, .preopens = &pre };
	char s[8192];
	struct rig r = { 0 };

	rig_make_dir(&r);
	pre.host = r.dir;
	snprintf(s, sizeof(s), "%s/a", r.dir);
	CHECK(!close(open(s, O_CREAT | O_WRONLY, 0644)));
	rig_start(&r, &o, NULL);
	CHECK_EQ(rig_open_at(&r, 3, "a", 0, 0, WASI_FD_READ | WASI_FD_FILESTAT_SET_SIZE, 0, 0), 0);
	CHECK_EQ(rig_open_at(&r, 3, "a", 0, 0, WASI_FD_WRITE, 0, 0), WASI_EROFS);
	CHECK_EQ(rig_open_at(&r, 3, "a", 0, WASI_TRUNC, 0, 0, 0), WASI_EROFS);
	CHECK_EQ(rig_open_at(&r, 3, "b", 0, WASI_CREAT, WASI_FD_WRITE, 0, 0), WASI_EROFS);
	CHECK_EQ(rig_path(&r, "path_unlink_file", 3, "a"), WASI_EROFS);
	CHECK_EQ(rig_path(&r, "path_create_directory", 3, "d"), WASI_EROFS);
	CHECK_EQ(rig_call(&r, "fd_filestat_set_times", 3, 0, 0, WASI_MTIM), WASI_EROFS);
	rig_fini(&r);
}

static void sizes_and_times(void)
{
	struct rig r;
	uint8_t *st;
	uint32_t fd;
	int64_t n;

	rig_init(&r);
	fd = rig_open(&r, "a", WASI_CREAT);
	st = r.mem + RIG_BUF;
	CHECK_EQ(rig_call(&r, "fd_filestat_set_size", fd, 100), 0);
	CHECK_EQ(rig_call(&r, "fd_allocate", fd, 90, 20), 0);
	CHECK_EQ(rig_call(&r, "fd_allocate", fd, 0, 0), WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "fd_advise", fd, 0, 10, 5), 0);
	CHECK_EQ(rig_call(&r, "fd_advise", fd, 0, 10, 6), WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "fd_filestat_set_times", fd, 111222333444, 5000000001,
			  WASI_ATIM | WASI_MTIM), 0);
	CHECK_EQ(rig_call(&r, "fd_filestat_get", fd, RIG_BUF), 0);
	CHECK_EQ(st[16], WASI_TYPE_FILE);
	CHECK_EQ(ld_le64(st + 24), 1);
	CHECK_EQ(ld_le64(st + 32), 110);
	CHECK_EQ(ld_le64(st + 40), 111222333444);
	CHECK_EQ(ld_le64(st + 48), 5000000001);
	CHECK_EQ(rig_call(&r, "fd_filestat_set_times", fd, 0, 0, WASI_ATIM | WASI_ATIM_NOW),
		 WASI_EINVAL);
	CHECK_EQ(rig_call(&r, "fd_filestat_set_times", fd, 0, 0, 16), WASI_EINVAL);
	n = rig_str(&r, RIG_PATH, "a");
	CHECK_EQ(rig_call(&r, "path_filestat_set_times", 3, 0, RIG_PATH, n, 0, 7, WASI_MTIM), 0);
	CHECK_EQ(rig_call(&r, "path_filestat_get", 3, 0, RIG_PATH, n, RIG_BUF), 0);
	CHECK_EQ(ld_le64(st + 48), 7);
	CHECK_EQ(rig_call(&r, "fd_sync", fd), 0);
	CHECK_EQ(rig_call(&r, "fd_datasync", 3), 0);
	rig_fini(&r);
}

static void the_older_layouts(void)
{
	struct rig r = { 0 };
	uint8_t *st;
	uint32_t fd;

	rig_make_dir(&r);
	rig_start(&r, NULL, "wasi_unstable");
	fd = rig_open(&r, "a", WASI_CREAT);
	st = r.mem + RIG_BUF;
	CHECK_EQ(rig_write(&r, fd, "12345"), 0);
	CHECK_EQ(seek(&r, fd, 2, 2 /* SET */), 0);
	CHECK_EQ(seek(&r, fd, 1, 0 /* CUR */), 0);
	CHECK_EQ(rig_out64(&r), 3);
	CHECK_EQ(seek(&r, fd, -1, 1 /* END */), 0);
	CHECK_EQ(rig_out64(&r), 4);
	memset(st, 0xaa, 64);
	CHECK_EQ(rig_call(&r, "fd_filestat_get", fd, RIG_BUF), 0);
	CHECK_EQ(st[16], WASI_TYPE_FILE);
	CHECK_EQ(ld_le32(st + 20), 1);
	CHECK_EQ(ld_le64(st + 24), 5);
	CHECK_EQ(st[56], 0xaa);
	/* One clock of 1 ms; then a wrong clock. */
	memset(st, 0, 56);
	st_le64(st, 42);
	st_le32(st + 24, WASI_CLOCK_MONOTONIC);
	st_le64(st + 32, 1000000);
	CHECK_EQ(rig_call(&r, "poll_oneoff", RIG_BUF, RIG_BUF + 4096, 1, RIG_OUT), 0);
	CHECK_EQ(rig_out(&r), 1);
	CHECK_EQ(ld_le64(st + 4096), 42);
	CHECK_EQ(ld_le16(st + 4096 + 8), 0);
	rig_fini(&r);
}

/* Names of a folder, in a bit set of "fNNN", by buffers of `size` bytes. */
static unsigned list(struct rig *r, uint32_t fd, uint32_t size, uint8_t *seen, bool *sorted)
{
	char last[32] = "", name[32];
	uint64_t cookie = 0;
	unsigned n = 0;

	*sorted = true;
	for (;;) {
		uint32_t used, at = 0, len;

		CHECK_EQ(rig_call(r, "fd_readdir", fd, RIG_BUF, size, (int64_t)cookie, RIG_OUT), 0);
		used = rig_out(r);
		CHECK(used <= size);
		while (at + 24 <= used) {
			const uint8_t *p = r->mem + RIG_BUF + at;

			len = ld_le32(p + 16);
			if (at + 24 + len > used)
				break;
			cookie = ld_le64(p);
			memcpy(name, p + 24, len);
			name[len] = '\0';
			*sorted &= strcmp(last, name) < 0;
			strcpy(last, name);
			CHECK_EQ(p[20], name[0] == 'f' ? WASI_TYPE_FILE : WASI_TYPE_DIR);
			if (name[0] == 'f')
				seen[atoi(name + 1)]++;
			n++;
			at += 24 + len;
		}
		if (used < size)
			return n;
		CHECK(at > 0);
	}
}

static void check_folder(bool deterministic)
{
	struct wasi_options o = { .deterministic = deterministic };
	uint8_t seen[1000] = { 0 };
	struct rig r = { 0 };
	char path[128];
	bool sorted;
	uint32_t d;

	rig_make_dir(&r);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "%s/f%u", r.dir, i);
		CHECK(!close(open(path, O_CREAT | O_WRONLY, 0644)));
	}
	rig_start(&r, &o, NULL);
	CHECK_EQ(rig_open_at(&r, 3, ".", 0, WASI_DIRECTORY, WASI_FD_READDIR, 0, 0), 0);
	d = rig_out(&r);
	CHECK_EQ(list(&r, d, 256, seen, &sorted), 1002);
	CHECK_EQ(list(&r, d, 65536, seen, &sorted), 1002);
	CHECK(sorted || !deterministic);
	for (unsigned i = 0; i < 1000; i++)
		CHECK_EQ(seen[i], 2);
	/* Removing while reading skips nothing that is still there. */
	snprintf(path, sizeof(path), "%s/f0", r.dir);
	CHECK(!unlink(path));
	CHECK_EQ(list(&r, d, 4096, seen, &sorted), 1001);
	CHECK_EQ(rig_call(&r, "fd_readdir", d, RIG_BUF, 0, 0, RIG_OUT), 0);
	CHECK_EQ(rig_call(&r, "fd_readdir", d, RIG_BUF, 100, -1, RIG_OUT), WASI_EINVAL);
	rig_fini(&r);
}

static void a_folder_of_1000(void) { check_folder(false); }
static void a_sorted_folder_of_1000(void) { check_folder(true); }

static void renumbering(void)
{
	char s[8192];
	struct rig r;
	uint32_t a, b;

	rig_init(&r);
	a = rig_open(&r, "a", WASI_CREAT);
	b = rig_open(&r, "b", WASI_CREAT);
	CHECK_EQ(rig_write(&r, a, "aa"), 0);
	CHECK_EQ(rig_call(&r, "fd_renumber", a, b), 0);
	CHECK_EQ(rig_call(&r, "fd_tell", b, RIG_OUT), 0);
	CHECK_EQ(rig_out64(&r), 2);
	CHECK_EQ(rig_call(&r, "fd_renumber", b, a), WASI_EBADF);
	CHECK_EQ(rig_call(&r, "fd_renumber", b, b), 0);
	CHECK_EQ(rig_call(&r, "fd_renumber", b, 3), 0);
	CHECK_EQ(rig_call(&r, "fd_prestat_get", 3, RIG_OUT), WASI_EBADF);
	CHECK_EQ(rig_call(&r, "fd_seek", 3, 0, WASI_WHENCE_SET, RIG_OUT), 0);
	CHECK_EQ(rig_read(&r, 3, s), 0);
	CHECK_STR(s, "aa");
	rig_fini(&r);
}

static void preopens_have_names(void)
{
	struct rig r;

	rig_init(&r);
	CHECK_EQ(rig_call(&r, "fd_prestat_get", 3, RIG_OUT), 0);
	CHECK_EQ(rig_out64(&r), 1ull << 32);
	CHECK_EQ(rig_call(&r, "fd_prestat_dir_name", 3, RIG_BUF, 0), WASI_ENAMETOOLONG);
	CHECK_EQ(rig_call(&r, "fd_prestat_dir_name", 3, RIG_BUF, 5), 0);
	CHECK_EQ(r.mem[RIG_BUF], '/');
	CHECK_EQ(rig_call(&r, "fd_prestat_get", 4, RIG_OUT), WASI_EBADF);
	CHECK_EQ(rig_call(&r, "fd_prestat_get", 0, RIG_OUT), WASI_EBADF);
	rig_fini(&r);
}

static void too_many_files(void)
{
	struct wasi_options o = { .max_files = 20 };
	struct rig r = { 0 };
	int e = 0, n = 0;

	rig_make_dir(&r);
	rig_start(&r, &o, NULL);
	while (!e && n < 100) {
		e = rig_open_at(&r, 3, "a", 0, WASI_CREAT, WASI_FD_READ, 0, 0);
		n += !e;
	}
	CHECK_EQ(e, WASI_EMFILE);
	CHECK_EQ(n, 16);
	CHECK_EQ(rig_call(&r, "fd_close", 7), 0);
	CHECK_EQ(rig_open_at(&r, 3, "a", 0, 0, WASI_FD_READ, 0, 0), 0);
	CHECK_EQ(rig_out(&r), 7);
	rig_fini(&r);
}

TEST_MAIN({ "written_data_is_read", written_data_is_read },
	  { "vectors", vectors },
	  { "append_goes_to_the_end", append_goes_to_the_end },
	  { "open_flags", open_flags },
	  { "rights_only_shrink", rights_only_shrink },
	  { "a_read_only_folder", a_read_only_folder },
	  { "sizes_and_times", sizes_and_times },
	  { "the_older_layouts", the_older_layouts },
	  { "a_folder_of_1000", a_folder_of_1000 },
	  { "a_sorted_folder_of_1000", a_sorted_folder_of_1000 },
	  { "renumbering", renumbering },
	  { "preopens_have_names", preopens_have_names },
	  { "too_many_files", too_many_files })
