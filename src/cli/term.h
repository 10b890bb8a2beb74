/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal of a running machine: raw, one escape key, put back on every
 * way out.  A process has one terminal, so this is process-wide.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>

#include "base/err.h"

enum { TERM_ESCAPE = 0x1d }; /* Ctrl-] */

/* Remember how the terminal is and put it back at exit and when the process
 * crashes.  Nothing happens when standard input is no terminal. */
void term_init(void);
/* Raw mode on and off; async-signal-safe.  True when there is a terminal. */
bool term_raw(void);
void term_restore(void);
/* Rows and columns; false: not known. */
bool term_size(unsigned *rows, unsigned *cols);

#endif
