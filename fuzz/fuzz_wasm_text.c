/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as text: no crash, and what the parser makes of it the loader
 * does not call malformed.  A module that loads is printed, and the text reads
 * back as one that loads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "wasm/module.h"
#include "wasm/text.h"

enum { FEATURES = WASM_FEATURE_THREADS | WASM_FEATURE_LEGACY_EH };

static struct wasm_module *load(struct wasm_type_store *ts, const uint8_t *b, size_t n,
				struct err *e)
{
	struct wasm_module *m = wasm_module_load(ts, b, n, FEATURES, "fuzz", e);

	if (!m && !e->code)
		abort();
	return m;
}

static void read_back(struct wasm_type_store *ts, const struct wasm_module *m)
{
	struct err e = { 0 };
	uint8_t *b = NULL;
	char *text = NULL;
	size_t n, len;

	if (wasm_module_to_text(m, &text, &n, &e)) {
		if (e.code != E2BIG)
			abort();
		return;
	}
	if (wasm_text_to_binary(text, n, "printed", FEATURES, &b, &len, &e)) {
		fprintf(stderr, "%s\n%.*s\n", e.msg, (int)n, text);
		abort();
	}
	struct wasm_module *again = load(ts, b, len, &e);

	if (!again) {
		fprintf(stderr, "%s\n%.*s\n", e.msg, (int)n, text);
		abort();
	}
	wasm_module_destroy(again);
	base_free(b);
	base_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct wasm_type_store *ts = wasm_type_store_create(NULL);
	struct wasm_module *m;
	struct err e = { 0 };
	uint8_t *b;
	size_t len;

	if (!ts)
		abort();
	if (wasm_text_to_binary((const char *)p, n, "fuzz", FEATURES, &b, &len, &e)) {
		if (!e.code || b)
			abort();
	} else {
		m = load(ts, b, len, &e);
		/* Only what the text may say and the binary may not. */
		if (!m && e.code == EILSEQ)
			fprintf(stderr, "%s\n", e.msg);
		if (m) {
			read_back(ts, m);
			wasm_module_destroy(m);
		}
		base_free(b);
	}
	wasm_type_store_destroy(ts);
	return 0;
}
