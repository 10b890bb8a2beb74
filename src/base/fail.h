/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection.  DP_FAIL=alloc:17 makes the 17th allocation fail;
 * DP_FAIL=io:3 the third host I/O call made through a fail point;
 * DP_FAIL=alloc:17,io:3 both.  A test loops over N and walks every failure
 * path.  Without DP_FAIL a fail point costs one predictable branch.
 */
#ifndef BASE_FAIL_H
#define BASE_FAIL_H

#include <stdbool.h>

enum fail_kind { FAIL_ALLOC, FAIL_IO, FAIL_KINDS };

/* True when this call is the one that has to fail.  Thread safe. */
bool fail_now(enum fail_kind kind);

/* Parse a DP_FAIL value (NULL: none).  Called once by main and by tests,
 * before threads exist.  Returns 0, or -EINVAL for a malformed value. */
int fail_setup(const char *spec);

#endif
