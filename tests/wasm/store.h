/* SPDX-License-Identifier: Apache-2.0 */
/* A store with modules written as text, for tests of the run time. */
#ifndef TESTS_WASM_STORE_H
#define TESTS_WASM_STORE_H

#include <errno.h>

#include "base/alloc.h"
#include "wasm/rt.h"
#include "wasm/text.h"
#include "tests/test.h"

enum { MODULES_MAX = 32 };
struct world {
	struct wasm_type_store *types;
	struct wasm_store *s;
	struct wasm_module *modules[MODULES_MAX];
	uint8_t *bytes[MODULES_MAX];
	unsigned n;
	enum wasm_trap trap;    /* of the last instantiation or call */
	struct err e;
};

static inline void world_open(struct world *w, const struct wasm_store_limits *l)
{
	memset(w, 0, sizeof(*w));
	w->types = wasm_type_store_create(&w->e);
	w->s = w->types ? wasm_store_create(w->types, l, &w->e) : NULL;
	if (!w->s)
		TEST_FAIL("%s", w->e.msg);
}
static inline void world_close(struct world *w)
{
	wasm_store_destroy(w->s);
	for (unsigned i = 0; i < w->n; i++) {
		wasm_module_destroy(w->modules[i]);
		base_free(w->bytes[i]);
	}
	wasm_type_store_destroy(w->types);
}
static inline struct wasm_module *world_module(struct world *w, const char *text)
{
	size_t len;
	unsigned n = w->n;

	if (wasm_text_to_binary(text, strlen(text), "test", WASM_FEATURE_THREADS, &w->bytes[n],
				&len, &w->e))
		TEST_FAIL("%s", w->e.msg);
	w->modules[n] = wasm_module_load(w->types, w->bytes[n], len, WASM_FEATURE_THREADS, "test",
					 &w->e);
	if (!w->modules[n])
		TEST_FAIL("%s", w->e.msg);
	return w->modules[w->n++];
}
/* NULL: w->trap or w->e says why. */
static inline struct wasm_instance *world_try(struct world *w, const struct wasm_module *m,
					      const struct wasm_extern *imports)
{
	w->e.code = 0;
	return wasm_instantiate(w->s, m, imports, &w->trap, &w->e);
}
static inline struct wasm_instance *world_make(struct world *w, const char *text,
					       const struct wasm_extern *imports)
{
	struct wasm_instance *i = world_try(w, world_module(w, text), imports);

	if (!i)
		TEST_FAIL("%s", w->trap ? wasm_rt_trap_message(w->trap) : w->e.msg);
	return i;
}
static inline struct wasm_extern world_export(struct wasm_instance *i, const char *name)
{
	struct wasm_extern x;

	if (!wasm_instance_export(i, name, strlen(name), &x))
		TEST_FAIL("no export %s", name);
	return x;
}
/* Up to two i32 parameters, one i32 result or none; w->trap. */
static inline int32_t world_call(struct world *w, struct wasm_instance *i, const char *name,
				 int32_t a, int32_t b)
{
	union wasm_val args[2] = { { .i32 = a }, { .i32 = b } }, result = { .i32 = 0 };

	w->trap = wasm_call(w->s, world_export(i, name).func, args, &result);
	return result.i32;
}

#endif
