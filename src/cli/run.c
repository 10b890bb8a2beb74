/* SPDX-License-Identifier: Apache-2.0 */
/* doppel run: which machine, with what, and its exit status. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/kind.h"
#include "cli/linux.h"
#include "cli/machine.h"
#include "cli/program.h"

static const struct cli_usage usage = {
	.synopsis = "doppel run linux [OPTIONS] [-- COMMAND [ARGS]]\n"
		    "doppel run [OPTIONS] --kernel FILE\n"
		    "doppel run [OPTIONS] FILE\n"
		    "doppel run [OPTIONS] PROGRAM.wasm [ARGS]",
	.about =
		"Run a machine until its guest ends it.  `linux` is a stock Debian riscv64\n"
		"kernel, fetched once, with a shell; its working folder is this one, at /host.\n"
		"FILE is a kernel, a firmware or a bare program, recognized by its contents.\n"
		"A WebAssembly program has options of its own, which `doppel run --help` lists\n"
		"below; what follows its name is the program's.\n\n"
		"The terminal belongs to the guest, Ctrl-C included.  Ctrl-] is the escape key:\n"
		"Ctrl-] h shows help, Ctrl-] x quits, Ctrl-] b sends a break, twice sends itself.\n"
		"The exit status is the guest's where it gives one; 125 when Doppel itself\n"
		"failed; 128 + N when signal N ended the machine.",
	.opts = machine_opts,
	.examples =
		"doppel run linux\n"
		"doppel run linux --cpus 4 --memory 2G -- sh -c 'uname -a; nproc'\n"
		"doppel run --kernel Image --disk disk.qcow2 --append 'root=/dev/vda rw'\n"
		"doppel run --kernel Image --initrd initrd.gz --net user,forward=2222:22\n"
		"doppel run --firmware fw_jump.elf --kernel u-boot.bin --disk debian.img\n"
		"doppel run firmware.bin\n"
		"doppel run --kernel Image --deterministic --snapshot-at 1000000000:vm.snap",
	.foreign = program_opts,
	.why_foreign = "an option of WebAssembly programs, not of machines",
};

/* A file without an option: its contents say what it is. */
static int take_operand(struct machine *m, const char *path, struct err *e)
{
	int kind;

	if (m->config.kernel || m->config.firmware)
		return err_set(e, EINVAL, "'%s': --%s is given already (a file goes without)",
			       path, m->config.kernel ? "kernel" : "firmware");
	kind = kind_of_file(path, e);
	if (kind < 0)
		return kind;
	if (kind == KIND_WASM)
		return err_set(e, EINVAL, "%s: a WebAssembly program goes without machine options",
			       path);
	if (kind == KIND_KERNEL)
		m->config.kernel = path;
	else
		m->config.firmware = path;
	return 0;
}

static int run_linux(struct machine *m, char *const *command, struct err *e)
{
	struct linux_run *l = linux_prepare(m, command && *command ? command : NULL, e);
	int status;

	if (!l)
		return CLI_FAILED;
	m->session.status = linux_status;
	m->session.status_arg = l;
	status = session_run(&m->session, &m->config, e);
	linux_finish(l, m->session.snapshot_file);
	return status;
}

static int run_file(struct machine *m, const char *path, char *const *rest, struct err *e)
{
	int r = 0;

	if (rest)
		r = err_set(e, EINVAL, "'--': only `run linux` takes a command");
	else if (path)
		r = take_operand(m, path, e);
	else if (!m->config.kernel && !m->config.firmware)
		r = err_set(e, EINVAL, "run what? (linux, a file, --kernel or --firmware; "
			    "see doppel run --help)");
	if (!r && m->session.console == SESSION_VIRTIO && m->config.kernel &&
	    (!m->config.append || !strstr(m->config.append, "console=")))
		r = machine_append(m, "console=hvc0", e);
	return r ? CLI_FAILED : session_run(&m->session, &m->config, e);
}

/* Only programs have arguments.  What cannot be read may have been meant as one. */
static int second_operand(const char *first, const char *second, struct err *e)
{
	bool stock = !strcmp(first, "linux");

	if (!stock && kind_of_file(first, e) < 0)
		return -e->code;
	return err_set(e, EINVAL, "'%s': one machine at a time%s", second,
		       stock ? " (a command goes behind --)" : "");
}

static int run(struct machine *m, int argc, char **argv, struct err *e)
{
	char **rest;
	int n, r = cli_opt_parse(&usage, m, argc, argv, &n, &rest, e);

	if (r > 0)
		return 0;
	if (!r && n > 1)
		r = second_operand(argv[1], argv[2], e);
	if (!r)
		r = machine_check(m, e);
	if (r)
		return CLI_FAILED;
	return n && !strcmp(argv[1], "linux") ? run_linux(m, rest, e)
					      : run_file(m, n ? argv[1] : NULL, rest, e);
}

/* The first word that is no option nor an option's value; 0: none, or that is
 * for the parser to say.  *programs: an option is one that only programs have. */
static int first_operand(int argc, char **argv, bool *programs)
{
	*programs = false;
	for (int i = 1; i < argc; i++) {
		const struct cli_opt *o;

		if (argv[i][0] != '-' || !argv[i][1])
			return i;
		if (!strcmp(argv[i], "--"))
			return i + 1 < argc ? i + 1 : 0;
		o = cli_opt_find(machine_opts, argv[i]);
		if (!o) {
			o = cli_opt_find(program_opts, argv[i]);
			*programs |= o != NULL;
		}
		if (!o)
			return 0;
		i += o->arg && !strchr(argv[i], '=');
	}
	return 0;
}

int cli_run(int argc, char **argv)
{
	bool programs;
	int at = first_operand(argc, argv, &programs), status;

	if (programs ? !at || strcmp(argv[at], "linux")
		     : at && strcmp(argv[at], "linux") &&
		       kind_of_file(argv[at], NULL) == KIND_WASM)
		return program_command(argc, argv);
	status = machine_command(run, argc, argv);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		printf("\n");
		cli_opt_help(&program_usage);
	}
	return status;
}
