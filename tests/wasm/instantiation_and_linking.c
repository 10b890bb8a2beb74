/* SPDX-License-Identifier: Apache-2.0 */
/* Instantiation (core spec 4.5.4): order, effects before a trap, matching of
 * imports, limits, memory images, host functions and handles. */
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/wasm/store.h"

static void test_order(void)
{
	struct world w;
	struct wasm_instance *a;
	struct wasm_extern mem;

	world_open(&w, NULL);
	a = world_make(&w, "(module (memory (export \"m\") 1) (table (export \"t\") 4 funcref)"
			   "(func (export \"call\") (param i32) (result i32)"
			   " (call_indirect (result i32) (local.get 0))))", NULL);
	mem = world_export(a, "m");
	/* The second data segment is out of bounds: the first stays, the third
	 * is not applied; the elements, before them, are there. */
	struct wasm_extern imports[] = { mem, world_export(a, "t") };

	CHECK(!world_try(&w, world_module(&w,
		"(module (import \"a\" \"m\" (memory 1)) (import \"a\" \"t\" (table 4 funcref))"
		"(memory $own 1) (func $f (result i32) (i32.load8_u $own (i32.const 100)))"
		"(elem (table 0) (i32.const 1) func $f)"
		"(data (memory $own) (i32.const 100) \"\\2a\")"
		"(data (memory 0) (i32.const 10) \"abc\")"
		"(data (memory 0) (i32.const 65535) \"de\")"
		"(data (memory 0) (i32.const 20) \"fgh\"))"), imports));
	CHECK_EQ(w.trap, WASM_TRAP_MEMORY);
	CHECK(!memcmp(wasm_rt_memory_base(mem.memory) + 10, "abc", 4));
	CHECK_EQ(wasm_rt_memory_base(mem.memory)[20], 0);
	CHECK_EQ(world_call(&w, a, "call", 1, 0), 42);
	CHECK_EQ(w.trap, WASM_OK);
	world_call(&w, a, "call", 0, 0);
	CHECK_EQ(w.trap, WASM_TRAP_UNINITIALIZED_ELEMENT);
	world_close(&w);
}

/* The image is mapped before the elements are applied; nobody may see that. */
static void test_image_after_trap(void)
{
	static char text[40000];
	struct world w;
	struct wasm_instance *a;

	world_open(&w, NULL);
	a = world_make(&w, "(module (table (export \"t\") 4 funcref) (func (export \"call\")"
			   "(result i32) (call_indirect (result i32) (i32.const 0))))", NULL);
	struct wasm_extern imports[] = { world_export(a, "t") };
	char *p = text + sprintf(text,
		"(module (import \"a\" \"t\" (table 4 funcref)) (memory 1)"
		"(func $f (result i32) (i32.load8_u (i32.const 100)))"
		"(elem (i32.const 0) func $f) (elem (i32.const 4) func $f) (data (i32.const 0) \"");

	for (int i = 0; i < 10000; i++)
		p += sprintf(p, "\\07");
	strcpy(p, "\"))");
	struct wasm_module *m = world_module(&w, text);

	for (int n = 0; n < 3; n++) { /* from the second on there is an image */
		CHECK(!world_try(&w, m, imports));
		CHECK_EQ(w.trap, WASM_TRAP_TABLE);
		CHECK_EQ(world_call(&w, a, "call", 0, 0), 0);
		CHECK_EQ(w.trap, WASM_OK);
	}
	world_close(&w);
}

/* 20 kB of 'x', then what follows. */
static const char *big_data(const char *before, const char *after)
{
	static char text[32000];
	char *p = text + sprintf(text, "(module %s (memory (export \"m\") 1)"
				       "(func (export \"get\") (param i32) (result i32)"
				       " (i32.load8_u (local.get 0))) (data (i32.const 0) \"", before);

	memset(p, 'x', 20000);
	sprintf(p + 20000, "\") %s)", after);
	return text;
}

