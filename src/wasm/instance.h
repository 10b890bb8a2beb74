/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run time: stores, instances and what they are made of.
 *
 * A store is an island: its instances share a heap of GC objects and one
 * thread runs in it at a time.  wasm_interrupt() is safe from any thread.
 * Everything belongs to the store and lives as long as it (functions, tables,
 * memories, globals, tags may be shared by instances through imports).
 *
 * The names wasm_func_*, wasm_memory_*, ... without "rt" belong to the public
 * API (include/wasm.h), which lives in the same library.
 */
#ifndef WASM_INSTANCE_H
#define WASM_INSTANCE_H

#include "wasm/module.h"

/* The guest faulted: 4.4.  Messages (wasm_rt_trap_message) are the words of the
 * specification's tests. */
enum wasm_trap {
	WASM_OK = 0,
	WASM_TRAP_UNREACHABLE,          /* "unreachable" */
	WASM_TRAP_MEMORY,               /* "out of bounds memory access" */
	WASM_TRAP_TABLE,                /* "out of bounds table access" */
	WASM_TRAP_UNDEFINED_ELEMENT,    /* "undefined element" */
	WASM_TRAP_UNINITIALIZED_ELEMENT, /* "uninitialized element" */
	WASM_TRAP_INDIRECT_TYPE,        /* "indirect call type mismatch" */
	WASM_TRAP_DIV_ZERO,             /* "integer divide by zero" */
	WASM_TRAP_INT_OVERFLOW,         /* "integer overflow" */
	WASM_TRAP_INVALID_CONVERSION,   /* "invalid conversion to integer" */
	WASM_TRAP_NULL_REFERENCE,       /* "null reference", "null structure reference", ... */
	WASM_TRAP_NULL_FUNC, WASM_TRAP_NULL_STRUCT, WASM_TRAP_NULL_ARRAY,
	WASM_TRAP_NULL_I31, WASM_TRAP_NULL_EXN,
	WASM_TRAP_ARRAY,                /* "out of bounds array access" */
	WASM_TRAP_CAST,                 /* "cast failure" */
	WASM_TRAP_STACK,                /* "call stack exhausted" */
	WASM_TRAP_EXCEPTION,            /* "unhandled exception" */
	WASM_TRAP_UNALIGNED,            /* "unaligned atomic" */
	WASM_TRAP_EXPECTED_SHARED,      /* "expected shared memory" */
	WASM_TRAP_OUT_OF_MEMORY,        /* "allocation failure" */
	WASM_TRAP_FUEL,                 /* "all fuel consumed" */
	WASM_TRAP_INTERRUPT,            /* "interrupted" */
	WASM_TRAP_HOST,                 /* a host function's own, with its message */
	WASM_TRAP_EXIT,                 /* proc_exit; the status is in the store */
	WASM_TRAPS,
};
const char *wasm_rt_trap_message(enum wasm_trap t);

/* A value outside of the engine.  References are handles of the store that
 * stay valid (and keep their object alive) until wasm_store_drop_refs(). */
union wasm_val {
	int32_t i32;
	int64_t i64;
	uint32_t f32;           /* bits */
	uint64_t f64;           /* bits */
	uint8_t v128[16];
	struct wasm_ref *ref;   /* NULL: null */
};

struct wasm_store;
struct wasm_instance;
struct wasm_rt_func;
struct wasm_rt_table;
struct wasm_rt_memory;
struct wasm_rt_global;
struct wasm_rt_tag;

struct wasm_store_limits {
	uint64_t memory;        /* bytes of all linear memories; 0: no limit */
	uint64_t heap;          /* bytes of GC objects; 0: default 1 GiB */
	uint64_t table;         /* entries of all tables; 0: default 10 M */
	uint32_t stack;         /* bytes of the interpreter's stack; 0: default 8 MiB */
	bool has_fuel;
	uint64_t fuel;          /* instructions, and each 64 bytes of bulk ones */
	bool deterministic;     /* canonical NaNs, deterministic relaxed SIMD */
	bool gc_stress;         /* collect at every allocation */
};

