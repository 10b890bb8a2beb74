/* SPDX-License-Identifier: Apache-2.0 */
/* The C API: identity, ownership, types, values of every kind, failures. */
#include "tests/test.h"

#include <doppel.h>

static wasm_engine_t *engine;
static wasm_store_t *store;

static void begin(void)
{
	wasm_config_t *c = wasm_config_new();

	dp_config_set_features(c, DP_FEATURE_THREADS);
	engine = wasm_engine_new_with_config(c);
	store = wasm_store_new(engine);
	CHECK(store);
}

static void end(void)
{
	wasm_store_delete(store);
	wasm_engine_delete(engine);
}

static void binary_of(const char *text, wasm_byte_vec_t *binary)
{
	wasm_byte_vec_t source = { strlen(text), (char *)text };
	wasm_message_t error;

	if (!dp_text_to_binary(&source, binary, &error))
		TEST_FAIL("%s", error.data);
}

static wasm_module_t *module_of(const char *text)
{
	wasm_byte_vec_t binary;
	wasm_module_t *m;

	binary_of(text, &binary);
	m = wasm_module_new(store, &binary);
	wasm_byte_vec_delete(&binary);
	if (!m)
		TEST_FAIL("%s", dp_store_error(store));
	return m;
}

static wasm_instance_t *instance_of(const char *text)
{
	wasm_module_t *m = module_of(text);
	wasm_instance_t *i = dp_instance_new(store, m, NULL, 0, NULL);

	if (!i)
		TEST_FAIL("%s", dp_store_error(store));
	wasm_module_delete(m);
	return i;
}

static wasm_func_t *func_of(const wasm_instance_t *i, const char *name)
{
	wasm_extern_t *x = dp_instance_export(i, name);

	CHECK(x);
	return wasm_extern_as_func(x);
}

/* ---- identity -------------------------------------------------------------------- */

static int finalized;

static void finalizer(void *info)
{
	CHECK(info == &finalized);
	finalized++;
}

static void exports_are_the_same_objects_each_time(void)
{
	wasm_extern_vec_t a, b;
	wasm_instance_t *i;

	begin();
	i = instance_of("(module (memory (export \"m\") 1) (func (export \"f\"))"
			"(table (export \"t\") 1 funcref) (global (export \"g\") i32 (i32.const 7)))");
	wasm_instance_exports(i, &a);
	wasm_instance_exports(i, &b);
	CHECK_EQ(a.size, 4);
	for (size_t k = 0; k < a.size; k++) {
		CHECK(wasm_extern_same(a.data[k], b.data[k]));
		CHECK(!wasm_extern_same(a.data[k], b.data[(k + 1) % 4]));
	}
	CHECK(wasm_extern_as_memory(a.data[0]) && !wasm_extern_as_func(a.data[0]));
	wasm_extern_set_host_info(a.data[1], &finalized);
	CHECK(wasm_extern_get_host_info(b.data[1]) == &finalized);
	wasm_extern_vec_delete(&a);
	wasm_extern_vec_delete(&b);
	wasm_instance_delete(i);
	end();
}

static void host_info_outlives_the_last_owner(void)
{
	wasm_extern_vec_t x;
	wasm_instance_t *i;
	wasm_func_t *f;

	begin();
	finalized = 0;
	i = instance_of("(module (func (export \"f\")))");
	wasm_instance_exports(i, &x);
	wasm_extern_set_host_info_with_finalizer(x.data[0], &finalized, finalizer);
	wasm_extern_vec_delete(&x);
	CHECK_EQ(finalized, 0);
	f = func_of(i, "f");
	CHECK(wasm_func_get_host_info(f) == &finalized);
	wasm_func_delete(f);
	wasm_instance_delete(i);
	end();
	CHECK_EQ(finalized, 1);
}

static void objects_outlive_their_store_as_shells(void)
{
	wasm_val_vec_t none = WASM_EMPTY_VEC;
	wasm_instance_t *i;
	wasm_trap_t *trap, *late;
	wasm_message_t text;
	wasm_func_t *f;

	begin();
	i = instance_of("(module (func (export \"f\") unreachable))");
	f = func_of(i, "f");
	trap = wasm_func_call(f, &none, &none);
	end();
	wasm_trap_message(trap, &text);
	CHECK_STR(text.data, "unreachable");
	wasm_name_delete(&text);
	late = wasm_func_call(f, &none, &none);
	CHECK(late);
	wasm_trap_delete(late);
	wasm_trap_delete(trap);
	wasm_func_delete(f);
	wasm_instance_delete(i);
}

