/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that is nothing but calls: for each call of WASI it exports a
 * function of that name that passes its arguments on, and a memory.  Tests
 * drive it from outside, so that each call goes through the engine.
 */
#ifndef TESTS_PROCESS_WASI_RIG_H
#define TESTS_PROCESS_WASI_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "process/wasi.h"
#include "process/wasi_abi.h"
#include "tests/test.h"
#include "wasm/text.h"

enum { RIG_PAGES = 4, RIG_MEM = RIG_PAGES << 16 };

struct rig_row {
	const char *name, *params;
};
static const struct rig_row rig_rows[] = {
#define WASI(name, params, names, right, right2) { #name, params },
#include "process/wasi.def"
#undef WASI
};
enum { RIG_ROWS = sizeof(rig_rows) / sizeof(rig_rows[0]) };

struct rig {
	char dir[64];           /* the host's folder, preopened as "/" on 3 */
	struct wasm_type_store *types;
	uint8_t *bytes;
	struct wasm_module *module;
	struct wasm_store *store;
	struct wasm_instance *inst;
	struct wasi *wasi;
	uint8_t *mem;
	enum wasm_trap trap;    /* of the last call */
	struct err e;
};

/* "ii" "I" ...: what a letter of wasi.def takes. */
static inline const char *rig_types(char letter)
{
	return strchr("qdr", letter) ? "I" : strchr("PRWB", letter) ? "ii" : "i";
}

static inline size_t rig_sig(const struct rig_row *row, char *sig)
{
	size_t n = 0;

	for (const char *p = row->params; *p; p++)
		for (const char *k = rig_types(*p); *k; k++)
			sig[n++] = *k;
	sig[n] = '\0';
	return n;
}

static inline void rig_wat_types(FILE *f, const char *sig, const char *result)
{
	for (; *sig; sig++)
		fprintf(f, " (param %s)", *sig == 'I' ? "i64" : "i32");
	fprintf(f, "%s", result);
}

/* The module as text, in memory that free() takes. */
static inline char *rig_wat(const char *module, size_t *len)
{
	bool old = !strcmp(module, "wasi_unstable");
	char *text = NULL, sig[16];
	FILE *f = open_memstream(&text, len);

	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < RIG_ROWS; i++) {
			const char *name = rig_rows[i].name;
			const char *result = strcmp(name, "proc_exit") ? " (result i32)" : "";
			size_t n = rig_sig(&rig_rows[i], sig);

			if (old && !strcmp(name, "sock_accept"))
				continue;
			fprintf(f, "(func $%s%s ", pass ? "do_" : "", name);
			if (pass)
				fprintf(f, "(export \"%s\")", name);
			else
				fprintf(f, "(import \"%s\" \"%s\")", module, name);
			rig_wat_types(f, sig, result);
			for (size_t k = 0; pass && k < n; k++)
				fprintf(f, " (local.get %zu)", k);
			if (pass)
				fprintf(f, " (call $%s)", name);
			fprintf(f, ")\n");
		}
	}
	fprintf(f, "(memory (export \"memory\") %d %d)\n", RIG_PAGES, RIG_PAGES);
	fclose(f);
	return text;
}

static inline void rig_load(struct rig *r, const char *module)
{
	struct wasm_store_limits limits = { .has_fuel = true, .fuel = 1ull << 40 };
	const struct wasm_import *missing;
	struct wasm_extern *imports, x;
	size_t len, n;
	char *text = rig_wat(module, &n);

	if (wasm_text_to_binary(text, n, "rig", 0, &r->bytes, &len, &r->e))
		TEST_FAIL("%s", r->e.msg);
	free(text);
	r->types = wasm_type_store_create(&r->e);
	r->module = wasm_module_load(r->types, r->bytes, len, 0, "rig", &r->e);
	if (!r->module)
		TEST_FAIL("%s", r->e.msg);
	r->store = wasm_store_create(r->types, &limits, &r->e);
	CHECK(r->store != NULL);
	imports = base_calloc(r->module->nimports, sizeof(*imports));
	CHECK_EQ(wasi_link(r->wasi, r->store, r->module, imports, &missing, &r->e), 0);
	CHECK(!missing);
	r->inst = wasm_instantiate(r->store, r->module, imports, &r->trap, &r->e);
	if (!r->inst)
		TEST_FAIL("%s", r->e.msg);
	base_free(imports);
	CHECK(wasm_instance_export(r->inst, "memory", 6, &x));
	r->mem = wasm_rt_memory_base(x.memory);
}

static inline void rig_make_dir(struct rig *r)
{
	strcpy(r->dir, "/tmp/wasi_test.XXXXXX");
	CHECK(mkdtemp(r->dir) != NULL);
}

