/* SPDX-License-Identifier: Apache-2.0 */
/* A store's state goes on in another process; hostile state goes nowhere. */
#include "tests/wasm/store.h"

static const char counter[] =
	"(module (type $node (struct (field (mut i32)) (field (ref null $node))))"
	"(type $ft (func (result i32)))"
	"(memory 1 10) (memory $1 i64 1) (global $g (mut i32) (i32.const 0))"
	"(global $list (mut (ref null $node)) (ref.null $node)) (global $v (mut v128) (v128.const i64x2 0 0))"
	"(table $t 2 10 funcref) (table $nodes 3 10 anyref)"
	"(data $d \"hello\") (elem $e func $one $two) (elem $i anyref (ref.i31 (i32.const 5)))"
	"(func $one (type $ft) (i32.const 1)) (func $two (type $ft) (i32.const 2))"
	"(func (export \"step\") (result i32)"
	" (global.set $g (i32.add (global.get $g) (i32.const 1)))"
	" (i32.store8 (i32.const 70000) (global.get $g))"
	" (i64.store $1 (i64.const 9) (i64.extend_i32_u (global.get $g)))"
	" (global.set $list (struct.new $node (global.get $g) (global.get $list)))"
	" (table.set $nodes (i32.const 1) (global.get $list))"
	" (global.set $v (i32x4.splat (global.get $g)))"
	" (table.set $t (table.grow $t (ref.null func) (i32.const 1)) (ref.func $two))"
	" (global.get $g))"
	"(func (export \"open\") (drop (memory.grow (i32.const 1)))"
	" (table.set $nodes (i32.const 2) (ref.i31 (i32.const 9)))"
	" (memory.init $d (i32.const 5) (i32.const 0) (i32.const 5)) (data.drop $d) (elem.drop $e))"
	/* a number that everything goes into */
	"(func (export \"sum\") (result i32) (local $n (ref null $node)) (local $sum i32)"
	" (local.set $sum (i32.add (i32.load8_u (i32.const 70000)) (i32.load8_u (i32.const 6))))"
	" (local.set $sum (i32.mul (i32.const 31) (i32.add (local.get $sum) (i32.wrap_i64 (i64.load $1 (i64.const 9))))))"
	" (local.set $sum (i32.add (local.get $sum) (i32x4.extract_lane 3 (global.get $v))))"
	" (local.set $sum (i32.add (local.get $sum) (call_indirect $t (type $ft)"
	"   (i32.sub (table.size $t) (i32.const 1)))))"
	" (local.set $sum (i32.add (local.get $sum) (i31.get_u (ref.cast (ref i31) (table.get $nodes (i32.const 2))))))"
	" (local.set $n (ref.cast (ref null $node) (table.get $nodes (i32.const 1))))"
	" (block $end (loop $next (br_if $end (ref.is_null (local.get $n)))"
	"  (local.set $sum (i32.add (local.get $sum) (struct.get $node 0 (local.get $n))))"
	"  (local.set $n (struct.get $node 1 (local.get $n))) (br $next)))"
	" (local.get $sum))"
	"(func (export \"init\") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)))"
	"(func (export \"elem\") (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)))"
	"(func (export \"i31\") (result i32) (table.init $nodes $i (i32.const 0) (i32.const 0) (i32.const 1))"
	" (i31.get_u (ref.cast (ref i31) (table.get $nodes (i32.const 0)))))"
	"(func $start (call 0) drop) (start $start))";

static struct wasm_instance *open_counter(struct world *w, bool restoring)
{
	static const struct wasm_store_limits l = { .heap = 64 << 20 };

	world_open(w, &l);
	if (restoring)
		wasm_store_restoring(w->s);
	return world_make(w, counter, NULL);
}

static void save(struct world *w, struct ser_writer *sw)
{
	ser_writer_init(sw);
	if (wasm_store_save(w->s, sw, &w->e))
		TEST_FAIL("%s", w->e.msg);
}
static int load(struct world *w, const uint8_t *buf, size_t n)
{
	struct ser_reader r;

	ser_reader_init(&r, buf, n);
	return wasm_store_load(w->s, &r, &w->e);
}

