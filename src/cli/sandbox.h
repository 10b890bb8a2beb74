/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process gives up before the guest's first instruction: privileges
 * that a program could gain (no_new_privs), root's capabilities that no
 * device needs, file descriptors that came from the caller, and, with
 * libseccomp, every system call outside a list.  It never gets anything
 * back; call it when all files are open.
 */
#ifndef CLI_SANDBOX_H
#define CLI_SANDBOX_H

#include <stdbool.h>

#include "base/err.h"

struct sandbox {
	bool shares;    /* folders are shared: keep what file owners need */
	bool nets;      /* there is a network: keep sockets */
	bool off;       /* --no-sandbox */
};

/* Before the machine is created: close what the caller left open. */
void sandbox_close_strays(void);
/* Between create and run; covers every thread. */
int sandbox_enter(const struct sandbox *s, struct err *e);

#endif
