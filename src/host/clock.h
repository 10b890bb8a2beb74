/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest time in nanoseconds since machine start.  Real: CLOCK_MONOTONIC less
 * an offset (stops while paused).  Virtual: set by whoever counts
 * instructions, so that two runs see the same time.
 */
#ifndef HOST_CLOCK_H
#define HOST_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct clock {
	bool is_virtual;
	_Atomic int64_t offset;         /* real: monotonic - guest time */
	_Atomic uint64_t virtual_ns;    /* virtual: now */
	_Atomic int64_t wall_offset;    /* wall clock ns = now + wall_offset */
};

/* Virtual clocks start at wall-clock 2020-01-01 so that runs are identical. */
void clock_init(struct clock *c, bool is_virtual);
uint64_t clock_now(const struct clock *c);              /* any thread */
uint64_t clock_wall(const struct clock *c);             /* ns since 1970 */
void clock_set(struct clock *c, uint64_t ns);           /* jump: restore, virtual advance */
/* Real clocks: continue from `at`, the value read when the machine paused. */
void clock_resume(struct clock *c, uint64_t at);

#endif
