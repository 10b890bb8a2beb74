/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard C interface to a WebAssembly engine, as other engines have it
 * too: a program that uses only this header can be linked with any of them.
 * What Doppel has beyond it is in doppel.h.
 *
 * Ownership.  WASM_OWN marks what changes hands.  On a result: the caller
 * owns it and gives it back with the wasm_..._delete() of its type.  On a
 * parameter: the callee takes it (a vector with all that is in it).  On a
 * parameter called `out`: the callee fills it and the caller owns what is in
 * it then.  Everything else is borrowed.  Deleting a reference ends this hold
 * on the object, not necessarily the object: what is made in a store (functions,
 * memories, tables, globals, instances) takes its memory until the store is
 * deleted.  For many short-lived instances use a store each.
 *
 * Threads.  An engine, and a shared module, may be used by all threads at
 * once; a store and everything that belongs to it by one at a time.
 *
 * Out of memory: NULL, or an empty vector.
 */
#ifndef WASM_H
#define WASM_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef WASM_API_EXTERN
#define WASM_API_EXTERN
#endif
#define WASM_OWN

#ifdef __cplusplus
extern "C" {
#endif

typedef char byte_t;
typedef float float32_t;
typedef double float64_t;

/* ---- what many types have in common ---------------------------------------- */

#define WASM_DECLARE_OWN(name)                                                    \
	typedef struct wasm_##name##_t wasm_##name##_t;                           \
	WASM_API_EXTERN void wasm_##name##_delete(WASM_OWN wasm_##name##_t *);

/* `star` is "*" for vectors of pointers, empty for vectors of values. */
#define WASM_DECLARE_VEC(name, star)                                              \
	typedef struct wasm_##name##_vec_t {                                      \
		size_t size;                                                      \
		wasm_##name##_t star *data;                                       \
	} wasm_##name##_vec_t;                                                    \
	WASM_API_EXTERN void wasm_##name##_vec_new_empty(                         \
		WASM_OWN wasm_##name##_vec_t *out);                               \
	WASM_API_EXTERN void wasm_##name##_vec_new_uninitialized(                 \
		WASM_OWN wasm_##name##_vec_t *out, size_t n);                     \
	WASM_API_EXTERN void wasm_##name##_vec_new(                               \
		WASM_OWN wasm_##name##_vec_t *out, size_t n,                      \
		WASM_OWN wasm_##name##_t star const data[]);                      \
	WASM_API_EXTERN void wasm_##name##_vec_copy(                              \
		WASM_OWN wasm_##name##_vec_t *out, const wasm_##name##_vec_t *v); \
	WASM_API_EXTERN void wasm_##name##_vec_delete(WASM_OWN wasm_##name##_vec_t *v);

#define WASM_DECLARE_TYPE(name)                                                   \
	WASM_DECLARE_OWN(name)                                                    \
	WASM_DECLARE_VEC(name, *)                                                 \
	WASM_API_EXTERN WASM_OWN wasm_##name##_t *wasm_##name##_copy(             \
		const wasm_##name##_t *);

/* Objects of a store.  Host info is the embedder's word on an object; the
 * finalizer is called with it when the object goes. */
#define WASM_DECLARE_REF_BASE(name)                                               \
	WASM_DECLARE_OWN(name)                                                    \
	WASM_API_EXTERN WASM_OWN wasm_##name##_t *wasm_##name##_copy(             \
		const wasm_##name##_t *);                                         \
	WASM_API_EXTERN bool wasm_##name##_same(const wasm_##name##_t *,          \
						const wasm_##name##_t *);         \
	WASM_API_EXTERN void *wasm_##name##_get_host_info(const wasm_##name##_t *); \
	WASM_API_EXTERN void wasm_##name##_set_host_info(wasm_##name##_t *, void *info); \
	WASM_API_EXTERN void wasm_##name##_set_host_info_with_finalizer(          \
		wasm_##name##_t *, void *info, void (*finalizer)(void *info));

/* A view as a reference and back: the same object, no ownership; NULL when it
 * is another kind of object. */
