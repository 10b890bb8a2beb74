/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copy and remove trees of files.  All names are resolved relative to open
 * folders and no symbolic link is followed, so that a tree that a guest has
 * made cannot lead out of itself.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "image/debian.h"

/* Deeper than this nobody nests; a guest could, to exhaust our stack. */
enum { DEPTH_MAX = 200 };

static int copy_bytes(int in, int out)
{
	ssize_t n;

	if (!ioctl(out, FICLONE, in))
		return 0;
	while ((n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0)) > 0)
		;
	if (n < 0) {
		char buf[65536];

		while ((n = read(in, buf, sizeof(buf))) > 0)
			for (ssize_t done = 0, w; done < n; done += w)
				if ((w = write(out, buf + done, (size_t)(n - done))) < 0)
					return -errno;
	}
	return n < 0 ? -errno : 0;
}

static int copy_dir(int from, int to, unsigned depth, struct err *e);

static int copy_one(int from, int to, const char *name, unsigned depth, struct err *e)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(e, "%s", name);
	if (S_ISLNK(st.st_mode)) {
		char target[4096];
		ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

		if (n < 0)
			return err_sys(e, "%s", name);
		target[n] = 0;
		return symlinkat(target, to, name) ? err_sys(e, "%s", name) : 0;
	}
	if (S_ISDIR(st.st_mode)) {
		int a, b, r;

		if (mkdirat(to, name, st.st_mode & 07777))
			return err_sys(e, "%s", name);
		a = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		b = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (a < 0 || b < 0)
			r = err_sys(e, "%s", name);
		else
			r = copy_dir(base_steal_fd(&a), base_steal_fd(&b), depth + 1, e);
		base_close_fd(&a);
		base_close_fd(&b);
		return r;
	}
	if (S_ISREG(st.st_mode)) {
		base_autofd int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		base_autofd int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
					     st.st_mode & 0777);
		int r;

		if (in < 0 || out < 0)
			return err_sys(e, "%s", name);
		r = copy_bytes(in, out);
		if (r)
			return err_set(e, -r, "%s: %s", name, strerror(-r));
		return fchmod(out, st.st_mode & 0777) ? err_sys(e, "%s", name) : 0;
	}
	return 0; /* sockets, devices: nothing of ours has them */
}

/* Takes both descriptors. */
static int copy_dir(int from, int to, unsigned depth, struct err *e)
{
	base_autofd int out = to;
	DIR *d = fdopendir(from);
	struct dirent *ent;
	int r = 0;

	if (!d) {
		r = err_sys(e, "opendir");
		close(from);
		return r;
	}
	if (depth > DEPTH_MAX)
		r = err_set(e, ELOOP, "folders nested too deeply");
	while (!r && (ent = readdir(d)))
		if (strcmp(ent->d_name, ".") && strcmp(ent->d_name, ".."))
			r = copy_one(dirfd(d), out, ent->d_name, depth, e);
	closedir(d);
	return r;
}

int image_tree_copy(const char *from, const char *to, struct err *e)
{
	int a, b, r;

	if (mkdir(to, 0755) && errno != EEXIST)
		return err_sys(e, "%s", to);
	a = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a < 0 || b < 0) {
		r = err_sys(e, "%s", a < 0 ? from : to);
		base_close_fd(&a);
		base_close_fd(&b);
		return r;
	}
	r = copy_dir(a, b, 0, e);
	return r ? err_wrap(e, "copying %s", from) : 0;
}

/* The folder `name` in `at` itself, never one that a link leads to; open, and
 * with permissions of ours, whatever a guest has made them. */
static int open_folder(int at, const char *name)
{
	base_autofd int path = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char self[32];

	if (path < 0)
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", path);
	chmod(self, 0700);
	return openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/*
 * Empty the folder `dir` (taken).  Depth is no concern of the stack: a
 * folder too deep is moved up first.
 */
static int remove_contents(int dir, int top, unsigned depth, struct err *e)
{
	DIR *d = fdopendir(dir);
	struct dirent *ent;
	int r = 0;

	if (!d) {
		close(dir);
		return err_sys(e, "opendir");
	}
	while (!r && (ent = readdir(d))) {
		const char *n = ent->d_name;
		int fd;

		if (!strcmp(n, ".") || !strcmp(n, ".."))
			continue;
		if (!unlinkat(dirfd(d), n, 0))
			continue;
		if (errno != EISDIR && errno != EPERM && errno != EACCES) {
			r = err_sys(e, "%s", n);
			break;
		}
		fd = open_folder(dirfd(d), n);
		if (fd < 0) {
			r = err_sys(e, "%s", n);
			break;
		}
		if (depth > DEPTH_MAX) {
			char up[64];

			snprintf(up, sizeof(up), ".deep.%lu", (unsigned long)ent->d_ino);
			if (renameat(dirfd(d), n, top, up))
				r = err_sys(e, "%s", n);
			close(fd);
			continue;
		}
		r = remove_contents(fd, top, depth + 1, e);
		if (!r && unlinkat(dirfd(d), n, AT_REMOVEDIR) && errno != ENOTEMPTY)
			r = err_sys(e, "%s", n);
	}
	closedir(d);
	return r;
}

static int remove_below(int at, const char *name, struct err *e)
{
	for (;;) {
		int r, top, fd = open_folder(at, name);

		if (fd < 0)
			return err_sys(e, "%s", name);
		top = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (top < 0) {
			close(fd);
			return err_sys(e, "%s", name);
		}
		r = remove_contents(fd, top, 0, e);
		close(top);
		if (r)
			return r;
		if (!unlinkat(at, name, AT_REMOVEDIR))
			return 0;
		/* What was moved up while the list was being read: once more. */
		if (errno != ENOTEMPTY)
			return err_sys(e, "%s", name);
	}
}

int image_tree_remove(const char *path, struct err *e)
{
	if (!unlink(path) || errno == ENOENT)
		return 0;
	return remove_below(AT_FDCWD, path, e);
}