static void test_round_trip(void)
{
	struct world a, b;
	struct wasm_instance *i = open_counter(&a, false), *j;
	struct ser_writer w;
	int32_t sum;

	world_call(&a, i, "open", 0, 0);
	CHECK_EQ(a.trap, WASM_OK);
	for (int n = 0; n < 5; n++)
		world_call(&a, i, "step", 0, 0);
	sum = world_call(&a, i, "sum", 0, 0);
	CHECK_EQ(a.trap, WASM_OK);
	save(&a, &w);
	j = open_counter(&b, true);
	if (load(&b, w.buf, w.len))
		TEST_FAIL("%s", b.e.msg);
	CHECK_EQ(world_call(&b, j, "sum", 0, 0), sum);
	CHECK_EQ(b.trap, WASM_OK);
	/* Dropped segments stay dropped, the other one is there. */
	world_call(&b, j, "init", 0, 0);
	CHECK_EQ(b.trap, WASM_TRAP_MEMORY);
	world_call(&b, j, "elem", 0, 0);
	CHECK_EQ(b.trap, WASM_TRAP_TABLE);
	CHECK_EQ(world_call(&b, j, "i31", 0, 0), 5);
	CHECK_EQ(world_call(&a, i, "i31", 0, 0), 5);
	/* Both go on alike. */
	CHECK_EQ(world_call(&b, j, "step", 0, 0), world_call(&a, i, "step", 0, 0));
	CHECK_EQ(world_call(&b, j, "sum", 0, 0), world_call(&a, i, "sum", 0, 0));
	ser_writer_fini(&w);
	/* And once more, from the one that was loaded. */
	sum = world_call(&b, j, "sum", 0, 0);
	save(&b, &w);
	world_close(&b);
	j = open_counter(&b, true);
	CHECK(!load(&b, w.buf, w.len));
	CHECK_EQ(world_call(&b, j, "sum", 0, 0), sum);
	ser_writer_fini(&w);
	world_close(&a);
	world_close(&b);
}

static void test_other_store(void)
{
	struct world a, b;
	struct wasm_instance *i = open_counter(&a, false);
	struct ser_writer w;

	(void)i;
	save(&a, &w);
	world_open(&b, NULL);
	CHECK(load(&b, w.buf, w.len));
	world_close(&b);
	world_open(&b, NULL);
	wasm_store_restoring(b.s);
	world_make(&b, "(module (func) (func) (func) (func) (func) (func) (func) (func) (func))", NULL);
	CHECK(load(&b, w.buf, w.len));
	world_close(&b);
	ser_writer_fini(&w);
	world_close(&a);
}

static enum wasm_trap try_to_save(void *ctx, struct wasm_store *s, const union wasm_val *args,
				  union wasm_val *results)
{
	struct ser_writer w;

	(void)args, (void)results;
	ser_writer_init(&w);
	*(int *)ctx = wasm_store_save(s, &w, NULL);
	ser_writer_fini(&w);
	return WASM_OK;
}
static void test_running(void)
{
	struct world a;
	int result = 0;
	struct wasm_module *m;
	struct wasm_extern f = { .kind = WASM_EXTERN_FUNC };

	world_open(&a, NULL);
	m = world_module(&a, "(module (import \"a\" \"f\" (func $f)) (start $f))");
	f.func = wasm_rt_func_new_host(a.s, m->funcs[0].type, try_to_save, &result, NULL);
	CHECK(world_try(&a, m, &f));
	CHECK_EQ(result, -EBUSY);
	world_close(&a);
}

/* Every truncation is refused, and no damaged byte does worse than a trap. */
static void test_hostile(void)
{
	struct world a, b;
	struct wasm_instance *i = open_counter(&a, false), *j;
	struct ser_writer w;
	uint64_t seed = 1;
	unsigned loaded = 0;

	world_call(&a, i, "open", 0, 0);
	world_call(&a, i, "step", 0, 0);
	save(&a, &w);
	for (size_t n = 0; n < w.len; n += w.len / 300 + 1) {
		open_counter(&b, true);
		CHECK(load(&b, w.buf, n));
		world_close(&b);
	}
	for (int n = 0; n < 400; n++) {
		uint8_t old;
		size_t at;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		at = (seed >> 33) % w.len;
		old = w.buf[at];
		w.buf[at] = (uint8_t)(seed >> 25) ^ old ? (uint8_t)(seed >> 25) : !old;
		j = open_counter(&b, true);
		if (!load(&b, w.buf, w.len)) {
			loaded++;
			world_call(&b, j, "step", 0, 0);
			world_call(&b, j, "elem", 0, 0);
			world_call(&b, j, "i31", 0, 0);
		}
		world_close(&b);
		w.buf[at] = old;
	}
	(void)loaded;
	ser_writer_fini(&w);
	world_close(&a);
}

TEST_MAIN({ "a_store_goes_on_where_it_was_saved", test_round_trip },
	  { "state_of_another_store_is_refused", test_other_store },
	  { "a_running_store_is_not_saved", test_running },
	  { "hostile_state_is_refused", test_hostile })
