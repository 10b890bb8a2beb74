/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of the "virt" board, wired to the harts, and those that the
 * configuration asks for.  Devices come into being in a fixed order, which is
 * also the order of their sections in a snapshot.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "dev/pci.h"
#include "dev/platform.h"
#include "dev/virtio/virtio.h"
#include "host/blk.h"
#include "host/fs.h"
#include "host/net.h"
#include "image/disk.h"
#include "system/machine.h"

/* ---- interrupts to harts (any thread, with a controller's lock held) ---- */

static void external_line(void *ctx, unsigned hart, bool m_level, bool level)
{
	struct system *s = ctx;

	riscv_set_irq(s->harts[hart].cpu, m_level ? 11 : 9, level);
	if (level)
		system__hart_wake(&s->harts[hart]);
}

static void message(void *ctx, unsigned hart, bool m_level, uint32_t id)
{
	struct system *s = ctx;

	riscv_imsic_set(s->harts[hart].cpu, m_level, id);
	system__hart_wake(&s->harts[hart]);
}

static void set_msip(void *ctx, unsigned hart, bool level)
{
	struct system *s = ctx;

	riscv_set_irq(s->harts[hart].cpu, 3, level);
	if (level)
		system__hart_wake(&s->harts[hart]);
}

static void set_mtimecmp(void *ctx, unsigned hart, uint64_t ticks)
{
	struct system *s = ctx;

	riscv_set_mtimecmp(s->harts[hart].cpu, ticks);
	system__hart_wake(&s->harts[hart]);
}

static void finisher(void *ctx, enum syscon_event ev, unsigned code)
{
	struct system *s = ctx;

	switch (ev) {
	case SYSCON_POWEROFF:
		system__request(s, REQUEST_POWEROFF, 0);
		break;
	case SYSCON_REBOOT:
		system__request(s, REQUEST_RESET, 0);
		break;
	case SYSCON_FAIL:
		system__request(s, REQUEST_FAIL, code);
		break;
	}
}

/* ---- the board's own devices --------------------------------------------- */

static struct vm_irq irq_line(struct system *s, unsigned source)
{
	return s->aia ? aplic_irq(s->aplic, source) : plic_irq(s->plic, source);
}

static int create_aia(struct system *s, struct err *e)
{
	const struct imsic_ops ops = { .message = message, .ctx = s };
	struct aplic_desc d = {
		.harts = s->ncpus,
		.has_m = !s->sbi,
		.base_m = GPA(VIRT_APLIC_M),
		.base_s = GPA(VIRT_APLIC_S),
	};

	if (d.has_m) {
		d.imsic_m = imsic_create(&s->host, GPA(VIRT_IMSIC_M), s->ncpus, true, &ops, e);
		if (!d.imsic_m)
			return -e->code;
	}
	d.imsic_s = imsic_create(&s->host, GPA(VIRT_IMSIC_S), s->ncpus, false, &ops, e);
	if (!d.imsic_s)
		return -e->code;
	s->aplic = aplic_create(&s->host, &d, e);
	return s->aplic ? 0 : -e->code;
}

static int create_interrupts(struct system *s, struct err *e)
{
	const struct plic_ops plic = { .output = external_line, .ctx = s };
	const struct aclint_ops timer = {
		.set_msip = set_msip,
		.set_mtimecmp = set_mtimecmp,
		.time = system__time,
		.ctx = s,
	};

	if (!aclint_create(&s->host, GPA(VIRT_ACLINT), s->ncpus, &timer, e))
		return -e->code;
	if (s->aia)
		return create_aia(s, e);
	s->plic = plic_create(&s->host, GPA(VIRT_PLIC), s->ncpus, &plic, e);
	return s->plic ? 0 : -e->code;
}

static int create_uart(struct system *s, const struct system_config *c, struct err *e)
{
	struct chan *chan = c->console ? c->console(c->console_arg, s->host.loop, e)
				       : chan_null_create(e);

	if (!chan)
		return -e->code;
	s->uart = uart_create(&s->host, "uart0", GPA(VIRT_UART), chan,
			      irq_line(s, VIRT_IRQ_UART), e);
	if (!s->uart)
		chan_destroy(chan);
	return s->uart ? 0 : -e->code;
}

static int create_pci(struct system *s, struct err *e)
{
	struct pci_windows w = {
		.ecam = GPA(VIRT_ECAM),
		.mmio32 = GPA(VIRT_MMIO32),
		.mmio32_size = VIRT_MMIO32_SIZE,
		.mmio64_size = VIRT_MMIO64_SIZE,
	};
	struct vm_irq intx[4];

	s->mmio64 = MAX((uint64_t)VIRT_MMIO64_MIN,
			align_up(VIRT_RAM + s->memory, VIRT_MMIO64_SIZE));
	w.mmio64 = GPA(s->mmio64);
	for (unsigned i = 0; i < 4; i++)
		intx[i] = irq_line(s, VIRT_IRQ_PCIE + i);
	s->pci = pci_bus_create(&s->host, &w, intx, e);
	return s->pci ? 0 : -e->code;
}

