/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio console (virtio 1.2, 5.3) with one port, size and emergency write,
 * over a byte channel.
 *
 * Output that the channel does not take stays in the guest's queue: the chain
 * is put back and continued when the channel is writable.  Input is read from
 * the channel only into a buffer that the guest has given.  So the device
 * buffers nothing, and never blocks: a stalled reader costs no host memory.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "dev/virtio/virtio.h"
#include "host/chan.h"

enum { CONSOLE_ID = 3, CONSOLE_QUEUE = 64, RX = 0, TX = 1 };
enum { CFG_COLS = 0, CFG_ROWS = 2, CFG_PORTS = 4, CFG_EMERG = 8, CFG_LEN = 12 };
/* Bytes moved for one notification at most; the loop does the rest. */
enum { CHUNK = 4096, QUANTUM = 64 * CHUNK };

#define CONSOLE_F_SIZE        (1ull << 0)
#define CONSOLE_F_EMERG_WRITE (1ull << 2)

struct console {
	struct virtio v;
	struct chan *chan;
	uint16_t cols, rows;
	uint64_t tx_done;       /* bytes of the first chain that were written */
	bool want_in, want_out;
	bool eof;               /* the host's input has ended */
};

static struct console *from_virtio(struct virtio *v)
{
	return container_of(v, struct console, v);
}

static void want(struct console *c, bool in, bool out)
{
	in &= !c->eof;
	if (in == c->want_in && out == c->want_out)
		return;
	c->want_in = in;
	c->want_out = out;
	chan_want(c->chan, in, out);
}

/* Write as much of the chain as *quantum and the channel allow.  True: it is
 * done; *stalled: the channel is full. */
static bool send_chain(struct console *c, struct virtq_chain *chain, size_t *quantum,
		       bool *stalled)
{
	uint8_t buf[CHUNK];

	while (c->tx_done < chain->out_len) {
		size_t n = virtq_read(chain, c->tx_done, buf, MIN(*quantum, sizeof(buf)));
		ssize_t put;

		if (!*quantum)
			return false;
		put = chan_write(c->chan, buf, n);
		if (put < 0)
			put = n; /* nobody is there: as a terminal that is switched off */
		*stalled = !put;
		if (*stalled)
			return false;
		c->tx_done += put;
		*quantum -= put;
	}
	return true;
}

static void transmit(struct console *c)
{
	struct virtq_chain *chain;
	size_t quantum = QUANTUM;
	bool stalled = false;

	while ((chain = virtq_pop(&c->v, TX))) {
		if (!send_chain(c, chain, &quantum, &stalled)) {
			virtq_unpop(&c->v, TX, chain);
			if (!stalled)
				virtio_again(&c->v, TX);
			break;
		}
		c->tx_done = 0;
		virtq_push(&c->v, TX, chain, 0);
	}
	want(c, c->want_in, stalled);
}

static void receive(struct console *c)
{
	struct virtq_chain *chain;
	uint8_t buf[CHUNK];
	bool buffers = false;

	while (!c->eof && (chain = virtq_pop(&c->v, RX))) {
		size_t n = MIN(chain->in_len, (uint64_t)sizeof(buf));
		ssize_t got = n ? chan_read(c->chan, buf, n) : 0;

		buffers = n && got == 0;
		if (got < 0 || buffers) {
			c->eof = got < 0;
			virtq_unpop(&c->v, RX, chain);
			break;
		}
		virtq_push(&c->v, RX, chain, virtq_write(chain, 0, buf, got));
	}
	want(c, buffers, c->want_out);
}

static void console_notify(struct virtio *v, unsigned q)
{
	if (q == TX)
		transmit(from_virtio(v));
	else
		receive(from_virtio(v));
}

static bool runs(const struct console *c, unsigned q)
{
	return virtio_running(&c->v) && virtq_enabled(&c->v, q);
}

