/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intermediate representation of the translator: what the lifters
 * (riscv/, wasm/) produce and jit/ lowers.  Typed SSA with block parameters.
 *
 * A function is a set of growing arrays; everything is named by a 32-bit
 * index and nothing is allocated one by one:
 *
 *   insn[]   instructions of 32 bytes; the index of an instruction is also the
 *            name of the value that it computes (ir_ref).  0 is no value.
 *   block[]  each has a doubly linked list of its instructions, first the
 *            PARAMs, last one terminator; order[] is the layout.
 *   edge[]   where terminators go and with which arguments
 *   list[]   arguments of edges and calls, slots of exits (append only)
 *   exit[]   how guest state is rebuilt where the code leaves early
 *   pool[]   constants that do not fit 32 bits
 *
 * Leaves (CONST, PIN) stand in no block: they are the same everywhere, and
 * the lowering puts them where they are used.
 *
 * Guest state is a struct of the front end's (a hart, an instance).  A lifter
 * reads and writes it with GETSTATE and PUTSTATE as the guest does; the pass
 * `promote` makes values of them, and what is still to be written at an exit
 * goes to the exit's slots.  Code leaves in one way only: by an exit, which
 * names a kind and a cookie (the front end's: a trap, a guest address, an
 * index of its own table) and the slots that must be stored before it is true
 * that state holds what the guest has computed.
 *
 * Out of memory: func.failed becomes set, everything that makes instructions
 * returns 0 and nothing breaks; look at it once, at the end.
 * Not thread safe; a function belongs to one thread.  Relies on base/ only.
 */
#ifndef IR_IR_H
#define IR_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

typedef uint32_t ir_ref; /* index into insn[]; 0: none */

/*
 * Types.  Values have one of the first six; the others describe memory
 * (how narrow integers are widened) and lanes, as the controlling type `ct`
 * of an instruction.
 */
enum ir_type {
	IR_VOID, IR_I32, IR_I64, IR_F32, IR_F64, IR_V128,
	IR_VALUE_TYPES,
	IR_U8 = IR_VALUE_TYPES, IR_S8, IR_U16, IR_S16, IR_U32, IR_S32,
	IR_I8X16, IR_I16X8, IR_I32X4, IR_I64X2, IR_F32X4, IR_F64X2,
	IR_TYPES
};

enum ir_op {
#define OP(id, text, types, sig, flags, rules, e) IR_##id,
#include "ir/op.def"
#undef OP
	IR_OPS
};

/* Properties of an operation, the column `flags` of op.def. */
enum {
	IR_COMM = 1 << 0,   /* the first two operands may be exchanged */
	IR_PURE = 1 << 1,   /* depends on its operands only, and changes nothing */
	IR_CMP = 1 << 2,    /* a test; 0 or 1: branches and guards fuse it */
	IR_FP = 1 << 3,     /* aux is IR_FP_...: rounding, NaN, flags */
	IR_LEAF = 1 << 4,   /* stands in no block */
	IR_TERM = 1 << 5,   /* ends a block; x: number of its edges, imm: the first */
	IR_READS = 1 << 6,  /* reads memory of an alias class */
	IR_WRITES = 1 << 7, /* writes it (with READS: an atomic) */
	IR_EXITS = 1 << 8,  /* x: exit[] index, 0 when it cannot leave */
	IR_EFFECT = 1 << 9, /* stays, even when no one uses its value */
	IR_CALLS = 1 << 10, /* imm: list[] of descriptor, count, arguments */
	IR_DIV = 1 << 11,   /* aux is IR_DIV_... */
	IR_MEM = 1 << 12,   /* aux is ir_mem(); a[0] base, a[1] index, imm offset */
	IR_STATE = 1 << 13, /* imm is an offset in guest state */
	IR_IMM = 1 << 14,   /* imm is part of the meaning */
};