/* ---- virtio ----------------------------------------------------------------- */

/* Puts a device on its bus.  It is the machine's from creation on, so nothing
 * is undone here on failure. */
static int attach(struct system *s, struct virtio *v, enum system_bus bus, struct err *e)
{
	unsigned slot = s->mmio_slots;

	if (bus == SYSTEM_BUS_PCI)
		return virtio_pci_attach(v, s->pci, e);
	if (slot == VIRT_VIRTIO_SLOTS)
		return err_set(e, ENOSPC, "more than %d virtio-mmio devices", VIRT_VIRTIO_SLOTS);
	s->mmio_slots++;
	return virtio_mmio_attach(v, GPA(VIRT_VIRTIO + slot * VIRT_VIRTIO_SIZE),
				  irq_line(s, VIRT_IRQ_VIRTIO + slot), e);
}

static int create_disk(struct system *s, const struct system_disk *d, unsigned i, struct err *e)
{
	struct virtio *v;
	struct blk *b;
	char name[16];

	b = disk_open(d->path, d->format, d->readonly, e);
	if (!b)
		return -e->code;
	snprintf(name, sizeof(name), "blk%u", i);
	v = virtio_blk_create(&s->host, name, b, d->serial, e);
	if (!v) {
		b->ops->destroy(b);
		return -e->code;
	}
	return attach(s, v, d->bus, e);
}

static int create_net(struct system *s, const struct system_net *n, unsigned i, struct err *e)
{
	uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, (uint8_t)(0x56 + i) };
	struct virtio *v;
	struct net *net;
	char name[16];
	int r;

	r = net_open(s->host.loop, n->spec, &net, e);
	if (r || !net)
		return r;
	if (n->has_mac)
		memcpy(mac, n->mac, sizeof(mac));
	snprintf(name, sizeof(name), "net%u", i);
	v = virtio_net_create(&s->host, name, net, mac, e);
	if (!v) {
		net->ops->destroy(net);
		return -e->code;
	}
	return attach(s, v, n->bus, e);
}

static int create_share(struct system *s, const struct system_share *sh, unsigned i,
			struct err *e)
{
	const struct host_fs_options o = { .readonly = sh->readonly };
	struct host_fs *fs = host_fs_create(sh->dir, &o, e);
	struct virtio *v;
	char name[16];

	if (!fs)
		return -e->code;
	snprintf(name, sizeof(name), "fs%u", i);
	v = virtio_fs_create(&s->host, name, fs, sh->tag, e);
	if (!v) {
		host_fs_destroy(fs);
		return -e->code;
	}
	return attach(s, v, sh->bus, e);
}

static int create_hvc(struct system *s, const struct system_config *c, struct err *e)
{
	struct chan *chan = c->hvc(c->hvc_arg, s->host.loop, e);
	struct virtio *v;

	if (!chan)
		return -e->code;
	v = virtio_console_create(&s->host, "console0", chan, e);
	if (!v) {
		chan_destroy(chan);
		return -e->code;
	}
	s->hvc = v;
	return attach(s, v, SYSTEM_BUS_PCI, e);
}

static int create_rng(struct system *s, struct err *e)
{
	struct virtio *v = virtio_rng_create(&s->host, "rng0", &s->entropy, e);

	return v ? attach(s, v, SYSTEM_BUS_PCI, e) : -e->code;
}

static int create_virtio(struct system *s, const struct system_config *c, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; i < c->ndisks && !r; i++)
		r = create_disk(s, &c->disks[i], i, e);
	for (unsigned i = 0; i < c->nnets && !r; i++)
		r = create_net(s, &c->nets[i], i, e);
	for (unsigned i = 0; i < c->nshares && !r; i++)
		r = create_share(s, &c->shares[i], i, e);
	if (!r && c->hvc)
		r = create_hvc(s, c, e);
	if (!r && !c->no_rng)
		r = create_rng(s, e);
	return r;
}

int system__board_create(struct system *s, const struct system_config *c, struct err *e)
{
	int r = create_interrupts(s, e);

	if (!r && !syscon_create(&s->host, GPA(VIRT_SYSCON), finisher, s, e))
		r = -e->code;
	if (!r)
		r = create_uart(s, c, e);
	if (!r && !rtc_create(&s->host, GPA(VIRT_RTC), irq_line(s, VIRT_IRQ_RTC), e))
		r = -e->code;
	if (!r)
		r = create_pci(s, e);
	if (!r)
		r = create_virtio(s, c, e);
	return r;
}
