/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options by table: one row for each option, from which it is parsed, range
 * checked and explained by --help.  A message names the option and the value.
 */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct cli_opt;
/* Store `value` (NULL for a flag) into the command's struct `ctx`. */
typedef int cli_opt_fn(void *ctx, const struct cli_opt *o, const char *value, struct err *e);

struct cli_opt {
	const char *name;       /* without the dashes */
	const char *arg;        /* what --help calls the value; NULL: a flag */
	const char *help;
	cli_opt_fn *set;
	size_t offset;          /* of the field, for the setters below */
	uint64_t min, max;      /* numbers and sizes */
};

struct cli_usage {
	const char *synopsis;           /* lines of "doppel x ..." */
	const char *about;              /* a paragraph */
	const struct cli_opt *opts;     /* ends with a NULL name */
	const char *examples;           /* lines */
	/* Options that somebody may take for this command's, and what to say. */
	const struct cli_opt *foreign;
	const char *why_foreign;
};

/*
 * Parse argv[1..]; operands are moved to the front, *operands of them at
 * argv[1]; what follows "--" is left at *rest (NULL when there is no "--").
 * 1 when --help was asked for and printed, 0, or -EINVAL.
 */
int cli_opt_parse(const struct cli_usage *u, void *ctx, int argc, char **argv,
		  int *operands, char ***rest, struct err *e);
/* Options up to the first operand, which is at argv[*at] (argc: there is none);
 * all that follows belongs to it.  Returns as cli_opt_parse(). */
int cli_opt_parse_head(const struct cli_usage *u, void *ctx, int argc, char **argv, int *at,
		       struct err *e);
/* The row of "--name" or "--name=value"; NULL: none. */
const struct cli_opt *cli_opt_find(const struct cli_opt *opts, const char *arg);
void cli_opt_help(const struct cli_usage *u);

/* Setters: the field at `offset` is a bool, const char *, uint64_t. */
cli_opt_fn cli_opt_flag, cli_opt_string, cli_opt_number, cli_opt_size;

/* 10, 0x10, with K, M, G, T for sizes.  `name` is for the message. */
int cli_parse_number(const char *name, const char *value, bool size, uint64_t min,
		     uint64_t max, uint64_t *out, struct err *e);

/*
 * Split "a,b=c,d" at commas (",," is a comma in a value) into at most `max`
 * strings in `buf`, a copy of the value.  Returns the count, -EINVAL for too
 * many.
 */
int cli_split(char *buf, char **parts, int max);

#endif