static void console_ready(void *arg, bool in, bool out)
{
	struct console *c = arg;

	lock_take(c->v.host->io);
	if (in && c->want_in)
		virtio_poll(&c->v, RX);
	if (out && c->want_out)
		virtio_poll(&c->v, TX);
	/* A queue that does not run has no use for events, and they would come
	 * for ever; its driver's notification asks anew. */
	want(c, c->want_in && runs(c, RX), c->want_out && runs(c, TX));
	lock_drop(c->v.host->io);
}

static void console_reset(struct virtio *v)
{
	struct console *c = from_virtio(v);

	c->tx_done = 0;
	want(c, false, false);
}

static void console_queue_reset(struct virtio *v, unsigned q)
{
	struct console *c = from_virtio(v);

	if (q == TX)
		c->tx_done = 0;
	want(c, q == RX ? false : c->want_in, q == TX ? false : c->want_out);
}

static void put_size(struct console *c)
{
	st_le16(c->v.config + CFG_COLS, c->cols);
	st_le16(c->v.config + CFG_ROWS, c->rows);
	st_le32(c->v.config + CFG_PORTS, 1);
}

/* 5.3.4: emerg_wr works at any time, the rest is read-only. */
static void console_config_written(struct virtio *v, unsigned off, unsigned len)
{
	struct console *c = from_virtio(v);

	if (off <= CFG_EMERG && off + len > CFG_EMERG)
		chan_write(c->chan, v->config + CFG_EMERG, 1);
	st_le32(v->config + CFG_EMERG, 0);
	put_size(c);
}

static void console_save(struct virtio *v, struct ser_writer *w)
{
	struct console *c = from_virtio(v);

	ser_u16(w, c->cols);
	ser_u16(w, c->rows);
	ser_u64(w, c->tx_done);
	ser_u8(w, c->want_in);
	ser_u8(w, c->want_out);
}

static void console_load(struct virtio *v, struct ser_reader *r)
{
	struct console *c = from_virtio(v);
	bool in, out;

	c->cols = ser_get_u16(r);
	c->rows = ser_get_u16(r);
	c->tx_done = ser_get_u64(r); /* past the chain's end: nothing is left of it */
	in = ser_get_u8(r);
	out = ser_get_u8(r);
	put_size(c);
	if (!ser_error(r, NULL))
		want(c, in, out);
}

static void console_destroy(struct virtio *v)
{
	struct console *c = from_virtio(v);

	chan_destroy(c->chan);
	virtio_fini(v);
	base_free(c);
}

static const struct virtio_type console_type = {
	.name = "console", .id = CONSOLE_ID, .pci_class = 0x078000,
	.notify = console_notify, .reset = console_reset,
	.queue_reset = console_queue_reset, .config_written = console_config_written,
	.save = console_save, .load = console_load, .destroy = console_destroy,
};

void virtio_console_resize(struct virtio *v, uint16_t cols, uint16_t rows)
{
	struct console *c = from_virtio(v);

	lock_take(v->host->io);
	if (c->cols != cols || c->rows != rows) {
		c->cols = cols;
		c->rows = rows;
		put_size(c);
		virtio_config_changed(v);
	}
	lock_drop(v->host->io);
}

struct virtio *virtio_console_create(struct vm_host *h, const char *name, struct chan *chan,
				     struct err *e)
{
	static const uint16_t max[2] = { CONSOLE_QUEUE, CONSOLE_QUEUE };
	struct console *c = base_zalloc(sizeof(*c));

	if (!c) {
		err_set(e, ENOMEM, "%s: out of memory", name);
		return NULL;
	}
	if (virtio_init(&c->v, &console_type, h, name, CONSOLE_F_SIZE | CONSOLE_F_EMERG_WRITE,
			CFG_LEN, 2, max, e)) {
		base_free(c);
		return NULL;
	}
	c->chan = chan;
	c->cols = 80;
	c->rows = 25;
	put_size(c);
	chan->ready = console_ready;
	chan->ready_arg = c;
	return &c->v;
}
