/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio network device (virtio 1.2, 5.1): one queue pair and the control
 * queue, over a link that carries plain frames (host/net.h).  Checksums, TCP
 * segmentation and merging of received segments are done here in software
 * (net_offload.c), so that the guest, which is the slow side, is spared them.
 *
 * Sending and receiving run on the loop thread.  The link is never called
 * with the io lock held, because it answers from inside its send.  One frame
 * at most waits here, to grow or for buffers; then the link holds back.
 */
#include <errno.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/log.h"
#include "dev/virtio/net_offload.h"
#include "dev/virtio/virtio.h"
#include "host/net.h"

enum { NET_ID = 1, NET_QUEUE = 256, NET_CTRL_QUEUE = 64, RX = 0, TX = 1, CTRL = 2 };
enum { CFG_MAC = 0, CFG_STATUS = 6, CFG_LEN = 8 };
enum { STATUS_LINK_UP = 1, STATUS_ANNOUNCE = 2 };

#define NET_F_CSUM           (1ull << 0)
#define NET_F_GUEST_CSUM     (1ull << 1)
#define NET_F_MAC            (1ull << 5)
#define NET_F_GUEST_TSO4     (1ull << 7)
#define NET_F_GUEST_TSO6     (1ull << 8)
#define NET_F_HOST_TSO4      (1ull << 11)
#define NET_F_HOST_TSO6      (1ull << 12)
#define NET_F_HOST_ECN       (1ull << 13)
#define NET_F_MRG_RXBUF      (1ull << 15)
#define NET_F_STATUS         (1ull << 16)
#define NET_F_CTRL_VQ        (1ull << 17)
#define NET_F_CTRL_RX        (1ull << 18)
#define NET_F_CTRL_RX_EXTRA  (1ull << 20)
#define NET_F_GUEST_ANNOUNCE (1ull << 21)
#define NET_F_CTRL_MAC_ADDR  (1ull << 23)

/* struct virtio_net_hdr (5.1.6) */
enum {
	HDR_FLAGS = 0, HDR_GSO_TYPE = 1, HDR_HEADERS = 2, HDR_GSO_SIZE = 4, HDR_CSUM_START = 6,
	HDR_CSUM_OFFSET = 8, HDR_BUFFERS = 10, HDR_LEN = 12, HDR_LEN_LEGACY = 10,
};
enum { HDR_NEEDS_CSUM = 1, HDR_DATA_VALID = 2 };
enum { GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4, GSO_ECN = 0x80 };

/* Frames sent for one notification, about; the loop has other work, too. */
enum { TX_QUANTUM = 1024 };
enum { ETH_HEADER = 14, MAC_LEN = 6, FILTER_MAX = 64, MERGE_MAX = NET_QUEUE };

struct mac_table {
	unsigned n;
	bool overflow;          /* more than fit: let all through */
	uint8_t mac[FILTER_MAX][MAC_LEN];
};

/* VIRTIO_NET_CTRL_RX commands, in order (5.1.6.5.1). */
enum { RX_PROMISC, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST, RX_MODES };

struct netdev {
	struct virtio v;
	struct net *link;
	uint8_t mac[MAC_LEN];           /* the one that create was given */
	bool mode[RX_MODES];
	struct mac_table uni, multi;
	bool held_back;                 /* the link was told to wait */
	/* The frame that waits, and its header once it is closed. */
	struct virtio__net_merge rx;
	uint8_t rx_hdr[HDR_LEN];
	bool rx_closed, flush_posted;
	bool no_merge;                  /* the driver's ring is too small for it */
	/* Loop thread only. */
	unsigned sent;
	uint8_t frame[VIRTIO__NET_FRAME], segment[VIRTIO__NET_FRAME];
};

static struct netdev *from_virtio(struct virtio *v)
{
	return container_of(v, struct netdev, v);
}

/* num_buffers is there in every VERSION_1 header (5.1.6.1). */
static unsigned header_len(const struct virtio *v)
{
	return v->acked & (VIRTIO_F_VERSION_1 | NET_F_MRG_RXBUF) ? HDR_LEN : HDR_LEN_LEGACY;
}

/* ---- transmit ------------------------------------------------------------- */

