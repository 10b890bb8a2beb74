/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private apt: its own state and cache folders, riscv64 only, one source:
 * the Debian mirror of the machine's own configuration, at the suite whose
 * kernel we boot.  Proxies, credentials and transports are the machine's,
 * because its configuration files are read as always; the archive's
 * signature is checked by apt with the keyring that the machine trusts.
 */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "image/debian_internal.h"

#define SUITE "trixie"
#define KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"

/* One index file of the machine's apt, as `apt-get indextargets` prints it. */
struct target {
	const char *uri, *origin, *component, *signed_by, *created_by;
};

static void target_field(struct target *t, char *line)
{
	static const struct {
		const char *key;
		size_t at;
	} fields[] = {
		{ "Repo-URI: ", offsetof(struct target, uri) },
		{ "Origin: ", offsetof(struct target, origin) },
		{ "Component: ", offsetof(struct target, component) },
		{ "Signed-By: ", offsetof(struct target, signed_by) },
		{ "Created-By: ", offsetof(struct target, created_by) },
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (!strncmp(line, fields[i].key, strlen(fields[i].key)))
			*(const char **)((char *)t + fields[i].at) =
				line + strlen(fields[i].key);
}

/* The main archive, not its security or debug siblings.  Before the first
 * `apt-get update` there is no Origin; the folder's name tells then. */
static bool target_is_debian(const struct target *t)
{
	size_t n = t->uri ? strcspn(t->uri, "\n") : 0;

	if (!n || !t->created_by || strcmp(t->created_by, "Packages") ||
	    !t->component || strcmp(t->component, "main") ||
	    strstr(t->uri, "security") || strstr(t->uri, "debug") ||
	    strstr(t->uri, "backports"))
		return false;
	if (t->origin && *t->origin)
		return !strcmp(t->origin, "Debian");
	return strstr(t->uri, "debian") != NULL;
}

/* The mirror's URI and, when the machine names one, its keyring. */
static int find_mirror(char **uri, char **signed_by, struct err *e)
{
	static const char *const argv[] = { "apt-get", "indextargets", NULL };
	base_auto char *text = NULL;
	struct image__command c = { .argv = argv, .out = &text };
	struct target t = { 0 };
	int r = image__run(&c, e);

	if (r == -ENOENT)
		return err_set(e, ENOTSUP, "fetching the Debian kernel needs a Debian host: %s",
			       "apt-get is not installed (use --kernel and --share)");
	if (r)
		return r;
	for (char *p = text, *next; p && *p; p = next) {
		next = strchr(p, '\n');
		if (next)
			*next++ = 0;
		if (*p) {
			target_field(&t, p);
			if (next && *next)
				continue;
		}
		if (target_is_debian(&t)) {
			*uri = base_strdup(t.uri);
			*signed_by = base_strdup(t.signed_by ? t.signed_by : "");
			return *uri && *signed_by ? 0 : err_set(e, ENOMEM, "out of memory");
		}
		t = (struct target){ 0 };
	}
	return err_set(e, ENOENT, "apt is configured with no Debian mirror (main archive), "
		       "from which the kernel could be fetched");
}

/* A keyring may also be given in the configuration as a fingerprint or an
 * embedded key: only a file can be passed on. */
static int write_sources(struct image__apt *a, struct err *e)
{
	base_auto char *uri = NULL, *signed_by = NULL, *text = NULL, *path = NULL;
	const char *key = KEYRING;
	int r = find_mirror(&uri, &signed_by, e);

	if (r)
		return r;
	if (signed_by[0] == '/' && !access(signed_by, R_OK) && !strpbrk(signed_by, "] \t"))
		key = signed_by;
	if (access(key, R_OK))
		key = NULL;
	text = key ? base_printf("deb [arch=riscv64 signed-by=%s] %s " SUITE " main\n", key, uri)
		   : base_printf("deb [arch=riscv64] %s " SUITE " main\n", uri);
	path = base_printf("%s/sources.list", a->dir);
	if (!text || !path)
		return err_set(e, ENOMEM, "out of memory");
	return image__write_file(path, text, 0644, e);
}

/* Read after the machine's own configuration files, so that #clear works on
 * what they say: its hooks after an update are for its own package lists. */
static int write_conf(struct image__apt *a, struct err *e)
{
	base_auto char *text = base_printf(
		"#clear APT::Update;\n#clear DPkg;\n#clear APT::Architectures;\n"
		"#clear APT::Default-Release;\n"
		"APT::Architecture \"riscv64\";\nAPT::Architectures { \"riscv64\"; };\n"
		"Dir::State \"%s/state\";\nDir::State::status \"%s/status\";\n"
		"Dir::Cache \"%s/cache\";\nDir::Etc::sourcelist \"%s/sources.list\";\n"
		"Dir::Etc::sourceparts \"/dev/null\";\nDir::Etc::preferences \"/dev/null\";\n"
		"Dir::Etc::preferencesparts \"/dev/null\";\n"
		"Acquire::Languages \"none\";\nAcquire::Retries \"3\";\n"
		"Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n"
		"Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled \"false\";\n"
		"Acquire::AllowInsecureRepositories \"false\";\n"
		"APT::Get::AllowUnauthenticated \"false\";\n",
		a->dir, a->dir, a->dir, a->dir);

	if (!text)
		return err_set(e, ENOMEM, "out of memory");
	return image__write_file(a->conf, text, 0644, e);
}

/* apt downloads as user _apt when it is started by root: that user must be
 * able to reach the folders and to write to the last one. */
static int make_dirs(struct image__apt *a, struct err *e)
{
	static const char *const dirs[] = {
		"state", "state/lists", "state/lists/partial", "cache",
		"cache/archives", "cache/archives/partial", "get",
	};
	base_auto char *status = base_printf("%s/status", a->dir);
	struct passwd *pw = geteuid() ? NULL : getpwnam("_apt");

	if (!status || chmod(a->dir, 0755))
		return err_sys(e, "%s", a->dir);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		base_auto char *path = base_printf("%s/%s", a->dir, dirs[i]);

		if (!path || mkdir(path, 0755) || chmod(path, 0755))
			return err_sys(e, "%s/%s", a->dir, dirs[i]);
		if (pw && !strcmp(dirs[i], "get") && chown(path, pw->pw_uid, (gid_t)-1))
			return err_sys(e, "%s", path);
	}
	return image__write_file(status, "", 0644, e);
}

