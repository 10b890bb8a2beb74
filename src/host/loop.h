/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event loop over epoll: file descriptors, timers, posted calls.  One thread
 * runs it (loop_run), or a deterministic machine steps it (loop_step).
 * loop_post, loop_stop, loop_timer_set/cancel and loop_fd_events are safe
 * from any thread; add/remove only from the loop thread or before it runs.
 * Callbacks run on the loop thread with no lock held.
 */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "host/clock.h"

struct loop;
struct loop_fd;

/* Timers follow `clock` (borrowed). */
struct loop *loop_create(struct clock *clock, struct err *e);
void loop_destroy(struct loop *l);

void loop_run(struct loop *l);                  /* until loop_stop */
void loop_stop(struct loop *l);
/* One round: wait at most timeout_ms (-1: forever, 0: poll) for something,
 * run what is due.  Returns whether anything ran. */
bool loop_step(struct loop *l, int timeout_ms);

/* Level-triggered; events is a mask of EPOLLIN/EPOLLOUT.  Borrows fd. */
typedef void loop_fd_fn(void *arg, uint32_t events);
struct loop_fd *loop_fd_add(struct loop *l, int fd, uint32_t events,
			    loop_fd_fn *fn, void *arg, struct err *e);
void loop_fd_events(struct loop_fd *f, uint32_t events); /* 0: mute */
void loop_fd_remove(struct loop_fd *f);

/* Run fn(arg) once on the loop thread.  Returns false when out of memory. */
typedef void loop_fn(void *arg);
bool loop_post(struct loop *l, loop_fn *fn, void *arg);
/* Forget every posted fn(arg) that has not run; loop thread or loop not
 * running.  Called before arg is freed. */
void loop_cancel(struct loop *l, loop_fn *fn, void *arg);

struct loop_timer {
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	uint64_t due;           /* clock ns; UINT64_MAX: off */
	uint64_t round;         /* of the loop, in which it fired last */
	struct loop_timer *next;
};
/* Embedded in the caller's struct; registered until loop_timer_fini. */
void loop_timer_init(struct loop_timer *t, struct loop *l, loop_fn *fn, void *arg);
void loop_timer_fini(struct loop_timer *t);
void loop_timer_set(struct loop_timer *t, uint64_t due);
void loop_timer_cancel(struct loop_timer *t);
/* The time of the loop's clock, for loop_timer_set.  Any thread. */
uint64_t loop_now(const struct loop *l);
/* Earliest due time of all timers (virtual clocks jump there when idle). */
uint64_t loop_next_due(struct loop *l);

#endif
