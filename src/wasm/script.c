/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of a script.  The script's own text is read with the lexer of the
 * text format; a module in it is translated in place, so that its messages
 * carry the script's lines.
 */
#include "wasm/script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "wasm/script_int.h"
#include "wasm/text.h"

static const char *const kind_names[WASM_SCRIPT_KINDS] = {
	"module", "action", "assert_return", "assert_trap", "assert_exhaustion",
	"assert_malformed", "assert_invalid", "assert_unlinkable", "assert_uninstantiable",
	"assert_exception", "assert_malformed_custom", "assert_invalid_custom",
};

const char *wasm_script_kind_name(enum wasm_script_kind k) { return kind_names[k]; }

/* Positions mostly rise: count on from the last one. */
unsigned script__line(struct script *s, uint32_t pos)
{
	if (pos < s->line_pos)
		s->line_pos = s->line = 0;
	for (; s->line_pos < pos; s->line_pos++)
		s->line += s->t.s[s->line_pos] == '\n';
	return s->line + 1;
}

void script__pass(struct script *s, enum wasm_script_kind k)
{
	__atomic_fetch_add(&s->r->passed[k], 1, __ATOMIC_RELAXED);
}

void script__fail(struct script *s, enum wasm_script_kind k, uint32_t pos, const char *fmt, ...)
{
	char what[700], line[1024];
	va_list ap;

	__atomic_fetch_add(&s->r->failed[k], 1, __ATOMIC_RELAXED);
	if (!s->o->report)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s:%u: %s: %s", s->t.name, script__line(s, pos),
		 kind_names[k], what);
	s->o->report(s->o->ctx, line);
}

const char *script__trap(struct script *s, enum wasm_trap trap)
{
	return trap == WASM_TRAP_HOST ? wasm_store_trap_message(s->store) :
	       wasm_rt_trap_message(trap);
}

struct span script__span(const struct script *s, uint32_t from, uint32_t to)
{
	return (struct span){ s->t.s + from, to > from ? to - from : 0 };
}

/* ---- actions ---- */

static void call(struct script *s, struct wasm_rt_func *f, struct outcome *o)
{
	const struct wasm_deftype *d = wasm_type_get(s->types, wasm_rt_func_type(f));
	union wasm_val *args = base_calloc(d->nparams + 1, sizeof(*args));
	uint32_t n = 0;

	o->values = base_calloc(d->nresults + 1, sizeof(*o->values));
	if (!args || !o->values)
		text__oom(&s->t);
	for (; s->t.tok.kind == TEXT_LPAR && n < d->nparams; n++)
		script__argument(s, d->types[n], &args[n]);
	if (!s->t.failed && n < d->nparams)
		o->problem = "too few arguments";
	else if (!s->t.failed)
		o->trap = wasm_call(s->store, f, args, o->values);
	if (!o->problem && !o->trap) {
		o->n = d->nresults;
		o->types = d->types + d->nparams;
	}
	base_free(args);
}

static void get(struct script *s, struct wasm_rt_global *g, struct outcome *o)
{
	bool mutable_;

	o->values = base_calloc(1, sizeof(*o->values));
	if (!o->values) {
		text__oom(&s->t);
		return;
	}
	o->values[0] = wasm_rt_global_get(s->store, g);
	o->n = 1;
	o->type = wasm_rt_global_type(g, &mutable_);
	o->types = &o->type;
}

/* "(invoke $id? "name" arguments)" or "(get $id? "name")"; "(" is taken, the
 * current token is the word. */
static void action(struct script *s, struct outcome *o)
{
	bool invoke = text__take_word(&s->t, TEXT_INVOKE_);
	const struct script_instance *i;
	struct wasm_extern x = { 0 };
	struct ser_writer name;

	*o = (struct outcome){ 0 };
	if (!invoke && !text__take_word(&s->t, TEXT_GET_)) {
		text__unexpected(&s->t);
		return;
	}
	i = script__take_instance(s);
	ser_writer_init(&name);
	if (s->t.tok.kind == TEXT_STRING)
		text__decode(&s->t, s->t.tok, &name);
	text__expect(&s->t, TEXT_STRING);
	if (!i || !i->instance)
		o->problem = "there is no such instance";
	else if (!wasm_instance_export(i->instance, (char *)name.buf, name.len, &x) ||
		 x.kind != (invoke ? WASM_EXTERN_FUNC : WASM_EXTERN_GLOBAL))
		o->problem = "there is no such export";
	else if (invoke)
		call(s, x.func, o);
	else
		get(s, x.global, o);
	ser_writer_fini(&name);
	text__skip_list(&s->t);
}

