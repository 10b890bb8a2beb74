/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device gets from its machine and what the machine asks of it.
 * A device's create function takes a `struct vm_host *` and registers a
 * `struct vm_dev` (embedded in the device) with vm_host_add().
 */
#ifndef VM_DEVICE_H
#define VM_DEVICE_H

#include <stdbool.h>

#include "base/ser.h"
#include "host/clock.h"
#include "host/loop.h"
#include "host/worker.h"
#include "mem/mem.h"

struct vm_dev;

struct vm_dev_ops {
	/* Back to the state after create.  The io lock is held. */
	void (*reset)(struct vm_dev *d);
	/* One section of their own, named by vm_dev.name.  The machine is
	 * paused and drained; the io lock is held.  load validates. */
	void (*save)(struct vm_dev *d, struct ser_writer *w);
	void (*load)(struct vm_dev *d, struct ser_reader *r);
	/* Finish I/O that is under way, so that no state is outside the
	 * device's struct and RAM.  May be NULL.  No lock is held. */
	void (*drain)(struct vm_dev *d);
	/* Free everything.  Harts and loop have stopped. */
	void (*destroy)(struct vm_dev *d);
};

struct vm_dev {
	const struct vm_dev_ops *ops;
	char name[17];          /* section name, unique: "uart0", "blk1" */
	struct vm_dev *next;
};

/* The machine as its devices see it.  Everything is borrowed by devices and
 * lives longer than they do. */
struct vm_host {
	struct mem *mem;
	struct lock *io;        /* = mem_io_lock(mem) */
	struct loop *loop;
	struct worker *worker;  /* slow host I/O; inline in deterministic mode */
	struct clock *clock;    /* guest time */
	bool deterministic;
	struct vm_dev *devices; /* in creation order = section order */
};

/* Appends; d->ops and d->name are set. */
void vm_host_add(struct vm_host *h, struct vm_dev *d);
void vm_host_reset(struct vm_host *h);                 /* takes the io lock */
void vm_host_drain(struct vm_host *h);
void vm_host_save(struct vm_host *h, struct ser_writer *w);
void vm_host_load(struct vm_host *h, struct ser_reader *r);
void vm_host_destroy_devices(struct vm_host *h);       /* newest first */

#endif
