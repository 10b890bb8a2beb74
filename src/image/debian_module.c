/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel modules: which others a module needs and under which names it is
 * asked for.  Both stand in its ELF section .modinfo as NUL-terminated
 * key=value strings (modinfo(8)), which is also what depmod reads; with them
 * modules.dep and modules.alias are written for the chosen few.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/bits.h"
#include "image/debian_internal.h"

struct module {
	struct module *next;
	char *name;       /* with underscores */
	char *file;       /* base name, NAME.ko */
	char *depends;    /* as in .modinfo: comma-separated */
	bool wanted;
};

struct modules {
	struct arena arena;
	struct module *list;
	const char *from, *to;
	FILE *alias;
};

/* In names '-' and '_' are one character. */
static void canonical(char *s)
{
	for (; *s; s++)
		*s = *s == '-' ? '_' : *s;
}

/* The value of the next `key=` string at or after *pos, NULL: no more. */
static const char *modinfo_next(const char *info, size_t n, size_t *pos, const char *key)
{
	size_t k = strlen(key);

	while (*pos < n) {
		const char *s = info + *pos;

		*pos += strnlen(s, n - *pos) + 1;
		if (*pos <= n && !strncmp(s, key, k) && s[k] == '=')
			return s + k + 1;
	}
	return NULL;
}

/* Section .modinfo of a 64-bit little-endian ELF file. */
static const char *modinfo_find(const uint8_t *p, size_t n, size_t *len)
{
	Elf64_Ehdr h;
	Elf64_Shdr s, names;

	if (n < sizeof(h))
		return NULL;
	memcpy(&h, p, sizeof(h));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_shentsize != sizeof(s) ||
	    h.e_shoff > n || h.e_shnum > (n - h.e_shoff) / sizeof(s) ||
	    h.e_shstrndx >= h.e_shnum)
		return NULL;
	memcpy(&names, p + h.e_shoff + h.e_shstrndx * sizeof(s), sizeof(s));
	if (names.sh_offset > n || names.sh_size > n - names.sh_offset)
		return NULL;
	for (unsigned i = 0; i < h.e_shnum; i++) {
		memcpy(&s, p + h.e_shoff + i * sizeof(s), sizeof(s));
		if (s.sh_name > names.sh_size || names.sh_size - s.sh_name < 9 ||
		    memcmp(p + names.sh_offset + s.sh_name, ".modinfo", 9))
			continue;
		if (s.sh_offset > n || s.sh_size > n - s.sh_offset)
			return NULL;
		*len = s.sh_size;
		return (const char *)p + s.sh_offset;
	}
	return NULL;
}

static uint8_t *read_all(const char *path, size_t *n, struct err *e)
{
	base_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *p;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st)) {
		err_sys(e, "%s", path);
		return NULL;
	}
	*n = 0;
	p = base_alloc((size_t)st.st_size + 1);
	if (!p) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	while (*n < (size_t)st.st_size &&
	       (got = read(fd, p + *n, (size_t)st.st_size - *n)) > 0)
		*n += (size_t)got;
	p[*n] = 0;
	return p;
}

static struct module *module_find(struct modules *m, const char *name, size_t len)
{
	for (struct module *i = m->list; i; i = i->next)
		if (strlen(i->name) == len && !memcmp(i->name, name, len))
			return i;
	return NULL;
}

/* Fill the list with every module below `path`. */
static int scan(struct modules *m, const char *path, struct err *e)
{
	DIR *d = opendir(path);
	struct dirent *ent;
	int r = 0;

	if (!d)
		return err_sys(e, "%s", path);
	while (!r && (ent = readdir(d))) {
		base_auto char *below = base_printf("%s/%s", path, ent->d_name);
		char *ko = strstr(ent->d_name, ".ko");
		struct module *i;

		if (ent->d_name[0] == '.')
			continue;
		if (ent->d_type == DT_DIR) {
			r = below ? scan(m, below, e) : -ENOMEM;
			continue;
		}
		if (!ko)
			continue;
		i = arena_alloc(&m->arena, sizeof(*i));
		if (!below || !i || !(i->file = arena_strdup(&m->arena, below)) ||
		    !(i->name = arena_strdup(&m->arena, ent->d_name))) {
			r = err_set(e, ENOMEM, "out of memory");
			break;
		}
		i->name[ko - ent->d_name] = 0;
		canonical(i->name);
		i->next = m->list;
		m->list = i;
	}
	closedir(d);
	return r;
}