/* What is true of x op constant and of x op x: the column `rules`. */
enum {
	IR_R0_X = 1 << 0,  /* x op 0 = x */
	IR_R0_0 = 1 << 1,  /* x op 0 = 0 */
	IR_R1_X = 1 << 2,  /* x op 1 = x */
	IR_R1_0 = 1 << 3,  /* x op 1 = 0 */
	IR_RM_X = 1 << 4,  /* x op -1 = x */
	IR_RM_M = 1 << 5,  /* x op -1 = -1 */
	IR_RM_0 = 1 << 6,  /* x op -1 = 0 */
	IR_RX_X = 1 << 7,  /* x op x = x */
	IR_RX_0 = 1 << 8,  /* x op x = 0 */
	IR_RX_1 = 1 << 9,  /* x op x = 1 */
	IR_R0_1 = 1 << 10, /* x op 0 = 1 */
	IR_L0_0 = 1 << 11, /* 0 op x = 0 */
	IR_LM_M = 1 << 12, /* -1 op x = -1 */
	IR_ASSOC = 1 << 13,/* (x op c) op d = x op (c op d) */
	IR_SELF = 1 << 14, /* op op x = x */
	IR_IDEM = 1 << 15, /* op op x = op x */
	IR_R0_M = 1 << 16, /* x op 0 = -1 */
	IR_RM_1 = 1 << 17, /* x op -1 = 1 */
};

/* aux of IR_FP rows */
enum {
	IR_FP_RM = 7,     /* 0 nearest even, 1 to zero, 2 down, 3 up, 7: the mode the host is in */
	IR_FP_DYN = 7,
	IR_FP_CANON = 8,  /* a NaN that comes out is the canonical positive one */
	IR_FP_FLAGS = 16, /* the exceptions that it raises stick in the host's flags and matter */
};

/* aux of IR_DIV rows: promises made by guards that dominate; without them the
 * result is RISC-V's (x/0 = -1, x%0 = x, MIN/-1 = MIN, MIN%-1 = 0). */
enum {
	IR_DIV_NONZERO = 1,    /* the divisor is not 0 */
	IR_DIV_NO_OVERFLOW = 2 /* not MIN / -1 */
};

/* Alias classes: memory of different classes does not overlap. */
enum ir_alias {
	IR_ALIAS_MEM,    /* guest memory */
	IR_ALIAS_MEM1,   /* Wasm memories but the first */
	IR_ALIAS_STATE,  /* guest state, by GETSTATE and PUTSTATE or by pointer */
	IR_ALIAS_TABLE,  /* elements of tables, and their bounds */
	IR_ALIAS_GC,     /* objects that the guest's collector owns */
	IR_ALIAS_STACK,  /* slots of the function's own frame */
	IR_ALIAS_TLB,    /* translations of guest addresses */
	IR_ALIAS_FP,     /* the host's floating-point flags and mode */
	IR_ALIAS_HOST,   /* anything else that is writable */
	IR_ALIAS_CONST,  /* never written while the code lives */
	IR_ALIASES
};

/* aux of IR_MEM rows: address = a[0] + (a[1] << scale) + imm (signed). */
enum { IR_MEM_ALIAS = 15, IR_MEM_SCALE = 3 << 4, IR_MEM_SCALE_SHIFT = 4,
       IR_MEM_ORDERED = 64 /* sequentially consistent */ };
static inline uint8_t ir_mem(enum ir_alias alias, unsigned scale)
{
	return (uint8_t)(alias | scale << IR_MEM_SCALE_SHIFT);
}

/* aux of XLATE: access | log2(bytes) << 2. */
enum { IR_ACCESS_READ, IR_ACCESS_WRITE, IR_ACCESS_RMW, IR_ACCESS_EXEC };

/* PIN: host pointers that the lowering keeps in registers of their own. */
enum { IR_PIN_STATE, IR_PIN_MEM, IR_PINS };

struct ir_insn {
	uint8_t op;    /* enum ir_op */
	uint8_t type;  /* of the value, IR_VOID when there is none */
	uint8_t ct;    /* controlling type (operands of a compare, memory, lanes) */
	uint8_t aux;   /* by row: IR_FP_, IR_DIV_, ir_mem() */
	ir_ref a[3];
	int32_t imm;   /* constant, offset, or index into edge[] or list[] */
	uint32_t x;    /* exit[] index; terminators: number of edges */
	ir_ref prev, next; /* in the block */
};

struct ir_block {
	ir_ref first, last; /* 0: empty; last is the terminator once there is one */
	uint32_t nparams;   /* PARAMs at the front, their imm is their number */
	uint32_t freq;      /* of execution, from the profile; 0: never seen */
	uint32_t flags;     /* IR_BLOCK_... */
	uint64_t cookie;    /* the front end's (guest address); for maps and dumps */
};
enum { IR_BLOCK_DEAD = 1, IR_BLOCK_COLD = 2, IR_BLOCK_ENTRY = 4 /* reserved: entered from outside */ };

