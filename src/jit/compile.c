/* SPDX-License-Identifier: Apache-2.0 */
/* jit_compile(): the pipeline; entering and linking. */
#include "jit/jit.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "jit/lower.h"

static void registers(struct jit_lower *l, const struct jit_options *o)
{
	struct jit_mir *m = &l->m;

	m->order = l->t->order[0];
	m->forder = l->t->order[1];
	for (unsigned c = 0; c < 2; c++) {
		const uint8_t *r = l->t->order[c];

		for (unsigned n = 0; *r != 255 && (!o->regs || n < o->regs); n++, r++)
			m->allocatable |= BIT(*r);
	}
}

static int pipeline(struct jit_lower *l, struct ir_func *f, const struct jit_options *o, struct jit_out *out,
		    struct err *e)
{
	struct jit_mir *m = &l->m;

	/* Whatever fails now, failed because of memory or of a limit on size. */
	if (f->failed || !jit__lower(l, out->arena, f, o, l->t))
		return err_set(e, E2BIG, "%s: too large to be translated", f->name);
	registers(l, o);
	if (!jit__linear_scan(m))
		return err_set(e, E2BIG, "%s: too large for the register allocator", f->name);
	if (!l->t->assemble(m, o, out))
		return err_set(e, E2BIG, "%s: too large to be assembled", f->name);
	return 0;
}

int jit_compile(struct jit_cache *c, struct ir_func *f, const struct jit_options *o, struct jit_code **code,
		struct err *e)
{
	struct arena arena;
	struct jit_out out = { .arena = &arena };
	struct jit_lower *l;
	int r;

	arena_init(&arena, 1u << 30);
	l = arena_alloc(&arena, sizeof(*l));
	if (!l)
		return err_set(e, ENOMEM, "out of memory");
	l->t = jit__host();
	r = l->t ? pipeline(l, f, o, &out, e) : err_set(e, ENOTSUP, "no translator for this kind of host");
	if (!r)
		r = jit_cache_add(c, out.bytes, out.size, f->name, f->norder ? f->block[f->order[0]].cookie : 0, out.fault,
				  out.nfault, out.site, out.nsites, code, e);
	arena_fini(&arena);
	return r;
}

const struct jit_exit *jit_enter(struct jit_cache *c, const struct jit_code *code, void *state, void *mem,
				 struct jit_bank *bank)
{
	const struct jit_exit *(*enter)(const void *, void *, void *, struct jit_bank *);
	const void *p = jit_cache_enter(c);

	memcpy(&enter, &p, sizeof(enter));
	return enter(code->entry, state, mem, bank);
}

int jit_link(struct jit_cache *c, const struct jit_exit *x, const struct jit_code *to)
{
	const uint8_t *site = (const uint8_t *)x + x->site;

	if (!x->site)
		return -EINVAL;
	/* A displacement is counted from the end of the jump. */
	return jit_cache_patch(c, site, (uint32_t)((to ? to->entry : (const uint8_t *)x + x->stub) - (site + 4)));
}
