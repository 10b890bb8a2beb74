/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile virtio driver: the input is a program of register writes, RAM
 * writes, descriptors, notifications and host events against one of four
 * devices over MMIO or PCI, with split or packed rings.
 *
 *   byte 0   device (2 bits), PCI (1), packed (1), event index, indirect,
 *            merged buffers and offloads
 *   then     one byte of operation, its operands (missing ones are 0)
 *
 * The driver brings the device up first, so that most inputs reach the rings.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "dev/pci.h"
#include "dev/virtio/net_offload.h"
#include "dev/virtio/virtio.h"
#include "host/chan.h"
#include "host/entropy.h"
#include "host/net.h"

enum {
	RAM = 0x80000000, RAM_SIZE = 0x40000, CLEAR = 0x8000, MMIO = 0x10001000,
	ECAM = 0x30000000, BAR_MSIX = 0x40000000, BAR = 0x40100000, SIZE = 8, RING = 0x1000,
	HELD = 64, OPS = 400,
};

struct machine {
	struct vm_host host;
	struct clock clock;
	struct entropy entropy;
	struct virtio *v;
	bool pci;
	/* of the devices */
	struct net net;
	struct chan chan;
	size_t room;
	struct virtq_chain *held[HELD];
	unsigned held_q[HELD], nheld;
};

struct input {
	const uint8_t *p;
	size_t n;
};
static uint8_t u8(struct input *in)
{
	return in->n ? in->n--, *in->p++ : 0;
}
static uint16_t u16(struct input *in)
{
	uint16_t v = u8(in);

	return v | u8(in) << 8;
}
static uint32_t u32(struct input *in)
{
	uint32_t v = u16(in);

	return v | (uint32_t)u16(in) << 16;
}

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* ---- the host side of the devices ---------------------------------------- */

struct dummy {
	struct virtio v;
	struct machine *m;
};

/* Like a disk: keeps chains, finishes them later in any order. */
static void dummy_notify(struct virtio *v, unsigned q)
{
	struct machine *m = container_of(v, struct dummy, v)->m;
	struct virtq_chain *c;

	while (m->nheld < HELD && (c = virtq_pop(v, q))) {
		m->held_q[m->nheld] = q;
		m->held[m->nheld++] = c;
	}
}
static void dummy_finish(struct machine *m, unsigned i)
{
	struct virtq_chain *c;
	uint8_t buf[512];
	size_t n;

	if (!m->nheld)
		return;
	i %= m->nheld;
	c = m->held[i];
	n = virtq_read(c, 0, buf, sizeof(buf));
	virtq_push(m->v, m->held_q[i], c, virtq_write(c, 0, buf, n));
	m->held[i] = m->held[--m->nheld];
	m->held_q[i] = m->held_q[m->nheld];
}
static void dummy_reset(struct virtio *v)
{
	struct machine *m = container_of(v, struct dummy, v)->m;

	/* One stays, to be pushed when it is stale. */
	while (m->nheld > 1)
		virtq_drop(m->held[--m->nheld]);
}
static void dummy_queue_reset(struct virtio *v, unsigned q)
{
	(void)v, (void)q;
}
static void dummy_destroy(struct virtio *v)
{
	(void)v;
}
static struct virtio *dummy_create(struct machine *m)
{
	static const struct virtio_type type = {
		.name = "dummy", .id = 0x3f, .pci_class = 0xff0000, .notify = dummy_notify,
		.reset = dummy_reset, .queue_reset = dummy_queue_reset, .destroy = dummy_destroy,
	};
	static const uint16_t max[2] = { 64, 16 };
	struct dummy *d = base_zalloc(sizeof(*d));

	must(d);
	d->m = m;
	must(!virtio_init(&d->v, &type, &m->host, "dummy0", 0, 10, 2, max, NULL));
	return &d->v;
}

static ssize_t chan_in(struct chan *c, void *buf, size_t n)
{
	struct machine *m = container_of(c, struct machine, chan);

	n = MIN(n, m->room);
	memset(buf, 'x', n);
	m->room -= n;
	return n;
}
static ssize_t chan_out(struct chan *c, const void *buf, size_t n)
{
	struct machine *m = container_of(c, struct machine, chan);

	(void)buf;
	n = MIN(n, m->room);
	m->room -= n;
	return n;
}
static void chan_wanted(struct chan *c, bool in, bool out)
{
	(void)c, (void)in, (void)out;
}
static void link_send(struct net *n, const void *frame, size_t len)
{
	volatile uint8_t sink = 0;

	for (size_t i = 0; i < len; i += 64)
		sink = sink ^ ((const uint8_t *)frame)[i];
	if (n->can_recv(n->arg))
		n->recv(n->arg, frame, len);
}
static void link_poke(struct net *n)
{
	n->can_recv(n->arg);
}

