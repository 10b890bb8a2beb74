/* SPDX-License-Identifier: Apache-2.0 */
/* Modules of scripts: read, loaded, linked, instantiated, registered. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "wasm/script_int.h"
#include "wasm/text.h"

/* The optional id at the current token, taken. */
static struct span take_id(struct script *s)
{
	struct span id = { 0 };

	if (s->t.tok.kind == TEXT_ID) {
		id = script__span(s, s->t.tok.off, s->t.tok.off + s->t.tok.len);
		text__next(&s->t);
	}
	return id;
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && !memcmp(a.p, b.p, a.len);
}

/* The instance named by the optional id, or the last one; NULL: none. */
const struct script_instance *script__take_instance(struct script *s)
{
	struct span id = take_id(s);

	if (!id.len)
		return s->current;
	for (const struct script_instance *i = s->instances; i; i = i->next)
		if (i->id.len && same(i->id, id))
			return i;
	return NULL;
}

static void strings(struct script *s, struct ser_writer *w)
{
	struct ser_writer one;

	ser_writer_init(&one);
	for (; s->t.tok.kind == TEXT_STRING; text__next(&s->t)) {
		text__decode(&s->t, s->t.tok, &one);
		text__append(w, &one);
	}
	ser_writer_fini(&one);
	text__expect(&s->t, TEXT_RPAR);
}

void script__where(struct script *s, uint32_t pos, char where[300])
{
	snprintf(where, 300, "%s:%u", s->t.name, script__line(s, pos));
}

static struct text *text_after(struct script *s, struct text_token word, struct err *e)
{
	struct text *t = base_alloc(sizeof(*t));

	if (!t) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	text__init(t, s->t.s, s->t.end, s->t.name, s->o->features, e);
	t->tok = word;
	t->pos = word.off + word.len;
	text__next(t);
	return t;
}

/* What the loader said about the module that starts after `word`: where that is. */
static void place_error(struct script *s, struct text_token word, uint32_t pos, struct err *e)
{
	struct text_places places = { 0 };
	struct err again = { 0 };
	struct text *t = text_after(s, word, &again);
	uint8_t *bytes = NULL;
	char where[300];
	size_t len;

	if (!t)
		return;
	t->places = &places;
	script__where(s, pos, where);
	if (!text__module(t, true, &bytes, &len))
		text__place_error(t, where, e);
	base_free(bytes);
	base_free(places.marks);
	text__fini(t);
	base_free(t);
}

/* The text of a module that starts after the word `word`. */
static int inline_text(struct script *s, struct text_token word, struct err *e, uint8_t **bytes,
		       size_t *len)
{
	struct text *t = text_after(s, word, e);
	int r;

	if (!t)
		return -ENOMEM;
	r = text__module(t, true, bytes, len);
	if (!r)
		text__seek(&s->t, t->prev_end);
	else
		text__skip_list(&s->t);
	text__fini(t);
	base_free(t);
	return r;
}

void script__load(struct script *s, struct source *src, uint8_t *bytes, size_t len, uint32_t pos)
{
	char where[300];
	struct script_module *m = arena_alloc(&s->t.arena, sizeof(*m));

	script__where(s, pos, where);
	if (m)
		m->module = wasm_module_load(s->types, bytes, len, s->o->features, where,
					     &src->err);
	else
		err_set(&src->err, ENOMEM, "out of memory");
	if (!m || !m->module) {
		src->code = src->err.code;
		base_free(bytes);
		return;
	}
	m->bytes = bytes;
	m->id = src->id;
	m->next = s->modules;
	s->modules = src->m = m;
	if (s->o->module)
		s->o->module(s->o->ctx, where, bytes, len);
}

/* After "(module": to bytes, and loaded; taken with its ")". */
void script__read_module(struct script *s, struct source *src, struct text_token word)
{
	uint32_t pos = word.off;
	struct ser_writer w;
	uint8_t *bytes = NULL;
	size_t len = 0;
	char where[300];
	bool is_text = false;
	int r = 0;

	*src = (struct source){ 0 };
	if (s->t.tok.kind == TEXT_WORD && s->t.tok.word == TEXT_DEFINITION_) {
		src->definition = true;
		word = s->t.tok;
		text__next(&s->t);
	}
	src->id = take_id(s);
	ser_writer_init(&w);
	if (text__take_word(&s->t, TEXT_BINARY_)) {
		strings(s, &w);
		bytes = w.buf ? w.buf : base_zalloc(1);
		len = w.len;
	} else if (text__take_word(&s->t, TEXT_QUOTE_)) {
		strings(s, &w);
		snprintf(where, sizeof(where), "%s:%u: quote", s->t.name, script__line(s, pos));
		r = wasm_text_to_binary((char *)w.buf, w.len, where, s->o->features, &bytes, &len,
					&src->err);
		ser_writer_fini(&w);
	} else {
		r = inline_text(s, word, &src->err, &bytes, &len);
		is_text = true;
	}
	if (r)
		src->code = -r;
	else
		script__load(s, src, bytes, len, pos);
	if (!r && src->code && is_text)
		place_error(s, word, pos, &src->err);
}

