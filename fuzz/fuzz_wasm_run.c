/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module is loaded, instantiated and run, whatever it is.  The input is
 * either a module ("\0asm...") or a recipe: 8 bytes of seed for a random valid
 * module (tests/wasm/module_gen.h), then triples of position (2 bytes) and
 * value (1 byte) that change it.  Fuel and limits end what does not end.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/wasm/module_gen.h"
#include "wasm/instance.h"

enum { RUN_FEATURES = WASM_FEATURE_THREADS | WASM_FEATURE_LEGACY_EH };

static void run_exports(struct wasm_store *s, struct wasm_type_store *types,
			struct wasm_instance *inst, const struct wasm_module *m)
{
	for (uint32_t i = 0; i < m->nexports && i < 16; i++) {
		const struct wasm_deftype *d;
		union wasm_val *v;
		struct wasm_extern x;

		wasm_instance_export_at(inst, i, &x);
		if (x.kind != WASM_EXTERN_FUNC)
			continue;
		d = wasm_type_get(types, wasm_rt_func_type(x.func));
		v = calloc(d->nparams + d->nresults + 1, sizeof(*v));
		/* A null is no argument for a parameter that cannot be null. */
		for (uint32_t k = 0; v && k < d->nparams; k++)
			if (wasm_type_is_ref(d->types[k]) && !wasm_type_nullable(d->types[k])) {
				free(v);
				v = NULL;
			}
		if (v)
			wasm_call(s, x.func, v, v + d->nparams);
		free(v);
		wasm_store_drop_refs(s);
	}
}

static void run(const uint8_t *p, size_t n, unsigned features, bool stress)
{
	struct wasm_store_limits l = {
		.memory = 16 << 20, .heap = 8 << 20, .table = 100000, .stack = 256 << 10,
		.has_fuel = true, .fuel = 200000, .gc_stress = stress, .deterministic = true,
	};
	struct wasm_type_store *types = wasm_type_store_create(NULL);
	struct wasm_module *m = wasm_module_load(types, p, n, features, "fuzz", NULL);
	struct wasm_store *s = m ? wasm_store_create(types, &l, NULL) : NULL;
	enum wasm_trap trap = WASM_OK;
	struct wasm_instance *inst;

	if (s && !m->nimports && (inst = wasm_instantiate(s, m, NULL, &trap, NULL)))
		run_exports(s, types, inst, m);
	if (s)
		wasm_store_destroy(s);
	if (m)
		wasm_module_destroy(m);
	wasm_type_store_destroy(types);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct gen_buf b;
	uint64_t seed;

	if (n >= 4 && !memcmp(p, "\0asm", 4)) {
		run(p, n, RUN_FEATURES | (n & 1 ? WASM_LAZY_BODIES : 0), n & 2);
		return 0;
	}
	if (n < sizeof(seed))
		return 0;
	memcpy(&seed, p, sizeof(seed));
	b = gen_module(seed & 0xffffff, GEN_ALL);
	for (p += 8, n -= 8; n >= 3; p += 3, n -= 3)
		b.p[(p[0] | p[1] << 8) % b.n] = p[2];
	run(b.p, b.n, RUN_FEATURES | (seed >> 60 & 1 ? WASM_LAZY_BODIES : 0), seed >> 61 & 1);
	free(b.p);
	return 0;
}
