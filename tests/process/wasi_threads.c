/* SPDX-License-Identifier: Apache-2.0 */
/* wasi-threads: threads share memory and files, and end together. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/wasi.h"
#include "tests/test.h"
#include "wasm/text.h"

/* start(kind) makes 8 threads that add 1000 to word 0 each and count
 * themselves at word 4; by kind the last thing that one of them does differs. */
static const char text[] =
	"(import \"wasi\" \"thread-spawn\" (func $spawn (param i32) (result i32)))"
	"(import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
	"(import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll (param i32 i32 i32 i32)"
	"  (result i32)))"
	"(import \"env\" \"memory\" (memory 1 1 shared))"
	"(export \"memory\" (memory 0))"
	"(func (export \"wasi_thread_start\") (param $tid i32) (param $kind i32)"
	"  (local $i i32)"
	"  (loop $l (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))"
	"    (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))"
	"                        (i32.const 1000))))"
	"  (if (i32.eq (local.get $kind) (i32.const 1)) (then (call $exit (i32.const 42))))"
	"  (if (i32.eq (local.get $kind) (i32.const 2)) (then (unreachable)))"
	"  (if (i32.eq (local.get $kind) (i32.const 3)) (then (loop $s (br $s))))"
	"  (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))"
	"  (drop (memory.atomic.notify (i32.const 4) (i32.const 1))))"
	/* What an instance begins with, by word 12: nothing, forever, another thread. */
	"(func $begin"
	"  (if (i32.eq (i32.load (i32.const 12)) (i32.const 1)) (then (loop $s (br $s))))"
	"  (if (i32.eq (i32.load (i32.const 12)) (i32.const 2))"
	"    (then (i32.store (i32.const 16) (call $spawn (i32.const 0))))))"
	"(start $begin)"
	"(func (export \"begin\") (param i32 i32) (result i32)"
	"  (i32.store (i32.const 12) (local.get 0)) (i32.const 0))"
	"(func (export \"nested\") (result i32) (i32.load (i32.const 16)))"
	/* Spawns n threads; how many were made. */
	"(func (export \"start\") (param $n i32) (param $kind i32) (result i32)"
	"  (local $made i32)"
	"  (loop $l"
	"    (if (i32.gt_s (call $spawn (local.get $kind)) (i32.const 0))"
	"      (then (local.set $made (i32.add (local.get $made) (i32.const 1)))))"
	"    (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
	"  (local.get $made))"
	/* Until word 4 is n, forever, by waiting on it. */
	"(func (export \"join\") (param $n i32) (result i32) (local $v i32)"
	"  (loop $l"
	"    (local.set $v (i32.atomic.load (i32.const 4)))"
	"    (if (i32.lt_u (local.get $v) (local.get $n)) (then"
	"      (drop (memory.atomic.wait32 (i32.const 4) (local.get $v) (i64.const -1)))"
	"      (br $l))))"
	"  (i32.atomic.load (i32.const 0)))"
	/* A poll of a clock that runs out in 2^63 ns. */
	"(func (export \"sleep\") (result i32)"
	"  (i32.store (i32.const 1040) (i32.const 1))"
	"  (i64.store (i32.const 1048) (i64.const 0x7fffffffffffffff))"
	"  (call $poll (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 512)))";

struct prog {
	struct wasm_type_store *types;
	struct wasm_module *m;
	struct wasm_store *s;
	struct wasm_instance *inst;
	struct wasi *w;
	uint8_t *bytes;
	struct err e;
};

static void begin(struct prog *p, uint32_t max_threads)
{
	struct wasi_options o = { .max_threads = max_threads };
	struct wasi_threads t = { 0 };
	struct wasm_extern imports[8] = { 0 };
	const struct wasm_import *missing;
	enum wasm_trap trap;
	size_t len;

	*p = (struct prog){ 0 };
	if (wasm_text_to_binary(text, sizeof(text) - 1, "threads", WASM_FEATURE_THREADS, &p->bytes,
				&len, &p->e))
		TEST_FAIL("%s", p->e.msg);
	p->types = wasm_type_store_create(&p->e);
	p->m = wasm_module_load(p->types, p->bytes, len, WASM_FEATURE_THREADS, "threads", &p->e);
	if (!p->m)
		TEST_FAIL("%s", p->e.msg);
	t.module = p->m;
	p->s = wasm_store_create(p->types, NULL, &p->e);
	p->w = wasi_create(&o, &p->e);
	CHECK(p->s && p->w);
	CHECK_EQ(wasi_threads_enable(p->w, p->s, &t, &p->e), 0);
	CHECK_EQ(wasi_link(p->w, p->s, p->m, imports, &missing, &p->e), 0);
	CHECK(!missing);
	for (uint32_t i = 0; i < p->m->nimports; i++)
		if (p->m->imports[i].kind == WASM_EXTERN_MEMORY) {
			imports[i].kind = WASM_EXTERN_MEMORY;
			imports[i].memory = wasm_rt_memory_new(p->s, &p->m->memories[0], &p->e);
		}
	p->inst = wasm_instantiate(p->s, p->m, imports, &trap, &p->e);
	if (!p->inst)
		TEST_FAIL("%s", p->e.msg);
}

static enum wasm_trap call(struct prog *p, const char *name, int32_t a, int32_t b, int32_t *result)
{
	union wasm_val args[2] = { { .i32 = a }, { .i32 = b } }, r = { 0 };
	struct wasm_extern x;
	enum wasm_trap t;

	CHECK(wasm_instance_export(p->inst, name, strlen(name), &x));
	t = wasm_call(p->s, x.func, args, &r);
	*result = r.i32;
	return t;
}

