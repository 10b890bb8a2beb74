/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel between the terminal and the guest's console: takes out the
 * escape key and what follows it.  Everything typed is read at once, also
 * when the guest does not read, so that the escape key always works; what a
 * guest does not take is kept up to a limit, then dropped.
 */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include "host/chan.h"

enum keys_action {
	KEYS_HELP, KEYS_QUIT, KEYS_BREAK, KEYS_PAUSE, KEYS_RESET, KEYS_UNKNOWN,
};
/* On the loop thread; no lock is held. */
typedef void keys_fn(void *arg, enum keys_action a);

/* Owns `inner`. */
struct chan *keys_create(struct loop *l, struct chan *inner, keys_fn *fn, void *arg,
			 struct err *e);
/* What the escape key offers, one line each. */
const char *keys_help(void);

#endif
