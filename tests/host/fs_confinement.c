/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No path, link or race leaves the root of the file service.  A directory
 * outside holds a secret that must neither be read nor changed.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/bits.h"
#include "fs_lib.h"

static void check_outside(const struct scratch *s)
{
	char buf[32] = { 0 }, dir[96];
	struct dirent *d;
	unsigned n = 0;
	DIR *dp;
	FILE *f = fopen(s->secret, "r");

	CHECK(f && fgets(buf, sizeof(buf), f));
	fclose(f);
	CHECK_STR(buf, "secret");
	snprintf(dir, sizeof(dir), "%s/outside", s->top);
	dp = opendir(dir);
	CHECK(dp);
	while ((d = readdir(dp)))
		n += strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
	closedir(dp);
	CHECK_EQ(n, 1);
}

static void names_that_point_elsewhere(void)
{
	static const char *const bad[] = { "", ".", "..", "/", "/etc", "a/b", "../outside",
					   "sub/..", "..//", "/proc/self/root" };
	struct host_fs_attr a;
	struct scratch s;
	host_fs_node n, sub;
	host_fs_handle h;
	char big[300];

	scratch_open(&s, NULL);
	CHECK(!mkdir(at(&s, "sub"), 0755));
	sub = look(&s, HOST_FS_ROOT, "sub");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_EQ(host_fs_lookup(s.fs, sub, bad[i], &n, &a), -EINVAL);
		CHECK_EQ(host_fs_mkdir(s.fs, sub, bad[i], 0755, &root_cred, &n, &a), -EINVAL);
		CHECK_EQ(host_fs_mknod(s.fs, sub, bad[i], S_IFREG | 0644, 0, &root_cred, &n, &a),
			 -EINVAL);
		CHECK_EQ(host_fs_symlink(s.fs, sub, bad[i], "x", &root_cred, &n, &a), -EINVAL);
		CHECK_EQ(host_fs_create_file(s.fs, sub, bad[i], 0644, HOST_FS_WRITE, &root_cred,
					     &n, &a, &h), -EINVAL);
		CHECK_EQ(host_fs_unlink(s.fs, sub, bad[i]), -EINVAL);
		CHECK_EQ(host_fs_rmdir(s.fs, sub, bad[i]), -EINVAL);
		CHECK_EQ(host_fs_rename(s.fs, HOST_FS_ROOT, "sub", sub, bad[i], 0), -EINVAL);
		CHECK_EQ(host_fs_rename(s.fs, sub, bad[i], HOST_FS_ROOT, "x", 0), -EINVAL);
		CHECK_EQ(host_fs_link(s.fs, sub, HOST_FS_ROOT, bad[i], &a), -EINVAL);
	}
	memset(big, 'a', sizeof(big));
	big[256] = '\0';
	CHECK_EQ(host_fs_lookup(s.fs, sub, big, &n, &a), -ENAMETOOLONG);
	big[255] = '\0';
	CHECK_EQ(host_fs_lookup(s.fs, sub, big, &n, &a), -ENOENT);
	check_outside(&s);
	scratch_close(&s);
}

