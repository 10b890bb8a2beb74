/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public C API (include/wasm.h, include/doppel.h) over the engine: what
 * its files share.  The public names of some constants are the engine's too;
 * here they are API_....
 *
 * Every object that the API hands out is a struct wasm_ref_t, one for each
 * object of the engine, found again by a table in the store, so that `same` is
 * a comparison of pointers and host info stays with its object.  Ownership is
 * a count.  An object goes when nobody owns it, unless the guest may hold it
 * or it carries host info; those go with the store.  When the store goes
 * first, what is still owned stays as an empty shell.
 *
 * One thread at a time in a store; engines and modules are counted atomically.
 */
#ifndef PROCESS_API_H
#define PROCESS_API_H

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/lock.h"
#include "wasm/instance.h"

#define WASM_I32 API_I32
#define WASM_I64 API_I64
#define WASM_F32 API_F32
#define WASM_F64 API_F64
#define WASM_EXTERN_FUNC API_EXTERN_FUNC
#define WASM_EXTERN_GLOBAL API_EXTERN_GLOBAL
#define WASM_EXTERN_TABLE API_EXTERN_TABLE
#define WASM_EXTERN_MEMORY API_EXTERN_MEMORY
#define WASM_EXTERN_TAG API_EXTERN_TAG
/* What programs see is visible, the rest of the library is not. */
#define WASM_API_EXTERN __attribute__((visibility("default")))
#include <doppel.h>
#include <wasm.h>
#undef wasm_name      /* the engine's struct */
#undef WASM_I32
#undef WASM_I64
#undef WASM_F32
#undef WASM_F64
#undef WASM_EXTERN_FUNC
#undef WASM_EXTERN_GLOBAL
#undef WASM_EXTERN_TABLE
#undef WASM_EXTERN_MEMORY
#undef WASM_EXTERN_TAG

/* ---- types (api_type.c) ---------------------------------------------------------- */

struct wasm_valtype_t {
	struct wasm_type type;  /* exact: the public kinds are coarser */
	wasm_valkind_t kind;
};

/* Of all external types; the kind stands first. */
struct wasm_externtype_t {
	wasm_externkind_t kind;
};
struct wasm_functype_t {
	struct wasm_externtype_t ext;
	wasm_valtype_vec_t params, results;
};
struct wasm_globaltype_t {
	struct wasm_externtype_t ext;
	wasm_valtype_t *content;
	wasm_mutability_t mutability;
};
/* The exact limits, and as much of them as the public struct can say. */
struct wasm_tabletype_t {
	struct wasm_externtype_t ext;
	wasm_valtype_t *element;
	wasm_limits_t limits;
	struct wasm_limits exact;
};
struct wasm_memorytype_t {
	struct wasm_externtype_t ext;
	wasm_limits_t limits;
	struct wasm_limits exact;
	uint8_t page_shift;
};
struct wasm_tagtype_t {
	struct wasm_externtype_t ext;
	wasm_functype_t *func;
};

wasm_valkind_t process__api_kind(const struct wasm_type_store *ts, struct wasm_type t);
/* A function type of the engine, both ways.  `id` is canonical. */
wasm_functype_t *process__api_functype(const struct wasm_type_store *ts, uint32_t id);
int process__api_functype_id(struct wasm_type_store *ts, const wasm_functype_t *t,
			     uint32_t *id, struct err *e);
wasm_globaltype_t *process__api_globaltype(const struct wasm_type_store *ts,
					   struct wasm_type t, bool mutable_);
wasm_tabletype_t *process__api_tabletype(const struct wasm_type_store *ts, struct wasm_type t,
					 const struct wasm_limits *l);
wasm_memorytype_t *process__api_memorytype(const struct wasm_limits *l, uint8_t page_shift);
wasm_tagtype_t *process__api_tagtype(const struct wasm_type_store *ts, uint32_t id);

/* ---- engine, modules, stores ------------------------------------------------------ */

struct wasm_config_t {
	unsigned features;      /* of wasm/module.h */
};

struct wasm_engine_t {
	atomic_uint refs;
	unsigned features;
	struct wasm_type_store *types;
};
void process__api_engine_drop(wasm_engine_t *e);

/* A module that stores share. */
struct api_module {
	atomic_uint refs;
	wasm_engine_t *engine;  /* held */
	uint8_t *bytes;
	size_t len;
	struct wasm_module *m;
};
struct api_module *process__api_module_hold(struct api_module *m);
void process__api_module_drop(struct api_module *m);

struct wasm_shared_module_t {
	struct api_module *module;
};

enum api_kind {
	API_FUNC, API_GLOBAL, API_TABLE, API_MEMORY, API_TAG,   /* as wasm_externkind_t */
	API_INSTANCE, API_MODULE, API_TRAP, API_FOREIGN,
	API_OBJECT,             /* a reference that only the engine can look into */
};
_Static_assert(API_FUNC == (int)API_EXTERN_FUNC && API_GLOBAL == (int)API_EXTERN_GLOBAL &&
	       API_TABLE == (int)API_EXTERN_TABLE && API_MEMORY == (int)API_EXTERN_MEMORY &&
	       API_TAG == (int)API_EXTERN_TAG, "externs are references");

