/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door to the heap, so that an allocation failure can be forced
 * (DP_FAIL=alloc:N, see fail.h) and every failure path be walked.
 * All return NULL when out of memory (real or injected).  Thread safe.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

void *base_alloc(size_t size);
void *base_zalloc(size_t size);                 /* zeroed */
void *base_calloc(size_t n, size_t size);       /* zeroed, overflow checked */
void *base_realloc(void *p, size_t size);       /* p stays valid on failure */
void *base_aligned(size_t align, size_t size);  /* zeroed; free with base_free */
char *base_strdup(const char *s);
char *base_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void base_free(void *p);                        /* NULL is fine */

/* Scoped cleanup: `base_auto char *s = base_strdup(...)` frees s at scope exit. */
void base_free_ptr(void *pp);
#define base_auto __attribute__((cleanup(base_free_ptr)))
/* `base_autofd int fd = open(...)` closes fd (if >= 0) at scope exit. */
void base_close_fd(int *fd);
#define base_autofd __attribute__((cleanup(base_close_fd)))

/* Take the value out of a scoped variable: `return base_steal(&s);` */
#define base_steal(pp) ({ __typeof__(*(pp)) v_ = *(pp); *(pp) = 0; v_; })
#define base_steal_fd(pfd) ({ int v_ = *(pfd); *(pfd) = -1; v_; })

#endif
