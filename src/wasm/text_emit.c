/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of the binary format (5.2), and the module from its sections (5.5). */
#include <string.h>

#include "base/alloc.h"
#include "wasm/text_int.h"

void text__u(struct ser_writer *w, uint64_t v)
{
	uint8_t b[10];
	unsigned n = 0;

	do {
		b[n] = (uint8_t)(v & 0x7f);
		v >>= 7;
		b[n++] |= v ? 0x80 : 0;
	} while (v);
	ser_bytes(w, b, n);
}

void text__s(struct ser_writer *w, int64_t v)
{
	uint8_t b[10];
	unsigned n = 0;
	bool more;

	do {
		b[n] = (uint8_t)(v & 0x7f);
		v >>= 7;
		more = v != (b[n] & 0x40 ? -1 : 0);
		b[n++] |= more ? 0x80 : 0;
	} while (more);
	ser_bytes(w, b, n);
}

void text__append(struct ser_writer *w, const struct ser_writer *from)
{
	ser_bytes(w, from->buf, from->len);
	w->failed |= from->failed;
}

/* Returns where the contents begin. */
static size_t section(struct ser_writer *w, unsigned id, const struct ser_writer *body, bool counted,
		    uint32_t n)
{
	struct ser_writer count;

	ser_writer_init(&count);
	if (counted)
		text__u(&count, n);
	ser_u8(w, (uint8_t)id);
	text__u(w, count.len + body->len);
	text__append(w, &count);
	text__append(w, body);
	ser_writer_fini(&count);
	return w->len - body->len;
}

static void custom_section(struct ser_writer *w, const char *name, const struct ser_writer *body)
{
	size_t n = strlen(name);

	ser_u8(w, 0);
	text__u(w, n + 1 + body->len); /* the name's length is one byte */
	text__u(w, n);
	ser_bytes(w, name, n);
	text__append(w, body);
}

/* Custom sections that stand before or after the section `id`, in the order
 * of the text. */
static void customs_at(struct text *t, struct ser_writer *w, int id, bool after)
{
	for (const struct text_custom *c = t->customs; c; c = c->next) {
		if (c->place != id || c->after != after)
			continue;
		ser_u8(w, 0);
		text__u(w, c->len);
		ser_bytes(w, c->bytes, c->len);
	}
}

/* A subsection of the name section: a map of n names, in rising order. */
static void name_map(struct text *t, struct ser_writer *w, unsigned id, const struct text_names *names)
{
	struct ser_writer b;

	if (!names->n)
		return;
	ser_writer_init(&b);
	for (uint32_t i = 0; i < names->n; i++) {
		text__u(&b, names->e[i].index);
		text__u(&b, names->e[i].len);
		ser_bytes(&b, t->name_bytes.buf + names->e[i].off, names->e[i].len);
	}
	section(w, id, &b, true, names->n);
	ser_writer_fini(&b);
}

/* The ids of subsections 5 to 9 are those of the extended name section. */
static void name_section(struct text *t, struct ser_writer *out)
{
	struct ser_writer w, b;

	ser_writer_init(&w);
	ser_writer_init(&b);
	if (t->has_module_name) {
		text__u(&b, t->module_name.len);
		ser_bytes(&b, t->name_bytes.buf + t->module_name.off, t->module_name.len);
		section(&w, 0, &b, false, 0);
	}
	name_map(t, &w, 1, &t->names[TEXT_SPACE_FUNC]);
	if (t->nfuncs_with_locals)
		section(&w, 2, &t->locals_section, true, t->nfuncs_with_locals);
	name_map(t, &w, 4, &t->names[TEXT_SPACE_TYPE]);
	name_map(t, &w, 5, &t->names[TEXT_SPACE_TABLE]);
	name_map(t, &w, 6, &t->names[TEXT_SPACE_MEMORY]);
	name_map(t, &w, 7, &t->names[TEXT_SPACE_GLOBAL]);
	name_map(t, &w, 8, &t->names[TEXT_SPACE_ELEM]);
	name_map(t, &w, 9, &t->names[TEXT_SPACE_DATA]);
	if (t->ntypes_with_fields)
		section(&w, 10, &t->fields_section, true, t->ntypes_with_fields);
	name_map(t, &w, 11, &t->names[TEXT_SPACE_TAG]);
	if (w.len)
		custom_section(out, "name", &w);
	out->failed |= w.failed;
	ser_writer_fini(&w);
	ser_writer_fini(&b);
}

static void hint_section(struct text *t, struct ser_writer *out)
{
	struct ser_writer b;

	if (!t->nhint_funcs)
		return;
	ser_writer_init(&b);
	text__u(&b, t->nhint_funcs);
	text__append(&b, &t->hint_section);
	custom_section(out, "metadata.code.branch_hint", &b);
	ser_writer_fini(&b);
}

/* Section ids in the order in which they stand (5.5.2). */
static const uint8_t ids[TEXT_SECS] = { 1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11 };

uint8_t *text__assemble(struct text *t, size_t *len)
{
	static const uint8_t head[] = { 0, 'a', 's', 'm', 1, 0, 0, 0 };
	struct ser_writer w;

	ser_writer_init(&w);
	ser_bytes(&w, head, sizeof(head));
	customs_at(t, &w, 0, false);
	for (unsigned i = 0; i < TEXT_SECS; i++) {
		bool counted = i != TEXT_SEC_START && i != TEXT_SEC_DATACOUNT;
		size_t base = w.len;

		customs_at(t, &w, ids[i], false);
		if (i == TEXT_SEC_CODE)
			hint_section(t, &w);
		if (i == TEXT_SEC_DATACOUNT && t->needs_datacount)
			text__u(&t->sec[i], t->sec_n[TEXT_SEC_DATA]);
		if (t->places)
			t->places->start[i] = w.len;
		if (t->sec[i].len)
			base = section(&w, ids[i], &t->sec[i], counted, t->sec_n[i]);
		if (t->places)
			t->places->base[i] = base;
		w.failed |= t->sec[i].failed;
		customs_at(t, &w, ids[i], true);
	}
	customs_at(t, &w, 99, false);
	name_section(t, &w);
	if (w.failed) {
		text__oom(t);
		ser_writer_fini(&w);
		return NULL;
	}
	*len = w.len;
	return w.buf;
}
