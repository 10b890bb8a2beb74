/* SPDX-License-Identifier: Apache-2.0 */
/* doppel version */
#include <errno.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/opt.h"

static const struct cli_usage usage = {
	.synopsis = "doppel version",
	.about = "Print the version.",
	.examples = "doppel version",
};

int cli_version(int argc, char **argv)
{
	struct err e = { 0 };
	char **rest;
	int n, r = cli_opt_parse(&usage, NULL, argc, argv, &n, &rest, &e);

	if (!r && (n || rest))
		r = err_set(&e, EINVAL, "version takes no operand");
	if (r < 0)
		return cli_fail(&e);
	if (r)
		return 0;
	printf("doppel %s\n", DP_VERSION);
	return 0;
}
