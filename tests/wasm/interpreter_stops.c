/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How running code ends before its time: fuel, interruption, the stack's end,
 * traps with their places; and what passes through host functions.
 */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "tests/wasm/store.h"

static const char loop[] =
	"(module (func (export \"spin\") (loop (br 0)))"
	" (func $f (export \"fib\") (param i32) (result i32)"
	"  (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))"
	"   (else (i32.add (call $f (i32.sub (local.get 0) (i32.const 1)))"
	"    (call $f (i32.sub (local.get 0) (i32.const 2)))))))"
	" (func $d (export \"down\") (param i32) (result i32)"
	"  (if (result i32) (local.get 0) (then (i32.add (i32.const 1)"
	"    (call $d (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))"
	" (func $t (export \"tail\") (param i32) (result i32)"
	"  (if (result i32) (local.get 0) (then (return_call $t (i32.sub (local.get 0)"
	"    (i32.const 1)))) (else (i32.const 7)))))";

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct interrupter {
	struct wasm_store *s;
	double at;
};
static void *interrupt_soon(void *arg)
{
	struct interrupter *i = arg;

	usleep(20000);
	i->at = now();
	wasm_interrupt(i->s);
	return NULL;
}
/* The time from the interruption to the end, the best of some: the machine has
 * other things to do. */
static double interrupted(const char *name, int32_t arg)
{
	double best = 1;

	for (int k = 0; k < 5; k++) {
		struct interrupter it;
		struct world w;
		struct wasm_instance *i;
		pthread_t thread;

		world_open(&w, NULL);
		i = world_make(&w, loop, NULL);
		it.s = w.s;
		CHECK(!pthread_create(&thread, NULL, interrupt_soon, &it));
		world_call(&w, i, name, arg, 0);
		best = now() - it.at < best ? now() - it.at : best;
		pthread_join(thread, NULL);
		CHECK_EQ(w.trap, WASM_TRAP_INTERRUPT);
		CHECK_EQ(world_call(&w, i, "fib", 10, 0), 55); /* and goes on being of use */
		CHECK_EQ(w.trap, WASM_OK);
		world_close(&w);
	}
	return best;
}
static void an_interruption_ends_a_loop_within_a_millisecond(void)
{
	CHECK(interrupted("spin", 0) < 0.001);
}
static void an_interruption_ends_calls_within_a_millisecond(void)
{
	CHECK(interrupted("fib", 60) < 0.001);
}

/* Instructions that a call takes, found by giving more and more. */
static uint64_t cost(const char *name, int32_t arg)
{
	const struct wasm_store_limits l = { .has_fuel = true, .fuel = 1000000 };
	struct world w;
	struct wasm_instance *i;
	uint64_t used;

	world_open(&w, &l);
	i = world_make(&w, loop, NULL);
	used = wasm_store_fuel(w.s);
	world_call(&w, i, name, arg, 0);
	CHECK_EQ(w.trap, WASM_OK);
	used -= wasm_store_fuel(w.s);
	world_close(&w);
	return used;
}
static void fuel_is_exact(void)
{
	const uint64_t n = cost("down", 10);
	struct wasm_store_limits l = { .has_fuel = true };

	/* A level is: get, if; const, get, const, sub, call, add, end; end. */
	CHECK_EQ(cost("down", 11) - n, n - cost("down", 9));
	CHECK(n > 80 && n < 140);
	for (int k = 0; k < 2; k++) {
		struct world w;
		struct wasm_instance *i;

		l.fuel = n - 1 + (unsigned)k;
		world_open(&w, &l);
		i = world_make(&w, loop, NULL);
		world_call(&w, i, "down", 10, 0);
		CHECK_EQ(w.trap, k ? WASM_OK : WASM_TRAP_FUEL);
		if (!k) {
			wasm_store_add_fuel(w.s, n);
			CHECK_EQ(world_call(&w, i, "down", 10, 0), 10);
			CHECK_EQ(w.trap, WASM_OK);
		}
		world_close(&w);
	}
}

static void the_stack_ends_in_a_trap(void)
{
	const struct wasm_store_limits l = { .stack = 1 << 20 };
	struct world w;
	struct wasm_instance *i;

	world_open(&w, &l);
	i = world_make(&w, loop, NULL);
	CHECK_EQ(world_call(&w, i, "down", 1000, 0), 1000);
	CHECK_EQ(w.trap, WASM_OK);
	world_call(&w, i, "down", 10000000, 0);
	CHECK_EQ(w.trap, WASM_TRAP_STACK);
	CHECK_EQ(world_call(&w, i, "tail", 10000000, 0), 7);
	CHECK_EQ(w.trap, WASM_OK);
	world_close(&w);
}

