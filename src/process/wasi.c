/* SPDX-License-Identifier: Apache-2.0 */
/* WASI: creation from options, and linking with a module. */
#include "process/wasi.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "mem/linear.h"
#include "process/wasi_int.h"

static int no_memory(struct err *e)
{
	return err_set(e, ENOMEM, "wasi: out of memory");
}

/* ---- options --------------------------------------------------------------------- */

static int copy_strings(struct wasi_strings *s, uint32_t n, const char *const *from,
			const char *what, struct err *e)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < n; i++)
		size += strlen(from[i]) + 1;
	if (size > INT32_MAX)
		return err_set(e, E2BIG, "wasi: more than 2 GiB of %s", what);
	s->bytes = base_alloc(size ? size : 1);
	if (!s->bytes)
		return no_memory(e);
	for (uint32_t i = 0; i < n; i++) {
		size_t k = strlen(from[i]) + 1;

		memcpy(s->bytes + s->size, from[i], k);
		s->size += (uint32_t)k;
	}
	s->count = n;
	return 0;
}

static int add_preopen(struct wasi *w, const struct wasi_preopen *p, struct err *e)
{
	const struct host_fs_options o = { .readonly = p->readonly, .plain = true };
	struct wasi_share *s = &w->shares[w->nshares];
	struct wasi_file *f;
	uint32_t fd;

	s->guest = base_strdup(p->guest);
	if (!s->guest)
		return no_memory(e);
	s->fs = host_fs_create(p->host, &o, e);
	if (!s->fs) {
		base_free(s->guest);
		return strcmp(p->host, p->guest) ? err_wrap(e, "folder for '%s'", p->guest)
						 : err_wrap(e, "folder");
	}
	w->nshares++;
	if (host_fs_options(s->fs)->owner == HOST_FS_NATIVE)
		s->cred = (struct host_fs_cred){ geteuid(), getegid() };
	f = wasi__file_new(WASI_DIR, WASI_TYPE_DIR, WASI_RIGHTS_DIR,
			   WASI_RIGHTS_DIR | WASI_RIGHTS_FILE);
	if (!f)
		return no_memory(e);
	f->share = s;
	f->node = HOST_FS_ROOT;
	f->preopen = true;
	return wasi__file_add(w, f, &fd) ? err_set(e, EMFILE, "wasi: too many folders") : 0;
}

int wasi__source_open(struct wasi *w, uint32_t source, struct wasi_file **out)
{
	struct wasi_source *s = &w->sources[source];
	int r = 0;

	if (s->chan) {
		*out = wasi__file_new(WASI_CHAN, WASI_TYPE_CHAR,
				      WASI_RIGHTS_STREAM & s->allowed, 0);
		if (!*out)
			return -ENOMEM;
		(*out)->chan = s->chan;
		s->chan->ready = wasi__chan_ready;
		s->chan->ready_arg = w;
	} else {
		r = wasi__stream_new(s->fd, false, s->allowed, out);
	}
	if (!r)
		(*out)->source = source + 1;
	return r;
}

static void fill_sources(struct wasi *w, const struct wasi_options *o)
{
	const uint64_t writes = WASI_FD_WRITE | WASI_FD_ALLOCATE | WASI_FD_FILESTAT_SET_SIZE;

	w->nsources = 3 + o->nsockets;
	for (uint32_t i = 0; i < w->nsources; i++) {
		struct wasi_source *s = &w->sources[i];

		s->allowed = i == 0 ? ~writes : i < 3 ? ~(uint64_t)WASI_FD_READ : ~0ull;
		s->fd = i >= 3 ? o->sockets[i - 3] : o->has_stdio ? o->stdio[i] : (int)i;
		s->chan = i < 3 && o->has_stdio ? o->chan[i] : NULL;
	}
}

/* A standard stream that is closed stays so; a socket must be one. */
static int add_source(struct wasi *w, uint32_t i, struct err *e)
{
	struct wasi_file *f;
	uint32_t fd;
	int r = wasi__source_open(w, i, &f);

	if (r == -EBADF && i < 3)
		return 0;
	if (r)
		return err_set(e, -r, "wasi: descriptor %d: %s", w->sources[i].fd, strerror(-r));
	if (i >= 3 && !f->socket) {
		wasi__file_put(w, f);
		return err_set(e, ENOTSOCK, "wasi: descriptor %d is no socket",
			       w->sources[i].fd);
	}
	w->lowest = i < 3 ? i : w->lowest;
	return wasi__file_add(w, f, &fd) ? no_memory(e) : 0;
}

static int open_files(struct wasi *w, const struct wasi_options *o, struct err *e)
{
	int r = 0;

	w->shares = base_calloc(o->npreopens + 1u, sizeof(*w->shares));
	w->sources = base_calloc(3 + (size_t)o->nsockets, sizeof(*w->sources));
	if (!w->shares || !w->sources)
		return no_memory(e);
	fill_sources(w, o);
	for (uint32_t i = 0; i < 3 && !r; i++)
		r = add_source(w, i, e);
	w->lowest = 3;
	for (uint32_t i = 0; i < o->npreopens && !r; i++)
		r = add_preopen(w, &o->preopens[i], e);
	for (uint32_t i = 3; i < w->nsources && !r; i++)
		r = add_source(w, i, e);
	w->lowest = 0;
	return r;
}

static void start_clock(struct wasi *w, const struct wasi_options *o)
{
	struct timespec t;

	clock_init(&w->own_clock, o->deterministic);
	w->clock = o->clock ? o->clock : &w->own_clock;
	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	w->start_wall = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	if (o->deterministic)
		entropy_init_seed(&w->entropy, o->seed);
	else
		entropy_init_host(&w->entropy);
}

