/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that nobody trusts: bounded memory, instructions and time. */
#include "common.h"

static const char text[] =
	"(module"
	"  (memory 1)"
	"  (func (export \"spin\") (loop $again (br $again)))"
	"  (func (export \"grow\") (result i32) (memory.grow (i32.const 100))))";

static const char *end_of(const wasm_func_t *f)
{
	wasm_val_vec_t none = WASM_EMPTY_VEC;
	wasm_trap_t *trap = wasm_func_call(f, &none, &none);
	const char *how = !trap				 ? "returned"
			  : dp_trap_kind(trap) == DP_TRAP_FUEL ? "out of fuel"
			  : dp_trap_kind(trap) == DP_TRAP_INTERRUPT ? "interrupted"
								    : "trapped";

	wasm_trap_delete(trap);
	return how;
}

int main(void)
{
	const dp_limits_t fuel = { .memory = 2 << 20, .has_fuel = true, .fuel = 1000000 };
	const dp_limits_t time = { .memory = 2 << 20 };
	wasm_engine_t *engine = wasm_engine_new();

	wasm_store_t *store = dp_store_new(engine, &fuel);
	wasm_module_t *module = module_of(store, text);
	wasm_instance_t *instance = dp_instance_new(store, module, NULL, 0, NULL);

	if (!instance)
		die(dp_store_error(store));

	wasm_func_t *spin = function(instance, "spin"), *grow = function(instance, "grow");
	wasm_val_t results[] = { WASM_INIT_VAL };
	wasm_val_vec_t none = WASM_EMPTY_VEC, out = WASM_ARRAY_VEC(results);

	if (wasm_func_call(grow, &none, &out))
		die("grow trapped");
	printf("grow by 100 pages: %d\n", results[0].of.i32);
	printf("spin: %s", end_of(spin));
	printf(", %s\n", dp_store_fuel(store) ? "some left" : "none left");
	wasm_func_delete(spin);
	wasm_func_delete(grow);
	wasm_instance_delete(instance);

	/* The same module in a store that has no fuel to count, but a clock. */
	wasm_shared_module_t *shared = wasm_module_share(module);
	wasm_store_t *other = dp_store_new(engine, &time);
	wasm_module_t *again = wasm_module_obtain(other, shared);

	instance = dp_instance_new(other, again, NULL, 0, NULL);
	if (!instance)
		die(dp_store_error(other));
	spin = function(instance, "spin");
	if (!dp_store_set_deadline(other, 50000000))
		die(dp_store_error(other));
	printf("spin: %s\n", end_of(spin));

	wasm_func_delete(spin);
	wasm_instance_delete(instance);
	wasm_shared_module_delete(shared);
	wasm_module_delete(again);
	wasm_module_delete(module);
	wasm_store_delete(other);
	wasm_store_delete(store);
	wasm_engine_delete(engine);
	return 0;
}
/* Output:
grow by 100 pages: -1
spin: out of fuel, none left
spin: interrupted
*/
