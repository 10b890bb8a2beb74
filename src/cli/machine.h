/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a machine (what `doppel run` takes) into struct system_config
 * and struct session_options.  The strings point into argv and into `arena`.
 */
#ifndef CLI_MACHINE_H
#define CLI_MACHINE_H

#include "base/arena.h"
#include "cli/opt.h"
#include "cli/session.h"

struct machine {
	struct system_config config;
	struct session_options session;
	struct system_disk disks[SYSTEM_DISKS_MAX];
	struct system_share shares[SYSTEM_SHARES_MAX];
	struct system_net nets[SYSTEM_NETS_MAX];
	uint64_t cpus;          /* checked, copied to config at the end */
	bool no_shares, no_nets;
	bool console_given;
	const char *seed_given, *firmware;
	struct arena arena;
};

extern const struct cli_opt machine_opts[];
extern const struct cli_opt machine_session_opts[]; /* those of `restore` */

/* The frame of a command that runs a machine: what has to happen before it
 * opens anything, a machine for `body`, one line when that failed. */
typedef int machine_body_fn(struct machine *m, int argc, char **argv, struct err *e);
int machine_command(machine_body_fn *body, int argc, char **argv);
/* Options that contradict each other; after all are parsed. */
int machine_check(struct machine *m, struct err *e);
/* Add a share or a network; used by `run linux` for its own. */
int machine_add_share(struct machine *m, const char *dir, const char *tag, bool readonly,
		      struct err *e);
int machine_add_net(struct machine *m, const char *spec, struct err *e);
/* Kernel command line: append a word list. */
int machine_append(struct machine *m, const char *words, struct err *e);
/* Printf into the machine's arena; NULL and *e when out of memory. */
char *machine_printf(struct machine *m, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