static void emit(void *arg, const void *frame, size_t len)
{
	struct netdev *d = arg;

	d->sent++;
	d->link->ops->send(d->link, frame, len);
}

/* The frame in d->frame, with the io lock dropped.  False: malformed. */
static bool send_frame(struct netdev *d, const uint8_t *hdr, size_t len)
{
	unsigned start = ld_le16(hdr + HDR_CSUM_START), off = ld_le16(hdr + HDR_CSUM_OFFSET);
	unsigned type = hdr[HDR_GSO_TYPE] & ~GSO_ECN, mss = ld_le16(hdr + HDR_GSO_SIZE);

	if (type == GSO_TCPV4 || type == GSO_TCPV6) {
		/* 5.1.6.2.1: comes with NEEDS_CSUM and the TCP header's place. */
		if (!(hdr[HDR_FLAGS] & HDR_NEEDS_CSUM))
			return false;
		if (!d->link->takes_large)
			return virtio__net_segment(d->frame, len, start, mss, d->segment, emit, d);
		type = GSO_NONE;
	}
	if (type != GSO_NONE)
		return false;
	if (hdr[HDR_FLAGS] & HDR_NEEDS_CSUM && !virtio__net_checksum(d->frame, len, start, off))
		return false;
	emit(d, d->frame, len);
	return true;
}

/* Frames that make no sense are dropped, as a wire would. */
static void transmit(struct netdev *d)
{
	struct virtio *v = &d->v;
	struct virtq_chain *c;

	d->sent = 0;
	while (d->sent < TX_QUANTUM && (c = virtq_pop(v, TX))) {
		unsigned hlen = header_len(v);
		uint8_t hdr[HDR_LEN] = { 0 };
		uint64_t len = c->out_len - MIN(c->out_len, (uint64_t)hlen);
		bool ok = len >= ETH_HEADER && len <= sizeof(d->frame);

		if (ok) {
			virtq_read(c, 0, hdr, hlen);
			virtq_read(c, hlen, d->frame, len);
		}
		virtq_push(v, TX, c, 0);
		lock_drop(v->host->io);
		if (!ok || !send_frame(d, hdr, len))
			log_trace(NET, "%s: malformed frame of %llu bytes dropped", v->dev.name,
				  (unsigned long long)len);
		lock_take(v->host->io);
	}
	if (d->sent >= TX_QUANTUM && virtio_running(v))
		virtio_again(v, TX);
}

/* ---- receive -------------------------------------------------------------- */

static bool in_table(const struct mac_table *t, const uint8_t *mac)
{
	for (unsigned i = 0; i < t->n; i++)
		if (!memcmp(t->mac[i], mac, MAC_LEN))
			return true;
	return t->overflow;
}

/* 5.1.6.5.1; a new device is promiscuous until the driver says otherwise. */
static bool wanted(const struct netdev *d, const uint8_t *dst)
{
	static const uint8_t broadcast[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };

	if (d->mode[RX_PROMISC])
		return true;
	if (!memcmp(dst, broadcast, MAC_LEN))
		return !d->mode[RX_NOBCAST];
	if (dst[0] & 1)
		return !d->mode[RX_NOMULTI] && (d->mode[RX_ALLMULTI] || in_table(&d->multi, dst));
	return !d->mode[RX_NOUNI] && (d->mode[RX_ALLUNI] || in_table(&d->uni, dst) ||
				      !memcmp(dst, d->v.config + CFG_MAC, MAC_LEN));
}

/* Buffers for `total` bytes: their number, or 0 when there are not enough
 * (what was taken is put back); *never: nor will there be. */
static unsigned take_buffers(struct netdev *d, uint64_t total, struct virtq_chain **c,
			     bool *never)
{
	unsigned max = virtio_has(&d->v, NET_F_MRG_RXBUF) ? virtq_size(&d->v, RX) : 1, n = 0;
	uint64_t room = 0;

	while (room < total && n < max && (c[n] = virtq_pop(&d->v, RX)))
		room += c[n++]->in_len;
	/* The header must lie in the first one. */
	*never = n == max || (n && c[0]->in_len < header_len(&d->v));
	if (room >= total && c[0]->in_len >= header_len(&d->v))
		return n;
	while (n)
		n--, virtq_unpop(&d->v, RX, c[n]);
	return 0;
}