/* ---- values ------------------------------------------------------------------------- */

static void references_come_back_as_they_were(void)
{
	wasm_instance_t *i;
	wasm_func_t *f, *g;
	wasm_foreign_t *x;

	begin();
	i = instance_of("(module (func (export \"e\") (param externref) (result externref)"
			" (local.get 0)) (func (export \"f\") (param funcref) (result funcref)"
			" (local.get 0)))");
	f = func_of(i, "e");
	g = func_of(i, "f");
	x = wasm_foreign_new(store);
	for (int k = 0; k < 3; k++) {
		wasm_ref_t *what = k == 0 ? wasm_foreign_as_ref(x) : k == 1 ? wasm_func_as_ref(f)
									     : NULL;
		wasm_val_t args[] = { WASM_REF_VAL(what) }, results[] = { WASM_INIT_VAL };
		wasm_val_vec_t in = WASM_ARRAY_VEC(args), out = WASM_ARRAY_VEC(results);

		CHECK(!wasm_func_call(f, &in, &out));
		CHECK_EQ(results[0].kind, WASM_EXTERNREF);
		CHECK(what ? wasm_ref_same(results[0].of.ref, what) : !results[0].of.ref);
		wasm_val_delete(&results[0]);
		if (k == 1) {
			CHECK(!wasm_func_call(g, &in, &out));
			CHECK_EQ(results[0].kind, WASM_FUNCREF);
			CHECK(wasm_ref_same(results[0].of.ref, what));
			wasm_val_delete(&results[0]);
		} else if (k == 0) { /* a foreign object is no function */
			wasm_trap_t *t = wasm_func_call(g, &in, &out);

			CHECK(t);
			wasm_trap_delete(t);
		}
	}
	wasm_foreign_delete(x);
	wasm_func_delete(f);
	wasm_func_delete(g);
	wasm_instance_delete(i);
	end();
}

static void collected_objects_go_out_and_in_again(void)
{
	wasm_instance_t *i;
	wasm_func_t *make, *get;
	wasm_val_t args[] = { WASM_I32_VAL(77) }, results[] = { WASM_INIT_VAL };
	wasm_val_vec_t in = WASM_ARRAY_VEC(args), out = WASM_ARRAY_VEC(results);

	begin();
	i = instance_of("(module (type $s (struct (field i32)))"
			"(func (export \"make\") (param i32) (result anyref)"
			" (struct.new $s (local.get 0)))"
			"(func (export \"get\") (param anyref) (result i32)"
			" (struct.get $s 0 (ref.cast (ref $s) (local.get 0)))))");
	make = func_of(i, "make");
	get = func_of(i, "get");
	CHECK(!wasm_func_call(make, &in, &out));
	CHECK(results[0].of.ref && wasm_ref_same(results[0].of.ref, results[0].of.ref));
	dp_store_collect(store);
	args[0] = results[0];
	CHECK(!wasm_func_call(get, &in, &out));
	CHECK_EQ(results[0].of.i32, 77);
	wasm_val_delete(&args[0]);
	wasm_func_delete(make);
	wasm_func_delete(get);
	wasm_instance_delete(i);
	end();
}

static wasm_trap_t *twice(void *env, const dp_raw_t *args, dp_raw_t *results)
{
	(void)env;
	for (int k = 0; k < 16; k++)
		results[0].v128[k] = (uint8_t)(args[0].v128[k] * 2);
	return NULL;
}