static void links_are_not_followed(void)
{
	struct host_fs_attr a;
	struct scratch s;
	host_fs_node n, made;
	host_fs_handle h;
	char buf[256] = { 0 };

	scratch_open(&s, NULL);
	CHECK(!symlink("/etc", at(&s, "abs")));
	CHECK(!symlink("../outside", at(&s, "rel")));
	CHECK(!symlink("../outside/secret", at(&s, "file")));
	CHECK(!symlink("../outside/new", at(&s, "dangling")));
	CHECK(!symlink("/proc/self/fd/0", at(&s, "magic")));
	n = look(&s, HOST_FS_ROOT, "abs");
	CHECK_EQ(host_fs_readlink(s.fs, n, buf, sizeof(buf)), 4);
	CHECK_STR(buf, "/etc");
	CHECK_EQ(host_fs_lookup(s.fs, n, "passwd", &made, &a), -ENOTDIR);
	CHECK_EQ(host_fs_opendir(s.fs, n, &h), -ENOTDIR);
	n = look(&s, HOST_FS_ROOT, "rel");
	CHECK_EQ(host_fs_mkdir(s.fs, n, "d", 0755, &root_cred, &made, &a), -ENOTDIR);
	CHECK_EQ(host_fs_unlink(s.fs, n, "secret"), -ENOTDIR);
	n = look(&s, HOST_FS_ROOT, "file");
	CHECK_EQ(host_fs_open(s.fs, n, HOST_FS_READ, &h, NULL), -ENXIO);
	a.size = 0;
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_SIZE, &a, &a), -EINVAL);
	a.mode = 0777;
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_MODE, &a, &a), -EOPNOTSUPP);
	/* Times and owner of a link are its own. */
	a.mtime.sec = 12345, a.mtime.nsec = 0, a.uid = a.gid = 0;
	CHECK_EQ(host_fs_setattr(s.fs, n, 0, HOST_FS_SET_MTIME | HOST_FS_SET_UID, &a, &a), 0);
	CHECK_EQ(a.mtime.sec, 12345);
	CHECK(S_ISLNK(a.mode));
	CHECK_EQ(host_fs_setxattr(s.fs, n, "user.x", "1", 1, 0), -EOPNOTSUPP);
	/* A hard link to a link is a link. */
	CHECK_EQ(host_fs_link(s.fs, n, HOST_FS_ROOT, "file2", &a), 0);
	CHECK(S_ISLNK(a.mode));
	/* Creating through a link neither follows nor replaces it. */
	CHECK_EQ(host_fs_create_file(s.fs, HOST_FS_ROOT, "dangling", 0644, HOST_FS_WRITE,
				     &root_cred, &made, &a, &h), -ENXIO);
	CHECK_EQ(host_fs_create_file(s.fs, HOST_FS_ROOT, "file", 0644,
				     HOST_FS_WRITE | HOST_FS_TRUNC, &root_cred, &made, &a, &h),
		 -ENXIO);
	n = look(&s, HOST_FS_ROOT, "magic");
	CHECK_EQ(host_fs_open(s.fs, n, HOST_FS_READ, &h, NULL), -ENXIO);
	check_outside(&s);
	scratch_close(&s);
}

static void special_files_are_not_opened(void)
{
	struct host_fs_options o = { .devices = false };
	struct host_fs_attr a;
	struct scratch s;
	host_fs_node n;
	host_fs_handle h;

	scratch_open(&s, &o);
	CHECK_EQ(host_fs_mknod(s.fs, HOST_FS_ROOT, "fifo", S_IFIFO | 0600, 0, &root_cred, &n,
			       &a), 0);
	CHECK(S_ISFIFO(a.mode));
	CHECK_EQ(host_fs_open(s.fs, n, HOST_FS_READ, &h, NULL), -ENXIO);
	CHECK_EQ(host_fs_open(s.fs, n, HOST_FS_WRITE, &h, NULL), -ENXIO);
	CHECK_EQ(host_fs_mknod(s.fs, HOST_FS_ROOT, "sock", S_IFSOCK | 0600, 0, &root_cred, &n,
			       &a), 0);
	CHECK_EQ(host_fs_open(s.fs, n, HOST_FS_READ, &h, NULL), -ENXIO);
	CHECK_EQ(host_fs_mknod(s.fs, HOST_FS_ROOT, "null", S_IFCHR | 0666, 1 << 8 | 3,
			       &root_cred, &n, &a), -EPERM);
	CHECK_EQ(host_fs_mknod(s.fs, HOST_FS_ROOT, "odd", S_IFLNK | 0666, 0, &root_cred, &n,
			       &a), -EINVAL);
	if (!mknod(at(&s, "zero"), S_IFCHR | 0666, 1 << 8 | 5)) {
		n = look(&s, HOST_FS_ROOT, "zero");
		CHECK_EQ(host_fs_open(s.fs, n, HOST_FS_READ, &h, NULL), -ENXIO);
	}
	scratch_close(&s);
}

