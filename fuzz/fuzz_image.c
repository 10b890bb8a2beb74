/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a kernel: no crash, and never more memory than the bound. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "image/kernel.h"

enum { MEMORY = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct image_bytes b = { .bytes = base_alloc(n + 1), .len = n };
	struct image_kernel k;
	struct err e = { 0 };

	if (!b.bytes)
		return 0;
	memcpy(b.bytes, p, n);
	if (image_kernel_parse(&k, "fuzz", &b, MEMORY, n & 1, &e)) {
		if (!e.code)
			abort();
		return 0;
	}
	if (k.data.len > MEMORY && k.data.len > n)
		abort();
	image_kernel_free(&k);
	return 0;
}