/* No more segments join: decide what the header says. */
static void close_frame(struct netdev *d)
{
	struct virtio__net_merge *m = &d->rx;

	if (d->rx_closed)
		return;
	d->rx_closed = true;
	memset(d->rx_hdr, 0, HDR_LEN);
	if (virtio__net_merge_close(m)) { /* 5.1.6.4.1 */
		d->rx_hdr[HDR_FLAGS] = HDR_NEEDS_CSUM;
		d->rx_hdr[HDR_GSO_TYPE] = m->first.v6 ? GSO_TCPV6 : GSO_TCPV4;
		st_le16(d->rx_hdr + HDR_HEADERS, m->first.hlen);
		st_le16(d->rx_hdr + HDR_GSO_SIZE, m->first.data);
		st_le16(d->rx_hdr + HDR_CSUM_START, m->first.tcp);
		st_le16(d->rx_hdr + HDR_CSUM_OFFSET, 16);
	} else if (virtio_has(&d->v, NET_F_GUEST_CSUM) && virtio__net_verify(m->frame, m->len)) {
		d->rx_hdr[HDR_FLAGS] = HDR_DATA_VALID;
	}
}

/* Give the waiting frame to the driver.  False: it has to wait for buffers. */
static bool flush(struct netdev *d)
{
	struct virtio *v = &d->v;
	struct virtq_chain *c[MERGE_MAX];
	uint32_t written[MERGE_MAX];
	unsigned hlen = header_len(v), n;
	size_t done = 0, len = d->rx.len;
	bool never;

	if (!len)
		return true;
	close_frame(d);
	n = take_buffers(d, hlen + len, c, &never);
	if (!n && !never)
		return false;
	if (!n) {
		log_trace(NET, "%s: no room for a frame of %zu bytes", v->dev.name, len);
		d->no_merge |= d->rx.segments > 1; /* or it is sent again, and again */
	}
	st_le16(d->rx_hdr + HDR_BUFFERS, n);
	for (unsigned i = 0; i < n; i++) {
		unsigned skip = i ? 0 : hlen;

		if (skip)
			virtq_write(c[i], 0, d->rx_hdr, hlen);
		written[i] = skip + virtq_write(c[i], skip, d->rx.frame + done, len - done);
		done += written[i] - skip;
	}
	if (n)
		virtq_push_many(v, RX, c, written, n);
	d->rx.len = 0;
	return true;
}

/* Segments come in bursts, one callback of the link: wait for its end. */
static void flush_later(void *arg)
{
	struct netdev *d = arg;

	lock_take(d->v.host->io);
	d->flush_posted = false;
	if (virtio_running(&d->v))
		flush(d);
	lock_drop(d->v.host->io);
}

static void receive(struct netdev *d, const uint8_t *frame, size_t len)
{
	struct virtio *v = &d->v;
	bool merge = virtio_has(v, NET_F_GUEST_CSUM) && !d->no_merge;

	if (!d->rx_closed && virtio__net_merge_add(&d->rx, frame, len)) {
		if (!d->rx.open)
			flush(d);
		return;
	}
	if (!flush(d)) {
		log_trace(NET, "%s: frame of %zu bytes dropped", v->dev.name, len);
		return;
	}
	d->rx_closed = false;
	virtio__net_merge_start(&d->rx, frame, len, merge && virtio_has(v, NET_F_GUEST_TSO4),
				merge && virtio_has(v, NET_F_GUEST_TSO6));
	if (d->rx.open && !d->flush_posted)
		d->flush_posted = loop_post(v->host->loop, flush_later, d);
	if (!d->rx.open || !d->flush_posted)
		flush(d);
}

static void net_recv(void *arg, const void *frame, size_t len)
{
	struct netdev *d = arg;

	lock_take(d->v.host->io);
	if (virtio_running(&d->v) && len >= ETH_HEADER && len <= VIRTIO__NET_FRAME &&
	    wanted(d, frame))
		receive(d, frame, len);
	lock_drop(d->v.host->io);
}

/* A closed frame that is still there waits for buffers. */
static bool stuck(struct netdev *d)
{
	return d->rx.len && d->rx_closed && !flush(d);
}

