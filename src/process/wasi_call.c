/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a call of the guest to a function and back, as the call's row in
 * wasi.def says: descriptors are looked up, paths and vectors copied, results'
 * addresses checked, all before the function runs.  The guest's memory may be
 * shared and change at any time, so what is checked is a copy.  It never
 * shrinks: an address that was inside stays inside.
 */
#include "process/wasi_int.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/log.h"

const struct wasi_row wasi__rows[WASI_ROWS] = {
#define WASI(name, params, names, right, right2) \
	{ #name, params, names, right, right2, wasi__##name },
#include "process/wasi.def"
#undef WASI
};

/* Parameters of the import that one letter of a row stands for: "i", "I". */
static const char *types_of(char letter)
{
	switch (letter) {
	case 'q': case 'd': case 'r':
		return "I";
	case 'P': case 'R': case 'W': case 'B':
		return "ii";
	default:
		return "i";
	}
}

int wasi__type(struct wasm_type_store *t, const struct wasi_row *row, uint32_t *id,
	       struct err *e)
{
	struct wasm_type types[12];
	struct wasm_deftype d = { .comp = WASM_COMP_FUNC, .final = true,
				  .super = WASM_NO_SUPER, .types = types };

	for (const char *p = row->params; *p; p++)
		for (const char *k = types_of(*p); *k; k++)
			types[d.nparams++] = wasm_type_num(*k == 'I' ? WASM_I64 : WASM_I32);
	if (row->fn != wasi__proc_exit) {
		d.nresults = 1;
		types[d.nparams] = wasm_type_num(WASM_I32);
	}
	return wasm_type_store_add(t, &d, 1, id, e);
}

/* ---- arguments --------------------------------------------------------------- */

/* What is missing says more than that something is. */
static int missing_right(const struct wasi_file *f, uint64_t need)
{
	uint64_t lost = need & ~wasi__base(f);

	if (f->kind == WASI_DIR && lost & WASI_RIGHTS_FILE & ~(uint64_t)WASI_RIGHTS_DIR)
		return WASI_EISDIR;
	if (f->kind >= WASI_STREAM && !f->seekable && lost & (WASI_FD_SEEK | WASI_FD_TELL))
		return WASI_ESPIPE;
	return WASI_ENOTCAPABLE;
}

static int take_file(struct wasi_call *c, char letter, uint32_t fd, uint64_t need, unsigned n)
{
	struct wasi_file *f;
	int r = wasi__file_get(c->w, fd, 0, &f);

	if (r)
		return r;
	c->file[n] = f;
	if (letter == 'D' && f->kind != WASI_DIR)
		return WASI_ENOTDIR;
	if (letter == 'k' && !f->socket)
		return WASI_ENOTSOCK;
	if (need & ~wasi__base(f))
		return missing_right(f, need);
	return 0;
}

static int take_path(struct wasi_call *c, uint32_t addr, uint32_t len, unsigned n)
{
	const uint8_t *p = wasi__mem(c, addr, len);

	if (!p)
		return WASI_EFAULT;
	if (len > WASI_PATH_MAX)
		return WASI_ENAMETOOLONG;
	memcpy(c->path_buf[n], p, len);
	c->path_buf[n][len] = '\0';
	if (memchr(c->path_buf[n], 0, len))
		return WASI_EINVAL;
	c->path[n] = c->path_buf[n];
	return 0;
}

static int take_iov(struct wasi_call *c, uint32_t addr, uint32_t count)
{
	const uint8_t *p = wasi__mem(c, addr, (uint64_t)count * WASI_IOVEC_SIZE);
	uint64_t total = 0;

	if (!p)
		return WASI_EFAULT;
	if (count > WASI_IOV_MAX)
		return WASI_EINVAL;
	c->iov = c->iov_buf;
	for (uint32_t i = 0; i < count; i++, p += WASI_IOVEC_SIZE) {
		uint32_t base = wasi__ld32(p), len = wasi__ld32(p + 4);
		uint8_t *b = wasi__mem(c, base, len);

		if (!b)
			return WASI_EFAULT;
		len = (uint32_t)MIN((uint64_t)len, WASI_RW_MAX - total);
		if (!len)
			continue;
		c->iov_buf[c->niov++] = (struct iovec){ b, len };
		total += len;
	}
	return 0;
}

static uint32_t result_size(const struct wasi_call *c, char letter)
{
	switch (letter) {
	case '2': return 2;
	case '4': return 4;
	case '8': return 8;
	case 'T': return WASI_FDSTAT_SIZE;
	case 'p': return WASI_PRESTAT_SIZE;
	case 'F': return c->old ? WASI_FILESTAT_OLD_SIZE : WASI_FILESTAT_SIZE;
	default: return 0;
	}
}

static int take(struct wasi_call *c, const struct wasi_row *row, const union wasm_val *v)
{
	unsigned nfiles = 0, npaths = 0;
	int r = 0;

	for (unsigned i = 0; row->params[i] && !r; i++) {
		char letter = row->params[i];
		uint32_t w = (uint32_t)v->i32;

		switch (letter) {
		case 'f': case 'D': case 'k':
			r = take_file(c, letter, w, nfiles ? row->right2 : row->right, nfiles);
			nfiles++;
			break;
		case 'P':
			r = take_path(c, w, (uint32_t)v[1].i32, npaths++);
			v++;
			break;
		case 'R': case 'W':
			r = take_iov(c, w, (uint32_t)v[1].i32);
			v++;
			break;
		case 'B':
			c->len = (uint32_t)v[1].i32;
			c->arg[i].p = wasi__mem(c, w, c->len);
			r = c->arg[i].p ? 0 : WASI_EFAULT;
			v++;
			break;
		case 'q': case 'd': case 'r':
			c->arg[i].d = v->i64;
			break;
		case 'n': case 'w': case 'a':
		case 'l': case 'o': case 'g': case 't': case 'e': case 'i':
			c->arg[i].w = w;
			break;
		default:
			c->arg[i].p = wasi__mem(c, w, result_size(c, letter));
			r = c->arg[i].p ? 0 : WASI_EFAULT;
		}
		v++;
	}
	return r;
}

/* ---- the host function ---------------------------------------------------------- */

enum wasm_trap wasi__host(void *ctx, struct wasm_store *s, const union wasm_val *args,
			  union wasm_val *results)
{
	struct wasm_rt_memory *m = wasm_store_caller_memory(s);
	const struct wasi_bind *b = ctx;
	struct wasi_call c;
	int r;

	/* Not the two large arrays: each is filled before it is read. */
	memset(&c, 0, offsetof(struct wasi_call, path_buf));
	c.w = b->w;
	c.store = s;
	c.old = b->old;
	if (m) {
		c.mem = wasm_rt_memory_base(m);
		c.mem_size = wasm_rt_memory_size(m);
	}
	r = take(&c, b->row, args);
	if (!r)
		r = b->row->fn(&c);
	if (log_tracing(WASI))
		wasi__trace(&c, b->row, args, r);
	for (unsigned i = 0; i < ARRAY_LEN(c.file); i++)
		if (c.file[i])
			wasi__file_put(b->w, c.file[i]);
	if (c.trap)
		return c.trap;
	if (atomic_load_explicit(&b->w->stop, memory_order_relaxed))
		return WASM_TRAP_INTERRUPT;
	if (b->row->fn != wasi__proc_exit)
		results[0].i32 = wasi__errno(r);
	return WASM_OK;
}
