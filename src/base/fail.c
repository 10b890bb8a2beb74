/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection counters.  The only writable file-scope state of base/
 * besides the log mask: a fail point has no context to hang it off.
 */
#include "base/fail.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_name[FAIL_KINDS] = { "alloc", "io" };
static atomic_long countdown[FAIL_KINDS]; /* 0: off; 1: the next call fails */

bool fail_now(enum fail_kind kind)
{
	if (__builtin_expect(!atomic_load_explicit(&countdown[kind],
						   memory_order_relaxed), 1))
		return false;
	return atomic_fetch_sub(&countdown[kind], 1) == 1;
}

int fail_setup(const char *spec)
{
	for (int k = 0; k < FAIL_KINDS; k++)
		atomic_store(&countdown[k], 0);
	while (spec && *spec) {
		int k;
		char *end;

		for (k = 0; k < FAIL_KINDS; k++) {
			size_t n = strlen(kind_name[k]);

			if (!strncmp(spec, kind_name[k], n) && spec[n] == ':') {
				spec += n + 1;
				break;
			}
		}
		if (k == FAIL_KINDS)
			return -EINVAL;
		long n = strtol(spec, &end, 10);

		if (end == spec || n < 1 || (*end && *end != ','))
			return -EINVAL;
		atomic_store(&countdown[k], n);
		spec = *end ? end + 1 : end;
	}
	return 0;
}
