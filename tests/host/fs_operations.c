/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of the file service do to the host's files what they say,
 * with owners as the host has them and mapped.
 */
#include <sys/vfs.h>

#include "base/bits.h"
#include "fs_lib.h"

static const struct host_fs_cred user = { 1000, 1001 };

static void need_root(void)
{
	if (geteuid())
		SKIP("native owners need root");
}

static void attributes_are_the_hosts(void)
{
	struct host_fs_attr a, set = { .mode = 0640, .size = 100, .mtime = { 1000, 5 } };
	struct scratch s;
	host_fs_node n;
	struct stat st;

	scratch_open(&s, NULL);
	write_file(at(&s, "f"), "contents");
	CHECK(!link(at(&s, "f"), at(&s, "g")));
	n = look(&s, HOST_FS_ROOT, "f");
	CHECK_EQ(look(&s, HOST_FS_ROOT, "g"), n);
	CHECK_EQ(host_fs_getattr(s.fs, n, &a), 0);
	CHECK(!stat(at(&s, "f"), &st));
	CHECK_EQ(a.ino, st.st_ino);
	CHECK_EQ(a.size, 8);
	CHECK_EQ(a.nlink, 2);
	CHECK_EQ(a.mode, st.st_mode);
	CHECK_EQ(a.mtime.sec, st.st_mtim.tv_sec);
	CHECK_EQ(a.mtime.nsec, st.st_mtim.tv_nsec);
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_MODE | HOST_FS_SET_SIZE |
				 HOST_FS_SET_MTIME, &set, &a), 0);
	CHECK(!stat(at(&s, "f"), &st));
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK_EQ(st.st_size, 100);
	CHECK_EQ(st.st_mtim.tv_sec, 1000);
	CHECK_EQ(st.st_mtim.tv_nsec, 5);
	set.size = UINT64_MAX;
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_SIZE, &set, &a), -EFBIG);
	set.mtime.nsec = 1000000000;
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_MTIME, &set, &a), -EINVAL);
	scratch_close(&s);
}

static void native_owners(void)
{
	struct host_fs_attr a, set = { .mode = 04755, .uid = 5, .gid = 6 };
	struct scratch s;
	host_fs_node n, d;
	host_fs_handle h;
	struct stat st;

	need_root();
	umask(077);     /* the guest's mode counts, not the process's mask */
	scratch_open(&s, NULL);
	CHECK_EQ(host_fs_options(s.fs)->owner, HOST_FS_NATIVE);
	CHECK_EQ(host_fs_create_file(s.fs, HOST_FS_ROOT, "f", 0664, HOST_FS_WRITE, &user, &n,
				     &a, &h), 0);
	CHECK(!stat(at(&s, "f"), &st));
	CHECK(st.st_uid == 1000 && st.st_gid == 1001 && (st.st_mode & 07777) == 0664);
	CHECK_EQ(host_fs_mkdir(s.fs, HOST_FS_ROOT, "d", 01777, &user, &d, &a), 0);
	CHECK(!stat(at(&s, "d"), &st));
	CHECK(st.st_uid == 1000 && st.st_gid == 1001 && (st.st_mode & 07777) == 01777);
	CHECK_EQ(host_fs_symlink(s.fs, HOST_FS_ROOT, "l", "f", &user, &n, &a), 0);
	CHECK(!lstat(at(&s, "l"), &st));
	CHECK(st.st_uid == 1000 && st.st_gid == 1001);
	/* A directory's group is inherited with its bit. */
	CHECK(!chown(at(&s, "d"), 0, 77) && !chmod(at(&s, "d"), 02777));
	CHECK_EQ(host_fs_mkdir(s.fs, d, "sub", 0755, &user, &n, &a), 0);
	CHECK_EQ(a.gid, 77);
	CHECK_EQ(a.mode & 07777, 02755);
	/* setuid is seen by the guest and not by the host. */
	n = look(&s, HOST_FS_ROOT, "f");
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_MODE, &set, &a), 0);
	CHECK_EQ(a.mode & 07777, 04755);
	CHECK(!stat(at(&s, "f"), &st));
	CHECK_EQ(st.st_mode & 07777, 0755);
	/* chown drops it; so does a write by others. */
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_UID | HOST_FS_SET_GID, &set, &a), 0);
	CHECK(a.uid == 5 && a.gid == 6 && (a.mode & 07777) == 0755);
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_MODE, &set, &a), 0);
	CHECK_EQ(host_fs_kill_suid(s.fs, h), 0);
	CHECK_EQ(host_fs_getattr(s.fs, n, &a), 0);
	CHECK_EQ(a.mode & 07777, 0755);
	umask(022);
	scratch_close(&s);
}

