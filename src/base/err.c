/* SPDX-License-Identifier: Apache-2.0 */
/* Filling and wrapping of struct err; see err.h. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
	if (e) {
		va_list ap;

		va_start(ap, fmt);
		vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
		va_end(ap);
		e->code = code;
	}
	return -code;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int code = errno ? errno : EIO;

	if (e) {
		va_list ap;
		size_t n;

		va_start(ap, fmt);
		vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
		va_end(ap);
		n = strlen(e->msg);
		snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", strerror(code));
		e->code = code;
	}
	return -code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->msg)], context[sizeof(e->msg)];
	va_list ap;

	if (!e)
		return -EIO;
	memcpy(old, e->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);
	/* Truncation keeps the context, which names the input. */
	size_t room = sizeof(e->msg) - 1, n = strlen(context);

	if (n > room - 2)
		n = room - 2;
	memcpy(e->msg, context, n);
	memcpy(e->msg + n, ": ", 2);
	n += 2;
	size_t m = strnlen(old, room - n);

	memcpy(e->msg + n, old, m);
	e->msg[n + m] = 0;
	return e->code ? -e->code : -EIO;
}
