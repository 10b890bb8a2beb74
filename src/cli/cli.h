/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: only this folder prints and exits.
 *
 * Exit status: what the guest gave; CLI_FAILED when Doppel itself could not
 * do what was asked, with one line on standard error that says why;
 * 128 + N when signal N ended the machine.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/err.h"

enum { CLI_FAILED = 125 };

struct cli_command {
	const char *name;
	const char *brief;      /* one line, for `doppel help` */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
};
extern const struct cli_command cli_commands[]; /* ends with a NULL name */

int cli_run(int argc, char **argv);
int cli_wasm(int argc, char **argv);
int cli_restore(int argc, char **argv);
int cli_fetch(int argc, char **argv);
int cli_wast(int argc, char **argv);
int cli_features(int argc, char **argv);
int cli_version(int argc, char **argv);
int cli_help(int argc, char **argv);

/* A line on standard error, without what would steer a terminal: guests choose
 * names. */
void cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "doppel: MESSAGE" on standard error; returns CLI_FAILED. */
int cli_fail(const struct err *e);

#endif
