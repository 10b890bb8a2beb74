/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --trace=wasi: a line for each call, in the manner of strace, from the call's
 * row: fd_write(fd=1, iovs="hello\n"(6), nwritten=6) = SUCCESS
 */
#include "process/wasi_int.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/log.h"

enum { SHOWN = 48 };   /* bytes of a string */

struct line {
	char s[1000];
	size_t n;
};

static void __attribute__((format(printf, 2, 3))) add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->s + l->n, sizeof(l->s) - l->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->n = MIN(l->n + (size_t)n, sizeof(l->s) - 1);
}

/* ---- flags by their names ---- */

static const char *const right_names[] = {
#define X(name) #name,
	WASI_RIGHTS(X)
#undef X
};
static const char *const lookup_names[] = { "FOLLOW" };
static const char *const open_names[] = { "CREAT", "DIRECTORY", "EXCL", "TRUNC" };
static const char *const fd_names[] = { "APPEND", "DSYNC", "NONBLOCK", "RSYNC", "SYNC" };
static const char *const time_names[] = { "ATIM", "ATIM_NOW", "MTIM", "MTIM_NOW" };
static const char *const whence_names[] = { "SET", "CUR", "END" };
static const char *const old_whence_names[] = { "CUR", "END", "SET" };
static const char *const clock_names[] = { "REALTIME", "MONOTONIC", "PROCESS_CPUTIME",
					   "THREAD_CPUTIME" };

static void add_flags(struct line *l, uint64_t v, const char *const *names, unsigned n)
{
	const char *sep = "";

	for (unsigned i = 0; i < n; i++)
		if (v >> i & 1) {
			add(l, "%s%s", sep, names[i]);
			sep = "|";
		}
	v &= ~(BIT(n) - 1);
	if (v || !*sep)
		add(l, "%s%#" PRIx64, sep, v);
}

/* Most descriptors have most rights: those that are missing are fewer. */
static void add_rights(struct line *l, uint64_t v)
{
	const uint64_t all = WASI_RIGHTS_DIR | WASI_RIGHTS_FILE;

	if (v == WASI_RIGHTS_DIR)
		add(l, "DIR");
	else if (v == WASI_RIGHTS_FILE)
		add(l, "FILE");
	else if (v == all)
		add(l, "ALL");
	else if (__builtin_popcountll(v & all) > 14 && !(v & ~all)) {
		add(l, "ALL-(");
		add_flags(l, all & ~v, right_names, ARRAY_LEN(right_names));
		add(l, ")");
	} else
		add_flags(l, v, right_names, ARRAY_LEN(right_names));
}

static void add_name(struct line *l, uint32_t v, const char *const *names, unsigned n)
{
	if (v < n)
		add(l, "%s", names[v]);
	else
		add(l, "%#x", v);
}

/* Flags and numbers with names: false for other letters. */
static bool add_named(struct line *l, char letter, const union wasm_val *v, bool old)
{
	uint32_t w = (uint32_t)v->i32;

	switch (letter) {
	case 'l': add_flags(l, w, lookup_names, ARRAY_LEN(lookup_names)); return true;
	case 'o': add_flags(l, w, open_names, ARRAY_LEN(open_names)); return true;
	case 'g': add_flags(l, w, fd_names, ARRAY_LEN(fd_names)); return true;
	case 't': add_flags(l, w, time_names, ARRAY_LEN(time_names)); return true;
	case 'r': add_rights(l, (uint64_t)v->i64); return true;
	case 'e': add_name(l, w, old ? old_whence_names : whence_names, 3); return true;
	case 'i': add_name(l, w, clock_names, ARRAY_LEN(clock_names)); return true;
	default: return false;
	}
}

/* ---- parameters and results ---- */

static void add_bytes(struct line *l, const uint8_t *p, size_t n)
{
	add(l, "\"");
	for (size_t i = 0; i < n && i < SHOWN; i++)
		if (p[i] == '\n')
			add(l, "\\n");
		else if (p[i] == '"' || p[i] == '\\')
			add(l, "\\%c", p[i]);
		else if (p[i] >= ' ' && p[i] < 0x7f)
			add(l, "%c", p[i]);
		else
			add(l, "\\x%02x", p[i]);
	add(l, n > SHOWN ? "\"..." : "\"");
}

