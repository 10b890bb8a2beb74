/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run of stock Linux.  Its root is a private copy of the cached folder,
 * CACHE/run/NAME, served by virtio-fs; the guest's writes end with the run.
 * The copy is held by a lock, so that the next run can remove what a killed
 * one has left.  A run that was saved needs its root again: the link
 * CACHE/run/.NAME leads to the snapshot, and the folder stays while that is
 * there.
 */
#include "cli/linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "cli/cli.h"
#include "cli/term.h"
#include "image/debian.h"

#define ROOT_TAG "doppel.root"
#define MEMORY_MIN (128u << 20) /* 64M: it dies before it has a console */

struct linux_run {
	char *dir;      /* the root folder */
	int fd;         /* it, open and locked */
	bool command;
};

/* ---- the folder ---------------------------------------------------------------- */

/* Remove the folder `name` unless somebody has it, or a snapshot needs it. */
static void sweep_one(const char *runs, int dir, const char *name)
{
	base_auto char *path = base_printf("%s/%s", runs, name);
	base_auto char *link = base_printf("%s/.%s", runs, name);
	base_autofd int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || !path || !link || !access(link, F_OK) || flock(fd, LOCK_EX | LOCK_NB))
		return;
	image_tree_remove(path, NULL);
	unlink(link);
}

static void sweep(const char *runs)
{
	DIR *d = opendir(runs);
	struct dirent *ent;

	while (d && (ent = readdir(d)))
		if (ent->d_name[0] != '.' && strcmp(ent->d_name, "lock"))
			sweep_one(runs, dirfd(d), ent->d_name);
	if (d)
		closedir(d);
}

/* A fresh, locked folder; a lock around it keeps another run's sweep away. */
static int make_folder(struct linux_run *l, struct err *e)
{
	base_auto char *cache = image_cache_dir(e);
	base_auto char *runs = cache ? base_printf("%s/run", cache) : NULL;
	base_auto char *lock = cache ? base_printf("%s/run/lock", cache) : NULL;
	base_autofd int fd = -1;

	if (!cache)
		return -e->code;
	l->dir = base_printf("%s/run/XXXXXX", cache);
	if (!runs || !lock || !l->dir)
		return err_set(e, ENOMEM, "out of memory");
	if (mkdir(runs, 0700) && errno != EEXIST)
		return err_sys(e, "%s", runs);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX))
		return err_sys(e, "%s", lock);
	sweep(runs);
	if (!mkdtemp(l->dir)) {
		base_free(base_steal(&l->dir));
		return err_sys(e, "%s", runs);
	}
	l->fd = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->fd < 0 || flock(l->fd, LOCK_EX | LOCK_NB))
		return err_sys(e, "%s", l->dir);
	return fchmod(l->fd, 0755) ? err_sys(e, "%s", l->dir) : 0;
}

