/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of riscv/ share: the hart, its decoded code, its TLBs.
 * Everything here belongs to the hart's own thread except the fields marked
 * atomic.
 */
#ifndef RISCV_STATE_H
#define RISCV_STATE_H

#include "base/bits.h"
#include "riscv/hart.h"

enum { PRIV_U = 0, PRIV_S = 1, PRIV_M = 3 };

/* mcause values: Priv. spec table "Machine cause register values". */
enum riscv_trap {
	TRAP_FETCH_MISALIGNED = 0,
	TRAP_FETCH_ACCESS = 1,
	TRAP_ILLEGAL = 2,
	TRAP_BREAK = 3,
	TRAP_LOAD_MISALIGNED = 4,
	TRAP_LOAD_ACCESS = 5,
	TRAP_STORE_MISALIGNED = 6,
	TRAP_STORE_ACCESS = 7,
	TRAP_ECALL_U = 8,       /* + privilege */
	TRAP_FETCH_PAGE = 12,
	TRAP_LOAD_PAGE = 13,
	TRAP_STORE_PAGE = 15,
};

enum riscv_access { ACC_FETCH, ACC_LOAD, ACC_STORE };

/* ---- TLB ------------------------------------------------------------------
 * Direct mapped, one for each data context so that a change of privilege
 * flushes nothing.  An entry's tag is the page address; the probe compares
 * it with the address whose low bits below the access size are kept, so that
 * a misaligned access misses.  host = addend + va.  Only RAM is here.
 */
enum { TLB_BITS = 9, TLB_SIZE = 1 << TLB_BITS };
enum { TLB_EMPTY = 1 }; /* an odd tag matches no access */

struct tlb_entry {
	uint64_t tag;
	uint64_t addend;
};
struct tlb {
	struct tlb_entry load[TLB_SIZE], store[TLB_SIZE];
};
/* Data contexts. */
enum { CTX_U, CTX_S, CTX_S_SUM, CTX_M, CTX_COUNT };

/* ---- decoded code ---------------------------------------------------------
 * A slot for each halfword of a page.  `left` is the number of instructions
 * from this one to the end of its straight run (code.c), 0 in slots that do
 * their own accounting.
 */
struct op;
/* Handlers: hart, slot, instructions left in this slice after the current
 * run, the TLB of the current data context. */
#define OP_ARGS struct riscv_hart *h, const struct op *op, int64_t n, struct tlb *t
typedef void op_fn(OP_ARGS);

struct op {
	op_fn *fn;
	int32_t imm;
	uint8_t rd, rs1, rs2, left;
};
_Static_assert(sizeof(struct op) == 16, "pc is derived from the slot's address");

enum { PAGE_SLOTS = MEM_PAGE / 2 };

struct code_page {
	struct op op[PAGE_SLOTS + 2];   /* first: page of an op = op - index */
	uint64_t gpa;
	uint64_t epoch;                 /* FENCE.I epoch in which it was verified */
	const uint8_t *host;
	struct code_page *hash_next;
	bool used;                      /* for the clock hand */
	_Alignas(64) uint8_t copy[MEM_PAGE]; /* what was decoded */
};

/* Exec contexts have their own maps from pc to code. */
enum { XCTX_U, XCTX_S, XCTX_M, XCTX_COUNT };
/* pc -> slot; a cache of riscv__code_enter(). */
enum { JC_BITS = 9, JC_SIZE = 1 << JC_BITS };
struct jc_entry {
	uint64_t pc;                    /* odd: empty */
	const struct op *op;
};
/* Virtual page -> decoded page. */
enum { XTLB_BITS = 8, XTLB_SIZE = 1 << XTLB_BITS };
struct xtlb_entry {
	uint64_t va;                    /* odd: empty */
	struct code_page *page;
};
enum { CODE_HASH = 1024 };

