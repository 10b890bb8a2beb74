/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Doppel has beyond the standard interface of wasm.h: WASI, limits,
 * interruption, backtraces, the text format, saved state.
 *
 * Ownership, threads and out of memory are as in wasm.h.  A pointer to text
 * that is returned is borrowed and ends with a zero byte.
 */
#ifndef DOPPEL_H
#define DOPPEL_H

#include "wasm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the library --------------------------------------------------------------- */

WASM_API_EXTERN const char *dp_version(void);
/* Words with a space between: "simd threads gc ...". */
WASM_API_EXTERN const char *dp_features(void);

/* Beyond WebAssembly 3.0 and off by default. */
enum dp_feature {
	DP_FEATURE_THREADS = 1,                 /* shared memories, atomics */
	DP_FEATURE_LEGACY_EXCEPTIONS = 2,       /* try, catch, delegate, rethrow */
};
WASM_API_EXTERN void dp_config_set_features(wasm_config_t *, unsigned features);

/* The text format to a binary module.  False: *error says where and what. */
WASM_API_EXTERN bool dp_text_to_binary(const wasm_byte_vec_t *text, WASM_OWN wasm_byte_vec_t *out,
				       WASM_OWN wasm_message_t *error);

/* ---- stores with limits ----------------------------------------------------------- */

typedef struct dp_limits_t {
	uint64_t memory;        /* bytes of all linear memories; 0: no limit */
	uint64_t heap;          /* bytes of collected objects; 0: 1 GiB */
	uint64_t table;         /* entries of all tables; 0: 10 million */
	uint32_t stack;         /* bytes of the guest's stack; 0: 8 MiB */
	bool has_fuel;
	uint64_t fuel;          /* about an instruction each, or 64 bytes of a bulk one */
	bool deterministic;     /* canonical NaNs; two runs are the same */
} dp_limits_t;

WASM_API_EXTERN WASM_OWN wasm_store_t *dp_store_new(wasm_engine_t *, const dp_limits_t *);
/* Why the last call on this store failed; "": none has. */
WASM_API_EXTERN const char *dp_store_error(const wasm_store_t *);
WASM_API_EXTERN uint64_t dp_store_fuel(const wasm_store_t *);
WASM_API_EXTERN void dp_store_add_fuel(wasm_store_t *, uint64_t fuel);
/* From any thread: the running call traps ("interrupted"), or the next one. */
WASM_API_EXTERN void dp_store_interrupt(wasm_store_t *);
/* Interrupt it in ns nanoseconds from now; 0 takes that back.  A thread
 * waits as long as a deadline is set.  False: no thread could be made. */
WASM_API_EXTERN bool dp_store_set_deadline(wasm_store_t *, uint64_t ns);
/* Collect garbage now. */
WASM_API_EXTERN void dp_store_collect(wasm_store_t *);

/* ---- WASI preview 1 ------------------------------------------------------------------- */

/* What a program is given; by default no folder, no variable, no argument,
 * and standard streams that are empty. */
typedef struct dp_wasi_t dp_wasi_t;
WASM_API_EXTERN WASM_OWN dp_wasi_t *dp_wasi_new(void);
WASM_API_EXTERN void dp_wasi_delete(WASM_OWN dp_wasi_t *);
/* Copied; argv[0] is the program's name. */
WASM_API_EXTERN bool dp_wasi_set_args(dp_wasi_t *, size_t argc, const char *const argv[]);
WASM_API_EXTERN bool dp_wasi_add_env(dp_wasi_t *, const char *name_is_value);
/* A folder of the host under a name of the guest's.  Not opened before the
 * store gets it. */
WASM_API_EXTERN bool dp_wasi_add_dir(dp_wasi_t *, const char *host, const char *guest,
				     bool readonly);
/* Descriptors of the host as 0, 1, 2 (borrowed); -1: empty, or thrown away. */
WASM_API_EXTERN void dp_wasi_set_stdio(dp_wasi_t *, int in, int out, int err);
/* Random numbers from this seed, and virtual clocks. */
WASM_API_EXTERN void dp_wasi_set_deterministic(dp_wasi_t *, uint64_t seed);
/* Once for a store.  False: dp_store_error() says why. */
WASM_API_EXTERN bool dp_store_set_wasi(wasm_store_t *, WASM_OWN dp_wasi_t *);

/* ---- instances by name ------------------------------------------------------------------ */

