/* SPDX-License-Identifier: Apache-2.0 */
/* Types for the printer (5.3). */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "wasm/wat_int.h"

static const char *const heap_words[] = {
	"func", "extern", "any", "eq", "i31", "struct", "array", "exn", "none", "nofunc",
	"noextern", "noexn",
};
static const char *const ref_words[] = {
	"funcref", "externref", "anyref", "eqref", "i31ref", "structref", "arrayref", "exnref",
	"nullref", "nullfuncref", "nullexternref", "nullexnref",
};

void wat__heap(struct wat *w, uint32_t heap)
{
	if (heap >= WASM_HEAP_ABSTRACT && heap - WASM_HEAP_ABSTRACT < ARRAY_LEN(heap_words))
		wat__printf(w, " %s", heap_words[heap - WASM_HEAP_ABSTRACT]);
	else
		wat__index(w, TEXT_SPACE_TYPE, heap);
}

void wat__val_type(struct wat *w, struct wasm_type t)
{
	static const char *const nums[] = { "?", "i32", "i64", "f32", "f64", "v128" };
	uint32_t heap = wasm_type_heap(t);

	if (!wasm_type_is_ref(t)) {
		wat__printf(w, " %s", nums[wasm_type_kind(t)]);
	} else if (wasm_type_nullable(t) && heap >= WASM_HEAP_ABSTRACT &&
		   heap - WASM_HEAP_ABSTRACT < ARRAY_LEN(ref_words)) {
		wat__printf(w, " %s", ref_words[heap - WASM_HEAP_ABSTRACT]);
	} else {
		wat__puts(w, wasm_type_nullable(t) ? " (ref null" : " (ref");
		wat__heap(w, heap);
		wat__puts(w, ")");
	}
}

void wat__read_val_type(struct wat *w)
{
	struct wasm_type t;
	const char *why = wasm_read_valtype(&w->p, w->end, &t);

	if (why)
		wat__fail(w, why);
	else
		wat__val_type(w, t);
}

/* A field's storage, at w->p. */
static void storage(struct wat *w)
{
	const uint8_t *at = w->p;
	uint8_t packed = w->p < w->end && (*w->p == 0x78 || *w->p == 0x77) ? *w->p : 0;
	struct wasm_type t = { 0 };
	bool mut;

	if (packed)
		w->p++;
	else if (wasm_read_valtype(&w->p, w->end, &t))
		wat__fail(w, "malformed value type");
	mut = wat__byte(w);
	wat__puts(w, mut ? " (mut" : "");
	if (packed)
		wat__puts(w, *at == 0x78 ? " i8" : " i16");
	else if (!w->failed)
		wat__val_type(w, t);
	wat__puts(w, mut ? ")" : "");
}

/* The types of "n, type..." at w->p in one list, each in its own if named. */
static void types_list(struct wat *w, const char *word, const struct wat_name *names, uint32_t nnames)
{
	uint32_t n = wat__u32(w);
	bool open = false;

	for (uint32_t i = 0; i < n && !w->failed; i++) {
		bool named = i < nnames && names[i].s;

		if (open && named) {
			wat__puts(w, ")");
			open = false;
		}
		if (!open)
			wat__printf(w, " (%s", word);
		if (named)
			wat__name(w, &names[i]);
		wat__read_val_type(w);
		open = !named;
		if (named)
			wat__puts(w, ")");
	}
	if (open)
		wat__puts(w, ")");
}

static void signature(struct wat *w, const struct wat_name *names, uint32_t nnames)
{
	types_list(w, "param", names, nnames);
	types_list(w, "result", NULL, 0);
}

void wat__signature(struct wat *w, uint32_t type, const struct wat_name *names, uint32_t nnames)
{
	const uint8_t *p = w->p, *end = w->end;

	if (type >= w->ntypes || !w->functypes[type])
		return;
	w->p = w->functypes[type];
	w->end = w->m->bytes + w->m->len;
	signature(w, names, nnames);
	if (!w->failed) {
		w->p = p;
		w->end = end;
	}
}