struct ir_edge {
	uint32_t target;  /* block */
	uint32_t args;    /* list[] index of target's nparams references */
	uint32_t weight;  /* how often, from the profile; 0: unknown or never */
};

/* A slot of an exit is two words of list[]: offset | how << 24, value. */
enum ir_how {
	IR_HOW_PLAIN, /* as many bytes as the value's type has */
	IR_HOW_SEXT,  /* i32 sign-extended to 64 bits */
	IR_HOW_ZEXT,  /* i32 zero-extended */
	IR_HOW_BOX,   /* f32 below 32 one bits */
	IR_HOW_8, IR_HOW_16, IR_HOW_32, /* the low bits of an integer */
	IR_HOWS
};
struct ir_exit {
	uint64_t cookie;
	uint32_t kind;
	uint32_t slots;  /* list[] index */
	uint32_t nslots;
	uint32_t block;  /* resume there instead: reserved for inlining; 0 */
};
enum { IR_OFFSET_MASK = 0xffffff };
/* State offsets from here on are slots of the function's frame: known at
 * exits, but dead once the function returns. */
enum { IR_FRAME = 0x800000 };

/*
 * What a call calls and what it may do.  Descriptors are constant data of the
 * front end's.  Arguments and result follow the host's C convention unless
 * IR_CALL_GUEST (the convention of jit/ for translated code; then the first
 * argument is the address of the code).
 */
struct ir_helper {
	const char *name;
	const void *fn;
	const char *sig;        /* operands ":" result, letters i I f F V; "II:I" */
	uint16_t reads, writes; /* BIT(alias) */
	uint16_t flags;
};
enum {
	IR_CALL_PURE = 1,     /* same arguments, same result */
	IR_CALL_COLD = 2,     /* rarely: registers are to be kept for those who do not call */
	IR_CALL_NORETURN = 4,
	IR_CALL_GUEST = 8,
	IR_CALL_SAFEPOINT = 16, /* may collect or unwind: x says where references are */
};

struct ir_func {
	struct ir_insn *insn;
	uint32_t *block_of;     /* of each instruction; IR_NO_BLOCK: in none */
	struct ir_block *block;
	struct ir_edge *edge;
	uint32_t *list;
	struct ir_exit *exit;
	uint64_t *pool;
	const struct ir_helper **helper;
	uint32_t *order;        /* blocks in layout order, order[0] the entry */
	uint32_t ninsn, nblock, nedge, nlist, nexit, npool, nhelper, norder;
	uint32_t cinsn, cblock, cedge, clist, cexit, cpool, chelper, corder;
	uint32_t *hash;         /* interned leaves and, while building, local values */
	uint32_t nhash, hash_used;
	uint32_t cur;           /* block that emit appends to */
	ir_ref at;              /* or before this instruction, when not 0 */
	uint8_t nresults;
	uint8_t result[7];      /* types of RET's operands */
	bool failed;            /* out of memory, or over IR_INSNS_MAX */
	bool raw;               /* emit as told: no folding (parser, tests) */
	bool alone;             /* no other thread writes guest memory: a loop may keep what it loaded */
	uint32_t *uses;         /* by ir_count_uses(); capacity cinsn */
	char name[48];
	struct arena scratch;   /* for analyses; emptied between passes */
};
enum { IR_NO_BLOCK = ~0u, IR_INSNS_MAX = 1 << 24 };

/* What a row says, for those who work by table. */
struct ir_row {
	const char *text;
	const char *sig;   /* operands "_" result: T is ct, i I f F V fixed, A any, N none */
	uint32_t types;    /* BIT(enum ir_type): what ct may be; 0: none */
	uint32_t flags, rules;
	uint8_t nargs;     /* operands in a[] */
};
extern const struct ir_row ir_rows[IR_OPS];
extern const char *const ir_type_names[IR_TYPES];
unsigned ir_type_size(unsigned type); /* bytes; of lanes: of the vector */
static inline bool ir_has(const struct ir_insn *i, uint32_t flags)
{
	return ir_rows[i->op].flags & flags;
}

/* ---- functions (func.c) ------------------------------------------------- */

int ir_init(struct ir_func *f);             /* -ENOMEM; the caller owns *f */
void ir_reset(struct ir_func *f);           /* empty again, memory kept */
void ir_fini(struct ir_func *f);

