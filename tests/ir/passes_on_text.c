/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cases of tests/ir/NAME.ir.  Each is
 *
 *     ; PASSES: what it shows
 *     func ...          the input
 *     ; becomes
 *     func ...          the output
 *
 * and a case whose output is "; error: TEXT" is one that the parser refuses,
 * with that text.  IR_SHOW=1 prints what came out where it differs.
 */
#include "tests/test.h"

#include <dirent.h>

#include "base/alloc.h"
#include "ir/ir.h"

static const struct ir_helper helpers[] = {
	{ "pure", NULL, "II:I", 0, 0, IR_CALL_PURE },
	{ "reads", NULL, "I:I", 1 << IR_ALIAS_STATE, 1 << IR_ALIAS_MEM, 0 },
	{ "writes", NULL, "Ii:I", 1 << IR_ALIAS_STATE, 1 << IR_ALIAS_STATE, 0 },
	{ NULL, NULL, NULL, 0, 0, 0 },
};

static char *slurp(const char *path)
{
	FILE *fp = fopen(path, "r");
	char *s = base_zalloc(1 << 17);
	size_t n;

	if (!fp || !s)
		TEST_FAIL("%s: cannot be read", path);
	n = fread(s, 1, (1 << 17) - 1, fp);
	fclose(fp);
	CHECK(n < (1 << 17) - 1);
	return s;
}

static void refused(const char *path, const char *title, struct ir_func *f, const char *text, const char *want)
{
	struct err e = { 0 };
	size_t n = strcspn(want, "\n");

	if (!ir_parse(f, text, helpers, NULL, &e))
		TEST_FAIL("%s: %.60s: not refused", path, title);
	if (strlen(e.msg) != n || memcmp(e.msg, want, n))
		TEST_FAIL("%s: %.60s: says \"%.120s\"", path, title, e.msg);
}

static void one(const char *path, const char *title, char *input)
{
	struct ir_func f, g;
	struct err e = { 0 };
	char passes[100], *got, *want, *line = strstr(input, "\n; ");
	size_t n = strcspn(title, ":");

	CHECK(!ir_init(&f) && !ir_init(&g));
	CHECK(n < sizeof(passes));
	memcpy(passes, title, n);
	passes[n] = 0;
	if (!line)
		TEST_FAIL("%s: %.60s: no output", path, title);
	*line = 0;
	if (!strncmp(line + 1, "; error: ", 9)) {
		refused(path, title, &f, input, line + 10);
		ir_fini(&f);
		ir_fini(&g);
		return;
	}
	if (ir_parse(&f, input, helpers, NULL, &e))
		TEST_FAIL("%s: %.60s: input: %.120s", path, title, e.msg);
	if (strcmp(passes, "none") && ir_run(&f, passes, NULL, NULL, &e))
		TEST_FAIL("%s: %.60s: %.120s", path, title, e.msg);
	if (ir_parse(&g, strchr(line + 1, '\n'), helpers, NULL, &e))
		TEST_FAIL("%s: %.60s: output: %.120s", path, title, e.msg);
	got = ir_print(&f);
	want = ir_print(&g);
	CHECK(got && want);
	if (strcmp(got, want)) {
		if (getenv("IR_SHOW"))
			fprintf(stderr, "; %.60s\n%s", title, got);
		TEST_FAIL("%s: %.100s: the output differs", path, title);
	}
	base_free(got);
	base_free(want);
	ir_fini(&f);
	ir_fini(&g);
}

/* Cases begin with a line "; word[,word...]: ..." that is not "; becomes". */
static unsigned file(const char *path)
{
	char *text = slurp(path), *at = text;
	unsigned n = 0;

	while ((at = strstr(at, "\n; case "))) {
		char *title = at + 8, *body = strchr(title, '\n'), *end;

		CHECK(body);
		end = strstr(body, "\n; case ");
		if (end)
			*end = 0;
		one(path, title, body);
		n++;
		if (!end)
			break;
		*end = '\n';
		at = end;
	}
	base_free(text);
	return n;
}

