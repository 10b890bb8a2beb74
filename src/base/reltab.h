/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constant tables of functions that need no relocation: each entry is the
 * distance from its table to a function, which the linker knows, so that pages
 * of a large table are neither written at start-up nor private to a process.
 * C has no such constant; the assembler has.  Where object files are not ELF,
 * or with RELTAB_POINTERS, a table is one of pointers.
 *
 *     RELTAB_BEGIN(table) RELTAB(table, f) RELTAB_NONE ... RELTAB_END
 *
 * at file scope, where macros may expand to rows, and files be included.  The
 * functions must be RELTAB_USED: the compiler does not see who takes them.
 */
#ifndef BASE_RELTAB_H
#define BASE_RELTAB_H

#include <stddef.h>
#include <stdint.h>

#define RELTAB_USED __attribute__((used))

#if defined(__ELF__) && !defined(RELTAB_POINTERS)
typedef int32_t reltab_entry;

#define RELTAB_BEGIN(table) RELTAB_BEGIN__(table)
#define RELTAB_BEGIN__(table)                                                  \
	__asm__("\t.pushsection .rodata\n\t.balign 64\n"                       \
		"\t.globl " #table "\n\t.hidden " #table "\n"                  \
		#table ":\n"
#define RELTAB(table, fn) RELTAB__(table, fn)
#define RELTAB__(table, fn) "\t.long " #fn " - " #table "\n"
#define RELTAB_NONE "\t.long 0\n"
#define RELTAB_END "\t.popsection\n");

static inline void *reltab__at(const reltab_entry *table, size_t i)
{
	return table[i] ? (void *)((uintptr_t)table + (uintptr_t)(intptr_t)table[i]) : NULL;
}
#else
typedef void (*reltab_entry)(void);

#define RELTAB_BEGIN(table) const reltab_entry table[] = {
#define RELTAB(table, fn) (reltab_entry)fn,
#define RELTAB_NONE NULL,
#define RELTAB_END };

static inline void *reltab__at(const reltab_entry *table, size_t i)
{
	return (void *)table[i];
}
#endif

/* Entry i, a pointer to fn_type or NULL. */
#define reltab_at(fn_type, table, i) ((fn_type *)reltab__at(table, i))

#endif
