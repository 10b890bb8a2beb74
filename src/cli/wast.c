/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doppel wast: runs scripts of WebAssembly's test suite and counts.  Relies on
 * wasm/script.h; never skips an assertion.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/opt.h"
#include "wasm/module.h"
#include "wasm/script.h"

struct options {
	bool json, gc_stress, quiet;
	const char *features;
};

/* Counts of a folder: the scripts of one proposal. */
struct group {
	struct group *next;
	char *name;
	uint32_t scripts;
	struct wasm_script_result r;
};

struct run {
	struct options o;
	unsigned features;
	struct group *groups, **groups_end;
	uint32_t scripts, broken;       /* broken: cannot be read to their end */
};

static const struct cli_opt opts[] = {
	{ "json", NULL, "one JSON object instead of tables", cli_opt_flag,
	  offsetof(struct options, json), 0, 0 },
	{ "features", "LIST", "beyond 3.0: threads, legacy-exceptions (a folder of that\n"
	  "kind, legacy/ or threads/, has them anyway)", cli_opt_string,
	  offsetof(struct options, features), 0, 0 },
	{ "gc-stress", NULL, "collect garbage at every allocation", cli_opt_flag,
	  offsetof(struct options, gc_stress), 0, 0 },
	{ "quiet", NULL, "only the totals", cli_opt_flag, offsetof(struct options, quiet), 0, 0 },
	{ 0 },
};
static const struct cli_usage usage = {
	.synopsis = "doppel wast [--json] [--features LIST] [--gc-stress] [--quiet]\n"
		    "            FILE|FOLDER...",
	.about = "Run scripts of the WebAssembly test suite (.wast) and count their assertions.\n"
		 "A folder stands for all scripts below it. The exit status is 1 when one failed.",
	.opts = opts,
	.examples = "doppel wast i32.wast\ndoppel wast --json core/ | jq .failed",
};

static int parse_features(const char *list, unsigned *features, struct err *e)
{
	base_auto char *copy = base_strdup(list ? list : "");
	char *save = NULL;

	if (!copy)
		return err_set(e, ENOMEM, "out of memory");
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		if (!strcmp(w, "threads"))
			*features |= WASM_FEATURE_THREADS;
		else if (!strcmp(w, "legacy-exceptions"))
			*features |= WASM_FEATURE_LEGACY_EH;
		else
			return err_set(e, EINVAL, "--features: '%s' is not one of threads, "
				       "legacy-exceptions", w);
	}
	return 0;
}

static char *read_all(const char *path, size_t *len, struct err *e)
{
	base_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;
	ssize_t n;

	*len = 0;
	if (fd < 0 || fstat(fd, &st)) {
		err_sys(e, "%s", path);
		return NULL;
	}
	text = base_alloc((size_t)st.st_size + 1);
	if (!text)
		err_set(e, ENOMEM, "%s: out of memory", path);
	while (text && *len < (size_t)st.st_size) {
		n = read(fd, text + *len, (size_t)st.st_size - *len);
		if (n <= 0) {
			err_sys(e, "%s", path);
			base_free(text);
			return NULL;
		}
		*len += (size_t)n;
	}
	return text;
}

static void report(void *ctx, const char *line)
{
	const struct run *run = ctx;

	if (!run->o.quiet)
		fprintf(run->o.json ? stderr : stdout, "%s\n", line);
}

/* "core/simd/x.wast": the group core/simd, of the path's last two folders. */
static struct group *group_of(struct run *run, const char *path)
{
	const char *end = strrchr(path, '/'), *from = end;
	unsigned parts = 0;
	struct group *g;

	for (; from && from > path && (from[-1] != '/' || ++parts < 2); from--)
		;
	if (!end)
		from = end = path;
	for (g = run->groups; g; g = g->next)
		if (strlen(g->name) == (size_t)(end - from) && !memcmp(g->name, from, end - from))
			return g;
	g = base_zalloc(sizeof(*g));
	if (!g)
		return NULL;
	g->name = base_printf("%.*s", (int)(end - from), from);
	*run->groups_end = g;
	run->groups_end = &g->next;
	return g;
}

/* What the scripts of a folder need: its name says so. */
static unsigned path_features(const char *path)
{
	return (strstr(path, "legacy/") ? WASM_FEATURE_LEGACY_EH : 0) |
	       (strstr(path, "threads/") ? WASM_FEATURE_THREADS : 0);
}

static int run_file(struct run *run, const char *path, struct err *e)
{
	const struct wasm_script_options o = {
		.features = run->features | path_features(path),
		.gc_stress = run->o.gc_stress, .report = report, .ctx = run,
	};
	struct group *g = group_of(run, path);
	base_auto char *text = NULL;
	struct err script_err = { 0 };
	size_t len;

	if (!g || !g->name)
		return err_set(e, ENOMEM, "out of memory");
	text = read_all(path, &len, e);
	if (!text)
		return -e->code;
	g->scripts++;
	run->scripts++;
	if (wasm_script_run(text, len, path, &o, &g->r, &script_err)) {
		run->broken++;
		report(run, script_err.msg);
	}
	return 0;
}