static void mapped_owners(void)
{
	struct host_fs_options o = { .owner = HOST_FS_MAPPED };
	struct host_fs_attr a, set = { .mode = 06511, .uid = 5, .gid = 6 };
	struct scratch s;
	host_fs_node n, d;
	host_fs_handle h;
	struct stat st;
	char buf[64];

	scratch_open(&s, &o);
	CHECK_EQ(host_fs_create_file(s.fs, HOST_FS_ROOT, "f", 0444, HOST_FS_WRITE, &user, &n,
				     &a, &h), 0);
	CHECK(a.uid == 1000 && a.gid == 1001 && (a.mode & 07777) == 0444);
	/* The host's user stays able to serve guest root. */
	CHECK(!stat(at(&s, "f"), &st));
	CHECK(st.st_uid == geteuid() && (st.st_mode & 07777) == 0644);
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_UID | HOST_FS_SET_GID, &set, &a), 0);
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_MODE, &set, &a), 0);
	CHECK(a.uid == 5 && a.gid == 6 && (a.mode & 07777) == 06511);
	CHECK(!stat(at(&s, "f"), &st));
	CHECK_EQ(st.st_mode & 07777, 0711);
	/* Hidden from the guest. */
	CHECK_EQ(host_fs_setxattr(s.fs, n, "user.own", "1", 1, 0), 0);
	CHECK_EQ(host_fs_listxattr(s.fs, n, buf, sizeof(buf)), 9);
	CHECK_STR(buf, "user.own");
	CHECK_EQ(host_fs_getxattr(s.fs, n, "user.doppel.stat", buf, sizeof(buf)), -ENODATA);
	CHECK_EQ(host_fs_setxattr(s.fs, n, "user.doppel.stat", "0 0 0 0", 7, 0), -EPERM);
	CHECK_EQ(host_fs_removexattr(s.fs, n, "user.doppel.stat"), -EPERM);
	/* A chmod on the host wins. */
	CHECK(!chmod(at(&s, "f"), 0600));
	CHECK_EQ(host_fs_getattr(s.fs, n, &a), 0);
	CHECK(a.uid == 5 && (a.mode & 07777) == 0600);
	/* What the host's user made is guest root's. */
	CHECK(!mkdir(at(&s, "d"), 0755));
	d = look(&s, HOST_FS_ROOT, "d");
	CHECK_EQ(host_fs_getattr(s.fs, d, &a), 0);
	CHECK(!a.uid && !a.gid);
	CHECK_EQ(host_fs_symlink(s.fs, d, "l", "x", &user, &n, &a), 0);
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_UID, &set, &a), 0);
	scratch_close(&s);
}

static void read_only_shares_change_nothing(void)
{
	struct host_fs_options o = { .readonly = true };
	struct host_fs_attr a = { .mode = 0777 };
	struct scratch s;
	host_fs_node f, n;
	host_fs_handle h;
	char buf[8];

	scratch_open(&s, &o);
	write_file(at(&s, "f"), "contents");
	f = look(&s, HOST_FS_ROOT, "f");
	CHECK_EQ(host_fs_open(s.fs, f, HOST_FS_WRITE, &h, NULL), -EROFS);
	CHECK_EQ(host_fs_open(s.fs, f, HOST_FS_READ | HOST_FS_TRUNC, &h, NULL), -EROFS);
	CHECK_EQ(host_fs_mkdir(s.fs, HOST_FS_ROOT, "d", 0755, &user, &n, &a), -EROFS);
	CHECK_EQ(host_fs_mknod(s.fs, HOST_FS_ROOT, "d", 0644, 0, &user, &n, &a), -EROFS);
	CHECK_EQ(host_fs_symlink(s.fs, HOST_FS_ROOT, "d", "x", &user, &n, &a), -EROFS);
	CHECK_EQ(host_fs_link(s.fs, f, HOST_FS_ROOT, "g", &a), -EROFS);
	CHECK_EQ(host_fs_unlink(s.fs, HOST_FS_ROOT, "f"), -EROFS);
	CHECK_EQ(host_fs_rename(s.fs, HOST_FS_ROOT, "f", HOST_FS_ROOT, "g", 0), -EROFS);
	CHECK_EQ(host_fs_setattr(s.fs, f, 0, HOST_FS_SET_MODE, &a, &a), -EROFS);
	CHECK_EQ(host_fs_setxattr(s.fs, f, "user.x", "1", 1, 0), -EROFS);
	CHECK_EQ(host_fs_open(s.fs, f, HOST_FS_READ, &h, NULL), 0);
	CHECK_EQ(pread_all(&s, h, buf, 8), 8);
	CHECK_EQ(host_fs_fallocate(s.fs, h, 0, 0, 100), -EBADF);
	CHECK_EQ(pwrite_str(&s, h, "x"), -EBADF);
	scratch_close(&s);
}

