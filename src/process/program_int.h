/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by program*.c: the program and the modules that it consists of. */
#ifndef PROCESS_PROGRAM_INT_H
#define PROCESS_PROGRAM_INT_H

#include "process/program.h"

struct program_part {
	const char *name;               /* as others import it; NULL: the program itself */
	const char *path;
	struct program_bytes bytes;
	struct wasm_module *module;
	struct wasm_extern *imports;
	struct wasm_instance *instance;
	uint32_t *by_name;              /* a library's exports, sorted */
};

struct program {
	struct program_options o;
	struct wasm_type_store *types;
	struct wasm_store *store;
	struct wasi *wasi;
	struct program_part main, *libs; /* o.nlibs of these, in their order */
	union wasm_val *args;
	uint8_t *state;                 /* read at the start, while files can be */
	size_t state_len;
	char *results, *backtrace;
	_Atomic bool stopped;
};

bool program__name_is(struct wasm_name n, const char *s);
/* Map and decode; what was opened stays in *part, also after an error. */
int program__open(struct program *p, struct program_part *part, struct err *e);
/* All modules' imports: which of them are WASI's, and that somebody has the
 * others.  0 or -errno and *e. */
int program__link(struct program *p, struct err *e);
/* The libraries, and then the program, which may begin to run by that.  A trap
 * is in *trap, with 0. */
int program__instantiate(struct program *p, enum wasm_trap *trap, struct err *e);
enum wasm_trap program__call(struct program *p, const struct program_part *part,
			     const char *name);
void program__close(struct program_part *part);

#endif
