/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of scripts (the threads proposal): "(thread $T (shared (module $M))
 * command*)" runs its commands in a store of its own on a thread of its own;
 * of $M only the shared memories can be imported there.  "(wait $T)" ends it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "wasm/script_int.h"

struct script_thread {
	struct script_thread *next;
	struct span id;
	pthread_t thread;
	bool running;
	struct script script;
	struct err err;
};

bool script__share(struct script *s, const struct wasm_extern *theirs, struct wasm_extern *out,
		   struct err *e)
{
	struct wasm_memory m = { 0 };

	if (theirs->kind == WASM_EXTERN_MEMORY)
		m = wasm_rt_memory_type(theirs->memory);
	if (theirs->kind != WASM_EXTERN_MEMORY || !m.limits.shared) {
		err_set(e, EINVAL, "only shared memories can be seen from another thread");
		return false;
	}
	out->kind = WASM_EXTERN_MEMORY;
	out->memory = wasm_rt_memory_share(s->store, wasm_rt_memory_linear(theirs->memory), &m, e);
	return out->memory;
}

/* Its text ends with the list; the lexer's position is inside of it. */
static void *run(void *arg)
{
	struct script_thread *th = arg;
	struct script *s = &th->script;

	while (s->t.tok.kind == TEXT_LPAR) {
		text__next(&s->t);
		script__command(s);
	}
	text__expect(&s->t, TEXT_RPAR);
	return NULL;
}

/* "(shared (module $M))*": instances of the parent by their names. */
static void shared_modules(struct script *s, const struct script *parent)
{
	while (text__take_list(&s->t, TEXT_SHARED_)) {
		const struct script_instance *p = parent->instances;
		struct script_instance *i = arena_alloc(&s->t.arena, sizeof(*i));
		struct span id;

		text__take_list(&s->t, TEXT_MODULE_);
		id = script__span(s, s->t.tok.off, s->t.tok.off + s->t.tok.len);
		text__expect(&s->t, TEXT_ID);
		text__expect(&s->t, TEXT_RPAR);
		text__expect(&s->t, TEXT_RPAR);
		while (p && !(p->id.len == id.len && !memcmp(p->id.p, id.p, id.len)))
			p = p->next;
		if (!p || !i) {
			text__fail(&s->t, "there is no such instance to share");
			return;
		}
		*i = (struct script_instance){ s->instances, id, NULL, p->shared ? p->shared : p };
		s->instances = i;
	}
}

void script__thread(struct script *parent)
{
	struct script_thread *th = base_zalloc(sizeof(*th));
	struct script *s;

	if (!th) {
		text__oom(&parent->t);
		return;
	}
	th->next = parent->threads;
	parent->threads = th;
	if (parent->t.tok.kind == TEXT_ID) {
		th->id = script__span(parent, parent->t.tok.off,
				      parent->t.tok.off + parent->t.tok.len);
		text__next(&parent->t);
	}
	s = &th->script;
	s->o = parent->o;
	s->r = parent->r;
	s->types = parent->types;
	if (script__open(s, parent->t.s, parent->t.end, parent->t.name, &th->err)) {
		text__fail(&parent->t, "thread: %s", th->err.msg);
		return;
	}
	s->t.pos = parent->t.pos;
	s->t.tok = parent->t.tok;
	shared_modules(s, parent);
	text__skip_list(&parent->t);
	if (s->t.failed)
		text__fail(&parent->t, "%s", th->err.msg);
	else if (pthread_create(&th->thread, NULL, run, th))
		text__fail(&parent->t, "cannot start a thread");
	else
		th->running = true;
}

static void join(struct script *parent, struct script_thread *th)
{
	if (!th->running)
		return;
	pthread_join(th->thread, NULL);
	th->running = false;
	if (th->script.t.failed)
		text__fail(&parent->t, "thread: %s", th->err.msg);
}

void script__wait(struct script *s)
{
	struct span id = script__span(s, s->t.tok.off, s->t.tok.off + s->t.tok.len);
	struct script_thread *th = s->threads;

	while (th && !(th->id.len == id.len && !memcmp(th->id.p, id.p, id.len)))
		th = th->next;
	if (!th) {
		text__fail(&s->t, "there is no such thread");
		return;
	}
	text__expect(&s->t, TEXT_ID);
	text__expect(&s->t, TEXT_RPAR);
	join(s, th);
}

void script__threads_end(struct script *s)
{
	while (s->threads) {
		struct script_thread *th = s->threads;

		s->threads = th->next;
		join(s, th);
		script__close(&th->script);
		base_free(th);
	}
}