/* ---- the machine ------------------------------------------------------------ */

static void wr(struct machine *m, uint64_t a, unsigned width, uint64_t val)
{
	must(mem_mmio_write(m->host.mem, GPA(a), width, val));
}
static uint8_t *ram(struct machine *m, uint64_t a, size_t n)
{
	uint8_t *p = mem_ptr(m->host.mem, GPA(a), n);

	must(p);
	return p;
}
static void set_irq(void *ctx, unsigned line, bool level)
{
	(void)ctx, (void)line, (void)level;
}

static void attach_pci(struct machine *m, struct pci_bus *bus)
{
	must(!virtio_pci_attach(m->v, bus, NULL));
	wr(m, ECAM + 0x8014, 4, BAR_MSIX);
	wr(m, ECAM + 0x8020, 4, BAR);
	wr(m, ECAM + 0x8024, 4, 0);
	wr(m, ECAM + 0x8004, 2, 6);
}

static struct machine *machine_create(unsigned device, bool pci)
{
	static const struct chan_ops chan_ops = { chan_in, chan_out, chan_wanted, NULL };
	static const struct net_ops net_ops = { link_send, NULL };
	struct machine *m = base_zalloc(sizeof(*m));
	struct pci_windows w = { GPA(ECAM), GPA(0x40000000), GPA(0x400000000), 1 << 28, 1 << 28 };
	struct vm_irq irq = { set_irq, NULL, 0 }, intx[4] = { irq, irq, irq, irq };
	struct pci_bus *bus = NULL;

	must(m);
	clock_init(&m->clock, true);
	entropy_init_seed(&m->entropy, 1);
	m->host.clock = &m->clock;
	m->host.mem = mem_create(NULL);
	m->host.io = mem_io_lock(m->host.mem);
	m->host.loop = loop_create(&m->clock, NULL);
	must(!mem_add_ram(m->host.mem, GPA(RAM), RAM_SIZE, "ram", NULL));
	if (pci)
		bus = pci_bus_create(&m->host, &w, intx, NULL);
	m->chan.ops = &chan_ops;
	m->net.ops = &net_ops;
	m->net.poke = link_poke;
	switch (device) {
	case 0: m->v = dummy_create(m); break;
	case 1: m->v = virtio_rng_create(&m->host, "rng0", &m->entropy, NULL); break;
	case 2: m->v = virtio_console_create(&m->host, "con0", &m->chan, NULL); break;
	default: m->v = virtio_net_create(&m->host, "net0", &m->net,
					  (const uint8_t *)"\2\0\0\0\0\1", NULL);
	}
	must(m->v);
	m->pci = pci;
	if (pci)
		attach_pci(m, bus);
	else
		must(!virtio_mmio_attach(m->v, GPA(MMIO), irq, NULL));
	return m;
}

static uint64_t area(unsigned q, unsigned which)
{
	return RAM + RING * q + 0x400 * which;
}

