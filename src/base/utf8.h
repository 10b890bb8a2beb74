/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: the shortest form, no surrogates, 4 bytes at most. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the first character of n (at least 1); 0: malformed. */
unsigned base_utf8_len(const void *p, size_t n);
bool base_utf8(const void *p, size_t n);
/* For terminals: '?' for each byte of what is malformed or steers them. */
void base_utf8_clean(char *s, size_t n);

#endif
