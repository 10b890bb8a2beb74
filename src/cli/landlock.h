/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: the kernel lets this process open, make, move and remove files
 * only where its guest may.  Files that are open already stay so.  What a
 * kernel does not know is left out: an older one confines less, a kernel
 * without Landlock not at all.  It relies on no_new_privs being set, and never
 * gives a right back that was taken.
 */
#ifndef CLI_LANDLOCK_H
#define CLI_LANDLOCK_H

#include "base/err.h"
#include "cli/sandbox.h"

/* The version of the kernel's interface; 0: it has none. */
int landlock_version(void);
/* *fd: rules for what `s` needs from now on, or -1: the kernel has none. */
int landlock_rules(const struct sandbox *s, int *fd, struct err *e);
/* Confine this thread and those it starts; 0 or -1 with errno.  Safe in a
 * signal handler. */
int landlock_enter(int fd);

#endif