uint32_t ir_block(struct ir_func *f);       /* new, at the end of the layout */
ir_ref ir_param(struct ir_func *f, uint32_t block, enum ir_type t);
static inline void ir_at(struct ir_func *f, uint32_t block) { f->cur = block, f->at = 0; }

/* Constants: interned; bits are zero-extended for i32 and f32. */
ir_ref ir_const(struct ir_func *f, enum ir_type t, uint64_t bits);
ir_ref ir_v128(struct ir_func *f, uint64_t lo, uint64_t hi);
static inline ir_ref ir_i32(struct ir_func *f, uint32_t v) { return ir_const(f, IR_I32, v); }
static inline ir_ref ir_i64(struct ir_func *f, uint64_t v) { return ir_const(f, IR_I64, v); }
ir_ref ir_pin(struct ir_func *f, unsigned n);
uint64_t ir_const_bits(const struct ir_func *f, ir_ref v); /* low 64 */
uint64_t ir_const_high(const struct ir_func *f, ir_ref v); /* of v128 */
static inline bool ir_is_const(const struct ir_func *f, ir_ref v);

/* Exits: make one, give it slots (usually `promote` does), hand it to emit.
 * An exit belongs to one instruction. */
uint32_t ir_exit(struct ir_func *f, uint32_t kind, uint64_t cookie);
void ir_exit_slot(struct ir_func *f, uint32_t exit, uint32_t offset, enum ir_how how, ir_ref v);
/* The types of RET's operands, before the first RET. */
void ir_results(struct ir_func *f, const enum ir_type *t, unsigned n);

/* Reserve n words of list[] (index; 0 when out of memory, never valid). */
uint32_t ir_list(struct ir_func *f, uint32_t n);
uint32_t ir_helper(struct ir_func *f, const struct ir_helper *h); /* interned */

/* ---- building (build.c): append to block f->cur ------------------------- */

/*
 * Emit a row: op, controlling type (IR_VOID where the row has none), operands
 * (0 where it has fewer), and imm and aux where the row uses them.  Folds,
 * applies the rules, finds equal values of the same block.
 */
ir_ref ir_emit(struct ir_func *f, enum ir_op op, enum ir_type ct, ir_ref a, ir_ref b, ir_ref c,
	       int32_t imm, uint8_t aux);
static inline ir_ref ir_1(struct ir_func *f, enum ir_op op, enum ir_type ct, ir_ref a)
{
	return ir_emit(f, op, ct, a, 0, 0, 0, 0);
}
static inline ir_ref ir_2(struct ir_func *f, enum ir_op op, enum ir_type ct, ir_ref a, ir_ref b)
{
	return ir_emit(f, op, ct, a, b, 0, 0, 0);
}
static inline ir_ref ir_fp(struct ir_func *f, enum ir_op op, enum ir_type ct, ir_ref a, ir_ref b,
			   ir_ref c, uint8_t fp)
{
	return ir_emit(f, op, ct, a, b, c, 0, fp);
}
/* if c then a else b; c is i32 */
ir_ref ir_select(struct ir_func *f, ir_ref c, ir_ref a, ir_ref b);
/* Memory type mt widened to t; exit 0 when it cannot fault. */
ir_ref ir_load(struct ir_func *f, enum ir_type t, enum ir_type mt, ir_ref base, ir_ref index,
	       int32_t offset, uint8_t mem, uint32_t exit);
void ir_store(struct ir_func *f, enum ir_type mt, ir_ref base, ir_ref index, int32_t offset,
	      ir_ref v, uint8_t mem, uint32_t exit);
/* op is RMW_... or CAS (b expected, c new); index is not possible */
ir_ref ir_atomic(struct ir_func *f, enum ir_op op, enum ir_type t, enum ir_type mt, ir_ref base,
		 int32_t offset, ir_ref b, ir_ref c, uint8_t mem, uint32_t exit);
ir_ref ir_getstate(struct ir_func *f, enum ir_type t, enum ir_type mt, uint32_t offset);
void ir_putstate(struct ir_func *f, enum ir_type mt, uint32_t offset, ir_ref v);
/* Go on when c (i32) is not 0, else leave by the exit. */
void ir_guard(struct ir_func *f, ir_ref c, uint32_t exit);
/* What has to be added to a guest address, valid for the whole range. */
ir_ref ir_xlate(struct ir_func *f, ir_ref addr, int32_t offset, unsigned access, unsigned log2_bytes,
		uint32_t exit);
