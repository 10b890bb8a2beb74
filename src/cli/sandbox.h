/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process gives up before the guest's first instruction: privileges
 * that a program could gain (no_new_privs), root's capabilities that no
 * device needs, file descriptors that came from the caller, the files that
 * are not the guest's (landlock.h), and, with libseccomp, every system call
 * outside a list.  It never gets anything back; call it when all files are
 * open.
 */
#ifndef CLI_SANDBOX_H
#define CLI_SANDBOX_H

#include <stdbool.h>

#include "base/err.h"

struct system_config;

struct sandbox {
	/* Folders are shared: keep what file owners need, and their files.
	 * There is a user network: keep sockets. */
	const struct system_config *config;
	const char *snapshot;   /* a file that will be saved; NULL: none */
	const char *own;        /* a shared folder that will be removed; NULL: none */
	bool off;               /* --no-sandbox */
};

/* Before the machine is created: close what the caller left open. */
void sandbox_close_strays(void);
/* Between create and run; covers every thread. */
int sandbox_enter(const struct sandbox *s, struct err *e);
/* Whether a network of the machine opens sockets of the host. */
bool sandbox_user_net(const struct system_config *c);

#endif
