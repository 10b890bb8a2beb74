/* SPDX-License-Identifier: Apache-2.0 */
/* The network device: headers, offloads, merged buffers, filters, hostile
 * offload fields.  The link is the test itself. */
#include "dev/virtio/net_offload.h"
#include "host/net.h"
#include "virtio_driver.h"

enum { RX = 0, TX = 1, CTRL = 2, HDR = 12, FRAMES = 70 };
#define F_CSUM (1ull << 0)
#define F_GUEST_CSUM (1ull << 1)
#define F_TSO (3ull << 11)
#define F_MRG (1ull << 15)
#define F_CTRL (1ull << 17 | 1ull << 18 | 1ull << 20 | 1ull << 21 | 1ull << 23)

static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };

struct wire {
	struct net net;
	uint8_t *frame[FRAMES];
	size_t len[FRAMES];
	unsigned n, pokes;
	bool answer, destroyed;         /* each frame comes back from inside send */
};
static void wire_send(struct net *n, const void *frame, size_t len)
{
	struct wire *w = container_of(n, struct wire, net);

	if (w->n < FRAMES) {
		w->frame[w->n] = malloc(len); /* exact, for the sanitizer */
		memcpy(w->frame[w->n], frame, len);
		w->len[w->n] = len;
	}
	w->n++;
	if (w->answer && n->can_recv(n->arg))
		n->recv(n->arg, frame, len);
}
static void wire_destroy(struct net *n) { container_of(n, struct wire, net)->destroyed = true; }
static void wire_poke(struct net *n) { container_of(n, struct wire, net)->pokes++; }
static const struct net_ops wire_ops = { wire_send, wire_destroy };

static struct fake f;
static struct drv d;
static struct wire w;
static struct virtio *dev;
static uint64_t mem;

static void begin(uint64_t features)
{
	struct err e;

	fake_init(&f);
	memset(&w, 0, sizeof(w));
	w.net.ops = &wire_ops;
	w.net.poke = wire_poke;
	dev = virtio_net_create(&f.host, "net0", &w.net, mac, &e);
	CHECK(dev);
	drv_attach(&d, &f, dev, false, NULL);
	drv_start(&d, features, 3, 64);
	mem = heap(&d, 0x30000, 16);
}
static void clear(void)
{
	for (unsigned i = 0; i < MIN(w.n, (unsigned)FRAMES); i++)
		free(w.frame[i]);
	w.n = 0;
}
static void end(void)
{
	clear();
	fake_fini(&f);
	CHECK(w.destroyed);
}

/* Sends what is at mem: header, then a frame of len bytes. */
static void send(size_t len)
{
	struct buf b[2] = { { mem, HDR }, { mem + HDR, len } };
	uint32_t used;

	CHECK(ring_add(&d, TX, b, 2, 2, false) >= 0);
	ring_kick(&d, TX);
	run_loop(&d);
	CHECK(ring_get(&d, TX, &used) >= 0);
	CHECK(!broken(&d));
}
static uint8_t *header(uint8_t flags, uint8_t gso, uint16_t size, uint16_t start, uint16_t off)
{
	uint8_t *h = ram(&d, mem, 0x20000);

	memset(h, 0, HDR);
	h[0] = flags;
	h[1] = gso;
	st_le16(h + 4, size);
	st_le16(h + 6, start);
	st_le16(h + 8, off);
	return h + HDR;
}