struct api_frame {
	wasm_ref_t *instance;   /* borrowed from the store; NULL: unknown */
	struct api_module *module; /* borrowed; NULL: unknown */
	uint32_t func;
	uint32_t offset;        /* in the module */
	uint32_t body;          /* where the function's body begins */
};
struct api_trap {
	enum wasm_trap code;
	uint32_t status;        /* WASM_TRAP_EXIT */
	char *message;
	char *backtrace;        /* NULL: none */
	size_t nframes;
	struct api_frame *frames;
};

struct wasm_ref_t {
	uint8_t kind;           /* enum api_kind */
	bool kept;              /* the guest may hold it: as long as the store */
	uint32_t boxed;         /* its place in store->boxed, from 1; 0: none */
	unsigned refs;
	struct wasm_store_t *store;     /* NULL: it went first */
	struct wasm_ref_t *next, **link; /* in store->refs */
	struct wasm_ref_t *bucket;      /* next with the same hash; only if object */
	void *object;           /* the engine's: what it is found by; else NULL */
	void *info;
	void (*finalizer)(void *info);
	union {
		struct api_module *module;      /* MODULE (held), INSTANCE */
		struct api_trap *trap;          /* TRAP */
		struct wasm_ref *handle;        /* OBJECT */
	};
};

/* A function of the host; as long as its store. */
struct api_host {
	struct api_host *next;
	struct wasm_store_t *store;
	uint32_t type;
	wasm_func_callback_t plain;     /* one of the two */
	wasm_func_callback_with_env_t with_env;
	dp_raw_callback_t raw;          /* or this one */
	void *env;
	void (*finalizer)(void *env);
};

enum { API_BUCKETS = 256 };     /* at first; doubled as it fills */

struct wasi;
struct process_deadline;

struct wasm_store_t {
	wasm_engine_t *engine;          /* held */
	struct wasm_store *rt;
	struct wasm_ref_t *refs;
	struct wasm_ref_t **buckets;
	size_t nbuckets, nobjects;
	struct api_module **modules;    /* held for the instances */
	size_t nmodules, cap;
	/* What the guest holds as externref, by the number in the box: a number,
	 * because saved state may come from anywhere. */
	struct wasm_ref_t **boxed;
	uint32_t nboxed;
	struct api_host *hosts;
	struct wasm_ref_t *pending;     /* owned: what a host function returned */
	struct wasi *wasi;              /* owned; NULL: none */
	struct process_deadline *deadline;
	struct lock interrupting;       /* an interrupt is one step for whoever ends it */
	struct err err;                 /* of the last call that failed */
};

/* A call was interrupted: the next one runs. */
void process__api_interrupted(wasm_store_t *s);

/* ---- references (api_ref.c) --------------------------------------------------------- */

/* A new one, owned by the caller; object NULL: never found again. */
wasm_ref_t *process__api_ref_new(wasm_store_t *s, enum api_kind kind, void *object);
/* The one of this object, made when there is none; one more owner. */
wasm_ref_t *process__api_ref_of(wasm_store_t *s, enum api_kind kind, void *object);
wasm_ref_t *process__api_ref_hold(const wasm_ref_t *r);
void process__api_ref_drop(wasm_ref_t *r);
/* The store ends. */
void process__api_refs_end(wasm_store_t *s);

/* An extern of the engine as an owned reference, and back. */
wasm_ref_t *process__api_extern_ref(wasm_store_t *s, const struct wasm_extern *x);
struct wasm_extern process__api_extern_rt(const wasm_ref_t *r);

/* ---- values (api_value.c) -------------------------------------------------------------- */

/* A reference for the guest; false: not of that type, or of another store.
 * process__api_handle_drop() afterwards. */
bool process__api_ref_to_guest(wasm_store_t *s, struct wasm_type t, const wasm_ref_t *r,
			       union wasm_val *out);
void process__api_handle_drop(wasm_store_t *s, const wasm_ref_t *r, union wasm_val v);
/* A reference of the guest, owned by the caller; takes the handle. */
wasm_ref_t *process__api_ref_from_guest(wasm_store_t *s, struct wasm_ref *h);
/* Numbers and references, by the public value's kind; false: it does not fit. */
bool process__api_to_guest(wasm_store_t *s, struct wasm_type t, const wasm_val_t *v,
			   union wasm_val *out);
void process__api_from_guest(wasm_store_t *s, struct wasm_type t, union wasm_val v,
			     wasm_val_t *out);
/* The same by the engine's type. */
bool process__api_raw_to_guest(wasm_store_t *s, struct wasm_type t, const dp_raw_t *v,
			       union wasm_val *out);
void process__api_raw_from_guest(wasm_store_t *s, struct wasm_type t, union wasm_val v,
				 dp_raw_t *out);

/* ---- traps (api_trap.c) ------------------------------------------------------------------ */

/* s may be NULL: of no store.  NULL: no memory. */
wasm_trap_t *process__api_trap_message(wasm_store_t *s, enum wasm_trap code,
				       const char *message);
/* What a call has just returned, or *e when t is WASM_OK. */
wasm_trap_t *process__api_trap(wasm_store_t *s, enum wasm_trap t, const struct err *e);

/* Imports in the module's order; the words of a trap into *trap. */
wasm_instance_t *process__api_instantiate(wasm_store_t *s, struct api_module *m,
					  const struct wasm_extern *imports, wasm_trap_t **trap);
/* Out of memory, and the like: into s->err and *trap; NULL. */
wasm_instance_t *process__api_link_failed(wasm_store_t *s, const struct err *e,
					  wasm_trap_t **trap);

#endif
