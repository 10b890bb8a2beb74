/* SPDX-License-Identifier: Apache-2.0 */
/* doppel help [COMMAND] */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void print_overview(void)
{
	printf("Doppel runs computers inside a program.\n\n"
	       "usage: doppel COMMAND [OPTIONS]\n\nCommands:\n");
	for (const struct cli_command *c = cli_commands; c->name; c++)
		printf("  %-10s %s\n", c->name, c->brief);
	printf("\nExamples:\n"
	       "  doppel run linux                 a shell in a stock Debian riscv64 kernel\n"
	       "  doppel run --kernel Image --disk disk.img --append root=/dev/vda\n"
	       "  doppel run --dir . prog.wasm     a WebAssembly program with a folder\n"
	       "  doppel help run                  everything that run takes\n");
}

int cli_help(int argc, char **argv)
{
	char *help[] = { NULL, "--help", NULL };
	struct err e = { 0 };

	if (argc < 2 || !strcmp(argv[1], "help") || !strcmp(argv[1], "--help")) {
		print_overview();
		return 0;
	}
	for (const struct cli_command *c = cli_commands; c->name; c++)
		if (!strcmp(c->name, argv[1])) {
			help[0] = argv[1];
			return c->run(2, help);
		}
	err_set(&e, EINVAL, "unknown command '%s' (see doppel help)", argv[1]);
	return cli_fail(&e);
}