static bool net_can_recv(void *arg)
{
	struct netdev *d = arg;
	bool ok;

	lock_take(d->v.host->io);
	ok = !stuck(d) && !virtq_empty(&d->v, RX);
	d->held_back = !ok;
	lock_drop(d->v.host->io);
	return ok;
}

/* The driver gave buffers: let the link go on. */
static void resume(struct netdev *d)
{
	if (stuck(d) || !d->held_back || virtq_empty(&d->v, RX))
		return;
	d->held_back = false;
	lock_drop(d->v.host->io);
	if (d->link->poke)
		d->link->poke(d->link);
	lock_take(d->v.host->io);
}

/* ---- control queue (5.1.6.5) ------------------------------------------------ */

enum { CLASS_RX = 0, CLASS_MAC = 1, CLASS_ANNOUNCE = 3, MAC_TABLE_SET = 0, MAC_ADDR_SET = 1 };

/* { le32 n; u8 mac[n][6] } at *off, which moves past it. */
static bool read_table(const struct virtq_chain *c, uint64_t *off, struct mac_table *t)
{
	uint8_t count[4];
	uint64_t n;

	if (virtq_read(c, *off, count, 4) != 4)
		return false;
	n = ld_le32(count);
	if (*off + 4 + n * MAC_LEN > c->out_len)
		return false;
	t->overflow = n > FILTER_MAX;
	t->n = MIN(n, (uint64_t)FILTER_MAX);
	virtq_read(c, *off + 4, t->mac, t->n * MAC_LEN);
	*off += 4 + n * MAC_LEN;
	return true;
}

static bool control_mac(struct netdev *d, unsigned cmd, const struct virtq_chain *c)
{
	struct mac_table uni, multi;
	uint8_t mac[MAC_LEN];
	uint64_t off = 2;

	if (cmd == MAC_ADDR_SET) {
		if (!virtio_has(&d->v, NET_F_CTRL_MAC_ADDR) ||
		    virtq_read(c, 2, mac, MAC_LEN) != MAC_LEN)
			return false;
		memcpy(d->v.config + CFG_MAC, mac, MAC_LEN);
		return true;
	}
	if (cmd != MAC_TABLE_SET || !read_table(c, &off, &uni) || !read_table(c, &off, &multi))
		return false;
	d->uni = uni;
	d->multi = multi;
	return true;
}

static bool control(struct netdev *d, const struct virtq_chain *c)
{
	uint8_t b[3] = { 0 };
	size_t n = virtq_read(c, 0, b, 3);

	if (n < 2)
		return false;
	switch (b[0]) {
	case CLASS_RX:
		if (n < 3 || b[1] >= RX_MODES)
			return false;
		d->mode[b[1]] = b[2];
		return true;
	case CLASS_MAC:
		return control_mac(d, b[1], c);
	case CLASS_ANNOUNCE:
		d->v.config[CFG_STATUS] &= ~STATUS_ANNOUNCE;
		return b[1] == 0;
	default:
		return false;
	}
}

static void control_all(struct netdev *d)
{
	struct virtq_chain *c;

	while ((c = virtq_pop(&d->v, CTRL))) {
		uint8_t ack = !control(d, c);

		virtq_push(&d->v, CTRL, c, virtq_write(c, 0, &ack, 1));
	}
}

/* ---- the device -------------------------------------------------------------- */

static void net_notify(struct virtio *v, unsigned q)
{
	struct netdev *d = from_virtio(v);

	if (q == TX)
		transmit(d);
	else if (q == CTRL)
		control_all(d);
	else
		resume(d);
}

static void net_reset(struct virtio *v)
{
	struct netdev *d = from_virtio(v);

	d->rx.len = 0;
	d->no_merge = false;
	memset(d->mode, 0, sizeof(d->mode));
	d->mode[RX_PROMISC] = true;
	d->uni = d->multi = (struct mac_table){ 0 };
	memcpy(v->config + CFG_MAC, d->mac, MAC_LEN);
	st_le16(v->config + CFG_STATUS, STATUS_LINK_UP);
}

static void net_queue_reset(struct virtio *v, unsigned q)
{
	if (q == RX)
		from_virtio(v)->rx.len = 0;
}

