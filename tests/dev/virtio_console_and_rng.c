/* SPDX-License-Identifier: Apache-2.0 */
/* The console on a channel that may stall, and the entropy device. */
#include <errno.h>

#include "host/entropy.h"
#include "virtio_driver.h"

enum { RX = 0, TX = 1, BUF = 4096 };

/* A channel whose reader the test controls: it takes `room` bytes. */
struct pipe {
	struct chan chan;
	size_t room, taken, in_len, in_pos;
	bool gone, want_in, want_out, destroyed;
	unsigned writes;
	uint8_t sum;
	char last[256];
	const char *in;
};
static ssize_t pipe_write(struct chan *c, const void *buf, size_t n)
{
	struct pipe *p = container_of(c, struct pipe, chan);

	p->writes++;
	if (p->gone)
		return -EPIPE;
	n = MIN(n, p->room);
	for (size_t i = 0; i < n; i++) {
		p->sum = p->sum * 31 + ((const uint8_t *)buf)[i];
		p->last[(p->taken + i) % 256] = ((const char *)buf)[i];
	}
	p->room -= n;
	p->taken += n;
	return n;
}
static ssize_t pipe_read(struct chan *c, void *buf, size_t n)
{
	struct pipe *p = container_of(c, struct pipe, chan);

	if (p->gone)
		return -EPIPE;
	n = MIN(n, p->in_len - p->in_pos);
	memcpy(buf, p->in + p->in_pos, n);
	p->in_pos += n;
	return n;
}
static void pipe_want(struct chan *c, bool in, bool out)
{
	struct pipe *p = container_of(c, struct pipe, chan);

	p->want_in = in;
	p->want_out = out;
}
static void pipe_destroy(struct chan *c)
{
	container_of(c, struct pipe, chan)->destroyed = true;
}
static const struct chan_ops pipe_ops = { pipe_read, pipe_write, pipe_want, pipe_destroy };

static struct fake f;
static struct drv d;
static struct pipe p;
static struct virtio *con;
static uint64_t mem;

static void begin(uint64_t features)
{
	struct err e;

	fake_init(&f);
	p = (struct pipe){ .chan.ops = &pipe_ops, .in = "" };
	con = virtio_console_create(&f.host, "console0", &p.chan, &e);
	CHECK(con);
	drv_attach(&d, &f, con, false, NULL);
	drv_start(&d, features, 2, 16);
	mem = heap(&d, 32 * BUF, 16);
}
static void end(void)
{
	fake_fini(&f);
	CHECK(p.destroyed);
}
static void ready(void)
{
	p.chan.ready(p.chan.ready_arg, p.want_in, p.want_out);
}
static int out(uint64_t a, uint32_t len)
{
	struct buf b = { a, len };
	int id = ring_add(&d, TX, &b, 1, 1, false);

	if (id >= 0)
		ring_kick(&d, TX);
	return id;
}

static void output_arrives(void)
{
	struct buf b[2] = { { 0, 7 }, { 0, 6 } };
	uint32_t len;

	begin(0);
	p.room = 1000;
	b[0].a = mem;
	b[1].a = mem + 100;
	memcpy(ram(&d, mem, 7), "Hello, ", 7);
	memcpy(ram(&d, mem + 100, 6), "world\n", 6);
	CHECK(ring_add(&d, TX, b, 2, 2, false) >= 0);
	ring_kick(&d, TX);
	CHECK(ring_get(&d, TX, &len) >= 0);
	CHECK_EQ(len, 0);
	CHECK_STR(p.last, "Hello, world\n");
	end();
}

static void input_waits_for_a_buffer(void)
{
	struct buf b;
	uint32_t len;

	begin(0);
	p.in = "abcdefgh";
	p.in_len = 8;
	CHECK(!p.want_in); /* without buffers nobody listens */
	for (unsigned i = 0; i < 3; i++) {
		b = (struct buf){ mem + 16 * i, i ? 16 : 5 };
		ring_add(&d, RX, &b, 0, 1, false);
	}
	ring_kick(&d, RX);
	CHECK(ring_get(&d, RX, &len) >= 0);
	CHECK_EQ(len, 5);
	CHECK(ring_get(&d, RX, &len) >= 0);
	CHECK_EQ(len, 3);
	CHECK(!memcmp(ram(&d, mem, 5), "abcde", 5) && !memcmp(ram(&d, mem + 16, 3), "fgh", 3));
	CHECK(ring_get(&d, RX, &len) < 0);
	CHECK(p.want_in); /* a buffer is left */
	p.in = "x";
	p.in_len = 1;
	p.in_pos = 0;
	ready();
	CHECK(ring_get(&d, RX, &len) >= 0);
	CHECK_EQ(len, 1);
	CHECK(interrupted(&d, RX));
	/* The end of input is not a busy loop. */
	b = (struct buf){ mem, 16 };
	ring_add(&d, RX, &b, 0, 1, false);
	p.gone = true;
	ring_kick(&d, RX);
	CHECK(!p.want_in);
	CHECK(ring_get(&d, RX, &len) < 0);
	end();
}