/* Take n from the budget, leave when it is used up; n 0: look whether someone
 * asks to stop, only. */
void ir_poll(struct ir_func *f, uint32_t n, uint32_t exit);
ir_ref ir_call(struct ir_func *f, const struct ir_helper *h, const ir_ref *args, unsigned n,
	       uint32_t exit);
ir_ref ir_result(struct ir_func *f, ir_ref call, enum ir_type t, unsigned n); /* second and later results */

/* Terminators.  An edge's arguments are copied; weight from the profile. */
struct ir_to {
	uint32_t block;
	const ir_ref *args; /* as many as the block has parameters */
	unsigned n;
	uint32_t weight;
};
#define IR_TO(b) ((struct ir_to){ (b), NULL, 0, 0 })
void ir_jump(struct ir_func *f, struct ir_to to);
void ir_branch(struct ir_func *f, ir_ref c, struct ir_to then, struct ir_to other);
/* v (i32) chooses among the first n-1, else the last */
void ir_switch(struct ir_func *f, ir_ref v, const struct ir_to *to, unsigned n);
void ir_ret(struct ir_func *f, const ir_ref *v, unsigned n);
void ir_leave(struct ir_func *f, uint32_t exit);
/* Go to the guest address v: the lowering looks for its code; the exit is for
 * when there is none. */
void ir_goto(struct ir_func *f, ir_ref v, uint32_t exit);
void ir_tail(struct ir_func *f, const struct ir_helper *h, const ir_ref *args, unsigned n);

/* ---- changing (func.c), for passes and lowering --------------------------- */

/* An instruction before (after) `at`, not folded; fields are the caller's. */
ir_ref ir_insert_before(struct ir_func *f, ir_ref at, const struct ir_insn *i);
ir_ref ir_insert_after(struct ir_func *f, ir_ref at, const struct ir_insn *i);
ir_ref ir_append(struct ir_func *f, uint32_t block, const struct ir_insn *i);
void ir_unlink(struct ir_func *f, ir_ref i);               /* out of its block */
void ir_move_before(struct ir_func *f, ir_ref i, ir_ref at);

/* Every operand of instruction i, in a[], edges, calls and exits: calls
 * fn(p, arg) with a pointer that may be written. */
void ir_each_operand(struct ir_func *f, ir_ref i, void (*fn)(ir_ref *p, void *arg), void *arg);
void ir_count_uses(struct ir_func *f); /* fills f->uses */

static inline bool ir_is_const(const struct ir_func *f, ir_ref v)
{
	return f->insn[v].op == IR_CONST;
}
static inline enum ir_type ir_type(const struct ir_func *f, ir_ref v)
{
	return (enum ir_type)f->insn[v].type;
}
/* `for (IR_EACH(f, b, i))`: the body may unlink i. */
#define IR_EACH(f, b, i)                                                             \
	ir_ref i = (f)->block[b].first, i##_next = (f)->insn[i].next; i; i = i##_next, \
	i##_next = (f)->insn[i].next
static inline struct ir_edge *ir_edges(struct ir_func *f, uint32_t block, uint32_t *n)
{
	struct ir_insn *t = &f->insn[f->block[block].last];

	*n = ir_has(t, IR_TERM) ? t->x : 0;
	/* Only JUMP, BRANCH and SWITCH have edges; x of the others is an exit. */
	if (t->op != IR_JUMP && t->op != IR_BRANCH && t->op != IR_SWITCH)
		*n = 0;
	return f->edge + (*n ? t->imm : 0);
}

/* ---- analyses (cfg.c, live.c), in f->scratch; NULL or false when out of memory -- */

struct ir_cfg {
	uint32_t *rpo;       /* reachable blocks in reverse postorder */
	uint32_t *rpo_index; /* of each block; IR_NO_BLOCK: unreachable */
	uint32_t n;
	uint32_t *pred;      /* pred[pred_at[b] .. pred_at[b+1]]: edge indices into b */
	uint32_t *pred_at;
	uint32_t *edge_from; /* block of each edge */
	uint32_t *idom;      /* of each block; the entry's is itself */
	uint32_t *dom_in, *dom_out; /* a dominates b: in[a] <= in[b] && out[b] <= out[a] */
	uint32_t *dom_order; /* blocks in preorder of the dominator tree */
	uint32_t *loop;      /* innermost loop's header of each block; IR_NO_BLOCK */
	uint32_t *parent;    /* by header: the header of the loop around */
	uint32_t *depth;     /* of each block */
};
bool ir_cfg(struct ir_func *f, struct ir_cfg *c);          /* order, predecessors */
bool ir_dominators(struct ir_func *f, struct ir_cfg *c);   /* after ir_cfg */
bool ir_loops(struct ir_func *f, struct ir_cfg *c);        /* after ir_dominators */
static inline bool ir_dominates(const struct ir_cfg *c, uint32_t a, uint32_t b)
{
	return c->dom_in[a] <= c->dom_in[b] && c->dom_out[b] <= c->dom_out[a];
}
/* Bit sets of values live at the entry and exit of each block; leaves never.
 * word(b, v): in[b * words + v / 64] >> v % 64. */
