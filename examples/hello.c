/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest embedding: a module in the text format, one call.
 *
 * Build any of these with   cc hello.c $(pkg-config --cflags --libs doppel)
 */
#include <doppel.h>
#include <stdio.h>
#include <stdlib.h>

static const char text[] =
	"(module"
	"  (func (export \"add\") (param i32 i32) (result i32)"
	"    (i32.add (local.get 0) (local.get 1))))";

int main(void)
{
	wasm_engine_t *engine = wasm_engine_new();
	wasm_store_t *store = wasm_store_new(engine);
	wasm_byte_vec_t source, binary;
	wasm_message_t error;

	wasm_byte_vec_new(&source, sizeof(text) - 1, text);
	if (!dp_text_to_binary(&source, &binary, &error)) {
		fprintf(stderr, "%s\n", error.data);
		return EXIT_FAILURE;
	}

	wasm_module_t *module = wasm_module_new(store, &binary);
	wasm_instance_t *instance = module ? dp_instance_new(store, module, NULL, 0, NULL) : NULL;
	wasm_extern_t *add = instance ? dp_instance_export(instance, "add") : NULL;

	if (!add) {
		fprintf(stderr, "%s\n", dp_store_error(store));
		return EXIT_FAILURE;
	}

	wasm_val_t args[] = { WASM_I32_VAL(20), WASM_I32_VAL(22) };
	wasm_val_t results[] = { WASM_INIT_VAL };
	wasm_val_vec_t in = WASM_ARRAY_VEC(args), out = WASM_ARRAY_VEC(results);

	if (wasm_func_call(wasm_extern_as_func(add), &in, &out))
		return EXIT_FAILURE;
	printf("20 + 22 = %d\n", results[0].of.i32);

	wasm_extern_delete(add);
	wasm_instance_delete(instance);
	wasm_module_delete(module);
	wasm_byte_vec_delete(&binary);
	wasm_byte_vec_delete(&source);
	wasm_store_delete(store);
	wasm_engine_delete(engine);
	return 0;
}
/* Output:
20 + 22 = 42
*/
