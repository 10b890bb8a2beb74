/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store is made of: the structures that instantiation (instance.c),
 * the interpreter, the collector and, later, compiled code share.  Nothing
 * outside of wasm/ includes this.
 *
 * References.  A reference is a 32-bit word, zero-extended in a 64-bit slot:
 *
 *     0                   null, in every hierarchy
 *     any and extern      bit 0 set: i31, value << 1 | 1
 *                         else: heap offset / 4 (objects are 8-byte aligned)
 *     exn                 heap offset / 4
 *     func                index into the store's function area, from 1
 *
 * A host value that enters as externref is boxed in a heap object, so
 * any.convert_extern and extern.convert_any are no operations.  Words move
 * when the collector runs; whoever holds one across an allocation has it in a
 * place that the collector visits: a frame's reference slot, a table, a
 * global, an element segment, a handle (struct wasm_ref).
 *
 * Frames.  The value stack is the store's, apart from the C stack, in 64-bit
 * slots (v128: two, low half first).  A callee's parameters are where its
 * caller's operands are; nothing is copied:
 *
 *     fp[0 .. p)                  parameters, later the results
 *     fp[p .. p+FRAME_SLOTS)      struct wasm_frame
 *     fp[p+FRAME_SLOTS ..)        the other locals, then the operands, each at
 *                                 the place that its height gives it
 *
 * Reference locals are null from the entry on.  Which operands are references
 * at a call or an allocation stands in a table beside the code, by its
 * position; the collector looks there, running code never does.
 */
#ifndef WASM_RT_H
#define WASM_RT_H

#include <stdatomic.h>

#include "base/lock.h"
#include "base/ser.h"
#include "mem/linear.h"
#include "wasm/instance.h"

typedef uint32_t wasm_word;

struct wasm_op;         /* one translated operation: interp.h */
struct wasm_body;       /* one translated function: interp.h */
struct wasm_gc;         /* the collector's heap: gc.h */

/* A function of a store, in its function area: an array in reserved address
 * space, so that a word becomes an address by a shift and an add, and
 * addresses never move.  64 bytes. */
struct wasm_rt_func {
	const struct wasm_op *entry;    /* first: what a call jumps to; at first
					 * an operation that translates */
	struct wasm_instance *inst;     /* whose it is; NULL: the host's */
	uint32_t type;                  /* canonical id */
	uint32_t index;                 /* in the module */
	struct wasm_body *body;         /* NULL: not translated, or the host's */
	wasm_host_fn *host;
	void *ctx;
	uint32_t param_slots, result_slots;
	uint32_t pad[2];
};
_Static_assert(sizeof(struct wasm_rt_func) == 64, "a word is shifted by 6");

struct wasm_frame {
	const struct wasm_op *ret;      /* where the caller goes on; NULL: C */
	uint64_t *fp;                   /* the caller's */
	struct wasm_rt_func *func;      /* this frame's */
};
enum { WASM_FRAME_SLOTS = sizeof(struct wasm_frame) / 8 };

struct wasm_rt_memory {
	uint8_t *base;                  /* never moves */
	uint64_t size;                  /* bytes (shared memories: see mem/linear.h) */
	struct mem_linear *mem;         /* owned reference */
	struct wasm_limits limits;      /* as declared */
	uint8_t page_shift;
};
struct wasm_rt_table {
	wasm_word *elems;
	uint64_t size, cap;
	struct wasm_limits limits;
	struct wasm_type type;
};
/* The value of a global lives here; v128 in both words. */
struct wasm_rt_global {
	uint64_t v[2];
	struct wasm_type type;
	bool mutable_;
};
struct wasm_rt_tag {
	uint32_t type;
};
/* An element segment after instantiation: words, dropped: n = 0. */
struct wasm_rt_elem {
	wasm_word *words;
	uint32_t n;
};
struct wasm_rt_data {
	const uint8_t *bytes;           /* the module's */
	uint32_t len;                   /* dropped: 0 */
};

struct wasm_instance {
	/* What running code uses most stands first. */
	struct wasm_rt_memory **memories;
	struct wasm_rt_global **globals;
	struct wasm_rt_func **funcs;
	struct wasm_rt_table **tables;
	struct wasm_store *store;
	const struct wasm_module *module;
	struct wasm_rt_tag **tags;
	struct wasm_rt_elem *elems;
	struct wasm_rt_data *datas;
	struct wasm_instance *next;     /* in the store */
	void *code;                     /* the interpreter's, per instance */
};

/* A handle: the embedder's hold on a reference. */
struct wasm_ref {
	wasm_word word;
	uint8_t top;                    /* hierarchy: WASM_HEAP_ANY - WASM_HEAP_ABSTRACT ... */
	bool dropped;                   /* by a host function that still runs */
	struct wasm_ref *next, *prev, *next_dropped;
};

struct wasm_store {
	struct wasm_type_store *types;
	struct wasm_rt_func *funcs;     /* the function area; [0] is not used */
	uint32_t nfuncs;
	struct wasm_gc *gc;
	uint64_t *stack, *stack_end;    /* the value stack: from, to (a guard follows) */
	uint64_t *sp;                   /* first free slot when C runs */
	uint64_t *fp;                   /* innermost frame when C runs (host calls, traps) */
	const struct wasm_op *pc;       /* there */
	_Atomic bool interrupt;
	struct mem_park *_Atomic parked; /* where the thread waits: atomic.c */
	struct wasm_store_limits limits;
	uint64_t fuel;
	uint32_t exit_status;
	uint32_t c_depth;               /* nested wasm_call() */
	wasm_word exception;            /* being thrown, or unhandled */
	char message[256];              /* WASM_TRAP_HOST */
	char *backtrace;
	struct wasm_trace trace[WASM_TRACE_MAX];
	uint32_t ntrace;
	struct wasm_instance *instances;
	struct wasm_ref refs;           /* head of the handles' ring */
	uint64_t memory_used, table_used;
	struct wasm_instance *caller;   /* whose code called the running host function */
	struct wasm_instance *tail_caller; /* whose tail call of one is on its way */
	struct wasm__owned *owned;      /* store.c's lists */
	struct wasm_interp *interp;     /* interp.h */
	struct wasm_call_trace *calls;  /* trace_call.h; NULL: none was traced */
};