static enum wasm_trap end(struct prog *p, enum wasm_trap t, uint32_t *status, char *message)
{
	const char *m, *b;

	t = wasi_finish(p->w, p->s, t, status, &m, &b);
	strcpy(message, m ? m : "");
	wasm_store_destroy(p->s);
	wasm_module_destroy(p->m);
	wasm_type_store_destroy(p->types);
	base_free(p->bytes);
	wasi_destroy(p->w);
	return t;
}

static void threads_share_memory(void)
{
	char message[256];
	uint32_t status;
	struct prog p;
	int32_t n;

	begin(&p, 8);
	CHECK_EQ(call(&p, "start", 8, 0, &n), 0);
	CHECK_EQ(n, 8);
	CHECK_EQ(call(&p, "join", 8, 0, &n), 0);
	CHECK_EQ(n, 8000);
	CHECK_EQ(end(&p, WASM_OK, &status, message), WASM_OK);
}

static void exit_of_a_thread_ends_all(void)
{
	char message[256];
	enum wasm_trap t;
	uint32_t status;
	struct prog p;
	int32_t n;

	begin(&p, 8);
	CHECK_EQ(call(&p, "start", 4, 3, &n), 0);
	/* It may be so quick that the call that made it is ended, too. */
	t = call(&p, "start", 1, 1, &n);
	if (!t)
		t = call(&p, "join", 100, 0, &n);
	CHECK_EQ(t, WASM_TRAP_INTERRUPT);
	CHECK_EQ(end(&p, t, &status, message), WASM_TRAP_EXIT);
	CHECK_EQ(status, 42);
}

static void trap_of_a_thread_ends_a_sleep(void)
{
	char message[256];
	enum wasm_trap t;
	uint32_t status;
	struct prog p;
	int32_t n;

	begin(&p, 8);
	t = call(&p, "start", 1, 2, &n);
	if (!t)
		t = call(&p, "sleep", 0, 0, &n);
	CHECK_EQ(t, WASM_TRAP_INTERRUPT);
	CHECK_EQ(end(&p, t, &status, message), WASM_TRAP_UNREACHABLE);
	CHECK_STR(message, "unreachable");
}

static void the_end_of_the_first_ends_all(void)
{
	char message[256];
	uint32_t status;
	struct prog p;
	int32_t n;

	begin(&p, 8);
	CHECK_EQ(call(&p, "start", 4, 3, &n), 0);
	CHECK_EQ(n, 4);
	CHECK_EQ(end(&p, WASM_OK, &status, message), WASM_OK);
}

static void threads_are_limited(void)
{
	char message[256];
	uint32_t status;
	struct prog p;
	int32_t n;

	begin(&p, 3);
	CHECK_EQ(call(&p, "start", 10, 3, &n), 0);
	CHECK_EQ(n, 3);
	CHECK_EQ(end(&p, WASM_OK, &status, message), WASM_OK);
}

/* Threads that are done make room for others. */
static void many_short_threads(void)
{
	char message[256];
	uint32_t status;
	int32_t n, made = 0;
	struct prog p;

	begin(&p, 4);
	while (made < 60) {
		CHECK_EQ(call(&p, "start", 4, 0, &n), 0);
		made += n;
		CHECK_EQ(call(&p, "join", made, 0, &n), 0);
	}
	CHECK_EQ(n, made * 1000);
	CHECK_EQ(end(&p, WASM_OK, &status, message), WASM_OK);
}

static void *stop_soon(void *w)
{
	usleep(50000);
	wasi_stop(w);
	return NULL;
}

/* It runs while the thread is being made. */
static void a_start_function_can_be_interrupted(void)
{
	char message[256];
	pthread_t thread;
	uint32_t status;
	struct prog p;
	int32_t n;

	begin(&p, 8);
	CHECK_EQ(call(&p, "begin", 1, 0, &n), 0);
	CHECK_EQ(pthread_create(&thread, NULL, stop_soon, p.w), 0);
	CHECK_EQ(call(&p, "start", 1, 0, &n), WASM_TRAP_INTERRUPT);
	pthread_join(thread, NULL);
	CHECK_EQ(end(&p, WASM_TRAP_INTERRUPT, &status, message), WASM_TRAP_INTERRUPT);
}

/* Else each of a thousand would be made on the stack of the one before. */
static void a_start_function_starts_no_threads(void)
{
	char message[256];
	uint32_t status;
	struct prog p;
	int32_t n;

	begin(&p, 1000);
	CHECK_EQ(call(&p, "begin", 2, 0, &n), 0);
	CHECK_EQ(call(&p, "start", 1, 0, &n), 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(call(&p, "join", 1, 0, &n), 0);
	CHECK_EQ(n, 1000);
	CHECK_EQ(call(&p, "nested", 0, 0, &n), 0);
	CHECK(n < 0);
	CHECK_EQ(end(&p, WASM_OK, &status, message), WASM_OK);
}

TEST_MAIN({ "threads_share_memory", threads_share_memory },
	  { "exit_of_a_thread_ends_all", exit_of_a_thread_ends_all },
	  { "trap_of_a_thread_ends_a_sleep", trap_of_a_thread_ends_a_sleep },
	  { "the_end_of_the_first_ends_all", the_end_of_the_first_ends_all },
	  { "threads_are_limited", threads_are_limited },
	  { "many_short_threads", many_short_threads },
	  { "a_start_function_can_be_interrupted", a_start_function_can_be_interrupted },
	  { "a_start_function_starts_no_threads", a_start_function_starts_no_threads })
