/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter's code: operations of 16 bytes, each an address of a handler
 * and operands, linked by tail calls.  Internal to interp*.c, translate*.c and
 * unwind.c.
 *
 * State in host registers: the operation, the frame, memory 0's base, the
 * store, three accumulators (integers and references; f32; f64) and the count
 * of turns until the next poll.  An operand is a slot of the frame, the
 * accumulator of its type, or an immediate; a result goes to the accumulator
 * and, in half of the forms, to a slot too.  The translator reads a value
 * where it last went, so a chain of results does not pass through memory.
 *
 * An i32 is zero-extended in a slot and in its accumulator; above an f32 in a
 * slot stands anything.  References are 32-bit words, zero-extended.
 */
#ifndef WASM_INTERP_H
#define WASM_INTERP_H

#include <setjmp.h>

#include "base/bits.h"
#include "base/reltab.h"
#include "wasm/op.h"
#include "wasm/rt.h"

struct wasm_op;
#define OP_ARGS                                                                \
	const struct wasm_op *pc, uint64_t *fp, uint8_t *mem, struct wasm_store *st, \
	uint64_t r, int64_t n, float sf, double df
#define OP_PASS pc, fp, mem, st, r, n, sf, df
typedef void wasm_op_fn(OP_ARGS);

struct wasm_op {
	wasm_op_fn *fn;
	union {
		struct {
			uint16_t d, a;
			union {
				struct {
					uint16_t b, c;
				};
				int32_t imm;    /* also: where a branch goes, in bytes from here */
				uint32_t u32;
			};
		};
		uint64_t u64;
		const void *ptr;
	};
};
_Static_assert(sizeof(struct wasm_op) == 16, "branches count on it");

/* Units behind an operation that carry more operands. */
union wasm_op_ext {
	struct wasm_op op;
	uint64_t u64[2];
	uint32_t u32[4];
	void *ptr[2];
	double f64[2];
};
#define EXT(pc, i) ((const union wasm_op_ext *)((pc) + (i)))

/* A pointer that shares its operands with d: user addresses have 47 or 48
 * bits on the hosts that we know. */
static inline uint64_t wasm__op_pack(const void *p, uint16_t d)
{
	return (uint64_t)(uintptr_t)p << 16 | d;
}
#define OP_PTR(pc) ((void *)(uintptr_t)((pc)->u64 >> 16))

/* Forms: where the operands are.  + FORM_D: the result goes to slot d too. */
enum {
	FORM_S = 0, FORM_R = 1,                         /* one operand; loads' address */
	FORM_SS = 0, FORM_SI, FORM_RS, FORM_SR, FORM_RI, /* two */
	FORM_SK, FORM_RK,       /* i64: a unit with the constant; else FORM_IS, FORM_IR */
	FORM_IS = FORM_SK, FORM_IR,
	FORM_XSS = 2, FORM_XRS, FORM_XSI, FORM_XRI,     /* loads: base + index, base + imm */
	/* stores: address, value (RR: of different accumulators, or the same value) */
	FORM_ST_SS = 0, FORM_ST_RS, FORM_ST_SR, FORM_ST_RR, FORM_ST_SI, FORM_ST_RI,
	FORM_D = 8,
	FORMS = 16,
	BR_FORMS = 5,
};
/* Rows from I32_EQZ to F64_GE are tests, which branches have fused. */
enum {
	WASM_CMP_FIRST = WASM_ROW_I32_EQZ,
	WASM_CMP_TEST32 = WASM_ROW_F64_GE - WASM_ROW_I32_EQZ + 1,       /* a & b */
	WASM_CMPS,
};
/* Tables of handlers, in the order of rows; those of vector instructions have
 * only theirs, which are the last.  _v3: rows that have better ones. */
