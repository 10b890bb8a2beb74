/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wasi-threads: a thread is a store of its own with another instance of the
 * module, which shares the memory that the module imports.  The first trap or
 * exit of any thread ends all: host calls that block watch an event, running
 * code is interrupted.  When the first function returns, the program is over.
 *
 * A thread's store belongs to its thread; others reach it through the list of
 * threads, under w->lock, and only to interrupt it.
 */
#include "process/wasi_int.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "mem/linear.h"

enum { TID_MAX = (1 << 29) - 1, STACK = 2 << 20 };

int wasi_threads_enable(struct wasi *w, struct wasm_store *main_store,
			const struct wasi_threads *t, struct err *e)
{
	if (w->stop_fd < 0)
		w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->stop_fd < 0)
		return err_sys(e, "wasi: eventfd");
	w->kickable = true;
	w->threads_on = true;
	w->threads_options = *t;
	w->main_store = main_store;
	return 0;
}

int wasi__thread_memory(struct wasi *w, struct wasm_store *s, const struct wasm_memory *m,
			struct wasm_extern *x, struct err *e)
{
	x->kind = WASM_EXTERN_MEMORY;
	x->memory = wasm_rt_memory_share(s, w->memory, m, e);
	return x->memory ? 0 : -e->code;
}

/* ---- ending ------------------------------------------------------------------------ */

static void interrupt_all(struct wasi *w)
{
	uint64_t one = 1;

	atomic_store(&w->stop, true);
	lock_take(&w->lock);
	for (struct wasi_thread *t = w->threads; t; t = t->next)
		if (t->store)
			wasm_interrupt(t->store);
	if (w->main_store)
		wasm_interrupt(w->main_store);
	pthread_cond_broadcast(&w->chan_cond);
	lock_drop(&w->lock);
	if (w->stop_fd >= 0 && write(w->stop_fd, &one, sizeof(one)) < 0)
		return; /* full: it is readable */
}

void wasi_stop(struct wasi *w)
{
	interrupt_all(w);
}

void wasi_resume(struct wasi *w)
{
	uint64_t count;

	if (w->stop_fd >= 0 && read(w->stop_fd, &count, sizeof(count)) < 0)
		return; /* nobody has stopped it */
	atomic_store(&w->stop, false);
}

void wasi__end(struct wasi *w, struct wasm_store *s, enum wasm_trap trap, uint32_t status)
{
	bool first;

	lock_take(&w->lock);
	first = !w->ended;
	if (first) {
		w->ended = true;
		w->trap = trap;
		w->status = status;
	}
	lock_drop(&w->lock);
	if (!first)
		return;
	if (s && trap != WASM_TRAP_EXIT) {
		const char *m = trap == WASM_TRAP_HOST ? wasm_store_trap_message(s) :
							 wasm_rt_trap_message(trap);
		const char *b = wasm_store_backtrace(s);

		w->message = base_strdup(m ? m : "");
		w->backtrace = base_strdup(b ? b : "");
	}
	interrupt_all(w);
}

/* ---- a thread ------------------------------------------------------------------------- */

static void *thread_main(void *arg)
{
	struct wasi_thread *t = arg;
	struct wasi *w = t->w;
	struct wasm_store *s = t->store;
	const union wasm_val args[2] = { { .i32 = (int32_t)t->tid }, { .i32 = (int32_t)t->arg } };
	enum wasm_trap trap = wasm_call(s, t->start, args, NULL);

	if (trap)
		wasi__end(w, s, trap, wasm_store_exit_status(s));
	lock_take(&w->lock);
	t->store = NULL;
	lock_drop(&w->lock);
	wasm_store_destroy(s);
	lock_take(&w->lock);
	t->done = true;
	w->nthreads--;
	lock_drop(&w->lock);
	return NULL;
}

static void unlist(struct wasi *w, struct wasi_thread *t)
{
	struct wasi_thread **p = &w->threads;

	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
}

/* Join threads that are done, or all of them.  Who joins one has claimed it; it
 * stays on the list, so that it can still be interrupted. */
static void reap(struct wasi *w, bool all)
{
	struct wasi_thread *t;

	for (;;) {
		lock_take(&w->lock);
		for (t = w->threads; t && (t->claimed || !(all || t->done)); t = t->next)
			;
		if (t)
			t->claimed = true;
		lock_drop(&w->lock);
		if (!t)
			return;
		pthread_join(t->thread, NULL);
		lock_take(&w->lock);
		unlist(w, t);
		lock_drop(&w->lock);
		base_free(t);
	}
}

static int find_start(struct wasi_thread *t, struct wasm_instance *inst, struct err *e)
{
	static const char name[] = "wasi_thread_start";
	struct wasm_type i32[2] = { wasm_type_num(WASM_I32), wasm_type_num(WASM_I32) };
	const struct wasm_deftype d = { .comp = WASM_COMP_FUNC, .final = true,
					.super = WASM_NO_SUPER, .types = i32, .nparams = 2 };
	struct wasm_extern x;
	uint32_t type;
	int r = wasm_type_store_add(t->w->threads_options.module->store, &d, 1, &type, e);

	if (r)
		return r;
	if (!wasm_instance_export(inst, name, sizeof(name) - 1, &x) ||
	    x.kind != WASM_EXTERN_FUNC || wasm_rt_func_type(x.func) != type)
		return err_set(e, EINVAL, "the module exports no %s(i32, i32)", name);
	t->start = x.func;
	return 0;
}