static void kernel_file_systems_cannot_be_entered(void)
{
	struct err e;

	CHECK(!host_fs_create("/proc/self", NULL, &e));
	CHECK(!host_fs_create("/sys", NULL, &e));
	struct host_fs *fs = host_fs_create("/", NULL, &e);
	struct host_fs_attr a;
	host_fs_node n;

	CHECK(fs);
	CHECK_EQ(host_fs_lookup(fs, HOST_FS_ROOT, "proc", &n, &a), -EACCES);
	CHECK_EQ(host_fs_lookup(fs, HOST_FS_ROOT, "sys", &n, &a), -EACCES);
	CHECK_EQ(host_fs_lookup(fs, HOST_FS_ROOT, "usr", &n, &a), 0);
	host_fs_destroy(fs);
}

/* ---- races -------------------------------------------------------------------- */

struct race {
	struct scratch s;
	atomic_bool stop;
};

/* A host process swaps a directory and a link to the outside, without end. */
static void *swapper(void *arg)
{
	struct race *r = arg;
	char a[128], b[128];

	snprintf(a, sizeof(a), "%s/dir", r->s.root);
	snprintf(b, sizeof(b), "%s/link", r->s.root);
	while (!r->stop)
		syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* exchange */);
	return NULL;
}

/* What a guest may try on whatever "dir" is at the moment. */
static void attack(struct host_fs *fs, host_fs_node top, unsigned round)
{
	struct host_fs_attr a, set = { .mode = 0777, .size = 0 };
	host_fs_node d, n;
	host_fs_handle h;
	char buf[16] = { 0 };
	struct iovec v = { buf, sizeof(buf) - 1 };

	if (host_fs_lookup(fs, top, "dir", &d, &a))
		return;
	if (!host_fs_lookup(fs, d, "secret", &n, &a)) {
		if (!host_fs_open(fs, n, HOST_FS_READ | HOST_FS_WRITE, &h, NULL)) {
			if (host_fs_preadv(fs, h, &v, 1, 0) > 0)
				CHECK_STR(buf, "decoy");
			host_fs_close(fs, h);
		}
		host_fs_setattr(fs, n, 0, HOST_FS_SET_MODE, &set, &a);
		host_fs_forget(fs, n, 1);
	}
	switch (round % 4) {
	case 0:
		if (!host_fs_create_file(fs, d, "new", 0600, HOST_FS_WRITE, &root_cred, &n, &a,
					 &h)) {
			host_fs_close(fs, h);
			host_fs_forget(fs, n, 1);
		}
		break;
	case 1:
		host_fs_unlink(fs, d, "new");
		break;
	case 2:
		if (!host_fs_mkdir(fs, d, "sub", 0700, &root_cred, &n, &a))
			host_fs_forget(fs, n, 1);
		break;
	case 3:
		host_fs_rmdir(fs, d, "sub");
		host_fs_rename(fs, d, "secret", d, "moved", 0);
		host_fs_rename(fs, d, "moved", d, "secret", 0);
	}
	host_fs_forget(fs, d, 1);
}

static void run_race(uint32_t max_fds)
{
	struct host_fs_options o = { .max_fds = max_fds };
	struct race r = { .stop = false };
	struct timespec t0, t;
	pthread_t th;
	unsigned rounds = 0;
	struct stat st;

	scratch_open(&r.s, &o);
	CHECK(!mkdir(at(&r.s, "dir"), 0755));
	write_file(at(&r.s, "dir/secret"), "decoy");
	CHECK(!symlink("../outside", at(&r.s, "link")));
	CHECK(!chmod(r.s.secret, 0600));
	CHECK(!pthread_create(&th, NULL, swapper, &r));
	clock_gettime(CLOCK_MONOTONIC, &t0);
	do {
		for (int i = 0; i < 64; i++)
			attack(r.s.fs, HOST_FS_ROOT, rounds++);
		clock_gettime(CLOCK_MONOTONIC, &t);
	} while (t.tv_sec - t0.tv_sec < 2);
	r.stop = true;
	pthread_join(th, NULL);
	check_outside(&r.s);
	CHECK(!stat(r.s.secret, &st));
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK(rounds > 100);
	scratch_close(&r.s);
}

