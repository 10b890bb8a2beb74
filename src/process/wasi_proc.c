/* SPDX-License-Identifier: Apache-2.0 */
/* The program itself: arguments, environment, random numbers, exit. */
#include "process/wasi_int.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/bits.h"

static int strings_get(struct wasi_call *c, const struct wasi_strings *s)
{
	uint32_t at = c->arg[1].w, used = 0;
	uint8_t *list = wasi__mem(c, c->arg[0].w, (uint64_t)s->count * 4);
	uint8_t *bytes = wasi__mem(c, at, s->size);

	if (!list || !bytes)
		return WASI_EFAULT;
	for (uint32_t i = 0; i < s->count; i++) {
		st_le32(list + 4 * i, at + used);
		used += (uint32_t)strlen(s->bytes + used) + 1;
	}
	memcpy(bytes, s->bytes, s->size);
	return 0;
}

static int sizes_get(struct wasi_call *c, const struct wasi_strings *s)
{
	st_le32(c->arg[0].p, s->count);
	st_le32(c->arg[1].p, s->size);
	return 0;
}

int wasi__args_get(struct wasi_call *c) { return strings_get(c, &c->w->args); }
int wasi__args_sizes_get(struct wasi_call *c) { return sizes_get(c, &c->w->args); }
int wasi__environ_get(struct wasi_call *c) { return strings_get(c, &c->w->env); }
int wasi__environ_sizes_get(struct wasi_call *c) { return sizes_get(c, &c->w->env); }

int wasi__random_get(struct wasi_call *c)
{
	enum { SLICE = 1 << 20 };       /* 4 GiB take too long to be one step */
	struct entropy *s = &c->w->entropy;
	uint8_t *p = c->arg[0].p;

	for (uint32_t left = c->len, n; left && !atomic_load(&c->w->stop); left -= n, p += n) {
		n = MIN(left, (uint32_t)SLICE);
		if (s->seeded)
			lock_take(&c->w->lock);
		entropy_fill(s, p, n);
		if (s->seeded)
			lock_drop(&c->w->lock);
	}
	return 0;
}

int wasi__sched_yield(struct wasi_call *c)
{
	if (!c->w->deterministic)
		sched_yield();
	return 0;
}

int wasi__proc_exit(struct wasi_call *c)
{
	c->trap = wasm_store_exit(c->store, c->arg[0].w);
	return 0;
}

/* There are no handlers, so a signal does what it does by default: most end the
 * program, with the status that a shell would show. */
int wasi__proc_raise(struct wasi_call *c)
{
	enum { CHLD = 16, CONT = 17, STOP = 18, TTOU = 21, URG = 22, WINCH = 27 };
	uint32_t sig = c->arg[0].w;
	static const uint8_t host[WASI_SIGNAL_MAX + 1] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20,
		21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
	};

	if (sig > WASI_SIGNAL_MAX)
		return WASI_EINVAL;
	if (!sig || sig == CHLD || sig == CONT || sig == URG || sig == WINCH)
		return 0;
	if (sig >= STOP && sig <= TTOU)
		return WASI_ENOTSUP;
	c->trap = wasm_store_exit(c->store, 128u + host[sig]);
	return 0;
}