/* From here on it can be interrupted: instantiation runs the guest's code. */
static int open_store(struct wasi_thread *t, struct err *e)
{
	const struct wasi_threads *o = &t->w->threads_options;
	struct wasm_store *s = wasm_store_create(o->module->store, &o->limits, e);

	if (!s)
		return -e->code;
	lock_take(&t->w->lock);
	t->store = s;
	lock_drop(&t->w->lock);
	return atomic_load(&t->w->stop) ? -EINTR : 0;
}

static int make_store(struct wasi_thread *t, struct err *e)
{
	const struct wasi_threads *o = &t->w->threads_options;
	const struct wasm_module *m = o->module;
	base_auto struct wasm_extern *imports = base_calloc(m->nimports + 1u, sizeof(*imports));
	struct wasm_instance *inst;
	enum wasm_trap trap = WASM_OK;
	int r;

	if (!imports)
		return -ENOMEM;
	r = open_store(t, e);
	if (r)
		return r;
	r = wasi_link(t->w, t->store, m, imports, NULL, e);
	if (!r && o->fill)
		r = o->fill(o->arg, t->store, imports, e);
	for (uint32_t i = 0; i < m->nimports && !r; i++)
		if (!imports[i].func)
			r = err_set(e, ENOTSUP, "a thread has not all imports");
	if (r)
		return r;
	inst = wasm_instantiate(t->store, m, imports, &trap, e);
	if (!inst)
		return trap ? -EINVAL : -e->code;
	return find_start(t, inst, e);
}

static int start_thread(struct wasi_thread *t)
{
	struct wasi *w = t->w;
	pthread_attr_t a;
	int r;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, STACK);
	/* Under the lock: who joins all waits for it, or it is not begun. */
	lock_take(&w->lock);
	r = atomic_load(&w->stop) ? EINTR : pthread_create(&t->thread, &a, thread_main, t);
	t->claimed = r;
	lock_drop(&w->lock);
	pthread_attr_destroy(&a);
	return -r;
}

/* A start function of a thread that is being made starts none: each would be
 * made on the host's stack of the one before. */
static bool is_being_made(const struct wasi *w, const struct wasm_store *s)
{
	for (const struct wasi_thread *t = w->threads; t; t = t->next)
		if (t->store == s)
			return t->claimed;
	return false;
}

/* The new thread in the list, or a negative errno. */
static int enlist(struct wasi *w, const struct wasm_store *s, struct wasi_thread *t)
{
	if (!w->threads_on)
		return -ENOSYS;
	if (!w->memory)
		return -EINVAL;
	if (w->nthreads >= w->max_threads || is_being_made(w, s))
		return -EAGAIN;
	w->nthreads++;
	t->tid = w->next_tid = w->next_tid % TID_MAX + 1;
	t->claimed = true;
	t->next = w->threads;
	w->threads = t;
	return 0;
}

static int spawn(struct wasi *w, struct wasm_store *s, uint32_t arg, uint32_t *tid)
{
	struct wasi_thread *t = base_zalloc(sizeof(*t));
	struct err e = { 0 };
	int r;

	if (!t)
		return -ENOMEM;
	t->w = w;
	t->arg = arg;
	lock_take(&w->lock);
	r = enlist(w, s, t);
	*tid = t->tid;
	lock_drop(&w->lock);
	if (r) {
		base_free(t);
		return r;
	}
	r = make_store(t, &e);
	if (!r)
		r = start_thread(t);
	if (!r)
		return 0;
	lock_take(&w->lock);
	unlist(w, t);
	w->nthreads--;
	lock_drop(&w->lock);
	wasm_store_destroy(t->store);
	base_free(t);
	return r;
}

/* What the threads share is what the caller works on, if the module imports such
 * a memory. */
static void find_memory(struct wasi *w, struct wasm_store *s)
{
	const struct wasm_module *m = w->threads_options.module;
	struct wasm_extern x = { .kind = WASM_EXTERN_MEMORY };

	x.memory = wasm_store_caller_memory(s);
	lock_take(&w->lock);
	for (uint32_t i = 0; x.memory && w->threads_on && !w->memory && i < m->nimports; i++)
		if (m->imports[i].kind == WASM_EXTERN_MEMORY &&
		    m->memories[m->imports[i].index].limits.shared &&
		    wasm_extern_matches(s, m, &m->imports[i], &x))
			w->memory = mem_linear_ref(wasm_rt_memory_linear(x.memory));
	lock_drop(&w->lock);
}

/* Returns the thread's number, or a negative errno. */
enum wasm_trap wasi__thread_spawn(void *ctx, struct wasm_store *s,
				  const union wasm_val *args, union wasm_val *results)
{
	struct wasi *w = ctx;
	uint32_t tid = 0;
	int r;

	reap(w, false);
	find_memory(w, s);
	r = spawn(w, s, (uint32_t)args[0].i32, &tid);
	if (atomic_load(&w->stop))
		return WASM_TRAP_INTERRUPT;
	results[0].i32 = r ? -(int32_t)wasi__errno(r) : (int32_t)tid;
	return WASM_OK;
}

enum wasm_trap wasi_finish(struct wasi *w, struct wasm_store *s, enum wasm_trap trap,
			   uint32_t *status, const char **message, const char **backtrace)
{
	*message = *backtrace = NULL;
	*status = wasm_store_exit_status(s);
	if (!w->threads_on)
		return trap;
	/* The first store has ended: an interrupt would wait for its next call. */
	lock_take(&w->lock);
	w->main_store = NULL;
	lock_drop(&w->lock);
	wasi__end(w, NULL, trap, *status);
	reap(w, true);
	*status = w->status;
	*message = w->message;
	*backtrace = w->backtrace;
	return w->trap;
}
