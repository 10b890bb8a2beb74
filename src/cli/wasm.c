/* SPDX-License-Identifier: Apache-2.0 */
/* doppel wasm: look into WebAssembly modules, and from text to binary and
 * back.  What a module names is shown without its control characters. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/opt.h"
#include "process/program.h"
#include "wasm/text.h"

struct options {
	bool json, legacy;
	const char *output;
};

static const struct cli_opt opts[] = {
	{ "json", NULL, "inspect: JSON objects, one a line", cli_opt_flag,
	  offsetof(struct options, json), 0, 0 },
	{ "output", "FILE", "binary, wat: write there, not to standard output; also -o", cli_opt_string,
	  offsetof(struct options, output), 0, 0 },
	{ "legacy-exceptions", NULL, "accept try, catch, delegate and rethrow too", cli_opt_flag,
	  offsetof(struct options, legacy), 0, 0 },
	{ 0 },
};
static const struct cli_usage usage = {
	.synopsis = "doppel wasm validate FILE...\n"
		    "doppel wasm inspect [--json] FILE\n"
		    "doppel wasm wat [--output FILE] FILE\n"
		    "doppel wasm binary [--output FILE] FILE",
	.about = "Look into WebAssembly modules.  validate tells of each whether it is valid (exit\n"
		 "status 1: one is not); inspect lists its sections, imports and exports; wat prints\n"
		 "it in the text format; binary translates the text format.  Files may be in either\n"
		 "format.",
	.opts = opts,
	.examples = "doppel wasm validate *.wasm\n"
		    "doppel wasm inspect --json prog.wasm\n"
		    "doppel wasm wat prog.wasm\n"
		    "doppel wasm binary --output prog.wasm prog.wat",
};

/* ---- modules ------------------------------------------------------------------------ */

struct loaded {
	struct program_bytes bytes;
	struct wasm_type_store *types;
	struct wasm_module *module;
};

static unsigned features(const struct options *o)
{
	return WASM_FEATURE_THREADS | (o->legacy ? WASM_FEATURE_LEGACY_EH : 0);
}

static void unload(struct loaded *l)
{
	if (l->module)
		wasm_module_destroy(l->module);
	if (l->types)
		wasm_type_store_destroy(l->types);
	program_bytes_free(&l->bytes);
}

static int load(const struct options *o, const char *path, struct loaded *l, struct err *e)
{
	*l = (struct loaded){ .types = wasm_type_store_create(e) };
	if (l->types)
		l->module = program_module_load(l->types, path, features(o), false, &l->bytes, e);
	if (l->module)
		return 0;
	unload(l);
	return -e->code;
}

/* The module's fault, or ours? */
static bool is_invalid(int code)
{
	return code == -EILSEQ || code == -EINVAL || code == -E2BIG || code == -ENOEXEC;
}

static int validate(const struct options *o, int n, char **files, struct err *e)
{
	int status = 0;

	for (int i = 0; i < n; i++) {
		struct loaded l;
		struct err why = { 0 };
		int r = load(o, files[i], &l, &why);

		if (!r) {
			printf("%s: valid\n", files[i]);
			unload(&l);
		} else if (is_invalid(r)) {
			cli_say("doppel: %s", why.msg);
			status = 1;
		} else {
			*e = why;
			return CLI_FAILED;
		}
	}
	return status;
}

/* ---- inspect -------------------------------------------------------------------------- */

static const char *const section_names[] = {
	"custom", "type", "import", "function", "table", "memory", "global", "export", "start",
	"element", "code", "data", "data count", "tag",
};
static const char *const kind_names[] = { "func", "table", "memory", "global", "tag" };

struct leb {
	const uint8_t *p, *end;
};

static uint32_t leb32(struct leb *in)
{
	uint32_t v = 0;

	for (unsigned shift = 0; in->p < in->end && shift < 35; shift += 7) {
		uint8_t b = *in->p++;

		v |= (uint32_t)(b & 0x7f) << (shift & 31);
		if (!(b & 0x80))
			break;
	}
	return v;
}

