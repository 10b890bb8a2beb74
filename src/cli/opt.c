/* SPDX-License-Identifier: Apache-2.0 */
/* Option parsing; see opt.h. */
#include "cli/opt.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_opt *find(const struct cli_opt *opts, const char *name, size_t n)
{
	for (const struct cli_opt *o = opts; o && o->name; o++)
		if (strlen(o->name) == n && !memcmp(o->name, name, n))
			return o;
	return NULL;
}

const struct cli_opt *cli_opt_find(const struct cli_opt *opts, const char *arg)
{
	return strncmp(arg, "--", 2) ? NULL : find(opts, arg + 2, strcspn(arg + 2, "="));
}

/* The command's name is the second word of its synopsis. */
static int command_length(const struct cli_usage *u)
{
	const char *p = strchr(u->synopsis, ' ');

	return p ? (int)(p + 1 + strcspn(p + 1, " \n") - u->synopsis) : (int)strlen(u->synopsis);
}

/* One option at argv[i]; returns how many arguments it took. */
static int parse_one(const struct cli_usage *u, void *ctx, int argc, char **argv, int i,
		     struct err *e)
{
	const char *arg = argv[i], *eq = strchr(arg, '='), *value = NULL;
	size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
	const struct cli_opt *o = cli_opt_find(u->opts, arg);
	int r, took = 1;

	if (!o && cli_opt_find(u->foreign, arg))
		return err_set(e, EINVAL, "'%.*s': %s", (int)n, arg, u->why_foreign);
	if (!o)
		return err_set(e, EINVAL, "unknown option '%.*s' (see %.*s --help)", (int)n, arg,
			       command_length(u), u->synopsis);
	if (!o->arg && eq)
		return err_set(e, EINVAL, "--%s takes no value", o->name);
	if (o->arg && eq) {
		value = eq + 1;
	} else if (o->arg) {
		if (i + 1 >= argc)
			return err_set(e, EINVAL, "--%s needs a value (%s)", o->name, o->arg);
		value = argv[i + 1];
		took = 2;
	}
	r = o->set(ctx, o, value, e);
	return r < 0 ? r : took;
}

int cli_opt_parse(const struct cli_usage *u, void *ctx, int argc, char **argv,
		  int *operands, char ***rest, struct err *e)
{
	int n = 0;

	*rest = NULL;
	for (int i = 1; i < argc;) {
		int r;

		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			cli_opt_help(u);
			return 1;
		}
		if (!strcmp(argv[i], "--")) {
			*rest = argv + i + 1;
			break;
		}
		if (argv[i][0] != '-' || !argv[i][1]) {
			argv[++n] = argv[i++];
			continue;
		}
		r = parse_one(u, ctx, argc, argv, i, e);
		if (r < 0)
			return r;
		i += r;
	}
	*operands = n;
	return 0;
}

int cli_opt_parse_head(const struct cli_usage *u, void *ctx, int argc, char **argv, int *at,
		       struct err *e)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		int r;

		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			cli_opt_help(u);
			return 1;
		}
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		r = parse_one(u, ctx, argc, argv, i, e);
		if (r < 0)
			return r;
		i += r;
	}
	*at = i;
	return 0;
}

void cli_opt_help(const struct cli_usage *u)
{
	printf("usage: ");
	for (const char *p = u->synopsis; *p; p++) {
		putchar(*p);
		if (*p == '\n')
			printf("       ");
	}
	printf("\n\n%s\n", u->about);
	if (u->opts && u->opts->name)
		printf("\nOptions:\n");
	for (const struct cli_opt *o = u->opts; o && o->name; o++) {
		int w = printf("  --%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");

		printf("%*s", w < 30 ? 30 - w : 0, "");
		if (w >= 30)
			printf("\n%30s", "");
		for (const char *p = o->help; *p; p++) {
			putchar(*p);
			if (*p == '\n')
				printf("%30s", "");
		}
		putchar('\n');
	}
	printf("\nExamples:\n");
	for (const char *p = u->examples; *p;) {
		size_t n = strcspn(p, "\n");

		printf("  %.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
}

/* ---- setters ------------------------------------------------------------ */

int cli_opt_flag(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	(void)value, (void)e;
	*(bool *)((char *)ctx + o->offset) = true;
	return 0;
}

int cli_opt_string(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, EINVAL, "--%s: empty value (expected %s)", o->name, o->arg);
	*(const char **)((char *)ctx + o->offset) = value;
	return 0;
}

int cli_opt_number(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	return cli_parse_number(o->name, value, false, o->min, o->max,
				(uint64_t *)((char *)ctx + o->offset), e);
}

int cli_opt_size(void *ctx, const struct cli_opt *o, const char *value, struct err *e)
{
	return cli_parse_number(o->name, value, true, o->min, o->max,
				(uint64_t *)((char *)ctx + o->offset), e);
}

static unsigned suffix_shift(const char *s)
{
	static const char letters[] = "KMGT";
	const char *p = *s ? strchr(letters, toupper((unsigned char)*s)) : NULL;

	/* "M", "MB" and "MiB" are the same: memory comes in powers of two. */
	if (!p || (s[1] && strcmp(s + 1, "B") && strcmp(s + 1, "iB")))
		return 0;
	return 10 * (unsigned)(p - letters + 1);
}

/* A size as people write it, in a fresh static-free buffer. */
static const char *size_name(uint64_t v, bool size, char buf[32])
{
	static const char letters[] = " KMGT";
	unsigned i = 0;

	while (size && i < 4 && v && !(v & 1023)) {
		v >>= 10;
		i++;
	}
	snprintf(buf, 32, i ? "%llu%c" : "%llu", (unsigned long long)v, letters[i]);
	return buf;
}

int cli_parse_number(const char *name, const char *value, bool size, uint64_t min,
		     uint64_t max, uint64_t *out, struct err *e)
{
	unsigned shift = 0;
	unsigned long long v;
	char *end, a[32], b[32];

	errno = 0;
	v = strtoull(value, &end, 0);
	if (!isdigit((unsigned char)*value) || (errno && errno != ERANGE))
		return err_set(e, EINVAL, "--%s '%s': not a %s", name, value,
			       size ? "size (like 512M or 2G)" : "number");
	if (size && *end) {
		shift = suffix_shift(end);
		end = shift ? end + strlen(end) : end;
	}
	if (*end)
		return err_set(e, EINVAL, "--%s '%s': not a %s", name, value,
			       size ? "size (like 512M or 2G)" : "number");
	if (errno == ERANGE || (shift && v >> (64 - shift)) || v << shift < min ||
	    v << shift > max)
		return err_set(e, ERANGE, "--%s '%s': out of range (%s to %s)", name, value,
			       size_name(min, size, a), size_name(max, size, b));
	*out = v << shift;
	return 0;
}

int cli_split(char *buf, char **parts, int max)
{
	int n = 0;
	char *in = buf, *out = buf;

	for (parts[n++] = out; ; in++) {
		if (in[0] == ',' && in[1] == ',') {
			*out++ = *in++;
		} else if (in[0] == ',') {
			if (n == max)
				return -EINVAL;
			*out++ = 0;
			parts[n++] = out;
		} else {
			*out++ = *in;
			if (!*in)
				return n;
		}
	}
}
