/* SPDX-License-Identifier: Apache-2.0 */
/* A scratch directory with a share in it and a secret outside, for tests. */
#ifndef TESTS_HOST_FS_LIB_H
#define TESTS_HOST_FS_LIB_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "host/fs.h"

#include "../test.h"

struct scratch {
	char top[64], root[80], secret[80];
	struct host_fs *fs;
};

static const struct host_fs_cred root_cred;

static inline int rm_one(const char *p, const struct stat *st, int flag, struct FTW *f)
{
	(void)st, (void)flag, (void)f;
	return remove(p);
}

static inline void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	CHECK(f);
	fputs(text, f);
	fclose(f);
}

static inline char *at(const struct scratch *s, const char *name)
{
	static char buf[8][512];
	static unsigned n;
	char *p = buf[n++ % 8];

	snprintf(p, sizeof(buf[0]), "%s/%s", s->root, name);
	return p;
}

/* TOP/root is shared; TOP/outside/secret is not. */
static inline void scratch_open(struct scratch *s, const struct host_fs_options *o)
{
	struct err e;
	char dir[96];

	strcpy(s->top, "/tmp/doppel-fs-XXXXXX");
	CHECK(mkdtemp(s->top));
	snprintf(s->root, sizeof(s->root), "%s/root", s->top);
	snprintf(dir, sizeof(dir), "%s/outside", s->top);
	snprintf(s->secret, sizeof(s->secret), "%s/outside/secret", s->top);
	CHECK(!mkdir(s->root, 0755) && !mkdir(dir, 0755));
	write_file(s->secret, "secret");
	s->fs = host_fs_create(s->root, o, &e);
	if (!s->fs)
		TEST_FAIL("%.400s", e.msg);
}

static inline void scratch_close(struct scratch *s)
{
	host_fs_destroy(s->fs);
	nftw(s->top, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline host_fs_node look(struct scratch *s, host_fs_node dir, const char *name)
{
	struct host_fs_attr a;
	host_fs_node n = 0;
	int r = host_fs_lookup(s->fs, dir, name, &n, &a);

	if (r)
		TEST_FAIL("lookup of %s: %s", name, strerror(-r));
	return n;
}

static inline int try_look(struct scratch *s, host_fs_node dir, const char *name)
{
	struct host_fs_attr a;
	host_fs_node n;
	int r = host_fs_lookup(s->fs, dir, name, &n, &a);

	if (!r)
		host_fs_forget(s->fs, n, 1);
	return r;
}

static inline int64_t pread_all(struct scratch *s, host_fs_handle h, char *buf, size_t n)
{
	struct iovec v = { buf, n };

	return host_fs_preadv(s->fs, h, &v, 1, 0);
}

static inline int64_t pwrite_str(struct scratch *s, host_fs_handle h, const char *text)
{
	struct iovec v = { (void *)(uintptr_t)text, strlen(text) };

	return host_fs_pwritev(s->fs, h, &v, 1, 0);
}

#endif