struct wasm_store *wasm_store_create(struct wasm_type_store *types,
				     const struct wasm_store_limits *l, struct err *e);
void wasm_store_destroy(struct wasm_store *s);
void wasm_store_drop_refs(struct wasm_store *s);
void wasm_ref_drop(struct wasm_store *s, struct wasm_ref *r);   /* one of them; NULL is fine */
/* Inside a host function, what is dropped stays until it has returned: a
 * result's handle may be dropped by it. */
/* Any thread: the running call traps with WASM_TRAP_INTERRUPT. */
void wasm_interrupt(struct wasm_store *s);
/* The store's thread, between two calls: it was for the call that has ended. */
void wasm_interrupt_done(struct wasm_store *s);

struct wasm_extern {
	uint8_t kind;           /* enum wasm_extern_kind */
	union {
		struct wasm_rt_func *func;
		struct wasm_rt_table *table;
		struct wasm_rt_memory *memory;
		struct wasm_rt_global *global;
		struct wasm_rt_tag *tag;
	};
};

/* A host function: args and results are slots of the engine's frame. */
typedef enum wasm_trap wasm_host_fn(void *ctx, struct wasm_store *s,
				    const union wasm_val *args, union wasm_val *results);
struct wasm_rt_func *wasm_rt_func_new_host(struct wasm_store *s, uint32_t type,
					wasm_host_fn *fn, void *ctx, struct err *e);
struct wasm_rt_table *wasm_rt_table_new(struct wasm_store *s, const struct wasm_table *t,
				     union wasm_val init, struct err *e);
struct wasm_rt_memory *wasm_rt_memory_new(struct wasm_store *s, const struct wasm_memory *m,
				       struct err *e);
/* A memory that another store made (wasm_rt_memory_linear), to be imported here:
 * shared memories are seen by several stores at the same time. */
struct mem_linear;
struct mem_linear *wasm_rt_memory_linear(const struct wasm_rt_memory *m);
struct wasm_rt_memory *wasm_rt_memory_share(struct wasm_store *s, struct mem_linear *mem,
					    const struct wasm_memory *m, struct err *e);
struct wasm_rt_global *wasm_rt_global_new(struct wasm_store *s, struct wasm_type t,
				       bool mutable_, union wasm_val v, struct err *e);
struct wasm_rt_tag *wasm_rt_tag_new(struct wasm_store *s, uint32_t type, struct err *e);

/* Instantiate (4.5.4): imports in the module's order, types checked
 * ("unknown import" is the caller's word; "incompatible import type" ours),
 * segments initialized, start function run.  NULL: *trap != 0 when the guest
 * trapped, else *e. */
struct wasm_instance *wasm_instantiate(struct wasm_store *s, const struct wasm_module *m,
				       const struct wasm_extern *imports,
				       enum wasm_trap *trap, struct err *e);
/* Do the types match (4.5.3: what an import asks for, what there is)? */
bool wasm_extern_matches(struct wasm_store *s, const struct wasm_module *m,
			 const struct wasm_import *im, const struct wasm_extern *x);
bool wasm_instance_export(const struct wasm_instance *i, const char *name, size_t len,
			  struct wasm_extern *out);

uint32_t wasm_rt_func_type(const struct wasm_rt_func *f);
enum wasm_trap wasm_call(struct wasm_store *s, struct wasm_rt_func *f,
			 const union wasm_val *args, union wasm_val *results);
