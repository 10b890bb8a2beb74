/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pairs of fuse.def as handlers, and the table by which the translator
 * finds them.  A first operation is written out here once more, as a statement
 * that falls through: what it means is op.def's, by way of a function for each
 * row.  A trap in the second leaves pc at the second.
 */
#include "wasm/interp_ops.h"

#include "base/alloc.h"

#if WASM_GUARDS && WASM_TAILCALLS
#define FUSING 1
#else
#define FUSING 0
#endif

#if FUSING
/* ---- rows as functions ---- */
#define INLINE static inline __attribute__((always_inline, unused))
#define ROWS_PURE2(id, R_, T, e) INLINE C_##R_ row_##id(C_##T A, C_##T B) { return (C_##R_)(e); }
#define ROWS_NAN2(id, R_, T, e) ROWS_PURE2(id, R_, T, e)
#define ROWS_CMP2(id, T, e) INLINE bool row_##id(C_##T A, C_##T B) { return e; }
#define ROWS_CMP1(id, T, e) INLINE bool row_##id(C_##T A, C_##T B) { (void)B; return e; }
#define ROWS_PURE1(...)
#define ROWS_NAN1(...)
#define ROWS_TRAP1(...)
#define ROWS_TRAP2(...)
#define ROWS_LOAD(...)
#define ROWS_STORE(...)
#define ROWS_ATOMIC_LOAD(...)
#define ROWS_ATOMIC_STORE(...)
#define ROWS_ATOMIC_RMW(...)
#define ROWS_ATOMIC_CMPXCHG(...)
#define ROWS_CONST(...)
#define ROWS_CONTROL(...)
#define ROWS_SPECIAL(...)
#define ROWS_(id, ...) ROWS__(id, __VA_ARGS__)
#define ROWS__(id, class, ...) ROWS_##class(id, __VA_ARGS__)
#define OP(id, code, text, imm, sig, sem) ROWS_(id, SEM_CLASS_##sem)
#define WASM_NO_SIMD
#include "wasm/op.def"
#undef OP

