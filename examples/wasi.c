/* SPDX-License-Identifier: Apache-2.0 */
/* A WASI program with arguments, and its exit status. */
#include "common.h"

static const char text[] =
	"(module"
	"  (import \"wasi_snapshot_preview1\" \"fd_write\""
	"    (func $write (param i32 i32 i32 i32) (result i32)))"
	"  (import \"wasi_snapshot_preview1\" \"args_sizes_get\""
	"    (func $sizes (param i32 i32) (result i32)))"
	"  (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
	"  (memory (export \"memory\") 1)"
	"  (data (i32.const 16) \"hello, wasi\\n\")"
	"  (func (export \"_start\")"
	"    (i32.store (i32.const 0) (i32.const 16))"
	"    (i32.store (i32.const 4) (i32.const 12))"
	"    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))"
	"    (drop (call $sizes (i32.const 0) (i32.const 4)))"
	/* The number of arguments is the status. */
	"    (call $exit (i32.load (i32.const 0)))))";

int main(void)
{
	static const char *const argv[] = { "program", "one", "two" };
	wasm_engine_t *engine = wasm_engine_new();
	wasm_store_t *store = wasm_store_new(engine);
	wasm_module_t *module = module_of(store, text);
	dp_wasi_t *wasi = dp_wasi_new();

	dp_wasi_set_args(wasi, 3, argv);
	dp_wasi_add_env(wasi, "LANG=C");
	dp_wasi_add_dir(wasi, ".", "/", true);
	dp_wasi_set_stdio(wasi, 0, 1, 2);
	if (!dp_store_set_wasi(store, wasi))
		die(dp_store_error(store));

	wasm_instance_t *instance = dp_instance_new(store, module, NULL, 0, NULL);

	if (!instance)
		die(dp_store_error(store));

	wasm_func_t *start = function(instance, "_start");
	wasm_val_vec_t none = WASM_EMPTY_VEC;

	/* The program writes to the descriptor itself. */
	fflush(stdout);
	wasm_trap_t *trap = wasm_func_call(start, &none, &none);

	if (!trap || dp_trap_kind(trap) != DP_TRAP_EXIT)
		die("it did not exit");
	printf("exit status %u\n", dp_trap_exit_status(trap));

	wasm_trap_delete(trap);
	wasm_func_delete(start);
	wasm_instance_delete(instance);
	wasm_module_delete(module);
	wasm_store_delete(store);
	wasm_engine_delete(engine);
	return 0;
}
/* Output:
hello, wasi
exit status 3
*/
