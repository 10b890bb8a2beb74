/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The printer's state.  It prints from a module's bytes, section by section,
 * so that what two encodings of a type share in the type store does not show.
 */
#ifndef WASM_WAT_INT_H
#define WASM_WAT_INT_H

#include "base/ser.h"
#include "wasm/leb.h"
#include "wasm/module.h"
#include "wasm/text_int.h"

struct wat_name {
	const uint8_t *s;       /* NULL: none */
	uint32_t len;
	bool id;                /* usable as an identifier: not empty, no other one has it */
};

/* Names of locals or fields of one function or type, in rising order. */
struct wat_inner {
	uint32_t n;
	const uint8_t *list;    /* index, name; ... */
};

struct wat {
	const struct wasm_module *m;
	struct ser_writer out;
	struct err *e;
	bool failed;
	int code;
	const uint8_t *p, *end;         /* the section that is read */
	unsigned indent;

	struct arena arena;
	uint32_t count[TEXT_SPACES];
	struct wat_name *names[TEXT_SPACES];
	struct wat_name module_name;
	struct wat_inner *locals, *fields;      /* by function, by type */

	/* Function types by module type index, for parameters. */
	const uint8_t **functypes;
	uint32_t ntypes, next[TEXT_SPACES];
	uint32_t *func_types;           /* of defined functions */
	uint32_t ndefined;

	const uint8_t *hints, *hints_end; /* of functions still to come */
	uint32_t nhint_funcs;
};

/* ---- wat.c: pieces of text ---- */
void wat__puts(struct wat *w, const char *s);
void wat__printf(struct wat *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void wat__string(struct wat *w, const uint8_t *s, size_t n, bool bytes);
void wat__newline(struct wat *w);
bool wat__fail(struct wat *w, const char *why);
uint32_t wat__u32(struct wat *w);
uint64_t wat__u64(struct wat *w);
uint8_t wat__byte(struct wat *w);
/* An index, by its name if it has one. */
void wat__index(struct wat *w, enum text_space space, uint32_t index);
/* "$name" or "(@name ...)" of the next thing in the space, after its keyword. */
uint32_t wat__binder(struct wat *w, enum text_space space);
void wat__name(struct wat *w, const struct wat_name *n);

/* ---- wat_type.c ---- */
void wat__val_type(struct wat *w, struct wasm_type t);
void wat__heap(struct wat *w, uint32_t heap);
void wat__read_val_type(struct wat *w);
void wat__type_section(struct wat *w);
void wat__limits(struct wat *w, bool table);
/* " (param ...) (result ...)" of a type; names of locals of a function. */
void wat__signature(struct wat *w, uint32_t type, const struct wat_name *locals, uint32_t n);
uint32_t wat__nparams(struct wat *w, uint32_t type);

/* ---- wat_name.c ---- */
bool wat__read_names(struct wat *w, const uint8_t *p, const uint8_t *end);
/* Names of a function's locals or a type's fields, of which there are *count;
 * then the length of the array, which the caller frees. */
struct wat_name *wat__inner_names(struct wat *w, const struct wat_inner *in, uint32_t *count);

/* ---- wat_code.c ---- */
/* An expression on one line; its END is read and not printed. */
void wat__expr(struct wat *w);
void wat__code_section(struct wat *w);

#endif