static void vectors_go_both_ways(void)
{
	wasm_valtype_t *p[] = { wasm_valtype_new(DP_V128) }, *r[] = { wasm_valtype_new(DP_V128) };
	wasm_valtype_vec_t params, results;
	wasm_functype_t *type;
	wasm_func_t *host, *f;
	wasm_module_t *m;
	wasm_instance_t *i;
	dp_raw_t in = { .v128 = { 1, 2, 3 } }, out;

	begin();
	wasm_valtype_vec_new(&params, 1, p);
	wasm_valtype_vec_new(&results, 1, r);
	type = wasm_functype_new(&params, &results);
	host = dp_func_new(store, type, twice, NULL, NULL);
	m = module_of("(module (import \"a\" \"b\" (func $f (param v128) (result v128)))"
		      "(func (export \"f\") (param v128) (result v128)"
		      " (i8x16.add (call $f (local.get 0)) (local.get 0))))");
	i = dp_instance_new(store, m, &(dp_import_t){ "a", "b", wasm_func_as_extern(host) }, 1, NULL);
	CHECK(i);
	f = func_of(i, "f");
	CHECK(!dp_func_call(f, &in, &out));
	CHECK(out.v128[0] == 3 && out.v128[1] == 6 && out.v128[2] == 9 && out.v128[3] == 0);
	wasm_func_delete(f);
	wasm_instance_delete(i);
	wasm_module_delete(m);
	wasm_func_delete(host);
	wasm_functype_delete(type);
	end();
}

/* ---- types ------------------------------------------------------------------------------ */

static void module_types_are_exact(void)
{
	wasm_importtype_vec_t imports;
	wasm_exporttype_vec_t exports;
	const wasm_externtype_t *t;
	wasm_message_t name;
	wasm_module_t *m;

	begin();
	m = module_of("(module (type $s (struct)) (import \"a\" \"\" (global (mut (ref null $s))))"
		      "(import \"b\" \"x\" (tag (param i64 f32)))"
		      "(memory (export \"m\") 2 9) (table (export \"t\") 3 (ref null func)))");
	wasm_module_imports(m, &imports);
	wasm_module_exports(m, &exports);
	CHECK(imports.size == 2 && exports.size == 2);
	t = wasm_importtype_type(imports.data[0]);
	CHECK_EQ(wasm_externtype_kind(t), WASM_EXTERN_GLOBAL);
	CHECK_EQ(wasm_globaltype_mutability(wasm_externtype_as_globaltype_const(t)), WASM_VAR);
	CHECK_EQ(wasm_valtype_kind(wasm_globaltype_content(wasm_externtype_as_globaltype_const(t))),
		 WASM_EXTERNREF);
	dp_valtype_name(store, wasm_globaltype_content(wasm_externtype_as_globaltype_const(t)), &name);
	CHECK(!strncmp(name.data, "(ref null ", 10));
	wasm_name_delete(&name);
	t = wasm_importtype_type(imports.data[1]);
	CHECK_EQ(wasm_externtype_kind(t), WASM_EXTERN_TAG);
	CHECK_EQ(wasm_functype_params(wasm_tagtype_functype(wasm_externtype_as_tagtype_const(t)))->size, 2);
	t = wasm_exporttype_type(exports.data[0]);
	CHECK_EQ(wasm_memorytype_limits(wasm_externtype_as_memorytype_const(t))->max, 9);
	t = wasm_exporttype_type(exports.data[1]);
	CHECK_EQ(wasm_tabletype_limits(wasm_externtype_as_tabletype_const(t))->max,
		 wasm_limits_max_default);
	CHECK(!wasm_externtype_as_functype_const(t));
	wasm_importtype_vec_delete(&imports);
	wasm_exporttype_vec_delete(&exports);
	wasm_module_delete(m);
	end();
}

static void modules_are_serialized_and_shared(void)
{
	wasm_shared_module_t *shared;
	wasm_byte_vec_t bytes;
	wasm_store_t *other;
	wasm_module_t *m, *n;

	begin();
	m = module_of("(module (func (export \"f\")))");
	wasm_module_serialize(m, &bytes);
	n = wasm_module_deserialize(store, &bytes);
	CHECK(n);
	wasm_module_delete(n);
	for (size_t k = 0; k < bytes.size; k++) {
		bytes.data[k] ^= 1;
		n = wasm_module_deserialize(store, &bytes);
		/* What a module may use is the engine's to say. */
		CHECK(!n || (k >= 12 && k < 16));
		if (n)
			wasm_module_delete(n);
		bytes.data[k] ^= 1;
	}
	for (size_t k = 0; k < bytes.size; k++)
		CHECK(!wasm_module_deserialize(store, &(wasm_byte_vec_t){ k, bytes.data }));
	wasm_byte_vec_delete(&bytes);
	shared = wasm_module_share(m);
	wasm_module_delete(m);
	wasm_store_delete(store);
	other = wasm_store_new(engine);
	m = wasm_module_obtain(other, shared);
	CHECK(m);
	wasm_shared_module_delete(shared);
	wasm_module_delete(m);
	wasm_store_delete(other);
	wasm_engine_delete(engine);
}

