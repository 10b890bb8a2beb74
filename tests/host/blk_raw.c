/* SPDX-License-Identifier: Apache-2.0 */
/* Raw disks: transfers that the kernel cuts short, locks, durability, holes. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/blk.h"
#include "host/blk_file.h"
#include "tests/test.h"

/* In place of the C library's: cut short and interrupted when `mean`. */
static bool mean;
static unsigned calls;

static int mean_iov(const struct iovec *iov, int n, struct iovec *out)
{
	uint64_t len = blk_iov_len(iov, n);

	return blk_iov_slice(iov, n, 0, len > 1 ? 1 + calls * 37 % len : len, out);
}

ssize_t preadv(int fd, const struct iovec *iov, int n, off_t off)
{
	struct iovec part[256];

	if (mean && ++calls % 3 == 0) {
		errno = EINTR;
		return -1;
	}
	if (mean) {
		n = mean_iov(iov, n, part);
		iov = part;
	}
	return syscall(SYS_preadv, fd, iov, n, off, 0);
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	struct iovec part[256];

	if (mean && ++calls % 3 == 0) {
		errno = EINTR;
		return -1;
	}
	if (mean) {
		n = mean_iov(iov, n, part);
		iov = part;
	}
	return syscall(SYS_pwritev, fd, iov, n, off, 0);
}

static char path[] = "/tmp/doppel-raw-XXXXXX";

static void make_file(off_t size)
{
	static bool made;

	if (!made) {
		close(mkstemp(path));
		made = true;
	}
	CHECK(truncate(path, 0) == 0 && truncate(path, size) == 0);
}

static struct blk *open_raw(bool readonly)
{
	struct err e = { 0 };
	struct blk *b = blk_raw_open(path, readonly, &e);

	if (!b)
		TEST_FAIL("%.400s", e.msg);
	return b;
}

static void refused(const char *name, bool readonly, const char *want)
{
	struct err e = { 0 };
	char msg[300];

	CHECK(!blk_raw_open(name, readonly, &e));
	snprintf(msg, sizeof(msg), "%s: %s", name, want);
	CHECK_STR(e.msg, msg);
}

static void short_transfers_are_completed(void)
{
	enum { N = 600 };
	static uint8_t out[N * 512], in[N * 512];
	struct iovec iov[N];
	struct blk *b;

	make_file(1 << 20);
	b = open_raw(false);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 31 >> 3);
	mean = true;
	for (int i = 0; i < N; i++)
		iov[i] = (struct iovec){ out + i * 512, 512 };
	CHECK_EQ(b->ops->writev(b, iov, N, 4096), 0);
	for (int i = 0; i < N; i++)
		iov[i] = (struct iovec){ in + i * 512, 512 };
	CHECK_EQ(b->ops->readv(b, iov, N, 4096), 0);
	mean = false;
	CHECK(!memcmp(in, out, sizeof(in)));
	CHECK_EQ(b->ops->flush(b), 0);
	b->ops->destroy(b);
}

/* Another process, because one's own locks never conflict... with an open
 * file description of one's own they do: both are shown. */
static void one_writer_or_many_readers(void)
{
	struct blk *a, *b;
	int status;
	pid_t pid;

	make_file(4096);
	a = open_raw(false);
	refused(path, false, "in use by another process");
	refused(path, true, "in use by another process that writes it");
	pid = fork();
	if (pid == 0)
		_exit(blk_raw_open(path, false, NULL) ? 1 : 0);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 0);
	a->ops->destroy(a);
	a = open_raw(true);
	b = open_raw(true);
	refused(path, false, "in use by another process");
	a->ops->destroy(a);
	b->ops->destroy(b);
	a = open_raw(false);
	a->ops->destroy(a);
}

/* QEMU's tools see our locks and we see theirs. */
static void locks_are_qemus_too(void)
{
	char cmd[200];
	struct blk *b;

	if (system("qemu-io --version >/dev/null 2>&1"))
		SKIP("qemu-io is not installed");
	make_file(1 << 20);
	b = open_raw(false);
	snprintf(cmd, sizeof(cmd), "qemu-io -f raw -c 'write 0 512' %s >/dev/null 2>&1", path);
	CHECK(system(cmd) != 0);
	b->ops->destroy(b);
	CHECK(system(cmd) == 0);
	snprintf(cmd, sizeof(cmd), "qemu-io -f raw -c 'sleep 9000' %s >/dev/null 2>&1 & "
		 "echo $! >%s.pid; sleep 0.5", path, path);
	CHECK(system(cmd) == 0);
	refused(path, false, "in use by another process");
	refused(path, true, "in use by another process that writes it");
	snprintf(cmd, sizeof(cmd), "kill $(cat %s.pid); rm %s.pid; sleep 0.2", path, path);
	CHECK(system(cmd) == 0);
}

