/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's virtio driver for tests: it reaches the device as a guest does,
 * through registers (MMIO or PCI) and rings in guest RAM, split or packed.
 * Well behaved unless a test pokes the rings itself.  Also an echo device,
 * whose answer to a chain is its readable bytes, each xor 0x5a.
 */
#ifndef TESTS_DEV_VIRTIO_DRIVER_H
#define TESTS_DEV_VIRTIO_DRIVER_H

#include <stdatomic.h>

#include "dev/pci.h"
#include "dev/virtio/queue.h"
#include "fake.h"

enum {
	DRV_MMIO = 0x10001000, DRV_IRQ = 1, DRV_INTX = 32, DRV_ECAM = 0x30000000,
	DRV_BAR_MSIX = 0x40000000, DRV_BAR = 0x40100000, DRV_MSI = FAKE_RAM, DRV_RINGS = 4,
	DRV_HEAP = FAKE_RAM + 0x1000,
};
enum { S_DESC = 0, S_DRIVER = 1, S_DEVICE = 2 };
enum { D_NEXT = 1, D_WRITE = 2, D_INDIRECT = 4 };

struct ring {
	unsigned size;
	bool packed, event_idx;
	uint64_t area[3];
	uint16_t avail, used;           /* split: free running; packed: slots */
	bool avail_wrap, used_wrap;
	uint16_t kicked;                /* avail at the last look at the event */
	uint16_t free[1024], nfree;     /* split: descriptors; packed: ids */
	uint16_t slots[1024];           /* ring slots that a chain took */
	uint16_t nslots;                /* packed: free slots */
	uint64_t table[1024];           /* indirect tables, 64 entries each */
};

struct drv {
	struct fake *f;
	struct virtio *v;
	bool pci;
	uint64_t base, common, isr, notify, config;
	unsigned multiplier, msix_cap, window_cap;
	uint64_t heap, features;
	struct ring ring[DRV_RINGS];
};

struct buf {
	uint64_t a;
	uint32_t len;
};

/* ---- the machine, as a hart sees it ---------------------------------------- */

static inline void *ram(struct drv *d, uint64_t a, uint64_t len)
{
	void *p = mem_ptr(d->f->host.mem, GPA(a), len);

	CHECK(p);
	return p;
}
static inline uint64_t heap(struct drv *d, uint64_t len, uint64_t align)
{
	uint64_t a = align_up(d->heap, align);

	d->heap = a + len;
	CHECK(d->heap <= (uint64_t)FAKE_RAM + FAKE_RAM_SIZE);
	return a;
}
static inline void put(struct drv *d, uint64_t a, unsigned width, uint64_t val)
{
	CHECK(mem_mmio_write(d->f->host.mem, GPA(a), width, val));
}
static inline uint64_t get(struct drv *d, uint64_t a, unsigned width)
{
	uint64_t val = 0;

	CHECK(mem_mmio_read(d->f->host.mem, GPA(a), width, &val));
	return val;
}
static inline uint16_t ld16(struct drv *d, uint64_t a)
{
	return __atomic_load_n((uint16_t *)ram(d, a, 2), __ATOMIC_ACQUIRE);
}
static inline void st16(struct drv *d, uint64_t a, uint16_t val)
{
	__atomic_store_n((uint16_t *)ram(d, a, 2), val, __ATOMIC_RELEASE);
}
static inline void run_loop(struct drv *d)
{
	for (int i = 0; i < 1000 && loop_step(d->f->host.loop, 0); i++)
		;
}

/* ---- registers --------------------------------------------------------------- */

enum reg { R_STATUS, R_DEVICE_SEL, R_DEVICE_FEATURES, R_DRIVER_SEL, R_DRIVER_FEATURES,
	   R_QUEUE_SEL, R_QUEUE_SIZE, R_QUEUE_MAX, R_QUEUE_ENABLE, R_GENERATION, R_QUEUE_RESET };