/* A guest that prints for ever, and nobody reads. */
static void a_flood_waits_for_its_reader(void)
{
	uint32_t len;
	unsigned queued = 0, writes;
	uint8_t sum = 0;

	begin(VIRTIO_F_EVENT_IDX);
	for (unsigned i = 0; i < 16 * BUF; i++)
		*(uint8_t *)ram(&d, mem + i, 1) = i * 7 + i / 256;
	while (out(mem + queued * BUF, BUF) >= 0)
		queued++;
	CHECK_EQ(queued, 16);
	CHECK(!ring_has_used(&d, TX));
	CHECK(p.want_out);
	writes = p.writes;
	for (unsigned i = 0; i < 100; i++)
		notify(&d, TX); /* impatient; costs a try each */
	CHECK(p.writes - writes <= 100);
	/* It drains by a few bytes at a time, in order, each chain once. */
	for (unsigned got = 0; got < queued;) {
		CHECK(p.want_out);
		p.room = 1000;
		ready();
		while (ring_get(&d, TX, &len) >= 0)
			got++;
		CHECK_EQ(got, p.taken / BUF);
	}
	for (unsigned i = 0; i < 16 * BUF; i++)
		sum = sum * 31 + (uint8_t)(i * 7 + i / 256);
	CHECK_EQ(p.sum, sum);
	CHECK(!p.want_out);
	end();
}

/* One chain of 15 MiB: the lock is given back in between. */
static void a_huge_write_is_done_in_pieces(void)
{
	struct buf b[15];
	unsigned steps = 0;
	uint32_t len;

	begin(VIRTIO_F_INDIRECT_DESC);
	p.room = ~0ull;
	for (unsigned i = 0; i < 15; i++)
		b[i] = (struct buf){ FAKE_RAM, FAKE_RAM_SIZE };
	CHECK(ring_add(&d, TX, b, 15, 15, true) >= 0);
	ring_kick(&d, TX);
	CHECK(p.taken < FAKE_RAM_SIZE);
	while (loop_step(f.host.loop, 0))
		steps++;
	CHECK(steps > 10);
	CHECK_EQ(p.taken, 15 * FAKE_RAM_SIZE);
	CHECK(ring_get(&d, TX, &len) >= 0);
	end();
}

static void output_to_nobody_is_dropped(void)
{
	uint32_t len;

	begin(0);
	p.gone = true;
	for (unsigned i = 0; i < 100; i++) {
		CHECK(out(mem, BUF) >= 0);
		CHECK(ring_get(&d, TX, &len) >= 0);
	}
	end();
}

static void a_stalled_chain_is_saved_half_done(void)
{
	struct ser_writer w;
	struct ser_reader r;
	struct ring ring;
	uint32_t len;
	uint8_t sum = 0;

	begin(0);
	for (unsigned i = 0; i < BUF; i++)
		*(uint8_t *)ram(&d, mem + i, 1) = i * 3;
	p.room = 1234;
	out(mem, BUF);
	sum = p.sum;
	ring = d.ring[TX];
	ser_writer_init(&w);
	mem_save(f.host.mem, &w);
	vm_host_save(&f.host, &w);
	end();
	begin(0);
	ser_reader_init(&r, w.buf, w.len);
	mem_load(f.host.mem, &r);
	vm_host_load(&f.host, &r);
	CHECK_EQ(ser_error(&r, NULL), 0);
	ser_writer_fini(&w);
	d.ring[TX] = ring;
	CHECK(p.want_out);
	p.room = ~0ull;
	p.sum = sum;
	ready();
	CHECK_EQ(p.taken, BUF - 1234);
	sum = 0;
	for (unsigned i = 0; i < BUF; i++)
		sum = sum * 31 + (uint8_t)(i * 3);
	CHECK_EQ(p.sum, sum);
	CHECK(ring_get(&d, TX, &len) >= 0);
	end();
}

/* A reset forgets how far a chain was. */
static void reset_with_a_stalled_chain(void)
{
	begin(0);
	p.room = 100;
	out(mem, BUF);
	CHECK(p.want_out);
	set_reg(&d, R_STATUS, 0);
	CHECK(!p.want_out && !p.want_in);
	drv_start(&d, 0, 2, 16);
	p.room = ~0ull;
	p.taken = 0;
	out(mem, 200);
	CHECK_EQ(p.taken, 200);
	end();
}

/* A stopped queue (4.2.2.2) is as good as reset: its chain is forgotten, and a
 * channel that is ready makes no busy loop. */
