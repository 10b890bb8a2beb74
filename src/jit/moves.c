/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parallel moves as a sequence: those whose destination nobody reads first; a
 * cycle is opened by saving one value aside.  Slots of 16 bytes are two of 8.
 */
#include "jit/lower.h"

#include "base/bits.h"

static bool overlap(uint16_t a, unsigned acls, uint16_t b, unsigned bcls)
{
	unsigned an = a >= JIT_SLOT && acls == JIT_VEC ? 2 : 1, bn = b >= JIT_SLOT && bcls == JIT_VEC ? 2 : 1;

	return a < b + bn && b < a + an;
}

/* Is what `mv` writes still to be read by another? */
static bool is_read(const struct jit_move *mv, const bool *done, uint32_t n, uint32_t i)
{
	for (uint32_t k = 0; k < n; k++)
		if (k != i && !done[k] && mv[k].from != JIT__SCRATCH &&
		    overlap(mv[i].to, mv[i].cls, mv[k].from, mv[k].cls))
			return true;
	return false;
}

/* Save what move i would overwrite, for all who read it. */
static void open_cycle(struct jit_move *mv, const bool *done, uint32_t n, uint32_t i,
		       void (*fn)(const struct jit_move *mv, void *arg), void *arg)
{
	uint16_t from = JIT_NOWHERE;

	for (uint32_t k = 0; k < n; k++) {
		if (k == i || done[k] || mv[k].from == JIT__SCRATCH ||
		    !overlap(mv[i].to, mv[i].cls, mv[k].from, mv[k].cls))
			continue;
		if (from == JIT_NOWHERE) {
			struct jit_move save = mv[k];

			save.to = JIT__SCRATCH;
			fn(&save, arg);
			from = mv[k].from;
		}
		if (mv[k].from == from)
			mv[k].from = JIT__SCRATCH;
	}
}

void jit__order_moves(const struct jit_move *list, uint32_t n, void (*fn)(const struct jit_move *mv, void *arg),
		      void *arg)
{
	struct jit_move mv[n + 1]; /* n is at most JIT__MOVES */
	bool done[n + 1];
	uint32_t left = 0, todo;

	for (uint32_t i = 0; i < n; i++)
		if (list[i].from != JIT_NOWHERE) {
			done[left] = false;
			mv[left++] = list[i];
		}
	todo = left;
	while (todo) {
		uint32_t before = todo, first = left;

		for (uint32_t i = 0; i < left; i++) {
			if (done[i])
				continue;
			if (is_read(mv, done, left, i)) {
				first = MIN(first, i);
				continue;
			}
			fn(&mv[i], arg);
			done[i] = true;
			todo--;
		}
		if (todo == before)
			open_cycle(mv, done, left, first, fn, arg);
	}
	for (uint32_t i = 0; i < n; i++)
		if (list[i].from == JIT_NOWHERE)
			fn(&list[i], arg);
}