static int write_file(struct linux_run *l, const char *name, mode_t mode, const char *text,
		      struct err *e)
{
	base_autofd int fd = openat(l->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	size_t n = strlen(text);

	if (fd < 0 || write(fd, text, n) != (ssize_t)n || fchmod(fd, mode))
		return err_sys(e, "%s/%s", l->dir, name);
	return 0;
}

/* One word for the guest's shell: in single quotes, with those escaped. */
static void quote(FILE *f, const char *word)
{
	fputc('\'', f);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", f);
		else
			fputc(*word, f);
	fputs("' ", f);
}

/*
 * The command's standard input, where the host's is a file: a copy.  (A serial
 * line has no end of file, and drops what comes before the guest listens.)
 */
static int copy_stdin(struct linux_run *l, bool *copied, struct err *e)
{
	base_autofd int fd = -1;
	char buf[16384];
	struct stat st;
	ssize_t n;

	*copied = !fstat(0, &st) && (S_ISREG(st.st_mode) ||
				     (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)));
	if (!*copied)
		return 0;
	fd = openat(l->fd, "etc/doppel/stdin", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "%s/etc/doppel/stdin", l->dir);
	while ((n = read(0, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			return err_sys(e, "%s/etc/doppel/stdin", l->dir);
	return n ? err_sys(e, "standard input") : 0;
}

static int write_command(struct linux_run *l, char *const *words, struct err *e)
{
	char *text = NULL;
	size_t n;
	bool copied;
	int r = copy_stdin(l, &copied, e);
	FILE *f = r ? NULL : open_memstream(&text, &n);

	if (!f)
		return r ? r : err_sys(e, "command");
	fputs("#!/bin/sh\n", f);
	if (copied)
		fputs("exec </etc/doppel/stdin\n", f);
	for (; *words; words++)
		quote(f, *words);
	fputc('\n', f);
	if (fclose(f)) {
		free(text);
		return err_set(e, ENOMEM, "out of memory");
	}
	r = write_file(l, "etc/doppel/command", 0755, text, e);
	free(text);
	return r;
}

/* What the guest's terminal is; a serial line cannot tell it.  A command's
 * output that goes to no terminal is passed as it is. */
static int write_env(struct linux_run *l, const struct machine *m, struct err *e)
{
	const char *term = getenv("TERM");
	const char *output = l->command && !isatty(m->session.json ? 2 : 1) ? " -opost" : "";
	const char *input = l->command && !isatty(0) ? " -echo" : "";
	unsigned rows = 0, cols = 0;
	base_auto char *text = NULL, *size = NULL;

	if (!term || strspn(term, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789+-._") != strlen(term))
		term = "vt220";
	size = term_size(&rows, &cols) ? base_printf(" rows %u cols %u", rows, cols)
				       : base_strdup("");
	if (size)
		text = base_printf("export TERM=%s\nstty%s%s%s >/dev/null 2>&1\n", term, size,
				   output, input);
	return text ? write_file(l, "etc/doppel/env", 0644, text, e)
		    : err_set(e, ENOMEM, "out of memory");
}

/* The tag "host" at /host, every other TAG at /mnt/TAG. */
static int write_fstab(struct linux_run *l, const struct machine *m, struct err *e)
{
	base_auto char *text = base_strdup("");

	for (unsigned i = 0; i < m->config.nshares && text; i++) {
		const struct system_share *s = &m->shares[i];
		const char *under = strcmp(s->tag, "host") ? "mnt/" : "";
		base_auto char *at = base_printf("%s%s", under, s->tag);
		char *more;

		if (!strcmp(s->tag, ROOT_TAG))
			continue;
		if (strspn(s->tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789+-_") != strlen(s->tag))
			return err_set(e, EINVAL, "--share: the tag '%s' is not a plain word", s->tag);
		if (!at || (mkdirat(l->fd, at, 0755) && errno != EEXIST))
			return err_sys(e, "%s/%s", l->dir, at ? at : s->tag);
		more = base_printf("%s%s /%s virtiofs %s 0 0\n", text, s->tag, at,
				   s->readonly ? "ro" : "rw");
		base_free(text);
		text = more;
	}
	return text ? write_file(l, "etc/fstab", 0644, text, e)
		    : err_set(e, ENOMEM, "out of memory");
}

/* ---- the machine --------------------------------------------------------------- */

/* What the caller has not said: the working folder at /host, a network. */
static int complete(struct linux_run *l, struct machine *m, const char *kernel, struct err *e)
{
	const char *append = m->config.append;
	int r = 0;

	m->config.kernel = machine_printf(m, e, "%s", kernel);
	if (!m->config.kernel)
		return -ENOMEM;
	if (!m->config.nshares && !m->no_shares)
		r = machine_add_share(m, ".", "host", false, e);
	if (!r)
		r = machine_add_share(m, l->dir, ROOT_TAG, false, e);
	m->session.own = l->dir;
	if (!r && !m->config.nnets && !m->no_nets)
		r = machine_add_net(m, "user", e);
	m->config.append = NULL;
	if (!r)
		r = machine_append(m, "root=" ROOT_TAG " rootfstype=virtiofs rw", e);
	if (!r)
		r = machine_append(m, m->session.console == SESSION_VIRTIO ? "console=hvc0"
									   : "console=ttyS0", e);
	/* A kernel that dies ends the run: nobody may be there to see it. */
	if (!r && l->command)
		r = machine_append(m, "quiet loglevel=0 panic=-1", e);
	if (l->command)
		m->config.no_reboot = true;
	if (!r && append)
		r = machine_append(m, append, e);
	return r;
}

static int check(const struct machine *m, struct err *e)
{
	const char *bad = m->config.kernel ? "kernel" : m->config.initrd ? "initrd"
			  : m->config.firmware ? "firmware" : NULL;

	if (bad)
		return err_set(e, EINVAL, "--%s does not go with `run linux`, which brings its own "
			       "kernel and root", bad);
	if (m->config.memory && m->config.memory < MEMORY_MIN)
		return err_set(e, ERANGE, "--memory: the stock kernel needs 128M or more");
	return 0;
}

static int prepare(struct linux_run *l, struct machine *m, const struct image_debian *d,
		   char *const *command, struct err *e)
{
	int r = make_folder(l, e);

	if (!r)
		r = image_debian_copy_root(d, l->dir, e);
	if (!r)
		r = complete(l, m, d->kernel, e);
	if (!r)
		r = write_fstab(l, m, e);
	if (!r)
		r = write_env(l, m, e);
	if (!r && command)
		r = write_command(l, command, e);
	return r;
}

struct linux_run *linux_prepare(struct machine *m, char *const *command, struct err *e)
{
	struct image_debian_want want = { .progress = isatty(2) };
	struct image_debian d = { 0 };
	struct linux_run *l = NULL;
	int r = check(m, e);

	if (!r)
		r = image_debian_get(&want, &d, e);
	if (!r && !(l = base_zalloc(sizeof(*l))))
		r = err_set(e, ENOMEM, "out of memory");
	if (!r) {
		l->fd = -1;
		l->command = command != NULL;
		r = prepare(l, m, &d, command, e);
	}
	image_debian_fini(&d);
	if (!r)
		return l;
	linux_finish(l, NULL);
	return NULL;
}

int linux_status(void *arg, const struct system_end *end, int status, struct err *e)
{
	const struct linux_run *l = arg;
	base_autofd int fd = -1;
	char text[16];
	ssize_t n;
	char *stop;
	long v;

	if (!l->command || status)
		return status;
	fd = openat(l->fd, "etc/doppel/exit", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0 && end->kind == SYSTEM_END_RESET) {
		err_set(e, ECANCELED, "the guest ended before its command was done");
		return CLI_FAILED;
	}
	if (n <= 0)
		return 0; /* switched off before the command was done */
	text[n] = 0;
	v = strtol(text, &stop, 10);
	return stop != text && v >= 0 && v <= 255 ? (int)v : 0;
}

/* Whether `snapshot` was written, and the folder is kept for it. */
static bool keep_folder(const struct linux_run *l, const char *snapshot)
{
	const char *name = strrchr(l->dir, '/') + 1;
	base_auto char *link = base_printf("%.*s.%s", (int)(name - l->dir), l->dir, name);
	char whole[PATH_MAX];

	return snapshot && link && realpath(snapshot, whole) &&
	       !symlinkat(whole, AT_FDCWD, link);
}

void linux_finish(struct linux_run *l, const char *snapshot)
{
	if (!l)
		return;
	if (l->dir && !keep_folder(l, snapshot))
		image_tree_remove(l->dir, NULL);
	base_close_fd(&l->fd);
	base_free(l->dir);
	base_free(l);
}
