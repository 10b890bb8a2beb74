/* SPDX-License-Identifier: Apache-2.0 */
/* Confinement of files; see landlock.h. */
#include "cli/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "system/system.h"

#if defined(__has_include)
#if __has_include(<linux/landlock.h>)
#include <linux/landlock.h>
#define HAVE_LANDLOCK 1
#endif
#endif

#ifndef HAVE_LANDLOCK
int landlock_version(void)
{
	return 0;
}

int landlock_rules(const struct sandbox *s, int *fd, struct err *e)
{
	(void)s, (void)e;
	*fd = -1;
	return 0;
}

int landlock_enter(int fd)
{
	(void)fd;
	errno = ENOSYS;
	return -1;
}
#else

/* The same numbers on every architecture. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define FS(right) LANDLOCK_ACCESS_FS_##right
/* Newer than the headers of some systems. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ull << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ull << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ull << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP (1ull << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ull << 1)
#endif
#ifndef LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ull << 0)
#define LANDLOCK_SCOPE_SIGNAL (1ull << 1)
#endif
#ifndef LANDLOCK_CREATE_RULESET_ERRATA
#define LANDLOCK_CREATE_RULESET_ERRATA (1u << 1)
#endif

/* struct landlock_ruleset_attr as of version 6; versions before it take the
 * longer one as long as what they do not know is zero. */
struct ruleset {
	uint64_t fs, net, scoped;
};

enum {
	REFER_SINCE = 2,        /* before it, no rename from folder to folder */
	TRUNCATE_SINCE = 3,
	NET_SINCE = 4,
	IOCTL_SINCE = 5,
	SCOPE_SINCE = 6,
	/* Erratum 2: signals between threads that were confined one by one,
	 * as ours are, were refused. */
	SIGNALS_REPAIRED = 1 << 1,
};

static const uint64_t first_rights =
	FS(EXECUTE) | FS(WRITE_FILE) | FS(READ_FILE) | FS(READ_DIR) | FS(REMOVE_DIR) |
	FS(REMOVE_FILE) | FS(MAKE_CHAR) | FS(MAKE_DIR) | FS(MAKE_REG) | FS(MAKE_SOCK) |
	FS(MAKE_FIFO) | FS(MAKE_BLOCK) | FS(MAKE_SYM);
static const uint64_t share_read = FS(READ_FILE) | FS(READ_DIR);
/* All but programs and devices, which shares never run, open or make. */
static const uint64_t share_write =
	FS(READ_FILE) | FS(READ_DIR) | FS(WRITE_FILE) | FS(TRUNCATE) | FS(REMOVE_DIR) |
	FS(REMOVE_FILE) | FS(MAKE_DIR) | FS(MAKE_REG) | FS(MAKE_SOCK) | FS(MAKE_FIFO) |
	FS(MAKE_SYM) | FS(REFER);
/* A new file beside the old one, renamed over it. */
static const uint64_t save = FS(WRITE_FILE) | FS(TRUNCATE) | FS(MAKE_REG) | FS(REMOVE_FILE);

int landlock_version(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return v > 0 ? (int)v : 0;
}

int landlock_enter(int fd)
{
	return (int)syscall(SYS_landlock_restrict_self, fd, 0);
}

static struct ruleset handled(int version, bool user_net)
{
	long errata = syscall(SYS_landlock_create_ruleset, NULL, 0,
			      LANDLOCK_CREATE_RULESET_ERRATA);
	struct ruleset h = { .fs = first_rights };

	if (version >= REFER_SINCE)
		h.fs |= FS(REFER);
	if (version >= TRUNCATE_SINCE)
		h.fs |= FS(TRUNCATE);
	if (version >= IOCTL_SINCE)
		h.fs |= FS(IOCTL_DEV);
	if (version >= NET_SINCE && !user_net)
		h.net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
	if (version >= SCOPE_SINCE)
		h.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET;
	if (version >= SCOPE_SINCE && errata > 0 && (errata & SIGNALS_REPAIRED))
		h.scoped |= LANDLOCK_SCOPE_SIGNAL;
	return h;
}

struct rules {
	int fd;
	uint64_t handled;
};

/* At and below `path`; 0 or -errno. */
static int allow_path(const struct rules *r, const char *path, uint64_t rights)
{
	base_autofd int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr a = {
		.allowed_access = rights & r->handled, .parent_fd = fd,
	};

	if (fd < 0 || syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH, &a, 0))
		return -errno;
	return 0;
}

/* In the folder that `path` is an entry of. */
static int allow_beside(const struct rules *r, const char *path, uint64_t rights)
{
	const char *slash = strrchr(path, '/');
	base_auto char *dir = slash ? base_printf("%.*s", (int)(slash - path + 1), path)
				    : base_strdup(".");

	return dir ? allow_path(r, dir, rights) : -ENOMEM;
}

/*
 * The user network reads it again when it changes.  Where it is a link, to a
 * file that a service replaces, that service's folder.
 */
static void allow_resolver(const struct rules *r)
{
	static const char conf[] = "/etc/resolv.conf", run[] = "/run/";
	char real[PATH_MAX];

	if (realpath(conf, real) && !strncmp(real, run, strlen(run)) &&
	    strchr(real + strlen(run), '/'))
		allow_beside(r, real, FS(READ_FILE));
	else
		allow_path(r, conf, FS(READ_FILE));
	allow_path(r, "/run/systemd/resolve", FS(READ_FILE));
}

/* It is written at the first boot; made here, no right to make files in its
 * folder is needed.  What cannot be made is reported there. */
static void allow_output(const struct rules *r, const char *path)
{
	int made = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	base_close_fd(&made);
	allow_path(r, path, FS(WRITE_FILE) | FS(TRUNCATE));
}

static int allow_all(const struct rules *r, const struct sandbox *s, struct err *e)
{
	const struct system_config *c = s->config;
	int ret;

	for (unsigned i = 0; i < c->nshares; i++) {
		ret = allow_path(r, c->shares[i].dir,
				 c->shares[i].readonly ? share_read : share_write);
		if (ret)
			return err_set(e, -ret, "%s: %s", c->shares[i].dir, strerror(-ret));
	}
	/* A saved run is linked to its snapshot there (cli/linux.c). */
	ret = s->own ? allow_beside(r, s->own, FS(REMOVE_DIR) | (s->snapshot ? FS(MAKE_SYM) : 0))
		     : 0;
	if (ret)
		return err_set(e, -ret, "%s: %s", s->own, strerror(-ret));
	/* If its folder is not there, saving says so. */
	if (s->snapshot)
		allow_beside(r, s->snapshot, save);
	if (c->dtb_out)
		allow_output(r, c->dtb_out);
	if (sandbox_user_net(c))
		allow_resolver(r);
	return 0;
}

int landlock_rules(const struct sandbox *s, int *fd, struct err *e)
{
	int version = landlock_version();
	struct ruleset h = handled(version, sandbox_user_net(s->config));
	struct rules r = { .handled = h.fs };
	int ret;

	*fd = -1;
	/* A share whose files cannot move between its folders is broken. */
	if (!version || (version < REFER_SINCE && s->config->nshares))
		return 0;
	r.fd = (int)syscall(SYS_landlock_create_ruleset, &h, sizeof(h), 0);
	if (r.fd < 0)
		return err_sys(e, "cannot confine files (--no-sandbox goes without)");
	ret = allow_all(&r, s, e);
	if (ret)
		base_close_fd(&r.fd);
	*fd = r.fd;
	return ret;
}
#endif