static void test_image(void)
{
	struct world w;
	struct wasm_module *m;
	struct wasm_extern zero = { .kind = WASM_EXTERN_GLOBAL };

	world_open(&w, NULL);
	m = world_module(&w, big_data("", "(data (i32.const 19999) \"yz\")"));
	for (int n = 0; n < 4; n++) { /* from the second on there is an image */
		struct wasm_instance *i = world_try(&w, m, NULL);

		CHECK(i);
		CHECK_EQ(world_call(&w, i, "get", 5, 0), 'x');
		CHECK_EQ(world_call(&w, i, "get", 19999, 0), 'y');
		CHECK_EQ(world_call(&w, i, "get", 20000, 0), 'z');
		CHECK_EQ(world_call(&w, i, "get", 20001, 0), 0);
		wasm_rt_memory_base(world_export(i, "m").memory)[5] = 'a';
		CHECK_EQ(world_call(&w, i, "get", 5, 0), 'a');
	}
	/* An offset that only the instance knows: applied later, in its turn. */
	zero.global = wasm_rt_global_new(w.s, wasm_type_num(WASM_I32), false,
					 (union wasm_val){ .i32 = 1 }, NULL);
	m = world_module(&w, big_data("(import \"a\" \"g\" (global i32))",
				      "(data (global.get 0) \"bc\") (data (i32.const 2) \"d\")"));
	for (int n = 0; n < 4; n++) {
		struct wasm_instance *i = world_try(&w, m, &zero);

		CHECK(i);
		CHECK_EQ(world_call(&w, i, "get", 1, 0), 'b');
		CHECK_EQ(world_call(&w, i, "get", 2, 0), 'd');
		CHECK_EQ(world_call(&w, i, "get", 3, 0), 'x');
	}
	world_close(&w);
}

/* 500 instances of a module with 32 MiB of data: what nobody looks at is not
 * copied. */
static void test_image_is_not_copied(void)
{
	enum { SIZE = 32 << 20, TIMES = 500 };
	struct rusage before, after;
	struct world w;
	struct wasm_module *m;
	char *text = base_alloc(SIZE + 200);
	char *p = text + sprintf(text, "(module (memory (export \"m\") 512) (data (i32.const 0) \"");

	memset(p, 'x', SIZE);
	strcpy(p + SIZE, "\"))");
	world_open(&w, NULL);
	m = world_module(&w, text);
	base_free(text);
	CHECK(world_try(&w, m, NULL) && world_try(&w, m, NULL));
	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < TIMES; i++) {
		struct wasm_instance *in = world_try(&w, m, NULL);

		CHECK(in);
		CHECK_EQ(wasm_rt_memory_base(world_export(in, "m").memory)[SIZE - 1], 'x');
	}
	getrusage(RUSAGE_SELF, &after);
	CHECK(after.ru_minflt - before.ru_minflt < TIMES * 32);
	world_close(&w);
}

static void test_matching(void)
{
	static const struct { const char *export, *import; bool ok; } rows[] = {
		{ "(func (export \"x\") (param i32))", "(func (param i32))", true },
		{ "(func (export \"x\") (param i32))", "(func (param i64))", false },
		{ "(func (export \"x\"))", "(global i32)", false },
		{ "(memory (export \"x\") 2 4)", "(memory 1 5)", true },
		{ "(memory (export \"x\") 2 4)", "(memory 2)", true },
		{ "(memory (export \"x\") 2 4)", "(memory 3)", false },
		{ "(memory (export \"x\") 2 4)", "(memory 2 3)", false },
		{ "(memory (export \"x\") 2)", "(memory 2 3)", false },
		{ "(memory (export \"x\") i64 2)", "(memory 2)", false },
		{ "(memory (export \"x\") i64 2)", "(memory i64 1)", true },
		{ "(memory (export \"x\") 2 4 shared)", "(memory 2 4)", false },
		{ "(memory (export \"x\") 2 4 shared)", "(memory 2 4 shared)", true },
		{ "(table (export \"x\") 2 4 funcref)", "(table 2 4 funcref)", true },
		{ "(table (export \"x\") 2 4 funcref)", "(table 2 4 externref)", false },
		{ "(table (export \"x\") 2 4 funcref)", "(table 3 funcref)", false },
		{ "(table (export \"x\") i64 2 4 funcref)", "(table 2 4 funcref)", false },
		{ "(func $f) (table (export \"x\") 2 (ref func) (ref.func $f))",
		  "(table 2 funcref)", false },
		{ "(global (export \"x\") i32 (i32.const 1))", "(global i32)", true },
		{ "(global (export \"x\") (mut i32) (i32.const 1))", "(global i32)", false },
		{ "(global (export \"x\") (mut i32) (i32.const 1))", "(global (mut i64))", false },
		{ "(global (export \"x\") i31ref (ref.null i31))", "(global anyref)", true },
		{ "(global (export \"x\") anyref (ref.null any))", "(global i31ref)", false },
		{ "(global (export \"x\") (mut i31ref) (ref.null i31))", "(global (mut anyref))",
		  false },
		{ "(tag (export \"x\") (param i32))", "(tag (param i32))", true },
		{ "(tag (export \"x\") (param i32))", "(tag)", false },
		{ "(type $a (sub (func))) (type $b (sub $a (func))) (func (export \"x\") (type $b))",
		  "(func (type 0))", false },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		struct wasm_extern x;
		char text[256];

		world_open(&w, NULL);
		snprintf(text, sizeof(text), "(module %s)", rows[i].export);
		x = world_export(world_make(&w, text, NULL), "x");
		snprintf(text, sizeof(text), "(module (type (func)) (import \"a\" \"x\" %s))",
			 rows[i].import);
		if (!!world_try(&w, world_module(&w, text), &x) != rows[i].ok)
			TEST_FAIL("%.150s as %.100s: %.200s", rows[i].export, rows[i].import,
				  w.e.msg);
		CHECK_EQ(w.trap, WASM_OK);
		if (!rows[i].ok) {
			CHECK_EQ(w.e.code, EINVAL);
			CHECK_STR(w.e.msg, "incompatible import type: a.x");
		}
		world_close(&w);
	}
}