struct ir_live {
	uint64_t *in, *out;
	uint32_t words;
	uint32_t *dense;    /* value -> bit */
	ir_ref *value;      /* bit -> value: only values that cross blocks have one */
	uint32_t n;
};
bool ir_liveness(struct ir_func *f, const struct ir_cfg *c, struct ir_live *l);

/* ---- text, checking, running ------------------------------------------------ */

/* NULL when it is well formed, else one line (in buf). */
const char *ir_verify(struct ir_func *f, char *buf, size_t size);
/* The text form, to be freed with base_free(); NULL when out of memory. */
char *ir_print(const struct ir_func *f);
/* Read one function from text; helpers are looked up by name in `h` (ended by
 * a NULL name).  -EINVAL with "line N: ..." in e; *end: after the function. */
int ir_parse(struct ir_func *f, const char *text, const struct ir_helper *h, const char **end,
	     struct err *e);

union ir_value {
	uint32_t i32;
	uint64_t i64;
	float f32;
	double f64;
	uint64_t v128[2];
};

/* The reference: what a function means. */
struct ir_machine {
	uint8_t *state;                 /* guest state and, from IR_FRAME, the frame */
	uint32_t state_size, frame_size;
	uint8_t *frame;
	uint64_t pin[IR_PINS];
	uint8_t fp_flags;               /* sticky: 1 NX 2 UF 4 OF 8 DZ 16 NV, as RISC-V */
	uint8_t fp_mode;                /* rounding for IR_FP_DYN */
	int64_t budget;                 /* of POLL */
	bool stop;
	uint64_t steps;                 /* instructions left, against endless loops */
	void *arg;
	/* false: a fault, the instruction's exit is taken */
	bool (*load)(struct ir_machine *m, uint64_t addr, unsigned size, void *to);
	bool (*store)(struct ir_machine *m, uint64_t addr, unsigned size, const void *from);
	bool (*xlate)(struct ir_machine *m, uint64_t addr, unsigned access, unsigned size, uint64_t *addend);
	void (*call)(struct ir_machine *m, const struct ir_helper *h, const union ir_value *args,
		     unsigned n, union ir_value *result);
};
enum ir_outcome { IR_RETURNED, IR_LEFT, IR_WENT, IR_TAILED, IR_STEPS, IR_NO_MEMORY };
struct ir_end {
	enum ir_outcome how;
	uint32_t kind;       /* of the exit */
	uint64_t cookie;
	uint64_t target;     /* of GOTO */
	union ir_value value[8];
	unsigned n;
};
void ir_eval(struct ir_func *f, struct ir_machine *m, const union ir_value *args, unsigned nargs,
	     struct ir_end *end);
/* One pure row on values; false when the row cannot be computed without a
 * machine.  *fp: exceptions raised. */
bool ir_compute(enum ir_op op, enum ir_type ct, uint8_t aux, int32_t imm, const union ir_value *a,
		const union ir_value *b, const union ir_value *c, union ir_value *r, uint8_t *fp);

/* ---- passes (pass.c) ------------------------------------------------------- */

struct ir_pass {
	const char *name;
	char letter;                 /* in --dump */
	bool (*run)(struct ir_func *f); /* false: out of memory */
	const char *what;
};
extern const struct ir_pass ir_passes[];
extern const unsigned ir_npasses;
const struct ir_pass *ir_pass_find(const char *name, size_t len);
/* Names separated by ','; NULL: the pipeline of the optimizing tier.
 * `dump` (may be NULL) is called after every pass. */
int ir_run(struct ir_func *f, const char *passes,
	   void (*dump)(const struct ir_func *f, const struct ir_pass *p, void *arg), void *arg,
	   struct err *e);

#endif
