/* SPDX-License-Identifier: Apache-2.0 */
/* The host writes into a module's memory and reads what the module made of it. */
#include "common.h"

static const char text[] =
	"(module"
	"  (memory (export \"memory\") 1 4)"
	/* Letters to upper case, in place. */
	"  (func (export \"shout\") (param $at i32) (param $n i32) (local $c i32)"
	"    (block $end (loop $next"
	"      (br_if $end (i32.eqz (local.get $n)))"
	"      (local.set $c (i32.load8_u (local.get $at)))"
	"      (if (i32.lt_u (i32.sub (local.get $c) (i32.const 97)) (i32.const 26))"
	"        (then (i32.store8 (local.get $at) (i32.sub (local.get $c) (i32.const 32)))))"
	"      (local.set $at (i32.add (local.get $at) (i32.const 1)))"
	"      (local.set $n (i32.sub (local.get $n) (i32.const 1)))"
	"      (br $next)))))";

int main(void)
{
	static const char words[] = "hello, memory";
	wasm_engine_t *engine = wasm_engine_new();
	wasm_store_t *store = wasm_store_new(engine);
	wasm_module_t *module = module_of(store, text);
	wasm_instance_t *instance = dp_instance_new(store, module, NULL, 0, NULL);

	if (!instance)
		die(dp_store_error(store));

	wasm_extern_t *x = dp_instance_export(instance, "memory");
	wasm_memory_t *memory = wasm_extern_as_memory(x);
	wasm_func_t *shout = function(instance, "shout");

	memcpy(wasm_memory_data(memory) + 1000, words, sizeof(words));

	wasm_val_t args[] = { WASM_I32_VAL(1000), WASM_I32_VAL(sizeof(words) - 1) };
	wasm_val_vec_t in = WASM_ARRAY_VEC(args), none = WASM_EMPTY_VEC;

	if (wasm_func_call(shout, &in, &none))
		die("trapped");
	printf("%s\n", wasm_memory_data(memory) + 1000);

	printf("%u page, %zu bytes\n", wasm_memory_size(memory), wasm_memory_data_size(memory));
	printf("3 more: %s\n", wasm_memory_grow(memory, 3) ? "yes" : "no");
	printf("1 more: %s\n", wasm_memory_grow(memory, 1) ? "yes" : "no, 4 is the most");
	/* The bytes stay where they are in the host. */
	printf("%s\n", wasm_memory_data(memory) + 1000);

	wasm_func_delete(shout);
	wasm_extern_delete(x);
	wasm_instance_delete(instance);
	wasm_module_delete(module);
	wasm_store_delete(store);
	wasm_engine_delete(engine);
	return 0;
}
/* Output:
HELLO, MEMORY
1 page, 65536 bytes
3 more: yes
1 more: no, 4 is the most
HELLO, MEMORY
*/
