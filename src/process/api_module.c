/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules of the C API: their import and export types, their serialized form,
 * and how stores share them.
 *
 * Serialized: "DPMODULE" | u32 version | u32 features | u64 length | u64 digest
 * | the binary module; little-endian.  It is validated again when it is read:
 * a file that was tampered with is only a bad module.
 */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/ser.h"
#include "process/api.h"
#include "vm/snapshot.h"

struct wasm_importtype_t {
	wasm_name_t module, name;
	wasm_externtype_t *type;
};
struct wasm_exporttype_t {
	wasm_name_t name;
	wasm_externtype_t *type;
};

/* ---- import and export types ----------------------------------------------------- */

wasm_importtype_t *wasm_importtype_new(wasm_name_t *module, wasm_name_t *name,
				       wasm_externtype_t *type)
{
	wasm_importtype_t *t = type ? base_zalloc(sizeof(*t)) : NULL;

	if (t) {
		*t = (wasm_importtype_t){ *module, *name, type };
	} else {
		wasm_name_delete(module);
		wasm_name_delete(name);
		wasm_externtype_delete(type);
	}
	return t;
}

const wasm_name_t *wasm_importtype_module(const wasm_importtype_t *t)
{
	return &t->module;
}

const wasm_name_t *wasm_importtype_name(const wasm_importtype_t *t)
{
	return &t->name;
}

const wasm_externtype_t *wasm_importtype_type(const wasm_importtype_t *t)
{
	return t->type;
}

wasm_importtype_t *wasm_importtype_copy(const wasm_importtype_t *t)
{
	wasm_name_t module, name;

	wasm_name_copy(&module, &t->module);
	wasm_name_copy(&name, &t->name);
	return wasm_importtype_new(&module, &name, wasm_externtype_copy(t->type));
}

void wasm_importtype_delete(wasm_importtype_t *t)
{
	if (!t)
		return;
	wasm_name_delete(&t->module);
	wasm_name_delete(&t->name);
	wasm_externtype_delete(t->type);
	base_free(t);
}

wasm_exporttype_t *wasm_exporttype_new(wasm_name_t *name, wasm_externtype_t *type)
{
	wasm_exporttype_t *t = type ? base_zalloc(sizeof(*t)) : NULL;

	if (t) {
		*t = (wasm_exporttype_t){ *name, type };
	} else {
		wasm_name_delete(name);
		wasm_externtype_delete(type);
	}
	return t;
}

const wasm_name_t *wasm_exporttype_name(const wasm_exporttype_t *t)
{
	return &t->name;
}

const wasm_externtype_t *wasm_exporttype_type(const wasm_exporttype_t *t)
{
	return t->type;
}

wasm_exporttype_t *wasm_exporttype_copy(const wasm_exporttype_t *t)
{
	wasm_name_t name;

	wasm_name_copy(&name, &t->name);
	return wasm_exporttype_new(&name, wasm_externtype_copy(t->type));
}

void wasm_exporttype_delete(wasm_exporttype_t *t)
{
	if (!t)
		return;
	wasm_name_delete(&t->name);
	wasm_externtype_delete(t->type);
	base_free(t);
}

/* ---- modules ------------------------------------------------------------------------- */

struct api_module *process__api_module_hold(struct api_module *m)
{
	m->refs++;
	return m;
}

void process__api_module_drop(struct api_module *m)
{
	if (!m || --m->refs)
		return;
	if (m->m)
		wasm_module_destroy(m->m);
	base_free(m->bytes);
	process__api_engine_drop(m->engine);
	base_free(m);
}

static struct api_module *load(wasm_store_t *s, const void *bytes, size_t len, unsigned features)
{
	struct api_module *m = base_zalloc(sizeof(*m));

	s->err.code = 0;
	if (m) {
		m->refs = 1;
		m->engine = s->engine;
		m->engine->refs++;
		m->bytes = base_alloc(len + 1);
	}
	if (!m || !m->bytes) {
		err_set(&s->err, ENOMEM, "out of memory");
		process__api_module_drop(m);
		return NULL;
	}
	memcpy(m->bytes, bytes, len);
	m->len = len;
	m->m = wasm_module_load(s->engine->types, m->bytes, len, features, "module", &s->err);
	if (!m->m) {
		process__api_module_drop(m);
		return NULL;
	}
	return m;
}

/* Takes m. */
static wasm_module_t *module_ref(wasm_store_t *s, struct api_module *m)
{
	wasm_ref_t *r = m ? process__api_ref_new(s, API_MODULE, NULL) : NULL;

	if (r)
		r->module = m;
	else
		process__api_module_drop(m);
	return (wasm_module_t *)r;
}

static struct api_module *module_of(const wasm_module_t *m)
{
	return ((const wasm_ref_t *)m)->module;
}

wasm_module_t *wasm_module_new(wasm_store_t *s, const wasm_byte_vec_t *binary)
{
	return module_ref(s, load(s, binary->data, binary->size, s->engine->features));
}

