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
#include "vm/snapshot.h"
#include "wasm/dwarf.h"
#include "wasm/text.h"

/* Larger modules are validated function by function, when they are called. */
enum { LAZY_BYTES = 256 << 10 };

struct program {
	struct program_options o;
	struct program_bytes bytes;
	struct wasm_type_store *types;
	struct wasm_module *module;
	struct wasm_store *store;
	struct wasi *wasi;
	struct wasm_extern *imports;
	struct wasm_instance *instance;
	struct wasm_rt_func *invoked;
	union wasm_val *args;
	uint8_t *state;                 /* read at the start, while files can be */
	size_t state_len;
	char *results, *backtrace;
	_Atomic bool stopped;
};

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

int program_bytes_read(const char *path, unsigned features, struct program_bytes *b,
		       struct err *e)
{
	uint8_t *binary;
	size_t len;
	int r;

	*b = (struct program_bytes){ 0 };
	r = map(path, b, e);
	if (!r && (b->len < 4 || memcmp(b->data, "\0asm", 4))) {
		if (!b->len || memchr(b->data, 0, MIN(b->len, (size_t)512)))
			r = err_set(e, ENOEXEC, "%s: no WebAssembly module: it begins with neither "
				    "\"\\0asm\" nor text", path);
		else
			r = wasm_text_to_binary((const char *)b->data, b->len, path, features,
						&binary, &len, e);
		program_bytes_free(b);
		if (!r)
			*b = (struct program_bytes){ binary, len, false };
	}
	if (r)
		program_bytes_free(b);
	return r;
}

void program_bytes_free(struct program_bytes *b)
{
	if (b->mapped)
		munmap((void *)b->data, b->len);
	else
		base_free((void *)b->data);
	*b = (struct program_bytes){ 0 };
}

/* ---- what the module imports ----------------------------------------------------------- */

static bool name_is(struct wasm_name n, const char *s)
{
	return n.len == strlen(s) && !memcmp(n.s, s, n.len);
}

static bool wants_threads(const struct wasm_module *m)
{
	for (uint32_t i = 0; i < m->nimports; i++)
		if (name_is(m->imports[i].module, "wasi") &&
		    name_is(m->imports[i].name, "thread-spawn"))
			return true;
	return false;
}

static int unknown_import(const struct program *p, const struct wasm_import *im, struct err *e)
{
	static const char *const kinds[] = { "function", "table", "memory", "global", "tag" };

	if (!p->o.threads && name_is(im->module, "wasi") && name_is(im->name, "thread-spawn"))
		return err_set(e, EINVAL, "%s: starts threads, which it may not (--threads 0, "
			       "--deterministic)", p->o.path);
	return err_set(e, EINVAL, "%s: imports the %s \"%.*s\" \"%.*s\", which is not of WASI "
		       "preview 1%s", p->o.path, kinds[im->kind],
		       (int)MIN(im->module.len, 80u), im->module.s,
		       (int)MIN(im->name.len, 80u), im->name.s,
		       im->kind == WASM_EXTERN_FUNC && !p->o.trap_unknown
			       ? " (--unknown-imports trap runs it until it calls such a one)" : "");
}

static enum wasm_trap unknown_called(void *ctx, struct wasm_store *s,
				     const union wasm_val *args, union wasm_val *results)
{
	const struct wasm_import *im = ctx;

	(void)args, (void)results;
	return wasm_store_trap(s, "called the import \"%.*s\" \"%.*s\", which nobody provides",
			       (int)MIN(im->module.len, 80u), im->module.s,
			       (int)MIN(im->name.len, 80u), im->name.s);
}

/* Functions that nobody provides trap when they are called.  Also for the
 * stores of further threads. */
static int trap_unknown(void *arg, struct wasm_store *s, struct wasm_extern *imports,
			struct err *e)
{
	const struct wasm_module *m = ((struct program *)arg)->module;

	for (uint32_t i = 0; i < m->nimports; i++) {
		const struct wasm_import *im = &m->imports[i];

		if (im->kind != WASM_EXTERN_FUNC || imports[i].kind != WASM_EXTERN_FUNC ||
		    imports[i].func)
			continue;
		imports[i].func = wasm_rt_func_new_host(s, m->funcs[im->index].type,
							unknown_called, (void *)im, e);
		if (!imports[i].func)
			return -e->code;
	}
	return 0;
}

/* Programs with threads import the memory that these share. */
static int own_memories(struct program *p, struct err *e)
{
	const struct wasm_module *m = p->module;

	for (uint32_t i = 0; i < m->nimports; i++) {
		const struct wasm_import *im = &m->imports[i];

		if (im->kind == WASM_EXTERN_FUNC && p->imports[i].func)
			continue;
		if (im->kind != WASM_EXTERN_MEMORY || !m->memories[im->index].limits.shared)
			return unknown_import(p, im, e);
		p->imports[i].kind = WASM_EXTERN_MEMORY;
		p->imports[i].memory = wasm_rt_memory_new(p->store, &m->memories[im->index], e);
		if (!p->imports[i].memory)
			return err_wrap(e, "%s", p->o.path);
	}
	return 0;
}

