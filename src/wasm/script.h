/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts of WebAssembly's test suite (.wast): modules, actions and
 * assertions, run over the public interface of instance.h.
 */
#ifndef WASM_SCRIPT_H
#define WASM_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum wasm_script_kind {
	WASM_SCRIPT_MODULE,     /* modules that must be there: text, binary, quote */
	WASM_SCRIPT_ACTION,     /* invoke, get, register outside of an assertion */
	WASM_SCRIPT_RETURN, WASM_SCRIPT_TRAP, WASM_SCRIPT_EXHAUSTION, WASM_SCRIPT_MALFORMED,
	WASM_SCRIPT_INVALID, WASM_SCRIPT_UNLINKABLE, WASM_SCRIPT_UNINSTANTIABLE,
	WASM_SCRIPT_EXCEPTION, WASM_SCRIPT_MALFORMED_CUSTOM, WASM_SCRIPT_INVALID_CUSTOM,
	WASM_SCRIPT_KINDS,
};
/* "module", "assert_return", ... */
const char *wasm_script_kind_name(enum wasm_script_kind k);

struct wasm_script_options {
	unsigned features;      /* WASM_FEATURE_... */
	bool gc_stress;
	/* A line for each failure: "FILE:LINE: assert_return: expected ..., got ..." */
	void (*report)(void *ctx, const char *line);
	/* Every module that loads, with its bytes; may be NULL. */
	void (*module)(void *ctx, const char *where, const uint8_t *bytes, size_t len);
	void *ctx;
};

struct wasm_script_result {
	uint32_t passed[WASM_SCRIPT_KINDS], failed[WASM_SCRIPT_KINDS];
};

/*
 * Run the script; counts are added to *r.  0, or -errno when the script itself
 * cannot be read ("NAME:LINE:COLUMN: what"): what came before is counted.
 */
int wasm_script_run(const char *text, size_t len, const char *name,
		    const struct wasm_script_options *o, struct wasm_script_result *r,
		    struct err *e);

#endif
