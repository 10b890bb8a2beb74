/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source lines of a module: the line table that a compiler left in the custom
 * section .debug_line (DWARF 4 and 5, section 6.2).  Addresses in it are
 * offsets in the code section.  The section is a guest's: what is malformed
 * is not found, and looking costs time linear in its size.
 */
#ifndef WASM_DWARF_H
#define WASM_DWARF_H

#include "wasm/module.h"

struct wasm_line {
	char file[256];         /* its last folders, if it is longer */
	uint32_t line;
};
/* Of the instruction at this offset in the module. */
bool wasm_dwarf_line(const struct wasm_module *m, uint32_t offset, struct wasm_line *out);

/* A backtrace, lines "#0 0x1234 name", with " (FILE:LINE)" where known
 * (base_free); NULL: no memory, or nothing to add. */
char *wasm_dwarf_annotate(const struct wasm_module *m, const char *backtrace);

#endif