static void test_growth_counts_for_imports(void)
{
	struct world w;
	struct wasm_extern m;
	struct wasm_module *wants_two;

	world_open(&w, NULL);
	m = world_export(world_make(&w, "(module (memory (export \"m\") 1 3))", NULL), "m");
	wants_two = world_module(&w, "(module (import \"a\" \"m\" (memory 2)))");
	CHECK(!world_try(&w, wants_two, &m));
	CHECK_EQ(wasm_rt_memory_grow(w.s, m.memory, 1), 1);
	CHECK(world_try(&w, wants_two, &m));
	world_close(&w);
}

static void test_constants(void)
{
	struct world w;
	struct wasm_instance *i;
	union wasm_val v;

	world_open(&w, NULL);
	i = world_make(&w,
		"(module (func $f (export \"f\"))"
		"(global (export \"i\") i32 (i32.const -5)) (global (export \"l\") i64 (i64.const -6))"
		"(global (export \"s\") f32 (f32.const 1)) (global (export \"d\") f64 (f64.const 1))"
		"(global (export \"v\") v128 (v128.const i32x4 1 2 3 4))"
		"(global (export \"r\") funcref (ref.func $f))"
		"(global (export \"n\") externref (ref.null extern))"
		"(global (export \"g\") i64 (global.get 1))"
		"(global (export \"x\") i32 (i32.add (global.get 0) (i32.mul (i32.const 3) (i32.const 7))))"
		"(table (export \"t\") 3 funcref (ref.func $f)))", NULL);
	CHECK_EQ(wasm_rt_global_get(w.s, world_export(i, "i").global).i32, -5);
	CHECK_EQ(wasm_rt_global_get(w.s, world_export(i, "l").global).i64, -6);
	CHECK_EQ(wasm_rt_global_get(w.s, world_export(i, "s").global).f32, 0x3f800000);
	CHECK_EQ(wasm_rt_global_get(w.s, world_export(i, "d").global).f64, 0x3ff0000000000000);
	CHECK_EQ(wasm_rt_global_get(w.s, world_export(i, "v").global).v128[12], 4);
	CHECK_EQ(wasm_rt_global_get(w.s, world_export(i, "g").global).i64, -6);
	CHECK_EQ(wasm_rt_global_get(w.s, world_export(i, "x").global).i32, 16);
	CHECK(!wasm_rt_global_get(w.s, world_export(i, "n").global).ref);
	v = wasm_rt_global_get(w.s, world_export(i, "r").global);
	CHECK(v.ref && wasm_ref_func(w.s, v.ref) == world_export(i, "f").func);
	CHECK(wasm_rt_table_get(w.s, world_export(i, "t").table, 2, &v));
	CHECK(wasm_ref_func(w.s, v.ref) == world_export(i, "f").func);
	CHECK(!wasm_rt_table_get(w.s, world_export(i, "t").table, 3, &v));
	CHECK(!wasm_rt_global_set(w.s, world_export(i, "i").global, v));
	world_close(&w);
}

