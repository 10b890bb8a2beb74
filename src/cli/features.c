/* SPDX-License-Identifier: Apache-2.0 */
/* doppel features: what this build has, and what it was built without. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/bits.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/landlock.h"
#include "cli/opt.h"

/* Optional libraries, and what is lost without them. */
static const struct {
	const char *name, *library, *gives;
	bool here;
} features[] = {
#ifdef HAVE_FDT
#define HERE_FDT true
#else
#define HERE_FDT false
#endif
#ifdef HAVE_SLIRP
#define HERE_SLIRP true
#else
#define HERE_SLIRP false
#endif
#ifdef HAVE_ZLIB
#define HERE_ZLIB true
#else
#define HERE_ZLIB false
#endif
#ifdef HAVE_ZSTD
#define HERE_ZSTD true
#else
#define HERE_ZSTD false
#endif
#ifdef HAVE_LZMA
#define HERE_LZMA true
#else
#define HERE_LZMA false
#endif
#ifdef HAVE_ARCHIVE
#define HERE_ARCHIVE true
#else
#define HERE_ARCHIVE false
#endif
#ifdef HAVE_JSON
#define HERE_JSON true
#else
#define HERE_JSON false
#endif
#ifdef HAVE_SECCOMP
#define HERE_SECCOMP true
#else
#define HERE_SECCOMP false
#endif
	{ "fdt", "libfdt", "device trees: every machine needs one", HERE_FDT },
	{ "slirp", "libslirp", "--net user", HERE_SLIRP },
	{ "zlib", "zlib", "gzip'ed kernels, compressed qcow2 images", HERE_ZLIB },
	{ "zstd", "libzstd", "zstd-compressed kernels and qcow2 images", HERE_ZSTD },
	{ "lzma", "liblzma", "xz-compressed kernels", HERE_LZMA },
	{ "archive", "libarchive", "doppel run linux, doppel fetch", HERE_ARCHIVE },
	{ "json", "json-c", "--json", HERE_JSON },
	{ "seccomp", "libseccomp", "the system call filter of the sandbox", HERE_SECCOMP },
};

static const struct cli_opt opts[] = {
	{ "json", NULL, "one JSON object instead of a table", cli_opt_flag, 0, 0, 0 },
	{ 0 },
};
static const struct cli_usage usage = {
	.synopsis = "doppel features [--json]",
	.about = "Tell what this build can do and which libraries it was built without.",
	.opts = opts,
	.examples = "doppel features\ndoppel features --json | jq .slirp",
};

static int print_json(struct err *e)
{
	struct cli_json *j = cli_json_begin(e);

	if (!j)
		return cli_fail(e);
	cli_json_string(j, "version", DP_VERSION);
	for (size_t i = 0; i < ARRAY_LEN(features); i++)
		cli_json_bool(j, features[i].name, features[i].here);
	cli_json_bool(j, "landlock", landlock_version() > 0);
	cli_json_print(j);
	return 0;
}

int cli_features(int argc, char **argv)
{
	struct err e = { 0 };
	bool json = false;
	char **rest;
	int n, r = cli_opt_parse(&usage, &json, argc, argv, &n, &rest, &e);

	if (!r && (n || rest))
		r = err_set(&e, EINVAL, "features takes no operand");
	if (r < 0)
		return cli_fail(&e);
	if (r)
		return 0;
	if (json)
		return print_json(&e);
	printf("kinds      system (riscv64), process (WebAssembly 3.0)\n");
	for (size_t i = 0; i < ARRAY_LEN(features); i++)
		printf("%-10s %-3s  %s (%s)\n", features[i].name, features[i].here ? "yes" : "no",
		       features[i].gives, features[i].library);
	printf("%-10s %-3s  %s (kernel, version %d)\n", "landlock",
	       landlock_version() ? "yes" : "no",
	       "the files that the sandbox keeps to", landlock_version());
	return 0;
}