static void odd_sizes(void)
{
	uint8_t buf[512];
	struct blk *b;
	int fd;

	make_file(1000);
	fd = open(path, O_WRONLY);
	CHECK(pwrite(fd, "tail", 4, 996) == 4);
	close(fd);
	refused(path, false, "size 1000 is not a multiple of 512 bytes; 'truncate -s %512' the "
		"file or use it read-only");
	b = open_raw(true);
	CHECK_EQ(b->size, 1024);
	memset(buf, 0xff, sizeof(buf));
	CHECK_EQ(b->ops->readv(b, &(struct iovec){ buf, 512 }, 1, 512), 0);
	CHECK(!memcmp(buf + 484, "tail\0\0", 6) && buf[511] == 0);
	CHECK_EQ(b->ops->writev(b, &(struct iovec){ buf, 512 }, 1, 0), -EROFS);
	CHECK_EQ(b->ops->discard(b, 0, 512), -EROFS);
	CHECK_EQ(b->ops->flush(b), 0);
	b->ops->destroy(b);
}

static void what_is_not_a_disk(void)
{
	make_file(0);
	refused("/tmp", true, "neither a regular file nor a block device");
	refused("/tmp", false, "Is a directory");
	refused("/dev/null", false, "neither a regular file nor a block device");
	refused("/nonexistent/x", false, "No such file or directory");
	unlink(path);
	CHECK(mkfifo(path, 0600) == 0);
	refused(path, true, "neither a regular file nor a block device");
	unlink(path);
	close(open(path, O_CREAT | O_RDWR, 0600));
}

/* The kernel forgets pages that it could not write: a second fdatasync
 * succeeds although the data is lost. */
static void failed_flush_stays_failed(void)
{
	uint8_t buf[512] = { 1 };
	struct blk *b;

	make_file(4096);
	b = open_raw(false);
	CHECK_EQ(b->ops->flush(b), 0);
	fail_setup("io:1");
	CHECK_EQ(b->ops->flush(b), -EIO);
	fail_setup(NULL);
	CHECK_EQ(b->ops->flush(b), -EIO);
	CHECK_EQ(b->ops->readv(b, &(struct iovec){ buf, 512 }, 1, 0), 0);
	b->ops->destroy(b);
	b = open_raw(false);
	fail_setup("io:2");
	CHECK_EQ(b->ops->writev(b, &(struct iovec){ buf, 512 }, 1, 0), 0);
	CHECK_EQ(b->ops->writev(b, &(struct iovec){ buf, 512 }, 1, 0), -EIO);
	fail_setup(NULL);
	CHECK_EQ(b->ops->flush(b), 0);
	b->ops->destroy(b);
}

static void holes_give_space_back(void)
{
	static uint8_t buf[1 << 20];
	struct stat before, after;
	struct blk *b;

	make_file(1 << 20);
	b = open_raw(false);
	memset(buf, 0x77, sizeof(buf));
	CHECK_EQ(b->ops->writev(b, &(struct iovec){ buf, sizeof(buf) }, 1, 0), 0);
	CHECK_EQ(b->ops->flush(b), 0);
	CHECK(stat(path, &before) == 0);
	CHECK_EQ(b->ops->discard(b, 0, 1 << 19), 0);
	CHECK_EQ(b->ops->write_zeroes(b, (1 << 19) + 512, 1024, false), 0);
	CHECK_EQ(b->ops->write_zeroes(b, (1 << 19) + 8192, 8192, true), 0);
	CHECK_EQ(b->ops->readv(b, &(struct iovec){ buf, sizeof(buf) }, 1, 0), 0);
	CHECK(!buf[0] && !buf[(1 << 19) - 1] && buf[1 << 19] == 0x77 && !buf[(1 << 19) + 512]);
	CHECK(buf[(1 << 19) + 1536] == 0x77 && !buf[(1 << 19) + 8192 + 8191]);
	CHECK(stat(path, &after) == 0);
	CHECK_EQ(after.st_size, 1 << 20);
	if (after.st_blocks >= before.st_blocks)
		SKIP("this file system has no holes");
	b->ops->destroy(b);
}

/* A file that is cut behind our back is an I/O error, not old memory. */
static void shrunken_file_is_an_error(void)
{
	uint8_t buf[1024];
	struct blk *b;

	make_file(4096);
	b = open_raw(false);
	CHECK(truncate(path, 512) == 0);
	CHECK_EQ(b->ops->readv(b, &(struct iovec){ buf, 1024 }, 1, 0), -EIO);
	b->ops->destroy(b);
	unlink(path);
}

TEST_MAIN({ "short_transfers_are_completed", short_transfers_are_completed },
	  { "one_writer_or_many_readers", one_writer_or_many_readers },
	  { "locks_are_qemus_too", locks_are_qemus_too },
	  { "odd_sizes", odd_sizes },
	  { "what_is_not_a_disk", what_is_not_a_disk },
	  { "a_failed_flush_stays_failed", failed_flush_stays_failed },
	  { "holes_give_space_back", holes_give_space_back },
	  { "a_shrunken_file_is_an_error", shrunken_file_is_an_error })