/* o: what differs from a writable folder as "/"; NULL: nothing. */
static inline void rig_start(struct rig *r, const struct wasi_options *o, const char *module)
{
	struct wasi_options all = o ? *o : (struct wasi_options){ 0 };
	struct wasi_preopen pre = { .host = r->dir, .guest = "/" };

	if (!all.npreopens) {
		all.npreopens = 1;
		all.preopens = &pre;
	}
	r->wasi = wasi_create(&all, &r->e);
	if (!r->wasi)
		TEST_FAIL("%s", r->e.msg);
	rig_load(r, module ? module : "wasi_snapshot_preview1");
}

static inline void rig_init(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	rig_make_dir(r);
	rig_start(r, NULL, NULL);
}

/* The engine goes, the folder stays. */
static inline void rig_stop(struct rig *r)
{
	wasm_store_destroy(r->store);
	wasm_module_destroy(r->module);
	wasm_type_store_destroy(r->types);
	base_free(r->bytes);
	wasi_destroy(r->wasi);
	r->wasi = NULL;
}

static inline void rig_fini(struct rig *r)
{
	char cmd[128];

	rig_stop(r);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", r->dir);
	CHECK_EQ(system(cmd), 0);
}

/* A call by name; arguments are int64_t each.  Its errno, or -1: it trapped. */
static inline int rig_callv(struct rig *r, const char *name, const int64_t *v)
{
	union wasm_val args[16] = { 0 }, result = { 0 };
	struct wasm_extern x;
	char sig[16] = "";

	for (unsigned i = 0; i < RIG_ROWS; i++)
		if (!strcmp(rig_rows[i].name, name))
			rig_sig(&rig_rows[i], sig);
	for (unsigned i = 0; sig[i]; i++)
		if (sig[i] == 'I')
			args[i].i64 = v[i];
		else
			args[i].i32 = (int32_t)v[i];
	if (!wasm_instance_export(r->inst, name, strlen(name), &x))
		TEST_FAIL("no call %s", name);
	r->trap = wasm_call(r->store, x.func, args, &result);
	return r->trap ? -1 : result.i32;
}
#define rig_call(r, name, ...) rig_callv((r), (name), (const int64_t[]){ __VA_ARGS__, 0 })

/* ---- helpers: memory from 1024 up is the test's, results at 64 ------------------- */

enum { RIG_OUT = 64, RIG_OUT2 = 128, RIG_PATH = 1024, RIG_PATH2 = 8192, RIG_IOV = 16384,
       RIG_BUF = 65536 };

static inline int64_t rig_str(struct rig *r, uint32_t at, const char *s)
{
	memcpy(r->mem + at, s, strlen(s));
	return (int64_t)strlen(s);
}
static inline uint32_t rig_out(struct rig *r) { return ld_le32(r->mem + RIG_OUT); }
static inline uint64_t rig_out64(struct rig *r) { return ld_le64(r->mem + RIG_OUT); }

static inline int rig_open_at(struct rig *r, uint32_t dir, const char *path, uint32_t follow,
			      uint32_t oflags, uint64_t base, uint64_t inherit, uint32_t fdflags)
{
	int64_t n = rig_str(r, RIG_PATH, path);

	return rig_call(r, "path_open", dir, follow, RIG_PATH, n, oflags, (int64_t)base,
			(int64_t)inherit, fdflags, RIG_OUT);
}

/* A file of "/", to read and write; its number. */
static inline uint32_t rig_open(struct rig *r, const char *path, uint32_t oflags)
{
	int e = rig_open_at(r, 3, path, WASI_FOLLOW, oflags, WASI_RIGHTS_FILE, 0, 0);

	if (e)
		TEST_FAIL("open %s: %d", path, e);
	return rig_out(r);
}

static inline int rig_path(struct rig *r, const char *name, uint32_t dir, const char *path)
{
	return rig_call(r, name, dir, RIG_PATH, rig_str(r, RIG_PATH, path));
}

static inline void rig_iov(struct rig *r, uint32_t at, uint32_t n)
{
	st_le32(r->mem + RIG_IOV, at);
	st_le32(r->mem + RIG_IOV + 4, n);
}

static inline int rig_write(struct rig *r, uint32_t fd, const char *s)
{
	rig_iov(r, RIG_BUF, (uint32_t)rig_str(r, RIG_BUF, s));
	return rig_call(r, "fd_write", fd, RIG_IOV, 1, RIG_OUT);
}

/* Up to 4096 bytes as a string. */
static inline int rig_read(struct rig *r, uint32_t fd, char *s)
{
	int e;

	rig_iov(r, RIG_BUF, 4096);
	e = rig_call(r, "fd_read", fd, RIG_IOV, 1, RIG_OUT);
	if (!e) {
		memcpy(s, r->mem + RIG_BUF, rig_out(r));
		s[rig_out(r)] = '\0';
	}
	return e;
}

#endif
