/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile guest as a byte script: accesses of every width and place to all
 * platform devices, time, input, interrupts, resets, snapshots (also damaged
 * ones).  Shared by fuzz_platform.c and tests/dev/hostile_register_access.c.
 *
 * The script must not make the devices crash, hang, allocate without bound or
 * break an assertion; what it must not change is checked with abort().
 */
#ifndef FUZZ_PLATFORM_SCRIPT_H
#define FUZZ_PLATFORM_SCRIPT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "dev/pci.h"
#include "dev/platform.h"
#include "host/chan.h"

enum { PS_HARTS = 2, PS_RAM = 0x80000000, PS_RAM_SIZE = 1 << 16 };

static const struct ps_place {
	uint64_t base, size;
} ps_places[] = {
	{ 0x10000000, UART_SIZE },
	{ 0x10000000, 8 },
	{ 0x0c000000, PLIC_SIZE },
	{ 0x0c000000, 0x200 },
	{ 0x0c001000, 0x1200 },
	{ 0x0c200000, 0x4008 },
	{ 0x02000000, ACLINT_SIZE },
	{ 0x0200bff8, 8 },
	{ 0x00101000, 0x20 },
	{ 0x00100000, 8 },
	{ 0x30000000, 0x100000 },
	{ 0x30008000, 0x100 },
	{ 0x30010000, 0x100 },
	{ 0x40000000, 0x10000 },
	{ 0x400000000, 0x10000 },
	{ 0, UINT64_MAX },
	{ 0x0e000000, APLIC_SIZE },
	{ 0x0e000000, 0x180 },
	{ 0x0e001b00, 0x508 },
	{ 0x0e003000, 0x180 },
	{ 0x0d000000, 0x180 },
	{ 0x0d001b00, 0x508 },
	{ 0x0d003000, 0x180 },
	{ 0x0d004000, 0x40 },
	{ 0x24000000, PS_HARTS * IMSIC_STRIDE },
	{ 0x28000000, PS_HARTS * IMSIC_STRIDE },
};

struct ps_byte_source {
	const uint8_t *p;
	size_t n;
};

static inline uint64_t ps_get(struct ps_byte_source *s, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++) {
		v = v << 8 | (s->n ? *s->p : 0);
		s->p += s->n > 0;
		s->n -= s->n > 0;
	}
	return v;
}

/* The UART's peer: takes `room` bytes, gives what it was told to. */
struct ps_peer {
	struct chan chan;
	unsigned room, input;
	bool gone;
};

static ssize_t ps_peer_read(struct chan *c, void *buf, size_t n)
{
	struct ps_peer *t = container_of(c, struct ps_peer, chan);

	if (t->gone)
		return -32;
	n = MIN(n, (size_t)t->input);
	memset(buf, 'x', n);
	t->input -= (unsigned)n;
	return (ssize_t)n;
}

static ssize_t ps_peer_write(struct chan *c, const void *buf, size_t n)
{
	struct ps_peer *t = container_of(c, struct ps_peer, chan);

	(void)buf;
	if (t->gone)
		return -32;
	n = MIN(n, (size_t)t->room);
	t->room -= (unsigned)n;
	return (ssize_t)n;
}

static void ps_peer_want(struct chan *c, bool in, bool out)
{
	(void)c, (void)in, (void)out;
}

static void ps_peer_destroy(struct chan *c)
{
	(void)c;
}

struct ps {
	struct vm_host host;
	struct clock clock;
	struct ps_peer peer;
	struct uart *uart;
	struct plic *plic;
	struct aplic *aplic;
	struct pci_func *func[2];
	uint64_t time;
};

static void ps_output(void *ctx, unsigned hart, bool m, bool level)
{
	(void)ctx, (void)m, (void)level;
	if (hart >= PS_HARTS)
		abort();
}

static void ps_msip(void *ctx, unsigned hart, bool level)
{
	(void)ctx, (void)level;
	if (hart >= PS_HARTS)
		abort();
}

static void ps_cmp(void *ctx, unsigned hart, uint64_t ticks)
{
	(void)ctx, (void)ticks;
	if (hart >= PS_HARTS)
		abort();
}

static uint64_t ps_time(void *ctx)
{
	struct ps *s = ctx;

	return s->time + clock_now(&s->clock) / 100;
}

static void ps_set_time(void *ctx, uint64_t ticks)
{
	struct ps *s = ctx;

	s->time = ticks - clock_now(&s->clock) / 100;
}

static void ps_finish(void *ctx, enum syscon_event ev, unsigned code)
{
	(void)ctx, (void)ev;
	if (code > 0xffff)
		abort();
}

