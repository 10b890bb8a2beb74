/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of WASI, as fields of the caller's section:
 *
 *   u8 virtual; u64 now; u64 wall_offset; u64 start_wall; u64 fuel; entropy
 *   u64 next_ino; u32 n; n * { u64 host, guest }
 *   u32 shares; shares * state of the file service
 *   u32 n; n * { u32 fd; u8 kind, type; u16 flags; u64 base, inheriting;
 *                u32 share, source; u64 node, handle; u8 access, at_end, preopen;
 *                u64 offset }
 *
 * Nodes and handles keep their numbers in the file service.  What an entry
 * says is checked as the guest's arguments are: a number that is not there
 * fails when it is used.
 */
#include "process/wasi_int.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"

/* Sockets that were accepted end with their process: they are left out. */
static bool is_saved(const struct wasi_file *f)
{
	return f && (f->kind < WASI_STREAM || f->source);
}

static void save_file(const struct wasi *w, struct ser_writer *o, uint32_t fd,
		      const struct wasi_file *f)
{
	ser_u32(o, fd);
	ser_u8(o, f->kind);
	ser_u8(o, f->type);
	ser_u16(o, f->flags);
	ser_u64(o, f->base);
	ser_u64(o, f->inheriting);
	ser_u32(o, f->share ? (uint32_t)(f->share - w->shares) : 0);
	ser_u32(o, f->source);
	ser_u64(o, f->node);
	ser_u64(o, f->handle);
	ser_u8(o, (uint8_t)f->access);
	ser_u8(o, f->at_end);
	ser_u8(o, f->preopen);
	ser_u64(o, f->offset);
}

static void save_inos(const struct wasi *w, struct ser_writer *o)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->inos_cap; i++)
		n += w->inos[i].guest != 0;
	ser_u64(o, w->next_ino);
	ser_u32(o, n);
	for (uint32_t i = 0; i < w->inos_cap; i++)
		if (w->inos[i].guest) {
			ser_u64(o, w->inos[i].host);
			ser_u64(o, w->inos[i].guest);
		}
}

void wasi_save(struct wasi *w, struct ser_writer *o)
{
	uint32_t n = 0;

	ser_u8(o, w->clock->is_virtual);
	ser_u64(o, clock_now(w->clock));
	ser_u64(o, (uint64_t)atomic_load(&w->clock->wall_offset));
	ser_u64(o, w->start_wall);
	ser_u64(o, w->last_fuel);
	entropy_save(&w->entropy, o);
	save_inos(w, o);
	ser_u32(o, w->nshares);
	for (uint32_t i = 0; i < w->nshares; i++)
		host_fs_save(w->shares[i].fs, o);
	for (uint32_t i = 0; i < w->nfiles; i++)
		n += is_saved(w->files[i]);
	ser_u32(o, n);
	for (uint32_t i = 0; i < w->nfiles; i++)
		if (is_saved(w->files[i]))
			save_file(w, o, i, w->files[i]);
}

static struct wasi_file *load_file(struct wasi *w, struct ser_reader *r)
{
	uint8_t kind = ser_get_u8(r), type = ser_get_u8(r);
	uint16_t flags = ser_get_u16(r) & WASI_FDFLAGS;
	uint64_t base = ser_get_u64(r), inheriting = ser_get_u64(r);
	uint32_t share = ser_get_u32(r), source = ser_get_u32(r);
	uint64_t node = ser_get_u64(r), handle = ser_get_u64(r);
	uint8_t access = ser_get_u8(r), at_end = ser_get_u8(r), preopen = ser_get_u8(r);
	uint64_t offset = ser_get_u64(r);
	struct wasi_file *f = NULL;

	ser_check(r, kind <= WASI_CHAN, "kind of descriptor");
	ser_check(r, kind >= WASI_STREAM ? source && source <= w->nsources :
					   share < w->nshares && node, "descriptor");
	ser_check(r, offset <= INT64_MAX, "position");
	if (r->err.code)
		return NULL;
	if (kind >= WASI_STREAM) {
		if (wasi__source_open(w, source - 1, &f)) {
			ser_check(r, false, "stream that is closed here");
			return NULL;
		}
		f->base &= base;
		f->inheriting &= inheriting;
		f->flags = (f->flags & ~WASI_NONBLOCK) | (flags & WASI_NONBLOCK);
		return f;
	}
	f = wasi__file_new(kind, type, base & (kind == WASI_DIR ? WASI_RIGHTS_DIR :
							WASI_RIGHTS_FILE), inheriting);
	if (!f) {
		ser_check(r, false, "out of memory");
		return NULL;
	}
	f->share = &w->shares[share];
	f->node = node;
	f->handle = handle;
	f->access = access & (HOST_FS_READ | HOST_FS_WRITE);
	f->flags = flags;
	f->at_end = at_end;
	f->preopen = preopen && node == HOST_FS_ROOT;
	f->offset = offset;
	return f;
}

static void load_files(struct wasi *w, struct ser_reader *r)
{
	uint32_t n = ser_get_u32(r), fd, got, last = 0;
	struct wasi_file *f;

	for (uint32_t i = 0; i < n && !r->err.code; i++) {
		fd = ser_get_u32(r);
		if (!ser_check(r, fd < w->max_files && (!i || fd > last), "descriptor's number"))
			return;
		last = fd;
		f = load_file(w, r);
		if (!f)
			return;
		w->lowest = fd; /* nothing is open there or above */
		if (wasi__file_add(w, f, &got))
			ser_check(r, false, "out of memory");
	}
	w->lowest = 0;
}

static void load_inos(struct wasi *w, struct ser_reader *r)
{
	uint64_t next = ser_get_u64(r);
	uint32_t n = ser_get_u32(r);

	for (uint32_t i = 0; i < n && !r->err.code; i++) {
		uint64_t host = ser_get_u64(r), guest = ser_get_u64(r);

		if (!ser_check(r, host >> 63 && guest, "inode number"))
			return;
		wasi__ino_restore(w, host, guest);
	}
	w->next_ino = next;
}

void wasi_load(struct wasi *w, struct ser_reader *r)
{
	uint64_t now, wall;

	wasi__files_close(w);
	ser_check(r, ser_get_u8(r) == w->clock->is_virtual, "virtual or real clock");
	now = ser_get_u64(r);
	wall = ser_get_u64(r);
	w->start_wall = ser_get_u64(r);
	w->last_fuel = ser_get_u64(r);
	entropy_load(&w->entropy, r);
	load_inos(w, r);
	ser_check(r, ser_get_u32(r) == w->nshares, "number of folders");
	for (uint32_t i = 0; i < w->nshares && !r->err.code; i++)
		host_fs_load(w->shares[i].fs, r);
	load_files(w, r);
	if (r->err.code)
		return;
	if (w->clock->is_virtual) {
		clock_set(w->clock, now);
		atomic_store(&w->clock->wall_offset, (int64_t)wall);
	} else {
		clock_resume(w->clock, now);
	}
}
