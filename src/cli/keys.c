/* SPDX-License-Identifier: Apache-2.0 */
/* The escape key; see keys.h. */
#include "cli/keys.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/lock.h"
#include "cli/term.h"

enum { BUFFER_MAX = 1 << 20 }; /* a large paste; power of two */

struct keys {
	struct chan chan;
	struct chan *inner;
	struct loop *loop;
	keys_fn *fn;
	void *arg;
	bool escaped;           /* loop thread: the last key was the escape key */

	struct lock lock;       /* what follows: the device reads on any thread */
	uint8_t *buf;
	size_t head, count;
	bool ended;             /* end of input */
	bool want_in, want_out;
	bool told;              /* a notice is posted */
};

static const struct {
	char key;
	enum keys_action action;
} table[] = {
	{ 'h', KEYS_HELP }, { '?', KEYS_HELP }, { 'x', KEYS_QUIT }, { 'q', KEYS_QUIT },
	{ 'b', KEYS_BREAK }, { 'p', KEYS_PAUSE }, { 'r', KEYS_RESET },
};

const char *keys_help(void)
{
	return "Ctrl-] then:\r\n"
	       "  h    this help\r\n"
	       "  x    quit: the machine is switched off at once\r\n"
	       "  b    break: the next key is a Linux SysRq command\r\n"
	       "  p    pause, or go on\r\n"
	       "  r    reset\r\n"
	       "  Ctrl-] sends itself\r\n";
}

static enum keys_action action_of(uint8_t key)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].key == (key | 0x20) || table[i].key == key)
			return table[i].action;
	return KEYS_UNKNOWN;
}

static void put(struct keys *k, uint8_t c)
{
	lock_take(&k->lock);
	if (k->count < BUFFER_MAX)
		k->buf[(k->head + k->count++) & (BUFFER_MAX - 1)] = c;
	lock_drop(&k->lock);
}

static void one_key(struct keys *k, uint8_t c)
{
	if (!k->escaped && c == TERM_ESCAPE) {
		k->escaped = true;
		return;
	}
	if (!k->escaped || c == TERM_ESCAPE) {
		k->escaped = false;
		put(k, c);
		return;
	}
	k->escaped = false;
	k->fn(k->arg, action_of(c));
}

static void tell(struct keys *k, bool in, bool out)
{
	if ((in || out) && k->chan.ready)
		k->chan.ready(k->chan.ready_arg, in, out);
}

/* Loop thread: input or room at the terminal. */
static void inner_ready(void *arg, bool in, bool out)
{
	struct keys *k = arg;
	uint8_t buf[512];
	ssize_t n = 0;

	while (in && !k->ended && (n = chan_read(k->inner, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			one_key(k, buf[i]);
	lock_take(&k->lock);
	if (n < 0) {
		k->ended = true;
		chan_want(k->inner, false, k->want_out);
	}
	in = k->want_in && (k->count || k->ended);
	out = out && k->want_out;
	lock_drop(&k->lock);
	tell(k, in, out);
}

/* Loop thread: the device asked for input when some was there already. */
static void tell_later(void *arg)
{
	struct keys *k = arg;
	bool in;

	lock_take(&k->lock);
	k->told = false;
	in = k->want_in && (k->count || k->ended);
	lock_drop(&k->lock);
	tell(k, in, false);
}

static ssize_t keys_read(struct chan *c, void *buf, size_t n)
{
	struct keys *k = container_of(c, struct keys, chan);
	size_t got = 0;
	bool ended;

	lock_take(&k->lock);
	for (; got < n && k->count; k->count--) {
		((uint8_t *)buf)[got++] = k->buf[k->head];
		k->head = (k->head + 1) & (BUFFER_MAX - 1);
	}
	ended = k->ended;
	lock_drop(&k->lock);
	return got ? (ssize_t)got : n && ended ? -EPIPE : 0;
}

static ssize_t keys_write(struct chan *c, const void *buf, size_t n)
{
	return chan_write(container_of(c, struct keys, chan)->inner, buf, n);
}

static void keys_want(struct chan *c, bool in, bool out)
{
	struct keys *k = container_of(c, struct keys, chan);
	bool post;

	lock_take(&k->lock);
	k->want_in = in;
	k->want_out = out;
	post = in && (k->count || k->ended) && !k->told;
	k->told |= post;
	chan_want(k->inner, !k->ended, out);
	lock_drop(&k->lock);
	if (post && !loop_post(k->loop, tell_later, k)) {
		lock_take(&k->lock);
		k->told = false; /* out of memory: the next key tells */
		lock_drop(&k->lock);
	}
}

static void keys_destroy(struct chan *c)
{
	struct keys *k = container_of(c, struct keys, chan);

	chan_destroy(k->inner);
	lock_fini(&k->lock);
	base_free(k->buf);
	base_free(k);
}

static const struct chan_ops keys_ops = {
	.read = keys_read, .write = keys_write, .want = keys_want, .destroy = keys_destroy,
};

struct chan *keys_create(struct loop *l, struct chan *inner, keys_fn *fn, void *arg,
			 struct err *e)
{
	struct keys *k = base_zalloc(sizeof(*k));

	if (!k || !(k->buf = base_alloc(BUFFER_MAX))) {
		base_free(k);
		chan_destroy(inner);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	lock_init(&k->lock, LOCK_RANK_HOST);
	k->chan.ops = &keys_ops;
	k->inner = inner;
	k->loop = l;
	k->fn = fn;
	k->arg = arg;
	inner->ready = inner_ready;
	inner->ready_arg = k;
	chan_want(inner, true, false);
	return &k->chan;
}
