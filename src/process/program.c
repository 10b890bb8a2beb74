/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program's life; see program.h.
 *
 * The order is: map, decode, store, WASI (which opens folders), memories that
 * the module imports; then, in program_run(), instantiation, which is the
 * guest's first chance to run, _initialize, and _start or what was asked for.
 */
#include "process/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "process/program_int.h"
#include "vm/snapshot.h"
#include "wasm/dwarf.h"
#include "wasm/text.h"

/* Larger modules are validated function by function, when they are called. */
enum { LAZY_BYTES = 256 << 10 };

/* ---- the file --------------------------------------------------------------------- */

static int read_all(int fd, struct program_bytes *b)
{
	size_t cap = 0;
	ssize_t n;

	do {
		if (b->len == cap) {
			void *more = base_realloc((void *)b->data, cap = cap ? cap * 2 : 65536);

			if (!more)
				return -ENOMEM;
			b->data = more;
		}
		n = read(fd, (void *)(b->data + b->len), cap - b->len);
		if (n < 0 && errno != EINTR)
			return -errno;
		b->len += n > 0 ? (size_t)n : 0;
	} while (n);
	return 0;
}

/* A mapping of an empty file is refused; so is it by the loader. */
static int map(const char *path, struct program_bytes *b, struct err *e)
{
	base_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return err_sys(e, "%s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "%s: a folder, not a module", path);
	if (S_ISREG(st.st_mode) && st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			return err_sys(e, "%s", path);
		*b = (struct program_bytes){ p, (size_t)st.st_size, true };
		return 0;
	}
	r = read_all(fd, b);
	return r ? err_set(e, -r, "%s: %s", path, strerror(-r)) : 0;
}

static struct wasm_module *load_text(struct wasm_type_store *types, const char *path,
				     unsigned features, struct program_bytes *b, struct err *e)
{
	struct program_bytes text = *b;
	struct wasm_module *m = NULL;
	uint8_t *binary;
	size_t len;

	*b = (struct program_bytes){ 0 };
	if (!wasm_text_to_binary((const char *)text.data, text.len, path, features, &binary, &len,
				 e)) {
		*b = (struct program_bytes){ binary, len, false };
		m = wasm_module_load(types, binary, len, features, path, e);
		if (!m)
			wasm_text_place_error((const char *)text.data, text.len, path, features, e);
	}
	program_bytes_free(&text);
	return m;
}

struct wasm_module *program_module_load(struct wasm_type_store *types, const char *path,
					unsigned features, bool lazy, struct program_bytes *b,
					struct err *e)
{
	*b = (struct program_bytes){ 0 };
	if (map(path, b, e))
		return NULL;
	if (b->len >= 4 && !memcmp(b->data, "\0asm", 4)) {
		features |= lazy && b->len > LAZY_BYTES ? WASM_LAZY_BODIES : 0;
		return wasm_module_load(types, b->data, b->len, features, path, e);
	}
	if (b->len && !memchr(b->data, 0, MIN(b->len, (size_t)512)))
		return load_text(types, path, features, b, e);
	err_set(e, ENOEXEC, "%s: no WebAssembly module: it begins with neither \"\\0asm\" nor text",
		path);
	return NULL;
}

void program_bytes_free(struct program_bytes *b)
{
	if (b->mapped)
		munmap((void *)b->data, b->len);
	else
		base_free((void *)b->data);
	*b = (struct program_bytes){ 0 };
}

/* ---- what is called ---------------------------------------------------------------------- */

static const struct wasm_export *find_export(const struct wasm_module *m, const char *name)
{
	for (uint32_t i = 0; i < m->nexports; i++)
		if (m->exports[i].kind == WASM_EXTERN_FUNC && program__name_is(m->exports[i].name, name))
			return &m->exports[i];
	return NULL;
}

static const struct wasm_deftype *export_type(const struct wasm_module *m,
					      const struct wasm_export *x)
{
	return wasm_type_get(m->store, m->funcs[x->index].type);
}

static const struct wasm_deftype *invoked_type(const struct program *p)
{
	return export_type(p->main.module, find_export(p->main.module, p->o.invoke));
}

/* A program that cannot be run is told so before it is confined and begins. */
static int check_entry(struct program *p, struct err *e)
{
	const char *name = p->o.invoke ? p->o.invoke : "_start";
	const struct wasm_export *x = find_export(p->main.module, name);
	const struct wasm_deftype *d;

	if (!x && !p->o.invoke && find_export(p->main.module, "_initialize"))
		return 0;
	if (!x)
		return err_set(e, EINVAL, "%s: exports no function \"%s\"%s", p->o.path, name,
			       p->o.invoke ? "" : " (--invoke NAME calls another)");
	d = export_type(p->main.module, x);
	if (!p->o.invoke && (d->nparams || d->nresults))
		return err_set(e, EINVAL, "%s: \"_start\" is not a function without parameters "
			       "and results", p->o.path);
	if (!p->o.invoke)
		return 0;
	if (d->nparams != p->o.nargs)
		return err_set(e, EINVAL, "%s: \"%s\" takes %u arguments, %u given", p->o.path, name,
			       d->nparams, p->o.nargs);
	p->args = base_calloc(d->nparams + d->nresults + 1, sizeof(*p->args));
	if (!p->args)
		return err_set(e, ENOMEM, "out of memory");
	for (uint32_t i = 0; i < d->nparams; i++)
		if (program_parse_value(p->types, d->types[i], p->o.args[i], &p->args[i], e))
			return err_wrap(e, "argument %u of \"%s\"", i + 1, name);
	return 0;
}

static int open_modules(struct program *p, struct err *e)
{
	int r = 0;

	p->types = wasm_type_store_create(e);
	if (!p->types)
		return -e->code;
	p->libs = base_calloc(p->o.nlibs + 1, sizeof(*p->libs));
	if (!p->libs)
		return err_set(e, ENOMEM, "out of memory");
	for (uint32_t i = 0; i < p->o.nlibs && !r; i++) {
		p->libs[i].name = p->o.libs[i].name;
		p->libs[i].path = p->o.libs[i].path;
		r = program__open(p, &p->libs[i], e);
	}
	p->main.path = p->o.path;
	if (!r)
		r = program__open(p, &p->main, e);
	return r ? r : check_entry(p, e);
}

struct program *program_create(const struct program_options *o, struct err *e)
{
	struct program *p = base_zalloc(sizeof(*p));
	int r;

	if (!p) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	p->o = *o;
	r = open_modules(p, e);
	if (!r && !(p->store = wasm_store_create(p->types, &p->o.limits, e)))
		r = -e->code;
	if (!r && p->o.load)
		r = snapshot_read(p->o.load, "process", &p->state, &p->state_len, e);
	p->o.wasi.max_threads = p->o.threads;
	if (!r && !(p->wasi = wasi_create(&p->o.wasi, e)))
		r = -e->code;
	if (!r)
		r = program__link(p, e);
	if (r)
		program_destroy(base_steal(&p));
	return p;
}

/* ---- saved state -------------------------------------------------------------------------- */

static void save_identity(struct ser_writer *w, const struct program_bytes *b)
{
	ser_u64(w, b->len);
	ser_u64(w, snapshot_digest(b->data, b->len));
}

static bool is_identity(struct ser_reader *r, const struct program_bytes *b)
{
	return ser_get_u64(r) == b->len && ser_get_u64(r) == snapshot_digest(b->data, b->len);
}

static int save_state(struct program *p, struct err *e)
{
	struct ser_writer w;
	int r;

	ser_writer_init(&w);
	ser_begin(&w, "program", 1);
	save_identity(&w, &p->main.bytes);
	for (uint32_t i = 0; i < p->o.nlibs; i++)
		save_identity(&w, &p->libs[i].bytes);
	ser_end(&w);
	r = wasm_store_save(p->store, &w, e);
	if (!r) {
		ser_begin(&w, "wasi", 1);
		wasi_save(p->wasi, &w);
		ser_end(&w);
		r = snapshot_write(p->o.save, "process", &w, e);
	}
	ser_writer_fini(&w);
	return r;
}

static int load_sections(struct program *p, struct ser_reader *r, struct err *e)
{
	bool same = ser_open(r, "program", 1, 1) && is_identity(r, &p->main.bytes);
	int ret;

	for (uint32_t i = 0; i < p->o.nlibs && same; i++)
		same = is_identity(r, &p->libs[i].bytes);
	if (!r->err.code && !same)
		return err_set(e, EINVAL, "the state of another module than %s", p->o.path);
	ser_close(r);
	ret = ser_error(r, e);
	if (!ret)
		ret = wasm_store_load(p->store, r, e);
	if (!ret && ser_open(r, "wasi", 1, 1)) {
		wasi_load(p->wasi, r);
		ser_close(r);
	}
	return ret ? ret : ser_error(r, e);
}

static int load_state(struct program *p, struct err *e)
{
	struct ser_reader r;
	int ret;

	ser_reader_init(&r, p->state, p->state_len);
	ret = load_sections(p, &r, e);
	base_free(base_steal(&p->state));
	return ret ? err_wrap(e, "%s", p->o.load) : 0;
}

/* ---- running ------------------------------------------------------------------------------- */

static enum wasm_trap invoke(struct program *p)
{
	const struct wasm_deftype *d = invoked_type(p);
	union wasm_val *results = p->args + d->nparams;
	struct wasm_extern x;
	enum wasm_trap t;
	char *all = NULL;

	wasm_instance_export(p->main.instance, p->o.invoke, strlen(p->o.invoke), &x);
	t = wasm_call(p->store, x.func, p->args, results);
	for (uint32_t i = 0; !t && i < d->nresults; i++) {
		char text[64], *more;

		program_print_value(p->store, d->types[d->nparams + i], results[i], text,
				    sizeof(text));
		more = base_printf("%s%s\n", all ? all : "", text);
		base_free(all);
		all = more;
	}
	p->results = all;
	return t;
}

/* A command has _start, a reactor _initialize (application ABI of WASI). */
static enum wasm_trap enter(struct program *p)
{
	enum wasm_trap t = WASM_OK;

	if (!p->o.invoke && find_export(p->main.module, "_start"))
		return program__call(p, &p->main, "_start");
	if (!p->o.load && !(p->o.invoke && !strcmp(p->o.invoke, "_initialize")))
		t = program__call(p, &p->main, "_initialize");
	return t || !p->o.invoke ? t : invoke(p);
}

static void describe(struct program *p, struct program_end *end, enum wasm_trap t,
		     const char *message, const char *backtrace)
{
	end->trap = t;
	if (!message)
		message = t == WASM_TRAP_HOST ? wasm_store_trap_message(p->store)
					      : wasm_rt_trap_message(t);
	if (!backtrace)
		backtrace = wasm_store_backtrace(p->store);
	/* A line of it does not say of which module it is. */
	if (!p->o.nlibs)
		p->backtrace = wasm_dwarf_annotate(p->main.module, backtrace);
	end->message = message;
	end->backtrace = p->backtrace ? p->backtrace : backtrace;
}

int program_run(struct program *p, struct program_end *end, struct err *e)
{
	const char *message = NULL, *backtrace = NULL;
	enum wasm_trap t = WASM_OK;
	int r;

	*end = (struct program_end){ .kind = PROGRAM_FAILED, .message = "", .backtrace = "" };
	r = program__instantiate(p, &t, e);
	if (!r && !t && p->o.load)
		r = load_state(p, e);
	if (r)
		return r;
	if (!t)
		t = enter(p);
	t = wasi_finish(p->wasi, p->store, t, &end->status, &message, &backtrace);
	if (t == WASM_TRAP_EXIT)
		end->kind = PROGRAM_EXITED;
	else if (t)
		end->kind = p->stopped ? PROGRAM_STOPPED : PROGRAM_TRAPPED;
	else
		end->kind = PROGRAM_RETURNED;
	if (t)
		describe(p, end, t, message, backtrace);
	end->results = p->results ? p->results : "";
	if (p->o.save && (!t || t == WASM_TRAP_EXIT)) {
		r = save_state(p, e);
		if (r)
			end->kind = PROGRAM_FAILED;
	}
	return r;
}

void program_stop(struct program *p)
{
	p->stopped = true;
	wasm_interrupt(p->store);
	wasi_stop(p->wasi);
}

uint64_t program_fuel_left(const struct program *p)
{
	return wasm_store_fuel(p->store);
}

const struct wasm_module *program_module(const struct program *p)
{
	return p->main.module;
}

void program_destroy(struct program *p)
{
	if (!p)
		return;
	wasi_destroy(p->wasi);
	wasm_store_destroy(p->store);
	program__close(&p->main);
	for (uint32_t i = 0; i < p->o.nlibs && p->libs; i++)
		program__close(&p->libs[i]);
	base_free(p->libs);
	if (p->types)
		wasm_type_store_destroy(p->types);
	base_free(p->args);
	base_free(p->state);
	base_free(p->results);
	base_free(p->backtrace);
	base_free(p);
}
