/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in firmware: what riscv/sbi.c asks for, done with this machine's
 * harts and devices.  Each function runs on the calling hart's thread (or on
 * the only thread of a deterministic machine), outside of riscv_run.
 */
#include <sched.h>

#include "base/bits.h"
#include "base/log.h"
#include "system/machine.h"

enum { CONSOLE_CHUNK = 256 };

static void set_timer(void *ctx, unsigned self, uint64_t ticks)
{
	struct system *s = ctx;

	riscv_set_stimecmp(s->harts[self].cpu, ticks);
}

static void send_ipi(void *ctx, uint32_t harts)
{
	struct system *s = ctx;

	for (unsigned i = 0; i < s->ncpus; i++)
		if (harts >> i & 1) {
			riscv_set_irq(s->harts[i].cpu, 1, true);
			system__hart_wake(&s->harts[i]);
		}
}

/* Ranges and address spaces are not told apart: a fence of everything is
 * a fence of the part.  */
static void fence(void *ctx, unsigned self, const struct sbi_fence *f)
{
	struct system *s = ctx;
	unsigned what = f->insn ? RISCV_FENCE_I : RISCV_FENCE_VMA;
	uint64_t seq[SYSTEM_HARTS_MAX];

	for (unsigned i = 0; i < s->ncpus; i++)
		if (f->harts >> i & 1)
			seq[i] = riscv_request_fence(s->harts[i].cpu, what);
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < s->ncpus; i++) {
		struct system_hart *h = &s->harts[i];

		if (i == self || !(f->harts >> i & 1))
			continue;
		for (unsigned spins = 0; atomic_load(&h->in_guest) &&
		     !riscv_fence_done(h->cpu, seq[i]); spins++)
			if (spins > 64)
				sched_yield();
	}
}

static int hart_start(void *ctx, unsigned hart, uint64_t pc, uint64_t opaque)
{
	struct system *s = ctx;
	struct system_hart *h = &s->harts[hart];
	int r = SBI_ERR_ALREADY_AVAILABLE;

	lock_take(&h->lock);
	if (h->state == SBI_HART_STOPPED) {
		h->resume_pc = pc;
		h->resume_arg = opaque;
		h->state = SBI_HART_START_PENDING;
		pthread_cond_signal(&h->wake);
		r = SBI_SUCCESS;
	}
	lock_drop(&h->lock);
	return r;
}

static void hart_stop(void *ctx, unsigned self)
{
	struct system *s = ctx;
	struct system_hart *h = &s->harts[self];

	lock_take(&h->lock);
	h->state = SBI_HART_STOPPED;
	lock_drop(&h->lock);
}

static enum sbi_hart_state hart_state(void *ctx, unsigned hart)
{
	struct system *s = ctx;

	return (enum sbi_hart_state)s->harts[hart].state;
}

/* The hart's loop sleeps; system__hart_ready() ends it. */
static void hart_suspend(void *ctx, unsigned self, bool retentive, uint64_t pc,
			 uint64_t opaque)
{
	struct system *s = ctx;
	struct system_hart *h = &s->harts[self];

	lock_take(&h->lock);
	h->retentive = retentive;
	h->resume_pc = pc;
	h->resume_arg = opaque;
	h->state = SBI_HART_SUSPENDED;
	lock_drop(&h->lock);
}

static void reset(void *ctx, enum sbi_reset type, bool failure)
{
	struct system *s = ctx;

	if (type == SBI_RESET_SHUTDOWN)
		system__request(s, failure ? REQUEST_FAIL : REQUEST_POWEROFF, failure);
	else
		system__request(s, REQUEST_RESET, 0);
}

static bool is_ram(void *ctx, uint64_t a, uint64_t n)
{
	struct system *s = ctx;

	return mem_ptr(s->host.mem, GPA(a), n) != NULL;
}

static uint64_t console_write(void *ctx, uint64_t a, uint64_t n)
{
	struct system *s = ctx;
	uint8_t buf[CONSOLE_CHUNK];
	uint64_t done = 0;

	n = MIN(n, sizeof(buf)); /* a partial write is allowed (SBI 12.1) */
	if (!mem_read(s->host.mem, GPA(a), buf, n))
		return 0;
	while (done < n && system__console_putc(s, buf[done]))
		done++;
	return done;
}

static uint64_t console_read(void *ctx, uint64_t a, uint64_t n)
{
	struct system *s = ctx;
	uint8_t buf[CONSOLE_CHUNK];
	uint64_t done = 0;
	int c;

	n = MIN(n, sizeof(buf));
	while (done < n && (c = system__console_getc(s)) >= 0)
		buf[done++] = (uint8_t)c;
	if (done)
		mem_write(s->host.mem, GPA(a), buf, done);
	return done;
}

static bool console_putc(void *ctx, uint8_t c)
{
	return system__console_putc(ctx, c);
}

static int console_getc(void *ctx)
{
	return system__console_getc(ctx);
}

void system__firmware_init(struct system *s)
{
	s->sbi_ops = (struct sbi_ops){
		.harts = s->ncpus,
		.ctx = s,
		.set_timer = set_timer,
		.send_ipi = send_ipi,
		.fence = fence,
		.hart_start = hart_start,
		.hart_stop = hart_stop,
		.hart_state = hart_state,
		.hart_suspend = hart_suspend,
		.reset = reset,
		.is_ram = is_ram,
		.console_write = console_write,
		.console_read = console_read,
		.console_putc = console_putc,
		.console_getc = console_getc,
	};
}

void system__firmware_call(struct system_hart *h)
{
	uint64_t a[8];
	enum sbi_result r;

	for (unsigned i = 0; i < 8; i++)
		a[i] = riscv_get_x(h->cpu, 10 + i);
	log_trace(SBI, "hart%u ext %#lx fid %lu (%#lx %#lx %#lx %#lx)", h->id, a[7], a[6],
		  a[0], a[1], a[2], a[3]);
	/* Past the ecall first: a call that does not return decides itself
	 * where the hart goes on. */
	riscv_set_pc(h->cpu, riscv_get_pc(h->cpu) + 4);
	r = sbi_call(&h->sys->sbi_ops, h->id, a);
	if (r == SBI_NO_RETURN)
		return;
	riscv_set_x(h->cpu, 10, a[0]);
	if (r == SBI_RETURN)
		riscv_set_x(h->cpu, 11, a[1]);
	log_trace(SBI, "hart%u -> %ld %#lx", h->id, (long)a[0], a[1]);
}