static void renames(void)
{
	struct host_fs_attr a;
	struct scratch s;
	host_fs_node one, two, d;
	char buf[8];
	host_fs_handle h;

	scratch_open(&s, NULL);
	write_file(at(&s, "one"), "1");
	write_file(at(&s, "two"), "2");
	CHECK(!mkdir(at(&s, "d"), 0755));
	one = look(&s, HOST_FS_ROOT, "one");
	two = look(&s, HOST_FS_ROOT, "two");
	d = look(&s, HOST_FS_ROOT, "d");
	CHECK_EQ(host_fs_rename(s.fs, HOST_FS_ROOT, "one", HOST_FS_ROOT, "two",
				HOST_FS_RENAME_NOREPLACE), -EEXIST);
	CHECK_EQ(host_fs_rename(s.fs, HOST_FS_ROOT, "one", HOST_FS_ROOT, "two",
				HOST_FS_RENAME_EXCHANGE), 0);
	CHECK_EQ(look(&s, HOST_FS_ROOT, "one"), two);
	CHECK_EQ(host_fs_rename(s.fs, HOST_FS_ROOT, "d", d, "d", 0), -EINVAL);
	/* Renamed over while open: the old contents stay readable. */
	CHECK_EQ(host_fs_open(s.fs, two, HOST_FS_READ, &h, NULL), 0);
	CHECK_EQ(host_fs_rename(s.fs, HOST_FS_ROOT, "two", HOST_FS_ROOT, "one", 0), 0);
	CHECK_EQ(pread_all(&s, h, buf, 8), 1);
	CHECK_EQ(buf[0], '2');
	CHECK_EQ(host_fs_getattr(s.fs, two, &a), 0);
	CHECK_EQ(a.nlink, 0);
	CHECK_EQ(look(&s, HOST_FS_ROOT, "one"), one);
	CHECK_EQ(host_fs_rename(s.fs, HOST_FS_ROOT, "one", d, "x", 8), -EINVAL);
	scratch_close(&s);
}

static void holes_and_copies(void)
{
	struct host_fs_attr a;
	struct scratch s;
	host_fs_node n;
	host_fs_handle h, h2;
	char buf[8];
	int64_t r;

	scratch_open(&s, NULL);
	CHECK_EQ(host_fs_create_file(s.fs, HOST_FS_ROOT, "a", 0644,
				     HOST_FS_READ | HOST_FS_WRITE | HOST_FS_EXCL, &user, &n,
				     &a, &h), 0);
	CHECK_EQ(host_fs_create_file(s.fs, HOST_FS_ROOT, "a", 0644, HOST_FS_WRITE | HOST_FS_EXCL,
				     &user, &n, &a, &h2), -EEXIST);
	CHECK_EQ(host_fs_create_file(s.fs, HOST_FS_ROOT, "b", 0644, HOST_FS_READ | HOST_FS_WRITE,
				     &user, &n, &a, &h2), 0);
	CHECK_EQ(pwrite_str(&s, h, "12345678"), 8);
	r = host_fs_copy(s.fs, h, 2, h2, 0, 100);
	if (r != -EOPNOTSUPP && r != -EINVAL) {
		CHECK_EQ(r, 6);
		CHECK_EQ(pread_all(&s, h2, buf, 8), 6);
		CHECK(!memcmp(buf, "345678", 6));
	}
	CHECK_EQ(host_fs_lseek(s.fs, h, 0, SEEK_HOLE), 8);
	CHECK_EQ(host_fs_lseek(s.fs, h, 0, SEEK_SET), -EINVAL);
	CHECK_EQ(host_fs_lseek(s.fs, h, 1ull << 63, SEEK_DATA), -EINVAL);
	CHECK_EQ(host_fs_fallocate(s.fs, h, 0x40, 0, 10), -EOPNOTSUPP);
	CHECK_EQ(host_fs_fsync(s.fs, h, true), 0);
	CHECK_EQ(host_fs_close(s.fs, h), 0);
	CHECK_EQ(host_fs_close(s.fs, h), -EBADF);
	CHECK_EQ(host_fs_close(s.fs, 0), -EBADF);
	scratch_close(&s);
}