static void all(void)
{
	DIR *d = opendir("tests/ir");
	struct dirent *e;
	unsigned n = 0;
	char path[300];

	if (!d)
		SKIP("it runs in the project's directory");
	while ((e = readdir(d))) {
		if (strlen(e->d_name) < 4 || strcmp(e->d_name + strlen(e->d_name) - 3, ".ir"))
			continue;
		snprintf(path, sizeof(path), "tests/ir/%s", e->d_name);
		n += file(path);
	}
	closedir(d);
	CHECK(n >= 20);
}

/* Any text: refused with a line, or a function that verifies. */
static void garbage(void)
{
	static const char good[] =
		"func f(i64) {\nb0(v1:i64, v2:i32): @0x10 freq=3\n\tv3 = add.i64 v1, 5\n"
		"\tv4 = load.s8:i64 v3, _, #16 mem scale2 exit(1, 0x20, [8]=v3, [16]=sext v2)\n"
		"\tbranch v2 -> b1(v4) w=3, b2\nb1(v5:i64):\n\tret v5\nb2:\n\tv6 = call:i64 pure(v1, 7:i64)\n"
		"\tguard v2 exit(2, 0x30, [0]=1:i32)\n\tjump -> b1(v6)\n}\n";
	static const char *const words[] = { "v1", "v99", "b0", "b7", ":", "(", ")", ",", "->", "=", "#", "-1", "0x", "[",
					     "exit", "i32", "f64", ".v128", "ret", "jump", "_", "\n", "}", "{", "w=", "999999999999" };
	uint64_t s = 99;
	unsigned accepted = 0;
	struct ir_func f;

	CHECK(!ir_init(&f));
	for (unsigned n = 0; n < 20000; n++) {
		char text[sizeof(good) + 64];
		struct err e = { 0 };

		strcpy(text, good);
		for (unsigned k = 0; k < 1 + n % 3; k++) {
			size_t at, len = strlen(text);
			const char *w;

			s = s * 6364136223846793005ull + 1442695040888963407ull;
			at = (size_t)(s >> 33) % len;
			w = words[(s >> 20) % (sizeof(words) / sizeof(*words))];
			if (s >> 60 & 1)
				memmove(text + at, text + at + 1, len - at);
			else if (strlen(w) + len < sizeof(text) - 1) {
				memmove(text + at + strlen(w), text + at, len - at + 1);
				memcpy(text + at, w, strlen(w));
			}
		}
		if (!ir_parse(&f, text, helpers, NULL, &e))
			accepted++;
		else if (strncmp(e.msg, "line ", 5) || strchr(e.msg, '\n'))
			TEST_FAIL("refused with \"%.100s\"", e.msg);
	}
	CHECK(accepted > 100 && accepted < 15000);
	ir_fini(&f);
}

/* Without memory a function fails as a whole; nothing breaks. */
static void memory(void)
{
	static const char text[] =
		"func f(i64) {\nb0(v1:i64):\n\tv2 = getstate.i64:i64 #8\n\tjump -> b1(v2)\nb1(v3:i64):\n"
		"\tv4 = add.i64 v3, 81985529216486895\n\tputstate.i64 v4, #8\n\tv5 = lt_u.i64 v4, v1\n"
		"\tbranch v5 -> b1(v4), b2\nb2:\n\tpoll #1 exit(1, 0x10)\n\tret v4\n}\n";

	for (int n = 1; n < 200; n++) {
		struct ir_func f;
		struct err e;
		char spec[32], *s;

		snprintf(spec, sizeof(spec), "alloc:%d", n);
		fail_setup(spec);
		if (!ir_init(&f)) {
			if (!ir_parse(&f, text, NULL, NULL, &e) && !ir_run(&f, NULL, NULL, NULL, &e)) {
				s = ir_print(&f);
				base_free(s);
			}
			ir_fini(&f);
		}
	}
	fail_setup(NULL);
}

TEST_MAIN({ "passes_turn_this_into_that", all }, { "bad_text_is_refused_with_its_line", garbage },
	  { "failing_allocations_fail_the_function", memory })