enum { WASM_SCALAR_ROWS = WASM_ROW_V128_LOAD };
extern const reltab_entry wasm__h_num[], wasm__h_num_v3[], wasm__h_mem[], wasm__h_memx[];
extern const reltab_entry wasm__h_atomic[], wasm__h_br[];
static inline wasm_op_fn *wasm__num_at(const reltab_entry *table, unsigned row, unsigned form)
{
	return reltab_at(wasm_op_fn, table, row * FORMS + form);
}
/* Guarded memory 0. */
static inline wasm_op_fn *wasm__mem_handler(unsigned row, unsigned form)
{
	return reltab_at(wasm_op_fn, wasm__h_mem, row * FORMS + form);
}
/* Checked: S, R, and + D. */
static inline wasm_op_fn *wasm__memx_handler(unsigned row, unsigned form)
{
	return reltab_at(wasm_op_fn, wasm__h_memx, row * 4 + form);
}
static inline wasm_op_fn *wasm__atomic_handler(unsigned row)
{
	return reltab_at(wasm_op_fn, wasm__h_atomic, row);
}
static inline wasm_op_fn *wasm__br_handler(unsigned test, bool when, bool back, unsigned form)
{
	return reltab_at(wasm_op_fn, wasm__h_br, ((test * 2 + when) * 2 + back) * BR_FORMS + form);
}
/* Vector instructions (interp_simd.h says where operands stand): the tables
 * for this processor.  `guarded` has the rows VLOAD and VSTORE, for memory 0. */
struct wasm_simd_handlers {
	const reltab_entry *rows, *guarded;
	const reltab_entry *num;        /* wasm__h_num_v3, or NULL */
};
struct wasm_simd_handlers wasm__simd_handlers(bool deterministic);
static inline wasm_op_fn *wasm__simd_handler(const reltab_entry *table, unsigned row)
{
	return reltab_at(wasm_op_fn, table, row - WASM_SCALAR_ROWS);
}
extern const reltab_entry wasm__h_simd[], wasm__h_simd_guarded[];
extern const reltab_entry wasm__h_simd_det[], wasm__h_simd_det_guarded[];
extern const reltab_entry wasm__h_simd_v3[], wasm__h_simd_v3_guarded[];
extern const reltab_entry wasm__h_simd_v3_det[], wasm__h_simd_v3_det_guarded[];
/* Fields and elements of objects.  get: [kind][S, R, and + D]; arrays: [kind][D]. */
enum { WASM_GC_GET_I32, WASM_GC_GET_I64, WASM_GC_GET_F32, WASM_GC_GET_F64, WASM_GC_GET_S8,
	WASM_GC_GET_U8, WASM_GC_GET_S16, WASM_GC_GET_U16, WASM_GC_GETS };
enum { WASM_GC_SET_I32, WASM_GC_SET_I64, WASM_GC_SET_U8, WASM_GC_SET_U16, WASM_GC_SET_REF,
	WASM_GC_SETS, WASM_GC_SET_V128 = WASM_GC_SETS };
extern wasm_op_fn *const wasm__h_struct_get[WASM_GC_GETS][4];
extern wasm_op_fn *const wasm__h_array_get[WASM_GC_GETS][2];
extern wasm_op_fn *const wasm__h_struct_set[WASM_GC_SETS];
extern wasm_op_fn *const wasm__h_array_set[WASM_GC_SETS];
/* The lengths of forms with an immediate: f64's take a unit more. */
#define OP_LEN_I(T) OP_LEN_I_##T
#define OP_LEN_I_I32 1
#define OP_LEN_I_I64 1
#define OP_LEN_I_F32 1
#define OP_LEN_I_F64 2