typedef struct dp_import_t {
	const char *module, *name;
	const wasm_extern_t *what;
} dp_import_t;

/* Imports by name, in any order; what is not among them comes from WASI, if
 * the store has it.  NULL: *trap (when trap is not NULL) says why. */
WASM_API_EXTERN WASM_OWN wasm_instance_t *dp_instance_new(
	wasm_store_t *, const wasm_module_t *, const dp_import_t *imports, size_t n,
	WASM_OWN wasm_trap_t **trap);
/* NULL: it exports nothing of this name. */
WASM_API_EXTERN WASM_OWN wasm_extern_t *dp_instance_export(const wasm_instance_t *,
							   const char *name);

/* ---- saved state ---------------------------------------------------------------------------- */

/* All that the store's instances are, between two calls.  It is loaded into a
 * new store that was made alike: dp_store_restoring(), then the same host
 * functions, memories and so on made and the same modules instantiated in the
 * same order (their segments and start functions do not run), then
 * dp_store_load().  The state is validated; after a failure the store is only
 * good to be deleted.  False: dp_store_error() says why. */
WASM_API_EXTERN bool dp_store_save(wasm_store_t *, WASM_OWN wasm_byte_vec_t *out);
WASM_API_EXTERN void dp_store_restoring(wasm_store_t *);
WASM_API_EXTERN bool dp_store_load(wasm_store_t *, const wasm_byte_vec_t *state);

/* ---- calls with every type ---------------------------------------------------------------- */

/* A value whose type the function's type tells; v128 has its bytes in order. */
typedef union dp_raw_t {
	int32_t i32;
	int64_t i64;
	float32_t f32;
	float64_t f64;
	uint8_t v128[16];
	wasm_ref_t *ref;        /* NULL: null */
} dp_raw_t;
enum dp_valkind {
	DP_V128 = 4,            /* a wasm_valkind_t; does not fit a wasm_val_t */
};

/* Arrays as long as the type's parameters and results; references as in
 * wasm_func_call(): arguments are borrowed, results owned by who gets them. */
typedef WASM_OWN wasm_trap_t *(*dp_raw_callback_t)(void *env, const dp_raw_t *args,
						   dp_raw_t *results);
WASM_API_EXTERN WASM_OWN wasm_func_t *dp_func_new(wasm_store_t *, const wasm_functype_t *,
						  dp_raw_callback_t, void *env,
						  void (*finalizer)(void *env));
WASM_API_EXTERN WASM_OWN wasm_trap_t *dp_func_call(const wasm_func_t *, const dp_raw_t *args,
						   dp_raw_t *results);

/* "(ref null 3)", "i32". */
WASM_API_EXTERN void dp_valtype_name(wasm_store_t *, const wasm_valtype_t *,
				     WASM_OWN wasm_message_t *out);

/* ---- traps ----------------------------------------------------------------------------------- */

typedef enum dp_trap_kind_t {
	DP_TRAP_GUEST,          /* the guest did what it must not */
	DP_TRAP_HOST,           /* a host function's */
	DP_TRAP_EXIT,           /* the program ended by proc_exit() */
	DP_TRAP_INTERRUPT,      /* dp_store_interrupt(), a deadline */
	DP_TRAP_FUEL,
	DP_TRAP_MEMORY,         /* the collected heap is full */
	DP_TRAP_STACK,
	DP_TRAP_EXCEPTION,      /* nobody caught it */
	DP_TRAP_LINK,           /* imports that do not fit */
} dp_trap_kind_t;

WASM_API_EXTERN dp_trap_kind_t dp_trap_kind(const wasm_trap_t *);
/* What proc_exit() was given; 0 for other traps. */
WASM_API_EXTERN uint32_t dp_trap_exit_status(const wasm_trap_t *);
/* Lines "#0 0x1234 name (file.c:12)", innermost first; "" when there are none. */
WASM_API_EXTERN void dp_trap_backtrace(const wasm_trap_t *, WASM_OWN wasm_message_t *out);
/* From the name section; empty when it has none. */
WASM_API_EXTERN void dp_frame_func_name(const wasm_frame_t *, WASM_OWN wasm_message_t *out);
/* From DWARF; false when there is none for this place. */
WASM_API_EXTERN bool dp_frame_line(const wasm_frame_t *, WASM_OWN wasm_message_t *file,
				   uint32_t *line);

#ifdef __cplusplus
}
#endif

#endif
