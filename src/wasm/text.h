/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text format (core spec chapter 6): text is translated to a binary
 * module, which the loader then validates; so there is one validator.
 */
#ifndef WASM_TEXT_H
#define WASM_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Text of one module (with or without the "(module" around it) to bytes
 * (base_free).  The error is "NAME:LINE:COLUMN: what" and e->code EILSEQ. */
int wasm_text_to_binary(const char *text, size_t len, const char *name, unsigned features,
			uint8_t **out, size_t *out_len, struct err *e);
/* What the loader said about that binary, "NAME: offset 0x...: what", becomes
 * "NAME:LINE:COLUMN: what".  Other errors stay. */
void wasm_text_place_error(const char *text, size_t len, const char *name, unsigned features,
			   struct err *e);
/* A binary module as text, for `doppel wasm wat`. */
struct wasm_module;
int wasm_module_to_text(const struct wasm_module *m, char **out, size_t *out_len, struct err *e);

#endif
