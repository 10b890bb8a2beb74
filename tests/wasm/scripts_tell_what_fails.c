/* SPDX-License-Identifier: Apache-2.0 */
/* The script runner: wrong expectations are found, counted and told. */
#include "tests/test.h"
#include "wasm/module.h"
#include "wasm/script.h"

static char lines[4000];
static struct wasm_script_result result;
static struct err e;

static void report(void *ctx, const char *line)
{
	(void)ctx;
	snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), "%s\n", line);
}

static int run(const char *text, unsigned features)
{
	const struct wasm_script_options o = { .features = features, .report = report };

	lines[0] = 0;
	result = (struct wasm_script_result){ 0 };
	e = (struct err){ 0 };
	return wasm_script_run(text, strlen(text), "s", &o, &result, &e);
}

/* One assertion that must fail, with this line. */
#define FAILS(module, assertion, want)                                         \
	do {                                                                   \
		CHECK_EQ(run(module "\n" assertion, 0), 0);                    \
		CHECK_STR(lines, want "\n");                                   \
	} while (0)

#define M "(module (func (export \"f\") (param i32) (result i32) (local.get 0))" \
	  "(func (export \"t\") unreachable)" \
	  "(func (export \"n\") (result f32) (f32.const nan:0x1))" \
	  "(func (export \"e\") (result externref) (ref.null extern))" \
	  "(global (export \"g\") i64 (i64.const 5)))"

static void wrong_results(void)
{
	FAILS(M, "(assert_return (invoke \"f\" (i32.const 1)) (i32.const 2))",
	      "s:2: assert_return: expected (i32.const 2), got (i32.const 1)");
	FAILS(M, "(assert_return (invoke \"f\" (i32.const 1)) (i64.const 1))",
	      "s:2: assert_return: expected (i64.const 1), got (i32.const 1)");
	FAILS(M, "(assert_return (invoke \"f\" (i32.const 1)))",
	      "s:2: assert_return: expected no result, got 1 results");
	FAILS(M, "(assert_return (invoke \"t\"))",
	      "s:2: assert_return: expected no result, got unreachable");
	FAILS(M, "(assert_return (invoke \"n\") (f32.const nan:canonical))",
	      "s:2: assert_return: expected (f32.const nan:canonical), "
	      "got (f32.const nan) = 0x7f800001");
	FAILS(M, "(assert_return (invoke \"n\") (f32.const nan:arithmetic))",
	      "s:2: assert_return: expected (f32.const nan:arithmetic), "
	      "got (f32.const nan) = 0x7f800001");
	FAILS(M, "(assert_return (invoke \"e\") (ref.extern 1))",
	      "s:2: assert_return: expected (ref.extern 1), got (ref.null)");
	FAILS(M, "(assert_return (get \"g\") (either (i64.const 4) (i64.const 6)))",
	      "s:2: assert_return: expected (either (i64.const 4) (i64.const 6)), "
	      "got (i64.const 5)");
	FAILS(M, "(assert_return (invoke \"x\"))",
	      "s:2: assert_return: expected no result, got there is no such export");
}

static void wrong_failures(void)
{
	FAILS(M, "(assert_trap (invoke \"f\" (i32.const 1)) \"unreachable\")",
	      "s:2: assert_trap: expected \"unreachable\", got a result");
	FAILS(M, "(assert_trap (invoke \"t\") \"integer overflow\")",
	      "s:2: assert_trap: expected \"integer overflow\", got unreachable");
	FAILS(M, "(assert_exhaustion (invoke \"t\") \"unreachable\")",
	      "s:2: assert_exhaustion: expected \"unreachable\", got unreachable");
	FAILS(M, "(assert_malformed (module quote \"(func)\") \"x\")",
	      "s:2: assert_malformed: expected \"x\", got a module");
	FAILS(M, "(assert_invalid (module (func)) \"type mismatch\")",
	      "s:2: assert_invalid: expected \"type mismatch\", got a module");
	FAILS(M, "(assert_unlinkable (module (func)) \"unknown import\")",
	      "s:2: assert_unlinkable: expected \"unknown import\", got an instance");
	/* malformed is not invalid, and the other way round */
	CHECK_EQ(run("(assert_malformed (module (func (result i32))) \"type mismatch\")"
		     "(assert_invalid (module binary \"x\") \"unexpected end\")", 0), 0);
	CHECK_EQ(result.failed[WASM_SCRIPT_MALFORMED], 1);
	CHECK_EQ(result.failed[WASM_SCRIPT_INVALID], 1);
	CHECK_EQ(run("(module (import \"a\" \"b\" (func)))", 0), 0);
	CHECK_STR(lines, "s:1: module: expected an instance, got unknown import\n");
}

static void right_ones_are_counted(void)
{
	CHECK_EQ(run(M "(assert_return (invoke \"f\" (i32.const 7)) (i32.const 7))"
		     "(assert_trap (invoke \"t\") \"unreachable\") (register \"m\")"
		     "(module (import \"m\" \"f\" (func (param i32) (result i32))))"
		     "(module definition $D (func (export \"i\")))"
		     "(module instance $A $D) (module instance $B $D) (invoke $A \"i\")", 0), 0);
	CHECK_STR(lines, "");
	CHECK_EQ(result.passed[WASM_SCRIPT_MODULE], 5);
	CHECK_EQ(result.passed[WASM_SCRIPT_RETURN], 1);
	CHECK_EQ(result.passed[WASM_SCRIPT_TRAP], 1);
	CHECK_EQ(result.passed[WASM_SCRIPT_ACTION], 2);
}

static void what_is_no_script_is_told(void)
{
	CHECK(run("(assert_nothing)", 0));
	CHECK_STR(e.msg, "s:1:2: unknown operator assert_nothing");
	CHECK(run(M "\n(assert_return (invoke \"f\" (f32.const 1)) (i32.const 1))", 0));
	CHECK_STR(e.msg, "s:2:40: the argument has the wrong type");
	CHECK(run("(module", 0));
}

static void threads_share_memory_and_wake(void)
{
	static const char text[] =
		"(module $Mem (memory (export \"m\") 1 1 shared))"
		"(thread $A (shared (module $Mem)) (register \"mem\" $Mem)"
		"  (module (memory (import \"mem\" \"m\") 1 1 shared)"
		"    (func (export \"run\") (result i32)"
		"      (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))"
		"      drop (i32.atomic.load (i32.const 4))))"
		"  (assert_return (invoke \"run\") (i32.const 42)))"
		"(thread $B (shared (module $Mem)) (register \"mem\" $Mem)"
		"  (module (memory (import \"mem\" \"m\") 1 1 shared)"
		"    (func (export \"run\") (i32.atomic.store (i32.const 4) (i32.const 42))"
		"      (i32.atomic.store (i32.const 0) (i32.const 1))"
		"      (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))))"
		"  (invoke \"run\"))"
		"(wait $A) (wait $B)";

	CHECK_EQ(run(text, WASM_FEATURE_THREADS), 0);
	CHECK_STR(lines, "");
	CHECK_EQ(result.passed[WASM_SCRIPT_RETURN], 1);
	/* Nothing to share. */
	CHECK(run("(thread $A (shared (module $M)))", WASM_FEATURE_THREADS));
}

TEST_MAIN({ "wrong_results", wrong_results }, { "wrong_failures", wrong_failures },
	  { "right_ones_are_counted", right_ones_are_counted },
	  { "what_is_no_script_is_told", what_is_no_script_is_told },
	  { "threads_share_memory_and_wake", threads_share_memory_and_wake }, )
