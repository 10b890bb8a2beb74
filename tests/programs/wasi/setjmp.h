/* SPDX-License-Identifier: Apache-2.0 */
/* setjmp() by WebAssembly exceptions in their legacy form, which is what
 * clang 14 can make of it; wasi-libc of its time has none. */
#ifndef SETJMP_H
#define SETJMP_H

typedef unsigned long jmp_buf[1];
int setjmp(jmp_buf env) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf env, int value);

#endif
