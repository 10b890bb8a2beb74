/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes decide a function of the IR (tests/ir/gen.h), a list of passes and
 * what it is run on: before and after the passes it does the same.
 */
#include <stdlib.h>

#include "tests/ir/gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *p;
	size_t left;
	uint32_t mix;
};

/* When the bytes are used up, numbers go on in a fixed way, or loops of the
 * generator would not end. */
static uint32_t next(void *arg)
{
	struct bytes *b = arg;

	b->mix = b->mix * 1664525 + 1013904223;
	if (!b->left)
		return b->mix >> 8;
	b->left--;
	return *b->p++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gen_world before, after;
	struct bytes b = { data, size, 1 };
	struct gen g = { .next = next, .arg = &b };
	struct ir_end x, y;
	struct ir_func f;
	char why[200];
	unsigned passes;
	uint64_t seed;

	if (size < 8 || ir_init(&f))
		return 0;
	g.f = &f;
	seed = next(&b);
	passes = next(&b) % 8;
	f.raw = next(&b) & 1;
	gen_function(&g, 10 + next(&b));
	f.raw = false;
	if (ir_verify(&f, why, sizeof(why)))
		abort();
	gen_world_init(&before, seed);
	gen_run(&f, &before, seed, &x);
	if (!passes && ir_run(&f, NULL, NULL, NULL, NULL))
		abort();
	for (unsigned k = 0; k < passes; k++)
		if (ir_run(&f, ir_passes[next(&b) % ir_npasses].name, NULL, NULL, NULL))
			abort();
	if (ir_verify(&f, why, sizeof(why)))
		abort();
	gen_world_init(&after, seed);
	after.m.steps *= 8;
	gen_run(&f, &after, seed, &y);
	if (x.how != IR_STEPS && gen_differ(&before, &x, &after, &y))
		abort();
	ir_fini(&f);
	return 0;
}