struct wasi *wasi_create(const struct wasi_options *o, struct err *e)
{
	struct wasi *w = base_zalloc(sizeof(*w));
	mode_t mask;

	if (!w)
		return no_memory(e), NULL;
	lock_init(&w->lock, LOCK_RANK_DEV);
	lock_cond_init(&w->chan_cond);
	w->stop_fd = -1;
	w->max_files = o->max_files ? MIN(MAX(o->max_files, 16u), 1u << 20) : 4096;
	w->max_threads = o->max_threads;
	w->deterministic = o->deterministic;
	w->kickable = o->interruptible;
	mask = umask(0);
	umask(mask);
	w->umask = mask;
	start_clock(w, o);
	if (o->interruptible) {
		w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (w->stop_fd < 0) {
			err_sys(e, "wasi: eventfd");
			goto fail;
		}
	}
	if (copy_strings(&w->args, o->argc, o->argv, "arguments", e) ||
	    copy_strings(&w->env, o->envc, o->env, "environment", e) ||
	    open_files(w, o, e))
		goto fail;
	return w;
fail:
	wasi_destroy(w);
	return NULL;
}

void wasi_destroy(struct wasi *w)
{
	if (!w)
		return;
	wasi__files_close(w);
	for (uint32_t i = 0; i < w->nshares; i++) {
		host_fs_destroy(w->shares[i].fs);
		base_free(w->shares[i].guest);
	}
	for (uint32_t i = 0; i < w->nsources; i++)
		if (w->sources[i].chan && w->sources[i].chan->ready_arg == w)
			w->sources[i].chan->ready = NULL;
	if (w->stop_fd >= 0)
		close(w->stop_fd);
	mem_linear_unref(w->memory);
	base_free(w->shares);
	base_free(w->sources);
	base_free(w->files);
	base_free(w->args.bytes);
	base_free(w->env.bytes);
	base_free(w->inos);
	base_free(w->message);
	base_free(w->backtrace);
	pthread_cond_destroy(&w->chan_cond);
	lock_fini(&w->lock);
	base_free(w);
}

/* ---- linking ----------------------------------------------------------------------- */

static bool is_name(const struct wasm_name *n, const char *s)
{
	return n->len == strlen(s) && !memcmp(n->s, s, n->len);
}

static const struct wasi_row *find_row(const struct wasm_name *name, bool old)
{
	for (unsigned i = 0; i < WASI_ROWS; i++)
		if (is_name(name, wasi__rows[i].name))
			/* The older one has no sock_accept. */
			return old && wasi__rows[i].fn == wasi__sock_accept ? NULL :
			       &wasi__rows[i];
	return NULL;
}

static int link_call(struct wasi *w, struct wasm_store *s, const struct wasm_module *m,
		     const struct wasi_row *row, bool old, struct wasm_extern *x,
		     struct err *e)
{
	struct wasi_bind *b = &w->binds[old][row - wasi__rows];
	uint32_t type;
	int r = wasi__type(m->store, row, &type, e);

	if (r)
		return r;
	*b = (struct wasi_bind){ w, row, old };
	x->kind = WASM_EXTERN_FUNC;
	x->func = wasm_rt_func_new_host(s, type, wasi__host, b, e);
	return x->func ? 0 : -e->code;
}

static int link_spawn(struct wasi *w, struct wasm_store *s, const struct wasm_module *m,
		      struct wasm_extern *x, struct err *e)
{
	struct wasm_type i32[2] = { wasm_type_num(WASM_I32), wasm_type_num(WASM_I32) };
	const struct wasm_deftype d = { .comp = WASM_COMP_FUNC, .final = true,
					.super = WASM_NO_SUPER, .types = i32,
					.nparams = 1, .nresults = 1 };
	uint32_t type;
	int r = wasm_type_store_add(m->store, &d, 1, &type, e);

	if (r)
		return r;
	x->kind = WASM_EXTERN_FUNC;
	x->func = wasm_rt_func_new_host(s, type, wasi__thread_spawn, w, e);
	return x->func ? 0 : -e->code;
}

static int link_one(struct wasi *w, struct wasm_store *s, const struct wasm_module *m,
		    const struct wasm_import *im, struct wasm_extern *x, bool *unknown,
		    struct err *e)
{
	bool old = is_name(&im->module, "wasi_unstable");
	const struct wasi_row *row;

	if (w->threads_on && s != w->main_store && im->kind == WASM_EXTERN_MEMORY &&
	    m->memories[im->index].limits.shared && !x->memory)
		return wasi__thread_memory(w, s, &m->memories[im->index], x, e);
	if (im->kind != WASM_EXTERN_FUNC || x->func)
		return 0;
	if (is_name(&im->module, "wasi") && is_name(&im->name, "thread-spawn")) {
		*unknown = !w->max_threads;
		return *unknown ? 0 : link_spawn(w, s, m, x, e);
	}
	if (!old && !is_name(&im->module, "wasi_snapshot_preview1"))
		return 0;
	row = find_row(&im->name, old);
	*unknown = !row;
	return row ? link_call(w, s, m, row, old, x, e) : 0;
}

int wasi_link(struct wasi *w, struct wasm_store *s, const struct wasm_module *m,
	      struct wasm_extern *imports, const struct wasm_import **missing, struct err *e)
{
	struct err dropped;
	int r = 0;

	if (missing)
		*missing = NULL;
	for (uint32_t i = 0; i < m->nimports && !r; i++) {
		bool unknown = false;

		r = link_one(w, s, m, &m->imports[i], &imports[i], &unknown,
			     e ? e : &dropped);
		if (unknown && missing && !*missing)
			*missing = &m->imports[i];
	}
	return r;
}