static const struct {
	uint16_t mmio, pci;
	uint8_t pci_width;
} drv_reg[] = {
	[R_STATUS] = { 0x70, 20, 1 }, [R_DEVICE_SEL] = { 0x14, 0, 4 },
	[R_DEVICE_FEATURES] = { 0x10, 4, 4 }, [R_DRIVER_SEL] = { 0x24, 8, 4 },
	[R_DRIVER_FEATURES] = { 0x20, 12, 4 }, [R_QUEUE_SEL] = { 0x30, 22, 2 },
	[R_QUEUE_SIZE] = { 0x38, 24, 2 }, [R_QUEUE_MAX] = { 0x34, 24, 2 },
	[R_QUEUE_ENABLE] = { 0x44, 28, 2 }, [R_GENERATION] = { 0xfc, 21, 1 },
	[R_QUEUE_RESET] = { 0xc0, 58, 2 },
};
static inline uint32_t reg(struct drv *d, enum reg r)
{
	return d->pci ? get(d, d->common + drv_reg[r].pci, drv_reg[r].pci_width) :
			get(d, d->base + drv_reg[r].mmio, 4);
}
static inline void set_reg(struct drv *d, enum reg r, uint32_t val)
{
	if (d->pci)
		put(d, d->common + drv_reg[r].pci, drv_reg[r].pci_width, val);
	else
		put(d, d->base + drv_reg[r].mmio, 4, val);
}
static inline void set_addr(struct drv *d, unsigned which, uint64_t a)
{
	static const uint16_t mmio[3] = { 0x80, 0x90, 0xa0 };
	uint64_t at = d->pci ? d->common + 32 + 8 * which : d->base + mmio[which];

	put(d, at, 4, (uint32_t)a);
	put(d, at + 4, 4, a >> 32);
}
static inline void notify(struct drv *d, unsigned q)
{
	if (d->pci)
		put(d, d->notify + q * d->multiplier, 2, q);
	else
		put(d, d->base + 0x50, 4, q);
}
static inline uint32_t config(struct drv *d, unsigned off, unsigned width)
{
	return get(d, d->config + off, width);
}
static inline bool broken(struct drv *d)
{
	return reg(d, R_STATUS) & VIRTIO_NEEDS_RESET;
}

/* Whether queue q (-1: the configuration) interrupted since the last call.
 * MMIO cannot tell queues apart. */
static inline bool interrupted(struct drv *d, int q)
{
	uint32_t bit = q < 0 ? 2 : 1, *msi = NULL, was;

	if (!d->pci) {
		was = get(d, d->base + 0x60, 4) & bit;
		CHECK(!was || d->f->line[DRV_IRQ]);
		put(d, d->base + 0x64, 4, bit);
		return was;
	}
	msi = ram(d, DRV_MSI + 4 * (q + 1), 4);
	was = *msi;
	*msi = 0;
	return was;
}

/* ---- attaching ------------------------------------------------------------------ */

static inline void drv_init(struct drv *d, struct fake *f, struct virtio *v)
{
	memset(d, 0, sizeof(*d));
	d->f = f;
	d->v = v;
	d->heap = DRV_HEAP;
}

static inline uint64_t ecam(struct drv *d, unsigned off)
{
	(void)d;
	return DRV_ECAM + (1 << 15) + off; /* device 1: 0 is the host bridge, or none */
}

static inline void drv_pci_scan(struct drv *d)
{
	static const uint64_t bars[6] = { [1] = DRV_BAR_MSIX, [4] = DRV_BAR };
	unsigned cap;

	put(d, ecam(d, 0x14), 4, DRV_BAR_MSIX);
	put(d, ecam(d, 0x20), 4, DRV_BAR);
	put(d, ecam(d, 0x24), 4, 0);
	put(d, ecam(d, 4), 2, 6); /* memory, bus master */
	for (cap = get(d, ecam(d, 0x34), 1); cap; cap = get(d, ecam(d, cap + 1), 1)) {
		uint64_t at = bars[get(d, ecam(d, cap + 4), 1) % 6] + get(d, ecam(d, cap + 8), 4);

		if (get(d, ecam(d, cap), 1) == 0x11)
			d->msix_cap = cap;
		if (get(d, ecam(d, cap), 1) != 9)
			continue;
		switch (get(d, ecam(d, cap + 3), 1)) {
		case 1: d->common = at; break;
		case 2:
			d->notify = at;
			d->multiplier = get(d, ecam(d, cap + 16), 4);
			break;
		case 3: d->isr = at; break;
		case 4: d->config = at; break;
		case 5: d->window_cap = cap; break;
		}
	}
	CHECK(d->common && d->notify && d->isr && d->msix_cap && d->window_cap);
}