static void save_table(const struct mac_table *t, struct ser_writer *w)
{
	ser_u8(w, t->overflow);
	ser_u32(w, t->n);
	ser_bytes(w, t->mac, t->n * MAC_LEN);
}

static void load_table(struct mac_table *t, struct ser_reader *r)
{
	uint32_t n;

	t->overflow = ser_get_u8(r);
	n = ser_get_u32(r);
	if (!ser_check(r, n <= FILTER_MAX, "size of an address table"))
		n = 0;
	t->n = n;
	ser_get_bytes(r, t->mac, n * MAC_LEN);
}

static void net_save(struct virtio *v, struct ser_writer *w)
{
	struct netdev *d = from_virtio(v);

	for (unsigned i = 0; i < RX_MODES; i++)
		ser_u8(w, d->mode[i]);
	save_table(&d->uni, w);
	save_table(&d->multi, w);
	ser_u8(w, d->held_back);
	if (d->rx.len)
		close_frame(d);
	ser_bytes(w, d->rx_hdr, HDR_LEN);
	ser_blob(w, d->rx.frame, d->rx.len);
}

static void net_load(struct virtio *v, struct ser_reader *r)
{
	struct netdev *d = from_virtio(v);
	const void *frame;
	uint32_t len;

	for (unsigned i = 0; i < RX_MODES; i++)
		d->mode[i] = ser_get_u8(r);
	load_table(&d->uni, r);
	load_table(&d->multi, r);
	d->held_back |= ser_get_u8(r) & 1; /* this link may wait whatever the other did */
	ser_get_bytes(r, d->rx_hdr, HDR_LEN);
	frame = ser_get_blob(r, &len, VIRTIO__NET_FRAME);
	if (frame && len)
		memcpy(d->rx.frame, frame, len);
	d->rx.len = len;
	d->rx.segments = 1;
	d->rx.open = false;
	d->rx_closed = true;
	if (len && !d->flush_posted)
		d->flush_posted = loop_post(v->host->loop, flush_later, d);
}

static void net_destroy(struct virtio *v)
{
	struct netdev *d = from_virtio(v);

	loop_cancel(v->host->loop, flush_later, d);
	d->link->ops->destroy(d->link);
	virtio_fini(v);
	base_free(d);
}

static const struct virtio_type net_type = {
	.name = "net", .id = NET_ID, .pci_class = 0x020000,
	.notify = net_notify, .notify_on_loop = true, .reset = net_reset,
	.queue_reset = net_queue_reset, .save = net_save, .load = net_load,
	.destroy = net_destroy,
};

void virtio_net_announce(struct virtio *v)
{
	lock_take(v->host->io);
	if (virtio_has(v, NET_F_GUEST_ANNOUNCE) && virtio_running(v)) {
		v->config[CFG_STATUS] |= STATUS_ANNOUNCE;
		virtio_config_changed(v);
	}
	lock_drop(v->host->io);
}

struct virtio *virtio_net_create(struct vm_host *h, const char *name, struct net *n,
				 const uint8_t mac[6], struct err *e)
{
	static const uint16_t max[3] = { NET_QUEUE, NET_QUEUE, NET_CTRL_QUEUE };
	const uint64_t features = NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_MAC | NET_F_GUEST_TSO4 |
		NET_F_GUEST_TSO6 | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN |
		NET_F_MRG_RXBUF | NET_F_STATUS | NET_F_CTRL_VQ | NET_F_CTRL_RX |
		NET_F_CTRL_RX_EXTRA | NET_F_GUEST_ANNOUNCE | NET_F_CTRL_MAC_ADDR;
	struct netdev *d = base_zalloc(sizeof(*d));

	if (!d) {
		err_set(e, ENOMEM, "%s: out of memory", name);
		return NULL;
	}
	if (virtio_init(&d->v, &net_type, h, name, features, CFG_LEN, 3, max, e)) {
		base_free(d);
		return NULL;
	}
	d->link = n;
	memcpy(d->mac, mac, MAC_LEN);
	net_reset(&d->v);
	n->recv = net_recv;
	n->can_recv = net_can_recv;
	n->arg = d;
	return &d->v;
}
