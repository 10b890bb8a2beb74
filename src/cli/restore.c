/* SPDX-License-Identifier: Apache-2.0 */
/* doppel restore FILE: a saved machine goes on where it was. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "cli/machine.h"

static const struct cli_usage usage = {
	.synopsis = "doppel restore [OPTIONS] FILE",
	.about = "Go on from a machine saved by `doppel run --snapshot-at`, with the disks,\n"
		 "shared folders and networks that it was saved with.  What is on disks and in\n"
		 "folders is not in the file: a run of `linux` keeps its root folder in the\n"
		 "cache as long as the file is there.",
	.opts = machine_session_opts,
	.examples = "doppel restore vm.snap\n"
		    "doppel restore --stop-at 2000000000 --json vm.snap",
};

static int restore(struct machine *m, int argc, char **argv, struct err *e)
{
	base_auto struct system_config *c = NULL;
	char **rest;
	int n, r = cli_opt_parse(&usage, m, argc, argv, &n, &rest, e);

	if (r > 0)
		return 0;
	if (!r && (n != 1 || rest))
		r = err_set(e, EINVAL, "restore what? (doppel restore FILE)");
	if (r)
		return CLI_FAILED;
	c = system_load_config(argv[1], e);
	if (!c)
		return CLI_FAILED;
	m->config.deterministic = c->deterministic;
	r = machine_check(m, e);
	if (r)
		return CLI_FAILED;
	/* A machine saved with a virtio console has it again. */
	if (!m->console_given && c->hvc)
		m->session.console = SESSION_VIRTIO;
	m->session.load = argv[1];
	return session_run(&m->session, c, e);
}

int cli_restore(int argc, char **argv)
{
	return machine_command(restore, argc, argv);
}