static int run_path(struct run *run, const char *path, bool named, struct err *e);

static int run_folder(struct run *run, const char *path, struct err *e)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort), r = 0;

	if (n < 0)
		return err_sys(e, "%s", path);
	for (int i = 0; i < n; i++) {
		base_auto char *below = base_printf("%s%s%s", path,
			path[strlen(path) - 1] == '/' ? "" : "/", entries[i]->d_name);

		if (!r && entries[i]->d_name[0] != '.')
			r = below ? run_path(run, below, false, e) :
				    err_set(e, ENOMEM, "out of memory");
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int run_path(struct run *run, const char *path, bool named, struct err *e)
{
	size_t n = strlen(path);
	struct stat st;

	if (stat(path, &st))
		return err_sys(e, "%s", path);
	if (S_ISDIR(st.st_mode))
		return run_folder(run, path, e);
	if (named || (n > 5 && !strcmp(path + n - 5, ".wast")))
		return run_file(run, path, e);
	return 0;
}

static void sum(const struct wasm_script_result *r, uint32_t *passed, uint32_t *failed)
{
	*passed = *failed = 0;
	for (unsigned k = 0; k < WASM_SCRIPT_KINDS; k++) {
		*passed += r->passed[k];
		*failed += r->failed[k];
	}
}

static void total(const struct run *run, struct wasm_script_result *all)
{
	memset(all, 0, sizeof(*all));
	for (const struct group *g = run->groups; g; g = g->next) {
		for (unsigned k = 0; k < WASM_SCRIPT_KINDS; k++) {
			all->passed[k] += g->r.passed[k];
			all->failed[k] += g->r.failed[k];
		}
	}
}

static void print_tables(const struct run *run, const struct wasm_script_result *all)
{
	uint32_t passed, failed;

	printf("%-36s %7s %8s %7s\n", "folder", "scripts", "passed", "failed");
	for (const struct group *g = run->groups; g; g = g->next) {
		sum(&g->r, &passed, &failed);
		printf("%-36s %7u %8u %7u\n", *g->name ? g->name : ".", g->scripts, passed,
		       failed);
	}
	printf("\n%-36s %7s %8s %7s\n", "kind", "", "passed", "failed");
	for (unsigned k = 0; k < WASM_SCRIPT_KINDS; k++)
		if (all->passed[k] + all->failed[k])
			printf("%-36s %7s %8u %7u\n", wasm_script_kind_name(k), "",
			       all->passed[k], all->failed[k]);
}

static int print_json(const struct run *run, const struct wasm_script_result *all, struct err *e)
{
	struct cli_json *j = cli_json_begin(e);
	uint32_t passed, failed;
	char key[300];

	if (!j)
		return cli_fail(e);
	sum(all, &passed, &failed);
	cli_json_number(j, "scripts", run->scripts);
	cli_json_number(j, "passed", passed);
	cli_json_number(j, "failed", failed + run->broken);
	cli_json_number(j, "skipped", 0);
	for (const struct group *g = run->groups; g; g = g->next) {
		sum(&g->r, &passed, &failed);
		snprintf(key, sizeof(key), "%s passed", g->name);
		cli_json_number(j, key, passed);
		snprintf(key, sizeof(key), "%s failed", g->name);
		cli_json_number(j, key, failed);
	}
	cli_json_print(j);
	return 0;
}

static int finish(struct run *run, struct err *e)
{
	struct wasm_script_result all;
	uint32_t passed, failed;
	int r = 0;

	total(run, &all);
	sum(&all, &passed, &failed);
	failed += run->broken;
	if (run->o.json) {
		r = print_json(run, &all, e);
	} else {
		if (!run->o.quiet)
			print_tables(run, &all);
		printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	}
	return r ? r : failed ? 1 : 0;
}

static void free_groups(struct run *run)
{
	while (run->groups) {
		struct group *g = run->groups;

		run->groups = g->next;
		base_free(g->name);
		base_free(g);
	}
}

int cli_wast(int argc, char **argv)
{
	struct run run = { 0 };
	struct err e = { 0 };
	char **rest;
	int n, r = cli_opt_parse(&usage, &run.o, argc, argv, &n, &rest, &e);

	run.groups_end = &run.groups;
	if (!r && (!n || rest))
		r = err_set(&e, EINVAL, "wast takes scripts or folders of them");
	if (!r)
		r = parse_features(run.o.features, &run.features, &e);
	if (r > 0)
		return 0;
	for (int i = 1; !r && i <= n; i++)
		r = run_path(&run, argv[i], true, &e);
	if (!r && !run.scripts)
		r = err_set(&e, ENOENT, "no scripts there");
	r = r < 0 ? cli_fail(&e) : finish(&run, &e);
	free_groups(&run);
	return r;
}