static bool resolve(struct script *s, const struct wasm_import *im, struct wasm_extern *x,
		    struct err *e)
{
	const struct script_name *n;
	const struct script_instance *i;
	struct wasm_extern theirs;

	for (n = s->names; n; n = n->next)
		if (n->len == im->module.len && !memcmp(n->name, im->module.s, n->len))
			break;
	i = n ? n->what : NULL;
	if (!i && im->module.len == 8 && !memcmp(im->module.s, "spectest", 8))
		return script__spectest(s, im, x, e);
	if (i && i->shared && wasm_instance_export(i->shared->instance, im->name.s, im->name.len,
						   &theirs))
		return script__share(s, &theirs, x, e);
	if (i && i->instance && wasm_instance_export(i->instance, im->name.s, im->name.len, x))
		return true;
	err_set(e, ENOENT, "unknown import");
	return false;
}

/* Link and instantiate: NULL with *trap or *e. */
struct wasm_instance *script__instantiate(struct script *s, struct script_module *m,
					 enum wasm_trap *trap, struct err *e)
{
	const struct wasm_module *module = m->module;
	struct wasm_extern *imports = base_calloc(module->nimports + 1, sizeof(*imports));
	struct wasm_instance *i = NULL;
	bool ok = imports;

	*trap = WASM_OK;
	if (!ok)
		err_set(e, ENOMEM, "out of memory");
	for (uint32_t k = 0; ok && k < module->nimports; k++)
		ok = resolve(s, &module->imports[k], &imports[k], e);
	if (ok)
		i = wasm_instantiate(s->store, module, imports, trap, e);
	base_free(imports);
	return i;
}

static struct script_instance *add_instance(struct script *s, struct span id,
					    struct wasm_instance *instance)
{
	struct script_instance *i = arena_alloc(&s->t.arena, sizeof(*i));

	if (!i) {
		text__oom(&s->t);
		return NULL;
	}
	*i = (struct script_instance){ s->instances, id, instance, NULL };
	return s->instances = i;
}

void script__instance_of(struct script *s, struct script_module *m, struct span id, uint32_t pos)
{
	struct err e = { 0 };
	enum wasm_trap trap;
	struct wasm_instance *i = script__instantiate(s, m, &trap, &e);

	s->current = NULL;
	if (i) {
		s->current = add_instance(s, id, i);
		script__pass(s, WASM_SCRIPT_MODULE);
	} else {
		script__fail(s, WASM_SCRIPT_MODULE, pos, "expected an instance, got %s",
			     trap ? script__trap(s, trap) : e.msg);
	}
}

/* (module instance $I $M) */
static void module_instance(struct script *s, uint32_t pos)
{
	struct span id = take_id(s), of = take_id(s);
	struct script_module *m = s->modules;

	while (m && of.len && !(m->id.len && same(m->id, of)))
		m = m->next;
	text__expect(&s->t, TEXT_RPAR);
	if (m)
		script__instance_of(s, m, id, pos);
	else
		script__fail(s, WASM_SCRIPT_MODULE, pos, "no such module definition");
}

void script__module_command(struct script *s, struct text_token word)
{
	struct source src;

	if (text__take_word(&s->t, TEXT_INSTANCE_)) {
		module_instance(s, word.off);
		return;
	}
	s->current = NULL;
	script__read_module(s, &src, word);
	if (src.code)
		script__fail(s, WASM_SCRIPT_MODULE, word.off, "expected a module, got %s",
			     src.err.msg);
	else if (src.definition)
		script__pass(s, WASM_SCRIPT_MODULE);
	else
		script__instance_of(s, src.m, src.id, word.off);
}

void script__register_command(struct script *s, uint32_t pos)
{
	struct script_name *n = arena_alloc(&s->t.arena, sizeof(*n));
	struct ser_writer w;

	ser_writer_init(&w);
	if (s->t.tok.kind == TEXT_STRING)
		text__decode(&s->t, s->t.tok, &w);
	text__expect(&s->t, TEXT_STRING);
	if (n)
		n->name = arena_alloc(&s->t.arena, w.len);
	if (!n || !n->name) {
		text__oom(&s->t);
	} else {
		if (w.len)
			memcpy(n->name, w.buf, w.len);
		n->len = (uint32_t)w.len;
		n->what = script__take_instance(s);
		n->next = s->names;
		if (n->what) {
			s->names = n;
			script__pass(s, WASM_SCRIPT_ACTION);
		} else {
			script__fail(s, WASM_SCRIPT_ACTION, pos, "there is no such instance");
		}
	}
	ser_writer_fini(&w);
	text__expect(&s->t, TEXT_RPAR);
}
