/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deterministic machines: one thread runs the harts in turns.
 *
 * A turn is a quantum of instructions, cut short when the hart has nothing to
 * do.  Virtual time stands still during a turn and advances at its end by
 * what was executed, so what a hart reads from the clock does not depend on
 * where a run was interrupted to be saved.  After each round (a turn of every
 * hart) the loop is stepped once.  A round in which nothing was executed
 * jumps to the next deadline, or waits for the outside world if there is none.
 *
 * All of this state is in struct system_turns and the clock, so a run that is
 * stopped at any instruction, saved and loaded goes on the same way.
 */
#include <string.h>

#include "base/bits.h"
#include "system/machine.h"

enum { NS_PER_INSN = 10 };

void system__turns_reset(struct system *s)
{
	struct system_turns *t = &s->turns;

	t->hart = 0;
	t->left = SYSTEM_QUANTUM;
	t->used = t->round = 0;
	memset(t->waiting, 0, sizeof(t->waiting));
}

static bool ended(struct system *s)
{
	return atomic_load(&s->request) != REQUEST_NONE;
}

/* The hart's turn is over. */
static void end_turn(struct system *s)
{
	struct system_turns *t = &s->turns;

	clock_set(&s->clock, clock_now(&s->clock) + t->used * NS_PER_INSN);
	t->round += t->used;
	t->used = 0;
	t->left = SYSTEM_QUANTUM;
	t->hart++;
}

/* Run the current hart until its turn ends, the limit or a request. */
static void run_turn(struct system *s)
{
	struct system_turns *t = &s->turns;
	struct system_hart *h = &s->harts[t->hart];

	while (t->left && t->total < t->limit && !ended(s)) {
		uint64_t before = riscv_instret(h->cpu), n;
		bool more = system__hart_ready(h) &&
			    (riscv_irq_pending(h->cpu) || !t->waiting[t->hart]);

		if (more) {
			t->waiting[t->hart] = false;
			more = system__hart_run(h, MIN(t->left, t->limit - t->total));
			t->waiting[t->hart] = !more;
		}
		n = riscv_instret(h->cpu) - before;
		t->left -= MIN(n, t->left);
		t->used += n;
		t->total += n;
		if (!more)
			t->left = 0;
	}
	if (!t->left)
		end_turn(s);
}

/* Nothing can run before this guest time; UINT64_MAX: for ever. */
static uint64_t next_deadline(struct system *s)
{
	uint64_t now = clock_now(&s->clock), due = loop_next_due(s->host.loop);

	for (unsigned i = 0; i < s->ncpus; i++) {
		uint64_t ticks = s->harts[i].state == SBI_HART_STOPPED
			? UINT64_MAX : riscv_wake_time(s->harts[i].cpu);
		uint64_t ns = ticks > UINT64_MAX / VIRT_NS_PER_TICK
			? UINT64_MAX : ticks * VIRT_NS_PER_TICK;

		/* One that is due already and wakes nobody is masked. */
		if (ns > now)
			due = MIN(due, ns);
	}
	return due;
}

static bool somebody_ready(struct system *s)
{
	for (unsigned i = 0; i < s->ncpus; i++) {
		struct system_hart *h = &s->harts[i];

		if (h->state == SBI_HART_START_PENDING ||
		    (h->state != SBI_HART_STOPPED && riscv_irq_pending(h->cpu)))
			return true;
	}
	return false;
}

static void end_round(struct system *s)
{
	struct system_turns *t = &s->turns;
	bool idle = !t->round;
	uint64_t due;

	t->hart = 0;
	t->round = 0;
	if (s->htif.on)
		system__htif_poll(s);
	loop_step(s->host.loop, 0);
	if (!idle || ended(s) || somebody_ready(s))
		return;
	due = next_deadline(s);
	if (due != UINT64_MAX)
		clock_set(&s->clock, MAX(due, clock_now(&s->clock)));
	else
		loop_step(s->host.loop, -1);
}

void system__turns_run(struct system *s)
{
	struct system_turns *t = &s->turns;

	while (!ended(s) && !atomic_load(&s->halt) && t->total < t->limit) {
		run_turn(s);
		if (t->hart == s->ncpus)
			end_round(s);
	}
}