/* UTF-8 as it is, control characters as '?'. */
static char *clean(struct wasm_name n)
{
	char *s = base_printf("%.*s", (int)n.len, n.s);

	for (char *p = s; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return s;
}

static char *types_text(const struct wasm_type_store *ts, const struct wasm_type *t, uint32_t n)
{
	char *all = base_strdup("");

	for (uint32_t i = 0; all && i < n; i++) {
		char one[64], *more;

		more = base_printf("%s%s%s", all, i ? ", " : "",
				   wasm_type_print(ts, t[i], one, sizeof(one)));
		base_free(all);
		all = more;
	}
	return all;
}

static char *func_text(const struct wasm_type_store *ts, uint32_t id)
{
	const struct wasm_deftype *d = wasm_type_get(ts, id);
	base_auto char *params = types_text(ts, d->types, d->nparams);
	base_auto char *results = types_text(ts, d->types + d->nparams, d->nresults);

	return params && results ? base_printf("(%s) -> (%s)", params, results) : NULL;
}

static char *limits_text(const struct wasm_limits *l, const char *rest)
{
	char max[32] = "";

	if (l->has_max)
		snprintf(max, sizeof(max), " %llu", (unsigned long long)l->max);
	return base_printf("%s%llu%s%s%s", l->is64 ? "i64 " : "", (unsigned long long)l->min, max,
			   l->shared ? " shared" : "", rest);
}

/* The type of an import or export, as text. */
static char *item_text(const struct wasm_module *m, uint8_t kind, uint32_t i)
{
	char one[64], rest[80];

	switch (kind) {
	case WASM_EXTERN_FUNC:
		return func_text(m->store, m->funcs[i].type);
	case WASM_EXTERN_TABLE:
		snprintf(rest, sizeof(rest), " %s",
			 wasm_type_print(m->store, m->tables[i].type, one, sizeof(one)));
		return limits_text(&m->tables[i].limits, rest);
	case WASM_EXTERN_MEMORY:
		return limits_text(&m->memories[i].limits,
				   m->memories[i].page_shift == 16 ? "" : " (pages of 1 byte)");
	case WASM_EXTERN_GLOBAL:
		return base_printf("%s%s", m->globals[i].mutable_ ? "mut " : "",
				   wasm_type_print(m->store, m->globals[i].type, one, sizeof(one)));
	default:
		return func_text(m->store, m->tags[i].type);
	}
}

static void show_section(const struct options *o, unsigned id, const char *name, size_t at,
			 uint32_t size, uint32_t count, bool counted)
{
	struct cli_json *j;

	if (!o->json) {
		printf("  %-12s %#10zx %10u", section_names[id], at, size);
		if (id == 0)
			printf("  \"%s\"", name);
		else if (counted)
			printf("  %u", count);
		printf("\n");
		return;
	}
	j = cli_json_begin(NULL);
	if (!j)
		return;
	cli_json_string(j, "section", section_names[id]);
	if (id == 0)
		cli_json_string(j, "name", name);
	cli_json_number(j, "offset", at);
	cli_json_number(j, "size", size);
	if (counted)
		cli_json_number(j, "count", count);
	cli_json_print(j);
}

/* The module is valid: its sections are where they say they are. */
static void show_sections(const struct options *o, const struct wasm_module *m)
{
	struct leb in = { m->bytes + 8, m->bytes + m->len };

	while (in.p < in.end) {
		unsigned id = *in.p++;
		uint32_t size = leb32(&in);
		struct leb body = { in.p, in.p + MIN(size, (uint32_t)(in.end - in.p)) };
		uint32_t count = leb32(&body);
		struct wasm_name n = { (const char *)body.p,
				       id ? 0 : MIN(count, (uint32_t)(body.end - body.p)) };
		base_auto char *name = clean(n);

		if (id < ARRAY_LEN(section_names))
			show_section(o, id, name ? name : "", (size_t)(in.p - m->bytes), size, count,
				     id != 0 && id != 8);
		in.p += MIN(size, (uint32_t)(in.end - in.p));
	}
}

static void show_item(const struct options *o, const struct wasm_module *m, const char *what,
		      const struct wasm_name *module, struct wasm_name name, uint8_t kind,
		      uint32_t index)
{
	base_auto char *from = module ? clean(*module) : NULL;
	base_auto char *as = clean(name);
	base_auto char *type = item_text(m, kind, index);
	struct cli_json *j = o->json ? cli_json_begin(NULL) : NULL;

	if (j) {
		cli_json_string(j, what, as);
		if (from)
			cli_json_string(j, "module", from);
		cli_json_string(j, "kind", kind_names[kind]);
		cli_json_number(j, "index", index);
		cli_json_string(j, "type", type);
		cli_json_print(j);
		return;
	}
	if (from)
		printf("  %-7s \"%s\" \"%s\" %s\n", kind_names[kind], from, as ? as : "",
		       type ? type : "");
	else
		printf("  %-7s \"%s\" %s\n", kind_names[kind], as ? as : "", type ? type : "");
}

static const struct wasm_custom *custom(const struct wasm_module *m, const char *name)
{
	for (uint32_t i = 0; i < m->ncustoms; i++)
		if (m->customs[i].name.len == strlen(name) &&
		    !memcmp(m->customs[i].name.s, name, m->customs[i].name.len))
			return &m->customs[i];
	return NULL;
}

static struct wasm_name leb_name(struct leb *in)
{
	uint32_t n = leb32(in);
	struct wasm_name name = { (const char *)in->p, MIN(n, (uint32_t)(in->end - in->p)) };

	in->p += name.len;
	return name;
}

/* The "producers" section of the tool conventions: fields of names and versions. */
static void show_producers(const struct options *o, const struct wasm_module *m)
{
	const struct wasm_custom *c = custom(m, "producers");
	struct leb in = c ? (struct leb){ c->bytes, c->bytes + c->len } : (struct leb){ 0 };

	if (c && !o->json)
		printf("producers:\n");
	for (uint32_t n = c ? leb32(&in) : 0; n && in.p < in.end; n--) {
		base_auto char *field = clean(leb_name(&in));

		for (uint32_t k = leb32(&in); k && in.p < in.end; k--) {
			base_auto char *name = clean(leb_name(&in));
			base_auto char *version = clean(leb_name(&in));
			struct cli_json *j = o->json ? cli_json_begin(NULL) : NULL;

			if (j) {
				cli_json_string(j, "producer", name);
				cli_json_string(j, "field", field);
				cli_json_string(j, "version", version);
				cli_json_print(j);
			} else {
				printf("  %-12s %s %s\n", field ? field : "", name ? name : "",
				       version ? version : "");
			}
		}
	}
}

static uint32_t named_functions(const struct wasm_module *m)
{
	struct wasm_name name;
	uint32_t n = 0;

	for (uint32_t i = m->nfuncs_imported; i < m->nfuncs; i++)
		n += wasm_module_func_name(m, i, &name);
	return n;
}

static void show_summary(const struct options *o, const char *path, const struct wasm_module *m)
{
	base_auto char *name = clean((struct wasm_name){ path, (uint32_t)strlen(path) });
	struct cli_json *j = o->json ? cli_json_begin(NULL) : NULL;
	uint32_t named = named_functions(m);

	if (!j) {
		printf("%s: %zu bytes, %u functions, %u of them named, %s\n", name ? name : "",
		       m->len, m->nfuncs - m->nfuncs_imported, named,
		       custom(m, ".debug_line") ? "with source lines" : "without source lines");
		return;
	}
	cli_json_string(j, "file", name);
	cli_json_number(j, "bytes", m->len);
	cli_json_number(j, "functions", m->nfuncs - m->nfuncs_imported);
	cli_json_number(j, "named", named);
	cli_json_bool(j, "lines", custom(m, ".debug_line"));
	cli_json_print(j);
}

static int inspect(const struct options *o, const char *path, struct err *e)
{
	struct cli_json *test = o->json ? cli_json_begin(e) : NULL;
	const struct wasm_module *m;
	struct loaded l;

	if (e->code)
		return CLI_FAILED;
	cli_json_free(test);
	if (load(o, path, &l, e))
		return is_invalid(-e->code) ? 1 : CLI_FAILED;
	m = l.module;
	show_summary(o, path, m);
	if (!o->json)
		printf("sections:        offset       size  count\n");
	show_sections(o, m);
	if (!o->json && m->nimports)
		printf("imports:\n");
	for (uint32_t i = 0; i < m->nimports; i++)
		show_item(o, m, "import", &m->imports[i].module, m->imports[i].name,
			  m->imports[i].kind, m->imports[i].index);
	if (!o->json && m->nexports)
		printf("exports:\n");
	for (uint32_t i = 0; i < m->nexports; i++)
		show_item(o, m, "export", NULL, m->exports[i].name, m->exports[i].kind,
			  m->exports[i].index);
	show_producers(o, m);
	unload(&l);
	return 0;
}

/* ---- text and binary ----------------------------------------------------------------------- */

static int write_out(const struct options *o, const void *data, size_t n, struct err *e)
{
	FILE *f = o->output ? fopen(o->output, "we") : stdout;
	const char *name = o->output ? o->output : "standard output";
	bool ok = f && fwrite(data, 1, n, f) == n && !fflush(f);

	if (!ok)
		err_sys(e, "%s", name);
	if (f && f != stdout && fclose(f) && ok)
		err_sys(e, "%s", name);
	return e->code ? CLI_FAILED : 0;
}

static int to_text(const struct options *o, const char *path, struct err *e)
{
	base_auto char *text = NULL;
	struct loaded l;
	size_t n = 0;
	int r = load(o, path, &l, e);

	if (r)
		return is_invalid(r) ? 1 : CLI_FAILED;
	r = wasm_module_to_text(l.module, &text, &n, e);
	unload(&l);
	return r ? CLI_FAILED : write_out(o, text, n, e);
}

static int to_binary(const struct options *o, const char *path, struct err *e)
{
	struct loaded l;
	int r = load(o, path, &l, e), status;

	if (r)
		return is_invalid(r) ? 1 : CLI_FAILED;
	status = !o->output && isatty(1)
			 ? (err_set(e, EINVAL, "standard output is a terminal (--output FILE)"),
			    CLI_FAILED)
			 : write_out(o, l.bytes.data, l.bytes.len, e);
	unload(&l);
	return status;
}

static int act(const struct options *o, int n, char **words, struct err *e)
{
	const char *what = n ? words[0] : "";
	bool many = !strcmp(what, "validate");
	int status;

	if (!many && strcmp(what, "inspect") && strcmp(what, "wat") && strcmp(what, "binary")) {
		err_set(e, EINVAL, n ? "wasm: unknown action '%s' (validate, inspect, wat, binary)"
				     : "wasm: do what? (validate, inspect, wat, binary)%s", what);
		return CLI_FAILED;
	}
	if (n < 2 || (n > 2 && !many)) {
		err_set(e, EINVAL, "wasm %s: %s", what, n < 2 ? "which file?" : "one file at a time");
		return CLI_FAILED;
	}
	if (many)
		return validate(o, n - 1, words + 1, e);
	if (*what == 'i')
		return inspect(o, words[1], e);
	status = *what == 'w' ? to_text(o, words[1], e) : to_binary(o, words[1], e);
	return status;
}

int cli_wasm(int argc, char **argv)
{
	struct options o = { 0 };
	struct err e = { 0 };
	char **rest;
	int n, status, r;

	/* A filter: who reads only the head of its output wants no message. */
	signal(SIGPIPE, SIG_DFL);
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "-o")) /* as compilers have it */
			argv[i] = "--output";
	r = cli_opt_parse(&usage, &o, argc, argv, &n, &rest, &e);
	if (r > 0)
		return 0;
	if (!r && rest)
		r = err_set(&e, EINVAL, "wasm takes no '--'");
	if (r)
		return cli_fail(&e);
	status = act(&o, n, argv + 1, &e);
	if (!e.code)
		return status;
	cli_fail(&e);
	return status;
}
