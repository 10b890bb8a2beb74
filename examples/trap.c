/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong in a guest, and where: message, kind, backtrace, frames. */
#include "common.h"

static const char text[] =
	"(module"
	"  (func $divide (param i32 i32) (result i32)"
	"    (i32.div_s (local.get 0) (local.get 1)))"
	"  (func $mean (export \"mean\") (param $sum i32) (param $n i32) (result i32)"
	"    (call $divide (local.get $sum) (local.get $n)))"
	"  (func $forever (export \"forever\") (call $forever)))";

static void report(wasm_trap_t *trap)
{
	wasm_message_t text_of;
	wasm_frame_t *origin = wasm_trap_origin(trap);

	wasm_trap_message(trap, &text_of);
	printf("trap: %s%s\n", text_of.data,
	       dp_trap_kind(trap) == DP_TRAP_STACK ? " (the stack)" : "");
	wasm_name_delete(&text_of);
	if (origin) {
		dp_frame_func_name(origin, &text_of);
		printf("  in function %u, $%s\n", wasm_frame_func_index(origin), text_of.data);
		wasm_name_delete(&text_of);
	}
	wasm_frame_delete(origin);
	wasm_trap_delete(trap);
}

int main(void)
{
	wasm_engine_t *engine = wasm_engine_new();
	wasm_store_t *store = wasm_store_new(engine);
	wasm_module_t *module = module_of(store, text);
	wasm_instance_t *instance = dp_instance_new(store, module, NULL, 0, NULL);

	if (!instance)
		die(dp_store_error(store));

	wasm_func_t *mean = function(instance, "mean"), *forever = function(instance, "forever");
	wasm_val_t args[] = { WASM_I32_VAL(10), WASM_I32_VAL(0) }, results[] = { WASM_INIT_VAL };
	wasm_val_vec_t in = WASM_ARRAY_VEC(args), out = WASM_ARRAY_VEC(results);
	wasm_val_vec_t none = WASM_EMPTY_VEC;
	wasm_trap_t *trap = wasm_func_call(mean, &in, &out);
	wasm_frame_vec_t trace;

	if (!trap)
		die("10 / 0 did not trap");
	wasm_trap_trace(trap, &trace);
	for (size_t i = 0; i < trace.size; i++)
		printf("#%zu function %u\n", i, wasm_frame_func_index(trace.data[i]));
	wasm_frame_vec_delete(&trace);
	report(trap);

	/* The store goes on, after this one too. */
	trap = wasm_func_call(forever, &none, &none);
	if (!trap)
		die("for ever came to an end");
	report(trap);
	args[1].of.i32 = 4;
	if (wasm_func_call(mean, &in, &out))
		die("10 / 4 trapped");
	printf("10 / 4 = %d\n", results[0].of.i32);

	wasm_func_delete(mean);
	wasm_func_delete(forever);
	wasm_instance_delete(instance);
	wasm_module_delete(module);
	wasm_store_delete(store);
	wasm_engine_delete(engine);
	return 0;
}
/* Output:
#0 function 0
#1 function 1
trap: integer divide by zero
  in function 0, $divide
trap: call stack exhausted (the stack)
  in function 2, $forever
10 / 4 = 2
*/