#define WASM_DECLARE_REF(name)                                                    \
	WASM_DECLARE_REF_BASE(name)                                               \
	WASM_API_EXTERN wasm_ref_t *wasm_##name##_as_ref(wasm_##name##_t *);      \
	WASM_API_EXTERN wasm_##name##_t *wasm_ref_as_##name(wasm_ref_t *);        \
	WASM_API_EXTERN const wasm_ref_t *wasm_##name##_as_ref_const(             \
		const wasm_##name##_t *);                                         \
	WASM_API_EXTERN const wasm_##name##_t *wasm_ref_as_##name##_const(        \
		const wasm_ref_t *);

/* Objects that can be carried from store to store, and thread to thread. */
#define WASM_DECLARE_SHARABLE_REF(name)                                           \
	WASM_DECLARE_REF(name)                                                    \
	WASM_DECLARE_OWN(shared_##name)                                           \
	WASM_API_EXTERN WASM_OWN wasm_shared_##name##_t *wasm_##name##_share(     \
		const wasm_##name##_t *);                                         \
	WASM_API_EXTERN WASM_OWN wasm_##name##_t *wasm_##name##_obtain(           \
		wasm_store_t *, const wasm_shared_##name##_t *);

/* ---- bytes and names ------------------------------------------------------------ */

typedef byte_t wasm_byte_t;
WASM_DECLARE_VEC(byte, )

/* UTF-8. */
typedef wasm_byte_vec_t wasm_name_t;
#define wasm_name wasm_byte_vec
#define wasm_name_new wasm_byte_vec_new
#define wasm_name_new_empty wasm_byte_vec_new_empty
#define wasm_name_new_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_copy wasm_byte_vec_copy
#define wasm_name_delete wasm_byte_vec_delete

static inline void wasm_name_new_from_string(WASM_OWN wasm_name_t *out, const char *s)
{
	wasm_name_new(out, strlen(s), s);
}

/* With the terminating zero byte. */
static inline void wasm_name_new_from_string_nt(WASM_OWN wasm_name_t *out, const char *s)
{
	wasm_name_new(out, strlen(s) + 1, s);
}

/* ---- configuration, engine, store ------------------------------------------------ */

WASM_DECLARE_OWN(config)
WASM_API_EXTERN WASM_OWN wasm_config_t *wasm_config_new(void);

WASM_DECLARE_OWN(engine)
WASM_API_EXTERN WASM_OWN wasm_engine_t *wasm_engine_new(void);
WASM_API_EXTERN WASM_OWN wasm_engine_t *wasm_engine_new_with_config(WASM_OWN wasm_config_t *);

WASM_DECLARE_OWN(store)
WASM_API_EXTERN WASM_OWN wasm_store_t *wasm_store_new(wasm_engine_t *);

/* ---- types ------------------------------------------------------------------------ */

typedef uint8_t wasm_mutability_t;
enum wasm_mutability_enum { WASM_CONST, WASM_VAR };

typedef struct wasm_limits_t {
	uint32_t min, max;
} wasm_limits_t;
static const uint32_t wasm_limits_max_default = 0xffffffff;

WASM_DECLARE_TYPE(valtype)

typedef uint8_t wasm_valkind_t;
enum wasm_valkind_enum {
	WASM_I32, WASM_I64, WASM_F32, WASM_F64,
	WASM_EXTERNREF = 128,   /* also any other reference that is no function */
	WASM_FUNCREF,
};

WASM_API_EXTERN WASM_OWN wasm_valtype_t *wasm_valtype_new(wasm_valkind_t);
WASM_API_EXTERN wasm_valkind_t wasm_valtype_kind(const wasm_valtype_t *);

static inline bool wasm_valkind_is_num(wasm_valkind_t k) { return k < WASM_EXTERNREF; }
static inline bool wasm_valkind_is_ref(wasm_valkind_t k) { return k >= WASM_EXTERNREF; }
static inline bool wasm_valtype_is_num(const wasm_valtype_t *t)
{
	return wasm_valkind_is_num(wasm_valtype_kind(t));
}
static inline bool wasm_valtype_is_ref(const wasm_valtype_t *t)
{
	return wasm_valkind_is_ref(wasm_valtype_kind(t));
}

WASM_DECLARE_TYPE(functype)
WASM_API_EXTERN WASM_OWN wasm_functype_t *wasm_functype_new(
	WASM_OWN wasm_valtype_vec_t *params, WASM_OWN wasm_valtype_vec_t *results);
WASM_API_EXTERN const wasm_valtype_vec_t *wasm_functype_params(const wasm_functype_t *);
WASM_API_EXTERN const wasm_valtype_vec_t *wasm_functype_results(const wasm_functype_t *);

WASM_DECLARE_TYPE(globaltype)
WASM_API_EXTERN WASM_OWN wasm_globaltype_t *wasm_globaltype_new(WASM_OWN wasm_valtype_t *,
								wasm_mutability_t);
WASM_API_EXTERN const wasm_valtype_t *wasm_globaltype_content(const wasm_globaltype_t *);
WASM_API_EXTERN wasm_mutability_t wasm_globaltype_mutability(const wasm_globaltype_t *);

WASM_DECLARE_TYPE(tabletype)
WASM_API_EXTERN WASM_OWN wasm_tabletype_t *wasm_tabletype_new(WASM_OWN wasm_valtype_t *,
							      const wasm_limits_t *);
WASM_API_EXTERN const wasm_valtype_t *wasm_tabletype_element(const wasm_tabletype_t *);
WASM_API_EXTERN const wasm_limits_t *wasm_tabletype_limits(const wasm_tabletype_t *);

WASM_DECLARE_TYPE(memorytype)
WASM_API_EXTERN WASM_OWN wasm_memorytype_t *wasm_memorytype_new(const wasm_limits_t *);
WASM_API_EXTERN const wasm_limits_t *wasm_memorytype_limits(const wasm_memorytype_t *);

/* Tags of exceptions: their payload is the parameters. */
WASM_DECLARE_TYPE(tagtype)
WASM_API_EXTERN WASM_OWN wasm_tagtype_t *wasm_tagtype_new(WASM_OWN wasm_functype_t *);
WASM_API_EXTERN const wasm_functype_t *wasm_tagtype_functype(const wasm_tagtype_t *);

WASM_DECLARE_TYPE(externtype)
typedef uint8_t wasm_externkind_t;
enum wasm_externkind_enum {
	WASM_EXTERN_FUNC, WASM_EXTERN_GLOBAL, WASM_EXTERN_TABLE, WASM_EXTERN_MEMORY,
	WASM_EXTERN_TAG,
};
WASM_API_EXTERN wasm_externkind_t wasm_externtype_kind(const wasm_externtype_t *);

/* Views without ownership; NULL when it is another kind. */
#define WASM_DECLARE_EXTERNTYPE(name)                                             \
	WASM_API_EXTERN wasm_externtype_t *wasm_##name##_as_externtype(wasm_##name##_t *); \
	WASM_API_EXTERN wasm_##name##_t *wasm_externtype_as_##name(wasm_externtype_t *); \
	WASM_API_EXTERN const wasm_externtype_t *wasm_##name##_as_externtype_const( \
		const wasm_##name##_t *);                                         \
	WASM_API_EXTERN const wasm_##name##_t *wasm_externtype_as_##name##_const( \
		const wasm_externtype_t *);
