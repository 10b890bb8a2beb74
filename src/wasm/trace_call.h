/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --trace call: a line for each call of a WebAssembly function, indented by its
 * depth, with arguments and results; a call that makes others has one line when
 * it begins and one when it returns.
 *
 * Code is translated with an operation behind each entry and before each
 * return, so that nothing is asked when nothing is traced.  Frames that are
 * left by exceptions, traps and tail calls are noticed by their place: the
 * stack grows upwards, and what is not below a new frame has gone.
 */
#ifndef WASM_TRACE_CALL_H
#define WASM_TRACE_CALL_H

#include "base/log.h"
#include "wasm/interp.h"

/* d: the function's parameter slots.  `left` stands before a return. */
wasm_op_fn wasm__op_trace_entered, wasm__op_trace_left;
/* A call from C, whose frames begin at base, ends by a trap. */
void wasm__trace_trap(struct wasm_store *s, const uint64_t *base, enum wasm_trap trap);
/* The host is about to tell something of its own. */
void wasm__trace_flush(struct wasm_store *s);
void wasm__trace_fini(struct wasm_store *s);

#endif