/* Vector n writes 1 to the n-th word of DRV_MSI. */
static inline void drv_msix(struct drv *d)
{
	for (unsigned n = 0; n <= d->v->nqueues; n++) {
		put(d, DRV_BAR_MSIX + 16 * n, 4, DRV_MSI + 4 * n);
		put(d, DRV_BAR_MSIX + 16 * n + 4, 4, 0);
		put(d, DRV_BAR_MSIX + 16 * n + 8, 4, 1);
		put(d, DRV_BAR_MSIX + 16 * n + 12, 4, 0);
	}
	put(d, ecam(d, d->msix_cap + 2), 2, 0x8000);
}

static inline void drv_attach(struct drv *d, struct fake *f, struct virtio *v, bool pci,
			      struct pci_bus *bus)
{
	struct err e;

	drv_init(d, f, v);
	d->pci = pci;
	if (!pci) {
		CHECK_EQ(virtio_mmio_attach(v, GPA(DRV_MMIO), fake_irq(f, DRV_IRQ), &e), 0);
		d->base = DRV_MMIO;
		d->config = DRV_MMIO + 0x100;
		CHECK_EQ(get(d, d->base, 4), 0x74726976);
		CHECK_EQ(get(d, d->base + 4, 4), 2);
		CHECK_EQ(get(d, d->base + 8, 4), v->type->id);
		return;
	}
	CHECK_EQ(virtio_pci_attach(v, bus, &e), 0);
	CHECK_EQ(get(d, ecam(d, 0), 4), (0x1040u + v->type->id) << 16 | 0x1af4);
	CHECK_EQ(get(d, ecam(d, 8), 1), 1);
	drv_pci_scan(d);
	drv_msix(d);
}

static inline struct pci_bus *drv_bus(struct fake *f)
{
	struct pci_windows w = {
		GPA(DRV_ECAM), GPA(0x40000000), GPA(0x400000000), 0x10000000, 0x10000000,
	};
	struct vm_irq intx[4];
	struct err e;
	struct pci_bus *b;

	for (unsigned i = 0; i < 4; i++)
		intx[i] = fake_irq(f, DRV_INTX + i);
	b = pci_bus_create(&f->host, &w, intx, &e);
	CHECK(b);
	return b;
}

/* ---- bring-up (3.1.1) -------------------------------------------------------------- */