static int apt_update(struct image__apt *a, struct err *e)
{
	const char *argv[] = { "apt-get", "-c", a->conf, a->progress ? "-q=0" : "-qq",
			       "--error-on=any", "update", NULL };
	struct image__command c = { .argv = argv, .progress = a->progress };

	return image__run(&c, e);
}

int image__apt_open(struct image__apt *a, bool progress, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	int r;

	memset(a, 0, sizeof(*a));
	a->progress = progress;
	a->dir = base_printf("%s/doppel-fetch-XXXXXX", tmp && *tmp == '/' ? tmp : "/var/tmp");
	if (!a->dir)
		return err_set(e, ENOMEM, "out of memory");
	if (!mkdtemp(a->dir)) {
		r = err_sys(e, "%s", a->dir);
		base_free(base_steal(&a->dir));
		return r;
	}
	a->conf = base_printf("%s/apt.conf", a->dir);
	r = a->conf ? make_dirs(a, e) : err_set(e, ENOMEM, "out of memory");
	if (!r)
		r = write_sources(a, e);
	if (!r)
		r = write_conf(a, e);
	if (!r)
		r = apt_update(a, e);
	return r;
}

void image__apt_close(struct image__apt *a)
{
	if (a->dir)
		image_tree_remove(a->dir, NULL);
	base_free(a->dir);
	base_free(a->conf);
	memset(a, 0, sizeof(*a));
}

int image__apt_depends(struct image__apt *a, const char *package, const char *prefix,
		       char **name, struct err *e)
{
	const char *argv[] = { "apt-cache", "-c", a->conf, "show", "--no-all-versions",
			       package, NULL };
	base_auto char *text = NULL;
	struct image__command c = { .argv = argv, .out = &text };
	int r = image__run(&c, e);
	char *line, *p;

	if (r)
		return r;
	line = strstr(text, "\nDepends: ");
	if (line) {
		line += strlen("\nDepends: ");
		line[strcspn(line, "\n")] = 0;
		for (p = line; p; p = strchr(p, ',')) {
			p += strspn(p, ", ");
			if (strncmp(p, prefix, strlen(prefix)))
				continue;
			p[strcspn(p, " ,(")] = 0;
			*name = base_strdup(p);
			return *name ? 0 : err_set(e, ENOMEM, "out of memory");
		}
	}
	return err_set(e, ENOENT, "the archive's %s depends on no %s*", package, prefix);
}

int image__apt_download(struct image__apt *a, const char *package, char **path,
			struct err *e)
{
	base_auto char *dir = base_printf("%s/get", a->dir);
	base_auto char *prefix = base_printf("%s_", package);
	const char *argv[] = { "apt-get", "-c", a->conf, a->progress ? "-q=0" : "-qq",
			       "download", package, NULL };
	struct image__command c = { .argv = argv, .cwd = dir, .progress = a->progress };
	struct dirent *d;
	DIR *list;
	int r;

	if (!dir || !prefix)
		return err_set(e, ENOMEM, "out of memory");
	r = image__run(&c, e);
	if (r)
		return r;
	list = opendir(dir);
	if (!list)
		return err_sys(e, "%s", dir);
	*path = NULL;
	while (!*path && (d = readdir(list)))
		if (!strncmp(d->d_name, prefix, strlen(prefix)))
			*path = base_printf("%s/%s", dir, d->d_name);
	closedir(list);
	return *path ? 0 : err_set(e, ENOENT, "apt-get downloaded no %s", package);
}