bool wasm_module_validate(wasm_store_t *s, const wasm_byte_vec_t *binary)
{
	struct wasm_module *m;

	s->err.code = 0;
	m = wasm_module_load(s->engine->types, binary->data, binary->size, s->engine->features,
			     "module", &s->err);
	if (m)
		wasm_module_destroy(m);
	return m;
}

/* The type of what stands in one of the index spaces. */
static wasm_externtype_t *item_type(const struct wasm_module *m, uint8_t kind, uint32_t i)
{
	const struct wasm_type_store *ts = m->store;

	switch (kind) {
	case WASM_EXTERN_FUNC:
		return (wasm_externtype_t *)process__api_functype(ts, m->funcs[i].type);
	case WASM_EXTERN_TABLE:
		return (wasm_externtype_t *)process__api_tabletype(ts, m->tables[i].type,
								   &m->tables[i].limits);
	case WASM_EXTERN_MEMORY:
		return (wasm_externtype_t *)process__api_memorytype(&m->memories[i].limits,
								    m->memories[i].page_shift);
	case WASM_EXTERN_GLOBAL:
		return (wasm_externtype_t *)process__api_globaltype(ts, m->globals[i].type,
								    m->globals[i].mutable_);
	default:
		return (wasm_externtype_t *)process__api_tagtype(ts, m->tags[i].type);
	}
}

static void name_of(struct wasm_name n, wasm_name_t *out)
{
	wasm_name_new(out, n.len, n.s);
}

void wasm_module_imports(const wasm_module_t *mod, wasm_importtype_vec_t *out)
{
	const struct wasm_module *m = module_of(mod)->m;

	wasm_importtype_vec_new_uninitialized(out, m->nimports);
	for (size_t i = 0; i < out->size; i++) {
		wasm_name_t module, name;

		name_of(m->imports[i].module, &module);
		name_of(m->imports[i].name, &name);
		out->data[i] = wasm_importtype_new(&module, &name,
						   item_type(m, m->imports[i].kind,
							     m->imports[i].index));
	}
}

void wasm_module_exports(const wasm_module_t *mod, wasm_exporttype_vec_t *out)
{
	const struct wasm_module *m = module_of(mod)->m;

	wasm_exporttype_vec_new_uninitialized(out, m->nexports);
	for (size_t i = 0; i < out->size; i++) {
		wasm_name_t name;

		name_of(m->exports[i].name, &name);
		out->data[i] = wasm_exporttype_new(&name, item_type(m, m->exports[i].kind,
								    m->exports[i].index));
	}
}

/* ---- serialized ------------------------------------------------------------------------ */

static const char magic[8] = "DPMODULE";
enum { FORMAT = 1, HEAD = 32 };

void wasm_module_serialize(const wasm_module_t *mod, wasm_byte_vec_t *out)
{
	const struct api_module *m = module_of(mod);
	struct ser_writer w;

	ser_writer_init(&w);
	ser_bytes(&w, magic, sizeof(magic));
	ser_u32(&w, FORMAT);
	ser_u32(&w, m->m->features);
	ser_u64(&w, m->len);
	ser_u64(&w, snapshot_digest(m->bytes, m->len));
	ser_bytes(&w, m->bytes, m->len);
	if (w.failed)
		wasm_byte_vec_new_empty(out);
	else
		wasm_byte_vec_new(out, w.len, (const char *)w.buf);
	ser_writer_fini(&w);
}

wasm_module_t *wasm_module_deserialize(wasm_store_t *s, const wasm_byte_vec_t *bytes)
{
	const uint8_t *head = (const uint8_t *)bytes->data, *body = head + HEAD;

	s->err.code = 0;
	if (bytes->size < HEAD || memcmp(head, magic, sizeof(magic)) || ld_le32(head + 8) != FORMAT ||
	    ld_le64(head + 16) != bytes->size - HEAD ||
	    ld_le64(head + 24) != snapshot_digest(body, bytes->size - HEAD)) {
		err_set(&s->err, EINVAL, "not a serialized module of this version");
		return NULL;
	}
	/* Never more than the engine was configured for. */
	return module_ref(s, load(s, body, bytes->size - HEAD,
				  ld_le32(head + 12) & s->engine->features));
}

/* ---- shared ----------------------------------------------------------------------------- */

wasm_shared_module_t *wasm_module_share(const wasm_module_t *mod)
{
	wasm_shared_module_t *sh = base_zalloc(sizeof(*sh));

	if (sh)
		sh->module = process__api_module_hold(module_of(mod));
	return sh;
}

wasm_module_t *wasm_module_obtain(wasm_store_t *s, const wasm_shared_module_t *sh)
{
	/* Types are numbers of their engine. */
	if (sh->module->engine != s->engine) {
		err_set(&s->err, EINVAL, "a shared module of another engine");
		return NULL;
	}
	return module_ref(s, process__api_module_hold(sh->module));
}

void wasm_shared_module_delete(wasm_shared_module_t *sh)
{
	if (sh)
		process__api_module_drop(sh->module);
	base_free(sh);
}
