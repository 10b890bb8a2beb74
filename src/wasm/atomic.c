/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.atomic.wait and notify (threads proposal): threads that share a
 * memory wait in its parking lot (mem/park.h) at an address.  The other atomic
 * instructions are handlers of the interpreter.
 *
 * A store is entered by one thread at a time, so at most one waits for it.
 */
#include "mem/park.h"
#include "wasm/rt.h"

/* An access to size bytes at the address: alignment first, then bounds. */
static enum wasm_trap check(const struct wasm_rt_memory *m, uint64_t addr, unsigned size)
{
	uint64_t have = mem_linear_size(m->mem);

	if (addr & (size - 1))
		return WASM_TRAP_UNALIGNED;
	return have < size || addr > have - size ? WASM_TRAP_MEMORY : WASM_OK;
}

struct cell {
	void *at;
	unsigned size;
	uint64_t expected;
};

static bool same(void *arg)
{
	const struct cell *c = arg;

	if (c->size == 4)
		return __atomic_load_n((uint32_t *)c->at, __ATOMIC_SEQ_CST) == (uint32_t)c->expected;
	return __atomic_load_n((uint64_t *)c->at, __ATOMIC_SEQ_CST) == c->expected;
}

int wasm__atomic_wait(struct wasm_store *s, struct wasm_rt_memory *m, uint64_t addr,
		      unsigned size, uint64_t expected, int64_t timeout_ns)
{
	struct mem_park *park = mem_linear_park(m->mem);
	struct cell c = { m->base + addr, size, expected };
	enum wasm_trap t = check(m, addr, size);
	enum mem_park_result r;

	if (t)
		return -(int)t;
	if (!park)
		return -WASM_TRAP_EXPECTED_SHARED;
	/* Whoever interrupts sets the flag, then looks here; we write here,
	 * then (in the lot) look at the flag.  One of us sees the other. */
	atomic_store(&s->parked, park);
	r = mem_park_wait(park, addr, same, &c, timeout_ns, &s->interrupt);
	atomic_store(&s->parked, NULL);
	switch (r) {
	case MEM_PARK_WOKEN: return 0;
	case MEM_PARK_NOT_EQUAL: return 1;
	case MEM_PARK_TIMED_OUT: return 2;
	case MEM_PARK_CANCELED: break;
	}
	atomic_store(&s->interrupt, false); /* it ends one call */
	return -WASM_TRAP_INTERRUPT;
}

int64_t wasm__atomic_notify(struct wasm_store *s, struct wasm_rt_memory *m, uint64_t addr,
			    uint32_t count)
{
	struct mem_park *park = mem_linear_park(m->mem);
	enum wasm_trap t = check(m, addr, 4);

	(void)s;
	if (t)
		return -(int64_t)t;
	return park ? mem_park_wake(park, addr, count) : 0;
}

void wasm__atomic_interrupt(struct wasm_store *s)
{
	struct mem_park *park = atomic_load(&s->parked);

	if (park)
		mem_park_kick(park);
}
