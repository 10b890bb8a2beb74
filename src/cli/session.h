/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with a terminal, from start to exit status: console, escape key,
 * signals, sandbox, events, stops and snapshots at an instruction.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "system/system.h"

enum session_console { SESSION_UART, SESSION_VIRTIO, SESSION_NONE };

/* The exit status of a machine that has ended, which is `status` so far; *e is
 * filled when it is CLI_FAILED. */
typedef int session_status_fn(void *arg, const struct system_end *end, int status,
			      struct err *e);

struct session_options {
	const char *name;               /* of the machine, in events */
	bool json;                      /* events; the console is on standard error */
	bool no_sandbox;
	enum session_console console;
	uint64_t stop_at;               /* instructions; 0: no */
	uint64_t snapshot_at;           /* instructions; 0: no */
	const char *snapshot_file;
	const char *own;                /* a shared folder that the caller removes */
	const char *load;               /* start from this snapshot */
	session_status_fn *status;      /* NULL: the machine's own */
	void *status_arg;
};

/* The exit status of the process; *e is filled when it is CLI_FAILED. */
int session_run(const struct session_options *o, const struct system_config *c,
		struct err *e);

#endif