static void action_command(struct script *s, uint32_t pos)
{
	struct outcome o;

	action(s, &o);
	if (o.problem || o.trap)
		script__fail(s, WASM_SCRIPT_ACTION, pos, "expected a result, got %s",
			     o.problem ? o.problem : script__trap(s, o.trap));
	else
		script__pass(s, WASM_SCRIPT_ACTION);
	base_free(o.values);
}

static bool at_action(struct script *s)
{
	return text__at_list(&s->t, TEXT_INVOKE_) || text__at_list(&s->t, TEXT_GET_);
}

/* The patterns up to the assertion's ")"; false: s->got tells. */
static bool match_results(struct script *s, const struct outcome *o)
{
	bool ok = true;
	uint32_t n = 0;

	for (; s->t.tok.kind == TEXT_LPAR && n < o->n; n++) {
		if (script__match(s, o->types[n], &o->values[n]))
			continue;
		if (ok)
			script__print(s, o->types[n], &o->values[n], s->got, sizeof(s->got));
		ok = false;
	}
	if (n < o->n || s->t.tok.kind == TEXT_LPAR) {
		snprintf(s->got, sizeof(s->got), "%u results", o->n);
		ok = false;
	}
	return ok;
}

/* The text from..to on one line. */
static void one_line(const struct script *s, uint32_t from, uint32_t to, char *buf, size_t n)
{
	size_t len = 0;

	for (; from < to && len + 1 < n; from++) {
		bool space = strchr(" \t\r\n", s->t.s[from]);

		if (!space || (len && buf[len - 1] != ' '))
			buf[len++] = space ? ' ' : s->t.s[from];
	}
	while (len && buf[len - 1] == ' ')
		len--;
	buf[len] = 0;
}

static void assert_return(struct script *s, uint32_t pos)
{
	char expected[200];
	struct outcome o;
	uint32_t from;
	bool ok;

	text__expect(&s->t, TEXT_LPAR);
	action(s, &o);
	from = s->t.tok.off;
	ok = !o.problem && !o.trap && !s->t.failed && match_results(s, &o);
	text__skip_list(&s->t);
	if (s->t.failed) {
		base_free(o.values);
		return;
	}
	/* Before the ")" that was just taken. */
	one_line(s, from, s->t.prev_end - 1, expected, sizeof(expected));
	if (ok)
		script__pass(s, WASM_SCRIPT_RETURN);
	else
		script__fail(s, WASM_SCRIPT_RETURN, pos, "expected %s, got %s",
			     expected[0] ? expected : "no result",
			     o.problem ? o.problem : o.trap ? script__trap(s, o.trap) : s->got);
	base_free(o.values);
}

/* The expected message: the last string of the assertion, with its ")". */
static void take_message(struct script *s, struct ser_writer *w)
{
	ser_writer_init(w);
	if (s->t.tok.kind == TEXT_STRING) {
		text__decode(&s->t, s->t.tok, w);
		text__next(&s->t);
	}
	ser_u8(w, 0);
	if (w->failed)
		text__oom(&s->t);
	text__expect(&s->t, TEXT_RPAR);
}

/*
 * Our message contains the expected one, or its head: what the suite appends
 * to some messages (": instruction requires ...", a number) is not the same
 * among implementations.
 */
static bool message_matches(const char *expected, const char *got)
{
	char head[200];
	const char *last, *colon = strchr(expected, ':');

	if (strstr(got, expected))
		return true;
	if (colon && expected[0] != '@') {
		snprintf(head, sizeof(head), "%.*s", (int)(colon - expected), expected);
		return strstr(got, head);
	}
	last = strrchr(expected, ' ');
	if (!last || strspn(last + 1, "0123456789abcdef") != strlen(last + 1))
		return false;
	snprintf(head, sizeof(head), "%.*s", (int)(last - expected), expected);
	return strstr(got, head);
}

