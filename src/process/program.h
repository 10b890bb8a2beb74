/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process machine of a WebAssembly program: a module in a file, the host
 * that WASI gives it, and its run from the first instruction to its exit.
 *
 * program_create() opens everything that the program will have and runs none
 * of its code; whoever gives up privileges does that between it and
 * program_run().
 */
#ifndef PROCESS_PROGRAM_H
#define PROCESS_PROGRAM_H

#include "process/wasi.h"
#include "wasm/instance.h"

/* A module that others import from, under this name. */
struct program_library {
	const char *name, *path;
};

struct program_options {
	const char *path;               /* .wasm or .wat, told by the contents */
	uint32_t nlibs;                 /* each sees those before it, the program all */
	const struct program_library *libs;
	struct wasi_options wasi;       /* argv[0] included */
	struct wasm_store_limits limits;
	unsigned features;              /* of wasm/module.h */
	uint32_t threads;               /* most of them; 0: none */
	bool trap_unknown;              /* imported functions of nobody trap when called */
	const char *invoke;             /* an export to call instead of _start ... */
	const char *const *args;        /* ... with these, */
	uint32_t nargs;
	const char *load;               /* state to begin with; NULL: none */
	const char *save;               /* where the state is written at the end */
};

enum program_end_kind {
	PROGRAM_RETURNED,       /* _start returned, or the invoked function */
	PROGRAM_EXITED,         /* proc_exit() */
	PROGRAM_TRAPPED,
	PROGRAM_STOPPED,        /* program_stop() */
	PROGRAM_FAILED,         /* the host failed: see err */
};
struct program_end {
	enum program_end_kind kind;
	uint32_t status;                /* PROGRAM_EXITED */
	enum wasm_trap trap;            /* PROGRAM_TRAPPED */
	const char *message;            /* with them: until program_destroy() */
	const char *backtrace;          /* lines, "" for none */
	const char *results;            /* lines, of the invoked function */
};

struct program;
struct program *program_create(const struct program_options *o, struct err *e);
/* Once.  0, or -errno and *e with PROGRAM_FAILED. */
int program_run(struct program *p, struct program_end *end, struct err *e);
/* Any thread: the program ends soon, wherever it is. */
void program_stop(struct program *p);
uint64_t program_fuel_left(const struct program *p);
const struct wasm_module *program_module(const struct program *p);
void program_destroy(struct program *p);        /* NULL is fine */

/* A file's contents as a binary module: mapped, or made from text. */
struct program_bytes {
	const uint8_t *data;
	size_t len;
	bool mapped;
};
/* The module of a file in either format; NULL and *e.  An error in a text says
 * in which line and column it is.  lazy: a large binary's functions are
 * validated when they are called.  *b must outlive the module; it is to be
 * released with program_bytes_free(), also after an error. */
struct wasm_module *program_module_load(struct wasm_type_store *types, const char *path,
					unsigned features, bool lazy, struct program_bytes *b,
					struct err *e);
void program_bytes_free(struct program_bytes *b);

/* Values as text, by type; used by --invoke.  Parsing: 0 or -EINVAL and *e.
 * Printing: into buf. */
int program_parse_value(const struct wasm_type_store *ts, struct wasm_type t, const char *text,
			union wasm_val *v, struct err *e);
void program_print_value(struct wasm_store *s, struct wasm_type t, union wasm_val v, char *buf,
			 unsigned n);

#endif
