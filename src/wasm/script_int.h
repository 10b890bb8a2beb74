/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a running script that script*.c share. */
#ifndef WASM_SCRIPT_INT_H
#define WASM_SCRIPT_INT_H

#include <pthread.h>

#include "wasm/instance.h"
#include "wasm/script.h"
#include "wasm/text_int.h"

struct span {
	const char *p;
	uint32_t len;
};

struct script_module {
	struct script_module *next;
	struct span id;
	uint8_t *bytes;
	struct wasm_module *module;
};

/* Something that can be imported from. */
struct script_instance {
	struct script_instance *next;
	struct span id;
	struct wasm_instance *instance;         /* NULL: the host's module */
	const struct script_instance *shared;   /* of another thread: its memories */
};
struct script_name {
	struct script_name *next;
	uint8_t *name;
	uint32_t len;
	const struct script_instance *what;
};

/* A thing of the module "spectest". */
struct script_host {
	struct script_host *next;
	struct span name;
	struct wasm_extern what;
};

struct script_thread;
struct script {
	struct text t;
	const struct wasm_script_options *o;
	struct wasm_script_result *r;
	struct wasm_type_store *types;
	struct wasm_store *store;
	struct script_module *modules;          /* newest first */
	struct script_instance *instances;      /* newest first */
	const struct script_instance *current;
	struct script_name *names;              /* newest first */
	struct script_host *host;
	struct script_thread *threads;
	uint32_t line_pos, line;                /* the last line that was asked for */
	char got[400];                          /* the value that did not match */
};

/* What an action came to. */
struct outcome {
	const char *problem;    /* it could not run */
	enum wasm_trap trap;
	uint32_t n;
	const struct wasm_type *types;
	struct wasm_type type;  /* of a global */
	union wasm_val *values; /* base_free */
};

/* ---- script.c ---- */
unsigned script__line(struct script *s, uint32_t pos);
void script__pass(struct script *s, enum wasm_script_kind k);
void script__fail(struct script *s, enum wasm_script_kind k, uint32_t pos, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
const char *script__trap(struct script *s, enum wasm_trap trap);
struct span script__span(const struct script *s, uint32_t from, uint32_t to);
/* One command; the current token is after its "(". */
void script__command(struct script *s);
int script__open(struct script *s, const char *text, size_t len, const char *name, struct err *e);
void script__close(struct script *s);

/* ---- script_module.c ---- */
/* A module as the script gives it, up to validation. */
struct source {
	bool definition;
	struct span id;
	int code;               /* errno of translation or loading, 0: loaded */
	struct err err;
	struct script_module *m; /* loaded */
};

/* After "(module": to bytes, and loaded; taken with its ")". */
void script__read_module(struct script *s, struct source *src, struct text_token word);
/* Bytes (taken) to a module. */
/* A module's name in messages. */
void script__where(struct script *s, uint32_t pos, char where[300]);
void script__load(struct script *s, struct source *src, uint8_t *bytes, size_t len, uint32_t pos);
/* Link and instantiate: NULL with *trap or *e. */
struct wasm_instance *script__instantiate(struct script *s, struct script_module *m,
					  enum wasm_trap *trap, struct err *e);
void script__instance_of(struct script *s, struct script_module *m, struct span id, uint32_t pos);
void script__module_command(struct script *s, struct text_token word);
void script__register_command(struct script *s, uint32_t pos);
/* The instance named by the optional id, or the last one; NULL: none. */
const struct script_instance *script__take_instance(struct script *s);

/* ---- script_value.c ---- */
/* An argument "(i32.const 1)" for a parameter of type `want`. */
bool script__argument(struct script *s, struct wasm_type want, union wasm_val *v);
/* The pattern at the current token, taken; does v match?  If not, s->got. */
bool script__match(struct script *s, struct wasm_type type, const union wasm_val *v);
void script__print(struct script *s, struct wasm_type type, const union wasm_val *v, char *buf,
		   size_t n);

/* ---- script_host.c ---- */
bool script__spectest(struct script *s, const struct wasm_import *im, struct wasm_extern *out,
		      struct err *e);

/* ---- script_thread.c ---- */
void script__thread(struct script *s);
/* A shared memory of another thread, for the importer here. */
bool script__share(struct script *s, const struct wasm_extern *theirs, struct wasm_extern *out,
		   struct err *e);
void script__wait(struct script *s);
void script__threads_end(struct script *s);

#endif
