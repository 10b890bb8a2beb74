/* SPDX-License-Identifier: Apache-2.0 */
/* What the examples do not want to show: text to a module, and giving up. */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <doppel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void die(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(EXIT_FAILURE);
}

static inline wasm_module_t *module_of(wasm_store_t *store, const char *text)
{
	wasm_byte_vec_t source, binary;
	wasm_message_t error;
	wasm_module_t *module;

	wasm_byte_vec_new(&source, strlen(text), text);
	if (!dp_text_to_binary(&source, &binary, &error))
		die(error.data);
	module = wasm_module_new(store, &binary);
	if (!module)
		die(dp_store_error(store));
	wasm_byte_vec_delete(&source);
	wasm_byte_vec_delete(&binary);
	return module;
}

/* Owned. */
static inline wasm_func_t *function(const wasm_instance_t *instance, const char *name)
{
	wasm_extern_t *x = dp_instance_export(instance, name);

	if (!x || !wasm_extern_as_func(x))
		die(name);
	return wasm_extern_as_func(x);
}

#endif