static void test_start(void)
{
	struct world w;
	struct wasm_extern mem;

	world_open(&w, NULL);
	mem = world_export(world_make(&w, "(module (memory (export \"m\") 1))", NULL), "m");
	CHECK(!world_try(&w, world_module(&w,
		"(module (import \"a\" \"m\" (memory 1)) (start $s)"
		"(func $s (i32.store8 (i32.const 1) (i32.const 9)) unreachable))"), &mem));
	CHECK_EQ(w.trap, WASM_TRAP_UNREACHABLE);
	CHECK_STR(wasm_rt_trap_message(w.trap), "unreachable");
	CHECK_EQ(wasm_rt_memory_base(mem.memory)[1], 9);
	world_close(&w);
}

static void test_limits(void)
{
	static const struct wasm_store_limits l = { .memory = 5 * 65536, .table = 100 };
	struct world w;
	struct wasm_instance *i;
	struct wasm_module *two;
	union wasm_val null = { .ref = NULL };

	world_open(&w, &l);
	i = world_make(&w, "(module (memory (export \"m\") 2) (memory 1) (table (export \"t\") 60 funcref)"
			   "(func (export \"grow\") (param i32) (result i32)"
			   " (memory.grow (local.get 0))))", NULL);
	CHECK_EQ(world_call(&w, i, "grow", 3, 0), -1);
	CHECK_EQ(world_call(&w, i, "grow", 1, 0), 2);
	two = world_module(&w, "(module (memory 2))");
	CHECK(!world_try(&w, two, NULL) && w.e.code == ENOMEM && !w.trap);
	CHECK_EQ(world_call(&w, i, "grow", 1, 0), 3);
	CHECK_EQ(world_call(&w, i, "grow", 1, 0), -1);
	CHECK_EQ(world_call(&w, i, "grow", 65536, 0), -1);
	CHECK_EQ(world_call(&w, i, "grow", -1, 0), -1);
	CHECK(!world_try(&w, world_module(&w, "(module (table 41 funcref))"), NULL));
	CHECK_EQ(w.e.code, ENOMEM);
	CHECK_EQ(wasm_rt_table_grow(w.s, world_export(i, "t").table, 41, null), -1);
	CHECK_EQ(wasm_rt_table_grow(w.s, world_export(i, "t").table, UINT64_MAX, null), -1);
	CHECK_EQ(wasm_rt_table_grow(w.s, world_export(i, "t").table, 40, null), 60);
	world_close(&w);
}

static void test_out_of_memory(void)
{
	struct world w;
	struct wasm_module *m;
	int failed = 0;

	world_open(&w, NULL);
	m = world_module(&w, big_data("", "(table 5 funcref) (elem func 0 0)"
				      "(elem funcref (ref.func 0)) (global i32 (i32.const 1))"));
	/* Without its image an instance has another way; make that first. */
	CHECK(world_try(&w, m, NULL) && world_try(&w, m, NULL));
	for (int n = 1; n < 30; n++) {
		uint64_t memory = w.s->memory_used, table = w.s->table_used;
		uint32_t nfuncs = w.s->nfuncs;
		char spec[32];
		bool made;

		snprintf(spec, sizeof(spec), "alloc:%d", n);
		fail_setup(spec);
		made = world_try(&w, m, NULL);
		fail_setup(NULL);
		if (made)
			continue;
		failed++;
		CHECK(w.e.code == ENOMEM || w.trap == WASM_TRAP_OUT_OF_MEMORY);
		if (w.e.code) {
			CHECK_EQ(w.s->memory_used, memory);
			CHECK_EQ(w.s->table_used, table);
			CHECK_EQ(w.s->nfuncs, nfuncs);
		}
	}
	CHECK(failed >= 5);
	world_close(&w);
	for (int n = 1; n < 30; n++) {
		struct wasm_type_store *types = wasm_type_store_create(NULL);
		char spec[32];

		snprintf(spec, sizeof(spec), "alloc:%d", n);
		fail_setup(spec);
		wasm_store_destroy(wasm_store_create(types, NULL, NULL));
		fail_setup(NULL);
		wasm_type_store_destroy(types);
	}
}

/* ---- host functions and handles ---- */

struct seen {
	struct wasm_ref *kept;
	uint64_t number;
	struct wasm_instance *caller;
	struct wasm_rt_memory *memory;
};
static enum wasm_trap swap(void *ctx, struct wasm_store *s, const union wasm_val *args,
			   union wasm_val *results)
{
	struct seen *seen = ctx;
	struct wasm_ref *r = wasm_ref_host(s, 78);