/* ---- first operations; conversions to the row's type cut to 32 bits ---- */
#define A_SS fp[pc->a]
#define B_SS fp[pc->b]
#define A_SI fp[pc->a]
#define B_SI ((uint64_t)(int64_t)pc->imm)
#define A_RS r
#define B_RS fp[pc->b]
#define A_SR fp[pc->a]
#define B_SR r
#define A_RI r
#define B_RI B_SI
#define PUT_D fp[pc->d] = r
#define PUT_N (void)0
#define DO_I(row, form, put)                                                   \
	{ const uint64_t a_ = A_##form, b_ = B_##form; r = row_##row(a_, b_); PUT_##put; }
#define FA_SS SLOT_F64(pc->a)
#define FB_SS SLOT_F64(pc->b)
#define FA_RS df
#define FB_RS SLOT_F64(pc->b)
#define FA_SR SLOT_F64(pc->a)
#define FB_SR df
#define FPUT_D PUT_F64(pc->d)
#define FPUT_N (void)0
#define DO_F(row, form, put)                                                   \
	{ const double a_ = FA_##form, b_ = FB_##form; df = row_##row(a_, b_); FPUT_##put; }
#define EA_S ((uint64_t)SLOT_I32(pc->a) + pc->u32)
#define EA_R ((uint64_t)ACC_I32 + pc->u32)
#define EA_XRS ((uint64_t)(ACC_I32 + SLOT_I32(pc->b)) + pc->c)
#define EA_XSS ((uint64_t)(SLOT_I32(pc->a) + SLOT_I32(pc->b)) + pc->c)
#define EA_XRI ((uint64_t)(ACC_I32 + pc->u32))
#define LPUT_D(T) PUT_##T(pc->d)
#define LPUT_N(T) (void)0
#define DO_L(row, T, M, form, put)                                             \
	{ const uint64_t ea_ = EA_##form; ACC_LOAD_##T(M, ea_); LPUT_##put(T); }
#define ST_SS(T, M) { const uint64_t ea_ = EA_S; STORE_##T##_##M(ea_, SLOT_##T(pc->d)); }
#define ST_SR(T, M) { const uint64_t ea_ = EA_S; STORE_##T##_##M(ea_, ACC_##T); }
#define ST_RS(T, M) { const uint64_t ea_ = EA_R; STORE_##T##_##M(ea_, SLOT_##T(pc->d)); }
#define ST_SI(T, M) { const uint64_t ea_ = (uint64_t)SLOT_I32(pc->a) + pc->d; STORE_##T##_##M(ea_, (uint64_t)(int64_t)pc->imm); }
#define ST_RI(T, M) { const uint64_t ea_ = (uint64_t)ACC_I32 + pc->d; STORE_##T##_##M(ea_, (uint64_t)(int64_t)pc->imm); }
#define DO_S(row, T, M, form) ST_##form(T, M)
#define DO_MOV { fp[pc->d] = fp[pc->a]; }
#define DO_MOVP { fp[pc->d] = fp[pc->a]; fp[pc->d + 1] = fp[pc->b]; }
#define DO_CONST { fp[pc->d] = pc->u32; }
#define DO_SET { fp[pc->d] = r; }

#define DO_SELECT { r = fp[(uint32_t)r ? pc->a : pc->b]; fp[pc->d] = r; }

/* ---- second operations: the same, or a jump ---- */
#define END_I(...) DO_I(__VA_ARGS__) NEXT(1);
#define END_F(...) DO_F(__VA_ARGS__) NEXT(1);
#define END_L(...) DO_L(__VA_ARGS__) NEXT(1);
#define END_S(...) DO_S(__VA_ARGS__) NEXT(1);
#define END_MOV DO_MOV NEXT(1);
#define END_CONST DO_CONST NEXT(1);
#define END_SELECT DO_SELECT NEXT(1);
#define BA_SI fp[pc->a]
#define BB_SI ((uint64_t)(int64_t)(int16_t)pc->d)
#define BA_RI r
#define BB_RI ((uint64_t)(int64_t)(int32_t)(pc->d | (uint32_t)pc->a << 16))
#define BA_RS r
#define BB_RS fp[pc->d]
#define BA_SR fp[pc->a]
#define BB_SR r
#define BA_R r
#define BB_R 0
#define BA_S fp[pc->a]
#define BB_S 0
#define GO_F JUMP_FORWARD()
#define GO_B JUMP_BACK()
#define END_B(row, form, way, when)                                            \
	{ const uint64_t a_ = BA_##form, b_ = BB_##form;                       \
	  if (row_##row(a_, b_) == (when)) { GO_##way; } NEXT(1); }
#define END_BR JUMP_FORWARD();
#define END_BACK JUMP_BACK();
#define END_RET_R                                                              \
	{ const struct wasm_frame *fr_ = (const struct wasm_frame *)(fp + pc->d); \
	  const struct wasm_op *ret_ = fr_->ret; uint64_t *to_ = fr_->fp;      \
	  fp[0] = r; fp = to_; pc = ret_; GO(); }
#define END_RET_S                                                              \
	{ const struct wasm_frame *fr_ = (const struct wasm_frame *)(fp + pc->d); \
	  const struct wasm_op *ret_ = fr_->ret; uint64_t *to_ = fr_->fp;      \
	  fp[0] = r = fp[pc->a]; fp = to_; pc = ret_; GO(); }

#define END_TABLE_R                                                            \
	{ const uint32_t i_ = ACC_I32 < pc->u32 ? ACC_I32 : pc->u32;           \
	  const int32_t *e_ = (const int32_t *)(pc + 1) + i_;                  \
	  pc = (const struct wasm_op *)(((uintptr_t)e_ & ~(uintptr_t)15) + (intptr_t)*e_); \
	  TURN(); GO(); }
#define END_CALL                                                               \
	{ struct wasm_rt_func *f_ = OP_PTR(pc);                                \
	  uint64_t *to_ = fp + pc->d;                                          \
	  struct wasm_frame *fr_ = (struct wasm_frame *)(to_ + f_->param_slots); \
	  fr_->ret = pc + 2; fr_->fp = fp; fr_->func = f_;                     \
	  fp = to_; r = (uint64_t)(uintptr_t)f_; pc = f_->entry; GO(); }

/* ---- the handlers, named by their pairs ---- */
#define NAME_I(row, form, put) row##_##form##_##put
#define NAME_F(row, form, put) row##_##form##_##put
#define NAME_L(row, T, M, form, put) row##_##form##_##put
#define NAME_S(row, T, M, form) row##_##form
#define NAME_B(row, form, way, when) row##_##form##_##way##when
#define NAME_MOV mov
#define NAME_MOVP mov2
#define NAME_CONST const
#define NAME_SET set
#define NAME_SELECT select
#define NAME_BR br
#define NAME_BACK back
#define NAME_TABLE_R table
#define NAME_CALL call
#define NAME_RET_R ret_r
#define NAME_RET_S ret_s
#define PAIR(first, second) PAIR_(first, second)
#define PAIR_(first, second) pair_##first##__##second
#define FUSE(first, second)                                                    \
	static HANDLER void PAIR(NAME_##first, NAME_##second)(OP_ARGS)         \
	{ DO_##first pc++; END_##second }
#include "wasm/fuse.def"
#undef FUSE

/* ---- which handlers they stand for ---- */
#define STORES_D FORM_D
#define STORES_N 0
#define AT_I(row, form, put) wasm__num_at(wasm__h_num, WASM_ROW_##row, FORM_##form + STORES_##put)
#define AT_F(row, form, put) wasm__num_at(wasm__h_num, WASM_ROW_##row, FORM_##form + STORES_##put)
#define AT_L(row, T, M, form, put) wasm__mem_handler(WASM_ROW_##row, FORM_##form + STORES_##put)
#define AT_S(row, T, M, form) wasm__mem_handler(WASM_ROW_##row, FORM_ST_##form)
#define WAY_F 0
#define WAY_B 1
#define AT_B(row, form, way, when) \
	wasm__br_handler(WASM_ROW_##row - WASM_CMP_FIRST, when, WAY_##way, FORM_##form)
#define AT_MOV wasm__op_mov
#define AT_MOVP wasm__op_mov2
#define AT_CONST wasm__op_const32
#define AT_SET wasm__op_set_r
#define AT_SELECT wasm__op_select_r_s
#define AT_BR wasm__op_br
#define AT_BACK wasm__op_br_back
#define AT_TABLE_R wasm__op_br_table_r
#define AT_CALL wasm__op_call
#define AT_RET_R wasm__op_ret_r
#define AT_RET_S wasm__op_ret_s
#endif

/* A hash table of pairs; there are no more than half as many as places. */
enum { PLACES = 1 << 10 };
struct wasm_fuse {
	struct place {
		int32_t first, second, pair;    /* near(); 0: empty */
	} places[PLACES];
};

/* A handler in half the room: from another one, as no code is far from other. */
static inline int32_t near(wasm_op_fn *fn)
{
	return (int32_t)((uintptr_t)fn - (uintptr_t)wasm__op_exit);
}

static inline wasm_op_fn *far(int32_t near)
{
	return near ? (wasm_op_fn *)((uintptr_t)wasm__op_exit + (uintptr_t)(intptr_t)near) : NULL;
}

static inline unsigned place_of(int32_t first, int32_t second)
{
	const uint64_t h = (uint32_t)first * 0x9e3779b97f4a7c15ull ^
		(uint32_t)second * 0xc2b2ae3d27d4eb4full;

	return (unsigned)(h >> 40) % PLACES;
}

wasm_op_fn *wasm__fuse_find(const struct wasm_fuse *f, wasm_op_fn *first, wasm_op_fn *second)
{
	const int32_t a = near(first), b = near(second);

	for (unsigned i = place_of(a, b);; i = (i + 1) % PLACES) {
		const struct place *p = &f->places[i];

		if (!p->pair || (p->first == a && p->second == b))
			return far(p->pair);
	}
}

#if FUSING
static void add(struct wasm_fuse *f, wasm_op_fn *first, wasm_op_fn *second, wasm_op_fn *pair)
{
	unsigned i = place_of(near(first), near(second));

	while (f->places[i].pair)
		i = (i + 1) % PLACES;
	f->places[i] = (struct place){ near(first), near(second), near(pair) };
}
#endif

/* NULL: no memory, or a build that does not fuse. */
struct wasm_fuse *wasm__fuse_create(void)
{
#if FUSING
	struct wasm_fuse *f = base_zalloc(sizeof(*f));

	if (!f)
		return NULL;
#define FUSE(first, second) add(f, AT_##first, AT_##second, PAIR(NAME_##first, NAME_##second));
#include "wasm/fuse.def"
#undef FUSE
	return f;
#else
	return NULL;
#endif
}
