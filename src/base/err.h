/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host failures.  A function that can fail because the host failed (no such
 * file, no memory, bad input file) returns a negative errno value and fills
 * a struct err; callers add context with err_wrap() on the way up.  Only
 * cli/ prints an error and chooses an exit status.
 *
 * `e` may be NULL everywhere: the message is then dropped.
 * Not thread safe: an err belongs to one call chain.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

struct err {
	int code;       /* positive errno value, 0 when unset */
	char msg[512];  /* one line, no newline, always terminated */
};

/* Fill `e` and return -code. */
int err_set(struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Like err_set with code = errno; appends ": " and strerror(errno). */
int err_sys(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Prefix the message with "context: "; returns -e->code. */
int err_wrap(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
