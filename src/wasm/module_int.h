/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loader's files share: the rest of a module, the state of loading
 * one, and how an error is told.  For module*.c, valid*.c and names.c.
 */
#ifndef WASM_MODULE_INT_H
#define WASM_MODULE_INT_H

#include <errno.h>
#include <stdatomic.h>

#include "base/bits.h"
#include "base/lock.h"
#include "wasm/leb.h"
#include "wasm/module.h"
#include "wasm/op.h"

struct wasm__valid;     /* the validator's stacks: valid.h */
struct wasm__names;     /* the name section, indexed: names.c */

/* A module as it is allocated. */
struct wasm__module {
	struct wasm_module m;           /* first */
	char *name;                     /* for messages */
	struct lock lock;               /* what follows, and m.arena once loaded */
	struct wasm__valid *valid;
	_Atomic uint8_t *checked;       /* WASM_LAZY_BODIES: by function, body is valid */
	struct wasm__names *_Atomic names;
};

static inline struct wasm__module *wasm__module(const struct wasm_module *m)
{
	return container_of(m, struct wasm__module, m);
}

/* A branch hint as it stands in its section. */
struct wasm__hint {
	uint32_t func, offset;          /* from the start of the body's locals */
	uint8_t likely;
};

struct wasm__loader {
	struct wasm_module *m;
	const uint8_t *p, *end;         /* end of the bytes, not of the section */
	struct err *e;
	uint32_t cap_types, cap_funcs, cap_tables, cap_memories, cap_globals, cap_tags,
		cap_customs;
	uint32_t section;               /* size of the section that is read */
	uint32_t ncode;                 /* bodies met */
	uint32_t data_count;            /* m->has_data_count */
	/* A recursive group being read: reused from group to group. */
	struct wasm_deftype *group;
	struct wasm_type *group_types;
	struct wasm_field *group_fields;
	uint32_t *group_ids;
	uint32_t cap_group, ntypes, cap_group_types, nfields, cap_group_fields, cap_ids;
	struct wasm__hint *hints;
	uint32_t nhints;
};

/* "NAME: offset 0x..: ..."; returns -code. */
int wasm__fail(const struct wasm_module *m, struct err *e, const uint8_t *at, int code,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* ---- module.c: pieces of the binary, 0 or -errno ---- */

int wasm__why(struct wasm__loader *l, const char *why); /* NULL: 0 */
int wasm__u32(struct wasm__loader *l, uint32_t *out);
int wasm__byte(struct wasm__loader *l, uint8_t *out);
/* The length of a vector, at most max ("too many WHAT"). */
int wasm__count(struct wasm__loader *l, uint32_t max, const char *what, uint32_t *out);
int wasm__name(struct wasm__loader *l, struct wasm_name *out);
/* The next n bytes. */
int wasm__bytes(struct wasm__loader *l, uint32_t n, const uint8_t **out);
/* Zeroed memory of the module. */
int wasm__alloc(struct wasm__loader *l, size_t n, size_t size, void *pp);
/* Make room for one more in an array of the module. */
int wasm__grow(struct wasm__loader *l, void *pp, uint32_t n, uint32_t *cap, size_t size);
/* Make room for n in a heap array. */
int wasm__reserve(struct wasm__loader *l, void *pp, size_t n, uint32_t *cap, size_t size);

/* ---- module_type.c ---- */

int wasm__load_types(struct wasm__loader *l);
/* Types with canonical indices. */
int wasm__valtype(struct wasm__loader *l, struct wasm_type *out);
int wasm__reftype(struct wasm__loader *l, struct wasm_type *out);
int wasm__table_type(struct wasm__loader *l, struct wasm_table *out);
int wasm__memory_type(struct wasm__loader *l, struct wasm_memory *out);
int wasm__global_type(struct wasm__loader *l, struct wasm_global *out);
int wasm__tag_type(struct wasm__loader *l, struct wasm_tag *out);
/* The index of a function type, made canonical. */
int wasm__func_type(struct wasm__loader *l, uint32_t *out);

/* ---- module_seg.c ---- */

int wasm__load_elems(struct wasm__loader *l);
int wasm__load_datas(struct wasm__loader *l);
int wasm__load_code(struct wasm__loader *l);

/* ---- names.c ---- */

int wasm__load_hints(struct wasm__loader *l, const struct wasm_custom *c);
void wasm__names_free(struct wasm__names *n);

/* ---- valid.c ---- */

struct wasm__valid *wasm__valid_create(struct wasm_module *m);
void wasm__valid_destroy(struct wasm__valid *v);
/* Read and check the function's locals and body at *p, which take `size` bytes
 * as they say; *p moves behind them. */
int wasm__valid_body(struct wasm__valid *v, uint32_t func, const uint8_t **p, uint32_t size,
		     const uint8_t *end, struct err *e);
/* Likewise a constant expression of the type; *out is where it stands. */
int wasm__valid_const(struct wasm__valid *v, struct wasm_type type, const uint8_t **p,
		      const uint8_t *end, struct wasm_code *out, struct err *e);

#endif
