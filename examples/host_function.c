/* SPDX-License-Identifier: Apache-2.0 */
/* A module calls a function of the host, with the host's own data behind it. */
#include "common.h"

struct account {
	int balance;
};

static wasm_trap_t *pay(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
	struct account *a = env;

	a->balance += args->data[0].of.i32;
	printf("paid %d, balance %d\n", args->data[0].of.i32, a->balance);
	results->data[0] = (wasm_val_t)WASM_I32_VAL(a->balance);
	return NULL;
}

static void closed(void *env)
{
	printf("account closed with %d\n", ((struct account *)env)->balance);
}

static const char text[] =
	"(module"
	"  (import \"bank\" \"pay\" (func $pay (param i32) (result i32)))"
	"  (func (export \"save\") (param $times i32)"
	"    (loop $again"
	"      (drop (call $pay (i32.const 10)))"
	"      (br_if $again"
	"        (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))";

int main(void)
{
	wasm_engine_t *engine = wasm_engine_new();
	wasm_store_t *store = wasm_store_new(engine);
	wasm_module_t *module = module_of(store, text);
	struct account account = { 100 };

	wasm_functype_t *type = wasm_functype_new_1_1(wasm_valtype_new_i32(),
						      wasm_valtype_new_i32());
	wasm_func_t *func = wasm_func_new_with_env(store, type, pay, &account, closed);
	const dp_import_t imports[] = { { "bank", "pay", wasm_func_as_extern(func) } };
	wasm_instance_t *instance = dp_instance_new(store, module, imports, 1, NULL);

	if (!instance)
		die(dp_store_error(store));

	wasm_func_t *save = function(instance, "save");
	wasm_val_t args[] = { WASM_I32_VAL(3) };
	wasm_val_vec_t in = WASM_ARRAY_VEC(args), none = WASM_EMPTY_VEC;

	if (wasm_func_call(save, &in, &none))
		die("trapped");

	wasm_func_delete(save);
	wasm_instance_delete(instance);
	wasm_func_delete(func);
	wasm_functype_delete(type);
	wasm_module_delete(module);
	wasm_store_delete(store);
	wasm_engine_delete(engine);
	return 0;
}
/* Output:
paid 10, balance 110
paid 10, balance 120
paid 10, balance 130
account closed with 130
*/