/* ---- places of traps ---- */

static void a_trap_tells_its_place(void)
{
	struct world w;
	struct wasm_instance *i;
	const char *trace;

	world_open(&w, NULL);
	i = world_make(&w, "(module (memory 1)"
		       " (func $inner (param i32) (result i32) (i32.load (local.get 0)))"
		       " (func $outer (export \"f\") (param i32) (result i32)"
		       "  (i32.add (i32.const 1) (call $inner (local.get 0)))))", NULL);
	CHECK_EQ(world_call(&w, i, "f", 0, 0), 1);
	world_call(&w, i, "f", 65533, 0);
	CHECK_EQ(w.trap, WASM_TRAP_MEMORY);
	trace = wasm_store_backtrace(w.s);
	CHECK(trace);
	CHECK(!strncmp(trace, "#0 0x", 5) && strstr(trace, " inner\n#1 0x"));
	CHECK(strstr(trace, " outer\n") && !strstr(trace, "#2"));
	{
		/* The offsets are those of the load and of the call. */
		const struct wasm_module *m = i->module;
		unsigned load = (unsigned)strtoul(trace + 3, NULL, 16);
		unsigned call = (unsigned)strtoul(strstr(trace, "#1 ") + 3, NULL, 16);

		CHECK_EQ(m->bytes[load], 0x28);
		CHECK_EQ(m->bytes[call], 0x10);
	}
	world_close(&w);
}

/* ---- through host functions ---- */

struct bounce {
	struct world *w;
	struct wasm_instance *inner;
	enum wasm_trap seen;
};
static enum wasm_trap bounce(void *ctx, struct wasm_store *s, const union wasm_val *args,
			     union wasm_val *results)
{
	struct bounce *b = ctx;

	b->seen = wasm_call(s, world_export(b->inner, "again").func, args, results);
	return b->seen;
}
static struct wasm_rt_func *host(struct world *w, const struct wasm_module *like, struct bounce *b)
{
	return wasm_rt_func_new_host(w->s, like->funcs[0].type, bounce, b, &w->e);
}

static const char thrower[] =
	"(module (type $f (func (param i32) (result i32)))"
	" (import \"\" \"host\" (func $host (type $f)))"
	" (tag $t (param i32))"
	" (func (export \"again\") (type $f)"
	"  (if (result i32) (i32.eqz (local.get 0)) (then (throw $t (i32.const 41)))"
	"   (else (call $host (i32.sub (local.get 0) (i32.const 1))))))"
	" (func (export \"catch\") (type $f)"
	"  (block $h (result i32) (try_table (result i32) (catch $t $h) (call $host (local.get 0))))"
	"  (i32.add (i32.const 1))))";

static void an_exception_crosses_host_functions(void)
{
	struct world w;
	struct wasm_module *m;
	struct bounce b = { &w, NULL, WASM_OK };
	struct wasm_extern x = { .kind = WASM_EXTERN_FUNC };
	struct wasm_instance *i;

	world_open(&w, NULL);
	m = world_module(&w, thrower);
	x.func = host(&w, m, &b);
	b.inner = i = world_try(&w, m, &x);
	CHECK(i);
	CHECK_EQ(world_call(&w, i, "catch", 0, 0), 42);
	CHECK_EQ(w.trap, WASM_OK);
	CHECK_EQ(b.seen, WASM_TRAP_EXCEPTION);
	CHECK_EQ(world_call(&w, i, "catch", 5, 0), 42);
	CHECK_EQ(w.trap, WASM_OK);
	world_call(&w, i, "again", 3, 0);
	CHECK_EQ(w.trap, WASM_TRAP_EXCEPTION);
	world_close(&w);
}

static void calls_from_host_functions_end_in_a_trap(void)
{
	struct world w;
	struct wasm_module *m;
	struct bounce b = { &w, NULL, WASM_OK };
	struct wasm_extern x = { .kind = WASM_EXTERN_FUNC };
	struct wasm_instance *i;

	world_open(&w, NULL);
	m = world_module(&w, thrower);
	x.func = host(&w, m, &b);
	b.inner = i = world_try(&w, m, &x);
	CHECK(i);
	world_call(&w, i, "again", 1000000, 0);
	CHECK_EQ(w.trap, WASM_TRAP_STACK);
	CHECK_EQ(world_call(&w, i, "catch", 5, 0), 42);
	world_close(&w);
}

/* ---- several instances ---- */

/* A caller's memory is its own again after a callee of another instance has
 * come back, also by way of a tail call. */
