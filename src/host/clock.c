/* SPDX-License-Identifier: Apache-2.0 */
/* Guest time; see clock.h. */
#include "host/clock.h"

#include <time.h>

enum { NS = 1000000000 };
#define VIRTUAL_EPOCH (1577836800ull * NS) /* 2020-01-01 */

static int64_t host_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

void clock_init(struct clock *c, bool is_virtual)
{
	int64_t mono = host_ns(CLOCK_MONOTONIC);

	c->is_virtual = is_virtual;
	atomic_store(&c->virtual_ns, 0);
	atomic_store(&c->offset, mono);
	atomic_store(&c->wall_offset,
		     is_virtual ? (int64_t)VIRTUAL_EPOCH : host_ns(CLOCK_REALTIME));
}

uint64_t clock_now(const struct clock *c)
{
	if (c->is_virtual)
		return atomic_load_explicit(&c->virtual_ns, memory_order_relaxed);
	return (uint64_t)(host_ns(CLOCK_MONOTONIC) -
			  atomic_load_explicit(&c->offset, memory_order_relaxed));
}

uint64_t clock_wall(const struct clock *c)
{
	return clock_now(c) + (uint64_t)atomic_load(&c->wall_offset);
}

void clock_set(struct clock *c, uint64_t ns)
{
	if (c->is_virtual)
		atomic_store(&c->virtual_ns, ns);
	else
		atomic_store(&c->offset, host_ns(CLOCK_MONOTONIC) - (int64_t)ns);
}

/* A real clock's value at resume is what the machine saw at pause; the wall
 * clock keeps up with the host's. */
void clock_resume(struct clock *c, uint64_t at)
{
	if (c->is_virtual)
		return;
	clock_set(c, at);
	atomic_store(&c->wall_offset, host_ns(CLOCK_REALTIME) - (int64_t)at);
}