/* Handlers by name. */
#define WASM_HANDLERS(X)                                                       \
	X(mov) X(mov_f32) X(mov_v128) X(mov2) X(mov3) X(movn)                    \
	X(set_r) X(set_f32) X(set_f64) X(const32) X(const32s) X(const64) X(const128) \
	                                         \
	X(br) X(br_back) X(br_table_s) X(br_table_r)                           \
	X(br_null_s) X(br_null_r) X(br_nonnull_s) X(br_nonnull_r)              \
	X(select_s_r) X(select_s_s) X(select_r_r) X(select_r_s)                \
	X(select_f32_s_r) X(select_f32_s_s) X(select_f32_r_r) X(select_f32_r_s) \
	X(select_f64_s_r) X(select_f64_s_s) X(select_f64_r_r) X(select_f64_r_s) \
	X(select_v128)\
	X(global_get_r) X(global_get_s) X(global_get_f32_r) X(global_get_f32_s) \
	X(global_get_f64_r) X(global_get_f64_s) X(global_get_v128)             \
	X(global_set_r) X(global_set_s) X(global_set_f32_r) X(global_set_f32_s) \
	X(global_set_f64_r) X(global_set_v128)             \
	X(canon_f32_r) X(canon_f32_s) X(canon_f64_r) X(canon_f64_s)            \
	X(unreachable) X(fuel)                                          \
	X(enter) X(enter0) X(enter2) X(enter4) X(enter8) X(translate) X(host) X(exit) X(reload) \
	X(call) X(call_cross) X(call_indirect_s) X(call_indirect_r)            \
	X(call_ref)                                       \
	X(return_call) X(return_call_indirect) X(return_call_ref)              \
	X(ret0) X(ret_s) X(ret_r) X(ret_f32_s) X(ret_f32_r) X(ret_f64_s) X(ret_f64_r) X(retn) \
	X(special) X(memory_size)                                 \
	X(is_null_s_r) X(is_null_s_s) X(is_null_r_r) X(is_null_r_s)            \
	X(table_get_r) X(table_get_s) X(table_set) X(as_non_null)              \
	X(array_len_r) X(array_len_s) X(struct_new) X(ref_eq_r) X(ref_eq_s)    \
	X(ref_test_def_r) X(ref_test_def_s) X(ref_cast_def)                    \
	X(ref_test_abstract_r) X(ref_test_abstract_s) X(ref_cast_abstract)     \
	X(ref_test_func_r) X(ref_test_func_s) X(ref_cast_func)                 \
	X(ref_i31_r) X(ref_i31_s) X(i31_get_s_r) X(i31_get_s_s) X(i31_get_u_r) X(i31_get_u_s)
#define DECLARE(name) wasm_op_fn wasm__op_##name;
WASM_HANDLERS(DECLARE)
#undef DECLARE

/* A translated function. */
struct wasm_safepoint {         /* which operand slots hold references */
	uint32_t pos;           /* of the operation */
	uint32_t node;          /* in body->nodes: the topmost; UINT32_MAX: none */
};
/* Safepoints share what is below: a list from each slot to the next. */
struct wasm_ref_node {
	uint32_t below;         /* UINT32_MAX: the last */
	uint16_t slot;
};
enum wasm_handler_kind {
	WASM_HANDLER_CATCH, WASM_HANDLER_CATCH_REF, WASM_HANDLER_ALL, WASM_HANDLER_ALL_REF,
	WASM_HANDLER_LEGACY, WASM_HANDLER_LEGACY_ALL,
	WASM_HANDLER_DELEGATE,  /* go on with handlers that enclose `to` */
};
struct wasm_handler {           /* innermost first */
	uint32_t from, end;     /* operations that it covers */
	uint32_t to;            /* where it goes */
	uint32_t tag;
	uint32_t slot;          /* where the values go */
	uint32_t depth;         /* of control at the try; DELEGATE: of its target */
	uint8_t kind;
};
struct wasm_body {
	struct wasm_op *code;
	uint32_t nops;
	struct wasm_rt_func *func;
	uint32_t param_slots, nslots;
	uint32_t nsafepoints, nnodes, nlocal_refs, nhandlers;
	struct wasm_safepoint *safepoints;
	struct wasm_ref_node *nodes;
	uint16_t *local_refs;   /* parameters and locals that are references */
	struct wasm_handler *handlers;
	uint32_t *offsets;      /* of operations, in the module; made by the first trap */
	/* Profile, by loop and in all: polls that found the program here (each stands for
	 * WASM_POLL_TURNS loop turns or calls). */
	uint64_t samples;
	uint32_t nloops;
	struct wasm_loop {
		uint32_t pos;           /* ascending */
		uint64_t samples;
	} *loops;
};
enum { WASM_POLL_TURNS = 128 };