	seen->caller = wasm_store_caller(s);
	seen->memory = wasm_store_caller_memory(s);
	if (!wasm_ref_host_number(s, args[1].ref, &seen->number))
		return wasm_store_trap(s, "no number %d", 5);
	results[0].ref = r;
	memcpy(results[1].v128, args[0].v128, 16);
	results[1].v128[0]++;
	/* All handles go; the result's must live until it was taken. */
	wasm_store_drop_refs(s);
	return WASM_OK;
}
static void test_host(void)
{
	struct world w;
	struct wasm_instance *i;
	struct seen seen = { 0 };
	struct wasm_extern f = { .kind = WASM_EXTERN_FUNC };
	struct wasm_module *m;
	union wasm_val args[2] = { { .v128 = { 1, 2, 3 } } }, results[2];
	uint64_t number;

	world_open(&w, NULL);
	m = world_module(&w,
		"(module (type $t (func (param v128 externref) (result externref v128)))"
		"(import \"h\" \"f\" (func $f (type $t))) (memory (export \"m\") 1)"
		"(func (export \"g\") (type $t) (call $f (local.get 0) (local.get 1))))");
	f.func = wasm_rt_func_new_host(w.s, m->types[0], swap, &seen, NULL);
	i = world_try(&w, m, &f);
	CHECK(f.func && i);
	args[1].ref = wasm_ref_host(w.s, 77);
	CHECK_EQ(wasm_call(w.s, world_export(i, "g").func, args, results), WASM_OK);
	CHECK_EQ(seen.number, 77);
	CHECK(seen.caller == i && seen.memory == world_export(i, "m").memory);
	CHECK(wasm_ref_host_number(w.s, results[0].ref, &number));
	CHECK_EQ(number, 78);
	CHECK(results[1].v128[0] == 2 && results[1].v128[1] == 2 && results[1].v128[15] == 0);
	CHECK(!wasm_store_caller(w.s));
	/* A null: the function's own trap, with its message. */
	args[1].ref = NULL;
	CHECK_EQ(wasm_call(w.s, world_export(i, "g").func, args, results), WASM_TRAP_HOST);
	CHECK_STR(wasm_store_trap_message(w.s), "no number 5");
	/* A function reference is no externref. */
	args[1].ref = wasm_ref_of_func(w.s, f.func);
	CHECK_EQ(wasm_call(w.s, world_export(i, "g").func, args, results), WASM_TRAP_HOST);
	wasm_store_drop_refs(w.s);
	CHECK(w.s->refs.next == &w.s->refs);
	world_close(&w);
}

static enum wasm_trap leave(void *ctx, struct wasm_store *s, const union wasm_val *args,
			    union wasm_val *results)
{
	(void)ctx, (void)results;
	return wasm_store_exit(s, (uint32_t)args[0].i32);
}
static void test_exit(void)
{
	struct world w;
	struct wasm_extern f = { .kind = WASM_EXTERN_FUNC };
	struct wasm_module *m;
	struct wasm_instance *i;

	world_open(&w, NULL);
	m = world_module(&w, "(module (import \"h\" \"f\" (func $f (param i32)))"
			     "(func (export \"g\") (param i32) (call $f (local.get 0)) unreachable))");
	f.func = wasm_rt_func_new_host(w.s, m->funcs[0].type, leave, NULL, NULL);
	i = world_try(&w, m, &f);
	CHECK(i);
	world_call(&w, i, "g", 3, 0);
	CHECK_EQ(w.trap, WASM_TRAP_EXIT);
	CHECK_EQ(wasm_store_exit_status(w.s), 3);
	world_close(&w);
}

static void *interrupter(void *s)
{
	usleep(20000);
	wasm_interrupt(s);
	return NULL;
}
static void test_interrupt(void)
{
	struct world w;
	struct wasm_instance *i;
	pthread_t t;

	world_open(&w, NULL);
	i = world_make(&w, "(module (func (export \"spin\") (loop (br 0)))"
			   "(func (export \"one\") (result i32) (i32.const 1)))", NULL);
	CHECK(!pthread_create(&t, NULL, interrupter, w.s));
	world_call(&w, i, "spin", 0, 0);
	pthread_join(t, NULL);
	CHECK_EQ(w.trap, WASM_TRAP_INTERRUPT);
	world_close(&w);
}

