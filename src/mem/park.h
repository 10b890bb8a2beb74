/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parking lot: where threads that share a memory wait for each other
 * (memory.atomic.wait and notify of the threads proposal).  A thread parks at
 * a key, an address in the memory; another one wakes so and so many of those
 * that are parked there, the longest parked first.
 *
 * Thread safe.  The lot must outlive everyone in it.
 */
#ifndef MEM_PARK_H
#define MEM_PARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mem_park;

struct mem_park *mem_park_create(void); /* NULL: out of memory */
void mem_park_destroy(struct mem_park *p);      /* NULL is fine; nobody is in it */

enum mem_park_result {
	MEM_PARK_WOKEN,
	MEM_PARK_NOT_EQUAL,     /* same(arg) was false: did not park */
	MEM_PARK_TIMED_OUT,
	MEM_PARK_CANCELED,      /* *cancel was set */
};

/* same(arg) is asked once, with the key's lock held: a thread that changes
 * what it looks at and then wakes the key cannot be missed.  timeout in ns,
 * of CLOCK_MONOTONIC; negative: none.  cancel: see mem_park_kick(). */
enum mem_park_result mem_park_wait(struct mem_park *p, uint64_t key, bool (*same)(void *arg),
				   void *arg, int64_t timeout, const _Atomic bool *cancel);
/* Returns how many woke. */
uint32_t mem_park_wake(struct mem_park *p, uint64_t key, uint32_t count);
/* Everyone looks at their cancel flag.  Set the flag before. */
void mem_park_kick(struct mem_park *p);

#endif
