/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as text of the IR: refused with a line, or a function that is well
 * formed, prints, reads back the same, and goes through the passes. */
#include <stdlib.h>

#include "base/alloc.h"
#include "tests/ir/gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct ir_func f, g;
	char *text = base_zalloc(size + 1), *a, *b, why[200];

	if (!text || ir_init(&f) || ir_init(&g))
		abort();
	memcpy(text, data, size);
	if (ir_parse(&f, text, gen_helpers, NULL, &e)) {
		if (strncmp(e.msg, "line ", 5))
			abort();
	} else {
		a = ir_print(&f);
		if (!a || ir_parse(&g, a, gen_helpers, NULL, &e))
			abort();
		b = ir_print(&g);
		if (!b || strcmp(a, b))
			abort();
		if (ir_run(&f, NULL, NULL, NULL, NULL) || ir_verify(&f, why, sizeof(why)))
			abort();
		base_free(a);
		base_free(b);
	}
	ir_fini(&f);
	ir_fini(&g);
	base_free(text);
	return 0;
}