static uint16_t ones(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += i & 1 ? p[i] : p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

/* A TCP or UDP frame over IPv4 or IPv6 with n bytes of payload; the checksum
 * field holds the pseudo header's sum.  Returns its length. */
struct shape {
	bool v6, udp;
	unsigned vlan, options;
};
static unsigned transport(const struct shape *s) { return 14 + s->vlan + (s->v6 ? 40 : 20); }
static unsigned pseudo(const struct shape *s, const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + 14 + s->vlan;

	return ones(ip + (s->v6 ? 8 : 12), s->v6 ? 32 : 8,
		    len - transport(s) + (s->udp ? 17 : 6));
}
static size_t build(uint8_t *p, const struct shape *s, size_t n)
{
	unsigned t = transport(s), thl = s->udp ? 8 : 20 + s->options;
	uint8_t *ip = p + 14 + s->vlan, *th = p + t;
	size_t len = t + thl + n;

	memset(p, 0x11, t + thl);
	memcpy(p, mac, 6);
	st_be16(p + 12, s->vlan ? 0x8100 : s->v6 ? 0x86dd : 0x0800);
	if (s->vlan)
		st_be16(p + 16, s->v6 ? 0x86dd : 0x0800);
	ip[0] = s->v6 ? 0x60 : 0x45;
	st_be16(ip + (s->v6 ? 4 : 2), s->v6 ? len - t : len - (ip - p));
	if (s->v6) {
		ip[6] = s->udp ? 17 : 6;
	} else {
		ip[9] = s->udp ? 17 : 6;
		st_be16(ip + 4, 0xfffe); /* identification */
		st_be16(ip + 6, 0x4000);
		st_be16(ip + 10, 0);
		st_be16(ip + 10, ~ones(ip, 20, 0));
	}
	if (s->udp)
		st_be16(th + 4, len - t);
	else
		st_be32(th + 4, 0xfffffff0), th[12] = (thl / 4) << 4, th[13] = 0x99; /* CWR ACK PSH FIN */
	for (size_t i = 0; i < n; i++)
		th[thl + i] = i * 31 + i / 256;
	st_be16(th + (s->udp ? 6 : 16), pseudo(s, p, len));
	return len;
}
static bool transport_ok(const struct shape *s, const uint8_t *frame, size_t len)
{
	return ones(frame + transport(s), len - transport(s), pseudo(s, frame, len)) == 0xffff;
}

/* ---- transmit ------------------------------------------------------------------ */

static void frames_go_out_off_the_hart(void)
{
	struct buf b = { 0, HDR + 60 };

	begin(0);
	CHECK_EQ(config(&d, 0, 4), 0x01005452);
	CHECK_EQ(config(&d, 6, 2), 1);
	b.a = mem;
	build(header(0, 0, 0, 0, 0), &(struct shape){ .udp = true }, 18);
	ring_add(&d, TX, &b, 1, 1, false);
	ring_kick(&d, TX);
	CHECK_EQ(w.n, 0); /* only the loop sends */
	run_loop(&d);
	CHECK_EQ(w.n, 1);
	CHECK_EQ(w.len[0], 60);
	CHECK(!memcmp(w.frame[0], ram(&d, mem + HDR, 60), 60));
	end();
}

static void checksums_are_completed(void)
{
	begin(F_CSUM);
	for (unsigned i = 0; i < 8; i++)
		for (size_t n = 0; n < 40; n++) {
			struct shape s = { i & 1, i & 2, i & 4 ? 4 : 0, 0 };
			uint8_t *p = header(1, 0, 0, transport(&s), s.udp ? 6 : 16);
			size_t len = build(p, &s, n);

			send(len);
			CHECK_EQ(w.n, 1);
			CHECK(transport_ok(&s, w.frame[0], len));
			CHECK(virtio__net_verify(w.frame[0], len));
			w.frame[0][len - 1] ^= 1;
			CHECK(!virtio__net_verify(w.frame[0], len));
			clear();
		}
	end();
}

static void large_frames_are_segmented(void)
{
	static const size_t payload[] = { 0, 1, 1459, 1460, 1461, 2920, 20000, 65000 };

	begin(F_CSUM | F_TSO);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < ARRAY_LEN(payload); k++) {
			struct shape s = { i & 1, false, i & 2 ? 4 : 0, i & 2 ? 12 : 0 };
			uint8_t *p = header(1, s.v6 ? 4 : 1, 1460, transport(&s), 16);
			size_t len = build(p, &s, payload[k]), done = 0;
			unsigned head = transport(&s) + 20 + s.options;

			send(len);
			CHECK_EQ(w.n, payload[k] ? (payload[k] + 1459) / 1460 : 1);
			for (unsigned j = 0; j < w.n; j++) {
				uint8_t *q = w.frame[j], *ip = q + 14 + s.vlan, *tcp = q + transport(&s);
				size_t n = w.len[j] - head;

				CHECK(transport_ok(&s, q, w.len[j]));
				CHECK_EQ(ld_be32(tcp + 4), (uint32_t)(0xfffffff0 + done));
				CHECK_EQ(tcp[13], 0x10 | (j ? 0 : 0x80) | (j + 1 == w.n ? 9 : 0));
				CHECK(!memcmp(q + head, p + head + done, n));
				if (!s.v6) {
					CHECK_EQ(ones(ip, 20, 0), 0xffff);
					CHECK_EQ(ld_be16(ip + 4), (uint16_t)(0xfffe + j));
					CHECK_EQ(ld_be16(ip + 2), w.len[j] - 14 - s.vlan);
				}
				done += n;
			}
			CHECK_EQ(done, payload[k]);
			clear();
		}
	end();
}

