/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running the system's own tools (apt-get, apt-cache) and small file helpers.
 * Relies on fork before the machine has threads.  Never uses a shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "image/debian_internal.h"

enum { OUTPUT_MAX = 64 << 20 };

struct buffer {
	char *p;
	size_t len, cap;
};

static int buffer_add(struct buffer *b, const char *p, size_t n)
{
	if (b->len + n + 1 > b->cap) {
		size_t cap = MAX(b->cap * 2, b->len + n + 1);
		char *q = cap > OUTPUT_MAX ? NULL : base_realloc(b->p, cap);

		if (!q)
			return -ENOMEM;
		b->p = q;
		b->cap = cap;
	}
	memcpy(b->p + b->len, p, n);
	b->len += n;
	b->p[b->len] = 0;
	return 0;
}

static void __attribute__((noreturn)) child(const struct image__command *c, int out, int err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, 0);
	dup2(c->out ? out : c->progress ? 2 : null, 1);
	dup2(err, 2);
	setenv("LC_ALL", "C", 1);
	setenv("DEBIAN_FRONTEND", "noninteractive", 1);
	if (c->cwd && chdir(c->cwd))
		_exit(126);
	execvp(c->argv[0], (char *const *)c->argv);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Read both pipes to their ends. */
static int collect(const struct image__command *c, int out, int err,
		   struct buffer *o, struct buffer *m)
{
	struct pollfd p[2] = { { out, POLLIN, 0 }, { err, POLLIN, 0 } };
	int r = 0;

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < 2; i++) {
			char buf[4096];
			ssize_t n;

			if (p[i].fd < 0 || !p[i].revents)
				continue;
			n = read(p[i].fd, buf, sizeof(buf));
			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0) {
				p[i].fd = -1;
				continue;
			}
			if (!r)
				r = buffer_add(i ? m : o, buf, (size_t)n);
			if (i && c->progress && write(2, buf, (size_t)n) < 0)
				r = r ? r : -errno;
		}
	}
	return r;
}

/* The tool's own reason: its first "E: " line, else its last line. */
static const char *complaint(char *text)
{
	char *e = text ? (!strncmp(text, "E: ", 3) ? text : strstr(text, "\nE: ")) : NULL;
	char *last = text;

	if (e) {
		e += *e == '\n' ? 4 : 3;
		e[strcspn(e, "\n")] = 0;
		return e;
	}
	if (!text || !*text)
		return "no reason given";
	text[strlen(text) - (text[strlen(text) - 1] == '\n')] = 0;
	for (char *p = text; (p = strchr(p, '\n')); last = ++p)
		;
	return last;
}

int image__run(const struct image__command *c, struct err *e)
{
	base_autofd int out = -1, err = -1;
	struct buffer o = { 0 }, m = { 0 };
	int po[2], pe[2], status, r;
	pid_t pid;

	if (pipe2(po, O_CLOEXEC))
		return err_sys(e, "%s: pipe", c->argv[0]);
	out = po[0];
	if (pipe2(pe, O_CLOEXEC)) {
		close(po[1]);
		return err_sys(e, "%s: pipe", c->argv[0]);
	}
	err = pe[0];
	pid = fork();
	if (!pid)
		child(c, po[1], pe[1]);
	close(po[1]);
	close(pe[1]);
	if (pid < 0)
		return err_sys(e, "%s: fork", c->argv[0]);
	r = collect(c, out, err, &o, &m);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r)
		r = err_set(e, -r, "%s: cannot read its output", c->argv[0]);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		r = err_set(e, ENOENT, "%s is not installed", c->argv[0]);
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		r = err_set(e, EIO, "%s: %s", c->argv[0], complaint(m.p));
	if (!r && c->out) {
		*c->out = o.p ? base_steal(&o.p) : base_strdup("");
		if (!*c->out)
			r = err_set(e, ENOMEM, "out of memory");
	}
	base_free(o.p);
	base_free(m.p);
	return r;
}

int image__write_file(const char *path, const char *text, unsigned mode, struct err *e)
{
	base_autofd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	size_t n = strlen(text);

	if (fd < 0)
		return err_sys(e, "%s", path);
	while (n) {
		ssize_t w = write(fd, text, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_sys(e, "%s", path);
		text += w;
		n -= (size_t)w;
	}
	/* The umask must not make a guest's program unrunnable. */
	return fchmod(fd, mode) ? err_sys(e, "%s", path) : 0;
}
