/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linear scan's own data: live intervals with holes (ranges.c makes them),
 * which the scan (regalloc.c) gives registers and splits, and the moves between
 * the parts (resolve.c).
 */
#ifndef JIT_SCAN_H
#define JIT_SCAN_H

#include "jit/mir.h"

enum { JIT__NONE = 0, JIT__FAR = ~0u };

struct jit__range { uint32_t from, to, next; };        /* [from, to) */
struct jit__use { uint32_t pos, op, next; };           /* op[] that wants it */

struct jit__itv {
	uint32_t vreg;
	uint32_t range, uses;  /* lists, ascending */
	uint32_t from, to;
	uint32_t at;           /* range that the scan has reached */
	uint32_t use_at;       /* use that it has reached */
	uint32_t last_use;     /* position of the last one passed */
	uint32_t sibling;      /* the part that follows */
	uint32_t queue;        /* next that starts at the same position */
	uint16_t loc;
};

struct jit__loop { uint32_t from, to, outer; };

struct jit__scan {
	struct jit_mir *m;
	struct jit_live live;
	struct jit__range *range;
	struct jit__use *use;
	struct jit__itv *itv;          /* itv[1 ..] */
	uint32_t nrange, nuse, nitv, crange, cuse, citv;
	uint32_t *first;               /* of each virtual register: its interval; 0: none */
	uint32_t *block_of;            /* of each instruction */
	struct jit__loop *loop;        /* loop[0]: none */
	uint32_t *loop_of;             /* innermost of each block */
	uint32_t nloop;
	uint32_t fixed[JIT_REGS];      /* ranges of the machine's registers */
	uint32_t *queue;               /* by position: intervals that start there */
	bool *twice;                   /* of each register: written more than once */
	uint32_t *def;                 /* of each: position where it is written */
};

bool jit__ranges(struct jit__scan *s);
bool jit__resolve(struct jit__scan *s);
uint16_t jit__loc_at(struct jit__scan *s, uint32_t vreg, uint32_t pos);
/* Moves of edges and of the rest into their final order. */
bool jit__sort_moves(struct jit_mir *m);
void jit__add_move(struct jit_mir *m, uint32_t at, uint16_t from, uint16_t to, unsigned cls, ir_ref constant);

static inline uint32_t jit__block_from(const struct jit_mir *m, uint32_t b) { return 2 * m->block[b].first; }
static inline uint32_t jit__block_to(const struct jit_mir *m, uint32_t b) { return 2 * m->block[b].end; }

#endif