static void memories_follow_calls_and_tail_calls(void)
{
	struct world w;
	struct wasm_instance *a, *b;
	struct wasm_extern x;

	world_open(&w, NULL);
	a = world_make(&w, "(module (memory 1) (data (i32.const 8) \"A\")"
		       " (func (export \"f\") (param i32) (result i32) (i32.load8_u (local.get 0))))",
		       NULL);
	x = world_export(a, "f");
	b = world_make(&w, "(module (type $f (func (param i32) (result i32)))"
		       " (import \"\" \"f\" (func $f (type $f))) (memory 1) (data (i32.const 8) \"B\")"
		       " (table funcref (elem $f))"
		       " (func $tail (type $f) (return_call $f (local.get 0)))"
		       " (func $through (type $f) (call $tail (local.get 0)))"
		       " (func $itail (type $f) (return_call_indirect (type $f) (local.get 0) (i32.const 0)))"
		       " (func (export \"direct\") (type $f) (i32.add (i32.mul (call $f (local.get 0))"
		       "   (i32.const 256)) (i32.load8_u (local.get 0))))"
		       " (func (export \"tail\") (type $f) (i32.add (i32.mul (call $tail (local.get 0))"
		       "   (i32.const 256)) (i32.load8_u (local.get 0))))"
		       " (func (export \"deep\") (type $f) (i32.add (i32.mul (call $through (local.get 0))"
		       "   (i32.const 256)) (i32.load8_u (local.get 0))))"
		       " (func (export \"table\") (type $f) (i32.add (i32.mul (call_indirect (type $f)"
		       "   (local.get 0) (i32.const 0)) (i32.const 256)) (i32.load8_u (local.get 0))))"
		       " (func (export \"itail\") (type $f) (i32.add (i32.mul (call $itail (local.get 0))"
		       "   (i32.const 256)) (i32.load8_u (local.get 0)))))", &x);
	CHECK_EQ(world_call(&w, b, "direct", 8, 0), 'A' * 256 + 'B');
	CHECK_EQ(world_call(&w, b, "tail", 8, 0), 'A' * 256 + 'B');
	CHECK_EQ(world_call(&w, b, "deep", 8, 0), 'A' * 256 + 'B');
	CHECK_EQ(world_call(&w, b, "table", 8, 0), 'A' * 256 + 'B');
	CHECK_EQ(world_call(&w, b, "itail", 8, 0), 'A' * 256 + 'B');
	world_close(&w);
}

/* ---- deterministic ---- */

static void the_deterministic_mode_has_one_nan(void)
{
	const struct wasm_store_limits l = { .deterministic = true };
	struct world w;
	struct wasm_instance *i;

	world_open(&w, &l);
	i = world_make(&w, "(module (func (export \"f\") (param i32 i32) (result i32)"
		       " (i32.reinterpret_f32 (f32.add (f32.reinterpret_i32 (local.get 0))"
		       "  (f32.reinterpret_i32 (local.get 1)))))"
		       " (func (export \"d\") (result i32) (i32.wrap_i64 (i64.shr_u (i64.reinterpret_f64"
		       "  (f64.div (f64.const -0) (f64.const 0))) (i64.const 32)))))", NULL);
	CHECK_EQ((uint32_t)world_call(&w, i, "f", (int32_t)0xffc12345, 0), 0x7fc00000u);
	CHECK_EQ((uint32_t)world_call(&w, i, "f", 0x7fa00001, 0x3f800000), 0x7fc00000u);
	CHECK_EQ((uint32_t)world_call(&w, i, "f", 0x40000000, 0x3f800000), 0x40400000u);
	CHECK_EQ((uint32_t)world_call(&w, i, "d", 0, 0), 0x7ff80000u);
	world_close(&w);
}

TEST_MAIN({ "an_interruption_ends_a_loop_within_a_millisecond",
	    an_interruption_ends_a_loop_within_a_millisecond },
	  { "an_interruption_ends_calls_within_a_millisecond",
	    an_interruption_ends_calls_within_a_millisecond },
	  { "fuel_is_exact", fuel_is_exact },
	  { "the_stack_ends_in_a_trap", the_stack_ends_in_a_trap },
	  { "a_trap_tells_its_place", a_trap_tells_its_place },
	  { "an_exception_crosses_host_functions", an_exception_crosses_host_functions },
	  { "calls_from_host_functions_end_in_a_trap", calls_from_host_functions_end_in_a_trap },
	  { "memories_follow_calls_and_tail_calls", memories_follow_calls_and_tail_calls },
	  { "the_deterministic_mode_has_one_nan", the_deterministic_mode_has_one_nan })
