/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time and inode numbers as the program sees them.
 *
 * A virtual clock moves by one nanosecond for each instruction (where the store
 * counts them), by a microsecond for each look at it, so that a program that
 * waits for time to pass ends, and to where poll_oneoff sleeps to.
 */
#include "process/wasi_int.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/bits.h"

enum { NS = 1000000000, LOOK_NS = 1000 };

static void move_on(struct wasi *w, struct wasm_store *s)
{
	uint64_t fuel = wasm_store_fuel(s), spent;

	lock_take(&w->lock);
	spent = w->last_fuel > fuel ? w->last_fuel - fuel : 0;
	w->last_fuel = fuel;
	clock_set(w->clock, clock_now(w->clock) + spent + LOOK_NS);
	lock_drop(&w->lock);
}

uint64_t wasi__now(struct wasi *w, struct wasm_store *s)
{
	if (w->clock->is_virtual)
		move_on(w, s);
	return clock_now(w->clock);
}

uint64_t wasi__wall(struct wasi *w, struct wasm_store *s)
{
	return wasi__now(w, s) + (uint64_t)atomic_load(&w->clock->wall_offset);
}

static uint64_t host_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

int wasi__clock(struct wasi *w, struct wasm_store *s, uint32_t id, uint64_t *ns)
{
	if (id >= WASI_CLOCKS)
		return WASI_EINVAL;
	if (id == WASI_CLOCK_REALTIME) {
		/* The host's clock may be set while the program runs. */
		*ns = w->clock == &w->own_clock && !w->clock->is_virtual ?
		      host_ns(CLOCK_REALTIME) : wasi__wall(w, s);
	} else if (id == WASI_CLOCK_MONOTONIC || w->clock->is_virtual) {
		*ns = wasi__now(w, s);
	} else {
		*ns = host_ns(id == WASI_CLOCK_PROCESS ? CLOCK_PROCESS_CPUTIME_ID :
							 CLOCK_THREAD_CPUTIME_ID);
	}
	return 0;
}

int wasi__clock_time_get(struct wasi_call *c)
{
	uint64_t ns = 0;
	int r = wasi__clock(c->w, c->store, c->arg[0].w, &ns);

	if (!r)
		st_le64(c->arg[2].p, ns);
	return r;
}

int wasi__clock_res_get(struct wasi_call *c)
{
	static const clockid_t of_host[WASI_CLOCKS] = {
		CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID,
	};
	uint32_t id = c->arg[0].w;
	struct timespec t = { 0, LOOK_NS };

	if (id >= WASI_CLOCKS)
		return WASI_EINVAL;
	if (!c->w->clock->is_virtual && clock_getres(of_host[id], &t))
		return -errno;
	st_le64(c->arg[1].p, (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec);
	return 0;
}

/* ---- inode numbers -------------------------------------------------------------- */

enum { INOS_MAX = 1 << 22, FIRST_INO = 16 };

static uint64_t ino_key(const struct wasi *w, const struct wasi_share *share, uint64_t host)
{
	/* Not 0, which is an empty place; shares apart. */
	return (host ^ (uint64_t)(share - w->shares + 1) << 56) | 1ull << 63;
}

static struct wasi_ino *ino_find(const struct wasi *w, uint64_t key)
{
	uint32_t i = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (w->inos_cap - 1);

	while (w->inos[i].host && w->inos[i].host != key)
		i = (i + 1) & (w->inos_cap - 1);
	return &w->inos[i];
}

static bool inos_grow(struct wasi *w)
{
	uint32_t cap = w->inos_cap, used = w->inos_used;
	struct wasi_ino *old = w->inos;

	if (used < cap / 2)
		return true;
	if (cap >= INOS_MAX)
		return false;
	w->inos = base_calloc(cap ? cap * 2 : 256, sizeof(*w->inos));
	if (!w->inos) {
		w->inos = old;
		return false;
	}
	w->inos_cap = cap ? cap * 2 : 256;
	for (uint32_t i = 0; i < cap; i++)
		if (old[i].host)
			*ino_find(w, old[i].host) = old[i];
	base_free(old);
	return true;
}

uint64_t wasi__ino(struct wasi *w, const struct wasi_share *share, uint64_t host)
{
	uint64_t key = ino_key(w, share, host), ino = host;
	struct wasi_ino *p;

	if (!w->deterministic)
		return host;
	lock_take(&w->lock);
	if (inos_grow(w)) {
		p = ino_find(w, key);
		if (!p->host) {
			p->host = key;
			w->inos_used++;
		}
		if (!p->guest)
			p->guest = FIRST_INO + w->next_ino++;
		ino = p->guest;
	}
	lock_drop(&w->lock);
	return ino;
}

void wasi__ino_restore(struct wasi *w, uint64_t key, uint64_t guest)
{
	struct wasi_ino *p;

	if (!inos_grow(w))
		return;
	p = ino_find(w, key);
	w->inos_used += !p->host;
	*p = (struct wasi_ino){ key, guest };
}

/* The object is gone, and the host may give its number to another one. */
void wasi__ino_forget(struct wasi *w, const struct wasi_share *share,
		      const struct host_fs_attr *a)
{
	if (!w->deterministic)
		return;
	lock_take(&w->lock);
	if (w->inos_cap)
		ino_find(w, ino_key(w, share, a->ino))->guest = 0;
	lock_drop(&w->lock);
}
