/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process machine gives up before its program's first instruction: as
 * cli/sandbox.h, in less time.  The process has one thread yet, and the filter
 * of system calls is a short one of our own, made for what the program was
 * given: without folders no file can be opened at all.
 */
#ifndef CLI_CONFINE_H
#define CLI_CONFINE_H

#include "base/err.h"

struct program_options;

/* 0, or -errno and *e. */
int confine_process(const struct program_options *o, struct err *e);

#endif
