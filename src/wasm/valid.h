/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validator (core spec 3.4 and appendix "Validation Algorithm"): its
 * stacks and the steps that valid*.c share.  One pass over a body; operand
 * stack, control stack and local types are kept from body to body.
 *
 * Every step returns 0, or -errno and *v->e.  Nothing is popped when operands
 * do not match, so that the message can show them.
 */
#ifndef WASM_VALID_H
#define WASM_VALID_H

#include "wasm/module_int.h"

enum wasm__frame_kind {
	WASM__FRAME_FUNC, WASM__FRAME_BLOCK, WASM__FRAME_LOOP, WASM__FRAME_IF, WASM__FRAME_ELSE,
	WASM__FRAME_TRY_TABLE,
	/* legacy exceptions */
	WASM__FRAME_TRY, WASM__FRAME_CATCH, WASM__FRAME_CATCH_ALL,
};

struct wasm__frame {
	uint8_t kind;
	bool unreachable;
	uint32_t height;                /* of the operand stack at its start */
	uint32_t inits;                 /* of v->undo */
	uint32_t nparams, nresults;
	const struct wasm_type *types;  /* params, results; NULL: one, if nresults */
	struct wasm_type one;
	uint32_t mark;                  /* v->mark: checked as a label of this br_table */
};

struct wasm__valid {
	struct wasm_module *m;
	struct wasm_type_store *store;
	struct err *e;
	const uint8_t *p, *at, *end;    /* next, this instruction, end of the bytes */
	bool constant;                  /* a constant expression */

	struct wasm_type *stack;
	uint32_t sp, base;              /* base: of the innermost frame */
	uint32_t high, cap;             /* highest sp so far */
	struct wasm__frame *frames;
	uint32_t nframes, frame_cap;
	uint32_t mark;
	struct wasm__seen {             /* lists of types that this br_table was */
		const struct wasm_type *types;  /* compared with, by address */
		uint32_t mark;
	} *seen;                        /* NULL: no large br_table yet */

	uint32_t nlocals, nparams;
	const struct wasm_type *params;
	const struct wasm_local_run *runs;
	uint32_t nruns;
	struct wasm_type *locals;       /* types of the first nexpanded */
	uint32_t nexpanded, locals_cap;
	const uint32_t *run_end;        /* first local behind each run */
	uint32_t *run_ends, run_cap;
	uint8_t *set;                   /* locals without default: have a value */
	uint32_t *undo;                 /* which of them, to be taken back */
	uint32_t nundo, undo_cap;
	const struct wasm_deftype *type; /* of the function */
};

static inline struct wasm__frame *wasm__top(struct wasm__valid *v)
{
	return &v->frames[v->nframes - 1];
}

int wasm__bad(struct wasm__valid *v, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "type mismatch: instruction requires [want] but stack has [...]" */
int wasm__mismatch(struct wasm__valid *v, const struct wasm_type *want, uint32_t n);
/* "type mismatch: block requires [want] but stack has [...]" */
int wasm__leftover(struct wasm__valid *v, const struct wasm_type *want, uint32_t n);
int wasm__oom(struct wasm__valid *v);

/* ---- operands ---- */

int wasm__room(struct wasm__valid *v, uint32_t n);      /* for n more */
int wasm__pop_slow(struct wasm__valid *v, const struct wasm_type *want, uint32_t n);
/* Do the topmost n match, without taking them?  Unreachable code has any. */
bool wasm__matches(struct wasm__valid *v, const struct wasm_type *want, uint32_t n);

static inline int wasm__push(struct wasm__valid *v, struct wasm_type t)
{
	if (UNLIKELY(v->sp == v->high)) {
		int r = wasm__room(v, 1);

		if (r)
			return r;
	}
	v->stack[v->sp++] = t;
	return 0;
}

static inline int wasm__pop(struct wasm__valid *v, struct wasm_type want)
{
	if (LIKELY(v->sp > v->base && v->stack[v->sp - 1].bits == want.bits)) {
		v->sp--;
		return 0;
	}
	return wasm__pop_slow(v, &want, 1);
}

int wasm__pop_n(struct wasm__valid *v, const struct wasm_type *want, uint32_t n);
int wasm__push_n(struct wasm__valid *v, const struct wasm_type *t, uint32_t n);
int wasm__pop_any(struct wasm__valid *v, struct wasm_type *out);
/* Any reference; in unreachable code a non-null one of type bot. */
int wasm__pop_ref(struct wasm__valid *v, struct wasm_type *out);

/* Pop a few, push one (WASM_BOT: none): most instructions. */
int wasm__apply(struct wasm__valid *v, const struct wasm_type *want, uint32_t n,
		struct wasm_type result);

/* ---- indices ---- */

static inline struct wasm_type wasm__address(bool is64)
{
	return wasm_type_num(is64 ? WASM_I64 : WASM_I32);
}

int wasm__heap(struct wasm__valid *v, uint32_t heap, uint32_t *out);    /* made canonical */
int wasm__type(struct wasm__valid *v, struct wasm_type t, struct wasm_type *out);
/* Type x, which must be of the kind. */
int wasm__deftype(struct wasm__valid *v, uint32_t x, enum wasm_comp comp, uint32_t *id,
		  const struct wasm_deftype **out);

/* ---- steps: valid_ctl.c, valid_ref.c ---- */

int wasm__frame_push(struct wasm__valid *v, enum wasm__frame_kind kind,
		     const struct wasm_type *types, uint32_t nparams, uint32_t nresults,
		     struct wasm_type one);
int wasm__check_control(struct wasm__valid *v, const struct wasm_insn *in);
int wasm__check_reference(struct wasm__valid *v, const struct wasm_insn *in);

#endif