/* What was learned about one address space (view.c). */
enum { VIEW_COUNT = 8 };
struct view {
	uint64_t satp;
	uint64_t left;                  /* view_clock when it was left */
	uint64_t epoch;                 /* FENCE.I epoch of the jump caches */
	bool stale_data, stale_code;    /* to be flushed before use */
	/* One more than the highest leaf among the entries of a context and a
	 * half of the addresses, 0 for no entry: how far around an address
	 * SFENCE.VMA has to look. */
	uint8_t leaf[CTX_COUNT][2], xleaf[XCTX_COUNT][2];
	struct jc_entry jcs[XCTX_COUNT][JC_SIZE];
	struct xtlb_entry xtlbs[XCTX_COUNT][XTLB_SIZE];
	struct tlb tlb[CTX_COUNT];
};

/* Instructions that were decoded alone, by their bits. */
enum { SINGLE_BITS = 10 };
struct single {
	struct op op;                   /* fn NULL: empty */
	uint32_t insn;
	uint32_t len;                   /* slots */
};

struct pmp_entry {
	uint64_t lo, hi;                /* [lo, hi): decoded; lo == hi: off */
	uint8_t cfg;
};
enum { PMP_COUNT = 16, PMP_R = 1, PMP_W = 2, PMP_X = 4, PMP_L = 0x80 };

struct riscv_decoder;
struct imsic;

struct riscv_hart {
	/* Hot: reached from the hart pointer with a byte displacement. */
	uint64_t x[33];                 /* x[32] takes what is written to x0 */
	uint64_t pc_bias;               /* pc of op = pc_bias + (op >> 3) */
	struct jc_entry *jc;            /* of the current exec context */
	uint8_t fs;                     /* mstatus.FS: 0 Off 1 Initial 2 Clean 3 Dirty */
	uint8_t frm;                    /* fcsr */
	uint8_t priv;
	uint8_t data_priv;              /* of loads and stores: MPRV applied */
	uint8_t fflags;                 /* fcsr */
	uint64_t f[32];
	uintptr_t res_host;             /* LR: host address | (size == 8); 0: none */
	uint64_t res_value;

	/* Between handlers and riscv_run. */
	uint64_t pc;                    /* valid outside the handlers */
	int64_t n;
	uint64_t icount_end;            /* instret when n reaches 0 */
	struct tlb *cur_tlb;
	const struct op *next_op;       /* trampoline builds */
	bool check;                     /* look for interrupts before going on */
	enum riscv_exit exit;
	bool leave;                     /* an exit other than the budget is due */
	uint8_t trap_cause;
	uint64_t trap_tval;
	struct op scratch[4];           /* one instruction at a time */
	const struct op *scratch_next;  /* the slot behind it, or NULL: by its pc */
	uint32_t scratch_insn;

	/* CSRs. */
	uint64_t mstatus;               /* without FS and SD */
	uint64_t medeleg, mideleg, mie, mip; /* mip: the software-written bits */
	uint64_t mtvec, mscratch, mepc, mcause, mtval;
	uint64_t stvec, sscratch, sepc, scause, stval, satp;
	uint64_t mcounteren, scounteren, mcountinhibit, menvcfg, senvcfg;
	uint64_t stimecmp;
	uint64_t instret_off, cycle_off; /* minstret = instret + off */
	uint64_t instret;               /* executed since creation, at slice bounds */
	uint64_t pmpaddr[PMP_COUNT];
	struct pmp_entry pmp[PMP_COUNT];
	bool pmp_on;                    /* some entry is active */

	bool waiting;                   /* in WFI */

	/* Any thread (atomic). */
	uint64_t lines;                 /* levels of the interrupt inputs */
	uint64_t mtimecmp;
	uint32_t kicked;
	uint32_t fence_what;
	uint64_t fence_want, fence_have;

	/* Code. */
	struct riscv_decoder *dec;
	uint64_t epoch;
	uint8_t xctx;                   /* the current exec context */
	struct code_page *hash[CODE_HASH];
	struct code_page **pages;       /* page_count of page_limit exist */
	unsigned page_count, page_limit, hand;
	uint64_t breaks[32];
	unsigned break_count;

