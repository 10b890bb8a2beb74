/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Harts as host threads.
 *
 * Sleep.  A hart without work (WFI, HSM stopped or suspended) waits on its
 * condition until its timer is due.  Whoever makes an interrupt pending first
 * sets it in the hart and then takes the hart's lock to signal; the sleeper
 * looks at its interrupts under that lock, so no wake-up is lost.
 *
 * Fences.  A hart that is not inside riscv_run will see a requested fence
 * before its next instruction, so only harts that are inside are waited for.
 * Both sides store, fence, then load (in_guest against the request), so at
 * least one of them sees the other.  The caller of a fence is itself outside
 * of riscv_run: two harts that fence each other do not wait for each other.
 *
 * Stop.  `halt` makes all threads return; a pause is to join them and a
 * resume to start them again.  No state lives on a thread's stack.
 */
#include <errno.h>
#include <sched.h>

#include "base/bits.h"
#include "base/log.h"
#include "system/machine.h"

/* Comes back now and then for the count of instructions and for HTIF. */
enum { SLICE = 1 << 24, SLICE_HTIF = 1 << 14 };

uint64_t system__time(void *system)
{
	struct system *s = system;

	return clock_now(&s->clock) / VIRT_NS_PER_TICK;
}

void system__harts_init(struct system *s)
{
	for (unsigned i = 0; i < s->ncpus; i++) {
		struct system_hart *h = &s->harts[i];

		h->sys = s;
		h->id = i;
		lock_init(&h->lock, LOCK_RANK_HART);
		lock_cond_init(&h->wake);
	}
}

void system__hart_wake(struct system_hart *h)
{
	lock_take(&h->lock);
	pthread_cond_signal(&h->wake);
	lock_drop(&h->lock);
}

void system__kick_all(struct system *s)
{
	for (unsigned i = 0; i < s->ncpus; i++) {
		riscv_kick(s->harts[i].cpu);
		system__hart_wake(&s->harts[i]);
	}
}

/* START_PENDING and the end of a suspension, under the hart's lock. */
static void enter(struct system_hart *h)
{
	if (h->state == SBI_HART_START_PENDING) {
		riscv_hart_start_s(h->cpu, h->resume_pc, h->resume_arg);
		h->state = SBI_HART_STARTED;
	} else if (h->state == SBI_HART_SUSPENDED && riscv_irq_pending(h->cpu)) {
		if (!h->retentive)
			riscv_hart_start_s(h->cpu, h->resume_pc, h->resume_arg);
		h->state = SBI_HART_STARTED;
	}
}

bool system__hart_ready(struct system_hart *h)
{
	if (h->state == SBI_HART_STARTED)
		return true;
	lock_take(&h->lock);
	enter(h);
	lock_drop(&h->lock);
	return h->state == SBI_HART_STARTED;
}

bool system__hart_run(struct system_hart *h, uint64_t budget)
{
	enum riscv_exit ex;

	atomic_store(&h->in_guest, true);
	atomic_thread_fence(memory_order_seq_cst);
	ex = riscv_run(h->cpu, budget);
	atomic_store(&h->in_guest, false);
	atomic_store_explicit(&h->executed, riscv_instret(h->cpu), memory_order_relaxed);
	if (ex == RISCV_EXIT_ECALL)
		system__firmware_call(h);
	return ex != RISCV_EXIT_WFI;
}

/* Guest time at which the hart's timer is due, as CLOCK_MONOTONIC;
 * UINT64_MAX: never. */
static uint64_t wake_deadline(struct system_hart *h)
{
	uint64_t ticks = riscv_wake_time(h->cpu);
	int64_t ns;

	if (ticks > (uint64_t)INT64_MAX / 2 / VIRT_NS_PER_TICK)
		return UINT64_MAX;
	ns = (int64_t)(ticks * VIRT_NS_PER_TICK) + atomic_load(&h->sys->clock.offset);
	return ns > 0 ? (uint64_t)ns : 0;
}

static bool has_work(struct system_hart *h)
{
	switch ((enum sbi_hart_state)h->state) {
	case SBI_HART_START_PENDING:
		return true;
	case SBI_HART_STOPPED:
		return false;
	default:
		return riscv_irq_pending(h->cpu);
	}
}

static void hart_sleep(struct system_hart *h)
{
	lock_take(&h->lock);
	while (!atomic_load(&h->sys->halt) && !has_work(h)) {
		uint64_t until = h->state == SBI_HART_STOPPED ? UINT64_MAX
							      : wake_deadline(h);

		if (until == UINT64_MAX)
			lock_wait(&h->lock, &h->wake);
		else
			lock_wait_until(&h->lock, &h->wake, until);
	}
	lock_drop(&h->lock);
}

static void *hart_thread(void *arg)
{
	struct system_hart *h = arg;
	struct system *s = h->sys;
	uint64_t slice = s->htif.on ? SLICE_HTIF : SLICE;
	unsigned i = (unsigned)(h - s->harts);

	/* Its own name: another's is a file in /proc, which may be closed. */
	pthread_setname_np(pthread_self(), (char[]){ 'h', 'a', 'r', 't', (char)('0' + i / 10),
						     (char)('0' + i % 10), 0 });
	while (!atomic_load(&s->halt) && !atomic_load(&s->request)) {
		bool more = system__hart_ready(h) && system__hart_run(h, slice);

		if (s->htif.on)
			system__htif_poll(s);
		if (!more && !atomic_load(&s->halt))
			hart_sleep(h);
	}
	return NULL;
}

int system__harts_start(struct system *s, struct err *e)
{
	atomic_store(&s->halt, false);
	for (unsigned i = 0; i < s->ncpus; i++) {
		int r = pthread_create(&s->harts[i].thread, NULL, hart_thread, &s->harts[i]);

		if (r) {
			atomic_store(&s->halt, true);
			system__kick_all(s);
			while (i--)
				pthread_join(s->harts[i].thread, NULL);
			return err_set(e, r, "cannot start a thread for hart %u", i);
		}
	}
	s->threads = true;
	return 0;
}

void system__harts_stop(struct system *s)
{
	if (!s->threads)
		return;
	atomic_store(&s->halt, true);
	system__kick_all(s);
	for (unsigned i = 0; i < s->ncpus; i++)
		pthread_join(s->harts[i].thread, NULL);
	s->threads = false;
}
