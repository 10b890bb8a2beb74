/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of threads for host I/O that may block.  In inline mode
 * (deterministic machines) a job runs at once in the caller.
 *
 * Jobs of one worker_lane run one after the other in order; jobs of
 * different lanes run in parallel.  The job struct is the caller's, embedded
 * in its request, and must live until fn returns or frees it.
 * A caller may hold locks when it submits in threaded mode; in inline mode fn
 * runs with the caller's locks held, so fn must not take the io lock itself:
 * it checks worker_is_inline().
 */
#ifndef HOST_WORKER_H
#define HOST_WORKER_H

#include <stdbool.h>

#include "base/err.h"

struct worker;
struct worker_lane;
struct worker_job {
	void (*fn)(struct worker_job *job);
	struct worker_job *next;
};

struct worker *worker_create(unsigned threads, bool inline_mode, struct err *e);
void worker_destroy(struct worker *w);                  /* runs what is queued first */
bool worker_is_inline(const struct worker *w);
struct worker_lane *worker_lane_create(struct worker *w, struct err *e);
void worker_lane_destroy(struct worker_lane *l);        /* drains it */
void worker_submit(struct worker_lane *l, struct worker_job *job);
/* Return when every job submitted so far has run. */
void worker_drain(struct worker_lane *l);

#endif
