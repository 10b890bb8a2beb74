/* SPDX-License-Identifier: Apache-2.0 */
/* Heap entry points with fault injection; see alloc.h. */
#include "base/alloc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"

void *base_alloc(size_t size)
{
	return fail_now(FAIL_ALLOC) ? NULL : malloc(size ? size : 1);
}

void *base_zalloc(size_t size)
{
	return base_calloc(1, size);
}

void *base_calloc(size_t n, size_t size)
{
	return fail_now(FAIL_ALLOC) ? NULL : calloc(n ? n : 1, size ? size : 1);
}

void *base_realloc(void *p, size_t size)
{
	return fail_now(FAIL_ALLOC) ? NULL : realloc(p, size ? size : 1);
}

void *base_aligned(size_t align, size_t size)
{
	void *p;

	if (fail_now(FAIL_ALLOC) || posix_memalign(&p, align, size ? size : 1))
		return NULL;
	memset(p, 0, size);
	return p;
}

char *base_strdup(const char *s)
{
	return fail_now(FAIL_ALLOC) ? NULL : strdup(s);
}

char *base_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	if (fail_now(FAIL_ALLOC))
		return NULL;
	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

void base_free(void *p)
{
	free(p);
}

void base_free_ptr(void *pp)
{
	free(*(void **)pp);
}

void base_close_fd(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}