static int link_imports(struct program *p, struct err *e)
{
	const struct wasm_import *missing = NULL;
	struct wasi_threads t = { .module = p->module, .limits = p->o.limits, .arg = p };
	int r;

	p->imports = base_calloc(p->module->nimports + 1, sizeof(*p->imports));
	if (!p->imports)
		return err_set(e, ENOMEM, "out of memory");
	if (p->o.trap_unknown)
		t.fill = trap_unknown;
	r = wasi_link(p->wasi, p->store, p->module, p->imports, &missing, e);
	if (!r && p->o.trap_unknown)
		r = trap_unknown(p, p->store, p->imports, e);
	else if (!r && missing)
		r = unknown_import(p, missing, e);
	if (!r)
		r = own_memories(p, e);
	if (!r && p->o.threads && wants_threads(p->module))
		r = wasi_threads_enable(p->wasi, p->store, &t, e);
	return r;
}

/* ---- what is called ---------------------------------------------------------------------- */

static const struct wasm_export *find_export(const struct wasm_module *m, const char *name)
{
	for (uint32_t i = 0; i < m->nexports; i++)
		if (m->exports[i].kind == WASM_EXTERN_FUNC && name_is(m->exports[i].name, name))
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
	return export_type(p->module, find_export(p->module, p->o.invoke));
}

/* A program that cannot be run is told so before it is confined and begins. */
static int check_entry(struct program *p, struct err *e)
{
	const char *name = p->o.invoke ? p->o.invoke : "_start";
	const struct wasm_export *x = find_export(p->module, name);
	const struct wasm_deftype *d;

	if (!x && !p->o.invoke && find_export(p->module, "_initialize"))
		return 0;
	if (!x)
		return err_set(e, EINVAL, "%s: exports no function \"%s\"%s", p->o.path, name,
			       p->o.invoke ? "" : " (--invoke NAME calls another)");
	d = export_type(p->module, x);
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

static int open_module(struct program *p, struct err *e)
{
	unsigned features = p->o.features;
	int r = program_bytes_read(p->o.path, features, &p->bytes, e);

	if (r)
		return r;
	if (p->bytes.len > LAZY_BYTES)
		features |= WASM_LAZY_BODIES;
	p->types = wasm_type_store_create(e);
	if (!p->types)
		return -e->code;
	p->module = wasm_module_load(p->types, p->bytes.data, p->bytes.len, features, p->o.path, e);
	return p->module ? check_entry(p, e) : -e->code;
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
	r = open_module(p, e);
	if (!r && !(p->store = wasm_store_create(p->types, &p->o.limits, e)))
		r = -e->code;
	if (!r && p->o.load)
		r = snapshot_read(p->o.load, "process", &p->state, &p->state_len, e);
	p->o.wasi.max_threads = p->o.threads;
	if (!r && !(p->wasi = wasi_create(&p->o.wasi, e)))
		r = -e->code;
	if (!r)
		r = link_imports(p, e);
	if (r)
		program_destroy(base_steal(&p));
	return p;
}

/* ---- saved state -------------------------------------------------------------------------- */

static int save_state(struct program *p, struct err *e)
{
	struct ser_writer w;
	int r;

	ser_writer_init(&w);
	ser_begin(&w, "program", 1);
	ser_u64(&w, p->bytes.len);
	ser_u64(&w, snapshot_digest(p->bytes.data, p->bytes.len));
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
	bool same = ser_open(r, "program", 1, 1) && ser_get_u64(r) == p->bytes.len &&
		    ser_get_u64(r) == snapshot_digest(p->bytes.data, p->bytes.len);
	int ret;

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

static enum wasm_trap call(struct program *p, const char *name)
{
	struct wasm_extern x;

	if (!wasm_instance_export(p->instance, name, strlen(name), &x) ||
	    x.kind != WASM_EXTERN_FUNC)
		return WASM_OK;
	return wasm_call(p->store, x.func, NULL, NULL);
}

static enum wasm_trap invoke(struct program *p)
{
	const struct wasm_deftype *d = invoked_type(p);
	union wasm_val *results = p->args + d->nparams;
	struct wasm_extern x;
	enum wasm_trap t;
	char *all = NULL;

	wasm_instance_export(p->instance, p->o.invoke, strlen(p->o.invoke), &x);
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

	if (!p->o.invoke && find_export(p->module, "_start"))
		return call(p, "_start");
	if (!p->o.load)
		t = call(p, "_initialize");
	return t || !p->o.invoke ? t : invoke(p);
}

static int instantiate(struct program *p, enum wasm_trap *trap, struct err *e)
{
	struct err why = { 0 };

	if (p->o.load)
		wasm_store_restoring(p->store);
	p->instance = wasm_instantiate(p->store, p->module, p->imports, trap, &why);
	if (p->instance)
		return p->o.load ? load_state(p, e) : 0;
	return *trap ? 0 : err_set(e, why.code ? why.code : EINVAL, "%s: %s", p->o.path, why.msg);
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
	p->backtrace = wasm_dwarf_annotate(p->module, backtrace);
	end->message = message;
	end->backtrace = p->backtrace ? p->backtrace : backtrace;
}

int program_run(struct program *p, struct program_end *end, struct err *e)
{
	const char *message = NULL, *backtrace = NULL;
	enum wasm_trap t = WASM_OK;
	int r;

	*end = (struct program_end){ .kind = PROGRAM_FAILED, .message = "", .backtrace = "" };
	r = instantiate(p, &t, e);
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
	return p->module;
}

void program_destroy(struct program *p)
{
	if (!p)
		return;
	wasi_destroy(p->wasi);
	wasm_store_destroy(p->store);
	if (p->module)
		wasm_module_destroy(p->module);
	if (p->types)
		wasm_type_store_destroy(p->types);
	program_bytes_free(&p->bytes);
	base_free(p->imports);
	base_free(p->args);
	base_free(p->state);
	base_free(p->results);
	base_free(p->backtrace);
	base_free(p);
}