uint32_t wat__nparams(struct wat *w, uint32_t type)
{
	const uint8_t *p;
	uint32_t n = 0;

	if (type >= w->ntypes || !w->functypes[type])
		return 0;
	p = w->functypes[type];
	return wasm_leb_u32(&p, w->m->bytes + w->m->len, &n) ? 0 : n;
}

static void struct_type(struct wat *w, uint32_t type)
{
	uint32_t n = wat__u32(w);
	uint32_t nnames = n;
	struct wat_name *names = w->fields ? wat__inner_names(w, &w->fields[type], &nnames) : NULL;
	bool open = false;

	for (uint32_t i = 0; i < n && !w->failed; i++) {
		bool named = names && i < nnames && names[i].s;

		if (open && named) {
			wat__puts(w, ")");
			open = false;
		}
		if (!open)
			wat__puts(w, " (field");
		if (named)
			wat__name(w, &names[i]);
		storage(w);
		open = !named;
		if (named)
			wat__puts(w, ")");
	}
	if (open)
		wat__puts(w, ")");
	base_free(names);
}

static void comp_type(struct wat *w, uint8_t form, uint32_t type)
{
	switch (form) {
	case 0x60:
		wat__puts(w, " (func");
		w->functypes[type] = w->p;
		signature(w, NULL, 0);
		break;
	case 0x5f:
		wat__puts(w, " (struct");
		struct_type(w, type);
		break;
	case 0x5e:
		wat__puts(w, " (array");
		storage(w);
		break;
	default:
		wat__fail(w, "malformed definition type");
	}
	wat__puts(w, ")");
}

static void sub_type(struct wat *w)
{
	uint32_t type = w->next[TEXT_SPACE_TYPE];
	uint8_t form;

	if (type >= w->count[TEXT_SPACE_TYPE]) {
		wat__fail(w, "too many types");
		return;
	}
	w->ntypes = type + 1;
	wat__puts(w, "(type");
	wat__binder(w, TEXT_SPACE_TYPE);
	form = wat__byte(w);
	if (form == 0x50 || form == 0x4f) {
		wat__puts(w, form == 0x4f ? " (sub final" : " (sub");
		for (uint32_t n = wat__u32(w); n && !w->failed; n--)
			wat__index(w, TEXT_SPACE_TYPE, wat__u32(w));
		comp_type(w, wat__byte(w), type);
		wat__puts(w, ")");
	} else {
		comp_type(w, form, type);
	}
	wat__puts(w, ")");
}

void wat__type_section(struct wat *w)
{
	uint32_t n = wat__u32(w);

	w->functypes = arena_alloc(&w->arena, ((size_t)w->count[TEXT_SPACE_TYPE] + 1) *
				   sizeof(*w->functypes));
	if (!w->functypes) {
		wat__fail(w, "out of memory");
		return;
	}
	for (; n && !w->failed; n--) {
		wat__newline(w);
		if (w->p >= w->end || *w->p != 0x4e) {
			sub_type(w);
			continue;
		}
		w->p++;
		wat__puts(w, "(rec");
		w->indent++;
		for (uint32_t k = wat__u32(w); k && !w->failed; k--) {
			wat__newline(w);
			sub_type(w);
		}
		w->indent--;
		wat__puts(w, ")");
	}
}

void wat__limits(struct wat *w, bool table)
{
	uint8_t flags = wat__byte(w);
	uint64_t v = wat__u64(w);

	if (flags & 4)
		wat__puts(w, " i64");
	wat__printf(w, " %" PRIu64, v);
	if (flags & 1) {
		v = wat__u64(w);
		wat__printf(w, " %" PRIu64, v);
	}
	if (flags & 2)
		wat__puts(w, " shared");
	if ((flags & 8) && !table)
		wat__printf(w, " (pagesize %llu)", 1ull << (wat__u32(w) & 63));
}