/* A link that ends connections itself takes them whole, checksum complete. */
static void links_may_take_large_frames_whole(void)
{
	begin(F_CSUM | F_TSO);
	w.net.takes_large = true;
	for (unsigned i = 0; i < 2; i++) {
		struct shape s = { i, false, 0, 0 };
		size_t len = build(header(1, i ? 4 : 1, 1460, transport(&s), 16), &s, 30000);

		send(len);
		CHECK_EQ(w.n, 1);
		CHECK_EQ(w.len[0], len);
		CHECK(virtio__net_verify(w.frame[0], len));
		clear();
	}
	build(header(0, 1, 1460, 34, 16), &(struct shape){ 0 }, 3000);
	send(3000); /* without NEEDS_CSUM still refused */
	build(header(1, 1, 1460, 34, 0xffff), &(struct shape){ 0 }, 3000);
	send(3000);
	CHECK_EQ(w.n, 0);
	end();
}

/* Offload fields that make no sense cost the driver its frame, no more. */
static void hostile_offload_fields_drop_the_frame(void)
{
	static const struct {
		uint8_t flags, gso;
		uint16_t size, start, off;
		size_t len;
	} t[] = {
		{ 1, 0, 0, 60, 0, 60 }, { 1, 0, 0, 59, 0, 60 }, { 1, 0, 0, 0xffff, 0xffff, 60 },
		{ 1, 0, 0, 0, 59, 60 }, { 1, 0, 0, 34, 0xffff, 60 },
		{ 0, 1, 1460, 34, 16, 3000 },   /* GSO without checksum */
		{ 1, 1, 0, 34, 16, 3000 },      /* gso_size 0 */
		{ 1, 1, 1, 34, 16, 3000 },      /* one byte a frame */
		{ 1, 1, 1460, 33, 16, 3000 }, { 1, 1, 1460, 2999, 16, 3000 },
		{ 1, 1, 1460, 0xffff, 16, 3000 }, { 1, 1, 1460, 0, 0, 3000 },
		{ 1, 1, 1460, 34, 16, 53 },     /* header beyond the packet */
		{ 1, 3, 1460, 34, 16, 3000 }, { 1, 5, 1460, 34, 16, 3000 }, /* not offered */
		{ 1, 0x7f, 1460, 34, 16, 3000 }, { 0, 0, 0, 0, 0, 13 }, { 0, 0, 0, 0, 0, 0 },
		{ 0, 0, 0, 0, 0, 70000 }, { 1, 1, 1460, 34, 16, 70000 },
	};
	struct shape s = { 0 };

	begin(F_CSUM | F_TSO);
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		build(header(t[i].flags, t[i].gso, t[i].size, t[i].start, t[i].off), &s, 3000);
		send(t[i].len);
		CHECK_EQ(w.n, 0);
	}
	/* TCP data offset beyond the packet, and below its minimum. */
	for (unsigned i = 0; i < 16; i++) {
		uint8_t *p = header(1, 1, 1460, 34, 16);

		build(p, &s, 3000);
		p[34 + 12] = i << 4;
		send(i < 5 ? 3054 : 34 + 20);
		CHECK_EQ(w.n, i == 5);
		clear();
	}
	end();
}

