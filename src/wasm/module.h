/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module: decoded and validated, immutable, shared by its instances and
 * safe to read from any thread.  It borrows the bytes that it was loaded from
 * (mapped, not copied); they must outlive it.  Function bodies stay in the
 * bytes until they are first called.
 *
 * All types in here are canonical (types.h).
 */
#ifndef WASM_MODULE_H
#define WASM_MODULE_H

#include <stddef.h>

#include "base/arena.h"
#include "wasm/types.h"

/* Features beyond 3.0 that are off by default. */
enum {
	WASM_FEATURE_THREADS = 1,       /* shared memories, atomics */
	WASM_FEATURE_LEGACY_EH = 2,     /* try/catch/delegate/rethrow */
	/* Function bodies are decoded and validated when they are first called
	 * (core spec, appendix "Implementation Limitations", Validation: an
	 * invalid one then traps); everything else at load. */
	WASM_LAZY_BODIES = 4,
};

struct wasm_limits {
	uint64_t min, max;
	bool has_max, is64, shared;
};

enum wasm_extern_kind {
	WASM_EXTERN_FUNC, WASM_EXTERN_TABLE, WASM_EXTERN_MEMORY, WASM_EXTERN_GLOBAL,
	WASM_EXTERN_TAG,
};

/* A byte string in the module's bytes: UTF-8, checked; not terminated. */
struct wasm_name {
	const char *s;
	uint32_t len;
};

struct wasm_import {
	struct wasm_name module, name;
	uint8_t kind;           /* enum wasm_extern_kind */
	uint32_t index;         /* in the index space of its kind */
};
struct wasm_export {
	struct wasm_name name;
	uint8_t kind;
	uint32_t index;
};

/* A span of the module's bytes: an expression or a body, END included. */
struct wasm_code {
	uint32_t off, len;
};

struct wasm_func {
	uint32_t type;          /* canonical id */
	bool imported, declared; /* declared: ref.func may name it */
	struct wasm_code body;  /* the instructions, after the locals */
	uint32_t nlocals;       /* parameters included */
	uint32_t nruns;         /* runs of equal locals, parameters excluded */
	const struct wasm_local_run { uint32_t count; struct wasm_type type; } *runs;
	uint32_t max_stack;     /* highest operand stack in values (validator) */
};
struct wasm_table {
	struct wasm_limits limits;
	struct wasm_type type;
	bool imported;
	struct wasm_code init;  /* len 0: null */
};
struct wasm_memory {
	struct wasm_limits limits; /* in pages of 1 << page_shift */
	bool imported;
	uint8_t page_shift;
};
struct wasm_global {
	struct wasm_type type;
	bool mutable_, imported;
	struct wasm_code init;
};
struct wasm_tag {
	uint32_t type;
	bool imported;
};
enum wasm_segment_mode { WASM_SEGMENT_ACTIVE, WASM_SEGMENT_PASSIVE, WASM_SEGMENT_DECLARATIVE };
struct wasm_elem {
	uint8_t mode;
	struct wasm_type type;
	uint32_t table;
	struct wasm_code offset;
	uint32_t n;
	/* Either function indices or expressions (the other is NULL). */
	const uint32_t *funcs;
	const struct wasm_code *exprs;
};
struct wasm_data {
	uint8_t mode;
	uint32_t memory;
	struct wasm_code offset;
	const uint8_t *bytes;
	uint32_t len;
};
struct wasm_custom {
	struct wasm_name name;
	const uint8_t *bytes;
	uint32_t len;
};

struct wasm_module {
	struct wasm_type_store *store;  /* borrowed */
	const uint8_t *bytes;           /* borrowed */
	size_t len;
	unsigned features;
	struct arena arena;             /* everything below */