static int install(struct modules *m, const char *name, size_t len, unsigned depth,
		   struct err *e);

static int install_depends(struct modules *m, struct module *i, unsigned depth,
			   struct err *e)
{
	int r = 0;

	for (const char *p = i->depends; *p && !r; p += *p == ',') {
		size_t n = strcspn(p, ",");

		r = install(m, p, n, depth + 1, e);
		p += n;
	}
	return r;
}

/* Decompress one module, note what it says of itself, then do its needs. */
static int install(struct modules *m, const char *name, size_t len, unsigned depth,
		   struct err *e)
{
	struct module *i = module_find(m, name, len);
	base_auto char *to = NULL;
	base_auto uint8_t *p = NULL;
	size_t n, info_len = 0, pos = 0;
	const char *info, *s;
	int r;

	if (!i || i->wanted || depth > 32)
		return 0; /* built in, renamed in this kernel, or done */
	i->wanted = true;
	to = base_printf("%s/%s.ko", m->to, i->name);
	if (!to)
		return err_set(e, ENOMEM, "out of memory");
	r = image__decompress(i->file, to, e);
	if (r)
		return r;
	p = read_all(to, &n, e);
	if (!p)
		return e ? -e->code : -EIO;
	info = modinfo_find(p, n, &info_len);
	if (!info)
		return err_set(e, EINVAL, "%s: not a kernel module", i->file);
	s = modinfo_next(info, info_len, &pos, "depends");
	i->depends = arena_strdup(&m->arena, s ? s : "");
	if (!i->depends)
		return err_set(e, ENOMEM, "out of memory");
	canonical(i->depends);
	for (pos = 0; (s = modinfo_next(info, info_len, &pos, "alias"));)
		fprintf(m->alias, "alias %s %s\n", s, i->name);
	return install_depends(m, i, depth, e);
}

/* modprobe loads the list from its end, so every need of a need is named. */
static void print_needs(struct modules *m, FILE *f, struct module *i, unsigned depth)
{
	for (const char *p = i->depends; *p; p += *p == ',') {
		size_t n = strcspn(p, ",");
		struct module *d = module_find(m, p, n);

		p += n;
		if (d && d->wanted && depth < 16) {
			fprintf(f, " %s.ko", d->name);
			print_needs(m, f, d, depth + 1);
		}
	}
}

static int write_dep(struct modules *m, struct err *e)
{
	base_auto char *path = base_printf("%s/modules.dep", m->to);
	FILE *f = path ? fopen(path, "we") : NULL;

	if (!f)
		return err_sys(e, "%s/modules.dep", m->to);
	for (struct module *i = m->list; i; i = i->next) {
		if (!i->wanted)
			continue;
		fprintf(f, "%s.ko:", i->name);
		print_needs(m, f, i, 0);
		fputc('\n', f);
	}
	return fclose(f) ? err_sys(e, "%s", path) : 0;
}

int image__modules_install(const char *from, const char *dir,
			   const char *const *names, struct err *e)
{
	struct modules m = { .from = from, .to = dir };
	base_auto char *path = base_printf("%s/modules.alias", dir);
	int r;

	if (!path || !(m.alias = fopen(path, "we")))
		return err_sys(e, "%s/modules.alias", dir);
	arena_init(&m.arena, 0);
	r = scan(&m, from, e);
	for (; !r && *names; names++)
		r = install(&m, *names, strlen(*names), 0, e);
	if (!r)
		r = write_dep(&m, e);
	if (fclose(m.alias) && !r)
		r = err_sys(e, "%s", path);
	arena_fini(&m.arena);
	return r;
}