static inline wasm_word wasm__func_word(const struct wasm_store *s, const struct wasm_rt_func *f)
{
	return f ? (wasm_word)(f - s->funcs) : 0;
}

/* ---- instance.c and its neighbors: memory.c, table.c ---- */

struct wasm_rt_func *wasm__func_alloc(struct wasm_store *s);  /* zeroed; NULL: limit */
/* Run the host function f: parameters are the param_slots at slots[], results
 * come back there.  caller: whose code calls; NULL: C. */
enum wasm_trap wasm__host_call(struct wasm_store *s, struct wasm_rt_func *f,
			       struct wasm_instance *caller, uint64_t *slots);
/* A handle for a word of the hierarchy of `type` (NULL word: NULL).  false: no
 * memory, or too many. */
bool wasm__ref_new(struct wasm_store *s, wasm_word w, struct wasm_type type,
		   struct wasm_ref **out);
/* Is the word a value of the type?  (What the embedder and snapshots say.) */
bool wasm__word_is(const struct wasm_store *s, wasm_word w, struct wasm_type type);
/* Values and slots, by type: a slot each, two for v128.  The slots used; 0
 * from wasm__slots_to_val: no memory for the handle. */
unsigned wasm__val_to_slots(union wasm_val v, struct wasm_type t, uint64_t *slots);
unsigned wasm__slots_to_val(struct wasm_store *s, const uint64_t *slots,
			    struct wasm_type t, union wasm_val *v);

enum wasm_trap wasm__memory_init(struct wasm_instance *i, uint32_t mem, uint32_t data,
				 uint64_t d, uint32_t s, uint32_t n);
enum wasm_trap wasm__memory_copy(struct wasm_instance *i, uint32_t dmem, uint32_t smem,
				 uint64_t d, uint64_t s, uint64_t n);
enum wasm_trap wasm__memory_fill(struct wasm_instance *i, uint32_t mem, uint64_t d,
				 uint8_t v, uint64_t n);
int64_t wasm__memory_grow(struct wasm_store *s, struct wasm_rt_memory *m, uint64_t pages);
uint64_t wasm__memory_pages(const struct wasm_rt_memory *m);
void wasm__data_drop(struct wasm_instance *i, uint32_t data);
void wasm__elem_drop(struct wasm_instance *i, uint32_t elem);
enum wasm_trap wasm__table_init(struct wasm_instance *i, uint32_t table, uint32_t elem,
				uint64_t d, uint32_t s, uint32_t n);
enum wasm_trap wasm__table_copy(struct wasm_instance *i, uint32_t dt, uint32_t st,
				uint64_t d, uint64_t s, uint64_t n);
enum wasm_trap wasm__table_fill(struct wasm_instance *i, uint32_t table, uint64_t d,
				wasm_word v, uint64_t n);
int64_t wasm__table_grow(struct wasm_store *s, struct wasm_rt_table *t, uint64_t n, wasm_word v);
/* Atomics (atomic.c).  wait: 0 woken, 1 not equal, 2 timed out; < 0: minus a trap. */
int wasm__atomic_wait(struct wasm_store *s, struct wasm_rt_memory *m, uint64_t addr,
		      unsigned size, uint64_t expected, int64_t timeout_ns);
int64_t wasm__atomic_notify(struct wasm_store *s, struct wasm_rt_memory *m, uint64_t addr,
			    uint32_t count);
/* The interrupt flag is set: a thread that waits shall see it. */
void wasm__atomic_interrupt(struct wasm_store *s);

/* Remember the frames of a trap: before they are left (reflect.c). */
void wasm__trace(struct wasm_store *s);

/* ---- interp.c and translate.c ---- */

/* Per store and per instance: called by instance.c. */
int wasm__interp_store_init(struct wasm_store *s, struct err *e);
void wasm__interp_store_fini(struct wasm_store *s);
int wasm__interp_instance_init(struct wasm_instance *i, struct err *e);
void wasm__interp_instance_fini(struct wasm_instance *i);
/* Make f callable: its entry translates it, or calls the host. */
void wasm__interp_prepare(struct wasm_store *s, struct wasm_rt_func *f);
/* Run f; args are the param_slots at slots[], results come back there. */
enum wasm_trap wasm__interp_call(struct wasm_store *s, struct wasm_rt_func *f, uint64_t *slots);
/* Evaluate a constant expression of the instance's module (2 slots of result). */
enum wasm_trap wasm__interp_const(struct wasm_instance *i, struct wasm_code expr,
				  struct wasm_type type, uint64_t *out);
/* Visit every reference word in frames; for the collector. */
typedef void wasm_visit_fn(void *arg, wasm_word *word);
void wasm__interp_visit(struct wasm_store *s, wasm_visit_fn *fn, void *arg);
/* ---- instance.c: words of tables, globals, element segments, handles, the
 * exception (of the any, extern and exn hierarchies only) ---- */
void wasm__store_visit(struct wasm_store *s, wasm_visit_fn *fn, void *arg);

#endif
