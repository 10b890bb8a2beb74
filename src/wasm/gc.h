/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's heap and what is done with its objects (core spec 4.6:
 * structures, arrays, i31, exceptions, host boxes).
 *
 * Precise and generational: a nursery with bump allocation whose survivors
 * move to an old space; a write barrier remembers old objects that were given
 * young words; the old space is marked and compacted in bounded steps.  All
 * objects lie in one reserved range, a word is an offset in it (rt.h).
 *
 * An allocation may collect: words held in C across it are stale, unless they
 * are in a place that is visited (wasm__store_visit, wasm__interp_visit) or
 * pinned with wasm_gc_push().  One thread at a time uses a heap.
 */
#ifndef WASM_GC_H
#define WASM_GC_H

#include "wasm/rt.h"

/* An object begins with its header.  Fields of a struct are at
 * deftype->offsets[i] from the object's start, elements of an array at
 * WASM_ARRAY_DATA; packed fields take 1 or 2 bytes, references 4, v128 16. */
struct wasm_obj {
	uint32_t head;          /* type << 8 | the collector's bits */
	uint32_t len;           /* arrays; structs: their first field may be here */
};
enum { WASM_ARRAY_DATA = 8, WASM_OBJ_TYPE_SHIFT = 8 };

/* What the heap knows of a type, by canonical id; zero until the first object
 * of the type is made. */
struct wasm_gc_type {
	uint32_t size;          /* of a small struct; else 0 */
	uint8_t kind;           /* gc_heap.h's; 0: not filled in */
	uint8_t shift;          /* arrays: log2 of an element's size */
	uint8_t depth;          /* display[0 .. depth] */
	uint8_t refs;           /* arrays: elements are words that move */
	uint32_t nrefs, bytes;  /* structs: words that move; the size, large ones too */
	const uint32_t *offsets;        /* of them */
	const uint32_t *display;
};

struct wasm_gc_start {          /* what inlined code reads; first in struct wasm_gc */
	uint8_t *base;          /* of the range */
	uint8_t *bump, *limit;  /* the nursery's free part */
	const struct wasm_gc_type *types;
	wasm_word young_end;    /* words below it are young */
	uint32_t watched;       /* the write barrier looks at values / 2 - 1 below it */
};
static inline struct wasm_obj *wasm_gc_obj(const struct wasm_store *s, wasm_word w)
{
	return (struct wasm_obj *)(((const struct wasm_gc_start *)s->gc)->base + (uint64_t)w * 4);
}

/* Limits from s->limits (heap, gc_stress). */
int wasm_gc_init(struct wasm_store *s, struct err *e);
void wasm_gc_fini(struct wasm_store *s);

/* Zeroed objects; 0: the heap is full (WASM_TRAP_OUT_OF_MEMORY). */
wasm_word wasm_gc_struct(struct wasm_store *s, uint32_t type);
wasm_word wasm_gc_array(struct wasm_store *s, uint32_t type, uint32_t n);
wasm_word wasm_gc_host(struct wasm_store *s, uint64_t value);           /* a boxed host value */
wasm_word wasm_gc_exn(struct wasm_store *s, struct wasm_rt_tag *tag, const uint64_t *slots);
bool wasm_gc_host_value(const struct wasm_store *s, wasm_word w, uint64_t *value);
struct wasm_rt_tag *wasm_gc_exn_tag(const struct wasm_store *s, wasm_word w);
/* The payload in slots, as the tag's parameters. */
void wasm_gc_exn_get(const struct wasm_store *s, wasm_word w, uint64_t *slots);

/* After a reference of the any, extern or exn hierarchy (never a function
 * reference) was stored into obj: slot is where.  gc_inline.h has the fast path,
 * wasm_gc_store(), which is what an instruction uses. */
void wasm_gc_wrote_at(struct wasm_store *s, wasm_word obj, wasm_word *slot, wasm_word value);
/* The same without the place; slow for arrays of more than 32 KiB. */
void wasm_gc_wrote(struct wasm_store *s, wasm_word obj, wasm_word value);

/* ref.test against a canonical or abstract heap type; null is the caller's. */
bool wasm_gc_is(const struct wasm_store *s, wasm_word w, uint32_t heap);
/* The exact type of a non-null word: a canonical id or WASM_HEAP_I31,
 * WASM_HEAP_EXTERN (a host box), WASM_HEAP_EXN. */
uint32_t wasm_gc_type(const struct wasm_store *s, wasm_word w);

/* Array operations of the instruction set; indices are checked here. */
enum wasm_trap wasm_gc_array_fill(struct wasm_store *s, wasm_word a, uint32_t at,
				  const uint64_t *value, uint32_t n);
enum wasm_trap wasm_gc_array_copy(struct wasm_store *s, wasm_word d, uint32_t at,
				  wasm_word from, uint32_t src, uint32_t n);
enum wasm_trap wasm_gc_array_init_data(struct wasm_instance *i, wasm_word a, uint32_t at,
				       uint32_t data, uint32_t src, uint32_t n);
enum wasm_trap wasm_gc_array_init_elem(struct wasm_instance *i, wasm_word a, uint32_t at,
				       uint32_t elem, uint32_t src, uint32_t n);
enum wasm_trap wasm_gc_array_new_data(struct wasm_instance *i, uint32_t type, uint32_t data,
				      uint32_t src, uint32_t n, wasm_word *out);
enum wasm_trap wasm_gc_array_new_elem(struct wasm_instance *i, uint32_t type, uint32_t elem,
				      uint32_t src, uint32_t n, wasm_word *out);

/* Words that C holds across an allocation: a stack of addresses. */
void wasm_gc_push(struct wasm_store *s, wasm_word *w);
void wasm_gc_pop(struct wasm_store *s, unsigned n);

void wasm_gc_collect(struct wasm_store *s, bool full);
struct wasm_gc_stats {
	uint64_t minor, major, allocated, live, peak;   /* counts, bytes */
	uint64_t pause_max_ns, pause_total_ns;
};
void wasm_gc_stats(const struct wasm_store *s, struct wasm_gc_stats *st);
/* Section "wasm.heap".  Saving collects first, so that words move: save it
 * before anything that holds words.  Loading wants the same modules
 * instantiated in the same order; what was in the heap is gone, and words mean
 * what they meant when it was saved.  After a failure the store can only be
 * destroyed. */
void wasm_gc_save(struct wasm_store *s, struct ser_writer *w);
void wasm_gc_load(struct wasm_store *s, struct ser_reader *r);
/* Is this the word of an object that is there, or of an i31?  For words that
 * others load after wasm_gc_load() and before the next collection, which are
 * anybody's. */
bool wasm_gc_owns(const struct wasm_store *s, wasm_word w);

#endif