/* One for each store. */
struct wasm_interp {
	struct wasm_op *code;           /* reserved area, append only */
	uint64_t code_len, code_cap;    /* operations */
	struct wasm_body **bodies;      /* by address of their code */
	uint32_t nbodies, cap_bodies;
	struct wasm_run *run;           /* innermost wasm__interp_call */
	struct wasm_translator *tr;     /* kept buffers */
	struct wasm_fuse *fuse;         /* NULL: nothing is fused */
};
/* One turn from C into the code. */
struct wasm_run {
	struct mem_fault_scope fault;
	sigjmp_buf jump;
	struct wasm_run *outer;
	const uint64_t *base;           /* frames from here on are of this turn */
	struct wasm_store *st;
	enum wasm_trap trap;
	/* Where handlers are when they do not call each other. */
	const struct wasm_op *pc;
	uint64_t *fp;
	uint8_t *mem;
	uint64_t r;
	int64_t n;
	float sf;
	double df;
};
/* Can accesses be left to the guard (interp_ops.h)? */
#if defined(__x86_64__) || defined(__aarch64__)
#define WASM_GUARDED 1
#else
#define WASM_GUARDED 0
#endif
static inline struct wasm_interp *wasm__interp(const struct wasm_store *s)
{
	return s->interp;
}

/* A C function behind an operation: operands in s[0..), the result in s[0..). */
typedef enum wasm_trap wasm_special_fn(struct wasm_instance *i, uint64_t *s,
				       const union wasm_op_ext *x);

/* interp_special.c */
#define WASM_SPECIALS(X)                                                       \
	X(memory_grow) X(memory_init) X(memory_copy) X(memory_fill) X(data_drop) \
	X(table_init) X(table_copy) X(table_fill) X(table_grow) X(table_size) X(elem_drop) \
	X(atomic_notify) X(atomic_wait) X(atomic_fence) X(throw_) X(throw_ref) \
	X(struct_new_default) X(struct_v128) X(array_new) X(array_new_default) X(array_new_fixed) \
	X(array_new_data) X(array_new_elem) X(array_v128) X(array_fill) X(array_copy) \
	X(array_init_data) X(array_init_elem)
#define DECLARE(name) wasm_special_fn wasm__special_##name;
WASM_SPECIALS(DECLARE)
#undef DECLARE

/* translate.c */
enum wasm_trap wasm__translate(struct wasm_store *s, struct wasm_rt_func *f);
/* A constant expression, as a function without parameters. */
struct wasm_body *wasm__translate_const(struct wasm_instance *i, struct wasm_code expr,
					struct wasm_type type, struct err *e);
/* The offset in the module of what operation pos of the body was made from. */
uint32_t wasm__translate_offset(struct wasm_body *b, uint32_t pos);
void wasm__translator_destroy(struct wasm_translator *t);
/* interp.c */
struct wasm_body *wasm__body_at(const struct wasm_store *s, const struct wasm_op *pc);
struct wasm_op *wasm__code_alloc(struct wasm_store *s, uint32_t nops);
bool wasm__body_add(struct wasm_store *s, struct wasm_body *b);
void wasm__body_drop_last(struct wasm_store *s, struct wasm_body *b);
extern const struct wasm_op wasm__code_exit[2], wasm__code_translate[1], wasm__code_host[1];

/* Frames, innermost first: from store->pc and store->fp. */
struct wasm_walk {
	struct wasm_store *st;
	const struct wasm_op *pc;       /* the operation that runs, or the call */
	uint64_t *fp;
	struct wasm_rt_func *func;
	struct wasm_body *body;         /* NULL: a host function */
	bool first;
};
void wasm__walk_begin(struct wasm_walk *w, struct wasm_store *s);
bool wasm__walk_next(struct wasm_walk *w);
/* Function and offset of the frame that the walk is at. */
uint32_t wasm__frame_offset(const struct wasm_walk *w);
/* interp_fuse.c: the handler of two operations in a row, or NULL. */
struct wasm_fuse *wasm__fuse_create(void);
wasm_op_fn *wasm__fuse_find(const struct wasm_fuse *f, wasm_op_fn *first, wasm_op_fn *second);
/* unwind.c: find who catches store->exception; false: nobody in this turn.
 * Then *pc and *fp are where to go on. */
bool wasm__unwind(struct wasm_store *s, const struct wasm_op **pc, uint64_t **fp);
void wasm__backtrace(struct wasm_store *s);
void wasm__backtrace_drop(struct wasm_store *s);

#endif
