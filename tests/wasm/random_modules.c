/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random modules (module_gen.h) in our engine.  As a test: they are valid, two
 * runs agree, and a collection at every allocation changes nothing.
 *
 *     random_modules SEED COUNT FEATURES [FILE]
 *
 * prints what COUNT modules do, and writes them (u32 length, bytes) to FILE, so
 * that another engine can do the same (random_modules.mjs).
 */
#include <stdarg.h>

#include "tests/test.h"
#include "tests/wasm/module_gen.h"
#include "wasm/instance.h"

struct text {
	char *p;
	size_t n, cap;
};
static void say(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;

	if (t->n + 256 > t->cap)
		t->p = realloc(t->p, t->cap = (t->cap + 256) * 2);
	va_start(ap, fmt);
	t->n += (size_t)vsnprintf(t->p + t->n, 256, fmt, ap);
	va_end(ap);
}

static uint32_t hash_bytes(const uint8_t *p, uint64_t n)
{
	uint32_t h = 2166136261u;

	for (uint64_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}
static void say_results(struct text *t, const struct wasm_deftype *d, const union wasm_val *r)
{
	for (uint32_t i = 0; i < d->nresults; i++) {
		enum wasm_kind k = wasm_type_kind(d->types[d->nparams + i]);

		if (k == WASM_I32)
			say(t, " %x", (uint32_t)r[i].i32);
		else if (k == WASM_F32 && (r[i].f32 & 0x7fffffff) > 0x7f800000)
			say(t, " nan");
		else if (k == WASM_F32)
			say(t, " %x", r[i].f32);
		else if (k == WASM_F64 && r[i].f64 << 1 > 0xffe0000000000000)
			say(t, " nan");
		else
			say(t, " %llx", (unsigned long long)r[i].i64);
	}
}
/* One line of "calls". */
static void call(struct text *t, struct wasm_store *s, struct wasm_type_store *types,
		 struct wasm_instance *inst, const char *line, size_t len)
{
	union wasm_val args[8] = { 0 }, results[8] = { 0 };
	char buf[128], name[16], *at = buf;
	struct wasm_extern x, fuel;
	enum wasm_trap trap;
	unsigned long f;
	unsigned n = 0;

	memcpy(buf, line, len);
	buf[len] = 0;
	f = strtoul(at, &at, 10);
	for (; *at; n++)
		args[n].i64 = (int64_t)strtoull(at, &at, 16);
	snprintf(name, sizeof(name), "f%lu", f);
	if (!wasm_instance_export(inst, name, strlen(name), &x) ||
	    !wasm_instance_export(inst, "fuel", 4, &fuel))
		abort();
	wasm_rt_global_set(s, fuel.global, (union wasm_val){ .i32 = GEN_FUEL });
	trap = wasm_call(s, x.func, args, results);
	say(t, "f%lu:", f);
	if (trap)
		say(t, " trap %s", wasm_rt_trap_message(trap));
	else
		say_results(t, wasm_type_get(types, wasm_rt_func_type(x.func)), results);
	say(t, "\n");
}
static const struct wasm_custom *find_custom(const struct wasm_module *m, const char *name)
{
	for (uint32_t i = 0; i < m->ncustoms; i++)
		if (m->customs[i].name.len == strlen(name) &&
		    !memcmp(m->customs[i].name.s, name, strlen(name)))
			return &m->customs[i];
	return NULL;
}
static void run_instance(struct text *t, struct wasm_store *s, struct wasm_type_store *types,
			 struct wasm_instance *inst, const struct wasm_module *m)
{
	const struct wasm_custom *c = find_custom(m, "calls");
	const char *at = (const char *)c->bytes, *end = at + c->len, *nl;
	struct wasm_extern mem;

	for (; at < end; at = nl + 1) {
		nl = memchr(at, '\n', (size_t)(end - at));
		call(t, s, types, inst, at, (size_t)(nl - at));
	}
	if (!wasm_instance_export(inst, "m0", 2, &mem))
		abort();
	say(t, "memory %llu %x\n", (unsigned long long)wasm_rt_memory_size(mem.memory),
	    hash_bytes(wasm_rt_memory_base(mem.memory), wasm_rt_memory_size(mem.memory)));
}
/* What the module does, as text; NULL and *e: it was refused. */
static char *run(const struct gen_buf *b, bool stress, struct err *e)
{
	struct wasm_store_limits l = { .gc_stress = stress, .heap = 64u << 20 };
	struct wasm_type_store *types = wasm_type_store_create(e);
	struct wasm_module *m = types ? wasm_module_load(types, b->p, b->n, 0, "random", e) : NULL;
	struct wasm_store *s = m ? wasm_store_create(types, &l, e) : NULL;
	enum wasm_trap trap = WASM_OK;
	struct wasm_instance *inst = s ? wasm_instantiate(s, m, NULL, &trap, e) : NULL;
	struct text t = { 0 };

	if (inst) {
		say(&t, "%s", "");
		run_instance(&t, s, types, inst, m);
	}
	if (s)
		wasm_store_destroy(s);
	if (m)
		wasm_module_destroy(m);
	if (types)
		wasm_type_store_destroy(types);
	return t.p;
}

static void check_seed(uint64_t seed)
{
	struct gen_buf b = gen_module(seed, GEN_ALL);
	struct err e = { 0 };
	char *first = run(&b, false, &e), *second, *third;

	if (!first)
		TEST_FAIL("seed %llu: %.400s", (unsigned long long)seed, e.msg);
	second = run(&b, false, &e);
	third = run(&b, true, &e);
	if (!second || strcmp(first, second))
		TEST_FAIL("seed %llu: two runs differ", (unsigned long long)seed);
	if (!third || strcmp(first, third))
		TEST_FAIL("seed %llu: collecting changed it", (unsigned long long)seed);
	free(first);
	free(second);
	free(third);
	free(b.p);
}
static void random_modules_are_valid_and_repeatable(void)
{
	for (uint64_t seed = 1; seed <= 300; seed++)
		check_seed(seed);
}

static int print_modules(uint64_t seed, unsigned long count, unsigned features, const char *file)
{
	FILE *out = file ? fopen(file, "wb") : NULL;
	int rc = 0;

	if (file && !out) {
		perror(file);
		return 1;
	}
	for (unsigned long i = 0; i < count; i++) {
		struct gen_buf b = gen_module(seed + i, features);
		uint32_t len = (uint32_t)b.n;
		struct err e = { 0 };
		char *t;

		if (out && (fwrite(&len, 4, 1, out) != 1 || fwrite(b.p, b.n, 1, out) != 1))
			rc = 1;
		t = run(&b, false, &e);
		printf("module %llu\n%s", (unsigned long long)(seed + i), t ? t : e.msg);
		if (!t)
			rc = putchar('\n') != '\n' || 1;
		free(t);
		free(b.p);
	}
	return (out && fclose(out)) || rc;
}

static const struct test_case tests[] = {
	{ "random_modules_are_valid_and_repeatable", random_modules_are_valid_and_repeatable },
};

int main(int argc, char **argv)
{
	if (argc >= 4)
		return print_modules(strtoull(argv[1], NULL, 0), strtoul(argv[2], NULL, 0),
				     (unsigned)strtoul(argv[3], NULL, 0), argv[4]);
	return test_main(tests, 1, argc, argv);
}
