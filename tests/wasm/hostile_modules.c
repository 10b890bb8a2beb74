/* SPDX-License-Identifier: Apache-2.0 */
/* Valid modules that are out to break the engine: each of these once did. */
#include "tests/wasm/store.h"

/* ---- exceptions ---- */

/* In release builds handlers jump to each other: one that called instead would
 * leave a frame of C for each exception. */
static void a_million_exceptions_are_caught(void)
{
	struct world w;
	struct wasm_instance *i;

	world_open(&w, NULL);
	i = world_make(&w, "(module (tag $e)"
		" (func (export \"f\") (param i32 i32) (result i32)"
		"  (loop $l"
		"   (block $h (try_table (catch $e $h) (throw $e)))"
		"   (local.set 0 (i32.sub (local.get 0) (i32.const 1)))"
		"   (br_if $l (local.get 0)))"
		"  (i32.const 7)))", NULL);
	CHECK_EQ((uint32_t)world_call(&w, i, "f", 1000000, 0), 7);
	world_close(&w);
}

static char *many(char *p, const char *what, unsigned n)
{
	while (n--)
		p += sprintf(p, "%s ", what);
	return p;
}

/* The values that $f catches are its results, which nobody pushes: at the end
 * of the stack they need room of the frame's. */
static void what_a_function_catches_has_room(void)
{
	char *text = base_alloc(1 << 18), *p = text;
	struct world w;
	struct wasm_instance *i;

	p += sprintf(p, "(module (tag $e (param ");
	p = many(p, "v128", 1000);
	p += sprintf(p, ")) (type $t (func (result ");
	p = many(p, "v128", 1000);
	p += sprintf(p, "))) (global $x (mut exnref) (ref.null exn)) (func $first ");
	p = many(p, "(v128.const i64x2 1 2)", 1000);
	p += sprintf(p, "(throw $e)) (func $init (global.set $x (block (result exnref)"
			" (try_table (catch_all_ref 0) (call $first)) unreachable)))"
			"(start $init) (func $throw (throw_ref (global.get $x)))"
			"(func $f (type $t) (local ");
	p = many(p, "v128", 1000);
	p += sprintf(p, ") (try_table (catch $e 0) (call $throw)) (unreachable))"
			"(func $h (call $f) ");
	p = many(p, "drop", 1000);
	/* $down has four slots more each time until $f's frame is not there. */
	sprintf(p, ") (func $down (export \"f\") (param i32 i32) (result i32)"
		   " (call $h) (call $down (local.get 0) (local.get 1))))");
	world_open(&w, &(struct wasm_store_limits){ .stack = 256 << 10 });
	i = world_make(&w, text, NULL);
	world_call(&w, i, "f", 0, 0);
	CHECK_EQ(w.trap, WASM_TRAP_STACK);
	world_close(&w);
	base_free(text);
}

struct inner {
	struct wasm_instance *i;
	unsigned depth;
};

/* Calls the instance's "f" again. */
static enum wasm_trap again(void *ctx, struct wasm_store *s, const union wasm_val *args,
			    union wasm_val *results)
{
	struct inner *in = ctx;
	struct wasm_extern x;

	(void)results;
	in->depth++;
	if (!wasm_instance_export(in->i, "f", 1, &x))
		TEST_FAIL("no f");
	return wasm_call(s, x.func, args, results);
}

/* f(n) goes through n frames of the host, whose stack is not a guest's to fill:
 * the innermost throws, and the outermost catches. */