	struct riscv_config cfg;
	struct imsic *imsic;
	const struct mem_ram *ram;      /* the region found last, or NULL */
	unsigned fills;                 /* stress: flush after a few */
	uint8_t walk_level;             /* level of the leaf of the last walk */
	struct view *view;              /* of satp */
	uint64_t view_clock;
	struct single singles[1 << SINGLE_BITS];
	struct view views[VIEW_COUNT];
};

#define MSTATUS_SIE BIT(1)
#define MSTATUS_MIE BIT(3)
#define MSTATUS_SPIE BIT(5)
#define MSTATUS_MPIE BIT(7)
#define MSTATUS_SPP BIT(8)
#define MSTATUS_MPP (3ull << 11)
#define MSTATUS_FS (3ull << 13)
#define MSTATUS_MPRV BIT(17)
#define MSTATUS_SUM BIT(18)
#define MSTATUS_MXR BIT(19)
#define MSTATUS_TVM BIT(20)
#define MSTATUS_TW BIT(21)
#define MSTATUS_TSR BIT(22)
#define MSTATUS_UXL (2ull << 32)
#define MSTATUS_SXL (2ull << 34)
#define MSTATUS_SD BIT(63)

#define ENVCFG_FIOM BIT(0)
#define ENVCFG_CBIE (3ull << 4)
#define ENVCFG_CBCFE BIT(6)
#define ENVCFG_CBZE BIT(7)
#define ENVCFG_ADUE BIT(61)
#define ENVCFG_PBMTE BIT(62)
#define ENVCFG_STCE BIT(63)

#define IP_SSIP BIT(1)
#define IP_MSIP BIT(3)
#define IP_STIP BIT(5)
#define IP_MTIP BIT(7)
#define IP_SEIP BIT(9)
#define IP_MEIP BIT(11)

/* ---- mmu.c: slow paths.  False: h->trap_cause and h->trap_tval are set. --- */
bool riscv__load(struct riscv_hart *h, uint64_t va, unsigned size, uint64_t *v);
bool riscv__store(struct riscv_hart *h, uint64_t va, unsigned size, uint64_t v);
/* Host address of an aligned atomic operand in RAM; acc is ACC_LOAD for LR. */
void *riscv__atomic_ptr(struct riscv_hart *h, uint64_t va, unsigned size,
			enum riscv_access acc);
enum riscv_cbo { CBO_inval, CBO_clean, CBO_flush, CBO_zero };
bool riscv__cbo(struct riscv_hart *h, enum riscv_cbo what, uint64_t va);
/* Two instruction bytes, with every check. */
bool riscv__fetch16(struct riscv_hart *h, uint64_t va, uint16_t *v);
const struct mem_ram *riscv__ram(struct riscv_hart *h, uint64_t gpa);
/* Walk for a fetch; *whole: every byte of the page may be executed. */
bool riscv__fetch_page(struct riscv_hart *h, uint64_t va, uint64_t *gpa, bool *whole);
bool riscv__debug_translate(struct riscv_hart *h, uint64_t va, uint64_t *gpa);

/* ---- view.c ----------------------------------------------------------------- */
void riscv__view_init(struct riscv_hart *h);
/* Forget all translations for loads and stores. */
void riscv__tlb_flush(struct riscv_hart *h);
/* Forget pc -> slot. */
void riscv__code_flush_map(struct riscv_hart *h);
/* FENCE.I */
void riscv__code_fence(struct riscv_hart *h);
/* SFENCE.VMA of one address or all (NULL), of one ASID or all (NULL). */
void riscv__flush_vma(struct riscv_hart *h, const uint64_t *va, const uint64_t *asid);
void riscv__view_drop(struct riscv_hart *h, const struct code_page *p);
/* After a change of satp. */
void riscv__view_switch(struct riscv_hart *h);
/* After a change of priv or mstatus: choose the contexts. */
void riscv__set_context(struct riscv_hart *h);

/* ---- pmp.c ------------------------------------------------------------------ */
bool riscv__pmp_allows(const struct riscv_hart *h, uint64_t gpa, unsigned len,
		       unsigned priv, enum riscv_access acc);