static void test_shared_memory(void)
{
	struct world a, b;
	struct wasm_memory type = { .limits = { .min = 1, .max = 4, .has_max = true,
						.shared = true }, .page_shift = 16 };
	static const char text[] =
		"(module (import \"a\" \"m\" (memory 1 4 shared))"
		"(func (export \"grow\") (result i32) (memory.grow (i32.const 1)))"
		"(func (export \"size\") (result i32) memory.size)"
		"(func (export \"fill\") (param i32 i32)"
		" (memory.fill (local.get 0) (local.get 1) (i32.const 3))))";
	struct wasm_extern x = { .kind = WASM_EXTERN_MEMORY }, y = x;
	struct wasm_instance *i, *j;

	world_open(&a, NULL);
	world_open(&b, NULL);
	x.memory = wasm_rt_memory_new(a.s, &type, NULL);
	CHECK(x.memory);
	y.memory = wasm_rt_memory_share(b.s, wasm_rt_memory_linear(x.memory), &type, NULL);
	CHECK(y.memory && wasm_rt_memory_base(x.memory) == wasm_rt_memory_base(y.memory));
	i = world_make(&a, text, &x);
	j = world_make(&b, text, &y);
	CHECK_EQ(world_call(&a, i, "grow", 0, 0), 1);
	CHECK_EQ(world_call(&b, j, "size", 0, 0), 2);
	world_call(&b, j, "fill", 2 * 65536 - 3, 7);
	CHECK_EQ(b.trap, WASM_OK);
	CHECK_EQ(wasm_rt_memory_base(x.memory)[2 * 65536 - 1], 7);
	/* The store that made it goes first. */
	world_close(&a);
	CHECK_EQ(world_call(&b, j, "grow", 0, 0), 2);
	world_call(&b, j, "fill", 3 * 65536 - 3, 8);
	CHECK_EQ(b.trap, WASM_OK);
	world_close(&b);
}

/* After a trap between segments, those left over are still there (4.5.4 drops
 * a segment when it has been applied). */
static void test_left_over_segment(void)
{
	struct world w;
	struct wasm_instance *a;

	world_open(&w, NULL);
	a = world_make(&w, "(module (table (export \"t\") 4 funcref) (func (export \"call\") (result i32)"
			   "(call_indirect (result i32) (i32.const 0))))", NULL);
	struct wasm_extern t = world_export(a, "t");

	CHECK(!world_try(&w, world_module(&w,
		"(module (type $a (array funcref)) (import \"a\" \"t\" (table 4 funcref))"
		"(func $f (result i32) (table.init $own 1 (i32.const 0) (i32.const 0) (i32.const 1))"
		" (ref.is_null (array.get $a (array.new_elem $a 1 (i32.const 0) (i32.const 2))"
		" (i32.const 1))))"
		"(table $own 1 funcref)"
		"(elem (table 0) (i32.const 0) func $f)"
		"(elem (table 0) (i32.const 3) func $f $f))"), &t));
	CHECK_EQ(w.trap, WASM_TRAP_TABLE);
	CHECK_EQ(world_call(&w, a, "call", 0, 0), 0);
	CHECK_EQ(w.trap, WASM_OK);
	world_close(&w);
}

TEST_MAIN({ "a_trap_keeps_the_effects_of_earlier_segments", test_order },
	  { "a_trap_before_the_data_leaves_memories_zero", test_image_after_trap },
	  { "a_trap_keeps_segments_that_were_not_applied", test_left_over_segment },
	  { "instances_are_copies_of_the_image_until_they_write", test_image },
	  { "an_instance_does_not_copy_its_data", test_image_is_not_copied },
	  { "imports_match_by_subtyping", test_matching },
	  { "an_imported_memory_has_the_size_it_grew_to", test_growth_counts_for_imports },
	  { "initializers_are_evaluated", test_constants },
	  { "a_start_function_runs_and_may_trap", test_start },
	  { "a_store_has_limits", test_limits },
	  { "out_of_memory_makes_nothing", test_out_of_memory },
	  { "host_functions_get_and_return_any_value", test_host },
	  { "a_host_function_ends_the_program", test_exit },
	  { "another_thread_interrupts", test_interrupt },
	  { "two_stores_share_a_memory", test_shared_memory })