/* 64 KiB in segments of 8 bytes, again and again: the loop turns in between. */
static void tiny_segments_do_not_keep_the_loop(void)
{
	struct shape s = { 0 };
	struct buf b = { mem, HDR };
	unsigned rounds = 0;

	begin(F_CSUM | F_TSO);
	b = (struct buf){ mem, HDR + build(header(1, 1, 8, 34, 16), &s, 60000) };
	for (unsigned i = 0; i < 10; i++)
		CHECK(ring_add(&d, TX, &b, 1, 1, false) >= 0);
	ring_kick(&d, TX);
	while (loop_step(f.host.loop, 0))
		rounds++;
	CHECK(rounds >= 10);
	CHECK_EQ(w.n, 10 * 60000 / 8);
	end();
}

/* Random frames and headers: nothing but dropped or sent frames. */
static void random_offloads_are_harmless(void)
{
	uint32_t x = 1;

	begin(F_CSUM | F_TSO);
	for (unsigned i = 0; i < 3000; i++) {
		struct shape s = { i & 1, i & 2, i & 4 ? 4 : 0, i & 8 ? 12 : 0 };
		uint8_t *p = header(1, s.v6 ? 4 : 1, 500 + (x >> 20) % 1000, transport(&s), 16);
		size_t len = build(p, &s, (x >> 10) % 4000);

		for (unsigned k = 0; k < 3; k++) {
			x = x * 1664525 + 1013904223;
			p[(int)((x >> 8) % (HDR + 80)) - HDR] = x >> 24;
		}
		send((x & 7) ? len : (x >> 8) % (len + 1));
		clear();
	}
	end();
}

/* ---- receive --------------------------------------------------------------------- */

static void give(unsigned n, uint32_t size)
{
	struct ring *r = &d.ring[RX];

	for (unsigned i = 0; i < n; i++) {
		struct buf b = { mem + r->free[r->nfree - 1] * size, size };

		CHECK(ring_add(&d, RX, &b, 0, 1, false) >= 0);
	}
	ring_kick(&d, RX);
	run_loop(&d);
}

static void frames_come_in(void)
{
	struct shape s = { .udp = true };
	uint8_t frame[200];
	size_t len = build(frame, &s, 50);
	uint32_t used;

	begin(F_GUEST_CSUM);
	CHECK(!w.net.can_recv(w.net.arg));
	w.net.recv(w.net.arg, frame, len); /* one waits for a buffer */
	w.net.recv(w.net.arg, frame, 20); /* another is dropped */
	CHECK_EQ(w.pokes, 0);
	give(2, 2048);
	CHECK_EQ(w.pokes, 1);
	CHECK(w.net.can_recv(w.net.arg));
	CHECK(interrupted(&d, RX));
	CHECK(ring_get(&d, RX, &used) >= 0);
	CHECK_EQ(used, HDR + len);
	CHECK(!memcmp(ram(&d, mem + HDR, len), frame, len));
	CHECK_EQ(*(uint8_t *)ram(&d, mem, 1), 0); /* this checksum is wrong ... */
	CHECK_EQ(ld16(&d, mem + 10), 1);
	CHECK(virtio__net_checksum(frame, len, 34, 6));
	w.net.recv(w.net.arg, frame, len);
	CHECK(ring_get(&d, RX, &used) >= 0);
	CHECK_EQ(*(uint8_t *)ram(&d, mem + 2048, 1), 2); /* ... and this right */
	CHECK(!w.net.can_recv(w.net.arg));
	/* Too long for the buffer, or absurd: dropped. */
	give(1, 30);
	w.net.recv(w.net.arg, frame, len);
	w.net.recv(w.net.arg, frame, 3);
	CHECK(ring_get(&d, RX, &used) < 0);
	CHECK(!broken(&d));
	end();
}