static void exceptions_cross_frames_of_the_host(void)
{
	static const struct wasm_type i32 = { WASM_I32 };
	const struct wasm_deftype d = { .comp = WASM_COMP_FUNC, .final = true,
		.super = WASM_NO_SUPER, .nparams = 1, .types = (struct wasm_type *)&i32 };
	struct inner in = { 0 };
	struct wasm_extern x = { .kind = WASM_EXTERN_FUNC };
	struct world w;
	uint32_t type;

	world_open(&w, &(struct wasm_store_limits){ .gc_stress = true });
	CHECK_EQ(wasm_type_store_add(w.types, &d, 1, &type, &w.e), 0);
	x.func = wasm_rt_func_new_host(w.s, type, again, &in, &w.e);
	in.i = world_make(&w, "(module (import \"h\" \"again\" (func $again (param i32)))"
		" (tag $e (param i32 externref anyref))"
		" (func (export \"f\") (param $n i32)"
		"  (if (i32.eqz (local.get $n))"
		"   (then (throw $e (i32.const 7) (ref.null extern) (ref.i31 (i32.const 9)))))"
		"  (call $again (i32.sub (local.get $n) (i32.const 1))))"
		" (func (export \"g\") (param $n i32) (param i32) (result i32)"
		"  (block $h (result i32 externref anyref)"
		"   (try_table (catch $e $h) (call $again (local.get $n))) unreachable)"
		"  (ref.cast (ref i31)) (i31.get_u) (local.set $n) (drop)"
		"  (i32.add (local.get $n))))", &x);
	CHECK_EQ((uint32_t)world_call(&w, in.i, "g", 100, 0), 16);
	CHECK_EQ(w.trap, WASM_OK);
	CHECK_EQ(in.depth, 101);
	world_call(&w, in.i, "g", 100000, 0);
	CHECK_EQ(w.trap, WASM_TRAP_STACK);
	CHECK_EQ((uint32_t)world_call(&w, in.i, "g", 0, 0), 16);
	world_close(&w);
}

/* ---- traps ---- */

static void a_constant_expression_traps_without_functions(void)
{
	struct world w;

	world_open(&w, NULL);
	CHECK(!world_try(&w, world_module(&w, "(module (type $a (array i64))"
		" (global (ref $a) (array.new_default $a (i32.const -1))))"), NULL));
	CHECK_EQ(w.trap, WASM_TRAP_OUT_OF_MEMORY);
	CHECK_STR(wasm_store_backtrace(w.s), "");
	world_close(&w);
}

/* ---- long operations ---- */

static void a_long_operation_sees_an_interrupt(void)
{
	struct world w;
	struct wasm_instance *i;
	struct wasm_rt_memory *m;

	world_open(&w, NULL);
	i = world_make(&w, "(module (memory (export \"m\") 1) (func (export \"f\")"
			   " (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))))", NULL);
	m = world_export(i, "m").memory;
	/* Loops look for it now and then: an operation of theirs may take seconds. */
	wasm_interrupt(w.s);
	world_call(&w, i, "f", 0, 0);
	CHECK_EQ(w.trap, WASM_TRAP_INTERRUPT);
	CHECK_EQ(wasm_rt_memory_base(m)[0], 0);
	world_call(&w, i, "f", 0, 0);
	CHECK_EQ(w.trap, WASM_OK);
	CHECK_EQ(wasm_rt_memory_base(m)[65535], 1);
	world_close(&w);
}

/* They are done in steps, in the order that overlapping asks for. */
static void long_copies_may_overlap(void)
{
	const uint32_t size = 80 << 20;
	struct world w;
	struct wasm_instance *i;
	uint32_t *at;

	world_open(&w, NULL);
	i = world_make(&w, "(module (memory (export \"m\") 1281) (func (export \"f\") (param i32 i32)"
			   " (memory.copy (local.get 0) (local.get 1) (i32.const 83886080)))"
			   " (func (export \"g\") (param i32 i32)"
			   " (memory.fill (i32.const 4) (i32.const -1) (i32.const 83886080))))", NULL);
	at = (uint32_t *)wasm_rt_memory_base(world_export(i, "m").memory);
	for (uint32_t k = 0; k < size / 4; k++)
		at[k] = k;
	world_call(&w, i, "f", 64, 0);
	for (uint32_t k = 0; k < size / 4; k++)
		if (at[16 + k] != k)
			TEST_FAIL("up: %u at %u", at[16 + k], k);
	world_call(&w, i, "f", 4, 64);
	for (uint32_t k = 0; k < size / 4; k++)
		if (at[1 + k] != k)
			TEST_FAIL("down: %u at %u", at[1 + k], k);
	world_call(&w, i, "g", 0, 0);
	CHECK_EQ(at[0], 0);
	CHECK_EQ(at[size / 4], UINT32_MAX);
	CHECK(at[size / 4 + 1] != UINT32_MAX);
	world_close(&w);
}

TEST_MAIN({ "a_million_exceptions_are_caught", a_million_exceptions_are_caught },
	  { "what_a_function_catches_has_room", what_a_function_catches_has_room },
	  { "exceptions_cross_frames_of_the_host", exceptions_cross_frames_of_the_host },
	  { "a_constant_expression_traps_without_functions",
	    a_constant_expression_traps_without_functions },
	  { "a_long_operation_sees_an_interrupt", a_long_operation_sees_an_interrupt },
	  { "long_copies_may_overlap", long_copies_may_overlap })