static void locks_meet_the_hosts(void)
{
	struct host_fs_options o = { .locks = true };
	struct host_fs_lock l = { 0, 9, F_WRLCK, 0 };
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 5 };
	struct scratch s;
	host_fs_node n;
	host_fs_handle h, h2;
	int fd;

	scratch_open(&s, &o);
	write_file(at(&s, "f"), "contents");
	fd = open(at(&s, "f"), O_RDWR);
	CHECK(fd >= 0 && !fcntl(fd, F_OFD_SETLK, &fl));
	n = look(&s, HOST_FS_ROOT, "f");
	CHECK_EQ(host_fs_open(s.fs, n, HOST_FS_READ | HOST_FS_WRITE, &h, NULL), 0);
	CHECK_EQ(host_fs_open(s.fs, n, HOST_FS_READ | HOST_FS_WRITE, &h2, NULL), 0);
	CHECK_EQ(host_fs_setlk(s.fs, h, 1, &l), -EAGAIN);
	CHECK_EQ(host_fs_getlk(s.fs, h, 1, &l), 0);
	CHECK(l.type == F_WRLCK && l.start == 0 && l.end == 4);
	close(fd);
	l.end = INT64_MAX;
	/* One owner, two handles: no conflict with itself; another owner has. */
	CHECK_EQ(host_fs_setlk(s.fs, h, 1, &l), 0);
	CHECK_EQ(host_fs_setlk(s.fs, h2, 1, &l), 0);
	CHECK_EQ(host_fs_setlk(s.fs, h2, 2, &l), -EAGAIN);
	host_fs_unlock_owner(s.fs, h2, 1);
	CHECK_EQ(host_fs_setlk(s.fs, h2, 2, &l), 0);
	l.start = 5, l.end = 4;
	CHECK_EQ(host_fs_setlk(s.fs, h, 1, &l), -EINVAL);
	CHECK_EQ(host_fs_flock(s.fs, h, F_WRLCK), 0);
	CHECK_EQ(host_fs_flock(s.fs, h2, F_RDLCK), -EAGAIN);
	scratch_close(&s);
}

/* Every allocation fails once: an error, nothing leaked (under a sanitizer). */
static void out_of_memory_everywhere(void)
{
	struct host_fs_attr a;
	struct scratch s;
	host_fs_node n, d;
	host_fs_handle h;
	char spec[32];

	for (int i = 1; i < 40; i++) {
		scratch_open(&s, NULL);
		snprintf(spec, sizeof(spec), "alloc:%d", i);
		CHECK_EQ(fail_setup(spec), 0);
		if (!host_fs_mkdir(s.fs, HOST_FS_ROOT, "d", 0755, &user, &d, &a) &&
		    !host_fs_create_file(s.fs, d, "f", 0644, HOST_FS_WRITE, &user, &n, &a, &h)) {
			host_fs_listxattr(s.fs, n, spec, sizeof(spec));
			host_fs_rename(s.fs, d, "f", HOST_FS_ROOT, "g", 0);
			host_fs_lookup(s.fs, HOST_FS_ROOT, "g", &n, &a);
			host_fs_opendir(s.fs, d, &h);
		}
		fail_setup(NULL);
		scratch_close(&s);
	}
}

TEST_MAIN({ "attributes_are_the_hosts", attributes_are_the_hosts },
	  { "native_owners", native_owners }, { "mapped_owners", mapped_owners },
	  { "read_only_shares_change_nothing", read_only_shares_change_nothing },
	  { "renames", renames }, { "holes_and_copies", holes_and_copies },
	  { "locks_meet_the_hosts", locks_meet_the_hosts },
	  { "out_of_memory_everywhere", out_of_memory_everywhere })