static void large_frames_use_several_buffers_at_once(void)
{
	static uint8_t frame[9000];
	uint32_t used, total = 0, n = 0;

	for (unsigned packed = 0; packed < 2; packed++) {
		total = n = 0;
		begin(F_MRG | (packed ? VIRTIO_F_RING_PACKED : 0));
		for (size_t i = 0; i < sizeof(frame); i++)
			frame[i] = i * 7;
		give(5, 2000);
		w.net.recv(w.net.arg, frame, sizeof(frame));
		CHECK_EQ(ld16(&d, mem + 10), 5);
		while (ring_get(&d, RX, &used) >= 0)
			total += used, n++;
		CHECK_EQ(n, 5);
		CHECK_EQ(total, HDR + sizeof(frame));
		CHECK(!memcmp(ram(&d, mem + HDR, sizeof(frame)), frame, sizeof(frame)));
		/* Not enough of them: none is used, and the frame waits. */
		give(4, 2000);
		w.net.recv(w.net.arg, frame, sizeof(frame));
		CHECK(ring_get(&d, RX, &used) < 0);
		CHECK(!w.net.can_recv(w.net.arg));
		w.net.recv(w.net.arg, frame, 3000);
		CHECK(ring_get(&d, RX, &used) < 0);
		give(1, 2000);
		for (n = 0; ring_get(&d, RX, &used) >= 0; n++)
			;
		CHECK_EQ(n, 5);
		CHECK_EQ(w.pokes, 0);
		give(1, 2000);
		CHECK_EQ(w.pokes, 1);
		end();
	}
}

/* ---- merging --------------------------------------------------------------------- */

struct feed {
	unsigned n;
	uint8_t *frame[200];
	size_t len[200];
};
static void keep(void *arg, const void *frame, size_t len)
{
	struct feed *f = arg;

	CHECK(f->n < 200);
	f->frame[f->n] = malloc(len);
	memcpy(f->frame[f->n], frame, len);
	f->len[f->n++] = len;
}
static void feed_free(struct feed *f)
{
	while (f->n)
		free(f->frame[--f->n]);
}

/* The frames that the driver gets, cut into segments again. */
static unsigned take_all(struct feed *got)
{
	static uint8_t frame[VIRTIO__NET_FRAME], out[VIRTIO__NET_FRAME];
	unsigned frames = 0;
	uint32_t used;
	int id;

	while ((id = ring_get(&d, RX, &used)) >= 0) {
		uint64_t at = ld_le64(ram(&d, d.ring[RX].area[0] + 16 * id, 8));
		uint8_t *hdr = ram(&d, at, HDR);
		unsigned more = ld_le16(hdr + 10);
		size_t len = used - HDR;

		memcpy(frame, hdr + HDR, len);
		while (--more) {
			id = ring_get(&d, RX, &used);
			CHECK(id >= 0); /* all at once */
			at = ld_le64(ram(&d, d.ring[RX].area[0] + 16 * id, 8));
			memcpy(frame + len, ram(&d, at, used), used);
			len += used;
		}
		frames++;
		if (!hdr[1]) {
			keep(got, frame, len);
			continue;
		}
		CHECK_EQ(hdr[0], 1);
		CHECK_EQ(ld_le16(hdr + 8), 16);
		CHECK(virtio__net_segment(frame, len, ld_le16(hdr + 6), ld_le16(hdr + 4), out,
					  keep, got));
		CHECK(virtio__net_checksum(frame, len, ld_le16(hdr + 6), 16));
		CHECK(virtio__net_verify(frame, len));
	}
	return frames;
}
static void check_same(struct feed *a, struct feed *b)
{
	CHECK_EQ(a->n, b->n);
	for (unsigned i = 0; i < a->n; i++) {
		CHECK_EQ(a->len[i], b->len[i]);
		CHECK(!memcmp(a->frame[i], b->frame[i], a->len[i]));
	}
	feed_free(a);
	feed_free(b);
}

