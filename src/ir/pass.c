/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline: which passes there are and in which order they run.  Each
 * pass leaves a function that ir_verify() accepts and that means the same;
 * with assertions on, that it is well formed is checked after each.
 */
#include "ir/ir.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "ir/internal.h"

const struct ir_pass ir_passes[] = {
	{ "promote", 'p', ir__pass_promote, "guest state becomes values, exits get tables" },
	{ "simplify", 's', ir__pass_simplify, "constants, copies, rules, branches that are decided" },
	{ "gvn", 'g', ir__pass_gvn, "one computation for equal values" },
	{ "address", 'a', ir__pass_address, "additions and shifts into addresses" },
	{ "memory", 'm', ir__pass_memory, "loads of what was stored or loaded, merged translations" },
	{ "guards", 'c', ir__pass_guards, "checks that are known to hold" },
	{ "licm", 'l', ir__pass_licm, "out of loops what does not change in them" },
	{ "sink", 'k', ir__pass_sink, "tests next to the branch that they decide" },
	{ "dce", 'd', ir__pass_dce, "what nobody uses" },
	{ "layout", 'y', ir__pass_layout, "likely paths straight, unlikely ones at the end" },
};
const unsigned ir_npasses = ARRAY_LEN(ir_passes);

/* dce between, because every value that is not used costs the others. */
static const char pipeline[] =
	"promote,simplify,dce,address,gvn,memory,guards,simplify,licm,dce,gvn,sink,dce,layout";

const struct ir_pass *ir_pass_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < ir_npasses; i++)
		if (strlen(ir_passes[i].name) == len && !memcmp(ir_passes[i].name, name, len))
			return &ir_passes[i];
	return NULL;
}

static void check(struct ir_func *f, const struct ir_pass *p)
{
#ifdef NDEBUG
	(void)f, (void)p;
#else
	char why[200];
	const char *bad = f->failed ? NULL : ir_verify(f, why, sizeof(why));

	if (bad && !f->failed)
		fprintf(stderr, "ir: after %s: %s\n", p->name, bad);
	assert(!bad || f->failed);
#endif
}

int ir_run(struct ir_func *f, const char *passes,
	   void (*dump)(const struct ir_func *f, const struct ir_pass *p, void *arg), void *arg,
	   struct err *e)
{
	const char *s = passes ? passes : pipeline;

	while (*s) {
		size_t len = strcspn(s, ",");
		const struct ir_pass *p = ir_pass_find(s, len);

		if (!p)
			return err_set(e, EINVAL, "no such pass: '%.*s'", (int)MIN(len, (size_t)40), s);
		if (!f->failed)
			f->failed = !p->run(f) || f->failed;
		ir__scratch_reset(f);
		f->at = 0;
		check(f, p);
		if (f->failed)
			return err_set(e, ENOMEM, "out of memory");
		if (dump)
			dump(f, p, arg);
		s += len + (s[len] == ',');
	}
	return 0;
}
