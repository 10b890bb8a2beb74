/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing: the text of a module reads back as a module whose text is the
 * same, for a module with everything in it and for every module of the
 * official scripts.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "tests/test.h"
#include "wasm/module.h"
#include "wasm/script.h"
#include "wasm/text.h"

struct trip {
	struct wasm_type_store *store;
	unsigned features, modules;
	char why[400];          /* the first failure */
};

static bool print(struct trip *t, const uint8_t *b, size_t n, char **text, size_t *len,
		  struct err *e)
{
	struct wasm_module *m = wasm_module_load(t->store, b, n, t->features, "m", e);
	bool ok = m && !wasm_module_to_text(m, text, len, e);

	if (m)
		wasm_module_destroy(m);
	return ok;
}

/* Bytes, their text, its bytes, their text; and the bytes of that. */
static void round_trip(void *ctx, const char *where, const uint8_t *b, size_t n)
{
	struct trip *t = ctx;
	char *text1 = NULL, *text2 = NULL;
	uint8_t *bytes1 = NULL, *bytes2 = NULL;
	size_t t1 = 0, t2 = 0, b1 = 0, b2 = 0;
	struct err e = { 0 };
	bool ok = print(t, b, n, &text1, &t1, &e) &&
		  !wasm_text_to_binary(text1, t1, "text", t->features, &bytes1, &b1, &e) &&
		  print(t, bytes1, b1, &text2, &t2, &e) &&
		  !wasm_text_to_binary(text2, t2, "text 2", t->features, &bytes2, &b2, &e);

	t->modules++;
	if (!t->why[0] && !ok)
		snprintf(t->why, sizeof(t->why), "%s: %.300s", where, e.msg);
	else if (!t->why[0] && (t1 != t2 || memcmp(text1, text2, t1)))
		snprintf(t->why, sizeof(t->why), "%s: the texts differ", where);
	else if (!t->why[0] && (b1 != b2 || memcmp(bytes1, bytes2, b1)))
		snprintf(t->why, sizeof(t->why), "%s: the bytes differ", where);
	base_free(text1);
	base_free(text2);
	base_free(bytes1);
	base_free(bytes2);
}

static void script(struct trip *t, const char *path)
{
	const struct wasm_script_options o = { .features = t->features, .module = round_trip,
					       .ctx = t };
	struct wasm_script_result r = { 0 };
	FILE *f = fopen(path, "rb");
	static char text[4 << 20];
	size_t n = f ? fread(text, 1, sizeof(text), f) : 0;

	if (f)
		fclose(f);
	wasm_script_run(text, n, path, &o, &r, NULL);
}

static void folder(struct trip *t, const char *path)
{
	struct dirent *d;
	DIR *dir = opendir(path);

	while (dir && (d = readdir(dir))) {
		char below[1024];
		size_t n = (size_t)snprintf(below, sizeof(below), "%s/%s", path, d->d_name);

		if (d->d_name[0] == '.' || n >= sizeof(below))
			continue;
		if (n > 5 && !strcmp(below + n - 5, ".wast"))
			script(t, below);
		else
			folder(t, below);
	}
	if (dir)
		closedir(dir);
}

static void begin(struct trip *t)
{
	*t = (struct trip){ .features = WASM_FEATURE_LEGACY_EH | WASM_FEATURE_THREADS };
	t->store = wasm_type_store_create(NULL);
	CHECK(t->store);
}

static void end(struct trip *t)
{
	wasm_type_store_destroy(t->store);
	if (t->why[0])
		TEST_FAIL("%s", t->why);
}

static void a_module_with_everything(void)
{
	static const char text[] =
		"(module $m (rec (type $s (sub (struct (field $a i8) (field (mut (ref null $s))))))"
		" (type $f (func (param i32) (result f32 v128))))"
		"(type $u (sub final $s (struct (field i8) (field (mut (ref null $s))) (field i16))))"
		"(import \"m\" \"\\22q\\22\" (func $imp (param i64)))"
		"(import \"m\" \"t\" (table $t0 i64 1 2 funcref))"
		"(memory $mem 1 2 shared) (memory i64 3) (tag $e (param i32))"
		"(table $t 3 (ref null $f) (ref.null $f))"
		"(global $g (mut f64) (f64.const 0x1.123456789abcdp-300))"
		"(global f32 (f32.const -nan:0x123)) (global f32 (f32.const -0)) (global i64 (i64.const -1))"
		"(global f64 (f64.const 0x1p-1074)) (global f32 (f32.const 12345))"
		"(func $w (export \"w\") (param $p i32) (param i64) (local $l i32) (local i32 i32)"
		" (local $\"odd name\" f32)"
		" (block $b (br_table $b 1 0 (local.get $p)))"
		" (i32.store8 1 offset=4294967296 (i64.const 0) (i32.const 1))"
		" (v128.store8_lane offset=3 align=1 5 (i32.const 0)"
		"  (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15))"
		" (drop (block (result anyref) (br_on_cast 0 anyref (ref null i31) (ref.null any))))"
		" (block $x (result exnref) (block $y (result i32)"
		"  (try_table (catch $e $y) (catch_all_ref $x) (throw $e (i32.const 1))) unreachable)"
		"  unreachable) unreachable)"
		"(func $i (param i32)"
		" (@metadata.code.branch_hint \"\\01\") (if (local.get 0) (then nop) (else)))"
		"(func $legacy (try (do nop) (catch $e drop) (catch_all rethrow 0)))"
		"(func $at (drop (i32.atomic.rmw8.add_u (i32.const 0) (i32.const 1))) atomic.fence)"
		"(elem $el (ref null $f)) (elem declare func $w) (elem (table $t0) (i64.const 0) func $w)"
		"(elem (offset i64.const 0) $w $i)"
		"(data $d \"a\\00\\ff\\\"\") (data (memory 1) (i64.const 1) \"x\")"
		"(@custom \"c\" (before code) \"\\00\") (start $legacy))";
	struct err e = { 0 };
	struct trip t;
	uint8_t *b;
	size_t n;

	begin(&t);
	if (wasm_text_to_binary(text, sizeof(text) - 1, "m", t.features, &b, &n, &e))
		snprintf(t.why, sizeof(t.why), "%.300s", e.msg);
	else
		round_trip(&t, "m", b, n);
	base_free(b);
	end(&t);
}

static void official_modules(void)
{
	static const char path[] = "../shared/conformance/wasm-3.0";
	struct stat st;
	struct trip t;

	if (stat(path, &st))
		SKIP("the folder shared/conformance/wasm-3.0 is not beside the project");
	begin(&t);
	folder(&t, path);
	if (!t.why[0] && t.modules < 2000)
		snprintf(t.why, sizeof(t.why), "only %u modules", t.modules);
	end(&t);
}

TEST_MAIN({ "a_module_with_everything", a_module_with_everything },
	  { "official_modules", official_modules }, )