static void bursts_of_segments_become_one_frame(void)
{
	static uint8_t frame[VIRTIO__NET_FRAME], out[VIRTIO__NET_FRAME];

	for (unsigned i = 0; i < 8; i++) {
		struct shape s = { i & 1, false, i & 2 ? 4 : 0, i & 4 ? 12 : 0 };
		struct feed sent = { 0 }, got = { 0 };
		size_t len = build(frame, &s, 40000);

		begin(F_MRG | F_GUEST_CSUM | 3 << 7);
		give(60, 2000);
		frame[transport(&s) + 13] = 0x18;
		CHECK(virtio__net_segment(frame, len, transport(&s), 1448, out, keep, &sent));
		for (unsigned k = 0; k < sent.n; k++)
			w.net.recv(w.net.arg, sent.frame[k], sent.len[k]);
		run_loop(&d);
		CHECK_EQ(take_all(&got), 1);
		check_same(&sent, &got);
		end();
	}
}

/* Streams with reordered, lost, damaged, foreign and short segments: what the
 * driver gets is always, segment for segment, what came in. */
static void merging_changes_nothing(void)
{
	static uint8_t frame[VIRTIO__NET_FRAME], out[VIRTIO__NET_FRAME];
	unsigned frames = 0, all = 0;
	uint32_t x = 7;

	begin(F_MRG | F_GUEST_CSUM | 3 << 7);
	for (unsigned round = 0; round < 1000; round++) {
		struct shape s = { x >> 20 & 1, false, 0, 0 };
		struct feed sent = { 0 }, in = { 0 }, got = { 0 };
		size_t len = build(frame, &s, 200 + (x >> 8) % 9000);

		frame[transport(&s) + 13] = x >> 22 & 1 ? 0x18 : 0x10;
		CHECK(virtio__net_segment(frame, len, transport(&s), 500 + (x >> 16) % 900, out,
					  keep, &sent));
		give(d.ring[RX].nfree, 2000);
		for (unsigned k = 0; k < sent.n; k++) {
			unsigned from;

			x = x * 1664525 + 1013904223;
			from = (x >> 24) > 240 ? (x >> 16) % sent.n : k;
			keep(&in, sent.frame[from], sent.len[from]);
			if ((x >> 15 & 31) == 0) /* half of them in the headers */
				in.frame[in.n - 1][(x >> 4) % (x >> 14 & 1 ? 54 : in.len[in.n - 1])] ^=
					1 << (x & 7);
			w.net.recv(w.net.arg, in.frame[in.n - 1], in.len[in.n - 1]);
			if ((x >> 9 & 31) == 0)
				run_loop(&d);
		}
		run_loop(&d);
		all += in.n;
		frames += take_all(&got);
		check_same(&in, &got);
		feed_free(&sent);
	}
	CHECK(frames < all * 2 / 3);
	end();
}