static void add_iov(struct line *l, const struct wasi_call *c, bool data)
{
	uint8_t shown[SHOWN + 1];
	size_t total = 0, n = 0;

	/* A function may have cut the vector to one short buffer. */
	for (int i = 0; i < c->niov; i++) {
		const struct iovec *v = &c->iov_buf[i];
		size_t k = MIN(v->iov_len, sizeof(shown) - n);

		if (data)
			memcpy(shown + n, v->iov_base, k);
		n += k;
		total += v->iov_len;
	}
	if (data)
		add_bytes(l, shown, n);
	add(l, "(%zu)", total);
}

static void add_result(struct line *l, const uint8_t *p, char letter)
{
	switch (letter) {
	case '2': add(l, "%u", ld_le16(p)); break;
	case '4': add(l, "%u", ld_le32(p)); break;
	case '8': add(l, "%" PRIu64, ld_le64(p)); break;
	case 'p': add(l, "{dir, %u}", ld_le32(p + 4)); break;
	case 'T':
		add(l, "{type=%u, flags=", p[0]);
		add_flags(l, ld_le16(p + 2), fd_names, ARRAY_LEN(fd_names));
		add(l, ", base=");
		add_rights(l, ld_le64(p + 8));
		add(l, ", inheriting=");
		add_rights(l, ld_le64(p + 16));
		add(l, "}");
		break;
	default:
		add(l, "{ino=%" PRIu64 ", type=%u, ...}", ld_le64(p + 8), p[16]);
	}
}

/* One parameter; returns how many of the call's arguments it was. */
static unsigned add_param(struct line *l, const struct wasi_call *c, char letter, unsigned i,
			  const union wasm_val *v, unsigned *npaths, bool ok)
{
	const char *path;

	if (add_named(l, letter, v, c->old))
		return 1;
	switch (letter) {
	case 'f': case 'D': case 'k': case 'n':
		add(l, "%d", v->i32);
		return 1;
	case 'w':
		add(l, "%#x", (uint32_t)v->i32);
		return 1;
	case 'q':
		add(l, "%#" PRIx64, (uint64_t)v->i64);
		return 1;
	case 'd':
		add(l, "%" PRId64, v->i64);
		return 1;
	case 'a':
		add(l, "@%#x", (uint32_t)v->i32);
		return 1;
	case 'P':
		path = c->path[(*npaths)++];
		if (path)
			add_bytes(l, (const uint8_t *)path, strlen(path));
		else
			add(l, "@%#x+%u", (uint32_t)v[0].i32, (uint32_t)v[1].i32);
		return 2;
	case 'R': case 'W':
		if (c->iov)
			add_iov(l, c, letter == 'W');
		else
			add(l, "@%#x*%u", (uint32_t)v[0].i32, (uint32_t)v[1].i32);
		return 2;
	case 'B':
		add(l, "@%#x+%u", (uint32_t)v[0].i32, (uint32_t)v[1].i32);
		return 2;
	default:
		if (ok && c->arg[i].p)
			add_result(l, c->arg[i].p, letter);
		else
			add(l, "@%#x", (uint32_t)v->i32);
		return 1;
	}
}

void wasi__trace(const struct wasi_call *c, const struct wasi_row *row,
		 const union wasm_val *args, int result)
{
	const char *name = row->names;
	struct line l = { .n = 0 };
	unsigned npaths = 0;

	add(&l, "%s(", row->name);
	for (unsigned i = 0; row->params[i]; i++) {
		int n = (int)strcspn(name, " ");

		add(&l, "%s%.*s=", i ? ", " : "", n, name);
		name += n + (name[n] == ' ');
		args += add_param(&l, c, row->params[i], i, args, &npaths, !result);
	}
	if (c->trap)
		log_trace(WASI, "%s) ends", l.s);
	else
		log_trace(WASI, "%s) = %s", l.s, wasi__errno_name(wasi__errno(result)));
}
