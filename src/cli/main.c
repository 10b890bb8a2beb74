/* SPDX-License-Identifier: Apache-2.0 */
/* doppel COMMAND: finds the command in the table and runs it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/utf8.h"
#include "cli/cli.h"

const struct cli_command cli_commands[] = {
	{ "run", "run a machine: a WebAssembly program, a kernel, a firmware, or stock Linux", cli_run },
	{ "wasm", "look into WebAssembly modules; text to binary and back", cli_wasm },
	{ "restore", "go on from a saved machine", cli_restore },
	{ "fetch", "fetch the stock kernel and user land without running them", cli_fetch },
	{ "wast", "run scripts of the WebAssembly test suite", cli_wast },
	{ "features", "tell what this build can do", cli_features },
	{ "version", "print the version", cli_version },
	{ "help", "print this, or what a command takes", cli_help },
	{ NULL, NULL, NULL },
};

void cli_say(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	n = strlen(line);
	base_utf8_clean(line, n);
	line[n] = '\n';
	fwrite(line, 1, n + 1, stderr);
}

int cli_fail(const struct err *e)
{
	cli_say("doppel: %s", e->code ? e->msg : "unknown failure");
	return CLI_FAILED;
}

/* What people type out of habit. */
static const char *command_name(const char *arg)
{
	if (!strcmp(arg, "--help") || !strcmp(arg, "-h"))
		return "help";
	if (!strcmp(arg, "--version") || !strcmp(arg, "-V"))
		return "version";
	return arg;
}

/* Descriptors 0 to 2 that are closed would be the next files that are opened,
 * and what is written for people would go there.  O_PATH: as good as closed. */
static void occupy_standard(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_PATH) < 0)
			return;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? command_name(argv[1]) : NULL;
	struct err e = { 0 };

	occupy_standard();
	if (fail_setup(getenv("DP_FAIL"))) {
		err_set(&e, EINVAL, "DP_FAIL='%s': expected alloc:N or io:N", getenv("DP_FAIL"));
		return cli_fail(&e);
	}
	/* A reader of our output that goes away is a write error, not death. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* so is a file that may not grow */
	if (!name) {
		cli_help(1, argv);
		return CLI_FAILED;
	}
	for (const struct cli_command *c = cli_commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c->run(argc - 1, argv + 1);
	if (access(name, F_OK))
		err_set(&e, EINVAL, "unknown command '%s' (see doppel help)", name);
	else
		err_set(&e, EINVAL, "unknown command '%s' (a file is run by: doppel run %s)", name,
			name);
	return cli_fail(&e);
}