/* A ring that never has room for a merged frame gets single ones. */
static void small_rings_get_single_segments(void)
{
	static uint8_t frame[VIRTIO__NET_FRAME], out[VIRTIO__NET_FRAME];
	struct shape s = { 0 };

	begin(F_GUEST_CSUM | 3 << 7); /* one buffer a frame */
	for (unsigned round = 0; round < 3; round++) {
		struct feed sent = { 0 }, got = { 0 };
		size_t len = build(frame, &s, 10000);

		give(20, 2000);
		frame[transport(&s) + 13] = 0x18;
		CHECK(virtio__net_segment(frame, len, transport(&s), 1448, out, keep, &sent));
		for (unsigned k = 0; k < sent.n; k++)
			w.net.recv(w.net.arg, sent.frame[k], sent.len[k]);
		run_loop(&d);
		CHECK_EQ(take_all(&got), round ? sent.n : 0);
		feed_free(&sent);
		feed_free(&got);
	}
	end();
}

/* The link that was told to wait is told to go on, though the snapshot is of a
 * time when it ran. */
static void a_link_held_back_survives_a_load(void)
{
	struct ser_writer sw;
	struct ser_reader sr;
	struct buf b;

	begin(0);
	b = (struct buf){ mem, 2048 };
	ser_writer_init(&sw);
	dev->dev.ops->save(&dev->dev, &sw);
	CHECK(!w.net.can_recv(w.net.arg));
	ser_reader_init(&sr, sw.buf, sw.len);
	dev->dev.ops->load(&dev->dev, &sr);
	CHECK_EQ(ser_error(&sr, NULL), 0);
	ser_writer_fini(&sw);
	CHECK(ring_add(&d, RX, &b, 0, 1, false) >= 0);
	ring_kick(&d, RX);
	run_loop(&d);
	CHECK_EQ(w.pokes, 1);
	end();
}

static void a_waiting_frame_is_saved(void)
{
	static uint8_t frame[3000];
	struct ser_writer sw;
	struct ser_reader sr;
	struct ring ring;
	uint32_t used;

	begin(F_MRG);
	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = i * 3;
	give(1, 2000);
	w.net.recv(w.net.arg, frame, sizeof(frame));
	ring = d.ring[RX];
	ser_writer_init(&sw);
	mem_save(f.host.mem, &sw);
	vm_host_save(&f.host, &sw);
	end();
	begin(F_MRG);
	ser_reader_init(&sr, sw.buf, sw.len);
	mem_load(f.host.mem, &sr);
	vm_host_load(&f.host, &sr);
	CHECK_EQ(ser_error(&sr, NULL), 0);
	ser_writer_fini(&sw);
	d.ring[RX] = ring;
	give(1, 2000);
	CHECK(ring_get(&d, RX, &used) >= 0);
	CHECK_EQ(used, 2000);
	CHECK(ring_get(&d, RX, &used) >= 0);
	CHECK_EQ(used, sizeof(frame) + HDR - 2000);
	end();
}

static void the_link_may_answer_from_inside_send(void)
{
	uint32_t used;

	begin(0);
	w.answer = true;
	give(4, 2048);
	for (unsigned i = 0; i < 4; i++) {
		build(header(0, 0, 0, 0, 0), &(struct shape){ 0 }, 100);
		send(154);
		CHECK(ring_get(&d, RX, &used) >= 0);
		CHECK_EQ(used, HDR + 154);
	}
	end();
}

/* ---- control --------------------------------------------------------------------- */

static uint8_t ctrl(const void *p, uint32_t n)
{
	uint64_t at = mem + 0x20000;
	struct buf b[2] = { { at, n }, { at + 0x1000, 1 } };
	uint32_t used;

	memcpy(ram(&d, at, n + 1), p, n);
	*(uint8_t *)ram(&d, at + 0x1000, 1) = 0xee;
	CHECK(ring_add(&d, CTRL, b, n ? 1 : 0, n ? 2 : 2, false) >= 0);
	ring_kick(&d, CTRL);
	run_loop(&d);
	CHECK(ring_get(&d, CTRL, &used) >= 0);
	CHECK(!broken(&d));
	return *(uint8_t *)ram(&d, at + 0x1000, 1);
}
static bool received(const uint8_t *dst)
{
	uint8_t frame[60] = { 0 };
	uint32_t used;

	memcpy(frame, dst, 6);
	w.net.recv(w.net.arg, frame, sizeof(frame));
	return ring_get(&d, RX, &used) >= 0;
}