/* Ready to be attacked: three queues of SIZE entries. */
static void bring_up(struct machine *m, uint64_t features)
{
	lock_take(m->host.io);
	virtio_set_status(m->v, 0);
	for (unsigned i = 0; i < 2; i++)
		virtio_set_features(m->v, i, (features & m->v->offered) >> 32 * i);
	virtio_set_status(m->v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	for (unsigned q = 0; q < m->v->nqueues; q++) {
		virtq_set_size(m->v, q, SIZE);
		for (unsigned k = 0; k < 3; k++)
			virtq_set_addr(m->v, q, k, 0, area(q, k));
		virtq_enable(m->v, q, true);
	}
	virtio_set_status(m->v, 0x0f);
	lock_drop(m->host.io);
}

static void save_and_load(struct machine *m, struct input *in)
{
	struct ser_writer w;
	struct ser_reader r;
	unsigned flips = u8(in) & 3;

	while (m->nheld)
		dummy_finish(m, 0);
	ser_writer_init(&w);
	lock_take(m->host.io);
	m->v->dev.ops->save(&m->v->dev, &w);
	for (unsigned i = 0; i < flips; i++)
		w.buf[u16(in) % w.len] ^= u8(in);
	ser_reader_init(&r, w.buf, w.len);
	m->v->dev.ops->load(&m->v->dev, &r);
	must(flips || !ser_error(&r, NULL));
	lock_drop(m->host.io);
	ser_writer_fini(&w);
}

/* An address that is interesting more often than not. */
static uint64_t address(struct input *in)
{
	static const uint64_t base[8] = { RAM, RAM, RAM + 0x4000, RAM + RAM_SIZE - 8, 0, MMIO,
					  ~0ull - 0xff, RAM + RING };

	return base[u8(in) & 7] + u8(in) * 8;
}

static void put_desc(struct machine *m, struct input *in)
{
	unsigned at = u8(in);
	uint8_t *p = ram(m, at < 0xc0 ? area(at >> 4 & 3, 0) + 16 * (at & 7) :
			 RAM + 0x4000 + 16 * (at & 0x3f), 16);

	st_le64(p, address(in));
	st_le32(p + 8, u8(in) & 0x80 ? u32(in) : u8(in) * 16);
	st_le16(p + 12, u8(in));
	st_le16(p + 14, u8(in) | (u8(in) & 0x83) << 8);
}

static void make_available(struct machine *m, struct input *in)
{
	unsigned q = u8(in) % 3, head = u8(in);
	uint8_t *avail = ram(m, area(q, 1), 64);
	uint16_t idx = ld_le16(avail + 2);

	st_le16(avail + 4 + 2 * (idx % SIZE), head & 0x80 ? head << 8 : head & 7);
	st_le16(avail + 2, idx + 1);
}

/* A TCP segment that may continue the one before: n bytes, some damaged. */
static size_t tcp_frame(struct input *in, uint8_t *f, size_t max)
{
	size_t n = 54 + u8(in) % (max - 54);
	uint8_t seq = u8(in), what = u8(in);

	memset(f, 0, max);
	st_be16(f + 12, 0x0800);
	f[14] = 0x45;
	st_be16(f + 16, n - 14);
	f[23] = 6;
	virtio__net_checksum(f, 34, 14, 10);
	f[41] = seq;
	f[46] = 0x50;
	f[47] = what & 1 ? 0x18 : 0x10;
	st_be16(f + 50, 6 + n - 34); /* pseudo header of addresses 0 */
	virtio__net_checksum(f, n, 34, 16);
	if (what & 2)
		f[u8(in) % n] ^= u8(in);
	return n;
}

static void step(struct machine *m, struct input *in, uint64_t features)
{
	uint8_t op = u8(in), frame[256];
	uint64_t base = m->pci ? BAR : MMIO;
	unsigned n;

	switch (op & 15) {
	case 0: /* RAM */
		n = u16(in) % CLEAR;
		*ram(m, RAM + n, 1) = u8(in);
		break;
	case 1: /* a register */
		n = 1u << (u8(in) & 3);
		wr(m, base + align_down(u16(in) % (m->pci ? 0x4000 : 0x200), n), n, u32(in));
		break;
	case 2: case 3:
		lock_take(m->host.io);
		virtio_notify(m->v, op >> 4 & 3);
		lock_drop(m->host.io);
		break;
	case 4: case 5: case 6: put_desc(m, in); break;
	case 7: case 8: make_available(m, in); break;
	case 9: loop_step(m->host.loop, 0); break;
	case 10:
		lock_take(m->host.io);
		dummy_finish(m, op >> 4);
		lock_drop(m->host.io);
		break;
	case 11: /* host events */
		m->room = u16(in);
		if (m->chan.ready)
			m->chan.ready(m->chan.ready_arg, true, true);
		memset(frame, op, sizeof(frame));
		n = op & 16 ? tcp_frame(in, frame, sizeof(frame)) : m->room % sizeof(frame);
		if (m->net.recv)
			m->net.recv(m->net.arg, frame, n);
		break;
	case 12: save_and_load(m, in); break;
	case 13: bring_up(m, features); break;
	case 14: /* avail index */
		st_le16(ram(m, area(op >> 4 & 3, 1) + 2, 2), u16(in));
		break;
	default: /* configuration space */
		if (m->pci)
			wr(m, ECAM + 0x8040 + (u8(in) & 0xbc), 4, u32(in));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine *machines[8];
	struct input in = { data, size };
	uint8_t what = u8(&in);
	struct machine **slot = &machines[what & 7], *m;
	uint64_t features = VIRTIO_F_VERSION_1 | (what & 8 ? VIRTIO_F_RING_PACKED : 0) |
			    (what & 16 ? VIRTIO_F_EVENT_IDX : 0) |
			    (what & 32 ? VIRTIO_F_INDIRECT_DESC : 0) |
			    (what & 64 ? ~0ull >> 40 : 0) |
			    (what & 128 ? VIRTIO_F_RING_RESET : 0);

	if (!*slot)
		*slot = machine_create(what & 3, what & 4);
	m = *slot;
	memset(ram(m, RAM, CLEAR), 0, CLEAR);
	m->room = 1000;
	bring_up(m, features);
	for (unsigned i = 0; in.n && i < OPS; i++)
		step(m, &in, features);
	for (unsigned i = 0; i < 50 && loop_step(m->host.loop, 0); i++)
		;
	lock_take(m->host.io);
	while (m->nheld)
		dummy_finish(m, 0);
	virtio_set_status(m->v, 0);
	must(!m->v->status && !m->v->again);
	lock_drop(m->host.io);
	return 0;
}