WASM_DECLARE_EXTERNTYPE(functype)
WASM_DECLARE_EXTERNTYPE(globaltype)
WASM_DECLARE_EXTERNTYPE(tabletype)
WASM_DECLARE_EXTERNTYPE(memorytype)
WASM_DECLARE_EXTERNTYPE(tagtype)

WASM_DECLARE_TYPE(importtype)
WASM_API_EXTERN WASM_OWN wasm_importtype_t *wasm_importtype_new(
	WASM_OWN wasm_name_t *module, WASM_OWN wasm_name_t *name, WASM_OWN wasm_externtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_importtype_module(const wasm_importtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_importtype_name(const wasm_importtype_t *);
WASM_API_EXTERN const wasm_externtype_t *wasm_importtype_type(const wasm_importtype_t *);

WASM_DECLARE_TYPE(exporttype)
WASM_API_EXTERN WASM_OWN wasm_exporttype_t *wasm_exporttype_new(WASM_OWN wasm_name_t *,
								WASM_OWN wasm_externtype_t *);
WASM_API_EXTERN const wasm_name_t *wasm_exporttype_name(const wasm_exporttype_t *);
WASM_API_EXTERN const wasm_externtype_t *wasm_exporttype_type(const wasm_exporttype_t *);

/* ---- values and references ----------------------------------------------------------- */

struct wasm_ref_t;

typedef struct wasm_val_t {
	wasm_valkind_t kind;
	union {
		int32_t i32;
		int64_t i64;
		float32_t f32;
		float64_t f64;
		struct wasm_ref_t *ref;
	} of;
} wasm_val_t;

WASM_API_EXTERN void wasm_val_delete(WASM_OWN wasm_val_t *v);
WASM_API_EXTERN void wasm_val_copy(WASM_OWN wasm_val_t *out, const wasm_val_t *);
WASM_DECLARE_VEC(val, )

WASM_DECLARE_REF_BASE(ref)

/* ---- frames and traps ------------------------------------------------------------------ */

struct wasm_instance_t;

WASM_DECLARE_OWN(frame)
WASM_DECLARE_VEC(frame, *)
WASM_API_EXTERN WASM_OWN wasm_frame_t *wasm_frame_copy(const wasm_frame_t *);
WASM_API_EXTERN struct wasm_instance_t *wasm_frame_instance(const wasm_frame_t *);
WASM_API_EXTERN uint32_t wasm_frame_func_index(const wasm_frame_t *);
/* In bytes, from the start of the function's body and of the module. */
WASM_API_EXTERN size_t wasm_frame_func_offset(const wasm_frame_t *);
WASM_API_EXTERN size_t wasm_frame_module_offset(const wasm_frame_t *);

typedef wasm_name_t wasm_message_t;     /* terminated by a zero byte */

WASM_DECLARE_REF(trap)
WASM_API_EXTERN WASM_OWN wasm_trap_t *wasm_trap_new(wasm_store_t *, const wasm_message_t *);
WASM_API_EXTERN void wasm_trap_message(const wasm_trap_t *, WASM_OWN wasm_message_t *out);
/* Where it happened (NULL: in no function), and who had called, innermost first. */
WASM_API_EXTERN WASM_OWN wasm_frame_t *wasm_trap_origin(const wasm_trap_t *);
WASM_API_EXTERN void wasm_trap_trace(const wasm_trap_t *, WASM_OWN wasm_frame_vec_t *out);

/* An object of the host that guests can hold but not look into. */
WASM_DECLARE_REF(foreign)
WASM_API_EXTERN WASM_OWN wasm_foreign_t *wasm_foreign_new(wasm_store_t *);

/* ---- modules ------------------------------------------------------------------------------ */

WASM_DECLARE_SHARABLE_REF(module)
/* The bytes are copied. */
WASM_API_EXTERN WASM_OWN wasm_module_t *wasm_module_new(wasm_store_t *,
							const wasm_byte_vec_t *binary);
WASM_API_EXTERN bool wasm_module_validate(wasm_store_t *, const wasm_byte_vec_t *binary);
WASM_API_EXTERN void wasm_module_imports(const wasm_module_t *,
					 WASM_OWN wasm_importtype_vec_t *out);
WASM_API_EXTERN void wasm_module_exports(const wasm_module_t *,
					 WASM_OWN wasm_exporttype_vec_t *out);
WASM_API_EXTERN void wasm_module_serialize(const wasm_module_t *, WASM_OWN wasm_byte_vec_t *out);
WASM_API_EXTERN WASM_OWN wasm_module_t *wasm_module_deserialize(wasm_store_t *,
								const wasm_byte_vec_t *);

/* ---- functions, globals, tables, memories, tags -------------------------------------------- */

WASM_DECLARE_REF(func)
typedef WASM_OWN wasm_trap_t *(*wasm_func_callback_t)(const wasm_val_vec_t *args,
						      WASM_OWN wasm_val_vec_t *results);
typedef WASM_OWN wasm_trap_t *(*wasm_func_callback_with_env_t)(void *env,
							       const wasm_val_vec_t *args,
							       wasm_val_vec_t *results);
WASM_API_EXTERN WASM_OWN wasm_func_t *wasm_func_new(wasm_store_t *, const wasm_functype_t *,
						    wasm_func_callback_t);
WASM_API_EXTERN WASM_OWN wasm_func_t *wasm_func_new_with_env(
	wasm_store_t *, const wasm_functype_t *type, wasm_func_callback_with_env_t, void *env,
	void (*finalizer)(void *env));
WASM_API_EXTERN WASM_OWN wasm_functype_t *wasm_func_type(const wasm_func_t *);
WASM_API_EXTERN size_t wasm_func_param_arity(const wasm_func_t *);
WASM_API_EXTERN size_t wasm_func_result_arity(const wasm_func_t *);
WASM_API_EXTERN WASM_OWN wasm_trap_t *wasm_func_call(const wasm_func_t *,
						     const wasm_val_vec_t *args,
						     wasm_val_vec_t *results);

WASM_DECLARE_REF(global)
WASM_API_EXTERN WASM_OWN wasm_global_t *wasm_global_new(wasm_store_t *, const wasm_globaltype_t *,
							const wasm_val_t *);
WASM_API_EXTERN WASM_OWN wasm_globaltype_t *wasm_global_type(const wasm_global_t *);
WASM_API_EXTERN void wasm_global_get(const wasm_global_t *, WASM_OWN wasm_val_t *out);
WASM_API_EXTERN void wasm_global_set(wasm_global_t *, const wasm_val_t *);

WASM_DECLARE_REF(table)
typedef uint32_t wasm_table_size_t;
WASM_API_EXTERN WASM_OWN wasm_table_t *wasm_table_new(wasm_store_t *, const wasm_tabletype_t *,
						      wasm_ref_t *init);
WASM_API_EXTERN WASM_OWN wasm_tabletype_t *wasm_table_type(const wasm_table_t *);
WASM_API_EXTERN WASM_OWN wasm_ref_t *wasm_table_get(const wasm_table_t *, wasm_table_size_t index);
WASM_API_EXTERN bool wasm_table_set(wasm_table_t *, wasm_table_size_t index, wasm_ref_t *);
WASM_API_EXTERN wasm_table_size_t wasm_table_size(const wasm_table_t *);
WASM_API_EXTERN bool wasm_table_grow(wasm_table_t *, wasm_table_size_t delta, wasm_ref_t *init);

WASM_DECLARE_REF(memory)
typedef uint32_t wasm_memory_pages_t;
static const size_t MEMORY_PAGE_SIZE = 0x10000;
WASM_API_EXTERN WASM_OWN wasm_memory_t *wasm_memory_new(wasm_store_t *, const wasm_memorytype_t *);
WASM_API_EXTERN WASM_OWN wasm_memorytype_t *wasm_memory_type(const wasm_memory_t *);
WASM_API_EXTERN byte_t *wasm_memory_data(wasm_memory_t *);
WASM_API_EXTERN size_t wasm_memory_data_size(const wasm_memory_t *);
WASM_API_EXTERN wasm_memory_pages_t wasm_memory_size(const wasm_memory_t *);
WASM_API_EXTERN bool wasm_memory_grow(wasm_memory_t *, wasm_memory_pages_t delta);

WASM_DECLARE_REF(tag)
WASM_API_EXTERN WASM_OWN wasm_tag_t *wasm_tag_new(wasm_store_t *, const wasm_tagtype_t *);
WASM_API_EXTERN WASM_OWN wasm_tagtype_t *wasm_tag_type(const wasm_tag_t *);

/* ---- what instances import and export --------------------------------------------------------- */

WASM_DECLARE_REF(extern)
WASM_DECLARE_VEC(extern, *)
WASM_API_EXTERN wasm_externkind_t wasm_extern_kind(const wasm_extern_t *);
WASM_API_EXTERN WASM_OWN wasm_externtype_t *wasm_extern_type(const wasm_extern_t *);

/* Views without ownership; NULL when it is another kind. */
#define WASM_DECLARE_EXTERN(name)                                                 \
	WASM_API_EXTERN wasm_extern_t *wasm_##name##_as_extern(wasm_##name##_t *); \
	WASM_API_EXTERN wasm_##name##_t *wasm_extern_as_##name(wasm_extern_t *);  \
	WASM_API_EXTERN const wasm_extern_t *wasm_##name##_as_extern_const(       \
		const wasm_##name##_t *);                                         \
	WASM_API_EXTERN const wasm_##name##_t *wasm_extern_as_##name##_const(     \
		const wasm_extern_t *);
WASM_DECLARE_EXTERN(func)
WASM_DECLARE_EXTERN(global)
WASM_DECLARE_EXTERN(table)
WASM_DECLARE_EXTERN(memory)
WASM_DECLARE_EXTERN(tag)

/* Imports stand in the order of wasm_module_imports(), exports in that of
 * wasm_module_exports().  NULL: *trap (when trap is not NULL) says why. */
WASM_DECLARE_REF(instance)
WASM_API_EXTERN WASM_OWN wasm_instance_t *wasm_instance_new(
	wasm_store_t *, const wasm_module_t *, const wasm_extern_vec_t *imports,
	WASM_OWN wasm_trap_t **trap);
WASM_API_EXTERN void wasm_instance_exports(const wasm_instance_t *,
					   WASM_OWN wasm_extern_vec_t *out);

/* ---- short-hands --------------------------------------------------------------------------------- */

#define WASM_EMPTY_VEC { 0, NULL }
#define WASM_ARRAY_VEC(array) { sizeof(array) / sizeof(*(array)), array }

static inline WASM_OWN wasm_valtype_t *wasm_valtype_new_i32(void)
{
	return wasm_valtype_new(WASM_I32);
}
static inline WASM_OWN wasm_valtype_t *wasm_valtype_new_i64(void)
{
	return wasm_valtype_new(WASM_I64);
}
static inline WASM_OWN wasm_valtype_t *wasm_valtype_new_f32(void)
{
	return wasm_valtype_new(WASM_F32);
}
static inline WASM_OWN wasm_valtype_t *wasm_valtype_new_f64(void)
{
	return wasm_valtype_new(WASM_F64);
}
static inline WASM_OWN wasm_valtype_t *wasm_valtype_new_externref(void)
{
	return wasm_valtype_new(WASM_EXTERNREF);
}
static inline WASM_OWN wasm_valtype_t *wasm_valtype_new_funcref(void)
{
	return wasm_valtype_new(WASM_FUNCREF);
}

/* wasm_functype_new_P_R: P parameters, R results, each given. */
static inline WASM_OWN wasm_functype_t *wasm__functype_of(size_t np, wasm_valtype_t **ps,
							  size_t nr, wasm_valtype_t **rs)
{
	wasm_valtype_vec_t params, results;

	wasm_valtype_vec_new(&params, np, ps);
	wasm_valtype_vec_new(&results, nr, rs);
	return wasm_functype_new(&params, &results);
}

static inline WASM_OWN wasm_functype_t *wasm_functype_new_0_0(void)
{
	wasm_valtype_t *ps[] = { NULL }, *rs[] = { NULL };

	return wasm__functype_of(0, ps, 0, rs);
}
static inline WASM_OWN wasm_functype_t *wasm_functype_new_1_0(wasm_valtype_t *p1)
{
	wasm_valtype_t *ps[] = { p1 }, *rs[] = { NULL };

	return wasm__functype_of(1, ps, 0, rs);
}
static inline WASM_OWN wasm_functype_t *wasm_functype_new_2_0(
	wasm_valtype_t *p1, wasm_valtype_t *p2)
{
	wasm_valtype_t *ps[] = { p1, p2 }, *rs[] = { NULL };

	return wasm__functype_of(2, ps, 0, rs);
}
static inline WASM_OWN wasm_functype_t *wasm_functype_new_3_0(
	wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *p3)
{
	wasm_valtype_t *ps[] = { p1, p2, p3 }, *rs[] = { NULL };

	return wasm__functype_of(3, ps, 0, rs);
}
static inline WASM_OWN wasm_functype_t *wasm_functype_new_0_1(wasm_valtype_t *r1)
{
	wasm_valtype_t *ps[] = { NULL }, *rs[] = { r1 };

	return wasm__functype_of(0, ps, 1, rs);
}
static inline WASM_OWN wasm_functype_t *wasm_functype_new_1_1(
	wasm_valtype_t *p1, wasm_valtype_t *r1)
{
	wasm_valtype_t *ps[] = { p1 }, *rs[] = { r1 };

	return wasm__functype_of(1, ps, 1, rs);
}
static inline WASM_OWN wasm_functype_t *wasm_functype_new_2_1(
	wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *r1)
{
	wasm_valtype_t *ps[] = { p1, p2 }, *rs[] = { r1 };

	return wasm__functype_of(2, ps, 1, rs);
}
static inline WASM_OWN wasm_functype_t *wasm_functype_new_3_1(
	wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *p3, wasm_valtype_t *r1)
{
	wasm_valtype_t *ps[] = { p1, p2, p3 }, *rs[] = { r1 };

	return wasm__functype_of(3, ps, 1, rs);
}
static inline WASM_OWN wasm_functype_t *wasm_functype_new_0_2(
	wasm_valtype_t *r1, wasm_valtype_t *r2)
{
	wasm_valtype_t *ps[] = { NULL }, *rs[] = { r1, r2 };

	return wasm__functype_of(0, ps, 2, rs);
}
static inline WASM_OWN wasm_functype_t *wasm_functype_new_1_2(
	wasm_valtype_t *p1, wasm_valtype_t *r1, wasm_valtype_t *r2)
{
	wasm_valtype_t *ps[] = { p1 }, *rs[] = { r1, r2 };

	return wasm__functype_of(1, ps, 2, rs);
}
static inline WASM_OWN wasm_functype_t *wasm_functype_new_2_2(
	wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *r1, wasm_valtype_t *r2)
{
	wasm_valtype_t *ps[] = { p1, p2 }, *rs[] = { r1, r2 };

	return wasm__functype_of(2, ps, 2, rs);
}
static inline WASM_OWN wasm_functype_t *wasm_functype_new_3_2(
	wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *p3, wasm_valtype_t *r1,
	wasm_valtype_t *r2)
{
	wasm_valtype_t *ps[] = { p1, p2, p3 }, *rs[] = { r1, r2 };

	return wasm__functype_of(3, ps, 2, rs);
}

/* A pointer of the host as a number of its width. */
static inline void wasm_val_init_ptr(WASM_OWN wasm_val_t *out, void *p)
{
	if (sizeof(p) == 4) {
		out->kind = WASM_I32;
		out->of.i32 = (int32_t)(intptr_t)p;
	} else {
		out->kind = WASM_I64;
		out->of.i64 = (int64_t)(intptr_t)p;
	}
}
static inline void *wasm_val_ptr(const wasm_val_t *v)
{
	return sizeof(void *) == 4 ? (void *)(intptr_t)v->of.i32 : (void *)(intptr_t)v->of.i64;
}

#ifdef __cplusplus
/* Designators in C++20's form, in the order of the members. */
#define WASM_VAL_INIT_(k, member, v) { k, { .member = v } }
#else
#define WASM_VAL_INIT_(k, member, v) { .kind = k, .of = { .member = v } }
#endif
#define WASM_I32_VAL(i) WASM_VAL_INIT_(WASM_I32, i32, i)
#define WASM_I64_VAL(i) WASM_VAL_INIT_(WASM_I64, i64, i)
#define WASM_F32_VAL(z) WASM_VAL_INIT_(WASM_F32, f32, z)
#define WASM_F64_VAL(z) WASM_VAL_INIT_(WASM_F64, f64, z)
#define WASM_REF_VAL(r) WASM_VAL_INIT_(WASM_EXTERNREF, ref, r)
#define WASM_INIT_VAL WASM_VAL_INIT_(WASM_EXTERNREF, ref, NULL)

#ifdef __cplusplus
}
#endif

#endif
