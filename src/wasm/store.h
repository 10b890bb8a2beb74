/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the run time share among themselves: store.c, refs.c,
 * instance.c, link.c, image.c, memory.c, table.c, state.c.
 */
#ifndef WASM_STORE_H
#define WASM_STORE_H

#include "wasm/rt.h"

/* Something that the embedder made, not an instance. */
struct wasm__object {
	struct wasm__object *next;
	uint8_t kind;           /* enum wasm_extern_kind; never FUNC */
	union {
		struct wasm_rt_table table;
		struct wasm_rt_memory memory;
		struct wasm_rt_global global;
		struct wasm_rt_tag tag;
	};
};

struct wasm__owned {
	struct wasm__object *objects, **objects_end;    /* oldest first */
	struct wasm_instance **instances_end;
	uint32_t func_cap;      /* functions that the area has room for */
	uint32_t nrefs;         /* handles */
	uint32_t host_depth;    /* host functions that are running */
	struct wasm_ref *dropped; /* by them; newest first */
	bool restoring;
};

/* Slots that a list of types takes. */
uint32_t wasm__slots(const struct wasm_type *types, uint32_t n);
/* Hierarchy of references; not for numbers. */
static inline uint32_t wasm__top(const struct wasm_store *s, struct wasm_type t)
{
	return wasm_heap_top(s->types, wasm_type_heap(t));
}
/* Is it a reference whose words the collector visits (any, extern, exn)? */
static inline bool wasm__type_is_visited(const struct wasm_store *s, struct wasm_type t)
{
	return wasm_type_is_ref(t) && wasm__top(s, t) != WASM_HEAP_FUNC;
}

/* Set up, zeroed by the caller; 0 or -errno. */
int wasm__memory_setup(struct wasm_store *s, struct wasm_rt_memory *m,
		       const struct wasm_memory *type, int image_fd, uint64_t image_size,
		       struct err *e);
void wasm__memory_fini(struct wasm_store *s, struct wasm_rt_memory *m);
int wasm__table_setup(struct wasm_store *s, struct wasm_rt_table *t,
		      const struct wasm_table *type, struct err *e);
void wasm__table_fini(struct wasm_store *s, struct wasm_rt_table *t);
/* Is [at, at + n) inside of size? */
static inline bool wasm__inside(uint64_t at, uint64_t n, uint64_t size)
{
	return n <= size && at <= size - n;
}
/* The size as other stores' threads may have grown it. */
static inline uint64_t wasm__memory_now(struct wasm_rt_memory *m)
{
	if (m->limits.shared)
		m->size = mem_linear_size(m->mem);
	return m->size;
}

/* Bulk operations (bulk.c): they cost fuel by their size, and see an interrupt
 * between steps; what was done until then stays. */
enum { WASM_BULK_BYTES_OF_FUEL = 64 };
enum wasm_trap wasm__bulk_pay(struct wasm_store *s, uint64_t bytes);
enum wasm_trap wasm__bulk_move(struct wasm_store *s, void *to, const void *from, uint64_t bytes);
/* Elements of 1 << shift bytes, in steps [at, at + n); down: the last ones first. */
struct wasm__bulk {
	uint64_t left, at, n;
	unsigned shift;
	bool down;
};
/* false: done, or *t says why not. */
bool wasm__bulk_next(struct wasm__bulk *b, struct wasm_store *s, enum wasm_trap *t);

/* A constant expression that is one plain instruction.  false: it is not. */
bool wasm__const_plain(const struct wasm_module *m, struct wasm_code code,
		       struct wasm_instance *i, uint64_t out[2]);
enum wasm_trap wasm__const_eval(struct wasm_instance *i, struct wasm_code code,
				struct wasm_type type, uint64_t out[2]);

/* Memories as a module's instances begin. */
struct wasm_image {
	uint32_t ndatas;        /* segments that are, or need not be, in here */
	uint32_t nmemories;
	struct wasm__image_mem {
		int fd;         /* -1: too little data to be worth a mapping */
		uint64_t size;
	} mem[];                /* by memory index */
};
/* Made at the second call.  NULL: none; then instances begin without. */
const struct wasm_image *wasm__image_get(const struct wasm_module *m);

#endif