static bool ps_bar_read(void *ctx, uint64_t off, unsigned width, uint64_t *val)
{
	(void)width;
	if (off >= *(uint64_t *)ctx)
		abort();
	*val = off;
	return true;
}

static bool ps_bar_write(void *ctx, uint64_t off, unsigned width, uint64_t val)
{
	(void)width, (void)val;
	if (off >= *(uint64_t *)ctx)
		abort();
	return true;
}

static void ps_message(void *ctx, unsigned hart, bool m, uint32_t id)
{
	(void)ctx, (void)m;
	if (hart >= PS_HARTS || !id || id > IMSIC_IDS)
		abort();
}

static void ps_must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "platform script: %s\n", what);
	abort();
}

static void ps_add_pci(struct ps *s)
{
	static const struct mem_mmio_ops ops = { ps_bar_read, ps_bar_write };
	static uint64_t size32 = 0x1000, size64 = 0x4000;
	struct pci_windows w = { GPA(0x30000000), GPA(0x40000000), GPA(0x400000000),
				 0x40000000, 0x400000000 };
	struct pci_func_desc d = { 0x1af4, 0x1042, 0x1af4, 0x1100, 1, 0x018000, 3, "fn" };
	struct vm_irq intx[4];
	struct pci_bus *bus;

	for (unsigned i = 0; i < 4; i++)
		intx[i] = plic_irq(s->plic, 32 + i);
	ps_must((bus = pci_bus_create(&s->host, &w, intx, NULL)), "pci");
	for (unsigned i = 0; i < 2; i++) {
		ps_must((s->func[i] = pci_func_add(bus, &d, NULL)), "function");
		ps_must(!pci_func_bar(s->func[i], 0, size32, false, &ops, &size32, NULL), "bar");
		ps_must(!pci_func_bar(s->func[i], 4, size64, true, &ops, &size64, NULL), "bar");
	}
}

static void ps_add_aia(struct ps *s)
{
	struct imsic_ops ops = { ps_message, s };
	struct aplic_desc d = {
		.harts = PS_HARTS, .has_m = true, .base_m = GPA(0xe000000),
		.base_s = GPA(0xd000000), .output = ps_output, .ctx = s,
	};

	d.imsic_m = imsic_create(&s->host, GPA(0x24000000), PS_HARTS, true, &ops, NULL);
	d.imsic_s = imsic_create(&s->host, GPA(0x28000000), PS_HARTS, false, &ops, NULL);
	ps_must(d.imsic_m && d.imsic_s, "imsic");
	ps_must((s->aplic = aplic_create(&s->host, &d, NULL)), "aplic");
}

static void ps_init(struct ps *s)
{
	static const struct chan_ops peer = { ps_peer_read, ps_peer_write, ps_peer_want,
					      ps_peer_destroy };
	struct plic_ops pops = { ps_output, s };
	struct aclint_ops aops = { ps_msip, ps_cmp, ps_time, ps_set_time, s };
	struct vm_host *h = &s->host;

	memset(s, 0, sizeof(*s));
	clock_init(&s->clock, true);
	h->clock = &s->clock;
	h->deterministic = true;
	ps_must((h->mem = mem_create(NULL)), "mem");
	h->io = mem_io_lock(h->mem);
	ps_must((h->loop = loop_create(&s->clock, NULL)), "loop");
	ps_must(!mem_add_ram(h->mem, GPA(PS_RAM), PS_RAM_SIZE, "ram", NULL), "ram");
	s->peer.chan.ops = &peer;
	ps_must((s->plic = plic_create(h, GPA(0xc000000), PS_HARTS, &pops, NULL)), "plic");
	ps_must(aclint_create(h, GPA(0x2000000), PS_HARTS, &aops, NULL), "aclint");
	ps_must((s->uart = uart_create(h, "uart0", GPA(0x10000000), &s->peer.chan,
				       plic_irq(s->plic, 10), NULL)), "uart");
	ps_must(rtc_create(h, GPA(0x101000), plic_irq(s->plic, 11), NULL), "rtc");
	ps_must(syscon_create(h, GPA(0x100000), ps_finish, NULL, NULL), "syscon");
	ps_add_pci(s);
	ps_add_aia(s);
	vm_host_reset(h);
}

static void ps_fini(struct ps *s)
{
	s->peer.gone = true; /* no last words */
	vm_host_destroy_devices(&s->host);
	loop_destroy(s->host.loop);
	mem_destroy(s->host.mem);
}

