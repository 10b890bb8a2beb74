/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a WebAssembly module, all features: no crash, little memory,
 * and what was accepted is what it says; bodies that waited are the same. */
#include <stdlib.h>

#include "wasm/module.h"
#include "wasm/op.h"

static void check_code(const struct wasm_module *m, struct wasm_code c)
{
	const uint8_t *p = m->bytes + c.off, *end = p + c.len;
	struct wasm_insn in = { .row = 0 };

	if (c.off > m->len || c.len > m->len - c.off)
		abort();
	while (p < end)
		if (wasm_op_decode(&p, end, &in))
			abort();
	if (c.len && in.row != WASM_ROW_END)
		abort();
}

static void check(struct wasm_module *m)
{
	struct wasm_name name;

	for (uint32_t i = 0; i < m->nfuncs; i++) {
		if (!m->funcs[i].imported)
			check_code(m, m->funcs[i].body);
		if (m->funcs[i].max_stack > WASM_MAX_STACK)
			abort();
		wasm_module_func_name(m, i, &name);
	}
	for (uint32_t i = 0; i < m->nglobals; i++)
		check_code(m, m->globals[i].init);
	for (uint32_t i = 0; i < m->nelems; i++)
		for (uint32_t j = 0; j < m->elems[i].n; j++)
			if (m->elems[i].exprs)
				check_code(m, m->elems[i].exprs[j]);
			else if (m->elems[i].funcs[j] >= m->nfuncs)
				abort();
	for (uint32_t i = 0; i < m->ndatas; i++)
		if (m->datas[i].len > (size_t)(m->bytes + m->len - m->datas[i].bytes))
			abort();
	wasm_module_branch_hint(m, 40);
}

/* The same verdict when bodies wait; not for malformed ones, which the loader
 * tells in another order. */
static void check_lazy(const void *p, size_t n, const struct wasm_module *now)
{
	enum { FEATURES = WASM_FEATURE_THREADS | WASM_FEATURE_LEGACY_EH | WASM_LAZY_BODIES };
	struct wasm_type_store *s = wasm_type_store_create(NULL);
	struct wasm_module *m = wasm_module_load(s, p, n, FEATURES, "fuzz", NULL);
	bool good = m;

	for (uint32_t i = 0; m && i < m->nfuncs; i++)
		good = !wasm_module_validate_body(m, i, NULL) && good;
	if (now && !good)
		abort();
	wasm_module_destroy(m);
	wasm_type_store_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = { 0 };
	struct wasm_type_store *s = wasm_type_store_create(&e);
	struct wasm_module *m = wasm_module_load(s, p, n, WASM_FEATURE_THREADS |
						 WASM_FEATURE_LEGACY_EH, "fuzz", &e);

	if (m)
		check(m);
	else if (!e.code || !e.msg[0])
		abort();
	/* The chunks of arrays are rounded up; otherwise in proportion. */
	if (m && m->arena.total > (256 << 10) + n * 256)
		abort();
	check_lazy(p, n, m);
	wasm_module_destroy(m);
	wasm_type_store_destroy(s);
	return 0;
}