static void swapped_directory_and_link(void)
{
	run_race(0);
}

/* With few descriptors nodes are opened again all the time: by name, but only
 * if the same object is there. */
static void reopening_finds_the_same_object_or_none(void)
{
	struct host_fs_options o = { .max_fds = 16 };
	struct host_fs_attr a;
	struct scratch s;
	host_fs_node n[64], d, f;
	host_fs_handle h;
	char name[32];

	scratch_open(&s, &o);
	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		CHECK(!mkdir(at(&s, name), 0755));
		n[i] = look(&s, HOST_FS_ROOT, name);
	}
	d = n[0];
	/* d0's descriptor is closed by now; a link to the outside takes its place. */
	CHECK(!rename(at(&s, "d0"), at(&s, "elsewhere")));
	CHECK(!symlink("../outside", at(&s, "d0")));
	CHECK_EQ(host_fs_lookup(s.fs, d, "secret", &f, &a), -ESTALE);
	CHECK_EQ(host_fs_opendir(s.fs, d, &h), -ESTALE);
	/* Another directory in its place is not it. */
	CHECK(!unlink(at(&s, "d0")));
	CHECK(!mkdir(at(&s, "d0"), 0755));
	CHECK_EQ(host_fs_getattr(s.fs, d, &a), -ESTALE);
	/* Found under its new name it is itself again. */
	CHECK_EQ(look(&s, HOST_FS_ROOT, "elsewhere"), d);
	CHECK_EQ(host_fs_getattr(s.fs, d, &a), 0);
	check_outside(&s);
	scratch_close(&s);
}

static void swapped_with_few_descriptors(void)
{
	run_race(16);
}

/* A setuid program of the host in the share must not run a guest's bytes. */
static void setuid_is_not_inherited_by_new_content(void)
{
	static const enum host_fs_owner owner[] = { HOST_FS_MAPPED, HOST_FS_NATIVE };

	for (unsigned i = 0; i < 2 && (!i || !geteuid()); i++) {
		struct host_fs_options o = { .owner = owner[i] };
		struct iovec iov = { "evil", 4 };
		struct host_fs_attr a;
		struct scratch s;
		struct stat st;
		host_fs_handle h;
		host_fs_node n;

		scratch_open(&s, &o);
		write_file(at(&s, "su"), "good");
		CHECK(!chmod(at(&s, "su"), 06755));
		n = look(&s, HOST_FS_ROOT, "su");
		CHECK_EQ(host_fs_open(s.fs, n, HOST_FS_READ, &h, NULL), 0);
		CHECK(!stat(at(&s, "su"), &st) && (st.st_mode & 07777) == 06755);
		CHECK_EQ(host_fs_open(s.fs, n, HOST_FS_WRITE, &h, NULL), 0);
		CHECK_EQ(host_fs_pwritev(s.fs, h, &iov, 1, 0), 4);
		CHECK(!stat(at(&s, "su"), &st) && (st.st_mode & 07777) == 0755);
		CHECK_EQ(host_fs_getattr(s.fs, n, &a), 0);
		CHECK_EQ(a.mode & 07777, 06755); /* to the guest nothing has changed */
		scratch_close(&s);
	}
}

TEST_MAIN({ "names_that_point_elsewhere", names_that_point_elsewhere },
	  { "links_are_not_followed", links_are_not_followed },
	  { "special_files_are_not_opened", special_files_are_not_opened },
	  { "kernel_file_systems_cannot_be_entered", kernel_file_systems_cannot_be_entered },
	  { "reopening_finds_the_same_object_or_none",
	    reopening_finds_the_same_object_or_none },
	  { "setuid_is_not_inherited_by_new_content", setuid_is_not_inherited_by_new_content },
	  { "swapped_directory_and_link", swapped_directory_and_link },
	  { "swapped_with_few_descriptors", swapped_with_few_descriptors })