/* Name the section and the offset in it of the first difference. */
static void ps_must_equal(const struct ser_writer *a, const struct ser_writer *b)
{
	enum { HEADER = 28 };
	size_t i = 0, pos = 0;

	while (i < MIN(a->len, b->len) && a->buf[i] == b->buf[i])
		i++;
	if (i == a->len && i == b->len)
		return;
	while (pos + HEADER + ld_le64(a->buf + pos + 20) <= i)
		pos += HEADER + ld_le64(a->buf + pos + 20);
	fprintf(stderr, "platform script: section %.16s differs after a load at %zd\n",
		(char *)a->buf + pos, (ssize_t)(i - pos) - HEADER);
	abort();
}

/* Save, and load what was saved with `damage` bytes changed.  An undamaged
 * stream must load; then saving again gives the same. */
static void ps_snapshot(struct ps *s, struct ps_byte_source *src, unsigned damage)
{
	struct ser_writer w, again;
	struct ser_reader r;

	ser_writer_init(&w);
	ser_writer_init(&again);
	vm_host_save(&s->host, &w);
	for (unsigned i = 0; i < damage && w.len; i++)
		w.buf[ps_get(src, 2) % w.len] = (uint8_t)ps_get(src, 1);
	ser_reader_init(&r, w.buf, w.len);
	vm_host_load(&s->host, &r);
	if (!damage) {
		ps_must(!r.err.code, "its own snapshot does not load");
		vm_host_save(&s->host, &again);
		ps_must_equal(&w, &again);
	} else if (r.err.code) {
		vm_host_reset(&s->host); /* as a failed restore ends */
	}
	ser_writer_fini(&w);
	ser_writer_fini(&again);
}

static void ps_access(struct ps *s, struct ps_byte_source *src, bool write)
{
	unsigned sel = (unsigned)ps_get(src, 1), width = 1u << (sel >> 4 & 3);
	unsigned place = (unsigned)ps_get(src, 1);
	const struct ps_place *p = &ps_places[place % ARRAY_LEN(ps_places)];
	uint64_t off = ps_get(src, p->size > 0x10000 ? p->size > 0x1000000 ? 8 : 3 : 2);
	uint64_t a = p->base + off % p->size, v;

	if (sel & 8) /* what most registers take */
		width = 4;
	if (!(sel & 0x80))
		a = align_down(a, width);
	if (write)
		mem_mmio_write(s->host.mem, GPA(a), width, ps_get(src, sel & 0x40 ? 8 : 1));
	else
		mem_mmio_read(s->host.mem, GPA(a), width, &v);
}

static void ps_device(struct ps *s, struct ps_byte_source *src)
{
	unsigned what = (unsigned)ps_get(src, 1);
	struct pci_func *f = s->func[what & 1];
	unsigned source = (unsigned)ps_get(src, 1);
	/* Only lines that no device of the script owns. */
	struct vm_irq irq = source & 0x80 ? aplic_irq(s->aplic, 1 + (source & 0x7f) % 95) :
		plic_irq(s->plic, 40 + source % 56);

	lock_take(s->host.io);
	switch (what >> 1 & 3) {
	case 0: vm_irq_set(&irq, what >> 7); break;
	case 1: pci_func_intx(f, what >> 7); break;
	default: pci_func_msix_send(f, what >> 3); break;
	}
	lock_drop(s->host.io);
}

static void ps_step(struct ps *s, struct ps_byte_source *src)
{
	switch (ps_get(src, 1) & 15) {
	case 0 ... 5: ps_access(s, src, true); break;
	case 6 ... 8: ps_access(s, src, false); break;
	case 9:
		clock_set(&s->clock, clock_now(&s->clock) + (ps_get(src, 1) << 16));
		loop_step(s->host.loop, 0);
		break;
	case 10:
		s->peer.room = (unsigned)ps_get(src, 1) * 4;
		s->peer.input = (unsigned)ps_get(src, 1);
		s->peer.chan.ready(s->peer.chan.ready_arg, true, true);
		break;
	case 11: uart_send_break(s->uart); break;
	case 12: case 13: ps_device(s, src); break;
	case 14: ps_snapshot(s, src, (unsigned)ps_get(src, 1) % 4); break;
	case 15:
		if (ps_get(src, 1) < 8)
			vm_host_reset(&s->host);
		break;
	}
}

static void ps_run(const uint8_t *data, size_t n)
{
	struct ps_byte_source src = { data, n };
	struct ps s;

	ps_init(&s);
	while (src.n)
		ps_step(&s, &src);
	ps_fini(&s);
}

#endif
