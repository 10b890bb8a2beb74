/* SPDX-License-Identifier: Apache-2.0 */
/* Something that happens at a time unless it is taken back: one thread, which
 * sleeps until then. */
#ifndef PROCESS_DEADLINE_H
#define PROCESS_DEADLINE_H

#include <stdint.h>

#include "base/err.h"

struct process_deadline;

/* fn(arg) in another thread, in ns nanoseconds from now. */
struct process_deadline *process_deadline_start(uint64_t ns, void (*fn)(void *arg), void *arg,
						struct err *e);
/* Afterwards fn does not run and will not; NULL is fine. */
void process_deadline_cancel(struct process_deadline *d);

#endif