/* Whether one answer holds for the whole page. */
bool riscv__pmp_uniform(const struct riscv_hart *h, uint64_t gpa);
void riscv__pmp_update(struct riscv_hart *h);
uint64_t riscv__pmp_read_cfg(const struct riscv_hart *h, unsigned reg);
void riscv__pmp_write_cfg(struct riscv_hart *h, unsigned reg, uint64_t v);
void riscv__pmp_write_addr(struct riscv_hart *h, unsigned i, uint64_t v);

/* ---- code.c ------------------------------------------------------------------- */
/* The threaded code's special slots (interp.c). */
op_fn riscv__op_decode, riscv__op_page_end, riscv__op_cross, riscv__op_break,
	riscv__op_scratch_end;
bool riscv__code_init(struct riscv_hart *h);
void riscv__code_fini(struct riscv_hart *h);
/* Forget everything that was decoded. */
void riscv__code_flush_all(struct riscv_hart *h);
/* The slot for h->pc, or NULL: trap_cause set, or the page has to be
 * executed one by one (*single). */
const struct op *riscv__code_enter(struct riscv_hart *h, bool *single);
void riscv__code_decode_run(struct riscv_hart *h, const struct op *op, uint64_t pc);
/* Decode the one instruction at h->pc into h->scratch: wherever that is
 * (false: trapped), or in slot op of a page, not crossing its end. */
bool riscv__code_single(struct riscv_hart *h);
void riscv__code_single_at(struct riscv_hart *h, const struct op *op);
/* Raw bits of the instruction of `op`, which stands at pc (for tval). */
uint32_t riscv__code_raw(struct riscv_hart *h, const struct op *op, uint64_t pc);

/* ---- csr.c ---------------------------------------------------------------------- */
enum riscv_csr_op { CSR_SWAP, CSR_SET, CSR_CLEAR };
/* The whole of a CSR instruction; false: illegal instruction. */
bool riscv__csr_op(struct riscv_hart *h, unsigned csr, uint64_t operand,
		   enum riscv_csr_op op, bool write, uint64_t *old);
bool riscv__csr_read(struct riscv_hart *h, unsigned csr, uint64_t *v);
bool riscv__csr_write(struct riscv_hart *h, unsigned csr, uint64_t v);
/* Privilege and read-only check of the number alone. */
bool riscv__csr_allowed(struct riscv_hart *h, unsigned csr, bool write);
/* Whether every CSR holds what a write could have left there. */
bool riscv__csrs_legal(const struct riscv_hart *h);
uint64_t riscv__mip(struct riscv_hart *h);
uint64_t riscv__mstatus(const struct riscv_hart *h);

/* ---- trap.c --------------------------------------------------------------------- */
/* Enter the handler: h->pc is the trapping instruction, becomes the vector. */
void riscv__trap(struct riscv_hart *h, uint64_t cause, uint64_t tval);
/* Take the highest-priority enabled pending interrupt, if any. */
bool riscv__take_interrupt(struct riscv_hart *h);
uint64_t riscv__enabled_irqs(struct riscv_hart *h);
/* System instructions: h->pc is theirs; they leave h->pc at the next one to
 * execute and return true, or set trap_cause/trap_tval and return false. */
bool riscv__sys_fence_i(struct riscv_hart *h, const struct op *op, unsigned len);
bool riscv__sys_ecall(struct riscv_hart *h, const struct op *op, unsigned len);
bool riscv__sys_ebreak(struct riscv_hart *h, const struct op *op, unsigned len);
bool riscv__sys_mret(struct riscv_hart *h, const struct op *op, unsigned len);
bool riscv__sys_sret(struct riscv_hart *h, const struct op *op, unsigned len);
bool riscv__sys_wfi(struct riscv_hart *h, const struct op *op, unsigned len);
bool riscv__sys_sfence_vma(struct riscv_hart *h, const struct op *op, unsigned len);
bool riscv__sys_sfence_inval(struct riscv_hart *h, const struct op *op, unsigned len);
bool riscv__sys_wrs_nto(struct riscv_hart *h, const struct op *op, unsigned len);
bool riscv__sys_wrs_sto(struct riscv_hart *h, const struct op *op, unsigned len);

#endif