static void assert_fails(struct script *s, enum wasm_script_kind k, uint32_t pos, bool right_way,
			 const char *got)
{
	struct ser_writer w;

	if (k == WASM_SCRIPT_EXCEPTION) {
		ser_writer_init(&w);
		ser_u8(&w, 0);
		text__expect(&s->t, TEXT_RPAR);
	} else {
		take_message(s, &w);
	}
	if (s->t.failed)
		;
	else if (right_way && message_matches((char *)w.buf, got))
		script__pass(s, k);
	else
		script__fail(s, k, pos, "expected \"%s\", got %s", (char *)w.buf, got);
	ser_writer_fini(&w);
}

/* assert_trap, assert_exhaustion, assert_exception of an action. */
static void assert_action(struct script *s, enum wasm_script_kind k, uint32_t pos)
{
	struct outcome o;
	const char *got;
	bool way;

	text__expect(&s->t, TEXT_LPAR);
	action(s, &o);
	way = k == WASM_SCRIPT_EXHAUSTION ? o.trap == WASM_TRAP_STACK :
	      k == WASM_SCRIPT_EXCEPTION ? o.trap == WASM_TRAP_EXCEPTION :
	      o.trap != WASM_OK && o.trap != WASM_TRAP_EXCEPTION;
	got = o.problem ? o.problem : o.trap ? script__trap(s, o.trap) : "a result";
	assert_fails(s, k, pos, way, got);
	base_free(o.values);
}

static void assert_module(struct script *s, enum wasm_script_kind k, uint32_t pos)
{
	struct source src;
	struct err e = { 0 };
	enum wasm_trap trap = WASM_OK;
	struct text_token word;
	const char *got = src.err.msg;
	bool way, link = k == WASM_SCRIPT_UNLINKABLE || k == WASM_SCRIPT_UNINSTANTIABLE ||
			 k == WASM_SCRIPT_TRAP;

	text__expect(&s->t, TEXT_LPAR);
	word = s->t.tok;
	if (!text__take_word(&s->t, TEXT_MODULE_)) {
		text__unexpected(&s->t);
		return;
	}
	script__read_module(s, &src, word);
	if (!src.code)
		got = "a module";
	way = k == WASM_SCRIPT_INVALID ? src.code == EINVAL : src.code == EILSEQ;
	if (k == WASM_SCRIPT_INVALID_CUSTOM)
		way = src.code != 0;
	if (link && !src.code) {
		struct wasm_instance *i = script__instantiate(s, src.m, &trap, &e);

		got = i ? "an instance" : trap ? script__trap(s, trap) : e.msg;
		way = !i && (trap != WASM_OK) == (k != WASM_SCRIPT_UNLINKABLE);
	} else if (link) {
		way = false;
	}
	assert_fails(s, k, pos, way, got);
}

static bool assertion(struct script *s, unsigned word, uint32_t pos)
{
	switch (word) {
	case TEXT_ASSERT_RETURN_:
		assert_return(s, pos);
		return true;
	case TEXT_ASSERT_TRAP_:
		if (at_action(s))
			assert_action(s, WASM_SCRIPT_TRAP, pos);
		else
			assert_module(s, WASM_SCRIPT_TRAP, pos);
		return true;
	case TEXT_ASSERT_EXHAUSTION_:
		assert_action(s, WASM_SCRIPT_EXHAUSTION, pos);
		return true;
	case TEXT_ASSERT_EXCEPTION_:
		assert_action(s, WASM_SCRIPT_EXCEPTION, pos);
		return true;
	case TEXT_ASSERT_MALFORMED_:
		assert_module(s, WASM_SCRIPT_MALFORMED, pos);
		return true;
	case TEXT_ASSERT_INVALID_:
		assert_module(s, WASM_SCRIPT_INVALID, pos);
		return true;
	case TEXT_ASSERT_UNLINKABLE_:
		assert_module(s, WASM_SCRIPT_UNLINKABLE, pos);
		return true;
	case TEXT_ASSERT_UNINSTANTIABLE_:
		assert_module(s, WASM_SCRIPT_UNINSTANTIABLE, pos);
		return true;
	case TEXT_ASSERT_MALFORMED_CUSTOM_:
		assert_module(s, WASM_SCRIPT_MALFORMED_CUSTOM, pos);
		return true;
	case TEXT_ASSERT_INVALID_CUSTOM_:
		assert_module(s, WASM_SCRIPT_INVALID_CUSTOM, pos);
		return true;
	default:
		return false;
	}
}

