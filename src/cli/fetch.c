/* SPDX-License-Identifier: Apache-2.0 */
/* doppel fetch linux: fill the cache and print where things are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/opt.h"
#include "image/debian.h"

struct fetch {
	struct image_debian_want want;
	const char *packages[64];
	bool json;
};

static int set_package(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	struct fetch *f = ctx;

	if (f->want.package_count == ARRAY_LEN(f->packages))
		return err_set(e, E2BIG, "--%s '%s': too many packages", o->name, value);
	f->packages[f->want.package_count++] = value;
	return 0;
}

static const struct cli_opt opts[] = {
	{ "update", NULL, "look for newer packages in the archive", cli_opt_flag,
	  offsetof(struct fetch, want.update), 0, 0 },
	{ "package", "NAME", "unpack this riscv64 package as well, without what it\n"
			     "depends on; may be given again; needs --to", set_package, 0, 0, 0 },
	{ "to", "DIR", "where the packages are unpacked", cli_opt_string,
	  offsetof(struct fetch, want.package_dir), 0, 0 },
	{ "json", NULL, "one JSON object instead of lines", cli_opt_flag,
	  offsetof(struct fetch, json), 0, 0 },
	{ 0 },
};
static const struct cli_usage usage = {
	.synopsis = "doppel fetch linux [OPTIONS]",
	.about = "Fetch the stock Debian riscv64 kernel and a small user land, once, from the\n"
		 "Debian mirror that this machine's apt is configured with, and print where\n"
		 "they are kept.  The archive's signature is checked by the system's keyring.",
	.opts = opts,
	.examples = "doppel fetch linux\n"
		    "doppel fetch linux --json | jq -r .kernel\n"
		    "doppel fetch linux --package git --package libc6 --to ./tree",
};

static int print(const struct fetch *f, const struct image_debian *d, struct err *e)
{
	struct cli_json *j;

	if (!f->json) {
		printf("version %s\nkernel %s\nconfig %s\nroot %s\nmodules %s\n", d->version,
		       d->kernel, d->config, d->root, d->modules);
		return 0;
	}
	j = cli_json_begin(e);
	if (!j)
		return cli_fail(e);
	cli_json_string(j, "version", d->version);
	cli_json_string(j, "kernel", d->kernel);
	cli_json_string(j, "config", d->config);
	cli_json_string(j, "root", d->root);
	cli_json_string(j, "modules", d->modules);
	cli_json_print(j);
	return 0;
}

int cli_fetch(int argc, char **argv)
{
	struct fetch f = { 0 };
	struct image_debian d;
	struct err e = { 0 };
	char **rest;
	int n, r = cli_opt_parse(&usage, &f, argc, argv, &n, &rest, &e);

	if (r > 0)
		return 0;
	if (!r && n != 1)
		r = err_set(&e, EINVAL, "fetch what? (doppel fetch linux)");
	else if (!r && strcmp(argv[1], "linux"))
		r = err_set(&e, EINVAL, "cannot fetch '%s' (only: linux)", argv[1]);
	else if (!r && !f.want.package_count != !f.want.package_dir)
		r = err_set(&e, EINVAL, "--package and --to go together");
	if (r)
		return cli_fail(&e);
	f.want.packages = f.packages;
	f.want.progress = isatty(2);
	r = image_debian_get(&f.want, &d, &e);
	if (r)
		return cli_fail(&e);
	r = print(&f, &d, &e);
	image_debian_fini(&d);
	return r;
}