static inline bool drv_negotiate(struct drv *d, uint64_t features)
{
	set_reg(d, R_STATUS, 0);
	CHECK_EQ(reg(d, R_STATUS), 0);
	set_reg(d, R_STATUS, VIRTIO_ACKNOWLEDGE);
	set_reg(d, R_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	for (unsigned i = 0; i < 2; i++) {
		set_reg(d, R_DRIVER_SEL, i);
		set_reg(d, R_DRIVER_FEATURES, features >> 32 * i);
	}
	set_reg(d, R_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	d->features = features;
	return reg(d, R_STATUS) & VIRTIO_FEATURES_OK;
}

static inline void ring_init(struct drv *d, unsigned q, unsigned size)
{
	struct ring *r = &d->ring[q];

	memset(r, 0, sizeof(*r));
	r->size = size;
	r->packed = d->features & VIRTIO_F_RING_PACKED;
	r->event_idx = d->features & VIRTIO_F_EVENT_IDX;
	r->area[S_DESC] = heap(d, 16 * size, 16);
	r->area[S_DRIVER] = heap(d, r->packed ? 4 : 6 + 2 * size, 4);
	r->area[S_DEVICE] = heap(d, r->packed ? 4 : 6 + 8 * size, 4);
	memset(ram(d, r->area[S_DESC], 16 * size), 0, 16 * size);
	memset(ram(d, r->area[S_DRIVER], 4), 0, r->packed ? 4 : 6 + 2 * size);
	memset(ram(d, r->area[S_DEVICE], 4), 0, r->packed ? 4 : 6 + 8 * size);
	r->avail_wrap = r->used_wrap = true;
	for (unsigned i = 0; i < size; i++)
		r->free[i] = size - 1 - i;
	r->nfree = r->nslots = size;
	if (r->packed && r->event_idx) { /* interrupt for the first used one */
		st16(d, r->area[S_DRIVER], 1 << 15);
		st16(d, r->area[S_DRIVER] + 2, 2);
	}
}

static inline void drv_queue_regs(struct drv *d, unsigned q)
{
	struct ring *r = &d->ring[q];

	set_reg(d, R_QUEUE_SEL, q);
	CHECK(reg(d, R_QUEUE_MAX) >= r->size);
	set_reg(d, R_QUEUE_SIZE, r->size);
	for (unsigned i = 0; i < 3; i++)
		set_addr(d, i, r->area[i]);
	if (d->pci) {
		put(d, d->common + 26, 2, q + 1);
		CHECK_EQ(get(d, d->common + 26, 2), q + 1);
	}
	set_reg(d, R_QUEUE_ENABLE, 1);
}

static inline void drv_start(struct drv *d, uint64_t features, unsigned nqueues, unsigned size)
{
	CHECK(drv_negotiate(d, features | VIRTIO_F_VERSION_1));
	if (d->pci)
		put(d, d->common + 16, 2, 0);
	for (unsigned q = 0; q < nqueues; q++) {
		ring_init(d, q, size);
		drv_queue_regs(d, q);
		CHECK_EQ(reg(d, R_QUEUE_ENABLE), 1);
	}
	set_reg(d, R_STATUS, reg(d, R_STATUS) | VIRTIO_DRIVER_OK);
	CHECK(reg(d, R_STATUS) & VIRTIO_DRIVER_OK);
}

/* ---- rings ------------------------------------------------------------------------------ */

static inline void put_desc(struct drv *d, uint64_t at, uint64_t addr, uint32_t len, uint16_t a,
			    uint16_t b)
{
	uint64_t *p = ram(d, at, 16);

	__atomic_store_n(p, addr, __ATOMIC_RELAXED);
	__atomic_store_n(p + 1, (uint64_t)b << 48 | (uint64_t)a << 32 | len, __ATOMIC_RELAXED);
}

static inline uint64_t indirect_table(struct drv *d, struct ring *r, unsigned id)
{
	if (!r->table[id])
		r->table[id] = heap(d, 64 * 16, 16);
	return r->table[id];
}

static inline void split_publish(struct drv *d, struct ring *r, unsigned head)
{
	st16(d, r->area[S_DRIVER] + 4 + 2 * (r->avail % r->size), head);
	r->avail++;
	st16(d, r->area[S_DRIVER] + 2, r->avail);
}

static inline int split_add(struct drv *d, struct ring *r, const struct buf *b, unsigned nout,
			    unsigned n, bool indirect)
{
	unsigned head, need = indirect ? 1 : n;
	uint64_t table;

	if (r->nfree < need)
		return -1;
	head = r->free[r->nfree - 1];
	table = indirect ? indirect_table(d, r, head) : r->area[S_DESC];
	for (unsigned i = 0; i < n; i++) {
		unsigned at = indirect ? i : r->free[r->nfree - 1 - i];
		unsigned next = indirect ? i + 1 : i + 1 < n ? r->free[r->nfree - 2 - i] : 0;

		put_desc(d, table + 16 * at, b[i].a, b[i].len,
			 (i + 1 < n ? D_NEXT : 0) | (i >= nout ? D_WRITE : 0), next);
	}
	if (indirect)
		put_desc(d, r->area[S_DESC] + 16 * head, table, 16 * n, D_INDIRECT, 0);
	r->nfree -= need;
	r->slots[head] = need;
	split_publish(d, r, head);
	return head;
}

static inline uint16_t packed_flags(const struct ring *r)
{
	return r->avail_wrap ? 1 << 7 : 1 << 15;
}

static inline int packed_add(struct drv *d, struct ring *r, const struct buf *b, unsigned nout,
			     unsigned n, bool indirect)
{
	unsigned id, need = indirect ? 1 : n, first = r->avail;
	uint16_t first_flags = 0;

	if (r->nslots < need || !r->nfree)
		return -1;
	id = r->free[r->nfree - 1];
	for (unsigned i = 0; i < n && indirect; i++)
		put_desc(d, indirect_table(d, r, id) + 16 * i, b[i].a, b[i].len, 0,
			 i >= nout ? D_WRITE : 0);
	for (unsigned i = 0; i < need; i++) {
		uint64_t at = r->area[S_DESC] + 16 * r->avail;
		uint16_t flags = packed_flags(r) | (indirect ? D_INDIRECT : 0) |
				 (i + 1 < need ? D_NEXT : 0) |
				 (!indirect && i >= nout ? D_WRITE : 0);
		uint16_t was = ld16(d, at + 14);

		put_desc(d, at, indirect ? r->table[id] : b[i].a, indirect ? 16 * n : b[i].len,
			 id, i ? flags : was);
		if (!i)
			first_flags = flags;
		if (++r->avail == r->size) {
			r->avail = 0;
			r->avail_wrap = !r->avail_wrap;
			r->kicked -= r->size;
		}
	}
	st16(d, r->area[S_DESC] + 16 * first + 14, first_flags);
	r->nslots -= need;
	r->nfree--;
	r->slots[id] = need;
	return id;
}

/* n buffers, the first nout readable; returns the chain's id, or -1: full. */
static inline int ring_add(struct drv *d, unsigned q, const struct buf *b, unsigned nout,
			   unsigned n, bool indirect)
{
	struct ring *r = &d->ring[q];

	return r->packed ? packed_add(d, r, b, nout, n, indirect) :
			   split_add(d, r, b, nout, n, indirect);
}

static inline bool need_event(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/* Does the device want to be notified of what was added since the last call? */
static inline bool ring_wants_kick(struct drv *d, unsigned q)
{
	struct ring *r = &d->ring[q];
	uint16_t old = r->kicked, event, flags;

	virtq__fence();
	r->kicked = r->avail;
	if (!r->packed)
		return r->event_idx ? need_event(ld16(d, r->area[S_DEVICE] + 4 + 8 * r->size),
						 r->avail, old) :
				      !(ld16(d, r->area[S_DEVICE]) & 1);
	flags = ld16(d, r->area[S_DEVICE] + 2);
	event = ld16(d, r->area[S_DEVICE]);
	if (flags != 2)
		return !flags;
	return need_event((event & 0x7fff) - (event >> 15 != r->avail_wrap ? r->size : 0),
			  r->avail, old);
}

static inline bool ring_kick(struct drv *d, unsigned q)
{
	bool kick = ring_wants_kick(d, q);

	if (kick)
		notify(d, q);
	return kick;
}

static inline bool ring_has_used(struct drv *d, unsigned q)
{
	struct ring *r = &d->ring[q];
	uint16_t flags;

	if (!r->packed)
		return ld16(d, r->area[S_DEVICE] + 2) != r->used;
	flags = ld16(d, r->area[S_DESC] + 16 * r->used + 14);
	return !!(flags & 1 << 7) == r->used_wrap && !!(flags & 1 << 15) == r->used_wrap;
}

/* Ask for an interrupt when the chain `ahead` places further is used. */
static inline void ring_arm(struct drv *d, unsigned q, unsigned ahead)
{
	struct ring *r = &d->ring[q];
	unsigned at = r->used + ahead;

	if (!r->event_idx)
		return;
	if (!r->packed) {
		st16(d, r->area[S_DRIVER] + 4 + 2 * r->size, at);
	} else {
		bool wrap = at >= r->size ? !r->used_wrap : r->used_wrap;

		st16(d, r->area[S_DRIVER], (at >= r->size ? at - r->size : at) | wrap << 15);
	}
	virtq__fence();
}

/* Take the next used chain: its id, or -1.  Arms for the next one. */
static inline int ring_get(struct drv *d, unsigned q, uint32_t *len)
{
	struct ring *r = &d->ring[q];
	uint8_t *p;
	unsigned id;

	if (!ring_has_used(d, q))
		return -1;
	if (!r->packed) {
		p = ram(d, r->area[S_DEVICE] + 4 + 8 * (r->used % r->size), 8);
		id = ld_le32(p);
		*len = ld_le32(p + 4);
		r->used++;
		CHECK(id < r->size && r->slots[id]);
		/* Give the descriptors back, following the chain. */
		for (unsigned i = id, n = r->slots[id]; n; n--) {
			r->free[r->nfree++] = i;
			i = ld16(d, r->area[S_DESC] + 16 * i + 14);
		}
	} else {
		p = ram(d, r->area[S_DESC] + 16 * r->used, 16);
		id = ld_le16(p + 12);
		*len = ld_le32(p + 8);
		CHECK(id < r->size && r->slots[id]);
		r->used += r->slots[id];
		if (r->used >= r->size) {
			r->used -= r->size;
			r->used_wrap = !r->used_wrap;
		}
		r->nslots += r->slots[id];
		r->free[r->nfree++] = id;
	}
	r->slots[id] = 0;
	ring_arm(d, q, 0);
	return id;
}

/* ---- the echo device ----------------------------------------------------------------------- */

struct echo {
	struct virtio v;
	bool hold;                      /* keep chains until echo_finish */
	struct virtq_chain *held[1024];
	unsigned nheld, notified, resets, chains;
	void (*after)(struct echo *e);  /* a racing hart: called after each chain */
	void *arg;
};

static inline void echo_finish(struct echo *e, unsigned q, struct virtq_chain *c)
{
	uint8_t buf[256];
	uint64_t n = 0, want = MIN(MIN(c->in_len, c->out_len), (uint64_t)1 << 20);

	while (n < want) {
		size_t k = virtq_read(c, n, buf, MIN(sizeof(buf), want - n));

		for (size_t i = 0; i < k; i++)
			buf[i] ^= 0x5a;
		CHECK_EQ(virtq_write(c, n, buf, k), k);
		n += k;
	}
	virtq_push(&e->v, q, c, n);
}

static inline void echo_notify(struct virtio *v, unsigned q)
{
	struct echo *e = container_of(v, struct echo, v);
	struct virtq_chain *c;

	e->notified++;
	while ((c = virtq_pop(v, q))) {
		e->chains++;
		if (e->hold)
			e->held[e->nheld++] = c;
		else
			echo_finish(e, q, c);
		if (e->after)
			e->after(e);
	}
}

static inline void echo_reset(struct virtio *v)
{
	container_of(v, struct echo, v)->resets++;
}
static inline void echo_queue_reset(struct virtio *v, unsigned q)
{
	(void)v, (void)q;
}
static inline void echo_config_written(struct virtio *v, unsigned off, unsigned len)
{
	(void)v, (void)off, (void)len;
}

static inline void echo_destroy(struct virtio *v)
{
	struct echo *e = container_of(v, struct echo, v);

	for (unsigned i = 0; i < e->nheld; i++)
		virtq_drop(e->held[i]);
	virtio_fini(v);
	base_free(e);
}

static inline struct echo *echo_create(struct fake *f, const char *name)
{
	static const struct virtio_type type = {
		.name = "echo", .id = 0x3f, .pci_class = 0xff0000, .notify = echo_notify,
		.reset = echo_reset, .queue_reset = echo_queue_reset,
		.config_written = echo_config_written, .destroy = echo_destroy,
	};
	static const uint16_t max[2] = { 1024, 64 };
	struct echo *e = base_zalloc(sizeof(*e));
	struct err err;

	CHECK(e);
	CHECK_EQ(virtio_init(&e->v, &type, &f->host, name, 1, 10, 2, max, &err), 0);
	for (unsigned i = 0; i < 10; i++)
		e->v.config[i] = 0x10 + i;
	return e;
}

/* A machine with an echo device.  Freed by rig_close. */
struct rig {
	struct fake f;
	struct drv d;
	struct echo *e;
};

static inline struct rig *rig_open(bool pci)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct pci_bus *bus;

	fake_init(&r->f);
	bus = pci ? drv_bus(&r->f) : NULL;
	r->e = echo_create(&r->f, "echo0");
	drv_attach(&r->d, &r->f, &r->e->v, pci, bus);
	return r;
}

static inline void rig_close(struct rig *r)
{
	fake_fini(&r->f);
	free(r);
}

#endif