static void filters_do_what_the_driver_says(void)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 }, other[6] = { 2, 9 },
			     group[6] = { 1, 0, 0x5e, 1 }, nobody[6] = { 1, 2 };
	uint8_t table[2 + 4 + 6 + 4 + 6] = { 1, 0, 1, 0, 0, 0, 2, 9, 0, 0, 0, 0, 1, 0, 0, 0,
					     1, 0, 0x5e, 1, 0, 0 };

	begin(F_CTRL);
	give(60, 256);
	CHECK(received(mac) && received(all) && received(other) && received(nobody));
	CHECK_EQ(ctrl((uint8_t[]){ 0, 0, 0 }, 3), 0); /* promiscuous off */
	CHECK(received(mac) && received(all) && !received(other) && !received(group));
	CHECK_EQ(ctrl(table, sizeof(table)), 0);
	CHECK(received(mac) && received(other) && received(group) && !received(nobody));
	CHECK_EQ(ctrl((uint8_t[]){ 0, 1, 1 }, 3), 0); /* all multicast */
	CHECK(received(nobody));
	CHECK_EQ(ctrl((uint8_t[]){ 0, 5, 1 }, 3), 0); /* no broadcast */
	CHECK(!received(all));
	CHECK_EQ(ctrl((uint8_t[]){ 1, 1, 2, 7, 7, 7, 7, 7 }, 8), 0); /* address */
	CHECK(received((uint8_t[]){ 2, 7, 7, 7, 7, 7 }) && !received(mac));
	set_reg(&d, R_STATUS, 0);
	CHECK_EQ(config(&d, 0, 4), 0x01005452);
	end();
}

static void malformed_commands_are_refused(void)
{
	uint8_t table[2 + 4] = { 1, 0, 0xff, 0xff, 0xff, 0xff };

	begin(F_CTRL);
	CHECK_EQ(ctrl("", 1), 1);
	CHECK_EQ(ctrl("\0\0", 2), 1);
	CHECK_EQ(ctrl("\0\x6\1", 3), 1);
	CHECK_EQ(ctrl("\7\0\1", 3), 1);
	CHECK_EQ(ctrl("\1\1abcde", 7), 1);
	CHECK_EQ(ctrl("\1\7abcdef", 8), 1);
	CHECK_EQ(ctrl("\1\0\0\0\0\0", 6), 1);
	CHECK_EQ(ctrl(table, sizeof(table)), 1);
	CHECK_EQ(ctrl("\2\0\1\0", 4), 1);
	end();
}

static void announcing(void)
{
	begin(F_CTRL);
	interrupted(&d, -1);
	virtio_net_announce(dev);
	CHECK(interrupted(&d, -1));
	CHECK_EQ(config(&d, 6, 2), 3);
	CHECK_EQ(ctrl("\3\0", 2), 0);
	CHECK_EQ(config(&d, 6, 2), 1);
	end();
}

#define T(name) { #name, name }
TEST_MAIN(T(frames_go_out_off_the_hart), T(checksums_are_completed),
	  T(large_frames_are_segmented), T(links_may_take_large_frames_whole),
	  T(hostile_offload_fields_drop_the_frame),
	  T(tiny_segments_do_not_keep_the_loop), T(random_offloads_are_harmless), T(frames_come_in),
	  T(large_frames_use_several_buffers_at_once),
	  T(bursts_of_segments_become_one_frame), T(merging_changes_nothing),
	  T(small_rings_get_single_segments), T(a_waiting_frame_is_saved),
	  T(a_link_held_back_survives_a_load),
	  T(the_link_may_answer_from_inside_send),
	  T(filters_do_what_the_driver_says), T(malformed_commands_are_refused), T(announcing))