	uint32_t ntypes;
	uint32_t *types;                /* module type index -> canonical id */
	uint32_t nimports;
	struct wasm_import *imports;
	uint32_t nfuncs, nfuncs_imported;
	struct wasm_func *funcs;
	uint32_t ntables, ntables_imported;
	struct wasm_table *tables;
	uint32_t nmemories, nmemories_imported;
	struct wasm_memory *memories;
	uint32_t nglobals, nglobals_imported;
	struct wasm_global *globals;
	uint32_t ntags, ntags_imported;
	struct wasm_tag *tags;
	uint32_t nexports;
	struct wasm_export *exports;
	uint32_t nelems;
	struct wasm_elem *elems;
	uint32_t ndatas;
	struct wasm_data *datas;
	uint32_t ncustoms;
	struct wasm_custom *customs;
	bool has_start;
	uint32_t start;
	bool has_data_count;
	const uint32_t *branch_hints;   /* opaque to others; NULL: none */
	struct wasm_image *_Atomic image; /* memories as instances begin: image.c */
};
/* The module's end: what instances left with it (NULL is fine). */
void wasm__image_destroy(struct wasm_image *image);

/* Implementation limits, stated and enforced with a clear error.  A module
 * within them costs time and memory linear in its size. */
enum {
	WASM_MAX_TYPES = 1000000, WASM_MAX_FUNCS = 1000000, WASM_MAX_IMPORTS = 1000000,
	WASM_MAX_EXPORTS = 1000000, WASM_MAX_GLOBALS = 1000000, WASM_MAX_TAGS = 1000000,
	WASM_MAX_DATAS = 100000, WASM_MAX_ELEMS = 10000000, WASM_MAX_TABLES = 100000,
	WASM_MAX_MEMORIES = 1000, WASM_MAX_LOCALS = 50000, WASM_MAX_BODY = 7654321,
	WASM_MAX_PARAMS = 1000, WASM_MAX_RESULTS = 1000, WASM_MAX_FIELDS = 10000,
	WASM_MAX_BR_TABLE = 65520, WASM_MAX_NESTING = 50000,
	WASM_MAX_STACK = 1000000,       /* operands of a function at a time */
	WASM_MAX_ARRAY_FIXED = 10000,   /* operands of array.new_fixed */
};

/* Decode and validate in one pass.  NULL and *e on failure; the message is
 * "NAME: offset 0x...: what", in the words of the specification's tests where
 * there are such ("unknown local", "type mismatch", "unexpected end", ...).
 * e->code: EILSEQ malformed, EINVAL invalid, ENOMEM, E2BIG over a limit. */
struct wasm_module *wasm_module_load(struct wasm_type_store *store, const void *bytes,
				     size_t len, unsigned features, const char *name,
				     struct err *e);
void wasm_module_destroy(struct wasm_module *m);

/* Validate one body, with WASM_LAZY_BODIES: 0, or -errno and *e.  Fills the
 * func's locals and max_stack; thread safe; later calls return the same. */
int wasm_module_validate_body(struct wasm_module *m, uint32_t func, struct err *e);

/* A type with the module's own type indices (op.h), made canonical. */
static inline uint32_t wasm_module_heap(const struct wasm_module *m, uint32_t heap)
{
	return heap < WASM_HEAP_ABSTRACT ? m->types[heap] : heap;
}
static inline struct wasm_type wasm_module_type(const struct wasm_module *m, struct wasm_type t)
{
	return wasm_type_is_ref(t) ?
		wasm_type_ref(wasm_module_heap(m, wasm_type_heap(t)), wasm_type_nullable(t)) : t;
}

/* Name section (lazily decoded, malformed parts are ignored): false: none. */
bool wasm_module_func_name(const struct wasm_module *m, uint32_t func, struct wasm_name *out);
/* The other names; inner: a function's local or label, a type's field. */
enum wasm_name_kind {
	WASM_NAME_MODULE, WASM_NAME_FUNC, WASM_NAME_LOCAL, WASM_NAME_LABEL, WASM_NAME_TYPE,
	WASM_NAME_TABLE, WASM_NAME_MEMORY, WASM_NAME_GLOBAL, WASM_NAME_ELEM, WASM_NAME_DATA,
	WASM_NAME_FIELD, WASM_NAME_TAG,
};
bool wasm_module_item_name(const struct wasm_module *m, enum wasm_name_kind kind, uint32_t index,
			   uint32_t inner, struct wasm_name *out);

/* The hint for the if or br_if at this offset in the module's bytes: 1 likely,
 * 0 unlikely, -1 none. */
int wasm_module_branch_hint(const struct wasm_module *m, uint32_t off);

#endif
