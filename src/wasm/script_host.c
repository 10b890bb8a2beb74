/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module "spectest" that the test suite's scripts import: functions that
 * print (here: take their arguments), and one of everything else.
 */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "wasm/script_int.h"

static enum wasm_trap print(void *ctx, struct wasm_store *s, const union wasm_val *args,
			    union wasm_val *results)
{
	(void)ctx, (void)s, (void)args, (void)results;
	return WASM_OK;
}

/* "if": i32 and f32 parameters. */
static bool host_func(struct script *s, const char *params, struct wasm_extern *out,
		      struct err *e)
{
	struct wasm_type types[4];
	struct wasm_deftype d = { .comp = WASM_COMP_FUNC, .final = true, .super = WASM_NO_SUPER,
				  .types = types };
	uint32_t id;

	for (const char *p = params; *p; p++)
		types[d.nparams++] = wasm_type_num(*p == 'i' ? WASM_I32 : *p == 'I' ? WASM_I64 :
						   *p == 'f' ? WASM_F32 : WASM_F64);
	if (wasm_type_store_add(s->types, &d, 1, &id, e))
		return false;
	out->kind = WASM_EXTERN_FUNC;
	out->func = wasm_rt_func_new_host(s->store, id, print, NULL, e);
	return out->func;
}

static bool host_global(struct script *s, char kind, struct wasm_extern *out, struct err *e)
{
	const float f = 666.6f;
	const double d = 666.6;
	union wasm_val v = { .i64 = 666 };

	if (kind == 'f')
		memcpy(&v.f32, &f, sizeof(f));
	else if (kind == 'F')
		memcpy(&v.f64, &d, sizeof(d));
	out->kind = WASM_EXTERN_GLOBAL;
	out->global = wasm_rt_global_new(s->store, wasm_type_num(
		kind == 'i' ? WASM_I32 : kind == 'I' ? WASM_I64 : kind == 'f' ? WASM_F32 : WASM_F64),
		false, v, e);
	return out->global;
}

static bool host_table(struct script *s, bool is64, struct wasm_extern *out, struct err *e)
{
	const struct wasm_table t = {
		.limits = { .min = 10, .max = 20, .has_max = true, .is64 = is64 },
		.type = wasm_type_ref(WASM_HEAP_FUNC, true),
	};

	out->kind = WASM_EXTERN_TABLE;
	out->table = wasm_rt_table_new(s->store, &t, (union wasm_val){ .i64 = 0 }, e);
	return out->table;
}

static bool host_memory(struct script *s, bool shared, struct wasm_extern *out, struct err *e)
{
	const struct wasm_memory m = {
		.limits = { .min = 1, .max = 2, .has_max = true, .shared = shared },
		.page_shift = 16,
	};

	out->kind = WASM_EXTERN_MEMORY;
	out->memory = wasm_rt_memory_new(s->store, &m, e);
	return out->memory;
}

static bool make(struct script *s, struct span n, struct wasm_extern *out, struct err *e)
{
	static const struct { const char *name, *what; } all[] = {
		{ "print", "(" }, { "print_i32", "(i" }, { "print_i64", "(I" },
		{ "print_f32", "(f" }, { "print_f64", "(F" }, { "print_i32_f32", "(if" },
		{ "print_f64_f64", "(FF" },
		{ "global_i32", "i" }, { "global_i64", "I" }, { "global_f32", "f" },
		{ "global_f64", "F" },
		{ "table", "t" }, { "table64", "T" }, { "memory", "m" }, { "shared_memory", "M" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
		const char *w = all[i].what;

		if (strlen(all[i].name) != n.len || memcmp(all[i].name, n.p, n.len))
			continue;
		if (*w == 'M' && !(s->o->features & WASM_FEATURE_THREADS))
			break;
		if (*w == '(')
			return host_func(s, w + 1, out, e);
		if (*w == 't' || *w == 'T')
			return host_table(s, *w == 'T', out, e);
		if (*w == 'm' || *w == 'M')
			return host_memory(s, *w == 'M', out, e);
		return host_global(s, *w, out, e);
	}
	err_set(e, ENOENT, "unknown import");
	return false;
}

/* Made when first asked for, and kept: all importers see the same one. */
bool script__spectest(struct script *s, const struct wasm_import *im, struct wasm_extern *out,
		      struct err *e)
{
	struct script_host *h;

	for (h = s->host; h; h = h->next) {
		if (h->name.len == im->name.len && !memcmp(h->name.p, im->name.s, h->name.len)) {
			*out = h->what;
			return true;
		}
	}
	h = arena_alloc(&s->t.arena, sizeof(*h));
	if (!h) {
		err_set(e, ENOMEM, "out of memory");
		return false;
	}
	/* The name lies in the importer's bytes, which live as long as the script. */
	h->name = (struct span){ im->name.s, im->name.len };
	if (!make(s, h->name, out, e))
		return false;
	h->what = *out;
	h->next = s->host;
	s->host = h;
	return true;
}
