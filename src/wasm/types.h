/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebAssembly types (core spec 3.0, 2.3) and the type store, in which
 * structurally equal recursive groups are one: a canonical id stands for a
 * defined type everywhere at run time, so that equality is an integer compare
 * and a subtype test one load and one compare.
 *
 * The store is shared by all modules of an engine.  Adding takes its lock;
 * reading what an id names takes none (entries never move or change).
 */
#ifndef WASM_TYPES_H
#define WASM_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Kinds of value types. */
enum wasm_kind {
	WASM_BOT = 0,           /* only inside the validator */
	WASM_I32, WASM_I64, WASM_F32, WASM_F64, WASM_V128,
	WASM_REF,
};

/* Heap types: a canonical (at run time) or module-local (while loading) type
 * index below WASM_HEAP_ABSTRACT, or one of the abstract ones. */
enum wasm_heap {
	WASM_HEAP_ABSTRACT = 0x00fffff0,
	WASM_HEAP_FUNC = WASM_HEAP_ABSTRACT, WASM_HEAP_EXTERN, WASM_HEAP_ANY,
	WASM_HEAP_EQ, WASM_HEAP_I31, WASM_HEAP_STRUCT, WASM_HEAP_ARRAY, WASM_HEAP_EXN,
	WASM_HEAP_NONE, WASM_HEAP_NOFUNC, WASM_HEAP_NOEXTERN, WASM_HEAP_NOEXN,
	WASM_HEAP_BOT,          /* only inside the validator */
};

/* kind | nullable << 7 | heap << 8: compared as a number. */
struct wasm_type {
	uint32_t bits;
};
static inline enum wasm_kind wasm_type_kind(struct wasm_type t) { return t.bits & 0x7f; }
static inline bool wasm_type_nullable(struct wasm_type t) { return t.bits >> 7 & 1; }
static inline uint32_t wasm_type_heap(struct wasm_type t) { return t.bits >> 8; }
static inline struct wasm_type wasm_type_num(enum wasm_kind k)
{
	return (struct wasm_type){ k };
}
static inline struct wasm_type wasm_type_ref(uint32_t heap, bool nullable)
{
	return (struct wasm_type){ WASM_REF | (uint32_t)nullable << 7 | heap << 8 };
}
static inline bool wasm_type_is_ref(struct wasm_type t) { return wasm_type_kind(t) == WASM_REF; }

/* Storage of a field: a value type, or i8 / i16 packed. */
enum wasm_packed { WASM_PACKED_NONE, WASM_PACKED_I8, WASM_PACKED_I16 };
struct wasm_field {
	struct wasm_type type;  /* WASM_I32 for packed ones */
	uint8_t packed;
	bool mutable_;
};

/* Bytes that a field or an element takes in an object. */
static inline uint32_t wasm_field_size(struct wasm_field f)
{
	switch (wasm_type_kind(f.type)) {
	case WASM_I64: case WASM_F64:
		return 8;
	case WASM_V128:
		return 16;
	default:
		return f.packed == WASM_PACKED_I8 ? 1 : f.packed == WASM_PACKED_I16 ? 2 : 4;
	}
}

enum wasm_comp { WASM_COMP_FUNC, WASM_COMP_STRUCT, WASM_COMP_ARRAY };
enum { WASM_NO_SUPER = UINT32_MAX, WASM_DEPTH_MAX = 63 };

/* A defined type; arrays are owned by whoever owns the deftype. */
struct wasm_deftype {
	uint8_t comp;           /* enum wasm_comp */
	bool final;
	uint8_t depth;          /* length of the chain of supertypes */
	uint32_t super;         /* index, or WASM_NO_SUPER */
	/* FUNC */
	uint32_t nparams, nresults;
	struct wasm_type *types;        /* params, then results */
	/* STRUCT, ARRAY (1 field) */
	uint32_t nfields;
	struct wasm_field *fields;
	/* Filled in the store: layout of an object of this type.  Fields stand
	 * in their order, from byte 4 on, each at a multiple of its size (v128:
	 * of 8), so a subtype's object begins with its supertype's. */
	uint32_t *offsets;              /* of fields, from the object's start */
	uint32_t size;                  /* of a struct object, header included,
					 * a multiple of 8; array: of the header */
	const uint32_t *display;        /* canonical ids of supertypes, [depth] is itself */
};

struct wasm_type_store;
struct wasm_type_store *wasm_type_store_create(struct err *e);
void wasm_type_store_destroy(struct wasm_type_store *s);
/* Canonicalize a recursive group of n types.  References inside the group are
 * heap indices WASM_GROUP_BASE + i; all others are canonical ids.  Copies.
 * ids[i] receives the canonical id.  Returns 0 or -errno (out of memory, too
 * many types). */
enum { WASM_GROUP_BASE = 0x00800000 };
int wasm_type_store_add(struct wasm_type_store *s, const struct wasm_deftype *group,
			uint32_t n, uint32_t *ids, struct err *e);
const struct wasm_deftype *wasm_type_get(const struct wasm_type_store *s, uint32_t id);

/* Subtyping on canonical types (3.3).  Constant time. */
bool wasm_heap_sub(const struct wasm_type_store *s, uint32_t a, uint32_t b);
bool wasm_type_sub(const struct wasm_type_store *s, struct wasm_type a, struct wasm_type b);
/* The top of a heap type's hierarchy: FUNC, EXTERN, ANY or EXN. */
uint32_t wasm_heap_top(const struct wasm_type_store *s, uint32_t heap);
/* "(ref null 3)", "i32": into buf, returned. */
const char *wasm_type_print(const struct wasm_type_store *s, struct wasm_type t,
			    char *buf, unsigned n);

#endif