static void a_queue_stopped_with_a_stalled_chain(void)
{
	struct buf b;

	begin(0);
	b = (struct buf){ mem, 16 };
	ring_add(&d, RX, &b, 0, 1, false);
	ring_kick(&d, RX);
	p.room = 100;
	out(mem, BUF);
	CHECK(p.want_in && p.want_out);
	for (unsigned q = 0; q < 2; q++) {
		set_reg(&d, R_QUEUE_SEL, q);
		set_reg(&d, R_QUEUE_ENABLE, 0);
	}
	CHECK(!p.want_in && !p.want_out);
	ring_init(&d, TX, 16);
	drv_queue_regs(&d, TX);
	p.room = ~0ull;
	p.taken = 0;
	out(mem, 200);
	CHECK_EQ(p.taken, 200);
	end();
}

/* A snapshot may ask for events of a queue that is not there. */
static void events_without_a_queue_stop(void)
{
	struct ser_writer w;
	struct ser_reader r;

	begin(0);
	set_reg(&d, R_STATUS, 0);
	ser_writer_init(&w);
	con->dev.ops->save(&con->dev, &w);
	w.buf[w.len - 1] = w.buf[w.len - 2] = 1; /* want_out, want_in */
	ser_reader_init(&r, w.buf, w.len);
	con->dev.ops->load(&con->dev, &r);
	CHECK_EQ(ser_error(&r, NULL), 0);
	ser_writer_fini(&w);
	if (p.want_in || p.want_out)
		ready();
	CHECK(!p.want_in && !p.want_out);
	end();
}

/* A hostile driver shortens the chain that was half written. */
static void a_shortened_chain_is_done(void)
{
	uint32_t len;
	int id;

	begin(0);
	p.room = 1000;
	id = out(mem, BUF);
	put_desc(&d, d.ring[TX].area[0] + 16 * id, mem, 10, 0, 0);
	p.room = 1000;
	ready();
	CHECK_EQ(p.taken, 1000);
	CHECK(ring_get(&d, TX, &len) >= 0);
	CHECK(!broken(&d));
	end();
}

static void size_changes_are_told(void)
{
	begin(1);
	CHECK_EQ(config(&d, 0, 2), 80);
	CHECK_EQ(config(&d, 2, 2), 25);
	interrupted(&d, -1);
	virtio_console_resize(con, 132, 43);
	CHECK(interrupted(&d, -1));
	CHECK_EQ(config(&d, 0, 2), 132);
	CHECK_EQ(config(&d, 2, 2), 43);
	virtio_console_resize(con, 132, 43);
	CHECK(!interrupted(&d, -1));
	put(&d, d.config, 4, ~0u); /* read-only */
	CHECK_EQ(config(&d, 0, 2), 132);
	p.room = 10;
	put(&d, d.config + 8, 4, '!'); /* emergency write */
	CHECK_EQ(p.taken, 1);
	CHECK_EQ(p.last[0], '!');
	end();
}

/* ---- rng ------------------------------------------------------------------- */

static void rng_fills_buffers(void)
{
	struct entropy s, same;
	uint8_t want[4096];
	struct virtio *v;
	struct buf b[2];
	uint32_t len;

	fake_init(&f);
	entropy_init_seed(&s, 42);
	entropy_init_seed(&same, 42);
	v = virtio_rng_create(&f.host, "rng0", &s, NULL);
	CHECK(v);
	drv_attach(&d, &f, v, false, NULL);
	drv_start(&d, 0, 1, 8);
	b[0] = (struct buf){ heap(&d, 64, 16), 10 };
	b[1] = (struct buf){ heap(&d, 65536, 16), 65536 };
	ring_add(&d, 0, b, 0, 1, false);
	ring_kick(&d, 0);
	CHECK(ring_get(&d, 0, &len) >= 0);
	CHECK_EQ(len, 10);
	entropy_fill(&same, want, 10);
	CHECK(!memcmp(ram(&d, b[0].a, 10), want, 10));
	ring_add(&d, 0, b + 1, 0, 1, false);
	ring_kick(&d, 0);
	CHECK(ring_get(&d, 0, &len) >= 0);
	CHECK_EQ(len, 4096); /* bounded */
	entropy_fill(&same, want, 4096);
	CHECK(!memcmp(ram(&d, b[1].a, 4096), want, 4096));
	ring_add(&d, 0, b, 1, 1, false); /* nothing writable */
	ring_kick(&d, 0);
	CHECK(ring_get(&d, 0, &len) >= 0);
	CHECK_EQ(len, 0);
	CHECK(!broken(&d));
	fake_fini(&f);
}

#define T(name) { #name, name }
TEST_MAIN(T(output_arrives), T(input_waits_for_a_buffer), T(a_flood_waits_for_its_reader),
	  T(a_huge_write_is_done_in_pieces), T(output_to_nobody_is_dropped),
	  T(a_stalled_chain_is_saved_half_done), T(reset_with_a_stalled_chain),
	  T(a_queue_stopped_with_a_stalled_chain), T(events_without_a_queue_stop),
	  T(a_shortened_chain_is_done), T(size_changes_are_told), T(rng_fills_buffers))