static const char counter[] =
	"(module (global $n (mut i32) (i32.const 0)) (memory 1) (func (export \"next\") (result i32)"
	" (global.set $n (i32.add (global.get $n) (i32.const 1)))"
	" (i32.store (i32.const 8) (global.get $n)) (i32.load (i32.const 8))))";

static int32_t next(const wasm_instance_t *i)
{
	wasm_func_t *f = func_of(i, "next");
	wasm_val_t results[] = { WASM_INIT_VAL };
	wasm_val_vec_t none = WASM_EMPTY_VEC, out = WASM_ARRAY_VEC(results);

	CHECK(!wasm_func_call(f, &none, &out));
	wasm_func_delete(f);
	return results[0].of.i32;
}

static void state_goes_from_store_to_store(void)
{
	wasm_byte_vec_t state, cut;
	wasm_instance_t *i;

	begin();
	i = instance_of(counter);
	CHECK_EQ(next(i), 1);
	CHECK_EQ(next(i), 2);
	CHECK(dp_store_save(store, &state));
	CHECK_EQ(next(i), 3);
	wasm_instance_delete(i);
	end();
	begin();
	dp_store_restoring(store);
	i = instance_of(counter);
	CHECK(dp_store_load(store, &state));
	CHECK_EQ(next(i), 3);
	wasm_instance_delete(i);
	end();
	begin();
	dp_store_restoring(store);
	i = instance_of(counter);
	cut = (wasm_byte_vec_t){ state.size / 2, state.data };
	CHECK(!dp_store_load(store, &cut) && *dp_store_error(store));
	wasm_instance_delete(i);
	end();
	wasm_byte_vec_delete(&state);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void wrong_imports_are_told(void)
{
	wasm_extern_vec_t none = WASM_EMPTY_VEC, one;
	wasm_module_t *m;
	wasm_instance_t *i;
	wasm_trap_t *trap;
	wasm_message_t text;
	wasm_extern_t *x;

	begin();
	m = module_of("(module (import \"a\" \"b\" (func)))");
	CHECK(!wasm_instance_new(store, m, &none, &trap) && trap);
	CHECK_EQ(dp_trap_kind(trap), DP_TRAP_LINK);
	wasm_trap_delete(trap);
	CHECK(!dp_instance_new(store, m, NULL, 0, NULL));
	CHECK(strstr(dp_store_error(store), "unknown import \"a\" \"b\""));
	i = instance_of("(module (func (export \"f\") (param i32)))");
	x = dp_instance_export(i, "f");
	one = (wasm_extern_vec_t){ 1, &x };
	CHECK(!wasm_instance_new(store, m, &one, &trap));
	wasm_trap_message(trap, &text);
	CHECK(strstr(text.data, "incompatible import type"));
	wasm_name_delete(&text);
	wasm_trap_delete(trap);
	wasm_extern_delete(x);
	wasm_instance_delete(i);
	wasm_module_delete(m);
	end();
}

static void a_trapping_start_is_a_trap(void)
{
	wasm_extern_vec_t none = WASM_EMPTY_VEC;
	wasm_frame_vec_t trace;
	wasm_trap_t *trap;
	wasm_module_t *m;

	begin();
	m = module_of("(module (func $boom unreachable) (start $boom))");
	CHECK(!wasm_instance_new(store, m, &none, &trap) && trap);
	CHECK_EQ(dp_trap_kind(trap), DP_TRAP_GUEST);
	wasm_trap_trace(trap, &trace);
	CHECK_EQ(trace.size, 1);
	CHECK_EQ(wasm_frame_func_index(trace.data[0]), 0);
	wasm_frame_vec_delete(&trace);
	wasm_trap_delete(trap);
	wasm_module_delete(m);
	end();
}

static void globals_and_tables_check_types(void)
{
	wasm_globaltype_t *constant = wasm_globaltype_new(wasm_valtype_new_i64(), WASM_CONST);
	wasm_limits_t limits = { 2, 3 };
	wasm_tabletype_t *tt = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
	wasm_val_t i32 = WASM_I32_VAL(1), i64 = WASM_I64_VAL(5), got;
	wasm_foreign_t *x;
	wasm_global_t *g;
	wasm_table_t *t;

	begin();
	CHECK(!wasm_global_new(store, constant, &i32));
	g = wasm_global_new(store, constant, &i64);
	CHECK(g);
	i64.of.i64 = 6;
	wasm_global_set(g, &i64);
	wasm_global_get(g, &got);
	CHECK_EQ(got.of.i64, 5);
	x = wasm_foreign_new(store);
	t = wasm_table_new(store, tt, NULL);
	CHECK(t && wasm_table_size(t) == 2);
	CHECK(!wasm_table_set(t, 0, wasm_foreign_as_ref(x)));
	CHECK(wasm_table_set(t, 1, NULL) && !wasm_table_set(t, 2, NULL));
	CHECK(wasm_table_grow(t, 1, NULL) && !wasm_table_grow(t, 1, NULL));
	CHECK(!wasm_table_get(t, 9));
	wasm_foreign_delete(x);
	wasm_table_delete(t);
	wasm_global_delete(g);
	wasm_globaltype_delete(constant);
	wasm_tabletype_delete(tt);
	end();
}

/* One call each time, whether it computes or is in WASI. */
static void an_interrupt_ends_one_call(void)
{
	const wasm_val_vec_t none = WASM_EMPTY_VEC;
	wasm_instance_t *i;
	wasm_trap_t *trap;
	wasm_func_t *f;

	begin();
	CHECK(dp_store_set_wasi(store, dp_wasi_new()));
	i = instance_of("(module (import \"wasi_snapshot_preview1\" \"sched_yield\""
			"   (func $yield (result i32)))"
			"  (memory (export \"memory\") 1)"
			"  (func (export \"yield\") (drop (call $yield))))");
	f = func_of(i, "yield");
	for (unsigned k = 0; k < 3; k++) {
		dp_store_interrupt(store);
		trap = wasm_func_call(f, &none, NULL);
		CHECK(trap);
		CHECK_EQ(dp_trap_kind(trap), DP_TRAP_INTERRUPT);
		wasm_trap_delete(trap);
		CHECK(!wasm_func_call(f, &none, NULL));
	}
	wasm_func_delete(f);
	wasm_instance_delete(i);
	end();
}

static void invalid_modules_are_refused_with_a_reason(void)
{
	wasm_byte_vec_t bytes;

	begin();
	wasm_byte_vec_new(&bytes, 8, "\0asm\2\0\0\0");
	CHECK(!wasm_module_validate(store, &bytes));
	CHECK(!wasm_module_new(store, &bytes));
	CHECK(*dp_store_error(store));
	bytes.data[4] = 1;
	CHECK(wasm_module_validate(store, &bytes));
	CHECK_STR(dp_store_error(store), "");
	wasm_byte_vec_delete(&bytes);
	end();
}

TEST_MAIN(
	{ "exports_are_the_same_objects_each_time", exports_are_the_same_objects_each_time },
	{ "host_info_outlives_the_last_owner", host_info_outlives_the_last_owner },
	{ "objects_outlive_their_store_as_shells", objects_outlive_their_store_as_shells },
	{ "references_come_back_as_they_were", references_come_back_as_they_were },
	{ "collected_objects_go_out_and_in_again", collected_objects_go_out_and_in_again },
	{ "vectors_go_both_ways", vectors_go_both_ways },
	{ "module_types_are_exact", module_types_are_exact },
	{ "modules_are_serialized_and_shared", modules_are_serialized_and_shared },
	{ "state_goes_from_store_to_store", state_goes_from_store_to_store },
	{ "wrong_imports_are_told", wrong_imports_are_told },
	{ "a_trapping_start_is_a_trap", a_trapping_start_is_a_trap },
	{ "globals_and_tables_check_types", globals_and_tables_check_types },
	{ "an_interrupt_ends_one_call", an_interrupt_ends_one_call },
	{ "invalid_modules_are_refused_with_a_reason", invalid_modules_are_refused_with_a_reason },
)