/* A host function's own trap: set the message (copied), return WASM_TRAP_HOST. */
enum wasm_trap wasm_store_trap(struct wasm_store *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
const char *wasm_store_trap_message(const struct wasm_store *s);
/* proc_exit: end the program; wasm_call returns WASM_TRAP_EXIT. */
enum wasm_trap wasm_store_exit(struct wasm_store *s, uint32_t status);
uint32_t wasm_store_exit_status(const struct wasm_store *s);
/* Fuel left (limits.has_fuel), and more of it. */
uint64_t wasm_store_fuel(const struct wasm_store *s);
void wasm_store_add_fuel(struct wasm_store *s, uint64_t fuel);
/* The memory that the running host function's caller exports or has as
 * number 0 (what WASI works on); NULL: none. */
struct wasm_rt_memory *wasm_store_caller_memory(struct wasm_store *s);
struct wasm_instance *wasm_store_caller(struct wasm_store *s);
/* After a trap: lines "#0 0x1234 name" innermost first, and the exception
 * after WASM_TRAP_EXCEPTION. */
const char *wasm_store_backtrace(struct wasm_store *s);
/* The same as frames: of the last call that trapped, at most WASM_TRACE_MAX. */
enum { WASM_TRACE_MAX = 64 };
struct wasm_trace {
	struct wasm_instance *inst;     /* NULL: a function of the host */
	uint32_t func;                  /* in the module */
	uint32_t offset;                /* in the module's bytes */
};
const struct wasm_trace *wasm_store_trace(const struct wasm_store *s, uint32_t *n);

/* Linear memory: the base does not move; size in bytes. */
uint8_t *wasm_rt_memory_base(const struct wasm_rt_memory *m);
uint64_t wasm_rt_memory_size(const struct wasm_rt_memory *m);
int64_t wasm_rt_memory_grow(struct wasm_store *s, struct wasm_rt_memory *m, uint64_t pages);
union wasm_val wasm_rt_global_get(struct wasm_store *s, const struct wasm_rt_global *g);
bool wasm_rt_global_set(struct wasm_store *s, struct wasm_rt_global *g, union wasm_val v);
uint64_t wasm_rt_table_size(const struct wasm_rt_table *t);
bool wasm_rt_table_get(struct wasm_store *s, struct wasm_rt_table *t, uint64_t i, union wasm_val *v);
int64_t wasm_rt_table_grow(struct wasm_store *s, struct wasm_rt_table *t, uint64_t n,
			   union wasm_val v);
bool wasm_rt_table_set(struct wasm_store *s, struct wasm_rt_table *t, uint64_t i, union wasm_val v);

/* State.  A store is saved between calls.  It is loaded into a store made
 * alike: the same host functions and so on made, and the same modules
 * instantiated, in the same order, after wasm_store_restoring(s), which keeps
 * segments and start functions from running.  The state is validated; after a
 * failure the store is fit for wasm_store_destroy() only. */
struct ser_writer;
struct ser_reader;
int wasm_store_save(struct wasm_store *s, struct ser_writer *w, struct err *e);
void wasm_store_restoring(struct wasm_store *s);
int wasm_store_load(struct wasm_store *s, struct ser_reader *r, struct err *e);

/* What things are (reflect.c); limits begin at the present size. */
void wasm_instance_export_at(const struct wasm_instance *i, uint32_t n, struct wasm_extern *out);
struct wasm_table wasm_rt_table_type(const struct wasm_rt_table *t);
struct wasm_memory wasm_rt_memory_type(const struct wasm_rt_memory *m);
struct wasm_type wasm_rt_global_type(const struct wasm_rt_global *g, bool *mutable_);
uint32_t wasm_rt_tag_type(const struct wasm_rt_tag *t);
void wasm_store_collect(struct wasm_store *s);

/* References for the embedder and for scripts. */
struct wasm_ref *wasm_ref_host(struct wasm_store *s, uint64_t number);  /* externref */
bool wasm_ref_host_number(struct wasm_store *s, struct wasm_ref *r, uint64_t *number);
struct wasm_ref *wasm_ref_of_func(struct wasm_store *s, struct wasm_rt_func *f);
struct wasm_rt_func *wasm_ref_func(struct wasm_store *s, struct wasm_ref *r);
/* The heap type that a reference really has: a canonical id, or abstract. */
uint32_t wasm_ref_heap(struct wasm_store *s, struct wasm_ref *r);
bool wasm_ref_is_i31(struct wasm_store *s, struct wasm_ref *r, uint32_t *value);
bool wasm_ref_eq(struct wasm_store *s, struct wasm_ref *a, struct wasm_ref *b);

#endif