void script__command(struct script *s)
{
	struct text_token word = s->t.tok;
	unsigned w = word.kind == TEXT_WORD ? word.word : (unsigned)TEXT_UNKNOWN;

	if (w == TEXT_INVOKE_ || w == TEXT_GET_) {
		action_command(s, word.off);
	} else {
		if (w != TEXT_UNKNOWN)
			text__next(&s->t);
		if (w == TEXT_MODULE_)
			script__module_command(s, word);
		else if (w == TEXT_REGISTER_)
			script__register_command(s, word.off);
		else if (w == TEXT_THREAD_)
			script__thread(s);
		else if (w == TEXT_WAIT_)
			script__wait(s);
		else if (!assertion(s, w, word.off))
			text__unexpected(&s->t);
	}
	wasm_store_drop_refs(s->store);
}

/* ---- scripts ---- */

int script__open(struct script *s, const char *text, size_t len, const char *name, struct err *e)
{
	const struct wasm_store_limits limits = { .gc_stress = s->o->gc_stress };

	text__init(&s->t, text, len, name, s->o->features, e);
	if (s->t.failed)
		return -s->t.code;
	s->store = wasm_store_create(s->types, &limits, e);
	return s->store ? 0 : -ENOMEM;
}

void script__close(struct script *s)
{
	script__threads_end(s);
	if (s->store)
		wasm_store_destroy(s->store);
	for (struct script_module *m = s->modules; m; m = m->next) {
		wasm_module_destroy(m->module);
		base_free(m->bytes);
	}
	text__fini(&s->t);
}

/* A script that is the fields of one module. */
static bool is_inline_module(struct script *s)
{
	static const uint16_t fields[] = {
		TEXT_TYPE_, TEXT_REC_, TEXT_IMPORT_, TEXT_FUNC_, TEXT_TABLE_, TEXT_MEMORY_,
		TEXT_GLOBAL_, TEXT_TAG_, TEXT_EXPORT_, TEXT_START_, TEXT_ELEM_, TEXT_DATA_,
	};

	for (unsigned i = 0; i < ARRAY_LEN(fields); i++)
		if (text__at_list(&s->t, fields[i]))
			return true;
	return false;
}

static void inline_module(struct script *s)
{
	struct source src = { 0 };
	char where[300];
	uint8_t *bytes;
	size_t len;
	int r = wasm_text_to_binary(s->t.s, s->t.end, s->t.name, s->o->features, &bytes, &len,
				    &src.err);

	if (!r)
		script__load(s, &src, bytes, len, 0);
	if (src.code) {
		script__where(s, 0, where);
		text__place_again(s->t.s, s->t.end, s->t.name, s->o->features, where, &src.err);
	}
	if (r || src.code)
		script__fail(s, WASM_SCRIPT_MODULE, 0, "expected a module, got %s", src.err.msg);
	else
		script__instance_of(s, src.m, src.id, 0);
}

int wasm_script_run(const char *text, size_t len, const char *name,
		    const struct wasm_script_options *o, struct wasm_script_result *r,
		    struct err *e)
{
	struct script *s = base_zalloc(sizeof(*s));
	int code;

	if (!s)
		return err_set(e, ENOMEM, "%s: out of memory", name);
	s->o = o;
	s->r = r;
	s->types = wasm_type_store_create(e);
	code = s->types ? script__open(s, text, len, name, e) : -ENOMEM;
	if (!code && text__check_utf8(&s->t))
		text__next(&s->t);
	if (!code && is_inline_module(s)) {
		inline_module(s);
	} else if (!code) {
		while (s->t.tok.kind != TEXT_EOF)
			if (text__expect(&s->t, TEXT_LPAR))
				script__command(s);
	}
	if (!code && s->t.failed)
		code = -s->t.code;
	if (s->types) {
		script__close(s);
		wasm_type_store_destroy(s->types);
	}
	base_free(s);
	return code;
}
